-- Goals by working days, and what those who hold them say at the start, in between and at the end.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Europe/Madrid';
CREATE ROLE regress_check_in_anna; CREATE ROLE regress_check_in_omar; CREATE ROLE regress_check_in_ben; CREATE ROLE regress_check_in_nobody;
SELECT crm.create_unit('firm', 'The firm'), crm.create_unit('north', 'North', parent => 'firm');
SELECT crm.create_principal('anna', role_name => 'regress_check_in_anna'), crm.create_principal('omar', role_name => 'regress_check_in_omar'),
       crm.create_principal('ben', role_name => 'regress_check_in_ben'), crm.create_role('watcher'), crm.grant_privilege('watcher', 'kpi', 'total', 'below');
SELECT crm.add_member('anna', 'firm', 'watcher') > 0 AS anna, crm.add_member('ben', 'north', 'watcher') > 0 AS ben;

-- January 2026 has 31 days and 22 from Monday to Friday, of which New Year's is a holiday: by the 15th 10 of 21 are over.
SELECT round(crm.elapsed_share('2026-01-01', '2026-01-31', '2026-01-15'), 4) AS of_days;
SELECT crm.set_calendar('default', 'Europe/Madrid', '{"mon": ["09:00", "17:00"], "tue": ["09:00", "17:00"], "wed": ["09:00", "17:00"], "thu": ["09:00", "17:00"], "fri": ["09:00", "17:00"]}');
SELECT crm.add_holiday('default', '2026-01-01', 'New Year''s Day');
SELECT day, round(crm.elapsed_share('2026-01-01', '2026-01-31', day), 4) AS elapsed, round(n, 4) AS by_hand
FROM (VALUES (date '2025-12-31', 0.0), ('2026-01-01', 0.0), ('2026-01-02', 1 / 21.0), ('2026-01-04', 1 / 21.0), ('2026-01-15', 10 / 21.0), ('2026-01-30', 1.0), ('2026-02-15', 1.0)) AS v (day, n);
-- a weekend has no working time, and is counted by days
SELECT crm.elapsed_share('2026-01-03', '2026-01-04', '2026-01-03');
-- summer time begins on 29 March: working hours are the same
SELECT round(crm.elapsed_share('2026-03-23', '2026-04-03', '2026-03-27'), 4) AS half;

CREATE TABLE deals (id integer PRIMARY KEY, region text, value numeric, status text, closed date);
SELECT crm.create_funnel('sales', 'opportunity', '[{"key": "open", "kind": "entry"}, {"key": "won", "kind": "won", "milestone": "won"}]');
SELECT count(*) > 0 AS adopted FROM crm.adopt('deals', 'opportunity', funnel => 'sales', columns => '{"unit": "region", "amount": "value", "stage": "status", "closed_at": "closed"}');
CALL crm.backfill('deals');
INSERT INTO deals VALUES (1, 'north', 40, 'won', current_date - 5), (2, 'firm', 60, 'won', current_date);
SELECT crm.set_goal('year', 'won_value', 200, current_date - 10, current_date + 10, accountable => 'anna'),
       crm.set_goal('past', 'won_value', 50, current_date - 10, current_date, accountable => 'anna'),
       crm.set_goal('next', 'won_value', 50, current_date, current_date + 10, accountable => 'anna'), crm.set_goal_owner('year', 'omar');

SET ROLE regress_check_in_anna;
SELECT crm.check_in('year', ' two large deals moved to next month '), crm.check_in('past', 'done'), crm.check_in('next', 'we begin');
SELECT goal_key, moment, by, note, target, actual, attainment, on_track IS NOT NULL AS judged FROM crm_bi.goal_check_in ORDER BY goal_key;
-- what was said stays beside the numbers of that time
RESET ROLE;
UPDATE deals SET value = 400 WHERE id = 2;
SET ROLE regress_check_in_anna;
SELECT actual FROM crm_bi.kpi_goal WHERE goal_key = 'year';
SELECT crm.check_in('year', 'one more');
SELECT note, actual, attainment FROM crm_bi.goal_check_in WHERE goal_key = 'year' ORDER BY at, actual;

-- who may not, and what makes no sense
\set VERBOSITY default
SELECT crm.check_in('yeer', 'x');
SELECT crm.check_in('year', ' ');
SELECT crm.check_in('year', NULL);
SET ROLE regress_check_in_ben;
SELECT crm.check_in('year', 'I am ben');
SELECT count(*) FROM crm_bi.goal_check_in;
SET ROLE regress_check_in_omar;
SELECT crm.check_in('year', 'an owner who may not see the numbers');
SET ROLE regress_check_in_nobody;
SELECT crm.check_in('year', 'x');
SELECT * FROM crm_bi.goal_check_in;
SELECT * FROM crm.goal_check_in;
RESET ROLE;
SELECT crm.check_in('year', 'by an administrator');
SELECT count(*) FROM crm.goal_check_in;
SELECT crm.disown_all();
DROP OWNED BY regress_check_in_anna, regress_check_in_omar, regress_check_in_ben, regress_check_in_nobody;
DROP ROLE regress_check_in_anna, regress_check_in_omar, regress_check_in_ben, regress_check_in_nobody;
