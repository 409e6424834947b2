#!/usr/bin/perl
# Each part of crmd once, in seconds: names of the database and of receivers that a name server says, a webhook, an e-mail, measurements,
# the page behind buttons, a report. What each does in full stands in the tests of its own; this one also runs with sanitizers.
use strict;
use warnings;
use HTTP::Tiny;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;
use Daemon;
use MailReceiver;
use NameServer;
use Receiver;
use Support qw(wait_until free_port);

my $key = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
my $d = Daemon->new(retry => '1 hour', conf => "listen_addresses = '127.0.0.1'\n", body => '{"n": 1}');
my $dir = $d->{dir};
my $names = NameServer->start(dir => $dir);
$names->set('db.test' => { A => ['127.0.0.1'] }, 'hook.test' => { A => ['127.0.0.1'] });
my $hook = Receiver->start(log => "$dir/hook.log", keys => [$key]);
my $mail = MailReceiver->start(dir => $dir);
my ($monitor, $act) = (free_port(), free_port());
$d->write_file('secrets.ini', "[hook]\nurl = http://hook.test:${\$hook->port}/\nkey = $key\n"
      . "[gone]\nurl = http://gone.test:${\$hook->port}/\nkey = $key\n"
      . "[mail]\nurl = smtp://127.0.0.1:${\$mail->port}\nfrom = crm\@crm.example\nto = anna\@receivers.example\nstarttls = no\n");
$d->endpoint(qw(hook gone mail));
$d->sql(q{UPDATE crm.endpoint SET kind = 'email' WHERE endpoint = 'mail';
    SELECT crm.create_principal('anna', 'Anna', language => 'en'), crm.allow_report('anna'), crm.rotate_token_key()});
my $message = JSON::PP->new->encode({ type => 'alert.firing', timestamp => '2026-11-22T09:30:00.000Z', data => { alert => 3, rule => 'low', description => '', state => 'firing',
    kpi => { key => 'won_count', label => 'Won', measured_in => 'count' }, unit => { key => 'emea', name => 'EMEA' }, period => { since => '2026-10-24', until => '2026-11-22' },
    value => 1, direction => 'below', level => 2, since => '2026-11-22T09:30:00.000Z', caused_by => [] } });
$d->queue('hook', 'msg_hook');
$d->queue('gone', 'msg_gone');
$d->queue('mail', 'msg_mail');
$d->sql("UPDATE crm.delivery_queue SET body = crm.endpoint_body('email', \$m\$$message\$m\$, 'anna', 'msg_mail', '{}') WHERE message_id = 'msg_mail'");

my $port = $d->{node}->port;
my $config = $d->config('all', dsn => "host=db.test port=$port dbname=postgres user=daemon", dns_servers => '127.0.0.1:' . $names->port,
    timeout_s => 10, lease_s => 30, metrics_listen => "127.0.0.1:$monitor", act_listen => "127.0.0.1:$act");
my $daemon = $d->start($config);
ok(wait_until { $d->state('msg_hook') eq 'delivered' && $d->state('msg_mail') eq 'delivered' && $d->attempt('msg_gone') == 1 }, 'each message has been tried') or $d->tell;
cmp_ok($names->asked('db.test'), '>', 0, 'the database had a name');
is(scalar $hook->requests('msg_hook'), 1, 'the webhook arrived');
is(($mail->messages)[0]{from}, 'crm@crm.example', 'the e-mail arrived');
like($d->detail('msg_gone'), qr/gone\.test/, 'a name that nobody knows');

sub ask { my ($method, $url, @more) = @_; return HTTP::Tiny->new(timeout => 10)->request($method, $url, @more) }
my $measured = ask(GET => "http://127.0.0.1:$monitor/metrics");
is($measured->{status}, 200, 'measurements');
like($measured->{content}, qr/^crmd_connection_up\{connection="outbox"\} 1$/m, 'the connection of deliveries is up');
is(ask(GET => "http://127.0.0.1:$monitor/healthz")->{status}, 200, 'health');
is(ask(GET => "http://127.0.0.1:$monitor/other")->{status}, 404, 'no such page');
my $token = '1-' . 'A' x 43;
is(ask(GET => "http://127.0.0.1:$act/act/$token")->{status}, 404, 'a button of nobody');
is(ask(POST => "http://127.0.0.1:$act/act/$token", { content => "verb=acknowledge&comment=%C3%A9+x&look=$token", headers => { 'content-type' => 'application/x-www-form-urlencoded' } })->{status},
    404, 'pressed');
is(ask(GET => "http://127.0.0.1:$act/")->{status}, 404, 'no button');
is($d->stop($daemon), 0, 'stopped');

$config = $d->config('reports'); # which asks the machine for names
my ($code, undef, $error) = $d->run_crmd('', '-c', $config, 'report', '--principal', 'anna', '-o', "$dir/page.html");
is($code, 0, 'a report') or diag $error;
like(slurp_file("$dir/page.html"), qr/\A<!doctype html>.*Anna.*<\/html>\s*\z/is, 'is a page about Anna');
($code, undef, $error) = $d->run_crmd('', '-c', $config, 'report', '--principal', 'nobody');
is($code, 1, 'no report');
like($error, qr/no report may be written for principal "nobody"/, 'of nobody');
$_->stop for $hook, $mail, $names;
done_testing();
