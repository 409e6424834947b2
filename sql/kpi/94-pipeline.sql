-- The open pipeline by how likely it is to be won, and against what is still to be won.

-- A deal that has an amount and stands in a stage before its outcome.
CREATE FUNCTION @extschema@.weighted_pipeline(as_of date DEFAULT NULL, into_currency text DEFAULT NULL, rates text DEFAULT 'default')
    RETURNS TABLE (unit_key text, funnel text, stage text, currency text, deals bigint, open_amount numeric, probability numeric,
                   probability_source text, probability_version integer, weighted numeric, state text)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 50 COST 1000000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    day CONSTANT date := coalesce(as_of, kpi_today());
    target CONSTANT text := CASE WHEN into_currency IS NOT NULL THEN require_currency(into_currency) END;
BEGIN
    PERFORM visible(root_unit(), 'kpi', 'total'), require_rate_set(rates); -- without identity an error, also where there are no deals
    RETURN QUERY
    WITH stood AS (
        SELECT s.unit, s.funnel, s.stage, s.currency, count(*) AS deals, sum(s.amount) AS amount
        FROM deal_stays(day) s WHERE s.decided IS NULL AND s.left_on IS NULL GROUP BY 1, 2, 3, 4
    ), priced AS (
        SELECT s.*, CASE WHEN target IS NULL THEN 1 ELSE rate_on(s.currency, target, day, rates) END AS rate
        FROM stood s WHERE visible(s.unit, 'kpi', 'total')
    )
    SELECT p.unit, p.funnel, p.stage, coalesce(target, p.currency), p.deals, p.amount * p.rate, w.probability, w.source, w.version,
           p.amount * p.rate * w.probability,
           CASE WHEN p.amount <> 0 AND p.rate IS NULL THEN missing_rate(p.currency, target, day) WHEN w.probability IS NULL THEN 'no_probability' ELSE 'ready' END
    FROM priced p LEFT JOIN stage_probability w ON w.funnel = p.funnel AND w.stage = p.stage
    ORDER BY 1, 2, w."position", 4;
END
$$;
COMMENT ON FUNCTION @extschema@.weighted_pipeline(date, text, text) IS
'The KPI weighted_pipeline: amounts of open deals times the chance of a win from their stage, by unit, stage and currency, at the end of as_of '
'(default: today) by the stages of that day and today''s amounts and chances; probability_source says whether these were given or learned, '
'probability_version which learning it was (learn_probabilities). A stage without a chance has state no_probability: sum weighted only '
'where state is ready. Of tracked tables, and units whose totals the caller may see. Errors: RM001, RM005 no currency, RM101. '
'Example: SELECT sum(weighted) FROM crm.weighted_pipeline(into_currency => ''EUR'');';

CREATE VIEW crm_bi.weighted_pipeline WITH (security_invoker) AS
SELECT v.unit_key, v.funnel, v.stage, v.currency, v.deals, @extschema@.reported(v.open_amount)::numeric(24,6) AS open_amount,
       @extschema@.reported(v.probability)::numeric(24,6) AS probability, v.probability_source,
       v.probability_version::bigint AS probability_version, @extschema@.reported(v.weighted)::numeric(24,6) AS weighted, v.state
FROM @extschema@.weighted_pipeline() v;
COMMENT ON VIEW crm_bi.weighted_pipeline IS
'Open deals today by unit, stage and currency, and what they are worth by the chance of a win from their stage. Add up weighted of one currency where state is ready.';
COMMENT ON COLUMN crm_bi.weighted_pipeline.deals IS 'How many deals are open.';
COMMENT ON COLUMN crm_bi.weighted_pipeline.open_amount IS 'Their amounts together.';
COMMENT ON COLUMN crm_bi.weighted_pipeline.probability IS 'The chance of a win from the stage, 0 to 1.';
COMMENT ON COLUMN crm_bi.weighted_pipeline.probability_source IS 'given by the team, or learned.';
COMMENT ON COLUMN crm_bi.weighted_pipeline.probability_version IS 'Which learning it was.';
COMMENT ON COLUMN crm_bi.weighted_pipeline.weighted IS 'open_amount times probability.';
GRANT SELECT ON crm_bi.weighted_pipeline TO PUBLIC;

CREATE FUNCTION @extschema@.pipeline_coverage_rows()
    RETURNS TABLE (goal_key text, unit_key text, since date, until date, currency text, target numeric, won numeric, rest numeric, open_in_period numeric,
                   coverage numeric, state text)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 20 COST 1000000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM visible(root_unit(), 'kpi', 'total'); -- without identity an error, also where there are no goals
    RETURN QUERY
    SELECT g.goal, i.unit, i.since, i.until, i.currency, g.target, g.target - i.below, i.below, CASE WHEN i.state = 'ready' THEN i.above END,
           CASE WHEN i.state = 'ready' AND i.below > 0 THEN i.above / i.below END, CASE WHEN i.state = 'ready' AND i.below <= 0 THEN 'reached' ELSE i.state END
    FROM coverage_items(NULL, kpi_today(), units_with_total(), NULL, 'default') i JOIN goal g ON g.goal = i.goal
    WHERE may_see_total(g.unit) ORDER BY g.goal;
END
$$;
COMMENT ON FUNCTION @extschema@.pipeline_coverage_rows() IS 'The rows of crm_bi.pipeline_coverage.';

CREATE VIEW crm_bi.pipeline_coverage WITH (security_invoker) AS
SELECT v.goal_key, v.unit_key, v.since, v.until, v.currency, @extschema@.reported(v.target)::numeric(24,6) AS target, @extschema@.reported(v.won)::numeric(24,6) AS won,
       @extschema@.reported(v.rest)::numeric(24,6) AS rest, @extschema@.reported(v.open_in_period)::numeric(24,6) AS open_in_period,
       @extschema@.reported(v.coverage)::numeric(24,6) AS coverage, v.state
FROM @extschema@.pipeline_coverage_rows() v;
COMMENT ON VIEW crm_bi.pipeline_coverage IS
'The KPI pipeline_coverage, for each goal of won_value that runs: open deals that are expected to close in its period (an expected day that is '
'past counts too: the deal is still open), divided by what is still to be won. Where nothing is left coverage is NULL and state is reached. '
'Of tracked tables that map expected_close_on; goals of units whose totals the caller may see.';
COMMENT ON COLUMN crm_bi.pipeline_coverage.won IS 'What was won in the period so far.';
COMMENT ON COLUMN crm_bi.pipeline_coverage.rest IS 'target minus won.';
COMMENT ON COLUMN crm_bi.pipeline_coverage.open_in_period IS 'Amount of open deals that are expected to close in the period.';
COMMENT ON COLUMN crm_bi.pipeline_coverage.coverage IS 'open_in_period divided by rest.';
GRANT SELECT ON crm_bi.pipeline_coverage TO PUBLIC;
