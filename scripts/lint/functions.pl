#!/usr/bin/perl
# Every CREATE FUNCTION of the given scripts says its volatility and its parallel safety; every SECURITY DEFINER sets
# search_path. Prints file:line: what is missing.
use strict;
use warnings;

for my $file (@ARGV)
{
    open my $in, '<', $file or die "$file: $!";
    my $text = do { local $/; <$in> };
    close $in;
    # Bodies and comments are blanked, lines kept, so that the statement ends at its own semicolon.
    my $blank = sub { my $part = shift; $part =~ s/[^\n]/ /g; $part };
    $text =~ s/^(\s*--.*)$/$blank->($1)/gme;
    $text =~ s/(\$(\w*)\$.*?\$\2\$)/$blank->($1)/gse;
    $text =~ s/(BEGIN ATOMIC.*?\bEND\s*;)/$blank->($1) . ';'/gse;
    $text =~ s/('(?:[^']|'')*')/$blank->($1)/gse;
    while ($text =~ /^CREATE\s+(FUNCTION|PROCEDURE)\s+(\S+?)\s*\((.*?);/gmsi)
    {
        my ($kind, $name, $rest) = (uc $1, $2, $3);
        my $line = 1 + (substr($text, 0, $-[0]) =~ tr/\n//);
        if ($kind eq 'FUNCTION')
        {
            print "$file:$line: $name: no volatility\n" unless $rest =~ /\b(IMMUTABLE|STABLE|VOLATILE)\b/i;
            print "$file:$line: $name: no PARALLEL\n" unless $rest =~ /\bPARALLEL\s+(SAFE|RESTRICTED|UNSAFE)\b/i;
        }
        print "$file:$line: $name: SECURITY DEFINER without search_path\n"
          if $rest =~ /\bSECURITY\s+DEFINER\b/i && $rest !~ /\bSET\s+search_path\b/i;
    }
}
