-- Tables with a column for each stage, which holds the time when it was reached: one row tells several transitions.

CREATE FUNCTION @extschema@.stage_dates(relation pg_catalog.regclass) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN (SELECT a.expression::jsonb FROM adoption_attribute a
            WHERE a.relation = stage_dates.relation AND a.attribute = 'stage' AND starts_with(a.expression, '{'));
COMMENT ON FUNCTION @extschema@.stage_dates(pg_catalog.regclass) IS
'The mapping of stages to columns with their times, as it was typed; NULL where the stage is mapped otherwise.';

-- Before a funnel was known the present stage of equal times was any of them; now it is the last by position.
CREATE FUNCTION @extschema@.learn_stage_times(relation pg_catalog.regclass, funnel text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    dates CONSTANT jsonb := stage_dates(relation);
    zone CONSTANT text := (SELECT a.zone FROM adoption a WHERE a.relation = learn_stage_times.relation);
    names text[];
    stages text[];
    times text[];
BEGIN
    IF dates IS NULL THEN
        RETURN;
    END IF;
    SELECT array_agg(d.name ORDER BY s."position"), array_agg(s.stage ORDER BY s."position") INTO names, stages
    FROM jsonb_object_keys(dates) d (name)
    CROSS JOIN LATERAL (SELECT require_stage(learn_stage_times.funnel, d.name) AS stage) r
    JOIN funnel_stage s ON s.funnel = learn_stage_times.funnel AND s.stage = r.stage;
    IF (SELECT count(DISTINCT u) FROM unnest(stages) u) < cardinality(stages) THEN
        RAISE EXCEPTION 'cannot track %: two columns hold the time of one stage', relation
            USING ERRCODE = 'RM303', HINT = 'Map one of them, or least(first_at, second_at).';
    END IF;
    times := date_expressions(relation, zone, dates, names);
    PERFORM make_row_function(relation, 'map_stage', 'text', latest_expression(stages, times));
    PERFORM make_row_function(relation, 'map_stage_times', 'timestamptz[]',
                              format('@extschema@.dated_in_order(ARRAY[%s], %L)', array_to_string(times, ', '), zone));
    INSERT INTO tracking_date (relation, place, stage, "position")
    SELECT learn_stage_times.relation, u.place, u.stage, s."position"
    FROM unnest(stages) WITH ORDINALITY u (stage, place)
    JOIN funnel_stage s ON s.funnel = learn_stage_times.funnel AND s.stage = u.stage;
END
$$;
COMMENT ON FUNCTION @extschema@.learn_stage_times(pg_catalog.regclass, text) IS
'Where columns hold the times of stages: makes map_stage_times(row), the times in order of position, and notes the stages. Errors: '
'RM001 no such stage, RM303 two columns for one.';
SELECT @extschema@.set_audience('learn_stage_times(regclass, text)', 'internal');

-- A date without a time of day begins before what happened earlier on the same day.
CREATE FUNCTION @extschema@.dated_in_order(times timestamptz[], zone text) RETURNS timestamptz[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    RETURN (SELECT pg_catalog.array_agg(
                CASE WHEN pg_catalog.timezone(zone, t.at) = pg_catalog.date_trunc('day', pg_catalog.timezone(zone, t.at))
                     THEN (SELECT pg_catalog.max(e.at) FROM pg_catalog.unnest(times) WITH ORDINALITY e (at, n)
                           WHERE e.n <= t.n AND pg_catalog.timezone(zone, e.at)::date = pg_catalog.timezone(zone, t.at)::date)
                     ELSE t.at END ORDER BY t.n)
            FROM pg_catalog.unnest(times) WITH ORDINALITY t (at, n));
COMMENT ON FUNCTION @extschema@.dated_in_order(timestamptz[], text) IS
'Times of stages in order of position, where those at midnight of the zone are not before an earlier stage of the same day.';

CREATE FUNCTION @extschema@.dated_rows(relation pg_catalog.regclass, source text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN format(
        'SELECT d.source_key, map_id(x.r)::text AS record_key, d.stage AS value, t.at, coalesce(%s, %L) AS unit FROM %s '
        'CROSS JOIN LATERAL unnest(map_stage_times(x.r)) WITH ORDINALITY t (at, place) '
        'JOIN (VALUES %s) d (place, source_key, stage) ON d.place = t.place WHERE t.at IS NOT NULL',
        mapped(relation, 'unit'), (SELECT a.fallback_unit FROM adoption a WHERE a.relation = dated_rows.relation), rows_of(relation, source),
        (SELECT string_agg(format('(%s, %L, %L)', d.place, d."position"::text, d.stage), ', ' ORDER BY d.place)
         FROM tracking_date d WHERE d.relation = dated_rows.relation));
END
$$;
COMMENT ON FUNCTION @extschema@.dated_rows(pg_catalog.regclass, text) IS 'SQL for the times of stages that the rows of a source hold.';

CREATE FUNCTION @extschema@.dated_events(relation pg_catalog.regclass, source text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN from_source(source, in_chunks(format('SELECT e.source_key, e.record_key, e.value, e.at, NULL::text, e.unit FROM (%s) e',
                                                dated_rows(relation, source)), 'event_row', 'record_key'), 'event_row[]');
END
$$;
COMMENT ON FUNCTION @extschema@.dated_events(pg_catalog.regclass, text) IS
'SQL for the times of stages that the rows of a source hold, as arrays of event_row.';

CREATE TYPE @extschema@.date_change AS (record_key text, source_key text, value text, at timestamptz, unit text, change text);
COMMENT ON TYPE @extschema@.date_change IS 'The time of a stage that was set, corrected or cleared (change); at is the new one.';

CREATE FUNCTION @extschema@.set_dates(relation pg_catalog.regclass, source text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN from_source(source, in_chunks(format('SELECT e.record_key, e.source_key, e.value, e.at, e.unit, ''set'' FROM (%s) e',
                                                dated_rows(relation, source)), 'date_change', 'record_key'), 'date_change[]');
END
$$;
COMMENT ON FUNCTION @extschema@.set_dates(pg_catalog.regclass, text) IS
'SQL for the times of stages that the rows of a source hold, as arrays of date_change.';

CREATE FUNCTION @extschema@.changed_dates(relation pg_catalog.regclass) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN in_chunks(format(
        'SELECT record_key, source_key, coalesce(n.value, o.value), n.at, n.unit, '
        'CASE WHEN n.at IS NULL THEN ''cleared'' WHEN o.at IS NULL THEN ''set'' ELSE ''corrected'' END '
        'FROM (%s) n FULL JOIN (%s) o USING (record_key, source_key) WHERE n.at IS DISTINCT FROM o.at',
        dated_rows(relation, 'crm_new'), dated_rows(relation, 'crm_old')), 'date_change', 'record_key');
END
$$;
COMMENT ON FUNCTION @extschema@.changed_dates(pg_catalog.regclass) IS
'SQL for the times of stages that an UPDATE changed, as arrays of date_change.';

CREATE FUNCTION @extschema@.as_events(changes @extschema@.date_change[], kinds text[], asker text) RETURNS @extschema@.event_row[]
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN -- whose plan is kept
    RETURN (SELECT array_agg(ROW(c.source_key, c.record_key, c.value, c.at, asker, c.unit)::event_row)
            FROM unnest(changes) c WHERE c.change = ANY (kinds));
END
$$;
COMMENT ON FUNCTION @extschema@.as_events(@extschema@.date_change[], text[], text) IS
'Those changes of times that are of some kinds, as events by somebody; NULL where there are none.';

CREATE FUNCTION @extschema@.judge_dates(relation pg_catalog.regclass, keys text[]) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN -- whose plan is kept
    WITH dated AS (
        SELECT t.id, t.record_key, t.flags, s."position", k.progress, timezone(a.zone, t.at)::date AS day,
               t.at > t.recorded_at + interval '1 day' AS ahead
        FROM transition_log t
        JOIN funnel_stage s ON s.funnel = t.funnel AND s.stage = t.to_stage
        JOIN stage_kind_name k USING (kind)
        JOIN adoption a ON a.relation = t.relation
        WHERE t.relation = judge_dates.relation AND t.source = t.relation AND t.source_key IS NOT NULL AND t.record_key = ANY (keys)),
    judged AS (
        SELECT d.id, d.flags,
               d.ahead OR coalesce(d.day < CASE WHEN d.progress
                                                THEN max(d.day) FILTER (WHERE d.progress) OVER before
                                                ELSE first_value(d.day) OVER before END, false) AS impossible
        FROM dated d
        WINDOW before AS (PARTITION BY d.record_key ORDER BY d."position" ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING))
    UPDATE transition_log t
    SET flags = CASE WHEN j.impossible THEN t.flags || '{impossible_time}' ELSE array_remove(t.flags, 'impossible_time') END
    FROM judged j WHERE t.id = j.id AND j.impossible <> (j.flags @> '{impossible_time}');
END
$$;
COMMENT ON FUNCTION @extschema@.judge_dates(pg_catalog.regclass, text[]) IS
'Flags the times of stages that cannot be (impossible_time) and no others: a stage of progress before an earlier one, any other before '
'the first one, or more than a day after it was recorded.';
SELECT @extschema@.set_audience('judge_dates(regclass, text[])', 'internal');

-- While a backfill may be writing the old times, a corrected one is another event, so that the old is taken away afterwards.
CREATE FUNCTION @extschema@.write_dates(relation pg_catalog.regclass, changes @extschema@.date_change[], flags text[]) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    backfilling CONSTANT boolean := flags @> '{backfilled}';
    filling CONSTANT boolean := NOT backfilling AND is_filling(relation);
    keys CONSTANT text[] := ARRAY(SELECT DISTINCT c.record_key FROM unnest(changes) c);
    events event_row[];
    moved text[];
BEGIN
    events := as_events(changes, CASE WHEN filling THEN '{cleared,corrected}'::text[] ELSE '{cleared}' END, NULL);
    PERFORM forget_events(relation, events) WHERE events IS NOT NULL;
    IF NOT filling THEN
        WITH corrected AS (
            UPDATE transition_log t SET at = c.at FROM unnest(changes) c
            WHERE t.relation = write_dates.relation AND t.source = t.relation AND t.record_key = c.record_key AND t.source_key = c.source_key
              AND (c.change = 'corrected' OR backfilling) AND t.at IS DISTINCT FROM c.at
            RETURNING t.record_key)
        SELECT array_agg(DISTINCT c.record_key) INTO moved FROM corrected c;
        PERFORM derive_transitions(relation, moved, false) WHERE moved IS NOT NULL;
    END IF;
    -- what is there already is left alone
    events := as_events(changes, '{set,corrected}', CASE WHEN NOT backfilling THEN writer() END);
    PERFORM write_events(relation, events, flags || CASE WHEN filling THEN '{unsettled}'::text[] ELSE '{}' END) WHERE events IS NOT NULL;
    PERFORM judge_dates(relation, keys);
END
$$;
COMMENT ON FUNCTION @extschema@.write_dates(pg_catalog.regclass, @extschema@.date_change[], text[]) IS
'Writes what became of times of stages: set ones are transitions, corrected ones keep theirs with another time, cleared ones go.';
SELECT @extschema@.set_audience('write_dates(regclass, date_change[], text[])', 'internal');

CREATE FUNCTION @extschema@.backfill_dates(relation pg_catalog.regclass) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    gone record;
    changes date_change[];
    count bigint := 0;
BEGIN
    FOR gone IN EXECUTE format(
        'WITH present AS MATERIALIZED (SELECT u.record_key, u.source_key FROM (%s) e (events), unnest(e.events) u), '
        'gone AS (DELETE FROM transition_log t WHERE t.source = $1 AND NOT EXISTS '
        '(SELECT FROM present p WHERE p.record_key = t.record_key AND p.source_key = t.source_key) RETURNING t.record_key) '
        'SELECT array_agg(DISTINCT g.record_key) AS keys FROM gone g', dated_events(relation, relation::text)) USING relation
    LOOP
        PERFORM derive_transitions(relation, gone.keys, false) WHERE gone.keys IS NOT NULL;
    END LOOP;
    FOR changes IN EXECUTE set_dates(relation, relation::text) LOOP
        count := count + cardinality(changes);
        PERFORM write_dates(relation, changes, '{backfilled}');
    END LOOP;
    RETURN count;
END
$$;
COMMENT ON FUNCTION @extschema@.backfill_dates(pg_catalog.regclass) IS
'Writes the times of stages that have no transition yet, corrects those that differ; returns how many it read.';
SELECT @extschema@.set_audience('backfill_dates(regclass)', 'internal');
SELECT @extschema@.set_audience('dated_rows(regclass, text)', 'admin');
SELECT @extschema@.set_audience('dated_events(regclass, text)', 'admin');
SELECT @extschema@.set_audience('set_dates(regclass, text)', 'admin');
SELECT @extschema@.set_audience('changed_dates(regclass)', 'admin');
