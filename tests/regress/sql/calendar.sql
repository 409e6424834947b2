-- Working time: calendars, holidays, spans of a day, days on which the clock is changed.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set SHOW_CONTEXT never
SET client_min_messages = notice;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SELECT crm.set_calendar('office', 'Europe/Berlin');
SELECT crm.set_calendar('shop', 'America/New_York', '{"mon": [["13:00", "17:00"], ["9:00", "12:00"]], "sat": ["10:00", "14:30:30"]}');
SELECT crm.set_calendar('always', 'Europe/Berlin', '{"mon": ["00:00", "24:00"], "tue": ["00:00", "24:00"], "wed": ["00:00", "24:00"],
  "thu": ["00:00", "24:00"], "fri": ["00:00", "24:00"], "sat": ["00:00", "24:00"], "sun": ["00:00", "24:00"]}');
SELECT crm.set_calendar('never', 'UTC', '{}');
SELECT crm.add_holiday('office', '2026-01-06', 'Epiphany');

-- Monday 2026-01-05, 16:00 in Berlin.
SELECT crm.business_interval('office', '2026-01-05 15:00Z', '2026-01-07 09:00Z') AS over_holiday,
       crm.business_interval('office', '2026-01-07 09:00Z', '2026-01-05 15:00Z') AS backward,
       crm.business_interval('office', '2026-01-05 15:00Z', '2027-01-05 15:00Z') AS a_year,
       crm.business_interval('shop', '2026-01-03 00:00Z', '2026-01-06 00:00Z') AS spans,
       crm.business_interval('never', '2026-01-05 15:00Z', '2027-01-05 15:00Z') AS none, crm.business_interval('office', NULL, now()) IS NULL AS unknown;
SELECT crm.business_deadline('office', '2026-01-05 15:00Z', '1 hour') AS end_of_day, crm.business_deadline('office', '2026-01-05 15:00Z', '61 minutes') AS past_holiday,
       crm.business_deadline('office', '2026-01-03 12:00Z', '0') AS nothing, crm.business_deadline('shop', '2026-01-05 16:00Z', '3 hours') AS over_noon;
-- Days of 23 and 25 hours.
SELECT crm.business_interval('always', '2026-03-28 23:00Z', '2026-03-29 22:00Z') AS spring, crm.business_interval('always', '2026-10-24 22:00Z', '2026-10-25 23:00Z') AS autumn,
       crm.business_deadline('always', '2026-03-28 23:00Z', '24 hours') AS over_spring;

-- What is wrong with a calendar, or a question.
SELECT crm.set_calendar('bad', 'Europe/Berlin', '{"mun": ["09:00", "17:00"]}');
SELECT crm.set_calendar('bad', 'Europe/Berlin', '{"mon": ["09:00", "17:00", "18:00"]}');
SELECT crm.set_calendar('bad', 'Europe/Berlin', '{"mon": [["09:00", "12:00"], ["11:59", "17:00"]]}');
SELECT crm.set_calendar('bad', 'Europe/Berlin', '{"mon": ["17:00", "09:00"]}');
SELECT crm.set_calendar('bad', 'Europe/Berlin', '{"mon": ["09:00", "24:01"]}');
SELECT crm.set_calendar('bad', 'Europe/Berlin', '{"mon": [9, 17]}');
SELECT crm.set_calendar('bad', 'Europe/Berlin', '{"mon": []}');
SELECT crm.set_calendar('bad', 'Europe/Berlin', '{"mon": "09:00"}');
SELECT crm.set_calendar('bad', 'Europe/Berlin', '{"mon": [["09:00", "10:00"], 3]}');
SELECT crm.set_calendar('bad', 'Europe/Berlin', '["mon"]');
SELECT crm.set_calendar('bad', 'Europe/Berlim');
SELECT crm.set_calendar('bad', 'PST');
SELECT crm.business_interval('offcie', now(), now());
SELECT crm.business_deadline('office', now(), '1 day');
SELECT crm.business_deadline('office', now(), '-1 hour');
SELECT crm.business_deadline('never', now(), '1 hour');
SELECT crm.business_interval('office', now(), 'infinity');
SELECT crm.business_deadline('office', '294276-12-01', '400 hours');

-- Every statement sees the calendar as it is then, also within a transaction and a function that asks again and again.
CREATE FUNCTION worked_week() RETURNS interval LANGUAGE plpgsql AS $$
BEGIN
    RETURN crm.business_interval('office', '2026-02-02Z', '2026-02-09Z');
END $$;
BEGIN;
SELECT worked_week();
SELECT crm.add_holiday('office', '2026-02-03');
SELECT worked_week();
SAVEPOINT s;
SELECT crm.set_calendar('office', 'Europe/Berlin', '{"mon": ["09:00", "10:00"]}');
SELECT worked_week();
ROLLBACK TO s;
SELECT worked_week();
ROLLBACK;
SELECT worked_week();
DO $$
BEGIN
    BEGIN
        PERFORM crm.add_holiday('office', '2026-02-04');
        RAISE NOTICE 'within: %', worked_week();
        RAISE 'undone';
    EXCEPTION WHEN raise_exception THEN
        RAISE NOTICE 'after: %', worked_week();
    END;
END $$;

-- Anybody may ask, and read nothing else.
CREATE ROLE regress_calendar_anybody;
SET ROLE regress_calendar_anybody;
SELECT crm.business_interval('office', '2026-02-02Z', '2026-02-09Z');
SELECT count(*) FROM crm.holiday;
SELECT crm.add_holiday('office', '2026-02-03');
RESET ROLE;

-- Against a clock that is read minute by minute, on calendars by chance around days on which it is changed.
CREATE FUNCTION chance(seed text, below integer) RETURNS integer LANGUAGE sql IMMUTABLE
    RETURN (('x' || substr(md5(seed), 1, 7))::bit(28)::integer) % below;
SELECT count(crm.set_calendar('chance' || n, (ARRAY['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe'])[1 + n % 3],
       (SELECT jsonb_object_agg(d, jsonb_build_array(jsonb_build_array(to_char(make_time(a, 5 * chance('x' || n || d, 12), 0), 'HH24:MI'), (a + 2) || ':00'),
                                                     jsonb_build_array((a + 2) || ':30', CASE WHEN a > 8 THEN '24:00' ELSE (a + 9) || ':10' END)))
        FROM unnest(ARRAY['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']) d, LATERAL (SELECT chance(n || d, 12) AS a) x
        WHERE chance('y' || n || d, 5) > 0))) FROM generate_series(1, 12) n;
SELECT count(crm.add_holiday('chance' || n, date '2026-03-05' + chance('h' || n || k, 30))) FROM generate_series(1, 12) n, generate_series(1, 3) k;
CREATE TEMP TABLE minute AS
SELECT c.calendar, m.at, sum(CASE WHEN s.worked THEN 1 ELSE 0 END) OVER (PARTITION BY c.calendar ORDER BY m.at ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
FROM crm.calendar c
CROSS JOIN generate_series(timestamptz '2026-03-04Z', '2026-04-06Z', '1 minute') AS m (at)
CROSS JOIN LATERAL (SELECT m.at AT TIME ZONE c.zone AS wall) w
CROSS JOIN LATERAL (
    SELECT NOT EXISTS (SELECT FROM crm.holiday h WHERE h.calendar = c.calendar AND h.day = w.wall::date)
           AND EXISTS (SELECT FROM jsonb_array_elements(c.hours -> lower(to_char(w.wall, 'dy'))) x
                       WHERE w.wall::time >= (x.value ->> 0)::time AND w.wall::time < (x.value ->> 1)::time) AS worked) s
WHERE c.calendar LIKE 'chance%';
CREATE INDEX ON minute (calendar, at);
SELECT count(*) AS asked, count(*) FILTER (WHERE crm.business_interval(a.calendar, a.at, b.at) <> make_interval(mins => (b.before - a.before)::integer)) AS wrong,
       -- the deadline of what was worked is the first minute by which so much was worked
       count(*) FILTER (WHERE b.before > a.before AND crm.business_deadline(a.calendar, a.at, make_interval(mins => (b.before - a.before)::integer))
                                                  <> (SELECT min(m.at) FROM minute m WHERE m.calendar = a.calendar AND m.at > a.at AND m.before >= b.before)) AS wrong_deadline,
       sum(b.before - a.before) > 100000 AS worked
FROM generate_series(1, 60) n
JOIN minute a ON a.calendar = 'chance' || 1 + n % 12 AND a.at = timestamptz '2026-03-04Z' + chance('a' || n, 30000) * interval '1 minute'
JOIN minute b ON b.calendar = a.calendar AND b.at = a.at + chance('b' || n, 16000) * interval '1 minute';
DROP ROLE regress_calendar_anybody;
