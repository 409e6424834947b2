-- Hand-overs of histories by chance, against a reference that looks at each pair of transitions and counts working time minute by minute.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET timezone = 'UTC';
SELECT crm.set_calendar('default', 'America/New_York', '{"mon": [["08:00", "12:00"], ["13:00", "17:00"]], "tue": ["09:00", "17:00"], "thu": ["00:00", "24:00"], "sun": ["01:00", "06:00"]}');
SELECT crm.set_calendar('other', 'Europe/Berlin');
SELECT crm.add_holiday('default', '2026-03-09'), crm.add_holiday('other', '2026-03-30');
SELECT crm.create_funnel('care', 'ticket', '[
  {"key": "a1", "department": "a"}, {"key": "b1", "department": "b"}, {"key": "none"}, {"key": "c1", "department": "c"},
  {"key": "a2", "department": "a"}, {"key": "b2", "department": "b", "kind": "won"}]');
CREATE FUNCTION chance(seed text, below integer) RETURNS integer LANGUAGE sql IMMUTABLE
    RETURN (('x' || substr(md5(seed), 1, 7))::bit(28)::integer) % below;
-- Up to nine events of 120 records, many at equal times, some at none.
CREATE TABLE log (id integer PRIMARY KEY, ticket text, stage text, at timestamptz, unit text);
INSERT INTO log
SELECT r * 10 + e, 't' || r, (ARRAY['a1', 'b1', 'none', 'c1', 'a2', 'b2'])[1 + chance('s' || r || '.' || e, 6)],
       CASE WHEN chance('n' || r || '.' || e, 12) > 0 THEN timestamptz '2026-03-02Z' + chance('t' || r || '.' || e, 40) * interval '17 hours 31 minutes' END,
       (ARRAY['north', 'south', NULL])[1 + r % 3]
FROM generate_series(1, 120) r, LATERAL generate_series(1, 1 + chance('e' || r, 9)) e;
SELECT count(*) FROM crm.adopt('log', 'stage_change', funnel => 'care', columns => '{"record": "ticket", "stage": "stage", "at": "at", "unit": "unit"}') WHERE room = 'funnel';
CALL crm.backfill('log');
SELECT crm.create_unit('firm', 'The firm', 'business'), crm.create_unit('north', 'North', 'geographic', 'firm'), crm.create_unit('south', 'South', 'geographic', 'firm');
SELECT crm.set_handover_limit('care', 'a', 'b', '5 hours', since => '2026-03-04'), crm.set_handover_limit('care', 'a', 'b', '90 minutes', 'other', since => '2026-03-20'),
       crm.set_handover_limit('care', 'a', 'b', '7 hours', unit => 'south', since => '2026-03-10'), crm.set_handover_limit('care', 'a', 'b', NULL, unit => 'south', since => '2026-03-25'),
       crm.set_handover_limit('care', 'b', 'c', '3 hours', unit => 'firm', since => '2026-03-01');
-- Answers, at times that are set for the comparison.
SELECT count(CASE WHEN chance('x' || record_key || to_stage || offered_at, 3) = 0 THEN crm.refuse_handover(handover, 'no') ELSE crm.accept_handover(handover) END)
FROM crm.handover WHERE chance('q' || record_key || to_stage || offered_at, 5) < 2;
UPDATE crm.handover_answer a SET answered_at = h.at + (chance('w' || h.record_key || h.at, 90) - 5) * interval '1 hour' FROM crm.handover_anchor h WHERE h.handover = a.handover;

-- The reference: no window function, no calendar in C.
CREATE VIEW told AS
SELECT t.*, row_number() OVER (ORDER BY t.at, t.relation::text, t.record_key, t.sequence) AS place FROM crm.transition_log t WHERE t.at IS NOT NULL AND t.department IS NOT NULL;
CREATE TABLE change AS
SELECT t.id, t.record_key, t.at, t.unit, t.department AS to_department, b.department AS from_department, b.to_stage AS from_stage, t.to_stage, t.place
FROM told t
JOIN told b ON b.record_key = t.record_key AND b.place < t.place AND b.department <> t.department
           AND NOT EXISTS (SELECT FROM told m WHERE m.record_key = t.record_key AND m.place > b.place AND m.place < t.place);
CREATE TABLE minute AS
SELECT c.calendar, m.at
FROM crm.calendar c
CROSS JOIN generate_series(timestamptz '2026-02-28Z', '2026-04-20Z', '1 minute') AS m (at)
CROSS JOIN LATERAL (SELECT m.at AT TIME ZONE c.zone AS wall) w
CROSS JOIN LATERAL (SELECT c.hours -> lower(to_char(w.wall, 'dy')) AS spans) d
WHERE NOT EXISTS (SELECT FROM crm.holiday h WHERE h.calendar = c.calendar AND h.day = w.wall::date)
  AND EXISTS (SELECT FROM jsonb_array_elements(CASE WHEN jsonb_typeof(d.spans -> 0) = 'array' THEN d.spans ELSE jsonb_build_array(d.spans) END) x
              WHERE w.wall::time >= (x.value ->> 0)::time AND w.wall::time < (x.value ->> 1)::time);
CREATE INDEX ON minute (calendar, at);
ANALYZE minute;
CREATE TABLE expected AS
SELECT c.id AS handover, c.record_key, c.from_department, c.to_department, c.from_stage, c.to_stage, c.at AS offered_at,
       coalesce(a.answer, CASE WHEN n.id IS NULL THEN 'offered' WHEN n.to_department = c.from_department THEN 'withdrawn' ELSE 'superseded' END) AS state,
       l.answer_within, l.calendar,
       (SELECT m.at + interval '1 minute' FROM minute m WHERE m.calendar = l.calendar AND m.at >= c.at ORDER BY m.at
        OFFSET extract(epoch FROM l.answer_within) / 60 - 1 LIMIT 1) AS due_at,
       a.answered_at, CASE WHEN a.answered_at >= c.at THEN
           (SELECT count(*) FROM minute m WHERE m.calendar = coalesce(l.calendar, 'default') AND m.at >= c.at AND m.at < a.answered_at) END AS worked
FROM change c
LEFT JOIN change n ON n.record_key = c.record_key AND n.place > c.place
                  AND NOT EXISTS (SELECT FROM change m WHERE m.record_key = c.record_key AND m.place > c.place AND m.place < n.place)
LEFT JOIN crm.handover_answer a ON a.handover = c.id
LEFT JOIN LATERAL ( -- the south has an agreement of its own for a while, else everybody's; b to c is the firm's
    SELECT x.* FROM (VALUES ('a', 'b', 'south', 2, timestamptz '2026-03-10Z', timestamptz '2026-03-25Z', interval '7 hours', 'default'),
                            ('a', 'b', NULL, 1, '2026-03-04Z', '2026-03-20Z', '5 hours', 'default'), ('a', 'b', NULL, 1, '2026-03-20Z', 'infinity', '90 minutes', 'other'),
                            ('b', 'c', 'north', 1, '2026-03-01Z', 'infinity', '3 hours', 'default'), ('b', 'c', 'south', 1, '2026-03-01Z', 'infinity', '3 hours', 'default'))
         AS x (f, t, unit, weight, since, until, answer_within, calendar)
    WHERE x.f = c.from_department AND x.t = c.to_department AND (x.unit IS NULL OR x.unit = c.unit) AND c.at >= x.since AND c.at < x.until
    ORDER BY x.weight DESC LIMIT 1) l ON true;
SELECT count(*) AS handovers, count(*) FILTER (WHERE state = 'withdrawn') AS withdrawn, count(*) FILTER (WHERE state = 'superseded') AS superseded, count(due_at) AS limited,
       count(answered_at) AS answered, count(*) FILTER (WHERE answered_at > due_at) AS late FROM expected;
CREATE VIEW found AS
SELECT handover, record_key, from_department, to_department, from_stage, to_stage, offered_at, state, answer_within, calendar, due_at, answered_at FROM crm.handover;
SELECT count(*) AS missing FROM (SELECT handover, record_key, from_department, to_department, from_stage, to_stage, offered_at, state, answer_within, calendar, due_at, answered_at FROM expected
                                 EXCEPT SELECT * FROM found) x;
SELECT count(*) AS too_many FROM (SELECT * FROM found EXCEPT
                                  SELECT handover, record_key, from_department, to_department, from_stage, to_stage, offered_at, state, answer_within, calendar, due_at, answered_at FROM expected) x;
SELECT count(*) AS late_or_overdue_wrong FROM crm.handover h JOIN expected e USING (handover)
WHERE h.answered_late IS DISTINCT FROM (e.answered_at > e.due_at) OR h.overdue IS DISTINCT FROM (CASE WHEN e.due_at IS NOT NULL THEN e.state = 'offered' AND e.due_at < now() END);
SELECT count(*) AS one_by_one_wrong FROM (SELECT * FROM found EXCEPT SELECT h.handover, h.record_key, h.from_department, h.to_department, h.from_stage, h.to_stage, h.offered_at, h.state,
       h.answer_within, h.calendar, h.due_at, h.answered_at FROM generate_series(1, 120) r, crm.record_handover('log', 't' || r) h) x;
-- Counts, of all time and of a window.
SELECT count(*) AS differing FROM (
    SELECT from_department, to_department, offered, accepted, refused, unanswered, withdrawn, superseded, answered_late, timed, business_hours, median_business_hours_to_answer FROM crm_bi.handover
    EXCEPT
    SELECT from_department, to_department, count(*), count(*) FILTER (WHERE state = 'accepted'), count(*) FILTER (WHERE state = 'refused'), count(*) FILTER (WHERE state = 'offered'),
           count(*) FILTER (WHERE state = 'withdrawn'), count(*) FILTER (WHERE state = 'superseded'), count(*) FILTER (WHERE answered_at > due_at), count(worked), round(sum(worked) / 60, 2),
           round((percentile_cont(0.5) WITHIN GROUP (ORDER BY worked / 60.0))::numeric, 2)
    FROM expected GROUP BY 1, 2) x;
SELECT count(*) AS differing FROM (
    SELECT from_department, to_department, offered, accepted, refused, timed FROM crm.handover_counts('care', '2026-03-10', '2026-03-20')
    EXCEPT
    SELECT from_department, to_department, count(*) FILTER (WHERE offered_at >= '2026-03-10' AND offered_at < '2026-03-20'),
           count(*) FILTER (WHERE state = 'accepted' AND answered_at >= '2026-03-10' AND answered_at < '2026-03-20'),
           count(*) FILTER (WHERE state = 'refused' AND answered_at >= '2026-03-10' AND answered_at < '2026-03-20'),
           count(worked) FILTER (WHERE answered_at >= '2026-03-10' AND answered_at < '2026-03-20') FROM expected GROUP BY 1, 2) x;
SELECT count(*) AS rows, sum(offered) = (SELECT count(*) FROM expected) AS all_there, bool_and(offered = accepted + refused + unanswered + withdrawn + superseded) AS adds_up FROM crm_bi.handover;
