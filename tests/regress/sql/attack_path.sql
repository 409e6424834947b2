-- Pretending to be somebody else: settings, names in front of crm's names, objects that were there before the extension.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set world :srcdir '/attack_world.sql'
\set ECHO none
\o /dev/null
\i :world
\o
\set ECHO all

\c - regress_attack_eve
-- before the library is loaded, when any name can be set, and after
SET crm.identity = 'sven';
SET crm.outer_role = 'regress_attack_sven';
SET client_min_messages = error; -- the warnings that they are removed come in no order
SELECT array_agg(id) FROM deals;
RESET client_min_messages;
SHOW crm.identity;
SET crm.identity = 'sven';
SELECT set_config('crm.outer_role', 'sven', false);
SET application_name = 'sven';
SELECT set_config('request.jwt.claims', '{"sub": "sven"}', false);
SELECT crm.current_principal(), crm.caller(), array_agg(id) FROM deals;
\pset tuples_only on
SELECT outcome($$SET ROLE regress_attack_sven$$);
SELECT outcome($$SET SESSION AUTHORIZATION regress_attack_sven$$);
SELECT outcome($$SELECT set_config('role', 'regress_attack_sven', false)$$);
SELECT outcome($$SELECT set_config('session_authorization', 'regress_attack_sven', false)$$);
SELECT outcome($$SELECT set_config('is_superuser', 'on', false)$$);
SELECT outcome($$SET session_replication_role = replica$$);
SELECT left(outcome($$ALTER ROLE regress_attack_eve BYPASSRLS$$), 5);
SELECT left(outcome($$ALTER ROLE regress_attack_sven RENAME TO regress_attack_other$$), 5);
\pset tuples_only off
SET ROLE none;
RESET SESSION AUTHORIZATION;
SELECT crm.current_principal(), crm.caller(), array_agg(id) FROM deals;
\c - postgres

-- Who is a member of a role has its rights of Postgres, and by SET ROLE its identity; without SET ROLE only his own.
GRANT regress_attack_sven TO regress_attack_eve;
SET SESSION AUTHORIZATION regress_attack_eve;
SELECT crm.current_principal(), array_agg(id) FROM deals;
SET ROLE regress_attack_sven;
SELECT crm.current_principal(), array_agg(id) FROM deals;
SET ROLE none;
SELECT crm.current_principal(), array_agg(id) FROM deals;
RESET SESSION AUTHORIZATION;
REVOKE regress_attack_sven FROM regress_attack_eve;
-- pg_read_all_data and pg_write_all_data are rights on tables and not on rows
GRANT pg_read_all_data, pg_write_all_data TO regress_attack_eve, regress_attack_stan;
SET ROLE regress_attack_eve;
SELECT array_agg(id) FROM deals;
UPDATE deals SET amount = amount;
SELECT outcome($$INSERT INTO deals VALUES (100, 'south')$$);
SET ROLE regress_attack_stan;
SELECT array_agg(id) FROM deals;
UPDATE calls_low SET amount = amount;
RESET ROLE;
-- a SECURITY DEFINER function lends its owner's rights of Postgres, not who he is, a superuser apart
REVOKE pg_read_all_data, pg_write_all_data FROM regress_attack_eve, regress_attack_stan;
CREATE FUNCTION public.as_definer() RETURNS integer[] LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'SELECT array_agg(id) FROM public.deals';
ALTER FUNCTION public.as_definer() OWNER TO regress_attack_sven;
CREATE FUNCTION public.as_definer_of_definer() RETURNS integer[] LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'SELECT public.as_definer()';
SET ROLE regress_attack_eve;
SELECT as_definer(), as_definer_of_definer();
SET ROLE regress_attack_sven;
SELECT as_definer(), as_definer_of_definer();
RESET ROLE;
-- BYPASSRLS is outside, as it is for Postgres' own policies. It is an attribute of a role and not inherited.
ALTER ROLE regress_attack_boss BYPASSRLS;
GRANT regress_attack_boss TO regress_attack_eve;
SET ROLE regress_attack_boss;
SELECT array_agg(id) FROM deals;
SET ROLE regress_attack_eve;
SELECT array_agg(id) FROM deals;
RESET ROLE;
REVOKE regress_attack_boss FROM regress_attack_eve;
ALTER ROLE regress_attack_boss NOBYPASSRLS;

-- Names of crm's in a schema of hers in front, and in pg_temp: tables, functions, operators, types, casts.
SET SESSION AUTHORIZATION regress_attack_eve;
CREATE FUNCTION eve.visible(text, text, text, text DEFAULT NULL, text DEFAULT NULL) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION eve.owned(text, text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION eve.caller() RETURNS regrole LANGUAGE sql AS 'SELECT ''regress_attack_sven''::regrole';
CREATE FUNCTION eve.statement_timestamp() RETURNS timestamptz LANGUAGE sql AS 'SELECT ''2000-01-01''::timestamptz';
CREATE FUNCTION eve.always(text, text) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE NOTICE 'always as %', current_user; RETURN true; END$$;
CREATE OPERATOR eve.= (FUNCTION = eve.always, LEFTARG = text, RIGHTARG = text);
CREATE OPERATOR eve.<> (FUNCTION = eve.always, LEFTARG = text, RIGHTARG = text);
CREATE DOMAIN eve.text AS pg_catalog.text;
CREATE TABLE eve.unit AS SELECT * FROM crm.unit;
CREATE TABLE eve.role_privilege AS SELECT * FROM crm.role_privilege;
CREATE TEMP TABLE unit AS SELECT * FROM crm.unit;
CREATE TEMP TABLE membership (id bigint, principal text, unit text, role text, during tstzrange);
INSERT INTO membership VALUES (1, 'eve', 'acme', 'seller', tstzrange(NULL, NULL));
CREATE TEMP TABLE principal (principal text, name text, kind text, role_name name, language text, zone text);
INSERT INTO principal VALUES ('sven', 'sven', 'person', 'regress_attack_eve', 'en', NULL);
CREATE TEMP TABLE role_privilege (role text, object text, privilege text, depth text);
INSERT INTO role_privilege VALUES ('seller', '*', 'read', 'organisation');
CREATE TEMP TABLE org_change ();
CREATE TEMP TABLE protection (relation regclass, object text);
CREATE TEMP VIEW pg_class AS SELECT * FROM pg_catalog.pg_class;
CREATE FUNCTION pg_temp.visible(text, text, text, text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
SET search_path = pg_temp, eve, public, pg_catalog, crm;
SELECT array_agg(id) FROM deals;
SELECT crm.current_principal(), crm.resolve_unit('NORTH'), crm.resolve_principal('sven'), crm.root_unit(), crm.object_of('public.deals');
SELECT w.principal, w.units, w.roles, w.outside FROM crm.whoami() w;
SELECT count(*) FROM crm_bi.dim_unit WHERE unit_key OPERATOR(pg_catalog.=) 'acme';
SELECT count(*) FROM crm_bi.dim_owner;
SELECT (crm.require_unit('north')).unit;
INSERT INTO public.deals VALUES (101, 'south');
UPDATE public.deals SET region = 'south' WHERE id OPERATOR(pg_catalog.=) 1;
-- what she protects herself is decided by crm's own tables too
CREATE TABLE eve.own (id integer PRIMARY KEY, region pg_catalog.text);
INSERT INTO eve.own VALUES (1, 'north'), (2, 'south');
SELECT pg_catalog.count(*) FROM crm.protect('eve.own', '{"organisation": "region"}');
SELECT id FROM eve.own;
SELECT pg_catalog.count(*) FROM pg_catalog.pg_policies WHERE tablename OPERATOR(pg_catalog.=) 'own' AND qual OPERATOR(pg_catalog.~) 'crm.visible';
SELECT kind, name, sees FROM crm.preview_protect('eve.own', '{"organisation": "region"}') WHERE kind OPERATOR(pg_catalog.=) 'principal' AND name OPERATOR(pg_catalog.=) 'eve';
SELECT granted, role, unit FROM crm.explain_access('eve', 'eve.own', '1');
SELECT crm.unprotect('eve.own');
-- a column type of hers, whose cast is hers: it runs as whoever reads her table, and not with the extension's rights
CREATE TYPE eve.area AS ENUM ('north', 'south');
CREATE FUNCTION eve.area_text(eve.area) RETURNS pg_catalog.text LANGUAGE plpgsql AS $$
BEGIN
    RAISE NOTICE 'cast runs as %', current_user;
    RETURN 'north';
END
$$;
CREATE CAST (eve.area AS pg_catalog.text) WITH FUNCTION eve.area_text(eve.area) AS IMPLICIT;
CREATE TABLE eve.places (id integer PRIMARY KEY, region eve.area);
INSERT INTO eve.places VALUES (1, 'south');
SELECT sees FROM crm.preview_protect('eve.places', '{"organisation": "region"}') WHERE kind OPERATOR(pg_catalog.=) 'principal' AND name OPERATOR(pg_catalog.=) 'eve';
SELECT pg_catalog.count(*) FROM crm.protect('eve.places', '{"organisation": "region"}');
SELECT granted, unit FROM crm.explain_access('eve', 'eve.places', '1');
SELECT crm.unprotect('eve.places');
-- names that want to be more than names
CREATE TABLE eve."x'; DROP TABLE public.deals; --" (id integer PRIMARY KEY, "region'' OR true --" pg_catalog.text, """" pg_catalog.text);
INSERT INTO eve."x'; DROP TABLE public.deals; --" VALUES (1, 'south', 'eve'), (2, 'north', NULL), (3, 'south', NULL);
SELECT pg_catalog.count(*) FROM crm.protect('eve."x''; DROP TABLE public.deals; --"', '{"organisation": "region'''' OR true --"}', owner_column => '"',
                                            object => 'o'') OR true OR (''%s %I');
SELECT id FROM eve."x'; DROP TABLE public.deals; --";
SELECT granted, unit FROM crm.explain_access('eve', 'eve."x''; DROP TABLE public.deals; --"', '1'' OR true --');
SELECT granted, unit FROM crm.explain_access('eve', 'eve."x''; DROP TABLE public.deals; --"', '1');
SELECT crm.unprotect('eve."x''; DROP TABLE public.deals; --"');
RESET search_path;
RESET SESSION AUTHORIZATION;

SET client_min_messages = warning;
DROP OWNED BY regress_attack_boss, regress_attack_nora, regress_attack_sven, regress_attack_eve, regress_attack_stan CASCADE;
RESET client_min_messages;

-- Objects that wait for the extension: in public, in a schema of hers, in the schema that it is to be installed in.
\c postgres
SET client_min_messages = warning;
DROP DATABASE scratch WITH (FORCE);
RESET client_min_messages;
CREATE DATABASE scratch TEMPLATE template0 ENCODING 'UTF8';
\c scratch
GRANT CREATE ON DATABASE scratch TO regress_attack_eve;
GRANT CREATE ON SCHEMA public TO regress_attack_eve;
SET ROLE regress_attack_eve;
CREATE SCHEMA crm;
RESET ROLE;
CREATE EXTENSION crm SCHEMA crm;
CREATE EXTENSION crm SCHEMA public;
DROP SCHEMA crm;
CREATE SCHEMA crm;
GRANT CREATE ON SCHEMA crm TO regress_attack_eve;
CREATE EXTENSION crm SCHEMA crm;
SET ROLE regress_attack_eve;
CREATE FUNCTION crm.always(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR crm.= (FUNCTION = crm.always, LEFTARG = text, RIGHTARG = text);
RESET ROLE;
REVOKE CREATE ON SCHEMA crm FROM regress_attack_eve;
CREATE EXTENSION crm SCHEMA crm;
DROP FUNCTION crm.always CASCADE;
GRANT CREATE ON SCHEMA crm TO PUBLIC;
CREATE EXTENSION crm SCHEMA crm;
REVOKE CREATE ON SCHEMA crm FROM PUBLIC;
-- rights that new tables and functions of the installer would be born with
ALTER DEFAULT PRIVILEGES GRANT INSERT ON TABLES TO regress_attack_eve;
CREATE EXTENSION crm SCHEMA crm;
ALTER DEFAULT PRIVILEGES REVOKE INSERT ON TABLES FROM regress_attack_eve;
ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO regress_attack_eve;
CREATE EXTENSION crm SCHEMA crm;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM regress_attack_eve;
SET ROLE regress_attack_eve;
CREATE SCHEMA crm_bi;
RESET ROLE;
CREATE EXTENSION crm SCHEMA crm;
DROP SCHEMA crm_bi;
-- what she has in public is in nobody's way
SET ROLE regress_attack_eve;
CREATE FUNCTION public.visible(text, text, text, text DEFAULT NULL, text DEFAULT NULL) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION public.lower(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$BEGIN RAISE NOTICE 'lower as %', current_user; RETURN $1; END$$;
CREATE FUNCTION public.always(text, text) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE NOTICE 'always as %', current_user; RETURN true; END$$;
CREATE OPERATOR public.= (FUNCTION = public.always, LEFTARG = text, RIGHTARG = text);
CREATE TABLE public.unit (unit text);
CREATE TABLE public.email (email text);
CREATE DOMAIN public.stage AS text;
RESET ROLE;
SET search_path = public, pg_catalog;
CREATE EXTENSION crm SCHEMA crm;
SELECT crm.create_unit('acme', 'Acme', 'business'), crm.create_principal('eve', role_name => 'regress_attack_eve');
SELECT count(*) FROM crm.unit;
\c postgres
DROP DATABASE scratch;
DROP ROLE regress_attack_boss, regress_attack_nora, regress_attack_sven, regress_attack_eve, regress_attack_stan;
