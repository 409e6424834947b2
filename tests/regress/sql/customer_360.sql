\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
SET timezone = 'UTC';
SET datestyle = 'ISO';

-- sales keeps companies, contacts and deals; marketing leads and touches; service tickets by uuid
CREATE TABLE company (id integer PRIMARY KEY, name text, vat text, opened date);
CREATE TABLE contact (id integer PRIMARY KEY, company_id integer REFERENCES company, name text, email text, made timestamptz);
CREATE TABLE deal (id integer PRIMARY KEY, company_id integer REFERENCES company, title text, status text, value numeric,
                   opened timestamptz, closed timestamptz, region text);
CREATE TABLE lead (id text PRIMARY KEY, email text, name text, channel text, made timestamptz);
CREATE TABLE touch (id bigint PRIMARY KEY, lead_id text, what text, at timestamptz);
CREATE TABLE ticket (id uuid PRIMARY KEY, email text, contact integer REFERENCES contact, topic text, state text, opened timestamptz,
                     solved timestamptz);
CREATE TABLE plan (id integer PRIMARY KEY, company_id integer REFERENCES company, product text, "from" date, "to" date);

INSERT INTO company VALUES (1, 'Acme GmbH', 'DE1', '2024-01-01'), (2, 'Other Ltd', 'GB2', '2024-01-02');
INSERT INTO contact VALUES (10, 1, 'Ann Lee', 'ann@acme.example', '2024-01-05 10:00+00'),
                           (11, 2, 'Olaf', 'olaf@other.example', '2024-01-06 10:00+00');
INSERT INTO deal VALUES (100, 1, 'Rollout', 'won', 5000, '2024-02-01 10:00+00', '2024-03-01 10:00+00', 'north'),
                        (101, 1, 'Renewal', 'open', 900, '2024-06-01 10:00+00', NULL, 'south'),
                        (102, 2, 'Pilot', 'lost', 1, '2024-02-02 10:00+00', '2024-02-03 10:00+00', 'north');
INSERT INTO lead VALUES ('L1', 'Ann@ACME.example', 'A. Lee', 'web', '2023-12-24 10:00+00');
INSERT INTO touch VALUES (1, 'L1', 'newsletter', '2023-12-20 10:00+00'), (2, 'L1', 'webinar', '2023-12-23 10:00+00'), (3, 'L9', 'fair', '2023-12-23 10:00+00');
INSERT INTO ticket VALUES ('00000000-0000-0000-0000-000000000001', NULL, 10, 'Cannot log in', 'solved', '2024-04-01 10:00+00', '2024-04-02 10:00+00'),
                          ('00000000-0000-0000-0000-000000000002', NULL, 10, 'Invoice', 'open', '2024-05-01 10:00+00', NULL);
INSERT INTO plan VALUES (7, 1, 'Gold', '2024-03-01', NULL);

SELECT count(*) > 0 FROM crm.adopt('company', 'customer', department => 'sales', zone => 'Europe/Berlin',
    columns => '{"kind": "''organisation''", "company": "name", "tax_id": "vat", "created_at": "opened"}');
SELECT count(*) > 0 FROM crm.adopt('contact', 'customer', department => 'sales',
    columns => '{"full_name": "name", "email": "email", "parent": "company_id", "created_at": "made", "kind": "''person''"}');
SELECT count(*) > 0 FROM crm.adopt('deal', 'opportunity', department => 'sales', columns => '{"customer": "company_id", "name": "title",
    "stage": "status", "amount": "value", "created_at": "opened", "closed_at": "closed", "unit": "region"}');
SELECT count(*) > 0 FROM crm.adopt('lead', 'lead', department => 'marketing',
    columns => '{"full_name": "name", "email": "email", "channel": "channel", "created_at": "made"}');
SELECT count(*) > 0 FROM crm.adopt('touch', 'touch', department => 'marketing',
    columns => '{"customer": {"column": "lead_id", "of": "public.lead"}, "kind": "what", "at": "at"}');
SELECT count(*) > 0 FROM crm.adopt('ticket', 'ticket', department => 'service', columns => '{"customer": "contact", "subject": "topic",
    "stage": "state", "opened_at": "opened", "resolved_at": "solved"}');
SELECT count(*) > 0 FROM crm.adopt('plan', 'subscription', department => 'service', zone => 'Europe/Berlin',
    columns => '{"customer": "company_id", "product": "product", "started_on": "from", "ended_on": "to"}');
SET client_min_messages = warning;
CALL crm.backfill('company');
CALL crm.backfill('contact');
CALL crm.backfill('lead');
CALL crm.resolve(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL) \gset
SELECT :records AS records, :customers AS customers;
SELECT crm.customer_of('contact', '10') AS ann, crm.customer_of('company', '1') AS acme,
       crm.customer_of('lead', 'L1') = crm.customer_of('contact', '10') AS the_lead_is_ann \gset
SELECT :'the_lead_is_ann' AS the_lead_is_ann;

-- one person's story crosses the departments; the company's includes its people
SELECT * FROM crm.customer_timeline(:ann);
SELECT * FROM crm.customer_timeline(:acme);
SELECT jsonb_pretty(crm.customer_360(:acme, 2));
SELECT crm.customer_360(:ann) -> 'organisation' AS organisation, crm.customer_360(:ann) -> 'deals' AS deals,
       jsonb_path_query_array(crm.customer_360(:ann), '$.open_tickets[*].subject') AS open_tickets;
SELECT crm.customer_360(999);
SELECT * FROM crm.customer_timeline(999);

-- the reference's index is used
INSERT INTO deal SELECT 1000 + i, 2, 'Filler ' || i, 'open', i FROM generate_series(1, 5000) i;
CREATE INDEX deal_company ON deal (company_id);
ANALYZE deal;
SELECT count(*) FROM crm.customer_timeline(:acme) WHERE relation = 'deal'::regclass;
SELECT crm.key_condition('deal', 'id', 'ARRAY[''1'']') AS condition \gset
CREATE FUNCTION index_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    plan json;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
    RETURN plan -> 0 -> 'Plan' ->> 'Index Name';
END
$$;
SELECT index_of(format('SELECT FROM deal r WHERE %s', :'condition'));
SELECT replace(crm.key_condition('deal', 'customer'), 'crm.', '') AS condition;
SELECT replace(crm.key_condition('ticket', 'id', 'ARRAY[''x'']'), 'crm.', '') AS condition;
SELECT replace(crm.key_condition('company', 'kind'), 'crm.', '') AS condition;
ALTER TABLE deal RENAME COLUMN company_id TO firm;
SELECT replace(crm.key_condition('deal', 'customer'), 'crm.', '') AS condition;
SELECT count(*) FROM crm.customer_timeline(:acme) WHERE relation = 'deal'::regclass;

-- a retired id leads to the customer that it became part of
SELECT crm.customer_of('company', '2') AS other \gset
UPDATE company SET vat = 'DE1' WHERE id = 2;
SELECT crm.resolve_pending();
SELECT crm.customer_of('company', '2') = :acme AS joined, crm.customer_360(:other) = crm.customer_360(:acme) AS same,
       crm.customer_360(:other) -> 'customer' ->> 'customer_id' = :'acme' AS under_its_new_id;
UPDATE company SET vat = 'GB2' WHERE id = 2;
SELECT crm.resolve_pending();

-- who may see what. Deals are protected by region; contacts and companies are open to sales alone
SELECT crm.create_unit('acme', 'The firm', 'business') IS NOT NULL AS made;
SELECT crm.create_unit('north', 'North', 'geographic', 'acme') IS NOT NULL AS made;
SELECT crm.create_unit('south', 'South', 'geographic', 'acme') IS NOT NULL AS made;
CREATE ROLE regress_customer_nora;
CREATE ROLE regress_customer_sven;
CREATE ROLE regress_customer_eve;
SELECT crm.create_principal('nora', role_name => 'regress_customer_nora'), crm.create_principal('sven', role_name => 'regress_customer_sven');
SELECT crm.create_role('seller'), crm.create_role('agent');
SELECT crm.grant_privilege('seller', 'opportunity', 'read', 'unit');
SELECT crm.grant_privilege('agent', 'opportunity', 'story', 'organisation'), crm.grant_privilege('agent', 'touch', 'story', 'organisation');
SELECT crm.add_member('nora', 'north', 'seller'), crm.add_member('sven', 'south', 'agent');
SELECT count(*) AS protected FROM crm.protect('deal', '{"organisation": "region"}');
GRANT SELECT ON company, contact, deal TO regress_customer_nora;
GRANT SELECT ON company, contact, ticket TO regress_customer_sven;

SELECT relation, reads, tells FROM crm.record_access() ORDER BY relation::text;
SET ROLE regress_customer_nora;
-- Nora reads deals of the north, and no leads: Ann's golden name comes from contacts alone
SELECT relation, reads, tells, hierarchy FROM crm.record_access() ORDER BY relation::text;
SELECT relation, count(*) FROM crm.customer_record GROUP BY 1 ORDER BY 1::text;
SELECT name, email, records FROM crm.customer WHERE customer_id = :ann;
SELECT relation, record_key, subject, stage FROM crm.customer_timeline(:acme);
SELECT jsonb_path_query_array(crm.customer_360(:acme), '$.deals[*].name') AS deals, crm.customer_360(:acme) -> 'counts' AS counts;
SELECT crm.customer_of('lead', 'L1') AS hidden;
SELECT * FROM crm.record;
RESET ROLE;
SET ROLE regress_customer_sven;
-- Sven is told that there are deals and touches, and reads neither
SELECT relation, record_key, subject, stage FROM crm.customer_timeline(:acme);
SELECT crm.customer_360(:acme) -> 'deals' AS deals, crm.customer_360(:acme) -> 'counts' AS counts;
RESET ROLE;
SET ROLE regress_customer_eve;
-- Eve is no principal and may select nothing
SELECT count(*) FROM crm.customer;
SELECT count(*) FROM crm.customer_record;
SELECT crm.customer_360(:acme);
SELECT crm.customer_of('company', '1') AS nothing;
CALL crm.resolve(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
SELECT crm.resolve_pending();
SELECT * FROM crm.customer_story('{1}');
RESET ROLE;
-- a table that a team protects by policies of its own shows nothing to others than its owner
GRANT SELECT ON company TO regress_customer_eve;
SET ROLE regress_customer_eve;
SELECT count(*) FROM crm.customer_record;
RESET ROLE;
ALTER TABLE company ENABLE ROW LEVEL SECURITY;
SET ROLE regress_customer_eve;
SELECT count(*) FROM crm.customer_record;
RESET ROLE;
DROP OWNED BY regress_customer_nora, regress_customer_sven, regress_customer_eve;
DROP ROLE regress_customer_nora, regress_customer_sven, regress_customer_eve;
