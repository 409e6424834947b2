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

CREATE FUNCTION @extschema@.track_rows(relation pg_catalog.regclass, rows @extschema@.tracked_row[]) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    flags text[] := CASE WHEN is_filling(relation) THEN '{unsettled}' ELSE '{}' END;
    is_column boolean := EXISTS (SELECT FROM tracking t WHERE t.relation = track_rows.relation AND t.source = 'column');
    fresh tracked_row[];
    gone text[];
BEGIN
    IF is_column THEN
        SELECT array_agg(r.record_key) FILTER (WHERE r.event = 'delete') INTO gone FROM unnest(rows) r;
        PERFORM forget_records(relation, gone) WHERE gone IS NOT NULL;
        PERFORM write_changes(relation, rows, flags);
        -- inserted rows, and those that had no stage until now
        SELECT array_agg(r) INTO fresh FROM unnest(rows) r
        WHERE r.value IS NOT NULL AND r.old_value IS NULL
          AND (r.event = 'insert' OR NOT EXISTS (SELECT FROM transition_log t
                                                 WHERE t.relation = track_rows.relation AND t.source = track_rows.relation
                                                   AND t.record_key = r.record_key));
        PERFORM write_first_stages(relation, fresh, now(), '{}') WHERE fresh IS NOT NULL;
    END IF;
    UPDATE transition_log t
    SET customer_key = r.customer_key, anonymous_id = r.anonymous_id, customer_relation = CASE WHEN r.customer_key IS NOT NULL THEN a.reference END,
        unit = CASE WHEN is_column THEN t.unit ELSE coalesce(t.unit, r.unit) END
    FROM unnest(rows) r
    LEFT JOIN adoption_attribute a ON a.relation = track_rows.relation AND a.attribute = 'customer'
    WHERE r.event = CASE WHEN is_column THEN 'update' ELSE r.event END AND r.event <> 'delete'
      AND t.relation = track_rows.relation AND t.record_key = r.record_key
      AND ((t.customer_key, t.anonymous_id) IS DISTINCT FROM (r.customer_key, r.anonymous_id) OR (NOT is_column AND t.unit IS NULL AND r.unit IS NOT NULL));
END
$$;
COMMENT ON FUNCTION @extschema@.track_rows(pg_catalog.regclass, @extschema@.tracked_row[]) IS
'Writes what inserted and updated rows change: a stage, a first stage, a customer or visitor, or the record''s key (then it is another '
'record).';
SELECT @extschema@.set_audience('track_rows(regclass, tracked_row[])', 'admin');

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

-- Only the trigger function itself can read the transition tables.
CREATE FUNCTION @extschema@.track_column() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    root regclass := adopted_root(TG_RELID);
    governed bigint;
    dated boolean;
    rows tracked_row[];
    changes date_change[];
    events event_row[];
    keys text[];
BEGIN
    dated := EXISTS (SELECT FROM tracking t WHERE t.relation = root AND t.source = 'dates');
    IF TG_OP IN ('INSERT', 'UPDATE') THEN
        governed := governed_since(root);
        IF dated THEN
            FOR changes IN EXECUTE CASE TG_OP WHEN 'INSERT' THEN set_dates(root, 'crm_new') ELSE changed_dates(root) END LOOP
                PERFORM write_dates(root, changes, '{}');
                PERFORM enforce_workflow(root, governed, ARRAY(SELECT c.record_key FROM unnest(changes) c),
                                         ARRAY(SELECT c.source_key FROM unnest(changes) c WHERE c.change = 'set')) WHERE governed IS NOT NULL;
            END LOOP;
        END IF;
        FOR rows IN EXECUTE CASE TG_OP WHEN 'INSERT' THEN inserted_rows(root, 'crm_new') ELSE updated_rows(root) END LOOP
            PERFORM track_rows(root, rows);
            PERFORM enforce_workflow(root, governed, ARRAY(SELECT r.record_key FROM unnest(rows) r), NULL)
                WHERE governed IS NOT NULL AND NOT dated;
        END LOOP;
    ELSIF TG_OP = 'TRUNCATE' AND TG_RELID = root THEN -- of the whole table
        DELETE FROM transition_log t WHERE t.source = root;
    ELSIF dated THEN
        FOR events IN EXECUTE dated_events(root, CASE TG_OP WHEN 'DELETE' THEN 'crm_old' ELSE TG_RELID::regclass::text END) LOOP
            PERFORM forget_events(root, events);
        END LOOP;
    ELSE
        EXECUTE format('SELECT array_agg(k.key) FROM (%s) k (key)',
                       source_keys(root, CASE TG_OP WHEN 'DELETE' THEN 'crm_old' ELSE TG_RELID::regclass::text END)) INTO keys;
        PERFORM forget_records(root, keys) WHERE keys IS NOT NULL;
    END IF;
    RETURN NULL;
EXCEPTION
    WHEN serialization_failure OR deadlock_detected OR lock_not_available THEN
        RAISE; -- the team's statement is to be tried again
    WHEN SQLSTATE 'RM305' THEN
        RAISE; -- the workflow refuses it
    WHEN OTHERS THEN
        PERFORM tracking_failed(root, sqlerrm, sqlstate);
        RETURN NULL;
END
$$;
COMMENT ON FUNCTION @extschema@.track_column() IS
'Trigger of tables whose rows hold their present stage, or the time of each.';
REVOKE ALL ON FUNCTION @extschema@.track_column() FROM PUBLIC;

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

CREATE FUNCTION @extschema@.track_events() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    root regclass := adopted_root(TG_RELID);
    governed bigint;
    flags text[] := CASE WHEN is_filling(root) THEN '{unsettled}' ELSE '{}' END;
    rows event_row[];
BEGIN
    IF TG_OP = 'TRUNCATE' AND TG_RELID = root THEN
        DELETE FROM transition_log t WHERE t.source = root;
    ELSIF TG_OP <> 'INSERT' THEN
        FOR rows IN EXECUTE event_rows(root, CASE TG_OP WHEN 'TRUNCATE' THEN TG_RELID::regclass::text ELSE 'crm_old' END) LOOP
            PERFORM forget_events(root, rows);
        END LOOP;
    END IF;
    IF TG_OP IN ('INSERT', 'UPDATE') THEN
        governed := governed_since(root);
        FOR rows IN EXECUTE event_rows(root, 'crm_new') LOOP
            PERFORM write_events(root, rows, flags);
            PERFORM enforce_workflow(root, governed, ARRAY(SELECT r.record_key FROM unnest(rows) r),
                                     ARRAY(SELECT r.source_key FROM unnest(rows) r)) WHERE governed IS NOT NULL;
        END LOOP;
    END IF;
    RETURN NULL;
EXCEPTION
    WHEN serialization_failure OR deadlock_detected OR lock_not_available THEN
        RAISE; -- the team's statement is to be tried again
    WHEN SQLSTATE 'RM305' THEN
        RAISE; -- the workflow refuses it
    WHEN OTHERS THEN
        PERFORM tracking_failed(root, sqlerrm, sqlstate);
        RETURN NULL;
END
$$;
COMMENT ON FUNCTION @extschema@.track_events() IS 'Trigger of event logs.';
REVOKE ALL ON FUNCTION @extschema@.track_events() FROM PUBLIC;
