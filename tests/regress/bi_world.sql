-- A firm with a table of every entity that crm_bi has facts of, for the tests of crm_bi. Everything that it names is in its tables:
-- no deal of a campaign that is not there.
SET client_min_messages = warning;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SELECT crm.set_calendar('default', 'Europe/Oslo') \g /dev/null
SELECT count(crm.create_unit(u.key, u.name, u.kind, parent => u.parent, since => '2020-01-01')) AS units
FROM (VALUES ('firm', 'The firm', 'business', NULL), ('marketing', 'Marketing', 'functional', 'firm'), ('sales', 'Sales', 'functional', 'firm'),
             ('service', 'Service', 'functional', 'firm'), ('north', 'North', 'geographic', 'sales'),
             ('south', 'South', 'geographic', 'sales')) AS u (key, name, kind, parent);
SELECT crm.add_unit_alias('north', 'N1') \g /dev/null
SELECT crm.create_funnel('sales', 'opportunity', '[{"key": "offer", "kind": "entry", "milestone": "opportunity", "department": "marketing", "aliases": ["Quote"]},
    {"key": "talk", "kind": "active", "department": "sales"}, {"key": "won", "kind": "won", "milestone": "won", "department": "sales"},
    {"key": "lost", "kind": "lost", "milestone": "lost", "department": "sales"}]') \g /dev/null
SELECT crm.create_funnel('requests', 'lead', '[{"key": "new", "kind": "entry", "milestone": "lead", "department": "marketing"},
    {"key": "good", "kind": "active", "milestone": "mql", "department": "sales"}]') \g /dev/null
SELECT crm.create_funnel('help', 'ticket', '[{"key": "open", "kind": "entry"}, {"key": "solved", "kind": "won", "milestone": "live"}]') \g /dev/null
CREATE SCHEMA team;
CREATE TABLE team.account (id integer PRIMARY KEY, name text, email text, country text, class text, region text);
CREATE TABLE team.campaign (id text PRIMARY KEY, title text, channel text, begins date, money numeric, region text);
CREATE TABLE team.item (sku text PRIMARY KEY, title text, price numeric, money text, region text);
CREATE TABLE team.deal (id integer PRIMARY KEY, account integer REFERENCES team.account, region text, state text, worth numeric, money text, seller text,
                        item text, campaign text, opened timestamptz, closed date, due date);
CREATE TABLE team.request (id integer PRIMARY KEY, email text, region text, state text, campaign text, came timestamptz);
CREATE TABLE team.project (id integer PRIMARY KEY, account integer REFERENCES team.account, region text, promise date, began timestamptz, live timestamptz);
CREATE TABLE team.issue (id integer PRIMARY KEY, account integer REFERENCES team.account, region text, state text, item text,
                         opened timestamptz, replied timestamptz, solved timestamptz, again integer, score numeric);
CREATE TABLE team.visit (id integer PRIMARY KEY, account integer REFERENCES team.account, region text, at timestamptz, medium text, campaign text);
CREATE TABLE team.invoice (id integer PRIMARY KEY, day date, campaign text, cost numeric, money text, region text);
INSERT INTO team.account SELECT n, 'Firm ' || n, 'mail' || n || '@firm' || n || '.example', 'NO', (ARRAY['small', 'large'])[1 + n % 2], r.region
FROM generate_series(1, 12) n CROSS JOIN LATERAL (SELECT (ARRAY['north', 'south', 'marketing', 'N1'])[1 + n % 4] AS region) r;
INSERT INTO team.campaign SELECT 'c' || n, 'Campaign ' || n, 'mail', date '2026-01-01' + n, 100 * n, (ARRAY['north', 'south', 'marketing'])[1 + n % 3] FROM generate_series(1, 3) n;
INSERT INTO team.item SELECT 'i' || n, 'Item ' || n, 10 * n, 'EUR', (ARRAY['north', 'south'])[1 + n % 2] FROM generate_series(1, 2) n;
-- an account's deals lie in its own region: what spans units is tested with the journeys
INSERT INTO team.deal
SELECT n, a.id, a.region, (ARRAY['Quote', 'talk', 'won', 'lost', 'won'])[1 + n % 5], 100.25 * n, 'EUR', (ARRAY['nora', 'mona', NULL, 'somebody'])[1 + n % 4],
       'i' || 1 + n % 2, 'c' || 1 + n % 3, timestamptz '2026-01-01 10:00+00' + n * interval '1 day', CASE WHEN n % 5 >= 2 THEN date '2026-02-01' + n END, '2026-06-30'
FROM generate_series(1, 30) n JOIN team.account a ON a.id = 1 + n % 12;
INSERT INTO team.request SELECT n, 'new' || n || '@one.example', (ARRAY['north', 'south', 'marketing'])[1 + n % 3], (ARRAY['new', 'good'])[1 + n % 2], 'c' || 1 + n % 3,
       timestamptz '2026-01-05 23:30+00' + n * interval '1 day' FROM generate_series(1, 9) n;
INSERT INTO team.project SELECT n, a.id, a.region, date '2026-03-01' + n, '2026-02-01', CASE WHEN n % 2 = 0 THEN timestamptz '2026-03-02 12:00+00' END
FROM generate_series(1, 4) n JOIN team.account a ON a.id = n;
INSERT INTO team.issue SELECT n, a.id, a.region, (ARRAY['open', 'solved'])[1 + n % 2], 'i' || 1 + n % 2, timestamptz '2026-02-01 09:00+00' + n * interval '1 day',
       timestamptz '2026-02-01 10:30+00' + n * interval '1 day', CASE WHEN n % 2 = 1 THEN timestamptz '2026-02-03 09:00+00' + n * interval '1 day' END, n % 3, 3 + n % 3
FROM generate_series(1, 10) n JOIN team.account a ON a.id = 1 + n % 12;
INSERT INTO team.visit SELECT n, a.id, a.region, timestamptz '2025-12-20 08:00+00' + n * interval '1 day', (ARRAY['search', 'mail'])[1 + n % 2], 'c' || 1 + n % 3
FROM generate_series(1, 14) n JOIN team.account a ON a.id = 1 + n % 12;
INSERT INTO team.invoice SELECT n, date '2026-01-01' + n, 'c' || 1 + n % 3, 12.5 * n, 'EUR', (ARRAY['north', 'south', 'marketing'])[1 + n % 3] FROM generate_series(1, 9) n;

SELECT count(*) AS adopted
FROM (VALUES ('account', 'customer', NULL, '{"full_name": "name", "email": "email", "country": "country", "segment": "class", "unit": "region"}'),
             ('campaign', 'campaign', NULL, '{"name": "title", "channel": "channel", "starts_on": "begins", "budget": "money", "unit": "region"}'),
             ('item', 'product', NULL, '{"id": "sku", "name": "title", "list_price": "price", "currency": "money", "unit": "region"}'),
             ('deal', 'opportunity', 'sales', '{"customer": "account", "unit": "region", "stage": "state", "amount": "worth", "currency": "money", "owner": "seller",
                "product": "item", "campaign": "campaign", "created_at": "opened", "closed_at": "closed", "expected_close_on": "due"}'),
             ('request', 'lead', 'requests', '{"email": "email", "unit": "region", "stage": "state", "campaign": "campaign", "created_at": "came"}'),
             ('project', 'project', NULL, '{"customer": "account", "unit": "region", "promised_on": "promise", "started_at": "began", "live_at": "live"}'),
             ('issue', 'ticket', 'help', '{"customer": "account", "unit": "region", "stage": "state", "product": "item", "opened_at": "opened", "first_response_at": "replied",
                "resolved_at": "solved", "reopened_count": "again", "satisfaction": "score"}'),
             ('visit', 'touch', NULL, '{"customer": "account", "unit": "region", "at": "at", "channel": "medium", "campaign": "campaign"}'),
             ('invoice', 'spend', NULL, '{"on_date": "day", "campaign": "campaign", "amount": "cost", "currency": "money", "unit": "region"}')) AS t (name, entity, funnel, columns)
CROSS JOIN LATERAL (SELECT count(*) FROM crm.adopt(('team.' || t.name)::regclass, t.entity, funnel => t.funnel, columns => t.columns::jsonb)) a;
SELECT format('CALL crm.backfill(%L)', a.relation) FROM crm.adoption a ORDER BY a.relation::text
\gexec
CALL crm.resolve() \g /dev/null
SELECT crm.settle_transitions(1000) IS NOT NULL AS settled, crm.fold(100000) > 0 AS folded;
SELECT crm.set_goal('north', 'won_value', 5000, '2026-01-01', '2026-12-31', unit => 'north'), crm.set_goal('all', 'won_value', 9000, '2026-01-01', '2026-12-31') \g /dev/null
SELECT crm.check_in('north', 'well begun'), crm.check_in('all', 'two large deals moved') \g /dev/null
UPDATE team.deal SET state = 'talk' WHERE id IN (5, 10, 15);
SELECT count(crm.refuse_handover(h.handover, 'no budget')) AS refused FROM crm.handover h WHERE h.record_key = '10' AND h.state = 'offered';
