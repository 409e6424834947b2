-- Columns mapped to what they are not: the run that links them says so, and status until it is mended.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
SET client_min_messages = warning;
CREATE TABLE people (id integer PRIMARY KEY, first text, last text, mail text, phone text, born date);
INSERT INTO people
SELECT i, initcap(translate(substr(md5('g' || i), 1, 5), '0123456789', 'ghijklmnop')), initcap(translate(substr(md5('f' || i), 1, 7), '0123456789', 'ghijklmnop')),
       'u' || i || '@example.com', CASE WHEN i % 3 = 0 THEN '+44113496' || 1000 + i ELSE '0113 496 ' || 1000 + i END, date '1950-01-01' + i * 37
FROM generate_series(1, 60) i;
CREATE PROCEDURE map(columns jsonb) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM crm.disown('people') FROM crm.adoption a WHERE a.relation = 'people'::regclass;
    PERFORM crm.adopt('people', 'customer', columns => columns);
END
$$;
CREATE VIEW doubts AS SELECT d.attribute, d.doubt, d.amount, d.records FROM crm.mapping_doubts() d;

-- each attribute what it is
CALL map('{"given_name": "first", "family_name": "last", "email": "mail", "phone": "phone", "country": "''GB''", "birth_date": "born"}');
CALL crm.backfill('people');
CALL crm.resolve() \gset
SELECT * FROM doubts;
-- an e-mail as a name, a name as an e-mail, one number for all, numbers as names, words as dates
CALL map('{"full_name": "mail", "email": "first || '' '' || last", "phone": "''+44 113 496 0000''", "company": "id::text", "birth_date": "first", "tax_id": "mail"}');
CALL crm.backfill('people');
CALL crm.resolve() \gset
SELECT * FROM doubts;
SELECT item, state, amount, detail, hint FROM crm.status WHERE item LIKE 'mapping of%' ORDER BY 1;
-- numbers that need a country
CALL map('{"full_name": "first || '' '' || last", "phone": "phone"}');
CALL crm.backfill('people');
CALL crm.resolve() \gset
-- a few wrong values are none, nor is a handful of records judged
UPDATE people SET phone = '+44113496' || 1000 + id, first = CASE WHEN id <= 11 THEN mail ELSE first END;
CALL map('{"given_name": "first", "family_name": "last", "phone": "phone"}');
CALL crm.backfill('people');
CALL crm.resolve() \gset
SELECT * FROM doubts;
UPDATE people SET first = mail WHERE id = 12;
SELECT crm.resolve_pending() > 0 AS read;
SELECT * FROM doubts;
DELETE FROM people WHERE id >= 20;
SELECT crm.resolve_pending() > 0 AS read;
SELECT * FROM doubts;

-- one attribute alone: people of one name are one customer, which a user should know
TRUNCATE people;
INSERT INTO people (id, first, last)
SELECT i, initcap(translate(substr(md5('g' || p), 1, 5), '0123456789', 'ghijklmnop')), initcap(translate(substr(md5('f' || p), 1, 7), '0123456789', 'ghijklmnop'))
FROM (SELECT i, CASE WHEN i % 10 < 8 THEN i ELSE i - 5 END AS p FROM generate_series(1, 300) i) x;
CALL map('{"given_name": "first", "family_name": "last"}');
CALL crm.backfill('people');
CALL crm.resolve() \gset
SELECT :customers AS customers;

-- The unit of a row is not taken from its owner's membership; a unit's aliases name its owners instead.
CREATE TABLE sold (id integer PRIMARY KEY, rep text, amount numeric, closed date);
INSERT INTO sold VALUES (1, 'mary@firm.example', 5, '2026-01-01'), (2, 'ted', 7, '2026-01-01'), (3, NULL, 9, '2026-01-01');
SELECT * FROM crm.preview_adopt('sold', 'opportunity', '{"owner": "rep", "unit": {"of_owner": true}}');
SELECT crm.create_unit('firm', kind => 'business'), crm.create_unit('north'), crm.create_unit('south');
SELECT crm.add_unit_alias('north', 'mary@firm.example'), crm.add_unit_alias('south', 'ted');
SELECT crm.define_component('sold_rows', 'opportunity', 'closed_at') AS version;
SELECT count(*) > 0 AS adopted FROM crm.adopt('sold', 'opportunity', fallback_unit => 'firm', columns => '{"owner": "rep", "unit": "rep", "amount": "amount", "closed_at": "closed"}');
CALL crm.backfill('sold');
CREATE VIEW by_unit AS SELECT f.unit_key, sum(f.amount) AS amount FROM crm_bi.fct_opportunity f GROUP BY 1 ORDER BY 1;
SELECT * FROM by_unit;
SELECT crm.remove_unit_alias('north', 'mary@firm.example'), crm.add_unit_alias('south', 'mary@firm.example');
SELECT * FROM by_unit;
SELECT crm.disown('sold');
