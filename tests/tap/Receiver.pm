#!/usr/bin/perl
# A receiver of webhooks for tests and for the demo, with core modules only: one process, one select loop.
#
#   perl tests/tap/Receiver.pm --log FILE [--key whsec_...]... [--host ADDRESS] [--port N] [--answer 'MODES'] [--pid FILE]
#
# It listens on 127.0.0.1 (unless told, as the free port), prints "port N" and serves until SIGTERM. Each request becomes a
# line of JSON in the log: n, at, connection, path, headers, body, verified (true, or why not), answer.
#
# MODES are words; each request takes the first one, the last one stays:
#   200 500 410 ...  that status; 429:7 adds Retry-After: 7
#   telegram:7       429 as Telegram says it, to wait so many seconds in its body alone
#   hang             never answers
#   drop             closes the connection without an answer
#   slow:0.02        200, after so many seconds in which nobody else is answered
#   gate             200, when ->release lets it through (SIGUSR1); nobody else is answered before
#   big              200 with a body of 200,000 bytes, and a Content-Length that says 10
#   echo             500 with the request's path and body as the answer
#   drip:0.2         headers of a 200 that come one byte at a time, so many seconds apart
#   flood            headers without end
#   tail             a 200 whose headers are whole and whose body never ends
#   reset            closes the connection with a reset, without an answer
#   once             200, then closes the connection that was to be kept
#   date:2           503 with a Retry-After so many seconds away, as an HTTP date
#   garbage          bytes that are no HTTP
#   raw:NAME         one of the broken answers below, %raw
# A request for /status/N gets N, whatever the modes.
# POST /_modes sets them anew while it runs.
#
# As a module: Receiver->start(log => ..., keys => [...]), ->port, ->modes('500 200'), ->release, ->requests, ->stop.
package Receiver;
use strict;
use warnings;
use Digest::SHA qw(hmac_sha256);
use IO::Select;
use IO::Socket::IP;
use Socket qw(SOL_SOCKET SO_LINGER);
use JSON::PP;
use MIME::Base64 qw(decode_base64 encode_base64);
use Time::HiRes qw(time sleep);

my $tolerance_s = 300;

# True, or why this message is not from somebody who knows the key: what Standard Webhooks asks of a receiver.
sub verify
{
    my ($headers, $body, $now, @keys) = @_;
    my ($id, $timestamp, $signatures) = map { $headers->{"webhook-$_"} } qw(id timestamp signature);
    return 'a header is missing' if grep { !defined || $_ eq '' } $id, $timestamp, $signatures;
    return 'the timestamp is no number' if $timestamp !~ /^[0-9]+$/;
    return 'the timestamp is too far away' if abs($now - $timestamp) > $tolerance_s;
    for my $key (@keys)
    {
        my $secret = decode_base64($key =~ s/^whsec_//r);
        my $right = 'v1,' . encode_base64(hmac_sha256("$id.$timestamp.$body", $secret), '');
        return JSON::PP::true if grep { $_ eq $right } split / /, $signatures;
    }
    return 'no signature is right';
}

# A whole request at the start of the buffer, taken out of it; nothing where more has to arrive.
sub take_request
{
    my ($buffer) = @_;
    my $end = index $$buffer, "\r\n\r\n";
    return if $end < 0;
    my ($first, @lines) = split /\r\n/, substr($$buffer, 0, $end);
    my %headers = map { /^([^:]+):\s*(.*?)\s*$/ ? (lc $1, $2) : () } @lines;
    my $length = $headers{'content-length'} // 0;
    return if length($$buffer) < $end + 4 + $length;
    my $body = substr $$buffer, $end + 4, $length;
    substr($$buffer, 0, $end + 4 + $length, '');
    my ($method, $path) = split / /, $first;
    return { method => $method, path => $path, headers => \%headers, body => $body };
}

# Answers that no server should give. Each is sent whole, and the connection is closed.
my $bomb = pack('H*', '1f8b0800000000000203') . "\xed\xc1\x01\x0d\x00\x00\x00\xc2\xa0\xf7\x4f\x6d\x0f\x07\x14" . "\x00" x 60_000;
my %raw = (
    no_status => "HTTP/1.1\r\n\r\n",
    letters => "HTTP/1.1 abc OK\r\n\r\n",
    negative => "HTTP/1.1 -200 OK\r\nContent-Length: 0\r\n\r\n",
    long_status => "HTTP/1.1 2000000000000 OK\r\nContent-Length: 0\r\n\r\n",
    http_9 => "HTTP/9.9 200 OK\r\nContent-Length: 0\r\n\r\n",
    old => "<html>200 OK</html>",
    cut => "HTTP/1.1 200 O",
    cut_headers => "HTTP/1.1 200 OK\r\nContent-Le",
    no_colon => "HTTP/1.1 200 OK\r\nthis is no header\r\nContent-Length: 0\r\n\r\n",
    nul => "HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n",
    long_header => "HTTP/1.1 200 OK\r\nX: " . 'x' x 200_000 . "\r\nContent-Length: 0\r\n\r\n",
    interim => "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    interim_only => "HTTP/1.1 102 Processing\r\n\r\n",
    interim_flood => "HTTP/1.1 102 Processing\r\n\r\n" x 20_000,
    switching => "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nbytes of another protocol",
    minus_length => "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
    two_lengths => "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 50000\r\n\r\nhello",
    short_body => "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\nhello",
    bad_chunk => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n",
    huge_chunk => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\nhello\r\n",
    cut_chunk => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n100\r\nhel",
    encoding => "HTTP/1.1 200 OK\r\nTransfer-Encoding: nonsense\r\n\r\nhello",
    bomb => "HTTP/1.1 500 No\r\nContent-Encoding: gzip\r\nContent-Length: " . length($bomb) . "\r\n\r\n$bomb",
    bytes => "HTTP/1.1 500 No\r\nContent-Length: 7\r\n\r\n\xff\xfe\0\x01\xc3(\xa0",
    not_latin => "HTTP/1.1 500 No\r\nContent-Length: 16\r\n\r\nf\xc3\xa4llt \xe2\x9c\x93 here!",
    retry_never => "HTTP/1.1 503 No\r\nRetry-After: -99999999999999999999\r\nContent-Length: 0\r\n\r\n",
);

my %reasons = (200 => 'OK', 204 => 'No Content', 302 => 'Found', 400 => 'Bad Request', 404 => 'Not Found', 410 => 'Gone',
    429 => 'Too Many Requests', 500 => 'Internal Server Error', 503 => 'Service Unavailable');

sub response
{
    my ($mode, $request) = @_;
    my ($status, $argument) = split /:/, $mode, 2;
    return "HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\n" . 'x' x 200_000 if $status eq 'big';
    my $body = "answer $status";
    ($status, $body) = (500, "$request->{path} $request->{body}") if $status eq 'echo';
    ($status, $body, $argument) = (429, qq({"ok":false,"error_code":429,"description":"Too Many Requests: retry after $argument","parameters":{"retry_after":$argument}}), undef)
        if $status eq 'telegram';
    $body = '' if $status == 204 || $status == 304;
    my $extra = '';
    $extra = "Retry-After: $argument\r\n" if defined $argument && $status != 302;
    $extra = "Location: $argument\r\n" if defined $argument && $status == 302;
    my $reason = $reasons{$status} // 'Status';
    return sprintf "HTTP/1.1 %s %s\r\n%sContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s", $status, $reason, $extra,
        length $body, $body;
}

# Answers one request; false where its connection is to be closed.
sub answer
{
    my ($self, $socket, $request) = @_;
    if ($request->{path} eq '/_modes')
    {
        $self->{modes} = [ split ' ', $request->{body} ];
        print $socket response('200', $request);
        return 1;
    }
    my $modes = $self->{modes};
    my $mode = $request->{path} =~ m{^/status/([0-9]+)$} ? $1 : @$modes > 1 ? shift @$modes : $modes->[0] // '200';
    my $text = $request->{body};
    utf8::decode($text);
    my %line = (n => ++$self->{count}, at => sprintf('%.6f', time), connection => fileno($socket),
        path => $request->{path}, headers => $request->{headers}, body => $text, answer => $mode,
        verified => verify($request->{headers}, $request->{body}, time, @{ $self->{keys} }));
    print { $self->{out} } JSON::PP->new->utf8->canonical->encode(\%line), "\n";
    return 1 if $mode eq 'hang';
    return 0 if $mode eq 'drop';
    if ($mode eq 'reset')
    {
        setsockopt $socket, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0);
        return 0;
    }
    if ($mode =~ /^drip:([0-9.]+)$/)
    {
        return 0 if fork; # a process of its own, so that the others are answered
        for my $byte (split //, "HTTP/1.1 200 OK\r\nX-Slow: " . 'x' x 200)
        {
            print $socket $byte or last;
            sleep $1;
        }
        exit 0;
    }
    if ($mode eq 'flood')
    {
        print $socket "HTTP/1.1 200 OK\r\n";
        for my $n (1 .. 20_000)
        {
            print $socket "X-Header-$n: " . 'x' x 100 . "\r\n" or last;
        }
        return 0;
    }
    if ($mode eq 'tail')
    {
        print $socket "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
        return 1;
    }
    if ($mode =~ /^raw:(\w+)$/)
    {
        print $socket $raw{$1} // die "receiver: no raw answer $1\n";
        return 0;
    }
    if ($mode eq 'garbage')
    {
        print $socket "\x00\x01\xff" x 20;
        return 0;
    }
    if ($mode =~ /^date:([0-9]+)$/)
    {
        my @t = gmtime(time + $1);
        my $date = sprintf '%s, %02d %s %d %02d:%02d:%02d GMT', (qw(Sun Mon Tue Wed Thu Fri Sat))[ $t[6] ], $t[3],
            (qw(Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec))[ $t[4] ], $t[5] + 1900, @t[ 2, 1, 0 ];
        print $socket response("503:$date", $request);
        return 1;
    }
    if ($mode eq 'once')
    {
        print $socket response('200', $request);
        return 0;
    }
    if ($mode =~ /^slow:([0-9.]+)$/)
    {
        sleep $1;
        $mode = '200';
    }
    if ($mode eq 'gate')
    {
        sleep 0.01 while !$self->{released};
        $self->{released} = 0;
        $mode = '200';
    }
    print $socket response($mode, $request);
    return $mode ne 'big';
}

sub serve
{
    my ($self, $listener) = @_;
    my $select = IO::Select->new($listener);
    my %buffers;
    local $SIG{PIPE} = 'IGNORE';
    local $SIG{CHLD} = 'IGNORE';
    local $SIG{TERM} = sub { exit 0 };
    local $SIG{USR1} = sub { $self->{released} = 1 };
    while (1)
    {
        for my $socket ($select->can_read)
        {
            if ($socket == $listener)
            {
                my $new = $listener->accept or next;
                $new->autoflush(1);
                $buffers{$new} = '';
                $select->add($new);
                next;
            }
            my $keep = sysread $socket, $buffers{$socket}, 65536, length $buffers{$socket};
            while ($keep and my $request = take_request(\$buffers{$socket}))
            {
                $keep = $self->answer($socket, $request);
            }
            next if $keep;
            $select->remove($socket);
            delete $buffers{$socket};
            close $socket;
        }
    }
}

sub listen_at
{
    my ($host, $port) = @_;
    return IO::Socket::IP->new(LocalHost => $host, LocalPort => $port, Listen => 128, ReuseAddr => 1, Proto => 'tcp')
        || die "receiver: cannot listen: $@\n";
}

sub main
{
    my (@keys, $log, $port, $pid);
    my $host = '127.0.0.1';
    my $modes = '200';
    require Getopt::Long;
    Getopt::Long::GetOptions('key=s' => \@keys, 'log=s' => \$log, 'host=s' => \$host, 'port=i' => \$port, 'answer=s' => \$modes, 'pid=s' => \$pid)
        && defined $log
        || die "usage: Receiver.pm --log FILE [--key whsec_...]... [--host ADDRESS] [--port N] [--answer MODES] [--pid FILE]\n";
    open my $out, '>>', $log or die "receiver: cannot write $log: $!\n";
    $out->autoflush(1);
    my $listener = listen_at($host, $port // 0);
    if (defined $pid)
    {
        open my $file, '>', $pid or die "receiver: cannot write $pid: $!\n";
        print $file "$$\n";
    }
    $| = 1;
    print 'port ', $listener->sockport, "\n";
    bless({ keys => \@keys, modes => [ split ' ', $modes ], out => $out, count => 0 }, __PACKAGE__)->serve($listener);
}

# --- the module's side: starts the same file as a process of its own -------------------------------------------------

sub start
{
    my ($class, %arg) = @_;
    my @command = ($^X, __FILE__, '--log', $arg{log}, (map { ('--key', $_) } @{ $arg{keys} // [] }),
        (map { defined $arg{$_} ? ("--$_", $arg{$_}) : () } qw(host port)), defined $arg{modes} ? ('--answer', $arg{modes}) : ());
    my $pid = open my $pipe, '-|', @command or die "receiver: $!\n";
    my $line = <$pipe> // '';
    my ($port) = $line =~ /^port ([0-9]+)$/ or die "receiver did not start\n";
    return bless { pid => $pid, pipe => $pipe, host => $arg{host} // '127.0.0.1', port => $port, log => $arg{log} }, $class;
}

sub port { return $_[0]{port} }

sub url
{
    my ($self, $path) = @_;
    return "http://127.0.0.1:$self->{port}" . ($path // '/hook');
}

sub modes
{
    my ($self, $modes) = @_;
    my $socket = IO::Socket::IP->new(PeerHost => $self->{host}, PeerPort => $self->{port}, Proto => 'tcp')
        or die "receiver is gone: $@\n";
    print $socket "POST /_modes HTTP/1.1\r\nContent-Length: ", length $modes, "\r\n\r\n$modes";
    my $answer = <$socket> // '';
    die "receiver said $answer\n" if $answer !~ / 200 /;
}

# Lets one request through the gate, that waits there or is still to come.
sub release
{
    my ($self) = @_;
    kill 'USR1', $self->{pid};
}

# What has arrived so far, as hashes; with an id: of that message.
sub requests
{
    my ($self, $id) = @_;
    open my $file, '<', $self->{log} or return ();
    return grep { !defined $id || ($_->{headers}{'webhook-id'} // '') eq $id } map { decode_json($_) } grep { /\n\z/ } <$file>;
}

# How often each message has arrived.
sub arrivals
{
    my ($self) = @_;
    my %times;
    $times{ $_->{headers}{'webhook-id'} // '' }++ for $self->requests;
    return %times;
}

sub stop
{
    my ($self) = @_;
    return if !$self->{pid};
    kill 'TERM', $self->{pid};
    close $self->{pipe}; # waits for it
    $self->{pid} = 0;
}

sub DESTROY { local $?; $_[0]->stop }

main() unless caller;

1;
