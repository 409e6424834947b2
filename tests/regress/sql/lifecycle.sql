-- What a careful owner of a database does to adopted and protected tables besides writing to them.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
SET client_min_messages = warning;
\set SHOW_CONTEXT never
CREATE SCHEMA life;
SET search_path = life;
CREATE ROLE regress_life_one;
CREATE ROLE regress_life_two;
GRANT ALL ON SCHEMA life TO regress_life_one, regress_life_two;

-- a renamed column is followed within expressions and composite keys, and no new column of the old name is taken for it
CREATE TABLE offers (id integer, shop integer, val numeric, tax numeric, opened date, st text, PRIMARY KEY (id, shop));
SELECT count(*) > 0 AS adopted FROM crm.adopt('offers', 'opportunity', columns => '{"amount": "CASE WHEN tax > 3 THEN val - tax ELSE coalesce(VAL, 0) * 1.1 END", "created_at": "opened",
    "name": "upper(st) || '' val st''"}');
ALTER TABLE offers RENAME val TO "Worth it";
ALTER TABLE offers RENAME tax TO vat;
ALTER TABLE offers RENAME shop TO store;
ALTER TABLE offers RENAME st TO state;
ALTER TABLE offers ADD val numeric, ADD tax numeric;
SELECT e -> 'columns' AS columns FROM jsonb_array_elements(crm.export_config() -> 'adoptions') e WHERE e ->> 'relation' = 'life.offers';
SELECT count(*) AS changes FROM crm.apply_config(jsonb_build_object('adoptions', (SELECT jsonb_agg(e) FROM jsonb_array_elements(crm.export_config() -> 'adoptions') e WHERE e ->> 'relation' = 'life.offers')))
WHERE action <> 'extra';
ALTER TABLE offers ALTER vat TYPE integer;
ALTER TABLE offers DROP vat CASCADE;

-- whose a table is, is known where another takes its place, whoever said it
ALTER TABLE offers OWNER TO regress_life_one;
REASSIGN OWNED BY regress_life_one TO regress_life_two;
CREATE TABLE fresh (LIKE offers INCLUDING ALL);
ALTER TABLE fresh OWNER TO regress_life_two;
DROP TABLE offers;
ALTER TABLE fresh RENAME TO offers;
SELECT relation, owner FROM crm.adoption WHERE relation = 'offers'::regclass;
SELECT crm.disown('offers');

-- protected, with generated columns and a key of several columns, in partitions
SELECT crm.create_unit('life_firm', kind => 'business') IS NOT NULL AS made;
SELECT crm.create_unit('life_north', parent => 'life_firm') IS NOT NULL AND crm.create_unit('life_south', parent => 'life_firm') IS NOT NULL AS made;
SELECT crm.create_role('life_seller');
SELECT crm.grant_privilege('life_seller', '*', 'read', 'below');
SELECT crm.grant_privilege('life_seller', '*', 'update', 'below');
SELECT crm.create_principal('life_one', role_name => 'regress_life_one'), crm.create_principal('life_owner', role_name => 'regress_life_two');
SELECT crm.add_member('life_one', 'life_firm', 'life_seller') IS NOT NULL AND crm.add_member('life_owner', 'life_firm', 'life_seller') IS NOT NULL AS member;
CREATE TABLE deals (id integer, spare text, value numeric, net numeric GENERATED ALWAYS AS (value * 0.8) STORED, opened date, region text, word text GENERATED ALWAYS AS (upper(region)) STORED,
    PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE deals_north PARTITION OF deals FOR VALUES IN ('life_north');
CREATE TABLE deals_other (word text GENERATED ALWAYS AS (upper(region)) STORED, region text NOT NULL, id integer NOT NULL, value numeric, net numeric GENERATED ALWAYS AS (value * 0.8) STORED,
    opened date, spare text);
ALTER TABLE deals ATTACH PARTITION deals_other DEFAULT;
INSERT INTO deals (id, value, opened, region) VALUES (1, 10, '2026-01-01', 'life_north'), (2, 20, '2026-01-01', 'life_south');
SELECT count(*) > 0 AS adopted FROM crm.adopt('deals', 'opportunity', columns => '{"amount": "net", "created_at": "opened", "unit": "region"}');
SELECT count(*) FROM crm.protect('deals', '{"organisation": "word"}');
SELECT count(*) > 0 AS protected FROM crm.protect('deals', '{"organisation": "region"}');
GRANT SELECT, UPDATE ON deals TO regress_life_one;
ALTER TABLE deals ADD twice numeric GENERATED ALWAYS AS (value * 2) STORED;
ALTER TABLE deals DROP spare;
SET ROLE regress_life_one;
UPDATE deals SET value = value + 1;
UPDATE deals SET region = 'life_south' WHERE id = 1; -- needs assign
RESET ROLE;
SELECT crm.grant_privilege('life_seller', '*', 'assign', 'below');
SET ROLE regress_life_one;
UPDATE deals SET region = 'life_south' WHERE id = 1;
UPDATE deals SET region = 'life_north' WHERE id = 2;
RESET ROLE;
SELECT id, net, twice, word, tableoid::regclass AS part FROM deals ORDER BY id;
-- the trigger can be made again, as a dump does
SELECT count(*) AS made_again FROM (SELECT pg_get_triggerdef(t.oid) AS made FROM pg_trigger t WHERE t.tgrelid = 'deals'::regclass AND t.tgname = 'crm_assign') d
WHERE d.made NOT LIKE '%new.*%';

-- the schema of the extension keeps its name; others may get another
DO $$ BEGIN
    EXECUTE format('ALTER SCHEMA %s RENAME TO elsewhere', (SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'crm'));
EXCEPTION WHEN feature_not_supported THEN RAISE WARNING '%', sqlerrm;
END $$;
CREATE SCHEMA life_away;
ALTER SCHEMA life_away RENAME TO life_gone;
DROP SCHEMA life_gone;

SELECT count(*) > 0 AS gone FROM crm.unprotect('deals');
SELECT crm.disown('deals');
DROP TABLE deals;
DELETE FROM crm.adoption_left WHERE name LIKE 'life.%';
SELECT crm.retire_principal('life_one'), crm.retire_principal('life_owner');
RESET search_path;
DROP SCHEMA life CASCADE;
DROP OWNED BY regress_life_one, regress_life_two;
DROP ROLE regress_life_one, regress_life_two;
