-- Kinds of rules beside threshold: change, pace, forecast, anomaly, no data; of a unit, of each unit below.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set world :srcdir '/alert_world.sql'
\i :world
\set SHOW_CONTEXT never
SET intervalstyle = 'postgres';
-- what makes no sense
SELECT crm.create_rule('r', 'win_rate', 'chagne', fire_level => -0.2);
SELECT crm.create_rule('r', 'win_rate', 'change');
SELECT crm.create_rule('r', 'win_rate', 'change', fire_level => -0.2, measure => 'percent');
SELECT crm.create_rule('r', 'win_rate', fire_level => 0.2, measure => 'share');
SELECT crm.create_rule('r', 'win_rate', fire_level => 0.2, goal => 'x');
SELECT crm.create_rule('r', 'win_rate', fire_level => 0.2, scope => 'units');
SELECT crm.create_rule('r', kind => 'pace', goal => 'x');
SELECT crm.create_rule('r', kind => 'pace');
SELECT crm.create_rule('r', 'won_count', 'forecast', fire_level => 10);
SELECT crm.create_rule('r', 'won_count', 'anomaly', fire_level => 0);
SELECT crm.create_rule('r', 'won_count', 'anomaly', fire_level => 4, clear_level => 5);
SELECT crm.create_rule('r', 'won_count', 'anomaly', direction => 'both');
SELECT crm.create_rule('r', 'won_count', direction => 'either', fire_level => 4);
SELECT crm.create_rule('r', (SELECT min(k.kpi) FROM crm.kpi k WHERE k.kind NOT IN ('simple', 'ratio')), 'anomaly');
SELECT crm.create_rule('r', 'won_count', 'no_data', fire_level => -1);
SELECT count(*) AS nothing_half_done FROM crm.rule;
-- the period before
SELECT w, p.since, p.until, b.since AS before_since, b.until AS before_until
FROM (VALUES ('last 7 days', date '2026-05-21'), ('last 1 day', '2026-03-01'), ('week to date', '2026-05-21'), ('month to date', '2026-05-21'),
             ('month to date', '2026-03-31'), ('quarter to date', '2026-05-21'), ('year to date', '2024-12-31')) v (w, d),
     crm.rule_period(w, d) p, crm.rule_period_before(w, p.since, p.until) b;

CREATE VIEW sight AS
SELECT r.rule, s.subject, s.unit, round(s.value, 3) AS value, s.numerator, s.denominator, round(s.compared, 3) AS compared, round(s.measured, 3) AS measured,
       m.reading, m.reason, s.goal
FROM crm.rule r, crm.see_rule(r, crm.kpi_today()) s, crm.rule_reading(r, s) m ORDER BY r.rule, s.subject;

-- change, of each unit below: emea loses three of ten, apac has too little before
SELECT set_deals('emea', 10, 0, 8), set_deals('emea', 7, 0, 1), set_deals('emea', 0, 0), set_deals('apac', 2, 0, 9), set_deals('apac', 0, 0);
SELECT crm.create_rule('wins-drop', 'won_count', 'change', scope => 'below', fire_level => -0.25, clear_level => -0.1, min_base => 5),
       crm.create_rule('wins-fewer', 'won_count', 'change', scope => 'whole', unit => 'apac', measure => 'amount', fire_level => -6);
SELECT rule, unit, scope, period, measure, direction, fire_level, clear_level, min_base FROM crm.rule ORDER BY 1;
SELECT * FROM sight;
SELECT * FROM pass();
SELECT rule, subject, unit, state, value, compared, round(measured, 3) AS measured, level FROM crm.alert ORDER BY rule;
SELECT set_deals('emea', 1, 0, 2), set_deals('apac', 5, 0, 9), set_deals('apac', 3, 0, 1);
SELECT * FROM pass();
SELECT * FROM sight;
SELECT rule, subject, state, value, compared, round(measured, 3) AS measured FROM crm.alert ORDER BY rule, subject;
-- a unit that is retired is not watched any more, and its alert is over
SELECT crm.retire_unit('apac');
SELECT * FROM pass();
SELECT rule, subject, state, value, compared, reason FROM crm.alert WHERE subject = 'apac';
SELECT crm.reopen_unit('apac');
SELECT crm.enable_rule('wins-drop', false), crm.enable_rule('wins-fewer', false);
-- a base of zero says nothing of a share, but of an amount
DELETE FROM deals;
SELECT rule, subject, value, compared, measured, reading, reason FROM sight;
DELETE FROM crm.rule;

-- pace: of a goal of 40 days 10 are over, so a quarter of 80 is expected
SELECT set_deals('emea', 12, 0, 3), set_deals('apac', 7, 0, 5);
SELECT crm.set_goal('wins', 'won_count', 80, crm.kpi_today() - 9, crm.kpi_today() + 30),
       crm.set_goal('wins of emea', 'won_count', 40, crm.kpi_today() - 9, crm.kpi_today() + 30, unit => 'emea'),
       crm.set_goal('losses of apac', 'won_count', 40, crm.kpi_today() - 9, crm.kpi_today() + 30, unit => 'apac', direction => 'down'),
       crm.set_goal('rate', 'win_rate', 0.9, crm.kpi_today() - 9, crm.kpi_today() + 30, baseline => 0.5),
       crm.set_goal('over', 'won_count', 400, crm.kpi_today() - 9, crm.kpi_today() - 1);
SELECT crm.create_rule('pace', kind => 'pace', goal => 'wins', clear_level => 1.05), crm.create_rule('paces', 'won_count', 'pace', scope => 'below'), crm.create_rule('paces-early', 'won_count', 'pace', min_base => 20.1),
       crm.create_rule('pace-rate', kind => 'pace', goal => 'rate'), crm.create_rule('pace-over', kind => 'pace', goal => 'over');
SELECT crm.create_rule('r', 'win_rate', kind => 'pace', goal => 'wins');
SELECT rule, kpi, unit, scope, period, direction, fire_level, clear_level, goal FROM crm.rule ORDER BY 1;
SELECT * FROM sight;
SELECT g.goal_key, round(g.actual, 3) AS actual, round(g.expected, 3) AS expected, round(g.pace, 3) AS pace FROM crm_bi.kpi_goal g ORDER BY 1;
SELECT * FROM pass();
SELECT rule, subject, unit, state, value, round(compared, 3) AS compared, round(measured, 3) AS measured, goal FROM crm.alert WHERE goal IS NOT NULL ORDER BY 1;
UPDATE crm.goal SET until = crm.kpi_today() - 1 WHERE goal = 'wins';
SELECT * FROM pass();
SELECT rule, subject, state, reason FROM crm.alert WHERE goal IS NOT NULL;
DELETE FROM crm.rule;

-- anomaly: eight weeks of 20 on the weekday of yesterday and 4 on others, 5 on every second; yesterday 4
DELETE FROM deals;
INSERT INTO deals (region, stage, opened, closed)
SELECT 'emea', 'won', noon, noon
FROM generate_series(1, 57) ago, LATERAL (SELECT (crm.kpi_today() - ago + time '12:00') AT TIME ZONE 'UTC' AS noon) t,
     generate_series(1, CASE WHEN ago = 1 THEN 4 WHEN ago % 7 = 1 THEN 20 + (ago / 7) % 3 - 1 ELSE 4 + ago % 2 END);
SELECT crm.create_rule('odd', 'won_count', 'anomaly', scope => 'below'), crm.create_rule('odd-high', 'won_count', 'anomaly', direction => 'above'),
       crm.create_rule('odd-few', 'won_count', 'anomaly', min_base => 50), crm.create_rule('odd-rate', 'win_rate', 'anomaly', min_denominator => 3);
SELECT rule, subject, value, compared, measured, reading, reason FROM sight;
SELECT * FROM pass();
SELECT rule, subject, state, direction, value, compared, round(measured, 3) AS measured, period_since = crm.kpi_today() - 1 AS yesterday FROM crm.alert WHERE rule LIKE 'odd%';
-- holidays count on neither side
SELECT crm.set_calendar('default', 'UTC');
SELECT crm.add_holiday('default', crm.kpi_today() - 1, 'Founding day');
SELECT rule, subject, value, reading, reason FROM sight;
DELETE FROM crm.holiday;
SELECT crm.add_holiday('default', (crm.kpi_today() - n)::date, 'x') FROM unnest('{8,15,22}'::int[]) n \g /dev/null
SELECT rule, subject, value, compared, measured, reading, reason FROM sight WHERE rule = 'odd'; -- five of the weekday are left: all days count
DELETE FROM crm.holiday;
DELETE FROM crm.rule;

-- forecast: ten a day with a month and more behind
DELETE FROM deals;
INSERT INTO deals (region, stage, opened, closed)
SELECT 'emea', 'won', noon, noon
FROM generate_series(1, 200) ago, LATERAL (SELECT (crm.kpi_today() - ago + time '12:00') AT TIME ZONE 'UTC' AS noon) t, generate_series(1, 10);
SELECT crm.set_goal('reach', 'won_count', 400, crm.kpi_today() - 20, crm.kpi_today() + 9), crm.set_goal('in reach', 'won_count', 290, crm.kpi_today() - 20, crm.kpi_today() + 9),
       crm.set_goal('keep low', 'won_count', 200, crm.kpi_today() - 20, crm.kpi_today() + 9, direction => 'down'),
       crm.set_goal('far', 'won_count', 200, crm.kpi_today() - 20, crm.kpi_today() + 900);
SELECT crm.create_rule('miss', 'won_count', 'forecast'), crm.create_rule('month', 'won_count', 'forecast', scope => 'below', period => 'Month to date', fire_level => 10000);
SELECT rule, period, direction, fire_level FROM crm.rule ORDER BY 1;
-- exactly ten a day: 200 of the days so far and 100 to come
SELECT rule, subject, value, compared, measured, reading, reason FROM sight WHERE rule = 'miss';
SELECT rule, subject, reading, reason, value BETWEEN 280 AND 310 AS ten_a_day FROM sight WHERE rule = 'month';
SELECT * FROM pass();
DELETE FROM crm.rule;

-- no data: the last fact was yesterday
SELECT crm.create_rule('silent', 'won_count', 'no_data', fire_level => 1, scope => 'below'), crm.create_rule('silent-whole', 'pipeline_coverage', 'no_data');
SELECT rule, subject, measured, reading, reason FROM sight;
SELECT * FROM pass();
DELETE FROM deals WHERE closed::date >= crm.kpi_today() - 1;
SELECT rule, subject, measured, reading, reason FROM sight WHERE rule = 'silent';
SELECT * FROM pass();
-- of two tables that feed a KPI the one that fell silent counts, where a unit has anything in it
CREATE TABLE public.more_deals (LIKE public.deals INCLUDING ALL);
SET client_min_messages = warning;
SELECT count(*) > 0 AS adopted FROM crm.adopt('public.more_deals', 'opportunity', department => 'sales', funnel => 'sales', columns =>
    '{"unit": "region", "stage": "stage", "created_at": "opened", "closed_at": "closed"}');
CALL crm.backfill('public.more_deals');
RESET client_min_messages;
INSERT INTO more_deals (region, stage, opened, closed) SELECT 'emea', 'won', noon, noon FROM (SELECT (crm.kpi_today() - 9 + time '12:00') AT TIME ZONE 'UTC') t (noon);
SELECT set_deals('emea', 1, 0), set_deals('apac', 1, 0) \g /dev/null
SELECT rule, subject, measured, reading, reason FROM sight WHERE rule = 'silent';
INSERT INTO more_deals (region, stage, opened, closed) SELECT 'emea', 'won', noon, noon FROM (SELECT (crm.kpi_today() + time '12:00') AT TIME ZONE 'UTC') t (noon);
SELECT rule, subject, measured, reading, reason FROM sight WHERE rule = 'silent';
DELETE FROM more_deals;
SELECT rule, subject, measured, reading, reason FROM sight WHERE rule = 'silent';
SELECT crm.disown('public.more_deals') IS NULL AS disowned \g /dev/null
SELECT crm.disown('public.deals') IS NULL AS disowned \g /dev/null
SELECT rule, subject, measured, reading, reason FROM sight WHERE rule = 'silent';
SELECT rule, subject, state, reason FROM crm.alert WHERE rule = 'silent';
-- possible, and hardly meant
SELECT crm.create_rule('h-share', 'win_rate', fire_level => 25), crm.create_rule('h-drop', 'won_count', 'change', fire_level => 0.2),
       crm.create_rule('h-rise', 'won_count', 'change', direction => 'above', fire_level => -0.2), crm.create_rule('h-pace', 'average_deal', 'pace');
SELECT crm.create_rule('h-none', 'win_rate', fire_level => 1), crm.create_rule('h-loss', 'won_count', 'change', fire_level => -0.2), crm.create_rule('h-still', 'won_count', 'change', fire_level => 0);
SELECT crm.set_language('anna', 'es', 'Mexico city');
\set QUIET on
DROP OWNED BY regress_alert_anna, regress_alert_ben;
DROP ROLE regress_alert_anna, regress_alert_ben;
