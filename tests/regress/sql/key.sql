-- Record keys of every type: their text does not depend on the settings of whoever writes or reads.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
SET client_min_messages = warning;
CREATE TYPE mood AS ENUM ('calm', 'Very "angry"', 'sad');
CREATE DOMAIN day AS date;
CREATE COLLATION blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
-- one column each
CREATE TABLE key_type (name text PRIMARY KEY, type text, one text, two text);
INSERT INTO key_type VALUES
    ('date', 'date', '2024-02-03', '0044-03-15 BC'), ('day', 'day', '2024-02-03', 'infinity'),
    ('moment', 'timestamptz', '2024-02-03 04:05:06.789+00', '-infinity'), ('wall', 'timestamp', '2024-02-03 04:05:06', '1999-12-31 23:59:59.999999'),
    ('clock', 'time', '04:05:06.5', '24:00:00'), ('clockz', 'timetz', '04:05:06+02', '04:05:06-03'), ('span', 'interval', '1 mon 2 days 03:04:05', '-1 days'),
    ('float', 'float8', '0.1', '1e300'), ('real', 'float4', '0.1', '-0'), ('bytes', 'bytea', '\xdeadbeef', '\x'), ('mood', 'mood', 'calm', 'Very "angry"'),
    ('number', 'numeric(10,2)', '1.00', '-7.5'), ('yes', 'boolean', 'true', 'false'), ('uuid', 'uuid', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', '00000000-0000-0000-0000-000000000000'),
    ('collated', 'text COLLATE blind', 'Ärger', 'x " \ y'), ('char', 'char(4)', 'ab', 'abcd'), ('small', 'smallint', '-7', '7'), ('net', 'inet', '10.0.0.1', '::1/64'),
    ('range', 'daterange', '[2024-01-01,2024-02-01)', 'empty');
CREATE FUNCTION change_settings(n integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('datestyle', (ARRAY['ISO, MDY', 'German', 'SQL, DMY', 'Postgres, MDY'])[n % 4 + 1], false),
            set_config('timezone', (ARRAY['UTC', 'Asia/Kolkata', 'America/St_Johns'])[n % 3 + 1], false),
            set_config('intervalstyle', (ARRAY['postgres', 'postgres_verbose', 'sql_standard', 'iso_8601'])[n % 4 + 1], false),
            set_config('extra_float_digits', (ARRAY['1', '-10', '3'])[n % 3 + 1], false), set_config('bytea_output', (ARRAY['hex', 'escape'])[n % 2 + 1], false);
END
$$;
-- a table of customers and one of touches for each type; every statement under other settings
DO $$
DECLARE
    t key_type;
BEGIN
    FOR t IN SELECT * FROM key_type ORDER BY name LOOP
        EXECUTE format('CREATE TABLE c_%1$s (id %2$s PRIMARY KEY, name text, mail text)', t.name, t.type);
        EXECUTE format('CREATE TABLE t_%1$s (id integer PRIMARY KEY, c %2$s REFERENCES c_%1$s, at timestamptz)', t.name, t.type);
        EXECUTE format('INSERT INTO c_%s VALUES (%L, %L, %L), (%L, %L, %L)', t.name, t.one, 'One ' || t.name, t.name || '1@x.example', t.two, 'Two ' || t.name, t.name || '2@x.example');
        EXECUTE format('INSERT INTO t_%s VALUES (1, %L, ''2024-01-01''), (2, %L, ''2024-01-02'')', t.name, t.one, t.two);
        PERFORM crm.adopt(('c_' || t.name)::regclass, 'customer', columns => '{"full_name": "name", "email": "mail", "kind": "''person''"}');
        PERFORM crm.adopt(('t_' || t.name)::regclass, 'touch', columns => '{"customer": "c", "at": "at"}');
    END LOOP;
END
$$;
SELECT format('SELECT change_settings(%s)', n), format('CALL crm.backfill(%L)', 'c_' || name) FROM (SELECT row_number() OVER (ORDER BY name) AS n, name FROM key_type) k
\set ECHO none
\o /dev/null
\gexec
\o
\set ECHO all
-- again under others: nothing differs, so nothing is written
SELECT change_settings(2);
SELECT name, crm.read_records(('c_' || name)::regclass, NULL) AS written FROM key_type WHERE crm.read_records(('c_' || name)::regclass, NULL) > 0;
SELECT change_settings(0);
SELECT relation, record_key FROM crm.record_copy ORDER BY relation::text, record_key;
SELECT crm.resolve_pending() > 0 AS linked;
-- statements of others touch records by the same keys
DO $$
DECLARE
    t key_type;
    n integer := 1;
BEGIN
    FOR t IN SELECT * FROM key_type ORDER BY name LOOP
        PERFORM change_settings(n);
        EXECUTE format('UPDATE c_%s SET name = name || '' II''', t.name);
        n := n + 1;
    END LOOP;
    PERFORM change_settings(3);
END
$$;
SELECT count(*) AS touched, count(*) FILTER (WHERE NOT EXISTS (SELECT FROM crm.record_copy c WHERE (c.relation, c.record_key) = (d.relation, d.record_key))) AS by_another_key
FROM crm.record_dirty d;
SELECT crm.resolve_pending() > 0 AS read_again;
SELECT count(*) AS records, count(*) FILTER (WHERE full_name LIKE '% II') AS followed, count(customer_id) AS linked FROM crm.record;
-- each customer has its one touch, whoever asks, and an index finds it where the type allows
CREATE FUNCTION told(OUT customers bigint, OUT touches bigint, OUT strange bigint) LANGUAGE sql AS $$
    SELECT count(DISTINCT r.record_no), count(t.kind) FILTER (WHERE t.kind = 'touch'),
           count(*) FILTER (WHERE t.kind = 'touch' AND t.relation::text <> replace(r.relation::text, 'c_', 't_'))
    FROM crm.record r, crm.customer_timeline(r.customer_id) t
$$;
SELECT change_settings(1);
SELECT * FROM told();
SELECT change_settings(2);
SELECT * FROM told();
SELECT change_settings(3);
SELECT * FROM told();
SELECT change_settings(0);
SELECT regexp_replace(crm.belongs_condition(('t_' || k.name)::regclass, ARRAY[r.customer_id]), 'crm\.|our\.', '', 'g') AS condition
FROM key_type k JOIN crm.record r ON r.relation = ('c_' || k.name)::regclass AND r.full_name LIKE 'One%'
WHERE k.name IN ('date', 'mood', 'uuid', 'small', 'collated', 'char', 'moment') ORDER BY k.name;
-- a key is found as it is written in records
SELECT count(*) AS records, count(*) FILTER (WHERE crm.customer_of(relation, record_key) = customer_id) AS found,
       count(*) FILTER (WHERE crm.resolve_key(relation, record_key) = record_key) AS there FROM crm.record;
SELECT relation, record_key, crm.resolve_key(relation, record_key) AS resolved FROM crm.record WHERE crm.resolve_key(relation, record_key) IS DISTINCT FROM record_key;

-- composite keys of such columns, and references to them
CREATE TABLE visit (who integer, day date, at timestamptz, mood mood, weight float8, mark bytea, name text, mail text, PRIMARY KEY (who, day, at, mood, weight, mark));
CREATE TABLE note (id integer PRIMARY KEY, who integer, day date, at timestamptz, mood mood, weight float8, mark bytea, said timestamptz,
                   FOREIGN KEY (who, day, at, mood, weight, mark) REFERENCES visit);
INSERT INTO visit VALUES (1, '2024-02-29', '2024-03-01 00:00+02', 'Very "angry"', 0.1, '\x00ff', 'Ann', 'ann@x.example'), (2, '2023-12-31', 'infinity', 'calm', 1, '\x', 'Bob', 'bob@x.example');
INSERT INTO note VALUES (1, 1, '2024-02-29', '2024-03-01 00:00+02', 'Very "angry"', 0.1, '\x00ff', '2024-05-01'), (2, 2, '2023-12-31', 'infinity', 'calm', 1, '\x', '2024-05-02');
SELECT count(*) > 0 AS adopted FROM crm.adopt('visit', 'customer', columns => '{"full_name": "name", "email": "mail", "kind": "''person''"}');
SELECT count(*) > 0 AS adopted FROM crm.adopt('note', 'activity', columns => '{"customer": {"column": "crm.record_key(who::text, crm.key_text(day), crm.key_text(at), crm.key_text(mood), crm.key_text(weight), crm.key_text(mark))", "of": "public.visit"}, "at": "said"}');
SELECT change_settings(1);
CALL crm.backfill('visit');
SELECT crm.resolve_pending() > 0 AS linked;
SELECT record_key FROM crm.record_copy WHERE relation = 'visit'::regclass ORDER BY 1;
SELECT change_settings(3);
UPDATE visit SET name = name || ' II';
SELECT record_key FROM crm.record_dirty WHERE relation = 'visit'::regclass ORDER BY 1;
SELECT crm.resolve_pending() > 0 AS read_again;
SELECT r.full_name, t.kind, t.record_key FROM crm.record r, crm.customer_timeline(r.customer_id) t WHERE r.relation = 'visit'::regclass ORDER BY 1, 2;
SELECT count(*) FILTER (WHERE crm.resolve_key('visit', r.record_key) = r.record_key) AS there FROM crm.record r WHERE r.relation = 'visit'::regclass;
-- days of the calendar and no others are cast
SELECT v, crm.is_day(v) FROM unnest('{2024-02-29,2023-02-29,1900-02-29,2000-02-29,2024-04-31,2024-12-31,0000-01-01,2024-1-1,infinity,abc}'::text[]) v;
SELECT crm.key_text(NULL::date) IS NULL AS nothing, crm.key_text('{1,2}'::integer[]) AS array, crm.key_text(ROW(1, 'x')) AS row;
