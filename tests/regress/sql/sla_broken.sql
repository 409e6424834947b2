-- A condition of a service level that fails on a row: that clock is broken, and says so; other records, other levels and the team's
-- writes go on.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET timezone = 'UTC';
SET intervalstyle = 'postgres';
SELECT crm.create_unit('firm', 'The firm', 'business');
CREATE TABLE ticket (id integer PRIMARY KEY, subject text, priority text, opened timestamptz, replied timestamptz, solved timestamptz);
INSERT INTO ticket VALUES
  (1, '7', 'high', '2026-01-05 08:00Z', NULL, NULL),
  (2, '3', 'high', '2026-01-05 09:00Z', NULL, NULL),
  (3, 'seven', 'low', '2026-01-05 10:00Z', NULL, NULL), -- no number
  (4, 'eight', 'vip', '2026-01-05 11:00Z', NULL, NULL), -- no number, but a level that comes first takes it
  (5, 'nine', 'low', '2026-01-05 12:00Z', '2026-01-05 13:00Z', '2026-01-05 14:00Z'); -- has ended
SELECT count(*) > 0 AS adopted FROM crm.adopt('ticket', 'ticket', columns => '{"subject": "subject", "priority": "priority", "opened_at": "opened",
  "first_response_at": "replied", "resolved_at": "solved"}');
CALL crm.backfill('ticket');
SELECT crm.set_sla('numbered', 'ticket', 'subject::integer > 5', 'resolution', '2 hours', NULL, "position" => 50),
       crm.set_sla('vip', 'ticket', 'priority = ''vip''', 'resolution', '1 hour', NULL, "position" => 10),
       crm.set_sla('all', 'ticket', 'true', 'resolution', '8 hours', NULL, "position" => 200),
       crm.set_sla('reply', 'ticket', 'true', 'first_response', '3 hours', NULL);
-- which of them could fail at all is known without rows
SELECT sla, fallible FROM crm.sla ORDER BY 1;
CREATE VIEW clock AS SELECT record_key::integer AS key, clock, sla_key, state, due_at, remaining, paused, breached, target FROM crm.sla_clock_rows('2026-01-05 12:30Z');
CREATE VIEW ended AS SELECT record_key::integer AS key, clock, sla_key, met, due_at, used_hours FROM crm_bi.fct_clock;
SELECT * FROM clock WHERE clock = 'resolution' ORDER BY key;
SELECT * FROM ended ORDER BY clock;
CREATE TABLE before AS SELECT 'open' AS list, to_jsonb(c) AS row FROM clock c UNION ALL SELECT 'ended', to_jsonb(e) FROM ended e;
-- before clocks are kept they are being made; afterwards two are broken, and what is read is the same
SELECT state FROM crm.kpi_total('sla_attainment');
SELECT crm.fold() IS NOT NULL AS folded;
SELECT count(*) AS kept, (SELECT count(*) FROM (TABLE before EXCEPT (SELECT 'open', to_jsonb(c) FROM clock c UNION ALL SELECT 'ended', to_jsonb(e) FROM ended e)) d) AS different FROM before;
SELECT count(*) FROM crm.clock_touched;
SELECT value, state FROM crm.kpi_total('sla_attainment');
SELECT room, item, state, amount, detail, hint FROM crm.status WHERE item LIKE 'service level%';
SELECT item, state, amount, detail FROM crm.doctor() WHERE item LIKE 'service level numbered%';
-- what warns or breaks next goes on, too
SELECT record_key, sla_key, event, at FROM crm.sla_due('2026-01-05 13:30Z', '2026-01-05 10:00Z') WHERE clock = 'resolution';
-- the team writes rows on which the condition fails, one by one and many at once, inserts and updates
INSERT INTO ticket VALUES (6, '', 'low', '2026-01-05 08:00Z');
UPDATE ticket SET subject = 'none' WHERE id = 2;
COPY ticket (id, subject, priority, opened) FROM stdin (DELIMITER '|');
7|99999999999|low|2026-01-05 08:00Z
8|8|low|2026-01-05 08:00Z
\.
SELECT key, sla_key, state, due_at FROM clock WHERE clock = 'resolution' ORDER BY key;
SELECT state FROM crm.kpi_total('sla_attainment');
SELECT crm.fold() IS NOT NULL AS folded;
SELECT key, sla_key, state, due_at FROM clock WHERE clock = 'resolution' ORDER BY key;
SELECT amount, detail FROM crm.status WHERE item LIKE 'service level%';
-- rows that are mended are right at once: the number, too, before anybody folds
UPDATE ticket SET subject = '9' WHERE id IN (2, 3, 5, 6, 7);
SELECT count(*) FROM crm.record_clock WHERE error IS NOT NULL;
SELECT numerator, denominator, state FROM crm.kpi_total('sla_attainment');
SELECT key, sla_key, state, due_at FROM clock WHERE clock = 'resolution' ORDER BY key;
SELECT crm.fold() IS NOT NULL AS folded;
SELECT numerator, denominator, state FROM crm.kpi_total('sla_attainment');
SELECT count(*) FROM crm.status WHERE item LIKE 'service level%';
-- a row is broken and nothing is folded yet: the number knows
UPDATE ticket SET subject = 'x' WHERE id = 3;
SELECT value, state FROM crm.kpi_total('sla_attainment');
UPDATE ticket SET subject = '9' WHERE id = 3;
SELECT numerator, denominator, state FROM crm.kpi_total('sla_attainment');
-- a condition that is mended by a new version, for all time
UPDATE ticket SET subject = 'x' WHERE id = 8;
SELECT crm.fold() IS NOT NULL AS folded;
SELECT key, sla_key, state FROM clock WHERE clock = 'resolution' AND key = 8;
SELECT crm.set_sla('numbered', 'ticket', 'CASE WHEN subject ~ ''^[0-9]+$'' THEN subject::numeric END > 5', 'resolution', '2 hours', NULL, "position" => 50, since => '2026-01-01Z');
SELECT crm.fold() IS NOT NULL AS folded;
SELECT key, sla_key, version, state FROM crm.sla_clock_rows('2026-01-05 12:30Z') c, LATERAL (SELECT record_key::integer AS key) k WHERE clock = 'resolution' ORDER BY 1;
SELECT numerator, denominator, state FROM crm.kpi_total('sla_attainment');

-- A mapping that fails on a row: nobody knows what the row is, or when its clocks are due; the write goes through, other tables go on.
CREATE TABLE project (id integer PRIMARY KEY, begun text, promised date);
INSERT INTO project VALUES (1, '1767600000', '2026-01-16'), (2, '1767600000', '2026-01-17');
SELECT count(*) > 0 AS adopted FROM crm.adopt('project', 'project', columns => '{"started_at": "to_timestamp(begun::float8)", "promised_on": "promised"}');
CALL crm.backfill('project');
SELECT crm.set_sla('kept', 'project', 'true', 'promise', '0 hours', NULL);
SELECT crm.fold() IS NOT NULL AS folded;
SELECT key, sla_key, state, due_at FROM clock WHERE clock = 'promise' ORDER BY key;
UPDATE project SET begun = 'soon' WHERE id = 2;
SELECT key, sla_key, state, due_at FROM clock WHERE clock = 'promise' ORDER BY key;
SELECT crm.fold() IS NOT NULL AS folded;
SELECT key, sla_key, state, due_at FROM clock WHERE clock = 'promise' ORDER BY key;
SELECT count(*) FROM clock WHERE clock = 'resolution';
SELECT item, state, detail FROM crm.status WHERE item LIKE 'clocks of%';
SELECT value, state FROM crm.kpi_total('sla_attainment');
UPDATE project SET begun = '1767600000' WHERE id = 2;
SELECT crm.fold() IS NOT NULL AS folded;
SELECT key, sla_key, state, due_at FROM clock WHERE clock = 'promise' ORDER BY key;
SELECT state FROM crm.kpi_total('sla_attainment');

-- what says of conditions whether they hold, alone
SELECT crm.clock_verdicts(r, ARRAY['a > 1', '10 / a > 4', 'b', 'c > 1']) FROM (VALUES (1, true), (0, NULL), (2, false)) r (a, b);
SELECT crm.clock_verdicts(r, ARRAY['a > 1', NULL]) FROM (VALUES (1)) r (a);
SELECT crm.clock_verdicts(r, '{}') FROM (VALUES (1)) r (a);
SELECT c AS condition, crm.condition_may_fail('{a,b,at}', '{number,text,time}', c) FROM unnest(ARRAY['true', 'b = ''x''', 'b IN (''x'', ''y'')', 'at > ''2026-01-01Z''', 'a > 1', 'b::integer > 1', 'b IS NULL', '1 / 2 = 0']) c;
