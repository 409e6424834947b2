-- Reading the rows that were there, and settling what was written meanwhile.

-- A record that changed since it was tracked has its first stage from the change, not from the row.
CREATE FUNCTION @extschema@.backfill_column(relation pg_catalog.regclass) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    rows tracked_row[];
    count bigint := 0;
BEGIN
    -- what went without a trigger seeing it, as a detached partition does
    EXECUTE format('DELETE FROM transition_log t WHERE t.source = $1 AND NOT EXISTS '
                   '(SELECT FROM (%s) k (key) WHERE k.key = t.record_key)', source_keys(relation, relation::text)) USING relation;
    FOR rows IN EXECUTE inserted_rows(relation, relation::text) LOOP
        count := count + cardinality(rows);
        SELECT array_agg(CASE WHEN was.record_key IS NULL THEN r
                              ELSE ROW(r.record_key, was.from_stage, r.begun, NULL, NULL, NULL, r.unit, r.customer_key,
                                       r.anonymous_id, NULL, NULL, NULL, 'insert')::tracked_row END)
        INTO rows
        FROM unnest(rows) r
        LEFT JOIN LATERAL (SELECT t.record_key, t."sequence", t.from_stage FROM transition_log t
                           WHERE t.relation = backfill_column.relation AND t.source = t.relation
                             AND t.record_key = r.record_key
                           ORDER BY t."sequence" LIMIT 1) was ON true
        WHERE was.record_key IS NULL OR (was."sequence" > 0 AND was.from_stage IS NOT NULL);
        PERFORM write_backfilled(relation, rows) WHERE rows IS NOT NULL;
    END LOOP;
    RETURN count;
END
$$;
COMMENT ON FUNCTION @extschema@.backfill_column(pg_catalog.regclass) IS
'Writes the first stages of rows that have none yet; returns how many rows the table has.';
SELECT @extschema@.set_audience('backfill_column(regclass)', 'admin');

CREATE FUNCTION @extschema@.backfill_events(relation pg_catalog.regclass) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    rows event_row[];
    gone record;
    count bigint := 0;
BEGIN
    FOR gone IN EXECUTE format(
        'WITH gone AS (DELETE FROM transition_log t WHERE t.source = $1 AND NOT EXISTS '
        '(SELECT FROM (%s) k (key) WHERE k.key = t.source_key) RETURNING t.relation, t.record_key) '
        'SELECT g.relation, array_agg(DISTINCT g.record_key) AS keys FROM gone g GROUP BY 1',
        source_keys(relation, relation::text)) USING relation
    LOOP
        PERFORM derive_transitions(gone.relation, gone.keys, false);
    END LOOP;
    FOR rows IN EXECUTE event_rows(relation, relation::text) LOOP
        count := count + cardinality(rows);
        PERFORM write_events(relation, rows, '{backfilled}');
    END LOOP;
    RETURN count;
END
$$;
COMMENT ON FUNCTION @extschema@.backfill_events(pg_catalog.regclass) IS
'Writes the events that have no transition yet; returns how many it read.';
SELECT @extschema@.set_audience('backfill_events(regclass)', 'admin');

CREATE FUNCTION @extschema@.backfill_tracking(relation pg_catalog.regclass) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    feed tracking;
    rows tracked_row[];
BEGIN
    SELECT * INTO feed FROM tracking t WHERE t.relation = backfill_tracking.relation;
    IF feed.source = 'record' THEN -- the log may have been read before
        FOR rows IN EXECUTE inserted_rows(relation, relation::text) LOOP
            PERFORM correct_people(relation, array_agg(r.record_key), array_agg(r.customer_key), array_agg(r.anonymous_id), array_agg(r.unit))
            FROM unnest(rows) r;
        END LOOP;
    END IF;
    RETURN CASE feed.source WHEN 'column' THEN backfill_column(relation) WHEN 'dates' THEN backfill_dates(relation)
                            WHEN 'event_log' THEN backfill_events(relation) ELSE 0 END;
END
$$;
COMMENT ON FUNCTION @extschema@.backfill_tracking(pg_catalog.regclass) IS
'Reads the rows that a tracked table had. From a column: a transition into the entry when the row began (created_at, opened_at, '
'started_at, at or started_on), and one into its present stage, when it closed, went live or ended where the row tells, else '
'when it began, flagged estimated_time. From times of stages: each that is there. From an event log: every event.';
SELECT @extschema@.set_audience('backfill_tracking(regclass)', 'admin');

INSERT INTO @extschema@.room_hook (room, "position", attach, detach, backfill)
VALUES ('funnel', 30, 'attach_tracking', 'detach_tracking', 'backfill_tracking');

CREATE FUNCTION @extschema@.settle_transitions(max_rows bigint DEFAULT 10000) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    batch record;
    settled bigint := 0;
BEGIN
    -- records that went while a backfill read them
    FOR batch IN
        WITH done AS (DELETE FROM transition_gone g WHERE NOT is_filling(g.source) RETURNING g.*),
        orphan AS (
            DELETE FROM transition_log t USING done d
            WHERE t.source = d.source AND t.record_key = d.record_key AND t.flags @> '{backfilled}'
              AND t.source_key IS NOT DISTINCT FROM d.source_key
            RETURNING t.relation, t.record_key)
        SELECT o.relation, array_agg(DISTINCT o.record_key) AS keys FROM orphan o GROUP BY 1
    LOOP
        PERFORM derive_transitions(batch.relation, batch.keys, false);
    END LOOP;
    FOR batch IN
        SELECT u.relation, array_agg(u.record_key) AS keys
        FROM (SELECT DISTINCT t.relation, t.record_key FROM transition_log t
              WHERE t.flags @> '{unsettled}' AND NOT is_filling(t.source) LIMIT max_rows) u
        WHERE hold_record(u.record_key)
        GROUP BY 1
    LOOP
        settled := settled + derive_transitions(batch.relation, batch.keys, true);
    END LOOP;
    PERFORM drop_parked_handovers();
    RETURN settled;
END
$$;
COMMENT ON FUNCTION @extschema@.settle_transitions(bigint) IS
'Looks again at records whose transitions were written by several at once, or during a backfill: their order, stage before, '
'direction and first entries. At most max_rows records; returns how many rows were set right. crmd calls it.';
SELECT @extschema@.set_audience('settle_transitions(bigint)', 'daemon');

CREATE FUNCTION @extschema@.status_funnel() RETURNS SETOF @extschema@.status_row
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT 'funnel', format('unknown stage "%s" of %s', t.value, t.source::regclass), 'warning', count(*),
           min(t.recorded_at), format('No stage of funnel "%s" has this key, label or alias.', t.funnel),
           format('SELECT @extschema@.add_stage_alias(%L, %L, ''some_stage'');', t.funnel, t.value)
    FROM transition_log t WHERE t.to_stage IS NULL
    GROUP BY t.funnel, t.source, t.value
    UNION ALL
    SELECT 'funnel', format('unsettled transitions of %s', t.source::regclass), 'warning', count(*), min(t.recorded_at),
           'Several wrote at once; the stage before, direction and first entry are provisional.',
           'SELECT @extschema@.settle_transitions();'
    FROM transition_log t WHERE t.flags @> '{unsettled}'
    GROUP BY t.source
    UNION ALL
    SELECT 'funnel', format('transitions that funnel "%s" does not allow', t.funnel), 'warning', count(*), min(t.recorded_at),
           'Rules of its workflow only flag them.',
           format('SELECT * FROM @extschema@.transition WHERE funnel = %L AND ''not_allowed'' = ANY (flags);', t.funnel)
    FROM transition_log t WHERE t.flags @> '{not_allowed}'
    GROUP BY t.funnel
    UNION ALL
    SELECT 'funnel', format('learned probabilities of funnel "%s"', m.funnel), 'ok', count(*), min(m.learned_at),
           format('Versions that are kept; the last is of %s.', max(m.learned_at)::date),
           format('SELECT * FROM @extschema@.learn_probabilities(%L);', m.funnel)
    FROM probability_model m
    GROUP BY m.funnel
$$;
COMMENT ON FUNCTION @extschema@.status_funnel() IS
'Rows of status: values that are no known stage, transitions to be settled, those that a workflow flagged, and versions of learned '
'probabilities.';
SELECT @extschema@.set_audience('status_funnel()', 'admin');
INSERT INTO @extschema@.status_source (function_name, room) VALUES ('status_funnel', 'funnel');
