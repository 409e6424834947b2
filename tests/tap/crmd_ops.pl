#!/usr/bin/perl
# crmd as those see it who run it: metrics and health, changes while it runs, systemd, man pages and completion, logs.
use strict;
use warnings;
use HTTP::Tiny;
use IPC::Run;
use IO::Socket::INET;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time sleep);
use Daemon;
use OpenMetrics qw(openmetrics);
use Receiver;
use Support qw(wait_until);

my $key = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
my $source = "$ENV{CRM_STAGE}";
my $d = Daemon->new(retry => '100 ms');
my ($node, $dir) = @$d{qw(node dir)};
my $receiver = Receiver->start(log => "$dir/requests.log", keys => [$key]);

sub free_port
{
    my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1) or die $!;
    return $socket->sockport;
}

my $closed = free_port();
my $monitor = free_port();
my $secrets = <<"SECRETS";
[hook]
url = ${\$receiver->url('/hook-of-sales')}
key = $key

[nobody]
url = http://127.0.0.1:$closed/
key = $key
SECRETS
$d->write_file('secrets.ini', $secrets);
$d->endpoint(qw(hook nobody));

sub get
{
    my ($path, $method) = @_;
    return HTTP::Tiny->new(timeout => 5)->request($method // 'GET', "http://127.0.0.1:$monitor$path");
}

# Prometheus itself, where it is installed, reads what we read.
sub prometheus
{
  SKIP: {
        my ($program) = grep { -x } map { "$_/prometheus" } split /:/, $ENV{PATH};
        skip 'prometheus is not installed', 2 unless $program;
        my $port = free_port();
        $d->write_file('prometheus.yml', "scrape_configs:\n- job_name: crmd\n  scrape_interval: 1s\n  static_configs: [{targets: ['127.0.0.1:$monitor']}]\n");
        my $handle = IPC::Run::start([ $program, "--config.file=$dir/prometheus.yml", "--storage.tsdb.path=$dir/prometheus",
            "--web.listen-address=127.0.0.1:$port" ], '<', \undef, '>', '/dev/null', '2>', "$dir/prometheus.log");
        my $ask = sub {
            my $answer = HTTP::Tiny->new(timeout => 5)->get("http://127.0.0.1:$port/api/v1/$_[0]");
            return $answer->{success} ? decode_json($answer->{content})->{data} : {};
        };
        ok(wait_until { (($ask->('targets')->{activeTargets} // [])->[0]{health} // '') eq 'up' }, 'Prometheus reads it');
        is($ask->('query?query=crmd_deliveries_total%7Boutcome%3D%22delivered%22,kind%3D%22webhook%22%7D')->{result}[0]{value}[1], 3, 'and has our number');
        $handle->kill_kill;
    }
}

sub metrics { my ($families, $samples, $wrong) = openmetrics(get('/metrics')->{content}); return $samples }
sub healthy { return get('/healthz')->{status} }

subtest 'the checker of the format' => sub {
    my $good = "# TYPE a counter\n# HELP a Help.\na_total{x=\"1\"} 3\n# TYPE b_seconds gauge\n# UNIT b_seconds seconds\n# HELP b_seconds Help.\nb_seconds 1.5\n# EOF\n";
    is_deeply((openmetrics($good))[2], [], 'what is right is taken');
    my %bad = (
        $good =~ s/# EOF\n//r => 'does not end with # EOF',
        $good =~ s/a_total/a/r => 'a stands below a of type counter',
        $good =~ s/UNIT b_seconds seconds/UNIT b_seconds bytes/r => 'b_seconds does not end with its unit bytes',
        $good =~ s/(b_seconds 1.5\n)/$1$1/r => 'b_seconds twice',
        $good =~ s/(# EOF)/a_total 4\n$1/r => 'a_total stands below b_seconds of type gauge',
        $good =~ s/(b_seconds 1.5)/$1\n/r => 'cannot be read: ""',
        $good =~ s/3$/-3/mr => 'a_total{x="1"}: -3',
        $good =~ s/# HELP a Help.\n//r => 'a has no help',
        "# TYPE h histogram\n# HELP h Help.\nh_bucket{le=\"1.0\"} 2\nh_bucket{le=\"+Inf\"} 1\nh_count 1\nh_sum 1\n# EOF\n" => 'h: buckets are not cumulative',
        "# TYPE h histogram\n# HELP h Help.\nh_bucket{le=\"1.0\"} 1\nh_count 1\nh_sum 1\n# EOF\n" => 'h: the last bucket is not +Inf');
    is_deeply((openmetrics($_))[2], [ $bad{$_} ], $bad{$_}) for sort keys %bad;
};

subtest 'metrics and health' => sub {
    my $daemon = $d->start($d->config('metrics', metrics_listen => "127.0.0.1:$monitor"));
    ok(wait_until { healthy() == 200 }, 'healthy');
    my $health = get('/healthz');
    is("$health->{content}$health->{headers}{'content-type'}", "ok\ntext/plain; charset=utf-8", 'ok');
    $d->queue('hook', map { "msg_metric_$_" } 1 .. 3);
    $d->queue('nobody', 'msg_nobody');
    ok(wait_until { $d->state("msg_metric_$_") eq 'delivered' }, "delivered $_") for 1 .. 3;
    ok(wait_until { $d->attempt('msg_nobody') >= 2 }, 'and one is tried again');
    sleep 1.1; # what is shown is a second old at most

    my $answer = get('/metrics');
    is($answer->{status}, 200, 'metrics');
    is($answer->{headers}{'content-type'}, 'application/openmetrics-text; version=1.0.0; charset=utf-8', 'content type');
    my ($families, $samples, $wrong) = openmetrics($answer->{content});
    is_deeply($wrong, [], 'the format is kept');
    is($samples->{'crmd_deliveries_total{outcome="delivered",kind="webhook"}'}, 3, 'delivered');
    cmp_ok($samples->{'crmd_deliveries_total{outcome="retry",kind="webhook"}'}, '>=', 2, 'tried again');
    is($samples->{'crmd_post_duration_seconds_count'},
        $samples->{'crmd_deliveries_total{outcome="delivered",kind="webhook"}'} + $samples->{'crmd_deliveries_total{outcome="retry",kind="webhook"}'},
        'each request was timed');
    is($samples->{"crmd_connection_up{connection=\"$_\"}"}, 1, "connection $_") for qw(fold link pack evaluate outbox);
    is($samples->{"crmd_connections_total{connection=\"$_\"}"}, 1, "connected once: $_") for qw(fold link pack evaluate outbox);
    is($samples->{'crmd_connection_up{connection="act"}'}, undef, 'what is not switched on is not shown');
    is($samples->{'crmd_rules_failing'}, 0, 'what the database said');
    cmp_ok($samples->{'crmd_folds_total{result="ok"}'}, '>', 0, 'folds');
    cmp_ok($samples->{'process_resident_memory_bytes'}, '<', 30 * 1024 * 1024, "resident memory ($samples->{process_resident_memory_bytes})");
    cmp_ok(abs($samples->{crmd_fold_success_timestamp_seconds} - time), '<', 10, 'times are Unix time in seconds');
    cmp_ok($samples->{'crmd_loop_busy_seconds_count'}, '>', 10, 'the loop was timed');
    like($answer->{content}, qr/^crmd_build_info\{version="0\.1\.0",libcurl="[0-9.]+",libpq="[0-9.]+"\} 1$/m, 'versions');
    unlike($answer->{content}, qr/hook-of-sales|whsec|="nobody"|="hook"/, 'no name of an endpoint, no secret');

    # every family is documented with its type, and nothing else is
    my %documented = slurp_file("$source/docs/daemon.md") =~ /^\| `((?:crmd|process)_[a-z_]+)(?:\{[a-z, ]*\})?` \| ([a-z]+) \|/mg;
    is_deeply({ map { $_ => $families->{$_}{type} } keys %$families }, \%documented, 'docs/daemon.md has them all');
    # the labels of deliveries are the kinds that there are
    my @kinds = $d->sql(q{SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'crm.endpoint'::regclass AND contype = 'c'
        AND pg_get_constraintdef(oid) LIKE '%webhook%'}) =~ /'([a-z_]+)'/g;
    is($samples->{"crmd_deliveries_total{outcome=\"gone\",kind=\"$_\"}"}, 0, "kind $_") for @kinds;

    is(get('/metrics', 'HEAD')->{status}, 200, 'HEAD');
    is(get('/metrics', 'POST')->{status}, 405, 'POST');
    is(get('/')->{status}, 404, 'nothing else');
    my $asked = sub { return scalar(() = slurp_file($node->logfile) =~ /daemon_watch/g) };
    my $before = $asked->();
    get('/metrics') for 1 .. 200;
    is(get('/metrics')->{status}, 200, 'after many scrapes');
    cmp_ok($asked->() - $before, '<=', 1, 'which asked the database nothing');
    prometheus();

    $node->stop('immediate');
    ok(wait_until { my $now = metrics(); 0 == grep { $now->{"crmd_connection_up{connection=\"$_\"}"} != 0 } qw(fold link pack evaluate outbox) },
        'without the server no connection is up');
    is(healthy(), 200, 'for a while that is no illness');
    $node->start;
    ok(wait_until { my $now = metrics(); 5 == grep { $now->{"crmd_connections_total{connection=\"$_\"}"} == 2 } qw(fold link pack evaluate outbox) }, 'connected again');
    my $now = metrics();
    cmp_ok($now->{'crmd_connection_failures_total{connection="outbox"}'}, '>', 0, 'the loss was counted');
    is($d->stop($daemon), 0, 'exit code 0');
    $d->sql('DELETE FROM crm.delivery_queue');
};

subtest 'health before the database is there' => sub {
    my $daemon = $d->start($d->config('alone', dsn => 'host=/nowhere dbname=x', metrics_listen => "127.0.0.1:$monitor"));
    ok(wait_until { healthy() == 503 }, 'not healthy');
    is(get('/healthz')->{content}, "connection fold: not connected yet; crmd check says what is wrong\n", 'with words');
    my ($families, $samples, $wrong) = openmetrics(get('/metrics')->{content});
    is_deeply($wrong, [], 'metrics without a database');
    is($samples->{crmd_queue_lag_seconds}, undef, 'what is not known is not shown');
    is($d->stop($daemon), 0, 'exit code 0');
    my ($code, $out, $err) = $d->run_crmd('', '-c', $d->config('open', metrics_listen => "0.0.0.0:$monitor"), 'run');
    is("$code $err", "1 crmd: $dir/open.ini: metrics_listen must be 127.0.0.1:PORT or [::1]:PORT, not \"0.0.0.0:$monitor\"\n", 'only this machine');
    my $taken = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1);
    ($code, $out, $err) = $d->run_crmd('', '-c', $d->config('taken', metrics_listen => '127.0.0.1:' . $taken->sockport), 'run');
    is($code, 1, 'a port that is taken');
    like($err, qr/ event=cannot-start error="metrics_listen: cannot listen at 127\.0\.0\.1:[0-9]+: Address already in use"$/m, 'says so');
};

$receiver->stop;
$node->stop;
done_testing();
