# A proxy that cuts: it stands between crmd and a server or receiver, and does to connections what networks do.
#
#   perl Cutter.pm --to HOST:PORT            prints "port N", then passes bytes on until it is killed
#
# As a module: Cutter->start(to => 'host:port' or the path of a Unix socket), ->port, ->mode('...'), ->stop. Modes:
#   pass     bytes go through
#   cut      every connection is reset now, and so are new ones
#   hold     nothing goes through and nothing is closed: a half-open connection
#   deaf     bytes go to the server and its answers do not come back
package Cutter;
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX ();
use Socket qw(SOL_SOCKET SO_LINGER);

sub connect_to
{
    my ($to) = @_;
    return IO::Socket::UNIX->new(Peer => $to) if $to =~ m{^/};
    return IO::Socket::INET->new(PeerAddr => $to, Proto => 'tcp');
}

sub reset_socket
{
    my ($socket) = @_;
    setsockopt $socket, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0);
    close $socket;
}

# The mode is in a file, so that a test changes it without talking to the process.
sub serve
{
    my ($listener, $to, $mode_file) = @_;
    my (%peer, %is_client);
    my $select = IO::Select->new($listener);
    local $SIG{PIPE} = 'IGNORE';
    local $SIG{TERM} = 'DEFAULT';
    my $part = sub {
        my ($socket) = @_;
        my $other = delete $peer{$socket};
        delete $peer{$other} if $other;
        for my $one (grep { $_ } $socket, $other)
        {
            $select->remove($one);
            delete $is_client{$one};
            reset_socket($one);
        }
    };
    while (1)
    {
        open my $file, '<', $mode_file or POSIX::_exit(0);
        my $mode = <$file> // 'pass';
        close $file;
        if ($mode eq 'cut')
        {
            $part->($_) for grep { $_ != $listener && $is_client{$_} } $select->handles;
        }
        for my $socket ($select->can_read(0.02))
        {
            if ($socket == $listener)
            {
                my $client = $listener->accept or next;
                my $server = $mode eq 'cut' ? undef : connect_to($to);
                if (!$server)
                {
                    reset_socket($client);
                    next;
                }
                ($peer{$client}, $peer{$server}, $is_client{$client}) = ($server, $client, 1);
                $select->add($client, $server);
                next;
            }
            next if !$peer{$socket} || $mode eq 'hold';
            my $count = sysread $socket, my $bytes, 65536;
            if (!$count)
            {
                $part->($socket);
                next;
            }
            next if $mode eq 'deaf' && !$is_client{$socket};
            my $sent = 0;
            while ($sent < $count)
            {
                my $written = syswrite $peer{$socket}, $bytes, $count - $sent, $sent;
                last if !defined $written;
                $sent += $written;
            }
        }
        select undef, undef, undef, 0.02 if $mode eq 'hold';
    }
}

sub start
{
    my ($class, %arg) = @_;
    my $mode_file = "$arg{dir}/cutter-" . ++(our $count);
    my $self = bless { mode_file => $mode_file }, $class;
    $self->mode('pass');
    my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 64, Proto => 'tcp') or die "cutter: $@\n";
    $self->{port} = $listener->sockport;
    $self->{pid} = fork // die "cutter: $!\n";
    if (!$self->{pid})
    {
        serve($listener, $arg{to}, $mode_file);
        POSIX::_exit(0); # no END block of the test
    }
    close $listener;
    return $self;
}

sub port { return $_[0]{port} }

sub mode
{
    my ($self, $mode) = @_;
    open my $file, '>', "$self->{mode_file}.new" or die $!;
    print $file $mode;
    close $file;
    rename "$self->{mode_file}.new", $self->{mode_file} or die $!;
    select undef, undef, undef, 0.1;
}

sub stop
{
    my ($self) = @_;
    return if !$self->{pid};
    kill 'KILL', $self->{pid};
    waitpid $self->{pid}, 0;
    $self->{pid} = 0;
}

sub DESTROY { local ($?, $!); $_[0]->stop if $_[0]{pid} }

1;
