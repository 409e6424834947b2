#!/usr/bin/perl
# E-mail: what a mail server gets, byte for byte, what its answers at each stage make of a delivery, and that nothing secret is said where
# it could be read.
use strict;
use warnings;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);
use Daemon;
use MailReceiver;
use Receiver;
use Support qw(wait_until);

plan skip_all => 'the openssl program or the Perl module IO::Socket::SSL is not installed' if !MailReceiver::has_tls();

my $d = Daemon->new(retry => '1 hour', conf => "log_statement = all\nlog_parameter_max_length = -1\n");
my $dir = $d->{dir};
MailReceiver::certificates($dir);
my $mail = MailReceiver->start(dir => $dir);
my $smtps = MailReceiver->start(dir => $dir, name => 'smtps', implicit => 1);
my $key = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
my $hook = Receiver->start(log => "$dir/hook.log", keys => [$key]);
my $port = $mail->port;
my $people = "from = Avisos de gesti\xc3\xb3n <alerts\@crm.example>\nto = anna\@receivers.example, ben\@receivers.example\n";
my $login = "user = alerts\npassword = Tr0ub4dor\n";
my %sections = (
    tls => "url = smtp://127.0.0.1:$port\n$people$login",
    smtps => "url = smtps://127.0.0.1:${\$smtps->port}\n$people$login",
    clear => "url = smtp://127.0.0.1:$port\n${people}starttls = no\n",
    named => "url = smtp://localhost:$port\n$people$login",
    far => "url = smtp://10.1.2.3:25\n${people}starttls = no\n",
    cloud => "url = smtp://169.254.169.254:25\n$people$login",
    web => "url = https://hooks.example.com/x\n",
    nobody => "url = smtps://mail.example.com\nfrom = alerts\@crm.example\n",
    hook => "url = ${\$hook->url('/hook-of-sales')}\nkey = $key\n",
);
$d->write_file('secrets.ini', join "\n", map { "[$_]\n$sections{$_}" } sort keys %sections);
$d->endpoint(sort keys %sections);
$d->sql("UPDATE crm.endpoint SET kind = 'email' WHERE endpoint <> 'hook'");
my %options = (ca_file => "$dir/ca.pem", timeout_s => 2, lease_s => 5);
my $config = $d->config('main', %options);

# A message about an alert in a principal's words, with names that want to be more than names.
my $evil = qq(EMEA\r\nBcc: victim\@evil.example\r\n\r\n.\r\nMAIL FROM:<x\@y>\r\n=?UTF-8?B?PGI+?= <b>\x{202e}gpj.exe\x{2066} \x{e9}\x{20ac}\x{1f600} From ) . ('long ' x 300);
$d->sql(q(SELECT crm.create_principal('anna', language => 'en'), crm.create_principal('berta', language => 'es')));
sub queue_mail
{
    my ($endpoint, $name, %arg) = @_;
    my $message = JSON::PP->new->ascii->encode({
        type => $arg{type} // 'alert.firing', timestamp => '2026-11-22T09:30:00.000Z',
        data => { alert => 12, rule => 'win-rate-low', description => $arg{name} // 'ask Ann', state => 'firing', kpi => { key => 'win_rate', label => 'Win rate', measured_in => 'share' },
            unit => { key => 'emea', name => $arg{name} // 'EMEA' }, period => { since => '2026-10-24', until => '2026-11-22' }, value => 0.215, direction => 'below', level => 0.25,
            since => '2026-11-22T09:30:00.000Z', $arg{type} ? (resolved_at => '2026-11-23T04:00:00.000Z') : (), caused_by => [] } });
    my $who = $arg{who} // 'anna';
    $d->{alerts}++;
    $d->sql("INSERT INTO crm.delivery_queue (message_id, alert, transition, type, rule, unit, units, endpoint, audience, body)
        VALUES ('$name', $d->{alerts}, 1, 'alert.firing', 'r', 'u', '{u}', '$endpoint', 'someone',
                crm.endpoint_body('email', \$m\$$message\$m\$, '$who', '$name', '{\"kpi\": \"https://app.example/k?a=1&b=2\"}'))");
}

sub once { return $d->run_crmd('', '-c', $_[0] // $config, 'once') }
sub outcome { my ($name) = @_; return $d->sql("SELECT a.outcome || ' ' || coalesce(a.status::text, '-') FROM crm.delivery_attempt a
    JOIN crm.delivery d ON d.id = a.delivery WHERE d.message_id = '$name' ORDER BY a.at DESC LIMIT 1") }
sub forget { $d->sql('DELETE FROM crm.delivery_queue') }

# --- byte for byte ----------------------------------------------------------------------------------------------------
queue_mail('tls', 'msg_first');
my $body = $d->sql("SELECT body FROM crm.delivery_queue WHERE message_id = 'msg_first'");
is((once())[0], 0, 'sent by STARTTLS');
my ($got) = $mail->messages;
is($d->row("state || ' ' || coalesce(detail, '')", 'msg_first'), 'delivered ', 'delivered, and nothing more is said of it');
is(outcome('msg_first'), 'delivered 250', 'with the code of the answer');
ok($got->{secure}, 'encrypted');
is_deeply($got->{login}, [ 'PLAIN', 'alerts', 'Tr0ub4dor' ], 'logged in');
is($got->{from}, 'alerts@crm.example', 'sender');
is_deeply($got->{to}, [ 'anna@receivers.example', 'ben@receivers.example' ], 'receivers');
my ($thread) = $body =~ /\AReferences: <(alert-12\.[0-9a-f]+)\@\{domain\}>/ or fail('no thread');
my $head = join "\r\n", 'From: =?UTF-8?B?QXZpc29zIGRlIGdlc3Rpw7Nu?=', ' <alerts@crm.example>', 'To: anna@receivers.example,', ' ben@receivers.example',
    'Message-ID: <msg_first@crm.example>', "In-Reply-To: <$thread\@crm.example>", "References: <$thread\@crm.example>", 'List-Id: <tls.crm.crm.example>',
    'Auto-Submitted: auto-generated', 'X-Auto-Response-Suppress: All', '';
my $rest = $body =~ s/\A[^\n]*\n//r =~ s/\r?\n/\r\n/gr;
$rest .= "\r\n" if $rest !~ /\n\z/; # psql ends its output with one that is not the message's
is($got->{message}, $head . $rest, 'every byte');
is_deeply([ map { s/ .*//r } @{ $got->{commands} } ], [qw(EHLO STARTTLS EHLO AUTH MAIL RCPT RCPT DATA)], 'and nothing said beside it');
ok(wait_until(sub { grep { "@{$_->{commands}}[-1..-1]" eq 'QUIT' } $mail->lines('end') }), 'then goodbye');

queue_mail('smtps', 'msg_smtps');
queue_mail('clear', 'msg_clear');
once();
is($d->state("msg_$_"), 'delivered', "delivered: $_") for qw(smtps clear);
my ($clear) = grep { !$_->{secure} } $mail->messages;
is_deeply([ $clear->{login}, [ map { s/ .*//r } @{ $clear->{commands} } ] ], [ undef, [qw(EHLO MAIL RCPT RCPT DATA)] ], 'starttls = no: to this machine, and nobody logs in');
$mail->modes('auth:LOGIN');
queue_mail('tls', 'msg_login');
once();
is_deeply([ $mail->messages ]->[-1]{login}, [ 'LOGIN', 'alerts', 'Tr0ub4dor' ], 'a server that knows LOGIN alone');

# --- names that want to be more than names, in two languages, firing and resolved -------------------------------------
$mail->modes('ok');
queue_mail('tls', 'msg_evil_en', name => $evil);
queue_mail('tls', 'msg_evil_es', name => $evil, who => 'berta');
queue_mail('tls', 'msg_resolved', who => 'berta', type => 'alert.resolved');
once();
my %by_id = map { ($_->{message} =~ /^Message-ID: <(\w+)@/m ? $1 : '') => $_ } $mail->messages;
for my $id (qw(msg_evil_en msg_evil_es msg_resolved))
{
    my $m = $by_id{$id} or fail("$id did not arrive") or next;
    my ($header) = $m->{message} =~ /\A(.*?\r\n)\r\n/s;
    is(join(' ', $header =~ /^([A-Za-z-]+):/mg),
        'From To Message-ID In-Reply-To References List-Id Auto-Submitted X-Auto-Response-Suppress Date Subject MIME-Version Content-Language Content-Type', "$id: these headers and no others");
    is_deeply($m->{to}, [ 'anna@receivers.example', 'ben@receivers.example' ], "$id: no other receiver");
    is(scalar(grep { length > 76 } split /\r\n/, $m->{message}), 0, "$id: no line is longer than 76");
    unlike($m->{message}, qr/[^\r\n\x20-\x7e]|\r(?!\n)|(?<!\r)\n/, "$id: ASCII and CR LF");
    like($header, qr/^References: <\Q$thread\E\@crm\.example>\r$/m, "$id: of the same thread");
}
unlike($by_id{msg_evil_en}{message}, qr/=E2=80=AE|=E2=81=A6/, 'nothing turns the direction of writing');
like($by_id{msg_evil_en}{message}, qr/\.\.\.(?: |=20|=\r\n)*\(cut\)/, 'cut with a note');
is($d->sql('SELECT count(*) FROM crm.delivery_queue'), 0, 'all of them are delivered');

SKIP: {
    skip 'python3 is not installed', 5 if system("python3 -c 'import email' 2>/dev/null") != 0;
    my $program = $d->write_file('parse.py', <<'PYTHON');
import email, email.policy, json, sys
m = email.message_from_bytes(open(sys.argv[1], 'rb').read(), policy=email.policy.default)
parts = [p for p in m.walk() if not p.is_multipart()]
print(json.dumps({'defects': sum(len(p.defects) for p in m.walk()) + sum(len(h.defects) for p in m.walk() for h in p.values()),
                  'subject': m['subject'], 'from': str(m['from']), 'to': [a.addr_spec for a in m['to'].addresses],
                  'types': [p.get_content_type() for p in parts], 'text': parts[0].get_content(), 'html': parts[1].get_content(),
                  'language': m['content-language'], 'date': m['date'].datetime.isoformat()}))
PYTHON
    my $parse = sub {
        my ($id) = @_;
        open my $file, '>:raw', "$dir/$id.eml" or die $!;
        print $file $by_id{$id}{message};
        close $file;
        return decode_json(scalar `python3 $program $dir/$id.eml`);
    };
    my $resolved = $parse->('msg_resolved');
    is_deeply({ map { ($_ => $resolved->{$_}) } qw(defects subject from to types language date) },
        { defects => 0, subject => 'Resuelto: Win rate, EMEA', from => "Avisos de gesti\x{f3}n <alerts\@crm.example>", to => [ 'anna@receivers.example', 'ben@receivers.example' ],
            types => [ 'text/plain', 'text/html' ], language => 'es', date => '2026-11-22T09:30:00+00:00' },
        "Python's email reads it");
    is($resolved->{text} =~ s/\r//gr, "Resuelto: Win rate, EMEA\n\nWin rate de EMEA es 21,5 %: de nuevo normal.\n\nValor: 21,5 %\nL\x{ed}mite: 25 %\nPer\x{ed}odo: 24 oct 2026 a 22 nov 2026\n"
          . "Desde: 22 nov 2026, 09:30\nResuelto: 23 nov 2026, 04:00\nDescripci\x{f3}n: ask Ann\nRegla: win-rate-low\n\nIndicador: https://app.example/k?a=1&b=2", 'the plain part');
    like($resolved->{html}, qr{<html lang="es".*<h1[^>]*>Resuelto: Win rate, EMEA</h1>.*<a href="https://app\.example/k\?a=1&amp;b=2" style="[^"]*">Indicador</a>}s, 'the other part');
    my $english = $parse->('msg_evil_en');
    is($english->{defects}, 0, 'hostile names make no defects');
    like($english->{subject}, qr/^Alert: Win rate, EMEA  Bcc: victim\@evil\.example    \.  MAIL FROM:<x\@y>  =\?UTF-8\?B\?PGI\+\?= <b>gpj\.exe \x{e9}\x{20ac}\x{1f600} From long/, 'and are read as they are');
}

# --- answers at each stage --------------------------------------------------------------------------------------------
my %answers = (
    # mode => [ outcome and code, detail, whether a message arrived ]
    'greeting=421' => [ 'retry 421', qr/^421-5\.1\.1 no: greeting/ ],
    'greeting=554' => [ 'refused 554', qr/^554-/ ],
    'greeting=garbage' => [ 'retry -', qr/^(?:what the server said is no SMTP|Nul byte in server response line)$/ ], # the second one newer releases of libcurl
    'greeting=drop' => [ 'retry -', qr/./ ],
    'ehlo=502' => [ 'refused 502', qr/^502-/ ],
    'ehlo=drop' => [ 'retry -', qr/./ ],
    'notls' => [ 'retry -', qr/^not sent: the server does not offer STARTTLS; use smtps:\/\/$/ ],
    'starttls=454' => [ 'retry 454', qr/^454-/ ],
    'tls=drop' => [ 'retry -', qr/./ ],
    'ehlo2=drop' => [ 'retry -', qr/./ ],
    'auth:CRAM-MD5,GSSAPI' => [ 'retry -', qr/^not sent: the server does not let anybody log in by PLAIN or LOGIN$/ ],
    'noauth' => [ 'retry -', qr/^not sent: the server does not let anybody log in by PLAIN or LOGIN$/ ],
    'auth=535' => [ 'refused 535', qr/^535-5\.1\.1 no: auth 535 <\*+> \*{6}\/\*{9}$/ ],
    'auth=454' => [ 'retry 454', qr/^454-/ ],
    'auth=drop' => [ 'retry -', qr/./ ],
    'mail=451' => [ 'retry 451', qr/^451-/ ],
    'mail=550' => [ 'refused 550', qr/^550-/ ],
    'mail=drop' => [ 'retry -', qr/^the connection ended before the message was handed over$/ ],
    'mail=garbage' => [ 'retry -', qr/^(?:what the server said is no SMTP|Nul byte in server response line)$/ ], # the second one newer releases of libcurl
    'rcpt1=450' => [ 'retry 450', qr/^receiver 1 of 2: 450-/ ],
    'rcpt2=550' => [ 'refused 550', qr/^receiver 2 of 2: 550-5\.1\.1 no: rcpt2 550 <\*{21}> / ],
    'rcpt2=drop' => [ 'retry -', qr/^the connection ended before the message was handed over$/ ],
    'data=452' => [ 'retry 452', qr/^452-/ ],
    'data=554' => [ 'refused 554', qr/^554-/ ],
    'data=250' => [ 'retry -', qr/^250-/ ],
    'data=drop' => [ 'retry -', qr/^the connection ended before the message was handed over$/ ],
    'end=451' => [ 'retry 451', qr/^451-/, 1 ],
    'end=554' => [ 'refused 554', qr/^554-/, 1 ],
    'end=drop' => [ 'unanswered -', qr/^the connection ended before the message was answered: it may have arrived$/, 1 ],
    'end=garbage' => [ 'unanswered -', qr/^what the server said is no SMTP$/, 1 ],
    'end=slow' => [ 'delivered 250', undef, 1 ],
    'quit=drop' => [ 'delivered 250', undef, 1 ],
    'quit=hang' => [ 'delivered 250', undef, 1 ],
    map { ("$_=hang" => [ $_ eq 'end' ? 'unanswered -' : 'retry -', $_ eq 'end' ? qr/^timeout: no answer to the message, it may have arrived$/ : qr/time/i, $_ eq 'end' ]) }
        qw(greeting ehlo starttls tls ehlo2 auth mail rcpt2 data end),
);
# all at once, each in a pass of its own of one daemon that is never held up: a hanging one takes two seconds, all of them together, too
my $number = 0;
my %name_of = map { ($_ => 'msg_stage_' . $number++) } sort keys %answers;
$mail->modes(join(' ', sort keys %answers) . ' ok');
$d->sql("UPDATE crm.endpoint SET max_in_flight = 100 WHERE endpoint = 'tls'");
my $stages = $d->start($d->config('stages', %options, timeout_s => 3, lease_s => 8));
for my $mode (sort keys %answers) # in order: each connection takes the next mode
{
    queue_mail('tls', $name_of{$mode});
    ok(wait_until(sub { slurp_file($mail->{modes}) !~ /^\Q$mode\E / }), "$mode: a connection was made");
}
ok(wait_until(sub { $d->sql("SELECT count(DISTINCT delivery) FROM crm.delivery_attempt a JOIN crm.delivery d ON d.id = a.delivery
    WHERE message_id LIKE 'msg\\_stage%'") == keys %answers }), 'every attempt came to an end');
is($d->stop($stages), 0, 'the daemon ends');
my %became = map { split /\|/, $_, 3 } split /\n/, $d->sql("SELECT d.message_id, a.outcome || ' ' || coalesce(a.status::text, '-') || '~' || coalesce(a.detail, '') FROM crm.delivery_attempt a
    JOIN crm.delivery d ON d.id = a.delivery WHERE d.message_id LIKE 'msg\\_stage%'");
my %arrived = map { ($_->{message} =~ /^Message-ID: <(\w+)@/m ? $1 : '') => $_->{mode} } $mail->messages;
for my $mode (sort keys %answers)
{
    my ($outcome, $detail, $came) = @{ $answers{$mode} };
    my $name = $name_of{$mode};
    my ($was, $why) = split /~/, $became{$name}, 2;
    is($was, $outcome, "$mode: $outcome");
    like($why, $detail, "$mode: says so") if $detail;
    is($arrived{$name}, $came ? $mode : undef, "$mode: " . ($came ? 'arrived' : 'did not arrive'));
}
my @early = grep { $_->{mode} =~ /^(?:greeting|ehlo|notls|starttls|tls)\b/ } $mail->lines('end');
cmp_ok(scalar @early, '>=', 8, 'connections that ended before TLS');
is(scalar(grep { $_->{login} || "@{$_->{commands}}" =~ /AUTH|MAIL/ } @early), 0, 'on none of them anything but EHLO and STARTTLS was said');
is(scalar(grep { $_->{login} && !$_->{secure} } $mail->lines), 0, 'no password ever went in the clear');
forget();

# --- what was handed over and not answered: one id, or held ---------------------------------------------------------
$mail->modes('end=drop ok');
queue_mail('tls', 'msg_twice');
once();
$d->sql('UPDATE crm.delivery_queue SET next_at = now()');
once();
is($d->row("state || ' ' || attempt", 'msg_twice'), 'delivered 2', 'sent again');
my @twice = grep { $_->{message} =~ /msg_twice/ } $mail->messages;
is(scalar @twice, 2, 'it arrived twice');
is($twice[0]{message}, $twice[1]{message}, 'with the same bytes, so with one id');
$d->sql("SELECT crm.set_delivery_policy('tls', unanswered => 'hold')");
$mail->modes('end=drop ok');
queue_mail('tls', 'msg_held');
once();
is($d->row("state || ': ' || detail", 'msg_held'), 'dead: held, it may have arrived: the connection ended before the message was answered: it may have arrived', 'or held');
$mail->modes('rcpt2=550 rcpt2=550 ok');
queue_mail('tls', 'msg_refused');
once();
$d->sql('UPDATE crm.delivery_queue SET next_at = now()');
once();
like($d->row("state || ': ' || detail", 'msg_refused'), qr/^dead: refused twice: receiver 2 of 2: 550-/, 'refused twice is dead, for all receivers');
my $large = $d->config('large', %options, timeout_s => 20, lease_s => 50);
$mail->modes('cut ok');
queue_mail('tls', 'msg_large', name => 'x' x 100);
$d->sql("UPDATE crm.delivery_queue SET body = body || repeat(repeat('y', 900) || E'\\r\\n', 4600)");
my @cut = once($large);
is(outcome('msg_large'), 'retry -', 'cut off in the middle of four million bytes: not handed over, so not held') or diag("@cut");
$mail->modes('ok');
$d->sql('UPDATE crm.delivery_queue SET next_at = now()');
once($large);
is($d->state('msg_large'), 'delivered', 'and whole the next time');
cmp_ok([ grep { $_->{message} =~ /msg_large/ } $mail->messages ]->[-1]{length}, '>', 4_149_000, 'all of it');

# --- where mail may not go -----------------------------------------------------------------------------------------
my $messages = () = $mail->messages;
queue_mail($_, "msg_at_$_") for qw(named far cloud web nobody);
$d->sql("INSERT INTO crm.delivery_queue (message_id, alert, transition, type, rule, unit, units, endpoint, audience, body)
    VALUES ('msg_no_letter', 7001, 1, 't', 'r', 'u', '{u}', 'tls', 'someone', E'Subject: x\\r\\n\\r\\nx'),
           ('msg_8bit', 7002, 1, 't', 'r', 'u', '{u}', 'tls', 'someone', E'References: <a\@{domain}>\\r\\nSubject: \\u00e9\\r\\n\\r\\nx')");
is((once())[0], 3, 'not sent');
like($d->detail('msg_at_named'), qr/certificate|SSL/, 'a certificate for another name');
like($d->detail('msg_at_far'), qr/^not sent: 10\.1\.2\.3 is another machine's and nothing would be encrypted/, 'in the clear to another machine');
like($d->detail('msg_at_cloud'), qr/^not sent: 169\.254\.169\.254 is link-local or a service of the cloud/, 'a service of the cloud');
is($d->detail('msg_at_web'), '[web] of the secrets file has no smtps or smtp url', 'a section of another kind');
is($d->detail('msg_at_nobody'), '[nobody] of the secrets file has no to', 'nobody to send to');
is($d->row("state || ': ' || detail", 'msg_no_letter'), 'dead: the body is no e-mail: it does not begin with its thread', 'a body that is no e-mail');
is($d->row("state || ': ' || detail", 'msg_8bit'), 'dead: the body is no e-mail: it has a byte or a line that e-mail does not have', 'nor one with other bytes than ASCII');
is(scalar(() = $mail->messages), $messages, 'none of them arrived');
forget();
queue_mail('tls', 'msg_untrusted');
queue_mail('smtps', 'msg_untrusted_smtps');
once($d->config('untrusted', %options, ca_file => undef));
for my $name (qw(msg_untrusted msg_untrusted_smtps))
{
    is(outcome($name), 'retry -', "$name: a certificate that nobody vouches for");
    like($d->detail($name), qr/certificate/, "$name: says so");
}
forget();
queue_mail('tls', 'msg_private');
once($d->config('strict', %options, allow_private => 'no'));
like($d->detail('msg_private'), qr/^not sent: 127\.0\.0\.1 is private or this machine's own/, 'to this machine where that is not allowed');
forget();

# --- a server that hangs holds up nobody else -----------------------------------------------------------------------
$d->sql("UPDATE crm.endpoint SET unanswered = 'retry'");
$mail->modes('end=hang');
my $slow = $d->start($d->config('slow', %options, timeout_s => 20, lease_s => 40, stop_s => 0));
my $count = () = $mail->messages;
queue_mail('tls', 'msg_hanging');
ok(wait_until(sub { (() = $mail->messages) > $count }), 'a message is handed over and not answered');
$d->queue('hook', map { "msg_hook_$_" } 1 .. 50);
ok(wait_until(sub { $d->sql("SELECT count(*) FROM crm.delivery_history WHERE message_id LIKE 'msg\\_hook%' AND state = 'delivered'") == 50 }, 15), '50 webhooks go meanwhile');
is($d->row("state || ' ' || attempt", 'msg_hanging'), 'leased 1', 'while it still waits') or diag($d->detail('msg_hanging'), slurp_file($slow->{log}));
is($d->stop($slow), 1, 'and the daemon ends without it');
is($d->row("state || ' ' || attempt", 'msg_hanging'), 'leased 1', 'which is left to its lease');
forget();

# --- Telegram says in its body how long to wait ------------------------------------------------------------------------
$d->write_file('secrets.ini', "[bot]\nurl = ${\$hook->url('/bot123:SECRETTOKEN/sendMessage')}\nchat_id = -1001234567\n" . slurp_file("$dir/secrets.ini"));
$d->endpoint('bot');
$d->sql("UPDATE crm.endpoint SET kind = 'telegram', retries = '{1 second}' WHERE endpoint = 'bot'");
$hook->modes('telegram:1800 200');
$d->sql("INSERT INTO crm.delivery_queue (message_id, alert, transition, type, rule, unit, units, endpoint, audience, body)
    VALUES ('msg_bot', 8001, 1, 't', 'r', 'u', '{u}', 'bot', 'someone', '{\"chat_id\" : \"{chat_id}\", \"text\" : \"{chat_id}\"}')");
once();
is($d->sql("SELECT next_at - now() BETWEEN interval '20 minutes' AND interval '30 minutes' FROM crm.delivery_queue WHERE message_id = 'msg_bot'"), 't', 'half an hour');
is($d->sql("SELECT paused_until - now() BETWEEN interval '20 minutes' AND interval '30 minutes' FROM crm.endpoint_state WHERE endpoint = 'bot'"), 't', 'for all messages to it');
like($d->detail('msg_bot'), qr/Too Many Requests: retry after 1800/, 'as it said');
$d->sql("UPDATE crm.delivery_queue SET next_at = now(); SELECT crm.enable_endpoint('bot')");
once();
is($d->state('msg_bot'), 'delivered', 'and then delivered');
is([ $hook->requests ]->[-1]{body}, '{"chat_id" : "-1001234567", "text" : "{chat_id}"}', 'with the chat in its place, and nowhere else');

# --- nothing secret is said elsewhere ---------------------------------------------------------------------------------
my ($code, $check) = $d->run_crmd('', '-c', $config, 'check');
like($check, qr/^FAIL  endpoints      nobody: \[nobody\] has no to$/m, 'check knows what an e-mail needs');
like($check, qr/^FAIL  endpoints      web: \[web\] has no smtps or smtp url$/m, 'and which addresses');
my $own = $d->config('own', secrets => "$dir/own-secrets.ini");
for my $bad ("url = smtps://mail.example\n${people}user = alerts\n", "url = smtp://mail.example\n$people${login}starttls = no\n",
    "url = smtps://alerts:Tr0ub4dor\@mail.example\n$people", "url = smtps://mail.example\nfrom = a\@b.example\nto = a\@b.example\nuser = alerts\npassword = Tr0ub4dor ;x\n")
{
    my ($result, $out, $err) = $d->run_crmd($bad, '-c', $own, 'secret', 'set', 'm');
    is($result, 1, 'refused: ' . $err =~ s/\n//gr =~ s/\Q$dir\E//gr);
    unlike("$out$err", qr/Tr0ub4dor/, 'and not repeated');
}
is(($d->run_crmd($sections{tls}, '-c', $own, 'secret', 'set', 'm'))[0], 0, 'a section of e-mail');
is(($d->run_crmd("carla\@receivers.example\n", '-c', $own, 'secret', 'set', 'm.to'))[0], 0, 'another receiver');
is(slurp_file("$dir/own-secrets.ini") =~ s/^;.*\n//r, "\n[m]\nurl = smtp://127.0.0.1:$port\nfrom = Avisos de gesti\xc3\xb3n <alerts\@crm.example>\nto = carla\@receivers.example\nuser = alerts\npassword = Tr0ub4dor\n", 'as it stands in the file');
my $dump = "$dir/dump.sql";
$d->{node}->command_ok([ 'pg_dump', '-f', $dump, '-d', $d->{node}->connstr('postgres') ], 'dump');
my %places = ('the database' => slurp_file($dump), 'the log of crmd' => slurp_file($stages->{log}) . slurp_file($slow->{log}), 'the log of the server' => slurp_file($d->{node}->logfile), 'what check prints' => $check);
for my $place (sort keys %places)
{
    cmp_ok(length $places{$place}, '>', 100, "$place was read");
    unlike($places{$place}, qr/Tr0ub4dor|VHIwdWI0ZG9y|AGFsZXJ0cwBU|\@receivers\.example|alerts\@crm\.example|1001234567|SECRETTOKEN/i, "neither password nor addresses are in $place");
}

$_->stop for $mail, $smtps, $hook;
$d->{node}->stop;
done_testing();
