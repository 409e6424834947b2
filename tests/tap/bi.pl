# crm_bi through the drivers of BI tools, ODBC and JDBC: what they list of views, columns, types and remarks, a report, who asks.
use strict;
use warnings;
use lib '.';
use IPC::Run;
use PostgreSQL::Test::Utils;
use TeamDatabase;
use Test::More;

my $jar = (grep { -e } '/usr/share/java/postgresql.jar')[0];
my $has_odbc = eval { require DBI; require DBD::ODBC; 1 } && grep { -e "$_/psqlodbcw.so" } glob '/usr/lib/*/odbc';
my $has_java = grep { -x "$_/javac" } split /:/, $ENV{PATH};
plan skip_all => 'neither ODBC (odbc-postgresql, libdbd-odbc-perl) nor JDBC (libpostgresql-jdbc-java, default-jdk-headless) is installed'
    unless $has_odbc || $jar && $has_java;

my $team = TeamDatabase->new('bi');
my $node = $team->node;
$node->append_conf('postgresql.conf', "listen_addresses = '127.0.0.1'\n");
$node->restart;
$team->run("SELECT crm.install_role_templates() \\g /dev/null\n" . slurp_file("$ENV{CRM_STAGE}/tests/regress/bi_world.sql") . <<'SQL');
SELECT count(*) FROM crm.adoption a CROSS JOIN LATERAL (SELECT count(*) FROM crm.protect(a.relation, '{"organisation": "region"}', object => a.entity)) p;
CREATE ROLE bi_north LOGIN; CREATE ROLE bi_shared LOGIN;
SELECT crm.create_principal('bi-north', 'BI of the north', kind => 'service', role_name => 'bi_north'), crm.create_principal('sofia', 'Sofía Müller');
SELECT crm.add_member('bi-north', 'north', 'sales'), crm.add_member('sofia', 'south', 'sales');
SELECT * FROM crm.grant_reader('bi_north'); SELECT * FROM crm.grant_reader('bi_shared');
SELECT crm.rotate_token_key();
SQL
my $token = $team->run("SELECT crm.issue_token('sofia', '1 hour')");
my $port = $node->port;
my $report = <<'SQL' =~ s/\n/ /gr;
SELECT d.month_start, u.name AS unit, count(*) AS deals, sum(o.amount)::numeric(24,6) AS amount, max(o.created_at) AS latest, bool_or(s.retired) AS retired
FROM crm_bi.fct_opportunity o JOIN crm_bi.dim_date d USING (day) JOIN crm_bi.dim_unit u USING (unit_key) JOIN crm_bi.dim_stage s USING (stage_key)
GROUP BY 1, 2 ORDER BY 1, 2
SQL

# What the catalogue says, as lines to compare with: views, and columns with size and digits of numbers.
my $views = $team->run(<<'SQL');
SELECT format('%s|VIEW|%s', c.relname, obj_description(c.oid, 'pg_class')) FROM pg_class c WHERE c.relnamespace = 'crm_bi'::regnamespace AND c.relkind = 'v' ORDER BY c.relname COLLATE "C"
SQL
$views = join "\n", sort split /\n/, $views;
my $columns = $team->run(<<'SQL');
SELECT format('%s|%s|%s|%s|%s', c.relname, a.attname, t.typname, CASE t.typname WHEN 'numeric' THEN format('%s,%s', (a.atttypmod - 4) >> 16, (a.atttypmod - 4) & 65535) END,
              col_description(c.oid, a.attnum))
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 JOIN pg_type t ON t.oid = a.atttypid
WHERE c.relnamespace = 'crm_bi'::regnamespace AND c.relkind = 'v' ORDER BY c.relname COLLATE "C", a.attnum
SQL
my $rows = $node->safe_psql('team', $report, extra_params => [ '-U', 'bi_north' ]);
like($rows, qr/^2026-01-01\|North\|\d+\|[\d.]+\|/, 'the report has rows');

SKIP: {
    skip 'ODBC: odbc-postgresql or libdbd-odbc-perl is not installed', 1 unless $has_odbc;
    my $connect = sub {
        my ($user, $more) = @_;
        return DBI->connect("dbi:ODBC:DRIVER={PostgreSQL Unicode};SERVER=127.0.0.1;PORT=$port;DATABASE=team;UID=$user;$more", '', '',
            { RaiseError => 1, PrintError => 0, odbc_utf8_on => 1, odbc_ignore_named_placeholders => 1 });
    };
    my $db = $connect->('bi_north', 'UseDeclareFetch=1;Fetch=7');
    my $seen = join "\n", sort map { "$_->{TABLE_NAME}|$_->{TABLE_TYPE}|" . ($_->{REMARKS} // '') }
        @{ $db->table_info(undef, 'crm_bi', '%', "'VIEW','TABLE'")->fetchall_arrayref({}) };
    is($seen =~ s/\|[^|\n]*$//mgr, $views =~ s/\|[^|\n]*$//mgr, 'ODBC: SQLTables lists every view');
    my @columns = @{ $db->column_info(undef, 'crm_bi', '%', '%')->fetchall_arrayref({}) };
    my @lines = map {
        join '|', @{$_}{ 'TABLE_NAME', 'COLUMN_NAME', 'TYPE_NAME' }, $_->{TYPE_NAME} eq 'numeric' ? "$_->{COLUMN_SIZE},$_->{DECIMAL_DIGITS}" : ''
    } sort { $a->{TABLE_NAME} cmp $b->{TABLE_NAME} || $a->{ORDINAL_POSITION} <=> $b->{ORDINAL_POSITION} } @columns;
    is(join("\n", @lines), $columns =~ s/^((?:[^|\n]*\|){3}[^|\n]*)\|.*$/$1/mgr, 'ODBC: SQLColumns lists every column with type, size and digits');
    my %type = map { $_->{TYPE_NAME} => 1 } @columns;
    is(join(' ', sort keys %type), 'bool date int8 numeric text timestamptz', 'ODBC: and no other types');
    # psqlODBC passes on no comments; where a version does, they are ours
    my %comment = map { my ($view, $column, undef, undef, $text) = split /\|/, $_, 5; ("$view.$column" => $text) } split /\n/, $columns;
    is(join("\n", grep { $_ } map { ($_->{REMARKS} // '') =~ /\S/ && $_->{REMARKS} ne $comment{"$_->{TABLE_NAME}.$_->{COLUMN_NAME}"} ? $_->{COLUMN_NAME} : () } @columns),
        '', 'ODBC: remarks, if any, are the comments');
    my $keys = $db->primary_key_info(undef, 'crm_bi', 'kpi_value');
    is($keys ? scalar @{ $keys->fetchall_arrayref } : 0, 0, 'ODBC: views have no keys, and asking is no error');
    my $foreign = $db->foreign_key_info(undef, 'crm_bi', 'dim_unit', undef, 'crm_bi', 'kpi_value');
    is($foreign ? scalar @{ $foreign->fetchall_arrayref } : 0, 0, 'ODBC: nor foreign ones');
    cmp_ok(scalar @{ $db->type_info_all }, '>', 1, 'ODBC: SQLGetTypeInfo');
    my $statement = $db->prepare($report);
    $statement->execute;
    is("@{$statement->{NAME}}", 'month_start unit deals amount latest retired', 'ODBC: columns of a report');
    is("$statement->{PRECISION}[3],$statement->{SCALE}[3]", '24,6', 'ODBC: and their size');
    my $got = join "\n", map { "$_->[0]|$_->[1]|$_->[2]|$_->[3]" } @{ $statement->fetchall_arrayref };
    is($got =~ s/\|(-?)\./|${1}0./gr, $rows =~ s/\|[^|\n]*\|[tf]$//mgr, 'ODBC: rows of a report, those of the login');
    # What Power Query sends where it folds steps: the view as a table of its own, its columns one by one, a literal for a day, groups
    # over a sub-select, and first of all no rows but the shape.
    my $shape = $db->prepare(q{select "_"."kpi_key", "_"."day", "_"."numerator" from "team"."crm_bi"."kpi_value" "_" where 0 = 1});
    $shape->execute;
    # SQL_LONGVARCHAR, wide or not, and SQL_TYPE_DATE
    like("@{$shape->{NAME}} | @{$shape->{TYPE}}[0, 1]", qr/^kpi_key day numerator \| -10? 91$/, 'ODBC: Power Query asks for the shape: text and a date');
    is(scalar @{ $shape->fetchall_arrayref }, 0, 'ODBC: and no row comes');
    my $folded = q{select "rows"."unit_key" as "unit_key", sum("rows"."numerator") as "won", sum("rows"."denominator") as "closed"
        from (select "_"."unit_key", "_"."numerator", "_"."denominator" from "team"."crm_bi"."kpi_value" "_"
              where "_"."kpi_key" = 'win_rate' and "_"."day" >= {d '2026-02-01'} and "_"."day" < {d '2026-03-01'}) "rows"
        group by "unit_key" order by "rows"."unit_key"};
    is(join("\n", map { join '|', $_->[0], map { $_ + 0 } @{$_}[ 1, 2 ] } @{ $db->selectall_arrayref($folded) }),
        $team->run(<<'PLAIN'), 'ODBC: and for groups of what is filtered, with dates as ODBC writes them');
SELECT CASE region WHEN 'N1' THEN 'north' ELSE region END, count(*) FILTER (WHERE state = 'won'), count(*)
FROM team.deal WHERE state IN ('won', 'lost') AND closed >= '2026-02-01' AND closed < '2026-03-01' GROUP BY 1 ORDER BY 1
PLAIN
    is(scalar @{ $db->selectall_arrayref(q{select "_"."record_key", "_"."created_at" from "team"."crm_bi"."fct_opportunity" "_"
        where "_"."created_at" >= {ts '2026-01-01 00:00:00'} order by "_"."record_key" limit 3 offset 0}) }, 3, 'ODBC: and for a preview of rows');
    my $function = $db->selectall_arrayref(q{SELECT period, value FROM crm_bi.kpi('won_count', 'year') WHERE value > ?}, {}, 0);
    is(scalar @$function, 1, 'ODBC: the function kpi with a parameter');
    ok(!eval { $db->do('DELETE FROM team.deal'); 1 }, 'ODBC: nothing is written');
    like($@, qr/permission denied/, 'ODBC: and it says so');
    $db->disconnect;

    $db = $connect->('bi_shared', "pqopt={options='-c crm.token=$token'}");
    is(join(',', @{ $db->selectcol_arrayref('SELECT DISTINCT unit_key FROM crm_bi.fct_opportunity') }), 'south', 'ODBC: a token in the connection says who asks');
    $db->disconnect;
    $db = $connect->('bi_shared', '');
    ok(!eval { $db->selectall_arrayref('SELECT * FROM crm_bi.kpi_value'); 1 }, 'ODBC: without a token the shared login is nobody');
    like($@, qr/is no principal/, 'ODBC: and it says so');
    $db->disconnect;
}

SKIP: {
    skip 'JDBC: libpostgresql-jdbc-java or a JDK is not installed', 1 unless $jar && $has_java;
    my $read = sub {
        my ($user, $query, $more) = @_;
        my ($out, $err) = ('', '');
        IPC::Run::run([ 'java', '-XX:TieredStopAtLevel=1', '-Dfile.encoding=UTF-8', '-cp', $jar, 'ReadThroughJdbc.java',
            "jdbc:postgresql://127.0.0.1:$port/team?user=$user$more", 'crm_bi', $query ], '<', \undef, '>', \$out, '2>', \$err);
        my %lines;
        push @{ $lines{$1} }, $2 while $out =~ /^(\w+)\|(.*)$/mg;
        return (\%lines, $err);
    };
    my ($lines, $err) = $read->('bi_north', $report, '');
    is(join("\n", sort @{ $lines->{table} // [] }), $views, 'JDBC: every view with its remarks') or diag($err);
    my @columns = map {
        my ($table, $name, $type, $size, $digits, $remarks) = split /\|/, $_, 6;
        join '|', $table, $name, $type, $type eq 'numeric' ? "$size,$digits" : '', $remarks
    } @{ $lines->{column} };
    is(join("\n", @columns), $columns, 'JDBC: every column with type, size, digits and remarks');
    is(join("\n", @{ $lines->{result} }), <<'TEXT' =~ s/\n\z//r, 'JDBC: columns of a report');
month_start|date|13|0|java.sql.Date
unit|text|2147483647|0|java.lang.String
deals|int8|19|0|java.lang.Long
amount|numeric|24|6|java.math.BigDecimal
latest|timestamptz|35|6|java.sql.Timestamp
retired|bool|1|0|java.lang.Boolean
TEXT
    my $got = join "\n", map { join '|', (split /\|/)[ 0 .. 3 ] } @{ $lines->{row} };
    is($got, $rows =~ s/\|[^|\n]*\|[tf]$//mgr, 'JDBC: rows of a report, those of the login');
    ($lines) = $read->('bi_shared', 'SELECT DISTINCT unit_key FROM crm_bi.fct_opportunity', "&options=-c%20crm.token=$token");
    is("@{ $lines->{row} // [] }", 'south', 'JDBC: a token in the connection says who asks');
    (undef, $err) = $read->('bi_shared', 'SELECT * FROM crm_bi.kpi_value', '');
    like($err, qr/is no principal/, 'JDBC: without a token the shared login is nobody');
}

done_testing();
