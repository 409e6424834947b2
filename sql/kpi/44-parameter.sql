-- What no table tells: shares that somebody decides.
CREATE TABLE @extschema@.kpi_parameter (
    parameter text PRIMARY KEY,
    value numeric NOT NULL,
    set_by text NOT NULL,
    set_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE @extschema@.kpi_parameter IS
'Numbers that derived KPIs name beside other KPIs, such as gross_margin; set_kpi_parameter writes them.';
SELECT pg_catalog.pg_extension_config_dump('@extschema@.kpi_parameter', '');

CREATE FUNCTION @extschema@.kpi_parameters() RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN ARRAY['gross_margin'];
COMMENT ON FUNCTION @extschema@.kpi_parameters() IS 'The parameters of KPIs that there are: gross_margin, the share of revenue that is left after the cost of what is sold.';

CREATE FUNCTION @extschema@.set_kpi_parameter(parameter text, value numeric) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF NOT coalesce(parameter = ANY (kpi_parameters()), false) THEN
        PERFORM raise_unknown('parameter of KPIs', coalesce(parameter, ''), kpi_parameters());
    ELSIF value IS NULL THEN
        DELETE FROM kpi_parameter p WHERE p.parameter = set_kpi_parameter.parameter;
        RETURN;
    ELSIF NOT (value > 0 AND value <= 1) THEN
        RAISE EXCEPTION 'a gross margin is a share above 0 and up to 1, not %', value
            USING ERRCODE = 'RM005', HINT = 'For example SELECT set_kpi_parameter(''gross_margin'', 0.7);';
    END IF;
    INSERT INTO kpi_parameter (parameter, value, set_by) VALUES (parameter, value, caller()::text)
    ON CONFLICT ON CONSTRAINT kpi_parameter_pkey DO UPDATE SET value = excluded.value, set_by = excluded.set_by, set_at = now();
END
$$;
COMMENT ON FUNCTION @extschema@.set_kpi_parameter(text, numeric) IS
'Sets a number that KPIs need and no table tells; NULL takes it back, and the KPIs that need it have no value. gross_margin: the share (0 to 1) '
'of revenue that is left after the cost of what is sold; ltv and payback_months need it. Errors: RM001, RM005. '
'Example: SELECT crm.set_kpi_parameter(''gross_margin'', 0.7);';
SELECT @extschema@.set_audience('set_kpi_parameter(text, numeric)', 'admin');

