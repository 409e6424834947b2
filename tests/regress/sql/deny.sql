-- Denials: they win over roles, teams and own rows, in a unit and all below it, or everywhere.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
CREATE ROLE regress_deny_anna;
CREATE ROLE regress_deny_ben;
CREATE ROLE regress_deny_eve;
SELECT crm.create_unit('acme', 'Acme Ltd'), crm.create_unit('sales', 'Sales'), crm.create_unit('north', 'North', parent => 'sales'),
       crm.create_unit('oslo', 'Oslo', parent => 'north'), crm.create_unit('south', 'South', parent => 'sales');
SELECT count(*) FROM crm.install_role_templates();
SELECT crm.create_principal('anna', role_name => 'regress_deny_anna'), crm.create_principal('ben', role_name => 'regress_deny_ben'),
       crm.create_principal('crew', kind => 'team');
SELECT crm.add_member('anna', 'sales', 'manager') > 0 AS added, crm.add_member('crew', 'sales', 'manager') > 0 AS added,
       crm.add_team_member('crew', 'ben') > 0 AS added;
-- what a principal may in each unit, and as an owner
CREATE VIEW may AS
    SELECT p.principal, v AS privilege,
           array_to_string(ARRAY(SELECT u.unit FROM crm.unit u WHERE crm.principal_visible(p.principal, u.unit, 'opportunity', v) ORDER BY u.since, u.unit), ' ') AS units,
           crm.principal_owned(p.principal, p.principal, 'opportunity', v) AS own
    FROM crm.principal p, unnest('{create,read,update,export,total}'::text[]) WITH ORDINALITY x (v, n)
    WHERE p.kind = 'person' ORDER BY p.principal, x.n;
SELECT * FROM may;

-- in a unit and all below
SELECT crm.deny('anna', 'opportunity', 'update', 'north', 'notice given');
SELECT * FROM may WHERE principal = 'anna';
-- read: nothing but create, and the numbers that were granted by themselves, is left there
SELECT crm.deny('anna', 'opportunity', 'read', 'oslo');
SELECT * FROM may WHERE principal = 'anna';
-- on every object, everywhere
SELECT crm.deny('anna', '*', 'export');
SELECT * FROM may WHERE principal = 'anna';
-- a team's denial is its members'
SELECT crm.deny('crew', 'opportunity', 'read', 'south');
SELECT * FROM may WHERE principal = 'ben';
SELECT crm.deny('ben', 'opportunity', 'read');
SELECT * FROM may WHERE principal = 'ben';

-- what is denied
SELECT principal, object, privilege, unit, denied_by, reason FROM crm.denial_list ORDER BY 1, 2, 3, 4;
SET ROLE regress_deny_ben;
SELECT principal, object, privilege, unit FROM crm.denial_list ORDER BY 1, 2, 3, 4;
SELECT * FROM crm.denial;
SET ROLE regress_deny_eve;
SELECT count(*) FROM crm.denial_list;
RESET ROLE;

-- a second time: the reason
SELECT crm.deny('anna', 'opportunity', 'update', 'north'), crm.deny('anna', 'opportunity', 'read', 'OSLO', 'closed');
SELECT privilege, unit, reason FROM crm.denial_list WHERE principal = 'anna' ORDER BY 1, 2;
-- what does not exist
SELECT crm.deny('ana', 'opportunity', 'read');
SELECT crm.deny('anna', 'oportunity', 'read');
SELECT crm.deny('anna', 'opportunity', 'raed');
SELECT crm.deny('anna', 'opportunity', 'read', 'nort');
SELECT crm.deny('anna', NULL, 'read');
SELECT crm.deny('anna', 'opportunity', NULL);
SELECT crm.undeny('anna', 'opportunity', 'update');
SELECT crm.undeny('anna', 'opportunity', 'update', 'south');
SELECT crm.undeny('ben', 'lead', 'update');

-- taken back
SELECT crm.undeny('anna', 'opportunity', 'update', 'north'), crm.undeny('anna', 'opportunity', 'read', 'oslo'), crm.undeny('anna', '*', 'export');
SELECT crm.undeny('crew', 'opportunity', 'read', 'south'), crm.undeny('ben', 'opportunity', 'read');
SELECT * FROM may;
SELECT count(*) FROM crm.denial;

-- Nobody denies others, or frees himself.
SELECT crm.deny('ben', 'opportunity', 'read');
SET ROLE regress_deny_ben;
SELECT crm.undeny('ben', 'opportunity', 'read');
SELECT crm.deny('anna', 'opportunity', 'read');
SELECT crm.deny('nobody', 'nothing', 'read');
DELETE FROM crm.denial;
SELECT crm.visible('sales', 'opportunity', 'read');
RESET ROLE;
-- an owner is no administrator either
SET ROLE regress_deny_anna;
SELECT crm.deny('ben', 'lead', 'read');
RESET ROLE;

DROP VIEW may;
DROP ROLE regress_deny_anna, regress_deny_ben, regress_deny_eve;
