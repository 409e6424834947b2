-- The engine of rules against a slow model that knows no steps: every point of every random series is judged from all that came before. Flapping, gaps, zones,
-- daylight saving.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET intervalstyle = 'postgres';
SET timezone = 'Europe/Berlin';
SET datestyle = 'ISO';
SELECT crm.create_unit('acme', 'Acme', 'business') \g /dev/null
SELECT setseed(0.20260);

-- 60 series of 60 evaluations, some a minute apart, some with gaps of hours; runs of the same reading, or hardly any (flapping)
CREATE TABLE rules AS
SELECT n AS series, make_interval(mins => (ARRAY[0, 0, 3, 10, 30])[1 + (random() * 4)::int]) AS hold_for,
       make_interval(mins => (ARRAY[0, 0, 2, 15, 60])[1 + (random() * 4)::int]) AS clear_for,
       CASE WHEN n % 3 = 0 THEN 2 + (random() * 3)::int ELSE 1000 END AS flap_limit, random() AS steady
FROM generate_series(1, 60) n;
CREATE TABLE points AS
SELECT r.series, i, 0 AS minute, random() AS stays, (ARRAY['breach', 'breach', 'clear', 'clear', 'between', 'none'])[1 + floor(random() * 6)::int] AS reading,
       CASE WHEN random() < 0.1 THEN (random() * 300)::int ELSE (random() * 5)::int END AS gap
FROM rules r, generate_series(1, 60) i;
DO $$
DECLARE
    p record;
    before text;
    minute int;
BEGIN
    FOR p IN SELECT x.*, r.steady FROM points x JOIN rules r USING (series) ORDER BY series, i LOOP
        IF p.i = 1 THEN
            before := p.reading;
            minute := 0;
        END IF;
        minute := minute + p.gap;
        before := CASE WHEN p.i > 1 AND p.stays < p.steady THEN before ELSE p.reading END;
        UPDATE points x SET minute = DO_minute.m, reading = DO_minute.r FROM (SELECT minute AS m, before AS r) DO_minute WHERE x.series = p.series AND x.i = p.i;
    END LOOP;
END
$$;

-- the model without a brake: a breach that lasted opens, a calm that lasted closes; what was last of the two says whether it is open
CREATE VIEW judged AS
WITH run AS (
    SELECT p.*, r.hold_for, r.clear_for,
           max(i) FILTER (WHERE reading <> 'breach') OVER w AS last_not_breach,
           max(i) FILTER (WHERE reading IN ('breach', 'between')) OVER w AS last_not_calm
    FROM points p JOIN rules r USING (series) WHERE r.flap_limit = 1000 WINDOW w AS (PARTITION BY series ORDER BY i)
), since AS (
    SELECT r.*, (SELECT min(x.minute) FROM points x WHERE x.series = r.series AND x.i > coalesce(r.last_not_breach, 0) AND x.i <= r.i) AS breach_since,
           (SELECT min(x.minute) FROM points x WHERE x.series = r.series AND x.i > coalesce(r.last_not_calm, 0) AND x.i <= r.i AND x.reading = 'clear') AS calm_since
    FROM run r
), event AS (
    SELECT s.*, reading = 'breach' AND make_interval(mins => minute - breach_since) >= hold_for AS opens,
           reading = 'clear' AND make_interval(mins => minute - calm_since) >= clear_for AS closes
    FROM since s
)
SELECT series, i, minute, reading, calm_since, coalesce(max(i) FILTER (WHERE opens) OVER w > coalesce(max(i) FILTER (WHERE closes) OVER w, 0), false) AS open
FROM event WINDOW w AS (PARTITION BY series ORDER BY i);
CREATE TABLE model AS
SELECT series, i, CASE WHEN open AND calm_since IS NOT NULL THEN 'held' WHEN open THEN 'firing' WHEN reading = 'breach' THEN 'pending' ELSE 'ok' END AS phase FROM judged;

-- with a brake how long calm has to last depends on what fired before: a list of all that fired, looked through each time
DO $$
DECLARE
    r record;
    p record;
    fired int[];
    breach_since int;
    calm_since int;
    open boolean;
    asked interval;
BEGIN
    FOR r IN SELECT * FROM rules WHERE flap_limit < 1000 ORDER BY series LOOP
        fired := '{}';
        open := false;
        FOR p IN SELECT * FROM points x WHERE x.series = r.series ORDER BY i LOOP
            breach_since := CASE p.reading WHEN 'breach' THEN coalesce(breach_since, p.minute) END;
            calm_since := CASE p.reading WHEN 'clear' THEN coalesce(calm_since, p.minute) WHEN 'none' THEN calm_since END;
            asked := greatest(r.clear_for, CASE WHEN (SELECT count(*) FROM unnest(fired) f WHERE f > p.minute - 120) >= r.flap_limit THEN interval '2 hours' / r.flap_limit END);
            IF open AND p.reading = 'clear' AND make_interval(mins => p.minute - calm_since) >= asked THEN
                open := false;
            ELSIF NOT open AND p.reading = 'breach' AND make_interval(mins => p.minute - breach_since) >= r.hold_for THEN
                open := true;
                fired := fired || p.minute;
            END IF;
            INSERT INTO model VALUES (p.series, p.i, CASE WHEN open AND calm_since IS NOT NULL THEN 'held' WHEN open THEN 'firing'
                                                          WHEN p.reading = 'breach' THEN 'pending' ELSE 'ok' END);
        END LOOP;
        breach_since := NULL;
        calm_since := NULL;
    END LOOP;
END
$$;

-- the engine: each point evaluated as finish_rule does; between two of them all that has a time grows older
CREATE TABLE engine (series int, i int, phase text, alert bigint);
DO $$
DECLARE
    r record;
    p record;
    before int;
    seen crm.rule_sight;
    the_rule crm.rule;
BEGIN
    FOR r IN SELECT * FROM rules ORDER BY series LOOP
        PERFORM crm.create_rule('s' || r.series, 'won_count', fire_level => 1, hold_for => r.hold_for, clear_for => r.clear_for,
                                flap_limit => r.flap_limit, flap_within => '2 hours');
        SELECT * INTO the_rule FROM crm.rule x WHERE x.rule = 's' || r.series;
        before := NULL;
        FOR p IN SELECT * FROM points x WHERE x.series = r.series ORDER BY i LOOP
            UPDATE crm.rule_state s SET since = since - make_interval(mins => p.minute - before) WHERE s.rule = the_rule.rule;
            UPDATE crm.alert_log a SET since = a.since - make_interval(mins => p.minute - before), fired_at = a.fired_at - make_interval(mins => p.minute - before)
            WHERE a.rule = the_rule.rule;
            seen.subject := 'acme';
            seen.unit := 'acme';
            seen.reading := p.reading;
            seen.since := '2026-01-01';
            seen.until := '2026-01-01';
            PERFORM crm.evaluate_subject(the_rule, seen);
            INSERT INTO engine SELECT p.series, p.i, s.phase, s.alert FROM crm.rule_state s WHERE s.rule = the_rule.rule;
            before := p.minute;
        END LOOP;
    END LOOP;
END
$$;
SELECT count(*) AS points, count(*) FILTER (WHERE e.phase IS DISTINCT FROM m.phase) AS different FROM model m FULL JOIN engine e USING (series, i);
SELECT bool_and(n > 20) AS each_phase_often FROM (SELECT count(*) AS n FROM model GROUP BY phase HAVING phase IS NOT NULL) c;
SELECT count(DISTINCT phase) AS phases FROM model;
-- each alert fired once, and the transitions of a subject are numbered without a gap and follow from one another
SELECT count(*) AS fired_otherwise
FROM (SELECT series, count(*) FILTER (WHERE phase IN ('firing', 'held') AND before NOT IN ('firing', 'held')) AS n
      FROM (SELECT series, phase, coalesce(lag(phase) OVER (PARTITION BY series ORDER BY i), 'ok') AS before FROM model) x GROUP BY series) m
JOIN (SELECT r.series, count(a.fired_at) AS n FROM rules r LEFT JOIN crm.alert_log a ON a.rule = 's' || r.series GROUP BY 1) e USING (series) WHERE m.n <> e.n;
SELECT count(*) FILTER (WHERE transition <> n) AS numbered_otherwise,
       count(*) FILTER (WHERE from_state IS DISTINCT FROM before) AS torn
FROM (SELECT t.*, row_number() OVER (PARTITION BY rule ORDER BY transition) AS n, lag(to_state) OVER (PARTITION BY rule, alert ORDER BY transition) AS before
      FROM crm.alert_transition t) x;
SELECT count(*) AS twice_open FROM (SELECT rule, subject FROM crm.alert_log WHERE state IN ('pending', 'firing', 'held') GROUP BY 1, 2 HAVING count(*) > 1) x;
DELETE FROM crm.rule;

-- numbers: random deals around both changes of the clock of Berlin, around midnight there, with a gap in June; what each kind reads as of a day against plain SQL
CREATE TABLE public.deals (deal_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, region text, stage text, opened timestamptz, closed timestamptz);
SELECT crm.set_calendar('default', 'Europe/Berlin') \g /dev/null
SELECT crm.add_holiday('default', d) FROM unnest('{2026-03-30,2026-04-06,2026-10-26}'::date[]) d \g /dev/null
SELECT crm.create_funnel('sales', 'opportunity', '[{"key": "open"}, {"key": "won", "milestone": "won", "kind": "won"}, {"key": "lost", "kind": "lost"}]') \g /dev/null
SELECT count(*) FROM crm.adopt('public.deals', 'opportunity', department => 'acme', funnel => 'sales', columns =>
    '{"unit": "region", "stage": "stage", "created_at": "opened", "closed_at": "closed"}') \g /dev/null
CALL crm.backfill('public.deals');
\set QUIET on
INSERT INTO deals (region, stage, opened, closed)
SELECT 'acme', CASE WHEN random() < 0.6 THEN 'won' ELSE 'lost' END, at, at
FROM (SELECT timestamptz '2025-12-20 00:00Z' + random() * interval '330 days' AS at FROM generate_series(1, 4000)
      UNION ALL SELECT (date '2026-03-27' + n % 5)::timestamptz + time '21:30' + random() * interval '3 hours' FROM generate_series(1, 300) n
      UNION ALL SELECT (date '2026-10-23' + n % 5)::timestamptz + time '21:30' + random() * interval '3 hours' FROM generate_series(1, 300) n) x
WHERE NOT at BETWEEN '2026-06-01' AND '2026-06-20';
\set QUIET off
SELECT crm.create_rule('value', 'win_rate', period => 'last 3 days', fire_level => 0.5), crm.create_rule('month', 'won_count', 'change', period => 'month to date', fire_level => -0.2),
       crm.create_rule('odd', 'won_count', 'anomaly'), crm.create_rule('odd-rate', 'win_rate', 'anomaly', min_denominator => 5) \g /dev/null
CREATE VIEW day AS
SELECT d::date AS day, count(*) FILTER (WHERE stage = 'won') AS won, count(x.deal_id) AS decided
FROM generate_series(timestamp '2025-12-01', '2026-11-20', '1 day') d LEFT JOIN deals x ON (x.closed AT TIME ZONE 'Europe/Berlin')::date = d::date GROUP BY 1;
CREATE TABLE asked AS SELECT d::date AS today FROM generate_series(timestamp '2026-03-20', '2026-04-10', '1 day') d
    UNION ALL SELECT d::date FROM generate_series(timestamp '2026-06-15', '2026-06-25', '2 days') d UNION ALL SELECT d::date FROM generate_series(timestamp '2026-10-22', '2026-10-29', '1 day') d
    UNION ALL SELECT unnest('{2026-01-01,2026-01-06,2026-01-20}'::date[]);
CREATE TABLE seen AS SELECT r.rule, a.today, s.value, s.compared, s.measured FROM asked a, crm.rule r, crm.see_rule(r, a.today) s;
CREATE FUNCTION usual(rated boolean, judged date, OUT value numeric, OUT middle double precision, OUT score double precision) LANGUAGE plpgsql AS $$
DECLARE
    weekly boolean;
    spread double precision;
BEGIN
    CREATE TEMP TABLE past ON COMMIT DROP AS
    SELECT d.day, CASE WHEN NOT rated THEN d.won ELSE d.won / nullif(CASE WHEN d.decided >= 5 THEN d.decided::numeric END, 0) END AS v
    FROM day d WHERE d.day BETWEEN greatest(judged - 182, (SELECT min(x.day) FROM day x WHERE x.decided > 0 AND (rated OR x.won > 0))) AND judged
      AND NOT EXISTS (SELECT FROM crm.holiday h WHERE h.day = d.day);
    SELECT p.v INTO value FROM past p WHERE p.day = judged;
    DELETE FROM past p WHERE p.v IS NULL OR p.day = judged;
    weekly := judged - (SELECT min(x.day) FROM day x WHERE x.decided > 0 AND (rated OR x.won > 0)) >= 42 AND (SELECT count(*) FROM past p WHERE (judged - p.day) % 7 = 0) >= 6;
    DELETE FROM past p WHERE weekly AND (judged - p.day) % 7 <> 0;
    IF value IS NOT NULL AND (SELECT count(*) FROM past) >= (CASE WHEN weekly THEN 6 ELSE 14 END) THEN
        SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY v) INTO middle FROM past;
        SELECT 1.4826 * percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(v - middle)) INTO spread FROM past;
        IF spread = 0 THEN
            SELECT 1.2533 * avg(abs(v - middle)) INTO spread FROM past;
        END IF;
        score := (value - middle) / spread;
    END IF;
    DROP TABLE past;
END
$$;
SELECT s.rule, count(*) AS days,
       count(*) FILTER (WHERE (round(s.value, 9), round(s.compared, 9), round(s.measured, 6)) IS DISTINCT FROM (round(m.value, 9), round(m.compared, 9), round(m.measured, 6))) AS different,
       count(s.measured) > 10 AS some_measured
FROM seen s CROSS JOIN LATERAL (
    SELECT v.rate AS value, NULL::numeric AS compared, v.rate AS measured
    FROM (SELECT sum(d.won) / nullif(sum(d.decided), 0) AS rate FROM day d WHERE d.day BETWEEN s.today - 2 AND s.today) v WHERE s.rule = 'value'
    UNION ALL
    SELECT n.won, b.won, (n.won - b.won) / nullif(b.won, 0)
    FROM (SELECT coalesce(sum(d.won), 0) AS won FROM day d WHERE d.day BETWEEN date_trunc('month', s.today::timestamp) AND s.today) n,
         (SELECT coalesce(sum(d.won), 0) AS won FROM day d
          WHERE to_char(d.day, 'YYYY-MM') = to_char(date_trunc('month', s.today::timestamp) - interval '1 day', 'YYYY-MM') AND extract(day FROM d.day) <= extract(day FROM s.today)) b
    WHERE s.rule = 'month'
    UNION ALL
    SELECT u.value, u.middle::numeric, u.score::numeric FROM usual(s.rule = 'odd-rate', s.today - 1) u WHERE s.rule LIKE 'odd%') m
GROUP BY 1 ORDER BY 1;
