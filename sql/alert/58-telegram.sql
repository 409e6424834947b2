-- The chat is a secret: its place stands at the very beginning, where crmd puts it, and nowhere else.
CREATE FUNCTION @extschema@.telegram_body(said jsonb)
RETURNS json LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT json_build_object(
        'chat_id', '{chat_id}', 'parse_mode', 'HTML',
        'text', concat_ws(E'\n', '<b>' || (said ->> 'title') || '</b>', said ->> 'sentence', '',
            (SELECT string_agg('<b>' || (f.fact ->> 0) || ':</b> ' || (f.fact ->> 1), E'\n' ORDER BY f.n)
             FROM jsonb_array_elements(said -> 'facts') WITH ORDINALITY f (fact, n))),
        'link_preview_options', json_build_object('is_disabled', true),
        'reply_markup', json_build_object('inline_keyboard', (
            SELECT coalesce(json_agg(r.buttons ORDER BY r.row), '[]') FROM (
                SELECT (k.n - 1) / 2, json_agg(json_build_object('text', k.link ->> 0, 'url', k.link ->> 1) ORDER BY k.n)
                FROM jsonb_array_elements(said -> 'links') WITH ORDINALITY k (link, n) GROUP BY (k.n - 1) / 2) r (row, buttons))))
$$;
COMMENT ON FUNCTION @extschema@.telegram_body(jsonb) IS 'A message for sendMessage of Telegram''s Bot API, in its HTML, with links as buttons, two in a row.';

-- 4,096 UTF-16 units; line breaks are one each, and nothing else is left for fit_text to change.
CREATE FUNCTION @extschema@.telegram_fits(body json)
RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT fit_text(t.line, 4096, 'plain', '') = t.line FROM replace(body ->> 'text', E'\n', ' ') t (line)
$$;
COMMENT ON FUNCTION @extschema@.telegram_fits(json) IS 'Whether the text of a message is no longer than Telegram takes.';
