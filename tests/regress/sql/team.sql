-- Principals and their names, teams, roles of units, people who leave, roles to begin with.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
CREATE ROLE regress_team_anna;
CREATE ROLE regress_team_ben;
CREATE ROLE regress_team_owner;

-- A firm of ten: one role, ten people, one unit.
SELECT crm.create_role('staff');
SELECT crm.grant_privilege('staff', '*', p, 'organisation') FROM unnest('{create,read,update,delete,share}'::text[]) p;
SELECT count(crm.create_principal(p)) FROM unnest('{anna,ben,carl,dora,emil,fia,gus,hanna,ivar,jan}'::text[]) p;
SELECT crm.create_unit('acme', 'Acme Ltd', members => '["anna","ben","carl","dora","emil","fia","gus","hanna","ivar","jan"]', roles => '{staff}');
SELECT count(*) FILTER (WHERE crm.principal_visible(principal, 'acme', 'ticket', 'update')) AS may, count(*) FROM crm.principal;

SELECT crm.remove_unit_role('acme', 'staff');
SELECT count(*) FILTER (WHERE crm.principal_visible(principal, 'acme', 'ticket', 'update')) AS may FROM crm.principal;

-- A larger one: a unit with everything in one statement.
SELECT * FROM crm.install_role_templates();
SELECT crm.create_unit('sales', 'Sales', description => 'sells to shops');
SELECT crm.create_unit('north', 'Sales North', 'geographic', parent => 'sales', description => 'Bergen and Oslo',
                       members => '{"anna": "manager", "ben": ["marketing", "service"], "carl": null}', roles => '{sales}');
SELECT m.principal, m.role FROM crm.membership m WHERE m.unit = 'north' ORDER BY 1, 2;
SELECT principal, crm.principal_visible(principal, 'north', 'lead', 'read') AS lead, crm.principal_visible(principal, 'north', 'ticket', 'read') AS ticket,
       crm.principal_visible(principal, 'north', 'lead', 'delete') AS delete
FROM crm.principal WHERE principal IN ('anna', 'ben', 'carl') ORDER BY 1;
-- nothing is half done
SELECT crm.create_unit('south', parent => 'sales', members => '{"anna": "manager", "bem": "sales"}');
SELECT crm.create_unit('south', parent => 'sales', members => '{"anna": "manger"}');
SELECT crm.create_unit('south', parent => 'sales', members => '{"anna": 7}');
SELECT crm.create_unit('south', parent => 'sales', members => '{"anna": ["sales", 7]}');
SELECT crm.create_unit('south', parent => 'sales', members => '["anna", {}]');
SELECT crm.create_unit('south', parent => 'sales', members => '"anna"');
SELECT crm.create_unit('south', parent => 'sales', roles => '{sale}');
SELECT count(*) FROM crm.unit WHERE unit = 'south';
SELECT crm.create_unit('south', 'Sales South', 'geographic', parent => 'sales', members => '{}');
SELECT crm.add_members('south', '{"dora": "sales"}'), crm.add_members('south', '["emil", "Fia"]'), crm.add_members('south', NULL);

-- what the templates give
SELECT role, privilege, depth, string_agg(object, ', ' ORDER BY object) AS objects FROM crm.role_privilege WHERE role <> 'staff'
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;

-- roles of a unit
SELECT crm.principal_visible('emil', 'south', 'lead', 'assign') AS before, crm.add_unit_role('south', 'sales');
SELECT crm.principal_visible('emil', 'south', 'lead', 'assign') AS with_it, crm.remove_unit_role('South', 'sales');
SELECT crm.principal_visible('emil', 'south', 'lead', 'assign') AS after;
SELECT crm.remove_unit_role('south', 'sales');
SELECT crm.remove_unit_role('south', 'sale');
-- a role that nobody ever had can be dropped
SELECT crm.create_role('temp'), crm.grant_privilege('temp', 'lead', 'read'), crm.add_unit_role('south', 'temp');
SELECT crm.drop_role('temp');
SELECT crm.remove_unit_role('south', 'temp'), crm.drop_role('temp');
SELECT count(*) FROM crm.role_privilege WHERE role = 'temp';
SELECT crm.drop_role('temp');
SELECT crm.drop_role('manager');

-- Names. A principal is found by key and by alias, whatever the case; a word never means two.
SELECT crm.add_principal_alias('anna', 'Anna@acme.example'), crm.add_principal_alias('ANNA', '17');
SELECT crm.add_principal_alias('ben', 'anna@ACME.example');
SELECT crm.add_principal_alias('ben', 'ANNA');
SELECT crm.create_principal('17');
SELECT crm.add_member('anna@acme.EXAMPLE', 'south') > 0 AS by_alias, crm.remove_member('17', 'south');
SELECT crm.remove_principal_alias('anna', 'ANNA@acme.example'), crm.resolve_principal('anna@acme.example');
SELECT crm.remove_principal_alias('anna', 'anna@acme.example');
SELECT crm.create_principal('anna@acme.example') AS free_again;
-- bound to database roles: a renamed or dropped one is nobody until it is bound again
SELECT crm.bind_principal('anna', 'regress_team_anna'), crm.bind_principal('ben', 'regress_team_ben');
SELECT crm.bind_principal('carl', 'regress_team_ben');
SELECT crm.bind_principal('carl', 'regress_team_bem');
SET ROLE regress_team_ben;
SELECT principal, units, roles, teams FROM crm.whoami();
RESET ROLE;
ALTER ROLE regress_team_ben RENAME TO regress_team_Ben_Berg;
SET ROLE regress_team_ben_berg;
SELECT principal, units FROM crm.whoami();
RESET ROLE;
SELECT item, detail FROM crm.doctor() WHERE item = 'principal ben';
SELECT crm.bind_principal('ben', 'regress_team_ben_berg');
SET ROLE regress_team_ben_berg;
SELECT principal, units FROM crm.whoami();
RESET ROLE;
DROP ROLE regress_team_ben_berg;
SELECT item, detail FROM crm.doctor() WHERE item = 'principal ben';
CREATE ROLE regress_team_ben;
SELECT crm.bind_principal('ben', 'regress_team_ben');
-- names of roles are not folded: they are two
CREATE ROLE "regress_team_Ben";
SET ROLE "regress_team_Ben";
SELECT principal, database_role FROM crm.whoami();
RESET ROLE;
DROP ROLE "regress_team_Ben";

-- Teams: a member has what the team has.
SELECT crm.create_principal('tender', 'Tender team', 'team'), crm.create_principal('night', kind => 'team');
SELECT crm.add_principal_alias('tender', 'tender@acme.example');
SELECT crm.create_unit('west', 'Sales West', 'geographic', parent => 'sales', members => '{"tender": "sales"}');
SELECT crm.add_team_member('tender', 'ben') > 0 AS added;
SELECT crm.principal_visible('ben', 'west', 'opportunity', 'update') AS unit, crm.principal_owned('ben', 'tender@acme.example', 'opportunity', 'read') AS own,
       crm.principal_visible('carl', 'west', 'opportunity', 'update') AS other;
SET ROLE regress_team_ben;
SELECT principal, units, roles, teams FROM crm.whoami();
RESET ROLE;
-- what cannot be
\set VERBOSITY terse
SELECT crm.add_team_member('tender', 'Ben');
SELECT crm.add_team_member('tender', 'ben', tstzrange('2099-01-01', '2099-02-01'));
\set VERBOSITY default
SELECT crm.add_team_member('tender', 'night');
SELECT crm.add_team_member('tender', 'tender');
SELECT crm.add_team_member('anna', 'ben');
SELECT crm.add_team_member('tendr', 'ben');
SELECT crm.add_team_member('tender', 'bem');
SELECT crm.add_team_member('tender', 'carl', 'empty');
SELECT crm.remove_team_member('tender', 'carl');
SELECT crm.remove_team_member('anna', 'ben');
-- a time
SELECT crm.add_team_member('night', 'carl', tstzrange(NULL, now())) > 0 AS past, crm.add_team_member('night', 'carl', tstzrange(now() + interval '1 day', NULL)) > 0 AS planned;
SELECT crm.add_member('night', 'west', 'service') > 0 AS added;
SELECT crm.principal_visible('carl', 'west', 'ticket', 'read') AS not_now;
-- not over when the statement began that gave it, over when the next one begins
BEGIN;
DO $$
BEGIN
    PERFORM pg_sleep(0.001);
    PERFORM crm.add_team_member('night', 'carl', tstzrange(now(), clock_timestamp()));
    RAISE NOTICE 'now: %', crm.principal_visible('carl', 'west', 'ticket', 'read');
END
$$;
SELECT crm.principal_visible('carl', 'west', 'ticket', 'read') AS over;
COMMIT;
SELECT crm.remove_team_member('night', 'carl'), count(*) FROM crm.team_member WHERE team = 'night' AND principal = 'carl';
SELECT count(*) FROM crm.team_member WHERE team = 'night' AND principal = 'carl';
-- taken back: at once
SELECT crm.remove_team_member('tender', 'ben');
SELECT crm.principal_visible('ben', 'west', 'opportunity', 'update') AS unit, crm.principal_owned('ben', 'tender', 'opportunity', 'read') AS own;

-- A person leaves.
SELECT crm.add_team_member('tender', 'anna') > 0 AS team, crm.add_team_member('night', 'anna', tstzrange(now() + interval '1 day', NULL)) > 0 AS planned,
       crm.add_member('anna', 'south', 'sales', tstzrange(now() + interval '1 week', NULL)) > 0 AS planned_too;
SELECT * FROM crm.retire_principal('anna');
SELECT count(*) FILTER (WHERE m.during @> statement_timestamp()) AS now, count(*) AS ever FROM crm.membership m WHERE principal = 'anna';
SELECT count(*) FILTER (WHERE t.during @> statement_timestamp()) AS now, count(*) AS ever FROM crm.team_member t WHERE principal = 'anna';
SELECT role_name, crm.resolve_principal('17') FROM crm.principal WHERE principal = 'anna';
SET ROLE regress_team_anna;
SELECT crm.visible('north', 'lead', 'read');
RESET ROLE;
SELECT count(*) FROM unnest('{acme,sales,north,south,west}'::text[]) u, unnest('{lead,ticket,kpi}'::text[]) o WHERE crm.principal_visible('anna', u, o, 'read');
SELECT * FROM crm.retire_principal('anna');
-- a team is dissolved
SELECT crm.add_team_member('tender', 'dora') > 0 AS added;
SELECT * FROM crm.retire_principal('tender');
SELECT crm.principal_visible('dora', 'west', 'lead', 'read');
SELECT * FROM crm.retire_principal('tendr');

-- Nothing of this is for everybody, whether the names exist or not.
SET ROLE regress_team_ben;
SELECT crm.add_team_member('tender', 'ben');
SELECT crm.remove_team_member('tender', 'nobody');
SELECT crm.add_members('north', '["ben"]');
SELECT crm.add_unit_role('north', 'manager');
SELECT crm.remove_unit_role('north', 'sales');
SELECT crm.drop_role('sales');
SELECT crm.retire_principal('anna');
SELECT crm.remove_principal_alias('anna', '17');
SELECT crm.create_unit('mine', members => '{"ben": "manager"}');
SELECT crm.install_role_templates();
INSERT INTO crm.team_member (team, principal, during) VALUES ('tender', 'ben', '[,]');
SELECT * FROM crm.held_role;
SELECT * FROM crm.acting_principal;
RESET ROLE;

DROP ROLE regress_team_anna, regress_team_ben, regress_team_owner;
