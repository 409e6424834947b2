# Tokens where a server of their own is needed: the configuration, a library that is loaded early, the log, the key file
# changed under sessions, other databases and encodings, a standby.
use strict;
use warnings;
use lib '.';
use Digest::SHA qw(hmac_sha256);
use IPC::Run;
use MIME::Base64 qw(encode_base64url);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use TeamDatabase;
use Test::More;

my $team = TeamDatabase->new('token');
my $node = $team->node;
my $keys = $node->data_dir . '/crm_token.keys';

sub token_of {
    my ($subject, %options) = @_;
    my $secret = $options{secret} // 'the first secret of 32 bytes ...';
    my $audience = $options{audience} // 'team';
    my $expires = $options{expires} // 4_000_000_000;
    my $body = join '.', map { encode_base64url($_) } '{"alg":"HS256"}', qq({"sub":"$subject","exp":$expires,"aud":"$audience"});
    return "$body." . encode_base64url(hmac_sha256($body, $secret));
}

sub write_keys {
    my ($text, $mode, $path) = @_;
    $path //= $keys;
    open my $file, '>', "$path.tmp" or die "$path: $!";
    print {$file} $text;
    close $file;
    chmod $mode // oct('600'), "$path.tmp";
    rename "$path.tmp", $path or die "$path: $!";
    return;
}

sub secret_line { return "HS256 $_[0] " . encode_base64url($_[1]) . "\n"; }
write_keys(secret_line('one', 'the first secret of 32 bytes ...'));

# As a role, with what the connection gives, in another database perhaps: what the query prints, or the error.
sub asks {
    my ($sql, %options) = @_;
    my $server = $options{node} // $node;
    my $connstr = sprintf q(host='%s' port=%d dbname=%s user=%s options='%s'), $server->host, $server->port,
        $options{database} // 'team', $options{role} // 'carl', $options{given} // '';
    my ($status, $out, $err) = $server->psql('', $sql, connstr => $connstr);
    return $status == 0 ? $out : "ERROR $err";
}
my $who = q(SELECT coalesce(principal, 'nobody'), identified_by, problem FROM crm.whoami(););

my $world = <<'SQL';
SELECT crm.create_unit('acme', 'Acme Ltd', 'business');
SELECT crm.create_principal('anna'), crm.create_principal('bob'), crm.create_principal('carl', role_name => 'carl');
SQL
$team->run('CREATE ROLE carl LOGIN;');
$team->run($world);
my ($anna, $bob) = (token_of('anna'), token_of('bob'));
my $forged = token_of('anna', secret => 'another secret than the first ..');

is(asks($who), 'carl|role|', 'without a token the role asks');
is(asks($who, given => "-c crm.token=$anna"), 'anna|token|', 'a token given with the connection');
my $other_key = 'nobody|token|No key of the key file made the token\'s signature.';
is(asks($who, given => "-c crm.token=$forged"), $other_key, 'a forged one is nobody');

# The library loaded before the session begins, in two ways: the same answers.
for my $preload ('session_preload_libraries', 'shared_preload_libraries') {
    $node->append_conf('postgresql.conf', "$preload = 'crm'");
    $node->restart;
    is(asks($who), 'carl|role|', "$preload: without a token the role asks");
    is(asks($who, given => "-c crm.token=$anna"), 'anna|token|', "$preload: a token given with the connection");
    is(asks($who, given => "-c crm.token=$forged"), $other_key, "$preload: a forged one is nobody");
    is(asks("SET crm.token = '$bob'; $who", given => '-c crm.token=x'), 'bob|token|', "$preload: the session's own counts before it");
    my $given = asks($who, given => '-c crm.require_local_token=off');
    if ($preload =~ /^shared/) {
        like($given, qr/permission denied to set parameter "crm.require_local_token"/, "$preload: such a connection is refused");
    }
    else {
        like(asks("BEGIN; SET crm.token = '$anna'; COMMIT; $who", given => '-c crm.require_local_token=off'), qr/^carl\|role\|$/,
            "$preload: tokens of such a connection are local");
    }
    $node->append_conf('postgresql.conf', "$preload = ''");
}

# In a file everybody could read it. Postgres may take it there; it is nobody's identity.
for my $preload ('', 'crm') {
    $node->append_conf('postgresql.conf', "shared_preload_libraries = '$preload'\ncrm.token = '$anna'");
    $node->restart;
    is(asks($who), 'nobody|token|The token stands in a file or with a role or database, where others can read it.',
        "a token in postgresql.conf is nobody ('$preload' preloaded)");
    is(asks("SET crm.token = '$bob'; $who"), 'bob|token|', 'a session\'s own counts before it');
    $node->append_conf('postgresql.conf', "crm.token = ''");
    $node->reload;
    ok($node->poll_query_until('postgres', q(SELECT coalesce(current_setting('crm.token', true), '') = '')), 'taken out again');
}
$node->append_conf('postgresql.conf', q(shared_preload_libraries = ''));
$node->restart;

# What the configuration says of tokens.
{
    write_keys(secret_line('one', 'a secret that stands elsewhere..'), oct('600'), $node->data_dir . '/elsewhere');
    $node->append_conf('postgresql.conf', "crm.token_key_file = 'elsewhere'\ncrm.token_audience = 'urn:acme'\ncrm.require_local_token = on");
    $node->reload;
    my $elsewhere = token_of('anna', secret => 'a secret that stands elsewhere..', audience => 'urn:acme');
    ok($node->poll_query_until('postgres', q(SELECT current_setting('crm.token_key_file', true) = 'elsewhere')), 'reloaded');
    is(asks("BEGIN; SET crm.token = '$elsewhere'; $who COMMIT; $who"), "anna|token|\ncarl|role|", 'key file, audience, local tokens');
    is(asks("BEGIN; SET crm.token = '$anna'; $who COMMIT;"), $other_key, 'the other file no longer counts');
    $node->append_conf('postgresql.conf', "crm.token_key_file = 'crm_token.keys'\ncrm.token_audience = ''\ncrm.require_local_token = off");
    $node->restart;
}

# Nothing of a token reaches the log but by the statement's own text, and the reason for a bad file stands there once.
sub log_since { return slurp_file($node->logfile, $_[0]); }
{
    my $offset = -s $node->logfile;
    like(asks("SET log_min_error_statement = panic; $who SET crm.token = '$forged';", role => 'postgres'),
        qr/ERROR:  crm.token is refused\nDETAIL:  No key of the key file/, 'refused with the reason');
    unlike(log_since($offset), qr/\Q@{[substr $forged, 0, 10]}\E/, 'the log does not show it');
    like(log_since($offset), qr/crm.token is refused/, 'the log shows the error');

    for ([ oct('644'), secret_line('one', 'the first secret of 32 bytes ...'), qr/must belong to the server's user with mode 0600/ ],
        [ oct('600'), "# one\nHS256 one c2hvcnQ\n", qr/line 2: the secret of an HS256 key has at least 32 bytes/ ],
        [ oct('600'), '#' x 40_000, qr/longer than 32 kB/ ],
        [ oct('000'), secret_line('one', 'the first secret of 32 bytes ...'), qr/it could not be opened/ ]) {
        my ($mode, $text, $reason) = @{$_};
        $offset = -s $node->logfile;
        write_keys($text, $mode);
        my $answer = 'nobody|token|The key file cannot be used; the server\'s log says why.';
        is(asks("$who $who $who", given => "-c crm.token=$anna"), join("\n", ($answer) x 3), "unusable: $reason");
        my @lines = grep { /could not use key file "crm_token.keys" of crm: / } split /\n/, log_since($offset);
        is(scalar @lines, 1, 'said once in the log');
        like($lines[0], $reason, 'with the reason');
        unlike(log_since($offset), qr/c2hvcnQ|dGhlIGZpcnN0/, 'and nothing of a secret');
    }
    unlink $keys;
}

# Administrators who rotate at once: each key is made, one after the other; the last two live.
{
    my @children;
    for my $n (1 .. 6) {
        my ($out, $err) = ('', '');
        my $run = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('team'), '-c', 'SELECT crm.rotate_token_key()' ],
            '<', \undef, '>', \$out, '2>', \$err);
        push @children, [ $run, \$out, \$err ];
    }
    my %ids;
    for (@children) {
        my ($run, $out, $err) = @{$_};
        $run->finish;
        is($$err, '', 'rotated');
        chomp $$out;
        $ids{$$out}++;
    }
    is(scalar keys %ids, 6, 'each made a key of its own');
    my @live = slurp_file($keys) =~ /^HS256 (\S+) /mg;
    is(scalar @live, 2, 'two of them live');
    ok($ids{ $live[0] } && $ids{ $live[1] }, 'the last ones');
    is((stat $keys)[2] & oct('7777'), oct('600'), 'only the server reads the file');
    ok(!-e "$keys.new", 'nothing is left over');
}

# Another database of the server: its own audience, its own principals, whatever its encoding.
write_keys(secret_line('one', 'the first secret of 32 bytes ...'));
for my $encoding ('LATIN1', 'SQL_ASCII') {
    my $database = lc "in_$encoding";
    $node->safe_psql('postgres', "CREATE DATABASE $database ENCODING '$encoding' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'");
    $node->safe_psql($database, "SET client_encoding = 'UTF8'; CREATE SCHEMA crm; CREATE EXTENSION crm SCHEMA crm; $world SELECT crm.create_principal(E'zo\\u00eb');")
        if $encoding eq 'LATIN1';
    $node->safe_psql($database, "CREATE SCHEMA crm; CREATE EXTENSION crm SCHEMA crm; $world SELECT crm.create_principal(E'zo\\xc3\\xab');")
        if $encoding eq 'SQL_ASCII';
    my $utf8 = $encoding eq 'LATIN1' ? q(SET client_encoding = 'UTF8';) : '';
    is(asks("SET crm.token = '$anna'; $who", database => $database), 'nobody|token|The token is for another database: none of its audiences is "' . $database . '".',
        "$encoding: a token of another database");
    is(asks("$utf8 SET crm.token = '" . token_of("zo\xc3\xab", audience => $database) . "'; $who", database => $database), "zo\xc3\xab|token|",
        "$encoding: a subject beyond ASCII");
    is(asks("$utf8 SELECT crm.issue_token(E'zo" . ($encoding eq 'LATIN1' ? '\\u00eb' : '\\xc3\\xab') . "') AS t \\gset\nSET crm.token = :'t'; $who", database => $database, role => 'postgres'),
        "zo\xc3\xab|token|", "$encoding: issued by itself");
    like(asks("$utf8 SET crm.token = '" . token_of("zo\xe5\xad\x97", audience => $database) . "'; $who", database => $database),
        qr/^nobody\|token\|The token's subject ".+" is neither key nor alias of a principal\.$/, "$encoding: a subject that the encoding lacks, or nobody's");
}

# A standby has the file that was copied with it, and follows what happens to its own.
{
    $node->append_conf('postgresql.conf', "wal_level = replica\nmax_wal_senders = 4\nhot_standby = on");
    $node->append_conf('pg_hba.conf', 'local replication all trust');
    $node->restart;
    $node->backup('base');
    my $standby = PostgreSQL::Test::Cluster->new('token_standby');
    $standby->init_from_backup($node, 'base', has_streaming => 1);
    $standby->start;
    my $its_keys = $standby->data_dir . '/crm_token.keys';
    is(slurp_file($its_keys), slurp_file($keys), 'the backup took the key file along');
    is((stat $node->backup_dir . '/base/crm_token.keys')[2] & oct('77'), 0, 'and only the server reads it');
    chmod oct('600'), $its_keys;    # PostgreSQL::Test copied the backup once more, with other modes
    is(asks("SET crm.token = '$bob'; $who", node => $standby), 'bob|token|', 'standby: the same token');
    is(asks("SET crm.token = '$forged'; $who", node => $standby), $other_key, 'standby: a forged one');
    like(asks('SELECT crm.rotate_token_key()', node => $standby, role => 'postgres'), qr/the key file cannot be changed on a standby/,
        'standby: no rotation');
    $team->run('SELECT crm.rotate_token_key()');
    my $new = $team->run(q(SELECT crm.issue_token('bob')));
    like(asks("SET crm.token = '$new'; $who", node => $standby), qr/The token names a key that is not in the key file/, 'standby: a key that it has not got');
    write_keys(slurp_file($keys), oct('600'), $its_keys);
    is(asks("SET crm.token = '$new'; $who SET crm.token = '$bob'; $who", node => $standby), "bob|token|\nbob|token|", 'standby: copied, both live');
    $standby->stop;
}

done_testing();
