-- KPIs about goals, budgets, forecasts and the weighted pipeline, as keys of kpi(): by hand, with nothing left, nothing actual and no target.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set SHOW_CONTEXT never
SET client_min_messages = warning; SET datestyle = 'ISO, YMD'; SET timezone = 'UTC';
CREATE ROLE regress_item_ben; CREATE ROLE regress_item_ann; CREATE ROLE regress_item_nobody;
SELECT crm.create_unit('firm', 'The firm'), crm.create_unit('north', 'North', parent => 'firm'), crm.create_unit('south', 'South', parent => 'firm');
SELECT crm.create_principal('ben', role_name => 'regress_item_ben'), crm.create_principal('ann', role_name => 'regress_item_ann'), crm.create_role('watcher'), crm.grant_privilege('watcher', 'kpi', 'total', 'below');
SELECT crm.add_member('ben', 'north', 'watcher') > 0 AS ben, crm.add_member('ann', 'firm', 'watcher') > 0 AS ann;
CREATE TEMP TABLE asked AS SELECT unnest('{weighted_pipeline,pipeline_coverage,budget_used,goal_attainment,forecast_accuracy}'::text[]) AS k;
GRANT SELECT ON asked TO PUBLIC;

-- before there is anything: known, not available, and doctor says what is missing
SELECT k, value, state FROM asked, crm_bi.kpi(k) ORDER BY 1;
SELECT kpi, state FROM crm.install_kpi_pack() JOIN asked ON k = kpi ORDER BY 1;
CREATE TABLE deals (id integer PRIMARY KEY, region text, value numeric, money text, status text, closed date, expected date);
SELECT crm.create_funnel('sales', 'opportunity', '[{"key": "talk", "kind": "entry", "probability": 0.2}, {"key": "offer", "probability": 0.5}, {"key": "check", "kind": "active"},
    {"key": "won", "kind": "won", "milestone": "won"}, {"key": "lost", "kind": "lost", "position": 900}]');
SELECT count(*) > 0 AS adopted FROM crm.adopt('deals', 'opportunity', funnel => 'sales', columns => '{"unit": "region", "amount": "value", "currency": "money", "stage": "status", "closed_at": "closed", "expected_close_on": "expected"}');
SELECT item, state, detail FROM crm.doctor() JOIN asked ON item = 'KPI ' || k ORDER BY 1;
CREATE TABLE spend (id integer PRIMARY KEY, region text, day date, cost numeric, money text);
SELECT count(*) > 0 AS adopted FROM crm.adopt('spend', 'spend', columns => '{"unit": "region", "on_date": "day", "amount": "cost", "currency": "money"}');
CALL crm.backfill('deals'); CALL crm.backfill('spend');
SELECT item, state, detail FROM crm.doctor() JOIN asked ON item = 'KPI ' || k ORDER BY 1;
SELECT k, value, state FROM asked, crm_bi.kpi(k) ORDER BY 1;

-- weighted: 150 * 0.2 and 200 * 0.5 in the north, 400 * 0.5 in the south
INSERT INTO deals VALUES (1, 'north', 100, 'EUR', 'talk', NULL, current_date + 1), (2, 'north', 200, 'EUR', 'offer', NULL, current_date + 2),
    (3, 'south', 400, 'EUR', 'offer', NULL, current_date - 1), (4, 'north', 50, 'EUR', 'talk', NULL, current_date + 400), (5, 'south', 0, 'EUR', 'check', NULL, NULL),
    (6, 'south', 70, 'EUR', 'lost', current_date, current_date);
SELECT numerator, denominator, value, state FROM crm_bi.kpi('weighted_pipeline');
SELECT unit_key, stage, value, state FROM crm_bi.kpi('weighted_pipeline', by => '{unit_key,stage}');
SELECT value, state FROM crm.kpi_total('weighted_pipeline', 'south');
SELECT value, state FROM crm_bi.kpi('weighted_pipeline', since => '2020-01-01', until => '2020-12-31'); -- before they came
SELECT value = 330 AS today, state FROM crm_bi.kpi('weighted_pipeline', 'month', current_date, current_date);
SELECT sum(v.weighted) = k.value AS as_the_view FROM crm_bi.weighted_pipeline v, crm_bi.kpi('weighted_pipeline') k WHERE v.state = 'ready' GROUP BY k.value;
-- several currencies are no sum; a stage without a chance is no zero
INSERT INTO deals VALUES (7, 'south', 1000, 'USD', 'offer', NULL, current_date);
SELECT value, state FROM crm_bi.kpi('weighted_pipeline');
SELECT currency, value, state FROM crm_bi.kpi('weighted_pipeline', by => '{currency}');
SELECT value, regexp_replace(state, '\d{4}-\d\d-\d\d', 'today') AS state FROM crm_bi.kpi('weighted_pipeline', into_currency => 'EUR');
SELECT crm.set_rate('USD', 'EUR', '2020-01-01', 0.5);
SELECT value, state FROM crm_bi.kpi('weighted_pipeline', into_currency => 'EUR'); -- and 250
UPDATE deals SET value = 1 WHERE id = 5;
SELECT unit_key, value, state FROM crm_bi.kpi('weighted_pipeline', by => '{unit_key}', into_currency => 'EUR');
DELETE FROM deals WHERE id IN (5, 7);

-- coverage of goals that run. North: 300 of 900 - 300 won; south: 400 of 200; the firm together by a goal of its own: 700 of 2000 - 300
INSERT INTO deals VALUES (8, 'north', 300, 'EUR', 'won', current_date, NULL);
SELECT crm.set_goal('north', 'won_value', 900, current_date - 10, current_date + 10, unit => 'north'), crm.set_goal('south', 'won_value', 200, current_date - 10, current_date + 10, unit => 'south');
SELECT numerator, denominator, value, state FROM crm_bi.kpi('pipeline_coverage'); -- 700 of 600 + 200
SELECT unit_key, numerator, denominator, value, state FROM crm_bi.kpi('pipeline_coverage', by => '{unit_key}');
SELECT crm.set_goal('firm', 'won_value', 2000, current_date - 10, current_date + 10);
SELECT numerator, denominator, round(value, 6) AS value, state FROM crm_bi.kpi('pipeline_coverage');
SELECT unit_key, numerator, denominator, round(value, 6) AS value, state FROM crm_bi.kpi('pipeline_coverage', by => '{unit_key}');
SELECT goal_key, round(coverage, 6) AS coverage FROM crm_bi.pipeline_coverage ORDER BY 1;
SELECT numerator, denominator, value, state FROM crm.kpi_total('pipeline_coverage', 'north');
SELECT numerator, denominator, value, state FROM crm.kpi_total('pipeline_coverage', 'north', current_date - 10, current_date + 10);
SELECT numerator, denominator, value, state FROM crm.kpi_total('pipeline_coverage', 'north', current_date - 9); -- it began before
-- nothing is left, exactly and by more
SELECT crm.set_goal('north', 'won_value', 300, current_date - 10, current_date + 10, unit => 'north');
SELECT numerator, denominator, value, state FROM crm.kpi_total('pipeline_coverage', 'north');
SELECT crm.set_goal('north', 'won_value', 250, current_date - 10, current_date + 10, unit => 'north');
SELECT numerator, denominator, value, state FROM crm.kpi_total('pipeline_coverage', 'north');
SELECT unit_key, value, state FROM crm_bi.kpi('pipeline_coverage', by => '{unit_key}');
-- two goals for the same days of one unit are no sum
SELECT crm.set_goal('stretch', 'won_value', 900, current_date - 10, current_date + 10, unit => 'north');
SELECT value, state FROM crm.kpi_total('pipeline_coverage', 'north');
DELETE FROM crm.goal;
SELECT value, state FROM crm_bi.kpi('pipeline_coverage');

-- budget: January 400 of 1000 in the north, 100 of 500 in the south; February of the north has none to spend; March of the firm contains that of the north
SELECT crm.set_plan('budget', '2021-01-15', 1000, 'north'), crm.set_plan('budget', '2021-01-01', 800, 'north', 'original'), crm.set_plan('budget', '2021-01-01', 500, 'south'),
       crm.set_plan('budget', '2021-02-01', 0, 'north'), crm.set_plan('budget', '2021-03-01', 3000), crm.set_plan('budget', '2021-03-01', 50, 'north');
INSERT INTO spend VALUES (1, 'north', '2021-01-01', 150, 'EUR'), (2, 'north', '2021-01-31', 250, 'EUR'), (3, 'north', '2021-02-01', 5, 'EUR'), (4, 'south', '2021-01-20', 100, 'EUR'),
    (5, 'north', '2021-03-31', 60, 'EUR'), (6, 'south', '2021-03-31', 90, 'EUR');
SELECT period, numerator, denominator, value, state FROM crm_bi.kpi('budget_used', 'month', '2021-01-01', '2021-04-30');
SELECT period, unit_key, numerator, denominator, value, state FROM crm_bi.kpi('budget_used', 'month', '2021-01-01', '2021-03-31', '{unit_key}');
SELECT period, numerator, denominator, round(value, 6) AS value, state FROM crm_bi.kpi('budget_used', 'quarter', '2021-01-01', '2021-03-31'); -- 655 of 4500
SELECT numerator, denominator, value, state FROM crm.kpi_total('budget_used', 'north', '2021-01-01', '2021-02-28');
SELECT numerator, denominator, value, state FROM crm_bi.kpi('budget_used', 'total', '2021-01-01', '2021-01-30'); -- no whole month
SELECT numerator, denominator, value, state FROM crm_bi.kpi('budget_used', 'month', '2021-01-01', '2021-01-31', into_currency => 'USD');
SELECT crm.set_home_currency('EUR');
SELECT numerator, denominator, round(value, 6) AS value, state FROM crm_bi.kpi('budget_used', 'month', '2021-01-01', '2021-01-31', into_currency => 'USD'); -- twice as many dollars of both

-- goals of the first quarter of 2021: north 700 of 1000, south 1000 of 500; and of the year 1900 of 4000
INSERT INTO deals VALUES (20, 'north', 700, 'EUR', 'won', '2021-01-20', NULL), (21, 'south', 1000, 'EUR', 'won', '2021-03-31', NULL), (22, 'south', 200, 'EUR', 'won', '2021-12-31', NULL),
    (23, 'south', 200, 'EUR', 'lost', '2021-03-01', NULL), (24, 'north', 0, 'EUR', 'lost', '2021-03-01', NULL), (25, 'north', 0, 'EUR', 'lost', '2021-03-01', NULL);
SELECT crm.set_goal('q1 north', 'won_value', 1000, '2021-01-01', '2021-03-31', unit => 'north'), crm.set_goal('q1 south', 'won_value', 500, '2021-01-01', '2021-03-31', unit => 'south');
SELECT period, numerator, denominator, round(value, 6) AS value, state FROM crm_bi.kpi('goal_attainment', 'quarter', '2021-01-01', '2021-12-31');
SELECT period, unit_key, numerator, denominator, value, state FROM crm_bi.kpi('goal_attainment', 'quarter', '2021-01-01', '2021-03-31', '{unit_key}');
SELECT crm.set_goal('2021', 'won_value', 4000, '2021-01-01', '2021-12-31');
SELECT period, numerator, denominator, value, state FROM crm_bi.kpi('goal_attainment', 'year', '2021-01-01', '2021-12-31');
SELECT period, numerator, denominator, round(value, 6) AS value, state FROM crm_bi.kpi('goal_attainment', 'quarter', '2021-01-01', '2021-03-31'); -- the year's does not lie in it
-- where lower is better it is the other way round: 250 of 500; with several KPIs the mean
SELECT crm.set_goal('thrift', 'marketing_spend', 250, '2021-01-01', '2021-03-31', unit => 'north');
SELECT unit_key, numerator, denominator, round(value, 6) AS value, round((0.7 + 250 / 465.0) / 2, 6) AS by_hand, state FROM crm_bi.kpi('goal_attainment', 'quarter', '2021-01-01', '2021-03-31', '{unit_key}') WHERE unit_key = 'north';
-- a rate does not add up: the mean of 1 of 3 against 0.5, and 1 of 2 against 0.5
DELETE FROM crm.goal;
SELECT crm.set_goal('rate north', 'win_rate', 0.5, '2021-01-01', '2021-03-31', unit => 'north'), crm.set_goal('rate south', 'win_rate', 0.5, '2021-01-01', '2021-03-31', unit => 'south');
SELECT round(numerator, 6) AS numerator, denominator, round(value, 6) AS value, round((1 / 3.0 / 0.5 + 0.5 / 0.5) / 2, 6) AS by_hand, state FROM crm_bi.kpi('goal_attainment', 'quarter', '2021-01-01', '2021-03-31');
-- a target of zero; a goal about goals is about itself
SELECT crm.set_goal('rate north', 'win_rate', 0, '2021-01-01', '2021-03-31', unit => 'north');
SELECT unit_key, value, state FROM crm_bi.kpi('goal_attainment', 'quarter', '2021-01-01', '2021-03-31', '{unit_key}');
SELECT value, state FROM crm_bi.kpi('goal_attainment', 'quarter', '2021-01-01', '2021-03-31');
DELETE FROM crm.goal;
SELECT crm.set_goal('all', 'goal_attainment', 1, '2021-01-01', '2021-03-31');
SELECT value, state FROM crm_bi.kpi('goal_attainment', 'quarter', '2021-01-01', '2021-03-31');
SELECT actual, state FROM crm_bi.kpi_goal WHERE goal_key = 'all';
-- one that runs, by working days: there is no calendar, so 11 of 21 days; quarter to date and today's period have it
DELETE FROM crm.goal;
SELECT crm.set_goal('now', 'won_value', 420, current_date - 10, current_date + 10, unit => 'north');
SELECT numerator, round(denominator, 6) AS denominator, round(value, 6) AS value, round(300 / 220.0, 6) AS by_hand, state FROM crm_bi.kpi('goal_attainment');
SELECT numerator, round(denominator, 6) AS denominator, state FROM crm.kpi_total('goal_attainment', 'north', current_date - 10, current_date);
SELECT numerator, round(denominator, 6) AS denominator, state FROM crm.kpi_total('goal_attainment', 'north', current_date - 10, current_date + 9);
SELECT part, regexp_replace(detail, '\d{4}-\d\d-\d\d', '...', 'g') AS detail, round(amount, 4) AS amount FROM crm.explain_kpi('goal_attainment', 'north') WHERE part IN ('item', 'value', 'state');

-- forecasts of January: 600 of 700 that came in the north (off by 100), 2500 of 1000 in the south in March; the later forecast of the same does not count
INSERT INTO crm.forecast_snapshot (kpi, unit, since, until, as_of, rates, value, kpi_version, taken_by) VALUES
    ('won_value', 'north', '2021-01-01', '2021-01-31', '2020-12-31', 'default', 600, 1, 'test'), ('won_value', 'north', '2021-01-01', '2021-01-31', '2021-01-15', 'default', 700, 1, 'test'),
    ('won_value', 'south', '2021-03-01', '2021-03-31', '2021-02-28', 'default', 2500, 1, 'test'), ('won_value', 'north', '2021-02-01', '2021-02-28', '2021-01-31', 'default', 10, 1, 'test'),
    ('won_count', 'south', '2021-03-01', '2021-03-31', '2021-02-28', 'default', 1, 1, 'test');
SELECT period, numerator, denominator, round(value, 6) AS value, round(by_hand, 6) AS by_hand, state
FROM crm_bi.kpi('forecast_accuracy', 'month', '2021-01-01', '2021-04-30') LEFT JOIN (VALUES ('2021-01-01'::date, 1 - 100 / 700.0), ('2021-03-01', (1 - 1500 / 1000.0 + 1) / 2)) v (period, by_hand) USING (period);
SELECT kpi_key, unit_key, as_of, round(accuracy, 6) AS accuracy FROM crm_bi.forecast_accuracy ORDER BY 1, 2, 3;
DELETE FROM crm.forecast_snapshot WHERE kpi = 'won_count';
SELECT numerator, denominator, round(value, 6) AS value, state FROM crm_bi.kpi('forecast_accuracy', 'quarter', '2021-01-01', '2021-03-31'); -- 600 - 500 - 10 of 1700
SELECT unit_key, numerator, denominator, round(value, 6) AS value FROM crm_bi.kpi('forecast_accuracy', 'quarter', '2021-01-01', '2021-03-31', '{unit_key}');

-- who sees what: goals, budgets and forecasts of units whose totals he may see, deals of those units
SELECT crm.set_goal('firm', 'won_value', 4200, current_date - 10, current_date + 10);
SET ROLE regress_item_ann;
SELECT k, unit_key, value IS NOT NULL AS value, state FROM asked, crm_bi.kpi(k, by => '{unit_key}') ORDER BY 1, 2;
SET ROLE regress_item_ben;
SELECT k, unit_key, value IS NOT NULL AS value, state FROM asked, crm_bi.kpi(k, by => '{unit_key}') ORDER BY 1, 2;
SELECT k, numerator, round(denominator, 6) AS denominator, round(value, 6) AS value, state FROM asked, crm_bi.kpi(k) ORDER BY 1;
SELECT kpi_key, day, value, state FROM crm_bi.kpi_value JOIN asked ON k = kpi_key ORDER BY 1;
SET ROLE regress_item_nobody;
SELECT state FROM crm_bi.kpi('goal_attainment');
RESET ROLE;
SELECT kpi_key, kind, date_kind, adds_up_over FROM crm_bi.dim_kpi JOIN asked ON k = kpi_key ORDER BY 1;
SELECT kpi, state FROM crm.install_kpi_pack() JOIN asked ON k = kpi ORDER BY 1;
-- a derived KPI is made of them
SELECT crm.define_kpi('cover_and_use', 'Both', 'pipeline_coverage + 0 * weighted_pipeline', kind => 'derived');
SELECT round(value, 6) AS value, state FROM crm_bi.kpi('cover_and_use', by => '{unit_key}') WHERE unit_key = 'north';
