-- Nobody folds: past crm.pending_hard_limit changes are not counted any more, and writers go on; fold resumes.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
SELECT crm.create_unit('acme', 'Acme');
CREATE TABLE deals (id integer PRIMARY KEY, region text, value numeric, opened date);
SELECT count(*) FROM crm.adopt('deals', 'opportunity', columns => '{"unit": "region", "amount": "value", "created_at": "opened"}') WHERE room = 'kpi';
SELECT crm.define_kpi('created_value', 'Created', 'opportunity_created.amount');
CALL crm.backfill('deals');
SELECT numerator, state FROM crm.kpi_total('created_value');
ALTER TABLE crm.kpi_pending SET (autovacuum_enabled = off); -- the server's statistics say how many are pending
SET "crm".pending_hard_limit = 1000;
INSERT INTO deals SELECT i, 'region ' || i, 1, '2026-01-01' FROM generate_series(1, 2000) i;
SELECT count(*) AS pending FROM crm.kpi_pending;
SELECT pg_stat_force_next_flush();
SELECT numerator, state FROM crm.kpi_total('created_value');
-- the next writer finds it full: it writes, and nothing more is pending, now and afterwards
BEGIN; INSERT INTO deals VALUES (3000, 'acme', 1, '2026-01-01'); ROLLBACK;
SELECT numerator, state FROM crm.kpi_total('created_value');
UPDATE deals SET value = 3 WHERE id = 1;
INSERT INTO deals VALUES (3001, 'acme', 10, '2026-01-01');
DELETE FROM deals WHERE id = 2;
SELECT count(*) AS pending, (SELECT count(*) FROM deals) AS deals FROM crm.kpi_pending;
SELECT numerator, state FROM crm.kpi_total('created_value');
SELECT item, state, hint FROM crm.status WHERE room = 'kpi' AND state = 'paused' ORDER BY 1;
RESET "crm".pending_hard_limit;
-- folding ends the pause; what was missed is not known until it is counted
SELECT crm.fold() AS folded;
SELECT numerator, state FROM crm.kpi_total('created_value');
SELECT pg_stat_force_next_flush();
INSERT INTO deals VALUES (3002, 'acme', 100, '2026-01-01');
CALL crm.backfill('deals');
SELECT numerator, state, (SELECT sum(value) FROM deals) AS base FROM crm.kpi_total('created_value');
SELECT sum(groups_different) FROM crm.verify_kpi('created_value');
-- crmd folds less often while an old snapshot is held, and otherwise at once
SELECT crm.fold_pause() >= '0' AS some_pause, crm.fold_due() > 0 AS folded, crm.fold_due() AS nothing_left;
SELECT item, state FROM crm.status WHERE item = 'fold';
ALTER TABLE crm.kpi_pending RESET (autovacuum_enabled);
SELECT crm.disown_all();
DELETE FROM crm.team_kpi; DELETE FROM crm.team_kpi_term;
