-- Aggregates over any rows: window_funnel and its modes, sequence_match, sequence_count, retention.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set SHOW_CONTEXT never
CREATE TABLE visit (who text, seq integer, at timestamptz, page text);
INSERT INTO visit VALUES
  ('all', 1, '2026-01-01 10:00Z', 'start'), ('all', 2, '2026-01-01 10:00Z', 'form'), ('all', 3, '2026-01-01 10:00Z', 'done'),
  ('slow', 1, '2026-01-01Z', 'start'), ('slow', 2, '2026-01-09Z', 'form'), ('slow', 3, '2026-01-09Z', 'start'), ('slow', 4, '2026-01-10Z', 'form'),
  ('backward', 1, '2026-01-01Z', 'done'), ('backward', 2, '2026-01-02Z', 'form'), ('backward', 3, '2026-01-03Z', 'start'),
  ('late', 3, '2026-01-03Z', 'done'), ('late', 1, '2026-01-01Z', 'start'), ('late', 2, '2026-01-02Z', 'form'),
  ('none', 1, '2026-01-01Z', 'other'), ('when', 1, NULL, 'start');
SELECT who, crm.window_funnel('7 days', at, page = 'start', page = 'form', page = 'done' ORDER BY at, seq) AS week,
       crm.window_funnel(NULL, at, page = 'start', page = 'form', page = 'done' ORDER BY at, seq) AS ever,
       crm.window_funnel('1 day', at, page = 'start', page = 'form', page = 'done') AS unsorted
FROM visit GROUP BY who ORDER BY who;
-- Ties count in the order given.
SELECT crm.window_funnel(NULL, at, page = 'start', page = 'form' ORDER BY at, seq DESC) FROM visit WHERE who = 'all';
-- A row counts for one step, NULL conditions for none.
SELECT crm.window_funnel(NULL, at, true, true) FROM visit WHERE who = 'slow' AND seq = 1;
SELECT crm.window_funnel(NULL, at, NULL, page = 'start') FROM visit;
SELECT crm.window_funnel(NULL, at, page = 'start') FROM visit WHERE false;
SELECT crm.window_funnel(NULL, at, VARIADIC ARRAY[page = 'start', page = 'form']) FROM visit WHERE who = 'slow';
-- Two workers and one: the same.
CREATE TABLE many AS
SELECT g % 500 AS who, timestamptz '2026-01-01Z' + interval '1 second' * ((g * 7919) % 100003) AS at, (g / 500 * 3 + g) % 5 AS page FROM generate_series(1, 20000) g;
CREATE TABLE alone AS SELECT who, crm.window_funnel('5 hours', at, page = 0, page = 2, page = 4, page = 1) AS depth FROM many GROUP BY who;
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
ALTER TABLE many SET (parallel_workers = 2);
CREATE FUNCTION plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE 'EXPLAIN (COSTS OFF) ' || query; END $$;
SELECT count(*) FROM plan('SELECT who, crm.window_funnel(''5 hours'', at, page = 0, page = 2, page = 4, page = 1) FROM many GROUP BY who') p WHERE p LIKE '%Partial%Aggregate%';
SELECT count(*), count(*) FILTER (WHERE a.depth <> m.depth) AS different, sum(m.depth) > count(*) AS deep
FROM alone a JOIN (SELECT who, crm.window_funnel('5 hours', at, page = 0, page = 2, page = 4, page = 1) AS depth FROM many GROUP BY who) m USING (who);
-- Steps listed and steps as an array are the same, also those that are NULL, and past eight.
SELECT count(*) AS groups, count(*) FILTER (WHERE listed IS DISTINCT FROM arrayed) AS eight, count(*) FILTER (WHERE nine IS DISTINCT FROM nine_arrayed) AS nine,
       max(listed) AS deepest
FROM (SELECT who,
             crm.window_funnel('2 days', at, page = 0, nullif(page, 7) > 0, page = 1, page < 3, page = 2, page > 2, page = 4, page = 0) AS listed,
             crm.window_funnel('2 days', at, VARIADIC ARRAY[page = 0, nullif(page, 7) > 0, page = 1, page < 3, page = 2, page > 2, page = 4, page = 0]) AS arrayed,
             crm.window_funnel('2 days', at, page = 0, page = 0, page = 1, page < 3, page = 2, page > 2, page = 4, page = 0, page = 1) AS nine,
             crm.window_funnel('2 days', at, VARIADIC ARRAY[page = 0, page = 0, page = 1, page < 3, page = 2, page > 2, page = 4, page = 0, page = 1]) AS nine_arrayed
      FROM many GROUP BY who) w;
-- Errors.
SELECT crm.window_funnel('1 month', at, true) FROM visit;
SELECT crm.window_funnel('-1 day', at, true) FROM visit;
SELECT crm.window_funnel(NULL, at) FROM visit;
SELECT crm.window_funnel(NULL, at, VARIADIC '{}') FROM visit;
SELECT crm.window_funnel(NULL, at, VARIADIC NULL) FROM visit;
SELECT crm.window_funnel(NULL, at, VARIADIC array_fill(true, ARRAY[65])) FROM visit;
SELECT crm.window_funnel(NULL, at, VARIADIC array_fill(true, ARRAY[seq])) FROM visit;
SELECT crm.window_funnel(NULL, at, VARIADIC array_fill(true, ARRAY[64])) FROM many WHERE who < 3;
-- Modes: the examples that ClickHouse documents; a letter is a row, a minute later, behind a dash at the same time.
CREATE TABLE way (way text);
INSERT INTO way VALUES ('ABC'), ('ABDC'), ('AABC'), ('ABBC'), ('XABC'), ('AXBC'), ('ABAC'), ('A-B-C'), ('AB-C'), ('BAC'), ('ABCABC'), ('X');
CREATE VIEW letter AS
SELECT way, n, substr(way, n, 1) AS letter, timestamptz '2026-01-01Z' + interval '1 minute' * (n - 2 * (length(left(way, n)) - length(replace(left(way, n), '-', '')))) AS at
FROM way, generate_series(1, length(way)) n WHERE substr(way, n, 1) <> '-';
SELECT way, crm.window_funnel(NULL, at, letter = 'A', letter = 'B', letter = 'C' ORDER BY at, n) AS plain,
       crm.window_funnel_mode('', NULL, at, letter = 'A', letter = 'B', letter = 'C' ORDER BY at, n) AS no_mode,
       crm.window_funnel_mode('strict_deduplication', NULL, at, letter = 'A', letter = 'B', letter = 'C' ORDER BY at, n) AS deduplication,
       crm.window_funnel_mode('strict_order', NULL, at, letter = 'A', letter = 'B', letter = 'C' ORDER BY at, n) AS "order",
       crm.window_funnel_mode('strict_order, allow_reentry', NULL, at, letter = 'A', letter = 'B', letter = 'C' ORDER BY at, n) AS reentry,
       crm.window_funnel_mode('strict_increase', NULL, at, letter = 'A', letter = 'B', letter = 'C' ORDER BY at, n) AS increase,
       crm.window_funnel_mode('strict_order,strict_increase', NULL, at, letter = 'A', letter = 'B', letter = 'C' ORDER BY at, n) AS both,
       crm.window_funnel_mode('strict_once', '1 minute', at, letter = 'A', letter = 'B', letter = 'C' ORDER BY at, n) AS minute
FROM letter GROUP BY way ORDER BY way;
SELECT crm.window_funnel_mode('strict', NULL, at, true) FROM visit;
SELECT crm.window_funnel_mode(NULL, NULL, at, page = 'start') FROM visit;
-- strict_increase against every choice of rows.
SELECT setseed(0.25);
CREATE TABLE tie AS SELECT who, n, timestamptz '2026-01-01Z' + interval '1 day' * floor(random() * 4) AS at, floor(random() * 3)::integer AS page
FROM generate_series(1, 200) who, generate_series(1, 7) n;
WITH RECURSIVE chain AS (
    SELECT who, 1 AS depth, at AS begun, at FROM tie WHERE page = 0
    UNION ALL
    SELECT t.who, c.depth + 1, c.begun, t.at FROM chain c JOIN tie t ON t.who = c.who AND t.page = c.depth AND t.at > c.at AND t.at <= c.begun + interval '2 days')
SELECT count(*) AS subjects, count(*) FILTER (WHERE d.depth = coalesce(c.depth, 0)) AS same, array_agg(DISTINCT d.depth) AS depths
FROM (SELECT who, crm.window_funnel_mode('strict_increase', '2 days', at, page = 0, page = 1, page = 2 ORDER BY at, n) AS depth FROM tie GROUP BY who) d
LEFT JOIN (SELECT who, max(depth) AS depth FROM chain GROUP BY who) c USING (who);
-- Patterns.
SELECT way, crm.sequence_match('(?1)(?2)', at, letter = 'A', letter = 'B', letter = 'C', letter = 'D', letter = 'X' ORDER BY at, n) AS next,
       crm.sequence_match('(?1).*(?3)', at, letter = 'A', letter = 'B', letter = 'C', letter = 'D', letter = 'X' ORDER BY at, n) AS later,
       crm.sequence_match('(?1)(?t<=60)(?2)', at, letter = 'A', letter = 'B' ORDER BY at, n) AS within_minute,
       crm.sequence_match('(?1)(?t>60)(?3)', at, letter = 'A', letter = 'B', letter = 'C' ORDER BY at, n) AS after_minute,
       crm.sequence_count('(?1).*(?2)', at, letter = 'A', letter = 'B' ORDER BY at, n) AS twice
FROM letter GROUP BY way ORDER BY way;
SELECT crm.sequence_match('(?1)(?2', at, true, true) FROM visit;
SELECT crm.sequence_match('(?3)', at, true, true) FROM visit;
SELECT crm.sequence_match('(?1)(?t=5)(?2)', at, true, true) FROM visit;
SELECT crm.sequence_match(NULL, at, true) FROM visit;
SELECT crm.sequence_match('(?1)', at, true), crm.sequence_count('(?1)', at, true) FROM visit WHERE false;
-- Retention.
SELECT way, crm.retention(letter = 'A', letter = 'B', letter = 'C', NULL) FROM letter GROUP BY way ORDER BY way;
SELECT crm.retention(true, page = 'form', page = 'none') FROM visit;
SELECT crm.retention(true) FROM visit WHERE false;
SELECT crm.retention(VARIADIC NULL) FROM visit;
SELECT crm.retention(VARIADIC array_fill(true, ARRAY[seq])) FROM visit;
-- Two workers and one: the same.
CREATE VIEW counted AS
SELECT who, crm.window_funnel_mode('strict_deduplication', '5 hours', at, page = 0, page = 2, page = 4) AS deduplication,
       crm.window_funnel_mode('strict_increase', '5 hours', at, page = 0, page = 2, page = 4) AS increase,
       crm.sequence_count('(?1).*(?2)', at, page = 0, page = 2, page = 4) AS matches, crm.retention(page = 0, page = 7, page = 4) AS retained
FROM many GROUP BY who;
SET max_parallel_workers_per_gather = 0;
CREATE TABLE single AS SELECT * FROM counted;
SET max_parallel_workers_per_gather = 2;
SELECT count(*) > 0 AS gathers FROM plan('SELECT * FROM counted') p WHERE p ~ 'Gather';
SELECT count(*) AS same, sum(matches) AS matches FROM counted JOIN single USING (who, deduplication, increase, matches, retained);
