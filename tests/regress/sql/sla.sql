-- Service levels and their clocks, by hand. In winter Berlin works from 8 to 16 UTC, New York from 14 to 22.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET timezone = 'UTC';
SET intervalstyle = 'postgres';
CREATE ROLE regress_sla_south;
SELECT crm.create_unit('firm', 'The firm', 'business'), crm.create_unit('north', 'North', 'geographic', 'firm'), crm.create_unit('south', 'South', 'geographic', 'firm');
SELECT crm.set_calendar('default', 'Europe/Berlin'), crm.set_calendar('america', 'America/New_York'), crm.add_holiday('default', '2026-01-13', 'Founding day');
SELECT crm.create_funnel('support', 'ticket', '[{"key": "new", "kind": "entry"}, {"key": "open"}, {"key": "waiting", "kind": "waiting", "aliases": ["on hold"]},
  {"key": "solved", "kind": "won", "milestone": "won"}]');
CREATE TABLE ticket (id integer PRIMARY KEY, region text, priority text, channel text, opened timestamptz, replied timestamptz, solved timestamptz, agent text);
CREATE TABLE move (ticket integer REFERENCES ticket ON DELETE CASCADE, n integer, state text, at timestamptz, PRIMARY KEY (ticket, n));
INSERT INTO ticket VALUES
  (1, 'north', 'high', 'mail', '2026-01-09 15:00Z', NULL, NULL), -- Friday at 16, weekend
  (2, 'north', 'high', 'mail', '2026-01-12 15:00Z', NULL, NULL), -- Monday at 16, then a holiday
  (3, 'south', 'high', 'mail', '2026-03-27 15:00Z', NULL, NULL), -- Friday at 16, then summer time
  (4, 'south', 'high', 'mail', '2026-01-19 08:00Z', NULL, NULL), -- paused and resumed
  (5, 'north', 'high', 'mail', '2026-01-19 08:00Z', NULL, NULL), -- paused
  (6, 'north', 'high', 'mail', '2026-01-19 08:00Z', NULL, '2026-01-22 11:00Z'), -- reopened
  (7, 'north', 'high', 'mail', '2026-01-19 08:00Z', '2026-01-19 09:00Z', '2026-01-19 16:00Z'), -- met just at due
  (8, 'north', 'high', 'mail', '2026-01-19 08:00Z', '2026-01-19 10:00:01Z', '2026-01-20 08:00:01Z'), -- a second late
  (9, 'south', 'low', 'mail', '2026-01-19 08:00Z', NULL, NULL), -- another calendar
  (10, 'south', 'low', 'agent', '2026-01-19 08:00Z', '2026-01-19 08:00Z', NULL), -- opened by service itself
  (11, 'north', 'high', 'mail', '2026-01-19 08:00Z', NULL, '2026-01-23 11:00Z'), -- solved while it waited
  (13, 'north', 'low', 'mail', '2026-01-19 08:00Z', '2026-01-18 08:00Z', '2026-01-17 08:00Z'); -- ended before it began
INSERT INTO move
SELECT id, 0, CASE WHEN solved IS NULL OR id IN (6, 11) THEN 'new' ELSE 'solved' END, CASE WHEN solved IS NULL OR id IN (6, 11) THEN opened ELSE solved END FROM ticket;
INSERT INTO move VALUES (4, 1, 'on hold', '2026-01-19 10:00Z'), (4, 2, 'open', '2026-01-21 09:00Z'), (5, 1, 'waiting', '2026-01-19 11:00Z'),
  (6, 1, 'solved', '2026-01-19 12:00Z'), (6, 2, 'open', '2026-01-22 08:00Z'), (6, 3, 'solved', '2026-01-22 11:00Z'),
  (11, 1, 'waiting', '2026-01-19 09:00Z'), (11, 2, 'solved', '2026-01-23 11:00Z');
SELECT room, object FROM crm.adopt('ticket', 'ticket', funnel => 'support', columns => '{"unit": "region", "priority": "priority", "channel": "channel", "owner": "agent",
  "opened_at": "opened", "first_response_at": "replied", "resolved_at": "solved"}') WHERE room = 'kpi';
SELECT detail FROM crm.adopt('move', 'stage_change', funnel => 'support', columns => '{"record": "ticket", "stage": "state", "at": "at"}') WHERE room = 'funnel';
CALL crm.backfill('move');
CALL crm.backfill('ticket');
-- without a service level only first response and resolution are measured: in working time, waiting and reopening left out of the first
SELECT k, numerator, denominator, round(value, 4) AS value, state
FROM unnest(ARRAY['first_response_minutes', 'resolution_hours', 'resolution_hours_total', 'sla_attainment']) k, crm.kpi_total(k) ORDER BY 1;
SELECT * FROM crm_bi.sla_clock;

SELECT crm.set_sla('urgent', 'ticket', 'priority = ''high''', 'resolution', '8 hours', pause_stages => '{Waiting}', warn_at => 0.5),
       crm.set_sla('normal', 'ticket', 'true', 'resolution', '16 hours', 'america', "position" => 200),
       crm.set_sla('reply', 'ticket', 'true', 'first_response', '2 hours'),
       crm.set_sla('own', 'ticket', 'channel = ''agent'' -- a comment', 'first_response', NULL, timed => false, "position" => 1);
SELECT kpi, state FROM crm.kpi_state() WHERE kpi IN ('sla_attainment', 'resolution_hours') ORDER BY 1;
-- what is read before clocks are kept is what is read afterwards
CREATE VIEW clock AS SELECT record_key::integer AS key, clock, sla_key, version, state, due_at, remaining, paused, breached, warning_at FROM crm.sla_clock_rows('2026-01-19 15:00Z');
SELECT * FROM clock WHERE clock = 'resolution' ORDER BY key;
CREATE TABLE before AS SELECT * FROM clock;
CREATE TABLE ended_before AS SELECT * FROM crm_bi.fct_clock;
SELECT crm.fold() > 0 AS folded;
SELECT count(*) FROM (TABLE before EXCEPT SELECT * FROM clock) d;
SELECT count(*) FROM (TABLE ended_before EXCEPT TABLE crm_bi.fct_clock) d;
SELECT record_key::integer AS key, clock, sla_key AS sla, met, due_at, stopped_at, used_hours FROM crm_bi.fct_clock ORDER BY clock, key;
-- 10 has no clock of a first response
SELECT array_agg(record_key::integer ORDER BY record_key::integer) FROM crm.record_clock WHERE clock = 'first_response';
-- of ten first responses that began before they ended one was in time; resolutions: 6, 7, 11 of ten, 5 is paused
SELECT k, numerator, denominator, round(value, 4) AS value, state
FROM unnest(ARRAY['first_response_minutes', 'resolution_hours', 'resolution_hours_total', 'sla_attainment']) k, crm.kpi_total(k) ORDER BY 1;
SELECT period, unit_key, numerator, denominator FROM crm_bi.kpi('sla_attainment', 'day', '2026-01-12', '2026-01-20', '{unit_key}') ORDER BY 1, 2;
SELECT * FROM crm.verify_kpi('sla_attainment');

-- states of one clock, hour by hour: it warns when 4 of 8 hours are used, at 12 on Monday, and is breached after 15:00 UTC
SELECT at, c.state, c.remaining, c.breached
FROM unnest(ARRAY['2026-01-09 15:30Z', '2026-01-11 12:00Z', '2026-01-12 10:59Z', '2026-01-12 11:00Z', '2026-01-12 15:00Z', '2026-01-12 15:00:01Z', '2026-01-12 17:00Z']::timestamptz[]) at,
     crm.sla_clock_rows(at) c WHERE c.record_key = '1' AND c.clock = 'resolution' ORDER BY 1;
-- what warns or breaches in two days
SELECT relation, record_key, clock, sla_key, event, at, unit_key FROM crm.sla_due('2026-01-20 12:00Z', '2026-01-19 08:00Z');

-- 9 becomes urgent: by the other service level, with the time that it has used
UPDATE ticket SET priority = 'high' WHERE id = 9;
SELECT * FROM clock WHERE key = 9 AND clock = 'resolution';
SELECT crm.fold() IS NOT NULL AS folded;
SELECT * FROM clock WHERE key = 9 AND clock = 'resolution';
-- a clock that has ended keeps what it had
UPDATE ticket SET priority = 'low' WHERE id = 8;
SELECT sla_key, met FROM crm_bi.fct_clock WHERE record_key = '8' AND clock = 'resolution';
SELECT crm.fold() IS NOT NULL AS folded;
SELECT sla_key, met FROM crm_bi.fct_clock WHERE record_key = '8' AND clock = 'resolution';
-- a new version is for clocks that start from then on
SELECT crm.set_sla('urgent', 'ticket', 'priority = ''high''', 'resolution', '4 hours', since => '2026-02-01Z');
INSERT INTO ticket VALUES (12, 'south', 'high', 'mail', '2026-02-02 08:00Z');
SELECT key, sla_key, version, due_at FROM clock WHERE key IN (2, 3, 4, 12) AND clock = 'resolution' ORDER BY 1;
SELECT crm.fold() IS NOT NULL AS folded;
SELECT key, sla_key, version, due_at FROM clock WHERE key IN (2, 3, 4, 12) AND clock = 'resolution' ORDER BY 1;
SELECT sla, version, target, since, until FROM crm.sla WHERE sla = 'urgent' ORDER BY version;
-- 4 is solved in time, and what counted as overdue is not any more: at once, and after it was kept
SELECT numerator, denominator FROM crm.kpi_total('sla_attainment');
INSERT INTO move VALUES (4, 3, 'solved', '2026-01-21 14:59Z');
SELECT numerator, denominator FROM crm.kpi_total('sla_attainment');
SELECT crm.fold() > 0 AS folded;
SELECT numerator, denominator FROM crm.kpi_total('sla_attainment');
SELECT met, due_at, stopped_at, used_hours FROM crm_bi.fct_clock WHERE record_key = '4' AND clock = 'resolution';
-- reopened: the clock goes on where it stood
DELETE FROM move WHERE ticket = 7;
INSERT INTO move VALUES (7, 1, 'new', '2026-01-19 08:00Z'), (7, 2, 'solved', '2026-01-19 14:00Z'), (7, 3, 'open', '2026-01-20 08:00Z');
UPDATE ticket SET solved = NULL WHERE id = 7;
SELECT clock, sla_key, state, due_at, remaining FROM crm.sla_clock_rows('2026-01-20 08:30Z') WHERE record_key = '7';

-- another holiday, in the past: the clocks that were open about it are made anew, closed ones too
SELECT round(numerator, 4), denominator FROM crm.kpi_total('resolution_hours_total');
SELECT crm.fold() IS NOT NULL AS folded, crm.add_holiday('default', '2026-01-19');
SELECT count(DISTINCT record_key) FROM crm.clock_touched;
SELECT key, due_at FROM clock WHERE clock = 'resolution' AND sla_key = 'urgent' ORDER BY key;
SELECT round(numerator, 4), denominator FROM crm.kpi_total('resolution_hours_total');
SELECT crm.fold() > 0 AS folded;
SELECT round(numerator, 4), denominator FROM crm.kpi_total('resolution_hours_total');
DELETE FROM crm.holiday WHERE day = '2026-01-19';
-- a calendar without hours counts all time
SELECT crm.set_calendar('america', 'America/New_York', '{}');
SELECT crm.fold() > 0 AS folded;
UPDATE ticket SET priority = 'low' WHERE id = 9;
SELECT key, sla_key, due_at, remaining FROM clock WHERE key = 9 AND clock = 'resolution';
SELECT item, detail, hint FROM crm.doctor() WHERE item LIKE 'service level%';

-- whoever reads one unit sees its clocks
SELECT crm.create_principal('sue', role_name => 'regress_sla_south'), crm.create_role('agent');
SELECT crm.grant_privilege('agent', 'ticket', 'read', 'unit'), crm.grant_privilege('agent', 'kpi', 'total', 'unit'), crm.add_member('sue', 'south', 'agent');
GRANT USAGE ON SCHEMA crm, crm_bi TO regress_sla_south;
SELECT count(*) > 0 AS protected FROM crm.protect('ticket', '{"organisation": "region"}');
GRANT SELECT ON ticket TO regress_sla_south;
INSERT INTO ticket VALUES (14, 'north', 'high', 'mail', '2026-01-19 08:00Z', NULL, NULL), (15, 'south', 'high', 'mail', '2026-01-19 08:00Z', '2026-01-19 08:30Z', NULL);
SET ROLE regress_sla_south;
SELECT unit_key, array_agg(DISTINCT record_key::integer) FROM crm_bi.sla_clock GROUP BY 1;
SELECT unit_key, array_agg(DISTINCT record_key::integer) FROM crm_bi.fct_clock GROUP BY 1;
-- also of what is not kept yet
SELECT unit_key, numerator, denominator FROM crm_bi.kpi('sla_attainment', by => '{unit_key}');
SELECT unit_key, sum(numerator) AS numerator, sum(denominator) AS denominator FROM crm_bi.kpi_value WHERE kpi_key = 'sla_attainment' GROUP BY 1;
SELECT c.unit, sum(c.rows) > 0 AS some FROM generate_series(1, 40) i, crm.clock_cell(i) c GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM crm.record_clock;
SELECT * FROM crm.sla_due();
SELECT crm.set_sla('mine', 'ticket', 'true', 'resolution', '1 hour');
RESET ROLE;
SELECT unit_key, numerator, denominator FROM crm_bi.kpi('sla_attainment', by => '{unit_key}');
SELECT crm.fold() > 0 AS folded;
SELECT unit_key, numerator, denominator FROM crm_bi.kpi('sla_attainment', by => '{unit_key}');

-- other clocks: a stage, a milestone, a promised day
SELECT crm.create_funnel('sales', 'opportunity', '[{"key": "lead", "kind": "entry"}, {"key": "offer"}, {"key": "won", "kind": "won", "milestone": "won"}, {"key": "gone", "kind": "lost"}]');
CREATE TABLE deal (id text PRIMARY KEY, begun timestamptz, region text);
CREATE TABLE step (id integer PRIMARY KEY, deal text REFERENCES deal, stage text, at timestamptz);
INSERT INTO deal VALUES ('a', '2026-01-19 08:00Z'), ('b', '2026-01-19 08:00Z'), ('c', '2026-01-19 08:00Z'), ('d', '2026-01-19 08:00Z');
INSERT INTO step VALUES (1, 'a', 'lead', '2026-01-19 08:00Z'), (2, 'a', 'offer', '2026-01-19 10:00Z'), (3, 'a', 'lead', '2026-01-19 12:00Z'), (4, 'a', 'offer', '2026-01-19 14:00Z'),
  (5, 'b', 'offer', '2026-01-19 09:00Z'), (6, 'b', 'won', '2026-01-19 12:00Z'), (7, 'c', 'lead', '2026-01-19 08:00Z'), (8, 'c', 'gone', '2026-01-20 08:00Z'), (9, 'd', 'lead', '2026-01-19 08:00Z');
SELECT count(*) FROM crm.adopt('deal', 'opportunity', funnel => 'sales', columns => '{"created_at": "begun", "unit": "region"}') WHERE room = 'kpi';
SELECT count(*) FROM crm.adopt('step', 'stage_change', funnel => 'sales', columns => '{"record": "deal", "stage": "stage", "at": "at"}') WHERE room = 'funnel';
CALL crm.backfill('step');
CALL crm.backfill('deal');
SELECT crm.set_sla('quick offer', 'opportunity', 'true', 'stage:offer', '4 hours'), crm.set_sla('quick win', 'opportunity', 'true', 'milestone:won', '6 hours');
SELECT record_key AS key, clock, state, due_at, remaining FROM crm.sla_clock_rows('2026-01-19 14:30Z') WHERE relation LIKE '%deal' ORDER BY 1, 2;
SELECT record_key AS key, clock, met, started_at, due_at, stopped_at, used_hours FROM crm_bi.fct_clock WHERE relation LIKE '%deal' ORDER BY 1, 2;
CREATE TABLE project (id integer PRIMARY KEY, begun timestamptz, promised date, live timestamptz);
INSERT INTO project VALUES (1, '2026-01-05Z', '2026-01-16', '2026-01-16 22:59Z'), (2, '2026-01-05Z', '2026-01-16', '2026-01-16 23:00:01Z'), (3, '2026-01-05Z', '2026-01-16', NULL), (4, '2026-01-05Z', NULL, NULL);
SELECT count(*) > 0 FROM crm.adopt('project', 'project', columns => '{"started_at": "begun", "promised_on": "promised", "live_at": "live"}') WHERE room = 'kpi';
SELECT crm.set_sla('promise', 'project', 'true', 'promise', '0 hours', warn_at => 0.5);
SELECT record_key AS key, met, due_at, stopped_at FROM crm_bi.fct_clock WHERE relation LIKE '%project' ORDER BY 1;
SELECT record_key AS key, state, due_at, warning_at FROM crm.sla_clock_rows('2026-01-15Z') WHERE relation LIKE '%project' ORDER BY 1;

-- ended: who started before keeps it
SELECT crm.retire_sla('urgent', '2026-03-01Z');
SELECT key, sla_key FROM clock WHERE key IN (3, 12) AND clock = 'resolution' ORDER BY 1;
-- rows go, the table is emptied, the table is left
DELETE FROM ticket WHERE id = 1;
SELECT count(*) FROM crm.sla_clock_rows('2026-01-19 15:00Z') WHERE record_key = '1';
TRUNCATE ticket CASCADE;
SELECT count(*) FROM crm.sla_clock_rows('2026-01-19 15:00Z') WHERE relation LIKE '%ticket';
SELECT crm.fold() IS NOT NULL AS folded;
SELECT relation, count(*) FROM crm.record_clock GROUP BY 1 ORDER BY 1;
SELECT * FROM crm.verify_kpi('sla_attainment');
SELECT item, state, amount FROM crm.status WHERE item LIKE '%clocks%';
-- a condition that fails on a row: the write goes through, the numbers say so
SELECT crm.set_sla('odd', 'project', '1 / (extract(day FROM promised_on) - 20) > 0', 'promise', '1 hour', "position" => 1);
INSERT INTO project VALUES (5, '2026-01-05Z', '2026-01-20', NULL);
SELECT crm.fold() IS NOT NULL AS folded;
SELECT item, state, regexp_replace(detail, '^[0-9]+ kB; ', 'size; ') AS detail FROM crm.status WHERE item LIKE '%clocks%' ORDER BY 1;
SELECT value, state FROM crm.kpi_total('sla_attainment');
SELECT count(*) FROM crm_bi.sla_clock;
UPDATE project SET promised = '2026-01-21' WHERE id = 5;
SELECT crm.fold() IS NOT NULL AS folded;
SELECT value, state FROM crm.kpi_total('sla_attainment');

-- what is refused
SELECT crm.set_sla('', 'ticket', 'true', 'resolution', '1 hour');
SELECT crm.set_sla('x', 'tickets', 'true', 'resolution', '1 hour');
SELECT crm.set_sla('x', 'spend', 'true', 'resolution', '1 hour');
SELECT crm.set_sla('x', 'ticket', 'true', 'resolve', '1 hour');
SELECT crm.set_sla('x', 'opportunity', 'true', 'resolution', '1 hour');
SELECT crm.set_sla('x', 'ticket', 'true', 'stage:opne', '1 hour');
SELECT crm.set_sla('x', 'ticket', 'true', 'milestone:wun', '1 hour');
SELECT crm.set_sla('x', 'ticket', 'prio = 1', 'resolution', '1 hour');
SELECT crm.set_sla('x', 'ticket', 'opened_at < now()', 'resolution', '1 hour');
SELECT crm.set_sla('x', 'ticket', 'true) FROM pg_authid WHERE (true', 'resolution', '1 hour');
SELECT crm.set_sla('x', 'ticket', '', 'resolution', '1 hour');
SELECT crm.set_sla('x', 'ticket', 'true', 'resolution', '1 day');
SELECT crm.set_sla('x', 'ticket', 'true', 'resolution', '-1 hour');
SELECT crm.set_sla('x', 'ticket', 'true', 'resolution', '0');
SELECT crm.set_sla('x', 'ticket', 'true', 'resolution', '1 hour', 'defualt');
SELECT crm.set_sla('x', 'ticket', 'true', 'resolution', '1 hour', pause_stages => '{wating}');
SELECT crm.set_sla('x', 'ticket', 'true', 'resolution', '1 hour', warn_at => 80);
SELECT crm.set_sla('reply', 'ticket', 'true', 'resolution', '1 hour');
SELECT crm.set_sla('urgent', 'ticket', 'true', 'resolution', '1 hour', since => '2026-01-01Z');
SELECT crm.retire_sla('urgnt');
SELECT crm.retire_sla('urgent', '2025-01-01Z');
SELECT crm.clock_run('default', 'infinity', NULL, '{}', '{}', NULL, '1 hour', NULL);
SELECT crm.clock_deadline('default', '2026-01-01Z', '1 day');
SELECT count(*) FROM crm.sla WHERE sla = 'x';
DROP OWNED BY regress_sla_south;
DROP ROLE regress_sla_south;
