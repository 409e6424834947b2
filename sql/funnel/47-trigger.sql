-- The triggers of tracked tables.

CREATE FUNCTION @extschema@.forget_records(source pg_catalog.regclass, keys text[]) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF is_filling(source) THEN
        INSERT INTO transition_gone (source, record_key) SELECT forget_records.source, k FROM unnest(keys) k;
    END IF;
    DELETE FROM transition_log t
    WHERE t.relation = forget_records.source AND t.source = forget_records.source AND t.record_key = ANY (keys);
END
$$;
COMMENT ON FUNCTION @extschema@.forget_records(pg_catalog.regclass, text[]) IS
'The history of deleted records goes with them, so that numbers equal the table.';
SELECT @extschema@.set_audience('forget_records(regclass, text[])', 'admin');

CREATE FUNCTION @extschema@.correct_people(relation pg_catalog.regclass, keys text[], customers text[], visitors text[], units text[])
    RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    UPDATE transition_log t
    SET customer_key = r.customer_key, anonymous_id = r.anonymous_id, customer_relation = CASE WHEN r.customer_key IS NOT NULL THEN a.reference END,
        unit = coalesce(t.unit, r.unit)
    FROM unnest(keys, customers, visitors, units) r (record_key, customer_key, anonymous_id, unit)
    LEFT JOIN adoption_attribute a ON a.relation = correct_people.relation AND a.attribute = 'customer'
    WHERE t.relation = correct_people.relation AND t.record_key = r.record_key
      AND ((t.customer_key, t.anonymous_id) IS DISTINCT FROM (r.customer_key, r.anonymous_id) OR (t.unit IS NULL AND r.unit IS NOT NULL));
END
$$;
COMMENT ON FUNCTION @extschema@.correct_people(pg_catalog.regclass, text[], text[], text[], text[]) IS
'Records, by key, mean these customers or visitors now: so do their transitions, which get these units where they have none.';
SELECT @extschema@.set_audience('correct_people(regclass, text[], text[], text[], text[])', 'internal');

-- History is ours to mend, the row is the team's to write: it is written whatever becomes of its history.
CREATE FUNCTION @extschema@.tracking_failed(relation pg_catalog.regclass, message text, code text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    UPDATE filling f SET state = 'failed', error = format('%s (%s)', message, code)
    WHERE f.relation = tracking_failed.relation AND f.room = 'funnel' AND f.state <> 'failed';
    RAISE WARNING 'the history of table % is no longer kept: %', tracking_failed.relation, message
        USING HINT = format('CALL @extschema@.backfill(%L) reads it again.', tracking_failed.relation::text);
END
$$;
COMMENT ON FUNCTION @extschema@.tracking_failed(pg_catalog.regclass, text, text) IS
'Notes in filling, and so in status, that a change of a tracked table could not be written to the history.';
SELECT @extschema@.set_audience('tracking_failed(regclass, text, text)', 'admin');

CREATE FUNCTION @extschema@.forget_events(source pg_catalog.regclass, rows @extschema@.event_row[]) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    feed tracking;
    touched text[];
BEGIN
    SELECT * INTO STRICT feed FROM tracking t WHERE t.relation = forget_events.source;
    IF is_filling(source) THEN
        INSERT INTO transition_gone (source, record_key, source_key)
        SELECT feed.relation, r.record_key, r.source_key FROM unnest(rows) r;
    END IF;
    WITH gone AS (
        DELETE FROM transition_log t USING unnest(rows) r
        WHERE t.relation = feed.target AND t.source = feed.relation
          AND t.record_key = r.record_key AND t.source_key = r.source_key
        RETURNING t.record_key)
    SELECT array_agg(DISTINCT g.record_key) INTO touched FROM gone g;
    PERFORM derive_transitions(feed.target, touched, false) WHERE touched IS NOT NULL;
END
$$;
COMMENT ON FUNCTION @extschema@.forget_events(pg_catalog.regclass, @extschema@.event_row[]) IS
'Takes events out of the history; those that followed them are corrected.';
SELECT @extschema@.set_audience('forget_events(regclass, event_row[])', 'admin');

-- What the triggers (C: funnel/track.c) hand on of tables that hold the time of each stage, and of event logs.
CREATE FUNCTION @extschema@.track_dates(relation pg_catalog.regclass, changes @extschema@.date_change[], governed_since bigint) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM write_dates(relation, changes, '{}');
    IF governed_since IS NOT NULL THEN
        PERFORM enforce_workflow(relation, governed_since, ARRAY(SELECT c.record_key FROM unnest(changes) c),
                                 ARRAY(SELECT c.source_key FROM unnest(changes) c WHERE c.change = 'set'));
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.track_dates(pg_catalog.regclass, @extschema@.date_change[], bigint) IS
'Writes what a statement did to times of stages, and asks the workflow where governed_since is not NULL.';
SELECT @extschema@.set_audience('track_dates(regclass, date_change[], bigint)', 'internal');

CREATE FUNCTION @extschema@.track_written(source pg_catalog.regclass, rows @extschema@.event_row[], governed_since bigint) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM write_events(source, rows, CASE WHEN is_filling(source) THEN '{unsettled}'::text[] ELSE '{}' END);
    IF governed_since IS NOT NULL THEN
        PERFORM enforce_workflow(source, governed_since, ARRAY(SELECT r.record_key FROM unnest(rows) r),
                                 ARRAY(SELECT r.source_key FROM unnest(rows) r));
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.track_written(pg_catalog.regclass, @extschema@.event_row[], bigint) IS
'Writes events that came, and asks the workflow where governed_since is not NULL.';
SELECT @extschema@.set_audience('track_written(regclass, event_row[], bigint)', 'internal');

CREATE FUNCTION @extschema@.track_forgotten(source pg_catalog.regclass, rows @extschema@.event_row[], governed_since bigint) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM forget_events(source, rows);
END
$$;
COMMENT ON FUNCTION @extschema@.track_forgotten(pg_catalog.regclass, @extschema@.event_row[], bigint) IS 'Takes events that went out of the history; no workflow is asked.';
SELECT @extschema@.set_audience('track_forgotten(regclass, event_row[], bigint)', 'internal');

CREATE FUNCTION @extschema@.track_truncated(source pg_catalog.regclass, member pg_catalog.regclass) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    kind CONSTANT text := (SELECT t.source FROM tracking t WHERE t.relation = track_truncated.source);
    events event_row[];
    keys text[];
BEGIN
    IF member = source THEN -- the whole table
        DELETE FROM transition_log t WHERE t.source = track_truncated.source;
    ELSIF kind IN ('dates', 'event_log') THEN
        FOR events IN EXECUTE CASE kind WHEN 'dates' THEN dated_events(source, member::text) ELSE event_rows(source, member::text) END LOOP
            PERFORM forget_events(source, events);
        END LOOP;
    ELSE
        EXECUTE format('SELECT array_agg(k.key) FROM (%s) k (key)', source_keys(source, member::text)) INTO keys;
        PERFORM forget_records(source, keys) WHERE keys IS NOT NULL;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.track_truncated(pg_catalog.regclass, pg_catalog.regclass) IS
'The history that a table, or the partition member of it, told goes before it is truncated.';
SELECT @extschema@.set_audience('track_truncated(regclass, regclass)', 'internal');

CREATE FUNCTION @extschema@.track_column() RETURNS trigger
    AS 'MODULE_PATHNAME', 'crm_track' LANGUAGE C VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp;
COMMENT ON FUNCTION @extschema@.track_column() IS
'Trigger of tables whose rows hold their present stage, or the time of each.';
REVOKE ALL ON FUNCTION @extschema@.track_column() FROM PUBLIC;

CREATE FUNCTION @extschema@.track_events() RETURNS trigger
    AS 'MODULE_PATHNAME', 'crm_track' LANGUAGE C VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp;
COMMENT ON FUNCTION @extschema@.track_events() IS 'Trigger of event logs.';
REVOKE ALL ON FUNCTION @extschema@.track_events() FROM PUBLIC;

-- What sessions keep of tracked tables is found anew when any of this changes.
SELECT @extschema@.watch_org(r, 'tracking')
FROM pg_catalog.unnest(ARRAY['@extschema@.tracking', '@extschema@.tracking_date', '@extschema@.adoption', '@extschema@.adoption_attribute',
                             '@extschema@.funnel_stage', '@extschema@.stage_alias', '@extschema@.transition_rule']::pg_catalog.regclass[]) r;
