-- Hand-overs: limits in working time, answers, reasons, promises, the queue of the team's application, what survives, and who sees what.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SELECT crm.set_calendar('default', 'Europe/Berlin', '{"mon": ["09:00", "17:00"], "tue": ["09:00", "17:00"], "wed": ["09:00", "17:00"], "thu": ["09:00", "17:00"], "fri": ["09:00", "17:00"]}');
SELECT crm.set_calendar('always', 'UTC', '{"mon": ["00:00", "24:00"], "tue": ["00:00", "24:00"], "wed": ["00:00", "24:00"], "thu": ["00:00", "24:00"], "fri": ["00:00", "24:00"], "sat": ["00:00", "24:00"], "sun": ["00:00", "24:00"]}');
SELECT crm.create_funnel('sales', 'opportunity', '[
  {"key": "lead", "department": "marketing", "milestone": "lead"}, {"key": "mql", "department": "marketing", "milestone": "mql"},
  {"key": "parked", "kind": "waiting"},
  {"key": "deal", "department": "sales", "milestone": "opportunity"}, {"key": "won", "department": "sales", "milestone": "won"},
  {"key": "onboarding", "department": "service", "kind": "after_win"}]');
CREATE TABLE deals (id integer PRIMARY KEY, opened timestamptz, region text);
CREATE TABLE log (id integer PRIMARY KEY, deal integer REFERENCES deals ON UPDATE CASCADE, stage text, at timestamptz, who text);
CREATE TABLE projects (id integer PRIMARY KEY, deal integer, what text, due date, live timestamptz, region text);
-- 1 goes all the way; 2 comes back without an answer, and again; 3 waits since Friday; 4 goes on to service; 5 has a stage of nobody in between.
INSERT INTO deals SELECT i, '2026-01-01', CASE WHEN i % 2 = 1 THEN 'north' ELSE 'south' END FROM generate_series(1, 6) i;
INSERT INTO log (id, deal, stage, at) VALUES
  (1, 1, 'lead', '2026-01-02 09:00Z'), (2, 1, 'deal', '2026-01-05 09:00Z'), (3, 1, 'won', '2026-01-20 09:00Z'), (4, 1, 'onboarding', '2026-01-22 09:00Z'),
  (5, 2, 'mql', '2026-01-02 09:00Z'), (6, 2, 'deal', '2026-01-05 09:00Z'), (7, 2, 'mql', '2026-01-06 09:00Z'), (8, 2, 'deal', '2026-01-07 09:00Z'),
  (9, 3, 'mql', '2026-01-02 09:00Z'), (10, 3, 'deal', '2026-01-09 15:30Z'),
  (11, 4, 'mql', '2026-01-02 09:00Z'), (12, 4, 'deal', '2026-01-12 09:00Z'), (13, 4, 'onboarding', '2026-01-13 09:00Z'),
  (14, 5, 'mql', '2026-01-02 09:00Z'), (15, 5, 'parked', '2026-01-03 09:00Z'), (16, 5, 'deal', '2026-01-04 09:00Z'), (17, 5, 'won', '2026-01-05 09:00Z');
INSERT INTO projects VALUES (1, 1, 'live by spring', '2026-03-01', '2026-03-01 20:00Z', 'north'), (2, 4, 'forty seats', '2026-03-01', NULL, 'south');
SELECT count(*) FROM crm.adopt('deals', 'opportunity', department => 'sales', columns => '{"created_at": "opened", "unit": "region"}') WHERE room = 'funnel';
SELECT detail FROM crm.adopt('log', 'stage_change', funnel => 'sales', columns => '{"record": {"column": "deal", "of": "public.deals"}, "stage": "stage", "at": "at", "by": "who"}') WHERE room = 'funnel';
SELECT count(*) FROM crm.adopt('projects', 'project', department => 'service', columns => '{"opportunity": {"column": "deal", "of": "public.deals"}, "promised": "what", "promised_on": "due", "live_at": "live", "unit": "region"}') WHERE room = 'funnel';
CALL crm.backfill('deals');
CALL crm.backfill('log');
SELECT record_key AS key, from_department, to_department, from_stage, to_stage, offered_at, state, left_at, overdue FROM crm.handover ORDER BY offered_at, record_key;

-- Limits hold for what is offered from a date on; 2026-01-09 15:30Z is Friday half past four in Berlin.
SELECT crm.set_handover_limit('sales', 'marketing', 'sales', '4 hours', since => '2026-01-06');
SELECT crm.set_handover_limit('sales', 'marketing', 'sales', '8 hours', since => '2026-01-10');
SELECT crm.set_handover_limit('sales', 'marketing', 'sales', NULL, since => '2026-01-12 09:00:01Z');
SELECT record_key AS key, offered_at, answer_within, calendar, due_at, remaining < '0' AS negative, overdue, state FROM crm.handover WHERE to_department = 'sales' ORDER BY offered_at, record_key;
SELECT crm.create_unit('firm', 'The firm', 'business'), crm.create_unit('land', 'Land', 'geographic', 'firm'), crm.create_unit('north', 'North', 'geographic', 'land'), crm.create_unit('south', 'South', 'geographic', 'land');
SELECT crm.set_handover_limit('sales', 'marketing', 'sales', '24 hours', 'always', 'land', '2026-01-06'), crm.set_handover_limit('sales', 'marketing', 'sales', '1 hour', unit => 'south', since => '2026-01-07');
SELECT record_key AS key, unit, offered_at, answer_within, calendar, due_at FROM crm.handover WHERE due_at IS NOT NULL ORDER BY offered_at, record_key;
-- A calendar that loses its hours takes its limits along, and breaks nothing.
BEGIN;
SELECT crm.set_calendar('always', 'UTC', '{}');
SELECT count(*), count(due_at) FROM crm.handover;
ROLLBACK;
SELECT crm.set_handover_limit('sales', 'marketin', 'sales', '4 hours');
SELECT crm.set_handover_limit('sales', 'marketing', 'sales', '4 hours', 'defualt');
SELECT crm.set_handover_limit('sales', 'marketing', 'sales', '1 day');
SELECT crm.set_handover_limit('sales', 'marketing', 'sales', '0');
SELECT crm.set_handover_limit('sales', 'marketing', 'sales', '4 hours', unit => 'nroth');
SELECT crm.set_handover_limit('sales', 'marketing', 'sales', '4 hours', since => 'infinity');

-- Answers, reasons, promises.
SELECT max(handover) FILTER (WHERE record_key = '1' AND to_stage = 'deal') AS h1, max(handover) FILTER (WHERE record_key = '1' AND to_stage = 'onboarding') AS p1,
       max(handover) FILTER (WHERE record_key = '2' AND offered_at > '2026-01-07') AS h2, max(handover) FILTER (WHERE record_key = '3') AS h3,
       max(handover) FILTER (WHERE record_key = '4' AND to_stage = 'onboarding') AS p4, max(handover) FILTER (WHERE record_key = '5') AS h5 FROM crm.handover \gset
SELECT crm.refuse_handover(:h2, 'what people write');
SELECT crm.add_refusal_reason('sales', 'No budget', 'asked and there is none'), crm.add_refusal_reason('sales', 'spam');
SELECT crm.refuse_handover(:h3, 'no bugdet');
SELECT crm.refuse_handover(:h3, ' no BUDGET ', 'call again in spring');
SELECT crm.retire_refusal_reason('sales', 'Spam'), crm.add_refusal_reason('sales', 'no budget');
SELECT crm.refuse_handover(:h5, 'spam');
SELECT crm.accept_handover(:h5);
SELECT crm.add_refusal_reason('sales', ' ');
SELECT crm.retire_refusal_reason('sales', 'span');
SELECT crm.promise_handover(:p1, '{"seats": 30}'), crm.promise_handover(:p1, '{"seats": 40}', '2026-02-01'), crm.promise_handover(:h1, '{"discount": 10}', '2026-02-01');
SELECT crm.promise_handover(:p1, NULL);
SELECT crm.promise_handover(:p1, '{}', 'infinity');
SELECT record_key AS key, to_stage, state, reason, note, answered_by, answered_late FROM crm.handover WHERE state IN ('accepted', 'refused') ORDER BY record_key;
-- The project's own day counts before the seller's; 2026-03-01 20:00Z is the same day in Berlin.
SELECT record_key AS key, to_stage, project, project_key, promised, promised_on, live_on, kept, promise, promise_by FROM crm.handover WHERE project IS NOT NULL OR promise IS NOT NULL ORDER BY record_key, offered_at;
SELECT count(*) FROM crm.handover_promise;
-- One record asked for is the same as all of them.
SELECT count(*) AS records, sum(r.n) AS rows, sum(r.missing) AS missing
FROM deals d, LATERAL (SELECT count(*) AS n, (SELECT count(*) FROM (SELECT (to_jsonb(h) - 'remaining') FROM crm.handover h WHERE h.record_key = d.id::text
                                                                    EXCEPT SELECT (to_jsonb(x) - 'remaining') FROM crm.record_handover('deals', d.id::text) x) m) AS missing
                       FROM crm.record_handover('deals', d.id::text)) r;

-- The application looks when it comes up again.
SELECT event, kind, record_key AS key, from_department, to_department, to_stage, reason, by FROM crm.handover_event;
SELECT item, state, amount FROM crm.status WHERE item LIKE 'hand-over%';
BEGIN;
SELECT crm.acknowledge_handover_event(event), kind FROM crm.handover_event WHERE event <= 2 ORDER BY event;
SELECT crm.acknowledge_handover_event(1);
ROLLBACK;
SELECT count(*) FROM crm.handover_event;
SELECT crm.acknowledge_handover_event(event) FROM crm.handover_event ORDER BY event;
SELECT count(*) FROM crm.handover_event;
SELECT crm.acknowledge_handover_event(1);
SELECT crm.acknowledge_handover_event(99);

-- Refused, moved back and offered again is another hand-over.
INSERT INTO log (id, deal, stage, at) VALUES (20, 3, 'mql', '2026-01-20 09:00Z'), (21, 3, 'deal', '2026-01-27 09:00Z');
SELECT from_stage, to_stage, offered_at, state, reason FROM crm.record_handover('deals', '3');

-- What was said survives: a corrected event, a history read again, events that are loaded anew, a link of records by an earlier event.
UPDATE log SET who = 'nora', at = at + interval '1 minute' WHERE id = 10;
SELECT handover = :h3 AS same_number, state, reason, offered_at FROM crm.record_handover('deals', '3') WHERE state = 'refused';
CALL crm.backfill('log');
INSERT INTO log (id, deal, stage, at) VALUES (22, 3, 'lead', '2026-01-01 09:00Z');
SELECT crm.settle_transitions() >= 0;
SELECT handover = :h3 AS same_number, state, reason, offered_at FROM crm.record_handover('deals', '3') WHERE state = 'refused';
-- not where the event is into another stage: that was not what was answered
BEGIN;
UPDATE log SET stage = 'onboarding' WHERE id = 10;
SELECT to_stage, state FROM crm.record_handover('deals', '3');
SELECT item, amount FROM crm.status WHERE item LIKE 'hand-overs%';
UPDATE log SET stage = 'deal' WHERE id = 10;
SELECT to_stage, state FROM crm.record_handover('deals', '3');
ROLLBACK;
BEGIN;
CREATE TEMP TABLE kept AS SELECT * FROM log;
TRUNCATE log;
SELECT count(*) FROM crm.handover;
INSERT INTO log SELECT * FROM kept;
SELECT state, count(*) FROM crm.handover GROUP BY 1 ORDER BY 1;
SELECT record_key AS key, promise FROM crm.handover WHERE promise IS NOT NULL ORDER BY 1, 2;
-- and after 30 days it is forgotten
TRUNCATE log;
UPDATE crm.handover_anchor SET parked_at = parked_at - interval '31 days';
SELECT crm.settle_transitions() >= 0;
SELECT (SELECT count(*) FROM crm.handover_answer) AS answers, (SELECT count(*) FROM crm.handover_promise) AS promises, (SELECT count(*) FROM crm.handover_happening) AS events;
ROLLBACK;
-- a record that goes under another key: its events tell who it is
UPDATE deals SET id = 33 WHERE id = 3;
SELECT handover = :h3 AS same_number, record_key AS key, state FROM crm.handover WHERE state = 'refused' AND reason = 'No budget';

-- Counted: offered is the sum of the states.
SELECT from_department, to_department, offered, accepted, refused, unanswered, withdrawn, superseded, overdue, answered_late, timed, business_hours > 0 AS worked,
       median_hours_to_answer > median_business_hours_to_answer AS medians FROM crm_bi.handover;
SELECT * FROM crm_bi.handover_reason;
SELECT from_department, to_department, offered, accepted, refused, unanswered FROM crm.handover_counts('sales', '2026-01-09', '2026-01-13');
SELECT from_department, to_department, offered, accepted, refused, unanswered FROM crm.handover_counts('sales', since => now() - interval '1 hour');
SELECT * FROM crm.handover_counts('slaes');

-- Rows obey read, numbers total; a promise of a project is its readers' only.
CREATE ROLE regress_handover_sales;
CREATE ROLE regress_handover_service;
CREATE ROLE regress_handover_nobody;
GRANT SELECT, UPDATE ON deals, log TO regress_handover_sales;
GRANT SELECT ON deals, log, projects TO regress_handover_service;
SELECT crm.create_principal('sal', role_name => 'regress_handover_sales'), crm.create_principal('serv', role_name => 'regress_handover_service'), crm.create_principal('nob', role_name => 'regress_handover_nobody');
SELECT crm.create_role('seller'), crm.create_role('server');
SELECT crm.grant_privilege('seller', 'opportunity', 'read', 'unit'), crm.grant_privilege('seller', 'opportunity', 'update', 'unit'), crm.grant_privilege('server', 'opportunity', 'read', 'below'),
       crm.grant_privilege('server', 'project', 'read', 'unit');
SELECT crm.add_member('sal', 'north', 'seller') IS NOT NULL AS a, crm.add_member('serv', 'firm', 'server') IS NOT NULL AS b, crm.add_member('serv', 'north', 'server') IS NOT NULL AS c;
SELECT count(*) FROM crm.protect('deals', '{"organisation": "region"}');
SELECT count(*) FROM crm.protect('projects', '{"organisation": "region"}');
SELECT crm.promise_handover(:p4, '{"seats": 40}');
SET ROLE regress_handover_sales;
SELECT record_key AS key, to_stage, state, reason, project_key, promised, promised_on, kept, promise FROM crm.handover ORDER BY offered_at;
SELECT count(*) FROM crm.record_handover('deals', '2');
SELECT crm.accept_handover(:h1);
SELECT crm.accept_handover(:h2);
SELECT crm.refuse_handover(:h2, 'guess');
SELECT crm.promise_handover(:p4, '{"seats": 4000}');
SELECT event, kind, record_key FROM crm.handover_event;
SELECT crm.acknowledge_handover_event(7);
SELECT * FROM crm_bi.handover;
SELECT * FROM crm_bi.handover_reason;
SELECT reason FROM crm.handover_answer;
SELECT promise FROM crm.handover_promise;
SELECT * FROM crm.timed_handovers();
SELECT * FROM crm.readable_projects();
SET ROLE regress_handover_service;
SELECT record_key AS key, to_stage, state, project_key, promised, kept, promise FROM crm.handover WHERE to_department = 'service' ORDER BY offered_at;
SELECT crm.accept_handover(:p4);
SELECT crm.acknowledge_handover_event(7);
SET ROLE regress_handover_nobody;
SELECT count(*) FROM crm.handover;
SELECT count(*) FROM crm.record_handover('deals', '1');
SELECT count(*) FROM crm.handover_event;
SELECT crm.accept_handover(:p1);
SELECT crm.refuse_handover(:p1, 'x');
SELECT * FROM crm_bi.handover;
SELECT crm.set_handover_limit('sales', 'marketing', 'sales', '4 hours');
RESET ROLE;
SELECT count(*) FROM crm.unprotect('deals');
SELECT count(*) FROM crm.unprotect('projects');

-- A record that is deleted takes what was said along, once it does not come back; disown at once.
DELETE FROM log WHERE deal = 2;
SELECT count(*) FROM crm.handover WHERE reason = 'what people write';
SELECT count(*) AS parked FROM crm.handover_anchor WHERE transition IS NULL;
SELECT count(*) FROM crm.disown('log');
SELECT count(*) AS parked FROM crm.handover_anchor;
DROP OWNED BY regress_handover_sales, regress_handover_service, regress_handover_nobody;
DROP ROLE regress_handover_sales, regress_handover_service, regress_handover_nobody;
