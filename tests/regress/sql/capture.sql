-- Rollup plus pending equals the base tables, after every kind of write.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
SET timezone = 'Asia/Tokyo';
SET datestyle = 'ISO, YMD';
SELECT crm.create_unit('acme', 'Acme');
SELECT crm.set_calendar('default', 'Europe/Madrid');
CREATE TABLE owners (rep integer PRIMARY KEY);
INSERT INTO owners SELECT generate_series(1, 9);
CREATE TABLE deals (id integer PRIMARY KEY, region text, value numeric, status text, opened timestamptz, closed timestamptz,
                    rep integer REFERENCES owners ON UPDATE CASCADE ON DELETE CASCADE);
INSERT INTO deals SELECT i, (ARRAY['north', 'south'])[i % 3], i * 1.25, (ARRAY['won', 'lost', 'open'])[1 + i % 3],
    timestamptz '2026-01-01 22:30Z' + i * interval '5 hours', timestamptz '2026-02-01 23:30Z' + i * interval '3 hours', 1 + i % 9
FROM generate_series(1, 200) i;

-- A plain SQL recomputation of three components, against what is counted.
CREATE FUNCTION differences(relation regclass, source text DEFAULT NULL) RETURNS TABLE (side text, component text, day date, unit text, stage text, owner text, rows numeric, amount numeric)
LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format($sql$
        WITH base AS (
            SELECT region, value, status::text AS stage, rep::text AS owner,
                   (opened AT TIME ZONE 'Europe/Madrid')::date AS opened, (closed AT TIME ZONE 'Europe/Madrid')::date AS closed
            FROM %1$s
        ), truth AS (
            SELECT component, day, region, stage, owner, count(*)::numeric AS rows,
                   coalesce(sum(value) FILTER (WHERE value <> 'NaN'), 0) AS amount
            FROM (SELECT 'opportunity_closed' AS component, closed AS day, base.* FROM base WHERE isfinite(closed)
                  UNION ALL SELECT 'opportunity_created', CASE WHEN isfinite(opened) THEN opened ELSE '-infinity' END, base.* FROM base
                  UNION ALL SELECT 'opportunity_undated', CASE WHEN isfinite(opened) THEN opened ELSE '-infinity' END, base.* FROM base
                            WHERE closed IS NULL) x
            GROUP BY 1, 2, 3, 4, 5
        ), counted AS (
            SELECT i.component, c.day, c.unit, c.stage, c.owner, sum(c.rows), coalesce(sum(c.s1), 0)
            FROM crm.kpi_cell c JOIN crm.kpi_instance i USING (instance)
            WHERE i.relation = %2$L::regclass AND i.component IN ('opportunity_closed', 'opportunity_created', 'opportunity_undated')
            GROUP BY 1, 2, 3, 4, 5 HAVING sum(c.rows) <> 0 OR sum(c.s1) <> 0
        )
        (SELECT 'base', * FROM (TABLE truth EXCEPT TABLE counted) a)
        UNION ALL (SELECT 'counted', * FROM (TABLE counted EXCEPT TABLE truth) b)$sql$, coalesce(source, relation::text), relation);
END
$$;
CREATE FUNCTION exact(relation regclass, source text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce((SELECT 'WRONG ' || string_agg(d::text, '; ') FROM (SELECT * FROM differences(relation, source) LIMIT 5) d), 'exact')
$$;

SELECT room, object FROM crm.adopt('deals', 'opportunity',
    columns => '{"unit": "region", "amount": "value", "stage": "status", "created_at": "opened", "closed_at": "closed", "owner": "rep"}')
WHERE room = 'kpi';
SELECT exact('deals') LIKE 'WRONG%' AS not_counted_yet, (SELECT string_agg(DISTINCT state, ',') FROM crm.kpi_instance WHERE relation = 'deals'::regclass) AS state;
-- a write before the backfill is counted once
INSERT INTO deals VALUES (201, 'north', 7, 'open', '2026-03-01', NULL, 1);
CALL crm.backfill('deals');
SELECT exact('deals'), (SELECT string_agg(DISTINCT state, ',') FROM crm.kpi_instance WHERE relation = 'deals'::regclass) AS state;
-- and the check can fail
BEGIN; ALTER EVENT TRIGGER crm_follow_disabled DISABLE; ALTER TABLE deals DISABLE TRIGGER USER; DELETE FROM deals WHERE id = 1; SELECT exact('deals'); ROLLBACK;

-- INSERT, with NULL dimensions, dates and sums
INSERT INTO deals VALUES (301, NULL, NULL, NULL, NULL, NULL, NULL), (302, '', 0, '', '2026-01-01', '2026-01-01', 2);
SELECT exact('deals');
INSERT INTO deals SELECT i, repeat('é', i), 1, 'open', now(), NULL, 3 FROM generate_series(400, 402) i;
SELECT (SELECT max(octet_length(unit)) FROM crm.kpi_cell) AS longest_unit, count(*) AS long_units FROM differences('deals') WHERE side = 'counted';
DELETE FROM deals WHERE id BETWEEN 400 AND 402;
SELECT exact('deals');
-- UPDATE of measures, dimensions, days, filters, of nothing that matters, of a row twice in one statement
UPDATE deals SET value = value * 3 WHERE id < 50; SELECT exact('deals');
UPDATE deals SET region = CASE region WHEN 'north' THEN NULL ELSE 'west' END, rep = NULL WHERE id % 2 = 0; SELECT exact('deals');
UPDATE deals SET closed = closed + interval '1 minute', opened = opened - interval '40 days'; SELECT exact('deals');
UPDATE deals SET closed = NULL WHERE id % 5 = 0; SELECT exact('deals');
UPDATE deals SET closed = '2026-03-28 23:30Z', opened = '-infinity' WHERE id % 10 = 0; SELECT exact('deals');
SELECT count(*) FROM crm.kpi_pending \gset before_
UPDATE deals SET status = status;
SELECT count(*) - :before_count AS rows_written_for_no_change FROM crm.kpi_pending;
UPDATE deals d SET value = x.v FROM (VALUES (1, 10), (1, 20)) x (id, v) WHERE d.id = x.id; SELECT exact('deals');
-- DELETE, cascades
DELETE FROM deals WHERE id % 7 = 0; SELECT exact('deals');
UPDATE owners SET rep = 100 WHERE rep = 4; SELECT exact('deals'), (SELECT count(*) > 0 FROM deals WHERE rep = 100) AS cascaded;
DELETE FROM owners WHERE rep IN (5, 100); SELECT exact('deals');
-- COPY
COPY deals (id, region, value, status, opened, closed, rep) FROM stdin WITH (DELIMITER ',', NULL '');
1001,north,12.5,won,2026-05-01,2026-05-02,1
1002,,,lost,,2026-05-02,
1003,north,99,open,2026-05-01,,1
\.
SELECT exact('deals');
-- ON CONFLICT, MERGE, writable CTEs
INSERT INTO deals VALUES (1001, 'south', 5, 'won', '2026-05-01', '2026-05-03', 1), (1004, 'south', 6, 'won', '2026-05-01', '2026-05-03', 1)
ON CONFLICT (id) DO UPDATE SET region = excluded.region, value = deals.value + excluded.value, closed = excluded.closed;
SELECT exact('deals');
INSERT INTO deals VALUES (1001, 'x', 5, 'won', now(), now(), 1) ON CONFLICT DO NOTHING; SELECT exact('deals');
MERGE INTO deals d USING (VALUES (1001, 1), (1002, 2), (1003, 3), (1100, 4)) s (id, v) ON d.id = s.id
WHEN MATCHED AND s.v = 1 THEN UPDATE SET value = 1000 WHEN MATCHED AND s.v = 2 THEN DELETE
WHEN NOT MATCHED THEN INSERT VALUES (s.id, 'merged', s.v, 'won', '2026-06-01', '2026-06-02', 1);
SELECT exact('deals');
WITH gone AS (DELETE FROM deals WHERE id < 20 RETURNING *), back AS (INSERT INTO deals SELECT id + 5000, region, value, status, opened, closed, rep FROM gone RETURNING id)
UPDATE deals SET value = 2 WHERE id BETWEEN 20 AND 30;
SELECT exact('deals');
-- rollback, savepoints, exception blocks
BEGIN; DELETE FROM deals; SAVEPOINT a; INSERT INTO deals VALUES (1, 'a', 1, 'won', now(), now(), 1); SELECT exact('deals'); ROLLBACK TO a; SELECT exact('deals'); ROLLBACK;
SELECT exact('deals');
DO $$ BEGIN
    INSERT INTO deals VALUES (6001, 'kept', 1, 'won', '2026-01-01', '2026-01-02', 1);
    BEGIN UPDATE deals SET value = 0; INSERT INTO deals VALUES (6001, 'again', 1, 'won', now(), now(), 1);
    EXCEPTION WHEN unique_violation THEN NULL; END;
END $$;
SELECT exact('deals'), (SELECT sum(value) > 0 FROM deals) AS undone;
-- BEFORE and AFTER triggers that change rows of the same table
CREATE FUNCTION round_up() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.value := ceil(NEW.value); RETURN NEW; END $$;
CREATE TRIGGER b BEFORE INSERT OR UPDATE ON deals FOR EACH ROW EXECUTE FUNCTION round_up();
CREATE FUNCTION follow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE deals SET region = 'followed' WHERE id = NEW.id AND region <> 'followed'; RETURN NULL; END $$;
CREATE TRIGGER a AFTER INSERT ON deals FOR EACH ROW EXECUTE FUNCTION follow();
INSERT INTO deals SELECT i, 'new', 1.5, 'won', '2026-04-01', '2026-04-02', 1 FROM generate_series(7001, 7010) i;
SELECT exact('deals'), (SELECT count(*) FROM deals WHERE region = 'followed' AND value = 2);
-- NaN is counted as invalid and not summed, and retracts
UPDATE deals SET value = 'NaN' WHERE id = 7001; SELECT exact('deals');
SELECT item, amount, detail FROM crm.doctor() WHERE room = 'kpi' AND item LIKE 'component opportunity_c%' ORDER BY 1;
UPDATE deals SET value = 'Infinity' WHERE id = 7002;
UPDATE deals SET value = 3 WHERE id IN (7001, 7002); SELECT exact('deals');
-- fold: nothing changes but where it stands
SELECT crm.fold(3) AS folded; SELECT exact('deals');
SELECT crm.fold() > 0 AS folded; SELECT count(*) AS pending_left FROM crm.kpi_pending;
SELECT exact('deals'), crm.fold() AS nothing_to_do;
DELETE FROM deals WHERE region = 'followed'; SELECT crm.fold() > 0 AS folded;
SELECT exact('deals'), (SELECT count(*) FROM crm.kpi_rollup WHERE rows = 0) AS empty_groups;
SELECT crm.fold(-1);
-- two-phase commit
BEGIN; INSERT INTO deals VALUES (8001, 'two', 8, 'won', '2026-01-01', '2026-01-02', 1); PREPARE TRANSACTION 'one';
SELECT exact('deals'); COMMIT PREPARED 'one'; SELECT exact('deals'), (SELECT count(*) FROM deals WHERE id = 8001);
BEGIN; DELETE FROM deals; PREPARE TRANSACTION 'two'; ROLLBACK PREPARED 'two'; SELECT exact('deals');
-- columns that come, are renamed and go; a prepared statement
PREPARE put AS INSERT INTO deals VALUES ($1, 'put', 5, 'won', '2026-01-01', '2026-01-02', 1); EXECUTE put(8101);
ALTER TABLE deals ADD COLUMN note text; ALTER TABLE deals RENAME COLUMN region TO area; ALTER TABLE deals RENAME COLUMN area TO region;
EXECUTE put(8102); UPDATE deals SET value = value + 1; ALTER TABLE deals DROP COLUMN note; EXECUTE put(8103); SELECT exact('deals');
ALTER TABLE deals DROP COLUMN value;
-- an empty INSERT, a writer without any right on crm
INSERT INTO deals SELECT * FROM deals WHERE false;
CREATE ROLE regress_capture_writer; GRANT INSERT, SELECT, UPDATE ON deals TO regress_capture_writer; GRANT SELECT ON owners TO regress_capture_writer;
SET ROLE regress_capture_writer;
INSERT INTO deals VALUES (8201, 'writer', 8, 'won', '2026-01-01', '2026-01-02', 1); UPDATE deals SET value = 9 WHERE id = 8201;
SELECT count(*) FROM crm.kpi_pending;
RESET ROLE; SELECT exact('deals');
-- TRUNCATE, also in a transaction that wrote before and in an old snapshot
BEGIN; INSERT INTO deals VALUES (8301, 'x', 8, 'won', '2026-01-01', '2026-01-02', 1); TRUNCATE deals; SELECT exact('deals'); ROLLBACK; SELECT exact('deals');
TRUNCATE owners CASCADE; SELECT exact('deals'), (SELECT count(*) FROM crm.kpi_cell c JOIN crm.kpi_instance i USING (instance) WHERE i.relation = 'deals'::regclass) > 0 AS pending;
SELECT crm.fold() > 0 AS folded; SELECT count(*) AS left_over FROM crm.kpi_rollup;

-- partitions with columns in another order: through the root, written directly, moved, attached with new ones later
CREATE TABLE sales (id integer, region text, value numeric, status text, opened date, closed timestamp, rep integer, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE sales_1 (rep integer, extra text, closed timestamp, status text, id integer NOT NULL, opened date, value numeric, region text);
ALTER TABLE sales_1 DROP COLUMN extra; ALTER TABLE sales ATTACH PARTITION sales_1 FOR VALUES FROM (0) TO (100);
CREATE TABLE sales_2 PARTITION OF sales FOR VALUES FROM (100) TO (200) PARTITION BY RANGE (id);
CREATE TABLE sales_2a PARTITION OF sales_2 FOR VALUES FROM (100) TO (150);
CREATE TABLE sales_2b PARTITION OF sales_2 FOR VALUES FROM (150) TO (200);
INSERT INTO sales SELECT i, 'r' || i % 4, i, 'won', date '2026-01-01' + i, timestamp '2026-02-01 23:59' + i * interval '1 day', i % 3 FROM generate_series(0, 199, 5) i;
SELECT count(*) FROM crm.adopt('sales', 'opportunity', zone => 'Europe/Madrid',
    columns => '{"unit": "region", "amount": "value", "stage": "status", "created_at": "opened", "closed_at": "closed", "owner": "rep"}') WHERE room = 'kpi';
CREATE VIEW sales_as_times AS SELECT id, region, value, status, opened::timestamp AT TIME ZONE 'Europe/Madrid' AS opened, closed AT TIME ZONE 'Europe/Madrid' AS closed, rep FROM sales;
CALL crm.backfill('sales');
SELECT exact('sales', 'sales_as_times');
INSERT INTO sales VALUES (1, 'root', 1, 'won', '2026-01-01', '2026-01-02', 1), (104, 'root', 2, 'open', '2026-01-01', NULL, 2), (199, 'root', NULL, NULL, NULL, NULL, NULL); SELECT exact('sales', 'sales_as_times');
INSERT INTO sales_1 VALUES (1, '2026-01-03 23:30', 'won', 2, '2026-01-01', 5, 'direct'); SELECT exact('sales', 'sales_as_times');
UPDATE sales_1 SET value = 50, region = 'changed' WHERE id < 10; DELETE FROM sales_1 WHERE id = 10; SELECT exact('sales', 'sales_as_times');
INSERT INTO sales_2 VALUES (107, 'middle', 5, 'won', '2026-01-01', '2026-01-02', 1); UPDATE sales_2b SET value = 1; SELECT exact('sales', 'sales_as_times');
UPDATE sales SET id = id + 100 WHERE id IN (1, 2); SELECT exact('sales', 'sales_as_times');
UPDATE sales_2 SET id = 152 WHERE id = 102; UPDATE sales_2 SET id = 151 WHERE id = 107; SELECT exact('sales', 'sales_as_times');
CREATE TABLE sales_3 PARTITION OF sales FOR VALUES FROM (200) TO (300); INSERT INTO sales_3 VALUES (201, 'late', 5, 'won', '2026-01-01', '2026-01-02', 1); SELECT exact('sales', 'sales_as_times');
COPY sales_2a FROM stdin WITH (DELIMITER ',', NULL '');
111,copied,3,won,2026-03-01,2026-03-02 23:30,2
\.
SELECT exact('sales', 'sales_as_times');
TRUNCATE sales_2; SELECT exact('sales', 'sales_as_times');
TRUNCATE sales; SELECT exact('sales', 'sales_as_times'), (SELECT crm.fold() > 0) AS folded;
SELECT count(*) AS left_over FROM crm.kpi_rollup;

-- a component that breaks never makes a write fail
CREATE TABLE notes (id integer PRIMARY KEY, amount text, happened date, "of" text);
SELECT count(*) FROM crm.adopt('notes', 'spend', columns => '{"amount": "amount::numeric", "on_date": "happened", "kind": "\"of\""}') WHERE room = 'kpi';
CALL crm.backfill('notes');
INSERT INTO notes VALUES (1, '10', '2026-01-01', 'marketing');
SELECT value, state FROM crm_bi.kpi('marketing_spend', until => '2026-12-31');
BEGIN; SAVEPOINT s; INSERT INTO notes VALUES (2, 'ten', '2026-01-01', 'marketing'); ROLLBACK TO s;
SELECT value, state FROM crm_bi.kpi('marketing_spend', until => '2026-12-31'); COMMIT;
INSERT INTO notes VALUES (3, '5', '2026-01-01', 'marketing');
SELECT value, state FROM crm_bi.kpi('marketing_spend', until => '2026-12-31');
INSERT INTO notes VALUES (2, 'ten', '2026-01-01', 'marketing');
INSERT INTO notes VALUES (4, 'again', '2026-01-01', 'marketing');
SELECT count(*) AS rows_written FROM notes;
SELECT value, state FROM crm_bi.kpi('marketing_spend', until => '2026-12-31');
SELECT item, state, amount, detail FROM crm.status WHERE room = 'kpi' AND state = 'broken';
UPDATE notes SET amount = '1' WHERE id IN (2, 4);
SELECT object FROM crm.capture('notes');
SELECT value, state FROM crm_bi.kpi('marketing_spend', until => '2026-12-31');
CALL crm.backfill('notes');
SELECT value, state FROM crm_bi.kpi('marketing_spend', until => '2026-12-31');

-- changes that no trigger sees: verify_kpi shows them, restate mends them
ALTER EVENT TRIGGER crm_follow_disabled DISABLE; ALTER TABLE notes DISABLE TRIGGER USER; UPDATE notes SET amount = 100 WHERE id = 1; ALTER TABLE notes ENABLE TRIGGER USER; ALTER EVENT TRIGGER crm_follow_disabled ENABLE;
SELECT * FROM crm.verify_kpi('marketing_spend');
SELECT crm.restate('notes'); CALL crm.backfill('notes');
SELECT measure, counted, recomputed, groups_different FROM crm.verify_kpi('marketing_spend');

-- gone without a trace
SELECT crm.disown_all();
SELECT (SELECT count(*) FROM crm.kpi_pending) AS pending, (SELECT count(*) FROM crm.kpi_rollup) AS rollup,
       (SELECT count(*) FROM crm.kpi_broken) AS broken, (SELECT count(*) FROM crm.kpi_instance WHERE relation NOT IN ('crm.transition_log'::regclass, 'crm.record_clock'::regclass)) AS instances,
       (SELECT count(*) FROM pg_trigger WHERE tgfoid = 'crm.capture_change'::regproc AND tgrelid NOT IN ('crm.transition_log'::regclass, 'crm.record_clock'::regclass)) AS triggers;
DROP OWNED BY regress_capture_writer; DROP ROLE regress_capture_writer;
