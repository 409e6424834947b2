# pg_dump by somebody who does not see all rows fails, or shows his rows alone; a superuser's is whole.
use strict;
use warnings;
use lib '.';
use PostgreSQL::Test::Utils;
use TeamDatabase;
use Test::More;

my $team = TeamDatabase->new('attack_dump');
my $node = $team->node;
$team->run(<<'SQL');
CREATE ROLE boss LOGIN;
CREATE ROLE anna LOGIN;
SELECT crm.create_unit('acme', 'Acme', 'business');
SELECT crm.create_unit('north'), crm.create_unit('south');
SELECT crm.create_principal('boss', role_name => 'boss'), crm.create_principal('anna', role_name => 'anna');
SELECT crm.create_role('reader');
SELECT crm.grant_privilege('reader', '*', 'read', 'below');
SELECT crm.add_member('anna', 'north', 'reader');
CREATE TABLE deals (id integer PRIMARY KEY, region text, note text);
INSERT INTO deals VALUES (1, 'north', 'seen'), (2, 'south', 'hidden'), (3, NULL, 'hidden');
ALTER TABLE deals OWNER TO boss;
GRANT SELECT ON deals TO anna;
SELECT crm.protect('deals', '{"organisation": "region"}');
SQL

sub dump_as {
    my ($role, @options) = @_;
    my ($out, $err) = run_command([ 'pg_dump', '-h', $node->host, '-p', $node->port, '-d', 'team', '-U', $role, '-t', 'public.deals', @options ]);
    return ($out, $err);
}

for my $role ('anna', 'boss') {
    my ($out, $err) = dump_as($role, '-a');
    like($err, qr/query would be affected by row-level security policy for table "deals"/, "pg_dump as $role fails, owner or not");
    unlike($out, qr/seen|hidden/, "and shows $role nothing");
}
my ($out, $err) = dump_as('anna', '-a', '--enable-row-security');
is($err, '', 'with --enable-row-security it works');
like($out, qr/^1\tnorth\tseen$/m, 'and has the rows that are visible');
unlike($out, qr/hidden/, 'and no others');
($out) = dump_as('anna', '-a', '--enable-row-security', '--inserts');
like($out, qr/INSERT INTO public\.deals VALUES \(1, /, 'as INSERTs too');
unlike($out, qr/hidden/, 'and no others');
($out, $err) = dump_as($node->safe_psql('postgres', 'SELECT current_user'), '-a');
is($err, '', 'a superuser\'s is whole');
is(scalar(() = $out =~ /hidden/g), 2, 'and has every row');

# The organisation itself is not for everybody either.
($out, $err) = run_command([ 'pg_dump', '-h', $node->host, '-p', $node->port, '-d', 'team', '-U', 'anna', '-t', 'crm.membership', '-a' ]);
like($err, qr/permission denied for table membership/, 'nor does she dump who is a member of what');

done_testing();
