\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh

-- merging takes the rights that Postgres asks for, of the one who asks
CREATE ROLE regress_merge_rights_owner;
CREATE ROLE regress_merge_rights_eve;
CREATE SCHEMA shop AUTHORIZATION regress_merge_rights_owner;
GRANT USAGE ON SCHEMA shop TO PUBLIC;
SET ROLE regress_merge_rights_owner;
CREATE TABLE shop.person (id integer PRIMARY KEY, name text, region text);
CREATE TABLE shop.task (id integer PRIMARY KEY, person integer REFERENCES shop.person ON DELETE CASCADE, region text, who text);
CREATE TABLE shop.ran_as (who text);
INSERT INTO shop.person VALUES (1, 'a', 'north'), (2, 'b', 'north'), (3, 'c', 'north');
INSERT INTO shop.task VALUES (1, 1, 'north'), (2, 2, 'north'), (3, 2, 'south');
GRANT SELECT ON shop.person, shop.task TO regress_merge_rights_eve;

SET ROLE regress_merge_rights_eve;
SELECT crm.merge('shop.person', '1', '{2}');
RESET ROLE;
GRANT UPDATE, DELETE ON shop.person TO regress_merge_rights_eve;
SET ROLE regress_merge_rights_eve;
SELECT crm.merge('shop.person', '1', '{2}');
RESET ROLE;
GRANT UPDATE ON shop.task TO regress_merge_rights_eve;

-- rows that she may not see, or not change, stop it
ALTER TABLE shop.task ENABLE ROW LEVEL SECURITY;
CREATE POLICY north ON shop.task USING (region = 'north');
SET ROLE regress_merge_rights_eve;
SELECT crm.merge('shop.person', '1', '{2}');
SELECT * FROM crm.merge_preview('shop.person', '1', '{2}');
RESET ROLE;
DROP POLICY north ON shop.task;
CREATE POLICY seen ON shop.task FOR SELECT USING (true);
CREATE POLICY changed ON shop.task FOR UPDATE USING (region = 'north');
SET ROLE regress_merge_rights_eve;
SELECT crm.merge('shop.person', '1', '{2}');
RESET ROLE;
TABLE shop.task ORDER BY id;
ALTER TABLE shop.task DISABLE ROW LEVEL SECURITY;

-- what hangs on a table runs as the caller, under the caller's search_path, and never as crm
SET ROLE regress_merge_rights_owner;
CREATE FUNCTION shop.note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.who := current_user || ', ' || current_setting('search_path');
    PERFORM set_config('search_path', 'nowhere', false);
    RETURN NEW;
END $$;
CREATE TRIGGER note BEFORE UPDATE ON shop.task FOR EACH ROW EXECUTE FUNCTION shop.note();
RESET ROLE;
SET search_path = shop, public;
SET ROLE regress_merge_rights_eve;
SELECT crm.merge('person', '1', '{2}') AS merge \gset
SHOW search_path;
SELECT id, person, who FROM task ORDER BY id;
-- not even by a trigger that tries to become somebody else, or to merge by itself
RESET ROLE;
SET ROLE regress_merge_rights_owner;
CREATE OR REPLACE FUNCTION shop.note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    BEGIN
        RESET ROLE;
    EXCEPTION WHEN OTHERS THEN RAISE NOTICE '%', sqlerrm;
    END;
    BEGIN
        SET SESSION AUTHORIZATION DEFAULT;
    EXCEPTION WHEN OTHERS THEN RAISE NOTICE '%', sqlerrm;
    END;
    BEGIN
        PERFORM crm.merge('shop.person', '1', '{3}');
    EXCEPTION WHEN OTHERS THEN RAISE NOTICE '%', sqlerrm;
    END;
    BEGIN
        PERFORM * FROM crm.merge_rows(NULL, 'SELECT 1') AS r (n integer);
    EXCEPTION WHEN OTHERS THEN RAISE NOTICE '%', sqlerrm;
    END;
    NEW.who := current_user;
    RETURN NEW;
END $$;
RESET ROLE;
SET ROLE regress_merge_rights_eve;
-- she merged, and may not put rows back that she may not insert
SELECT crm.unmerge(:merge);
RESET ROLE;
GRANT INSERT ON shop.person TO regress_merge_rights_eve;
SET ROLE regress_merge_rights_eve;
SELECT crm.unmerge(:merge, triggers => 'skip');
SELECT crm.unmerge(:merge);
SELECT id, person, who FROM shop.task ORDER BY id;

-- the log is nobody's to write, and read as far as the table is
INSERT INTO crm.row_merge (relation, keep, lose, merged_by) VALUES ('shop.person', '1', '{2}', 'eve');
UPDATE crm.merge_change SET before = '{}';
SELECT * FROM crm.merge_rows(NULL, 'SELECT 1') AS r (n integer);
SELECT crm.merge_run('shop.person', '1', '{2}', NULL, false, '{}', 'keep', '{}', 'rules', false);
SELECT crm.register_reference('shop.task', 'id', 'shop.person');
SELECT keep, lose, merged_by, unmerged_by FROM crm.merge_log;
SELECT in_relation, row_key, action FROM crm.merge_rows_of(:merge) ORDER BY 1, 2;
RESET ROLE;
REVOKE SELECT ON shop.person FROM regress_merge_rights_eve;
ALTER TABLE shop.task ENABLE ROW LEVEL SECURITY;
SET ROLE regress_merge_rights_eve;
SELECT count(*) FROM crm.merge_log;
SELECT count(*) FROM crm.merge_rows_of(:merge);
SELECT count(*) FROM crm.unmerge_report(:merge);
RESET ROLE;
SELECT count(*) FROM crm.merge_log;

-- a protected table asks for the privilege merge
SELECT crm.create_unit('firm', 'Firm', 'business');
SELECT crm.create_unit('north', 'North', 'geographic', parent => 'firm');
SELECT crm.create_principal('eve', role_name => 'regress_merge_rights_eve');
SELECT crm.create_principal('owner', role_name => 'regress_merge_rights_owner');
SELECT crm.create_role('clerk');
SELECT crm.grant_privilege('clerk', 'shop.person', p, 'unit') FROM unnest('{read,update,delete}'::text[]) p;
SELECT crm.add_member('eve', 'north', 'clerk') > 0 AS member;
GRANT SELECT ON shop.person TO regress_merge_rights_eve;
SELECT count(*) > 0 AS protected FROM crm.protect('shop.person', '{"organisation": "region"}');
ALTER TABLE shop.task DISABLE ROW LEVEL SECURITY;
DROP TRIGGER note ON shop.task;
SET ROLE regress_merge_rights_eve;
SELECT crm.merge('shop.person', '1', '{3}');
RESET ROLE;
SELECT crm.grant_privilege('clerk', 'shop.person', 'merge', 'unit');
SET ROLE regress_merge_rights_eve;
SELECT crm.merge('shop.person', '1', '{3}') AS merge \gset
SELECT count(*) FROM crm.merge_log;
RESET ROLE;
SELECT crm.revoke_privilege('clerk', 'shop.person', 'merge');
SELECT crm.grant_privilege('clerk', 'shop.person', 'create', 'unit');
SET ROLE regress_merge_rights_eve;
SELECT crm.unmerge(:merge);
RESET ROLE;
SELECT crm.grant_privilege('clerk', 'shop.person', 'merge', 'unit');
SET ROLE regress_merge_rights_eve;
SELECT crm.unmerge(:merge);
TABLE shop.person ORDER BY id;
RESET ROLE;
RESET search_path;
SELECT crm.unprotect('shop.person');
SET client_min_messages = warning;
DROP SCHEMA shop CASCADE;
DROP OWNED BY regress_merge_rights_eve;
DROP ROLE regress_merge_rights_eve, regress_merge_rights_owner;
