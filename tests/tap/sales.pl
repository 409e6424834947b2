# A hardware seller's CRM, as it was: accounts, products, teams and 8,800 opportunities, adopted as they stand. The
# numbers are what anybody counts in the files. Then deals are lost, and the manager's receiver hears of it.
use strict;
use warnings;
use lib '.';
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Receiver;
use TeamDatabase;
use Test::More;

TeamDatabase->require_data('sales');
my $team = TeamDatabase->new('sales');

$team->run(<<'SQL');
CREATE SCHEMA sales;
CREATE TABLE sales.account (
    account text PRIMARY KEY, sector text, year_established int, revenue numeric, employees int, office_location text,
    subsidiary_of text);
CREATE TABLE sales.product (product text PRIMARY KEY, series text, sales_price int);
CREATE TABLE sales.agent (sales_agent text PRIMARY KEY, manager text, regional_office text);
CREATE TABLE sales.pipeline (
    opportunity_id char(8) PRIMARY KEY, sales_agent text NOT NULL REFERENCES sales.agent, product text,
    account text REFERENCES sales.account, deal_stage varchar(20) NOT NULL, engage_date date, close_date date,
    close_value int);
SQL
$team->load('sales/accounts.csv', 'sales.account');
$team->load('sales/products.csv', 'sales.product');
$team->load('sales/sales_teams.csv', 'sales.agent');
$team->load('sales/sales_pipeline.csv', 'sales.pipeline');

$team->run(<<'SQL');
SELECT crm.create_unit('company', kind => 'business');
SELECT crm.create_unit('sales', kind => 'functional', parent => 'company');
SELECT crm.create_funnel('sales', 'opportunity', '[
    {"key": "prospecting", "position": 100, "kind": "entry", "department": "sales"},
    {"key": "engaging", "position": 200, "milestone": "opportunity", "department": "sales"},
    {"key": "won", "position": 300, "kind": "won", "milestone": "won"},
    {"key": "lost", "position": 400, "kind": "lost", "milestone": "lost"}]');
SQL
$team->run(<<'SQL');
SELECT crm.define_kpi('lost_cycle_days', 'Days until a deal is lost', 'opportunity_closed.cycle_days[lost]',
    'opportunity_closed.cycle_count[lost]', measured_in => 'days', direction => 'down');
SQL
$team->adopt_and_fill('sales.account', q('customer', department => 'sales', fallback_unit => 'sales', columns => '{
    "full_name": "account", "kind": "''organisation''", "segment": "sector", "country": "office_location"}'));
$team->adopt_and_fill('sales.pipeline', q('opportunity', department => 'sales', funnel => 'sales', fallback_unit => 'sales',
    columns => '{"customer": "account", "amount": "close_value", "stage": "deal_stage", "created_at": "engage_date",
    "closed_at": "close_date", "owner": "sales_agent", "product": {"column": "product", "of": "sales.product"}}'));

sub check_numbers {
    my ($when) = @_;
    $team->prints(<<'SQL', "won|4238\nlost|2473\nengaging|1589\nprospecting|500", "deals in each stage, $when");
SELECT to_stage, count(*)
FROM (SELECT DISTINCT ON (record_key) to_stage FROM crm.transition_log ORDER BY record_key, "sequence" DESC) present
GROUP BY 1 ORDER BY 2 DESC
SQL
    my %known = (
        won_count => '4238|||ready', won_value => '10005534|||ready', average_deal => '10005534|4238|2360.9094|ready',
        win_rate => '4238|6711|0.6315|ready', sales_cycle_days => '219452|4238|51.7820|ready');
    for my $kpi (sort keys %known) {
        my $value = $kpi =~ /^won/ ? 'NULL' : 'value';
        $team->prints("SELECT numerator::bigint, denominator::bigint, round($value, 4), state FROM crm_bi.kpi('$kpi')",
            $known{$kpi}, "$kpi, $when");
    }
    $team->prints("SELECT round(100 * value, 4) FROM crm_bi.kpi('win_rate')", '63.1501', "win rate of what closed, $when");
    $team->prints("SELECT denominator, round(value, 4) FROM crm_bi.kpi('lost_cycle_days')", '2473|41.4792',
        "a KPI of the team's own: days until a deal is lost, $when");
    $team->prints(<<'SQL', '48.1591', "won of all deals, open ones and those without a date too, $when");
SELECT round(100 * numerator / (SELECT count(DISTINCT record_key) FROM crm.transition_log), 4) FROM crm_bi.kpi('won_count')
SQL
    my $quarters = "2017-01-01|531|116\n2017-04-01|1254|778\n2017-07-01|1257|790\n2017-10-01|1196|789";
    $team->prints("SELECT period, numerator, denominator - numerator FROM crm_bi.kpi('win_rate', 'quarter') ORDER BY 1",
        $quarters, "won and lost by quarter of close, $when");
    $team->prints(<<'SQL', $quarters, "the same, added up from kpi_value, $when");
SELECT date_trunc('quarter', day)::date AS quarter, sum(numerator)::bigint, (sum(denominator) - sum(numerator))::bigint
FROM crm_bi.kpi_value WHERE kpi_key = 'win_rate' GROUP BY 1 ORDER BY 1
SQL
    return;
}
check_numbers('pending');
$team->run('SELECT crm.fold()');
$team->prints('SELECT count(*) FROM crm.kpi_pending', '0', 'everything is folded');
check_numbers('folded');

$team->prints(<<'SQL', "won|4238|51.7820|57\nlost|2473|41.4792|14", 'days from engagement to the end, from the history');
SELECT e.to_stage, count(*), round(avg(e.at::date - b.at::date), 4),
       percentile_cont(0.5) WITHIN GROUP (ORDER BY e.at::date - b.at::date)
FROM crm.transition_log e JOIN crm.transition_log b ON b.record_key = e.record_key AND b.to_stage = 'prospecting'
WHERE e.to_stage IN ('won', 'lost') GROUP BY 1 ORDER BY 2 DESC
SQL

# Chances of a win: all deals begin in prospecting; those that closed were never seen on the way, so engaging knows no better.
$team->run("SELECT crm.learn_probabilities('sales')");
$team->prints('SELECT stage, entered, decided, won FROM crm.probability_evidence ORDER BY 1', "engaging|1589|0|0\nprospecting|8800|6711|4238",
    'what the learned chances rest on: won and lost, and not the open ones');
$team->prints(<<'SQL', "engaging|t\nprospecting|t", 'learned chances of a win are the share of what closed, 63.15 %, within 0.01 points');
SELECT stage, abs(100 * probability - 100 * 4238 / 6711.0) < 0.01 FROM crm.stage_probability WHERE source = 'learned' ORDER BY 1
SQL
$team->prints(<<'SQL', $team->run(<<'SQL'), 'tested on the deals engaged after 70 % of the decisions: as good as one rate for all, since there is one stage');
SELECT tested, round(base_rate, 4), abs(brier - base_brier) < 0.0001, split_at::date FROM crm.probability_test
SQL
WITH split AS (SELECT percentile_disc(0.7) WITHIN GROUP (ORDER BY greatest(close_date, engage_date)) AS day FROM sales.pipeline
               WHERE deal_stage IN ('Won', 'Lost'))
SELECT count(*) FILTER (WHERE engage_date >= day AND deal_stage IN ('Won', 'Lost')),
       round((count(*) FILTER (WHERE deal_stage = 'Won' AND close_date < day) + 1)::numeric
             / (count(*) FILTER (WHERE deal_stage IN ('Won', 'Lost') AND close_date < day) + 2), 4), true, day
FROM sales.pipeline, split GROUP BY day
SQL

# The same by the functions of the funnel: a deal without a date has a stage and no time, so it is in no cohort and not timed.
$team->prints(<<'SQL', "won|4238|4238|57|51.7820\nlost|2473|2473|14|41.4792", 'days from engagement to the end, by funnel_conversion');
SELECT c.stage, reached, timed, round(extract(epoch FROM p50) / 86400), round(extract(epoch FROM mean) / 86400, 4)
FROM unnest('{won,lost}'::text[]) s, crm.funnel_conversion('sales', ARRAY['prospecting', s]) c WHERE step = 2
SQL
$team->prints("SELECT stage, reached FROM crm_bi.funnel_conversion WHERE stage IN ('prospecting', 'won') ORDER BY position", "prospecting|8800\nwon|4238",
    'who came how far, those without a date too');
$team->prints(<<'SQL', $team->run(<<'SQL'), 'cohort conversion: of the deals engaged in a quarter, those won within 90 days');
SELECT cohort, entered, converted, conversion FROM crm.cohort_conversion('sales', 'prospecting', 'won', '90 days', 'quarter')
SQL
SELECT date_trunc('quarter', engage_date)::date, count(*), count(*) FILTER (WHERE deal_stage = 'Won' AND close_date - engage_date <= 90),
       round(count(*) FILTER (WHERE deal_stage = 'Won' AND close_date - engage_date <= 90) / count(*)::numeric, 4)
FROM sales.pipeline WHERE engage_date IS NOT NULL GROUP BY 1 ORDER BY 1
SQL
$team->prints(<<'SQL', $team->run(<<'SQL'), 'snapshot conversion: deals won in a quarter against deals engaged in it');
SELECT period_start, entered_from, entered_to, conversion FROM crm.snapshot_conversion('sales', 'prospecting', 'won', 'quarter')
SQL
SELECT quarter, sum(engaged), sum(won), round(sum(won) / nullif(sum(engaged), 0)::numeric, 4)
FROM (SELECT date_trunc('quarter', engage_date)::date AS quarter, 1 AS engaged, 0 AS won FROM sales.pipeline WHERE engage_date IS NOT NULL
      UNION ALL SELECT date_trunc('quarter', close_date)::date, 0, 1 FROM sales.pipeline WHERE deal_stage = 'Won') e GROUP BY 1 ORDER BY 1
SQL
$team->prints(<<'SQL', $team->run(<<'SQL'), 'won and lost by product of the deal, and the days that it took');
SELECT value, max(reached) FILTER (WHERE step = 2), extract(epoch FROM max(p50) FILTER (WHERE step = 2))::integer
FROM crm.funnel_conversion('sales', ARRAY['prospecting', 'won|lost'], by => 'product') GROUP BY 1 ORDER BY 1
SQL
SELECT product, count(*), (percentile_cont(0.5) WITHIN GROUP (ORDER BY close_date - engage_date) * 86400)::integer
FROM sales.pipeline WHERE deal_stage IN ('Won', 'Lost') GROUP BY 1 ORDER BY 1
SQL

# What is missing in the files is missing here, and nowhere is a row lost for it.
$team->prints('SELECT count(*) FROM sales.pipeline p WHERE crm.map_customer(p) IS NULL', '1425', 'deals without account');
$team->prints("SELECT count(*) FROM crm.transition_log WHERE 'unknown_time' = ANY (flags) AND at IS NULL", '500',
    'deals without a date have a history without one');
$team->prints(<<'SQL', '1480|0', 'GTXPro is in deals and is no product');
SELECT count(*), count(*) FILTER (WHERE EXISTS (SELECT FROM sales.product r WHERE r.product = crm.map_product(p)))
FROM sales.pipeline p WHERE crm.map_product(p) = 'GTXPro'
SQL
$team->prints(<<'SQL', $team->run(<<'SQL'), 'won value by product, GTXPro under its own name');
SELECT product, numerator FROM crm_bi.kpi('won_value', by => '{product}') ORDER BY 1
SQL
SELECT product, sum(close_value) FROM sales.pipeline WHERE deal_stage = 'Won' GROUP BY 1 ORDER BY 1
SQL
$team->prints(<<'SQL', $team->run(<<'SQL'), 'win rate by agent');
SELECT owner, numerator, denominator FROM crm_bi.kpi('win_rate', by => '{owner}') ORDER BY 1
SQL
SELECT sales_agent, count(*) FILTER (WHERE deal_stage = 'Won'), count(*) FROM sales.pipeline
WHERE deal_stage IN ('Won', 'Lost') GROUP BY 1 ORDER BY 1
SQL

# A KPI falls below its level, and the receiver gets one signed message.
my $dir = PostgreSQL::Test::Utils::tempdir();
my $key = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
my $receiver = Receiver->start(log => "$dir/requests.log", keys => [$key]);
append_to_file("$dir/secrets.ini", "[chat]\nurl = " . $receiver->url('/hook') . "\nkey = $key\n");
append_to_file("$dir/crmd.ini", join "\n", '[crmd]', 'dsn = ' . $team->node->connstr('team') . ' user=daemon', 'worker = test',
    "secrets = $dir/secrets.ini", 'allow_private = yes', 'timeout_s = 10', 'lease_s = 30', '');
chmod 0600, "$dir/secrets.ini", "$dir/crmd.ini";
$team->run(<<'SQL');
CREATE ROLE daemon LOGIN;
SELECT crm.grant_daemon('daemon');
SELECT crm.create_role('lead');
SELECT crm.grant_privilege('lead', 'kpi', 'total', 'below');
SELECT crm.create_principal('sales-chat', kind => 'channel');
SELECT crm.add_member('sales-chat', 'company', 'lead');
SELECT crm.create_endpoint('chat', 'webhook', audience => 'sales-chat', secret_ref => 'chat');
SELECT crm.create_rule('win-rate', kpi => 'win_rate', period => 'last 30 days', direction => 'below', fire_level => 0.3);
SELECT crm.subscribe(endpoint => 'chat', rule => 'win-rate');
SQL

sub close_deals {
    my ($stage, $count) = @_;
    return $team->run(<<"SQL");
UPDATE sales.pipeline SET deal_stage = '$stage', close_date = current_date, close_value = 100
WHERE opportunity_id IN (SELECT opportunity_id FROM sales.pipeline WHERE deal_stage = 'Engaging' ORDER BY 1 LIMIT $count);
UPDATE crm.rule_schedule SET next_at = now(); -- rather than to wait for a minute
SQL
}

sub crmd_once {
    my ($out, $err) = run_command([ $ENV{CRMD}, '-c', "$dir/crmd.ini", 'once' ]);
    is($? >> 8, 0, 'crmd once') or diag($err);
    return;
}
close_deals('Won', 60);
crmd_once();
is(scalar $receiver->requests, 0, 'all won: nothing to say');
close_deals('Lost', 140);
$team->prints("SELECT numerator, denominator FROM crm_bi.kpi('win_rate', 'total', current_date - 29, current_date)", '60|200',
    '60 of 200 won is 0.3: not below it');
crmd_once();
is(scalar $receiver->requests, 0, 'at the level: nothing to say');
close_deals('Lost', 40);
crmd_once();
crmd_once();
my @requests = $receiver->requests;
is(scalar @requests, 1, '60 of 240 won: one message, and no second one');
my $request = $requests[0] // {};
is($request->{verified}, 1, 'its signature is right');
my $message = decode_json($request->{body} // '{}');
is($message->{type}, 'alert.firing', 'an alert');
is($message->{data}{value}, 0.25, 'the message has the value') or diag($request->{body});
$team->prints(q(SELECT state FROM crm.delivery_history WHERE endpoint = 'chat'), 'delivered', 'the delivery is recorded');
$receiver->stop;

done_testing();
