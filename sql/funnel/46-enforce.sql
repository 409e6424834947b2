-- The workflow is asked in the statement that changes stages, once its transitions are written: what it refuses is undone with them.

CREATE FUNCTION @extschema@.governed_since(source pg_catalog.regclass) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN (SELECT coalesce(pg_sequence_last_value('@extschema@.transition_log_id_seq'), 0)
            FROM tracking t
            WHERE t.relation = governed_since.source AND t.source <> 'record' AND EXISTS (SELECT FROM transition_rule r WHERE r.funnel = t.funnel)
              AND NOT is_merging());
END
$$;
COMMENT ON FUNCTION @extschema@.governed_since(pg_catalog.regclass) IS
'Where the funnel that a table feeds has a workflow: the highest id that a transition had until now. NULL where none has to be asked.';
SELECT @extschema@.set_audience('governed_since(regclass)', 'internal');

CREATE FUNCTION @extschema@.blank_condition(relation pg_catalog.regclass, field text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN CASE WHEN has_attribute(relation, field) THEN format('coalesce(btrim(%s), '''') = ''''', mapped(relation, field))
                ELSE coalesce((SELECT format(CASE WHEN t.typcategory = 'S' THEN 'coalesce(btrim((x.r).%I::text), '''') = '''''
                                                  ELSE '(x.r).%I IS NULL' END, a.attname)
                               FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
                               WHERE a.attrelid = relation AND a.attname = field AND a.attnum > 0 AND NOT a.attisdropped), 'true') END;
COMMENT ON FUNCTION @extschema@.blank_condition(pg_catalog.regclass, text) IS
'SQL over the row x.r: whether an attribute or column is NULL or blank; a table that has neither never fills it in.';

CREATE FUNCTION @extschema@.missing_fields(funnel text, holder pg_catalog.regclass, keys text[])
    RETURNS TABLE (key text, missing text[])
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    fields text := (SELECT string_agg(format('CASE WHEN %s THEN %L END', blank_condition(holder, f.field), f.field), ', ' ORDER BY f.field)
                    FROM (SELECT DISTINCT unnest(r.required) AS field FROM transition_rule r WHERE r.funnel = missing_fields.funnel) f);
BEGIN
    IF fields IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY SELECT m.key, m.missing
    FROM rows_as_owner(holder, format(
        'SELECT map_id(x.r)::text, array_remove(ARRAY[%s], NULL) FROM (SELECT r FROM %s r WHERE %s) x', fields, holder,
        key_condition(holder, 'id', format('%L::text[]', keys)))) AS m (key text, missing text[])
    WHERE m.missing <> '{}';
END
$$;
COMMENT ON FUNCTION @extschema@.missing_fields(text, pg_catalog.regclass, text[]) IS
'The rows of a table, by key, in which fields that rules of the funnel require are not filled in, with these.';
SELECT @extschema@.set_audience('missing_fields(text, regclass, text[])', 'internal');

CREATE FUNCTION @extschema@.asker_is_outside() RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN current_principal() IS NULL AND (SELECT i.identified_by = 'role' FROM current_identity() i)
           AND coalesce((SELECT r.rolsuper OR r.rolbypassrls FROM pg_roles r WHERE r.oid = caller()), false);
COMMENT ON FUNCTION @extschema@.asker_is_outside() IS
'Whether who asks is a superuser or has BYPASSRLS, is no principal and acts for none: roles do not apply, as with policies.';
SELECT @extschema@.set_audience('asker_is_outside()', 'internal');

CREATE FUNCTION @extschema@.ways_on(funnel text, from_stage text, entering boolean, level text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN (SELECT string_agg(format('"%s"', w.stage), ', ' ORDER BY w."position")
            FROM (SELECT DISTINCT t.read_as AS stage, t."position"
                  FROM transition_rule r
                  JOIN stage_read t ON t.funnel = r.funnel AND t.stage = r.to_stage
                  LEFT JOIN stage_read f ON f.funnel = r.funnel AND f.stage = r.from_stage
                  WHERE r.funnel = ways_on.funnel AND r.unit IS NOT DISTINCT FROM level
                    AND CASE WHEN entering THEN r.from_stage IS NULL
                             ELSE ways_on.from_stage IS NULL OR r.from_stage = '*'
                                  OR f.read_as = (SELECT b.read_as FROM stage_read b
                                                  WHERE b.funnel = ways_on.funnel AND b.stage = ways_on.from_stage) END) w);
COMMENT ON FUNCTION @extschema@.ways_on(text, text, boolean, text) IS 'Where the rules of a level lead from a stage, as a list to be read.';

CREATE FUNCTION @extschema@.refuse_transition(source pg_catalog.regclass, refused @extschema@.transition_verdict, others bigint) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    step transition_log;
    entering boolean;
    ways text;
    detail text;
BEGIN
    SELECT * INTO step FROM transition_log t WHERE t.id = refused.id;
    entering := is_entry(step.source_key, step."sequence");
    ways := ways_on(step.funnel, step.from_stage, entering, refused.level);
    detail := CASE refused.verdict
        WHEN 'required' THEN format('Not filled in: %s.', refused.missing)
        WHEN 'role' THEN format('Those who may: %s.', refused.holders)
        ELSE format('%s, funnel "%s"%s allows: %s.',
                    CASE WHEN entering THEN 'To begin with' ELSE format('From "%s"', coalesce(step.from_stage, 'an unknown stage')) END, step.funnel,
                    CASE WHEN refused.level IS NOT NULL THEN format(' in unit "%s"', refused.level) ELSE '' END, coalesce(ways, 'nothing')) END;
    RAISE EXCEPTION '% % may not %', step.relation, step.record_key,
                    CASE WHEN entering THEN format('begin in stage "%s"', coalesce(step.to_stage, step.value))
                         ELSE format('go from stage "%s" to "%s"', coalesce(step.from_stage, 'unknown'), coalesce(step.to_stage, step.value)) END
                    || CASE refused.verdict WHEN 'required' THEN format(' without %s', refused.missing)
                                            WHEN 'role' THEN format(' by %s', coalesce(current_principal(), caller()::text)) ELSE '' END
        USING ERRCODE = 'RM305', TABLE = (SELECT c.relname FROM pg_class c WHERE c.oid = source),
              SCHEMA = (SELECT c.relnamespace::regnamespace::text FROM pg_class c WHERE c.oid = source),
              DETAIL = detail || CASE WHEN others > 0 THEN format(' %s more rows of the statement are refused.', others) ELSE '' END,
              HINT = CASE refused.verdict
                  WHEN 'required' THEN 'Fill in what is missing in the same statement, or before.'
                  WHEN 'role' THEN 'Ask one of them, or an administrator for the role.'
                  WHEN 'unknown' THEN format('The stages are in @extschema@.funnel_stage; add_stage_alias gives one the name %L.', step.value)
                  ELSE format('%sThe rules: SELECT * FROM @extschema@.allowed_transition WHERE funnel = %L;',
                              CASE WHEN ways IS NOT NULL THEN 'Take one of these first. ' ELSE '' END, step.funnel) END;
END
$$;
COMMENT ON FUNCTION @extschema@.refuse_transition(pg_catalog.regclass, @extschema@.transition_verdict, bigint) IS
'Raises RM305: what was tried, what is allowed, who may or what is missing, and what to do.';

CREATE FUNCTION @extschema@.enforce_workflow(source pg_catalog.regclass, governed_since bigint, keys text[], source_keys text[]) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    feed tracking;
    outside CONSTANT boolean := asker_is_outside();
    asker CONSTANT text := current_principal();
    -- of a log whose records are in no adopted table, the fields are those of the event
    of_event boolean;
    attempts transition_attempt[];
    refusals transition_verdict[];
BEGIN
    SELECT * INTO STRICT feed FROM tracking t WHERE t.relation = enforce_workflow.source;
    of_event := NOT EXISTS (SELECT FROM adoption a WHERE a.relation = feed.target AND a.entity <> 'stage_change');
    WITH incomplete AS MATERIALIZED (
        SELECT * FROM missing_fields(feed.funnel, CASE WHEN of_event THEN feed.relation ELSE feed.target END,
                                     CASE WHEN of_event THEN source_keys ELSE keys END))
    SELECT array_agg(ROW(t.id, CASE WHEN e.entering THEN NULL ELSE t.from_stage END, e.entering, t.to_stage, t.unit, asker, outside,
                         statement_timestamp(), coalesce(i.missing, '{}'))::transition_attempt)
    INTO attempts
    FROM transition_log t
    CROSS JOIN LATERAL (SELECT is_entry(t.source_key, t."sequence") AS entering) e
    LEFT JOIN incomplete i ON i.key = CASE WHEN of_event THEN t.source_key ELSE t.record_key END
    WHERE t.relation = feed.target AND t.source = feed.relation AND t.funnel = feed.funnel AND t.record_key = ANY (keys)
      AND t.id > governed_since AND (source_keys IS NULL OR t.source_key = ANY (source_keys)) AND NOT t.flags && '{assumed,backfilled}';
    IF attempts IS NULL THEN
        RETURN;
    END IF;
    SELECT array_agg(v ORDER BY v.id) INTO refusals FROM judge_transitions(feed.funnel, attempts) v WHERE v.verdict <> 'allowed';
    IF refusals IS NULL THEN
        RETURN;
    END IF;
    PERFORM refuse_transition(enforce_workflow.source, (SELECT f FROM unnest(refusals) f WHERE f.mode = 'refuse' ORDER BY f.id LIMIT 1), r.n - 1)
    FROM (SELECT count(*) AS n FROM unnest(refusals) f WHERE f.mode = 'refuse') r WHERE r.n > 0;
    UPDATE transition_log t SET flags = t.flags || '{not_allowed}' FROM unnest(refusals) r WHERE t.id = r.id;
END
$$;
COMMENT ON FUNCTION @extschema@.enforce_workflow(pg_catalog.regclass, bigint, text[], text[]) IS
'Asks the workflow about the transitions of these records (or events) that this statement has written: RM305 for the first that is '
'refused, the flag not_allowed for those that are only flagged.';
SELECT @extschema@.set_audience('enforce_workflow(regclass, bigint, text[], text[])', 'internal');
