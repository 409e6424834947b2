# Merging rows and taking it back, over a schema that has everything that makes it hard (tests/merge), with random rows, tables,
# chains, edits in between and order.
#   MERGE_SEED   the first seed (1); a difference names the seed that shows it again: MERGE_SEED=N MERGE_SEEDS=1
#   MERGE_SEEDS  how many (3)
#   MERGE_ORDER  reverse: the latest merge is taken back first, not in random order
use strict;
use warnings;
use lib '.';
use List::Util qw(shuffle);
use POSIX ();
use PostgreSQL::Test::Utils;
use Session;
use TeamDatabase;
use Test::More;
use Time::HiRes qw(time);

my $first_seed = $ENV{MERGE_SEED} // 1;
my $seeds = $ENV{MERGE_SEEDS} // 3;
my $started = time;
sub in_order { return ($ENV{MERGE_ORDER} // '') eq 'reverse' ? reverse @_ : shuffle @_ }
my $team = TeamDatabase->new('merge');
my $node = $team->node;
my ($out, $err) = run_command([ 'psql', '-Xq', '-h', $node->host, '-p', $node->port, '-d', 'team', '-f', '../merge/load.sql' ]);
is($err, '', 'the hostile schema is loaded');
my $session = Session->new($node, 'team', '-c jit=off');
my (@problems, @history, %refused, %policies);

sub problem {
    my ($what) = @_;
    push @problems, $what;
    diag(join "\n  ", "problem: $what", 'after:', @history);
    return;
}

sub ask {
    my ($sql) = @_;
    my $printed = $session->run($sql);
    die "$sql\n$printed" if $printed =~ /^ERROR/m;
    return $printed;
}

sub lines {
    my ($what) = @_;
    return split /\n/, ask("SELECT line FROM checks.$what()");
}

# The lines of one list that the other has not, of both.
sub difference {
    my ($before, $after) = @_;
    my %count;
    $count{$_}++ for @$after;
    my @lost = grep { !$count{$_} || !$count{$_}-- } @$before;
    my @more = map { ($_) x $count{$_} } grep { $count{$_} } keys %count;
    return (\@lost, \@more);
}

sub same_rows {
    my ($before, $after, $about) = @_;
    my ($lost, $more) = difference($before, $after);
    return 1 if !@$lost && !@$more;
    problem(join "\n  ", "$about:", (map { "- $_" } @{$lost}[ 0 .. ($#$lost > 7 ? 7 : $#$lost) ]), map { "+ $_" } @{$more}[ 0 .. ($#$more > 7 ? 7 : $#$more) ]);
    return 0;
}

# Random merges, each in a transaction of its own; what is done between them, if anything, by $between. Returns their ids.
sub merge_some {
    my ($times, $about, $between) = @_;
    my @ids;
    for (1 .. $times) {
        my $call = ask("SELECT chance.merge_call()");
        my $printed = $session->run($call);
        if ($printed =~ /\A\d+\z/) {
            push @ids, $printed;
            push @history, "$printed: $call";
            $policies{$_}++ for $call =~ /"?(keep|combine|refuse)['"]/ ? $1 : 'keep';
            problem("$about: $call: leads nowhere: $_") for lines('dangling');
        } elsif ($printed =~ /ERROR:  (RM2\d\d): (.*)/) {
            $refused{"$1 " . ($2 =~ s/"[^"]*"|[\d.]+/_/gr)}++;
        } else {
            problem("$about: $call: $printed");
        }
        $between->() if $between;
    }
    return @ids;
}

# Takes merges back, in this order; one that is refused, since a later one or an edit stands in its way, again after the others.
# Returns those that are refused in the end; a refusal changes nothing.
sub unmerge_all {
    my ($options, $about, @ids) = @_;
    my $waiting = 0;
    while (@ids && $waiting < @ids) {
        my $id = shift @ids;
        my @old = lines('rows');
        my $printed = $session->run("SELECT count(*) >= 0 FROM crm.unmerge($id$options)");
        push @history, "unmerge($id$options)";
        if ($printed eq 't') {
            $waiting = 0;
            next;
        }
        return problem("$about: unmerge($id): $printed") if $printed !~ /ERROR:  (RM2\d\d): (.*)/;
        $refused{"unmerge: $1 " . ($2 =~ s/"[^"]*"|[\d.]+/_/gr)}++;
        same_rows(\@old, [ lines('rows') ], "$about, a refused unmerge($id)");
        push @ids, $id;
        $waiting++;
    }
    return @ids;
}

my ($merged, $undone, $not_undone) = (0, 0, 0);
sub check_seed {
    my ($seed) = @_;
    my $size = 6 + $seed % 7;
    srand $seed;
    my $grown = ask("SELECT * FROM growing.plant($seed, 4)");
    ask('SELECT chance.empty()');
    ask("SELECT chance.fill($seed, $size)");
    my @before = lines('rows');
    for my $options (q(), q(, triggers => 'skip')) {
        my $about = "seed $seed, unmerge$options";
        @history = ();
        my @ids = merge_some(8, $about);
        $merged += @ids;
        my @left = unmerge_all($options, $about, in_order(@ids));
        problem("$about: nobody wrote in between, and yet these cannot be taken back: @left") if @left;
        return if !same_rows(\@before, [ lines('rows') ], "$about, ids @ids");
    }
    check_edits($seed);
    return;
}

# Every row by its memo, which no merge and no edit of another row changes.
sub rows_by_memo { return map { split /\t/, $_, 2 } split /\n/, ask('SELECT translate(memo, chr(9), $$~$$) || chr(9) || line FROM checks.rows()') }

# The same with the team at work in between: what it wrote is there at the end, what it deleted is not, and rows that it did not
# touch are as they were.
sub check_edits {
    my ($seed) = @_;
    my $about = "seed $seed, edits in between";
    my %before = rows_by_memo();
    my (%written, %deleted, %touched);
    @history = ();
    my $edit = sub {
        my %old = rows_by_memo();
        push @history, ask('SELECT chance.edit(3)');
        my %new = rows_by_memo();
        for my $memo (grep { !exists $new{$_} } keys %old) {
            $deleted{$memo} = 1;
            delete $written{$memo};
        }
        $written{$_} = 1 for grep { !exists $old{$_} } keys %new;
        $touched{$_} = 1 for grep { !exists $old{$_} || $old{$_} ne $new{$_} } keys %new;
    };
    my @ids = merge_some(6, $about, $edit);
    if (unmerge_all('', $about, in_order(@ids))) {
        $not_undone++; # the team took a key that would have to return
        return;
    }
    my %after = rows_by_memo();
    my @lost = grep { !exists $after{$_} && !$deleted{$_} } keys %before, keys %written;
    my @risen = grep { exists $after{$_} } keys %deleted;
    my @changed = map { ("- $before{$_}", "+ $after{$_}") }
        grep { !$touched{$_} && exists $before{$_} && exists $after{$_} && $before{$_} ne $after{$_} } keys %after;
    problem(join "\n  ", "$about:", (map { "lost: $_" } @lost), (map { "rose again: $_" } @risen), @changed)
        if @lost || @risen || @changed;
    $undone++;
    return;
}

# Several sessions write while another one merges and takes back: nothing that they committed is lost, nothing rises again, and
# nobody gets an error that is not documented.
sub check_writers {
    my ($seed) = @_;
    my $about = "seed $seed, writers";
    my $writers = 3;
    @history = ();
    ask("SELECT * FROM growing.plant($seed, 2)");
    ask('SELECT chance.empty()');
    ask("SELECT chance.fill($seed, 12)");
    ask('TRUNCATE chance.journal; CREATE TABLE chance.first AS SELECT memo FROM checks.rows()');
    my @pids;
    for my $writer (1 .. $writers) {
        my $script = "$node->{_basedir}/writer$writer.sql";
        append_to_file($script, "\\set VERBOSITY sqlstate\nSELECT setseed(0.$seed$writer);\n" . "SELECT chance.work();\n" x 400);
        my $pid = fork // die "fork: $!";
        if (!$pid) {
            open STDOUT, '>', '/dev/null';
            open STDERR, '>', "$node->{_basedir}/writer$writer.err";
            exec 'psql', '-Xq', '-h', $node->host, '-p', $node->port, '-d', 'team', '-f', $script;
            die "psql: $!";
        }
        push @pids, $pid;
    }
    my (@ids, %count);
    while (@pids && @problems < 5) {
        @pids = grep { waitpid($_, POSIX::WNOHANG()) == 0 } @pids;
        my $undo = @ids && rand() < 0.4;
        my $id = $undo ? splice(@ids, rand @ids, 1) : undef;
        my $call = $undo ? "SELECT count(*) >= 0 FROM crm.unmerge($id)" : ask('SELECT chance.merge_call()');
        my $printed = $session->run($call);
        push @history, "$call -> $printed";
        if ($printed =~ /ERROR:  (\w+):/) {
            $count{$1}++;
            problem("$about: $call: $printed") if $1 !~ /\A(?:RM2\d\d|40P01)\z/;
            push @ids, $id if $undo;
        } else {
            $count{ $undo ? 'taken back' : 'merged' }++;
            push @ids, $printed if !$undo;
        }
    }
    waitpid $_, 0 for @pids;
    for my $writer (1 .. $writers) {
        for my $line (split /\n/, slurp_file("$node->{_basedir}/writer$writer.err")) {
            my ($state) = $line =~ /ERROR:  (\w+)/ or next;
            $count{"writers' $state"}++;
            problem("$about: a writer got $line") if $state !~ /\A(?:40P01|40001)\z/;
        }
    }
    problem("$about: leads nowhere: $_") for lines('dangling');
    my $written = ask('SELECT count(*) FROM chance.journal');
    my $sum = 'SELECT line FROM checks.unaccounted((SELECT array_agg(memo) FROM chance.first))';
    problem("$about, while merged: $_") for split /\n/, ask($sum);
    my @left = unmerge_all('', $about, in_order(@ids));
    problem("$about, taken back: $_") for split /\n/, ask($sum);
    problem("$about: leads nowhere: $_") for lines('dangling');
    ask('DROP TABLE chance.first');
    note("$about: $written rows written, " . join(', ', map { "$_ $count{$_}" } sort keys %count) . ', not taken back: ' . @left);
    cmp_ok($count{merged} // 0, '>', 0, "$about: there were merges");
    cmp_ok($written, '>', 0, "$about: $written rows were written meanwhile");
    return;
}

# What cannot be merged is refused by name, before anything changed.
sub check_refused {
    my $clerk = 'hostile, "Other.Schéma ""2""" TO clerk';
    my $reference = 'bigint REFERENCES hostile."Kunde"';
    my %cases = (
        'its column is generated' => [ 'CREATE TABLE hostile.refused (memo text, raw bigint, kunde bigint GENERATED ALWAYS AS (raw) STORED REFERENCES hostile."Kunde")',
            q(INSERT INTO hostile.refused VALUES ('memo', 2)) ],
        'it is published and has no replica identity' => [ "CREATE TABLE hostile.refused (memo text, kunde $reference)",
            q(INSERT INTO hostile.refused VALUES ('memo', 2)), 'SET client_min_messages = error; CREATE PUBLICATION refused FOR TABLE hostile.refused' ],
        'you may see and change' => [ "CREATE TABLE hostile.refused (memo text, kunde $reference)",
            q(INSERT INTO hostile.refused VALUES ('memo', 2), ('hidden', 2)), 'ALTER TABLE hostile.refused ENABLE ROW LEVEL SECURITY',
            q(CREATE POLICY clerk ON hostile.refused USING (memo <> 'hidden')), 'CREATE ROLE clerk', "GRANT USAGE ON SCHEMA $clerk",
            "GRANT ALL ON ALL TABLES IN SCHEMA $clerk" ]);
    # since 18; a key WITHOUT OVERLAPS is none by which a row is found
    my @valid = ('CREATE EXTENSION IF NOT EXISTS btree_gist SCHEMA hostile',
        'CREATE TABLE hostile.valid (id bigint, at daterange, memo text, nr bigint NOT NULL, PRIMARY KEY (id, at WITHOUT OVERLAPS))',
        'CREATE TABLE hostile.refused (memo text, kunde bigint, at daterange, FOREIGN KEY (kunde, PERIOD at) REFERENCES hostile.valid (id, PERIOD at))',
        q{INSERT INTO hostile.valid SELECT n, '[2024-01-01,2025-01-01)', 'memo' || n, n FROM generate_series(1, 2) n},
        q{INSERT INTO hostile.refused VALUES ('memo', 2, '[2024-03-01,2024-04-01)')});
    @cases{ 'it has no key', 'it is a foreign key with a PERIOD' } = (\@valid, [ @valid, 'ALTER TABLE hostile.valid ADD UNIQUE (nr)' ])
        if ask("SELECT current_setting('server_version_num')::integer >= 180000") eq 't';
    for my $why (sort keys %cases) {
        my $table = $why =~ /PERIOD|no key/ ? 'hostile.valid' : 'hostile."Kunde"';
        ask('SELECT chance.empty()');
        ask(q(INSERT INTO hostile."Kunde" (memo, id, code) OVERRIDING SYSTEM VALUE VALUES ('a', 1, 'A'), ('b', 2, 'B')));
        ask($_) for @{ $cases{$why} };
        my @old = lines('rows');
        ask('SET ROLE clerk') if $why =~ /you may see/;
        like($session->run("SELECT crm.merge('$table', '1', ARRAY['2'])"), qr/ERROR:  RM203: .*\Q$why\E/, "refused: $why");
        ask('RESET ROLE');
        ok(same_rows(\@old, [ lines('rows') ], "refused: $why"), '... and nothing changed');
        ask('DROP TABLE IF EXISTS hostile.refused, hostile.valid; DROP PUBLICATION IF EXISTS refused');
    }
    ask('DROP OWNED BY clerk; DROP ROLE clerk');
    return;
}

note("seed $first_seed");
my $seed = $first_seed;
for (; $seed < $first_seed + $seeds && @problems < 5; $seed++) {
    check_seed($seed);
    check_writers($seed) if ($seed - $first_seed) % 4 == 0 && !@problems;
}
is(scalar @problems, 0, "seeds $first_seed to " . ($seed - 1) . ": $merged merges taken back in any order without a trace, $undone histories "
    . "with edits in between taken back without a loss ($not_undone that an edit stands in the way of)");
cmp_ok($merged, '>=', 4 * ($seed - $first_seed), 'most merges were not refused');
my %kinds = map { split /\|/ } split /\n/, ask("SELECT k.kind || '|' || k.times FROM checks.kinds() k");
note('rows of merges by kind: ' . join ', ', map { "$_ $kinds{$_}" } sort keys %kinds);
note('merges by policy: ' . join ', ', map { "$_ $policies{$_}" } sort keys %policies);
is(join(', ', grep { !$kinds{$_} } sort keys %kinds), '', 'merges went through everything that a foreign key can be, and that can collide');
is(scalar keys %kinds, 25, 'all kinds were looked for');
is(join(', ', grep { !$policies{$_} } qw(keep combine refuse)), '', 'merges went by every policy');
cmp_ok(scalar(grep { /RM205 rows of .* would collide/ } keys %refused), '>', 0, 'and some were refused for a collision');
check_refused();
note("refused $refused{$_} times: $_") for sort keys %refused;
note(sprintf 'took %.0f s', time - $started);
$session->quit;
done_testing();
