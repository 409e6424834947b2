-- History of stages: from a column (text, enum, foreign key) and from an event log.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
SELECT crm.create_unit('hq', kind => 'business');
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT crm.create_funnel('sales', 'opportunity', '[
  {"key": "prospecting", "department": "marketing", "milestone": "lead"},
  {"key": "engaging", "department": "sales", "milestone": "opportunity"},
  {"key": "proposal", "department": "sales"},
  {"key": "won", "department": "sales", "milestone": "won", "aliases": ["Closed Won"]},
  {"key": "lost", "department": "sales", "milestone": "lost"}]');
CREATE TABLE deals (id bigint PRIMARY KEY, status text, region text, account integer, opened timestamptz, closed date);
INSERT INTO deals VALUES
  (1, 'Prospecting', 'north', 11, '2026-01-01 10:00Z', NULL),
  (2, 'Engaging', 'north', 12, '2026-01-02 10:00Z', NULL),
  (3, 'Closed Won', 'south', 11, '2026-01-03 10:00Z', '2026-02-03'),
  (4, 'Lost', NULL, NULL, '2026-01-04 10:00Z', '2026-01-04'),
  (5, 'Closed Won', 'south', 13, '2026-01-05 10:00Z', '2025-12-31'),
  (6, 'Won', 'south', 13, NULL, NULL),
  (7, 'Dormant', 'south', 13, '2026-01-07 10:00Z', NULL),
  (8, NULL, 'south', 13, '2026-01-08 10:00Z', NULL),
  (9, 'engaging', 'south', 13, 'infinity', NULL);
SELECT room, object, lock, detail FROM crm.adopt('deals', 'opportunity', fallback_unit => 'hq', columns => '{
  "stage": "status", "unit": "region", "customer": {"column": "account", "of": "public.accounts"}, "created_at": "opened", "closed_at": "closed"}');
CREATE TABLE accounts (id integer PRIMARY KEY);
SELECT room, object, lock, detail FROM crm.adopt('deals', 'opportunity', fallback_unit => 'hq', columns => '{
  "stage": "status", "unit": "region", "customer": {"column": "account", "of": "public.accounts"}, "created_at": "opened", "closed_at": "closed"}')
WHERE room = 'funnel';
SELECT relation, funnel, source, target FROM crm.tracking;

-- Before the backfill: rows that are there have no history, changes are seen.
UPDATE deals SET status = 'Proposal' WHERE id = 2;
INSERT INTO deals VALUES (10, 'prospecting', 'north', 12, '2026-01-10 10:00Z', NULL);
SELECT record_key AS key, sequence AS seq, from_stage, to_stage, at = now() AS is_now, direction, flags FROM crm.transition_log ORDER BY 1, 2;
CALL crm.backfill('deals');
CREATE VIEW history AS
SELECT t.record_key AS key, t.sequence AS seq, t.from_stage, t.to_stage, t.value,
       CASE WHEN t.at > now() - interval '1 hour' THEN 'now' ELSE (t.at AT TIME ZONE 'UTC')::timestamp(0)::text END AS at,
       t.unit, t.department AS dept, t.direction, t.first_entry AS fresh, t.flags, t.customer_key AS customer
FROM crm.transition_log t ORDER BY t.relation::text, length(t.record_key), t.record_key, t.sequence, t.id;
SELECT * FROM history;
SELECT crm.settle_transitions();
SELECT key, seq, from_stage, to_stage, direction, fresh, flags FROM history WHERE key = '2';
-- Again: nothing is read twice.
UPDATE crm.filling SET state = 'filling' WHERE room = 'funnel';
CALL crm.backfill('deals');
SELECT count(*) FROM crm.transition_log;

-- Each real change writes a row: not the same value, not another name of the same stage, not other columns.
BEGIN;
UPDATE deals SET status = status, region = 'east' WHERE id = 1;
UPDATE deals SET status = ' PROSPECTING ' WHERE id = 1;
SELECT count(*) FROM history WHERE key = '1';
UPDATE deals SET status = 'proposal' WHERE id = 1;
UPDATE deals SET status = 'engaging' WHERE id = 1;
UPDATE deals SET status = 'proposal' WHERE id = 1;
UPDATE deals SET status = 'closed won', closed = (now() AT TIME ZONE 'UTC')::date WHERE id = 1;
UPDATE deals SET status = 'mystery' WHERE id = 1;
UPDATE deals SET status = NULL WHERE id = 1;
UPDATE deals SET status = 'lost', closed = '2025-01-01' WHERE id = 1;
SELECT seq, from_stage, to_stage, value, at, unit, direction, fresh, flags FROM history WHERE key = '1';
ROLLBACK;
SELECT count(*) FROM history WHERE key = '1';
-- A value that gets an alias gets its stage; until then status lists it.
\pset format unaligned
SELECT item, state, amount, detail, hint FROM crm.status WHERE room = 'funnel' AND state <> 'ok';
\pset format aligned
UPDATE deals SET status = 'won' WHERE id = 7;
SELECT crm.add_stage('sales', '{"key": "dormant", "position": 350, "kind": "waiting"}');
SELECT seq, from_stage, to_stage, direction, flags FROM history WHERE key = '7';
SELECT item FROM crm.status WHERE room = 'funnel' AND state <> 'ok';
-- First values, other keys, other customers, savepoints.
UPDATE deals SET status = 'engaging' WHERE id = 8;
UPDATE deals SET id = 90 WHERE id = 9;
UPDATE deals SET account = 14 WHERE id = 3;
BEGIN;
SAVEPOINT a;
UPDATE deals SET status = 'lost' WHERE id = 2;
ROLLBACK TO a;
UPDATE deals SET status = 'won' WHERE id = 2;
COMMIT;
SELECT key, seq, from_stage, to_stage, at, flags, customer FROM history WHERE key IN ('2', '3', '8', '9', '90');
-- Many at once; ON CONFLICT; MERGE; COPY; rows that two statements of one query change.
INSERT INTO deals SELECT g, 'prospecting' FROM generate_series(100, 104) g;
INSERT INTO deals VALUES (100, 'engaging'), (105, 'engaging') ON CONFLICT (id) DO UPDATE SET status = excluded.status;
MERGE INTO deals d USING (VALUES (101, 'proposal'), (106, 'proposal')) v (id, status) ON d.id = v.id
WHEN MATCHED THEN UPDATE SET status = v.status WHEN NOT MATCHED THEN INSERT (id, status) VALUES (v.id, v.status);
COPY deals (id, status) FROM stdin (DELIMITER ',');
107,won
108,nonsense
\.
WITH x AS (UPDATE deals SET status = 'lost' WHERE id = 102) UPDATE deals SET status = 'won' WHERE id = 103;
SELECT key, seq, from_stage, to_stage, value, at, direction FROM history WHERE length(key) = 3;
DELETE FROM deals WHERE id BETWEEN 100 AND 108;
SELECT count(*) FROM history WHERE length(key) = 3;
-- A change by somebody without rights on crm, who is no principal.
CREATE ROLE regress_track_writer;
GRANT SELECT, UPDATE ON deals TO regress_track_writer;
SET ROLE regress_track_writer;
UPDATE deals SET status = 'engaging' WHERE id = 10;
RESET ROLE;
SELECT sequence, to_stage, by FROM crm.transition_log WHERE record_key = '10' ORDER BY 1;
-- Added, dropped and renamed columns are followed.
ALTER TABLE deals ADD extra text;
ALTER TABLE deals DROP COLUMN extra, ADD other text;
ALTER TABLE deals RENAME status TO phase;
UPDATE deals SET phase = 'proposal' WHERE id = 10;
SELECT seq, to_stage FROM history WHERE key = '10';
TRUNCATE deals;
SELECT count(*) FROM history;
SELECT crm.disown('deals');
SELECT count(*) FROM crm.tracking;
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'deals'::regclass AND NOT tgisinternal;

-- A partitioned table whose partitions have their columns in another order; an enum.
CREATE TYPE phase AS ENUM ('prospecting', 'engaging', 'won');
CREATE TABLE parted (region text, id integer, phase phase, PRIMARY KEY (region, id)) PARTITION BY LIST (region);
CREATE TABLE parted_n PARTITION OF parted FOR VALUES IN ('n');
CREATE TABLE parted_s (phase phase, gone int, id integer NOT NULL, region text NOT NULL);
ALTER TABLE parted_s DROP COLUMN gone;
ALTER TABLE parted ATTACH PARTITION parted_s FOR VALUES IN ('s');
SELECT room, object, detail FROM crm.adopt('parted', 'opportunity', columns => '{"stage": "phase", "unit": "region"}') WHERE room = 'funnel';
CALL crm.backfill('parted');
INSERT INTO parted VALUES ('n', 1, 'prospecting'), ('s', 2, 'engaging');
INSERT INTO parted_s (region, id, phase) VALUES ('s', 3, 'engaging');
UPDATE parted_s SET phase = 'won' WHERE id = 3;
UPDATE parted SET phase = 'won';
SELECT key, seq, from_stage, to_stage, unit, direction FROM history;
-- A row that moves to another partition with its key changed is another record.
UPDATE parted SET region = 's' WHERE id = 1;
SELECT key, seq, to_stage FROM history WHERE key LIKE '%1%';
CREATE TABLE parted_w PARTITION OF parted FOR VALUES IN ('w');
INSERT INTO parted_w VALUES ('w', 9, 'engaging');
TRUNCATE parted_s;
SELECT key, seq, to_stage FROM history;
DROP TABLE parted;
SELECT count(*) FROM crm.transition_log;
SELECT count(*) FROM crm.tracking;

-- A foreign key to a table of stages, learned from the names that it holds.
CREATE TABLE stages (id integer PRIMARY KEY, code text, title text);
INSERT INTO stages VALUES (1, 'x1', 'Prospecting'), (2, 'x2', 'closed won'), (3, 'x3', 'unheard of');
CREATE TABLE offers (id uuid PRIMARY KEY, stage_id integer REFERENCES stages);
INSERT INTO offers VALUES ('00000000-0000-0000-0000-000000000001', 1), ('00000000-0000-0000-0000-000000000002', 3);
SELECT room, object, detail FROM crm.adopt('offers', 'opportunity', columns => '{"stage": "stage_id"}') WHERE room = 'funnel';
CALL crm.backfill('offers');
UPDATE offers SET stage_id = 2 WHERE stage_id = 1;
SELECT right(key, 1) AS key, seq, from_stage, to_stage, value, flags FROM history;
SELECT crm.disown('offers');

-- What cannot be tracked.
SELECT crm.track('accounts');
SELECT count(*) > 0 AS adopted FROM crm.adopt('accounts', 'customer');
SELECT crm.track('accounts');
SELECT crm.track('accounts', 'sales');
SELECT crm.track('accounts', 'saels');
SELECT crm.create_funnel('journey', 'customer', '["visitor"]');
SELECT crm.track('accounts', 'journey');
SELECT crm.disown('accounts');
SELECT count(*) > 0 AS adopted FROM crm.adopt('deals', 'opportunity', funnel => 'sale', columns => '{"stage": "phase"}');
SELECT count(*) FROM crm.adoption;
SELECT room FROM crm.adopt('deals', 'opportunity', funnel => 'journey', columns => '{"stage": "phase"}') WHERE room = 'funnel';
SELECT crm.track('deals', 'sales');
SET ROLE regress_track_writer;
SELECT crm.track('deals', 'sales');
RESET ROLE;
DROP OWNED BY regress_track_writer;
DROP ROLE regress_track_writer;

-- a mapping that fails on a row does not stop the team's write; status says so, a backfill mends it
CREATE TABLE brittle (id integer PRIMARY KEY, size integer);
SELECT crm.create_funnel('brittle', 'opportunity', '[
    {"key": "small", "position": 100, "department": "sales", "kind": "entry"},
    {"key": "large", "position": 200, "department": "sales", "kind": "won"}]');
SELECT count(*) > 0 AS done FROM crm.adopt('brittle', 'opportunity', funnel => 'brittle',
    columns => '{"stage": "CASE WHEN 100 / size > 10 THEN ''small'' ELSE ''large'' END"}');
CALL crm.backfill('brittle');
INSERT INTO brittle VALUES (1, 1), (2, 50);
INSERT INTO brittle VALUES (3, 0);
SELECT count(*) FROM brittle;
SELECT state, error FROM crm.filling WHERE relation = 'brittle'::regclass AND room = 'funnel';
SELECT item, state, hint FROM crm.status WHERE room = 'funnel' AND item LIKE '%brittle%' AND state = 'failed';
DELETE FROM brittle WHERE id = 3;
CALL crm.backfill('brittle');
SELECT state, error FROM crm.filling WHERE relation = 'brittle'::regclass AND room = 'funnel';
SELECT record_key, to_stage FROM crm.transition_log WHERE relation = 'brittle'::regclass ORDER BY id;
SELECT crm.disown('brittle');
