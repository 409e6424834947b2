-- Tracked funnels: groups, a property held constant, cohorts, retention, next steps, paths, stays; whose numbers they are.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set SHOW_CONTEXT never
\pset null NULL
SET client_min_messages = warning;
SET timezone = 'UTC';
SET DateStyle = 'ISO';
SELECT crm.create_funnel('shop', 'customer', '[
  {"key": "view", "department": "marketing", "kind": "entry"},
  {"key": "cart", "department": "sales", "milestone": "opportunity", "expected": "5 days"},
  {"key": "hold", "department": "sales", "kind": "waiting"},
  {"key": "bought", "department": "sales", "milestone": "won"},
  {"key": "left", "department": "sales", "milestone": "lost"}]');
CREATE TABLE people (id integer PRIMARY KEY, email text, region text);
CREATE TABLE carts (id integer PRIMARY KEY, person integer REFERENCES people, product text, region text);
CREATE TABLE cart_log (id integer PRIMARY KEY, cart integer, stage text, at timestamptz);
INSERT INTO people VALUES (1, 'a@x.example', 'north'), (2, 'b@x.example', 'south'), (3, 'c@x.example', 'north'), (4, 'd@x.example', 'south'), (5, 'e@x.example', 'north');
INSERT INTO carts VALUES (11, 1, 'A', 'north'), (12, 1, 'B', 'north'), (21, 2, 'A', 'south'), (31, 3, NULL, 'north'), (41, 4, 'B', 'south'), (42, 4, 'B', 'south'), (51, 5, 'A', 'north');
-- 1 puts A into the cart and buys B without a cart; 2 buys A; 3 buys nobody knows what; 4 puts B into one cart and buys B of another; 5 comes back to look, and leaves.
INSERT INTO cart_log VALUES
  (1, 11, 'view', '2026-01-01'), (2, 11, 'cart', '2026-01-03'), (3, 12, 'view', '2026-01-04'), (4, 12, 'bought', '2026-01-05'),
  (5, 21, 'view', '2026-01-10'), (6, 21, 'cart', '2026-01-12'), (7, 21, 'hold', '2026-01-13'), (8, 21, 'bought', '2026-02-12'),
  (9, 31, 'view', '2026-02-01'), (10, 31, 'cart', '2026-02-01'), (11, 31, 'bought', '2026-02-02'),
  (12, 41, 'view', '2026-02-03'), (13, 41, 'cart', '2026-02-04'), (14, 42, 'view', '2026-02-05'), (15, 42, 'bought', '2026-03-20'),
  (16, 51, 'view', '2026-02-10'), (17, 51, 'cart', '2026-02-11'), (18, 51, 'view', '2026-02-12'), (19, 51, 'cart', '2026-02-20'), (20, 51, 'left', '2026-03-01');
SELECT count(*) > 0 AS adopted FROM crm.adopt('people', 'customer', department => 'sales', columns => '{"email": "email", "unit": "region"}');
SELECT count(*) > 0 AS adopted FROM crm.adopt('carts', 'opportunity', department => 'sales', columns => '{"customer": "person", "product": "product", "unit": "region"}');
SELECT count(*) > 0 AS adopted FROM crm.adopt('cart_log', 'stage_change', funnel => 'shop', columns => '{"record": {"column": "cart", "of": "public.carts"}, "stage": "stage", "at": "at"}');
CALL crm.backfill('people');
CALL crm.backfill('carts');
CALL crm.backfill('cart_log');
CALL crm.resolve() \gset resolved_
SELECT stage, reached, dropped, conversion_of_first, conversion_of_previous, timed, p50, timed_from_first, p90_from_first, mean_from_first FROM crm.funnel_conversion('shop', ARRAY['view', 'cart', 'bought']);
SELECT stage, reached, conversion_of_previous, p50 FROM crm.funnel_conversion('shop', ARRAY['view', 'cart|hold', '!left', 'Bought'], '20 days', anchor => 'first_entry', since => '2026-01-05');
-- Groups: by when they came in, and by what they began with.
SELECT value, stage, reached FROM crm.funnel_conversion('shop', ARRAY['view', 'bought'], by => 'month');
SELECT value, stage, reached, p50 FROM crm.funnel_conversion('shop', ARRAY['view', 'bought'], by => 'product');
SELECT value, stage, reached FROM crm.funnel_conversion('shop', ARRAY['view', 'bought'], by => 'unit');
-- The same product through all steps, and the same cart.
SELECT stage, reached FROM crm.funnel_conversion('shop', ARRAY['view', 'cart', 'bought'], hold => 'product');
SELECT stage, reached, p50_from_first FROM crm.funnel_conversion('shop', ARRAY['view', 'cart', 'bought'], hold => 'record');
SELECT value, stage, reached FROM crm.funnel_conversion('shop', ARRAY['view', 'cart', 'bought'], by => 'quarter', hold => 'product');
-- Whom it will have been worth, and what happened in a month: other numbers, and the last cohort has not had its time.
SELECT * FROM crm.cohort_conversion('shop', 'view', 'bought', '30 days', as_of => '2026-03-20');
SELECT * FROM crm.cohort_conversion('shop', 'view', 'cart|bought', '40 days', by => 'product', as_of => '2026-12-31');
SELECT * FROM crm.snapshot_conversion('shop', 'view', 'bought', as_of => '2026-03-20');
SELECT funnel, stage, next_stage, cohort, entered, converted, conversion, mature, entered_next, snapshot_conversion FROM crm_bi.cohort_conversion ORDER BY position, cohort;
SELECT * FROM crm.funnel_retention('shop', as_of => '2026-03-10');
SELECT * FROM crm.funnel_retention('shop', 'view', 'bought|left', 'quarter', as_of => '2026-07-01');
SELECT * FROM crm.funnel_retention('shop', since => '2027-01-01', as_of => '2026-03-10');
-- Where they went.
SELECT * FROM crm.next_steps('shop', 'cart', 2);
SELECT * FROM crm.next_steps('shop', 'bought', direction => 'before', top => 1);
SELECT * FROM crm.paths('shop', 3);
SELECT * FROM crm.paths('shop', 2, 'bought', 'before', top => 1);
-- How long they stayed, as it stood at the end of February.
SELECT stage, entries, subjects, reentries, regressions, stays, staying, mean_days, median_days, survival_median_days, survival_p75_days, expected_days, beyond_expected FROM crm.stage_stays('shop', '2026-02-28');
SELECT stage, entries, stays, staying FROM crm.stage_stays('shop', '2026-02-28', '2026-02-10');
SELECT stage, entered, reached, dropped, timed, median_days_to_next, p90_days_to_next FROM crm.funnel_reach('shop');

-- Errors.
SELECT * FROM crm.funnel_conversion('shop', '{}'::text[]);
SELECT * FROM crm.funnel_conversion('shopp', ARRAY['view']);
SELECT * FROM crm.funnel_conversion('shop', ARRAY['view', 'buy']);
SELECT * FROM crm.funnel_conversion('shop', ARRAY['view'], mode => 'loose');
SELECT * FROM crm.funnel_conversion('shop', ARRAY['view'], by => 'e-mail');
SELECT * FROM crm.funnel_conversion('shop', ARRAY['view'], by => 'record');
SELECT * FROM crm.funnel_conversion('shop', ARRAY['view'], hold => 'campaign');
SELECT * FROM crm.funnel_conversion('shop', ARRAY['view'], hold => 'month');
SELECT * FROM crm.cohort_conversion('shop', 'view', 'bought', NULL);
SELECT * FROM crm.cohort_conversion('shop', 'view', '!bought');
SELECT * FROM crm.cohort_conversion('shop', 'view', 'bought', '1 month');
SELECT * FROM crm.cohort_conversion('shop', 'view', 'bought', period => 'decade');
SELECT * FROM crm.snapshot_conversion('shop', 'view', 'bought?');
SELECT * FROM crm.funnel_retention('shop', 'seen');
SELECT * FROM crm.next_steps('shop', 'seen');
SELECT * FROM crm.paths('shop', 0);
SELECT * FROM crm.stage_stays('shop', NULL);
SELECT * FROM crm.stage_stays('shopp');

-- Numbers are of the units for which one has total; nobody without identity gets any.
CREATE ROLE regress_cohort_north;
CREATE ROLE regress_cohort_nobody;
SELECT crm.create_unit('firm', 'The firm', 'business'), crm.create_unit('north', 'North', 'geographic', 'firm'), crm.create_unit('south', 'South', 'geographic', 'firm');
SELECT crm.create_principal('nora', role_name => 'regress_cohort_north'), crm.create_role('regional'), crm.grant_privilege('regional', 'kpi', 'total', 'unit');
SELECT crm.add_member('nora', 'north', 'regional') IS NOT NULL AS member;
SELECT value, stage, reached FROM crm.funnel_conversion('shop', ARRAY['view', 'bought'], by => 'unit');
SET ROLE regress_cohort_north;
SELECT value, stage, reached FROM crm.funnel_conversion('shop', ARRAY['view', 'cart', 'bought'], hold => 'product');
SELECT value, stage, reached FROM crm.funnel_conversion('shop', ARRAY['view', 'bought'], by => 'unit');
SELECT sum(entered) AS entered, sum(converted) AS converted FROM crm.cohort_conversion('shop', 'view', 'bought', by => 'product');
SELECT sum(entered_from) AS entered FROM crm.snapshot_conversion('shop', 'view', 'bought');
SELECT sum(entered) AS entered FROM crm_bi.cohort_conversion WHERE stage = 'view';
SELECT sum(subjects) AS subjects FROM crm.funnel_retention('shop') WHERE periods = 0;
SELECT sum(subjects) AS subjects FROM crm.next_steps('shop', 'view');
SELECT sum(subjects) AS subjects FROM crm.paths('shop');
SELECT stage, subjects FROM crm_bi.stage_duration;
SELECT * FROM crm.total_estimate('shop');
SELECT * FROM crm.total_property('shop', 'product');
SELECT * FROM crm.subject_group('shop', 'product');
SELECT * FROM crm.held_journey('shop', ARRAY['100'], NULL, NULL, NULL, NULL, NULL, NULL, NULL);
SELECT * FROM crm.record_property('shop', 'product');
SET ROLE regress_cohort_nobody;
SELECT * FROM crm.funnel_conversion('shop', ARRAY['view', 'bought']);
SELECT * FROM crm.funnel_conversion('shop', ARRAY['view', 'bought'], hold => 'product');
SELECT * FROM crm.cohort_conversion('shop', 'view', 'bought');
SELECT * FROM crm.snapshot_conversion('shop', 'view', 'bought');
SELECT * FROM crm_bi.cohort_conversion;
SELECT * FROM crm.funnel_retention('shop');
SELECT * FROM crm.next_steps('shop');
SELECT * FROM crm.paths('shop');
SELECT * FROM crm_bi.stage_duration;
RESET ROLE;
DROP OWNED BY regress_cohort_north, regress_cohort_nobody;
DROP ROLE regress_cohort_north, regress_cohort_nobody;

-- Times at either end of what Postgres knows are in the first and the last period that a calendar has, and fail nobody's number; retention tells the last 999 periods.
SELECT z, p, crm.period_start(p, at, z) FROM unnest('{UTC,America/Lima,Asia/Tokyo}'::text[]) z, unnest('{day,year}'::text[]) p,
       unnest('{4714-11-24 00:00Z BC, 294276-12-31 23:59Z, 2026-05-06 20:00Z, NULL}'::timestamptz[]) at ORDER BY 1, 2, at;
INSERT INTO carts VALUES (61, NULL, 'Z', 'north'), (62, NULL, 'Z', 'north'), (63, NULL, 'Z', 'north');
INSERT INTO cart_log VALUES (61, 61, 'view', '4714-11-24 BC'), (62, 61, 'bought', '4714-11-25 BC'), (63, 62, 'view', '294276-12-30'), (64, 63, 'view', '0202-01-01');
SELECT cohort, entered, converted, conversion, mature FROM crm.cohort_conversion('shop', 'view', 'bought', '90 days', as_of => '2026-06-01');
SELECT period_start, entered_from, entered_to, complete FROM crm.snapshot_conversion('shop', 'view', 'bought', as_of => '2026-06-01');
SELECT cohort, entered, converted FROM crm_bi.cohort_conversion WHERE funnel = 'shop' AND stage = 'view' AND cohort < '2000-01-01' ORDER BY 1;
SELECT value, step, reached FROM crm.funnel_conversion('shop', ARRAY['view', 'bought'], by => 'year') ORDER BY 1, 2;
SELECT cohort, subjects FROM crm.funnel_retention('shop', period => 'day', as_of => '2026-06-01') WHERE periods = 0;
SELECT cohort, subjects FROM crm.funnel_retention('shop', period => 'year', as_of => '2026-06-01') WHERE periods = 0;
SELECT cohort, subjects FROM crm.funnel_retention('shop', period => 'year', since => '0201-01-01', as_of => '1199-06-01') WHERE periods = 0;
