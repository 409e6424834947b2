# Hostile: calls made from the catalogue, with arguments that nobody means well by.
#
#   my $hostile = Hostile->new($team, $seed);          reads the catalogue of the extension, and what names there are
#   $hostile->call($function, $manner)                 a statement; manner: nulls, plain, one, all, any
#   $hostile->argument($type, $name, $hostile)         an SQL expression that never fails by itself
#
# Every choice follows from the seed. Arguments are expressions and not literals, so that a megabyte is written in a few letters.
package Hostile;

use strict;
use warnings;

my $megabyte = q{repeat('x', 1000000)};
my @words = (
    q{''}, q{' '}, q{'x'}, q{E'\t\r\n'}, q{E'\x01'}, $megabyte, q{repeat(U&'\00E4', 300000)}, q{repeat(' ', 100000)}, q{repeat('a b ', 20000)}, q{repeat('(', 20000)},
    q{'%s%n%I%L%%'}, q{''' OR true; --'}, q{'"'}, q{'\\'}, q{'$1'}, q~'{'~, q{'{}'}, q{'[]'}, q{'null'}, q{'NULL'}, q{'true'}, q{'NaN'}, q{'infinity'}, q{'-1'}, q{'0'},
    q{'9223372036854775808'}, q{'1e400'}, q{'2026-01-01'}, q{'2026-02-30'}, q{'infinity:-1'}, q{'*'}, q{'.'}, q{'crm.unit'}, q{'pg_catalog.pg_class'}, q{'no_such_name'},
    q{U&'\+01F600\+01F468\200D\+01F469'}, q{U&'a\0301\0301\202E\FEFF'}, q{U&'\FFFF'}, q{'../../etc/passwd'}, q{'a@b.example'}, q{'+4712345678'}, q{'a:b:c:1'}, q{'(1,2)'});
my %hostile = (
    text => \@words,
    cstring => [ map { "'$_'::cstring" } '', 'x', '{', '1', 'a@b', '+47 123', 'sales:1:x', '2026-01-01', ('x' x 2000), "\xc3\xa4", '(,)', '\\000' ],
    name => [ q{''::name}, q{'no_such_name'::name}, q{'id'::name}, q{'pg_class'::name}, q{repeat('x', 200)::name}, q{'"'::name} ],
    integer => [ qw(0 1 -1 2 7 1000 2147483647 (-2147483647-1)) ],
    smallint => [ qw(0::smallint 1::smallint (-32768)::smallint 32767::smallint) ],
    bigint => [ qw(0::bigint 1::bigint (-1)::bigint 100::bigint 4294967296::bigint 9223372036854775807::bigint (-9223372036854775808)) ],
    oid => [ qw(0::oid 1::oid 4294967295::oid 'pg_class'::regclass::oid) ],
    numeric => [ q{0::numeric}, q{1::numeric}, q{(-1)::numeric}, q{0.5}, q{'NaN'::numeric}, q{'Infinity'::numeric}, q{'-Infinity'::numeric}, q{1e1000::numeric}, q{1e-1000::numeric}, q{1e130000::numeric}, q{(-1e38)::numeric} ],
    'double precision' => [ map { "'$_'::double precision" } qw(0 -0 1 -1 0.5 NaN Infinity -Infinity 1e308 -1e308 5e-324) ],
    boolean => [ qw(true false) ],
    date => [ map { "date '$_'" } 'infinity', '-infinity', '4713-01-01 BC', '5874897-12-31', '0001-01-01 BC', '2026-01-01', '2026-12-31', '1900-01-01', '9999-12-31', '294276-12-31' ],
    'timestamp with time zone' => [ map { "timestamptz '$_'" } 'infinity', '-infinity', '4713-01-01 00:00:00+00 BC', '294276-12-31 23:59:59.999999+00', '2026-03-29 01:30:00+00', '2026-01-01 00:00:00+00', '0001-01-01 00:00:00+00' ],
    'timestamp without time zone' => [ map { "timestamp '$_'" } 'infinity', '-infinity', '4713-01-01 BC', '294276-12-31', '2026-03-29 02:30' ],
    'time without time zone' => [ map { "time '$_'" } '00:00', '24:00', '23:59:59.999999' ],
    interval => [ map { "interval '$_'" } '0', '-1 day', '178000000 years', '-178000000 years', '1 microsecond', '-1 month 40 days -1 hour', '2147483647 days', '106751991 days 23:59:59', '1 second', '100 years' ],
    jsonb => [
        map({ "'$_'::jsonb" } '{}', '[]', 'null', 'true', '0', '"x"', '[null]', '[[]]', '{"": null}', '1e400', '-1e-400', '[{}]', '{"a": {"b": [1, {"c": null}]}}', '"\u0001"', '["x", "x"]', '[1, "a", null, {}]'),
        q{(repeat('[', 1000) || repeat(']', 1000))::jsonb}, q{(repeat('{"a":', 1000) || 1 || repeat('}', 1000))::jsonb}, q{to_jsonb(repeat('x', 1000000))}, q{jsonb_build_object(repeat('k', 100000), 1)},
        q{(SELECT jsonb_object_agg(n::text, n) FROM generate_series(1, 3000) n)}, q{(SELECT jsonb_agg(n) FROM generate_series(1, 10000) n)}
    ],
    json => [ map { "'$_'::json" } '{}', '[]', 'null', '1', '{"a":1,"a":2}', '"\u0000"', '[[[[]]]]' ],
    uuid => [ map { "'$_'::uuid" } '00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff' ],
    bytea => [
        q{''::bytea}, q{'\x00'::bytea}, q{'\xff'::bytea}, q{'\xffffffffffffffffffffffffffffffff'::bytea}, q{decode(repeat('00', 1000000), 'hex')}, q{decode(repeat('80', 100), 'hex')}, q{decode(repeat('7f', 300), 'hex')},
        q{'\x0102030405060708'::bytea}, q{sha256('x')}
    ],
    regclass => [
        q{0::oid::regclass}, q{1::oid::regclass}, q{4294967295::oid::regclass}, q{'pg_catalog.pg_class'::regclass}, q{'pg_catalog.pg_class_oid_index'::regclass}, q{'crm.unit'::regclass}, q{'crm.kpi'::regclass}, q{'pg_catalog.pg_user'::regclass},
        q{'hostile.kin'::regclass}, q{'hostile.parts'::regclass}, q{'hostile.parts_one'::regclass}, q{'hostile.empty'::regclass}, q{'hostile."We ""ird; %I"'::regclass}, q{'hostile.seen'::regclass}, q{'hostile.kept'::regclass}, q{'hostile.counter'::regclass},
        q{'hostile.pair'::regclass}, q{'hostile.fast'::regclass}, q{'pg_toast.pg_toast_1255'::regclass}
    ],
    regrole => [ q{0::oid::regrole}, q{4294967295::oid::regrole}, q{'pg_monitor'::regrole}, q{'hostile_plain'::regrole}, q{'hostile_super'::regrole} ],
    regprocedure => [ q{0::oid::regprocedure}, q{4294967295::oid::regprocedure}, q{'pg_catalog.now()'::regprocedure}, q{'hostile.stuck(text,date,date)'::regprocedure}, q{'crm.status'::regclass::oid::regprocedure}, q{'crm.journey_in(cstring)'::regprocedure} ],
    regtype => [ q{0::oid::regtype}, q{4294967295::oid::regtype}, q{'crm.journey'::regtype}, q{'integer'::regtype}, q{'record'::regtype}, q{'anyelement'::regtype} ],
    tstzrange => [ q{'empty'::tstzrange}, q{'(,)'::tstzrange}, q{'[infinity,infinity]'::tstzrange}, q{'[-infinity,2026-01-01)'::tstzrange}, q{'[2026-01-01,2026-01-01]'::tstzrange}, q{tstzrange(NULL, '2020-01-01', '(]')} ],
    record => [ q{ROW()}, q{ROW(NULL)}, q{ROW(1, 'x'::text)}, q{ROW(ROW(ROW(1)))}, q{(SELECT a FROM team.account a LIMIT 1)}, q{NULL::record} ],
    anyelement => [ q{1}, q{'x'::text}, q{NULL::integer}, q{ROW(1, 2)}, q{'{}'::integer[]}, q{'1'::jsonb}, q{(SELECT a FROM team.account a LIMIT 1)}, q{'2026-01-01'::date}, q{'a@b.example'::crm.email}, q{1.5::money} ],
    anyarray => [ q{'{}'::integer[]}, q{'{1,2,3}'::integer[]}, q{'{{1,2},{3,4}}'::integer[]}, q{'{NULL}'::text[]}, q{'{offer,won}'::text[]}, q{'[-3:-1]={1,2,3}'::integer[]}, q{'{1.5}'::numeric[]}, q{ARRAY[]::crm.stage[]}, q{array_fill(1, '{20000}')}, q{NULL::integer[]},
        q{'{2147483647,-2147483648,0}'::integer[]}, q{'{"sales:1:x"}'::crm.stage[]}, q{'{2026-01-01}'::date[]}, q{ARRAY[repeat('x', 1000000)]} ],
    'crm.journey' => [
        q{''::crm.journey}, q{crm.journey_of_nothing()}, q{(SELECT crm.journey_agg(timestamptz '2026-01-01' + n * interval '1 day', n * 10) FROM generate_series(1, 5) n)},
        q{(SELECT crm.journey_agg(timestamptz '2026-01-01' + n * interval '1 minute', n % 300) FROM generate_series(1, 20000) n)}, q{(SELECT crm.journey_agg(timestamptz '2026-01-01', 2147483647))},
        q{(SELECT crm.journey_agg(timestamptz '4713-01-01 00:00:00+00 BC' + n * interval '100000 years', n) FROM generate_series(0, 2) n)}, q{(SELECT crm.journey_agg(timestamptz '2026-01-01', 1) FROM generate_series(1, 1000) n)}
    ],
    'crm.email' => [ q{'a@b.example'::crm.email}, q{'A.B+c@ACME.example'::crm.email}, q{('x' || repeat('a', 60) || '@example.com')::crm.email} ],
    'crm.phone' => [ q{'+4712345678'::crm.phone}, q{'+15551234567'::crm.phone}, q{'+390612345678'::crm.phone} ],
    'crm.stage' => [ q{'sales:100:offer'::crm.stage}, q{'nowhere:0:x'::crm.stage}, q{'sales:2147483647:x'::crm.stage}, q{'sales:-2147483648:x'::crm.stage}, q{('f:1:' || repeat('x', 100))::crm.stage} ],
    'crm.record_ref' => [ q{ROW(NULL, NULL)::crm.record_ref}, q{ROW('team.account'::regclass, '1')::crm.record_ref}, q{ROW(0::oid::regclass, '')::crm.record_ref}, q{ROW('team.deal'::regclass, repeat('x', 100000))::crm.record_ref} ],
);
$hostile{'character varying'} = $hostile{text};

sub new {
    my ($class, $team, $seed) = @_;
    my $self = bless { team => $team, seed => $seed, drawn => {} }, $class;
    $self->read_types;
    $self->read_names;
    return $self;
}

sub one_of { return $_[ int rand @_ ] }

sub rows {
    my ($self, $sql) = @_;
    return map { [ split /\x1f/, $_, -1 ] } split /\n/, $self->{team}->run("\\pset fieldsep '\x1f'\n$sql");
}

sub read_types {
    my ($self) = @_;
    for my $row ($self->rows(<<'SQL')) {
SELECT t.oid, format_type(t.oid, NULL), t.typtype, coalesce(format_type(nullif(t.typbasetype, 0), NULL), ''), CASE WHEN t.typcategory = 'A' THEN coalesce(format_type(nullif(t.typelem, 0), NULL), '') ELSE '' END,
    CASE WHEN c.relkind IN ('r', 'p', 'v') THEN c.oid::regclass::text ELSE '' END
FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
WHERE t.typisdefined
SQL
        my ($oid, $name, $kind, $base, $element, $relation) = @$row;
        $self->{type}{$name} = { name => $name, kind => $kind, base => $base, element => $element, relation => $relation };
        $self->{type_of}{$oid} = $name;
    }
    return;
}

# What an argument of a name probably means: a query of the values that there are.
my %meant = (
    unit => q{SELECT unit FROM crm.unit}, parent => q{SELECT unit FROM crm.unit}, funnel => q{SELECT funnel FROM crm.funnel}, stage => q{SELECT stage FROM crm.funnel_stage}, from_stage => q{SELECT stage FROM crm.funnel_stage},
    to_stage => q{SELECT stage FROM crm.funnel_stage}, principal => q{SELECT principal FROM crm.principal}, member => q{SELECT principal FROM crm.principal}, grantee => q{SELECT principal FROM crm.principal}, owner => q{SELECT principal FROM crm.principal},
    role => q{SELECT role FROM crm.role}, kpi => q{SELECT kpi FROM crm.kpi}, rule => q{SELECT rule FROM crm.rule}, endpoint => q{SELECT endpoint FROM crm.endpoint}, goal => q{SELECT goal FROM crm.goal}, sla => q{SELECT sla FROM crm.sla},
    entity => q{SELECT entity FROM crm.entity}, object => q{SELECT entity FROM crm.entity}, attribute => q{SELECT DISTINCT attribute FROM crm.entity_attribute}, hierarchy => q{SELECT hierarchy FROM crm.hierarchy}, calendar => q{SELECT calendar FROM crm.calendar},
    currency => q{VALUES ('EUR'), ('USD')}, into_currency => q{VALUES ('EUR')}, privilege => q{VALUES ('read'), ('update'), ('total'), ('story'), ('merge')}, privileges => q{VALUES ('read'), ('update')}, depth => q{VALUES ('own'), ('unit'), ('below'), ('organisation')},
    zone => q{VALUES ('UTC'), ('Europe/Oslo')}, language => q{VALUES ('en'), ('es')}, grain => q{VALUES ('day'), ('week'), ('month'), ('quarter'), ('year')}, period => q{VALUES ('last 7 days'), ('this month')},
    by => q{VALUES ('unit_key'), ('stage'), ('campaign'), ('currency')}, key => q{SELECT n::text FROM generate_series(1, 4) n}, record_key => q{SELECT n::text FROM generate_series(1, 4) n}, keep => q{VALUES ('1')}, lose => q{VALUES ('2'), ('3')},
    merge_id => q{SELECT merge_id FROM crm.merge_log}, customer_id => q{SELECT customer_id FROM crm.customer_registry LIMIT 5}, relation => q{SELECT relation::text FROM crm.adoption}, mode => q{VALUES ('ordered'), ('strict'), ('delete'), ('read')},
    kind => q{VALUES ('breach'), ('warning'), ('threshold'), ('functional'), ('slack'), ('won')}, component => q{SELECT component FROM crm.component}, worker => q{VALUES ('me')}, verb => q{VALUES ('acknowledge'), ('silence')},
    anonymous_id => q{VALUES ('cookie')}, day => q{VALUES ('2026-02-01')}, since => q{VALUES ('2026-01-01')}, until => q{VALUES ('2026-12-31')}, max_rows => q{VALUES ('10')}, campaign => q{VALUES ('c1')}, channel => q{VALUES ('mail')},
    token => q{SELECT crm.issue_token('nora', '1 day')}, columns => q{VALUES ('{"amount": "worth"}')}, units => q{VALUES ('{"organisation": "region"}')}, handover => q{SELECT handover FROM crm.handover LIMIT 3}, alert => q{SELECT id FROM crm.alert_log LIMIT 3},
    delivery => q{SELECT id FROM crm.delivery_queue LIMIT 3}, model => q{VALUES ('linear'), ('markov'), ('shapley')}, property => q{VALUES ('channel')}, measure => q{VALUES ('amount'), ('count')}, direction => q{VALUES ('above'), ('below')},
    lock_timeout => q{VALUES ('50 milliseconds')}, department => q{VALUES ('sales')}, reason => q{VALUES ('no budget')}, locale => q{VALUES ('en')}, condition => q{VALUES ('priority = 1')}, purpose => q{VALUES ('marketing')});
my %plural = (funnels => 'funnel', stages => 'stage', kpis => 'kpi', roles => 'role', relations => 'relation', keys => 'key', attributes => 'attribute', currencies => 'currency', rules => 'rule', departments => 'unit', pause_stages => 'stage',
    governed => 'unit', subject => 'entity', source => 'relation', target => 'relation', other => 'relation', asker => 'principal', audience => 'principal', accountable => 'principal', object_key => 'key', row_key => 'key', fallback_unit => 'unit');

sub read_names {
    my ($self) = @_;
    my @wrong;
    for my $name (sort keys %meant) {
        my ($status, $out, $err) = $self->{team}->node->psql('team', "SELECT * FROM ($meant{$name}) q (word) ORDER BY 1");
        push @wrong, "$name: $err" if $status != 0;
        $self->{names}{$name} = [ map { "'" . s/'/''/gr . "'" } grep { length } split /\n/, $out ];
    }
    die @wrong if @wrong;
    my %all = map { $_ => 1 } map { @$_ } values %{ $self->{names} };
    $self->{all_names} = [ sort keys %all ];
    return;
}

# A pseudo-type has no cast; the literal NULL is of any type.
sub null_of { return $_[0] =~ /^(internal|pg_ddl_command)$/ ? 'NULL' : 'NULL::' . ($_[0] eq 'anyarray' ? 'text[]' : $_[0] =~ /^any/ ? 'text' : $_[0]) }

sub words_for {
    my ($self, $name) = @_;
    my $words = $self->{names}{ $plural{$name} // $name };
    return @$words if $words && @$words;
    return @{ $self->{all_names} };
}

sub text_like { return $_[0] =~ /^(text|name|character varying|regclass)$/ }

# An argument that may well be right.
sub plausible {
    my ($self, $type, $name) = @_;
    my $kind = $self->{type}{$type} // die "no type $type";
    return null_of($type) if rand() < 0.1;
    if ($kind->{element} ne '') {
        return "'{}'::$type" if rand() < 0.1;
        return sprintf 'ARRAY[%s]::%s', join(', ', map { $self->plausible($kind->{element}, $name) } 1 .. 1 + int rand 3), $type;
    }
    return one_of($self->words_for('relation')) . '::regclass' if $type eq 'regclass';
    return one_of($self->words_for($name)) . "::$type" if text_like($type);
    if ($type =~ /^(bigint|integer|numeric|double precision)$/ && $self->{names}{$name}) {
        my @numbers = grep { /^'-?[0-9.]+'$/ } $self->words_for($name);
        return one_of(@numbers) . "::$type" if @numbers;
    }
    return one_of("$type '2026-01-01'", "$type '2026-03-31'") if $type eq 'date' || $type =~ /^timestamp/;
    return one_of(map { "interval '$_'" } '1 hour', '30 days', '1 day') if $type eq 'interval';
    return one_of(map { "$_\::$type" } 0, 1, 2, 5) if $type =~ /^(bigint|integer|smallint|numeric|double precision)$/;
    return one_of(q{'{"full_name": "Firm 1", "email": "mail1@firm1.example"}'}, q{'{"organisation": "region"}'}, q{'{}'}, q{'[]'}, q{'{"amount": "worth"}'}) . '::jsonb' if $type eq 'jsonb';
    return $self->hostile_value($type);
}

sub hostile_value {
    my ($self, $type) = @_;
    my $kind = $self->{type}{$type} // die "no type $type";
    return null_of($type) if rand() < 0.15 || $type =~ /^(internal|pg_ddl_command)$/;
    if ($hostile{$type}) {
        my $value = one_of(@{ $hostile{$type} });
        $value = "NULL::$type" if $value =~ /journey_of_nothing|^''::crm\.journey/;
        return $value if $type =~ /^(any|record|cstring)/;
        return $value =~ /::\Q$type\E$/ ? $value : "($value)::$type";
    }
    return $self->hostile_array($type, $kind->{element}) if $kind->{element} ne '';
    return sprintf '(%s)::%s', $self->hostile_value($kind->{base}), $type if $kind->{kind} eq 'd';
    my @rows = ("jsonb_populate_record(NULL::$type, '{}')");
    push @rows, "(SELECT r FROM $kind->{relation} r LIMIT 1)" if $kind->{relation} ne '';
    return one_of(@rows);
}

sub hostile_array {
    my ($self, $type, $element) = @_;
    my $value = sub { $self->hostile_value($element) };
    return one_of(
        sub { "'{}'::$type" },
        sub { "ARRAY[NULL]::$type" },
        sub { "ARRAY[NULL, NULL]::$type" },
        sub { sprintf 'ARRAY[%s]::%s', $value->(), $type },
        sub { sprintf 'ARRAY[%s, NULL, %s]::%s', $value->(), $value->(), $type },
        sub { my $x = $value->(); "ARRAY[$x, $x]::$type" },
        sub { sprintf 'ARRAY[ARRAY[%s, %s], ARRAY[%s, %s]]::%s', map({ $value->() } 1 .. 4), $type },
        sub { sprintf 'array_fill(%s, ARRAY[3], ARRAY[-1])::%s', $value->(), $type },
        sub { sprintf 'array_fill(%s, ARRAY[2, 2, 2])::%s', $value->(), $type },
        sub { sprintf 'array_fill(NULL::%s, ARRAY[1000])::%s', $element, $type })->();
}

sub argument {
    my ($self, $type, $name, $hostile) = @_;
    return $hostile ? $self->hostile_value($type) : $self->plausible($type, $name);
}

# The functions of the extension: name, kind (f, a, p), types and names of arguments, how many have defaults, how many are asked for directly, variadic, audience.
sub functions {
    my ($self) = @_;
    return map {
        my ($signature, $name, $kind, $types, $names, $defaults, $direct, $variadic, $audience) = @$_;
        {   signature => $signature, name => $name, kind => $kind, types => [ map { $self->{type_of}{$_} } split / /, $types ], names => [ split /,/, $names, -1 ],
            defaults => $defaults, direct => $direct, variadic => $variadic, audience => $audience
        }
    } $self->rows(<<'SQL');
SET search_path = crm;
SELECT p.oid::regprocedure, p.pronamespace::regnamespace || '.' || quote_ident(p.proname), p.prokind, p.proargtypes, coalesce(array_to_string(p.proargnames[1:p.pronargs], ',', ''), ''), p.pronargdefaults,
    coalesce(a.aggnumdirectargs, 0), (p.provariadic <> 0)::integer, coalesce(f.audience, CASE WHEN has_function_privilege('public', p.oid, 'EXECUTE') THEN 'public' ELSE 'closed' END)
FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'crm' JOIN pg_proc p ON p.oid = d.objid LEFT JOIN pg_aggregate a ON a.aggfnoid = p.oid
LEFT JOIN crm.function_audience f ON to_regprocedure(f.signature) = p.oid
WHERE d.refclassid = 'pg_extension'::regclass AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
ORDER BY p.oid::regprocedure::text COLLATE "C"
SQL
}

# A manner: nulls; plain, all arguments may be right; one of them is hostile; all of them are; any of these.
sub arguments {
    my ($self, $function, $manner) = @_;
    my @types = @{ $function->{types} };
    my $bad = int rand(@types || 1);
    return map {
        $manner eq 'nulls' ? null_of($types[$_])
            : $self->argument($types[$_], $function->{names}[$_] // '', $manner eq 'all' || $manner eq 'one' && $_ == $bad)
    } 0 .. $#types;
}

sub call {
    my ($self, $function, $manner) = @_;
    # each function has draws of its own: one that is new does not change those of the others
    srand(unpack('%31C*', join ' ', $self->{seed}, $function->{signature}) + 7919 * $self->{seed} + 104729 * $self->{drawn}{ $function->{signature} }++);
    $manner = one_of('plain', 'one', 'one', 'all') if $manner eq 'any';
    my @arguments = $self->arguments($function, $manner);
    if ($function->{kind} eq 'a') { return $self->aggregate_call($function, $manner, @arguments) }
    if (rand() < 0.2 && $manner ne 'nulls') { pop @arguments for 1 .. int rand(1 + $function->{defaults}) }
    if ($function->{variadic} && @arguments == @{ $function->{types} }) { $arguments[-1] = "VARIADIC $arguments[-1]" }
    return sprintf '%s %s(%s)', $function->{kind} eq 'p' ? 'CALL' : 'SELECT', $function->{name}, join ', ', @arguments;
}

sub aggregate_call {
    my ($self, $function, $manner, @arguments) = @_;
    return sprintf 'SELECT %s(%s)', $function->{name}, join ', ', $function->{variadic} ? (@arguments[ 0 .. $#arguments - 1 ], "VARIADIC $arguments[-1]") : @arguments if rand() < 0.2;
    my @polymorphic = map { /::([a-z. ]+\[\])$/ ? $1 : undef } @arguments;
    my @rows = ([@arguments], map { [ $self->arguments($function, $manner eq 'nulls' ? 'all' : $manner) ] } 1 .. 3);
    for my $i (0 .. $#arguments) { # one type for all rows
        next unless $function->{types}[$i] =~ /^any/;
        $_->[$i] = $arguments[$i] for @rows;
    }
    my @columns = map { "a$_" } 0 .. $#arguments;
    my @asked = @columns;
    $asked[-1] = "VARIADIC $asked[-1]" if $function->{variadic};
    my $values = join ', ', map { '(' . join(', ', @$_) . ')' } @rows;
    my $where = one_of('', '', ' WHERE false');
    my $over = one_of('', '', '', ' OVER (ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)', ' OVER ()', ' FILTER (WHERE false)');
    my $distinct = $over eq '' && @asked == 1 && !$function->{variadic} ? one_of('', 'DISTINCT ') : '';
    return sprintf 'SELECT %s(%s%s)%s FROM (VALUES %s) v (%s)%s', $function->{name}, $distinct, join(', ', @asked), $over, $values, join(', ', @columns), $where;
}

1;
