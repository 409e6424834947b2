# shellcheck shell=bash disable=SC2154
# KPIs against goals that departments share; the sales plan, the marketing plan and the gap.

title "One set of numbers: KPIs against shared goals"
setup 40-goals.sql
typed "SELECT * FROM crm_bi.kpi_goal;"
table "
SELECT g.label AS kpi, CASE WHEN g.since = g.until THEN 'now' ELSE g.until - g.since + 1 || ' d' END AS over,
       CASE WHEN k.measured_in = 'share' THEN to_char(100 * actual, '990.0') || ' %' WHEN actual >= 1e6 THEN to_char(actual / 1e6, '990.00') || ' M' ELSE to_char(actual, '999,990') END AS actual,
       CASE g.direction WHEN 'up' THEN '≥ ' ELSE '≤ ' END ||
           CASE WHEN k.measured_in = 'share' THEN trim(to_char(100 * target, '990')) || ' %' WHEN target >= 1e6 THEN trim(to_char(target / 1e6, '990.00')) || ' M' ELSE trim(to_char(target, '999,990')) END AS goal,
       rpad(repeat('█', least(5, floor(5 * attainment)::int)), 5, '·') || to_char(100 * attainment, '990') || ' %' AS attained,
       (SELECT string_agg(key || ' ' || round(100 * value::numeric), ', ' ORDER BY value DESC, key) FROM jsonb_each_text(departments::jsonb)) AS \"held by, %\"
FROM crm_bi.kpi_goal g JOIN crm.kpi k ON k.kpi = g.kpi_key ORDER BY attainment DESC"
must "(SELECT count(*) = 6 AND bool_and(state = 'ready' AND actual IS NOT NULL) FROM crm_bi.kpi_goal)" "all six goals have a number"
must "(SELECT actual FROM crm_bi.kpi_goal WHERE goal_key = 'revenue') = (SELECT sum(value) FROM sales.deals WHERE status = 'won' AND closed > current_date - 365)" \
    "won value is the sum over the deals"
must "(SELECT actual FROM crm_bi.kpi_goal WHERE goal_key = 'win rate') = (SELECT round(count(*) FILTER (WHERE status = 'won')::numeric
      / count(*) FILTER (WHERE status IN ('won', 'lost')), 6) FROM sales.deals WHERE closed > current_date - 90)" "the win rate is that of the deals"
must "(SELECT actual FROM crm_bi.kpi_goal WHERE goal_key = 'leads') = (SELECT count(*) FROM demo.path WHERE lead::date > current_date - 365)" \
    "leads are as many as the generator made"
must "(SELECT actual FROM crm_bi.kpi_goal WHERE goal_key = 'backlog') = (SELECT count(*) FROM service.tickets WHERE solved IS NULL)" \
    "the backlog is the number of open tickets"
good "won value, win rate, leads and backlog equal what plain queries on the departments' tables give"

gap
say "Does marketing plan enough leads for what sales plans to win?"
typed "SELECT * FROM crm.plan_gap;"
table "
SELECT to_char(month, 'YYYY-MM') AS month, to_char(won_value_planned, '999,999') AS \"sales plan\",
       to_char(average_deal, '99,999') AS \"avg deal\", to_char(deals_needed, '990') AS \"deals\",
       to_char(100 * conversion, '990.0') || ' %' AS \"lead to won\", to_char(leads_needed, '99,999') AS \"leads needed\",
       to_char(leads_planned, '99,999') AS \"leads planned\", to_char(gap, 'S99,990') AS gap
FROM crm.plan_gap ORDER BY month"
must "(SELECT count(*) = 4 AND bool_and(state = 'ready' AND gap = leads_planned - leads_needed) FROM crm.plan_gap)" "four months have a gap"
