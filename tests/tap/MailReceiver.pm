# A mail server for tests, with core modules (and IO::Socket::SSL for TLS): a process for each connection.
#
# It listens on 127.0.0.1 and writes a line of JSON for each connection that ends, and one when a message has come to its point:
# n, event (message, end), commands (what was said, passwords as they came), secure, login ([mechanism, user, password]), from, to,
# message (the bytes after DATA, points undoubled, up to 100,000 of them), length.
#
# MODES are words, one for each connection, the last one stays; a word is parts with + between:
#   ok                nothing special
#   STAGE=ACTION      at greeting, ehlo, starttls, tls, ehlo2, auth, mail, rcpt1, rcpt2, data, end (after the point), quit
#                     ACTION: a code (450, 550 ...), hang, drop, garbage, or slow (half a second later, then as ever)
#   notls  noauth  auth:WORDS  cut    offers no STARTTLS; no AUTH; these mechanisms (, between); closes in the middle of the message
package MailReceiver;
use strict;
use warnings;
use IO::Socket::INET;
use JSON::PP;
use MIME::Base64 qw(decode_base64);
use POSIX ();
use Support qw(replace_file);
use Time::HiRes qw(sleep);
use parent 'Forked';

my $has_tls = eval { require IO::Socket::SSL; 1 };
sub has_tls { return $has_tls && system('command -v openssl >/dev/null 2>&1') == 0 }

# An authority and a certificate of it for 127.0.0.1, as files in a folder.
sub certificates
{
    my ($dir) = @_;
    open my $file, '>', "$dir/san" or die $!;
    print $file "subjectAltName=IP:127.0.0.1\n";
    close $file;
    my $new = 'openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes';
    for my $command ("$new -x509 -days 2 -subj /CN=authority -keyout '$dir/ca.key' -out '$dir/ca.pem'",
        "$new -subj /CN=mail -keyout '$dir/mail.key' -out '$dir/mail.csr'",
        "openssl x509 -req -in '$dir/mail.csr' -CA '$dir/ca.pem' -CAkey '$dir/ca.key' -CAcreateserial -days 2 -extfile '$dir/san' -out '$dir/mail.pem'")
    {
        system("$command >/dev/null 2>&1") == 0 or die "openssl failed: $command\n";
    }
}

# dir: where the certificate is and the log goes; implicit: TLS from the start.
sub start
{
    my ($class, %arg) = @_;
    my $name = $arg{name} // 'mail';
    my $self = bless { dir => $arg{dir}, implicit => $arg{implicit}, log => "$arg{dir}/$name.log", modes => "$arg{dir}/$name.modes" }, $class;
    $self->{listener} = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 64, ReuseAddr => 1) or die $!;
    $self->{port} = $self->{listener}->sockport;
    $self->modes('ok');
    $self->run_forked(sub { $self->serve });
    close delete $self->{listener};
    return $self;
}

sub modes
{
    my ($self, $modes) = @_;
    replace_file($self->{modes}, $modes);
}

sub next_mode
{
    my ($self) = @_;
    open my $file, '<', $self->{modes} or return 'ok';
    my ($mode, @rest) = split ' ', scalar <$file>;
    $self->modes("@rest") if @rest;
    return $mode;
}

sub serve
{
    my ($self) = @_;
    local $SIG{CHLD} = 'IGNORE';
    my $n = 0;
    while (my $socket = $self->{listener}->accept)
    {
        my $mode = $self->next_mode;
        $n++;
        next if fork; # the child says what it has to say and ends
        close $self->{listener};
        $SIG{ALRM} = sub { POSIX::_exit(0) };
        alarm 60;
        $self->{line} = { n => $n, commands => [], secure => JSON::PP::false, login => undef, from => undef, to => [], mode => $mode };
        $self->{mode} = { map { /^(\w+)[=:](.*)$/ ? ($1, $2) : ($_, 1) } split /\+/, $mode };
        eval { $self->talk($socket) };
        $self->note('end');
        POSIX::_exit(0);
    }
}

sub note
{
    my ($self, $event) = @_;
    open my $log, '>>', $self->{log} or die $!;
    syswrite $log, JSON::PP->new->latin1->canonical->encode({ %{ $self->{line} }, event => $event }) . "\n";
}

# What the mode says of a stage; dies where it ends there. True: something else than the usual was answered.
sub special
{
    my ($self, $stage) = @_;
    my $action = $self->{mode}{$stage} // return 0;
    sleep 0.5 if $action eq 'slow';
    sleep 3600 if $action eq 'hang';
    die "dropped\n" if $action eq 'drop';
    if ($action eq 'garbage')
    {
        $self->say("\x00\x01HTTP/1.1 200 OK");
        die "garbage\n";
    }
    return 0 if $action !~ /^\d+$/;
    $self->say("$action-5.1.1 no: $stage");
    $self->say("$action <ben\@receivers.example> alerts/Tr0ub4dor");
    return 1;
}

sub say { my ($self, $line) = @_; $self->{socket}->syswrite("$line\r\n") }

sub hear
{
    my ($self) = @_;
    my $end;
    while (($end = index $self->{buffer}, "\n") < 0)
    {
        die "closed\n" if !$self->{socket}->sysread($self->{buffer}, 16384, length $self->{buffer});
    }
    return substr $self->{buffer}, 0, $end + 1, '';
}

sub secure
{
    my ($self) = @_;
    my $dir = $self->{dir};
    $self->special('tls');
    $self->{socket} = IO::Socket::SSL->start_SSL($self->{socket}, SSL_server => 1, SSL_cert_file => "$dir/mail.pem", SSL_key_file => "$dir/mail.key")
        or die "no TLS\n";
    $self->{line}{secure} = JSON::PP::true;
}

sub log_in
{
    my ($self, $mechanism, $first) = @_;
    my $ask = sub { $self->say("334 $_[0]"); return $self->hear =~ s/\s+\z//r };
    my $plain = sub { return decode_base64($_[0]) };
    if ($mechanism eq 'PLAIN')
    {
        my (undef, $user, $password) = split /\0/, $plain->($first // $ask->(''));
        $self->{line}{login} = [ $mechanism, $user, $password ];
    }
    else
    {
        my $user = $plain->($first // $ask->('VXNlcm5hbWU6'));
        $self->{line}{login} = [ $mechanism, $user, $plain->($ask->('UGFzc3dvcmQ6')) ];
    }
    $self->say('235 2.7.0 in') if !$self->special('auth');
}

sub message
{
    my ($self) = @_;
    my $message = '';
    while ((my $line = $self->hear) ne ".\r\n")
    {
        $message .= $line =~ s/^\.//r;
        die "cut\n" if $self->{mode}{cut};
    }
    @{ $self->{line} }{qw(message length)} = (substr($message, 0, 100_000), length $message);
    $self->note('message');
    $self->say('250 2.0.0 queued') if !$self->special('end');
}

sub talk
{
    my ($self, $socket) = @_;
    my ($hellos, $receivers) = (0, 0);
    @$self{qw(socket buffer)} = ($socket, '');
    $self->secure if $self->{implicit};
    $self->say('220 mail.example ESMTP') if !$self->special('greeting');
    while (1)
    {
        my $command = $self->hear =~ s/\r?\n\z//r;
        push @{ $self->{line}{commands} }, $command;
        if ($command =~ /^EHLO /)
        {
            my $auth = ($self->{mode}{auth} // '') =~ /^[A-Z]/ ? $self->{mode}{auth} =~ tr/,/ /r : 'PLAIN LOGIN';
            next if $self->special($hellos++ == 0 ? 'ehlo' : 'ehlo2');
            $self->say("250-$_") for 'mail.example', 'SIZE 1000000', $self->{mode}{noauth} ? () : "AUTH $auth",
                $self->{mode}{notls} || $self->{line}{secure} || !$has_tls ? () : 'STARTTLS';
            $self->say('250 8BITMIME');
        }
        elsif ($command eq 'STARTTLS')
        {
            next if $self->special('starttls');
            $self->say('220 2.0.0 go ahead');
            $self->secure;
        }
        elsif ($command =~ /^AUTH (\S+)(?: (\S+))?$/) { $self->log_in($1, $2) }
        elsif ($command =~ /^MAIL FROM:<(.*)>/) { $self->{line}{from} = $1; $self->say('250 2.1.0 ok') if !$self->special('mail') }
        elsif ($command =~ /^RCPT TO:<(.*)>/) { push @{ $self->{line}{to} }, $1; $self->say('250 2.1.5 ok') if !$self->special('rcpt' . ++$receivers) }
        elsif ($command eq 'DATA')
        {
            next if $self->special('data');
            $self->say('354 end with a point');
            $self->message;
        }
        elsif ($command eq 'QUIT') { $self->say('221 2.0.0 bye') if !$self->special('quit'); return }
        else { $self->say('502 5.5.1 what') }
    }
}

# --- the test's side --------------------------------------------------------------------------------------------------

# Lines of the log so far, those of an event where it is named.
sub lines
{
    my ($self, $event) = @_;
    open my $file, '<', $self->{log} or return ();
    return grep { !defined $event || $_->{event} eq $event } map { JSON::PP->new->latin1->decode($_) } grep { /\n\z/ } <$file>;
}

sub messages { return $_[0]->lines('message') }

1;
