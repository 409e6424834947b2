#!/usr/bin/perl
# Where crmd must not send to, whatever an address looks like; and that addresses and keys stand in its own file alone.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use Daemon;
use Support qw(wait_until);
use Receiver;

my $key = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
my $seed = 'whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=';
my $d = Daemon->new(conf => "log_statement = all\nlog_min_messages = debug1\nlog_parameter_max_length = -1\n");
my $receiver = Receiver->start(log => "$d->{dir}/requests.log", keys => [$key]);
my $port = $receiver->port;

# --- addresses that are this machine, a neighbour or a service of the cloud, in every spelling -----------------------
my @hosts = (
    '127.0.0.1', '127.1', '127.0.1', '2130706433', '0x7f000001', '0x7f.0.0.1', '0177.0.0.1', '017700000001', '127.0.0.1.', '127.255.255.254',
    '0', '0.0.0.0', '[::]', '[::1]', '[0:0:0:0:0:0:0:1]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[::127.0.0.1]', '[64:ff9b::7f00:1]',
    '[2002:7f00:1::]', 'localhost', 'LocalHost', 'localhost.', '10.0.0.1', '172.16.0.1', '192.168.0.1', '100.64.0.1', '169.254.169.254',
    '[::ffff:169.254.169.254]', '0xa9fea9fe', '2852039166', '[fd00:ec2::254]', '[fe80::1]', '168.63.129.16', '224.0.0.1', '255.255.255.255',
    '[ff02::1]', '192.0.2.1', '[2001:db8::1]', '0x7f.1', '0177.1', '00000177.0.0.1', '0x7f000001.', '4294967297', '[::ffff:0:127.0.0.1]',
    '[::ffff:0a00:1]', '[64:ff9b::a00:1]', '[fe80::1%25lo]', '[::1%25lo]', '%31%32%37.0.0.1', '127%2e0%2e0%2e1', '%6c%6f%63alhost',
    '%EF%BC%91%EF%BC%92%EF%BC%97.0.0.1',
    '%E2%91%A0%E2%91%A1%E2%91%A6.%E2%93%AA.%E2%93%AA.%E2%91%A0', '127%E3%80%820.0.1', '%C5%82ocalhost',
    '-', 'x' x 300, 'intranet', 'metadata', 'metadata.google.internal');
my $number = 0;
my %host_of = map { ('host' . $number++ => $_) } @hosts;
$d->write_file('secrets.ini', join '', map { "[$_]\nurl = http://$host_of{$_}:$port/hook-of-$_\nkey = $key\n" } sort keys %host_of);
$d->endpoint(sort keys %host_of);
$d->queue($_, "msg_$_") for sort keys %host_of;
my ($code) = $d->run_crmd('', '-c', $d->config('strict', allow_private => 'no', allow_http => 'yes'), 'once');
is($code, 3, 'nothing of the list is sent');
is(scalar($receiver->requests), 0, 'and nothing arrives');
like($d->detail("msg_$_"), qr/^not sent: /, "$host_of{$_}: not sent") for sort keys %host_of;
is($d->sql("SELECT count(*) FROM crm.delivery_attempt WHERE outcome <> 'retry' OR status IS NOT NULL"), 0, 'no connection was made for any');

# allowed addresses are allowed in every spelling, and nothing beside them
$d->sql('UPDATE crm.delivery_queue SET next_at = now()');
$d->run_crmd('', '-c', $d->config('some', allow_private => 'no', allow_http => 'yes', allow_networks => '127.0.0.1/32'), 'once');
my %got = map { ($_->{headers}{'webhook-id'} =~ s/^msg_//r => 1) } $receiver->requests;
my %name_of = reverse %host_of;
ok($got{ $name_of{$_} }, "$_ is in 127.0.0.1/32") for '127.0.0.1', '127.1', '2130706433', '0x7f000001', '017700000001';
ok(!$got{ $name_of{$_} }, "$_ is not") for '127.255.255.254', '10.0.0.1', '169.254.169.254', '0.0.0.0', '[::]';

# allow_private opens no service of the cloud
$d->sql("DELETE FROM crm.delivery_queue WHERE endpoint NOT IN (SELECT unnest(ARRAY['" . join("', '", grep { $host_of{$_} =~ /169\.254|a9fe|2852039166|ec2|fe80|168\.63/ } keys %host_of) . "']))");
$d->sql('UPDATE crm.delivery_queue SET next_at = now()');
$d->run_crmd('', '-c', $d->config('private', allow_http => 'yes'), 'once');
is($d->sql("SELECT count(*) FROM crm.delivery_queue WHERE detail NOT LIKE 'not sent: % only allow_networks allows it'"), 0, 'metadata services stay closed');
cmp_ok($d->sql('SELECT count(*) FROM crm.delivery_queue'), '>=', 7, 'all of them');
$d->sql('DELETE FROM crm.delivery_queue');

# --- addresses that crmd does not take at all -------------------------------------------------------------------------
my $own = $d->config('own', secrets => "$d->{dir}/own-secrets.ini");
for my $url ("http://user\@hooks.example.com/", "https://user:word\@hooks.example.com/", "https://hooks.example.com\@127.0.0.1/", 'ftp://x/', 'file:///etc/passwd',
    'gopher://127.0.0.1/', "https://\x{e2}\x{91}\x{a0}.example.com/", "https://a b/", "https://a\tb/", "//x/", 'https:///x', '')
{
    my ($result, $out, $err) = $d->run_crmd("url = $url\nkey = $key\n", '-c', $own, 'secret', 'set', 'a');
    is($result, 1, "refused: " . ($url =~ s/[^ -~]/?/gr));
    like($err, qr/^crmd: (?:the url of \[a\] is no https, http, smtps or smtp address without a user's name|the url of \[a\] is empty)$/, 'for what it is');
    unlike($err, qr/word|whsec/, 'and not repeated');
}

# Newer releases of libcurl do not take dots alone for a host, older ones leave it to whoever resolves it.
$d->endpoint('dots');
for my $dots ('.', '..')
{
    $d->write_file('secrets.ini', "[dots]\nurl = http://$dots:$port/dots\nkey = $key\n");
    $d->queue('dots', 'msg_dots' . length $dots);
    my ($result, $out, $err) = $d->run_crmd('', '-c', $d->config('dots', allow_http => 'yes'), 'once');
    my $detail = $d->detail('msg_dots' . length $dots) // '';
    ok($result == 1 ? $err =~ /the url of \[dots\] is no https/ : $detail =~ /^not sent: /, "$dots: not taken, or not sent") or diag("$result $err$detail");
}
is(scalar(grep { $_->{path} eq '/dots' } $receiver->requests), 0, 'and nothing arrives');
$d->sql('DELETE FROM crm.delivery_queue');

# --- headers and bodies -----------------------------------------------------------------------------------------------
$d->write_file('secrets.ini', "[hook]\nurl = http://127.0.0.1:$port/secret-path-of-hook\nkeys = $key $seed\n");
$d->endpoint('hook');
my $main = $d->config('main');
$d->sql("INSERT INTO crm.delivery_queue (message_id, alert, transition, type, rule, unit, units, endpoint, audience, body)
         VALUES (E'msg_x\\r\\nx-injected: 1', 9001, 1, 't', 'r', 'u', '{u}', 'hook', 'someone', '{}')");
$d->run_crmd('', '-c', $main, 'once');
is($d->sql("SELECT state || ': ' || detail FROM crm.delivery_history WHERE alert = 9001"),
    'dead: the message id holds characters that no header may hold', 'a line break in an id is never sent');
is(scalar(grep { exists $_->{headers}{'x-injected'} } $receiver->requests), 0, 'no header was slipped in');
$receiver->modes('302:http://169.254.169.254/latest/meta-data/ 200');
$d->queue('hook', 'msg_redirect');
$d->run_crmd('', '-c', $main, 'once');
is($d->row("state || ' ' || attempt", 'msg_redirect'), 'pending 1', 'a redirect is not followed');
{
    local @ENV{qw(http_proxy https_proxy all_proxy HTTPS_PROXY ALL_PROXY)} = ('http://127.0.0.1:1/') x 5;
    $d->sql('UPDATE crm.delivery_queue SET next_at = now()');
    $d->run_crmd('', '-c', $main, 'once');
    is($d->state('msg_redirect'), 'delivered', 'no proxy of the environment is used');
}
$d->sql("INSERT INTO crm.delivery_queue (message_id, alert, transition, type, rule, unit, units, endpoint, audience, body)
         VALUES ('msg_large', 9002, 1, 't', 'r', 'u', '{u}', 'hook', 'someone', repeat('x', 2000000))");
$d->run_crmd('', '-c', $main, 'once');
my ($large) = $receiver->requests('msg_large');
is(length $large->{body}, 2_000_000, 'two million bytes arrive as they are');

# --- both signatures in one header ------------------------------------------------------------------------------------
my ($v1, $v1a) = split / /, $large->{headers}{'webhook-signature'};
like($v1, qr{^v1,[A-Za-z0-9+/]{43}=$}, 'v1');
like($v1a, qr{^v1a,[A-Za-z0-9+/]{86}==$}, 'v1a beside it');
is($large->{verified}, JSON::PP::true, 'v1 is right');
my ($public_code, $public) = $d->run_crmd('', '-c', $main, 'secret', 'public', 'hook');
is("$public_code $public", "0 whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n", 'the public key for the receiver');
SKIP: {
    skip 'no openssl program', 1 if system('command -v openssl >/dev/null') != 0;
    my $bytes = sub { my ($name, $text) = @_; open my $f, '>:raw', "$d->{dir}/$name" or die $!; print $f $text; close $f; return "$d->{dir}/$name" };
    my $message = $bytes->('message', join '.', @{ $large->{headers} }{qw(webhook-id webhook-timestamp)}, $large->{body});
    my $signature = $bytes->('signature', MIME::Base64::decode_base64($v1a =~ s/^v1a,//r));
    my $pub = $bytes->('pub', pack('H*', '302a300506032b6570032100') . MIME::Base64::decode_base64($public =~ s/^whpk_//r));
    is(system("openssl pkeyutl -verify -pubin -inkey $pub -keyform DER -rawin -in $message -sigfile $signature >/dev/null"), 0,
        'v1a is right, says openssl');
}
# Another implementation, where CRM_WEBHOOK_VERIFIER is the folder that scripts/webhook-verifier filled.
SKIP: {
    my $python = ($ENV{CRM_WEBHOOK_VERIFIER} // '') . '/bin/python';
    skip 'CRM_WEBHOOK_VERIFIER is not the folder that scripts/webhook-verifier fills', 4 if !-x $python;
    my $program = $d->write_file('verify.py', "import json, sys\nfrom standardwebhooks.webhooks import Webhook\n"
          . "Webhook(sys.argv[1]).verify(open(sys.argv[2], encoding='utf-8').read(), json.load(open(sys.argv[3])))\n");
    my $takes = sub {
        my ($with, $body, %headers) = @_;
        my $bytes = $body;
        utf8::encode($bytes);
        my @files = ($d->write_file('verified-body', $bytes), $d->write_file('verified-headers', JSON::PP->new->encode(\%headers)));
        return system("$python $program $with @files 2>/dev/null") == 0;
    };
    # what crmd sent: JSON, letters beyond ASCII, two signatures of v1 and one of v1a
    my $other = 'whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3';
    $d->write_file('secrets.ini', "[hook]\nurl = http://127.0.0.1:$port/secret-path-of-hook\nkeys = $other $key $seed\n");
    local $d->{body} = qq({"text": "Umsatz f\xc3\xa4llt \xe2\x82\xac"});
    $receiver->modes('200');
    $d->queue('hook', 'msg_verified');
    $d->run_crmd('', '-c', $main, 'once');
    my ($one) = $receiver->requests('msg_verified');
    my %headers = map { ($_ => $one->{headers}{$_}) } qw(webhook-id webhook-timestamp webhook-signature);
    is(scalar(split / /, $headers{'webhook-signature'}), 3, 'three signatures in one header');
    ok($takes->($key, $one->{body}, %headers), 'standardwebhooks takes it with the old key');
    ok($takes->($other, $one->{body}, %headers), 'and with the new one');
    ok(!$takes->($key, "$one->{body} ", %headers), 'and not when a byte was changed');
    $d->write_file('secrets.ini', "[hook]\nurl = http://127.0.0.1:$port/secret-path-of-hook\nkeys = $key $seed\n");
}

# --- the secrets file as systemd hands it to a service: readable by its group, in a folder of its own
mkdir "$d->{dir}/credentials" or die $!;
my $credential = $d->write_file('credentials/secrets.ini', slurp_file("$d->{dir}/secrets.ini"));
my $without = $d->config('credential', secrets => undef);
for my $case ([ 0440, qr/^ok    secrets        \Q$credential\E, 1 section$/m ], [ 0460, qr/^FAIL  secrets        .* can be read by others \(mode 0460\)/m ],
    [ 0444, qr/^FAIL  secrets        .* can be read by others \(mode 0444\)/m ])
{
    chmod $case->[0], $credential;
    local $ENV{CREDENTIALS_DIRECTORY} = "$d->{dir}/credentials";
    my (undef, $out) = $d->run_crmd('', '-c', $without, 'check');
    like($out, $case->[1], sprintf 'a credential of mode %04o', $case->[0]);
}
chmod 0440, "$d->{dir}/secrets.ini";
my (undef, $beside) = $d->run_crmd('', '-c', $without, 'check');
like($beside, qr{^FAIL  secrets        \Q$d->{dir}\E/secrets\.ini can be read by others \(mode 0440\)}m, 'without systemd the group may not');
chmod 0600, "$d->{dir}/secrets.ini";

# --- addresses and keys stand in one file -----------------------------------------------------------------------------
$receiver->modes('echo hang 200');
my $daemon = $d->start($main);
$d->queue('hook', 'msg_echo');
wait_until(sub { $d->attempt('msg_echo') >= 2 });
my $activity = $d->sql('SELECT string_agg(query, E\'\n\') FROM pg_stat_activity');
wait_until(sub { $d->state('msg_echo') eq 'delivered' });
is($d->state('msg_echo'), 'delivered', 'a receiver that repeats what it got');
is($d->stop($daemon), 0, 'stops');
my $dump = "$d->{dir}/dump.sql";
$d->{node}->command_ok([ 'pg_dump', '-f', $dump, '-d', $d->{node}->connstr('postgres') ], 'dump');
my ($check_code, $check) = $d->run_crmd('', '-c', $main, 'check');
my %places = ('the database' => slurp_file($dump), 'the log of crmd' => slurp_file($daemon->{log}), 'the log of the server' => slurp_file($d->{node}->logfile),
    'pg_stat_activity' => $activity, 'what check prints' => $check);
for my $place (sort keys %places)
{
    cmp_ok(length $places{$place}, '>', 100, "$place was read");
    unlike($places{$place}, qr/\Q$key\E|\Q$seed\E|secret-path-of-hook/, "neither keys nor addresses are in $place");
}
like(slurp_file("$d->{dir}/secrets.ini"), qr/\Q$key\E/, 'they are in the secrets file');

$receiver->stop;
$d->{node}->stop;
done_testing();
