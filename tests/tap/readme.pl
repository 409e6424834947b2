# The SQL of README.md, run from top to bottom by somebody who types what it says.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $readme = slurp_file("$ENV{CRM_STAGE}/README.md");
my @blocks = $readme =~ /^```sql\n(.*?)^```/msg;
cmp_ok(scalar @blocks, '>', 5, 'README has blocks of SQL');

my $node = PostgreSQL::Test::Cluster->new('readme');
$node->init;
$node->start;

my @answers;
for my $i (0 .. $#blocks) {
    my ($status, $out, $err) = $node->psql('postgres', $blocks[$i]);
    is($status, 0, 'block ' . ($i + 1) . " runs: $err");
    push @answers, $out;
}

my ($suggested) = grep { /suggest|high/ } @answers;
like($suggested, qr/^public\.deals\|opportunity\|high\|SELECT \* FROM crm\.adopt/m, 'deals are recognised');
my ($numbers) = grep { /win_rate/ } @answers;
like($numbers, qr/^win_rate\|2026-01-30\|south\|0\.0+\|1\.0+\|0\.0+$/m, 'one lost in the south');
like($numbers, qr/^win_rate\|2026-02-04\|north\|1\.0+\|1\.0+\|1\.0+$/m, 'one won in the north');
like($numbers, qr/900/, 'won value by unit');
is($node->safe_psql('postgres', 'SELECT count(*) FROM crm.adoption'), '0', 'nothing is adopted any more');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_trigger WHERE tgrelid IN ('deals'::regclass, 'accounts'::regclass) AND NOT tgisinternal"),
    '0', 'and no trigger is left');

$node->stop;
done_testing();
