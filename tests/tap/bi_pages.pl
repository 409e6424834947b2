# The pages of docs/bi, run as they stand there: what an administrator types, and then what the tool asks as the login that was made.
use strict;
use warnings;
use lib '.';
use IPC::Run;
use PostgreSQL::Test::Utils;
use TeamDatabase;
use Test::More;

my $folder = "$ENV{CRM_STAGE}/docs/bi";
my @pages = map { m{([^/]+)\.md$} } sort glob "$folder/*.md";
is("@pages", 'README evidence grafana metabase power-bi superset', 'a page for each tool');

# The blocks of a page: heading, language, text.
sub blocks_of {
    my ($page) = @_;
    my ($heading, @blocks) = ('');
    my $text = slurp_file("$folder/$page.md");
    while ($text =~ /^## ([^\n]*)$|^```(\w+)\n(.*?)^```$/msg) {
        if (defined $1) {
            $heading = $1;
        } else {
            push @blocks, [ $heading, $2, $3 ];
        }
    }
    return @blocks;
}

# What a tool puts in the place of its variables and macros.
sub expanded {
    my ($sql) = @_;
    $sql =~ s/\$__timeFilter\((\w+)\)/$1 BETWEEN '2026-01-01T00:00:00Z' AND '2026-12-31T23:59:59Z'/g;
    $sql =~ s/\$__timeGroupAlias\((\w+), '(\d+)d'\)/sprintf 'floor(extract(epoch from %s)\/%d)*%d AS "time"', $1, $2 * 86400, $2 * 86400/ge;
    $sql =~ s/\$__timeFrom\(\)/'2026-01-01T00:00:00Z'/g;
    $sql =~ s/\$__timeTo\(\)/'2026-12-31T23:59:59Z'/g;
    $sql =~ s/\{\{since\}\}/timestamp with time zone '2026-01-01 00:00:00Z'/g;
    $sql =~ s/\{\{until\}\}/timestamp with time zone '2026-12-31 00:00:00Z'/g;
    return $sql;
}

my $world = <<'SQL' . slurp_file("$ENV{CRM_STAGE}/tests/regress/bi_world.sql") . <<'MORE';
SELECT crm.install_role_templates() \g /dev/null
SQL
SELECT count(*) FROM crm.adoption a CROSS JOIN LATERAL (SELECT count(*) FROM crm.protect(a.relation, '{"organisation": "region"}', object => a.entity)) p;
SELECT crm.create_principal('nora', 'Nora Lie'), crm.create_principal('zoe', 'Zoe');
SELECT crm.add_member('nora', 'north', 'sales');
SELECT crm.rotate_token_key();
MORE

my $team = TeamDatabase->new('bi_pages');
my $node = $team->node;
local $ENV{PGHOST} = $node->host;
local $ENV{PGPORT} = $node->port;
$team->run($world);
my $made = 'crm_bi_pages';
my $asked = 0;
for my $page (@pages) {
    # each page on a database and with roles as they were before
    $node->safe_psql('postgres', "DROP DATABASE IF EXISTS $made");
    $node->safe_psql('postgres', "CREATE DATABASE $made TEMPLATE team");
    for my $block (grep { $_->[1] eq 'sql' } blocks_of($page)) {
        my ($heading, undef, $sql) = @$block;
        my $administers = $sql =~ /^(?:CREATE|GRANT|ALTER)\b|\bcreate_kpi_view\b/m;
        my ($status, $out, $err) = $node->psql($made, $administers ? $sql : expanded($sql), on_error_stop => 1,
            $administers ? () : (extra_params => [ '-U', 'bi_sales' ]));
        my ($first) = $sql =~ /^(.{1,60})/;
        ok($status == 0 && ($administers || $out ne ''), "$page, $heading: $first") or diag($err);
        $asked++ unless $administers;
    }
    for my $role ('bi_sales', 'superset_app') {
        $node->safe_psql($made, "DROP OWNED BY $role; DROP ROLE $role")
            if $node->safe_psql($made, "SELECT count(*) FROM pg_roles WHERE rolname = '$role'");
    }
}
cmp_ok($asked, '>=', 12, 'the pages have queries');
$node->safe_psql('postgres', "DROP DATABASE $made");

# Superset's function, with its own library for tokens, and the connection that it makes: each user sees what the principal sees.
SKIP: {
    my ($python) = map { $_->[2] } grep { $_->[1] eq 'python' } blocks_of('superset');
    ok($python, 'the page has the function');
    eval { IPC::Run::run([ 'python3', '-c', 'import jwt, sqlalchemy, psycopg2' ], '>', \my $ignored, '2>', \my $missing) } # dies without python3
        or skip 'Python lacks jwt, sqlalchemy or psycopg2 (packages python3-jwt, python3-sqlalchemy, python3-psycopg2)', 1;
    $team->run(join "\n", grep { /superset_app/ } map { $_->[2] } grep { $_->[1] eq 'sql' } blocks_of('superset'));
    my ($key) = grep { /^HS256/ } split /\n/, slurp_file($node->data_dir . '/crm_token.keys');
    (undef, local $ENV{CRM_TOKEN_KEY}, local $ENV{CRM_TOKEN_SECRET}) = split / /, $key;
    my $script = $python . <<'PY';

import sys
import sqlalchemy
from sqlalchemy.engine.url import make_url

for username in ["nora", "zoe", "stranger", None]:
    uri = make_url("postgresql+psycopg2:///team").set(host=os.environ["PGHOST"], port=int(os.environ["PGPORT"]), username=username or "superset_app")
    uri, params = DB_CONNECTION_MUTATOR(uri, {}, username, None, None)
    try:
        with sqlalchemy.create_engine(uri, poolclass=sqlalchemy.pool.NullPool, **params).connect() as connection:
            rows = connection.execute(sqlalchemy.text("SELECT DISTINCT unit_key FROM crm_bi.fct_opportunity ORDER BY 1")).fetchall()
            numbers = connection.execute(sqlalchemy.text("SELECT count(value) > 0 FROM crm_bi.kpi_value")).scalar()
            print(username, [r[0] for r in rows], numbers)
    except sqlalchemy.exc.DBAPIError as error:
        print(username, str(error.orig).splitlines()[0])
PY
    IPC::Run::run([ 'python3', '-' ], '<', \$script, '>', \my $out, '2>', \my $err);
    is($out, <<'TEXT', 'Superset: each user is the principal of that name, and nobody without one') or diag($err);
nora ['north'] True
zoe [] False
stranger the token in crm.token identifies nobody
None database role "superset_app" is no principal
TEXT
}

done_testing();
