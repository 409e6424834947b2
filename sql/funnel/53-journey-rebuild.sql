-- Journeys of some subjects, from their transitions.

CREATE FUNCTION @extschema@.transitions_of(funnels text[], subjects text[]) RETURNS bigint[]
    LANGUAGE sql STABLE PARALLEL SAFE COST 10000 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    WITH asked AS MATERIALIZED (
        SELECT DISTINCT u.subject, substring(u.subject FROM '^customer (\d+)$')::bigint AS customer_id,
               substring(u.subject FROM '^visitor (.*)$') AS anonymous_id,
               substring(u.subject FROM '^(\d+) ')::oid::regclass AS relation, substring(u.subject FROM '^\d+ (.*)$') AS record_key
        FROM unnest(subjects) AS u (subject)),
    place AS MATERIALIZED (
        SELECT a.relation, a.record_key FROM asked a WHERE a.relation IS NOT NULL
        UNION
        SELECT c.relation, c.record_key COLLATE "default" FROM asked a JOIN record_link l USING (customer_id) JOIN record_copy c USING (record_no)),
    visitor AS MATERIALIZED (
        SELECT a.anonymous_id FROM asked a WHERE a.anonymous_id IS NOT NULL
        UNION
        SELECT i.anonymous_id FROM asked a JOIN record_link l USING (customer_id) JOIN identification i USING (record_no))
    -- OFFSET 0: each place is looked up by index, whatever is thought of how many there are; the index has the collation of the log
    SELECT coalesce(array_agg(f.id ORDER BY f.id), '{}') FROM (
        SELECT o.id FROM place p CROSS JOIN LATERAL (
            SELECT t.id FROM transition_log t
            WHERE t.relation = p.relation AND t.record_key = p.record_key AND t.funnel = ANY (funnels) OFFSET 0) o
        UNION
        SELECT o.id FROM place p CROSS JOIN LATERAL (
            SELECT t.id FROM transition_log t
            WHERE coalesce(t.customer_relation, t.relation) = p.relation AND coalesce(t.customer_key, t.record_key) = p.record_key
              AND (t.customer_key IS NOT NULL OR t.customer_relation IS NOT NULL) AND t.funnel = ANY (funnels) OFFSET 0) o
        UNION
        SELECT o.id FROM visitor v CROSS JOIN LATERAL (
            SELECT t.id FROM transition_log t WHERE t.anonymous_id = v.anonymous_id AND t.funnel = ANY (funnels) OFFSET 0) o) f
$$;
COMMENT ON FUNCTION @extschema@.transitions_of(text[], text[]) IS
'Ids of transitions of these funnels that can be about these subjects, found by index: all that are, and some that are not.';
SELECT @extschema@.set_audience('transitions_of(text[], text[])', 'internal');

-- The subject is derived as subject_transition does it, but for one look at the visitor where there is one: the view would sort all
-- identifications.
CREATE FUNCTION @extschema@.rebuilt_journeys(funnels text[], subjects text[], all_units boolean)
    RETURNS TABLE (funnel text, subject text, journey @extschema@.journey, units text[])
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1000 COST 100000 SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off
    SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    ids CONSTANT bigint[] := transitions_of(funnels, subjects);
BEGIN
    RETURN QUERY
    WITH event AS (
        SELECT t.funnel, t.at, t."sequence", t.unit, s."position",
               CASE WHEN f.subject <> 'customer' THEN t.relation::oid || ' ' || t.record_key
                    WHEN l.customer_id IS NOT NULL THEN 'customer ' || l.customer_id
                    WHEN t.anonymous_id IS NOT NULL
                        THEN coalesce('customer ' || anonymous_customer(t.anonymous_id, t.at), 'visitor ' || t.anonymous_id)
                    ELSE coalesce(t.customer_relation, t.relation)::oid || ' ' || coalesce(t.customer_key, t.record_key) END AS subject
        FROM transition_log t
        JOIN funnel f USING (funnel)
        JOIN stage_read s ON s.funnel = t.funnel AND s.stage = t.to_stage
        LEFT JOIN record_copy c ON f.subject = 'customer' AND c.relation = coalesce(t.customer_relation, t.relation)
                               AND c.record_key = coalesce(t.customer_key, t.record_key) COLLATE "C"
        LEFT JOIN record_link l USING (record_no)
        WHERE t.id = ANY (ids) AND t.at IS NOT NULL AND (all_units OR visible(t.unit, 'kpi', 'total')))
    SELECT e.funnel, e.subject, journey_agg(e.at, e."position", e."sequence"), array_agg(DISTINCT e.unit)
    FROM event e -- a hashed list: of a join the planner thinks that it leaves a row, and compares each event with each subject
    WHERE ((e.funnel, e.subject) IN (SELECT u.funnel, u.subject FROM unnest(rebuilt_journeys.funnels, subjects) AS u (funnel, subject))) IS TRUE
    GROUP BY 1, 2;
END
$$;
COMMENT ON FUNCTION @extschema@.rebuilt_journeys(text[], text[], boolean) IS
'The journeys of subjects (funnels and subjects in pairs) from their transitions, and the units that those have; all_units: or only of '
'transitions whose numbers the caller may see. No row for who has none.';
SELECT @extschema@.set_audience('rebuilt_journeys(text[], text[], boolean)', 'internal');
