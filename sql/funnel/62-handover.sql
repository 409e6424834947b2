-- The history as its readers see it, and hand-overs between departments, which are read from it.

CREATE FUNCTION @extschema@.readable_sources(ids bigint[] DEFAULT NULL)
    RETURNS TABLE (relation pg_catalog.regclass, source pg_catalog.regclass, unit text, updates boolean)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 20 COST 10000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    RETURN QUERY
    WITH access AS MATERIALIZED (SELECT * FROM record_access())
    SELECT k.relation, k.source, k.unit,
           CASE WHEN coalesce(r.reads, s.reads) = 'unit' THEN visible(k.unit, coalesce(r.object, s.object), 'update') ELSE true END
    FROM (SELECT DISTINCT t.relation, t.source, t.unit FROM transition_log t
          WHERE readable_sources.ids IS NULL OR t.id = ANY (readable_sources.ids)) k
    LEFT JOIN access r ON r.relation = k.relation
    LEFT JOIN access s ON s.relation = k.source
    WHERE CASE coalesce(r.reads, s.reads)
              WHEN 'all' THEN true
              WHEN 'unit' THEN visible(k.unit, coalesce(r.object, s.object), 'read')
              ELSE false END;
END
$$;
COMMENT ON FUNCTION @extschema@.readable_sources(bigint[]) IS
'Where from and of which units the caller may read transitions (of these ids): of a protected table by unit, of an open one by the '
'privilege SELECT; updates: whether units let the records be changed, too.';
REVOKE ALL ON FUNCTION @extschema@.readable_sources(bigint[]) FROM PUBLIC;

CREATE FUNCTION @extschema@.readable_transition() RETURNS SETOF @extschema@.subject_transition
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 10000 COST 10000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT t.* FROM subject_transition t -- a hashed list, not a join of three columns, which the planner takes to leave a single row
    WHERE ((t.relation, t.source, coalesce(t.unit, '')) IN (SELECT a.relation, a.source, coalesce(a.unit, '') FROM readable_sources() a)) IS TRUE;
END
$$;
COMMENT ON FUNCTION @extschema@.readable_transition() IS 'The transitions of records that the caller may read, as readable_sources says.';
REVOKE ALL ON FUNCTION @extschema@.readable_transition() FROM PUBLIC;

CREATE FUNCTION @extschema@.transition_rows()
    RETURNS TABLE (id bigint, funnel text, relation pg_catalog.regclass, record_key text, customer_id bigint, "sequence" integer,
                   from_stage text, to_stage text, value text, at timestamptz, recorded_at timestamptz, by text, unit text,
                   department text, direction text, first_entry boolean, flags text[])
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10000 COST 10000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT t.id, t.funnel, t.relation, t.record_key, t.customer_id, t."sequence", t.from_stage, t.to_stage, t.value, t.at,
           t.recorded_at, t.by, resolve_unit(t.unit), t.department, t.direction, t.first_entry, t.flags
    FROM readable_transition() t
$$;
COMMENT ON FUNCTION @extschema@.transition_rows() IS 'The rows of the view transition.';

CREATE VIEW @extschema@.transition AS SELECT * FROM @extschema@.transition_rows();
COMMENT ON VIEW @extschema@.transition IS
'Each time a record entered a stage, of the records that you may read: a row of transition_log with the key of its unit and '
'the customer that it is about, as linked now.';
GRANT SELECT ON @extschema@.transition TO PUBLIC;

-- The other transitions of the subjects of some: all of them, and perhaps some more.
CREATE FUNCTION @extschema@.same_subjects(ids bigint[]) RETURNS bigint[]
    LANGUAGE sql STABLE PARALLEL SAFE COST 10000 SET search_path = pg_catalog, @extschema@, pg_temp
    SET plan_cache_mode = force_custom_plan AS $$
    WITH asked AS MATERIALIZED (
        SELECT DISTINCT t.relation, t.record_key, coalesce(t.customer_relation, t.relation) AS place_relation,
               coalesce(t.customer_key, t.record_key) AS place_key, t.anonymous_id, f.subject = 'customer' AS about_customers
        FROM transition_log t JOIN funnel f USING (funnel) WHERE t.id = ANY (ids)),
    customer AS MATERIALIZED (
        SELECT l.customer_id
        FROM asked a
        JOIN record_copy c ON c.relation = a.place_relation AND c.record_key = a.place_key COLLATE "C"
        JOIN record_link l USING (record_no)
        WHERE a.about_customers
        UNION
        SELECT l.customer_id FROM asked a JOIN identification i USING (anonymous_id) JOIN record_link l USING (record_no)
        WHERE a.about_customers),
    place AS MATERIALIZED (
        SELECT a.relation, a.record_key FROM asked a
        UNION
        SELECT a.place_relation, a.place_key FROM asked a WHERE a.about_customers
        UNION
        SELECT c.relation, c.record_key FROM customer JOIN record_link l USING (customer_id) JOIN record_copy c USING (record_no)),
    visitor AS MATERIALIZED (
        SELECT a.anonymous_id FROM asked a WHERE a.anonymous_id IS NOT NULL
        UNION
        SELECT i.anonymous_id FROM customer JOIN record_link l USING (customer_id) JOIN identification i USING (record_no))
    SELECT coalesce(array_agg(u.id), '{}') FROM (
        SELECT t.id FROM place p JOIN transition_log t ON t.relation = p.relation AND t.record_key = p.record_key
        UNION
        SELECT t.id FROM place p
        JOIN transition_log t ON coalesce(t.customer_relation, t.relation) = p.relation AND coalesce(t.customer_key, t.record_key) = p.record_key
        WHERE (t.customer_key IS NOT NULL OR t.customer_relation IS NOT NULL) AND EXISTS (SELECT FROM asked a WHERE a.about_customers)
        UNION
        SELECT t.id FROM visitor v JOIN transition_log t USING (anonymous_id)) u
$$;
COMMENT ON FUNCTION @extschema@.same_subjects(bigint[]) IS
'Ids of transitions that can be of the same subjects as these: all that are, and some that are not.';
SELECT @extschema@.set_audience('same_subjects(bigint[])', 'internal');

-- One pass over the history: a hand-over is a transition that follows one of another department, of the same subject.
CREATE FUNCTION @extschema@.department_changes(funnel text DEFAULT NULL, ids bigint[] DEFAULT NULL)
    RETURNS TABLE (id bigint, funnel_key text, relation pg_catalog.regclass, record_key text, customer_id bigint, source pg_catalog.regclass,
                   source_key text, unit text, place_relation pg_catalog.regclass, place_key text, from_department text,
                   to_department text, from_stage text, to_stage text, from_relation pg_catalog.regclass, offered_at timestamptz,
                   left_at timestamptz, left_to text, unsure boolean)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1000 COST 100000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    RETURN QUERY
    WITH step AS (
        SELECT t.*, lag(t.department) OVER w AS before, lag(t.to_stage) OVER w AS stage_before, lag(t.relation) OVER w AS relation_before,
               row_number() OVER w AS place
        FROM subject_transition t
        WHERE t.department IS NOT NULL AND t.at IS NOT NULL
          AND (department_changes.funnel IS NULL OR t.funnel = department_changes.funnel)
          AND (department_changes.ids IS NULL OR t.id = ANY (department_changes.ids))
        WINDOW w AS (PARTITION BY t.funnel, t.subject ORDER BY t.at, t.relation::text, t.record_key, t."sequence"))
    SELECT s.id, s.funnel, s.relation, s.record_key, s.customer_id, s.source, s.source_key, s.unit,
           coalesce(s.customer_relation, s.relation), coalesce(s.customer_key, s.record_key), s.before, s.department, s.stage_before,
           s.to_stage, s.relation_before, s.at, lead(s.at) OVER w, lead(s.department) OVER w,
           s.flags && '{estimated_time,impossible_time}'
    FROM step s WHERE s.before <> s.department
    WINDOW w AS (PARTITION BY s.funnel, s.subject ORDER BY s.place);
END
$$;
COMMENT ON FUNCTION @extschema@.department_changes(text, bigint[]) IS
'Transitions that follow one of another department of the same subject, of a funnel (NULL: of all) or among these ids: by whom and to whom '
'it was handed over, the stage and table that it came from, when it went on to which department, and whether its time is unsure. No '
'rights applied; not for users.';
REVOKE ALL ON FUNCTION @extschema@.department_changes(text, bigint[]) FROM PUBLIC;

CREATE FUNCTION @extschema@.timed_handovers(funnel text DEFAULT NULL, ids bigint[] DEFAULT NULL)
    RETURNS TABLE (handover bigint, id bigint, funnel_key text, relation pg_catalog.regclass, record_key text, customer_id bigint,
                   source pg_catalog.regclass, unit text, place_relation pg_catalog.regclass, place_key text, from_department text,
                   to_department text, from_stage text, to_stage text, from_relation pg_catalog.regclass, offered_at timestamptz, state text,
                   left_at timestamptz, answered_at timestamptz, answered_by text, reason text, note text, answer_within interval,
                   calendar text, due_at timestamptz, remaining interval, overdue boolean, answered_late boolean, business_time interval,
                   unsure boolean)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1000 COST 100000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    usual CONSTANT text := (SELECT c.calendar FROM calendar c WHERE c.calendar = 'default');
BEGIN
    RETURN QUERY
    WITH change AS MATERIALIZED (SELECT * FROM department_changes(timed_handovers.funnel, timed_handovers.ids)),
    above AS MATERIALIZED (
        SELECT u.unit, p.unit AS ancestor, p.distance
        FROM (SELECT DISTINCT c.unit FROM change c WHERE EXISTS (SELECT FROM handover_limit_span l WHERE l.unit IS NOT NULL)) u
        CROSS JOIN LATERAL units_above(resolve_unit(u.unit)) p),
    agreed AS MATERIALIZED (
        SELECT DISTINCT ON (c.id) c.id, l.answer_within, l.calendar, business_deadline(l.calendar, c.offered_at, l.answer_within) AS due_at
        FROM change c
        JOIN handover_limit_span l ON l.funnel = c.funnel_key AND l.from_department = c.from_department AND l.to_department = c.to_department
                                  AND c.offered_at >= l.since AND c.offered_at < l.until
        LEFT JOIN above a ON a.unit = c.unit AND a.ancestor = l.unit
        WHERE l.unit IS NULL OR a.distance IS NOT NULL
        ORDER BY c.id, a.distance NULLS LAST),
    said AS (
        SELECT h.transition, h.handover, a.answer, a.reason, a.note, a.answered_at, a.answered_by
        FROM handover_anchor h LEFT JOIN handover_answer a USING (handover) WHERE h.transition IS NOT NULL),
    known AS (
        SELECT c.*, coalesce(s.handover, c.id) AS handover, s.reason, s.note, s.answered_at, s.answered_by,
               coalesce(s.answer, CASE WHEN c.left_at IS NULL THEN 'offered' WHEN c.left_to = c.from_department THEN 'withdrawn' ELSE 'superseded' END) AS state,
               g.answer_within, coalesce(g.calendar, usual) AS calendar, g.due_at
        FROM change c LEFT JOIN said s ON s.transition = c.id LEFT JOIN agreed g ON g.id = c.id)
    SELECT k.handover, k.id, k.funnel_key, k.relation, k.record_key, k.customer_id, k.source, k.unit, k.place_relation, k.place_key,
           k.from_department, k.to_department, k.from_stage, k.to_stage, k.from_relation, k.offered_at, k.state, k.left_at, k.answered_at,
           k.answered_by, k.reason, k.note, k.answer_within, k.calendar, k.due_at,
           CASE WHEN k.state = 'offered' THEN business_interval(k.calendar, now(), k.due_at) - business_interval(k.calendar, k.due_at, now()) END,
           CASE WHEN k.due_at IS NOT NULL THEN k.state = 'offered' AND now() > k.due_at END,
           CASE WHEN k.answered_at IS NOT NULL THEN k.answered_at > k.due_at END,
           CASE WHEN k.answered_at >= k.offered_at THEN business_interval(k.calendar, k.offered_at, k.answered_at) END, k.unsure
    FROM known k;
END
$$;
COMMENT ON FUNCTION @extschema@.timed_handovers(text, bigint[]) IS
'The hand-overs of a funnel (NULL: of all) or among these transitions, with what was answered, the limit that held when they were '
'offered and how they stand against it now. No rights applied; not for users.';
REVOKE ALL ON FUNCTION @extschema@.timed_handovers(text, bigint[]) FROM PUBLIC;
