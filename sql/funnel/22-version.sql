-- What a funnel was: every change of its stages and rules is kept, numbered, with who made it and when.

CREATE TABLE @extschema@.funnel_change (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    funnel text NOT NULL REFERENCES @extschema@.funnel,
    version integer NOT NULL,
    at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    by text NOT NULL,
    change text NOT NULL,
    stage text,
    before jsonb,
    after jsonb
);
CREATE INDEX funnel_change_stage ON @extschema@.funnel_change (funnel, stage, id);
COMMENT ON TABLE @extschema@.funnel_change IS
'Changes of funnels, in order. change: created, added, changed, retired, reopened (a stage; before and after are the whole stage, '
'without what is NULL), renamed (the funnel: its label), alias, allowed, disallowed (a rule of the workflow).';
GRANT SELECT ON @extschema@.funnel_change TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('@extschema@.funnel_change', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.funnel_change_id_seq', '');

CREATE FUNCTION @extschema@.hold_funnel(funnel text) RETURNS integer
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT f.version FROM funnel f WHERE f.funnel = hold_funnel.funnel FOR NO KEY UPDATE
$$;
COMMENT ON FUNCTION @extschema@.hold_funnel(text) IS
'The version of a funnel, which nobody else changes until the transaction ends.';
SELECT @extschema@.set_audience('hold_funnel(text)', 'internal');

CREATE FUNCTION @extschema@.stage_state(funnel text, stage text) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN (SELECT jsonb_strip_nulls(to_jsonb(s) - '{funnel,read_as}'::text[]) FROM funnel_stage s
            WHERE s.funnel = stage_state.funnel AND s.stage = stage_state.stage);
COMMENT ON FUNCTION @extschema@.stage_state(text, text) IS 'A stage as funnel_change keeps it.';

CREATE FUNCTION @extschema@.note_change(funnel text, change text, stage text, before jsonb, after jsonb) RETURNS integer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    risen integer;
BEGIN
    UPDATE funnel f SET version = f.version + 1 WHERE f.funnel = note_change.funnel RETURNING f.version INTO risen;
    INSERT INTO funnel_change (funnel, version, by, change, stage, before, after)
    VALUES (note_change.funnel, risen, coalesce(current_principal(), caller()::text), note_change.change, note_change.stage,
            note_change.before, note_change.after);
    RETURN risen;
END
$$;
COMMENT ON FUNCTION @extschema@.note_change(text, text, text, jsonb, jsonb) IS 'Keeps a change of a funnel; returns its version now.';
SELECT @extschema@.set_audience('note_change(text, text, text, jsonb, jsonb)', 'internal');

CREATE FUNCTION @extschema@.note_created(funnel text) RETURNS void
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    INSERT INTO funnel_change (funnel, version, by, change, stage, after)
    SELECT f.funnel, f.version, coalesce(current_principal(), caller()::text), s.change, s.stage, s.after
    FROM funnel f
    CROSS JOIN LATERAL (SELECT 'created' AS change, NULL AS stage, jsonb_build_object('subject', f.subject, 'label', f.label) AS after, -1 AS place
                        UNION ALL
                        SELECT 'added', s.stage, stage_state(s.funnel, s.stage), s."position"
                        FROM funnel_stage s WHERE s.funnel = f.funnel) s
    WHERE f.funnel = note_created.funnel
    ORDER BY s.place
$$;
COMMENT ON FUNCTION @extschema@.note_created(text) IS 'Keeps a funnel and its first stages as its version 1.';
SELECT @extschema@.set_audience('note_created(text)', 'internal');

CREATE FUNCTION @extschema@.differing(state jsonb, other jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    RETURN (SELECT pg_catalog.jsonb_object_agg(e.key, e.value) FROM pg_catalog.jsonb_each(state) e
            WHERE e.value IS DISTINCT FROM other OPERATOR(pg_catalog.->) e.key);
COMMENT ON FUNCTION @extschema@.differing(jsonb, jsonb) IS 'What of an object is not the same in another; NULL where nothing is.';

CREATE VIEW @extschema@.funnel_history AS
SELECT c.funnel, c.version, c.at, c.by, c.change, c.stage,
       CASE WHEN c.after IS NULL THEN c.before ELSE @extschema@.differing(c.before, c.after) END AS before,
       CASE WHEN c.before IS NULL THEN c.after ELSE @extschema@.differing(c.after, c.before) END AS after
FROM @extschema@.funnel_change c;
COMMENT ON VIEW @extschema@.funnel_history IS
'How funnels changed: which version began when, by whom, what was done (created, added, changed, retired, reopened, renamed, alias, '
'allowed, disallowed) to which stage, and what differs before and after.';
GRANT SELECT ON @extschema@.funnel_history TO PUBLIC;

CREATE FUNCTION @extschema@.stages_at(funnel text, as_of timestamptz DEFAULT pg_catalog.now()) RETURNS SETOF @extschema@.funnel_stage
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 10 COST 1000 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM require_funnel(funnel);
    RETURN QUERY
    SELECT s.* FROM (
        SELECT DISTINCT ON (c.stage) c.after FROM funnel_change c
        WHERE c.funnel = stages_at.funnel AND c.at <= as_of AND c.change IN ('added', 'changed', 'retired', 'reopened')
        ORDER BY c.stage, c.id DESC) l
    CROSS JOIN jsonb_populate_record(NULL::funnel_stage, l.after || jsonb_build_object('funnel', stages_at.funnel)) s
    ORDER BY s."position";
END
$$;
COMMENT ON FUNCTION @extschema@.stages_at(text, timestamptz) IS
'The stages of a funnel as they were at an instant: labels, departments, milestones, probabilities, what was retired into what. '
'read_as is left out: it is where the successors lead. Errors: RM001. Example: SELECT stage, label, department FROM crm.stages_at(''sales'', ''2026-01-01'');';

-- Where the history of a retired stage is read: the end of the successors.
CREATE FUNCTION @extschema@.follow_successors(funnel text) RETURNS text[]
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    moved text[];
    touched record;
BEGIN
    WITH RECURSIVE way AS (
        SELECT s.stage, s.successor AS reached FROM funnel_stage s WHERE s.funnel = follow_successors.funnel AND s.successor IS NOT NULL
        UNION ALL
        SELECT w.stage, s.successor FROM way w JOIN funnel_stage s ON s.funnel = follow_successors.funnel AND s.stage = w.reached
        WHERE s.successor IS NOT NULL),
    ending AS (
        SELECT w.stage, w.reached FROM way w
        WHERE NOT EXISTS (SELECT FROM funnel_stage s WHERE s.funnel = follow_successors.funnel AND s.stage = w.reached
                                                       AND s.successor IS NOT NULL)),
    changed AS (
        UPDATE funnel_stage s SET read_as = e.reached
        FROM funnel_stage o LEFT JOIN ending e USING (stage)
        WHERE s.funnel = follow_successors.funnel AND o.funnel = s.funnel AND o.stage = s.stage
          AND s.read_as IS DISTINCT FROM e.reached
        RETURNING s.stage)
    SELECT array_agg(c.stage) INTO moved FROM changed c;
    -- directions and first entries are those of the stages as they are read
    FOR touched IN
        SELECT t.relation, array_agg(DISTINCT t.record_key) AS keys FROM transition_log t
        WHERE t.funnel = follow_successors.funnel AND (t.to_stage = ANY (moved) OR t.from_stage = ANY (moved)) GROUP BY 1
    LOOP
        PERFORM derive_transitions(touched.relation, touched.keys, false);
    END LOOP;
    RETURN moved;
END
$$;
COMMENT ON FUNCTION @extschema@.follow_successors(text) IS
'Sets funnel_stage.read_as from the successors, and what follows from it in the history (direction, first_entry); returns the '
'stages that are read otherwise than before.';
SELECT @extschema@.set_audience('follow_successors(text)', 'internal');

CREATE FUNCTION @extschema@.check_change(stage text, change jsonb) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    known CONSTANT text[] := '{label,department,kind,milestone,expected,probability}';
    attribute text;
BEGIN
    IF jsonb_typeof(change) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'a change of a stage is a JSON object, and not %', coalesce(change::text, 'NULL')
            USING ERRCODE = 'RM005', HINT = 'Write {"label": "Proposal sent", "expected": "14 days"}; null takes a value away.';
    END IF;
    FOR attribute IN SELECT k FROM jsonb_object_keys(change) k WHERE k <> ALL (known) ORDER BY k LOOP
        IF attribute IN ('key', 'position') THEN
            RAISE EXCEPTION '% of stage "%" never changes', attribute, stage
                USING ERRCODE = 'RM301', HINT = 'Add another stage with add_stage, and retire this one with retire_stage(..., successor => ...).';
        ELSIF attribute = 'aliases' THEN
            RAISE EXCEPTION 'aliases of stage "%" are added one by one', stage
                USING ERRCODE = 'RM005', HINT = 'Type SELECT @extschema@.add_stage_alias(funnel, alias, stage);';
        END IF;
        PERFORM raise_unknown('attribute of a stage', attribute, known);
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.check_change(text, jsonb) IS
'Raises what is wrong with the form of a change of a stage: RM001 an unknown attribute, RM301 what never changes, RM005.';

CREATE FUNCTION @extschema@.change_stage(funnel text, stage text, change jsonb) RETURNS integer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    key CONSTANT text := require_stage(funnel, stage);
    held integer := hold_funnel(funnel);
    state CONSTANT jsonb := stage_state(funnel, key);
    was funnel_stage;
    changed funnel_stage;
BEGIN
    PERFORM check_change(key, change);
    SELECT * INTO was FROM funnel_stage s WHERE s.funnel = change_stage.funnel AND s.stage = key;
    -- a kind that came from the milestone goes with it
    IF change ? 'milestone' AND NOT change ? 'kind' AND was.kind = stage_milestone_kind(was.milestone) THEN
        change := change || '{"kind": null}';
    END IF;
    changed := read_stage(funnel, to_jsonb(was) - '{funnel,stage,retired_at,successor,read_as}'::text[] || jsonb_build_object('key', key)
                                  || change, 0);
    changed.retired_at := was.retired_at;
    changed.successor := was.successor;
    changed.read_as := was.read_as;
    IF changed IS NOT DISTINCT FROM was THEN
        RETURN held;
    END IF;
    PERFORM check_stage(changed, false);
    UPDATE funnel_stage s
    SET label = changed.label, department = changed.department, kind = changed.kind, milestone = changed.milestone,
        expected = changed.expected, probability = changed.probability
    WHERE s.funnel = change_stage.funnel AND s.stage = key;
    -- what the team's rows say is still understood
    PERFORM insert_alias(funnel, was.label, key) WHERE lower(was.label) <> lower(changed.label);
    held := note_change(funnel, 'changed', key, state, stage_state(funnel, key));
    PERFORM resolve_unknown_stages(funnel);
    RETURN held;
END
$$;
COMMENT ON FUNCTION @extschema@.change_stage(text, text, jsonb) IS
'Changes what a stage says of itself and returns the funnel''s version: label, department, kind, milestone, expected, '
'probability; null takes a value away (of label and kind: gives the default). The old label stays a name of the stage, so that '
'rows that hold it are still read. Kind and milestone say at once what the history counts for; directions and departments of past '
'transitions stay as they were. Errors: RM001 unknown stage, attribute, kind or milestone; RM301 key and position never change; '
'RM302 something is taken; RM005. '
'Example: SELECT crm.change_stage(''sales'', ''proposal'', ''{"label": "Offer sent", "expected": "10 days"}'');';
SELECT @extschema@.set_audience('change_stage(text, text, jsonb)', 'admin');

CREATE FUNCTION @extschema@.check_successor(funnel text, stage text, successor text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    heir funnel_stage;
BEGIN
    SELECT * INTO heir FROM funnel_stage s WHERE s.funnel = check_successor.funnel AND s.stage = check_successor.successor;
    IF heir.stage = stage OR heir.read_as = stage THEN
        RAISE EXCEPTION 'stage "%" of funnel "%" cannot be its own successor', stage, funnel
            USING ERRCODE = 'RM005', HINT = 'Name a stage that is in use.';
    END IF;
    IF heir.retired_at IS NOT NULL AND heir.successor IS NULL THEN
        RAISE EXCEPTION 'stage "%" of funnel "%" is retired itself', successor, funnel
            USING ERRCODE = 'RM005', HINT = format('Name a stage that is in use, or type SELECT @extschema@.reopen_stage(%L, %L);', funnel, successor);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.check_successor(text, text, text) IS 'Raises RM005 where a stage cannot be the successor of another.';

CREATE FUNCTION @extschema@.retire_stage(funnel text, stage text, successor text DEFAULT NULL) RETURNS integer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    key CONSTANT text := require_stage(funnel, stage);
    heir CONSTANT text := CASE WHEN successor IS NOT NULL THEN require_stage(funnel, successor) END;
    held CONSTANT integer := hold_funnel(funnel);
    state CONSTANT jsonb := stage_state(funnel, key);
    was funnel_stage;
    heir_was CONSTANT jsonb := stage_state(funnel, heir);
BEGIN
    SELECT * INTO was FROM funnel_stage s WHERE s.funnel = retire_stage.funnel AND s.stage = key;
    PERFORM check_successor(funnel, key, heir);
    IF was.retired_at IS NOT NULL AND (heir IS NULL OR heir = was.successor) THEN
        RETURN held;
    END IF;
    UPDATE funnel_stage s
    SET retired_at = coalesce(s.retired_at, now()), successor = coalesce(heir, s.successor),
        milestone = CASE WHEN heir_was IS NOT NULL AND NOT heir_was ? 'milestone' THEN NULL ELSE s.milestone END
    WHERE s.funnel = retire_stage.funnel AND s.stage = key;
    IF NOT heir_was ? 'milestone' AND was.milestone IS NOT NULL THEN
        UPDATE funnel_stage s SET milestone = was.milestone WHERE s.funnel = retire_stage.funnel AND s.stage = heir;
        PERFORM note_change(funnel, 'changed', heir, heir_was, stage_state(funnel, heir));
    END IF;
    PERFORM follow_successors(funnel) WHERE heir IS NOT NULL;
    RETURN note_change(funnel, 'retired', key, state, stage_state(funnel, key));
END
$$;
COMMENT ON FUNCTION @extschema@.retire_stage(text, text, text) IS
'Marks a stage as no longer in use and returns the funnel''s version: passing it by is no skip any more. Its values are still read, '
'and its history stays. With a successor, readers (funnel_reach, funnel_counts, transition, KPIs) see that history under the '
'successor, which takes over the milestone if it has none; the log keeps what was, and what still comes in counts there too. Again '
'with a successor: sets or changes it. Errors: RM001 unknown stage, RM005 a successor that is retired without one, or would lead '
'back. Example: SELECT crm.retire_stage(''sales'', ''demo'', successor => ''trial'');';
SELECT @extschema@.set_audience('retire_stage(text, text, text)', 'admin');

CREATE FUNCTION @extschema@.reopen_stage(funnel text, stage text) RETURNS integer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    key CONSTANT text := require_stage(funnel, stage);
    held CONSTANT integer := hold_funnel(funnel);
    was CONSTANT jsonb := stage_state(funnel, key);
BEGIN
    IF NOT was ? 'retired_at' THEN
        RETURN held;
    END IF;
    UPDATE funnel_stage s SET retired_at = NULL, successor = NULL WHERE s.funnel = reopen_stage.funnel AND s.stage = key;
    PERFORM follow_successors(funnel);
    RETURN note_change(funnel, 'reopened', key, was, stage_state(funnel, key));
END
$$;
COMMENT ON FUNCTION @extschema@.reopen_stage(text, text) IS
'Takes the retirement of a stage back, with its successor: its history is read as its own again. A milestone that the successor '
'took over stays there: change_stage moves it. Returns the funnel''s version. Errors: RM001. '
'Example: SELECT crm.reopen_stage(''sales'', ''demo'');';
SELECT @extschema@.set_audience('reopen_stage(text, text)', 'admin');
