-- How long journeys take through a funnel, and a property held constant: by hand, and against a slow reference on random
-- journeys with many ties.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set SHOW_CONTEXT never
\pset null NULL
SET TimeZone = 'UTC';
-- Times are of the attempt that counts; who did not reach a step is in none of its times.
CREATE TABLE way (id integer, journey crm.journey);
INSERT INTO way VALUES (1, '1@2026-01-01,1@2026-01-03,2@2026-01-04,3@2026-01-06'), (2, '1@2026-01-01,2@2026-01-05'), (3, '1@2026-01-01'), (4, '2@2026-01-01'), (5, ''), (6, NULL);
SELECT c.* FROM (SELECT crm.funnel_conversion(journey, ARRAY[1, 2, 3]) AS steps FROM way) w, unnest(w.steps) c;
SELECT c.step, c.reached, c.dropped, c.p50, c.p50_from_first FROM (SELECT crm.funnel_conversion(journey, ARRAY['1', '2?', '3'], '4 days', 'ordered', 'first_entry', NULL, NULL) AS steps FROM way) w, unnest(w.steps) c;
-- An unordered funnel has no step before; shares are of those who reached any.
SELECT c.step, c.reached, c.dropped, c.conversion_of_first, c.conversion_of_previous, c.timed, c.timed_from_first, c.p50_from_first
FROM (SELECT crm.funnel_conversion(journey, ARRAY[1, 2, 3], NULL, 'unordered', 'best', NULL, NULL) AS steps FROM way) w, unnest(w.steps) c;
-- What is estimated counts and is not timed.
SELECT c.step, c.reached, c.timed, c.p50, c.timed_from_first, c.p50_from_first
FROM (SELECT crm.funnel_conversion(journey, ARRAY[1, 2, 3], NULL, NULL, NULL, NULL, CASE id WHEN 1 THEN crm.journey_slice(journey, '2026-01-04', '2026-01-05') END) AS steps FROM way) w, unnest(w.steps) c;
SELECT crm.funnel_conversion(journey, ARRAY[1, 2]) FROM way WHERE false;
SELECT c.step, c.reached, c.conversion_of_first FROM (SELECT crm.funnel_conversion(NULL::crm.journey, ARRAY[1, 2]) AS steps) w, unnest(w.steps) c;
SELECT crm.funnel_conversion(journey, ARRAY[1, 2], '1 month') FROM way;
SELECT crm.funnel_conversion(journey, CASE WHEN id = 1 THEN ARRAY[1, 2] ELSE ARRAY[1] END) FROM way;

-- Random journeys of up to nine events, on few positions and days; p is a property, as of another journey each.
SELECT setseed(0.25);
CREATE TABLE part AS
SELECT who, p, (SELECT coalesce(crm.journey_agg(timestamptz '2026-01-01' + interval '6 hours' * floor(random() * 16), floor(random() * 5)::integer, n), '')
                FROM generate_series(1, length) n) AS journey
FROM (SELECT who, p, floor(random() * 9)::integer AS length FROM generate_series(1, 60) who, generate_series(1, 3) p) s;
CREATE TABLE inquiry AS
SELECT row_number() OVER () AS inquiry, steps, mode, anchor, within, gap
FROM unnest(ARRAY['{1,2}', '{1,2,3}', '{0,1,1}', '{1|2,2|3,0}', '{1,!4,2,3}', '{1,2?,3}', '{0,1?,2?,3,4?}']::text[]) s (steps),
     unnest(ARRAY['ordered', 'strict', 'unordered']) mode, unnest(ARRAY['best', 'first_entry', 'last_entry']) anchor,
     (VALUES (NULL::interval, NULL::interval), ('60 hours', NULL), ('4 days', '36 hours')) w (within, gap)
WHERE (steps !~ '\?' OR mode = 'ordered') AND (gap IS NULL OR mode <> 'unordered');
-- funnel_steps has a reference of its own (journey_funnel); what is made of its times is told here once more, in SQL.
CREATE VIEW taken AS
SELECT i.inquiry, i.mode, p.who, p.p, k.n::integer AS step, k.optional, s.t[k.n] AS at, s.t[k.before] AS previous_at, (SELECT min(t) FROM unnest(s.t) t) AS first_at, k.before
FROM inquiry i CROSS JOIN part p CROSS JOIN LATERAL crm.funnel_steps(p.journey, i.steps::text[], i.within, i.mode, i.anchor, i.gap) s (t)
CROSS JOIN LATERAL (SELECT row_number() OVER (ORDER BY n) AS n, e ~ '\?' AS optional,
                           (SELECT max(b.m) FROM (SELECT row_number() OVER (ORDER BY n) AS m, o, e AS f FROM unnest(i.steps::text[]) WITH ORDINALITY q (o, n) WHERE o !~ '!') b
                            WHERE b.m < u.m AND b.o !~ '\?') AS before
                    FROM (SELECT e, n, row_number() OVER (ORDER BY n) AS m FROM unnest(i.steps::text[]) WITH ORDINALITY q (e, n) WHERE e !~ '!') u) k;
CREATE TABLE slow AS
SELECT inquiry, step, count(at) AS reached,
       CASE WHEN mode <> 'unordered' AND step > 1 AND NOT optional THEN count(previous_at) - count(at) END AS dropped,
       round(count(at) / nullif(count(first_at), 0)::numeric, 4) AS of_first,
       CASE WHEN mode <> 'unordered' AND step > 1 THEN round(count(at) / nullif(count(previous_at), 0)::numeric, 4) END AS of_previous,
       count(at - previous_at) FILTER (WHERE mode <> 'unordered') AS timed,
       round((percentile_cont(ARRAY[0.5, 0.75, 0.9]) WITHIN GROUP (ORDER BY extract(epoch FROM at - previous_at)::float8) FILTER (WHERE mode <> 'unordered'))[1]::numeric, 3) AS p50,
       round((percentile_cont(ARRAY[0.5, 0.75, 0.9]) WITHIN GROUP (ORDER BY extract(epoch FROM at - previous_at)::float8) FILTER (WHERE mode <> 'unordered'))[3]::numeric, 3) AS p90,
       round(avg(extract(epoch FROM at - previous_at)) FILTER (WHERE mode <> 'unordered'), 3) AS mean,
       count(at) FILTER (WHERE step > 1 OR mode = 'unordered') AS timed_from_first,
       round((percentile_cont(0.75) WITHIN GROUP (ORDER BY extract(epoch FROM at - first_at)::float8) FILTER (WHERE step > 1 OR mode = 'unordered'))::numeric, 3) AS p75_from_first,
       round(avg(extract(epoch FROM at - first_at)) FILTER (WHERE step > 1 OR mode = 'unordered'), 3) AS mean_from_first
FROM taken GROUP BY inquiry, step, mode, optional;
CREATE FUNCTION seconds(interval) RETURNS numeric LANGUAGE sql AS 'SELECT round(extract(epoch FROM $1), 3)';
SELECT i.mode, i.anchor, count(*) AS rows, sum(c.reached) AS reached,
       count(*) FILTER (WHERE (s.reached, s.dropped, s.of_first, s.of_previous) IS NOT DISTINCT FROM (c.reached, c.dropped, c.conversion_of_first, c.conversion_of_previous)) AS same_counts,
       count(*) FILTER (WHERE (s.timed, s.p50, s.p90, s.mean) IS NOT DISTINCT FROM (c.timed, seconds(c.p50), seconds(c.p90), seconds(c.mean))) AS same_times,
       count(*) FILTER (WHERE (s.timed_from_first, s.p75_from_first, s.mean_from_first) IS NOT DISTINCT FROM (c.timed_from_first, seconds(c.p75_from_first), seconds(c.mean_from_first))) AS same_from_first
FROM inquiry i CROSS JOIN LATERAL (SELECT crm.funnel_conversion(journey, i.steps::text[], i.within, i.mode, i.anchor, i.gap, NULL) AS steps FROM part) w
CROSS JOIN LATERAL unnest(w.steps) c JOIN slow s ON s.inquiry = i.inquiry AND s.step = c.step
GROUP BY 1, 2 ORDER BY 1, 2;

-- A property held constant: the best over all values of it. The journeys of a subject, one for each value, in every order that there is.
SELECT i.mode, count(*) AS asked,
       count(*) FILTER (WHERE crm.funnel_depth(f.journey, i.steps::text[], i.within, i.mode, i.anchor, i.gap) = d.deepest) AS furthest,
       count(*) FILTER (WHERE f.journey OPERATOR(crm.=) d.chosen) AS chosen, count(*) FILTER (WHERE f.journey OPERATOR(crm.=) f.backward) AS any_order,
       count(*) FILTER (WHERE d.deepest < d.whole) AS less_than_whole
FROM inquiry i CROSS JOIN LATERAL (
    SELECT who, crm.furthest_journey(journey, i.steps::text[], i.within, i.mode, i.anchor, i.gap ORDER BY p) AS journey,
           crm.furthest_journey(journey, i.steps::text[], i.within, i.mode, i.anchor, i.gap ORDER BY p DESC) AS backward FROM part GROUP BY 1) f
CROSS JOIN LATERAL (
    SELECT max(k.depth) AS deepest, (array_agg(k.journey ORDER BY k.depth DESC, k.ended, k.began DESC, k.journey USING OPERATOR(crm.<)))[1] AS chosen,
           crm.funnel_depth((SELECT crm.journey_agg(e.at, e."position") FROM part a, crm.journey_events(a.journey) e WHERE a.who = f.who), i.steps::text[], i.within, i.mode, i.anchor, i.gap) AS whole
    FROM (SELECT a.journey, crm.funnel_depth(a.journey, i.steps::text[], i.within, i.mode, i.anchor, i.gap) AS depth, coalesce(min(t.at), 'infinity') AS began, coalesce(max(t.at), '-infinity') AS ended
          FROM part a LEFT JOIN taken t ON t.inquiry = i.inquiry AND t.who = a.who AND t.p = a.p AND NOT t.optional
          WHERE a.who = f.who GROUP BY a.p, a.journey) k) d
WHERE i.inquiry % 3 = 0 GROUP BY 1 ORDER BY 1;
SELECT crm.furthest_journey(journey, ARRAY[1, 2], NULL) AS nothing FROM way WHERE id = 6;
SELECT crm.furthest_journey(journey, ARRAY[1, 2], '1 month') FROM way;

-- Workers give the same.
CREATE TABLE many AS SELECT g AS n, p.* FROM part p, generate_series(1, 40) g;
ALTER TABLE many SET (parallel_workers = 2);
CREATE VIEW counted AS
SELECT crm.funnel_conversion(journey, ARRAY[1, 2, 3])::text AS ever, crm.funnel_conversion(journey, ARRAY['1', '2?', '3'], '60 hours')::text AS days,
       crm.funnel_conversion(journey, ARRAY[1, 2, 3], '4 days', 'unordered', 'first_entry', NULL, journey)::text AS unordered FROM many;
CREATE VIEW held AS SELECT n, who, crm.furthest_journey(journey, ARRAY[1, 2, 3], '60 hours') AS journey FROM many GROUP BY 1, 2;
CREATE TABLE alone AS SELECT * FROM counted;
CREATE TABLE held_alone AS SELECT * FROM held;
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET enable_hashagg = off;
CREATE FUNCTION plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE 'EXPLAIN (COSTS OFF) ' || query; END $$;
SELECT count(*) FILTER (WHERE p ~ 'Gather') AS gathers, count(*) FILTER (WHERE p ~ 'Partial') AS partial FROM plan('SELECT * FROM counted') p;
SELECT c = a AS same FROM counted c, alone a;
SELECT count(*) FILTER (WHERE p ~ 'Gather') > 0 AS gathers, count(*) FILTER (WHERE p ~ 'Partial') AS partial FROM plan('SELECT * FROM held') p;
SELECT count(*), count(*) FILTER (WHERE h.journey OPERATOR(crm.=) a.journey) AS same FROM held h JOIN held_alone a USING (n, who);
