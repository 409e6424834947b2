# The way of one deal in docs/source-tour.md, typed along: each block runs, and prints what stands below it.
use strict;
use warnings;
use lib '.';
use PostgreSQL::Test::Utils;
use TeamDatabase;
use Test::More;

my $team = TeamDatabase->new('tour');
my $page = slurp_file("$ENV{CRM_STAGE}/docs/source-tour.md");
my ($blocks, $printed) = (0, 0);
while ($page =~ /^```sql\n(.*?)^```\n(?:```prints\n(.*?)^```\n)?/msg) {
    my ($code, $expected) = ($1, $2);
    my ($out, $err) = ('', '');
    is($team->node->psql('team', $code, stdout => \$out, stderr => \$err), 0, 'block ' . ++$blocks . ' runs') or diag($err);
    next unless defined $expected;
    chomp $expected;
    $printed++;
    is($out, $expected, "block $blocks prints what stands below it");
}
cmp_ok($blocks, '>=', 10, "$blocks blocks, $printed of them with what they print");
$team->node->stop;
done_testing();
