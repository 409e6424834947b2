-- States of rules: held, flapping, silenced, inhibited, no data; every transition is kept.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set world :srcdir '/alert_world.sql'
\i :world
\set SHOW_CONTEXT never
SET intervalstyle = 'postgres';
SELECT crm.create_rule('r', 'win_rate', fire_level => 0.3, clear_for => '-1 minute');
SELECT crm.create_rule('r', 'win_rate', fire_level => 0.3, flap_limit => 0);
SELECT crm.create_rule('r', 'win_rate', fire_level => 0.3, inhibited_by => '{nobody}');
SELECT crm.create_rule('r', 'win_rate', fire_level => 0.3, inhibited_by => '{NULL}');
CREATE FUNCTION later(span interval) RETURNS void LANGUAGE sql AS $$
    UPDATE crm.rule_state SET since = since - span;
    UPDATE crm.alert_log SET fired_at = fired_at - span;
$$;
CREATE VIEW kept AS SELECT t.rule, t.subject, t.transition AS n, t.alert, t.from_state, t.to_state, t.comment FROM crm.alert_transition t ORDER BY t.rule, t.subject, t.transition;

-- held: clear has to last; a breach in between is the same alert, and stays acknowledged
SELECT crm.create_endpoint('anna-chat', 'webhook', 'anna', 'anna-chat');
SELECT crm.create_rule('win-low', 'win_rate', unit => 'emea', fire_level => 0.3, clear_level => 0.4, clear_for => '10 minutes', endpoint => 'anna-chat');
SELECT rule, subject, state, reading FROM crm.rule_standing;
SELECT set_deals('emea', 1, 9);
SELECT * FROM pass();
SELECT crm.acknowledge(1, 'on it');
SELECT set_deals('emea', 5, 5);
SELECT * FROM pass();
SELECT later('9 minutes');
SELECT * FROM pass();
SELECT state, acknowledged_at IS NOT NULL AS acknowledged FROM crm.alert;
SELECT set_deals('emea', 35, 65); -- between the levels is not clear
SELECT * FROM pass();
SELECT set_deals('emea', 5, 5);
SELECT later('9 minutes');
SELECT * FROM pass();
SELECT later('9 minutes');
SELECT * FROM pass();
SELECT set_deals('emea', 0, 0); -- no number: it stays held
SELECT later('2 minutes');
SELECT * FROM pass();
SELECT rule, subject, state, reading, detail FROM crm.rule_standing;
SELECT set_deals('emea', 5, 5);
SELECT * FROM pass();
SELECT * FROM kept;
SELECT type, count(*) FROM crm.delivery GROUP BY 1 ORDER BY 1;
SELECT rule, subject, state, reading, detail FROM crm.rule_standing;

-- flapping: twice within an hour is enough here, then clear has to last for half an hour
SELECT crm.enable_rule('win-low', false);
SELECT crm.create_rule('flap', 'win_rate', unit => 'emea', fire_level => 0.3, flap_limit => 2, flap_within => '1 hour', endpoint => 'anna-chat');
SELECT set_deals('emea', 1, 9);
SELECT * FROM pass();
SELECT set_deals('emea', 5, 5);
SELECT * FROM pass();
SELECT set_deals('emea', 1, 9);
SELECT * FROM pass();
SELECT set_deals('emea', 5, 5);
SELECT * FROM pass();
SELECT detail FROM crm.rule_standing WHERE rule = 'flap';
SELECT later('29 minutes');
SELECT * FROM pass();
SELECT later('1 minute');
SELECT * FROM pass();
SELECT later('1 hour'); -- calm again
SELECT set_deals('emea', 1, 9);
SELECT * FROM pass();
SELECT set_deals('emea', 5, 5);
SELECT * FROM pass();
SELECT * FROM kept WHERE rule = 'flap';

-- inhibited: by the same rule's alert of the unit above, and by a rule that is named; silenced for a time
DELETE FROM crm.rule;
SELECT crm.create_unit('iberia', 'Iberia', 'geographic', 'emea');
SELECT set_deals('iberia', 0, 10);
SELECT crm.create_rule('all', 'win_rate', scope => 'below', fire_level => 0.3, inhibited_by => '{all}', endpoint => 'anna-chat');
SELECT crm.create_rule('few', 'won_count', 'threshold', scope => 'below', fire_level => 1, inhibited_by => '{all}', endpoint => 'anna-chat');
SELECT set_deals('emea', 2, 1), set_deals('apac', 0, 0);
SELECT * FROM pass();
SELECT rule, subject, state FROM crm.rule_standing ORDER BY 1, 2;
SELECT d.rule, d.unit, d.type FROM crm.delivery d WHERE d.rule IN ('all', 'few') ORDER BY 1, 2;
SELECT rule, subject, from_state, to_state, regexp_replace(comment, '\d+', 'N') AS comment FROM kept WHERE rule IN ('all', 'few') AND subject = 'iberia';
-- the alert above is over: those below are told now, once, unless they are silenced
SELECT crm.silence(now() + interval '1 hour', rule => 'few') AS silence \gset
SELECT set_deals('emea', 20, 0);
SELECT * FROM pass();
SELECT * FROM pass();
SELECT rule, subject, state FROM crm.rule_standing ORDER BY 1, 2;
SELECT d.rule, d.unit, d.type FROM crm.delivery d WHERE d.rule IN ('all', 'few') ORDER BY 1, 2, d.id;
SELECT crm.end_silence(:silence), crm.end_silence(:silence) AS again, crm.end_silence(4711) AS unknown;
SELECT * FROM pass();
SELECT rule, subject, from_state, to_state, regexp_replace(comment, '\d.*', 'N') AS comment FROM kept WHERE rule IN ('all', 'few') AND subject = 'iberia';
SELECT d.rule, d.unit, d.type FROM crm.delivery d WHERE d.rule = 'few' ORDER BY d.id;
-- Ben sees what is of apac
SET ROLE regress_alert_ben;
SELECT rule, subject, state FROM crm.rule_standing;
RESET ROLE;
\set QUIET on
DROP OWNED BY regress_alert_anna, regress_alert_ben;
DROP ROLE regress_alert_anna, regress_alert_ben;
