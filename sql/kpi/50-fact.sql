-- From components to KPIs: units, stages and milestones are resolved here, when read, so that a new alias or another
-- tree of units needs no recount.

CREATE FUNCTION @extschema@.kpi_today() RETURNS date
    LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN (now() AT TIME ZONE default_zone())::date;
END
$$;
COMMENT ON FUNCTION @extschema@.kpi_today() IS 'Today in the organisation''s time zone.';

-- No rights here: for kpi_total, and for what filters by itself.
CREATE VIEW @extschema@.kpi_captured_cell AS
SELECT c.kpi, c.side, c."position", c.sign, c.relation, c.stored, c.day, c.rows, m.amount,
       coalesce(@extschema@.resolve_unit(c.unit), a.fallback_unit, (SELECT @extschema@.root_unit())) AS unit_key,
       coalesce(w.stage, c.stage) AS stage, c.campaign, c.channel, c.product, c.owner, c.segment, c.currency
FROM (SELECT t.*, i.relation, i.sum_names, true AS stored, k.day, k.rows, k.s1, k.s2, k.s3, k.s4,
             k.funnel, k.unit, k.stage, k.campaign, k.channel, k.product, k.owner, k.segment, k.currency
      FROM @extschema@.kpi_cell k
      JOIN @extschema@.kpi_instance i ON i.instance = k.instance
      JOIN @extschema@.kpi_term t ON t.component = i.component
      UNION ALL -- clocks go on
      SELECT t.*, i.relation, i.sum_names, false, k.day, k.rows, k.s1, k.s2, k.s3, k.s4,
             k.funnel, k.unit, k.stage, k.campaign, k.channel, k.product, k.owner, k.segment, k.currency
      FROM @extschema@.kpi_term t
      JOIN @extschema@.kpi_instance i ON i.component = t.component AND i.relation = '@extschema@.record_clock'::regclass
      CROSS JOIN LATERAL @extschema@.clock_cell(i.instance) k) c
LEFT JOIN @extschema@.adoption a ON a.relation = c.relation
LEFT JOIN @extschema@.tracking x ON x.relation = c.relation
CROSS JOIN LATERAL (SELECT coalesce(c.funnel, x.funnel, a.funnel) AS funnel) f
LEFT JOIN @extschema@.stage_word w
       ON w.funnel = f.funnel
      AND w.word = @extschema@.stage_spelling(f.funnel, c.stage)
CROSS JOIN LATERAL (SELECT CASE c.measure WHEN 'count' THEN c.rows::numeric
                        ELSE (ARRAY[c.s1, c.s2, c.s3, c.s4])[pg_catalog.array_position(c.sum_names, c.measure)] END AS amount) m
WHERE (c.outcomes IS NULL OR coalesce(w.outcome, 'unknown') = ANY (c.outcomes))
  AND (c.milestones IS NULL OR w.milestone = ANY (c.milestones));
COMMENT ON VIEW @extschema@.kpi_captured_cell IS
'What each term of each KPI counts of each captured table, in pieces; amount is without the term''s sign. stored: from rollup and pending, which '
'captured_sums adds up too.';

CREATE VIEW @extschema@.kpi_term_cell AS
SELECT * FROM @extschema@.kpi_captured_cell
UNION ALL
SELECT t.kpi, t.side, t."position", t.sign, r.relation, false, r.day, r.rows, r.amount,
       coalesce(@extschema@.resolve_unit(r.unit), a.fallback_unit, (SELECT @extschema@.root_unit())), r.stage, r.campaign, r.channel, r.product,
       r.owner, r.segment, r.currency
FROM @extschema@.kpi_term t
JOIN @extschema@.component c ON c.component = t.component AND c.kept
CROSS JOIN LATERAL @extschema@.kept_rows(t.component, t.measure, t.milestones, t.within_days, t.calendar) r
LEFT JOIN @extschema@.adoption a ON a.relation = r.relation;
COMMENT ON VIEW @extschema@.kpi_term_cell IS
'What each term of each KPI counts of each table, in pieces, captured or read when asked; amount is without the term''s sign. For explanations: '
'kpi_facts is the same added up, and fast.';

-- What is read when asked, and clocks as they go on, added up as captured_sums adds up what was captured.
CREATE FUNCTION @extschema@.kept_sums(kpis text[], since date, until date, ends date[], by text[], units text[])
    RETURNS TABLE (kpi text, day date, unit_key text, stage text, campaign text, channel text, product text, owner text, segment text,
                   currency text, numerator numeric, denominator numeric)
    LANGUAGE sql STABLE PARALLEL UNSAFE COST 100000 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    WITH part AS MATERIALIZED (
        SELECT c.kpi, c.side, c.sign * c.rows AS rows, c.sign * c.amount AS amount, c.day, k.date_kind = 'stock' AS stock, c.unit_key, c.stage,
               c.campaign, c.channel, c.product, c.owner, c.segment, c.currency
        FROM kpi_term_cell c
        JOIN kpi k ON k.kpi = c.kpi
        WHERE NOT c.stored AND (kpis IS NULL OR c.kpi = ANY (kpis))
    ), dated AS (
        SELECT p.*, e.ends_on
        FROM part p
        CROSS JOIN LATERAL (SELECT p.day WHERE ends IS NULL
                            UNION ALL
                            SELECT e FROM unnest(ends) e WHERE p.stock AND e >= p.day
                            UNION ALL
                            SELECT min(e) FROM unnest(ends) e WHERE NOT p.stock AND e >= p.day HAVING count(*) > 0) AS e (ends_on)
        WHERE p.day <= coalesce(until, 'infinity') AND (p.stock OR p.day >= coalesce(since, '-infinity'))
          AND (units IS NULL OR p.unit_key = ANY (units))
    )
    SELECT d.kpi, d.ends_on, g.*, sum(d.amount) FILTER (WHERE d.side = 'numerator'), sum(d.amount) FILTER (WHERE d.side = 'denominator')
    FROM dated d
    CROSS JOIN LATERAL (SELECT CASE WHEN 'unit_key' = ANY (by) THEN d.unit_key END, CASE WHEN 'stage' = ANY (by) THEN d.stage END,
                               CASE WHEN 'campaign' = ANY (by) THEN d.campaign END, CASE WHEN 'channel' = ANY (by) THEN d.channel END,
                               CASE WHEN 'product' = ANY (by) THEN d.product END, CASE WHEN 'owner' = ANY (by) THEN d.owner END,
                               CASE WHEN 'segment' = ANY (by) THEN d.segment END, CASE WHEN 'currency' = ANY (by) THEN d.currency END)
                       AS g (unit_key, stage, campaign, channel, product, owner, segment, currency)
    GROUP BY d.kpi, d.ends_on, g.unit_key, g.stage, g.campaign, g.channel, g.product, g.owner, g.segment, g.currency
    HAVING sum(d.rows) <> 0 OR sum(d.amount) <> 0 OR ends IS NOT NULL AND bool_or(d.stock)
$$;
COMMENT ON FUNCTION @extschema@.kept_sums(text[], date, date, date[], text[], text[]) IS
'captured_sums of what is not stored but read when asked: components of more than one row, and clocks as they go on.';
SELECT @extschema@.set_audience('kept_sums(text[], date, date, date[], text[], text[])', 'internal');

CREATE FUNCTION @extschema@.kpi_facts(kpis text[], since date, until date, ends date[], by text[], units text[], counted boolean DEFAULT false)
    RETURNS TABLE (kpi text, day date, unit_key text, stage text, campaign text, channel text, product text, owner text, segment text,
                   currency text, numerator numeric, denominator numeric)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE COST 100000 SET search_path = pg_catalog, @extschema@, pg_temp SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    IF NOT counted AND EXISTS (SELECT FROM kpi_closing c WHERE c.policy = 'freeze' AND c.reopened_at IS NULL
                                 AND (kpi_facts.kpis IS NULL OR c.kpi = ANY (kpi_facts.kpis))) THEN
        RETURN QUERY
        WITH asked AS MATERIALIZED (
            SELECT k.kpi, closed_until(k.kpi) IS NOT NULL AS closed FROM kpi k WHERE kpi_facts.kpis IS NULL OR k.kpi = ANY (kpi_facts.kpis))
        SELECT f.* FROM kpi_facts(ARRAY(SELECT a.kpi FROM asked a WHERE NOT a.closed), since, until, ends, by, units, true) f
        UNION ALL
        SELECT f.* FROM asked a CROSS JOIN LATERAL closed_facts(a.kpi, since, until, ends, by, units) f WHERE a.closed;
        RETURN;
    END IF;
    IF NOT EXISTS (SELECT FROM kpi_term t JOIN component c ON c.component = t.component AND (c.kept OR c.entity = 'clock')
                   WHERE kpi_facts.kpis IS NULL OR t.kpi = ANY (kpi_facts.kpis)) THEN
        RETURN QUERY SELECT * FROM captured_sums(kpis, since, until, ends, by, units);
        RETURN;
    END IF;
    RETURN QUERY
    SELECT f.kpi, f.day, f.unit_key, f.stage, f.campaign, f.channel, f.product, f.owner, f.segment, f.currency, sum(f.numerator), sum(f.denominator)
    FROM (SELECT * FROM captured_sums(kpis, since, until, ends, by, units)
          UNION ALL
          SELECT * FROM kept_sums(kpis, since, until, ends, by, units)) f
    GROUP BY f.kpi, f.day, f.unit_key, f.stage, f.campaign, f.channel, f.product, f.owner, f.segment, f.currency
    HAVING count(*) = 1 OR sum(f.numerator) <> 0 OR sum(f.denominator) <> 0 -- what one added and the other took away is not there
        OR ends IS NOT NULL AND EXISTS (SELECT FROM kpi k WHERE k.kpi = f.kpi AND k.date_kind = 'stock');
END
$$;
COMMENT ON FUNCTION @extschema@.kpi_facts(text[], date, date, date[], text[], text[], boolean) IS
'Numerators and denominators of KPIs (NULL: all) by period and the dimensions named in by, whatever their state: days since to until '
'(NULL: all) in periods that end with ends, ascending, and are called by it; without ends each day is one. With ends stocks are those of the end of '
'each period, from the first that has them, without they are the changes of the day. units: those whose numbers count (NULL: all). Frozen days are as '
'they were closed (see closed_facts), or with counted as they are now. No rights are applied.';
SELECT @extschema@.set_audience('kpi_facts(text[], date, date, date[], text[], text[], boolean)', 'internal');

CREATE FUNCTION @extschema@.kpi_dimension_names() RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ARRAY['unit_key', 'stage', 'campaign', 'channel', 'product', 'owner', 'segment', 'currency'];
COMMENT ON FUNCTION @extschema@.kpi_dimension_names() IS 'The dimensions of KPIs.';

-- Every number has to come through here before anybody sees it.
CREATE FUNCTION @extschema@.units_with_total() RETURNS text[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF visible(root_unit(), 'kpi', 'total') AND NOT EXISTS (SELECT FROM unit u WHERE NOT visible(u.unit, 'kpi', 'total')) THEN
        RETURN NULL;
    END IF;
    RETURN ARRAY(SELECT u.unit FROM unit u WHERE visible(u.unit, 'kpi', 'total'));
END
$$;
COMMENT ON FUNCTION @extschema@.units_with_total() IS
'The units whose totals the caller may see, NULL where they are all. Error RM101 without identity.';

-- A derived KPI goes by those that it is made of, however deep.
CREATE VIEW @extschema@.kpi_leaf AS
WITH RECURSIVE leaf AS (
    SELECT k.kpi, i.input FROM @extschema@.kpi k CROSS JOIN LATERAL pg_catalog.unnest(k.inputs) i (input)
    UNION
    SELECT l.kpi, i.input FROM leaf l JOIN @extschema@.kpi k ON k.kpi = l.input CROSS JOIN LATERAL pg_catalog.unnest(k.inputs) i (input))
SELECT l.kpi, l.input FROM leaf l WHERE NOT EXISTS (SELECT FROM @extschema@.kpi k WHERE k.kpi = l.input AND k.inputs IS NOT NULL);
COMMENT ON VIEW @extschema@.kpi_leaf IS 'Of derived KPIs the KPIs and parameters that they come from in the end.';

CREATE FUNCTION @extschema@.kpi_state(wanted text[] DEFAULT NULL) RETURNS TABLE (kpi text, state text)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 30
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off
    SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    clocks CONSTANT text := clock_state();
    entries_fill CONSTANT boolean := EXISTS (SELECT FROM filling l WHERE l.room = 'funnel' AND l.state <> 'ready');
    leaving CONSTANT regclass[] := ARRAY(SELECT adopted_root(h.inhparent) FROM pg_inherits h WHERE h.inhdetachpending);
BEGIN -- whose plan is kept
    RETURN QUERY
    WITH summed AS (
        SELECT t.kpi,
               CASE WHEN bool_or(y.kept IN ('not_mapped', 'no_milestone')) THEN max(y.kept) FILTER (WHERE y.kept IN ('not_mapped', 'no_milestone'))
                    WHEN bool_or(i.instance IN (SELECT b.instance FROM kpi_broken b WHERE NOT b.paused) OR c.entity = 'clock' AND clocks = 'broken') THEN 'broken'
                    WHEN bool_or(i.instance IN (SELECT b.instance FROM kpi_broken b)) THEN 'paused'
                    WHEN bool_or(CASE WHEN c.kept THEN y.kept = 'filling'
                                      ELSE i.instance IS NULL OR i.state = 'filling' OR i.relation = ANY (leaving) OR (t.milestones IS NOT NULL AND entries_fill)
                                           OR c.entity = 'clock' AND clocks = 'filling' END) THEN 'filling'
                    WHEN bool_or(CASE WHEN t.outcomes IS NULL THEN false
                                      WHEN k.date_kind = 'stock' THEN f.funnel IS NULL AND NOT dated.yes
                                      ELSE EXISTS (SELECT FROM unnest(t.outcomes) o
                                                   WHERE o IN ('won', 'lost')
                                                     AND NOT EXISTS (SELECT FROM stage_word w
                                                                     WHERE w.funnel = f.funnel AND w.outcome = o)) END)
                        THEN 'no_milestone'
                    WHEN bool_or(NOT c.kept AND t.measure <> 'count'
                                 AND CASE k.kind WHEN 'distinct' THEN NOT has_attribute(i.relation, t.measure)
                                          ELSE i.sums[array_position(i.sum_names, t.measure)] IS NULL END) THEN 'not_mapped'
                    ELSE 'ready' END AS state
        FROM kpi_term t
        JOIN kpi k ON k.kpi = t.kpi
        JOIN component c ON c.component = t.component
        CROSS JOIN LATERAL (SELECT CASE WHEN c.kept THEN kept_state(t.component, t.measure, t.milestones) END AS kept OFFSET 0) y -- asked once
        LEFT JOIN kpi_instance i ON i.component = t.component
        LEFT JOIN adoption a ON a.relation = i.relation
        LEFT JOIN tracking x ON x.relation = i.relation
        CROSS JOIN LATERAL (SELECT coalesce(x.funnel, a.funnel) AS funnel) f
        CROSS JOIN LATERAL (SELECT has_attribute(i.relation, 'closed_at') OR has_attribute(i.relation, 'resolved_at') AS yes) dated
        WHERE wanted IS NULL OR t.kpi = ANY (wanted) OR t.kpi IN (SELECT l.input FROM kpi_leaf l WHERE l.kpi = ANY (wanted))
        GROUP BY t.kpi
        HAVING bool_and(CASE WHEN c.kept THEN y.kept IS NOT NULL ELSE i.instance IS NOT NULL OR t.milestones IS NOT NULL OR c.entity = 'clock' END) -- these begin with the first fold at the latest
           AND bool_and(c.entity <> 'clock' OR has_clocks(c.component))
           AND bool_and(t.milestones IS NULL
                        OR EXISTS (SELECT FROM tracking r JOIN funnel_stage s ON s.funnel = r.funnel
                                   WHERE s.milestone = ANY (t.milestones)))
    ), leaf AS (
        SELECT l.kpi, l.input, CASE WHEN l.input = ANY (kpi_parameters())
                                    THEN CASE WHEN EXISTS (SELECT FROM kpi_parameter p WHERE p.parameter = l.input) THEN 'ready' ELSE 'not_set' END
                                    ELSE m.state END AS state
        FROM kpi_leaf l LEFT JOIN summed m ON m.kpi = l.input
        WHERE wanted IS NULL OR l.kpi = ANY (wanted))
    SELECT m.kpi, m.state FROM summed m WHERE wanted IS NULL OR m.kpi = ANY (wanted)
    UNION ALL
    SELECT l.kpi, coalesce(min(l.state) FILTER (WHERE l.state <> 'ready'), 'ready') FROM leaf l GROUP BY l.kpi HAVING count(*) = count(l.state);
END
$$;
COMMENT ON FUNCTION @extschema@.kpi_state(text[]) IS
'The KPIs that adopted tables can answer (wanted: only those), with their state: ready; filling (rows that were there are not all counted); '
'broken (a component is not captured any more, see status); paused (crm.pending_hard_limit is passed, fold() resumes it); no_milestone (a table has no funnel, or its funnel no won or lost stage); '
'not_mapped (a table does not map the attribute that is summed); not_set (a parameter is missing, see set_kpi_parameter). Only a KPI that is ready has a value.';

CREATE FUNCTION @extschema@.kpi_state(wanted text) RETURNS TABLE (kpi text, state text)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 1
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT s.* FROM kpi_state(CASE WHEN wanted IS NOT NULL THEN ARRAY[wanted] END) s;
END
$$;
COMMENT ON FUNCTION @extschema@.kpi_state(text) IS 'kpi_state of one KPI; of all where it is NULL.';

CREATE FUNCTION @extschema@.require_kpi(kpi text) RETURNS @extschema@.kpi
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    found_row kpi;
BEGIN
    SELECT * INTO found_row FROM kpi k WHERE k.kpi = require_kpi.kpi;
    IF NOT FOUND THEN
        PERFORM raise_unknown('KPI', coalesce(require_kpi.kpi, ''), ARRAY(SELECT k.kpi FROM kpi k));
    END IF;
    RETURN found_row;
END
$$;
COMMENT ON FUNCTION @extschema@.require_kpi(text) IS 'The definition of a KPI; raises RM001 with the nearest match where there is none.';

CREATE FUNCTION @extschema@.is_never_valid(asked @extschema@.kpi, since date, until date) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce((asked).valid_from, (asked).valid_until) IS NOT NULL AND coalesce(until < greatest(since, (asked).valid_from), false);
COMMENT ON FUNCTION @extschema@.is_never_valid(@extschema@.kpi, date, date) IS
'Whether a KPI is valid on no day from since to until, of which the days on which it is not were taken away.';

CREATE FUNCTION @extschema@.kpi_total(kpi text, unit text DEFAULT NULL, since date DEFAULT NULL, until date DEFAULT NULL,
                                      into_currency text DEFAULT NULL, rates text DEFAULT 'default',
                                      OUT numerator numeric, OUT denominator numeric, OUT value numeric, OUT state text)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE COST 100000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off AS $$
DECLARE
    asked kpi := require_kpi(kpi_total.kpi);
    units text[];
    mature boolean;
BEGIN
    until := coalesce(until, kpi_today() - coalesce(asked.within_days + 1, 0)); -- once, and not for each row; of cohorts those that are mature
    IF kpi_total.unit IS NOT NULL AND kpi_total.unit IS DISTINCT FROM root_unit() THEN
        units := ARRAY(SELECT b.unit FROM units_below((require_unit(kpi_total.unit)).unit) b);
    END IF;
    IF kpi_total.into_currency IS NOT NULL THEN
        into_currency := require_currency(into_currency);
        PERFORM require_rate_set(rates);
    END IF;
    state := coalesce((SELECT s.state FROM kpi_state(asked.kpi) s), 'not_available');
    since := greatest(since, asked.valid_from);
    until := least(until, asked.valid_until);
    IF state <> 'ready' AND is_frozen(asked, until) THEN
        state := 'ready';
    END IF;
    IF state = 'ready' AND is_never_valid(asked, since, until) THEN
        state := 'not_valid';
    END IF;
    IF state <> 'ready' THEN
        RETURN;
    ELSIF is_by_period(asked.kind) THEN
        SELECT t.numerator, t.denominator, t.value, t.state INTO numerator, denominator, value, state
        FROM period_total(asked.kpi, since, until, units, into_currency, rates) t;
        RETURN;
    END IF;
    SELECT r.numerator, r.denominator, coalesce(r.problem, 'ready'), r.mature INTO numerator, denominator, state, mature
    FROM read_sums(asked, 'total', coalesce(since, '-infinity'), until, '{}', units, into_currency, rates) r;
    IF NOT FOUND THEN
        numerator := 0;
        denominator := CASE WHEN asked.denominator IS NOT NULL THEN 0 END;
        state := 'ready';
    ELSIF NOT mature THEN
        numerator := NULL;
        denominator := NULL;
        state := 'not_mature';
    END IF;
    value := sum_value(asked, numerator, denominator, into_currency);
END
$$;
COMMENT ON FUNCTION @extschema@.kpi_total(text, text, date, date, text, text) IS
'A KPI for a unit with all below it (NULL: the whole organisation) over the days since to until, both included; until is '
'today and since the beginning unless given. A stock is that of the end of until. into_currency: money in that currency, each amount by the '
'rate of its day in the set rates, a stock by that of until; value is rounded to its minor unit. state is ready, or why there is no value '
'(see kpi_state; not_available, not_valid, not_additive, mixed_currencies, not_mature, not_by_unit, no_identity, missing_rate ... with the first rate that is missing). No rights are applied: for '
'rules, goals and what filters by itself. Errors: RM001 for an unknown KPI, unit or set of rates, RM005 for what is no currency.';
SELECT @extschema@.set_audience('kpi_total(text, text, date, date, text, text)', 'admin');
