-- Erasing what merges remember: that a merge was stays known, and where its keys lead; what the rows held does not.

-- Keys of a customer's records, and of the rows that were merged into them, however long ago.
CREATE FUNCTION @extschema@.merged_keys(customer_id bigint) RETURNS TABLE (relation regclass, record_key text)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 5 SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    WITH RECURSIVE own (relation, record_key) AS (
        SELECT r.relation, r.record_key FROM record r WHERE r.customer_id = $1
        UNION
        SELECT m.relation, l.key COLLATE "C"
        FROM own o JOIN row_merge m ON m.relation = o.relation AND m.keep = o.record_key AND m.unmerged_at IS NULL, unnest(m.lose) AS l (key))
    SELECT o.relation, o.record_key FROM own o
$$;
COMMENT ON FUNCTION @extschema@.merged_keys(bigint) IS 'The keys of a customer''s records and of the rows that were merged into them.';
SELECT @extschema@.set_audience('merged_keys(bigint)', 'internal');

CREATE FUNCTION @extschema@.merges_of(customer_id bigint) RETURNS SETOF bigint
LANGUAGE sql STABLE PARALLEL SAFE ROWS 2 SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT DISTINCT m.merge_id FROM row_merge m JOIN merged_keys($1) k ON k.relation = m.relation AND (k.record_key = m.keep OR k.record_key = ANY (m.lose))
$$;
COMMENT ON FUNCTION @extschema@.merges_of(bigint) IS 'The merges of a customer''s own rows, taken back or not.';
SELECT @extschema@.set_audience('merges_of(bigint)', 'internal');

-- A removed row is known by the merge alone: its mapped attributes are read from there, as its table's owner.
CREATE FUNCTION @extschema@.lost_records(customer_id bigint)
RETURNS TABLE (relation regclass, record_key text, email text, phone text, country text, tax_id text, full_name text)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 2 SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    lost pg_catalog.record;
BEGIN
    FOR lost IN
        SELECT c.relation, jsonb_agg(c.before) AS rows
        FROM merged_keys(customer_id) k
        JOIN merge_change c ON c.relation = k.relation AND c.record_key = k.record_key AND c.action = 'delete'
        JOIN row_merge m ON m.merge_id = c.merge_id AND m.unmerged_at IS NULL AND m.erased_at IS NULL
        WHERE EXISTS (SELECT FROM adoption a WHERE a.relation = c.relation)
        GROUP BY 1
    LOOP
        RETURN QUERY
        SELECT lost.relation, t.record_key, t.email, t.phone, t.country, t.tax_id, t.full_name
        FROM rows_as_owner(lost.relation, format('SELECT @extschema@.map_id(r)::text%s FROM jsonb_populate_recordset(NULL::%s, %L) r',
                 (SELECT string_agg(CASE WHEN has_attribute(lost.relation, a) THEN format(', @extschema@.%I(r)::text', 'map_' || a)
                                         ELSE ', NULL::text' END, '' ORDER BY n)
                  FROM unnest('{email,phone,country,tax_id,full_name}'::text[]) WITH ORDINALITY u (a, n)), lost.relation, lost.rows))
             AS t (record_key text, email text, phone text, country text, tax_id text, full_name text);
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.lost_records(bigint) IS 'What the rows that were merged into a customer''s records could be known by.';
SELECT @extschema@.set_audience('lost_records(bigint)', 'internal');

CREATE FUNCTION @extschema@.redact_row(relation regclass, "row" jsonb, words text[]) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT jsonb_object_agg(e.key, CASE WHEN redact(e.value, words) IS NOT DISTINCT FROM e.value THEN to_jsonb(e.value)
                                        WHEN a.atttypid = ANY (ARRAY['text', 'varchar', 'bpchar']::regtype[]) THEN to_jsonb(redact(e.value, words)) END)
    FROM jsonb_each_text("row") e LEFT JOIN pg_attribute a ON a.attrelid = redact_row.relation AND a.attname = e.key
$$;
COMMENT ON FUNCTION @extschema@.redact_row(regclass, jsonb, text[]) IS
'A row of text forms without the words (lower case): [erased] in its texts, NULL in columns of other types.';
SELECT @extschema@.set_audience('redact_row(regclass, jsonb, text[])', 'internal');

CREATE FUNCTION @extschema@.erase_merges(merges bigint[], words text[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
BEGIN
    PERFORM empty_merges(merges);
    -- keys that tell who it was, as an address does, lead nowhere any more
    DELETE FROM merge_change c USING unnest(words) w
    WHERE c.merge_id = ANY (merges) AND strpos(lower(concat_ws(' ', c.row_key, c.keep_key, c.record_key, c.keep_record_key)), w) > 0;
    UPDATE row_merge m
    SET erased_at = now(), reason = NULL, keep = redact(m.keep, words), lose = ARRAY(SELECT redact(l, words) FROM unnest(m.lose) WITH ORDINALITY u (l, n) ORDER BY n)
    WHERE m.merge_id = ANY (merges);
    -- Merges of others that moved rows which hung on this person, or removed rows that tell of it; of one that was taken back nobody needs them.
    DELETE FROM merge_change c USING row_merge m
    WHERE m.merge_id = c.merge_id AND c.merge_id <> ALL (merges) AND (c.action <> 'delete' OR m.unmerged_at IS NOT NULL)
      AND EXISTS (SELECT FROM unnest(words) w WHERE strpos(lower(concat(c.before, c.after, c.expected, c.restore)), w) > 0);
    UPDATE merge_change c SET before = redact_row(c.relation, c.before, words)
    WHERE c.merge_id <> ALL (merges) AND EXISTS (SELECT FROM unnest(words) w WHERE strpos(lower(c.before::text), w) > 0);
    UPDATE merge_held h SET held = redact(h.held::text, words)::jsonb
    WHERE EXISTS (SELECT FROM unnest(words) w WHERE strpos(lower(h.held::text), w) > 0);
    DELETE FROM merge_finding f USING unnest(words) w WHERE strpos(lower(concat(f.wanted, f.found)), w) > 0;
    DELETE FROM merge_redirected r USING unnest(words) w WHERE strpos(lower(concat(r.meant, r.given)), w) > 0;
    RETURN cardinality(merges);
END
$$;
COMMENT ON FUNCTION @extschema@.erase_merges(bigint[], text[]) IS
'Empties what merges of an erased customer hold, which cannot be taken back then; in merges of others, changed rows with these words (lower '
'case) are forgotten, and removed ones come back without them.';
SELECT @extschema@.set_audience('erase_merges(bigint[], text[])', 'internal');

CREATE FUNCTION @extschema@.forget_row_changes(relation regclass, keys text[]) RETURNS bigint
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    WITH gone AS (
        DELETE FROM merge_change c
        WHERE c.relation = $1 AND c.row_key = ANY ($2) AND c.action <> 'delete'
          AND NOT EXISTS (SELECT FROM row_merge m WHERE m.merge_id = c.merge_id AND m.relation = $1 AND m.keep = c.row_key) RETURNING 1)
    SELECT count(*) FROM gone
$$;
COMMENT ON FUNCTION @extschema@.forget_row_changes(regclass, text[]) IS
'Forgets what merges of others changed in rows that were erased; to take such a merge back leaves them as they are.';
SELECT @extschema@.set_audience('forget_row_changes(regclass, text[])', 'internal');

INSERT INTO @extschema@.free_text (relation, "column", room, purpose, readers) VALUES ('row_merge', 'reason', 'customer', 'why rows were merged', '{"view merge_log"}');
