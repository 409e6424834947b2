-- Counting the journeys of a tracked funnel.

CREATE FUNCTION @extschema@.funnel_step(funnel text, step text, OUT label text, OUT positions text)
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    forbidden text := '';
    optional text := '';
    keys text[] := ARRAY[resolve_stage(funnel, step)];
BEGIN
    IF keys[1] IS NULL THEN -- no stage is called so: it is several, or says how
        IF step LIKE '!%' THEN
            forbidden := '!';
            step := substr(step, 2);
        ELSIF step LIKE '%?' THEN
            optional := '?';
            step := left(step, -1);
        END IF;
        keys := ARRAY(SELECT require_stage(funnel, v) FROM regexp_split_to_table(step, '\|') WITH ORDINALITY u (v, n) ORDER BY n);
    END IF;
    SELECT forbidden || string_agg(s.read_as, '|' ORDER BY k.n) || optional, forbidden || string_agg(s."position"::text, '|' ORDER BY k.n) || optional
    INTO label, positions
    FROM unnest(keys) WITH ORDINALITY k (stage, n) JOIN stage_read s ON s.funnel = funnel_step.funnel AND s.stage = k.stage;
END
$$;
COMMENT ON FUNCTION @extschema@.funnel_step(text, text) IS
'A step of a tracked funnel, with keys of stages and as funnel_steps takes it; of a, a|b, a? and !a each name is a key, label or alias; '
'a stage that is retired into another is that one. RM001 where a name means no stage.';
SELECT @extschema@.set_audience('funnel_step(text, text)', 'internal');

CREATE FUNCTION @extschema@.read_steps(funnel text, steps text[], within interval, mode text, anchor text, gap interval,
                                       OUT labels text[], OUT positions text[])
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM require_funnel(funnel);
    SELECT array_agg(p.label ORDER BY s.n) FILTER (WHERE p.label NOT LIKE '!%'), array_agg(p.positions ORDER BY s.n) INTO labels, positions
    FROM unnest(steps) WITH ORDINALITY s (value, n) CROSS JOIN LATERAL funnel_step(read_steps.funnel, s.value) p;
    IF positions IS NULL THEN
        RAISE EXCEPTION 'a funnel is counted over 1 to 64 steps, not 0'
            USING ERRCODE = 'RM005', HINT = 'Type ARRAY[''lead'', ''opportunity'', ''won''].';
    END IF;
    PERFORM funnel_depth('', positions, within, mode, anchor, gap); -- what is wrong with them is wrong without journeys, too
END
$$;
COMMENT ON FUNCTION @extschema@.read_steps(text, text[], interval, text, text, interval) IS
'The steps of a tracked funnel: labels of those that are counted, and all of them as funnel_steps takes them. Errors: RM001, RM005.';
SELECT @extschema@.set_audience('read_steps(text, text[], interval, text, text, interval)', 'internal');

CREATE FUNCTION @extschema@.funnel_counts(funnel text, steps text[], within interval DEFAULT NULL,
                                          since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL,
                                          mode text DEFAULT 'ordered', anchor text DEFAULT 'best', gap interval DEFAULT NULL)
    RETURNS TABLE (step integer, stage text, reached bigint)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 10 COST 100000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    labels text[];
    positions text[];
    scope record;
    counted text;
    counts bigint[];
    less bigint[];
    more bigint[];
BEGIN
    SELECT s.* INTO labels, positions FROM read_steps(funnel, steps, within, mode, anchor, gap) s;
    SELECT * INTO scope FROM journey_scope(funnel);
    counted := format('SELECT funnel_counts(%s, $4, $5, $6, $7, $8) FROM (%%s) j',
                      CASE WHEN since IS NULL AND until IS NULL THEN 'j.journey' ELSE 'journey_slice(j.journey, $9, $10)' END);
    EXECUTE format(counted, journey_source(scope.packed)) INTO counts
    USING funnel, scope.units, scope.subjects, positions, within, mode, anchor, gap, since, until;
    IF scope.packed AND scope.subjects IS NOT NULL THEN
        EXECUTE format(counted, journey_source(true) || ' AND k.subject = ANY ($3)') INTO less
        USING funnel, scope.units, scope.subjects, positions, within, mode, anchor, gap, since, until;
        EXECUTE format(counted, 'SELECT r.journey FROM rebuilt_journeys(array_fill($1, ARRAY[cardinality($3)]), $3, false) r') INTO more
        USING funnel, scope.units, scope.subjects, positions, within, mode, anchor, gap, since, until;
    END IF;
    RETURN QUERY
    SELECT l.n::integer, l.label, coalesce(counts[l.n], 0) - coalesce(less[l.n], 0) + coalesce(more[l.n], 0)
    FROM unnest(labels) WITH ORDINALITY l (label, n) ORDER BY l.n;
END
$$;
COMMENT ON FUNCTION @extschema@.funnel_counts(text, text[], interval, timestamptz, timestamptz, text, text, interval) IS
'How many subjects reached each step of a tracked funnel, of what happened from since until before until. steps are stages by key, label '
'or alias, in order, up to 64; lead|mql is either, mql? may be missing, and !lost must not happen between the required step before it and '
'the one after it (it has no row of its own). within bounds the time from the first step to the last, gap that from each to the next '
'(NULL: no limit; days of 24 hours). mode: ordered, strict or unordered; anchor: best, first_entry or last_entry, as funnel_steps has '
'them. Events of equal time count in their sequence, then by position of the stage. Numbers of the units for which the caller has the '
'privilege total. Errors: RM001, RM005. '
'Example: SELECT * FROM crm.funnel_counts(''desk'', ARRAY[''assigned'', ''taken'', ''!lost'', ''closed''], ''30 days'');';
