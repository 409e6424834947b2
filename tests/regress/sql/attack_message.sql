-- What errors, copies and cursors say of rows that one may not see; and what the owner of an adopted table may do to what crm hung on it, or hang on crm's own tables.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_attack_alice;
CREATE ROLE regress_attack_eve;
CREATE SCHEMA e AUTHORIZATION regress_attack_eve;
SELECT crm.create_unit('acme', 'Acme', 'business'), crm.create_unit('north'), crm.create_unit('south'), crm.create_role('r');
SELECT crm.create_principal('eve', role_name => 'regress_attack_eve'), crm.create_principal('alice', role_name => 'regress_attack_alice');
SELECT count(crm.grant_privilege('r', '*', p, 'unit')) FROM unnest('{read,create,update,delete,merge}'::text[]) p;
SELECT crm.add_member('eve', 'north', 'r') > 0 AND crm.add_member('alice', 'acme', 'r') > 0 AS added;
CREATE TABLE public.deals (id integer PRIMARY KEY, region text, code text UNIQUE, amount integer CHECK (amount < 100), secret text, parent integer REFERENCES public.deals);
INSERT INTO deals VALUES (1, 'north', 'a', 1, 'n', NULL), (2, 'south', 'hidden-code', 2, 'hidden secret', NULL), (3, 'south', 'c', 99, 'hidden too', 2);
ALTER TABLE deals OWNER TO regress_attack_alice;
GRANT SELECT, INSERT, UPDATE, DELETE ON deals TO regress_attack_eve;
SELECT count(*) FROM crm.protect('deals', '{"organisation": "region"}');

-- Errors name no row, also not the one that was written, and no more than the key that was typed.
SET ROLE regress_attack_eve;
INSERT INTO deals VALUES (9, 'north', 'hidden-code', 1, 'x');
INSERT INTO deals VALUES (2, 'north', 'q', 1, 'x');
INSERT INTO deals VALUES (9, 'north', 'q', 1000, 'mine');
INSERT INTO deals VALUES (9, 'south', 'q', 1, 'mine');
INSERT INTO deals VALUES (9, 'north', 'q', 1, 'x', 77);
INSERT INTO deals VALUES (9, 'north', 'q', 1, 'x', 77) ON CONFLICT (code) DO NOTHING;
INSERT INTO deals VALUES (9, 'north', 'hidden-code', 1, 'x') ON CONFLICT (code) DO UPDATE SET amount = 5 RETURNING *;
UPDATE deals SET amount = 1000;
UPDATE deals SET region = 'south';
UPDATE deals SET code = 'hidden-code' WHERE id = 1;
SELECT secret::integer FROM deals;
DELETE FROM deals WHERE 1 / (amount - 2) > 5;
SELECT crm.merge('deals', '1', '{2}', 'x');
COPY deals TO STDOUT;
COPY (DELETE FROM deals WHERE id > 8 RETURNING *) TO STDOUT;
COPY crm.membership TO STDOUT;
-- a cursor that outlives its transaction is the copy that its role could see
DECLARE kept CURSOR WITH HOLD FOR SELECT id, secret FROM deals;
RESET ROLE;
FETCH ALL FROM kept;
CLOSE kept;

-- What crm hung on her table is not hers to change, and what she hangs on it stops crm and does not mislead it.
SET ROLE regress_attack_eve;
CREATE TABLE e.people (id integer PRIMARY KEY, email text);
RESET ROLE;
SELECT count(*) > 0 AS adopted FROM crm.adopt('e.people', 'customer', columns => '{"email": "email"}');
CALL crm.backfill('e.people');
SET ROLE regress_attack_eve;
CREATE OR REPLACE FUNCTION crm.map_id(r e.people) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT NULL::text';
ALTER FUNCTION crm.map_id(e.people) SECURITY DEFINER;
ALTER FUNCTION crm.map_id(e.people) SET role TO regress_attack_alice;
ALTER FUNCTION crm.map_id(e.people) RENAME TO map_x;
DROP FUNCTION crm.map_id(e.people);
CREATE TABLE e.other (id integer PRIMARY KEY);
CREATE TRIGGER t AFTER INSERT ON e.other REFERENCING NEW TABLE AS crm_new FOR EACH STATEMENT EXECUTE FUNCTION crm.record_changed();
INSERT INTO e.people VALUES (1, 'ann@x.example');
CREATE RULE kept AS ON DELETE TO e.people DO INSTEAD NOTHING;
RESET ROLE;
SELECT crm.resolve_pending() > 0 AS linked;
SELECT count(*) FROM crm.customer c, LATERAL crm.erase_customer(c.customer_id, '{"e.people": "delete"}', 'asked') e;
SELECT count(*) FROM e.people;
SET ROLE regress_attack_eve;
DROP RULE kept ON e.people;
CREATE RULE kept AS ON DELETE TO e.people WHERE OLD.id = 1 DO INSTEAD NOTHING;
RESET ROLE;
SELECT e -> 'remains' -> 0 AS remains FROM crm.customer c, LATERAL crm.erase_customer(c.customer_id, '{"e.people": "delete"}', 'asked') e;
SELECT count(*) FROM e.people;

-- Nothing of hers hangs on crm's tables, so that it could stand in the way of a change.
SET ROLE regress_attack_eve;
CREATE TABLE e.reference (unit text REFERENCES crm.unit);
CREATE TABLE e.heir () INHERITS (crm.unit);
CREATE TRIGGER t AFTER INSERT ON crm.unit FOR EACH ROW EXECUTE FUNCTION crm.record_changed();
CREATE RULE r AS ON INSERT TO crm.unit DO ALSO NOTHING;
CREATE POLICY p ON crm.unit USING (true);
CREATE STATISTICS e.s ON unit, name FROM crm.unit;
CREATE PUBLICATION p FOR TABLE crm.unit;
SELECT FROM crm.unit FOR UPDATE;
BEGIN;
LOCK TABLE crm.unit IN ROW EXCLUSIVE MODE;
ROLLBACK;
COMMENT ON TABLE crm.unit IS 'mine';
SELECT nextval('crm.transition_log_id_seq');
ALTER EXTENSION crm ADD TABLE e.people;
RESET ROLE;
SELECT crm.disown('e.people'), crm.unprotect('deals');
SET client_min_messages = error;
DROP OWNED BY regress_attack_alice, regress_attack_eve CASCADE;
DROP ROLE regress_attack_alice, regress_attack_eve;
