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
                 OR a.attname IN ('email_key', 'phone_key', 'tax_key'))
          UNION ALL
          SELECT c.relname, a.attname, 'by keys of records: as personal as the keys of the team''s tables are', '{}'
          FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
          WHERE c.relnamespace = '@extschema@'::regnamespace AND c.relkind = 'r' AND c.relname !~ '^(transition|journey)_'
            AND a.attname IN ('record_key', 'parent_key', 'merged_key', 'key_a', 'key_b', 'row_key', 'keep_key', 'after_key', 'keep_record_key')
          UNION ALL
          VALUES ('golden_value', 'value', 'golden values that people set', ARRAY['view customer', 'view customer_value']),
                 ('identification', 'anonymous_id', 'joining touches to who made them', ARRAY['view identified', 'function customer_timeline']),
                 ('consent_problem', 'path', 'consents that are not understood', ARRAY['view status']),
                 ('erasure', 'reason', 'why somebody was erased, with [erased] for what names them', ARRAY[]::text[]),
                 ('tombstone', 'hash', 'keeping erased persons out, by keyed hashes', ARRAY['function verify_erasure']),
                 ('merge_change', 'before', 'taking merges back: whole rows as they were', ARRAY['function merge_rows_of']),
                 ('merge_change', 'after', 'taking merges back', ARRAY['function merge_rows_of']),
                 ('merge_held', 'held', 'taking merges back: what rooms held of the rows', ARRAY[]::text[]),
                 ('merge_finding', 'wanted', 'what could not be taken back', ARRAY['function unmerge_report']),
                 ('merge_finding', 'found', 'what could not be taken back', ARRAY['function unmerge_report']),
                 ('merge_redirected', 'meant', 'rows sent to the kept row', ARRAY[]::text[]),
                 ('merge_redirected', 'given', 'rows sent to the kept row', ARRAY[]::text[]),
                 ('parked_record', 'content', 'what people said of records of a table that is gone, until it is there again', ARRAY[]::text[]),
                 ('export_made', 'customer_id', 'who exported which customer: by number, which names nobody once the customer is erased', ARRAY['view export_log']),
                 ('link_frequency', 'hash', 'how rare a value is, by hashes of values that several records have', ARRAY[]::text[]),
                 ('link_block', 'entries', 'finding who is alike, by hashes of words and values', ARRAY[]::text[]),
                 ('link_key', 'keys', 'finding who is alike, by hashes of words and values', ARRAY[]::text[])) i
    WHERE EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = '@extschema@'::regnamespace AND c.relname = i.relation)
$$;
COMMENT ON FUNCTION @extschema@.inventory_customer() IS 'For data_inventory(): tables of this room.';
SELECT @extschema@.set_audience('inventory_customer()', 'admin');

-- What the rooms named in free_text is in the inventory by that.
CREATE FUNCTION @extschema@.inventory_texts() RETURNS SETOF @extschema@.inventory_row
LANGUAGE sql STABLE PARALLEL SAFE ROWS 20 SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT f.room, '@extschema@.' || f.relation, f."column", 'free text, which may name anybody: ' || f.purpose, NULL::interval, f.readers
    FROM free_text f
$$;
COMMENT ON FUNCTION @extschema@.inventory_texts() IS 'For data_inventory(): free texts of all rooms.';
SELECT @extschema@.set_audience('inventory_texts()', 'admin');

INSERT INTO @extschema@.inventory_source (function_name, room)
VALUES ('inventory_adopted', 'base'), ('inventory_customer', 'customer'), ('inventory_texts', 'customer');
