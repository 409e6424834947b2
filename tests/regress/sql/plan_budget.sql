-- Budgets, the weighted pipeline, its coverage of goals, and goals with baselines and shares, by hand.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'UTC'; -- as the organisation's days are
CREATE ROLE regress_plan_budget_ben; CREATE ROLE regress_plan_budget_nobody;
SELECT crm.create_unit('firm', 'The firm'), crm.create_unit('north', 'North', parent => 'firm'), crm.create_unit('south', 'South', parent => 'firm');
SELECT crm.create_principal('ben', role_name => 'regress_plan_budget_ben'), crm.create_role('watcher'), crm.grant_privilege('watcher', 'kpi', 'total', 'below');
SELECT crm.add_member('ben', 'north', 'watcher') > 0 AS ben;
CREATE TABLE deals (id integer PRIMARY KEY, region text, value numeric, money text, status text, closed date, expected date);
SELECT crm.create_funnel('sales', 'opportunity', '[{"key": "talk", "kind": "entry", "probability": 0.2}, {"key": "offer", "probability": 0.5}, {"key": "check", "kind": "active"},
    {"key": "won", "kind": "won", "milestone": "won"}, {"key": "lost", "kind": "lost", "position": 900}]');
SELECT count(*) > 0 AS adopted FROM crm.adopt('deals', 'opportunity', funnel => 'sales', columns => '{"unit": "region", "amount": "value", "currency": "money", "stage": "status", "closed_at": "closed", "expected_close_on": "expected"}');
CREATE TABLE spend (id integer PRIMARY KEY, region text, day date, cost numeric, money text);
SELECT count(*) > 0 AS adopted FROM crm.adopt('spend', 'spend', columns => '{"unit": "region", "on_date": "day", "amount": "cost", "currency": "money"}');
CALL crm.backfill('deals');
CALL crm.backfill('spend');
INSERT INTO deals VALUES
    (1, 'north', 100, 'EUR', 'talk', NULL, current_date + 1), (2, 'north', 200, 'EUR', 'offer', NULL, current_date + 2), (3, 'south', 400, 'EUR', 'offer', NULL, current_date - 1),
    (4, 'south', 800, 'EUR', 'check', NULL, current_date), (5, 'north', 50, 'EUR', 'talk', NULL, current_date + 400), (6, 'north', 300, 'EUR', 'won', current_date, NULL),
    (7, 'south', 70, 'EUR', 'lost', current_date, current_date);
-- 150 * 0.2, 200 * 0.5, 400 * 0.5; what has no chance has none
SELECT unit_key, stage, currency, deals, open_amount, probability, probability_source AS source, weighted, state FROM crm_bi.weighted_pipeline;
INSERT INTO deals VALUES (8, 'south', 1000, 'USD', 'offer', NULL, current_date);
SELECT sum(weighted) AS not_converted FROM crm.weighted_pipeline(into_currency => 'EUR') WHERE currency = 'EUR' AND stage = 'offer';
SELECT state ~ '^missing_rate .* USD to EUR$' AS missing FROM crm.weighted_pipeline(into_currency => 'EUR') WHERE state LIKE 'missing%';
SELECT crm.set_rate('USD', 'EUR', '2020-01-01', 0.5);
SELECT sum(weighted) AS converted, 30 + 100 + 200 + 250 AS by_hand FROM crm.weighted_pipeline(into_currency => 'EUR') WHERE state = 'ready';
SELECT count(*) AS before_they_came FROM crm.weighted_pipeline('2020-01-01');

-- coverage: the south has 400 (overdue) + 800 + 500 of 1000 that are to be won, the north 300 of 600 left; a year holds no deal of 400 days on
SELECT crm.set_goal('north', 'won_value', 900, current_date - 10, current_date + 10, unit => 'north', currency => 'EUR'),
       crm.set_goal('south', 'won_value', 1000, current_date - 10, current_date + 10, unit => 'south', currency => 'EUR'),
       crm.set_goal('done', 'won_value', 300, current_date - 10, current_date + 10, unit => 'north', currency => 'EUR'),
       crm.set_goal('mixed', 'won_value', 9000, current_date - 10, current_date + 10);
SELECT goal_key, unit_key, currency, target, won, rest, open_in_period, round(coverage, 4) AS coverage, round(by_hand, 4) AS by_hand, state
FROM crm_bi.pipeline_coverage LEFT JOIN (VALUES ('north', 300 / 600.0), ('south', 1700 / 1000.0)) v (goal_key, by_hand) USING (goal_key) ORDER BY 1;

-- budget: by version and month; a month without one, one of nothing, and several currencies
SELECT crm.set_plan('budget', '2026-01-15', 1000, 'north'), crm.set_plan('budget', '2026-01-01', 800, 'north', 'original'), crm.set_plan('budget', '2026-02-01', 0, 'north'),
       crm.set_plan('budget', '2026-01-01', 2000);
INSERT INTO spend VALUES (1, 'north', '2026-01-01', 150, 'EUR'), (2, 'north', '2026-01-31', 250, 'EUR'), (3, 'north', '2026-02-01', 5, 'EUR'), (4, 'south', '2026-01-20', 100, 'USD');
INSERT INTO deals VALUES (20, 'north', 1000, 'EUR', 'won', '2026-01-20', NULL);
SELECT plan_version, month, unit_key, currency, budget, spent, round(used, 4) AS used, won_value, round(return_on_spend, 4) AS return_on_spend, state FROM crm_bi.budget_used;
SELECT crm.set_home_currency('EUR');
SELECT plan_version, unit_key, currency, spent, round(used, 4) AS used, round(by_hand, 4) AS by_hand FROM crm_bi.budget_used, (VALUES (450 / 2000.0)) v (by_hand) WHERE unit_key = 'firm';
SELECT count(*) AS budgets_are_no_gap FROM crm.plan_gap;

-- goals: from a baseline of 0.50 the rate is to reach 0.90; of 21 days 11 are over. Of money a share each.
SELECT crm.set_goal('rate', 'win_rate', 0.9, current_date - 10, current_date + 10, baseline => 0.5, departments => '{"north": 0.4, "south": 0.6}', accountable => 'ben'),
       crm.set_goal('value', 'won_value', 1000, current_date - 10, current_date + 10, unit => 'north', departments => '{"north": 0.25, "south": 0.75}', currency => 'USD');
SELECT goal_key, round(attainment, 4) AS attainment, round(elapsed, 4) AS elapsed, round(expected, 4) AS expected, round(progress, 4) AS progress, round(pace, 4) AS pace, on_track, baseline, currency
FROM crm_bi.kpi_goal WHERE goal_key IN ('rate', 'value') ORDER BY 1;
SELECT round(0.5 / 0.9, 4) AS attainment, round(11 / 21.0, 4) AS elapsed, round(0.5 + 0.4 * 11 / 21.0, 4) AS expected, 0 AS progress, round(0.5 / (0.5 + 0.4 * 11 / 21.0), 4) AS pace;
SELECT goal_key, unit_key, credit, target, round(actual, 4) AS actual, accountable FROM crm_bi.goal_credit ORDER BY 1, 2;
SELECT crm.set_goal('backlog', 'open_pipeline', 1000, current_date - 10, current_date + 10, unit => 'north', direction => 'down', baseline => 2000, currency => 'EUR');
SELECT actual, round(expected, 2) AS expected, round(progress, 4) AS progress, round((350 - 2000) / (1000 - 2000.0), 4) AS by_hand, on_track FROM crm_bi.kpi_goal WHERE goal_key = 'backlog';

-- who may not, and what makes no sense
\set VERBOSITY default
SELECT crm.set_goal('g', 'won_value', 1, current_date, current_date, departments => '{"north": 1.5, "south": -0.5}');
SELECT crm.set_goal('g', 'won_value', 1, current_date, current_date, baseline => 1);
SELECT crm.set_goal('g', 'won_count', 1, current_date, current_date, currency => 'EUR');
SELECT crm.set_goal('g', 'won_value', 1, current_date, current_date, currency => 'EUR', rates => 'none');
SELECT crm.set_plan('budgets', '2026-01-01', 1);
SELECT crm.set_plan('budget', '2026-01-01', 1, version => '');
SET ROLE regress_plan_budget_ben;
SELECT DISTINCT unit_key FROM crm_bi.weighted_pipeline;
SELECT goal_key FROM crm_bi.pipeline_coverage ORDER BY 1;
SELECT DISTINCT unit_key FROM crm_bi.budget_used;
SELECT DISTINCT goal_key FROM crm_bi.goal_credit;
SET ROLE regress_plan_budget_nobody;
SELECT * FROM crm_bi.weighted_pipeline;
SELECT * FROM crm_bi.pipeline_coverage;
SELECT * FROM crm_bi.budget_used;
SELECT * FROM crm_bi.goal_credit;
RESET ROLE;
SELECT crm.disown_all();
DROP OWNED BY regress_plan_budget_ben, regress_plan_budget_nobody;
DROP ROLE regress_plan_budget_ben, regress_plan_budget_nobody;
