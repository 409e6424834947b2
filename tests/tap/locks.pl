# The locks of every public call that writes, as docs/operations.md has them: each call of docs/ that changes something runs in a transaction of
# its own, which is looked at in pg_locks and rolled back. A call that the pages name and that is not here is a failure.
use strict;
use warnings;
use lib '.';
use PostgreSQL::Test::Utils;
use TeamDatabase;
use Test::More;

my $team = TeamDatabase->new('locks');
$team->run(<<'SQL');
SELECT crm.set_calendar('default', 'UTC');
CREATE TABLE accounts (id integer PRIMARY KEY, name text, email text);
CREATE TABLE deals (id integer GENERATED ALWAYS AS IDENTITY, account integer, region text, amount numeric, stage text, opened date, closed date, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE deals_1 PARTITION OF deals FOR VALUES FROM (0) TO (1000);
CREATE TABLE notes (id integer PRIMARY KEY, deal integer, account integer REFERENCES accounts, region text, said text);
CREATE TABLE spare (id integer PRIMARY KEY, email text, region text);
CREATE TABLE visits (id integer PRIMARY KEY, at timestamptz, visitor text);
CREATE TABLE later (id integer PRIMARY KEY, stage text, opened date);
CREATE SCHEMA reports;
INSERT INTO accounts VALUES (1, 'Acme', 'info@acme.example'), (2, 'Acme Ltd', 'sales@acme.example'), (3, 'Bolt', 'x@bolt.example'), (4, 'Bolt BV', 'x@bolt.example');
SELECT crm.create_unit('acme', 'Acme', 'business'), crm.create_unit('sales', 'Sales', 'functional', 'acme'), crm.create_unit('service', 'Service', 'functional', 'acme'),
    crm.create_unit('north', 'North', parent => 'sales'), crm.create_unit('empty', 'Empty', parent => 'sales');
SELECT crm.install_role_templates();
CREATE ROLE locks_anna LOGIN;
CREATE ROLE locks_new LOGIN;
SELECT crm.create_principal('postgres', role_name => 'postgres'), crm.create_principal('anna', 'Anna', role_name => 'locks_anna'), crm.create_principal('team', kind => 'team');
SELECT crm.add_member('postgres', 'acme', 'manager'), crm.add_member('anna', 'acme', 'manager');
SELECT count(*) FROM crm.adopt('later', 'opportunity', columns => '{"stage": "stage", "created_at": "opened"}');
SELECT crm.create_funnel('sales', 'opportunity', '[{"key": "open", "department": "sales", "position": 100, "kind": "entry"}, {"key": "won", "milestone": "won", "kind": "won", "department": "service", "position": 200},
    {"key": "lost", "kind": "lost", "position": 900}]');
SELECT count(*) FROM crm.adopt('accounts', 'customer', department => 'sales', columns => '{"full_name": "name", "email": "email"}');
SELECT count(*) FROM crm.adopt('deals', 'opportunity', department => 'sales', funnel => 'sales',
    columns => '{"customer": {"column": "account", "of": "public.accounts"}, "unit": "region", "amount": "amount", "stage": "stage", "created_at": "opened", "closed_at": "closed"}');
SELECT count(*) FROM crm.adopt('visits', 'touch', columns => '{"at": "at", "anonymous_id": "visitor"}');
CALL crm.backfill('accounts');
CALL crm.backfill('deals');
CALL crm.backfill('visits');
INSERT INTO deals (account, region, amount, stage, opened) SELECT 1 + n % 3, 'north', n, 'open', current_date - 9 FROM generate_series(1, 20) n;
INSERT INTO visits VALUES (1, now(), 'v1');
UPDATE deals SET stage = 'won', closed = current_date WHERE id <= 3;
CALL crm.resolve();
SELECT crm.settle_transitions(), crm.fold();
SELECT count(*) FROM crm.protect('public.notes', '{"organisation": "region"}', object => 'ticket');
INSERT INTO notes VALUES (1, 1, 1, 'north', 'hello');
SELECT crm.share('public.notes', '1', 'anna', reason => 'a test');
SELECT crm.rotate_token_key();
SELECT crm.create_endpoint('chat', 'webhook', 'anna', 'chat');
SELECT crm.create_rule('win', 'win_rate', fire_level => 2, endpoint => 'chat');
UPDATE crm.rule_schedule SET next_at = now();
SELECT crm.finish_rule(c.rule, c.epoch) FROM crm.claim_rules('t', 10, '1 minute') c;
SELECT crm.silence(now() + interval '1 hour', rule => 'win');
SELECT crm.set_goal('year', 'won_count', 5, current_date - 30, current_date + 30, accountable => 'anna');
SELECT crm.merge('accounts', '3', '{4}', 'a test');
SELECT crm.start_access_review('acme');
SELECT crm.add_refusal_reason('sales', 'not-ready');
SELECT crm.define_kpi('names', 'Names', 'opportunity_closed.name', kind => 'distinct');
SELECT crm.deny('anna', 'lead', 'delete', reason => 'a test');
SELECT crm.add_unit_alias('north', 'N');
SELECT crm.identify('v9', (SELECT min(customer_id) FROM crm.customer));
SELECT crm.set_golden_value((SELECT min(customer_id) FROM crm.customer), 'name', 'ACME', 'a test');
SQL

my %call = map { chomp; /^([a-z_]+): (.*)$/ ? ($1 => $2) : () } <DATA>;
# Why some are not here: procedures commit as they go.
my %exempt = (backfill => 'commits after each room: register_records and capture_rows read by ACCESS SHARE', resolve => 'commits after each step',
    acknowledge_handover_event => 'nothing happened', forget_parked => 'no table was dropped', forget_adoption => 'likewise', forget_protection => 'likewise', release_record => 'nobody was erased');

my @rank = qw(AccessShareLock RowShareLock RowExclusiveLock ShareUpdateExclusiveLock ShareLock ShareRowExclusiveLock ExclusiveLock AccessExclusiveLock);
my $look = sprintf q(SELECT 'locks|%%s|' || coalesce((array_agg(mode ORDER BY array_position('{%s}', mode) DESC) FILTER (WHERE nspname = 'public'))[1], '') || '|' ||
        coalesce((array_agg(mode ORDER BY array_position('{%s}', mode) DESC) FILTER (WHERE nspname IN ('crm', 'crm_bi')))[1], '')
    FROM (SELECT l.mode, n.nspname FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
          WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' AND c.relkind IN ('r', 'p')) x;), (join ',', @rank) x 2;
my $script = "SET client_min_messages = error;\n";
for my $name (sort keys %call) {
    $script .= "\\echo call $name\nBEGIN;\n\\o /dev/null\n$call{$name};\n\\o\n" . sprintf($look, $name) . "\nROLLBACK;\n";
}
my ($out, $err) = ('', '');
$team->node->psql('team', $script, stdout => \$out, stderr => \$err, on_error_stop => 0);
my %seen = map { /^locks\|(\w+)\|(\w*)\|(\w*)$/ ? ($1 => [ $2, $3 ]) : () } split /\n/, $out;
is(join("\n", grep { /ERROR/ && !/transaction is aborted/ } split /\n/, $err), '', 'every call works');
is(join(', ', grep { !$seen{$_} } sort keys %call), '', scalar(keys %call) . ' calls were looked at');

# All of them: volatile functions that somebody but crm itself may call, and that a page names as a call.
my $pages = join '', map { slurp_file($_) } grep { !/source-tour|exactness|developing/ } glob("$ENV{CRM_STAGE}/docs/*.md $ENV{CRM_STAGE}/README.md");
my @public = split /\n/, $team->run(<<'SQL');
SELECT DISTINCT p.proname FROM pg_proc p
WHERE p.pronamespace = 'crm'::regnamespace AND p.provolatile = 'v' AND p.prokind IN ('f', 'p') AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
  AND (has_function_privilege('pg_monitor', p.oid, 'EXECUTE')
       OR EXISTS (SELECT FROM crm.function_audience a WHERE a.signature LIKE p.proname || '(%' AND a.audience <> 'internal'))
ORDER BY 1
SQL
my @named = grep { $pages =~ /\b$_\s*\(/ } @public;
is(join(', ', grep { !$call{$_} && !$exempt{$_} } @named), '', scalar(@named) . ' calls that write are named by the pages, and here');

my %say = map { $_ => uc(s/Lock$//r =~ s/(?<=[a-z])(?=[A-Z])/ /gr) } @rank;
my %number = map { $rank[$_] => $_ } 0 .. $#rank;
my %strong = map { $_ => 1 } grep { ($number{ $seen{$_}[0] } // 0) > 1 || ($number{ $seen{$_}[1] } // 0) > 2 } keys %seen;
my %by;
push @{ $by{"$seen{$_}[0]|$seen{$_}[1]"} }, $_ for sort keys %strong;
my $table = "| calls | yours | crm's |\n|---|---|---|\n" . join '', map {
    my ($yours, $own) = split /\|/;
    sprintf "| %s | %s | %s |\n", join(', ', map { "`$_`" } @{ $by{$_} }), map { $say{ $_ // '' } // '' } $yours, $own;
} sort { $by{$a}[0] cmp $by{$b}[0] } keys %by;
my ($written) = slurp_file("$ENV{CRM_STAGE}/docs/operations.md") =~ /^(\| calls \| yours.*?)\n\n/ms;
is("$written\n", $table, 'the table of docs/operations.md is what pg_locks says');
$team->node->stop;
done_testing();
__DATA__
accept_handover: SELECT crm.accept_handover((SELECT min(handover) FROM crm.handover))
acknowledge: SELECT crm.acknowledge((SELECT min(id) FROM crm.alert))
act: SELECT crm.act(crm.issue_action('anna', '{acknowledge}', alert => (SELECT min(id) FROM crm.alert)), 'acknowledge')
add_holiday: SELECT crm.add_holiday('default', '2026-12-25')
add_members: SELECT crm.add_members('north', '{"anna": "sales"}')
add_member: SELECT crm.add_member('anna', 'north', 'sales')
add_principal_alias: SELECT crm.add_principal_alias('anna', 'a.n.')
add_refusal_reason: SELECT crm.add_refusal_reason('sales', 'too-late')
add_stage_alias: SELECT crm.add_stage_alias('sales', 'gewonnen', 'won')
add_stage: SELECT crm.add_stage('sales', '{"key": "talk", "position": 150, "department": "sales"}')
add_team_member: SELECT crm.add_team_member('team', 'anna')
add_unit_alias: SELECT crm.add_unit_alias('north', 'NN')
add_unit_role: SELECT crm.add_unit_role('north', 'sales')
adopt: SELECT count(*) FROM crm.adopt('spare', 'customer', columns => '{"email": "email"}')
allow_report: SELECT crm.allow_report('anna')
allow_transition: SELECT crm.allow_transition('sales', 'open', 'won')
apply_config: SELECT count(*) FROM crm.apply_config(crm.export_config())
bind_principal: SELECT crm.bind_principal('team', 'locks_new')
capture: SELECT count(*) FROM crm.capture('deals')
change_rule: SELECT crm.change_rule('win', '{"fire_level": 0.5}')
change_stage: SELECT crm.change_stage('sales', 'open', '{"label": "Open"}')
check_in: SELECT crm.check_in('year', 'fine')
close_period: SELECT count(*) FROM crm.close_period(current_date - 10, 'won_count')
count_unmapped: SELECT crm.count_unmapped('notes')
count_values: SELECT count(*) FROM crm.count_values('names')
create_endpoint: SELECT crm.create_endpoint('other', 'webhook', 'anna', 'other')
create_funnel: SELECT crm.create_funnel('new', 'opportunity', '[{"key": "a"}]')
create_hierarchy: SELECT crm.create_hierarchy('products')
create_kpi_view: SELECT crm.create_kpi_view('reports.mine', '{won_count}')
create_principal: SELECT crm.create_principal('ben')
create_role: SELECT crm.create_role('clerk')
create_rule: SELECT crm.create_rule('new', 'won_count', fire_level => 1)
create_unit: SELECT crm.create_unit('south', 'South', parent => 'sales')
date_unit: SELECT crm.date_unit('acme', now() - interval '1 year')
decide_access_review: SELECT crm.decide_access_review((SELECT min(entry) FROM crm.access_review), 'confirm')
decide: SELECT crm.decide(('accounts', '1'), ('accounts', '2'), 'same')
define_component: SELECT crm.define_component('big', 'opportunity', 'closed_at')
define_kpi: SELECT crm.define_kpi('mine', 'Mine', 'opportunity_closed.count')
deny: SELECT crm.deny('anna', 'lead', 'read')
describe_unit: SELECT crm.describe_unit('north', 'up there')
disallow_transition: SELECT crm.allow_transition('sales', 'open', 'won'), crm.disallow_transition('sales', 'open', 'won')
disown_all: SELECT crm.disown_all()
disown: SELECT crm.disown('deals')
doctor: SELECT count(*) FROM crm.doctor()
enable_endpoint: SELECT crm.enable_endpoint('chat', false)
enable_rule: SELECT crm.enable_rule('win', false)
end_silence: SELECT crm.end_silence((SELECT min(silence) FROM crm.silence))
erase_customer: SELECT crm.erase_customer(crm.customer_of('accounts', '1'), '{"public.accounts": "blank", "public.deals": {"mode": "keep", "reason": "tax"}, "public.notes": {"mode": "keep", "reason": "tax"}, "public.visits": {"mode": "keep", "reason": "x"}}', 'a test')
explain_alert: SELECT count(*) FROM crm.explain_alert((SELECT min(id) FROM crm.alert), 'anna')
export_customer: SELECT crm.export_customer((SELECT min(customer_id) FROM crm.customer))
finish_access_review: SELECT crm.finish_access_review((SELECT min(review) FROM crm.access_review), 'a test')
fold: SELECT crm.fold()
forget_alerts: SELECT crm.forget_alerts()
forget_deliveries: SELECT crm.forget_deliveries()
forget_exports: SELECT crm.forget_exports(now())
forget_merges: SELECT crm.forget_merges(now())
grant_admin: SELECT crm.grant_admin('locks_new')
grant_daemon: SELECT crm.grant_daemon('locks_new')
grant_privilege: SELECT crm.grant_privilege('sales', 'ticket', 'read')
grant_reader: SELECT crm.grant_reader('locks_new')
identify_record: SELECT crm.identify_record('v1', 'accounts', '1')
identify: SELECT crm.identify('v1', (SELECT min(customer_id) FROM crm.customer))
install_redirect: SELECT crm.install_redirect('notes', '{account}')
install_role_templates: SELECT crm.install_role_templates()
issue_action: SELECT crm.issue_action('anna', '{acknowledge}', alert => (SELECT min(id) FROM crm.alert))
issue_token: SELECT crm.issue_token('anna')
learn_probabilities: SELECT count(*) FROM crm.learn_probabilities('sales')
mask_again: SELECT count(*) FROM crm.mask('notes', '{"said": null}'); SELECT crm.mask_again('notes')
mask: SELECT count(*) FROM crm.mask('notes', '{"said": null}')
merge_preview: SELECT count(*) FROM crm.merge_preview('accounts', '1', '{2}')
merge: SELECT crm.merge('accounts', '1', '{2}')
move_unit: SELECT crm.move_unit('north', 'service')
pack_journeys: SELECT crm.pack_journeys()
promise_handover: SELECT crm.promise_handover((SELECT min(handover) FROM crm.handover), '{"by": "us"}')
protect_again: SELECT crm.protect_again('notes')
protect: SELECT count(*) FROM crm.protect('deals', '{"organisation": "region"}', object => 'opportunity')
prune_forecast_snapshots: SELECT crm.prune_forecast_snapshots()
record_consent: SELECT crm.record_consent((SELECT min(customer_id) FROM crm.customer), 'email', 'news', true, evidence => 'a form')
refuse_handover: SELECT crm.refuse_handover((SELECT min(handover) FROM crm.handover), 'not-ready')
register_records: SELECT count(*) FROM crm.register_records('accounts')
register_reference: SELECT crm.register_reference('notes', 'deal', 'deals')
remove_endpoint: SELECT crm.remove_endpoint('chat')
remove_orphan_shares: SELECT crm.remove_orphan_shares()
remove_rule: SELECT crm.remove_rule('win')
rename_unit: SELECT crm.rename_unit('north', 'Far north')
reopen_period: SELECT count(*) FROM crm.close_period(current_date - 10, 'won_count'), crm.reopen_period(current_date - 20)
reopen_unit: SELECT crm.retire_unit('empty'), crm.reopen_unit('empty')
replay_delivery: SELECT crm.replay_delivery((SELECT min(id) FROM crm.delivery))
resolve_pending: SELECT crm.resolve_pending()
restate: SELECT crm.restate('deals')
restrict_customer: SELECT crm.restrict_customer((SELECT min(customer_id) FROM crm.customer), reason => 'asked')
retire_principal: SELECT count(*) FROM crm.retire_principal('team')
retire_stage: SELECT crm.retire_stage('sales', 'lost')
retire_unit: SELECT crm.retire_unit('empty')
rotate_token_key: SELECT crm.rotate_token_key()
set_alert_retention: SELECT crm.set_alert_retention(99)
set_attention: SELECT crm.set_attention('anna', messages_per_day => 5)
set_calendar: SELECT crm.set_calendar('night', 'UTC')
set_contact_basis: SELECT crm.set_contact_basis('service', 'contract', 'a test')
set_credit: SELECT crm.set_credit('north', '{"north": 0.5, "service": 0.5}')
set_delivery_policy: SELECT crm.set_delivery_policy('chat', max_in_flight => 2)
set_delivery_retention: SELECT crm.set_delivery_retention(99)
set_escalation: SELECT crm.set_escalation('win', '1 hour', principal => 'anna')
set_fiscal_year: SELECT crm.set_fiscal_year(4)
set_goal: SELECT crm.set_goal('other', 'won_count', 5, current_date, current_date + 30, accountable => 'anna')
set_golden_value: SELECT crm.set_golden_value((SELECT min(customer_id) FROM crm.customer), 'name', 'A', 'a test')
set_handover_limit: SELECT crm.set_handover_limit('sales', 'sales', 'service', '8 hours')
set_home_currency: SELECT crm.set_home_currency('EUR')
set_kpi_parameter: SELECT crm.set_kpi_parameter('gross_margin', 0.5)
set_kpi: SELECT crm.set_kpi('won_count', owner => 'sales')
set_language: SELECT crm.set_language('anna', 'nl')
set_link_template: SELECT crm.set_link_template('act', 'https://x.example/act/{token}')
set_plan: SELECT crm.set_plan('sales', '2026-01-01', 5)
set_rate: SELECT crm.set_rate('USD', 'EUR', '2026-01-01', 0.9)
set_sla: SELECT crm.set_sla('quick', 'opportunity', 'true', 'milestone:won', '8 hours')
set_survivorship: SELECT crm.set_survivorship('email', 'most_recent')
settle_transitions: SELECT crm.settle_transitions()
share_attribute: SELECT crm.share_attribute('company', 'a test')
share: SELECT crm.share('public.notes', '1', 'team')
silence: SELECT crm.silence(now() + interval '1 hour')
start_access_review: SELECT crm.start_access_review('north')
subscribe: SELECT crm.subscribe(principal => 'anna', rule => 'win')
track: SELECT count(*) FROM crm.track('later', 'sales')
undeny: SELECT crm.undeny('anna', 'lead', 'delete')
unidentify: SELECT crm.unidentify('v9')
unmask: SELECT count(*) FROM crm.mask('notes', '{"said": null}'); SELECT crm.unmask('notes')
unmerge: SELECT crm.unmerge((SELECT max(merge_id) FROM crm.merge_log))
unprotect: SELECT crm.unprotect('notes')
unset_golden_value: SELECT crm.unset_golden_value((SELECT min(customer_id) FROM crm.customer), 'name')
unshare: SELECT crm.unshare('public.notes', '1', 'anna')
unsubscribe: SELECT crm.unsubscribe(crm.subscribe(principal => 'anna', rule => 'win'))
verify_kpi: SELECT count(*) FROM crm.verify_kpi('won_count')
