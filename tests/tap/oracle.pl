# Who sees and changes which row, against the slow model of tests/oracle: random organisations, tables and statements, under
# every kind of plan, with the identity switched inside one session; the organisation changed by another session between
# two executions in one transaction; periods that begin and end while a session looks.
#   ORACLE_SEED   the first seed (1); a difference names the seed that shows it again: ORACLE_SEED=N ORACLE_CASES=1
#   ORACLE_CASES  about so many cases (4000)
#   ORACLE_STOP   stop at the first difference
use strict;
use warnings;
use lib '.';
use PostgreSQL::Test::Utils;
use Session;
use TeamDatabase;
use Test::More;
use Time::HiRes qw(time);

my $first_seed = $ENV{ORACLE_SEED} // 1;
my $wanted_cases = $ENV{ORACLE_CASES} // 4000;
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

# One seed: an organisation, three tables, three transactions of statements.
sub check_seed {
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

note("seed $first_seed");
my ($seed, $cases) = ($first_seed, 0);
while ($cases < $wanted_cases && @differences < $most_differences) {
    $cases += check_seed($seed++);
}
is(scalar @differences, 0, sprintf 'seeds %d to %d: %d cases as foretold', $first_seed, $seed - 1, $cases);

if ($wanted_cases >= 1000 && !@differences) {
    my $mixed = $asker->run('SELECT round(100 * avg(mixed::integer)) FROM oracle.done WHERE command <> $$visible$$');
    cmp_ok($mixed, '>=', 60, "in $mixed % of the cases some rows are visible and some hidden");
    note("command | cases | mixed % | errors %\n"
        . $asker->run('SELECT command, count(*), round(100 * avg(mixed::integer)), round(100 * avg((state <> $$00000$$)::integer))
                       FROM oracle.done GROUP BY command ORDER BY command'));
    note("scan | plan | cases\n"
        . $asker->run('SELECT scan, mode, count(*) FROM oracle.done WHERE scan <> $$$$ GROUP BY scan, mode ORDER BY scan, mode'));
    cmp_ok($asker->run('SELECT count(*) FROM oracle.done WHERE listed'), '>=', $wanted_cases / 400, 'plans that list units to an index were met');
    my @commands = split /\n/, $asker->run('SELECT command FROM oracle.done GROUP BY command HAVING count(*) >= 30 ORDER BY command');
    is("@commands", 'delete insert lock merge move nothing select update upsert visible', 'every command was met thirty times');
}

# Another session changes the organisation between two executions of one transaction.
my $rounds = @differences ? 0 : $wanted_cases / 40;
my ($asked, $retried) = (0, 0);
for my $round (1 .. $rounds) {
    $seed = $first_seed + 100_000 + $round;
    $model->run("SELECT oracle.build($seed)") if $round % 10 == 1;
    my ($role, $relation, $scan, $mode) = split /\|/, $model->run("SELECT * FROM oracle.begin_round($seed)");
    my $isolation = $round % 2 ? 'READ COMMITTED' : 'REPEATABLE READ';
    my %query = (
        read => "SELECT coalesce(string_agg(n::text, ',' ORDER BY n), '') FROM $relation WHERE n >= \$1",
        update => "WITH done AS (UPDATE $relation SET amount = amount WHERE n >= \$1 RETURNING n)
                   SELECT coalesce(string_agg(n::text, ',' ORDER BY n), '') FROM done");
    my $begun = $asker->run(join ";\n", "BEGIN ISOLATION LEVEL $isolation", "SELECT oracle.set_plan('$scan', '$mode')",
        (map { "PREPARE q_$_(integer) AS $query{$_}" } sort keys %query), "SET LOCAL ROLE $role", 'SAVEPOINT s');
    difference($begun) if $begun =~ /ERROR/;
    my $plans_before = {};
    for my $step (0 .. 3) {
        my $changed = $step == 0 ? '' : $model->run('SELECT oracle.disturb()');
        for my $privilege ('read', 'update') {
            my $seen = $asker->run("EXECUTE q_$privilege(0)");
            $asker->run('ROLLBACK TO SAVEPOINT s');
            my $foretold = $model->run("SELECT oracle.numbers('$role', '$relation', '$privilege', statement_timestamp())");
            my $everywhere = $model->run("SELECT oracle.everywhere('$role', '$relation', '$privilege', statement_timestamp())");
            $asked++;
            if ($seen =~ /ERROR:  40001/ && $everywhere eq 't' && $step > 0) {
                $retried++;
            } elsif ($seen =~ /ERROR:  RM101/ && $model->run("SELECT oracle.asker_of('$role') IS NULL") eq 't') {
                next;
            } elsif ($seen ne $foretold) {
                difference("seed $seed, $role, $relation, $privilege, $isolation, $scan $mode, after change '$changed' by another session:\n"
                    . "  foretold $foretold\n  seen     $seen");
            }
        }
    }
    $asker->run('ROLLBACK; DEALLOCATE ALL');
    last if @differences >= $most_differences;
}
is(scalar @differences, 0, "$asked executions obeyed what another session had committed meanwhile ($retried had to be tried again)");

# Periods that begin and end while a session looks: each execution is compared with the model at its own instant.
my ($looks, $answers) = (0, 0);
for my $round (@differences ? () : 1 .. 4) {
    $seed = $first_seed + 200_000 + $round;
    $model->run("SELECT oracle.build($seed)");
    my ($role, $relation, $scan, $mode) = split /\|/, $model->run("SELECT * FROM oracle.begin_round($seed)");
    $asker->run(join ";\n", $round % 2 ? 'BEGIN' : 'SELECT', "SELECT oracle.set_plan('$scan', '$mode')",
        "PREPARE look(integer) AS SELECT statement_timestamp(), (SELECT current_user),
             (SELECT coalesce(string_agg(n::text, ',' ORDER BY n), '') FROM $relation WHERE n >= \$1)");
    $model->run("SELECT oracle.set_clocks($seed)");
    my @polls = map { my $n = $_ % 7; "SET ROLE regress_oracle_$n;\nEXECUTE look(0);\nSELECT pg_sleep(0.004) \\g /dev/null\n" } 0 .. 69;
    my %different;
    for my $look (split /\n/, $asker->run(join '', @polls)) {
        my ($instant, $who, $seen) = split /\|/, $look, 3;
        my $foretold = defined $seen ? $model->run("SELECT oracle.numbers('$who', '$relation', 'read', '$instant')") : 'rows';
        $looks++;
        $different{"$who $foretold"} = 1;
        difference("seed $seed, $who, $relation at $instant:\n  foretold $foretold\n  seen     " . ($seen // $look))
            if !defined $seen || $seen ne $foretold;
    }
    $answers += keys(%different) - 7;
    $asker->run('ROLLBACK; RESET ROLE; DEALLOCATE ALL');
}
is(scalar @differences, 0, "$looks looks while periods began and ended agree with the model at their instants");
cmp_ok($answers, '>', 0, "$answers times the answer changed meanwhile") if !@differences;

$_->quit for $asker, $model;
note(sprintf 'took %.0f s', time - $started);
done_testing();
