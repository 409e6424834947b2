-- Adoption of a team's tables: what is made, what is checked, what is refused, what is left behind.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh

CREATE TYPE deal_status AS ENUM ('new', 'proposal', 'won', 'lost');
CREATE TABLE accounts (account_id integer PRIMARY KEY, name text);
CREATE TABLE deals (
    deal_id integer PRIMARY KEY,
    account_id integer REFERENCES accounts,
    value numeric,
    status deal_status,
    opened date,
    closed timestamp,
    region varchar(20),
    note text
);

-- what adopt would do, and what it does
SELECT * FROM crm.preview_adopt('deals', 'opportunity', columns => '{
    "customer": "account_id", "amount": "value * 1.21", "stage": "status", "created_at": "opened", "closed_at": "closed",
    "unit": "upper(region)"}');
SELECT count(*) FROM crm.adoption;
SELECT room, object, lock, held_ms >= 0 AS held, detail
FROM crm.adopt('deals', 'opportunity', department => 'sales', zone => 'Europe/Madrid', columns => '{
    "customer": "account_id", "amount": "value * 1.21", "stage": "status", "created_at": "opened", "closed_at": "closed",
    "unit": "upper(region)"}') WHERE room = 'base';
SELECT attribute, expression, reference FROM crm.adoption_attribute ORDER BY 1;
INSERT INTO accounts VALUES (1, 'Acme');
INSERT INTO deals VALUES (7, 1, 100, 'won', '2026-01-31', '2026-02-28 23:30', 'north', NULL);
SELECT crm.map_id(d), crm.map_customer(d), crm.map_amount(d), crm.map_stage(d), crm.map_created_at(d), crm.map_closed_at(d),
       crm.map_unit(d) FROM deals d;
-- the functions are inlined
EXPLAIN (COSTS off, VERBOSE) SELECT crm.map_amount(d) FROM deals d;

-- a renamed column and table are followed, a dropped column is refused
ALTER TABLE deals RENAME COLUMN value TO price;
ALTER TABLE deals RENAME TO opportunities;
SELECT crm.map_amount(d) FROM opportunities d;
SELECT relation FROM crm.adoption;
ALTER TABLE opportunities DROP COLUMN price;
ALTER TABLE opportunities DROP COLUMN note;
-- what is not mapped can change in every way
ALTER TABLE opportunities ADD COLUMN flag text DEFAULT 'x';
ALTER TABLE opportunities ADD COLUMN clock timestamptz DEFAULT clock_timestamp();
ALTER TABLE opportunities ADD COLUMN size integer;
ALTER TABLE opportunities ALTER COLUMN size TYPE bigint;
ALTER TABLE opportunities DROP COLUMN flag, DROP COLUMN clock, DROP COLUMN size;
-- what is mapped keeps its type
ALTER TABLE opportunities ALTER COLUMN region TYPE varchar(30);
SELECT crm.map_amount(d), crm.map_unit(d) FROM opportunities d;
ALTER TABLE opportunities RENAME TO deals;
SELECT crm.disown('deals');
SELECT count(*) FROM crm.adoption;
SELECT count(*) FROM pg_proc WHERE proname LIKE 'map\_%';
SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal AND tgrelid = 'deals'::regclass;

-- names that do not exist
SELECT crm.adopt('deals', 'oportunity');
SELECT crm.adopt('deals', 'opportunity', columns => '{"ammount": "price"}');
SELECT crm.adopt('deals', 'opportunity', columns => '{"amount": "prize"}');
SELECT crm.adopt('deals', 'opportunity', zone => 'Europe/Madrit');
SELECT crm.adopt('dealz', 'opportunity');
SELECT crm.disown('deals');

-- mappings that cannot work
SELECT crm.adopt('deals', 'opportunity', columns => '{"amount": "random() * price"}');
SELECT crm.adopt('deals', 'opportunity', columns => '{"created_at": "opened::timestamptz"}');
SELECT crm.adopt('deals', 'opportunity', columns => '{"amount": "(SELECT max(price) FROM deals)"}');
SELECT crm.adopt('deals', 'opportunity', columns => '{"amount": "sum(price)"}');
SELECT crm.adopt('deals', 'opportunity', columns => '{"amount": "price) FROM deals; DROP TABLE deals; SELECT (1"}');
SELECT crm.adopt('deals', 'opportunity', columns => '{"amount": "price) AS a, (1"}');
SELECT crm.adopt('deals', 'opportunity', columns => '{"amount": "price +"}');
SELECT crm.adopt('deals', 'opportunity', columns => '{"amount": "opened"}');
SELECT crm.adopt('deals', 'opportunity', columns => '{"name": "deals::text"}');
SELECT crm.adopt('deals', 'opportunity', columns => '{"amount": 7}');
SELECT crm.adopt('deals', 'opportunity', columns => '["price"]');
SELECT crm.adopt('deals', 'opportunity', columns => '{"name": ["title", "Region"]}');
SELECT crm.adopt('deals', 'opportunity', columns => '{"customer": {"column": "account_id", "from": "accounts"}}');
CREATE FUNCTION own_text(numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT $1';
SELECT crm.adopt('deals', 'opportunity', columns => '{"amount": "own_text(price)"}');
SELECT crm.adopt('deals', 'opportunity', columns => '{"amount": "public.own_text(price)"}');

-- tables that cannot be adopted
CREATE VIEW a_view AS SELECT * FROM deals;
CREATE TEMPORARY TABLE a_temporary (id integer PRIMARY KEY);
CREATE UNLOGGED TABLE an_unlogged (id integer PRIMARY KEY);
CREATE TABLE a_parent (id integer PRIMARY KEY);
CREATE TABLE a_child () INHERITS (a_parent);
CREATE TABLE parted (id integer PRIMARY KEY, at date) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (100);
CREATE TABLE keyless (name text);
SELECT crm.adopt('a_view', 'customer');
SELECT crm.adopt('a_temporary', 'customer');
SELECT crm.adopt('an_unlogged', 'customer');
SELECT crm.adopt('a_parent', 'customer');
SELECT crm.adopt('a_child', 'customer');
SELECT crm.adopt('parted_1', 'customer');
SELECT crm.adopt('keyless', 'customer');
SELECT crm.adopt('pg_class', 'customer');
SELECT crm.adopt('crm.calendar', 'customer');
SELECT crm.adopt(NULL, 'customer');

-- only an administrator of crm who owns the table may
CREATE ROLE regress_adopt_other;
GRANT ALL ON deals TO regress_adopt_other;
SET ROLE regress_adopt_other;
SELECT crm.adopt('deals', 'opportunity');
RESET ROLE;
SELECT crm.grant_admin('regress_adopt_other');
SET ROLE regress_adopt_other;
SELECT crm.adopt('deals', 'opportunity');
SELECT crm.preview_adopt('deals', 'opportunity');
RESET ROLE;

-- nothing was half done by any of these
SELECT count(*) FROM crm.adoption;
SELECT count(*) FROM pg_proc WHERE proname LIKE 'map\_%';
SELECT count(*) FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid WHERE NOT tgisinternal AND relnamespace = 'public'::regnamespace;

-- keys of several columns, keys by name; partitions; twice is refused
CREATE TABLE lines (order_no integer, line_no text, PRIMARY KEY (order_no, line_no));
INSERT INTO lines VALUES (1, 'a"b');
SELECT count(*) > 0 AS done FROM crm.adopt('lines', 'activity');
SELECT crm.map_id(l) FROM lines l;
SELECT count(*) > 0 AS done FROM crm.adopt('keyless', 'customer', columns => '{"id": "name"}');
SELECT crm.adopt('lines', 'activity');
SELECT crm.disown_all();
DROP OWNED BY regress_adopt_other;
DROP ROLE regress_adopt_other;

-- DROP TABLE of an adopted table forgets it
SELECT count(*) > 0 AS done FROM crm.adopt('keyless', 'customer', columns => '{"id": "name"}');
DROP TABLE keyless;
SELECT count(*) FROM crm.adoption;
SELECT count(*) FROM pg_proc WHERE proname LIKE 'map\_%';
