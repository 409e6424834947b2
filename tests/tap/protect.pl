# Protection and the commands around it: every statement that docs/security.md gives for loading, foreign keys and replication
# is run as it stands there; a table is dumped, restored and left as it was.
use strict;
use warnings;
use lib '.';
use PostgreSQL::Test::Utils;
use TeamDatabase;
use Test::More;

my $team = TeamDatabase->new('protect');
my $node = $team->node;
$node->append_conf('postgresql.conf', "wal_level = logical\nmax_wal_senders = 4\nmax_replication_slots = 4\n");
$node->restart;

sub as_role { # the same for a role: status, output, errors
    my ($role, $sql, $database) = @_;
    return $node->psql($database // 'team', $sql, extra_params => ['-U', $role]);
}

sub dump_of { # what pg_dump says, in an order of its own
    my (@options) = @_;
    my ($out, $err) = run_command([ 'pg_dump', '-h', $node->host, '-p', $node->port, '-d', 'team', @options ]);
    # 15.14 and later guard a dump with a random word
    return join("\n", sort grep { !/^\\(un)?restrict / } split /\n/, $out), $err;
}

$team->run(<<'SQL');
CREATE ROLE team LOGIN;
CREATE ROLE ann LOGIN;
CREATE ROLE bob LOGIN;
GRANT CREATE, TEMPORARY ON DATABASE team TO team;
GRANT CREATE ON SCHEMA public TO team;
SELECT crm.create_unit('acme', kind => 'business');
SELECT crm.create_unit(u, parent => 'acme') FROM unnest('{north,south}'::text[]) u;
SELECT crm.create_principal(p, role_name => p::name) FROM unnest('{team,ann,bob}'::text[]) p;
SELECT crm.create_role('reader');
SELECT crm.grant_privilege('reader', '*', p, 'below') FROM unnest('{create,update,delete}'::text[]) p;
SELECT crm.add_member(p, u, 'reader') FROM (VALUES ('team', 'north'), ('ann', 'north'), ('bob', 'acme')) v (p, u);
SET ROLE team;
CREATE TABLE deals (id integer PRIMARY KEY, unit text, owner text, value integer);
INSERT INTO deals VALUES (1, 'north', 'ann', 10), (2, 'south', 'bob', 20), (3, 'south', NULL, 30);
CREATE TABLE notes (id integer PRIMARY KEY, deal integer);
INSERT INTO notes VALUES (1, 1), (2, 2);
GRANT SELECT, UPDATE ON deals TO ann WITH GRANT OPTION;
GRANT SELECT ON deals TO bob;
GRANT SELECT (id, deal) ON notes TO PUBLIC;
SQL

# --- a table is left as it was
my ($before) = dump_of('-n', 'public');
$team->run("SET ROLE team; SELECT crm.protect('deals', '{\"organisation\": \"unit\"}', owner_column => 'owner'); SELECT crm.mask('deals', '{\"value\": \"round(value, -2)\"}');");
$team->run("SELECT crm.grant_privilege('reader', 'public.deals', 'read', 'below'), crm.grant_privilege('reader', 'public.deals.value', 'read', 'own')");
my ($protected) = dump_of('-n', 'public');
isnt($protected, $before, 'a dump shows protection');
like($protected, qr/CREATE POLICY crm_select/, 'and its policies');
like($protected, qr/CREATE TRIGGER crm_assign/, 'and its trigger');
like($protected, qr/CREATE VIEW public\.deals_masked WITH \(security_barrier='true'\)/, 'and the view of masked columns');

# --- dump and restore of what is protected and masked
$node->safe_psql('postgres', 'CREATE DATABASE copy');
$node->run_log([ 'bash', '-c', sprintf('pg_dump -h %s -p %s -d team | psql -X -v ON_ERROR_STOP=1 -q -h %1$s -p %2$s -d copy', $node->host, $node->port) ]);
my $seen = 'SELECT * FROM deals_masked ORDER BY id';
for my $role (qw(team ann bob)) {
    my @here = as_role($role, $seen);
    my @there = as_role($role, $seen, 'copy');
    isnt($here[1], '', "$role sees something");
    is($there[1], $here[1], "$role sees the same in a restored database");
}
is((as_role('ann', $seen))[1], '1|north|ann|10', 'her own row unmasked, the hidden ones not at all');
is((as_role('bob', $seen))[1], "1|north|ann|0\n2|south|bob|20\n3|south||0", 'the own value as it is, others masked');
is($node->safe_psql('copy', "SELECT count(*) FROM crm.org_doctor() WHERE state = 'failed'"), '0', 'nothing failed in the restored database');
$node->safe_psql('copy', "SELECT crm.unprotect('deals')");
my ($there) = run_command([ 'pg_dump', '-h', $node->host, '-p', $node->port, '-d', 'copy', '-n', 'public' ]);
is(join("\n", sort grep { !/^\\(un)?restrict / } split /\n/, $there), $before, 'unprotected in the copy, its tables are what they were');

# --- who may dump
my ($out, $err) = run_command([ 'pg_dump', '-h', $node->host, '-p', $node->port, '-d', 'team', '-U', 'team', '-t', 'deals' ]);
like($err, qr/query would be affected by row-level security policy for table "deals"/, 'the owner cannot dump a part unawares');
($out, $err) = run_command([ 'pg_dump', '-h', $node->host, '-p', $node->port, '-d', 'team', '-U', 'team', '-t', 'deals', '-a', '--enable-row-security', '--inserts' ]);
is(() = $out =~ /^INSERT INTO/mg, 1, 'and gets what he sees where he asks for it');
$team->run('CREATE ROLE keeper LOGIN BYPASSRLS; GRANT pg_read_all_data TO keeper');
($out, $err) = run_command([ 'pg_dump', '-h', $node->host, '-p', $node->port, '-d', 'team', '-U', 'keeper', '-t', 'deals', '-a', '--inserts' ]);
is(() = $out =~ /^INSERT INTO/mg, 3, 'a BYPASSRLS role dumps all rows');

# --- the statements of the docs, each as its role, refused where they say so
$node->safe_psql('postgres', 'CREATE DATABASE source');
$node->safe_psql('source', "CREATE TABLE deals (id integer PRIMARY KEY, unit text, owner text, value integer); CREATE PUBLICATION deals FOR TABLE deals;
    INSERT INTO deals VALUES (100, 'south', 'ann', 1), (101, 'north', NULL, 2);");
$node->safe_psql('source', "SELECT pg_create_logical_replication_slot('deals', 'pgoutput')");
my $folder = PostgreSQL::Test::Utils::tempdir_short(); # an absolute path
append_to_file("$folder/deals.csv", "10,north,,1\n11,south,,2\n");
my ($section) = slurp_file("$ENV{CRM_STAGE}/docs/security.md") =~ /^## Loading, dumping.*?\n(.*?)(?:^#|\z)/ms;
my @blocks = $section =~ /^    -- (\w+): ([^\n]*)\n((?:    (?!-- )[^\n]*\n)+)/mg;
cmp_ok(scalar @blocks, '>=', 21, 'docs/security.md gives statements');
my $as_owner = $team->run("SELECT current_setting('server_version_num')::integer >= 160000") eq 't' ? ', run_as_owner = true' : '';
while (my ($role, $says, $sql) = splice @blocks, 0, 3) {
    my ($refusal) = $says =~ /refused[^"]*"(.*)"$/;
    $sql =~ s{/tmp/deals\.csv}{$folder/deals.csv}g;
    $sql =~ s{(FROM STDIN[^\n]*\n)}{${1}20,north,,1\n21,north,ann,2\n\\.\n};
    # a server that subscribes to itself needs its slot before
    my ($host, $port) = ($node->host, $node->port);
    $sql =~ s{CONNECTION 'dbname=source' PUBLICATION deals}{CONNECTION 'host=$host port=$port dbname=source' PUBLICATION deals WITH (create_slot = false, slot_name = 'deals'$as_owner)};
    my ($status, undef, $error) = as_role($role, $sql);
    if (defined $refusal) {
        isnt($status, 0, "$role: $says");
        like($error, qr/\Q$refusal\E/, 'with that message');
    } else {
        is($status, 0, "$role: $says") or diag($error);
    }
}
is($team->run('SELECT string_agg(id::text, \' \' ORDER BY id) FROM deals WHERE id < 100'), '1 2 3 10 11 20 21', 'what was loaded is there');
is($team->run("SELECT convalidated FROM pg_constraint WHERE conname = 'notes_deal'"), 't', 'the foreign key is valid');
$node->poll_query_until('team', 'SELECT count(*) = 2 FROM deals WHERE id >= 100') or BAIL_OUT('replication does not arrive');
is((as_role('ann', 'SELECT id FROM deals WHERE id >= 100 ORDER BY id'))[1], "100\n101", 'replicated rows are seen by the same policies');
is((as_role('team', 'SELECT id FROM deals WHERE id >= 100 ORDER BY id'))[1], '101', 'and hidden by them');
$node->safe_psql('source', "UPDATE deals SET unit = 'south' WHERE id = 101");
$node->poll_query_until('team', "SELECT count(*) = 1 FROM deals WHERE id = 101 AND unit = 'south'") or BAIL_OUT('replication does not arrive');
pass('the publisher hands rows to other units: no trigger asks');
$team->run('ALTER SUBSCRIPTION deals DISABLE; ALTER SUBSCRIPTION deals SET (slot_name = NONE); DROP SUBSCRIPTION deals');
$node->poll_query_until('postgres', "SELECT NOT active FROM pg_replication_slots WHERE slot_name = 'deals'");
$node->safe_psql('source', "SELECT pg_drop_replication_slot('deals')");

# --- gone again
$team->run("ALTER TABLE notes DROP CONSTRAINT notes_deal; DELETE FROM deals WHERE id > 3; SELECT crm.unprotect('deals')");
is((dump_of('-n', 'public'))[0], $before, 'unprotected, a dump is what it was');

$node->stop;
done_testing();
