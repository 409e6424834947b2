-- The history as its readers see it, and hand-overs between departments.

CREATE FUNCTION @extschema@.readable_transition() RETURNS SETOF @extschema@.subject_transition
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 10000 COST 10000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN QUERY
    WITH access AS MATERIALIZED (SELECT * FROM record_access()),
    allowed AS MATERIALIZED (
        SELECT k.relation, k.source, k.unit
        FROM (SELECT DISTINCT t.relation, t.source, t.unit FROM transition_log t) k
        LEFT JOIN access r ON r.relation = k.relation
        LEFT JOIN access s ON s.relation = k.source
        WHERE CASE coalesce(r.reads, s.reads)
                  WHEN 'all' THEN true
                  WHEN 'unit' THEN visible(k.unit, coalesce(r.object, s.object), 'read')
                  ELSE false END)
    SELECT t.* FROM subject_transition t
    JOIN allowed a ON a.relation = t.relation AND a.source = t.source AND coalesce(a.unit, '') = coalesce(t.unit, '');
END
$$;
COMMENT ON FUNCTION @extschema@.readable_transition() IS
'The transitions of records that the caller may read: of a protected table by unit, of an open one by the privilege SELECT.';
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

CREATE TABLE @extschema@.handover_answer (
    handover bigint PRIMARY KEY REFERENCES @extschema@.transition_log ON DELETE CASCADE,
    answer text NOT NULL CHECK (answer IN ('accepted', 'refused')),
    reason text,
    answered_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    answered_by text NOT NULL
);
COMMENT ON TABLE @extschema@.handover_answer IS 'What the receiving department said to a hand-over.';
SELECT pg_catalog.pg_extension_config_dump('@extschema@.handover_answer', '');

-- A hand-over is a transition that follows one of another department, of the same subject.
CREATE VIEW @extschema@.department_change AS
SELECT c.*
FROM (SELECT t.id, t.unit, lag(t.department) OVER w AS from_department, lag(t.to_stage) OVER w AS previous_stage
      FROM @extschema@.subject_transition t
      WHERE t.department IS NOT NULL AND t.at IS NOT NULL
      WINDOW w AS (PARTITION BY t.funnel, t.subject ORDER BY t.at, t.relation::text, t.record_key, t."sequence")) c
JOIN @extschema@.transition_log t USING (id)
WHERE c.from_department <> t.department;
COMMENT ON VIEW @extschema@.department_change IS
'Transitions that follow one of another department of the same subject. No rights applied; not for users.';

CREATE FUNCTION @extschema@.handover_rows()
    RETURNS TABLE (handover bigint, funnel text, relation pg_catalog.regclass, record_key text, customer_id bigint,
                   from_department text, to_department text, from_stage text, to_stage text, unit text, offered_at timestamptz,
                   state text, answered_at timestamptz, answered_by text, reason text)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000 COST 10000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT t.id, t.funnel, t.relation, t.record_key, t.customer_id, c.from_department, t.department, c.previous_stage, t.to_stage,
           resolve_unit(t.unit), t.at, coalesce(a.answer, 'offered'), a.answered_at, a.answered_by, a.reason
    FROM readable_transition() t
    JOIN department_change c USING (id)
    LEFT JOIN handover_answer a ON a.handover = t.id
$$;
COMMENT ON FUNCTION @extschema@.handover_rows() IS 'The rows of the view handover.';

CREATE VIEW @extschema@.handover AS SELECT * FROM @extschema@.handover_rows();
COMMENT ON VIEW @extschema@.handover IS
'Each time a subject went from one department''s stage to another''s, of the records that you may read. state: offered, '
'accepted or refused, with when, by whom and why.';
GRANT SELECT ON @extschema@.handover TO PUBLIC;

CREATE FUNCTION @extschema@.answer_handover(handover bigint, answer text, reason text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    offered record;
BEGIN
    SELECT * INTO offered FROM handover_rows() h WHERE h.handover = answer_handover.handover;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'handover % does not exist', handover
            USING ERRCODE = 'RM001', HINT = 'The view @extschema@.handover lists those that you may see.';
    END IF;
    IF NOT has_any_column_privilege(caller()::oid, offered.relation, 'UPDATE') THEN
        RAISE EXCEPTION 'permission denied for table %', offered.relation
            USING ERRCODE = 'insufficient_privilege', HINT = 'Who may update the record answers its hand-over.';
    END IF;
    INSERT INTO handover_answer (handover, answer, reason, answered_by)
    VALUES (answer_handover.handover, answer_handover.answer, answer_handover.reason, writer())
    ON CONFLICT ON CONSTRAINT handover_answer_pkey DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'handover % is answered already', handover
            USING ERRCODE = 'RM304', HINT = format('Type SELECT * FROM @extschema@.handover WHERE handover = %s;', handover);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.answer_handover(bigint, text, text) IS 'Notes the answer to a hand-over that the caller may see.';
SELECT @extschema@.set_audience('answer_handover(bigint, text, text)', 'admin');

CREATE FUNCTION @extschema@.accept_handover(handover bigint) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM answer_handover(handover, 'accepted', NULL);
END
$$;
COMMENT ON FUNCTION @extschema@.accept_handover(bigint) IS
'The receiving department takes a subject over. For those who may read and update the record. Errors: RM001 no such hand-over '
'that you may see, RM304 answered already, 42501.';

CREATE FUNCTION @extschema@.refuse_handover(handover bigint, reason text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF coalesce(btrim(reason), '') = '' THEN
        RAISE EXCEPTION 'a hand-over is refused with a reason'
            USING ERRCODE = 'RM005', HINT = 'Type SELECT @extschema@.refuse_handover(17, ''no budget'');';
    END IF;
    PERFORM answer_handover(handover, 'refused', reason);
END
$$;
COMMENT ON FUNCTION @extschema@.refuse_handover(bigint, text) IS
'The receiving department gives a subject back, with the reason. For those who may read and update the record. Errors: RM005 no '
'reason, RM001 no such hand-over that you may see, RM304 answered already, 42501.';

CREATE FUNCTION @extschema@.handover_totals()
    RETURNS TABLE (funnel text, from_department text, to_department text, offered bigint, accepted bigint, refused bigint,
                   unanswered bigint, median_hours_to_answer numeric)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 20 COST 100000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    units text[] := units_in_total();
    without_unit boolean := array_position(units, NULL) IS NOT NULL;
BEGIN
    RETURN QUERY
    SELECT t.funnel, c.from_department, t.department, count(*), count(*) FILTER (WHERE a.answer = 'accepted'),
           count(*) FILTER (WHERE a.answer = 'refused'), count(*) FILTER (WHERE a.answer IS NULL),
           round((percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM a.answered_at - t.at)::double precision / 3600)
                      FILTER (WHERE a.answered_at >= t.at))::numeric, 2)
    FROM transition_log t
    JOIN department_change c USING (id)
    LEFT JOIN handover_answer a ON a.handover = t.id
    WHERE t.unit = ANY (units) OR (t.unit IS NULL AND without_unit)
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
END
$$;
COMMENT ON FUNCTION @extschema@.handover_totals() IS 'The rows of crm_bi.handover.';

CREATE VIEW crm_bi.handover AS SELECT * FROM @extschema@.handover_totals();
COMMENT ON VIEW crm_bi.handover IS
'Hand-overs between departments, counted. Numbers of the units for which you have the privilege total.';
COMMENT ON COLUMN crm_bi.handover.funnel IS 'Key of the funnel.';
COMMENT ON COLUMN crm_bi.handover.from_department IS 'The department that hands over.';
COMMENT ON COLUMN crm_bi.handover.to_department IS 'The department that receives.';
COMMENT ON COLUMN crm_bi.handover.offered IS 'Hand-overs, answered or not.';
COMMENT ON COLUMN crm_bi.handover.accepted IS 'Hand-overs accepted.';
COMMENT ON COLUMN crm_bi.handover.refused IS 'Hand-overs refused.';
COMMENT ON COLUMN crm_bi.handover.unanswered IS 'Hand-overs without an answer.';
COMMENT ON COLUMN crm_bi.handover.median_hours_to_answer IS 'Median hours from the hand-over to its answer, by the clock.';
GRANT SELECT ON crm_bi.handover TO PUBLIC;
