# Nothing secret gets out: canaries everywhere the product takes a secret, a token or a text of a row, then a look at all that somebody
# else reads: dumps, the server's log at debug level, pg_stat_activity, pg_stat_statements, errors, crmd's journal at debug level.
use strict;
use warnings;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Receiver;
use Support qw(private_file free_port);

my $dir = PostgreSQL::Test::Utils::tempdir;
my $node = PostgreSQL::Test::Cluster->new('secrets');
$node->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_stat_statements'\npg_stat_statements.track = all\npg_stat_statements.track_utility = on\n"
      . "log_statement = none\nlog_min_messages = debug2\nlog_min_error_statement = error\ntrack_activity_query_size = 65536\n");
$node->start;

my %secret = (
    'key of a receiver' => 'whsec_Q0FOQVJZMUNBTkFSWTFDQU5BUlkxQ0FOQVJZMQ==',
    'key set by crmd' => 'whsec_Q0FOQVJZMkNBTkFSWTJDQU5BUlkyQ0FOQVJZMg==',
    'address of a chat' => 'canary-path-3-T000-B000-xyzzy',
    'password of a mail server' => 'canary4password',
    'routing key' => 'c4a1a4b5c4a1a4b5c4a1a4b5c4a1a4b5',
    'token of a bot' => '110201543:AAcanary6_AAcanary6_AAcanary6_AAcanary6');
my $receiver = Receiver->start(log => "$dir/requests.log", keys => [ $secret{'key of a receiver'} ]);
my $port = $receiver->port;
my $act = free_port();
my $refused = free_port();

sub wait_until { my ($condition, $seconds) = @_; return Support::wait_until { $condition->() } $seconds }

sub sql { return $node->safe_psql('postgres', $_[0]) }

my @errors;
sub fails
{
    my ($query, %options) = @_;
    my ($status, undef, $error) = $node->psql('postgres', $query, %options);
    isnt($status, 0, 'refused: ' . substr($query, 0, 60) =~ s/\s+/ /gr);
    push @errors, $error;
    return;
}

sql(qq{
    CREATE SCHEMA crm;
    CREATE EXTENSION crm SCHEMA crm;
    CREATE EXTENSION pg_stat_statements;
    CREATE ROLE daemon LOGIN;
    CREATE ROLE anna LOGIN;
    CREATE ROLE pool LOGIN;
    SELECT crm.grant_daemon('daemon'), crm.rotate_token_key();
    SELECT crm.create_unit('acme', 'Acme', 'business');
    SELECT crm.create_principal('anna', 'Anna', role_name => 'anna');
    SELECT crm.create_role('watch'), crm.grant_privilege('watch', 'kpi', 'total', 'below');
    SELECT crm.add_member('anna', 'acme', 'watch');
    SELECT crm.set_link_template('act', 'http://127.0.0.1:$act/act/{token}', allow_http => true);
    CREATE TABLE deals (id serial PRIMARY KEY, region text, status text, worth text, opened timestamptz, closed timestamptz);
    SELECT crm.create_funnel('sales', 'opportunity', '[{"key": "open"}, {"key": "won", "milestone": "won", "kind": "won"}, {"key": "lost", "kind": "lost"}]');
});
# what a row holds: read through a file, since what one types in SQL is one's own affair
private_file($dir, 'deals.csv', join '', map { "acme," . ($_ <= 2 ? 'won' : 'lost') . ",canary7row$_\n" } 1 .. 10);
sql(qq{
    CREATE TEMP TABLE staging (region text, status text, worth text);
    \\copy staging FROM '$dir/deals.csv' WITH (FORMAT csv)
    INSERT INTO deals (region, status, worth, opened, closed) SELECT region, status, worth, now() - interval '1 day', now() FROM staging;
    SELECT count(*) FROM crm.adopt('deals', 'opportunity', department => 'sales', funnel => 'sales', columns =>
        '{"unit": "region", "stage": "status", "created_at": "opened", "closed_at": "closed", "lost_reason": "worth"}');
    CREATE TABLE people (id serial PRIMARY KEY, name text, born text);
    INSERT INTO people (name, born) SELECT worth, worth FROM staging;
    SELECT count(*) FROM crm.adopt('people', 'customer', columns => '{"full_name": "name", "segment": "(1 / (length(born) - 11))::text"}');
    SELECT crm.create_endpoint('hook', 'webhook', 'anna', 'hook'), crm.create_endpoint('chat', 'slack', 'anna', 'chat'), crm.create_endpoint('mail', 'email', 'anna', 'mail'),
           crm.create_endpoint('duty', 'pagerduty', 'anna', 'duty'), crm.create_endpoint('bot', 'telegram', 'anna', 'bot');
    SELECT crm.create_rule('win-low', 'win_rate', fire_level => 0.4, every => '1 second'), crm.subscribe(principal => 'anna');
});
my $secrets = private_file($dir, 'secrets.ini', join "\n", "[hook]", "url = http://127.0.0.1:$port/hook", "key = $secret{'key of a receiver'}", "[chat]",
    "url = http://127.0.0.1:$port/$secret{'address of a chat'}", "[mail]", "url = smtp://127.0.0.1:$refused", 'from = crm@acme.example', 'to = anna@acme.example',
    'user = canary', "password = $secret{'password of a mail server'}", "[duty]", "url = http://127.0.0.1:$port/duty", "routing_key = $secret{'routing key'}", "[bot]",
    "url = http://127.0.0.1:$port/bot$secret{'token of a bot'}/sendMessage", 'chat_id = -100123456', '');
my $conf = private_file($dir, 'crmd.ini', join "\n", '[crmd]', 'dsn = ' . $node->connstr('postgres') . ' user=daemon', 'worker = w', "secrets = $secrets", 'allow_private = yes',
    'allow_http = yes', 'poll_ms = 20', 'idle_ms = 50', 'log_level = debug', "act_listen = 127.0.0.1:$act", '');

sub crmd
{
    my ($stdin, @arguments) = @_;
    my ($out, $err) = ('', '');
    IPC::Run::run([ $ENV{CRMD}, '-c', $conf, @arguments ], '<', \$stdin, '>', \$out, '2>', \$err, IPC::Run::timeout(60));
    return "$out\n$err";
}
my $check = crmd('', 'check');
like($check, qr/^ok +secrets/m, 'crmd understands its secrets') or BAIL_OUT($check);
# a key given to crmd by hand, and one that it refuses
my $set = crmd("url = http://127.0.0.1:$port/set\nkey = $secret{'key set by crmd'}\n", 'secret', 'set', 'set');
$set .= crmd("url = not a url with $secret{'address of a chat'}\nkey = $secret{'key set by crmd'}x\n", 'secret', 'set', 'wrong');

# the receiver answers with what it was sent: crmd keeps some of an answer's text
$receiver->modes('echo');
my $journal = "$dir/journal";
my $activity = '';
my $daemon = IPC::Run::start([ $ENV{CRMD}, '-c', $conf, 'run' ], '<', \undef, '>', '/dev/null', '2>>', $journal);
ok(wait_until(sub { $activity .= sql("SELECT string_agg(query, E'\\n') FROM pg_stat_activity WHERE pid <> pg_backend_pid()"); sql("SELECT count(DISTINCT endpoint) FROM crm.delivery WHERE attempt > 0 AND detail IS NOT NULL") >= 4 }, 40),
    'messages of four receivers were refused, with their answers kept') or diag(sql("SELECT endpoint, state, attempt, detail FROM crm.delivery"), slurp_file($journal));
ok(wait_until(sub { slurp_file($journal) =~ /backfill/i || sql("SELECT count(*) FROM crm.filling WHERE state = 'failed'") }, 30), 'a backfill that a row stops was tried');

# the token of a button: read from the message, opened, used, and one that is wrong
my $links = sql("SELECT string_agg(DISTINCT m[1], ' ') FROM crm.delivery_queue, regexp_matches(body, '/act/([A-Za-z0-9_.-]{20,})', 'g') m");
my ($button) = split / /, $links;
ok(length($button // '') > 20, 'a message has a button') or BAIL_OUT('no message');
$secret{'token of a button'} = $button;
my $http = sub { my ($out, $err) = ('', ''); IPC::Run::run([ 'perl', '-MIO::Socket::INET', '-e',
    'my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => shift) or exit 1; print $s "GET $ARGV[0] HTTP/1.0\r\n\r\n"; print while <$s>', $act, $_[0] ], '<', \undef, '>', \$out, '2>', \$err); return $out };
like($http->("/act/$button"), qr/200/, 'its page opens');
like($http->('/act/' . substr($button, 0, -6) . 'canary'), qr/40\d/, 'a wrong one does not');

# tokens: as what a connection gives, as a parameter, and bad ones in each way
$secret{'identity token'} = sql("SELECT crm.issue_token('anna', ttl => '10 minutes')");
{
    local $ENV{PGOPTIONS} = "-c crm.token=$secret{'identity token'}";
    is(sql('SELECT principal FROM crm.whoami()'), 'anna', 'a connection gives a token');
    unlike(sql('SELECT crm.whoami(); SHOW crm.token'), qr/\Q$secret{'identity token'}\E/, 'SHOW does not tell it');
    is(sql("SELECT crm.whoami() \\g /dev/null\nSELECT count(*) FROM pg_settings WHERE concat(setting, boot_val, reset_val) LIKE '%eyJ%'"), 0, 'nor does pg_settings');
}
sub bad
{
    my ($token) = @_;
    my ($out, $err) = ('', '');
    IPC::Run::run([ 'psql', '-XAt', '-d', $node->connstr('postgres') . " user=pool options='-c crm.token=$token'", '-c', 'SELECT * FROM crm.whoami()' ], '<', \undef, '>', \$out, '2>', \$err);
    push @errors, "$out$err";
    return;
}
bad("$secret{'identity token'}x");
bad(substr($secret{'identity token'}, 0, -8));
$secret{'part of the identity token'} = substr($secret{'identity token'}, 30, 40);
(my $middle = $button) =~ s/^.{10}(.{20}).*/$1/s;
$secret{'part of the token of a button'} = $middle;

# errors that quote what they are given
fails('SELECT crm.backfill_room(\'deals\', \'kpi\')');
fails('SELECT crm.disown(\'deals\')', extra_params => [ '-U', 'anna' ]);

# what is left: the keys of the server's own file
my @keys = map { (split)[2] } grep { !/^#/ } split /^/, slurp_file($node->data_dir . '/crm_token.keys');
$secret{"key $_ of tokens"} = $keys[$_] for 0 .. $#keys;

$activity .= sql("SELECT string_agg(query, E'\\n') FROM pg_stat_activity WHERE pid <> pg_backend_pid()");
my $statements = sql('SELECT string_agg(query, E\'\\n\') FROM pg_stat_statements');
my ($dump) = run_command([ 'pg_dump', '-d', $node->connstr('postgres') ]);
like($dump, qr/^CREATE EXTENSION/m, 'the dump is one');
my ($globals) = run_command([ 'pg_dumpall', '-d', $node->connstr('postgres'), '--globals-only' ]);
my $export = sql('SELECT crm.export_config()');
$daemon->signal('TERM');
$daemon->finish;
$node->stop;

# rows are in a dump; so are messages that wait or were sent, with their buttons (docs/security.md)
(my $other_tables = $dump) =~ s/^COPY crm\.delivery_(?:queue|history).*?^\\\.$//gms;
my %place = (
    'the dump, messages apart' => $other_tables, 'the dump of roles' => $globals, 'the configuration as a document' => $export, 'the log of the server' => slurp_file($node->logfile),
    'pg_stat_activity' => $activity, 'pg_stat_statements' => $statements, 'errors' => join("\n", @errors), "crmd's journal" => slurp_file($journal),
    'what crmd check and secret set print' => "$check\n$set");
for my $place (sort keys %place)
{
    cmp_ok(length $place{$place}, '>', 20, "$place: there is something to read");
    my @found = grep { index($place{$place}, $secret{$_}) >= 0 } sort keys %secret;
    is(join(', ', @found), '', "$place: no secret") or diag(join "\n", map { my $s = $secret{$_}; grep { index($_, $s) >= 0 } split /\n/, $place{$place} } @found);
}
(my $messages = $dump) =~ s/.*?^(COPY crm\.delivery_queue.*?^\\\.$).*/$1/ms;
is(join(', ', grep { !/button/ && index($messages, $secret{$_}) >= 0 } sort keys %secret), '', 'a dump\'s messages: no secret but their buttons');
# a row's text is in the table, in the dump, and where the owner looks why a backfill failed
for my $place ('the log of the server', 'pg_stat_activity', 'pg_stat_statements', "crmd's journal", 'the configuration as a document')
{
    unlike($place{$place}, qr/canary7row/, "$place: no text of a row");
}
$receiver->stop;
done_testing();
