-- DDL on adopted tables is followed, or refused with a hint: nothing leaves a table that cannot be written, or a number that is wrong
-- and does not say so.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
SET client_min_messages = warning;
SET crm.allow_drop = off;
SELECT crm.create_unit('acme', kind => 'business') IS NULL AS made, crm.create_unit('north') IS NULL AS made;
SELECT crm.create_funnel('sales', 'opportunity', '[{"key": "new", "position": 100}, {"key": "won", "position": 200, "kind": "won", "milestone": "won"}]');
CREATE TABLE people (id integer PRIMARY KEY, name text, mail text);
CREATE TABLE deals (id integer PRIMARY KEY, customer integer REFERENCES people, value numeric, status text, opened date, closed date, region text, note text);
INSERT INTO people SELECT i, 'P ' || i, i || '@example.com' FROM generate_series(1, 20) i;
INSERT INTO deals SELECT i, i, i, 'won', '2025-01-01', '2025-02-01', 'north' FROM generate_series(1, 20) i;
SELECT count(*) > 0 AS done FROM crm.adopt('people', 'customer', columns => '{"full_name": "name", "email": "mail"}');
SELECT count(*) > 0 AS done FROM crm.adopt('deals', 'opportunity', funnel => 'sales', department => 'acme', zone => 'UTC', columns =>
    '{"customer": "customer", "amount": "value", "stage": "status", "created_at": "opened", "closed_at": "closed", "unit": "region"}');
SELECT count(*) > 0 AS done FROM crm.install_kpi_pack();
CALL crm.backfill('people');
CALL crm.backfill('deals');
CALL crm.resolve() \g /dev/null
CREATE VIEW counted AS SELECT sum(numerator)::integer AS won, string_agg(DISTINCT state, ',') AS state FROM crm_bi.kpi_value WHERE kpi_key = 'won_value';
CREATE VIEW adopted AS SELECT a.relation, a.name, a.adopted_by = current_user AS by_me, (SELECT count(*) > 0 FROM pg_trigger t WHERE t.tgrelid = a.relation AND t.tgname LIKE 'crm\_%') AS triggers
    FROM crm.adoption a ORDER BY a.relation::text;
CREATE FUNCTION waits() RETURNS TABLE (item text, state text, hint text) LANGUAGE sql AS
    $$ SELECT s.item, s.state, s.hint FROM crm.status s WHERE s.item LIKE 'adoption of%' ORDER BY 1 $$;
TABLE counted;

-- renamed: table, columns, the key; moved to another schema
ALTER TABLE deals RENAME TO contracts;
ALTER TABLE contracts RENAME COLUMN value TO price;
ALTER TABLE contracts RENAME COLUMN id TO no;
UPDATE contracts SET price = price + 1 WHERE no = 1;
CREATE SCHEMA store;
ALTER TABLE contracts SET SCHEMA store;
ALTER SCHEMA store RENAME TO shop;
UPDATE shop.contracts SET price = price + 1, status = 'new' WHERE no = 2;
UPDATE shop.contracts SET status = 'won' WHERE no = 2;
SELECT won = (SELECT sum(price) FROM shop.contracts) AS exact, state FROM counted;
SELECT to_stage FROM crm.transition WHERE record_key = '2' ORDER BY sequence DESC LIMIT 1;
SELECT attribute, expression FROM crm.adoption_attribute WHERE relation = 'shop.contracts'::regclass ORDER BY 1;
ALTER TABLE shop.contracts SET SCHEMA public;
ALTER TABLE contracts RENAME COLUMN price TO value;
ALTER TABLE contracts RENAME COLUMN no TO id;
ALTER TABLE contracts RENAME TO deals;

-- refused, with what to do instead
ALTER TABLE deals DROP COLUMN value;
ALTER TABLE deals DROP COLUMN value CASCADE;
DROP FUNCTION crm.map_amount(deals);
DO $$ BEGIN DROP FUNCTION crm.map_amount(deals); END $$;
DROP TRIGGER crm_kpi_insert ON deals;
ALTER TABLE deals ALTER COLUMN id TYPE bigint;
ALTER TABLE deals ALTER COLUMN note TYPE varchar(40), ALTER COLUMN value TYPE double precision;
ALTER TABLE deals SET UNLOGGED;
CREATE TABLE more_deals () INHERITS (deals);
CREATE TABLE every_deal (LIKE deals) PARTITION BY RANGE (id);
ALTER TABLE every_deal ATTACH PARTITION deals FOR VALUES FROM (0) TO (1000);
DROP TABLE every_deal;
-- what is not mapped changes
ALTER TABLE deals ALTER COLUMN note TYPE varchar(40);
ALTER TABLE deals DROP COLUMN note;
ALTER TABLE deals ADD COLUMN note text DEFAULT 'x', ADD CHECK (value >= 0), ALTER COLUMN region SET NOT NULL;
INSERT INTO deals VALUES (21, 1, 21, 'won', '2025-01-01', '2025-02-01', 'north');
SELECT won = (SELECT sum(value) FROM deals) AS exact, state FROM counted;

-- triggers disabled: unknown until they are enabled, and what came meanwhile was read
ALTER TABLE deals DISABLE TRIGGER ALL;
INSERT INTO deals VALUES (22, 1, 22, 'won', '2025-01-01', '2025-02-01', 'north');
TABLE counted;
CALL crm.backfill('deals');
ALTER TABLE deals ENABLE TRIGGER ALL;
TABLE counted;
CALL crm.backfill('deals');
SELECT won = (SELECT sum(value) FROM deals) AS exact, state FROM counted;
SELECT count(*) FROM crm.transition WHERE record_key = '22';
SELECT tgenabled, count(*) FROM pg_trigger WHERE tgrelid = 'deals'::regclass AND tgname LIKE 'crm\_kpi\_%' GROUP BY 1;

-- swapped in one transaction: the new table is adopted in the place of the old one, which is left as it was before
SELECT crm.record_consent(customer_id, 'email', 'service', true, evidence => 'form') IS NULL AS done FROM crm.customer_record WHERE record_key = '3';
CREATE TABLE people_new (LIKE people INCLUDING ALL);
INSERT INTO people_new SELECT * FROM people WHERE id < 16;
BEGIN;
ALTER TABLE people RENAME TO people_old;
ALTER TABLE people_new RENAME TO people;
COMMIT;
CREATE TABLE deals_new (LIKE deals INCLUDING ALL);
INSERT INTO deals_new SELECT * FROM deals WHERE id <= 10;
BEGIN;
ALTER TABLE deals RENAME TO deals_old;
ALTER TABLE deals_new RENAME TO deals;
SELECT * FROM adopted;
ROLLBACK;
SELECT * FROM adopted;
BEGIN;
ALTER TABLE deals RENAME TO deals_old;
ALTER TABLE deals_new RENAME TO deals;
COMMIT;
SELECT * FROM adopted;
TABLE counted;
CALL crm.backfill('people');
CALL crm.backfill('deals');
CALL crm.resolve() \g /dev/null
SELECT won = (SELECT sum(value) FROM deals) AS exact, state FROM counted;
SELECT relation, record_key FROM crm.consent_cover;
DROP TABLE deals_old, people_old;
SELECT * FROM adopted;
SELECT * FROM waits();

-- swapped one by one: nobody knows until the old one is dropped
CREATE TABLE deals_new (LIKE deals INCLUDING ALL);
INSERT INTO deals_new SELECT * FROM deals WHERE id <= 5;
ALTER TABLE deals RENAME TO deals_old;
ALTER TABLE deals_new RENAME TO deals;
SELECT * FROM adopted;
SELECT * FROM waits();
DROP TABLE deals_old;
SELECT * FROM adopted;
SELECT * FROM waits();
CREATE TABLE deals_old AS SELECT * FROM deals; -- another table, and nobody's name
SELECT * FROM adopted;
DROP TABLE deals_old;
CALL crm.backfill('deals');
SELECT won = (SELECT sum(value) FROM deals) AS exact, state FROM counted;

-- dropped and made again
DROP TABLE deals;
SELECT * FROM adopted;
SELECT * FROM waits();
CREATE TABLE deals (id integer PRIMARY KEY, customer integer);
CREATE VIEW deals AS SELECT 1 AS id;
CREATE TEMPORARY TABLE deals (id integer);
DROP TABLE pg_temp.deals;
CREATE ROLE regress_ddl_other;
GRANT CREATE ON SCHEMA public TO regress_ddl_other;
SET ROLE regress_ddl_other;
CREATE TABLE deals AS SELECT 1 AS id, 1 AS customer, 5 AS value, 'won' AS status, date '2025-01-01' AS opened, date '2025-02-02' AS closed, 'north' AS region;
RESET ROLE;
CREATE TABLE deals AS SELECT i AS id, 1 AS customer, 5.0 AS value, 'won' AS status, date '2025-01-01' AS opened, date '2025-02-02' AS closed, 'north' AS region FROM generate_series(1, 3) i;
SELECT * FROM adopted;
CALL crm.backfill('deals');
SELECT won = (SELECT sum(value) FROM deals) AS exact, state FROM counted;
-- filled under another name, which comes after the old one is gone
CREATE TABLE deals_new AS SELECT * FROM deals WHERE id = 1;
BEGIN;
DROP TABLE deals;
ALTER TABLE deals_new RENAME TO deals;
COMMIT;
SELECT * FROM adopted;
-- not any more
DROP TABLE deals;
SELECT crm.forget_adoption('public.deals');
SELECT crm.forget_adoption('public.deals');
CREATE TABLE deals (id integer);
SELECT * FROM adopted;
SELECT * FROM waits();
-- renamed for good, and its name is given to another table
ALTER TABLE people RENAME TO customers;
CREATE TABLE people (id integer PRIMARY KEY);
SELECT * FROM waits();
SELECT crm.forget_adoption('public.people');
SELECT * FROM waits();
SELECT * FROM adopted;
SELECT crm.disown_all();
SELECT count(*) FROM crm.adoption;
DROP TABLE customers;
SELECT * FROM waits();
REVOKE CREATE ON SCHEMA public FROM regress_ddl_other;
DROP ROLE regress_ddl_other;
