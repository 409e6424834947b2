#!/usr/bin/perl
# crmd and its database, from the command line: what is delivered, what is kept, and what a kill, a restart or a second
# daemon change about it. The receiver verifies every signature.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time sleep);
use Daemon;
use Receiver;
use Support qw(wait_until free_port);

my ($version) = slurp_file("$ENV{CRM_STAGE}/crm.control") =~ /^default_version = '(.*)'/m;
my $key = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
my $d = Daemon->new(retry => '200 ms', body => qq({"type": "alert.firing", "text": "Umsatz f\xc3\xa4llt"}));
my ($node, $dir) = @$d{qw(node dir)};

# A configuration; what is given replaces what most tests want.
sub config { my ($name, %options) = @_; return $d->config($name, lease_s => 3, %options) }

my $receiver = Receiver->start(log => "$dir/requests.log", keys => [$key]);
my $closed = free_port(); # nobody listens there
$d->write_file('secrets.ini', <<"SECRETS");
[hook]
url = ${\$receiver->url('/hook-of-sales')}
key = $key

[nobody]
url = http://127.0.0.1:$closed/
key = $key

[two-keys]
url = ${\$receiver->url('/two')}
keys = whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA $key
SECRETS
$d->endpoint(qw(hook nobody two-keys missing));
my $config = config('main');

subtest 'the command line' => sub {
    my ($code, $out, $err) = $d->run_crmd('', '--version');
    is("$code $out", "0 crmd $version\n", 'version');
    ($code, $out) = $d->run_crmd('', '--help');
    is($code, 0, 'help');
    like($out, qr/^  $_ /m, "help explains $_") for qw(run once check report dsn worker secrets poll_ms idle_ms lease_s
        timeout_s connect_timeout_s rule_timeout_s stop_s max_parallel allow_http allow_private allow_networks log_level);
    ($code, $out, $err) = $d->run_crmd('', '-c', $config, 'report');
    is("$code $err", "2 crmd: type crmd report --principal NAME; crmd --help lists what else it takes\n", 'report needs a name');
    ($code, $out, $err) = $d->run_crmd('', '-c', $config, 'onse');
    is("$code $err", "2 crmd: unknown command \"onse\"; did you mean \"once\"?\n", 'unknown command');
    ($code, $out, $err) = $d->run_crmd('');
    is("$code $err", "2 crmd: no command; crmd --help lists them\n", 'no command');
    ($code, $out, $err) = $d->run_crmd('', '-c', $config, 'once', 'more');
    is("$code $err", "2 crmd: what is \"more\"? crmd --help lists the commands\n", 'a word too many');
    ($code, $out, $err) = $d->run_crmd('', '-c', "$dir/absent.ini", 'once');
    is("$code $err", "1 crmd: cannot read $dir/absent.ini: No such file or directory; name another file with -c or CRMD_CONFIG\n",
        'no configuration');
    local $ENV{CRMD_CONFIG} = "$dir/other.ini";
    ($code, $out, $err) = $d->run_crmd('', 'once');
    like($err, qr/cannot read \Q$dir\E\/other\.ini/, 'CRMD_CONFIG names the configuration');
};

subtest 'a bad configuration' => sub {
    my %bad = (
        'time_out_s = 3' => 'unknown option "time_out_s"; did you mean "timeout_s"?',
        'nonsense = 3' => 'unknown option "nonsense"; crmd --help lists the options',
        'timeout_s = soon' => 'timeout_s must be a whole number from 1 to 3600, not "soon"',
        'timeout_s = 0' => 'timeout_s must be a whole number from 1 to 3600, not "0"',
        'allow_http = true' => 'allow_http must be yes or no, not "true"',
        "timeout_s = 3\ntimeout_s = 3" => 'timeout_s is given twice',
    );
    for my $lines (sort keys %bad)
    {
        my $file = $d->write_file('bad.ini', "[crmd]\n$lines\n");
        my ($code, $out, $err) = $d->run_crmd('', '-c', $file, 'check');
        my $line = 1 + split /\n/, $lines;
        is("$code $err", "1 crmd: $file line $line: $bad{$lines}\n", $lines =~ s/\n/ and /r);
    }
    my ($code, $out, $err) = $d->run_crmd('', '-c', $d->write_file('bad.ini', "[crmd]\nlease_s = 5\ntimeout_s = 5\n"), 'check');
    like($err, qr/lease_s \(5\) must be greater than timeout_s \(5\)/, 'a lease that does not outlast the request');
};

subtest 'check' => sub {
    my ($code, $out, $err) = $d->run_crmd('', '-c', $config, 'check');
    is($code, 1, 'an endpoint without a section fails');
    like($out, qr/^ok    configuration  \Q$config\E, worker main$/m, 'configuration');
    like($out, qr/^ok    secrets        \Q$dir\E\/secrets\.ini, 3 sections$/m, 'secrets');
    like($out, qr/^ok    connection     database postgres as role daemon, server /m, 'connection');
    my $version = $d->sql("SELECT extversion FROM pg_extension WHERE extname = 'crm'");
    like($out, qr/^ok    extension      crm \Q$version\E in schema crm$/m, 'extension');
    like($out, qr/^ok    privileges     all functions of the daemon$/m, 'privileges');
    like($out, qr/^FAIL  endpoints      missing: no section \[missing\]; crmd secret set missing makes it$/m, 'endpoints');

    $d->sql('CREATE ROLE nobody LOGIN');
    ($code, $out) = $d->run_crmd('', '-c', config('nobody', dsn => $node->connstr('postgres') . ' user=nobody'), 'check');
    like($out, qr/^FAIL  privileges     may not call daemon_beat\(text,text\) and [0-9]+ more: an administrator types SELECT crm\.grant_daemon\('nobody'\);$/m,
        'a role without the rights');
    ($code, $out) = $d->run_crmd('', '-c', config('template', dsn => $node->connstr('template1')), 'check');
    like($out, qr/^FAIL  extension      not installed: type CREATE SCHEMA crm; CREATE EXTENSION crm SCHEMA crm;$/m, 'no extension');
    ($code, $out) = $d->run_crmd('', '-c', config('absent', dsn => 'host=/nowhere dbname=x'), 'check');
    is($code, 1, 'no server');
    like($out, qr/^FAIL  connection     connection to server on socket "\/nowhere/m, 'no server: says so');

    ($code, $out) = $d->run_crmd('', '-c', config('secretless', secrets => "$dir/none.ini"), 'check');
    like($out, qr/^warn  secrets        cannot read the secrets file \Q$dir\E\/none\.ini: No such file or directory; crmd secret set makes it$/m,
        'no secrets file: run goes on without');
    is(scalar(() = $out =~ /^FAIL  /mg), 4, 'no secrets file: what fails is that endpoints have no section');

    for (['0.0.9', "the extension is older than crmd $version: type ALTER EXTENSION crm UPDATE"],
         ['99.0', "crmd $version is older than the extension: install the crmd of its version"]) {
        my ($other, $advice) = @$_;
        $d->sql("UPDATE pg_extension SET extversion = '$other' WHERE extname = 'crm'");
        ($code, $out) = $d->run_crmd('', '-c', $config, 'check');
        like($out, qr/^FAIL  extension      \Q$advice\E$/m, "extension $other: check says which is behind");
        ($code, $out, $err) = $d->run_crmd('', '-c', $config, 'once');
        like($out . $err, qr/level=warning event=versions_differ connection=\w+ extension=\Q$other\E detail="\Q$advice\E"/, 'and so does what runs');
    }
    $d->sql("UPDATE pg_extension SET extversion = '$version' WHERE extname = 'crm'");

    chmod 0640, "$dir/secrets.ini";
    ($code, $out) = $d->run_crmd('', '-c', $config, 'check');
    like($out, qr/^FAIL  secrets        \Q$dir\E\/secrets\.ini can be read by others \(mode 0640\): type chmod 600 /m,
        'a secrets file that others may read');
    my ($once) = $d->run_crmd('', '-c', $config, 'once');
    is($once, 1, 'and nothing runs with it');
    chmod 0600, "$dir/secrets.ini";
};

subtest 'secret set' => sub {
    my $own = config('own', secrets => "$dir/own-secrets.ini");
    my ($code, $out, $err) = $d->run_crmd("url = https://hooks.example.com/x\nkey = $key\n", '-c', $own, 'secret', 'set', 'a');
    is("$code$out$err", '0', 'a section');
    is((stat "$dir/own-secrets.ini")[2] & 07777, 0600, 'mode 0600');
    ($code) = $d->run_crmd("https://hooks.example.com/y\n", '-c', $own, 'secret', 'set', 'b.url');
    is($code, 0, 'one value');
    ($code) = $d->run_crmd("https://hooks.example.com/z\n", '-c', $own, 'secret', 'set', 'a.url');
    is($code, 0, 'one value of a section that there is');
    is(slurp_file("$dir/own-secrets.ini") =~ s/^;.*\n//r, <<"EXPECTED", 'the file');

[a]
url = https://hooks.example.com/z
key = $key

[b]
url = https://hooks.example.com/y
EXPECTED
    my $before = slurp_file("$dir/own-secrets.ini");
    for my $bad ([ 'a', "url = ftp://x/\nkey = $key\n", "the url of [a] is no https, http, smtps or smtp address without a user's name" ],
        [ 'a', "url = https://x/\nkey = secret\n", '[a]: a key is whsec_ and the base64 of 16 to 128 bytes' ],
        [ 'a', "url = https://x/\nkye = $key\n", 'unknown setting "kye" in [a]; did you mean "key"?' ],
        [ 'a', "key = $key\n", '[a] needs a line url = https://...' ],
        [ 'a', '', 'nothing came on standard input' ],
        [ 'a b', "url = https://x/\n", '"a b" is no name of a section: letters, digits and _ - . : / @' ])
    {
        ($code, $out, $err) = $d->run_crmd($bad->[1], '-c', $own, 'secret', 'set', $bad->[0]);
        is("$code $err", "1 crmd: $bad->[2]\n", $bad->[2]);
    }
    is(slurp_file("$dir/own-secrets.ini"), $before, 'what was refused changed nothing');
    is_deeply([ glob "$dir/own-secrets.ini.*" ], [], 'no temporary file is left');
};

subtest 'one pass' => sub {
    $d->queue('hook', 'msg_once');
    my ($code, $out, $err) = $d->run_crmd('', '-c', $config, 'once');
    is($code, 0, 'exit code') or diag($err);
    is($d->state('msg_once'), 'delivered', 'delivered');
    my @got = $receiver->requests('msg_once');
    is(scalar @got, 1, 'one request');
    is($got[0]{verified}, 1, 'signature verified');
    is($got[0]{body}, "{\"type\": \"alert.firing\", \"text\": \"Umsatz f\x{e4}llt\"}", 'the body as it was written');
    is($got[0]{headers}{'content-type'}, 'application/json', 'content-type');
    is($got[0]{headers}{'user-agent'}, "crmd/$version", 'user-agent');
    is($got[0]{path}, '/hook-of-sales', 'path');
    unlike($err, qr/whsec_|\/hook/, 'neither key nor address is in the log');
    ($code) = $d->run_crmd('', '-c', $config, 'once');
    is($code, 0, 'a second pass');
    is(scalar($receiver->requests('msg_once')), 1, 'sends nothing twice');
};

subtest 'what receivers answer' => sub {
    my $once = sub { my ($code) = $d->run_crmd('', '-c', $config, 'once'); return $code };
    my $due = sub { $d->sql('UPDATE crm.delivery_queue SET next_at = now(); UPDATE crm.endpoint_state SET paused_until = NULL, failures = 0') };

    $receiver->modes('500 200');
    $d->queue('hook', 'msg_500');
    is($once->(), 3, '500: a pass that leaves something ends with 3');
    is($d->state('msg_500'), 'pending', '500: kept');
    is($d->detail('msg_500'), 'answer 500', '500: with what the receiver said');
    $due->();
    is($once->(), 0, 'then 200');
    is($d->state('msg_500'), 'delivered', 'delivered');
    my @got = $receiver->requests('msg_500');
    is(scalar @got, 2, 'two requests with one id');
    is(scalar(grep { $_->{verified} eq '1' } @got), 2, 'both verified');

    $receiver->modes('410 200');
    $d->queue('hook', 'msg_410');
    is($once->(), 3, '410 ends with 3');
    is($d->state('msg_410'), 'dead', '410: dead');
    is($d->sql("SELECT endpoint || ': ' || disabled_because FROM crm.endpoint WHERE NOT enabled"), 'hook: the receiver answered 410, gone',
        '410: the endpoint is switched off');
    $d->sql("SELECT crm.enable_endpoint('hook')");

    $receiver->modes('hang 200');
    $d->queue('hook', 'msg_hang');
    my $start = time;
    is($once->(), 3, 'no answer');
    cmp_ok(time - $start, '<', 3, 'no answer: given up after timeout_s');
    is($d->state('msg_hang'), 'pending', 'no answer: kept');
    like($d->detail('msg_hang'), qr/timed out/, 'no answer: the reason');
    $due->();
    $once->();
    is($d->state('msg_hang'), 'delivered', 'no answer, then 200');

    $receiver->modes('drop drop 200'); # the library itself asks again where a kept connection breaks
    $d->queue('hook', 'msg_drop');
    $once->();
    my $dropped = $d->state('msg_drop');
    is($dropped, 'pending', 'connection closed: kept');
    $receiver->modes('200');
    $due->();
    $once->();
    is($d->state('msg_drop'), 'delivered', 'connection closed, then 200');

    $receiver->modes('429:60 200');
    $d->queue('hook', 'msg_429');
    $once->();
    is($d->sql("SELECT next_at - now() BETWEEN interval '50 s' AND interval '61 s' FROM crm.delivery_queue WHERE message_id = 'msg_429'"),
        't', '429: waits as long as the receiver asked');
    $due->();
    $once->();
    is($d->state('msg_429'), 'delivered', '429, then 200');

    $receiver->modes('302:http://127.0.0.1:' . $closed . '/elsewhere 200');
    $d->queue('hook', 'msg_302');
    is($once->(), 3, 'redirect');
    is($d->state('msg_302'), 'pending', 'redirect: not followed, kept');
    $due->();
    $once->();

    $receiver->modes('big 200');
    $d->queue('hook', 'msg_big');
    is($once->(), 0, 'a long answer');
    is($d->state('msg_big'), 'delivered', 'a long answer is an answer');

    $receiver->modes('echo 200');
    $d->queue('hook', 'msg_echo');
    $once->();
    unlike($d->detail('msg_echo'), qr/\/hook/, 'an answer that repeats the address: not kept');
    $due->();
    $once->();

    $d->queue('two-keys', 'msg_two');
    $once->();
    @got = $receiver->requests('msg_two');
    is(split(/ /, $got[0]{headers}{'webhook-signature'}) + 0, 2, 'two keys: two signatures');
    is($got[0]{verified}, 1, 'two keys: the receiver needs one');
    is($d->sql('SELECT count(*) FROM crm.delivery_queue'), 0, 'nothing is left');
};

subtest 'what cannot be sent' => sub {
    $d->queue('nobody', 'msg_refused');
    my ($code) = $d->run_crmd('', '-c', $config, 'once');
    is("$code " . $d->state('msg_refused'), '3 pending', 'refused connection: kept');
    like($d->detail('msg_refused'), qr/Couldn't connect|Failed to connect|refused/i, 'refused connection: the reason');
    $d->sql("DELETE FROM crm.delivery_queue");

    $d->queue('missing', 'msg_missing');
    ($code) = $d->run_crmd('', '-c', $config, 'once');
    is("$code " . $d->state('msg_missing') . ' ' . $d->detail('msg_missing'),
        '3 pending the secrets file has no section [missing]', 'no section: kept');
    $d->sql("DELETE FROM crm.delivery_queue");

    my $before = $receiver->requests;
    $d->queue('hook', 'msg_private');
    ($code) = $d->run_crmd('', '-c', config('strict', allow_private => 'no'), 'once');
    is("$code " . $d->state('msg_private'), '3 pending', 'a loopback address: kept');
    is($d->detail('msg_private'), 'not sent: 127.0.0.1 is private or this machine\'s own; allow_networks or allow_private = yes allows it',
        'a loopback address: the reason');
    is(scalar($receiver->requests), $before, 'a loopback address: nothing arrived');
    $d->sql("DELETE FROM crm.delivery_queue");
};

subtest 'once, without a server' => sub {
    my ($code, $out, $err) = $d->run_crmd('', '-c', config('absent', dsn => 'host=/nowhere dbname=x'), 'once');
    is($code, 1, 'exit code 1');
    like($err, qr/ event=connection-lost connection=fold error="connection to server on socket .*failures=1 retry_ms=-1$/m, 'says so');
};

subtest 'run, and SIGTERM' => sub {
    $receiver->modes('200');
    my $patient = config('run', worker => 'main', timeout_s => 30, lease_s => 60); # that no answer is late, however busy the machine
    my $daemon = $d->start($patient);
    ok(wait_until { $d->sql("SELECT count(*) FROM crm.daemon WHERE worker = 'main'") == 1 }, 'says that it is alive');
    $d->queue('hook', 'msg_run');
    ok(wait_until { $d->state('msg_run') eq 'delivered' }, 'delivers');
    open my $status, '<', "/proc/$daemon->{pid}/status" or die $!;
    my ($resident) = map { /^VmRSS:\s+([0-9]+) kB/ ? $1 : () } <$status>;
    cmp_ok($resident, '<', 30 * 1024, "resident memory ($resident kB)");
    $d->queue('hook', map { "msg_many_$_" } 1 .. 40);
    is($d->stop($daemon), 0, 'SIGTERM: exit code 0');
    is($d->sql("SELECT count(*) FROM crm.delivery_queue WHERE state = 'leased'"), 0, 'nothing is left claimed');
    ok(wait_until { $d->sql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'daemon'") == 0 }, 'no connection is left');
    my ($code) = $d->run_crmd('', '-c', $patient, 'once');
    is($code, 0, 'the rest goes with the next pass');
    is($d->sql("SELECT count(*) FROM crm.delivery_history WHERE message_id LIKE 'msg\\_many%' AND state = 'delivered'"), 40, 'all of it');
    my %times = $receiver->arrivals;
    is(scalar(grep { $times{"msg_many_$_"} == 1 } 1 .. 40), 40, 'each once');
};

subtest 'SIGTERM while a request is under way' => sub {
    $receiver->modes('hang 200');
    my $daemon = $d->start($config);
    $d->queue('hook', 'msg_flying');
    ok(wait_until { $receiver->requests('msg_flying') }, 'is being sent');
    is($d->stop($daemon), 0, 'exit code 0');
    is($d->state('msg_flying'), 'pending', 'its result was reported');
    like($d->detail('msg_flying'), qr/timed out/, 'with the reason');
    $d->sql('UPDATE crm.delivery_queue SET next_at = now()');
    $d->run_crmd('', '-c', $config, 'once');
    is($d->state('msg_flying'), 'delivered', 'and it is delivered later');
};

subtest 'SIGHUP reads the secrets again' => sub {
    my $daemon = $d->start($config);
    $d->queue('missing', 'msg_hup');
    ok(wait_until { $d->state('msg_hup') eq 'pending' && $d->attempt('msg_hup') >= 1 }, 'no section yet');
    $d->run_crmd("url = ${\$receiver->url('/new')}\nkey = $key\n", '-c', $config, 'secret', 'set', 'missing');
    kill 'HUP', $daemon->{pid};
    ok(wait_until { $d->state('msg_hup') eq 'delivered' }, 'delivered when there is one');
    $d->write_file('secrets.ini.good', slurp_file("$dir/secrets.ini"));
    $d->write_file('secrets.ini', "[hook]\nurl = nonsense\n");
    ok($d->hup($daemon, 'reload-refused'), 'a bad file is refused');
    $d->queue('missing', 'msg_hup2');
    ok(wait_until { $d->state('msg_hup2') eq 'delivered' }, 'and the old secrets stay');
    rename "$dir/secrets.ini.good", "$dir/secrets.ini";
    is($d->stop($daemon), 0, 'exit code 0');
};

subtest 'the server restarts' => sub {
    my $daemon = $d->start($config);
    $d->queue('hook', 'msg_before');
    ok(wait_until { $d->state('msg_before') eq 'delivered' }, 'delivers before');
    $node->restart;
    $d->queue('hook', 'msg_after');
    ok(wait_until { $d->state('msg_after') eq 'delivered' }, 'delivers after');
    is($d->attempt('msg_after'), 1, 'with one attempt');

    # an answer that comes while the server is down is reported afterwards, under the same claim
    $receiver->modes('hang 200');
    my $patient = config('patient', timeout_s => 3, lease_s => 60);
    is($d->stop($daemon), 0, 'stops');
    $daemon = $d->start($patient);
    $d->queue('hook', 'msg_between');
    ok(wait_until { $receiver->requests('msg_between') }, 'is being sent');
    $node->stop;
    ok(wait_until { slurp_file($daemon->{log}) =~ /event=unanswered .*msg_between/ }, 'its answer comes while the server is down');
    $node->start;
    ok(wait_until { $d->sql("SELECT count(*) FROM crm.delivery_attempt a JOIN crm.delivery_history h ON h.id = a.delivery
                         WHERE h.message_id = 'msg_between'") == 2 }, 'the result is reported afterwards');
    is($d->sql("SELECT string_agg(outcome, ' ' ORDER BY a.attempt) FROM crm.delivery_attempt a
            JOIN crm.delivery_history h ON h.id = a.delivery WHERE h.message_id = 'msg_between'"), 'unanswered delivered',
        'and no attempt is lost');
    is($d->stop($daemon), 0, 'exit code 0');
};

subtest 'kill -9, and another daemon' => sub {
    $receiver->modes('hang 200');
    my $daemon = $d->start($config);
    $d->queue('hook', 'msg_kill');
    ok(wait_until { $receiver->requests('msg_kill') }, 'is being sent');
    kill 'KILL', $daemon->{pid};
    $daemon->{handle}->finish;
    is($d->state('msg_kill'), 'leased', 'claimed by the dead');
    my $second = $d->start(config('second'));
    ok(wait_until { $d->state('msg_kill') eq 'delivered' }, 'the other delivers when the lease is over');
    my @got = $receiver->requests('msg_kill');
    cmp_ok($got[1]{at} - $got[0]{at}, '>', 2.5, 'not before');
    is($d->stop($second), 0, 'exit code 0');
};

subtest 'two daemons share the work' => sub {
    $receiver->modes('200');
    my @daemons = map { $d->start(config($_, max_parallel => 4)) } qw(left right);
    ok(wait_until { $d->sql("SELECT count(*) FROM crm.daemon WHERE worker IN ('left', 'right')") == 2 }, 'both are there');
    $d->sql("INSERT INTO crm.delivery_queue (message_id, alert, transition, type, rule, unit, units, endpoint, audience, body)
         SELECT 'msg_share_' || i, 100000 + i, 1, 'alert.firing', 'r', 'u', '{u}', 'hook', 'someone', '{}' FROM generate_series(1, 300) i");
    ok(wait_until { $d->sql('SELECT count(*) FROM crm.delivery_queue') == 0 }, 'all is delivered');
    is($d->stop($_), 0, 'exit code 0') for @daemons;
    is($d->sql("SELECT count(DISTINCT worker) FROM crm.delivery_attempt a JOIN crm.delivery_history h ON h.id = a.delivery
            WHERE h.message_id LIKE 'msg\\_share%'"), 2, 'by both');
    my %times = $receiver->arrivals;
    is(scalar(grep { $times{"msg_share_$_"} == 1 } 1 .. 300), 300, 'each once');
    my %connections = map { $_->{connection} => 1 } grep { $_->{headers}{'webhook-id'} =~ /^msg_share/ } $receiver->requests;
    cmp_ok(scalar keys %connections, '<=', 8, 'over connections that are kept');
};

subtest 'tables are filled' => sub {
    $d->sql(q{
        SELECT crm.create_unit('acme', 'Acme', 'business');
        CREATE TABLE deals (id serial PRIMARY KEY, region text, status text, amount numeric, opened timestamptz, closed timestamptz);
        INSERT INTO deals (region, status, amount, opened, closed) SELECT 'acme', 'won', n, now(), now() FROM generate_series(1, 10) n;
        SELECT crm.create_funnel('sales', 'opportunity', '[{"key": "open"}, {"key": "won", "milestone": "won", "kind": "won"}]');
        SELECT count(*) FROM crm.adopt('deals', 'opportunity', department => 'sales', funnel => 'sales', columns =>
            '{"unit": "region", "stage": "status", "amount": "amount", "created_at": "opened", "closed_at": "closed"}');
    });
    cmp_ok($d->sql("SELECT count(*) FROM crm.filling WHERE state = 'filling'"), '>', 0, 'something is to be filled');
    my ($code, $out, $err) = $d->run_crmd('', '-c', $config, 'once');
    is($code, 0, 'one pass');
    is($d->sql("SELECT count(*) FROM crm.filling WHERE state <> 'ready'"), 0, 'everything is filled');
    like($err, qr/ event=filled relation=public\.deals room=kpi rows=10$/m, 'says so');
    is($d->sql("SELECT sum(numerator)::bigint FROM crm_bi.kpi_value WHERE kpi_key = 'won_value'"), 55, 'and the number is right');

    # one that cannot be filled is said, left to whoever mends it, and holds up nothing
    $d->sql(q{
        CREATE FUNCTION crm.broken_backfill(relation regclass) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RAISE 'no such luck'; END $$;
        INSERT INTO crm.room_hook (room, position, attach, detach, backfill) VALUES ('broken', -1, 'x', 'x', 'broken_backfill');
        INSERT INTO crm.filling (relation, room, state) VALUES ('deals', 'broken', 'filling');
        INSERT INTO deals (region, status, amount, opened, closed) VALUES ('acme', 'won', 45, now(), now());
    });
    ($code, $out, $err) = $d->run_crmd('', '-c', $config, 'once');
    is($code, 3, 'a room that fails: exit code 3');
    like($err, qr/ event=backfill-failed relation=public\.deals room=broken /, 'a room that fails: said');
    is($d->sql('SELECT count(*) FROM crm.kpi_pending'), 0, 'what had changed is folded all the same');
    is($d->sql("SELECT sum(numerator)::bigint FROM crm_bi.kpi_value WHERE kpi_key = 'won_value'"), 100, 'and the number is right');
    $d->sql("DELETE FROM crm.filling WHERE room = 'broken'; DELETE FROM crm.room_hook WHERE room = 'broken'");
};

subtest 'rules that fail or take too long' => sub {
    $d->sql(q{
        CREATE OR REPLACE FUNCTION crm.evaluate_rule(r crm.rule) RETURNS text LANGUAGE plpgsql AS $$
        BEGIN
            IF r.rule = 'slow' THEN
                PERFORM pg_sleep(30);
            ELSIF r.rule = 'broken' THEN
                RAISE 'no such luck';
            END IF;
            RETURN 'ok';
        END $$;
        INSERT INTO crm.rule (rule, kind, kpi, unit, period, direction, fire_level, clear_level, hold_for, every, created_by)
        SELECT name, 'threshold', 'win_rate', 'acme', 'last 7 days', 'below', 1, 1, '0', '1 hour', 'test'
        FROM unnest(ARRAY['broken', 'good', 'slow']) name;
        INSERT INTO crm.rule_schedule (rule, next_at) SELECT rule, now() FROM crm.rule;
    });
    $receiver->modes('200');
    my $daemon = $d->start(config('rules', rule_timeout_s => 1));
    $d->queue('hook', 'msg_beside');
    ok(wait_until { $d->state('msg_beside') eq 'delivered' }, 'a slow rule delays no delivery');
    ok(wait_until { $d->sql("SELECT count(*) FROM crm.rule_schedule WHERE next_at <= now() OR leased_until IS NOT NULL") == 0 },
        'every rule has had its turn');
    is($d->stop($daemon), 0, 'exit code 0');
    is($d->sql("SELECT string_agg(format('%s %s %s', rule, failures, error), '; ' ORDER BY rule) FROM crm.rule_schedule"),
        'broken 1 no such luck; good 0 ; slow 1 canceling statement due to statement timeout', 'what became of each');
    $d->sql("UPDATE crm.rule_schedule SET next_at = now() WHERE rule = 'broken'");
    my ($code, $out, $err) = $d->run_crmd('', '-c', $config, 'once');
    is($code, 3, 'once: a rule that fails ends with 3');
    like($err, qr/ event=rule-failed rule=broken sqlstate=P0001 error="no such luck"$/m, 'once: and is said');
    $d->sql("UPDATE crm.rule_schedule SET next_at = now() WHERE rule = 'slow'");
    $daemon = $d->start(config('stopped', rule_timeout_s => 30, stop_s => 1));
    ok(wait_until { $d->sql("SELECT leased_by FROM crm.rule_schedule WHERE rule = 'slow'") eq 'stopped' }, 'a slow rule is under way');
    $d->sql("UPDATE crm.rule_schedule SET next_at = now() WHERE rule = 'good'");
    ok(wait_until { $d->sql("SELECT next_at > now() AND leased_until IS NULL FROM crm.rule_schedule WHERE rule = 'good'") eq 't' }, 'and keeps no quick one waiting');
    is($d->sql("SELECT leased_until IS NOT NULL FROM crm.rule_schedule WHERE rule = 'slow'"), 't', 'which was evaluated beside it');
    my $start = time;
    is($d->stop($daemon), 0, 'SIGTERM: exit code 0');
    cmp_ok(time - $start, '<', 5, 'SIGTERM: after stop_s');
    like(slurp_file($daemon->{log}), qr/ event=stopped-unfinished sending=0 unreported=0$/m, 'SIGTERM: says what was broken off');
    $d->sql('DELETE FROM crm.rule');
};

subtest 'killed again and again' => sub {
    $receiver->modes('slow:0.02');
    $d->sql("INSERT INTO crm.delivery_queue (message_id, alert, transition, type, rule, unit, units, endpoint, audience, body)
         SELECT 'msg_killed_' || i, 200000 + i, 1, 'alert.firing', 'r', 'u', '{u}', 'hook', 'someone', '{}' FROM generate_series(1, 150) i");
    my $fast = config('fast', lease_s => 2, max_parallel => 8);
    for my $i (1 .. 8)
    {
        my $daemon = $d->start($fast);
        sleep 0.1 + 0.03 * $i; # before it is connected, or somewhere between claim and report
        kill 'KILL', $daemon->{pid};
        $daemon->{handle}->finish;
    }
    cmp_ok($d->sql("SELECT count(*) FROM crm.delivery_queue"), '>', 0, 'work was left after 8 kills');
    $receiver->modes('200');
    my $daemon = $d->start($fast);
    ok(wait_until { $d->sql('SELECT count(*) FROM crm.delivery_queue') == 0 }, 'nothing is left');
    is($d->stop($daemon), 0, 'exit code 0');
    is($d->sql("SELECT count(*) FROM crm.delivery_history WHERE message_id LIKE 'msg\\_killed%' AND state = 'delivered'"), 150,
        'all is delivered');
    my %times = $receiver->arrivals;
    is(scalar(grep { $times{"msg_killed_$_"} } 1 .. 150), 150, 'and has arrived');
    note scalar(grep { ($times{"msg_killed_$_"} // 0) > 1 } 1 .. 150), ' arrived more than once';
};

is(scalar(grep { $_->{verified} ne '1' } $receiver->requests), 0, 'every request that arrived was signed rightly');
$receiver->stop;
$node->stop;
done_testing();
