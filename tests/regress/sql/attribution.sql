-- To which touches wins are owed: a worked example with every model, an organisation, a visitor who is identified later, rights.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SELECT crm.create_funnel('sales', 'customer', '[{"key": "lead", "department": "marketing", "milestone": "lead"},
    {"key": "deal", "department": "sales", "milestone": "opportunity"}, {"key": "won", "department": "sales", "milestone": "won"}]');
CREATE TABLE account (id integer PRIMARY KEY, kind text, name text, email text, company integer REFERENCES account);
CREATE TABLE campaign (id text PRIMARY KEY, medium text, money text);
CREATE TABLE touch (id integer PRIMARY KEY, account integer REFERENCES account, visitor text, at timestamptz, medium text, campaign text REFERENCES campaign, cost numeric);
CREATE TABLE deal (id integer PRIMARY KEY, account integer REFERENCES account, state text, amount numeric, money text, margin numeric,
                   opened timestamptz, closed timestamptz, region text);
INSERT INTO account VALUES (10, 'organisation', 'Acme', 'info@acme.example', NULL), (1, 'person', 'Ann Lee', 'ann@acme.example', 10),
    (2, 'person', 'Bob Moser', 'bob@moser.example', NULL), (3, 'person', 'Cid Ray', 'cid@ray.example', NULL),
    (4, 'person', 'Dora Fox', 'dora@fox.example', NULL), (5, 'person', 'Eve Poe', 'eve@poe.example', NULL);
INSERT INTO campaign VALUES ('brand', 'search', 'EUR'), ('spring', 'social', 'EUR');
-- Acme owes its deal to Ann's touches and its own: search, email, direct, the last two at one moment. Bob's: search, and, as
-- visitor v1, social before it. Cid: nothing. Dora: email ninety days before to the second; search a second earlier does not count.
-- What comes after a win does not count. Eve came twice and bought nothing.
INSERT INTO touch VALUES
    (1, 1, NULL, '2026-03-01', NULL, 'brand', 2), (2, 1, NULL, '2026-03-15', 'email', NULL, NULL), (3, 10, NULL, '2026-03-15', 'direct', NULL, NULL),
    (4, 10, NULL, '2026-04-01', 'email', NULL, NULL), (5, 2, NULL, '2026-03-30', 'search', NULL, NULL), (6, NULL, 'v1', '2026-03-23', 'social', 'spring', 3.5),
    (7, 4, NULL, '2026-01-01 23:59:59', 'search', 'brand', NULL), (8, 4, NULL, '2026-01-02', 'email', NULL, NULL),
    (9, 5, NULL, '2026-03-01', 'search', 'brand', NULL), (10, 5, NULL, '2026-03-02', 'social', 'spring', NULL), (11, NULL, NULL, '2026-03-02', 'email', NULL, NULL);
INSERT INTO deal VALUES
    (1, 10, 'won', 100.00, 'EUR', 0.5, '2026-02-01', '2026-03-31', 'north'), (2, 2, 'won', 10.01, 'EUR', NULL, '2026-02-01', '2026-03-31', 'south'),
    (3, 3, 'won', 7, 'USD', 0.1, '2026-02-01', '2026-04-01', 'north'), (4, 4, 'won', NULL, NULL, NULL, '2026-02-01', '2026-04-02', 'south'),
    (5, 4, 'won', 5000, 'EUR', NULL, '2026-02-01', '2026-04-30', 'south'), (6, 5, 'deal', 1, 'EUR', NULL, '2026-02-01', NULL, 'north');
SELECT count(*) > 0 AS adopted FROM crm.adopt('account', 'customer', columns => '{"kind": "kind", "full_name": "CASE kind WHEN ''person'' THEN name END", "company": "CASE kind WHEN ''organisation'' THEN name END", "email": "email", "parent": "company"}');
SELECT count(*) > 0 AS adopted FROM crm.adopt('campaign', 'campaign', columns => '{"channel": "medium", "currency": "money"}');
SELECT count(*) > 0 AS adopted FROM crm.adopt('touch', 'touch', department => 'marketing', columns => '{"customer": "account", "anonymous_id": "visitor", "at": "at", "channel": "medium", "campaign": "campaign", "cost": "cost"}');
SELECT count(*) > 0 AS adopted FROM crm.adopt('deal', 'opportunity', department => 'sales', funnel => 'sales', columns => '{"customer": "account", "stage": "state", "amount": "amount", "currency": "money", "margin": "margin", "created_at": "opened", "closed_at": "closed", "unit": "region"}');
CALL crm.backfill('account');
CALL crm.backfill('deal');

-- Before anybody is linked the records stand for themselves.
SELECT channel, campaign, currency, credit, amount, margin, conversions FROM crm.attribution('linear');
SELECT crm.resolve_pending() > 0 AS linked;
SELECT channel, campaign, currency, credit, amount, margin, conversions FROM crm.attribution('linear');
-- Who v1 was is told, and taken back.
SELECT crm.customer_of('account', '2') AS bob \gset
SELECT crm.identify('v1', :bob, '2026-06-01') > 0 AS identified;
SELECT channel, campaign, currency, credit, amount, margin, conversions FROM crm.attribution('linear');
SELECT crm.unidentify('v1') > 0 AS taken_back;
SELECT channel, sum(credit) AS credit FROM crm.attribution('linear') GROUP BY 1 ORDER BY 1;
SELECT crm.identify('v1', :bob, '2026-06-01') > 0 AS identified;

-- Every model: credits, and what is owed of the 110.01 EUR.
SELECT model, a.*, round(sum(a.credit) OVER (PARTITION BY model), 9) AS wins, sum(a.amount) OVER (PARTITION BY model, currency) AS total
FROM unnest(crm.attribution_models()) WITH ORDINALITY m (model, n),
LATERAL (SELECT channel, currency, credit, amount, margin, conversions FROM crm.attribution(m.model, by => ARRAY['channel'])) a
ORDER BY n, channel, currency;
SELECT channel, credit FROM crm.attribution('position', by => ARRAY['channel'], weights => ARRAY[1, 0, 3]) ORDER BY 1, 2;
SELECT channel, credit FROM crm.attribution('last_non_direct', by => ARRAY['channel'], direct => ARRAY['Email', 'DIRECT']) ORDER BY 1, 2;
SELECT channel, credit FROM crm.attribution('time_decay', by => ARRAY['channel'], half_life => '14 days') ORDER BY 1, 2;
SELECT channel, sum(credit) AS credit FROM crm.attribution('linear', by => ARRAY['channel'], look_back => '91 days') GROUP BY 1 ORDER BY 1;
SELECT channel, sum(credit) AS credit FROM crm.attribution('linear', by => ARRAY['channel'], look_back => NULL) GROUP BY 1 ORDER BY 1;
SELECT channel, sum(credit) AS credit FROM crm.attribution('linear', by => ARRAY['channel'], look_back => '0') GROUP BY 1 ORDER BY 1;
SELECT channel, sum(credit) AS credit FROM crm.attribution('linear', by => ARRAY['channel'], since => '2026-04-01', until => '2026-04-02') GROUP BY 1;
SELECT campaign, kind, sum(credit) AS credit FROM crm.attribution('linear', by => ARRAY['campaign', 'kind']) GROUP BY 1, 2 ORDER BY 1;
SELECT * FROM crm.attribution('linear', milestone => 'opportunity', by => ARRAY['channel'], since => '2027-01-01');
SELECT channel, sum(credit) AS credit FROM crm.attribution('markov', by => ARRAY['channel'], until => '2026-04-01') GROUP BY 1 ORDER BY 1;

-- Where no touch is known, what the deal or lead tells of its origin counts.
CREATE TABLE lead (id integer PRIMARY KEY, email text, medium text, campaign text REFERENCES campaign, came timestamptz);
INSERT INTO lead VALUES (1, 'cid@ray.example', NULL, 'spring', '2026-03-30'), (2, 'ann@acme.example', 'fair', NULL, '2026-03-30');
SELECT count(*) > 0 AS adopted FROM crm.adopt('lead', 'lead', department => 'marketing', funnel => 'sales', columns => '{"stage": "''lead''", "email": "email", "channel": "medium", "campaign": "campaign", "created_at": "came"}');
CALL crm.backfill('lead');
SELECT crm.resolve_pending() > 0 AS linked;
SELECT crm.customer_of('lead', '1') = crm.customer_of('account', '3') AS same;
SELECT channel, campaign, credit, amount FROM crm.attribution('first') WHERE credit > 0 ORDER BY 1, 2;

-- What it cost, and brought, by currency.
CREATE TABLE invoice (id integer PRIMARY KEY, day date, medium text, campaign text, what text, amount numeric, money text, region text);
INSERT INTO invoice VALUES (1, '2026-03-01', NULL, 'brand', 'marketing', 20, 'EUR', 'north'), (2, '2026-03-31', 'email', NULL, 'sales', 30, 'EUR', 'south'),
    (3, '2026-03-31', 'email', NULL, 'marketing', 5, 'USD', 'north'), (4, '2026-04-01', 'fair', NULL, 'marketing', 0, 'EUR', 'north');
SELECT count(*) > 0 AS adopted FROM crm.adopt('invoice', 'spend', columns => '{"on_date": "day", "channel": "medium", "campaign": {"column": "campaign", "of": "public.campaign"}, "kind": "what", "amount": "amount", "currency": "money", "unit": "region"}');
SELECT * FROM crm.campaign_return('linear', by => ARRAY['channel']);
SELECT * FROM crm.campaign_return('first', until => '2026-04-01', kinds => ARRAY['marketing']);
SELECT * FROM crm.stage_cost('sales');
SELECT stage, entered, currency, spend, cost_per_entry FROM crm.stage_cost('sales', '2026-03-31', '2026-04-01', ARRAY['sales']);

-- For BI: every model at once is what each gives alone, month by month.
SELECT funnel, milestone, model, month, sum(credit) AS credit, sum(amount) FILTER (WHERE currency = 'EUR') AS euro FROM crm_bi.attribution GROUP BY 1, 2, 3, 4 ORDER BY 3, 4;
SELECT model, count(*) FROM (
    (SELECT model, channel, campaign, currency, sum(amount), sum(conversions) FROM crm_bi.attribution WHERE milestone = 'won' GROUP BY 1, 2, 3, 4
     EXCEPT SELECT m, channel, campaign, currency, amount, conversions FROM unnest(crm.attribution_models()) m, crm.attribution(m))
    UNION ALL
    (SELECT m, channel, campaign, currency, amount, conversions FROM unnest(crm.attribution_models()) m, crm.attribution(m)
     EXCEPT SELECT model, channel, campaign, currency, sum(amount), sum(conversions) FROM crm_bi.attribution WHERE milestone = 'won' GROUP BY 1, 2, 3, 4)) d
WHERE model <> 'markov' GROUP BY 1; -- markov rounds for each month

-- Rights: numbers of one's units. What markov learned it learned of all.
CREATE ROLE regress_attribution_north;
CREATE ROLE regress_attribution_root;
CREATE ROLE regress_attribution_nobody;
SELECT crm.create_unit('firm', 'The firm', 'business'), crm.create_unit('north', 'North', 'geographic', 'firm'), crm.create_unit('south', 'South', 'geographic', 'firm');
SELECT crm.create_principal('nora', role_name => 'regress_attribution_north'), crm.create_role('regional'), crm.grant_privilege('regional', 'kpi', 'total', 'unit');
SELECT crm.add_member('nora', 'north', 'regional') IS NOT NULL AS added;
SELECT crm.create_principal('root', role_name => 'regress_attribution_root'), crm.add_member('root', 'firm', 'regional') IS NOT NULL AS added;
SELECT channel, sum(credit) / sum(sum(credit)) OVER () AS share FROM crm.attribution('markov', by => ARRAY['channel']) GROUP BY 1 ORDER BY 1;
SET ROLE regress_attribution_north;
SELECT channel, sum(credit) / sum(sum(credit)) OVER () AS share FROM crm.attribution('markov', by => ARRAY['channel']) GROUP BY 1 ORDER BY 1;
SELECT channel, currency, credit, amount FROM crm.attribution('linear', by => ARRAY['channel']) ORDER BY 1, 2;
SELECT channel, currency, wins, amount, spend, cost_per_win FROM crm.campaign_return('linear', by => ARRAY['channel']);
SELECT stage, entered, currency, spend FROM crm.stage_cost('sales');
SELECT model, sum(credit) AS credit FROM crm_bi.attribution WHERE model IN ('linear', 'markov') GROUP BY 1 ORDER BY 1;
SELECT * FROM crm.attributed('{first}', 'sales', 'won', NULL, NULL, NULL, '{channel}', '1 day', '{1,1,1}', '{}', false);
-- The whole's own unit and nothing below it, where all deals are; leads tell no unit and are the whole's.
SET ROLE regress_attribution_root;
SELECT count(*) FROM crm.attribution('linear');
SELECT DISTINCT milestone FROM crm_bi.attribution;
SET ROLE regress_attribution_nobody;
SELECT * FROM crm.attribution('linear');
SELECT * FROM crm.stage_cost('sales');
RESET ROLE;

-- What makes no sense.
\set VERBOSITY default
SELECT * FROM crm.attribution('last_touch');
SELECT * FROM crm.attribution(NULL);
SELECT * FROM crm.attribution('linear', 'sale');
SELECT * FROM crm.attribution('linear', milestone => 'wonn');
SELECT * FROM crm.attribution('linear', milestone => 'live');
SELECT * FROM crm.attribution('linear', 'sales', 'live');
SELECT * FROM crm.attribution('linear', look_back => '3 months');
SELECT * FROM crm.attribution('linear', look_back => '-1 day');
SELECT * FROM crm.attribution('linear', by => ARRAY['canal']);
SELECT * FROM crm.attribution('linear', by => '{}');
SELECT * FROM crm.attribution('time_decay', half_life => '0');
SELECT * FROM crm.attribution('position', weights => ARRAY[40, 60]);
SELECT * FROM crm.attribution('position', weights => ARRAY[-1, 1, 1]);
SELECT * FROM crm.campaign_return('linear', by => ARRAY['kind']);
SELECT * FROM crm.stage_cost('sale');
SELECT count(*) > 0 AS made FROM crm.create_funnel('other', 'customer', '[{"key": "won", "milestone": "won"}]');
SELECT * FROM crm.attribution('linear');
INSERT INTO touch SELECT 100 + i, 2, NULL, '2026-03-20', 'channel ' || i FROM generate_series(1, 13) i;
SELECT * FROM crm.attribution('shapley', 'sales');
SELECT count(*), sum(credit) FROM crm.attribution('linear', 'sales', by => ARRAY['campaign']);
SELECT DISTINCT model FROM crm_bi.attribution ORDER BY 1;
UPDATE deal SET amount = 1e18;
SELECT count(*) FROM crm.attribution('linear', 'sales');
UPDATE deal SET amount = 'NaN';
SELECT sum(credit), sum(amount) FROM crm.attribution('linear', 'sales');
-- A stage that was retired counts as its successor, which has the milestone now.
SELECT crm.add_stage('sales', '{"key": "bought", "position": 310}');
SELECT crm.retire_stage('sales', 'won', 'bought') > 0 AS retired;
SELECT sum(credit) FROM crm.attribution('first', 'sales');
DROP OWNED BY regress_attribution_north, regress_attribution_root, regress_attribution_nobody;
DROP ROLE regress_attribution_north;
DROP ROLE regress_attribution_root;
DROP ROLE regress_attribution_nobody;
