# A server of a test in a process of its own, forked from it: what NameServer, Cutter and MailReceiver are. The objects have {port}.
package Forked;
use strict;
use warnings;
use POSIX ();

# Runs this in the new process, which ends with it.
sub run_forked
{
    my ($self, $serve) = @_;
    $self->{pid} = fork // die ref($self) . ": $!\n";
    return if $self->{pid};
    local $SIG{TERM} = 'DEFAULT';
    eval { $serve->(); 1 } or print STDERR ref($self) . ": $@";
    POSIX::_exit(0); # no END block of the test
}

sub port { return $_[0]{port} }

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
