# A standby of a database with something in every room: every view says there to everybody what it says on the primary, what only reads works, what
# writes says that it cannot (25006); crmd waits for a primary. Promoted, it goes on: changes are captured, crmd folds them, and numbers are those of the tables.
use strict;
use warnings;
use lib '.';
use EveryRoom;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Support qw(private_file enough_locks);
use TeamDatabase;
use Test::More;

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
$primary->append_conf('postgresql.conf', "fsync = off\ntimezone = 'UTC'\nlog_statement = none\nautovacuum = off\n" . enough_locks());
$primary->start;
$primary->safe_psql('postgres', 'CREATE DATABASE team');
my $team = bless { node => $primary, database => 'team' }, 'TeamDatabase';
$team->run('CREATE SCHEMA crm; CREATE EXTENSION crm SCHEMA crm');
load_rooms($team);
$team->run(<<'SQL');
CREATE ROLE daemon LOGIN;
SELECT crm.grant_daemon('daemon');
CREATE ROLE anna LOGIN;
CREATE ROLE clerk LOGIN;
CREATE ROLE stranger LOGIN;
SELECT crm.bind_principal('anna', 'anna'), crm.bind_principal('clerk', 'clerk');
SELECT crm.grant_reader('anna'), crm.grant_reader('clerk');
CREATE TABLE shop.spare (id integer PRIMARY KEY);
GRANT USAGE ON SCHEMA shop TO anna, clerk;
GRANT SELECT ON ALL TABLES IN SCHEMA shop TO anna, clerk;
ANALYZE;
-- what somebody sees in a view: how many rows, and all of them; or the error that he gets
CREATE FUNCTION looks(asker name, view regclass) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    printed text;
BEGIN
    PERFORM set_config('role', asker, true);
    EXECUTE format('SELECT count(*) || '' '' || coalesce(md5(string_agg(v::text, '','' ORDER BY v::text COLLATE "C")), '''') FROM %s v', view) INTO printed;
    PERFORM set_config('role', 'none', true);
    RETURN printed;
EXCEPTION WHEN OTHERS THEN
    PERFORM set_config('role', 'none', true);
    RETURN 'ERROR ' || SQLSTATE || ' ' || SQLERRM;
END
$$;
SQL
my $looks = q(SELECT a || ' ' || c.oid::regclass, looks(a, c.oid) FROM pg_class c, unnest('{postgres,anna,clerk,stranger}'::name[]) a
    WHERE c.relkind = 'v' AND c.relnamespace IN ('crm'::regnamespace, 'crm_bi'::regnamespace) ORDER BY 1);

$primary->backup('base');
my $node = PostgreSQL::Test::Cluster->new('standby');
$node->init_from_backup($primary, 'base', has_streaming => 1);
$node->start;
my $standby = bless { node => $node, database => 'team' }, 'TeamDatabase';
$primary->wait_for_catchup($node, 'replay', $primary->lsn('flush'));
$standby->prints('SELECT pg_is_in_recovery()', 't', 'a standby');

# views
my $superuser = $team->run('SELECT current_user');
$looks =~ s/postgres/$superuser/;
my %before = map { split /\|/, $_, 2 } split /\n/, $team->run($looks);
my %there = map { split /\|/, $_, 2 } split /\n/, $standby->run($looks);
my %after = map { split /\|/, $_, 2 } split /\n/, $team->run($looks);
cmp_ok(scalar keys %before, '>', 400, 'there are many views and four who read them');
cmp_ok(scalar(grep { !/^(?:ERROR|0 )/ } values %before), '>', 100, 'most have rows for somebody');
my %by_clock = map { my $view = $_; $view =~ s/^\w+ //; ($view => 1) } grep { $before{$_} ne $after{$_} } keys %before;
is(join(' ', grep { !/^(?:crm.kpi_term_cell|crm.status|crm_bi.sla_clock)$/ } sort keys %by_clock), '', 'three of them may say how long something is from now');
is(join("\n", map { "$_: $there{$_} and not $before{$_}" } grep { my $view = $_; $view =~ s/^\w+ //; !$by_clock{$view} && $there{$_} ne $before{$_} } sort keys %before), '',
    'everybody sees on the standby what he sees on the primary');
is(join("\n", map { "$_: $there{$_}" } grep { $there{$_} =~ /^ERROR (?!42501|RM101)/ } sort keys %there), '', 'and no error but for want of rights');

# what reads
my $customer = $team->run(q(SELECT customer_id FROM crm.customer_record WHERE record_key = '1' LIMIT 1));
for my $reading ("SELECT length(crm.customer_360($customer)::text) > 100", "SELECT count(*) > 0 FROM crm.customer_timeline($customer)", q(SELECT count(*) > 0 FROM crm_bi.kpi('won_value', 'month', '2026-01-01', '2026-12-31')),
    q(SELECT value > 0 FROM crm.kpi_total('won_value')), 'SELECT count(*) > 0 FROM crm.doctor()', 'SELECT count(*) > 0 FROM crm.status', q(SELECT count(*) > 0 FROM crm.explain_kpi('won_value', since => '2026-01-01', until => '2026-12-31')),
    q(SELECT count(*) > 0 FROM crm.verify_kpi('won_value')), q(SELECT count(*) > 0 FROM crm.funnel_counts('sales', ARRAY['new', 'won'])), 'SELECT length(crm.export_config()::text) > 1000', q(SELECT count(*) > 0 FROM crm.suggest_adopt('shop.customers')),
    q(SELECT count(*) > 0 FROM crm.preview_protect('shop.tickets', '{"organisation": "region"}')), q(SELECT count(*) > 0 FROM crm.match('{"email": "1@example.com"}')), q(SELECT count(*) > 0 FROM crm.explain_match(('shop.customers', '1'), ('shop.customers', '2'))),
    q(SELECT count(*) > 0 FROM crm.backtest_rule('few', '2026-01-01', '2026-02-01')), q(SELECT crm.resolve_key('shop.customers', '8') = '7'), q(SELECT count(*) > 0 FROM crm.explain_access('anna', 'shop.deals', '1'))) {
    $standby->prints($reading, $team->run($reading), "read there: $reading");
}

# what writes
for my $writing (q(SELECT crm.fold()), q(CALL crm.resolve()), q(SELECT crm.settle_transitions(10)), q(SELECT crm.settle_clocks(10)), q(SELECT crm.pack_journeys()),
    q(SELECT crm.create_unit('new')), q(SELECT crm.move_unit('north', 'service')), q(SELECT crm.add_member('anna', 'north', 'seller')), q(SELECT crm.create_principal('new')), q(SELECT crm.share('shop.deals', '1', 'anna', '{read}')),
    q(SELECT crm.adopt('shop.spare', 'ticket')), q(SELECT crm.disown('shop.visits')), q(SELECT crm.disown_all()), q(SELECT crm.protect('shop.tickets', '{"organisation": "region"}')), q(SELECT crm.unprotect('shop.deals')),
    q(SELECT crm.merge('shop.customers', '1', '{2}', 'no')), q(SELECT crm.merge('shop.customers', '1', '{2}', 'no', dry_run => true)), q(SELECT crm.unmerge(1)), q(SELECT count(*) FROM crm.merge_preview('shop.customers', '1', '{2}')),
    q(SELECT crm.decide(('shop.customers', '1'), ('shop.customers', '2'), 'same', 'no')), qq(SELECT crm.restrict_customer($customer, '{contact}', 'no')), qq(SELECT crm.export_customer($customer)),
    q(SELECT crm.create_funnel('new', 'ticket', '["a"]')), q(SELECT crm.add_stage_alias('sales', 'gewonn', 'won')), q(SELECT crm.define_kpi('new', 'New', 'big.amount')), q(SELECT crm.restate('shop.deals')), q(SELECT crm.close_period('2026-02-20', 'won_value')),
    q(SELECT crm.set_goal('new', 'won_value', 1, '2026-01-01', '2026-02-01')), q(SELECT crm.check_in('grow', 'no')), q(SELECT crm.create_endpoint('new', 'slack', 'anna', 'chat')), q(SELECT crm.create_rule('new', 'won_count', fire_level => 1)),
    q(SELECT count(*) FROM crm.claim_rules('w', 1, '1 minute')), q(SELECT count(*) FROM crm.claim_deliveries('w', 1, '1 minute')), q(SELECT crm.write_waiting(1)), q(SELECT crm.daemon_beat('w', '1')),
    q(SELECT crm.acknowledge(id) FROM crm.alert LIMIT 1), q(SELECT count(*) FROM crm.apply_config('{"units": [{"key": "new"}]}')), q(SELECT count(*) FROM crm.apply_config('{"units": [{"key": "new"}]}', dry_run => true)),
    q(SELECT crm.set_rate('USD', 'EUR', '2026-02-01', 0.5)), q(SELECT crm.allow_report('anna')), q(UPDATE shop.deals SET value = 1 WHERE id = 1)) {
    $standby->refused($writing, '25006', qr/cannot execute [A-Za-z ]+ (?:in a read-only transaction|during recovery)|an export is written down.*Export from the primary/s, "refused there: $writing");
}

# crmd
my $folder = PostgreSQL::Test::Utils::tempdir;
private_file($folder, 'secrets.ini', "[chat]\nurl = http://127.0.0.1:9/x\n[pager]\nurl = http://127.0.0.1:9/y\nrouting_key = 0123456789abcdef0123456789abcdef\n");
my $config = private_file($folder, 'crmd.ini', "[crmd]\ndsn = " . $node->connstr('team') . " user=daemon\nworker = w\nsecrets = $folder/secrets.ini\n");
sub crmd {
    my ($out, $err) = ('', '');
    IPC::Run::run([ $ENV{CRMD}, '-c', $config, @_ ], '<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout(180));
    return ($? >> 8, $out . $err);
}
my ($status, $said) = crmd('check');
isnt($status, 0, 'crmd check of a standby fails');
like($said, qr/no host of dsn can be written to/, 'and says why') or diag($said);

$team->run(q(UPDATE shop.deals SET value = value + 1, status = 'won', closed = '2026-04-01' WHERE id = 10)); # pending
my $won = $team->run(q(SELECT value, state FROM crm.kpi_total('won_value')));
$primary->wait_for_catchup($node, 'replay', $primary->lsn('flush'));
$standby->prints(q(SELECT value, state FROM crm.kpi_total('won_value')), $won, 'a number counts there what is pending');
my $seen = seen($standby);
$primary->stop('immediate');
$node->promote;

same($standby, $seen, 'promoted');
($status, $said) = crmd('once');
like($said, qr/event=connected connection=fold/, 'crmd works there') or diag($said);
$standby->prints('SELECT count(*) FROM crm.kpi_pending', '0', 'what was pending on the primary is folded');
$standby->prints(q(SELECT value, state FROM crm.kpi_total('won_value')), $won, 'and the number is the same');
goes_on($standby, 'promoted');
done_testing();
