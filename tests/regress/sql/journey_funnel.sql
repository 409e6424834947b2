-- Funnels of journeys: answers by hand, and every mode against a slow reference on random journeys with many ties.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set SHOW_CONTEXT never
\pset null NULL
SET TimeZone = 'UTC';
-- Ties count in their order, an event counts for one step, the window's end is within.
SELECT crm.funnel_depth('1@2026-01-01,2@2026-01-01', ARRAY[1, 2]) AS in_order, crm.funnel_depth('2@2026-01-01,1@2026-01-01', ARRAY[1, 2]) AS backward,
       crm.funnel_depth('2@2026-01-01,1@2026-01-01', ARRAY[1, 2], mode => 'unordered') AS unordered, crm.funnel_depth('1@2026-01-01', ARRAY[1, 1]) AS once,
       crm.funnel_depth('1@2026-01-01,1@2026-01-02', ARRAY[1, 1]) AS twice, crm.funnel_depth('1@2026-01-01,2@2026-01-08', ARRAY[1, 2], '7 days') AS within,
       crm.funnel_depth('1@2026-01-01,2@2026-01-08 00:00:00.000001', ARRAY[1, 2], '7 days') AS late, crm.funnel_depth('', ARRAY[1]) AS empty,
       crm.funnel_depth(NULL, ARRAY[1]) AS missing;
SELECT crm.funnel_steps('1@2026-01-01,3@2026-01-03,1@2026-01-04,2@2026-01-05,3@2026-01-06', ARRAY['1', '2?', '3']) AS optional_missing,
       crm.funnel_steps('1@2026-01-01,1@2026-01-04,2@2026-01-05,3@2026-01-06', ARRAY['1', '2?', '3']) AS optional_taken;
SELECT crm.funnel_depth('1@2026-01-01,9@2026-01-02,2@2026-01-03', ARRAY['1', '!9', '2']) AS forbidden, crm.funnel_depth('1@2026-01-01,2@2026-01-02,9@2026-01-03', ARRAY['1', '!9', '2']) AS after,
       crm.funnel_depth('1@2026-01-01,9@2026-01-02,2@2026-01-03', ARRAY['1', '2'], mode => 'strict') AS strict, crm.funnel_depth('1@2026-01-01,3@2026-01-03', ARRAY['1', '2|3']) AS either,
       crm.funnel_depth('1@2026-01-01,2@2026-01-02,3@2026-01-04', ARRAY[1, 2, 3], gap => '1 day') AS gap;
SELECT a, crm.funnel_depth('1@2026-01-01,1@2026-01-05,2@2026-01-06,1@2026-01-09', ARRAY[1, 2], '2 days', anchor => a) FROM unnest(ARRAY['best', 'first_entry', 'last_entry']) a;
-- 64 steps, and one more.
SELECT crm.funnel_depth(crm.journey_agg(timestamptz '2026-01-01' + interval '1 day' * g, g), array_agg(g ORDER BY g)) FROM generate_series(1, 64) g;
SELECT crm.funnel_depth('', array_agg(g)) FROM generate_series(1, 65) g;
-- What is no funnel.
SELECT crm.funnel_depth('', '{}'::integer[]);
SELECT crm.funnel_depth('', NULL::integer[]);
SELECT crm.funnel_depth('', ARRAY[1, NULL]);
SELECT crm.funnel_depth('', ARRAY[[1, 2]]);
SELECT crm.funnel_depth('', ARRAY[1.5]);
SELECT crm.funnel_depth('', ARRAY[-1]);
SELECT crm.funnel_depth('', ARRAY['!1', '2']);
SELECT crm.funnel_depth('', ARRAY['1?', '2']);
SELECT crm.funnel_depth('', ARRAY['1', '2|']);
SELECT crm.funnel_depth('', ARRAY['1', '2'], mode => 'strickt');
SELECT crm.funnel_depth('', ARRAY['1', '2'], anchor => 'middle');
SELECT crm.funnel_depth('', ARRAY['1', '2'], '1 month');
SELECT crm.funnel_depth('', ARRAY['1', '2'], '-1 day');
SELECT crm.funnel_depth('', ARRAY['1', '2?'], mode => 'strict');
SELECT crm.funnel_depth('', ARRAY['1', '2'], mode => 'unordered', gap => '1 day');

-- Random journeys of up to nine events, on few positions and days.
SELECT setseed(0.5);
CREATE TABLE way AS
SELECT id, (SELECT coalesce(crm.journey_agg(timestamptz '2026-01-01' + interval '1 day' * floor(random() * 8), floor(random() * 5)::integer, n), '')
            FROM generate_series(1, length) n) AS journey
FROM (SELECT id, 2 + floor(random() * 8)::integer AS length FROM generate_series(1, 70) id) s;
INSERT INTO way VALUES (0, '');
CREATE TABLE event AS
SELECT id, row_number() OVER (PARTITION BY id ORDER BY n) AS n, at, "position"
FROM way, ROWS FROM (crm.journey_events(journey)) WITH ORDINALITY e (at, "position", n);
CREATE TABLE inquiry AS
SELECT row_number() OVER () AS inquiry, steps, mode, anchor, days, gap
FROM unnest(ARRAY['{1,2}', '{1,2,3}', '{0,1,2,3}', '{1,1,2}', '{1|2,2|3,0}', '{1,!4,2,3}', '{1,2,!0|4,3}', '{1,2?,3}', '{0,1?,2?,3,4?}']::text[]) s (steps),
     unnest(ARRAY['ordered', 'strict', 'unordered']) mode, unnest(ARRAY['best', 'first_entry', 'last_entry']) anchor,
     (VALUES (NULL::integer, NULL::integer), (3, NULL), (NULL, 2), (4, 1)) w (days, gap)
WHERE (steps !~ '\?' OR mode = 'ordered') AND (gap IS NULL OR mode <> 'unordered');
CREATE VIEW step AS -- k counts required steps
SELECT inquiry, n AS element, CASE WHEN e !~ '^!' THEN count(*) FILTER (WHERE e !~ '^!') OVER (PARTITION BY inquiry ORDER BY n) END AS step,
       count(*) FILTER (WHERE e !~ '[!?]') OVER (PARTITION BY inquiry ORDER BY n) AS k, e ~ '\?' AS optional, e ~ '^!' AS forbids,
       string_to_array(translate(e, '!?', ''), '|')::integer[] AS positions
FROM inquiry, unnest(steps::text[]) WITH ORDINALITY u (e, n);
CREATE TABLE slow AS
WITH RECURSIVE attempt AS (
    SELECT i.inquiry, e.id, 1 AS depth, e.n AS first, e.at AS begun, e.n AS last, e.at AS came, ARRAY[s.step] AS taken, ARRAY[e.n] AS path
    FROM inquiry i JOIN step s ON s.inquiry = i.inquiry AND NOT s.forbids AND (s.step = 1 OR i.mode = 'unordered')
    JOIN event e ON e."position" = ANY (s.positions)
    WHERE i.anchor = 'best' OR NOT EXISTS (
        SELECT FROM event o JOIN step b ON b.inquiry = i.inquiry AND NOT b.forbids AND (b.step = 1 OR i.mode = 'unordered') AND o."position" = ANY (b.positions)
        WHERE o.id = e.id AND CASE WHEN i.anchor = 'first_entry' THEN o.n < e.n ELSE o.n > e.n END)
    UNION ALL
    SELECT a.inquiry, a.id, a.depth + 1, a.first, a.begun, e.n, e.at, a.taken || s.step, a.path || e.n
    FROM attempt a JOIN inquiry i USING (inquiry) JOIN step s USING (inquiry)
    JOIN event e ON e.id = a.id AND e.n > a.last AND e."position" = ANY (s.positions)
    WHERE NOT s.forbids AND NOT s.optional
      AND CASE WHEN i.mode = 'unordered' THEN s.step <> ALL (a.taken) ELSE s.k = a.depth + 1 END
      AND (i.mode <> 'strict' OR e.n = a.last + 1)
      AND (i.days IS NULL OR e.at <= a.begun + interval '1 day' * i.days) AND (i.gap IS NULL OR e.at <= a.came + interval '1 day' * i.gap)
      AND NOT EXISTS (SELECT FROM event x JOIN step f ON f.inquiry = i.inquiry AND f.forbids AND x."position" = ANY (f.positions)
                      WHERE x.id = a.id AND x.n > a.last AND x.n <= e.n AND (i.mode = 'unordered' OR f.k = a.depth)))
SELECT DISTINCT ON (inquiry, id) * FROM attempt ORDER BY inquiry, id, depth DESC, last, first DESC, path;
-- Depth; when the steps were reached (of unordered ones the first and the last, since several choices are as good).
SELECT i.mode, i.anchor, count(*) AS asked, count(*) FILTER (WHERE d.depth = coalesce(s.depth, 0)) AS same,
       count(*) FILTER (WHERE CASE WHEN i.mode = 'unordered' THEN (SELECT (min(t), max(t)) IS NOT DISTINCT FROM (s.begun, s.came) FROM unnest(d.times) t)
                                   ELSE (SELECT array_agg(d.times[p.step] ORDER BY p.step) FILTER (WHERE d.times[p.step] IS NOT NULL)
                                         FROM step p WHERE p.inquiry = i.inquiry AND NOT p.optional AND NOT p.forbids)
                                        IS NOT DISTINCT FROM (SELECT array_agg(e.at ORDER BY e.n) FROM event e WHERE e.id = w.id AND e.n = ANY (s.path)) END) AS same_times,
       array_agg(DISTINCT d.depth) AS depths
FROM inquiry i CROSS JOIN way w LEFT JOIN slow s USING (inquiry, id),
     LATERAL (SELECT crm.funnel_depth(w.journey, i.steps::text[], interval '1 day' * i.days, i.mode, i.anchor, interval '1 day' * i.gap) AS depth,
                     crm.funnel_steps(w.journey, i.steps::text[], interval '1 day' * i.days, i.mode, i.anchor, interval '1 day' * i.gap) AS times) d
GROUP BY 1, 2 ORDER BY 1, 2;
-- Optional steps between the required ones around them, or after the last one reached.
SELECT count(*) FILTER (WHERE d.times[o.step] IS NOT NULL) AS taken, count(*) AS asked,
       count(*) FILTER (WHERE d.times[o.step] IS NOT DISTINCT FROM (
           SELECT min(e.at) FROM event e
           WHERE e.id = w.id AND e."position" = ANY (o.positions) AND e.n > s.path[o.k]
             AND CASE WHEN s.depth > o.k THEN e.n < s.path[o.k + 1]
                      ELSE (i.days IS NULL OR e.at <= s.begun + interval '1 day' * i.days) AND (i.gap IS NULL OR e.at <= s.came + interval '1 day' * i.gap) END)) AS same
FROM inquiry i JOIN step o ON o.inquiry = i.inquiry AND o.optional CROSS JOIN way w LEFT JOIN slow s ON s.inquiry = i.inquiry AND s.id = w.id,
     crm.funnel_steps(w.journey, i.steps::text[], interval '1 day' * i.days, i.mode, i.anchor, interval '1 day' * i.gap) d (times)
WHERE i.steps = '{1,2?,3}';
-- Counts, also by workers.
CREATE TABLE many AS SELECT w.* FROM way w, generate_series(1, 50);
ALTER TABLE many SET (parallel_workers = 2);
CREATE VIEW counted AS
SELECT crm.funnel_counts(journey, ARRAY[1, 2, 3]) AS ever, crm.funnel_counts(journey, ARRAY[1, 2, 3], '3 days') AS days,
       crm.funnel_counts(journey, ARRAY['1', '2?', '3'], '3 days', 'ordered') AS optional,
       crm.funnel_counts(journey, ARRAY[1, 2, 3], '4 days', 'ordered', 'first_entry', '1 day') AS gap FROM many;
CREATE TABLE alone AS SELECT * FROM counted;
SELECT * FROM alone;
SELECT array_agg(50 * (SELECT count(*) FROM way WHERE crm.funnel_depth(journey, ARRAY[1, 2, 3], '3 days') >= k) ORDER BY k) AS days FROM generate_series(1, 3) k;
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
CREATE FUNCTION plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE 'EXPLAIN (COSTS OFF) ' || query; END $$;
SELECT count(*) AS gathers FROM plan('SELECT * FROM counted') p WHERE p ~ 'Gather';
SELECT c = a AS same FROM counted c, alone a;
SELECT crm.funnel_counts(journey, ARRAY[1, 2]) FROM way WHERE false;
SELECT crm.funnel_counts(journey, CASE WHEN id = 1 THEN ARRAY[1, 2] ELSE ARRAY[1] END) FROM way;
