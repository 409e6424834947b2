-- Credits of a matrix, by hand: shares add up to the whole exactly, only where they are asked for, and tell nobody what he may not know.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'UTC';
SET jit = off;
CREATE ROLE regress_credit_emma; CREATE ROLE regress_credit_otto; CREATE ROLE regress_credit_nobody;
SELECT count(crm.create_unit(u.key, kind => u.kind, parent => u.parent, hierarchy => u.hierarchy, since => '2020-01-01')) AS units
FROM (VALUES ('firm', 'business', NULL, 'teams'), ('team a', 'functional', 'firm', 'teams'), ('team b', 'functional', 'firm', 'teams'), ('team c', 'functional', 'firm', 'teams'),
             ('emea', 'geographic', 'firm', 'regions'), ('apac', 'geographic', 'firm', 'regions'), ('auto', 'product', 'firm', 'industries'), ('gone', 'project', 'firm', 'projects')) AS u (key, kind, parent, hierarchy);
SELECT crm.create_principal('emma', role_name => 'regress_credit_emma'), crm.create_principal('otto', role_name => 'regress_credit_otto'), crm.create_role('counter'),
       crm.grant_privilege('counter', 'kpi', 'total', 'unit');
SELECT count(crm.add_member(m.principal, m.unit, 'counter')) AS members FROM (VALUES ('emma', 'emea'), ('emma', 'team a'), ('otto', 'emea'), ('otto', 'team a'), ('otto', 'team b'), ('otto', 'auto')) AS m (principal, unit);
CREATE TABLE deals (id integer PRIMARY KEY, team text, value numeric, money text, status text, opened date, closed date, customer text);
SELECT crm.create_funnel('sales', 'opportunity', '[{"key": "talk", "kind": "entry"}, {"key": "won", "kind": "won", "milestone": "won"}, {"key": "lost", "kind": "lost", "position": 900}]');
SELECT count(*) > 0 AS adopted FROM crm.adopt('deals', 'opportunity', funnel => 'sales',
    columns => '{"unit": "team", "amount": "value", "currency": "money", "stage": "status", "created_at": "opened", "closed_at": "closed", "customer": "customer"}');
CALL crm.backfill('deals');
INSERT INTO deals VALUES
    (1, 'team a', 100.01, 'EUR', 'won', '2026-01-01', '2026-01-10', 'x'), (2, 'team a', 200, 'EUR', 'won', '2026-01-01', '2026-02-10', 'x'), (3, 'team a', 50, 'EUR', 'lost', '2026-01-01', '2026-02-11', 'y'),
    (4, 'team b', 1000, 'EUR', 'won', '2026-01-01', '2026-01-20', 'z'), (5, 'team b', 10, 'EUR', 'lost', '2026-01-01', '2026-02-20', 'z'), (6, 'team c', 7, 'EUR', 'won', '2026-01-01', '2026-02-01', 'z'),
    (7, 'emea', 3, 'EUR', 'won', '2026-01-01', '2026-02-01', 'z'), (8, 'team a', 400, 'EUR', 'talk', '2026-01-05', NULL, 'x');

-- team a counts for emea and auto from February on, team b always in three parts; nothing changes for who does not ask
SELECT crm.set_credit('team a', '{"emea": 0.6, "auto": 0.4}', since => '2026-02-01'), crm.set_credit('TEAM B', '{"emea": 0.333, "APAC": 0.333, "team b": 0.334}');
SELECT unit_key, value FROM crm_bi.kpi('won_value', by => '{unit_key}') ORDER BY 1;
-- January: a keeps its 100.01; of b's 1000 emea and apac have 333 each, and it keeps 334. February: 120 and 80 of a's 200; c's and emea's own
SELECT period, unit_key, numerator, value, state FROM crm_bi.kpi('won_value', 'month', by => '{unit_key}', credit => 'matrix') ORDER BY 1, 2;
SELECT unit_key, value, by_hand, value = by_hand AS same
FROM crm_bi.kpi('won_value', by => '{unit_key}', credit => 'matrix')
JOIN (VALUES ('team a', 100.01), ('emea', 333 + 120 + 3.0), ('auto', 80), ('apac', 333), ('team b', 334), ('team c', 7)) v (unit_key, by_hand) USING (unit_key) ORDER BY 1;
-- counts have fractions; a ratio divides after: emea won 0.333 + 0.6 + 1 of 0.333 * 2 + 0.6 * 2 + 1
SELECT unit_key, numerator, denominator, round(value, 6) AS value, round(1.933 / 2.866, 6) AS emea_by_hand FROM crm_bi.kpi('win_rate', by => '{unit_key}', credit => 'matrix') ORDER BY 1;
-- a stock has the weights of the day: a's open 400 are its own at the end of January, and shared at the end of February
SELECT period, unit_key, value FROM crm_bi.kpi('open_pipeline', 'month', '2026-01-01', '2026-02-28', '{unit_key}', credit => 'matrix') ORDER BY 1, 2;
SELECT value FROM crm_bi.kpi('open_pipeline', 'total', '2026-01-01', '2026-02-28', credit => 'matrix');
-- days in the middle of a month, other dimensions and one currency
SELECT crm.set_credit('team c', '{"auto": 1}', since => '2026-02-01', until => '2026-02-01'), crm.set_rate('USD', 'EUR', '2020-01-01', 0.5);
SELECT unit_key, stage, value FROM crm_bi.kpi('won_value', 'month', '2026-02-01', '2026-02-28', '{unit_key,stage}', 'USD', credit => 'matrix') ORDER BY 1, 2;
SELECT unit_key, value FROM crm_bi.kpi('won_value', 'week', '2026-02-01', '2026-02-07', '{unit_key}', credit => 'matrix') ORDER BY period, unit_key;

-- over all units nothing is lost and nothing is there twice, to the last digit: every KPI that is a sum, at every grain, by other dimensions
CREATE VIEW whole AS SELECT k.kpi, g.grain, f.period, f.stage, f.currency, f.numerator, f.denominator, f.state
FROM unnest('{won_value,win_rate,open_pipeline}'::text[]) k (kpi) CROSS JOIN unnest('{day,week,total}'::text[]) g (grain)
CROSS JOIN LATERAL crm_bi.kpi(k.kpi, g.grain, '2026-01-01', '2026-03-31', '{stage,currency}') f;
CREATE VIEW credited AS SELECT k.kpi, g.grain, f.period, f.stage, f.currency, sum(f.numerator) AS numerator, sum(f.denominator) AS denominator, min(f.state) AS state
FROM unnest('{won_value,win_rate,open_pipeline}'::text[]) k (kpi) CROSS JOIN unnest('{day,week,total}'::text[]) g (grain)
CROSS JOIN LATERAL crm_bi.kpi(k.kpi, g.grain, '2026-01-01', '2026-03-31', '{stage,currency,unit_key}', credit => 'matrix') f GROUP BY 1, 2, 3, 4, 5;
SELECT (SELECT count(*) FROM (TABLE whole EXCEPT ALL TABLE credited) x) AS gone, (SELECT count(*) FROM (TABLE credited EXCEPT ALL TABLE whole) x) AS new, (SELECT count(*) > 100 FROM whole) AS some;
CREATE VIEW value_whole AS SELECT kpi_key, day, stage, currency, sum(numerator) AS numerator, sum(denominator) AS denominator FROM crm_bi.kpi_value GROUP BY 1, 2, 3, 4;
CREATE VIEW value_credited AS SELECT kpi_key, day, stage, currency, sum(numerator) AS numerator, sum(denominator) AS denominator FROM crm_bi.kpi_value_credited GROUP BY 1, 2, 3, 4;
SELECT (SELECT count(*) FROM (TABLE value_whole EXCEPT ALL TABLE value_credited) x) AS gone, (SELECT count(*) FROM (TABLE value_credited EXCEPT ALL TABLE value_whole) x) AS new, (SELECT count(*) > 100 FROM value_whole) AS some;
-- rounded to six decimals they add up still: of 0.000001 in three
INSERT INTO deals VALUES (9, 'team b', 0.000001, 'EUR', 'won', '2026-03-01', '2026-03-01', 'z');
SELECT unit_key, source_unit_key, weight, numerator, value, state FROM crm_bi.kpi_value_credited WHERE kpi_key = 'won_value' AND day = '2026-03-01' ORDER BY 1;
SELECT unit_key, value FROM crm_bi.kpi('won_value', 'total', '2026-03-01', '2026-03-01', '{unit_key}', credit => 'matrix') ORDER BY 1;
DELETE FROM deals WHERE id = 9;
SELECT unit_key, source_unit_key, weight, numerator, denominator, value FROM crm_bi.kpi_value_credited WHERE kpi_key = 'win_rate' AND day = '2026-02-11' ORDER BY 1;
-- the bridge, for whoever joins himself
SELECT * FROM crm_bi.dim_unit_credit WHERE unit_key LIKE 'team%' ORDER BY unit_key, valid_from, credited_key;
SELECT b.credited_key, sum(v.numerator * b.weight)::numeric(12,2) AS won FROM crm_bi.kpi_value v JOIN crm_bi.dim_unit_credit b ON b.unit_key = v.unit_key AND v.day >= b.valid_from AND v.day < b.valid_to
WHERE v.kpi_key = 'won_value' GROUP BY 1 ORDER BY 1;

-- what is no sum has no shares, and says so; what is made of sums has them
SELECT crm.define_kpi('buyers', 'Buyers', 'opportunity_closed.customer[won]', kind => 'distinct'), crm.define_kpi('median', 'Median', 'opportunity_closed.amount[won]', kind => 'percentile', quantile => 0.5, measured_in => 'money'),
       crm.define_kpi('won_late', 'Won in 20 days', 'opportunity_closed.amount[won]', kind => 'cumulative', span => '20 days', measured_in => 'money'),
       crm.define_kpi('per_won', 'Worth of a win', 'won_value / nullif(won_count, 0)', kind => 'derived', measured_in => 'money'),
       crm.define_kpi('per_buyer', 'By buyer', 'won_value / nullif(buyers, 0)', kind => 'derived', measured_in => 'money');
SELECT k, unit_key, value, state FROM unnest('{buyers,median,per_buyer,grr}'::text[]) k CROSS JOIN LATERAL crm_bi.kpi(k, 'total', '2026-01-01', '2026-02-28', '{unit_key}', credit => 'matrix') f
WHERE value IS NOT NULL OR unit_key IS NULL OR unit_key = 'emea';
SELECT unit_key, value, state FROM crm_bi.kpi('won_late', 'month', '2026-02-01', '2026-02-28', '{unit_key}', credit => 'matrix') ORDER BY 1;
SELECT unit_key, round(value, 4) AS value, round(456 / 1.933, 4) AS emea_by_hand, state FROM crm_bi.kpi('per_won', 'total', '2026-01-01', '2026-02-28', '{unit_key}', credit => 'matrix') ORDER BY 1;
SELECT kpi_key, state FROM crm_bi.kpi_value_credited WHERE kpi_key IN ('buyers', 'per_won') ORDER BY 1;
-- nor a KPI over whose units nothing is to be added up
SELECT crm.set_kpi('won_count', not_additive => '{unit_key}');
SELECT DISTINCT state, value FROM crm_bi.kpi('won_count', by => '{unit_key}', credit => 'matrix');
SELECT crm.set_kpi('won_count', not_additive => '{}');

-- Rights. otto sees a, b, emea and auto: all that counts for emea and auto. emma does not see b, which counts for emea: no number of emea then
-- tells what b had, and none is wrong.
SET ROLE regress_credit_otto;
SELECT unit_key, value, state FROM crm_bi.kpi('won_value', by => '{unit_key}', credit => 'matrix') ORDER BY 1;
SELECT value, state FROM crm_bi.kpi('won_value', credit => 'matrix');
SELECT unit_key, source_unit_key, sum(numerator) AS numerator, min(day) AS since, min(state) AS state FROM crm_bi.kpi_value_credited WHERE kpi_key = 'won_value' GROUP BY 1, 2 ORDER BY 1, 2;
SET ROLE regress_credit_emma;
SELECT unit_key, value, state FROM crm_bi.kpi('won_value', by => '{unit_key}', credit => 'matrix') ORDER BY 1;
SELECT value, state FROM crm_bi.kpi('won_value', credit => 'matrix');
SELECT value, state FROM crm_bi.kpi('won_late', 'total', '2026-01-01', '2026-02-28', credit => 'matrix');
SELECT unit_key, value, state FROM crm_bi.kpi('per_won', 'total', '2026-01-01', '2026-02-28', '{unit_key}', credit => 'matrix') ORDER BY 1;
SELECT unit_key, source_unit_key, sum(numerator) AS numerator, sum(value) AS value, min(state) AS state FROM crm_bi.kpi_value_credited WHERE kpi_key = 'won_value' GROUP BY 1, 2 ORDER BY 1, 2;
SELECT unit_key, value FROM crm_bi.kpi('won_value', by => '{unit_key}') ORDER BY 1;
SELECT count(*) FROM crm_bi.dim_unit_credit WHERE unit_key LIKE 'team%';
SELECT crm.set_credit('emea', '{"team a": 1}');
SELECT * FROM crm.unit_credit;
SET ROLE regress_credit_nobody;
SELECT count(*) FROM crm_bi.kpi_value_credited;
SELECT * FROM crm_bi.kpi('won_value', credit => 'matrix');
RESET ROLE;
-- on days on which b counts for itself alone emma sees emea again
SELECT crm.set_credit('team b', '{}', since => '2026-02-01');
SET ROLE regress_credit_emma;
SELECT period, unit_key, value, state FROM crm_bi.kpi('won_value', 'month', by => '{unit_key}', credit => 'matrix') ORDER BY 1, 2;
SELECT period, value, state FROM crm_bi.kpi('won_value', 'month', credit => 'matrix') ORDER BY 1;
RESET ROLE;

-- units that move, retire or are deleted keep their shares; those of a deleted one are the organisation's
SELECT crm.set_credit('team c', '{"gone": 0.5, "auto": 0.25, "team c": 0.25}');
SELECT crm.move_unit('team a', 'team b'), crm.retire_unit('auto');
SELECT unit_key, value FROM crm_bi.kpi('won_value', 'month', '2026-02-01', '2026-02-28', '{unit_key}', credit => 'matrix') ORDER BY 1;
DELETE FROM crm.unit WHERE unit = 'gone';
SELECT unit_key, value FROM crm_bi.kpi('won_value', 'month', '2026-02-01', '2026-02-28', '{unit_key}', credit => 'matrix') ORDER BY 1;
SELECT (SELECT count(*) FROM (TABLE whole EXCEPT ALL TABLE credited) x) AS gone, (SELECT count(*) FROM (TABLE credited EXCEPT ALL TABLE whole) x) AS new;
-- frozen days are shared as they were frozen
SELECT count(*) AS closed FROM crm.close_period('2026-02-28', 'won_value');
UPDATE deals SET value = value + 1 WHERE id = 2;
SELECT unit_key, value FROM crm_bi.kpi('won_value', 'month', '2026-02-01', '2026-02-28', '{unit_key}', credit => 'matrix') ORDER BY 1;
SELECT (SELECT count(*) FROM (TABLE whole EXCEPT ALL TABLE credited) x) AS gone, (SELECT count(*) FROM (TABLE credited EXCEPT ALL TABLE whole) x) AS new;
-- taken back on some days, what was before holds on the others
SELECT crm.set_credit('team a', '{"apac": 1}', since => '2026-02-10', until => '2026-02-10');
SELECT credited_key, weight, valid_from, valid_to FROM crm_bi.dim_unit_credit WHERE unit_key = 'team a' ORDER BY valid_from, credited_key;
SELECT crm.set_credit('team a', NULL, until => '2026-02-28'), crm.set_credit('team b', '{}');
SELECT credited_key, weight, valid_from, valid_to FROM crm_bi.dim_unit_credit WHERE unit_key IN ('team a', 'team b') ORDER BY unit_key, valid_from, credited_key;

-- what makes no sense
\set VERBOSITY default
SELECT crm.set_credit('team a', '{"emea": 0.6, "auto": 0.3999999999}');
SELECT crm.set_credit('team a', '{"emea": 0.6000001, "auto": 0.3999999}');
SELECT crm.set_credit('team a', '{"emea": 1.5, "auto": -0.5}');
SELECT crm.set_credit('team a', '{"emea": 1, "auto": 0}');
SELECT crm.set_credit('team a', '{"emea": "all"}');
SELECT crm.set_credit('team a', '[1]');
SELECT crm.set_credit('team a', '{"emae": 1}');
SELECT crm.set_credit('team x', '{"emea": 1}');
SELECT crm.set_credit('team a', '{"emea": 1}', '2026-02-02', '2026-02-01');
SELECT * FROM crm_bi.kpi('won_value', credit => 'matrx');
-- nor past the call
UPDATE crm.unit_credit SET weight = 0.5 WHERE unit = 'team a' AND credited = 'emea';
INSERT INTO crm.unit_credit VALUES ('team a', 'apac', 1, '[2026-05-01,2026-06-01)', now(), 'me');
DELETE FROM crm.unit_credit WHERE unit = 'team a' AND credited = 'emea';
BEGIN;
UPDATE crm.unit_credit SET weight = weight + 0.1 WHERE unit = 'team a' AND credited = 'emea';
UPDATE crm.unit_credit SET weight = weight - 0.1 WHERE unit = 'team a' AND credited = 'auto';
COMMIT;
SELECT credited, weight FROM crm.unit_credit WHERE unit = 'team a' ORDER BY 1;
SELECT crm.disown_all();
DROP OWNED BY regress_credit_emma, regress_credit_otto, regress_credit_nobody;
DROP ROLE regress_credit_emma, regress_credit_otto, regress_credit_nobody;
