-- What is kept of each merge, and how statements over a team's rows are written.

CREATE TABLE @extschema@.row_merge (
    merge_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    relation pg_catalog.regclass NOT NULL,
    keep text NOT NULL,
    lose text[] NOT NULL,
    reason text,
    merged_by text NOT NULL,
    merged_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    unmerged_by text,
    unmerged_at timestamptz,
    erased_at timestamptz,
    changed bigint,
    forgotten_at timestamptz
);
COMMENT ON TABLE @extschema@.row_merge IS
'Every merge of rows: keep and lose are record keys of relation, changed how many rows it changed or removed. One with unmerged_at was taken '
'back; one with erased_at was of a person who was erased since, and what it moved is forgotten, as by forget_merges (forgotten_at). Read it by '
'the view merge_log.';

-- Without a foreign key to row_merge: a merge writes a row here for each row that it changes, and to look for the merge each
-- time took a seventh of all. Whoever deletes a merge (forget_merges) deletes these first.
CREATE TABLE @extschema@.merge_change (
    merge_id bigint NOT NULL,
    relation pg_catalog.regclass NOT NULL,
    row_key text COLLATE "C" NOT NULL,
    action text NOT NULL CHECK (action OPERATOR(pg_catalog.=) ANY (ARRAY['update', 'delete', 'stay'])),
    before jsonb NOT NULL,
    after jsonb NOT NULL DEFAULT '{}',
    keep_key text COLLATE "C",
    after_key text COLLATE "C",
    record_key text COLLATE "C",
    keep_record_key text COLLATE "C",
    rank integer NOT NULL DEFAULT 0,
    via text,
    round integer NOT NULL,
    expected jsonb,
    held_by bigint,
    restore jsonb,
    PRIMARY KEY (merge_id, relation, row_key)
);
CREATE INDEX merge_change_row ON @extschema@.merge_change (relation, row_key) WHERE action OPERATOR(pg_catalog.=) 'delete';
CREATE INDEX merge_change_key ON @extschema@.merge_change (relation, record_key) WHERE action OPERATOR(pg_catalog.=) 'delete';
COMMENT ON TABLE @extschema@.merge_change IS
'The rows that a merge changed or removed: before is the whole row as text forms (row_as_text), after what became of the columns that '
'changed. A removed row has the key of the row that it became one with (keep_key). What is planned is written here first.';
COMMENT ON COLUMN @extschema@.merge_change.row_key IS 'The row before: its primary key as text; of a table without key the whole row, of a long one its beginning and a hash.';
COMMENT ON COLUMN @extschema@.merge_change.after_key IS 'The row after, where that is not row_key: the key holds a repointed column, or there is none.';
COMMENT ON COLUMN @extschema@.merge_change.record_key IS 'Of a removed row: its key as crm''s functions take it; keep_record_key is that of the row it became one with.';
COMMENT ON COLUMN @extschema@.merge_change.rank IS 'Where rows collide the lower rank goes first: the order of the losers.';
COMMENT ON COLUMN @extschema@.merge_change.via IS 'For planning: by which reference and loser the row was found.';
COMMENT ON COLUMN @extschema@.merge_change.round IS 'For planning: when the row last changed.';
COMMENT ON COLUMN @extschema@.merge_change.expected IS 'For unmerge: what untouched columns hold now, where later merges changed that; NULL: after.';
COMMENT ON COLUMN @extschema@.merge_change.held_by IS 'For unmerge: the later merge that removed the row.';
COMMENT ON COLUMN @extschema@.merge_change.restore IS 'For unmerge: the columns that go back; NULL: all that are expected, see going_back().';

CREATE TABLE @extschema@.merge_held (
    merge_id bigint NOT NULL REFERENCES @extschema@.row_merge ON DELETE CASCADE,
    room text NOT NULL,
    relation pg_catalog.regclass NOT NULL,
    lose text[] NOT NULL,
    keep text[] NOT NULL,
    held jsonb,
    PRIMARY KEY (merge_id, room, relation)
);
COMMENT ON TABLE @extschema@.merge_held IS 'What rooms keep of the rows that a merge removed (follow_hook), to give it back.';

CREATE TABLE @extschema@.merge_finding (
    merge_id bigint NOT NULL REFERENCES @extschema@.row_merge ON DELETE CASCADE,
    relation pg_catalog.regclass NOT NULL,
    row_key text NOT NULL,
    finding text NOT NULL,
    wanted jsonb,
    found jsonb
);
CREATE INDEX merge_finding_merge ON @extschema@.merge_finding (merge_id);
COMMENT ON TABLE @extschema@.merge_finding IS 'Rows that an unmerge did not give back as they were, and why. Read it by unmerge_report().';

CREATE TABLE @extschema@.merge_redirected (
    merge_id bigint NOT NULL REFERENCES @extschema@.row_merge ON DELETE CASCADE,
    relation pg_catalog.regclass NOT NULL,
    row_key text COLLATE "C" NOT NULL,
    meant jsonb NOT NULL,
    given jsonb NOT NULL,
    PRIMARY KEY (merge_id, relation, row_key)
);
COMMENT ON TABLE @extschema@.merge_redirected IS
'Rows that were written for a loser after the merge and sent to the keeper: meant is what their columns said (text forms), given what '
'they say now. unmerge(added => ''back'') gives them back.';

SELECT pg_catalog.pg_extension_config_dump('@extschema@.row_merge', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.row_merge_merge_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.merge_change', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.merge_held', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.merge_finding', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.merge_redirected', '');

CREATE FUNCTION @extschema@.merge_rows(owner_of pg_catalog.regclass, statement text, VARIADIC parameters jsonb[] DEFAULT '{}') RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'crm_merge_rows' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000 ROWS 10000;
COMMENT ON FUNCTION @extschema@.merge_rows(pg_catalog.regclass, text, jsonb[]) IS
'Runs a statement over a team''s rows, with parameters $1 ... of type jsonb: as whoever called merge or unmerge, with his search_path, '
'or, where owner_of is a table, reading only and as its owner, policies apart. Only behind merge, unmerge and their previews.';
SELECT @extschema@.set_audience('merge_rows(regclass, text, jsonb[])', 'internal');

-- What follows writes SQL: every name in it is qualified, since it runs under the caller's search_path.

CREATE FUNCTION @extschema@.row_source(relation pg_catalog.regclass) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    RETURN (SELECT CASE c.relkind WHEN 'p' THEN '' ELSE 'ONLY ' END || format('%I.%I', n.nspname, c.relname)
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = row_source.relation);
COMMENT ON FUNCTION @extschema@.row_source(pg_catalog.regclass) IS
'SQL for the rows of a table: of a partitioned one with its partitions, of any other without the tables that inherit from it.';

-- Not with crm's schema in the path: its types would be written without it.
CREATE FUNCTION @extschema@.column_type(relation pg_catalog.regclass, "column" name) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    RETURN (SELECT format_type(a.atttypid, a.atttypmod)
            FROM pg_attribute a WHERE a.attrelid = column_type.relation AND a.attname = column_type."column");
COMMENT ON FUNCTION @extschema@.column_type(pg_catalog.regclass, name) IS 'SQL for a column''s type, with its schema, whatever the search_path is.';

CREATE FUNCTION @extschema@.typed(value text, relation pg_catalog.regclass, "column" name) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    RETURN (SELECT format('(%s ->> %L)::%s', value, a.attname, format_type(a.atttypid, a.atttypmod))
            FROM pg_attribute a WHERE a.attrelid = typed.relation AND a.attname = typed."column");
COMMENT ON FUNCTION @extschema@.typed(text, pg_catalog.regclass, name) IS 'SQL for a column''s value out of a JSON object of text forms.';

CREATE FUNCTION @extschema@.column_equality(relation pg_catalog.regclass, "column" name) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE type AS (
        SELECT t.oid, t.typtype, t.typbasetype FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
        WHERE a.attrelid = relation AND a.attname = "column"
        UNION ALL
        SELECT t.oid, t.typtype, t.typbasetype FROM type d JOIN pg_type t ON t.oid = d.typbasetype WHERE d.typtype = 'd')
    SELECT coalesce((SELECT format('OPERATOR(%I.%s)', n.nspname, o.oprname)
                     FROM type t JOIN pg_opclass c ON c.opcintype = t.oid AND c.opcdefault
                     JOIN pg_am m ON m.oid = c.opcmethod AND m.amname = 'btree'
                     JOIN pg_amop p ON p.amopfamily = c.opcfamily AND p.amoplefttype = t.oid AND p.amoprighttype = t.oid AND p.amopstrategy = 3
                     JOIN pg_operator o ON o.oid = p.amopopr JOIN pg_namespace n ON n.oid = o.oprnamespace WHERE t.typtype <> 'd'),
                    'OPERATOR(pg_catalog.=)')
$$;
COMMENT ON FUNCTION @extschema@.column_equality(pg_catalog.regclass, name) IS 'The operator by which an index compares values of a column''s type.';

CREATE FUNCTION @extschema@.key_match(relation pg_catalog.regclass, key name[], value text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN (SELECT string_agg(format('t.%I %s %s', k, column_equality(relation, k), typed(value, relation, k)), ' AND ' ORDER BY n)
            FROM unnest(key) WITH ORDINALITY AS u (k, n));
COMMENT ON FUNCTION @extschema@.key_match(pg_catalog.regclass, name[], text) IS
'SQL that a row t has the key that a JSON object of text forms says.';

CREATE FUNCTION @extschema@.key_list(key name[], prefix text DEFAULT 't.') RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    RETURN (SELECT string_agg(prefix || quote_ident(k), ', ' ORDER BY n) FROM unnest(key) WITH ORDINALITY AS u (k, n));
COMMENT ON FUNCTION @extschema@.key_list(name[], text) IS 'SQL for the columns of a key, of a row t.';

CREATE FUNCTION @extschema@.row_key(columns name[], "row" jsonb) RETURNS text
    AS 'MODULE_PATHNAME', 'crm_row_key' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.row_key(name[], jsonb) IS
'A row''s key as text, from its text forms: the one column, a JSON array of several; where there is no key the whole row, of a long one its '
'beginning and a hash; NULL where a column of the key is NULL.';

CREATE FUNCTION @extschema@.pick("row" jsonb, columns name[]) RETURNS jsonb
    AS 'MODULE_PATHNAME', 'crm_row_pick' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.pick(jsonb, name[]) IS 'Some columns of a row of text forms; null where it has none of that name.';

CREATE FUNCTION @extschema@.row_columns("row" jsonb) RETURNS name[]
    AS 'MODULE_PATHNAME', 'crm_row_columns' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.row_columns(jsonb) IS 'The columns that a row of text forms has.';

CREATE FUNCTION @extschema@.row_list_add(list internal, name text, "row" jsonb, key name[], wanted jsonb) RETURNS internal
    AS 'MODULE_PATHNAME', 'crm_row_list_add' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.row_list_add(internal, text, jsonb, name[], jsonb) IS 'A step of row_list.';
CREATE FUNCTION @extschema@.row_list_end(list internal) RETURNS jsonb
    AS 'MODULE_PATHNAME', 'crm_row_list_end' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.row_list_end(internal) IS 'The end of row_list.';
CREATE AGGREGATE @extschema@.row_list(name text, "row" jsonb, key name[], wanted jsonb) (
    SFUNC = @extschema@.row_list_add, STYPE = internal, SSPACE = 1000000, FINALFUNC = @extschema@.row_list_end, PARALLEL = RESTRICTED);
COMMENT ON AGGREGATE @extschema@.row_list(text, jsonb, name[], jsonb) IS
'Rows of text forms as the statements of a merge take them: [{"n": name, "k": the key''s columns, or the whole row where there is no key, '
'"s": wanted}], n and s left out where they are NULL; NULL for no rows. What jsonb_agg(jsonb_build_object()) makes in three times the time.';

-- No statistics know of a merge under way. Told of a few rows, the planner compares each with each.
CREATE FUNCTION @extschema@.changes_of(merge_id bigint, relation pg_catalog.regclass DEFAULT NULL) RETURNS SETOF @extschema@.merge_change
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10000 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT c.* FROM merge_change c
    WHERE c.merge_id = changes_of.merge_id AND (changes_of.relation IS NULL OR c.relation = changes_of.relation) AND c.held_by IS NULL
$$;
COMMENT ON FUNCTION @extschema@.changes_of(bigint, pg_catalog.regclass) IS
'The rows that a merge changes, of a table or (NULL) of all, and that no later one removed; for the planner a great many.';
SELECT @extschema@.set_audience('changes_of(bigint, regclass)', 'internal');

-- Inlined into queries, so it has no search_path.
CREATE FUNCTION @extschema@.going_back(c @extschema@.merge_change) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN COALESCE((c).restore, @extschema@.pick((c).before, @extschema@.row_columns(COALESCE((c).expected, (c).after))));
COMMENT ON FUNCTION @extschema@.going_back(@extschema@.merge_change) IS
'What an unmerge gives back to a row that the merge changed: every column that holds what is expected, unless something else was planned.';
SELECT @extschema@.set_audience('going_back(merge_change)', 'internal');

CREATE FUNCTION @extschema@.referring_values(r @extschema@.reference, target jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN (SELECT jsonb_object_agg(u.own::text, target -> u.other::text) FROM unnest((r).columns, (r).target_columns) AS u (own, other));
COMMENT ON FUNCTION @extschema@.referring_values(@extschema@.reference, jsonb) IS
'What the columns of a reference hold in a row that refers to this one, a row of text forms.';

CREATE FUNCTION @extschema@.row_difference(a jsonb, b jsonb) RETURNS jsonb
    AS 'MODULE_PATHNAME', 'crm_row_difference' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.row_difference(jsonb, jsonb) IS 'The columns of a row of text forms, b, that are not the same in another, a.';

-- A key as a user writes it becomes an object of columns.
CREATE FUNCTION @extschema@.parse_key(relation pg_catalog.regclass, key name[], value text) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    parts jsonb;
BEGIN
    IF cardinality(key) = 1 THEN
        RETURN jsonb_build_object(key[1], value);
    END IF;
    BEGIN
        parts := value::jsonb;
    EXCEPTION WHEN data_exception THEN
        NULL;
    END;
    IF jsonb_typeof(parts) IS DISTINCT FROM 'array' OR jsonb_array_length(parts) <> cardinality(key) THEN
        RAISE EXCEPTION 'key % is none of %', quote_nullable(value), relation
            USING ERRCODE = 'RM202', DETAIL = format('Its key has the columns %s.', array_to_string(key, ', ')),
                  HINT = 'Write a composite key as a JSON array: ''["7", "2024-01-01"]''.';
    END IF;
    RETURN (SELECT jsonb_object_agg(k, parts ->> (n - 1)::integer) FROM unnest(key) WITH ORDINALITY AS u (k, n));
END
$$;
COMMENT ON FUNCTION @extschema@.parse_key(pg_catalog.regclass, name[], text) IS
'The columns of a key given as text; raises RM202 where it is not of the key''s form.';
