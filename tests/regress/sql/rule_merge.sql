-- Alerts about records follow their rows: a merge moves them, or ends what would be told twice; its undoing gives them back, in any order.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET timezone = 'UTC';
SELECT crm.create_unit('firm', 'The firm', 'business'), crm.create_unit('north', 'North', 'geographic', 'firm'), crm.create_unit('south', 'South', 'geographic', 'firm') \g /dev/null
SELECT crm.set_calendar('default', 'UTC', '{"mon": ["00:00", "24:00"], "tue": ["00:00", "24:00"], "wed": ["00:00", "24:00"], "thu": ["00:00", "24:00"], "fri": ["00:00", "24:00"], "sat": ["00:00", "24:00"], "sun": ["00:00", "24:00"]}') \g /dev/null
SELECT crm.create_principal('anna', 'Anna', 'channel'), crm.create_principal('ben', 'Ben', 'channel'), crm.create_role('agent'), crm.grant_privilege('agent', 'ticket', 'read', 'below') \g /dev/null
SELECT crm.add_member('anna', 'north', 'agent'), crm.add_member('ben', 'south', 'agent') \g /dev/null
CREATE TABLE public.ticket (id integer PRIMARY KEY, region text, priority text, opened timestamptz, replied timestamptz, solved timestamptz);
-- 1 is not late, 2, 3, 4 and 5 are
INSERT INTO ticket VALUES (1, 'north', 'high', now() - interval '1 hour'), (2, 'north', 'high', now() - interval '9 hours'), (3, 'north', 'high', now() - interval '11 hours'),
                          (4, 'south', 'high', now() - interval '10 hours'), (5, 'south', 'high', now() - interval '12 hours');
SELECT count(*) FROM crm.adopt('public.ticket', 'ticket', department => 'firm', columns => '{"unit": "region", "priority": "priority", "opened_at": "opened", "first_response_at": "replied", "resolved_at": "solved"}') \g /dev/null
CALL crm.backfill('public.ticket');
SELECT crm.set_sla('urgent', 'ticket', 'priority = ''high''', 'resolution', '8 hours') \g /dev/null
SELECT count(*) FROM crm.protect('public.ticket', '{"organisation": "region"}') \g /dev/null
CREATE FUNCTION pass() RETURNS TABLE (rule text, state text) LANGUAGE plpgsql AS $$
BEGIN
    UPDATE crm.rule_schedule SET next_at = now() WHERE leased_until IS NULL;
    RETURN QUERY SELECT c.rule, crm.finish_rule(c.rule, c.epoch) FROM crm.claim_rules('test', 10, '1 minute') c ORDER BY 1;
END
$$;
CREATE FUNCTION last_merge() RETURNS bigint LANGUAGE sql AS 'SELECT max(merge_id) FROM crm.merge_log';
SELECT crm.create_endpoint('anna-chat', 'webhook', 'anna', 'a'), crm.create_endpoint('ben-chat', 'webhook', 'ben', 'b') \g /dev/null
SELECT crm.create_rule('late', sla => 'urgent') \g /dev/null
UPDATE crm.rule SET created_at = now() - interval '1 day';
SELECT crm.subscribe(endpoint => e, rule => 'late') FROM unnest('{anna-chat,ben-chat}'::text[]) e \g /dev/null
CREATE VIEW stood AS SELECT l.id, l.record_key, l.subject, l.state, round(extract(epoch FROM now() - l.due_at) / 3600) AS late_by, l.reason FROM crm.alert_log l ORDER BY l.id;
CREATE VIEW heard AS SELECT d.alert, d.endpoint, string_agg(d.type, ', ' ORDER BY d.id) AS types FROM crm.delivery d GROUP BY 1, 2 ORDER BY 1, 2;
SELECT * FROM pass();
SELECT * FROM stood;
SELECT * FROM heard;

-- into a row that is not late: the alert is about that one, and over with the next evaluation
SELECT crm.merge('ticket', '1', '{2}', 'twice') IS NOT NULL AS merged;
SELECT * FROM stood WHERE id = 4;
SELECT rule, subject, phase, alert FROM crm.rule_state ORDER BY subject;
SELECT crm.resolve_key('ticket', '2'), (SELECT id FROM crm.alert WHERE record_key = crm.resolve_key('ticket', '2')) AS alert;
SELECT * FROM pass();
SELECT * FROM stood WHERE id = 4;
SELECT * FROM heard WHERE alert = 4;
SELECT transition, from_state, to_state, subject, comment FROM crm.alert_transition WHERE alert = 4 ORDER BY transition;
-- taken back: what was told is the record's own again, and it is late anew
SELECT count(*) > 0 AS unmerged FROM crm.unmerge(last_merge());
SELECT * FROM stood WHERE id = 4;
SELECT * FROM pass();
SELECT * FROM stood WHERE record_key = '2';
-- taken back before anybody looked: nothing was ever told of it
SELECT crm.merge('ticket', '1', '{2}', 'twice') IS NOT NULL AS merged;
SELECT * FROM stood WHERE id = 5;
SELECT count(*) > 0 AS unmerged FROM crm.unmerge(last_merge());
SELECT * FROM pass();
SELECT * FROM stood WHERE id = 5;
SELECT * FROM heard WHERE alert = 5;
SELECT transition, from_state, to_state, subject, comment FROM crm.alert_transition WHERE alert = 5 ORDER BY transition;

-- both are late: one goes on, the other ends at once, and those who may read what is left are told
SELECT crm.merge('ticket', '3', '{2}', 'twice') IS NOT NULL AS merged;
SELECT * FROM stood WHERE record_key = '3';
SELECT * FROM heard WHERE alert IN (2, 3, 5);
SELECT * FROM pass();
SELECT * FROM stood WHERE record_key = '3';
SELECT count(*) > 0 AS unmerged FROM crm.unmerge(last_merge());
SELECT * FROM pass();
SELECT * FROM stood WHERE record_key IN ('2', '3');

-- into another region: who may read what is left hears of it, who might read what went does not any more
SELECT crm.merge('ticket', '1', '{4}', 'twice') IS NOT NULL AS merged;
SELECT id, crm.audience_may_hear(l, 'anna', ARRAY[l.unit]) AS anna, crm.audience_may_hear(l, 'ben', ARRAY[l.unit]) AS ben FROM crm.alert_log l WHERE record_key = '1';
SELECT endpoint, count(*), string_agg(DISTINCT body::jsonb #>> '{data,record,key}', ', ') AS records FROM crm.claim_deliveries('test', 100, '1 minute') GROUP BY 1 ORDER BY 1;
SELECT alert, endpoint, type, state, detail FROM crm.delivery WHERE state = 'cancelled';
-- a clock that runs on in the row that is left: the alert goes on with that one's time
UPDATE ticket SET opened = now() - interval '20 hours' WHERE id = 1;
SELECT * FROM pass();
SELECT * FROM stood WHERE record_key = '1';
SELECT unit FROM crm.alert_log WHERE record_key = '1';
-- a chain, taken back from its beginning
SELECT crm.merge('ticket', '3', '{1}', 'twice') IS NOT NULL AS merged;
SELECT id, record_key, state FROM stood WHERE record_key IN ('1', '3', '4') ORDER BY 1;
SELECT count(*) > 0 AS unmerged FROM crm.unmerge(last_merge() - 1);
SELECT id, record_key, subject, state FROM stood WHERE record_key IN ('1', '3', '4') ORDER BY 1;
SELECT count(*) > 0 AS unmerged FROM crm.unmerge(last_merge());
SELECT id, record_key, subject, state FROM stood WHERE record_key IN ('1', '3', '4') ORDER BY 1;
SELECT * FROM pass();
SELECT id, record_key, state FROM stood WHERE state = 'firing' ORDER BY 1;
-- every open alert has its state, every state its alert
SELECT count(*) AS torn FROM crm.alert_log l FULL JOIN crm.rule_state s ON s.alert = l.id
WHERE (l.state IN ('pending', 'firing', 'acknowledged', 'held')) IS DISTINCT FROM (s.phase <> 'ok') AND NOT (l.state = 'resolved' AND s.rule IS NULL) OR l.subject <> s.subject;
SELECT count(*) AS twice FROM (SELECT rule, subject, transition FROM crm.alert_transition GROUP BY 1, 2, 3 HAVING count(*) > 1) t;
-- an erasure of what is left takes them along
SELECT crm.merge('ticket', '3', '{2}', 'twice') IS NOT NULL AS merged;
SELECT crm.alerts_erased('public.ticket', '{3}', 'delete') AS alerts;
SELECT count(*) FROM crm.alert_log WHERE record_key IN ('2', '3');
