\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
-- What rules read for many units and days in one pass, against the same asked one by one: sums, ratios, stocks, money of one and of several
-- currencies, a KPI that is valid for a time, units below units, the root.
SET client_min_messages = warning;
SET timezone = 'UTC';
SELECT crm.create_unit('acme', 'Acme', 'business'), crm.create_unit('emea', 'EMEA', 'geographic', 'acme'), crm.create_unit('iberia', 'Iberia', 'geographic', 'emea'),
       crm.create_unit('benelux', 'Benelux', 'geographic', 'emea'), crm.create_unit('apac', 'APAC', 'geographic', 'acme'), crm.create_unit('empty', 'Empty', 'geographic', 'acme') \g /dev/null
CREATE TABLE deals (deal_id integer PRIMARY KEY, region text, stage text, opened timestamptz, closed timestamptz, amount numeric, currency text);
SELECT crm.create_funnel('sales', 'opportunity', '[{"key": "open"}, {"key": "won", "milestone": "won", "kind": "won"}, {"key": "lost", "kind": "lost"}]') \g /dev/null
-- iberia has two currencies since 40 days ago, benelux and apac one each; apac is silent since 30 days; some regions are nobody's
INSERT INTO deals
SELECT n, (ARRAY['iberia', 'benelux', 'apac', 'emea', 'nowhere'])[1 + n % 5], (ARRAY['won', 'lost', 'open'])[1 + n % 3],
       date '2024-03-20' - (n * 7919 % 500) - 12 + time '10:00', CASE WHEN n % 3 < 2 THEN date '2024-03-20' - (n * 7919 % 500) + time '10:00' END, (n % 17) * 1.25,
       CASE WHEN n % 5 = 2 THEN 'USD' WHEN n % 5 = 0 AND n * 7919 % 500 < 40 THEN 'USD' ELSE 'EUR' END
FROM generate_series(1, 1500) n WHERE n % 5 <> 2 OR n * 7919 % 500 > 30;
SELECT count(*) > 0 AS adopted FROM crm.adopt('deals', 'opportunity', funnel => 'sales', columns =>
    '{"unit": "region", "stage": "stage", "created_at": "opened", "closed_at": "closed", "amount": "amount", "currency": "currency"}');
CALL crm.backfill('deals');
SELECT crm.fold() > 0 AS folded;
SELECT crm.define_kpi('open_deals', 'Open', 'opportunity_created - opportunity_ended[won,lost,unknown]', date_kind => 'stock'),
       crm.define_kpi('wins_for_a_time', 'Wins', 'opportunity_closed[won]') \g /dev/null
SELECT crm.set_kpi('wins_for_a_time', valid_from => date '2024-03-20' - 25) \g /dev/null
CREATE TABLE asked AS SELECT k FROM unnest('{won_count,win_rate,won_value,open_deals,wins_for_a_time}'::text[]) k;
CREATE TABLE units AS SELECT array_agg(unit ORDER BY unit) AS all_units FROM crm.unit;
-- periods of all lengths that rules have
CREATE TABLE spans AS
SELECT DISTINCT s.since, s.until
FROM (VALUES ('last 7 days', 0), ('month to date', 50), ('year to date', 200)) v (w, ago), crm.rule_period(w, date '2024-03-20' - ago) p,
     LATERAL (SELECT p.since, p.until UNION ALL SELECT b.since, b.until FROM crm.rule_period_before(w, p.since, p.until) b) s;
CREATE TABLE fast AS
SELECT a.k, t.* FROM asked a, units u, (SELECT array_agg(since) AS firsts, array_agg(until) AS lasts FROM spans) s, crm.kpi_totals(a.k, u.all_units, s.firsts, s.lasts) t;
CREATE TABLE slow AS
SELECT a.k, u AS unit, s.since, s.until, t.* FROM asked a, units, unnest(all_units) u, spans s, crm.kpi_total(a.k, u, s.since, s.until) t;
SELECT (SELECT count(*) FROM asked) * (SELECT cardinality(all_units) FROM units) * (SELECT count(*) FROM spans) = (SELECT count(*) FROM fast) AS all_there,
       (SELECT count(*) FROM (TABLE fast EXCEPT TABLE slow) x) AS different, (SELECT count(*) FROM (TABLE slow EXCEPT TABLE fast) x) AS missing;
-- and it is about something
SELECT k, bool_or(state = 'ready' AND value <> 0) AS values, string_agg(DISTINCT state, ' ' ORDER BY state) AS states FROM fast GROUP BY k ORDER BY k;
-- exact to the last digit
SELECT count(*) FROM fast f JOIN slow s USING (k, unit, since, until) WHERE (f.numerator::text, f.denominator::text, f.value::text) IS DISTINCT FROM (s.numerator::text, s.denominator::text, s.value::text);

-- days, as kpi_days has them
SELECT count(*) AS days, count(*) FILTER (WHERE d.state <> 'ready') AS not_ready,
       count(*) FILTER (WHERE CASE WHEN d.state = 'mixed_currencies' THEN f.mixed_from <= as_of
                                   WHEN d.state = 'no_history' THEN coalesce(f.first_day > as_of, true)
                                   ELSE d.numerator[cardinality(d.numerator) - least(182, as_of - d.first_day):] = f.numerator[greatest(as_of - 182, d.first_day) - since + 1:as_of - since + 1]
                                    AND d.denominator[cardinality(d.denominator) - least(182, as_of - d.first_day):] IS NOT DISTINCT FROM
                                        f.denominator[greatest(as_of - 182, d.first_day) - since + 1:as_of - since + 1]
                                    AND f.first_day <= as_of AND (f.first_day = d.first_day OR greatest(f.first_day, d.first_day) <= as_of - 182) END) AS same
FROM asked a, units, LATERAL (SELECT date '2024-03-20' - 466 AS since, date '2024-03-20' - 1 AS until) w,
     crm.unit_series(a.k, all_units, w.since, w.until, w.since + 183, NULL) s, LATERAL (SELECT s.*, s.begins::date AS first_day) f, generate_series(0, 60, 60) ago, LATERAL (SELECT w.until - ago AS as_of) o,
     crm.kpi_days(a.k, f.unit, o.as_of, NULL, 'default') d
WHERE a.k <> 'wins_for_a_time';

-- last facts of each unit, looked up one by one
SELECT count(*) AS days, count(*) FILTER (WHERE f.last IS NULL) AS silent,
       count(*) FILTER (WHERE f.last IS NOT DISTINCT FROM (
           SELECT max(t.day) FROM crm.kpi_facts('{won_count}', f.day - 62, f.day, NULL, '{}', ARRAY(SELECT b.unit FROM crm.units_below(f.unit) b)) t)) AS same
FROM units, crm.last_facts('{won_count}', all_units, ARRAY[date '2024-03-20', date '2024-03-20' - 30, date '2024-03-20' - 90], 62) f;

-- a rule sees on many days what it sees on each of them
SELECT crm.create_rule('few', 'won_count', scope => 'below', direction => 'below', fire_level => 3, hold_for => '1 day', clear_for => '2 days'),
       crm.create_rule('rate', 'win_rate', scope => 'below', period => 'month to date', fire_level => 0.5, min_denominator => 3),
       crm.create_rule('drop', 'won_count', 'change', scope => 'below', fire_level => -0.3, min_base => 2),
       crm.create_rule('drop-value', 'won_value', 'change', scope => 'below', period => 'month to date', measure => 'amount', fire_level => -5),
       crm.create_rule('odd', 'won_count', 'anomaly', scope => 'below', fire_level => 2, min_base => 1),
       crm.create_rule('odd-rate', 'win_rate', 'anomaly', scope => 'below', min_denominator => 2, fire_level => 2),
       crm.create_rule('odd-stock', 'open_deals', 'anomaly', scope => 'below', fire_level => 2),
       crm.create_rule('silent', 'won_count', 'no_data', scope => 'below', fire_level => 5) \g /dev/null
SELECT crm.set_calendar('default', 'UTC'), crm.add_holiday('default', date '2024-03-20' - 3) \g /dev/null
UPDATE crm.unit SET since = '2020-01-01', until = date '2024-03-20' - 20 + time '12:00' WHERE unit = 'benelux';
CREATE TABLE seen AS
SELECT r.rule, d.day, (d.seen).* FROM crm.rule r, crm.see_days(r, ARRAY(SELECT date '2024-03-20' - i FROM generate_series(0, 60) i ORDER BY 1 DESC)) d;
CREATE TABLE seen_alone AS
SELECT r.rule, date '2024-03-20' - i AS day, s.* FROM crm.rule r, generate_series(0, 60, 20) i, crm.see_rule(r, date '2024-03-20' - i) s;
SELECT rule, count(*) AS seen, count(DISTINCT subject) AS subjects, count(*) FILTER (WHERE measured IS NOT NULL) AS measured,
       (SELECT count(*) FROM (SELECT * FROM seen_alone a WHERE a.rule = s.rule EXCEPT SELECT * FROM seen b WHERE b.rule = s.rule) x) AS different,
       (SELECT count(*) FROM seen_alone a WHERE a.rule = s.rule) AS compared
FROM seen s GROUP BY rule ORDER BY rule;
-- and the back-test is a step of the machine from day to day, for each by itself
SELECT rule, count(*) AS days, count(*) FILTER (WHERE fires) AS fires, count(*) FILTER (WHERE phase = 'firing') AS firing,
       bool_and(day >= before) AS in_order
FROM (SELECT r.rule, b.*, lag(b.day, 1, b.day) OVER (PARTITION BY r.rule ORDER BY n) AS before
      FROM crm.rule r, crm.backtest_rule(r.rule, date '2024-03-20' - 60, '2024-03-20') WITH ORDINALITY
           b (day, subject, unit, value, numerator, denominator, compared, measured, reading, phase, fires, hour, n)) x GROUP BY rule ORDER BY rule;
