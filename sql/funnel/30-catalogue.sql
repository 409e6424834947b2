-- Making funnels: create_funnel, add_stage, add_stage_alias. 22-version.sql changes and retires stages.

CREATE FUNCTION @extschema@.stage_milestone_kind(milestone text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN CASE WHEN milestone IN ('won', 'lost', 'churned') THEN milestone
                WHEN milestone IN ('live', 'first_value', 'renewed') THEN 'after_win'
                ELSE 'active' END;
COMMENT ON FUNCTION @extschema@.stage_milestone_kind(text) IS 'The kind of a stage for which only the milestone was given.';

CREATE FUNCTION @extschema@.label_of_key(key text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN upper(left(key, 1)) || replace(substr(key, 2), '_', ' ');
COMMENT ON FUNCTION @extschema@.label_of_key(text) IS 'The label of a funnel or stage that was given none: its key in words.';

CREATE FUNCTION @extschema@.refuse_duplicate(funnel text, what text, value text, holder text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '% "%" of funnel "%" is taken by stage "%"', what, value, funnel, holder
        USING ERRCODE = 'RM302',
              HINT = CASE what
                  WHEN 'position' THEN 'Positions never change: choose a free one between two stages, they lie 100 apart.'
                  WHEN 'milestone' THEN 'A milestone belongs to one stage of a funnel, so that KPIs count it once; change_stage takes it '
                                        'from one, and retire_stage hands it to the successor.'
                  ELSE 'Keys, labels and aliases of a funnel differ, case ignored.' END;
END
$$;
COMMENT ON FUNCTION @extschema@.refuse_duplicate(text, text, text, text) IS 'Raises RM302 for what another stage holds.';

CREATE FUNCTION @extschema@.check_stage(stage @extschema@.funnel_stage, fresh boolean) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    other record;
BEGIN
    -- The type's own check of names and position.
    PERFORM stage(stage.funnel, stage.position, stage.stage);
    IF NOT EXISTS (SELECT FROM stage_kind_name k WHERE k.kind = stage.kind) THEN
        PERFORM raise_unknown('stage kind', stage.kind, (SELECT array_agg(k.kind) FROM stage_kind_name k));
    END IF;
    IF stage.milestone IS NOT NULL AND NOT EXISTS (SELECT FROM milestone m WHERE m.milestone = stage.milestone) THEN
        PERFORM raise_unknown('milestone', stage.milestone, (SELECT array_agg(m.milestone) FROM milestone m));
    END IF;
    IF stage.probability < 0 OR stage.probability > 1 THEN
        RAISE EXCEPTION 'probability % of stage "%" is not between 0 and 1', stage.probability, stage.stage
            USING ERRCODE = 'RM005', HINT = 'Write 0.4 for 40 percent.';
    END IF;
    FOR other IN SELECT s.* FROM funnel_stage s WHERE s.funnel = stage.funnel AND (fresh OR s.stage <> stage.stage) LOOP
        IF other.position = stage.position THEN
            PERFORM refuse_duplicate(stage.funnel, 'position', stage.position::text, other.stage);
        ELSIF other.milestone = stage.milestone THEN
            PERFORM refuse_duplicate(stage.funnel, 'milestone', stage.milestone, other.stage);
        ELSIF lower(other.stage) IN (lower(stage.stage), lower(stage.label)) THEN
            PERFORM refuse_duplicate(stage.funnel, 'key', other.stage, other.stage);
        ELSIF lower(other.label) IN (lower(stage.stage), lower(stage.label)) THEN
            PERFORM refuse_duplicate(stage.funnel, 'label', other.label, other.stage);
        END IF;
    END LOOP;
    FOR other IN SELECT a.* FROM stage_alias a WHERE a.funnel = stage.funnel AND (fresh OR a.stage <> stage.stage)
                 AND lower(a.alias) IN (lower(stage.stage), lower(stage.label)) LOOP
        PERFORM refuse_duplicate(stage.funnel, 'alias', other.alias, other.stage);
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.check_stage(@extschema@.funnel_stage, boolean) IS
'Raises what is wrong with a stage that is to be added (fresh) or changed: names, kind, milestone, probability, or what another '
'stage holds.';

CREATE FUNCTION @extschema@.read_stage(funnel text, definition jsonb, ordinal integer)
    RETURNS @extschema@.funnel_stage
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    known CONSTANT text[] := '{key,position,label,department,kind,milestone,expected,probability,aliases}';
    attribute text;
    result funnel_stage;
BEGIN
    IF jsonb_typeof(definition) = 'string' THEN
        definition := jsonb_build_object('key', definition);
    ELSIF jsonb_typeof(definition) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'a stage is a JSON object or its key, and not %', coalesce(definition::text, 'NULL')
            USING ERRCODE = 'RM005', HINT = 'Write {"key": "proposal", "position": 300, "department": "sales"}.';
    END IF;
    FOR attribute IN SELECT k FROM jsonb_object_keys(definition) k WHERE k <> ALL (known) LOOP
        PERFORM raise_unknown('attribute of a stage', attribute, known);
    END LOOP;
    IF coalesce(definition ->> 'key', '') = '' THEN
        RAISE EXCEPTION 'stage % of funnel "%" has no key', ordinal, funnel
            USING ERRCODE = 'RM005', HINT = 'Write {"key": "proposal"}; keys are short, lower-case names.';
    END IF;
    result.funnel := funnel;
    result.stage := definition ->> 'key';
    BEGIN
        result.position := coalesce((definition ->> 'position')::integer, 100 * ordinal);
        attribute := 'expected';
        result.expected := (definition ->> 'expected')::interval;
        attribute := 'probability';
        result.probability := (definition ->> 'probability')::numeric;
    EXCEPTION WHEN data_exception THEN
        RAISE EXCEPTION '% of stage "%" cannot be read: %', coalesce(attribute, 'position'), result.stage, SQLERRM
            USING ERRCODE = 'RM005',
                  HINT = 'position is a whole number, expected an interval such as "14 days", probability such as 0.4.';
    END;
    result.label := coalesce(definition ->> 'label', label_of_key(result.stage));
    result.department := definition ->> 'department';
    result.milestone := definition ->> 'milestone';
    result.kind := coalesce(definition ->> 'kind', stage_milestone_kind(result.milestone));
    RETURN result;
END
$$;
COMMENT ON FUNCTION @extschema@.read_stage(text, jsonb, integer) IS
'A stage from its JSON form, with what is left out filled in: position 100 times its place, label from the key, kind from '
'the milestone.';

CREATE FUNCTION @extschema@.insert_alias(funnel text, alias text, stage text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    holder text := resolve_stage(funnel, alias);
BEGIN
    IF coalesce(btrim(alias), '') = '' THEN
        RAISE EXCEPTION 'an alias of a stage cannot be empty' USING ERRCODE = 'RM005';
    END IF;
    IF holder <> stage THEN
        PERFORM refuse_duplicate(funnel, 'name', alias, holder);
    ELSIF holder IS NULL THEN
        INSERT INTO stage_alias (funnel, alias, stage) VALUES (funnel, btrim(alias), stage);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.insert_alias(text, text, text) IS
'Adds an alias; nothing happens where the stage has that name already; RM302 where another stage has it.';
SELECT @extschema@.set_audience('insert_alias(text, text, text)', 'admin');

CREATE FUNCTION @extschema@.insert_stage(stage @extschema@.funnel_stage, aliases jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM check_stage(stage, true);
    INSERT INTO funnel_stage SELECT stage.*;
    IF jsonb_typeof(aliases) = 'string' THEN
        aliases := jsonb_build_array(aliases);
    ELSIF jsonb_typeof(aliases) NOT IN ('array', 'null') THEN
        RAISE EXCEPTION 'aliases of stage "%" are a JSON array of texts', stage.stage
            USING ERRCODE = 'RM005', HINT = 'Write "aliases": ["Angebot", "Quote"].';
    END IF;
    IF jsonb_typeof(aliases) = 'array' THEN
        PERFORM insert_alias(stage.funnel, a, stage.stage) FROM jsonb_array_elements_text(aliases) a;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.insert_stage(@extschema@.funnel_stage, jsonb) IS 'Checks and stores a stage and its aliases.';
SELECT @extschema@.set_audience('insert_stage(funnel_stage, jsonb)', 'admin');

CREATE FUNCTION @extschema@.create_funnel(funnel text, subject text, stages jsonb, label text DEFAULT NULL)
    RETURNS integer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    definition record;
    stage funnel_stage;
    has_entry boolean := stages @? '$[*] ? (@.kind == "entry")';
BEGIN
    IF EXISTS (SELECT FROM funnel f WHERE f.funnel = create_funnel.funnel) THEN
        RAISE EXCEPTION 'funnel "%" exists already', funnel
            USING ERRCODE = 'RM302', HINT = 'Add to it with add_stage and add_stage_alias.';
    END IF;
    IF NOT EXISTS (SELECT FROM entity e WHERE e.entity = subject) THEN
        PERFORM raise_unknown('entity', subject, (SELECT array_agg(e.entity) FROM entity e));
    END IF;
    IF jsonb_typeof(stages) IS DISTINCT FROM 'array' OR jsonb_array_length(stages) = 0 THEN
        RAISE EXCEPTION 'a funnel needs a JSON array of stages'
            USING ERRCODE = 'RM005', HINT = 'Write ''[{"key": "open", "department": "sales"}, {"key": "won", "milestone": "won"}]''.';
    END IF;
    INSERT INTO funnel (funnel, subject, label, created_by)
    VALUES (create_funnel.funnel, create_funnel.subject,
            coalesce(create_funnel.label, label_of_key(funnel)), caller()::text);
    FOR definition IN SELECT s.value, s.ordinality::integer AS ordinal
                      FROM jsonb_array_elements(stages) WITH ORDINALITY s ORDER BY 2 LOOP
        stage := read_stage(funnel, definition.value, definition.ordinal);
        IF definition.ordinal = 1 AND NOT has_entry AND NOT coalesce(definition.value ? 'kind', false) THEN
            stage.kind := 'entry';
        END IF;
        PERFORM insert_stage(stage, definition.value -> 'aliases');
    END LOOP;
    PERFORM note_created(funnel);
    RETURN jsonb_array_length(stages);
END
$$;
COMMENT ON FUNCTION @extschema@.create_funnel(text, text, jsonb, text) IS
'Makes a funnel and returns how many stages it has. subject is customer (whoever the linked records of several tables mean) '
'or an entity such as opportunity (its records). stages is a JSON array, in order; each stage is its key or an object: key; '
'position (default 100, 200, ...; never changes); label; department; kind: entry, active, waiting, won, lost, after_win, '
'churned; milestone: visitor, lead, mql, sal, sql, opportunity, won, live, first_value, renewed, churned, lost; expected '
'(interval); probability (0 to 1); aliases. Errors: RM001 unknown attribute, kind, milestone or entity; RM302 something is '
'taken; RM005 a value cannot be read. Example: SELECT crm.create_funnel(''sales'', ''opportunity'', ''[{"key": "prospecting", '
'"department": "sales"}, {"key": "won", "milestone": "won"}, {"key": "lost", "milestone": "lost"}]'');';
SELECT @extschema@.set_audience('create_funnel(text, text, jsonb, text)', 'admin');

CREATE FUNCTION @extschema@.add_stage(funnel text, stage jsonb) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    added funnel_stage;
BEGIN
    PERFORM require_funnel(funnel);
    PERFORM hold_funnel(funnel);
    added := read_stage(funnel, stage, (SELECT max(s.position) / 100 + 1 FROM funnel_stage s
                                        WHERE s.funnel = add_stage.funnel));
    PERFORM insert_stage(added, stage -> 'aliases');
    PERFORM note_change(funnel, 'added', added.stage, NULL, stage_state(funnel, added.stage));
    PERFORM resolve_unknown_stages(funnel);
    RETURN added.stage;
END
$$;
COMMENT ON FUNCTION @extschema@.add_stage(text, jsonb) IS
'Adds a stage to a funnel, in the form that create_funnel takes, and returns its key; without a position it goes to the end. '
'Transitions whose value was unknown and matches now get their stage. '
'Example: SELECT crm.add_stage(''sales'', ''{"key": "trial", "position": 250, "department": "sales"}'');';
SELECT @extschema@.set_audience('add_stage(text, jsonb)', 'admin');

CREATE FUNCTION @extschema@.add_stage_alias(funnel text, alias text, stage text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF resolve_stage(funnel, alias) IS NULL THEN
        PERFORM hold_funnel(funnel);
        PERFORM insert_alias(funnel, alias, require_stage(funnel, stage));
        PERFORM note_change(funnel, 'alias', require_stage(funnel, stage), NULL, jsonb_build_object('alias', btrim(alias)));
    ELSE
        PERFORM insert_alias(funnel, alias, require_stage(funnel, stage));
    END IF;
    PERFORM resolve_unknown_stages(funnel);
END
$$;
COMMENT ON FUNCTION @extschema@.add_stage_alias(text, text, text) IS
'Makes a team''s own value mean a stage of a funnel; case is ignored. Transitions that held the value get the stage. '
'Example: SELECT crm.add_stage_alias(''sales'', ''Closed Won'', ''won'');';
SELECT @extschema@.set_audience('add_stage_alias(text, text, text)', 'admin');
