# Point-in-time recovery: to between a merge and its unmerge, to the middle of a merge, of a fold, of a backfill. Nothing is there of what was not
# committed, all of what was; the numbers are those of the tables at once and not only after the next fold; and then every invariant holds.
use strict;
use warnings;
use lib '.';
use Cwd;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Session;
use Soak;
use Support qw(enough_locks);
use TeamDatabase;
use Test::More;

my $primary = PostgreSQL::Test::Cluster->new('archived');
$primary->init(allows_streaming => 1, has_archiving => 1, extra => ['--wal-segsize=4']);
$primary->append_conf('postgresql.conf', "fsync = off\ntimezone = 'UTC'\nlog_statement = none\nautovacuum = off\nmax_wal_size = 1GB\n" . enough_locks());
my $archive = Cwd::abs_path($primary->archive_dir);
$primary->append_conf('postgresql.conf', qq(archive_command = 'cp "%p" "$archive/%f"'\n));
$primary->start;
$primary->safe_psql('postgres', 'CREATE DATABASE team');
my $team = bless { node => $primary, database => 'team' }, 'TeamDatabase';
$team->run('CREATE SCHEMA crm; CREATE EXTENSION crm SCHEMA crm');
Soak::load_world($team, 60);
$team->run('CALL fill_all()');
$team->run('CALL invariant.settle()');
# alerts that were told
$team->run("SET application_name = 'writer'; INSERT INTO deals SELECT 800000 + n, 1, 'north', 'rep1', n, CASE WHEN n % 3 > 0 THEN 'lost' ELSE 'won' END, now(), now() FROM generate_series(1, 90) n; SELECT crm.fold()");
$team->run(<<'SQL');
SELECT c.rule, crm.finish_rule(c.rule, c.epoch) FROM crm.claim_rules('w', 9, '1 minute') c;
SELECT crm.finish_deliveries(jsonb_agg(jsonb_build_object('id', c.id, 'epoch', c.epoch, 'outcome', 'delivered', 'status', 200))) FROM crm.claim_deliveries('w', 99, '1 minute') c;
SQL
$team->run('CALL crm.resolve()');
$team->run('CALL invariant.settle()');
$team->prints('SELECT count(*) > 0 FROM crm.delivery_history', 't', 'messages were sent');
Soak::broken($team, 'before, every invariant holds');
$primary->backup('base');

# What a point is compared by: every row of the team's tables, and of the tables of crm that a dump would have. A point is a name, or a place in the log.
my $contents = 'SELECT relation, rows, digest FROM invariant.contents() ORDER BY 1';
my (%point, @order);
sub note_point {
    my ($name, $lsn) = @_;
    push @order, $name;
    $point{$name} = { then => $team->run($contents), target => $lsn ? "lsn = '$lsn'" : "name = '$name'" };
    $team->run("SELECT pg_create_restore_point('$name')") if !$lsn;
    return;
}

# between a merge and its unmerge
my $merge = "SELECT crm.merge('people', '7', '{8,9}', 'the same')";
my $rows = q(SELECT md5(string_agg(line, ',' ORDER BY line)) FROM invariant.rows_of_teams());
my $before = $team->run($rows);
my $merged = $team->run("SET application_name = 'merger'; $merge");
note_point('between');
$team->run("SET application_name = 'merger'; SELECT crm.unmerge($merged)");
is($team->run($rows), $before, 'unmerged, every row is as it was');

# the middle of a merge of rows that thousands of others name: half of what it wrote is in the archive at the point
$team->run("SET application_name = 'writer'; INSERT INTO touches (person, at, channel, region) SELECT 12, timestamptz '2026-04-01' + n * interval '1 minute', 'web', 'north' FROM generate_series(1, 3000) n;
    INSERT INTO tickets (person, region, subject, stage, priority, opened) SELECT 12, 'north', 'Again ' || n, 'new', 'high', timestamptz '2026-04-01' + n * interval '1 hour' FROM generate_series(1, 300) n");
$team->run('CALL invariant.settle()');
{
    my $session = Session->new($primary, 'team');
    my $begin = $team->run('SELECT pg_current_wal_insert_lsn()');
    $session->run("SET application_name = 'merger'; BEGIN; SELECT crm.merge('people', '11', '{12,13}', 'the same')");
    my $end = $team->run('SELECT pg_current_wal_insert_lsn()');
    cmp_ok($team->run("SELECT '$end'::pg_lsn - '$begin'"), '>', 1_000_000, 'a merge that writes much');
    note_point('merge', $team->run("SELECT '$begin'::pg_lsn + trunc(('$end'::pg_lsn - '$begin') / 2)"));
    is($session->run('COMMIT; SELECT count(*) FROM touches WHERE person = 12'), '0', 'it is committed afterwards');
    $session->quit;
}

# the middle of a fold: a part of what was pending is folded for good, a fold of more is open, and writers go on
$team->run('CALL invariant.settle()');
$team->run("SET application_name = 'writer'; UPDATE deals SET value = value + id % 7, region = CASE id % 3 WHEN 0 THEN 'north' ELSE region END; DELETE FROM deals WHERE id % 11 = 0;
    UPDATE spending SET amount = amount * 2; INSERT INTO deals VALUES (777777, 1, 'east', 'rep1', 5, 'won', '2026-04-04', '2026-05-05')");
{
    my $session = Session->new($primary, 'team');
    my $pending = $team->run('SELECT count(*) FROM crm.kpi_pending');
    $team->run("SET application_name = 'writer'; SELECT crm.fold(5)");
    my $left = $team->run('SELECT count(*) FROM crm.kpi_pending');
    ok($left > 0 && $left < $pending, "a part is folded: $left of $pending wait");
    like($session->run('BEGIN; SELECT crm.fold()'), qr/\A[1-9][0-9]*\z/, 'and a fold is open');
    is($session->run('SELECT count(*) FROM crm.kpi_pending'), '0', 'that has taken all of it');
    $team->run("SET application_name = 'writer'; UPDATE deals SET value = value + 1 WHERE id % 5 = 1");
    note_point('fold');
    $session->run('COMMIT');
    $session->quit;
}

# the middle of a backfill: of one table one room is filled, the next one is being filled
$team->run('CALL invariant.settle()');
$team->run("SELECT crm.restate('deals'); SELECT crm.restate('tickets')");
{
    my $session = Session->new($primary, 'team');
    my $filling = $team->run("SELECT count(*) FROM crm.filling WHERE state <> 'ready'");
    $team->run("CALL crm.backfill('tickets')");
    $session->run("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT crm.backfill_room('deals', 'kpi')");
    $team->run("SET application_name = 'writer'; UPDATE deals SET value = value + 3 WHERE id % 5 = 2");
    is($team->run("SELECT string_agg(relation::text || ' ' || room, ', ') FROM crm.filling WHERE state <> 'ready'"), 'deals kpi', "of $filling that are read anew one is open");
    note_point('backfill');
    $session->run('COMMIT');
    $session->quit;
}
my $last = $team->run('SELECT pg_walfile_name(pg_current_wal_lsn())');
$team->run('SELECT pg_switch_wal()');
$primary->poll_query_until('postgres', "SELECT last_archived_wal >= '$last' FROM pg_stat_archiver") or die 'not archived';
$primary->stop;

for my $name (@order) {
    my $copy = PostgreSQL::Test::Cluster->new("to_$name");
    $copy->init_from_backup($primary, 'base', has_restoring => 1, standby => 0);
    # each goes a way of its own, and none into the archive
    $copy->append_conf('postgresql.conf', "archive_mode = off\nrestore_command = 'cp \"$archive/%f\" \"%p\"'\nrecovery_target_timeline = 'current'\nrecovery_target_$point{$name}{target}\nrecovery_target_action = 'promote'\n");
    $copy->start;
    $copy->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die 'not recovered';
    my $recovered = bless { node => $copy, database => 'team' }, 'TeamDatabase';
    $recovered->prints($contents, $point{$name}{then}, "$name: all that was committed is there, and nothing else");
    Soak::broken($recovered, "$name: the numbers are those of the tables", 'i01_rows', 'i02_numbers');
    if ($name eq 'between') {
        $recovered->run("SET application_name = 'merger'; SELECT crm.unmerge($merged)");
        $recovered->prints($rows, $before, 'between: unmerged there, every row is as it was before the merge');
    } elsif ($name eq 'merge') {
        $recovered->prints("SELECT count(*) FROM crm.merge_log WHERE keep = '11'", '0', 'merge: nobody knows of it');
        like($recovered->run("SET application_name = 'merger'; SELECT crm.merge('people', '11', '{12,13}', 'the same')"), qr/\A\d+\z/, 'merge: it is done again');
        $recovered->prints('SELECT count(*) FROM touches WHERE person = 12', '0', 'merge: as a whole');
    } elsif ($name eq 'fold') {
        $recovered->prints('SELECT count(*) > 0, (SELECT crm.fold() > 0) FROM crm.kpi_pending', 't|t', 'fold: what was pending is, and is folded');
        Soak::broken($recovered, 'fold: the numbers stay', 'i02_numbers');
    } else {
        $recovered->prints("SELECT string_agg(DISTINCT state, ' ') FROM crm.kpi_total('won_value')", 'filling', 'backfill: a number that is not there yet is not said');
        $recovered->run("CALL crm.backfill('deals')");
        $recovered->prints("SELECT state FROM crm.kpi_total('won_value')", 'ready', 'backfill: it goes on');
    }
    $recovered->run("SET application_name = 'writer'; UPDATE deals SET value = value + 2 WHERE id % 4 = 1; INSERT INTO people (name, email) VALUES ('New Person', 'new\@soak.example')");
    $recovered->run('CALL invariant.settle()');
    Soak::broken($recovered, "$name: after more writes every invariant holds");
    $copy->stop('immediate');
}
done_testing();
