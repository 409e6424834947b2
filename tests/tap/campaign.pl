# A bank's telephone campaign of 4,119 calls, adopted as it stands, with a key of the table's own. The team defines what
# it wants to know; the numbers are what anybody counts in the file.
use strict;
use warnings;
use lib '.';
use PostgreSQL::Test::Utils;
use TeamDatabase;
use Test::More;

TeamDatabase->require_data('marketing');
my $team = TeamDatabase->new('campaign');

my @columns = ('age', 'job', 'marital', 'education', '"default"', 'housing', 'loan', 'contact', 'month', 'day_of_week',
    'duration', 'campaign', 'pdays', 'previous', 'poutcome', 'emp_var_rate', 'cons_price_idx', 'cons_conf_idx', 'euribor3m',
    'nr_employed', 'y');
my %numbers = map { $_ => 'int' } qw(age duration campaign pdays previous);
$team->run('CREATE SCHEMA bank; CREATE TABLE bank.call (call_no serial PRIMARY KEY, called_on date NOT NULL DEFAULT \'2010-11-30\', '
    . join(', ', map { "$_ " . ($numbers{$_} // (/idx|rate|euribor|nr_/ ? 'numeric' : 'text')) } @columns) . ')');
my ($header) = split /\n/, slurp_file("$ENV{CRM_DATA}/marketing/bank-additional.csv");
my $delimiter = $header =~ /;/ ? ';' : ',';    # it is found with both
$team->load('marketing/bank-additional.csv', 'bank.call (' . join(', ', @columns) . ')', "DELIMITER '$delimiter'");

$team->run(<<'SQL');
SELECT crm.create_unit('bank', kind => 'business');
SELECT crm.create_funnel('deposit', 'lead', '[
    {"key": "called", "position": 100, "kind": "entry", "milestone": "lead", "aliases": ["no"]},
    {"key": "subscribed", "position": 200, "kind": "won", "milestone": "won", "aliases": ["yes"]}]');
SELECT crm.define_component('call', 'lead', 'created_at', description => 'calls');
SELECT crm.define_kpi('yes_rate', 'Calls that ended in a deposit', 'call[won]', 'call', measured_in => 'share');
SQL
$team->adopt_and_fill('bank.call', q('lead', department => 'marketing', funnel => 'deposit', columns => '{
    "stage": "y", "channel": "contact", "segment": "poutcome", "created_at": "called_on", "campaign": "month"}'));

my $by = q(SELECT %s, numerator, denominator FROM crm_bi.kpi('yes_rate', by => '{%s}') ORDER BY 1);
for my $when ('pending', 'folded') {
    $team->prints(q(SELECT numerator, denominator, round(100 * value, 4), state FROM crm_bi.kpi('yes_rate')),
        '451|4119|10.9493|ready', "yes of all calls, $when");
    $team->prints(sprintf($by, 'channel', 'channel'), "cellular|375|2652\ntelephone|76|1467", "by channel, $when");
    $team->prints(q(SELECT numerator, denominator FROM crm_bi.kpi('yes_rate', by => '{segment}') WHERE segment = 'success'),
        '92|142', "after an earlier success, $when");
    $team->prints(sprintf($by, 'campaign', 'campaign'),
        $team->run(q(SELECT month, count(*) FILTER (WHERE y = 'yes'), count(*) FROM bank.call GROUP BY 1 ORDER BY 1)),
        "by month, $when");
    $team->prints(q(SELECT numerator FROM crm_bi.kpi('leads')), '4119', "each call is a lead, $when");
    $team->run('SELECT crm.fold()');
}

# The day after: the file is corrected, a part of it is thrown away, and the numbers follow.
$team->run(<<'SQL');
UPDATE bank.call SET y = 'yes' WHERE contact = 'telephone' AND y = 'no' AND call_no % 10 = 0;
DELETE FROM bank.call WHERE contact = 'cellular' AND call_no % 7 = 0;
SQL
$team->prints(sprintf($by, 'channel', 'channel'),
    $team->run(q(SELECT contact, count(*) FILTER (WHERE y = 'yes'), count(*) FROM bank.call GROUP BY 1 ORDER BY 1)),
    'corrections and deletions are followed');
$team->run('TRUNCATE bank.call');
$team->prints(q(SELECT numerator, denominator, value FROM crm_bi.kpi('yes_rate')), '', 'nothing is left of an emptied table');

done_testing();
