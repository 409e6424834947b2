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

CREATE FUNCTION @extschema@.start_access_review(unit text)
    RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM not_yet('start_access_review');
END
$$;
COMMENT ON FUNCTION @extschema@.start_access_review(text) IS 'Asks the managers of a unit to confirm each membership and share. Not built yet.';

CREATE FUNCTION @extschema@.access_review_rows()
    RETURNS TABLE (review bigint, unit text, principal text, role text, reviewer text, verdict text, decided_at timestamptz)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM not_yet('access_review');
END
$$;
COMMENT ON FUNCTION @extschema@.access_review_rows() IS 'The rows of access_review. Not built yet.';

CREATE VIEW @extschema@.access_review AS SELECT r.* FROM @extschema@.access_review_rows() r;
COMMENT ON VIEW @extschema@.access_review IS 'What reviewers were asked and what they decided. Not built yet.';
