# The recipes of docs/identity.md, run as they stand there: psql, PgBouncer in transaction mode, SQLAlchemy, a BI account.
use strict;
use warnings;
use lib '.';
use IPC::Run;
use PostgreSQL::Test::Utils;
use TeamDatabase;
use Test::More;

# The indented blocks below a recipe's heading.
my $docs = slurp_file("$ENV{CRM_STAGE}/docs/identity.md");

sub blocks_of {
    my ($title) = @_;
    my ($section) = $docs =~ /^### \Q$title\E\n(.*?)(?=^#+ |\z)/ms or BAIL_OUT("docs/identity.md has no recipe $title");
    my @blocks = map { s/^    //mgr } $section =~ /((?:^    .*\n|^\n(?=    ))+)/mg;
    return map { s/\A\n+//r } @blocks;
}

my $team = TeamDatabase->new('recipes');
my $node = $team->node;
$team->run(<<'SQL');
CREATE TABLE public.deals AS SELECT n AS id, (ARRAY['north', 'south', 'service'])[1 + n % 3] AS region FROM generate_series(1, 90) n;
SELECT crm.create_unit('acme', 'Acme Ltd', 'business'), crm.create_unit('sales', 'Sales', 'functional'),
    crm.create_unit('service', 'Service', 'functional');
SELECT crm.create_unit('north', 'Sales North', 'geographic', parent => 'sales'), crm.create_unit('south', 'Sales South', 'geographic', parent => 'sales');
SELECT * FROM crm.install_role_templates();
SELECT crm.create_principal('anna'), crm.create_principal('bob');
SELECT crm.add_member('anna', 'north', 'sales'), crm.add_member('bob', 'south', 'sales');
CREATE ROLE ops LOGIN;
GRANT SELECT ON public.deals TO ops;
SELECT crm.protect('public.deals', '{"organisation": "region"}', object => 'opportunity');
SELECT crm.rotate_token_key();
SQL
my %token = map { $_ => $team->run("SELECT crm.issue_token('$_', '1 hour')") } 'anna', 'bob';
local $ENV{PGHOST} = $node->host;
local $ENV{PGPORT} = $node->port;

# A person with psql
{
    my ($recipe) = blocks_of('A person with psql');
    $recipe =~ s/CRM_TOKEN=\.\.\. .*$/CRM_TOKEN=$token{anna}/m or fail('the recipe has a place for the token');
    my $query = 'SELECT principal, (SELECT string_agg(DISTINCT region, \',\') FROM public.deals) FROM crm.whoami();';
    local $ENV{PGUSER} = 'ops';
    my ($out, $err) = ('', '');
    IPC::Run::run([ 'bash', '-euc', "$recipe" ], '<', \"\\pset format unaligned\n\\t on\n$query", '>', \$out, '2>', \$err);
    is("$out$err" =~ s/^(Output format|Tuples only).*\n//mgr, "anna|north\n", 'psql: the person of the token');
    $recipe =~ s/\Q$token{anna}\E/$token{anna}x/;
    IPC::Run::run([ 'bash', '-euc', "$recipe" ], '<', \"SELECT count(*) FROM public.deals;", '>', \$out, '2>', \$err);
    like($err, qr/ERROR:  the token in crm.token identifies nobody/, 'psql: a token that is none is nobody');
}

my @pool = blocks_of('An application behind PgBouncer');
is(scalar @pool, 2, 'the pool has its role and its transaction');
$team->run($pool[0]);

# The transaction of the recipe as pgbench sends it, with parameters bound by the protocol. The division fails where
# anything but the regions of the token's bearer is seen.
sub transaction_script {
    my ($name, $regions, $head, $tail) = @_;
    my $transaction = $pool[1];
    my $check = $regions eq '' ? '' : "SELECT 1 / (string_agg(DISTINCT region, ',') = '$regions')::int FROM public.deals;\n";
    $transaction =~ s/^COMMIT;$/$check$head COMMIT;/m;
    my $path = "$ENV{TESTDATADIR}/$name.sql";
    system_or_bail('mkdir', '-p', $ENV{TESTDATADIR});
    open my $file, '>', $path or die "$path: $!";
    print {$file} $transaction, $tail // '';
    close $file;
    return $path;
}

sub start_pgbench {
    my ($script, $token, @options) = @_;
    my %run = (out => '', err => '');
    $run{run} = IPC::Run::start([ 'pgbench', '-n', '-M', 'extended', '-D', "token=$token", '-f', $script, @options, 'team' ],
        '<', \undef, '>', \$run{out}, '2>', \$run{err});
    return \%run;
}

sub finish_pgbench {
    my ($run, $expected, $what) = @_;
    $run->{run}->finish;
    my ($processed) = $run->{out} =~ m{transactions actually processed: (\d+)};
    my ($failed) = $run->{out} =~ m{number of failed transactions: (\d+)};
    is(($processed // 0) . ' done, ' . ($failed // '?') . ' failed', $expected, $what) or diag($run->{out}, $run->{err});
    return;
}

SKIP: {
    my ($bouncer) = grep { -x } map { "$_/pgbouncer" } split(/:/, $ENV{PATH}), '/usr/sbin', '/usr/local/bin';
    skip 'PgBouncer is not installed (package pgbouncer)', 1 unless $bouncer;
    my $folder = PostgreSQL::Test::Utils::tempdir_short();
    open my $file, '>', "$folder/pgbouncer.ini" or die $!;
    print {$file} <<"INI";
[databases]
team = host=$ENV{PGHOST} port=$ENV{PGPORT}
[pgbouncer]
pool_mode = transaction
default_pool_size = 1
listen_addr =
listen_port = 6543
unix_socket_dir = $folder
auth_type = trust
auth_file = $folder/users
logfile = $folder/log
pidfile = $folder/pid
INI
    close $file;
    open $file, '>', "$folder/users" or die $!;
    print {$file} qq("shop_app" ""\n"ops" ""\n);
    close $file;
    my ($out, $err) = ('', '');
    my $pgbouncer = IPC::Run::start([ $bouncer, '-q', "$folder/pgbouncer.ini" ], '<', \undef, '>', \$out, '2>', \$err);
    for (1 .. 100) {
        last if -S "$folder/.s.PGSQL.6543";
        select undef, undef, undef, 0.1;
    }
    ok(-S "$folder/.s.PGSQL.6543", 'PgBouncer listens') or diag($err, -e "$folder/log" ? slurp_file("$folder/log") : '');
    local $ENV{PGHOST} = $folder;
    local $ENV{PGPORT} = 6543;
    local $ENV{PGUSER} = 'shop_app';

    # Sessions of psql side by side over the one server connection; each statement is answered before the next is sent.
    my %session;
    for my $name ('anna', 'bob') {
        $session{$name} = { in => '', out => '', err => '' };
        $session{$name}{run} = IPC::Run::start([ 'psql', '-XAtq', '-d', 'team', '-v', "token=$token{$name}" ],
            '<', \$session{$name}{in}, '>', \$session{$name}{out}, '2>', \$session{$name}{err}, IPC::Run::timeout(60));
    }
    my $asked = 0;
    my $says = sub {
        my ($name, $sql) = @_;
        my $it = $session{$name};
        my $mark = 'answered-' . ++$asked;
        ($it->{out}, $it->{err}) = ('', '');
        $it->{in} .= "$sql\n\\echo $mark\n";
        $it->{run}->pump until $it->{out} =~ s/^\Q$mark\E\n//m;
        my $text = $it->{out} . ($it->{err} =~ /ERROR: +(.*)/ ? "ERROR $1\n" : '');
        return $text =~ s/\n\z//r;
    };
    my $regions = q(SELECT string_agg(DISTINCT region, ',') FROM public.deals;);
    my $local = q(SELECT set_config('crm.token', :'token', true) \g /dev/null);
    my $nobody = 'ERROR database role "shop_app" is no principal';

    is($says->('anna', 'SELECT pg_backend_pid();'), $says->('bob', 'SELECT pg_backend_pid();'), 'both are on one server connection');
    is($says->('anna', $regions), $nobody, 'without a token nobody asks');
    is($says->('anna', "BEGIN;\n$local\n$regions\nCOMMIT;"), 'north', 'a transaction of the one');
    is($says->('bob', $regions), $nobody, 'the other has not got her token');
    is($says->('bob', "BEGIN;\n$local\n$regions\nCOMMIT;"), 'south', 'a transaction of the other');
    is($says->('anna', $regions), $nobody, 'nor she his');
    is($says->('anna', "BEGIN;\n$local\nSELECT 1/0;\nROLLBACK;"), 'ERROR division by zero', 'one that fails');
    is($says->('bob', $regions), $nobody, 'leaves nothing');
    is($says->('anna', q(SELECT set_config('crm.token', :'token', false) \g /dev/null)), '', 'one that forgets to be local');
    is($says->('bob', $regions), $nobody, 'leaves nothing either');
    is($says->('anna', "BEGIN;\nSELECT set_config('crm.token', :'token', false) \\g /dev/null\n$regions\nCOMMIT;"), 'north', 'nor in a transaction');
    is($says->('bob', $regions), $nobody, 'however it ended');
    is($says->('anna', "SET plan_cache_mode = force_generic_plan;\nPREPARE kept AS $regions"), '', 'a prepared statement stays on the connection');
    is($says->('bob', "BEGIN;\n$local\nEXECUTE kept;\nCOMMIT;"), 'south', 'and obeys who executes it');
    is($says->('anna', "BEGIN;\n$local\nEXECUTE kept;\nCOMMIT;"), 'north', 'each of them');
    is($says->('bob', 'EXECUTE kept;'), $nobody, 'or nobody');
    is($says->('anna', "BEGIN;\n$local\nDECLARE c CURSOR FOR $regions\nFETCH c;\nSAVEPOINT a;\nSELECT 1/0;\nROLLBACK TO a;\n$regions\nCOMMIT;"),
        "north\nnorth\nERROR division by zero", 'cursors and savepoints inside one transaction');
    is($says->('bob', "SET crm.require_local_token = off;\n$regions"), 'ERROR permission denied to set parameter "crm.require_local_token"',
        'nobody switches it off') or diag($session{bob}{err});
    $says->('bob', 'DEALLOCATE kept;');
    for my $it (values %session) {
        $it->{in} .= "\\q\n";
        $it->{run}->finish;
    }

    # Many transactions at once, with errors among them, over the one connection.
    my @runs = (
        [ start_pgbench(transaction_script('anna', 'north', ''), $token{anna}, '-c', 2, '-t', 150), '300 done, 0 failed', 'two clients of the one' ],
        [ start_pgbench(transaction_script('bob', 'south', ''), $token{bob}, '-c', 2, '-t', 150), '300 done, 0 failed', 'two clients of the other' ]);
    finish_pgbench(@{$_}) for @runs;
    my $wrong = start_pgbench(transaction_script('wrong', 'south', ''), $token{anna}, '-t', 1);
    $wrong->{run}->finish;
    like($wrong->{err}, qr/division by zero/, 'the check can fail');
    $pgbouncer->signal('INT');
    $pgbouncer->finish;
}

# Without a pooler between, the same transaction.
{
    local $ENV{PGUSER} = 'shop_app';
    finish_pgbench(start_pgbench(transaction_script('direct', 'north', ''), $token{anna}, '-t', 20), '20 done, 0 failed', 'the transaction alone');

    # While it waits behind set_config, others see the statement and no token.
    my ($head) = $pool[1] =~ /\A(.*set_config.*?;\n)/s;
    open my $file, '>', "$ENV{TESTDATADIR}/waits.sql" or die $!;
    print {$file} $head, "\\sleep 3 s\nCOMMIT;\n";
    close $file;
    my $waits = start_pgbench("$ENV{TESTDATADIR}/waits.sql", $token{anna}, '-t', 1);
    my $shown = q(SELECT query FROM pg_stat_activity WHERE usename = 'shop_app' AND state = 'idle in transaction');
    $node->poll_query_until('team', "SELECT EXISTS ($shown)");
    $team->prints($shown, q(SELECT set_config('crm.token', $1, true);), 'no token in pg_stat_activity');
    finish_pgbench($waits, '1 done, 0 failed', 'and the transaction ends');
}

# An ORM's connection hook
SKIP: {
    my ($python) = grep { -x && system("$_ -c 'import sqlalchemy, psycopg2' 2>/dev/null") == 0 } '/usr/bin/python3', map { "$_/python3" } split /:/, $ENV{PATH};
    skip 'SQLAlchemy and psycopg2 are not installed (packages python3-sqlalchemy, python3-psycopg2)', 1 unless $python;
    my ($hook, $settings) = blocks_of('An ORM\'s connection hook');
    $team->run($settings);
    my $program = <<'PYTHON';
import contextvars, sys, threading
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

engine.dispose()
engine = create_engine(engine.url, pool_size=1, max_overflow=0)
event.listen(engine, "begin", identify)
tokens = {"anna": sys.argv[1], "bob": sys.argv[2], "nobody": ""}
REGIONS = text("SELECT string_agg(DISTINCT region, ',') FROM public.deals")

def ask(name, statement=REGIONS):
    current_token.set(tokens[name])
    try:
        with Session(engine) as session:
            return session.execute(statement).scalar()
    except DBAPIError as error:
        return "ERROR " + error.orig.pgcode

pid = text("SELECT pg_backend_pid()")
print(ask("anna", pid) == ask("bob", pid))
print(ask("anna"), ask("bob"), ask("nobody"), ask("anna"))
print(ask("bob", text("SELECT 1/0")), ask("nobody"), ask("bob"))
with Session(engine) as session:
    current_token.set(tokens["anna"])
    first = session.execute(REGIONS).scalar()
    session.commit()
    current_token.set(tokens["bob"])
    print(first, session.execute(REGIONS).scalar())
    session.rollback()
    current_token.set("")
    try:
        session.execute(REGIONS)
    except DBAPIError as error:
        print("ERROR", error.orig.pgcode)
wrong = []
def client(name, expected):
    for _ in range(50):
        if ask(name) != expected:
            wrong.append(name)
threads = [threading.Thread(target=client, args=(n, e)) for n, e in (("anna", "north"), ("bob", "south"), ("nobody", "ERROR RM101")) * 2]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(wrong)
current_token.set(tokens["anna"])
with engine.begin() as connection:
    connection.execute(text("SELECT 1"))
    print("ready", flush=True)
    sys.stdin.readline()
PYTHON
    my ($in, $out, $err) = ('', '', '');
    my $run = IPC::Run::start([ $python, '-c', $hook . $program, $token{anna}, $token{bob} ], '<', \$in, '>', \$out, '2>', \$err, IPC::Run::timeout(120));
    eval { $run->pump until $out =~ /ready/ || !$run->pumpable; };
    is($out, "True\nnorth south ERROR RM101 north\nERROR 22012 ERROR RM101 south\nnorth south\nERROR RM101\n[]\nready\n",
        'ORM: each transaction asks as the one of its token') or diag($err);
    is($team->run(q(SELECT count(*) FROM pg_stat_activity WHERE usename = 'shop_app' AND query <> '')), '0', 'ORM: the statements are not shown');
    $in .= "\n";
    $run->finish;
}

# A BI account for each team
{
    my ($recipe) = blocks_of('A BI account for each team');
    $team->run($recipe);
    my $connstr = $node->connstr('team') . ' user=bi_sales';
    my ($status, $out) = $node->psql('', q(SELECT region, count(*) FROM public.deals GROUP BY 1 ORDER BY 1), connstr => $connstr);
    is($out, "north|30\nsouth|30", 'BI: the rows of its unit and below');
    ($status, $out) = $node->psql('', q(SELECT principal, identified_by FROM crm.whoami()), connstr => $connstr);
    is($out, 'bi-sales|role', 'BI: by its role');
    ($status, $out) = $node->psql('', q(SELECT count(*) > 0 FROM crm_bi.dim_unit), connstr => $connstr);
    is($out, 't', 'BI: the views for BI tools');
    ($status, $out, my $err) = $node->psql('', q(UPDATE public.deals SET region = 'north'), connstr => $connstr);
    like($err, qr/permission denied for table deals/, 'BI: and writes nothing');
}

done_testing();
