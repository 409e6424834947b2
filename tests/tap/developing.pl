# The blocks of docs/developing.md that are marked sh, run in a copy of the sources with a server that has the extension.
use strict;
use warnings;
use lib '.';
use IPC::Run;
use PostgreSQL::Test::Utils;
use TeamDatabase;
use Test::More;

my $stage = $ENV{CRM_STAGE};
my $copy = PostgreSQL::Test::Utils::tempdir_short() . '/copy';
system_or_bail('mkdir', '-p', "$copy/tests");
system_or_bail('cp', '-a', (map { "$stage/$_" } qw(sql scripts docs extension CHANGELOG.md)), $copy);
system_or_bail('cp', '-a', "$stage/tests/regress", "$copy/tests");
my $team = TeamDatabase->new('developing');
local $ENV{PGHOST} = $team->node->host;
local $ENV{PGPORT} = $team->node->port;
local $ENV{PGDATABASE} = 'team';
my @expected = (qr/max_rows is negative.*LOCATION: +exec_stmt_raise/s, qr/Query Text: EXISTS \(SELECT FROM kpi_pending\).*^0\n/ms, qr/^made: +sql\/kpi\/94-half-year\.sql .*sql\/base\/94-checksum-of\.sql extension\/base\/checksum_of\.c/ms);
my $page = slurp_file("$stage/docs/developing.md");
my @blocks = $page =~ /^```sh\n(.*?)^```/msg;
is(scalar @blocks, scalar @expected, 'as many blocks as are looked at');
for my $i (0 .. $#blocks) {
    my $out = '';
    ok(IPC::Run::run([ 'bash', '-euo', 'pipefail', '-c', "cd '$copy'\n$blocks[$i]" ], '<', \undef, '>', \$out, '2>&1'), 'block ' . ($i + 1) . ' runs') or diag($out);
    like($out, $expected[$i] // qr/./, 'and prints what it should');
}
$team->node->stop;
done_testing();
