#!/usr/bin/perl
# Who sees, hears of, and may answer which alert, in random organisations with random shares, denials, moved units and people who leave, against the slow model of
# tests/oracle: of everything that shows alerts, when a message is written, and again when it is claimed.
#   ORACLE_SEED   first seed (1)
#   ALERT_ORACLE_SEEDS   how many organisations (6)
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
my $seeds = $ENV{ALERT_ORACLE_SEEDS} // 6;
my $most_differences = $ENV{ORACLE_STOP} ? 1 : 5;
my $started = time;

my $node = TeamDatabase->new('oracle')->node;
my ($out, $err) = run_command([ 'psql', '-Xq', '-h', $node->host, '-p', $node->port, '-d', 'team', '-f', '../oracle/load.sql' ]);
is($err, '', 'the model and the generators are loaded');
my $team = Session->new($node, 'team', '-c jit=off -c max_parallel_workers_per_gather=0 -c client_min_messages=warning');
# numbers are made up: every unit has one now and another one before
is($team->run(<<'SQL'), '', 'numbers');
CREATE OR REPLACE FUNCTION crm.kpi_total(kpi text, unit text DEFAULT NULL, since date DEFAULT NULL, until date DEFAULT NULL,
    into_currency text DEFAULT NULL, rates text DEFAULT 'default', OUT numerator numeric, OUT denominator numeric, OUT value numeric, OUT state text)
LANGUAGE sql STABLE AS $$
    SELECT v, 10::numeric, v / 10, 'ready' FROM (SELECT (hashtext(unit || since) & 7)::numeric) x (v)
$$
SQL

my @differences;
my $cases = 0;
my $seed;
for ($seed = $first_seed; $seed < $first_seed + $seeds && @differences < $most_differences; $seed++) {
    for my $call ("build($seed)", "make_alerts($seed)", map { "check_$_($seed)" } 'writing', 'sight', 'claim', 'lists') {
        my $printed = $team->run("SELECT oracle.$call");
        if ($printed =~ /ERROR/) {
            push @differences, $printed;
            diag("difference: $printed");
            last;
        }
        $cases += $printed if $printed =~ /\A\d+\z/;
    }
}
is(scalar @differences, 0, sprintf 'seeds %d to %d: %d cases, all as foretold', $first_seed, $seed - 1, $cases);
if (!@differences && $seeds >= 6) {
    note("what | cases | of them something is seen\n" . $team->run('SELECT what, count(*), count(*) FILTER (WHERE mixed) FROM oracle.alert_done GROUP BY 1 ORDER BY 1'));
    is($team->run('SELECT string_agg(what, $$, $$ ORDER BY what) FROM (SELECT what FROM oracle.alert_done GROUP BY 1 HAVING count(*) FILTER (WHERE mixed) >= 5) x'),
        'acknowledge, act, cancelled, causes told, explain_alert, lists sent, lists taken back, lists written, messages in an export, messages sent, messages written, named in a list, page, table alert_transition, '
          . 'view alert, view delivery, view rule_standing', 'everything was met where something is seen');
}
$team->quit;
note(sprintf 'took %.0f s', time - $started);
done_testing();
