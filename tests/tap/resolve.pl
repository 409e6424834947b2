# A full run of resolve beside others: it holds back no vacuum and shows how far it is, a second one is refused, a cancel
# leaves the last result, what changes meanwhile waits for resolve_pending, and the model is used again after a restart.
use strict;
use warnings;
use lib '.';
use Cwd qw(abs_path);
use IPC::Run;
use PostgreSQL::Test::Utils;
use TeamDatabase;
use Test::More;
use Time::HiRes qw(time);

my $records = 20_000;
my $team = TeamDatabase->new('resolve');
my $node = $team->node;

$team->run(<<"SQL");
CREATE TABLE people (id integer PRIMARY KEY, first text, last text, mail text, born date, town text, note text);
INSERT INTO people
SELECT i, initcap(translate(substr(md5('g' || p % 997), 1, 5), '0123456789', 'ghijklmnop')), initcap(translate(substr(md5('f' || p % 4999), 1, 7), '0123456789', 'ghijklmnop')),
       CASE WHEN i % 3 > 0 THEN 'u' || p || '\@example.com' END, date '1950-01-01' + p * 37 % 20000, 'Town ' || p % 200
FROM (SELECT i, CASE WHEN i % 10 < 8 THEN i ELSE i - 5 END AS p FROM generate_series(1, $records) i) x;
SELECT count(*) FROM crm.adopt('people', 'customer', columns => '{"given_name": "first", "family_name": "last", "email": "mail",
    "birth_date": "born", "city": "town"}');
SQL
$team->run("CALL crm.backfill('people')");

sub value {
    my ($query) = @_;
    return $team->run($query);
}

my $links = q{SELECT md5(string_agg(record_no || ' ' || customer_id, ',' ORDER BY record_no)) FROM crm.record_link};

sub start_resolve {
    my (%option) = @_;
    my ($in, $out, $err) = ('', '', '');
    my $options = $option{options} // '';
    local $ENV{PGOPTIONS} = "-c client_min_messages=warning -c application_name=resolving $options";
    my $run = IPC::Run::start(['psql', '-XqAt', '-h', $node->host, '-p', $node->port, '-d', 'team', '-c', 'CALL crm.resolve()'],
        '<', \$in, '>', \$out, '2>', \$err);
    return { run => $run, out => \$out, err => \$err };
}

# Waits until the run computes, and returns what pg_stat_activity and resolve_progress say of it.
sub seen {
    my ($wanted, $run) = @_;
    my $until = time + 60;
    while (time < $until && $run->{run}->pumpable) {
        my $line = value(q{SELECT p.phase || '|' || coalesce(a.backend_xmin::text, 'none') || '|' || coalesce(a.backend_xid::text, 'none')
            || '|' || (p.started_at <= now()) || '|' || a.pid
            FROM crm.resolve_progress p JOIN pg_stat_activity a USING (pid)});
        return split /\|/, $line if $line =~ $wanted;
        $run->{run}->pump_nb;
    }
    return;
}

# While it computes it holds neither a snapshot nor a transaction id.
my $first = start_resolve();
my ($phase, $xmin, $xid, $begun, $pid) = seen(qr/^(blocking|comparing|fitting|clustering)\|/, $first);
ok(defined $phase, 'the run shows its phase');
is($xmin, 'none', 'no snapshot holds back vacuum while it computes');
is($xid, 'none', 'nor a transaction id');
my ($status, undef, $refused) = $node->psql('team', 'CALL crm.resolve()');
like($refused, qr/another resolve is running/, 'a second run is refused');
$node->psql('team', q{UPDATE people SET mail = 'changed@example.com' WHERE id = 7});
$first->{run}->finish;
is(${ $first->{err} }, '', 'the run ends well');
like(${ $first->{out} }, qr/^$records\|/, 'and has linked every record');
is(value('SELECT count(*) FROM crm.resolve_progress'), 0, 'no run is shown after its end');
my $pairs = value(<<'SQL');
SELECT count(*) FILTER (WHERE x.customer_id = y.customer_id) > 0.9 * count(*)
FROM people a JOIN people b ON b.id = a.id + 5 AND b.id % 10 >= 8
JOIN crm.record x ON x.record_key = a.id::text JOIN crm.record y ON y.record_key = b.id::text
SQL
is($pairs, 't', 'more than nine in ten duplicates are found');

# The change that was made meanwhile is linked afterwards, and nothing else is.
my $before = value($links);
ok(value('SELECT crm.resolve_pending()') > 0, 'the change made meanwhile is linked by resolve_pending');
is(value('SELECT changed FROM crm.link_model WHERE in_force'), 1, 'which linked one record again');
is(value('SELECT crm.resolve_pending()'), 0, 'and nothing waits then');

# Cancelled at any moment, the last complete result stays, and the next run can begin.
my ($links_before, $model_before);
for my $moment (qw(reading blocking comparing fitting clustering writing)) {
    $links_before = value($links);
    $model_before = value('SELECT version FROM crm.link_model WHERE in_force');
    my $run = start_resolve();
    my @at = seen(qr/^$moment\|/, $run);
    SKIP: {
        $node->psql('team', "SELECT pg_cancel_backend($at[4])") if @at;
        $run->{run}->finish;
        my $cancelled = ${ $run->{err} } =~ /canceling statement due to user request/;
        skip "$moment ended before the cancel", 2 if !$cancelled;
        is(value($links), $links_before, "cancelled while $moment: the links stay");
        is(value('SELECT version FROM crm.link_model WHERE in_force'), $model_before, 'and the model');
    }
}
is(value('SELECT count(*) FROM crm.resolve_progress'), 0, 'a cancelled run is not shown');

# Too little memory, or disk, is an error that says what to do; nothing changes.
$links_before = value($links);
my $full = start_resolve(options => '-c temp_file_limit=64');
$full->{run}->finish;
like(${ $full->{err} }, qr/temporary file size exceeds "?temp_file_limit"?/, 'a full temporary disk is an error of its own name');
is(value($links), $links_before, 'and leaves the links as they were');
like(${ start_resolve_to_end() }, qr/^$records\|/, 'the next run works');

# With little memory it spills, and finds the same; temp_file_limit holds for what it spills.
my $report = q{(SELECT report FROM crm.link_model WHERE in_force)};
is(value("SELECT ($report->>'spilled_bytes')::bigint"), 0, 'nothing was spilled where memory sufficed');
my ($clusters, $sum) = (value("SELECT $report->>'clusters'"), value("SELECT $report->>'expected_pairs'"));
$links_before = value($links);
my $little = start_resolve(options => '-c maintenance_work_mem=12MB');
$little->{run}->finish;
is(${ $little->{err} }, '', 'a run with little memory ends well');
cmp_ok(value("SELECT ($report->>'spilled_bytes')::bigint"), '>', 1_000_000, 'it spilled');
cmp_ok(value("SELECT ($report->>'memory_bytes')::bigint"), '<=', 12 * 1024 * 1024, 'and kept to maintenance_work_mem');
is(value($links), $links_before, 'and found the same customers');
is(value("SELECT $report->>'expected_pairs'"), $sum, 'and the same model');
my $limited = start_resolve(options => '-c maintenance_work_mem=12MB -c temp_file_limit=600');
$limited->{run}->finish;
like(${ $limited->{err} }, qr/temporary file size exceeds "?temp_file_limit"?/, 'what is spilled counts for temp_file_limit');
my $tiny = start_resolve(options => '-c maintenance_work_mem=1MB');
$tiny->{run}->finish;
like(${ $tiny->{err} }, qr/does not fit into maintenance_work_mem/, 'less than the least memory is refused');
is(value($links), $links_before, 'and both leave the links as they were');

# A temporary disk that is really full: a file system of 600 kB as temporary tablespace, which an unprivileged user may mount
# in a namespace of his own; the server starts in there.
SKIP: {
    my ($disk, $told) = (abs_path(PostgreSQL::Test::Utils::tempdir), '');
    my @alone = ('unshare', '--user', '--map-root-user', '--mount', 'sh', '-c');
    my $why = IPC::Run::run([@alone, 'mount -t tmpfs -o size=600k none "$1" && unshare --user --map-user=1000 true', 'sh', $disk],
        '>', \$told, '2>&1') ? '' : $told;
    skip "nothing can be mounted here: $why", 7 if $why;
    $node->stop;
    IPC::Run::run([@alone, 'mount -t tmpfs -o size=600k none "$1" && exec unshare --user --map-user=1000 pg_ctl -w -D "$2" -l "$3" start',
        'sh', $disk, abs_path($node->data_dir), abs_path($node->logfile)], '>', \$told, '2>&1') or die $told;
    $node->_update_pid(1);
    $node->safe_psql('postgres', "CREATE TABLESPACE little LOCATION '$disk'");
    my $run = start_resolve(options => '-c maintenance_work_mem=12MB -c temp_tablespaces=little');
    $run->{run}->finish;
    like(${ $run->{err} }, qr/could not write.*: No space left on device/, 'a disk that is full is said to be');
    is(value($links), $links_before, 'and the links stay');
    is(value('SELECT count(*) FROM crm.resolve_progress'), 0, 'no run is shown');
    unlike(slurp_file($node->logfile), qr/AbortTransaction while in ABORT state/, 'nothing failed while it was given up');
    is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_ls_tmpdir((SELECT oid FROM pg_tablespace WHERE spcname = 'little'))}), 0,
        'and no file is left there');
    like(${ start_resolve_to_end() }, qr/^$records\|/, 'the next run, on another disk, works');
    is(value($links), $links_before, 'and finds the same customers');
    $node->safe_psql('postgres', 'DROP TABLESPACE little');
    $node->stop;
    $node->start;
}

sub start_resolve_to_end {
    my $run = start_resolve();
    $run->{run}->finish;
    return $run->{out};
}

# The model is rows: another session, and another server process, links with it.
$node->restart;
is(value(q{SELECT record_key FROM crm.match('{"email": "u11@example.com"}', 1)}), 11, 'match works with the stored model');
is(value('SELECT customers FROM (SELECT count(DISTINCT customer_id) AS customers FROM crm.record_link) x'),
    value('SELECT report->>\'clusters\' FROM crm.link_model WHERE in_force'), 'as many customers as clusters');

done_testing();
