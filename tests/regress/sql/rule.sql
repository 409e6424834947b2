\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set world :srcdir '/alert_world.sql'
\i :world
-- What rules and endpoints accept, who may see and do what, silences, explanations, back-tests.
\set SHOW_CONTEXT never
-- endpoints
SELECT crm.create_endpoint('anna-chat', 'webhook', 'anna', 'anna-chat');
SELECT crm.create_endpoint('anna-chat', 'webhook', 'anna', 'anna-chat');
SELECT crm.create_endpoint('a b', 'webhook', 'anna', 'x');
SELECT crm.create_endpoint('x', 'webhok', 'anna', 'x');
SELECT crm.create_endpoint('x', 'emial', 'anna', 'x');
SELECT crm.create_endpoint('x', 'webhook', 'ana', 'x');
SELECT crm.create_endpoint('x', 'webhook', 'anna', 'https://hooks.example.com/secret');
SELECT crm.create_endpoint('x', 'webhook', 'anna', 'x', retries => '{-1 second}');
SELECT crm.create_endpoint('x', 'webhook', 'anna', 'x', max_age => '0');
SELECT crm.enable_endpoint('ana-chat');

-- rules
SELECT crm.create_rule('r', 'win_rat', fire_level => 0.3);
SELECT crm.create_rule('r', fire_level => 0.3);
SELECT crm.create_rule('r', 'win_rate', unit => 'emae', fire_level => 0.3);
SELECT crm.create_rule('r', 'win_rate', 'treshold', fire_level => 0.3);
SELECT crm.create_rule('r', sla => 'first-response');
SELECT crm.create_rule('r', handover => 'sale');
SELECT crm.create_rule('r', 'win_rate', sla => '*');
SELECT crm.create_rule('r', kind => 'breach');
SELECT crm.create_rule('r', 'win_rate');
SELECT crm.create_rule('r', 'win_rate', fire_level => 'NaN');
SELECT crm.create_rule('r', 'win_rate', fire_level => 0.3, clear_level => 0.2);
SELECT crm.create_rule('r', 'win_rate', fire_level => 0.3, direction => 'under');
SELECT crm.create_rule('r', 'win_rate', fire_level => 0.3, period => 'last year');
SELECT crm.create_rule('r', 'win_rate', fire_level => 0.3, every => '1 millisecond');
SELECT crm.create_rule('r', 'win_rate', fire_level => 0.3, hold_for => '-1 second');
SELECT crm.create_rule('r', 'win_rate', fire_level => 0.3, endpoint => 'anna-chta');
SELECT crm.create_rule('', 'win_rate', fire_level => 0.3);
SELECT count(*) AS nothing_half_done FROM crm.rule;
SELECT crm.create_rule('backlog-high', 'ticket_backlog', unit => 'EMEA', fire_level => 100, period => ' Month to date ');
SELECT crm.create_rule('backlog-high', 'ticket_backlog', fire_level => 100);
SELECT rule, unit, period, direction, fire_level, clear_level, every FROM crm.rule;
SELECT crm.enable_rule('backlog-hihg');
SELECT * FROM crm.claim_rules('w', 0, '1 minute');
SELECT crm.enable_rule('backlog-high', false);

-- periods, as of a day
SELECT p AS period, r.since, r.until FROM unnest(ARRAY['last 1 day', 'Last 30 days', 'week to date', 'month to date', 'quarter to date', 'year to date']) p,
       LATERAL crm.rule_period(p, '2026-05-21') r;

-- subscriptions
SELECT crm.subscribe();
SELECT crm.subscribe(principal => 'anna', endpoint => 'anna-chat');
SELECT crm.subscribe(principal => 'carla');
SELECT crm.subscribe(endpoint => 'anna');
SELECT crm.subscribe(endpoint => 'anna-chat', rule => 'backlog');
SELECT crm.subscribe(endpoint => 'anna-chat', kpi => 'ticket_backlok');
SELECT crm.subscribe(endpoint => 'anna-chat', unit => 'moon');
SELECT crm.subscribe(endpoint => 'anna-chat', unit => 'apac') AS number \gset
SELECT crm.unsubscribe(:number), crm.unsubscribe(:number) AS again;

-- a silence keeps the alert and says nothing; what still fires at its end is said then, with the number of then
SELECT crm.create_rule('win-low', 'win_rate', fire_level => 0.3, endpoint => 'anna-chat');
SELECT crm.silence(now() - interval '1 hour');
SELECT crm.silence(now() + interval '1 hour', unit => 'acme', comment => 'reorganisation') AS silence;
SELECT set_deals('emea', 1, 9), set_deals('apac', 1, 9);
SELECT * FROM pass();
SELECT state, round(value, 2) AS value FROM crm.alert;
SELECT count(*) FROM crm.delivery;
SELECT * FROM crm.explain_alert(1, 'anna');
UPDATE crm.silence SET until = now();
SELECT set_deals('apac', 0, 10);
SELECT * FROM pass();
SELECT * FROM pass();
SELECT type, state, (SELECT body::json #>> '{data,value}' FROM crm.delivery_queue) AS value FROM crm.delivery;

-- who may see and acknowledge it: Anna, whose unit it is; not Ben, for whom it does not exist; nobody without a name
SET ROLE regress_alert_anna;
SELECT id, rule, state FROM crm.alert;
SELECT crm.acknowledge(1, 'on it');
SELECT acknowledged_by, comment FROM crm.alert;
SELECT id, state, endpoint FROM crm.delivery;
SELECT crm.create_rule('r', 'win_rate', fire_level => 0.3);
SELECT * FROM crm.claim_deliveries('me', 1, '1 minute');
SELECT body FROM crm.delivery_queue;
SET ROLE regress_alert_ben;
SELECT id, rule, state FROM crm.alert;
SELECT id FROM crm.delivery;
SELECT crm.acknowledge(1);
SELECT crm.acknowledge(2);
RESET ROLE;
CREATE ROLE regress_alert_nobody;
SET ROLE regress_alert_nobody;
SELECT id FROM crm.alert;
SELECT crm.acknowledge(1);
RESET ROLE;

-- why somebody hears of it, and somebody else does not
SELECT crm.create_endpoint('ben-chat', 'webhook', 'ben', 'ben-chat');
SELECT question, answer, regexp_replace(detail, 'msg_\w+', 'msg_') AS detail
FROM (SELECT regexp_replace(question, 'msg_\w+', 'msg_') AS question, answer, detail FROM crm.explain_alert(1, 'anna')) e;
SELECT * FROM crm.explain_alert(1, 'ben');
SELECT * FROM crm.explain_alert(1, 'carla');
SELECT * FROM crm.explain_alert(7, 'anna');
SELECT set_deals('emea', 9, 1), set_deals('apac', 9, 1);
SELECT * FROM pass();
SELECT crm.acknowledge(1);

-- what the rule would have done
SELECT set_deals('emea', 0, 10, 40), set_deals('apac', 0, 10, 40), set_deals('emea', 10, 10, 38);
SELECT crm.kpi_today() - day AS days_ago, round(value, 2) AS value, reading, phase
FROM crm.backtest_rule('win-low', crm.kpi_today() - 41, crm.kpi_today() - 30);
SELECT * FROM crm.backtest_rule('win', current_date, current_date);
SELECT * FROM crm.backtest_rule('win-low', current_date, current_date - 1);
-- nor of days that are too far away for times
SELECT * FROM crm.backtest_rule('win-low', until => '5874000-01-01');
SELECT * FROM crm.backtest_rule('win-low', '4713-12-01 BC', '4713-12-31 BC');

-- not there yet
SELECT crm.act('token', 'acknowledge');

-- what status says
SELECT crm.daemon_beat('host-1', '0.1.0');
SELECT item, state, amount, detail FROM crm.status WHERE room = 'alert';
UPDATE crm.daemon SET beat_at = now() - interval '2 minutes';
SELECT item, state, amount, detail, hint FROM crm.status WHERE item = 'daemons';
\set QUIET on
DROP OWNED BY regress_alert_anna, regress_alert_ben, regress_alert_nobody;
DROP ROLE regress_alert_anna, regress_alert_ben, regress_alert_nobody;
