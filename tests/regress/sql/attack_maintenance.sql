-- What hangs on a table runs with the rights of its owner, and with his identity: whoever maintains the table lends him nothing.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
CREATE ROLE regress_maintenance_owner;
CREATE ROLE regress_maintenance_eve;
SELECT crm.create_unit('acme', 'Acme', 'business'), crm.create_unit('north'), crm.create_unit('south');
SELECT crm.create_principal('boss', role_name => 'regress_maintenance_owner'), crm.create_principal('eve', role_name => 'regress_maintenance_eve');
SELECT crm.create_role('reader'), crm.grant_privilege('reader', '*', 'read', 'unit');
SELECT crm.add_member('eve', 'north', 'reader') > 0 AS added;
CREATE TABLE deals (id integer PRIMARY KEY, region text);
INSERT INTO deals VALUES (1, 'north'), (2, 'south'), (3, 'south');
ALTER TABLE deals OWNER TO regress_maintenance_owner;
GRANT SELECT ON deals TO regress_maintenance_eve;
SET ROLE regress_maintenance_owner;
SELECT count(*) FROM crm.protect('deals', '{"organisation": "region"}');
RESET ROLE;

-- A function that calls itself immutable, in an index, in a constraint, in statistics, in a view that is kept.
CREATE SCHEMA eve AUTHORIZATION regress_maintenance_eve;
SET ROLE regress_maintenance_eve;
CREATE TABLE eve.loot (during text, who text, asks text, rows bigint);
CREATE FUNCTION eve.take() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO eve.loot SELECT current_setting('eve.during', true), current_user, crm.caller()::text, count(*) FROM public.deals;
EXCEPTION WHEN OTHERS THEN
    INSERT INTO eve.loot SELECT current_setting('eve.during', true), current_user, SQLSTATE || ': ' || SQLERRM, NULL;
END
$$;
CREATE FUNCTION eve.spy(i integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $$BEGIN PERFORM eve.take(); RETURN i; END$$;
CREATE TABLE eve.bait (i integer, j integer);
INSERT INTO eve.bait VALUES (1, 1);
SET eve.during = 'her own index';
CREATE INDEX bait_spy ON eve.bait (eve.spy(i));
CREATE STATISTICS eve.bait_statistics ON (eve.spy(j)), i FROM eve.bait;
CREATE MATERIALIZED VIEW eve.copy AS SELECT id FROM public.deals WITH NO DATA;
CREATE MATERIALIZED VIEW eve.spying AS SELECT eve.spy(1) AS i WITH NO DATA;
SELECT DISTINCT * FROM eve.loot ORDER BY 1, 2, 3;
TRUNCATE eve.loot;

RESET ROLE;
SET eve.during = 'analyze';
ANALYZE eve.bait;
SET eve.during = 'vacuum';
VACUUM FULL eve.bait;
SET eve.during = 'reindex';
REINDEX TABLE eve.bait;
SET eve.during = 'cluster';
CLUSTER eve.bait USING bait_spy;
SET eve.during = 'refresh';
REFRESH MATERIALIZED VIEW eve.spying;
REFRESH MATERIALIZED VIEW eve.copy;
SET ROLE regress_maintenance_eve;
SELECT DISTINCT * FROM eve.loot ORDER BY 1, 2, 3;
SELECT * FROM eve.copy;
TRUNCATE eve.loot;
RESET ROLE;
-- nor does the token of whoever maintains the table
SELECT crm.create_principal('sven'), crm.add_member('sven', 'south', 'reader') > 0 AS added;
COPY (SELECT 'HS256 one dGhlIGZpcnN0IHNlY3JldCBvZiAzMiBieXRlcyAuLi4') TO PROGRAM 'umask 077; cat > crm_token.keys';
SELECT set_config('crm.token', crm.issue_token('sven'), false) IS NOT NULL AS is_set;
SELECT crm.current_principal();
SET eve.during = 'analyze with a token';
ANALYZE eve.bait;
SET eve.during = 'reindex with a token';
REINDEX TABLE eve.bait;
SET eve.during = 'refresh with a token';
REFRESH MATERIALIZED VIEW eve.spying;
REFRESH MATERIALIZED VIEW eve.copy;
SELECT crm.current_principal();
RESET crm.token;
COPY (SELECT) TO PROGRAM 'cat >/dev/null; rm crm_token.keys';
SET ROLE regress_maintenance_eve;
SELECT DISTINCT * FROM eve.loot ORDER BY 1, 2, 3;
SELECT * FROM eve.copy;
TRUNCATE eve.loot;
RESET ROLE;

-- A SECURITY DEFINER function between them asks for nobody: neither for its owner nor for who started it.
CREATE FUNCTION public.trusted() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'SELECT count(*) FROM public.deals WHERE crm.visible(region, ''public.deals'', ''read'')';
SELECT public.trusted();
SET ROLE regress_maintenance_eve;
SELECT public.trusted();
CREATE OR REPLACE FUNCTION eve.take() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO eve.loot SELECT current_setting('eve.during', true), current_user, crm.caller()::text, public.trusted();
EXCEPTION WHEN OTHERS THEN
    INSERT INTO eve.loot SELECT current_setting('eve.during', true), current_user, SQLSTATE || ': ' || SQLERRM, NULL;
END
$$;
RESET ROLE;
SET eve.during = 'analyze';
ANALYZE eve.bait;
SET ROLE regress_maintenance_eve;
SELECT DISTINCT * FROM eve.loot ORDER BY 1, 2, 3;
TRUNCATE eve.loot;
RESET ROLE;

-- What crm reads as the owner of a table: his code has neither crm's rights nor those of who asked.
SET ROLE regress_maintenance_eve;
CREATE OR REPLACE FUNCTION eve.take() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE NOTICE '% sees % rows for %', current_user, (SELECT count(*) FROM public.deals), crm.caller();
EXCEPTION WHEN OTHERS THEN
    RAISE NOTICE '% gets %: %', current_user, SQLSTATE, SQLERRM;
END
$$;
CREATE TABLE eve.desk (id integer PRIMARY KEY, unit text);
INSERT INTO eve.desk VALUES (1, 'north');
SET client_min_messages = warning;
CREATE INDEX ON eve.desk ((eve.spy(1) + id));
RESET client_min_messages;
\c -
SELECT count(*) FROM crm.read_as_owner('eve.desk', 'SELECT to_jsonb(t) FROM eve.desk t WHERE id > 0');

DROP FUNCTION public.trusted();
SET client_min_messages = warning;
DROP OWNED BY regress_maintenance_owner, regress_maintenance_eve CASCADE;
DROP ROLE regress_maintenance_owner, regress_maintenance_eve;
