-- The aggregate window_funnel on any rows.
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
-- Errors.
SELECT crm.window_funnel('1 month', at, true) FROM visit;
SELECT crm.window_funnel('-1 day', at, true) FROM visit;
SELECT crm.window_funnel(NULL, at) FROM visit;
SELECT crm.window_funnel(NULL, at, VARIADIC '{}') FROM visit;
SELECT crm.window_funnel(NULL, at, VARIADIC NULL) FROM visit;
SELECT crm.window_funnel(NULL, at, VARIADIC array_fill(true, ARRAY[33])) FROM visit;
SELECT crm.window_funnel(NULL, at, VARIADIC array_fill(true, ARRAY[seq])) FROM visit;
SELECT crm.window_funnel_mode('strict', NULL, at, true) FROM visit;
SELECT crm.sequence_match('(?1)(?2)', at, true, true) FROM visit;
