# crmd links by itself: rows that come are linked within seconds, a full run is made once it is due and as the configuration
# allows, and a stop in the middle of one leaves the last result.
use strict;
use warnings;
use lib '.';
use IPC::Run;
use PostgreSQL::Test::Utils;
use TeamDatabase;
use Test::More;
use Time::HiRes qw(time sleep);

my $records = 24_000; # more than resolve_pending makes a full run of by itself
my $team = TeamDatabase->new('link');
my $node = $team->node;
my $dir = PostgreSQL::Test::Utils::tempdir;

$team->run(<<"SQL");
CREATE ROLE linking LOGIN;
SELECT crm.grant_daemon('linking');
CREATE TABLE people (id integer PRIMARY KEY, first text, last text, mail text, born date, town text);
CREATE FUNCTION add_people(since integer, until integer) RETURNS void LANGUAGE sql AS \$\$
    INSERT INTO people
    SELECT i, initcap(translate(substr(md5('g' || p % 997), 1, 5), '0123456789', 'ghijklmnop')),
           initcap(translate(substr(md5('f' || p % 4999), 1, 7), '0123456789', 'ghijklmnop')),
           CASE WHEN i % 3 > 0 THEN 'u' || p || '\@example.com' END, date '1950-01-01' + p * 37 % 20000, 'Town ' || p % 200
    FROM (SELECT i, CASE WHEN i % 10 < 8 THEN i ELSE i - 5 END AS p FROM generate_series(since, until) i) x \$\$;
SELECT add_people(1, $records);
SELECT count(*) FROM crm.adopt('people', 'customer', columns => '{"given_name": "first", "family_name": "last", "email": "mail",
    "birth_date": "born", "city": "town"}');
SQL

sub value { return $team->run($_[0]) }

sub write_config
{
    my ($name, %options) = @_;
    open my $file, '>', "$dir/$name.ini" or die $!;
    print $file "[crmd]\n", map { "$_ = $options{$_}\n" } sort keys %options;
    close $file;
    return "$dir/$name.ini";
}

sub start_crmd
{
    my ($name, %options) = @_;
    my $path = write_config($name, dsn => $node->connstr('team') . ' user=linking', worker => $name, secrets => "$dir/none.ini",
        poll_ms => 10, idle_ms => 50, stop_s => 10, %options);
    my %daemon = (name => $name);
    $daemon{run} = IPC::Run::start([ $ENV{CRMD}, '-c', $path, 'run' ], '<', \undef, '>', "$dir/$name.out", '2>', "$dir/$name.log");
    return \%daemon;
}

sub logged { return slurp_file("$dir/$_[0]->{name}.log") }

# What crmd has done is seen in the database before crmd has said so.
sub logs_soon
{
    my ($daemon, $pattern, $name) = @_;
    for (1 .. 200) { last if logged($daemon) =~ $pattern; sleep 0.05 }
    return like(logged($daemon), $pattern, $name);
}

sub stop_crmd
{
    my ($daemon) = @_;
    $daemon->{run}->signal('TERM');
    $daemon->{run}->finish;
    return $? >> 8;
}

sub wait_for
{
    my ($query, $seconds) = @_;
    my $until = time + $seconds;
    while (time < $until)
    {
        return 1 if value($query) eq 't';
        sleep 0.05;
    }
    diag("not within $seconds s: $query");
    return 0;
}

my $version = 'SELECT coalesce(max(version), 0) FROM crm.link_model WHERE in_force';
my $links = q{SELECT md5(string_agg(record_no || ' ' || customer_id, ',' ORDER BY record_no)) FROM crm.record_link};

# never: the table is filled, and that is all
my $daemon = start_crmd('never', resolve => 'never');
ok(wait_for("SELECT count(*) = $records FROM crm.record_copy", 120), 'the table is read');
sleep 6;
is(value($version), 0, 'no full run where the configuration says never');
ok(wait_for('SELECT crm.resolve_wanted()', 60), 'though one is due');
is(stop_crmd($daemon), 0, 'crmd stops');
unlike(logged($daemon), qr/event=linking/, 'and has not begun one');

# a lock that an erasure would hold
my $holder = $node->background_psql('team');
$holder->query_safe('BEGIN; LOCK TABLE crm.customer_registry IN SHARE ROW EXCLUSIVE MODE');
is(value('SELECT crm.resolve_wanted()'), 'f', 'no run is wanted while somebody holds the lock');
$daemon = start_crmd('waits');
$holder->query_safe('ROLLBACK');
$holder->quit;
ok(wait_for('SELECT count(*) = 1 FROM crm.link_model WHERE in_force', 180), 'the first full run is made');
ok(wait_for("SELECT count(*) = $records FROM crm.record_link", 10), 'every record has its customer');
is(value('SELECT crm.resolve_wanted()'), 'f', 'then none is due');
logs_soon($daemon, qr/event=linked records=$records customers=\d+ ms=\d+/, 'the log says so');

# what comes is linked within seconds, without another full run
my $first = value($version);
my $began = time;
value("INSERT INTO people SELECT 1000001, first, last, mail, born, town FROM people WHERE id = 4");
ok(wait_for("SELECT crm.customer_of('people', '1000001') = crm.customer_of('people', '4')", 30), 'a row that came is linked with its like');
note(sprintf('after %.1f s', time - $began));
value("UPDATE people SET first = 'Zephaniah', last = 'Quux', mail = 'zq\@example.org', born = '1901-02-03' WHERE id = 1000001");
ok(wait_for("SELECT crm.customer_of('people', '1000001') <> crm.customer_of('people', '4')", 30), 'and leaves it when it changes');
is(value($version), $first, 'by the same model');

# a full run is due once a fifth came; stopped in the middle it leaves what was
value("SELECT add_people($records + 1, $records + 6000)");
ok(wait_for(q{SELECT EXISTS (SELECT FROM crm.resolve_progress WHERE phase IN ('blocking', 'comparing', 'fitting', 'clustering'))}, 180),
    'a full run begins when a fifth has come');
is(value('SELECT crm.resolve_wanted()'), 'f', 'no second one is wanted meanwhile');
my $before = value($links);
$began = time;
is(stop_crmd($daemon), 0, 'crmd stops in the middle of it');
cmp_ok(time - $began, '<', 8, 'at once');
logs_soon($daemon, qr/event=link-cancelled/, 'the run is cancelled');
is(value($version), $first, 'the model in force is the one before');
is(value($links), $before, 'and so are the links');
is(value('SELECT count(*) FROM crm.resolve_progress'), 0, 'no run is left');

# the next daemon makes it
$daemon = start_crmd('next');
ok(wait_for("SELECT max(version) > $first FROM crm.link_model WHERE in_force", 180), 'the next crmd makes it');
is(value('SELECT records FROM crm.link_model WHERE in_force'), $records + 6001, 'of all records');
is(stop_crmd($daemon), 0, 'and stops');

my ($code, $said) = (0, '');
IPC::Run::run([ $ENV{CRMD}, '-c', write_config('wrong', resolve => 'at night'), 'check' ], '<', \undef, '>', \$said, '2>&1');
like($said, qr/resolve must be always, never or two hours from 0 to 23 such as 22-6, not "at night"/, 'a wrong setting is named');

done_testing();
