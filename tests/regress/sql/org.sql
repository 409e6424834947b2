-- The organisation: units in a tree, principals, roles, memberships, and what a caller sees by them.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh

-- the first unit is the organisation itself
SELECT crm.create_unit('sales', 'Sales', 'functional');
SELECT crm.root_unit();
SELECT crm.create_unit('acme', 'Acme Ltd', 'business');
SELECT crm.create_unit('sales', 'Sales', 'functional', description => 'sells');
SELECT crm.create_unit('service', 'Service');
SELECT crm.create_unit('north', 'Sales North', 'geographic', parent => 'sales');
SELECT crm.create_unit('Malmö', 'Sales Malmö', 'geographic', parent => 'North');
SELECT crm.create_unit('south', 'Sales South', 'geographic', parent => 'sales');
SELECT crm.create_unit(key => 'beer', name => 'Beer', kind => 'product', hierarchy => 'product');
SELECT crm.create_unit('ale', 'Ale', 'product', parent => 'beer');
SELECT unit, name, kind, hierarchy, parent, description FROM crm.unit ORDER BY hierarchy, parent NULLS FIRST, unit;
SELECT ancestor, descendant, distance FROM crm.unit_path ORDER BY descendant COLLATE "C", distance;
SELECT crm.root_unit();

-- what cannot be
SELECT crm.create_unit('SALES', 'again');
SELECT crm.create_unit('x', kind => 'geografic');
SELECT crm.create_unit('x', parent => 'nort');
SELECT crm.create_unit('x', parent => 'north', hierarchy => 'product');
SELECT crm.create_unit(' ');
SELECT crm.move_unit('sales', 'Malmö');
SELECT crm.move_unit('sales', 'sales');
SELECT crm.move_unit('acme', 'sales');
SELECT crm.move_unit('north', 'beer');
UPDATE crm.unit SET parent = 'north' WHERE unit = 'sales';
SELECT crm.retire_unit('north');

-- aliases: what teams write
SELECT crm.add_unit_alias('north', '1');
SELECT crm.add_unit_alias('north', 'NORD');
SELECT crm.add_unit_alias('beer', '1');
SELECT crm.add_unit_alias('south', '2');
SELECT crm.add_unit_alias('south', 'nord');
SELECT crm.add_unit_alias('south', 'sales');
SELECT crm.add_unit_alias('sout', '3');
SELECT crm.create_unit('Nord', parent => 'sales');
SELECT v, crm.resolve_unit(v) AS anywhere, crm.resolve_unit(v, 'organisation') AS organisation, crm.resolve_unit(v, 'product') AS product
FROM unnest(ARRAY['north', 'NORTH', 'nord', 'Sales North', 'malmö', '1', '01', 'beer', 'acme ltd', 'nowhere', '', NULL]) v;
SELECT crm.resolve_unit('north', 'organization');
SELECT crm.remove_unit_alias('north', 'nord');
SELECT crm.remove_unit_alias('north', 'nord');
SELECT crm.resolve_unit('nord');
-- two units of one name: the name means neither
SELECT crm.create_unit('n2', 'Sales North', 'geographic', parent => 'sales');
SELECT crm.resolve_unit('Sales North'), crm.resolve_unit('n2');

-- principals
CREATE ROLE regress_org_anna;
CREATE ROLE regress_org_bob;
CREATE ROLE regress_org_eve;
CREATE ROLE regress_org_outside BYPASSRLS;
SELECT crm.create_principal('anna', 'Anna Berg', role_name => 'regress_org_anna');
SELECT crm.create_principal('bob', 'Bob Lund', role_name => 'regress_org_bob', language => 'sv', zone => 'Europe/Stockholm');
SELECT crm.create_principal('desk', kind => 'channel');
SELECT crm.create_principal('Anna');
SELECT crm.create_principal('x', role_name => 'regress_org_bob');
SELECT crm.create_principal('x', role_name => 'regress_org_nobody');
SELECT crm.create_principal('x', kind => 'persn');
SELECT crm.create_principal('x', zone => 'Europe/Stokholm');
SELECT crm.create_principal('x', zone => 'stockholm');
SELECT crm.create_principal('x', zone => 'CEST');
SELECT crm.apply_config('{"principals": [{"key": "bob", "zone": "Europe/Stokholm"}]}');
SELECT crm.add_principal_alias('anna', 'anna@acme.example');
SELECT crm.add_principal_alias('bob', 'Anna@acme.example');
SELECT crm.add_principal_alias('bop', '17');
SELECT crm.add_principal_alias('bob', '17');
SELECT v, crm.resolve_principal(v)
FROM unnest(ARRAY['anna', 'ANNA@ACME.EXAMPLE', '17', 'regress_org_bob', 'Bob Lund', 'carl', NULL]) v;
SELECT principal, name, kind, role_name, language, zone FROM crm.principal ORDER BY 1;

-- roles
SELECT * FROM crm.install_role_templates();
SELECT * FROM crm.install_role_templates();
SELECT object, privilege, depth FROM crm.role_privilege WHERE role = 'manager' ORDER BY 1, 2;
SELECT crm.create_role('rep', 'Sales representative');
SELECT crm.create_role('rep');
SELECT crm.grant_privilege('rep', 'opportunity', 'read');
SELECT crm.grant_privilege(role => 'rep', object => 'opportunity', privilege => 'update', depth => 'organisation');
SELECT crm.grant_privilege('rep', 'ticket', 'read', 'own');
SELECT crm.grant_privilege('rep', 'oportunity', 'read');
SELECT crm.grant_privilege('rep', 'opportunity', 'raed');
SELECT crm.grant_privilege('rep', 'opportunity', 'read', 'deep');
SELECT crm.grant_privilege('reb', 'opportunity', 'read');
SELECT crm.revoke_privilege('rep', 'lead', 'read');

-- members
SELECT crm.add_member('anna', 'sales', 'manager') > 0 AS added;
SELECT crm.add_member('anna', 'Sales', 'manager');
SELECT crm.add_member('bob', 'north', 'rep') > 0 AS added;
SELECT crm.add_member('bob', 'north', 'rap');
SELECT crm.add_member('bop', 'north', 'rep');
SELECT crm.add_member('bob', 'nord', 'rep');
SELECT crm.add_member('bob', 'south', 'rep', during => 'empty');
SELECT crm.remove_member('bob', 'south');
SELECT crm.principal_unit('bob');

-- who sees what
SET ROLE regress_org_anna;
SELECT principal, name, kind, database_role, outside, units, roles FROM crm.whoami();
SELECT u AS unit, crm.visible(u, 'opportunity', 'read') AS read, crm.visible(u, 'opportunity', 'create') AS create,
       crm.visible(u, 'kpi', 'total') AS total, crm.visible(u, 'opportunity', 'update', 'product') AS in_product
FROM unnest(ARRAY['acme', 'sales', 'north', 'malmö', 'service', 'ale', 'nowhere', NULL]) u;
SELECT crm.visible(1, 'opportunity', 'read') AS int4, crm.visible(2::bigint, 'opportunity', 'read') AS int8,
       crm.visible(3, 'opportunity', 'read') AS unknown, crm.visible(1, 'opportunity', 'read', 'product') AS product,
       crm.visible(3, 'opportunity', 'read', fallback => 'north') AS falls_back;
SET ROLE regress_org_bob;
-- update is granted everywhere, but reaches no further than read; own includes nothing of a unit
SELECT u AS unit, crm.visible(u, 'opportunity', 'read') AS read, crm.visible(u, 'opportunity', 'update') AS update,
       crm.visible(u, 'opportunity', 'total') AS total, crm.visible(u, 'opportunity', 'delete') AS delete,
       crm.visible(u, 'ticket', 'read') AS ticket
FROM unnest(ARRAY['acme', 'sales', 'north', 'malmö', 'south']) u;
-- with all below: north alone is not enough for north's total
SELECT u AS unit, crm.visible_below(u, 'opportunity', 'read') AS read FROM unnest(ARRAY['acme', 'north', 'malmö', 'south', 'nowhere', NULL]) u;
SELECT crm.owned('bob', 'ticket', 'read') AS own, crm.owned(17, 'ticket', 'read') AS by_number, crm.owned('anna', 'ticket', 'read') AS hers,
       crm.owned('bob', 'lead', 'read') AS not_granted, crm.owned('bob', 'opportunity', 'read') AS any_depth,
       crm.owned(NULL::text, 'ticket', 'read') AS nobodys;
-- without identity: an error, whatever is asked
SET ROLE regress_org_eve;
\set VERBOSITY sqlstate
SELECT crm.visible('north', 'opportunity', 'read');
\set VERBOSITY default
SELECT crm.owned('eve', 'opportunity', 'read');
SELECT crm.current_principal() IS NULL AS nobody;
SELECT principal, database_role, outside, units FROM crm.whoami();
-- the administration is not for everybody
SELECT crm.create_unit('x');
SELECT crm.principal_visible('anna', 'north', 'opportunity', 'read');
-- superusers and BYPASSRLS roles are outside
SET ROLE regress_org_outside;
SELECT crm.visible('north', 'opportunity', 'delete');
SELECT outside FROM crm.whoami();
RESET ROLE;
SELECT crm.visible('nowhere', 'opportunity', 'delete');
-- bad questions
SELECT crm.visible('north', 'opportunity', 'raed');
SELECT crm.visible('north', 'opportunity', 'read', 'produkt');
SELECT crm.visible('north', NULL, 'read') IS NULL AS unknown;
-- for somebody else
SELECT p, crm.principal_visible(p, 'north', 'opportunity', 'read') AS read,
       crm.principal_visible(p, 'north', 'opportunity', 'delete') AS delete, crm.principal_owned(p, '17', 'ticket', 'read') AS own
FROM unnest(ARRAY['anna', 'bob', 'desk']) p;
SELECT crm.principal_visible('carl', 'north', 'opportunity', 'read');

SELECT u AS unit, crm.principal_visible_below('anna', u, 'opportunity', 'read') AS anna, crm.visible_below(u, 'opportunity', 'read') AS superuser
FROM unnest(ARRAY['acme', 'sales', 'north', 'malmö', 'service', NULL]) u;
BEGIN;
INSERT INTO crm.denial (principal, object, privilege, unit, denied_by) VALUES ('anna', '*', 'read', 'Malmö', 'test');
SELECT u AS unit, crm.principal_visible_below('anna', u, 'opportunity', 'read') AS anna FROM unnest(ARRAY['sales', 'south', 'north', 'malmö']) u;
ROLLBACK;

-- the planner knows which share of the rows passes: one of nine units, five of nine, all
CREATE TABLE thousand AS SELECT 'north' AS region FROM generate_series(1, 1000);
ANALYZE thousand;
GRANT SELECT ON thousand TO PUBLIC;
CREATE FUNCTION estimated(query text) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    plan json;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
    RETURN plan -> 0 -> 'Plan' ->> 'Plan Rows';
END
$$;
SET ROLE regress_org_bob;
SELECT estimated('SELECT FROM thousand WHERE crm.visible(region, ''opportunity'', ''read'')');
SET ROLE regress_org_anna;
SELECT estimated('SELECT FROM thousand WHERE crm.visible(region, ''opportunity'', ''read'')');
RESET ROLE;
SELECT estimated('SELECT FROM thousand WHERE crm.visible(region, ''opportunity'', ''read'')');

-- SECURITY DEFINER does not lend an identity, SET ROLE does
CREATE FUNCTION lent() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT crm.current_principal()';
SET ROLE regress_org_bob;
SELECT lent();
RESET ROLE;
DROP FUNCTION lent();

-- every change counts at once: in one transaction, and taken back with it
BEGIN;
SET LOCAL ROLE regress_org_bob;
SELECT crm.visible('south', 'opportunity', 'read');
RESET ROLE;
SELECT crm.grant_privilege('rep', 'opportunity', 'read', 'organisation');
SET LOCAL ROLE regress_org_bob;
SELECT crm.visible('south', 'opportunity', 'read');
RESET ROLE;
SAVEPOINT s;
SELECT crm.remove_member('bob', 'north');
SET LOCAL ROLE regress_org_bob;
SELECT crm.visible('south', 'opportunity', 'read');
RESET ROLE;
ROLLBACK TO s;
SET LOCAL ROLE regress_org_bob;
SELECT crm.visible('south', 'opportunity', 'read');
ROLLBACK;
SET ROLE regress_org_bob;
SELECT crm.visible('south', 'opportunity', 'read'), crm.visible('north', 'opportunity', 'read');
RESET ROLE;
-- in replica mode too
SET session_replication_role = replica;
UPDATE crm.role_privilege SET depth = 'organisation' WHERE role = 'rep' AND object = 'opportunity' AND privilege = 'read';
SET ROLE regress_org_bob;
SELECT crm.visible('south', 'opportunity', 'read');
RESET ROLE;
UPDATE crm.role_privilege SET depth = 'unit' WHERE role = 'rep' AND object = 'opportunity' AND privilege = 'read';
RESET session_replication_role;
-- an unbound role is nobody, a renamed one too
SELECT crm.bind_principal('bob', NULL);
SET ROLE regress_org_bob;
SELECT crm.visible('north', 'opportunity', 'read');
RESET ROLE;
SELECT crm.bind_principal('bob', 'regress_org_bob');
ALTER ROLE regress_org_bob RENAME TO regress_org_robert;
SET ROLE regress_org_robert;
SELECT crm.visible('north', 'opportunity', 'read');
RESET ROLE;
ALTER ROLE regress_org_robert RENAME TO regress_org_bob;

-- a membership that ends by the clock, without anybody's message: not over when the statement began that gave it, over when the next one begins
SELECT crm.remove_member('bob', 'north');
BEGIN;
DO $$
DECLARE
    soon timestamptz;
    sees text;
BEGIN
    PERFORM pg_sleep(0.001);
    soon := clock_timestamp();
    PERFORM crm.add_member('bob', 'south', 'rep', tstzrange(now(), soon)), crm.add_member('bob', 'north', 'rep', tstzrange(soon, NULL));
    SET LOCAL ROLE regress_org_bob;
    SELECT format('south %s, north %s', crm.visible('south', 'opportunity', 'read'), crm.visible('north', 'opportunity', 'read')) INTO sees;
    RAISE NOTICE '%', sees;
END
$$;
SELECT crm.visible('south', 'opportunity', 'read') AS south, crm.visible('north', 'opportunity', 'read') AS north;
RESET ROLE;
COMMIT;

-- for BI tools
SELECT unit_key, hierarchy, parent_key, level, path FROM crm_bi.dim_unit WHERE unit_key IN ('acme', 'Malmö', 'ale') ORDER BY level;
SELECT ancestor_key, distance FROM crm_bi.dim_unit_path WHERE unit_key = 'ale' ORDER BY distance;
SET ROLE regress_org_bob;
SELECT * FROM crm_bi.dim_owner ORDER BY 1;
SET ROLE regress_org_eve;
SELECT count(*) FROM crm_bi.dim_owner;
RESET ROLE;

-- roles of a unit are roles of its members
SELECT crm.add_member('bob', 'service') > 0 AS added;
SELECT crm.principal_visible('bob', 'service', 'ticket', 'read');
SELECT crm.add_unit_role('service', 'service');
SELECT crm.principal_visible('bob', 'service', 'ticket', 'read');

-- moving and retiring
SELECT crm.principal_visible('anna', 'south', 'opportunity', 'read');
SELECT crm.move_unit('south', 'service');
SELECT crm.principal_visible('anna', 'south', 'opportunity', 'read');
SELECT crm.retire_unit('malmö');
SELECT crm.add_member('bob', 'malmö', 'rep');
SELECT crm.create_unit('lund', parent => 'malmö');
SELECT until <= now() AS retired FROM crm.unit WHERE unit = 'Malmö';
SELECT crm.retire_unit('service');

DROP ROLE regress_org_anna, regress_org_bob, regress_org_eve, regress_org_outside;
