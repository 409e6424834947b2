-- sql/starter.sql: ready tables for a team that has none, on which doctor finds nothing to mend, and a first day on them.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set starter :srcdir '/../../sql/starter.sql'
CREATE ROLE regress_starter_admin;
SELECT crm.grant_admin('regress_starter_admin');
GRANT CREATE ON DATABASE scratch TO regress_starter_admin;
SET client_min_messages = warning;
-- by an administrator who is no superuser
SET ROLE regress_starter_admin;
\set ECHO none
\o /dev/null
\set ON_ERROR_STOP on
\i :starter
\set ON_ERROR_STOP off
\o
\set ECHO all
RESET client_min_messages;
RESET ROLE;
SELECT entity, relation, funnel FROM crm.adoption ORDER BY 1;
SELECT relation, room, state FROM crm.filling WHERE state <> 'ready';
-- each attribute of each entity but those that a small team does not keep
SELECT e.entity, string_agg(e.attribute, ' ' ORDER BY e.attribute) AS not_mapped FROM crm.entity_attribute e
WHERE e.entity <> 'stage_change' AND NOT EXISTS (SELECT FROM crm.adoption a JOIN crm.adoption_attribute t USING (relation) WHERE a.entity = e.entity AND t.attribute = e.attribute)
GROUP BY 1 ORDER BY 1;

-- What crmd does in its first minute; then doctor says nothing but what only the team can decide.
CREATE FUNCTION minute() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM crm.daemon_beat('test', '0'), crm.resolve_pending(), crm.fold(NULL), crm.take_forecast_snapshots();
    WHILE crm.pack_journeys() > 0 LOOP NULL; END LOOP;
END
$$;
SELECT minute();
SELECT room, item, state, hint FROM crm.doctor() WHERE item <> 'role ' || quote_ident(session_user) ORDER BY 1, 2;
SELECT room, item, state FROM crm.status WHERE state <> 'ok' ORDER BY 1, 2;

-- The first day.
SET ROLE regress_starter_admin;
INSERT INTO team.product VALUES ('basic', 'Basic', 'plans', 50);
INSERT INTO team.campaign VALUES ('fair', 'Spring fair', 'events', '2026-03-01', '2026-03-03', 4000);
INSERT INTO team.lead (name, company, email, phone, campaign, channel, created_at) VALUES ('Ann Lee', 'Acme', 'ann@acme.example', '+31 20 123 4567', 'fair', 'events', '2026-03-02');
INSERT INTO team.customer (kind, name, created_at) VALUES ('organisation', 'Acme', '2026-03-03');
INSERT INTO team.customer (organisation, name, email, phone, created_at) VALUES (1, 'Ann Lee', 'ann@acme.example', '0031201234567', '2026-03-03');
UPDATE team.lead SET stage = 'handed over', converted_to = 2;
INSERT INTO team.deal (customer, name, product, campaign, amount, created_at) VALUES (2, 'Ten seats', 'basic', 'fair', 500, '2026-03-03'), (2, 'Another', 'basic', NULL, 100, '2026-03-04');
UPDATE team.deal SET stage = 'won', closed_at = '2026-03-10' WHERE id = 1;
UPDATE team.deal SET stage = 'lost', closed_at = '2026-03-11', lost_reason = 'price' WHERE id = 2;
INSERT INTO team.project (customer, deal, promised, promised_on, started_at) VALUES (2, 1, 'ten seats, with training', '2026-04-01', '2026-03-11');
INSERT INTO team.ticket (customer, subject, channel, opened_at, first_response_at, resolved_at, stage) VALUES
    (2, 'How do I invite people?', 'email', '2026-03-20 10:00+00', '2026-03-20 10:30+00', '2026-03-20 12:00+00', 'resolved');
INSERT INTO team.subscription (customer, product, started_on, monthly_amount) VALUES (2, 'basic', '2026-03-10', 500);
INSERT INTO team.touch (customer, at, channel, campaign, kind) VALUES (2, '2026-03-02', 'events', 'fair', 'visit');
INSERT INTO team.spend (on_date, channel, campaign, amount) VALUES ('2026-03-01', 'events', 'fair', 3900);
INSERT INTO team.survey (customer, kind, score, at) VALUES (2, 'nps', 9, '2026-03-21');
INSERT INTO team.activity (customer, kind, subject, at) VALUES (2, 'call', 'said hello', '2026-03-05');
RESET ROLE;
SELECT minute();
SET ROLE regress_starter_admin;
-- a lead and a person with the same e-mail and phone are one customer
SELECT count(DISTINCT customer_id) AS customers, count(*) AS records FROM crm.customer_record;
SELECT kpi_key, sum(numerator) AS numerator, sum(denominator) AS denominator FROM crm_bi.kpi_value
WHERE kpi_key IN ('win_rate', 'won_value', 'leads', 'tickets', 'mrr') AND day BETWEEN '2026-03-01' AND '2026-03-31' GROUP BY 1 ORDER BY 1;
SELECT e.value ->> 'kind' AS kind, e.value ->> 'subject' AS subject
FROM crm.customer_record r, jsonb_array_elements(crm.customer_360(r.customer_id) -> 'story') e
WHERE r.relation = 'team.customer'::regclass AND r.record_key = '2' ORDER BY e.value ->> 'at', 1, 2;
-- protecting the tables, later, asks for nothing that they do not have
SELECT count(*) > 0 AS protected FROM unnest('{customer,lead,deal,project,ticket,subscription,touch,spend,survey,activity}'::text[]) t,
    LATERAL crm.protect(('team.' || t)::regclass, '{"organisation": "unit"}');
SELECT count(*) FROM team.deal;
RESET ROLE;
SELECT room, item, state, hint FROM crm.doctor() WHERE state IN ('failed', 'warning', 'broken') ORDER BY 1, 2;
-- and away; the tables stay
SELECT crm.disown_all() AS left;
SELECT count(*) FROM team.deal;
SET client_min_messages = warning;
DROP OWNED BY regress_starter_admin CASCADE;
DROP ROLE regress_starter_admin;
