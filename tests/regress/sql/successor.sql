-- A protected name stays protected: dropped and made again, swapped by renaming, or refused.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
SET client_min_messages = warning;
CREATE ROLE regress_successor_owner;
CREATE ROLE regress_successor_nora;
GRANT CREATE ON SCHEMA public TO regress_successor_owner;
SELECT crm.create_unit('acme', kind => 'business'), crm.create_unit('north'), crm.create_unit('south');
SELECT crm.create_principal('owner', role_name => 'regress_successor_owner'), crm.create_principal('nora', role_name => 'regress_successor_nora');
SELECT crm.create_role('rep');
SELECT crm.grant_privilege('rep', '*', p, 'below') FROM unnest('{read,create}'::text[]) p;
SELECT crm.add_member('nora', 'north', 'rep'), crm.add_member('owner', 'acme', 'rep');
CREATE VIEW state AS
    SELECT p.relation, p.name, p.units, p.owner_column, p.object, c.relrowsecurity AND c.relforcerowsecurity AS forced,
           (SELECT count(*) FROM pg_policy y WHERE y.polrelid = p.relation) AS policies,
           (SELECT count(*) FROM pg_trigger t WHERE t.tgrelid = p.relation AND t.tgname = 'crm_assign') AS triggers
    FROM crm.protection p JOIN pg_class c ON c.oid = p.relation ORDER BY p.relation::text;
SET ROLE regress_successor_owner;
CREATE TABLE deals (id integer PRIMARY KEY, region text, rep text);
INSERT INTO deals VALUES (1, 'north', NULL), (2, 'south', NULL), (3, 'south', 'nora');
GRANT SELECT ON deals TO regress_successor_nora;
SELECT room, object FROM crm.protect('deals', '{"organisation": "region"}', owner_column => 'rep', object => 'opportunity');
CREATE FUNCTION seen(relation text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    ids text;
BEGIN
    EXECUTE format('SELECT string_agg(id::text, '' '' ORDER BY id) FROM %s', relation) INTO ids;
    RETURN ids;
END
$$;
SET ROLE regress_successor_nora;
SELECT seen('deals');

-- a swap load: a new table, filled, takes the name
SET ROLE regress_successor_owner;
SET client_min_messages = notice;
CREATE TABLE deals_new AS SELECT * FROM deals;
ALTER TABLE deals_new ADD PRIMARY KEY (id);
GRANT SELECT ON deals_new TO regress_successor_nora;
BEGIN;
ALTER TABLE deals RENAME TO deals_old;
ALTER TABLE deals_new RENAME TO deals;
COMMIT;
RESET ROLE;
SELECT * FROM state;
SET ROLE regress_successor_nora;
SELECT seen('deals') AS new, seen('deals_old') AS old;
SET ROLE regress_successor_owner;
DROP TABLE deals_old;

-- dropped and made again, by CREATE TABLE, CREATE TABLE AS, SELECT INTO
DROP TABLE deals;
CREATE TABLE deals (id integer PRIMARY KEY, region text, rep text);
INSERT INTO deals VALUES (4, 'north', NULL), (5, 'south', NULL);
GRANT SELECT ON deals TO regress_successor_nora;
SET ROLE regress_successor_nora;
SELECT seen('deals');
SET ROLE regress_successor_owner;
BEGIN;
CREATE TEMP TABLE staging AS SELECT * FROM deals;
DROP TABLE deals;
CREATE TABLE deals AS SELECT * FROM staging;
SELECT seen('deals');
DROP TABLE deals;
SELECT * INTO deals FROM staging;
COMMIT;
RESET ROLE;
SELECT * FROM state;

-- what cannot be protected in the same way is refused, and nothing is lost
SET ROLE regress_successor_owner;
BEGIN;
DROP TABLE deals;
CREATE TABLE deals (id integer PRIMARY KEY, area text, rep text);
ROLLBACK;
SELECT seen('deals');
BEGIN;
DROP TABLE deals;
CREATE TABLE deals (id integer PRIMARY KEY, region money, rep text);
ROLLBACK;
CREATE TABLE other (id integer, area text);
ALTER TABLE deals RENAME TO aside;
ALTER TABLE other RENAME TO deals;
ALTER TABLE aside RENAME TO deals;

-- until it is let go; by who protected it, or an administrator
DROP TABLE deals;
SET ROLE regress_successor_nora;
SELECT crm.forget_protection('public.deals');
SET ROLE regress_successor_owner;
SELECT crm.forget_protection('public.deal');
SELECT crm.forget_protection('public.deals');
SELECT crm.forget_protection('public.deals');
CREATE TABLE deals (id integer PRIMARY KEY, area text);
RESET ROLE;
SELECT count(*) FROM state;

-- unprotect lets the name go at once
SET ROLE regress_successor_owner;
ALTER TABLE deals RENAME COLUMN area TO region;
SELECT room FROM crm.protect('deals', '{"organisation": "region"}');
SELECT crm.unprotect('deals');
DROP TABLE deals;
CREATE TABLE deals (id integer);
RESET ROLE;
SELECT count(*) FROM state;

-- a table renamed for good is replaced under its new name
SET ROLE regress_successor_owner;
DROP TABLE deals;
CREATE TABLE deals (id integer PRIMARY KEY, region text);
SELECT room FROM crm.protect('deals', '{"organisation": "region"}');
ALTER TABLE deals RENAME TO aside;
ALTER TABLE aside RENAME TO deals;
RESET ROLE;
SELECT relation, name, later_names FROM crm.protection;
SET ROLE regress_successor_owner;
ALTER TABLE deals RENAME TO contracts;
CREATE TABLE contracts_new AS SELECT 6 AS id, 'south' AS region;
GRANT SELECT ON contracts_new TO regress_successor_nora;
ALTER TABLE contracts RENAME TO contracts_old;
ALTER TABLE contracts_new RENAME TO contracts;
SET ROLE regress_successor_nora;
SELECT seen('contracts');
SET ROLE regress_successor_owner;
DROP TABLE contracts_old;
ALTER TABLE contracts RENAME TO agreements;
DROP TABLE agreements;
RESET ROLE;
SELECT name FROM crm.protection_left ORDER BY name COLLATE "C";

-- no policy of its own lets rows of the new table through
SET ROLE regress_successor_owner;
CREATE TABLE contracts_new (id integer, region text);
CREATE POLICY everyone ON contracts_new USING (true);
ALTER TABLE contracts_new RENAME TO contracts;
CREATE MATERIALIZED VIEW contracts AS SELECT 7 AS id, 'south' AS region;

-- swapped by the names of schemas
RESET ROLE;
CREATE SCHEMA live AUTHORIZATION regress_successor_owner;
CREATE SCHEMA load AUTHORIZATION regress_successor_owner;
GRANT USAGE ON SCHEMA live, load TO regress_successor_nora;
GRANT CREATE ON DATABASE scratch TO regress_successor_owner;
SET ROLE regress_successor_owner;
CREATE TABLE live.visits (id integer, region text);
SELECT room FROM crm.protect('live.visits', '{"organisation": "region"}');
CREATE TABLE load.visits AS SELECT 8 AS id, 'south' AS region;
GRANT SELECT ON load.visits TO regress_successor_nora;
ALTER SCHEMA live RENAME TO live_old;
ALTER SCHEMA load RENAME TO live;
SET ROLE regress_successor_nora;
SELECT seen('live.visits');

-- dropped with its type
SET ROLE regress_successor_owner;
CREATE TYPE visit AS (id integer, region text);
CREATE TABLE typed OF visit;
SELECT room FROM crm.protect('typed', '{"organisation": "region"}');
DROP TYPE visit CASCADE;
CREATE TABLE typed (id integer, region text);
RESET ROLE;
SELECT relation, name, later_names FROM crm.protection ORDER BY name COLLATE "C";
SELECT name FROM crm.protection_left ORDER BY name COLLATE "C";
DROP OWNED BY regress_successor_owner, regress_successor_nora;
DROP ROLE regress_successor_owner, regress_successor_nora;
