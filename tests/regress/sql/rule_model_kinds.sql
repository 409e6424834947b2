-- The kinds of rules that rule_model leaves: pace, forecast, no data, a condition of one's own, records in warning and in breach, each against plain SQL over random
-- rows; of a unit and of each unit below, around both changes of the clock.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET timezone = 'Europe/Berlin';
SET datestyle = 'ISO';
SELECT crm.create_unit('acme', 'Acme', 'business'), crm.create_unit('north', 'North', 'geographic', 'acme'), crm.create_unit('south', 'South', 'geographic', 'acme'),
       crm.create_unit('islands', 'Islands', 'geographic', 'north') \g /dev/null
SELECT setseed(0.20261);
-- every day counts from midnight to midnight in Berlin: the last Sunday of March has 23 hours, that of October 25
SELECT crm.set_calendar('default', 'Europe/Berlin', (SELECT jsonb_object_agg(d, '["00:00", "24:00"]'::jsonb) FROM unnest('{mon,tue,wed,thu,fri,sat,sun}'::text[]) d)) \g /dev/null
SELECT crm.add_holiday('default', d) FROM unnest('{2026-03-30,2026-04-06,2026-10-26}'::date[]) d \g /dev/null
CREATE TABLE public.deals (deal_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, region text, stage text, opened timestamptz, closed timestamptz);
SELECT crm.create_funnel('sales', 'opportunity', '[{"key": "open"}, {"key": "won", "milestone": "won", "kind": "won"}, {"key": "lost", "kind": "lost"}]') \g /dev/null
SELECT count(*) FROM crm.adopt('public.deals', 'opportunity', department => 'acme', funnel => 'sales', columns =>
    '{"unit": "region", "stage": "stage", "created_at": "opened", "closed_at": "closed"}') \g /dev/null
CALL crm.backfill('public.deals');
\set QUIET on
-- the islands have a deal now and then, the others several a day; around midnight of the nights on which the clock changes there are more
INSERT INTO deals (region, stage, opened, closed)
SELECT CASE WHEN random() < 0.004 THEN 'islands' WHEN random() < 0.5 THEN 'north' ELSE 'south' END, CASE WHEN random() < 0.6 THEN 'won' ELSE 'lost' END, at, at
FROM (SELECT timestamptz '2026-01-01 00:00Z' + random() * interval '320 days' AS at FROM generate_series(1, 3000)
      UNION ALL SELECT (date '2026-03-27' + n % 5)::timestamptz + time '22:00' + random() * interval '4 hours' FROM generate_series(1, 200) n
      UNION ALL SELECT (date '2026-10-23' + n % 5)::timestamptz + time '22:00' + random() * interval '4 hours' FROM generate_series(1, 200) n) x
WHERE NOT at BETWEEN '2026-06-01' AND '2026-06-20';
\set QUIET off
CREATE VIEW below (unit, part) AS
VALUES ('acme', 'acme'), ('acme', 'north'), ('acme', 'south'), ('acme', 'islands'), ('north', 'north'), ('north', 'islands'), ('south', 'south'), ('islands', 'islands');
CREATE VIEW day AS
SELECT b.unit, d::date AS day, count(*) FILTER (WHERE x.stage = 'won') AS won, count(x.deal_id) AS decided
FROM generate_series(timestamp '2025-12-01', '2026-11-20', '1 day') d
CROSS JOIN below b LEFT JOIN deals x ON x.region = b.part AND (x.closed AT TIME ZONE 'Europe/Berlin')::date = d::date GROUP BY 1, 2;
CREATE MATERIALIZED VIEW days AS SELECT * FROM day;
CREATE TABLE asked AS SELECT d::date AS today FROM generate_series(timestamp '2026-03-24', '2026-04-08', '2 days') d
    UNION ALL SELECT d::date FROM generate_series(timestamp '2026-06-01', '2026-06-25', '4 days') d UNION ALL SELECT d::date FROM generate_series(timestamp '2026-10-23', '2026-10-29', '1 day') d
    UNION ALL SELECT unnest('{2026-03-29,2026-01-01,2026-11-01}'::date[]);

-- pace: what was attained, against the target by the hours that are over, or on the way from a baseline
SELECT crm.set_goal('wins', 'won_count', 900, '2026-01-01', '2026-12-31'), crm.set_goal('spring', 'won_count', 80, '2026-03-27', '2026-04-07', unit => 'north'),
       crm.set_goal('autumn', 'won_count', 90, '2026-10-20', '2026-11-02', unit => 'south'), crm.set_goal('few losses', 'won_count', 30, '2026-10-24', '2026-10-27', unit => 'south', direction => 'down'),
       crm.set_goal('rate', 'win_rate', 0.7, '2026-01-01', '2026-12-31', baseline => 0.5), crm.set_goal('rate of north', 'win_rate', 0.65, '2026-03-01', '2026-10-31', unit => 'north') \g /dev/null
SELECT crm.create_rule('pace', 'won_count', 'pace'), crm.create_rule('paces', 'won_count', 'pace', scope => 'below'), crm.create_rule('one', kind => 'pace', goal => 'rate'),
       crm.create_rule('two', kind => 'pace', goal => 'rate of north') \g /dev/null
CREATE FUNCTION hours_of(since date, until date) RETURNS numeric LANGUAGE sql AS $$
    SELECT coalesce(sum(extract(epoch FROM (d + interval '1 day')::timestamp AT TIME ZONE 'Europe/Berlin' - d::timestamp AT TIME ZONE 'Europe/Berlin')), 0)
    FROM generate_series(since::timestamp, until::timestamp, '1 day') d WHERE d::date <> ALL ('{2026-03-30,2026-04-06,2026-10-26}'::date[])
$$;
SELECT hours_of('2026-03-28', '2026-03-31') / 3600 AS spring, hours_of('2026-10-24', '2026-10-27') / 3600 AS autumn;
WITH seen AS MATERIALIZED (SELECT r.rule, a.today, s.goal, s.unit, s.value, s.compared, s.measured FROM asked a, crm.rule r, crm.see_rule(r, a.today) s),
model AS MATERIALIZED (
    SELECT a.today, g.goal, coalesce(g.unit, 'acme') AS unit, v.actual, e.expected,
           CASE g.direction WHEN 'up' THEN v.actual / nullif(e.expected, 0) ELSE e.expected / nullif(v.actual, 0) END AS pace
    FROM asked a JOIN crm.goal g ON a.today BETWEEN g.since AND g.until
    CROSS JOIN LATERAL (SELECT CASE g.kpi WHEN 'won_count' THEN sum(d.won) ELSE sum(d.won) / nullif(sum(d.decided), 0) END AS actual
                        FROM days d WHERE d.unit = coalesce(g.unit, 'acme') AND d.day BETWEEN g.since AND a.today) v
    CROSS JOIN LATERAL (SELECT hours_of(g.since, a.today) / hours_of(g.since, g.until) AS share) h
    CROSS JOIN LATERAL (SELECT CASE WHEN g.kpi = 'won_count' THEN g.target * h.share WHEN g.baseline IS NULL THEN g.target ELSE g.baseline + (g.target - g.baseline) * h.share END AS expected) e)
SELECT count(*) AS seen, count(*) FILTER (WHERE m.goal IS NULL OR (round(s.value, 9), round(s.compared, 9), round(s.measured, 9)) IS DISTINCT FROM (round(m.actual, 9), round(m.expected, 9), round(m.pace, 9))) AS different,
       count(DISTINCT s.goal) AS goals, bool_or(s.measured < 1) AND bool_or(s.measured > 1) AS both
FROM seen s LEFT JOIN model m USING (today, goal, unit);
SELECT r.rule, count(*) FROM crm.rule r, asked a, crm.see_rule(r, a.today) s GROUP BY 1 ORDER BY 1;
SELECT a.today BETWEEN '2026-03-27' AND '2026-04-07' AS spring, count(*) AS goals_of_north FROM asked a, crm.rule r, crm.see_rule(r, a.today) s WHERE s.goal = 'spring' GROUP BY 1;

-- forecast: what the forecast of the day before puts at the end, against the target; how it comes to that is compared elsewhere
DELETE FROM crm.rule;
SELECT crm.create_rule('end', 'won_count', 'forecast'), crm.create_rule('ends', 'won_count', 'forecast', scope => 'below'), crm.create_rule('month', 'won_count', 'forecast', period => 'month to date', fire_level => 90, unit => 'south') \g /dev/null
WITH seen AS MATERIALIZED (SELECT r.rule, a.today, s.* FROM (SELECT * FROM asked WHERE today IN ('2026-03-28', '2026-03-30', '2026-10-25', '2026-10-27', '2026-06-09')) a, crm.rule r, crm.see_rule(r, a.today) s)
SELECT s.rule, count(*) AS seen, count(s.value) AS said,
       count(*) FILTER (WHERE s.measured IS DISTINCT FROM CASE WHEN s.rule = 'month' THEN s.value WHEN g.direction = 'up' THEN s.value / g.target ELSE g.target / s.value END
                              OR s.compared IS DISTINCT FROM g.target
                              OR s.until <> coalesce(g.until, (date_trunc('month', s.today::timestamp) + interval '1 month')::date - 1)
                              OR s.value < (SELECT sum(d.won) FROM days d WHERE d.unit = s.unit AND d.day BETWEEN s.since AND s.today - 1)
                              OR abs(s.value - (SELECT sum(d.won) FROM days d WHERE d.unit = s.unit AND d.day BETWEEN s.since AND s.until)) > 60 + s.value / 3) AS different
FROM seen s LEFT JOIN crm.goal g ON g.goal = s.goal GROUP BY 1 ORDER BY 1;

-- no data: days since the last fact; of a share since the last that was decided. Three weeks of June have none
DELETE FROM crm.rule;
SELECT crm.create_rule('silent', 'won_count', 'no_data'), crm.create_rule('silents', 'won_count', 'no_data', scope => 'below'), crm.create_rule('rates', 'win_rate', 'no_data', scope => 'below', unit => 'north') \g /dev/null
WITH seen AS MATERIALIZED (SELECT r.rule, a.today, s.unit, s.measured, m.reading FROM asked a, crm.rule r, crm.see_rule(r, a.today) s, crm.rule_reading(r, s) m)
SELECT s.rule, count(*) AS seen, count(*) FILTER (WHERE s.measured IS DISTINCT FROM l.silent) AS different,
       count(*) FILTER (WHERE s.reading IS DISTINCT FROM CASE WHEN l.silent IS NULL THEN 'none' WHEN l.silent > 2 THEN 'breach' ELSE 'clear' END) AS read_otherwise,
       count(*) FILTER (WHERE s.reading = 'breach') > 3 AS breaches, count(*) FILTER (WHERE s.reading = 'none') AS never_any
FROM seen s CROSS JOIN LATERAL (SELECT s.today - max(d.day) AS silent FROM days d
                                WHERE d.unit = s.unit AND d.day <= s.today AND CASE s.rule WHEN 'rates' THEN d.decided > 0 ELSE d.won > 0 END) l
GROUP BY 1 ORDER BY 1;

-- a condition of one's own: its unit and days, and its number as it is
CREATE FUNCTION public.lost_deals(unit text, since date, until date) RETURNS numeric STABLE LANGUAGE sql AS $$
    SELECT nullif(count(*), 0)::numeric FROM public.deals d
    WHERE d.region = unit AND d.stage = 'lost' AND d.closed >= since::timestamp AT TIME ZONE 'Europe/Berlin' AND d.closed < (until + 1)::timestamp AT TIME ZONE 'Europe/Berlin'
$$;
DELETE FROM crm.rule;
SELECT crm.create_rule('week', condition => 'public.lost_deals(text,date,date)', scope => 'below', period => 'week to date', direction => 'above', fire_level => 20, clear_level => 5),
       crm.create_rule('three', condition => 'public.lost_deals(text,date,date)', scope => 'below', period => 'last 3 days', direction => 'below', fire_level => 2) \g /dev/null
WITH seen AS MATERIALIZED (SELECT r.rule, a.today, s.unit, s.measured, m.reading FROM asked a, crm.rule r, crm.see_rule(r, a.today) s, crm.rule_reading(r, s) m)
SELECT s.rule, count(*) AS seen,
       count(*) FILTER (WHERE s.measured IS DISTINCT FROM nullif(n.lost, 0)) AS different,
       count(*) FILTER (WHERE s.reading IS DISTINCT FROM CASE WHEN n.lost = 0 THEN 'none' WHEN s.rule = 'week' THEN CASE WHEN n.lost > 20 THEN 'breach' WHEN n.lost <= 5 THEN 'clear' ELSE 'between' END
                                                          ELSE CASE WHEN n.lost < 2 THEN 'breach' ELSE 'clear' END END) AS read_otherwise, count(DISTINCT s.reading) AS readings
FROM seen s CROSS JOIN LATERAL (
    SELECT count(*) AS lost FROM deals d WHERE d.region = s.unit AND d.stage = 'lost'
       AND (d.closed AT TIME ZONE 'Europe/Berlin')::date BETWEEN CASE s.rule WHEN 'week' THEN date_trunc('week', s.today::timestamp)::date ELSE s.today - 2 END AND s.today) n
GROUP BY 1 ORDER BY 1;

-- records: random tickets that are opened, solved and opened again while hours go by; after each pass the alerts that are open are the clocks that plain SQL finds
-- late (or warned of), each fired once for each time that it became so
DELETE FROM crm.rule;
CREATE TABLE public.ticket (id integer PRIMARY KEY, region text, priority text, opened timestamptz, replied timestamptz, solved timestamptz);
INSERT INTO ticket SELECT n, (ARRAY['north', 'south', 'islands', 'nowhere'])[1 + n % 4], CASE WHEN random() < 0.7 THEN 'high' ELSE 'low' END, now() - random() * interval '30 hours' FROM generate_series(1, 40) n;
SELECT count(*) FROM crm.adopt('public.ticket', 'ticket', department => 'acme', columns => '{"unit": "region", "priority": "priority", "opened_at": "opened", "first_response_at": "replied", "resolved_at": "solved"}') \g /dev/null
CALL crm.backfill('public.ticket');
SELECT crm.set_calendar('always', 'UTC', (SELECT jsonb_object_agg(d, '["00:00", "24:00"]'::jsonb) FROM unnest('{mon,tue,wed,thu,fri,sat,sun}'::text[]) d)) \g /dev/null
SELECT crm.set_sla('urgent', 'ticket', 'priority = ''high''', 'resolution', '8 hours', calendar => 'always', warn_at => 0.5) \g /dev/null
SELECT crm.create_rule('late', sla => 'urgent'), crm.create_rule('soon', kind => 'warning', sla => 'urgent', unit => 'north') \g /dev/null
UPDATE crm.rule SET created_at = now() - interval '10 hours';
CREATE TABLE passes (pass int, rule text, id int, open boolean, modelled boolean);
DO $$
DECLARE
    r crm.rule;
    n int;
BEGIN
    FOR n IN 1 .. 12 LOOP
        UPDATE crm.rule SET created_at = created_at - interval '2 hours';
        UPDATE ticket t SET opened = opened - interval '2 hours'; -- two hours go by
        UPDATE ticket t SET solved = now() WHERE solved IS NULL AND random() < 0.15;
        UPDATE ticket t SET solved = NULL WHERE solved IS NOT NULL AND random() < 0.1;
        INSERT INTO ticket SELECT 100 + n, 'north', 'high', now() - interval '3 hours 59 minutes';
        UPDATE ticket t SET region = CASE region WHEN 'north' THEN 'south' ELSE 'north' END WHERE id = n;
        UPDATE ticket t SET priority = CASE priority WHEN 'high' THEN 'low' ELSE 'high' END WHERE id = 20 + n;
        FOR r IN SELECT * FROM crm.rule ORDER BY rule LOOP
            PERFORM crm.evaluate_rule(r);
            INSERT INTO passes
            SELECT n, r.rule, t.id, l.id IS NOT NULL,
                   t.priority = 'high' AND t.solved IS NULL AND (r.rule = 'late' OR t.region IN ('north', 'islands'))
                   AND t.opened + CASE r.kind WHEN 'breach' THEN interval '8 hours' ELSE interval '4 hours' END BETWEEN r.created_at AND now()
            FROM ticket t LEFT JOIN crm.alert_log l ON l.rule = r.rule AND l.record_key = t.id::text AND l.state = 'firing';
        END LOOP;
    END LOOP;
END
$$;
SELECT rule, count(*) AS looks, count(*) FILTER (WHERE open <> modelled) AS different, count(*) FILTER (WHERE open) > 40 AS many_open FROM passes GROUP BY 1 ORDER BY 1;
SELECT m.rule, sum(m.fired) AS fired, count(*) FILTER (WHERE m.fired <> e.fired) AS otherwise
FROM (SELECT rule, id, count(*) FILTER (WHERE modelled AND NOT before) AS fired
      FROM (SELECT p.*, coalesce(lag(modelled) OVER (PARTITION BY rule, id ORDER BY pass), false) AS before FROM passes p) x GROUP BY 1, 2) m
JOIN LATERAL (SELECT count(*) AS fired FROM crm.alert_log l WHERE l.rule = m.rule AND l.record_key = m.id::text) e ON true GROUP BY 1 ORDER BY 1;
