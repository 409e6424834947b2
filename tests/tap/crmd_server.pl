#!/usr/bin/perl
# What may happen between crmd and its server: crmd is killed and connections are cut exactly before and after a statement is
# taken, answers come too late, connections are ended in storms, the disk is full, clocks are set, a standby becomes the primary.
# Each message ends in one state, under one id, and arrives more than once only where crmd was killed with an answer unreported.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time sleep);
use Cutter;
use Daemon;
use Receiver;
use Session;
use Support qw(wait_until);

my $key = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
my $d = Daemon->new(init => { allows_streaming => 1 }, faulty => 1);
my $node = $d->{node};
my $receiver = Receiver->start(log => "$d->{dir}/requests.log", keys => [$key]);
$d->write_file('secrets.ini', join '', map { "[$_]\nurl = " . $receiver->url("/$_") . "\nkey = $key\n" } qw(hook spare));
$d->endpoint(qw(hook spare));
my $main = $d->config('main');

sub until_true { my ($what, $condition, $seconds) = @_; return ok(&wait_until($condition, $seconds // 60) || !$d->tell, $what) }
sub all_gone { my ($what, $seconds) = @_; return until_true($what, sub { $d->sql('SELECT count(*) FROM crm.delivery_queue') == 0 }, $seconds) }
sub fates { my ($what, %expected) = @_; return is_deeply([ $d->fates($receiver, sort keys %expected) ], [ map { "$_ $expected{$_}" } sort keys %expected ], $what) }
sub restart { $node->stop('immediate'); $d->start_server; return }
sub logged { my ($daemon, $pattern) = @_; return slurp_file($daemon->{log}) =~ $pattern }

my $cutter = Cutter->start(dir => $d->{dir}, to => $node->host . '/.s.PGSQL.' . $node->port);
my $through = 'host=127.0.0.1 port=' . $cutter->port . ' dbname=postgres user=daemon';

# Its answers stay away from now on, and the connection looks alive: it is given up half a minute later, see below.
my $silent = Cutter->start(dir => $d->{dir}, to => $node->host . '/.s.PGSQL.' . $node->port);
my $waiting = $d->start($d->config('waiting', dsn => 'host=127.0.0.1 port=' . $silent->port . ' dbname=postgres user=daemon', connect_timeout_s => 1));
until_true('connected', sub { logged($waiting, qr/event=connected connection=outbox/) });
$silent->mode('hold');

# How it stops, what happens then: state, attempts and arrivals at the end.
for my $case (
    [ 'before claim_deliveries', 'kill', 'delivered 1 1' ], [ 'after claim_deliveries', 'kill', 'delivered 2 1' ],
    [ 'before finish_deliveries', 'kill', 'delivered 2 2' ], [ 'after finish_deliveries', 'kill', 'delivered 1 1' ],
    [ 'before claim_deliveries', 'cut', 'delivered 1 1' ], [ 'after claim_deliveries', 'cut', 'delivered 2 1' ],
    [ 'before finish_deliveries', 'cut', 'delivered 1 1' ], [ 'after finish_deliveries', 'cut', 'delivered 1 1' ],
    [ 'after claim_deliveries', 'late', 'delivered 2 1' ], [ 'before finish_deliveries', 'late', 'delivered 1 1' ],
    [ 'before finish_deliveries', 'restart', 'delivered 1 1' ])
{
    my ($where, $how, $fate) = @$case;
    my $id = "msg_${where}_$how" =~ s/ /_/r;
    my $patient = $how =~ /cut|restart/ && $where =~ /finish/; # its lease has to last
    my $config = $d->config('cut', dsn => $through, $patient ? (lease_s => 30, timeout_s => 10) : ());
    $d->queue('hook', $id);
    $cutter->mode($where);
    my $daemon = $d->start($config);
    until_true("$where: is stopped there", sub { $cutter->caught });
    if ($how eq 'kill')
    {
        $d->stop($daemon, 'KILL');
        $cutter->mode('cut');
        $cutter->mode('pass');
        $daemon = $d->start($config);
    }
    elsif ($how eq 'late')
    {
        until_true("$where: the lease is over", sub { $d->sql("SELECT count(*) FROM crm.delivery_queue WHERE message_id = '$id' AND next_at <= now()") == 1 });
        $cutter->mode('pass');
    }
    else
    {
        restart() if $how eq 'restart';
        $cutter->mode('cut');
        $cutter->mode('pass');
    }
    all_gone("$where, $how: has its end");
    fates("$where, $how: as often as may be", $id => $fate);
    until_true('what comes too late is not sent', sub { logged($daemon, qr/event=lease-too-short/) }) if "$where $how" eq 'after claim_deliveries late';
    until_true('the report is made again, and passed over', sub { logged($daemon, qr/event=results-stale sent=1 taken=0/) }) if "$where $how" eq 'after finish_deliveries cut';
    is($d->stop($daemon), 0, 'stops');
}
$cutter->stop;

subtest 'a connection on which nothing comes any more' => sub {
    until_true('is given up', sub { logged($waiting, qr/event=connection-lost connection=outbox error="no answer after 31000 ms"/) });
    $silent->mode('pass');
    $d->queue('hook', 'msg_silent');
    until_true('another one works', sub { $d->state('msg_silent') eq 'delivered' });
    fates('once', msg_silent => 'delivered 1 1');
    is($d->stop($waiting), 0, 'stops');
    $silent->stop;
};

subtest 'the server is killed while it takes a report' => sub {
    $receiver->modes('gate 200');
    my $daemon = $d->start($d->config('patient', lease_s => 30, timeout_s => 20));
    $d->queue('hook', 'msg_taking');
    until_true('sent', sub { $receiver->requests('msg_taking') });
    my $session = Session->new($node, 'postgres');
    $session->run('BEGIN; LOCK TABLE crm.delivery_attempt IN ACCESS EXCLUSIVE MODE');
    $receiver->release;
    until_true('the report has changed rows, and waits', sub {
        $d->sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%finish_deliveries(%'") > 0 });
    restart();
    $session->quit;
    all_gone('has its end');
    fates('the report is made again, nothing is sent again', msg_taking => 'delivered 1 1');
    is($d->stop($daemon), 0, 'stops');
};

subtest 'connections are ended in storms' => sub {
    my @names = map { "msg_storm_$_" } 1 .. 60;
    $receiver->modes('slow:0.02');
    $d->queue($_ % 2 ? 'hook' : 'spare', $names[$_]) for 0 .. $#names;
    my $daemon = $d->start($d->config('storm', lease_s => 7, timeout_s => 6, max_parallel => 8));
    my $ended = 0;
    for (1 .. 30)
    {
        $ended += $d->sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'daemon'");
        sleep 0.04;
    }
    $receiver->modes('200');
    cmp_ok($ended, '>', 20, "$ended connections were ended");
    all_gone('everything has its end');
    my %fate = map { /^(\S+) (\S+) \d+ (\d+)$/; ($1 => "$2 $3") } $d->fates($receiver, @names);
    is_deeply(\%fate, { map { ($_ => 'delivered 1') } @names }, 'each arrives once');
    is($d->stop($daemon), 0, 'stops');
};

subtest 'limits of the role and of the server' => sub {
    $d->sql("ALTER ROLE daemon SET idle_session_timeout = '30ms'; ALTER ROLE daemon SET idle_in_transaction_session_timeout = '1ms';
             ALTER ROLE daemon SET statement_timeout = '100ms'; ALTER ROLE daemon SET lock_timeout = '100ms'");
    my $daemon = $d->start($d->config('limits', lease_s => 20, timeout_s => 10, idle_ms => 300));
    until_true('idle connections are ended', sub { slurp_file($node->logfile) =~ /terminating connection due to idle-session timeout/ });
    until_true('and come back', sub { $d->said($daemon, qr/event=connected connection=outbox/) > 2 });
    my $session = Session->new($node, 'postgres');
    $session->run('BEGIN; LOCK TABLE crm.delivery_attempt IN ACCESS EXCLUSIVE MODE');
    $d->queue('hook', 'msg_limits');
    until_true('a report that may not wait fails', sub { logged($daemon, qr/event=call-failed call=finish_deliveries sqlstate=55P03/) });
    $session->run('COMMIT');
    $session->quit;
    all_gone('is made again');
    fates('and nothing is sent again', msg_limits => 'delivered 1 1');
    is($d->stop($daemon), 0, 'stops');
    $d->sql('ALTER ROLE daemon RESET ALL');
};

subtest 'the disk is full' => sub {
    # each finished message takes a page of its own, so that finishing it needs room
    $d->sql('ALTER TABLE crm.delivery_history ALTER body SET STORAGE PLAIN');
    local $d->{body} = 'x' x 7000;
    $receiver->modes('gate 200');
    my $daemon = $d->start($d->config('full', lease_s => 60, timeout_s => 20));
    my @names = map { "msg_full_$_" } 1 .. 10;
    $d->queue('hook', @names);
    until_true('one is sent', sub { grep { $_->{headers}{'webhook-id'} =~ /^msg_full/ } $receiver->requests });
    $d->disk_full(1);
    $receiver->release;
    until_true('reports fail', sub { logged($daemon, qr/event=call-failed call=finish_deliveries sqlstate=53100/) });
    until_true('all have arrived', sub { (grep { $_->{headers}{'webhook-id'} =~ /^msg_full/ } $receiver->requests) == 10 });
    cmp_ok($d->sql("SELECT count(*) FROM crm.delivery_queue WHERE state = 'leased'"), '>', 0, 'and cannot be finished');
    $d->disk_full(0);
    all_gone('with room again they are');
    fates('from memory: nothing is sent again', map { ($_ => 'delivered 1 1') } @names);
    is($d->stop($daemon), 0, 'stops');
    $d->sql('ALTER TABLE crm.delivery_history ALTER body SET STORAGE EXTENDED');
};

subtest 'clocks are set' => sub {
    for my $step (3600, -3600)
    {
        my $way = $step > 0 ? 'forward' : 'back';
        my ($flying, $retried, $new) = map { "msg_${way}_$_" } qw(flying retried new);
        $receiver->modes('500 hang 200');
        $d->sql("UPDATE crm.endpoint SET retries = array_fill(interval '3 seconds', ARRAY[90]) WHERE endpoint = 'spare'");
        my $daemon = $d->start($d->config('clock', lease_s => 30, timeout_s => 4), $d->faulty);
        $d->queue('spare', $retried);
        until_true("$way: one waits for its second attempt", sub { $d->attempt($retried) == 1 && $d->state($retried) eq 'pending' });
        $d->queue('hook', $flying);
        until_true("$way: another one is sent", sub { $receiver->requests($flying) });
        my $before = $d->sql('SELECT extract(epoch FROM now())');
        $d->clock($step > 0 ? 3600 : 0);
        cmp_ok(abs($d->sql('SELECT extract(epoch FROM now())') - $before - $step), '<', 60, "$way: by an hour");
        $d->queue('hook', $new);
        all_gone("$way: everything has its end", 60);
        # put forward, the lease is over for the server: the same daemon claims it again, and counts the answer for that
        fates("$way: what was under way was not sent again before it was given up, the others go on", $flying => $step > 0 ? 'delivered 3 2' : 'delivered 2 2', $retried => 'delivered 2 2', $new => 'delivered 1 1');
        is($d->stop($daemon), 0, 'stops');
    }
};

subtest 'a standby becomes the primary' => sub {
    my $standby = sub {
        my ($name, $primary) = @_;
        $primary->backup("for_$name");
        my $new = PostgreSQL::Test::Cluster->new($name);
        $new->init_from_backup($primary, "for_$name", has_streaming => 1);
        $new->start;
        return $new;
    };
    my ($first, $second) = ($node, $standby->('second', $node));
    $first->append_conf('postgresql.conf', "synchronous_standby_names = '*'\n");
    $first->reload;
    until_true('what is committed is on the standby, too', sub { $d->sql("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") == 1 });
    my $third = PostgreSQL::Test::Cluster->new('third'); # its place is known before it is there
    my @nodes = ($first, $second, $third);
    my $hosts = 'host=' . join(',', map { $_->host } @nodes) . ' port=' . join(',', map { $_->port } @nodes) . ' dbname=postgres user=daemon';
    $receiver->modes('slow:0.05');
    my $daemon = $d->start($d->config('hosts', dsn => $hosts, lease_s => 40, timeout_s => 20));
    my $count = sub { my ($prefix) = @_; return scalar grep { $_->{headers}{'webhook-id'} =~ /^$prefix/ } $receiver->requests };

    my @names = map { "msg_promoted_$_" } 1 .. 40;
    $d->queue('hook', @names);
    until_true('some are sent', sub { $count->('msg_promoted') >= 8 });
    $first->stop('immediate');
    $second->promote;
    $d->{node} = $second;
    $receiver->modes('200');
    all_gone('crmd goes on with the new primary');
    my %fate = map { /^(\S+) (\S+) \d+ (\d+)$/; ($1 => "$2 $3") } $d->fates($receiver, @names);
    is_deeply(\%fate, { map { ($_ => 'delivered 1') } @names }, 'nothing that was committed is lost, and nothing was sent again');

    # a primary that may not write any more is left
    $third->init_from_backup($second, do { $second->backup('for_third'); 'for_third' }, has_streaming => 1);
    $third->start;
    @names = map { "msg_switched_$_" } 1 .. 20;
    $receiver->modes('slow:0.05');
    $d->queue('hook', @names);
    until_true('some are sent', sub { $count->('msg_switched') >= 3 });
    $second->append_conf('postgresql.conf', "default_transaction_read_only = on\n");
    $second->reload;
    until_true('it is left', sub { $second->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'crmd outbox'") == 0 });
    my $written = $second->safe_psql('postgres', 'SELECT pg_current_wal_lsn()');
    until_true('the standby has everything', sub { $third->safe_psql('postgres', "SELECT pg_last_wal_replay_lsn() >= '$written'") eq 't' });
    $third->promote;
    $third->append_conf('postgresql.conf', "default_transaction_read_only = off\n");
    $third->reload;
    $d->{node} = $third;
    all_gone('crmd goes on with the one that may');
    %fate = map { /^(\S+) (\S+) \d+ (\d+)$/; ($1 => "$2 $3") } $d->fates($receiver, @names);
    is_deeply(\%fate, { map { ($_ => 'delivered 1') } @names }, 'nothing is lost, nothing was sent again');
    is($d->stop($daemon), 0, 'stops');
    $_->stop('immediate') for $second, $third;
};

$receiver->stop;
done_testing();
