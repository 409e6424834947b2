# Operations that take long, each with a state of a database in which it has work, what to run, and where it can be stopped: by a lock on a
# table that it writes in its midst. What became of it is compared with the same operation in a copy that nobody disturbed.
#
#   my $operations = Operations->new($team, $rows)           makes the world in database team, and its work waits
#   $operations->names
#   my $copy = $operations->copy($name)                      a database in that state
#   $operations->sql($name)                                  what to run in it, statement by statement
#   $operations->points($name)                               tables
#   $operations->same($copy, $name, $what)                   one test: as if nobody had disturbed it
package Operations;

use strict;
use warnings;
use Soak;
use Test::More;

# What is left of an operation: nothing that depends on when it ran, or on numbers that a sequence gave.
my %left = (
    customers => 'SELECT c FROM invariant.clusters() c',
    numbers => 'SELECT ROW(i.relation, i.component, i.state, c.day, c.unit, c.stage, c.owner, c.channel, sum(c.rows), sum(c.s1), sum(c.s2))::text FROM crm.kpi_instance i LEFT JOIN crm.kpi_cell c USING (instance) GROUP BY i.relation, i.component, i.state, c.day, c.unit, c.stage, c.owner, c.channel HAVING sum(c.rows) <> 0',
    values => 'SELECT ROW(i.component, c.day, c.unit, c.stage, c.owner, e.value, sum(e.rows))::text FROM crm.kpi_instance i JOIN crm.kpi_value_cell c USING (instance) CROSS JOIN LATERAL crm.counted_entries(c.piece) e GROUP BY i.component, c.day, c.unit, c.stage, c.owner, e.value HAVING sum(e.rows) <> 0',
    pending => 'SELECT (SELECT count(*) FROM crm.kpi_pending) || $$ $$ || (SELECT count(*) FROM crm.clock_touched) || $$ $$ || (SELECT count(*) FROM crm.record_dirty) || $$ $$ || (SELECT count(*) FROM crm.link_dirty) || $$ $$ || (SELECT count(*) FROM crm.customer_dirty)',
    journeys => 'SELECT k.journey::text || u.units::text FROM crm.journey_kept k JOIN crm.journey_units u USING (units_no)',
    history => 'SELECT ROW(t.funnel, t.relation, t.record_key, t.sequence, t.from_stage, t.to_stage, t.at, t.unit, t.first_entry, t.customer_key)::text FROM crm.transition_log t',
    clocks => "SELECT (to_jsonb(c) - '{}'::text[])::text FROM crm.record_clock c",
    closed => 'SELECT ROW(c.kpi, c.since, c.until, c.reopened_at IS NULL, s.unit_key, s.numerator, s.denominator)::text FROM crm.kpi_closing c LEFT JOIN crm.kpi_closing_sum s USING (closing)',
    configuration => 'SELECT crm.export_config()::text',
    filling => 'SELECT ROW(f.relation, f.room, f.state)::text FROM crm.filling f',
    rows => 'SELECT ROW(r.*)::text FROM invariant.rows_of_teams() r',
    merges => 'SELECT ROW(m.relation, m.keep, m.lose, m.unmerged_at IS NULL, (SELECT count(*) FROM crm.merge_change c WHERE c.merge_id = m.merge_id))::text FROM crm.row_merge m',
    protected => 'SELECT ROW(p.polrelid::regclass, p.polname, pg_get_expr(p.polqual, p.polrelid))::text FROM pg_policy p',
    triggers => 'SELECT ROW(t.tgrelid::regclass, t.tgname)::text FROM pg_trigger t WHERE NOT t.tgisinternal');

my %operation = (
    'resolve_pending' => { sql => ['SELECT crm.resolve_pending()'], points => [qw(crm.record_link crm.customer_registry crm.link_key crm.journey_touched)] },
    'resolve' => { sql => ['CALL crm.resolve()'], points => [qw(crm.record_link crm.link_block crm.link_model crm.customer_registry)] },
    'fold' => { sql => ['SELECT crm.fold()'], points => [qw(crm.kpi_rollup crm.kpi_dims crm.kpi_counted)] },
    'pack_journeys' => { sql => ['SELECT crm.pack_journeys()'], points => [qw(crm.journey_kept crm.journey_units)] },
    'settle_clocks' => { sql => ['SELECT crm.settle_clocks(100000)'], points => [qw(crm.record_clock crm.kpi_pending)] },
    'backfill of numbers' => { sql => ["CALL crm.backfill('deals')"], points => ['crm.kpi_pending'], before => "SELECT crm.restate('deals')" },
    'backfill of stages' => { sql => ["CALL crm.backfill('touches')"], points => ['crm.transition_log'],
        before => "ALTER TABLE touches DISABLE TRIGGER crm_funnel_insert; INSERT INTO touches (person, at, channel, region) SELECT 5 + i % 50, timestamptz '2026-07-01' + i * interval '1 minute', 'web', 'north' FROM generate_series(1, 100) i; ALTER TABLE touches ENABLE TRIGGER crm_funnel_insert; UPDATE crm.filling SET state = 'filling' WHERE relation = 'touches'::regclass" },
    'backfill of records' => { sql => ["CALL crm.backfill('people')"], points => ['crm.record_copy'], before => "UPDATE crm.filling SET state = 'filling' WHERE relation = 'people'::regclass" },
    'merge' => { sql => ["SELECT crm.merge('people', '1', '{2,3}', 'test')"], points => [qw(deals crm.merge_change crm.record_dirty people)], once => 'SELECT count(*) = 0 FROM crm.row_merge WHERE keep = $$1$$' },
    'unmerge' => { sql => ['SELECT crm.unmerge(merge_id) FROM crm.row_merge WHERE keep = $$10$$ AND unmerged_at IS NULL'], points => [qw(deals people crm.row_merge)], before => "SELECT crm.merge('people', '10', '{11,12}', 'test')" },
    'close_period' => { sql => ['SELECT count(*) FROM crm.close_period(crm.kpi_today() - 30)'], points => [qw(crm.kpi_closed_fact crm.kpi_closing_sum)], before => 'SELECT crm.fold()', once => 'SELECT count(*) = 0 FROM crm.kpi_closing' },
    'apply_config' => { sql => [q{SELECT count(*) FROM crm.apply_config(replace(crm.export_config()::text, '"East"', '"Far East"')::jsonb || '{"calendars": [{"key": "office", "zone": "Europe/Berlin", "hours": {"mon": [["09:00", "17:00"]]}}]}', false)}], points => [qw(crm.unit crm.calendar)] },
    'count_values' => { sql => ["SELECT count(*) FROM crm.count_values('sales_cycle_days_median')"], points => ['crm.kpi_instance'] },
    'adopt' => { sql => [q{SELECT count(*) FROM crm.adopt('more', 'opportunity', funnel => 'sales', columns => '{"amount": "value", "stage": "status", "created_at": "opened"}')}], points => [qw(crm.adoption crm.tracking)],
        before => "CREATE TABLE more (id integer PRIMARY KEY, value numeric, status text, opened date); INSERT INTO more SELECT i, i, 'won', '2026-01-01' FROM generate_series(1, 500) i", once => "SELECT count(*) = 0 FROM crm.adoption WHERE relation = 'more'::regclass" },
    'disown' => { sql => ["SELECT crm.disown('deals')"], points => [qw(crm.transition_log crm.kpi_rollup)], once => "SELECT count(*) > 0 FROM crm.adoption WHERE relation = 'deals'::regclass" },
    'protect' => { sql => [q{SELECT count(*) FROM crm.protect('deals', '{"organisation": "region"}')}], points => [qw(crm.protection crm.protection_member)], once => "SELECT count(*) = 0 FROM crm.protection WHERE relation = 'deals'::regclass" });

sub new {
    my ($class, $team, $rows) = @_;
    my $node = $team->node;
    Soak::load_world($team, $rows);
    $team->run("SET client_min_messages = warning; CALL crm.backfill('$_')") for qw(accounts people leads deals tickets touches spending);
    $team->run('SET client_min_messages = warning; CALL invariant.settle()');
    # what there is to do: changes of every kind, not taken in yet
    $team->run(<<'SQL');
        SET application_name = 'writer';
        UPDATE people SET email = 'p' || id / 3 || '@soak.example' WHERE id % 4 = 0;
        INSERT INTO people (account, name, email, region) SELECT 1, 'Ada Lovelace' || i, 'p' || i || '@soak.example', 'north' FROM generate_series(1, 40) i;
        UPDATE deals SET value = value + 7, status = CASE status WHEN 'talk' THEN 'won' ELSE status END, closed = coalesce(closed, '2026-06-01') WHERE id % 2 = 0;
        DELETE FROM deals WHERE id % 11 = 0;
        UPDATE tickets SET stage = 'closed', resolved = '2026-07-01' WHERE id % 3 = 0;
        INSERT INTO touches (person, at, channel, region) SELECT 5 + i % 50, timestamptz '2026-06-01' + i * interval '1 minute', 'web', 'north' FROM generate_series(1, 100) i;
        INSERT INTO spending (happened, amount, channel) SELECT date '2026-06-01' + i % 9, i, 'mail' FROM generate_series(1, 100) i;
SQL
    $team->run("INSERT INTO invariant.may_write VALUES ('operation'), ('faults.pl')"); # who merges here
    my $self = bless { team => $team, node => $node, expected => {} }, $class;
    # without connections a database can be copied
    $node->safe_psql('postgres', "CREATE DATABASE calm TEMPLATE team STRATEGY file_copy");
    return $self;
}

sub names { return sort keys %operation }
sub sql { my ($self, $name) = @_; return @{ $operation{$name}{sql} } }
sub points { my ($self, $name) = @_; return @{ $operation{$name}{points} } }

my $copies = 0;
sub copy {
    my ($self, $name) = @_;
    my $database = 'copy_' . ++$copies;
    $self->{node}->safe_psql('postgres', "CREATE DATABASE $database TEMPLATE calm STRATEGY file_copy");
    $self->{node}->safe_psql($database, "SET application_name = 'writer'; SET client_min_messages = warning; $operation{$name}{before}") if $operation{$name}{before};
    return $database;
}

sub drop { my ($self, $database) = @_; $self->{node}->safe_psql('postgres', "DROP DATABASE $database WITH (FORCE)"); return }

# To the end, whatever was done of it before. What may be done once only is not done again.
sub run {
    my ($self, $database, $name) = @_;
    my $once = $operation{$name}{once};
    my @sql = $self->sql($name);
    shift @sql if $once && $self->{node}->safe_psql($database, $once) ne 't';
    $self->{node}->safe_psql($database, "SET client_min_messages = warning;\n$_") for @sql;
    return;
}

sub left {
    my ($self, $database) = @_;
    my $query = join ' UNION ALL ', map { "SELECT '$_', count(*)::text, md5(coalesce(string_agg(x, E'\\n' ORDER BY x COLLATE \"C\"), '')) FROM ($left{$_}) l (x)" } sort keys %left;
    return $self->{node}->safe_psql($database, $query);
}

# The same once all that waits is done, which an operation may leave to whoever comes next.
sub end {
    my ($self, $database) = @_;
    $self->{node}->safe_psql($database, 'SET client_min_messages = warning; CALL invariant.settle()');
    return $self->left($database);
}

sub expected {
    my ($self, $name) = @_;
    if (!$self->{expected}{$name}) {
        my $database = $self->copy($name);
        my $before = $self->left($database);
        $self->run($database, $name);
        isnt($self->left($database), $before, "$name does something");
        $self->{expected}{$name} = $self->end($database);
    }
    return $self->{expected}{$name};
}

sub same {
    my ($self, $database, $name, $what) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return is($self->end($database), $self->expected($name), $what);
}

1;
