-- What protect would do, before it does it.

CREATE FUNCTION @extschema@.preview_protect(relation pg_catalog.regclass, units jsonb, combine text DEFAULT 'all',
                                            owner_column text DEFAULT NULL, object text DEFAULT NULL,
                                            fallback_unit text DEFAULT NULL)
    RETURNS TABLE (principal text, database_role name, sees bigint, loses bigint, detail text)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_column
DECLARE
    plan protection;
    names text[];
BEGIN
    PERFORM require_owner(preview_protect.relation);
    PERFORM check_table(preview_protect.relation);
    plan := plan_protection(preview_protect.relation, preview_protect.units, preview_protect.combine,
                            preview_protect.owner_column, preview_protect.object, preview_protect.fallback_unit);
    names := ARRAY(SELECT u.value FROM jsonb_each_text(plan.units) u
                   UNION SELECT plan.owner_column::text WHERE plan.owner_column IS NOT NULL);
    -- Grouped by unit first: groups are few where rows are many.
    RETURN QUERY EXECUTE format($query$
        WITH grouped AS MATERIALIZED (SELECT %1$s, (j ->> 0)::bigint AS rows FROM @extschema@.read_as_owner(%2$s::regclass, %5$L) j),
             total AS (SELECT COALESCE(pg_catalog.sum(g.rows), 0)::bigint AS rows FROM grouped g),
             seen AS (SELECT p.principal, p.role_name,
                             (SELECT COALESCE(pg_catalog.sum(g.rows), 0)::bigint FROM grouped g WHERE %3$s) AS rows
                      FROM @extschema@.principal p)
        SELECT s.principal, s.role_name, s.rows,
               CASE WHEN r.reads THEN t.rows - s.rows ELSE 0 END,
               CASE WHEN r.outside THEN 'outside the rules: a superuser or BYPASSRLS role sees every row'
                    WHEN s.role_name IS NULL THEN 'bound to no database role'
                    WHEN NOT r.reads THEN 'may not read the table at all' END
        FROM seen s CROSS JOIN total t
        LEFT JOIN LATERAL (SELECT d.rolsuper OR d.rolbypassrls AS outside,
                                  NOT (d.rolsuper OR d.rolbypassrls)
                                  AND pg_catalog.has_table_privilege(d.oid, %4$L::regclass, 'SELECT') AS reads
                           FROM pg_catalog.pg_roles d WHERE d.rolname = s.role_name) r ON true
        UNION ALL
        SELECT NULL, d.rolname, 0, t.rows, 'is no principal and ' || x.how || ': every query would be error RM101'
        FROM @extschema@.strangers(%4$L::regclass) x JOIN pg_catalog.pg_roles d ON d.oid = x.role CROSS JOIN total t
        ORDER BY 1 NULLS LAST, 2$query$,
        (SELECT string_agg(format('j ->> %s AS %I', n, c), ', ') FROM unnest(names) WITH ORDINALITY u (c, n)),
        plan.relation::oid, protection_condition(plan, 'read', 'p.principal'), plan.relation::oid,
        format('SELECT pg_catalog.jsonb_build_array(pg_catalog.count(*), %1$s) FROM %2$s t GROUP BY %1$s',
               (SELECT string_agg(format('t.%I::text', c), ', ') FROM unnest(names) c), plan.relation));
END
$$;
COMMENT ON FUNCTION @extschema@.preview_protect(pg_catalog.regclass, jsonb, text, text, text, text) IS
'For each principal how many rows of the table it would see under protect with the same arguments, and how many that its '
'database role can read now it would lose; then the roles that are no principal. Changes nothing, takes a reader''s lock. Only '
'the owner may call it.';
