\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set world :srcdir '/alert_world.sql'
\i :world
-- Buttons of messages: what a token is bound to, that it works once, as whom, and what the page of crmd shows.
SET timezone = 'UTC';
CREATE ROLE regress_alert_crmd;
SELECT crm.grant_daemon('regress_alert_crmd');
SELECT crm.rotate_token_key() IS NOT NULL AS key;
SELECT crm.create_endpoint('anna-hook', 'webhook', 'anna', 'a'), crm.create_endpoint('ben-slack', 'slack', 'ben', 'b');
SELECT crm.set_link_template('act', 'https://alerts.example/act/{token}');
SELECT crm.create_rule('emea-low', 'win_rate', unit => 'emea', fire_level => 0.3), crm.create_rule('apac-low', 'win_rate', unit => 'apac', fire_level => 0.3);
SELECT crm.subscribe(principal => 'anna'), crm.subscribe(principal => 'ben', unit => 'apac');
SELECT set_deals('emea', 1, 9), set_deals('apac', 1, 9);
SELECT * FROM pass();
-- one action for each message, with a token in its link
SELECT id, alert, principal, verbs, expires_at - created_at AS lasts, used_at FROM crm.action ORDER BY principal, alert;
CREATE FUNCTION token_of(who text, about bigint) RETURNS text LANGUAGE sql AS $$
    SELECT substring(q.body FROM 'https://alerts.example/act/([0-9]+-[A-Za-z0-9_-]{43})"') FROM crm.delivery_queue q WHERE q.audience = who AND q.alert = about
$$;
SELECT alert AS emea FROM crm.delivery_queue WHERE unit = 'emea' \gset
SELECT alert AS apac FROM crm.delivery_queue WHERE unit = 'apac' LIMIT 1 \gset
SELECT token_of('anna', :emea) AS anna_emea, token_of('anna', :apac) AS anna_apac, token_of('ben', :apac) AS ben_apac \gset
SELECT :'anna_emea' LIKE '_-%' AS token, :'anna_emea' <> :'anna_apac' AS differ;

-- forged: another number, another signature, a bit changed, no token; of another alert: its number with this signature
CREATE FUNCTION try(token text, verb text DEFAULT 'acknowledge', comment text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE d text; h text;
BEGIN
    RETURN crm.act(token, verb, comment);
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
    RETURN concat_ws(' | ', SQLSTATE, SQLERRM, nullif(regexp_replace(d, '\d{4}-\S+Z', 'TIME'), ''), nullif(h, ''));
END
$$;
SELECT try(split_part(:'anna_apac', '-', 1) || '-' || substr(:'anna_emea', 3)) AS of_another_alert;
SELECT try('999-' || substr(:'anna_emea', 3)) AS no_such_action;
SELECT t AS token, left(try(t), 5) AS answer FROM unnest(ARRAY['', 'x', '1', '1-', '1-x', '-1-x', NULL, '1-' || repeat('A', 43), repeat('9', 30) || '-' || repeat('A', 43)]) t;
SELECT left(try(:'anna_emea' || 'A'), 5) AS longer, left(try(' ' || :'anna_emea'), 5) AS blank, left(try(overlay(:'anna_emea' PLACING CASE substr(:'anna_emea', 9, 1) WHEN 'A' THEN 'B' ELSE 'A' END FROM 9)), 5) AS changed;
-- a row changed behind it: another principal, verb, end
BEGIN; UPDATE crm.action SET principal = 'anna' WHERE principal = 'ben'; SELECT left(try(:'ben_apac'), 5) AS answer; ROLLBACK;
BEGIN; UPDATE crm.action SET verbs = '{accept}'; SELECT left(try(:'ben_apac', 'accept'), 5) AS answer; ROLLBACK;
BEGIN; UPDATE crm.action SET expires_at = expires_at + interval '1 second'; SELECT left(try(:'ben_apac'), 5) AS answer; ROLLBACK;
-- a signature for something else is none: a login token, a mark of a look
SELECT left(try(split_part(:'anna_emea', '-', 1) || '-' || split_part(crm.issue_token('anna'), '.', 3)), 5) AS login_token;
SELECT try(:'anna_emea', 'accept') AS another_verb;
SELECT try(:'anna_emea', NULL) AS no_verb;
SELECT try(:'anna_emea', 'acknowledge', repeat('x', 1001)) AS long_comment;
SELECT count(*) AS used FROM crm.action WHERE used_at IS NOT NULL;

-- whoever brings it acts as the principal, and only for that moment
SET ROLE regress_alert_crmd;
SELECT crm.act(:'ben_apac', 'acknowledge', 'calling them');
SELECT crm.current_principal() IS NULL AS nobody_after, current_user;
RESET ROLE;
SELECT id = :apac AS apac, state, acknowledged_by, comment FROM crm.alert_log WHERE acknowledged_at IS NOT NULL;
SELECT try(:'ben_apac') AS replayed;
SELECT try(:'ben_apac', 'silence') AS another_verb_of_it;
SELECT principal, verb FROM crm.action WHERE used_at IS NOT NULL;
SET ROLE regress_alert_ben;
SELECT try(:'anna_apac', 'silence', 'known') AS for_anna_by_ben, crm.current_principal();
RESET ROLE;
SELECT rule, unit, until - since AS lasts, comment, created_by FROM crm.silence;

-- rights are asked when it is used: what is not allowed is not used up
SELECT crm.remove_member('anna', 'acme');
SELECT try(:'anna_emea') AS no_right;
SELECT used_at FROM crm.action WHERE principal = 'anna' AND alert = :emea;
SELECT crm.action_page(:'anna_emea', NULL, NULL, NULL);
SELECT crm.add_member('anna', 'acme', 'watch') > 0 AS again;
-- expired
BEGIN;
SELECT crm.issue_action('anna', '{acknowledge}', alert => :emea, ttl => '1 microsecond') AS short \gset
COMMIT;
SELECT try(:'short') AS expired;
SELECT crm.action_page(:'short', NULL, NULL, NULL) - 'form';

-- the page: a look changes nothing and gives a mark, without which nothing is done
SELECT crm.set_language('anna', 'nl', 'Europe/Amsterdam');
CREATE TEMP TABLE page AS SELECT crm.action_page(:'anna_emea', NULL, NULL, NULL) AS p;
SELECT jsonb_pretty(jsonb_set(jsonb_set(p, '{form,look}', '"MARK"'), '{lines,2}', to_jsonb(regexp_replace(p #>> '{lines,2}', '\d+ [a-z]+ \d{4}, \d\d:\d\d', 'TIME')))) FROM page;
SELECT p #>> '{form,look}' AS look FROM page \gset
SELECT crm.action_page(:'anna_emea', 'acknowledge', NULL, NULL) ->> 'title' AS no_mark,
       crm.action_page(:'anna_emea', 'acknowledge', '1-' || repeat('A', 43), NULL) ->> 'title' AS forged_mark,
       crm.action_page(:'short', 'acknowledge', :'look', NULL) ->> 'title' AS another_token;
SELECT (extract(epoch FROM now())::bigint - 3601) AS old \gset
SELECT crm.look_is_fresh(:'anna_emea', :'look') AS fresh, crm.look_is_fresh('1-x', :'look') AS of_another,
       crm.look_is_fresh(:'anna_emea', :old || '-' || crm.look_mark(:'anna_emea', :old)) AS old, crm.look_is_fresh(:'anna_emea', NULL) AS none;
SELECT state FROM crm.alert_log WHERE id = :emea;
SET ROLE regress_alert_crmd;
SELECT crm.action_page(:'anna_emea', 'acknowledge', :'look', ' twee deals ') AS done;
SELECT crm.action_page(:'anna_emea', 'acknowledge', :'look', NULL) AS again;
SELECT crm.action_page('1-' || repeat('A', 43), NULL, NULL, NULL) AS forged;
SELECT crm.issue_action('anna', '{acknowledge}', alert => 1);
SELECT crm.act_as('', 0, 1, 'acknowledge', NULL);
RESET ROLE;
SELECT state, acknowledged_by, comment FROM crm.alert_log WHERE id = :emea;
-- what is over
SELECT crm.issue_action('ben', '{acknowledge}', alert => :apac) AS late \gset
SELECT set_deals('apac', 9, 1);
SELECT * FROM pass();
SELECT try(:'late') AS over;
SELECT crm.action_page(:'late', 'acknowledge', NULL, NULL) ->> 'title' AS over;
-- keys: two rotations void what is out there
SELECT crm.issue_action('ben', '{acknowledge}', alert => :emea) AS last \gset
SELECT crm.rotate_token_key() IS NOT NULL AS once;
SELECT crm.action_page(:'last', NULL, NULL, NULL) ->> 'title' AS known, left(try(:'last'), 5) AS of_a_unit_that_he_may_not_see;
SELECT crm.rotate_token_key() IS NOT NULL AS twice;
SELECT try(:'last') AS gone;
-- arguments of issue_action
SELECT crm.issue_action('nobody', '{acknowledge}', alert => 1);
SELECT crm.issue_action('anna', '{acknowledge}');
SELECT crm.issue_action('anna', '{}', alert => 1);
SELECT crm.issue_action('anna', '{accept}', alert => 1);
SELECT crm.issue_action('anna', '{acknowledge}', alert => 1, ttl => '-1 s');
SELECT crm.issue_action('anna', '{acknowledge}', alert => 99);

-- hand-overs: with the rights of the principal's own role on the table, not of whoever brings the token
CREATE TABLE public.leads (id integer PRIMARY KEY, stage text, unit text);
SELECT crm.create_unit('marketing', 'Marketing', 'functional', 'acme'), crm.create_unit('selling', 'Selling', 'functional', 'acme');
SELECT crm.create_funnel('leads', 'lead', '[{"key": "new", "department": "marketing"}, {"key": "offered", "department": "selling"}]');
SELECT count(*) > 0 AS adopted FROM crm.adopt('public.leads', 'lead', department => 'marketing', funnel => 'leads', columns => '{"id": "id", "stage": "stage"}');
INSERT INTO leads VALUES (1, 'new'), (2, 'new'), (3, 'new');
UPDATE leads SET stage = 'offered';
SELECT array_agg(handover ORDER BY record_key) AS offers FROM crm.handover \gset
SELECT crm.issue_action('ben', '{accept,refuse}', handover => (:'offers'::bigint[])[1]) AS first,
       crm.issue_action('ben', '{accept,refuse}', handover => (:'offers'::bigint[])[2]) AS second \gset
SET ROLE regress_alert_crmd;
SELECT left(try(:'first', 'accept'), 5) AS without_right;
RESET ROLE;
GRANT SELECT, UPDATE ON leads TO regress_alert_ben;
SET ROLE regress_alert_crmd;
SELECT try(:'first', 'accept') AS accepted;
SELECT try(:'second', 'refuse') AS without_reason;
SELECT try(:'second', 'refuse', 'no budget') AS refused;
SELECT left(try(:'second', 'accept'), 5) AS used;
RESET ROLE;
SELECT answer, reason, answered_by FROM crm.handover_answer ORDER BY handover;
SELECT crm.issue_action('ben', '{accept}', handover => (:'offers'::bigint[])[1]) AS third \gset
SELECT crm.action_page(:'third', NULL, NULL, NULL) ->> 'title' AS answered, crm.action_page(:'third', NULL, NULL, NULL) -> 'lines' ->> 0 = 'Hand-over ' || (:'offers'::bigint[])[1] AS which;
-- without a KPI the page names the rule or the record, as the message does
CREATE FUNCTION public.stuck(unit text, since date, until date) RETURNS numeric STABLE LANGUAGE sql AS 'SELECT 3.0';
SELECT crm.set_calendar('default', 'UTC', '{"mon": ["00:00", "24:00"], "tue": ["00:00", "24:00"], "wed": ["00:00", "24:00"], "thu": ["00:00", "24:00"], "fri": ["00:00", "24:00"], "sat": ["00:00", "24:00"], "sun": ["00:00", "24:00"]}') \g /dev/null
SELECT crm.set_handover_limit('leads', 'marketing', 'selling', '2 hours', since => now() - interval '1 day') \g /dev/null
DELETE FROM crm.rule;
SELECT crm.create_rule('stuck', condition => 'public.stuck(text,date,date)', unit => 'apac', direction => 'above', fire_level => 2),
       crm.create_rule('hurry', kind => 'warning', handover => 'leads', warn_before => '3 hours');
UPDATE crm.rule SET created_at = now() - interval '1 day';
SELECT * FROM pass();
SELECT l.rule, regexp_replace(regexp_replace(p.page #>> '{lines,0}', '\d+ [A-Z][a-z]+ \d{4}, \d\d:\d\d', 'TIME'), 'handover:\d+', 'handover:N') AS line,
       p.page #>> '{lines,0}' LIKE '%due on ' || crm.said_time(l.due_at, 'UTC', crm.message_locale_of('en')) || '.' AS in_time
FROM crm.alert_log l, LATERAL (SELECT crm.action_page(crm.issue_action('ben', '{acknowledge}', alert => l.id), NULL, NULL, NULL)) p (page)
WHERE l.rule IN ('stuck', 'hurry') ORDER BY 1;
-- what is over has no button, nor has anything while no page is named
SELECT (SELECT crm.action_link(l, 'alert.resolved', 'anna') FROM crm.alert_log l LIMIT 1) AS resolved;
SELECT crm.set_link_template('act', NULL), (SELECT crm.action_link(l, 'alert.firing', 'anna') FROM crm.alert_log l LIMIT 1) AS switched_off;
\set QUIET on
DROP OWNED BY regress_alert_anna, regress_alert_ben, regress_alert_crmd;
DROP ROLE regress_alert_anna, regress_alert_ben, regress_alert_crmd;
