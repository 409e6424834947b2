-- How long things last, also those that have not ended: a worked case, and against slow references on random journeys.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set SHOW_CONTEXT never
\pset null NULL
SET TimeZone = 'UTC';
SET extra_float_digits = 0;
-- Weeks in remission of two groups of leukemia patients (Freireich and others, 1963), the case of most textbooks: the median is 23 and 8.
CREATE TABLE patient (drug text, weeks float8, relapsed boolean);
INSERT INTO patient SELECT '6-MP', w, true FROM unnest('{6,6,6,7,10,13,16,22,23}'::float8[]) w UNION ALL SELECT '6-MP', w, false FROM unnest('{6,9,10,11,17,19,20,25,32,32,34,35}'::float8[]) w
UNION ALL SELECT 'placebo', w, true FROM unnest('{1,1,2,2,3,4,4,5,5,8,8,8,8,11,11,12,12,15,17,22,23}'::float8[]) w;
SELECT drug, count(*), crm.survival_quantile(weeks, relapsed, 0.25) AS quarter, crm.survival_quantile(weeks, relapsed, 0.5) AS median,
       crm.survival_quantile(weeks, relapsed, 0.75) AS most FROM patient GROUP BY 1 ORDER BY 1;
SELECT w AS weeks, (SELECT round(crm.survival_share(p.weeks, relapsed, w)::numeric, 3) FROM patient p WHERE drug = '6-MP') AS share
FROM unnest('{0,5,6,7,10,13,16,22,23,35,36}'::float8[]) w;
SELECT crm.survival_quantile(weeks * interval '7 days', relapsed, 0.5) AS median, round(crm.survival_share(weeks * interval '7 days', relapsed, interval '70 days')::numeric, 3) AS after_ten
FROM patient WHERE drug = '6-MP';
-- Nobody has ended; one, at once; the end of all; nothing.
SELECT crm.survival_quantile(d, false, 0.5) AS nobody, crm.survival_share(d, false, 2) AS still, crm.survival_share(d, false, 4) AS unknown FROM unnest('{1,2,3}'::float8[]) d;
SELECT crm.survival_quantile(0::float8, true, 0.5) AS at_once, crm.survival_share(0::float8, true, 0) AS left_over;
SELECT crm.survival_quantile(d, true, 1) AS all, crm.survival_quantile(d, true, 0.5) AS half FROM unnest('{1,2,3,4}'::float8[]) d;
SELECT crm.survival_quantile(NULL::float8, true, 0.5) AS nothing, crm.survival_quantile(1::float8, NULL, 0.5) AS unknown;
SELECT crm.survival_quantile(d, true, 0.5) FROM unnest('{}'::float8[]) d;
SELECT crm.survival_quantile(d, true, 0) FROM unnest('{1,2}'::float8[]) d;
SELECT crm.survival_quantile(d, true, NULL) FROM unnest('{1,2}'::float8[]) d;
SELECT crm.survival_quantile(d, true, d / 2) FROM unnest('{1,2}'::float8[]) d;
SELECT crm.survival_quantile(d, true, 0.5) FROM unnest('{1,-2}'::float8[]) d;
SELECT crm.survival_quantile(d, true, 0.5) FROM unnest('{1,NaN}'::float8[]) d;
SELECT crm.survival_quantile(interval '1 month', true, 0.5);
-- Random durations with many ties: the share is the product over all times at which some end.
SELECT setseed(0.5);
CREATE TABLE lasting AS SELECT g, floor(random() * 12)::float8 AS d, random() < 0.6 AS ended FROM generate_series(1, 60) g, generate_series(1, 1 + g % 25);
CREATE TABLE slow AS
WITH RECURSIVE at AS (
    SELECT l.g, l.d, row_number() OVER (PARTITION BY l.g ORDER BY l.d) AS n, count(*) FILTER (WHERE ended)::numeric AS ends, (SELECT count(*) FROM lasting r WHERE r.g = l.g AND r.d >= l.d)::numeric AS there
    FROM lasting l GROUP BY l.g, l.d),
curve AS (
    SELECT g, n, d, ends, (1 - ends / there)::numeric(60, 50) AS share FROM at WHERE n = 1
    UNION ALL SELECT a.g, a.n, a.d, a.ends, (c.share * (1 - a.ends / a.there))::numeric(60, 50) FROM curve c JOIN at a ON a.g = c.g AND a.n = c.n + 1)
SELECT * FROM curve;
SELECT q, count(*) AS groups, count(m) AS known, count(*) FILTER (WHERE m IS NOT DISTINCT FROM s) AS same
FROM unnest('{0.1,0.25,0.5,0.75,0.9,1}'::float8[]) q, LATERAL (
    SELECT g, crm.survival_quantile(d, ended, q) AS m, (SELECT min(s.d) FROM slow s WHERE s.g = l.g AND s.ends > 0 AND s.share <= 1 - q::numeric + 1e-12) AS s FROM lasting l GROUP BY g) r
GROUP BY 1 ORDER BY 1;
SELECT count(*) AS asked, count(m) AS known, count(*) FILTER (WHERE abs(m - s) < 1e-9 OR (m IS NULL AND unknown)) AS same
FROM generate_series(0, 12) t, LATERAL (
    SELECT g, crm.survival_share(d, ended, t::float8) AS m, coalesce((SELECT s.share FROM slow s WHERE s.g = l.g AND s.d <= t ORDER BY s.d DESC LIMIT 1), 1) AS s,
           max(d) < t AND bool_or(NOT ended AND d = (SELECT max(x.d) FROM lasting x WHERE x.g = l.g)) AS unknown FROM lasting l GROUP BY g) r;

-- Stays: events of one position that follow each other are one; who is still there counts up to the time of the question.
SELECT d."position", d.entries, d.subjects, d.reentries, d.regressions, d.ended, d.staying, d.timed, d.mean, d.longest, d.p50, d.survival_p50
FROM (SELECT crm.stage_durations(journey, '2026-01-20') AS stays
      FROM (VALUES ('1@2026-01-01,1@2026-01-02,2@2026-01-03,1@2026-01-05,2@2026-01-06'::crm.journey), ('1@2026-01-01,2@2026-01-11'), ('2@2026-01-10'), (''), (NULL), ('1@2026-01-21')) w (journey)) s, unnest(s.stays) d;
SELECT crm.stage_since(j, '2026-01-02 12:00') AS since, crm.stage_since(j, '2026-01-05') AS again, crm.stage_since(j, '2025-01-01') AS before, crm.stage_since('', now()) AS empty
FROM (VALUES ('1@2026-01-01,1@2026-01-02,2@2026-01-03,1@2026-01-05'::crm.journey)) v (j);
SELECT crm.stage_durations('1@2026-01-01', NULL);
SELECT crm.stage_durations(j, now()) FROM (SELECT ''::crm.journey AS j WHERE false) n;

-- Random journeys, of whose events some are estimated.
SELECT setseed(0.75);
CREATE TABLE event AS
SELECT id, n, timestamptz '2026-01-01' + interval '8 hours' * floor(random() * 24) AS at, floor(random() * 4)::integer AS "position", random() < 0.2 AS estimated
FROM generate_series(1, 150) id, generate_series(1, 9) n WHERE random() < 0.8;
UPDATE event e SET estimated = true WHERE EXISTS (SELECT FROM event o WHERE o.id = e.id AND o.at = e.at AND o."position" = e."position" AND o.estimated); -- they cannot be told apart
CREATE TABLE way AS SELECT id, crm.journey_agg(at, "position", n) AS journey, crm.journey_agg(at, "position", n) FILTER (WHERE estimated) AS estimated FROM event GROUP BY id;
CREATE FUNCTION seconds(interval) RETURNS numeric LANGUAGE sql AS 'SELECT round(extract(epoch FROM $1), 3)';
CREATE VIEW stay AS
SELECT m.id, m."position", m.at, m.estimated, lead(m.at) OVER w AS ends, lead(m.estimated) OVER w AS ends_estimated, lead(m."position") OVER w AS next,
       row_number() OVER (PARTITION BY q.until, id, "position" ORDER BY at, n) > 1 AS again, q.until
FROM (VALUES (timestamptz '2026-01-09'), ('2026-01-05 16:00')) q (until), LATERAL (
      SELECT e.*, lag(e."position") OVER (PARTITION BY e.id ORDER BY e.at, e.n, e."position") IS DISTINCT FROM e."position" AS moved FROM event e WHERE e.at <= q.until) m
WHERE m.moved WINDOW w AS (PARTITION BY q.until, id ORDER BY at, n);
SELECT q.until, q.since, d."position", d.entries,
       (d.entries, d.subjects + d.reentries, d.reentries, d.regressions, d.staying, d.ended, d.timed)
       = (count(s), count(s), count(s) FILTER (WHERE again), count(s) FILTER (WHERE next < s."position"), count(s) FILTER (WHERE ends IS NULL), count(ends), count(ends) FILTER (WHERE NOT s.estimated AND NOT ends_estimated)) AS same_counts,
       (seconds(d.mean), seconds(d.longest), seconds(d.p50), seconds(d.p90)) IS NOT DISTINCT FROM
       (SELECT ROW(round(avg(l), 3), round(max(l), 3), round((percentile_cont(0.5) WITHIN GROUP (ORDER BY l::float8))::numeric, 3), round((percentile_cont(0.9) WITHIN GROUP (ORDER BY l::float8))::numeric, 3))
        FROM unnest(array_agg(extract(epoch FROM ends - at)) FILTER (WHERE NOT s.estimated AND NOT ends_estimated)) l) AS same_times,
       (d.survival_p25, d.survival_p50, d.survival_p75, d.survival_p90) IS NOT DISTINCT FROM
       (crm.survival_quantile(coalesce(ends, q.until) - at, ends IS NOT NULL, 0.25) FILTER (WHERE NOT s.estimated AND ends_estimated IS NOT TRUE),
        crm.survival_quantile(coalesce(ends, q.until) - at, ends IS NOT NULL, 0.5) FILTER (WHERE NOT s.estimated AND ends_estimated IS NOT TRUE),
        crm.survival_quantile(coalesce(ends, q.until) - at, ends IS NOT NULL, 0.75) FILTER (WHERE NOT s.estimated AND ends_estimated IS NOT TRUE),
        crm.survival_quantile(coalesce(ends, q.until) - at, ends IS NOT NULL, 0.9) FILTER (WHERE NOT s.estimated AND ends_estimated IS NOT TRUE)) AS same_survival
FROM (VALUES (timestamptz '2026-01-09', NULL::timestamptz), ('2026-01-05 16:00', NULL), ('2026-01-09', '2026-01-03')) q (until, since)
CROSS JOIN LATERAL (SELECT crm.stage_durations(journey, q.until, q.since, estimated) AS stays FROM way) w CROSS JOIN LATERAL unnest(w.stays) d
JOIN stay s ON s.until = q.until AND s."position" = d."position" AND (q.since IS NULL OR s.at >= q.since)
GROUP BY q.until, q.since, d.* , d."position", d.entries, d.subjects, d.reentries, d.regressions, d.staying, d.ended, d.timed, d.mean, d.longest, d.p50, d.p90, d.survival_p25, d.survival_p50, d.survival_p75, d.survival_p90
ORDER BY 1, 2, 3;
-- How far they came: 0, 1 and 3 are progress, 2 is not; some were at 3 at a time that nobody knows.
CREATE TABLE passage AS
SELECT id, "position", min(at) FILTER (WHERE NOT estimated) AS known_at FROM (SELECT id, "position", at, estimated FROM event UNION ALL SELECT id, 3, NULL, true FROM way WHERE id % 7 = 0) e GROUP BY 1, 2;
CREATE TABLE progressed AS
SELECT p.*, lead(known_at) OVER (PARTITION BY id, "position" <> 2 ORDER BY "position") AS next_at FROM passage p;
SELECT r."position", r.entered, r.furthest, r.timed,
       (r.entered, r.furthest, r.timed) = (count(*), count(*) FILTER (WHERE p."position" <> 2 AND p."position" = (SELECT max(o."position") FROM passage o WHERE o.id = p.id AND o."position" <> 2)),
                                           count(*) FILTER (WHERE p."position" <> 2 AND next_at >= known_at)) AS same_counts,
       (seconds(r.p50), seconds(r.mean)) IS NOT DISTINCT FROM
       (round((percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM next_at - known_at)::float8) FILTER (WHERE p."position" <> 2 AND next_at >= known_at))::numeric, 3),
        round(avg(extract(epoch FROM next_at - known_at)) FILTER (WHERE p."position" <> 2 AND next_at >= known_at), 3)) AS same_times
FROM (SELECT crm.funnel_reach_counts(journey, CASE WHEN id % 7 = 0 THEN ARRAY[3] END, ARRAY[0, 1, 3], estimated) AS rows FROM way) w CROSS JOIN LATERAL unnest(w.rows) r
JOIN progressed p ON p."position" = r."position"
GROUP BY r."position", r.entered, r.furthest, r.timed, r.p50, r.mean ORDER BY 1;

-- Workers give the same.
CREATE TABLE many AS SELECT w.* FROM way w, generate_series(1, 40);
ALTER TABLE many SET (parallel_workers = 2);
CREATE VIEW counted AS
SELECT crm.stage_durations(journey, '2026-01-09')::text AS stays, crm.stage_durations(journey, '2026-01-06', '2026-01-02', estimated)::text AS some,
       crm.funnel_reach_counts(journey, NULL, ARRAY[0, 1, 3], estimated)::text AS reach, crm.survival_quantile(crm.journey_end(journey) - crm.journey_begin(journey), id % 3 > 0, 0.5) AS median FROM many;
CREATE TABLE alone AS SELECT * FROM counted;
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
CREATE FUNCTION plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE 'EXPLAIN (COSTS OFF) ' || query; END $$;
SELECT count(*) FILTER (WHERE p ~ 'Gather') AS gathers, count(*) FILTER (WHERE p ~ 'Partial') AS partial FROM plan('SELECT * FROM counted') p;
SELECT c = a AS same FROM counted c, alone a;
