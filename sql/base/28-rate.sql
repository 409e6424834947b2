-- Exchange rates, in named sets. Amounts stay as they were written; whoever reads converts, by the rate of a day.

CREATE TABLE @extschema@.exchange_rate (
    rate_set text NOT NULL,
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    into_currency text NOT NULL CHECK (into_currency ~ '^[A-Z]{3}$'),
    on_date date NOT NULL CHECK (pg_catalog.isfinite(on_date)),
    rate numeric NOT NULL CHECK (rate > 0 AND rate < 'Infinity'),
    PRIMARY KEY (rate_set, currency, into_currency, on_date),
    CHECK (currency <> into_currency)
);
COMMENT ON TABLE @extschema@.exchange_rate IS
'What one unit of currency was worth in into_currency from on_date on, until the next rate of the pair; in sets such as default, budget.';
SELECT pg_catalog.pg_extension_config_dump('@extschema@.exchange_rate', '');

CREATE TABLE @extschema@.rate_base (
    rate_set text PRIMARY KEY,
    base text NOT NULL CHECK (base ~ '^[A-Z]{3}$')
);
COMMENT ON TABLE @extschema@.rate_base IS 'Through which currency the rates of a set cross; the home currency where a set has no row.';
SELECT pg_catalog.pg_extension_config_dump('@extschema@.rate_base', '');

CREATE FUNCTION @extschema@.set_rate(currency text, into_currency text, on_date date, rate numeric, rate_set text DEFAULT 'default')
    RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    given CONSTANT text := require_currency(currency);
    target CONSTANT text := require_currency(into_currency);
BEGIN
    IF given = target THEN
        RAISE EXCEPTION 'a rate is between two currencies, not from % to itself', given
            USING ERRCODE = 'RM005', HINT = 'For example SELECT set_rate(''USD'', ''EUR'', ''2026-01-31'', 0.92);';
    ELSIF on_date IS NULL OR NOT isfinite(on_date) OR coalesce(btrim(rate_set), '') = '' OR (rate IS NOT NULL AND NOT (rate > 0 AND rate < 'Infinity')) THEN
        RAISE EXCEPTION 'a rate needs a day, a number above zero and the name of a set'
            USING ERRCODE = 'RM005', DETAIL = format('Given were day %s, rate %s, set "%s".', coalesce(on_date::text, 'NULL'), rate, rate_set),
                  HINT = 'For example SELECT set_rate(''USD'', ''EUR'', ''2026-01-31'', 0.92); with NULL for the rate it is taken away.';
    ELSIF rate IS NULL THEN
        DELETE FROM exchange_rate r WHERE (r.rate_set, r.currency, r.into_currency, r.on_date) = (set_rate.rate_set, given, target, set_rate.on_date);
        RETURN;
    END IF;
    INSERT INTO exchange_rate (rate_set, currency, into_currency, on_date, rate) VALUES (rate_set, given, target, on_date, rate)
    ON CONFLICT ON CONSTRAINT exchange_rate_pkey DO UPDATE SET rate = excluded.rate;
END
$$;
COMMENT ON FUNCTION @extschema@.set_rate(text, text, date, numeric, text) IS
'Says what one unit of a currency is worth in another from a day on, in a named set of rates; a rate of that day is replaced, and NULL '
'takes it away. Numbers that are read in one currency change by it, amounts never. Error: RM005. '
'Example: SELECT crm.set_rate(''USD'', ''EUR'', ''2026-01-31'', 0.92);';
SELECT @extschema@.set_audience('set_rate(text, text, date, numeric, text)', 'admin');

CREATE FUNCTION @extschema@.set_rate_base(base text, rate_set text DEFAULT 'default') RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF base IS NULL THEN
        DELETE FROM rate_base r WHERE r.rate_set = set_rate_base.rate_set;
        RETURN;
    END IF;
    INSERT INTO rate_base (rate_set, base) VALUES (rate_set, require_currency(base))
    ON CONFLICT ON CONSTRAINT rate_base_pkey DO UPDATE SET base = excluded.base;
END
$$;
COMMENT ON FUNCTION @extschema@.set_rate_base(text, text) IS
'Says through which currency a set crosses where it has no rate between two: EUR for a set of a bank that quotes all against the euro. '
'NULL: the home currency again. Error: RM005. Example: SELECT crm.set_rate_base(''EUR'');';
SELECT @extschema@.set_audience('set_rate_base(text, text)', 'admin');

CREATE FUNCTION @extschema@.require_rate_set(rate_set text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM exchange_rate r WHERE r.rate_set = require_rate_set.rate_set) AND rate_set IS DISTINCT FROM 'default' THEN
        PERFORM raise_unknown('set of rates', coalesce(rate_set, ''), ARRAY(SELECT DISTINCT r.rate_set FROM exchange_rate r));
    END IF;
    RETURN rate_set;
END
$$;
COMMENT ON FUNCTION @extschema@.require_rate_set(text) IS 'The name of a set of rates; raises RM001 where no rate has it. default is always one.';

-- home is handed in, so that it is asked once and this is inlined.
CREATE FUNCTION @extschema@.money_in(currency text, home text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce(nullif(pg_catalog.upper(pg_catalog.btrim(currency)), ''), home, '');
COMMENT ON FUNCTION @extschema@.money_in(text, text) IS
'Which currency an amount is in: two amounts may be added up where it is the same. The code in capital letters; without one the home currency, and empty where '
'that is not set: nobody knows which, so such amounts are added to each other only. Example: SELECT crm.money_in('' eur'', crm.home_currency());';

-- The newest of both directions; of one day the one that was given that way round.
CREATE FUNCTION @extschema@.pair_rate(currency text, into_currency text, on_date date, rate_set text) RETURNS numeric
    LANGUAGE sql STABLE PARALLEL SAFE COST 20 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT CASE WHEN pair_rate.currency = pair_rate.into_currency THEN 1
                ELSE (SELECT x.rate
                      FROM ((SELECT r.on_date, 1 AS rank, r.rate FROM exchange_rate r
                             WHERE (r.rate_set, r.currency, r.into_currency) = (pair_rate.rate_set, pair_rate.currency, pair_rate.into_currency)
                               AND r.on_date <= pair_rate.on_date ORDER BY r.on_date DESC LIMIT 1)
                            UNION ALL
                            (SELECT r.on_date, 2, 1 / r.rate FROM exchange_rate r
                             WHERE (r.rate_set, r.currency, r.into_currency) = (pair_rate.rate_set, pair_rate.into_currency, pair_rate.currency)
                               AND r.on_date <= pair_rate.on_date ORDER BY r.on_date DESC LIMIT 1)) x
                      ORDER BY x.on_date DESC, x.rank LIMIT 1) END
$$;
COMMENT ON FUNCTION @extschema@.pair_rate(text, text, date, text) IS
'The last rate of a pair on or before a day, given in this direction or the other way round; 1 from a currency to itself; else NULL.';
SELECT @extschema@.set_audience('pair_rate(text, text, date, text)', 'internal');

CREATE FUNCTION @extschema@.rate_on(currency text, into_currency text, on_date date, rate_set text DEFAULT 'default') RETURNS numeric
    LANGUAGE plpgsql STABLE PARALLEL SAFE COST 100
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    given CONSTANT text := nullif(money_in(currency, home_currency()), '');
    target CONSTANT text := upper(btrim(into_currency));
    base CONSTANT text := coalesce((SELECT r.base FROM rate_base r WHERE r.rate_set = rate_on.rate_set), home_currency());
BEGIN
    RETURN coalesce(pair_rate(given, target, on_date, rate_set),
                    pair_rate(given, base, on_date, rate_set) * pair_rate(base, target, on_date, rate_set));
END
$$;
COMMENT ON FUNCTION @extschema@.rate_on(text, text, date, text) IS
'What one unit of a currency (NULL or empty: the home currency) was worth in another on a day: the last rate of the pair on or before it, given '
'either way round, the newer one counting; where the pair has none, through the base of the set (set_rate_base, else the home currency). '
'NULL where that leads nowhere: never a later rate, never a guess. Example: SELECT crm.rate_on(''USD'', ''EUR'', ''2026-02-10'');';

CREATE FUNCTION @extschema@.minor_digits(currency text) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN pg_catalog.upper(pg_catalog.btrim(currency)) = ANY ('{BIF,CLP,DJF,GNF,ISK,JPY,KMF,KRW,PYG,RWF,UGX,UYI,VND,VUV,XAF,XOF,XPF}') THEN 0
                WHEN pg_catalog.upper(pg_catalog.btrim(currency)) = ANY ('{BHD,IQD,JOD,KWD,LYD,OMR,TND}') THEN 3
                WHEN pg_catalog.upper(pg_catalog.btrim(currency)) = ANY ('{CLF,UYW}') THEN 4
                ELSE 2 END;
COMMENT ON FUNCTION @extschema@.minor_digits(text) IS 'How many digits the minor unit of a currency has, by ISO 4217: 2 for EUR, 0 for JPY, 3 for KWD.';

CREATE FUNCTION @extschema@.convert_money(amount numeric, currency text, into_currency text, on_date date, rate_set text DEFAULT 'default')
    RETURNS numeric
    LANGUAGE sql STABLE PARALLEL SAFE COST 120 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT round(amount * rate_on(convert_money.currency, convert_money.into_currency, convert_money.on_date, convert_money.rate_set),
                 minor_digits(convert_money.into_currency))
$$;
COMMENT ON FUNCTION @extschema@.convert_money(numeric, text, text, date, text) IS
'An amount in another currency by the rate of a day (see rate_on), rounded to its minor unit, halves away from zero; NULL where there is '
'no rate. Sums are converted by kpi(), which rounds once and after adding up. '
'Example: SELECT crm.convert_money(99.90, ''USD'', ''JPY'', ''2026-02-10'');';
