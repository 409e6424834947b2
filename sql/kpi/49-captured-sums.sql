-- KPIs from what was captured, in one pass: the path of every number that is a sum.

CREATE VIEW @extschema@.kpi_captured_term AS
SELECT t.kpi, k.date_kind = 'stock' AS stock, t.side = 'numerator' AS numerator, t.sign, i.instance, t.measure = 'count' AS counts,
       CASE WHEN t.measure <> 'count' THEN pg_catalog.array_position(i.sum_names, t.measure) END AS sum, t.outcomes, t.milestones,
       coalesce(x.funnel, a.funnel) AS funnel, a.fallback_unit
FROM @extschema@.kpi_term t
JOIN @extschema@.kpi k ON k.kpi = t.kpi
JOIN @extschema@.kpi_instance i ON i.component = t.component
LEFT JOIN @extschema@.adoption a ON a.relation = i.relation
LEFT JOIN @extschema@.tracking x ON x.relation = i.relation;
COMMENT ON VIEW @extschema@.kpi_captured_term IS
'The terms of KPIs with the component of each table that they read, the place of its sum, and what the table''s stages and units are read by.';

CREATE FUNCTION @extschema@.captured_sums(kpis text[], since date, until date, ends date[], by text[], units text[])
    RETURNS TABLE (kpi text, day date, unit_key text, stage text, campaign text, channel text, product text, owner text, segment text,
                   currency text, numerator numeric, denominator numeric)
    AS 'MODULE_PATHNAME', 'crm_captured_sums' LANGUAGE C STABLE PARALLEL SAFE COST 10000;
COMMENT ON FUNCTION @extschema@.captured_sums(text[], date, date, date[], text[], text[]) IS
'Numerators and denominators of KPIs (NULL: all) from captured components, by period and the dimensions named in by, as kpi_facts has '
'them: days since to until (NULL: all), in periods that end with ends, ascending, and are called by it; without ends each day is one. With ends stocks are those '
'of the end of each period, without they are the changes of the day. units: those whose numbers count (NULL: all). Rollup and pending are read by '
'one snapshot. No rights are applied.';
SELECT @extschema@.set_audience('captured_sums(text[], date, date, date[], text[], text[])', 'internal');
