\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set world :srcdir '/alert_world.sql'
\i :world
-- Rules and alerts, on win_rate of a team's own deals.
SELECT set_deals('emea', 6, 4, 9), set_deals('apac', 5, 5, 9); -- a week before
SELECT crm.create_endpoint('anna-chat', 'webhook', 'anna', 'anna-chat');
SELECT crm.create_rule('win-low', 'win_rate', fire_level => 0.3, clear_level => 0.4, min_denominator => 5, endpoint => 'anna-chat');
SELECT * FROM pass();
SELECT count(*) FROM crm.alert;

SELECT crm.set_goal('win more', 'win_rate', 0.5, crm.kpi_today() - 99, crm.kpi_today() + 100, departments => '{"emea": 0.5, "apac": 0.5}',
                    accountable => 'anna');
SELECT crm.set_goal('another unit', 'win_rate', 0.6, crm.kpi_today(), crm.kpi_today(), unit => 'emea'),
       crm.set_goal('another year', 'win_rate', 0.6, crm.kpi_today() + 1, crm.kpi_today() + 1);
-- a breach fires once, and not again while it lasts, also between the levels
SELECT set_deals('emea', 1, 9), set_deals('apac', 2, 8);
SELECT * FROM pass();
SELECT * FROM pass();
SELECT set_deals('apac', 6, 4);
SELECT * FROM pass();
SELECT id, rule, kpi, unit, state, round(value, 3) AS value, numerator, denominator, level, direction,
       since = fired_at AS at_once, resolved_at FROM crm.alert;
SELECT * FROM box;

-- the message: fixed text, the unit that moved the number, times in UTC
SELECT jsonb_pretty((body::jsonb #- '{timestamp}') #- '{data,since}' #- '{data,fired_at}' #- '{data,period}' #- '{data,goal,since}' #- '{data,goal,until}') FROM crm.delivery_queue;
SELECT body::jsonb ->> 'timestamp' ~ '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$' AS iso_utc, left(message_id, 4) AS prefix,
       length(message_id) AS length, body::json #>> '{data,period,words}' AS period,
       (body::json #>> '{data,period,until}')::date - (body::json #>> '{data,period,since}')::date AS days FROM crm.delivery_queue;
SELECT * FROM send('delivered');

-- acknowledged, it still fires; then it resolves
SELECT crm.acknowledge(1, 'two deals slipped');
SELECT * FROM pass();
SELECT state, acknowledged_by = current_user AS by_me, acknowledged_at IS NOT NULL AS at, comment FROM crm.alert;
SELECT set_deals('emea', 3, 7);
SELECT * FROM pass();
SELECT * FROM pass();
SELECT id, state, round(value, 3) AS value, resolved_at IS NOT NULL AS over FROM crm.alert;
SELECT * FROM send('delivered');
SELECT * FROM box;
SELECT transition, alert, from_state, to_state, round(value, 3) AS value, by = current_user AS by_me, comment FROM crm.alert_transition ORDER BY 1;

-- no number never fires, nor does one with too little behind it; an alert that fires stays without it
SELECT set_deals('emea', 0, 0), set_deals('apac', 0, 0);
SELECT * FROM pass();
SELECT set_deals('emea', 0, 4);
SELECT * FROM pass();
SELECT phase, reading, detail FROM crm.rule_state;
SELECT set_deals('emea', 0, 5);
SELECT * FROM pass();
SELECT set_deals('emea', 0, 1);
SELECT * FROM pass();
SELECT id, state FROM crm.alert ORDER BY id;

-- a message that could not be sent is superseded by the one about the end
SELECT * FROM send('retry', 'connection refused');
SELECT set_deals('emea', 9, 1);
SELECT * FROM pass();
SELECT * FROM send('delivered');
SELECT * FROM box WHERE alert = 2;

-- hold_for: pending first; a breach that does not last lapses
SELECT crm.create_rule('win-low-held', 'win_rate', unit => 'emea', fire_level => 0.3, hold_for => '5 minutes', endpoint => 'anna-chat');
SELECT set_deals('emea', 1, 9);
SELECT * FROM pass();
UPDATE crm.rule_state SET since = since - interval '4 minutes' WHERE rule = 'win-low-held';
SELECT * FROM pass();
SELECT set_deals('emea', 9, 1);
SELECT * FROM pass();
SELECT set_deals('emea', 1, 9);
SELECT * FROM pass();
UPDATE crm.rule_state SET since = since - interval '5 minutes' WHERE rule = 'win-low-held';
SELECT * FROM pass();
SELECT id, rule, unit, state, fired_at > since AS held FROM crm.alert WHERE id > 2 ORDER BY id;
SELECT crm.enable_rule('win-low-held', false);
SELECT * FROM send('delivered');

-- an epoch that is not the last one changes nothing
UPDATE crm.rule_schedule SET next_at = now();
SELECT * FROM crm.claim_rules('one', 10, '1 minute');
SELECT * FROM crm.claim_rules('two', 10, '1 minute');
UPDATE crm.rule_schedule SET leased_until = now() - interval '1 second';
SELECT epoch AS old_epoch FROM crm.rule_schedule WHERE rule = 'win-low' \gset
SELECT epoch - :old_epoch AS newer FROM crm.claim_rules('two', 10, '1 minute');
SELECT set_deals('emea', 0, 10);
SELECT crm.finish_rule('win-low', :old_epoch), crm.fail_rule('win-low', :old_epoch, 'x');
SELECT phase FROM crm.rule_state WHERE rule = 'win-low';
SELECT crm.finish_rule('win-low', :old_epoch + 1);
SELECT crm.finish_rule('win-low', :old_epoch + 1) AS once_more, crm.finish_rule('no-such-rule', 1);
SELECT state, accepted FROM (SELECT state FROM crm.alert WHERE rule = 'win-low' ORDER BY id DESC LIMIT 1) a, send('delivered');

-- a failed evaluation is kept for status and waits longer each time
UPDATE crm.rule_schedule SET next_at = now();
SELECT crm.fail_rule(rule, epoch, 'canceling statement due to statement timeout') FROM crm.claim_rules('test', 10, '1 minute');
UPDATE crm.rule_schedule SET next_at = now();
SELECT crm.fail_rule(rule, epoch, 'canceling statement due to statement timeout') FROM crm.claim_rules('test', 10, '1 minute');
SELECT failures, next_at - failed_at AS wait FROM crm.rule_schedule WHERE rule = 'win-low';
SELECT item, state, amount, detail FROM crm.status WHERE room = 'alert' AND item = 'rules';
SELECT * FROM pass();
SELECT failures, error, next_at - now() > interval '50 seconds' AS in_a_minute FROM crm.rule_schedule WHERE rule = 'win-low';

-- a rule that is switched off is not evaluated
SELECT crm.enable_rule('win-low', false);
SELECT * FROM pass();
\set QUIET on
DROP OWNED BY regress_alert_anna, regress_alert_ben;
DROP ROLE regress_alert_anna, regress_alert_ben;
