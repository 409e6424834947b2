# Catalogue: what tests of updates compare of two databases, every catalogue entry of the extension.
#   catalogue($team)            as a hash of "kind name" to content (tests/upgrade/catalogue.sql)
#   differences($one, $two)     the keys that one of two hashes has and the other has not, or otherwise
package Catalogue;
use strict;
use warnings;
use Exporter 'import';

our @EXPORT = qw(catalogue differences);

sub catalogue
{
    my ($team) = @_;
    my $out = $team->run("\\i $ENV{CRM_STAGE}/tests/upgrade/catalogue.sql\n"
        . q(SELECT translate(kind || E'\x01' || name || E'\x02' || content, E'\n', E'\x03') FROM catalogue ORDER BY 1));
    my %entries;
    for my $line (split /\n/, $out)
    {
        my ($key, $content) = split /\x02/, $line, 2;
        $key =~ s/\x01/ /;
        $entries{$key} = $content // '';
    }
    return \%entries;
}

sub differences
{
    my ($one, $two) = @_;
    my %keys = map { $_ => 1 } keys %$one, keys %$two;
    return sort grep { ($one->{$_} // "\0") ne ($two->{$_} // "\0") } keys %keys;
}

1;
