-- Components that take more than one row: who entered a milestone first, what became of a hand-over, a customer's subscriptions.
-- Nothing is captured for them: they are read when asked, from what crm keeps and from the teams' tables, so that a link, an
-- answer or a corrected history moves its facts at once.

-- Who goes through a funnel about customers or leads is the customer, as linked now; else the record.
CREATE VIEW @extschema@.milestone_entry AS
SELECT e.id, e.funnel, e.milestone, e.stage, e.at, e.day, e.unit, e.relation, e.record_key, e.customer_id, e.refers, e.node COLLATE "C" AS node,
       CASE WHEN e.of_customers THEN e.node ELSE e.relation::pg_catalog.oid || ' ' || e.record_key END COLLATE "C" AS subject
FROM (SELECT t.id, t.funnel, s.milestone, s.stage, t.at, (t.at AT TIME ZONE z.zone)::date AS day, t.unit, t.relation, t.record_key,
             f.subject = ANY (ARRAY['customer', 'lead']) AS of_customers, coalesce(r.customer_id, v.customer_id) AS customer_id,
             t.customer_key IS NOT NULL OR t.anonymous_id IS NOT NULL AS refers,
             CASE WHEN coalesce(r.customer_id, v.customer_id) IS NOT NULL THEN 'customer ' || coalesce(r.customer_id, v.customer_id)
                  WHEN t.customer_key IS NULL AND t.anonymous_id IS NOT NULL THEN 'visitor ' || t.anonymous_id
                  ELSE coalesce(t.customer_relation, t.relation)::pg_catalog.oid || ' ' || coalesce(t.customer_key, t.record_key) END AS node
      FROM @extschema@.transition_log t
      CROSS JOIN (SELECT @extschema@.default_zone() AS zone) z
      JOIN @extschema@.funnel f USING (funnel)
      JOIN @extschema@.stage_read g ON g.funnel = t.funnel AND g.stage = t.to_stage
      JOIN @extschema@.funnel_stage s ON s.funnel = g.funnel AND s.stage = g.read_as AND s.milestone IS NOT NULL
      LEFT JOIN @extschema@.record r
             ON r.relation = coalesce(t.customer_relation, t.relation) AND r.record_key = coalesce(t.customer_key, t.record_key) COLLATE "C"
      LEFT JOIN @extschema@.identified_span v
             ON t.customer_key IS NULL AND v.anonymous_id = t.anonymous_id AND t.at >= v.since AND t.at < v.until
      WHERE t.first_entry AND pg_catalog.isfinite(t.at)) e;
COMMENT ON VIEW @extschema@.milestone_entry IS
'First entries of records to milestones, at times that are known, with the customer that they are about (node, customer_id where it is linked; refers: by a reference, not itself) and who is counted (subject): '
'the customer in funnels about customers and leads, the record in others. No rights applied; not for users.';

CREATE TYPE @extschema@.kept_row AS (
    relation pg_catalog.regclass, record_key text, day date, rows bigint, amount numeric, subject text, observed boolean, unit text, stage text,
    campaign text, channel text, product text, owner text, segment text, currency text);
COMMENT ON TYPE @extschema@.kept_row IS
'What one record or subject is in a component that is read when asked: its day, 1 row (or -1, where a stock loses it), the measure, who is counted, '
'of a duration whether it has ended, and dimensions as the table has them.';

-- A subject's first entry to a milestone, and to another one after it. Nobody can estimate how many there are: guessed as one, they were joined row by row, for
-- minutes where hashes take milliseconds.
CREATE FUNCTION @extschema@.subject_entries(milestones text[], of_customers boolean)
    RETURNS TABLE (relation pg_catalog.regclass, record_key text, at timestamptz, day date, unit text, stage text, subject text, next_at timestamptz,
                   next_day date)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 10000 COST 100000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off SET enable_nestloop = off AS $$
BEGIN
    RETURN QUERY
    WITH entry AS MATERIALIZED (
        SELECT e.id, e.milestone, e.stage, e.at, e.day, e.unit, e.relation, e.record_key, e.node,
               CASE WHEN of_customers THEN e.node ELSE e.subject END COLLATE "C" AS subject
        FROM milestone_entry e WHERE e.milestone = ANY (milestones)),
    first AS (
        SELECT DISTINCT ON (e.subject) e.* FROM entry e WHERE e.milestone = milestones[1] ORDER BY e.subject, e.at, e.id),
    -- the same subject where it is followed itself, else whom it is about: a lead's deal stands in another funnel
    after AS (
        SELECT u.who, u.at, u.day FROM (SELECT e.subject AS who, e.at, e.day FROM entry e WHERE e.milestone = milestones[2]
                                        UNION ALL SELECT e.node, e.at, e.day FROM entry e WHERE e.milestone = milestones[2] AND e.node <> e.subject) u)
    SELECT f.relation, f.record_key, f.at, f.day, f.unit, f.stage, f.subject, n.at, n.day
    FROM first f
    LEFT JOIN (SELECT i.subject, min(a.at) AS at, min(a.day) AS day FROM first i JOIN after a ON a.who = i.subject AND a.at >= i.at
               GROUP BY i.subject) n USING (subject);
END
$$;
COMMENT ON FUNCTION @extschema@.subject_entries(text[], boolean) IS
'Each subject''s first entry to the first of these milestones and, where there is a second, its first entry to that from then on. A customer that '
'several records mean is one subject; of_customers: so are all the deals of one. No rights applied; not for users.';
SELECT @extschema@.set_audience('subject_entries(text[], boolean)', 'internal');

-- Subscriptions as their rows have them now; ended_on is the first day that is not paid for.
CREATE FUNCTION @extschema@.subscription_rows()
    RETURNS TABLE (relation pg_catalog.regclass, record_key text, subject text, started_on date, ended_on date, amount numeric, unit text,
                   product text, owner text, currency text)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 10000 COST 100000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET enable_nestloop = off AS $$
DECLARE
    query CONSTANT text := (
        SELECT string_agg(format(
            'SELECT %1$s::regclass, t.record_key, coalesce(''customer '' || c.customer_id, %2$s || '' '' || coalesce(t.customer_key, t.record_key)), '
            't.started_on, t.ended_on, CASE WHEN abs(t.amount) < 1e18 THEN t.amount END, coalesce(t.unit, %3$L), t.product, t.owner, t.currency '
            'FROM rows_as_owner(%1$s::regclass, %4$L) AS t (record_key text, customer_key text, started_on date, ended_on date, '
            'amount numeric, unit text, product text, owner text, currency text) '
            'LEFT JOIN record c ON c.relation = %2$s::regclass AND c.record_key = t.customer_key COLLATE "C"',
            a.relation::oid, coalesce(referred(a.relation, 'customer'), a.relation::oid), a.fallback_unit,
            format('SELECT @extschema@.map_id(r)::text, %s, %s, %s, %s, %s, %s, %s, %s FROM %s r', mapped_or_null(a.relation, 'customer', 'text'),
                   mapped_or_null(a.relation, 'started_on', 'date'), mapped_or_null(a.relation, 'ended_on', 'date'),
                   mapped_or_null(a.relation, 'monthly_amount', 'numeric'), mapped_or_null(a.relation, 'unit', 'text'),
                   mapped_or_null(a.relation, 'product', 'text'), mapped_or_null(a.relation, 'owner', 'text'),
                   mapped_or_null(a.relation, 'currency', 'text'), a.relation)), ' UNION ALL ' ORDER BY a.relation::oid)
        FROM adoption a WHERE CASE WHEN a.entity = 'subscription' AND has_attribute(a.relation, 'started_on') THEN hold_adopted(a.relation) END);
BEGIN
    IF query IS NOT NULL THEN
        RETURN QUERY EXECUTE query;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.subscription_rows() IS
'The rows of all adopted tables of subscriptions with the customer, as linked now, whose they are. No rights applied; not for users.';
SELECT @extschema@.set_audience('subscription_rows()', 'internal');

CREATE FUNCTION @extschema@.mapped_or_null(relation pg_catalog.regclass, attribute text, type text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN CASE WHEN has_attribute(relation, attribute) THEN format('@extschema@.%I(r)::%s', 'map_' || attribute, type) ELSE 'NULL::' || type END;
COMMENT ON FUNCTION @extschema@.mapped_or_null(pg_catalog.regclass, text, text) IS
'SQL that reads an attribute of a row r as a type; NULL where it is not mapped.';
SELECT @extschema@.set_audience('mapped_or_null(regclass, text, text)', 'internal');

CREATE FUNCTION @extschema@.kept_rows(component text, measure text, milestones text[], within_days integer, calendar text DEFAULT NULL) RETURNS SETOF @extschema@.kept_row
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100 COST 100
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    zone CONSTANT text := default_zone();
BEGIN
    CASE
        WHEN component = ANY ('{subject_entry,customer_entry}') THEN
            RETURN QUERY
            SELECT e.relation, e.record_key, e.day, 1::bigint,
                   CASE measure WHEN 'count' THEN 1
                                WHEN 'reached' THEN CASE WHEN e.next_day - e.day <= coalesce(within_days, 2147483647) THEN 1 ELSE 0 END
                                ELSE extract(epoch FROM coalesce(e.next_at, greatest(e.at, now())) - e.at) / 86400 END,
                   e.subject, e.next_at IS NOT NULL, e.unit, e.stage, NULL, NULL, NULL, NULL, NULL, NULL
            FROM subject_entries(milestones, component = 'customer_entry') e;
        WHEN component = 'repeated_entry' THEN
            IF NOT EXISTS (SELECT FROM record_link l GROUP BY l.customer_id HAVING count(*) > 1)
               AND NOT EXISTS (SELECT FROM transition_log t WHERE t.customer_key IS NOT NULL OR t.anonymous_id IS NOT NULL) THEN
                RETURN; -- every subject is one record
            END IF;
            RETURN QUERY
            SELECT r.relation, r.record_key, r.day, 1::bigint, 1::numeric, r.subject, NULL::boolean, r.unit, r.stage, NULL, NULL, NULL, NULL, NULL, NULL
            FROM (SELECT e.*, row_number() OVER (PARTITION BY e.milestone, e.subject ORDER BY e.at, e.id) AS n
                  FROM milestone_entry e
                  WHERE e.milestone = ANY (milestones) -- few can be repeated: not all are sorted
                    AND (e.refers OR e.customer_id IN (SELECT l.customer_id FROM record_link l GROUP BY l.customer_id HAVING count(*) > 1))) r
            WHERE r.n > 1;
        WHEN component = 'handover_answer' THEN
            RETURN QUERY
            SELECT h.relation, h.record_key, (h.answered_at AT TIME ZONE zone)::date, 1::bigint,
                   CASE measure WHEN 'count' THEN 1
                                WHEN 'refused' THEN CASE WHEN h.state = 'refused' THEN 1 ELSE 0 END
                                WHEN 'timed' THEN CASE WHEN b.worked IS NOT NULL AND NOT h.unsure THEN 1 ELSE 0 END
                                WHEN 'hours' THEN CASE WHEN NOT h.unsure THEN extract(epoch FROM b.worked) / 3600 END END,
                   h.handover::text, NULL::boolean, h.unit, h.to_stage, NULL, NULL, NULL, NULL, NULL, NULL
            FROM timed_handovers() h
            CROSS JOIN LATERAL (SELECT CASE WHEN kept_rows.calendar IS NULL THEN h.business_time
                                            WHEN isfinite(h.offered_at) AND isfinite(h.answered_at)
                                            THEN business_interval(kept_rows.calendar, h.offered_at, h.answered_at) END AS worked) b
            WHERE h.answered_at IS NOT NULL;
        WHEN component = 'handover_overdue' THEN
            RETURN QUERY
            SELECT h.relation, h.record_key, (c.at AT TIME ZONE zone)::date, c.sign, c.sign::numeric, h.handover::text, NULL::boolean, h.unit, h.to_stage,
                   NULL, NULL, NULL, NULL, NULL, NULL
            FROM (SELECT t.*, least(t.answered_at, t.left_at) AS ended_at FROM timed_handovers() t WHERE t.due_at < now()) h
            CROSS JOIN LATERAL (VALUES (1::bigint, h.due_at), (-1::bigint, h.ended_at)) AS c (sign, at)
            WHERE (h.ended_at IS NULL OR h.ended_at > h.due_at) AND c.at IS NOT NULL;
        WHEN component = 'subscription_start' THEN
            RETURN QUERY
            SELECT s.relation, s.record_key, s.started_on, 1::bigint,
                   CASE measure WHEN 'count' THEN CASE WHEN s.n = 1 THEN 1 ELSE 0 END ELSE s.amount END,
                   s.subject, NULL::boolean, s.unit, NULL, NULL, NULL, s.product, s.owner, NULL, s.currency
            FROM (SELECT r.*, min(coalesce(r.started_on, '-infinity')) OVER (PARTITION BY r.subject) AS first_on,
                         row_number() OVER (PARTITION BY r.subject ORDER BY r.started_on, r.relation::oid, r.record_key COLLATE "C") AS n
                  FROM subscription_rows() r) s
            WHERE s.started_on = s.first_on AND isfinite(s.first_on);
        ELSE
            RETURN; -- what is read by the period, see kpi_groups
    END CASE;
END
$$;
COMMENT ON FUNCTION @extschema@.kept_rows(text, text, text[], integer, text) IS
'The rows of a component that is read when asked (see its description), with a measure of it; calendar: whose working hours count, where not those of the limit. No rights applied; not for users.';
SELECT @extschema@.set_audience('kept_rows(text, text, text[], integer, text)', 'internal');

CREATE FUNCTION @extschema@.kept_state(component text, measure text, milestones text[]) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN -- whose plan is kept
    RETURN CASE
        WHEN component LIKE 'subscription%' THEN
            (SELECT CASE WHEN bool_and(has_attribute(a.relation, 'monthly_amount')) OR measure NOT LIKE '%amount' THEN 'ready' ELSE 'not_mapped' END
             FROM adoption a WHERE a.entity = 'subscription' AND has_attribute(a.relation, 'started_on') HAVING count(*) > 0)
        -- whether there is a goal, a budget or a forecast only those know who may see it
        WHEN component = ANY ('{goal,forecast}') THEN (SELECT 'ready' WHERE EXISTS (SELECT FROM adoption))
        WHEN component = 'budget_month' THEN (SELECT 'ready' WHERE EXISTS (SELECT FROM kpi_instance i WHERE i.component = 'spend'))
        WHEN component = ANY ('{open_deal,goal_pipeline}') THEN
            (SELECT CASE WHEN bool_or(l.state <> 'ready') THEN 'filling' WHEN bool_and(has_attribute(a.relation, 'amount')
                                 AND (component = 'open_deal' OR has_attribute(a.relation, 'expected_close_on'))) THEN 'ready' ELSE 'not_mapped' END
             FROM adoption a JOIN tracking t USING (relation) LEFT JOIN filling l ON l.relation = a.relation AND l.room = 'funnel'
             WHERE a.entity = 'opportunity' HAVING count(*) > 0)
        WHEN NOT EXISTS (SELECT FROM tracking) THEN NULL
        WHEN component LIKE 'attribution%' THEN
            (SELECT CASE WHEN count(*) = 1 OR count(*) FILTER (WHERE f.subject = 'customer') = 1 THEN 'ready' ELSE 'no_milestone' END
             FROM funnel f WHERE EXISTS (SELECT FROM funnel_stage s WHERE s.funnel = f.funnel AND s.milestone = 'won')
             HAVING count(*) > 0 AND EXISTS (SELECT FROM adoption a WHERE a.entity = 'spend'))
        WHEN component LIKE 'handover%' AND NOT EXISTS (SELECT FROM tracking t JOIN funnel_stage s USING (funnel) GROUP BY t.funnel
                                                        HAVING count(DISTINCT s.department) > 1) THEN NULL
        WHEN component = 'handover_overdue' AND NOT EXISTS (SELECT FROM handover_limit_span) THEN NULL
        WHEN EXISTS (SELECT FROM unnest(milestones) m
                     WHERE NOT EXISTS (SELECT FROM tracking t JOIN funnel_stage s USING (funnel) WHERE s.milestone = m)) THEN NULL
        WHEN EXISTS (SELECT FROM filling l WHERE l.room = 'funnel' AND l.state <> 'ready') THEN 'filling'
        ELSE 'ready' END;
END
$$;
COMMENT ON FUNCTION @extschema@.kept_state(text, text, text[]) IS
'Whether a component that is read when asked can be read: ready, filling, not_mapped, or NULL where nothing feeds it.';
