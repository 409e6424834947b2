-- DDL around adopted tables: partitions come and go, tables are dropped, the extension is guarded.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
CREATE TABLE tickets (id integer, opened date, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE tickets_1 PARTITION OF tickets FOR VALUES FROM (0) TO (100);
SELECT count(*) > 0 AS done FROM crm.adopt('tickets', 'ticket', columns => '{"opened_at": "opened"}');
CREATE VIEW trigger_count AS
    SELECT t.tgrelid::regclass::text AS relation, count(*) > 0 AS has, count(*) = (SELECT sum(cardinality(events)) FROM crm.attached_trigger) AS all_of_them
    FROM pg_trigger t WHERE t.tgname LIKE 'crm\_%' GROUP BY 1 ORDER BY 1;
CREATE TABLE tickets_2 PARTITION OF tickets FOR VALUES FROM (100) TO (200);
CREATE TABLE tickets_3 (id integer PRIMARY KEY, opened date);
ALTER TABLE tickets ATTACH PARTITION tickets_3 FOR VALUES FROM (200) TO (300);
SELECT * FROM trigger_count;
DROP VIEW trigger_count;

-- a dropped table is forgotten, and everything made for it goes with it
CREATE TABLE dropped (id integer PRIMARY KEY, email text);
SELECT count(*) > 0 AS done FROM crm.adopt('dropped', 'customer', columns => '{"email": "email"}');
DROP TABLE dropped;
SELECT relation FROM crm.adoption;

-- the extension is not dropped while it holds data
DROP EXTENSION crm;
DROP EXTENSION crm CASCADE;
DROP SCHEMA crm CASCADE;
DROP SCHEMA crm_bi CASCADE;
SELECT crm.disown_all();
SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'crm\_%' AND tgrelid::regclass::text LIKE 'tickets%';
DROP EXTENSION crm;
SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname IN ('crm', 'crm_bi');
CREATE EXTENSION crm SCHEMA crm;
SELECT count(*) > 0 AS done FROM crm.adopt('tickets', 'ticket');
SET crm.allow_drop = on;
SET client_min_messages = warning;
DROP EXTENSION crm CASCADE;
RESET client_min_messages;
RESET crm.allow_drop;
SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'crm\_%';

-- nor while a table is only protected
CREATE EXTENSION crm SCHEMA crm;
CREATE TABLE protected (id integer PRIMARY KEY, office text);
SELECT crm.create_unit('acme', kind => 'business');
SELECT crm.create_principal('boss', role_name => current_user::name);
SELECT object, lock FROM crm.protect('protected', '{"organisation": "office"}', fallback_unit => 'acme');
DROP EXTENSION crm CASCADE;
SELECT crm.disown_all();
SELECT relrowsecurity, relforcerowsecurity, (SELECT count(*) FROM pg_policy WHERE polrelid = c.oid) AS policies
FROM pg_class c WHERE oid = 'protected'::regclass;
DROP EXTENSION crm;

-- where it can be installed
CREATE EXTENSION crm SCHEMA public;
CREATE SCHEMA occupied;
CREATE TABLE occupied.something (id integer);
CREATE EXTENSION crm SCHEMA occupied;
CREATE SCHEMA "odd Name";
CREATE EXTENSION crm SCHEMA "odd Name";
CREATE TABLE people (id integer PRIMARY KEY, email text);
SELECT entity, confidence, call FROM "odd Name".suggest_adopt('people');
SELECT count(*) > 0 AS done FROM "odd Name".adopt('people', 'customer', columns => '{"email": "email"}');
CALL "odd Name".backfill('people');
SELECT "odd Name".disown_all();
DROP EXTENSION crm;
CREATE SCHEMA crm_bi;
CREATE EXTENSION crm SCHEMA crm;
