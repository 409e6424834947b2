# A proxy that cuts: it stands between crmd and a server or receiver, and does to connections what networks do.
#
#   perl Cutter.pm --to HOST:PORT            prints "port N", then passes bytes on until it is killed
#
# As a module: Cutter->start(to => 'host:port' or the path of a Unix socket), ->port, ->mode('...'), ->stop. Modes:
#   pass     bytes go through
#   cut      every connection is reset now, and so are new ones
#   hold     nothing goes through and nothing is closed: a half-open connection
#   deaf     bytes go to the server and its answers do not come back
#   before WORD   the first statement with this word stays here, and what its connection sends after it
#   after WORD    it is passed on, and the answer to it stays here once it is whole
# What stays here goes on when the mode is pass again. ->caught says whether such a statement, or its answer, is held.
package Cutter;
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use Socket qw(SOL_SOCKET SO_LINGER);
use Support qw(replace_file);
use parent 'Forked';

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
    my (%peer, %is_client, %held, %answer_held); # of sockets: what they sent and is kept; of clients: whose answer is kept
    my $select = IO::Select->new($listener);
    local $SIG{PIPE} = 'IGNORE';
    my $part = sub {
        my ($socket) = @_;
        my $other = delete $peer{$socket};
        delete $peer{$other} if $other;
        for my $one (grep { $_ } $socket, $other)
        {
            $select->remove($one);
            delete $_->{$one} for \%is_client, \%held, \%answer_held;
            reset_socket($one);
        }
    };
    my $send = sub {
        my ($socket, $bytes) = @_;
        my $sent = 0;
        while ($sent < length $bytes)
        {
            my $written = syswrite $socket, $bytes, length($bytes) - $sent, $sent;
            last if !defined $written;
            $sent += $written;
        }
    };
    my $caught = sub { open my $file, '>', "$mode_file.caught" or die $! };
    while (1)
    {
        open my $file, '<', $mode_file or return;
        my $mode = <$file> // 'pass';
        close $file;
        if ($mode eq 'cut')
        {
            $part->($_) for grep { $_ != $listener && $is_client{$_} } $select->handles;
        }
        my ($where, $word) = $mode =~ /^(before|after) (.*)/ ? ($1, $2) : ('', '');
        if ($where eq '')
        {
            %answer_held = ();
            for my $socket (grep { defined $held{$_} } $select->handles)
            {
                $send->($peer{$socket}, delete $held{$socket});
            }
        }
        for my $socket ($select->can_read(0.02))
        {
            if ($socket == $listener)
            {
                next if $mode eq 'hold';
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
            if ($where ne '' && $is_client{$socket} && index($bytes, $word) >= 0 && !-e "$mode_file.caught")
            {
                $held{$socket} = '' if $where eq 'before';
                $answer_held{$socket} = 1 if $where eq 'after';
                $caught->() if $where eq 'before';
            }
            if (defined $held{$socket} || (!$is_client{$socket} && $answer_held{ $peer{$socket} }))
            {
                $held{$socket} .= $bytes;
                # the server has ended the transaction and waits for the next question
                $caught->() if !$is_client{$socket} && $held{$socket} =~ /Z\x00\x00\x00\x05I\z/;
                next;
            }
            $send->($peer{$socket}, $bytes);
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
    $self->run_forked(sub { serve($listener, $arg{to}, $mode_file) });
    close $listener;
    return $self;
}

sub mode
{
    my ($self, $mode) = @_;
    unlink "$self->{mode_file}.caught";
    replace_file($self->{mode_file}, $mode);
    select undef, undef, undef, 0.1;
}

sub caught { return -e "$_[0]{mode_file}.caught" }

1;
