-- What `crmd check` compares with its own file: names only.
CREATE FUNCTION @extschema@.endpoint_section()
RETURNS TABLE (endpoint text, kind text, secret_ref text)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 10
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT e.endpoint, e.kind, e.secret_ref FROM endpoint e WHERE e.enabled ORDER BY e.endpoint;
END
$$;
COMMENT ON FUNCTION @extschema@.endpoint_section IS
'For crmd check: the endpoints that are switched on, each with the section of crmd''s own file that it needs.';
SELECT @extschema@.set_audience('endpoint_section()', 'daemon');
