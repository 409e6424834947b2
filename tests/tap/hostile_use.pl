# What hostile.pl does not do with the extension's objects: broken bytes for the binary form of each type, operators, casts, indexes, grouping and windows over
# hostile values, views with conditions that hide nothing, trigger functions on tables and events that they were not made for, and procedures outside of a transaction.
# No statement ends the server, raises an internal error or hangs.
#   CRM_SEED=number another draw (printed), CRM_ROUNDS=number more of it
use strict;
use warnings;
use lib '.';
use Cwd qw(abs_path);
use Hostile;
use PostgreSQL::Test::Utils;
use Support qw(answer wait_until);
use TeamDatabase;
use Test::More;

my $seed = $ENV{CRM_SEED} // 20260101;
my $rounds = $ENV{CRM_ROUNDS} // 1;
diag("CRM_SEED=$seed CRM_ROUNDS=$rounds");
srand $seed;

my $team = TeamDatabase->new('hostile_use');
my $node = $team->node;
$node->append_conf('postgresql.conf', "max_parallel_workers_per_gather = 0\njit = off\nrestart_after_crash = on\nlog_min_error_statement = panic\nlog_min_messages = log\n");
$node->reload;
$team->run(slurp_file("$ENV{CRM_STAGE}/tests/regress/bi_world.sql"));
$team->run(slurp_file("$ENV{CRM_STAGE}/tests/tap/hostile_world.sql"));
$team->run('ANALYZE');
my $hostile = Hostile->new($team, $seed);
my @own_types = map { "crm.$_" } qw(email phone stage journey);

# Runs the statements in one session as they are. [ number, sqlstate, text ] of each that failed; one that ends the server does not end the test.
sub attempt {
    my ($user, @statements) = @_;
    my ($first, @failed) = (0);
    local $ENV{PGOPTIONS} = '-c statement_timeout=20s -c lock_timeout=2s -c client_min_messages=warning -c search_path=public,crm';
    while ($first <= $#statements) {
        my $base = $node->basedir . "/$user";
        my $script = join '', "\\o /dev/null\n", map { "\\warn \@$_\n$statements[$_]\n" } $first .. $#statements;
        open my $file, '>:raw', "$base.sql" or die $!;
        print $file $script;
        close $file or die $!;
        system sprintf "psql -XqtAb -v VERBOSITY=verbose -h '%s' -p %d -U %s -d team <'%s.sql' >'%s.out' 2>'%s.err'", $node->host, $node->port, $user, $base, $base, $base;
        my $reached = $first - 1;
        for my $block (split /^(?=\@\d+$)/m, slurp_file("$base.err")) {
            next unless $block =~ s/^\@(\d+)\n//;
            $reached = $1;
            push @failed, [ $reached, $2, $block ] while $block =~ /^(?:psql:\S+ )?(ERROR|FATAL|PANIC):  (?:([0-9A-Z]{5}):)?/mg;
            push @failed, [ $reached, 'lost', $block ] if $block =~ /connection to server was lost|server closed the connection/;
        }
        die "nothing ran" if $reached < $first;
        $first = $reached + 1;
        wait_until { defined answer($node, 'team', 'SELECT 1') };
    }
    return @failed;
}

# One test: nothing fails with an internal error, by the clock or by the end of the server. What else is meant says the caller.
sub goes_well {
    my ($what, $user, $meant, @statements) = @_;
    my @failed = attempt($user, @statements);
    my (%states, @bad);
    for my $failed (@failed) {
        my ($number, $state, $text) = @$failed;
        $state //= 'none';
        $states{$state}++;
        next unless $state =~ /^(XX|57|58|53|lost|none)/;
        next if defined $meant && "$state $text" =~ $meant;
        push @bad, "$state " . substr($text, 0, 600) . "\n  statement: " . substr($statements[$number], 0, 700);
    }
    is(scalar @bad, 0, sprintf '%s: %d statements as %s, %d of them refused, none wrongly', $what, scalar @statements, $user, scalar @failed) or diag(join "\n", @bad[ 0 .. ($#bad < 7 ? $#bad : 7) ]);
    note(join ' ', map { "$_:$states{$_}" } sort keys %states);
    return;
}

sub in_savepoint { return "BEGIN; $_[0]; ROLLBACK;" }
sub pick { return $_[ int rand @_ ] }
sub names { return split /\n/, $team->run($_[0]) }

# --- the binary form of each type, broken ------------------------------------------------------------------------------
my $folder = abs_path($node->basedir) . '/wire';
mkdir $folder or die $!;
$team->run('CREATE TABLE hostile.wire_' . (s/crm\.//r) . " (v $_, w $_\[])") for @own_types;
$team->run('CREATE TABLE hostile.wire_record_ref (v crm.record_ref, w crm.record_ref[])');

my %good = (
    'crm.email' => q{VALUES ('ann@firm.example'::crm.email), ('A.B+c@ACME.example')},
    'crm.phone' => q{VALUES ('+4712345678'::crm.phone), ('+15551234567')},
    'crm.stage' => q{VALUES ('sales:100:offer'::crm.stage), ('f:2147483647:x'), ('f:0:x')},
    'crm.journey' => q{SELECT crm.journey_agg(timestamptz '2026-01-01' + n * interval '1 day', n * 10) FROM generate_series(1, 5) n UNION ALL SELECT crm.journey_agg(timestamptz '2026-01-01' + n * interval '1 minute', n % 300) FROM generate_series(1, 40) n},
    'crm.record_ref' => q{VALUES (ROW('team.account'::regclass, '1')::crm.record_ref), (ROW(NULL, NULL)::crm.record_ref)});
sub field { return defined $_[0] ? pack('N', length $_[0]) . $_[0] : pack('N', 0xFFFFFFFF) }

sub copy_file {
    my ($name, @fields) = @_;
    open my $file, '>:raw', "$folder/$name" or die $!;
    print $file "PGCOPY\n\xff\r\n\0", pack('NN', 0, 0), pack('n', scalar @fields), map({ field($_) } @fields), pack('n', 0xFFFF);
    close $file or die $!;
    return "$folder/$name";
}

sub broken {
    my ($bytes) = @_;
    my @ways = (
        sub { substr $bytes, 0, int rand(length($bytes) + 1) },
        sub { my $b = $bytes; substr($b, int rand(length($b) || 1), 1) = chr int rand 256; $b },
        sub { my $b = $bytes; vec($b, int rand(8 * (length($b) || 1)), 1) ^= 1; $b },
        sub { my $at = int rand(length($bytes) + 1); substr($bytes, 0, $at) . join('', map { chr int rand 256 } 1 .. 1 + int rand 9) . substr($bytes, $at) },
        sub { my $b = $bytes; substr($b, int rand(length($b) || 1), 4) = pick("\xff\xff\xff\xff", "\x7f\xff\xff\xff", "\x80\0\0\0", "\0\0\0\0", "\x80\x80\x80\x80"); $b },
        sub { $bytes . "\0" x int rand 300 },
        sub { join '', map { chr int rand 256 } 1 .. int rand 60 },
        sub { "\xff" x int rand 40 },
        sub { $bytes x 50 });
    my $changed = pick(@ways)->();
    return rand() < 0.2 ? broken($changed) : $changed;
}

my $number = 0;
for my $type (@own_types, 'crm.record_ref') {
    my $table = 'hostile.wire_' . $type =~ s/crm\.//r;
    my $send = $type eq 'crm.record_ref' ? 'record_send' : "${type}_send";
    my @good = map { pack 'H*', $_ } names("SELECT encode($send(v), 'hex') FROM ($good{$type}) q (v)");
    my ($element) = names("SELECT '$type'::regtype::oid::integer");
    my @files;
    for (1 .. 60 * $rounds) {
        my $one = broken(pick(@good));
        my @two = map { rand() < 0.3 ? undef : rand() < 0.5 ? pick(@good) : broken(pick(@good)) } 1 .. int rand 4;
        my $array = pack('NNN', 1, 1, $element) . pack('NN', scalar @two, 1) . join '', map { field($_) } @two;
        push @files, copy_file('copy' . $number++, rand() < 0.6 ? $one : pick(@good), rand() < 0.7 ? undef : rand() < 0.5 ? $array : broken($array));
    }
    my $use = "SELECT v::text, $send(v), w::text, array_send(w), v IS NOT DISTINCT FROM w[1], md5(t::text) FROM $table t;";
    goes_well("binary input of $type", 'hostile_plain', undef, map { "\\copy $table FROM '$_' WITH (FORMAT binary)\n$use" } @files) if $team->run("GRANT ALL ON $table TO PUBLIC; SELECT true") eq 't';
    # what was taken is as good as what text input makes: it comes back as itself, in both forms, sorts and hashes
    my ($taken) = names("SELECT count(*) FROM $table WHERE v IS NOT NULL");
    cmp_ok($taken, '>', 0, "some of the bytes are a $type ($taken)");
    my @fields = $type eq 'crm.journey' ? () : ('SELECT count(*) FROM (SELECT v FROM %s ORDER BY v) q', 'SELECT count(*) >= 0 FROM (SELECT DISTINCT v FROM %s) q');
    $team->run(sprintf $_, $table) for @fields;
    is($team->run("SELECT count(*) FROM $table WHERE $send(v::text::$type) <> $send(v)"), 0, "what was taken of $type is canonical: its text makes the same bytes");
    my ($copy, $again) = ("$folder/again", "$folder/more");
    $team->run("CREATE TABLE ${table}_again (LIKE $table); COPY (TABLE $table) TO '$copy' WITH (FORMAT binary); COPY ${table}_again FROM '$copy' WITH (FORMAT binary); COPY (TABLE ${table}_again) TO '$again' WITH (FORMAT binary)");
    is(slurp_file($again), slurp_file($copy), "a binary copy of $type reads as itself");
}

# --- operators, casts, indexes, grouping -------------------------------------------------------------------------------
# by the catalogue: [ schema-qualified name, left, right ]
my @operators = map { [ split /\x1f/ ] } names(<<'SQL');
SELECT concat_ws(E'\x1f', format('OPERATOR(%s.%s)', o.oprnamespace::regnamespace, o.oprname), coalesce(format_type(nullif(o.oprleft, 0), NULL), '-'), format_type(o.oprright, NULL))
FROM pg_operator o JOIN pg_depend d ON d.classid = 'pg_operator'::regclass AND d.objid = o.oid AND d.deptype = 'e' ORDER BY 1
SQL
my @statements;
for my $operator (@operators) {
    my ($name, $left, $right) = @$operator;
    for (1 .. 4 * $rounds) {
        my ($a, $b) = ($left eq '-' ? '' : $hostile->argument($left, '', rand() < 0.8), $hostile->argument($right, '', rand() < 0.8));
        push @statements, in_savepoint("SELECT $a $name $b");
        next if $left eq '-';
        push @statements, in_savepoint("SELECT $a $name ANY (ARRAY[$b, NULL, $b]), $a $name ALL (ARRAY[$b])");
        push @statements, in_savepoint("SELECT count(*) FROM (VALUES ($a), (NULL), ($a)) x (v) JOIN (VALUES ($b), (NULL)) y (v) ON x.v $name y.v");
    }
}
cmp_ok(scalar @operators, '>', 20, scalar(@operators) . ' operators');
goes_well('operators', 'hostile_plain', undef, @statements);

my @casts = map { [ split /\x1f/ ] } names(<<'SQL');
SELECT concat_ws(E'\x1f', format_type(castsource, NULL), format_type(casttarget, NULL)) FROM pg_cast c JOIN pg_depend d ON d.classid = 'pg_cast'::regclass AND d.objid = c.oid AND d.deptype = 'e' ORDER BY 1
SQL
@statements = ();
for my $type (@own_types) { push @casts, [ $type, $_ ], [ $_, $type ] for qw(text bytea json jsonb xml name integer record regclass), 'character varying(3)', '"char"', @own_types }
for my $cast (@casts) {
    my ($from, $into) = @$cast;
    for (1 .. 2 * $rounds) {
        my $value = $from =~ /^(xml|record|"char"|character varying\(3\))$/ ? $hostile->argument('text', '', 1) . "::text::$from" : $hostile->argument($from, '', 1);
        push @statements, in_savepoint("SELECT ($value)::$into");
    }
}
goes_well('casts', 'hostile_plain', undef, @statements);

@statements = ();
for my $type (@own_types) {
    my $values = join ', ', map { '(' . $hostile->argument($type, '', 1) . ')' } 1 .. 12;
    my $rows = "(VALUES $values) q (v)";
    push @statements, map { in_savepoint($_) } map { ("SET LOCAL enable_hashagg = on; $_", "SET LOCAL enable_hashagg = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_nestloop = off; $_") }
        "SELECT v, count(*) FROM $rows GROUP BY v", "SELECT DISTINCT v FROM $rows", "SELECT * FROM $rows ORDER BY v NULLS FIRST", "SELECT * FROM $rows JOIN (VALUES $values) r (v) USING (v)",
        "SELECT min(v::text), max(v::text), count(DISTINCT v), array_agg(v ORDER BY v DESC) FROM $rows", "SELECT rank() OVER (PARTITION BY v ORDER BY v), lag(v) OVER (ORDER BY v), ntile(3) OVER (ORDER BY v) FROM $rows",
        "SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY v) FROM $rows";
    push @statements, map { in_savepoint("CREATE TABLE hostile.indexed (v $type); INSERT INTO hostile.indexed SELECT v FROM $rows; SET LOCAL enable_seqscan = off; $_") }
        map({ ("CREATE INDEX ON hostile.indexed USING $_ (v); ANALYZE hostile.indexed; SELECT count(*) FROM hostile.indexed WHERE v = (SELECT v FROM hostile.indexed LIMIT 1)") } qw(btree hash gin gist brin spgist)),
        "CREATE INDEX ON hostile.indexed (v DESC NULLS FIRST); SELECT v FROM hostile.indexed WHERE v > (SELECT v FROM hostile.indexed LIMIT 1) ORDER BY v DESC; VACUUM hostile.indexed",
        "ALTER TABLE hostile.indexed ADD PRIMARY KEY (v)", "CREATE TABLE hostile.hashed (v $type) PARTITION BY HASH (v); CREATE TABLE hostile.hashed_0 PARTITION OF hostile.hashed FOR VALUES WITH (MODULUS 1, REMAINDER 0); INSERT INTO hostile.hashed TABLE hostile.indexed",
        "CREATE TABLE hostile.ranged (v $type) PARTITION BY RANGE (v); CREATE TABLE hostile.ranged_0 PARTITION OF hostile.ranged DEFAULT; INSERT INTO hostile.ranged TABLE hostile.indexed",
        "CREATE DOMAIN hostile.narrow AS $type CHECK (VALUE::text <> ''); ALTER TABLE hostile.indexed ALTER v TYPE hostile.narrow; ALTER TABLE hostile.indexed ALTER v TYPE text; ALTER TABLE hostile.indexed ALTER v TYPE $type USING v::$type",
        "CREATE STATISTICS hostile.both ON v, (v::text) FROM hostile.indexed; ANALYZE hostile.indexed";
}
goes_well('grouping, sorting, indexes and partitions of the types', 'hostile_super', undef, @statements);
is($team->run(q{SELECT string_agg(o.opcname, ' ') FROM pg_opclass o JOIN pg_depend d ON d.classid = 'pg_opclass'::regclass AND d.objid = o.oid AND d.deptype = 'e' WHERE NOT amvalidate(o.oid)}), '', 'every operator class is whole');

# --- aggregates as windows, in parts, sorted and filtered --------------------------------------------------------------
my @aggregates = grep { $_->{kind} eq 'a' && !$_->{variadic} && !$_->{direct} && !grep { /^(any|internal)/ } @{ $_->{types} } } $hostile->functions;
@statements = ();
for my $aggregate (@aggregates) {
    for my $frame ('ORDER BY n ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING', 'ORDER BY n DESC ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING', 'PARTITION BY n % 2 ORDER BY n GROUPS 1 PRECEDING', 'ORDER BY n ROWS BETWEEN 2 PRECEDING AND 1 PRECEDING EXCLUDE TIES') {
        my @rows = map { my $n = $_; '(' . join(', ', $n, map { $hostile->argument($_, '', rand() < 0.7) } @{ $aggregate->{types} }) . ')' } 1 .. 5;
        my @columns = map { "a$_" } 0 .. $#{ $aggregate->{types} };
        my $values = sprintf '(VALUES %s) v (%s)', join(', ', @rows), join(', ', 'n', @columns);
        my $arguments = join ', ', @columns;
        $arguments = '*' if $arguments eq '';
        push @statements, in_savepoint("SELECT $aggregate->{name}($arguments) OVER ($frame) FROM $values"), in_savepoint("SELECT n % 2, $aggregate->{name}($arguments) FILTER (WHERE n > 1) FROM $values GROUP BY GROUPING SETS ((n % 2), ())");
        push @statements, in_savepoint("SELECT $aggregate->{name}($arguments ORDER BY n DESC) FROM $values") if $arguments ne '*';
    }
}
cmp_ok(scalar @aggregates, '>', 5, scalar(@aggregates) . ' aggregates of types of their own');
goes_well('aggregates', 'hostile_plain', qr/^XX001 .*counted_/s, @statements); # bytes that are no such state: data corrupted, as Postgres says of a page

# --- views, with conditions that hide nothing --------------------------------------------------------------------------
my @columns = map { [ split /\x1f/ ] } names(<<'SQL');
SELECT concat_ws(E'\x1f', format('%s.%I', c.relnamespace::regnamespace, c.relname), quote_ident(a.attname), format_type(a.atttypid, NULL))
FROM pg_class c JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e' JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind = 'v' ORDER BY 1, a.attnum
SQL
my %view;
push @{ $view{ $_->[0] } }, $_ for @columns;
for my $user ('hostile_plain', 'hostile_admin') {
    @statements = ();
    for my $view (sort keys %view) {
        for (1 .. $rounds) {
            my ($one, $other) = (pick(@{ $view{$view} }), pick(@{ $view{$view} }));
            my $value = $hostile->argument($one->[2], '', rand() < 0.8);
            push @statements, in_savepoint(sprintf 'SELECT * FROM %s WHERE %s IS NOT DISTINCT FROM %s LIMIT 20', $view, $one->[1], $value),
                in_savepoint(sprintf q{SELECT count(*) FROM %s x WHERE %s::text ~ '.' AND (%s IS NULL OR %s = %s) AND x::text <> '' AND 1 / (length(%s::text) + 1) >= 0}, $view, $other->[1], $other->[1], $one->[1], $value, $one->[1]);
        }
    }
    goes_well('views', $user, qr/^57014/, @statements); # those of the organisation's whole history by a condition over each row's text take longer than 20 s on a slow machine
}

# --- trigger functions where they do not belong ------------------------------------------------------------------------
my @triggers = names(q{SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e' WHERE p.prorettype = 'trigger'::regtype ORDER BY p.oid::regprocedure::text COLLATE "C"});
my $dml = "INSERT INTO hostile.victim VALUES (1, 'a', '{}', 2), (2, NULL, NULL, NULL); UPDATE hostile.victim SET b = 'c', a = a + 10; DELETE FROM hostile.victim WHERE a = 11; TRUNCATE hostile.victim; SET CONSTRAINTS ALL IMMEDIATE";
@statements = ();
for my $trigger (@triggers) {
    my $call = $trigger =~ s/\(.*//r;
    for my $arguments ('()', "('x', '', '{}', 'team.deal', '5', '6', '7', '8')") {
        for my $kind ('BEFORE INSERT OR UPDATE OR DELETE ON hostile.victim FOR EACH ROW', 'AFTER INSERT OR UPDATE OR DELETE ON hostile.victim FOR EACH ROW', 'BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON hostile.victim', 'AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON hostile.victim',
            'AFTER INSERT ON hostile.victim REFERENCING NEW TABLE AS n FOR EACH STATEMENT', 'AFTER UPDATE ON hostile.victim REFERENCING OLD TABLE AS o NEW TABLE AS n FOR EACH STATEMENT', 'AFTER DELETE ON hostile.victim REFERENCING OLD TABLE AS old_rows FOR EACH ROW') {
            push @statements, in_savepoint("CREATE TABLE hostile.victim (a integer, b text, c jsonb, d integer); CREATE TRIGGER t $kind EXECUTE FUNCTION $call$arguments; $dml");
        }
    }
    push @statements, in_savepoint("CREATE VIEW hostile.victim_view AS SELECT 1 AS a; CREATE TRIGGER t INSTEAD OF INSERT ON hostile.victim_view FOR EACH ROW EXECUTE FUNCTION $call(); INSERT INTO hostile.victim_view VALUES (1)"),
        in_savepoint("CREATE TABLE hostile.victim (a integer) PARTITION BY LIST (a); CREATE TABLE hostile.victim_one PARTITION OF hostile.victim DEFAULT; CREATE TRIGGER t AFTER INSERT OR DELETE ON hostile.victim FOR EACH ROW EXECUTE FUNCTION $call('x'); INSERT INTO hostile.victim VALUES (1); DELETE FROM hostile.victim"),
        in_savepoint("CREATE TABLE hostile.victim (a integer); CREATE CONSTRAINT TRIGGER t AFTER INSERT ON hostile.victim DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION $call(); INSERT INTO hostile.victim VALUES (1); SET CONSTRAINTS ALL IMMEDIATE"),
        in_savepoint("SELECT $call()");
}
cmp_ok(scalar @triggers, '>', 15, scalar(@triggers) . ' trigger functions');
goes_well('trigger functions on tables of other columns, kinds and arguments', 'hostile_super', undef, @statements);
$team->run('CREATE SCHEMA plain AUTHORIZATION hostile_plain');
goes_well('trigger functions on a table of somebody without rights', 'hostile_plain', undef, map { s/hostile\.victim/plain.victim/gr } @statements[ grep { $_ % 5 == 0 } 0 .. $#statements ]);

my @event_triggers = names(q{SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e' WHERE p.prorettype = 'event_trigger'::regtype ORDER BY p.oid::regprocedure::text COLLATE "C"});
@statements = ();
for my $trigger (@event_triggers) {
    for my $event (qw(ddl_command_start ddl_command_end sql_drop table_rewrite)) {
        push @statements, in_savepoint("CREATE EVENT TRIGGER t ON $event EXECUTE FUNCTION $trigger; CREATE TABLE hostile.victim (a integer); ALTER TABLE hostile.victim ALTER a TYPE text; CREATE VIEW hostile.victim_view AS TABLE hostile.victim; COMMENT ON TABLE hostile.victim IS 'x'; "
            . "ALTER TABLE team.deal ADD COLUMN extra integer; DROP TABLE hostile.victim CASCADE; CREATE TEMP TABLE passing (a integer); DROP TABLE passing; REVOKE ALL ON team.deal FROM PUBLIC; CREATE SCHEMA more CREATE TABLE more.x (a integer); DROP SCHEMA more CASCADE");
    }
}
goes_well('functions of event triggers at other events', 'hostile_super', undef, @statements);

# --- procedures outside of a transaction, and inside of what forbids them ----------------------------------------------
my @procedures = grep { $_->{kind} eq 'p' } $hostile->functions;
for my $user ('hostile_plain', 'hostile_daemon', 'hostile_super') {
    my @calls = map { my $p = $_; map { $hostile->call($p, $_) . ';' } 'nulls', ('any', 'one', 'plain') x $rounds } @procedures;
    goes_well('procedures, each in a transaction of its own', $user, undef, @calls, map({ "BEGIN ISOLATION LEVEL SERIALIZABLE; $_ ROLLBACK;" } @calls[ 0 .. 9 ]), map({ my $call = s/'/''/gr =~ s/;$//r; "DO 'BEGIN $call; EXCEPTION WHEN division_by_zero THEN NULL; END';" } @calls[ 0 .. 9 ]));
}
is($team->run('SELECT count(*) FROM pg_prepared_xacts') . $team->run(q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'}), '00', 'nothing is left locked');

my $log = slurp_file($node->logfile);
for my $sign ('terminated by signal', 'PANIC', 'TRAP:', 'FailedAssertion', 'leak:', 'still referenced', 'corrupt') {
    my @lines = grep { /\Q$sign\E/ && !/STATEMENT|ERROR/ } split /\n/, $log;
    is(scalar @lines, 0, "the log has no $sign") or diag(join "\n", @lines[ 0 .. ($#lines < 5 ? $#lines : 5) ]);
}
done_testing();
