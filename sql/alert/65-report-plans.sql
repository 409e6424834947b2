-- Plans and the gap between them, budgets, and campaigns with the sales units that they support.

CREATE FUNCTION @extschema@.report_gap(a @extschema@.report_asked)
RETURNS jsonb LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    line jsonb;
    bars jsonb;
    short numeric;
BEGIN
    WITH g AS MATERIALIZED (
        SELECT x.* FROM (
            SELECT p.*, row_number() OVER (ORDER BY p.month, p.unit_key) AS n
            FROM plan_gap p
            WHERE p.month >= date_trunc('month', a.since::timestamp)::date AND (a.units IS NULL OR p.unit_key = ANY (a.units))) x
        WHERE x.n <= 18)
    SELECT jsonb_agg(jsonb_build_array(
               jsonb_build_object('text', report_month(a, g.month), 'sub', CASE WHEN u.units > 1 THEN report_unit_name(g.unit_key) END),
               coalesce(report_value(a, g.won_value_planned, 'money'), '-'),
               coalesce(report_count(a, ceil(g.deals_needed)), '-'),
               CASE WHEN g.state = 'ready' THEN coalesce(report_count(a, g.leads_needed), '-') ELSE report_why(a, g.state) END,
               coalesce(report_count(a, g.leads_planned), '-'),
               jsonb_build_object('text', coalesce(CASE WHEN g.gap > 0 THEN '+' ELSE '' END || report_count(a, g.gap), '-'), 'number', g.gap,
                                  'tone', CASE WHEN g.gap < 0 THEN 'bad' WHEN g.gap >= 0 THEN 'good' ELSE 'plain' END)) ORDER BY g.n),
           CASE WHEN max(u.units) = 1 AND count(g.gap) > 1 THEN
               jsonb_agg(jsonb_build_object('label', said_month(g.month, a.locale), 'first', g.leads_needed, 'second', g.leads_planned) ORDER BY g.n) FILTER (WHERE g.gap IS NOT NULL) END,
           sum(g.gap) FILTER (WHERE g.gap < 0)
    INTO line, bars, short
    FROM g CROSS JOIN (SELECT count(DISTINCT y.unit_key) AS units FROM g y) u;
    IF line IS NULL THEN
        RETURN NULL;
    END IF;
    RETURN report_section(a, 'table', 'plan', jsonb_strip_nulls(jsonb_build_object('rows', line,
        'columns', report_columns(a, 'month', '+sales_plan', '+deals_needed', '+leads_needed', '+leads_planned', '+gap'),
        'bars', bars, 'bars_first', report_word(a, 'leads_needed'), 'bars_second', report_word(a, 'leads_planned'),
        'headline', CASE WHEN short < 0 THEN report_headline(a, 'gap', -short, 'bad') END)),
        report_word(a, 'gap_note'));
END
$$;
COMMENT ON FUNCTION @extschema@.report_gap(@extschema@.report_asked) IS
'The section of a report with the leads that the sales plan needs and those that marketing plans, from the month on in which the report begins; NULL where there is no plan.';

CREATE FUNCTION @extschema@.report_budget(a @extschema@.report_asked)
RETURNS jsonb LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    line jsonb;
BEGIN
    WITH b AS MATERIALIZED (
        SELECT p.month, p.unit, p.amount, cost.value AS spent, cost.state, won.value AS won
        FROM (SELECT x.* FROM plan x
              WHERE x.plan = 'budget' AND x.version = 'current' AND x.month BETWEEN date_trunc('month', a.since::timestamp)::date AND a.until
                AND may_see_total(x.unit) AND (a.units IS NULL OR x.unit = ANY (a.units))
              ORDER BY x.month DESC, x.unit LIMIT 12) p
        CROSS JOIN LATERAL kpi_total('marketing_spend', p.unit, p.month, (p.month + interval '1 month')::date - 1, a.currency) cost
        CROSS JOIN LATERAL kpi_total('won_value', p.unit, p.month, (p.month + interval '1 month')::date - 1, a.currency) won)
    SELECT jsonb_agg(jsonb_build_array(
               jsonb_build_object('text', report_month(a, b.month), 'sub', CASE WHEN b.unit <> root_unit() THEN report_unit_name(b.unit) END),
               report_value(a, b.amount, 'money'),
               CASE WHEN b.state = 'ready' THEN coalesce(report_value(a, b.spent, 'money'), '-') ELSE report_why(a, b.state) END,
               jsonb_build_object('text', coalesce(report_value(a, b.spent / nullif(b.amount, 0), 'share'), '-'), 'number', round(b.spent / nullif(b.amount, 0), 6),
                                  'parts', CASE WHEN b.amount > 0 AND b.spent >= 0 THEN jsonb_build_array(jsonb_build_array(least(b.spent, b.amount), CASE WHEN b.spent > b.amount THEN 'bad' ELSE 'main' END),
                                                                                                jsonb_build_array(greatest(b.amount - b.spent, 0), 'rest')) END,
                                  'tone', CASE WHEN b.spent > b.amount THEN 'bad' ELSE 'plain' END),
               coalesce(report_value(a, b.won, 'money'), '-')) ORDER BY b.month, b.unit)
    INTO line FROM b;
    IF line IS NULL THEN
        RETURN NULL;
    END IF;
    RETURN report_section(a, 'table', 'budget', jsonb_build_object('rows', line, 'columns', report_columns(a, 'month', '+budget_column', '+spent', '+used', '+won')));
END
$$;
COMMENT ON FUNCTION @extschema@.report_budget(@extschema@.report_asked) IS
'The section of a report with what marketing spent of its budget, by month, of units whose totals the reader may see; NULL where there is no budget. As crm_bi.budget_used.';

CREATE FUNCTION @extschema@.report_campaigns(a @extschema@.report_asked)
RETURNS jsonb LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    asked CONSTANT text[] := ARRAY(SELECT s.kpi FROM kpi_state('{marketing_spend,open_pipeline,won_count,won_value}'::text[]) s WHERE s.state = 'ready');
    line jsonb;
    there bigint;
BEGIN
    WITH fact AS MATERIALIZED (
        SELECT q.kpi_key AS kpi, q.campaign, q.value, q.state FROM crm_bi.kpis(asked, 'total', a.since, a.until, '{campaign}', a.currency) q WHERE a.unit IS NULL AND asked <> '{}'
        UNION ALL
        SELECT k.kpi, r.campaign, sum_value(k, r.numerator, r.denominator, a.currency), coalesce(r.problem, 'ready')
        FROM kpi k CROSS JOIN LATERAL read_sums(k, 'total', a.since, a.until, '{campaign}', a.units, a.currency, 'default') r
        WHERE a.unit IS NOT NULL AND k.kpi = ANY (asked)
    ), counted AS (
        SELECT f.campaign, max(f.value) FILTER (WHERE f.kpi = 'marketing_spend') AS spent, max(f.value) FILTER (WHERE f.kpi = 'open_pipeline') AS open,
               max(f.value) FILTER (WHERE f.kpi = 'won_count') AS deals, max(f.value) FILTER (WHERE f.kpi = 'won_value') AS won
        FROM fact f WHERE f.campaign IS NOT NULL GROUP BY f.campaign
    ), shown AS (
        SELECT coalesce(d.campaign, c.campaign) AS campaign, coalesce(d.name, c.campaign, d.campaign) AS name, d.channel, d.supports_unit, c.spent, c.open, c.deals, c.won,
               row_number() OVER (ORDER BY c.won DESC NULLS LAST, c.open DESC NULLS LAST, c.spent DESC NULLS LAST, coalesce(d.campaign, c.campaign)) AS n
        FROM counted c
        FULL JOIN (SELECT x.*, resolve_unit(x.supports_unit) AS unit FROM crm_bi.dim_campaign x
                   WHERE coalesce(x.starts_on <= a.until, true) AND coalesce(x.ends_on >= a.since, true)) d ON d.campaign = c.campaign
        WHERE c.campaign IS NOT NULL OR a.units IS NULL OR d.unit = ANY (a.units)
    )
    SELECT jsonb_agg(jsonb_build_array(
               jsonb_build_object('text', s.name, 'sub', s.channel),
               coalesce(report_unit_name(coalesce(resolve_unit(s.supports_unit), s.supports_unit)), '-'),
               coalesce(report_value(a, s.spent, 'money'), '-'),
               coalesce(report_value(a, s.open, 'money'), '-'),
               coalesce(report_count(a, s.deals), '-'),
               jsonb_build_object('text', coalesce(report_value(a, s.won, 'money'), '-'), 'number', s.won)) ORDER BY s.n) FILTER (WHERE s.n <= 15),
           count(*)
    INTO line, there FROM shown s;
    IF there = 0 THEN
        RETURN NULL;
    END IF;
    RETURN report_section(a, 'table', 'campaigns', jsonb_build_object('rows', line, 'more', report_more(a, 15, there),
        'columns', report_columns(a, 'campaign', 'supports', '+spent', '+open', '+deals_won', '+won')), report_word(a, 'campaign_note'));
END
$$;
COMMENT ON FUNCTION @extschema@.report_campaigns(@extschema@.report_asked) IS
'The section of a report with campaigns that ran or brought something: names and units supported as far as the reader may read campaigns; NULL where there are none.';
