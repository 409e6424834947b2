-- KPIs: what they are by definition, at every grain, for whom, against goals and plans.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
SET datestyle = 'ISO, YMD';
CREATE ROLE regress_kpi_north; CREATE ROLE regress_kpi_boss; CREATE ROLE regress_kpi_nobody;
SELECT crm.create_unit('acme', 'Acme'), crm.create_unit('sales', parent => 'acme'), crm.create_unit('north', parent => 'sales'),
       crm.create_unit('south', parent => 'sales'), crm.create_unit('marketing', parent => 'acme');
SELECT crm.add_unit_alias('north', 'N1');
SELECT crm.create_principal('nora', role_name => 'regress_kpi_north'), crm.create_principal('boss', role_name => 'regress_kpi_boss');
SELECT crm.create_role('watcher'); SELECT crm.grant_privilege('watcher', 'kpi', 'total', 'below');
SELECT crm.add_member('nora', 'north', 'watcher') > 0 AS a, crm.add_member('boss', 'acme', 'watcher') > 0 AS b;

-- nothing is adopted
SELECT count(*) FROM crm_bi.kpi_value;
SELECT value, state FROM crm_bi.kpi('win_rate');
SELECT value, state FROM crm.kpi_total('win_rate');
SELECT count(*) AS kpis, count(*) FILTER (WHERE state = 'not available') AS not_available FROM crm.install_kpi_pack();

-- deals by hand. North, January: won 100 in 10 days, won 300 in 20 days, lost 50; February: lost 30.
-- South, January: won 1000 (created after it closed); March: won 200 without a day of creation. Two are open.
CREATE TABLE deals (id integer PRIMARY KEY, office text, value numeric, status text, opened date, closed date);
INSERT INTO deals VALUES
    (1, 'north', 100, 'Closed won', '2021-01-01', '2021-01-11'), (2, 'N1', 300, 'Closed won', '2021-01-10', '2021-01-30'),
    (3, 'NORTH', 50, 'lost', '2021-01-10', '2021-01-31'), (4, 'north', 30, 'lost', '2021-01-10', '2021-02-03'),
    (5, 'south', 1000, 'won', '2021-01-20', '2021-01-15'), (6, 'south', 200, 'won', NULL, '2021-03-02'),
    (7, 'south', 70, 'new', '2021-02-10', NULL), (8, NULL, 7, 'new', NULL, NULL),
    -- open by stage, although there is a day of close; lost without a day; a stage that no funnel knows
    (9, 'north', 11, 'new', '2021-02-01', '2021-02-05'), (10, 'north', 13, 'lost', '2021-02-01', NULL),
    (11, 'north', 17, 'odd', '2021-02-01', '2021-02-20');
SELECT count(*) FROM crm.adopt('deals', 'opportunity', fallback_unit => 'marketing',
    columns => '{"unit": "office", "amount": "value", "stage": "status", "created_at": "opened", "closed_at": "closed"}');
SELECT kpi_key, day, unit_key, value, state FROM crm_bi.kpi_value ORDER BY 1;
CALL crm.backfill('deals');
-- without a funnel a won deal is not known; the pipeline goes by dates
SELECT kpi, state FROM crm.kpi_state() ORDER BY 1;
SELECT value, state FROM crm_bi.kpi('won_count');
SELECT item, state, detail FROM crm.doctor() WHERE item = 'KPI won_count';
SELECT crm.create_funnel('sales', 'opportunity', '[{"key": "new", "position": 100, "kind": "entry"},
    {"key": "won", "position": 200, "kind": "won", "milestone": "won", "aliases": ["Closed won"]},
    {"key": "lost", "position": 300, "kind": "lost", "milestone": "lost"}]');
SELECT count(*) > 0 AS tracked FROM crm.track('deals', 'sales');
CALL crm.backfill('deals');
SELECT kpi, state FROM crm.kpi_state() ORDER BY 1;

-- whole: 4 won of 6 closed with a known outcome
SELECT k, numerator, denominator, round(value, 4) AS value, state
FROM unnest(ARRAY['won_count', 'won_value', 'win_rate', 'win_rate_value', 'average_deal', 'sales_cycle_days']) k, crm_bi.kpi(k) ORDER BY 1;
-- grains: sums first, division after. January has 3 of 4, February 0 of 1, March 1 of 1
SELECT period, numerator, denominator, round(value, 4) AS value FROM crm_bi.kpi('win_rate', 'month');
SELECT period, numerator, denominator, round(value, 4) AS value FROM crm_bi.kpi('win_rate', 'quarter');
SELECT period, unit_key, numerator, denominator, round(value, 4) AS value FROM crm_bi.kpi('win_rate', 'year', by => '{unit_key}');
SELECT period, unit_key, stage, value FROM crm_bi.kpi('won_value', 'week', '2021-01-12', '2021-03-31', '{unit_key,stage}');
SELECT period, value FROM crm_bi.kpi('won_value', 'day', '2021-01-11', '2021-01-15');
SELECT count(*) FROM crm_bi.kpi('won_value', 'month', '2020-01-01', '2020-12-31');
SELECT numerator, denominator, value, state FROM crm.kpi_total('win_rate', 'north', '2021-01-01', '2021-01-31');
SELECT numerator, denominator, value, state FROM crm.kpi_total('win_rate', 'sales', '2021-02-01', '2021-12-31');
SELECT numerator, denominator, value, state FROM crm.kpi_total('win_rate', 'marketing');
-- the same from rows, as a BI tool does it
SELECT unit_key, sum(numerator) AS numerator, sum(denominator) AS denominator, bool_or(additive) AS additive
FROM crm_bi.kpi_value WHERE kpi_key = 'win_rate' GROUP BY 1 ORDER BY 1;
SELECT p.ancestor_key, sum(v.value) FROM crm_bi.kpi_value v JOIN crm_bi.dim_unit_path p USING (unit_key)
WHERE v.kpi_key = 'won_value' GROUP BY 1 ORDER BY 1;
-- the stock, day by day: 7 always (no day of creation); deal 6 has no day of creation: from the beginning until March 1st;
-- deal 5 is closed before it was created: never open; 9 is open whatever its day of close; 10 never; 11 by its days
SELECT d, round(value, 2) AS open FROM unnest(ARRAY['2020-12-31', '2021-01-01', '2021-01-10', '2021-01-11', '2021-01-20', '2021-01-31', '2021-02-01', '2021-02-03',
    '2021-02-10', '2021-02-20', '2021-03-01', '2021-03-02', '2021-12-31']::date[]) d, crm.kpi_total('open_pipeline', NULL, NULL, d);
SELECT period, value FROM crm_bi.kpi('open_pipeline', 'month', '2021-01-01', '2021-04-15');
SELECT day, sum(value) FROM crm_bi.kpi_value WHERE kpi_key = 'open_pipeline' AND day IN ('2021-01-01', '2021-02-10', '2021-03-02') GROUP BY 1 ORDER BY 1;
-- the meaning of a stage or a unit changes, without a recount
SELECT crm.add_stage_alias('sales', 'odd', 'lost'); SELECT crm.add_unit_alias('south', 'unknown office');
UPDATE deals SET office = 'unknown office' WHERE id = 8;
SELECT numerator, denominator FROM crm.kpi_total('win_rate');
SELECT unit_key, sum(value) FROM crm_bi.kpi_value WHERE kpi_key = 'open_pipeline' AND day = '2021-03-02' GROUP BY 1 ORDER BY 1;

-- who sees what
SET ROLE regress_kpi_north;
SELECT kpi_key, unit_key, sum(numerator) FROM crm_bi.kpi_value WHERE kpi_key IN ('won_count', 'won_value') GROUP BY 1, 2 ORDER BY 1, 2;
SELECT numerator, denominator FROM crm_bi.kpi('win_rate');
SELECT * FROM crm.kpi_total('win_rate');
SELECT part, detail, amount FROM crm.explain_kpi('won_count', 'north') WHERE part IN ('value', 'version');
SELECT count(*) FROM crm.explain_kpi('won_count', 'south');
SELECT count(*) FROM crm.explain_kpi('won_count');
SELECT count(*) FROM crm.verify_kpi('won_count');
SELECT count(*) FROM crm.kpi_facts(NULL, NULL, NULL, NULL, '{}', NULL);
SET ROLE regress_kpi_boss;
SELECT numerator, denominator FROM crm_bi.kpi('win_rate');
SELECT part, detail, relation, rows, amount FROM crm.explain_kpi('win_rate', 'sales', '2021-01-01', '2021-01-31') WHERE part <> 'definition';
SET ROLE regress_kpi_nobody;
SELECT count(*) FROM crm_bi.kpi_value;
SELECT count(*) FROM crm_bi.kpi_value WHERE kpi_key = 'nps';
SELECT count(*) FROM crm_bi.kpi('win_rate');
SELECT count(*) FROM crm_bi.kpi_goal;
SELECT count(*) FROM crm.plan_gap;
SELECT crm.fold();
SELECT crm.define_kpi('mine', 'Mine', 'opportunity_closed');
RESET ROLE;

-- leads are first entries; spend; cost per lead
CREATE TABLE leads (id integer PRIMARY KEY, office text, status text, opened date);
INSERT INTO leads SELECT i, CASE WHEN i > 5 THEN 'north' ELSE 'south' END, 'lead', date '2021-01-01' + i FROM generate_series(1, 10) i;
SELECT count(*) > 0 FROM crm.adopt('leads', 'lead', columns => '{"unit": "office", "stage": "status", "created_at": "opened"}');
SELECT item, detail FROM crm.doctor() WHERE item LIKE 'leads of%';
SELECT crm.create_funnel('first', 'lead', '[{"key": "lead", "position": 100, "kind": "entry", "milestone": "lead"},
    {"key": "mql", "position": 200, "milestone": "mql"}, {"key": "sal", "position": 300, "milestone": "sal"}]');
SELECT count(*) > 0 FROM crm.track('leads', 'first');
SELECT value, state FROM crm.kpi_total('leads');
CALL crm.backfill('leads');
SELECT value, state FROM crm.kpi_total('leads', NULL, '2021-01-01', '2021-01-31');
SELECT unit_key, value FROM crm_bi.kpi('leads', 'total', '2021-01-01', '2021-01-31', '{unit_key}');
UPDATE leads SET status = 'mql' WHERE id <= 4; UPDATE leads SET status = 'lead' WHERE id = 1; UPDATE leads SET status = 'mql' WHERE id = 1;
SELECT k, value FROM unnest(ARRAY['leads', 'mqls', 'sals']) k, crm.kpi_total(k, NULL, NULL, (now() + interval '1 day')::date);
CREATE TABLE costs (id integer PRIMARY KEY, paid date, amount numeric, money text, what text);
INSERT INTO costs VALUES (1, '2021-01-05', 500, 'EUR', 'marketing'), (2, '2021-01-06', 300, 'EUR', NULL), (3, '2021-01-07', 999, 'EUR', 'sales');
SELECT count(*) > 0 FROM crm.adopt('costs', 'spend', columns => '{"on_date": "paid", "amount": "amount", "currency": "money", "kind": "what"}');
CALL crm.backfill('costs');
SELECT value FROM crm.kpi_total('marketing_spend');
SELECT numerator, denominator, value FROM crm.kpi_total('cost_per_lead', NULL, '2021-01-01', '2021-01-31');
-- currencies are never added
INSERT INTO costs VALUES (4, '2021-01-08', 100, 'USD', 'marketing');
SELECT value, state FROM crm.kpi_total('marketing_spend');
SELECT currency, value, state FROM crm_bi.kpi('marketing_spend', by => '{currency}');
SELECT value, state FROM crm_bi.kpi('marketing_spend');

-- tickets
CREATE TABLE tickets (id integer PRIMARY KEY, opened timestamptz, replied timestamptz, solved timestamptz, again integer);
INSERT INTO tickets VALUES (1, '2021-01-05 10:00Z', '2021-01-05 10:30Z', '2021-01-06 10:00Z', 0), (2, '2021-01-05 10:00Z', '2021-01-05 11:30Z', NULL, 2),
    (3, '2021-01-05 10:00Z', '2021-01-05 09:00Z', '2021-01-05 09:00Z', 1), (4, '2021-01-07 10:00Z', NULL, NULL, NULL), (5, '-infinity', 'infinity', '2021-01-06 10:00Z', NULL);
SELECT count(*) > 0 FROM crm.adopt('tickets', 'ticket', columns => '{"opened_at": "opened", "first_response_at": "replied", "resolved_at": "solved", "reopened_count": "again"}');
CALL crm.backfill('tickets');
SELECT k, numerator, denominator, round(value, 4) AS value, state FROM unnest(ARRAY['first_response_minutes', 'resolution_hours', 'reopen_rate']) k, crm.kpi_total(k) ORDER BY 1;
SELECT d, value FROM unnest(ARRAY['2021-01-01', '2021-01-04', '2021-01-05', '2021-01-06', '2021-01-07']::date[]) d, crm.kpi_total('ticket_backlog', NULL, NULL, d);
CREATE TABLE answers (id integer PRIMARY KEY, at timestamptz, kind text, score integer);
INSERT INTO answers SELECT i, '2021-01-05', 'nps', i - 1 FROM generate_series(1, 11) i;
INSERT INTO answers SELECT 100 + i, '2021-01-05', 'CSAT', i FROM generate_series(1, 5) i;
SELECT count(*) > 0 FROM crm.adopt('answers', 'survey', columns => '{"at": "at", "kind": "kind", "score": "score"}');
CALL crm.backfill('answers');
SELECT k, numerator, denominator, round(value, 4) AS value FROM unnest(ARRAY['nps', 'csat']) k, crm.kpi_total(k);

-- goals: the period is long past, or the whole of time
SELECT crm.set_goal('revenue q1', 'won_value', 3200, '2021-01-01', '2021-03-31', departments => '{"marketing": 0.25, "sales": 0.75}', accountable => 'boss');
SELECT crm.set_goal('north rate', 'win_rate', 0.9, '2021-01-01', '2021-01-31', unit => 'NORTH');
SELECT crm.set_goal('quick', 'sales_cycle_days', 30, '2021-01-01', '2021-01-31');
SELECT crm.set_goal('later', 'won_value', 100, '2999-01-01', '2999-12-31');
SELECT crm.set_goal_owner('revenue q1', 'nora');
SELECT goal_key, unit_key, departments, target, actual, round(attainment, 4) AS attainment, elapsed, round(pace, 4) AS pace, on_track, state, accountable, owners FROM crm_bi.kpi_goal;
SET ROLE regress_kpi_north; SELECT goal_key, round(actual, 4) AS actual, on_track FROM crm_bi.kpi_goal; RESET ROLE;

-- plans and the gap, by the last year: 2 deals of 200 in the mean, of 8 leads
UPDATE deals SET closed = crm.kpi_today() WHERE id IN (1, 2);
INSERT INTO leads SELECT i, 'north', 'lead', NULL FROM generate_series(21, 28) i;
SELECT crm.set_plan('sales', '2021-12-15', 6400), crm.set_plan('marketing', '2021-12-01', 8), crm.set_plan('marketing', '2022-01-01', 8);
SELECT month, unit_key, won_value_planned, average_deal, deals_needed, conversion, leads_needed, leads_planned, gap, state FROM crm.plan_gap;

-- a team's own
SELECT crm.define_component('big', 'opportunity', 'closed_at', 'amount >= 100', '{"half": "amount / 2"}');
SELECT crm.define_kpi('big_half', 'Half of big ones', 'big.half[won] - big.half[lost]', measured_in => 'money');
SELECT value, state FROM crm.kpi_total('big_half');
CALL crm.backfill('deals');
SELECT value, state FROM crm.kpi_total('big_half');
SELECT crm.define_component('big', 'opportunity', 'closed_at', 'amount >= 500', '{"half": "amount / 2"}') AS version;
SELECT value, state FROM crm.kpi_total('big_half');
CALL crm.backfill('deals');
SELECT value, state FROM crm.kpi_total('big_half');
SELECT crm.define_kpi('won_count', 'Wins that count', 'big[won]') AS version;
SELECT value FROM crm.kpi_total('won_count');
SELECT DISTINCT kpi_key, version FROM crm_bi.kpi_value WHERE kpi_key = 'won_count';
SELECT k.kpi, sum(v.groups_different) AS different, sum(v.counted) = sum(v.recomputed) AS same FROM crm.kpi_state() k, crm.verify_kpi(k.kpi) v GROUP BY 1 ORDER BY 1;
SELECT crm.fold() > 0 AS folded;
SELECT k.kpi, sum(v.groups_different) AS different FROM crm.kpi_state() k, crm.verify_kpi(k.kpi) v GROUP BY 1 HAVING sum(v.groups_different) <> 0;

-- errors, and nothing half done
SELECT * FROM crm_bi.kpi('win_rat');
SELECT * FROM crm_bi.kpi('win_rate', 'mnth');
SELECT * FROM crm_bi.kpi('win_rate', 'month', by => '{unit}');
SELECT * FROM crm.kpi_total('win_rate', 'nroth');
SELECT crm.define_component('Big', 'opportunity', 'closed_at');
SELECT crm.define_component('b', 'oportunity', 'closed_at');
SELECT crm.define_component('b', 'opportunity', 'closed_on');
SELECT crm.define_component('b', 'opportunity', 'amount');
SELECT crm.define_component('b', 'opportunity', 'closed_at::date');
SELECT crm.define_component('b', 'opportunity', 'closed_at', 'amount > random()');
SELECT crm.define_component('b', 'opportunity', 'closed_at', 'amount');
SELECT crm.define_component('b', 'opportunity', 'closed_at', 'r.amount > 1');
SELECT crm.define_component('b', 'opportunity', 'closed_at', 'true); DROP TABLE deals; --');
SELECT crm.define_component('b', 'opportunity', 'closed_at', 'EXISTS (SELECT FROM deals)');
SELECT crm.define_component('b', 'opportunity', 'closed_at', 'crm.kpi_today() IS NULL');
CREATE FUNCTION public.mine(numeric) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN true;
SELECT crm.define_component('b', 'opportunity', 'closed_at', 'public.mine(amount)');
SELECT crm.define_component('b', 'opportunity', 'closed_at', 'mine(amount)');
SELECT crm.define_component('b', 'opportunity', 'closed_at', sums => '{"x": "stage"}');
SELECT crm.define_component('b', 'opportunity', 'closed_at', sums => '{"a": "1", "b": "1", "c": "1", "d": "1", "e": "1"}');
SELECT crm.define_component('b', 'opportunity', 'closed_at', sums => '{"count": "1"}');
SELECT crm.define_component('b', 'opportunity', 'closed_at', undated => 'later');
SELECT crm.define_kpi('k', 'K', 'oportunity_closed'), crm.define_kpi('k', 'K', 'big.hlf');
SELECT crm.define_kpi('k', 'K', 'big.hlf');
SELECT crm.define_kpi('k', 'K', 'big[wno]');
SELECT crm.define_kpi('k', 'K', 'big[milestone:leed]');
SELECT crm.define_kpi('k', 'K', 'big * 2');
SELECT crm.define_kpi('k', 'K', '');
SELECT crm.define_kpi('k', 'K', 'big', direction => 'upp');
SELECT crm.set_goal('g', 'won_valu', 1, '2021-01-01', '2021-01-31');
SELECT crm.set_goal('g', 'won_value', NULL, '2021-01-01', '2021-01-31');
SELECT crm.set_goal('g', 'won_value', 1, '2021-01-31', '2021-01-01');
SELECT crm.set_goal('g', 'won_value', 1, '2021-01-01', '2021-01-31', departments => '{"sales": 0.5}');
SELECT crm.set_goal('g', 'won_value', 1, '2021-01-01', '2021-01-31', departments => '{"sales": "half"}');
SELECT crm.set_goal('g', 'won_value', 1, '2021-01-01', '2021-01-31', departments => '{"sails": 1}');
SELECT crm.set_goal('g', 'won_value', 1, '2021-01-01', '2021-01-31', accountable => 'bos');
SELECT crm.set_goal_owner('revenue q2', 'nora');
SELECT crm.set_plan('sale', '2021-01-01', 1);
SELECT crm.set_plan('sales', '2021-01-01', -1);
SELECT crm.capture('costs_of_all'::text::regclass);
SELECT crm.capture('pg_class');
SELECT count(*) AS goals, (SELECT count(*) FROM crm.team_component) AS components, (SELECT count(*) FROM crm.team_kpi) AS kpis FROM crm.goal;
SELECT count(*) > 9000 AS days, min(day) FROM crm_bi.dim_date;
SELECT unit_key, parent_key FROM crm_bi.dim_unit ORDER BY 1;

-- Deals that tell when they closed and not when they began, tickets that tell only when they began: what needs both is no error.
CREATE TABLE closed_deals (id integer PRIMARY KEY, value numeric, status text, closed date);
CREATE TABLE asked (id integer PRIMARY KEY, came timestamptz);
SELECT count(*) > 0 AS adopted FROM crm.adopt('closed_deals', 'opportunity', columns => '{"amount": "value", "stage": "status", "closed_at": "closed"}');
SELECT count(*) > 0 AS adopted FROM crm.adopt('asked', 'ticket', columns => '{"created_at": "came"}');
CALL crm.backfill('closed_deals');
CALL crm.backfill('asked');
INSERT INTO closed_deals VALUES (1, 5, 'won', '2021-04-01');
INSERT INTO asked VALUES (1, '2021-04-01');
SELECT kpi_key, value, state FROM crm_bi.kpi('won_value', since => '2021-04-01', until => '2021-04-30');
SELECT relation, room, state, error FROM crm.filling WHERE error IS NOT NULL;
SELECT item, state, detail FROM crm.doctor() WHERE detail ~ 'closed_deals|asked' ORDER BY 1;

SELECT crm.disown_all();
DROP OWNED BY regress_kpi_north, regress_kpi_boss, regress_kpi_nobody; DROP ROLE regress_kpi_north, regress_kpi_boss, regress_kpi_nobody;
