-- What was spent of what might be, and what it brought.

CREATE FUNCTION @extschema@.budget_used_rows()
    RETURNS TABLE (plan_version text, month date, unit_key text, currency text, budget numeric, spent numeric, used numeric, won_value numeric,
                   return_on_spend numeric, state text)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 50 COST 1000000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_column
DECLARE
    p record;
    cost record;
    won record;
    home CONSTANT text := home_currency(); -- several currencies are one sum only in that one
BEGIN
    PERFORM visible(root_unit(), 'kpi', 'total'); -- without identity an error, also where there are none
    FOR p IN SELECT x.* FROM plan x WHERE x.plan = 'budget' AND may_see_total(x.unit) ORDER BY x.version, x.month, x.unit LOOP
        SELECT t.* INTO cost FROM kpi_total('marketing_spend', p.unit, p.month, (p.month + interval '1 month')::date - 1, home) t;
        SELECT t.* INTO won FROM kpi_total('won_value', p.unit, p.month, (p.month + interval '1 month')::date - 1, home) t;
        plan_version := p.version; month := p.month; unit_key := p.unit; currency := home; budget := p.amount;
        spent := cost.value; used := cost.value / nullif(p.amount, 0); state := cost.state;
        won_value := won.value; return_on_spend := (won.value - cost.value) / nullif(cost.value, 0);
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.budget_used_rows() IS 'The rows of crm_bi.budget_used.';

CREATE VIEW crm_bi.budget_used WITH (security_invoker) AS
SELECT v.plan_version, v.month, v.unit_key, v.currency, @extschema@.reported(v.budget)::numeric(24,6) AS budget,
       @extschema@.reported(v.spent)::numeric(24,6) AS spent, @extschema@.reported(v.used)::numeric(24,6) AS used,
       @extschema@.reported(v.won_value)::numeric(24,6) AS won_value, @extschema@.reported(v.return_on_spend)::numeric(24,6) AS return_on_spend, v.state
FROM @extschema@.budget_used_rows() v;
COMMENT ON VIEW crm_bi.budget_used IS
'The KPI budget_used, for each month of each version of the plan budget: what marketing spent, divided by what it might spend (NULL where that is '
'zero). Over several months sum spent and budget of one version first. won_value and return_on_spend are blended: all that the unit won in the '
'month, whoever brought it; by campaign and model see campaign_return. Money is in the home currency where one is set. Units whose totals the caller may see.';
COMMENT ON COLUMN crm_bi.budget_used.plan_version IS 'Version of the plan; current is what holds.';
COMMENT ON COLUMN crm_bi.budget_used.month IS 'First day of the month.';
COMMENT ON COLUMN crm_bi.budget_used.currency IS 'The home currency; NULL where none is set and amounts are as written.';
COMMENT ON COLUMN crm_bi.budget_used.budget IS 'What might be spent.';
COMMENT ON COLUMN crm_bi.budget_used.spent IS 'marketing_spend of the month.';
COMMENT ON COLUMN crm_bi.budget_used.used IS 'spent divided by budget.';
COMMENT ON COLUMN crm_bi.budget_used.won_value IS 'What the unit won in the month.';
COMMENT ON COLUMN crm_bi.budget_used.return_on_spend IS '(won_value - spent) divided by spent.';
GRANT SELECT ON crm_bi.budget_used TO PUBLIC;
