-- A team that never made a unit: numbers, where they come from, their rows and forecasts are those of all; what needs a unit says which call makes the first.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set SHOW_CONTEXT never
SET client_min_messages = warning; SET datestyle = 'ISO, YMD'; SET timezone = 'UTC';
CREATE TABLE deals (id integer PRIMARY KEY, worth numeric, opened date, closed date);
INSERT INTO deals SELECT i, 10 * i, date '2026-01-01' + i, date '2026-02-01' + i % 30 FROM generate_series(1, 60) i;
SELECT count(*) > 0 AS adopted FROM crm.adopt('deals', 'opportunity', columns => '{"id": "id", "amount": "worth", "created_at": "opened", "closed_at": "closed"}');
CALL crm.backfill('deals');
SELECT crm.define_kpi('closed', 'Closed', 'opportunity_closed.count'), crm.define_kpi('worth', 'Worth', 'opportunity_closed.amount') \g /dev/null
SELECT crm.fold() >= 0 AS folded;

SELECT * FROM crm.kpi_total('closed');
SELECT part, relation, rows, amount FROM crm.explain_kpi('worth', until => '2026-02-10') WHERE part IN ('state', 'numerator');
SELECT count(*), sum(amount), min(day), max(day), count(unit_key) FROM crm.explain_kpi_rows('worth', until => '2026-02-10', max_rows => 1000);
SELECT count(*), sum(worth) FROM deals WHERE closed <= '2026-02-10';
SELECT count(*), min(day), max(day), string_agg(DISTINCT state, ' ') AS state FROM crm.forecast('closed', as_of => '2026-02-20');

SELECT * FROM crm.explain_kpi('worth', 'north');
SELECT crm.explain_kpi_rows('worth', '');
SELECT crm.forecast('closed', 'north');
SELECT crm.set_plan('sales', '2026-01-01', 1000);
SELECT crm.disown('deals') \g /dev/null
