-- Plans of departments, month by month, and the gap between them.

CREATE TABLE @extschema@.plan (
    plan text NOT NULL CHECK (plan = ANY (ARRAY['sales', 'marketing', 'budget'])),
    month date NOT NULL CHECK (month = pg_catalog.date_trunc('month', month::timestamp)::date),
    unit text NOT NULL REFERENCES @extschema@.unit ON UPDATE CASCADE,
    amount numeric NOT NULL CHECK (amount >= 0),
    version text NOT NULL DEFAULT 'current' CHECK (version <> ''),
    PRIMARY KEY (version, plan, month, unit)
);
COMMENT ON TABLE @extschema@.plan IS
'sales: the value of deals to win in a month. marketing: the leads to bring in a month. budget: what marketing may spend in a month. version: '
'current is what holds; others, such as original, are kept beside it.';
SELECT pg_catalog.pg_extension_config_dump('@extschema@.plan', '');

CREATE FUNCTION @extschema@.set_plan(plan text, month date, amount numeric, unit text DEFAULT NULL, version text DEFAULT 'current')
    RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    target text := (require_unit(coalesce(unit, root_unit()))).unit;
BEGIN
    IF NOT coalesce(plan = ANY ('{sales,marketing,budget}'), false) THEN
        PERFORM raise_unknown('plan', coalesce(plan, ''), '{sales,marketing,budget}');
    ELSIF coalesce(version, '') = '' OR month IS NULL OR NOT isfinite(month) OR amount IS NULL OR NOT (amount >= 0 AND amount < 'Infinity') THEN
        RAISE EXCEPTION 'a plan needs a month and an amount that is not negative'
            USING ERRCODE = 'RM005', HINT = 'For example set_plan(''sales'', ''2026-01-01'', 200000).';
    END IF;
    INSERT INTO plan (plan, month, unit, amount, version) VALUES (plan, date_trunc('month', month::timestamp)::date, target, amount, version)
    ON CONFLICT ON CONSTRAINT plan_pkey DO UPDATE SET amount = excluded.amount;
END
$$;
COMMENT ON FUNCTION @extschema@.set_plan(text, date, numeric, text, text) IS
'Sets what a unit (default: the organisation) plans for a month: plan sales, the value of deals to win; plan marketing, the '
'leads to bring; plan budget, what marketing may spend. Any day of the month will do. version: current is what plan_gap goes by; another one '
'is kept beside it. Errors: RM001 unknown plan or unit, RM005.';
SELECT @extschema@.set_audience('set_plan(text, date, numeric, text, text)', 'admin');

CREATE FUNCTION @extschema@.plan_gap_rows()
    RETURNS TABLE (month date, unit_key text, won_value_planned numeric, average_deal numeric, deals_needed numeric,
                   conversion numeric, leads_needed numeric, leads_planned numeric, gap numeric, state text)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 20 COST 1000000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_column
DECLARE
    last CONSTANT date := kpi_today();
    first CONSTANT date := (last - interval '1 year' + interval '1 day')::date;
    each record;
    deal record;
    won record;
    leads record;
    planned date;
BEGIN
    PERFORM visible(root_unit(), 'kpi', 'total');
    FOR each IN
        SELECT p.unit, array_agg(DISTINCT p.month) AS months FROM plan p WHERE p.version = 'current' AND p.plan <> 'budget' AND may_see_total(p.unit) GROUP BY p.unit ORDER BY 1
    LOOP
        SELECT t.* INTO deal FROM kpi_total('average_deal', each.unit, first, last) t;
        SELECT t.* INTO won FROM kpi_total('won_count', each.unit, first, last) t;
        SELECT t.* INTO leads FROM kpi_total('leads', each.unit, first, last) t;
        unit_key := each.unit;
        average_deal := deal.value;
        conversion := won.value / nullif(leads.value, 0);
        state := CASE WHEN deal.state <> 'ready' THEN deal.state WHEN leads.state <> 'ready' THEN leads.state
                      WHEN average_deal IS NULL THEN 'no_deals' WHEN coalesce(conversion, 0) = 0 THEN 'no_conversion'
                      ELSE 'ready' END;
        FOREACH planned IN ARRAY each.months LOOP
            month := planned;
            won_value_planned := (SELECT p.amount FROM plan p WHERE (p.version, p.plan, p.month, p.unit) = ('current', 'sales', planned, each.unit));
            leads_planned := (SELECT p.amount FROM plan p WHERE (p.version, p.plan, p.month, p.unit) = ('current', 'marketing', planned, each.unit));
            deals_needed := won_value_planned / nullif(average_deal, 0);
            leads_needed := ceil(deals_needed / nullif(conversion, 0));
            gap := leads_planned - leads_needed;
            RETURN NEXT;
        END LOOP;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.plan_gap_rows() IS 'The rows of plan_gap.';

CREATE VIEW @extschema@.plan_gap AS SELECT * FROM @extschema@.plan_gap_rows();
COMMENT ON VIEW @extschema@.plan_gap IS
'For each month: the leads that the sales plan needs against those that the marketing plan brings. deals_needed is the planned '
'value / average deal, leads_needed that / conversion, both of the last year; conversion is deals won / leads of the same '
'period (not of the same leads, and without the time between the two). gap is leads planned minus needed: negative means too '
'few. Plans of units whose totals the caller may see.';
GRANT SELECT ON @extschema@.plan_gap TO PUBLIC;
