# scripts/new-function makes a skeleton that is in order: in a copy of the sources it passes the rules of lint, its C compiles without a warning,
# and its function does what its own test expects. In the same way by both languages and for each audience.
use strict;
use warnings;
use lib '.';
use IPC::Run;
use PostgreSQL::Test::Utils;
use TeamDatabase;
use Test::More;

my $stage = $ENV{CRM_STAGE};
my $copy = PostgreSQL::Test::Utils::tempdir_short() . '/copy';
system_or_bail('mkdir', $copy);
system_or_bail('cp', '-a', (map { "$stage/$_" } qw(sql scripts docs CHANGELOG.md README.md .clang-format)), $copy);
# of C what the skeleton includes: lint then looks at little else
system_or_bail('sh', '-c', 'mkdir -p "$1/tests" && for room in "$0"/extension/*/; do mkdir -p "$1/extension/$(basename "$room")"; done && cp "$0"/extension/base/*.h "$1/extension/base"',
    $stage, $copy);
system_or_bail('cp', '-a', (map { "$stage/tests/$_" } qw(regress isolation)), "$copy/tests");

append_to_file("$copy/tests/magic.c", "PG_MODULE_MAGIC;\n"); # each is a library of its own here

sub in_copy {
    my (@command) = @_;
    my $out = '';
    my $fine = IPC::Run::run([ 'bash', '-c', 'cd "$0" && "$@" 2>&1', $copy, @command ], '<', \undef, '>', \$out);
    return ($fine, $out);
}

my $team = TeamDatabase->new('skeleton');
my %made = (plain => [ 'kpi' ], answer_of_c => [ 'base', '--c' ], for_daemon => [ 'alert', '--audience', 'daemon' ], of_all => [ 'org', '--c', '--audience', 'public', '--part', '95' ]);
for my $name (sort keys %made) {
    my ($room, @options) = @{ $made{$name} };
    my ($fine, $out) = in_copy('scripts/new-function', $room, $name, @options);
    ok($fine, "$name is made in $room") or diag($out);
    like(slurp_file("$copy/tests/regress/schedule"), qr/^test: $name$/m, 'its test is scheduled');
    like(slurp_file("$copy/docs/$room.md"), qr/`crm\.$name\(key\)`/, 'its page names it');
    like(slurp_file("$copy/CHANGELOG.md"), qr/^- `$name`/m, 'so does the change log');
    my ($part) = glob "$copy/sql/$room/*-" . ($name =~ s/_/-/gr) . '.sql';
    my $sql = slurp_file($part) =~ s/\@extschema\@/crm/gr;
    if (grep { $_ eq '--c' } @options) {
        my $flags = `"$ENV{PG_CONFIG}" --includedir-server`;
        chomp $flags;
        my ($built, $said) = in_copy(qw(gcc -std=gnu11 -shared -fPIC -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Werror -D_GNU_SOURCE -Iextension),
            '-isystem', $flags, '-include', 'postgres.h', '-include', 'fmgr.h', '-o', "$name.so", "extension/$room/$name.c", 'tests/magic.c');
        ok($built, 'its C compiles') or diag($said);
        $sql =~ s/MODULE_PATHNAME/$copy\/$name.so/g;
    }
    $team->run($sql);
    my ($body) = slurp_file("$copy/tests/regress/sql/$name.sql") =~ /^\\i :fresh\n(.*)\z/ms;
    my ($expected) = slurp_file("$copy/tests/regress/expected/$name.out") =~ /^\\set ECHO none\n(.*)\z/ms;
    my $printed = '';
    IPC::Run::run([ 'sh', '-c', 'exec psql -Xaq -v SHOW_CONTEXT=never -h "$0" -p "$1" -d team 2>&1', $team->node->host, $team->node->port ], '<', \$body, '>', \$printed);
    is($printed, $expected, 'its function does what its test expects');
    my ($audience) = ("@options --audience admin" =~ /--audience (\w+)/);
    $team->prints("SELECT has_function_privilege('pg_monitor', 'crm.$name(text)', 'EXECUTE'), (SELECT audience FROM crm.function_audience WHERE signature = '$name(text)')",
        $audience eq 'public' ? 't|' : "f|$audience", "it is for $audience");
    $team->prints("SELECT obj_description('crm.$name(text)'::regprocedure) LIKE '%Example: SELECT crm.$name%'", 't', 'and has a comment with an example');
}
my ($fine, $found) = in_copy(qw(scripts/lint/run banned_calls no_replacing_in_install_parts tests_are_scheduled white_space install_parts_are_ascii
    sql_functions_say_what_they_are format));
ok($fine, 'all of them pass lint') or diag($found);

# what is wrong is refused, and nothing is written
my $before = (in_copy('sh', '-c', 'find . -type f | sort | xargs md5sum'))[1];
for (
    [ qr/no room kpis; rooms are alert base/, 'kpis', 'new_one' ],
    [ qr/a name has lower case letters/, 'kpi', 'New-One' ],
    [ qr/crm\.fold exists: sql\/kpi\/40-fold\.sql/, 'kpi', 'fold' ],
    [ qr/crm\.plain exists/, 'base', 'plain' ],
    [ qr/an audience is/, 'kpi', 'new_one', '--audience', 'everybody' ],
    [ qr/two digits/, 'kpi', 'new_one', '--part', '7' ],
    [ qr/new-function ROOM NAME/, 'kpi' ]
) {
    my ($message, @arguments) = @$_;
    my ($worked, $said) = in_copy('scripts/new-function', @arguments);
    ok(!$worked && $said =~ $message, "refused: @arguments") or diag($said);
}
is((in_copy('sh', '-c', 'find . -type f | sort | xargs md5sum'))[1], $before, 'nothing is half done');
$team->node->stop;
done_testing();
