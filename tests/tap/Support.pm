# What tests of daemons share: waiting for something to happen, and files that only their owner may read.
package Support;
use strict;
use warnings;
use Exporter 'import';
use Time::HiRes qw(time sleep);

our @EXPORT_OK = qw(wait_until private_file);

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

1;
