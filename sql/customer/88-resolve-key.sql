-- Which row stands for one that was merged away.

-- A merge that was not taken back, in which a row went: the first after a merge, or the last of all.
CREATE FUNCTION @extschema@.next_merge(relation pg_catalog.regclass, row_key text, since bigint, OUT merge_id bigint, OUT kept text)
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT c.merge_id, c.keep_key
    FROM merge_change c JOIN row_merge m USING (merge_id)
    WHERE c.relation = next_merge.relation AND c.row_key = next_merge.row_key AND c.action = 'delete' AND m.unmerged_at IS NULL
      AND c.merge_id > next_merge.since
    ORDER BY CASE WHEN since = 0 THEN - c.merge_id ELSE c.merge_id END LIMIT 1
$$;
COMMENT ON FUNCTION @extschema@.next_merge(pg_catalog.regclass, text, bigint) IS
'Into which row, kept, a row went: in the first merge after the given one, or, where that is 0, in the latest; merges that were '
'taken back do not count. NULL where there is none. Chains are followed in the order of time, so they end.';
SELECT @extschema@.set_audience('next_merge(regclass, text, bigint)', 'internal');

CREATE FUNCTION @extschema@.kept_key(relation pg_catalog.regclass, row_key text, since bigint DEFAULT 0) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    step record;
BEGIN
    LOOP
        SELECT * INTO step FROM next_merge(relation, row_key, since);
        IF step.merge_id IS NULL THEN
            RETURN row_key;
        END IF;
        row_key := step.kept;
        since := step.merge_id;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.kept_key(pg_catalog.regclass, text, bigint) IS
'The end of the chain of merges in which a row went; its own key where it was never merged away.';
SELECT @extschema@.set_audience('kept_key(regclass, text, bigint)', 'internal');

-- By the operators of the key's index: whatever the caller's search_path is, it is that equality.
CREATE FUNCTION @extschema@.key_probe(relation pg_catalog.regclass, columns name[], texts text[]) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT format('FROM %s t WHERE %s', row_source(relation),
                  string_agg(format('t.%I OPERATOR(%I.%s) %L::%s', u.name, n.nspname, o.oprname, u.value, column_type(a.attrelid, a.attname)),
                             ' AND ' ORDER BY u.n))
    FROM unnest(columns, texts) WITH ORDINALITY AS u (name, value, n)
    JOIN pg_attribute a ON a.attrelid = relation AND a.attname = u.name
    JOIN LATERAL (SELECT c.opcfamily, c.opcintype
                  FROM pg_index i CROSS JOIN unnest(i.indkey::smallint[], i.indclass::oid[]) AS k (attnum, class)
                  JOIN pg_opclass c ON c.oid = k.class JOIN pg_am m ON m.oid = c.opcmethod AND m.amname = 'btree'
                  WHERE i.indrelid = relation AND i.indisunique AND i.indpred IS NULL AND k.attnum = a.attnum
                  ORDER BY i.indisprimary DESC, i.indexrelid LIMIT 1) f ON true
    JOIN pg_amop p ON p.amopfamily = f.opcfamily AND p.amopstrategy = 3 AND p.amoplefttype = f.opcintype AND p.amoprighttype = f.opcintype
    JOIN pg_operator o ON o.oid = p.amopopr
    JOIN pg_namespace n ON n.oid = o.oprnamespace
$$;
COMMENT ON FUNCTION @extschema@.key_probe(pg_catalog.regclass, name[], text[]) IS
'SQL, FROM and WHERE, for the row t of a table whose columns, of a unique index, have these text forms.';

CREATE FUNCTION @extschema@.key_texts(relation pg_catalog.regclass, columns name[], key text) RETURNS text[]
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN (SELECT array_agg(parsed ->> c::text ORDER BY n)
            FROM parse_key(relation, columns, key) parsed, unnest(columns) WITH ORDINALITY AS u (c, n));
COMMENT ON FUNCTION @extschema@.key_texts(pg_catalog.regclass, name[], text) IS
'The text forms of a key''s columns; raises RM202 where the key is not of its form.';

-- An adopted table's record keys need not be the rows' own.
CREATE FUNCTION @extschema@.record_query(relation pg_catalog.regclass, key text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    columns CONSTANT name[] := row_key_columns(relation);
    expression CONSTANT text := record_key_expression(relation);
    kept text;
BEGIN
    SELECT kept_key(record_query.relation, c.keep_key, c.merge_id) INTO kept
    FROM merge_change c JOIN row_merge m USING (merge_id)
    WHERE c.relation = record_query.relation AND c.record_key = key AND c.action = 'delete' AND m.unmerged_at IS NULL
    ORDER BY c.merge_id DESC LIMIT 1;
    RETURN format('SELECT coalesce((SELECT %L FROM %s t WHERE %s OPERATOR(pg_catalog.=) %L LIMIT 1), %s)', key, row_source(relation), expression, key,
                  CASE WHEN kept IS NULL THEN 'NULL'
                       ELSE format('(SELECT %s %s)', expression, key_probe(relation, columns, key_texts(relation, columns, kept))) END);
END
$$;
COMMENT ON FUNCTION @extschema@.record_query(pg_catalog.regclass, text) IS
'resolve_key_query of a table whose record keys are mapped to something else than its key.';
SELECT @extschema@.set_audience('record_query(regclass, text)', 'internal');

-- Through the columns' types, which have checks of their owner's.
CREATE FUNCTION @extschema@.written_key(relation pg_catalog.regclass, columns name[], key text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    parsed jsonb := parse_key(relation, columns, key);
BEGIN
    BEGIN
        SELECT coalesce(r, parsed) INTO parsed
        FROM read_as_owner(relation, format('SELECT @extschema@.row_as_text(k.*) FROM (SELECT %s) k',
                                            (SELECT string_agg(format('%L::%s AS %I', parsed ->> c::text, column_type(relation, c), c), ', ' ORDER BY n)
                                             FROM unnest(columns) WITH ORDINALITY AS u (c, n)))) r;
    EXCEPTION WHEN data_exception OR integrity_constraint_violation THEN
        NULL; -- no key of it, which the query says
    END;
    RETURN row_key(columns, parsed);
END
$$;
COMMENT ON FUNCTION @extschema@.written_key(pg_catalog.regclass, name[], text) IS
'A key as its row writes it: a uuid in small letters, a number without leading zeros; as it is where the columns cannot hold it.';
SELECT @extschema@.set_audience('written_key(regclass, name[], text)', 'internal');

CREATE FUNCTION @extschema@.resolve_key_query(relation pg_catalog.regclass, key text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    columns CONSTANT name[] := row_key_columns(relation);
    kept text;
BEGIN
    IF columns IS NULL THEN
        RAISE EXCEPTION 'table % has no key', relation
            USING ERRCODE = 'RM005', HINT = 'Rows are known by a primary key, or a unique index over columns that are NOT NULL.';
    ELSIF record_key_expression(relation) IS NOT NULL THEN
        RETURN record_query(relation, key);
    END IF;
    kept := kept_key(relation, written_key(relation, columns, key));
    RETURN format('SELECT CASE WHEN EXISTS (SELECT %s) THEN %L WHEN EXISTS (SELECT %s) THEN %L END',
                  key_probe(relation, columns, key_texts(relation, columns, key)), key,
                  key_probe(relation, columns, key_texts(relation, columns, kept)), kept);
END
$$;
COMMENT ON FUNCTION @extschema@.resolve_key_query(pg_catalog.regclass, text) IS 'What resolve_key asks with the caller''s rights.';
SELECT @extschema@.set_audience('resolve_key_query(regclass, text)', 'internal');

CREATE FUNCTION @extschema@.resolve_key(relation pg_catalog.regclass, key text) RETURNS text
    AS 'MODULE_PATHNAME', 'crm_resolve_key' LANGUAGE C STABLE STRICT PARALLEL UNSAFE COST 1000;
COMMENT ON FUNCTION @extschema@.resolve_key(pg_catalog.regclass, text) IS
'The key of the row that stands for the row of this key now: its own while the row is there, after a merge that of the row that was '
'kept, through any chain of merges; NULL where no row does, or you may not read it. Ask it after a foreign key''s error 23503, '
'when what was referred to may have been merged away meanwhile. Needs SELECT on the table. Errors: 42501, RM005 (a table without '
'key), RM202 (not a key of that table). Example: INSERT INTO orders (customer_id) SELECT resolve_key(''public.customers'', ''4711'')::bigint;';
