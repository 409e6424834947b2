-- A fold of more than fits into memory: pieces are added up first, and each row of the rollup is touched once.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
SET client_min_messages = warning;
SET maintenance_work_mem = '1MB';
CREATE TABLE deals (id bigint PRIMARY KEY, region text, value numeric(12,2), opened date, closed date);
SELECT object FROM crm.adopt('deals', 'opportunity', columns => '{"id": "id", "unit": "region", "amount": "value", "created_at": "opened", "closed_at": "closed"}')
WHERE room = 'kpi' ORDER BY 1;
CALL crm.backfill('deals');
INSERT INTO deals SELECT i, 'region ' || i % 37, i * 0.01, date '2020-01-01' + i % 1461, date '2020-01-01' + i % 1461 FROM generate_series(1, 60000) i;
UPDATE deals SET value = value + 0.5, region = 'region ' || id % 41 WHERE id % 3 = 0;
DELETE FROM deals WHERE id % 5 = 0;
INSERT INTO deals SELECT i, 'region ' || i % 37, i * 0.01, date '2020-01-01' + i % 1461, date '2020-01-01' + i % 1461 FROM generate_series(1, 60000) i ON CONFLICT DO NOTHING;

CREATE VIEW by_sql AS
SELECT closed AS day, region AS unit, count(*) AS rows, sum(value) AS amount FROM deals GROUP BY 1, 2;
CREATE VIEW by_crm AS
SELECT c.day, c.unit, sum(c.rows) AS rows, sum(c.s1) AS amount
FROM crm.kpi_cell c JOIN crm.kpi_instance i USING (instance) WHERE i.component = 'opportunity_closed' GROUP BY 1, 2 HAVING sum(c.rows) <> 0;
SELECT count(*) > 40000 AS many FROM by_sql;
-- a bulk statement writes in pieces, too
SELECT sum(n) > 41 AS sets, max(n) > 1 AS pieces FROM (SELECT count(*) AS n FROM crm.kpi_pending p WHERE p.relation = 'deals'::regclass GROUP BY p.unit) u HAVING count(*) = 41;
CREATE VIEW difference AS
(SELECT 'missing', b.* FROM (TABLE by_sql EXCEPT TABLE by_crm) b) UNION ALL (SELECT 'extra', c.* FROM (TABLE by_crm EXCEPT TABLE by_sql) c);
SELECT count(*) AS different FROM difference;
BEGIN;
SELECT crm.fold() > 41 AS pieces;
SELECT pg_stat_get_xact_tuples_inserted('crm.kpi_rollup'::regclass) > 100000 AS inserted, pg_stat_get_xact_tuples_updated('crm.kpi_rollup'::regclass) AS updated;
COMMIT;
SELECT count(*) AS left FROM crm.kpi_pending;
SELECT count(*) AS different FROM difference;

-- into what is there, and only a part of what is pending
UPDATE deals SET value = value * 2 WHERE id % 2 = 0;
SELECT crm.fold(3), (SELECT count(*) > 0 FROM crm.kpi_pending) AS some_left;
SELECT count(*) AS different FROM difference;
SELECT crm.fold() > 0 AS folded;
SELECT count(*) AS left FROM crm.kpi_pending;
SELECT count(*) AS different FROM difference;
SELECT crm.disown_all();
