# Every kind of dump and restore of a database with something in every room: custom, directories in parallel, without owners, definitions and data
# apart, one schema alone into a database without crm. What is not whole afterwards says so, and is mended by what is written here.
use strict;
use warnings;
use lib '.';
use EveryRoom;
use PostgreSQL::Test::Utils;
use TeamDatabase;
use Test::More;

my $team = TeamDatabase->new('dump_kinds');
my $node = $team->node;
load_rooms($team);
my $before = seen($team);
my $folder = $node->backup_dir;
mkdir $folder;
my @server = ('-h', $node->host, '-p', $node->port);

sub database {
    my ($name) = @_;
    $node->safe_psql('postgres', "CREATE DATABASE $name");
    return bless { node => $node, database => $name }, 'TeamDatabase';
}

# Exit status and messages of a program.
sub runs {
    my (@command) = @_;
    my ($out, $err) = ('', '');
    IPC::Run::run([ @command ], '<', \undef, '>', \$out, '2>', \$err);
    return ($? >> 8, $err);
}

sub backfill {
    my ($copy) = @_;
    $copy->run("CALL crm.backfill('$_')") for $copy->run('SELECT relation FROM crm.adoption ORDER BY 1') =~ /^.+$/mg;
    return;
}

sub dumped {
    my ($name, @options) = @_;
    my ($status, $err) = runs('pg_dump', @server, '-d', 'team', '-f', "$folder/$name", @options);
    is($status, 0, "$name is dumped") or diag($err);
    return "$folder/$name";
}

sub restored {
    my ($name, $file, @options) = @_;
    my $copy = database($name);
    my ($status, $err) = runs('pg_restore', @server, '-d', $name, '--exit-on-error', @options, $file);
    is("$status $err", '0 ', "$name is restored without a word");
    return $copy;
}

my $custom = dumped('custom', '-Fc');
{
    my $copy = restored('custom', $custom);
    same($copy, $before, 'custom');
    goes_on($copy, 'custom');
}
{
    # pg_restore knows nothing of foreign keys between tables of an extension, and loads them in any order
    local $ENV{PGOPTIONS} = '-c session_replication_role=replica';
    my $copy = restored('parallel', dumped('parallel', '-Fd', '-j', 2), '-j', 4);
    delete $ENV{PGOPTIONS};
    same($copy, $before, 'in parallel');
    goes_on($copy, 'in parallel');
}
{
    $node->safe_psql('postgres', 'CREATE ROLE keeper SUPERUSER LOGIN');
    my $copy = restored('no_owner', $custom, '--no-owner', '--no-privileges', '-U', 'keeper');
    same($copy, $before, 'without owners');
    goes_on($copy, 'without owners');
    $copy->prints(q(SELECT DISTINCT r.rolname FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'shop'), 'keeper',
        'without owners: all of it belongs to who restored it');
}

# definitions, then data
my $definitions = dumped('definitions', '-Fc', '--schema-only');
my $data = dumped('data', '-Fc', '--data-only');
{
    my $copy = restored('apart', $definitions);
    $copy->prints('SELECT count(*), (SELECT count(*) FROM crm.unit) FROM crm.adoption', '0|0', 'definitions alone: crm is there and knows nothing');
    $copy->run(q(INSERT INTO shop.customers VALUES (1000, 'x'); DELETE FROM shop.customers));
    pass('and the tables can be written');
    my ($status, $err) = runs('pg_restore', @server, '-d', 'apart', '--exit-on-error', '--disable-triggers', $data);
    is($status, 0, 'then the data, with --disable-triggers') or diag($err);
    backfill($copy);
    same($copy, $before, 'apart');
    goes_on($copy, 'apart');
}
{
    my $copy = restored('twice', $definitions);
    my ($status, $err) = runs('pg_restore', @server, '-d', 'twice', $data);
    # whatever the triggers did while rows came in any order: numbers are those of the tables, or unknown
    backfill($copy);
    $copy->prints(q(SELECT count(*) > 2, sum(v.groups_different) FROM crm.kpi k, crm.verify_kpi(k.kpi) v WHERE k.kpi IN ('won_value', 'won_count', 'bigs')), 't|0',
        'data alone, with the triggers on: nothing is counted twice');
}

# a team's schema alone
my $alone = dumped('alone', '-Fc', '-n', 'shop');
{
    database('bare');
    my ($status, $err) = runs('pg_restore', @server, '-d', 'bare', '--exit-on-error', $alone);
    isnt($status, 0, 'into a database without crm it stops');
    like($err, qr/ERROR: +(?:schema "crm" does not exist|type "crm\.\w+" does not exist)/, 'and says what is missing');
    ($status, $err) = runs('pg_restore', @server, '-d', 'bare', '--clean', '--if-exists', $alone);
    isnt($status, 0, 'where errors are passed over, it counts them');
    my $bare = bless { node => $node, database => 'bare' }, 'TeamDatabase';
    $bare->prints('SELECT count(*) FROM shop.customers', '39', 'tables without types of crm are there, with their rows');
    $bare->prints(q(SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'crm\_%'), '0', 'and without triggers of crm');
    $bare->run(q(INSERT INTO shop.customers VALUES (1000, 'x'); DELETE FROM shop.customers WHERE id = 1000));
    pass('and can be written');
}
done_testing();
