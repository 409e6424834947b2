\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set world :srcdir '/alert_world.sql'
\i :world
-- How much somebody hears of alerts, and when. Time is an argument here: no test waits.
\set SHOW_CONTEXT never
\set VERBOSITY default
SET timezone = 'UTC';
SET datestyle = 'ISO';
\set QUIET on
-- an alert of a rule at a unit fires, or is over, at an instant
CREATE FUNCTION fire(rule text, unit text, at timestamptz) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    l crm.alert_log;
BEGIN
    INSERT INTO crm.rule_state VALUES (fire.rule, fire.unit || fire.at, fire.unit, 'firing', at, 'breach', NULL, NULL, 0, at);
    INSERT INTO crm.alert_log (rule, subject, kpi, unit, state, value, level, direction, period_since, period_until, since, fired_at)
    VALUES (fire.rule, fire.unit || fire.at, 'win_rate', fire.unit, 'firing', 0.2, 0.3, 'below', at::date, at::date, at, at) RETURNING * INTO l;
    PERFORM crm.record_transition(l, NULL), crm.announce(l, 'alert.firing', at);
    RETURN l.id;
END
$$;
CREATE FUNCTION over(alert bigint, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    l crm.alert_log;
BEGIN
    UPDATE crm.alert_log x SET state = 'resolved', resolved_at = at, value = 0.5 WHERE x.id = alert RETURNING * INTO l;
    PERFORM crm.record_transition(l, 'firing'), crm.announce(l, 'alert.resolved', at);
END
$$;
CREATE FUNCTION write(at timestamptz) RETURNS integer LANGUAGE sql AS 'SELECT crm.write_due(NULL, 100, at)';
-- what was written since one looked last
CREATE TABLE seen AS SELECT 0::bigint AS id;
CREATE FUNCTION post() RETURNS TABLE (endpoint text, type text, why text, alerts text, note text) LANGUAGE sql AS $$
    WITH last AS (UPDATE seen SET id = (SELECT coalesce(max(d.id), 0) FROM crm.delivery_queue d) RETURNING 1)
    SELECT d.endpoint, d.type, d.body::jsonb #>> '{data,reason}',
           (SELECT string_agg(CASE t.type WHEN 'alert.open' THEN 'open ' WHEN 'alert.resolved' THEN 'end of ' ELSE '' END || t.alert, ', ' ORDER BY t.alert)
            FROM crm.alert_told t WHERE t.delivery = d.id), d.body::jsonb #>> '{data,budget,rest_at}'
    FROM crm.delivery_queue d, last WHERE d.id > (SELECT id FROM seen) ORDER BY d.endpoint, d.id
$$;
CREATE VIEW held AS SELECT alert, type, endpoint, reason, due_at FROM crm.waiting_notice ORDER BY due_at, endpoint, alert;
\set QUIET off
SELECT crm.create_endpoint('anna-chat', 'webhook', 'anna', 'a'), crm.create_endpoint('ben-chat', 'webhook', 'ben', 'b');
SELECT crm.create_rule(r, 'win_rate', fire_level => 0.3, urgency => u)
FROM (VALUES ('win', 'normal'), ('lose', 'normal'), ('fire', 'urgent'), ('minor', 'low')) r (r, u);
SELECT crm.create_rule('x', 'win_rate', fire_level => 0.3, urgency => 'very');

-- by role: who has it in the alert's unit or above, and now; by unit: members of it and of what is below it. Neither gives a right
SELECT crm.create_unit('iberia', 'Iberia', 'geographic', 'emea');
SELECT crm.create_role('manager'), crm.create_role('clerk');
SELECT crm.create_principal(p), crm.create_endpoint(p || '-chat', 'webhook', p, p), crm.add_member(p, 'acme', 'watch') IS NOT NULL AS member
FROM unnest('{eva,max,tom,una}'::text[]) p;
SELECT crm.create_principal('blind'), crm.create_endpoint('blind-chat', 'webhook', 'blind', 'c'), crm.add_member('blind', 'emea', 'manager') IS NOT NULL AS member;
SELECT crm.add_member('eva', 'emea', 'manager') IS NOT NULL, crm.add_member('max', 'acme', 'manager') IS NOT NULL, crm.add_member('tom', 'apac', 'manager') IS NOT NULL,
       crm.add_member('una', 'emea', 'manager', '[2020-01-01,2026-01-01)') IS NOT NULL, crm.add_member('una', 'iberia') IS NOT NULL;
SELECT crm.subscribe(role => 'manager', rule => 'win') AS first, crm.subscribe(role => 'manager', rule => 'win') AS same;
SELECT fire('win', 'emea', '2027-02-02 10:00Z'), write('2027-02-02 10:00Z');
SELECT * FROM post();
SELECT s.endpoint, s.principal, s.reason FROM crm.alert_subscriber('win', 'win_rate', 'emea') s ORDER BY 2;
SELECT s.principal, s.reason FROM crm.alert_subscriber('win', 'win_rate', 'emea', '2025-06-01') s WHERE s.principal = 'una';
-- a role that all members of a unit have
SELECT crm.add_unit_role('iberia', 'clerk'), crm.subscribe(role => 'clerk', rule => 'lose') AS clerks, crm.subscribe(members_of => 'emea', rule => 'lose', unit => 'apac') AS members;
SELECT s.principal, s.reason FROM crm.alert_subscriber('lose', 'win_rate', 'iberia') s ORDER BY 1;
SELECT s.principal, s.reason FROM crm.alert_subscriber('lose', 'win_rate', 'emea') s ORDER BY 1;
SELECT s.principal, s.reason FROM crm.alert_subscriber('lose', 'win_rate', 'apac') s ORDER BY 1, 2;
-- a member of a team has what the team has
SELECT crm.create_principal('desk', kind => 'team'), crm.add_team_member('desk', 'tom') IS NOT NULL AS in_team, crm.add_member('desk', 'iberia') IS NOT NULL AS team_in_unit;
SELECT s.principal, s.reason FROM crm.alert_subscriber('lose', 'win_rate', 'iberia') s ORDER BY 1;
SELECT crm.subscribe(role => 'bos');
SELECT crm.subscribe(members_of => 'emea', role => 'manager');
SELECT crm.unsubscribe(subscription) FROM crm.subscription;
-- the end goes to those who heard of it, whoever is subscribed by then
SELECT over(1, '2027-02-02 11:00Z'), write('2027-02-02 11:00Z');
SELECT * FROM post();

-- quiet hours, by her clock, in the night in which an hour is missing
SELECT crm.set_language('anna', 'en', 'Europe/Madrid'), crm.subscribe(endpoint => 'anna-chat') IS NOT NULL AS subscribed;
SELECT crm.set_attention('anna', quiet => '22:00-07:00');
SELECT fire('win', 'emea', '2027-03-27 21:30+01') AS before, write('2027-03-27 21:30+01');
SELECT fire('win', 'apac', '2027-03-27 22:00+01') AS stays, fire('lose', 'apac', '2027-03-28 01:00+01') AS goes, fire('lose', 'emea', '2027-03-28 03:30+02') AS stays_too, fire('fire', 'emea', '2027-03-28 04:00+02') AS urgent;
SELECT write('2027-03-28 04:00+02');
SELECT * FROM post();
SELECT * FROM held;
-- what is over was never told, and its end is not told either; the end of what was told waits too
SELECT over(4, '2027-03-28 05:00+02'), over(2, '2027-03-28 05:00+02'), write('2027-03-28 06:59:59+02');
SELECT * FROM held;
SELECT crm.explain_alert(3, 'anna');
SELECT write('2027-03-28 07:00+02');
SELECT * FROM post();
SELECT count(*) FROM held;
-- and in the night in which an hour comes twice: nine hours and one
SELECT crm.quiet_until(a, zone, '2027-10-30 22:00+02') AS night_of_ten_hours, crm.quiet_until(a, zone, '2027-10-31 21:59+01') AS not_quiet,
       crm.quiet_until(a, zone, '2027-03-27 22:00+01') AS night_of_eight FROM crm.attention_of('anna');
-- days without messages, from the night before
SELECT crm.set_attention('anna', quiet => '22:00-07:00', quiet_days => '{6,7}');
SELECT crm.quiet_until(a, zone, '2027-05-07 23:00+02') AS from_friday_night, crm.quiet_until(a, zone, '2027-05-08 12:00+02') AS from_saturday FROM crm.attention_of('anna');

-- a budget: the last message of the day says so, and the rest comes together at 8 o'clock; urgent ones pass and do not count
SELECT crm.set_attention('anna', messages_per_day => 2);
SELECT fire('win', 'emea', '2027-06-01 09:00+02'), write('2027-06-01 09:00+02'), fire('fire', 'emea', '2027-06-01 09:30+02'), write('2027-06-01 09:30+02');
SELECT fire('lose', 'emea', '2027-06-01 10:00+02'), write('2027-06-01 10:00+02'), fire('win', 'apac', '2027-06-01 11:00+02'), write('2027-06-01 11:00+02');
SELECT fire('lose', 'apac', '2027-06-02 07:00+02'), fire('fire', 'apac', '2027-06-02 07:00+02'), write('2027-06-02 07:00+02');
SELECT * FROM post();
SELECT * FROM held;
SELECT question, answer, detail FROM crm.explain_alert(10, 'anna') WHERE question LIKE '%wait%';
SELECT write('2027-06-02 07:59:59+02'), write('2027-06-02 08:00+02'), write('2027-06-02 08:00+02') AS nothing_more;
SELECT * FROM post();

-- a digest: what is new, what is over, and what it told before and still fires; one a day, one a week
SELECT crm.set_attention('anna', digest => '17:30');
SELECT fire('win', 'iberia', '2027-07-01 09:00+02') AS new, fire('lose', 'iberia', '2027-07-01 10:00+02') AS passes, write('2027-07-01 10:00+02');
SELECT over(14, '2027-07-01 11:00+02'), over(7, '2027-07-01 12:00+02'), write('2027-07-01 12:00+02');
SELECT * FROM held;
SELECT write('2027-07-01 17:30+02'), write('2027-07-01 17:31+02') AS nothing_more;
SELECT * FROM post();
SELECT jsonb_pretty((body::jsonb -> 'data') || jsonb_build_object('alerts', (SELECT jsonb_agg(jsonb_build_array(a ->> 'alert', a ->> 'news', a ->> 'state')) FROM jsonb_array_elements(body::jsonb #> '{data,alerts}') a)))
FROM crm.delivery_queue ORDER BY id DESC LIMIT 1;
SELECT crm.set_attention('anna', digest => 'weekly', digest_at => '09:00');
SELECT crm.next_digest(a, zone, '2027-07-05 08:59+02') AS monday, crm.next_digest(a, zone, '2027-07-05 09:00+02') AS next_monday,
       crm.next_digest(a, zone, '2027-03-24 12:00+01') AS in_summer FROM crm.attention_of('anna');
-- low: with the digest of the day, also where nobody set anything
SELECT crm.set_attention('anna');
SELECT fire('minor', 'emea', '2027-07-10 09:00+02'), write('2027-07-10 09:00+02');
SELECT * FROM held;
SELECT write('2027-07-11 08:00+02');
SELECT * FROM post();
DELETE FROM crm.rule_state;
UPDATE crm.alert_log SET state = 'lapsed';

-- a storm: one message; three are told each
SELECT count(fire('win', u, '2027-08-01 09:00Z')) FROM unnest('{acme,emea,apac}'::text[]) u;
SELECT count(fire('lose', 'emea', '2027-08-01 09:00Z'::timestamptz - n * interval '1 second')) FROM generate_series(1, 120) n;
SELECT write('2027-08-01 09:00Z');
SELECT endpoint, type, why, left(alerts, 20) AS alerts FROM post();
SELECT body::jsonb #>> '{data,count}' AS count, jsonb_array_length(body::jsonb #> '{data,alerts}') AS shown, rule, unit, units FROM crm.delivery_queue ORDER BY id DESC LIMIT 1;
SELECT count(over(id, '2027-08-01 09:30Z')) FROM crm.alert_log WHERE rule = 'lose' AND state = 'firing';
SELECT write('2027-08-01 09:30Z');
SELECT endpoint, type, why, left(alerts, 20) AS alerts FROM post();
-- a list in the formats of receivers and in people's words: twelve lines and how many more there are; within the limits
SELECT crm.create_principal('marta', language => 'es-MX'), crm.create_principal('nico', language => 'nl');
CREATE TABLE list AS SELECT jsonb_set(body::jsonb, '{data,budget}', '{"messages_per_day": 7, "rest_at": "2027-08-02T06:00:00.000Z"}') AS message
FROM crm.delivery_queue ORDER BY id DESC LIMIT 1;
SELECT crm.endpoint_body('mattermost', message::json, p, 'msg_1', '{"report": "https://app.example/report"}')::json ->> 'text' AS said
FROM list, unnest('{anna,marta,nico}'::text[]) p;
SELECT k.kind, k.most_bytes, octet_length(b.body) <= k.most_bytes AS fits, b.body LIKE '%108%' AS says_how_many, b.body LIKE '%https://app.example/report%' AS linked,
       (SELECT count(*) FROM regexp_matches(b.body, 'back to normal', 'g')) AS lines
FROM list, crm.endpoint_kinds() k, LATERAL (SELECT crm.endpoint_body(k.kind, message::json, 'anna', 'msg_1', '{"report": "https://app.example/report"}')) b (body)
WHERE NOT crm.sorts_itself(k.kind) AND k.most_bytes IS NOT NULL ORDER BY 1;
SELECT count(*) AS json FROM list, crm.endpoint_kinds() k, LATERAL (SELECT CASE WHEN k.kind <> 'email' THEN crm.endpoint_body(k.kind, jsonb_set(message, '{data,alerts,0,unit,name}', to_jsonb(repeat('Ünit <@U1> ', 1000)))::json,
    'marta', 'msg_1', '{}') END::json) b (body) WHERE NOT crm.sorts_itself(k.kind) AND json_typeof(b.body) = 'object' AND (k.most_bytes IS NULL OR octet_length(b.body::text) <= k.most_bytes);
-- those that follow within half a minute wait for each other
SELECT crm.set_attention('anna', group_for => '30 seconds', group_from => 2);
SELECT fire('lose', 'emea', '2027-08-02 09:00:00Z'), write('2027-08-02 09:00Z'), fire('lose', 'apac', '2027-08-02 09:00:20Z'), fire('win', 'apac', '2027-08-02 09:00:20Z'), write('2027-08-02 09:00:20Z');
SELECT * FROM held;
SELECT write('2027-08-02 09:00:30Z'), write('2027-08-02 09:00:50Z');
SELECT * FROM post();

-- a right that is lost before a list is sent: it is written anew without what may not be seen
SELECT crm.set_attention('anna'), crm.set_attention('ben', group_from => 2), crm.subscribe(principal => 'ben') IS NOT NULL AS subscribed;
UPDATE crm.endpoint SET enabled = false WHERE endpoint <> 'ben-chat';
SELECT crm.add_member('ben', 'emea', 'watch') IS NOT NULL AS more;
SELECT fire('win', 'apac', now()), fire('win', 'emea', now()), fire('win', 'iberia', now()), write(now());
SELECT * FROM post();
SELECT crm.remove_member('ben', 'emea');
UPDATE crm.delivery_queue SET next_at = 'infinity' WHERE endpoint <> 'ben-chat';
SELECT count(*) FROM crm.claim_deliveries('test', 10, '1 minute');
SELECT type, state, detail FROM crm.delivery_history;
SELECT alert, type, endpoint, reason FROM held WHERE due_at <= now();
SELECT crm.write_waiting();
SELECT * FROM post();
SELECT count(*) FROM crm.claim_deliveries('test', 10, '1 minute');
-- one that is lost before it is written
SELECT crm.set_attention('ben', digest => 'daily'), fire('win', 'apac', now()) AS alert, crm.write_waiting() \gset
SELECT reason FROM crm.waiting_notice WHERE alert = :alert;
SELECT crm.remove_member('ben', 'apac');
SELECT write(now() + interval '2 days');
SELECT count(*) FROM crm.waiting_notice WHERE alert = :alert;

-- silenced while it waits
SELECT crm.add_member('ben', 'apac', 'watch') IS NOT NULL AS again, crm.set_attention('ben'), fire('win', 'apac', now()) AS alert, crm.silence(now() + interval '1 day', rule => 'win') IS NOT NULL AS silent \gset
SELECT crm.write_waiting();
SELECT reason, due_at = (SELECT max(until) FROM crm.silence) AS until_then FROM crm.waiting_notice WHERE alert = :alert;

-- who set what; what makes no sense
SELECT crm.set_attention('nobody');
SELECT crm.set_attention('anna', quiet => 'at night');
SELECT crm.set_attention('anna', quiet => '22:00-22:00');
SELECT crm.set_attention('anna', quiet_days => '{0}');
SELECT crm.set_attention('anna', quiet_days => '{1,2,3,4,5,6,7}');
SELECT crm.set_attention('anna', digest => 'monthly');
SELECT crm.set_attention('anna', messages_per_day => 0);
SELECT crm.set_attention('anna', group_for => '2 days');
SELECT crm.write_waiting(0);
SELECT item, state, amount FROM crm.status WHERE item IN ('messages held back', 'alerts told');
-- the view shows what may be seen
SET ROLE regress_alert_anna;
SELECT count(*) FROM crm.waiting;
SELECT count(*) FROM crm.waiting_notice;
RESET ROLE;
\set QUIET on
DROP OWNED BY regress_alert_anna, regress_alert_ben;
DROP ROLE regress_alert_anna, regress_alert_ben;
