-- Registering: what adopt attaches for this room.
CREATE FUNCTION @extschema@.register_records(relation regclass) RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, @extschema@, pg_temp
AS $$ BEGIN PERFORM not_yet('register_records'); END $$;
