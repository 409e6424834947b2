-- What refers to a table: foreign keys as the catalogue has them, and columns without one that somebody registered or mapped.

CREATE TABLE @extschema@.soft_reference (
    relation pg_catalog.regclass NOT NULL,
    columns name[] NOT NULL CHECK (pg_catalog.cardinality(columns) > 0),
    target pg_catalog.regclass NOT NULL,
    target_columns name[] NOT NULL CHECK (pg_catalog.cardinality(target_columns) OPERATOR(pg_catalog.=) pg_catalog.cardinality(columns)),
    registered_by text NOT NULL,
    registered_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (relation, columns)
);
COMMENT ON TABLE @extschema@.soft_reference IS
'Columns that hold keys of another table without a foreign key: merge repoints them as it does foreign keys. Written by register_reference.';
SELECT pg_catalog.pg_extension_config_dump('@extschema@.soft_reference', '');

CREATE FUNCTION @extschema@.row_as_text("row" record) RETURNS jsonb
    AS 'MODULE_PATHNAME', 'crm_row_as_text' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION @extschema@.row_as_text(record) IS
'A row as a JSON object from column to text form, NULLs as null: the text that the type itself writes, in ISO dates, UTC and full '
'digits whatever the session''s settings are, so that it can be read again without loss. '
'Example: SELECT row_as_text(d) FROM public.deals d;';

CREATE FUNCTION @extschema@.column_names(relation pg_catalog.regclass, numbers smallint[]) RETURNS name[]
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    RETURN (SELECT array_agg(a.attname ORDER BY k.n)
            FROM unnest(numbers) WITH ORDINALITY AS k (attnum, n)
            JOIN pg_attribute a ON a.attrelid = column_names.relation AND a.attnum = k.attnum);
COMMENT ON FUNCTION @extschema@.column_names(pg_catalog.regclass, smallint[]) IS 'The names of columns by their numbers, in that order.';

-- By which columns a row is found again: the primary key, else the first unique index over columns that are never NULL.
CREATE FUNCTION @extschema@.row_key_columns(relation pg_catalog.regclass) RETURNS name[]
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN (SELECT column_names(i.indrelid, (i.indkey::smallint[])[0 : i.indnkeyatts - 1])
            FROM pg_index i
            WHERE i.indrelid = row_key_columns.relation AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
              AND NOT i.indisexclusion
              AND NOT EXISTS (SELECT FROM unnest((i.indkey::smallint[])[0 : i.indnkeyatts - 1]) k
                              JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k WHERE NOT a.attnotnull)
            ORDER BY i.indisprimary DESC, i.indexrelid LIMIT 1);
COMMENT ON FUNCTION @extschema@.row_key_columns(pg_catalog.regclass) IS
'The columns of a table''s primary key, else of its first unique index over columns that are NOT NULL; NULL where it has neither.';

CREATE FUNCTION @extschema@.check_reference_columns(relation pg_catalog.regclass, columns text[]) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    wanted text;
    known CONSTANT text[] := ARRAY(SELECT a.attname::text FROM pg_attribute a
                                   WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped);
BEGIN
    FOREACH wanted IN ARRAY columns LOOP
        IF wanted <> ALL (known) OR wanted IS NULL THEN
            PERFORM raise_unknown(format('column of %s', relation), coalesce(wanted, ''), known);
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.check_reference_columns(pg_catalog.regclass, text[]) IS 'Raises RM001 for a column that a table does not have.';

-- Who merges writes to what refers, and the triggers there run as him: so whoever owns the table must be allowed to refer.
CREATE FUNCTION @extschema@.may_refer(relation pg_catalog.regclass, target pg_catalog.regclass, target_columns name[]) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    RETURN (SELECT has_table_privilege(c.relowner, target, 'REFERENCES')
                OR (SELECT bool_and(has_column_privilege(c.relowner, target, k, 'REFERENCES')) FROM unnest(target_columns) k)
            FROM pg_class c WHERE c.oid = may_refer.relation);
COMMENT ON FUNCTION @extschema@.may_refer(pg_catalog.regclass, pg_catalog.regclass, name[]) IS
'Whether the owner of a table has the privilege REFERENCES on the columns of another, as for a foreign key.';

CREATE FUNCTION @extschema@.register_reference(relation pg_catalog.regclass, columns text[], target pg_catalog.regclass,
                                               target_columns text[] DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM require_owner(relation);
    target_columns := coalesce(target_columns, row_key_columns(target)::text[]);
    IF target_columns IS NULL THEN
        RAISE EXCEPTION 'table % has no key', target
            USING ERRCODE = 'RM005', HINT = 'Name the columns that are referred to: target_columns => ''{code}''.';
    ELSIF columns IS NULL OR cardinality(columns) = 0 OR cardinality(columns) <> cardinality(target_columns) THEN
        RAISE EXCEPTION 'columns and target_columns must be of the same number'
            USING ERRCODE = 'RM005', DETAIL = format('%s refers to %s by %s.', columns::text, target, target_columns::text),
                  HINT = 'Name one column for each column of the key.';
    END IF;
    PERFORM check_reference_columns(relation, columns), check_reference_columns(target, target_columns);
    IF NOT may_refer(relation, target, target_columns) THEN
        RAISE EXCEPTION 'the owner of table % may not refer to table %', relation, target
            USING ERRCODE = 'insufficient_privilege', DETAIL = 'Whoever merges rows of it would run the triggers of the table that refers.',
                  HINT = format('Its owner types GRANT REFERENCES ON %s TO %s;', target,
                                (SELECT quote_ident(pg_get_userbyid(c.relowner)) FROM pg_class c WHERE c.oid = relation));
    END IF;
    INSERT INTO soft_reference (relation, columns, target, target_columns, registered_by)
    VALUES (relation, columns, target, target_columns, caller()::text)
    ON CONFLICT ON CONSTRAINT soft_reference_pkey DO UPDATE SET target = excluded.target, target_columns = excluded.target_columns,
        registered_by = excluded.registered_by, registered_at = now();
END
$$;
COMMENT ON FUNCTION @extschema@.register_reference(pg_catalog.regclass, text[], pg_catalog.regclass, text[]) IS
'Tells merge that columns of a table hold keys of another table without a foreign key. target_columns: the primary key by default. '
'For the owner of the table, who needs REFERENCES on the target, as for a foreign key. Errors: RM001 (no such column), RM005 (no key, another '
'number of columns), 42501. '
'Example: SELECT register_reference(''public.note'', ''customer_id'', ''public.customer'');';

CREATE FUNCTION @extschema@.register_reference(relation pg_catalog.regclass, "column" text, target pg_catalog.regclass) RETURNS void
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS $$ SELECT @extschema@.register_reference(relation, ARRAY["column"], target, NULL) $$;
COMMENT ON FUNCTION @extschema@.register_reference(pg_catalog.regclass, text, pg_catalog.regclass) IS
'register_reference of one column that holds the primary key of another table.';

CREATE FUNCTION @extschema@.unregister_reference(relation pg_catalog.regclass, VARIADIC columns text[]) RETURNS boolean
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM require_owner(relation);
    DELETE FROM soft_reference s WHERE s.relation = unregister_reference.relation AND s.columns = unregister_reference.columns::name[];
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION @extschema@.unregister_reference(pg_catalog.regclass, text[]) IS
'Takes a register_reference back; false where there was none. For the owner of the table.';

CREATE FUNCTION @extschema@.table_root(relation pg_catalog.regclass) RETURNS pg_catalog.regclass
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    RETURN COALESCE((SELECT pg_partition_root(c.oid::regclass) FROM pg_class c WHERE c.oid = table_root.relation AND c.relispartition),
                    table_root.relation);
COMMENT ON FUNCTION @extschema@.table_root(pg_catalog.regclass) IS 'The partitioned table that a partition belongs to; any other table itself.';

-- The equality of two columns: the default one of the target's type, which takes both.
CREATE FUNCTION @extschema@.key_equality(relation pg_catalog.regclass, columns name[], target pg_catalog.regclass, target_columns name[])
    RETURNS text[]
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    RETURN (SELECT array_agg(CASE WHEN a.atttypid = b.atttypid AND (t.typnamespace = 'pg_catalog'::regnamespace OR t.typtype = 'e')
                                       OR EXISTS (SELECT FROM pg_operator o
                                                  WHERE o.oprname = '=' AND o.oprleft = b.atttypid AND o.oprright = a.atttypid
                                                    AND o.oprnamespace = 'pg_catalog'::regnamespace)
                                  THEN 'OPERATOR(pg_catalog.=)' ELSE 'text' END ORDER BY k.n)
            FROM unnest(columns, target_columns) WITH ORDINALITY AS k (own, other, n)
            JOIN pg_attribute a ON a.attrelid = relation AND a.attname = k.own
            JOIN pg_attribute b ON b.attrelid = target AND b.attname = k.other
            JOIN pg_type t ON t.oid = b.atttypid);
COMMENT ON FUNCTION @extschema@.key_equality(pg_catalog.regclass, name[], pg_catalog.regclass, name[]) IS
'How columns of a soft reference are compared with its target''s: by the types'' own operator, or as text.';

CREATE TYPE @extschema@.reference AS (
    relation pg_catalog.regclass, columns name[], target pg_catalog.regclass, target_columns name[], operators text[],
    name text, kind text, acts boolean, problem text);
COMMENT ON TYPE @extschema@.reference IS
'A reference from a table (of a partition the root) to another: kind is constraint, inherited (a plain child of a table with the '
'constraint), registered or mapped; operators compare a target column with a column; acts: it does something of its own when '
'the row goes or its key changes (ON DELETE or ON UPDATE other than NO ACTION); problem says why it cannot be repointed.';

-- Only constraints without a parent: those of partitions are copies.
CREATE FUNCTION @extschema@.constraint_references(target pg_catalog.regclass) RETURNS SETOF @extschema@.reference
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    WITH RECURSIVE own AS (
        SELECT c.oid, c.conname, c.conrelid, c.conkey, c.confrelid, c.confkey, c.conpfeqop, c.confdeltype, c.confupdtype,
               coalesce((to_jsonb(c) ->> 'conperiod')::boolean, false) AS period
        FROM pg_constraint c
        WHERE c.contype = 'f' AND c.conparentid = 0 AND c.confrelid IN (SELECT m FROM members(constraint_references.target) m)),
    descendant (oid, relation, depth) AS (
        SELECT o.oid, o.conrelid, 0 FROM own o
        UNION
        SELECT d.oid, i.inhrelid, d.depth + 1
        FROM descendant d JOIN pg_inherits i ON i.inhparent = d.relation JOIN pg_class k ON k.oid = i.inhrelid AND NOT k.relispartition)
    SELECT table_root(d.relation), column_names(o.conrelid, o.conkey), constraint_references.target,
           column_names(o.confrelid, o.confkey),
           ARRAY(SELECT format('OPERATOR(%I.%s)', n.nspname, p.oprname)
                 FROM unnest(o.conpfeqop) WITH ORDINALITY AS e (operator, n)
                 JOIN pg_operator p ON p.oid = e.operator JOIN pg_namespace n ON n.oid = p.oprnamespace ORDER BY e.n),
           o.conname::text, CASE WHEN d.depth = 0 THEN 'constraint' ELSE 'inherited' END, d.depth = 0 AND (o.confdeltype <> 'a' OR o.confupdtype <> 'a'),
           CASE WHEN o.period THEN 'it is a foreign key with a PERIOD'
                WHEN EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = o.conrelid AND a.attnum = ANY (o.conkey) AND a.attgenerated <> '')
                THEN 'its column is generated' END
    FROM descendant d JOIN own o USING (oid)
    WHERE d.depth = 0
       OR NOT EXISTS (SELECT FROM pg_constraint c WHERE c.contype = 'f' AND c.conrelid = d.relation
                                                    AND column_names(c.conrelid, c.conkey) = column_names(o.conrelid, o.conkey))
$$;
COMMENT ON FUNCTION @extschema@.constraint_references(pg_catalog.regclass) IS
'The foreign keys to a table or one of its partitions, each once, and the plain inheritance children of the tables that have them.';

CREATE FUNCTION @extschema@.row_references(target pg_catalog.regclass) RETURNS SETOF @extschema@.reference
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    WITH hard AS MATERIALIZED (SELECT c.* FROM constraint_references(row_references.target) c),
    mapped AS (
        SELECT a.relation, ARRAY[k.attname] AS columns, row_key_columns(row_references.target) AS target_columns, a.attribute
        FROM adoption_attribute a
        JOIN entity_attribute e ON e.attribute = a.attribute
        JOIN adoption d ON d.relation = a.relation AND d.entity = e.entity
        JOIN pg_attribute k ON k.attrelid = a.relation AND k.attnum > 0 AND NOT k.attisdropped AND k.attname = a.expression
        WHERE a.reference = row_references.target AND e.kind = 'reference'),
    soft AS (
        SELECT s.relation, s.columns, s.target_columns, 'registered reference' AS name, 'registered' AS kind
        FROM soft_reference s WHERE s.target = row_references.target
        UNION ALL
        SELECT m.relation, m.columns, m.target_columns, 'mapped attribute ' || m.attribute, 'mapped'
        FROM mapped m WHERE cardinality(m.target_columns) = 1
           AND NOT EXISTS (SELECT FROM soft_reference s WHERE s.relation = m.relation AND s.columns = m.columns))
    SELECT h.* FROM hard h
    UNION ALL
    SELECT table_root(s.relation), s.columns, row_references.target, s.target_columns,
           key_equality(s.relation, s.columns, row_references.target, s.target_columns), s.name, s.kind, false,
           CASE WHEN NOT may_refer(s.relation, row_references.target, s.target_columns) THEN 'its owner lacks REFERENCES on what is merged' END
    FROM soft s
    WHERE (s.kind = 'mapped' OR may_refer(s.relation, row_references.target, s.target_columns)) -- nobody hinders a merge by a call of his own
      AND NOT EXISTS (SELECT FROM hard h WHERE h.relation = table_root(s.relation) AND h.columns = s.columns)
    ORDER BY 1, 2
$$;
COMMENT ON FUNCTION @extschema@.row_references(pg_catalog.regclass) IS
'Everything that refers to rows of a table: foreign keys; registered references of tables whose owners may refer to it; and what adopted '
'tables map as a reference to it, with a problem where their owners may not.';
