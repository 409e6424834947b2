-- Many rows, and long ones: what a merge cannot do at once, or an unmerge could not put back, is refused by name before anything changes.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
SET client_min_messages = warning;
CREATE TABLE client (id integer PRIMARY KEY, name text);
CREATE TABLE note (id integer PRIMARY KEY, client integer REFERENCES client, body text);
CREATE TABLE keyless (client integer REFERENCES client, body text);
CREATE TABLE single (id integer PRIMARY KEY, client integer REFERENCES client, topic integer, body text, UNIQUE (client, topic));
CREATE INDEX ON note (client);
INSERT INTO client SELECT n, 'client ' || n FROM generate_series(1, 6) n;

-- long rows with a key: only keys and new values are sent, however long the rows are
INSERT INTO note SELECT n, 2, repeat('x', 70000) FROM generate_series(1, 3500) n;
SELECT crm.merge('client', '1', '{2}') AS merge_id;
SELECT client, count(*), min(length(body)) FROM note GROUP BY 1;
SELECT crm.unmerge(1) > 3500 AS back;
SELECT client, count(*), min(length(body)) FROM note GROUP BY 1;
DROP TABLE note;

-- without key a row is found by all that is in it, however long; equal ones, too
SELECT string_agg(md5(n::text), '') AS noise FROM generate_series(1, 400) n \gset
INSERT INTO keyless SELECT 3, :'noise' || n / 2 FROM generate_series(0, 9) n;
INSERT INTO keyless VALUES (3, 'short'), (3, 'short');
SELECT crm.merge('client', '1', '{3}') AS merge_id \gset
SELECT client, count(*), count(DISTINCT body) FROM keyless GROUP BY 1;
SELECT max(length(row_key)) AS longest, count(*) FROM crm.merge_rows_of(:merge_id) WHERE in_relation = 'keyless'::regclass;
UPDATE keyless SET body = 'edited' WHERE ctid = (SELECT min(ctid) FROM keyless WHERE body = :'noise' || 4);
SELECT crm.unmerge(:merge_id);
SELECT client, count(*), count(DISTINCT body) FROM keyless GROUP BY 1 ORDER BY 1;
SELECT in_relation, left(row_key, 40) AS row_key, finding FROM crm.unmerge_report(:merge_id) ORDER BY 2;
-- a chain over them, taken back in the wrong order
DELETE FROM keyless WHERE client = 1;
SELECT crm.merge('client', '4', '{3}') AS first, crm.merge('client', '5', '{4}') AS second \gset
SELECT crm.unmerge(:first) > 0 AS first_back, crm.unmerge(:second) > 0 AS second_back;
SELECT client, count(*), count(DISTINCT body) FROM keyless GROUP BY 1 ORDER BY 1;
DELETE FROM keyless;

-- too many of them to be sent at once
INSERT INTO keyless SELECT 3, repeat('x', 70000) FROM generate_series(1, 3500) n;
SELECT crm.merge('client', '1', '{3}');
DROP TABLE keyless;

-- more rows that collide, and so are removed, than could be put back
INSERT INTO single SELECT 10000 * c + n, c, n, CASE c WHEN 5 THEN 'short' ELSE repeat('x', 700000) END FROM generate_series(5, 6) c, generate_series(1, 350) n;
SELECT crm.merge('client', '5', '{6}');
SELECT crm.merge('client', '5', '{6}', dry_run => true);
SELECT client, count(*) FROM single GROUP BY 1 ORDER BY 1;
SELECT id FROM client WHERE id >= 3 ORDER BY 1;
DELETE FROM single WHERE client = 6 AND topic > 10;
SELECT crm.merge('client', '5', '{6}') > 0 AS merged;
SELECT client, count(*) FROM single GROUP BY 1 ORDER BY 1;
SELECT crm.unmerge(max(merge_id)) > 10 AS back FROM crm.merge_log;
SELECT client, count(*), min(length(body)) FROM single GROUP BY 1 ORDER BY 1;

-- many rows that collide, with one that stays and among each other, and what refers to them
CREATE TABLE owner (id integer PRIMARY KEY);
CREATE TABLE topic (owner integer REFERENCES owner, day date, title text, note text, PRIMARY KEY (owner, day));
CREATE TABLE remark (id integer PRIMARY KEY, owner integer, day date, word text, FOREIGN KEY (owner, day) REFERENCES topic, UNIQUE (owner, day, word));
INSERT INTO owner VALUES (1), (2), (3), (4);
INSERT INTO topic SELECT o, date '2024-01-01' + n, format('%s of %s', n, o), CASE WHEN o > 1 THEN 'note of ' || o END
FROM generate_series(1, 4) o, generate_series(1, 900) n WHERE n % o = 0;
INSERT INTO remark SELECT 1000 * t.owner + (t.day - date '2024-01-01'), t.owner, t.day, CASE WHEN t.day < '2025-01-01' THEN 'same' ELSE 'by ' || t.owner END FROM topic t;
CREATE TABLE before AS SELECT 'topic' AS part, t::text AS "row" FROM topic t UNION ALL SELECT 'remark', r::text FROM remark r;
SET datestyle = 'German';
SELECT crm.merge('owner', '2', '{1,3,4}', on_collision => 'combine') AS merge_id \gset
RESET datestyle;
-- what each day's topic and remarks must be: the keeper's own, else the first loser's; notes are filled from the first that has one
SELECT count(*) AS topics, count(*) FILTER (WHERE t.owner = 2 AND t.title = format('%s of %s', n, CASE WHEN n % 2 = 0 THEN 2 ELSE 1 END)) AS right_title,
       count(*) FILTER (WHERE t.note IS NOT DISTINCT FROM CASE WHEN n % 2 = 0 THEN 'note of 2' WHEN n % 3 = 0 THEN 'note of 3' END) AS right_note
FROM topic t, LATERAL (SELECT t.day - date '2024-01-01' AS n) d;
SELECT count(*) AS remarks, count(*) = (SELECT count(DISTINCT (day, word)) FROM (SELECT (string_to_array(trim(both '()' from "row"), ','))[3] AS day, (string_to_array(trim(both '()' from "row"), ','))[4] AS word
                                                                                 FROM before WHERE part = 'remark') b) AS as_many_as_differ FROM remark;
SELECT crm.unmerge(:merge_id) > 2000 AS back;
SELECT count(*) AS different FROM (TABLE before EXCEPT ALL (SELECT 'topic', t::text FROM topic t UNION ALL SELECT 'remark', r::text FROM remark r)) d;
