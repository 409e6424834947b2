-- Clocks of random tickets against a slow model that uses no function of crm: every quarter of an hour of three months is looked at,
-- whether it is worked, and whether the clock runs. All times are multiples of a quarter.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE FUNCTION draw(what text, n integer, choices integer) RETURNS integer LANGUAGE sql IMMUTABLE
    RETURN ('x' || substr(md5(what || n), 1, 7))::bit(28)::integer % choices;
-- at a quarter of an hour, in March and April, when both zones change their clocks
CREATE FUNCTION moment(what text, n integer, slots integer) RETURNS timestamptz LANGUAGE sql IMMUTABLE
    RETURN '2025-03-01Z'::timestamptz + draw(what, n, slots) * interval '15 minutes';
SELECT crm.create_unit('firm', 'The firm', 'business');
SELECT crm.set_calendar('default', 'Europe/Berlin'),
       crm.set_calendar('york', 'America/New_York', '{"mon": [["08:30", "12:00"], ["13:15", "18:00"]], "tue": [["08:30", "18:00"]], "wed": [["00:00", "06:00"], ["20:00", "24:00"]], "sat": [["10:00", "11:15"]], "sun": [["01:00", "04:00"]]}'),
       crm.set_calendar('berlin night', 'Europe/Berlin', '{"sat": [["22:00", "24:00"]], "sun": [["00:00", "05:00"]], "thu": [["12:00", "12:15"]]}'),
       crm.set_calendar('empty', 'Europe/Berlin', '{}');
SELECT count(crm.add_holiday(c, d)) FROM (VALUES ('default', '2025-03-14'::date), ('default', '2025-03-28'), ('default', '2025-03-31'), ('york', '2025-03-11'), ('york', '2025-03-09'), ('berlin night', '2025-04-05')) AS h (c, d);
SELECT crm.create_funnel('support', 'ticket', '[{"key": "new", "kind": "entry"}, {"key": "open"}, {"key": "waiting", "kind": "waiting", "aliases": ["on hold"]}, {"key": "abroad"},
  {"key": "solved", "kind": "won", "milestone": "won"}, {"key": "dropped", "kind": "lost"}]');
CREATE TABLE ticket (id integer PRIMARY KEY, priority text, channel text, opened timestamptz, replied timestamptz, solved timestamptz);
CREATE TABLE move (id integer PRIMARY KEY, ticket integer NOT NULL, state text, at timestamptz NOT NULL, UNIQUE (ticket, at));
CREATE FUNCTION word(n integer) RETURNS text LANGUAGE sql IMMUTABLE
    RETURN (ARRAY['new', 'open', 'Open', 'waiting', 'On Hold', 'abroad', 'abroad', 'solved', 'SOLVED', 'dropped', 'elsewhere'])[1 + n];
INSERT INTO ticket
SELECT n, (ARRAY['high', 'low', 'normal', NULL])[1 + draw('priority', n, 4)], (ARRAY['mail', 'chat', 'robot', 'phone', 'mail'])[1 + draw('channel', n, 5)],
       CASE WHEN draw('born', n, 30) > 0 THEN moment('opened', n, 2000) END,
       CASE WHEN draw('answered', n, 3) = 0 THEN moment('opened', n, 2000) + (draw('replied', n, 500) - 30) * interval '15 minutes' END,
       CASE WHEN draw('closed', n, 3) = 0 THEN moment('opened', n, 2000) + (draw('solved', n, 1300) - 70) * interval '15 minutes' END
FROM generate_series(1, 300) n;
INSERT INTO move
SELECT n * 10 + m, n, word(draw('word', n * 10 + m, 11)), moment('opened', n, 2000) + (draw('moved', n * 10 + m, 150) * 10 + m - 100) * interval '15 minutes'
FROM generate_series(1, 300) n CROSS JOIN generate_series(0, 9) m WHERE m < draw('moves', n, 8);
SELECT count(*) > 0 AS adopted FROM crm.adopt('ticket', 'ticket', funnel => 'support', columns => '{"priority": "priority", "channel": "channel", "opened_at": "opened",
  "first_response_at": "replied", "resolved_at": "solved"}');
SELECT count(*) > 0 AS adopted FROM crm.adopt('move', 'stage_change', funnel => 'support', columns => '{"record": {"column": "ticket", "of": "public.ticket"}, "stage": "state", "at": "at"}');
CALL crm.backfill('move');
CALL crm.backfill('ticket');
-- one table of levels for both: the model reads it, crm is told it
CREATE TABLE level (n integer PRIMARY KEY, sla text, version integer, condition text, clock text, target interval, calendar text, pauses text[], warn numeric, position integer,
    since timestamptz, until timestamptz, timed boolean);
INSERT INTO level VALUES
  (1, 'quick', 1, 'priority = ''high''', 'resolution', '8 hours', 'default', '{waiting}', 0.5, 100, '-infinity', 'infinity', true),
  (2, 'american', 1, 'priority IN (''high'', ''low'')', 'resolution', '20 hours', 'york', '{waiting,abroad}', 0.75, 150, '-infinity', 'infinity', true),
  (3, 'chat', 1, 'channel = ''chat''', 'resolution', '36 hours', NULL, '{abroad}', 0.25, 50, '-infinity', 'infinity', true),
  (4, 'robots', 1, 'channel = ''robot'' AND priority <> ''low''', 'resolution', NULL, NULL, '{}', 1, 10, '-infinity', 'infinity', false),
  (5, 'reply', 1, 'true', 'first_response', '2 hours', 'default', '{waiting}', 0.5, 200, '-infinity', 'infinity', true),
  (6, 'reply at night', 1, 'channel = ''phone''', 'first_response', '5 hours', 'berlin night', '{}', 0.5, 100, '-infinity', 'infinity', true),
  (7, 'in hand', 1, 'channel <> ''chat''', 'stage:open', '10 hours', 'york', '{}', 0.75, 100, '-infinity', 'infinity', true),
  (8, 'to the end', 1, 'priority = ''low''', 'milestone:won', '400 hours', 'empty', '{}', 0.5, 100, '-infinity', 'infinity', true),
  (9, 'abroad', 1, 'length(channel) = 5 AND opened_at > ''2025-03-05Z''', 'stage:abroad', '6 hours', 'berlin night', '{}', 0.5, 100, '-infinity', 'infinity', true);
CREATE FUNCTION tell(since integer) RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT count(crm.set_sla(l.sla, 'ticket', l.condition, l.clock, l.target, l.calendar, l.pauses, l.warn, l.position, CASE WHEN l.version > 1 THEN l.since END, l.timed))
    FROM (SELECT * FROM level WHERE n >= tell.since ORDER BY n) l
$$;
SELECT tell(1);

-- The model. What is worked: the clock on the wall says so, and it is no holiday.
CREATE TABLE hours (calendar text, zone text, dow integer, since time, until time);
INSERT INTO hours SELECT 'default', 'Europe/Berlin', d, '09:00', '17:00' FROM generate_series(1, 5) d;
INSERT INTO hours VALUES ('york', 'America/New_York', 1, '08:30', '12:00'), ('york', 'America/New_York', 1, '13:15', '18:00'), ('york', 'America/New_York', 2, '08:30', '18:00'),
  ('york', 'America/New_York', 3, '00:00', '06:00'), ('york', 'America/New_York', 3, '20:00', '24:00'), ('york', 'America/New_York', 6, '10:00', '11:15'), ('york', 'America/New_York', 0, '01:00', '04:00'),
  ('berlin night', 'Europe/Berlin', 6, '22:00', '24:00'), ('berlin night', 'Europe/Berlin', 0, '00:00', '05:00'), ('berlin night', 'Europe/Berlin', 4, '12:00', '12:15');
CREATE TABLE off (calendar text, day date);
INSERT INTO off VALUES ('default', '2025-03-14'), ('default', '2025-03-28'), ('default', '2025-03-31'), ('york', '2025-03-11'), ('york', '2025-03-09'), ('berlin night', '2025-04-05');
CREATE TABLE slot (calendar text, at timestamptz, PRIMARY KEY (calendar, at));
CREATE PROCEDURE look_at_the_wall() LANGUAGE sql AS $$
    TRUNCATE slot;
    INSERT INTO slot
    SELECT h.calendar, s FROM generate_series('2025-02-20Z'::timestamptz, '2025-09-30Z', '15 minutes') s CROSS JOIN hours h
    WHERE extract(dow FROM s AT TIME ZONE h.zone) = h.dow AND (s AT TIME ZONE h.zone)::time >= h.since AND (h.until = '24:00' OR (s AT TIME ZONE h.zone)::time < h.until)
      AND NOT EXISTS (SELECT FROM off o WHERE o.calendar = h.calendar AND o.day = (s AT TIME ZONE h.zone)::date)
    UNION ALL SELECT 'all time', s FROM generate_series('2025-02-20Z'::timestamptz, '2025-05-31Z', '15 minutes') s;
    ANALYZE slot;
$$;
CALL look_at_the_wall();
CREATE TABLE stage (word text PRIMARY KEY, stage text, over boolean);
INSERT INTO stage VALUES ('new', 'new', false), ('open', 'open', false), ('waiting', 'waiting', false), ('on hold', 'waiting', false), ('abroad', 'abroad', false), ('solved', 'solved', true), ('dropped', 'dropped', true);
-- which level a clock that has stopped had when it was kept
CREATE TABLE was_kept (ticket integer, clock text, stopped timestamptz, n integer, PRIMARY KEY (ticket, clock));
CREATE FUNCTION holds(level integer, t ticket) RETURNS boolean LANGUAGE sql STABLE
    RETURN CASE level WHEN 1 THEN t.priority = 'high' WHEN 2 THEN t.priority IN ('high', 'low') WHEN 3 THEN t.channel = 'chat' WHEN 4 THEN t.channel = 'robot' AND t.priority <> 'low'
                      WHEN 5 THEN true WHEN 6 THEN t.channel = 'phone' WHEN 7 THEN t.channel <> 'chat' WHEN 8 THEN t.priority = 'low' WHEN 9 THEN length(t.channel) = 5 AND t.opened > '2025-03-05Z'
                      WHEN 10 THEN t.priority = 'high' WHEN 11 THEN t.priority = 'low' OR t.channel = 'chat' WHEN 12 THEN t.priority IS NULL WHEN 13 THEN t.priority = 'normal' END;
CREATE TABLE clock (ticket integer, clock text, n integer, sla text, version integer, target interval, calendar text, works text, pauses text[], warn numeric, started timestamptz, stopped timestamptz, over boolean);
-- each clock with its level
CREATE PROCEDURE find_clocks() LANGUAGE sql AS $$
    TRUNCATE clock;
    INSERT INTO clock
    WITH story AS (SELECT m.ticket, m.at, s.stage, coalesce(s.over, false) AS over, lead(m.at) OVER w AS next FROM move m LEFT JOIN stage s ON s.word = lower(m.state) WINDOW w AS (PARTITION BY m.ticket ORDER BY m.at)),
    state AS (
        SELECT t.*, o.over, CASE WHEN o.over THEN coalesce(t.solved, (SELECT min(s.at) FROM story s WHERE s.ticket = t.id AND s.over
                                     AND s.at > coalesce((SELECT max(z.at) FROM story z WHERE z.ticket = t.id AND NOT z.over), '-infinity'))) END AS ended
        FROM ticket t CROSS JOIN LATERAL (SELECT coalesce((SELECT s.over FROM story s WHERE s.ticket = t.id AND s.next IS NULL), t.solved IS NOT NULL) AS over) o),
    timed AS (
        SELECT s.id, s.over, 'resolution' AS clock, s.opened AS started, s.ended AS stopped FROM state s
        UNION ALL SELECT s.id, s.over, 'first_response', s.opened, coalesce(s.replied, s.ended) FROM state s
        UNION ALL SELECT s.id, s.over, 'milestone:won', s.opened, coalesce((SELECT min(y.at) FROM story y WHERE y.ticket = s.id AND y.stage = 'solved'), s.ended) FROM state s
        UNION ALL SELECT s.id, false, 'stage:' || k, (SELECT min(y.at) FROM story y WHERE y.ticket = s.id AND y.stage = k),
                         (SELECT y.next FROM story y WHERE y.ticket = s.id AND y.stage = k ORDER BY y.at DESC LIMIT 1) FROM state s CROSS JOIN unnest(ARRAY['open', 'abroad']) k)
    SELECT c.id, c.clock, l.n, l.sla, l.version, l.target, l.calendar, CASE WHEN EXISTS (SELECT FROM hours h WHERE h.calendar = l.calendar) THEN l.calendar ELSE 'all time' END,
           l.pauses, l.warn, c.started, c.stopped, c.over
    FROM timed c
    JOIN ticket t ON t.id = c.id
    LEFT JOIN was_kept k ON k.ticket = c.id AND k.clock = c.clock AND k.stopped = c.stopped
    CROSS JOIN LATERAL (
        SELECT * FROM (SELECT l.n, l.sla, l.version, l.target, l.calendar, l.pauses, l.warn, l.position, l.timed FROM level l
                       WHERE l.clock = c.clock AND (l.n = k.n OR holds(l.n, t) AND c.started >= l.since AND c.started < l.until)
                       UNION ALL SELECT 0, NULL, NULL, NULL, 'default', CASE c.clock WHEN 'resolution' THEN '{waiting}'::text[] ELSE '{}' END, 1, 2147483647, true WHERE c.clock IN ('resolution', 'first_response')) x
        ORDER BY x.n = k.n DESC NULLS LAST, x.position, x.sla COLLATE "C", x.version LIMIT 1) l
    WHERE c.started IS NOT NULL AND (c.stopped IS NOT NULL OR c.clock ~ '^stage' OR NOT c.over) AND l.timed
$$;
-- The quarters in which a clock ran, until it was stopped.
CREATE FUNCTION ran(c clock, until timestamptz) RETURNS SETOF timestamptz LANGUAGE sql STABLE AS $$
    SELECT s.at
    FROM (SELECT (c).started AS since, coalesce((SELECT min(m.at) FROM move m WHERE m.ticket = (c).ticket AND m.at > (c).started), 'infinity') AS until,
                 (SELECT m.state FROM move m WHERE m.ticket = (c).ticket AND m.at <= (c).started ORDER BY m.at DESC LIMIT 1) AS word
          UNION ALL
          SELECT m.at, coalesce((SELECT min(x.at) FROM move x WHERE x.ticket = m.ticket AND x.at > m.at), 'infinity'), m.state FROM move m WHERE m.ticket = (c).ticket AND m.at > (c).started) i
    LEFT JOIN stage g ON g.word = lower(i.word)
    JOIN slot s ON s.calendar = (c).works AND s.at >= i.since AND s.at < least(i.until, (c).stopped, ran.until)
    WHERE CASE WHEN (c).clock ~ '^stage' THEN 'stage:' || g.stage = (c).clock
               ELSE NOT coalesce(g.over, false) AND coalesce(g.stage <> ALL ((c).pauses), true) END
$$;
-- And after; a clock that was stopped goes on from there, one that stands still does not.
CREATE FUNCTION all_that_ran(c clock) RETURNS timestamptz[] LANGUAGE sql STABLE
    RETURN (SELECT array_agg(r.at ORDER BY r.at)
            FROM (SELECT at FROM ran(c, 'infinity') AS at UNION ALL SELECT s.at FROM slot s WHERE s.calendar = (c).works AND s.at >= greatest((c).stopped, (c).started) AND (c).stopped IS NOT NULL) r);
CREATE FUNCTION stands_still(c clock) RETURNS boolean LANGUAGE sql STABLE
    RETURN (c).stopped IS NULL AND coalesce((SELECT CASE WHEN (c).clock ~ '^stage' THEN 'stage:' || g.stage IS DISTINCT FROM (c).clock ELSE coalesce(g.over, false) OR coalesce(g.stage = ANY ((c).pauses), false) END
        FROM move m LEFT JOIN stage g ON g.word = lower(m.state) WHERE m.ticket = (c).ticket ORDER BY m.at DESC LIMIT 1), false);
CREATE FUNCTION worked(works text, since timestamptz, until timestamptz) RETURNS bigint LANGUAGE sql STABLE
    RETURN (SELECT count(*) FROM slot s WHERE s.calendar = works AND s.at >= since AND s.at < until);
CREATE FUNCTION slots_of(span interval) RETURNS integer LANGUAGE sql IMMUTABLE RETURN (extract(epoch FROM span) / 900)::integer;
CREATE TABLE expected_open (LIKE clock, due timestamptz, warning timestamptz, used bigint, still boolean);
CREATE PROCEDURE expect() LANGUAGE plpgsql AS $$
BEGIN
    CALL find_clocks();
    TRUNCATE expected_open;
    INSERT INTO expected_open
    SELECT c.*, r.at[slots_of(c.target)] + interval '15 minutes', r.at[slots_of(c.target * c.warn::float8)] + interval '15 minutes', (SELECT count(*) FROM ran(c, 'infinity')), stands_still(c)
    FROM clock c CROSS JOIN LATERAL (SELECT all_that_ran(c) AS at OFFSET 0) r;
END
$$;
CREATE VIEW expected_clock AS -- at an instant
SELECT i AS instant, e.ticket, e.clock, e.sla, e.version, CASE WHEN e.due < i THEN 'breached' WHEN e.still THEN 'paused' WHEN e.warning <= i THEN 'warning' ELSE 'running' END AS state,
       coalesce(e.due, (SELECT s.at + interval '15 minutes' FROM slot s WHERE s.calendar = e.works AND s.at >= greatest(i, e.started) ORDER BY s.at OFFSET slots_of(e.target) - e.used - 1 LIMIT 1)) AS due,
       CASE WHEN e.still THEN slots_of(e.target) - e.used
            WHEN greatest(i, e.started) <= e.due THEN worked(e.works, greatest(i, e.started), e.due) ELSE -worked(e.works, e.due, greatest(i, e.started)) END AS remaining,
       e.still AS paused, coalesce(e.due < i, false) AS breached, e.warning
FROM expected_open e CROSS JOIN unnest('{2025-03-09 06:30Z,2025-03-28 12:00Z,2025-03-30 01:15Z,2025-04-12 17:45Z}'::timestamptz[]) i WHERE e.stopped IS NULL AND e.target IS NOT NULL;
CREATE VIEW shown_clock AS
SELECT i AS instant, c.record_key::integer AS ticket, c.clock, c.sla_key, c.version, c.state, c.due_at, slots_of(c.remaining)::bigint, c.paused, c.breached, c.warning_at
FROM unnest('{2025-03-09 06:30Z,2025-03-28 12:00Z,2025-03-30 01:15Z,2025-04-12 17:45Z}'::timestamptz[]) i CROSS JOIN LATERAL crm.sla_clock_rows(i) c;
CREATE VIEW expected_ended AS
SELECT e.ticket, e.clock, e.sla, e.version, CASE WHEN e.stopped >= e.started THEN e.stopped <= e.due END AS met, e.started, e.due, e.stopped,
       CASE WHEN e.stopped >= e.started THEN e.used END AS used FROM expected_open e WHERE e.stopped IS NOT NULL;
CREATE VIEW shown_ended AS
SELECT c.record_key::integer, c.clock, c.sla_key, c.version::integer, c.met, c.started_at, c.due_at, c.stopped_at, round(c.used_hours * 4)::bigint FROM crm_bi.fct_clock c;
CREATE VIEW comparison AS
SELECT (SELECT count(*) FROM expected_clock) AS open, (SELECT count(*) FROM ((TABLE expected_clock EXCEPT ALL TABLE shown_clock) UNION ALL (TABLE shown_clock EXCEPT ALL TABLE expected_clock)) d) AS open_different,
       (SELECT count(*) FROM expected_ended) AS ended, (SELECT count(*) FROM ((TABLE expected_ended EXCEPT ALL TABLE shown_ended) UNION ALL (TABLE shown_ended EXCEPT ALL TABLE expected_ended)) d) AS ended_different;
CREATE PROCEDURE keep() LANGUAGE plpgsql AS $$
BEGIN
    PERFORM crm.fold();
    DELETE FROM was_kept;
    INSERT INTO was_kept SELECT c.ticket, c.clock, c.stopped, c.n FROM clock c WHERE c.stopped IS NOT NULL AND c.n > 0;
END
$$;

CALL expect();
SELECT * FROM comparison;
-- what there is: every clock, state and level
SELECT state, count(*) > 20 AS many FROM expected_clock GROUP BY 1 ORDER BY 1;
SELECT coalesce(sla, '(measured)') AS sla, count(*) > 5 AS some, count(*) FILTER (WHERE stopped IS NULL) > 2 AS open FROM expected_open GROUP BY 1 ORDER BY 1;
CALL keep();
SELECT * FROM comparison;

-- Half way: levels change for clocks that start from then on, one is retired, one comes; what stopped keeps what it had, though tickets change.
UPDATE level SET until = '2025-03-16Z' WHERE n IN (1, 3);
UPDATE level SET until = '2025-03-20Z' WHERE n = 8;
INSERT INTO level VALUES
  (10, 'quick', 2, 'priority = ''high''', 'resolution', '5 hours 30 minutes', 'york', '{abroad}', 0.5, 100, '2025-03-16Z', 'infinity', true),
  (11, 'chat', 2, 'priority = ''low'' OR channel = ''chat''', 'resolution', '16 hours', 'berlin night', '{}', 0.25, 160, '2025-03-16Z', 'infinity', true);
SELECT tell(10), crm.retire_sla('to the end', '2025-03-20Z');
INSERT INTO level VALUES (12, 'nobody cares', 1, 'priority IS NULL', 'resolution', '100 hours', 'default', '{waiting}', 0.5, 300, '-infinity', 'infinity', true),
  (13, 'normal reply', 1, 'priority = ''normal''', 'first_response', '6 hours', NULL, '{abroad}', 0.5, 150, '-infinity', 'infinity', true);
SELECT tell(12);
UPDATE ticket SET priority = (ARRAY['high', 'low', 'normal', NULL])[1 + draw('later priority', id, 4)] WHERE draw('changes', id, 3) = 0;
CALL expect();
SELECT * FROM comparison;
CALL keep();
SELECT * FROM comparison;

-- The team works: tickets come, go, are answered, solved and opened again; moves are added at the end and in between, changed and deleted.
UPDATE ticket SET replied = opened + draw('later reply', id, 130) * interval '15 minutes' WHERE draw('replies', id, 4) = 0;
UPDATE ticket SET solved = CASE WHEN solved IS NULL THEN opened + draw('later solved', id, 1300) * interval '15 minutes' END, channel = 'phone' WHERE draw('solves', id, 5) = 0;
INSERT INTO move SELECT 100000 + n, n, word(draw('added word', n, 11)), moment('opened', n, 2000) + (draw('added', n, 1500) - 100) * interval '15 minutes' FROM generate_series(1, 300) n WHERE draw('adds', n, 3) = 0
ON CONFLICT (ticket, at) DO NOTHING;
UPDATE move SET state = word(draw('changed word', id, 11)) WHERE draw('changes word', id, 12) = 0;
DELETE FROM move WHERE draw('deletes', id, 20) = 0;
DELETE FROM ticket WHERE draw('dies', id, 25) = 0;
DELETE FROM move m WHERE NOT EXISTS (SELECT FROM ticket t WHERE t.id = m.ticket);
CALL expect();
SELECT * FROM comparison;
CALL keep();
SELECT * FROM comparison;

-- Calendars change: a holiday more and one less, other hours, hours for the one that had none.
SELECT crm.add_holiday('default', '2025-04-01'), crm.add_holiday('york', '2025-03-30');
DELETE FROM crm.holiday WHERE calendar = 'default' AND day = '2025-03-14';
INSERT INTO off VALUES ('default', '2025-04-01'), ('york', '2025-03-30');
DELETE FROM off WHERE calendar = 'default' AND day = '2025-03-14';
SELECT crm.set_calendar('empty', 'America/New_York', '{"mon": [["09:00", "17:00"]], "sun": [["00:00", "24:00"]]}');
INSERT INTO hours VALUES ('empty', 'America/New_York', 1, '09:00', '17:00'), ('empty', 'America/New_York', 0, '00:00', '24:00');
CALL look_at_the_wall();
CALL expect();
SELECT * FROM comparison;
CALL keep();
SELECT * FROM comparison;
-- and the numbers of them
SELECT k.numerator, k.denominator, k.numerator = e.numerator AS same_numerator, k.denominator = e.denominator AS same_denominator
FROM crm.kpi_total('sla_attainment') k, (SELECT count(*) FILTER (WHERE e.stopped >= e.started AND e.stopped <= e.due) AS numerator,
    count(*) FILTER (WHERE e.due IS NOT NULL AND (e.stopped >= e.started OR e.stopped IS NULL AND e.due < now())) AS denominator FROM expected_open e WHERE e.target IS NOT NULL) e;
