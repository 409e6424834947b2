-- The organisation as it was and as it is: names and places of units in time, and reports by either.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
SET datestyle = 'ISO, YMD';
SET timezone = 'UTC';

-- units in one statement: with description, date, roles and members
SELECT count(*) FROM crm.install_role_templates();
SELECT crm.create_principal('anna'), crm.create_principal('bob'), crm.create_principal('carl'), crm.create_principal('dora');
SELECT crm.create_unit('acme', 'Acme Ltd', 'business', since => '2020-01-01');
SELECT crm.create_unit('sales', 'Sales', since => '2020-01-01', roles => '{sales}',
                       members => '{"anna": "manager", "bob": null, "carl": ["sales", "marketing"]}');
SELECT u.unit, u.role FROM crm.unit_role u;
SELECT principal, unit, role FROM crm.membership ORDER BY principal, role;
SELECT crm.create_unit('service', 'Service', since => '2020-01-01');
SELECT crm.create_unit('north', 'Region North', 'geographic', parent => 'sales', since => '2021-05-01', description => 'Oslo and Bergen');
SELECT crm.create_unit('south', 'Region South', 'geographic', parent => 'sales', since => '2020-01-01');
SELECT crm.create_unit('oslo', 'Oslo', 'geographic', parent => 'north', since => '2021-05-01');
-- what cannot be
\set VERBOSITY sqlstate
SELECT crm.create_unit('x', since => 'tomorrow');
\set VERBOSITY default
SELECT crm.create_unit('x', since => 'infinity');
SELECT crm.create_unit('x', parent => 'north', since => '2021-04-30 12:00');
SELECT crm.create_unit('x', members => '17');
SELECT crm.create_unit('x', members => '{"anna": "boss"}');
SELECT crm.create_unit('x', roles => '{boss}');
SELECT count(*) FROM crm.unit WHERE unit = 'x';

-- hierarchies have names, and are found whatever the case
SELECT crm.create_hierarchy('product', 'Product lines', 'who earns the money');
SELECT crm.create_unit('beer', 'Beer', 'product', hierarchy => 'Product');
SELECT crm.create_hierarchy('PRODUCT', description => 'what is brewed');
SELECT crm.create_hierarchy(' ');
SELECT hierarchy, name, description FROM crm.hierarchy ORDER BY 1;

-- key and hierarchy stay, also by UPDATE; a unit stays in its tree
UPDATE crm.unit SET unit = 'nord' WHERE unit = 'north';
UPDATE crm.unit SET hierarchy = 'product' WHERE unit = 'south';
UPDATE crm.unit SET parent = 'beer' WHERE unit = 'south';
INSERT INTO crm.unit (unit, name, kind, hierarchy, parent) VALUES ('ale', 'Ale', 'product', 'organisation', 'beer');

-- The region moved in March, and was called otherwise since July. Today says so.
SELECT crm.move_unit('north', 'service', since => '2026-03-01');
SELECT crm.rename_unit('north', 'Nordic', since => '2026-07-01');
SELECT unit, parent, name, lower(during)::date AS since, upper(during)::date AS until
FROM crm.unit_history WHERE unit IN ('north', 'oslo') ORDER BY unit, during;
-- the old name goes on to mean the unit
SELECT crm.resolve_unit('region north'), crm.resolve_unit('Nordic');
-- moving where it is, or renaming to what it is called, is no change
SELECT crm.move_unit('north', 'service'), crm.rename_unit('north', 'Nordic'), crm.describe_unit('north', 'Norway');
SELECT count(*), max(u.description) FROM crm.unit_history h JOIN crm.unit u USING (unit) WHERE unit = 'north';
-- dates that cannot be
SELECT crm.move_unit('north', 'sales', since => '2026-07-01');
\set VERBOSITY sqlstate
SELECT crm.move_unit('north', 'sales', since => now() + interval '1 hour');
\set VERBOSITY default
SELECT crm.rename_unit('north', 'Norden', since => '2026-03-01');
SELECT crm.rename_unit('north', ' ');
UPDATE crm.unit SET changed_at = '2026-03-02', name = 'Norden' WHERE unit = 'north';
SELECT crm.date_unit('north', '2022-01-01');
SELECT crm.date_unit('north', '2019-01-01');
-- since when a unit has been there may be learned later
SELECT crm.date_unit('north', '2020-01-01');
SELECT crm.date_unit('oslo', '2020-06-01');
SELECT unit, lower(during)::date AS since FROM crm.unit_history WHERE unit IN ('north', 'oslo') ORDER BY during;

-- as it was at an instant
SELECT ancestor, distance FROM crm.unit_path_at('2026-02-28 23:59') WHERE descendant = 'oslo' ORDER BY distance;
SELECT ancestor, distance FROM crm.unit_path_at('2026-03-01') WHERE descendant = 'oslo' ORDER BY distance;
SELECT count(*) FROM crm.unit_path_at('2020-05-31') WHERE descendant = 'oslo';
SELECT count(*) AS differ FROM (TABLE crm.unit_path EXCEPT ALL SELECT * FROM crm.unit_path_at(now())
                                UNION ALL (SELECT * FROM crm.unit_path_at(now()) EXCEPT ALL TABLE crm.unit_path)) d;

-- for BI tools: what is oldest reaches back, what lasts reaches on
SELECT unit_key, name, parent_key, valid_from, valid_to, current FROM crm_bi.dim_unit_history
WHERE unit_key IN ('north', 'sales') ORDER BY unit_key, valid_from;
SELECT ancestor_key, unit_key, distance, valid_from, valid_to FROM crm_bi.dim_unit_path_history
WHERE unit_key = 'oslo' ORDER BY distance, valid_from;

-- revenue: won deals of 2026 by region
CREATE TABLE deals (id integer PRIMARY KEY, office text, value numeric, status text, opened date, closed date);
INSERT INTO deals VALUES (1, 'oslo', 100, 'won', '2026-01-05', '2026-01-20'), (2, 'oslo', 40, 'won', '2026-02-01', '2026-02-28'),
    (3, 'oslo', 300, 'won', '2026-01-10', '2026-03-01'), (4, 'Region North', 70, 'won', '2026-03-10', '2026-05-02'),
    (5, 'south', 1000, 'won', '2026-01-02', '2026-04-01'), (6, 'oslo', 5, 'won', '2018-02-01', '2018-03-01');
SELECT count(*) > 0 AS adopted FROM crm.adopt('deals', 'opportunity', columns => '{"unit": "office", "amount": "value",
    "stage": "status", "created_at": "opened", "closed_at": "closed"}');
SELECT crm.create_funnel('sales', 'opportunity', '[{"key": "new", "position": 100, "kind": "entry"},
    {"key": "won", "position": 200, "kind": "won", "milestone": "won"}]');
SELECT count(*) > 0 AS tracked FROM crm.track('deals', 'sales');
SELECT count(*) > 0 AS kpis FROM crm.install_kpi_pack();
CALL crm.backfill('deals');
-- as it is: all that the region ever earned counts for service
SELECT p.ancestor_key AS department, sum(v.numerator) AS won
FROM crm_bi.kpi_value v JOIN crm_bi.dim_unit_path p ON p.unit_key = v.unit_key
WHERE v.kpi_key = 'won_value' AND v.day >= '2026-01-01' AND p.ancestor_key IN ('acme', 'sales', 'service') GROUP BY 1 ORDER BY 1;
-- as it was: what it earned until February counts for sales
SELECT p.ancestor_key AS department, sum(v.numerator) AS won
FROM crm_bi.kpi_value v
JOIN crm_bi.dim_unit_path_history p ON p.unit_key = v.unit_key AND v.day >= p.valid_from AND v.day < p.valid_to
WHERE v.kpi_key = 'won_value' AND v.day >= '2026-01-01' AND p.ancestor_key IN ('acme', 'sales', 'service') GROUP BY 1 ORDER BY 1;
-- by name as it was
SELECT d.name, sum(v.numerator) AS won
FROM crm_bi.kpi_value v JOIN crm_bi.dim_unit_history d ON d.unit_key = v.unit_key AND v.day >= d.valid_from AND v.day < d.valid_to
WHERE v.kpi_key = 'won_value' GROUP BY 1 ORDER BY 1;
-- no fact is lost or counted twice, however old: 2018 is before there was a unit
SELECT (SELECT sum(numerator) FROM crm_bi.kpi_value WHERE kpi_key = 'won_value') AS facts,
       (SELECT sum(v.numerator) FROM crm_bi.kpi_value v JOIN crm_bi.dim_unit_path_history p ON p.unit_key = v.unit_key
            AND v.day >= p.valid_from AND v.day < p.valid_to AND p.ancestor_key = 'acme' WHERE v.kpi_key = 'won_value') AS as_it_was,
       (SELECT sum(v.numerator) FROM crm_bi.kpi_value v JOIN crm_bi.dim_unit_path p ON p.unit_key = v.unit_key
            AND p.ancestor_key = 'acme' WHERE v.kpi_key = 'won_value') AS as_it_is;
-- moving changes no row of the team's table, only what it means
CREATE TABLE versions AS SELECT id, ctid AS place, xmin::text AS inserted, xmax::text AS changed FROM deals;
BEGIN;
SELECT crm.move_unit('south', 'service');
SELECT crm.kpi_total('won_value', 'sales'), crm.kpi_total('won_value', 'service');
SELECT count(*) AS same FROM deals d JOIN versions v ON v.id = d.id AND v.place = d.ctid AND v.inserted = d.xmin::text AND v.changed = d.xmax::text;
ROLLBACK;

-- several changes of one transaction are one state; one that is taken back is none
SELECT crm.create_unit('lab', parent => 'acme', since => '2025-01-01');
BEGIN;
SELECT crm.rename_unit('lab', 'Laboratory');
SELECT crm.move_unit('lab', 'sales');
SELECT crm.rename_unit('lab', 'Research');
COMMIT;
SELECT parent, name, upper_inf(during) AS current FROM crm.unit_history WHERE unit = 'lab' ORDER BY during;
BEGIN;
SELECT crm.move_unit('lab', 'service');
SELECT crm.move_unit('lab', 'sales');
COMMIT;
SELECT count(*) FROM crm.unit_history WHERE unit = 'lab';
BEGIN;
SELECT crm.move_unit('lab', 'service');
ROLLBACK;
SELECT count(*) FROM crm.unit_history WHERE unit = 'lab';
-- changes of one day: its end counts, and a state that no day ended in is in no report by days
SELECT parent_key, valid_from = current_date AS today, current FROM crm_bi.dim_unit_history WHERE unit_key = 'lab' ORDER BY valid_from;
SELECT crm.move_unit('lab', 'service');
SELECT parent_key, current FROM crm_bi.dim_unit_history WHERE unit_key = 'lab' ORDER BY valid_from;
SELECT count(*) FROM crm.unit_history WHERE unit = 'lab';

-- a circle in the past is refused as well: a was below b until yesterday
SELECT crm.create_unit('b', since => '2025-01-01'), crm.create_unit('a', parent => 'b', since => '2025-01-01');
SELECT crm.move_unit('a', 'acme', since => current_date - 1);
SELECT crm.move_unit('b', 'a', since => '2025-06-01');
SELECT crm.create_unit('new');
\set VERBOSITY terse
SELECT crm.move_unit('b', 'new', since => '2025-06-01');
\set VERBOSITY default
SELECT crm.move_unit('b', 'a');
SELECT ancestor, distance FROM crm.unit_path_at('2025-06-01') WHERE descendant = 'a' ORDER BY distance;
SELECT ancestor, distance FROM crm.unit_path_at(now()) WHERE descendant = 'b' ORDER BY distance;

-- retiring: now, or on a day to come; memberships end, rows stay with those above
SELECT crm.create_unit('fair', 'Trade fair 2025', 'project', parent => 'sales', since => '2025-01-01', members => '{"dora": "sales"}');
SELECT crm.retire_unit('fair', '2024-12-31');
SELECT crm.retire_unit('fair', NULL);
SELECT crm.retire_unit('fair', now() + interval '2 days');
SELECT u.until > now() AS planned, upper(m.during) = u.until AS ends_with_it FROM crm.unit u JOIN crm.membership m USING (unit) WHERE unit = 'fair';
SELECT crm.principal_visible('dora', 'fair', 'lead', 'read') AS still;
SELECT crm.add_member('carl', 'fair', 'sales');
SELECT crm.retire_unit('fair');
SELECT crm.principal_visible('dora', 'fair', 'lead', 'update') AS dora, crm.principal_visible('anna', 'fair', 'lead', 'update') AS anna;
SELECT crm.add_member('carl', 'fair', 'sales');
SELECT crm.create_unit('stand', parent => 'fair');
SELECT crm.move_unit('lab', 'fair');
SELECT count(*) FROM crm_bi.dim_unit_path WHERE unit_key = 'fair';
SELECT until IS NULL AS in_use, until <= now() AS retired, upper_inf(during) AS current FROM crm.unit_history WHERE unit = 'fair' ORDER BY during;
-- and taken back: what ended stays ended
SELECT crm.reopen_unit('sales');
SELECT crm.reopen_unit('fair');
SELECT until, crm.principal_visible('dora', 'fair', 'lead', 'update') AS dora FROM crm.unit WHERE unit = 'fair';
SELECT crm.add_member('dora', 'fair', 'sales') > 0 AS added;
-- dated back: the access that there was stays in the record
SELECT crm.create_unit('old', parent => 'acme', since => '2020-01-01', members => '{"bob": "sales"}');
SELECT crm.retire_unit('old', '2021-01-01');
SELECT upper(m.during) > lower(m.during) AND upper(m.during) <= now() AS ended_now, u.until::date FROM crm.membership m JOIN crm.unit u USING (unit)
WHERE unit = 'old';
-- not below one that is retired
SELECT crm.create_unit('hall', parent => 'fair');
SELECT crm.retire_unit('hall'), crm.retire_unit('fair');
SELECT crm.reopen_unit('hall');

-- what was stays also when a unit is deleted and its key is given again
SELECT crm.create_unit('temp', 'Temporary', since => '2024-01-01');
DELETE FROM crm.unit WHERE unit = 'temp';
\set VERBOSITY terse
SELECT crm.create_unit('temp', 'Again', since => '2025-01-01');
\set VERBOSITY default
SELECT crm.create_unit('temp', 'Again');
SELECT name, upper_inf(during) AS current FROM crm.unit_history WHERE unit = 'temp' ORDER BY during;

-- what a restore does: rows of both tables as they were, in any order of the units, and no history of its own
CREATE TABLE saved AS TABLE crm.unit;
CREATE TABLE saved_past AS TABLE crm.unit_past;
CREATE TABLE saved_history AS TABLE crm.unit_history;
CREATE TABLE saved_hierarchy AS TABLE crm.hierarchy;
SET client_min_messages = warning;
TRUNCATE crm.hierarchy CASCADE;
RESET client_min_messages;
SELECT count(*) FROM crm.unit_history;
INSERT INTO crm.hierarchy TABLE saved_hierarchy;
INSERT INTO crm.unit SELECT * FROM saved ORDER BY unit DESC;
INSERT INTO crm.unit_past TABLE saved_past;
SELECT count(*) AS states, count(*) FILTER (WHERE s IS DISTINCT FROM h) AS differ
FROM (SELECT * FROM crm.unit_history) h FULL JOIN saved_history s ON s.unit = h.unit AND s.during = h.during;

-- the administration is not for everybody, history is for all
CREATE ROLE regress_unit_history_eve;
SET ROLE regress_unit_history_eve;
SELECT crm.rename_unit('north', 'Mine');
SELECT crm.date_unit('north', '2000-01-01');
INSERT INTO crm.unit_past SELECT * FROM crm.unit_past;
SELECT count(*) > 0 AS readable FROM crm_bi.dim_unit_path_history;
SELECT count(*) > 0 AS readable FROM crm.unit_history;
RESET ROLE;
DROP ROLE regress_unit_history_eve;
