# From the major release of PostgreSQL before this one, with data in every room: dumped and restored into a new server, and
# moved there by pg_upgrade. Nothing that people see has changed, the extension is what a fresh install makes here, the rows of each of
# its tables are there, and it goes on: writes are captured, the daemon works, a merge is taken back.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Catalogue;
use EveryRoom;
use Support qw(private_file);
use TeamDatabase;

my $old_server = $ENV{CRM_OLD_SERVER} or die "CRM_OLD_SERVER is not set: run tests/upgrade-major\n";
my $dir = PostgreSQL::Test::Utils::tempdir;
my @pg = (extra => [ '-E', 'UTF8', '--locale', 'C.UTF-8' ]);

sub database { my ($node, $name) = @_; return bless { node => $node, database => $name }, 'TeamDatabase' }

sub server
{
    my ($name, $init, %options) = @_;
    my $node = PostgreSQL::Test::Cluster->new($name, %options);
    $node->init(@$init);
    $node->append_conf('postgresql.conf', "fsync = off\ntimezone = 'UTC'\nlog_statement = none\n");
    return $node;
}

my $old = server('old', \@pg, install_path => $old_server);
$old->start;
my $version = $old->safe_psql('postgres', q(SELECT current_setting('server_version_num')::integer / 10000));
$old->safe_psql('postgres', 'CREATE DATABASE team');
my $team = database($old, 'team');
$team->run('CREATE SCHEMA crm; CREATE EXTENSION crm SCHEMA crm; CREATE ROLE daemon LOGIN; SELECT crm.grant_daemon(\'daemon\')');
load_rooms($team);
$team->run('SELECT crm.fold()');
$team->run('SELECT crm.pack_journeys()') for 1 .. 4;
$team->run(q(UPDATE shop.deals SET status = 'won', closed = '2026-06-01' WHERE id = 1)); # is pending when the server changes
# Numbers of clocks of service levels are filled anew after a restore.
my $of_clocks = q(SELECT kpi_key, day, unit_key, stage, channel, owner, currency, numerator, denominator, value, state FROM crm_bi.kpi_value WHERE kpi_key ~ '^(resolution_hours|sla_)' ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10);
my $clocks = $team->run($of_clocks);
my $before = { %{ seen($team) }, clocks => $clocks };
cmp_ok(length $before->{$_}, '>', 0, "PostgreSQL $version: $_: there is something to compare") for sort keys %$before;
delete $before->{clocks};

# Tables of the extension: how many rows, and what stands in them.
sub rows
{
    my ($on, $condition) = @_;
    my $tables = $on->run(qq(SELECT string_agg(format('SELECT %L AS name, count(*) AS rows, md5(string_agg(t::text, E''\\n'' ORDER BY t::text COLLATE "C")) AS content FROM %s t', c.oid::regclass, c.oid::regclass), ' UNION ALL ')
        FROM pg_class c JOIN pg_depend d ON (d.classid, d.objid, d.deptype) = ('pg_class'::regclass, c.oid, 'e')
        JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'crm' WHERE c.relkind = 'r' AND $condition));
    return { map { my ($name, $rest) = split /\|/, $_, 2; ($name => $rest) } split /\n/, $on->run($tables) };
}
my $dumped = '(c.oid = ANY (e.extconfig) AND e.extcondition[array_position(e.extconfig, c.oid)] IS NOT DISTINCT FROM \'\')';
my %rows_before = (upgraded => rows($team, 'true'), restored => rows($team, $dumped));
cmp_ok(scalar(grep { !/^0\|/ } values %{ $rows_before{$_} }), '>', 40, "$_: so many tables have rows to compare") for sort keys %rows_before;

# What doctor and status ask people to look at; sizes and times are not of interest.
sub complaints { my ($on) = @_; return $on->run('SELECT room, item, state FROM crm.doctor() ORDER BY 1, 2, 3') }
my $complaints = complaints($team);

# The new server, once to be restored into and once to be upgraded to; both have checksums as the old one has.
sub newer
{
    my ($name) = @_;
    my @checksums = `$ENV{PG_BIN}/initdb --help` =~ /--no-data-checksums/ ? '--no-data-checksums' : ();
    return server($name, [ extra => [ @{ $pg[1] }, @checksums ] ]);
}

my $major;
sub lives
{
    my ($how, $on, $fresh) = @_;
    if ($how eq 'restored')
    {
        # after a restore clocks are read anew, and journeys packed anew, as crmd does
        $on->run('SELECT crm.settle_clocks()');
        $on->run('SELECT crm.pack_journeys()') for 1 .. 4;
    }
    same($on, $before, $how);
    is($on->run($of_clocks), $how eq 'upgraded' ? $clocks : join("\n", map { "$_||acme||||||||filling" } qw(resolution_hours resolution_hours_total sla_attainment)),
        "$how: numbers of clocks" . ($how eq 'upgraded' ? ' as before' : ' say that they are being filled'));
    my $rows = rows($on, $how eq 'restored' ? $dumped : 'true');
    is_deeply([ differences($rows_before{$how}, $rows) ], [], "$how: the rows of each table") or
        diag(join "\n", map { "$_: $rows_before{$how}{$_} became $rows->{$_}" } differences($rows_before{$how}, $rows));
    is(complaints($on), $complaints, "$how: doctor and status say what they said");
    my $here = catalogue($on);
    is_deeply([ differences(catalogue($fresh), $here) ], [], "$how: no catalogue entry differs from a fresh install");

    # it goes on
    $on->run(q(UPDATE shop.deals SET status = 'lost' WHERE id = 2; INSERT INTO shop.deals (id, customer, value, status, opened, region) VALUES (1001, 3, 50, 'won', '2026-03-01', 'north')));
    isnt($on->run('SELECT count(*) FROM crm.kpi_pending'), '0', "$how: a write is captured");
    my $config = private_file($dir, "$how.ini", "[crmd]\ndsn = " . $on->node->connstr($on->{database}) . " user=daemon\nworker = $how\nsecrets = "
        . private_file($dir, "$how-secrets.ini", '') . "\n");
    my ($out, $said) = ('', '');
    IPC::Run::run([ $ENV{CRMD}, '-c', $config, 'check' ], '<', \undef, '>', \$out, '2>', \$said);
    like($out . $said, qr/^ok +connection +database team as role daemon, server $major\./m, "$how: crmd check names the server");
    IPC::Run::run([ $ENV{CRMD}, '-c', $config, 'once' ], '<', \undef, '>', \$out, '2>', \$said); # messages have nowhere to go
    like($said, qr/event=connected connection=fold database=team role=daemon/, "$how: crmd does a full pass") or diag($out, $said);
    $on->prints('SELECT count(*) FROM crm.kpi_pending', '0', "$how: which folds what was pending, from before and since");
    $on->prints(q(SELECT count(*) FROM crm.kpi k, crm.verify_kpi(k.kpi) v WHERE k.kpi IN ('won_value', 'won_count') AND v.groups_different <> 0), '0', "$how: numbers are right");
    my $apart = q(SELECT id, name FROM shop.customers WHERE id IN (7, 8) ORDER BY id);
    $on->prints($apart, '7|Customer 7', "$how: a merge of before");
    $on->run('SELECT crm.unmerge(merge_id) FROM crm.merge_log; CALL crm.resolve()');
    $on->prints($apart, "7|Customer 7\n8|Customer 8", "$how: is taken back");
    my $mine = q(SET ROLE clerk; SELECT count(*), min(region) FROM shop.deals);
    $on->run(q(CREATE ROLE clerk; GRANT USAGE ON SCHEMA shop TO clerk; GRANT SELECT ON shop.deals TO clerk; UPDATE crm.principal SET role_name = 'clerk' WHERE principal = 'clerk'));
    $on->prints($mine, $on->run(q(SELECT count(*), 'north' FROM shop.deals WHERE coalesce(region, 'north') = 'north')), "$how: who may see one unit sees that");
    $on->run('SELECT crm.disown_all(); DROP INDEX shop.deals_mail, shop.deals_entered; ALTER TABLE shop.deals DROP COLUMN mail, DROP COLUMN entered; DROP EXTENSION crm');
    $on->prints(q(SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal AND tgrelid::regclass::text LIKE 'shop.%'), '0', "$how: and crm goes away");
    return;
}

# --- dump and restore
my $node = newer('new');
$node->start;
$node->safe_psql('postgres', "CREATE DATABASE $_") for 'team', 'fresh';
my $fresh = database($node, 'fresh');
$fresh->run('CREATE SCHEMA crm; CREATE EXTENSION crm SCHEMA crm; CREATE ROLE daemon LOGIN; SELECT crm.grant_daemon(\'daemon\')');
$major = $fresh->run(q(SELECT current_setting('server_version_num')::integer / 10000));
cmp_ok($major, '>', $version, "from $version to $major");
# Minor releases of November 2026 give each column a version, as an option and in the head of each row value that is kept. A newer major of an older
# month knows neither: that pair of releases cannot be pg_upgraded, with crm or without.
my $is_marked = q(array_to_string(attoptions, ',') LIKE '%pg\_attver=%');
my $marked = $team->run("SELECT count(*) FROM pg_attribute WHERE $is_marked");
my ($unknown) = $marked ? $node->psql('postgres', 'BEGIN; CREATE TABLE t (a integer); ALTER TABLE t ALTER a SET (pg_attver = 1); ROLLBACK', on_error_stop => 1) : 0;
my $dump = $unknown ? "$old_server/bin/pg_dump" : 'pg_dump';
command_ok([ $dump, '-h', $old->host, '-p', $old->port, '-Fc', '-f', "$dir/team.dump", 'team' ], $unknown ? "pg_dump of $version" : "pg_dump of $major reads $version");
my ($out, $said) = run_command([ 'pg_restore', '-h', $node->host, '-p', $node->port, '-d', 'team', "$dir/team.dump" ]);
is($said, '', 'restored without an error');
lives('restored', database($node, 'team'), $fresh);

# --- pg_upgrade
SKIP: {
    skip "pg_upgrade from $version: this minor release of $major does not know the versions of columns that this one of $version writes (pg_attver)", 1 if $unknown;
    my $moved = newer('moved');
    $old->stop;
    command_ok([ 'pg_upgrade', '--no-sync', '-d', $old->data_dir, '-D', $moved->data_dir, '-b', "$old_server/bin", '-B', $ENV{PG_BIN}, '-s', $moved->host,
            '-p', $old->port, '-P', $moved->port, '--jobs', '2' ], "pg_upgrade from $version to $major");
    $moved->start;
    lives('upgraded', database($moved, 'team'), $fresh);
}

done_testing();
