#!/usr/bin/perl
# Receivers whose TLS is bad: nothing of a message reaches them, it is kept for another try, and the reason is said. One that has a
# certificate of the house's own authority gets it where ca_file names that. The receivers are the program openssl.
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use POSIX ();
use PostgreSQL::Test::Utils;
use Test::More;
use Daemon;
use NameServer;
use Support qw(wait_until free_port);

plan skip_all => 'no openssl program' if system('command -v openssl >/dev/null') != 0;

my $key = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
my $d = Daemon->new(retry => '1 hour', body => '{"said": "in confidence"}');
my $names = NameServer->start(dir => $d->{dir});
my $dir = "$d->{dir}/tls";
mkdir $dir or die $!;

# --- authorities and certificates ---------------------------------------------------------------------------------------
sub openssl { my (@words) = @_; system("openssl @words >>'$dir/openssl.log' 2>&1") == 0 or die "openssl @words: see $dir/openssl.log: " . slurp_file("$dir/openssl.log") }

sub new_key { my ($name) = @_; openssl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out '$dir/$name.key'") }

for my $authority (qw(house stranger))
{
    new_key($authority);
    openssl("req -x509 -new -key '$dir/$authority.key' -out '$dir/$authority.pem' -days 30 -subj '/CN=authority $authority'",
        '-addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign');
}

# From and until when, as openssl writes times.
sub certificate
{
    my ($name, $authority, $host, $since, $until) = @_;
    new_key($name);
    openssl("req -new -key '$dir/$name.key' -out '$dir/$name.csr' -subj '/CN=$host'");
    append_to_file("$dir/$name.cnf", "[ca]\ndefault_ca=d\n[d]\ndatabase=$dir/$name.index\nnew_certs_dir=$dir\nrand_serial=yes\ndefault_md=sha256\npolicy=p\n"
          . "x509_extensions=x\n[p]\ncommonName=supplied\n[x]\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\nsubjectAltName=" . ($host =~ /^[0-9.]+$/ ? 'IP' : 'DNS') . ":$host\n");
    append_to_file("$dir/$name.index", '');
    openssl("ca -batch -notext -config '$dir/$name.cnf' -cert '$dir/$authority.pem' -keyfile '$dir/$authority.key' -startdate $since -enddate $until",
        "-in '$dir/$name.csr' -out '$dir/$name.pem'");
}
my ($past, $recent, $future, $far) = map { my @t = gmtime(time + $_ * 86400); sprintf '%04d%02d%02d000000Z', $t[5] + 1900, $t[4] + 1, $t[3] } -30, -2, 10, 20;
certificate('good', 'house', 'good.test', $past, $future);
certificate('address', 'house', '127.0.0.1', $past, $future);
certificate('expired', 'house', 'expired.test', $past, $recent);
certificate('early', 'house', 'early.test', $future, $far);
certificate('wrong', 'house', 'right.test', $past, $future);
certificate('unknown', 'stranger', 'unknown.test', $past, $future);
new_key('self');
openssl("req -x509 -new -key '$dir/self.key' -out '$dir/self.pem' -days 30 -subj /CN=self.test -addext subjectAltName=DNS:self.test");

# --- receivers ------------------------------------------------------------------------------------------------------------
my (%receivers, @children);
my $test = $$;
END { local $?; kill 'KILL', @children if $$ == $test } # or the pipes to them would be waited for

# What it has read goes to a file. openssl does not know HTTP: a process beside it answers when a request stands in that file.
sub receiver
{
    my ($name, $certificate, @options) = @_;
    my $port = free_port();
    my $pid = open my $pipe, '|-', "exec openssl s_server -quiet -accept 127.0.0.1:$port -cert '$dir/$certificate.pem' -key '$dir/$certificate.key' @options"
        . " >'$dir/$name.seen' 2>'$dir/$name.err'" or die $!;
    $pipe->autoflush(1);
    my $answerer = fork // die $!;
    if (!$answerer)
    {
        wait_until(sub { -e "$dir/$name.seen" && slurp_file("$dir/$name.seen") =~ /confidence"\}/ }, 120);
        print $pipe "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
        POSIX::_exit(0);
    }
    push @children, $answerer, $pid;
    $receivers{$name} = { pid => $pid, pipe => $pipe, port => $port };
    wait_until(sub { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Proto => 'tcp') });
}
receiver($_, $_) for qw(good address expired early wrong self unknown);
receiver('untrusted', 'good'); # asked without ca_file
receiver('tls12', 'good', '-tls1_2');
receiver('tls10', 'good', '-tls1', '-cipher', "'ALL:\@SECLEVEL=0'");
receiver('tls11', 'good', '-tls1_1', '-cipher', "'ALL:\@SECLEVEL=0'");
my %plain = map { ($_ => IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 8)) } qw(hangs speaks closes);
my $speaker = fork // die $!;
push @children, $speaker if $speaker;
if (!$speaker)
{
    local $SIG{ALRM} = 'DEFAULT';
    alarm 120;
    my %seen;
    my $select = IO::Select->new(values %plain);
    my @kept;
    while (my @ready = $select->can_read)
    {
        for my $listener (@ready)
        {
            my $client = $listener->accept or next;
            push @kept, $client if $listener != $plain{closes};
            sysread $client, my $hello, 65536;
            append_to_file("$dir/plain.seen", $hello);
            syswrite $client, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" if $listener == $plain{speaks};
        }
    }
    POSIX::_exit(0);
}

# --- what becomes of messages --------------------------------------------------------------------------------------------------
my %host = map { ($_ => "$_.test") } keys %receivers, keys %plain;
@host{qw(address tls12 tls10 tls11 untrusted)} = ('127.0.0.1', ('good.test') x 4);
my %port = ((map { ($_ => $receivers{$_}{port}) } keys %receivers), map { ($_ => $plain{$_}->sockport) } keys %plain);
$names->set(map { ("$_" => { A => ['127.0.0.1'] }) } values %host);
$d->write_file('secrets.ini', join '', map { "[$_]\nurl = https://$host{$_}:$port{$_}/hook-of-$_\nkey = $key\n" } sort keys %host);
$d->endpoint(sort keys %host);
my %options = (dns_servers => '127.0.0.1:' . $names->port, timeout_s => 2, lease_s => 10);
my $house = $d->config('house', %options, ca_file => "$dir/house.pem");
my $none = $d->config('none', %options);

$d->queue('untrusted', 'msg_untrusted');
is(($d->run_crmd('', '-c', $none, 'once'))[0], 3, 'without ca_file');
$d->queue($_, "msg_$_") for grep { $_ ne 'untrusted' } sort keys %host;
is(($d->run_crmd('', '-c', $house, 'once'))[0], 3, 'with ca_file');

sub seen { my ($name) = @_; return slurp_file(-e "$dir/$name.seen" ? "$dir/$name.seen" : "$dir/plain.seen") }
for my $name (qw(good address tls12))
{
    is($d->state("msg_$name"), 'delivered', "$name: delivered");
    like(seen($name), qr/^POST \/hook-of-$name .*"in confidence"/s, 'and it has arrived');
}
my $verify = 'SSL certificate (?:problem|OpenSSL verify result): '; # newer releases of libcurl
my %why = (
    untrusted => qr/^${verify}unable to get local issuer certificate/,
    unknown => qr/^${verify}unable to get local issuer certificate/,
    self => qr/^${verify}self.signed certificate/,
    expired => qr/^${verify}certificate has expired/,
    early => qr/^${verify}certificate is not yet valid/,
    wrong => qr/^SSL: no alternative certificate subject name matches target host ?name 'wrong\.test'/,
    tls10 => qr/protocol version|unsupported protocol/,
    tls11 => qr/protocol version|unsupported protocol/,
    hangs => qr/^(SSL connection timeout|Connection timed? ?out|Operation timed out|Resolving timed out)/i,
    speaks => qr/wrong version number|packet length too long/,
    closes => qr/SSL_ERROR_SYSCALL|unexpected eof|Connection reset|SSL_connect/,
);
for my $name (sort keys %why)
{
    is($d->row("state || ' ' || attempt", "msg_$name"), 'pending 1', "$name: kept for another try");
    like($d->detail("msg_$name"), $why{$name}, 'and the reason is said');
    unlike(seen($name), qr/POST|hook-of|webhook|confidence/, 'nothing of it was seen');
}
is($d->sql("SELECT count(*) FROM crm.delivery_attempt WHERE outcome = 'retry' AND status IS NULL"), scalar keys %why, 'none of them counts as sent');
cmp_ok(length seen('hangs'), '>', 100, 'the receivers without TLS heard a greeting');

# a receiver that mends itself gets what was kept
kill 'KILL', $receivers{expired}{pid};
waitpid $receivers{expired}{pid}, 0;
certificate('mended', 'house', 'expired.test', $past, $future);
receiver('mended', 'mended');
$d->write_file('secrets.ini', "[expired]\nurl = https://expired.test:$receivers{mended}{port}/mended\nkey = $key\n");
$d->sql("UPDATE crm.delivery_queue SET next_at = now() WHERE endpoint = 'expired'");
$d->run_crmd('', '-c', $house, 'once');
is($d->state('msg_expired'), 'delivered', 'a new certificate');
like(seen('mended'), qr/^POST \/mended .*^webhook-id: msg_expired\r$/ms, 'and the message comes under its id');

# --- what check says of the file ------------------------------------------------------------------------------------------------
for my $case ([ "$dir/house.pem", qr/^ok    authorities    \Q$dir\E\/house\.pem, 1 certificate$/m ], [ "$dir/none.pem", qr/^FAIL  authorities    cannot read .*none\.pem: No such file/m ],
    [ "$dir/house.key", qr/^FAIL  authorities    .*house\.key holds no certificate \(PEM\)$/m ])
{
    my ($result, $out) = $d->run_crmd('', '-c', $d->config('look', %options, ca_file => $case->[0]), 'check');
    like($out, $case->[1], 'check says so');
}

kill 'KILL', @children;
$names->stop;
$d->{node}->stop;
done_testing();
