-- What the tests of rules and deliveries share: an organisation, deals to win and lose, passes of what crmd does.
\set QUIET on
\set ECHO none
CREATE ROLE regress_alert_anna;
CREATE ROLE regress_alert_ben;
SELECT crm.create_unit('acme', 'Acme', 'business'), crm.create_unit('emea', 'EMEA', 'geographic', 'acme'),
       crm.create_unit('apac', 'APAC', 'geographic', 'acme') \g /dev/null
SELECT crm.create_principal('anna', 'Anna', role_name => 'regress_alert_anna'),
       crm.create_principal('ben', 'Ben', role_name => 'regress_alert_ben') \g /dev/null
-- Anna may see the numbers of everything, Ben those of apac
SELECT crm.create_role('watch'), crm.grant_privilege('watch', 'kpi', 'total', 'below') \g /dev/null
SELECT crm.add_member('anna', 'acme', 'watch'), crm.add_member('ben', 'apac', 'watch') \g /dev/null
CREATE TABLE public.deals (deal_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, region text, stage text,
                           opened timestamptz, closed timestamptz);
SELECT crm.create_funnel('sales', 'opportunity', '[{"key": "open", "department": "sales"},
    {"key": "won", "milestone": "won", "kind": "won"}, {"key": "lost", "kind": "lost"}]') \g /dev/null
SELECT count(*) FROM crm.adopt('public.deals', 'opportunity', department => 'sales', funnel => 'sales', columns =>
    '{"unit": "region", "stage": "stage", "created_at": "opened", "closed_at": "closed"}') \g /dev/null
SET client_min_messages = warning;
CALL crm.backfill('public.deals');
RESET client_min_messages;
-- the deals of a region that were decided on a day are these and no others
CREATE FUNCTION set_deals(unit text, won int, lost int, days_ago int DEFAULT 0) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    noon timestamptz := (crm.kpi_today() - days_ago + time '12:00') AT TIME ZONE 'UTC';
BEGIN
    DELETE FROM deals WHERE region = unit AND closed = noon;
    INSERT INTO deals (region, stage, opened, closed)
    SELECT unit, CASE WHEN n <= won THEN 'won' ELSE 'lost' END, noon - interval '3 days', noon
    FROM generate_series(1, won + lost) n;
END
$$;
-- one pass of the rules: claim, evaluate
CREATE FUNCTION pass() RETURNS TABLE (rule text, state text) LANGUAGE plpgsql AS $$
BEGIN
    UPDATE crm.rule_schedule SET next_at = now() WHERE leased_until IS NULL;
    RETURN QUERY SELECT c.rule, crm.finish_rule(c.rule, c.epoch) FROM crm.claim_rules('test', 10, '1 minute') c ORDER BY 1;
END
$$;
-- one pass of the outbox, every message with the same outcome
CREATE FUNCTION send(outcome text, detail text DEFAULT NULL, OUT sent text, OUT accepted int) LANGUAGE plpgsql AS $$
DECLARE
    results jsonb;
BEGIN
    UPDATE crm.delivery_queue SET next_at = now();
    SELECT string_agg(format('%s %s to %s (%s), attempt %s', c.body::jsonb ->> 'type', c.id, c.endpoint, c.secret_ref, c.attempt), '; ' ORDER BY c.id),
           jsonb_agg(jsonb_build_object('id', c.id, 'epoch', c.epoch, 'outcome', outcome, 'status', 200, 'detail', detail))
    INTO sent, results FROM crm.claim_deliveries('test', 10, '1 minute') c;
    accepted := crm.finish_deliveries(coalesce(results, '[]'));
END
$$;
-- what is queued and what is finished, without what differs from run to run
CREATE VIEW box AS SELECT id, alert, type, endpoint, state, attempt, detail FROM crm.delivery ORDER BY id;
SELECT set_deals('emea', 5, 5), set_deals('apac', 5, 5) \g /dev/null
\set QUIET off
\set ECHO all
