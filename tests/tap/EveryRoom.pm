# EveryRoom: a team's database with something in every room of crm (tests/upgrade/data.sql), and what people see of it.
#   load_rooms($team)          loads it; dies where it fails
#   seen($team)                a hash of what is seen, nothing of which depends on the clock, nor on whether clocks of service levels are settled
#   same($team, $seen, $what)  a test for each thing seen: as before
#   goes_on($team, $what)      two tests: after more writes, merges taken back, a fold, numbers are those of the tables, and history grows
package EveryRoom;
use strict;
use warnings;
use Exporter 'import';
use Test::More;
our @EXPORT = qw(load_rooms seen same goes_on);

my %shown = (
    customers => 'SELECT relation::text, record_key, customer_id FROM crm.customer_record ORDER BY 1, 2',
    units => 'SELECT * FROM crm.unit ORDER BY unit',
    members => 'SELECT principal, unit, role FROM crm.membership ORDER BY 1, 2, 3',
    numbers => q(SELECT kpi_key, day, unit_key, stage, channel, owner, currency, numerator, denominator, value, state FROM crm_bi.kpi_value WHERE kpi_key !~ '^(resolution_hours|sla_)' ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10),
    counted => q(SELECT value, state FROM crm.kpi_total('half')),
    history => 'SELECT * FROM crm.transition_log ORDER BY id',
    journeys => q(SELECT f.funnel, j.journey::text FROM crm.funnel f CROSS JOIN LATERAL crm.total_journey(f.funnel) j ORDER BY 1, 2),
    closed => 'SELECT * FROM crm.kpi_closing ORDER BY closing',
    merges => 'SELECT * FROM crm.merge_log',
    alerts => 'SELECT id, rule, unit, state FROM crm.alert_log ORDER BY id',
    deliveries => 'SELECT message_id, endpoint, body FROM crm.delivery_queue ORDER BY id',
    configuration => 'SELECT jsonb_pretty(crm.export_config())',
    policies => q(SELECT polrelid::regclass, polname, pg_get_expr(polqual, polrelid) FROM pg_policy WHERE polrelid::regclass::text LIKE 'shop.%' ORDER BY 1, 2),
    triggers => q(SELECT pg_get_triggerdef(oid), tgenabled FROM pg_trigger WHERE tgrelid::regclass::text LIKE 'shop.%' AND NOT tgisinternal ORDER BY 1),
    columns => 'SELECT id, mail, entered FROM shop.deals ORDER BY id',
    index => q(SET enable_seqscan = off; SELECT id FROM shop.deals WHERE mail OPERATOR(crm.=) '7@example.com'),
    filled => q(SELECT relation::text, room, state FROM crm.filling ORDER BY 1, 2),
);

sub load_rooms {
    my ($team, $data) = @_;
    $data //= "$ENV{CRM_STAGE}/tests/upgrade/data.sql";
    my ($status, undef, $err) = $team->node->psql($team->{database}, undef, extra_params => [ '-q', '-v', 'ON_ERROR_STOP=1', '-f', $data ]);
    die "no data: $err" if $status != 0;
    return;
}

sub seen {
    my ($team, @only) = @_;
    return { map { $_ => join "\n", sort split /\n/, $team->run($shown{$_}) } @only ? @only : keys %shown };
}

sub same {
    my ($team, $before, $what) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $after = seen($team, keys %$before);
    for my $name (sort keys %$before) {
        next if is($after->{$name}, $before->{$name}, "$what: $name as before");
        my %left;
        $left{$_}-- for split /\n/, $before->{$name};
        $left{$_}++ for split /\n/, $after->{$name};
        my @differ = map { "$left{$_} $_" } grep { $left{$_} } sort keys %left;
        diag(join "\n", 'more or less:', @differ[0 .. ($#differ > 9 ? 9 : $#differ)]);
    }
    return;
}

sub goes_on {
    my ($team, $what) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $steps = $team->run('SELECT count(*) FROM crm.transition_log');
    $team->run(q(UPDATE shop.deals SET status = CASE status WHEN 'lost' THEN 'won' ELSE 'lost' END WHERE id = 2; SELECT crm.unmerge(merge_id) FROM crm.merge_log WHERE unmerged_at IS NULL; SELECT crm.fold(); CALL crm.resolve()));
    $team->prints(q(SELECT count(*) > 2, sum(v.groups_different) FROM crm.kpi k, crm.verify_kpi(k.kpi) v WHERE k.kpi IN ('won_value', 'won_count', 'bigs')), 't|0',
        "$what: numbers are those of the tables after more writes");
    cmp_ok($team->run('SELECT count(*) FROM crm.transition_log'), '>', $steps, "$what: history goes on");
    return;
}

1;
