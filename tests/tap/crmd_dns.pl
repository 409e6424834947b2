#!/usr/bin/perl
# Names of receivers: what name servers may say without a message going where it must not go. 127.0.0.2 and 127.0.0.4 are
# allowed here, as networks of receivers in the house are; 127.0.0.1, 127.0.0.3 and ::1 are not, and count who connects.
use strict;
use warnings;
use IO::Socket::IP;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time sleep);
use Daemon;
use NameServer;
use Support qw(wait_until);
use Receiver;

my $key = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
my $d = Daemon->new(retry => '1 hour', conf => "listen_addresses = '127.0.0.1'\n");
my $names = NameServer->start(dir => $d->{dir});
my $has_v6 = defined IO::Socket::IP->new(LocalHost => '::1', LocalPort => 0, Listen => 1);

# One port that is free at all of these addresses: a url has one.
my ($port, $right, $other, @traps);
for (1 .. 50)
{
    $right = Receiver->start(log => "$d->{dir}/right.log", keys => [$key], host => '127.0.0.2');
    $port = $right->port;
    @traps = map { IO::Socket::IP->new(LocalHost => $_, LocalPort => $port, Listen => 64, Blocking => 0) } qw(127.0.0.1 127.0.0.3 127.255.255.254), $has_v6 ? '::1' : ();
    $other = eval { Receiver->start(log => "$d->{dir}/other.log", keys => [$key], host => '127.0.0.4', port => $port) };
    last if $other && !grep { !defined } @traps;
    $right->stop;
}
sub trapped { return scalar grep { $_ } map { my $c = $_->accept; $c } @traps, @traps }

my %at = (dns_servers => '127.0.0.1:' . $names->port, allow_private => 'no', allow_networks => '127.0.0.2/32 127.0.0.4', timeout_s => 10, connect_timeout_s => 10, lease_s => 30);
my $strict = $d->config('strict', %at);
my $quick = $d->config('quick', %at, timeout_s => 1);

# An endpoint for each name, and a message with the name's first label.
my %host_of;
sub hosts
{
    my ($suffix, @hosts) = @_;
    for my $host (@hosts)
    {
        my $label = ($host =~ s/\..*//r) . $suffix;
        $host_of{$label} = $host;
        $d->endpoint($label);
    }
    $d->write_file('secrets.ini', join '', map { "[$_]\nurl = http://$host_of{$_}:$port/\nkey = $key\n" } sort keys %host_of);
}

sub arrived { my ($receiver, $id) = @_; return scalar $receiver->requests($id) }

# --- what one answer may hold -----------------------------------------------------------------------------------------
my @many = map { '10.1.' . ($_ >> 8) . '.' . ($_ & 255) } 1 .. 2000;
my $private = qr/is private or this machine's own; allow_networks or allow_private = yes allows it/;
my $service = qr/is link-local or a service of the cloud for this machine; only allow_networks allows it/;
my %answers = (
    # name => [ what the name server says, where the message arrives or why it is not sent ]
    plain => [ { A => ['127.0.0.2'] }, 'right' ],
    mixed => [ { A => [ '127.0.0.3', '10.0.0.1', '127.0.0.2', '169.254.169.254' ] }, 'right' ],
    mixed6 => [ { A => ['127.0.0.2'], AAAA => [ '::1', '::ffff:127.0.0.3', 'fd00:ec2::254' ] }, 'right' ],
    inside => [ { A => ['127.0.0.3'] }, qr/^not sent: 127\.0\.0\.3, the address of inside\.test, $private/ ],
    several => [ { A => [ '127.0.0.3', '127.0.0.1' ] }, qr/^not sent: 127\.0\.0\.[13], the address of several\.test, $private/ ],
    metadata => [ { A => ['169.254.169.254'] }, qr/^not sent: 169\.254\.169\.254, the address of metadata\.test, $service/ ],
    nowhere => [ { A => ['0.0.0.0'] }, qr/^not sent: 0\.0\.0\.0, the address of nowhere\.test, is no address to send to/ ],
    six => [ { AAAA => ['::1'] }, qr/^not sent: ::1, the address of six\.test, $private/ ],
    mapped => [ { AAAA => ['::ffff:127.0.0.3'] }, qr/^not sent: ::ffff:127\.0\.0\.3, the address of mapped\.test, $private/ ],
    mappedmeta => [ { AAAA => ['::ffff:169.254.169.254'] }, qr/^not sent: ::ffff:169\.254\.169\.254, the address of mappedmeta\.test, $service/ ],
    nat64 => [ { AAAA => ['64:ff9b::7f00:3'] }, qr/^not sent: 64:ff9b::7f00:3, the address of nat64\.test, $private/ ],
    sixtofour => [ { AAAA => ['2002:7f00:3::'] }, qr/^not sent: 2002:7f00:3::, the address of sixtofour\.test, $private/ ],
    chain => [ { cname => [ 'one.test', 'two.example', 'three.invalid' ], A => ['127.0.0.2'] }, 'right' ],
    chainin => [ { cname => [ 'one.test', 'localhost' ], A => ['127.0.0.3'] }, qr/^not sent: 127\.0\.0\.3, the address of chainin\.test, $private/ ],
    circle => [ { cname => [ 'one.test', 'circle.test' ] }, qr/^not sent: (the name circle\.test has no address|there is no name circle\.test|the name circle\.test could not be resolved)/ ],
    huge => [ { A => [ '127.0.0.2', @many ] }, 'right' ],
    hugein => [ { A => \@many }, qr/^not sent: 10\.1\.\S+, the address of hugein\.test, $private/ ],
    nothing => [ {}, qr/^not sent: the name nothing\.test has no address/ ],
    nxdomain => [ { rcode => 3 }, qr/^not sent: there is no name nxdomain\.test/ ],
    servfail => [ { rcode => 2 }, qr/^not sent: the name servfail\.test could not be resolved: the name servers? (cannot be reached, or fail|failed)/ ],
    refused => [ { rcode => 5 }, qr/^not sent: the name refused\.test could not be resolved: the name servers? (cannot be reached, or fail|refuses to answer)/ ],
    silent => [ { silent => 1 }, qr/^not sent: the name silent\.test could not be resolved( within 1000 ms|: no name server answers)/ ],
    short => [ { A => ['127.0.0.3'], mode => 'short' }, qr/^not sent: the name short\.test could not be resolved/ ],
    loop => [ { A => ['127.0.0.3'], mode => 'loop' }, qr/^not sent: (the name loop\.test could not be resolved|127\.0\.0\.2)|^$/ ],
    id => [ { A => ['127.0.0.3'], mode => 'id' }, qr/^not sent: the name id\.test could not be resolved/ ],
    other => [ { A => ['127.0.0.3'], mode => 'other' }, qr/^not sent: / ],
    tcp => [ { A => ['127.0.0.3'], mode => 'tcp' }, qr/^not sent: the name tcp\.test could not be resolved/ ],
);
$names->set(map { ("$_.test" => $answers{$_}[0]) } keys %answers);
hosts('', map { "$_.test" } sort keys %answers);
hosts('', 'dotted.test.', 'UPPER.TesT');
@answers{qw(dotted UPPER)} = ([ undef, 'right' ], [ undef, 'right' ]);
$names->set('dotted.test' => { A => ['127.0.0.2'] }, 'upper.test' => { A => ['127.0.0.2'] });
my @slow = qw(id other short silent tcp); # no answer that can be used: it is waited for another
$d->queue($_, "msg_$_") for grep { my $name = $_; !grep { $_ eq $name } @slow } sort keys %answers;
my ($code) = $d->run_crmd('', '-c', $strict, 'once');
is($code, 3, 'some are left');
$d->queue($_, "msg_$_") for @slow;
my $begin = time;
$d->run_crmd('', '-c', $quick, 'once');
cmp_ok(time - $begin, '<', 20, 'none waits for another');
for my $name (sort keys %answers)
{
    my $end = $answers{$name}[1];
    is($d->state("msg_$name") . ' ' . arrived($right, "msg_$name"), 'delivered 1', "$name: delivered") if !ref $end;
    like($d->detail("msg_$name"), $end, "$name: not sent") if ref $end;
    is($d->state("msg_$name") . ' ' . arrived($right, "msg_$name"), 'pending 0', "$name: kept for another try") if ref $end && $name ne 'loop';
}
is(trapped(), 0, 'nobody connected to an address that is not allowed');
is($d->sql("SELECT count(*) FROM crm.delivery_attempt WHERE outcome NOT IN ('retry', 'delivered')"), 0, 'each that was not delivered is tried again');
is($names->asked('plain.test'), 1, 'a name is resolved once for a delivery');
cmp_ok($names->asked('huge.test', 'tcp'), '>=', 1, 'what is too long for UDP comes over TCP');

# --- a name that answers differently the next time ---------------------------------------------------------------------
$names->set(
    'rebind.test' => { A => ['127.0.0.2'], ttl => 0, then => [ { A => ['127.0.0.3'], ttl => 0 }, { A => ['169.254.169.254'], ttl => 0 } ] },
    'moves.test' => { A => ['127.0.0.2'], ttl => 1 }, 'steady.test' => { A => ['127.0.0.2'], ttl => 3600 });
hosts('', 'rebind.test', 'moves.test', 'steady.test');
my $daemon = $d->start($strict);
my $settled = sub { my ($id) = @_; wait_until(sub { $d->attempt($id) > 0 && $d->state($id) ne 'leased' }); return $d->state($id) };
$d->queue($_, "msg_${_}_1") for qw(rebind moves steady);
is($settled->("msg_${_}_1"), 'delivered', "$_: delivered") for qw(rebind moves steady);
$names->set('moves.test' => { A => ['127.0.0.4'], ttl => 1 });
sleep 1.1;
$d->queue($_, "msg_${_}_2") for qw(rebind moves steady);
is($settled->("msg_${_}_2"), $_ eq 'rebind' ? 'pending' : 'delivered', "$_: the second") for qw(rebind moves steady);
like($d->detail('msg_rebind_2'), qr/^not sent: 127\.0\.0\.3, the address of rebind\.test, $private/, 'an address that became another is looked at again');
is(arrived($right, 'msg_moves_2') . arrived($other, 'msg_moves_2'), '01', 'who moved is followed, although the old connection was kept');
sleep 1.1;
$d->queue($_, "msg_${_}_3") for qw(rebind moves);
is($settled->("msg_${_}_3"), $_ eq 'rebind' ? 'pending' : 'delivered', "$_: the third") for qw(rebind moves);
like($d->detail('msg_rebind_3'), qr/^not sent: 169\.254\.169\.254, the address of rebind\.test, $service/, 'and again');
my %connections = map { ($_->{connection} => 1) } grep { $_->{headers}{'webhook-id'} =~ /^msg_moves/ } $other->requests;
is(arrived($other, 'msg_moves_3') . ' ' . keys %connections, '1 1', 'over the connection that is kept now');
is($names->asked('steady.test'), 1, 'a name that is good for longer is not asked for again');
is(trapped(), 0, 'nobody connected to an address that is not allowed');

# many at once ask once
$names->set('busy.test' => { A => ['127.0.0.2'] });
hosts('', 'busy.test');
$d->hup($daemon, 'reloaded');
$d->queue('busy', map { "msg_busy_$_" } 1 .. 50);
ok(wait_until(sub { $d->sql("SELECT count(*) FROM crm.delivery_history WHERE endpoint = 'busy' AND state = 'delivered'") == 50 }), '50 messages to one name');
cmp_ok($names->asked('busy.test'), '<=', 2, 'do not ask 50 times');

# the name server goes away and comes back
$names->stop;
$names->set('later.test' => { A => ['127.0.0.2'] });
hosts('', 'later.test');
$d->hup($daemon, 'reloaded');
$d->queue('later', 'msg_later_1');
is($settled->('msg_later_1'), 'pending', 'no name server');
like($d->detail('msg_later_1'), qr/^not sent: the name later\.test could not be resolved(: (the name servers cannot be reached, or fail|no name server answers)| within \d+ ms)/, 'and it is said');
$names->go;
$d->queue('later', 'msg_later_2');
is($settled->('msg_later_2'), 'delivered', 'the name server is back');

# what is no longer allowed is not reached over a connection that is kept
$d->endpoint('literal');
$d->write_file('secrets.ini', "[literal]\nurl = http://127.0.0.2:$port/\nkey = $key\n");
$d->hup($daemon, 'reloaded');
$d->queue('literal', 'msg_literal_1');
is($settled->('msg_literal_1'), 'delivered', 'allowed');
$d->config('strict', %at, allow_networks => '127.0.0.4');
ok($d->hup($daemon, 'reloaded'), 'the configuration is read again');
$d->queue('literal', 'msg_literal_2');
is($settled->('msg_literal_2'), 'pending', 'not allowed any more');
like($d->detail('msg_literal_2'), qr/^not sent: 127\.0\.0\.2 $private/, 'and it is said');
is(arrived($right, 'msg_literal_2'), 0, 'the kept connection is not used');

# --- ending while name servers are silent -------------------------------------------------------------------------------
my @silent = map { "silent$_.test" } 1 .. 20;
$names->set(map { ($_ => { silent => 1 }) } @silent);
hosts('', @silent);
is($d->stop($daemon), 0, 'stops');
my $patient = $d->config('patient', %at, timeout_s => 20, connect_timeout_s => 20, lease_s => 60, stop_s => 1);
for my $case ([ 'TERM', 1, 1 ], [ 'KILL', 0, -1 ])
{
    my ($signal, $seconds, $expected) = @$case;
    $daemon = $d->start($patient);
    $d->queue((map { s/\..*//r } @silent)[ $_ - 1 ], "msg_silent_${signal}_$_") for 1 .. 20;
    ok(wait_until(sub { $d->sql("SELECT count(*) FROM crm.delivery_queue WHERE message_id LIKE 'msg_silent_${signal}%' AND state = 'leased'") == 20 && $names->asked('silent20.test') > 0 }), 'all wait for the name server');
    $begin = time;
    my $result = $d->stop($daemon, $signal);
    cmp_ok(time - $begin, '<', $seconds + 10, "SIG$signal: it ends in time");
    is($result, $expected, 'and says that something was left') if $expected >= 0;
}

# --- IPv6, and a first name server that is down --------------------------------------------------------------------------
SKIP: {
    skip 'no IPv6 here', 2 if !$has_v6;
    my $six = Receiver->start(log => "$d->{dir}/six.log", keys => [$key], host => '::1');
    $names->set('only6.test' => { AAAA => ['::1'] });
    $d->write_file('secrets.ini', "[only6]\nurl = http://only6.test:" . $six->port . "/\nkey = $key\n");
    $d->endpoint('only6');
    $d->queue('only6', 'msg_only6');
    my $silent = IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => 0, Proto => 'udp', Type => Socket::SOCK_DGRAM());
    $d->run_crmd('', '-c', $d->config('six', %at, allow_networks => '::1', dns_servers => '127.0.0.1:' . $silent->sockport . " 127.0.0.1:$names->{port}"), 'once');
    is($d->state('msg_only6'), 'delivered', 'IPv6 alone, and the second name server answers');
    is(arrived($six, 'msg_only6'), 1, 'once');
    $six->stop;
}

# --- the database's host ----------------------------------------------------------------------------------------------------
my $server = $d->{node}->port;
$names->set('db.test' => { A => ['127.0.0.1'] }, 'two.test' => { A => [ '127.0.0.9', '127.0.0.1' ] }, 'down.test' => { A => ['127.0.0.9'] }, 'hush.test' => { silent => 1 });
my $rest = 'dbname=postgres user=daemon';
my %dsns = (
    'a name' => "host=db.test port=$server $rest",
    'a name with two addresses' => "host=two.test port=$server $rest",
    'several hosts' => "host=down.test,db.test port=1,$server $rest",
    'several hosts, one port' => "host=/nonexistent,down.test,127.0.0.9,db.test port=$server $rest",
    'a host whose name is not answered' => "host=hush.test,db.test port=$server $rest",
    'a name that the DNS does not know' => "host=unknown.test,db.test port=$server $rest",
    'a uri' => "postgresql://daemon\@db.test:$server/postgres",
    'a uri of several' => "postgresql://daemon\@down.test:1,db.test:$server/postgres?target_session_attrs=read-write",
    'hostaddr' => "host=whatever.test hostaddr=127.0.0.1 port=$server $rest",
    'the name that the machine knows' => "host=localhost port=$server $rest");
for my $case (sort keys %dsns)
{
    my ($result, undef, $said) = $d->run_crmd('', '-c', $d->config('base', %at, dsn => $dsns{$case}), 'once');
    like($said, qr/event=connected connection=outbox database=postgres role=daemon/, "$case: connected") or diag $said;
}
{
    local @ENV{qw(PGHOST PGPORT)} = ('db.test', $server);
    my ($result, undef, $said) = $d->run_crmd('', '-c', $d->config('base', %at, dsn => $rest), 'once');
    like($said, qr/event=connected connection=outbox/, 'the host of the environment: connected');
}
for my $case ([ 'hush.test', qr/event=connection-lost connection=fold error="the name hush\.test could not be resolved( within 5000 ms|: no name server answers)"/ ],
    [ 'unknown.test', qr/event=connection-lost connection=fold error="could not translate host name/ ])
{
    my ($result, undef, $said) = $d->run_crmd('', '-c', $d->config('base', %at, dsn => "host=$case->[0] port=$server $rest"), 'once');
    is($result, 1, "$case->[0]: no database");
    like($said, $case->[1], 'and it is said');
}
# a name server that is silent does not keep the daemon from ending
my $before = $names->asked('hush.test');
$daemon = $d->start($d->config('base', %at, dsn => "host=hush.test port=$server $rest", connect_timeout_s => 60));
ok(wait_until(sub { $names->asked('hush.test') > $before }), 'it asks');
$begin = time;
is($d->stop($daemon), 0, 'it ends');
cmp_ok(time - $begin, '<', 15, 'at once');

# --- the option -------------------------------------------------------------------------------------------------------------
for my $bad ('ns.example.com', '127.0.0.1:0', '127.0.0.1:x', '[::1', '127.0.0.1:99999', '1.2.3', join ' ', ('127.0.0.1') x 9)
{
    my ($result, undef, $err) = $d->run_crmd('', '-c', $d->config('bad', dns_servers => $bad), 'check');
    is($result, 1, "dns_servers = $bad");
    like($err, qr/^crmd: \S+ line \d+: dns_servers: ("\S+" is no address such as|more than 8 servers)/, 'is refused with the reason');
}
$right->stop;
$other->stop;
$names->stop;
$d->{node}->stop;
done_testing();
