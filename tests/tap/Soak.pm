# What a team does all day, all at once: processes that write into adopted tables, merge, change the organisation, move partitions, read, hold an old
# snapshot, define and close, each with a session of its own that comes back when its server or its backend was killed.
#
#   Soak::load_world($team, $rows)              the tables and the organisation of tests/soak, and the invariants
#   my @workers = Soak::start($node, $seconds, $folder, @names)
#   Soak::finish(@workers)                      waits for their end; returns { 'insert person' => { ok => 12, 40001 => 3 }, ... }
#   Soak::broken($team, $what, @invariants)     one test: nothing is wrong; all invariants unless some are named
package Soak;

use strict;
use warnings;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Session;
use Test::More;
use Time::HiRes qw(time sleep);

# Once for each server, since roles are the server's.
sub load_world {
    my ($team, $rows) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $node = $team->node;
    my ($out, $err) = run_command([ 'psql', '-Xq', '-o', '/dev/null', '-h', $node->host, '-p', $node->port, '-d', 'team', '-v', 'ON_ERROR_STOP=1', '-v', "rows=$rows", '-f', '../oracle/model.sql',
        '-f', '../soak/world.sql', '-f', '../soak/invariants.sql' ]);
    return is($err, '', 'a world is made');
}

sub broken {
    my ($team, $what, @which) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $list = @which ? "'{" . join(',', @which) . "}'" : 'NULL';
    my ($status, $out, $err) = $team->node->psql($team->{database}, "SET client_min_messages = warning; SELECT invariant || ': ' || line FROM invariant.broken($list)");
    return is($status == 0 ? $out : "ERROR $err", '', $what);
}

sub number { my ($low, $high) = @_; return $low + int rand($high - $low + 1) }
sub one_of { return $_[ int rand @_ ] }
sub region { return one_of("'north'", "'south'", "'east'", "'EMEA'", "'apac'", "'nowhere'", 'NULL') }
sub day { return "timestamptz '2026-01-01' + " . number(0, 300) . " * interval '1 day' + " . number(0, 86399) . " * interval '1 second'" }
sub name { return "'" . one_of(qw(Ada Bo Cy Di Ed Flo Gus Hal Ida)) . ' ' . one_of(qw(Lovelace Katz Young Prince Wood Stone)) . number(0, 9) . "'" }
sub status_of_deal { return one_of("'talk', NULL", "'won', now()", "'lost', now()", "'won', " . day(), "'lost', " . day(), "'talk', NULL") }
my $person = '(SELECT id FROM people ORDER BY hashint8(id + %d) LIMIT 1)';
sub person { return sprintf $person, number(1, 1_000_000) }
sub row_of { my ($table, $times) = @_; return "(SELECT id FROM $table ORDER BY hashint8(id + " . number(1, 1_000_000) . ") LIMIT " . ($times // 1) . ')' }

my %single = (
    'insert person' => sub { 'INSERT INTO people (account, name, email, region, joined) VALUES (' . number(1, 20) . ', ' . name() . ", 'p" . number(0, 200) . "\@soak.example', " . region() . ", '2026-05-05')" },
    'update person' => sub { 'UPDATE people SET ' . one_of('email = NULL', "email = 'p" . number(0, 200) . "\@soak.example'", 'name = ' . name(), 'region = ' . region()) . ' WHERE id = ' . person() },
    'insert lead' => sub { 'INSERT INTO leads (name, email, stage, region, campaign, came) VALUES (' . name() . ", 'p" . number(0, 200) . "\@soak.example', '" . one_of(qw(lead mql lost)) . "', " . region() . ", 'summer', " . day() . ')' },
    'update lead' => sub { "UPDATE leads SET stage = '" . one_of(qw(lead mql lost strange)) . "' WHERE id = " . row_of('leads') },
    'delete lead' => sub { 'DELETE FROM leads WHERE id IN ' . row_of('leads', 2) . ' AND (SELECT count(*) FROM leads) > 50' },
    'insert deals' => sub { "INSERT INTO deals SELECT nextval('deal_id') % 3 * 1000000 + nextval('deal_id'), " . person() . ', ' . region() . ", 'rep" . number(0, 4) . "', n * " . number(1, 500) . ".07, s.status, " . day() . ', s.closed FROM generate_series(1, '
        . number(1, 20) . ') n, (VALUES (' . status_of_deal() =~ s/NULL/NULL::timestamptz/r . ')) s (status, closed)' },
    'update deals' => sub { 'UPDATE deals SET value = value + ' . number(-99, 99) . '.5, region = ' . region() . ' WHERE id IN ' . row_of('deals', number(1, 9)) },
    'win or lose deals' => sub { 'UPDATE deals SET (status, closed) = (' . status_of_deal() . ') WHERE id IN ' . row_of('deals', number(1, 9)) },
    'delete deals' => sub { 'DELETE FROM deals WHERE id IN ' . row_of('deals', 12) . ' AND (SELECT count(*) FROM deals) > 300' },
    'write a partition' => sub { one_of("UPDATE deals_0 SET value = value * 2, rep = 'direct' WHERE id % 7 = " . number(0, 6), 'DELETE FROM deals_1 WHERE id IN ' . row_of('deals_1', 2) . ' AND (SELECT count(*) FROM deals_1) > 50',
            "INSERT INTO deals_0 (id, region, value, status, opened) VALUES (" . number(0, 999) . ", 'north', 1, 'talk', '2026-06-01') ON CONFLICT (id) DO UPDATE SET value = deals_0.value + 1") },
    'move a deal to another partition' => sub { 'UPDATE deals SET id = id + 1000000 WHERE id IN ' . row_of('deals_1', 1) },
    'insert ticket' => sub { 'INSERT INTO tickets (person, region, agent, subject, stage, priority, opened) VALUES (' . person() . ', ' . region() . ", 'soak_" . number(0, 4) . "', 'new ticket', 'new', '" . one_of(qw(high low)) . "', now())" },
    'update ticket' => sub { 'UPDATE tickets SET ' . one_of("stage = 'waiting', resolved = NULL", "stage = 'closed', resolved = greatest(opened, now())", "stage = 'new', resolved = NULL", 'region = ' . region(), "agent = 'soak_" . number(0, 4) . "'") . ' WHERE id = ' . row_of('tickets') },
    'delete ticket' => sub { 'DELETE FROM tickets WHERE id IN ' . row_of('tickets', 2) . ' AND (SELECT count(*) FROM tickets) > 100' },
    'insert touches' => sub { "INSERT INTO touches (person, visitor, at, channel, region) SELECT CASE WHEN n % 2 = 0 THEN " . person() . " END, CASE WHEN n % 2 = 1 THEN 'v" . number(0, 60) . "' END, " . day() . ' + n * interval \'1 minute\', \'web\', '
        . region() . ' FROM generate_series(1, ' . number(1, 6) . ') n' },
    'delete touches' => sub { 'DELETE FROM touches WHERE id IN ' . row_of('touches', 8) . ' AND (SELECT count(*) FROM touches) > 200' },
    'delete person' => sub { 'WITH p AS MATERIALIZED (SELECT id FROM people WHERE (SELECT count(*) FROM people) > 200 ORDER BY hashint8(id + ' . number(1, 1_000_000) . ') LIMIT 1), d AS (UPDATE deals SET person = NULL WHERE person IN (TABLE p)), '
        . 't AS (UPDATE tickets SET person = NULL WHERE person IN (TABLE p)) DELETE FROM people WHERE id IN (TABLE p)' },
    'spend' => sub { 'INSERT INTO spending (happened, amount, kind, channel) SELECT date \'2026-01-01\' + n, ' . number(-50, 500) . '.25, \'marketing\', \'' . one_of(qw(web mail fair)) . "' FROM generate_series(1, " . number(1, 9) . ') n' },
);
my @single = sort keys %single;

# Each returns what it is called and what to run, statement by statement; a transaction that is begun here is ended here.
my %work = (
    writer => sub {
        my ($self) = @_;
        my $what = one_of(@single);
        return ($what, $single{$what}->()) if rand() < 0.6;
        my $level = one_of('READ COMMITTED', 'READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE');
        my @statements = ("BEGIN ISOLATION LEVEL $level", $single{ one_of(@single) }->());
        push @statements, 'SAVEPOINT s', $single{ one_of(@single) }->(), one_of('ROLLBACK TO s', 'RELEASE s', 'RELEASE s') if rand() < 0.6;
        push @statements, $single{ one_of(@single) }->();
        if (rand() < 0.1) {
            my $name = "soak_$$" . '_' . ++$self->{prepared};
            return ('transaction in two phases', @statements, "PREPARE TRANSACTION '$name'", one_of('COMMIT', 'COMMIT', 'ROLLBACK') . " PREPARED '$name'");
        }
        return (lc "transaction in $level", @statements, one_of('COMMIT', 'COMMIT', 'COMMIT', 'ROLLBACK'));
    },
    merger => sub {
        my ($self) = @_;
        my $what = rand();
        return ('unmerge', 'SELECT crm.unmerge(merge_id) FROM (SELECT merge_id FROM crm.row_merge WHERE unmerged_at IS NULL ORDER BY hashint8(merge_id + ' . number(1, 100_000) . ') LIMIT 1) m') if $what < 0.35;
        return ('identify', "SELECT crm.identify('v" . number(0, 60) . "', (SELECT customer_id FROM crm.record_link ORDER BY hashint8(record_no + " . number(1, 100_000) . ') LIMIT 1))') if $what < 0.45;
        return ('merge, dry run', "SELECT crm.merge('people', k[1], k[2:2], 'soak', dry_run => true) FROM (SELECT array_agg(id::text) AS k FROM (SELECT id FROM people ORDER BY hashint8(id + " . number(1, 100_000) . ') LIMIT 2) x) y') if $what < 0.5;
        return ('decide', "SELECT crm.decide(('people', k[1])::crm.record_ref, ('people', k[2])::crm.record_ref, '" . one_of(qw(same different)) . "', 'soak') FROM (SELECT array_agg(id::text) AS k FROM (SELECT id FROM people ORDER BY hashint8(id + " . number(1, 100_000) . ') LIMIT 2) x) y') if $what < 0.55;
        return ('merge', "SELECT crm.merge('people', k[1], k[2:], 'soak') FROM (SELECT array_agg(id::text) AS k FROM (SELECT id FROM people ORDER BY hashint8(id + " . number(1, 100_000) . ') LIMIT ' . number(2, 3) . ') x) y');
    },
    organiser => sub {
        my $who = 'soak_' . number(0, 4);
        my $unit = one_of(qw(emea apac north south east));
        my $role = one_of(qw(agent lead board));
        return @{ one_of([ 'add member', "SELECT crm.add_member('$who', '$unit', '$role')" ], [ 'remove member', "SELECT crm.remove_member(principal, unit, role) FROM (SELECT * FROM crm.membership WHERE upper_inf(during) AND (SELECT count(*) FROM crm.membership WHERE upper_inf(during)) > 4 ORDER BY hashint8(id + " . number(1, 1000) . ') LIMIT 1) m' ],
            [ 'move unit', "SELECT crm.move_unit('" . one_of(qw(north south east)) . "', '" . one_of(qw(emea apac)) . "')" ], [ 'deny', "SELECT crm.deny('$who', '" . one_of(qw(ticket kpi)) . "', '" . one_of(qw(read total)) . "', '$unit')" ],
            [ 'undeny', 'SELECT crm.undeny(principal, object, privilege, unit) FROM (SELECT * FROM crm.denial ORDER BY id LIMIT 1) d' ], [ 'undeny', 'SELECT crm.undeny(principal, object, privilege, unit) FROM (SELECT * FROM crm.denial ORDER BY id DESC LIMIT 1) d' ],
            [ 'share', "SELECT crm.share('tickets', (SELECT id::text FROM tickets ORDER BY hashint8(id + " . number(1, 100_000) . ") LIMIT 1), '$who', '{read}', now() + interval '" . one_of('1 hour', '1 second') . "')" ],
            [ 'unshare', "SELECT crm.unshare(relation, record_key, principal) FROM (SELECT * FROM crm.shared_record ORDER BY id LIMIT 1) s" ], [ 'name a unit', "SELECT crm.add_unit_alias('$unit', 'alias" . number(0, 9) . "')" ],
            [ 'take a name back', "SELECT crm.remove_unit_alias(unit, alias) FROM (SELECT * FROM crm.unit_alias ORDER BY alias LIMIT 1) a" ]) };
    },
    partitions => sub {
        my ($self) = @_;
        my $low = 2_000_000_000;
        my $high = $low + 1_000_000;
        my $there = $self->{session}->run("SELECT to_regclass('passing') IS NOT NULL") eq 't';
        my $locked = 'BEGIN; SELECT pg_advisory_xact_lock(1)';
        my $row = "SELECT 'deals', to_jsonb(p) FROM passing p";
        my $range = "VALUES FROM ($low) TO ($high)";
        return @{ one_of([ 'truncate', $locked, 'TRUNCATE spending', "INSERT INTO spending (happened, amount, channel) VALUES ('2026-05-05', 2.5, 'kept')", one_of('COMMIT', 'COMMIT', 'ROLLBACK') ],
            $there
            ? ([ 'detach a partition', $locked, 'ALTER TABLE deals DETACH PARTITION passing', "INSERT INTO journal (relation, gone) $row", 'DROP TABLE passing', one_of('COMMIT', 'COMMIT', 'ROLLBACK') ],
                [ 'drop a partition', $locked, 'LOCK TABLE deals IN ACCESS EXCLUSIVE MODE', "INSERT INTO journal (relation, gone) $row", 'DROP TABLE passing', 'COMMIT' ])
            : ([ 'attach a partition', $locked, 'CREATE TABLE passing (LIKE deals INCLUDING DEFAULTS INCLUDING CONSTRAINTS)',
                    "INSERT INTO passing SELECT $low + n, NULL, 'north', 'rep1', n, 'won', '2026-06-06', now() FROM generate_series(1, 20) n", "INSERT INTO journal (relation, came) $row",
                    "ALTER TABLE deals ATTACH PARTITION passing FOR $range", one_of('COMMIT', 'COMMIT', 'ROLLBACK') ],
                [ 'create a partition', $locked, "CREATE TABLE passing PARTITION OF deals FOR $range", "INSERT INTO passing (id, region, value, status, opened) VALUES ($low + 7, 'east', 5, 'talk', '2026-07-07')", 'COMMIT' ]),
            [ 'restate', "SELECT crm.restate('" . one_of(qw(deals tickets spending)) . "')" ], [ 'define a component', "SELECT crm.define_component('cheap', 'opportunity', 'created_at', 'amount < " . number(10, 900) . q{', '{"amount": "amount"}')} ],
            [ 'backfill', "CALL crm.backfill('" . one_of(qw(deals tickets spending people)) . "')" ]) };
    },
    keeper => sub {
        return @{ one_of([ 'close a period', "SELECT count(*) FROM crm.close_period(crm.kpi_today() - 30, 'won_value')" ], [ 'reopen a period', "SELECT count(*) FROM crm.reopen_period(crm.kpi_today() - 60, 'won_value')" ],
            [ 'set a service level', "SELECT crm.set_sla('urgent', 'ticket', 'priority = ''high''', 'resolution', '" . number(1, 20) . " hours', pause_stages => '{waiting}')" ],
            [ 'change a rule', "SELECT crm.enable_rule('much-won', " . one_of('true', 'true', 'false') . ')' ], [ 'acknowledge', "SELECT crm.acknowledge(id) FROM (SELECT id FROM crm.alert WHERE state = 'firing' LIMIT 1) a" ],
            [ 'replay a message', "SELECT crm.replay_delivery(id) FROM (SELECT id FROM crm.delivery_history ORDER BY hashint8(id + " . number(1, 1000) . ') LIMIT 1) h' ],
            [ 'export the configuration', 'SELECT length(crm.export_config()::text)' ], [ 'apply the configuration', 'SELECT count(*) FROM crm.apply_config(crm.export_config(), false)' ],
            [ 'look at the status', 'SELECT count(*) FROM crm.status; SELECT count(*) FROM crm.doctor()' ], [ 'fold', 'SELECT crm.fold(' . number(1, 500) . ')' ],
            [ 'resolve', 'CALL crm.resolve()' ], [ 'bad input', one_of("SELECT crm.merge('people', 'x', '{1}')", "SELECT crm.adopt('journal', 'nothing')", "SELECT crm.close_period('2999-01-01')", "SELECT crm.unmerge(-1)", "SELECT crm.set_sla('x', 'ticket', 'nonsense(', 'resolution', '1 hour')",
                "SELECT crm.funnel_counts('sales', ARRAY['no such stage'])", "SELECT crm.create_rule('r', 'no_kpi')") ]) };
    },
    reader => sub {
        my $who = 'soak_' . number(0, 4);
        return ('look as ' . ($who eq 'soak_4' ? 'board' : 'agent'), "SET ROLE $who", 'SELECT count(*) FROM tickets', 'RESET ROLE') if rand() < 0.3;
        return @{ one_of([ 'read KPIs', 'SET ROLE soak_4', "SELECT count(*), sum(numerator) FROM crm_bi.kpi_value WHERE kpi_key = '" . one_of(qw(won_value win_rate cheap open_pipeline ticket_backlog)) . "'", 'RESET ROLE' ],
            [ 'read a median', 'SET ROLE soak_4', "SELECT * FROM crm_bi.kpi('median_deal', 'month', '2026-01-01', '2026-12-31')", 'RESET ROLE' ],
            [ 'read a funnel', 'SET ROLE soak_4', "SELECT * FROM crm.funnel_counts('sales', ARRAY['visit', 'lead', 'talk', 'won'])", 'RESET ROLE' ],
            [ 'read a customer', 'SET ROLE soak_4', 'SELECT count(*) FROM crm.customer_timeline((SELECT min(customer_id) FROM crm.customer WHERE customer_id > ' . number(1, 200) . '))', 'RESET ROLE' ],
            [ 'read facts', 'SET ROLE soak_4', 'SELECT count(*) FROM crm_bi.' . one_of(qw(fct_opportunity fct_ticket fct_transition fct_lead sla_clock)), 'RESET ROLE' ]) };
    },
    # every number, counted from the tables in one old snapshot beside all that goes on
    looker => sub {
        return ('count everything in one snapshot', 'SELECT pg_advisory_lock_shared(1)', 'BEGIN ISOLATION LEVEL REPEATABLE READ', 'LOCK TABLE deals, tickets, spending, crm.transition_log, crm.record_clock IN ACCESS SHARE MODE',
            q(INSERT INTO looked SELECT now(), l FROM invariant.i02_numbers() l), 'COMMIT', 'SELECT pg_advisory_unlock_shared(1)', 'SELECT pg_sleep(1)');
    },
    # what an old snapshot reads does not change, whatever is folded, truncated, attached, filled meanwhile
    old => sub {
        my $sum = 'SELECT md5(string_agg(c::text, \',\' ORDER BY c::text)) AS sum FROM (SELECT instance, day, unit, stage, owner, sum(rows), sum(s1) FROM crm.kpi_cell GROUP BY 1, 2, 3, 4, 5 HAVING sum(rows) <> 0) c';
        return ('hold an old snapshot', 'BEGIN ISOLATION LEVEL REPEATABLE READ', "$sum \\gset first_", 'SELECT pg_sleep(' . number(2, 12) . ')', "$sum \\gset then_",
            "INSERT INTO looked SELECT now(), 'an old snapshot reads something else' WHERE :'first_sum' <> :'then_sum'", 'COMMIT');
    });

sub run_worker {
    my ($self) = @_;
    my %tally;
    my $session;
    while (time < $self->{until}) {
        if (!$session || $session->lost) {
            $session = Session->new($self->{node}, $self->{database}, "-c lock_timeout=5s -c statement_timeout=60s");
            if ($session->lost) { $tally{connect}{refused}++; sleep 0.3; next }
            $tally{connect}{ok}++;
            $self->{session} = $session;
        }
        my ($what, @statements) = $work{ $self->{kind} }->($self);
        next if $session->lost;
        my $state = 'ok';
        for my $statement (@statements) {
            my $printed = $session->run($statement);
            for (1 .. 40) { # crmd links all the time
                last if $session->lost || $statement ne 'CALL crm.resolve()' || $printed !~ /55P03/;
                sleep 0.2;
                $printed = $session->run($statement);
            }
            if ($session->lost) { $state = 'lost'; last }
            if ($printed =~ /(?:ERROR|FATAL):  (\w{5}): (.*)/) {
                $state = $1;
                $self->{strange}{"$what: $1: $2"} = $statement # what is to be acknowledged may have ended
                    if $state !~ /\A(?:40001|40P01|55P03|57014|57P0.|23503|23505|RM...)\z/ && "$what $state" ne 'acknowledge 55000';
                last;
            }
        }
        $tally{$what}{$state}++;
        # nothing stays open after an error
        $session->run('\set VERBOSITY verbose' . "\nROLLBACK; RESET ROLE; SELECT pg_advisory_unlock_all()") if $state ne 'ok' && $state ne 'lost';
        sleep $self->{pause} if $self->{pause};
    }
    $session->quit if $session && !$session->lost;
    append_to_file("$self->{file}.json", encode_json({ tally => \%tally, strange => $self->{strange} // {} }));
    return;
}

my %pause = (merger => 0.02, organiser => 0.1, partitions => 0.5, keeper => 0.3, reader => 0.05);

sub start {
    my ($team, $seconds, $folder, @names) = @_;
    my @workers;
    for my $n (0 .. $#names) {
        my $file = "$folder/worker_$n";
        my $pid = fork // die "fork: $!";
        if (!$pid) {
            $SIG{PIPE} = 'IGNORE';
            $SIG{__WARN__} = sub { print STDERR @_ unless $_[0] =~ /unable to close filehandle/ }; # of a session that was lost
            $SIG{INT} = $SIG{TERM} = 'DEFAULT';
            $ENV{PGAPPNAME} = $names[$n]; # in the journal of the tables, and where memory is told
            srand(1000 * ($ENV{SOAK_SEED} // 1) + $n);
            open STDERR, '>>', "$file.err";
            eval { run_worker({ node => $team->node, database => $team->{database}, kind => $names[$n], file => $file, until => time + $seconds, pause => $pause{ $names[$n] } }); 1 }
                or print STDERR $@;
            require POSIX;
            POSIX::_exit(0); # what the test has to clean up is its own
        }
        push @workers, { pid => $pid, name => $names[$n], file => $file };
    }
    return @workers;
}

sub finish {
    my @workers = @_;
    my (%tally, %strange);
    for my $worker (@workers) {
        waitpid $worker->{pid}, 0;
        my $err = slurp_file("$worker->{file}.err");
        diag("$worker->{name}: $err") if $err ne '';
        my $said = -e "$worker->{file}.json" ? decode_json(slurp_file("$worker->{file}.json")) : { tally => { "$worker->{name} died" => { lost => 1 } }, strange => { "$worker->{name} died" => 1 } };
        for my $what (keys %{ $said->{tally} }) {
            $tally{$what}{$_} += $said->{tally}{$what}{$_} for keys %{ $said->{tally}{$what} };
        }
        %strange = (%strange, %{ $said->{strange} });
    }
    return (\%tally, \%strange);
}

1;
