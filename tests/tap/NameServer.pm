# A name server for tests, with core modules only: it says about each name what the test says, over UDP and TCP.
#
#   my $names = NameServer->start(dir => ...);  $names->port;  $names->stop;
#   $names->set('a.test' => { A => [ '127.0.0.2' ], AAAA => [ '::1' ], ttl => 0 });
#   $names->asked('a.test')                     how often its A was asked for so far
#
# What may stand in the description of a name:
#   A, AAAA     lists of addresses; none: the name has none of that kind
#   ttl         seconds (5)
#   cname       list of names that the name leads to, each to the next; the addresses are the last one's
#   then        list of descriptions: the first is for the second question about A (or AAAA), and so on; the last one stays
#   rcode       2 server failure, 3 no such name (what names have that are not set), 5 refused
#   silent      no answer
#   mode        short: cut in the middle; loop: a name that points at itself; id: for another question; other: about another name;
#               tcp: cut over UDP, and nothing over TCP
# Answers of more than 512 bytes are truncated over UDP.
package NameServer;
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use JSON::PP;
use Socket qw(AF_INET AF_INET6 inet_pton);
use Support qw(replace_file);
use parent 'Forked';

my %types = (A => 1, AAAA => 28);

sub name_bytes { my ($name) = @_; return join('', map { pack 'C/a*', $_ } split /\./, $name) . "\0" }

# The name and the type of the first question, and where it ends; nothing where there is none.
sub read_question
{
    my ($packet) = @_;
    my ($at, @labels) = (12);
    while (1)
    {
        return if $at >= length $packet;
        my $length = unpack 'C', substr $packet, $at, 1;
        return if $length > 63;
        push @labels, substr $packet, $at + 1, $length if $length;
        $at += 1 + $length;
        last if !$length;
    }
    return if $at + 4 > length $packet;
    return (lc join('.', @labels), unpack('n', substr $packet, $at, 2), $at + 4);
}

# What is to be said now: descriptions that change go by how often the question was asked.
sub say_now
{
    my ($self, $name, $type) = @_;
    my $inode = (stat "$self->{dir}/names.json")[1];
    if ($inode != $self->{inode})
    {
        open my $file, '<', "$self->{dir}/names.json" or die $!;
        $self->{names} = JSON::PP->new->decode(do { local $/; <$file> });
        $self->{inode} = $inode;
    }
    my $entry = $self->{names}{$name} or return { rcode => 3 };
    my $count = $self->{count}{"$name $type"}++;
    my $then = $entry->{then} or return $entry;
    return $count == 0 ? $entry : $then->[ $count > @$then ? $#$then : $count - 1 ];
}

# The whole answer, or nothing.
sub answer
{
    my ($self, $packet, $tcp) = @_;
    my ($name, $type, $end) = read_question($packet) or return;
    print { $self->{log} } "$name $type " . ($tcp ? 'tcp' : 'udp') . "\n";
    my $now = $self->say_now($name, $type);
    my $mode = $now->{mode} // '';
    return if $now->{silent} || ($tcp && $mode eq 'tcp');
    my $ttl = $now->{ttl} // 5;
    my ($owner, @records) = $mode eq 'other' ? name_bytes('other.test') : "\xc0\x0c";
    for my $next (@{ $now->{cname} // [] })
    {
        push @records, $owner . pack('n n N n/a*', 5, 1, $ttl, name_bytes($next));
        $owner = name_bytes($next);
    }
    for my $kind (grep { $types{$_} == $type } sort keys %types)
    {
        push @records, map { $owner . pack('n n N n/a*', $type, 1, $ttl, inet_pton($kind eq 'A' ? AF_INET : AF_INET6, $_)) } @{ $now->{$kind} // [] };
    }
    @records = (pack('C C', 0xc0, $end) . pack('n n N n/a*', $type, 1, $ttl, "\x7f\0\0\2")) if $mode eq 'loop';
    my $body = join '', @records;
    my $cut = !$tcp && (length($body) + $end > 512 || $mode eq 'tcp');
    my $id = unpack 'n', $packet;
    my $text = pack('n n n n n n', $mode eq 'id' ? $id ^ 1 : $id, 0x8580 | ($cut ? 0x0200 : 0) | ($now->{rcode} // 0), 1, $cut ? 0 : scalar @records, 0, 0)
        . substr($packet, 12, $end - 12) . ($cut ? '' : $body);
    return $mode eq 'short' ? substr $text, 0, length($text) - 3 : $text;
}

sub serve
{
    my ($self, $udp, $tcp) = @_;
    my $select = IO::Select->new($udp, $tcp);
    my %buffers;
    local $SIG{PIPE} = 'IGNORE';
    while (1)
    {
        for my $socket ($select->can_read)
        {
            if ($socket == $udp)
            {
                my $from = $udp->recv(my $packet, 4096) // next;
                my $answer = $self->answer($packet, 0) // next;
                $udp->send($answer, 0, $from);
                next;
            }
            if ($socket == $tcp)
            {
                my $new = $tcp->accept or next;
                $buffers{$new} = '';
                $select->add($new);
                next;
            }
            my $keep = sysread $socket, $buffers{$socket}, 4096, length $buffers{$socket};
            while ($keep && length $buffers{$socket} >= 2)
            {
                my $length = unpack 'n', $buffers{$socket};
                last if length $buffers{$socket} < 2 + $length;
                my $answer = $self->answer(substr($buffers{$socket}, 2, $length), 1);
                substr($buffers{$socket}, 0, 2 + $length, '');
                $keep = print $socket pack('n/a*', $answer) if defined $answer;
                $socket->flush;
            }
            next if $keep;
            $select->remove($socket);
            delete $buffers{$socket};
            close $socket;
        }
    }
}

# Both sockets on one port.
sub sockets
{
    my ($port) = @_;
    for (1 .. 50)
    {
        my $tcp = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port // 0, Listen => 64, Proto => 'tcp', ReuseAddr => 1) or next;
        my $udp = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $tcp->sockport, Proto => 'udp') or next;
        return ($udp, $tcp);
    }
    die "name server: no port is free\n";
}

sub start
{
    my ($class, %arg) = @_;
    my $self = bless { dir => $arg{dir}, names => {}, count => {}, inode => 0 }, $class;
    $self->set;
    $self->go;
    return $self;
}

# Starts the process, again at the same port after stop.
sub go
{
    my ($self) = @_;
    my ($udp, $tcp) = sockets($self->{port});
    $self->{port} = $tcp->sockport;
    open $self->{log}, '>>', "$self->{dir}/names.log" or die $!;
    $self->{log}->autoflush(1);
    $self->run_forked(sub { $self->serve($udp, $tcp) });
}

sub set
{
    my ($self, %names) = @_;
    $self->{names} = { %{ $self->{names} }, %names };
    replace_file("$self->{dir}/names.json", JSON::PP->new->canonical->encode($self->{names}));
}

sub asked
{
    my ($self, $name, $how) = @_;
    open my $file, '<', "$self->{dir}/names.log" or return 0;
    return scalar grep { /^\Q$name\E 1 / && (!defined $how || /\Q$how\E$/) } <$file>;
}

1;
