-- Protected tables: what is noted of each, and everything that can be wrong before one is.

CREATE TABLE @extschema@.protection (
    relation pg_catalog.regclass PRIMARY KEY,
    object text NOT NULL CHECK (object <> '' AND pg_catalog.octet_length(object) <= 200),
    units jsonb NOT NULL,
    combine text NOT NULL CHECK (combine = ANY (ARRAY['all', 'any'])),
    owner_column name,
    fallback_unit text NOT NULL REFERENCES @extschema@.unit ON UPDATE CASCADE,
    key_columns name[] CHECK (pg_catalog.cardinality(key_columns) > 0),
    key_mapped boolean NOT NULL,
    protected_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    protected_by name NOT NULL,
    name text NOT NULL,
    later_names text[],
    CHECK (NOT key_mapped OR key_columns IS NULL)
);
COMMENT ON TABLE @extschema@.protection IS
'Protected tables: units maps hierarchies to columns, combine says whether all or any of them must be visible, rows without a '
'known unit belong to fallback_unit. By key_columns, or where key_mapped by map_id(row), single rows can be shared; a table '
'without either has no shares. Renamed columns are followed. name is what the table was called, with its schema, when it was '
'protected, later_names what it was called since: a table that takes one of them over is protected too.';

CREATE TABLE @extschema@.protection_member (
    member pg_catalog.regclass PRIMARY KEY,
    relation pg_catalog.regclass NOT NULL REFERENCES @extschema@.protection ON DELETE CASCADE,
    row_security boolean NOT NULL,
    force_row_security boolean NOT NULL
);
COMMENT ON TABLE @extschema@.protection_member IS
'A protected table and each of its partitions, with ROW SECURITY and FORCE as they were before: unprotect puts them back.';

SELECT pg_catalog.pg_extension_config_dump('@extschema@.protection', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.protection_member', '');

CREATE VIEW @extschema@.access_object AS
    SELECT e.entity AS object, e.description FROM @extschema@.entity e
    UNION
    SELECT s.object, s.description FROM @extschema@.shipped_object s
    UNION
    SELECT p.object, 'rows of protected tables' FROM @extschema@.protection p
    WHERE NOT EXISTS (SELECT FROM @extschema@.entity e WHERE e.entity = p.object)
      AND NOT EXISTS (SELECT FROM @extschema@.shipped_object s WHERE s.object = p.object);
COMMENT ON VIEW @extschema@.access_object IS 'What privileges can be given on by name; the name of any table is another.';
GRANT SELECT ON @extschema@.access_object TO PUBLIC;

CREATE FUNCTION @extschema@.object_of(relation pg_catalog.regclass) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN COALESCE((SELECT p.object FROM @extschema@.protection p WHERE p.relation = object_of.relation),
                    (SELECT a.entity FROM @extschema@.adoption a WHERE a.relation = object_of.relation),
                    @extschema@.table_name(relation));
COMMENT ON FUNCTION @extschema@.object_of(pg_catalog.regclass) IS
'The object on which privileges for a table''s rows are given: the one it is protected as, else its entity, else its name.';

-- What a column is compared as: text, integer, bigint or uuid.
CREATE FUNCTION @extschema@.unit_column_type(relation pg_catalog.regclass, column_name text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    type_oid oid := (SELECT a.atttypid FROM pg_attribute a
                     WHERE a.attrelid = relation AND a.attname = column_name AND a.attnum > 0 AND NOT a.attisdropped);
    base_type pg_type;
BEGIN
    IF type_oid IS NULL THEN
        PERFORM raise_unknown(format('column of %s', relation), coalesce(column_name, ''),
                              ARRAY(SELECT a.attname::text FROM pg_attribute a
                                    WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped));
    END IF;
    LOOP
        SELECT * INTO base_type FROM pg_type t WHERE t.oid = type_oid;
        EXIT WHEN base_type.typtype <> 'd';
        type_oid := base_type.typbasetype;
    END LOOP;
    IF base_type.oid IN ('text'::regtype, 'varchar'::regtype, 'bpchar'::regtype) OR base_type.typtype = 'e' THEN
        RETURN 'text';
    ELSIF base_type.oid IN ('int2'::regtype, 'int4'::regtype) THEN
        RETURN 'integer';
    ELSIF base_type.oid IN ('int8'::regtype, 'uuid'::regtype) THEN
        RETURN format_type(base_type.oid, NULL);
    END IF;
    RAISE EXCEPTION 'column "%" of % has type %, which cannot hold units or owners', column_name, relation,
                    format_type(base_type.oid, NULL)
        USING ERRCODE = 'RM103', HINT = 'Use a column of type text, varchar, an enum, smallint, integer, bigint or uuid.';
END
$$;
COMMENT ON FUNCTION @extschema@.unit_column_type(pg_catalog.regclass, text) IS
'As which type a unit or owner column is compared; raises RM103 for any other type, RM001 for a column that does not exist.';

-- By which columns single rows can be named. A text form that depends on a setting (DateStyle) could be made to name another
-- row: columns of such types are no key.
CREATE FUNCTION @extschema@.record_key_of(relation pg_catalog.regclass, OUT key_columns name[], OUT key_mapped boolean)
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    key_mapped := has_attribute(relation, 'id');
    IF key_mapped THEN -- the plain column, where it is one: an index serves it
        SELECT ARRAY[a.attname] INTO key_columns
        FROM pg_attribute a, pg_get_function_sqlbody(mapping_function(relation, 'id')::regprocedure) body
        WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND key_type(relation, a.attname) IS NOT NULL
          AND (strpos(body, format('SELECT ((r).%I)::text AS ', a.attname)) > 0 OR strpos(body, format('SELECT (r).%I AS ', a.attname)) > 0);
        key_mapped := key_columns IS NULL;
        RETURN;
    END IF;
    SELECT array_agg(a.attname ORDER BY k.n) INTO key_columns
    FROM pg_index i, unnest(i.indkey::int2[]) WITH ORDINALITY k (attnum, n), pg_attribute a
    WHERE i.indrelid = relation AND i.indisprimary AND k.n <= i.indnkeyatts AND a.attrelid = relation AND a.attnum = k.attnum
    HAVING bool_and(key_type(relation, a.attname) IS NOT NULL);
END
$$;
COMMENT ON FUNCTION @extschema@.record_key_of(pg_catalog.regclass) IS
'How rows of a table are named: by the columns of the mapped id or of the primary key, or (key_mapped) by map_id(row) where the '
'id is an expression; neither where there is no key, or one whose text depends on a setting.';

CREATE FUNCTION @extschema@.key_type(relation pg_catalog.regclass, column_name name) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN (
        WITH RECURSIVE type AS (
            SELECT t.* FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
            WHERE a.attrelid = relation AND a.attname = column_name AND a.attnum > 0 AND NOT a.attisdropped
            UNION ALL
            SELECT t.* FROM type d JOIN pg_type t ON t.oid = d.typbasetype WHERE d.typtype = 'd')
        SELECT CASE WHEN t.oid IN ('int2'::regtype, 'int4'::regtype) THEN 'integer'
                    WHEN t.oid IN ('int8'::regtype, 'uuid'::regtype) THEN format_type(t.oid, NULL)
                    WHEN t.oid IN ('text'::regtype, 'varchar'::regtype, 'bpchar'::regtype, 'numeric'::regtype, 'name'::regtype)
                    THEN 'text' END
        FROM type t WHERE t.typtype <> 'd');
END
$$;
COMMENT ON FUNCTION @extschema@.key_type(pg_catalog.regclass, name) IS
'As which type a column is compared with the keys of shared records: integer, bigint, uuid or text; NULL where it cannot be.';

-- All that can be wrong with the arguments, before anything is locked.
CREATE FUNCTION @extschema@.plan_protection(relation pg_catalog.regclass, units jsonb, combine text, owner_column text,
                                            object text, fallback_unit text) RETURNS @extschema@.protection
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    each record;
    plan protection;
BEGIN
    IF jsonb_typeof(units) IS DISTINCT FROM 'object' OR units = '{}' THEN
        RAISE EXCEPTION 'units must name a hierarchy and a column' USING ERRCODE = 'RM005',
            HINT = 'Type for example units => ''{"organisation": "region"}''.';
    END IF;
    IF combine IS NULL OR combine NOT IN ('all', 'any') THEN
        PERFORM raise_unknown('way to combine', coalesce(combine, ''), ARRAY['all', 'any']);
    END IF;
    IF root_unit() IS NULL THEN
        RAISE EXCEPTION 'there is no unit yet' USING ERRCODE = 'RM103',
            HINT = 'Type SELECT @extschema@.create_unit(''acme'', ''Acme Ltd'', ''business''); first.';
    END IF;
    FOR each IN SELECT e.key, e.value FROM jsonb_each_text(units) e LOOP
        IF NOT EXISTS (SELECT FROM hierarchy h WHERE h.hierarchy = each.key) THEN
            PERFORM raise_unknown('hierarchy', each.key, ARRAY(SELECT h.hierarchy FROM hierarchy h));
        END IF;
        PERFORM unit_column_type(relation, each.value);
    END LOOP;
    IF owner_column IS NOT NULL THEN
        PERFORM unit_column_type(relation, owner_column);
    END IF;
    FOR each IN SELECT a.attname FROM pg_attribute a WHERE a.attrelid = plan_protection.relation AND a.attgenerated <> ''
                AND (a.attname = owner_column OR EXISTS (SELECT FROM jsonb_each_text(units) u WHERE u.value = a.attname)) LOOP
        RAISE EXCEPTION 'column "%" of % is generated: who may change it cannot be asked of a row that is being written', each.attname, relation
            USING ERRCODE = 'RM103', HINT = 'Name the column that it is generated from, with aliases for its values (add_unit_alias, add_principal_alias).';
    END LOOP;
    plan.relation := relation;
    plan.units := units;
    plan.combine := combine;
    plan.owner_column := owner_column;
    plan.object := coalesce(plan_protection.object, object_of(relation));
    SELECT k.key_columns, k.key_mapped INTO plan.key_columns, plan.key_mapped FROM record_key_of(relation) k;
    plan.fallback_unit := (require_unit(coalesce(plan_protection.fallback_unit, root_unit()))).unit;
    plan.protected_at := now();
    plan.protected_by := caller()::name;
    plan.name := table_name(relation);
    RETURN plan;
END
$$;
COMMENT ON FUNCTION @extschema@.plan_protection(pg_catalog.regclass, jsonb, text, text, text, text) IS
'Checks the arguments of protect and fills in what is left out.';
SELECT @extschema@.set_audience('plan_protection(regclass, jsonb, text, text, text, text)', 'admin');

CREATE FUNCTION @extschema@.check_table(relation pg_catalog.regclass) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = relation AND c.relkind IN ('r', 'p')) THEN
        RAISE EXCEPTION '% cannot be protected: it is not a table', relation
            USING ERRCODE = 'RM103', HINT = 'Protect the tables behind it.';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.check_table(pg_catalog.regclass) IS 'Raises RM103 for what is not a table.';

CREATE FUNCTION @extschema@.check_protectable(relation pg_catalog.regclass) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    class pg_class;
    problem text;
    what_to_do text;
BEGIN
    SELECT * INTO class FROM pg_class c WHERE c.oid = relation;
    IF class.relkind NOT IN ('r', 'p') THEN
        problem := 'it is not a table';
        what_to_do := 'Protect the tables behind it.';
    ELSIF class.relpersistence = 't' THEN
        problem := 'it is a temporary table';
        what_to_do := 'Only its own session sees it.';
    ELSIF class.relispartition THEN
        problem := 'it is a partition';
        what_to_do := format('Protect %s, its partitions follow.',
                             (SELECT p.relid FROM pg_partition_ancestors(relation) p (relid)
                              WHERE NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = p.relid)));
    ELSIF class.relkind = 'r' AND EXISTS (SELECT FROM pg_inherits i WHERE relation IN (i.inhrelid, i.inhparent)) THEN
        problem := 'it takes part in plain inheritance';
        what_to_do := 'Make it a partitioned table.';
    ELSIF EXISTS (SELECT FROM members(relation) m JOIN pg_class c ON c.oid = m AND c.relkind = 'f') THEN
        problem := 'it has a foreign table for a partition, on which no policy holds';
        what_to_do := 'Detach it, and read both through a view that asks for the rows of the foreign table by itself.';
    ELSIF class.relnamespace IN ('@extschema@'::regnamespace, 'pg_catalog'::regnamespace,
                                 'information_schema'::regnamespace) THEN
        problem := 'it is a system table';
        what_to_do := 'Protect tables of your own.';
    ELSIF EXISTS (SELECT FROM protection p WHERE p.relation = check_protectable.relation) THEN
        problem := 'it is protected already';
        what_to_do := format('Type SELECT @extschema@.unprotect(%L); first.', relation);
    END IF;
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION '% cannot be protected: %', relation, problem USING ERRCODE = 'RM103', HINT = what_to_do;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.check_protectable(pg_catalog.regclass) IS
'Raises RM103 with what to do where a relation is none that can be protected.';

-- Roles that would get an error instead of rows: they read the table and are no principal.
CREATE FUNCTION @extschema@.strangers(relation pg_catalog.regclass) RETURNS TABLE (role pg_catalog.regrole, how text)
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT r.oid::regrole,
           CASE WHEN r.oid = c.relowner THEN 'owns the table'
                WHEN EXISTS (SELECT FROM pg_stat_activity s WHERE s.usesysid = r.oid AND s.datname = current_database())
                THEN 'is connected' ELSE 'may read it' END
    FROM pg_class c, pg_roles r
    WHERE c.oid = relation AND NOT r.rolsuper AND NOT r.rolbypassrls
      AND (r.oid = c.relowner OR r.rolcanlogin) AND r.rolname <> 'crm_masking'
      AND has_table_privilege(r.oid, c.oid, 'SELECT')
      AND NOT EXISTS (SELECT FROM principal p WHERE p.role_name = r.rolname)
      AND (r.oid = c.relowner OR NOT comes_by_token(r.oid))
$$;
COMMENT ON FUNCTION @extschema@.strangers(pg_catalog.regclass) IS
'Database roles that can read a table and are no principal: under protection they get error RM101. Those whose clients come with '
'tokens are none, unless they own it.';
SELECT @extschema@.set_audience('strangers(regclass)', 'admin');

CREATE FUNCTION @extschema@.check_no_open_policies(relation pg_catalog.regclass) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    open_policies text;
BEGIN
    SELECT string_agg(format('%I on %s', p.polname, p.polrelid::regclass), ', ' ORDER BY p.polname) INTO open_policies
    FROM pg_policy p WHERE p.polrelid IN (SELECT m FROM members(relation) m) AND p.polpermissive;
    IF open_policies IS NOT NULL THEN
        RAISE EXCEPTION '% cannot be protected: it has permissive policies', relation
            USING ERRCODE = 'RM103', DETAIL = format('They would let rows through: %s.', open_policies),
                  HINT = 'Drop them, or make them restrictive.';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.check_no_open_policies(pg_catalog.regclass) IS
'Raises RM103 where a table or one of its partitions has permissive policies of its own.';
SELECT @extschema@.set_audience('check_no_open_policies(regclass)', 'admin');

CREATE FUNCTION @extschema@.check_nobody_locked_out(relation pg_catalog.regclass) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    stranger record;
BEGIN
    SELECT s.role, s.how INTO stranger FROM strangers(relation) s WHERE s.how <> 'may read it' ORDER BY s.how DESC, s.role LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% cannot be protected: role % % and is no principal', relation, stranger.role, stranger.how
            USING ERRCODE = 'RM103', DETAIL = 'Every query of that role would be an error, pg_dump included.',
                  HINT = format('Type SELECT @extschema@.create_principal(%L, role_name => %L); and give it a membership.',
                                trim(stranger.role::text, '"'), trim(stranger.role::text, '"'));
    END IF;
    PERFORM check_no_open_policies(relation);
END
$$;
COMMENT ON FUNCTION @extschema@.check_nobody_locked_out(pg_catalog.regclass) IS
'Raises RM103 where the owner or a connected role is no principal, or the table has permissive policies of its own.';
SELECT @extschema@.set_audience('check_nobody_locked_out(regclass)', 'admin');

