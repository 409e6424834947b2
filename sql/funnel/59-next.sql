-- Where the subjects of a tracked funnel go, and come from.

CREATE FUNCTION @extschema@.stage_position_of(funnel text, stage text) RETURNS integer
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    key text;
BEGIN
    PERFORM require_funnel(funnel);
    IF stage IS NULL THEN
        RETURN NULL;
    END IF;
    key := require_stage(funnel, stage);
    RETURN (SELECT s."position" FROM stage_read s WHERE s.funnel = stage_position_of.funnel AND s.stage = key);
END
$$;
COMMENT ON FUNCTION @extschema@.stage_position_of(text, text) IS
'The position of the stage that a value means, of a retired one that of its successor; NULL of NULL. RM001 where there is no such funnel or stage.';

CREATE FUNCTION @extschema@.next_steps(funnel text, stage text DEFAULT NULL, depth integer DEFAULT 1, direction text DEFAULT 'after',
                                       anchor text DEFAULT 'first_entry', gap interval DEFAULT NULL, top integer DEFAULT 10,
                                       since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL)
    RETURNS TABLE (step integer, next_stage text, subjects bigint, share numeric, median_time interval)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 10 COST 100000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off AS $$
DECLARE
    place integer := stage_position_of(funnel, stage);
BEGIN
    PERFORM next_steps(NULL, place, depth, direction, anchor, gap, top); -- what is wrong with them is wrong without journeys, too
    RETURN QUERY
    SELECT r.step, CASE r.outcome WHEN 'step' THEN s.stage WHEN 'end' THEN CASE direction WHEN 'before' THEN '(start)' ELSE '(end)' END ELSE '(other)' END,
           r.subjects, r.share, r.p50
    FROM (SELECT next_steps(j.journey, place, depth, direction, anchor, gap, top) AS rows
          FROM total_journey(next_steps.funnel, since, until) j) c
    CROSS JOIN LATERAL unnest(c.rows) WITH ORDINALITY r (step, "position", outcome, subjects, share, p50, n)
    LEFT JOIN funnel_stage s ON s.funnel = next_steps.funnel AND s."position" = r."position"
    ORDER BY r.n;
END
$$;
COMMENT ON FUNCTION @extschema@.next_steps(text, text, integer, text, text, interval, integer, timestamptz, timestamptz) IS
'What subjects of a tracked funnel did after they were in a stage (by key, label or alias; NULL: from the beginning), or before: for each step up to depth (1 to 64) the stages, the most '
'frequent first, (other) for those beyond top, (end) or (start) for those whose way ended there, so that of a step there is nobody further. subjects, as a share (0 to 1) of all that were in '
'the stage; the median time from the beginning of the step before to this one''s. Staying is no step. direction: after or before, the nearest step first; anchor: first_entry or last_entry, from which '
'of several times in the stage; gap: what takes longer from one event to the next ends the way; of what happened from since until before until. Numbers of the units for which the caller has the '
'privilege total. Errors: RM001, RM005. Example: SELECT * FROM crm.next_steps(''desk'', ''waiting'', 2);';

CREATE FUNCTION @extschema@.paths(funnel text, max_length integer DEFAULT 5, stage text DEFAULT NULL, direction text DEFAULT 'after',
                                  anchor text DEFAULT 'first_entry', gap interval DEFAULT NULL, top integer DEFAULT 10,
                                  since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL)
    RETURNS TABLE (path text[], subjects bigint, share numeric, median_time interval)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 10 COST 100000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off AS $$
DECLARE
    place integer := stage_position_of(funnel, stage);
BEGIN
    PERFORM paths(NULL, place, max_length, direction, anchor, gap, top);
    RETURN QUERY
    SELECT CASE WHEN r.path IS NULL THEN ARRAY['(other)']
                ELSE CASE WHEN r.ended AND direction = 'before' THEN ARRAY['(start)'] ELSE '{}' END
                     || ARRAY(SELECT s.stage FROM unnest(r.path) WITH ORDINALITY p ("position", n)
                              JOIN funnel_stage s ON s.funnel = paths.funnel AND s."position" = p."position" ORDER BY p.n)
                     || CASE WHEN r.ended AND direction <> 'before' THEN ARRAY['(end)'] ELSE '{}' END END,
           r.subjects, r.share, r.p50
    FROM (SELECT paths(j.journey, place, max_length, direction, anchor, gap, top) AS rows
          FROM total_journey(paths.funnel, since, until) j) c
    CROSS JOIN LATERAL unnest(c.rows) WITH ORDINALITY r (path, ended, subjects, share, p50, n)
    ORDER BY r.n;
END
$$;
COMMENT ON FUNCTION @extschema@.paths(text, integer, text, text, text, interval, integer, timestamptz, timestamptz) IS
'The ways that subjects of a tracked funnel took, of up to max_length (1 to 64) stages, the most frequent first: from a stage on (by key, label or alias; NULL: from the beginning), or, direction before, '
'up to it (NULL: to the end). A way that is shorter ends with (end), or begins with (start); (other) are all beyond top. subjects, as a share (0 to 1) of all that were in the stage; the median '
'time from the beginning of the first stay to that of the last. Staying is no step. anchor, gap, since and until as in next_steps. Numbers of the units for which the caller has the '
'privilege total. Errors: RM001, RM005. Example: SELECT * FROM crm.paths(''desk'', 4, ''assigned'');';
