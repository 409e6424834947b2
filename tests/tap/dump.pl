# Dump and restore: a database with everything in use, dumped and restored by pg_dump and psql alone, gives the same
# units, customers, history and numbers; the numbers go on being right; a second dump is the first one.
use strict;
use warnings;
use lib '.';
use PostgreSQL::Test::Utils;
use TeamDatabase;
use Test::More;

my $team = TeamDatabase->new('dump');
my $node = $team->node;

$team->run(<<'SQL');
CREATE SCHEMA shop;
CREATE TABLE shop.customers (id uuid PRIMARY KEY, name text, mail text, phone text, region text);
CREATE TABLE shop.leads (lead_no serial PRIMARY KEY, mail text, source text, state text, region text, came timestamptz);
CREATE TABLE shop.deals (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer uuid REFERENCES shop.customers, value numeric(12,2),
    status text NOT NULL, opened date, closed date, region text, mail crm.email, entered crm.stage) PARTITION BY RANGE (id);
CREATE TABLE shop.deals_1 PARTITION OF shop.deals FOR VALUES FROM (1) TO (200);
CREATE TABLE shop.deals_2 PARTITION OF shop.deals DEFAULT;
CREATE INDEX ON shop.deals (entered);

SELECT crm.create_unit('company', kind => 'business');
SELECT crm.create_unit('sales', kind => 'functional', parent => 'company');
SELECT crm.create_unit('north', parent => 'sales');
SELECT crm.create_unit('south', parent => 'sales');
SELECT crm.add_unit_alias('south', 'the south');
SELECT crm.date_unit(u, '2020-01-01') FROM unnest(ARRAY['company', 'sales', 'north', 'south']) u;
SELECT crm.create_unit('east', parent => 'company', since => '2021-01-01');
SELECT crm.move_unit('south', 'east', since => '2024-03-01');
SELECT crm.move_unit('south', 'sales', since => '2025-01-01');
SELECT crm.retire_unit('east');
SELECT crm.create_role('seller');
SELECT crm.grant_privilege('seller', 'opportunity', 'read', 'unit');
SELECT crm.create_principal('ann');
SELECT crm.add_member('ann', 'north', 'seller');
SELECT crm.create_funnel('sales', 'opportunity', '[
    {"key": "new", "position": 100, "kind": "entry", "department": "sales"},
    {"key": "offer", "position": 200, "milestone": "opportunity"},
    {"key": "won", "position": 300, "kind": "won", "milestone": "won"},
    {"key": "lost", "position": 400, "kind": "lost", "milestone": "lost"}]');

INSERT INTO shop.customers SELECT md5(n::text)::uuid, 'Customer ' || n, n || '@example.com', '+3120123' || 1000 + n,
    (ARRAY['north', 'the south'])[1 + n % 2] FROM generate_series(1, 200) n;
INSERT INTO shop.leads (mail, source, state, region, came) SELECT n || '@example.com', 'web', 'new', 'north',
    timestamptz '2025-03-01' + n * interval '1 hour' FROM generate_series(1, 150) n;
INSERT INTO shop.deals (customer, value, status, opened, closed, region, mail, entered)
SELECT md5((1 + n % 200)::text)::uuid, n, (ARRAY['new', 'offer', 'won', 'lost'])[1 + n % 4], date '2025-01-01' + n,
    CASE WHEN n % 4 >= 2 THEN date '2025-02-01' + n END, (ARRAY['north', 'the south', NULL])[1 + n % 3], n || '@example.com',
    'sales:won' FROM generate_series(1, 400) n;
SQL
$team->adopt_and_fill('shop.customers', q('customer', columns => '{"full_name": "name", "email": "mail", "phone": "phone",
    "unit": "region"}'));
$team->adopt_and_fill('shop.leads', q('lead', columns => '{"email": "mail", "channel": "source", "created_at": "came",
    "unit": "region"}'));
$team->adopt_and_fill('shop.deals', q('opportunity', funnel => 'sales', columns => '{"customer": "customer",
    "amount": "value", "stage": "status", "created_at": "opened", "closed_at": "closed", "unit": "region"}'));
$team->run(<<'SQL');
SELECT crm.protect('shop.deals', '{"organisation": "region"}');
CREATE ROLE helper;
GRANT USAGE ON SCHEMA shop TO helper;
GRANT SELECT ON shop.deals TO helper;
SELECT crm.create_principal('crew', kind => 'team'), crm.create_principal('deputy'), crm.create_principal('helper', role_name => 'helper');
SELECT crm.add_team_member('crew', 'helper'), crm.add_team_member('crew', 'deputy', tstzrange('2020-01-01', '2021-01-01'));
SELECT crm.deny('deputy', 'opportunity', 'export', reason => 'notice given');
SELECT crm.share('shop.deals', '41', 'helper', '{share}', until => '2099-01-01', reason => 'holiday');
SET ROLE helper;
SELECT crm.share('shop.deals', '41', 'deputy');
RESET ROLE;
SELECT crm.start_access_review('company');
SELECT crm.decide_access_review(min(entry), 'confirm', 'as agreed') FROM crm.access_review;
CALL crm.resolve();
SELECT crm.fold();
SELECT crm.set_credit('north', '{"south": 0.25, "north": 0.75}', since => '2025-02-10');
SELECT crm.close_period('2025-03-31', 'won_value', note => 'first quarter'), crm.close_period('2025-03-31', 'open_pipeline'), crm.close_period('2025-03-31', 'win_rate', 'restate'),
       crm.close_period('2025-03-31', 'won_count');
SELECT crm.reopen_period('2025-03-01', 'won_count');
UPDATE shop.deals SET value = value + 5 WHERE id = 42; -- won in March, which is frozen
UPDATE shop.deals SET status = 'won', closed = '2025-12-01' WHERE id = 41; -- pending, not folded

-- restored before the schema crm: stages in a column, its default, a check, an index and the bounds of partitions
CREATE SCHEMA app;
SELECT crm.create_funnel('desk', 'ticket', '["new", "taken", "closed"]');
CREATE TABLE app.tickets (id integer, stage crm.stage NOT NULL DEFAULT 'desk:100:new' CHECK (stage OPERATOR(crm.>=) 'desk:100:new'),
    team text, opened timestamptz, PRIMARY KEY (id, stage)) PARTITION BY RANGE (stage);
CREATE TABLE app.tickets_open PARTITION OF app.tickets FOR VALUES FROM ('desk:100:new') TO ('desk:300:closed');
CREATE TABLE app.tickets_closed PARTITION OF app.tickets FOR VALUES FROM ('desk:300:closed') TO (MAXVALUE);
CREATE INDEX ON app.tickets (stage);
INSERT INTO app.tickets SELECT n, ('desk:' || (ARRAY['100:new', '200:taken', '300:closed'])[1 + n % 3])::crm.stage, (ARRAY['north', 'the south'])[1 + n % 2],
    timestamptz '2025-01-01' + n * interval '1 hour' FROM generate_series(1, 60) n;
SQL
$team->adopt_and_fill('app.tickets', q('ticket', funnel => 'desk', columns => '{"id": "id", "stage": "stage", "unit": "team", "opened_at": "opened"}'));
$team->run(<<'SQL');
SELECT crm.pack_journeys();
SELECT crm.pack_journeys();
SELECT crm.pack_journeys();
UPDATE app.tickets SET stage = 'desk:300:closed' WHERE id % 7 = 1; -- noted, not packed
UPDATE shop.deals SET status = 'lost' WHERE id % 9 = 1;
SQL
$team->prints('SELECT count(*), bool_and(ready) FROM crm.journey_state', '2|t', 'journeys of both funnels are packed');
isnt($team->run('SELECT count(*) FROM crm.journey_touched'), '0', 'and some changed since');
$team->prints(q(SELECT unit_key, difference FROM crm_bi.kpi_closing WHERE kpi_key = 'won_value' AND difference <> 0), "north|5.000000\nsouth|-56.000000",
    'what came after a closing is held back: deals 10 and 46 were lost after all');

# a component that is defined anew is captured beside what is read; what is said of definitions
$team->run(q(SELECT crm.define_component('big', 'opportunity', 'closed_at', 'closed_at IS NOT NULL'); SELECT crm.define_kpi('bigs', 'Big', 'big');));
$team->run(q(SELECT crm.define_kpi('seen', 'Seen', 'opportunity_closed.customer', kind => 'distinct'), crm.define_kpi('half', 'Half', 'opportunity_closed.amount', kind => 'percentile', quantile => 0.5)));
$team->run("SELECT * FROM crm.count_values('$_')") for qw(seen half);
$team->run(q(CALL crm.backfill('shop.deals')));
$team->run("SELECT crm.fold(); UPDATE shop.deals SET status = 'lost' WHERE id % 11 = 3"); # some are folded, and some pending
$team->prints("SELECT count(*), (SELECT count(*) > 0 FROM crm.kpi_counted), (SELECT count(*) > 0 FROM crm.kpi_pending WHERE counted IS NOT NULL) FROM crm.counted_terms('seen')",
    '1|t|t', 'values are counted');
$team->run(q(SELECT crm.define_component('big', 'opportunity', 'created_at');
    SELECT crm.set_kpi('won_count', owner => 'company', certification => 'certified', valid_until => '2099-12-31', not_additive => '{channel}')));
$team->prints('SELECT DISTINCT component, version FROM crm.kpi_successor', 'big|2', 'a new version is captured beside the old one');

my $two = q(md5('7')::uuid, md5('8')::uuid);
my $apart = "SELECT c FROM shop.customers c WHERE id IN ($two) ORDER BY id; SELECT d FROM shop.deals d WHERE customer IN ($two) ORDER BY id";
my $rows_apart = $team->run($apart);
$team->run("SELECT crm.merge('shop.customers', md5('7')::uuid::text, ARRAY[md5('8')::uuid::text], 'the same'); SELECT crm.resolve_pending(); SELECT crm.fold()");
isnt($team->run($apart), $rows_apart, 'two customers are merged');

my %shown = (
    'merges' => 'SELECT * FROM crm.merge_log',
    'adoptions' => 'SELECT * FROM crm.adoption ORDER BY relation::text COLLATE "C"',
    'mappings' => 'SELECT * FROM crm.adoption_attribute ORDER BY relation::text COLLATE "C", attribute',
    'fillings' => 'SELECT relation, room, state, rows FROM crm.filling ORDER BY relation::text COLLATE "C", room',
    'units' => 'SELECT * FROM crm.unit ORDER BY unit',
    'unit paths' => 'SELECT * FROM crm.unit_path ORDER BY 1, 2',
    'units as they were' => 'SELECT * FROM crm.unit_history ORDER BY unit, during',
    'access review' => 'SELECT * FROM crm.access_review ORDER BY entry',
    'members' => 'SELECT * FROM crm.membership ORDER BY 1, 2',
    'teams' => 'SELECT * FROM crm.team_member ORDER BY id',
    'denials' => 'SELECT * FROM crm.denial ORDER BY id',
    'shares' => 'SELECT * FROM crm.shared_record ORDER BY id',
    'who may' => q(SELECT principal, kind, team, until FROM crm.who_can_access('shop.deals', '41')),
    'customers' => 'SELECT * FROM crm.customer ORDER BY customer_id',
    'records' => 'SELECT * FROM crm.customer_record ORDER BY relation::text COLLATE "C", record_key',
    'history' => 'SELECT * FROM crm.transition_log ORDER BY id',
    'successors' => 'SELECT relation::text, component, version, state, day FROM crm.kpi_successor ORDER BY 1, 2',
    'definitions' => 'SELECT * FROM crm_bi.dim_kpi ORDER BY kpi_key',
    'numbers' => 'SELECT * FROM crm_bi.kpi_value ORDER BY kpi_key, day, unit_key, stage, channel, owner',
    'counted values' => q(SELECT k, n.counted, t.value, t.state FROM unnest('{seen,half}'::text[]) k, crm.kpi_total(k) t, LATERAL (SELECT count(*) AS counted FROM crm.counted_terms(k)) n),
    'counted values, verified' => q(SELECT v.* FROM unnest('{seen,half}'::text[]) k, crm.verify_kpi(k) v WHERE v.component LIKE '%.%'),
    'closed periods' => 'SELECT * FROM crm_bi.kpi_closing ORDER BY kpi_key, until, unit_key, currency',
    'closings and openings' => 'SELECT * FROM crm.kpi_closing ORDER BY closing',
    'numbers by credits' => q(SELECT * FROM crm_bi.kpi_value_credited WHERE kpi_key = 'won_value' ORDER BY day, unit_key, source_unit_key, stage, channel, owner),
    'credits' => 'SELECT * FROM crm.unit_credit ORDER BY unit, credited',
    'protection' => 'SELECT * FROM crm.protection_member ORDER BY member::text COLLATE "C"',
    'rows' => 'SELECT * FROM shop.deals ORDER BY id',
    'stages before crm' => 'SELECT stage, count(*), min(id) FROM app.tickets GROUP BY 1 ORDER BY 1',
    'journeys' => q(SELECT f.funnel, j.journey::text FROM crm.funnel f CROSS JOIN LATERAL crm.total_journey(f.funnel) j ORDER BY 1, 2),
    'counts' => q(SELECT * FROM crm.funnel_counts('desk', ARRAY['new', 'taken', 'closed']) UNION ALL
                  SELECT * FROM crm.funnel_counts('sales', ARRAY['new', 'offer|lost', 'won'], '400 days') ORDER BY 1, 2),
    'stages' => q(SELECT count(*) FROM shop.deals WHERE entered = 'sales:won'::crm.stage),
);
my %before = map { $_ => $team->run("SET search_path = public, crm; $shown{$_}") } keys %shown;
cmp_ok(length $before{$_}, '>', 0, "$_: there is something to compare") for sort keys %shown;

sub dump_of {
    my ($database) = @_;
    my ($out, $err) = run_command([ 'pg_dump', '-h', $node->host, '-p', $node->port, '-d', $database ]);
    $err =~ s/^pg_dump: warning: there are circular.*\npg_dump: detail: (?:unit|shared_record)\n(pg_dump: hint: .*\n?)+//mg; # trees in one table
    is($err, '', "pg_dump of $database has nothing else to say");
    $out =~ s/^\\(un)?restrict .*\n//mg;    # a random word in each dump
    return $out;
}
my $dump = dump_of('team');
append_to_file("$node->{_basedir}/team.sql", $dump);
$node->safe_psql('postgres', 'CREATE DATABASE restored');
my ($status, $out, $err) = $node->psql('restored', undef,
    extra_params => [ '-q', '-v', 'ON_ERROR_STOP=1', '-f', "$node->{_basedir}/team.sql" ]);
is($err, '', 'restored without an error');

my $restored = bless { node => $node, database => 'restored' }, 'TeamDatabase';
$restored->prints("SET search_path = public, crm; $shown{$_}", $before{$_}, "$_: the same") for sort keys %shown;

$restored->prints('SELECT count(*) FROM crm.journey_kept', '0', 'packed journeys are not in a dump');
$restored->run('SELECT crm.pack_journeys()') for 1 .. 4;
$restored->prints('SELECT count(*) > 0, (SELECT bool_and(ready) FROM crm.journey_state) FROM crm.journey_kept', 't|t', 'but packed again');
$restored->prints("SET search_path = public, crm; $shown{$_}", $before{$_}, "$_: the same, packed again") for 'journeys', 'counts';

$restored->run(q(BEGIN; ALTER TABLE shop.deals ADD COLUMN colour text DEFAULT 'x'; ROLLBACK));
pass('mappings do not stand in the way of DDL after a restore');

$restored->run('SELECT crm.settle_clocks()'); # a restore notes each record for its clocks
my $again = dump_of('restored');
my %missing = map { $_ => 1 } split /\n/, $dump;
my @more = grep { !delete $missing{$_} && !/^-- Dump|^$/ } do { my %seen; grep { !$seen{$_}++ } split /\n/, $again };
is(join("\n", @more, sort keys %missing), '', 'a dump of it has the lines of the dump that it came from');

$restored->run('SELECT crm.unmerge(merge_id) FROM crm.merge_log');
$restored->prints($apart, $rows_apart, 'what was merged before the dump can be taken back after the restore');
$team->run('SELECT crm.unmerge(merge_id) FROM crm.merge_log');
$team->prints($apart, $rows_apart, 'and where it was merged');

# It lives: writes are seen, in both alike.
for my $database ($team, $restored) {
    $database->run(q(UPDATE shop.deals SET status = 'won', closed = '2025-12-24', value = 1000 WHERE id IN (1, 301);
        INSERT INTO shop.leads (mail, source, state, region, came) VALUES ('new@example.com', 'web', 'new', 'north', '2025-12-24');
        CALL crm.resolve(); SELECT crm.fold();));
}
for my $what ('numbers', 'customers') {
    $restored->prints("SET search_path = public, crm; $shown{$what}", $team->run("SET search_path = public, crm; $shown{$what}"),
        "$what: the same after more writes");
}
isnt($team->run("SET search_path = public, crm; $shown{numbers}"), $before{numbers}, 'numbers: not what they were');

done_testing();
