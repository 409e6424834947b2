# The ids of customers over a history of chance: records come, change and go, people decide that they are the same or not, and runs
# of either kind link them. After each run every customer is compared with who had its records before: in a join the oldest id stays
# and the others lead to it, in a split the largest part keeps it, and nobody else's id changes.
# CRM_IDS_SEED and CRM_IDS_STEPS make another history, or a longer one.
use strict;
use warnings;
use lib '.';
use TeamDatabase;
use Test::More;

my $seed = $ENV{CRM_IDS_SEED} // 20;
my $steps = $ENV{CRM_IDS_STEPS} // 40;
srand($seed);
diag("seed $seed, $steps steps");
my $team = TeamDatabase->new('stable_ids');
my $next = 1;

# Names and addresses that nobody shares: only verdicts, and copies of a row, link.
$team->run(<<'SQL');
CREATE TABLE people (id integer PRIMARY KEY, name text, mail text, town text);
CREATE FUNCTION add_person(id integer, like_whom integer) RETURNS void LANGUAGE sql AS $$
    INSERT INTO people SELECT add_person.id, initcap(translate(left(md5('g' || n), 8), '0123456789', 'ghijklmnop')) || ' '
        || initcap(translate(left(md5('f' || n), 9), '0123456789', 'qrstuvwxyz')), left(md5('m' || n), 12) || '@example.com', 'Town ' || n % 50
    FROM (SELECT coalesce(like_whom, add_person.id)) x (n) $$;
SELECT count(*) FROM crm.adopt('people', 'customer', columns => '{"full_name": "name", "email": "mail", "city": "town"}');
SQL
$team->run('SELECT add_person(i, NULL) FROM generate_series(1, 60) i');
$next = 61;
$team->run(q{CALL crm.backfill('people'); CALL crm.resolve()});

# Of each record its customer.
sub customers {
    my %held;
    for (split /\n/, $team->run(q{SELECT record_key, coalesce(customer_id, 0) FROM crm.record ORDER BY 1})) {
        my ($key, $id) = split /\|/;
        $held{$key} = $id;
    }
    return \%held;
}

sub registry {
    return { map { my ($id, $retired, $to) = split /\|/, $_, -1; $id => [ $retired, $to ] }
            split /\n/, $team->run('SELECT customer_id, retired_at IS NOT NULL, redirect_to FROM crm.customer_registry') };
}

# What a run broke of the rules, told from what was there before and after alone.
sub broken {
    my ($before, $after, $known) = @_;
    my (@broken, %parts, %now, %sources);
    for my $key (keys %{$after}) {
        push @broken, "record $key has no customer" if !$after->{$key};
        $now{ $after->{$key} }{$key} = 1;
        next if !exists $before->{$key};
        $parts{ $before->{$key} }{ $after->{$key} }++;
        $sources{ $after->{$key} }{ $before->{$key} } = 1;
    }
    for my $old (keys %parts) {
        next if $parts{$old}{$old}; # kept by one of its parts
        # given up: all of its parts belong to older customers
        for my $new (keys %{ $parts{$old} }) {
            push @broken, "id $old was given up, and a part of it became $new, which is younger" if $new > $old;
        }
    }
    for my $new (keys %now) {
        my @from = sort { $a <=> $b } keys %{ $sources{$new} // {} };
        if (!$known->{$new}) {
            # a new id is for those who hold none that they could keep: each of their old ones went to another part, as large or larger
            for my $old (@from) {
                my $keeper = $parts{$old}{$old} // 0;
                push @broken, "customer $new is new although none has $old any more" if !$keeper && !grep { $_ < $old } keys %{ $parts{$old} };
                push @broken, "id $old went to the smaller part ($keeper of " . $parts{$old}{$new} . ')'
                    if $keeper && $keeper < $parts{$old}{$new} && !grep { $_ < $old } @from;
            }
            next;
        }
        push @broken, "the records of $new come from elsewhere" if @from && !grep { $_ == $new } @from;
        # joined: an older id among those whose only, or largest, part is here would have stayed
        for my $older (grep { $_ < $new } @from) {
            my $here = $parts{$older}{$new};
            push @broken, "$new has joined $older, which is older and nowhere else"
                if !grep { $_ != $new && ($parts{$older}{$_} >= $here || $_ < $older) } keys %{ $parts{$older} };
        }
    }
    return @broken;
}

# Retired ones lead on to somebody who is there and has their records, and never in a circle.
sub astray {
    my ($before, $after) = @_;
    my $registry = registry();
    my %there = map { $_ => 1 } values %{$after};
    my @astray = grep { !$there{$_} || $registry->{$_}[0] ne 'f' } grep { $there{$_} || $registry->{$_}[0] eq 'f' } keys %{$registry};
    for my $key (grep { exists $after->{$_} } keys %{$before}) {
        my ($id, $hops) = ($before->{$key}, 0);
        $id = $registry->{$id}[1] while ($registry->{$id}[0] eq 't' && ($registry->{$id}[1] // '') ne '' && $hops++ < 100);
        push @astray, "$before->{$key} leads to $id, which is not there" if !$there{$id};
    }
    return @astray;
}

my %seen = (joined => 0, split => 0, new => 0, gone => 0);
my ($failed, $quiet) = (0, 0);
my $last = customers();
for my $step (1 .. $steps) {
    my $known = registry();
    my @keys = sort { $a <=> $b } keys %{$last};
    my @sql;
    for (1 .. 1 + int rand 4) {
        my $chance = rand;
        my ($a, $b) = map { $keys[ rand @keys ] } 1, 2;
        if ($chance < 0.1) {
            push @sql, sprintf 'SELECT add_person(%d, NULL)', $next++;
        } elsif ($chance < 0.2) {
            push @sql, sprintf 'SELECT add_person(%d, %d)', $next++, $a;
        } elsif ($chance < 0.27 && @keys > 20) {
            push @sql, "DELETE FROM people WHERE id = $a";
            @keys = grep { $_ != $a } @keys;
        } elsif ($a != $b) {
            my $verdict = $chance < 0.62 ? 'same' : $chance < 0.85 ? 'different' : 'undecided';
            # mostly about those who are one, or there would be nothing to split
            if ($verdict ne 'same') {
                my @mates = grep { $_ != $a && $last->{$_} == $last->{$a} } @keys;
                $b = $mates[ rand @mates ] if @mates;
            }
            push @sql, "SELECT crm.decide(('people', '$a'), ('people', '$b'), '$verdict')";
        }
    }
    my $run = rand() < 0.5 ? 'SELECT crm.resolve_pending()' : 'CALL crm.resolve()';
    $team->run($_) for @sql, $run;
    my $now = customers();
    my @wrong = (broken($last, $now, $known), astray($last, $now));
    if (@wrong) {
        $failed++;
        diag("step $step ($run) after " . join('; ', @sql), map { "\n  $_" } @wrong);
    }
    my %ids = map { $_ => 1 } values %{$now};
    $seen{new} += grep { !$known->{$_} } keys %ids;
    my (%to, %from);
    $to{ $last->{$_} }{ $now->{$_} } = $from{ $now->{$_} }{ $last->{$_} } = 1 for grep { exists $now->{$_} } keys %{$last};
    $seen{split} += grep { keys %{$_} > 1 } values %to;
    $seen{joined} += grep { keys %{$_} > 1 } values %from;
    $seen{gone} += grep { !exists $now->{$_} } keys %{$last};

    # who ran twice sees nothing move
    my $again = $team->run('SELECT crm.resolve_pending()');
    my $same = join(',', map { "$_ $now->{$_}" } sort keys %{$now});
    my $later = customers();
    $quiet++ if $same eq join(',', map { "$_ $later->{$_}" } sort keys %{$later});
    $last = $later;
}
is($failed, 0, "in $steps steps every id went where it belongs");
is($quiet, $steps, 'and a run with nothing to do moved none');
cmp_ok($seen{$_}, '>=', $steps / 10, "$_: $seen{$_} times") for qw(joined split new gone);

# The same history of runs on the same rows gives the same ids: a full run over all of it changes none.
$team->run('CALL crm.resolve()');
my $settled = customers();
$team->run('CALL crm.resolve()');
is_deeply(customers(), $settled, 'full runs over the same records keep every id');

done_testing();
