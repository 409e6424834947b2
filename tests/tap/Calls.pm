# Calls: one of each public call that writes, written so that it works in the world of tests/tap/calls_world.sql. tests/tap/calls.txt has them, a line
# for each; that none is missing is what tests/tap/locks.pl asks the catalogue and the pages.
#
#   Calls::load_world($team)
#   my %sql = Calls::all()
package Calls;

use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;

sub load_world {
    my ($team) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($status, $out, $err) = $team->node->psql('team', "SET client_min_messages = warning;\n" . slurp_file("$ENV{CRM_STAGE}/tests/tap/calls_world.sql"), on_error_stop => 1);
    return is($err, '', 'a world is made');
}

sub all { return map { /^([a-z_]+): (.*)$/ ? ($1 => $2) : () } split /\n/, slurp_file("$ENV{CRM_STAGE}/tests/tap/calls.txt") }

1;
