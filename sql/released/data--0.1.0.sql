-- A team's tables and something in every room, for tests of updates: loaded by psql into a database in which crm is installed in schema
-- crm. scripts/release keeps a copy with each release, which has to work with that release for ever.
CREATE SCHEMA shop;
CREATE TABLE shop.customers (id integer PRIMARY KEY, name text, mail text, phone text, region text);
CREATE TABLE shop.deals (id integer PRIMARY KEY, customer integer REFERENCES shop.customers, value numeric, status text, opened date, closed date, region text,
                         mail crm.email, entered crm.stage);
CREATE INDEX deals_mail ON shop.deals (mail);
CREATE INDEX deals_entered ON shop.deals (entered);
CREATE TABLE shop.tickets (id text, customer integer, status text, priority text, opened timestamptz, solved timestamptz, region text, PRIMARY KEY (id)) PARTITION BY HASH (id);
CREATE TABLE shop.tickets_0 PARTITION OF shop.tickets FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE shop.tickets_1 PARTITION OF shop.tickets FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE shop.visits (id integer PRIMARY KEY, visitor text, customer integer, at timestamptz, channel text, cost numeric);
INSERT INTO shop.customers SELECT i, 'Customer ' || i, i || '@example.com', '+3120123' || 1000 + i, (ARRAY['north', 'Sud'])[1 + i % 2] FROM generate_series(1, 40) i;
INSERT INTO shop.deals SELECT i, 1 + i % 40, i, (ARRAY['new', 'offer', 'won', 'lost'])[1 + i % 4], date '2026-01-01' + i, CASE WHEN i % 4 > 1 THEN date '2026-02-01' + i END,
    (ARRAY['north', 'Sud', NULL])[1 + i % 3], i || '@example.com', 'sales:300:won' FROM generate_series(1, 80) i;
INSERT INTO shop.tickets SELECT 'T-' || i, 1 + i % 40, (ARRAY['open', 'waiting', 'solved'])[1 + i % 3], (ARRAY['high', 'low'])[1 + i % 2], timestamptz '2026-01-05 09:00Z' + i * interval '1 hour',
    CASE WHEN i % 3 = 2 THEN timestamptz '2026-01-06 09:00Z' + i * interval '1 hour' END, 'north' FROM generate_series(1, 30) i;
INSERT INTO shop.visits SELECT i, 'v' || i % 9, CASE WHEN i % 2 = 0 THEN 1 + i % 40 END, timestamptz '2026-01-01 00:00Z' + i * interval '3 hours', (ARRAY['web', 'mail'])[1 + i % 2], i FROM generate_series(1, 60) i;

SELECT crm.set_calendar('default', 'UTC'), crm.set_calendar('desk', 'UTC', '{"mon": [["08:00", "12:00"], ["13:00", "20:00"]]}');
SELECT crm.add_holiday('default', '2026-12-25', 'Christmas'), crm.set_fiscal_year(4), crm.set_home_currency('EUR'), crm.set_rate('USD', 'EUR', '2026-01-01', 0.5);
SELECT crm.create_unit('acme', 'The company', 'business');
SELECT crm.create_unit('sales', 'Sales', 'functional', 'acme'), crm.create_unit('service', 'Service', 'functional', 'acme');
SELECT crm.create_unit('north', 'North', 'geographic', 'sales'), crm.create_unit('south', 'South', 'geographic', 'sales');
SELECT crm.add_unit_alias('south', 'Sud');
SELECT crm.create_role('seller'), crm.create_role('chief');
SELECT crm.grant_privilege('seller', 'opportunity', 'read', 'unit'), crm.grant_privilege('chief', '*', 'read', 'below'), crm.grant_privilege('chief', 'kpi', 'total', 'below');
SELECT crm.create_principal('anna', 'Anna', language => 'es', zone => 'Europe/Madrid'), crm.create_principal('clerk'), crm.create_principal('desk', kind => 'team');
SELECT crm.add_member('anna', 'acme', 'chief'), crm.add_member('clerk', 'north', 'seller'), crm.add_member('desk', 'service');
SELECT crm.add_unit_role('service', 'seller'), crm.add_team_member('desk', 'clerk'), crm.deny('clerk', 'opportunity', 'export', reason => 'notice given');
SELECT crm.create_funnel('sales', 'opportunity', '[{"key": "new", "position": 100, "department": "sales"}, {"key": "offer", "position": 200, "milestone": "opportunity", "probability": 0.4, "expected": "14 days"},
    {"key": "won", "position": 300, "kind": "won", "milestone": "won", "department": "service"}, {"key": "lost", "position": 400, "kind": "lost", "milestone": "lost"}]');
SELECT crm.create_funnel('desk', 'ticket', '["open", {"key": "waiting", "kind": "waiting"}, {"key": "solved", "kind": "won", "milestone": "won"}]');
SELECT crm.add_stage_alias('sales', 'gewonnen', 'won'), crm.set_handover_limit('sales', 'sales', 'service', '8 hours', 'desk');
SELECT crm.install_kpi_pack();
SELECT * FROM crm.adopt('shop.customers', 'customer', department => 'sales', columns => '{"full_name": "name", "email": "lower(mail)", "phone": "phone", "unit": "region"}');
SELECT * FROM crm.adopt('shop.deals', 'opportunity', department => 'sales', funnel => 'sales', fallback_unit => 'north', zone => 'UTC', columns =>
    '{"customer": "customer", "amount": "value", "stage": "status", "created_at": "opened", "closed_at": "closed", "unit": "region"}');
SELECT * FROM crm.adopt('shop.tickets', 'ticket', department => 'service', funnel => 'desk', zone => 'Europe/Madrid', columns =>
    '{"customer": {"column": "customer", "of": "shop.customers"}, "stage": "status", "priority": "priority", "opened_at": "opened", "resolved_at": "solved", "unit": "region"}');
SELECT * FROM crm.adopt('shop.visits', 'touch', zone => 'UTC', columns => '{"customer": {"column": "customer", "of": "shop.customers"}, "anonymous_id": "visitor", "at": "at", "channel": "channel", "cost": "cost"}');
SELECT crm.set_sla('urgent', 'ticket', 'priority = ''high''', 'resolution', '4 hours', 'desk', '{waiting}', warn_at => 0.5, "position" => 10);
SELECT crm.define_component('big', 'opportunity', 'closed_at', 'amount > 10', '{"amount": "amount"}'), crm.define_kpi('bigs', 'Big deals', 'big.amount');
SELECT crm.define_kpi('half', 'Half', 'opportunity_closed.amount', kind => 'percentile', quantile => 0.5);
SELECT crm.count_values('half');
CALL crm.backfill('shop.customers');
CALL crm.backfill('shop.deals');
CALL crm.backfill('shop.tickets');
CALL crm.backfill('shop.visits');
CALL crm.resolve();
SELECT crm.fold(), crm.pack_journeys();
SELECT crm.protect('shop.deals', '{"organisation": "region"}', fallback_unit => 'north');
SELECT crm.set_survivorship('email', 'most_trusted', '{sales,shop.customers}'), crm.set_contact_basis('service', 'contract', 'they bought');
SELECT crm.restrict_customer(customer_id, '{contact}', 'asked') FROM crm.customer_record WHERE (relation, record_key) = ('shop.customers'::regclass, '5');
SELECT crm.merge('shop.customers', '7', '{8}', 'the same');
SELECT crm.resolve_pending();
SELECT crm.set_credit('north', '{"north": 0.6, "service": 0.4}', since => '2026-01-01', until => '2026-06-30');
SELECT crm.set_goal('grow', 'won_value', 1000, '2026-01-01', '2026-12-31', unit => 'sales', departments => '{"sales": 0.7, "service": 0.3}', accountable => 'anna');
SELECT crm.close_period('2026-02-15', 'won_value', note => 'half');
SELECT crm.create_endpoint('chat', 'slack', 'anna', 'chat', 'for Anna'), crm.create_endpoint('pager', 'pagerduty', 'desk', 'pager');
SELECT crm.create_rule('few', 'won_count', unit => 'sales', direction => 'below', fire_level => 1000, endpoint => 'chat');
SELECT crm.create_rule('late', sla => 'urgent', kind => 'warning'), crm.subscribe('anna', rule => 'late'), crm.set_escalation('few', '1 day', 'clerk');
SELECT c.rule, crm.finish_rule(c.rule, c.epoch) FROM crm.claim_rules('updater', 9, '1 minute') c;
UPDATE shop.deals SET status = 'won', closed = '2026-03-10' WHERE id IN (1, 5, 9); -- pending
UPDATE shop.tickets SET status = 'solved', solved = '2026-02-01 10:00Z' WHERE id = 'T-1';
