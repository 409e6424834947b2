-- What the caller may see of records: the same that the policies of their tables let through, and no more.

-- Of a table on which somebody was granted columns he may know the attributes that are made of these alone.
CREATE FUNCTION @extschema@.granted_attributes(relation regclass, asker oid) RETURNS text[]
LANGUAGE plpgsql STABLE PARALLEL SAFE COST 1000 SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
BEGIN
    RETURN ARRAY(
        SELECT a.attribute FROM adoption_attribute a
        WHERE a.relation = $1
          AND NOT EXISTS (SELECT FROM pg_depend d
                          WHERE d.classid = 'pg_proc'::regclass AND d.refclassid = 'pg_class'::regclass
                            AND d.objid = to_regprocedure(mapping_function(a.relation, a.attribute))
                            AND d.refobjid = a.relation AND d.refobjsubid > 0
                            AND NOT has_column_privilege(asker, a.relation, d.refobjsubid::smallint, 'SELECT'))
        ORDER BY 1);
END
$$;
COMMENT ON FUNCTION @extschema@.granted_attributes(regclass, oid) IS
    'The mapped attributes of an adopted table that a role may SELECT, by its rights on the columns that they are made of.';
SELECT @extschema@.set_audience('granted_attributes(regclass, oid)', 'internal');

CREATE FUNCTION @extschema@.record_access()
RETURNS TABLE (relation regclass, object text, department text, hierarchy text, fallback text, by_owner boolean, by_share boolean,
               reads text, tells text, shows text, attributes text[])
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER ROWS 10 COST 1000
SET search_path = pg_catalog, @extschema@, pg_temp SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    asker CONSTANT oid := caller()::oid;
    -- a superuser with a token is whom the token names, as for the policies
    unbound CONSTANT boolean := (SELECT (r.rolsuper OR r.rolbypassrls) AND i.identified_by IS NOT DISTINCT FROM 'role'
                                 FROM pg_roles r, current_identity() i WHERE r.oid = asker);
    named CONSTANT boolean := NOT unbound AND current_principal() IS NOT NULL;
BEGIN
    RETURN QUERY
    SELECT t.relation, t.object, t.department, t.hierarchy, t.fallback, t.by_owner, t.by_share,
           CASE WHEN unbound THEN 'all' WHEN NOT t.may_select THEN 'none' WHEN t.open THEN 'all'
                WHEN NOT named OR NOT t.by_model THEN 'none' WHEN t.by_copy THEN 'unit' ELSE 'policy' END,
           CASE WHEN unbound OR t.may_select AND t.open THEN 'all' WHEN NOT named THEN 'none' WHEN t.open THEN 'unit'
                WHEN NOT t.by_model THEN 'none' WHEN t.by_copy THEN 'unit' ELSE 'policy' END,
           CASE WHEN unbound THEN 'all' WHEN NOT (t.may_select OR coalesce('id' = ANY (t.granted), false)) THEN 'none' WHEN t.open THEN 'all'
                WHEN NOT named OR NOT t.by_model THEN 'none' WHEN t.by_copy THEN 'unit' ELSE 'policy' END,
           CASE WHEN NOT unbound THEN t.granted END
    FROM (SELECT a.relation, coalesce(p.object, a.entity) AS object, a.department,
                 CASE WHEN p.relation IS NOT NULL THEN (SELECT min(k) FROM jsonb_object_keys(p.units) k) END AS hierarchy,
                 coalesce(p.fallback_unit, a.fallback_unit) AS fallback,
                 u.may AND has_table_privilege(asker, a.relation, 'SELECT') AS may_select,
                 CASE WHEN u.may AND NOT has_table_privilege(asker, a.relation, 'SELECT')
                           AND has_any_column_privilege(asker, a.relation, 'SELECT') THEN granted_attributes(a.relation, asker) END AS granted,
                 NOT c.relrowsecurity OR NOT c.relforcerowsecurity AND pg_has_role(asker, c.relowner, 'USAGE') AS open,
                 -- what a team's own policies take away nobody can tell from outside
                 p.relation IS NOT NULL
                     AND NOT EXISTS (SELECT FROM pg_policy y WHERE y.polrelid = a.relation AND y.polcmd = ANY ('{r,*}')
                                     AND y.polname <> ALL ('{crm_select,crm_insert,crm_update,crm_delete}')) AS by_model,
                 p.relation IS NOT NULL AND decided_by_copy(p) AS by_copy, p.owner_column IS NOT NULL AS by_owner,
                 coalesce(p.key_mapped OR p.key_columns IS NOT NULL, false) AS by_share
          FROM adoption a
          JOIN pg_class c ON c.oid = a.relation
          CROSS JOIN LATERAL (SELECT has_schema_privilege(asker, c.relnamespace, 'USAGE') AS may) u
          LEFT JOIN protection p ON p.relation = a.relation) t;
END
$$;
COMMENT ON FUNCTION @extschema@.record_access() IS
    'What the caller may see of the rows of each adopted table: all; none; unit, which is what visible() grants for a row''s unit, or '
    'while undenied() holds owned() (with by_owner) for its owner and shared() (with by_share) for its key, all as mapped; or policy, '
    'the same by other columns than are mapped: policy_condition() and policy_grants() say it. reads is for rows (privilege read), '
    'tells for the story (privilege story). An open table follows the SELECT privilege; one with policies of a team''s own is shown '
    'to nobody whom they bind.';

CREATE FUNCTION @extschema@.policy_grants(relation regclass, decides jsonb, privilege text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE COST 100 SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT coalesce(decides ?& ARRAY(SELECT n FROM deciding_names(p) n)
        AND (CASE p.combine WHEN 'all' THEN u.all_visible ELSE u.one_visible AND u.undenied END
             OR u.undenied AND (p.owner_column IS NOT NULL AND owned(decides ->> p.owner_column::text, p.object, privilege)
                                OR (p.key_mapped OR p.key_columns IS NOT NULL) AND shared(decides ->> '', p.relation, privilege))), false)
    FROM protection p
    CROSS JOIN LATERAL (
        SELECT bool_and(visible(decides ->> h.value, p.object, privilege, h.key, p.fallback_unit)) AS all_visible,
               bool_or(visible(decides ->> h.value, p.object, privilege, h.key, p.fallback_unit)) AS one_visible,
               bool_and(undenied(decides ->> h.value, p.object, privilege, h.key, p.fallback_unit)) AS undenied
        FROM jsonb_each_text(p.units) h) u
    WHERE p.relation = $1
$$;
COMMENT ON FUNCTION @extschema@.policy_grants(regclass, jsonb, text) IS
    'Whether the policies of a protected table grant the caller a privilege on a record, by record_copy.decides: false while that was '
    'not read since the table is protected so.';

-- The condition on record_copy stands here once; what is built on it brings the attributes along.
CREATE VIEW @extschema@.record_readable AS
SELECT c AS copy, c.*, a.department,
       CASE a.shows WHEN 'all' THEN true WHEN 'none' THEN false
           WHEN 'policy' THEN @extschema@.policy_grants(c.relation, c.decides, 'read')
           ELSE @extschema@.visible(c.unit, a.object, 'read', a.hierarchy, a.fallback)
                OR (a.by_owner AND @extschema@.owned(c.owner, a.object, 'read')
                    OR a.by_share AND @extschema@.shared(c.record_key, c.relation, 'read'))
                   AND @extschema@.undenied(c.unit, a.object, 'read', a.hierarchy, a.fallback) END AS readable
FROM @extschema@.record_copy c
JOIN @extschema@.record_access() a ON a.relation OPERATOR(pg_catalog.=) c.relation;
COMMENT ON VIEW @extschema@.record_readable IS
    'record_copy with department and whether the caller may read the record. All records: for crm''s own functions and views.';

CREATE VIEW @extschema@.customer_record WITH (security_barrier) AS
SELECT r.relation, r.record_key, l.customer_id, r.entity, r.department
FROM @extschema@.record_readable r LEFT JOIN @extschema@.record_link l USING (record_no)
WHERE r.readable;
COMMENT ON VIEW @extschema@.customer_record IS
    'Which customer each registered record means (NULL until linked); only records that the reader may read.';
GRANT SELECT ON @extschema@.customer_record TO PUBLIC;

CREATE FUNCTION @extschema@.customer_of(relation regclass, record_key text)
RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE COST 100
AS $$ SELECT c.customer_id FROM @extschema@.customer_record c
      WHERE c.relation OPERATOR(pg_catalog.=) $1 AND c.record_key OPERATOR(pg_catalog.=) $2 $$;
COMMENT ON FUNCTION @extschema@.customer_of(regclass, text) IS
    'The customer that a record means, NULL until linked or where the caller may not read the record.';
