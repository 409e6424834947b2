# Everything at once, with backends and crmd killed in the midst of it; then every invariant of tests/soak/invariants.sql, in the database itself and in
# one restored from its dump.
#   SOAK_MINUTES   how long (1); make soak MINUTES=60
#   SOAK_SEED      which actions (1); when what happens is the machine's business
# From 6 minutes on nobody is killed in the last two thirds: what server and crmd take of memory and disk is watched there.
use strict;
use warnings;
use lib '.';
use Growth;
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Receiver;
use Session;
use Soak;
use Support qw(answer wait_until private_file);
use TeamDatabase;
use Test::More;
use Time::HiRes qw(time sleep);

my $minutes = $ENV{SOAK_MINUTES} // 1;
my $seconds = 60 * $minutes;
my $team = TeamDatabase->new('soak');
my $node = $team->node;
$node->append_conf('postgresql.conf', "restart_after_crash = on\nmax_connections = 60\ndeadlock_timeout = 200ms\nlog_error_verbosity = verbose\nlog_line_prefix = '%m [%p] %a '\nmax_wal_size = 2GB\nautovacuum_naptime = 5s");
$node->restart;
Soak::load_world($team, 300);
$team->run('CREATE TABLE looked (at timestamptz, line text)');

my $dir = PostgreSQL::Test::Utils::tempdir;
my $key = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
my $receiver = Receiver->start(log => "$dir/requests.log", keys => [$key]);
private_file($dir, 'secrets.ini', join '', map { "[$_]\nurl = " . $receiver->url("/$_") . "\nkey = $key\n" } qw(soak_1 soak_2 soak_4 mute));
my $config = private_file($dir, 'crmd.ini', "[crmd]\ndsn = " . $node->connstr('team') . " user=soak_daemon\nworker = soak\nsecrets = $dir/secrets.ini\nallow_private = yes\ntimeout_s = 2\nlease_s = 4\nidle_ms = 50\nstop_s = 5\n");
sub start_crmd {
    my $handle = IPC::Run::start([ $ENV{CRMD}, '-c', $config, 'run' ], '<', \undef, '>', '/dev/null', '2>>', "$dir/crmd.log");
    return { handle => $handle, pid => $handle->{KIDS}[0]{PID} };
}
sub stop_crmd {
    my ($crmd, $signal) = @_;
    kill $signal, $crmd->{pid};
    $crmd->{handle}->finish;
    return $crmd->{handle}->result(0);
}

my $crmd = start_crmd();
ok(wait_until(sub { $team->run("SELECT count(*) FROM crm.filling WHERE state <> 'ready'") eq '0' }, 60), 'crmd fills what is adopted');

my @workers = Soak::start($team, $seconds, $dir, qw(writer writer writer merger organiser partitions keeper reader looker old));
my $end = time + $seconds;
my %done = map { $_ => 0 } 'kill -9 a backend', 'kill -9 crmd', 'cancel', 'terminate', 'end a prepared transaction';
my (%size, $transaction_open, $samples);
my @queues = qw(kpi_pending journey_touched clock_touched record_dirty link_dirty customer_dirty delivery_queue);
srand($ENV{SOAK_SEED} // 1);
# what fails here may, since the server is killed all the time
sub ask { return answer($node, 'team', @_) }
my $others = "datname = 'team' AND pid <> pg_backend_pid() AND backend_type = 'client backend'";
my $next_kill = time + 6;
my $calm = $minutes >= 6 ? $end - 2 * $seconds / 3 : $end;
my $growth = Growth->new($node, 'team');
my ($next_look, $next_word) = ($calm + 20, time + 300);
while (time < $end - 3) {
    sleep 0.5;
    # 7: crmd talks to receivers with no transaction open: the connection of its outbox never idles in one
    my $open = ask("SELECT count(*) FROM pg_stat_activity WHERE $others AND application_name LIKE '%outbox%' AND state LIKE 'idle in transaction%'");
    if (defined $open) { $samples++; $transaction_open += $open }
    my $victim = ask("SELECT pid FROM pg_stat_activity WHERE $others ORDER BY random() LIMIT 1");
    my $what = rand();
    if ($what < 0.35 && $victim) {
        $done{cancel} += (ask("SELECT pg_cancel_backend($victim)::integer") // 0);
    } elsif (time > $calm) {
        if ($what > 0.9) { $receiver->modes(Soak::one_of('200', '500 429 200', 'drop 200', 'slow:0.2 200', 'reset 503 200')) }
        if (time > $next_look) { $growth->sample($crmd->{pid}); $next_look = time + 15 }
        if (time > $next_word) { diag(sprintf "%d s to go\n%s", $end - time, join "\n", $growth->table, $growth->contexts); $next_word = time + 300 }
    } elsif ($what < 0.45 && $victim) {
        $done{terminate} += (ask("SELECT pg_terminate_backend($victim)::integer") // 0);
    } elsif ($what < 0.53) {
        stop_crmd($crmd, 'KILL');
        $done{'kill -9 crmd'}++;
        $crmd = start_crmd();
    } elsif ($victim && time > $next_kill) {
        $done{'kill -9 a backend'} += kill 'KILL', $victim;
        $next_kill = time + 8 + rand 8;
        wait_until(sub { defined ask('SELECT 1') }, 30);
    } elsif ($what > 0.9) {
        $receiver->modes(Soak::one_of('200', '500 429 200', 'drop 200', 'slow:0.2 200', 'reset 503 200'));
    }
    for my $name (split /\n/, ask("SELECT gid FROM pg_prepared_xacts WHERE prepared < now() - interval '1 second'") // '') {
        $done{'end a prepared transaction'}++ if defined ask("COMMIT PREPARED '$name'");
    }
    for my $row (split /\n/, ask("SELECT c.relname, pg_total_relation_size(c.oid) FROM pg_class c WHERE c.relnamespace = 'crm'::regnamespace AND c.relname IN ('" . join("','", @queues) . "')") // '') {
        my ($name, $bytes) = split /\|/, $row;
        $size{$name} = $bytes if $bytes > ($size{$name} // 0);
    }
}
my ($tally, $strange) = Soak::finish(@workers);
wait_until(sub { defined ask('SELECT 1') }, 30);
ask("COMMIT PREPARED '$_'") for split /\n/, ask('SELECT gid FROM pg_prepared_xacts') // '';
$receiver->modes('200');

# Quiet: crmd does what waits, and is stopped.
my $waiting = "SELECT (SELECT count(*) FROM crm.filling WHERE state <> 'ready') + (SELECT count(*) FROM crm.kpi_captured WHERE state <> 'ready' OR NOT is_read) + (SELECT count(*) FROM crm.delivery_queue)";
ok(wait_until(sub { $team->run($waiting) eq '0' }, 90), 'crmd comes to the end of what waits') or diag($team->run("SELECT * FROM crm.filling WHERE state <> 'ready'; SELECT instance, component, state, is_read FROM crm.kpi_captured WHERE state <> 'ready' OR NOT is_read;
    SELECT id, endpoint, state, attempt, next_at, detail FROM crm.delivery_queue LIMIT 9"), join '', (split /^/, slurp_file("$dir/crmd.log"))[-20 .. -1]);
is(stop_crmd($crmd, 'TERM'), 0, 'crmd stops');
$team->run('CALL invariant.settle()');

my @table = map { my $what = $_; my %n = %{ $tally->{$what} }; sprintf '%-36s %7d  %s', $what, $n{ok} // 0, join ', ', map { "$_ $n{$_}" } grep { $_ ne 'ok' } sort keys %n } sort keys %$tally;
push @table, map { sprintf '%-36s %7d', $_, $done{$_} } sort keys %done;
my ($messages, $alerts, $history) = split /\|/, $team->run('SELECT (SELECT count(*) FROM message_written), (SELECT count(*) FROM crm.alert_log), (SELECT string_agg(state || $$ $$ || n, $$, $$ ORDER BY state) FROM (SELECT state, count(*) AS n FROM crm.delivery_history GROUP BY 1) h)');
my @requests = $receiver->requests;
push @table, sprintf('%-36s %7d', 'alerts', $alerts), sprintf('%-36s %7d  %s', 'messages written', $messages, $history), sprintf('%-36s %7d', 'requests that arrived', scalar @requests),
    sprintf('%-36s %7d', 'changes in the journal', $team->run('SELECT count(*) FROM journal'));
push @table, map { sprintf '%-36s %7d kB at most', $_, $size{$_} / 1024 } sort keys %size;
note('what grew while nobody was killed: ' . join "\n", $growth->table) if $calm < $end;
note("what was done in $minutes minutes, and errors by SQLSTATE:\n" . join "\n", @table);

# It did something.
for my $what ('insert deals', 'update deals', 'delete deals', 'insert person', 'delete person', 'update ticket', 'insert touches', 'write a partition', 'transaction in read committed', 'transaction in two phases', 'merge', 'unmerge',
    'add member', 'read KPIs', 'read a funnel', 'count everything in one snapshot', 'hold an old snapshot', 'resolve') {
    cmp_ok($tally->{$what}{ok} // 0, '>', 0, "$what: " . ($tally->{$what}{ok} // 0));
}
my $moved = 0;
$moved += $tally->{$_}{ok} // 0 for 'truncate', 'attach a partition', 'create a partition';
cmp_ok($moved, '>', 0, "tables were emptied, partitions came: $moved");
cmp_ok($done{$_}, '>', 0, "$_: $done{$_}") for 'kill -9 a backend', 'kill -9 crmd', 'cancel';
cmp_ok($messages, '>', 0, "$messages messages were written");

# 10: errors are those that are documented, and none is internal.
is(join("\n", map { "$_\n    $strange->{$_}" } sort keys %$strange), '', 'nobody got an error that is not foreseen');
my %state;
my $log = slurp_file($node->logfile);
$state{$1}++ while $log =~ /(?:ERROR|FATAL|PANIC|WARNING):  (XX\w{3}|58\w{3}|P0004|0A000|42\w{3})\b/g;
delete $state{'42501'};
is(join(', ', map { "$_ $state{$_} times" } sort keys %state), '', 'and the server logged none');

# 2, beside everything
is($team->run('SELECT count(*), min(line) FROM looked'), '0|', 'no snapshot saw a difference, and no old one a change');
# 7
is($transaction_open, 0, "no transaction was open between crmd's calls of the outbox: $samples samples");
my %arrived;
$arrived{ $_->{headers}{'webhook-id'} // '' }++ for @requests;
my %written = map { split /\|/ } split /\n/, $team->run("SELECT w.message_id, h.state FROM message_written w JOIN crm.delivery_history h USING (id)");
is(join(', ', grep { !$written{$_} } sort keys %arrived), '', 'nothing was sent of what was not committed');
# 6
is(join(', ', grep { $written{$_} eq 'delivered' && !$arrived{$_} } sort keys %written), '', 'what counts as delivered has arrived');
is(scalar(grep { !$_->{verified} } @requests), 0, 'every request was signed');

# All of them. To each its own line, so that one sees which.
Soak::broken($team, $_, $_) for split /\n/, $team->run('SELECT invariant.names()');

# And they can fail: each kind of damage is found.
my %damage = ( # where triggers are off in replica mode they are the team's and those of the other rooms; capture goes on
    i01_rows => "SET application_name = 'crmd fold'; UPDATE people SET name = 'nobody asked' WHERE id = (SELECT min(id) FROM people)",
    i02_numbers => 'ALTER EVENT TRIGGER crm_follow_disabled DISABLE; ALTER TABLE deals DISABLE TRIGGER USER; DELETE FROM deals WHERE closed IS NOT NULL AND id = (SELECT max(id) FROM deals WHERE closed IS NOT NULL)',
    i02_journeys => 'DELETE FROM crm.journey_kept WHERE subject = (SELECT min(subject) FROM crm.journey_kept)',
    i02_history => "SET LOCAL session_replication_role = replica; UPDATE tickets SET stage = 'elsewhere' WHERE id = (SELECT min(id) FROM tickets)",
    i02_clocks => "SET LOCAL session_replication_role = replica; UPDATE tickets SET opened = opened - interval '1 day' WHERE id = (SELECT min(id) FROM tickets)",
    i04_rights => 'ALTER TABLE tickets DISABLE ROW LEVEL SECURITY',
    i04_numbers => "UPDATE crm.kpi_rollup r SET rows = rows + 1 FROM crm.kpi_instance i, crm.kpi_dims d WHERE i.instance = r.instance AND i.component = 'opportunity_closed' AND d.dims = r.dims AND d.stage = 'won'",
    i06_deliveries => 'DELETE FROM crm.delivery_history WHERE id = (SELECT min(id) FROM crm.delivery_history)',
    i11_growth => "UPDATE crm.filling SET state = 'filling' WHERE room = 'kpi'",
    orphans => 'DELETE FROM crm.record_link WHERE record_no = (SELECT min(record_no) FROM crm.record_link)');
for my $name (sort keys %damage) {
    my ($status, $out, $err) = $node->psql('team', "SET client_min_messages = warning; BEGIN; $damage{$name}; SELECT 'found ' || (count(*) > 0) FROM invariant.broken('{$name}'); ROLLBACK");
    like($out, qr/^found true$/m, "$name can fail") or diag($err);
}

# 11: queues stay small however much went through them
cmp_ok($size{$_} // 0, '<', 64 * 1024 * 1024, "$_ took " . int(($size{$_} // 0) / 1024) . ' kB at most') for @queues;

# 11: and memory. A session's caches come to an end, crmd keeps what it has to send.
for my $process ($growth->memory) {
    my @quarters = @{ $process->{quarters} };
    cmp_ok($quarters[3] - $quarters[1], '<', 8 * 1024, "$process->{name} took at least @quarters kB of memory in each quarter of the time");
}

# 8 and 9: a dump gives everything back, twice the same; the same records are linked in the same way again.
my $dump = "$dir/team.dump";
command_ok([ 'pg_dump', '-Fc', '-f', $dump, $node->connstr('team') ], 'dumped');
my $contents = $team->run('SELECT * FROM invariant.contents()');
my %linked;
for my $copy ('copy_a', 'copy_b') {
    $node->safe_psql('postgres', "CREATE DATABASE $copy");
    command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr($copy), $dump ], "restored as $copy");
    is($node->safe_psql($copy, 'SELECT * FROM invariant.contents()'), $contents, "$copy: with everything that was there") if $copy eq 'copy_a';
    my $restored = { %$team, database => $copy };
    bless $restored, 'TeamDatabase';
    # in another order on disk
    $node->safe_psql($copy, 'CREATE INDEX mixed ON crm.record_copy (md5(record_no::text)); CLUSTER crm.record_copy USING mixed; DROP INDEX crm.mixed') if $copy eq 'copy_b';
    $node->safe_psql($copy, 'SET client_min_messages = warning; CALL invariant.settle()');
    Soak::broken($restored, "$copy: all invariants hold");
    $node->safe_psql($copy, 'SET client_min_messages = warning; CALL crm.resolve(); CALL invariant.settle()');
    $linked{$copy} = $node->safe_psql($copy, 'SELECT c FROM invariant.clusters() c ORDER BY 1');
}
is($linked{copy_a}, $linked{copy_b}, 'linked anew, the same customers in both');
$receiver->stop;
$node->stop;
done_testing();
