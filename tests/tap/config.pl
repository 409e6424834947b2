# The configuration as a document: exported, applied to an empty database beside the same tables, exported again, it is the same; applied twice
# it changes nothing; a dry run says what would happen and does nothing; what is wrong is refused and leaves everything as it was.
use strict;
use warnings;
use lib '.';
use PostgreSQL::Test::Utils;
use TeamDatabase;
use Test::More;

my $tables = <<'SQL';
CREATE SCHEMA shop;
CREATE TABLE shop.customers (id integer PRIMARY KEY, name text, mail text, region text);
CREATE TABLE shop.deals (shop integer, no integer, customer integer REFERENCES shop.customers, value numeric, status text, opened date, closed date, region text,
                         phone text, buyer integer, PRIMARY KEY (shop, no));
CREATE TABLE shop.tickets (id text PRIMARY KEY, customer integer, status text, priority text, opened timestamptz, solved timestamptz, region text);
CREATE TABLE public.jobs (id integer PRIMARY KEY, customer integer REFERENCES shop.customers, deal_shop integer, deal_no integer, begun date, tested date, finished date);
CREATE TABLE shop."Odd Name" ("Key" text, part integer, "who's" text, "first" text, PRIMARY KEY ("Key", part));
CREATE FUNCTION public.stuck(unit text, since date, until date) RETURNS numeric STABLE LANGUAGE sql AS 'SELECT 1.0';
SQL

my $team = TeamDatabase->new('config');
my $node = $team->node;
$node->safe_psql('postgres', 'CREATE ROLE clerk');
$team->run($tables);
$team->prints('SELECT crm.export_config()', '{}', 'an empty database has an empty document');
$team->run(<<'SQL');
SELECT crm.set_calendar('default', 'Europe/Amsterdam'), crm.set_calendar('desk', 'UTC', '{"mon": [["08:00", "12:00"], ["13:00", "20:00"]]}');
SELECT crm.add_holiday('default', '2026-12-25', 'Christmas'), crm.add_holiday('desk', '2026-01-01');
SELECT crm.set_fiscal_year(4), crm.set_home_currency('EUR'), crm.set_rate_base('EUR');
SELECT crm.create_hierarchy('products', 'By product');
SELECT crm.create_unit('zulu', 'The company', 'business');
SELECT crm.create_unit('sales', 'Sales', 'functional', 'zulu'), crm.create_unit('service', 'Service', 'functional', 'zulu');
SELECT crm.create_unit('north', 'North', 'geographic', 'sales', description => 'and the islands'), crm.create_unit('south', 'South', 'geographic', 'sales');
SELECT crm.create_unit('shoes', 'Shoes', 'product', 'zulu', hierarchy => 'products');
SELECT crm.add_unit_alias('south', 'Sud');
SELECT crm.create_role('seller', 'Sells', 'what sellers may'), crm.create_role('chief'), crm.create_role('clerk');
SELECT crm.grant_privilege('seller', 'opportunity', 'read', 'unit'), crm.grant_privilege('chief', '*', 'read', 'below'), crm.grant_privilege('chief', 'kpi', 'total', 'below');
SELECT crm.create_principal('anna', 'Anna', language => 'es', zone => 'Europe/Madrid'), crm.create_principal('clerk', role_name => 'clerk'), crm.create_principal('desk', kind => 'team');
SELECT crm.add_principal_alias('anna', 'anna@example.com');
SELECT crm.add_member('anna', 'zulu', 'chief'), crm.add_member('clerk', 'north', 'seller', tstzrange('2020-01-01Z', '2099-01-01Z')), crm.add_member('desk', 'service');
SELECT crm.add_member('clerk', 'south', 'seller', tstzrange('2020-01-01Z', '2021-01-01Z')); -- over, and in no document
SELECT crm.add_unit_role('service', 'clerk'), crm.add_team_member('desk', 'clerk'), crm.deny('clerk', 'opportunity', 'export', reason => 'notice given');
SELECT crm.create_funnel('sales', 'opportunity', '[{"key": "new", "department": "sales"}, {"key": "offer", "milestone": "opportunity", "probability": 0.4, "expected": "14 days"},
    {"key": "won", "kind": "won", "milestone": "won", "department": "service"}, {"key": "lost", "kind": "lost", "milestone": "lost"}]');
SELECT crm.create_funnel('desk', 'ticket', '["open", {"key": "waiting", "kind": "waiting"}, {"key": "solved", "kind": "won", "milestone": "won"}]');
SELECT crm.add_stage_alias('sales', 'gewonnen', 'won');
SELECT crm.add_stage('sales', '{"key": "pitch", "position": 150}'), crm.add_stage('sales', '{"key": "demo", "position": 160}'), crm.add_stage('sales', '{"key": "fair", "position": 10}');
SELECT crm.retire_stage('sales', 'pitch', 'demo'), crm.retire_stage('sales', 'demo', 'offer'), crm.retire_stage('sales', 'fair');
SELECT crm.allow_transition('sales', NULL, 'new'), crm.allow_transition('sales', 'new', 'offer', role => 'seller', required => '{amount}'), crm.allow_transition('sales', 'offer', 'won', mode => 'flag');
SELECT crm.add_refusal_reason('sales', 'no budget', 'ask again next year'), crm.set_handover_limit('sales', 'sales', 'service', '8 hours', 'desk');
SELECT * FROM crm.adopt('shop.customers', 'customer', department => 'sales', columns => '{"full_name": "name", "email": "lower(mail)", "unit": "region"}');
SELECT * FROM crm.adopt('shop.deals', 'opportunity', department => 'sales', funnel => 'sales', fallback_unit => 'north', columns =>
    '{"amount": "value", "stage": "status", "created_at": "opened", "closed_at": "closed", "unit": "region"}');
SELECT * FROM crm.adopt('shop.tickets', 'ticket', department => 'service', funnel => 'desk', zone => 'Europe/Madrid', columns =>
    '{"customer": {"column": "customer", "of": "shop.customers"}, "stage": "status", "priority": "priority", "opened_at": "opened", "resolved_at": "solved", "unit": "region"}');
SELECT crm.create_funnel('delivery', 'project', '["begun", "tested", {"key": "done", "kind": "won"}]');
SELECT * FROM crm.adopt('jobs', 'project', funnel => 'delivery', columns => '{"customer": "customer", "opportunity": ["deal_shop", "deal_no"],
    "stage": {"begun": "begun", "tested": "tested", "done": "finished"}}');
SELECT * FROM crm.adopt('shop."Odd Name"', 'lead', columns => '{"full_name": "\"who''s\"", "given_name": "coalesce(\"first\", ''no one'')"}');
SELECT crm.protect('shop.deals', '{"organisation": "region"}', fallback_unit => 'north');
SELECT crm.mask('shop.deals', '{"phone": "right(phone, 2)", "buyer": null}');
SELECT crm.set_survivorship('email', 'most_trusted', '{sales,shop.customers}'), crm.share_attribute('phone', 'all call back'), crm.set_contact_basis('service', 'contract', 'they bought');
SELECT crm.define_component('zz_big', 'opportunity', 'closed_at', 'amount > 100', '{"amount": "amount"}'), crm.define_kpi('bigs', 'Big deals', 'zz_big.amount'), crm.define_kpi('big_twice', 'Twice', 'bigs / won_count', kind => 'derived');
SELECT crm.define_kpi('half', 'Half', 'opportunity_closed.amount', kind => 'percentile', quantile => 0.5);
SELECT crm.count_values('half');
SELECT crm.set_kpi('bigs', owner => 'sales', certification => 'certified', valid_until => '2099-12-31', not_additive => '{channel}'), crm.set_kpi_parameter('gross_margin', 0.6);
SELECT crm.set_sla('urgent', 'ticket', 'priority = ''high''', 'resolution', '4 hours', 'desk', '{waiting}', warn_at => 0.5, "position" => 10);
SELECT crm.set_credit('north', '{"north": 0.6, "service": 0.4}', since => '2026-01-01', until => '2026-06-30');
SELECT crm.set_goal('grow', 'won_value', 1000, '2026-01-01', '2026-12-31', unit => 'sales', departments => '{"sales": 0.7, "service": 0.3}', accountable => 'anna'), crm.set_goal_owner('grow', 'clerk');
SELECT crm.create_endpoint('chat', 'slack', 'anna', 'chat', 'for Anna'), crm.create_endpoint('pager', 'pagerduty', 'desk', 'pager', retries => '{1 minute, 1 hour}');
SELECT crm.set_delivery_policy('chat', per_second => 1, unanswered => 'hold', max_in_flight => 3), crm.enable_endpoint('pager', false), crm.set_delivery_retention(30), crm.set_alert_retention(365);
SELECT crm.set_link_template('kpi', 'https://app.example/kpi/{key}'), crm.set_link_template('unit', 'http://intern/unit/{key}', allow_http => true);
SELECT crm.create_rule('z-first', 'won_value', unit => 'sales', fire_level => 100, clear_level => 120, hold_for => '1 day', min_denominator => 3);
SELECT crm.create_rule('a-second', 'won_value', 'change', scope => 'below', unit => 'sales', fire_level => -0.2, inhibited_by => '{z-first,a-second}', endpoint => 'chat');
SELECT crm.create_rule('pace', kind => 'pace', goal => 'grow'), crm.create_rule('late', sla => 'urgent', kind => 'warning'), crm.create_rule('unanswered', handover => 'sales', kind => 'warning', warn_before => '2 hours');
SELECT crm.create_rule('stuck', condition => 'public.stuck(text,date,date)', direction => 'above', fire_level => 2), crm.create_rule('odd', 'won_count', 'anomaly'), crm.create_rule('odd-hour', 'won_count', 'anomaly', grain => 'hour'), crm.create_rule('silent', 'won_count', 'no_data', urgency => 'low');
SELECT crm.enable_rule('odd', false), crm.subscribe('anna', rule => 'pace'), crm.subscribe('anna', unit => 'sales');
SELECT crm.allow_report('anna'), crm.set_attention('anna', 5, '22:00-07:00', '{6,7}', 'daily', group_for => '1 minute'), crm.subscribe(role => 'chief', rule => 'late'), crm.subscribe(members_of => 'service', kpi => 'won_count');
SELECT crm.set_escalation('z-first', '30 minutes', 'clerk'), crm.set_escalation('z-first', '1 day', role => 'chief');
SQL

my $document = $team->run('SELECT jsonb_pretty(crm.export_config())');
$team->prints(q(SELECT string_agg(s.section, ' ' ORDER BY s."position") FROM crm.config_section s WHERE NOT crm.export_config() ? s.section), '', 'every section has an entry here');
unlike($document, qr/whsec|hooks\.|password/, 'no secret');
$team->prints("SELECT * FROM crm.apply_config(crm.export_config())", '', 'applied where it comes from it changes nothing');

# a table of configuration that is in no section would be lost without a word
$team->prints(<<'SQL', '', 'every table that keeps what somebody has said is in a section, or is known not to be configuration');
SELECT string_agg(c.relname, ' ' ORDER BY c.relname)
FROM pg_extension e JOIN pg_class c ON c.oid = ANY (e.extconfig) AND c.relkind = 'r'
WHERE e.extname = 'crm'
  AND NOT EXISTS (SELECT FROM crm.config_section s WHERE s.entries ~ ('\m' || c.relname || '\M') OR s.entries LIKE '%funnel_entry(%' AND c.relname = 'funnel_stage'
    OR s.entries LIKE '%typed_columns(%' AND c.relname = 'adoption_attribute')
  AND c.relname NOT IN (
    -- follow from what is in the document
    'filling', 'attached_trigger', 'protection_member', 'protection_left', 'adoption_left', 'masked_grant', 'unit_past', 'tracking', 'tracking_date', 'team_kpi_term', 'kpi_instance',
    'kpi_successor', 'kpi_dims', 'kpi_rollup', 'kpi_pending', 'kpi_broken', 'kpi_member', 'kpi_counted', 'kpi_value_key', 'clock_table', 'record_clock', 'clock_touched',
    'clock_paused', 'clock_broken', 'rule_schedule', 'rule_state', 'funnel_change', 'handover_anchor', 'handover_promise', 'handover_happening', 'probability_model', 'learned_probability',
    -- records, and what people did with single ones
    'record_dirty', 'customer_dirty', 'verdict', 'link_model', 'link_parameter', 'link_frequency', 'link_block', 'link_key', 'link_dirty', 'link_doubt', 'record_copy', 'record_link', 'golden_value',
    'customer_registry', 'merged_record', 'consent_entry', 'consent_cover', 'consent_problem', 'restriction', 'restricted_record', 'parked_record', 'tombstone', 'tombstone_key', 'erasure',
    'suppressed_record', 'released_record', 'export_made', 'row_merge', 'merge_change', 'merge_held', 'merge_finding', 'merge_redirected', 'identification', 'shared_record', 'soft_reference',
    'transition_gone', 'transition_log', 'handover_answer', 'review', 'review_entry', 'goal_check_in', 'silence', 'alert_log', 'alert_transition', 'delivery_queue',
    'delivery_history', 'delivery_attempt', 'action', 'daemon', 'alert_escalation', 'alert_told', 'waiting_notice',
    -- numbers
    'exchange_rate', 'plan', 'kpi_closing', 'kpi_closing_sum', 'kpi_closed_fact', 'forecast_snapshot')
SQL

# a second database with the same tables
$node->safe_psql('postgres', 'CREATE DATABASE other');
my $other = bless { node => $node, database => 'other' }, 'TeamDatabase';
$other->run('CREATE SCHEMA crm; CREATE EXTENSION crm SCHEMA crm;' . $tables);
my $given = "\\set document `cat $node->{_basedir}/config.json`\n";
append_to_file("$node->{_basedir}/config.json", $document);
$other->prints("$given SELECT action, count(*) FROM crm.apply_config(:'document', dry_run => true) GROUP BY 1", 'add|' . $team->run(
    'SELECT sum(jsonb_array_length(s.value)) FROM jsonb_each(crm.export_config()) s'), 'a dry run says what would be added');
$other->prints('SELECT crm.export_config()', '{}', 'and adds nothing');
$other->prints(q(SELECT count(*) FROM pg_trigger WHERE tgrelid = 'shop.deals'::regclass AND NOT tgisinternal), '0', 'nor touches a table');
$other->run("$given SELECT * FROM crm.apply_config(:'document')");
is($other->run('SELECT jsonb_pretty(crm.export_config())'), $document, 'applied, it is exported as the same document');
$other->prints("$given SELECT * FROM crm.apply_config(:'document')", '', 'a second time nothing is to be done');
$other->prints(q(SELECT count(*) > 3 FROM pg_trigger WHERE tgrelid = 'shop.deals'::regclass AND NOT tgisinternal), 't', 'tables are adopted');
$other->prints(q(SELECT relrowsecurity FROM pg_class WHERE oid = 'shop.deals'::regclass), 't', 'and protected');

# as typed by hand: a mapping is the same in other words
$other->prints(q(SELECT count(*) FROM crm.apply_config('{"adoptions": [{"relation": "shop.tickets", "columns": {"id": ["id"], "customer": {"of": "shop.customers", "column": "customer"}, "stage": "status",
    "priority": {"column": "priority"}, "opened_at": "opened", "resolved_at": "solved", "unit": "region"}},
    {"relation": "shop.deals", "columns": {"id": ["shop", "no"], "amount": "value", "stage": "status", "created_at": "opened", "closed_at": "closed", "unit": "region"}}]}') WHERE action <> 'extra'), '0',
    'a document that says the same in other words changes nothing');
# a column that is renamed is followed by the document
$other->run('ALTER TABLE jobs RENAME tested TO probed; ALTER TABLE shop.customers RENAME region TO place');
$other->prints(q(SELECT e -> 'columns' FROM jsonb_array_elements(crm.export_config() -> 'adoptions') e WHERE e ->> 'relation' = 'public.jobs'),
    $team->run(q(SELECT replace((e -> 'columns')::text, ': "tested"', ': "probed"') FROM jsonb_array_elements(crm.export_config() -> 'adoptions') e WHERE e ->> 'relation' = 'public.jobs')), 'and says what it is called now');
$other->run('ALTER TABLE jobs RENAME probed TO tested; ALTER TABLE shop.customers RENAME place TO region');
is($other->run('SELECT jsonb_pretty(crm.export_config())'), $document, 'named as before, it is exported as before');

# changes
$other->prints(q(SELECT * FROM crm.apply_config('{"units": [{"key": "south", "parent": "zulu", "description": "deep"}], "roles": [{"key": "auditor"}],
    "rules": [{"key": "z-first", "fire_level": 90}], "home_currency": [{"currency": "USD"}]}') WHERE action <> 'extra'),
    join("\n", 'home_currency|change|{"currency": ["EUR", "USD"]}', 'units south|change|{"parent": ["sales", "zulu"], "description": [null, "deep"]}',
        'roles auditor|add|{"key": "auditor", "name": "auditor"}', 'rules z-first|change|{"fire_level": [100, 90]}'), 'what is other is changed');
$other->prints(q(SELECT * FROM crm.apply_config('{"units": [{"key": "south", "description": null}]}') WHERE action <> 'extra'),
    'units south|change|{"description": ["deep", null]}', 'null takes a field away');
$other->prints(q(SELECT * FROM crm.apply_config('{"hierarchies": [{"key": "products", "name": "By what we sell"}], "endpoints": [{"key": "chat", "description": "for Anna and all"}]}') WHERE action <> 'extra'),
    "hierarchies products|change|{\"name\": [\"By product\", \"By what we sell\"]}\nendpoints chat|change|{\"description\": [\"for Anna\", \"for Anna and all\"]}", 'what is only said of a thing can be said otherwise');
$other->prints(q(SELECT path FROM crm.apply_config('{"roles": [{"key": "seller"}, {"key": "chief"}, {"key": "clerk"}]}') WHERE action = 'extra'), 'roles auditor', 'what is more is said');
$other->prints(q(SELECT path, action FROM crm.apply_config('{"roles": [{"key": "seller"}, {"key": "chief"}, {"key": "clerk"}], "subscriptions": [{"principal": "anna", "unit": "sales"}]}',
    remove_extra => true)), "roles auditor|remove\nsubscriptions service, won_count|remove\nsubscriptions chief, late|remove\nsubscriptions chat, a-second|remove\nsubscriptions anna, pace|remove", 'and taken away');
$other->run("$given SELECT * FROM crm.apply_config(:'document')");
is($other->run('SELECT jsonb_pretty(crm.export_config())'), $document, 'the document brings everything back');

# stages become what the document says by the calls that change, retire and reopen them
my $stages = q('{"funnels": [{"funnel": "sales", "label": "Selling", "stages": ["lost", {"key": "new", "label": "Fresh", "position": 100, "milestone": "opportunity"},
    {"key": "trial", "position": 250, "department": "sales"}, {"key": "offer", "expected": "2 weeks", "milestone": null, "probability": 0.5, "retired": true, "successor": "trial"},
    {"key": "won", "department": null, "aliases": ["gewonnen"]}, {"key": "demo", "retired": false}, {"key": "pitch", "retired": true, "successor": null}, {"key": "fair", "retired": true, "successor": "new"}]}]}');
my @stages = ('funnels sales', 'change', '{"label": ["Sales", "Selling"], "stages": [[{"key": "fair"}, {"key": "new", "label": "New"}, {"key": "pitch", "successor": "demo"}, '
    . '{"key": "demo", "retired": true, "successor": "offer"}, {"key": "offer", "milestone": "opportunity", "probability": 0.4}, {"key": "won", "department": "service"}], '
    . '[{"key": "fair", "successor": "new"}, {"key": "new", "label": "Fresh", "milestone": "opportunity"}, {"key": "pitch"}, {"key": "demo"}, '
    . '{"key": "offer", "retired": true, "successor": "trial", "probability": 0.5}, {"key": "trial", "kind": "active", "label": "Trial", "position": 250, "department": "sales"}, {"key": "won"}]]}');
$other->prints("SELECT * FROM crm.apply_config($stages, dry_run => true) WHERE action <> 'extra'", join('|', @stages), 'a dry run says what of which stage would be other');
is($other->run('SELECT jsonb_pretty(crm.export_config())'), $document, 'and nothing is');
$other->prints("SELECT * FROM crm.apply_config($stages) WHERE action <> 'extra'", join('|', @stages), 'applied, it is');
$other->prints(q(SELECT string_agg(concat_ws(' ', change, stage), ', ' ORDER BY version) FROM crm.funnel_history WHERE version > (SELECT max(version) - 10 FROM crm.funnel_history WHERE funnel = 'sales') AND funnel = 'sales'),
    'changed offer, changed new, added trial, changed offer, changed won, reopened demo, retired fair, retired offer, reopened pitch, retired pitch', 'the history of the funnel has every step');
$other->prints(q(SELECT string_agg(stage || coalesce('>' || read_as, ''), ' ' ORDER BY position) FROM crm.funnel_stage WHERE funnel = 'sales'), 'fair>new new pitch demo offer>trial trial won lost', 'history is read where it leads');
$other->prints("SELECT * FROM crm.apply_config($stages) WHERE action <> 'extra'", '', 'a second time nothing is to be done');
$other->prints('SELECT version FROM crm.funnel WHERE funnel = \'sales\'', $other->run(q(SELECT max(version) FROM crm.funnel_history WHERE funnel = 'sales')), 'and no version begins');
$other->prints(q(SELECT * FROM crm.apply_config('{"funnels": [{"funnel": "sales", "stages": [{"key": "demo", "milestone": "sql", "retired": true, "successor": "trial"}]}]}') WHERE action <> 'extra'),
    'funnels sales|change|{"stages": [[{"key": "demo"}, {"key": "trial"}], [{"key": "demo", "retired": true, "successor": "trial"}, {"key": "trial", "milestone": "sql"}]]}', 'the successor takes over the milestone');
$other->prints(q(SELECT * FROM crm.apply_config('{"funnels": [{"funnel": "sales", "stages": [{"key": "demo", "milestone": "sql", "retired": true, "successor": "trial"}]}]}') WHERE action <> 'extra'),
    '', 'which is not taken back');
# as it was; the stage that was added stays, as it is not named
$other->prints(q(SELECT count(*) FROM crm.apply_config('{"funnels": [{"funnel": "sales", "label": "Sales", "stages": [{"key": "new", "label": "New", "milestone": null}, {"key": "trial", "milestone": null},
    {"key": "offer", "milestone": "opportunity", "probability": 0.4, "retired": false}, {"key": "won", "department": "service"}, {"key": "pitch", "successor": "demo", "retired": true},
    {"key": "demo", "retired": true, "successor": "offer"}, {"key": "fair", "retired": true, "successor": null}]}]}') WHERE action <> 'extra'), '1', 'and back');
$other->prints(q(SELECT string_agg(stage || coalesce('>' || read_as, ''), ' ' ORDER BY position) FROM crm.funnel_stage WHERE funnel = 'sales'), 'fair new pitch>offer demo>offer offer trial won lost', 'with its successors');
$document = $other->run('SELECT jsonb_pretty(crm.export_config())');

# what is wrong is refused, and nothing is done
for my $wrong (
    [ 'NULL', 'RM005', qr/a configuration is a JSON object/ ],
    [ q('[1]'), 'RM005', qr/a configuration is a JSON object/ ],
    [ q('{"unit": []}'), 'RM001', qr/section of the configuration "unit" does not exist.*Perhaps you meant "units"/s ],
    [ q('{"units": {}}'), 'RM005', qr/no list of objects/ ],
    [ q('{"units": [1]}'), 'RM005', qr/no list of objects/ ],
    [ q('{"units": [{"key": "x", "parnt": "zulu"}]}'), 'RM001', qr/field of section "units" "parnt" does not exist.*Perhaps you meant "parent"/s ],
    [ q('{"units": [{"key": "west", "parent": "zulu"}, {"key": "west"}]}'), 'RM005', qr/names \["west"\] twice/ ],
    [ q('{"units": [{"key": "west", "parent": "zulu"}, {"key": "east", "parent": "nowhere"}]}'), 'RM001', qr/unit "nowhere" does not exist.*In section "units", entries: \["east"\]/s ],
    [ q('{"units": [{"key": "west", "parent": "zulu"}], "rules": [{"key": "late", "kind": "breech"}]}'), 'RM001', qr/Perhaps you meant "breach"/ ],
    [ q('{"endpoints": [{"key": "chat", "audience": "desk"}]}'), '55000', qr/cannot be changed so by a document.*"audience": \["anna", "desk"\]/s ],
    [ q('{"goals": [{"goal": "grow", "target": "much"}]}'), '22P02', qr/invalid input syntax for type numeric/ ],
    # keys within entries, too
    [ q('{"adoptions": [{"relation": "shop.tickets", "columns": {"prioritty": "priority"}}]}'), 'RM001', qr/Perhaps you meant "priority"/ ],
    [ q('{"adoptions": [{"relation": "shop.more", "entity": "tickt", "columns": {}}]}'), '42P01', qr/relation "shop.more" does not exist/ ],
    [ q('{"funnels": [{"funnel": "new", "subject": "ticket", "stages": [{"key": "a", "mileston": "won"}]}]}'), 'RM001', qr/Perhaps you meant "milestone"/ ],
    [ q('{"funnels": [{"funnel": "sales", "stages": [{"key": "extra", "labell": "More"}]}]}'), 'RM001', qr/Perhaps you meant "label"/ ],
    [ q('{"funnels": [{"funnel": "sales", "stages": [{"key": "offer", "probabilty": 0.5}]}]}'), 'RM001', qr/Perhaps you meant "probability"/ ],
    [ q('{"funnels": [{"funnel": "sales", "stages": [{"key": "won", "position": 350}]}]}'), 'RM301', qr/position of stage "won".*It is 300, and the document says 350.*Write "position": 300/s ],
    [ q('{"funnels": [{"funnel": "sales", "subject": "lead"}]}'), '55000', qr/subject of funnel "sales" never changes.*Write "subject": "opportunity"/s ],
    [ q('{"funnels": [{"funnel": "sales", "stages": [{"key": "won", "aliases": ["gewonnen", "signed"]}]}]}'), '55000', qr/aliases of stage "won".*"signed" means no stage.*Write "stage_aliases": \[\{"alias": "signed"/s ],
    [ q('{"funnels": [{"funnel": "sales", "stages": [{"key": "won", "aliases": 1}]}]}'), 'RM005', qr/JSON array of texts/ ],
    [ q('{"funnels": [{"funnel": "sales", "stages": [{"key": "offer", "milestone": "won"}]}]}'), 'RM302', qr/milestone "won" of funnel "sales" is taken by stage "won"/ ],
    [ q('{"funnels": [{"funnel": "sales", "stages": [{"key": "offer", "label": "new"}]}]}'), 'RM302', qr/is taken by stage "new"/ ],
    [ q('{"funnels": [{"funnel": "sales", "stages": [{"key": "offer", "successor": "won"}]}]}'), 'RM005', qr/has a successor and is not retired.*Write "retired": true/s ],
    [ q('{"funnels": [{"funnel": "sales", "stages": [{"key": "offer", "retired": "yes"}]}]}'), 'RM005', qr/retirement of stage "offer" cannot be read/ ],
    [ q('{"funnels": [{"funnel": "sales", "stages": [{"key": "offer", "retired": true, "successor": "woon"}]}]}'), 'RM001', qr/Perhaps you meant "sales:won"/ ],
    [ q('{"funnels": [{"funnel": "sales", "stages": [{"key": "offer", "retired": true, "successor": "demo"}]}]}'), 'RM005', qr/cannot be its own successor/ ],
    [ q('{"funnels": [{"funnel": "sales", "stages": [{"key": "offer"}, "offer"]}]}'), 'RM005', qr/names stage "offer" twice/ ],
    [ q('{"funnels": [{"funnel": "sales", "stages": {"key": "offer"}}]}'), 'RM005', qr/are a JSON array/ ],
    [ q('{"calendars": [{"key": "night", "zone": "UTC", "hours": {"mno": []}}]}'), 'RM001', qr/Perhaps you meant "mon"/ ],
    [ q('{"calendars": [{"key": "night", "zone": "Europe/Amsterdm"}]}'), 'RM001', qr/Perhaps you meant "Europe\/Amsterdam"/ ],
    [ q('{"goals": [{"goal": "grow", "departments": {"sale": 1}}]}'), 'RM001', qr/Perhaps you meant "sales"/ ],
    [ q('{"credits": [{"unit": "north", "credits": {"nort": 1}, "since": "2027-01-01"}]}'), 'RM001', qr/Perhaps you meant "north"/ ],
    [ q('{"protections": [{"relation": "shop.tickets", "units": {"organisaton": "region"}}]}'), 'RM001', qr/Perhaps you meant "organisation"/ ],
    [ q('{"protections": [{"relation": "shop.tickets", "units": {"organisation": "regio"}}]}'), 'RM001', qr/Perhaps you meant "region"/ ],
    [ q('{"components": [{"component": "more", "entity": "opportunity", "day": "closed_att"}]}'), 'RM001', qr/Perhaps you meant/ ],
    # what is adopted stays as it is, and it is said what to do
    [ q('{"adoptions": [{"relation": "shop.deals", "entity": "lead"}]}'), '55000', qr/is adopted otherwise than the document says.*"entity": \["opportunity", "lead"\].*SELECT crm.disown\('shop.deals'\); and apply the document again/s ],
    [ q('{"adoptions": [{"relation": "public.jobs", "columns": {"customer": "customer", "stage": {"begun": "begun", "done": "finished"}}}]}'), '55000', qr/DETAIL:.*"stage": \[\{"done".*"tested".*\}, \{"done": "finished", "begun": "begun"\}\].*disown/s ],
    [ q('{"adoptions": [{"relation": "public.jobs", "columns": {"customer": "customer", "stage": {"begun": "begn"}}}]}'), 'RM002', qr/begn/ ],
    [ q('{"adoptions": [{"relation": "shop.gone", "entity": "lead"}]}'), '42P01', qr/relation "shop.gone" does not exist/ ]) {
    my ($config, $state, $like) = @$wrong;
    $other->refused("SELECT * FROM crm.apply_config($config)", $state, $like, "refused: $config");
}
is($other->run('SELECT jsonb_pretty(crm.export_config())'), $document, 'all of that has changed nothing');
for my $call ('export_config()', q(apply_config('{}'))) {
    $other->refused("SET ROLE clerk; SELECT * FROM crm.$call", '42501', qr/permission denied/, "$call is for administrators");
}
done_testing();
