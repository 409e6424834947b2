-- Customers as their readers see them: golden values from the records that this reader may see.

CREATE FUNCTION @extschema@.record_access()
RETURNS TABLE (relation regclass, object text, department text, reads text, tells text)
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER ROWS 10 COST 1000
SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    asker CONSTANT regrole := caller();
    unbound CONSTANT boolean := (SELECT r.rolsuper OR r.rolbypassrls FROM pg_roles r WHERE r.oid = caller());
    principal text;
BEGIN
    IF NOT unbound THEN
        principal := current_principal();
    END IF;
    RETURN QUERY
    SELECT a.relation, a.relation::text, a.department,
           CASE WHEN unbound THEN 'all'
                WHEN NOT has_table_privilege(asker, a.relation, 'SELECT') THEN 'none'
                WHEN NOT c.relrowsecurity THEN 'all'
                WHEN principal IS NOT NULL THEN 'unit'
                ELSE 'none' END,
           CASE WHEN unbound THEN 'all'
                WHEN NOT c.relrowsecurity AND has_table_privilege(asker, a.relation, 'SELECT') THEN 'all'
                WHEN principal IS NOT NULL THEN 'unit'
                ELSE 'none' END
    FROM adoption a JOIN pg_class c ON c.oid = a.relation;
END
$$;
COMMENT ON FUNCTION @extschema@.record_access() IS
    'What the caller may see of the records of each adopted table: all, none, or what visible() grants by unit; '
    'reads is for rows (privilege read), tells for the story (privilege story). A protected table (row-level '
    'security on) follows visible(), an open one the SELECT privilege.';

CREATE VIEW @extschema@.customer_record WITH (security_barrier) AS
SELECT r.relation, r.record_key, r.customer_id, r.entity, a.department
FROM @extschema@.record r
JOIN @extschema@.record_access() a ON a.relation OPERATOR(pg_catalog.=) r.relation
WHERE a.reads OPERATOR(pg_catalog.=) 'all';
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
       (pg_catalog.array_agg(r.email) FILTER (WHERE r.email IS NOT NULL))[1] AS email,
       (pg_catalog.array_agg(r.phone) FILTER (WHERE r.phone IS NOT NULL))[1] AS phone,
       (pg_catalog.array_agg(r.website) FILTER (WHERE r.website IS NOT NULL))[1] AS website,
       (pg_catalog.array_agg(r.address) FILTER (WHERE r.address IS NOT NULL))[1] AS address,
       (pg_catalog.array_agg(r.postcode) FILTER (WHERE r.postcode IS NOT NULL))[1] AS postcode,
       (pg_catalog.array_agg(r.city) FILTER (WHERE r.city IS NOT NULL))[1] AS city,
       (pg_catalog.array_agg(r.country) FILTER (WHERE r.country IS NOT NULL))[1] AS country,
       (pg_catalog.array_agg(r.birth_date) FILTER (WHERE r.birth_date IS NOT NULL))[1] AS birth_date,
       (pg_catalog.array_agg(r.tax_id) FILTER (WHERE r.tax_id IS NOT NULL))[1] AS tax_id,
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
      WHERE r.customer_id IS NOT NULL AND a.reads OPERATOR(pg_catalog.=) 'all'
      ORDER BY r.customer_id, r.created_at DESC NULLS LAST, r.record_key, r.relation) r
GROUP BY r.customer_id;
COMMENT ON VIEW @extschema@.customer IS
    'One row for each customer. Golden values are the latest non-null ones by created_at, ties by table and key, '
    'taken only from records that the reader may read.';
GRANT SELECT ON @extschema@.customer, @extschema@.customer_record TO PUBLIC;

CREATE FUNCTION @extschema@.customer_of(relation regclass, record_key text)
RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE COST 100
AS $$ SELECT c.customer_id FROM @extschema@.customer_record c
      WHERE c.relation OPERATOR(pg_catalog.=) $1 AND c.record_key OPERATOR(pg_catalog.=) $2 $$;
COMMENT ON FUNCTION @extschema@.customer_of(regclass, text) IS
    'The customer that a record means, NULL until linked or where the caller may not read the record.';
