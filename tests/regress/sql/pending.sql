-- resolve_pending over chance histories: after each batch the links are those that a full run with the same model gives, which
-- compares all records and looks for none; and whom the search must find is asked pair by pair.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
SET client_min_messages = warning;
CREATE FUNCTION word(salt text, n integer) RETURNS text LANGUAGE sql IMMUTABLE AS
    $$ SELECT initcap(translate(substr(md5(salt || n), 1, 5 + n % 3), '0123456789', 'aeiouaeiou')) $$;
-- of 2,400 rows a third mean somebody who is there already: some of them mistyped, some have moved, of many little is known
CREATE TABLE made AS
SELECT i AS id, p, CASE WHEN h % 11 = 0 THEN overlay(word('g', p % 300) PLACING 'x' FROM 3 FOR 1) ELSE word('g', p % 300) END AS first,
       CASE WHEN h % 7 = 0 THEN overlay(word('f', p % 700) PLACING '' FROM 3 FOR 1) ELSE word('f', p % 700) END AS last,
       CASE WHEN h % 3 > 0 THEN 'u' || p || '@example.com' END AS mail, CASE WHEN h % 4 > 0 THEN date '1950-01-01' + p * 37 % 20000 END AS born,
       word('town', CASE WHEN h % 5 = 0 THEN h % 60 ELSE p % 60 END) AS town
FROM (SELECT i, CASE WHEN i % 3 > 0 THEN i ELSE abs(hashint4(i)) % i END AS p, abs(hashint4(i * 17)) AS h FROM generate_series(1, 2400) i) x;
CREATE TABLE people (LIKE made);
ALTER TABLE people ADD PRIMARY KEY (id);
INSERT INTO people SELECT * FROM made WHERE id <= 2200;
SELECT count(*) > 0 AS adopted FROM crm.adopt('people', 'customer', columns => '{"given_name": "first", "family_name": "last", "email": "mail",
    "birth_date": "born", "city": "town"}');
CALL crm.backfill('people');
CALL crm.resolve() \gset
CALL crm.resolve(refit => false) \gset

CREATE VIEW pair AS SELECT a.record_no AS a, b.record_no AS b FROM crm.record_link a JOIN crm.record_link b USING (customer_id) WHERE a.record_no < b.record_no;
CREATE TABLE told (batch text, changed bigint, pairs bigint, only_pending bigint, only_full bigint);
-- links the changes and compares with the full run, from which the next batch goes on
CREATE PROCEDURE check_batch(name text) LANGUAGE plpgsql AS $$
DECLARE
    changed bigint := crm.resolve_pending();
    a bigint; b bigint; c bigint; d bigint; e bigint; f bigint; g bigint; h bigint; i bigint;
BEGIN
    CREATE TEMPORARY TABLE pending AS TABLE pair;
    COMMIT;
    CALL crm.resolve(false, a, b, c, d, e, f, g, h, i);
    INSERT INTO told SELECT name, changed, (SELECT count(*) FROM pending), (SELECT count(*) FROM (TABLE pending EXCEPT TABLE pair) x),
                            (SELECT count(*) FROM (TABLE pair EXCEPT TABLE pending) x);
    DROP TABLE pending;
END
$$;
INSERT INTO people SELECT * FROM made WHERE id = 2201;
CALL check_batch('one that comes');
INSERT INTO people SELECT * FROM made WHERE id BETWEEN 2202 AND 2240;
CALL check_batch('some that come');
UPDATE people SET (first, last, mail, born, town) = (SELECT m.first, m.last, m.mail, m.born, m.town FROM made m WHERE m.id = people.id * 7 % 2400 + 1) WHERE id % 83 = 0;
CALL check_batch('some become others');
UPDATE people SET (first, last, mail, born, town) = (SELECT m.first, m.last, m.mail, m.born, m.town FROM made m WHERE m.id = people.id) WHERE id % 83 = 0;
CALL check_batch('and who they were');
DELETE FROM people WHERE id % 59 = 0;
CALL check_batch('some go');
UPDATE people SET mail = NULL, born = NULL WHERE id % 67 = 0;
CALL check_batch('less is known');
INSERT INTO people SELECT * FROM made WHERE id BETWEEN 2241 AND 2300;
UPDATE people SET last = overlay(last PLACING 'q' FROM 2 FOR 1) WHERE id % 97 = 0;
DELETE FROM people WHERE id % 101 = 0;
CALL check_batch('all of it');
SELECT batch, changed > 0 AS some, pairs > 500 AS pairs, only_pending, only_full FROM told;

-- several batches in one transaction: what it changed itself is found, too
BEGIN;
SELECT crm.resolve_pending() >= 0 AS done;
INSERT INTO people SELECT 9000 + i, 0, 'Ottilie', 'Quassel' || chr(96 + i), 'ottilie' || i || '@example.org', date '1966-07-08', 'Nowhere' FROM generate_series(1, 5) i;
SELECT crm.resolve_pending() > 0 AS some;
UPDATE people SET last = 'Quassel', mail = 'ottilie@example.org' WHERE id > 9000;
SELECT crm.resolve_pending() > 0 AS some;
SELECT count(DISTINCT customer_id) AS customers, count(*) AS records FROM crm.customer_record WHERE record_key::integer > 9000;
COMMIT;

-- whoever weighs enough to be linked with a record is found, asked of each pair
CREATE TABLE asked AS SELECT r.record_no FROM crm.record_copy r ORDER BY hashint8(r.record_no) LIMIT 6;
CREATE TABLE weighed AS SELECT a.record_no AS a, r.record_no AS b, e.bits
FROM asked a JOIN crm.record_copy r ON r.record_no <> a.record_no CROSS JOIN LATERAL crm.link_explain(a.record_no, r.record_no) e WHERE e.attribute = 'sum';
SELECT count(*) > 5 AS some, count(*) FILTER (WHERE w.b <> ALL (ARRAY(SELECT n FROM crm.link_near(ARRAY[w.a]) n))) AS missed FROM weighed w WHERE w.bits >= -1;

-- a fiftieth of all at once is for a full run
SELECT * FROM crm.resolve_due();
INSERT INTO crm.link_dirty (record_no) SELECT r.record_no FROM crm.record_copy r LIMIT 200;
SELECT * FROM crm.resolve_due();
SELECT crm.resolve_pending() >= 0 AS done;
SELECT m.changed FROM crm.link_model m WHERE m.in_force;
