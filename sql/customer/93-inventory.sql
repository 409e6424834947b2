-- What this room knows of personal data: the mapped columns of the teams' tables, and its own tables.

CREATE FUNCTION @extschema@.inventory_adopted() RETURNS SETOF @extschema@.inventory_row
LANGUAGE sql STABLE PARALLEL SAFE ROWS 50 SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT 'base', table_name(a.relation), c.name, string_agg(DISTINCT format('%s: %s', p.attribute, p.purpose), '; '), NULL::interval,
           select_grantees(a.relation, c.name)
           || CASE WHEN EXISTS (SELECT FROM protection x WHERE x.relation = a.relation)
                   THEN ARRAY(SELECT DISTINCT 'role ' || g.role FROM role_privilege g
                              WHERE g.privilege = 'read' AND g.object IN ('*', object_of(a.relation)) ORDER BY 1) ELSE '{}' END
    FROM adoption a
    JOIN personal_attribute p ON p.entity = a.entity
    CROSS JOIN LATERAL unnest(attribute_columns(a.relation, ARRAY[p.attribute])) AS c (name)
    GROUP BY a.relation, c.name
$$;
COMMENT ON FUNCTION @extschema@.inventory_adopted() IS 'For data_inventory(): columns of adopted tables behind mapped personal attributes.';
SELECT @extschema@.set_audience('inventory_adopted()', 'admin');

CREATE FUNCTION @extschema@.inventory_customer() RETURNS SETOF @extschema@.inventory_row
LANGUAGE sql STABLE PARALLEL SAFE ROWS 50 SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT 'customer', '@extschema@.' || i.relation, i.name, i.purpose, NULL::interval, i.readers
    FROM (SELECT 'record_copy' AS relation, a.attname::text AS name, 'a copy of what rows say, for matching and the golden record' AS purpose,
                 ARRAY['view customer', 'view customer_value', 'function customer_360', 'function export_customer'] AS readers
          FROM pg_attribute a
          WHERE a.attrelid = '@extschema@.record_copy'::regclass AND a.attnum > 0 AND NOT a.attisdropped
            AND (a.attname::text IN (SELECT p.attribute FROM personal_attribute p WHERE p.entity = 'customer')
                 OR a.attname IN ('record_key', 'parent_key', 'email_key', 'phone_key', 'tax_key'))
          UNION ALL
          VALUES ('record_dirty', 'record_key', 'reading rows again that changed', ARRAY[]::text[]),
                 ('shared_value', 'value', 'not linking by values that many share', ARRAY['function doctor']),
                 ('verdict', 'reason', 'why two records were decided on', ARRAY['function explain_match']),
                 ('golden_value', 'value', 'golden values that people set', ARRAY['view customer', 'view customer_value']),
                 ('golden_value', 'reason', 'why they were set', ARRAY['view customer_value']),
                 ('identification', 'anonymous_id', 'joining touches to who made them', ARRAY['view identified', 'function customer_timeline']),
                 ('consent_entry', 'reason', 'showing consent', ARRAY['view consent', 'function explain_contact']),
                 ('consent_entry', 'evidence', 'showing consent', ARRAY['view consent', 'function explain_contact']),
                 ('consent_problem', 'path', 'consents that are not understood', ARRAY['view status']),
                 ('restriction', 'reason', 'showing restrictions', ARRAY['function export_customer']),
                 ('restriction', 'lifted_reason', 'showing restrictions', ARRAY['function export_customer']),
                 ('suppressed_record', 'record_key', 'keeping erased persons out', ARRAY['view status']),
                 ('released_record', 'reason', 'why an erased person is read again', ARRAY[]::text[]),
                 ('tombstone', 'hash', 'keeping erased persons out, by keyed hashes', ARRAY['function verify_erasure']),
                 ('row_merge', 'reason', 'taking merges back', ARRAY['view merge_log']),
                 ('merge_change', 'before', 'taking merges back: whole rows as they were', ARRAY['function merge_rows_of']),
                 ('merge_change', 'after', 'taking merges back', ARRAY['function merge_rows_of']),
                 ('merge_held', 'held', 'taking merges back: what rooms held of the rows', ARRAY[]::text[]),
                 ('merge_finding', 'wanted', 'what could not be taken back', ARRAY['function unmerge_report']),
                 ('merge_finding', 'found', 'what could not be taken back', ARRAY['function unmerge_report']),
                 ('merge_redirected', 'meant', 'rows sent to the kept row', ARRAY[]::text[]),
                 ('link_frequency', 'hash', 'how rare a value is, by hashes of values that several records have', ARRAY[]::text[])) i
    WHERE EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = '@extschema@'::regnamespace AND c.relname = i.relation)
$$;
COMMENT ON FUNCTION @extschema@.inventory_customer() IS 'For data_inventory(): tables of this room.';
SELECT @extschema@.set_audience('inventory_customer()', 'admin');

-- What the rooms named in free_text is in the inventory by that; those of this room stand above, with who reads them.
CREATE FUNCTION @extschema@.inventory_texts() RETURNS SETOF @extschema@.inventory_row
LANGUAGE sql STABLE PARALLEL SAFE ROWS 20 SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT f.room, '@extschema@.' || f.relation, f."column", 'free text, which may name anybody: ' || f.purpose, NULL::interval, '{}'::text[]
    FROM free_text f WHERE f.room <> 'customer'
$$;
COMMENT ON FUNCTION @extschema@.inventory_texts() IS 'For data_inventory(): free texts of the other rooms.';
SELECT @extschema@.set_audience('inventory_texts()', 'admin');

INSERT INTO @extschema@.inventory_source (function_name, room)
VALUES ('inventory_adopted', 'base'), ('inventory_customer', 'customer'), ('inventory_texts', 'customer');
