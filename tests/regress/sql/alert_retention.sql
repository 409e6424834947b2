\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set world :srcdir '/alert_world.sql'
\i :world
-- What is over is kept for a time and then deleted; what is open, or whose messages are kept, stays.
SELECT crm.set_alert_retention(50) AS as_long_as_deliveries;
SELECT crm.set_delivery_retention(10), crm.set_alert_retention(50);
CREATE FUNCTION alert(subject text, state text, days_ago numeric) RETURNS bigint LANGUAGE sql AS $$
    WITH l AS (INSERT INTO crm.alert_log (rule, subject, kpi, unit, state, level, direction, period_since, period_until, since, resolved_at)
               VALUES ('r', alert.subject, 'win_rate', 'emea', alert.state, 1, 'below', current_date, current_date, now() - interval '1 year',
                       CASE WHEN alert.state IN ('resolved', 'lapsed') THEN now() - days_ago * interval '1 day' END) RETURNING id),
         t AS (INSERT INTO crm.alert_transition (rule, subject, transition, alert, to_state, at)
               SELECT 'r', alert.subject, n, l.id, 'firing', now() - interval '1 year' FROM l, generate_series(1, 2) n)
    SELECT id FROM l
$$;
SELECT crm.create_endpoint('chat', 'webhook', 'anna', 'chat');
SELECT crm.create_rule('r', 'win_rate', 'threshold', fire_level => 0.5);
SELECT alert('old', 'resolved', 50.1) AS old, alert('older', 'lapsed', 300) AS older, alert('young', 'resolved', 49.9) AS young, alert('open', 'firing', 0) AS open,
       alert('waiting', 'resolved', 300) AS waiting, alert('sent', 'resolved', 300) AS sent \gset
INSERT INTO crm.delivery_queue (message_id, alert, transition, type, rule, unit, units, endpoint, audience, body)
SELECT 'msg_' || a, a, 1, 'alert.resolved', 'r', 'emea', '{emea}', 'chat', 'anna', '{}' FROM unnest(ARRAY[:waiting, :sent]) a;
SELECT count(*) FROM crm.claim_deliveries('one', 9, '1 minute');
SELECT crm.finish_deliveries(jsonb_build_array(jsonb_build_object('id', id, 'epoch', 1, 'outcome', 'delivered'))) FROM crm.delivery_queue WHERE alert = :sent;
-- states of what is watched and not watched any more
INSERT INTO crm.rule_state (rule, subject, unit, phase, since, reading, evaluated_at)
SELECT 'r', s, 'emea', p, now() - interval '1 year', 'clear', now() - d * interval '1 day'
FROM (VALUES ('left', 'ok', 51), ('left lately', 'ok', 49), ('open', 'firing', 51)) x (s, p, d);
INSERT INTO crm.action (alert, principal, verbs, created_at, expires_at)
SELECT :open, 'anna', '{acknowledge}', now() - interval '1 year', now() - d * interval '1 day' FROM unnest(ARRAY[33, 31, 29]) d;
INSERT INTO crm.silence (since, until, created_by) SELECT now() - interval '1 year', now() - d * interval '1 day', 'test' FROM unnest(ARRAY[53, 49]) d;
INSERT INTO crm.daemon (worker, version, beat_at) SELECT 'd' || d, '1', now() - d * interval '1 day' FROM unnest(ARRAY[51, 49]) d;
SELECT item, state, amount, detail, hint FROM crm.status
WHERE item IN ('alerts', 'transitions of alerts', 'states of rules', 'silences', 'buttons of messages') ORDER BY item;
-- one of each at a time
SELECT crm.forget_alerts(1) AS first, crm.forget_alerts(1) AS second, crm.forget_alerts(1) AS nothing;
SELECT a.subject, a.state, count(t.*) AS transitions FROM crm.alert_log a JOIN crm.alert_transition t ON t.alert = a.id GROUP BY a.id, 1, 2 ORDER BY a.id;
SELECT count(*) FROM crm.alert_transition;
SELECT subject FROM crm.rule_state ORDER BY 1;
SELECT now()::date - expires_at::date AS days_ago FROM crm.action;
SELECT now()::date - until::date AS days_ago FROM crm.silence;
SELECT worker FROM crm.daemon ORDER BY 1;
SELECT item, state, amount FROM crm.status
WHERE item IN ('alerts', 'transitions of alerts', 'states of rules', 'silences', 'buttons of messages') ORDER BY item;
-- when its messages go, an alert may go
SELECT crm.finish_deliveries(jsonb_build_array(jsonb_build_object('id', id, 'epoch', 1, 'outcome', 'delivered'))) FROM crm.delivery_queue WHERE alert = :waiting;
UPDATE crm.delivery_history SET finished_at = now() - interval '12 days';
SELECT crm.forget_deliveries() AS deliveries, crm.forget_alerts() AS alerts;
SELECT subject FROM crm.alert_log ORDER BY id;
-- who has a name that is gone begins anew
SELECT alert('old', 'resolved', 1) IS NOT NULL AS numbers_are_free;
\set VERBOSITY terse
SELECT crm.set_alert_retention(0);
SELECT crm.set_alert_retention(NULL);
SELECT crm.forget_alerts(0);
SELECT crm.set_retention('alerts', '0 days');
SELECT crm.set_retention('alerts', '-1 hour');
SELECT crm.set_retention('finished deliveries', '101 years');
SELECT crm.set_retention('finished deliveries', NULL);
SELECT crm.set_retention(NULL, '1 day');
\set VERBOSITY default
SELECT crm.set_retention('alert', '1 year');
-- one call for all; whole days, rounded up
SELECT crm.set_retention('finished deliveries', '9 days 1 hour') AS deliveries, crm.set_retention('alerts', '2 months') AS alerts;
SELECT crm.delivery_days(), crm.alert_days();
SET ROLE regress_alert_anna;
SELECT crm.set_alert_retention(1);
SELECT crm.set_retention('alerts', '1 day');
SELECT crm.forget_alerts();
RESET ROLE;
\set QUIET on
DROP OWNED BY regress_alert_anna, regress_alert_ben;
DROP ROLE regress_alert_anna, regress_alert_ben;
