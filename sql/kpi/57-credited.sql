-- Numbers by credits: only where somebody asks for them.
--
-- Who may see what: what a unit is credited with tells of the numbers of the unit that brought it in. So a share is shown to those who may see the totals
-- of both; and a unit for which a share is hidden has no number by credits, rather than one without that share.

CREATE FUNCTION @extschema@.has_hidden_credit(credited text, units text[], first_day date, last_day date) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE COST 100
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT EXISTS (SELECT FROM credit_share s JOIN unit u ON u.unit = s.unit
                   WHERE s.unit <> ALL (units) AND s.during && daterange(nullif(first_day, '-infinity'), nullif(last_day, 'infinity'), '[]')
                     AND s.credited <> s.unit
                     AND CASE WHEN has_hidden_credit.credited IS NULL THEN s.credited = ANY (units) ELSE s.credited = has_hidden_credit.credited END)
$$;
COMMENT ON FUNCTION @extschema@.has_hidden_credit(text, text[], date, date) IS
'Whether on one of the days something is credited to a unit (NULL: to any of units) by one that is not among units.';
SELECT @extschema@.set_audience('has_hidden_credit(text, text[], date, date)', 'internal');

CREATE FUNCTION @extschema@.credited_facts(kpis text[], since date, until date, ends date[], by text[], units text[])
    RETURNS TABLE (kpi text, day date, unit_key text, stage text, campaign text, channel text, product text, owner text, segment text,
                   currency text, numerator numeric, denominator numeric)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE COST 100000 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_column
DECLARE
    stock CONSTANT boolean := (SELECT bool_or(k.date_kind = 'stock') FROM kpi k WHERE k.kpi = ANY (kpis));
    -- periods end where weights change, too; a stock has the weights of the end of its period
    pieces CONSTANT date[] := CASE WHEN stock OR ends IS NULL THEN ends
        ELSE ARRAY(SELECT e FROM unnest(ends) e
                   UNION SELECT d.day FROM (SELECT lower(c.during) - 1 AS day FROM unit_credit c UNION SELECT upper(c.during) - 1 FROM unit_credit c) d
                   WHERE d.day < ends[cardinality(ends)] AND d.day >= coalesce(since, '-infinity') ORDER BY 1) END;
BEGIN
    RETURN QUERY
    SELECT f.kpi, CASE WHEN stock OR ends IS NULL THEN f.day ELSE ends[width_bucket(f.day - 1, ends) + 1] END,
           CASE WHEN 'unit_key' = ANY (by) THEN s.credited END, f.stage, f.campaign, f.channel, f.product, f.owner, f.segment, f.currency,
           sum(f.numerator * s.weight), sum(f.denominator * s.weight)
    FROM kpi_facts(kpis, since, until, pieces, by || '{unit_key}'::text[], units) f
    JOIN credit_share s ON s.unit = f.unit_key AND s.during @> f.day
    WHERE units IS NULL OR s.credited = ANY (units)
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10;
END
$$;
COMMENT ON FUNCTION @extschema@.credited_facts(text[], date, date, date[], text[], text[]) IS
'kpi_facts of KPIs of one kind of date by credits: what each unit brought in counts for those that were credited on that day, of a stock on the last day of '
'the period. Exact: over all units it adds up to what it is without credits.';
SELECT @extschema@.set_audience('credited_facts(text[], date, date, date[], text[], text[])', 'internal');

-- A barrier, as kpi_shown is. Shares of a row add up to the row also when all are rounded to six decimals.
CREATE VIEW @extschema@.kpi_shown_credit WITH (security_barrier) AS
WITH share AS MATERIALIZED (
    SELECT s.*, @extschema@.visible(s.credited, 'kpi', 'total') AS shown, @extschema@.visible(s.unit, 'kpi', 'total') AS source_shown
    FROM @extschema@.credit_share s
    WHERE (SELECT @extschema@.visible(@extschema@.root_unit(), 'kpi', 'total') IS NOT NULL)
), hidden AS MATERIALIZED (
    SELECT s.credited, pg_catalog.range_agg(s.during) AS days FROM share s WHERE s.shown AND NOT s.source_shown AND s.credited <> s.unit GROUP BY s.credited
)
SELECT v.kpi_key, v.day, coalesce(s.credited, v.unit_key) AS unit_key, v.unit_key AS source_unit_key, s.weight, v.stage, v.campaign, v.channel, v.product, v.owner,
       v.segment, v.currency, n.numerator, n.denominator,
       CASE WHEN h.credited IS NULL AND v.value IS NOT NULL THEN CASE WHEN v.denominator IS NULL THEN n.numerator ELSE v.value END END AS value,
       v.additive, v.mature, CASE WHEN h.credited IS NOT NULL THEN 'hidden_credit' ELSE v.state END AS state, v.version
FROM @extschema@.kpi_shown v
LEFT JOIN share s ON s.unit = v.unit_key AND s.shown AND s.during @> v.day
LEFT JOIN hidden h ON h.credited = s.credited AND h.days @> v.day
CROSS JOIN LATERAL (
    SELECT CASE WHEN h.credited IS NULL THEN pg_catalog.round(v.numerator * s.share_to, 6) - pg_catalog.round(v.numerator * (s.share_to - s.weight), 6) END AS numerator,
           CASE WHEN h.credited IS NULL THEN pg_catalog.round(v.denominator * s.share_to, 6) - pg_catalog.round(v.denominator * (s.share_to - s.weight), 6) END AS denominator) n
WHERE v.day IS NULL OR s.unit IS NOT NULL
UNION ALL -- also where a unit has no row of those days
SELECT k.kpi, NULL, h.credited, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, k.kind = 'simple' AND k.date_kind = 'event', true,
       'hidden_credit', k.version
FROM hidden h CROSS JOIN @extschema@.kpi_state() t JOIN @extschema@.kpi k ON k.kpi = t.kpi
WHERE t.state = 'ready' AND NOT @extschema@.is_by_period(k.kind);
COMMENT ON VIEW @extschema@.kpi_shown_credit IS
'kpi_shown by credits: a row for each row and unit for which it counts, of units whose totals the caller may see, both; numbers with six decimals.';
GRANT SELECT ON @extschema@.kpi_shown_credit TO PUBLIC;

CREATE VIEW crm_bi.kpi_value_credited WITH (security_invoker) AS
SELECT s.kpi_key, s.day, s.unit_key, s.source_unit_key, s.weight::numeric(24,6) AS weight, s.stage, s.campaign, s.channel, s.product, s.owner, s.segment, s.currency,
       @extschema@.reported(s.numerator)::numeric(24,6) AS numerator, @extschema@.reported(s.denominator)::numeric(24,6) AS denominator,
       @extschema@.reported(s.value)::numeric(24,6) AS value, s.additive, s.mature,
       CASE WHEN abs(s.numerator) < 1e18 IS FALSE OR abs(s.denominator) < 1e18 IS FALSE THEN 'too_large' ELSE s.state END AS state,
       s.version::bigint AS version, timezone((SELECT @extschema@.default_zone()), s.day::timestamp) AS "time"
FROM @extschema@.kpi_shown_credit s;
COMMENT ON VIEW crm_bi.kpi_value_credited IS
'kpi_value by the credits of a matrix (set_credit): each row once for every unit for which it counts, with its share of numerator and denominator. Over all '
'units they add up to kpi_value. Of a ratio add both up and divide after. Counts have fractions. A unit that is credited with numbers that you may not see reads '
'NULL on these days, with state hidden_credit, and has a row without day.';
COMMENT ON COLUMN crm_bi.kpi_value_credited.unit_key IS 'The unit for which it counts; join dim_unit.';
COMMENT ON COLUMN crm_bi.kpi_value_credited.source_unit_key IS 'The unit of the fact itself.';
COMMENT ON COLUMN crm_bi.kpi_value_credited.weight IS 'The share of the row that counts for unit_key.';
COMMENT ON COLUMN crm_bi.kpi_value_credited.numerator IS 'The unit''s share of the numerator.';
COMMENT ON COLUMN crm_bi.kpi_value_credited.denominator IS 'The unit''s share of the denominator.';
COMMENT ON COLUMN crm_bi.kpi_value_credited.value IS 'The unit''s share of the value; of a ratio the ratio of the row.';
COMMENT ON COLUMN crm_bi.kpi_value_credited.state IS 'As in kpi_value; hidden_credit: something of a unit whose totals you may not see counts for this one.';
COMMENT ON COLUMN crm_bi.kpi_value_credited."time" IS 'When the day began, in the organisation''s time zone: for tools that want a time (Grafana). Filter by day.';
GRANT SELECT ON crm_bi.kpi_value_credited TO PUBLIC;

-- Structure, as the tree of units, and open like that. Real dates stand for the ends of time, as in dim_unit_path_history.
GRANT SELECT ON @extschema@.credit_share TO PUBLIC;
CREATE VIEW crm_bi.dim_unit_credit WITH (security_invoker) AS
SELECT s.unit AS unit_key, s.credited AS credited_key, s.weight::numeric(24,6) AS weight, coalesce(pg_catalog.lower(s.during), date '1900-01-01') AS valid_from,
       coalesce(pg_catalog.upper(s.during), date '9999-12-31') AS valid_to
FROM @extschema@.credit_share s;
COMMENT ON VIEW crm_bi.dim_unit_credit IS
'The weighted bridge of a matrix: for each unit those for which its numbers count. Join facts by unit_key and day >= valid_from AND day < valid_to, multiply what you '
'add up by weight and group by credited_key. On every day the weights of a unit add up to 1. kpi_value_credited has it done.';
COMMENT ON COLUMN crm_bi.dim_unit_credit.unit_key IS 'The unit of the fact itself.';
COMMENT ON COLUMN crm_bi.dim_unit_credit.credited_key IS 'The unit for which it counts.';
COMMENT ON COLUMN crm_bi.dim_unit_credit.weight IS 'Its share.';
COMMENT ON COLUMN crm_bi.dim_unit_credit.valid_from IS 'First day; 1900-01-01 where it always was so.';
COMMENT ON COLUMN crm_bi.dim_unit_credit.valid_to IS 'First day after; 9999-12-31 while it is so.';
GRANT SELECT ON crm_bi.dim_unit_credit TO PUBLIC;
