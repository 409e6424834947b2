# Who sees and changes which row, against the slow model of tests/oracle: random organisations, tables and statements, under
# every kind of plan, with the identity switched inside one session; the organisation changed by another session between
# two executions in one transaction; periods that begin and end while a session looks.
#   ORACLE_SEED   the first seed (1); a difference names the seed that shows it again: ORACLE_SEED=N ORACLE_CASES=1
#   ORACLE_CASES  about so many cases (3000)
#   ORACLE_STOP   stop at the first difference, not at the fifth
use strict;
use warnings;
use lib '.';
use PostgreSQL::Test::Utils;
use Session;
use TeamDatabase;
use Test::More;
use Time::HiRes qw(time);

my $first_seed = $ENV{ORACLE_SEED} // 1;
my $wanted_cases = $ENV{ORACLE_CASES} // 3000;
my $most_differences = $ENV{ORACLE_STOP} ? 1 : 5;
my $started = time;

my $node = TeamDatabase->new('oracle')->node;
my ($out, $err) = run_command([ 'psql', '-Xq', '-h', $node->host, '-p', $node->port, '-d', 'team', '-f', '../oracle/load.sql' ]);
is($err, '', 'the model and the generators are loaded');

my $options = '-c jit=off -c max_parallel_workers_per_gather=0';
my $asker = Session->new($node, 'team', $options);
my $model = Session->new($node, 'team', $options);
my @differences;

sub difference {
    my ($what) = @_;
    push @differences, $what;
    diag("difference: $what");
    return;
}

sub enough { return @differences >= $most_differences }

# One organisation with three tables, and three transactions of statements; returns how many cases that were.
sub check_statements {
    my ($seed) = @_;
    my $cases = 0;
    for my $call ("build($seed)", map { "batch($seed, $_, 10)" } 1 .. 3) {
        my $printed = $asker->run("SELECT oracle.$call");
        if ($printed =~ /ERROR/) {
            difference($printed);
            last;
        }
        $cases += $printed if $printed =~ /\A\d+\z/;
    }
    return $cases;
}

my %query = (
    read => "SELECT coalesce(string_agg(n::text, ',' ORDER BY n), '') FROM %s WHERE n >= \$1",
    update => "WITH done AS (UPDATE %s SET amount = amount WHERE n >= \$1 RETURNING n)
               SELECT coalesce(string_agg(n::text, ',' ORDER BY n), '') FROM done");
my ($executions, $retries) = (0, 0);

# What a prepared statement says, and what it must say now. Whoever came to reach everything, or rows of no unit, may be told
# to try again: that is asked of the model, too.
sub check_execution {
    my ($role, $relation, $privilege, $may_retry, $about) = @_;
    my $seen = $asker->run("EXECUTE q_$privilege(0)");
    $asker->run('ROLLBACK TO SAVEPOINT s');
    my ($foretold, $everywhere, $somebody) = split /\|/, $model->run("SELECT oracle.numbers('$role', '$relation', '$privilege',
        statement_timestamp()), oracle.everywhere('$role', '$relation', '$privilege', statement_timestamp()),
        oracle.asker_of('$role') IS NOT NULL");
    $executions++;
    if ($may_retry && $everywhere eq 't' && $seen =~ /ERROR:  40001/) {
        $retries++;
    } elsif ($somebody eq 't' ? $seen ne $foretold : $seen !~ /ERROR:  RM101/) {
        difference("$role, $relation, $privilege, $about:\n  foretold $foretold\n  seen     $seen");
    }
    return;
}

# Another session changes the organisation between executions in one transaction.
sub check_changes {
    my ($seed, $round) = @_;
    my ($role, $relation, $scan, $mode) = split /\|/, $model->run("SELECT * FROM oracle.begin_round($seed * 100 + $round)");
    my $isolation = ($seed + $round) % 2 ? 'READ COMMITTED' : 'REPEATABLE READ';
    my $begun = $asker->run(join ";\n", "BEGIN ISOLATION LEVEL $isolation", "SELECT oracle.set_plan('$scan', '$mode')",
        (map { "PREPARE q_$_(integer) AS " . sprintf $query{$_}, $relation } sort keys %query), "SET LOCAL ROLE $role", 'SAVEPOINT s');
    difference($begun) if $begun =~ /ERROR/;
    for my $step (0 .. 3) {
        my $changed = $step == 0 ? 'nothing' : $model->run(q(SELECT concat_ws(', ', oracle.disturb(), oracle.disturb())));
        check_execution($role, $relation, $_, $step > 0, "seed $seed, round $round, $isolation, $scan $mode, after a change of: $changed")
            for 'read', 'update';
    }
    $asker->run('ROLLBACK; DEALLOCATE ALL');
    return;
}

# Periods begin and end while a session looks: each execution is compared with the model at its own instant.
my ($looks, $turns) = (0, 0);
sub check_clocks {
    my ($seed) = @_;
    my ($role, $relation, $scan, $mode) = split /\|/, $model->run("SELECT * FROM oracle.begin_round($seed * 100)");
    $asker->run(join ";\n", $seed % 2 ? 'BEGIN' : 'SELECT', "SELECT oracle.set_plan('$scan', '$mode')",
        "PREPARE look(integer) AS SELECT statement_timestamp(), (SELECT current_user),
             (SELECT coalesce(string_agg(n::text, ',' ORDER BY n), '') FROM $relation WHERE n >= \$1)");
    $model->run("SELECT oracle.set_clocks($seed)");
    my @looks = map { my $n = $_ % 7; "SET ROLE regress_oracle_$n;\nEXECUTE look(0);\nSELECT pg_sleep(0.004) \\g /dev/null\n" } 0 .. 69;
    my %before;
    for my $look (split /\n/, $asker->run(join '', @looks)) {
        my ($instant, $who, $seen) = split /\|/, $look, 3;
        if (!defined $seen) {
            difference("seed $seed, $relation: $look");
            last;
        }
        my $foretold = $model->run("SELECT oracle.numbers('$who', '$relation', 'read', '$instant')");
        $looks++;
        $turns++ if defined $before{$who} && $before{$who} ne $foretold;
        $before{$who} = $foretold;
        difference("seed $seed, $who, $relation at $instant:\n  foretold $foretold\n  seen     $seen") if $seen ne $foretold;
    }
    $asker->run('ROLLBACK; RESET ROLE; DEALLOCATE ALL');
    return;
}

note("seed $first_seed");
my ($seed, $cases) = ($first_seed, 0);
for (; $cases < $wanted_cases && !enough(); $seed++) {
    $cases += check_statements($seed);
    last if enough();
    check_changes($seed, $_) for 1 .. 3; # in the organisation that was just made
    check_clocks($seed) if $seed % 5 == 0;
}
is(scalar @differences, 0,
    sprintf 'seeds %d to %d: %d cases, %d executions after another session changed the organisation (%d tried again) and %d looks '
          . 'while periods began and ended, all as foretold', $first_seed, $seed - 1, $cases, $executions, $retries, $looks);

if ($cases >= 1000 && !@differences) {
    my $mixed = $asker->run('SELECT round(100 * avg(mixed::integer)) FROM oracle.done WHERE command <> $$visible$$');
    cmp_ok($mixed, '>=', 60, "in $mixed % of the cases some rows are visible and some hidden");
    note("command | cases | mixed % | errors %\n"
        . $asker->run('SELECT command, count(*), round(100 * avg(mixed::integer)), round(100 * avg((state <> $$00000$$)::integer))
                       FROM oracle.done GROUP BY command ORDER BY command'));
    note("scan | plan | cases | of them with units, own or shared rows listed to an index\n"
        . $asker->run('SELECT scan, mode, count(*), count(*) FILTER (WHERE listed) FROM oracle.done WHERE scan <> $$$$
                       GROUP BY scan, mode ORDER BY scan, mode'));
    cmp_ok($asker->run('SELECT count(*) FROM oracle.done WHERE listed'), '>=', 5, 'plans that list to an index were met');
    is($asker->run('SELECT string_agg(command, $$ $$ ORDER BY command) FROM (SELECT command FROM oracle.done GROUP BY command HAVING count(*) >= 20) c'),
        'delete insert lock merge move nothing select update upsert visible', 'every command was met');
    cmp_ok($turns, '>', 0, "$turns times what is visible changed by the clock alone");
}

$_->quit for $asker, $model;
note(sprintf 'took %.0f s', time - $started);
done_testing();
