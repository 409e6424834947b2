\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set world :srcdir '/alert_world.sql'
\i :world
-- What each kind of receiver is sent, in three languages, of one message with hostile names.
SET timezone = 'UTC';
SELECT crm.set_home_currency('EUR');
SELECT crm.set_language('anna', 'EN_us', 'America/New_York'), crm.set_language('ben', 'es');
SELECT principal, language, zone FROM crm.principal WHERE principal IN ('anna', 'ben') ORDER BY 1;
SELECT crm.set_language('anna', 'fr');
DO $$
DECLARE hint text;
BEGIN
    PERFORM crm.set_language('anna', 'en', 'Mars/Base');
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RAISE WARNING '%: %', SQLERRM, replace(hint, (SELECT count(*)::text FROM pg_timezone_names), 'N'); -- as many as this machine has
END $$;
SELECT crm.set_language('nobody', 'en');
CREATE TEMP TABLE told (type text, message jsonb);
INSERT INTO told VALUES ('firing', $${"type": "alert.firing", "timestamp": "2026-11-22T09:30:00.000Z", "data": {
  "alert": 12, "rule": "win-rate-low", "description": "call <b>Ann</b> & Bob", "state": "firing",
  "kpi": {"key": "win_rate", "label": "Win rate", "measured_in": "share"},
  "unit": {"key": "emea", "name": "<!channel> *EMEA* [x](https://evil.example) @all"},
  "period": {"since": "2026-10-24", "until": "2026-11-22", "words": "last 30 days"},
  "value": 0.215, "direction": "below", "level": 0.25, "clear_level": 0.30, "numerator": 21.5, "denominator": 12345,
  "goal": {"key": "win more", "target": 0.3, "actual": 0.28, "since": "2026-01-01", "until": "2026-12-31"},
  "since": "2026-11-22T09:30:00.000Z", "fired_at": "2026-11-22T09:30:00.000Z", "resolved_at": null,
  "departments": ["sales"], "caused_by": [{"unit": "iberia", "name": "Iberia", "value": 0.1, "before": 0.32, "effect": -0.08}]}}$$);
INSERT INTO told SELECT 'resolved', jsonb_set(jsonb_set(jsonb_set(message, '{type}', '"alert.resolved"'), '{data,resolved_at}', '"2026-11-23T04:00:00.000Z"'),
                                              '{data,state}', '"resolved"') FROM told;
CREATE FUNCTION told(kind text, type text, principal text, links jsonb DEFAULT '{"kpi": "https://app.example/kpi/win_rate?unit=emea"}')
RETURNS text LANGUAGE sql AS $$
    SELECT crm.endpoint_body(kind, t.message::json, principal, 'msg_1', links) FROM told t WHERE t.type = told.type
$$;
SELECT jsonb_pretty(told('slack', 'firing', 'anna')::jsonb) AS slack;
SELECT jsonb_pretty(told('teams', 'resolved', 'ben')::jsonb) AS teams;
SELECT told('mattermost', 'firing', 'anna')::jsonb ->> 'text' AS mattermost;
SELECT jsonb_pretty(told('google_chat', 'firing', 'ben', '{}')::jsonb) AS google_chat;
SELECT jsonb_pretty(told('discord', 'firing', 'anna')::jsonb) AS discord;
SELECT jsonb_pretty(told('pagerduty', 'firing', 'anna')::jsonb) AS pagerduty;
SELECT b #>> '{event_action}' AS action, b #>> '{dedup_key}' = crm.fit_text('crm/' || current_database() || '/12', 255, 'plain', '') AS key
FROM (SELECT told('pagerduty', 'resolved', 'anna')::jsonb) t (b);
SELECT jsonb_pretty(told('alertmanager', 'firing', 'anna')::jsonb #- '{0,labels,crm_database}') AS alertmanager;
-- e-mail: date, subject and both parts; the thread is of this database
SELECT regexp_replace(replace(told('email', 'firing', 'anna'), E'\r', ''), 'alert-12\.[0-9a-f]+', 'alert-12.DATABASE') AS email;
SELECT split_part(replace(told('email', 'resolved', 'ben', '{}'), E'\r', ''), '--=_crm', 2) AS email_es,
       split_part(told('email', 'resolved', 'ben'), E'\r\n', 1) = split_part(told('email', 'firing', 'anna'), E'\r\n', 1) AS same_thread,
       told('email', 'firing', 'anna') ~ ('alert-12\.' || to_hex(hashtextextended(current_database(), 0)) || '@\{domain\}') AS of_this_database;
-- several alerts in one message: those of a rule go on under the rule, a digest stands alone
INSERT INTO told VALUES ('list', $${"type": "alerts.news", "timestamp": "2026-11-22T09:30:00.000Z", "data": {"reason": "group", "urgency": "normal", "rule": "win_rate.low",
  "count": 2, "new": 1, "resolved": 1, "open": 0, "alerts": [
    {"alert": 12, "news": "new", "rule": "win_rate.low", "kpi": {"key": "win_rate", "label": "Win rate", "measured_in": "share"}, "unit": {"key": "emea", "name": "EMEA & <b>"},
     "value": 0.215, "direction": "below", "level": 0.25},
    {"alert": 11, "news": "resolved", "rule": "win_rate.low", "kpi": {"key": "win_rate", "label": "Win rate", "measured_in": "share"}, "unit": {"key": "apac", "name": "APAC"},
     "value": 0.4, "direction": "below", "level": 0.25}]}}$$);
SELECT split_part(replace(told('email', 'list', 'ben', '{"report": "https://x/r"}'), E'\r', ''), '--=_crm', 2) AS email_list, split_part(told('email', 'list', 'ben'), '.', 1) AS thread,
       substring(crm.endpoint_body('email', jsonb_set(message, '{data,reason}', '"digest"')::json, 'ben', 'msg_1', '{}') FROM '^References: <list-[0-9]+') AS digest
FROM told WHERE type = 'list';
SELECT told('telegram', 'list', 'anna', '{"report": "https://x/r"}')::json ->> 'text' AS telegram_list;
DELETE FROM told WHERE type = 'list';
SELECT told('telegram', 'firing', 'anna')::json ->> 'text' AS telegram;
SELECT told('telegram', 'firing', 'anna')::jsonb - 'text' AS beside_it;
SELECT told('telegram', 'resolved', 'ben', '{"act": "https://x/a", "kpi": "https://x/k", "unit": "https://x/u"}')::json #> '{reply_markup,inline_keyboard}' AS keyboard,
       told('telegram', 'resolved', 'ben', '{}')::json #> '{reply_markup,inline_keyboard}' AS none;
SELECT f.b #> '{0,labels}' = r.b #> '{0,labels}' AS same_labels, r.b #>> '{0,startsAt}' AS starts, r.b #>> '{0,endsAt}' AS ends
FROM (SELECT told('alertmanager', 'firing', 'anna')::jsonb) f (b), (SELECT told('alertmanager', 'resolved', 'anna')::jsonb) r (b);
SELECT (b #- '{data}') - 'source' AS cloudevents, b -> 'data' = jsonb_set(message -> 'data', '{links}', '{"unit": "u"}') AS whole
FROM told t, LATERAL (SELECT told('cloudevents', 'firing', 'anna', '{"unit": "u"}')::jsonb) c (b) WHERE t.type = 'firing';
SELECT told('webhook', 'firing', 'anna', '{}') = message::text AS as_it_is FROM told WHERE type = 'firing';

-- the same sentence in each language, and numbers, money and times as each writes them
SELECT l.locale, crm.said_number(1234.5, 2, l) AS four, crm.said_number(-1234567.891, 2, l) AS more, crm.said_value(0.0855, 'share', l) AS share,
       crm.said_value(1499.5, 'money', l) AS money, crm.said_value(-12.5, 'money', l) AS little, crm.said_value(36, 'hours', l) AS hours,
       crm.said_time('2026-03-08 18:05+00', 'America/New_York', l) AS at
FROM crm.message_locale l ORDER BY 1;
SELECT l.locale, crm.said_value(NULL, 'money', l), crm.said_value('NaN', 'count', l), crm.said_value(1e30, 'count', l) FROM crm.message_locale l WHERE locale = 'es';
SELECT crm.create_principal('lang-' || lower(l), language => l) FROM unnest(ARRAY['en', 'es', 'nl', 'NL_be', 'xx']) l;
SELECT p, s ->> 'title' AS title, s ->> 'sentence' AS sentence
FROM told, unnest(ARRAY['lang-en', 'lang-es', 'lang-nl', 'lang-nl_be', 'lang-xx', 'gone']) WITH ORDINALITY o (p, n),
     LATERAL (SELECT crm.said_message(jsonb_set(message, '{data,unit,name}', '"EMEA"'), '{}', p)) t (s)
ORDER BY type, n;
SELECT s.language, s.said ->> 'sentence' AS sentence, s.said -> 'facts' -> 1 AS fact
FROM told, unnest(ARRAY['lang-en', 'lang-es', 'lang-nl']) p, unnest(ARRAY['change', 'no_data']) kind,
     LATERAL (SELECT p, crm.said_message(jsonb_set(message, '{data}', message -> 'data' || jsonb_build_object('kind', kind, 'compared', 0.4) || '{"unit": {"name": "EMEA"}}'),
                                         '{}', p)) s (language, said)
WHERE type = 'firing' ORDER BY kind, 1;
SELECT crm.said_message(message, '{}', 'lang-nl') -> 'facts' AS facts FROM told WHERE type = 'resolved';
SELECT l AS language, (crm.message_locale_of(l)).locale FROM unnest(ARRAY['en', 'NL_be', 'es-AR', 'xx', '', 'nl-']) l;
-- every word is there in every language, with the same parts
SELECT w.key, count(*) AS languages FROM crm.message_language m, json_each_text(m.words) w GROUP BY 1
HAVING count(*) <> (SELECT count(*) FROM crm.message_language)
    OR count(DISTINCT ARRAY(SELECT p[1] FROM regexp_matches(w.value, '\{[^}]*\}', 'g') p ORDER BY 1)) > 1 OR min(btrim(w.value)) = '';
SELECT m.language, cardinality(string_to_array(m.words ->> 'months', ' ')) AS months, m.words ->> 'cut' ~ '^[ -~]{1,30}$' AS ascii
FROM crm.message_language m ORDER BY 1;
-- and every word that a function asks for is there
SELECT DISTINCT w[1] FROM pg_proc p, regexp_matches(p.prosrc, 'message_words?\([^,()]+, ''([a-z_]+)''\s*[,)]', 'g') w
WHERE p.pronamespace = 'crm'::regnamespace AND NOT EXISTS (SELECT FROM crm.message_language m WHERE m.words -> w[1] IS NOT NULL);

-- whatever the names are, a body stays within the limit of its receiver, and what is cut says so
CREATE TEMP TABLE hostile (what text, name text);
INSERT INTO hostile VALUES ('quotes', repeat('"', 60000)), ('entities', repeat('<&>', 20000)), ('marks', repeat('*', 60000)), ('lines', repeat(E'\r\n', 30000)),
    ('emoji', repeat(chr(128105) || chr(8205) || chr(128103), 10000)), ('accents', repeat('e' || chr(769), 30000)), ('controls', repeat(chr(1) || chr(27), 30000)),
    ('backslashes', repeat('\', 60000)), ('script', repeat('</script><!-- ', 4000)), ('turned', 'gpj' || chr(8238) || 'exe.bat');
CREATE TEMP TABLE body AS
SELECT k.kind, h.what, k.most_bytes, crm.endpoint_body(k.kind, jsonb_set(jsonb_set(jsonb_set(message, '{data,unit,name}', to_jsonb(h.name)),
           '{data,description}', to_jsonb(h.name)), '{data,caused_by}', (SELECT jsonb_agg(jsonb_build_object('name', h.name, 'value', g)) FROM generate_series(1, 9) g))::json,
           'ben', 'msg_1', jsonb_build_object('kpi', 'https://x/' || repeat('a', 1900), 'unit', 'https://x/' || repeat('b', 1900),
                                              'report', 'https://x/' || repeat('c', 1900), 'alert', 'https://x/' || repeat('d', 1900))) AS body
FROM told, hostile h, crm.endpoint_kinds() k WHERE k.style IS NOT NULL AND type = 'firing';
SELECT kind, bool_and(octet_length(body) <= most_bytes) AS fits, count(CASE WHEN kind <> 'email' THEN body::jsonb END) AS json, bool_and(body ~ 'cortado' OR what = 'turned') AS says_so,
       bool_or(body ~ 'x/aaa') AS links, bool_or(body ~ chr(8238)) AS turns
FROM body GROUP BY 1 ORDER BY 1;
-- what each receiver counts by itself: Slack's blocks, sections and fields; Discord's title, description, fields and all of them
SELECT max(jsonb_array_length(body::jsonb -> 'blocks')) <= 50 AS blocks, bool_and(length(x #>> '{text,text}') <= CASE x ->> 'type' WHEN 'header' THEN 150 ELSE 3000 END) AS texts,
       bool_and(coalesce(jsonb_array_length(x -> 'fields'), 1) BETWEEN 1 AND 10) AS fields,
       bool_and((SELECT coalesce(max(length(f ->> 'text')), 0) FROM jsonb_array_elements(x -> 'fields') f) <= 2000) AS field_texts
FROM body, jsonb_array_elements(body::jsonb -> 'blocks') x WHERE kind = 'slack';
SELECT bool_and(length(e ->> 'title') <= 256 AND length(e ->> 'description') <= 4096 AND jsonb_array_length(e -> 'fields') <= 25) AS parts,
       bool_and(length(e ->> 'title') + length(e ->> 'description')
                + (SELECT sum(length(f ->> 'name') + length(f ->> 'value')) FROM jsonb_array_elements(e -> 'fields') f) <= 6000) AS together,
       bool_and((SELECT max(length(f ->> 'value')) FROM jsonb_array_elements(e -> 'fields') f) <= 1024) AS fields
FROM body, LATERAL (SELECT body::jsonb #> '{embeds,0}') x (e) WHERE kind = 'discord';
-- e-mail: ASCII in lines of at most 76, CR and LF together, one subject, both ends of the parts; its note is cut by no line
SELECT bool_and(body !~ E'[^\r\n -~]' AND replace(body, E'\r\n', '') !~ E'[\r\n]') AS ascii, max(length(l)) <= 76 AS lines,
       bool_and(split_part(body, E'\r\n\r\n', 1) ~ E'^References: <[^\r]+>\r\nDate: [^\r]+\r\nSubject: ([^\r]+\r\n )*[^\r]+\r\nMIME-Version: 1.0\r\nContent-Language: es\r\nContent-Type: [^\r]+$') AS headers,
       bool_and(cardinality(regexp_split_to_array(body, '--=_crm')) = 4) AS parts
FROM body, regexp_split_to_table(body, E'\r\n') l WHERE kind = 'email';
-- Telegram: 4,096 UTF-16 units, no tag but the shipped ones
SELECT bool_and(length(t) + length(regexp_replace(t, '[^\U00010000-\U0010FFFF]', '', 'g')) <= 4096) AS fits,
       bool_and(regexp_replace(t, '</?b>|&(amp|lt|gt|quot|#39);', '', 'g') !~ '[<>&]') AS escaped, max(length(t)) > 2000 AS used
FROM body, LATERAL (SELECT body::jsonb ->> 'text') x (t) WHERE kind = 'telegram';
SELECT crm.mime_header('Alert: a') AS plain, crm.mime_header(E'a\r\nBcc: b') AS injected, crm.mime_header('niño') AS spanish, crm.mime_header(NULL) IS NULL AS none,
       crm.mime_quoted(E'a = b \nñ') = E'a =3D b=20\r\n=C3=B1' AS quoted;
-- nothing in a name is read as the receiver's own marks
SELECT k.kind, string_agg(h.mark, ', ' ORDER BY h.mark) AS found
FROM (VALUES ('<!channel>'), ('@all'), ('*EMEA*'), ('[x](https://evil')) h (mark), unnest(ARRAY['slack', 'mattermost', 'discord', 'telegram']) k (kind)
WHERE strpos(told(k.kind, 'firing', 'anna'), h.mark) > 0 GROUP BY 1 ORDER BY 1;
-- the place for a routing key stands at the beginning, whatever a name says
SELECT left(told('pagerduty', 'firing', 'anna'), 36) AS beginning, left(told('telegram', 'firing', 'anna'), 26) AS chat;

-- links: templates, their parts URL-encoded
SELECT crm.set_link_template('kpi', 'https://app.example/kpi/{key}?unit={unit}&from={since}&to={until}'), crm.set_link_template('unit', 'https://app.example/u/{key}'),
       crm.set_link_template('report', 'http://10.0.0.1:8080/r?who={principal}', allow_http => true);
SELECT crm.url_encode(E'a b/c?d=e&f#g%h\u00e9\u20ac\'"<>') AS encoded, crm.url_encode('') = '' AS empty, crm.url_encode('Az09-._~') AS plain;
SELECT crm.link_to('unit', jsonb_build_object('key', '../x?y={key}')) AS unit, crm.link_to('alert', '{"key": 1}') AS none,
       crm.link_to('unit', jsonb_build_object('key', repeat(' ', 700))) AS too_long;
SELECT jsonb_pretty(crm.message_links(message -> 'data', 'anna b')) AS links FROM told WHERE type = 'firing';
-- of an alert about a record: its entity's template, and none of a KPI
SELECT crm.set_link_template('opportunity', 'https://app.example/deals/{key}');
SELECT crm.message_links('{"alert": 1, "kpi": {"key": null}, "unit": {"key": "emea"}, "record": {"relation": "public.deals", "key": "7/8"}}', 'anna') - 'report' AS links;
SELECT crm.set_link_template('opportunity', NULL);
SELECT crm.set_link_template('unit', 'http://app.example/u/{key}');
SELECT crm.set_link_template('unit', 'https://app.example/u/{kee}');
SELECT crm.set_link_template('unit', 'https://{key}.example/u');
SELECT crm.set_link_template('unit', 'https://user:pw@app.example/{key}');
SELECT crm.set_link_template('unit', 'javascript:alert(1)', allow_http => true);
SELECT crm.set_link_template('unit', 'https://app.example/"><script>');
SELECT crm.set_link_template('unit', 'https://app.example/{key');
SELECT crm.set_link_template('oportunity', 'https://app.example/');
SELECT crm.set_link_template('act', 'https://app.example/');
SELECT crm.set_link_template('unit', NULL), crm.set_link_template('report', NULL);
SELECT target, template FROM crm.link_template ORDER BY 1;

-- from a rule to the outbox: each endpoint's kind, each audience's words
SELECT crm.create_endpoint('anna-slack', 'slack', 'anna', 'slack'), crm.create_endpoint('ben-teams', 'teams', 'ben', 'teams');
SELECT crm.create_endpoint('anna-mail', 'email', 'anna', 'mail'), crm.create_endpoint('ben-telegram', 'telegram', 'ben', 'telegram');
SELECT crm.create_endpoint('anna-irc', 'irc', 'anna', 'irc');
SELECT set_deals('apac', 1, 9);
SELECT crm.create_rule('win-low', 'win_rate', unit => 'apac', fire_level => 0.3), crm.subscribe(rule => 'win-low', principal => 'anna'),
       crm.subscribe(rule => 'win-low', principal => 'ben');
SELECT * FROM pass();
SELECT endpoint, left(body, 21) AS beginning, strpos(body, '{domain}') > 0 AS thread, body ~ 'kpi/win_rate' AS link FROM crm.delivery_queue WHERE endpoint IN ('anna-mail', 'ben-telegram') ORDER BY 1;
SELECT endpoint, coalesce(body::jsonb #>> '{blocks,0,text,text}', body::jsonb #>> '{attachments,0,content,body,0,inlines,0,text}') AS title,
       regexp_replace(coalesce(body::jsonb #>> '{blocks,-1,elements,0,url}', body::jsonb #>> '{attachments,0,content,actions,0,url}'), '\d{4}-\d\d-\d\d', 'DAY', 'g') AS link
FROM crm.delivery_queue WHERE endpoint NOT IN ('anna-mail', 'ben-telegram') ORDER BY 1;
SELECT c.endpoint, c.kind, c.body = q.body AS same_bytes FROM crm.claim_deliveries('test', 10, '1 minute') c JOIN crm.delivery_queue q USING (id) ORDER BY 1;
\set QUIET on
DROP OWNED BY regress_alert_anna, regress_alert_ben;
DROP ROLE regress_alert_anna, regress_alert_ben;
