-- A workflow: who may move what from where to where, with what filled in.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT crm.create_unit('firm', kind => 'business');
SELECT crm.create_unit('sales', parent => 'firm', kind => 'functional');
SELECT crm.create_unit('north', parent => 'sales');
SELECT crm.create_unit('fjord', parent => 'north');
SELECT crm.create_role('manager');
SELECT crm.create_role('clerk');
CREATE ROLE regress_workflow_mia;
CREATE ROLE regress_workflow_cem;
SELECT crm.create_principal('mia', role_name => 'regress_workflow_mia');
SELECT crm.create_principal('cem', role_name => 'regress_workflow_cem');
SELECT crm.add_member('mia', 'sales', 'manager');
SELECT crm.add_member('cem', 'fjord', 'clerk');
SELECT crm.create_funnel('sales', 'opportunity', '[
  {"key": "lead", "department": "sales"}, {"key": "offer", "department": "sales"},
  {"key": "won", "milestone": "won"}, {"key": "lost", "milestone": "lost"}]');
CREATE TABLE deals (id integer PRIMARY KEY, status text, region text, value numeric, why text, closed date);
GRANT SELECT, INSERT, UPDATE, DELETE ON deals TO regress_workflow_mia, regress_workflow_cem;
SELECT count(*) > 0 AS adopted FROM crm.adopt('deals', 'opportunity', fallback_unit => 'sales',
    columns => '{"stage": "status", "unit": "region", "amount": "value"}');
CALL crm.backfill('deals');
CREATE VIEW history AS SELECT record_key AS key, sequence AS seq, from_stage, to_stage, by, flags FROM crm.transition_log ORDER BY 1, 2;

-- Without a rule everything is allowed.
INSERT INTO deals VALUES (1, 'won', 'north'), (2, 'lead', 'north');
UPDATE deals SET status = 'lead' WHERE id = 1;
SELECT * FROM crm.preview_workflow('sales');

-- The first rule makes a workflow: what is listed, and nothing else. What is there stays.
SELECT crm.allow_transition('sales', NULL, 'lead');
SELECT crm.allow_transition('sales', 'lead', 'offer', required => '{amount}');
SELECT crm.allow_transition('sales', 'offer', 'won', role => 'manager', required => '{amount,closed}');
SELECT crm.allow_transition('sales', '*', 'lost', required => '{why}');
SELECT crm.allow_transition('sales', 'offer', 'lead');
SELECT crm.allow_transition('sales', 'Offer', 'Lead');
SELECT * FROM crm.allowed_transition ORDER BY 1, 2, 3, 4;
SELECT from_stage, to_stage, unit, verdict, who, transitions, records, first_at = last_at AS once FROM crm.preview_workflow('sales');
DO $$
DECLARE
    s text; t text; state text; message text; detail text; hint text;
BEGIN
    UPDATE deals SET status = 'won' WHERE id = 1;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT, s = SCHEMA_NAME, t = TABLE_NAME;
    RAISE WARNING '% %.%: %', state, s, t, message USING DETAIL = detail, HINT = hint;
END $$;
SELECT id, status FROM deals ORDER BY 1;
INSERT INTO deals VALUES (3, 'offer', 'north', 7);
UPDATE deals SET status = 'offer' WHERE id = 1;
UPDATE deals SET status = 'offer', value = 10 WHERE id = 1;
UPDATE deals SET status = 'lost', why = ' ' WHERE id = 1;
UPDATE deals SET status = 'no stage' WHERE id = 1;
-- Other columns, other spellings, no stage: nothing to ask. From there it goes on where it was.
UPDATE deals SET status = ' OFFER ', value = NULL WHERE id = 1;
UPDATE deals SET status = NULL WHERE id = 1;
UPDATE deals SET status = 'offer', value = 10 WHERE id = 1;
SELECT * FROM history WHERE key = '1';
-- Bulk: one refused row refuses the statement, and is counted; COPY, MERGE and ON CONFLICT too.
INSERT INTO deals SELECT g, 'lead', 'north', CASE WHEN g <= 14 THEN g END FROM generate_series(11, 20) g;
UPDATE deals SET status = 'offer' WHERE id > 10;
SELECT count(*) FROM deals WHERE status = 'offer' AND id > 10;
UPDATE deals SET status = 'offer' WHERE id > 10 AND value IS NOT NULL;
INSERT INTO deals VALUES (12, 'won', 'north') ON CONFLICT (id) DO UPDATE SET status = 'lead';
MERGE INTO deals d USING (VALUES (13, 'lost'), (14, 'lead')) v (id, status) ON d.id = v.id WHEN MATCHED THEN UPDATE SET status = v.status;
COPY deals (id, status) FROM stdin (DELIMITER ',');
30,lead
31,offer
\.
SELECT id, status FROM deals WHERE id > 10 ORDER BY 1;
BEGIN;
SAVEPOINT a;
UPDATE deals SET status = 'won' WHERE id = 11 AND closed IS NULL;
ROLLBACK TO a;
UPDATE deals SET status = 'lead' WHERE id = 11;
COMMIT;

-- Who: the role in the record's unit or above. A superuser is outside of roles, and not of what is required.
UPDATE deals SET status = 'won' WHERE id = 1;
SET ROLE regress_workflow_cem;
UPDATE deals SET status = 'won', closed = '2026-01-01' WHERE id = 1;
SET ROLE regress_workflow_mia;
UPDATE deals SET status = 'won' WHERE id = 1;
UPDATE deals SET status = 'won', closed = '2026-01-01' WHERE id = 1;
RESET ROLE;
SELECT * FROM history WHERE key = '1' ORDER BY seq DESC LIMIT 1;

-- By unit: the nearest unit that has rules says; below it inherits.
SELECT crm.allow_transition('sales', NULL, 'offer', unit => 'north');
SELECT crm.allow_transition('sales', 'offer', 'won', unit => 'north', role => 'clerk');
SELECT crm.allow_transition('sales', 'offer', 'won', unit => 'north', role => 'mia');
INSERT INTO deals VALUES (40, 'lead', 'fjord');
INSERT INTO deals VALUES (41, 'offer', 'fjord'), (42, 'offer', 'north'), (43, 'lead', 'sales'), (44, 'lead', NULL);
SET ROLE regress_workflow_cem;
UPDATE deals SET status = 'won' WHERE id = 41;
UPDATE deals SET status = 'won' WHERE id = 42; -- clerk in fjord, and not in north
SET ROLE regress_workflow_mia;
UPDATE deals SET status = 'won' WHERE id = 42;
RESET ROLE;

-- Flagged instead of refused.
SELECT crm.allow_transition('sales', 'offer', 'won', unit => 'fjord', role => 'manager', mode => 'flag');
INSERT INTO deals VALUES (50, 'offer', 'fjord'), (51, 'offer', 'fjord');
SET ROLE regress_workflow_cem;
UPDATE deals SET status = 'won' WHERE id = 50;
UPDATE deals SET status = 'lost' WHERE id = 51;
RESET ROLE;
SELECT * FROM history WHERE key IN ('50', '51');
SELECT item, state, amount FROM crm.status WHERE room = 'funnel' AND item LIKE '%does not allow%';
SELECT from_stage, to_stage, unit, verdict, who, transitions, records FROM crm.preview_workflow('sales');

-- A retired stage is judged as its successor; a rule can be taken back; a workflow ends with its last rule.
SELECT crm.add_stage('sales', '{"key": "quote", "position": 150}');
SELECT crm.retire_stage('sales', 'quote', successor => 'offer');
UPDATE deals SET status = 'quote' WHERE id = 43;
UPDATE deals SET status = 'quote', value = 3 WHERE id = 43;
UPDATE deals SET status = 'offer', value = NULL WHERE id = 43;
SELECT crm.disallow_transition('sales', 'offer', 'won', unit => 'fjord', role => 'manager');
SELECT crm.disallow_transition('sales', 'offer', 'won', unit => 'fjord', role => 'manager');
SELECT count(crm.disallow_transition(funnel, from_stage, to_stage, unit, coalesce(role, principal))) FROM crm.allowed_transition;
INSERT INTO deals VALUES (60, 'won', 'fjord');
SELECT version, change, stage, before, after FROM crm.funnel_history WHERE change LIKE '%allowed' ORDER BY version LIMIT 9;

-- An event log: each event is a step from the one before it, in time; the record's fields are those of its table.
CREATE TABLE cases (id integer PRIMARY KEY, subject text);
CREATE TABLE case_log (id integer PRIMARY KEY, case_id integer REFERENCES cases, state text, at timestamptz);
SELECT crm.create_funnel('desk', 'ticket', '["new", "open", "closed"]');
SELECT count(*) > 0 AS adopted FROM crm.adopt('cases', 'ticket');
SELECT count(*) > 0 AS adopted FROM crm.adopt('case_log', 'stage_change', funnel => 'desk', columns => '{"record": "case_id", "stage": "state", "at": "at"}');
CALL crm.backfill('cases');
CALL crm.backfill('case_log');
SELECT crm.allow_transition('desk', NULL, 'new');
SELECT crm.allow_transition('desk', 'new', 'open', required => '{subject}');
SELECT crm.allow_transition('desk', 'open', 'closed');
INSERT INTO cases VALUES (1, 'broken'), (2, NULL);
INSERT INTO case_log VALUES (1, 1, 'new', '2026-01-01'), (2, 1, 'open', '2026-01-02'), (3, 2, 'new', '2026-01-01');
INSERT INTO case_log VALUES (4, 2, 'open', '2026-01-02');
INSERT INTO case_log VALUES (4, 1, 'closed', '2026-01-01 12:00');
INSERT INTO case_log VALUES (4, 1, 'closed', '2026-01-03');
SELECT record_key, sequence, from_stage, to_stage, flags FROM crm.transition_log WHERE funnel = 'desk' ORDER BY 1, 2;
-- A log without an adopted table of its records: the fields are the event's.
CREATE TABLE steps (id integer PRIMARY KEY, thing text, state text, at timestamptz, note text);
SELECT crm.create_funnel('things', 'stage_change', '["raw", "done"]');
SELECT count(*) > 0 AS adopted FROM crm.adopt('steps', 'stage_change', funnel => 'things', columns => '{"record": "thing", "stage": "state", "at": "at"}');
CALL crm.backfill('steps');
SELECT crm.allow_transition('things', NULL, 'raw', required => '{note}', mode => 'flag');
SELECT crm.allow_transition('things', 'raw', 'done', required => '{note}');
INSERT INTO steps VALUES (1, 'a', 'raw', '2026-01-01', NULL), (2, 'b', 'raw', '2026-01-01', 'x');
INSERT INTO steps VALUES (3, 'a', 'done', '2026-01-02', '');
INSERT INTO steps VALUES (3, 'a', 'done', '2026-01-02', 'done well');
SELECT record_key, sequence, from_stage, to_stage, flags FROM crm.transition_log WHERE funnel = 'things' ORDER BY 1, 2;

-- What is broken in crm never stops a write, and a refusal is no broken part: the table's filling stays as it was.
SELECT state, error FROM crm.filling WHERE room = 'funnel' AND error IS NOT NULL;
-- A row that comes back by unmerge is no new record, and a merge is no step of a person.
CREATE TABLE people (id integer PRIMARY KEY, name text, email text, state text);
SELECT crm.create_funnel('leads', 'lead', '["new", "called", "good"]');
SELECT count(*) > 0 AS adopted FROM crm.adopt('people', 'lead', columns => '{"full_name": "name", "email": "email", "stage": "state"}');
INSERT INTO people VALUES (1, 'Ann', 'ann@example.org', 'new'), (2, 'Ann', 'ann@example.org', 'good');
CALL crm.backfill('people');
SELECT crm.allow_transition('leads', NULL, 'new');
SELECT crm.allow_transition('leads', 'new', 'called');
SELECT crm.merge('people', '1', ARRAY['2'], reason => 'same') AS merge_id \gset
SELECT * FROM people;
SELECT count(*) > 0 AS done FROM crm.unmerge(:merge_id);
SELECT * FROM people ORDER BY id;
INSERT INTO people VALUES (3, 'Bob', 'bob@example.org', 'good');

-- Errors of the functions.
SELECT crm.allow_transition('sale', NULL, 'lead');
SELECT crm.allow_transition('sales', 'leed', 'offer');
SELECT crm.allow_transition('sales', 'lead', NULL);
SELECT crm.allow_transition('sales', 'lead', 'offer', unit => 'nord');
SELECT crm.allow_transition('sales', 'lead', 'offer', role => 'manger');
SELECT crm.allow_transition('sales', 'lead', 'offer', required => '{ammount}');
SELECT crm.allow_transition('sales', 'lead', 'offer', mode => 'warn');
SELECT crm.preview_workflow('sale');
SELECT crm.drop_role('clerk');
SET ROLE regress_workflow_cem;
SELECT crm.allow_transition('sales', 'lead', 'won');
RESET ROLE;
REVOKE ALL ON deals FROM regress_workflow_mia, regress_workflow_cem;
DROP ROLE regress_workflow_mia, regress_workflow_cem;
