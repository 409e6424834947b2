-- Where journeys lead and who comes back: by hand, and against slow references on random journeys with many ties.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set SHOW_CONTEXT never
\pset null NULL
SET TimeZone = 'UTC';
CREATE TABLE way (id integer, journey crm.journey);
INSERT INTO way VALUES (1, '1@2026-01-01,1@2026-01-02,2@2026-01-03,1@2026-01-05,3@2026-01-06'), (2, '1@2026-01-01,2@2026-01-02'), (3, '2@2026-01-01,1@2026-01-04'), (4, '3@2026-01-01'), (5, ''), (6, NULL);
SELECT n.* FROM (SELECT crm.next_steps(journey, 1, 2) AS steps FROM way) w, unnest(w.steps) n;
SELECT n.* FROM (SELECT crm.next_steps(journey, 1, 2, 'before', 'last_entry', NULL, NULL) AS steps FROM way) w, unnest(w.steps) n;
SELECT n.* FROM (SELECT crm.next_steps(journey, NULL, 1, NULL, NULL, '1 day', 1) AS steps FROM way) w, unnest(w.steps) n;
SELECT p.* FROM (SELECT crm.paths(journey, NULL, 3) AS paths FROM way) w, unnest(w.paths) p;
SELECT p.* FROM (SELECT crm.paths(journey, 1, 3, 'before', 'first_entry', NULL, 1) AS paths FROM way) w, unnest(w.paths) p;
SELECT crm.paths(journey, 1, 3) FROM way WHERE false;
SELECT crm.paths(journey, 9, 3) AS nobody, crm.next_steps(journey, 9, 3) AS nowhere FROM way;
SELECT crm.paths(journey, 1, 0) FROM way;
SELECT crm.paths(journey, 1, NULL) FROM way;
SELECT crm.paths(journey, 1, 65) FROM way;
SELECT crm.paths(journey, 1, 3, 'aside', NULL, NULL, NULL) FROM way;
SELECT crm.paths(journey, 1, 3, NULL, 'best', NULL, NULL) FROM way;
SELECT crm.next_steps(journey, 1, 3, NULL, NULL, '1 month', NULL) FROM way;
SELECT crm.next_steps(journey, 1, 3, NULL, NULL, NULL, -1) FROM way;

-- Random journeys of up to nine events, on few positions and days.
SELECT setseed(0.5);
CREATE TABLE event AS
SELECT id, n, timestamptz '2026-01-01' + interval '8 hours' * floor(random() * 24) AS at, floor(random() * 4)::integer AS "position" FROM generate_series(1, 120) id, generate_series(1, 9) n WHERE random() < 0.7;
CREATE TABLE walk AS SELECT id, crm.journey_agg(at, "position", n) AS journey FROM event GROUP BY id;
CREATE VIEW stay AS -- numbered in the order of time
SELECT s.*, row_number() OVER (PARTITION BY id ORDER BY first, n) AS k
FROM (SELECT id, g, min(n) FILTER (WHERE moved) AS n, min("position") AS "position", min(at) AS first, max(at) AS last
      FROM (SELECT e.*, count(*) FILTER (WHERE e.moved) OVER (PARTITION BY id ORDER BY at, n) AS g
            FROM (SELECT o.*, lag(o."position") OVER (PARTITION BY id ORDER BY at, n) IS DISTINCT FROM o."position" AS moved FROM event o) e) m GROUP BY id, g) s;
CREATE TABLE inquiry AS
SELECT row_number() OVER () AS inquiry, direction, CASE direction WHEN 'after' THEN 1 ELSE -1 END AS sign, anchor, gap, "position"
FROM unnest('{after,before}'::text[]) direction, unnest('{first_entry,last_entry}'::text[]) anchor, unnest(ARRAY[NULL, '40 hours'::interval]) gap, unnest('{0,1,NULL}'::integer[]) "position";
CREATE TABLE slow AS
WITH RECURSIVE started AS (
    SELECT i.inquiry, s.id, CASE WHEN i."position" IS NULL AND i.direction = 'after' THEN min(k) WHEN i."position" IS NULL OR i.anchor = 'last_entry' THEN max(k) ELSE min(k) END AS k
    FROM inquiry i JOIN stay s ON i."position" IS NULL OR s."position" = i."position" GROUP BY i.inquiry, i."position", i.direction, i.anchor, s.id),
walked AS (
    SELECT inquiry, id, 1 AS length, k, first AS began, NULL::timestamptz AS before, first AS at, ARRAY["position"] AS path FROM started JOIN stay USING (id, k)
    UNION ALL
    SELECT w.inquiry, w.id, w.length + 1, n.k, w.began, h.first, n.first, CASE i.direction WHEN 'after' THEN w.path || n."position" ELSE n."position" || w.path END
    FROM walked w JOIN inquiry i USING (inquiry) JOIN stay h ON h.id = w.id AND h.k = w.k JOIN stay n ON n.id = w.id AND n.k = w.k + i.sign
    WHERE w.length < 4 AND (i.gap IS NULL OR CASE i.direction WHEN 'after' THEN n.first - h.last ELSE h.first - n.last END <= i.gap))
SELECT *, max(length) OVER (PARTITION BY inquiry, id) AS longest FROM walked;
CREATE FUNCTION seconds(interval) RETURNS numeric LANGUAGE sql AS 'SELECT round(extract(epoch FROM $1), 3)';
CREATE FUNCTION median(float8[]) RETURNS numeric LANGUAGE sql AS 'SELECT round((percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(d)))::numeric, 3) FROM unnest($1) d';
-- Steps: each position, and the end.
WITH fast AS (
    SELECT i.inquiry, n.step, n."position", n.outcome, n.subjects, n.share, seconds(n.p50) AS p50
    FROM inquiry i CROSS JOIN LATERAL (SELECT crm.next_steps(journey, i."position", 3, i.direction, i.anchor, i.gap, NULL) AS steps FROM walk) w CROSS JOIN LATERAL unnest(w.steps) n),
told AS (
    SELECT inquiry, length - 1 AS step, path[CASE i.direction WHEN 'after' THEN length ELSE 1 END] AS "position", 'step' AS outcome, count(*) AS subjects, median(array_agg(extract(epoch FROM at - before)::float8)) AS p50
    FROM slow JOIN inquiry i USING (inquiry) WHERE length > 1 GROUP BY 1, 2, 3
    UNION ALL SELECT inquiry, longest, NULL, 'end', count(*), NULL FROM slow WHERE length = longest AND longest < 4 GROUP BY 1, 2)
SELECT direction, anchor, gap, count(f) AS told, count(t) AS slowly, count(*) FILTER (WHERE (f.subjects, f.p50, f.share) IS NOT DISTINCT FROM (t.subjects, t.p50, round(t.subjects / a.subjects::numeric, 4))) AS same
FROM fast f FULL JOIN told t ON (f.inquiry, f.step, f.outcome) = (t.inquiry, t.step, t.outcome) AND f."position" IS NOT DISTINCT FROM t."position"
JOIN inquiry i ON i.inquiry = coalesce(f.inquiry, t.inquiry) JOIN (SELECT inquiry, count(DISTINCT id) AS subjects FROM slow GROUP BY 1) a ON a.inquiry = i.inquiry GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
-- Paths.
WITH fast AS (
    SELECT i.inquiry, p.path, p.ended, p.subjects, p.share, seconds(p.p50) AS p50
    FROM inquiry i CROSS JOIN LATERAL (SELECT crm.paths(journey, i."position", 4, i.direction, i.anchor, i.gap, 0) AS paths FROM walk) w CROSS JOIN LATERAL unnest(w.paths) p),
told AS (
    SELECT inquiry, path, longest < 4 AS ended, count(*) AS subjects, CASE WHEN longest > 1 THEN median(array_agg(extract(epoch FROM at - began)::float8)) END AS p50
    FROM slow WHERE length = longest GROUP BY 1, 2, 3, longest)
SELECT direction, anchor, gap, count(f) AS told, count(t) AS slowly, count(*) FILTER (WHERE (f.ended, f.subjects, f.p50, f.share) IS NOT DISTINCT FROM (t.ended, t.subjects, t.p50, round(t.subjects / a.subjects::numeric, 4))) AS same
FROM fast f FULL JOIN told t USING (inquiry, path) JOIN inquiry i USING (inquiry) JOIN (SELECT inquiry, count(DISTINCT id) AS subjects FROM slow GROUP BY 1) a USING (inquiry) GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
-- The rest in one row: of steps each step's, with the median over all of it.
SELECT count(*) AS rows, count(*) FILTER (WHERE outcome = 'other') AS rest, bool_and(subjects = (SELECT sum(m.subjects) FROM (SELECT crm.next_steps(journey, 1, 3) AS steps FROM walk) v, unnest(v.steps) m
       WHERE m.step = n.step AND m.outcome = 'step' AND m."position" <> ALL (SELECT o."position" FROM unnest(w.steps) o WHERE o.step = n.step AND o.outcome = 'step'))) FILTER (WHERE outcome = 'other') AS same
FROM (SELECT crm.next_steps(journey, 1, 3, NULL, NULL, NULL, 1) AS steps FROM walk) w, unnest(w.steps) n;
SELECT cardinality(paths) AS rows, (paths[6]).path AS rest, (SELECT sum(p.subjects) FROM unnest(paths) p) AS all_of, (SELECT count(*) FROM walk WHERE journey OPERATOR(crm.@>) ARRAY[1]) AS there
FROM (SELECT crm.paths(journey, 1, 3, NULL, NULL, NULL, 5) AS paths FROM walk) w;

-- Retention: who begins in a period, and who comes back so many later.
SELECT crm.period_bounds('week', '2026-01-01', '2026-01-20') AS weeks;
SELECT crm.period_bounds('month', '2026-03-15', '2026-06-01', 'Europe/Vienna') AS months_of_vienna;
SELECT crm.period_bounds('quarter', '2026-01-01', '2026-04-01') AS one;
SELECT crm.period_bounds('decade', '2026-01-01', '2026-04-01');
SELECT crm.period_bounds('day', '2026-01-01', '2026-01-01');
SELECT crm.period_bounds('day', '-infinity', '2026-01-01');
SELECT t.* FROM (SELECT crm.retention_counts(journey, b, ARRAY[1], NULL) AS counts, b
                 FROM way, crm.period_bounds('day', '2026-01-01', '2026-01-05') b GROUP BY b) w, crm.retention_table(w.counts, w.b, '2026-01-04 12:00') t WHERE subjects > 0;
SELECT crm.retention_counts(journey, '{2026-01-01}', NULL, NULL) FROM way;
SELECT crm.retention_counts(journey, '{2026-01-01,2026-01-01}', NULL, NULL) FROM way;
SELECT crm.retention_counts(journey, '{2026-01-01,NULL}', NULL, NULL) FROM way;
SELECT crm.retention_counts(journey, NULL, NULL, NULL) FROM way;
SELECT crm.retention_counts(journey, '{2026-01-01,2026-01-02}', ARRAY[1, NULL], NULL) FROM way;
SELECT crm.retention_counts(journey, CASE WHEN id = 1 THEN '{2026-01-01,2026-01-02}' ELSE '{2026-01-01,2026-01-02,2026-01-03}' END::timestamptz[], NULL, NULL) FROM way;
WITH question AS (SELECT row_number() OVER () AS q, * FROM (VALUES ('{1}'::integer[]), ('{0,2}'), (NULL)) s (starts), (VALUES (NULL::integer[]), ('{1}'), ('{2,3}')) r (returns), (VALUES (timestamptz '2026-01-01'), ('2026-01-03')) b (begins)),
fast AS (
    SELECT q.q, t.cohort, t.period, t.subjects, t.returned
    FROM question q CROSS JOIN LATERAL (SELECT crm.period_bounds('day', q.begins, '2026-01-08') AS b) p CROSS JOIN LATERAL (SELECT crm.retention_counts(journey, p.b, starts, returns) AS counts FROM walk) w
    CROSS JOIN LATERAL crm.retention_table(w.counts, p.b, '2026-02-01') t),
began AS (
    SELECT DISTINCT ON (q.q, e.id) q.q, q.returns, q.begins, e.id, e.at, e.n FROM question q JOIN event e ON q.starts IS NULL OR e."position" = ANY (q.starts) ORDER BY q.q, e.id, e.at, e.n),
told AS (
    SELECT b.q, date_trunc('day', b.at) AS cohort, d AS period, count(DISTINCT b.id) FILTER (WHERE d = 0 OR (e.at, e.n) > (b.at, b.n) AND (b.returns IS NULL OR e."position" = ANY (b.returns)) AND date_trunc('day', e.at) = date_trunc('day', b.at) + interval '1 day' * d) AS returned
    FROM began b JOIN event e USING (id), generate_series(0, 8) d WHERE b.at >= b.begins AND date_trunc('day', b.at) + interval '1 day' * d < '2026-01-08' AND b.at < '2026-01-08' GROUP BY 1, 2, 3)
SELECT count(*) AS cells, sum(f.returned) AS returned, count(*) FILTER (WHERE f.returned = coalesce(t.returned, 0)) AS same, count(t) AS told FROM fast f FULL JOIN told t USING (q, cohort, period);

-- Workers give the same.
CREATE TABLE many AS SELECT w.* FROM walk w, generate_series(1, 40);
ALTER TABLE many SET (parallel_workers = 2);
CREATE VIEW counted AS
SELECT crm.next_steps(journey, 1, 3)::text AS steps, crm.next_steps(journey, NULL, 3, 'before', NULL, '40 hours', 2)::text AS before, crm.paths(journey, NULL, 5)::text AS paths,
       crm.paths(journey, 2, 4, 'before', 'last_entry', NULL, 3)::text AS top, crm.retention_counts(journey, crm.period_bounds('day', '2026-01-01', '2026-01-08'), NULL, ARRAY[1]) AS retention FROM many;
CREATE TABLE alone AS SELECT * FROM counted;
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
CREATE FUNCTION plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE 'EXPLAIN (COSTS OFF) ' || query; END $$;
SELECT count(*) FILTER (WHERE p ~ 'Gather') AS gathers, count(*) FILTER (WHERE p ~ 'Partial') AS partial FROM plan('SELECT * FROM counted') p;
SELECT c = a AS same FROM counted c, alone a;
