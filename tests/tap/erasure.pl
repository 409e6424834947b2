# An erasure through everything: a person who is in every corner of crm, in the teams' tables and in the statistics, is erased; then the
# whole database is dumped as text and searched for what she could be known by. What remains is what was to be kept, and nothing else.
use strict;
use warnings;
use Cwd ();
use lib '.';
use PostgreSQL::Test::Utils;
use TeamDatabase;
use Test::More;

my $team = TeamDatabase->new('erasure');
my $node = $team->node;

sub dump_of {
    my ($database) = @_;
    my ($out, $err) = run_command([ 'pg_dump', '-h', $node->host, '-p', $node->port, '-d', $database ]);
    return $out;
}

# In which tables of a dump a word stands, and how often.
sub places {
    my ($dump, $word) = @_;
    my ($table, %found) = ('outside of tables');
    for my $line (split /\n/, $dump) {
        if ($line =~ /^COPY (\S+) /) { $table = $1 }
        elsif ($line eq '\\.') { $table = 'outside of tables' }
        $found{$table}++ if index(lc $line, lc $word) >= 0;
    }
    return join ', ', map { "$_ $found{$_}" } sort keys %found;
}

$team->run(<<'SQL');
CREATE SCHEMA shop;
CREATE TABLE shop.company (id integer PRIMARY KEY, name text);
CREATE TABLE shop.contact (id integer PRIMARY KEY, company integer REFERENCES shop.company, name text NOT NULL, mail text, phone text,
                           street text, agreed jsonb, region text);
CREATE TABLE shop.lead (mail text PRIMARY KEY, name text, source text, state text, region text, came timestamptz);
CREATE TABLE shop.deal (id integer PRIMARY KEY, contact integer REFERENCES shop.contact, title text, status text, value numeric, opened date, region text);
CREATE TABLE shop.ticket (id integer PRIMARY KEY, contact integer REFERENCES shop.contact ON DELETE SET NULL, topic text, opened timestamptz, done timestamptz);
CREATE TABLE shop.ticket_note (id integer PRIMARY KEY, ticket integer REFERENCES shop.ticket DEFERRABLE INITIALLY DEFERRED, body text) PARTITION BY RANGE (id);
CREATE TABLE shop.ticket_note_1 PARTITION OF shop.ticket_note FOR VALUES FROM (1) TO (1000);
CREATE TABLE shop.invoice (id integer PRIMARY KEY, contact integer REFERENCES shop.contact, billed_to text, total numeric);
CREATE TABLE shop.letter (id integer PRIMARY KEY, contact_no integer, body text);
CREATE TABLE shop.touch (id integer PRIMARY KEY, visitor text, at timestamptz, what text);
INSERT INTO shop.company VALUES (1, 'Acme'), (2, 'Acme Again');
INSERT INTO shop.contact SELECT n, 1, 'Other ' || n, 'other' || n || '@elsewhere.example', '+4930555' || 1000 + n, 'Elsewhere ' || n, NULL, 'north' FROM generate_series(100, 160) n;
INSERT INTO shop.contact VALUES
    (1, 2, 'Ann Quixley', 'ann.quixley@mail.example', '+49 171 5550199', 'Gasworks Lane 7', '{"email": {"marketing": true, "evidence": "form of Ann Quixley"}}', 'north'),
    (2, 1, 'Ann B. Quixley', 'quixley.work@office.example', '+49 171 5550199', NULL, NULL, 'north'),
    (3, 2, 'Bob Ray', 'bob.ray@mail.example', NULL, NULL, NULL, 'north');
INSERT INTO shop.lead VALUES ('Ann.Quixley@mail.example', 'Ann Quixley', 'web', 'new', 'north', '2026-01-01');
INSERT INTO shop.deal VALUES (10, 1, 'Rollout for Ann Quixley', 'won', 500, '2026-01-02', 'north'), (11, 3, 'Other', 'won', 300, '2026-01-02', 'north');
INSERT INTO shop.ticket VALUES (20, 1, 'Ann Quixley cannot log in', '2026-01-03', NULL), (21, 2, 'Invoice', '2026-01-04', NULL), (22, 3, 'Other', '2026-01-04', NULL);
INSERT INTO shop.ticket_note VALUES (30, 20, 'called ann.quixley@mail.example'), (31, 22, 'told by Ann Quixley');
INSERT INTO shop.invoice VALUES (40, 1, 'Ann Quixley, Gasworks Lane 7', 500);
INSERT INTO shop.letter VALUES (50, 1, 'Dear Ann Quixley'), (51, 3, 'Dear Bob');
INSERT INTO shop.touch VALUES (60, 'cookie-quix-1', '2026-01-01', 'visit'), (61, 'cookie-other', '2026-01-01', 'visit');
SELECT crm.create_unit('acme', kind => 'business'), crm.create_unit('north', parent => 'acme');
SELECT crm.create_principal('boss');
SELECT crm.create_funnel('sales', 'opportunity', '[{"key": "new", "position": 100, "kind": "entry"}, {"key": "won", "position": 200, "kind": "won", "milestone": "won"}]');
SELECT crm.create_funnel('leads', 'lead', '[{"key": "new", "position": 100, "kind": "entry"}]');
SELECT crm.register_reference('shop.letter', 'contact_no', 'shop.contact');
SQL
$team->adopt_and_fill('shop.company', q('customer', columns => '{"company": "name", "kind": "''organisation''"}'));
$team->adopt_and_fill('shop.contact', q('customer', columns => '{"full_name": "name", "email": "mail", "phone": "phone", "address": "street",
    "consent": "agreed", "parent": "company", "unit": "region", "kind": "''person''"}'));
$team->adopt_and_fill('shop.lead', q('lead', funnel => 'leads', columns => '{"id": "mail", "full_name": "name", "email": "mail", "channel": "source",
    "stage": "state", "unit": "region", "created_at": "came"}'));
$team->adopt_and_fill('shop.deal', q('opportunity', funnel => 'sales', columns => '{"customer": "contact", "name": "title", "stage": "status",
    "amount": "value", "created_at": "opened", "unit": "region"}'));
$team->adopt_and_fill('shop.ticket', q('ticket', columns => '{"customer": "contact", "subject": "topic", "opened_at": "opened", "resolved_at": "done"}'));
$team->adopt_and_fill('shop.touch', q('touch', columns => '{"anonymous_id": "visitor", "at": "at", "kind": "what"}'));
$team->run('SELECT crm.resolve_pending()');

# Two of her rows become one, so that the merge log has them whole; two companies as well, which moves her row and another's.
$team->run(q{SELECT crm.merge('shop.contact', '1', '{2}', 'two of Ann Quixley')});
$team->run(q{SELECT crm.merge('shop.company', '1', '{2}', 'one firm')});
$team->run('SELECT crm.resolve_pending()');
my $ann = $team->run(q{SELECT crm.customer_of('shop.contact', '1')});
is($team->run(q{SELECT crm.customer_of('shop.lead', 'Ann.Quixley@mail.example')}), $ann, 'her lead is the same customer');
$team->run(<<"SQL");
SELECT crm.identify('cookie-quix-1', $ann, at => '2026-01-02');
SELECT crm.set_golden_value($ann, 'name', 'Ann Quixley-Ray', 'Ann Quixley married');
SELECT crm.record_consent($ann, 'sms', 'service', true, evidence => 'mail of ann.quixley\@mail.example');
SELECT crm.restrict_customer($ann, '{contact}', 'letter of Ann Quixley');
SELECT crm.decide(('shop.contact', '1'), ('shop.contact', '3'), 'different', 'Ann Quixley is not Bob');
SELECT crm.decide(('shop.contact', '3'), ('shop.contact', '100'), 'different', 'as Ann Quixley said');
SELECT crm.fold();
INSERT INTO crm.delivery_history (id, message_id, alert, transition, type, rule, unit, units, endpoint, audience, body, state, epoch, attempt, replays,
                                  created_at, queued_at, finished_at)
VALUES (1, 'm1', 1, 1, 'x', 'r', 'acme', '{acme}', 'e', 'boss', '{"text": "because of Ann Quixley"}', 'delivered', 1, 1, 0, now(), now(), now());
INSERT INTO crm.alert_log (rule, subject, kpi, unit, state, level, direction, period_since, period_until, since, comment)
VALUES ('r', 's', 'k', 'acme', 'resolved', 1, 'below', '2026-01-01', '2026-01-02', now(), 'that was Ann Quixley');
ANALYZE;
SQL
$team->run('SELECT crm.pack_journeys()') for 1 .. 3;
my @known_by = ('quixley', '5550199', 'gasworks', 'cookie-quix-1');
my $before = dump_of('team');
isnt(places($before, $_), '', "$_ was in the dump before") for @known_by;
my $export = $team->run("SELECT crm.export_customer($ann)");
like($export, qr/\Q$_\E/, "the export has $_") for 'ann.quixley@mail.example', 'quixley.work@office.example', 'Gasworks Lane 7', 'cookie-quix-1', 'Dear Ann Quixley', 'm1';
unlike($export, qr/Bob|elsewhere/i, 'and nothing of anybody else');

# Where she is not, of all that the inventory knows of crm's own: nothing may be added to the inventory that this test does not put her into,
# or names here. What is by keys is by number here, except a lead's; hashes have a test of their own (privacy).
my $hers = join ', ', map { "'$_'" } 'ann.quixley@mail.example', 'quixley', '5550199', 'cookie-quix-1';
my %of_others = map { $_ => 1 } qw(principal principal_alias membership team_member denial review review_entry funnel_change
    probability_model); # about one's own people
my %not_here = map { $_ => 1 } qw(link_frequency link_block link_key tombstone erasure export_made parked_record suppressed_record released_record
    record_dirty consent_problem merge_finding merge_redirected contact_basis unmapped_count transition_gone filling shared_record kpi_broken rule_schedule
    goal_check_in silence delivery_queue delivery_attempt alert_transition handover_anchor handover_answer handover_promise merge_held merged_record
    journey_touched record_clock clock_touched clock_broken kpi_counted kpi_pending kpi_closing);
my $absent = $team->run(<<"SQL");
WITH hers AS MATERIALIZED (SELECT s.relation FROM crm.search_everything(ARRAY[$hers]) s)
SELECT DISTINCT split_part(i.relation, '.', 2) FROM crm.data_inventory() i
WHERE i.relation LIKE 'crm.%' AND i.relation NOT IN (SELECT h.relation FROM hers h) ORDER BY 1
SQL
is(join(' ', grep { !$of_others{$_} && !$not_here{$_} } split /\n/, $absent), '',
    'she is in every table of crm that the inventory names, or the test says why not');

$team->refused("SELECT crm.erase_customer($ann)", 'RM207', qr/shop\.letter: 1 rows \(refers to shop\.contact \(registered reference\)\)/,
    'every table needs a mode, also one without a foreign key');
my $modes = q('{"shop.contact": "blank", "shop.lead": "delete", "shop.deal": "blank", "shop.ticket": "delete", "shop.ticket_note": "delete",
    "shop.invoice": {"mode": "keep", "reason": "tax law, ten years"}, "shop.letter": "delete", "shop.touch": "delete"}');
my $same_as_before = $team->run("SELECT crm.erase_customer($ann, $modes, dry_run => true) -> 'relations'");
is(places(dump_of('team'), 'quixley'), places($before, 'quixley'), 'a dry run changes nothing');
my $done = $team->run("SELECT crm.erase_customer($ann, $modes, 'asked by Ann Quixley by letter')");
is($team->run("SELECT '$done'::jsonb -> 'relations' = '$same_as_before'::jsonb"), 't', 'it does what the dry run said');
is($team->run("SELECT r ->> 'relation', r ->> 'column', r ->> 'rows', r ->> 'kept' FROM jsonb_array_elements('$done'::jsonb -> 'remains') r"),
    "shop.invoice|billed_to|1|true\nshop.ticket_note|body|1|", 'it says what is left: what is kept, and where another\'s ticket tells of her') or diag($done);

my $after = dump_of('team');
is(places($after, 'quixley'), 'shop.invoice 1, shop.ticket_note_1 1', 'in the dump her name is in the invoice that is kept, and where another\'s ticket tells of her');
is(places($after, '5550199'), '', 'her phone is nowhere');
is(places($after, 'gasworks'), 'shop.invoice 1', 'her address is in the invoice alone');
is(places($after, 'cookie-quix-1'), '', 'her visits are nowhere');
$team->prints(q{SELECT count(*), string_agg(DISTINCT format('%s.%s', tablename, attname), ' ') FROM pg_stats WHERE concat(most_common_vals, histogram_bounds) ~* 'quixley|5550199' AND (schemaname, tablename) <> ('shop', 'invoice') AND tablename !~ 'ticket_note'
    AND tablename <> 'pg_description' -- a comment has that number as its example
    },
    '0|', 'nor in the statistics');
$team->prints(q{SELECT status, value FROM shop.deal ORDER BY id}, "won|500\nwon|300", 'the deal is there without a name');
$team->prints(q{SELECT merge_id, keep, lose FROM crm.merge_log ORDER BY 1}, "1|1|{2}\n2|1|{2}", 'that rows were merged is known');
$team->refused('SELECT crm.unmerge(1)', 'RM204', qr/the customer was erased/, 'what they held is not');
$team->prints(q{SELECT crm.resolve_key('shop.contact', '2')}, '1', 'an old key leads on');
$team->run('SELECT crm.unmerge(2)');
$team->prints(q{SELECT id, company FROM shop.contact WHERE id < 4 ORDER BY 1}, "1|1\n3|2", 'the merge of companies is taken back; her row, which is blank, stays where it is');
my $finding = $team->run(q{SELECT string_agg(concat_ws(' ', finding, relation, "column", rows), ', ' ORDER BY finding DESC, relation, "column")
    FROM crm.erasure e, crm.verify_erasure(e.erasure_id, 'ann.quixley@mail.example', 'Ann Quixley', 'quixley.work@office.example', '0171/555 0199') v});
is($finding, 'tombstone, tombstone, remains shop.ticket_note body 1, proof holds, kept shop.invoice billed_to 1',
    'the proof says the same, also of the address of the row that was merged away');

# The next sync brings her back, from both of her rows, and from a backup of the table.
$team->run(<<'SQL');
INSERT INTO shop.lead VALUES ('quixley.work@office.example', 'Ann Quixley', 'sync', 'new', 'north', now()), ('Ann.Quixley@mail.example', 'Ann Quixley', 'sync', 'new', 'north', now()),
                             ('somebody@new.example', 'Some Body', 'sync', 'new', 'north', now());
INSERT INTO shop.contact VALUES (2, 2, 'A', 'a@a.example', NULL, NULL, NULL, 'north');
SELECT crm.resolve_pending();
SQL
$team->prints(q{SELECT string_agg(coalesce(full_name, 'nobody'), ', ' ORDER BY record_key COLLATE "C") FROM crm.record WHERE relation = 'shop.lead'::regclass OR record_key = '2' AND relation = 'shop.contact'::regclass},
    'nobody, nobody, nobody, Some Body', 'they are registered blank, by e-mail and by the key of the row that was merged away');
$team->prints(q{SELECT sum(amount) FROM crm.status WHERE item LIKE 'erased persons in %'}, '3', 'and status says so');

# A restored database keeps her out as well.
append_to_file("$node->{_basedir}/team.sql", $after);
$node->safe_psql('postgres', 'CREATE DATABASE restored');
my ($status, $out, $err) = $node->psql('restored', undef, extra_params => [ '-q', '-v', 'ON_ERROR_STOP=1', '-f', "$node->{_basedir}/team.sql" ]);
is($err, '', 'restored');
my $restored = bless { node => $node, database => 'restored' }, 'TeamDatabase';
$restored->run(q{INSERT INTO shop.lead VALUES ('quixley.work@office.example', 'Ann Quixley', 'sync', 'new', 'north', now()); SELECT crm.resolve_pending()});
$restored->prints(q{SELECT full_name IS NULL FROM crm.record WHERE record_key = 'quixley.work@office.example'}, 't', 'after a restore too');
$restored->prints(q{SELECT finding FROM crm.erasure e, crm.verify_erasure(e.erasure_id, 'ann.quixley@mail.example') LIMIT 1}, 'proof holds', 'and the proof holds');

# With the key in a file a dump does not carry it, and without the file nothing is read.
my $file = Cwd::abs_path($node->{_basedir}) . '/erasure.key';
append_to_file($file, 'x' x 20);
$team->refused("SELECT crm.set_erasure_key('$file')", 'RM206', qr/too short/, 'a short key is refused');
append_to_file($file, 'y' x 20);
$team->run("SELECT crm.set_erasure_key('$file')");
$team->run("INSERT INTO shop.lead VALUES ('zed.last\@mail.example', 'Zed Last', 'web', 'new', 'north', now()); SELECT crm.resolve_pending()");
my $zed = $team->run(q{SELECT crm.customer_of('shop.lead', 'zed.last@mail.example')});
$team->run("SELECT crm.erase_customer($zed, '{\"shop.lead\": \"delete\"}', 'asked')");
unlike(dump_of('team'), qr/zed/i, 'nothing of him is in the dump');
$team->run("INSERT INTO shop.lead VALUES ('zed.last\@mail.example', 'Zed Last', 'sync', 'new', 'north', now()); SELECT crm.resolve_pending()");
$team->prints(q{SELECT full_name IS NULL FROM crm.record WHERE record_key = 'zed.last@mail.example'}, 't', 'he stays out by the file');
rename $file, "$file.away" or die;
$team->run("INSERT INTO shop.lead VALUES ('new\@mail.example', 'New', 'sync', 'new', 'north', now())");
$team->refused('SELECT crm.resolve_pending()', 'RM206', qr/cannot be read/, 'without it no record is read');
append_to_file($file, 'z' x 40);
$team->refused('SELECT crm.resolve_pending()', 'RM206', qr/another one/, 'nor with another one');
rename "$file.away", $file or die;
$team->run('SELECT crm.resolve_pending()');
$team->prints(q{SELECT full_name FROM crm.record WHERE record_key = 'new@mail.example'}, 'New', 'with it they are');

done_testing();
