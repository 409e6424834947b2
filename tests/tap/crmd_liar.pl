#!/usr/bin/perl
# A server that is none: it lets crmd in and answers its first question by what nobody asked. crmd gives each connection up, goes on trying, and stops when told to.
# A table whose schema crmd may not use, both named by 63 quotes, is filled.
use strict;
use warnings;
use IO::Socket::INET;
use POSIX ();
use PostgreSQL::Test::Utils;
use Test::More;
use Daemon;
use Support qw(wait_until);

sub message { my ($type, $body) = @_; return $type . pack('N', 4 + length $body) . $body }
my $ready = message('Z', 'I');
my $bound = message(1, '') . message(2, '');
my $columns = sub { my ($count) = @_; message('T', pack('n', $count) . join '', map { "c\0" . pack 'NnNnNn', 0, 0, 25, -1, -1, 0 } 1 .. $count) };
my $row = sub { message('D', pack('n', scalar @_) . join '', map { pack('N', length) . $_ } @_) };
my $done = message('C', "SELECT 1\0") . $ready;
my @lies = (
    $bound . message('H', pack('Cn', 0, 0)),                                # COPY out
    $bound . message('G', pack('Cn', 0, 0)),                                # COPY in
    $bound . message('W', pack('Cn', 0, 0)),                                # both
    $bound . $columns->(3) . $row->('', '', 'crm') . $done,                 # too few columns
    $bound . $columns->(0) . $row->() . $done,                              # none
    $bound . message('n', '') . $done,                                      # no rows
    $bound . $columns->(6) . $done,
    $bound . $columns->(6) . $row->(('x') x 6) x 2 . $done,                 # two of them
    message('D', pack 'n', 1),                                              # a row of nothing
    "\0" x 100, 'HTTP/1.1 400 Bad Request' . "\r\n\r\n");

my $d = Daemon->new;
my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 50) or die $!;
my $liar = fork // die $!;
if (!$liar) {
    for (my $told = 0; my $client = $listener->accept; $told++) {
        next if fork;
        $SIG{ALRM} = sub { POSIX::_exit(0) };
        alarm 60;
        sysread $client, my $start, 10000;
        syswrite $client, message('R', pack 'N', 0) . join('', map { message('S', "$_\0") } "server_version\00015.0", "in_hot_standby\0off", "default_transaction_read_only\0off") . $ready;
        sysread $client, my $question, 10000;
        syswrite $client, $lies[ $told % @lies ];
        1 while sysread $client, my $rest, 10000;
        POSIX::_exit(0);
    }
    POSIX::_exit(0);
}
my $lied = $d->start($d->config('lied', dsn => 'host=127.0.0.1 port=' . $listener->sockport . ' dbname=postgres user=daemon sslmode=disable gssencmode=disable',
    connect_timeout_s => 2));
my $heard = ok(wait_until { $d->said($lied, qr/event=connection-lost/) >= 2 * @lies }, 'each lie has been heard, and it goes on') or $d->tell;
cmp_ok($d->said($lied, qr/error="the server answers what was not asked"/), '>=', 5, 'it says so');
is($d->said($lied, qr/event=connected/), 0, 'such a server is none');
is($d->stop($lied, $heard ? 'TERM' : 'KILL'), 0, 'it stops when told to');
kill 'TERM', $liar;
waitpid $liar, 0;

my $quotes = '"' . '""' x 63 . '"';
$d->sql(qq{CREATE SCHEMA $quotes;
    CREATE TABLE $quotes.$quotes (id integer PRIMARY KEY, name text);
    INSERT INTO $quotes.$quotes VALUES (1, 'Ann');
    SELECT crm.adopt('$quotes.$quotes', 'customer', columns => '{"full_name": "name"}')});
my $daemon = $d->start($d->config('long'));
ok(wait_until { $d->sql('SELECT count(*) FROM crm.customer_record') == 1 }, 'a table is filled whose schema is closed to crmd and whose name is all quotes') or $d->tell;
is($d->stop($daemon), 0, 'stopped');

done_testing();
