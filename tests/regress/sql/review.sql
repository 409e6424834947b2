-- Access reviews: what is frozen, who may decide, what a revoke ends, and that the log stays.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
SET datestyle = 'ISO, YMD';
SET timezone = 'UTC';
CREATE ROLE regress_review_boss LOGIN; CREATE ROLE regress_review_nina LOGIN; CREATE ROLE regress_review_rita LOGIN;
CREATE ROLE regress_review_olga LOGIN; CREATE ROLE regress_review_gone LOGIN; CREATE ROLE regress_review_eve LOGIN;
CREATE ROLE regress_review_quiet; CREATE ROLE regress_review_late LOGIN VALID UNTIL '2020-01-01';
SELECT count(*) FROM crm.install_role_templates();
SELECT crm.create_role('auditor'), crm.grant_privilege('auditor', '*', 'read', 'organisation'), crm.create_role('empty');
SELECT crm.create_principal('boss', role_name => 'regress_review_boss'), crm.create_principal('nina', 'Nina Ek', role_name => 'regress_review_nina'),
       crm.create_principal('rita', role_name => 'regress_review_rita'), crm.create_principal('olga', role_name => 'regress_review_olga'),
       crm.create_principal('gone', role_name => 'regress_review_gone'), crm.create_principal('quiet', role_name => 'regress_review_quiet'),
       crm.create_principal('late', role_name => 'regress_review_late'), crm.create_principal('tom'),
       crm.create_principal('desk', 'Help desk', 'team'), crm.create_principal('ghosts', kind => 'team');
DROP ROLE regress_review_gone;
SELECT crm.create_unit('acme', 'Acme', 'business', members => '{"boss": "manager"}');
SELECT crm.create_unit('sales', 'Sales', members => '{"rita": "sales", "olga": "empty"}');
SELECT crm.create_unit('north', 'Sales North', 'geographic', parent => 'sales', roles => '{service}',
    members => '{"nina": "manager", "rita": ["sales", "empty"], "gone": "sales", "quiet": "sales", "late": null, "desk": "sales", "ghosts": "sales"}');
SELECT crm.create_unit('oslo', 'Oslo', 'geographic', parent => 'north');
SELECT crm.create_unit('service', 'Service', members => '{"olga": ["auditor", "marketing"], "tom": "marketing"}');
SELECT crm.create_unit('island', 'Island', 'project', hierarchy => 'project');
INSERT INTO crm.membership (principal, unit, role, during) VALUES
    ('olga', 'oslo', 'sales', '[2020-01-01, 2021-01-01)'), ('olga', 'oslo', 'sales', '[2100-01-01,)');
CREATE ROLE regress_review_root LOGIN BYPASSRLS;
SELECT crm.create_principal('root', role_name => 'regress_review_root');
SELECT count(crm.date_unit(u, '2020-01-01')) FROM unnest(ARRAY['acme', 'sales', 'north', 'oslo']) u;
SELECT crm.create_unit('bergen', 'Bergen', 'geographic', parent => 'oslo', members => '{"root": "sales"}', since => '2024-01-01');
UPDATE crm.unit SET until = '2025-01-01' WHERE unit = 'bergen';
INSERT INTO crm.team_member (team, principal, during) VALUES ('desk', 'tom', '[2026-01-01, 2099-01-01)'), ('desk', 'rita', '[2020-01-01, 2021-01-01)');
CREATE TABLE deals (id integer PRIMARY KEY, region text, rep text);
INSERT INTO deals VALUES (1, 'north', 'rita'), (2, 'oslo', NULL), (3, 'oslo', 'somebody'), (4, 'service', NULL), (5, NULL, 'rita'), (6, 'nowhere', 'tom');
SELECT crm.protect('deals', '{"organisation": "region"}', owner_column => 'rep') IS NOT NULL AS protected;
-- a matrix without owners: a row counts where any of its units is
CREATE TABLE plans (id bigint, part integer, line text, area integer, PRIMARY KEY (id, part));
SELECT crm.add_unit_alias('oslo', '7'), crm.add_unit_alias('island', 'I');
INSERT INTO plans VALUES (1, 1, 'I', 7), (1, 2, NULL, 7), (2, 1, 'I', 8);
SELECT crm.protect('plans', '{"organisation": "area", "project": "line"}') IS NOT NULL AS protected;
INSERT INTO crm.shared_record (relation, record_key, principal, privileges, during, reason, shared_by) VALUES
    ('plans', crm.record_key('1', '1'), 'tom', '{read}', '[2026-01-01, 2099-01-01)', 'matrix', 'boss');
INSERT INTO crm.shared_record (relation, record_key, principal, unit, privileges, during, reason, shared_by) VALUES
    ('deals', '1', 'olga', NULL, '{read}', '[2026-01-01, 2099-01-01)', 'holiday', 'rita'),       -- the record is here
    ('deals', '4', 'rita', NULL, '{read,update}', '[2026-01-01,)', NULL, 'tom'),                  -- she is here
    ('deals', '4', NULL, 'sales', '{read}', '[2026-01-01,)', 'project', 'tom'),                   -- with all below sales
    ('deals', '99', NULL, 'oslo', '{read}', '[2026-01-01, 2099-01-01)', 'gone', 'tom'),           -- no such record
    ('deals', '4', 'boss', NULL, '{read}', '[2026-01-01, 2099-01-01)', 'elsewhere', 'tom'),       -- nothing of north
    ('deals', '1', 'olga', NULL, '{read}', '[2020-01-01, 2021-01-01)', 'over', 'rita');           -- ended
INSERT INTO crm.denial (principal, object, privilege, unit, denied_at, denied_by) VALUES
    ('rita', 'opportunity', 'delete', NULL, '2026-01-01', 'boss'), ('tom', '*', 'read', 'sales', '2026-01-01', 'boss'), ('tom', '*', 'read', 'service', '2026-01-01', 'boss');

-- who may start: administrators, and managers of the unit with all below it
SET ROLE regress_review_rita;
SELECT crm.start_access_review('north');
SET ROLE regress_review_nina;
SELECT crm.start_access_review('sales');
SELECT crm.start_access_review('nort');
SELECT crm.start_access_review('north') AS review \gset
SET ROLE regress_review_eve;
SELECT crm.start_access_review('north');
SELECT count(*) FROM crm.access_review;
RESET ROLE;

SELECT reviewed_unit, reviewed_name, started_by, count(*) AS entries, count(verdict) AS decided FROM crm.access_review GROUP BY 1, 2, 3;
SELECT kind, principal, team, unit, role, why FROM crm.access_review WHERE review = :review ORDER BY entry;
SELECT kind, principal, role, relation, finding FROM crm.access_review WHERE review = :review AND finding IS NOT NULL ORDER BY entry;
SELECT kind, principal, unit, role, relation, record_key, since::date, until::date, privileges FROM crm.access_review
WHERE review = :review AND (kind IN ('share', 'denial') OR role = 'auditor') ORDER BY entry;
-- what reaches the unit, and no more: of marketing in service nothing but depth organisation
SELECT bool_and(p ~ ' \(organisation\)$') AS only_everywhere FROM crm.access_review, unnest(privileges) p WHERE review = :review AND role = 'marketing';
SELECT bool_and(p ~ ' \((below|organisation)\)$') AS from_above FROM crm.access_review, unnest(privileges) p WHERE review = :review AND kind = 'reach';
SELECT count(*) > 0 AS by_team FROM crm.access_review, unnest(privileges) p WHERE review = :review AND kind = 'team' AND p ~ 'lead';
-- a review of a unit without members
SELECT crm.start_access_review('island') AS island \gset
SELECT kind, principal, unit, role FROM crm.access_review WHERE review = :island AND kind IN ('membership', 'reach', 'orphan') ORDER BY entry;
SELECT crm.remove_member('boss', 'acme');
SELECT crm.start_access_review('island') AS island \gset
SELECT kind, unit, why, finding FROM crm.access_review WHERE review = :island AND kind = 'orphan' ORDER BY entry;
SELECT crm.start_access_review('acme') AS whole \gset
SELECT kind, unit, relation, why, finding FROM crm.access_review WHERE review = :whole AND kind = 'orphan' ORDER BY entry;
SELECT crm.add_member('boss', 'acme', 'manager') > 0 AS added;

-- who sees it: those who may read on access in all of the unit
SET ROLE regress_review_olga;
SELECT count(*) > 0 AS auditor_sees FROM crm.access_review;
SET ROLE regress_review_rita;
SELECT count(*) FROM crm.access_review;
SELECT entry FROM crm.access_review;
RESET ROLE;

-- four eyes, and what is hidden looks like what is not there
SELECT set_config('crm_test.review', :'review', false) IS NOT NULL AS set;
CREATE FUNCTION entry(kind text, principal text, unit text DEFAULT NULL, role text DEFAULT NULL, record_key text DEFAULT NULL) RETURNS bigint
    LANGUAGE sql SECURITY DEFINER
    RETURN (SELECT e.id FROM crm.review_entry e WHERE e.review = current_setting('crm_test.review')::bigint AND e.kind = entry.kind
            AND e.principal IS NOT DISTINCT FROM entry.principal AND (entry.unit IS NULL OR e.unit = entry.unit)
            AND (entry.role IS NULL OR e.role = entry.role) AND (entry.record_key IS NULL OR e.record_key = entry.record_key));
SELECT entry('membership', 'rita', 'north', 'sales') AS sold, entry('membership', 'nina') AS own \gset
\set VERBOSITY sqlstate
SET ROLE regress_review_rita;
SELECT crm.decide_access_review(:sold, 'confirm');
SELECT crm.decide_access_review(1000000, 'confirm');
SET ROLE regress_review_eve;
SELECT crm.decide_access_review(:sold, 'confirm');
SELECT crm.finish_access_review(:review);
SET ROLE regress_review_olga;
SELECT crm.decide_access_review(:sold, 'confirm');
SELECT crm.finish_access_review(:review);
SET ROLE regress_review_nina;
SELECT crm.decide_access_review(:own, 'confirm');
SELECT crm.decide_access_review(:own, 'revoke');
\set VERBOSITY default
SELECT crm.decide_access_review(:sold, 'keep');
SELECT crm.decide_access_review(NULL, 'confirm');
-- nor about a team of one's own
RESET ROLE;
BEGIN;
INSERT INTO crm.team_member (team, principal, during) VALUES ('desk', 'nina', tstzrange(now(), NULL));
SET LOCAL ROLE regress_review_nina;
SELECT crm.decide_access_review(entry('membership', 'desk'), 'confirm');
ROLLBACK;
SET ROLE regress_review_nina;
-- what is given elsewhere she may confirm, and not revoke
SELECT crm.decide_access_review(entry('reach', 'boss'), 'revoke');
SELECT crm.decide_access_review(entry('reach', 'boss'), 'confirm', 'runs the firm');
SELECT crm.decide_access_review(entry('denial', 'tom', 'sales'), 'revoke');
SELECT crm.decide_access_review(entry('organisation', NULL, role => 'marketing'), 'revoke');
-- a revoke really ends it, in this transaction
RESET ROLE;
BEGIN;
SELECT crm.principal_visible('rita', 'north', 'ticket', 'update');
SET LOCAL ROLE regress_review_nina;
SELECT crm.decide_access_review(entry('unit_role', NULL), 'revoke', 'no service in the north');
RESET ROLE;
SELECT crm.principal_visible('rita', 'north', 'ticket', 'update');
ROLLBACK;
SELECT crm.principal_visible('rita', 'north', 'ticket', 'update');
SELECT crm.principal_visible('gone', 'north', 'lead', 'read');
SET ROLE regress_review_nina;
SELECT crm.decide_access_review(entry('membership', 'gone'), 'revoke', 'left in May');
\set VERBOSITY terse
SELECT crm.decide_access_review(entry('membership', 'gone'), 'confirm');
\set VERBOSITY default
RESET ROLE;
SELECT crm.principal_visible('gone', 'north', 'lead', 'read'), upper(m.during) = r.decided_at AS ended_then
FROM crm.membership m JOIN crm.access_review r ON r.principal = m.principal AND r.verdict = 'revoke' WHERE m.principal = 'gone';
-- planned memberships, team memberships, shares, denials
SELECT crm.decide_access_review(entry('membership', 'olga', 'oslo'), 'revoke');
SELECT count(*) FROM crm.membership WHERE principal = 'olga' AND unit = 'oslo';
SELECT crm.principal_visible('tom', 'north', 'lead', 'create');
SELECT crm.decide_access_review(entry('team', 'tom'), 'revoke');
SELECT crm.principal_visible('tom', 'north', 'lead', 'create');
SELECT crm.principal_shared('olga', '1', 'deals', 'read');
SELECT crm.decide_access_review(entry('share', 'olga'), 'revoke', 'back from holiday');
SELECT crm.principal_shared('olga', '1', 'deals', 'read');
SELECT crm.decide_access_review(entry('denial', 'rita'), 'revoke');
SELECT count(*) FROM crm.denial WHERE principal = 'rita';
SELECT crm.decide_access_review(entry('unit_role', NULL), 'revoke');
SELECT count(*) FROM crm.unit_role;

-- what changed after it was frozen: the log keeps what was, and a revoke says so
SELECT crm.remove_member('rita', 'north', 'empty');
\set VERBOSITY terse
SELECT crm.decide_access_review(entry('membership', 'rita', 'north', 'empty'), 'revoke') ~ '^had ended already, on ' AS had_ended;
UPDATE crm.membership SET role = 'manager' WHERE principal = 'quiet';
SELECT crm.decide_access_review(entry('membership', 'quiet'), 'revoke');
DELETE FROM crm.shared_record WHERE principal = 'rita';
SELECT crm.decide_access_review(entry('share', 'rita'), 'revoke');
SELECT crm.remove_member('rita', 'north', 'sales'), crm.add_member('rita', 'north', 'sales', tstzrange(now(), NULL)) > 0 AS again;
SELECT crm.decide_access_review(:sold, 'revoke') ~ '^had ended already, on .*; "rita" has the same by another membership in north$' AS says_so;
SELECT crm.move_unit('oslo', 'service'), crm.rename_unit('north', 'Nordic'), crm.revoke_privilege('sales', 'lead', 'read');
SELECT reviewed_name, array_to_string(privileges, '; ') ~ 'read' AS as_it_was FROM crm.access_review WHERE entry = :sold;
\set VERBOSITY default

-- it is finished when all is decided, or with a reason
SELECT crm.finish_access_review(:review, ' ');
SELECT crm.finish_access_review(:review, 'the rest next quarter') > 0 AS open;
SELECT DISTINCT finished_by, reason FROM crm.access_review WHERE review = :review;
SELECT crm.decide_access_review(entry('membership', 'desk'), 'confirm');
\set VERBOSITY sqlstate
SELECT crm.finish_access_review(:review);
\set VERBOSITY default
SELECT crm.start_access_review('island') AS island \gset
SELECT count(crm.decide_access_review(entry, 'confirm')) > 0 AS all_confirmed FROM crm.access_review WHERE review = :island;
SELECT crm.finish_access_review(:island);

-- a log: nobody writes it again
SELECT kind, principal, verdict, decided_by, comment, CASE WHEN outcome ~ ' on ' THEN 'had ended' ELSE outcome END AS outcome
FROM crm.access_review WHERE review = :review AND verdict IS NOT NULL ORDER BY entry;
UPDATE crm.review_entry SET verdict = 'confirm' WHERE id = :sold;
UPDATE crm.review_entry SET why = 'x' WHERE verdict IS NULL;
DELETE FROM crm.review_entry;
UPDATE crm.review SET reason = 'x';
UPDATE crm.review SET started_by = 'x';
DELETE FROM crm.review;
TRUNCATE crm.review, crm.review_entry;
SET session_replication_role = replica;
DELETE FROM crm.review_entry WHERE id = :sold;
RESET session_replication_role;
SET ROLE regress_review_nina;
SELECT count(*) FROM crm.review_entry;
RESET ROLE;
SELECT room, item, state, amount > 0 AS some, detail, hint FROM crm.status WHERE item ~ 'review' ORDER BY item;
-- an administrator who is no principal is written as his role
CREATE ROLE regress_review_admin;
SELECT crm.grant_admin('regress_review_admin');
SET ROLE regress_review_admin;
SELECT crm.start_access_review('service') AS service \gset
SELECT started_by, count(*) > 0 AS entries FROM crm.access_review WHERE review = :service GROUP BY 1;
RESET ROLE;
DROP TABLE deals, plans;
DROP OWNED BY regress_review_admin;
DROP ROLE regress_review_boss, regress_review_nina, regress_review_rita, regress_review_olga, regress_review_eve, regress_review_quiet,
    regress_review_late, regress_review_root, regress_review_admin;
