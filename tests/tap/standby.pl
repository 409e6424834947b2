# A standby and a subscriber decide as the primary does: what changes there is followed by open transactions here, with the messages
# that come through WAL, or with the rows that logical replication applies.
use strict;
use warnings;
use lib '.';
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Support qw(enough_locks);
use Test::More;

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 'logical');
$primary->append_conf('postgresql.conf', "fsync = off\ntimezone = 'UTC'\n" . enough_locks());
$primary->start;
$primary->safe_psql('postgres', <<'SQL');
CREATE SCHEMA crm;
CREATE EXTENSION crm SCHEMA crm;
CREATE ROLE boss;
CREATE ROLE anna;
SELECT crm.create_unit('acme', 'Acme', 'business');
SELECT crm.create_unit('north'), crm.create_unit('south');
SELECT crm.create_principal('boss', role_name => 'boss'), crm.create_principal('anna', role_name => 'anna');
SELECT crm.create_role('reader');
SELECT crm.grant_privilege('reader', '*', 'read', 'unit');
SELECT crm.add_member('anna', u, 'reader') FROM unnest('{north,south}'::text[]) u;
CREATE TABLE deals (id integer PRIMARY KEY, region text);
INSERT INTO deals SELECT i, CASE i % 3 WHEN 0 THEN 'north' WHEN 1 THEN 'south' END FROM generate_series(1, 300) i;
ALTER TABLE deals OWNER TO boss;
GRANT SELECT ON deals TO anna;
SELECT crm.protect('deals', '{"organisation": "region"}');
SQL

# A psql that stays open: ask(sql) returns what it prints.
my @sessions;

sub session {
    my ($node, @first) = @_;
    my %self = (in => '', out => '', number => 0);
    $self{harness} = IPC::Run::start([ 'psql', '-XAtq', '-F', ' ', '-d', $node->connstr('postgres') ],
        '<', \$self{in}, '>', \$self{out}, '2>&1', IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
    push @sessions, \%self;
    ask(\%self, $_) for @first;
    return \%self;
}

sub ask {
    my ($self, $sql) = @_;
    my $mark = 'end of answer ' . ++$self->{number};
    $self->{out} = '';
    $self->{in} .= "$sql\n\\echo $mark\n";
    IPC::Run::pump($self->{harness}) until $self->{out} =~ /\Q$mark\E\n/;
    (my $answer = $self->{out}) =~ s/\n?\Q$mark\E\n.*//s;
    return $answer;
}

my @as_anna = ('SET ROLE anna;', 'SET plan_cache_mode = force_generic_plan;',
    'PREPARE seen AS SELECT count(*) FILTER (WHERE region = \'north\'), count(*) FILTER (WHERE region = \'south\'), count(*) FILTER (WHERE region IS NULL) FROM deals;');

# A standby

$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

sub change {
    my ($sql) = @_;
    $primary->safe_psql('postgres', $sql);
    $primary->wait_for_catchup($standby, 'replay', $primary->lsn('write'));
    return;
}

my $open = session($standby, @as_anna);
my $parallel = session($standby, @as_anna, 'SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;',
    q(SELECT count(set_config(name, 'on', false)) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');));
my $stranger = session($standby, 'SET ROLE boss;');

is(ask($open, 'SHOW transaction_read_only;'), 'on', 'this is a standby');
is(ask($open, 'EXECUTE seen;'), '100 100 0', 'a standby shows what the primary would');
is(ask($open, 'SELECT w.principal, w.units FROM crm.whoami() w;'), 'anna {north,south}', 'and knows who asks');
like(ask($parallel, 'EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) EXECUTE seen;'), qr/Workers Launched: [1-9]/, 'there are parallel workers');
is(ask($parallel, 'EXECUTE seen;'), '100 100 0', 'who decide alike');
is(ask($stranger, 'SELECT count(*) FROM deals;'), '0', 'the owner is bound too');

ask($open, 'BEGIN ISOLATION LEVEL REPEATABLE READ;');
is(ask($open, 'EXECUTE seen;'), '100 100 0', 'a transaction with a snapshot of its own');
ask($open, 'DECLARE c CURSOR FOR SELECT id, region FROM deals WHERE region IS NOT NULL;');
is(ask($open, 'FETCH 2 FROM c;'), "1 south\n3 north", 'and an open cursor');
change(q(SELECT crm.remove_member('anna', 'south'); INSERT INTO deals VALUES (1000, 'north')));
is(ask($open, 'FETCH 2 FROM c;'), "6 north\n9 north", 'a revocation on the primary is obeyed by the next FETCH');
is(ask($open, 'EXECUTE seen;'), '100 0 0', 'and by the next execution of a generic plan, over the same snapshot of rows');
is(ask($parallel, 'EXECUTE seen;'), '101 0 0', 'and by parallel workers');

change(q(SELECT crm.deny('anna', '*', 'read', 'north')));
is(ask($open, 'EXECUTE seen;'), '0 0 0', 'a denial');
change(q(SELECT crm.undeny('anna', '*', 'read', 'north');
    INSERT INTO crm.shared_record (relation, record_key, principal, privileges, during, shared_by)
    VALUES ('deals', '2', 'anna', '{read}', tstzrange(NULL, clock_timestamp() + interval '5 s'), 'boss')));
is(ask($open, 'EXECUTE seen;'), '100 0 1', 'a share');
is(ask($parallel, 'EXECUTE seen;'), '101 0 1', 'for parallel workers too');
ask($open, 'SELECT pg_sleep(5.2);');
is(ask($open, 'EXECUTE seen;'), '100 0 0', 'which ends by the clock of the standby');
change(q(BEGIN; SELECT crm.add_member('anna', 'south', 'reader'); ROLLBACK));
is(ask($open, 'EXECUTE seen;'), '100 0 0', 'what was rolled back never counted');
ask($open, 'COMMIT;');
is(ask($open, 'EXECUTE seen;'), '101 0 0', 'the next transaction');
change(q(SELECT crm.bind_principal('anna', NULL)));
like(ask($open, 'EXECUTE seen;'), qr/^ERROR:  database role "anna" is no principal/, 'who is no principal any more gets an error, and never rows');
change(q(SELECT crm.bind_principal('anna', 'anna')));
is(ask($open, 'EXECUTE seen;'), '101 0 0', 'and is one again');

$standby->promote;
is(ask($open, 'EXECUTE seen;'), '101 0 0', 'the same session after the standby was promoted');
$standby->safe_psql('postgres', q(SELECT crm.add_member('anna', 'south', 'reader')));
is(ask($open, 'EXECUTE seen;'), '101 100 0', 'follows what changes there now');
$standby->stop('immediate');

# A subscriber of the organisation

my @tables = qw(hierarchy unit unit_alias unit_past principal principal_alias role role_privilege unit_role membership team_member denial);
my $subscriber = PostgreSQL::Test::Cluster->new('subscriber');
$subscriber->init;
$subscriber->append_conf('postgresql.conf', "fsync = off\ntimezone = 'UTC'\n");
$subscriber->start;
$primary->safe_psql('postgres', 'CREATE PUBLICATION organisation FOR TABLE ' . join(', ', map { "crm.$_" } @tables));
my $connection = $primary->connstr . ' dbname=postgres';
$subscriber->safe_psql('postgres', <<"SQL");
CREATE SCHEMA crm;
CREATE EXTENSION crm SCHEMA crm;
CREATE ROLE boss;
CREATE ROLE anna;
CREATE SUBSCRIPTION organisation CONNECTION '$connection' PUBLICATION organisation;
SQL
$subscriber->wait_for_subscription_sync($primary, 'organisation');
$subscriber->safe_psql('postgres', <<'SQL');
CREATE TABLE deals (id integer PRIMARY KEY, region text);
INSERT INTO deals SELECT i, CASE i % 3 WHEN 0 THEN 'north' WHEN 1 THEN 'south' END FROM generate_series(1, 300) i;
ALTER TABLE deals OWNER TO boss;
GRANT SELECT ON deals TO anna;
SELECT crm.protect('deals', '{"organisation": "region"}');
SQL
my $reader = session($subscriber, @as_anna);

sub replicate {
    my ($sql) = @_;
    $primary->safe_psql('postgres', $sql);
    $primary->wait_for_catchup('organisation');
    return;
}
is(ask($reader, 'EXECUTE seen;'), '100 0 0', 'a subscriber with tables of its own decides by the organisation that it copied');
ask($reader, 'BEGIN ISOLATION LEVEL REPEATABLE READ;');
is(ask($reader, 'EXECUTE seen;'), '100 0 0', 'in a transaction');
replicate(q(SELECT crm.add_member('anna', 'south', 'reader')));
is(ask($reader, 'EXECUTE seen;'), '100 100 0', 'a membership that is applied counts at the next statement');
replicate(q(UPDATE crm.role_privilege SET depth = 'own'));
is(ask($reader, 'EXECUTE seen;'), '0 0 0', 'an update');
replicate(q(UPDATE crm.role_privilege SET depth = 'unit'; DELETE FROM crm.membership WHERE unit = 'north'));
is(ask($reader, 'EXECUTE seen;'), '0 100 0', 'a delete');
replicate(q(TRUNCATE crm.membership));
is(ask($reader, 'EXECUTE seen;'), '0 0 0', 'a TRUNCATE');
ask($reader, 'COMMIT;');

for my $session (@sessions) {
    $session->{in} .= "\\q\n";
    IPC::Run::finish($session->{harness});
}
done_testing();
