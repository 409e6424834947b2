-- crm_bi as tools read it: what its columns may be, how its views join, wide forms, one grant, reports after a reorganisation.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set world :srcdir '/bi_world.sql'
\i :world
SELECT crm.create_principal('nora', 'Nora Lie'), crm.create_principal('mona', 'Mona Dahl');
-- The rules of a column, of which each view that breaks one is a row: base types, numbers whose size the type says, comments.
CREATE VIEW broken_rule AS
SELECT c.relname::text AS view, a.attname::text AS "column", format_type(a.atttypid, a.atttypmod) AS rule
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = 'crm_bi'::regnamespace
  AND (a.atttypid <> ALL ('{text,bigint,numeric,date,timestamptz,boolean}'::regtype[]) OR a.atttypid = 'numeric'::regtype AND a.atttypmod = -1)
UNION ALL
SELECT c.relname, a.attname, 'no comment'
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
WHERE c.relnamespace = 'crm_bi'::regnamespace AND c.relkind <> 'c' AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid, 'pg_class') IS NULL)
UNION ALL
SELECT c.relname, NULL, 'not a view with its reader''s rights'
FROM pg_class c WHERE c.relnamespace = 'crm_bi'::regnamespace AND NOT (c.relkind = 'v' AND coalesce(c.reloptions @> '{security_invoker=true}', false))
UNION ALL
SELECT c.relname, a.attname, 'a key of another type than ' || r.to_view
FROM crm_bi.relation r
JOIN pg_class c ON c.relnamespace = 'crm_bi'::regnamespace AND c.relname = r.from_view
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = r.from_column
JOIN pg_attribute t ON t.attrelid = ('crm_bi.' || r.to_view)::regclass AND t.attname = r.to_column
WHERE t.atttypid <> a.atttypid;
SELECT * FROM broken_rule ORDER BY 1, 2;
-- and it does notice
CREATE MATERIALIZED VIEW crm_bi.bad AS SELECT 1 AS a, 1.5::numeric AS b, '{x}'::text[] AS c, interval '1 day' AS d, '{}'::jsonb AS e, 'x'::varchar(3) AS f, 1.5::numeric(5,2) AS fine, 7 AS unit_key;
SELECT * FROM broken_rule ORDER BY 1, 2, 3;
DROP MATERIALIZED VIEW crm_bi.bad;

-- Every relation is many to one, and no row of the many is without its one. Owners and stages that nobody knows have no key.
CREATE FUNCTION judged(r crm_bi.relation, OUT rows bigint, OUT repeated bigint, OUT orphans bigint) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SELECT count(*) FROM (SELECT FROM crm_bi.%I GROUP BY %I HAVING count(*) > 1) d', r.to_view, r.to_column) INTO repeated;
    EXECUTE format('SELECT count(v.%1$I), count(*) FILTER (WHERE v.%1$I IS NOT NULL AND d.key IS NULL) FROM crm_bi.%2$I v LEFT JOIN (SELECT DISTINCT %3$I AS key FROM crm_bi.%4$I) d ON d.key = v.%1$I',
                   r.from_column, r.from_view, r.to_column, r.to_view) INTO rows, orphans;
END
$$;
SELECT r.from_view, r.from_column, r.to_view, r.to_column, j.rows > 0 AS rows, j.repeated, j.orphans
FROM crm_bi.relation r CROSS JOIN LATERAL judged(r) j WHERE j.repeated > 0 OR j.orphans > 0 OR r.from_view ~ '^fct_' ORDER BY 1, 2;
-- two campaigns of one key, in two tables: the dimension has one
CREATE TABLE team.fair (id text PRIMARY KEY, title text);
INSERT INTO team.fair VALUES ('c1', 'Fair'), ('c9', 'Another');
SELECT count(*) > 0 AS adopted FROM crm.adopt('team.fair', 'campaign', columns => '{"name": "title"}');
SELECT campaign, name FROM crm_bi.dim_campaign ORDER BY 1;
SELECT sum((judged(r)).repeated) AS repeated FROM crm_bi.relation r WHERE r.to_view = 'dim_campaign';

-- A report by the star: the same as from the tables.
CREATE VIEW by_star AS
SELECT d.month_start, u.name, s.label, k.name AS campaign, p.name AS owner, count(*) AS deals, sum(o.amount) AS amount
FROM crm_bi.fct_opportunity o LEFT JOIN crm_bi.dim_date d USING (day) LEFT JOIN crm_bi.dim_unit u USING (unit_key) LEFT JOIN crm_bi.dim_stage s USING (stage_key)
LEFT JOIN crm_bi.dim_campaign k USING (campaign) LEFT JOIN crm_bi.dim_owner p USING (owner_key) GROUP BY 1, 2, 3, 4, 5;
CREATE VIEW by_table AS
SELECT date_trunc('month', r.opened AT TIME ZONE 'Europe/Oslo')::date AS month_start, u.name, initcap(CASE r.state WHEN 'Quote' THEN 'offer' ELSE r.state END) AS label,
       c.title AS campaign, CASE r.seller WHEN 'nora' THEN 'Nora Lie' WHEN 'mona' THEN 'Mona Dahl' END AS owner, count(*) AS deals, sum(r.worth) AS amount
FROM team.deal r JOIN crm.unit u ON u.unit = CASE r.region WHEN 'N1' THEN 'north' ELSE r.region END JOIN team.campaign c ON c.id = r.campaign GROUP BY 1, 2, 3, 4, 5;
SELECT count(*) FROM by_star;
TABLE by_star EXCEPT ALL TABLE by_table;
TABLE by_table EXCEPT ALL TABLE by_star;
DROP VIEW by_star, by_table;
SELECT count(*), sum(amount) = (SELECT sum(worth) FROM team.deal) AS same FROM crm_bi.fct_opportunity;
-- the day is that of the organisation's zone: a request of 23:30 in Greenwich is of the next day in Oslo
SELECT record_key, day, created_at FROM crm_bi.fct_lead WHERE record_key = '1';
SELECT "time" AT TIME ZONE 'Europe/Oslo' = day::timestamp AS begins, count(*) > 0 AS rows FROM crm_bi.kpi_value GROUP BY 1 ORDER BY 1;

-- Wide: one row for each day and unit, one column for each KPI; the same numbers.
SELECT day, unit_key, won_count, won_value, win_rate, win_rate_numerator, win_rate_denominator FROM crm_bi.kpi_wide WHERE win_rate IS NOT NULL AND unit_key = 'north' ORDER BY 1 LIMIT 3;
WITH wide AS (SELECT w.day, w.unit_key, x.key, x.value::numeric AS value FROM crm_bi.kpi_wide w CROSS JOIN LATERAL jsonb_each_text(to_jsonb(w) - '{day,unit_key}'::text[]) x WHERE x.value IS NOT NULL),
long AS (SELECT v.day, v.unit_key, v.kpi_key AS key, round(CASE k.kind WHEN 'ratio' THEN sum(v.numerator) / nullif(sum(v.denominator), 0) ELSE sum(v.numerator) END, 6) AS value
         FROM crm_bi.kpi_value v JOIN crm_bi.dim_kpi k USING (kpi_key) GROUP BY 1, 2, 3, k.kind)
SELECT count(*) FILTER (WHERE w.value IS DISTINCT FROM l.value) AS different, count(*) > 500 AS enough
FROM (SELECT * FROM wide WHERE key !~ '_(numerator|denominator)$') w FULL JOIN (SELECT * FROM long WHERE value IS NOT NULL) l USING (day, unit_key, key);
-- a team's own, in its own schema; more columns come at the end
CREATE SCHEMA reports;
SELECT crm.create_kpi_view('reports.sales', '{won_value,win_rate}');
SELECT crm.create_kpi_view('reports.sales', '{won_value,win_rate,leads}');
SELECT a.attname, format_type(a.atttypid, a.atttypmod) AS type, col_description(a.attrelid, a.attnum) AS comment FROM pg_attribute a WHERE a.attrelid = 'reports.sales'::regclass AND a.attnum > 0 ORDER BY a.attnum;
SELECT sum(won_value) = (SELECT value FROM crm_bi.kpi('won_value')) AS all_of_it, sum(win_rate_numerator) / sum(win_rate_denominator) = (SELECT value FROM crm_bi.kpi('win_rate')) AS rate FROM reports.sales;
-- two currencies of one day and unit have no sum
UPDATE team.deal SET money = 'USD' WHERE id = 2;
UPDATE team.deal SET closed = '2026-02-04', region = 'south', state = 'won' WHERE id IN (2, 7);
SELECT day, unit_key, won_value FROM reports.sales WHERE day = '2026-02-04' AND unit_key = 'south';
SELECT crm.create_kpi_view('reports.sales', '{won_value,leads}');
SELECT crm.create_kpi_view('sales', '{won_value}');
SELECT crm.create_kpi_view('crm_bi.more', '{won_value}');
SELECT crm.create_kpi_view('reports.more', '{won_valeu}');
SELECT crm.create_kpi_view('reports.more', '{leads,leads}');
SELECT crm.create_kpi_view('reports.more', NULL);

-- What no column of a report can hold has no value, and the rest is there.
UPDATE team.deal SET worth = 2e30 WHERE id = 4;
SELECT state, count(*) FILTER (WHERE value IS NULL) AS without, count(*) > 0 AS rows FROM crm_bi.kpi_value WHERE kpi_key = 'won_value' GROUP BY 1 ORDER BY 1;
UPDATE team.deal SET worth = 400 WHERE id = 4;

-- As it was and as it is: the north leaves sales for service.
SELECT crm.move_unit('north', 'service', since => '2026-02-21');
CREATE VIEW report AS
SELECT department, sum(n) FILTER (WHERE way = 'is') AS as_it_is, sum(n) FILTER (WHERE way = 'was') AS as_it_was
FROM (SELECT p.ancestor_key AS department, 'is' AS way, v.numerator AS n FROM crm_bi.kpi_value v JOIN crm_bi.dim_unit_path p USING (unit_key) WHERE v.kpi_key = 'won_count'
      UNION ALL
      SELECT p.ancestor_key, 'was', v.numerator FROM crm_bi.kpi_value v
      JOIN crm_bi.dim_unit_path_history p ON p.unit_key = v.unit_key AND v.day >= p.valid_from AND v.day < p.valid_to WHERE v.kpi_key = 'won_count') f
GROUP BY 1;
SELECT * FROM report ORDER BY 1;
-- by hand, from the table: the north's wins until the 14th of February were those of sales
SELECT d.department, count(*) FILTER (WHERE d.is_below) AS as_it_is, count(*) FILTER (WHERE d.was_below) AS as_it_was
FROM team.deal r
CROSS JOIN LATERAL (SELECT CASE r.region WHEN 'N1' THEN 'north' ELSE r.region END AS unit) u
CROSS JOIN LATERAL (VALUES ('firm', true, true), (u.unit, true, true), ('sales', u.unit = 'south', u.unit = 'south' OR u.unit = 'north' AND r.closed < '2026-02-21'),
                           ('service', u.unit = 'north', u.unit = 'north' AND r.closed >= '2026-02-21')) AS d (department, is_below, was_below)
WHERE r.state = 'won' AND (d.is_below OR d.was_below) GROUP BY 1 ORDER BY 1;
DROP VIEW report;

-- One grant.
CREATE ROLE regress_bi_tool; CREATE ROLE regress_bi_outside BYPASSRLS;
SELECT crm.create_principal('olga'), crm.create_role('all');
SELECT count(crm.grant_privilege('all', e, p, 'organisation')) AS granted FROM (VALUES ('opportunity', 'read'), ('kpi', 'total')) g (e, p);
SELECT crm.add_member('olga', 'firm', 'all') > 0 AS member;
SELECT count(*) > 0 AS protected FROM crm.protect('team.deal', '{"organisation": "region"}', object => 'opportunity');
REVOKE SELECT ON ALL TABLES IN SCHEMA crm_bi FROM PUBLIC; REVOKE USAGE ON SCHEMA crm_bi FROM PUBLIC;
SELECT * FROM crm.grant_reader('regress_bi_outside');
SELECT * FROM crm.grant_reader('regress_bi_tool') ORDER BY object = 'identity', 1;
SET ROLE regress_bi_tool;
SELECT count(*) FROM crm_bi.kpi_value;
INSERT INTO team.deal (id) VALUES (99);
RESET ROLE;
SELECT crm.bind_principal('olga', 'regress_bi_tool') \g /dev/null
SELECT detail FROM crm.grant_reader('regress_bi_tool') WHERE object = 'identity';
SET ROLE regress_bi_tool;
SELECT count(*) AS deals, (SELECT count(*) FROM crm_bi.fct_spend) AS spend_of_an_open_table, (SELECT count(*) > 100 FROM crm_bi.kpi_value) AS numbers, (SELECT value > 0 FROM crm_bi.kpi('won_value', by => '{currency}') WHERE currency = 'EUR') AS kpi
FROM crm_bi.fct_opportunity;
RESET ROLE;
DROP SCHEMA reports CASCADE;
SELECT crm.disown_all();
DROP SCHEMA team CASCADE;
DROP VIEW broken_rule;
DROP FUNCTION judged;
DROP OWNED BY regress_bi_tool; DROP ROLE regress_bi_tool, regress_bi_outside;
