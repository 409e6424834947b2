#!/usr/bin/perl
# The buttons of messages, from a breach to the page that crmd serves, and what receivers of their own formats get: bodies that are
# sent as they were written, PagerDuty's key in its place, a real Alertmanager where there is one.
use strict;
use warnings;
use IO::Socket::INET;
use Encode;
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time sleep);
use Receiver;
use Support qw(wait_until private_file free_port);

my $key = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
my $dir = PostgreSQL::Test::Utils::tempdir;
my $receiver = Receiver->start(log => "$dir/requests.log", keys => [$key]);
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
$node->start;

sub sql { return $node->safe_psql('postgres', $_[0]) }

sub write_file { return private_file($dir, @_) }

# One request on a connection of its own: status, headers, body.
sub request
{
    my ($port, $text) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Timeout => 5) or return (0, {}, '');
    print $socket $text;
    my $answer = do { local $/; <$socket> } // '';
    my ($head, $body) = split /\r\n\r\n/, $answer, 2;
    my ($first, @lines) = split /\r\n/, $head // '';
    my %headers = map { /^([^:]+):\s*(.*)$/ ? (lc $1, $2) : () } @lines;
    return ((split / /, $first // '')[1] // 0, \%headers, $body // '');
}
sub get { return request($_[0], "GET $_[1] HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") }

sub encode { return join '&', map { my ($n, $v) = @$_; $v =~ s/([^A-Za-z0-9._-])/sprintf '%%%02X', ord $1/ge; "$n=$v" } @_ }

sub post
{
    my ($port, $path, @fields) = @_;
    my $body = encode(@fields);
    return request($port, "POST $path HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\n"
          . 'Content-Length: ' . length($body) . "\r\n\r\n$body");
}

my $act = free_port();
sql(qq{
    CREATE SCHEMA crm;
    CREATE EXTENSION crm SCHEMA crm;
    CREATE ROLE daemon LOGIN;
    SELECT crm.grant_daemon('daemon'), crm.rotate_token_key();
    SELECT crm.create_unit('acme', 'Acme', 'business'), crm.create_unit('emea', 'EMEA <script>', 'geographic', 'acme');
    SELECT crm.create_principal('anna', 'Anna', language => 'nl');
    SELECT crm.create_role('watch'), crm.grant_privilege('watch', 'kpi', 'total', 'below');
    SELECT crm.add_member('anna', 'acme', 'watch');
    SELECT crm.set_link_template('act', 'http://127.0.0.1:$act/act/{token}', allow_http => true);
    CREATE TABLE deals (id serial PRIMARY KEY, region text, status text, opened timestamptz, closed timestamptz);
    SELECT crm.create_funnel('sales', 'opportunity', '[{"key": "open"}, {"key": "won", "milestone": "won", "kind": "won"},
                                                        {"key": "lost", "kind": "lost"}]');
    SELECT count(*) FROM crm.adopt('deals', 'opportunity', department => 'sales', funnel => 'sales', columns =>
        '{"unit": "region", "stage": "status", "created_at": "opened", "closed_at": "closed"}');
    SELECT count(crm.create_endpoint(k, k, 'anna', k)) FROM unnest('{webhook,slack,teams,mattermost,google_chat,discord,pagerduty,cloudevents,alertmanager,telegram}'::text[]) k;
    SELECT crm.create_rule('win-low', 'win_rate', unit => 'emea', fire_level => 0.4, every => '1 second'), crm.subscribe(principal => 'anna');
    INSERT INTO deals (region, status, opened, closed)
    SELECT 'emea', CASE WHEN n <= 2 THEN 'won' ELSE 'lost' END, now() - interval '1 day', now() FROM generate_series(1, 10) n;
});

# a real Alertmanager, where the distribution's package is installed
my $program = (grep { -x } '/usr/bin/prometheus-alertmanager', $ENV{ALERTMANAGER} // '')[0];
my ($alertmanager, $alerts);
if ($program)
{
    $alerts = free_port();
    my $conf = write_file('alertmanager.yml', "route: {receiver: none}\nreceivers: [{name: none}]\n");
    $alertmanager = IPC::Run::start([ $program, "--config.file=$conf", "--storage.path=$dir/alerts", "--web.listen-address=127.0.0.1:$alerts",
            '--cluster.listen-address=' ], '<', \undef, '>', '/dev/null', '2>', "$dir/alertmanager.log");
    ok(wait_until { (get($alerts, '/-/ready'))[0] == 200 }, 'Alertmanager is up') or diag(slurp_file("$dir/alertmanager.log"));
}
my $secrets = join '', map { "[$_]\nurl = " . $receiver->url("/$_") . "\nkey = $key\n" . ($_ eq 'pagerduty' ? "routing_key = R0123456789abcdef\n" : $_ eq 'telegram' ? "chat_id = -1001234567\n" : '') }
  qw(webhook slack teams mattermost google_chat discord pagerduty cloudevents telegram);
$secrets .= "[alertmanager]\nurl = " . ($alerts ? "http://127.0.0.1:$alerts/api/v2/alerts" : $receiver->url('/alertmanager')) . "\n";
write_file('secrets.ini', $secrets);
my $config = write_file('crmd.ini', "[crmd]\ndsn = " . $node->connstr('postgres') . " user=daemon\nworker = main\n"
      . "secrets = $dir/secrets.ini\nallow_private = yes\nidle_ms = 50\nact_listen = 127.0.0.1:$act\n");
my $crmd = IPC::Run::start([ $ENV{CRMD}, '-c', $config, 'run' ], '<', \undef, '>', '/dev/null', '2>>', "$dir/crmd.log");

ok(wait_until { sql("SELECT count(*) FROM crm.delivery WHERE state = 'delivered'") == 10 }, 'every kind is delivered')
  or diag(slurp_file("$dir/crmd.log"), sql("SELECT endpoint, state, detail FROM crm.delivery"));
my %got = map { (substr($_->{path}, 1) => $_) } $receiver->requests;
for my $kind (qw(webhook slack teams mattermost google_chat discord cloudevents))
{
    my $written = sql("SELECT body FROM crm.delivery_history WHERE endpoint = '$kind'");
    utf8::decode($written);
    is($got{$kind}{body}, $written, "$kind: what was written is what is sent");
    is($got{$kind}{verified}, JSON::PP::true, "$kind: and what is signed");
}
is($got{cloudevents}{headers}{'content-type'}, 'application/cloudevents+json', 'a CloudEvent says what it is');
my $event = decode_json(Encode::encode('UTF-8', $got{pagerduty}{body}));
is("$event->{routing_key} $event->{event_action}", 'R0123456789abcdef trigger', 'PagerDuty gets its key');
is($got{pagerduty}{verified}, JSON::PP::true, 'which is in what is signed');
my $chat = decode_json(Encode::encode('UTF-8', $got{telegram}{body}));
is("$chat->{chat_id} $chat->{parse_mode} " . scalar(@{ $chat->{reply_markup}{inline_keyboard}[0] }), '-1001234567 HTML 1', 'Telegram gets its chat');
is(sql("SELECT count(*) FROM crm.delivery_history WHERE body ~ 'R0123456789abcdef|1001234567'"), 0, 'and not in the database');
unlike(slurp_file("$dir/crmd.log"), qr/R0123456789abcdef|1001234567/, 'nor in the log');

SKIP: {
    skip 'prometheus-alertmanager is not installed', 3 unless $program;
    my ($status, undef, $body) = get($alerts, '/api/v2/alerts');
    $body =~ s/^[0-9a-f]+\r\n(.*?)\r\n0\r\n.*$/$1/s;
    my $list = decode_json($body);
    is(scalar(@$list), 1, 'Alertmanager has one alert');
    is($list->[0]{labels}{alertname} . ' ' . $list->[0]{status}{state}, 'win-low active', 'which is active');
    like($list->[0]{annotations}{description}, qr/Win rate van EMEA/, 'and says why');
}

# the page: a look changes nothing, however often, also a HEAD, as previews do
my ($path) = $got{slack}{body} =~ m{http://127\.0\.0\.1:$act(/act/[0-9]+-[A-Za-z0-9_-]{43})"};
ok($path, 'the message has a link');
my ($status, $headers, $html) = get($act, $path);
is($status, 200, 'the page is there');
like($html, qr{<h1>Antwoorden als Anna</h1>}, 'in her language');
like($html, qr{EMEA &lt;script&gt;}, 'names are escaped');
unlike($html, qr/<script|<img|<a |http:/, 'there is no script, picture or link in it');
like($headers->{'content-security-policy'}, qr/default-src 'none'.*frame-ancestors 'none'/, 'nobody frames it');
is("$headers->{'x-frame-options'} $headers->{'cache-control'} $headers->{'referrer-policy'}", 'DENY no-store no-referrer', 'nobody keeps it');
get($act, $path) for 1 .. 3;
is((request($act, "HEAD $path HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))[0], 200, 'HEAD');
is(sql("SELECT string_agg(DISTINCT state, ',') || count(*) FROM crm.alert"), 'firing1', 'looks changed nothing');
my ($look) = $html =~ /name="look" value="([^"]+)"/;

# what is posted without a look does nothing but show the page
is((post($act, $path, [ verb => 'acknowledge' ]))[0], 200, 'without a look: the page again');
is((post($act, $path, [ verb => 'acknowledge' ], [ look => '1-' . 'A' x 43 ]))[0], 200, 'with a forged one too');
is(sql("SELECT state FROM crm.alert"), 'firing', 'and nothing is done');
# sizes, methods, paths
is((post($act, $path, [ look => $look ], [ verb => 'acknowledge' ], [ comment => 'x' x 5000 ]))[0], 413, 'a comment that is too long');
is((post($act, $path, [ junk => 'x' x 40000 ]))[0], 413, 'a body that is too large');
is((request($act, "PUT $path HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"))[0], 405, 'another method');
is((get($act, '/'))[0], 404, 'another path');
is((get($act, '/act/' . 'x' x 200))[0], 404, 'a long token');
is((get($act, '/act/1-' . 'A' x 43))[0], 404, 'a forged token');
is((get($act, "/act/%27%3B--"))[0], 404, 'no token');
is((request($act, "POST $path HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi"))[0], 400, 'no form');
request($act, "GET / HTTP/1.1\r\nX: " . 'y' x 30000 . "\r\n\r\n");
request($act, "\x00\xff garbage\r\n\r\n");
is(sql("SELECT state FROM crm.alert"), 'firing', 'still nothing is done');
# a connection that says nothing keeps nobody from the page
my @silent = map { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $act) } 1 .. 20;
is((get($act, $path))[0], 200, 'beside silent connections');
close $_ for @silent;

# a look, then the button
($status, $headers, $html) = post($act, $path, [ look => $look ], [ verb => 'acknowledge' ], [ comment => "twee deals, \xc3\xa9\xc3\xa9n weg" ]);
is($status, 200, 'acknowledged');
like($html, qr{<h1>Bevestigd\.</h1>}, 'says so');
is(sql("SELECT state || ' ' || acknowledged_by || ' ' || comment FROM crm.alert"), "acknowledged anna twee deals, \xc3\xa9\xc3\xa9n weg", 'as her, with her words')
  or diag(slurp_file("$dir/crmd.log"));
is((post($act, $path, [ look => $look ], [ verb => 'acknowledge' ]))[0], 410, 'a second time it is used');
# another message's token for the same alert works once more
my ($other) = $got{teams}{body} =~ m{http://127\.0\.0\.1:$act(/act/[0-9]+-[A-Za-z0-9_-]{43})"};
($look) = (get($act, $other))[2] =~ /name="look" value="([^"]+)"/;
is((post($act, $other, [ look => $look ], [ verb => 'silence' ], [ comment => '' ]))[0], 200, 'silenced by another');
is(sql("SELECT created_by || ' ' || rule FROM crm.silence"), 'anna win-low', 'as her');

# while the database is away the page says so, and comes back
my $third = ($got{mattermost}{body} =~ m{http://127\.0\.0\.1:$act(/act/[0-9]+-[A-Za-z0-9_-]{43})})[0];
$node->stop('fast');
is((get($act, $third))[0], 503, 'without the database');
$node->start;
ok(wait_until { (get($act, $third))[0] == 200 }, 'and with it again');
unlike(slurp_file("$dir/crmd.log"), qr/[0-9]+-[A-Za-z0-9_-]{43}/, 'no token stands in the log');

if ($program)
{
    sql(q{DELETE FROM crm.silence; UPDATE deals SET status = 'won'});
    ok(wait_until { sql("SELECT count(*) FROM crm.delivery WHERE endpoint = 'alertmanager' AND type = 'alert.resolved' AND state = 'delivered'") == 1 }, 'the end is told');
    ok(wait_until { (get($alerts, '/api/v2/alerts'))[2] !~ /win-low/ }, 'and Alertmanager has no alert any more');
    kill 'TERM', $alertmanager->{KIDS}[0]{PID};
    $alertmanager->finish;
}
kill 'TERM', $crmd->{KIDS}[0]{PID};
$crmd->finish;
is($crmd->result(0), 0, 'crmd stops cleanly');
# an address of another machine is refused before anything begins
write_file('open.ini', "[crmd]\nact_listen = 0.0.0.0:$act\n");
$node->command_fails_like([ $ENV{CRMD}, '-c', "$dir/open.ini", 'run' ], qr/act_listen must be 127/, 'only this machine');
$receiver->stop;
done_testing();
