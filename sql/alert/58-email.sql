-- An e-mail as the database writes it: from the date to the last line, fixed as every body is. What is secret or the operator's own
-- (From, To, the domain of ids) crmd puts in front; the thread stands at the very beginning, where crmd looks for it, and nowhere else.

-- Colours are the reader's own, light or dark, but for the bar and the buttons; nothing is fetched from anywhere.
CREATE FUNCTION @extschema@.email_html(said jsonb)
RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT concat_ws(E'\n',
        '<!DOCTYPE html>',
        format('<html lang="%s" style="color-scheme:light dark">', said ->> 'language'),
        '<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark"><meta name="supported-color-schemes" content="light dark">',
        format('<title>%s</title></head>', said ->> 'title'),
        '<body style="margin:0;padding:16px;font:16px/1.5 -apple-system,''Segoe UI'',Roboto,Helvetica,Arial,sans-serif;overflow-wrap:anywhere;word-break:break-word">',
        format('<div style="max-width:600px;margin:0 auto;padding-left:12px;border-left:4px solid %s">',
               CASE WHEN (said ->> 'resolved')::boolean THEN '#188038' ELSE '#d93025' END),
        format('<h1 style="margin:0 0 8px;font-size:20px;line-height:1.3">%s</h1>', said ->> 'title'),
        format('<p style="margin:0 0 16px">%s</p>', said ->> 'sentence'),
        (SELECT E'<table style="border-collapse:collapse;width:100%">\n'
                || string_agg(format('<tr><th scope="row" style="padding:4px 12px 4px 0;text-align:left;vertical-align:top;width:30%%;overflow-wrap:normal;word-break:normal">%s</th>'
                                     '<td style="padding:4px 0;vertical-align:top">%s</td></tr>', f.fact ->> 0, f.fact ->> 1), E'\n' ORDER BY f.n)
                || E'\n</table>'
         FROM jsonb_array_elements(said -> 'facts') WITH ORDINALITY f (fact, n)),
        (SELECT E'<p style="margin:16px 0 0">\n'
                || string_agg(format('<a href="%s" style="display:inline-block;margin:0 8px 8px 0;padding:10px 16px;border-radius:6px;'
                                     'background:#1a56db;color:#ffffff;text-decoration:none">%s</a>', fit_text(k.link ->> 1, 20000, 'html', ''), k.link ->> 0), E'\n' ORDER BY k.n)
                || E'\n</p>'
         FROM jsonb_array_elements(said -> 'links') WITH ORDINALITY k (link, n)),
        '</div></body></html>', '')
$$;
COMMENT ON FUNCTION @extschema@.email_html(jsonb) IS 'What is said, escaped for HTML, as the HTML part of an e-mail.';

CREATE FUNCTION @extschema@.email_text(said jsonb)
RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT concat_ws(E'\n', said ->> 'title', '', said ->> 'sentence', '',
        (SELECT string_agg((f.fact ->> 0) || ': ' || (f.fact ->> 1), E'\n' ORDER BY f.n) FROM jsonb_array_elements(said -> 'facts') WITH ORDINALITY f (fact, n)),
        (SELECT E'\n' || string_agg((k.link ->> 0) || ': ' || (k.link ->> 1), E'\n' ORDER BY k.n) FROM jsonb_array_elements(said -> 'links') WITH ORDINALITY k (link, n)), '')
$$;
COMMENT ON FUNCTION @extschema@.email_text(jsonb) IS 'What is said as the plain part of an e-mail.';

-- What several alerts of a rule say together goes on under the rule; a digest stands alone.
CREATE FUNCTION @extschema@.email_thread(message jsonb)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT coalesce('alert-' || (message #>> '{data,alert}'),
                    CASE message #>> '{data,reason}' WHEN 'group' THEN 'group-' || regexp_replace(message #>> '{data,rule}', '[^A-Za-z0-9]', '-', 'g') END,
                    'list-' || regexp_replace(message ->> 'timestamp', '[^0-9]', '', 'g'))
$$;
COMMENT ON FUNCTION @extschema@.email_thread(jsonb) IS 'What an e-mail is about, for the ids by which mail programs put messages together.';

-- All messages of an alert of this database are one thread: the id of a message that was never sent stands for it.
CREATE FUNCTION @extschema@.email_body(plain jsonb, html jsonb, message jsonb)
RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT array_to_string(ARRAY[
        format('References: <%s.%s@{domain}>', email_thread(message), to_hex(hashtextextended(current_database(), 0))),
        'Date: ' || to_char((message ->> 'timestamp')::timestamptz AT TIME ZONE 'UTC', 'Dy, DD Mon YYYY HH24:MI:SS "+0000"'),
        'Subject: ' || mime_header(plain ->> 'title'),
        'MIME-Version: 1.0',
        'Content-Language: ' || (plain ->> 'language'),
        'Content-Type: multipart/alternative; boundary="=_crm"',
        '',
        '--=_crm',
        'Content-Type: text/plain; charset=UTF-8',
        'Content-Transfer-Encoding: quoted-printable',
        '',
        mime_quoted(email_text(plain)) || '--=_crm',
        'Content-Type: text/html; charset=UTF-8',
        'Content-Transfer-Encoding: quoted-printable',
        '',
        mime_quoted(email_html(html)) || '--=_crm--',
        ''], E'\r\n')
$$;
COMMENT ON FUNCTION @extschema@.email_body(jsonb, jsonb, jsonb) IS
'An e-mail without what crmd puts in front: thread, date, subject, and what is said as plain text and as HTML, in lines of ASCII that end in CRLF.';
