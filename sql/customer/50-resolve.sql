-- Linking.
CREATE FUNCTION @extschema@.resolve_pending() RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, @extschema@, pg_temp
AS $$ BEGIN PERFORM not_yet('resolve_pending'); END $$;
CREATE PROCEDURE @extschema@.resolve(INOUT report jsonb DEFAULT NULL)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, @extschema@, pg_temp
AS $$ BEGIN PERFORM not_yet('resolve'); END $$;
