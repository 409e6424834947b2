-- Random statements: as SQL for the server, and as data from which their outcome can be foretold.

CREATE TYPE oracle.statement AS (
    command text,           -- select, lock, update, move, delete, insert, nothing, upsert, merge
    form text,              -- of a select: rows, top, count, join, exists; of others: what follows the command
    root text,              -- the protected table
    target text,            -- the same, or one of its partitions
    sql text,
    condition text,         -- WHERE, over t; NULL: none
    parameter integer,      -- $1 in sql and condition; NULL: none
    returns_rows boolean,
    columns text[],         -- what an UPDATE (or the UPDATE of a MERGE or ON CONFLICT) sets
    expressions text[],     -- to what, over t
    images jsonb            -- rows to insert, or the source of a MERGE
);

CREATE FUNCTION oracle.literal(relation text, column_name text, value text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT quote_nullable(value) || '::' || oracle.column_type(relation, column_name)
$$;

CREATE FUNCTION oracle.pool_literal(relation text, column_name text) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN oracle.literal(relation, column_name, oracle.pool_value(relation, column_name));
END
$$;

CREATE FUNCTION oracle.subject_columns(relation text) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT ARRAY(SELECT c FROM unnest(oracle.columns(relation)) WITH ORDINALITY u (c, o) WHERE c LIKE 'u_' OR c = 'rep' ORDER BY o)
$$;

CREATE FUNCTION oracle.make_condition(relation text) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    subject_column text := oracle.pick(oracle.subject_columns(relation));
BEGIN
    RETURN CASE oracle.number(1, 10)
           WHEN 1 THEN 't.n <= $1'
           WHEN 2 THEN 't.n = $1'
           WHEN 3 THEN 't.n BETWEEN $1 AND $1 + 10'
           WHEN 4 THEN format('t.%I = %s', subject_column, oracle.pool_literal(relation, subject_column))
           WHEN 5 THEN format('t.%I IN (%s, %s) AND t.n > $1 / 2', subject_column, oracle.pool_literal(relation, subject_column),
                              oracle.pool_literal(relation, subject_column))
           WHEN 6 THEN format('t.%I IS NULL', subject_column)
           WHEN 7 THEN 't.note LIKE ''row 1%'''
           WHEN 8 THEN 't.amount < $1'
           WHEN 9 THEN format('t.id = %s', oracle.literal(relation, 'id', oracle.some_key(relation)))
           END;
END
$$;

CREATE FUNCTION oracle.some_key(relation text) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN oracle.key_text(oracle.column_type(relation, 'id'), oracle.number(1, 30));
END
$$;

-- A row that could be inserted, under a key that is taken or free.
CREATE FUNCTION oracle.make_image(relation text, number integer) RETURNS jsonb LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    image jsonb := jsonb_build_object('id', oracle.key_text(oracle.column_type(relation, 'id'), number), 'n', number,
                                      'amount', oracle.number(0, 50), 'note', 'new ' || number);
    subject_column text;
BEGIN
    FOREACH subject_column IN ARRAY oracle.subject_columns(relation) LOOP
        image := image || jsonb_build_object(subject_column, oracle.pool_value(relation, subject_column));
    END LOOP;
    EXECUTE format('SELECT to_jsonb(jsonb_populate_record(NULL::%s, $1))', relation) INTO image USING image;
    RETURN image;
END
$$;

CREATE FUNCTION oracle.values_list(relation text, images jsonb) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT string_agg(format('(%s)', (SELECT string_agg(oracle.literal(relation, c, i.image ->> c), ', ' ORDER BY o)
                                      FROM unnest(oracle.columns(relation)) WITH ORDINALITY u (c, o))), ', ' ORDER BY i.number)
    FROM jsonb_array_elements(images) WITH ORDINALITY i (image, number)
$$;

CREATE FUNCTION oracle.column_list(relation text, prefix text DEFAULT '') RETURNS text LANGUAGE sql STABLE AS $$
    SELECT string_agg(prefix || quote_ident(c), ', ' ORDER BY o) FROM unnest(oracle.columns(relation)) WITH ORDINALITY u (c, o)
$$;

CREATE FUNCTION oracle.make_select(s oracle.statement) RETURNS oracle.statement LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    other text := oracle.pick(ARRAY(SELECT o.relation FROM oracle.subject o ORDER BY o.relation));
    filter text := coalesce(' WHERE ' || s.condition, '');
BEGIN
    s.form := oracle.pick(ARRAY['rows', 'rows', 'rows', 'top', 'count', 'join', 'exists']);
    s.images := to_jsonb(other); -- the other table of a join
    s.sql := CASE s.form
        WHEN 'rows' THEN format('SELECT coalesce(jsonb_agg(to_jsonb(t)), ''[]'') FROM %s t%s', s.target, filter)
        WHEN 'top' THEN format('SELECT coalesce(jsonb_agg(o.row), ''[]'') FROM (SELECT to_jsonb(t) AS row FROM %s t%s ORDER BY t.n LIMIT 5) o',
                               s.target, filter)
        WHEN 'count' THEN format('SELECT jsonb_build_array(count(*)) FROM %s t%s', s.target, filter)
        WHEN 'join' THEN format('SELECT coalesce(jsonb_agg(jsonb_build_array(t.n, o.n)), ''[]'') FROM %s t JOIN %s o ON o.n = t.n%s',
                                s.target, other, filter)
        ELSE format('SELECT coalesce(jsonb_agg(to_jsonb(t)), ''[]'') FROM %s t WHERE EXISTS (SELECT FROM %s o WHERE o.n = t.n)%s',
                    s.target, other, coalesce(' AND ' || s.condition, '')) END;
    RETURN s;
END
$$;

-- amount and note, and for a move one or several of the columns that say where a row belongs.
CREATE FUNCTION oracle.make_changes(s oracle.statement, moves boolean) RETURNS oracle.statement LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    moved text;
BEGIN
    s.columns := ARRAY['amount'];
    s.expressions := ARRAY['t.amount + 1'];
    IF oracle.chance(0.5) THEN
        s.columns := s.columns || 'note'::text;
        s.expressions := s.expressions || '''changed'''::text;
    END IF;
    IF moves THEN
        FOREACH moved IN ARRAY oracle.some(oracle.subject_columns(s.root), CASE WHEN oracle.chance(0.7) THEN 1 ELSE 2 END) LOOP
            s.columns := s.columns || moved;
            s.expressions := s.expressions || oracle.pool_literal(s.root, moved);
        END LOOP;
    END IF;
    RETURN s;
END
$$;

CREATE FUNCTION oracle.set_list(s oracle.statement) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT string_agg(format('%I = %s', c, e), ', ' ORDER BY o) FROM unnest(s.columns, s.expressions) WITH ORDINALITY u (c, e, o)
$$;

CREATE FUNCTION oracle.make_change(s oracle.statement) RETURNS oracle.statement LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    s := oracle.make_changes(s, s.command = 'move');
    s.sql := CASE s.command WHEN 'delete' THEN format('DELETE FROM %s t', s.target)
                            ELSE format('UPDATE %s t SET %s', s.target, oracle.set_list(s)) END
             || coalesce(' WHERE ' || s.condition, '') || CASE WHEN s.returns_rows THEN ' RETURNING t.*' ELSE '' END;
    RETURN s;
END
$$;

-- So many rows to insert, of which a share has keys that are taken.
CREATE FUNCTION oracle.make_images(relation text, how_many integer, taken double precision) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    images jsonb := '[]';
    numbers integer[] := '{}';
    number integer;
BEGIN
    WHILE cardinality(numbers) < how_many LOOP
        number := CASE WHEN oracle.chance(taken) THEN oracle.number(1, 24) ELSE 10000 + oracle.number(1, 500) END;
        IF NOT number = ANY (numbers) THEN
            numbers := numbers || number;
            images := images || oracle.make_image(relation, number);
        END IF;
    END LOOP;
    RETURN images;
END
$$;

CREATE FUNCTION oracle.make_insert(s oracle.statement) RETURNS oracle.statement LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    has_key boolean := (SELECT o.key_column IS NOT NULL FROM oracle.subject o WHERE o.relation = s.root);
BEGIN
    s.target := s.root;
    s.condition := NULL;
    s.parameter := NULL;
    IF NOT has_key AND s.command = 'upsert' THEN
        s.command := 'insert';
    END IF;
    s.images := oracle.make_images(s.root, CASE WHEN oracle.chance(0.6) THEN 1 ELSE oracle.number(2, 3) END,
                                   CASE s.command WHEN 'insert' THEN 0.1 ELSE 0.6 END);
    s.form := '';
    IF s.command = 'nothing' THEN
        s.form := CASE WHEN has_key AND oracle.chance(0.5) THEN 'ON CONFLICT (id) DO NOTHING' ELSE 'ON CONFLICT DO NOTHING' END;
    ELSIF s.command = 'upsert' THEN
        s := oracle.make_changes(s, oracle.chance(0.3));
        s.expressions[1] := 'excluded.amount';
        s.condition := CASE WHEN oracle.chance(0.3) THEN 't.amount < 25' END;
        s.form := format('ON CONFLICT (id) DO UPDATE SET %s%s', oracle.set_list(s), coalesce(' WHERE ' || s.condition, ''));
    END IF;
    s.sql := format('INSERT INTO %s AS t (%s) VALUES %s %s%s', s.root, oracle.column_list(s.root),
                    oracle.values_list(s.root, s.images), s.form, CASE WHEN s.returns_rows THEN ' RETURNING *' ELSE '' END);
    RETURN s;
END
$$;

-- WHEN MATCHED AND amount < 25: update; else matched: delete or nothing; not matched: insert or nothing.
CREATE FUNCTION oracle.make_merge(s oracle.statement) RETURNS oracle.statement LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    on_matched text := oracle.pick(ARRAY['DELETE', 'DO NOTHING']);
    on_absent text := oracle.pick(ARRAY['INSERT', 'DO NOTHING']);
BEGIN
    s.target := s.root;
    s.condition := NULL;
    s.parameter := NULL;
    s.returns_rows := false;
    s.images := oracle.make_images(s.root, oracle.number(1, 4), 0.8);
    s := oracle.make_changes(s, oracle.chance(0.3));
    s.expressions[1] := 's.amount';
    s.form := on_matched || ', ' || on_absent;
    s.sql := format('MERGE INTO %s t USING (VALUES %s) s (%s) ON t.id = s.id WHEN MATCHED AND t.amount < 25 THEN UPDATE SET %s '
                    'WHEN MATCHED THEN %s WHEN NOT MATCHED THEN %s', s.root, oracle.values_list(s.root, s.images),
                    oracle.column_list(s.root), oracle.set_list(s), on_matched,
                    CASE on_absent WHEN 'INSERT' THEN format('INSERT (%s) VALUES (%s)', oracle.column_list(s.root), oracle.column_list(s.root, 's.'))
                                   ELSE on_absent END);
    RETURN s;
END
$$;

CREATE FUNCTION oracle.make_statement() RETURNS oracle.statement LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    s oracle.statement;
BEGIN
    s.command := oracle.pick(ARRAY['select', 'select', 'select', 'select', 'lock', 'update', 'update', 'move', 'move', 'move', 'delete',
                                   'delete', 'insert', 'insert', 'nothing', 'upsert', 'upsert', 'merge', 'merge']);
    s.root := oracle.pick(ARRAY(SELECT o.relation FROM oracle.subject o ORDER BY o.relation) || '{team.t3}'::text[]);
    s.target := s.root;
    IF (SELECT sum(c.reltuples) FROM pg_partition_tree(s.root) p JOIN pg_class c ON c.oid = p.relid OR c.oid = s.root::regclass WHERE p.isleaf) > 500
       OR (SELECT c.reltuples FROM pg_class c WHERE c.oid = s.root::regclass) > 500 THEN
        s.command := 'select'; -- comparing large tables after each write takes long
    END IF;
    IF s.command <> 'move' AND oracle.chance(0.2) THEN
        s.target := oracle.pick(ARRAY(SELECT p.relid::text FROM pg_partition_tree(s.root) p ORDER BY p.relid::text COLLATE "C"));
        s.target := coalesce(s.target, s.root); -- a plain table has no tree
    END IF;
    -- Of several rows that move one nearly always fails.
    s.condition := CASE WHEN s.command = 'move' AND oracle.chance(0.7) THEN 't.n = $1' ELSE oracle.make_condition(s.root) END;
    s.parameter := CASE WHEN s.condition LIKE '%$1%' THEN oracle.number(1, CASE s.command WHEN 'move' THEN 16 ELSE 60 END) END;
    s.returns_rows := oracle.chance(0.5);
    IF s.command IN ('select', 'lock') THEN
        s := oracle.make_select(s);
        IF s.command = 'lock' THEN
            s.form := oracle.pick(ARRAY['UPDATE', 'SHARE', 'NO KEY UPDATE']);
            s.returns_rows := true;
            s.sql := format('SELECT t.* FROM %s t%s FOR %s', s.target, coalesce(' WHERE ' || s.condition, ''), s.form);
        END IF;
        RETURN s;
    ELSIF s.command IN ('update', 'move', 'delete') THEN
        RETURN oracle.make_change(s);
    ELSIF s.command = 'merge' THEN
        RETURN oracle.make_merge(s);
    END IF;
    RETURN oracle.make_insert(s);
END
$$;
