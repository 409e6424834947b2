# Numbers are exact, in every snapshot, beside everything that a team does to its tables: writers at the three isolation levels, rolled back,
# in savepoints, in two phases and killed; TRUNCATE, partitions that are written directly, attached, detached and dropped, merges, two folders
# and backfills. The reference is SQL over the tables alone, compared with what is counted in one statement, EXCEPT ALL both ways.
#   EXACT_SECONDS   how long each of the two rounds writes (5)
use strict;
use warnings;
use lib '.';
use IPC::Run;
use PostgreSQL::Test::Utils;
use TeamDatabase;
use Test::More;
use Time::HiRes qw(sleep time);

my $seconds = $ENV{EXACT_SECONDS} // 5;
my $team = TeamDatabase->new('exact');
my $node = $team->node;
$node->append_conf('postgresql.conf', "restart_after_crash = on\nmax_connections = 60\ndeadlock_timeout = 100ms\nlog_min_messages = log");
$node->restart;

$team->run(<<'SQL');
CREATE TABLE deals (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, region text, value numeric, status text, opened date, closed timestamptz);
CREATE TABLE parts (id bigint, region text, value numeric, status text, opened date, closed timestamptz, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE parts_0 (closed timestamptz, gone text, status text, id bigint NOT NULL, opened date, value numeric, region text);
ALTER TABLE parts_0 DROP COLUMN gone;
ALTER TABLE parts ATTACH PARTITION parts_0 FOR VALUES FROM (0) TO (1000);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (1000) TO (2000) PARTITION BY RANGE (id);
CREATE TABLE parts_1a PARTITION OF parts_1 FOR VALUES FROM (1000) TO (1500);
CREATE TABLE parts_1b PARTITION OF parts_1 FOR VALUES FROM (1500) TO (2000);
CREATE TABLE apart (id bigint PRIMARY KEY, region text, value numeric, status text, opened date, closed timestamptz);
CREATE TABLE spending (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, happened date, amount numeric, kind text, channel text);
CREATE TABLE people (id bigint PRIMARY KEY, email text, region text, joined date);
CREATE TABLE orders (id bigint PRIMARY KEY, person bigint REFERENCES people ON DELETE CASCADE, region text, value numeric, opened date);
INSERT INTO deals (region, value, status, opened, closed)
SELECT 'r' || i % 5, i * 1.01, 'won', date '2026-01-01' + i % 30, timestamptz '2026-02-01' + i % 40 * interval '1 day' FROM generate_series(1, 4000) i;
INSERT INTO parts SELECT i, 'r' || i % 3, i, 'won', date '2026-01-01' + i % 9, NULL FROM generate_series(0, 1999, 4) i;
INSERT INTO apart SELECT i, 'apart', i * 0.1, 'won', date '2026-01-01' + i % 9, timestamptz '2026-03-01' FROM generate_series(2000, 2400) i;
INSERT INTO people SELECT i, 'p' || i, 'r' || i % 4, date '2026-01-01' + (i % 50)::integer FROM generate_series(1, 4000) i;
INSERT INTO orders SELECT i, i, 'r' || i % 4, 10, '2026-01-01' FROM generate_series(1, 4000) i;
CREATE SEQUENCE numbers START 10000;
CREATE SEQUENCE pairs;
CREATE TABLE looks (isolation text, wrong bigint);
CREATE TABLE names (name text PRIMARY KEY, hash bytea); -- of what is told apart only hashes are kept

-- What the components are, in the words of the tables: relation, component, day, unit, stage, channel, then rows, what cannot be summed, and sums.
CREATE VIEW deal_rows AS
    SELECT 'deals' AS relation, region, value, status, opened::timestamptz AS opened, closed FROM deals
    UNION ALL SELECT 'parts', region, value, status, opened::timestamptz, closed FROM parts
    UNION ALL SELECT 'orders', region, value, NULL, opened::timestamptz, NULL FROM orders;
CREATE VIEW base AS
    SELECT relation, component, day, unit, stage, NULL AS channel, count(*)::numeric AS rows, sum(value) AS s1, sum(s2) AS s2, sum(s3) AS s3
    FROM (SELECT relation, 'opportunity_closed' AS component, (closed AT TIME ZONE 'UTC')::date AS day, region AS unit, status AS stage, value,
                 CASE WHEN closed >= opened THEN 1 END AS s2,
                 CASE WHEN closed >= opened THEN extract(epoch FROM closed - opened) / 86400 END AS s3 FROM deal_rows WHERE closed IS NOT NULL
          UNION ALL SELECT relation, 'opportunity_created', coalesce(opened::date, '-infinity'), region, status, value, NULL, NULL FROM deal_rows
          UNION ALL SELECT relation, 'opportunity_ended', (greatest(opened, closed) AT TIME ZONE 'UTC')::date, region, status, value, NULL, NULL
                    FROM deal_rows WHERE closed IS NOT NULL
          UNION ALL SELECT relation, 'opportunity_undated', coalesce(opened::date, '-infinity'), region, status, value, NULL, NULL
                    FROM deal_rows WHERE closed IS NULL) x
    GROUP BY 1, 2, 3, 4, 5
    UNION ALL
    SELECT 'spending', 'spend', happened, NULL, NULL, channel, count(*), sum(amount) FILTER (WHERE amount <> 'NaN'),
           sum(amount) FILTER (WHERE amount <> 'NaN' AND (kind IS NULL OR kind = 'marketing')), count(*) FILTER (WHERE amount = 'NaN')
    FROM spending GROUP BY happened, channel
    UNION ALL
    SELECT 'people', 'joined', joined, region, NULL, NULL, count(*), NULL, NULL, NULL FROM people GROUP BY joined, region
    UNION ALL -- defined anew again and again: by the version that is read
    SELECT d.relation, 'over', (d.closed AT TIME ZONE 'UTC')::date, d.region, d.status, NULL, count(*), sum(d.value), NULL, NULL
    FROM deal_rows d JOIN crm.kpi_instance i ON i.component = 'over' AND i.relation::text = d.relation
    WHERE d.closed IS NOT NULL AND d.value > 700 * (i.version % 5) GROUP BY 1, 2, 3, 4, 5
    UNION ALL -- of counted values each is a group: a number, or what is told apart
    SELECT relation, component, (closed AT TIME ZONE 'UTC')::date, region, status, v, count(*), NULL, NULL, NULL
    FROM deal_rows CROSS JOIN LATERAL (VALUES ('opportunity_closed.percentile.amount', trim_scale(value)::text),
                                              ('opportunity_closed.distinct.name', trunc(value % 50)::text)) c (component, v)
    WHERE closed IS NOT NULL AND v IS NOT NULL GROUP BY 1, 2, 3, 4, 5, 6;
-- zero and nothing are the same sum
CREATE VIEW truth AS
    SELECT relation, component, day, unit, stage, channel, rows, coalesce(s1, 0) AS s1, coalesce(s2, 0) AS s2, coalesce(s3, 0) AS s3 FROM base;
CREATE VIEW counted AS
    SELECT i.relation::regclass::text AS relation, i.component, c.day, c.unit, c.stage, c.channel, sum(c.rows) AS rows,
           coalesce(sum(m.sums[array_position(i.sum_names, 'amount')]), 0) AS s1,
           coalesce(sum(m.sums[coalesce(array_position(i.sum_names, 'cycle_count'), array_position(i.sum_names, 'marketing'))]), 0) AS s2,
           CASE i.component WHEN 'spend' THEN sum(c.invalid) ELSE coalesce(sum(m.sums[array_position(i.sum_names, 'cycle_days')]), 0) END AS s3
    FROM crm.kpi_cell c JOIN crm.kpi_instance i USING (instance) CROSS JOIN LATERAL (SELECT ARRAY[c.s1, c.s2, c.s3, c.s4] AS sums) m
    WHERE i.state = 'ready'
      AND i.component IN ('opportunity_closed', 'opportunity_created', 'opportunity_ended', 'opportunity_undated', 'spend', 'joined', 'over')
    GROUP BY i.relation, i.component, c.day, c.unit, c.stage, c.channel
    HAVING sum(c.rows) <> 0 OR sum(c.s1) <> 0 OR sum(c.s2) <> 0 OR sum(c.s3) <> 0 OR sum(c.invalid) <> 0
    UNION ALL
    SELECT i.relation::regclass::text, i.component, c.day, c.unit, c.stage,
           CASE WHEN i.component LIKE '%.percentile.%' THEN trim_scale(crm.counted_number(e.value))::text ELSE n.name END, sum(e.rows), 0, 0, 0
    FROM crm.kpi_value_cell c JOIN crm.kpi_instance i USING (instance) CROSS JOIN LATERAL crm.counted_entries(c.piece) e
    LEFT JOIN names n ON n.hash = e.value
    WHERE i.state = 'ready' GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(e.rows) <> 0;
CREATE VIEW ready AS SELECT relation::text AS relation, component FROM crm.kpi_instance WHERE state = 'ready';
CREATE VIEW difference AS
    (SELECT 'table' AS side, t.* FROM (SELECT t.* FROM truth t JOIN ready USING (relation, component) EXCEPT ALL TABLE counted) t)
    UNION ALL (SELECT 'counted', c.* FROM (TABLE counted EXCEPT ALL TABLE truth) c);
SQL
my $columns = '{"name": "trunc(value % 50)::text", "unit": "region", "amount": "value", "stage": "status", "created_at": "opened", "closed_at": "closed"}';
my %adoption = (
    deals => "'opportunity', columns => '$columns'",
    parts => "'opportunity', columns => '$columns'",
    orders => q('opportunity', columns => '{"unit": "region", "amount": "value", "created_at": "opened"}'),
    people => q('customer', columns => '{"unit": "region", "email": "email", "created_at": "joined"}'),
    spending => q('spend', columns => '{"on_date": "happened", "amount": "amount", "kind": "kind", "channel": "channel"}'));
$team->run("SELECT * FROM crm.define_component('joined', 'customer', 'created_at')");
$team->run("SELECT crm.define_kpi('names', 'Names', 'opportunity_closed.name', kind => 'distinct'),
                   crm.define_kpi('half', 'Half', 'opportunity_closed.amount', kind => 'percentile', quantile => 0.5)");

# Asks again where others had the lock, or changed what a backfill had read.
sub insist {
    my ($sql) = @_;
    for (1 .. 200) {
        my ($status, undef, $err) = $node->psql('team', "\\set VERBOSITY verbose\n$sql");
        return 1 if $status == 0;
        if ($err !~ /ERROR: +(55P03|40001|40P01)/) { diag("$sql\n$err"); return 0 }
        sleep 0.02;
    }
    diag("not even at the 200th time: $sql");
    return 0;
}
sub adopt { return insist("SELECT * FROM crm.adopt('$_[0]', lock_timeout => '2 s', zone => 'UTC', entity => $adoption{$_[0]})") }
sub fill { return insist("CALL crm.backfill('$_[0]')") }
my $version = 0;
sub define {
    my $least = 700 * (($version + 1) % 5);
    my $defined = insist("SELECT crm.define_component('over', 'opportunity', 'closed_at', 'closed_at IS NOT NULL AND amount > $least', '{\"amount\": \"amount\"}')");
    $version++ if $defined;
    return $defined;
}
define();
adopt($_) for qw(deals orders people spending);
$team->run("SELECT * FROM crm.count_values('$_')") for qw(names half);
$team->run("INSERT INTO names SELECT n, crm.value_hash(n) FROM (SELECT i::text AS n FROM generate_series(-49, 49) i) x");

# Each writer has deals of its own: where two lock each other's rows in two orders, the deadlock is theirs.
my $writer = <<'PGBENCH';
\set r random(1, 12)
\set id CLIENT * 500 + random(1, 450)
\set amount random(-100, 100000)
\set day random(0, 300)
BEGIN;
UPDATE deals SET value = :amount / 10000.0 + 1000000000000 * (:r % 2), region = 'r' || (:r % 4) WHERE id = :id;
INSERT INTO deals (region, value, status, opened, closed) VALUES (nullif('r' || :r, 'r3'), :amount, 'won', date '2026-01-01' + :day, nullif(:r, 5) * interval '1 day' + timestamptz '2026-03-01 00:30+02');
SAVEPOINT s;
DELETE FROM deals WHERE id BETWEEN :id AND :id + 5;
UPDATE parts SET value = value + 0.01, closed = coalesce(closed, '2026-02-01') + interval '1 day' WHERE id = CLIENT * 40 + :r * 4;
\if :r < 9
ROLLBACK TO s;
\endif
INSERT INTO parts_0 (id, region, value, status, opened) SELECT n % 900, 'direct', 1, 'won', '2026-01-01' FROM (SELECT nextval('numbers') AS n) x ON CONFLICT DO NOTHING;
UPDATE parts SET id = 1000 + id WHERE id = CLIENT * 40 + 1 + :r AND NOT EXISTS (SELECT FROM parts p WHERE p.id = 1000 + CLIENT * 40 + 1 + :r);
DELETE FROM parts_1a WHERE id = 1000 + CLIENT * 40 + 2 + :r;
INSERT INTO spending (happened, amount, kind, channel) VALUES (date '2026-01-01' + :r, CASE :r WHEN 1 THEN 'NaN' ELSE :amount / 3.0 END, CASE WHEN :r > 5 THEN 'marketing' ELSE 'sales' END, 'web');
\if :r = 3
ROLLBACK;
\elif :r = 4 and TWO = 1
PREPARE TRANSACTION 'pCLIENT';
COMMIT PREPARED 'pCLIENT';
\elif :r = 6 and TWO = 1
PREPARE TRANSACTION 'pCLIENT';
ROLLBACK PREPARED 'pCLIENT';
\else
COMMIT;
\endif
PGBENCH
my %script = (
    merger => <<'PGBENCH',
\set r random(1, 5)
BEGIN;
SELECT nextval('pairs') * 2 AS n \gset
SELECT crm.merge('people', (:n)::text, ARRAY[(:n - 1)::text]);
DELETE FROM people WHERE id = :n - 1000;
\if :r = 1
ROLLBACK;
\else
COMMIT;
\endif
\sleep 5 ms
PGBENCH
    truncater => <<'PGBENCH',
\set r random(1, 4)
BEGIN;
INSERT INTO spending (happened, amount, channel) VALUES ('2026-05-05', 1.5, 'truncated');
TRUNCATE spending;
INSERT INTO spending (happened, amount, channel) VALUES ('2026-05-05', 2.5, 'kept');
\if :r = 1
ROLLBACK;
\else
COMMIT;
\endif
\sleep 200 ms
PGBENCH
    fold => "SELECT crm.fold(:client_id * 50 + 20);\nSELECT crm.fold();\n\\sleep 20 ms\n",
    # one statement that locks its tables before it takes its snapshot
    look => "INSERT INTO looks SELECT 'read committed', count(*) FROM difference;\n\\sleep 20 ms\n",
    # TRUNCATE, ATTACH and DETACH are not for old snapshots: they stay away while this one is looked through
    old_look => <<'PGBENCH',
SELECT pg_advisory_lock_shared(1);
BEGIN ISOLATION LEVEL REPEATABLE READ;
LOCK TABLE deals, parts, orders, people, spending IN ACCESS SHARE MODE;
INSERT INTO looks SELECT 'repeatable read', count(*) FROM difference;
\sleep 20 ms
INSERT INTO looks SELECT 'repeatable read', count(*) FROM difference;
COMMIT;
SELECT pg_advisory_unlock_shared(1);
\sleep 20 ms
PGBENCH
);
my @writers = (['read committed', 1, 0], ['read committed', 2, 1], ['repeatable read', 3, 1], ['serializable', 4, 0]);
my $round = 0;
sub start {
    my ($name, $text, $options, $isolation) = @_;
    my $file = "$ENV{TESTDATADIR}/exact_${round}_$name";
    append_to_file("$file.sql", $text);
    local $ENV{PGOPTIONS} = '-c default_transaction_isolation=' . ($isolation // 'read committed') =~ s/ /\\ /r;
    return { name => $name, file => $file, handle => IPC::Run::start([ 'pgbench', '-n', '-T', $seconds, split(/ /, $options), '-f', "$file.sql", 'team' ],
        '>', "$file.log", '2>', "$file.err", init => sub { $ENV{PGHOST} = $node->host; $ENV{PGPORT} = $node->port; }) };
}
sub start_all {
    $round++;
    my @runs;
    for my $each (@writers) {
        my ($isolation, $client, $two) = @$each;
        my $text = $writer =~ s/CLIENT/$client/gr =~ s/TWO/$two/gr;
        push @runs, start("writer_$client", $text, '-c 1 --max-tries=1000', $isolation);
    }
    push @runs, map { start($_, $script{$_}, $_ eq 'fold' ? '-c 2 -j 1' : '-c 1 --max-tries=1000', $_ eq 'truncater' ? 'repeatable read' : undef) } sort keys %script;
    return @runs;
}
mkdir $ENV{TESTDATADIR} unless -d $ENV{TESTDATADIR};

# First round: beside all of that, tables are filled, one is adopted, partitions come and go.
my @runs = start_all();
my $until = time + $seconds;
sleep 0.3;
ok(fill($_), "$_ is filled beside its writers") for qw(deals orders people spending);
ok(adopt('parts') && fill('parts'), 'a partitioned table is adopted and filled beside its writers');
my $changes = 0;
my $switches = 0;
do {
    # each fills all that waits of its table, the new version too
    ok(define(), 'a component is defined anew') if $changes % 2 == 0;
    fill($_) for qw(deals orders);
    insist('BEGIN; SELECT pg_advisory_xact_lock(1); ALTER TABLE parts ATTACH PARTITION apart FOR VALUES FROM (2000) TO (3000); COMMIT');
    $node->psql('team', 'UPDATE apart SET value = value + 0.5 WHERE id % 7 = 0; INSERT INTO parts VALUES (2900, 1, 1) ON CONFLICT (id) DO UPDATE SET value = parts.value + 1');
    fill('parts');
    $node->psql('team', "UPDATE parts SET region = 'moved' WHERE id % 9 = 1 AND id >= 2000");
    insist('BEGIN; SELECT pg_advisory_xact_lock(1); ALTER TABLE parts DETACH PARTITION apart; COMMIT');
    $node->psql('team', 'UPDATE apart SET value = value + 1000 WHERE id % 7 = 0');
    fill('parts');
    insist('BEGIN; SELECT pg_advisory_xact_lock(1); CREATE TABLE passing PARTITION OF parts FOR VALUES FROM (5000) TO (6000); INSERT INTO passing (id, value) VALUES (5000, 1); COMMIT');
    insist('BEGIN; SELECT pg_advisory_xact_lock(1); DROP TABLE passing; COMMIT');
    fill('parts');
    $switches++ if $node->safe_psql('team', "SELECT count(*) FROM crm.kpi_instance WHERE component = 'over' AND version = $version") > 0;
    $changes++;
} while (time < $until);
for my $run (@runs) {
    my $name = $run->{name};
    ok(IPC::Run::finish($run->{handle}), "$name ran") or diag(slurp_file("$run->{file}.log"), slurp_file("$run->{file}.err"));
    my ($done) = slurp_file("$run->{file}.log") =~ /number of transactions actually processed: (\d+)/;
    cmp_ok($done // 0, '>', 0, "$name did something: " . ($done // 0) . ' transactions');
}
cmp_ok($switches, '>', 0, 'new versions were read beside the writers');
cmp_ok($changes, '>', 0, "$changes times a partition came and went");
my $wrong = 'SELECT isolation, count(*) > 0, max(wrong) FROM looks GROUP BY 1 ORDER BY 1';
$team->prints($wrong, "read committed|t|0\nrepeatable read|t|0", 'no look saw a difference');
sub exact {
    my ($what) = @_;
    return $team->prints('SELECT * FROM difference ORDER BY 1, 2, 3, 4 LIMIT 5', '', "exact $what");
}
$team->prints('SELECT count(*) FROM crm.kpi_instance WHERE state <> \'ready\'', 0, 'all is filled');
exact('when writers have ended');

# Second round: a writer is killed, and with it the server, in the midst of everything.
@runs = start_all();
sleep $seconds / 2;
my $victim = $node->safe_psql('team', "SELECT pid FROM pg_stat_activity WHERE datname = 'team' AND pid <> pg_backend_pid() AND query !~ 'looks' ORDER BY query ~ 'deals' DESC LIMIT 1");
kill 'KILL', $victim if $victim;
ok($victim, 'a writer was killed');
IPC::Run::finish($_->{handle}) for @runs; # they end with their connections
ok($node->poll_query_until('team', 'SELECT 1', '1'), 'the server is there again');
$node->safe_psql('team', "COMMIT PREPARED '$_'") for split /\n/, $node->safe_psql('team', 'SELECT gid FROM pg_prepared_xacts');
exact('after a crash');
ok(insist("TRUNCATE spending, orders"), 'truncated');
ok(fill($_), "$_ is filled again") for qw(deals parts);
exact('after all');
$team->prints('SELECT crm.fold() >= 0, crm.fold()', 't|0', 'folded');
$team->prints('SELECT count(*) FROM crm.kpi_pending', 0, 'nothing is pending');
exact('with nothing pending');
$team->prints("SELECT count(*) > 100, count(*) FILTER (WHERE rows = 0 AND invalid = 0 AND coalesce(s1, 0) = 0 AND coalesce(s2, 0) = 0) FROM crm.kpi_rollup", 't|0',
    'no empty group is left');
$team->prints("SELECT count(*) > 500 FROM deals", 't', 'and there is something to count');
# what is read is what SQL over the tables says, and what the rows say through crm
my $values = "SELECT (SELECT value FROM crm.kpi_total('names')), (SELECT value FROM crm.kpi_total('half'))";
my $by_sql = "SELECT count(DISTINCT trunc(value % 50)::text), percentile_cont(0.5) WITHIN GROUP (ORDER BY value::double precision)::numeric FROM deal_rows WHERE closed < (SELECT now())";
$team->prints("SELECT (SELECT count(*) FROM crm.counted_terms('names')), (SELECT count(*) FROM crm.counted_terms('half'))", '2|2', 'counted values are read');
my $expected = $node->safe_psql('team', $by_sql);
$team->prints($values, $expected, "different values and a median: $expected");
# and the test can fail
$node->safe_psql('team', 'SET session_replication_role = replica; ALTER EVENT TRIGGER crm_follow_disabled DISABLE; ALTER TABLE deals DISABLE TRIGGER USER; DELETE FROM deals WHERE id = (SELECT max(id) FROM deals); ALTER TABLE deals ENABLE TRIGGER USER');
$team->prints('SELECT count(*) > 0 FROM difference', 't', 'a row that goes past the triggers is a difference');
$node->stop;
done_testing();
