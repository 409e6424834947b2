-- Promised for the whole house, not built yet.

CREATE FUNCTION @extschema@.export_config() RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT NULL::jsonb FROM not_yet('export_config')
$$;
COMMENT ON FUNCTION @extschema@.export_config() IS 'Not built yet: the whole configuration as one document.';

CREATE FUNCTION @extschema@.apply_config(config jsonb, dry_run boolean DEFAULT false)
    RETURNS TABLE (path text, action text, detail text)
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT NULL::text, NULL::text, NULL::text FROM not_yet('apply_config')
$$;
COMMENT ON FUNCTION @extschema@.apply_config(jsonb, boolean) IS 'Not built yet: applies a document of export_config.';

CREATE FUNCTION @extschema@.set_retention(item text, keep interval) RETURNS void
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT not_yet('set_retention')
$$;
COMMENT ON FUNCTION @extschema@.set_retention(text, interval) IS 'Not built yet: how long something that grows is kept.';
