-- What of the funnels stands in a configuration document.
CREATE FUNCTION @extschema@.funnel_entry(funnel text) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT jsonb_agg(present_fields(jsonb_build_object('key', s.stage, 'position', s."position", 'label', s.label, 'department', s.department, 'kind', s.kind,
                                                       'milestone', s.milestone, 'expected', s.expected, 'probability', s.probability,
                                                       'retired', CASE WHEN s.retired_at IS NOT NULL THEN true END, 'successor', s.successor)) ORDER BY s."position")
    FROM funnel_stage s WHERE s.funnel = funnel_entry.funnel
$$;
COMMENT ON FUNCTION @extschema@.funnel_entry(text) IS 'The stages of a funnel as create_funnel takes them, with retired and successor as retire_stage does.';

-- Stages as a document has them, whatever their form, with what is wrong in the form of one.
CREATE FUNCTION @extschema@.document_stages(funnel text, stages jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    listed jsonb := '[]';
    said jsonb;
    retired boolean;
BEGIN
    IF jsonb_typeof(stages) IS DISTINCT FROM 'array' THEN
        RAISE EXCEPTION 'stages of funnel "%" are a JSON array, and not %', funnel, coalesce(stages::text, 'NULL') USING ERRCODE = 'RM005',
            HINT = 'Write "stages": [{"key": "open", "department": "sales"}, {"key": "won", "milestone": "won"}].';
    END IF;
    FOR said IN SELECT CASE jsonb_typeof(s) WHEN 'string' THEN jsonb_build_object('key', s) ELSE s END FROM jsonb_array_elements(stages) s LOOP
        PERFORM read_stage(funnel, CASE jsonb_typeof(said) WHEN 'object' THEN said - '{retired,successor}'::text[] ELSE said END,
                           jsonb_array_length(listed) + 1);
        retired := CASE WHEN jsonb_typeof(said -> 'retired') IN ('boolean', 'null') THEN coalesce((said ->> 'retired')::boolean, false) END;
        IF said ? 'retired' AND retired IS NULL OR said ? 'successor' AND jsonb_typeof(said -> 'successor') NOT IN ('string', 'null') THEN
            RAISE EXCEPTION 'retirement of stage "%" cannot be read', said ->> 'key' USING ERRCODE = 'RM005',
                HINT = 'Write "retired": true, and "successor": "trial" for the stage that its history counts for.';
        ELSIF retired IS NOT TRUE AND said ->> 'successor' IS NOT NULL THEN
            RAISE EXCEPTION 'stage "%" has a successor and is not retired', said ->> 'key' USING ERRCODE = 'RM005',
                HINT = 'Write "retired": true beside it.';
        ELSIF jsonb_typeof(said -> 'aliases') NOT IN ('array', 'string', 'null') THEN
            RAISE EXCEPTION 'aliases of stage "%" are a JSON array of texts', said ->> 'key' USING ERRCODE = 'RM005', HINT = 'Write "aliases": ["Angebot", "Quote"].';
        ELSIF jsonb_path_exists(listed, '$[*] ? (@.key == $key)', jsonb_build_object('key', said -> 'key')) THEN
            RAISE EXCEPTION 'funnel "%" names stage "%" twice', funnel, said ->> 'key' USING ERRCODE = 'RM005';
        END IF;
        listed := listed || jsonb_build_array(said);
    END LOOP;
    RETURN listed;
END
$$;
COMMENT ON FUNCTION @extschema@.document_stages(text, jsonb) IS
'The stages of a funnel in a document as a list of objects; raises what is wrong with one as create_funnel would, or with its retirement.';

-- Those with a successor first: who becomes one is in use until then, or has one.
CREATE FUNCTION @extschema@.retire_listed(funnel text, stages jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    said jsonb;
    has funnel_stage;
BEGIN
    FOR said IN SELECT s FROM jsonb_array_elements(stages) s WHERE (s ->> 'retired')::boolean ORDER BY s ->> 'successor' IS NULL, s ->> 'key' LOOP
        SELECT * INTO has FROM funnel_stage s WHERE s.funnel = retire_listed.funnel AND s.stage = said ->> 'key';
        IF has.successor IS NOT NULL AND said ? 'successor' AND said ->> 'successor' IS NULL THEN
            PERFORM reopen_stage(funnel, has.stage);
        END IF;
        PERFORM retire_stage(funnel, has.stage, said ->> 'successor');
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.retire_listed(text, jsonb) IS 'Retires the stages that document_stages says are retired, each into its successor.';
SELECT @extschema@.set_audience('retire_listed(text, jsonb)', 'internal');

CREATE FUNCTION @extschema@.put_funnel(funnel text, subject text, stages jsonb, label text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    listed CONSTANT jsonb := document_stages(funnel, stages);
BEGIN
    PERFORM create_funnel(funnel, subject, (SELECT jsonb_agg(s - '{retired,successor}'::text[] ORDER BY n) FROM jsonb_array_elements(listed) WITH ORDINALITY l (s, n)), label);
    PERFORM retire_listed(funnel, listed);
END
$$;
COMMENT ON FUNCTION @extschema@.put_funnel(text, text, jsonb, text) IS 'put of the section funnels: create_funnel, and retire_stage of what is retired.';
SELECT @extschema@.set_audience('put_funnel(text, text, jsonb, text)', 'internal');

-- What change_stage shall say of a stage that is there. A kind that the document does not name goes with the milestone where it came from it.
CREATE FUNCTION @extschema@.stage_wish(present jsonb, wanted jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    wish jsonb := wanted - '{key,position,aliases,retired,successor}'::text[];
BEGIN
    IF wish ? 'milestone' AND NOT wish ? 'kind' THEN
        wish := wish || jsonb_build_object('kind', CASE WHEN present ->> 'kind' <> stage_milestone_kind(present ->> 'milestone') THEN present -> 'kind' END);
    END IF;
    RETURN wish;
END
$$;
COMMENT ON FUNCTION @extschema@.stage_wish(jsonb, jsonb) IS 'What change_stage is to be told so that a stage becomes what a document says.';

CREATE FUNCTION @extschema@.refuse_stage_change(funnel text, present jsonb, wanted jsonb) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    key CONSTANT text := present ->> 'key';
    other text;
BEGIN
    IF (wanted ->> 'position')::integer <> (present ->> 'position')::integer THEN
        RAISE EXCEPTION 'position of stage "%" of funnel "%" never changes', key, funnel USING ERRCODE = 'RM301',
            DETAIL = format('It is %s, and the document says %s: what is stored of the history names it.', present ->> 'position', wanted ->> 'position'),
            HINT = format('Write "position": %s, or nothing. For another place write another stage, and at this one "retired": true, "successor": the other.',
                          present ->> 'position');
    END IF;
    SELECT a INTO other FROM jsonb_array_elements_text(CASE jsonb_typeof(wanted -> 'aliases') WHEN 'array' THEN wanted -> 'aliases' WHEN 'string'
                                                       THEN jsonb_build_array(wanted -> 'aliases') ELSE '[]' END) a
    WHERE resolve_stage(funnel, a) IS DISTINCT FROM key LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'aliases of stage "%" of funnel "%" are a section of their own', key, funnel USING ERRCODE = 'object_not_in_prerequisite_state',
            DETAIL = format('"%s" means %s.', other, coalesce('stage ' || quote_ident(resolve_stage(funnel, other)), 'no stage')),
            HINT = format('Write "stage_aliases": [%s].', jsonb_build_object('funnel', funnel, 'alias', other, 'stage', key));
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.refuse_stage_change(text, jsonb, jsonb) IS 'Raises what a document cannot change of a stage: its position (RM301), and aliases in it (55000).';

CREATE FUNCTION @extschema@.change_stages(funnel text, present jsonb, listed jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    said jsonb;
    has jsonb;
    wish jsonb;
BEGIN
    -- a milestone goes from one stage to another in two steps
    FOR has IN SELECT p FROM jsonb_array_elements(present) p JOIN jsonb_array_elements(listed) l ON l -> 'key' = p -> 'key'
               WHERE l ? 'milestone' AND l ->> 'milestone' IS DISTINCT FROM p ->> 'milestone'
                 AND EXISTS (SELECT FROM jsonb_array_elements(listed) o WHERE o -> 'milestone' = p -> 'milestone') LOOP
        PERFORM change_stage(funnel, has ->> 'key', jsonb_build_object('milestone', NULL, 'kind', has -> 'kind'));
    END LOOP;
    FOR said IN SELECT s FROM jsonb_array_elements(listed) s LOOP
        has := jsonb_path_query_first(present, '$[*] ? (@.key == $key)', jsonb_build_object('key', said -> 'key'));
        IF has IS NULL THEN
            PERFORM add_stage(funnel, said - '{retired,successor}'::text[]);
            CONTINUE;
        END IF;
        PERFORM refuse_stage_change(funnel, has, said);
        IF (has ->> 'retired')::boolean AND said ? 'retired' AND NOT coalesce((said ->> 'retired')::boolean, false) THEN
            PERFORM reopen_stage(funnel, said ->> 'key');
        END IF;
        wish := stage_wish(has, said);
        -- what its retirement has handed on is not asked for again
        IF (said ->> 'retired')::boolean AND EXISTS (SELECT FROM funnel_stage s JOIN funnel_stage o ON o.funnel = s.funnel AND o.stage = coalesce(s.read_as, said ->> 'successor')
                                                      WHERE s.funnel = change_stages.funnel AND s.stage = has ->> 'key' AND o.milestone = wish ->> 'milestone') THEN
            wish := wish - 'milestone';
        END IF;
        PERFORM change_stage(funnel, said ->> 'key', wish);
    END LOOP;
    PERFORM retire_listed(funnel, listed);
END
$$;
COMMENT ON FUNCTION @extschema@.change_stages(text, jsonb, jsonb) IS 'Makes the stages of a funnel what document_stages says, by the calls that change, retire, reopen and add them.';
SELECT @extschema@.set_audience('change_stages(text, jsonb, jsonb)', 'internal');

CREATE FUNCTION @extschema@.change_funnel(present jsonb, wanted jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    name CONSTANT text := present ->> 'funnel';
    other CONSTANT jsonb := config_difference(present, wanted);
BEGIN
    IF other ? 'subject' THEN
        RAISE EXCEPTION 'subject of funnel "%" never changes', name USING ERRCODE = 'object_not_in_prerequisite_state',
            DETAIL = format('It is %s, and the document says %s: journeys of one are none of the other.', present -> 'subject', wanted -> 'subject'),
            HINT = format('Write "subject": %s, or nothing, or make another funnel.', present -> 'subject');
    END IF;
    IF other ? 'label' THEN
        PERFORM hold_funnel(name);
        UPDATE funnel f SET label = coalesce(wanted ->> 'label', label_of_key(name)) WHERE f.funnel = name;
        PERFORM note_change(name, 'renamed', NULL, jsonb_build_object('label', present -> 'label'), (SELECT jsonb_build_object('label', f.label) FROM funnel f WHERE f.funnel = name))
        WHERE present ->> 'label' <> (SELECT f.label FROM funnel f WHERE f.funnel = name);
    END IF;
    IF other ? 'stages' THEN
        PERFORM change_stages(name, present -> 'stages', document_stages(name, wanted -> 'stages'));
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.change_funnel(jsonb, jsonb) IS
'change of the section funnels: another label; stages are added, changed, retired and reopened; those that are not named stay as they are.';
SELECT @extschema@.set_audience('change_funnel(jsonb, jsonb)', 'internal');

INSERT INTO @extschema@.config_section (section, room, "position", key, entries, put, change, remove) VALUES
    ('funnels', 'funnel', 210, '{funnel}', 'SELECT f.funnel, f.subject, f.label, funnel_entry(f.funnel) AS stages FROM funnel f', 'put_funnel', 'change_funnel($1, $2)', NULL),
    ('stage_aliases', 'funnel', 220, '{funnel,alias}', 'SELECT funnel, alias, stage FROM stage_alias', 'add_stage_alias', NULL, NULL),
    ('transitions', 'funnel', 230, '{funnel,from_stage,to_stage,unit,role}',
     'SELECT funnel, from_stage, to_stage, unit, coalesce(role, principal) AS role, required, mode FROM transition_rule', 'allow_transition', NULL,
     'disallow_transition($1 ->> ''funnel'', $1 ->> ''from_stage'', $1 ->> ''to_stage'', $1 ->> ''unit'', $1 ->> ''role'')'),
    ('refusal_reasons', 'funnel', 240, '{funnel,reason}', 'SELECT funnel, reason, description FROM refusal_reason WHERE retired_at IS NULL', 'add_refusal_reason', NULL,
     'retire_refusal_reason($1 ->> ''funnel'', $1 ->> ''reason'')'),
    -- the one that holds now
    ('handover_limits', 'funnel', 250, '{funnel,from_department,to_department,unit}', $q$
        SELECT DISTINCT ON (funnel, from_department, to_department, unit) funnel, from_department, to_department, unit, answer_within, calendar
        FROM handover_limit WHERE since <= now() ORDER BY funnel, from_department, to_department, unit, since DESC$q$, 'set_handover_limit', NULL, NULL);
