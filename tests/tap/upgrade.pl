# Updates: a database with an older version, with data in every room, is updated; what comes of it is what a fresh install makes, entry by entry
# of the catalogues, and everything that was there is there. For each release of sql/released, and for one that is made up here: today's
# install script with something of every kind different, and the update that mends it, so that the comparison is known to see it all.
use strict;
use warnings;
use lib '.';
use PostgreSQL::Test::Utils;
use Catalogue;
use EveryRoom;
use TeamDatabase;
use Test::More;

my $top = $ENV{CRM_STAGE};
my ($sharedir) = run_command([ $ENV{PG_CONFIG}, '--sharedir' ]);
my $scripts = "$sharedir/extension";
my ($version) = slurp_file("$scripts/crm.control") =~ /^default_version = '(.*)'/m;
my $fresh = TeamDatabase->new('upgrade');
my $node = $fresh->node;

sub database {
    my ($name) = @_;
    $node->safe_psql('postgres', "CREATE DATABASE $name");
    return bless { node => $node, database => $name }, 'TeamDatabase';
}

sub write_script { my ($name, $text) = @_; unlink "$scripts/$name"; append_to_file("$scripts/$name", $text); return }

# The rows of every table of crm, after an install and nothing else: what is shipped, times left out.
sub shipped {
    my ($team) = @_;
    return { split /[\x01\n]/, $team->run(<<'SQL') };
SELECT c.oid::regclass || E'\x01' || md5(regexp_replace((xpath('//text()', query_to_xml(format('SELECT string_agg(t::text, %L ORDER BY t::text) AS x FROM %s t', ' ', c.oid::regclass), true, true, '')))::text, '\d{4}-\d\d-\d\d \d\d:[^)", ]*', 'then', 'g'))
FROM pg_class c JOIN pg_depend d ON (d.classid, d.objid, d.deptype) = ('pg_class'::regclass, c.oid, 'e') JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'crm'
WHERE c.relkind = 'r'
SQL
}

my $wanted = catalogue($fresh);
my $wanted_rows = shipped($fresh);
cmp_ok(scalar(keys %$wanted), '>', 5000, 'the catalogue has something to compare');
is_deeply([ grep { /^stray / } keys %$wanted ], [], 'everything that an install makes is a member of the extension');
{
    my $again = database('again');
    $again->run('CREATE SCHEMA crm; CREATE EXTENSION crm SCHEMA crm');
    is_deeply([ differences($wanted, catalogue($again)) ], [], 'two installs are alike');
    is_deeply([ differences($wanted_rows, shipped($again)) ], [], 'in their rows, too');
}

# From one version, with data that fits it: updated, everything is as in a fresh install, and as it was.
sub updates {
    my ($from, $data) = @_;
    my $empty = database('empty_' . $from =~ tr/./_/r);
    $empty->run("CREATE SCHEMA crm; CREATE EXTENSION crm SCHEMA crm VERSION '$from'");
    my $old = catalogue($empty);
    my $old_rows = shipped($empty);
    $empty->run('ALTER EXTENSION crm UPDATE');
    is_deeply([ differences($wanted, catalogue($empty)) ], [], "$from: no catalogue entry differs from a fresh install");
    is_deeply([ differences($wanted_rows, shipped($empty)) ], [], "$from: no shipped row");

    my $team = database('team_' . $from =~ tr/./_/r);
    $team->run("CREATE SCHEMA crm; CREATE EXTENSION crm SCHEMA crm VERSION '$from'");
    load_rooms($team, $data);
    my $before = seen($team);
    cmp_ok(length $before->{$_}, '>', 0, "$from: $_: there is something to compare") for sort keys %$before;
    $team->run('ALTER EXTENSION crm UPDATE');
    $team->prints("SELECT extversion FROM pg_extension WHERE extname = 'crm'", $version, "$from: updated");
    is_deeply([ differences($wanted, catalogue($team)) ], [], "$from: with data, no catalogue entry differs");
    same($team, $before, $from);
    goes_on($team, $from);
    $team->run('SELECT crm.disown_all(); DROP INDEX shop.deals_mail, shop.deals_entered; ALTER TABLE shop.deals DROP COLUMN mail, DROP COLUMN entered; DROP EXTENSION crm');
    $node->safe_psql('postgres', "DROP DATABASE $team->{database}");
    return ($old, $old_rows);
}

# A release that never was. Each: the kind that differs, its name, what the old install script says at its end, what the update does.
my $policy = $fresh->run(q(SELECT polrelid::regclass || '|' || polname || '|' || pg_get_expr(polqual, polrelid) FROM pg_policy WHERE polrelid IN (SELECT oid FROM pg_class WHERE relnamespace IN ('crm'::regnamespace, 'crm_bi'::regnamespace)) AND polqual IS NOT NULL ORDER BY 1 LIMIT 1));
my ($policy_table, $policy_name, $policy_test) = split /\|/, $policy, 3;
my $trigger = $fresh->run(q(SELECT tgrelid::regclass || '|' || tgname || '|' || pg_get_triggerdef(oid) || '|' || tgenabled::text FROM pg_trigger WHERE NOT tgisinternal AND tgenabled = 'A' AND tgrelid = 'crm.unit'::regclass ORDER BY tgname LIMIT 1));
my ($trigger_table, $trigger_name, $trigger_definition) = split /\|/, $trigger;
my $body = $fresh->run(q(SELECT pg_get_functiondef('crm.milliseconds_since(timestamptz)'::regprocedure)));
my $view = $fresh->run(q(SELECT pg_get_viewdef('crm.status'::regclass)));
my $said = $fresh->run(q(SELECT quote_literal(obj_description('crm.members(regclass)'::regprocedure))));
my $condition = $fresh->run(q(SELECT quote_literal(k.condition) FROM pg_extension e, unnest(e.extconfig, e.extcondition) k (relation, condition) WHERE e.extname = 'crm' AND k.relation = 'crm.unit'::regclass));
my ($check, $check_definition) = split /\|/, $fresh->run(q(SELECT conname || '|' || pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'crm.kpi_closing'::regclass AND contype = 'c' ORDER BY 1 LIMIT 1)), 2;
my ($cast_source, $cast_target, $cast_context, $cast_method) = split /\|/, $fresh->run(q(SELECT castsource::regtype, casttarget::regtype, castcontext, castmethod FROM pg_cast WHERE castsource = 'crm.email'::regtype AND castmethod = 'b' ORDER BY 2 LIMIT 1));
my ($family_rest) = 'crm.journey_btree USING btree';
my @kinds = (
    [ 'function crm.trigger_name(pg_catalog.text,pg_catalog.text)', 'ALTER FUNCTION crm.trigger_name(text, text) COST 7', 'ALTER FUNCTION crm.trigger_name(text, text) COST 100' ],
    [ 'function crm.members(pg_catalog.regclass)', q(COMMENT ON FUNCTION crm.members(regclass) IS 'other words'), "COMMENT ON FUNCTION crm.members(regclass) IS $said" ],
    [ 'function crm.milliseconds_since(timestamp with time zone)', q(CREATE OR REPLACE FUNCTION crm.milliseconds_since(since timestamptz) RETURNS numeric LANGUAGE sql VOLATILE PARALLEL SAFE SET search_path = pg_catalog, pg_temp RETURN 1.0), $body ],
    [ 'function crm.partition_line(pg_catalog.regclass)', 'ALTER FUNCTION crm.partition_line(regclass) VOLATILE', 'ALTER FUNCTION crm.partition_line(regclass) STABLE' ],
    [ 'function crm.is_column(pg_catalog.regclass,pg_catalog.text)', 'ALTER FUNCTION crm.is_column(regclass, text) PARALLEL UNSAFE', 'ALTER FUNCTION crm.is_column(regclass, text) PARALLEL SAFE' ],
    [ 'function crm.caller()', 'REVOKE EXECUTE ON FUNCTION crm.caller() FROM PUBLIC', 'GRANT EXECUTE ON FUNCTION crm.caller() TO PUBLIC' ],
    [ 'function crm.old_way(integer)', q(CREATE FUNCTION crm.old_way(integer) RETURNS integer LANGUAGE sql IMMUTABLE RETURN 1), 'DROP FUNCTION crm.old_way(integer)' ],
    [ 'operator crm.<(crm.email,crm.email)', 'ALTER OPERATOR crm.< (crm.email, crm.email) SET (RESTRICT = NONE)', 'ALTER OPERATOR crm.< (crm.email, crm.email) SET (RESTRICT = scalarltsel)' ],
    [ "operator family $family_rest", "ALTER OPERATOR FAMILY $family_rest DROP FUNCTION 4 (crm.journey, crm.journey)", "ALTER OPERATOR FAMILY $family_rest ADD FUNCTION 4 (crm.journey, crm.journey) btequalimage(oid)" ],
    [ 'operator class crm.email_ops USING btree', q(COMMENT ON OPERATOR CLASS crm.email_ops USING btree IS 'old'), undef ],
    [ "cast ($cast_source AS pg_catalog.$cast_target)", "DROP CAST ($cast_source AS $cast_target)", "CREATE CAST ($cast_source AS $cast_target) WITHOUT FUNCTION" . { e => '', a => ' AS ASSIGNMENT', i => ' AS IMPLICIT' }->{$cast_context} ],
    [ 'type crm.phone', 'REVOKE USAGE ON TYPE crm.phone FROM PUBLIC', 'GRANT USAGE ON TYPE crm.phone TO PUBLIC' ],
    [ 'column crm.access_finding.old', 'ALTER TYPE crm.access_finding ADD ATTRIBUTE old text', 'ALTER TYPE crm.access_finding DROP ATTRIBUTE old' ],
    [ 'relation crm.silence', 'ALTER TABLE crm.silence SET (fillfactor = 50)', 'ALTER TABLE crm.silence RESET (fillfactor)' ],
    [ 'relation crm_bi.dim_unit_path', 'ALTER VIEW crm_bi.dim_unit_path SET (security_barrier = true)', 'ALTER VIEW crm_bi.dim_unit_path RESET (security_barrier)' ],
    [ 'relation crm_bi.dim_unit', 'GRANT INSERT ON crm_bi.dim_unit TO PUBLIC', 'REVOKE INSERT ON crm_bi.dim_unit FROM PUBLIC' ],
    [ 'relation crm.status', "CREATE OR REPLACE VIEW crm.status AS SELECT * FROM (" . $view =~ s/;\s*\z//r . ") d WHERE true", "CREATE OR REPLACE VIEW crm.status AS $view" ],
    [ 'column crm.silence.comment', 'ALTER TABLE crm.silence ALTER COLUMN comment SET DEFAULT 1', 'ALTER TABLE crm.silence ALTER COLUMN comment DROP DEFAULT' ],
    [ 'column crm.parked_record.parked_at', q(ALTER TABLE crm.parked_record DROP COLUMN parked_at), q(ALTER TABLE crm.parked_record ADD COLUMN parked_at timestamptz NOT NULL DEFAULT pg_catalog.now()) ],
    [ 'sequence crm.silence_silence_seq', 'ALTER SEQUENCE crm.silence_silence_seq INCREMENT 2', 'ALTER SEQUENCE crm.silence_silence_seq INCREMENT 1' ],
    [ "constraint crm.kpi_closing $check", "ALTER TABLE crm.kpi_closing DROP CONSTRAINT $check", "ALTER TABLE crm.kpi_closing ADD CONSTRAINT $check $check_definition" ],
    [ 'index crm.parked_record_name', 'DROP INDEX crm.parked_record_name', 'CREATE INDEX parked_record_name ON crm.parked_record (relation_name)' ],
    [ "trigger $trigger_table $trigger_name", "DROP TRIGGER $trigger_name ON $trigger_table", "$trigger_definition; ALTER TABLE $trigger_table ENABLE ALWAYS TRIGGER $trigger_name" ],
    [ "policy $policy_table $policy_name", "ALTER POLICY $policy_name ON $policy_table USING (true)", "ALTER POLICY $policy_name ON $policy_table USING ($policy_test)" ],
    [ 'event trigger crm_guard_drop', 'ALTER EVENT TRIGGER crm_guard_drop DISABLE', 'ALTER EVENT TRIGGER crm_guard_drop ENABLE' ],
    [ 'rule crm.silence keep', 'CREATE RULE keep AS ON DELETE TO crm.silence DO INSTEAD NOTHING', 'DROP RULE keep ON crm.silence' ],
    [ 'statistics crm.silence old_statistics', 'CREATE STATISTICS crm.old_statistics ON rule, kpi FROM crm.silence', 'DROP STATISTICS crm.old_statistics' ],
    [ 'default privileges OWNER crm r', 'ALTER DEFAULT PRIVILEGES IN SCHEMA crm GRANT SELECT ON TABLES TO PUBLIC', 'ALTER DEFAULT PRIVILEGES IN SCHEMA crm REVOKE SELECT ON TABLES FROM PUBLIC' ],
    [ 'dumped table crm.unit', q(SELECT pg_catalog.pg_extension_config_dump('crm.unit', 'WHERE false')), "SELECT pg_catalog.pg_extension_config_dump('crm.unit', $condition)" ],
    [ 'schema crm_bi', 'GRANT CREATE ON SCHEMA crm_bi TO PUBLIC', 'REVOKE CREATE ON SCHEMA crm_bi FROM PUBLIC' ],
    [ 'member crm.raise_unknown(pg_catalog.text,pg_catalog.text,pg_catalog.text[])', 'ALTER EXTENSION crm DROP FUNCTION crm.raise_unknown(text, text, text[])', 'ALTER EXTENSION crm ADD FUNCTION crm.raise_unknown(text, text, text[])' ],
    [ 'stray crm.lost()', 'CREATE FUNCTION crm.lost() RETURNS integer LANGUAGE sql RETURN 1; ALTER EXTENSION crm DROP FUNCTION crm.lost()', 'DROP FUNCTION crm.lost()' ],
);
my $owner = $fresh->run('SELECT current_user');
for my $kind (@kinds) { $kind->[0] =~ s/OWNER/$owner/ }
$_->[2] //= "COMMENT ON OPERATOR CLASS crm.email_ops USING btree IS " . $fresh->run(q(SELECT coalesce(quote_literal(obj_description(oid, 'pg_opclass')), 'NULL') FROM pg_opclass WHERE opcname = 'email_ops')) for @kinds;
my @rows = (q(DELETE FROM crm.entity_attribute WHERE entity = 'survey' AND attribute = 'score'), q(INSERT INTO crm.entity_attribute ) . $fresh->run(q(SELECT format('SELECT (jsonb_populate_record(NULL::crm.entity_attribute, %L)).*', to_jsonb(e)) FROM crm.entity_attribute e WHERE entity = 'survey' AND attribute = 'score')));

write_script('crm--0.0.1.sql', slurp_file("$scripts/crm--$version.sql") . join('', map { "\n$_->[1];" } @kinds) . "\n$rows[0];\n");
write_script("crm--0.0.1--$version.sql", join('', map { ($_->[2] =~ s/;?\s*\z//r) . ";\n" } @kinds) . "$rows[1];\n");
my ($old, $old_rows) = updates('0.0.1', "$top/tests/upgrade/data.sql");
my %differs = map { $_ => 1 } differences($wanted, $old);
ok($differs{ $_->[0] }, "the comparison sees $_->[0]") for @kinds;
my %explained = map { $_->[0] => 1 } @kinds;
is_deeply([ map { (split / /)[0] } grep { !$explained{$_} && !/^(member|index|column|constraint|stray|function|sequence|relation) / } sort keys %differs ], [], 'and little else');
is_deeply([ differences($wanted_rows, $old_rows) ], ['crm.entity_attribute'], 'and a shipped row that is not there');
unlink "$scripts/crm--0.0.1.sql", "$scripts/crm--0.0.1--$version.sql";

# the releases
my @released = map { m{/crm--([^/]*)\.sql\z} } glob "$top/sql/released/crm--*.sql";
note(@released ? "released: @released" : 'no version is released yet: scripts/release freezes the first');
if (@released) {
    my ($sums) = run_command([ 'sh', '-c', "cd '$top/sql/released' && sha256sum --check --quiet SHA256SUMS 2>&1; ls crm--* data--* | wc -l; wc -l < SHA256SUMS" ]);
    like($sums, qr/\A(\d+)\n\1\z/, 'released scripts are what they were');
}
for my $from (@released) {
    write_script("crm--$from.sql", slurp_file("$top/sql/released/crm--$from.sql")) if $from ne $version;
    updates($from, "$top/sql/released/data--$from.sql") if $from ne $version;
}
done_testing();
