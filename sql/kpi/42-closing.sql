-- Closed periods: what a KPI was until a day, as it was when that was closed. close_period fills these tables, kpi_facts reads them.

CREATE TABLE @extschema@.kpi_closing (
    closing bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kpi text NOT NULL,
    since date NOT NULL,
    until date NOT NULL CHECK (pg_catalog.isfinite(until)),
    policy text NOT NULL CHECK (policy = ANY (ARRAY['freeze', 'restate'])),
    kpi_version integer NOT NULL,
    kind text NOT NULL,
    date_kind text NOT NULL,
    measured_in text NOT NULL,
    within_days integer,
    divided boolean NOT NULL,
    note text,
    closed_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    closed_by text NOT NULL,
    reopened_at timestamptz,
    reopened_by text,
    CHECK (since <= until),
    CHECK ((reopened_at IS NULL) = (reopened_by IS NULL))
);
CREATE UNIQUE INDEX kpi_closing_closed ON @extschema@.kpi_closing (kpi, until) WHERE reopened_at IS NULL;
CREATE INDEX kpi_closing_frozen ON @extschema@.kpi_closing (kpi, until) WHERE policy = 'freeze' AND reopened_at IS NULL;
COMMENT ON TABLE @extschema@.kpi_closing IS
'Periods of KPIs that were closed: the days since (-infinity: the beginning) to until, by the definition kpi_version, of which kind to divided '
'(whether it has a denominator) tell the shape. policy freeze: all days up to until stay as they were then; restate: they move. Rows that were '
'reopened stay as a record.';

CREATE TABLE @extschema@.kpi_closing_sum (
    closing bigint NOT NULL REFERENCES @extschema@.kpi_closing ON DELETE CASCADE,
    unit_key text,
    currency text,
    numerator numeric,
    denominator numeric,
    UNIQUE NULLS NOT DISTINCT (closing, unit_key, currency)
);
COMMENT ON TABLE @extschema@.kpi_closing_sum IS
'What each unit had in a period when it was closed, of money by currency; of a stock what there was at its end.';

CREATE TABLE @extschema@.kpi_closed_fact (
    closing bigint NOT NULL REFERENCES @extschema@.kpi_closing ON DELETE CASCADE,
    kpi text NOT NULL,
    day date NOT NULL,
    unit_key text, stage text, campaign text, channel text, product text, owner text, segment text, currency text,
    numerator numeric,
    denominator numeric
);
CREATE INDEX kpi_closed_fact_day ON @extschema@.kpi_closed_fact (kpi, day);
CREATE INDEX kpi_closed_fact_closing ON @extschema@.kpi_closed_fact (closing);
COMMENT ON TABLE @extschema@.kpi_closed_fact IS
'The facts of frozen periods by day and all dimensions, of stocks the changes of the day, as they were when the period was closed. They last until '
'reopen_period, and are never more than the rollup had of the same days.';
SELECT pg_catalog.pg_extension_config_dump('@extschema@.kpi_closing', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.kpi_closing_closing_seq', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.kpi_closing_sum', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.kpi_closed_fact', '');
INSERT INTO @extschema@.free_text (relation, "column", room, purpose, readers) VALUES
    ('kpi_closing', 'note', 'kpi', 'why a period was closed', '{"view crm_bi.kpi_closing"}');

CREATE FUNCTION @extschema@.closed_until(kpi text) RETURNS date
    LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN (SELECT max(c.until) FROM @extschema@.kpi_closing c
            WHERE c.kpi = closed_until.kpi AND c.policy = 'freeze' AND c.reopened_at IS NULL);
COMMENT ON FUNCTION @extschema@.closed_until(text) IS 'The last day of a KPI that is frozen; NULL where none is. Example: SELECT crm.closed_until(''won_value'');';
SELECT @extschema@.set_audience('closed_until(text)', 'admin');

CREATE FUNCTION @extschema@.is_frozen(asked @extschema@.kpi, until date) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN (asked).kind <> 'cumulative' AND coalesce(until <= @extschema@.closed_until((asked).kpi), false);
COMMENT ON FUNCTION @extschema@.is_frozen(@extschema@.kpi, date) IS
'Whether all days of a KPI until this one are frozen: it has its numbers then whatever its state is now.';
SELECT @extschema@.set_audience('is_frozen(kpi, date)', 'internal');

-- A unit that was deleted since counts as the organisation, as in all numbers.
CREATE FUNCTION @extschema@.frozen_facts(wanted text, since date, until date, by text[], units text[])
    RETURNS TABLE (day date, unit_key text, stage text, campaign text, channel text, product text, owner text, segment text, currency text,
                   numerator numeric, denominator numeric)
    LANGUAGE plpgsql STABLE PARALLEL SAFE COST 10000 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    root CONSTANT text := root_unit();
BEGIN
    RETURN QUERY
    SELECT f.day, g.*, sum(f.numerator), sum(f.denominator)
    FROM kpi_closed_fact f
    LEFT JOIN unit u ON u.unit = f.unit_key
    CROSS JOIN LATERAL (SELECT CASE WHEN 'unit_key' = ANY (by) THEN coalesce(u.unit, root) END, CASE WHEN 'stage' = ANY (by) THEN f.stage END,
                               CASE WHEN 'campaign' = ANY (by) THEN f.campaign END, CASE WHEN 'channel' = ANY (by) THEN f.channel END,
                               CASE WHEN 'product' = ANY (by) THEN f.product END, CASE WHEN 'owner' = ANY (by) THEN f.owner END,
                               CASE WHEN 'segment' = ANY (by) THEN f.segment END, CASE WHEN 'currency' = ANY (by) THEN f.currency END)
                       AS g (unit_key, stage, campaign, channel, product, owner, segment, currency)
    WHERE f.kpi = wanted AND f.day >= coalesce(frozen_facts.since, '-infinity') AND f.day <= frozen_facts.until
      AND (units IS NULL OR coalesce(u.unit, root) = ANY (units))
    GROUP BY f.day, g.unit_key, g.stage, g.campaign, g.channel, g.product, g.owner, g.segment, g.currency;
END
$$;
COMMENT ON FUNCTION @extschema@.frozen_facts(text, date, date, text[], text[]) IS
'The facts of a KPI that were kept when their days were frozen, by day and the dimensions named in by, of these units (NULL: all).';
SELECT @extschema@.set_audience('frozen_facts(text, date, date, text[], text[])', 'internal');

-- Stocks: days build on each other, so what was frozen and what is counted meet on the first day after.
CREATE FUNCTION @extschema@.closed_stock(wanted text, since date, until date, ends date[], by text[], units text[])
    RETURNS TABLE (day date, unit_key text, stage text, campaign text, channel text, product text, owner text, segment text, currency text,
                   numerator numeric, denominator numeric)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE COST 100000 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_column
DECLARE
    closed CONSTANT date := closed_until(wanted);
    open_ends CONSTANT date[] := ARRAY(SELECT e FROM unnest(ends) e WHERE least(e, until) > closed ORDER BY e);
BEGIN
    IF ends IS NULL THEN
        RETURN QUERY
        SELECT p.day, p.unit_key, p.stage, p.campaign, p.channel, p.product, p.owner, p.segment, p.currency, sum(p.numerator), sum(p.denominator)
        FROM (SELECT f.* FROM frozen_facts(wanted, NULL, least(closed, until), by, units) f
              UNION ALL
              SELECT closed + 1, f.unit_key, f.stage, f.campaign, f.channel, f.product, f.owner, f.segment, f.currency, -f.numerator, -f.denominator
              FROM frozen_facts(wanted, NULL, closed, by, units) f WHERE coalesce(until > closed, true)
              UNION ALL
              SELECT greatest(f.day, closed + 1), f.unit_key, f.stage, f.campaign, f.channel, f.product, f.owner, f.segment, f.currency, f.numerator, f.denominator
              FROM kpi_facts(ARRAY[wanted], NULL, until, NULL, by, units, true) f WHERE coalesce(until > closed, true)) p
        GROUP BY p.day, p.unit_key, p.stage, p.campaign, p.channel, p.product, p.owner, p.segment, p.currency
        HAVING sum(p.numerator) <> 0 OR sum(p.denominator) <> 0 OR count(*) = 1;
        RETURN;
    END IF;
    RETURN QUERY
    WITH change AS MATERIALIZED ( -- what came and went again within a period, or before them all, is not there
        SELECT CASE WHEN f.day < closed_stock.since THEN '-infinity' ELSE ends[width_bucket(f.day - 1, ends) + 1] END AS ends_on, f.unit_key, f.stage, f.campaign, f.channel, f.product, f.owner, f.segment, f.currency,
               sum(f.numerator) AS numerator, sum(f.denominator) AS denominator
        FROM frozen_facts(wanted, NULL, least(closed, until), by, units) f
        GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
        HAVING sum(f.numerator) <> 0 OR sum(f.denominator) <> 0 OR bool_or(f.numerator = 0 AND coalesce(f.denominator, 0) = 0)
    )
    SELECT e, c.unit_key, c.stage, c.campaign, c.channel, c.product, c.owner, c.segment, c.currency, sum(c.numerator), sum(c.denominator)
    FROM unnest(ends) e JOIN change c ON c.ends_on <= e
    WHERE least(e, until) <= closed
    GROUP BY e, c.unit_key, c.stage, c.campaign, c.channel, c.product, c.owner, c.segment, c.currency;
    IF open_ends <> '{}' THEN
        RETURN QUERY
        SELECT f.day, f.unit_key, f.stage, f.campaign, f.channel, f.product, f.owner, f.segment, f.currency, f.numerator, f.denominator
        FROM kpi_facts(ARRAY[wanted], closed_stock.since, until, open_ends, by, units, true) f;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.closed_stock(text, date, date, date[], text[], text[]) IS
'closed_facts of a stock: until the last frozen day what was kept; after it what is counted, whatever it was when it was closed: without ends the first '
'day after has the difference.';
SELECT @extschema@.set_audience('closed_stock(text, date, date, date[], text[], text[])', 'internal');

CREATE FUNCTION @extschema@.closed_facts(wanted text, since date, until date, ends date[], by text[], units text[])
    RETURNS TABLE (kpi text, day date, unit_key text, stage text, campaign text, channel text, product text, owner text, segment text,
                   currency text, numerator numeric, denominator numeric)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE COST 100000 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_column
DECLARE
    closed CONSTANT date := closed_until(wanted);
    first_open CONSTANT date := greatest(since, closed + 1);
    open_ends CONSTANT date[] := CASE WHEN ends IS NOT NULL THEN ARRAY(SELECT e FROM unnest(ends) e WHERE e >= first_open ORDER BY e) END;
BEGIN
    IF (SELECT k.date_kind = 'stock' FROM kpi k WHERE k.kpi = wanted) THEN
        RETURN QUERY SELECT wanted, f.* FROM closed_stock(wanted, since, until, ends, by, units) f;
        RETURN;
    END IF;
    RETURN QUERY
    SELECT wanted, p.ends_on, p.unit_key, p.stage, p.campaign, p.channel, p.product, p.owner, p.segment, p.currency, sum(p.numerator), sum(p.denominator)
    FROM (SELECT CASE WHEN ends IS NULL THEN f.day ELSE ends[width_bucket(f.day - 1, ends) + 1] END AS ends_on, f.unit_key, f.stage, f.campaign, f.channel,
                 f.product, f.owner, f.segment, f.currency, f.numerator, f.denominator
          FROM frozen_facts(wanted, since, least(closed, until), by, units) f
          UNION ALL
          SELECT f.day, f.unit_key, f.stage, f.campaign, f.channel, f.product, f.owner, f.segment, f.currency, f.numerator, f.denominator
          FROM kpi_facts(ARRAY[wanted], first_open, until, open_ends, by, units, true) f
          WHERE coalesce(until >= first_open, true) AND open_ends IS DISTINCT FROM '{}') p
    WHERE p.ends_on IS NOT NULL
    GROUP BY p.ends_on, p.unit_key, p.stage, p.campaign, p.channel, p.product, p.owner, p.segment, p.currency;
END
$$;
COMMENT ON FUNCTION @extschema@.closed_facts(text, date, date, date[], text[], text[]) IS
'kpi_facts of a KPI that has frozen days: those as they were when they were closed, the days after as they are counted.';
SELECT @extschema@.set_audience('closed_facts(text, date, date, date[], text[], text[])', 'internal');

-- Frozen days and open ones are added up: they have to mean the same kind of number.
CREATE FUNCTION @extschema@.check_closed_shape() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    held kpi_closing;
BEGIN
    SELECT c.* INTO held FROM kpi_closing c
    WHERE c.kpi = NEW.kpi AND c.policy = 'freeze' AND c.reopened_at IS NULL
      AND (c.kind, c.date_kind, c.measured_in, c.within_days, c.divided)
          IS DISTINCT FROM (NEW.kind, NEW.date_kind, NEW.measured_in, NEW.within_days, NEW.denominator IS NOT NULL)
    ORDER BY c.until DESC LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'KPI "%" is frozen until % as another kind of number', NEW.kpi, to_char(held.until, 'YYYY-MM-DD') USING ERRCODE = 'RM403',
            DETAIL = format('It was %s, %s, measured in %s%s%s.', held.kind, held.date_kind, held.measured_in, ', within ' || held.within_days || ' days',
                            CASE WHEN held.divided THEN ', with a denominator' ELSE '' END),
            HINT = format('Define it under another key, or type SELECT * FROM @extschema@.reopen_period(%L, %L);',
                          to_char((SELECT min(c.until) FROM kpi_closing c WHERE c.kpi = NEW.kpi AND c.policy = 'freeze' AND c.reopened_at IS NULL), 'YYYY-MM-DD'), NEW.kpi);
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION @extschema@.check_closed_shape() IS
'Trigger: a KPI with frozen days may get another formula, but not another kind, date, unit of measure or window, nor a denominator that it had not.';
SELECT @extschema@.set_audience('check_closed_shape()', 'internal');
CREATE TRIGGER check_closed_shape BEFORE INSERT OR UPDATE ON @extschema@.team_kpi
    FOR EACH ROW EXECUTE FUNCTION @extschema@.check_closed_shape();
