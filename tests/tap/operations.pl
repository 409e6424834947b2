# The page docs/operations.md, done from top to bottom: before each heading its trouble is made, each block runs, and what stands below
# a block is what it prints. Headings without a trouble of their own run as they are.
use strict;
use warnings;
use lib '.';
use Cwd;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Session;
use TeamDatabase;
use Test::More;

my $page = slurp_file("$ENV{CRM_STAGE}/docs/operations.md");
my $team = TeamDatabase->new('operations');
my $node = $team->node;
my $folder = PostgreSQL::Test::Utils::tempdir;
$node->append_conf('postgresql.conf', "wal_level = replica\nmax_wal_senders = 4\nmax_replication_slots = 4\n");
$node->restart;
$team->run(<<'SQL');
CREATE ROLE team LOGIN;
GRANT CREATE, USAGE ON SCHEMA public TO team;
SELECT crm.create_unit('acme', 'Acme', 'business'), crm.create_unit('north', 'North', 'geographic', 'acme'), crm.create_unit('south', 'South', 'geographic', 'acme');
SELECT crm.install_role_templates();
CREATE ROLE anna LOGIN;
SELECT crm.create_principal('anna', 'Anna', role_name => 'anna');
SELECT crm.create_role('watch'), crm.grant_privilege('watch', 'kpi', 'total', 'below'), crm.grant_privilege('watch', 'opportunity', 'read', 'below');
SELECT crm.add_member('anna', 'acme', 'watch');
SELECT crm.create_funnel('sales', 'opportunity', '[{"key": "open", "department": "north"}, {"key": "won", "milestone": "won", "kind": "won"}, {"key": "lost", "kind": "lost"}]');
SET ROLE team;
CREATE TABLE accounts (id integer PRIMARY KEY, name text, email text);
CREATE TABLE deals (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, account integer REFERENCES accounts, region text, amount numeric, stage text, opened date, closed date);
INSERT INTO accounts VALUES (1, 'Acme', 'info@acme.example'), (2, 'Acme Ltd', 'sales@acme.example'), (3, 'Bolt', NULL);
INSERT INTO deals (account, region, amount, stage, opened, closed)
SELECT 1 + n % 3, CASE n % 2 WHEN 0 THEN 'north' ELSE 'south' END, 100 * n, CASE WHEN n <= 10 THEN 'won' ELSE 'lost' END, current_date - 20, current_date - 1
FROM generate_series(1, 12) n;
RESET ROLE;
SELECT count(*) FROM crm.adopt('accounts', 'customer', department => 'north', columns => '{"full_name": "name", "email": "email"}');
SELECT count(*) FROM crm.adopt('deals', 'opportunity', department => 'north', funnel => 'sales',
    columns => '{"unit": "region", "amount": "amount", "stage": "stage", "created_at": "opened", "closed_at": "closed"}');
CALL crm.backfill('accounts');
CALL crm.backfill('deals');
CALL crm.resolve();
SELECT crm.create_endpoint('chat', 'webhook', 'anna', 'chat');
SELECT crm.create_rule('win-rate-low', 'win_rate', fire_level => 0.99, endpoint => 'chat');
SQL

my $pass = "UPDATE crm.rule_schedule SET next_at = now(); SELECT crm.finish_rule(c.rule, c.epoch) FROM crm.claim_rules('test', 10, '1 minute') c;";
my $standby;
my $other; # somebody's session
my %before = (
    'The lag grows' => sub { $team->run("UPDATE deals SET amount = amount + 1") },
    'crmd was down for a week' => sub {
        # as many changes as the limit has; the server's statistics say how many are pending
        $team->run("ALTER TABLE crm.kpi_pending SET (autovacuum_enabled = off)");
        $team->run("SET crm.pending_hard_limit = 1000; INSERT INTO deals (region, amount, stage, opened) SELECT 'r' || n, 1, 'open', current_date FROM generate_series(1, 1500) n");
        $team->run("SET crm.pending_hard_limit = 1000; INSERT INTO deals (region, amount, stage, opened, closed) VALUES ('north', 1, 'won', current_date - 9, current_date - 1)");
    },
    'A delivery is dead' => sub {
        $team->run($pass);
        $team->run("SELECT crm.finish_deliveries(jsonb_agg(jsonb_build_object('id', c.id, 'epoch', c.epoch, 'outcome', 'dead', 'status', 410, 'detail', 'HTTP 410')))
            FROM crm.claim_deliveries('test', 10, '1 minute') c");
    },
    'A rule fails' => sub {
        $team->run("UPDATE crm.rule_schedule SET next_at = now(); SELECT crm.fail_rule(c.rule, c.epoch, 'statement timeout', 5000) FROM crm.claim_rules('test', 10, '1 minute') c");
    },
    'A KPI differs from what somebody counted' => sub {
        $team->run("ALTER EVENT TRIGGER crm_follow_disabled DISABLE; ALTER TABLE deals DISABLE TRIGGER USER; DELETE FROM deals WHERE id = 1; ALTER TABLE deals ENABLE ALWAYS TRIGGER crm_kpi_delete; ALTER TABLE deals ENABLE TRIGGER USER");
        $team->run("ALTER TABLE deals " . join ', ', map { "ENABLE ALWAYS TRIGGER crm_kpi_$_" } qw(insert update delete truncate));
        $team->run('ALTER EVENT TRIGGER crm_follow_disabled ENABLE;');
    },
    'A component is broken' => sub {
        $team->run(q(SELECT crm.define_component('inverse', 'opportunity', 'created_at', NULL, '{"part": "1 / amount"}'); SELECT count(*) FROM crm.capture('deals')));
        $team->run('CALL crm.backfill(\'deals\')');
        $team->run("INSERT INTO deals (region, amount, stage, opened) VALUES ('north', 0, 'open', current_date)");
    },
    'A merge was wrong' => sub { $team->run("SELECT crm.merge('accounts', '1', '{2}', 'the same firm')") },
    'A failover' => sub {
        $node->backup('base');
        $standby = PostgreSQL::Test::Cluster->new('standby');
        $standby->init_from_backup($node, 'base', has_streaming => 1);
        $standby->start;
        $node->wait_for_catchup($standby);
        $standby->promote;
    },
    'adopt, protect or merge says that it could not get a lock' => sub {
        $other = Session->new($node, 'team');
        $other->run("BEGIN; UPDATE deals SET note = 'mine' WHERE id = 5");
        $team->refused("SELECT count(*) FROM crm.disown('deals', lock_timeout => '100 ms')", '55P03', qr/lock/, 'somebody holds the table');
    },
    'A transaction has been open for hours' => sub {
        $other = Session->new($node, 'team');
        $other->run('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM deals');
    },
    'A replication slot holds WAL' => sub { $team->run("SELECT pg_create_physical_replication_slot('forgotten', true)") },
    'Somebody sees too much, or too little' => sub {
        $team->run(q(SELECT crm.create_principal('team', 'The team', role_name => 'team'); SELECT crm.add_member('team', 'acme', 'watch');
            SELECT count(*) FROM crm.protect('public.deals', '{"organisation": "region"}', object => 'opportunity')));
    },
    'A backfill failed' => sub {
        $team->run("UPDATE crm.filling SET state = 'failed', error = 'a test' WHERE relation = 'deals'::regclass AND room = 'kpi'");
    },
);
my %after = (
    'adopt, protect or merge says that it could not get a lock' => sub { $other->run('ROLLBACK'); $other->quit },
    'A failover' => sub { $standby->stop; $standby = undef },
    'Roles and what each needs' => sub {
        $team->prints("SELECT count(*) FROM pg_roles WHERE rolname IN ('crm_admin', 'crmd', 'bi')", 3, 'the roles are there');
        my ($status) = $node->psql('team', 'SELECT crm.fold()', extra_params => [ '-U', 'crmd' ]);
        is($status, 0, 'crmd may fold');
        ($status) = $node->psql('team', 'SELECT * FROM deals', extra_params => [ '-U', 'crmd' ]);
        isnt($status, 0, 'and not read deals');
    },
    'A secret leaked' => sub { $team->prints("SELECT crm.issue_token('anna', '1 hour') IS NOT NULL", 't', 'tokens are issued by the new key') },
    'crm must go' => sub { $team->prints("SELECT count(*) FROM deals", $team->run('SELECT count(*) FROM deals'), 'the table is as it was') },
);

sub run_block {
    my ($kind, $code, $what) = @_;
    my ($out, $err) = ('', '');
    my $target = $standby // $node;
    if ($kind eq 'sql') {
        my $status = $target->psql('team', $code, stdout => \$out, stderr => \$err, extra_params => [ '-qAt' ]);
        is($status, 0, "$what runs") or diag($err);
        return $out;
    }
    local $ENV{PGHOST} = $target->host;
    local $ENV{PGPORT} = $target->port;
    local $ENV{PGDATABASE} = 'team';
    my $here = getcwd;
    chdir $folder or die $!;
    my $fine = IPC::Run::run([ 'bash', '-euo', 'pipefail', '-c', $code ], '<', \undef, '>', \$out, '2>', \$err);
    chdir $here or die $!;
    ok($fine, "$what runs") or diag($out, $err);
    chomp $out;
    return $out;
}

my ($situations, $blocks, $printed) = (0, 0, 0);
my %known;
for my $section (split /^(?=#+ )/m, $page) {
    my ($marks, $title) = $section =~ /^(#+) (.+)$/m or next;
    $known{$title} = 1;
    $situations++ if $marks eq '###';
    $before{$title}->() if $before{$title};
    my $count = 0;
    while ($section =~ /^```(sql|sh)\n(.*?)^```\n(?:```prints\n(.*?)^```\n)?/msg) {
        my ($kind, $code, $expected) = ($1, $2, $3);
        my $what = "$title, block " . ++$count;
        my $out = run_block($kind, $code, $what);
        $blocks++;
        next unless defined $expected;
        $printed++;
        chomp $expected;
        # what voids print as empty lines at the end is not told
        is($out =~ s/\n+\z//r, $expected, "$what prints what stands below it");
    }
    is($count > 0, 1, "$title says what to type") if $marks eq '###';
    $after{$title}->() if $after{$title};
}
cmp_ok($situations, '>=', 15, "$situations situations");
cmp_ok($printed, '>=', 15, "$blocks blocks, $printed of them with what they print");
is(join(', ', grep { !$known{$_} } sort(keys %before, keys %after)), '', 'each trouble has its heading');
$node->stop;
done_testing();
