# A backend is killed (kill -9) in the midst of each operation that takes long, at chosen places and at random: the server recovers, the operation is
# run again, and everything is as if nobody had been killed. All operations of a round are killed in one crash, each in a database of its own.
#   KILL_POINTS   at how many places of each operation (1)
#   KILL_ROUNDS   how many rounds at random moments (1); after the last one every invariant is checked too where it is more than 1
#   KILL_SEED     which (1)
use strict;
use warnings;
use lib '.';
use IPC::Run;
use Operations;
use Session;
use Support qw(wait_until);
use TeamDatabase;
use Test::More;
use Time::HiRes qw(time sleep);

my $rounds = $ENV{KILL_ROUNDS} // 1;
my $team = TeamDatabase->new('kill');
my $node = $team->node;
$node->append_conf('postgresql.conf', "restart_after_crash = on\nmax_connections = 60\nautovacuum = off");
$node->restart;
my $operations = Operations->new($team, 200);
$operations->expected($_) for $operations->names;

sub start {
    my ($database, @sql) = @_;
    my $out = '';
    local $ENV{PGAPPNAME} = 'operation';
    my $handle = IPC::Run::start([ 'psql', '-XqAt', '-v', 'VERBOSITY=verbose', '-d', $node->connstr($database), map { ('-c', $_) } 'SET client_min_messages = warning', @sql ], '<', \undef, '>', \$out, '2>&1');
    return { handle => $handle, out => \$out, database => $database };
}
sub pid_of { my ($database) = @_; return $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE datname = '$database' AND application_name = 'operation'") }

# All are killed before any of them can say that it saw another one's end.
sub crash {
    my (@pids) = @_;
    my $started = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');
    kill 'KILL', @pids;
    my $again = wait_until(sub { my ($status, $out) = $node->psql('postgres', 'SELECT count(*) FROM pg_stat_activity WHERE application_name = $$operation$$'); return ($status // 1) == 0 && $out eq '0' }, 60);
    ok($again, scalar(@pids) . ' backends are killed, the server recovers');
    return;
}

sub finish_round {
    my (@runs) = @_;
    for my $run (@runs) {
        eval { IPC::Run::finish($run->{handle}) };
        my $about = "$run->{name}, killed " . ($run->{point} // 'at random');
        eval { $operations->run($run->{database}, $run->{name}); 1 } or fail("$about: cannot be run again") || diag($@);
        $operations->same($run->{database}, $run->{name}, "$about, and run again") or diag("of the first time: ${ $run->{out} }");
        if ($rounds > 1) {
            my ($status, $out, $err) = $node->psql($run->{database}, 'SET client_min_messages = warning; CALL invariant.settle(); SELECT * FROM invariant.broken()');
            is("$out$err", '', "$about: every invariant holds");
        }
        $operations->drop($run->{database});
    }
    return;
}

# At chosen places: each waits for a lock on a table that it writes.
my $points = $ENV{KILL_POINTS} // 1;
for my $round (0 .. $points - 1) {
    my (@runs, @holders);
    for my $name ($operations->names) {
        my $point = ($operations->points($name))[$round] // next;
        my $database = $operations->copy($name);
        my $holder = Session->new($node, $database);
        $holder->run("BEGIN; LOCK TABLE $point IN SHARE MODE");
        push @holders, $holder;
        push @runs, { %{ start($database, $operations->sql($name)) }, name => $name, point => "where it writes $point" };
    }
    last if !@runs;
    my @pids;
    for my $run (@runs) {
        my $waits = wait_until(sub { eval { $run->{handle}->pump_nb }; $node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE datname = '$run->{database}' AND application_name = 'operation' AND wait_event_type = 'Lock'") eq '1' }, 60);
        ok($waits, "$run->{name} has come to $run->{point}") or diag(${ $run->{out} });
        push @pids, pid_of($run->{database}) if $waits;
    }
    crash(@pids);
    finish_round(@runs);
}

# At random moments.
srand($ENV{KILL_SEED} // 1);
for my $round (1 .. $rounds) {
    my %copy = map { ($_ => $operations->copy($_)) } $operations->names;
    my @runs = map { { %{ start($copy{$_}, $operations->sql($_)) }, name => $_ } } $operations->names;
    sleep rand 0.2;
    my @pids = grep { /^\d+$/ } map { pid_of($_->{database}) } @runs;
    note(scalar(@pids) . ' are still at work');
    crash(@pids) if @pids;
    finish_round(@runs);
}
$node->stop;
done_testing();
