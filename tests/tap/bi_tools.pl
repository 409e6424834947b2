# Superset and Evidence themselves, as their pages in docs/bi/ say. Only on request: CRM_BI_TOOLS is the folder that scripts/bi-tools filled
# (CRM_BI_TOOLS=$PWD/build/bi-tools make check-tap T=bi_tools).
use strict;
use warnings;
use lib '.';
use IPC::Run;
use PostgreSQL::Test::Utils;
use TeamDatabase;
use Test::More;

my $tools = $ENV{CRM_BI_TOOLS} // '';
plan skip_all => 'no BI tools: CRM_BI_TOOLS is not the folder that scripts/bi-tools fills' unless -d $tools;

# The blocks of a page in a language, and those that are indented.
sub blocks_of {
    my ($page, $language) = @_;
    my $text = slurp_file("$ENV{CRM_STAGE}/docs/bi/$page.md");
    return $text =~ /^```\Q$language\E\n(.*?)^```$/msg if $language;
    return map { s/^ {4}//mgr } $text =~ /\n\n((?: {4}[^\n]*\n)+)/g;
}

sub written {
    my ($path, $text) = @_;
    open my $file, '>', $path or die "$path: $!";
    print $file $text;
    close $file or die "$path: $!";
    return $path;
}

my $team = TeamDatabase->new('bi_tools');
my $node = $team->node;
$team->run("SELECT crm.install_role_templates() \\g /dev/null\n" . slurp_file("$ENV{CRM_STAGE}/tests/regress/bi_world.sql") . <<'SQL');
SELECT count(*) FROM crm.adoption a CROSS JOIN LATERAL (SELECT count(*) FROM crm.protect(a.relation, '{"organisation": "region"}', object => a.entity)) p;
SELECT crm.create_principal('nora', 'Nora Lie'), crm.create_principal('zoe', 'Zoe');
SELECT crm.add_member('nora', 'north', 'sales');
SELECT crm.rotate_token_key();
SQL
# By the team's own table, without crm.
my $win_rate = <<'SQL';
SELECT date_trunc('month', closed)::date AS month, CASE region WHEN 'N1' THEN 'north' ELSE region END AS unit,
       round(count(*) FILTER (WHERE state = 'won')::numeric / count(*), 4) AS win_rate
FROM team.deal WHERE state IN ('won', 'lost') GROUP BY 1, 2 ORDER BY 1, 2
SQL

SKIP: {
    my $python = "$tools/superset/bin/python";
    IPC::Run::run([ $python, '-c', 'import superset' ], '>', \my $ignored, '2>', \my $why)
        or skip 'Superset is not installed there', 1;
    $team->run(join "\n", grep { /superset_app/ } blocks_of('superset', 'sql'));
    my ($key) = grep { /^HS256/ } split /\n/, slurp_file($node->data_dir . '/crm_token.keys');
    (undef, local $ENV{CRM_TOKEN_KEY}, local $ENV{CRM_TOKEN_SECRET}) = split / /, $key;
    local $ENV{SUPERSET_HOME} = "$ENV{TMPDIR}/superset";
    mkdir $ENV{SUPERSET_HOME};
    local $ENV{SUPERSET_CONFIG_PATH} = written("$ENV{SUPERSET_HOME}/superset_config.py", join "\n", blocks_of('superset', 'python'), <<"PY");
SECRET_KEY = "a secret of this test, which is long enough"
SQLALCHEMY_DATABASE_URI = "sqlite:///$ENV{SUPERSET_HOME}/superset.db"
DATA_CACHE_CONFIG = {"CACHE_TYPE": "FileSystemCache", "CACHE_DIR": "$ENV{SUPERSET_HOME}/cache", "CACHE_DEFAULT_TIMEOUT": 3600}
RATELIMIT_ENABLED = False
PY
    local $ENV{PGHOST} = $node->host;
    local $ENV{PGPORT} = $node->port;
    my ($out, $err);
    IPC::Run::run([ $python, 'read_through_superset.py' ], '>', \$out, '2>', \$err) or diag(length $err > 3000 ? substr $err, -3000 : $err);
    my %lines;
    push @{ $lines{$1} }, $2 while $out =~ /^(\w+)\|(.*)$/mg;
    is("@{ $lines{database} // [] }", '201', 'Superset: the connection is made, by an administrator who is no principal');
    is(join("\n", sort @{ $lines{column} // [] }), join("\n", sort split /\n/, $team->run(<<'SQL')), 'Superset: columns with types and comments; what is temporal');
SELECT format('%s|%s|%s|%s|%s', c.relname, a.attname, replace(format_type(a.atttypid, a.atttypmod), ',', ', '),
              CASE WHEN a.atttypid IN ('date'::regtype, 'timestamptz'::regtype) THEN 'True' ELSE 'False' END, col_description(c.oid, a.attnum))
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
WHERE c.relnamespace = 'crm_bi'::regnamespace AND c.relname IN ('kpi_value', 'fct_opportunity', 'dim_date')
SQL
    my ($says) = grep { /DATE_TRUNC/ } blocks_of('superset', 'sql');
    is($lines{query}[0] =~ s/;?$//r, join(' ', split ' ', $says), 'Superset: the SQL that it writes is that of the page');
    my @charts = map { [ split /\|/ ] } @{ $lines{chart} // [] };
    my $rows = join '|', map { s/\|/,/gr } split /\n/, $team->run($win_rate);
    is(join('|', @{ $charts[0] }[ 2 .. $#{ $charts[0] } ]), $rows, 'Superset: a chart of the win rate by month and unit is what the table says');
    is(join('|', @{ $charts[1] }), "nora|True|$rows", 'Superset: the second time from the cache');
    is(join('|', @{ $charts[2] }), 'zoe|False', 'Superset: which is not shown to somebody else');
    is(join('|', @{ $charts[3] }), 'nora|False|north,' . $team->run("SELECT round(sum(worth), 4) FROM team.deal WHERE region IN ('north', 'N1')"),
        'Superset: rows are those of the person');
    is(join('|', map { "@$_" } @charts[ 4 .. $#charts ]), 'zoe False|stranger False', 'Superset: and of nobody else');
    is(join("\n", map { /^(\w+)\|.*?(the token in crm.token identifies nobody)/ ? "$1: $2" : $_ } @{ $lines{refused} // [] }), <<'TEXT' =~ s/\n\z//r,
stranger: the token in crm.token identifies nobody
admin: the token in crm.token identifies nobody
stranger: the token in crm.token identifies nobody
TEXT
        'Superset: no numbers without a principal, nor for its administrator, nor in SQL Lab');
    my $won = $team->run(<<'SQL');
SELECT string_agg(unit || ',' || won, '|' ORDER BY unit)
FROM (SELECT CASE region WHEN 'N1' THEN 'north' ELSE region END AS unit, sum(worth)::float AS won FROM team.deal WHERE state = 'won' GROUP BY 1) x
SQL
    is($lines{lab}[0] =~ s/\.0+(?=\||$)//gr, "nora|$won", 'Superset: the function kpi() in SQL Lab');
}

SKIP: {
    my $modules = "$tools/evidence/node_modules";
    -d $modules && IPC::Run::run([ 'node', '--version' ], '>', \my $version) or skip 'Evidence is not installed there', 1;
    $team->run(join "\n", grep { /bi_sales/ } blocks_of('evidence', 'sql'));
    my ($connection) = grep { /^name: team/ } blocks_of('evidence');
    my ($source) = grep { /crm_bi/ && !/CREATE/ } blocks_of('evidence', 'sql');
    my ($page) = grep { /FROM team\./ } blocks_of('evidence');
    my ($plugins) = grep { /^components:/m } blocks_of('evidence');
    my ($host, $port) = ($node->host, $node->port);
    $connection =~ s/db\.example/$host/;
    $connection =~ s/5432/$port/;
    $connection =~ s/^ *ssl:.*\n//m;
    my $project = "$ENV{TMPDIR}/evidence";
    mkdir $_ for $project, "$project/sources", "$project/sources/team", "$project/pages";
    symlink $modules, "$project/node_modules" or die "symlink: $!";
    written("$project/package.json", '{ "name": "team", "private": true, "type": "module" }');
    written("$project/evidence.plugins.yaml", $plugins);
    written("$project/sources/team/connection.yaml", $connection);
    written("$project/sources/team/win_rate.sql", $source);
    # numbers as they are, and a time: the driver's own types
    written("$project/sources/team/types.sql", q{SELECT day, "time", unit_key, numerator, version, additive FROM crm_bi.kpi_value WHERE kpi_key = 'won_value'});
    written("$project/query.mjs", slurp_file("$ENV{CRM_STAGE}/tests/tap/query_evidence.mjs"));
    local $ENV{SEND_ANONYMOUS_USAGE_STATS} = 'no';
    my $in_project = "cd '$project' &&";
    my ($out, $err);
    IPC::Run::run([ 'bash', '-c', "$in_project timeout 60 node node_modules/\@evidence-dev/evidence/cli.js sources" ], '<', \undef, '>', \$out, '2>', \$err);
    like("$out$err", qr/win_rate \S+ Finished, wrote 18 rows/, 'Evidence: sources are read') or diag($out, $err);
    my $ask = sub {
        IPC::Run::run([ 'bash', '-c', "$in_project timeout 60 node query.mjs" ], '<', \$_[0], '>', \my $rows, '2>', \$err) or diag($err);
        return join "\n", sort split /\n/, $rows;
    };
    my $names = join "\n", map { my @row = split /\|/; "$row[0]|\u$row[1]|$row[2]" } split /\n/, $team->run($win_rate);
    is($ask->($page), $names, 'Evidence: the query of the page, by its own engine, is what the table says');
    is($ask->("SELECT typeof(day), typeof(\"time\"), typeof(unit_key), typeof(numerator), typeof(version), typeof(additive), sum(numerator) FROM team.types GROUP BY ALL"),
        'TIMESTAMP|TIMESTAMP|VARCHAR|DOUBLE|DOUBLE|BOOLEAN|' . $team->run("SELECT round(sum(worth), 4) FROM team.deal WHERE state = 'won'") =~ s/(\.\d\d)$/${1}00/r,
        'Evidence: numbers come as numbers, without casts');
}

done_testing();
