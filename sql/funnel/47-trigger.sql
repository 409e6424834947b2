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

-- The keys in a partition that is about to be emptied; NULL for the whole table.
CREATE FUNCTION @extschema@.truncated_keys(relation pg_catalog.regclass, member pg_catalog.regclass) RETURNS text[]
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    keys text[];
BEGIN
    IF member <> relation THEN
        EXECUTE format('SELECT coalesce(array_agg(map_id(x.r)::text), ''{}'') FROM %s', rows_of(relation, member::text))
        INTO keys;
    END IF;
    RETURN keys;
END
$$;
COMMENT ON FUNCTION @extschema@.truncated_keys(pg_catalog.regclass, pg_catalog.regclass) IS
'The record keys in a partition; NULL where it is the adopted table itself.';
SELECT @extschema@.set_audience('truncated_keys(regclass, regclass)', 'admin');

CREATE FUNCTION @extschema@.track_column() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    root regclass := adopted_root(TG_RELID);
    flags text[] := CASE WHEN is_filling(root) THEN '{unsettled}' ELSE '{}' END;
    keys text[];
BEGIN
    CASE TG_OP
        WHEN 'INSERT' THEN
            PERFORM write_first_stages(root, column_rows(root, 'crm_new'), now(), '{}');
        WHEN 'UPDATE' THEN
            PERFORM track_update(root, column_rows(root, 'crm_new'), column_rows(root, 'crm_old'), flags);
        WHEN 'DELETE' THEN
            EXECUTE format('SELECT array_agg(map_id(x.r)::text) FROM %s', rows_of(root, 'crm_old')) INTO keys;
            PERFORM forget_records(root, keys) WHERE keys IS NOT NULL;
        WHEN 'TRUNCATE' THEN
            keys := truncated_keys(root, TG_RELID);
            IF keys IS NULL THEN
                DELETE FROM transition_log t WHERE t.source = root;
            ELSE
                PERFORM forget_records(root, keys);
            END IF;
    END CASE;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION @extschema@.track_column() IS 'Trigger of tables whose rows hold their present stage.';
REVOKE ALL ON FUNCTION @extschema@.track_column() FROM PUBLIC;

CREATE FUNCTION @extschema@.track_update(relation pg_catalog.regclass, rows text, old_rows text, flags text[]) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    changed boolean;
    moved boolean;
    new_keys text[];
    gone_keys text[];
BEGIN
    -- Most updates leave stages alone: one pass over both tables tells.
    EXECUTE format(
        'SELECT coalesce(bool_or(n.value IS DISTINCT FROM o.value AND n.value IS NOT NULL), false), '
        'coalesce(bool_or(n.customer_key IS DISTINCT FROM o.customer_key) '
        'FILTER (WHERE n.record_key IS NOT NULL AND o.record_key IS NOT NULL), false), '
        'array_agg(n.record_key) FILTER (WHERE n.value IS NOT NULL AND o.value IS NULL), '
        'array_agg(o.record_key) FILTER (WHERE n.record_key IS NULL) '
        'FROM (%s) n FULL JOIN (%s) o USING (record_key)', rows, old_rows)
    INTO changed, moved, new_keys, gone_keys;
    IF gone_keys IS NOT NULL THEN
        PERFORM forget_records(relation, gone_keys);
    END IF;
    IF changed THEN
        PERFORM write_changes(relation, rows, old_rows, flags);
    END IF;
    IF new_keys IS NOT NULL THEN
        PERFORM write_first_stages(relation, format(
            'SELECT n.* FROM (%s) n WHERE n.record_key = ANY (%L::text[]) AND NOT EXISTS (SELECT FROM transition_log t '
            'WHERE t.relation = %s AND t.record_key = n.record_key AND t.source_key IS NULL)', rows, new_keys, relation::oid),
            now(), '{}');
    END IF;
    IF moved THEN
        EXECUTE format('UPDATE transition_log t SET customer_key = n.customer_key, customer_relation = '
                       'CASE WHEN n.customer_key IS NOT NULL THEN a.reference END '
                       'FROM (%s) n JOIN (%s) o USING (record_key) LEFT JOIN adoption_attribute a ON a.relation = $1 '
                       'AND a.attribute = ''customer'' WHERE n.customer_key IS DISTINCT FROM o.customer_key '
                       'AND t.relation = $1 AND t.source = $1 AND t.record_key = n.record_key', rows, old_rows) USING relation;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.track_update(pg_catalog.regclass, text, text, text[]) IS
'What an UPDATE changed: a stage, a first stage, a customer, or the record''s key (then it is another record).';
SELECT @extschema@.set_audience('track_update(regclass, text, text, text[])', 'admin');

CREATE FUNCTION @extschema@.track_events() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    root regclass := adopted_root(TG_RELID);
    flags text[] := CASE WHEN is_filling(root) THEN '{unsettled}' ELSE '{}' END;
    keys text[];
BEGIN
    IF TG_OP IN ('UPDATE', 'DELETE') THEN
        PERFORM forget_events(root, event_rows(root, 'crm_old'));
    END IF;
    IF TG_OP IN ('UPDATE', 'INSERT') THEN
        PERFORM write_events(root, event_rows(root, 'crm_new'), flags);
    ELSIF TG_OP = 'TRUNCATE' THEN
        keys := truncated_keys(root, TG_RELID);
        IF keys IS NULL THEN
            DELETE FROM transition_log t WHERE t.source = root;
        ELSE
            PERFORM forget_events(root, event_rows(root, TG_RELID::regclass::text));
        END IF;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION @extschema@.track_events() IS 'Trigger of event logs.';
REVOKE ALL ON FUNCTION @extschema@.track_events() FROM PUBLIC;

CREATE FUNCTION @extschema@.forget_events(source pg_catalog.regclass, rows text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    feed tracking;
    touched text[];
BEGIN
    SELECT * INTO STRICT feed FROM tracking t WHERE t.relation = forget_events.source;
    IF is_filling(source) THEN
        EXECUTE format('INSERT INTO transition_gone SELECT $1, i.record_key, i.source_key FROM (%s) i', rows) USING source;
    END IF;
    EXECUTE format(
        'WITH gone AS (DELETE FROM transition_log t USING (%s) i WHERE t.relation = $2 AND t.source = $1 '
        'AND t.record_key = i.record_key AND t.source_key = i.source_key RETURNING t.record_key) '
        'SELECT array_agg(DISTINCT g.record_key) FROM gone g', rows)
    INTO touched USING source, feed.target;
    PERFORM derive_transitions(feed.target, touched, false) WHERE touched IS NOT NULL;
END
$$;
COMMENT ON FUNCTION @extschema@.forget_events(pg_catalog.regclass, text) IS
'Takes events (SQL in the form of event_rows) out of the history; those that followed them are corrected.';
SELECT @extschema@.set_audience('forget_events(regclass, text)', 'admin');
