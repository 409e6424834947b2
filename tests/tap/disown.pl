# crm goes away: after disown_all, and after uninstall.sql, a dump of the team's schemas is what it was before, byte for
# byte, definitions and rows, with everything in use in between.
use strict;
use warnings;
use lib '.';
use File::Basename;
use PostgreSQL::Test::Utils;
use TeamDatabase;
use Test::More;

my $team = TeamDatabase->new('disown');
my $node = $team->node;

# Tables of all shapes, with triggers, policies and row security of the team's own.
$team->run(<<'SQL');
CREATE SCHEMA shop;
CREATE SCHEMA "Help Desk";
CREATE TYPE shop.status AS ENUM ('new', 'offer', 'won', 'lost');
CREATE TABLE shop.customers (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text, mail text UNIQUE, phone text, region text);
CREATE TABLE shop.deals (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer uuid REFERENCES shop.customers ON DELETE CASCADE,
    value numeric(12,2) CHECK (value >= 0), status shop.status NOT NULL DEFAULT 'new', opened date NOT NULL, closed date,
    region text, doubled numeric GENERATED ALWAYS AS (value * 2) STORED) WITH (fillfactor = 70);
CREATE INDEX deals_open ON shop.deals (region) WHERE status IN ('new', 'offer');
CREATE TABLE shop.touches (at timestamptz, id int, channel text, region text, PRIMARY KEY (at, id)) PARTITION BY RANGE (at);
CREATE TABLE shop.touches_2025 PARTITION OF shop.touches FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE shop.touches_rest PARTITION OF shop.touches DEFAULT;
CREATE TABLE "Help Desk"."Tickets" ("Key" text PRIMARY KEY, "Mail" text, "Opened" timestamp, "Group" int, region int);
ALTER TABLE "Help Desk"."Tickets" ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
COMMENT ON COLUMN "Help Desk"."Tickets"."Group" IS 'who works on it';
CREATE TABLE "Help Desk".notes (id int PRIMARY KEY, note text);
CREATE FUNCTION shop.stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER stamp BEFORE UPDATE ON shop.deals FOR EACH ROW EXECUTE FUNCTION shop.stamp();
CREATE TRIGGER crm_of_our_own AFTER INSERT ON shop.deals FOR EACH STATEMENT EXECUTE FUNCTION shop.stamp();
CREATE POLICY ours ON shop.customers AS RESTRICTIVE USING (name IS NOT NULL);
ALTER TABLE shop.customers ENABLE ROW LEVEL SECURITY;
ALTER TABLE "Help Desk".notes ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
GRANT SELECT ON shop.deals TO PUBLIC;
GRANT SELECT ("Key", "Mail") ON "Help Desk"."Tickets" TO PUBLIC;

INSERT INTO shop.customers (id, name, mail, region) SELECT md5(n::text)::uuid, 'Customer ' || n, n || '@example.com',
    (ARRAY['north', 'south'])[1 + n % 2] FROM generate_series(1, 200) n;
INSERT INTO shop.deals (customer, value, status, opened, region) SELECT md5((1 + n % 200)::text)::uuid, n,
    (ARRAY['new', 'offer', 'won', 'lost'])[1 + n % 4]::shop.status, date '2025-01-01' + n, 'north' FROM generate_series(1, 300) n;
INSERT INTO shop.touches SELECT timestamptz '2025-06-01 12:00Z' + n * interval '1 day', n, 'web', 'south' FROM generate_series(1, 400) n;
INSERT INTO "Help Desk"."Tickets" SELECT 'T-' || n, n || '@example.com', '2025-02-01', n % 3, 7 FROM generate_series(1, 100) n;
SQL

sub dump_of {
    my ($kind) = @_;
    my ($out, $err) = run_command([ 'pg_dump', '-h', $node->host, '-p', $node->port, '-d', 'team', $kind,
        '-n', 'shop', '-n', '"Help Desk"' ]);
    BAIL_OUT("pg_dump: $err") if $err ne '';
    $out =~ s/^\\(un)?restrict .*\n//mg;    # a random word in each dump
    return $out;
}
my %before = map { $_ => dump_of($_) } '--schema-only', '--data-only';
cmp_ok(length $before{'--data-only'}, '>', 10_000, 'the dump has something to compare');

sub adopt_everything {
    $team->run(<<'SQL');
SELECT crm.create_funnel('sales', 'opportunity', '[{"key": "new", "position": 100, "kind": "entry"},
    {"key": "offer", "position": 200}, {"key": "won", "position": 300, "kind": "won", "milestone": "won"},
    {"key": "lost", "position": 400, "kind": "lost", "milestone": "lost"}]') WHERE NOT EXISTS (SELECT FROM crm.funnel);
SQL
    $team->adopt_and_fill('shop.customers', q('customer', columns => '{"full_name": "name", "email": "mail", "unit": "region"}'));
    $team->adopt_and_fill('shop.deals', q('opportunity', funnel => 'sales', columns => '{"customer": "customer",
        "amount": "value", "stage": "status", "created_at": "opened", "closed_at": "closed", "unit": "region"}'));
    $team->adopt_and_fill('shop.touches', q('touch', columns => '{"id": "id", "at": "at", "channel": "channel"}'));
    $team->adopt_and_fill('"Help Desk"."Tickets"', q('customer', zone => 'Europe/Madrid', columns => '{"email": "Mail", "created_at": "Opened"}'));
    $team->run(<<'SQL');
SELECT crm.create_unit('company', kind => 'business') WHERE NOT EXISTS (SELECT FROM crm.unit);
SELECT crm.create_unit('north', parent => 'company') WHERE NOT EXISTS (SELECT FROM crm.unit WHERE unit = 'north');
SELECT crm.protect(t, '{"organisation": "region"}')
FROM unnest('{shop.customers,shop.deals,shop.touches,"\"Help Desk\".\"Tickets\""}'::regclass[]) t;
SELECT crm.mask('shop.deals', '{"value": "round(value, -2)", "doubled": null}', view_name => 'shop.deals_shown');
SELECT crm.mask('"Help Desk"."Tickets"', '{"Mail": "''...'' || right(\"Mail\", 12)"}');
SQL
    return;
}

sub as_before {
    my ($how) = @_;
    for my $kind (sort keys %before) {
        my $after = dump_of($kind);
        ok($after eq $before{$kind}, "$how: $kind as before") or diag(difference($before{$kind}, $after));
    }
    return;
}

sub difference {
    my ($before, $after) = @_;
    my $folder = PostgreSQL::Test::Utils::tempdir();
    PostgreSQL::Test::Utils::append_to_file("$folder/before", $before);
    PostgreSQL::Test::Utils::append_to_file("$folder/after", $after);
    my ($out) = run_command([ 'diff', "$folder/before", "$folder/after" ]);
    return substr($out, 0, 4000);
}

adopt_everything();
$team->prints(q(SELECT count(*) FROM pg_policy WHERE polname LIKE 'crm\_%'), '24', 'four policies on each of six tables');
isnt(dump_of('--schema-only'), $before{'--schema-only'}, 'adoption shows in a dump');

# Writes of the team go on, and are undone by the team, so that rows compare.
$team->run(<<'SQL');
BEGIN;
UPDATE shop.deals SET status = 'won', closed = '2025-12-01' WHERE id <= 50;
DELETE FROM "Help Desk"."Tickets" WHERE "Group" = 1;
ROLLBACK;
-- CALL crm.resolve();
SQL
$team->prints('SELECT crm.disown_all()', '4', 'disown_all says how many tables there were');
as_before('disown_all');
$team->prints(q(SELECT count(*) FROM pg_proc WHERE proname LIKE 'map\_%'), '0', 'no mapping is left');
$team->prints('SELECT count(*) FROM crm.customer_record', '0', 'nothing derived from the tables is left');

# The same once more, taken away by plain SQL, with the library gone.
adopt_everything();
my $library = (run_command([ $ENV{PG_CONFIG}, '--pkglibdir' ]))[0] . '/crm.so';
rename $library, "$library.away" or die "cannot rename $library: $!";
$node->restart;
isnt(($node->psql('team', 'INSERT INTO shop.deals SELECT * FROM shop.deals WHERE false'))[0], 0,
    'without the library a captured table takes no writes');
my $sharedir = (run_command([ $ENV{PG_CONFIG}, '--sharedir' ]))[0];
my ($status) = $node->psql('team', undef, on_error_stop => 1,
    extra_params => [ '-v', 'ON_ERROR_STOP=1', '-f', "$sharedir/extension/uninstall_crm.sql" ]);
rename "$library.away", $library or die "cannot rename $library: $!";
is($status, 0, 'uninstall_crm.sql runs without the library');
$team->prints(q(SELECT count(*) FROM pg_extension WHERE extname = 'crm'), '0', 'the extension is gone');
as_before('uninstall_crm.sql');

done_testing();
