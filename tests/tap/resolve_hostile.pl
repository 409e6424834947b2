# Linking what should not be linked, and where it cannot be: the same rows in another order, threads or memory, wrong mappings,
# degenerate tables, long and malformed values, databases of other encodings, runs that are cut short. Nothing crashes,
# errors are clear, and nothing is half done.
use strict;
use warnings;
use lib '.';
use PostgreSQL::Test::Utils;
use TeamDatabase;
use Test::More;

my $team = TeamDatabase->new('resolve_hostile');
my $node = $team->node;

# Another database of the same server, which the tests that follow use.
sub fresh {
    my ($name, $options) = @_;
    $options //= '';
    $team->{database} = 'postgres';
    $team->run("CREATE DATABASE $name $options");
    $team->{database} = $name;
    $team->run('CREATE SCHEMA crm; CREATE EXTENSION crm SCHEMA crm;');
    return;
}

# Adopted, read and resolved; the warnings and errors that came.
sub link_table {
    my ($table, $columns) = @_;
    my ($status, $out, $err) = $node->psql($team->{database}, <<"SQL", on_error_stop => 1);
SELECT count(*) FROM crm.adopt('$table', 'customer', columns => '$columns');
CALL crm.backfill('$table');
CALL crm.resolve();
SQL
    return $status == 0 ? '' : $err;
}

# Who goes with whom, by the keys of records alone.
my $groups = <<'SQL';
SELECT md5(string_agg(members, ';' ORDER BY members)) || ' ' || count(*)
FROM (SELECT string_agg(record_key, ',' ORDER BY record_key) AS members FROM crm.record GROUP BY customer_id) x
SQL
my $sizes = <<'SQL';
SELECT count(*) || ' customers, the largest of ' || max(n) FROM (SELECT count(*) AS n FROM crm.record GROUP BY customer_id) x
SQL
# All that crm keeps, a line for each table, but for the note that a run goes on, which the next run takes away.
my $state = <<'SQL';
SELECT c.oid::regclass || ' ' || md5(query_to_xml(format('SELECT t::text FROM %s t ORDER BY 1', c.oid::regclass), false, true, '')::text)
FROM pg_class c JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
WHERE c.relkind IN ('r', 'p') AND c.relname <> 'resolve_run' ORDER BY c.oid
SQL

# One test: nothing changed since.
sub unchanged {
    my ($before, $what) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my %known = map { $_ => 1 } split /\n/, $before;
    return is(join(', ', grep { !$known{$_} } split /\n/, $team->run($state)), '', $what);
}

sub people {
    my ($table, $rows, $order) = @_;
    return <<"SQL";
CREATE TABLE $table (id integer PRIMARY KEY, first text, last text, mail text, born date, town text);
INSERT INTO $table
SELECT i, first, CASE WHEN i % 9 = 8 THEN overlay(last placing 'x' from 2 for 1) ELSE last END,
       CASE WHEN i % 3 > 0 THEN 'u' || p || '\@example.com' END, date '1950-01-01' + p * 37 % 20000, 'Town ' || p % 60
FROM (SELECT i, p, initcap(translate(substr(md5('g' || p % 311), 1, 5), '0123456789', 'ghijklmnop')) AS first,
             initcap(translate(substr(md5('f' || p % 997), 1, 7), '0123456789', 'ghijklmnop')) AS last
      FROM (SELECT i, CASE WHEN i % 10 < 8 THEN i ELSE i - 5 END AS p FROM generate_series(1, $rows) i) x) y
ORDER BY $order;
SQL
}
my $person = '{"given_name": "first", "family_name": "last", "email": "mail", "birth_date": "born", "city": "town"}';

# The same rows, another order, threads and memory: the same customers.
$team->run(people('people', 3000, 'i'));
is(link_table('people', $person), '', 'a table is linked');
my $expected = $team->run($groups);
like($team->run($sizes), qr/^2[3-7]\d\d customers, the largest of [2-4]$/, 'most of its 600 duplicates are found, and no more');
for my $settings (
    'SET max_parallel_maintenance_workers = 0',
    'SET max_parallel_maintenance_workers = 3',
    q{SET maintenance_work_mem = '12MB'},
    q{SET maintenance_work_mem = '512MB'; SET max_parallel_maintenance_workers = 3})
{
    $team->run("$settings; CALL crm.resolve()");
    is($team->run($groups), $expected, "$settings: the same customers");
}
$team->run('CREATE INDEX turned ON people (md5(id::text)); CLUSTER people USING turned');
$team->run('VACUUM FULL people; CALL crm.resolve()');
is($team->run($groups), $expected, 'after VACUUM FULL, too');
fresh('turned');
$team->run(people('people', 3000, 'md5(i::text)'));
is(link_table('people', $person), '', 'a table with the same rows in another order is linked');
is($team->run($groups), $expected, 'into the same customers');

# A run that is cut short leaves everything as it was, wherever it was.
my $before = $team->run($state);
for my $ms (1, 20, 60, 120, 200) {
    my ($status, undef, $err) = $node->psql($team->{database}, "SET statement_timeout = $ms; CALL crm.resolve()");
    SKIP: {
        skip "the run ended within $ms ms", 2 if $status == 0;
        like($err, qr/canceling statement due to statement timeout/, "cancelled after $ms ms");
        unchanged($before, 'nothing is half done');
    }
    $before = $team->run($state) if $status == 0;
}
$team->refused(q{SET maintenance_work_mem = '1MB'; CALL crm.resolve()}, '53200', qr/linking does not fit into maintenance_work_mem/,
    'too little memory is an error that says how much');
unchanged($before, 'nothing is half done');
is($team->run('SELECT count(*) FROM crm.resolve_progress'), 0, 'no run is shown');

# Degenerate tables.
fresh('degenerate');
$team->run('CREATE TABLE people (id integer PRIMARY KEY, first text, last text, mail text, born date, town text)');
is(link_table('people', $person), '', 'an empty table is linked');
is($team->run('SELECT count(*) FROM crm.record'), 0, 'into nothing');
$team->run(q{INSERT INTO people VALUES (1, 'Ann', 'Lee', 'ann@example.com', '1980-02-03', 'York')});
$team->run('CALL crm.resolve()');
is($team->run($sizes), '1 customers, the largest of 1', 'one row is one customer');
$team->run(q{INSERT INTO people VALUES (2, 'Ann', 'Lee', 'ann@example.com', '1980-02-03', 'York')});
$team->run('CALL crm.resolve()');
is($team->run($sizes), '1 customers, the largest of 2', 'two equal rows are one customer');
$team->run('TRUNCATE people; INSERT INTO people SELECT i FROM generate_series(1, 2000) i');
$team->run('CALL crm.resolve()');
is($team->run($sizes), '2000 customers, the largest of 1', 'rows without any value are nobody but themselves');
$team->run(q{TRUNCATE people; INSERT INTO people SELECT i, 'John', 'Smith', NULL, NULL, 'London' FROM generate_series(1, 4000) i});
$team->run('CALL crm.resolve()');
unlike($team->run($sizes), qr/^1 customers/, 'four thousand of one name, in one block, are not one customer');

# Mapped wrongly.
for my $wrong (
    ['the name as e-mail', '{"email": "first || last", "given_name": "first", "family_name": "last", "birth_date": "born::date"}'],
    ['a constant as phone', q({"phone": "''+14155550123''", "given_name": "first", "family_name": "last", "birth_date": "born"})],
    ['a constant as tax id', q({"tax_id": "''X''", "given_name": "first", "family_name": "last", "birth_date": "born"})],
    ['nonsense as address', '{"address": "nonsense", "given_name": "first", "family_name": "last", "birth_date": "born"}'],
    ['the e-mail as name', '{"full_name": "mail", "birth_date": "born"}'],
    ['a column without values as name', '{"full_name": "nothing", "email": "mail"}'])
{
    my ($what, $columns) = @{$wrong};
    (my $name = $what) =~ s/\W/_/g;
    fresh($name);
    $team->run(people('people', 1000, 'i') . q{ALTER TABLE people ADD nonsense text, ADD nothing text;
        UPDATE people SET nonsense = md5(id::text)});
    is(link_table('people', $columns), '', "$what: the run ends well");
    like($team->run($sizes), qr/, the largest of [1-9]$/, 'and makes nobody of many') or diag($team->run($sizes));
}

# Long and malformed values; the bytes are legal in a database without encoding.
fresh('bytes', q{ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0});
$team->run(<<'SQL');
CREATE TABLE people (id integer PRIMARY KEY, first text, last text, mail text, born text, town text);
INSERT INTO people
SELECT i, CASE i % 5 WHEN 0 THEN E'M\xfcller' WHEN 1 THEN E'\xff\xfe\xed\xa0\x80' WHEN 2 THEN repeat('x', 10000) WHEN 3 THEN E'\xe6\x97' ELSE 'Ann' END,
       CASE i % 7 WHEN 0 THEN E'\xf5\x80\x80\x80' WHEN 1 THEN repeat(E'\xc3', 10000) WHEN 2 THEN repeat('a ', 5000) WHEN 3 THEN E'\xc0\xaf' ELSE 'Lee' || i % 50 END,
       CASE i % 3 WHEN 0 THEN E'a\x80@example.com' WHEN 1 THEN repeat('@', 10000) ELSE 'a' || i || '@example.com' END,
       CASE i % 4 WHEN 0 THEN E'1980-\xff' WHEN 1 THEN repeat('9', 10000) ELSE '1980-02-03' END, E'\xc3\x28'
FROM generate_series(1, 1500) i;
SQL
is(link_table('people', $person), '', 'bytes that are no text, and texts of 10,000 characters, are linked');
is($team->run('SELECT count(*) FROM crm.record WHERE customer_id IS NULL'), 0, 'each to a customer');
is($team->run('SELECT count(*) > 1 FROM crm.customer'), 't', 'which can be read');
like($team->run(q{SELECT crm.explain_match(('people', '5'), ('people', '10'))}), qr/name/, 'and explained');
$team->run(q{SELECT count(*) FROM crm.match(jsonb_build_object('given_name', repeat('x', 10000), 'family_name', 'Lee4'))});
$team->run(q{INSERT INTO people VALUES (9999, E'\xc3', E'\xff', E'\x80', E'\x80', E'\x80'); SELECT crm.resolve_pending()});
is($team->run(q{SELECT count(*) FROM crm.record WHERE record_key = '9999' AND customer_id IS NOT NULL}), 1, 'and one more, as it arrives');

# Databases of other encodings: the same names are the same, however they are stored.
for my $encoding (['LATIN1', 'Müller', 'MULLER'], ['EUC_JP', '山田太郎', '山田 太郎'], ['EUC_KR', '김민수', '김 민수'], ['WIN1251', 'Ёлкин', 'ЕЛКИН'],
    ['LATIN5', 'Işık', 'ISIK'], ['UTF8', 'Müller', 'MULLER'])
{
    my ($name, $one, $other) = @{$encoding};
    fresh(lc $name, "ENCODING '$name' LOCALE 'C' TEMPLATE template0");
    $team->run(<<"SQL");
SET client_encoding = 'UTF8';
CREATE TABLE people (id integer PRIMARY KEY, name text, mail text, born date);
INSERT INTO people VALUES (1, '$one', 'one\@example.com', '1980-02-03'), (2, '$other', 'one\@example.com', '1980-02-03');
INSERT INTO people SELECT i, chr(97 + i % 26) || 'nn Lee' || i % 100, 'p' || i || '\@example.com', date '1950-01-01' + i * 7 FROM generate_series(3, 400) i;
SQL
    is(link_table('people', '{"full_name": "name", "email": "mail", "birth_date": "born"}'), '', "$name: the run ends well");
    is($team->run(q{SELECT count(DISTINCT customer_id) FROM crm.record WHERE record_key IN ('1', '2')}), 1, "$one and $other are one");
    like($team->run(q{SELECT level FROM crm.explain_match(('people', '1'), ('people', '2')) WHERE attribute = 'name'}), qr/^exact$|, equal$/,
        'and their names equal') or diag($team->run(q{SELECT * FROM crm.explain_match(('people', '1'), ('people', '2'))}));
    is($team->run("SET client_encoding = 'UTF8'; SELECT crm.token_similarity('$one', '$one'), crm.jaro_winkler('$one', '$one'), crm.damerau_levenshtein('$one', '$one' || 'x'),
        crm.monge_elkan('$one', '$one'), crm.trigram_similarity('$one', '$one'), crm.phonetic('$one') IS NOT DISTINCT FROM crm.phonetic('$one')"),
        '1|1|1|1|1|t', 'as for the functions of SQL');
    is($team->run(q{SELECT max(crm.jaro_winkler(repeat(name, 10000), repeat(name, 9999))) FROM people WHERE id = 1}), 1, 'with long texts, too');
}

done_testing();
