-- What about a protected table shows more than its policies do, or costs more than it should. preview_protect and doctor() say so.

CREATE TYPE @extschema@.hazard AS (kind text, name text, state text, detail text, hint text);
COMMENT ON TYPE @extschema@.hazard IS
'kind (view, function, foreign_key, unique_key, index, missing_index, truncate, grant), name of the object, state (info, warning), '
'detail, hint (what to type).';

CREATE FUNCTION @extschema@.is_outside(role oid) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    RETURN (SELECT r.rolsuper OR r.rolbypassrls FROM pg_catalog.pg_roles r WHERE r.oid = role);
COMMENT ON FUNCTION @extschema@.is_outside(oid) IS 'Whether a role is outside all rules: a superuser or BYPASSRLS.';

CREATE FUNCTION @extschema@.is_ours(class pg_catalog.regclass, object oid) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = class AND d.objid = object AND d.deptype = 'e')
        OR EXISTS (SELECT FROM @extschema@.masking m WHERE m.view = object AND class = 'pg_catalog.pg_class'::pg_catalog.regclass);
COMMENT ON FUNCTION @extschema@.is_ours(pg_catalog.regclass, oid) IS 'Whether an object belongs to an extension, or is a view of masked columns.';

-- A view with its owner's rights is still filtered by who asks, unless its owner is outside the rules.
CREATE FUNCTION @extschema@.view_hazards(relation pg_catalog.regclass) RETURNS SETOF @extschema@.hazard
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    WITH RECURSIVE reader AS (
        SELECT m AS oid FROM members(relation) m
        UNION
        SELECT w.ev_class::regclass FROM reader r
        JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = r.oid AND d.classid = 'pg_rewrite'::regclass
        JOIN pg_rewrite w ON w.oid = d.objid),
    view AS (
        SELECT c.oid::regclass AS view, c.relkind, c.relowner, is_outside(c.relowner) AS outside,
               (SELECT string_agg(DISTINCT CASE WHEN x.grantee = 0 THEN 'PUBLIC' ELSE x.grantee::regrole::text END, ', ')
                FROM aclexplode(c.relacl) x WHERE x.privilege_type = 'SELECT' AND x.grantee <> c.relowner) AS readers
        FROM reader r JOIN pg_class c ON c.oid = r.oid
        WHERE (c.relkind = 'm' OR c.relkind = 'v' AND NOT EXISTS (
                   SELECT FROM pg_options_to_table(c.reloptions) o WHERE o.option_name = 'security_invoker' AND o.option_value::boolean))
          AND NOT is_ours('pg_class', c.oid))
    SELECT 'view', v.view::text,
           CASE WHEN v.relkind = 'm' OR v.outside THEN 'warning' ELSE 'info' END,
           CASE WHEN v.relkind = 'm'
                THEN format('A materialized view holds the rows that its owner saw when it was refreshed, and shows all of them to %s.', v.readers)
                WHEN v.outside THEN format('It runs with the rights of %s, who is outside the rules: its readers see every row.', v.relowner::regrole)
                ELSE format('It runs with the rights of %s, who needs the privilege of Postgres on the table, not its reader; rows are '
                            'those of whoever asks.', v.relowner::regrole) END,
           CASE WHEN v.relkind = 'm' THEN format('REVOKE SELECT ON %s FROM %s;', v.view, v.readers)
                ELSE format('ALTER VIEW %s SET (security_invoker = true);', v.view) END
    FROM view v WHERE v.relkind = 'v' OR v.readers IS NOT NULL
$$;
COMMENT ON FUNCTION @extschema@.view_hazards(pg_catalog.regclass) IS
'Views over a table, at any distance, that run with the rights of their owner; materialized views that others may read.';
SELECT @extschema@.set_audience('view_hazards(regclass)', 'admin');

CREATE FUNCTION @extschema@.function_hazards(relation pg_catalog.regclass) RETURNS SETOF @extschema@.hazard
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT 'function', f.oid::regprocedure::text, CASE WHEN is_outside(f.proowner) THEN 'warning' ELSE 'info' END,
           CASE WHEN is_outside(f.proowner)
                THEN format('SECURITY DEFINER, of %s, who is outside the rules: it reads every row for whoever calls it.', f.proowner::regrole)
                ELSE format('SECURITY DEFINER, of %s: it still sees the rows of whoever asks.', f.proowner::regrole) END,
           CASE WHEN is_outside(f.proowner) THEN format('ALTER FUNCTION %s SECURITY INVOKER;', f.oid::regprocedure) END
    FROM pg_class c JOIN pg_proc f ON f.prosecdef AND f.prokind IN ('f', 'p')
    WHERE c.oid = relation AND NOT is_ours('pg_proc', f.oid)
      AND (f.prosrc ~ ('\m' || regexp_replace(c.relname, '(\W)', '\\\1', 'g') || '\M')
           OR EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = f.oid
                                                AND d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid))
$$;
COMMENT ON FUNCTION @extschema@.function_hazards(pg_catalog.regclass) IS
'SECURITY DEFINER functions that read a table, as far as their dependencies or the name in their text tell.';
SELECT @extschema@.set_audience('function_hazards(regclass)', 'admin');

CREATE FUNCTION @extschema@.foreign_key_hazards(relation pg_catalog.regclass) RETURNS SETOF @extschema@.hazard
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT 'foreign_key', format('%s on %s', k.conname, k.conrelid::regclass), 'info',
           CASE WHEN k.confrelid = relation
                THEN format('Whoever may insert into %s learns whether a hidden row has a key; a hidden row there keeps one here from being deleted.',
                            k.conrelid::regclass)
                ELSE format('A hidden row keeps one of %s from being deleted.', k.confrelid::regclass) END
           || CASE WHEN 'c' IN (k.confdeltype, k.confupdtype) OR 'n' IN (k.confdeltype, k.confupdtype) OR 'd' IN (k.confdeltype, k.confupdtype)
                   THEN format(' What it cascades to %s passes policies.', k.conrelid::regclass) ELSE '' END,
           NULL
    FROM pg_constraint k WHERE k.contype = 'f' AND k.conparentid = 0 AND relation IN (k.conrelid, k.confrelid)
$$;
COMMENT ON FUNCTION @extschema@.foreign_key_hazards(pg_catalog.regclass) IS 'Foreign keys of and to a table, which pass policies.';
SELECT @extschema@.set_audience('foreign_key_hazards(regclass)', 'admin');

-- A key with the unit in it tells of no row beyond the unit; of a number or uuid that the database makes there is nothing to guess.
CREATE FUNCTION @extschema@.unique_hazards(plan @extschema@.protection) RETURNS SETOF @extschema@.hazard
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    WITH key AS (
        SELECT i.*, c.relname, k.conname,
               (SELECT string_agg(pg_get_indexdef(i.indexrelid, n::integer, true), ', ' ORDER BY n)
                FROM generate_series(1, i.indnkeyatts) n) AS columns,
               (SELECT array_agg(a.attname ORDER BY a.attnum) FROM pg_attribute a
                WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey::int2[])) AS names,
               (SELECT quote_ident(min(u.value)) FROM jsonb_each_text(plan.units) u) AS unit_column
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.conrelid = i.indrelid AND k.contype IN ('u', 'p')
        WHERE i.indrelid = plan.relation AND i.indisunique)
    SELECT 'unique_key', k.relname::text, 'info',
           format('A duplicate key on %s tells of a hidden row with the same value.', k.columns),
           CASE WHEN k.indisprimary OR k.indpred IS NOT NULL THEN NULL
                WHEN k.conname IS NOT NULL THEN format('ALTER TABLE %s DROP CONSTRAINT %I, ADD UNIQUE (%s, %s);', plan.relation,
                                                       k.conname, k.unit_column, k.columns)
                ELSE format('DROP INDEX %s; CREATE UNIQUE INDEX ON %s (%s, %s);', k.indexrelid::regclass, plan.relation, k.unit_column,
                            k.columns) END
    FROM key k
    WHERE NOT EXISTS (SELECT FROM jsonb_each_text(plan.units) u WHERE u.value = ANY (k.names))
      AND NOT (k.indisprimary AND NOT EXISTS (SELECT FROM unnest(k.names) n WHERE key_type(plan.relation, n) IN ('text') IS NOT FALSE))
$$;
COMMENT ON FUNCTION @extschema@.unique_hazards(@extschema@.protection) IS
'Unique keys whose violation betrays hidden rows: those without a unit column, primary keys of numbers and uuids apart.';
SELECT @extschema@.set_audience('unique_hazards(protection)', 'admin');

-- Under a policy a condition of the user goes to an index only if its function is leakproof.
CREATE FUNCTION @extschema@.index_hazards(relation pg_catalog.regclass) RETURNS SETOF @extschema@.hazard
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    WITH searched AS (
        SELECT i.*, a.amname, o.opcname, o.opcfamily, o.opcintype, pg_get_indexdef(i.indexrelid, 1, true) AS first_column
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam JOIN pg_opclass o ON o.oid = i.indclass[0]
        WHERE i.indrelid = relation AND i.indisvalid),
    family AS (
        SELECT s.*, x.alterations, x.names FROM searched s CROSS JOIN LATERAL (
            SELECT string_agg(DISTINCT format('ALTER FUNCTION %s LEAKPROOF;', f.oid::regprocedure), ' ') AS alterations,
                   string_agg(DISTINCT o.oprname, ' ') AS names, bool_or(f.proleakproof) AS alive
            FROM pg_amop m JOIN pg_operator o ON o.oid = m.amopopr JOIN pg_proc f ON f.oid = o.oprcode
            WHERE m.amopfamily = s.opcfamily AND m.amoppurpose = 's' AND m.amoplefttype = s.opcintype) x
        WHERE NOT x.alive)
    SELECT 'index', f.indexrelid::regclass::text, 'warning',
           format('Its operators (%s) are not leakproof: under policies it serves only roles outside the rules.', f.names),
           -- these compare and cannot fail, whatever the values
           CASE WHEN f.amname IN ('btree', 'hash') AND f.opcintype IN ('numeric'::regtype, 'anyenum'::regtype) THEN f.alterations
                WHEN f.indisunique THEN NULL
                ELSE format('DROP INDEX %s;', f.indexrelid::regclass) END
    FROM family f
    UNION ALL
    SELECT 'index', s.indexrelid::regclass::text, 'warning', 'LIKE is not leakproof: under policies it cannot use this index. ^@ can, with an index '
           'in the collation C.',
           CASE WHEN s.indisunique OR s.indnatts > 1 THEN NULL
                ELSE format('DROP INDEX %s; CREATE INDEX ON %s (%s COLLATE "C");', s.indexrelid::regclass, relation, s.first_column) END
    FROM searched s WHERE s.amname = 'btree' AND s.opcname LIKE '%pattern\_ops'
$$;
COMMENT ON FUNCTION @extschema@.index_hazards(pg_catalog.regclass) IS
'Indexes that no condition of a user can use under policies, since the operators of their first column are not leakproof.';
SELECT @extschema@.set_audience('index_hazards(regclass)', 'admin');

CREATE FUNCTION @extschema@.missing_indexes(plan @extschema@.protection) RETURNS SETOF @extschema@.hazard
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 3 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT 'missing_index', w.name, 'info',
           format('No index begins with column %I, by which policies let rows through: each query reads the whole table.', w.name),
           format('CREATE INDEX ON %s (%I);', plan.relation, w.name)
    FROM (SELECT d AS name FROM deciding_names(plan) d UNION SELECT plan.key_columns[1]::text WHERE plan.key_columns IS NOT NULL) w
    JOIN pg_attribute a ON a.attrelid = plan.relation AND a.attname = w.name
    WHERE NOT EXISTS (SELECT FROM pg_index i
                      WHERE i.indrelid = plan.relation AND i.indisvalid AND i.indpred IS NULL AND i.indkey[0] = a.attnum)
      AND 10000 <= (SELECT sum(c.reltuples) FROM members(plan.relation) m JOIN pg_class c ON c.oid = m WHERE c.relkind = 'r')
$$;
COMMENT ON FUNCTION @extschema@.missing_indexes(@extschema@.protection) IS
'Unit, owner and key columns without an index, of a table of 10,000 rows or more.';
SELECT @extschema@.set_audience('missing_indexes(protection)', 'admin');

CREATE FUNCTION @extschema@.hazards(plan @extschema@.protection) RETURNS SETOF @extschema@.hazard
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 30 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT * FROM view_hazards(plan.relation)
    UNION ALL SELECT * FROM function_hazards(plan.relation)
    UNION ALL SELECT * FROM foreign_key_hazards(plan.relation)
    UNION ALL SELECT * FROM unique_hazards(plan)
    UNION ALL SELECT * FROM index_hazards(plan.relation)
    UNION ALL SELECT * FROM missing_indexes(plan)
$$;
COMMENT ON FUNCTION @extschema@.hazards(@extschema@.protection) IS 'All hazards of a table under a protection.';
SELECT @extschema@.set_audience('hazards(protection)', 'admin');
