# Consent through whatever can happen to records: random histories of grants, withdrawals and restrictions, of rows that change, go and
# come back, of verdicts, merges, unmerges and erasures. After each step a slow model in Perl, which knows docs/privacy.md and none of the
# SQL, says who may be contacted; may_contact and contactable must agree. And apart from the model, by no rules but one: who withdrew, and
# was not asked again since, is not contacted, whoever he was merged or linked with.
#
#   CRM_CONSENT_SEED=7 CRM_CONSENT_STEPS=400 make check-tap T=consent        another history, or a longer one
use strict;
use warnings;
use lib '.';
use PostgreSQL::Test::Utils;
use Session;
use TeamDatabase;
use Test::More;

my $seed = $ENV{CRM_CONSENT_SEED} // 1;
my $steps = $ENV{CRM_CONSENT_STEPS} // 80;
srand $seed;
diag("seed $seed, $steps steps");

my @channels = qw(email sms);
my @purposes = qw(marketing service);
my @tables = qw(client prospect);

my $team = TeamDatabase->new('consent');
my $session = Session->new($team->node, 'team');

sub sql {
    my ($query) = @_;
    my $printed = $session->run($query);
    die "$query\n$printed" if $printed =~ /^ERROR/m;
    return $printed;
}

sub rows { return map { [ split /\|/, $_, -1 ] } split /\n/, sql($_[0]) }

sub pick { return $_[ int rand @_ ] }

for my $table (@tables) {
    sql(qq{CREATE TABLE $table (id integer PRIMARY KEY, name text, agreed jsonb);
           SELECT count(*) FROM crm.adopt('$table', 'customer', columns => '{"full_name": "name", "consent": "agreed"}', zone => 'UTC')});
}
sql("INSERT INTO $_ SELECT n, md5('$_' || n) FROM generate_series(1, 9) n; CALL crm.backfill('$_')") for @tables;
sql('SELECT crm.resolve_pending()');

# ---- the model ----
# What was said: {n, row => whether a row said it, granted, channel, purpose, at, own => record, cover => {record => 1}}. A record is
# "table key".
my @said;
my %restricted;    # number → {record => 1}
my %merged;        # record → {record it was merged into => when}
my %erased;        # records: a row that comes back under their key is not heard
my $count = 0;     # of all that was said, and of merges
my $clock = 1000;  # of what has no date

my %merging;       # records whose row was merged away, until they are read
my (%row, %customer); # records: what its row said when it was read; the customer it has

sub look {
    %customer = map { ("$_->[0] $_->[1]" => $_->[2]) }
        rows('SELECT relation, record_key, customer_id FROM crm.record WHERE customer_id IS NOT NULL');
    return;
}

sub places {
    my ($record, $moment) = @_;
    my (%seen, %place);
    my @open = ([ $record, $moment, 1 ]);
    while (my $next = shift @open) {
        my ($here, $when, $by_merges) = @$next;
        next if $seen{"$here/$when/$by_merges"}++;
        my %onward = %{ $merged{$here} // {} };
        $place{$here} ||= $by_merges && !grep { $when <= $_ } values %onward;
        for my $keep (keys %onward) {
            my $same_row = $when <= $onward{$keep};
            push @open, [ $keep, $onward{$keep}, $by_merges && $same_row ] if $same_row || !exists $row{$here};
        }
    }
    return \%place;    # record → whether it went no further, by merges of the very row alone
}

# The customers that something counts for.
sub reaches {
    my ($said) = @_;
    my (%all, %own);
    for my $record (keys %{ $said->{cover} }) {
        my $place = places($record, $said->{n});
        for my $here (grep { defined $customer{$_} } keys %$place) {
            next if $said->{granted} && !$place->{$here};
            $all{ $customer{$here} } = 1;
            $own{ $customer{$here} } = 1 if defined $said->{own} && $said->{own} eq $record;
        }
    }
    return keys %all if !$said->{granted};
    return keys %own == 1 ? keys %own : () if %own;
    return keys %all == 1 ? keys %all : ();
}

sub answers {
    my ($customer, $taken, $given) = @_;
    return 0 unless $given->{at} > $taken->{at} || $given->{at} == $taken->{at} && $given->{n} > $taken->{n};
    return 0 if $given->{row} && !($taken->{row} && $taken->{own} eq $given->{own});
    for my $record (keys %{ $taken->{cover} }) {
        my $place = places($record, $taken->{n});
        return 0 if !$given->{cover}{$record} && grep { ($customer{$_} // '') eq $customer } keys %$place;
    }
    return 1;
}

sub covered { return map { $_ eq '*' ? 1 : $_ eq $_[1] } $_[0] }

sub allowed {
    my ($customer, $channel, $purpose) = @_;
    for my $records (values %restricted) {
        for my $record (keys %$records) {
            return 0 if grep { ($customer{$_} // '') eq $customer } keys %{ places($record, 0) };
        }
    }
    my @counts = grep { my $s = $_; grep { $_ eq $customer } reaches($s) }
        grep { ($_->{channel} eq '*' || $_->{channel} eq $channel) && ($_->{purpose} eq '*' || $_->{purpose} eq $purpose) } @said;
    my @granted = grep { $_->{granted} } @counts;
    for my $taken (grep { !$_->{granted} } @counts) {
        return 0 unless grep { answers($customer, $taken, $_) } @granted;
    }
    return @granted ? 1 : 0;
}

# The one rule: a record for which something was withdrawn, and for which nobody wrote down a later grant, nor does its own row.
sub objects {
    my ($record, $channel, $purpose) = @_;
    my @about = grep { $_->{cover}{$record} && ($_->{channel} eq '*' || $_->{channel} eq $channel)
                       && ($_->{purpose} eq '*' || $_->{purpose} eq $purpose) } @said;
    for my $taken (grep { !$_->{granted} } @about) {
        return 1 unless grep { $_->{granted} && $_->{at} >= $taken->{at} && (!$_->{row} || $taken->{row}) } @about;
    }
    return 0;
}

# ---- what rows say ----
sub documents { return { map { ($_->[0] => $_->[1]) } map { my $t = $_; rows("SELECT '$t ' || id, agreed FROM $t") } @tables } }

sub statement {
    my ($document) = @_;
    return () if $document eq '' || $document eq 'null';
    return ([ '*', '*', 0, undef ]) if $document eq 'false';
    my ($day) = $document =~ /2020-01-(\d\d)/;
    my ($channel, $purpose, $word) = $document =~ /"(\w+)(?:\.(\w+))?": (true|false)/ or die $document;
    return ([ $channel, $purpose // '*', $word eq 'true' ? 1 : 0, $day ]);
}

sub say_it {
    my (%what) = @_;
    my $said = { n => ++$count, %what };
    push @said, $said;
    return $said;
}

# A row is read: its grants are what it says now; a withdrawal stays, with its latest date.
sub hear {
    my ($record, $document) = @_;
    return if $erased{$record};
    my ($now) = statement($document // '');
    for my $held (grep { $_->{row} && $_->{own} eq $record && $_->{granted} } @said) {
        $held->{ended} = 1 unless $now && $now->[2] && $now->[0] eq $held->{channel} && $now->[1] eq $held->{purpose};
    }
    return @said = grep { !$_->{ended} } @said if !$now;
    my ($channel, $purpose, $granted, $day) = @$now;
    my @held = grep { $_->{row} && $_->{own} eq $record && $_->{channel} eq $channel && $_->{purpose} eq $purpose } @said;
    my ($same) = grep { $_->{granted} == $granted } @held;
    my ($before) = grep { !$_->{granted} } @held;
    my $had_grant = grep { $_->{granted} } @held;
    @said = grep { !$_->{ended} } @said;
    if ($same) {
        $same->{at} = $day if defined $day && ($granted || $day > $same->{at});
        $same->{at} = ++$clock if !defined $day && !$granted && $had_grant;
    } elsif (!$granted || !$before || $day > $before->{at}) {
        say_it(row => 1, granted => $granted, channel => $channel, purpose => $purpose, at => $day // ++$clock, own => $record,
            cover => { $record => 1 });
    }
    return;
}

# All rows are read: table by table, first what they say, then those that are gone leave what was withdrawn to the rest of their customers.
sub read_all {
    my ($documents) = @_;
    look();
    for my $table (@tables) {
        my @here = grep { /^$table / } keys %{ { %row, %$documents } };
        hear($_, $documents->{$_}) for sort { (split / /, $a)[1] <=> (split / /, $b)[1] } @here;
        my @gone = grep { /^$table / && !exists $documents->{$_} } keys %row;
        my %at = %customer;
        delete @customer{@gone};
        delete @row{@gone};
        $row{$_} = 1 for grep { /^$table / } keys %$documents;
        for my $record (grep { defined $at{$_} && !$merging{$_} } @gone) {
            my @heirs = grep { $customer{$_} eq $at{$record} } keys %customer;
            for my $left ((grep { !$_->{granted} } @said), map { { cover => $_, n => 0 } } values %restricted) {
                next unless grep { defined places($_, $left->{n})->{$record} } keys %{ $left->{cover} };
                $left->{cover}{$_} = 1 for @heirs;
            }
        }
        delete @merging{ @gone, grep { /^$table / } keys %$documents };
    }
    return;
}

# ---- what happens ----
sub ghosts_of {    # those merged into records of the customer, that are no records again
    my ($customer) = @_;
    my %all = map { $_ => 1 } grep { $customer{$_} eq $customer } keys %customer;
    my $before = -1;
    while (keys %all != $before) {
        $before = keys %all;
        for my $lost (keys %merged) { $all{$lost} = 1 if grep { $all{$_} } keys %{ $merged{$lost} } }
    }
    return grep { !exists $row{$_} || ($customer{$_} // '') eq $customer } keys %all;
}

my %standing;    # merge → [keep, lost ...]
my %happened;

sub shuffled {
    my %place = map { $_ => rand } @_;
    return sort { $place{$a} <=> $place{$b} } @_;
}

sub a_record { look(); return pick(sort keys %customer) }

sub a_document {
    my $day = sprintf '2020-01-%02d', 1 + int rand 28;
    return pick('null', 'false', '{"email": false}', '{"sms": false}',
        map { my $c = $_; map { (qq({"$c.$_": true, "at": "$day"})) x 3, qq({"$c.$_": false, "at": "$day"}), qq({"$c.$_": false}) } @purposes } @channels);
}

my %step = (
    row => sub {
        my ($table, $key) = split / /, a_record();
        sql(sprintf q{UPDATE %s SET agreed = '%s' WHERE id = %s}, $table, a_document(), $key);
    },
    call => sub {
        my $record = a_record();
        my ($table, $key) = split / /, $record;
        my $granted = rand() < 0.6 ? 1 : 0;
        my ($channel, $purpose) = (pick(@channels), pick(@purposes));
        ($channel, $purpose) = (pick('*', $channel), pick('*', $purpose)) if !$granted && rand() < 0.4;
        my $day = rand() < 0.5 ? 1 + int rand 28 : undef;
        my $for_record = rand() < 0.5;
        sql(sprintf q{SELECT crm.record_consent(%s, '%s', '%s', %s, evidence => 'x'%s)},
            $for_record ? "('$table', '$key')" : $customer{$record}, $channel, $purpose, $granted ? 'true' : 'false',
            defined $day ? sprintf(q{, at => '2020-01-%02d'}, $day) : '');
        say_it(granted => $granted, channel => $channel, purpose => $purpose, at => $day // ++$clock,
            own => $for_record ? $record : undef, cover => { map { $_ => 1 } ghosts_of($customer{$record}) });
    },
    decide => sub {
        my ($one, $other) = (a_record(), a_record());
        return if $one eq $other;
        sql(sprintf q{SELECT crm.decide(('%s', '%s'), ('%s', '%s'), '%s')}, (map { split / / } $one, $other), pick(qw(same same different undecided)));
    },
    merge => sub {
        my $table = pick(@tables);
        my @keys = shuffled(map { $_->[0] } rows("SELECT id FROM $table ORDER BY id"));
        return if @keys < 4;
        my ($keep, @lose) = @keys[0 .. pick(1, 1, 2)];
        my $documents = documents();
        hear("$table $_", $documents->{"$table $_"}) for sort { $a <=> $b } grep { exists $documents->{"$table $_"} } @lose;
        my $merge = sql(sprintf q{SELECT crm.merge('%s', '%s', '{%s}')}, $table, $keep, join ',', @lose);
        my $moment = ++$count;
        $merged{"$table $_"}{"$table $keep"} = $moment for @lose;
        @merging{ map { "$table $_" } @lose } = (1) x @lose;
        $standing{$merge} = [ $table, $keep, @lose ];
    },
    unmerge => sub {
        my $merge = pick(sort { $a <=> $b } keys %standing) // return;
        my ($table, $keep, @lose) = @{ $standing{$merge} };
        my $printed = $session->run("SELECT crm.unmerge($merge)");
        return $happened{'unmerge refused'}++ if $printed =~ /^ERROR:  (RM|23505)/m; # also where the key was given to another row
        die $printed if $printed =~ /^ERROR/m;
        for my $lost (@lose) {
            delete $merged{"$table $lost"}{"$table $keep"};
            delete $merged{"$table $lost"} if !%{ $merged{"$table $lost"} };
        }
        delete $standing{$merge};
        $row{"$table $_"} = 1 for @lose; # they are read at once
        delete @merging{ map { "$table $_" } @lose };
        my $documents = documents();
        look();
        hear("$table $_", $documents->{"$table $_"}) for sort { $a <=> $b } @lose;
    },
    delete => sub {
        my $table = pick(@tables);
        sql(sprintf 'DELETE FROM %1$s WHERE id = %2$s AND (SELECT count(*) FROM %1$s) > 4', $table, pick(1 .. 9));
    },
    insert => sub {
        my $table = pick(@tables);
        sql(sprintf q{INSERT INTO %1$s VALUES (%2$s, md5('%1$s%2$s'), '%3$s') ON CONFLICT DO NOTHING}, $table, pick(1 .. 9), a_document());
    },
    restrict => sub {
        look();
        my $customer = $customer{ a_record() };
        if (rand() < 0.5) {
            my $number = sql("SELECT crm.restrict_customer($customer, '{contact}', 'asked')");
            $restricted{$number} = { map { $_ => 1 } grep { $customer{$_} eq $customer } keys %customer };
        } elsif ($session->run("SELECT crm.restrict_customer($customer, '{contact}', 'again', lifted => true)") !~ /RM001/) {
            for my $number (keys %restricted) {
                delete $restricted{$number} if grep { my $r = $_; grep { ($customer{$_} // '') eq $customer } keys %{ places($r, 0) } } keys %{ $restricted{$number} };
            }
        }
    },
    erase => sub {
        return if rand() < 0.6;
        my $record = a_record();
        my $customer = $customer{$record};
        my %gone = map { $_ => 1 } grep { $customer{$_} eq $customer } keys %customer;
        my $before = -1;
        while (keys %gone != $before) {
            $before = keys %gone;
            for my $lost (keys %merged) { $gone{$lost} = 1 if grep { $gone{$_} } keys %{ $merged{$lost} } }
        }
        return if grep { exists $row{$_} && ($customer{$_} // '') ne $customer } keys %gone; # a key that is another's again
        my $documents = documents();
        hear($_, $documents->{$_}) for sort grep { exists $documents->{$_} } keys %gone; # as the erasure does
        sql(qq{SELECT crm.erase_customer($customer, '{"client": "delete", "prospect": "delete"}', 'asked')});
        for my $said (@said) {
            my @his = grep { $gone{$_} } keys %{ $said->{cover} };
            next unless @his;
            delete @{ $said->{cover} }{@his};
            $said->{ended} = 1 if $said->{granted} || !%{ $said->{cover} };
            $said->{own} = undef if defined $said->{own} && $gone{ $said->{own} };
        }
        @said = grep { !$_->{ended} } @said;
        for my $number (keys %restricted) {
            delete @{ $restricted{$number} }{ keys %gone };
            delete $restricted{$number} unless %{ $restricted{$number} };
        }
        delete @merged{ keys %gone };
        @erased{ keys %gone } = (1) x keys %gone;
        for my $merge (keys %standing) {
            my ($table, @keys) = @{ $standing{$merge} };
            delete $standing{$merge} if grep { $gone{"$table $_"} } @keys;
        }
        delete @row{ keys %gone };
        delete @merging{ keys %gone };
    });
my @weighted = (('row') x 5, ('call') x 6, ('decide') x 5, ('merge') x 3, ('unmerge') x 2, ('delete') x 2, ('insert') x 2, 'restrict', 'erase');

look();
$row{$_} = 1 for keys %customer;
my ($asked, $yes, $wrong) = (0, 0, 0);
my @history;
for my $n (1 .. $steps) {
    for (1 .. pick(1, 1, 2, 3)) {
        my $what = pick(@weighted);
        push @history, $what;
        $happened{$what}++;
        $step{$what}->();
    }
    my $documents = documents();
    read_all($documents);
    sql('SELECT crm.resolve_pending()');
    look();
    my @customers = do { my %seen; grep { !$seen{$_}++ } sort { $a <=> $b } values %customer };
    my %is = map { (join(' ', @$_[0 .. 2]) => $_->[3] eq 't' ? 1 : 0) }
        rows(sprintf q{SELECT c, h, p, crm.may_contact(c, h, p) FROM unnest('{%s}'::bigint[]) c, unnest('{%s}'::text[]) h, unnest('{%s}'::text[]) p},
            join(',', @customers), join(',', @channels), join(',', @purposes));
    my %all = map { (join(' ', @$_) => 1) }
        rows(sprintf q{SELECT c, h, p FROM unnest('{%s}'::text[]) h, unnest('{%s}'::text[]) p, crm.contactable(h, p) c}, join(',', @channels), join(',', @purposes));
    for my $customer (@customers) {
        my @records = grep { my $r = $_; grep { ($customer{$_} // '') eq $customer } keys %{ places($r, 0) } } sort keys %{ { %merged, %customer } };
        for my $channel (@channels) {
            for my $purpose (@purposes) {
                my $key = "$customer $channel $purpose";
                my $expected = allowed($customer, $channel, $purpose);
                $asked++;
                $yes += $expected;
                if ($is{$key} != $expected || ($all{$key} // 0) != $expected) {
                    fail("step $n: $key: the model says $expected, may_contact $is{$key}, contactable " . ($all{$key} // 0));
                    diag(join "\n", map { my $x = $_; join ' ', map { "$_=" . ($_ eq 'cover' ? join(',', sort keys %{ $x->{cover} }) : $x->{$_} // '') } qw(n row granted channel purpose at own cover) }
                             grep { my $x = $_; grep { my $r = $_; $x->{cover}{$r} } @records } @said);
                    diag(sql(sprintf q{SELECT e.entry, e.relation, e.record_key, e.channel, e.purpose, e.granted, e.at::date, e.source, e.ended_at IS NOT NULL, (SELECT string_agg(c.relation || ' ' || c.record_key, ',') FROM crm.consent_cover c WHERE c.entry = e.entry)
                        FROM crm.consent_entry e WHERE (e.relation || ' ' || e.record_key) = ANY ('{%1$s}') OR EXISTS (SELECT FROM crm.consent_cover c WHERE c.entry = e.entry AND (c.relation || ' ' || c.record_key) = ANY ('{%1$s}'))}, join ',', map { "\"$_\"" } @records));
                    diag("records: @records\nsince: @history[-8 .. -1]\n" . sql("SELECT * FROM crm.explain_contact($customer, '$channel', '$purpose')"));
                    $wrong++;
                }
                my @against = grep { objects($_, $channel, $purpose) } grep { !exists $merged{$_} || !exists $row{$_} } @records;
                if ($is{$key} && @against) {
                    fail("step $n: $key may be contacted, though @against withdrew");
                    $wrong++;
                }
            }
        }
    }
    last if $wrong;
}
is($wrong, 0, "$asked answers agree");
cmp_ok($yes, '>', $asked / 50, "some of them are yes ($yes)");
ok($happened{$_}, "$_ happened $happened{$_} times") for sort keys %step;
$session->quit;
done_testing();
