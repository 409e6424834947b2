-- Promised, and an error that says so until something is behind it.

CREATE FUNCTION @extschema@.attribution(model text, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL)
    RETURNS TABLE (channel text, campaign text, credit numeric, amount numeric)
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM not_yet('attribution of wins to touches (attribution)');
END
$$;
COMMENT ON FUNCTION @extschema@.attribution(text, timestamptz, timestamptz) IS
'Credits of channels and campaigns for wins, by a model. Not built yet.';
