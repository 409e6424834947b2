# The locks of every public call that writes, as docs/operations.md has them: each call of tests/tap/calls.txt runs in a transaction of
# its own, which is looked at in pg_locks and rolled back. A call that the pages name and that is not there is a failure.
use strict;
use warnings;
use lib '.';
use Calls;
use PostgreSQL::Test::Utils;
use Session;
use TeamDatabase;
use Test::More;

my $team = TeamDatabase->new('locks');
Calls::load_world($team);

my %call = Calls::all();
my @rank = qw(AccessShareLock RowShareLock RowExclusiveLock ShareUpdateExclusiveLock ShareLock ShareRowExclusiveLock ExclusiveLock AccessExclusiveLock);
my %number = map { $rank[$_] => $_ } 0 .. $#rank;
my $look = sprintf q(SELECT 'locks|%%s|' || coalesce((array_agg(mode ORDER BY array_position('{%s}', mode) DESC) FILTER (WHERE nspname = 'public'))[1], '') || '|' ||
        coalesce((array_agg(mode ORDER BY array_position('{%s}', mode) DESC) FILTER (WHERE nspname IN ('crm', 'crm_bi')))[1], '')
    FROM (SELECT l.mode, n.nspname FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
          WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' AND c.relkind IN ('r', 'p')) x;), (join ',', @rank) x 2;
my $script = "SET client_min_messages = error;\n";
for my $name (sort keys %call) {
    $script .= "\\echo call $name\nBEGIN;\n\\o /dev/null\n$call{$name};\n\\o\n" . sprintf($look, $name) . "\nROLLBACK;\n";
}
my ($out, $err) = ('', '');
$team->node->psql('team', $script, stdout => \$out, stderr => \$err, on_error_stop => 0);
my %seen = map { /^locks\|(\w+)\|(\w*)\|(\w*)$/ ? ($1 => [ $2, $3 ]) : () } split /\n/, $out;
is(join("\n", grep { /ERROR/ && !/transaction is aborted/ } split /\n/, $err), '', 'every call works');
is(join(', ', grep { !$seen{$_} } sort keys %call), '', scalar(keys %call) . ' calls were looked at');

# Procedures commit as they go, and are looked at from outside: while somebody else holds a mode on every table, the server's log says what they wait for.
my $holder = Session->new($team->node, 'team');
my %procedure = (
    backfill => [ "SELECT crm.restate('deals'); UPDATE crm.filling SET state = 'filling' WHERE relation IN ('deals'::regclass, 'accounts'::regclass)", "CALL crm.backfill('deals')", "CALL crm.backfill('accounts')" ],
    resolve => [ "UPDATE accounts SET name = name || '.'", 'CALL crm.resolve()' ]);
$team->node->append_conf('postgresql.conf', "log_lock_waits = on\ndeadlock_timeout = 10ms");
$team->node->reload;
sub strongest {
    my ($schema, $before, @calls) = @_;
    my $strongest = 0; # all of them read
    # from the one that lets nothing but readers through to the one that keeps out what keeps readers out
    for my $mode ('EXCLUSIVE', 'SHARE', 'SHARE UPDATE EXCLUSIVE', 'ROW EXCLUSIVE', 'ROW SHARE', 'ACCESS SHARE') {
        $team->run("SET client_min_messages = error; $before");
        my $offset = -s $team->node->logfile;
        $holder->run("BEGIN; SELECT format('LOCK TABLE ONLY %s IN $mode MODE', oid::regclass) FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = '$schema'::regnamespace \\gexec");
        my $session = Session->new($team->node, 'team');
        $session->run("SET client_min_messages = error; SET lock_timeout = '300ms'");
        my $said = join "\n", map { $session->run($_) } @calls;
        $session->quit;
        $holder->run('ROLLBACK');
        my $log = substr slurp_file($team->node->logfile), $offset;
        # resolve does not wait for another resolve
        my @waits = ($log =~ /still waiting for (\w+) on relation/g, $said =~ /another resolve is running/ ? 'ShareUpdateExclusiveLock' : ());
        die "not a lock: $said" if $said =~ /ERROR/ && !@waits;
        for (@waits) { $strongest = $number{$_} if $number{$_} > $strongest }
    }
    $team->run("SET client_min_messages = error; $_") for $before, @calls;
    return $rank[$strongest];
}
for my $name (sort keys %procedure) {
    $seen{$name} = [ map { strongest($_, @{ $procedure{$name} }) } 'public', 'crm' ];
    note("$name: @{ $seen{$name} }");
}
$holder->quit;

# All of them: volatile functions that somebody but crm itself may call, and that a page names as a call.
my $pages = join '', map { slurp_file($_) } grep { !/source-tour|exactness|developing/ } glob("$ENV{CRM_STAGE}/docs/*.md $ENV{CRM_STAGE}/README.md");
my @public = split /\n/, $team->run(<<'SQL');
SELECT DISTINCT p.proname FROM pg_proc p
WHERE p.pronamespace = 'crm'::regnamespace AND p.provolatile = 'v' AND p.prokind IN ('f', 'p') AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
  AND (has_function_privilege('pg_monitor', p.oid, 'EXECUTE')
       OR EXISTS (SELECT FROM crm.function_audience a WHERE a.signature LIKE p.proname || '(%' AND a.audience <> 'internal'))
ORDER BY 1
SQL
my @named = grep { $pages =~ /\b$_\s*\(/ } @public;
is(join(', ', grep { !$call{$_} && !$procedure{$_} } @named), '', scalar(@named) . ' calls that write are named by the pages, and here');

my %say = map { $_ => uc(s/Lock$//r =~ s/(?<=[a-z])(?=[A-Z])/ /gr) } @rank;
my %strong = map { $_ => 1 } grep { ($number{ $seen{$_}[0] } // 0) > 1 || ($number{ $seen{$_}[1] } // 0) > 2 } keys %seen;
my %by;
push @{ $by{"$seen{$_}[0]|$seen{$_}[1]"} }, $_ for sort keys %strong;
my $table = "| calls | yours | crm's |\n|---|---|---|\n" . join '', map {
    my ($yours, $own) = split /\|/;
    sprintf "| %s | %s | %s |\n", join(', ', map { "`$_`" } @{ $by{$_} }), map { $say{ $_ // '' } // '' } $yours, $own;
} sort { $by{$a}[0] cmp $by{$b}[0] } keys %by;
my ($written) = slurp_file("$ENV{CRM_STAGE}/docs/operations.md") =~ /^(\| calls \| yours.*?)\n\n/ms;
is("$written\n", $table, 'the table of docs/operations.md is what pg_locks says');
$team->node->stop;
done_testing();
