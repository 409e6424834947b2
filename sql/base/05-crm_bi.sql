-- The schema for BI tools: plain views with base types only, each with the caller's rights applied.
CREATE SCHEMA crm_bi;
COMMENT ON SCHEMA crm_bi IS 'Views of crm for BI tools: base types only, the rights of whoever asks applied.';
GRANT USAGE ON SCHEMA crm_bi TO PUBLIC;

-- Of every number in crm_bi the type says how large it can be: tools read that first, and some of them stop at 28 digits.
CREATE FUNCTION @extschema@.reported(value numeric) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN pg_catalog.abs(value) OPERATOR(pg_catalog.<) 1e18 THEN value END;
COMMENT ON FUNCTION @extschema@.reported(numeric) IS
'A number as a column of the type numeric(24,6) can hold it; NULL for NaN, infinities and what is 1e18 or more.';
