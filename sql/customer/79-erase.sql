-- erase_customer: what is held of a person goes, from the team's rows and from everything that crm made of them, in one transaction.

CREATE FUNCTION @extschema@.write_tombstones(customer_id bigint, erasure_id bigint, OUT made integer, OUT shared text[])
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    latest tombstone_key;
    key hash_key;
BEGIN
    SELECT * INTO latest FROM tombstone_key k ORDER BY k.key_id DESC LIMIT 1;
    IF NOT FOUND THEN
        PERFORM set_erasure_key(NULL);
        SELECT * INTO latest FROM tombstone_key k ORDER BY k.key_id DESC LIMIT 1;
    END IF;
    key := make_hash_key(latest.key_id, coalesce(latest.secret, read_key_file(latest.file)));
    -- What others hold too (a family's phone, a switchboard) does not tell this person, and would keep them out.
    WITH own AS MATERIALIZED (
        SELECT DISTINCT v.kind, v.value
        FROM (SELECT r.relation, r.record_key, r.email, r.phone, r.country, r.tax_id FROM record r WHERE r.customer_id = $1
              UNION ALL
              SELECT l.relation, l.record_key, l.email, l.phone, l.country, l.tax_id FROM lost_records($1) l) r,
             tombstone_values(r.relation, r.record_key, r.email, r.phone, r.country, r.tax_id) v),
    common AS MATERIALIZED (
        SELECT o.kind, o.value FROM own o
        WHERE EXISTS (SELECT FROM record r WHERE o.kind = 'email' AND r.email_key = o.value AND r.customer_id IS DISTINCT FROM $1
                      UNION ALL
                      SELECT FROM record r WHERE o.kind = 'phone' AND r.phone_key = o.value AND r.customer_id IS DISTINCT FROM $1
                      UNION ALL
                      SELECT FROM record r WHERE o.kind = 'tax_id' AND r.tax_key = o.value AND r.customer_id IS DISTINCT FROM $1)),
    written AS (
        INSERT INTO tombstone (hash, kind, key_id, erasure_id)
        SELECT tombstone_hash(key, o.kind, o.value), o.kind, latest.key_id, $2 FROM own o
        WHERE NOT EXISTS (SELECT FROM common c WHERE c.kind = o.kind AND c.value = o.value)
        ON CONFLICT (hash) DO UPDATE SET erasure_id = excluded.erasure_id RETURNING 1)
    SELECT (SELECT count(*) FROM written), (SELECT array_agg(c.kind ORDER BY c.kind) FROM common c) INTO made, shared;
END
$$;
COMMENT ON FUNCTION @extschema@.write_tombstones(bigint, bigint) IS
'Keeps keyed hashes of what the records of a customer could come back by; shared: kinds of values that others hold too and get none.';
SELECT @extschema@.set_audience('write_tombstones(bigint, bigint)', 'internal');

CREATE FUNCTION @extschema@.part_keys(part @extschema@.erase_part) RETURNS text[]
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT CASE WHEN (part).adopted THEN
        (SELECT array_agg(k.key ORDER BY k.key)
         FROM rows_as_owner((part).relation, format('SELECT @extschema@.map_id(r)::text FROM %s r WHERE (%s) AND @extschema@.map_id(r) IS NOT NULL',
                                                    (part).relation, (part).condition)) AS k (key text)) END
$$;
COMMENT ON FUNCTION @extschema@.part_keys(@extschema@.erase_part) IS 'The record keys of the rows of a part; NULL for a table that is not adopted.';
SELECT @extschema@.set_audience('part_keys(erase_part)', 'internal');

CREATE FUNCTION @extschema@.change_part(part @extschema@.erase_part, columns name[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
BEGIN
    RETURN CASE part.mode
        WHEN 'delete' THEN change_as_owner(part.relation, format('DELETE FROM %s r WHERE %s', part.relation, part.condition))
        WHEN 'blank' THEN change_as_owner(part.relation, format('UPDATE %s r SET %s WHERE %s', part.relation,
            (SELECT string_agg(format('%I = %s', c, CASE WHEN coalesce(part.options -> 'values', '{}') ? c
                                                         THEN format('%L::%s', part.options -> 'values' ->> c, column_type(a.attrelid, a.attname))
                                                         ELSE blank_value(part.relation, c) END), ', ' ORDER BY c)
             FROM unnest(columns) c JOIN pg_attribute a ON a.attrelid = part.relation AND a.attname = c), part.condition))
        ELSE 0 END;
EXCEPTION WHEN foreign_key_violation THEN
    RAISE EXCEPTION 'cannot erase rows of %: %', part.relation, sqlerrm USING ERRCODE = 'RM208',
        DETAIL = 'Another row refers to them that the plan did not have; nothing was changed.',
        HINT = 'Where it was written this very moment, type the same again; else SELECT @extschema@.register_reference(...), or blank the rows.';
WHEN integrity_constraint_violation OR data_exception OR raise_exception OR insufficient_privilege THEN
    RAISE EXCEPTION 'cannot erase rows of %: %', part.relation, sqlerrm USING ERRCODE = 'RM208',
        DETAIL = 'A rule or trigger of the table is against it; nothing was changed.',
        HINT = CASE part.mode WHEN 'blank' THEN format('Give values that it takes: {"%s": {"mode": "blank", "values": {...}}}.', part.relation)
                              ELSE 'Blank the rows instead, or keep them with a reason.' END;
END
$$;
COMMENT ON FUNCTION @extschema@.change_part(@extschema@.erase_part, name[]) IS 'Deletes or blanks the rows of a part; returns how many.';
SELECT @extschema@.set_audience('change_part(erase_part, name[])', 'internal');

CREATE FUNCTION @extschema@.told_by_statistics(words text[]) RETURNS SETOF regclass
LANGUAGE sql STABLE PARALLEL SAFE ROWS 5 SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT DISTINCT format('%I.%I', s.schemaname, s.tablename)::regclass FROM pg_stats s, unnest(words) w
    WHERE s.schemaname = '@extschema@'
      AND strpos(lower(concat_ws(' ', s.most_common_vals::text, s.histogram_bounds::text, s.most_common_elems::text)), w) > 0
$$;
COMMENT ON FUNCTION @extschema@.told_by_statistics(text[]) IS 'The tables of crm of which the planner remembers one of the words (lower case).';
SELECT @extschema@.set_audience('told_by_statistics(text[])', 'internal');

-- An ANALYZE that runs at this moment may have taken a sample before the rows were changed, and writes it when it ends: it is waited for, and no other begins
-- before the commit. After that it finds what is there then.
CREATE FUNCTION @extschema@.hold_statistics(relations regclass[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    member regclass;
BEGIN
    FOR member IN SELECT m FROM unnest(relations) r, members(r) m
                  UNION -- tables of crm that this transaction has written to
                  SELECT c.oid::regclass FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
                  WHERE l.locktype = 'relation' AND l.pid = pg_backend_pid() AND l.mode = 'RowExclusiveLock' AND l.granted
                    AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
                    AND c.relkind = 'r' AND c.relnamespace = '@extschema@'::regnamespace
                  ORDER BY 1 LOOP
        EXECUTE format('LOCK TABLE ONLY %s IN SHARE UPDATE EXCLUSIVE MODE', member);
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.hold_statistics(regclass[]) IS
'Waits for each ANALYZE of these tables, and of those of crm that the transaction has written to, and lets none begin before it ends.';
SELECT @extschema@.set_audience('hold_statistics(regclass[])', 'internal');

-- The planner keeps common values. ANALYZE forgets them, but not those of a table that has become empty.
CREATE FUNCTION @extschema@.forget_statistics(relations regclass[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    member regclass;
BEGIN
    FOR member IN SELECT DISTINCT m FROM unnest(relations) r, members(r) m ORDER BY m LOOP
        DELETE FROM pg_statistic s WHERE s.starelid = member;
        DELETE FROM pg_statistic_ext_data d USING pg_statistic_ext e WHERE e.oid = d.stxoid AND e.stxrelid = member;
        EXECUTE format('ANALYZE %s', member);
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.forget_statistics(regclass[]) IS 'Has the planner''s statistics of tables made anew, from what they hold now.';
SELECT @extschema@.set_audience('forget_statistics(regclass[])', 'internal');

CREATE FUNCTION @extschema@.follow_erasure(part @extschema@.erase_part, keys text[]) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    hook follow_hook;
    count bigint;
    counts jsonb := '{}';
BEGIN
    FOR hook IN SELECT * FROM follow_hook h WHERE h.erased IS NOT NULL ORDER BY h."position" LOOP
        EXECUTE format('SELECT @extschema@.%I($1, $2, $3)', hook.erased) INTO count USING part.relation, keys, part.mode;
        IF count > 0 THEN
            counts := counts || jsonb_build_object(hook.room, count);
        END IF;
    END LOOP;
    RETURN counts;
END
$$;
COMMENT ON FUNCTION @extschema@.follow_erasure(@extschema@.erase_part, text[]) IS 'Tells the rooms that rows were erased; what each of them deleted or blanked.';
SELECT @extschema@.set_audience('follow_erasure(erase_part, text[])', 'internal');

CREATE FUNCTION @extschema@.perform_erasure(customer_id bigint, parts @extschema@.erase_part[], asked text, dry_run boolean) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    part erase_part;
    written erasure;
    columns name[];
    keys text[];
    changed bigint;
    followed jsonb := '{}';
    relations jsonb := '[]';
    shared text[];
    words text[];
    looked_for CONSTANT text[] := person_values(customer_id);
    records CONSTANT jsonb := (SELECT jsonb_object_agg(k.relation::oid, k.keys)
                               FROM (SELECT r.relation, jsonb_agg(r.record_key) AS keys FROM record r WHERE r.customer_id = $1 GROUP BY 1) k);
    merges CONSTANT bigint[] := ARRAY(SELECT m FROM merges_of(customer_id) m);
    numbers CONSTANT bigint[] := ARRAY(SELECT l.record_no FROM record_link l WHERE l.customer_id = $1 ORDER BY 1);
    merged CONSTANT record_ref[] := ARRAY(SELECT (k.relation, k.record_key)::record_ref FROM merged_keys(customer_id) k
                                          WHERE NOT EXISTS (SELECT FROM record r WHERE r.relation = k.relation AND r.record_key = k.record_key
                                                                                   AND r.customer_id = $1));
    each pg_catalog.record;
BEGIN
    words := person_words(looked_for);
    INSERT INTO erasure (erased_at, erased_by, reason, modes, counts, tombstones, remains, proof)
    VALUES (now(), caller()::text, redact(asked, words), '{}', '{}', 0, '[]', '') RETURNING * INTO written;
    SELECT t.made, t.shared INTO written.tombstones, shared FROM write_tombstones(customer_id, written.erasure_id) t;
    followed := jsonb_build_object('hashes', forget_hashes(numbers));
    PERFORM fire_deferred(); -- nothing of the team's may run later, with whosever rights
    FOREACH part IN ARRAY order_parts(parts) LOOP
        columns := CASE part.mode WHEN 'blank' THEN blank_columns(part) END;
        keys := part_keys(part);
        changed := CASE part.mode WHEN 'keep' THEN part.rows ELSE change_part(part, columns) END;
        IF keys IS NOT NULL AND part.mode <> 'keep' THEN
            SELECT coalesce(jsonb_object_agg(coalesce(a.key, b.key), coalesce(a.value::bigint, 0) + coalesce(b.value::bigint, 0)), '{}') INTO followed
            FROM jsonb_each(followed) a FULL JOIN jsonb_each(follow_erasure(part, keys)) b USING (key);
        END IF;
        written.modes := written.modes || jsonb_build_object(table_name(part.relation),
                             jsonb_strip_nulls(jsonb_build_object('mode', part.mode, 'reason', redact(part.reason, words))));
        written.counts := written.counts || jsonb_build_object(table_name(part.relation), changed);
        relations := relations || jsonb_build_array(jsonb_strip_nulls(jsonb_build_object('relation', table_name(part.relation), 'mode', part.mode,
            'rows', changed, 'via', part.via, 'blanked', to_jsonb(columns), 'left_as_they_are', left_columns(part, columns))));
    END LOOP;
    FOR each IN SELECT e.key::oid::regclass AS relation, ARRAY(SELECT jsonb_array_elements_text(e.value)) AS keys FROM jsonb_each(records) e LOOP
        PERFORM privacy_erased(each.relation, each.keys, 'keep'); -- also of rows that are kept
        DELETE FROM record_dirty d WHERE d.relation = each.relation AND d.record_key = ANY (each.keys);
        DELETE FROM record_link l USING record r WHERE r.record_no = l.record_no AND r.relation = each.relation AND r.record_key = ANY (each.keys);
        PERFORM read_records(each.relation, each.keys);
    END LOOP;
    FOR each IN SELECT g.relation, array_agg(g.record_key) AS keys FROM unnest(merged) g GROUP BY 1 LOOP
        PERFORM privacy_erased(each.relation, each.keys, 'delete'); -- what was said of rows that were merged into his
    END LOOP;
    FOR each IN SELECT * FROM stale_keys(customer_id, words) LOOP
        part := NULL;
        part.relation := each.relation;
        part.mode := 'delete';
        PERFORM follow_erasure(part, each.keys); -- and of rows that went before
        DELETE FROM record_dirty d WHERE d.relation = each.relation AND d.record_key = ANY (each.keys);
    END LOOP;
    PERFORM forget_parked_of(customer_id, words);
    followed := followed || jsonb_build_object('merges', erase_merges(merges, words));
    PERFORM retire_customers(ARRAY[customer_id]);
    followed := followed || jsonb_build_object('texts', redact_texts(words));
    FOR each IN SELECT h.forgotten FROM follow_hook h WHERE h.forgotten IS NOT NULL ORDER BY h."position" LOOP
        EXECUTE format('SELECT @extschema@.%I()', each.forgotten);
    END LOOP;
    IF NOT dry_run THEN
        PERFORM hold_statistics(ARRAY(SELECT p.relation FROM unnest(parts) p WHERE p.mode <> 'keep'));
        PERFORM forget_statistics(ARRAY(SELECT p.relation FROM unnest(parts) p WHERE p.mode <> 'keep')
                                  || ARRAY(SELECT r FROM told_by_statistics(words) r));
    END IF;
    SELECT coalesce(jsonb_agg(to_jsonb(s) || CASE WHEN written.modes -> s.relation ->> 'mode' = 'keep' THEN '{"kept": true}' ELSE '{}' END::jsonb), '[]')
    INTO written.remains
    FROM search_everything(words, ARRAY(SELECT p.relation FROM unnest(parts) p)) s WHERE NOT (dry_run AND s.relation LIKE 'pg\_statistic%');
    written.counts := written.counts || jsonb_build_object('crm', followed);
    UPDATE erasure e SET modes = written.modes, counts = written.counts, tombstones = written.tombstones, remains = written.remains,
                         proof = erasure_proof(written)
    WHERE e.erasure_id = written.erasure_id;
    RETURN jsonb_strip_nulls(jsonb_build_object(
        'erasure_id', CASE WHEN NOT dry_run THEN written.erasure_id END, 'dry_run', dry_run, 'relations', relations, 'crm', followed,
        'tombstones', written.tombstones, 'shared_with_others', to_jsonb(shared), 'remains', written.remains,
        'then', CASE WHEN NOT dry_run THEN 'VACUUM ' || (SELECT string_agg(p.relation::text, ', ' ORDER BY p.relation::text)
                                                        FROM unnest(parts) p WHERE p.mode <> 'keep') || ', @extschema@.record_copy;' END));
END
$$;
COMMENT ON FUNCTION @extschema@.perform_erasure(bigint, @extschema@.erase_part[], text, boolean) IS 'What erase_customer does, once everything is settled.';
SELECT @extschema@.set_audience('perform_erasure(bigint, erase_part[], text, boolean)', 'internal');

CREATE FUNCTION @extschema@.left_columns(part @extschema@.erase_part, columns name[]) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT jsonb_agg(c ORDER BY c) FROM searched_columns((part).relation) c
    WHERE (part).mode = 'blank' AND c <> ALL (columns) AND c <> ALL (structural_columns((part).relation))
$$;
COMMENT ON FUNCTION @extschema@.left_columns(@extschema@.erase_part, name[]) IS
'Columns of a blanked table that could hold words and stay as they are: whoever erases looks whether one of them is personal.';

-- Rows of the person are held until the end, so that what others write of them meanwhile comes before or after: who changes one of
-- them, or refers to one by a foreign key, waits. What is held is then read again, until nothing came to it.
CREATE FUNCTION @extschema@.hold_parts(customer_id bigint) RETURNS @extschema@.erase_part[]
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    parts erase_part[] := '{}';
    found_parts erase_part[];
    part erase_part;
    each pg_catalog.record;
BEGIN
    FOR i IN 1 .. 10 LOOP
        found_parts := ARRAY(SELECT p FROM erase_parts(customer_id) p ORDER BY table_name(p.relation));
        IF found_parts = parts THEN
            RETURN parts;
        END IF;
        parts := found_parts;
        FOREACH part IN ARRAY parts LOOP
            PERFORM change_as_owner(part.relation, format('SELECT FROM %s r WHERE %s FOR UPDATE', part.relation, part.condition));
        END LOOP;
        FOR each IN SELECT r.relation, array_agg(r.record_key) AS keys FROM record r WHERE r.customer_id = $1 GROUP BY 1 ORDER BY 1 LOOP
            PERFORM read_records(each.relation, each.keys); -- as they are now: what they could come back by
        END LOOP;
    END LOOP;
    RAISE EXCEPTION 'rows of customer % change faster than they can be held', customer_id USING ERRCODE = 'serialization_failure',
        HINT = 'Nothing was changed. Type the same again.';
END
$$;
COMMENT ON FUNCTION @extschema@.hold_parts(bigint) IS 'erase_parts() with all of its rows locked, and the copies of its records as they are. Error: 40001.';
SELECT @extschema@.set_audience('hold_parts(bigint)', 'internal');

CREATE FUNCTION @extschema@.erase_customer(customer_id bigint, modes jsonb DEFAULT '{}', reason text DEFAULT NULL, dry_run boolean DEFAULT false)
RETURNS jsonb LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE COST 1000000
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off
AS $$
DECLARE
    subject bigint;
    parts erase_part[];
    result jsonb;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'a customer is erased in READ COMMITTED' USING ERRCODE = 'invalid_transaction_state',
            DETAIL = 'An older snapshot would leave rows that others have written since.', HINT = 'BEGIN ISOLATION LEVEL READ COMMITTED;';
    END IF;
    LOCK TABLE customer_registry IN SHARE ROW EXCLUSIVE MODE; -- no link changes meanwhile
    subject := (customer_family(customer_id))[1];
    IF subject IS NULL THEN
        RAISE EXCEPTION 'customer % does not exist', customer_id USING ERRCODE = 'RM201',
            HINT = 'Look it up in @extschema@.customer, or by @extschema@.customer_of(table, key).';
    END IF;
    parts := assign_modes(subject, hold_parts(subject), modes);
    IF NOT dry_run AND coalesce(btrim(reason), '') = '' THEN
        RAISE EXCEPTION 'an erasure needs a reason' USING ERRCODE = 'RM005', HINT = 'For example reason => ''asked by letter of 1 March''.';
    END IF;
    PERFORM blank_columns(p) FROM unnest(parts) p WHERE p.mode = 'blank';
    PERFORM refuse_blocked(parts);
    BEGIN
        result := perform_erasure(subject, parts, coalesce(reason, ''), dry_run);
        IF dry_run THEN
            RAISE EXCEPTION 'dry run' USING ERRCODE = 'ZZ001';
        END IF;
    EXCEPTION WHEN SQLSTATE 'ZZ001' THEN
        NULL; -- everything was tried and is taken back
    END;
    RETURN result;
END
$$;
COMMENT ON FUNCTION @extschema@.erase_customer(bigint, jsonb, text, boolean) IS
'Erases a customer: the rows of all tables that are its own, or hang on those by foreign keys and references, and everything that crm made '
'of them. modes says for each table: "delete", "blank" (mapped personal columns, and "columns": [...] or "values": {column: value} besides) '
'or {"mode": "keep", "reason": ...}; where one is missing the error RM207 lists all with a ready call. Keyed hashes stay, so that the next '
'sync does not bring the person back. reason is needed and kept. dry_run does everything and takes it back. Triggers of the tables fire, '
'with their owners'' rights. Returns what was done to each table, what other columns a blanked row still has, what was found by searching '
'afterwards (remains), and what to VACUUM. Backups, WAL archives, replicas elsewhere and logs are outside. Errors: RM005, RM201, RM207, '
'RM208 (what is in the way, by name, before anything is changed), 25000 (not in READ COMMITTED), 40001 and 40P01 (others write the same '
'rows: nothing was changed, type it again). '
'Example: SELECT erase_customer(42, ''{"public.contact": "delete"}'', ''asked by letter of 1 March'', dry_run => true);';
SELECT @extschema@.set_audience('erase_customer(bigint, jsonb, text, boolean)', 'admin');

CREATE FUNCTION @extschema@.erasure_rows()
RETURNS TABLE (erasure_id bigint, erased_at timestamptz, erased_by text, reason text, modes jsonb, counts jsonb, tombstones integer, remains jsonb,
               proof text)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 100 SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT e.erasure_id, e.erased_at, e.erased_by, e.reason, e.modes, e.counts, e.tombstones, e.remains, e.proof FROM erasure e WHERE (SELECT may_administer())
$$;
COMMENT ON FUNCTION @extschema@.erasure_rows() IS 'The rows of the view erasure_log.';
CREATE VIEW @extschema@.erasure_log AS SELECT r.* FROM @extschema@.erasure_rows() r;
COMMENT ON VIEW @extschema@.erasure_log IS 'What was erased when, by whom and why, without a word of the persons; for administrators. verify_erasure proves a row.';
GRANT SELECT ON @extschema@.erasure_log TO PUBLIC;

CREATE FUNCTION @extschema@.suppressed_rows() RETURNS TABLE (relation regclass, record_key text, erasure_id bigint, since timestamptz)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 100 SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT s.relation, s.record_key, s.erasure_id, s.since FROM suppressed_record s WHERE may_administer(s.relation)
$$;
COMMENT ON FUNCTION @extschema@.suppressed_rows() IS 'The rows of the view suppressed.';
CREATE VIEW @extschema@.suppressed AS SELECT r.* FROM @extschema@.suppressed_rows() r;
COMMENT ON VIEW @extschema@.suppressed IS
'Rows that hit a tombstone, and are registered blank; for administrators and the owners of the tables. release_record reads one after all.';
GRANT SELECT ON @extschema@.suppressed TO PUBLIC;
