# The table of connections in docs/operations.md, tried through PgBouncer in its three modes, the last two with one connection to the server: who works,
# and what goes wrong where the page says no.
use strict;
use warnings;
use lib '.';
use IPC::Run;
use PostgreSQL::Test::Utils;
use TeamDatabase;
use Test::More;

my ($bouncer) = grep { -x } map { "$_/pgbouncer" } split(/:/, $ENV{PATH}), '/usr/sbin', '/usr/local/bin';
plan skip_all => 'PgBouncer is not installed (package pgbouncer)' unless $bouncer;
my $team = TeamDatabase->new('bouncer');
my $node = $team->node;
$team->run(<<'SQL');
CREATE ROLE daemon LOGIN;
SELECT crm.grant_daemon('daemon');
CREATE ROLE anna LOGIN;
CREATE ROLE app LOGIN;
CREATE ROLE clerk;
GRANT clerk TO app;
SELECT crm.create_unit('acme', 'Acme', 'business'), crm.create_principal('anna', role_name => 'anna'), crm.rotate_token_key();
SELECT crm.grant_reader('anna');
CREATE TABLE deals (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, amount numeric, opened date);
GRANT SELECT, INSERT, UPDATE ON deals TO app;
INSERT INTO deals (amount, opened) SELECT n, current_date FROM generate_series(1, 100) n;
SELECT count(*) FROM crm.adopt('deals', 'opportunity', columns => '{"amount": "amount", "created_at": "opened"}');
CREATE TABLE more (id integer PRIMARY KEY, email text);
SQL
my $superuser = $team->run('SELECT current_user');
my $token = $team->run("SELECT crm.issue_token('anna', '1 hour')");
my $writes = PostgreSQL::Test::Utils::tempdir . '/writes.sql';
append_to_file($writes, "INSERT INTO deals (amount, opened) VALUES (1, current_date);\nUPDATE deals SET amount = amount + 1 WHERE id = 1;\n");
my $difference = "SELECT (SELECT sum(k.s1) FROM crm.kpi_cell k JOIN crm.kpi_instance i USING (instance) WHERE i.relation = 'deals'::regclass AND i.component = 'opportunity_created')
    - (SELECT sum(amount) FROM deals)";

my ($folder, $run);

sub start_bouncer {
    my ($mode) = @_;
    $folder = PostgreSQL::Test::Utils::tempdir_short();
    my ($host, $port) = ($node->host, $node->port);
    my $size = $mode eq 'session' ? 8 : 1; # crmd has a connection for each worker, and keeps it
    append_to_file("$folder/pgbouncer.ini", <<"INI");
[databases]
team = host=$host port=$port
[pgbouncer]
pool_mode = $mode
default_pool_size = $size
listen_addr =
listen_port = 6543
unix_socket_dir = $folder
auth_type = trust
auth_file = $folder/users
logfile = $folder/log
pidfile = $folder/pid
ignore_startup_parameters = extra_float_digits, options
INI
    append_to_file("$folder/users", join '', map { qq("$_" ""\n) } $superuser, 'daemon', 'anna', 'app');
    $run = IPC::Run::start([ $bouncer, '-q', "$folder/pgbouncer.ini" ], '<', \undef, '>', '/dev/null', '2>', "$folder/err");
    for (1 .. 100) {
        last if -S "$folder/.s.PGSQL.6543";
        select undef, undef, undef, 0.1;
    }
    ok(-S "$folder/.s.PGSQL.6543", "PgBouncer listens, pool_mode = $mode") or diag(slurp_file("$folder/err"));
}

sub stop_bouncer { $run->signal('INT'); $run->finish }

# What one client after the other gets to see: each list is one session of a role.
sub asks {
    my ($role, @sql) = @_;
    my ($out, $err) = ('', '');
    IPC::Run::run([ 'psql', '-XAtq', '-h', $folder, '-p', 6543, '-U', $role, '-d', 'team', map { ('-c', $_) } @sql ], '<', \undef, '>', \$out, '2>', \$err);
    chomp $out;
    return $err =~ /(?:ERROR|FATAL): +(.*)/ ? "ERROR $1" : $out;
}

sub crmd_once {
    my $secrets = "$folder/secrets.ini";
    append_to_file($secrets, '');
    chmod 0600, $secrets;
    append_to_file("$folder/crmd.ini", "[crmd]\ndsn = host=$folder port=6543 dbname=team user=daemon\nsecrets = $secrets\nworker = test\n");
    chmod 0600, "$folder/crmd.ini";
    my ($out, $err) = ('', '');
    my $fine = IPC::Run::run([ $ENV{CRMD}, '-c', "$folder/crmd.ini", 'once' ], '<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout(60));
    return ($fine, $out . $err);
}

my $err = '';
my $who = "SELECT principal FROM crm.whoami()";
for my $mode (qw(session transaction statement)) {
    start_bouncer($mode);
    # procedures, writers, readers
    is(asks($superuser, "CALL crm.backfill('deals')"), '', "$mode: backfill");
    is($team->run($difference), 0, "$mode: all is counted");
    ok(IPC::Run::run([ 'pgbench', '-n', '-c', 4, '-t', 25, '-h', $folder, '-p', 6543, '-U', 'app', '-f', $writes, 'team' ], '>', '/dev/null', '2>', \$err), "$mode: writers") or diag($err);
    is($team->run($difference), 0, "$mode: each write is counted");
    is(asks('anna', "SELECT count(*) >= 0 FROM crm_bi.kpi_value"), 't', "$mode: a reader");
    is(asks('anna', $who), 'anna', "$mode: identity by the login role");
    # several clients of one role, at the same time on one connection of the server
    is(asks('app', "SET crm.token = '$token'", $who), 'anna', "$mode: a token of the session");
    my $next = asks('app', $who);
    $mode eq 'session' ? isnt($next, 'anna', "$mode: ends with it") : is($next, 'anna', "$mode: is there for the next client");
    asks('app', 'RESET crm.token');
    my $local = asks('app', 'BEGIN', "SELECT true FROM set_config('crm.token', '$token', true)", $who, 'COMMIT');
    $mode eq 'statement' ? like($local, qr/^ERROR .*transaction/i, "$mode: no transaction, so no token of one") : is($local, "t\nanna", "$mode: a token of the transaction");
    isnt(asks('app', $who), 'anna', "$mode: which ends with it");
    asks('app', 'SET ROLE clerk');
    is(asks('app', 'SELECT current_user'), $mode eq 'session' ? 'app' : 'clerk', "$mode: a role that was set " . ($mode eq 'session' ? 'ends with the session' : 'is there for the next'));
    asks('app', 'RESET ROLE');
    # DDL
    is(asks($superuser, q(SELECT count(*) > 0 FROM crm.adopt('more', 'customer', columns => '{"email": "email"}'))), 't', "$mode: adopt");
    is(asks($superuser, "SELECT crm.disown('more')"), '', "$mode: disown");
    my $dumped = IPC::Run::run([ 'pg_dump', '-h', $folder, '-p', 6543, '-U', $superuser, '-s', '-t', 'deals', 'team' ], '>', '/dev/null', '2>', \$err);
    is($dumped ? 1 : 0, $mode eq 'statement' ? 0 : 1, "$mode: pg_dump") or diag($err);
    my ($fine, $said) = crmd_once();
    # what it sets for its connections: in session mode it ends with them, else whoever is next has it
    my $setting = asks('daemon', 'SHOW search_path');
    if ($mode eq 'session') {
        ok($fine, "$mode: crmd") or diag($said);
        isnt($setting, q(pg_catalog), "$mode: its settings end with it");
    }
    elsif ($mode eq 'transaction') {
        is($setting, q(pg_catalog), "$mode: what crmd sets stays for the next client");
    }
    else {
        ok(!$fine, "$mode: crmd does not work") or diag($said);
    }
    stop_bouncer();
}
$node->stop;
done_testing();
