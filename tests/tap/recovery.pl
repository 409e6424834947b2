# A standby of a database with something in every room: all is read there as on the primary, what writes says that it cannot; promoted, it goes on, with crmd.
# And point-in-time recovery to the middle of a merge, of a fold, of a backfill: nothing of what was not committed, and it goes on.
use strict;
use warnings;
use lib '.';
use EveryRoom;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use TeamDatabase;
use Test::More;

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1, has_archiving => 1);
$primary->append_conf('postgresql.conf', "fsync = off\ntimezone = 'UTC'\nlog_statement = none\nautovacuum = off\n");
$primary->start;
$primary->safe_psql('postgres', 'CREATE DATABASE team');
my $team = bless { node => $primary, database => 'team' }, 'TeamDatabase';
$team->run("CREATE SCHEMA crm; CREATE EXTENSION crm SCHEMA crm; CREATE ROLE daemon LOGIN; SELECT crm.grant_daemon('daemon')");
load_rooms($team);
my $before = seen($team);
$primary->backup('base');

# the standby
my $node = PostgreSQL::Test::Cluster->new('standby');
$node->init_from_backup($primary, 'base', has_streaming => 1);
$node->start;
my $standby = bless { node => $node, database => 'team' }, 'TeamDatabase';
$primary->wait_for_catchup($node, 'replay', $primary->lsn('flush'));
same($standby, $before, 'standby');
my @views = split /\n/, $standby->run(q(SELECT c.oid::regclass FROM pg_class c WHERE c.relkind = 'v' AND c.relnamespace IN ('crm'::regnamespace, 'crm_bi'::regnamespace) ORDER BY 1));
cmp_ok(scalar @views, '>', 40, 'there are views');
is(join("\n", map { my ($status, $out, $err) = $node->psql('team', "SELECT count(*) FROM $_"); $status == 0 ? () : "$_: $err" } @views), '', 'every view is read on a standby');
$standby->prints(q(SELECT count(*) > 0 FROM crm.kpi('won_value', 'month', '2026-01-01', '2026-12-31')), 't', 'so is kpi()');
$standby->prints(q(SELECT count(*) > 0 FROM crm.doctor()), 't', 'and doctor()');
$standby->prints(q(SELECT length(crm.customer_360(customer_id)::text) > 100 FROM crm.customer_record WHERE record_key = '1' LIMIT 1), 't', 'and a customer\'s whole story');
for my $writing (q(SELECT crm.fold()), q(CALL crm.resolve()), q(CALL crm.backfill('shop.deals')), q(SELECT crm.create_unit('new')), q(SELECT crm.merge('shop.customers', '1', '{2}', 'no')),
    q(SELECT crm.pack_journeys()), q(SELECT crm.acknowledge(1, 'no')), q(UPDATE shop.deals SET value = 1 WHERE id = 1)) {
    my ($status, $out, $err) = $node->psql('team', $writing);
    ok($status != 0 && $err =~ /ERROR: .*(?:read-only transaction|during recovery)/, "refused on a standby: $writing") or diag("$status $out $err");
}

# crmd waits for a primary there, and works where it is promoted
my $folder = PostgreSQL::Test::Utils::tempdir;
append_to_file("$folder/crmd.ini", "[crmd]\ndsn = " . $node->connstr('team') . " user=daemon\nworker = w\nsecrets = $folder/secrets.ini\n");
append_to_file("$folder/secrets.ini", "[chat]\nurl = http://127.0.0.1:9/x\n");
chmod 0600, "$folder/crmd.ini", "$folder/secrets.ini";
sub crmd { my ($out, $err) = ('', ''); IPC::Run::run([ $ENV{CRMD}, '-c', "$folder/crmd.ini", @_ ], '<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout(120)); return ($? >> 8, $out . $err) }
my ($status, $said) = crmd('check');
isnt($status, 0, 'crmd check of a standby fails');
like($said, qr/standby/, 'and says that it is one');
$team->run(q(UPDATE shop.deals SET value = value + 1, status = 'won', closed = '2026-04-01' WHERE id = 10)); # pending
$primary->wait_for_catchup($node, 'replay', $primary->lsn('flush'));
$primary->stop('immediate');
$node->promote;
($status, $said) = crmd('once');
is($status, 0, 'promoted, crmd does all there is to do') or diag($said);
$standby->prints('SELECT count(*) FROM crm.kpi_pending', '0', 'what was pending on the primary is folded');
goes_on($standby, 'promoted');
$node->stop;

# Point-in-time recovery. What is open at the point never was.
$primary->start;
my @points;

# Opens a transaction that does this, notes the point in the middle of it, and lets it commit after.
sub point_within {
    my ($name, @statements) = @_;
    my ($in, $out) = ('', '');
    my $session = IPC::Run::start([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $primary->connstr('team') ], '<', \$in, '>', \$out, '2>&1', IPC::Run::timeout(120));
    $in .= "BEGIN;\n" . join('', map { "$_;\n" } @statements) . "\\echo done\n";
    $session->pump until $out =~ /^done$/m || $out =~ /ERROR/;
    die "$name: $out" if $out =~ /ERROR/;
    my $writes = $team->run('SELECT crm.fold()') if $name ne 'fold';
    $team->run('CREATE TABLE IF NOT EXISTS public.flush (n integer); INSERT INTO public.flush VALUES (1)');
    push @points, [ $name, $primary->safe_psql('postgres', "SELECT pg_create_restore_point('$name')"), seen($team, qw(customers units numbers counted history journeys merges alerts filled)),
        $team->run('SELECT md5(string_agg(t::text, \' \' ORDER BY id)) FROM shop.customers t') ];
    $in .= "COMMIT;\n\\q\n";
    $session->finish;
    return;
}
point_within('merge', q(SELECT crm.merge('shop.customers', '11', '{12,13}', 'the same')), 'SELECT crm.resolve_pending()');
$team->run(q(UPDATE shop.deals SET value = value + 2 WHERE id < 20));
point_within('fold', 'SELECT crm.fold()');
$team->run(q(SELECT crm.restate('shop.deals')));
point_within('backfill', q(SET TRANSACTION ISOLATION LEVEL REPEATABLE READ), q(SELECT crm.backfill_room('shop.deals', 'kpi')));
$primary->safe_psql('postgres', 'SELECT pg_switch_wal()');
$primary->poll_query_until('postgres', q(SELECT last_archived_wal IS NOT NULL AND failed_count = 0 AND last_archived_wal >= pg_walfile_name(pg_current_wal_lsn() - 16777216) FROM pg_stat_archiver)) or die 'not archived';
$primary->stop;
for my $point (@points) {
    my ($name, $lsn, $then, $rows) = @$point;
    my $copy = PostgreSQL::Test::Cluster->new("to_$name");
    $copy->init_from_backup($primary, 'base', has_restoring => 1, standby => 0);
    $copy->append_conf('postgresql.conf', "recovery_target_name = '$name'\nrecovery_target_action = 'promote'\n");
    $copy->start;
    $copy->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die 'not recovered';
    my $recovered = bless { node => $copy, database => 'team' }, 'TeamDatabase';
    same($recovered, $then, "in the middle of a $name");
    $recovered->prints('SELECT md5(string_agg(t::text, \' \' ORDER BY id)) FROM shop.customers t', $rows, "in the middle of a $name: the team's rows are whole");
    $recovered->run(q(SELECT crm.merge('shop.customers', '11', '{12,13}', 'the same'))) if $name eq 'merge';
    $recovered->run(q(CALL crm.backfill('shop.deals')));
    goes_on($recovered, "in the middle of a $name");
    $copy->stop;
}
done_testing();
