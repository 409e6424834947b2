-- What this room knows of personal data: that of the people who work with it.

CREATE FUNCTION @extschema@.inventory_org() RETURNS SETOF @extschema@.inventory_row
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 20 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT 'org', '@extschema@.' || i.relation, i.name, i.purpose, NULL::interval, i.readers
    FROM (VALUES ('principal', 'name', 'who works with the data: names of one''s own people', ARRAY['view crm_bi.dim_owner', 'function whoami']),
                 ('principal', 'role_name', 'who is which database role', ARRAY['function whoami']),
                 ('principal_alias', 'alias', 'who is meant by an owner column', '{}'::text[]),
                 ('membership', 'principal', 'who belongs to which unit, when and in which role', ARRAY['function explain_access']),
                 ('team_member', 'principal', 'who is in which team', ARRAY['function explain_access']),
                 ('denial', 'principal', 'who is denied what', ARRAY['view denial_list']),
                 ('shared_record', 'principal', 'with whom a record is shared', ARRAY['function who_can_access']),
                 ('review_entry', 'principal_name', 'whose right was reviewed', ARRAY['view access_review'])) AS i (relation, name, purpose, readers)
$$;
COMMENT ON FUNCTION @extschema@.inventory_org() IS 'For data_inventory(): tables of this room, about one''s own people.';
SELECT @extschema@.set_audience('inventory_org()', 'admin');
INSERT INTO @extschema@.inventory_source (function_name, room) VALUES ('inventory_org', 'org');
