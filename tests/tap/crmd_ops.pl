#!/usr/bin/perl
# crmd as those see it who run it: metrics and health, changes while it runs, systemd, man pages and completion, logs.
use strict;
use warnings;
use HTTP::Tiny;
use IPC::Run;
use IO::Socket::INET;
use IO::Socket::UNIX;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;
use Socket qw(SOCK_DGRAM);
use Time::HiRes qw(time sleep);
use Daemon;
use OpenMetrics qw(openmetrics);
use Receiver;
use Support qw(wait_until free_port);

my $key = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
my $source = "$ENV{CRM_STAGE}";
my $d = Daemon->new(retry => '100 ms');
my ($node, $dir) = @$d{qw(node dir)};
my $receiver = Receiver->start(log => "$dir/requests.log", keys => [$key]);

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
    is($samples->{"crmd_connection_up{connection=\"$_\"}"}, 1, "connection $_") for qw(fold link pack evaluate evaluate-slow outbox);
    is($samples->{"crmd_connections_total{connection=\"$_\"}"}, 1, "connected once: $_") for qw(fold link pack evaluate evaluate-slow outbox);
    is($samples->{'crmd_connection_up{connection="act"}'}, undef, 'what is not switched on is not shown');
    is($samples->{'crmd_rules_failing'}, 0, 'what the database said');
    cmp_ok($samples->{'crmd_folds_total{result="ok"}'}, '>', 0, 'folds');
    cmp_ok($samples->{'process_resident_memory_bytes'}, '<', 30 * 1024 * 1024, "resident memory ($samples->{process_resident_memory_bytes})");
    cmp_ok(abs($samples->{crmd_fold_success_timestamp_seconds} - time), '<', 10, 'times are Unix time in seconds');
    cmp_ok($samples->{'crmd_loop_busy_seconds_count'}, '>', 10, 'the loop was timed');
    my $version = $d->sql("SELECT extversion FROM pg_extension WHERE extname = 'crm'"); # both are made of crm.control
    like($answer->{content}, qr/^crmd_build_info\{version="\Q$version\E",libcurl="[0-9.]+",libpq="[0-9.]+"\} 1$/m, 'versions');
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
    cmp_ok($before, '>', 0, 'what the database is asked stands in its log');
    get('/metrics') for 1 .. 200;
    is(get('/metrics')->{status}, 200, 'after many scrapes');
    cmp_ok($asked->() - $before, '<=', 1, 'which asked the database nothing');
    prometheus();

    $node->stop('immediate');
    ok(wait_until { my $now = metrics(); 0 == grep { $now->{"crmd_connection_up{connection=\"$_\"}"} != 0 } qw(fold link pack evaluate evaluate-slow outbox) },
        'without the server no connection is up');
    is(healthy(), 200, 'for a while that is no illness');
    $node->start;
    ok(wait_until { my $now = metrics(); 6 == grep { $now->{"crmd_connections_total{connection=\"$_\"}"} == 2 } qw(fold link pack evaluate evaluate-slow outbox) }, 'connected again');
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
    my $taken = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1, ReusePort => 1); # would share it
    ($code, $out, $err) = $d->run_crmd('', '-c', $d->config('taken', metrics_listen => '127.0.0.1:' . $taken->sockport), 'run');
    is($code, 1, 'a port that is taken');
    like($err, qr/ event=cannot-start error="metrics_listen: cannot listen at 127\.0\.0\.1:[0-9]+: Address already in use"$/m, 'says so');
};

sub log_of { my ($daemon) = @_; return slurp_file($daemon->{log}) }

subtest 'SIGHUP in the middle of deliveries' => sub {
    my %options = (metrics_listen => "127.0.0.1:$monitor", max_parallel => 2, timeout_s => 2, lease_s => 4);
    my $config = $d->config('reload', %options);
    my $daemon = $d->start($config);
    ok(wait_until { healthy() == 200 }, 'runs');
    my $before = $receiver->requests;
    $receiver->modes('slow:0.02');
    $d->queue('hook', map { "msg_hup_$_" } 1 .. 60);
    ok(wait_until { $receiver->requests > $before + 5 }, 'deliveries are under way');
    $d->config('reload', %options, poll_ms => 'soon');
    ok($d->hup($daemon, 'reload-refused'), 'a bad option: refused');
    like(log_of($daemon), qr/ event=reload-refused error="\Q$config\E line [0-9]+: poll_ms must be a whole number from 1 to 60000, not \\"soon\\""$/m, 'with the reason');
    $d->write_file('secrets.ini', "[hook]\nurl = nonsense\n");
    $d->config('reload', %options, log_level => 'debug');
    ok($d->hup($daemon, 'reload-refused'), 'bad secrets: refused');
    unlike(log_of($daemon), qr/ level=debug /, 'and nothing of the good configuration holds');
    $d->write_file('secrets.ini', $secrets);
    ok(wait_until { $d->sql('SELECT count(*) FROM crm.delivery_queue') == 0 }, 'all is delivered meanwhile');
    my %times = $receiver->arrivals;
    is(scalar(grep { ($times{"msg_hup_$_"} // 0) == 1 } 1 .. 60), 60, 'each once');
    is(metrics()->{'crmd_reloads_total{result="failed"}'}, 2, 'both are counted');

    $d->config('reload', %options, worker => 'another', act_listen => "127.0.0.1:$closed", log_level => 'debug', timeout_s => 1);
    ok($d->hup($daemon, 'reloaded'), 'a good one');
    like(log_of($daemon), qr/ event=reloaded changed="timeout_s log_level" secrets=\Q$dir\E\/secrets\.ini$/m, 'says what has changed');
    like(log_of($daemon), qr/ event=restart-needed options="worker act_listen"$/m, 'says what needs a restart');
    $receiver->modes('hang 200');
    $d->queue('hook', 'msg_hup_timeout');
    ok(wait_until { log_of($daemon) =~ / event=unanswered .*msg_hup_timeout/ }, 'not answered');
    my ($waited) = log_of($daemon) =~ / event=unanswered .*msg_hup_timeout.* ms=([0-9]+)/;
    cmp_ok($waited, '<', 2000, 'given up after the new timeout_s');
    ok(wait_until { $d->state('msg_hup_timeout') eq 'delivered' }, 'and delivered');
    is($d->sql(q{SELECT string_agg(DISTINCT a.worker, ',') FROM crm.delivery_attempt a JOIN crm.delivery d ON d.id = a.delivery WHERE d.message_id = 'msg_hup_timeout'}),
        'reload', 'the name is still the old one');

    # a changed address of the database: each connection is made anew when what was begun on it is over
    my $names = sub { return $d->sql(q{SELECT count(*), string_agg(DISTINCT application_name, ',') FROM pg_stat_activity WHERE usename = 'daemon'}) };
    is($names->(), '6|crmd_ops.pl', 'connections before'); # PGAPPNAME says so
    $receiver->modes('slow:0.3 200');
    $d->queue('hook', 'msg_hup_dsn');
    ok(wait_until { $receiver->requests('msg_hup_dsn') }, 'a message is being sent');
    $d->config('reload', %options, dsn => $node->connstr('postgres') . ' user=daemon application_name=anew');
    ok($d->hup($daemon, 'reloaded'), 'another dsn');
    ok(wait_until { $names->() eq '6|anew' }, 'every connection is a new one');
    is($d->said($daemon, qr/ event=reconnecting /), 6, 'that was not a loss');
    is($d->said($daemon, qr/ event=connection-lost /), 0, 'of any');
    is($d->state('msg_hup_dsn'), 'delivered', 'what was being sent was reported before');
    is($d->attempt('msg_hup_dsn'), 1, 'with one attempt');
    $d->queue('hook', 'msg_hup_anew');
    ok(wait_until { $d->state('msg_hup_anew') eq 'delivered' }, 'and deliveries go on');
    $d->config('reload', %options, worker => 'another', log_level => 'warning', dsn => $node->connstr('postgres') . ' user=daemon application_name=anew');
    ok($d->hup($daemon, 'restart-needed'), 'another level of the log');
    $d->queue('hook', 'msg_hup_quiet');
    ok(wait_until { $d->state('msg_hup_quiet') eq 'delivered' }, 'delivered');
    is($d->said($daemon, qr/msg_hup_quiet/), 0, 'and not said');
    unlike(log_of($daemon), qr/whsec_|hook-of-sales/, 'no secret in the log');
    is($d->stop($daemon), 0, 'exit code 0');
};

subtest 'answers to what was sent with old secrets are redacted' => sub {
    my $daemon = $d->start($d->config('redact', timeout_s => 20, lease_s => 40));
    $receiver->modes('gate echo 200');
    $d->queue('hook', 'msg_slow');
    ok(wait_until { $receiver->requests('msg_slow') }, 'the receiver is busy');
    $d->queue('hook', 'msg_redact');
    ok(wait_until { $d->state('msg_redact') eq 'leased' }, 'and another is under way');
    $d->write_file('secrets.ini', $secrets =~ s/hook-of-sales/elsewhere-now/r);
    ok($d->hup($daemon, 'reloaded'), 'then the address changes');
    $receiver->release;
    ok(wait_until { ($d->detail('msg_redact') // '') =~ /\*\*\*/ || $d->state('msg_redact') eq 'delivered' }, 'answered');
    like($d->sql(q{SELECT a.detail FROM crm.delivery_attempt a JOIN crm.delivery d ON d.id = a.delivery WHERE d.message_id = 'msg_redact' AND a.attempt = 1}), qr/\*\*\*/, 'with the address');
    unlike($d->sql(q{SELECT coalesce(string_agg(detail, ' '), '') FROM crm.delivery_attempt}) . log_of($daemon), qr/hook-of-sales/, 'which is not shown');
    is($d->stop($daemon), 0, 'exit code 0');
    $d->write_file('secrets.ini', $secrets);
    $d->sql('DELETE FROM crm.delivery_queue');
};

subtest 'several hosts' => sub {
    my $second = PostgreSQL::Test::Cluster->new('second');
    $second->init;
    $second->start;
    $second->safe_psql('postgres', q{
        CREATE SCHEMA crm;
        CREATE EXTENSION crm SCHEMA crm;
        CREATE ROLE daemon LOGIN;
        SELECT crm.grant_daemon('daemon');
    });
    my $beats = sub { return $_[0]->safe_psql('postgres', "SELECT count(*) FROM crm.daemon WHERE worker = '$_[1]' AND beat_at > now() - interval '20 s'") };
    my $hosts = sub { return 'host=' . join(',', map { $_->host } @_) . ' port=' . join(',', map { $_->port } @_) . ' dbname=postgres user=daemon' };
    my $daemon = $d->start($d->config('hosts', dsn => $hosts->($node, $second)));
    ok(wait_until { $beats->($node, 'hosts') == 1 }, 'the first is taken');
    $d->sql('ALTER SYSTEM SET default_transaction_read_only = on');
    $d->sql('SELECT pg_reload_conf()');
    ok(wait_until { $beats->($second, 'hosts') == 1 }, 'one that can only be read is left');
    like(log_of($daemon), qr/ event=connection-lost connection=[a-z]+ error="(?:cannot execute .* in a read-only transaction|this server can only be read .*)"/m, 'for that reason');
    ok(wait_until { $second->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE usename = 'daemon'}) == 6 }, 'by all connections');
    is($d->stop($daemon), 0, 'exit code 0');

    my ($code, $out) = $d->run_crmd('', '-c', $d->config('only', dsn => $node->connstr('postgres') . ' user=daemon'), 'check');
    is($code, 1, 'check where no host can be written to');
    like($out, qr/^FAIL  connection     .*session is read-only; no host of dsn can be written to: name the primary as well$/m, 'says so');
    $node->append_conf('postgresql.auto.conf', 'default_transaction_read_only = off');
    $node->reload;

    # a host that takes connections and says nothing does not keep the others from being asked
    my $silent = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 16);
    $daemon = $d->start($d->config('silent', connect_timeout_s => 1,
            dsn => 'host=127.0.0.1,' . $second->host . ' port=' . $silent->sockport . ',' . $second->port . ' dbname=postgres user=daemon'));
    ok(wait_until { $beats->($second, 'silent') == 1 }, 'the next is asked after connect_timeout_s');
    is($d->stop($daemon), 0, 'exit code 0');

    # results of one database are no business of another that has the same numbers
    $second->safe_psql('postgres', q{
        INSERT INTO crm.endpoint (endpoint, kind, audience, secret_ref, retries, max_age, created_by) VALUES ('hook', 'webhook', 'someone', 'hook', '{1 s}', '1 day', 'test');
        INSERT INTO crm.delivery_queue (message_id, alert, transition, type, rule, unit, units, endpoint, audience, body, state, epoch)
        VALUES ('msg_theirs', 1, 1, 'alert.firing', 'r', 'u', '{u}', 'hook', 'someone', '{}', 'leased', 1)});
    my $finish = sub { return $second->safe_psql('postgres', qq{SELECT crm.finish_deliveries(jsonb_build_array(jsonb_build_object('id', id, 'epoch', 1, 'message', '$_[0]',
        'outcome', 'delivered'))) FROM crm.delivery_queue}) };
    is($finish->('msg_ours'), 0, 'another message under the same number');
    is($finish->('msg_theirs'), 1, 'the message itself');
    $second->stop;
};

subtest 'check says how to mend it' => sub {
    my $check = sub { my ($code, $out, $err) = $d->run_crmd('', '-c', $d->config('check', @_), 'check'); return "$code $out$err" };
    $d->sql(q{CREATE ROLE narrow LOGIN CONNECTION LIMIT 4; SELECT crm.grant_daemon('narrow')});
    like($check->(dsn => $node->connstr('postgres') . ' user=narrow', act_listen => '127.0.0.1:8480'),
        qr/^1 .*^FAIL  role           narrow may have 4 connections and crmd needs 7: an administrator types ALTER ROLE narrow CONNECTION LIMIT 7;$/ms, 'too few connections');
    $d->sql(q{ALTER ROLE narrow CONNECTION LIMIT -1; ALTER ROLE narrow SET idle_session_timeout = '10s'});
    like($check->(dsn => $node->connstr('postgres') . ' user=narrow'),
        qr/^0 .*^warn  role           idle_session_timeout cuts its connections: an administrator types ALTER ROLE narrow SET idle_session_timeout = 0;$/ms, 'connections that are cut');
    $d->sql(q{CREATE ROLE mighty LOGIN SUPERUSER});
    like($check->(dsn => $node->connstr('postgres') . ' user=mighty'), qr/^0 .*^warn  role           mighty is a superuser, /ms, 'more rights than it needs');
    like($check->(dsn => $node->connstr('postgres') . ' user=absent'), qr/role "absent" does not exist; name another with user= in dsn, or /, 'no such role');
    like($check->(dsn => $node->connstr('absent') . ' user=daemon'), qr/database "absent" does not exist; name the one where crm is installed /, 'no such database');
    like($check->(dsn => 'service=absent'), qr/definition of service "absent" not found; services stand in /, 'no such service');
    like($check->(dsn => 'hots=x'), qr/invalid connection option "hots"; dsn is a connection string such as /, 'no such option');
    my ($code, $out, $err) = $d->run_crmd('', '-c', $dir, 'check');
    is("$code $err", "1 crmd: cannot read $dir: Is a directory\n", 'a folder is no configuration');
    $d->sql('DROP OWNED BY narrow; DROP ROLE narrow; DROP ROLE mighty');
};

subtest 'service and passfile' => sub {
    $d->sql("CREATE ROLE guarded LOGIN PASSWORD 'p ss:w\\rd'; SELECT crm.grant_daemon('guarded')");
    my $hba = $node->data_dir . '/pg_hba.conf';
    my $before = slurp_file($hba);
    open my $file, '>', $hba or die $!;
    print $file "local all guarded scram-sha-256\n$before";
    close $file;
    $node->reload;
    $d->write_file('service.conf', "[sales]\nhost=" . $node->host . "\nport=" . $node->port . "\ndbname=postgres\nuser=guarded\n");
    $d->write_file('pgpass', "*:*:postgres:guarded:p ss\\:w\\\\rd\n");
    local $ENV{PGSERVICEFILE} = "$dir/service.conf";
    my ($code, $out) = $d->run_crmd('', '-c', $d->config('service', dsn => "service=sales passfile=$dir/pgpass"), 'check');
    like($out, qr/^ok    connection     database postgres as role guarded, server /m, 'a service, and a file with the password');
    ($code, $out) = $d->run_crmd('', '-c', $d->config('service', dsn => "service=sales passfile=$dir/absent"), 'check');
    is($code, 1, 'without the password');
    like($out, qr/^FAIL  connection     .*no password supplied; write it into a file like ~\/\.pgpass, mode 0600, and name that with passfile= in dsn$/m, 'says where to write it');
    $d->write_file('pgpass', "*:*:postgres:guarded:wrong\n");
    ($code, $out) = $d->run_crmd('', '-c', $d->config('service', dsn => "service=sales passfile=$dir/pgpass"), 'check');
    like($out, qr/^FAIL  connection     .*password authentication failed for user "guarded".*; is it the password of that role/m, 'the wrong one');
    unlike($out, qr/wrong/, 'which is not shown');
};

subtest 'systemd' => sub {
    my $path = PostgreSQL::Test::Utils::tempdir_short() . "/notify"; # whole, and short enough
    my $socket = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $path) or die "$path: $!";
    $socket->blocking(0);
    my @told;
    my $hear = sub { my $text; push @told, $text while defined $socket->recv($text, 4096); return @told };
    my $heard = sub { my ($pattern) = @_; return wait_until { grep { /$pattern/ } $hear->() } };
    my $forget = sub { $hear->(); @told = () };
    $receiver->modes('gate 200');
    $node->stop;
    local $ENV{NOTIFY_SOCKET} = $path;
    local $ENV{WATCHDOG_USEC} = 400_000;
    my $daemon = $d->start($d->config('systemd', timeout_s => 20, lease_s => 40));
    ok($heard->(qr/^WATCHDOG=1$/), 'the watchdog hears of it');
    ok($heard->(qr/^STATUS=connection fold: not connected yet/), 'it says what it waits for');
    sleep 0.5;
    is(scalar(grep { /READY/ } $hear->()), 0, 'it is not ready without the database');
    $node->start;
    ok($heard->(qr/^READY=1$/), 'ready when it is connected');
    ok($heard->(qr/^STATUS=working as systemd$/), 'which it says');
    is($d->sql(q{SELECT count(*) FROM pg_stat_activity WHERE usename = 'daemon'}), 6, 'by every connection');

    kill 'STOP', $daemon->{pid};
    sleep 0.1;
    $forget->();
    sleep 1;
    is_deeply([ $hear->() ], [], 'no beat while it hangs');
    kill 'CONT', $daemon->{pid};
    ok($heard->(qr/^WATCHDOG=1$/), 'and again when it goes on');

    $forget->();
    kill 'HUP', $daemon->{pid};
    ok($heard->(qr/^READY=1$/), 'ready again after a reload');
    my ($reloading, $ready) = grep { !/WATCHDOG|STATUS/ } @told;
    like($reloading, qr/^RELOADING=1\nMONOTONIC_USEC=[0-9]+$/, 'which was announced');
    is($ready, 'READY=1', 'before');

    # drained: what is being sent ends, then it stops
    $d->queue('hook', 'msg_drain');
    ok(wait_until { $receiver->requests('msg_drain') }, 'a message is being sent');
    $forget->();
    kill 'TERM', $daemon->{pid};
    ok($heard->(qr/^STOPPING=1$/), 'stopping is announced');
    is($d->state('msg_drain'), 'leased', 'before the receiver has answered');
    $receiver->release;
    $daemon->{handle}->finish;
    is($daemon->{handle}->result(0), 0, 'exit code 0');
    is($d->state('msg_drain') . $d->attempt('msg_drain'), 'delivered1', 'and its result was reported');
    ok((grep { /^STATUS=stopping$/ } $hear->()), 'the state says so');
  SKIP: {
        my ($analyze) = grep { -x } map { "$_/systemd-analyze" } split /:/, $ENV{PATH};
        skip 'systemd-analyze is not installed', 1 unless $analyze;
        my $said = '';
        IPC::Run::run([ $analyze, 'security', '--no-pager', '--offline=yes', '--threshold=15', "$source/daemon/crmd.service" ], '>&', \$said);
        my $code = $? >> 8;
        skip 'systemd-analyze cannot judge a file', 1 if $said !~ /Overall exposure level/;
        is($code, 0, 'the unit is sandboxed: ' . ($said =~ /(Overall exposure level.*?[0-9.]+ [A-Z]+)/)[0]);
    }
};

subtest 'logs as JSON' => sub {
    $receiver->modes('echo 200');
    my $config = $d->config('json', log_format => 'json', log_level => 'debug');
    $d->queue('hook', 'msg_json');
    my ($code, $out, $err) = $d->run_crmd('', '-c', $config, 'once');
    is($code, 3, 'one pass');
    my @lines = map { decode_json($_) } split /\n/, $err;
    my ($retry) = grep { $_->{event} eq 'retry' } @lines;
    like($retry->{time}, qr/^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{3}Z$/, 'time');
    is("$retry->{level} $retry->{message} $retry->{endpoint} $retry->{attempt} $retry->{status}", 'warning msg_json hook 1 500', 'the fields');
    unlike($err, qr/hook-of-sales|whsec/, 'no secret');
    is(scalar(grep { ref ne 'HASH' || !$_->{event} || !$_->{level} } @lines), 0, 'every line is an object with event and level');
    ($code, $out, $err) = $d->run_crmd('', '-c', $d->config('xml', log_format => 'xml'), 'once');
    like($err, qr/log_format must be logfmt or json, not "xml"$/m, 'no other format');
    $d->sql('DELETE FROM crm.delivery_queue');
};

subtest 'one table of options' => sub {
    my ($code, $help) = $d->run_crmd('', '--help');
    my ($table) = $help =~ /\nOptions of the configuration[^\n]*\n(.*)/s;
    my %help = map { /^  ([a-z_]+) +(.*)$/ ? ($1, $2) : () } split /\n/, $table;
    my %default = map { $_ => $help{$_} =~ / \((?!empty:)([^()]*)\)$/ ? $1 : '' } keys %help;
    cmp_ok(scalar keys %help, '>', 15, 'options are listed');
    my %documented = slurp_file("$source/docs/daemon.md") =~ /^\| `([a-z_]+)` \| ([^|]*?) ?\| .*\|$/mg;
    delete $documented{$_} for grep { !exists $help{$_} } keys %documented; # commands
    $default{secrets} = $documented{secrets} if $documented{secrets} =~ /^`secrets\.ini` of systemd's credentials/;
    is_deeply(\%documented, \%default, 'docs/daemon.md has them all, with their defaults');
    my %sample = slurp_file("$source/daemon/crmd.ini.sample") =~ /^;([a-z_]+) = (.*)$/mg;
    is_deeply([ sort keys %sample ], [ sort keys %help ], 'the sample has them all');
    is($sample{$_}, $default{$_}, "the sample's default of $_") for grep { $default{$_} ne '' && $_ ne 'worker' && $_ ne 'secrets' } sort keys %default;
    # what the sample shows is taken
    my $shown = slurp_file("$source/daemon/crmd.ini.sample") =~ s/^;([a-z_]+ = )/$1/mgr;
    ($code, my $out, my $err) = $d->run_crmd('', '-c', $d->write_file('sample.ini', $shown), 'check');
    like($out, qr/^ok    configuration /m, 'the sample with every line switched on is a good configuration') or diag($err);
};

subtest 'man pages and completion' => sub {
    my ($code, $help) = $d->run_crmd('', '--help');
    my ($commands) = $help =~ /\nCommands:\n(.*?)\nOptions:/s;
    my %commands = map { $_ => 1 } $commands =~ /^  ([a-z]+)/mg;
    my %options = map { $_ => 1 } $help =~ /(--[a-z]+)/g;
    my $man = slurp_file("$source/daemon/crmd.1");
    like($man, qr/^\.It Cm $_\b/m, "crmd(1) explains $_") for sort keys %commands;
    like($man, qr/Fl -\Q@{[ substr $_, 2 ]}\E\b/, "crmd(1) explains $_") for sort keys %options;
    like(slurp_file("$source/daemon/completion/$_->[0]"), $_->[1], "completion/$_->[0]") for map {
        my $name = $_; map { my $word = substr $_, 2; [ $name, $name eq 'crmd.fish' ? qr/-l $word\b/ : qr/--$word\b/ ] } sort keys %options
    } qw(crmd.bash _crmd crmd.fish);
    like($man, qr/^\.It $_$/m, "crmd(1) explains exit code $_") for 0 .. 3;

    my $complete = sub {
        my (@words) = @_;
        my $list = join ' ', map { "'$_'" } @words;
        my ($out, $err) = ('', '');
        IPC::Run::run([ 'bash', '-c', qq{. "\$0"; COMP_WORDS=($list); COMP_CWORD=$#words; _crmd; echo "\${COMPREPLY[@]}"},
            "$source/daemon/completion/crmd.bash" ], '<', \undef, '>', \$out, '2>', \$err);
        chomp $out;
        return "$out$err";
    };
    is($complete->('crmd', 'o'), 'once', 'a command');
    is_deeply([ sort split / /, $complete->('crmd', '') ], [ sort keys %commands, qw(-c --config -h --help -V --version) ], 'all commands and options');
    is($complete->('crmd', '--v'), '--version', 'an option');
    is($complete->('crmd', '-c', "$dir/secr"), "$dir/secrets.ini", 'a file');
    is($complete->('crmd', '-c', 'x.ini', 'ch'), 'check', 'a command after an option');
    is($complete->('crmd', 'secret', ''), 'set public', 'what follows secret');
    is($complete->('crmd', 'secret', 'set', ''), '', 'nothing is known of names');
    is($complete->('crmd', 'report', '--l'), '--language', 'an option of report');
    is($complete->('crmd', 'report', '--language', ''), 'en es nl', 'its values');
    is($complete->('crmd', 'run', ''), '', 'nothing follows run');
  SKIP: {
        my ($mandoc) = grep { -x } map { "$_/mandoc" } split /:/, $ENV{PATH};
        skip 'mandoc is not installed', 1 unless $mandoc;
        my $said = '';
        IPC::Run::run([ $mandoc, '-T', 'lint', '-W', 'warning', "$source/daemon/crmd.1" ], '>&', \$said);
        is($said, '', 'mandoc finds nothing wrong');
    }
};

$receiver->stop;
$node->stop;
done_testing();
