-- Rules on clocks of service levels and on hand-overs: an alert for each record, told to those who may read it.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE ROLE regress_rule_anna;
CREATE ROLE regress_rule_ben;
SELECT crm.create_unit('firm', 'The firm', 'business'), crm.create_unit('north', 'North', 'geographic', 'firm'), crm.create_unit('south', 'South', 'geographic', 'firm') \g /dev/null
SELECT crm.set_calendar('default', 'UTC', '{"mon": ["00:00", "24:00"], "tue": ["00:00", "24:00"], "wed": ["00:00", "24:00"], "thu": ["00:00", "24:00"], "fri": ["00:00", "24:00"], "sat": ["00:00", "24:00"], "sun": ["00:00", "24:00"]}') \g /dev/null
SELECT crm.create_principal('anna', 'Anna', role_name => 'regress_rule_anna'), crm.create_principal('ben', 'Ben', role_name => 'regress_rule_ben'),
       crm.create_principal('desk', 'Desk', 'channel'), crm.create_role('agent'), crm.grant_privilege('agent', 'ticket', 'read', 'below'),
       crm.create_role('watch'), crm.grant_privilege('watch', 'kpi', 'total', 'organisation') \g /dev/null
SELECT crm.add_member('anna', 'north', 'agent'), crm.add_member('ben', 'south', 'agent'), crm.add_member('desk', 'firm', 'watch'), crm.add_member('ben', 'firm', 'watch') \g /dev/null
CREATE TABLE public.ticket (id integer PRIMARY KEY, region text, priority text, opened timestamptz, replied timestamptz, solved timestamptz);
INSERT INTO ticket VALUES (1, 'north', 'high', now() - interval '9 hours'), (2, 'north', 'high', now() - interval '5 hours'), (3, 'north', 'high', now() - interval '1 hour'),
                          (4, 'south', 'high', now() - interval '10 hours'), (5, 'south', 'low', now() - interval '20 hours'), (6, 'north', 'high', now() - interval '3 days');
SELECT count(*) FROM crm.adopt('public.ticket', 'ticket', department => 'firm', columns => '{"unit": "region", "priority": "priority", "opened_at": "opened", "first_response_at": "replied", "resolved_at": "solved"}') \g /dev/null
CALL crm.backfill('public.ticket');
SELECT crm.set_sla('urgent', 'ticket', 'priority = ''high''', 'resolution', '8 hours', warn_at => 0.5) \g /dev/null
GRANT SELECT ON ticket TO regress_rule_anna, regress_rule_ben;
SELECT count(*) FROM crm.protect('public.ticket', '{"organisation": "region"}') \g /dev/null
CREATE FUNCTION pass() RETURNS TABLE (rule text, state text) LANGUAGE plpgsql AS $$
BEGIN
    UPDATE crm.rule_schedule SET next_at = now() WHERE leased_until IS NULL;
    RETURN QUERY SELECT c.rule, crm.finish_rule(c.rule, c.epoch) FROM crm.claim_rules('test', 10, '1 minute') c ORDER BY 1;
END
$$;
SELECT crm.create_endpoint('anna-chat', 'webhook', 'anna', 'a'), crm.create_endpoint('ben-chat', 'webhook', 'ben', 'b'), crm.create_endpoint('desk-chat', 'webhook', 'desk', 'c') \g /dev/null
SELECT crm.create_rule('late', sla => 'urgent'), crm.create_rule('soon', kind => 'warning', sla => '*', unit => 'north');
SELECT crm.create_rule('r', sla => 'urgnet');
SELECT crm.create_rule('r', sla => 'urgent', warn_before => '1 hour');
SELECT crm.subscribe(endpoint => e, rule => r) FROM unnest('{anna-chat,ben-chat,desk-chat}'::text[]) e, unnest('{late,soon}'::text[]) r \g /dev/null
-- what was late before the rule was made is not told
SELECT * FROM pass();
SELECT count(*) FROM crm.alert;
UPDATE crm.rule SET created_at = now() - interval '1 day';
SELECT * FROM pass();
SELECT * FROM pass();
SELECT rule, subject, unit, state, relation, record_key, clock, round(extract(epoch FROM due_at - now()) / 3600) AS due_in FROM crm.alert ORDER BY rule, subject;
-- each audience hears of the records that it may read, whatever totals it may see
SELECT rule, alert, endpoint, type, (SELECT q.body::jsonb #>> '{data,record,key}' FROM crm.delivery_queue q WHERE q.id = d.id) AS key FROM crm.delivery d ORDER BY rule, endpoint, alert;
SELECT s.said ->> 'title' AS title, regexp_replace(s.said ->> 'sentence', 'due on .*', 'due on ...') AS sentence
FROM crm.delivery_queue q, crm.said_message(q.body::jsonb, '{}', 'anna') AS s (said) WHERE q.endpoint = 'anna-chat' ORDER BY q.rule, q.id;
SELECT question, answer, detail FROM crm.explain_alert((SELECT id FROM crm.alert WHERE rule = 'late' AND record_key = '1'), 'ben') WHERE question NOT LIKE '%endpoint%';
SET ROLE regress_rule_anna;
SELECT rule, record_key, state FROM crm.alert ORDER BY 1, 2;
SELECT rule, subject, state FROM crm.rule_standing ORDER BY 1, 2;
SELECT rule, endpoint FROM crm.delivery ORDER BY 1, 2;
SET ROLE regress_rule_ben;
SELECT rule, record_key, state FROM crm.alert ORDER BY 1, 2;
SELECT crm.acknowledge(id, 'mine') FROM crm.alert;
SELECT rule, endpoint FROM crm.delivery ORDER BY 1, 2;
RESET ROLE;
-- a right that is lost before it is sent cancels the message
SELECT crm.remove_member('ben', 'south', 'agent') \g /dev/null
SELECT endpoint, count(*) FROM crm.claim_deliveries('test', 10, '1 minute') GROUP BY 1 ORDER BY 1;
SELECT endpoint, state, detail FROM crm.delivery WHERE state = 'cancelled';
-- done: it resolves, and the next time is another alert whose transitions go on
UPDATE ticket SET solved = now() WHERE id = 1;
SELECT * FROM pass();
SELECT rule, record_key, state, reason FROM crm.alert WHERE record_key = '1' ORDER BY 1;
UPDATE ticket SET solved = NULL WHERE id = 1;
SELECT * FROM pass();
SELECT transition, alert, from_state, to_state FROM crm.alert_transition WHERE rule = 'late' AND subject LIKE '% 1' ORDER BY 1;
SELECT count(*) AS states_of_ok_records FROM crm.rule_state WHERE phase = 'ok';
-- the past year, without a rule having been there
SELECT crm.create_rule('unheard', sla => '*', unit => 'north', kind => 'warning'), crm.create_rule('unheard-late', sla => '*') \g /dev/null
SELECT 'warning' AS kind, count(*) FROM crm.backtest_rule('unheard') WHERE fires UNION ALL SELECT 'breach', count(*) FROM crm.backtest_rule('unheard-late') WHERE fires;
SELECT subject FROM crm.backtest_rule('unheard-late') ORDER BY 1;

-- an erasure takes what is said of a record along
SELECT crm.alerts_erased('public.ticket', '{1}', 'delete') AS alerts;
SELECT count(*) AS left_of_it FROM crm.alert_transition t WHERE t.subject LIKE '% 1';

-- hand-overs: an answer within two hours
SELECT crm.create_funnel('sales', 'opportunity', '[{"key": "mql", "department": "marketing"}, {"key": "deal", "department": "sales"}]') \g /dev/null
CREATE TABLE public.deals (id integer PRIMARY KEY, region text, opened timestamptz);
CREATE TABLE public.log (id integer PRIMARY KEY, deal integer REFERENCES deals, stage text, at timestamptz);
INSERT INTO deals VALUES (1, 'north', now() - interval '2 days'), (2, 'south', now() - interval '2 days'), (3, 'north', now() - interval '2 days');
INSERT INTO log VALUES (1, 1, 'mql', now() - interval '1 day'), (2, 1, 'deal', now() - interval '3 hours'), (3, 2, 'mql', now() - interval '1 day'), (4, 2, 'deal', now() - interval '90 minutes'),
                       (5, 3, 'mql', now() - interval '1 day'), (6, 3, 'deal', now() - interval '10 minutes');
SELECT count(*) FROM crm.adopt('public.deals', 'opportunity', department => 'sales', columns => '{"created_at": "opened", "unit": "region"}') \g /dev/null
SELECT count(*) FROM crm.adopt('public.log', 'stage_change', funnel => 'sales', columns => '{"record": {"column": "deal", "of": "public.deals"}, "stage": "stage", "at": "at"}') \g /dev/null
CALL crm.backfill('public.deals');
CALL crm.backfill('public.log');
SELECT crm.set_handover_limit('sales', 'marketing', 'sales', '2 hours', since => now() - interval '1 day') \g /dev/null
DELETE FROM crm.rule;
SELECT crm.create_rule('unanswered', handover => 'sales'), crm.create_rule('hurry', kind => 'warning', handover => '*');
UPDATE crm.rule SET created_at = now() - interval '1 day';
SELECT * FROM pass();
SELECT rule, record_key, unit, state, regexp_replace(clock, '\d+', 'N') AS clock, round(extract(epoch FROM due_at - now()) / 60) AS due_in FROM crm.alert WHERE rule IN ('unanswered', 'hurry') ORDER BY rule, record_key;
-- the table is open: who may select may know
SET ROLE regress_rule_anna;
SELECT count(*) FROM crm.alert WHERE rule IN ('unanswered', 'hurry');
RESET ROLE;
GRANT SELECT ON deals TO regress_rule_anna;
SET ROLE regress_rule_anna;
SELECT count(*) FROM crm.alert WHERE rule IN ('unanswered', 'hurry');
RESET ROLE;
SELECT crm.accept_handover(h.handover) IS NOT NULL AS accepted FROM crm.handover h WHERE h.record_key = '1';
SELECT * FROM pass();
SELECT rule, record_key, state FROM crm.alert WHERE rule IN ('unanswered', 'hurry') ORDER BY rule, record_key;
SELECT count(*) FROM crm.backtest_rule('hurry') WHERE fires;
-- of a table that is not adopted any more whoever may select may know, and nobody else hears
SELECT count(*) > 0 AS may FROM crm.grant_privilege('watch', 'opportunity', 'read', 'organisation');
SELECT p AS principal, crm.may_read_record(p, 'public.deals', '2', 'south') AS may FROM unnest('{anna,ben,desk}'::text[]) p;
SELECT crm.disown('public.deals') IS NULL AS disowned \g /dev/null
SELECT p AS principal, crm.may_read_record(p, 'public.deals', '2', 'south') AS may FROM unnest('{anna,ben,desk}'::text[]) p;
\set QUIET on
DROP OWNED BY regress_rule_anna, regress_rule_ben;
DROP ROLE regress_rule_anna, regress_rule_ben;
