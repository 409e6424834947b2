-- Exchange rates: what is found for a day, and KPIs in one currency, against numbers by hand and a slow reference.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET datestyle = 'ISO';
SELECT crm.create_unit('firm', 'The firm'), crm.create_unit('north', 'North', parent => 'firm');

-- what is found: the last on or before the day, either way round, the newer counting; else through the base
SELECT crm.set_rate('usd', 'EUR', '2026-01-10', 0.90), crm.set_rate('USD', 'EUR', '2026-01-20', 0.80), crm.set_rate('EUR', 'USD', '2026-01-15', 1.25),
       crm.set_rate('EUR', 'USD', '2026-01-20', 2), crm.set_rate('EUR', 'JPY', '2026-01-01', 160), crm.set_rate('USD', 'EUR', '2026-01-10', 0.50, 'budget');
SELECT v.*, crm.rate_on(a, b, day) AS rate, by_hand
FROM (VALUES ('USD', 'EUR', date '2026-01-09', NULL::numeric), ('USD', 'EUR', '2026-01-10', 0.90), ('USD', 'EUR', '2026-01-14', 0.90), ('USD', 'EUR', '2026-01-15', 1 / 1.25),
             ('USD', 'EUR', '2026-01-20', 0.80), ('EUR', 'USD', '2026-01-20', 2), ('EUR', 'USD', '2026-01-14', 1 / 0.90), ('JPY', 'EUR', '2026-02-01', 1 / 160.0),
             ('USD', 'USD', '2020-01-01', 1), ('USD', 'JPY', '2026-01-12', NULL), ('GBP', 'EUR', '2026-01-12', NULL), (NULL, 'EUR', '2026-01-12', NULL)) v (a, b, day, by_hand);
SELECT crm.rate_on('USD', 'EUR', '2026-03-01', 'budget') AS budget, crm.rate_on('JPY', 'EUR', '2026-03-01', 'budget') AS not_in_that_set;
SELECT crm.set_rate_base('EUR');
SELECT crm.rate_on('USD', 'JPY', '2026-01-12') AS through_the_base, 0.90 * 160 AS by_hand;
SELECT crm.set_rate_base(NULL), crm.set_home_currency('eur');
SELECT crm.rate_on('USD', 'JPY', '2026-01-12') AS through_the_home_currency, crm.rate_on(NULL, 'JPY', '2026-01-12') AS no_currency_is_home, crm.home_currency();
-- minor units: halves away from zero
SELECT crm.convert_money(0.05, 'USD', 'EUR', '2026-01-12') AS eur, crm.convert_money(-0.05, 'USD', 'EUR', '2026-01-12') AS minus,
       crm.convert_money(1.5, 'EUR', 'JPY', '2026-01-12') AS jpy, crm.convert_money(0.005, 'EUR', 'JPY', '2026-01-12') AS jpy_up, crm.minor_digits('KWD') AS kwd;

-- deals in three currencies; won on days with different rates
CREATE TABLE deals (id integer PRIMARY KEY, region text, value numeric, money text, status text, opened date, closed date);
SELECT crm.create_funnel('sales', 'opportunity', '[{"key": "open", "kind": "entry"}, {"key": "won", "kind": "won", "milestone": "won"}, {"key": "lost", "kind": "lost", "position": 900}]');
SELECT count(*) > 0 AS adopted FROM crm.adopt('deals', 'opportunity', funnel => 'sales', columns => '{"unit": "region", "amount": "value", "currency": "money", "stage": "status", "created_at": "opened", "closed_at": "closed"}');
CALL crm.backfill('deals');
INSERT INTO deals VALUES
    (1, 'north', 100, 'USD', 'won', '2026-01-02', '2026-01-12'), -- 0.90: 90 EUR
    (2, 'north', 200, 'USD', 'won', '2026-01-02', '2026-01-15'), -- 0.80 by the other way round: 160
    (3, 'firm', 50, 'EUR', 'won', '2026-01-02', '2026-01-05'),   -- 50
    (4, 'firm', 3200, 'JPY', 'won', '2026-01-02', '2026-02-03'), -- 20
    (5, 'firm', 7, NULL, 'won', '2026-01-02', '2026-02-03'),     -- home: 7
    (6, 'north', 40, 'USD', 'lost', '2026-01-02', '2026-01-12'), -- 36
    (7, 'north', 1000, 'USD', 'open', '2026-01-12', NULL);
SELECT period, value, state FROM crm_bi.kpi('won_value', 'month', '2026-01-01', '2026-02-28');
SELECT period, value, state FROM crm_bi.kpi('won_value', 'month', '2026-01-01', '2026-02-28', into_currency => 'EUR');
SELECT unit_key, currency, numerator, value, state FROM crm_bi.kpi('won_value', 'total', '2026-01-01', '2026-02-28', '{unit_key,currency}', 'eur');
SELECT period, round(value, 6) AS value, round(by_hand, 6) AS by_hand, state
FROM crm_bi.kpi('win_rate_value', 'month', '2026-01-01', '2026-01-31', into_currency => 'EUR'), (VALUES (300.0 / 336)) v (by_hand);
-- a ratio of money mixes currencies too, and a count does not
SELECT value, state FROM crm_bi.kpi('win_rate_value', 'month', '2026-01-01', '2026-01-31');
SELECT round(value, 4) AS value, state FROM crm_bi.kpi('win_rate', 'month', '2026-01-01', '2026-01-31', into_currency => 'EUR');
SELECT value, by_hand FROM crm_bi.kpi('average_deal', 'month', '2026-01-01', '2026-01-31', into_currency => 'EUR'), (VALUES (300.0 / 3)) v (by_hand);
-- a stock has the rate of the day that it is asked for: 1200 USD by 0.90 and 3207 of the others (27 EUR), from the 15th 1000 by 0.80
SELECT period, value FROM crm_bi.kpi('open_pipeline', 'day', '2026-01-12', '2026-01-16', into_currency => 'EUR');
SELECT round(value, 2) AS yen FROM crm_bi.kpi('won_value', 'total', '2026-01-01', '2026-02-28', into_currency => 'JPY');
-- what is missing is said, and is never left out of a sum
INSERT INTO deals VALUES (8, 'north', 5, 'GBP', 'won', '2026-01-02', '2026-01-30'), (9, 'north', 5, 'gbp', 'won', '2026-01-02', '2026-02-01'), (10, 'north', 9, 'USD', 'won', '2025-12-02', '2026-01-03');
SELECT period, numerator, value, state FROM crm_bi.kpi('won_value', 'month', '2026-01-01', '2026-02-28', into_currency => 'EUR');
SELECT period, numerator, denominator, value, state FROM crm_bi.kpi('average_deal', 'month', '2026-01-01', '2026-02-28', into_currency => 'EUR');
SELECT day, currency, numerator, value, state FROM crm_bi.kpi_value_home WHERE kpi_key = 'won_value' ORDER BY day, currency;
SELECT * FROM crm.kpi_total('won_value', 'north', '2026-01-01', '2026-01-31', 'EUR');
SELECT crm.set_rate('GBP', 'EUR', '2026-01-01', 1.2), crm.set_rate('USD', 'EUR', '2026-01-01', 0.5);
SELECT * FROM crm.kpi_total('won_value', 'north', '2026-01-01', '2026-01-31', 'EUR');
SELECT crm.set_rate('USD', 'EUR', '2026-01-01', NULL);
SELECT state FROM crm.kpi_total('won_value', 'north', '2026-01-01', '2026-01-31', 'EUR');
SELECT value FROM crm.kpi_total('won_value', NULL, '2026-01-10', '2026-01-31', 'EUR', 'budget');
SELECT state FROM crm.kpi_total('won_value', NULL, '2026-02-01', '2026-02-28', 'EUR', 'budget');

-- against a reference that knows neither the functions nor the views: 2,000 deals, 4 currencies, up to 200 rates by chance
TRUNCATE deals;
SELECT setseed(0.4);
DELETE FROM crm.exchange_rate;
SELECT count(crm.set_rate(a, b, date '2025-12-20' + (random() * 90)::integer, (0.5 + random())::numeric(10, 4)))
FROM (VALUES ('USD', 'EUR'), ('EUR', 'USD'), ('GBP', 'EUR'), ('CHF', 'EUR')) v (a, b), generate_series(1, 50);
INSERT INTO deals SELECT g, CASE g % 2 WHEN 0 THEN 'north' ELSE 'firm' END, (random() * 1000)::numeric(12, 2), (ARRAY['USD', 'EUR', 'GBP', 'CHF', NULL])[1 + g % 5],
                         CASE WHEN g % 3 = 0 THEN 'lost' ELSE 'won' END, '2026-01-01', date '2026-01-01' + (random() * 89)::integer
FROM generate_series(1, 2000) g;
WITH reference AS (
    SELECT date_trunc('month', d.closed)::date AS period, d.region,
           sum(d.value * CASE WHEN coalesce(d.money, 'EUR') = 'EUR' THEN 1
                              ELSE (SELECT CASE WHEN r.currency = 'EUR' THEN 1 / r.rate ELSE r.rate END FROM crm.exchange_rate r
                                    WHERE d.money IN (r.currency, r.into_currency) AND r.on_date <= d.closed
                                    ORDER BY r.on_date DESC, r.currency = 'EUR' LIMIT 1) END) AS amount
    FROM deals d WHERE d.status = 'won' GROUP BY 1, 2)
SELECT count(*) AS groups, count(*) FILTER (WHERE round(r.amount, 2) IS DISTINCT FROM k.value OR round(r.amount, 6) IS DISTINCT FROM round(k.numerator, 6)) AS different
FROM reference r FULL JOIN crm_bi.kpi('won_value', 'month', '2026-01-01', '2026-03-31', '{unit_key}', 'EUR') k ON k.period = r.period AND k.unit_key = r.region;
SELECT sum(value) = round(sum(value), 2) AS minor_units, round(sum(numerator), 2) - sum(value) BETWEEN -0.03 AND 0.03 AS rounded_once
FROM crm_bi.kpi('won_value', 'month', '2026-01-01', '2026-03-31', '{unit_key}', 'EUR');
SELECT count(*) FILTER (WHERE h.numerator IS DISTINCT FROM round(x.numerator, 6)) AS different, count(*) > 100 AS rows
FROM crm_bi.kpi_value_home h
JOIN LATERAL (SELECT v.numerator * crm.rate_on(v.currency, 'EUR', v.day) AS numerator FROM crm_bi.kpi_value v
              WHERE v.kpi_key = 'won_value' AND v.day = h.day AND v.unit_key = h.unit_key AND v.stage = h.stage AND v.currency IS NOT DISTINCT FROM h.currency) x ON true
WHERE h.kpi_key = 'won_value';

-- what is money: an amount as a value, not in a condition
SELECT expression, crm.is_money(expression), by_hand
FROM (VALUES ('amount', true), ('amount * margin', true), ('CASE WHEN kind = ''x'' THEN amount END', true), ('CASE WHEN amount > 10 THEN 1 END', false), ('(amount >= 10)::integer', false),
             ('coalesce(amount, 0)', true), ('cycle_days', false), ('greatest(1, amount)', true), ('margin * amount', true), (NULL, false)) v (expression, by_hand);
-- fiscal years: in April; a week 53, a leap day
SELECT crm.set_fiscal_year(4);
SELECT day, fiscal_year, fiscal_quarter, fiscal_year_start, fiscal_quarter_start, iso_year, iso_week FROM crm_bi.dim_date
WHERE day IN ('2024-02-29', '2025-03-31', '2025-04-01', '2025-12-31', '2026-01-01', '2026-12-28', '2027-01-03', '2027-01-04') ORDER BY day;
INSERT INTO deals VALUES (5001, 'north', 1, 'EUR', 'won', '2023-01-01', '2024-02-29'), (5002, 'north', 10, 'EUR', 'won', '2023-01-01', '2024-03-31'), (5003, 'north', 100, 'EUR', 'won', '2023-01-01', '2024-04-01'),
    (5004, 'north', 1000, 'EUR', 'won', '2023-01-01', '2021-01-03'), (5005, 'north', 2000, 'EUR', 'won', '2023-01-01', '2020-12-28'), (5006, 'north', 4000, 'EUR', 'won', '2023-01-01', '2021-01-04');
SELECT 'fiscal_year' AS grain, period, value FROM crm_bi.kpi('won_value', 'fiscal_year', '2023-05-31', '2024-05-31')
UNION ALL SELECT 'fiscal_quarter', period, value FROM crm_bi.kpi('won_value', 'fiscal_quarter', '2023-05-31', '2024-05-31')
UNION ALL SELECT 'week', period, value FROM crm_bi.kpi('won_value', 'week', '2020-12-28', '2021-01-10')
UNION ALL SELECT 'day', period, value FROM crm_bi.kpi('won_value', 'day', '2024-02-28', '2024-03-01');

-- who may not, and what makes no sense
\set VERBOSITY default
SELECT crm.set_rate('EUR', 'eur', '2026-01-01', 1);
SELECT crm.set_rate('US', 'EUR', '2026-01-01', 1);
SELECT crm.set_rate('USD', 'EUR', '2026-01-01', 0);
SELECT crm.set_rate('USD', 'EUR', 'infinity', 1);
SELECT crm.set_rate('USD', 'EUR', '2026-01-01', 'NaN');
SELECT crm.set_fiscal_year(13);
SELECT crm_bi.kpi('won_value', into_currency => '€');
SELECT crm_bi.kpi('won_value', into_currency => 'EUR', rates => 'defalt');
CREATE ROLE regress_rate_nobody;
SET ROLE regress_rate_nobody;
SELECT crm.set_rate('USD', 'EUR', '2026-01-01', 1);
SELECT crm_bi.kpi('won_value', into_currency => 'EUR');
SELECT * FROM crm_bi.kpi_value_home;
RESET ROLE;
DROP ROLE regress_rate_nobody;
SELECT item, state, amount FROM crm.status WHERE item LIKE 'exchange%';
SELECT crm.disown_all();
