# Numbers stay exact under load: writers of every kind, folds, a backfill in the middle and readers who compare what is
# counted with the tables in their own snapshot, READ COMMITTED and REPEATABLE READ. Then a dump and restore.
use strict;
use warnings;
use lib '.';
use IPC::Run;
use PostgreSQL::Test::Utils;
use TeamDatabase;
use Test::More;

my $seconds = 6;
my $team = TeamDatabase->new('capture');
my $node = $team->node;

$team->run(<<'SQL');
CREATE TABLE deals (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, region text, value numeric, status text, opened date,
                    closed timestamptz);
CREATE TABLE parts (id bigint, region text, value numeric, status text, opened date, closed timestamptz, PRIMARY KEY (id))
    PARTITION BY HASH (id);
CREATE TABLE parts_0 (closed timestamptz, status text, id bigint NOT NULL, opened date, value numeric, region text);
ALTER TABLE parts ATTACH PARTITION parts_0 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO deals (region, value, status, opened, closed)
SELECT 'r' || i % 5, i, 'won', date '2026-01-01' + i % 30, timestamptz '2026-02-01' + i % 40 * interval '1 day' FROM generate_series(1, 5000) i;
INSERT INTO parts SELECT id, region, value, status, opened, closed FROM deals WHERE id <= 500;
CREATE SEQUENCE numbers START 10000;
CREATE TABLE looks (isolation text, wrong bigint);
-- One statement, one snapshot: every component of both tables, group by group.
CREATE FUNCTION wrong_groups() RETURNS bigint LANGUAGE sql STABLE AS $$
    WITH base AS (
        SELECT 'deals'::regclass AS relation, region, value, opened, (closed AT TIME ZONE 'UTC')::date AS closed FROM deals
        UNION ALL SELECT 'parts', region, value, opened, (closed AT TIME ZONE 'UTC')::date FROM parts
    ), truth AS (
        SELECT relation, component, day, region, count(*)::numeric AS rows, sum(value) AS amount
        FROM (SELECT *, 'opportunity_closed' AS component, closed AS day FROM base WHERE closed IS NOT NULL
              UNION ALL SELECT *, 'opportunity_created', opened FROM base) x GROUP BY 1, 2, 3, 4
    ), counted AS (
        SELECT i.relation, i.component, c.day, c.unit, sum(c.rows), sum(c.s1)
        FROM crm.kpi_cell c JOIN crm.kpi_instance i USING (instance)
        WHERE i.component IN ('opportunity_closed', 'opportunity_created') AND i.state = 'ready'
        GROUP BY 1, 2, 3, 4 HAVING sum(c.rows) <> 0
    ), ready AS (
        SELECT relation, component FROM crm.kpi_instance WHERE state = 'ready'
    )
    SELECT (SELECT count(*) FROM (SELECT t.* FROM truth t JOIN ready USING (relation, component) EXCEPT TABLE counted) a)
         + (SELECT count(*) FROM (TABLE counted EXCEPT TABLE truth) b)
$$;
SQL
my $columns = 'columns => \'{"unit": "region", "amount": "value", "stage": "status", "created_at": "opened", "closed_at": "closed"}\'';
$team->run("SELECT * FROM crm.adopt('deals', 'opportunity', zone => 'UTC', $columns)");

# Each writer has deals of its own: where they lock each other's rows in two orders, the deadlock is theirs.
my %script = (
    writer => <<'PGBENCH',
\set r random(1, 10)
\set id :client_id * 1250 + random(1, 1200)
\set amount random(-100, 100000)
\set day random(0, 300)
BEGIN;
UPDATE deals SET value = :amount / 100.0, region = 'r' || (:r % 4) WHERE id = :id;
INSERT INTO deals (region, value, status, opened, closed) VALUES (nullif('r' || :r, 'r3'), :amount, 'won', date '2026-01-01' + :day, nullif(:r, 5) * interval '1 day' + timestamptz '2026-03-01 00:30+02');
\if :r = 1
SAVEPOINT s;
DELETE FROM deals WHERE id BETWEEN :id AND :id + 20;
ROLLBACK TO s;
\endif
\if :r = 2
DELETE FROM deals WHERE id = :id + 1;
\endif
INSERT INTO parts_1 SELECT n, 'direct', 1, 'won', '2026-01-01', NULL FROM (SELECT nextval('numbers') AS n) x WHERE satisfies_hash_partition('parts'::regclass, 2, 1, n);
UPDATE parts SET value = value + 1, closed = closed + interval '1 day' WHERE id = :id % 500;
\if :r = 3
ROLLBACK;
\else
COMMIT;
\endif
PGBENCH
    fold => "SELECT crm.fold(:client_id * 50 + 20);\nSELECT crm.fold();\n\\sleep 20 ms\n",
    look => "INSERT INTO looks SELECT current_setting('transaction_isolation'), wrong_groups();\n\\sleep 10 ms\n",
);
my %options = (writer => '-c 4 -j 1', fold => '-c 2 -j 1', look => '-c 1 -j 1');
my @runs;
mkdir "$ENV{TESTDATADIR}" unless -d $ENV{TESTDATADIR};
for my $name (qw(writer fold look look_old)) {
    my ($kind) = split /_/, $name;
    my $file = "$ENV{TESTDATADIR}/$name.sql";
    append_to_file($file, $script{$kind});
    local $ENV{PGOPTIONS} = $name eq 'look_old' ? '-c default_transaction_isolation=repeatable\ read' : '';
    my $log = "$ENV{TESTDATADIR}/$name.log";
    # serialization failures of a REPEATABLE READ writer would be its own; writers and folders here are READ COMMITTED
    push @runs, [ $name, $log, IPC::Run::start([ 'pgbench', '-n', '-T', $seconds, split(/ /, $options{$kind}), '-f', $file, 'team' ],
        '>', $log, '2>', "$log.err", init => sub { $ENV{PGHOST} = $node->host; $ENV{PGPORT} = $node->port; }) ];
}
# beside all of that: the backfill of one table, the adoption and backfill of the other
sleep 1;
$team->run('CALL crm.backfill(\'deals\')');
for my $try (1 .. 20) {
    my ($status) = $node->psql('team', "SELECT * FROM crm.adopt('parts', 'opportunity', zone => 'UTC', lock_timeout => '5 s', $columns)");
    last if $status == 0;
}
$team->run('CALL crm.backfill(\'parts\')');
for my $run (@runs) {
    my ($name, $log, $handle) = @$run;
    ok(IPC::Run::finish($handle), "$name ran") or diag(slurp_file($log), slurp_file("$log.err"));
    my $text = slurp_file($log);
    my ($number) = $text =~ /number of transactions actually processed: (\d+)/;
    ok(($number // 0) > 10, "$name did something: " . ($number // 0) . ' transactions');
    unlike($text, qr/number of failed transactions: [1-9]/, "$name had no failure");
}
$team->prints('SELECT isolation, count(*) > 10, sum(wrong) FROM looks GROUP BY 1 ORDER BY 1', "read committed|t|0\nrepeatable read|t|0",
    'no look saw a wrong group');
$team->prints('SELECT count(*) FROM crm.kpi_instance WHERE state <> \'ready\'', 0, 'all is filled');
$team->prints('SELECT wrong_groups()', 0, 'exact at the end');
$team->prints('SELECT crm.fold() >= 0, (SELECT count(*) > 0 FROM deals)', 't|t', 'folded');
$team->prints('SELECT count(*), wrong_groups() FROM crm.kpi_pending', '0|0', 'exact when all is folded');
$team->prints("SELECT sum(groups_different) FROM crm.verify_kpi('open_pipeline')", 0, 'verify_kpi agrees');

# A dump holds the numbers; what is counted of crm's own history is counted again by the first fold after a restore.
$team->run(<<'SQL');
SELECT crm.create_unit('acme', kind => 'business');
SELECT crm.create_funnel('leads', 'lead', '[{"key": "lead", "position": 100, "kind": "entry", "milestone": "lead"},
                                            {"key": "mql", "position": 200, "milestone": "mql"}]');
CREATE TABLE leads (id int PRIMARY KEY, status text, opened date);
INSERT INTO leads SELECT i, 'lead', date '2026-01-01' + i FROM generate_series(1, 20) i;
SELECT * FROM crm.adopt('leads', 'lead', funnel => 'leads', columns => '{"stage": "status", "created_at": "opened"}');
SELECT crm.define_component('big', 'opportunity', 'closed_at', 'amount > 50', '{"amount": "amount"}');
SELECT crm.define_kpi('big', 'Big', 'big.amount');
SELECT crm.set_goal('g', 'big', 1000, '2026-01-01', '2026-12-31');
SQL
$team->run("CALL crm.backfill('$_')") for qw(leads deals parts);
$team->run("UPDATE leads SET status = 'mql' WHERE id <= 5; UPDATE deals SET value = value + 1 WHERE id < 100");
my $numbers = "SELECT k, t.* FROM unnest(ARRAY['leads', 'mqls', 'big', 'open_pipeline']) k, crm.kpi_total(k, NULL, NULL, '2999-01-01') t";
my $before = $team->run($numbers);
like($before, qr/^leads\|20\|\|20\|ready$/m, 'there are leads to restore');
my $dump = "$ENV{TESTDATADIR}/team.dump";
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, $node->connstr('team') ], 'dumped');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'pg_restore', '-d', $node->connstr('restored'), '--exit-on-error', $dump ], 'restored');
like($node->safe_psql('restored', $numbers), qr/^leads\|\|\|\|filling$/m, 'what is not counted yet has no value');
is($node->safe_psql('restored', 'SELECT crm.fold() >= 0'), 't', 'folded after the restore');
is($node->safe_psql('restored', $numbers), $before, 'the restored numbers are the same');
is($node->safe_psql('restored', 'SELECT wrong_groups()'), 0, 'and exact');
$node->safe_psql('restored', "INSERT INTO deals (region, value, status, opened, closed) VALUES ('x', 1, 'won', '2026-01-01', now()); UPDATE leads SET status = 'mql' WHERE id = 6;");
is($node->safe_psql('restored', 'SELECT wrong_groups()'), 0, 'and go on being exact');
is($node->safe_psql('restored', "SELECT value FROM crm.kpi_total('mqls')"), 6, 'history is captured after a restore');
$node->stop;
done_testing();
