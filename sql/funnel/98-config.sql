-- What of the funnels stands in a configuration document.
CREATE FUNCTION @extschema@.funnel_entry(funnel text) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT jsonb_agg(present_fields(jsonb_build_object('key', s.stage, 'position', s."position", 'label', s.label, 'department', s.department, 'kind', s.kind,
                                                       'milestone', s.milestone, 'expected', s.expected, 'probability', s.probability)) ORDER BY s."position")
    FROM funnel_stage s WHERE s.funnel = funnel_entry.funnel AND s.retired_at IS NULL
$$;
COMMENT ON FUNCTION @extschema@.funnel_entry(text) IS 'The stages of a funnel as create_funnel takes them.';

CREATE FUNCTION @extschema@.change_funnel(present jsonb, wanted jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    stage jsonb;
    has jsonb;
BEGIN
    FOR stage IN SELECT CASE jsonb_typeof(s) WHEN 'string' THEN jsonb_build_object('key', s) ELSE s END FROM jsonb_array_elements(wanted -> 'stages') s LOOP
        has := jsonb_path_query_first(present, '$.stages[*] ? (@.key == $key)', jsonb_build_object('key', stage -> 'key'));
        IF has IS NULL THEN
            PERFORM add_stage(present ->> 'funnel', stage);
        ELSIF config_difference(has, stage - 'aliases') IS NOT NULL THEN
            PERFORM read_stage(present ->> 'funnel', stage, 1); -- raises what is wrong with it
            PERFORM refuse_change(has, stage);
        END IF;
    END LOOP;
    IF config_difference(present, wanted) - 'stages' <> '{}' THEN
        PERFORM refuse_change(present, wanted);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.change_funnel(jsonb, jsonb) IS 'change of the section funnels: stages are added; those that are there stay as they are.';
SELECT @extschema@.set_audience('change_funnel(jsonb, jsonb)', 'internal');

INSERT INTO @extschema@.config_section (section, room, "position", key, entries, put, change, remove) VALUES
    ('funnels', 'funnel', 210, '{funnel}', 'SELECT f.funnel, f.subject, f.label, funnel_entry(f.funnel) AS stages FROM funnel f', 'create_funnel', 'change_funnel($1, $2)', NULL),
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
