-- How the organisation reckons: its own currency, and when its fiscal year begins.

CREATE TABLE @extschema@.finance_setting (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    home_currency text CHECK (home_currency ~ '^[A-Z]{3}$'),
    fiscal_month integer NOT NULL DEFAULT 1 CHECK (fiscal_month >= 1 AND fiscal_month <= 12)
);
COMMENT ON TABLE @extschema@.finance_setting IS
'At most one row: the organisation''s own currency, which amounts without one are in, and the month in which its fiscal year begins.';
SELECT pg_catalog.pg_extension_config_dump('@extschema@.finance_setting', '');

CREATE FUNCTION @extschema@.fiscal_month() RETURNS integer
    LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN coalesce((SELECT f.fiscal_month FROM finance_setting f), 1);
END
$$;
COMMENT ON FUNCTION @extschema@.fiscal_month() IS 'The month in which the fiscal year begins, 1 to 12; 1 unless set_fiscal_year said another.';

CREATE FUNCTION @extschema@.home_currency() RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN (SELECT f.home_currency FROM @extschema@.finance_setting f);
COMMENT ON FUNCTION @extschema@.home_currency() IS 'The organisation''s own currency; NULL unless set_home_currency said one.';

CREATE FUNCTION @extschema@.set_fiscal_year(first_month integer) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF NOT coalesce(first_month BETWEEN 1 AND 12, false) THEN
        RAISE EXCEPTION 'a fiscal year begins in a month from 1 to 12, not in %', coalesce(first_month::text, 'NULL')
            USING ERRCODE = 'RM005', HINT = 'For April type SELECT set_fiscal_year(4);';
    END IF;
    INSERT INTO finance_setting (fiscal_month) VALUES (first_month)
    ON CONFLICT (only_row) DO UPDATE SET fiscal_month = excluded.fiscal_month;
END
$$;
COMMENT ON FUNCTION @extschema@.set_fiscal_year(integer) IS
'Says in which month the fiscal year begins, on its first day: for the grains fiscal_quarter and fiscal_year of kpi() and the columns of '
'dim_date. A fiscal year is named by the calendar year in which it ends. Error: RM005. Example: SELECT crm.set_fiscal_year(4);';
SELECT @extschema@.set_audience('set_fiscal_year(integer)', 'admin');

-- Shifting by whole months never leaves the month that it lands in, so a truncated day is exact also on the 31st.
CREATE FUNCTION @extschema@.fiscal_trunc(grain text, day date, first_month integer) RETURNS date
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (pg_catalog.date_trunc(grain, day::timestamp - pg_catalog.make_interval(months => first_month - 1))
            + pg_catalog.make_interval(months => first_month - 1))::date;
COMMENT ON FUNCTION @extschema@.fiscal_trunc(text, date, integer) IS
'The first day of the fiscal quarter or year (grain) that a day is in, where fiscal years begin in first_month. '
'Example: SELECT crm.fiscal_trunc(''year'', ''2026-03-31'', 4);';

CREATE FUNCTION @extschema@.require_currency(currency text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF NOT coalesce(upper(btrim(currency)) ~ '^[A-Z]{3}$', false) THEN
        RAISE EXCEPTION 'a currency is a code of three letters, not "%"', coalesce(currency, 'NULL')
            USING ERRCODE = 'RM005', HINT = 'Type the code of ISO 4217, for example ''EUR''.';
    END IF;
    RETURN upper(btrim(currency));
END
$$;
COMMENT ON FUNCTION @extschema@.require_currency(text) IS 'The code of a currency in capital letters; raises RM005 for what is none.';

CREATE FUNCTION @extschema@.set_home_currency(currency text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    INSERT INTO finance_setting (home_currency) VALUES (CASE WHEN currency IS NOT NULL THEN require_currency(currency) END)
    ON CONFLICT (only_row) DO UPDATE SET home_currency = excluded.home_currency;
END
$$;
COMMENT ON FUNCTION @extschema@.set_home_currency(text) IS
'Says which currency is the organisation''s own (NULL: none): amounts without a currency are in it, rates between two others go through '
'it unless set_rate_base says otherwise, and crm_bi.kpi_value_home is in it. Error: RM005. Example: SELECT crm.set_home_currency(''EUR'');';
SELECT @extschema@.set_audience('set_home_currency(text)', 'admin');
