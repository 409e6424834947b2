-- Links and merges move the facts of those whom they are about, and undone they move them back; units move and facts stay: by hand.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
SET client_min_messages = warning;
SET datestyle = 'ISO'; SET timezone = 'UTC'; SET jit = off;
SELECT count(crm.create_unit(u.key, parent => u.parent, since => '2020-01-01')) AS units
FROM (VALUES ('firm', NULL), ('east', 'firm'), ('west', 'firm'), ('north', 'east'), ('south', 'west')) AS u (key, parent);
SELECT crm.create_funnel('sales', 'opportunity', '[{"key": "talk", "kind": "entry"}, {"key": "won", "kind": "won", "milestone": "won"}, {"key": "lost", "kind": "lost", "position": 900}]');
SELECT crm.create_funnel('path', 'lead', '[{"key": "lead", "kind": "entry", "milestone": "lead"}, {"key": "mql", "milestone": "mql"}]');
CREATE TABLE client (id integer PRIMARY KEY, name text, mail text, class text, office text, came date);
CREATE TABLE deal (id integer PRIMARY KEY, client integer REFERENCES client, office text, amount numeric, status text, opened timestamptz, closed date);
CREATE TABLE person (id integer PRIMARY KEY, mail text, office text, lead_at timestamptz, mql_at timestamptz);
SELECT crm.define_component('client_came', 'customer', 'created_at'), crm.define_kpi('clients', 'Clients', 'client_came'),
       crm.define_kpi('buyers', 'Buyers', 'opportunity_closed.customer[won]', kind => 'distinct');
INSERT INTO client VALUES (1, 'Ann Quist', 'ann@one.example', 'small', 'north', '2026-01-01'), (2, 'A. Quist', 'ann@two.example', 'large', 'south', '2026-01-02'), (3, 'Bo Lund', 'bo@three.example', 'large', 'south', '2026-01-03');
-- Ann's first win is of her second record, in the south
INSERT INTO deal VALUES (1, 1, 'north', 100, 'won', '2026-01-05', '2026-02-20'), (2, 2, 'south', 40, 'won', '2026-01-06', '2026-02-10'), (3, 2, 'south', 7, 'talk', '2026-01-07', NULL), (4, 3, 'south', 1000, 'won', '2026-01-08', '2026-02-25');
INSERT INTO person VALUES (1, 'ann@one.example', 'north', '2026-01-12', '2026-01-20'), (2, 'ann@two.example', 'south', '2026-01-10', '2026-01-22'), (3, 'bo@three.example', 'south', '2026-01-11', NULL);
SELECT count(*) > 0 AS adopted FROM crm.adopt('client', 'customer', columns => '{"full_name": "name", "email": "mail", "segment": "class", "unit": "office", "created_at": "came"}');
SELECT count(*) > 0 AS adopted FROM crm.adopt('deal', 'opportunity', funnel => 'sales', columns => '{"customer": "client", "unit": "office", "amount": "amount", "stage": "status", "created_at": "opened", "closed_at": "closed"}');
SELECT count(*) > 0 AS adopted FROM crm.adopt('person', 'lead', columns => '{"email": "mail", "unit": "office", "created_at": "lead_at", "stage": {"lead": "lead_at", "mql": "mql_at"}}');
SELECT count(*) > 0 AS tracked FROM crm.track('person', 'path');
SELECT count(*) > 0 AS tracked FROM crm.track('deal', 'sales');
CALL crm.backfill('client');
CALL crm.backfill('deal');
CALL crm.backfill('person');
CALL crm.resolve() \g /dev/null
SELECT crm.fold(10000) > 0 AS folded;
CREATE VIEW numbers AS
SELECT k.kpi, f.unit_key, f.segment, f.numerator, f.value, f.state FROM (VALUES ('won_value', '{unit_key}'::text[]), ('open_pipeline', '{unit_key}'), ('clients', '{unit_key,segment}'), ('leads', '{unit_key}'), ('mqls', '{unit_key}'), ('buyers', '{}')) k (kpi, by)
CROSS JOIN LATERAL crm_bi.kpi(k.kpi, by => k.by) f;
CREATE TABLE apart AS TABLE numbers;
CREATE TABLE days_apart AS SELECT * FROM crm_bi.kpi_value WHERE day < '2026-10-01' AND kpi_key IN ('won_value', 'open_pipeline', 'clients', 'leads', 'mqls', 'new_customers', 'won_count');
CREATE PROCEDURE compare(INOUT gone bigint DEFAULT 0, INOUT new bigint DEFAULT 0, INOUT days_gone bigint DEFAULT 0, INOUT days_new bigint DEFAULT 0) LANGUAGE plpgsql AS $$
BEGIN
    CREATE TEMP TABLE days_now ON COMMIT DROP AS SELECT * FROM crm_bi.kpi_value WHERE day < '2026-10-01' AND kpi_key IN ('won_value', 'open_pipeline', 'clients', 'leads', 'mqls', 'new_customers', 'won_count');
    gone := (SELECT count(*) FROM (TABLE apart EXCEPT ALL TABLE numbers) x);
    new := (SELECT count(*) FROM (TABLE numbers EXCEPT ALL TABLE apart) x);
    days_gone := (SELECT count(*) FROM (TABLE days_apart EXCEPT ALL TABLE days_now) x);
    days_new := (SELECT count(*) FROM (TABLE days_now EXCEPT ALL TABLE days_apart) x);
END
$$;
SELECT * FROM numbers ORDER BY 1, 2, 3;
SELECT unit_key, day, value FROM crm_bi.kpi_value WHERE kpi_key = 'new_customers' ORDER BY 2;

-- Linked: who bought counts once, on the day and in the unit of the first win and the first entry; rows stay what they are, and so do sums over rows
SELECT crm.decide(('client', '1'), ('client', '2'), 'same'), crm.decide(('person', '1'), ('person', '2'), 'same'), crm.decide(('client', '1'), ('person', '1'), 'same');
SELECT crm.resolve_pending() >= 0 AS resolved;
SELECT count(DISTINCT customer_id) FILTER (WHERE record_key <> '3') AS anns, count(DISTINCT customer_id) AS customers FROM crm.customer_record;
SELECT * FROM numbers WHERE kpi NOT IN ('won_value', 'open_pipeline', 'clients') ORDER BY 1, 2, 3;
SELECT unit_key, day, value FROM crm_bi.kpi_value WHERE kpi_key = 'new_customers' ORDER BY 2;
SELECT day, unit_key, value FROM crm_bi.kpi_value WHERE kpi_key IN ('leads', 'mqls') ORDER BY 1, 2;
SELECT count(*) AS sums_that_moved FROM (SELECT * FROM apart WHERE kpi IN ('won_value', 'open_pipeline', 'clients') EXCEPT ALL TABLE numbers) x;

-- Merged: there is one row less, with its segment and its entries; its deals are the other's, and stay in their own unit
SELECT crm.merge('client', '1', '{2}') AS client_merge \gset
SELECT crm.merge('person', '1', '{2}') AS person_merge \gset
SELECT crm.resolve_pending() >= 0 AS resolved;
SELECT id, client, office FROM deal ORDER BY 1;
SELECT * FROM numbers ORDER BY 1, 2, 3;
SELECT unit_key, day, value FROM crm_bi.kpi_value WHERE kpi_key = 'new_customers' ORDER BY 2;
SELECT k, v.groups_different FROM unnest('{won_value,open_pipeline,clients,buyers}'::text[]) k CROSS JOIN LATERAL crm.verify_kpi(k) v WHERE v.groups_different <> 0;
-- a deal that comes meanwhile is the other's too
INSERT INTO deal VALUES (5, 1, 'north', 3, 'won', '2026-03-01', '2026-03-02');
SELECT unit_key, value FROM crm_bi.kpi('won_value', by => '{unit_key}') ORDER BY 1;
DELETE FROM deal WHERE id = 5;

-- Taken back: two rows again, and two who are not the same, as in the beginning
SELECT count(*) > 0 AS unmerged FROM crm.unmerge(:client_merge);
SELECT count(*) > 0 AS unmerged FROM crm.unmerge(:person_merge);
SELECT crm.resolve_pending() >= 0 AS resolved;
CALL compare();
-- linked once more, and taken back by a decision
SELECT crm.decide(('client', '1'), ('client', '2'), 'same'), crm.decide(('person', '1'), ('person', '2'), 'same');
SELECT crm.resolve_pending() >= 0 AS resolved;
SELECT * FROM numbers WHERE kpi IN ('buyers', 'leads', 'mqls') ORDER BY 1, 2, 3;
SELECT crm.decide(('client', '1'), ('client', '2'), 'different'), crm.decide(('person', '1'), ('person', '2'), 'different');
SELECT crm.resolve_pending() >= 0 AS resolved;
CALL compare();
SELECT crm.fold(10000) >= 0 AS folded;
CALL compare();
SELECT k, v.groups_different FROM unnest('{won_value,open_pipeline,clients,buyers}'::text[]) k CROSS JOIN LATERAL crm.verify_kpi(k) v WHERE v.groups_different <> 0;

-- Closed first, nothing moves: neither by a link nor by a merge. (Different values are no sums of days, and are 2 now.)
SELECT count(*) AS closed FROM unnest('{leads,mqls,new_customers,clients,won_value}'::text[]) k CROSS JOIN LATERAL crm.close_period('2026-02-28', k) c;
SELECT crm.decide(('client', '1'), ('client', '2'), 'same'), crm.decide(('person', '1'), ('person', '2'), 'same');
SELECT crm.resolve_pending() >= 0 AS resolved;
CALL compare();
SELECT crm.merge('person', '1', '{2}') AS person_merge \gset
SELECT crm.merge('client', '1', '{2}') AS client_merge \gset
SELECT crm.resolve_pending() >= 0 AS resolved;
CALL compare();
SELECT kpi, unit_key, value FROM numbers WHERE kpi = 'buyers';
SELECT kpi_key, unit_key, closed_value, counted_value, difference FROM crm_bi.kpi_closing WHERE difference <> 0 ORDER BY 1, 2;
SELECT count(*) > 0 AS unmerged FROM crm.unmerge(:client_merge);
SELECT count(*) > 0 AS unmerged FROM crm.unmerge(:person_merge);
SELECT crm.resolve_pending() >= 0 AS resolved;
CALL compare();
SELECT count(*) AS opened FROM crm.reopen_period('2026-02-28');
CALL compare();

-- A row that gets another unit, a segment or a customer moves its fact at once
UPDATE deal SET office = 'north' WHERE id = 2;
UPDATE client SET class = 'small' WHERE id = 3;
UPDATE deal SET client = 1 WHERE id = 4;
SELECT kpi, unit_key, segment, value FROM numbers WHERE kpi IN ('won_value', 'clients', 'buyers') ORDER BY 1, 2, 3;
UPDATE deal SET office = 'south' WHERE id = 2;
UPDATE client SET class = 'large' WHERE id = 3;
UPDATE deal SET client = 3 WHERE id = 4;
CALL compare();

-- A unit that moves takes its numbers along in the tree of now, and leaves them in that of each day: north goes to the west on 15 February
CREATE VIEW above AS
SELECT a.ancestor_key, sum(v.value)::numeric(12,2) AS as_it_is,
       (SELECT sum(w.value)::numeric(12,2) FROM crm_bi.kpi_value w JOIN crm_bi.dim_unit_path_history h ON h.unit_key = w.unit_key AND w.day >= h.valid_from AND w.day < h.valid_to
        WHERE w.kpi_key = 'won_value' AND h.ancestor_key = a.ancestor_key) AS as_it_was
FROM crm_bi.kpi_value v JOIN crm_bi.dim_unit_path a ON a.unit_key = v.unit_key WHERE v.kpi_key = 'won_value' GROUP BY 1;
INSERT INTO deal VALUES (6, 1, 'north', 11, 'won', '2026-01-05', '2026-02-14');
SELECT * FROM above ORDER BY 1;
SELECT crm.move_unit('north', 'west', since => '2026-02-15');
-- as it is: all that is north's counts for the west; as it was: 11 of the 14th for the east, 100 of the 20th for the west
SELECT * FROM above ORDER BY 1;
SELECT u AS unit, t.value FROM unnest('{firm,east,west,north}'::text[]) u CROSS JOIN LATERAL crm.kpi_total('won_value', u) t;
-- one that is retired keeps its numbers, under its own name; another one takes over what its alias names from now on
SELECT crm.retire_unit('north');
SELECT unit_key, value FROM crm_bi.kpi('won_value', by => '{unit_key}') ORDER BY 1;
SELECT * FROM above ORDER BY 1;
SELECT crm.create_unit('centre', parent => 'west', since => '2020-01-01'), crm.add_unit_alias('centre', 'north west');
INSERT INTO deal VALUES (7, 1, 'North West', 5, 'won', '2026-01-05', '2026-02-14');
SELECT unit_key, value FROM crm_bi.kpi('won_value', by => '{unit_key}') ORDER BY 1;
SELECT crm.disown_all();
