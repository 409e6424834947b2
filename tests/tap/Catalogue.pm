# What tests of updates compare of two databases: every catalogue entry of the extension, and what people see of the data of
# tests/upgrade/data.sql.
package Catalogue;
use strict;
use warnings;
use Exporter 'import';

our @EXPORT_OK = qw(catalogue differences seen);

# As a hash of "kind name" to content (tests/upgrade/catalogue.sql).
sub catalogue
{
    my ($team) = @_;
    my $out = $team->run("\\i $ENV{CRM_STAGE}/tests/upgrade/catalogue.sql\n"
        . q(SELECT translate(kind || E'\x01' || name || E'\x02' || content, E'\n', E'\x03') FROM catalogue ORDER BY 1));
    my %entries;
    for my $line (split /\n/, $out)
    {
        my ($key, $content) = split /\x02/, $line, 2;
        $key =~ s/\x01/ /;
        $entries{$key} = $content // '';
    }
    return \%entries;
}

# The keys that one of two hashes has and the other has not, or otherwise.
sub differences
{
    my ($one, $two) = @_;
    my %keys = map { $_ => 1 } keys %$one, keys %$two;
    return sort grep { ($one->{$_} // "\0") ne ($two->{$_} // "\0") } keys %keys;
}

# Nothing that depends on the clock.
my %shown = (
    customers => 'SELECT relation::text, record_key, customer_id FROM crm.customer_record ORDER BY 1, 2',
    units => 'SELECT * FROM crm.unit ORDER BY unit',
    members => 'SELECT principal, unit, role FROM crm.membership ORDER BY 1, 2, 3',
    numbers => 'SELECT kpi_key, day, unit_key, stage, channel, owner, currency, numerator, denominator, value, state FROM crm_bi.kpi_value ORDER BY 1, 2, 3, 4, 5, 6',
    counted => q(SELECT value, state FROM crm.kpi_total('half')),
    history => 'SELECT * FROM crm.transition_log ORDER BY id',
    journeys => q(SELECT f.funnel, j.journey::text FROM crm.funnel f CROSS JOIN LATERAL crm.total_journey(f.funnel) j ORDER BY 1, 2),
    closed => 'SELECT * FROM crm.kpi_closing ORDER BY closing',
    merges => 'SELECT * FROM crm.merge_log',
    configuration => 'SELECT jsonb_pretty(crm.export_config())',
    policies => q(SELECT polrelid::regclass, polname, pg_get_expr(polqual, polrelid) FROM pg_policy WHERE polrelid::regclass::text LIKE 'shop.%' ORDER BY 1, 2),
    triggers => q(SELECT pg_get_triggerdef(oid), tgenabled FROM pg_trigger WHERE tgrelid::regclass::text LIKE 'shop.%' AND NOT tgisinternal ORDER BY 1),
    columns => 'SELECT id, mail, entered FROM shop.deals ORDER BY id',
    index => q(SET enable_seqscan = off; SELECT id FROM shop.deals WHERE mail OPERATOR(crm.=) '7@example.com'),
);

sub seen { my ($team) = @_; return { map { $_ => $team->run($shown{$_}) } keys %shown } }

1;
