-- An alert that nobody answers is told to the next: once for each step, with who was told before, and to whom the rights allow it.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set world :srcdir '/alert_world.sql'
\i :world
\set SHOW_CONTEXT never
SET intervalstyle = 'postgres';
SET timezone = 'UTC';
-- Cyd leads emea, Dan all; Eve leads emea too, and may see no number; Flo is told by name
SELECT count(crm.create_principal(p, initcap(p))) FROM unnest('{cyd,dan,eve,flo}'::text[]) p;
SELECT crm.create_role('head', 'Head') \g /dev/null
SELECT count(crm.add_member(p, u, r)) FROM (VALUES ('cyd', 'emea', 'head'), ('cyd', 'emea', 'watch'), ('dan', 'acme', 'head'), ('dan', 'acme', 'watch'), ('eve', 'emea', 'head'), ('flo', 'acme', 'watch')) m (p, u, r);
SELECT count(crm.create_endpoint(p || '-chat', 'webhook', p, p)) FROM unnest('{anna,cyd,dan,eve}'::text[]) p;
SELECT crm.create_rule('win-low', 'win_rate', unit => 'emea', fire_level => 0.3, clear_level => 0.4, endpoint => 'anna-chat');
CREATE FUNCTION later(span interval) RETURNS void LANGUAGE sql AS $$
    UPDATE crm.rule_state SET since = since - span;
    UPDATE crm.alert_log SET fired_at = fired_at - span, escalate_at = escalate_at - span;
    UPDATE crm.alert_transition SET at = at - span;
    UPDATE crm.silence SET since = since - span, until = until - span;
$$;
CREATE VIEW told AS SELECT a.alert, a.after, a.meant, a.told FROM crm.alert_escalation a ORDER BY a.alert, a.after;
CREATE VIEW waits AS SELECT l.id, l.state, date_trunc('minute', l.escalate_at - now() + interval '30 seconds') AS looked_at_in FROM crm.alert_log l ORDER BY l.id;

-- what makes no sense
SELECT crm.set_escalation('win-lwo', '30 minutes', role => 'head');
SELECT crm.set_escalation('win-low', '0', role => 'head');
SELECT crm.set_escalation('win-low', NULL, role => 'head');
SELECT crm.set_escalation('win-low', '2 years', role => 'head');
SELECT crm.set_escalation('win-low', '30 minutes', 'dan', 'head');
SELECT crm.set_escalation('win-low', '30 minutes', 'dna');
SELECT crm.set_escalation('win-low', '30 minutes', role => 'haed');
SELECT crm.set_escalation('win-low', '30 minutes');
SELECT count(*) FROM crm.escalation;
-- a hint where nothing will be heard
SELECT crm.set_escalation('win-low', '30 minutes', 'eve');
SELECT crm.set_escalation('win-low', '2 hours', 'flo');
SELECT crm.set_escalation('win-low', '30 minutes', role => 'head'), crm.set_escalation('win-low', '1 hour', role => 'HEAD');
SELECT crm.set_escalation('win-low', '1 hour', 'DAN'), crm.set_escalation('win-low', '30 minutes', role => 'head');
SELECT crm.set_escalation('win-low', '2 days', 'dan');
SELECT rule, after, principal, role FROM crm.escalation ORDER BY after;
SELECT item, state, amount, detail, hint FROM crm.status WHERE item LIKE 'escalation%';

-- it fires: Anna hears of it, and nobody else
SELECT set_deals('emea', 1, 9);
SELECT * FROM pass();
SELECT crm.escalate_alerts();
SELECT * FROM waits;
SELECT later('29 minutes');
SELECT crm.escalate_alerts();
SELECT crm.escalate_alerts(0);
-- half an hour: the heads of emea, of whom Eve may not see the number; Dan, the head above, is not meant
SELECT later('1 minute');
SELECT question, answer, regexp_replace(detail, '\d{4}-.*Z', '<when>') AS detail FROM crm.explain_alert(1, 'cyd') WHERE question LIKE '%after%';
SELECT crm.escalate_alerts(), crm.escalate_alerts();
SELECT * FROM told;
SELECT * FROM waits;
SELECT endpoint, type, state FROM crm.delivery ORDER BY id;
SELECT body::jsonb ->> 'type' AS type, body::jsonb #>> '{data,state}' AS state, body::jsonb #>> '{data,value}' AS value, body::jsonb #>> '{data,escalation,step}' AS step,
       jsonb_path_query_array(body::jsonb, '$.data.escalation.told[*].name') AS told_before, units,
       (body::jsonb #>> '{data,escalation,unanswered_since}')::timestamptz = (SELECT date_trunc('milliseconds', fired_at) FROM crm.alert_log WHERE id = 1) AS since_it_fired
FROM crm.delivery_queue WHERE type = 'alert.escalated';
SELECT from_state, to_state, comment FROM crm.alert_transition ORDER BY transition;
SELECT question, answer, regexp_replace(detail, '\d{4}-.*Z', '<when>') AS detail FROM crm.explain_alert(1, 'cyd') WHERE question NOT LIKE '%what became%';
SELECT question, answer, regexp_replace(detail, '\d{4}-\S*Z', '<when>') AS detail FROM crm.explain_alert(1, 'eve') WHERE question LIKE '%after%' OR question LIKE 'may%';
-- in three languages
CREATE VIEW said AS
SELECT s.said ->> 'title' AS title, s.said ->> 'sentence' AS sentence, f.fact
FROM crm.said_message('{"type": "alert.escalated", "data": {"kpi": {"key": "k", "label": "Win rate", "measured_in": "share"}, "unit": {"name": "EMEA"}, "kind": "threshold", "direction": "below",
        "value": 0.1, "level": 0.3, "escalation": {"step": 2, "unanswered_since": "2026-11-23T09:30:00.000Z",
        "told": [{"principal": "anna", "name": "Anna", "at": "2026-11-23T09:30:00.000Z"}, {"principal": "cyd", "name": "Cyd", "at": "2026-11-23T10:00:00.000Z"}]}}}', '{}', 'cyd') s (said),
    LATERAL (SELECT f.fact FROM jsonb_array_elements(s.said -> 'facts') f (fact) WHERE f.fact ->> 1 LIKE '%Cyd%') f;
SELECT * FROM said;
SELECT crm.set_language('cyd', 'es', 'UTC');
SELECT * FROM said;
SELECT crm.set_language('cyd', 'nl', 'Europe/Amsterdam');
SELECT * FROM said;
-- in every receiver's format
SELECT k.kind, octet_length(b.body) > 300 AS written,
       CASE k.kind WHEN 'email' THEN substring(b.body FROM '(?n)^Subject: (.*?)\r?$')
            ELSE b.body::jsonb #>> CASE k.kind WHEN 'webhook' THEN '{type}' WHEN 'slack' THEN '{blocks,0,text,text}'
                WHEN 'teams' THEN '{attachments,0,content,body,0,inlines,0,text}' WHEN 'google_chat' THEN '{cardsV2,0,card,header,title}' WHEN 'discord' THEN '{embeds,0,title}'
                WHEN 'pagerduty' THEN '{event_action}' WHEN 'alertmanager' THEN '{0,annotations,summary}' WHEN 'cloudevents' THEN '{data,kpi,key}' END::text[] END AS title
FROM crm.endpoint_kinds() k, crm.delivery_queue q, LATERAL (SELECT crm.endpoint_body(k.kind, q.body::json, 'cyd', 'msg', '{}')) b (body)
WHERE q.type = 'alert.escalated' ORDER BY k.kind COLLATE "C";

-- an hour: Dan; who was told by a step before is not told again, so nothing after two days
SELECT later('30 minutes');
SELECT crm.escalate_alerts(), crm.escalate_alerts();
SELECT later('1 hour');
SELECT crm.escalate_alerts(), crm.escalate_alerts();
SELECT later('2 days');
SELECT crm.escalate_alerts(), crm.escalate_alerts();
SELECT * FROM told;
SELECT * FROM waits;
SELECT endpoint, type, state FROM crm.delivery ORDER BY id;
-- a right that is lost before it is sent cancels the message; the others go
SELECT crm.remove_member('dan', 'acme', 'watch') \g /dev/null
SELECT c.endpoint, c.body::jsonb ->> 'type' AS type FROM crm.claim_deliveries('test', 10, '1 minute') c ORDER BY 1;
SELECT endpoint, type, state, detail FROM crm.delivery WHERE state = 'cancelled';
SELECT crm.add_member('dan', 'acme', 'watch') IS NOT NULL AS back;
-- the end is told to those who heard of it
SELECT set_deals('emea', 5, 5);
SELECT * FROM pass();
SELECT endpoint, type, state FROM crm.delivery WHERE type = 'alert.resolved' ORDER BY 1;
SELECT * FROM waits;
SELECT count(*) FROM crm.finish_deliveries((SELECT jsonb_agg(jsonb_build_object('id', q.id, 'epoch', q.epoch, 'outcome', 'delivered')) FROM crm.delivery_queue q WHERE q.state = 'leased'));

-- the next alert begins anew; an acknowledgement ends it, also what was written and not sent
SELECT set_deals('emea', 1, 9);
SELECT * FROM pass();
SELECT later('31 minutes');
SELECT crm.escalate_alerts();
SELECT crm.acknowledge(2, 'on it');
SELECT later('3 days');
SELECT crm.escalate_alerts();
SELECT * FROM told WHERE alert = 2;
SELECT * FROM waits;
SELECT count(*) FROM crm.claim_deliveries('test', 10, '1 minute');
SELECT endpoint, type, state, detail FROM crm.delivery WHERE alert = 2 ORDER BY id;
SELECT question, answer, regexp_replace(detail, '\d{4}-\S*Z', '<when>') AS detail FROM crm.explain_alert(2, 'dan') WHERE question LIKE '%after%';
SELECT set_deals('emea', 5, 5);
SELECT * FROM pass();

-- a silence that comes later holds it up, and the time begins anew when it ends; what fires in a silence waits for its end
SELECT set_deals('emea', 1, 9);
SELECT * FROM pass();
SELECT crm.silence(now() + interval '2 hours', rule => 'win-low') IS NOT NULL AS silent;
SELECT later('31 minutes');
SELECT crm.escalate_alerts();
SELECT * FROM waits WHERE id = 3;
SELECT later('90 minutes');
SELECT crm.escalate_alerts();
SELECT * FROM waits WHERE id = 3;
SELECT later('30 minutes');
SELECT crm.escalate_alerts();
SELECT * FROM told WHERE alert = 3;
-- back and held: nothing is told; a breach again, and it goes on where it was
UPDATE crm.rule SET clear_for = '10 minutes';
SELECT set_deals('emea', 5, 5);
SELECT * FROM pass();
SELECT later('5 minutes');
SELECT crm.escalate_alerts();
SELECT * FROM waits WHERE id = 3;
SELECT set_deals('emea', 1, 9);
SELECT * FROM pass();
SELECT * FROM waits WHERE id = 3;
-- the number of now is not asked of a rule that is switched off
SELECT crm.enable_rule('win-low', false);
SELECT later('3 days');
SELECT crm.escalate_alerts();
SELECT * FROM told WHERE alert = 3;
SELECT crm.enable_rule('win-low');
SELECT * FROM pass();
SELECT crm.escalate_alerts(), crm.escalate_alerts(), crm.escalate_alerts(), crm.escalate_alerts();
SELECT * FROM told WHERE alert = 3;
UPDATE crm.rule SET clear_for = '0';
SELECT set_deals('emea', 5, 5);
SELECT * FROM pass();
SELECT crm.silence(now() + interval '1 hour', rule => 'win-low') IS NOT NULL AS silent;
SELECT set_deals('emea', 1, 9);
SELECT * FROM pass();
SELECT state, escalate_at FROM crm.alert_log WHERE id = 4;
SELECT later('61 minutes');
SELECT * FROM pass();
SELECT * FROM waits WHERE id = 4;
-- a step that is taken away, and one that is new: open alerts go by it
SELECT crm.set_escalation('win-low', '30 minutes'), crm.set_escalation('win-low', '1 hour'), crm.set_escalation('win-low', '2 hours');
SELECT crm.set_escalation('win-low', '30 minutes');
SELECT crm.escalate_alerts();
SELECT * FROM waits WHERE id = 4;
SELECT crm.set_escalation('win-low', '10 minutes', role => 'head');
-- nobody in emea holds the role any more: the next above does
SELECT sum(crm.remove_member(p, 'emea', 'head')) FROM unnest('{cyd,eve}'::text[]) p;
SELECT later('10 minutes');
SELECT crm.escalate_alerts();
SELECT * FROM told WHERE alert = 4;
-- an inhibition holds it up, too
SELECT crm.create_rule('all-low', 'win_rate', fire_level => 0.9) \g /dev/null
UPDATE crm.rule SET inhibited_by = '{all-low}' WHERE rule = 'win-low';
SELECT crm.set_escalation('win-low', '11 minutes', 'cyd');
SELECT * FROM pass();
SELECT later('1 minute');
SELECT crm.escalate_alerts();
SELECT * FROM waits;
SELECT crm.set_escalation('all-low', '1 second', role => 'watch');
SELECT crm.add_unit_role('apac', 'head');
-- nobody was subscribed: the step is the first that anybody hears of it, and Flo, who has no endpoint, does not
SELECT later('1 minute');
UPDATE crm.rule SET fire_level = 0, clear_level = 0 WHERE rule = 'win-low';
SELECT rule, state FROM pass();
SELECT crm.escalate_alerts();
SELECT t.* FROM told t JOIN crm.alert a ON a.id = t.alert WHERE a.rule = 'all-low';
SELECT endpoint, type, body::jsonb #>> '{data,escalation,told}' AS told_before FROM crm.delivery_queue WHERE rule = 'all-low' ORDER BY 1;
UPDATE crm.rule SET fire_level = 0, clear_level = 0;
SELECT * FROM pass();
SELECT endpoint, type FROM crm.delivery WHERE rule = 'all-low' ORDER BY id;
-- a rule that is gone leaves nothing to look at
UPDATE crm.alert_log SET escalate_at = now() WHERE id = 1;
SELECT crm.escalate_alerts();
SELECT count(*) FROM crm.alert_log WHERE escalate_at IS NOT NULL;
DELETE FROM crm.rule WHERE rule = 'win-low';
SELECT count(*) FROM crm.escalation;
\set QUIET on
DROP OWNED BY regress_alert_anna, regress_alert_ben;
DROP ROLE regress_alert_anna, regress_alert_ben;
