-- A rule is changed or removed while it has alerts: what still means the same goes on, what means something else ends and is told.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set world :srcdir '/alert_world.sql'
\i :world
\set SHOW_CONTEXT never
CREATE VIEW told AS SELECT d.type, b.data ->> 'reason' AS reason, b.data ->> 'level' AS level
FROM (SELECT q.id, q.type, q.body::jsonb -> 'data' AS data FROM crm.delivery_queue q
      UNION ALL SELECT h.id, h.type, h.body::jsonb -> 'data' FROM crm.delivery_history h) b JOIN crm.delivery d USING (id) ORDER BY b.id;
SELECT crm.create_endpoint('anna-chat', 'webhook', 'anna', 'anna-chat');
SELECT crm.create_rule('win-low', 'win_rate', unit => 'emea', fire_level => 0.3, endpoint => 'anna-chat');
SELECT crm.create_rule('won-low', 'won_count', unit => 'emea', fire_level => 1, inhibited_by => '{win-low}');
SELECT set_deals('emea', 1, 9);
SELECT * FROM pass();

-- bad changes change nothing
SELECT crm.change_rule('win-lo', '{"fire_level": 0.2}');
SELECT crm.change_rule('win-low', NULL);
SELECT crm.change_rule('win-low', '[1]');
SELECT crm.change_rule('win-low', '{"fire_levl": 0.2}');
SELECT crm.change_rule('win-low', '{"fire_level": "much"}');
SELECT crm.change_rule('win-low', '{"fire_level": null}');
SELECT crm.change_rule('win-low', '{"clear_level": 0.1}');
SELECT crm.change_rule('win-low', '{"kpi": "win_rat"}');
SELECT crm.change_rule('win-low', '{"rule": "other"}');
SELECT crm.change_rule('win-low', '{"enabled": false}');
SELECT crm.change_rule('win-low', '{"period": "some days"}');
SELECT kpi, fire_level, clear_level, period FROM crm.rule WHERE rule = 'win-low';

-- another level: the same alert, judged anew
SELECT crm.change_rule('win-low', '{"fire_level": 0.05, "clear_level": 0.2, "hold_for": "1 hour", "description": "wins"}');
SELECT fire_level, clear_level, hold_for, description, kpi, unit, kind, every FROM crm.rule WHERE rule = 'win-low';
SELECT * FROM pass();
SELECT id, state, value FROM crm.alert;
SELECT crm.change_rule('win-low', '{"clear_level": 0.06, "hold_for": "0"}');
SELECT * FROM pass();
SELECT id, state, value FROM crm.alert;
SELECT * FROM told;

-- something else is watched: the alert that is open ends, and the next one is another
SELECT crm.change_rule('win-low', '{"fire_level": 0.3, "clear_level": null}');
SELECT * FROM pass();
SELECT crm.change_rule('win-low', '{"period": "Last 3 days"}');
SELECT id, state, value, reason FROM crm.alert;
SELECT * FROM pass();
SELECT id, state, value FROM crm.alert;
SELECT crm.change_rule('win-low', '{"period": " last 3 DAYS"}'); -- the same
SELECT id, state FROM crm.alert;
SELECT transition, alert, from_state, to_state FROM crm.alert_transition ORDER BY transition;

-- another unit: its alert ends when it is evaluated next
SELECT crm.change_rule('win-low', '{"unit": "apac"}');
SELECT * FROM pass();
SELECT id, unit, state, reason FROM crm.alert;
SELECT crm.change_rule('win-low', '{"unit": "emea"}');
SELECT * FROM pass();

-- an evaluation under way knows the old rule, and is stale
UPDATE crm.rule_schedule SET next_at = now() - interval '1 minute' WHERE rule = 'win-low';
SELECT rule, epoch > 0 AS claimed FROM crm.claim_rules('one', 10, '1 minute');
SELECT epoch AS old FROM crm.rule_schedule WHERE rule = 'win-low' \gset
SELECT crm.change_rule('win-low', '{"every": "2 minutes"}');
SELECT crm.finish_rule('win-low', :old);

-- removed: its alert ends, what it inhibited is free, what happened stays
SELECT crm.silence(now() + '1 day', rule => 'win-low');
SELECT crm.remove_rule('win-low');
SELECT crm.remove_rule('win-low');
SELECT rule, inhibited_by FROM crm.rule;
SELECT id, state, reason FROM crm.alert;
SELECT (SELECT count(*) FROM crm.subscription) AS subscriptions, (SELECT count(*) FROM crm.silence) AS silences, (SELECT count(*) FROM crm.rule_standing WHERE rule = 'win-low') AS standing;
SELECT * FROM told;

-- one of the same key goes on where the transitions ended
SELECT crm.create_rule('win-low', 'win_rate', unit => 'emea', fire_level => 0.3, endpoint => 'anna-chat');
SELECT * FROM pass();
SELECT max(transition) AS last, count(*) AS transitions FROM crm.alert_transition WHERE rule = 'win-low' AND subject = 'emea';

-- rules of records and of goals keep what they took by themselves
SELECT crm.create_rule('unanswered', handover => '*', kind => 'warning');
SELECT crm.change_rule('unanswered', '{"warn_before": "2 hours"}');
SELECT crm.change_rule('unanswered', '{"fire_level": 1}');
SELECT crm.change_rule('unanswered', '{"kind": "breach"}');
SELECT crm.change_rule('unanswered', '{"kind": "breach", "warn_before": null}');
SELECT kind, handover, warn_before, direction, fire_level, period FROM crm.rule WHERE rule = 'unanswered';
SELECT crm.set_goal('win more', 'win_rate', 0.5, current_date - 30, current_date + 30, unit => 'emea');
SELECT crm.create_rule('pace', kind => 'pace', goal => 'win more');
SELECT crm.change_rule('pace', '{"fire_level": 0.9}');
SELECT kpi, unit, goal, fire_level, clear_level FROM crm.rule WHERE rule = 'pace';
SELECT crm.change_rule('pace', '{"goal": null, "kpi": "resolution_hours", "kind": "threshold", "fire_level": 5}');
SELECT kind, kpi, unit, goal, direction, period, fire_level, clear_level FROM crm.rule WHERE rule = 'pace';
SET SESSION AUTHORIZATION regress_alert_anna;
SELECT crm.change_rule('pace', '{"fire_level": 0.9}');
SELECT crm.remove_rule('pace');
RESET SESSION AUTHORIZATION;
\set QUIET on
DROP OWNED BY regress_alert_anna, regress_alert_ben;
DROP ROLE regress_alert_anna, regress_alert_ben;
