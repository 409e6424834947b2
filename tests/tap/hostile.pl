# Every function, aggregate, operator, cast and view of the extension, and the types' own input, with arguments that nobody means well by: NULL, empty,
# extreme, wrong names, a megabyte, relations that are none, arrays of every shape. As a superuser, as an administrator, as crmd and as a role without rights.
# No call ends the server, raises an internal error, hangs, leaks, or raises what docs/errors.md and PostgreSQL's classes of data do not promise.
#   CRM_SEED=number another draw (printed), CRM_ROUNDS=number more of them, CRM_ONLY=pattern of signatures.
use strict;
use warnings;
use lib '.';
use Hostile;
use PostgreSQL::Test::Utils;
use Support qw(answer wait_until);
use TeamDatabase;
use Test::More;

my $seed = $ENV{CRM_SEED} // 20260101;
my $rounds = $ENV{CRM_ROUNDS} // 1;
my $only = $ENV{CRM_ONLY};
diag("CRM_SEED=$seed CRM_ROUNDS=$rounds");

my $team = TeamDatabase->new('hostile');
my $node = $team->node;
# nothing that is called here works in parallel workers alone: what they do is done by the leader as well
$node->append_conf('postgresql.conf', "max_parallel_workers_per_gather = 0\njit = off\nrestart_after_crash = on\nlog_min_error_statement = panic\nlog_min_messages = log\nlog_min_duration_statement = 500\n");
$node->reload;
$team->run(slurp_file("$ENV{CRM_STAGE}/tests/regress/bi_world.sql"));
$team->run(slurp_file("$ENV{CRM_STAGE}/tests/tap/hostile_world.sql"));
$team->run('ANALYZE');

my $hostile = Hostile->new($team, $seed);
my @functions = $hostile->functions;
@functions = grep { $_->{signature} =~ /$only/ } @functions if defined $only;

# What somebody may type: functions for administrators, crmd and all that a page of docs/ names. They raise what docs/errors.md says, and of
# PostgreSQL's own 22 data (but null where none may be), 0A, 42501, 54 limits, 55 state and locks, 2D, 25 (a procedure that commits), 39P trigger protocol.
# The others are parts of crm that somebody has to call on purpose: they may say so in PostgreSQL's words, but raise no internal error either.
my $docs = join '', map { slurp_file($_) } map { "$ENV{CRM_STAGE}/docs/$_.md" } qw(base org customer funnel kpi alert identity privacy report);
my %named = map { $_ => 1 } $docs =~ /(\w+)\(/g, $docs =~ /`(?:crm\.|crm_bi\.)?(\w+)`/g;
my $allowed = qr/^(RM\d{3}|22(?!004)...|0A000|42501|55P03|55000|2D000|25001|25006|54\d{3}|39P01|39P03|2BP01|42710|42P07)$/;
my $inside = qr/^(?!XX|57P|58|53)[0-9A-Z]{5}$/;
# what is meant, with the reason: a serialization failure says that the plan was made for another identity and is made again; relations that do not exist
my @explained = (
    [ qr/^(visible|owned|shared)_(texts|bigints|integers|uuids)\(/, qr/^40001/ ], # planned for who sees less, as a plan that is kept: type it again
    [ qr/^raise_disagreement\(/, qr/^XX000/ ], # says that explain_access contradicts the policies
    [ qr/^counted_|_deserialize\(/, qr/^XX001/ ], # bytes that are no such state: data corrupted, as Postgres says of a page
    [ qr/^last_facts\(/, qr/^57014/ ], # goes from day to day up to the one that rules ask for, of the past: here the year 5874897
    [ qr/^(check_expression|expression_is_empty|holds_any)\(/, qr/^22004/ ], # null elements of an array that only crm makes
    [ qr/^search_everything\(/, qr/^57014/ ], # looks for a word, here of 300,000 letters, in every row of every table
    [ qr/regclass/, qr/^42809.*cannot lock relation/ ],
    [ qr/regclass/, qr/^42P01.*relation with OID \d+ does not exist/ ],
    [ qr/^(track|backfill)_failed|^tracking_failed\(|^forget_statistics\(/, qr/^warning/ ]);

sub is_meant {
    my ($function, $state, $text) = @_;
    return 1 if grep { $function->{signature} =~ $_->[0] && "$state $text" =~ /$_->[1]/s } @explained;
    return 1 if $state eq '42501' && $function->{audience} ne 'public';
    my $typed = $function->{audience} =~ /^(admin|daemon|public)$/ && $named{ $function->{name} =~ s/.*\.//r };
    return $state =~ ($typed ? $allowed : $inside);
}

my %found;

# What a session has after it all.
my $left_behind = <<'SQL';
SELECT 'locks', count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype IN ('advisory', 'tuple', 'object') OR pid = pg_backend_pid() AND locktype = 'relation' AND mode <> 'AccessShareLock';
SELECT 'prepared', count(*) FROM pg_prepared_xacts; SELECT 'cursors', count(*) FROM pg_cursors; SELECT 'listens', count(*) FROM pg_listening_channels();
SELECT 'search_path', current_setting('search_path'); SELECT 'user', current_user = session_user;
SELECT 'sees', count(*) FROM team.deal;
SQL

# Runs the statements, each in a savepoint that is rolled back. What was printed of the state that is left, seconds, and [ number, sqlstate, text ] for each that
# failed. One that ends the server does not end the test: the rest is run in a new session.
sub attempt {
    my ($user, @statements) = @_;
    my ($first, $began, $out, $err, @failed) = (0, time);
    local $ENV{PGOPTIONS} = '-c statement_timeout=20s -c lock_timeout=2s -c client_min_messages=warning';
    do {
        my $script = "\\o /dev/null\nBEGIN;\nSAVEPOINT s;\n";
        for my $number ($first .. $#statements) {
            $script .= "\\warn \@$number\n$statements[$number];\nROLLBACK TO s;\n";
            $script .= "ROLLBACK;\nBEGIN;\nSAVEPOINT s;\n" if $number % 100 == 99;
        }
        $script .= "ROLLBACK;\n\\o\n$left_behind";
        # through files: a session that ends early reads no more
        my $base = $node->basedir . "/$user";
        open my $file, '>:raw', "$base.sql" or die $!;
        print $file $script;
        close $file or die $!;
        system sprintf "psql -XqtAb -v VERBOSITY=verbose -h '%s' -p %d -U %s -d team <'%s.sql' >'%s.out' 2>'%s.err'", $node->host, $node->port, $user, $base, $base, $base;
        ($out, $err) = (slurp_file("$base.out"), slurp_file("$base.err"));
        my $reached = $first - 1;
        for my $block (split /^(?=\@\d+$)/m, $err) {
            next unless $block =~ s/^\@(\d+)\n//;
            $reached = $1;
            while ($block =~ /^(?:psql:\S+ )?(ERROR|FATAL|PANIC|WARNING):  (?:([0-9A-Z]{5}):)?/mg) {
                push @failed, [ $reached, $1 eq 'WARNING' ? "warning $2" : $2, $block ];
            }
            push @failed, [ $reached, 'lost', $block ] if $block =~ /connection to server was lost|server closed the connection/;
        }
        die "nothing ran: $err" if @statements && $reached < $first;
        $first = $reached + 1;
        wait_until { defined answer($node, 'team', 'SELECT 1') };
    } while ($first <= $#statements);
    return ($out, time - $began, @failed);
}

sub report {
    my ($state, $what, $text, $statement) = @_;
    my ($message) = $text =~ /:  (?:[0-9A-Z]{5}: )?(.*)/;
    my ($context) = $text =~ /^CONTEXT:  (.*?)^(?:LOCATION|STATEMENT)/ms;
    push @{ $found{"$what"} }, sprintf "%s %s\n  context: %s\n  statement: %s", $state, substr($message // $text, 0, 300), substr(($context // '') =~ s/\n/ | /gr, 0, 700), substr($statement, 0, 1500);
    return;
}

# how each is called, by whom
my %manners = (
    hostile_super => [ 'nulls', 'any', $rounds > 1 ? ('plain', 'one', 'one', 'all') x ($rounds - 1) : () ],
    hostile_admin => [ ('one') x $rounds ],
    hostile_daemon => [ ('one', 'all') x $rounds ],
    hostile_plain => [ 'nulls', ('any') x $rounds ]);
my %wanted = (hostile_super => qr/./, hostile_admin => qr/^admin$/, hostile_daemon => qr/^daemon$/, hostile_plain => qr/./);

for my $user ('hostile_super', 'hostile_admin', 'hostile_daemon', 'hostile_plain') {
    my ($before) = attempt($user);
    my (@calls, @of);
    for my $manner (@{ $manners{$user} }) {
        for my $function (@functions) {
            next unless $function->{audience} =~ $wanted{$user};
            next if $user eq 'hostile_plain' && $function->{audience} ne 'public' && $manner ne 'nulls'; # refused once is enough
            push @calls, $hostile->call($function, $manner);
            push @of, $function;
        }
    }
    my ($out, $seconds, @failed) = attempt($user, @calls);
    my ($bad, %states) = (0);
    for my $failed (@failed) {
        my ($number, $state, $text) = @$failed;
        $states{$state}++;
        my $function = $of[$number];
        next if is_meant($function, $state, $text);
        report($state, "$user $function->{signature} $state", $text, $calls[$number]);
        $bad++;
    }
    note(join ' ', map { "$_:$states{$_}" } sort keys %states);
    is($bad, 0, sprintf '%s: %d calls, %d of them refused, none wrongly', $user, scalar @calls, scalar @failed);
    note("$user: $seconds s");
    is($out, $before, "$user: nothing is left behind: locks, prepared transactions, cursors, settings, and what the caller sees");
}

my $log = slurp_file($node->logfile);
my @slow = sort { $b <=> $a } $log =~ /duration: (.*)/g;
note('slowest: ' . substr($_, 0, 400)) for @slow[ 0 .. ($#slow < 40 ? $#slow : 40) ];
for my $sign ('terminated by signal', 'PANIC', 'TRAP:', 'FailedAssertion', 'leak:', 'still referenced', 'corrupt') {
    my @lines = grep { /\Q$sign\E/ && !/STATEMENT|ERROR/ } split /\n/, $log;
    is(scalar @lines, 0, "the log has no $sign") or diag(join "\n", @lines[ 0 .. ($#lines < 5 ? $#lines : 5) ]);
}
is($team->run('SELECT 1'), '1', 'the server is there');
for my $what (sort keys %found) { diag("$what (" . @{ $found{$what} } . "): $found{$what}[0]") }
done_testing();
