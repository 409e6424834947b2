#!/usr/bin/perl
# Nothing is lost, whatever dies or breaks: crmd and the server are killed where it hurts, connections are cut and left
# half open, receivers do everything that receivers do. Each message ends in one state, under one id, and arrives more
# than once only where its sender was killed or its answer never came.
#   CRM_KILLS=1000   kills that often at random (50)
use strict;
use warnings;
use IO::Socket::INET;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time sleep);
use Cutter;
use Daemon;
use Support qw(wait_until);
use Receiver;
use Session;

my $key = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
my $new_key = 'whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3';
my $d = Daemon->new(conf => "fsync = on\n");
my $receiver = Receiver->start(log => "$d->{dir}/requests.log", keys => [ $key, $new_key ]);
my $main = $d->config('main');
my $full = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1) or die $!; # its queue is filled below: connecting to it hangs

sub secrets
{
    my ($keys) = @_;
    $d->write_file('secrets.ini', join '', map { "[$_->[0]]\nurl = $_->[1]\nkeys = $keys\n" } [ 'hook', $receiver->url('/hook') ],
        [ 'held', $receiver->url('/held') ], [ 'deaf', 'http://127.0.0.1:' . $full->sockport . '/' ], [ 'spare', $receiver->url('/spare') ]);
}
secrets($key);
$d->endpoint(qw(hook held deaf spare));
$d->sql("SELECT crm.set_delivery_policy('held', unanswered => 'hold')");

sub arrived { my ($id) = @_; return scalar $receiver->requests($id) }
sub until_true { my ($what, $condition, $seconds) = @_; return ok(&wait_until($condition, $seconds), $what) }
sub delivered { my ($id) = @_; return until_true("$id is delivered", sub { $d->state($id) eq 'delivered' }) }

sub once_each
{
    my ($what, @ids) = @_;
    is_deeply([ map { "$_ " . arrived($_) } @ids ], [ map { "$_ 1" } @ids ], $what);
}

subtest 'crmd is killed' => sub {
    # before POST: it is still connecting
    my @fill = map { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $full->sockport, Blocking => 0) } 1 .. 4;
    my $daemon = $d->start($main);
    $d->queue('deaf', 'msg_before');
    until_true('claimed, and connecting', sub { $d->state('msg_before') eq 'leased' });
    $d->stop($daemon, 'KILL');
    $d->write_file('secrets.ini', "[deaf]\nurl = " . $receiver->url('/deaf') . "\nkey = $key\n");
    $daemon = $d->start($main);
    delivered('msg_before');
    is($d->stop($daemon), 0, 'stops');
    secrets($key);
    once_each('killed before POST: arrives once', 'msg_before');

    # after POST, before the answer
    $receiver->modes('hang 200');
    $daemon = $d->start($main);
    $d->queue('hook', 'msg_after');
    until_true('sent', sub { arrived('msg_after') });
    $d->stop($daemon, 'KILL');
    $daemon = $d->start($main);
    delivered('msg_after');
    is(arrived('msg_after'), 2, 'killed after POST: once more, under one id');
    # the same where the endpoint says that what may have arrived is not sent again
    $receiver->modes('hang 200');
    $d->queue('held', 'msg_held');
    until_true('sent', sub { arrived('msg_held') });
    $d->stop($daemon, 'KILL');
    $daemon = $d->start($main);
    until_true('held', sub { $d->state('msg_held') eq 'dead' });
    like($d->detail('msg_held'), qr/^held: main was lost/, 'killed after POST: held, and said');
    is(arrived('msg_held'), 1, 'killed after POST: not sent again');
    is($d->stop($daemon), 0, 'stops');

    # while claiming: the claim waits for a lock
    my $session = Session->new($d->{node}, 'postgres');
    $session->run('BEGIN; LOCK TABLE crm.endpoint_state IN EXCLUSIVE MODE'); # reading it goes on
    $receiver->modes('200');
    $d->queue('hook', 'msg_claim');
    $daemon = $d->start($main);
    my $waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE ";
    until_true('claiming', sub { $d->sql("$waiting '%claim_deliveries(%'") > 0 });
    $d->stop($daemon, 'KILL');
    $session->run('COMMIT');
    $daemon = $d->start($main);
    delivered('msg_claim');
    once_each('killed while claiming: arrives once', 'msg_claim');

    # while finishing: the receiver has answered, the report waits for a lock
    $receiver->modes('gate 200');
    $d->queue('hook', 'msg_finish');
    until_true('sent', sub { arrived('msg_finish') });
    $session->run('BEGIN; LOCK TABLE crm.delivery_attempt IN ACCESS EXCLUSIVE MODE');
    $receiver->release;
    until_true('finishing', sub { $d->sql("$waiting '%finish_deliveries(%'") > 0 });
    $d->stop($daemon, 'KILL');
    $session->run('ROLLBACK');
    $session->quit;
    $daemon = $d->start($main);
    delivered('msg_finish');
    cmp_ok(arrived('msg_finish'), '<=', 2, 'killed while finishing: at most once more'); # the server may have ended the report alone
    is($d->stop($daemon), 0, 'stops');
};

subtest 'crmd is killed at random' => sub {
    my $kills = $ENV{CRM_KILLS} // 50;
    my $config = $d->config('fast', max_parallel => 8, lease_s => 2, idle_ms => 20);
    my $messages = 6 * $kills;
    $receiver->modes('slow:0.01');
    $d->sql("INSERT INTO crm.delivery_queue (message_id, alert, transition, type, rule, unit, units, endpoint, audience, body)
             SELECT 'msg_random_' || i, 100000 + i, 1, 'alert.firing', 'r', 'u', '{u}', (ARRAY['hook', 'spare'])[1 + i % 2], 'someone', '{}'
             FROM generate_series(1, $messages) i");
    srand 1;
    for my $n (1 .. $kills)
    {
        my $daemon = $d->start($config);
        sleep 0.03 + rand 0.12;
        $d->stop($daemon, 'KILL');
    }
    $receiver->modes('200');
    my $daemon = $d->start($config);
    until_true('nothing is left', sub { $d->sql('SELECT count(*) FROM crm.delivery_queue') == 0 }, 60);
    is($d->stop($daemon), 0, 'stops');
    is($d->sql("SELECT count(*) FROM crm.delivery_history WHERE message_id LIKE 'msg\\_random%' AND state = 'delivered'"), $messages, 'all is delivered');
    my %times = $receiver->arrivals;
    is(scalar(grep { $times{"msg_random_$_"} } 1 .. $messages), $messages, 'all has arrived');
    my $again = 0;
    $again += $times{"msg_random_$_"} - 1 for 1 .. $messages;
    cmp_ok($again, '<=', 8 * $kills, "no more than were under way came again ($again, $kills kills)");
    is($d->sql("SELECT count(*) FROM (SELECT message_id FROM crm.delivery_history GROUP BY 1 HAVING count(*) > 1) x"), 0, 'one end each');
};

subtest 'the server is killed' => sub {
    $receiver->modes('200');
    my $daemon = $d->start($main);
    $d->queue('hook', 'msg_alive');
    delivered('msg_alive');
    for my $how ('kill9', 'immediate')
    {
        $receiver->modes('slow:0.5 200');
        $d->queue('hook', map { "msg_${how}_$_" } 1 .. 5);
        until_true('one is sent', sub { arrived("msg_${how}_1") });
        if ($how eq 'kill9')
        {
            my $pid = slurp_file($d->{node}->data_dir . '/postmaster.pid') =~ s/\n.*//sr;
            kill 'KILL', $pid;
            wait_until(sub { !kill(0, $pid) || slurp_file("/proc/$pid/stat") =~ /\) Z / });
            sleep 0.5; # its children see that it is gone
            $d->{node}{_pid} = undef;
            # a zombie that nobody has fetched yet would count as a server
            unlink $d->{node}->data_dir . '/postmaster.pid', $d->{node}->host . '/.s.PGSQL.' . $d->{node}->port . '.lock';
            $d->{node}->start;
        }
        else
        {
            $d->{node}->stop('immediate');
            $d->{node}->start;
        }
        delivered("msg_${how}_$_") for 1 .. 5;
        cmp_ok(arrived("msg_${how}_$_"), '<=', 2, "$how: at most once more") for 1 .. 5;
    }
    is($d->stop($daemon), 0, 'stops');
};

subtest 'the connection to the server is cut, or half open' => sub {
    my $cutter = Cutter->start(dir => $d->{dir}, to => $d->{node}->host . '/.s.PGSQL.' . $d->{node}->port);
    my $dsn = 'host=127.0.0.1 port=' . $cutter->port . ' dbname=postgres user=daemon';
    $receiver->modes('200');
    my $daemon = $d->start($d->config('tcp', dsn => $dsn, connect_timeout_s => 1, timeout_s => 4, lease_s => 5));
    $d->queue('hook', 'msg_tcp');
    delivered('msg_tcp');
    $cutter->mode('cut');
    $d->queue('hook', 'msg_cut');
    sleep 0.3;
    $cutter->mode('pass');
    delivered('msg_cut');
    once_each('cut: arrives once', 'msg_cut');
    # nothing comes back any more, and nobody says so: another daemon goes on, and this one after its connection was given up
    $receiver->modes('gate 200');
    $d->queue('hook', 'msg_half');
    until_true('sent', sub { arrived('msg_half') });
    $cutter->mode('hold');
    $receiver->release;
    my $other = $d->start($main);
    delivered('msg_half');
    is(arrived('msg_half'), 2, 'half open: another daemon sends what could not be reported');
    $d->queue('hook', 'msg_other');
    delivered('msg_other');
    $cutter->mode('cut');
    $cutter->mode('pass');
    is($d->stop($other), 0, 'the other stops');
    $d->queue('hook', 'msg_again');
    delivered('msg_again');
    is($d->stop($daemon), 0, 'stops');
    $cutter->stop;
};

subtest 'a daemon sleeps past its lease' => sub {
    $receiver->modes('slow:0.3 200');
    my $sleeper = $d->start($d->config('sleeper'));
    $d->queue('hook', map { "msg_sleep_$_" } 1 .. 3);
    until_true('one is sent', sub { arrived('msg_sleep_1') });
    kill 'STOP', $sleeper->{pid};
    my $other = $d->start($main);
    delivered("msg_sleep_$_") for 1 .. 3;
    my %before = map { ($_ => arrived("msg_sleep_$_")) } 1 .. 3;
    cmp_ok($before{$_}, '<=', 2, 'at most twice') for 1 .. 3;
    kill 'CONT', $sleeper->{pid};
    sleep 0.5;
    is(arrived("msg_sleep_$_"), $before{$_}, 'who wakes up sends nothing more') for 1 .. 3;
    is($d->sql("SELECT count(*) FROM crm.delivery_history WHERE message_id LIKE 'msg\\_sleep%' AND state = 'delivered'"), 3, 'one end each');
    is($d->stop($_), 0, 'stops') for $sleeper, $other;
};

subtest 'receivers' => sub {
    my $daemon = $d->start($main);
    # first answer, outcome of the first attempt
    for my $case ([ 'hang', 'unanswered' ], [ 'drop', 'unanswered' ], [ 'reset', 'unanswered' ], [ 'drip:0.2', 'unanswered' ], [ 'flood', 'unanswered' ],
        [ 'garbage', 'unanswered' ], [ 'tail', 'delivered' ], [ 'big', 'delivered' ], [ 'once', 'delivered' ], [ 204, 'delivered' ], [ 299, 'delivered' ],
        [ 301, 'retry' ], [ 304, 'retry' ], [ 408, 'retry' ], [ 425, 'retry' ], [ 500, 'retry' ], [ 501, 'retry' ], [ 599, 'retry' ], [ 400, 'refused' ],
        [ 401, 'refused' ], [ 404, 'refused' ], [ 422, 'refused' ], [ 'date:1', 'retry' ], [ '429:1', 'retry' ])
    {
        my ($mode, $outcome) = @$case;
        my $id = 'msg_answer_' . ($mode =~ s/[:.]/_/gr);
        # where a kept connection breaks the library asks once more by itself
        $receiver->modes($mode =~ /^(drop|reset)$/ ? "$mode $mode 200" : "$mode 200");
        $d->sql('UPDATE crm.endpoint_state SET paused_until = NULL');
        $d->queue('held', $id) if $mode eq 'hang';
        $d->queue('hook', $id) if $mode ne 'hang';
        if ($mode eq 'hang')
        {
            until_true('hang, held', sub { $d->state($id) eq 'dead' });
            like($d->detail($id), qr/^held, it may have arrived: .*timed out/, 'hang, held: said');
            is($d->sql("SELECT crm.replay_delivery(id) FROM crm.delivery_history WHERE message_id = '$id'"), $id, 'hang, held: replayed by hand');
        }
        wait_until(sub { $d->state($id) eq 'delivered' });
        is($d->sql("SELECT h.state || ' ' || (SELECT a.outcome FROM crm.delivery_attempt a WHERE a.delivery = h.id ORDER BY a.at LIMIT 1)
                    FROM crm.delivery_history h WHERE h.message_id = '$id'"), "delivered $outcome", "$mode: $outcome, then delivered");
    }
    $receiver->modes('404 404 200');
    $d->queue('hook', 'msg_wrong');
    until_true('4xx twice: dead', sub { $d->state('msg_wrong') eq 'dead' });
    like($d->detail('msg_wrong'), qr/^refused twice: answer 404/, '4xx twice: with what the receiver said');
    $receiver->modes('410 200');
    $d->queue('spare', 'msg_gone');
    until_true('410: dead', sub { $d->state('msg_gone') eq 'dead' });
    $d->queue('spare', 'msg_gone2');
    until_true('410: what waits is cancelled', sub { $d->state('msg_gone2') eq 'cancelled' });
    is($d->sql("SELECT detail FROM crm.status WHERE item = 'endpoints switched off'"), 'spare: the receiver answered 410, gone', '410: in status');
    $d->sql("SELECT crm.enable_endpoint('spare')");
    is($d->sql("SELECT count(crm.replay_delivery(id)) FROM crm.delivery_history WHERE message_id LIKE 'msg\\_gone%'"), 2, 'replayed');
    delivered($_) for qw(msg_gone msg_gone2);
    is($d->stop($daemon), 0, 'stops');
};

subtest 'one receiver hangs, the others get theirs' => sub {
    my $hanging = Receiver->start(log => "$d->{dir}/hanging.log", keys => [$key], modes => 'hang');
    $d->write_file('secrets.ini', slurp_file("$d->{dir}/secrets.ini") . "[hang]\nurl = " . $hanging->url . "\nkey = $key\n");
    $d->endpoint('hang');
    $receiver->modes('200');
    $d->queue('hang', map { "msg_hang_$_" } 1 .. 40);
    my $daemon = $d->start($d->config('fair', max_parallel => 24, timeout_s => 5, lease_s => 10, stop_s => 1));
    until_true('its places are taken', sub { $d->sql("SELECT count(*) FROM crm.delivery_queue WHERE state = 'leased'") == 16 });
    $d->queue('hook', map { "msg_quick_$_" } 1 .. 20);
    my $start = time;
    until_true('the others', sub { $d->sql("SELECT count(*) FROM crm.delivery_history WHERE message_id LIKE 'msg\\_quick%' AND state = 'delivered'") == 20 });
    cmp_ok(time - $start, '<', 4, 'do not wait for it');
    is($d->sql("SELECT count(*) FROM crm.delivery_queue WHERE endpoint = 'hang' AND state = 'leased'"), 16, 'which has its places and no more');
    # removed while sixteen are on their way
    is($d->sql("SELECT crm.remove_endpoint('hang')"), 40, 'the endpoint is removed');
    is($d->sql("SELECT count(*) FROM crm.delivery_history WHERE endpoint = 'hang' AND state = 'cancelled'"), 40, 'each has its end');
    until_true('results that come later', sub { slurp_file($daemon->{log}) =~ /event=results-stale/ });
    is($d->sql("SELECT count(*) FROM crm.delivery_history WHERE endpoint = 'hang' AND state = 'cancelled'"), 40, 'change nothing');
    is($d->stop($daemon), 0, 'stops');
    $hanging->stop;
};

subtest 'keys change between two attempts' => sub {
    $receiver->modes('500 200');
    my $daemon = $d->start($main);
    $d->sql("UPDATE crm.endpoint SET retries = array_fill(interval '1 hour', ARRAY[9]) WHERE endpoint = 'hook'");
    $d->queue('hook', 'msg_rotate');
    until_true('the first attempt', sub { $d->attempt('msg_rotate') == 1 && $d->state('msg_rotate') eq 'pending' });
    secrets("$new_key $key");
    ok($d->hup($daemon, 'reloaded'), 'the file is read again');
    $d->sql("UPDATE crm.delivery_queue SET next_at = now() WHERE message_id = 'msg_rotate'");
    delivered('msg_rotate');
    my @got = $receiver->requests('msg_rotate');
    is_deeply([ map { scalar split / /, $_->{headers}{'webhook-signature'} } @got ], [ 1, 2 ], 'one signature, then two');
    is_deeply([ map { $_->{verified} } @got ], [ JSON::PP::true, JSON::PP::true ], 'both right');
    # a file that makes no sense changes nothing
    $d->write_file('secrets.ini', "[hook]\nurl = nonsense\n");
    ok($d->hup($daemon, 'reload-refused'), 'a bad file is refused');
    $d->queue('hook', 'msg_kept');
    delivered('msg_kept');
    secrets($key);
    is($d->stop($daemon), 0, 'stops');
};

subtest 'a right is lost between writing and sending' => sub {
    $receiver->modes('200');
    $d->queue('hook', 'msg_right');
    $d->sql("INSERT INTO blind VALUES ('someone')");
    my $daemon = $d->start($main);
    until_true('cancelled', sub { $d->state('msg_right') eq 'cancelled' });
    is($d->detail('msg_right'), 'someone may no longer see the number', 'with the reason');
    is(arrived('msg_right'), 0, 'and nothing was sent');
    # while it waits for its second attempt, too
    $d->sql("DELETE FROM blind; UPDATE crm.endpoint SET retries = array_fill(interval '1 hour', ARRAY[9]) WHERE endpoint = 'hook'");
    $receiver->modes('500 200');
    $d->queue('hook', 'msg_later');
    until_true('the first attempt', sub { $d->attempt('msg_later') == 1 && $d->state('msg_later') eq 'pending' });
    $d->sql("INSERT INTO blind VALUES ('someone'); UPDATE crm.delivery_queue SET next_at = now() WHERE message_id = 'msg_later'");
    until_true('cancelled', sub { $d->state('msg_later') eq 'cancelled' });
    once_each('after the one attempt that there was', 'msg_later');
    is($d->stop($daemon), 0, 'stops');
};

is(scalar(grep { $_->{verified} ne '1' } $receiver->requests), 0, 'every request that arrived was signed rightly');
is($d->sql('SELECT count(*) FROM crm.delivery_queue'), 0, 'nothing is left');
$receiver->stop;
$d->{node}->stop;
done_testing();
