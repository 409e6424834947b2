-- Handing a row to another unit or owner needs the privilege assign, on the row as it is and as it will be.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh

CREATE ROLE regress_assign_owner;
CREATE ROLE regress_assign_nora;
CREATE ROLE regress_assign_rep;
SELECT crm.create_unit('acme', 'Acme Ltd', 'business');
SELECT crm.create_unit(u, parent => 'acme') FROM unnest('{north,south}'::text[]) u;
SELECT crm.create_unit('oslo', parent => 'north');
SELECT crm.create_principal(p, role_name => ('regress_assign_' || p)::name) FROM unnest('{owner,nora,rep}'::text[]) p;
SELECT crm.create_principal('crew', kind => 'team');
SELECT crm.create_role('all');
SELECT crm.grant_privilege('all', '*', p, 'organisation') FROM unnest('{create,read,update,delete}'::text[]) p;
SELECT crm.create_role('lead');
SELECT crm.grant_privilege('lead', '*', 'assign', 'below');
SELECT crm.create_role('rep');
SELECT crm.grant_privilege('rep', '*', 'assign', 'own');
SELECT count(crm.add_member(p, u, r)) FROM (VALUES ('owner', 'acme', 'all'), ('nora', 'acme', 'all'), ('nora', 'north', 'lead'),
    ('rep', 'acme', 'all'), ('rep', 'north', 'rep')) v (p, u, r);
GRANT CREATE ON SCHEMA public TO regress_assign_owner;
SET ROLE regress_assign_owner;
CREATE TABLE deals (id integer, unit text, owner text, amount integer, PRIMARY KEY (id, unit)) PARTITION BY LIST (unit);
CREATE TABLE deals_north PARTITION OF deals FOR VALUES IN ('north', 'oslo');
CREATE TABLE deals_rest PARTITION OF deals DEFAULT;
INSERT INTO deals VALUES (1, 'north', 'nora', 10), (2, 'oslo', 'rep', 20), (3, 'south', NULL, 30), (4, 'south', 'rep', 40);
GRANT ALL ON deals, deals_north, deals_rest TO regress_assign_nora, regress_assign_rep;
SELECT count(*) FROM crm.protect('deals', '{"organisation": "unit"}', owner_column => 'owner');
SELECT tgrelid::regclass, tgenabled FROM pg_trigger WHERE tgname = 'crm_assign' ORDER BY 1;
RESET ROLE;

-- what is no change of unit or owner needs no assign, whatever else changes
SET ROLE regress_assign_rep;
BEGIN;
UPDATE deals SET amount = amount + 1;
UPDATE deals SET unit = unit, owner = owner;
ROLLBACK;
-- within one's reach, to another partition too, by an update of the root or of the partition
SET ROLE regress_assign_nora;
BEGIN;
UPDATE deals SET unit = 'oslo' WHERE id = 1;
UPDATE deals SET owner = 'rep' WHERE id = 1;
UPDATE deals_north SET owner = NULL WHERE id = 2;
ROLLBACK;
-- an own row, anywhere: assign at any depth reaches it; others only within the depth, and not from or to elsewhere
UPDATE deals SET unit = 'south' WHERE id = 1;
UPDATE deals SET unit = 'north' WHERE id = 3;
UPDATE deals SET unit = 'nowhere' WHERE id = 3;
UPDATE deals_rest SET owner = 'nora' WHERE id = 3;
UPDATE deals SET owner = 'nobody' WHERE id = 4;
-- own rows: before and after; giving one's row away is no longer one's own
SET ROLE regress_assign_rep;
UPDATE deals SET unit = 'south' WHERE id = 2 RETURNING unit;
UPDATE deals SET owner = 'nora' WHERE id = 2;
UPDATE deals SET owner = 'rep' WHERE id = 1;
-- every command that updates
INSERT INTO deals VALUES (1, 'south', 'nora', 5) ON CONFLICT (id, unit) DO UPDATE SET owner = 'rep';
INSERT INTO deals VALUES (1, 'south', 'nora', 5) ON CONFLICT (id, unit) DO UPDATE SET amount = 11 RETURNING amount;
MERGE INTO deals d USING (VALUES (1)) v (id) ON d.id = v.id WHEN MATCHED THEN UPDATE SET unit = 'oslo';
MERGE INTO deals d USING (VALUES (1)) v (id) ON d.id = v.id WHEN MATCHED THEN UPDATE SET amount = 12;
-- a denial of assign wins over the role and over own rows
RESET ROLE;
INSERT INTO crm.denial (principal, object, privilege, unit, denied_by) VALUES ('rep', '*', 'assign', 'south', 'test'),
    ('nora', 'public.deals', 'assign', 'oslo', 'test');
SET ROLE regress_assign_rep;
UPDATE deals SET owner = 'crew' WHERE id = 4;
SET ROLE regress_assign_nora;
UPDATE deals SET unit = 'oslo' WHERE id = 1;
RESET ROLE;
DELETE FROM crm.denial;
-- rows of one's team are own rows
SET ROLE regress_assign_rep;
UPDATE deals SET owner = 'crew' WHERE id = 4;
RESET ROLE;
INSERT INTO crm.team_member (team, principal, during) VALUES ('crew', 'rep', tstzrange(now(), NULL));
SET ROLE regress_assign_rep;
UPDATE deals SET owner = 'crew' WHERE id = 4 RETURNING owner;
-- a hidden row is not there: no error, no row
RESET ROLE;
SELECT crm.grant_privilege('all', '*', 'read', 'own'), crm.grant_privilege('all', '*', 'update', 'own');
SET ROLE regress_assign_rep;
UPDATE deals SET owner = 'rep' WHERE id = 1;
UPDATE deals SET unit = 'south' WHERE id = 1;
UPDATE deals SET unit = 'oslo' WHERE id = 4 RETURNING unit;
RESET ROLE;
SELECT crm.grant_privilege('all', '*', 'read', 'organisation'), crm.grant_privilege('all', '*', 'update', 'organisation');
-- what a trigger of the team changes before ours is seen, what it changes after is the team's own doing, bound by the policies of update
SET ROLE regress_assign_owner;
CREATE FUNCTION move() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.owner := 'nora'; RETURN NEW; END $$;
CREATE TRIGGER a_move BEFORE UPDATE ON deals FOR EACH ROW EXECUTE FUNCTION move();
SET ROLE regress_assign_rep;
UPDATE deals SET amount = 0 WHERE id = 3;
SET ROLE regress_assign_owner;
DROP TRIGGER a_move ON deals;
-- a partition made or attached later has the trigger too
CREATE TABLE deals_west PARTITION OF deals FOR VALUES IN ('west');
SELECT tgrelid::regclass, tgenabled FROM pg_trigger WHERE tgname = 'crm_assign' ORDER BY 1;
-- superusers are outside the rules
RESET ROLE;
UPDATE deals SET unit = 'oslo' WHERE id = 3;
SELECT id, unit, owner FROM deals ORDER BY id;
-- keys of every kind: the trigger reads rows whole where the id is an expression
CREATE TABLE mapped (code text, region text, amount integer);
ALTER TABLE mapped OWNER TO regress_assign_owner;
INSERT INTO mapped VALUES ('A1', 'north', 1), ('B2', 'south', 2);
GRANT ALL ON mapped TO regress_assign_nora;
SELECT count(*) FROM crm.adopt('mapped', 'lead', columns => '{"id": "lower(code)", "unit": "region"}');
SET ROLE regress_assign_owner;
SELECT count(*) FROM crm.protect('mapped', '{"organisation": "region"}');
SET ROLE regress_assign_nora;
UPDATE mapped SET region = 'oslo' WHERE code = 'A1' RETURNING region;
UPDATE mapped SET region = 'oslo' WHERE code = 'B2';
-- gone with protection
SET ROLE regress_assign_owner;
SELECT crm.unprotect('deals'), crm.unprotect('mapped');
RESET ROLE;
SELECT count(*) FROM pg_trigger WHERE tgname = 'crm_assign';
SELECT crm.disown('mapped');
DROP OWNED BY regress_assign_owner, regress_assign_nora, regress_assign_rep;
DROP ROLE regress_assign_owner, regress_assign_nora, regress_assign_rep;
