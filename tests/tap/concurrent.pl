# Each public call that writes (tests/tap/calls.txt), done by four sessions at once: one commits it; another tries the same beside it and waits for
# what it holds; two others, REPEATABLE READ and SERIALIZABLE, have snapshots from before it, and try the same afterwards. What is refused where it is
# done already is refused to each of the others too: with what the call says, or with 40001 or 23505, after which it is tried again. None ends with an
# internal error or a deadlock, and all that holds holds.
#   FAULTS   all: all calls (make soak); else each tenth
#   CALLS    a pattern of names
use strict;
use warnings;
use lib '.';
use Calls;
use PostgreSQL::Test::Utils;
use Session;
use Support qw(wait_until);
use TeamDatabase;
use Test::More;

my $team = TeamDatabase->new('concurrent');
my $node = $team->node;
$node->append_conf('postgresql.conf', "max_connections = 60\nautovacuum = off\ndeadlock_timeout = 500ms\nlog_error_verbosity = verbose");
$node->restart;
Calls::load_world($team);
my %call = Calls::all();
my @names = sort keys %call;
my $n = 0;
@names = grep { $_ =~ /$ENV{CALLS}/ } @names if defined $ENV{CALLS};
@names = grep { $n++ % 10 == 3 } @names if ($ENV{FAULTS} // '') ne 'all' && !defined $ENV{CALLS};

sub server { return $node->safe_psql('postgres', $_[0]) }

# The first error that was printed, or ok
sub state_of { return $_[0] =~ /(?:ERROR|FATAL):  (\w{5}): (.*)/ ? ($1, "$1 $2") : ('ok', 'ok') }

my %seen;
# or, that something of this name exists already, and that an old snapshot will not do
my $meanwhile = '40001|23505|42P07|25000';
my $foreseen = qr/\A(?:ok|$meanwhile|RM\d{3}|55000)\z/;
# What holds: what is counted is what there is, and nothing points nowhere.
my $held = <<'SQL';
SET client_min_messages = warning;
SELECT crm.resolve_pending() IS NULL, crm.settle_transitions() IS NULL, crm.fold() IS NULL \g /dev/null
SELECT 'unfilled', relation, room, error FROM crm.filling WHERE error IS NOT NULL;
SELECT 'counted', v.component, v.relation, v.measure, v.counted, v.recomputed FROM crm.kpi k CROSS JOIN LATERAL crm.verify_kpi(k.kpi) v
    WHERE k.kpi IN ('won_count', 'won_value', 'win_rate') AND v.counted IS DISTINCT FROM v.recomputed AND EXISTS (SELECT FROM crm.kpi_captured c WHERE c.component = v.component AND c.state = 'ready');
SELECT 'linked', r.relation, r.record_key FROM crm.record r WHERE r.customer_id IS NOT NULL AND NOT EXISTS (SELECT FROM crm.customer_registry c WHERE c.customer_id = r.customer_id);
SELECT 'twice', m.principal, m.unit, m.role, count(*) FROM crm.membership m WHERE upper_inf(m.during) GROUP BY 1, 2, 3, 4 HAVING count(*) > 1;
SQL
# A copy of the database serves until something has been taken from it, or a call does not find what it needs.
my $copy;
my %spoils = map { $_ => 1 } qw(disown disown_all erase_customer protect retire_unit merge unmerge);
sub fresh_copy {
    server("DROP DATABASE IF EXISTS copy WITH (FORCE)");
    server("CREATE DATABASE copy TEMPLATE team STRATEGY file_copy");
    $copy = 1;
    return;
}
sub sessions {
    fresh_copy() if !$copy;
    my @sessions = map { Session->new($node, 'copy', '-c client_min_messages=warning') } 1 .. 4;
    $_->run('\o /dev/null') for @sessions;
    $sessions[2]->run('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT pg_current_snapshot()');
    $sessions[3]->run('BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT pg_current_snapshot()');
    return @sessions;
}
for my $name (@names) {
    my ($first, $beside, $repeatable, $serializable) = sessions();
    my $did = (state_of($first->run("BEGIN; $call{$name}")))[1];
    if ($did ne 'ok') {
        $_->quit for $first, $beside, $repeatable, $serializable;
        $copy = 0;
        ($first, $beside, $repeatable, $serializable) = sessions();
        $did = (state_of($first->run("BEGIN; $call{$name}")))[1];
    }
    is($did, 'ok', "$name: is done");
    my $pid = $beside->run("\\o\nSELECT pg_backend_pid()");
    $beside->run('\o /dev/null');
    $beside->begin("BEGIN; $call{$name}");
    # until it waits, or is done
    wait_until(sub { server("SELECT count(*) FROM pg_stat_activity WHERE pid = $pid AND (wait_event_type = 'Lock' OR state LIKE 'idle in transaction%')") eq '1' });
    $first->run('COMMIT');
    my %state;
    ($state{beside}, my $said) = state_of($beside->end);
    $beside->run('ROLLBACK');
    my $again = (state_of($first->run("BEGIN; $call{$name};\nROLLBACK")))[0];
    my $may = $again eq 'ok' ? $foreseen : qr/\A(?:\Q$again\E|$meanwhile)\z/;
    # what two take away at once is gone, and both are told so
    like($state{beside}, $name =~ /^un(?:share|identify)$/ ? qr/\A(?:ok|\Q$again\E)\z/ : $may, "$name, done again ends with $again; beside it: $said");
    ($state{'repeatable read'}, $said) = state_of($repeatable->run("$call{$name};\nCOMMIT"));
    like($state{'repeatable read'}, $may, "$name: with an old snapshot: $said");
    ($state{serializable}, $said) = state_of($serializable->run("$call{$name};\nCOMMIT"));
    like($state{serializable}, $may, "$name: with an old snapshot, serializable: $said");
    $seen{$_}{ $state{$_} }++ for keys %state;
    $_->run('ROLLBACK') for $repeatable, $serializable;
    $_->quit for $first, $beside, $repeatable, $serializable;
    my ($status, $out, $err) = $node->psql('copy', $held);
    is("$out$err", '', "$name: all that holds holds");
    $copy = 0 if $spoils{$name} || "$out$err" ne '';
}
my $log = slurp_file($node->logfile);
my %internal;
$internal{$1}++ while $log =~ /(?:ERROR|PANIC|WARNING):  ((?:XX|40P01|23502|23514|58|P0004)\w*: .*)/g;
is(join("\n", map { "$internal{$_} $_" } sort keys %internal), '', 'the log has no internal error, deadlock or broken check');
for my $what (sort keys %seen) { note("$what: " . join ', ', map { "$_ $seen{$what}{$_}" } sort keys %{ $seen{$what} }) }
$node->stop;
done_testing();
