-- Where KPIs go: by hand, by a process that is known, and by what was said before.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET datestyle = 'ISO';
CREATE ROLE regress_forecast_ben; CREATE ROLE regress_forecast_nobody;
SELECT crm.create_unit('firm', 'The firm'), crm.create_unit('north', 'North', parent => 'firm'), crm.create_unit('south', 'South', parent => 'firm');
SELECT count(crm.create_unit('shop' || g, parent => 'south')) FROM generate_series(1, 5) g;
SELECT crm.create_principal('ben', role_name => 'regress_forecast_ben'), crm.create_role('watcher'), crm.grant_privilege('watcher', 'kpi', 'total', 'below');
SELECT crm.add_member('ben', 'north', 'watcher') > 0 AS ben;

-- nothing is adopted, and then nothing has happened
SELECT * FROM crm.forecast('marketing_spend', as_of => '2025-12-31', until => '2026-01-31');
CREATE TABLE spend (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, region text, day date, cost numeric, money text);
SELECT count(*) > 0 AS adopted FROM crm.adopt('spend', 'spend', columns => '{"unit": "region", "on_date": "day", "amount": "cost", "currency": "money"}');
CALL crm.backfill('spend');
SELECT * FROM crm.forecast('marketing_spend', as_of => '2025-12-31', until => '2026-01-31');
-- 10 a day for 70 days: 10 a day. The period so far counts as it was, and what is missing of it is expected.
INSERT INTO spend (region, day, cost) SELECT 'north', day, 10 FROM generate_series(date '2025-10-23', '2025-12-31', '1 day') day;
SELECT * FROM crm.forecast('marketing_spend', as_of => '2025-12-31', until => '2026-01-03');
SELECT * FROM crm.forecast('marketing_spend', as_of => '2025-12-31', until => '2026-01-03', since => '2025-12-01') WHERE day = '2026-01-03';
SELECT count(*), min(day), max(day), max(value) FROM crm.forecast('marketing_spend', as_of => '2025-12-31');
-- an interval of four in five takes nine tries side by side, one in two three: after four weeks of history 70 days have six of a week
SELECT share, state, count(*), min(day), max(day)
FROM (VALUES (0.8), (0.5)) v (share), crm.forecast('marketing_spend', as_of => '2025-12-31', until => '2026-02-10', share => share) GROUP BY 1, 2 ORDER BY 1, 2;
-- a young KPI, and one with a gap
SELECT * FROM crm.forecast('marketing_spend', as_of => '2025-10-25', until => '2025-10-27');
DELETE FROM spend WHERE day BETWEEN '2025-11-20' AND '2025-12-17';
SELECT day, value, by_hand FROM crm.forecast('marketing_spend', as_of => '2025-12-31', until => '2026-01-07'),
    (VALUES (7 * 140.0 / 28)) v (by_hand) WHERE day = '2026-01-07'; -- of the last four weeks two; there are no 13

-- A process that is known: five shops, weekdays that differ, amounts by chance that grow slowly. Intervals hold four in five.
TRUNCATE spend;
SELECT setseed(0.3);
INSERT INTO spend (region, day, cost)
SELECT 'shop' || s, day, round(((100 + 0.1 * (day::date - date '2024-01-01')) * (ARRAY[0.3, 1, 1, 1.2, 1.5, 1.8, 0.6])[1 + extract(dow FROM day)::integer] * (random() + random() + random()) / 1.5)::numeric, 2)
FROM generate_series(1, 5) s, generate_series(date '2024-01-01', '2025-12-31', '1 day') day;
SELECT crm.fold() > 0 AS folded;
CREATE TEMP TABLE tested AS
SELECT s, b.* FROM generate_series(1, 5) s, crm.backtest_forecast('marketing_spend', 'shop' || s, 14, '2025-12-31') b;
SELECT source, count(*) AS shops, min(origins) > 80 AS weeks, avg(scaled_error) < 0.9 AS better_than_the_last_days,
       -- 80 days of 0.1 for each of 14 days, by windows of 4, 13 and 52 weeks; the last days again are behind by 14 days
       CASE source WHEN 'run_rate' THEN avg(mean_error) BETWEEN -130 AND -70 ELSE avg(mean_error) BETWEEN -80 AND -20 END AS behind_growth
FROM tested WHERE source IN ('forecast', 'run_rate') GROUP BY source ORDER BY source;
SELECT sum(covered * intervals) / sum(intervals) BETWEEN 0.74 AND 0.88 AS four_in_five, sum(intervals) > 300 AS tries FROM tested WHERE source = 'forecast';
SELECT sum(b.covered * b.intervals) / sum(b.intervals) BETWEEN 0.44 AND 0.58 AS one_in_two
FROM generate_series(1, 5) s, crm.backtest_forecast('marketing_spend', 'shop' || s, 7, '2025-12-31', share => 0.5) b WHERE b.source = 'forecast';
-- the run rate of the whole is what its parts bring; a forecast has weights of its own
SELECT abs(a.run_rate / b.run_rate - 1) < 0.001 AS adds_up
FROM crm.forecast_rows('marketing_spend', 'south', '2026-01-01', '2026-01-31', '2025-12-31', NULL, 'default', 0.8, false) a,
     (SELECT sum(f.run_rate) AS run_rate
      FROM generate_series(1, 5) s, crm.forecast_rows('marketing_spend', 'shop' || s, '2026-01-01', '2026-01-31', '2025-12-31', NULL, 'default', 0.8, false) f
      WHERE f.day = '2026-01-31') b
WHERE a.day = '2026-01-31';
-- what comes later changes nothing that was known before
CREATE TEMP TABLE before AS SELECT * FROM crm.forecast('marketing_spend', 'shop3', as_of => '2025-09-30', until => '2025-10-31');
UPDATE spend SET cost = cost * 5 WHERE day > '2025-09-30';
SELECT count(*) AS different FROM (SELECT * FROM crm.forecast('marketing_spend', 'shop3', as_of => '2025-09-30', until => '2025-10-31') EXCEPT TABLE before) x;

-- Deals: one opened a day; seven of ten are won on the 20th day, the others lost on the 30th. 20 are open and will know within 20 days:
-- 14 wins (by a case less). Those yet to come need longer than that.
CREATE TABLE deals (id integer PRIMARY KEY, region text, value numeric, opened date, won date, lost date, closed date);
SELECT crm.create_funnel('sales', 'opportunity', '[{"key": "open", "kind": "entry"}, {"key": "won", "kind": "won", "milestone": "won"}, {"key": "lost", "kind": "lost", "position": 900}]');
SELECT count(*) > 0 AS adopted FROM crm.adopt('deals', 'opportunity', funnel => 'sales', columns => '{"unit": "region", "amount": "value", "stage": {"open": "opened", "won": "won", "lost": "lost"}, "created_at": "opened", "closed_at": "closed"}');
CALL crm.backfill('deals');
INSERT INTO deals SELECT g, 'north', CASE WHEN g % 10 < 7 THEN 100 ELSE 0 END, date '2024-12-01' + g, CASE WHEN g % 10 < 7 THEN date '2024-12-01' + g + 20 END, CASE WHEN g % 10 >= 7 THEN date '2024-12-01' + g + 30 END,
                         date '2024-12-01' + g + CASE WHEN g % 10 < 7 THEN 20 ELSE 30 END FROM generate_series(1, 395) g;
UPDATE deals SET won = NULL, closed = NULL WHERE won > '2025-12-31';
UPDATE deals SET lost = NULL, closed = NULL WHERE lost > '2025-12-31';
SELECT crm.has_pipeline('won_value') AS value, crm.has_pipeline('won_count') AS count, crm.has_pipeline('win_rate') AS rate, crm.has_pipeline('marketing_spend') AS spend;
-- The 376th to 380th deal will be won or lost until January 5: two of them. The last 20 days again say so, and were never off.
SELECT day, round(other, 1) AS pipeline, round(run_rate, 1) AS run_rate, round(value, 1) AS value FROM crm.forecast_rows('won_count', NULL, '2026-01-01', '2026-01-20', '2025-12-31', NULL, 'default', 0.8, false)
WHERE day IN ('2026-01-05', '2026-01-20') ORDER BY day;
SELECT source, mean_absolute_error < 1.5 AS near FROM crm.backtest_forecast('won_count', days => 20, as_of => '2025-12-31') WHERE source IN ('forecast', 'pipeline');
-- amounts: those that are open have none but zero, and are expected to bring what wins brought
SELECT round(other / 100, 1) AS pipeline FROM crm.forecast_rows('won_value', NULL, '2026-01-01', '2026-01-20', '2025-12-31', NULL, 'default', 0.8, false) WHERE day = '2026-01-20';
-- 40 deals that nobody closed, older than any winner was, add nothing (as stages go they would add 28), and 40 of 415 cases teach
-- that some are never decided: 14 * 375 / 415
INSERT INTO deals SELECT 1000 + g, 'north', 1000, '2025-01-15', NULL, NULL, NULL FROM generate_series(1, 40) g;
SELECT round(other, 1) AS pipeline FROM crm.forecast_rows('won_count', NULL, '2026-01-01', '2026-01-20', '2025-12-31', NULL, 'default', 0.8, false) WHERE day = '2026-01-20';
-- the south has none of them
SELECT day, value FROM crm.forecast('won_count', 'south', as_of => '2025-12-31', until => '2026-01-02');
-- a ratio, and a stock that stays: 23 and 40 are open
SELECT round(value, 2) AS win_rate, state FROM crm.forecast('win_rate', as_of => '2025-12-31', until => '2026-01-20') WHERE day = '2026-01-20';
SELECT round(value) BETWEEN 41000 AND 42500 AS open, state FROM crm.forecast('open_pipeline', as_of => '2025-12-31', until => '2026-01-20') WHERE day = '2026-01-20';

-- what is no sum over days
SELECT kpi, f.state FROM crm.kpi k CROSS JOIN LATERAL crm.forecast(k.kpi, as_of => '2025-12-31', until => '2026-01-01') f WHERE f.state = 'no_forecast' AND k.kpi IN ('sales_velocity', 'won_count', 'win_rate', 'cac', 'logo_churn') ORDER BY 1;

-- What was said is kept as it was said, once a day, and measured by what came.
SELECT crm.set_goal('spend', 'marketing_spend', 100000, '2025-10-01', '2025-10-31', unit => 'south'), crm.set_goal('none', 'won_count', 10, '2025-10-01', '2025-10-31', unit => 'north');
SELECT crm.take_forecast_snapshots('2025-09-30') > 0 AS taken, crm.take_forecast_snapshots('2025-09-30') AS again, crm.take_forecast_snapshots('2025-10-15') > 0 AS later;
SELECT kpi_key, unit_key, as_of, days_ahead, forecast > 0 AS forecast, low <= forecast AND forecast < high AS within_interval,
       round(actual) = (SELECT round(sum(cost)) FROM spend WHERE day BETWEEN '2025-10-01' AND '2025-10-31') AS actual,
       round(accuracy - (1 - abs(actual - forecast) / actual), 5) AS accuracy_off, round(bias - (forecast - actual) / actual, 5) AS bias_off, within, state
FROM crm_bi.forecast_accuracy WHERE kpi_key = 'marketing_spend' AND unit_key = 'south' ORDER BY as_of;
-- 22 were won in October: what was said of the pipeline at its eve
SELECT unit_key, as_of, actual, accuracy > 0.9 AS near FROM crm_bi.forecast_accuracy WHERE kpi_key = 'won_count' ORDER BY unit_key, as_of;
CREATE TEMP TABLE said AS SELECT kpi_key, unit_key, as_of, forecast, actual FROM crm_bi.forecast_accuracy WHERE kpi_key IN ('marketing_spend', 'won_count');
UPDATE spend SET cost = 0 WHERE day BETWEEN '2025-10-01' AND '2025-10-31';
SELECT count(*) FILTER (WHERE a.forecast <> s.forecast) AS said_differently, count(*) FILTER (WHERE a.actual <> s.actual) > 0 AS came_differently
FROM crm_bi.forecast_accuracy a JOIN said s USING (kpi_key, unit_key, as_of);
SELECT actual, accuracy, bias, state FROM crm_bi.forecast_accuracy WHERE kpi_key = 'marketing_spend' AND unit_key = 'south' AND as_of = '2025-09-30';
SELECT crm.keep_forecasts() > 0 AS of_today, crm.keep_forecasts() AS again;
SELECT count(*) > 0 AS running FROM crm_bi.forecast_accuracy WHERE state = 'running';
SELECT room, item, state, amount > 0 AS some FROM crm.status WHERE item = 'forecast snapshots';
SELECT crm.prune_forecast_snapshots('2025-11-01') > 0 AS pruned;
SELECT count(*) AS left FROM crm_bi.forecast_accuracy WHERE until < '2025-11-01';

-- who may not, and what makes no sense
SET ROLE regress_forecast_ben;
SELECT count(*) FROM crm.forecast('won_count', 'north', as_of => '2025-12-31', until => '2026-01-05');
SELECT count(*) FROM crm_bi.forecast_accuracy WHERE unit_key <> 'north';
\set VERBOSITY default
SELECT * FROM crm.forecast('won_count', as_of => '2025-12-31', until => '2026-01-05');
SELECT * FROM crm.backtest_forecast('won_count', 'south');
SELECT crm.take_forecast_snapshots();
SELECT count(*) FROM crm.forecast_snapshot;
SET ROLE regress_forecast_nobody;
SELECT * FROM crm.forecast('won_count', 'north');
SELECT * FROM crm_bi.forecast_accuracy;
RESET ROLE;
SELECT * FROM crm.forecast('won_cont');
SELECT * FROM crm.forecast('won_count', 'nord');
SELECT * FROM crm.forecast('won_count', as_of => '2025-12-31', until => '2025-12-31');
SELECT * FROM crm.forecast('won_count', as_of => '2025-12-31', until => '2027-12-31');
SELECT * FROM crm.forecast('won_count', as_of => '2025-12-31', since => '2026-02-01');
SELECT * FROM crm.forecast('won_count', share => 1);
SELECT * FROM crm.forecast('won_value', into_currency => 'EURO');
SELECT crm.take_forecast_snapshots('2999-01-01');
-- several currencies are no sum; in one they are
UPDATE spend SET money = CASE WHEN region = 'shop1' THEN 'USD' ELSE 'EUR' END;
SELECT DISTINCT state FROM crm.forecast('marketing_spend', as_of => '2025-12-31', until => '2026-01-05');
SELECT crm.set_rate('USD', 'EUR', '2024-06-01', 0.5);
SELECT DISTINCT state FROM crm.forecast('marketing_spend', as_of => '2025-12-31', until => '2026-01-05', into_currency => 'EUR');
SELECT crm.set_rate('USD', 'EUR', '2024-01-01', 0.5);
SELECT round(a.run_rate / (o.run_rate - 0.5 * s.run_rate), 2) AS half_of_that_shop
FROM crm.forecast_rows('marketing_spend', NULL, '2026-01-01', '2026-01-05', '2025-12-31', 'EUR', 'default', 0.8, false) a,
     (SELECT sum(f.run_rate) AS run_rate
      FROM generate_series(1, 5) x, crm.forecast_rows('marketing_spend', 'shop' || x, '2026-01-01', '2026-01-05', '2025-12-31', NULL, 'default', 0.8, false) f
      WHERE f.day = '2026-01-05') o,
     crm.forecast_rows('marketing_spend', 'shop1', '2026-01-01', '2026-01-05', '2025-12-31', NULL, 'default', 0.8, false) s WHERE a.day = '2026-01-05' AND s.day = '2026-01-05';
SELECT crm.disown_all();
DROP OWNED BY regress_forecast_ben, regress_forecast_nobody;
DROP ROLE regress_forecast_ben, regress_forecast_nobody;
