# A table that a subscription fills, adopted with row_triggers: what is applied is counted, of customers linked, of stages kept as history, partitions and TRUNCATE too.
use strict;
use warnings;
use lib '.';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use TeamDatabase;
use Test::More;

my $publisher = PostgreSQL::Test::Cluster->new('publisher');
$publisher->init(allows_streaming => 'logical');
$publisher->append_conf('postgresql.conf', "fsync = off");
$publisher->start;
my $team = TeamDatabase->new('subscriber');
my $node = $team->node;

my $tables = <<'SQL';
CREATE TABLE deals (id bigint PRIMARY KEY, region text, value numeric, opened date, closed timestamptz);
CREATE TABLE parts (id bigint PRIMARY KEY, region text, value numeric, opened date, closed timestamptz) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (100);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (100) TO (1000);
SQL
$publisher->safe_psql('postgres', $tables . <<'SQL');
INSERT INTO deals SELECT i, 'r' || i % 3, i * 1.01, date '2026-01-01' + i % 9, timestamptz '2026-02-01 00:00Z' + i * interval '1 hour' FROM generate_series(1, 50) i;
INSERT INTO parts SELECT * FROM deals;
CREATE PUBLICATION deals FOR TABLE deals, parts;
SQL
$team->run($tables . <<'SQL');
CREATE VIEW difference AS
    WITH base AS (SELECT 'deals' AS relation, * FROM deals UNION ALL SELECT 'parts', * FROM parts),
    truth AS (
        SELECT relation, component, day, region, count(*)::numeric AS rows, coalesce(sum(value), 0) AS amount
        FROM (SELECT relation, 'opportunity_closed' AS component, (closed AT TIME ZONE 'UTC')::date AS day, region, value FROM base WHERE closed IS NOT NULL
              UNION ALL SELECT relation, 'opportunity_created', coalesce(opened, '-infinity'), region, value FROM base) x GROUP BY 1, 2, 3, 4
    ), counted AS (
        SELECT i.relation::text, i.component, c.day, c.unit, sum(c.rows), coalesce(sum(c.s1), 0)
        FROM crm.kpi_cell c JOIN crm.kpi_instance i USING (instance)
        WHERE i.state = 'ready' AND i.component IN ('opportunity_closed', 'opportunity_created')
        GROUP BY 1, 2, 3, 4 HAVING sum(c.rows) <> 0 OR sum(c.s1) <> 0
    )
    (SELECT 'table' AS side, a.* FROM (TABLE truth EXCEPT ALL TABLE counted) a)
    UNION ALL (SELECT 'counted', b.* FROM (TABLE counted EXCEPT ALL TABLE truth) b);
SQL
my $columns = 'columns => \'{"unit": "region", "amount": "value", "created_at": "opened", "closed_at": "closed"}\'';
# one is adopted before the subscription comes and copies its rows, the other one afterwards
$team->run("SELECT * FROM crm.adopt('deals', 'opportunity', zone => 'UTC', row_triggers => true, $columns); CALL crm.backfill('deals')");
my $connection = $publisher->connstr . ' dbname=postgres';
$team->run("CREATE SUBSCRIPTION deals CONNECTION '$connection' PUBLICATION deals");
$node->wait_for_subscription_sync($publisher, 'deals', 'team');
$team->refused("SELECT * FROM crm.adopt('parts', 'opportunity', zone => 'UTC', $columns)", 'RM003', qr/row_triggers => true/, 'statement triggers do not serve a subscription');
$team->run("SELECT * FROM crm.adopt('parts', 'opportunity', zone => 'UTC', row_triggers => true, $columns)");
$team->run("CALL crm.backfill('parts')");

my $step = 0;
my $rows = "SELECT count(*), sum(value), max(region) FROM deals UNION ALL SELECT count(*), sum(value), max(region) FROM parts";
sub exact {
    my ($what) = @_;
    $publisher->wait_for_catchup('deals');
    $team->prints($rows, $publisher->safe_psql('postgres', $rows), "$what is applied");
    $team->prints('SELECT * FROM difference LIMIT 5', '', "$what is counted");
    $team->run('SELECT crm.fold()') if $step++ % 2;
    return;
}
sub publish { $publisher->safe_psql('postgres', $_[0]); return }
exact('the copy');
publish("INSERT INTO deals VALUES (51, NULL, 0.001, '2026-01-01', NULL), (52, 'r1', 7, NULL, now()); INSERT INTO parts VALUES (151, 'p', 3, '2026-01-01', now())");
exact('INSERT');
publish("UPDATE deals SET value = value * 3, region = 'moved' WHERE id % 4 = 0; UPDATE parts SET closed = closed + interval '2 days' WHERE id % 4 = 0");
exact('UPDATE');
publish("UPDATE deals SET id = id + 1000 WHERE id < 10; UPDATE parts SET id = id + 100 WHERE id < 10");
exact('UPDATE of the key, into another partition');
publish("DELETE FROM deals WHERE id % 5 = 0; DELETE FROM parts WHERE id % 5 = 1");
exact('DELETE');
publish("BEGIN; INSERT INTO deals VALUES (7000, 'x', 1, '2026-01-01', NULL); SAVEPOINT s; DELETE FROM deals; ROLLBACK TO s; COMMIT; BEGIN; DELETE FROM parts; ROLLBACK");
exact('a savepoint, and not what was rolled back');
publish("TRUNCATE deals; INSERT INTO deals VALUES (1, 'again', 5, '2026-03-01', now())");
exact('TRUNCATE');
publish('TRUNCATE parts_2');
exact('TRUNCATE of a partition');
$team->run("INSERT INTO deals VALUES (-1, 'local', 2, '2026-03-02', NULL); UPDATE deals SET value = 4 WHERE id = -1; DELETE FROM deals WHERE id = 1");
$team->prints('SELECT * FROM difference LIMIT 5', '', 'what is written locally is counted');
$team->prints('SELECT sum(groups_different) FROM crm.verify_kpi(\'open_pipeline\')', 0, 'verify_kpi agrees');
$team->run('SELECT crm.fold()');
$team->prints('SELECT count(*) FROM crm.kpi_pending', 0, 'nothing is pending');
$team->prints('SELECT * FROM difference LIMIT 5', '', 'and all is counted');
# a publication that leaves rows out, and its initial copy: a row that an UPDATE brings into the filter comes as an INSERT, one that leaves it as a DELETE
my $north = 'CREATE TABLE north (id bigint PRIMARY KEY, region text, value numeric, opened date, closed timestamptz)';
$publisher->safe_psql('postgres', "$north; ALTER TABLE north REPLICA IDENTITY FULL; INSERT INTO north SELECT i, CASE i % 2 WHEN 0 THEN 'north' ELSE 'south' END, i, '2026-01-01', '2026-02-02' FROM generate_series(1, 40) i;
    CREATE PUBLICATION north FOR TABLE north WHERE (region = 'north')");
$team->run("$north; SELECT * FROM crm.adopt('north', 'opportunity', zone => 'UTC', row_triggers => true, $columns); CALL crm.backfill('north')");
$team->run("CREATE SUBSCRIPTION north CONNECTION '$connection' PUBLICATION north");
$node->wait_for_subscription_sync($publisher, 'north', 'team');
my $counted = q(SELECT (SELECT count(*) || ' ' || sum(value) FROM north), (SELECT sum(c.rows) || ' ' || sum(c.s1) FROM crm.kpi_cell c JOIN crm.kpi_instance i USING (instance)
    WHERE i.relation = 'north'::regclass AND i.component = 'opportunity_closed' AND i.state = 'ready'));
$team->prints($counted, '20 420|20 420', 'the initial copy of a publication with a row filter is counted');
publish("UPDATE north SET region = 'north' WHERE id = 1; UPDATE north SET region = 'south' WHERE id IN (2, 4); UPDATE north SET value = 1000 WHERE id IN (5, 6); DELETE FROM north WHERE id IN (7, 8)");
$publisher->wait_for_catchup('north');
$team->prints($counted, '18 1401|18 1401', 'rows that come into the filter, and that leave it');
$team->run('SELECT crm.fold(); DROP SUBSCRIPTION north');
$team->prints($counted, '18 1401|18 1401', 'folded');
$team->run("SELECT crm.disown('north'); DROP TABLE north");
# a new partition, and leaving
$team->run('CREATE TABLE parts_3 PARTITION OF parts FOR VALUES FROM (1000) TO (2000); INSERT INTO parts VALUES (1500, \'new\', 1, \'2026-01-01\', NULL)');
$team->prints('SELECT * FROM difference LIMIT 5', '', 'a new partition is followed');
$team->refused("SELECT * FROM crm.adopt('people', 'customer', row_triggers => true)", '42P01', qr/people/, 'no such table');
# customers are records: what is applied is noted row by row, and linked
publish("CREATE TABLE people (id bigint PRIMARY KEY, email text, stage text) PARTITION BY RANGE (id); CREATE TABLE people_1 PARTITION OF people FOR VALUES FROM (0) TO (100); CREATE TABLE people_2 PARTITION OF people DEFAULT;"
    . "INSERT INTO people SELECT n, 'p' || n % 10 || '\@firm.example' FROM generate_series(1, 20) n; ALTER PUBLICATION deals ADD TABLE people");
$team->run("CREATE TABLE people (id bigint PRIMARY KEY, email text, stage text) PARTITION BY RANGE (id); CREATE TABLE people_1 PARTITION OF people FOR VALUES FROM (0) TO (100); CREATE TABLE people_2 PARTITION OF people DEFAULT");
$team->run('ALTER SUBSCRIPTION deals REFRESH PUBLICATION');
$node->wait_for_subscription_sync($publisher, 'deals', 'team');
$team->run("SELECT crm.create_funnel('f', 'lead', '[{\"key\": \"new\", \"position\": 100}]')");
$team->refused("SELECT * FROM crm.adopt('people', 'lead', row_triggers => true, columns => '{\"email\": \"email\", \"stage\": \"stage\"}', funnel => 'f')", '0A000', qr/the stages of (public\.)?people cannot be followed row by row: it is partitioned/, 'stages of a partitioned table');
$team->prints("SELECT count(*) FROM crm.adoption WHERE relation = 'people'::regclass", 0, 'and nothing is half done');
$team->run("SELECT * FROM crm.adopt('people', 'customer', row_triggers => true, columns => '{\"email\": \"email\"}'); CALL crm.backfill('people')");
sub linked {
    my ($what) = @_;
    $publisher->wait_for_catchup('deals');
    $team->run('SELECT crm.resolve_pending()');
    my $truth = $publisher->safe_psql('postgres', "SELECT string_agg(id::text, ',' ORDER BY id) FROM people GROUP BY email ORDER BY min(id)");
    $team->prints('SELECT string_agg(record_key, \',\' ORDER BY record_key::bigint) FROM crm.customer_record GROUP BY customer_id ORDER BY min(record_key::bigint)', $truth, "$what: who has one address is one customer");
    return;
}
linked('the copy');
publish("INSERT INTO people VALUES (21, 'p1\@firm.example'), (22, 'new\@firm.example')");
linked('INSERT');
publish("UPDATE people SET email = 'p2\@firm.example' WHERE id IN (1, 22)");
linked('UPDATE');
publish('UPDATE people SET id = id + 200 WHERE id = 22');
linked('UPDATE of the key, into another partition');
publish('DELETE FROM people WHERE id IN (2, 3)');
linked('DELETE');
publish('TRUNCATE people_2');
linked('TRUNCATE of a partition');
# stages: from a column and from an event log whose partitions are filled by themselves
my $staged = 'CREATE TABLE moves (id bigint PRIMARY KEY, status text); CREATE TABLE events (id bigint PRIMARY KEY, move bigint, stage text, at timestamptz) PARTITION BY RANGE (id);'
    . 'CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (0) TO (100); CREATE TABLE events_2 PARTITION OF events DEFAULT; CREATE TABLE task (id bigint PRIMARY KEY)';
publish("$staged; INSERT INTO moves SELECT n, CASE n % 2 WHEN 0 THEN 'new' ELSE 'old' END FROM generate_series(1, 20) n; INSERT INTO task SELECT generate_series(1, 5);"
    . "INSERT INTO events SELECT n, 1 + n % 5, CASE n % 2 WHEN 0 THEN 'new' ELSE 'old' END, '2026-01-01Z'::timestamptz + n * interval '1 hour' FROM generate_series(1, 20) n; CREATE PUBLICATION staged FOR TABLE moves, events, task");
$team->run(<<"SQL");
$staged;
SELECT crm.create_funnel('g', 'opportunity', '[{"key": "new", "position": 100}, {"key": "old", "position": 200}, {"key": "gone", "position": 300}]');
SELECT crm.create_funnel('t', 'ticket', '[{"key": "new", "position": 100}, {"key": "old", "position": 200}]');
SELECT * FROM crm.adopt('moves', 'opportunity', row_triggers => true, funnel => 'g', columns => '{"stage": "status"}');
SELECT * FROM crm.adopt('task', 'ticket', row_triggers => true);
SELECT * FROM crm.adopt('events', 'stage_change', row_triggers => true, funnel => 't', columns => '{"record": {"column": "move", "of": "public.task"}, "stage": "stage", "at": "at"}');
CALL crm.backfill('moves');
CALL crm.backfill('events');
SELECT crm.allow_transition('g', NULL, 'gone');
CREATE VIEW told_otherwise AS
    (SELECT 'moves' AS source, id::text AS record, status, NULL::timestamptz AS at FROM moves
     EXCEPT SELECT 'moves', record_key, last_value(to_stage) OVER (PARTITION BY record_key ORDER BY sequence ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING), NULL
            FROM crm.transition_log WHERE source = 'moves'::regclass)
    UNION ALL (SELECT 'gone', record_key, NULL, NULL::timestamptz FROM crm.transition_log WHERE source = 'moves'::regclass EXCEPT SELECT 'gone', id::text, NULL, NULL::timestamptz FROM moves)
    UNION ALL (SELECT 'events', move::text, stage, at FROM events EXCEPT ALL SELECT 'events', record_key, to_stage, at FROM crm.transition_log WHERE source = 'events'::regclass)
    UNION ALL (SELECT 'no event', record_key, to_stage, at FROM crm.transition_log WHERE source = 'events'::regclass EXCEPT ALL SELECT 'no event', move::text, stage, at FROM events);
SQL
$team->run("CREATE SUBSCRIPTION staged CONNECTION '$connection' PUBLICATION staged");
$node->wait_for_subscription_sync($publisher, 'staged', 'team');
my $transitions = q{SELECT source, count(*) FROM crm.transition_log WHERE source IN ('moves'::regclass, 'events'::regclass) GROUP BY 1 ORDER BY 1};
sub told {
    my ($what, $count) = @_;
    $publisher->wait_for_catchup('staged');
    $team->prints('SELECT * FROM told_otherwise LIMIT 5', '', "$what is told by the history");
    $team->prints($transitions, $count, "$what: as many transitions as there were");
    return;
}
told('the copy of stages', "moves|30\nevents|20");
publish("UPDATE moves SET status = 'gone' WHERE id <= 4; UPDATE events SET at = at + interval '1 minute', stage = 'old' WHERE id % 5 = 0");
told('UPDATE', "moves|34\nevents|20");
publish("UPDATE moves SET id = id + 100 WHERE id = 20; UPDATE events SET id = id + 100 WHERE id IN (3, 4)");
told('UPDATE of the key', "moves|34\nevents|20");
publish("DELETE FROM moves WHERE id = 1; DELETE FROM events WHERE id IN (103, 5); INSERT INTO moves VALUES (30, 'old')");
told('DELETE', "moves|33\nevents|18");
publish('TRUNCATE events_2; TRUNCATE moves');
told('TRUNCATE', 'events|17');
$team->prints("SELECT count(*) FROM crm.filling WHERE state <> 'ready' AND relation IN ('moves'::regclass, 'events'::regclass)", 0, 'and nothing failed');
$team->run('DROP SUBSCRIPTION staged');
$team->run('SELECT crm.disown_all()');
$team->prints("SELECT count(*) FROM pg_trigger WHERE tgname ~ '^crm_(kpi|customer|funnel)'", 0, 'disowned, no trigger is left');
# a table that was adopted before it became a subscription's
$team->run("SELECT * FROM crm.adopt('deals', 'opportunity', row_triggers => true, $columns)");
$team->run("UPDATE crm.adoption SET row_triggers = false");
$team->prints("SELECT item, state FROM crm.doctor() WHERE item LIKE 'changes of %'", 'changes of public.deals|warning', 'doctor names it');
$team->run('DROP SUBSCRIPTION deals');
$node->stop;
$publisher->stop;
done_testing();
