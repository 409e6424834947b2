-- History of stages from a team's own event log.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
SELECT crm.create_unit('hq', kind => 'business');
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT crm.create_funnel('desk', 'ticket', '[{"key": "new", "department": "portal"}, {"key": "assigned", "department": "service"},
  {"key": "taken", "department": "service", "aliases": ["Take in charge"]}, {"key": "closed", "department": "service", "milestone": "won"}]');
CREATE TABLE log (case_id text, seq integer, activity text, at timestamptz, who text, about text, PRIMARY KEY (case_id, seq));
INSERT INTO log VALUES
  ('Case 1', 2, 'Assigned', '2026-01-01 10:00Z', 'ann', 'Ticket'),
  ('Case 1', 1, 'New', '2026-01-01 09:00Z', 'ann', 'ticket'),
  ('Case 1', 10, 'Closed', '2026-01-01 11:00Z', 'bob', 'ticket'),
  ('Case 1', 9, 'Take in charge', '2026-01-01 11:00Z', 'bob', 'ticket'),
  ('Case 2', 1, 'Assigned', '2026-01-02 10:00Z', NULL, 'ticket'),
  ('Case 2', 2, 'Assigned', '2026-01-02 10:00Z', NULL, 'ticket'),
  ('Case 2', 3, 'Escalated', '2026-01-02 12:00Z', NULL, 'ticket'),
  ('Case 3', 1, 'New', NULL, NULL, 'ticket'),
  ('Case 4', 1, 'New', '2026-01-04 12:00Z', NULL, 'deal'),
  ('Case 5', 1, '  ', '2026-01-04 12:00Z', NULL, 'ticket');
SELECT room, object, detail FROM crm.adopt('log', 'stage_change', funnel => 'desk', fallback_unit => 'hq',
  columns => '{"of": "about", "record": "case_id", "stage": "activity", "at": "at", "by": "who"}') WHERE room = 'funnel';
CREATE VIEW history AS
SELECT t.record_key AS key, t.sequence AS seq, t.source_key, t.from_stage, t.to_stage, t.value, t.at AT TIME ZONE 'UTC' AS at, t.by, t.unit, t.department AS dept,
       t.direction, t.first_entry AS fresh, t.flags
FROM crm.transition_log t ORDER BY t.relation::text, t.record_key, t.sequence, t.id;
-- An event while the rest waits to be read.
INSERT INTO log VALUES ('Case 1', 3, 'Assigned', '2026-01-01 10:30Z', 'ann', 'ticket');
SELECT key, seq, to_stage, direction, flags FROM history;
CALL crm.backfill('log');
SELECT * FROM history;
SELECT crm.settle_transitions(), crm.settle_transitions();
SELECT key, seq, source_key, from_stage, to_stage, direction, flags FROM history WHERE key = 'Case 1';

-- Late events, corrected events, deleted ones: as if all had come in order.
INSERT INTO log VALUES ('Case 2', 4, 'New', '2026-01-02 09:00Z', NULL, 'ticket'), ('Case 2', 5, 'Closed', '2026-01-02 13:00Z', NULL, 'ticket');
SELECT key, seq, source_key, from_stage, to_stage, direction, fresh, flags FROM history WHERE key = 'Case 2';
UPDATE log SET at = '2026-01-02 14:00Z' WHERE case_id = 'Case 2' AND seq = 2;
UPDATE log SET who = 'eve', activity = 'closed' WHERE case_id = 'Case 2' AND seq = 3;
DELETE FROM log WHERE case_id = 'Case 2' AND seq = 1;
UPDATE log SET about = 'deal' WHERE case_id = 'Case 1' AND seq = 3;
SELECT key, seq, source_key, from_stage, to_stage, by, direction, fresh, flags FROM history WHERE key IN ('Case 1', 'Case 2');
-- The same from nothing.
CREATE TABLE before AS SELECT * FROM history;
DELETE FROM crm.transition_log;
UPDATE crm.filling SET state = 'filling' WHERE room = 'funnel';
CALL crm.backfill('log');
SELECT key, seq, source_key, from_stage, to_stage, value, at, by, unit, dept, direction, fresh FROM before
EXCEPT SELECT key, seq, source_key, from_stage, to_stage, value, at, by, unit, dept, direction, fresh FROM history;
SELECT count(*) FROM before;
SELECT count(*) FROM history;
-- A snapshot that may be old: marked, then settled.
BEGIN ISOLATION LEVEL REPEATABLE READ;
INSERT INTO log VALUES ('Case 3', 2, 'taken', '2026-01-03 00:00Z', NULL, 'ticket');
COMMIT;
SELECT seq, from_stage, to_stage, at, direction, flags FROM history WHERE key = 'Case 3';
\pset format unaligned
SELECT item, state, amount, hint FROM crm.status WHERE room = 'funnel' AND item LIKE 'unsettled%';
\pset format aligned
SELECT crm.settle_transitions();
SELECT count(*) FROM crm.status WHERE room = 'funnel' AND item LIKE 'unsettled%';
-- A log with a table of its records: transitions are about these.
CREATE TABLE tickets (id integer PRIMARY KEY, title text);
CREATE TABLE ticket_log (id bigserial PRIMARY KEY, ticket integer REFERENCES tickets, state text, at timestamp);
SELECT count(*) > 0 AS adopted FROM crm.adopt('tickets', 'ticket', columns => '{"subject": "title"}');
SELECT room, object, detail FROM crm.adopt('ticket_log', 'stage_change', zone => 'Europe/Berlin', columns => '{"record": "ticket", "stage": "state", "at": "at"}') WHERE room = 'funnel';
CALL crm.backfill('ticket_log');
INSERT INTO tickets VALUES (7, 'x');
INSERT INTO ticket_log (ticket, state, at) VALUES (7, 'new', '2026-07-01 12:00'), (7, 'closed', '2026-07-01 13:00');
SELECT relation, source, record_key, to_stage, at AT TIME ZONE 'UTC' AS at, direction FROM crm.transition_log WHERE source = 'ticket_log'::regclass ORDER BY sequence;
TRUNCATE log;
SELECT relation, count(*) FROM crm.transition_log GROUP BY 1;
SELECT crm.disown('tickets');
SELECT crm.disown('ticket_log');
SELECT count(*) FROM crm.transition_log;
-- What is missing is said.
CREATE TABLE log2 (id integer PRIMARY KEY, record text, stage text);
SELECT count(*) > 0 AS adopted FROM crm.adopt('log2', 'stage_change', funnel => 'desk', columns => '{"record": "record", "stage": "stage"}');
DROP TABLE tickets, ticket_log CASCADE;
-- A table whose column and whose log are both there: the log tells, with the record's own unit and customer.
SELECT crm.create_funnel('journey', 'customer', '["lead", {"key": "proposal", "milestone": "opportunity"}, {"key": "won", "milestone": "won"}]');
CREATE TABLE accounts (id integer PRIMARY KEY, email text);
CREATE TABLE deals (id integer PRIMARY KEY, account integer REFERENCES accounts, status text, region text);
CREATE TABLE deal_log (id integer PRIMARY KEY, deal integer, status text, at timestamptz);
INSERT INTO accounts VALUES (1, 'a@x.example'), (2, 'b@x.example');
INSERT INTO deals VALUES (1, 1, 'won', 'north'), (2, 2, 'proposal', 'south');
INSERT INTO deal_log VALUES (1, 1, 'proposal', '2026-01-01Z'), (2, 1, 'won', '2026-01-05Z'), (3, 2, 'proposal', '2026-01-02Z');
SELECT detail FROM crm.adopt('deals', 'opportunity', funnel => 'journey', columns => '{"customer": "account", "stage": "status", "unit": "region"}') WHERE room = 'funnel';
CALL crm.backfill('deals');
CREATE VIEW story AS SELECT relation, source, record_key AS key, sequence AS seq, from_stage, to_stage, unit, customer_relation AS of, customer_key AS customer
FROM crm.transition_log ORDER BY record_key, sequence;
SELECT * FROM story;
SELECT detail FROM crm.adopt('deal_log', 'stage_change', funnel => 'journey', columns => '{"record": {"column": "deal", "of": "public.deals"}, "stage": "status", "at": "at"}') WHERE room = 'funnel';
CALL crm.backfill('deal_log');
UPDATE deals SET status = 'won' WHERE id = 2;
INSERT INTO deal_log VALUES (4, 2, 'won', '2026-02-01Z'), (5, 3, 'won', '2026-02-02Z');
UPDATE deals SET account = 1 WHERE id = 2;
INSERT INTO deals VALUES (3, 2, 'won', 'east');
SELECT * FROM story;
SELECT relation, source, target FROM crm.tracking ORDER BY 2;
-- Without the log the column tells again.
SELECT crm.disown('deal_log');
CALL crm.backfill('deals');
SELECT * FROM story;
-- The other way round.
SELECT crm.disown('deals');
SELECT detail FROM crm.adopt('deal_log', 'stage_change', funnel => 'journey', columns => '{"record": {"column": "deal", "of": "public.deals"}, "stage": "status", "at": "at"}') WHERE room = 'funnel';
CALL crm.backfill('deal_log');
SELECT detail FROM crm.adopt('deals', 'opportunity', funnel => 'journey', columns => '{"customer": "account", "stage": "status", "unit": "region"}') WHERE room = 'funnel';
CALL crm.backfill('deals');
SELECT * FROM story;
