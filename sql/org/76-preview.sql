-- What protect would do, before it does it.

-- The units of a row as an array: arrays are equal where their elements are, NULLs included, and can be hashed.
CREATE FUNCTION @extschema@.units_array(plan @extschema@.protection, source text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT format('ARRAY[%s]', string_agg(format('%s.%I::text', source, u.value), ', ' ORDER BY u.key)) FROM jsonb_each_text(plan.units) u
$$;
COMMENT ON FUNCTION @extschema@.units_array(@extschema@.protection, text) IS
'SQL for the unit columns of a row as text[], in order of hierarchy.';

CREATE FUNCTION @extschema@.count_query(plan @extschema@.protection) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT format('SELECT CASE WHEN c.by_owner = 0 THEN %s END, c.owner_value::text, c.rows '
                  'FROM (SELECT %s, %s AS owner_value, pg_catalog.count(*) AS rows, %s AS by_owner FROM %s t GROUP BY %s) c',
                  units_array(plan, 'c'), u.names, coalesce(o.name, 'NULL::text'),
                  CASE WHEN o.name IS NULL THEN '0' ELSE format('GROUPING(%s)', u.first_name) END, plan.relation,
                  CASE WHEN o.name IS NULL THEN u.names ELSE format('GROUPING SETS ((%s), (%s))', u.names, o.name) END)
    FROM (SELECT string_agg(format('t.%I', d.value), ', ') AS names, min(format('t.%I', d.value)) AS first_name
          FROM (SELECT DISTINCT value FROM jsonb_each_text(plan.units)) d) u,
         -- an expression of its own where the column is a unit column too, or GROUPING could not tell one from the other
         (SELECT format(CASE WHEN EXISTS (SELECT FROM jsonb_each_text(plan.units) d WHERE d.value = plan.owner_column)
                             THEN '(t.%s::text || '''')' ELSE 't.%s' END, quote_ident(plan.owner_column)) AS name
          WHERE plan.owner_column IS NOT NULL UNION ALL SELECT NULL WHERE plan.owner_column IS NULL) o
$$;
COMMENT ON FUNCTION @extschema@.count_query(@extschema@.protection) IS
'The query that counts, in one pass, the rows of a table by its unit columns (text[], in order of hierarchy), and those by its owner '
'column (units NULL).';

CREATE FUNCTION @extschema@.pair_query(plan @extschema@.protection) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT format('SELECT w.owner, w.units, pg_catalog.count(*) FROM %s t JOIN (SELECT o AS owner, u::text[] AS units '
                  'FROM ROWS FROM (pg_catalog.unnest(%%L::text[]), pg_catalog.unnest(%%L::text[])) p (o, u)) w '
                  'ON w.owner = t.%I::text AND w.units = %s GROUP BY w.owner, w.units',
                  plan.relation, plan.owner_column, units_array(plan, 't'))
$$;
COMMENT ON FUNCTION @extschema@.pair_query(@extschema@.protection) IS
'A format() for the query that counts the rows of given pairs of owner (text[]) and units (text[] of array literals).';

CREATE FUNCTION @extschema@.shared_query(plan @extschema@.protection) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT format('SELECT %s, %s, (%s)::text FROM %s t WHERE (%3$s)::text = ANY (%5$L::text[])',
                  units_array(plan, 't'), coalesce('t.' || quote_ident(plan.owner_column) || '::text', 'NULL::text'), policy_key(plan, 't'), plan.relation,
                  ARRAY(SELECT DISTINCT s.record_key FROM shared_record s
                        WHERE s.relation = plan.relation AND s.during @> statement_timestamp()))
$$;
COMMENT ON FUNCTION @extschema@.shared_query(@extschema@.protection) IS
'The query that reads units, owner and key of those rows of a table that are shared now.';
SELECT @extschema@.set_audience('shared_query(protection)', 'admin');

CREATE FUNCTION @extschema@.units_as_columns(plan @extschema@.protection) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT string_agg(format('x.units[%s] AS %I', u.n, u.value), ', ' ORDER BY u.n)
    FROM (SELECT DISTINCT ON (e.value) e.value, e.n
          FROM (SELECT d.value, row_number() OVER (ORDER BY d.key) AS n FROM jsonb_each_text(plan.units) d) e) u
$$;
COMMENT ON FUNCTION @extschema@.units_as_columns(@extschema@.protection) IS 'The array of units of count_query as columns again.';

-- Who sees which combination of units is asked once for each. A principal's own rows then are all rows of that owner, but for those in
-- units that are seen anyway or denied: only these pairs of unit and owner are counted.
CREATE FUNCTION @extschema@.own_query(plan @extschema@.protection) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT CASE WHEN plan.owner_column IS NULL
           THEN 'owner AS (SELECT NULL::text AS principal, NULL::text AS owner WHERE false),
                 own AS (SELECT NULL::text AS principal, 0::bigint AS rows WHERE false)'
           ELSE format($query$
        owner AS MATERIALIZED (
            SELECT p.principal, g.owner, g.rows FROM grouped g, @extschema@.principal p
            WHERE g.units IS NULL AND g.owner IS NOT NULL AND @extschema@.principal_owned(p.principal, g.owner, %1$L, 'read')),
        settled AS MATERIALIZED (
            SELECT s.principal, s.units FROM seen s
            UNION SELECT p.principal, c.units FROM @extschema@.principal p, combination c WHERE NOT (%2$s)),
        asking AS MATERIALIZED (
            SELECT o.* FROM owner o
            LEFT JOIN (SELECT s.principal, pg_catalog.count(*) AS n FROM settled s GROUP BY s.principal) s ON s.principal = o.principal
            WHERE COALESCE(s.n, 0) < (SELECT pg_catalog.count(*) FROM combination)),
        pair AS MATERIALIZED (
            SELECT r.* FROM @extschema@.rows_as_owner(%3$s::pg_catalog.oid, (
                SELECT pg_catalog.format(%4$L, COALESCE(pg_catalog.array_agg(d.owner), '{}'), COALESCE(pg_catalog.array_agg(d.units), '{}'))
                FROM (SELECT DISTINCT a.owner, s.units::text FROM asking a JOIN settled s ON s.principal = a.principal) d))
            AS r (owner text, units text[], rows bigint)),
        own AS (
            SELECT a.principal, a.rows FROM asking a
            UNION ALL
            SELECT a.principal, - r.rows FROM asking a JOIN settled s ON s.principal = a.principal
            JOIN pair r ON r.owner = a.owner AND r.units = s.units)$query$,
            plan.object, CASE WHEN EXISTS (SELECT FROM denial) THEN policy_undenied(plan, 'read', 'c', 'p.principal') ELSE 'true' END,
            plan.relation::oid, pair_query(plan)) END
$$;
COMMENT ON FUNCTION @extschema@.own_query(@extschema@.protection) IS
'The part of sight_query about own rows: owner (which owner values mean a principal), own (rows to add for each principal).';
SELECT @extschema@.set_audience('own_query(protection)', 'admin');

CREATE FUNCTION @extschema@.sight_query(plan @extschema@.protection) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    by_unit protection := plan;
    is_shared CONSTANT boolean := EXISTS (SELECT FROM shared_record s WHERE s.relation = plan.relation)
                                  AND policy_key(plan, 't') IS NOT NULL;
BEGIN
    by_unit.owner_column := NULL;
    by_unit.key_columns := NULL;
    by_unit.key_mapped := false;
    RETURN format($query$
        WITH grouped AS MATERIALIZED (
            SELECT g.* FROM @extschema@.rows_as_owner(%1$s::pg_catalog.oid, %2$L) AS g (units text[], owner text, rows bigint)),
        combination AS MATERIALIZED (SELECT x.units, %3$s, x.rows FROM grouped x WHERE x.units IS NOT NULL),
        asker AS MATERIALIZED (SELECT p.principal FROM @extschema@.principal p),
        seen AS MATERIALIZED (
            SELECT p.principal, c.units, c.rows FROM asker p CROSS JOIN LATERAL (SELECT x.* FROM combination x OFFSET 0) c WHERE %4$s),
        %5$s,
        shared AS (%6$s),
        sight AS (
            SELECT x.principal, pg_catalog.sum(x.rows)::bigint AS rows
            FROM (SELECT s.principal, s.rows FROM seen s UNION ALL SELECT o.principal, o.rows FROM own o
                  UNION ALL SELECT h.principal, h.rows FROM shared h) x GROUP BY x.principal),
        total AS (SELECT COALESCE(pg_catalog.sum(g.rows), 0)::bigint AS rows FROM combination g)$query$,
        plan.relation::oid, count_query(plan), units_as_columns(plan), policy_condition(by_unit, 'read', 'c', 'p.principal'), own_query(plan),
        CASE WHEN is_shared THEN format($query$
            SELECT p.principal, 1::bigint AS rows
            FROM @extschema@.rows_as_owner(%1$s::pg_catalog.oid, %2$L) AS k (units text[], owner text, key text)
            JOIN combination c ON c.units = k.units
            JOIN asker p ON @extschema@.principal_shared(p.principal, k.key, %1$s::pg_catalog.oid, 'read')
            WHERE NOT EXISTS (SELECT FROM seen s WHERE s.principal = p.principal AND s.units = k.units)
              AND NOT EXISTS (SELECT FROM owner o WHERE o.principal = p.principal AND o.owner = k.owner) AND %3$s$query$,
            plan.relation::oid, shared_query(plan), policy_undenied(plan, 'read', 'c', 'p.principal'))
        ELSE 'SELECT NULL::text AS principal, 0::bigint AS rows WHERE false' END);
END
$$;
COMMENT ON FUNCTION @extschema@.sight_query(@extschema@.protection) IS
'The common table expressions of preview_protect: combination (units and their rows), sight (how many rows each principal sees), total.';
SELECT @extschema@.set_audience('sight_query(protection)', 'admin');

-- Why protect would refuse, as a row and not as an error.
CREATE FUNCTION @extschema@.protect_refusals(relation pg_catalog.regclass) RETURNS SETOF @extschema@.hazard
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    problem hazard;
BEGIN
    problem.kind := 'refusal';
    problem.name := relation::text;
    problem.state := 'warning';
    BEGIN
        PERFORM check_protectable(relation);
        PERFORM check_nobody_locked_out(relation);
        RETURN;
    EXCEPTION WHEN SQLSTATE 'RM103' THEN
        GET STACKED DIAGNOSTICS problem.detail = MESSAGE_TEXT, problem.hint = PG_EXCEPTION_HINT;
    END;
    RETURN NEXT problem;
END
$$;
COMMENT ON FUNCTION @extschema@.protect_refusals(pg_catalog.regclass) IS 'Why protect would refuse a table; no row where it would not.';
SELECT @extschema@.set_audience('protect_refusals(regclass)', 'admin');

CREATE FUNCTION @extschema@.held_roles() RETURNS TABLE (role text, principal text)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT DISTINCT h.role, e.principal
    FROM (SELECT p.principal, p.principal AS effective FROM principal p
          UNION ALL
          SELECT t.principal, t.team FROM team_member t WHERE t.during @> statement_timestamp()) e
    JOIN membership m ON m.principal = e.effective AND m.during @> statement_timestamp()
    CROSS JOIN LATERAL (SELECT m.role WHERE m.role IS NOT NULL UNION ALL SELECT u.role FROM unit_role u WHERE u.unit = m.unit) h
$$;
COMMENT ON FUNCTION @extschema@.held_roles() IS 'Who holds which role now, in some unit, by a membership of his own or of a team.';
SELECT @extschema@.set_audience('held_roles()', 'admin');

CREATE FUNCTION @extschema@.preview_protect(relation pg_catalog.regclass, units jsonb, combine text DEFAULT 'all',
                                            owner_column text DEFAULT NULL, object text DEFAULT NULL,
                                            fallback_unit text DEFAULT NULL)
    RETURNS TABLE (kind text, name text, sees bigint, loses bigint, detail text, hint text)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp
    SET jit = off -- compiling took longer than all the rest
    AS $$
#variable_conflict use_column
DECLARE
    plan protection;
BEGIN
    PERFORM require_owner(preview_protect.relation);
    PERFORM check_table(preview_protect.relation);
    plan := plan_protection(preview_protect.relation, preview_protect.units, preview_protect.combine,
                            preview_protect.owner_column, preview_protect.object, preview_protect.fallback_unit);
    RETURN QUERY SELECT h.kind, h.name, NULL::bigint, NULL::bigint, h.detail, h.hint FROM protect_refusals(plan.relation) h;
    RETURN QUERY EXECUTE sight_query(plan) || format($query$,
        reader AS (
            SELECT p.principal, p.role_name, COALESCE(s.rows, 0) AS sees,
                   @extschema@.is_outside(d.oid) AS outside,
                   pg_catalog.has_any_column_privilege(d.oid, %1$s::pg_catalog.oid, 'SELECT') AS reads
            FROM @extschema@.principal p LEFT JOIN sight s ON s.principal = p.principal
            LEFT JOIN pg_catalog.pg_roles d ON d.rolname = p.role_name)
        SELECT f.kind, f.name, f.sees, f.loses, f.detail, f.hint FROM (
            SELECT 1, 'principal', r.principal, r.sees, CASE WHEN r.reads AND NOT r.outside THEN t.rows - r.sees ELSE 0 END,
                   CASE WHEN r.outside THEN pg_catalog.format('database role %%I is outside the rules and sees every row', r.role_name)
                        WHEN r.role_name IS NULL THEN 'bound to no database role: by token only'
                        WHEN NOT r.reads THEN pg_catalog.format('database role %%I may not read the table at all', r.role_name)
                        ELSE pg_catalog.format('database role %%I', r.role_name) END, NULL::text
            FROM reader r, total t
            UNION ALL
            SELECT 2, 'role', h.role, pg_catalog.max(r.sees),
                   pg_catalog.max(CASE WHEN r.reads AND NOT r.outside THEN t.rows - r.sees ELSE 0 END),
                   pg_catalog.format('held by %%s: who sees most, who loses most', pg_catalog.count(*)), NULL
            FROM @extschema@.held_roles() h JOIN reader r ON r.principal = h.principal, total t GROUP BY h.role
            UNION ALL
            SELECT 3, 'database_role', d.rolname, t.rows, 0, 'outside the rules: a superuser or BYPASSRLS role sees every row', NULL
            FROM pg_catalog.pg_roles d, total t
            WHERE d.rolcanlogin AND (d.rolsuper OR d.rolbypassrls)
              AND pg_catalog.has_any_column_privilege(d.oid, %1$s::pg_catalog.oid, 'SELECT')
            UNION ALL
            SELECT 4, 'stranger', d.rolname, 0, t.rows, 'is no principal and ' || x.how || ': every query would be error RM101',
                   pg_catalog.format('SELECT @extschema@.create_principal(%%L, role_name => %%1$L);', d.rolname)
            FROM @extschema@.strangers(%1$s::pg_catalog.oid) x JOIN pg_catalog.pg_roles d ON d.oid = x.role, total t
            UNION ALL
            SELECT 5, 'unmapped', u.name, NULL, NULL, u.detail, u.hint
            FROM @extschema@.describe_unmapped(%2$L, ARRAY(
                     SELECT ROW(h.key, c.units[h.n], c.rows)::@extschema@.unit_count
                     FROM combination c, (SELECT k.key, pg_catalog.row_number() OVER (ORDER BY k.key) AS n
                                          FROM pg_catalog.jsonb_object_keys(%3$L) k (key)) h), 20) u
        ) f (rank, kind, name, sees, loses, detail, hint)
        ORDER BY f.rank, f.name COLLATE "C", f.detail COLLATE "C"$query$, plan.relation::oid, plan.fallback_unit, plan.units);
    RETURN QUERY SELECT h.kind, h.name, NULL::bigint, NULL::bigint, h.detail, h.hint FROM hazards(plan) h
                 ORDER BY h.kind COLLATE "C", h.name COLLATE "C";
END
$$;
COMMENT ON FUNCTION @extschema@.preview_protect(pg_catalog.regclass, jsonb, text, text, text, text) IS
'What protect would do with the same arguments, one finding a row. kind principal: how many rows it would see, and how many that its '
'database role can read now it would lose; role: the most that one of its holders would see and lose; database_role: one outside the '
'rules; stranger: one that would get errors; refusal: why protect would refuse; unmapped: values that mean no unit; view, function, '
'foreign_key, unique_key, index, missing_index: what would show more than the policies, or be of no use under them. hint: what to '
'type. One pass over the table, and with an owner column a second over some of its rows, with a reader''s lock; changes nothing. Only the owner may call it.';
