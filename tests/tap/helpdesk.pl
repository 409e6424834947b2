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
