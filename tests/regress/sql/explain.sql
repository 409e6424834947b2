-- Why somebody may or may not: each path that grants, each denial, what is missing; who may ask.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
SET datestyle = 'ISO';
SET timezone = 'UTC';
CREATE ROLE regress_explain_owner;
CREATE ROLE regress_explain_admin;
CREATE ROLE regress_explain_anna;
CREATE ROLE regress_explain_ben;
CREATE ROLE regress_explain_eve;
SELECT crm.grant_admin('regress_explain_admin');
SELECT crm.create_role('rep'), crm.create_role('boss');
SELECT crm.grant_privilege('rep', 'opportunity', p, 'unit') FROM unnest('{read,update}'::text[]) p;
SELECT crm.grant_privilege('boss', '*', p, 'below') FROM unnest('{read,update,share}'::text[]) p;
SELECT crm.grant_privilege('boss', '*', 'total', 'organisation'), crm.grant_privilege('rep', 'opportunity', 'delete', 'own');
SELECT crm.create_principal(p, role_name => ('regress_explain_' || p)::name) FROM unnest('{owner,anna,ben}'::text[]) p;
SELECT crm.create_principal('carl'), crm.create_principal('dora'), crm.create_principal('crew', kind => 'team');
SELECT crm.create_unit('acme', 'Acme'), crm.create_unit('sales', 'Sales', members => '{"anna": "boss"}'),
       crm.create_unit('north', 'North', parent => 'sales', members => '["ben"]', roles => '{rep}'), crm.create_unit('oslo', 'Oslo', parent => 'north'),
       crm.create_unit('beer', 'Beer', 'product', hierarchy => 'product');
CREATE TABLE deals (id integer PRIMARY KEY, region text, line text, rep text);
INSERT INTO deals VALUES (1, 'north', 'beer', 'ben'), (2, 'oslo', 'beer', 'crew'), (3, NULL, NULL, NULL), (4, 'nowhere', 'beer', 'carl');
ALTER TABLE deals OWNER TO regress_explain_owner;
GRANT SELECT ON deals TO PUBLIC;
SELECT count(*) FROM crm.protect('deals', '{"organisation": "region"}', owner_column => 'rep', object => 'opportunity');

-- by unit, with the role of the unit, and as its owner
SELECT granted, kind, need, role, unit, path, depth, team, since <= now() AS since, until, detail FROM crm.explain_access('ben', 'deals', '1', 'update');
-- from above
SELECT granted, kind, need, role, unit, path, depth, detail FROM crm.explain_access('anna', 'deals', '2');
-- granted in part: the other half is missing
SELECT granted, kind, need, role, unit, detail FROM crm.explain_access('anna', 'deals', '2', 'delete');
SELECT granted, kind, need, role, unit, detail FROM crm.explain_access('ben', 'deals', '2', 'delete');
-- the fallback unit
SELECT granted, kind, detail FROM crm.explain_access('anna', 'deals', '3');
SELECT granted, kind, detail FROM crm.explain_access('anna', 'deals', '4');
SELECT granted, kind, need, depth, detail FROM crm.explain_access('anna', 'deals', '3', 'total');
-- by a team: its rows and its unit
SELECT crm.add_team_member('crew', 'dora', tstzrange('2020-01-01', '2098-01-01')) > 0 AS added, crm.add_member('crew', 'oslo', 'rep', tstzrange('2021-01-01', '2099-01-01')) > 0 AS added;
SELECT granted, kind, need, role, unit, depth, team, since, until, detail FROM crm.explain_access('dora', 'deals', '2', 'delete');
-- what is over, and what has not begun
SELECT crm.add_member('carl', 'north', 'rep', tstzrange('2020-01-01', '2021-01-01')) > 0 AS over, crm.add_member('carl', 'north', 'boss', tstzrange('2090-01-01', NULL)) > 0 AS planned,
       crm.add_team_member('crew', 'carl', tstzrange('2019-01-01', '2020-01-01')) > 0 AS left_before;
SELECT granted, kind, need, role, team, since, until, detail FROM crm.explain_access('carl', 'deals', '1');
SELECT granted, kind, need, role, team, since, until, detail FROM crm.explain_access('carl', 'deals', '2');
-- by a share, which ends
SELECT crm.share('deals', '1', 'crew', '{update}', until => '2098-06-01', reason => 'tender') > 0 AS shared, crm.share('deals', '4', 'unit:sales') > 0 AS shared;
SELECT granted, kind, need, unit, team, since <= now() AS since, until, detail FROM crm.explain_access('dora', 'deals', '1', 'update');
SELECT granted, kind, unit, path, detail FROM crm.explain_access('ben', 'deals', '4');
SELECT granted, kind, need, detail FROM crm.explain_access('ben', 'deals', '4', 'update');
UPDATE crm.shared_record SET during = tstzrange('2020-01-01', '2021-01-01') WHERE record_key = '1';
SELECT granted, kind, since, until, detail FROM crm.explain_access('dora', 'deals', '1');
-- denied
SELECT crm.deny('crew', 'opportunity', 'read', 'sales', 'audit'), crm.deny('ben', '*', 'update');
SELECT granted, kind, need, unit, path, team, detail FROM crm.explain_access('dora', 'deals', '2');
SELECT granted, kind, need, role, unit, detail FROM crm.explain_access('ben', 'deals', '1', 'update');
SELECT granted, kind, detail FROM crm.explain_access('ben', 'deals', '1') WHERE kind = 'verdict';
SELECT crm.undeny('ben', '*', 'update'), crm.undeny('crew', 'opportunity', 'read', 'sales');

-- several hierarchies
SELECT crm.unprotect('deals');
SELECT count(*) FROM crm.protect('deals', '{"organisation": "region", "product": "line"}', object => 'opportunity');
SELECT granted, kind, need, unit, detail FROM crm.explain_access('ben', 'deals', '1');
SELECT crm.add_member('ben', 'beer', 'rep') > 0 AS added;
SELECT granted, kind, need, unit, detail FROM crm.explain_access('ben', 'deals', '1');
SELECT crm.unprotect('deals');
SELECT count(*) FROM crm.protect('deals', '{"organisation": "region", "product": "line"}', combine => 'any', owner_column => 'rep', object => 'opportunity');
SELECT granted, kind, need, unit, detail FROM crm.explain_access('ben', 'deals', '2');
SELECT crm.deny('ben', 'opportunity', 'read', 'oslo');
SELECT granted, kind, need, unit, detail FROM crm.explain_access('ben', 'deals', '2');
SELECT crm.undeny('ben', 'opportunity', 'read', 'oslo');
SELECT crm.unprotect('deals');
SELECT count(*) FROM crm.protect('deals', '{"organisation": "region"}', owner_column => 'rep', object => 'opportunity');

-- Who can
SELECT crm.share('deals', '1', 'dora', until => '2099-01-01') > 0 AS shared;
SELECT principal, kind, role, unit, path, depth, team, until, detail FROM crm.who_can_access('deals', '1');
SELECT principal, kind, role FROM crm.who_can_access('deals', '1', 'delete');
SELECT principal, kind, role FROM crm.who_can_access('deals', '1', 'export');

-- Who may ask. About others: administrators and the owner.
SET ROLE regress_explain_admin;
SELECT granted, detail FROM crm.explain_access('anna', 'deals', '3') WHERE kind = 'verdict';
SELECT count(*) FROM crm.who_can_access('deals', '3', 'total');
SET ROLE regress_explain_owner;
SELECT granted, detail FROM crm.explain_access('ANNA', 'deals', '3') WHERE kind = 'verdict';
SELECT * FROM crm.explain_access('bem', 'deals', '3');
SELECT * FROM crm.explain_access('ben', 'deals', '99');
SELECT * FROM crm.explain_access('ben', 'deals', '1', 'raed');
-- about oneself, of what one may read; who can, where one may share
SET ROLE regress_explain_anna;
SELECT granted, kind, role, unit FROM crm.explain_access('anna', 'deals', '1');
SELECT principal, kind FROM crm.who_can_access('deals', '1');
SET ROLE regress_explain_ben;
SELECT granted, kind, role, unit FROM crm.explain_access('Ben', 'deals', '1');
SELECT granted, kind, detail FROM crm.explain_access('ben', 'deals', '1', 'share');
SELECT * FROM crm.who_can_access('deals', '1');
-- hidden is as absent, for every question
SELECT * FROM crm.explain_access('ben', 'deals', '2');
SELECT * FROM crm.explain_access('ben', 'deals', '99');
SELECT * FROM crm.explain_access('ben', 'deals', '2', 'update');
SELECT * FROM crm.explain_access('ben', 'deals', '99', 'update');
SELECT * FROM crm.explain_access('ben', 'deals', '2', 'total');
SELECT * FROM crm.who_can_access('deals', '2');
SELECT * FROM crm.who_can_access('deals', '99');
-- about others: whether they and the record exist or not
SELECT * FROM crm.explain_access('anna', 'deals', '1');
SELECT * FROM crm.explain_access('nobody', 'deals', '99');
SELECT * FROM crm.explain_access(NULL, 'deals', '99');
SET ROLE regress_explain_eve;
SELECT * FROM crm.explain_access('anna', 'deals', '1');
SELECT * FROM crm.explain_access('eve', 'deals', '99');
SELECT * FROM crm.who_can_access('deals', '1');
SELECT * FROM crm.who_can_access('deals', '99');
SELECT * FROM crm.access_findings(NULL, NULL, 'read');
RESET ROLE;
REVOKE SELECT ON deals FROM PUBLIC;
SET ROLE regress_explain_ben;
SELECT * FROM crm.explain_access('ben', 'deals', '1');
SELECT * FROM crm.explain_access('ben', 'deals', '99');
RESET ROLE;
SELECT crm.unprotect('deals');
SELECT * FROM crm.explain_access('ben', 'deals', '1');

-- On a made-up organisation every explanation agrees with what the policies decide, or it would be an error.
CREATE FUNCTION pick(seed text, n integer) RETURNS integer LANGUAGE sql IMMUTABLE
    RETURN (('x' || substr(md5(seed), 1, 8))::bit(32)::bigint & 2147483647) % n;
SELECT count(crm.create_unit('u' || i, parent => CASE WHEN i < 4 THEN 'acme' ELSE 'u' || pick('parent' || i, i - 1) + 1 END)) FROM generate_series(1, 25) i;
SELECT count(crm.create_unit('p' || i, parent => CASE WHEN i < 3 THEN 'acme' ELSE 'p' || pick('parent p' || i, i - 1) + 1 END, hierarchy => 'product')) FROM generate_series(1, 12) i;
SELECT count(crm.create_principal('m' || i, kind => CASE WHEN i > 16 THEN 'team' ELSE 'person' END)) FROM generate_series(1, 20) i;
SELECT count(crm.create_role('r' || i)) FROM generate_series(1, 8) i;
SELECT count(crm.grant_privilege('r' || pick('role' || i, 8) + 1, (ARRAY['opportunity', 'lead', '*'])[pick('object' || i, 3) + 1],
    (ARRAY['read', 'read', 'read', 'create', 'update', 'delete', 'total', 'story', 'share'])[pick('privilege' || i, 9) + 1],
    (ARRAY['own', 'unit', 'unit', 'below', 'below', 'organisation'])[pick('depth' || i, 6) + 1])) FROM generate_series(1, 50) i;
INSERT INTO crm.membership (principal, unit, role, during)
SELECT 'm' || pick('member' || i, 20) + 1, CASE pick('tree' || i, 3) WHEN 0 THEN 'p' || pick('unit' || i, 12) + 1 ELSE 'u' || pick('unit' || i, 25) + 1 END,
       CASE WHEN pick('plain' || i, 6) > 0 THEN 'r' || pick('as' || i, 8) + 1 END,
       CASE pick('when' || i, 5) WHEN 0 THEN tstzrange(NULL, now()) WHEN 1 THEN tstzrange(now() + interval '1 day', NULL) ELSE tstzrange(now(), NULL) END
FROM generate_series(1, 70) i;
INSERT INTO crm.unit_role SELECT DISTINCT 'u' || pick('ur' || i, 25) + 1, 'r' || pick('urr' || i, 8) + 1 FROM generate_series(1, 10) i;
INSERT INTO crm.team_member (team, principal, during)
SELECT DISTINCT 'm' || pick('team' || i, 4) + 17, 'm' || pick('in team' || i, 16) + 1, CASE WHEN pick('team when' || i, 4) = 0 THEN tstzrange(NULL, now()) ELSE tstzrange(now(), NULL) END
FROM generate_series(1, 16) i;
SELECT count(crm.deny('m' || pick('denied' || i, 20) + 1, (ARRAY['opportunity', 'lead', '*'])[pick('denied object' || i, 3) + 1],
    (ARRAY['read', 'update', 'total', 'story', 'create', 'share'])[pick('denied privilege' || i, 6) + 1],
    CASE WHEN pick('denied where' || i, 5) > 0 THEN 'u' || pick('denied unit' || i, 25) + 1 END)) FROM generate_series(1, 22) i;
CREATE TABLE both_ways AS
    SELECT i AS id, 'u' || pick('region' || i, 27) AS region, 'p' || pick('line' || i, 13) AS line, 'm' || pick('owner' || i, 22) AS rep FROM generate_series(1, 8) i;
ALTER TABLE both_ways ADD PRIMARY KEY (id);
CREATE TABLE one_way AS SELECT * FROM both_ways;
ALTER TABLE one_way ADD PRIMARY KEY (id);
SELECT count(*) FROM crm.protect('both_ways', '{"organisation": "region", "product": "line"}', owner_column => 'rep', object => 'opportunity');
SELECT count(*) FROM crm.protect('one_way', '{"organisation": "region", "product": "line"}', combine => 'any', owner_column => 'rep', object => 'lead');
SELECT count(crm.share((ARRAY['both_ways', 'one_way'])[pick('share of' || i, 2) + 1]::regclass, (pick('share key' || i, 8) + 1)::text,
    CASE pick('share with' || i, 2) WHEN 0 THEN 'm' || pick('share who' || i, 20) + 1 ELSE 'u' || pick('share who' || i, 25) + 1 END,
    CASE pick('share what' || i, 3) WHEN 0 THEN '{update,share}' WHEN 1 THEN '{delete}' ELSE '{read}' END::text[])) FROM generate_series(1, 20) i;
SELECT t AS relation, v AS privilege, count(*) AS rows, sum(w.principals) AS may, 20 * count(*) - sum(w.principals) AS may_not
FROM unnest('{both_ways,one_way}'::regclass[]) t, unnest('{create,read,update,delete,share,total,story}'::text[]) WITH ORDINALITY x (v, n), both_ways b,
     LATERAL (SELECT count(DISTINCT a.principal) AS principals FROM crm.who_can_access(t, b.id::text, v) a WHERE a.principal LIKE 'm%') w
GROUP BY t, v, x.n ORDER BY t::text, x.n;
SELECT count(*) FILTER (WHERE e.kind = 'verdict') AS questions, count(*) FILTER (WHERE e.kind = 'verdict' AND e.granted) AS granted,
       count(*) FILTER (WHERE e.kind = 'missing') > 0 AS missing, count(*) FILTER (WHERE e.kind = 'denial') > 0 AS denied, count(*) FILTER (WHERE e.kind = 'share') > 0 AS shared
FROM generate_series(1, 16) m, generate_series(1, 7, 3) k, unnest('{update,story}'::text[]) v, crm.explain_access('m' || m, 'both_ways', k::text, v) e;

DROP OWNED BY regress_explain_owner, regress_explain_admin CASCADE;
DROP ROLE regress_explain_owner, regress_explain_admin, regress_explain_anna, regress_explain_ben, regress_explain_eve;
