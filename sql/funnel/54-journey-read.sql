-- Reading journeys: as far as their numbers are the caller's, and never stale.

-- Packed journeys are taken by sets of units: whole, or where the caller may see a part of their units only, rebuilt from that part.
CREATE FUNCTION @extschema@.journey_scope(funnel text, OUT packed boolean, OUT units integer[], OUT subjects text[])
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED COST 10000 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    many CONSTANT bigint := (SELECT greatest(10000, c.reltuples / 20) FROM pg_class c WHERE c.oid = '@extschema@.journey_kept'::regclass);
    parts integer[];
BEGIN
    PERFORM visible(NULL::text, 'kpi', 'total'); -- no identity is an error, even where there is no row
    packed := EXISTS (SELECT FROM journey_state s WHERE s.funnel = journey_scope.funnel AND s.ready)
              AND (SELECT count(*) <= many FROM (SELECT FROM journey_touched LIMIT many + 1) n);
    IF NOT packed THEN
        RETURN;
    END IF;
    SELECT array_agg(s.units_no) FILTER (WHERE s.wholly),
           array_agg(s.units_no) FILTER (WHERE s.partly AND NOT s.wholly)
    INTO units, parts
    FROM (SELECT u.units_no, bool_and(visible(v.unit, 'kpi', 'total')) AS wholly, bool_or(visible(v.unit, 'kpi', 'total')) AS partly
          FROM journey_units u CROSS JOIN LATERAL unnest(u.units) v (unit) GROUP BY 1) s;
    SELECT array_agg(s.subject) INTO subjects
    FROM touched_subjects(ARRAY(SELECT n FROM journey_touched n)) s WHERE s.funnel = journey_scope.funnel;
    IF cardinality(units) = (SELECT count(*) FROM journey_units) THEN
        units := NULL; -- all of them
        RETURN;
    END IF;
    units := coalesce(units, '{}');
    IF parts IS NOT NULL THEN
        subjects := ARRAY(SELECT s FROM unnest(subjects) s UNION
                          (SELECT k.subject FROM journey_kept k WHERE k.funnel = journey_scope.funnel AND k.units_no = ANY (parts) LIMIT many + 1));
        packed := cardinality(subjects) <= many;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.journey_scope(text) IS
'How a caller''s journeys of a funnel are read: packed, those of these sets of units (NULL: all) in journey_kept but for these subjects, '
'whose journeys are rebuilt; or, where packed is false, all from the transitions, since none are packed or too many changed.';
SELECT @extschema@.set_audience('journey_scope(text)', 'internal');

-- Text, so that whoever executes it gets a plan that can be parallel.
CREATE FUNCTION @extschema@.journey_source(packed boolean) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN CASE WHEN packed THEN
        'SELECT k.subject, k.journey FROM journey_kept k WHERE k.funnel = $1 AND ($2 IS NULL OR k.units_no = ANY ($2))'
    ELSE
        'SELECT t.subject, journey_agg(t.at, s."position", t."sequence") AS journey '
        'FROM subject_transition t JOIN funnel_stage s ON s.funnel = t.funnel AND s.stage = t.to_stage '
        'WHERE t.funnel = $1 AND t.at IS NOT NULL AND visible(t.unit, ''kpi'', ''total'') GROUP BY t.subject' END;
COMMENT ON FUNCTION @extschema@.journey_source(boolean) IS
'SQL for (subject, journey) of the funnel $1: packed, of the sets of units $2 (NULL: all), or else from the transitions that the caller '
'may see.';
SELECT @extschema@.set_audience('journey_source(boolean)', 'internal');

CREATE FUNCTION @extschema@.total_journey(funnel text, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL)
    RETURNS TABLE (subject text, journey @extschema@.journey)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 100000 COST 100000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    scope record;
    source text;
BEGIN
    SELECT * INTO scope FROM journey_scope(funnel);
    source := journey_source(scope.packed);
    IF scope.packed AND scope.subjects IS NOT NULL THEN
        source := source || ' AND k.subject <> ALL ($3) UNION ALL SELECT r.subject, r.journey '
                            'FROM rebuilt_journeys(array_fill($1, ARRAY[cardinality($3)]), $3, false) r';
    END IF;
    IF since IS NOT NULL OR until IS NOT NULL THEN
        source := format('SELECT * FROM (SELECT j.subject, journey_slice(j.journey, $4, $5) AS journey FROM (%s) j) c '
                         'WHERE journey_length(c.journey) > 0', source);
    END IF;
    RETURN QUERY EXECUTE source USING funnel, scope.units, scope.subjects, since, until;
END
$$;
COMMENT ON FUNCTION @extschema@.total_journey(text, timestamptz, timestamptz) IS
'The journeys of the subjects of a funnel: positions of their stages from since until before until, of the units for which the '
'caller has the privilege total; events of equal time by their sequence in the record, then by position. No row for a subject '
'without event. Gives subjects, so not for users.';
SELECT @extschema@.set_audience('total_journey(text, timestamptz, timestamptz)', 'internal');
