-- What somebody gets who has crmd's role and password, or makes triggers of crm's functions on tables of his own: no row of a team's table
-- or of crm's, nobody's rights, no write but those of its work.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set world :srcdir '/attack_world.sql'
\set ECHO none
\o /dev/null
\i :world
CREATE ROLE regress_attack_daemon LOGIN;
SELECT crm.grant_daemon('regress_attack_daemon');
CREATE TABLE public.people (id integer PRIMARY KEY, name text, mail text, region text);
INSERT INTO public.people VALUES (1, 'Hidden Ann', 'hidden@acme.example', 'north'), (2, 'Hidden Bo', 'bo@acme.example', 'south');
SELECT crm.adopt('people', 'customer', columns => '{"full_name": "name", "email": "mail", "unit": "region"}');
SELECT crm.create_endpoint('chat', 'webhook', 'nora', 'chat');
\o
\set ECHO all
CALL crm.backfill('people');
SELECT crm.resolve_pending() > 0 AS linked;

\c - regress_attack_daemon
\pset tuples_only on
-- tables: none of a team's, and of crm's those that everybody may read
SELECT count(*) FROM pg_class c JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
WHERE c.relkind = 'r' AND has_table_privilege(c.oid, 'SELECT') AND NOT has_table_privilege('public', c.oid, 'SELECT');
SELECT count(*) FROM pg_class c WHERE c.relkind IN ('r', 'v', 'S') AND c.relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
    AND (CASE c.relkind WHEN 'S' THEN has_sequence_privilege(c.oid, 'USAGE') ELSE has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, TRIGGER') END);
SELECT outcome(s) || ' ' || s FROM unnest(ARRAY[
    'SELECT * FROM public.people', 'SELECT * FROM public.deals', 'SELECT * FROM crm.record', 'SELECT * FROM crm.delivery_queue', 'SELECT * FROM crm.principal',
    'SELECT * FROM crm.customer', 'SELECT * FROM crm.customer_record', 'SELECT * FROM crm.match(''{"full_name": "Hidden Ann"}'')', 'SELECT crm.customer_360(1)',
    'SELECT crm.export_customer(1)', 'SELECT * FROM crm_bi.dim_customer', 'SELECT * FROM crm.merge_log', 'SELECT * FROM crm.delivery']) s;
-- rights: it can give itself none, be nobody, sign nothing
SELECT outcome(s) || ' ' || s FROM unnest(ARRAY[
    'SELECT crm.issue_token(''sven'')', 'SELECT crm.rotate_token_key()', 'SELECT crm.grant_admin(''regress_attack_daemon'')', 'SELECT crm.create_principal(''me'', role_name => ''regress_attack_daemon'')',
    'SELECT crm.add_member(''eve'', ''acme'', ''seller'')', 'SELECT crm.create_endpoint(''mine'', ''webhook'', ''nora'', ''mine'')', 'SELECT crm.apply_config(''{}'')', 'SELECT crm.export_config()',
    'SELECT crm.read_as_owner(''people'', ''SELECT to_jsonb(p) FROM people p'')', 'SELECT crm.disown(''people'')', 'SELECT crm.erase_customer(1)', 'SELECT crm.allow_report(''nora'')',
    'SELECT crm.report_page(''nora'')', 'SET ROLE regress_attack_sven', 'SET SESSION AUTHORIZATION regress_attack_sven', 'SELECT crm.act(''x'', ''acknowledge'')']) s;
-- what it is given without a message: nothing; results of deliveries that it never claimed are not believed
SELECT count(*) FROM crm.claim_deliveries('thief', 100, '1 minute');
SELECT crm.finish_deliveries('[{"id": 1, "epoch": 1, "outcome": "delivered"}, {"id": 2, "epoch": 99, "outcome": "dead", "detail": "x"}]');
\pset tuples_only off
\c - postgres

-- Trigger functions of crm on tables of her own, for each way and event: refused, or without effect on anybody's rows.
GRANT USAGE, CREATE ON SCHEMA public TO regress_attack_eve;
CREATE FUNCTION public.hang_triggers() RETURNS TABLE (routine text, outcomes text) LANGUAGE plpgsql AS $$
DECLARE
    way text;
    each text;
BEGIN
    FOR each IN SELECT p.oid::regproc::text FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
                WHERE p.prorettype = 'trigger'::regtype AND has_function_privilege('public', p.oid, 'EXECUTE') ORDER BY 1 LOOP
        routine := each;
        outcomes := '';
        FOREACH way IN ARRAY '{BEFORE,AFTER}'::text[] LOOP
            BEGIN
                DROP TABLE IF EXISTS eve.hung;
                CREATE TABLE eve.hung (id integer, relation regclass, name text, unit text, record_key text, customer_id bigint);
                EXECUTE format('CREATE TRIGGER x %s INSERT OR UPDATE OR DELETE ON eve.hung FOR EACH ROW EXECUTE FUNCTION %s(%L, %L)', way, each, 'people', '{id}');
                INSERT INTO eve.hung VALUES (1, 'people', 'north', 'north', '1', 1);
                UPDATE eve.hung SET unit = 'south', name = 'south';
                DELETE FROM eve.hung;
                outcomes := concat_ws(' ', outcomes, way, 'ran');
            EXCEPTION WHEN OTHERS THEN
                outcomes := concat_ws(' ', outcomes, way, sqlstate);
            END;
        END LOOP;
        RETURN NEXT;
    END LOOP;
END
$$;
CREATE FUNCTION public.everything() RETURNS text LANGUAGE sql AS $$
    SELECT md5(string_agg(query_to_xml(format('SELECT t FROM %s t ORDER BY t::text', c.oid::regclass), true, true, '')::text, '' ORDER BY c.oid::regclass::text))
    FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace IN ('public'::regnamespace, (SELECT extnamespace FROM pg_extension WHERE extname = 'crm'))
$$;
SELECT everything() AS before \gset
\c - regress_attack_eve
SET client_min_messages = warning;
SELECT * FROM hang_triggers();
\c - postgres
SELECT everything() = :'before' AS as_before;

SET client_min_messages = warning;
DROP OWNED BY regress_attack_boss, regress_attack_nora, regress_attack_sven, regress_attack_eve, regress_attack_stan, regress_attack_daemon CASCADE;
DROP ROLE regress_attack_boss, regress_attack_nora, regress_attack_sven, regress_attack_eve, regress_attack_stan, regress_attack_daemon;
