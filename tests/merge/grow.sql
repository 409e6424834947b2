-- More tables, at random: children of children included, with every action, any of the parent's keys, columns in any order,
-- their reference in the primary key or not, partitioned by it or not, unique in this way or that.
CREATE SCHEMA growing;

CREATE FUNCTION growing.prune() RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    each regclass;
BEGIN
    FOR each IN SELECT c.oid::regclass FROM pg_class c
                WHERE c.relnamespace = 'hostile'::regnamespace AND c.relname LIKE 'Grown %' AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY c.oid DESC LOOP
        DELETE FROM chance.target WHERE relation = each;
        EXECUTE format('DROP TABLE %s', each);
    END LOOP;
END
$$;

-- One table that refers to a unique key of another, which is drawn; returns it as DDL, for whoever looks at a failure.
CREATE FUNCTION growing.one(n integer) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    name CONSTANT text := format('hostile.%I', 'Grown ' || n);
    parent record;
    reference text[];
    columns text[];
    key text;
    partition text := '';
    ddl text;
    primary_columns text[];
    random_order text;
BEGIN
    -- a unique key that a foreign key may have: neither partial nor deferrable nor of expressions
    SELECT i.indrelid::regclass AS relation, ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = i.indrelid
                                                   AND a.attnum = ANY (i.indkey::smallint[]) ORDER BY a.attnum) AS columns
    INTO parent FROM pg_index i
    WHERE i.indrelid IN (SELECT t.relation FROM chance.target t) AND i.indisunique AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL
    ORDER BY i.indrelid::regclass::text COLLATE "C", i.indexrelid::regclass::text COLLATE "C" OFFSET chance.number(0, (
        SELECT count(*)::integer - 1 FROM pg_index i WHERE i.indrelid IN (SELECT t.relation FROM chance.target t)
        AND i.indisunique AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL)) LIMIT 1;
    reference := ARRAY(SELECT format('Ref "%s"', c) FROM unnest(parent.columns) c);
    columns := ARRAY(SELECT format('%I %s%s', format('Ref "%s"', a.attname), format_type(a.atttypid, a.atttypmod),
                                   CASE WHEN random() < 0.3 THEN ' NOT NULL' ELSE '' END)
                     FROM unnest(parent.columns) c JOIN pg_attribute a ON a.attrelid = parent.relation AND a.attname = c)
               || ARRAY['memo text', 'id integer', 'kind text', 'flag boolean', 'amount numeric'];
    columns := ARRAY(SELECT c FROM (SELECT c, random() AS r FROM unnest(columns) c) x ORDER BY r);
    IF random() < 0.25 THEN
        partition := format(' PARTITION BY HASH (%I)', reference[1]);
        primary_columns := reference || '{id}';
    ELSIF random() < 0.2 THEN
        partition := ' PARTITION BY RANGE (id)';
        primary_columns := '{id}';
    ELSE
        primary_columns := CASE chance.number(1, 4) WHEN 1 THEN reference WHEN 2 THEN '{kind}' || reference ELSE '{id}' END;
    END IF;
    key := (SELECT string_agg(quote_ident(c), ', ') FROM unnest(reference) c);
    ddl := format('CREATE TABLE %s (%s, PRIMARY KEY (%s), FOREIGN KEY (%s) REFERENCES %s (%s)%s%s%s)%s', name, array_to_string(columns, ', '),
        (SELECT string_agg(quote_ident(c), ', ') FROM unnest(primary_columns) c), key, parent.relation,
        (SELECT string_agg(quote_ident(c), ', ') FROM unnest(parent.columns) c),
        chance.pick('{""," ON DELETE CASCADE"," ON DELETE SET NULL"," ON DELETE RESTRICT"," ON DELETE SET DEFAULT"}'),
        chance.pick('{""," ON UPDATE CASCADE"," ON UPDATE RESTRICT"," ON UPDATE SET NULL"}'),
        chance.pick('{""," DEFERRABLE"," DEFERRABLE INITIALLY DEFERRED"}'), partition);
    IF partition LIKE '%HASH%' THEN
        ddl := ddl || format('; CREATE TABLE %s PARTITION OF %s FOR VALUES WITH (MODULUS 2, REMAINDER 0)', format('hostile.%I', 'part 0 of ' || n), name)
                   || format('; CREATE TABLE %s PARTITION OF %s FOR VALUES WITH (MODULUS 2, REMAINDER 1)', format('hostile.%I', 'part 1 of ' || n), name);
    ELSIF partition <> '' THEN
        ddl := ddl || format('; CREATE TABLE %s PARTITION OF %s FOR VALUES FROM (MINVALUE) TO (10)', format('hostile.%I', 'part 0 of ' || n), name)
                   || format('; CREATE TABLE %s PARTITION OF %s DEFAULT', format('hostile.%I', 'part 1 of ' || n), name);
    END IF;
    IF partition = '' AND random() < 0.6 THEN
        ddl := ddl || format(chance.pick(ARRAY['; CREATE UNIQUE INDEX ON %1$s (%2$s) WHERE flag', '; CREATE UNIQUE INDEX ON %1$s (%2$s, lower(kind))',
            '; ALTER TABLE %1$s ADD UNIQUE (%2$s)', '; ALTER TABLE %1$s ADD UNIQUE (kind, %2$s)', '; ALTER TABLE %1$s ADD UNIQUE (%2$s, flag) DEFERRABLE',
            '; CREATE UNIQUE INDEX ON %1$s (%2$s, kind) NULLS NOT DISTINCT', '; ALTER TABLE %1$s ADD EXCLUDE (%2$s WITH =) WHERE (flag)']),
            name, key);
        ddl := regexp_replace(ddl, 'EXCLUDE \((.*), (.*) WITH =\)', 'EXCLUDE (\1 WITH =, \2 WITH =)');
    END IF;
    EXECUTE ddl;
    INSERT INTO chance.target (relation) VALUES (name::regclass);
    RETURN ddl;
END
$$;

CREATE FUNCTION growing.plant(seed integer, size integer) RETURNS SETOF text LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM growing.prune();
    PERFORM setseed(1.0 / (seed + 2));
    FOR n IN 1 .. size LOOP
        RETURN NEXT growing.one(n);
    END LOOP;
END
$$;
