-- Anomalies by the hour: what is refused, hours in which the clock is changed, a slow model, an alert with its message, the back-test.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set world :srcdir '/alert_world.sql'
\i :world
\set SHOW_CONTEXT never
SET intervalstyle = 'postgres';
SET timezone = 'UTC';
SET datestyle = 'ISO';
DELETE FROM deals;
-- what makes no sense
SELECT crm.create_rule('r', 'won_count', fire_level => 3, grain => 'hour');
SELECT crm.create_rule('r', sla => '*', grain => 'hour');
SELECT crm.create_rule('r', 'won_count', 'anomaly', grain => 'hours');
SELECT crm.create_rule('r', 'open_pipeline', 'anomaly', grain => 'hour');
SELECT crm.create_rule('r', 'marketing_spend', 'anomaly', grain => 'hour');
SELECT crm.create_rule('r', 'mqls', 'anomaly', grain => 'hour');
SELECT crm.create_rule('r', 'won_count', 'anomaly', grain => 'hour', every => '2 hours');
SELECT count(*) AS nothing_half_done FROM crm.rule;
-- which components have hours, of rows that a team has
SELECT component, entity, day, crm.component_has_hours(component) AS hours FROM crm.component WHERE NOT kept AND entity IN ('opportunity', 'spend', 'stage_entry', 'clock') ORDER BY 1;
-- skipped, twice, and of half an hour that is added or taken away; none where nothing changes
SELECT z AS zone, h FROM unnest('{Europe/Amsterdam,America/New_York,Australia/Lord_Howe,Asia/Kolkata,UTC,Africa/Cairo}'::text[]) z, crm.changed_hours(z, '2025-01-01', '2025-12-31') h ORDER BY 1, 2;

-- half a year and more of two units in a zone with both changes of the clock; every third hour has wins of emea, most have a loss of apac
SELECT crm.define_component('closing', 'opportunity', 'closed_at', 'closed_at IS NOT NULL', '{"worth": "1.5"}', zone => 'Europe/Amsterdam');
SELECT crm.define_kpi('closings', 'Closings', 'closing'), crm.define_kpi('closed_worth', 'Worth', 'closing.worth[won]'),
       crm.define_kpi('closing_rate', 'Rate', 'closing[won]', 'closing[won,lost]', measured_in => 'share'), crm.define_kpi('balance', 'Balance', 'closing[won] - closing[lost]');
INSERT INTO deals (region, stage, opened, closed)
SELECT region, stage, at, at
FROM generate_series(timestamptz '2024-09-20 00:20+00', '2025-04-20', '1 hour') WITH ORDINALITY h (at, n)
CROSS JOIN LATERAL (VALUES ('emea', 'won', CASE WHEN n % 3 = 0 THEN 4 + n * 7919 % 11 ELSE 0 END), ('emea', 'lost', n * 104729 % 4),
                           ('apac', 'lost', CASE WHEN at > '2025-02-20' THEN n * 31 % 7 ELSE 0 END)) v (region, stage, many)
CROSS JOIN LATERAL generate_series(1, v.many);
SET client_min_messages = warning;
CALL crm.backfill('public.deals');
RESET client_min_messages;
SELECT crm.set_calendar('default', 'UTC'), crm.add_holiday('default', '2025-03-10', 'Founding day');
SELECT crm.create_rule('closings', 'closings', 'anomaly', grain => 'hour', unit => 'acme'), crm.create_rule('closings-below', 'closings', 'anomaly', grain => 'hour', scope => 'below'),
       crm.create_rule('worth', 'closed_worth', 'anomaly', grain => 'hour', fire_level => 2), crm.create_rule('balance', 'balance', 'anomaly', grain => 'hour', min_base => 2),
       crm.create_rule('rate', 'closing_rate', 'anomaly', grain => 'hour', min_denominator => 3);
SELECT rule, grain, direction, fire_level FROM crm.rule ORDER BY 1;

-- the slow model: no function of crm
CREATE TABLE fact AS
SELECT u.unit, date_trunc('hour', d.closed AT TIME ZONE 'Europe/Amsterdam') AS hour, count(*) FILTER (WHERE stage = 'won') AS won, count(*) FILTER (WHERE stage = 'lost') AS lost
FROM deals d CROSS JOIN LATERAL (VALUES ('acme'), (d.region)) u (unit) GROUP BY 1, 2;
CREATE TABLE asked AS
SELECT * FROM (VALUES ('closings', 'acme', 'closings'), ('closings-below', 'emea', 'closings'), ('closings-below', 'apac', 'closings'), ('worth', 'acme', 'worth'),
                      ('balance', 'acme', 'balance'), ('rate', 'acme', 'rate')) v (rule, unit, measure);
CREATE TABLE series AS -- of each rule the hours from half a year before, NULL where it is left out
SELECT a.rule, a.unit, h.hour,
       CASE WHEN h.hour::date = '2025-03-10' OR h.hour IN ('2024-10-27 02:00', '2025-03-30 02:00') THEN NULL
            ELSE CASE a.measure WHEN 'closings' THEN coalesce(f.won + f.lost, 0) WHEN 'worth' THEN 1.5 * coalesce(f.won, 0) WHEN 'balance' THEN coalesce(f.won - f.lost, 0)
                                ELSE CASE WHEN f.won + f.lost >= 3 THEN f.won::numeric / (f.won + f.lost) END END END AS value
FROM asked a CROSS JOIN generate_series(timestamp '2025-03-09 20:00' - interval '4368 hours', '2025-03-31 06:00', '1 hour') h (hour)
JOIN (SELECT unit, min(hour) AS any, min(hour) FILTER (WHERE won > 0) AS won FROM fact GROUP BY 1) s ON s.unit = a.unit
LEFT JOIN fact f ON (f.unit, f.hour) = (a.unit, h.hour)
WHERE h.hour >= CASE a.measure WHEN 'worth' THEN s.won ELSE s.any END; -- the history begins with the first row that counts
CREATE INDEX ON series (rule, unit, hour);
ANALYZE series;
CREATE TABLE model AS
SELECT j.rule, j.unit, j.hour, j.value, m.middle, s.step,
       CASE WHEN j.value = m.middle THEN 0 ELSE sign(j.value - m.middle) * least(abs(plain.score), CASE WHEN j.rule LIKE 'closings%' THEN abs(chance.score) ELSE 1e6 END) END AS score
FROM series j
CROSS JOIN LATERAL (SELECT count(*) AS before FROM series b WHERE (b.rule, b.unit) = (j.rule, j.unit) AND b.hour < j.hour AND b.hour >= j.hour - interval '4368 hours') l
CROSS JOIN LATERAL (
    SELECT CASE WHEN l.before >= 1008 AND weekly.used >= 6 THEN 168 WHEN daily.used >= 14 THEN 24 END AS step
    FROM (SELECT count(*) FILTER (WHERE extract(epoch FROM j.hour - b.hour) / 3600 % 168 = 0) AS used FROM series b
          WHERE (b.rule, b.unit) = (j.rule, j.unit) AND b.hour < j.hour AND b.hour >= j.hour - interval '4368 hours' AND b.value IS NOT NULL) weekly,
         (SELECT count(*) FILTER (WHERE extract(epoch FROM j.hour - b.hour) / 3600 % 24 = 0) AS used FROM series b
          WHERE (b.rule, b.unit) = (j.rule, j.unit) AND b.hour < j.hour AND b.hour >= j.hour - interval '4368 hours' AND b.value IS NOT NULL) daily) s
CROSS JOIN LATERAL (SELECT array_agg(b.value) AS numbers, count(*) AS used FROM series b
                    WHERE (b.rule, b.unit) = (j.rule, j.unit) AND b.hour < j.hour AND b.hour >= j.hour - interval '4368 hours' AND b.value IS NOT NULL
                      AND extract(epoch FROM j.hour - b.hour) / 3600 % s.step = 0) u
CROSS JOIN LATERAL (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY n::float8) AS middle FROM unnest(u.numbers) n) m
CROSS JOIN LATERAL (SELECT 1.4826 * percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(n - m.middle)) AS mad, 1.2533 * avg(abs(n - m.middle)) AS mean FROM unnest(u.numbers) n) d
CROSS JOIN LATERAL (SELECT least(1e6, abs(j.value - m.middle) / nullif(CASE WHEN d.mad > 0 THEN d.mad ELSE d.mean END, 0)) AS score) plain
CROSS JOIN LATERAL (SELECT 2 * (sqrt(greatest(j.value, 0) + 0.375) - sqrt(greatest(m.middle, 0) + 0.375)) AS score) chance
-- some days whole, of the others every seventh hour
WHERE j.hour >= '2025-03-09 20:00' AND (j.hour < '2025-03-11' OR j.hour >= '2025-03-30' OR extract(epoch FROM j.hour) / 3600 % 7 = 0);
CREATE TABLE seen AS
SELECT r.rule, h.at, h.seen, (h.seen).* FROM crm.rule r, crm.see_hours(r, '2025-03-09 20:00', '2025-03-31 06:00') h (at, seen);
SELECT s.rule, s.unit, count(*) AS hours, count(*) FILTER (WHERE s.measured IS NOT NULL) AS judged,
       count(*) FILTER (WHERE (round(s.measured, 6), round(s.compared, 6)) IS DISTINCT FROM (round(m.score::numeric, 6), round(m.middle::numeric, 6))) AS different
FROM seen s JOIN (SELECT rule, unit, hour AS at, middle, CASE WHEN middle IS NOT NULL THEN score END AS score
                       FROM (SELECT rule, unit, hour, score, CASE WHEN value IS NOT NULL THEN middle END AS middle FROM model) x) m USING (rule, unit, at)
GROUP BY 1, 2 ORDER BY 1, 2;
SELECT step, count(*) FROM model GROUP BY 1 ORDER BY 1;
SELECT s.rule, s.unit, m.reading, m.reason, count(*) FROM seen s JOIN crm.rule r USING (rule) CROSS JOIN LATERAL crm.rule_reading(r, s.seen) m
WHERE m.reason IS NOT NULL GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4;
SELECT at, unit, numerator, value, compared, round(measured, 3) AS measured, hour FROM seen
WHERE rule = 'closings-below' AND at BETWEEN '2025-03-30 01:00' AND '2025-03-30 04:00' OR rule = 'rate' AND at = '2025-03-28 12:00' ORDER BY at, rule, unit;
-- alone each hour is what it is among others
SELECT count(*) AS hours, count(*) FILTER (WHERE h.seen IS NOT DISTINCT FROM s.seen) AS same
FROM crm.rule r CROSS JOIN (VALUES (timestamp '2025-03-10 05:00'), ('2025-03-20 10:00'), ('2025-03-30 03:00'), ('2025-03-31 06:00')) w (at)
CROSS JOIN LATERAL crm.see_hours(r, w.at, w.at) h (at, seen) JOIN seen s ON (s.rule, s.at, s.subject) = (r.rule, w.at, (h.seen).subject);
-- the back-test goes hour by hour, with the readings of what was seen; the seventh breach within a day only goes on, since the alert is held by then
SELECT count(*) AS hours, count(*) FILTER (WHERE b.value IS NOT DISTINCT FROM s.value AND b.measured IS NOT DISTINCT FROM s.measured AND b.day = s.at::date) AS same,
       count(*) FILTER (WHERE b.reading = 'breach') AS breaches, count(*) FILTER (WHERE b.fires) AS fires
FROM crm.backtest_rule('worth', '2025-03-10', '2025-03-30') b JOIN seen s ON s.rule = 'worth' AND s.hour = b.hour AND s.subject = b.subject AND s.at <> '2025-03-30 02:00'
WHERE b.measured IS NOT NULL;
SELECT count(*) AS fires FROM (SELECT reading, lag(reading) OVER (ORDER BY hour) AS before FROM crm.backtest_rule('worth', '2025-03-10', '2025-03-30') WHERE reading <> 'none') b
WHERE reading = 'breach' AND before IS DISTINCT FROM 'breach';
-- a component that has days only now, or a KPI that is a stock now, has no hours
BEGIN;
SET client_min_messages = warning;
SELECT crm.define_component('closing', 'opportunity', '(closed_at AT TIME ZONE ''UTC'')::date', 'closed_at IS NOT NULL');
SELECT (h.seen).reading, (h.seen).reason FROM crm.rule r, crm.see_hours(r, '2025-03-20 10:00', '2025-03-20 10:00') h (at, seen) WHERE r.rule = 'closings';
SELECT crm.change_rule('closings', '{"hold_for": "2 hours"}');
ROLLBACK;
BEGIN;
SELECT crm.define_kpi('closings', 'Closings', 'closing', date_kind => 'stock');
SELECT (h.seen).reading, (h.seen).reason FROM crm.rule r, crm.see_hours(r, '2025-03-20 10:00', '2025-03-20 10:00') h (at, seen) WHERE r.rule = 'closings';
ROLLBACK;
DELETE FROM crm.rule;

-- an alert: 20 in this hour of the last eight weeks (19, 20, 21 in turn), 2 in the last one; one transaction, so that the hour does not end meanwhile
BEGIN;
DELETE FROM deals;
INSERT INTO deals (region, stage, opened, closed)
SELECT 'emea', 'won', l.at, l.at
FROM generate_series(0, 8) week, LATERAL (SELECT (crm.last_hour('UTC') - week * interval '7 days' + interval '10 minutes') AT TIME ZONE 'UTC' AS at) l,
     generate_series(1, CASE week WHEN 0 THEN 2 ELSE 19 + week % 3 END);
SELECT crm.create_endpoint('desk', 'webhook', 'anna', 'desk') \g /dev/null
SELECT crm.create_rule('quiet', 'won_count', 'anomaly', grain => 'hour', direction => 'below', endpoint => 'desk'), crm.create_rule('loud', 'won_count', 'anomaly', grain => 'hour', direction => 'above');
SELECT * FROM pass();
SELECT rule, subject, state, value, compared, round(measured, 3) AS measured, hour = date_trunc('hour', now()) - interval '1 hour' AS of_the_last_hour,
       period_since = hour::date AND period_until = hour::date AS of_its_day FROM crm.alert;
SELECT s.rule, s.next_at = date_trunc('hour', now()) + interval '61 minutes' AS when_this_hour_is_over FROM crm.rule_schedule s ORDER BY 1;
SELECT b.data -> 'kind' AS kind, b.data -> 'value' AS value, b.data -> 'compared' AS compared, (b.data #>> '{period,hour}')::timestamptz = date_trunc('hour', now()) - interval '1 hour' AS hour,
       b.data -> 'caused_by' AS caused_by, (SELECT array_agg(k) FROM jsonb_object_keys(b.data -> 'period') k) AS period
FROM crm.delivery_queue q, LATERAL (SELECT q.body::jsonb -> 'data' AS data) b;
-- as many as usual: over
INSERT INTO deals (region, stage, opened, closed) SELECT 'emea', 'won', closed, closed FROM deals, generate_series(1, 9) WHERE closed >= date_trunc('hour', now()) - interval '1 hour';
SELECT * FROM pass();
SELECT rule, state, value, compared FROM crm.alert;
-- by the day it is another thing, and what was open ends
SELECT crm.change_rule('quiet', '{"direction": "above"}'), crm.change_rule('loud', '{"grain": "day"}');
SELECT rule, kind, grain, direction FROM crm.rule ORDER BY 1;
ROLLBACK;
-- how an hour is said
SELECT l.l, crm.said_hour('2026-03-29 00:30+00', z, crm.message_locale_of(l.l)) FROM (VALUES ('en-US', 'America/New_York'), ('en-GB', 'Europe/London'), ('es', 'Europe/Madrid'), ('nl', 'Asia/Kolkata')) l (l, z);
DROP OWNED BY regress_alert_anna, regress_alert_ben;
DROP ROLE regress_alert_anna, regress_alert_ben;
