-- Tables for a team that has none yet, adopted: customers, leads, deals, projects, tickets, and what marketing does and sells.
--   psql -v ON_ERROR_STOP=1 -f sql/starter.sql -d mine
-- Run it once, as a superuser or as an administrator of crm who may create schemas; the extension stands in schema crm (where yours is another,
-- replace "crm." first). The tables lie in schema team and are yours: add columns, rename them, drop what you do not use (crm follows).
-- A firm of ten needs one unit and one role, which are here; people come at the end. docs/starter.md has the first day.
BEGIN;
CREATE SCHEMA team;
COMMENT ON SCHEMA team IS 'Customers and all that is done with them, made by starter.sql and adopted by crm.';

-- People and organisations. A person's organisation is its parent.
CREATE TABLE team.customer (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL DEFAULT 'person' CHECK (kind IN ('person', 'organisation')),
    organisation bigint REFERENCES team.customer,
    name text NOT NULL,
    email text,
    phone text,
    address text,
    postcode text,
    city text,
    country text,
    tax_id text,
    consent jsonb,
    unit text NOT NULL DEFAULT 'company',
    owner text,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE team.product (
    id text PRIMARY KEY,
    name text NOT NULL,
    category text,
    list_price numeric,
    currency text NOT NULL DEFAULT 'EUR'
);
CREATE TABLE team.campaign (
    id text PRIMARY KEY,
    name text NOT NULL,
    channel text,
    starts_on date,
    ends_on date,
    budget numeric,
    currency text NOT NULL DEFAULT 'EUR'
);
-- Somebody who may become a customer, and whom he became.
CREATE TABLE team.lead (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text,
    company text,
    email text,
    phone text,
    campaign text REFERENCES team.campaign,
    channel text,
    stage text NOT NULL DEFAULT 'new' CHECK (stage IN ('new', 'contacted', 'qualified', 'handed over', 'not interested')),
    converted_to bigint REFERENCES team.customer,
    unit text NOT NULL DEFAULT 'company',
    owner text,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE team.deal (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer bigint NOT NULL REFERENCES team.customer,
    name text NOT NULL,
    product text REFERENCES team.product,
    campaign text REFERENCES team.campaign,
    amount numeric,
    currency text NOT NULL DEFAULT 'EUR',
    stage text NOT NULL DEFAULT 'open' CHECK (stage IN ('open', 'offer', 'negotiation', 'won', 'lost')),
    expected_close_on date,
    closed_at timestamptz,
    lost_reason text,
    unit text NOT NULL DEFAULT 'company',
    owner text,
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK (stage NOT IN ('won', 'lost') OR closed_at IS NOT NULL)
);
-- What follows the win.
CREATE TABLE team.project (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer bigint NOT NULL REFERENCES team.customer,
    deal bigint REFERENCES team.deal,
    promised text,
    promised_on date,
    stage text NOT NULL DEFAULT 'planned' CHECK (stage IN ('planned', 'in progress', 'live', 'in use', 'cancelled')),
    started_at timestamptz,
    live_at timestamptz,
    unit text NOT NULL DEFAULT 'company',
    owner text,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE team.ticket (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer bigint NOT NULL REFERENCES team.customer,
    subject text NOT NULL,
    channel text,
    priority text NOT NULL DEFAULT 'normal' CHECK (priority IN ('low', 'normal', 'high', 'urgent')),
    product text REFERENCES team.product,
    stage text NOT NULL DEFAULT 'new' CHECK (stage IN ('new', 'in progress', 'waiting', 'resolved')),
    first_response_at timestamptz,
    resolved_at timestamptz,
    reopened_count integer NOT NULL DEFAULT 0,
    satisfaction numeric,
    unit text NOT NULL DEFAULT 'company',
    owner text,
    opened_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE team.subscription (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer bigint NOT NULL REFERENCES team.customer,
    product text REFERENCES team.product,
    started_on date NOT NULL DEFAULT CURRENT_DATE,
    ended_on date,
    monthly_amount numeric NOT NULL,
    currency text NOT NULL DEFAULT 'EUR',
    unit text NOT NULL DEFAULT 'company'
);
-- Contacts of marketing with somebody, known (customer) or not yet (a visitor's anonymous_id).
CREATE TABLE team.touch (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer bigint REFERENCES team.customer,
    anonymous_id text,
    at timestamptz NOT NULL DEFAULT now(),
    channel text,
    campaign text REFERENCES team.campaign,
    kind text,
    cost numeric,
    unit text NOT NULL DEFAULT 'company',
    CHECK (customer IS NOT NULL OR anonymous_id IS NOT NULL)
);
CREATE TABLE team.spend (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    on_date date NOT NULL DEFAULT CURRENT_DATE,
    kind text NOT NULL DEFAULT 'marketing' CHECK (kind IN ('marketing', 'sales', 'service')),
    channel text,
    campaign text REFERENCES team.campaign,
    amount numeric NOT NULL,
    currency text NOT NULL DEFAULT 'EUR',
    unit text NOT NULL DEFAULT 'company'
);
CREATE TABLE team.survey (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer bigint NOT NULL REFERENCES team.customer,
    kind text NOT NULL CHECK (kind IN ('csat', 'nps')),
    score numeric NOT NULL,
    unit text NOT NULL DEFAULT 'company',
    at timestamptz NOT NULL DEFAULT now()
);
-- Calls, meetings, letters: anything else that belongs in the customer's story.
CREATE TABLE team.activity (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer bigint NOT NULL REFERENCES team.customer,
    kind text NOT NULL,
    subject text,
    unit text NOT NULL DEFAULT 'company',
    owner text,
    at timestamptz NOT NULL DEFAULT now()
);
-- What is looked up by a foreign key, or by the unit once the tables are protected.
CREATE INDEX ON team.customer (organisation);
CREATE INDEX ON team.lead (campaign);
CREATE INDEX ON team.lead (converted_to);
CREATE INDEX ON team.deal (customer);
CREATE INDEX ON team.project (customer);
CREATE INDEX ON team.ticket (customer);
CREATE INDEX ON team.subscription (customer);
CREATE INDEX ON team.touch (customer);
CREATE INDEX ON team.survey (customer);
CREATE INDEX ON team.activity (customer);

-- One unit, one role. "member" may do everything with everybody's rows but share and export them, and sees all numbers and stories.
SELECT crm.create_unit('company', 'The company', kind => 'business', description => 'All of us. Add departments and offices below it when there are any.');
SELECT crm.create_role('member', description => 'Whoever works here');
SELECT crm.grant_privilege('member', '*', privilege, 'below')
FROM unnest('{create,read,update,delete,assign,merge,total,story}'::text[]) privilege;
-- You are the first. The next one: SELECT crm.create_principal('ann', 'Ann Lee', role_name => 'ann'); SELECT crm.add_member('ann', 'company', 'member');
SELECT crm.create_principal(current_user::text, role_name => current_user);
SELECT crm.add_member(current_user::text, 'company', 'member');

-- The ways from the first contact to the win, and from the promise to what was promised.
SELECT crm.create_funnel('leads', 'lead', '[
    {"key": "new", "position": 100, "label": "New", "kind": "entry", "milestone": "lead"},
    {"key": "contacted", "position": 200, "label": "Contacted"},
    {"key": "qualified", "position": 300, "label": "Qualified", "milestone": "mql"},
    {"key": "handed_over", "position": 400, "label": "Handed over", "kind": "won", "milestone": "sal"},
    {"key": "not_interested", "position": 900, "label": "Not interested", "kind": "lost"}]', label => 'Leads');
SELECT crm.create_funnel('deals', 'opportunity', '[
    {"key": "open", "position": 100, "label": "Open", "kind": "entry", "milestone": "sql"},
    {"key": "offer", "position": 200, "label": "Offer", "milestone": "opportunity"},
    {"key": "negotiation", "position": 300, "label": "Negotiation"},
    {"key": "won", "position": 400, "label": "Won", "kind": "won", "milestone": "won"},
    {"key": "lost", "position": 900, "label": "Lost", "kind": "lost", "milestone": "lost"}]', label => 'Deals');
SELECT crm.create_funnel('projects', 'project', '[
    {"key": "planned", "position": 100, "label": "Planned", "kind": "entry"},
    {"key": "in_progress", "position": 200, "label": "In progress"},
    {"key": "live", "position": 300, "label": "Live", "kind": "won", "milestone": "live"},
    {"key": "in_use", "position": 400, "label": "In use", "kind": "after_win", "milestone": "first_value"},
    {"key": "cancelled", "position": 900, "label": "Cancelled", "kind": "lost"}]', label => 'Projects');
SELECT crm.create_funnel('tickets', 'ticket', '[
    {"key": "new", "position": 100, "label": "New", "kind": "entry"},
    {"key": "in_progress", "position": 200, "label": "In progress"},
    {"key": "waiting", "position": 300, "label": "Waiting", "kind": "waiting"},
    {"key": "resolved", "position": 400, "label": "Resolved", "kind": "won"}]', label => 'Tickets');

SELECT count(*) FROM crm.adopt('team.product', 'product', columns => '{"name": "name", "category": "category", "list_price": "list_price", "currency": "currency"}');
SELECT count(*) FROM crm.adopt('team.campaign', 'campaign', columns => '{"name": "name", "channel": "channel", "starts_on": "starts_on", "ends_on": "ends_on",
    "budget": "budget", "currency": "currency"}');
SELECT count(*) FROM crm.adopt('team.customer', 'customer', columns => '{"kind": "kind", "parent": "organisation",
    "full_name": "CASE kind WHEN ''person'' THEN name END", "company": "CASE kind WHEN ''organisation'' THEN name END", "email": "email", "phone": "phone",
    "address": "address", "postcode": "postcode", "city": "city", "country": "country", "tax_id": "tax_id", "consent": "consent", "unit": "unit", "owner": "owner",
    "created_at": "created_at"}');
SELECT count(*) FROM crm.adopt('team.lead', 'lead', funnel => 'leads', columns => '{"full_name": "name", "company": "company", "email": "email", "phone": "phone",
    "campaign": "campaign", "channel": "channel", "stage": "stage", "converted_to": "converted_to", "unit": "unit", "owner": "owner", "created_at": "created_at"}');
SELECT count(*) FROM crm.adopt('team.deal', 'opportunity', funnel => 'deals', columns => '{"customer": "customer", "name": "name", "product": "product", "campaign": "campaign",
    "amount": "amount", "currency": "currency", "stage": "stage", "expected_close_on": "expected_close_on", "closed_at": "closed_at", "lost_reason": "lost_reason",
    "unit": "unit", "owner": "owner", "created_at": "created_at"}');
SELECT count(*) FROM crm.adopt('team.project', 'project', funnel => 'projects', columns => '{"customer": "customer", "opportunity": "deal", "promised": "promised",
    "promised_on": "promised_on", "stage": "stage", "started_at": "started_at", "live_at": "live_at", "unit": "unit", "owner": "owner", "created_at": "created_at"}');
SELECT count(*) FROM crm.adopt('team.ticket', 'ticket', funnel => 'tickets', columns => '{"customer": "customer", "subject": "subject", "channel": "channel", "priority": "priority",
    "product": "product", "stage": "stage", "opened_at": "opened_at", "first_response_at": "first_response_at", "resolved_at": "resolved_at",
    "reopened_count": "reopened_count", "satisfaction": "satisfaction", "unit": "unit", "owner": "owner", "created_at": "opened_at"}');
SELECT count(*) FROM crm.adopt('team.subscription', 'subscription', columns => '{"customer": "customer", "product": "product", "started_on": "started_on", "ended_on": "ended_on",
    "monthly_amount": "monthly_amount", "currency": "currency", "unit": "unit"}');
SELECT count(*) FROM crm.adopt('team.touch', 'touch', columns => '{"customer": "customer", "anonymous_id": "anonymous_id", "at": "at", "channel": "channel",
    "campaign": "campaign", "kind": "kind", "cost": "cost", "unit": "unit"}');
SELECT count(*) FROM crm.adopt('team.spend', 'spend', columns => '{"on_date": "on_date", "kind": "kind", "channel": "channel", "campaign": "campaign", "amount": "amount",
    "currency": "currency", "unit": "unit"}');
SELECT count(*) FROM crm.adopt('team.survey', 'survey', columns => '{"customer": "customer", "kind": "kind", "score": "score", "at": "at", "unit": "unit"}');
SELECT count(*) FROM crm.adopt('team.activity', 'activity', columns => '{"customer": "customer", "kind": "kind", "subject": "subject", "at": "at", "unit": "unit", "owner": "owner"}');
COMMIT;

-- Empty tables are read in no time; from here on crm follows what is written.
CALL crm.backfill('team.product');
CALL crm.backfill('team.campaign');
CALL crm.backfill('team.customer');
CALL crm.backfill('team.lead');
CALL crm.backfill('team.deal');
CALL crm.backfill('team.project');
CALL crm.backfill('team.ticket');
CALL crm.backfill('team.subscription');
CALL crm.backfill('team.touch');
CALL crm.backfill('team.spend');
CALL crm.backfill('team.survey');
CALL crm.backfill('team.activity');
