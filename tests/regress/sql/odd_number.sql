-- Odd but legal values: days that are infinite, long ago or yet to come, amounts without a currency or with one in another spelling, numbers below zero and
-- too large ones. All combinations of them, each number against plain SQL over the tables.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set SHOW_CONTEXT never
SET client_min_messages = warning; SET datestyle = 'ISO, YMD'; SET timezone = 'UTC';
SELECT crm.create_unit('firm') \g /dev/null
CREATE TABLE deals (id serial PRIMARY KEY, region text, worth numeric, money text, status text, opened timestamptz, closed timestamptz);
CREATE TABLE tickets (id serial PRIMARY KEY, status text, opened timestamptz, imported timestamptz, solved timestamptz);
SELECT crm.create_funnel('sales', 'opportunity', '[{"key": "new", "kind": "entry"}, {"key": "won", "kind": "won", "milestone": "won"}, {"key": "lost", "kind": "lost", "position": 900}]'),
       crm.create_funnel('desk', 'ticket', '[{"key": "new", "kind": "entry"}, {"key": "done", "kind": "won"}]') \g /dev/null
SELECT count(*) > 0 AS adopted FROM crm.adopt('deals', 'opportunity', funnel => 'sales', columns => '{"unit": "region", "amount": "worth", "currency": "money", "stage": "status", "created_at": "opened", "closed_at": "closed"}');
SELECT count(*) > 0 AS adopted FROM crm.adopt('tickets', 'ticket', funnel => 'desk', columns => '{"stage": "status", "opened_at": "opened", "created_at": "imported", "resolved_at": "solved"}');
CALL crm.backfill('deals'); CALL crm.backfill('tickets');

-- What is open at the end of a day: with a day of creation by then, or none, and no day of close by then. Of what is decided one without a day of close is left out.
CREATE FUNCTION beginning(at timestamptz) RETURNS date IMMUTABLE RETURN CASE WHEN isfinite(at) THEN at::date ELSE '-infinity' END;
CREATE FUNCTION is_open(open boolean, decided boolean, begun timestamptz, ended timestamptz, day date) RETURNS boolean IMMUTABLE
    RETURN beginning(begun) <= day AND (open OR CASE WHEN coalesce(ended, 'infinity') = 'infinity' THEN NOT decided
                                                     ELSE greatest(beginning(begun), CASE WHEN isfinite(ended) THEN ended::date ELSE '-infinity' END) > day END);
CREATE TABLE days AS SELECT d::date AS day FROM unnest('{1969-12-31,1970-01-01,2024-02-28,2024-02-29,2024-03-01,2024-12-31,2025-06-01,2025-06-02}'::date[] || crm.kpi_today()) d;
INSERT INTO deals (worth, status, opened, closed)
SELECT 2 ^ (row_number() OVER () % 40), s, o, c
FROM unnest('{new,won,lost,elsewhere}'::text[]) s,
     unnest('{NULL,infinity,-infinity,0202-02-02 BC,1969-12-31 23:00+00,2024-02-29 12:00+00,2025-06-01 23:59:59.999999+00}'::timestamptz[] || (now() + interval '40 days')) o,
     unnest('{NULL,infinity,-infinity,0202-02-02 BC,1969-12-31 23:00+00,2024-02-29 11:00+00,2025-06-02 00:00+00}'::timestamptz[] || (now() + interval '80 days')) c;
INSERT INTO tickets (status, opened, imported, solved)
SELECT s, o, i, r
FROM unnest('{new,done,elsewhere}'::text[]) s, unnest('{NULL,infinity,-infinity,2024-01-01 00:00+00,2025-06-01 12:00+00}'::timestamptz[] || (now() + interval '40 days')) o,
     unnest('{NULL,infinity,-infinity,2024-12-31 12:00+00,2025-06-01 13:00+00}'::timestamptz[]) i,
     unnest('{NULL,infinity,-infinity,2024-02-29 12:00+00,2025-06-01 12:00+00}'::timestamptz[] || (now() + interval '80 days')) r;
CREATE VIEW truth AS
    SELECT 'open_pipeline' AS kpi, day, coalesce(sum(worth) FILTER (WHERE is_open(status = 'new', status <> 'elsewhere', opened, closed, day)), 0) AS value FROM days, deals GROUP BY 2
    UNION ALL
    SELECT 'ticket_backlog', day, count(*) FILTER (WHERE is_open(status = 'new', status <> 'elsewhere', coalesce(opened, imported), solved, day)) FROM days, tickets GROUP BY 2;
SELECT t.kpi, count(*) AS days, count(*) FILTER (WHERE k.value = t.value) AS same, count(DISTINCT t.value) > 3 AS moves FROM truth t, crm.kpi_total(t.kpi, until => t.day) k GROUP BY 1 ORDER BY 1;
-- day by day: from 1970 until today, whatever lies before and after
\set QUIET on
CREATE TABLE shown AS SELECT kpi_key AS kpi, day, sum(value) AS value FROM crm_bi.kpi_value WHERE kpi_key IN ('open_pipeline', 'ticket_backlog') GROUP BY 1, 2;
\set QUIET off
SELECT kpi, min(day), max(day) = crm.kpi_today() AS until_today FROM shown GROUP BY 1 ORDER BY 1;
SELECT t.kpi, count(*) AS days, count(*) FILTER (WHERE s.value IS NOT DISTINCT FROM nullif(t.value, 0)) AS same FROM truth t LEFT JOIN shown s USING (kpi, day)
WHERE t.day >= (SELECT min(f.day) FROM shown f WHERE f.kpi = t.kpi) GROUP BY 1 ORDER BY 1;
-- The rows behind what clocks measured, and their median: hours from opening to resolution, where both are times that are known
-- and in this order: what was done when it came, nobody knows since when, is not done in no time.
SELECT crm.define_kpi('solve_median', 'Median', 'clock_first_resolved.hours', kind => 'percentile', quantile => 0.5, measured_in => 'hours') \g /dev/null
SELECT bool_and(k.numerator = r.hours AND k.denominator = r.tickets AND k.numerator = t.hours AND k.denominator = t.tickets) AS same, bool_and(m.value::float = t.median) AS median, count(*) AS one
FROM crm.kpi_total('resolution_hours') k, crm.kpi_total('solve_median') m,
     (SELECT sum(e.amount) FILTER (WHERE part = 'numerator') AS hours, sum(e.amount) FILTER (WHERE part = 'denominator') AS tickets FROM crm.explain_kpi_rows('resolution_hours', max_rows => 10000) e) r,
     (SELECT sum(w.hours) AS hours, count(*) AS tickets, percentile_cont(0.5) WITHIN GROUP (ORDER BY w.hours) AS median
      FROM (SELECT extract(epoch FROM solved - coalesce(opened, imported)) / 3600 AS hours FROM tickets
            WHERE isfinite(solved) AND isfinite(coalesce(opened, imported)) AND solved >= coalesce(opened, imported) AND solved <= now()
              AND status <> 'new') w) t;

UPDATE deals SET closed = opened, opened = closed; UPDATE tickets SET solved = opened, opened = solved WHERE id % 2 = 0; DELETE FROM tickets WHERE id % 7 = 0; SELECT crm.fold() > 0 AS folded;
SELECT t.kpi, count(*) FILTER (WHERE k.value = t.value) AS same FROM truth t, crm.kpi_total(t.kpi, until => t.day) k GROUP BY 1 ORDER BY 1;

-- Two amounts in each unit, of all pairs of what may stand for a currency: they are added up where they are in the same one.
TRUNCATE deals, tickets;
CREATE TABLE pair AS
SELECT format('u%s%s', a.n, b.n) AS unit, a.c AS one, b.c AS other FROM unnest('{NULL,"",EUR," eur",USD}'::text[]) WITH ORDINALITY a (c, n) JOIN unnest('{NULL,"",EUR," eur",USD}'::text[]) WITH ORDINALITY b (c, n) ON a.n <= b.n;
SELECT crm.create_unit(unit, parent => 'firm') FROM pair \g /dev/null
INSERT INTO deals (region, worth, money, status, opened, closed) SELECT unit, w, c, 'won', '2025-01-01', '2025-01-02' FROM pair, LATERAL (VALUES (one, 10), (other, 20)) v (c, w);
INSERT INTO deals (region, worth, money, status, opened, closed) SELECT unit, NULL, 'CHF', 'won', '2025-01-01', '2025-01-02' FROM pair; -- no money, whatever it is in
SELECT crm.define_kpi('largest', 'Largest', 'opportunity_closed.amount[won]', kind => 'percentile', quantile => 0.9, measured_in => 'money'),
       crm.define_kpi('largest_counted', 'Largest', 'opportunity_closed.amount[won]', kind => 'percentile', quantile => 0.9, measured_in => 'money') \g /dev/null
SELECT count(*) > 0 AS counted FROM crm.count_values('largest_counted');
CALL crm.backfill('deals');
CREATE FUNCTION wrong_currencies(home text) RETURNS TABLE (asked text, units bigint, ready bigint, wrong bigint) LANGUAGE sql AS $$
    WITH expected AS (SELECT unit, coalesce(nullif(upper(trim(one)), ''), home, '?') = coalesce(nullif(upper(trim(other)), ''), home, '?') AS ready FROM pair),
    found AS (
        SELECT 'kpi', unit_key, state, value = 30 FROM crm_bi.kpi('won_value', 'year', '2025-01-01', '2025-12-31', '{unit_key}')
        UNION ALL SELECT 'kpis', unit_key, state, value = 30 FROM crm_bi.kpis('{won_value,win_rate}', 'total', '2025-01-01', '2025-12-31', '{unit_key}') WHERE kpi_key = 'won_value'
        UNION ALL SELECT 'ratio', unit_key, state, value = 10 FROM crm_bi.kpi('average_deal', 'year', '2025-01-01', '2025-12-31', '{unit_key}')
        UNION ALL SELECT 'kpi_totals', t.unit, state, value = 30 FROM crm.kpi_totals('won_value', ARRAY(SELECT unit FROM pair), '{2025-01-01,2025-01-02}', '{2025-01-31,2025-01-03}') t
        UNION ALL SELECT 'wide', unit_key, CASE WHEN won_value IS NULL THEN 'mixed_currencies' ELSE 'ready' END, won_value = 30 FROM crm_bi.kpi_wide WHERE day = '2025-01-02'
        UNION ALL SELECT 'kpi_days', p.unit, k.state, k.numerator[1] = 30 FROM pair p, crm.kpi_days('won_value', p.unit, '2025-01-31', NULL, 'default') k
        UNION ALL SELECT 'percentile', unit_key, state, value = 19 FROM crm_bi.kpi('largest', 'year', '2025-01-01', '2025-12-31', '{unit_key}')
        UNION ALL SELECT 'counted', unit_key, state, value = 19 FROM crm_bi.kpi('largest_counted', 'year', '2025-01-01', '2025-12-31', '{unit_key}'))
    SELECT f.asked, count(*), count(*) FILTER (WHERE f.state = 'ready'),
           count(*) FILTER (WHERE (f.state, coalesce(f.as_much, true)) IS DISTINCT FROM (CASE WHEN e.ready THEN 'ready' ELSE 'mixed_currencies' END, true))
    FROM found f (asked, unit, state, as_much) JOIN expected e USING (unit) GROUP BY 1 ORDER BY 1 $$;
SELECT * FROM wrong_currencies(NULL);
SELECT crm.set_home_currency('EUR');
SELECT * FROM wrong_currencies('EUR');
SELECT unit_key, value, state FROM crm_bi.kpi('won_value', 'year', '2025-01-01', '2025-12-31', '{unit_key}', into_currency => 'EUR') WHERE unit_key IN ('u12', 'u25');

-- Goals about what may be below zero: ahead is who has more, and a share of a negative number is none.
CREATE TABLE answers (id serial PRIMARY KEY, at date, kind text, score integer);
SELECT count(*) > 0 AS adopted FROM crm.adopt('answers', 'survey', columns => '{"at": "at", "kind": "kind", "score": "score"}');
CALL crm.backfill('answers');
INSERT INTO answers (at, kind, score) SELECT crm.kpi_today(), 'nps', s FROM unnest('{0,3,5,9,8}'::integer[]) s; -- (1 - 3) / 5 = -0.4
SELECT crm.set_goal('ahead', 'nps', -0.5, crm.kpi_today(), crm.kpi_today()), crm.set_goal('behind', 'nps', -0.2, crm.kpi_today(), crm.kpi_today()),
       crm.set_goal('far_behind', 'nps', 0.2, crm.kpi_today(), crm.kpi_today()), crm.set_goal('from_below', 'nps', 0.1, crm.kpi_today(), crm.kpi_today() + 1, baseline => -1),
       crm.set_goal('low_enough', 'nps', -0.3, crm.kpi_today(), crm.kpi_today(), direction => 'down'), crm.set_goal('too_high', 'nps', -0.5, crm.kpi_today(), crm.kpi_today(), direction => 'down') \g /dev/null
SELECT goal_key, round(actual, 2) AS actual, round(expected, 2) AS expected, attainment, pace, on_track FROM crm_bi.kpi_goal ORDER BY 1;
SELECT crm.create_rule('pace-' || g.goal, goal => g.goal, kind => 'pace') FROM crm.goal g \g /dev/null
SELECT r.goal, s.measured, s.reading FROM crm.rule r, crm.see_rule(r, crm.kpi_today()) s WHERE r.kind = 'pace' ORDER BY 1;
SELECT kpi_key, value, state FROM crm_bi.kpi('goal_attainment', 'total', crm.kpi_today(), crm.kpi_today());

-- One amount that no report can hold is no amount, and the wins that others brought are credited all the same; very large ones have fewer digits.
TRUNCATE deals;
INSERT INTO deals (worth, money, status, opened, closed)
VALUES (1e99, 'EUR', 'won', '2025-01-01', '2025-01-02'), ('NaN', 'EUR', 'won', '2025-01-01', '2025-01-02'), (123456789012345.678901, 'EUR', 'won', '2025-01-01', '2025-01-02'), (1.25, 'EUR', 'won', '2025-01-01', '2025-01-02');
SELECT channel, currency, credit, amount FROM crm.attribution('linear', since => '2025-01-01') ORDER BY amount NULLS LAST;
SELECT model, amount FROM crm_bi.attribution WHERE model IN ('first', 'markov') AND amount IS NOT NULL ORDER BY 1;

-- A derived KPI by unit is what it is of each unit alone: an input without a fact there is 0 where it is a sum, and unknown where it is a share.
TRUNCATE deals;
INSERT INTO deals (region, worth, money, status, opened, closed) VALUES ('u11', 100, 'EUR', 'new', '2025-01-01', '2025-01-02'), ('u12', 50, 'EUR', 'won', '2025-01-01', '2025-01-02'),
    ('u12', 7, 'EUR', 'lost', '2025-01-01', '2025-01-02');
SELECT crm.define_kpi('won_worth', 'Won', 'opportunity_closed.amount[won]'), crm.define_kpi('all_worth', 'All', 'opportunity_closed.amount'),
       crm.define_kpi('net', 'Net', '2 * won_worth - all_worth', kind => 'derived'), crm.define_kpi('net_again', 'Net', 'net + all_worth', kind => 'derived'),
       crm.define_kpi('net_rate', 'Net', 'net + win_rate', kind => 'derived') \g /dev/null
SELECT kpi_key, unit_key, value, state FROM crm_bi.kpis('{net,net_again,net_rate,won_worth}', 'total', '2025-01-01', '2025-01-31', '{unit_key}') ORDER BY 1, 2;
SELECT k, u, t.value, t.state FROM unnest('{net,net_again,net_rate}'::text[]) k, unnest('{u11,u12,u13}'::text[]) u, crm.kpi_total(k, u, '2025-01-01', '2025-01-31') t ORDER BY 1, 2;
SELECT kpi_key, product, value, state FROM crm_bi.kpis('{net,net_rate}', 'total', '2025-01-01', '2025-01-31', '{product}') ORDER BY 1, 2;
