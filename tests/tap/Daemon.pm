# crmd and its database for tests of delivery: a server with the extension, endpoints, messages, daemons and what became of
# each message.
package Daemon;
use strict;
use warnings;
use Cwd;
use FindBin;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Support qw(wait_until private_file replace_file enough_locks);

# conf: lines of postgresql.conf; init: arguments of init; faulty: the server's disk and clock obey disk_full and clock; retry: how long a try waits after the one before; body: of messages.
sub new
{
    my ($class, %arg) = @_;
    my $node = PostgreSQL::Test::Cluster->new('main');
    $node->init(%{ $arg{init} // {} });
    $node->append_conf('postgresql.conf', "max_connections = 40\n" . enough_locks() . ($arg{conf} // ''));
    my $self = bless { node => $node, dir => PostgreSQL::Test::Utils::tempdir, alerts => 0, retry => $arg{retry} // '100 ms',
        body => $arg{body} // '{}' }, $class;
    $self->{environment} = { $arg{faulty} ? $self->faulty : () };
    $self->start_server;
    $node->safe_psql('postgres', q{
        CREATE SCHEMA crm;
        CREATE EXTENSION crm SCHEMA crm;
        CREATE ROLE daemon LOGIN;
        SELECT crm.grant_daemon('daemon');
        CREATE TABLE blind (audience text);
        GRANT SELECT ON blind TO PUBLIC;
        -- whom a message may be shown to is tested elsewhere: here everybody may see everything, but who is blind
        CREATE OR REPLACE FUNCTION crm.audience_may(audience text, units text[]) RETURNS boolean LANGUAGE sql AS
            'SELECT NOT EXISTS (SELECT FROM public.blind b WHERE b.audience = audience_may.audience)';
    });
    return $self;
}

sub start_server { my ($self) = @_; local %ENV = (%ENV, %{ $self->{environment} }); $self->{node}->start; return }

# The environment of a program whose disk and clock are in the hands of the test: see faulty_machine.c.
sub faulty
{
    my ($self) = @_;
    my $folder = Cwd::abs_path($self->{dir});
    my $library = "$folder/faulty_machine.so";
    -e $library or system(qw(cc -O1 -D_GNU_SOURCE -shared -fPIC -o), $library, "$FindBin::RealBin/faulty_machine.c", '-ldl') == 0
        or die "no faulty machine\n";
    # sanitizers want to be the first library: theirs need not be
    return (LD_PRELOAD => $library, FAULTY_MACHINE => $folder, ASAN_OPTIONS => ($ENV{ASAN_OPTIONS} // '') . ':verify_asan_link_order=0');
}

sub wal_full { my ($self, $full) = @_; return $full ? $self->write_file('wal', '') : unlink "$self->{dir}/wal" }

sub disk_full { my ($self, $full) = @_; return $full ? $self->write_file('full', '') : unlink "$self->{dir}/full" }

# Sets the clock of what was started so, by this many seconds; in one step.
sub clock { my ($self, $seconds) = @_; replace_file("$self->{dir}/clock", $seconds); return }

sub sql { my ($self, $query) = @_; return $self->{node}->safe_psql('postgres', $query) }

sub write_file { my $self = shift; return private_file($self->{dir}, @_) }

# Endpoints of the same name as their section; waits are short, and rests are far away.
sub endpoint
{
    my ($self, @names) = @_;
    $self->sql("INSERT INTO crm.endpoint (endpoint, kind, audience, secret_ref, retries, max_age, breaker_after, created_by)
        VALUES ('$_', 'webhook', 'someone', '$_', array_fill(interval '$self->{retry}', ARRAY[90]), interval '1 day', 1000, 'test')") for @names;
}

# A message's name is its id; each has an alert of its own.
sub queue
{
    my ($self, $endpoint, @names) = @_;
    $self->sql(join '', map { $self->{alerts}++; "INSERT INTO crm.delivery_queue (message_id, alert, transition, type, rule, unit, units,
            endpoint, audience, body)
        VALUES ('$_', $self->{alerts}, 1, 'alert.firing', 'r', 'u', '{u}', '$endpoint', 'someone', '$self->{body}');" } @names);
}

sub row
{
    my ($self, $columns, $name) = @_;
    return $self->sql("SELECT $columns FROM crm.delivery WHERE message_id = '$name'");
}

# What became of messages, as "name state attempts arrivals".
sub fates
{
    my ($self, $receiver, @names) = @_;
    my %arrivals = $receiver->arrivals;
    my %row = map { split /\|/, $_, 2 } split /\n/, $self->sql("SELECT message_id, state || ' ' || attempt FROM crm.delivery");
    return map { "$_ " . ($row{$_} // 'lost') . ' ' . ($arrivals{$_} // 0) } @names;
}

sub state { my ($self, $name) = @_; return $self->row('state', $name) }
sub attempt { my ($self, $name) = @_; return $self->row('attempt', $name) }
sub detail { my ($self, $name) = @_; return $self->row('detail', $name) }

sub config
{
    my ($self, $name, %options) = @_;
    %options = (dsn => $self->{node}->connstr('postgres') . ' user=daemon', worker => $name, secrets => "$self->{dir}/secrets.ini",
        allow_private => 'yes', timeout_s => 1, lease_s => 2, poll_ms => 10, idle_ms => 50, stop_s => 5, %options);
    return $self->write_file("$name.ini", join '', "[crmd]\n", map { defined $options{$_} ? "$_ = $options{$_}\n" : () } sort keys %options);
}

sub run_crmd
{
    my ($self, $stdin, @arguments) = @_;
    my ($out, $err) = ('', '');
    IPC::Run::run([ $ENV{CRMD}, @arguments ], \$stdin, \$out, \$err, IPC::Run::timeout(60));
    return ($? >> 8, $out, $err);
}

# In the background, logging to a file.
sub start
{
    my ($self, $config, %environment) = @_;
    my $log = "$config.log";
    local %ENV = (%ENV, %environment);
    $self->{logs}{$log} = 1;
    my $handle = IPC::Run::start([ $ENV{CRMD}, '-c', $config, 'run' ], '<', \undef, '>', '/dev/null', '2>>', $log);
    return { handle => $handle, log => $log, pid => $handle->{KIDS}[0]{PID} };
}

# How often it has said this.
sub said { my ($self, $daemon, $pattern) = @_; return scalar(() = slurp_file($daemon->{log}) =~ /$pattern/g) }

# SIGHUP; whether it has said so once more: reloaded, reload-refused, restart-needed.
sub hup
{
    my ($self, $daemon, $event) = @_;
    my $before = $self->said($daemon, qr/ event=$event /);
    kill 'HUP', $daemon->{pid};
    return wait_until { $self->said($daemon, qr/ event=$event /) > $before };
}

# What the daemons said last, for whoever looks why a test failed.
sub tell
{
    my ($self) = @_;
    for my $log (sort keys %{ $self->{logs} })
    {
        my @lines = split /^/, slurp_file($log);
        print STDERR "# $log\n", map { "#   $_" } @lines > 25 ? @lines[ -25 .. -1 ] : @lines;
    }
    return 1;
}

sub stop
{
    my ($self, $daemon, $signal) = @_;
    kill $signal // 'TERM', $daemon->{pid};
    $daemon->{handle}->finish;
    return $daemon->{handle}->result(0);
}

1;
