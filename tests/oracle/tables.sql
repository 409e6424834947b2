-- Random protected tables: types, partitions, hierarchies, owners, indexes, rows.

-- What may stand in a unit or owner column; NULL is one of the values.
CREATE TABLE oracle.pool (
    number bigint GENERATED ALWAYS AS IDENTITY,
    relation text NOT NULL,
    column_name text NOT NULL,
    value text
);

CREATE FUNCTION oracle.column_type(relation text, column_name text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT format_type(a.atttypid, a.atttypmod) FROM pg_attribute a
    WHERE a.attrelid = relation::regclass AND a.attname = column_name
$$;

CREATE FUNCTION oracle.columns(relation text) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute a
    WHERE a.attrelid = relation::regclass AND a.attnum > 0 AND NOT a.attisdropped
$$;

CREATE FUNCTION oracle.pool_value(relation text, column_name text) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN oracle.pick(ARRAY(SELECT p.value FROM oracle.pool p WHERE p.relation = pool_value.relation
                             AND p.column_name = pool_value.column_name ORDER BY p.number));
END
$$;

-- Which of the words can be values of a type.
CREATE FUNCTION oracle.of_type(words text[], type text) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
    SELECT array_agg(w.word ORDER BY w.number) FROM unnest(words) WITH ORDINALITY w (word, number)
    WHERE CASE type WHEN 'smallint' THEN w.word ~ '^[1-9][0-9]{0,3}$'
                    WHEN 'integer' THEN w.word ~ '^[1-9][0-9]{0,8}$'
                    WHEN 'bigint' THEN w.word ~ '^[1-9][0-9]{0,11}$'
                    WHEN 'uuid' THEN w.word ~ '^[0-9A-Fa-f]{8}-[0-9A-Fa-f-]{27}$'
                    ELSE w.word !~ '^[0-9A-Fa-f]{8}-' END
$$;

CREATE FUNCTION oracle.unit_words(hierarchy text, type text) RETURNS text[] LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    keys text[] := ARRAY(SELECT u.unit FROM crm.unit u WHERE u.hierarchy = unit_words.hierarchy ORDER BY u.unit COLLATE "C");
    aliases text[] := ARRAY(SELECT a.alias FROM crm.unit_alias a WHERE a.hierarchy = unit_words.hierarchy OR a.unit = 'Acme'
                            ORDER BY a.alias COLLATE "C");
    names text[] := ARRAY(SELECT u.name FROM crm.unit u WHERE u.hierarchy = unit_words.hierarchy ORDER BY u.unit COLLATE "C");
    strange text[] := ARRAY(SELECT u.unit FROM crm.unit u WHERE u.hierarchy <> unit_words.hierarchy ORDER BY u.unit COLLATE "C");
    words text[] := oracle.of_type(keys || keys || aliases || aliases || names, type);
    unknown text[] := oracle.of_type(ARRAY['99', '98765', '8888888888', oracle.uuid_text(99), 'nowhere', 'Acme', 'x1', '']
                                     || oracle.some(strange, 2), type);
BEGIN
    IF type NOT IN ('smallint', 'integer', 'bigint', 'uuid') THEN
        words := ARRAY(SELECT oracle.spell(w) FROM unnest(words) w);
    END IF;
    RETURN coalesce(words, '{}') || oracle.some(unknown, 2) || NULL::text;
END
$$;

CREATE FUNCTION oracle.owner_words(type text) RETURNS text[] LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    words text[] := oracle.of_type(ARRAY(
        SELECT w.word FROM (SELECT p.principal FROM crm.principal p UNION ALL SELECT a.alias FROM crm.principal_alias a
                            UNION ALL SELECT p.name FROM crm.principal p UNION ALL SELECT p.role_name FROM crm.principal p
                            WHERE p.role_name IN ('regress_oracle_2', 'regress_oracle_6')) w (word)
        ORDER BY w.word COLLATE "C"), type);
BEGIN
    IF type NOT IN ('smallint', 'integer', 'bigint', 'uuid') THEN
        words := ARRAY(SELECT oracle.spell(w) FROM unnest(words) w);
    END IF;
    RETURN words || oracle.some(oracle.of_type(ARRAY['77', '7777777777', oracle.uuid_text(77), 'somebody'], type), 1)
                 || NULL::text || NULL::text;
END
$$;

-- The type of a column; for an enum one is made, with exactly those labels.
CREATE FUNCTION oracle.make_type(name text, type text, words text[]) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF type <> 'enum' THEN
        RETURN type;
    END IF;
    EXECUTE format('CREATE TYPE team.%I AS ENUM (%s)', name,
                   (SELECT string_agg(DISTINCT quote_literal(w), ', ') FROM unnest(words) w WHERE w <> ''));
    RETURN format('team.%I', name);
END
$$;

-- CREATE TABLE with its partitions; the last partition comes later, once the table is protected.
CREATE FUNCTION oracle.create_table(relation text, columns text, shape text, key text, unit_values text[], row_count integer)
    RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    base bigint := CASE key WHEN 'bigint' THEN 5000000000 ELSE 0 END;
    third bigint := base + row_count / 3;
    half bigint := base + row_count / 2;
    known text[] := (SELECT array_agg(DISTINCT v) FROM unnest(unit_values) v WHERE v IS NOT NULL);
BEGIN
    EXECUTE format('CREATE TABLE %s (%s%s)%s', relation, columns,
                   CASE WHEN shape IN ('list', 'range and list') THEN '' ELSE ', PRIMARY KEY (id)' END,
                   CASE WHEN shape = 'plain' THEN '' WHEN shape = 'list' THEN ' PARTITION BY LIST (u1)'
                        ELSE ' PARTITION BY RANGE (id)' END);
    IF shape = 'plain' THEN
        RETURN NULL;
    ELSIF shape = 'list' THEN
        EXECUTE format('CREATE TABLE %s_a PARTITION OF %s FOR VALUES IN (%L, NULL)', relation, relation, known[1]);
        EXECUTE format('CREATE TABLE %s_b PARTITION OF %s FOR VALUES IN (%L, %L)', relation, relation, known[2], known[3]);
        RETURN format('CREATE TABLE %s_z PARTITION OF %s DEFAULT', relation, relation);
    END IF;
    EXECUTE format('CREATE TABLE %s_a PARTITION OF %s FOR VALUES FROM (MINVALUE) TO (%s)%s', relation, relation, half,
                   CASE shape WHEN 'two ranges' THEN ' PARTITION BY RANGE (id)'
                              WHEN 'range and list' THEN ' PARTITION BY LIST (u1)' ELSE '' END);
    IF shape = 'two ranges' THEN
        EXECUTE format('CREATE TABLE %s_a1 PARTITION OF %s_a FOR VALUES FROM (MINVALUE) TO (%s)', relation, relation, third);
        EXECUTE format('CREATE TABLE %s_a2 PARTITION OF %s_a DEFAULT', relation, relation);
    ELSIF shape = 'range and list' THEN
        EXECUTE format('CREATE TABLE %s_a1 PARTITION OF %s_a FOR VALUES IN (%L)', relation, relation, known[1]);
        EXECUTE format('CREATE TABLE %s_a2 PARTITION OF %s_a DEFAULT', relation, relation);
    END IF;
    IF oracle.chance(0.5) THEN
        RETURN format('CREATE TABLE %s_z PARTITION OF %s DEFAULT', relation, relation);
    END IF;
    RETURN format('CREATE TABLE %s_z (LIKE %s INCLUDING ALL); ALTER TABLE %s ATTACH PARTITION %s_z DEFAULT',
                  relation, relation, relation, relation);
END
$$;

CREATE FUNCTION oracle.key_text(type text, number integer) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE type WHEN 'integer' THEN number::text WHEN 'bigint' THEN (5000000000 + number)::text
                     WHEN 'uuid' THEN oracle.uuid_text(1000 + number) ELSE 'k' || number END
$$;

CREATE FUNCTION oracle.make_rows(relation text, key text, row_count integer) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    choices text;
BEGIN
    SELECT string_agg(format('(%L::text[])[1 + floor(random() * %s)]::%s', v.words, cardinality(v.words),
                             oracle.column_type(relation, c)), ', ' ORDER BY o)
    INTO choices
    FROM unnest(oracle.columns(relation)) WITH ORDINALITY u (c, o)
    JOIN LATERAL (SELECT array_agg(p.value ORDER BY p.number) AS words FROM oracle.pool p
                  WHERE p.relation = make_rows.relation AND p.column_name = c) v ON v.words IS NOT NULL;
    EXECUTE format('INSERT INTO %s SELECT oracle.key_text(%L, g)::%s, g, g * 7 %% 50, ''row '' || g, %s FROM generate_series(1, %s) g',
                   relation, key, key, choices, row_count);
END
$$;

CREATE FUNCTION oracle.make_indexes(relation text, subject_columns text[], often double precision) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    indexed text;
BEGIN
    FOREACH indexed IN ARRAY subject_columns || ARRAY['n', 'amount'] LOOP
        IF oracle.chance(often) THEN
            EXECUTE format('CREATE INDEX ON %s (%I)', relation, indexed);
        END IF;
    END LOOP;
    IF oracle.chance(0.3) THEN
        EXECUTE format('CREATE INDEX ON %s (%I, n)', relation, subject_columns[1]);
    END IF;
END
$$;

CREATE FUNCTION oracle.make_table(number integer, object text, row_count integer) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    place text := 'team.t' || number;
    large boolean := row_count > 100; -- such that an index is worth asking
    key text := oracle.pick(ARRAY['integer', 'integer', 'bigint', 'uuid', 'text']);
    shape text := oracle.pick(CASE WHEN large THEN ARRAY['plain', 'plain', 'plain', 'list', 'range']
                                   ELSE ARRAY['plain', 'plain', 'list', 'range', 'two ranges', 'range and list'] END);
    trees text[] := ARRAY(SELECT h.hierarchy FROM crm.hierarchy h ORDER BY h.hierarchy COLLATE "C");
    columns text;
    type text;
    words text[];
    first_words text[];
    units jsonb := '{}';
    owner_column text;
    fallback text;
    late_partition text;
    plan oracle.subject;
BEGIN
    IF shape LIKE '%range%' THEN
        key := oracle.pick(ARRAY['integer', 'bigint']);
    END IF;
    columns := format('id %s NOT NULL, n integer NOT NULL, amount integer NOT NULL, note text', key);
    trees := oracle.some(trees, CASE WHEN oracle.chance(CASE WHEN large THEN 0.8 ELSE 0.5 END) THEN 1 ELSE oracle.number(2, 3) END);
    FOR i IN 1 .. cardinality(trees) LOOP
        type := oracle.pick(ARRAY['integer', 'bigint', 'text', 'text', 'uuid', 'varchar(60)']
                            || CASE WHEN large THEN '{}'::text[] ELSE '{enum,smallint}' END);
        words := array_replace(oracle.unit_words(trees[i], type), '', CASE type WHEN 'enum' THEN 'nowhere' ELSE '' END);
        IF cardinality(words) < 6 THEN -- too few of them are numbers or uuids
            type := 'text';
            words := oracle.unit_words(trees[i], type);
        END IF;
        first_words := coalesce(first_words, words);
        INSERT INTO oracle.pool (relation, column_name, value) SELECT place, 'u' || i, w FROM unnest(words) w;
        columns := format('%s, u%s %s', columns, i, oracle.make_type(format('t%s_u%s', number, i), type, words));
        units := units || jsonb_build_object(trees[i], 'u' || i);
    END LOOP;
    IF oracle.chance(CASE WHEN large THEN 0.4 ELSE 0.7 END) THEN
        type := oracle.pick(ARRAY['text', 'integer', 'bigint', 'uuid', CASE WHEN large THEN 'uuid' ELSE 'enum' END]);
        owner_column := 'rep';
        words := oracle.owner_words(type);
        INSERT INTO oracle.pool (relation, column_name, value) SELECT place, 'rep', w FROM unnest(words) w;
        columns := format('%s, rep %s', columns, oracle.make_type(format('t%s_rep', number), type, words));
    END IF;
    late_partition := oracle.create_table(place, columns, shape, key, first_words, row_count);
    PERFORM oracle.make_indexes(place, ARRAY(SELECT DISTINCT p.column_name FROM oracle.pool p
                                                WHERE p.relation = place ORDER BY 1),
                                CASE WHEN large THEN 1.0 ELSE 0.6 END);
    EXECUTE format('ALTER TABLE %s OWNER TO regress_oracle_%s', place, oracle.number(0, 5));
    EXECUTE format('GRANT ALL ON ALL TABLES IN SCHEMA team TO regress_oracle_0, regress_oracle_1, regress_oracle_2, regress_oracle_3, '
                   'regress_oracle_4, regress_oracle_5, regress_oracle_6, regress_oracle_7');
    fallback := CASE WHEN large OR oracle.chance(0.5) THEN 'Acme' ELSE oracle.pick(ARRAY(SELECT u.unit FROM crm.unit u ORDER BY u.unit COLLATE "C")) END;
    plan := ROW (place, object, units, oracle.pick(ARRAY['all', 'any']), owner_column,
                 CASE WHEN shape NOT IN ('list', 'range and list') THEN 'id' END, fallback,
                 format('%s, key %s, %s', shape, key, columns))::oracle.subject;
    INSERT INTO oracle.subject SELECT plan.*;
    PERFORM crm.protect(place, plan.units, combine => plan.combine, owner_column => plan.owner_column, object => plan.object,
                        fallback_unit => CASE WHEN plan.fallback = 'Acme' AND oracle.chance(0.5) THEN NULL ELSE plan.fallback END);
    IF late_partition IS NOT NULL THEN
        EXECUTE late_partition;
        EXECUTE 'GRANT ALL ON ALL TABLES IN SCHEMA team TO regress_oracle_0, regress_oracle_1, regress_oracle_2, regress_oracle_3, '
                'regress_oracle_4, regress_oracle_5, regress_oracle_6, regress_oracle_7';
    END IF;
    PERFORM oracle.make_rows(place, key, row_count);
    EXECUTE format('ANALYZE %s', place);
END
$$;

CREATE FUNCTION oracle.make_share() RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    shared_relation text := oracle.pick(ARRAY(SELECT s.relation FROM oracle.subject s WHERE s.key_column IS NOT NULL ORDER BY 1));
    record_key text;
    to_unit boolean := oracle.chance(0.4);
BEGIN
    IF shared_relation IS NULL THEN
        RETURN;
    END IF;
    EXECUTE format('SELECT id::text FROM %s ORDER BY n OFFSET %s LIMIT 1', shared_relation, oracle.number(0, 14)) INTO record_key;
    INSERT INTO crm.shared_record (relation, record_key, principal, unit, privileges, during, shared_by)
    SELECT shared_relation::regclass, record_key,
           CASE WHEN NOT to_unit THEN oracle.pick(ARRAY(SELECT p.principal FROM crm.principal p ORDER BY p.principal COLLATE "C")) END,
           CASE WHEN to_unit THEN oracle.pick(ARRAY(SELECT u.unit FROM crm.unit u ORDER BY u.unit COLLATE "C")) END,
           '{read}'::text[] || oracle.some(ARRAY['update', 'delete', 'assign', 'export'], oracle.number(0, 4)),
           oracle.period(0.6), 'oracle';
END
$$;
