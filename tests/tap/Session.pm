# Session: a psql that stays open, so that two of them can be in the midst of transactions at the same time.
#
#   my $session = Session->new($node, 'database', '-c jit=off');
#   my $printed = $session->run($sql)     waits for the end; what was printed, errors as lines ERROR:  SQLSTATE: message
#   $session->begin($sql); ...; $printed = $session->end     the same, without waiting in between
#   $session->lost                        whether its connection has ended: nothing can be run any more
#   $session->quit
package Session;

use strict;
use warnings;
use IPC::Open2;

sub new {
    my ($class, $node, $database, $options) = @_;
    local $ENV{PGOPTIONS} = $options // '';
    my $pid = open2(my $out, my $in, 'sh', '-c',
        'exec psql -XqtA -v VERBOSITY=verbose -v SHOW_CONTEXT=never -h "$0" -p "$1" -d "$2" 2>&1',
        $node->host, $node->port, $database);
    my $self = bless { pid => $pid, in => $in, out => $out, count => 0 }, $class;
    $self->run('SET client_min_messages = warning');
    return $self;
}

sub begin {
    my ($self, $sql) = @_;
    $self->{mark} = 'session mark ' . ++$self->{count};
    print { $self->{in} } "$sql\n;\n\\echo $self->{mark}\n";
    $self->{in}->flush;
    return;
}

sub end {
    my ($self) = @_;
    my $mark = $self->{mark};
    my $printed = '';
    $self->{lost} = 1; # until the mark comes
    while (defined(my $line = readline $self->{out})) {
        $self->{lost} = 0 if $line =~ s/\Q$mark\E\n\z//;
        $printed .= $line;
        last if !$self->{lost};
    }
    chomp $printed;
    return $printed;
}

sub run { my ($self, $sql) = @_; $self->begin($sql); return $self->end }

sub lost { return $_[0]{lost} }

sub quit {
    my ($self) = @_;
    print { $self->{in} } "\\q\n";
    close $self->{in};
    waitpid $self->{pid}, 0;
    return;
}

1;
