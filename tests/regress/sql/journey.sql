-- The type journey, its functions and journey_agg.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set SHOW_CONTEXT never
\pset null NULL
-- Text: any order, any time that Postgres reads; out in UTC, whatever the session's settings.
SET TimeZone = 'America/New_York'; SET DateStyle = 'SQL, DMY'; SET IntervalStyle = 'postgres';
SELECT '300@2026-01-04 12:00+01, 100@2026-01-01 00:00Z,100@2025-12-31 18:59:59.5-05'::crm.journey;
SELECT ''::crm.journey AS empty, '  '::crm.journey OPERATOR(crm.=) '' AS same, crm.journey_length(''), crm.journey_begin(''), crm.journey_end('');
-- Ties keep the order given.
SELECT '2@2026-01-01Z,1@2026-01-01Z,0@2025-01-01Z'::crm.journey, '1@2026-01-01Z,2@2026-01-01Z'::crm.journey OPERATOR(crm.=) '2@2026-01-01Z,1@2026-01-01Z' AS same;
-- The first and last time and position that there are.
SELECT '0@4714-11-24 00:00Z BC,2147483647@294276-12-31 23:59:59.999999Z'::crm.journey;
SELECT crm.journey_out(j)::text::crm.journey OPERATOR(crm.=) j AS again FROM (VALUES ('0@4714-11-24 00:00Z BC,2147483647@294276-12-31 23:59:59.999999Z'::crm.journey)) v (j);
-- What is none.
SELECT '1@infinity'::crm.journey;
SELECT '1@soon'::crm.journey;
SELECT '-1@2026-01-01'::crm.journey;
SELECT '2147483648@2026-01-01'::crm.journey;
SELECT '1@2026-01-01,'::crm.journey;
SELECT '1 2026-01-01'::crm.journey;
RESET TimeZone; RESET DateStyle; RESET IntervalStyle;

-- What it holds.
CREATE TABLE way (id integer PRIMARY KEY, journey crm.journey);
INSERT INTO way VALUES (1, '100@2026-01-01Z,300@2026-01-04Z,100@2026-01-05 12:00Z'), (2, '100@2026-01-01Z'), (3, ''), (4, NULL);
SELECT id, crm.journey_length(journey), crm.journey_positions(journey), crm.journey_begin(journey) AT TIME ZONE 'UTC' AS begin,
       crm.journey_end(journey) AT TIME ZONE 'UTC' AS end FROM way ORDER BY id;
SELECT id, at AT TIME ZONE 'UTC' AS at, "position" FROM way, crm.journey_events(journey) ORDER BY id, at;
SELECT id, crm.stage_at(journey, '2025-12-31Z') AS before, crm.stage_at(journey, '2026-01-01Z') AS first,
       crm.stage_at(journey, '2026-01-04 23:00Z') AS second, crm.stage_at(journey, 'infinity') AS now FROM way ORDER BY id;
SELECT id, crm.time_in_stage(journey, 100) AS ended, crm.time_in_stage(journey, 100, '2026-01-06Z') AS with_open,
       crm.time_in_stage(journey, 100, '2020-01-01Z') AS until_before, crm.time_in_stage(journey, 300), crm.time_in_stage(journey, 7) AS never FROM way ORDER BY id;
SELECT id, crm.journey_slice(journey, '2026-01-01 00:00:01Z', '2026-01-05 12:00Z'), crm.journey_slice(journey, NULL, '2026-01-04Z'),
       crm.journey_slice(journey, '2027-01-01Z', NULL) FROM way ORDER BY id;
SELECT id, journey OPERATOR(crm.@>) ARRAY[100] AS a, journey OPERATOR(crm.@>) ARRAY[300, 100] AS b, journey OPERATOR(crm.@>) ARRAY[200] AS c,
       journey OPERATOR(crm.@>) '{}'::integer[] AS nothing, journey OPERATOR(crm.@>) ARRAY[100, NULL] AS unknown FROM way ORDER BY id;
SELECT journey OPERATOR(crm.||) '200@2026-01-01Z,250@2026-01-04 00:00:01Z' FROM way ORDER BY id;
-- Equal by bytes: grouped, sorted, hashed, indexed.
SELECT count(*), count(DISTINCT journey) FROM (SELECT journey FROM way UNION ALL SELECT journey FROM way) w;
CREATE UNIQUE INDEX ON way (journey); CREATE INDEX ON way USING hash (journey);
SELECT bool_and(crm.journey_hash_extended(journey, 0) & 4294967295 = crm.journey_hash(journey)::bigint & 4294967295) AS same_without_seed,
       bool_or(crm.journey_hash_extended(journey, 1) = crm.journey_hash_extended(journey, 0)) AS same_with_another FROM way;
INSERT INTO way VALUES (5, '100@2026-01-01 00:00:00.000Z');
SELECT count(*) FROM way a JOIN way b ON a.journey OPERATOR(crm.=) b.journey;
SELECT bool_and((a.journey OPERATOR(crm.<) b.journey) = (b.journey OPERATOR(crm.>) a.journey)
            AND (a.journey OPERATOR(crm.<=) b.journey) = NOT (a.journey OPERATOR(crm.>) b.journey)
            AND (a.journey OPERATOR(crm.>=) b.journey) = NOT (a.journey OPERATOR(crm.<) b.journey)
            AND (a.journey OPERATOR(crm.=) b.journey) = (a.id = b.id) AND (a.journey OPERATOR(crm.<>) b.journey) = (a.id <> b.id)) FROM way a, way b
WHERE a.journey IS NOT NULL AND b.journey IS NOT NULL;

-- Binary: the bytes, checked.
CREATE FUNCTION binary_journey(bytes bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    CREATE TEMP TABLE received (journey crm.journey);
    CREATE TEMP TABLE sent (bytes bytea);
    INSERT INTO sent VALUES (bytes);
    EXECUTE format('COPY sent TO %L (FORMAT binary)', current_setting('data_directory') || '/crm_journey.bin');
    EXECUTE format('COPY received FROM %L (FORMAT binary)', current_setting('data_directory') || '/crm_journey.bin');
    SELECT journey::text INTO result FROM received;
    DROP TABLE received, sent;
    RETURN result;
END
$$;
SELECT binary_journey(crm.journey_send(journey)) = journey::text AS again FROM way WHERE journey IS NOT NULL ORDER BY id;
SELECT crm.journey_send('100@2026-01-01Z');
SELECT binary_journey('');
SELECT binary_journey('\x0100000000000000000000');
SELECT binary_journey('\x0200000000000000000000');
SELECT binary_journey(set_byte(crm.journey_send('100@2026-01-01Z'), 2, 255));
SELECT binary_journey(substr(crm.journey_send('100@2026-01-01Z,200@2026-01-02Z'), 1, 15));
SELECT binary_journey(crm.journey_send('100@2026-01-01Z') || '\x00');

-- From rows.
CREATE TABLE event (who integer, at timestamptz, "position" integer, "sequence" bigint);
INSERT INTO event VALUES (1, '2026-01-02Z', 5, 1), (1, '2026-01-02Z', 3, 2), (1, '2026-01-01Z', 9, 3), (1, NULL, 4, 4), (1, '2026-01-03Z', NULL, 5), (2, NULL, 1, 1);
SELECT who, crm.journey_agg(at, "position"), crm.journey_agg(at, "position", "sequence") FROM event GROUP BY who ORDER BY who;
SELECT crm.journey_agg(at, "position") FROM event WHERE false;
SELECT crm.journey_agg('infinity', 1);
SELECT crm.journey_agg('2026-01-01', -1);
-- Two workers and one: the same; and the same rows again.
CREATE TABLE many AS SELECT g % 700 AS who, timestamptz '2026-01-01Z' + interval '1 hour' * (g * 7919 % 400) AS at, g * 31 % 6 * 100 AS "position", g AS "sequence" FROM generate_series(1, 21000) g;
CREATE TABLE alone AS SELECT who, crm.journey_agg(at, "position") AS journey, crm.journey_agg(at, "position", "sequence") AS sequenced FROM many GROUP BY who;
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
ALTER TABLE many SET (parallel_workers = 2);
CREATE FUNCTION plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE 'EXPLAIN (COSTS OFF) ' || query; END $$;
SELECT count(*) AS gathers FROM plan('SELECT who, crm.journey_agg(at, "position") FROM many GROUP BY who') p WHERE p ~ 'Gather';
SELECT count(*) FILTER (WHERE a.journey OPERATOR(crm.=) p.journey AND a.sequenced OPERATOR(crm.=) p.sequenced) AS same, count(*)
FROM alone a JOIN (SELECT who, crm.journey_agg(at, "position") AS journey, crm.journey_agg(at, "position", "sequence") AS sequenced FROM many GROUP BY who) p USING (who);
SELECT count(*) AS differ FROM
    (SELECT who, at, "position" FROM many EXCEPT ALL SELECT a.who, e.at, e."position" FROM alone a, crm.journey_events(a.journey) e) d;
