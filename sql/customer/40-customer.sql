-- Customers as their readers see them: golden values from the records that this reader may see.

CREATE FUNCTION @extschema@.record_access()
RETURNS TABLE (relation regclass, object text, department text, hierarchy text, fallback text, by_owner boolean, reads text,
               tells text)
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER ROWS 10 COST 1000
SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    asker CONSTANT oid := caller()::oid;
    unbound CONSTANT boolean := (SELECT r.rolsuper OR r.rolbypassrls FROM pg_roles r WHERE r.oid = asker);
    named CONSTANT boolean := NOT unbound AND current_principal() IS NOT NULL;
BEGIN
    RETURN QUERY
    SELECT t.relation, object_of(t.relation), t.department, t.hierarchy, t.fallback, t.by_owner,
           CASE WHEN unbound THEN 'all' WHEN NOT t.may_select THEN 'none' WHEN t.open THEN 'all'
                WHEN named AND t.by_model THEN 'unit' ELSE 'none' END,
           CASE WHEN unbound OR t.may_select AND t.open THEN 'all'
                WHEN named AND (t.open OR t.by_model) THEN 'unit' ELSE 'none' END
    FROM (SELECT a.relation, a.department, h.hierarchy, coalesce(p.fallback_unit, a.fallback_unit) AS fallback,
                 has_table_privilege(asker, a.relation, 'SELECT')
                     AND has_schema_privilege(asker, c.relnamespace, 'USAGE') AS may_select,
                 NOT c.relrowsecurity OR NOT c.relforcerowsecurity AND pg_has_role(asker, c.relowner, 'USAGE') AS open,
                 p.relation IS NOT NULL AND h.hierarchy IS NOT NULL AS by_model,
                 coalesce(p.owner_column = o.expression, false) AS by_owner
          FROM adoption a
          JOIN pg_class c ON c.oid = a.relation
          LEFT JOIN protection p ON p.relation = a.relation
          LEFT JOIN adoption_attribute u ON u.relation = a.relation AND u.attribute = 'unit'
          LEFT JOIN adoption_attribute o ON o.relation = a.relation AND o.attribute = 'owner'
          LEFT JOIN LATERAL (SELECT e.key AS hierarchy FROM jsonb_each_text(p.units) e
                             WHERE p.units = jsonb_build_object(e.key, u.expression)) h ON true) t;
END
$$;
COMMENT ON FUNCTION @extschema@.record_access() IS
    'What the caller may see of the rows of each adopted table: all, none, or unit, which is what visible() and, with '
    'by_owner, owned() grant for a row''s unit and owner. reads is for rows (privilege read), tells for the story '
    '(privilege story). An open table follows the SELECT privilege; a protected one the model, where it is protected by '
    'the one unit column that its adoption maps, and is not shown where it is protected otherwise.';

CREATE VIEW @extschema@.customer_record WITH (security_barrier) AS
SELECT r.relation, r.record_key, r.customer_id, r.entity, a.department
FROM @extschema@.record r
JOIN @extschema@.record_access() a ON a.relation OPERATOR(pg_catalog.=) r.relation
WHERE (a.reads OPERATOR(pg_catalog.=) 'all'
   OR a.reads OPERATOR(pg_catalog.=) 'unit'
      AND (@extschema@.visible(r.unit, a.object, 'read', a.hierarchy, a.fallback)
           OR a.by_owner AND @extschema@.owned(r.owner, a.object, 'read')));
COMMENT ON VIEW @extschema@.customer_record IS
    'Which customer each registered record means (NULL until linked); only records that the reader may read.';

-- The sorted subquery feeds every array_agg in golden order: the latest value first, ties by relation and key.
CREATE VIEW @extschema@.customer WITH (security_barrier) AS
SELECT r.customer_id,
       (pg_catalog.array_agg(r.kind) FILTER (WHERE r.kind IS NOT NULL))[1] AS kind,
       (pg_catalog.array_agg(r.name) FILTER (WHERE r.name IS NOT NULL))[1] AS name,
       (pg_catalog.array_agg(r.given_name) FILTER (WHERE r.given_name IS NOT NULL))[1] AS given_name,
       (pg_catalog.array_agg(r.family_name) FILTER (WHERE r.family_name IS NOT NULL))[1] AS family_name,
       (pg_catalog.array_agg(r.company) FILTER (WHERE r.company IS NOT NULL))[1] AS company,
       COALESCE((pg_catalog.array_agg(r.email) FILTER (WHERE r.email_key IS NOT NULL))[1],
                (pg_catalog.array_agg(r.email) FILTER (WHERE r.email IS NOT NULL))[1]) AS email,
       COALESCE((pg_catalog.array_agg(r.phone) FILTER (WHERE r.phone_key IS NOT NULL))[1],
                (pg_catalog.array_agg(r.phone) FILTER (WHERE r.phone IS NOT NULL))[1]) AS phone,
       (pg_catalog.array_agg(r.website) FILTER (WHERE r.website IS NOT NULL))[1] AS website,
       (pg_catalog.array_agg(r.address) FILTER (WHERE r.address IS NOT NULL))[1] AS address,
       (pg_catalog.array_agg(r.postcode) FILTER (WHERE r.postcode IS NOT NULL))[1] AS postcode,
       (pg_catalog.array_agg(r.city) FILTER (WHERE r.city IS NOT NULL))[1] AS city,
       (pg_catalog.array_agg(r.region) FILTER (WHERE r.region IS NOT NULL))[1] AS region,
       (pg_catalog.array_agg(r.country) FILTER (WHERE r.country IS NOT NULL))[1] AS country,
       (pg_catalog.array_agg(r.birth_date) FILTER (WHERE r.birth_date IS NOT NULL))[1] AS birth_date,
       (pg_catalog.array_agg(r.tax_id) FILTER (WHERE r.tax_id IS NOT NULL))[1] AS tax_id,
       (pg_catalog.array_agg(r.gender) FILTER (WHERE r.gender IS NOT NULL))[1] AS gender,
       (pg_catalog.array_agg(r.job_title) FILTER (WHERE r.job_title IS NOT NULL))[1] AS job_title,
       (pg_catalog.array_agg(r.segment) FILTER (WHERE r.segment IS NOT NULL))[1] AS segment,
       pg_catalog.min(r.created_at) AS created_at,
       pg_catalog.count(*) AS records
FROM (SELECT r.*,
             CASE WHEN r.kind OPERATOR(pg_catalog.=) 'organisation' THEN COALESCE(r.company, r.full_name)
                  ELSE COALESCE(r.full_name,
                                NULLIF(pg_catalog.concat_ws(' ', r.given_name, r.family_name), ''),
                                r.company) END AS name
      FROM @extschema@.record r
      JOIN @extschema@.record_access() a ON a.relation OPERATOR(pg_catalog.=) r.relation
      WHERE r.customer_id IS NOT NULL AND (a.reads OPERATOR(pg_catalog.=) 'all'
         OR a.reads OPERATOR(pg_catalog.=) 'unit'
            AND (@extschema@.visible(r.unit, a.object, 'read', a.hierarchy, a.fallback)
                 OR a.by_owner AND @extschema@.owned(r.owner, a.object, 'read')))
      ORDER BY r.customer_id, r.created_at DESC NULLS LAST, r.record_key, r.relation) r
GROUP BY r.customer_id;
COMMENT ON VIEW @extschema@.customer IS
    'One row for each customer. Golden values are the latest non-null ones by created_at, ties by key; an e-mail or phone that '
    'is valid goes before one that is not. They are taken only from records that the reader may read.';
GRANT SELECT ON @extschema@.customer, @extschema@.customer_record TO PUBLIC;

CREATE FUNCTION @extschema@.customer_of(relation regclass, record_key text)
RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE COST 100
AS $$ SELECT c.customer_id FROM @extschema@.customer_record c
      WHERE c.relation OPERATOR(pg_catalog.=) $1 AND c.record_key OPERATOR(pg_catalog.=) $2 $$;
COMMENT ON FUNCTION @extschema@.customer_of(regclass, text) IS
    'The customer that a record means, NULL until linked or where the caller may not read the record.';
