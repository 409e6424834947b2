# crmd and its database for tests of delivery: a server with the extension, endpoints, messages, daemons and what became of
# each message.
package Daemon;
use strict;
use warnings;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Support qw(private_file);

# conf: lines of postgresql.conf; retry: how long a try waits after the one before; body: of messages.
sub new
{
    my ($class, %arg) = @_;
    my $node = PostgreSQL::Test::Cluster->new('main');
    $node->init;
    $node->append_conf('postgresql.conf', $arg{conf}) if $arg{conf};
    $node->start;
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
    return bless { node => $node, dir => PostgreSQL::Test::Utils::tempdir, alerts => 0, retry => $arg{retry} // '100 ms', body => $arg{body} // '{}' }, $class;
}

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
    return $self->sql("SELECT $columns FROM (SELECT message_id, state, attempt, detail FROM crm.delivery_history
        UNION ALL SELECT message_id, state, attempt, detail FROM crm.delivery_queue) d WHERE message_id = '$name'");
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
    my ($self, $config) = @_;
    my $log = "$config.log";
    my $handle = IPC::Run::start([ $ENV{CRMD}, '-c', $config, 'run' ], '<', \undef, '>', '/dev/null', '2>>', $log);
    return { handle => $handle, log => $log, pid => $handle->{KIDS}[0]{PID} };
}

sub stop
{
    my ($self, $daemon, $signal) = @_;
    kill $signal // 'TERM', $daemon->{pid};
    $daemon->{handle}->finish;
    return $daemon->{handle}->result(0);
}

1;
