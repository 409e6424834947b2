-- The workflow of a funnel: who may move what from where to where, and what must be filled in by then.

CREATE TABLE @extschema@.transition_rule (
    rule bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    funnel text NOT NULL REFERENCES @extschema@.funnel,
    from_stage text,
    to_stage text NOT NULL,
    unit text REFERENCES @extschema@.unit ON UPDATE CASCADE,
    role text REFERENCES @extschema@.role ON UPDATE CASCADE,
    principal text REFERENCES @extschema@.principal ON UPDATE CASCADE,
    required text[] NOT NULL DEFAULT '{}',
    mode text NOT NULL CHECK (mode OPERATOR(pg_catalog.=) ANY (ARRAY['refuse', 'flag'])),
    FOREIGN KEY (funnel, to_stage) REFERENCES @extschema@.funnel_stage,
    CONSTRAINT transition_rule_once UNIQUE NULLS NOT DISTINCT (funnel, from_stage, to_stage, unit, role, principal),
    CHECK (role IS NULL OR principal IS NULL)
);
COMMENT ON TABLE @extschema@.transition_rule IS
'Allowed transitions. A funnel without a rule has no workflow: everything is allowed. from_stage NULL is the entry, * any stage; '
'unit NULL is wherever no nearer unit has rules; role or principal, both NULL: anybody; mode says what becomes of a transition that '
'the rule alone would allow but for who moves it or what is missing.';
SELECT pg_catalog.pg_extension_config_dump('@extschema@.transition_rule', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.transition_rule_rule_seq', '');

CREATE VIEW @extschema@.allowed_transition AS
SELECT r.funnel, r.unit, r.from_stage, r.to_stage, r.role, r.principal, r.required, r.mode
FROM @extschema@.transition_rule r;
COMMENT ON VIEW @extschema@.allowed_transition IS
'The workflows: from_stage NULL is the entry, * any stage; unit NULL is wherever no nearer unit has rules of its own.';
GRANT SELECT ON @extschema@.transition_rule, @extschema@.allowed_transition TO PUBLIC;

CREATE FUNCTION @extschema@.check_fields(funnel text, required text[]) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    subject CONSTANT text := (SELECT f.subject FROM funnel f WHERE f.funnel = check_fields.funnel);
    known CONSTANT text[] := ARRAY(
        SELECT a.attribute FROM entity_attribute a WHERE subject IN ('customer', a.entity)
        UNION
        SELECT a.attname::text FROM tracking t JOIN pg_attribute a ON a.attrelid IN (t.relation, t.target)
        WHERE t.funnel = check_fields.funnel AND a.attnum > 0 AND NOT a.attisdropped);
    field text;
BEGIN
    FOREACH field IN ARRAY required LOOP
        IF field IS NULL OR field <> ALL (known) THEN
            PERFORM raise_unknown('field', coalesce(field, 'NULL'), known);
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.check_fields(text, text[]) IS
'Raises RM001 for a required field that is neither a standard attribute of the funnel''s subject nor a column of a tracked table.';

CREATE FUNCTION @extschema@.read_rule(funnel text, from_stage text, to_stage text, unit text, role text)
    RETURNS @extschema@.transition_rule
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    result transition_rule;
BEGIN
    result.funnel := (require_funnel(funnel)).funnel;
    result.from_stage := CASE WHEN from_stage = '*' THEN '*' WHEN from_stage IS NOT NULL THEN require_stage(funnel, from_stage) END;
    result.to_stage := require_stage(funnel, coalesce(to_stage, ''));
    result.unit := CASE WHEN unit IS NOT NULL THEN (require_unit(unit)).unit END;
    IF EXISTS (SELECT FROM role r WHERE r.role = read_rule.role) THEN
        result.role := role;
    ELSE
        result.principal := (SELECT p.principal FROM principal p WHERE lower(p.principal) = lower(read_rule.role));
        IF role IS NOT NULL AND result.principal IS NULL THEN
            PERFORM raise_unknown('role or principal', role, ARRAY(SELECT r.role FROM role r UNION ALL SELECT p.principal FROM principal p));
        END IF;
    END IF;
    RETURN result;
END
$$;
COMMENT ON FUNCTION @extschema@.read_rule(text, text, text, text, text) IS
'A rule of a workflow from what was typed; RM001 where something of it does not exist.';
SELECT @extschema@.set_audience('read_rule(text, text, text, text, text)', 'internal');

CREATE FUNCTION @extschema@.rule_state(rule @extschema@.transition_rule) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    RETURN pg_catalog.jsonb_strip_nulls(pg_catalog.to_jsonb(rule) OPERATOR(pg_catalog.-) '{rule,funnel}'::text[])
           OPERATOR(pg_catalog.||) pg_catalog.jsonb_build_object('from_stage', (rule).from_stage);
COMMENT ON FUNCTION @extschema@.rule_state(@extschema@.transition_rule) IS 'A rule as funnel_change keeps it.';

CREATE FUNCTION @extschema@.allow_transition(funnel text, from_stage text, to_stage text, unit text DEFAULT NULL, role text DEFAULT NULL,
                                             required text[] DEFAULT '{}', mode text DEFAULT 'refuse') RETURNS integer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    wanted transition_rule := read_rule(funnel, from_stage, to_stage, unit, role);
    held CONSTANT integer := hold_funnel(wanted.funnel);
    was transition_rule;
BEGIN
    IF mode IS NULL OR mode NOT IN ('refuse', 'flag') THEN
        RAISE EXCEPTION 'mode "%" of an allowed transition is neither refuse nor flag', mode
            USING ERRCODE = 'RM005', HINT = 'refuse raises an error, flag lets it happen and marks the transition not_allowed.';
    END IF;
    wanted.required := coalesce(required, '{}');
    wanted.mode := mode;
    PERFORM check_fields(wanted.funnel, wanted.required);
    SELECT * INTO was FROM transition_rule r
    WHERE (r.funnel, r.to_stage) = (wanted.funnel, wanted.to_stage)
      AND (r.from_stage, r.unit, r.role, r.principal) IS NOT DISTINCT FROM (wanted.from_stage, wanted.unit, wanted.role, wanted.principal);
    IF FOUND AND (was.required, was.mode) = (wanted.required, wanted.mode) THEN
        RETURN held;
    END IF;
    INSERT INTO transition_rule (funnel, from_stage, to_stage, unit, role, principal, required, mode)
    VALUES (wanted.funnel, wanted.from_stage, wanted.to_stage, wanted.unit, wanted.role, wanted.principal, wanted.required, wanted.mode)
    ON CONFLICT ON CONSTRAINT transition_rule_once
        DO UPDATE SET required = excluded.required, mode = excluded.mode;
    RETURN note_change(wanted.funnel, 'allowed', wanted.to_stage, CASE WHEN was.rule IS NOT NULL THEN rule_state(was) END, rule_state(wanted));
END
$$;
COMMENT ON FUNCTION @extschema@.allow_transition(text, text, text, text, text, text[], text) IS
'Allows a transition, and with the first one makes a workflow of a funnel: from then on only what is listed is allowed. Returns the '
'funnel''s version. from_stage NULL is the entry (a record''s first stage), ''*'' any stage. unit: only for records of that unit and '
'those below; a unit with rules of its own has its own workflow, and the nearest one counts. role: a role of the organisation, held '
'in the record''s unit or above, or a principal; NULL: anybody. required: attributes or columns that must be filled in. mode refuse: '
'otherwise the statement fails with RM305, which says what is allowed and what is missing; flag: it is done, and the transition gets '
'the flag not_allowed. Again with the same stages, unit and role: sets required and mode. Errors: RM001 unknown funnel, stage, unit, '
'role, field; RM005. Example: SELECT crm.allow_transition(''sales'', ''offer'', ''won'', role => ''manager'', required => ''{amount,closed_at}'');';
SELECT @extschema@.set_audience('allow_transition(text, text, text, text, text, text[], text)', 'admin');

CREATE FUNCTION @extschema@.disallow_transition(funnel text, from_stage text, to_stage text, unit text DEFAULT NULL, role text DEFAULT NULL)
    RETURNS integer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    wanted CONSTANT transition_rule := read_rule(funnel, from_stage, to_stage, unit, role);
    gone transition_rule;
BEGIN
    PERFORM hold_funnel(wanted.funnel);
    DELETE FROM transition_rule r
    WHERE (r.funnel, r.to_stage) = (wanted.funnel, wanted.to_stage)
      AND (r.from_stage, r.unit, r.role, r.principal) IS NOT DISTINCT FROM (wanted.from_stage, wanted.unit, wanted.role, wanted.principal)
    RETURNING * INTO gone;
    IF gone.rule IS NULL THEN
        RAISE EXCEPTION 'no rule of funnel "%" allows that transition', wanted.funnel
            USING ERRCODE = 'RM001', HINT = format('Type SELECT * FROM @extschema@.allowed_transition WHERE funnel = %L;', wanted.funnel);
    END IF;
    RETURN note_change(wanted.funnel, 'disallowed', gone.to_stage, rule_state(gone), NULL);
END
$$;
COMMENT ON FUNCTION @extschema@.disallow_transition(text, text, text, text, text) IS
'Takes back what allow_transition allowed, with the same stages, unit and role; without its last rule a funnel (or unit) has no '
'workflow of its own any more. Returns the funnel''s version. Errors: RM001. '
'Example: SELECT crm.disallow_transition(''sales'', ''offer'', ''won'', role => ''manager'');';
SELECT @extschema@.set_audience('disallow_transition(text, text, text, text, text)', 'admin');

CREATE TYPE @extschema@.transition_attempt AS (id bigint, from_stage text, entering boolean, to_stage text, unit text, principal text, outside boolean,
                                    moment timestamptz, missing text[]);
COMMENT ON TYPE @extschema@.transition_attempt IS
'A transition to be judged: entering where there is no stage before; from_stage and to_stage NULL where they are unknown; unit is the '
'team''s value; outside: somebody to whom roles do not apply; missing: those of the fields that rules require that are not filled in.';

CREATE TYPE @extschema@.transition_verdict AS (id bigint, verdict text, mode text, level text, holders text, missing text);
COMMENT ON TYPE @extschema@.transition_verdict IS
'verdict: allowed, unlisted (no rule leads there), unknown (to no stage of the funnel), role (holders may), required (missing is not '
'filled in). mode: refuse or flag. level: the unit whose rules count, NULL for those of the funnel.';

CREATE FUNCTION @extschema@.judge_transitions(funnel text, attempts @extschema@.transition_attempt[]) RETURNS SETOF @extschema@.transition_verdict
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100 COST 10000 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN QUERY -- whose plan is kept: to make it takes longer than to judge one transition
    WITH asked AS MATERIALIZED (
        SELECT a.*, f.read_as AS from_read, t.read_as AS to_read,
               dense_rank() OVER (ORDER BY a.unit, a.principal, a.outside, a.moment) AS asker
        FROM unnest(attempts) a
        LEFT JOIN stage_read f ON f.funnel = judge_transitions.funnel AND f.stage = a.from_stage
        LEFT JOIN stage_read t ON t.funnel = judge_transitions.funnel AND t.stage = a.to_stage),
    rule AS MATERIALIZED (
        SELECT r.*, f.read_as AS from_read, t.read_as AS to_read
        FROM transition_rule r
        LEFT JOIN stage_read f ON f.funnel = r.funnel AND f.stage = r.from_stage
        JOIN stage_read t ON t.funnel = r.funnel AND t.stage = r.to_stage
        WHERE r.funnel = judge_transitions.funnel),
    level AS MATERIALIZED (SELECT r.unit, bool_or(r.mode = 'refuse') AS refuses FROM rule r GROUP BY 1),
    place AS MATERIALIZED ( -- the nearest unit that has rules
        SELECT k.*, n.level, n.refuses
        FROM (SELECT DISTINCT a.asker, a.principal, a.outside, a.moment, coalesce(resolve_unit(a.unit), root_unit()) AS unit FROM asked a) k
        CROSS JOIN LATERAL (SELECT l.unit AS level, l.refuses FROM level l LEFT JOIN units_above(k.unit) u ON u.unit = l.unit
                            WHERE l.unit IS NULL OR u.unit IS NOT NULL ORDER BY u.distance LIMIT 1) n),
    may AS MATERIALIZED (
        SELECT p.asker, r.*,
               r.role IS NULL AND r.principal IS NULL OR p.outside
               OR EXISTS (SELECT FROM acting_principal a WHERE a.principal = p.principal AND a.acts_as = r.principal AND a.during @> p.moment)
               OR EXISTS (SELECT FROM held_role h JOIN units_above(p.unit) u ON u.unit = h.unit
                          WHERE h.principal = p.principal AND h.role = r.role AND h.during @> p.moment) AS may
        FROM place p JOIN rule r ON r.unit IS NOT DISTINCT FROM p.level),
    fit AS (
        SELECT a.id, m.may, m.mode, m.role, m.principal, ARRAY(SELECT f FROM unnest(m.required) f WHERE f = ANY (a.missing)) AS missing
        FROM asked a JOIN may m ON m.asker = a.asker AND m.to_read = a.to_read
        WHERE CASE WHEN a.entering THEN m.from_stage IS NULL
                   WHEN a.from_read IS NULL THEN true -- out of a value that is no stage, wherever a rule leads
                   ELSE m.from_read = a.from_read OR m.from_stage = '*' END),
    found AS (
        SELECT f.id, bool_or(f.may AND f.missing = '{}') AS allowed, bool_or(f.may) AS may, bool_or(f.mode = 'refuse') AS refuses,
               bool_or(f.mode = 'refuse') FILTER (WHERE f.may) AS refuses_missing,
               string_agg(DISTINCT coalesce('role "' || f.role || '"', 'principal "' || f.principal || '"'), ', ') AS holders,
               (array_agg(array_to_string(f.missing, ', ') ORDER BY cardinality(f.missing)) FILTER (WHERE f.may))[1] AS missing
        FROM fit f GROUP BY 1)
    SELECT a.id, v.verdict,
           CASE WHEN CASE v.verdict WHEN 'required' THEN f.refuses_missing WHEN 'role' THEN f.refuses ELSE p.refuses END
                THEN 'refuse' ELSE 'flag' END,
           p.level, CASE WHEN v.verdict = 'role' THEN f.holders END, CASE WHEN v.verdict = 'required' THEN f.missing END
    FROM asked a
    JOIN place p USING (asker)
    LEFT JOIN found f USING (id)
    CROSS JOIN LATERAL (SELECT CASE WHEN a.from_read = a.to_read OR f.allowed THEN 'allowed'
                                    WHEN a.to_read IS NULL THEN 'unknown'
                                    WHEN f.may THEN 'required'
                                    WHEN f.id IS NOT NULL THEN 'role'
                                    ELSE 'unlisted' END AS verdict) v;
END
$$;
COMMENT ON FUNCTION @extschema@.judge_transitions(text, @extschema@.transition_attempt[]) IS
'What a funnel''s workflow says to transitions; no row for those of units where none holds.';
SELECT @extschema@.set_audience('judge_transitions(text, transition_attempt[])', 'internal');

CREATE FUNCTION @extschema@.preview_workflow(funnel text)
    RETURNS TABLE (from_stage text, to_stage text, unit text, verdict text, who text, transitions bigint, records bigint,
                   first_at timestamptz, last_at timestamptz)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100 COST 100000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM require_funnel(funnel);
    RETURN QUERY
    WITH past AS MATERIALIZED (
        SELECT t.id, t.record_key, t.relation, t.at, CASE WHEN e.entering THEN NULL ELSE t.from_stage END AS from_stage, e.entering,
               t.to_stage, t.value, t.unit, t.by, t.recorded_at
        FROM transition_log t
        CROSS JOIN LATERAL (SELECT is_entry(t.source_key, t."sequence") AS entering) e
        WHERE t.funnel = preview_workflow.funnel AND NOT t.flags @> '{assumed}'
          AND NOT (t.source_key IS NULL AND t.flags @> '{backfilled}')), -- from where is not known
    verdict AS (
        SELECT v.* FROM judge_transitions(preview_workflow.funnel, ARRAY(
            SELECT ROW(p.id, p.from_stage, p.entering, p.to_stage, p.unit, resolve_principal(p.by), p.by IS NULL, p.recorded_at, '{}')::transition_attempt
            FROM past p)) v)
    SELECT p.from_stage, coalesce(p.to_stage, p.value), coalesce(resolve_unit(p.unit), p.unit), v.verdict, v.holders, count(*),
           count(DISTINCT (p.relation, p.record_key)), min(p.at), max(p.at)
    FROM verdict v JOIN past p USING (id)
    WHERE v.verdict <> 'allowed'
    GROUP BY 1, 2, 3, 4, 5 ORDER BY count(*) DESC, 1 NULLS FIRST, 2, 3;
END
$$;
COMMENT ON FUNCTION @extschema@.preview_workflow(text) IS
'Which transitions of the history the rules of a funnel, as they stand now, would have refused or flagged, counted: from_stage NULL is '
'the entry; verdict unlisted (no rule leads there), unknown (to no stage of the funnel), role (only those of who may). Who moved a '
'record is judged by the roles of that time, where it was recorded; what fields held then is not known, so they are not judged; nor '
'is what a backfill read from a column. Type it between BEGIN and ROLLBACK to try rules. Errors: RM001. '
'Example: SELECT * FROM crm.preview_workflow(''sales'');';
SELECT @extschema@.set_audience('preview_workflow(text)', 'admin');
