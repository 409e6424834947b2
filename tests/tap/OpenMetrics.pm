# Reads OpenMetrics 1.0 text strictly: openmetrics(text) returns ({ families }, { samples }, [ what is wrong ]). Families are
# name => { type, unit, help }, samples are 'name{label="value",...}' => number.
package OpenMetrics;
use strict;
use warnings;
use Exporter 'import';

our @EXPORT_OK = qw(openmetrics);

# which samples a family of each type may have
my %suffixes = (
    counter => [ '_total', '_created' ], gauge => [''], info => ['_info'], unknown => [''], stateset => [''],
    histogram => [ '_bucket', '_count', '_sum', '_created' ], summary => [ '', '_count', '_sum', '_created' ]);
my $name = qr/[a-zA-Z_:][a-zA-Z0-9_:]*/;
my $label = qr/[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*"/;
my $number = qr/[+-]?(?:[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?|Inf|NaN)/;

# Buckets of one family, in order, with its count: [ [le, value], ... ]
sub histogram_errors
{
    my ($family, $buckets, $samples) = @_;
    my (@wrong, $before, $bound);
    for my $bucket (@$buckets)
    {
        my ($le, $value) = @$bucket;
        push @wrong, "$family: le=\"$le\" is not as numbers are written" if $le ne '+Inf' && $le !~ /^[0-9]+\.[0-9]+$/;
        push @wrong, "$family: buckets are not in order" if defined $bound && ($bound eq '+Inf' || $le ne '+Inf' && $le <= $bound);
        push @wrong, "$family: buckets are not cumulative" if defined $before && $value < $before;
        ($before, $bound) = ($value, $le);
    }
    push @wrong, "$family: the last bucket is not +Inf" if ($bound // '') ne '+Inf';
    push @wrong, "$family: count is not the last bucket" if ($samples->{"${family}_count"} // -1) != ($before // -2);
    push @wrong, "$family: no sum" unless exists $samples->{"${family}_sum"};
    return @wrong;
}

sub openmetrics
{
    my ($text) = @_;
    my (%families, %samples, %buckets, @wrong, $current, %suffixed);
    push @wrong, 'does not end with # EOF' unless $text =~ s/(^|\n)# EOF\n\z/$1/;
    push @wrong, 'a carriage return' if $text =~ /\r/;
    push @wrong, 'not UTF-8' unless utf8::decode(my $copy = $text);
    push @wrong, 'the last line has no end' unless $text eq '' || $text =~ s/\n\z//;
    for my $line (split /\n/, $text, -1)
    {
        if ($line =~ /^# (TYPE|UNIT|HELP) ($name) (.*)$/)
        {
            my ($what, $family, $value) = (lc $1, $2, $3);
            if (!defined $current || $current ne $family)
            {
                push @wrong, "$family comes twice" if $families{$family};
                $current = $family;
            }
            push @wrong, "$family: $what after a sample" if $families{$family}{sampled};
            push @wrong, "$family: $what twice" if exists $families{$family}{$what};
            $families{$family}{$what} = $value;
            push @wrong, "$family: unknown type $value" if $what eq 'type' && !$suffixes{$value};
            push @wrong, "$family does not end with its unit $value" if $what eq 'unit' && $family !~ /_\Q$value\E$/;
            push @wrong, "$family: an escape that there is not in help" if $what eq 'help' && $value =~ /\\(?![\\n"])/;
            next;
        }
        if ($line =~ /^($name)(?:\{($label(?:,$label)*)?\})? ($number)$/)
        {
            my ($sample, $labels, $value) = ($1, $2 // '', $3);
            my $family = $current // '';
            my $type = $families{$family}{type} // 'unknown';
            my ($suffix) = $sample =~ /^\Q$family\E(.*)$/;
            push @wrong, "$sample stands below $family of type $type" unless defined $suffix && grep { $_ eq $suffix } @{ $suffixes{$type} };
            my $key = $sample . ($labels eq '' ? '' : "{$labels}");
            push @wrong, "$key twice" if exists $samples{$key};
            my %names;
            push @wrong, "$key: a label twice" if grep { $names{$_}++ } $labels =~ /([a-zA-Z_][a-zA-Z0-9_]*)=/g;
            push @wrong, "$key: $value" if ($type eq 'counter' || $type eq 'histogram') && $value !~ /^[0-9]/;
            push @wrong, "$key is not 1" if $type eq 'info' && $value != 1;
            $samples{$key} = $value;
            $families{$family}{sampled} = 1;
            $suffixed{$sample} = $family;
            push @{ $buckets{$family} }, [ $labels =~ /^le="(.*)"$/, $value ] if ($suffix // '') eq '_bucket';
            next;
        }
        push @wrong, "cannot be read: \"$line\"";
    }
    for my $family (sort keys %families)
    {
        push @wrong, "$family has no type" unless $families{$family}{type};
        push @wrong, "$family has no help" unless $families{$family}{help};
        push @wrong, histogram_errors($family, $buckets{$family}, \%samples) if ($families{$family}{type} // '') eq 'histogram';
        push @wrong, "$family: a name that ends as samples do" if $family =~ /_(total|created|count|sum|bucket|info)$/;
        push @wrong, "$family is a sample of $suffixed{$family} as well" if $suffixed{$family} && $suffixed{$family} ne $family;
    }
    return (\%families, \%samples, \@wrong);
}

1;
