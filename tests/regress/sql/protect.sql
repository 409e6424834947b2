-- Row-level security on a team's table: what it lets through for each command, and that it goes without a trace.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh

CREATE ROLE regress_protect_owner;
CREATE ROLE regress_protect_north;
CREATE ROLE regress_protect_south;
CREATE ROLE regress_protect_rep;
CREATE ROLE regress_protect_eve;
SELECT crm.create_unit('acme', 'Acme Ltd', 'business');
SELECT crm.create_unit('sales', 'Sales');
SELECT crm.create_unit('north', 'North', 'geographic', parent => 'sales');
SELECT crm.create_unit('south', 'South', 'geographic', parent => 'sales');
SELECT crm.create_unit('oslo', 'Oslo', 'geographic', parent => 'north');
SELECT crm.add_unit_alias(u, a) FROM (VALUES
    ('north', '1'), ('south', '2'), ('oslo', '3'), ('north', '11111111111'), ('south', '22222222222'),
    ('north', 'A0000000-0000-0000-0000-000000000001'), ('south', 'a0000000-0000-0000-0000-000000000002'),
    ('north', 'N'), ('south', 'S')) v (u, a);
SELECT crm.create_principal('boss', 'The owner', role_name => 'regress_protect_owner');
SELECT crm.create_principal('nora', role_name => 'regress_protect_north');
SELECT crm.create_principal('sven', role_name => 'regress_protect_south');
SELECT crm.create_principal('rep', role_name => 'regress_protect_rep');
SELECT crm.create_role('manager');
SELECT crm.grant_privilege('manager', '*', p, 'below') FROM unnest('{create,read,update,delete,assign}'::text[]) p;
SELECT crm.create_role('rep');
SELECT crm.grant_privilege('rep', '*', p, 'own') FROM unnest('{create,read,update}'::text[]) p;
SELECT count(crm.add_member(p, u, r)) FROM (VALUES ('boss', 'acme', 'manager'), ('nora', 'north', 'manager'),
    ('sven', 'south', 'manager'), ('rep', 'north', 'rep')) v (p, u, r);

GRANT CREATE ON SCHEMA public TO regress_protect_owner;

-- one table for each type of unit column, with the same rows
CREATE TABLE by_text (id integer PRIMARY KEY, region text, owner text, amount integer);
INSERT INTO by_text VALUES (1, 'north', 'rep', 10), (2, 'SOUTH', 'sven', 20), (3, 'Oslo', NULL, 30), (4, NULL, NULL, 40),
    (5, 'nowhere', 'REP', 50), (6, 's', 'rep', 60), (7, 'N', 'nora', 70);
CREATE TABLE by_varchar AS SELECT id, region::varchar(10), owner, amount FROM by_text;
CREATE TYPE area AS ENUM ('north', 'SOUTH', 'Oslo', 'nowhere', 's', 'N');
CREATE TABLE by_enum AS SELECT id, region::area, owner, amount FROM by_text;
CREATE TABLE by_int (id integer PRIMARY KEY, region integer, owner text, amount integer);
INSERT INTO by_int VALUES (1, 1, 'rep', 10), (2, 2, 'sven', 20), (3, 3, NULL, 30), (4, NULL, NULL, 40), (5, 99, 'rep', 50),
    (6, 2, 'rep', 60), (7, 1, 'nora', 70);
CREATE TABLE by_smallint AS SELECT id, region::smallint, owner, amount FROM by_int;
CREATE TABLE by_bigint AS SELECT id, region * 11111111111 AS region, owner, amount FROM by_int WHERE id <> 3;
CREATE TABLE by_uuid AS SELECT id, ('a0000000-0000-0000-0000-' || lpad(region::text, 12, '0'))::uuid AS region, owner, amount
    FROM by_int WHERE id <> 3;
CREATE TABLE parted (id integer, region text, owner text, amount integer) PARTITION BY RANGE (id);
CREATE TABLE parted_low PARTITION OF parted FOR VALUES FROM (0) TO (4);
CREATE TABLE parted_high PARTITION OF parted FOR VALUES FROM (4) TO (100) PARTITION BY RANGE (id);
CREATE TABLE parted_high_1 PARTITION OF parted_high FOR VALUES FROM (4) TO (8);
INSERT INTO parted SELECT * FROM by_text;
DO $$
DECLARE t text;
BEGIN
    FOR t IN SELECT c.oid::regclass FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') LOOP
        EXECUTE format('ALTER TABLE %s OWNER TO regress_protect_owner', t);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO regress_protect_north, regress_protect_south, regress_protect_rep, regress_protect_eve', t);
    END LOOP;
END
$$;
-- one table was under restrictive row security before, of the team's own
ALTER TABLE by_int ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON by_int AS RESTRICTIVE USING (amount < 1000);
CREATE TABLE before AS
    SELECT c.oid, c.relrowsecurity, c.relforcerowsecurity,
           (SELECT jsonb_agg(to_jsonb(p) ORDER BY p.policyname) FROM pg_policies p WHERE p.tablename = c.relname) AS policies,
           (SELECT count(*) FROM pg_trigger t WHERE t.tgrelid = c.oid) AS triggers,
           (SELECT count(*) FROM pg_depend d WHERE d.refobjid = c.oid) AS dependents, c.relacl
    FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p');

-- the preview, by the owner, changes nothing
SET ROLE regress_protect_owner;
SELECT * FROM crm.preview_protect('by_text', '{"organisation": "region"}', owner_column => 'owner');
SELECT count(*) FROM by_text;

-- protect each
\pset format unaligned
SELECT object, lock, detail FROM crm.protect('by_text', '{"organisation": "region"}', owner_column => 'owner');
\pset format aligned
SELECT object, lock FROM crm.protect('by_varchar', '{"organisation": "region"}', owner_column => 'owner');
SELECT object, lock FROM crm.protect('by_enum', '{"organisation": "region"}', owner_column => 'owner');
\pset format unaligned
SELECT object, lock, detail FROM crm.protect('by_int', '{"organisation": "region"}', object => 'opportunity');
\pset format aligned
SELECT object, lock FROM crm.protect('by_smallint', '{"organisation": "region"}', fallback_unit => 'oslo');
SELECT object, lock FROM crm.protect('by_bigint', '{"organisation": "region"}');
SELECT object, lock FROM crm.protect('by_uuid', '{"organisation": "region"}');
SELECT object, lock FROM crm.protect('parted', '{"organisation": "region"}', owner_column => 'owner') ORDER BY object;
RESET ROLE;
SELECT relation, object, units, combine, owner_column, fallback_unit, protected_by FROM crm.protection ORDER BY relation::text COLLATE "C";
\pset format unaligned
SELECT policyname, permissive, roles, cmd, qual, with_check FROM pg_policies WHERE tablename = 'parted_high_1' ORDER BY 1;
\pset format aligned

-- who reads what; two managers see different rows
CREATE VIEW seen AS
    SELECT 'by_text' AS relation, array_agg(id ORDER BY id) AS ids FROM by_text UNION ALL
    SELECT 'by_varchar', array_agg(id ORDER BY id) FROM by_varchar UNION ALL
    SELECT 'by_enum', array_agg(id ORDER BY id) FROM by_enum UNION ALL
    SELECT 'by_int', array_agg(id ORDER BY id) FROM by_int UNION ALL
    SELECT 'by_smallint', array_agg(id ORDER BY id) FROM by_smallint UNION ALL
    SELECT 'by_bigint', array_agg(id ORDER BY id) FROM by_bigint UNION ALL
    SELECT 'by_uuid', array_agg(id ORDER BY id) FROM by_uuid UNION ALL
    SELECT 'parted', array_agg(id ORDER BY id) FROM parted UNION ALL
    SELECT 'parted_low', array_agg(id ORDER BY id) FROM parted_low UNION ALL
    SELECT 'parted_high_1', array_agg(id ORDER BY id) FROM parted_high_1;
ALTER VIEW seen SET (security_invoker = true);
GRANT SELECT ON seen TO PUBLIC;
SET ROLE regress_protect_owner;
SELECT * FROM seen;
SET ROLE regress_protect_north;
SELECT * FROM seen;
SET ROLE regress_protect_south;
SELECT * FROM seen;
SET ROLE regress_protect_rep;
SELECT * FROM seen;
-- why
SET ROLE regress_protect_owner;
SELECT granted, kind, need, role, unit, path, depth, detail FROM crm.explain_access('nora', 'by_text', '3', 'update');
SELECT granted, kind, need, role, unit, detail FROM crm.explain_access('rep', 'by_text', '6');
SELECT granted, kind, need, role, unit, detail FROM crm.explain_access('sven', 'by_text', '3', 'delete');
SELECT granted, kind, need, role, unit, detail FROM crm.explain_access('nora', 'by_text', '5');
SELECT principal, kind, role, unit, depth, detail FROM crm.who_can_access('by_text', '6', 'update');
SELECT * FROM crm.explain_access('nora', 'by_text', '99');
SELECT * FROM crm.explain_access('norah', 'by_text', '3');
SELECT * FROM crm.explain_access('nora', 'by_text', '3', 'erase');
SELECT * FROM crm.explain_access('nora', 'by_smallint', '3');
SET ROLE regress_protect_north;
SELECT granted, kind, detail FROM crm.explain_access('nora', 'by_text', '3');
SELECT * FROM crm.explain_access('sven', 'by_text', '3');
-- without identity an error and never rows, for every command
SET ROLE regress_protect_eve;
SELECT * FROM by_text;
SELECT count(*) FROM parted_low;
SELECT FROM by_int WHERE id = 1;
INSERT INTO by_text VALUES (100, 'north', NULL, 0);
UPDATE by_text SET amount = 0;
DELETE FROM by_text;

-- each command, each inside a transaction that is taken back
SET ROLE regress_protect_north;
BEGIN;
INSERT INTO by_text VALUES (101, 'oslo', NULL, 1) RETURNING id;
INSERT INTO by_text VALUES (102, 'south', NULL, 1);
ROLLBACK;
INSERT INTO by_text VALUES (103, NULL, NULL, 1);
INSERT INTO by_text VALUES (104, 'south', 'nora', 1) RETURNING id;
BEGIN;
UPDATE by_text SET amount = amount + 1;
UPDATE by_text SET amount = amount + 1 WHERE id = 2;
UPDATE by_text SET region = 'north' WHERE id = 3;
DELETE FROM by_text;
ROLLBACK;
-- a row cannot be handed to where one does not reach
UPDATE by_text SET region = 'south', owner = 'sven' WHERE id = 3;
UPDATE parted SET region = NULL WHERE id = 3;
SET ROLE regress_protect_rep;
BEGIN;
UPDATE by_text SET amount = amount + 1;
DELETE FROM by_text;
INSERT INTO by_text VALUES (105, 'south', 'rep', 1) RETURNING id;
ROLLBACK;
INSERT INTO by_text VALUES (106, 'north', 'nora', 1);
-- the owner is bound too
SET ROLE regress_protect_owner;
BEGIN;
DELETE FROM parted;
ROLLBACK;
RESET ROLE;
SELECT crm.remove_member('boss', 'acme');
SET ROLE regress_protect_owner;
SELECT count(*) FROM parted;
RESET ROLE;
SELECT count(crm.add_member('boss', 'acme', 'manager'));

-- update and delete reach no further than read
SELECT crm.grant_privilege('manager', '*', 'read', 'unit');
SET ROLE regress_protect_north;
BEGIN;
SELECT array_agg(id ORDER BY id) FROM by_text;
WITH changed AS (UPDATE by_text SET amount = 0 RETURNING id) SELECT array_agg(id ORDER BY id) FROM changed;
UPDATE by_text SET amount = 0;
DELETE FROM by_text;
ROLLBACK;
RESET ROLE;
SELECT crm.grant_privilege('manager', '*', 'read', 'below');

-- several hierarchies: all, or any
SELECT crm.create_unit('beer', 'Beer', 'product', hierarchy => 'product');
SELECT crm.create_unit('wine', 'Wine', 'product', hierarchy => 'product');
SELECT count(crm.add_member('nora', 'beer', 'manager'));
CREATE TABLE matrix (id integer, region text, line text);
INSERT INTO matrix VALUES (1, 'north', 'beer'), (2, 'north', 'wine'), (3, 'south', 'beer'), (4, 'south', 'wine'), (5, 'beer', 'north');
ALTER TABLE matrix OWNER TO regress_protect_owner;
GRANT SELECT ON matrix TO regress_protect_north;
SET ROLE regress_protect_owner;
\pset format unaligned
SELECT detail FROM crm.protect('matrix', '{"organisation": "region", "product": "line"}');
\pset format aligned
SET ROLE regress_protect_north;
SELECT array_agg(id ORDER BY id) FROM matrix;
SET ROLE regress_protect_owner;
SELECT crm.unprotect('matrix');
\pset format unaligned
SELECT detail FROM crm.protect('matrix', '{"organisation": "region", "product": "line"}', combine => 'any');
\pset format aligned
SET ROLE regress_protect_north;
SELECT array_agg(id ORDER BY id) FROM matrix;
RESET ROLE;
DROP TABLE matrix;
SELECT count(*) FROM crm.protection WHERE relation::text = 'matrix';

-- a new partition is protected, a dropped one forgotten
SET ROLE regress_protect_owner;
CREATE TABLE parted_high_2 PARTITION OF parted_high FOR VALUES FROM (8) TO (20);
GRANT SELECT, INSERT, UPDATE, DELETE ON parted_high_2 TO regress_protect_north;
INSERT INTO parted VALUES (10, 'north'), (11, 'south');
CREATE TABLE parted_top (id integer, region text, owner text, amount integer);
GRANT SELECT, INSERT, UPDATE, DELETE ON parted_top TO regress_protect_north;
INSERT INTO parted_top VALUES (120, 'south');
ALTER TABLE parted ATTACH PARTITION parted_top FOR VALUES FROM (100) TO (200);
SET ROLE regress_protect_north;
SELECT id FROM parted_high_2;
SELECT id FROM parted_top;
RESET ROLE;
SELECT member, row_security, force_row_security FROM crm.protection_member WHERE relation = 'parted'::regclass ORDER BY member::text;
SELECT item, detail FROM crm.org_doctor() WHERE state IN ('failed', 'warning') ORDER BY 1, 2;
DROP TABLE parted_high_2;
-- a detached partition keeps its rows protected, as a table of its own, parts of it included
ALTER TABLE parted DETACH PARTITION parted_top;
CREATE TABLE parted_mid PARTITION OF parted FOR VALUES FROM (200) TO (300) PARTITION BY RANGE (id);
CREATE TABLE parted_mid_1 PARTITION OF parted_mid FOR VALUES FROM (200) TO (250);
GRANT SELECT, UPDATE ON parted_mid TO regress_protect_north;
INSERT INTO parted VALUES (200, 'north'), (201, 'south');
ALTER TABLE parted DETACH PARTITION parted_mid;
SELECT relation::text, units, owner_column FROM crm.protection WHERE relation::text LIKE 'parted%' ORDER BY 1;
SELECT relation::text, member::text FROM crm.protection_member WHERE relation::text LIKE 'parted%' ORDER BY 1, 2;
SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = 'crm_assign' AND tgrelid::regclass::text LIKE 'parted%' ORDER BY 1;
SET ROLE regress_protect_north;
SELECT id FROM parted_top;
SELECT id FROM parted_mid;
UPDATE parted_mid SET region = 'nowhere';
RESET ROLE;
SELECT * FROM crm.doctor_enforcement() WHERE item ~ 'parted';
CREATE TABLE parted_mid_2 PARTITION OF parted_mid FOR VALUES FROM (250) TO (300);
SELECT relation::text FROM crm.protection_member WHERE member = 'parted_mid_2'::regclass;
-- to come back it must be a table like any other
ALTER TABLE parted ATTACH PARTITION parted_mid FOR VALUES FROM (200) TO (300);
SELECT crm.unprotect('parted_mid');
ALTER TABLE parted ATTACH PARTITION parted_mid FOR VALUES FROM (200) TO (300);
SELECT relation::text, member::text FROM crm.protection_member WHERE member::text LIKE 'parted_mid%' ORDER BY 2;
SELECT count(*) FROM pg_policies WHERE tablename LIKE 'parted_mid%' AND qual ~ 'parted_mid';
-- it goes without the table that it was a part of
ALTER TABLE parted DETACH PARTITION parted_mid;
SELECT crm.unprotect('parted_mid');
SELECT count(*) FROM pg_policies WHERE tablename LIKE 'parted_mid%';
DROP TABLE parted_mid;

-- records are shared by key: of one column, of several, mapped, or not at all
CREATE TABLE key_small (id smallint PRIMARY KEY, region text);
CREATE TABLE key_char (id varchar(9) PRIMARY KEY, region text);
CREATE TABLE key_two (a integer, b text, region text, PRIMARY KEY (a, b));
CREATE TABLE key_none (id integer, region text);
CREATE TABLE key_date (id date PRIMARY KEY, region text);
CREATE TABLE key_code (id integer PRIMARY KEY, code text, region text);
CREATE TABLE key_expression (id integer, region text) PARTITION BY LIST (region);
CREATE TABLE key_expression_1 PARTITION OF key_expression DEFAULT;
INSERT INTO key_small VALUES (1, 'south'), (2, 'south'); INSERT INTO key_char SELECT * FROM key_small;
INSERT INTO key_two VALUES (1, 'x', 'south'), (1, 'y', 'south'); INSERT INTO key_code VALUES (9, '1', 'south'), (1, '2', 'south');
INSERT INTO key_expression VALUES (-1, 'south'), (2, 'south');
SELECT count(*) FROM crm.adopt('key_code', 'lead', columns => '{"id": "code", "unit": "region"}');
SELECT count(*) FROM crm.adopt('key_expression', 'lead', columns => '{"id": "abs(id)", "unit": "region"}');
SELECT t, (crm.record_key_of(t::regclass)).* FROM unnest('{key_small,key_char,key_two,key_none,key_date,key_code,key_expression}'::text[]) t;
SELECT count(*) FROM unnest('{key_small,key_char,key_two,key_none,key_date,key_code,key_expression}'::regclass[]) t,
    crm.protect(t, '{"organisation": "region"}', object => 'lead');
\pset format unaligned
SELECT tablename, substring(qual FROM 'shared\(.*?''read''::text\)') AS arm FROM pg_policies
WHERE tablename LIKE 'key%' AND policyname = 'crm_select' ORDER BY 1;
\pset format aligned
INSERT INTO crm.shared_record (relation, record_key, principal, privileges, during, shared_by)
SELECT t::regclass, CASE t WHEN 'key_two' THEN '["1", "x"]' ELSE '1' END, 'nora', '{read}', tstzrange(now(), NULL), 'test'
FROM unnest('{key_small,key_char,key_two,key_none,key_date,key_code,key_expression}'::text[]) t;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO regress_protect_north;
SET ROLE regress_protect_north;
SELECT k, row FROM (SELECT 1 AS k, s::text AS row FROM key_small s UNION ALL SELECT 2, s::text FROM key_char s UNION ALL SELECT 3, s::text FROM key_two s
    UNION ALL SELECT 4, s::text FROM key_none s UNION ALL SELECT 5, s::text FROM key_date s UNION ALL SELECT 6, s::text FROM key_code s
    UNION ALL SELECT 7, s::text FROM key_expression s UNION ALL SELECT 8, s::text FROM key_expression_1 s) x ORDER BY 1, 2;
RESET ROLE;
-- a protected table is not adopted with another key
SELECT crm.adopt('key_small', 'lead', columns => '{"id": "region"}');
SELECT count(*) > 0 AS adopted FROM crm.adopt('key_small', 'lead');
-- a renamed column is followed
ALTER TABLE key_two RENAME COLUMN region TO "Region 2";
ALTER TABLE key_two RENAME COLUMN b TO bb;
SELECT units, key_columns FROM crm.protection WHERE relation = 'key_two'::regclass;
SELECT crm.protect_again('key_two');
SET ROLE regress_protect_north;
SELECT * FROM key_two;
RESET ROLE;
SELECT count(crm.disown(t)) FROM unnest('{key_small,key_code,key_expression}'::regclass[]) t;
-- a table that is dropped while it is adopted and protected leaves nothing
SELECT count(*) > 0 AS adopted FROM crm.adopt('key_char', 'lead');
DROP TABLE key_small, key_char, key_two, key_none, key_date, key_code, key_expression;
SELECT count(*) FROM crm.protection WHERE relation::text !~ '[a-z]';

-- what cannot be protected
CREATE VIEW a_view AS SELECT 1 AS region;
SELECT crm.protect('a_view', '{"organisation": "region"}');
CREATE TEMP TABLE temporary (region text);
SELECT crm.protect('temporary', '{"organisation": "region"}');
SELECT crm.protect('parted_high_1', '{"organisation": "region"}');
SELECT crm.protect('by_text', '{"organisation": "region"}');
SELECT crm.protect('crm.unit', '{"organisation": "unit"}');
CREATE TABLE plain (id integer, region text, price numeric);
SELECT crm.protect('plain', '{}');
SELECT crm.protect('plain', '["region"]');
SELECT crm.protect('plain', '{"organization": "region"}');
SELECT crm.protect('plain', '{"organisation": "regoin"}');
SELECT crm.protect('plain', '{"organisation": "price"}');
SELECT crm.protect('plain', '{"organisation": "region"}', combine => 'some');
SELECT crm.protect('plain', '{"organisation": "region"}', owner_column => 'owner');
SELECT crm.protect('plain', '{"organisation": "region"}', fallback_unit => 'nort');
SELECT crm.unprotect('plain');
SELECT * FROM crm.explain_access('nora', 'plain', '1');
SET ROLE regress_protect_owner;
SELECT crm.protect('plain', '{"organisation": "region"}');
SELECT crm.unprotect('plain');
SELECT * FROM crm.preview_protect('plain', '{"organisation": "region"}');
RESET ROLE;
-- an owner without identity, and policies that would let rows through
ALTER TABLE plain OWNER TO regress_protect_eve;
SELECT crm.protect('plain', '{"organisation": "region"}');
ALTER TABLE plain OWNER TO regress_protect_owner;
CREATE POLICY everybody ON plain USING (true);
SELECT crm.protect('plain', '{"organisation": "region"}');
SELECT count(*) FROM pg_policies WHERE tablename = 'plain';
DROP POLICY everybody ON plain;
CREATE TABLE child () INHERITS (plain);
SELECT crm.protect('plain', '{"organisation": "region"}');
DROP TABLE plain CASCADE;
DROP VIEW a_view;
DROP VIEW seen;

-- gone without a trace
SET ROLE regress_protect_owner;
SELECT crm.unprotect(t) FROM unnest('{by_text,by_varchar,by_enum,by_int,by_smallint,by_bigint,by_uuid,parted,parted_top}'::regclass[]) t;
RESET ROLE;
SELECT count(*) FROM crm.shared_record;
SELECT count(*) FROM crm.protection;
SELECT count(*) FROM crm.protection_member;
SELECT c.oid::regclass FROM pg_class c JOIN before b ON b.oid = c.oid
WHERE (c.relrowsecurity, c.relforcerowsecurity) IS DISTINCT FROM (b.relrowsecurity, b.relforcerowsecurity)
   OR b.policies IS DISTINCT FROM (SELECT jsonb_agg(to_jsonb(p) ORDER BY p.policyname) FROM pg_policies p WHERE p.tablename = c.relname)
   OR b.triggers <> (SELECT count(*) FROM pg_trigger t WHERE t.tgrelid = c.oid)
   OR b.dependents <> (SELECT count(*) FROM pg_depend d WHERE d.refobjid = c.oid) OR b.relacl IS DISTINCT FROM c.relacl;
SELECT relname FROM pg_class WHERE relname = 'parted_top' AND (relrowsecurity OR relforcerowsecurity);
SELECT tablename, policyname FROM pg_policies WHERE schemaname = 'public';

-- adopting never protects, disowning takes protection away
SELECT count(*) FROM crm.adopt('by_text', 'opportunity', department => 'sales', columns => '{"unit": "region", "owner": "owner"}') WHERE room = 'org';
SELECT count(*) FROM pg_policies WHERE tablename = 'by_text';
SET ROLE regress_protect_owner;
\pset format unaligned
SELECT detail FROM crm.protect('by_text', '{"organisation": "region"}');
\pset format aligned
RESET ROLE;
SELECT crm.object_of('by_text'), crm.object_of('by_int');
SELECT crm.disown('by_text');
SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE relname = 'by_text';
SELECT count(*) FROM pg_policies WHERE tablename = 'by_text';
SELECT count(*) FROM crm.protection;

DROP OWNED BY regress_protect_owner, regress_protect_north, regress_protect_south, regress_protect_rep, regress_protect_eve;
DROP ROLE regress_protect_owner, regress_protect_north, regress_protect_south, regress_protect_rep, regress_protect_eve;
