-- One funnel over the tables of several departments: who came how far, hand-overs, rights.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET timezone = 'UTC';
SELECT crm.create_funnel('journey', 'customer', '[
  {"key": "visitor", "department": "marketing", "milestone": "visitor"},
  {"key": "lead", "department": "marketing", "milestone": "lead"},
  {"key": "mql", "department": "marketing", "milestone": "mql"},
  {"key": "deal", "department": "sales", "milestone": "opportunity", "expected": "30 days"},
  {"key": "on_hold", "department": "sales", "kind": "waiting"},
  {"key": "won", "department": "sales", "milestone": "won"},
  {"key": "live", "department": "service", "milestone": "live"},
  {"key": "lost", "department": "sales", "milestone": "lost"}]');
CREATE TABLE touches (id integer PRIMARY KEY, lead integer, at timestamptz);
CREATE TABLE leads (id integer PRIMARY KEY, email text, stage text, created timestamptz, region text);
CREATE TABLE accounts (id integer PRIMARY KEY, email text, region text);
CREATE TABLE deals (id integer PRIMARY KEY, account integer REFERENCES accounts, stage text, opened timestamptz, closed timestamptz, region text);
CREATE TABLE projects (id integer PRIMARY KEY, account integer REFERENCES accounts, started timestamptz, live timestamptz, state text, region text);
-- Six people: a and b go all the way to the deal, a is live; c has lost, d is on hold; e is a lead, f only looked.
INSERT INTO leads VALUES (1, 'a@x.example', 'mql', '2026-01-02', 'north'), (2, 'b@x.example', 'mql', '2026-01-02', 'south'),
  (3, 'c@x.example', 'lead', '2026-01-03', 'north'), (5, 'e@x.example', 'lead', '2026-01-05', 'south');
INSERT INTO touches VALUES (1, 1, '2026-01-01'), (2, 1, '2026-01-01 12:00'), (3, 2, '2026-01-01'), (4, 6, '2026-01-06'), (5, NULL, '2026-01-07');
INSERT INTO accounts VALUES (1, 'A@x.example', 'north'), (2, 'b@x.example', 'south'), (3, 'c@X.example', 'north'), (4, 'd@x.example', 'south');
INSERT INTO deals VALUES (1, 1, 'won', '2026-01-10', '2026-01-20', 'north'), (2, 2, 'deal', '2026-01-12', NULL, 'south'),
  (3, 3, 'lost', '2026-01-10', '2026-02-01', 'north'), (4, 4, 'on_hold', '2026-01-10', NULL, 'south'), (5, 1, 'lost', '2026-03-01', '2026-03-02', 'north');
INSERT INTO projects VALUES (1, 1, '2026-01-21', '2026-02-20', 'live', 'north');
SELECT detail FROM crm.adopt('touches', 'touch', department => 'marketing', funnel => 'journey', columns => '{"customer": {"column": "lead", "of": "public.leads"}, "at": "at", "stage": "''visitor''"}') WHERE room = 'funnel';
SELECT detail FROM crm.adopt('leads', 'lead', department => 'marketing', funnel => 'journey', columns => '{"email": "email", "stage": "stage", "created_at": "created", "unit": "region"}') WHERE room = 'funnel';
SELECT count(*) FROM crm.adopt('accounts', 'customer', department => 'sales', columns => '{"email": "email", "unit": "region"}') WHERE room = 'funnel';
SELECT detail FROM crm.adopt('deals', 'opportunity', department => 'sales', funnel => 'journey', columns => '{"customer": "account", "stage": "stage", "created_at": "opened", "closed_at": "closed", "unit": "region"}') WHERE room = 'funnel';
SELECT detail FROM crm.adopt('projects', 'project', department => 'service', funnel => 'journey', columns => '{"customer": "account", "stage": "state", "started_at": "started", "live_at": "live", "unit": "region"}') WHERE room = 'funnel';
CALL crm.backfill('touches');
CALL crm.backfill('leads');
CALL crm.backfill('accounts');
CALL crm.backfill('deals');
CALL crm.backfill('projects');
SELECT relation, record_key AS key, sequence AS seq, to_stage, at, unit, array_remove(flags, 'backfilled') AS flags, customer_relation AS of, customer_key AS customer
FROM crm.transition_log ORDER BY relation::text, record_key, sequence;

-- Nobody is linked: records count for themselves, customers of deals and projects by their account.
SELECT stage, entered, reached FROM crm_bi.funnel_conversion;
-- Linked: a person counts once.
CALL crm.resolve() \gset resolved_
SELECT stage, position, department, kind, milestone, entered, reached, conversion_of_first, conversion_of_previous, median_days_to_next
FROM crm_bi.funnel_conversion;
SELECT stage, entered, reached FROM crm.funnel_reach('journey', since => '2026-01-02', until => '2026-01-07');
SELECT stage, stays, staying, mean_days, median_days, longest_days, expected_days, beyond_expected FROM crm_bi.stage_duration;
SELECT * FROM crm.funnel_counts('journey', ARRAY['visitor', 'mql', 'deal', 'won']);
SELECT * FROM crm.funnel_counts('journey', ARRAY['visitor', 'deal', 'won'], '10 days');
SELECT * FROM crm.funnel_counts('journey', ARRAY['visitor', 'deal', 'won'], '19 days', '2026-01-01', '2026-01-20');
SELECT * FROM crm.funnel_counts('journey', ARRAY['won', 'lost'], until => '2026-03-02');
SELECT * FROM crm.funnel_counts('journey', ARRAY['won', 'lost']);
SELECT funnel, stage, label, position, department, kind, milestone, expected_days, probability, retired FROM crm_bi.dim_stage ORDER BY 4;

-- Hand-overs, and what is said to them.
SELECT relation, record_key, from_department, to_department, from_stage, to_stage, offered_at, state FROM crm.handover ORDER BY offered_at, relation::text, record_key;
SELECT handover AS won FROM crm.handover WHERE from_stage = 'won' \gset
SELECT handover AS lead FROM crm.handover WHERE from_stage = 'mql' AND record_key = '2' \gset
SELECT crm.accept_handover(:won);
SELECT crm.refuse_handover(:lead, 'no budget');
\set VERBOSITY sqlstate
SELECT crm.refuse_handover(:lead, 'no budget');
\set VERBOSITY default
SELECT crm.refuse_handover(:lead, ' ');
SELECT crm.accept_handover(-1);
SELECT from_stage, to_stage, state, answered_by, reason FROM crm.handover WHERE state <> 'offered' ORDER BY 1;
SELECT funnel, from_department, to_department, offered, accepted, refused, unanswered, median_hours_to_answer > 0 AS timed FROM crm_bi.handover;

-- Errors.
SELECT * FROM crm.funnel_counts('journey', ARRAY['visitor', 'wonn']);
SELECT * FROM crm.funnel_counts('jurney', ARRAY['visitor']);
SELECT * FROM crm.funnel_counts('journey', '{}'::text[]);
SELECT * FROM crm.funnel_counts('journey', ARRAY['visitor'], '1 month');
SELECT * FROM crm.funnel_counts('journey', ARRAY['visitor'], '-1 day');
SELECT * FROM crm.funnel_reach('jurney');

-- Numbers obey total, rows obey read, nobody without identity gets anything.
CREATE ROLE regress_conversion_whole;
CREATE ROLE regress_conversion_north;
CREATE ROLE regress_conversion_nobody;
GRANT SELECT ON leads, deals, projects TO regress_conversion_north;
SELECT crm.create_unit('firm', 'The firm', 'business'), crm.create_unit('north', 'North', 'geographic', 'firm'), crm.create_unit('south', 'South', 'geographic', 'firm');
SELECT crm.create_principal('whole', role_name => 'regress_conversion_whole'), crm.create_principal('nora', role_name => 'regress_conversion_north');
SELECT crm.create_role('board'), crm.create_role('regional');
SELECT crm.grant_privilege('board', 'kpi', 'total', 'organisation'), crm.grant_privilege('regional', 'kpi', 'total', 'unit');
SELECT crm.add_member('whole', 'firm', 'board') IS NOT NULL AS a, crm.add_member('nora', 'north', 'regional') IS NOT NULL AS b;
SET ROLE regress_conversion_whole;
SELECT stage, entered, reached FROM crm_bi.funnel_conversion;
SELECT count(*) FROM crm.transition;
SELECT sum(offered) FROM crm_bi.handover;
SET ROLE regress_conversion_north;
SELECT stage, entered, reached FROM crm_bi.funnel_conversion;
SELECT step, reached FROM crm.funnel_counts('journey', ARRAY['mql', 'deal', 'won']);
SELECT sum(offered) FROM crm_bi.handover;
SELECT count(*) FROM crm.transition;
SELECT count(*) FROM crm.handover;
SELECT crm.accept_handover(handover) FROM crm.handover WHERE to_stage = 'lost' AND record_key = '3';
SELECT count(*) FROM crm.transition_log;
SELECT count(*) FROM crm.total_transition(NULL, NULL, NULL);
SET ROLE regress_conversion_nobody;
SELECT stage, entered, reached FROM crm_bi.funnel_conversion;
SELECT * FROM crm_bi.handover;
SELECT * FROM crm.funnel_counts('journey', ARRAY['mql', 'deal', 'won']);
SELECT count(*) FROM crm.transition;
SELECT stage FROM crm_bi.dim_stage WHERE kind = 'won';
RESET ROLE;
DROP OWNED BY regress_conversion_whole, regress_conversion_north, regress_conversion_nobody;
DROP ROLE regress_conversion_whole, regress_conversion_north, regress_conversion_nobody;
