# How far a backfill got is seen from another session while it runs, and how old what is pending can be. Then a backfill and folds beside a
# snapshot that is held for all that time, and a restore of data alone.
use strict;
use warnings;
use lib '.';
use IPC::Run;
use PostgreSQL::Test::Utils;
use Session;
use TeamDatabase;
use Test::More;
use Time::HiRes qw(usleep);

my $team = TeamDatabase->new('backfill');
my $node = $team->node;
my $columns = 'columns => \'{"unit": "region", "amount": "value", "stage": "status", "created_at": "opened", "closed_at": "closed"}\'';

$team->run(<<'SQL');
CREATE TABLE deals (id bigint PRIMARY KEY, region text, value numeric, status text, opened date, closed date);
INSERT INTO deals SELECT i, 'r' || i % 5, i % 1000, 'won', date '2026-01-01' + i % 30, date '2026-02-01' + i % 40 FROM generate_series(1, 400000) i;
ANALYZE deals;
CREATE FUNCTION wrong_groups() RETURNS bigint LANGUAGE sql STABLE AS $$
    WITH truth AS (SELECT closed, region, count(*)::numeric AS rows, sum(value) AS amount FROM deals WHERE closed IS NOT NULL GROUP BY 1, 2),
    counted AS (SELECT c.day, c.unit, sum(c.rows), sum(c.s1) FROM crm.kpi_cell c JOIN crm.kpi_instance i USING (instance)
                WHERE i.component = 'opportunity_closed' AND i.state = 'ready' GROUP BY 1, 2 HAVING sum(c.rows) <> 0)
    SELECT (SELECT count(*) FROM (TABLE truth EXCEPT TABLE counted) a) + (SELECT count(*) FROM (TABLE counted EXCEPT TABLE truth) b)
$$;
SQL
is($team->run("SELECT oldest IS NULL, detail LIKE '%limit%' AND detail NOT LIKE '%old%' FROM crm.status WHERE item = 'pending changes'"), 't|t', 'nothing is pending, so nothing is old');
$team->run("SELECT * FROM crm.adopt('deals', 'opportunity', zone => 'UTC', $columns)");

# a snapshot from before the backfill, held until the end
my $old = Session->new($node, 'team');
$old->run('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM deals');
my $state_of_old = q(SELECT string_agg(DISTINCT state, ',') FROM crm.kpi_instance WHERE relation = 'deals'::regclass);
is($old->run($state_of_old), 'filling', 'the old snapshot begins before anything is counted');

my ($in, $out, $err) = ('', '', '');
my $filling = IPC::Run::start([ 'psql', '-qAtX', '-d', $node->connstr('team'), '-c', "CALL crm.backfill('deals')" ], \$in, \$out, \$err);
my (%seen, @seen);
for (1 .. 3000) {
    my $row = $team->run("SELECT amount, state, detail FROM crm.status WHERE item = 'reading of deals' OR item = 'reading of public.deals'");
    push @seen, $row if $row ne '' && !$seen{$row}++;
    $filling->pump_nb;
    last unless $filling->pumpable;
    usleep 1000;
}
$filling->finish;
cmp_ok(scalar @seen, '>', 0, 'another session sees it read') or diag($err);
my @read = map { (split /\|/)[0] } @seen;
is_deeply(\@read, [ sort { $a <=> $b } @read ], 'more and more rows: ' . join(' ', @read));
like($seen[-1], qr/^(\d+)\|filling\|\1 of about 400000 rows$/, 'of as many as the statistics say');
is($team->run("SELECT count(*) FROM crm.status WHERE item LIKE 'reading of%'"), '0', 'and nothing when it is over');
is($team->run('SELECT wrong_groups()'), '0', 'all of it is counted');

# lag
is($team->run(q(SELECT amount > 0, oldest IS NULL, detail LIKE '%never folded' FROM crm.status WHERE item = 'pending changes')), 't|t|t', 'before the first fold nobody knows how old it is');
$team->run('SELECT crm.fold()');
$team->run('UPDATE deals SET value = value + 1 WHERE id = 1');
is($team->run(q(SELECT amount > 0, oldest BETWEEN now() - interval '5 minutes' AND now(), state, detail ~ 'the oldest is at most 00:0.:.. old$' FROM crm.status WHERE item = 'pending changes')),
    't|t|ok|t', 'what is pending is not older than the last fold');
$team->run(q(UPDATE crm.fold_drained SET at = now() - interval '3 days'));
is($team->run(q(SELECT state, detail ~ 'the oldest is at most 3 days', hint LIKE '%fold()%' FROM crm.status WHERE item = 'pending changes')), 'warning|t|t', 'crmd was away for three days');
is($team->run(q(SELECT count(*) FROM crm.doctor() WHERE item = 'pending changes')), '1', 'doctor says so, too');
$team->run('SELECT crm.fold()');
is($team->run(q(SELECT amount, oldest IS NULL, state FROM crm.status WHERE item = 'pending changes')), '0|t|ok', 'until somebody folds');

# the snapshot was held all the time: its numbers are unknown as before, while folds go on beside it
for my $round (1 .. 5) {
    $team->run("UPDATE deals SET value = value + $round, region = 'r' || (id + $round) % 5 WHERE id <= 2000; DELETE FROM deals WHERE id = 5000 + $round; SELECT crm.fold()");
}
is($old->run($state_of_old), 'filling', 'the old snapshot sees that nothing was counted');
is($old->run('SELECT sum(c.rows) IS NULL OR sum(c.rows) = 0 FROM crm.kpi_cell c'), 't', 'and none of what was folded since');
is($team->run('SELECT wrong_groups(), (SELECT count(*) FROM crm.kpi_pending)'), '0|0', 'everybody else has exact numbers');
is($team->run(q(SELECT oldest IS NOT NULL FROM crm.status WHERE item = 'fold')), 't', 'status says that an old snapshot is held');
# a backfill beside it, and one whose own snapshot is from before folds
$team->run("SELECT crm.restate('deals')");
my $aged = Session->new($node, 'team');
$aged->run('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM deals');
$team->run("UPDATE deals SET value = value + 7 WHERE id <= 3000; SELECT crm.fold(); DELETE FROM deals WHERE id BETWEEN 7000 AND 7100; SELECT crm.fold()");
$aged->run("SELECT crm.backfill_room('deals', 'kpi'); COMMIT");
is($team->run('SELECT wrong_groups()'), '0', 'a backfill whose snapshot is older than two folds is exact');
$team->run('SELECT crm.fold()');
is($team->run('SELECT wrong_groups()'), '0', 'and after the next fold');
$old->run('COMMIT');
$aged->quit;
$old->quit;

# A dump of data alone: triggers would count again what the dump of crm's own tables has already.
$team->run("TRUNCATE deals; INSERT INTO deals SELECT i, 'r' || i % 5, i, 'won', '2026-01-01', '2026-02-01' FROM generate_series(1, 50) i; SELECT crm.fold(); UPDATE deals SET value = 0 WHERE id = 1");
my $dump = PostgreSQL::Test::Utils::tempdir() . '/data.sql';
my $plain = PostgreSQL::Test::Utils::tempdir() . '/plain.sql';
$node->command_ok([ 'pg_dump', '--data-only', '--disable-triggers', '-t', 'deals', '-f', $dump, '-d', $node->connstr('team') ], 'a dump of the data of a table, without triggers');
$node->command_ok([ 'pg_dump', '--data-only', '-t', 'deals', '-f', $plain, '-d', $node->connstr('team') ], 'and one with them');
# rows that are lost, as on a disk that failed, with what was counted of them still there
my $lose = "SET session_replication_role = replica; ALTER EVENT TRIGGER crm_follow_disabled DISABLE; ALTER TABLE deals DISABLE TRIGGER ALL; DELETE FROM deals; ALTER TABLE deals ENABLE TRIGGER ALL; ALTER EVENT TRIGGER crm_follow_disabled ENABLE; SELECT tgenabled FROM pg_trigger WHERE tgrelid = 'deals'::regclass AND tgfoid = 'crm.capture_change()'::regprocedure LIMIT 1";
$team->run($lose);
isnt($team->run('SELECT wrong_groups()'), '0', 'rows that went without a trigger are still counted');
$node->command_ok([ 'psql', '-qX', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('team'), '-f', $dump ], 'restored with --disable-triggers');
$team->run("CALL crm.backfill('deals')");
is($team->run('SELECT wrong_groups()'), '0', 'they are counted once');
$team->run($lose);
$node->command_ok([ 'psql', '-qX', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('team'), '-f', $plain ], 'restored with triggers');
isnt($team->run('SELECT wrong_groups()'), '0', 'they are counted twice');
is($team->run("SELECT sum(groups_different) > 0 FROM crm.verify_kpi('won_value')"), 't', 'verify_kpi finds it');
$team->run("SELECT crm.restate('deals')");
$team->run("CALL crm.backfill('deals')");
is($team->run('SELECT wrong_groups()'), '0', 'restate counts them anew');
is($team->run("SELECT sum(groups_different) FROM crm.verify_kpi('won_value')"), '0', 'and nothing differs');
done_testing();
