# What may happen to a session in the midst of each operation that takes long (tests/tap/Operations.pm): its time or its patience ends, it is cancelled,
# ended, killed (kill -9, at chosen places and at random), the disk or that of the WAL fills up, memory runs out, its transaction idles, its snapshot is old. It ends
# with an error that says so, the server goes on or recovers, nothing is half done, and run again everything is as in a copy that nobody disturbed.
# The disk fills up by tests/tap/faulty_machine.c, which the server is started with: to mount a small one takes root.
#   FAULTS   all: at each place, with more memory each time and with more kills (make soak); else at one place of each operation
use strict;
use warnings;
use lib '.';
use Daemon;
use IPC::Run;
use Operations;
use POSIX ();
use PostgreSQL::Test::Utils;
use Session;
use Support qw(answer wait_until);
use TeamDatabase;
use Test::More;
use Time::HiRes qw(time sleep);

my $all = ($ENV{FAULTS} // '') eq 'all';
my $machine = bless { dir => PostgreSQL::Test::Utils::tempdir }, 'Daemon';
my %faulty = $machine->faulty;
my $team = TeamDatabase->new('faults');
my $node = $team->node;
$node->append_conf('postgresql.conf', "restart_after_crash = on\nmax_connections = 60\nautovacuum = off\nmin_wal_size = 32MB\nmax_parallel_workers = 0\nmax_parallel_maintenance_workers = 0\nlog_error_verbosity = verbose");
$node->stop;
{ local %ENV = (%ENV, %faulty); $node->start }
my $operations = Operations->new($team, 200);
my @names = $operations->names;
$operations->expected($_) for @names;
my (%seen, %database);
$SIG{PIPE} = 'IGNORE';

sub server { return $node->safe_psql('postgres', $_[0]) }

# All statements of an operation in one session, until one fails: its SQLSTATE, lost or ok.
sub try_it {
    my ($session, @sql) = @_;
    for my $statement (@sql) {
        my $printed = $session->run($statement);
        return 'lost' if $session->lost;
        return $1 if $printed =~ /(?:ERROR|FATAL):  (\w{5}):/;
    }
    return 'ok';
}

# The operation in a session that runs into a lock at this place; $then is done, in a process of its own, once it waits.
sub stopped_at {
    my ($point, $session, $name, $then) = @_;
    my $holder = Session->new($node, $database{$name});
    $holder->run("BEGIN; LOCK TABLE $point IN SHARE MODE");
    my $child;
    if ($then) {
        my $pid = $session->run('SELECT pg_backend_pid()');
        $child = fork // die $!;
        if (!$child) {
            wait_until(sub { server("SELECT count(*) FROM pg_stat_activity WHERE pid = $pid AND wait_event_type = 'Lock'") eq '1' });
            server("SELECT $then($pid)");
            POSIX::_exit(0);
        }
    }
    my $state = try_it($session, $operations->sql($name));
    waitpid $child, 0 if $child;
    $holder->run('ROLLBACK');
    $holder->quit;
    return $state;
}

# What happens, how the operation may end, and how it is brought about.
my @faults = (
    [ 'statement_timeout', qr/\A57014\z/, sub { my ($session, $name, $point) = @_; $session->run("SET statement_timeout = '300ms'"); return stopped_at($point, $session, $name) } ],
    [ 'lock_timeout', qr/\A55P03\z/, sub { my ($session, $name, $point) = @_; $session->run("SET lock_timeout = '300ms'"); return stopped_at($point, $session, $name) } ],
    [ 'cancelled', qr/\A57014\z/, sub { my ($session, $name, $point) = @_; return stopped_at($point, $session, $name, 'pg_cancel_backend') } ],
    [ 'ended', qr/\A(?:57P01|lost)\z/, sub { my ($session, $name, $point) = @_; return stopped_at($point, $session, $name, 'pg_terminate_backend') } ],
    [ 'idle in a transaction', qr/\A(?:25P03|lost)\z/, sub {
        my ($session, $name) = @_;
        my $pid = $session->run('SELECT pg_backend_pid()');
        $session->run("SET idle_in_transaction_session_timeout = '100ms'; BEGIN");
        my $state = try_it($session, grep { !/^CALL/ } $operations->sql($name));
        wait_until(sub { server("SELECT count(*) FROM pg_stat_activity WHERE pid = $pid") eq '0' });
        return $state eq 'ok' ? try_it($session, 'COMMIT') : $state;
    } ],
    [ 'full disk', qr/\A(?:ok|53100)\z/, sub {
        my ($session, $name) = @_;
        $machine->disk_full(1);
        my $state = try_it($session, $operations->sql($name));
        $machine->disk_full(0);
        return $state;
    } ],
    map {
        my $more = $_;
        [ "$more MB more memory", qr/\A(?:ok|53200)\z/, sub {
            my ($session, $name) = @_;
            my $pid = $session->run('SELECT pg_backend_pid()');
            my ($size) = slurp_file("/proc/$pid/status") =~ /^VmSize:\s+(\d+) kB/m;
            system('prlimit', '--pid', $pid, '--as=' . 1024 * ($size + 1024 * $more)) == 0 or die "no prlimit";
            return try_it($session, $operations->sql($name));
        } ]
    } $all ? (1, 2, 4, 8, 16) : (2));

# Each of them, one after the other in one copy; where an operation got through another copy is made.
my $started = server('SELECT pg_postmaster_start_time()');
for my $name (@names) {
    $database{$name} = $operations->copy($name);
    my @sql = $operations->sql($name);
    my $whole = $name ne 'resolve'; # in one transaction
    my $before = $operations->left($database{$name});
    my @points = $operations->points($name);
    my $n = 0;
    for my $fault (@faults) {
        my ($what, $states, $disturb) = @$fault;
        next if $what =~ /^idle/ && grep { /^CALL/ } @sql;
        for my $point ($all && $what =~ /timeout|cancelled|ended/ ? @points : $points[ $n++ % @points ]) {
            my $session = Session->new($node, $database{$name}, '-c client_min_messages=warning');
            $session->run('SELECT count(*) FROM crm.status') if $what =~ /disk|memory/; # what a session loads once
            my $state = $disturb->($session, $name, $point);
            $session->quit unless $session->lost;
            $seen{$what}{$state}++;
            my $about = "$name, $what" . ($what =~ /timeout|cancelled|ended/ ? " where it writes $point" : '');
            like($state, $states, "$about: ends with $state");
            is($operations->left($database{$name}), $before, "$about: nothing is half done") if $state ne 'ok' && $whole;
            if ($state eq 'ok') {
                $operations->same($database{$name}, $name, "$about: it is done");
                $operations->drop($database{$name});
                $database{$name} = $operations->copy($name);
            }
        }
    }
}
is(server('SELECT pg_postmaster_start_time()'), $started, 'the server was never started anew');
my $log = slurp_file($node->logfile);
unlike($log, qr/terminated by signal|PANIC|recovery mode/, 'and no process of it died');

# The disk of the WAL is full: the server goes down with all that was not committed, and comes up when there is room again.
{
    my (@sessions, %before);
    for my $name (@names) {
        my @sql = grep { !/^CALL/ } $operations->sql($name) or next;
        $before{$name} = $operations->left($database{$name});
        push @sessions, my $session = Session->new($node, $database{$name}, '-c client_min_messages=warning');
        is(try_it($session, 'BEGIN', @sql), 'ok', "$name is done, and not committed, before the disk of the WAL is full");
    }
    $machine->wal_full(1);
    my $filler = Session->new($node, 'postgres');
    my $n = 0;
    $filler->run("SELECT length(pg_logical_emit_message(false, 'fills', repeat('x', 8000000))::text)") while !$filler->lost && $n++ < 200;
    ok($filler->lost, "the server went down after $n times 8 MB of WAL");
    like(slurp_file($node->logfile), qr/PANIC:  53100: could not write to file "pg_wal/, 'with the reason in its log');
    $_->run('COMMIT') for @sessions; # to no server
    $machine->wal_full(0);
    # it may have tried to recover, without room, and given up
    wait_until(sub { return defined answer($node, 'postgres', 'SELECT 1') || !-e $node->data_dir . '/postmaster.pid' }, 60);
    if (!-e $node->data_dir . '/postmaster.pid') {
        $node->_update_pid(-1);
        local %ENV = (%ENV, %faulty);
        $node->start;
    }
    is($operations->left($database{$_}), $before{$_}, "$_, when the WAL has room again: nothing is half done") for sort keys %before;
}

# Killed: all operations in one crash. First where each waits for a lock at a chosen place, then at random.
sub start_psql {
    my ($name) = @_;
    local $ENV{PGAPPNAME} = 'operation';
    my $out = '';
    return { name => $name, out => \$out, handle => IPC::Run::start([ 'psql', '-XqAt', '-v', 'VERBOSITY=verbose', '-d', $node->connstr($database{$name}), map { ('-c', $_) } 'SET client_min_messages = warning', $operations->sql($name) ],
        '<', \undef, '>', \$out, '2>&1') };
}
my $kills = 0;
sub crash {
    my @pids = grep { /^\d+$/ } split /\n/, server("SELECT pid FROM pg_stat_activity WHERE application_name = 'operation'");
    kill 'KILL', @pids; # the server ends the others as soon as it sees the first
    $kills += @pids;
    ok(wait_until(sub { return (answer($node, 'postgres', 'SELECT count(*) FROM pg_stat_activity WHERE application_name = $$operation$$') // '') eq '0' }, 60),
        scalar(@pids) . ' backends are killed, the server recovers');
    return;
}
for my $round (0 .. ($all ? 3 : 0)) {
    my (@runs, @holders);
    for my $name (@names) {
        my $point = ($operations->points($name))[$round] // next;
        my $holder = Session->new($node, $database{$name});
        $holder->run("BEGIN; LOCK TABLE $point IN SHARE MODE");
        push @holders, $holder;
        push @runs, { %{ start_psql($name) }, point => $point };
    }
    for my $run (@runs) {
        my $waits = wait_until(sub { server("SELECT count(*) FROM pg_stat_activity WHERE datname = '$database{$run->{name}}' AND application_name = 'operation' AND wait_event_type = 'Lock'") eq '1' }, 60);
        ok($waits, "$run->{name} is killed where it writes $run->{point}") or diag(${ $run->{out} });
    }
    crash();
    eval { IPC::Run::finish($_->{handle}) } for @runs;
}
srand 1;
for my $round (1 .. ($all ? 5 : 1)) {
    my @runs = map { start_psql($_) } @names;
    sleep rand 0.2;
    crash();
    eval { IPC::Run::finish($_->{handle}) } for @runs;
}
cmp_ok($kills, '>=', scalar @names, "$kills backends were killed");

# The operation is run to its end, while two others have snapshots from before; then they try the same.
for my $name (@names) {
    my %old;
    for my $level ('REPEATABLE READ', 'SERIALIZABLE') {
        $old{$level} = Session->new($node, $database{$name}, '-c client_min_messages=warning');
        $old{$level}->run("BEGIN ISOLATION LEVEL $level; SELECT count(*) FROM spending");
    }
    eval { $operations->run($database{$name}, $name); 1 } or fail("$name cannot be run again") || diag($@);
    $operations->same($database{$name}, $name, "$name, after all of that: as if nobody had been disturbed");
    for my $level (sort keys %old) {
        my @sql = grep { !/^CALL/ } $operations->sql($name);
        my $state = try_it($old{$level}, @sql ? @sql : "SELECT crm.backfill_room('deals', 'kpi')");
        $state = $state eq 'ok' ? try_it($old{$level}, 'COMMIT') : $state;
        $old{$level}->quit;
        $seen{ lc $level }{$state}++;
        like($state, qr/\A(?:ok|40001|RM\d\d\d)\z/, "$name with an old snapshot, $level: $state");
    }
    $operations->same($database{$name}, $name, "$name: and nothing is done twice");
    # what is to be filled is filled first; and of what was disowned there are no numbers to ask for
    my $which = $name eq 'disown' ? q((SELECT array_agg(n) FROM invariant.names() n WHERE n <> 'i04_numbers')) : 'NULL';
    my ($status, $out, $err) = $node->psql($database{$name}, "SET client_min_messages = warning;\nSELECT DISTINCT format('CALL crm.backfill(%L)', relation) FROM crm.filling WHERE state <> 'ready' \\gexec\nCALL invariant.settle(); SELECT * FROM invariant.broken($which)");
    is("$out$err", '', "$name: every invariant holds") if $all || $name =~ /^(?:backfill of stages|merge|resolve_pending)$/;
    $operations->drop($database{$name});
}

unlike(slurp_file($node->logfile), qr/ERROR:  XX\d{3}/, 'there was no internal error');
for my $what (sort keys %seen) { note("$what: " . join ', ', map { "$_ $seen{$what}{$_}" } sort keys %{ $seen{$what} }) }
cmp_ok($seen{'2 MB more memory'}{53200} // 0, '>=', 5, 'memory did run out');
cmp_ok($seen{'full disk'}{53100} // 0, '>=', 5, 'and the disk');
$node->stop;
done_testing();
