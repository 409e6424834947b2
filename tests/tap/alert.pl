#!/usr/bin/perl
# From a team's INSERT to a manager's receiver, with nothing put in between by hand: capture, rule, outbox, crmd, signed
# webhook. And what a dump carries over.
use strict;
use warnings;
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time sleep);
use Receiver;
use Support qw(wait_until private_file);

my $key = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
my $dir = PostgreSQL::Test::Utils::tempdir;
my $receiver = Receiver->start(log => "$dir/requests.log", keys => [$key]);
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
$node->start;

sub sql { return $node->safe_psql('postgres', $_[0]) }

sub write_file { return private_file($dir, @_) }

sql(q{
    CREATE SCHEMA crm;
    CREATE EXTENSION crm SCHEMA crm;
    CREATE ROLE daemon LOGIN;
    SELECT crm.grant_daemon('daemon');
    CREATE ROLE anna LOGIN;
    SELECT crm.create_unit('acme', 'Acme', 'business'), crm.create_unit('emea', 'EMEA', 'geographic', 'acme');
    SELECT crm.create_principal('anna', 'Anna', role_name => 'anna'), crm.create_principal('ben', 'Ben');
    SELECT crm.create_role('watch'), crm.grant_privilege('watch', 'kpi', 'total', 'below');
    SELECT crm.add_member('anna', 'acme', 'watch'), crm.add_member('ben', 'acme', 'watch');
    CREATE TABLE deals (id serial PRIMARY KEY, region text, status text, opened timestamptz, closed timestamptz);
    INSERT INTO deals (region, status, opened, closed)
    SELECT 'emea', CASE WHEN n <= 5 THEN 'won' ELSE 'lost' END, now() - interval '1 day', now() FROM generate_series(1, 10) n;
    SELECT crm.create_funnel('sales', 'opportunity', '[{"key": "open"}, {"key": "won", "milestone": "won", "kind": "won"},
                                                        {"key": "lost", "kind": "lost"}]');
    SELECT count(*) FROM crm.adopt('deals', 'opportunity', department => 'sales', funnel => 'sales', columns =>
        '{"unit": "region", "stage": "status", "created_at": "opened", "closed_at": "closed"}');
    SELECT crm.create_endpoint('desk', 'webhook', 'anna', 'desk', retries => array_fill(interval '200 milliseconds', ARRAY[30]));
    SELECT crm.create_endpoint('boss', 'webhook', 'ben', 'boss');
    SELECT crm.create_rule('win-low', 'win_rate', unit => 'emea', fire_level => 0.4, every => '1 second', endpoint => 'desk');
});
write_file('secrets.ini', join '', map { "[$_]\nurl = " . $receiver->url("/$_") . "\nkey = $key\n" } 'desk', 'boss');
my $config = write_file('crmd.ini', "[crmd]\ndsn = " . $node->connstr('postgres') . " user=daemon\nworker = main\n"
      . "secrets = $dir/secrets.ini\nallow_private = yes\nidle_ms = 50\n");
my $crmd = IPC::Run::start([ $ENV{CRMD}, '-c', $config, 'run' ], '<', \undef, '>', '/dev/null', '2>>', "$dir/crmd.log");

# the daemon reads the deals that were there, and finds nothing wrong with them
ok(wait_until { sql("SELECT reading FROM crm.rule_state") eq 'clear' }, 'the rule is evaluated')
  or diag(slurp_file("$dir/crmd.log"), sql("SELECT * FROM crm.status"));
is(scalar($receiver->requests), 0, 'no message while all is well');

# deals are lost: 5 of 20
sql(q{INSERT INTO deals (region, status, opened, closed)
      SELECT 'emea', 'lost', now() - interval '1 day', now() FROM generate_series(1, 10)});
my $committed = time;
ok(wait_until { scalar($receiver->requests) == 1 }, 'the breach reaches the receiver')
  or diag(slurp_file("$dir/crmd.log"), sql("SELECT * FROM crm.status"));
my ($firing) = $receiver->requests;
my $told = decode_json($firing->{body});
is($firing->{verified}, JSON::PP::true, 'its signature is verified');
note(sprintf 'from commit to receipt: %.0f ms', ($firing->{at} - $committed) * 1000);
cmp_ok($firing->{at} - $committed, '<', 10, 'within ten seconds of the commit');
is($told->{type}, 'alert.firing', 'type');
is_deeply([ @{ $told->{data} }{qw(rule value numerator denominator level direction)} ], [ 'win-low', 0.25, 5, 20, 0.4, 'below' ],
    'the number, with what it is made of');
is($told->{data}{unit}{name}, 'EMEA', 'unit');
is_deeply($told->{data}{departments}, ['sales'], 'departments');
my $id = $firing->{headers}{'webhook-id'};
is(sql("SELECT message_id || ' ' || state FROM crm.delivery WHERE type = 'alert.firing'"), "$id delivered", 'recorded under the same id');

# it is acknowledged by the one who got it, keeps firing without a second message, and resolves
is($node->safe_psql('postgres', 'SELECT crm.acknowledge(id) FROM crm.alert', extra_params => [ '-U', 'anna' ]), 'acknowledged',
    'the manager acknowledges');
is(sql('SELECT acknowledged_by FROM crm.alert'), 'anna', 'under her own name');
my $evaluated = sql('SELECT max(evaluated_at) FROM crm.rule_state');
ok(wait_until { sql("SELECT max(evaluated_at) > '$evaluated' FROM crm.rule_state") eq 't' }, 'evaluated again');
is(scalar($receiver->requests), 1, 'no second message while it lasts');
sql(q{INSERT INTO deals (region, status, opened, closed)
      SELECT 'emea', 'won', now() - interval '1 day', now() FROM generate_series(1, 20)});
ok(wait_until { scalar($receiver->requests) == 2 }, 'the end is told');
my $over = decode_json(($receiver->requests)[1]{body});
is("$over->{type} $over->{data}{state}", 'alert.resolved resolved', 'as resolved');
is($over->{data}{alert}, $told->{data}{alert}, 'of the same alert');
is(sql("SELECT string_agg(to_state, ' ' ORDER BY transition) FROM crm.alert_transition"), 'firing acknowledged resolved',
    'every step is kept');

# a receiver that fails keeps the message and its id
$receiver->modes('500 500 200');
sql(q{INSERT INTO deals (region, status, opened, closed)
      SELECT 'emea', 'lost', now() - interval '1 day', now() FROM generate_series(1, 100)});
ok(wait_until { sql("SELECT count(*) FROM crm.delivery WHERE id = 3 AND state = 'delivered'") == 1 }, 'delivered at last');
my %ids = map { $_->{headers}{'webhook-id'} => 1 } grep { $_->{n} > 2 } $receiver->requests;
is(scalar(keys %ids), 1, 'under one id');
is(sql("SELECT attempt FROM crm.delivery WHERE id = 3"), 3, 'at the third attempt');

# nobody answers it: crmd tells the next, once
sql("SELECT crm.set_escalation('win-low', '1 second', 'ben')");
ok(wait_until { sql("SELECT count(*) FROM crm.delivery WHERE type = 'alert.escalated' AND state = 'delivered'") == 1 }, 'told to the next');
my ($escalated) = grep { $_->{path} eq '/boss' } $receiver->requests;
is($escalated->{verified}, JSON::PP::true, 'signed');
is(join(' ', map { $_->{name} } @{ decode_json($escalated->{body})->{data}{escalation}{told} }), 'Anna', 'with who was told before');
sleep 2.5;
is(scalar(grep { $_->{path} eq '/boss' } $receiver->requests), 1, 'once');

# many alerts of a rule are one message, which waits a second for all of them
sql(q{SELECT crm.set_attention('anna', group_for => '1 second', group_from => 2);
      SELECT crm.create_unit('office-' || n, 'Office ' || n, 'geographic', 'emea') FROM generate_series(1, 6) n;
      INSERT INTO deals (region, status, opened, closed)
      SELECT 'office-' || n % 6 + 1, 'lost', now() - interval '1 day', now() FROM generate_series(1, 60) n;
      SELECT crm.create_rule('office-low', 'win_rate', unit => 'emea', scope => 'below', fire_level => 0.4, every => '1 second', endpoint => 'desk')});
ok(wait_until { (grep { $_->{body} =~ /alerts\.group/ } $receiver->requests) == 1 }, 'a group of alerts arrives')
  or diag(slurp_file("$dir/crmd.log"), sql("SELECT * FROM crm.waiting_notice"));
my @of_offices = grep { $_->{body} =~ /office-low/ } $receiver->requests;
my $group = decode_json($of_offices[0]{body});
is(scalar(@of_offices) . " $group->{type} $group->{data}{reason} $group->{data}{rule} $group->{data}{count}", '1 alerts.group group office-low 6',
    'six alerts in one message, and no other');
is_deeply([ sort map { "$_->{news} $_->{unit}{key} $_->{value}" } @{ $group->{data}{alerts} } ], [ map { "new office-$_ 0" } 1 .. 6 ], 'each of them stands in it');
is($of_offices[0]{verified}, JSON::PP::true, 'it is signed');
is(sql("SELECT count(*) FROM crm.waiting_notice"), 0, 'nothing waits any more');

kill 'TERM', $crmd->{KIDS}[0]{PID};
$crmd->finish;
is($crmd->result(0), 0, 'crmd stops cleanly');

# a dump carries rules, alerts, the queue, what waits and the numbers that go on
sql("SELECT crm.set_attention('anna', quiet => '22:00-07:00'); SELECT crm.tell_alert(l, 'alert.escalated', '{desk}') FROM crm.alert_log l WHERE state = 'firing'");
sql("SELECT crm.replay_delivery(3), crm.set_alert_retention(400), crm.allow_report('anna')");
my $dump = "$dir/dump.sql";
$node->command_ok([ 'pg_dump', '-f', $dump, '-d', $node->connstr('postgres') ], 'dump');
$node->safe_psql('postgres', 'CREATE DATABASE copy');
$node->command_ok([ 'psql', '-qX', '-v', 'ON_ERROR_STOP=1', '-f', $dump, '-d', $node->connstr('copy') ], 'restore');
for my $table (qw(endpoint rule rule_schedule rule_state subscription silence escalation alert_log alert_escalation alert_transition delivery_queue
    delivery_history delivery_attempt alert_retention daemon link_template action report_reader
    attention waiting_notice alert_told))
{
    my $query = "SELECT count(*), md5(string_agg(t::text, E'\\n' ORDER BY t::text)) FROM crm.$table t";
    is($node->safe_psql('copy', $query), sql($query), "$table came back");
}
is($node->safe_psql('copy', "SELECT crm.subscribe(principal => 'anna')"), sql("SELECT crm.subscribe(principal => 'anna')"),
    'and new rows get the next number');

$receiver->stop;
done_testing();
