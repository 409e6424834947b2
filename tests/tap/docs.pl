# What the pages say exists: relative links and their headings, files, functions, views, settings, options, make targets.
use strict;
use warnings;
use Cwd;
use lib '.';
use PostgreSQL::Test::Utils;
use TeamDatabase;
use Test::More;

my $root = $ENV{CRM_STAGE};
my $here = getcwd;
chdir $root or die $!;
my @pages = ('README.md', glob 'docs/*.md docs/bi/*.md');
my %text = map { $_ => slurp_file($_) } @pages;
# The prose without its blocks of code.
my %prose = map { $_ => $text{$_} =~ s/^```.*?^```$//msgr } @pages;

sub none {
    my ($what, @wrong) = @_;
    is(join("\n", sort @wrong), '', $what);
}

# A heading's name in links, as code hosts make it.
my %headings;
for my $page (@pages) {
    $headings{$page}{ lc($1) =~ s/`//gr =~ s/[^\w\- ]//gr =~ s/ /-/gr } = 1 while $text{$page} =~ /^#+ (.+)$/mg;
}
my @broken;
my $links = 0;
for my $page (@pages) {
    my ($folder) = $page =~ m{^(.*/)?};
    $folder //= '';
    while ($prose{$page} =~ /\]\(([^)\s]+)\)/g) {
        my $target = $1;
        next if $target =~ /^[a-z]+:/;
        $links++;
        my ($file, $heading) = split /#/, $target, 2;
        my $path = $file eq '' ? $page : "$folder$file";
        1 while $path =~ s{[^/]+/\.\./}{};
        push @broken, "$page: $target" if !-e $path || defined $heading && $headings{$path} && !$headings{$path}{$heading};
    }
}
cmp_ok($links, '>', 30, "$links links between pages");
none('each link leads to a page and a heading', @broken);

# Files: what begins with a folder of the tree, * and {a,b} allowed.
my @absent;
my $files = 0;
for my $page (@pages) {
    while ($text{$page} =~ /(?<![\w\/.\-])((?:extension|sql|daemon|tests|docs|bench|scripts)\/[\w.\/*\-{},]*[\w*\/}])/g) {
        my $path = $1;
        next if $path =~ /\b(?:NAME|ROOM|NN|TEST|VERSION|NEXT|noun|module)\b/; # places to fill in
        $files++;
        push @absent, "$page: $path" if !(my @found = glob $path) || grep { !-e } glob $path;
    }
}
cmp_ok($files, '>', 100, "$files names of files");
none('each file exists', @absent);

# Names of SQL: with their schema wherever they stand, and whatever is called in `...`.
chdir $here or die $!;
my $team = TeamDatabase->new('docs');
my %known = map { $_ => 1 } split /\n/, $team->run(<<'SQL');
SELECT p.proname FROM pg_proc p UNION SELECT c.relname FROM pg_class c UNION SELECT t.typname FROM pg_type t
UNION SELECT a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE c.relnamespace IN ('crm'::regnamespace, 'crm_bi'::regnamespace)
SQL
my %schema = map { $_ => 1 } split /\n/, $team->run(<<'SQL');
SELECT n.nspname || '.' || x.name
FROM pg_namespace n JOIN (SELECT pronamespace AS n, proname AS name FROM pg_proc UNION SELECT relnamespace, relname FROM pg_class
                          UNION SELECT typnamespace, typname FROM pg_type) x ON x.n = n.oid
WHERE n.nspname IN ('crm', 'crm_bi')
SQL
$team->node->stop;
chdir $root or die $!;
# what is no SQL: functions of C, Perl and the shell, found in the sources
my $sources = join "\n", map { slurp_file($_) } grep { -f } glob('extension/*.[ch] extension/*/*.[ch] daemon/*.[ch] tests/*/*.{pm,pl} scripts/* scripts/*/*.{sh,pl}');
my %called = map { $_ => 1 } $sources =~ /\b([a-z][a-z0-9_]+)\s*\(/g; # names in lower case
my %setting = map { $_ => 1 } $sources =~ /"(crm\.[a-z_]+)"/g; # one of them is hidden from pg_settings
my (@unknown, @uncalled);
my $names = 0;
for my $page (@pages) {
    while ($text{$page} =~ /(?<![\w.\/@\-])(crm(?:_bi)?\.[a-z][a-z0-9_]*)(?![\w*]|\.[a-z])/g) {
        my $name = $1;
        next if $name =~ /\.(?:so|ini|json|control|md|sql|service|c|h|pl)$/ || $name =~ /^crm\.map_/;
        $names++;
        push @unknown, "$page: $name" unless $schema{$name} || $setting{$name};
    }
    while ($prose{$page} =~ /`(?:crm\.)?([a-z][a-z0-9_]+)\((?=[^`\n]*`)/g) {
        $names++;
        push @uncalled, "$page: $1" unless $known{$1} || $called{$1};
    }
}
cmp_ok($names, '>', 500, "$names names of functions, views and settings");
none('each name in crm and crm_bi exists', @unknown);
none('each function that is named exists', @uncalled);

# Options of crmd and of the scripts, and what make does.
my $programs = join "\n", map { slurp_file($_) } grep { -f } glob('daemon/*.c scripts/* scripts/lint/* tests/run tests/results tests/mutants/*');
my @options;
for my $page (@pages) {
    while ($prose{$page} =~ /`(?:crmd|tests\/run|scripts\/\S+)\b([^`]*)`/g) {
        my $arguments = $1;
        while ($arguments =~ /--([a-z][a-z\-]+)/g) {
            push @options, "$page: --$1" unless $programs =~ /(?:--|")\Q$1\E\b/;
        }
    }
}
none('each option exists', @options);
my $makefile = slurp_file('Makefile');
my %target = map { $_ => 1 } map { split / / } $makefile =~ /^([a-z][a-z\- ]*):(?!=)/mg;
my @targets;
for my $page (@pages) {
    while ($text{$page} =~ /(?:`|^    |&& )make ((?:-s )?[a-z][a-z\-]+)/mg) {
        my $name = $1 =~ s/^-s //r;
        push @targets, "$page: make $name" unless $target{$name};
    }
}
none('each target of make exists', @targets);
# Each page is reached from README.md.
my %reached = ('README.md' => 1);
my @next = ('README.md');
while (my $page = shift @next) {
    my ($folder) = $page =~ m{^(.*/)?};
    while ($prose{$page} =~ /\]\(([^)#\s]+)/g) {
        my $path = ($folder // '') . $1;
        1 while $path =~ s{[^/]+/\.\./}{};
        push @next, $path if $prose{$path} && !$reached{$path}++;
    }
}
none('each page can be reached from README.md', grep { !$reached{$_} } @pages);
chdir $here or die $!;
done_testing();
