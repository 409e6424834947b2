-- What somebody with few rights may try to get more, and what an owner may do by mistake.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set world :srcdir '/attack_world.sql'
\set ECHO none
\o /dev/null
\i :world
\o
\set ECHO all

-- What everybody may do with the tables and sequences of crm: read some, and nothing else. A new table in this list is a mistake
-- unless there is nothing of anybody's in it.
SELECT c.relname FROM pg_class c JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'crm'
WHERE c.relkind IN ('r', 'p', 'm', 'S') AND has_table_privilege('regress_attack_stan', c.oid, 'SELECT') ORDER BY c.relname COLLATE "C";
-- and by no view, no table more:
SELECT c.relname, p FROM pg_class c JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'crm'
CROSS JOIN unnest('{INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'::text[]) p
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND has_table_privilege('regress_attack_stan', c.oid, p);
SELECT has_schema_privilege('regress_attack_stan', (SELECT extnamespace FROM pg_extension WHERE extname = 'crm'), 'CREATE') AS may_create,
       has_schema_privilege('regress_attack_stan', 'crm_bi', 'CREATE') AS may_create_bi;

-- No way to give oneself something, as a principal or as none.
SET ROLE regress_attack_eve;
\pset tuples_only on
SELECT left(outcome(s), 5) || ' ' || s FROM unnest(ARRAY[
    'INSERT INTO crm.membership (principal, unit, role, during) VALUES (''eve'', ''acme'', ''seller'', ''(,)'')',
    'UPDATE crm.principal SET role_name = ''regress_attack_eve'' WHERE principal = ''sven''',
    'UPDATE crm.role_privilege SET depth = ''organisation''',
    'INSERT INTO crm.unit_role VALUES (''north'', ''seller'')',
    'INSERT INTO crm.team_member (team, principal, during) VALUES (''sven'', ''eve'', ''(,)'')',
    'INSERT INTO crm.shared_record (relation, record_key, principal, privileges, during, shared_by) VALUES (''deals'', ''4'', ''eve'', ''{read}'', ''(,)'', ''eve'')',
    'DELETE FROM crm.denial', 'TRUNCATE crm.org_change', 'SELECT FROM crm.membership', 'SELECT FROM crm.principal', 'SELECT FROM crm.shared_record',
    'INSERT INTO crm.org_change DEFAULT VALUES', 'UPDATE crm.protection SET fallback_unit = ''north''', 'UPDATE crm.unit SET parent = NULL',
    'INSERT INTO crm.function_audience VALUES (''x'', ''admin'')', 'UPDATE crm.unit_path SET distance = 0', 'INSERT INTO crm.unit_alias VALUES (''organisation'', ''south'', ''north'')',
    'SELECT crm.add_member(''eve'', ''acme'', ''seller'')', 'SELECT crm.bind_principal(''sven'', ''regress_attack_eve'')',
    'SELECT crm.grant_privilege(''seller'', ''*'', ''read'', ''organisation'')', 'SELECT crm.create_unit(''mine'')', 'SELECT crm.move_unit(''south'', ''north'')',
    'SELECT crm.add_unit_alias(''north'', ''the south'')', 'SELECT crm.create_principal(''mallory'')', 'SELECT crm.add_principal_alias(''eve'', ''sven'')',
    'SELECT crm.grant_admin(''regress_attack_eve'')', 'SELECT crm.grant_audience(''regress_attack_eve'', ''{admin}'')', 'SELECT crm.set_audience(''x'', ''admin'')',
    'SELECT crm.protect_member(p, ''deals'') FROM (SELECT NULL::crm.protection) x (p)', 'SELECT crm.watch_org(''public.deals'')',
    'SELECT crm.read_as_owner(''deals'', ''SELECT to_jsonb(d) FROM public.deals d'')', 'SELECT * FROM crm.rows_as_owner(''deals'', ''SELECT id FROM public.deals'') AS t (id integer)',
    'SELECT crm.principal_visible(''sven'', ''south'', ''*'', ''read'')', 'SELECT crm.principal_owned(''sven'', ''sven'', ''*'', ''read'')',
    'SELECT crm.protect(''deals'', ''{"organisation": "owner"}'')', 'SELECT crm.unprotect(''deals'')', 'SELECT crm.disown(''deals'')',
    'SELECT crm.preview_protect(''deals'', ''{"organisation": "region"}'')', 'SELECT crm.doctor()', 'SELECT crm.org_doctor()',
    'CREATE EVENT TRIGGER mine ON ddl_command_end EXECUTE FUNCTION crm.follow_protected()', 'ALTER EVENT TRIGGER crm_follow_protected DISABLE',
    'DROP EVENT TRIGGER crm_forget_protected', 'ALTER TABLE crm.membership DISABLE TRIGGER org_changed', 'ALTER FUNCTION crm.visible(text, text, text, text, text) LEAKPROOF',
    'CREATE OR REPLACE FUNCTION crm.caller() RETURNS regrole LANGUAGE sql AS ''SELECT 0::regrole''', 'DROP EXTENSION crm', 'ALTER EXTENSION crm ADD FUNCTION public.outcome(text)',
    'CREATE TABLE crm.mine ()', 'ALTER TABLE crm.unit OWNER TO regress_attack_eve', 'GRANT SELECT ON crm.membership TO regress_attack_eve',
    'CREATE TRIGGER mine AFTER INSERT ON crm.unit EXECUTE FUNCTION crm.org_changed(''org_change'')', 'CREATE RULE mine AS ON INSERT TO crm.unit DO INSTEAD NOTHING',
    'LOCK TABLE crm.unit IN ACCESS EXCLUSIVE MODE', 'CREATE TABLE eve.unit (unit text REFERENCES crm.unit)']) s;
\pset tuples_only off
-- A trigger function of crm on a table of hers, with columns of a type whose cast is hers, would run the cast with crm's rights.
CREATE TYPE eve.pair AS (a text);
CREATE FUNCTION eve.pair_text(eve.pair) RETURNS text LANGUAGE plpgsql AS $$BEGIN RAISE NOTICE 'cast runs as %', current_user; RETURN 'x'; END$$;
CREATE CAST (eve.pair AS text) WITH FUNCTION eve.pair_text(eve.pair) AS ASSIGNMENT;
CREATE TABLE eve.unit (unit text, name eve.pair, kind text, hierarchy text, parent text, since timestamptz, until timestamptz, changed_at timestamptz);
\pset tuples_only on
SELECT outcome('CREATE TRIGGER t AFTER DELETE ON eve.unit FOR EACH ROW EXECUTE FUNCTION crm.begin_or_end_unit_history()');
SELECT outcome('CREATE TRIGGER t BEFORE UPDATE ON eve.unit FOR EACH ROW EXECUTE FUNCTION crm.keep_unit_history()');
SELECT outcome('CREATE TRIGGER t BEFORE UPDATE ON eve.unit FOR EACH ROW EXECUTE FUNCTION crm.check_unit()');
SELECT outcome('CREATE TRIGGER t AFTER INSERT ON eve.unit FOR EACH ROW EXECUTE FUNCTION crm.org_changed(''org_change'')');
\pset tuples_only off
RESET ROLE;
-- Administrators of crm are no superusers: no function lends them the rights of the owners of tables.
CREATE ROLE regress_attack_admin;
SELECT crm.grant_admin('regress_attack_admin');
CREATE SCHEMA admin AUTHORIZATION regress_attack_admin;
SET ROLE regress_attack_admin;
CREATE FUNCTION admin.who() RETURNS text LANGUAGE plpgsql AS $$BEGIN RETURN current_user; END$$;
SELECT outcome('SELECT crm.read_as_owner(''crm.unit'', ''SELECT to_jsonb(admin.who())'')');
SELECT outcome('SELECT * FROM crm.rows_as_owner(''crm.unit'', ''SELECT admin.who()'') AS t (who text)');
SELECT outcome('ALTER ROLE regress_attack_admin SUPERUSER') ~ '^42501' AS refused, outcome('SELECT * FROM public.deals');
SELECT count(*) > 0 AS sees_doctor FROM crm.doctor();
RESET ROLE;
SELECT f.signature FROM crm.function_audience f JOIN pg_proc p ON p.proname = split_part(f.signature, '(', 1)
    AND p.pronamespace = (SELECT extnamespace FROM pg_extension WHERE extname = 'crm')
WHERE f.audience = 'internal' AND has_function_privilege('regress_attack_admin', p.oid, 'EXECUTE');
DROP OWNED BY regress_attack_admin CASCADE;
DROP ROLE regress_attack_admin;

-- Parts of a protected table: however a partition comes to be, it is protected; what no policy could hold on is refused.
SELECT crm.add_member('boss', 'acme', 'seller') > 0 AS added;
GRANT CREATE ON DATABASE scratch TO regress_attack_boss;
GRANT CREATE ON SCHEMA public TO regress_attack_boss;
GRANT pg_read_server_files TO regress_attack_boss;
CREATE EXTENSION file_fdw SCHEMA public;
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
GRANT USAGE ON FOREIGN SERVER files TO regress_attack_boss;
SET ROLE regress_attack_boss;
CREATE SCHEMA parts CREATE TABLE hundreds PARTITION OF public.calls FOR VALUES FROM (100) TO (200);
GRANT USAGE ON SCHEMA parts TO regress_attack_eve;
GRANT SELECT ON parts.hundreds TO regress_attack_eve;
CREATE TABLE public.thousands (LIKE public.calls);
GRANT SELECT ON public.thousands TO regress_attack_eve;
ALTER TABLE public.calls ATTACH PARTITION public.thousands FOR VALUES FROM (1000) TO (2000);
CREATE FOREIGN TABLE public.file PARTITION OF public.calls FOR VALUES FROM (2000) TO (3000) SERVER files OPTIONS (filename '/dev/null');
CREATE FOREIGN TABLE public.file (id integer, region text, amount integer) SERVER files OPTIONS (filename '/dev/null');
ALTER TABLE public.calls ATTACH PARTITION public.file FOR VALUES FROM (2000) TO (3000);
CREATE TABLE public.child () INHERITS (public.deals);
CREATE TABLE public.child (LIKE public.deals);
ALTER TABLE public.child INHERIT public.deals;
CREATE TABLE public.mixed (id integer, region text) PARTITION BY LIST (region);
CREATE FOREIGN TABLE public.mixed_file PARTITION OF public.mixed FOR VALUES IN ('north') SERVER files OPTIONS (filename '/dev/null');
SELECT crm.protect('public.mixed', '{"organisation": "region"}');
RESET ROLE;
INSERT INTO calls VALUES (101, 'north'), (102, 'south'), (1001, 'north'), (1002, 'south');
SET ROLE regress_attack_eve;
SELECT (SELECT array_agg(id) FROM parts.hundreds) AS hundreds, (SELECT array_agg(id) FROM thousands) AS thousands;
SET ROLE regress_attack_boss;
ALTER TABLE public.calls DETACH PARTITION public.thousands;
SET ROLE regress_attack_eve;
SELECT array_agg(id) FROM thousands;
RESET ROLE;

-- What Postgres cannot hide from: rights that reach past policies. The holder of TRUNCATE empties what he does not see;
GRANT TRUNCATE, TRIGGER ON calls_high TO regress_attack_eve;
SET ROLE regress_attack_eve;
SELECT count(*) FROM calls_high;
TRUNCATE calls_high;
-- the holder of TRIGGER sees every row that others write, and runs as them.
CREATE TABLE eve.seen (who text, row text);
GRANT INSERT ON eve.seen TO PUBLIC;
GRANT USAGE ON SCHEMA eve TO PUBLIC;
CREATE FUNCTION eve.see() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO eve.seen VALUES (current_user, NEW::text); RETURN NEW; END$$;
CREATE TRIGGER see BEFORE INSERT ON calls_high FOR EACH ROW EXECUTE FUNCTION eve.see();
SET ROLE regress_attack_sven;
INSERT INTO calls VALUES (5, 'south', 50);
SET ROLE regress_attack_eve;
SELECT count(*) FROM calls_high;
SELECT * FROM eve.seen;
RESET ROLE;
-- and the owner may switch policies off: doctor says so.
SET ROLE regress_attack_boss;
ALTER TABLE deals NO FORCE ROW LEVEL SECURITY;
ALTER TABLE calls_low DISABLE ROW LEVEL SECURITY;
DROP POLICY crm_select ON visits;
RESET ROLE;
SELECT item, state FROM crm.doctor() WHERE state = 'failed' ORDER BY item COLLATE "C";
SET ROLE regress_attack_boss;
SELECT crm.protect_again(t) FROM unnest('{deals,calls,visits}'::regclass[]) t;
RESET ROLE;
SELECT item, state FROM crm.doctor() WHERE state = 'failed' ORDER BY item COLLATE "C";

-- What doctor finds of rights that go past policies or past crm's functions; each hint takes its finding away.
GRANT REFERENCES, TRIGGER ON visits TO regress_attack_eve;
GRANT INSERT ON crm.membership TO regress_attack_eve;
GRANT EXECUTE ON FUNCTION crm.read_as_owner(regclass, text) TO regress_attack_eve;
GRANT CREATE ON SCHEMA crm TO PUBLIC;
ALTER EVENT TRIGGER crm_follow_protected DISABLE;
ALTER TABLE crm.denial DISABLE TRIGGER org_changed;
GRANT regress_attack_sven TO regress_attack_eve;
CREATE TABLE finding AS SELECT * FROM crm.doctor_rights();
\pset format unaligned
SELECT item, state, detail, hint FROM finding ORDER BY item COLLATE "C", detail COLLATE "C";
\pset format aligned
SELECT outcome(split_part(hint, ';', 1)) FROM finding WHERE hint !~ 'FROM regress_attack_(boss|nora|sven|stan)' ORDER BY item COLLATE "C", detail COLLATE "C";
SELECT item, detail FROM crm.doctor_rights() WHERE state <> 'warning';
DROP TABLE finding;

SET client_min_messages = warning;
DROP EXTENSION file_fdw CASCADE;
DROP OWNED BY regress_attack_boss, regress_attack_nora, regress_attack_sven, regress_attack_eve, regress_attack_stan CASCADE;
DROP ROLE regress_attack_boss, regress_attack_nora, regress_attack_sven, regress_attack_eve, regress_attack_stan;
