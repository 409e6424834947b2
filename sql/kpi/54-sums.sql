-- KPIs that are sums, or sums divided by sums, by period and dimensions: how money is read, and what has no value.

-- The query of read_sums: what is grouped, and what is converted, depends on the arguments. Its own: $1 KPI, $2 and $3 days, $4 currency,
-- $5 set of rates, $6 units, $7 the home currency. daily: the days of a period matter, and not only their sum.
CREATE FUNCTION @extschema@.kpi_query(stock boolean, grain text, by text[], money text[], converted text[], daily boolean, apart text[], facts text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN format('WITH p AS MATERIALIZED (SELECT s.first, s.begins, s.ends FROM @extschema@.kpi_spans(%1$L, $2, $3) s), '
                  'f AS MATERIALIZED ('
                      'SELECT p.first, p.ends, %2$s, f.currency AS own, %3$s AS on_date, f.numerator, f.denominator, f.day, ARRAY[%10$s]::text[] AS apart '
                      'FROM @extschema@.%11$I(ARRAY[$1], $2, $3, %4$s, %5$L, $6) f JOIN p ON f.day >= p.begins AND f.day <= p.ends), '
                  'r AS MATERIALIZED (SELECT d.own, d.on_date, %6$s AS rate FROM (SELECT DISTINCT f.own, f.on_date FROM f) d) '
                  'SELECT f.first, f.unit_key, f.stage, f.campaign, f.channel, f.product, f.owner, f.segment, f.currency, '
                      'sum(f.numerator%7$s), sum(f.denominator%8$s), count(DISTINCT @extschema@.money_in(f.own, $7)) FILTER (WHERE %12$s), '
                      'min(@extschema@.missing_rate(f.own, $4, f.on_date)) FILTER (WHERE r.rate IS NULL AND (%9$s)), max(f.day), count(DISTINCT f.apart) > 1 '
                  'FROM f JOIN r ON r.own IS NOT DISTINCT FROM f.own AND r.on_date IS NOT DISTINCT FROM f.on_date '
                  'GROUP BY f.first, f.unit_key, f.stage, f.campaign, f.channel, f.product, f.owner, f.segment, f.currency '
                  'ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, 9',
                  grain, kpi_dimensions(by, 'f'),
                  -- of a flow the rate of its day, of a stock that of the end of the period
                  CASE WHEN converted = '{}' THEN 'NULL::date' WHEN stock THEN 'p.ends' ELSE 'f.day' END,
                  CASE WHEN daily THEN 'NULL' ELSE 'ARRAY(SELECT p.ends FROM p ORDER BY p.ends)' END, by || '{currency}'::text[] || apart,
                  CASE WHEN converted = '{}' THEN '1' ELSE '@extschema@.rate_on(d.own, $4, d.on_date, $5)' END,
                  CASE WHEN 'numerator' = ANY (converted) THEN ' * r.rate' ELSE '' END,
                  CASE WHEN 'denominator' = ANY (converted) THEN ' * r.rate' ELSE '' END,
                  coalesce((SELECT string_agg(format('f.%I <> 0', c), ' OR ') FROM unnest(converted) c), 'false'),
                  (SELECT string_agg(format('f.%I::text', a), ', ') FROM unnest(apart) a), facts,
                  coalesce((SELECT string_agg(format('f.%I <> 0', m), ' OR ') FROM unnest(money) m), 'false'));
END
$$;
COMMENT ON FUNCTION @extschema@.kpi_query(boolean, text, text[], text[], text[], boolean, text[], text) IS
'The query behind read_sums; money lists the sides, numerator and denominator, that are money, converted those that a rate converts; apart those over which nothing is added up; facts is the function that it reads, kpi_facts or credited_facts.';

-- Nothing converted, no day looked at by itself: then all KPIs that are asked for are read in one pass, by a plan that is kept.
CREATE FUNCTION @extschema@.plain_sums(kpis text[], grain text, since date, until date, by text[], units text[])
    RETURNS TABLE (kpi text, period date, unit_key text, stage text, campaign text, channel text, product text, owner text, segment text,
                   currency text, numerator numeric, denominator numeric, value numeric, problem text)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE COST 100000
    SET search_path = pg_catalog, @extschema@, pg_temp SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    home CONSTANT text := home_currency();
BEGIN
    RETURN QUERY
    WITH p AS MATERIALIZED (
        SELECT s.first, s.ends FROM kpi_spans(grain, since, until) s WHERE s.begins <= s.ends
    ), k AS MATERIALIZED (
        SELECT k.kpi, k.denominator, coalesce(m.numerator, false) AS above, coalesce(m.denominator, false) AS below
        FROM kpi k LEFT JOIN kpi_money m ON m.kpi = k.kpi WHERE k.kpi = ANY (plain_sums.kpis)
    ), summed AS MATERIALIZED (
        SELECT f.kpi, p.first, f.unit_key, f.stage, f.campaign, f.channel, f.product, f.owner, f.segment,
               CASE WHEN 'currency' = ANY (by) THEN f.currency END AS currency,
               sum(f.numerator) AS numerator, sum(f.denominator) AS denominator,
               count(DISTINCT money_of(k.above, f.numerator, k.below, f.denominator, f.currency, home)) > 1 AS mixed
        FROM kpi_facts(plain_sums.kpis, since, until, ARRAY(SELECT p.ends FROM p ORDER BY p.ends), by || '{currency}'::text[], units) f
        JOIN p ON p.ends = f.day JOIN k ON k.kpi = f.kpi
        GROUP BY f.kpi, p.first, f.unit_key, f.stage, f.campaign, f.channel, f.product, f.owner, f.segment, 10)
    SELECT k.kpi, s.first, s.unit_key, s.stage, s.campaign, s.channel, s.product, s.owner, s.segment, s.currency, v.numerator, v.denominator,
           CASE WHEN k.denominator IS NOT NULL THEN v.numerator / nullif(v.denominator, 0) ELSE v.numerator END,
           CASE WHEN s.mixed AND (k.above OR k.below) THEN 'mixed_currencies' END
    FROM k JOIN summed s ON s.kpi = k.kpi
    CROSS JOIN LATERAL (SELECT CASE WHEN NOT (s.mixed AND k.above) THEN coalesce(s.numerator, 0) END AS numerator,
                               CASE WHEN k.denominator IS NOT NULL AND NOT (s.mixed AND k.below) THEN coalesce(s.denominator, 0) END AS denominator) v
    ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10;
END
$$;
COMMENT ON FUNCTION @extschema@.plain_sums(text[], text, date, date, text[], text[]) IS
'read_sums of several KPIs at once, as they are: no currency is converted, cohorts are not asked for their age, and all dimensions add up. problem: mixed_currencies. '
'No rights applied; not for users.';
SELECT @extschema@.set_audience('plain_sums(text[], text, date, date, text[], text[])', 'internal');

CREATE FUNCTION @extschema@.read_sums(asked @extschema@.kpi, grain text, since date, until date, by text[], units text[], into_currency text,
                                      rates text, credited boolean DEFAULT false)
    RETURNS TABLE (period date, unit_key text, stage text, campaign text, channel text, product text, owner text, segment text, currency text,
                   numerator numeric, denominator numeric, problem text, mature boolean)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE COST 100000 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_column
DECLARE
    money text[]; -- the sides that are
    currencies bigint;
    last_day date;
    -- of a stock there is one day in each period
    apart CONSTANT text[] := ARRAY(SELECT a FROM unnest(asked.apart) a WHERE a <> ALL (by) AND NOT (a = 'day' AND asked.date_kind = 'stock'));
    together boolean;
BEGIN
    SELECT array_remove(ARRAY[CASE WHEN m.numerator THEN 'numerator' END, CASE WHEN m.denominator THEN 'denominator' END], NULL)
    INTO money FROM kpi_money m WHERE m.kpi = asked.kpi;
    IF NOT credited AND apart = '{}' AND asked.within_days IS NULL AND (into_currency IS NULL OR money = '{}') THEN
        RETURN QUERY
        SELECT s.period, s.unit_key, s.stage, s.campaign, s.channel, s.product, s.owner, s.segment, s.currency, s.numerator, s.denominator, s.problem, true
        FROM plain_sums(ARRAY[asked.kpi], grain, since, until, by, units) s;
        RETURN;
    END IF;
    FOR period, unit_key, stage, campaign, channel, product, owner, segment, currency, numerator, denominator, currencies, problem, last_day, together IN
        EXECUTE kpi_query(asked.date_kind = 'stock', grain, by, money, CASE WHEN into_currency IS NULL THEN '{}' ELSE money END,
                          asked.within_days IS NOT NULL OR into_currency IS NOT NULL AND asked.date_kind <> 'stock' OR 'day' = ANY (apart), apart,
                          CASE WHEN credited THEN 'credited_facts' ELSE 'kpi_facts' END)
        USING asked.kpi, since, until, into_currency, rates, units, home_currency()
    LOOP
        numerator := coalesce(numerator, 0);
        denominator := CASE WHEN asked.denominator IS NOT NULL THEN coalesce(denominator, 0) END;
        IF into_currency IS NULL AND money <> '{}' AND currencies > 1 THEN
            problem := 'mixed_currencies';
        END IF;
        IF problem IS NOT NULL THEN
            numerator := CASE WHEN 'numerator' <> ALL (money) THEN numerator END;
            denominator := CASE WHEN 'denominator' <> ALL (money) THEN denominator END;
        END IF;
        IF together OR credited AND 'unit_key' = ANY (asked.apart) THEN
            problem := 'not_additive';
        ELSIF credited AND (SELECT has_hidden_credit(CASE WHEN 'unit_key' = ANY (by) THEN unit_key END, units,
                                                     CASE WHEN asked.date_kind = 'stock' THEN p.ends ELSE p.begins END, p.ends)
                            FROM kpi_spans(grain, since, until) p WHERE p.first = period) THEN
            problem := 'hidden_credit';
        END IF;
        IF problem IN ('not_additive', 'hidden_credit') THEN
            numerator := NULL;
            denominator := NULL;
        END IF;
        mature := coalesce(last_day < kpi_today() - asked.within_days, true);
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.read_sums(@extschema@.kpi, text, date, date, text[], text[], text, text, boolean) IS
'A KPI that is a sum, or sums divided by sums, for the periods of a grain from since to until and the dimensions by, of these units (NULL: all). '
'into_currency: money by the rate of the day of each fact in the set rates, of a stock by that of the end of the period. problem: why a side that '
'is money is NULL (mixed_currencies, missing_rate ...), or both (not_additive, hidden_credit). credited: by the credits of units. mature: false where a cohort is young. No rights applied; not for users.';
SELECT @extschema@.set_audience('read_sums(kpi, text, date, date, text[], text[], text, text, boolean)', 'internal');

CREATE FUNCTION @extschema@.sum_value(asked @extschema@.kpi, numerator numeric, denominator numeric, into_currency text) RETURNS numeric
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN (SELECT CASE WHEN into_currency IS NOT NULL AND (asked).measured_in = 'money' THEN round(v.value, @extschema@.minor_digits(into_currency))
                        ELSE v.value END
            FROM (SELECT CASE WHEN (asked).denominator IS NOT NULL THEN numerator / nullif(denominator, 0) ELSE numerator END AS value) v);
COMMENT ON FUNCTION @extschema@.sum_value(@extschema@.kpi, numeric, numeric, text) IS
'The value of a KPI from its sides; money in a currency is rounded to its minor unit.';
SELECT @extschema@.set_audience('sum_value(kpi, numeric, numeric, text)', 'internal');
