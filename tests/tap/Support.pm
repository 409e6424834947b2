# What tests of daemons and of faults share: waiting for something to happen, a server that may go away, files, ports.
package Support;
use strict;
use warnings;
use Exporter 'import';
use IO::Socket::INET;
use Time::HiRes qw(time sleep);

our @EXPORT_OK = qw(wait_until answer private_file replace_file free_port enough_locks);

# For postgresql.conf of a server with few connections (allows_streaming leaves ten), whose table of locks is too small for CREATE EXTENSION.
sub enough_locks { return "max_locks_per_transaction = 256\n" }

# Whether the condition became true within so many seconds, 30 unless given.
sub wait_until(&;$)
{
    my ($condition, $seconds) = @_;
    my $end = time + ($seconds // 30);
    while (time < $end)
    {
        return 1 if $condition->();
        sleep 0.03;
    }
    return 0;
}

# What a server prints that may go away at any time; undef where it failed. Where psql ends before it has read its input, writing to it dies.
sub answer
{
    my ($node, $database, $sql) = @_;
    my ($status, $out) = eval { $node->psql($database, $sql) };
    return defined $status && $status == 0 ? $out : undef;
}

# Writes a file of mode 0600 and returns its path.
sub private_file
{
    my ($dir, $name, $text) = @_;
    open my $file, '>', "$dir/$name" or die $!;
    print $file $text;
    close $file;
    chmod 0600, "$dir/$name";
    return "$dir/$name";
}

# Writes a file that others read meanwhile: they see the old text or the new one.
sub replace_file
{
    my ($path, $text) = @_;
    open my $file, '>', "$path.new" or die $!;
    print $file $text;
    close $file;
    rename "$path.new", $path or die $!;
    return;
}

# A port of 127.0.0.1 at which nobody listens.
sub free_port
{
    my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1) or die $!;
    return $socket->sockport;
}

1;
