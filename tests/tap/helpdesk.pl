# A help desk's event log of 21,348 events, adopted as it stands: one row for each thing that happened to a case, with a
# key of two columns. The numbers are what anybody counts in the file.
use strict;
use warnings;
use lib '.';
use TeamDatabase;
use Test::More;

TeamDatabase->require_data('service');
my $team = TeamDatabase->new('helpdesk');

$team->run(<<'SQL');
CREATE SCHEMA service;
CREATE TABLE service.log (
    case_id varchar(20), seq smallint, activity text NOT NULL, at timestamptz NOT NULL, resource text,
    PRIMARY KEY (case_id, seq));
SQL
$team->load('service/helpdesk.csv', 'service.log');

$team->run(<<'SQL');
SELECT crm.create_funnel('support', 'ticket', '[
    {"key": "assigned", "position": 100, "label": "Assign seriousness", "kind": "entry"},
    {"key": "in_charge", "position": 200, "label": "Take in charge ticket"},
    {"key": "waiting", "position": 250, "label": "Wait", "kind": "waiting"},
    {"key": "resolved", "position": 300, "label": "Resolve ticket"},
    {"key": "closed", "position": 400, "label": "Closed"}]');
SQL
$team->adopt_and_fill('service.log', q('stage_change', funnel => 'support', columns => '{
    "record": "case_id", "stage": "activity", "at": "at", "by": "resource", "of": "''ticket''"}'));

# Cases that reach each step after the one before it, in the order in which things happened.
my $in_order = <<'SQL';
WITH event AS (
    SELECT record_key, to_stage, "sequence" AS n
    FROM crm.transition_log WHERE funnel = 'support'),
assigned AS (SELECT record_key, min(n) AS n FROM event WHERE to_stage = 'assigned' GROUP BY 1),
in_charge AS (SELECT e.record_key, min(e.n) AS n FROM event e JOIN assigned b ON b.record_key = e.record_key AND e.n > b.n
              WHERE to_stage = 'in_charge' GROUP BY 1),
resolved AS (SELECT e.record_key, min(e.n) AS n FROM event e JOIN in_charge b ON b.record_key = e.record_key AND e.n > b.n
             WHERE to_stage = 'resolved' GROUP BY 1),
closed AS (SELECT e.record_key, min(e.n) AS n FROM event e JOIN resolved b ON b.record_key = e.record_key AND e.n > b.n
           WHERE to_stage = 'closed' GROUP BY 1)
SELECT (SELECT count(*) FROM assigned), (SELECT count(*) FROM in_charge), (SELECT count(*) FROM resolved),
       (SELECT count(*) FROM closed)
SQL
$team->prints('SELECT count(*), count(DISTINCT record_key) FROM crm.transition_log', '21348|4580', 'events and cases');
$team->prints($in_order, '4495|4207|4199|4189', 'cases that go through the steps in order');
$team->prints(<<'SQL', '130', 'neighbours with equal timestamps');
SELECT count(*) FROM (
    SELECT at = lag(at) OVER (PARTITION BY record_key ORDER BY "sequence") AS equal
    FROM crm.transition_log WHERE funnel = 'support') neighbour
WHERE equal
SQL
# The same by the functions of the funnel, and what they say beside it, against plain SQL over the file as it was loaded.
$team->prints(q(SELECT string_agg(reached::text, '|' ORDER BY step) FROM crm.funnel_counts('support', ARRAY['assigned', 'in_charge', 'resolved', 'closed'])),
    '4495|4207|4199|4189', 'counted in order');
$team->prints(q(SELECT string_agg(reached::text, '|' ORDER BY step) FROM crm.funnel_conversion('support', ARRAY['assigned', 'in_charge', 'resolved', 'closed'])),
    '4495|4207|4199|4189', 'converted in order');
$team->run(<<'SQL');
CREATE VIEW service.step AS -- as the stages of the funnel read the file
SELECT case_id, at, row_number() OVER (PARTITION BY case_id ORDER BY at, seq) AS n, CASE lower(activity)
    WHEN 'assign seriousness' THEN 100 WHEN 'take in charge ticket' THEN 200 WHEN 'wait' THEN 250 WHEN 'resolve ticket' THEN 300
    WHEN 'resolved' THEN 300 WHEN 'closed' THEN 400 END AS stage
FROM service.log;
CREATE VIEW service.pass AS -- from the first time that a case was assigned on
SELECT a.case_id, a.at AS assigned, c.at AS taken, r.at AS resolved, d.at AS closed
FROM (SELECT DISTINCT ON (case_id) * FROM service.step WHERE stage = 100 ORDER BY case_id, n) a
LEFT JOIN LATERAL (SELECT * FROM service.step s WHERE s.case_id = a.case_id AND s.stage = 200 AND s.n > a.n ORDER BY n LIMIT 1) c ON true
LEFT JOIN LATERAL (SELECT * FROM service.step s WHERE s.case_id = a.case_id AND s.stage = 300 AND s.n > c.n ORDER BY n LIMIT 1) r ON true
LEFT JOIN LATERAL (SELECT * FROM service.step s WHERE s.case_id = a.case_id AND s.stage = 400 AND s.n > r.n ORDER BY n LIMIT 1) d ON true;
SQL
sub same {
    my ($ours, $plain, $name) = @_;
    my $expected = $team->run($plain);
    ok(length $expected > 10, "$name: there is something to compare");
    $team->prints($ours, $expected, $name);
    return;
}
same(<<'SQL', <<'SQL', 'how long it took from step to step, and from the first');
SELECT round(extract(epoch FROM p50), 3), round(extract(epoch FROM mean), 3), round(extract(epoch FROM p90_from_first), 3)
FROM crm.funnel_conversion('support', ARRAY['assigned', 'in_charge', 'resolved', 'closed'], anchor => 'first_entry') WHERE step > 1 ORDER BY step
SQL
SELECT round((percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM later - earlier)::float8))::numeric, 3), round(avg(extract(epoch FROM later - earlier)), 3),
       round((percentile_cont(0.9) WITHIN GROUP (ORDER BY extract(epoch FROM later - assigned)::float8))::numeric, 3)
FROM service.pass, LATERAL (VALUES (2, assigned, taken), (3, taken, resolved), (4, resolved, closed)) v (step, earlier, later)
WHERE later IS NOT NULL GROUP BY step ORDER BY step
SQL
same(<<'SQL', <<'SQL', 'cohort conversion: of the cases assigned in a month, those closed within 30 days');
SELECT cohort, entered, converted, conversion, mature FROM crm.cohort_conversion('support', 'assigned', 'closed', '30 days')
SQL
SELECT date_trunc('month', a.at AT TIME ZONE 'UTC')::date, count(*), count(c.case_id), round(count(c.case_id) / count(*)::numeric, 4), true
FROM (SELECT DISTINCT ON (case_id) * FROM service.step WHERE stage = 100 ORDER BY case_id, n) a
LEFT JOIN LATERAL (SELECT s.case_id FROM service.step s WHERE s.case_id = a.case_id AND s.stage = 400 AND s.n > a.n AND s.at <= a.at + interval '720 hours' LIMIT 1) c ON true
GROUP BY 1 ORDER BY 1
SQL
same(<<'SQL', <<'SQL', 'snapshot conversion: cases first closed in a month against cases first assigned in it');
SELECT period_start, entered_from, entered_to, conversion FROM crm.snapshot_conversion('support', 'assigned', 'closed')
SQL
SELECT month, count(*) FILTER (WHERE stage = 100), count(*) FILTER (WHERE stage = 400), round(count(*) FILTER (WHERE stage = 400) / nullif(count(*) FILTER (WHERE stage = 100), 0)::numeric, 4)
FROM (SELECT stage, date_trunc('month', min(at) AT TIME ZONE 'UTC')::date AS month FROM service.step WHERE stage IN (100, 400) GROUP BY case_id, stage) f GROUP BY 1 ORDER BY 1
SQL
same(<<'SQL', <<'SQL', 'what cases did after they waited');
SELECT next_stage, subjects FROM crm.next_steps('support', 'waiting', top => NULL) WHERE next_stage NOT LIKE '(%' ORDER BY 1
SQL
SELECT CASE next WHEN 100 THEN 'assigned' WHEN 200 THEN 'in_charge' WHEN 300 THEN 'resolved' ELSE 'closed' END, count(*)
FROM (SELECT DISTINCT ON (w.case_id) w.case_id, s.stage AS next FROM service.step w JOIN service.step s ON s.case_id = w.case_id AND s.n > w.n AND s.stage <> 250
      WHERE w.stage = 250 AND w.n = (SELECT min(f.n) FROM service.step f WHERE f.case_id = w.case_id AND f.stage = 250) ORDER BY w.case_id, s.n) d GROUP BY 1 ORDER BY 1
SQL
same(<<'SQL', <<'SQL', 'how often cases came into a stage, came back to it, went back from it, and are there');
SELECT "position", entries, subjects, reentries, regressions, staying FROM crm.stage_stays('support')
SQL
SELECT stage, count(*), count(DISTINCT case_id), count(*) - count(DISTINCT case_id), count(*) FILTER (WHERE next < stage), count(*) FILTER (WHERE next IS NULL)
FROM (SELECT case_id, stage, lead(stage) OVER (PARTITION BY case_id ORDER BY n) AS next
      FROM (SELECT *, lag(stage) OVER (PARTITION BY case_id ORDER BY n) IS DISTINCT FROM stage AS moved FROM service.step WHERE stage IS NOT NULL) m WHERE moved) s
GROUP BY 1 ORDER BY 1
SQL
# Events that tie keep the log's own order.
$team->prints(<<'SQL', '0', 'ties stand in the order of the log');
SELECT count(*) FROM (
    SELECT l.seq, lag(l.seq) OVER (PARTITION BY t.record_key ORDER BY t."sequence") AS before,
           t.at = lag(t.at) OVER (PARTITION BY t.record_key ORDER BY t."sequence") AS equal
    FROM crm.transition_log t JOIN service.log l ON l.case_id = t.record_key AND l.seq = (t.source_key::jsonb ->> 1)::int) neighbour
WHERE equal AND seq < before
SQL
# 330 events have other names; two of them say RESOLVED, which is the key of a stage.
$team->prints(<<'SQL', '328', 'activities that no stage is named after are kept, unresolved');
SELECT count(*) FROM crm.transition_log WHERE to_stage IS NULL
SQL

# The team goes on writing, and takes it back.
$team->run(q(INSERT INTO service.log VALUES ('Case 342', 4, 'Closed', '2010-06-02 09:00+00', 'Value 1')));
$team->prints($in_order, '4495|4207|4199|4190', 'a new event counts at once');
$team->run(q(DELETE FROM service.log WHERE case_id = 'Case 342' AND seq = 4));
$team->prints($in_order, '4495|4207|4199|4189', 'an event that is taken back does not');

done_testing();
