-- The part of the pack that takes more than one row: every number is computed by hand beside it.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
SET datestyle = 'ISO, YMD'; SET timezone = 'UTC';
CREATE ROLE regress_kpi_pack_north; CREATE ROLE regress_kpi_pack_boss; CREATE ROLE regress_kpi_pack_nobody;
SELECT crm.create_unit('acme', 'Acme'), crm.create_unit('north', parent => 'acme'), crm.create_unit('south', parent => 'acme');
SELECT crm.create_principal('nora', role_name => 'regress_kpi_pack_north'), crm.create_principal('boss', role_name => 'regress_kpi_pack_boss');
SELECT crm.create_role('watcher'); SELECT crm.grant_privilege('watcher', 'kpi', 'total', 'below');
SELECT crm.add_member('nora', 'north', 'watcher') > 0 AS a, crm.add_member('boss', 'acme', 'watcher') > 0 AS b;
SELECT crm.set_calendar('default', 'Europe/Berlin', '{"mon": ["09:00", "17:00"], "tue": ["09:00", "17:00"], "wed": ["09:00", "17:00"], "thu": ["09:00", "17:00"], "fri": ["09:00", "17:00"]}');

-- People: 2 reached sql on the 90th day, 3 on the 91st, 4 never. 5 is 1 once more. Days are Berlin's: 5's lead is of the evening before in UTC.
CREATE TABLE people (id integer PRIMARY KEY, office text, mail text, lead_at timestamptz, mql_at timestamptz, sql_at timestamptz, live_at timestamptz);
INSERT INTO people VALUES
    (1, 'north', 'ann@a.example', '2023-01-02 12:00Z', '2023-01-05 12:00Z', '2023-01-20 12:00Z', '2023-02-20 12:00Z'),
    (2, 'north', 'bob@b.example', '2023-01-03 12:00Z', '2023-01-10 12:00Z', '2023-04-10 12:00Z', NULL),
    (3, 'south', 'cid@c.example', '2023-01-04 12:00Z', '2023-01-11 12:00Z', '2023-04-12 12:00Z', '2023-05-31 12:00Z'),
    (4, 'south', 'dan@d.example', '2023-01-05 12:00Z', '2023-01-12 12:00Z', NULL, NULL),
    (5, 'south', 'ann@a.example', '2022-12-31 23:30Z', '2023-01-13 12:00Z', '2023-02-01 12:00Z', NULL);
SELECT count(*) > 0 AS adopted FROM crm.adopt('people', 'lead', columns => '{"unit": "office", "email": "mail", "created_at": "lead_at",
    "stage": {"lead": "lead_at", "mql": "mql_at", "sql": "sql_at", "live": "live_at"}}');
SELECT crm.create_funnel('path', 'lead', '[{"key": "lead", "position": 100, "kind": "entry", "milestone": "lead", "department": "marketing"},
    {"key": "mql", "position": 200, "milestone": "mql", "department": "marketing"}, {"key": "sql", "position": 300, "milestone": "sql", "department": "sales"},
    {"key": "live", "position": 400, "kind": "after_win", "milestone": "first_value", "department": "service"}]');
SELECT count(*) > 0 AS tracked FROM crm.track('people', 'path');
CALL crm.backfill('people');

-- five until somebody says that 1 and 5 are one; the cohort of January: 1, 2 and 5 of five
SELECT k, numerator, denominator, round(value, 4) AS value, state
FROM unnest(ARRAY['leads', 'mqls', 'mql_to_sql', 'mql_to_sql_snapshot']) k, crm.kpi_total(k, NULL, '2023-01-01', '2023-01-31');
SELECT crm.decide(('people', '1'), ('people', '5'), 'same');
SELECT crm.resolve_pending() >= 0 AS resolved;
-- one fact less in each: the lead of 5 was first, of north's 1 the mql and the sql, so that 5's are repeated. Of the cohort 1 and 2 of four
SELECT k, numerator, denominator, round(value, 4) AS value, state
FROM unnest(ARRAY['leads', 'mqls', 'mql_to_sql', 'mql_to_sql_snapshot']) k, crm.kpi_total(k, NULL, '2023-01-01', '2023-01-31');
SELECT unit_key, numerator, denominator FROM crm_bi.kpi('mql_to_sql', 'month', '2023-01-01', '2023-01-31', '{unit_key}');
SELECT day, unit_key, value FROM crm_bi.kpi_value WHERE kpi_key = 'leads' AND day < '2023-02-01' ORDER BY day, unit_key, value;
-- and back
SELECT crm.decide(('people', '1'), ('people', '5'), 'different');
SELECT crm.resolve_pending() >= 0 AS resolved;
SELECT value FROM crm.kpi_total('leads', NULL, '2023-01-01', '2023-01-31');
SELECT crm.decide(('people', '1'), ('people', '5'), 'same');
SELECT crm.resolve_pending() >= 0 AS resolved;
-- a young cohort has no value, and does not spoil those before: without until only days that are over count
INSERT INTO people VALUES (6, 'north', 'eve@e.example', now() - interval '11 days', now() - interval '10 days', NULL, NULL);
SELECT numerator, denominator, value, state FROM crm.kpi_total('mql_to_sql');
SELECT numerator, denominator, value, state FROM crm.kpi_total('mql_to_sql', NULL, '2023-01-01', crm.kpi_today());
SELECT count(*) AS days, count(numerator) AS numerators, count(value) AS values, bool_or(mature) AS mature, min(state) AS state
FROM crm_bi.kpi_value WHERE kpi_key = 'mql_to_sql' AND day > crm.kpi_today() - 50;
SELECT count(*) AS days, sum(numerator) AS numerator, sum(denominator) AS denominator, bool_and(mature) AS mature, bool_or(additive) AS additive
FROM crm_bi.kpi_value WHERE kpi_key = 'mql_to_sql' AND day < '2024-01-01';

-- Deals, in a funnel of their own: person 3 buys twice, and is one new customer.
CREATE TABLE deals (id integer PRIMARY KEY, person integer REFERENCES people, office text, amount numeric, share numeric, opened timestamptz, won_at timestamptz,
                    lost_at timestamptz, closed timestamptz GENERATED ALWAYS AS (coalesce(won_at, lost_at)) STORED);
INSERT INTO deals VALUES
    (1, 1, 'north', 1000, 0.5, '2023-01-20 12:00Z', '2023-02-10 12:00Z', NULL), (2, 2, 'north', 3000, 0.5, '2023-04-10 12:00Z', '2023-04-20 12:00Z', NULL),
    (3, 3, 'south', 500, 0.5, '2023-04-12 12:00Z', '2023-05-01 12:00Z', NULL), (4, 3, 'south', 700, 0.5, '2023-05-02 12:00Z', '2023-05-20 12:00Z', NULL),
    (5, 4, 'south', 400, 0.5, '2023-03-01 12:00Z', NULL, '2023-03-15 12:00Z');
SELECT count(*) > 0 AS adopted FROM crm.adopt('deals', 'opportunity', columns => '{"unit": "office", "customer": "person", "amount": "amount", "margin": "share",
    "created_at": "opened", "closed_at": "closed", "stage": {"open": "opened", "won": "won_at", "lost": "lost_at"}}');
SELECT crm.create_funnel('deal', 'opportunity', '[{"key": "open", "position": 100, "kind": "entry"}, {"key": "won", "position": 200, "kind": "won", "milestone": "won"},
    {"key": "lost", "position": 300, "kind": "lost", "milestone": "lost"}]');
SELECT count(*) > 0 AS tracked FROM crm.track('deals', 'deal');
CALL crm.backfill('deals');
CREATE TABLE costs (id integer PRIMARY KEY, paid date, amount numeric, money text, what text, via text);
INSERT INTO costs VALUES (1, '2023-01-05', 500, 'EUR', 'marketing', 'ads'), (2, '2023-02-06', 400, 'EUR', 'Sales', NULL), (3, '2023-02-07', 999, 'EUR', 'rent', NULL);
SELECT count(*) > 0 AS adopted FROM crm.adopt('costs', 'spend', columns => '{"on_date": "paid", "amount": "amount", "currency": "money", "kind": "what", "channel": "via"}');
CALL crm.backfill('costs');
-- (500 + 400) / 3
SELECT k, numerator, denominator, round(value, 4) AS value, state
FROM unnest(ARRAY['new_customers', 'acquisition_spend', 'cac']) k, crm.kpi_total(k, NULL, '2023-01-01', '2023-05-31');
SELECT period, value FROM crm_bi.kpi('new_customers', 'month', '2023-01-01', '2023-12-31');
-- nobody was won in March: no value, and no division by zero
SELECT numerator, denominator, value, state FROM crm.kpi_total('cac', NULL, '2023-03-01', '2023-03-31');
-- cycles of 21, 10, 19 and 18 days: mean 17, median 18.5; of the second quarter 10, 19, 18
SELECT k, round(value, 4) AS value, state FROM unnest(ARRAY['sales_cycle_days', 'sales_cycle_days_median']) k, crm.kpi_total(k);
SELECT period, unit_key, round(value, 4) AS value FROM crm_bi.kpi('sales_cycle_days_median', 'quarter', '2023-01-01', '2023-06-30', '{unit_key}');
SELECT period, round(value, 4) AS value FROM crm_bi.kpi('sales_cycle_days_median', 'quarter', '2023-01-01', '2023-06-30');
-- the 90 days that end with 31 May, from 3 March: 2 sqls x 4200 / 3 x 3 / 4 / (47 / 3)
SELECT round(value, 6) AS value, state, round(2 * 1400 * 0.75 / (47 / 3.0), 6) AS by_hand FROM crm.kpi_total('sales_velocity', NULL, NULL, '2023-05-31');
SELECT k, round(value, 4) AS value FROM unnest(ARRAY['sqls', 'average_deal', 'win_rate', 'sales_cycle_days']) k, crm.kpi_total(k, NULL, '2023-03-03', '2023-05-31');
-- at the end of the year there is no deal in the window: nothing to divide by
SELECT round(value, 4) AS value, state FROM crm.kpi_total('sales_velocity', NULL, NULL, '2023-12-31');
SELECT unit_key, round(value, 4) AS value, state FROM crm_bi.kpi('sales_velocity', 'total', NULL, '2023-05-31', '{unit_key}');
-- first_value came after 10 days for 1, after 30 for 3, 2 waits: at 10 days two thirds are left, at 30 one third
SELECT value, state FROM crm.kpi_total('time_to_value_days', NULL, '2023-02-01', '2023-05-31');
SELECT period, value, state FROM crm_bi.kpi('time_to_value_days', 'month', '2023-02-01', '2023-05-31');

-- 1 was brought by ads and mail, 2 by ads, nobody knows who brought 3: (250 + 250 + 1500 - 500) / 500; ads cost 500 and won 1.5
CREATE TABLE touches (id integer PRIMARY KEY, person integer REFERENCES people, at timestamptz, via text);
INSERT INTO touches VALUES (1, 1, '2023-01-01 12:00Z', 'ads'), (2, 1, '2023-02-01 12:00Z', 'mail'), (3, 2, '2023-04-01 12:00Z', 'ads');
SELECT count(*) > 0 AS adopted FROM crm.adopt('touches', 'touch', columns => '{"customer": "person", "at": "at", "channel": "via"}');
CALL crm.backfill('touches');
-- the table of deals has no currency, that of costs has: what wins are in is to be said
SELECT k, value, state FROM unnest(ARRAY['romi', 'cac_paid']) k, crm_bi.kpi(k, 'total', '2023-01-01', '2023-05-31', '{}') WHERE k = 'romi';
SELECT crm.set_home_currency('EUR');
SET ROLE regress_kpi_pack_boss;
SELECT k, numerator, denominator, round(value, 4) AS value, state FROM unnest(ARRAY['romi', 'cac_paid']) k, crm_bi.kpi(k, 'total', '2023-01-01', '2023-05-31');
SELECT channel, numerator, denominator, round(value, 4) AS value FROM crm_bi.kpi('romi', 'total', '2023-01-01', '2023-05-31', '{channel}');
RESET ROLE;
-- by no unit: a win is owed to a whole journey; and a rule, which is nobody, sees none
SELECT value, state FROM crm.kpi_total('romi', 'north', '2023-01-01', '2023-05-31');

-- Subscriptions. A paid 100 and pays 150 from 15 February, B 200 and 120 from 1 March, C 50 until 30 March, E 30 until January and 40 again
-- from 15 March; D is new. ended_on is the first day that is not paid.
CREATE TABLE subscriptions (id integer PRIMARY KEY, account text, office text, fee numeric, money text, since date, until date);
INSERT INTO subscriptions VALUES (1, 'A', 'north', 100, 'EUR', '2022-01-01', '2023-02-15'), (2, 'A', 'north', 150, 'EUR', '2023-02-15', NULL),
    (3, 'B', 'south', 200, 'EUR', '2022-06-01', '2023-03-01'), (4, 'B', 'south', 120, 'EUR', '2023-03-01', NULL),
    (5, 'C', 'south', 50, 'EUR', '2022-06-01', '2023-03-31'), (6, 'E', 'north', 30, 'EUR', NULL, '2023-02-01'), (7, 'E', 'north', 40, 'EUR', '2023-03-15', NULL),
    (8, 'D', 'north', 80, 'EUR', '2023-02-01', NULL);
CREATE TABLE accounts (id text PRIMARY KEY); INSERT INTO accounts VALUES ('A'), ('B'), ('C'), ('D'), ('E');
SELECT count(*) > 0 AS adopted FROM crm.adopt('accounts', 'customer', columns => '{}');
SELECT count(*) > 0 AS adopted FROM crm.adopt('subscriptions', 'subscription', columns => '{"unit": "office", "customer": {"column": "account", "of": "public.accounts"},
    "monthly_amount": "fee", "currency": "money", "started_on": "since", "ended_on": "until"}');
-- opening 380 of four, closing 310: 150 + 120 + 0 + 40; no more than before of each: 100 + 120 + 0 + 30
SELECT k, numerator, denominator, round(value, 4) AS value, state FROM unnest(ARRAY['logo_churn', 'grr', 'nrr']) k, crm.kpi_total(k, NULL, '2023-01-01', '2023-03-31');
SELECT unit_key, numerator, denominator, round(value, 4) AS value FROM crm_bi.kpi('nrr', 'quarter', '2023-01-01', '2023-03-31', '{unit_key}');
SELECT period, numerator, denominator FROM crm_bi.kpi('logo_churn', 'month', '2023-01-01', '2023-04-30');
-- nothing to begin with: no value. A period that is not over: not mature
SELECT numerator, denominator, value, state FROM crm.kpi_total('grr', 'south', '2021-12-01', '2021-12-31');
SELECT value, state FROM crm.kpi_total('grr', NULL, '2023-01-01', crm.kpi_today() + 1);
-- the year 2023: months begin with 4, 4, 4 and nine times 4; lost in February and in March; paid 380, 380, 480 and nine times 390
SELECT k, numerator, denominator, round(value, 6) AS value FROM unnest(ARRAY['monthly_churn', 'revenue_per_customer']) k, crm.kpi_total(k, NULL, NULL, '2023-12-31');
SELECT value, state FROM crm.kpi_total('ltv', NULL, NULL, '2023-12-31');
SELECT value, state FROM crm.kpi_total('payback_months', NULL, '2023-01-01', '2023-05-31');
SELECT crm.set_kpi_parameter('gross_margin', 0.5);
-- 4750 / 48 x 0.5 / (2 / 48); 300 / (80 x 0.5)
SELECT round(value, 4) AS value, state FROM crm.kpi_total('ltv', NULL, NULL, '2023-12-31');
SELECT round(value, 4) AS value, state FROM crm.kpi_total('payback_months', NULL, '2023-01-01', '2023-05-31');
-- nobody was lost in the year before: not infinite
SELECT value, state FROM crm.kpi_total('ltv', NULL, NULL, '2022-12-31');
SELECT crm.set_kpi_parameter('gross_margin', 70); SELECT crm.set_kpi_parameter('margin', 0.7);
-- two currencies are not added, and counting customers takes none
UPDATE subscriptions SET money = 'USD' WHERE account = 'B';
SELECT k, value, state FROM unnest(ARRAY['logo_churn', 'nrr']) k, crm.kpi_total(k, NULL, '2023-01-01', '2023-03-31');
SELECT currency, numerator, denominator FROM crm_bi.kpi('nrr', 'total', '2023-01-01', '2023-03-31', '{currency}');

-- Promises: live at 23:30 of the day in Berlin is kept, 22:30 in UTC is the day after; one of a leap day never went live; two are not due yet.
CREATE TABLE projects (id integer PRIMARY KEY, promised date, live timestamptz);
INSERT INTO projects VALUES (1, '2023-03-31', '2023-03-31 21:30Z'), (2, '2023-04-30', '2023-04-30 22:30Z'), (3, '2024-02-29', NULL),
    (4, crm.kpi_today() + 30, NULL), (5, crm.kpi_today(), '2023-05-01');
SELECT count(*) > 0 AS adopted FROM crm.adopt('projects', 'project', columns => '{"promised_on": "promised", "live_at": "live"}');
CALL crm.backfill('projects');
SELECT numerator, denominator, round(value, 4) AS value, state FROM crm.kpi_total('promise_kept_rate');
SELECT numerator, denominator, value, state FROM crm.kpi_total('promise_kept_rate', NULL, '2023-01-01', crm.kpi_today());
SELECT period, numerator, denominator FROM crm_bi.kpi('promise_kept_rate', 'month', '2023-01-01', '2024-12-31');
SELECT groups_different, counted = recomputed AS same FROM crm.verify_kpi('promise_kept_rate') ORDER BY measure;

-- Surveys: 8 asked, 5 answered with 10, 9, 9, 7 and 3; the interval of few answers is wide
CREATE TABLE answers (id integer PRIMARY KEY, at timestamptz, kind text, score integer);
INSERT INTO answers SELECT n, '2023-01-05', 'nps', s FROM unnest(ARRAY[10, 9, 9, 7, 3, NULL, NULL, NULL]) WITH ORDINALITY AS a (s, n);
SELECT count(*) > 0 AS adopted FROM crm.adopt('answers', 'survey', columns => '{"at": "at", "kind": "kind", "score": "score"}');
CALL crm.backfill('answers');
-- 2 / 8 plus and minus 1.96 x sqrt((5.5 / 8 - (2 / 8)^2) / 8)
SELECT k, round(value, 4) AS value, state FROM unnest(ARRAY['nps', 'nps_low', 'nps_high', 'nps_response_rate', 'csat_response_rate']) k, crm.kpi_total(k);
SELECT round(0.25 - 1.96 * sqrt((5.5 / 8 - 0.0625) / 8), 4) AS low, round(0.25 + 1.96 * sqrt((5.5 / 8 - 0.0625) / 8), 4) AS high;

-- Hand-overs: four from marketing to sales (1, 2, 3 and 5, by their sql), two from sales to service. 1 is accepted after 3 working hours, 2
-- refused after 8, from Monday 14:00 to Tuesday 14:00; 3 and 5 are never answered.
SELECT crm.set_handover_limit('path', 'marketing', 'sales', '8 hours', since => '2023-01-25');
CREATE TEMP TABLE offered AS SELECT handover, record_key, offered_at FROM crm.handover WHERE to_department = 'sales';
SELECT record_key, offered_at, count(crm.accept_handover(handover)) AS answered FROM offered WHERE record_key IN ('1') GROUP BY 1, 2;
SELECT record_key, count(crm.refuse_handover(handover, 'too early')) AS answered FROM offered WHERE record_key = '2' GROUP BY 1;
-- 1 was offered on Friday 20 January at 13:00 in Berlin, 2 on Easter Monday 10 April at 14:00
UPDATE crm.handover_answer a SET answered_at = '2023-01-20 15:00Z' FROM offered o WHERE o.handover = a.handover AND record_key = '1';
UPDATE crm.handover_answer a SET answered_at = '2023-04-11 12:00Z' FROM offered o WHERE o.handover = a.handover AND record_key = '2';
SELECT k, numerator, denominator, round(value, 4) AS value, state FROM unnest(ARRAY['handover_refusal_rate', 'handover_hours', 'handover_overdue']) k, crm.kpi_total(k) ORDER BY 1;
SELECT period, unit_key, numerator, denominator FROM crm_bi.kpi('handover_hours', 'month', '2023-01-01', '2023-06-30', '{unit_key}');
-- by a calendar of its own, open from 10 to 22 every day: 3 hours, and 8 of the Monday and 4 of the Tuesday
SELECT crm.set_calendar('shop', 'Europe/Berlin', (SELECT jsonb_object_agg(d, '["10:00", "22:00"]'::jsonb) FROM unnest('{mon,tue,wed,thu,fri,sat,sun}'::text[]) d));
SELECT crm.set_kpi('handover_hours', calendar => 'shp');
SELECT crm.set_kpi('resolution_hours', calendar => 'shop');
SELECT crm.set_kpi('handover_hours', calendar => 'shop');
SELECT period, unit_key, numerator, denominator FROM crm_bi.kpi('handover_hours', 'month', '2023-01-01', '2023-06-30', '{unit_key}');
SELECT part, detail FROM crm.explain_kpi('handover_hours') WHERE part = 'calendar';
SELECT kpi_key, calendar FROM crm_bi.dim_kpi WHERE calendar IS NOT NULL;
SELECT crm.set_kpi('handover_hours', calendar => '');
SELECT numerator, denominator FROM crm.kpi_total('handover_hours');
-- 5 was due on Thursday 2 February at 13:00, 3 on Thursday 13 April at 14:00, until it went live on 31 May; 2 was due on 11 April at 14:00, in time
SELECT d, value FROM unnest(ARRAY['2023-02-01', '2023-02-02', '2023-04-12', '2023-04-13', '2023-05-30', '2023-05-31']::date[]) d, crm.kpi_total('handover_overdue', NULL, NULL, d);
SELECT unit_key, value FROM crm_bi.kpi_value WHERE kpi_key = 'handover_overdue' AND day = '2023-04-30' ORDER BY 1;

-- who sees what: nora north alone, and nobody nothing
SET ROLE regress_kpi_pack_north;
SELECT k, numerator, denominator, round(value, 4) AS value, state
FROM unnest(ARRAY['mql_to_sql', 'cac', 'nrr', 'handover_hours', 'time_to_value_days', 'sales_cycle_days_median']) k, crm_bi.kpi(k, 'total', '2023-01-01', '2023-05-31');
SELECT kpi_key, unit_key, sum(numerator), sum(denominator) FROM crm_bi.kpi_value
WHERE kpi_key IN ('mql_to_sql', 'handover_hours', 'new_customers') AND day < '2024-01-01' GROUP BY 1, 2 ORDER BY 1, 2;
SELECT count(*) FROM crm.kpi_rows('leads');
SELECT count(*) FROM crm.kept_rows('subject_entry', 'count', '{mql}', NULL);
SET ROLE regress_kpi_pack_nobody;
SELECT count(*) FROM crm_bi.kpi('nrr');
SELECT count(*) FROM crm_bi.kpi_value WHERE kpi_key = 'mql_to_sql';
RESET ROLE;
SELECT kpi_key, additive, mature, state FROM crm_bi.kpi_value WHERE state = 'by_period' ORDER BY 1;

-- where the numbers come from: terms, inputs, and rows; these only for those who may read them in the table
SELECT part, detail, relation, rows, amount FROM crm.explain_kpi('mql_to_sql', 'north', '2023-01-01', '2023-01-31') WHERE part <> 'definition';
SELECT part, detail, round(amount, 4) AS amount FROM crm.explain_kpi('sales_velocity', NULL, NULL, '2023-05-31') WHERE part IN ('value', 'input');
SELECT part, detail, round(amount, 4) AS amount FROM crm.explain_kpi('ltv', NULL, NULL, '2023-12-31') WHERE part IN ('state', 'value', 'input');
SELECT part, detail, relation, rows, amount FROM crm.explain_kpi('time_to_value_days', NULL, '2023-02-01', '2023-02-28') WHERE part IN ('value', 'numerator');
SELECT * FROM crm.explain_kpi_rows('mql_to_sql', NULL, '2023-01-01', '2023-01-31');
SELECT part, relation, record_key, day, amount FROM crm.explain_kpi_rows('sales_cycle_days_median', 'north', '2023-01-01', '2023-05-31');
SELECT part, record_key, amount FROM crm.explain_kpi_rows('nrr', 'south', '2023-01-01', '2023-03-31');
SELECT part, relation, record_key, unit_key, amount FROM crm.explain_kpi_rows('won_value', since => '2023-05-01', max_rows => 1);
SELECT count(*) FROM crm.explain_kpi_rows('sales_velocity', NULL, NULL, '2023-05-31');
GRANT SELECT ON deals TO regress_kpi_pack_north;
SET ROLE regress_kpi_pack_north;
SELECT relation, count(*) FROM crm.explain_kpi_rows('sales_velocity', NULL, NULL, '2023-05-31') GROUP BY 1;
SELECT count(*) FROM crm.explain_kpi_rows('mql_to_sql', NULL, '2023-01-01', '2023-01-31');
SET ROLE regress_kpi_pack_boss; SELECT count(*) FROM crm.explain_kpi_rows('won_value');
SET ROLE regress_kpi_pack_nobody; SELECT count(*) FROM crm.explain_kpi_rows('won_value');
RESET ROLE;
-- of protected rows those of one's unit
SELECT crm.grant_privilege('watcher', 'opportunity', 'read', 'below');
SELECT count(*) > 0 AS protected FROM crm.protect('deals', '{"organisation": "office"}');
SET ROLE regress_kpi_pack_north; SELECT record_key, unit_key, amount FROM crm.explain_kpi_rows('won_value') ORDER BY 1; RESET ROLE;
SELECT item, detail FROM crm.doctor() WHERE item IN ('KPI first_response_minutes', 'KPI sals', 'KPI nps_low', 'KPI romi') ORDER BY 1;

-- one's own: different customers, a running total of the year, a rolling ratio, a ratio of stocks, of other KPIs
SELECT crm.define_kpi('buyers', 'Buyers', 'opportunity_closed.customer[won]', kind => 'distinct'),
       crm.define_kpi('won_so_far', 'Won so far', 'opportunity_closed.amount[won]', measured_in => 'money', kind => 'cumulative'),
       crm.define_kpi('win_rate_60', 'Win rate of 60 days', 'opportunity_closed[won]', 'opportunity_closed[won,lost]', measured_in => 'share', kind => 'cumulative', span => '60 days'),
       crm.define_kpi('open_average', 'Average of what is open', 'opportunity_created.amount - opportunity_ended.amount[won,lost,unknown]',
                      'opportunity_created - opportunity_ended[won,lost,unknown]', date_kind => 'stock', measured_in => 'money'),
       crm.define_kpi('won_by_spend', 'Won by spend', 'won_value / nullif(marketing_spend, 0)', kind => 'derived'),
       crm.define_kpi('lead_to_sql', 'Lead to SQL', 'subject_entry.reached[milestone:lead,milestone:sql,within:30]', 'subject_entry[milestone:lead]', measured_in => 'share');
SELECT period, value FROM crm_bi.kpi('buyers', 'quarter', '2023-01-01', '2023-06-30');
SELECT value FROM crm_bi.kpi('buyers', 'total', '2023-01-01', '2023-06-30');
-- different values of what is also summed
SELECT crm.define_kpi('prices', 'Prices', 'opportunity_closed.amount[won]', kind => 'distinct');
SELECT period, value FROM crm_bi.kpi('prices', 'quarter', '2023-01-01', '2023-06-30');
SELECT date_trunc('quarter', won_at)::date AS quarter, count(DISTINCT amount) FROM deals WHERE won_at >= '2023-01-01' AND won_at < '2023-07-01' GROUP BY 1 ORDER BY 1;
SELECT period, value FROM crm_bi.kpi('won_so_far', 'month', '2023-02-01', '2023-05-31');
SELECT period, numerator, denominator FROM crm_bi.kpi('win_rate_60', 'month', '2023-02-01', '2023-05-31');
SELECT period, numerator, denominator, value FROM crm_bi.kpi('open_average', 'month', '2023-01-01', '2023-05-15');
SELECT day, numerator, denominator, value, additive FROM crm_bi.kpi_value WHERE kpi_key = 'open_average' AND day IN ('2023-01-31', '2023-04-15') ORDER BY 1, 2;
SELECT period, value, state FROM crm_bi.kpi('won_by_spend', 'quarter', '2023-01-01', '2023-06-30');
-- New Year's Day 2021 is in week 53 of 2020, and 29 February has a window of its own
INSERT INTO deals VALUES (6, 4, 'south', 60, 0.5, '2020-12-01', '2021-01-01 12:00Z', NULL), (7, 4, 'south', 70, 0.5, '2024-02-01', '2024-02-29 12:00Z', NULL);
SELECT period, numerator FROM crm_bi.kpi('won_value', 'week', '2020-12-28', '2021-01-10');
SELECT period, value FROM crm_bi.kpi('buyers', 'week', '2020-12-28', '2021-01-03');
SELECT value FROM crm_bi.kpi('buyers', 'month', '2024-02-01', '2024-02-29');
SELECT numerator, denominator FROM crm_bi.kpi('lead_to_sql', 'month', '2023-01-01', '2023-01-31');
-- several at once are what each is alone: whoever asks, however it is asked
CREATE FUNCTION several(grain text, since date, until date, by text[], into_currency text DEFAULT NULL)
    RETURNS TABLE (kpis bigint, rows bigint, only_alone bigint, only_together bigint) LANGUAGE sql AS $$
    WITH asked AS (SELECT '{leads,won_count,won_value,win_rate,average_deal,open_pipeline,open_average,marketing_spend,cac,mql_to_sql,nps,ticket_backlog,buyers}'::text[] AS kpis),
    alone AS MATERIALIZED (SELECT q.* FROM asked a, unnest(a.kpis) k, crm_bi.kpi(k, grain, since, until, by, into_currency) q),
    together AS MATERIALIZED (SELECT q.* FROM asked a, crm_bi.kpis(a.kpis || a.kpis[3], grain, since, until, by, into_currency) q)
    SELECT (SELECT count(DISTINCT t.kpi_key) FROM together t WHERE t.state = 'ready'), (SELECT count(*) FROM together),
           (SELECT count(*) FROM (TABLE alone EXCEPT ALL TABLE together) x), (SELECT count(*) FROM (TABLE together EXCEPT ALL TABLE alone) x)
$$;
GRANT EXECUTE ON FUNCTION several TO PUBLIC;
SELECT * FROM several('quarter', '2023-01-01', '2023-06-30', '{unit_key}');
SELECT * FROM several('total', NULL, '2023-06-30', '{}');
SELECT * FROM several('quarter', '2023-01-15', '2024-05-10', '{currency,owner}', 'EUR');
SET ROLE regress_kpi_pack_north; SELECT * FROM several('quarter', '2023-01-01', '2023-06-30', '{unit_key}'); RESET ROLE;
SET ROLE regress_kpi_pack_nobody; SELECT * FROM crm_bi.kpis('{won_value,win_rate}', 'month', '2023-01-01'); RESET ROLE;
SELECT kpi_key, period, value FROM crm_bi.kpis('{won_value,win_rate}', 'quarter', '2023-01-01', '2023-06-30');
SELECT * FROM crm_bi.kpis('{won_value,win_rat}');
SELECT * FROM crm_bi.kpis('{won_value}', 'moon');
SELECT * FROM crm_bi.kpis('{won_value}', by => '{units}');
SELECT count(*) FROM crm_bi.kpis('{}');
-- what cannot be
SELECT crm.define_kpi('bad', 'Bad', 'win_rat * 2', kind => 'derived');
SELECT crm.define_kpi('bad', 'Bad', 'won_value + random()::numeric', kind => 'derived');
SELECT crm.define_kpi('won_value', 'Bad', 'won_by_spend * 2', kind => 'derived');
SELECT crm.define_kpi('bad', 'Bad', '1 + 1', kind => 'derived');
SELECT crm.define_kpi('bad', 'Bad', 'opportunity_closed', kind => 'percentile');
SELECT crm.define_kpi('bad', 'Bad', 'opportunity_closed', kind => 'ratio');
SELECT crm.define_kpi('bad', 'Bad', 'opportunity_closed', kind => 'medium');
SELECT crm.define_kpi('bad', 'Bad', 'opportunity_closed.custmer', kind => 'distinct');
SELECT crm.define_kpi('bad', 'Bad', 'opportunity_closed', span => '1 day');
SELECT crm.define_kpi('bad', 'Bad', 'subject_entry[milestone:mql,within:x]', 'subject_entry');
SET client_min_messages = warning;
SELECT crm.disown_all();
DROP OWNED BY regress_kpi_pack_north, regress_kpi_pack_boss, regress_kpi_pack_nobody;
DROP ROLE regress_kpi_pack_north, regress_kpi_pack_boss, regress_kpi_pack_nobody;
