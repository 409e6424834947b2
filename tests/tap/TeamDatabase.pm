# TeamDatabase: a server with a team's database in it, crm installed beside the team's tables.
#
#   my $team = TeamDatabase->new('sales');            a server of its own, stopped at the end of the test
#   $team->run($sql)                                  as superuser; dies where it fails
#   $team->prints($sql, $expected, $what)                 one test: what the query prints, columns separated by |
#   $team->refused($sql, $sqlstate, $like, $what)     one test: the error's SQLSTATE and text
#   $team->load('sales/accounts.csv', 'accounts', $options)
#   $team->adopt_and_fill($table, $arguments)         one test: adopted, backfilled, every room ready
#   TeamDatabase->require_data('sales')               skips the whole test where the real data is absent
package TeamDatabase;

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

sub require_data {
    my ($class, $folder) = @_;
    my $data = $ENV{CRM_DATA} // '';
    plan skip_all => "no real data: CRM_DATA=$data has no folder $folder" unless -d "$data/$folder";
    return;
}

sub new {
    my ($class, $name) = @_;
    my $node = PostgreSQL::Test::Cluster->new($name);
    $node->init;
    $node->append_conf('postgresql.conf', "fsync = off\ntimezone = 'UTC'\nmax_prepared_transactions = 10\nlog_statement = none\n");
    $node->start;
    my $self = bless { node => $node, database => 'team' }, $class;
    $node->safe_psql('postgres', 'CREATE DATABASE team');
    $self->run('CREATE SCHEMA crm; CREATE EXTENSION crm SCHEMA crm;');
    return $self;
}

sub node { return $_[0]{node} }

sub run {
    my ($self, $sql) = @_;
    return $self->{node}->safe_psql($self->{database}, $sql);
}

sub prints {
    my ($self, $sql, $expected, $what) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($status, $out, $err) = $self->{node}->psql($self->{database}, $sql);
    return is($status == 0 ? $out : "ERROR $err", $expected, $what);
}

sub refused {
    my ($self, $sql, $sqlstate, $like, $what) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($status, $out, $err) = $self->{node}->psql($self->{database}, "\\set VERBOSITY verbose\n$sql");
    my $ok = $status != 0 && $err =~ /ERROR:  \Q$sqlstate\E: / && $err =~ $like;
    ok($ok, $what) or diag("status $status\n$out$err");
    return $ok;
}

sub load {
    my ($self, $file, $table, $options) = @_;
    $options = defined $options ? ", $options" : '';
    return $self->run("\\copy $table FROM '$ENV{CRM_DATA}/$file' WITH (FORMAT csv, HEADER$options)");
}

sub adopt_and_fill {
    my ($self, $table, $arguments) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($status, $out, $err) = $self->{node}->psql($self->{database}, <<"SQL", on_error_stop => 1);
SELECT * FROM crm.adopt('$table', $arguments);
CALL crm.backfill('$table');
SQL
    return fail("$table is adopted and filled") || diag($err) if $status != 0;
    return $self->prints("SELECT room, state, error FROM crm.filling WHERE relation = '$table'::regclass AND state <> 'ready'",
        '', "$table is adopted and filled");
}

1;
