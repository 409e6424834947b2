-- Steps of docs/exactness.md that no other test shows: names of an enum's values, sight in the midst of a statement, a pause that is
-- undone, a table that has nothing but a new version; and what no trigger sees is told by doctor.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
SELECT crm.create_unit('acme', 'Acme');
CREATE TYPE stage AS ENUM ('Talking', 'Won', 'Lost');
CREATE DOMAIN state AS stage;
CREATE TABLE deals (id integer PRIMARY KEY, value numeric, status state, opened date, closed date);
SELECT count(*) FROM crm.adopt('deals', 'opportunity',
    columns => '{"amount": "value", "stage": "status", "created_at": "opened", "closed_at": "closed"}') WHERE room = 'kpi';
CALL crm.backfill('deals');
INSERT INTO deals SELECT i, i, 'Won', '2026-01-01', '2026-02-01' FROM generate_series(1, 4) i;
-- what is counted, and what plain SQL counts, stage by stage
CREATE VIEW compared AS
SELECT coalesce(b.stage, c.stage) AS stage, b.rows AS base_rows, b.amount AS base_amount, c.rows, c.amount, c.state
FROM (SELECT status::text AS stage, count(*) AS rows, sum(value) AS amount FROM deals GROUP BY 1) b
FULL JOIN (SELECT k.stage, sum(k.rows) AS rows, sum(k.s1) AS amount, min(i.state) AS state
           FROM crm.kpi_cell k JOIN crm.kpi_instance i USING (instance)
           WHERE i.relation = 'deals'::regclass AND i.component = 'opportunity_created' GROUP BY 1 HAVING sum(k.rows) <> 0) c
    ON coalesce(b.stage, '') = coalesce(c.stage, '');
SELECT * FROM compared ORDER BY stage;
SELECT count(*) > 0 AS folded FROM crm.fold();
-- a new value changes nothing; another name of one is counted anew, and what is known by the old one is not read meanwhile
ALTER TYPE stage ADD VALUE 'Parked' AFTER 'Talking';
SELECT * FROM compared ORDER BY stage;
ALTER TYPE stage RENAME VALUE 'Won' TO 'Signed';
SELECT * FROM compared ORDER BY stage;
UPDATE deals SET value = value * 10 WHERE id = 1;
DELETE FROM deals WHERE id = 2;
CALL crm.backfill('deals');
SELECT * FROM compared ORDER BY stage;
UPDATE deals SET status = 'Lost' WHERE id = 3;
SELECT crm.fold() > 0 AS folded;
SELECT * FROM compared ORDER BY stage;
-- no table of crm's has this one
CREATE TYPE mood AS ENUM ('good', 'bad');
ALTER TYPE mood RENAME VALUE 'bad' TO 'poor';
SELECT DISTINCT state FROM crm.kpi_instance WHERE relation = 'deals'::regclass;
-- where a generated column is mapped a rewrite may give it other values (SET EXPRESSION, since 17): counted anew
CREATE TABLE sums (id integer PRIMARY KEY, net numeric, gross numeric GENERATED ALWAYS AS (net * 1.21) STORED, spent date);
INSERT INTO sums VALUES (1, 100, DEFAULT, '2026-01-01');
SELECT count(*) FROM crm.adopt('sums', 'spend', columns => '{"amount": "gross", "on_date": "spent"}') WHERE room = 'kpi';
CALL crm.backfill('sums');
CREATE VIEW spent AS SELECT i.state, sum(k.s1) AS counted, (SELECT sum(gross) FROM sums) AS base
FROM crm.kpi_cell k JOIN crm.kpi_instance i USING (instance) WHERE i.component = 'spend' AND i.relation = 'sums'::regclass GROUP BY 1;
SELECT * FROM spent;
ALTER TABLE sums ADD COLUMN dice double precision DEFAULT random();
SELECT * FROM spent;
CALL crm.backfill('sums');
SELECT * FROM spent;
DO $$
BEGIN -- as before 17 by a new value
    EXECUTE CASE WHEN current_setting('server_version_num')::integer >= 170000 THEN 'ALTER TABLE sums ALTER COLUMN gross SET EXPRESSION AS (net * 2)'
                 ELSE 'UPDATE sums SET net = net * 2 / 1.21; UPDATE crm.kpi_instance SET state = ''filling'' WHERE relation = ''sums''::regclass' END;
END
$$;
SELECT state, round(base) AS base FROM spent;
UPDATE crm.filling SET state = 'filling' WHERE relation = 'sums'::regclass;
CALL crm.backfill('sums');
SELECT state, round(counted) AS counted, round(base) AS base FROM spent;
-- in the midst of a statement, where triggers of rows run, the table is ahead of what is counted; after it they agree
CREATE TABLE seen (at text, base bigint, counted bigint);
CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO seen SELECT tg_name, sum(base_rows), sum(rows) FROM compared;
    RETURN NULL;
END
$$;
CREATE TRIGGER a_row AFTER INSERT ON deals FOR EACH ROW EXECUTE FUNCTION look();
CREATE TRIGGER z_statement AFTER INSERT ON deals FOR EACH STATEMENT EXECUTE FUNCTION look();
INSERT INTO deals VALUES (10, 1, 'Lost', '2026-01-01', NULL);
INSERT INTO seen SELECT 'afterwards', sum(base_rows), sum(rows) FROM compared;
SELECT * FROM seen;
DROP TRIGGER a_row ON deals;
DROP TRIGGER z_statement ON deals;
-- a component that breaks in a savepoint is whole again when that is undone, in the same session too
SELECT * FROM crm.define_component('ratio', 'opportunity', 'created_at', NULL, '{"part": "1 / amount"}');
SELECT count(*) FROM crm.capture('deals');
CALL crm.backfill('deals');
BEGIN;
SAVEPOINT s;
INSERT INTO deals VALUES (20, 0, 'Lost', '2026-01-01', NULL);
INSERT INTO deals VALUES (21, 5, 'Lost', '2026-01-01', NULL);
SELECT count(*) AS broken FROM crm.kpi_broken;
ROLLBACK TO s;
INSERT INTO deals VALUES (22, 4, 'Lost', '2026-01-01', NULL);
COMMIT;
SELECT (SELECT count(*) FROM crm.kpi_broken) AS broken, sum(k.rows) AS rows, sum(k.s1) = (SELECT sum(1 / value) FROM deals) AS same
FROM crm.kpi_cell k JOIN crm.kpi_instance i USING (instance) WHERE i.component = 'ratio';
-- a table whose only component is a version that nobody reads yet is captured all the same
SELECT * FROM crm.define_component('came', 'touch', 'at');
CREATE TABLE visits (id integer PRIMARY KEY, at date, who text);
CREATE TABLE calls (id integer PRIMARY KEY, at date, who text);
SELECT count(*) FROM crm.adopt('visits', 'touch', columns => '{"at": "at", "anonymous_id": "who"}') WHERE room = 'kpi';
CALL crm.backfill('visits');
SELECT * FROM crm.define_component('came', 'touch', 'at', 'anonymous_id IS NOT NULL');
SELECT count(*) FROM crm.adopt('calls', 'touch', columns => '{"at": "at", "anonymous_id": "who"}') WHERE room = 'kpi';
SELECT i.relation, i.version, i.is_read, i.state FROM crm.kpi_captured i WHERE i.component = 'came' ORDER BY 1, 2;
INSERT INTO visits VALUES (1, '2026-01-01', 'x'), (2, '2026-01-01', NULL);
INSERT INTO calls VALUES (1, '2026-01-01', 'y'), (2, '2026-01-01', NULL);
CALL crm.backfill('calls');
CALL crm.backfill('visits');
SELECT i.relation, i.version, i.is_read, sum(k.rows) AS rows
FROM crm.kpi_cell k JOIN crm.kpi_captured i USING (instance) WHERE i.component = 'came' GROUP BY 1, 2, 3 ORDER BY 1, 2;
-- what no trigger sees
ALTER EVENT TRIGGER crm_refuse_altered DISABLE; -- as where they came before crm did
ALTER EVENT TRIGGER crm_follow_disabled DISABLE;
CREATE VIEW told AS SELECT d.item, d.detail, d.hint FROM crm.doctor() d WHERE d.room = 'kpi' AND d.state = 'warning' AND d.item ~ 'deals';
SELECT * FROM told;
CREATE TABLE kid () INHERITS (deals);
ALTER TABLE deals DISABLE TRIGGER crm_kpi_insert;
ALTER TABLE deals DISABLE TRIGGER crm_kpi_delete;
ALTER TABLE deals ENABLE TRIGGER crm_kpi_delete;
SELECT * FROM told ORDER BY item;
DROP TABLE kid;
ALTER TABLE deals ENABLE ALWAYS TRIGGER crm_kpi_insert, ENABLE ALWAYS TRIGGER crm_kpi_delete;
ALTER TABLE deals SET UNLOGGED;
SELECT * FROM told;
ALTER TABLE deals SET LOGGED;
SELECT * FROM told;
SELECT * FROM compared ORDER BY stage;
