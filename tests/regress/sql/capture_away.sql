-- crmd is away for a week: days of writes without a fold. Numbers stay exact, and are marked as old; what is pending is bounded, past the
-- hard limit numbers are unknown and writers go on; then anybody who folds drains all of it, and all is exact again.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
SET client_min_messages = warning;
SET timezone = 'UTC';
SELECT crm.create_unit('firm', 'The firm'), crm.create_unit('north', 'North', parent => 'firm'), crm.create_unit('south', 'South', parent => 'firm');
SELECT crm.create_funnel('sales', 'opportunity', '[{"key": "open", "kind": "entry"}, {"key": "won", "kind": "won", "milestone": "won"}, {"key": "lost", "kind": "lost", "milestone": "lost"}]');
CREATE TABLE deals (id integer PRIMARY KEY, region text, value numeric(12,2), state text, opened date, closed date);
CREATE TABLE tickets (id integer PRIMARY KEY, region text, opened timestamptz, solved timestamptz);
SELECT count(*) > 0 AS adopted FROM crm.adopt('deals', 'opportunity', funnel => 'sales', columns => '{"unit": "region", "amount": "value", "stage": "state", "created_at": "opened", "closed_at": "closed"}');
SELECT count(*) > 0 AS adopted FROM crm.adopt('tickets', 'ticket', columns => '{"unit": "region", "opened_at": "opened", "resolved_at": "solved"}');
CALL crm.backfill('deals');
CALL crm.backfill('tickets');
SELECT crm.set_sla('solve', 'ticket', 'true', 'resolution', '24 hours', NULL);
SELECT crm.fold() IS NOT NULL AS folded;
ALTER TABLE crm.kpi_pending SET (autovacuum_enabled = off);
-- one day of the week: deals come, are won, lost, reopened, moved to another unit and deleted; tickets are opened and solved
CREATE PROCEDURE work(day integer) LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO deals SELECT day * 1000 + i, (ARRAY['north', 'south', 'elsewhere'])[1 + i % 3], i * 1.25, 'open', date '2026-03-01' + day, NULL FROM generate_series(1, 60) i;
    FOR n IN 1 .. 60 LOOP
        UPDATE deals SET state = CASE n % 3 WHEN 0 THEN 'lost' ELSE 'won' END, closed = date '2026-03-01' + day, value = value + 0.01 WHERE id = (day - n % 2) * 1000 + n;
    END LOOP;
    UPDATE deals SET region = CASE region WHEN 'north' THEN 'south' ELSE 'north' END WHERE id % 7 = day;
    UPDATE deals SET state = 'open', closed = NULL WHERE id % 11 = day;
    DELETE FROM deals WHERE id % 13 = day;
    INSERT INTO tickets SELECT day * 100 + i, 'north', timestamptz '2026-03-01Z' + day * interval '1 day', NULL FROM generate_series(1, 10) i;
    UPDATE tickets SET solved = opened + id % 40 * interval '1 hour' WHERE id / 100 = day - 1;
END
$$;
-- the numbers by SQL that uses nothing of crm, beside them; those of tickets whose time is over
CREATE VIEW compared AS
SELECT k.kpi, k.state, k.numerator = b.value AS exact, k.numerator IS NOT NULL AS known
FROM (SELECT 'won_value' AS kpi, coalesce(sum(value) FILTER (WHERE state = 'won' AND closed IS NOT NULL), 0) AS value FROM deals
      UNION ALL SELECT 'won_count', count(*) FILTER (WHERE state = 'won' AND closed IS NOT NULL) FROM deals
      UNION ALL SELECT 'open_pipeline', coalesce(sum(value) FILTER (WHERE state = 'open'), 0) FROM deals
      UNION ALL SELECT 'ticket_backlog', count(*) FILTER (WHERE solved IS NULL) FROM tickets
      UNION ALL SELECT 'sla_attainment', count(*) FILTER (WHERE solved <= opened + interval '24 hours') FROM tickets) b
CROSS JOIN LATERAL (SELECT b.kpi, t.numerator, t.state FROM crm.kpi_total(b.kpi) t) k;
CREATE VIEW watch AS SELECT state, amount > 0 AS some, regexp_replace(detail, '^.* limit', 'limit') AS detail, hint FROM crm.status WHERE item = 'pending changes';
SET "crm".pending_limit = 1000;
CALL work(1);
SELECT * FROM compared ORDER BY 1;
UPDATE crm.fold_drained SET at = now() - interval '1 day';
SELECT * FROM watch;
CALL work(2); CALL work(3); CALL work(4); CALL work(5); CALL work(6);
UPDATE crm.fold_drained SET at = now() - interval '6 days';
SELECT * FROM watch;
SELECT count(*) > 1000 AS past_the_limit FROM crm.kpi_pending;
-- six days that nobody folded: exact all the same
SELECT * FROM compared ORDER BY 1;
SELECT sum(groups_different) FROM crm.verify_kpi('won_value');
-- past the hard limit: nothing more is pending, writers go on, and what nobody knows reads NULL
SELECT count(*) AS before FROM crm.kpi_pending \gset
SELECT pg_stat_force_next_flush() \g /dev/null
SET "crm".pending_hard_limit = 1000;
CALL work(7);
SELECT count(*) - :before AS more_pending FROM crm.kpi_pending;
SELECT count(*) FILTER (WHERE id / 1000 = 7) > 0 AS written FROM deals;
SELECT kpi, state, known FROM compared ORDER BY 1;
SELECT DISTINCT state FROM crm.status WHERE item LIKE 'component opportunity%';
RESET "crm".pending_hard_limit;
-- somebody folds a little, and drains it all, since the limit is passed
SELECT crm.fold(10) > 1000 AS drained;
SELECT count(*) < 100 AS bounded FROM crm.kpi_pending;
SELECT kpi, state, known FROM compared WHERE kpi LIKE 'won%' ORDER BY 1;
CALL crm.backfill('deals');
CALL crm.backfill('tickets');
SELECT crm.fold() IS NOT NULL AS folded;
SELECT crm.fold() IS NOT NULL AS folded;
SELECT count(*) AS pending FROM crm.kpi_pending;
SELECT * FROM compared ORDER BY 1;
SELECT k, sum(v.groups_different) AS different FROM unnest('{won_value,open_pipeline,ticket_backlog,sla_attainment}'::text[]) k CROSS JOIN LATERAL crm.verify_kpi(k) v GROUP BY 1 ORDER BY 1;
SELECT * FROM watch;
-- by unit and day, too
WITH base AS (SELECT closed, CASE region WHEN 'elsewhere' THEN 'firm' ELSE region END AS unit, sum(value) AS value FROM deals WHERE state = 'won' AND closed IS NOT NULL GROUP BY 1, 2),
shown AS (SELECT day, unit_key, numerator::numeric AS value FROM crm_bi.kpi_value WHERE kpi_key = 'won_value' AND day IS NOT NULL),
added AS (SELECT day, unit_key, sum(value) AS value FROM shown GROUP BY 1, 2)
SELECT (SELECT count(*) FROM base) > 10 AS many, (SELECT count(*) FROM (TABLE base EXCEPT TABLE added) d) AS missing, (SELECT count(*) FROM (TABLE added EXCEPT TABLE base) d) AS wrong;
-- notes of clocks are bounded as well: past the limit a table's clocks are made anew whenever they are read, until somebody folds
ALTER TABLE crm.clock_touched SET (autovacuum_enabled = off);
CREATE VIEW late AS SELECT count(*) FILTER (WHERE breached) AS breached, count(*) AS clocks FROM crm_bi.sla_clock;
CREATE VIEW late_by_sql AS SELECT count(*) FILTER (WHERE solved IS NULL) AS breached, count(*) FILTER (WHERE solved IS NULL) AS clocks FROM tickets;
INSERT INTO tickets SELECT 10000 + i, 'south', '2026-03-09Z', NULL FROM generate_series(1, 1500) i;
SELECT pg_stat_force_next_flush() \g /dev/null
SET "crm".pending_hard_limit = 1000;
BEGIN; UPDATE tickets SET solved = opened WHERE id <= 10100; ROLLBACK;
SELECT count(*) AS paused FROM crm.clock_paused;
SELECT count(*) AS before FROM crm.clock_touched \gset
UPDATE tickets SET solved = opened WHERE id BETWEEN 10001 AND 10200;
UPDATE tickets SET region = 'north' WHERE id BETWEEN 10001 AND 10300;
DELETE FROM tickets WHERE id BETWEEN 10301 AND 10400;
SELECT count(*) - :before AS more_notes, (SELECT count(*) FROM crm.clock_paused) AS paused FROM crm.clock_touched;
SELECT state, hint FROM crm.status WHERE item = 'clocks';
SELECT l.breached = b.breached AS breached, l.clocks = b.clocks AS clocks FROM late l, late_by_sql b;
SELECT kpi, state FROM crm.kpi_state('sla_attainment');
RESET "crm".pending_hard_limit;
SELECT crm.fold() IS NOT NULL AS folded;
SELECT (SELECT count(*) FROM crm.clock_paused) AS paused, (SELECT count(*) FROM crm.clock_touched WHERE record_key IS NULL) AS made_anew;
UPDATE tickets SET solved = opened WHERE id BETWEEN 10401 AND 10410;
SELECT crm.fold() IS NOT NULL AS folded;
SELECT count(*) AS notes FROM crm.clock_touched;
SELECT l.breached = b.breached AS breached, l.clocks = b.clocks AS clocks FROM late l, late_by_sql b;
SELECT * FROM compared WHERE kpi = 'sla_attainment';
SELECT k, sum(v.groups_different) AS different FROM unnest('{ticket_backlog,sla_attainment}'::text[]) k CROSS JOIN LATERAL crm.verify_kpi(k) v GROUP BY 1 ORDER BY 1;
ALTER TABLE crm.kpi_pending RESET (autovacuum_enabled);
ALTER TABLE crm.clock_touched RESET (autovacuum_enabled);
SELECT crm.disown_all();
