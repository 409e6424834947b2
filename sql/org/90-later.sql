-- Promised and not built yet: each says so.

CREATE FUNCTION @extschema@.share(relation pg_catalog.regclass, key text, grantee text, privileges text[] DEFAULT '{read}', until timestamptz DEFAULT NULL, reason text DEFAULT NULL)
    RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM not_yet('share');
END
$$;
COMMENT ON FUNCTION @extschema@.share(pg_catalog.regclass, text, text, text[], timestamptz, text) IS 'Shares one record with a principal or unit, until an instant, with a reason. Not built yet.';

CREATE FUNCTION @extschema@.unshare(relation pg_catalog.regclass, key text, grantee text)
    RETURNS integer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM not_yet('unshare');
END
$$;
COMMENT ON FUNCTION @extschema@.unshare(pg_catalog.regclass, text, text) IS 'Takes back share. Not built yet.';
