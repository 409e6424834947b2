-- History of stages from columns that hold the time of each.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET timezone = 'UTC';
SELECT crm.create_unit('hq', kind => 'business');
SELECT crm.create_funnel('sales', 'opportunity', '[
  {"key": "lead", "department": "marketing"}, {"key": "qualified", "department": "sales", "aliases": ["mql"]},
  {"key": "parked", "kind": "waiting"}, {"key": "won", "milestone": "won"}, {"key": "lost", "milestone": "lost"}]');
CREATE TABLE accounts (id integer PRIMARY KEY);
CREATE TABLE deals (id integer PRIMARY KEY, account integer REFERENCES accounts, region text, lead_at timestamptz, qualified_on date,
    parked_at timestamp, won_at timestamptz, lost_at timestamptz, value numeric);
INSERT INTO accounts VALUES (1), (2);
INSERT INTO deals (id, account, region, lead_at, qualified_on, won_at, lost_at, parked_at) VALUES
  (1, 1, 'north', '2026-01-01 10:00Z', '2026-01-01', '2026-01-20 09:00Z', NULL, NULL),
  (2, 1, NULL, '2026-01-02 10:00Z', NULL, NULL, '2026-01-05 10:00Z', NULL),
  (3, 2, 'south', '2026-01-10 10:00Z', '2026-01-12', '2026-01-09 10:00Z', NULL, NULL),
  (4, NULL, 'south', '2026-01-03 10:00Z', NULL, 'infinity', NULL, '2026-01-04 10:00'),
  (5, NULL, 'south', NULL, NULL, NULL, NULL, NULL);
SELECT attribute, mapping, type FROM crm.preview_adopt('deals', 'opportunity', '{"stage": {"lead": "lead_at", "won": "won_at"}}');
SELECT room, object, lock, detail FROM crm.adopt('deals', 'opportunity', fallback_unit => 'hq', columns => '{"unit": "region", "customer": "account", "amount": "value",
    "stage": {"lead": "lead_at", "mql": "qualified_on", "parked": "parked_at", "won": "won_at", "lost": "lost_at"}}') WHERE room = 'funnel';
SELECT relation, funnel, source, target FROM crm.tracking;
SELECT place, stage, position FROM crm.tracking_date ORDER BY 1;
CREATE VIEW history AS
SELECT t.record_key AS key, t.sequence AS seq, t.from_stage, t.to_stage, t.at, t.direction, t.first_entry AS fresh, t.unit, t.customer_key AS customer,
       t.by, t.flags FROM crm.transition_log t ORDER BY t.record_key::integer, t.sequence;
-- before the backfill: a row that changes, one that comes, one that goes
UPDATE deals SET won_at = '2026-01-21 09:00Z' WHERE id = 1;
INSERT INTO deals (id, lead_at) VALUES (6, '2026-01-06 10:00Z'), (7, '2026-01-07 10:00Z');
DELETE FROM deals WHERE id = 7;
CALL crm.backfill('deals');
SELECT crm.settle_transitions() >= 0 AS settled;
SELECT * FROM history;
-- the present stage, for KPIs: the latest time, of equal ones the last by position; the same as the history's last
SELECT d.id, crm.map_stage(d) FROM deals d ORDER BY 1;
-- again: nothing is written twice
UPDATE crm.filling SET state = 'filling' WHERE room = 'funnel';
CALL crm.backfill('deals');
SELECT count(*), count(DISTINCT (record_key, to_stage)) FROM crm.transition_log;

-- Set later, corrected, cleared; the transition that is corrected stays the one that it was.
CREATE ROLE regress_track_dates_writer;
GRANT SELECT, UPDATE ON deals TO regress_track_dates_writer;
SET ROLE regress_track_dates_writer;
UPDATE deals SET lead_at = '2026-02-01 10:00Z' WHERE id = 5;
RESET ROLE;
UPDATE deals SET won_at = '2026-02-03 10:00Z', qualified_on = '2026-02-02' WHERE id = 5;
SELECT * FROM history WHERE key = '5';
SELECT id AS corrected FROM crm.transition_log WHERE record_key = '3' AND to_stage = 'won' \gset
UPDATE deals SET won_at = '2026-01-15 10:00Z' WHERE id = 3;
SELECT * FROM history WHERE key = '3';
SELECT id = :corrected AS same FROM crm.transition_log WHERE record_key = '3' AND to_stage = 'won';
UPDATE deals SET won_at = NULL, lost_at = '2026-01-16 10:00Z' WHERE id = 3;
UPDATE deals SET qualified_on = NULL WHERE id = 1;
SELECT * FROM history WHERE key IN ('1', '3');
-- Other columns change nothing; another customer and another key are followed.
UPDATE deals SET value = 7;
UPDATE deals SET account = 2 WHERE id = 1;
UPDATE deals SET id = 40 WHERE id = 4;
SELECT key, seq, to_stage, customer FROM history WHERE key IN ('1', '4', '40');
-- Impossible times are kept and flagged: won before qualified, lost before lead, in the future; corrected, the flag goes.
UPDATE deals SET qualified_on = '2026-03-01' WHERE id = 5;
UPDATE deals SET lost_at = '2025-12-31 10:00Z' WHERE id = 6;
UPDATE deals SET won_at = now() + interval '3 days' WHERE id = 40;
SELECT key, seq, to_stage, direction, flags FROM history WHERE key IN ('5', '6', '40');
UPDATE deals SET qualified_on = '2026-02-02' WHERE id = 5;
SELECT key, seq, to_stage, direction, flags FROM history WHERE key = '5';
-- Many at once, by COPY and MERGE; nothing is left of what is deleted, or cleared altogether.
COPY deals (id, lead_at, won_at) FROM stdin (DELIMITER ',', NULL '');
100,2026-04-01 10:00Z,2026-04-02 10:00Z
101,2026-04-01 10:00Z,
\.
MERGE INTO deals d USING (VALUES (101, timestamptz '2026-04-03 10:00Z'), (102, '2026-04-04 10:00Z')) v (id, at) ON d.id = v.id
WHEN MATCHED THEN UPDATE SET lost_at = v.at WHEN NOT MATCHED THEN INSERT (id, lead_at) VALUES (v.id, v.at);
SELECT key, seq, from_stage, to_stage FROM history WHERE key::integer >= 100;
DELETE FROM deals WHERE id = 100;
UPDATE deals SET lead_at = NULL, lost_at = NULL WHERE id >= 100;
SELECT count(*) FROM history WHERE key::integer >= 100;
-- The whole history equals what the rows say, computed anew.
SELECT count(*) AS differing FROM (
    SELECT d.id::text, u.stage, u.at FROM deals d
    CROSS JOIN LATERAL (VALUES ('lead', lead_at), ('qualified', greatest(qualified_on::timestamptz, CASE WHEN lead_at::date = qualified_on THEN lead_at END)),
        ('parked', parked_at::timestamptz), ('won', nullif(won_at, 'infinity')), ('lost', lost_at)) u (stage, at) WHERE u.at IS NOT NULL
    EXCEPT SELECT record_key, to_stage, at FROM crm.transition_log) d;
SELECT count(*) AS transitions FROM crm.transition_log;
SELECT stage, entered, reached FROM crm.funnel_reach('sales') ORDER BY position;

-- A workflow asks of times that are set as of any other step.
SELECT crm.allow_transition('sales', NULL, 'lead');
SELECT crm.allow_transition('sales', 'lead', 'qualified', required => '{amount}');
SELECT crm.allow_transition('sales', 'qualified', 'won');
INSERT INTO deals (id, lead_at, won_at) VALUES (200, '2026-05-01', '2026-05-02');
INSERT INTO deals (id, lead_at, qualified_on, won_at) VALUES (200, '2026-05-01', '2026-05-02', '2026-05-03');
INSERT INTO deals (id, lead_at, qualified_on, won_at, value) VALUES (200, '2026-05-01', '2026-05-02', '2026-05-03', 1);
UPDATE deals SET won_at = '2026-05-04' WHERE id = 200;
UPDATE deals SET lost_at = '2026-05-05' WHERE id = 200;
SELECT key, seq, from_stage, to_stage, at, flags FROM history WHERE key = '200';

-- TRUNCATE; disown; partitions; an event log that takes over and goes.
TRUNCATE deals;
SELECT count(*) FROM history;
SELECT crm.disown('deals');
SELECT count(*) FROM crm.tracking_date;
SELECT count(*) FROM pg_proc WHERE proargtypes[0] = 'deals'::regtype;
CREATE TABLE parted (id integer, region text, lead_on date, won_on date, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE parted_n PARTITION OF parted FOR VALUES IN ('n');
CREATE TABLE parted_s PARTITION OF parted FOR VALUES IN ('s');
SELECT crm.create_funnel('parts', 'opportunity', '["lead", "won"]');
SELECT count(*) > 0 AS adopted FROM crm.adopt('parted', 'opportunity', funnel => 'parts', zone => 'Europe/Oslo',
    columns => '{"unit": "region", "stage": {"lead": "lead_on", "won": "won_on"}}');
CALL crm.backfill('parted');
INSERT INTO parted VALUES (1, 'n', '2026-01-01', '2026-01-01'), (2, 's', '2026-01-02', NULL);
UPDATE parted SET won_on = '2026-01-09' WHERE id = 2;
SELECT record_key, sequence, to_stage, at, direction, unit, flags FROM crm.transition_log WHERE funnel = 'parts' ORDER BY 1, 2;
TRUNCATE parted_s;
UPDATE parted SET region = 's' WHERE id = 1;
SELECT record_key, sequence, to_stage FROM crm.transition_log WHERE funnel = 'parts' ORDER BY 1, 2;
CREATE TABLE steps (id integer PRIMARY KEY, deal text, state text, at timestamptz);
SELECT count(*) > 0 AS adopted FROM crm.adopt('steps', 'stage_change', funnel => 'parts', columns => '{"record": {"column": "deal", "of": "public.parted"}, "stage": "state", "at": "at"}');
SELECT relation, source FROM crm.tracking WHERE funnel = 'parts' ORDER BY 1;
UPDATE parted SET won_on = '2026-01-10';
SELECT count(*) FROM crm.transition_log WHERE funnel = 'parts';
SELECT crm.disown('steps');
SELECT relation, source FROM crm.tracking WHERE funnel = 'parts' ORDER BY 1;
CALL crm.backfill('parted');
SELECT record_key, sequence, to_stage, at FROM crm.transition_log WHERE funnel = 'parts' ORDER BY 1, 2;
-- A renamed column is followed.
ALTER TABLE parted RENAME won_on TO closed_on;
UPDATE parted SET closed_on = '2026-01-11';
SELECT record_key, sequence, to_stage, at FROM crm.transition_log WHERE funnel = 'parts' ORDER BY 1, 2;

-- Adopted before there was a funnel: tracked later. Equal times: the last by position.
SELECT crm.disown('parted');
SELECT count(*) > 0 AS adopted FROM crm.adopt('parted', 'ticket', columns => '{"stage": {"zz": "lead_on", "a": "closed_on"}}');
SELECT crm.create_funnel('late', 'ticket', '["a", "zz"]');
SELECT crm.track('parted', 'late');
CALL crm.backfill('parted');
UPDATE parted SET lead_on = closed_on;
SELECT p.id, crm.map_stage(p) FROM parted p;
SELECT record_key, sequence, to_stage, direction FROM crm.transition_log WHERE funnel = 'late' ORDER BY 1, 2;
ALTER TABLE parted ADD note text DEFAULT 'x';
-- What cannot work is said before anything is made.
SELECT crm.disown('parted');
SELECT room FROM crm.adopt('deals', 'opportunity', columns => '{"stage": {"lead": "lead_it"}}');
SELECT room FROM crm.adopt('deals', 'opportunity', columns => '{"stage": {"lead": 7}}');
SELECT room FROM crm.adopt('deals', 'opportunity', columns => '{"stage": {"lead": "region"}}');
SELECT room FROM crm.adopt('deals', 'opportunity', columns => '{"stage": {}}');
SELECT room FROM crm.adopt('deals', 'opportunity', funnel => 'sales', columns => '{"stage": {"leed": "lead_at"}}');
SELECT room FROM crm.adopt('deals', 'opportunity', funnel => 'sales', columns => '{"stage": {"qualified": "lead_at", "mql": "won_at"}}');
SELECT count(*) FROM crm.adoption;
DROP OWNED BY regress_track_dates_writer;
DROP ROLE regress_track_dates_writer;
