#!/usr/bin/perl
# Names that somebody else could put in front of crm's: what scripts/lint/catalogue.sql cannot see of an install script.
#   names.pl sql/ROOM/NN-noun.sql...       prints file:line: what
# - A path is "pg_catalog, @extschema@, pg_temp" or without the middle: temporary objects come first where they are not named.
# - What is made, changed or filled is named with its schema, and made for the first time: IF NOT EXISTS and OR REPLACE would take what is there.
# - A body that is looked up by its caller's path (LANGUAGE sql or plpgsql without SET search_path, in quotes) writes functions, types
#   and operators with their schemas, and makes no SQL of texts.
# CREATE EXTENSION sets the path to the extension's schema, which the first part has found to be nobody else's, and pg_temp: so
# functions, types and operators that are found while the script runs (top level, DO, RETURN, BEGIN ATOMIC) may go without.
use strict;
use warnings;

my $schema = qr/(?:\@extschema\@|crm_bi|pg_catalog)\./;
# words that are followed by a parenthesis and are no functions; types that are SQL's own and not looked up
my %word = map { $_ => 1 } qw(AND OR NOT IN ANY ALL SOME AS ON USING VALUES EXISTS FILTER OVER WHEN THEN ELSE IF ELSIF RETURN SELECT FROM WHERE JOIN BY
    ARRAY ROW LATERAL COALESCE NULLIF GREATEST LEAST EXTRACT CAST INTO OPERATOR FORMAT LOOP CALL PERFORM VARIADIC);
my $own_type = qr/(?:bigint|integer|smallint|boolean|numeric|interval|double precision|pg_catalog\.\w+|\@extschema\@\.\w+)(?:\[\])?/;

for my $file (@ARGV)
{
    open my $in, '<', $file or die "$file: $!";
    my $text = do { local $/; <$in> };
    close $in;
    my $blank = sub { my $part = shift; $part =~ s/[^\n]/ /g; $part };
    $text =~ s/(^\s*--.*$|[ \t]--.*$)/$blank->($1)/gme;
    my $found = sub { my ($at, $what) = @_; printf "%s:%d: %s\n", $file, 1 + (substr($text, 0, $at) =~ tr/\n//), $what };

    while ($text =~ /\bSET\s+search_path\s*(?:=|TO)\s*([^\n]*?)(?=\s+(?:AS|RETURN|SET|BEGIN|SECURITY|LANGUAGE)\b|\s*[;\n]|')/g)
    {
        $found->($-[0], "search_path is $1") unless $1 =~ /^pg_catalog, (?:\@extschema\@, )?pg_temp$/;
    }

    # Bodies of functions, their heads before them.
    while ($text =~ /^CREATE (?:FUNCTION|PROCEDURE) (\S+?)\s*\(((?:(?!^CREATE )[\s\S])*?)\bAS\s+(\$\w*\$)([\s\S]*?)\3([^;]*);/gm)
    {
        my ($name, $head, $body, $tail, $at) = ($1, $2, $4, $5, $-[4]);
        next if "$head $tail" =~ /\bSET search_path\b/ || "$head $tail" !~ /\bLANGUAGE (?:sql|plpgsql)\b/;
        my $code = $body;
        $code =~ s/('(?:[^']|'')*')/"'" . ' ' x (length($1) - 2) . "'"/ge;
        while ($code =~ /(?<![\w.@"])([A-Za-z_]\w*)\s*\(/g)
        {
            $found->($at + $-[0], "$name looks up $1() by its caller's path") unless $word{ uc $1 };
        }
        $code =~ s/(\bRAISE\b[^;]*)/$blank->($1)/ge;
        while ($code =~ /(<=|>=|<>|!=|\|\||->>?|[-+*\/<>~=]|\bLIKE\b|\bBETWEEN\b|\bIN\s*\((?!\s*SELECT)|\bIS DISTINCT FROM\b|\bCASE\s+(?!WHEN)\w)/g)
        {
            my ($start, $operator) = ($-[0], $1);
            next if substr($code, 0, $start) =~ /(?:OPERATOR\(pg_catalog\.|:)$/;         # written in full; := and =>
            next if substr($code, $start - 1, 3) =~ /:=|=>/;
            $found->($at + $start, "$name looks up the operator $operator by its caller's path");
        }
        while ($code =~ /::\s*([\w.@]+)/g) { $found->($at + $-[0], "$name looks up the type $1 by its caller's path") unless $1 =~ /^$own_type$/ }
        if ($code =~ /\bDECLARE\b([\s\S]*?)\bBEGIN\b/)
        {
            my ($declared, $from) = ($1, $at + $-[1]);
            while ($declared =~ /^\s*\w+\s+(?:CONSTANT\s+)?([^;:=]+?)\s*(?::=[^;]*)?;/gm)
            {
                $found->($from + $-[1], "$name looks up the type $1 by its caller's path") unless $1 =~ /^$own_type$/;
            }
        }
        while ($code =~ /\b(?:FROM|JOIN|UPDATE|INTO)\s+([A-Za-z_@][\w.@]*)/g)
        {
            my $what = $1;
            next if $what =~ /^$schema/ || $code =~ /\b\Q$what\E\b[^;]*;[\s\S]*\bBEGIN\b/ || $what =~ /^(?:clock_timestamp|DISTINCT|STRICT)$/;
            $found->($at + $-[1], "$name looks up $what by its caller's path");
        }
        $found->($at + $-[0], "$name makes SQL of a text") if $code =~ /\bEXECUTE\b/;
    }

    # Statements at the top level.
    $text =~ s/(\$(\w*)\$[\s\S]*?\$\2\$)/$blank->($1)/ge;
    $text =~ s/('(?:[^']|'')*')/$blank->($1)/ge;
    while ($text =~ /\b(IF\s+NOT\s+EXISTS|OR\s+REPLACE)\b/gi) { $found->($-[0], uc $1) }
    my $kind = qr/(?:FUNCTION|PROCEDURE|AGGREGATE|TABLE|VIEW|TYPE|DOMAIN|SEQUENCE|OPERATOR(?: CLASS| FAMILY)?)/;
    while ($text =~ /^\s*(?:CREATE|ALTER|DROP|COMMENT ON)\s+(?:UNLOGGED\s+)?($kind)\s+(?:IF EXISTS\s+)?([^\s(;]+)/gm)
    {
        $found->($-[0], lc($1) . " $2 has no schema") unless $2 =~ /^$schema/;
    }
    while ($text =~ /^\s*(INSERT INTO|UPDATE|DELETE FROM|TRUNCATE|COPY)\s+([^\s(;]+)/gm)
    {
        $found->($-[0], lc($1) . " $2 has no schema") unless $2 =~ /^$schema/ || $text =~ /BEGIN ATOMIC/;
    }
    while ($text =~ /^\s*CREATE (?:UNIQUE )?(INDEX|TRIGGER|POLICY|CONSTRAINT TRIGGER|STATISTICS)\b([^;]*?)\bON\s+([^\s(;]+)/gm)
    {
        $found->($-[0], lc($1) . " on $3, which has no schema") unless $3 =~ /^(?:ONLY )?$schema/;
    }
    while ($text =~ /^\s*(GRANT|REVOKE)\b([^;]*?)\bON\s+(?:TABLE |FUNCTION |SEQUENCE |TYPE )?([^\s(;,]+)/gm)
    {
        $found->($-[0], lc($1) . " on $3, which has no schema") unless $3 =~ /^(?:$schema|SCHEMA|ALL)/;
    }
}
