# What grows while a server and crmd run: memory of crmd and of each session that stays (what is its own, without shared memory), bytes of each
# table of crm, of the database, its log and the WAL. Taken again and again, told as first, middle and last of a time in which nobody was killed.
#
#   my $growth = Growth->new($node, 'team')
#   $growth->sample($pid_of_crmd)
#   $growth->table                    lines to print
#   $growth->contexts                 lines to print: what each session has in memory contexts, and in which most of it; against what it has for itself,
#                                     the rest is malloc's
#   $growth->memory                   ({ name, quarters }) of crmd and its sessions, in kB; none where there are fewer than 8 samples
package Growth;

use strict;
use warnings;
use List::Util qw(min);
use PostgreSQL::Test::Utils;
use Time::HiRes qw(time);

sub new {
    my ($class, $node, $database) = @_;
    return bless { node => $node, database => $database, samples => [] }, $class;
}


# What a process has for itself, in kB; undef where it has ended.
sub own_memory {
    my ($pid) = @_;
    open my $file, '<', "/proc/$pid/smaps_rollup" or return;
    my ($kb) = join('', <$file>) =~ /^Anonymous:\s+(\d+) kB/m;
    return $kb;
}

sub bytes_below {
    my ($folder) = @_;
    opendir my $dir, $folder or return 0;
    my $sum = 0;
    $sum += -s $_ // 0 for grep { -f } map { "$folder/$_" } readdir $dir;
    return $sum;
}

sub sample {
    my ($self, $crmd) = @_;
    my ($status, $out) = $self->{node}->psql($self->{database}, <<'SQL');
        SELECT 'process', pid, application_name FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid();
        SELECT 'size', c.oid::regclass, pg_total_relation_size(c.oid) / 1024 FROM pg_class c WHERE c.relkind IN ('r', 'm') AND c.relnamespace IN ('crm'::regnamespace, 'public'::regnamespace, 'pg_catalog'::regnamespace);
        SELECT 'size', 'the database', pg_database_size(current_database()) / 1024;
SQL
    return if ($status // 1) != 0;
    my %at = (time => time);
    for my $line (split /\n/, $out) {
        my ($kind, $name, $value) = split /\|/, $line;
        if ($kind eq 'size') { $at{size}{$name} = $value; next }
        my $kb = own_memory($name);
        $at{memory}{"$value ($name)"} = $kb if defined $kb;
    }
    my $kb = own_memory($crmd);
    $at{memory}{"the daemon ($crmd)"} = $kb if defined $kb;
    if (opendir my $open, "/proc/$crmd/fd") {
        $at{size}{"open files of the daemon (number)"} = grep { /^\d/ } readdir $open;
    }
    $at{size}{WAL} = bytes_below($self->{node}->data_dir . '/pg_wal') / 1024;
    $at{size}{'the log of the server'} = (-s $self->{node}->logfile) / 1024;
    push @{ $self->{samples} }, \%at;
    return;
}

# As each session writes it into the log of the server when it is asked.
sub contexts {
    my ($self) = @_;
    my $node = $self->{node};
    my $from = -s $node->logfile;
    my ($status, $out) = $node->psql($self->{database}, "SELECT pid, application_name, pg_log_backend_memory_contexts(pid) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()");
    return 'no answer' if ($status // 1) != 0;
    sleep 2;
    my (%used, %total);
    for my $line (split /\n/, slurp_file($node->logfile, $from)) {
        my ($pid) = $line =~ /\[(\d+)\]/ or next;
        if ($line =~ /Grand total: (\d+) bytes/) { $total{$pid} = $1 }
        elsif ($line =~ /level: \d+; ([^:]+): (?:.*; )?(\d+) used(?:: .*)?$/) { $used{$pid}{$1} += $2 }
    }
    my @lines;
    for my $session (split /\n/, $out) {
        my ($pid, $name) = split /\|/, $session;
        my $kb = own_memory($pid);
        next if !defined $kb || !$total{$pid};
        my $of = $used{$pid};
        my @most = (sort { $of->{$b} <=> $of->{$a} || $a cmp $b } keys %$of)[ 0 .. min(5, keys(%$of) - 1) ];
        push @lines, sprintf '%-24s %7d kB of its own, %7d in contexts: %s', "$name ($pid)", $kb, $total{$pid} / 1024, join ', ', map { sprintf '%s %d', $_, $of->{$_} / 1024 } @most;
    }
    return sort @lines;
}

# Of what was there from the first sample to the last.
sub series {
    my ($self, $kind) = @_;
    my @samples = @{ $self->{samples} } or return;
    my ($first, $middle, $last) = map { $_->{$kind} // {} } @samples[ 0, $#samples / 2, -1 ];
    my @series;
    for my $name (sort keys %$last) {
        next if !defined $first->{$name} || !defined $middle->{$name};
        my $most = 0;
        for my $sample (@samples) { $most = $sample->{$kind}{$name} if ($sample->{$kind}{$name} // 0) > $most }
        push @series, { name => $name, first => $first->{$name}, middle => $middle->{$name}, last => $last->{$name}, most => $most };
    }
    return @series;
}

# quarters: the least that a process held in each quarter of the time: what a large answer takes while it is made is not counted.
sub memory {
    my ($self) = @_;
    my @samples = @{ $self->{samples} };
    return if @samples < 8;
    my @memory;
    for my $name (map { $_->{name} } $self->series('memory')) {
        my @quarters = map { my $n = $_; min(grep { defined } map { $_->{memory}{$name} } @samples[ @samples * $n / 4 .. @samples * ($n + 1) / 4 - 1 ]) } 0 .. 3;
        push @memory, { name => $name, quarters => \@quarters };
    }
    return @memory;
}

sub table {
    my ($self) = @_;
    my @samples = @{ $self->{samples} } or return 'no sample';
    my @lines = sprintf '%d samples in %d s; kB at first, in the middle, at last, at most', scalar @samples, $samples[-1]{time} - $samples[0]{time};
    for my $kind (qw(memory size)) {
        push @lines, map { sprintf '%-8s %-44s %9d %9d %9d %9d', $kind, @{$_}{qw(name first middle last most)} }
            grep { $kind eq 'memory' || $_->{most} >= 256 || $_->{name} =~ /number/ } $self->series($kind);
    }
    return @lines;
}

1;
