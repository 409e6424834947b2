-- The room customer under attack: a merge, an unmerge and an erasure lend nobody's rights to anybody, and tell nothing to those
-- who may not know it.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set VERBOSITY terse

CREATE ROLE regress_attack_customer_ann;
CREATE ROLE regress_attack_customer_eve;
CREATE ROLE regress_attack_customer_admin;
CREATE SCHEMA ann AUTHORIZATION regress_attack_customer_ann;
CREATE SCHEMA eve AUTHORIZATION regress_attack_customer_eve;
CREATE SCHEMA admin AUTHORIZATION regress_attack_customer_admin;
GRANT USAGE ON SCHEMA ann, eve TO PUBLIC;

-- rows that a merge removed are shown to nobody who may not read them, however the taking back is asked for
SET ROLE regress_attack_customer_ann;
CREATE TABLE ann.client (id integer PRIMARY KEY, name text, secret text);
INSERT INTO ann.client VALUES (1, 'a', 's1'), (2, 'a', 's2'), (3, 'a', 's3');
SELECT crm.merge('ann.client', '1', '{2}') AS merged \gset
SET ROLE regress_attack_customer_eve;
SELECT * FROM crm.unmerge_preview(:merged);
SELECT crm.unmerge(:merged, dry_run => true);
SELECT crm.unmerge(:merged);
-- who may put rows there learns how many
RESET ROLE;
GRANT INSERT ON ann.client TO regress_attack_customer_eve;
SET ROLE regress_attack_customer_eve;
SELECT * FROM crm.unmerge_preview(:merged);
RESET ROLE;
GRANT SELECT ON ann.client TO regress_attack_customer_eve;
SET ROLE regress_attack_customer_eve;
SELECT * FROM crm.unmerge_preview(:merged);
RESET ROLE;
REVOKE ALL ON ann.client FROM regress_attack_customer_eve;

-- a table that names another as its target would have its triggers run as whoever merges there
SET ROLE regress_attack_customer_eve;
CREATE TABLE eve.note (id integer PRIMARY KEY, client integer);
CREATE TABLE eve.loot (who text);
CREATE FUNCTION eve.take() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO eve.loot VALUES (current_user); RETURN new; END$$;
CREATE TRIGGER take BEFORE UPDATE ON eve.note FOR EACH ROW EXECUTE FUNCTION eve.take();
INSERT INTO eve.note VALUES (1, 3);
GRANT ALL ON ALL TABLES IN SCHEMA eve TO PUBLIC;
SELECT crm.register_reference('eve.note', 'client', 'ann.client');
SET ROLE regress_attack_customer_ann;
SELECT crm.merge('ann.client', '1', '{3}') AS merged \gset
SELECT crm.unmerge(:merged) AS changed;
SELECT count(*) AS taken FROM eve.loot;
-- with Ann's consent, as for a foreign key, and no longer than that
GRANT REFERENCES (id) ON ann.client TO regress_attack_customer_eve;
SET ROLE regress_attack_customer_eve;
SELECT crm.register_reference('eve.note', 'client', 'ann.client');
SET ROLE regress_attack_customer_ann;
SELECT crm.merge('ann.client', '1', '{3}') AS merged \gset
SELECT id, client FROM eve.note;
SELECT crm.unmerge(:merged) AS changed;
REVOKE REFERENCES (id) ON ann.client FROM regress_attack_customer_eve;
TRUNCATE eve.loot;
SELECT crm.merge('ann.client', '1', '{3}') AS merged \gset
SELECT crm.unmerge(:merged) AS changed;
-- what an administrator mapped stops the merge
RESET ROLE;
SELECT count(*) > 0 AS adopted FROM crm.adopt('eve.note', 'ticket', columns => '{"id": "id", "customer": {"column": "client", "of": "ann.client"}}');
SELECT crm.unregister_reference('eve.note', 'client');
SET ROLE regress_attack_customer_ann;
SELECT crm.merge('ann.client', '1', '{3}');
SELECT count(*) AS taken FROM eve.loot;
RESET ROLE;
SELECT crm.disown('eve.note');
SET ROLE regress_attack_customer_ann;

-- triggers are skipped by the tables' owner alone, whatever somebody puts in front of pg_catalog
CREATE TABLE ann.ledger (id integer PRIMARY KEY, note text);
CREATE TABLE ann.audit (id integer);
CREATE FUNCTION ann.note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$BEGIN INSERT INTO ann.audit VALUES (new.id); RETURN new; END$$;
CREATE TRIGGER audit BEFORE INSERT ON ann.ledger FOR EACH ROW EXECUTE FUNCTION ann.note();
INSERT INTO ann.ledger VALUES (1), (2);
GRANT ALL ON ann.ledger TO regress_attack_customer_eve;
SET ROLE regress_attack_customer_eve;
CREATE FUNCTION eve.pg_has_role(oid, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION eve.row_security_active(oid) RETURNS boolean LANGUAGE sql AS 'SELECT false';
CREATE FUNCTION eve.always(jsonb, text) RETURNS text LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'an operator of Eve''s'; END$$;
CREATE OPERATOR eve.->> (LEFTARG = jsonb, RIGHTARG = text, FUNCTION = eve.always);
SET search_path = eve, pg_catalog;
SELECT crm.merge('ann.ledger', '1', '{2}') AS merged \gset
SELECT crm.unmerge(:merged, triggers => 'skip');
SELECT crm.unmerge(:merged);
RESET search_path;
RESET ROLE;
SELECT id, count(*) FROM ann.audit GROUP BY 1 ORDER BY 1;

-- types of crm's own are found without its schema in the path, and nobody's domain of that name instead
SET ROLE regress_attack_customer_eve;
CREATE FUNCTION eve.spy(text) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'a domain of Eve''s, as %', current_user; END$$;
CREATE DOMAIN eve.email AS text CHECK (eve.spy(value));
SET ROLE regress_attack_customer_ann;
CREATE TABLE ann.box (email crm.email PRIMARY KEY);
CREATE TABLE ann.letter (id integer PRIMARY KEY, box crm.email REFERENCES ann.box);
INSERT INTO ann.box VALUES ('a@x.org'), ('b@x.org');
INSERT INTO ann.letter VALUES (1, 'b@x.org');
SET search_path = eve, public;
SELECT crm.merge('ann.box', 'a@x.org', '{b@x.org}') AS merged \gset
SELECT crm.resolve_key('ann.box', 'b@x.org');
SELECT crm.unmerge(:merged) AS changed;
RESET search_path;
SELECT id, box FROM ann.letter;

-- dry_run NULL is no leave to change anything
SELECT crm.merge('ann.client', '1', '{3}', dry_run => NULL);
SELECT crm.unmerge(min(merge_id), dry_run => NULL) FROM crm.merge_log WHERE relation = 'ann.client'::regclass AND unmerged_at IS NULL;
SELECT id FROM ann.client ORDER BY id;
RESET ROLE;

-- what an administrator has deferred does not run with the extension's rights when he erases somebody
SELECT crm.grant_admin('regress_attack_customer_admin');
SELECT count(*) > 0 AS adopted FROM crm.adopt('ann.client', 'customer', columns => '{"full_name": "name"}');
CALL crm.backfill('ann.client');
SELECT crm.resolve_pending() > 0 AS linked;
SELECT crm.customer_of('ann.client', '1') AS client \gset
SET ROLE regress_attack_customer_admin;
CREATE TABLE admin.ran (who text);
CREATE TABLE admin.deferred (n integer);
CREATE FUNCTION admin.run() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO admin.ran VALUES (current_user); RETURN NULL; END$$;
CREATE CONSTRAINT TRIGGER run AFTER INSERT ON admin.deferred DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION admin.run();
BEGIN;
INSERT INTO admin.deferred VALUES (1);
SELECT crm.erase_customer(:client, '{"ann.client": {"mode": "keep", "reason": "law"}}', 'asked') IS NOT NULL AS erased;
TABLE admin.ran;
COMMIT;
RESET ROLE;

SELECT crm.disown_all();
SET client_min_messages = warning;
DROP SCHEMA admin, eve, ann CASCADE;
DROP OWNED BY regress_attack_customer_admin;
DROP ROLE regress_attack_customer_ann, regress_attack_customer_eve, regress_attack_customer_admin;
