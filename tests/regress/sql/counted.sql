-- Different values and percentiles from counted values: by hand, against SQL over the table, and the same as from the rows.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set SHOW_CONTEXT never
\pset null NULL
SET TimeZone = 'UTC';
SELECT crm.create_unit('acme', kind => 'business') AS acme, crm.create_unit('north', parent => 'acme') AS north, crm.create_unit('south', parent => 'acme') AS south;
SELECT count(*) FROM crm.create_funnel('sales', 'opportunity', '[{"key": "open"}, {"key": "won", "kind": "won"}, {"key": "lost", "kind": "lost"}]');
CREATE TABLE people (id bigint PRIMARY KEY, email text, region text);
INSERT INTO people VALUES (1, 'ann@mail.example', 'north'), (2, 'bob@mail.example', 'north'), (3, 'ann@mail.example', 'south'), (4, 'cid@mail.example', 'south');
CREATE TABLE deals (id bigint PRIMARY KEY, person bigint, region text, value numeric, money text, status text, closed date);
INSERT INTO deals VALUES
    (1, 1, 'north', 10, 'EUR', 'won', '2026-01-05'), (2, 1, 'north', 20, 'EUR', 'won', '2026-01-05'), (3, 2, 'north', 30.50, 'EUR', 'won', '2026-01-09'),
    (4, 3, 'south', 40, 'EUR', 'won', '2026-02-01'), (5, 4, 'south', 50, 'EUR', 'lost', '2026-02-01'), (6, 1, 'south', 60, 'EUR', 'won', '2026-02-28'),
    (7, NULL, 'south', 'NaN', 'EUR', 'won', '2026-02-28'), (8, 9, 'elsewhere', NULL, 'EUR', 'won', '2026-03-01'), (9, 2, 'north', 1e99, 'EUR', 'won', NULL);
SELECT count(*) FROM crm.adopt('people', 'customer', columns => '{"id": "id", "email": "email", "unit": "region"}');
SELECT count(*) FROM crm.adopt('deals', 'opportunity', funnel => 'sales',
    columns => '{"id": "id", "customer": {"column": "person", "of": "public.people"}, "unit": "region", "amount": "value", "currency": "money", "stage": "status", "closed_at": "closed"}');
CALL crm.backfill('people');
CALL crm.backfill('deals');
SELECT crm.define_kpi('buyers', 'Buyers', 'opportunity_closed.customer[won]', kind => 'distinct'),
       crm.define_kpi('median', 'Median', 'opportunity_closed.amount[won]', kind => 'percentile', quantile => 0.5),
       crm.define_kpi('p90', 'Ninth tenth', 'opportunity_closed.amount[won,lost]', kind => 'percentile', quantile => 0.9, measured_in => 'money');
-- nothing is counted that nobody asked for
SELECT count(*) FROM crm.kpi_value_cell;
CREATE VIEW asked AS
SELECT k, g, b, x.period, x.unit_key, x.stage, x.currency, x.value, x.state
FROM unnest('{buyers,median,p90}'::text[]) k, unnest('{month,total}'::text[]) g, (VALUES ('{}'::text[]), ('{unit_key}'), ('{stage,currency}')) v (b),
     LATERAL crm_bi.kpi(k, g, '2026-01-01', '2026-03-31', b) x;
CREATE TABLE by_rows AS TABLE asked;
CREATE FUNCTION same() RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT CASE WHEN count(*) = 0 THEN 'the same' ELSE 'DIFFERENT ' || min(d::text) END
    FROM ((TABLE asked EXCEPT ALL TABLE by_rows) UNION ALL (TABLE by_rows EXCEPT ALL TABLE asked)) d
$$;
-- asked for: the rows are read until the values are filled, and no KPI reads NULL meanwhile
SELECT * FROM crm.count_values('buyers');
SELECT * FROM crm.count_values('p90'); -- and of median too, which reads the same values
SELECT kpi, state FROM crm.kpi_state() WHERE kpi IN ('buyers', 'median', 'p90', 'won_value') ORDER BY 1;
SELECT same(), count(*) AS counted FROM crm.counted_terms('buyers');
CALL crm.backfill('deals');
SELECT same(), count(*) AS counted FROM crm.counted_terms('median');
SELECT crm.fold() > 0 AS folded;
SELECT same(), (SELECT count(*) FROM crm.kpi_pending) AS pending, (SELECT count(*) FROM crm.kpi_counted) AS pieces;
-- by hand: January Ann and Bob, February two of one Ann (not linked yet) and Ann again, March somebody unknown
SELECT period, value FROM crm_bi.kpi('buyers', 'month', '2026-01-01', '2026-03-31');
SELECT value FROM crm_bi.kpi('buyers', 'total', '2026-01-01', '2026-03-31');
SELECT unit_key, value FROM crm_bi.kpi('buyers', 'total', '2026-01-01', '2026-03-31', '{unit_key}');
SELECT period, value FROM crm_bi.kpi('median', 'month', '2026-01-01', '2026-03-31');
SELECT value FROM crm_bi.kpi('median', 'total', '2026-01-01', '2026-03-31');
SELECT k.value, percentile_cont(0.9) WITHIN GROUP (ORDER BY d.value::double precision)::numeric AS by_sql
FROM crm_bi.kpi('p90', 'total', '2026-01-01', '2026-03-31') k, (SELECT value FROM deals WHERE closed IS NOT NULL AND value < 1e100) d GROUP BY k.value;
-- linked, two Anns are one buyer, and nothing is counted anew
SELECT crm.decide(('people', '1'), ('people', '3'), 'same');
SET client_min_messages = error;
\o /dev/null
CALL crm.resolve();
\o
RESET client_min_messages;
SELECT period, value FROM crm_bi.kpi('buyers', 'month', '2026-01-01', '2026-03-31');
TRUNCATE by_rows;
-- what is kept of a text is no text
SELECT count(*) FILTER (WHERE e.value = crm.value_hash('2')) AS bob, count(DISTINCT length(e.value)) AS lengths, min(length(e.value)) AS bytes
FROM crm.kpi_value_cell c JOIN crm.kpi_instance i USING (instance) CROSS JOIN LATERAL crm.counted_entries(c.piece) e WHERE i.component LIKE '%.distinct.%';
-- numbers that show other decimals are one value; those of any length are what they are
INSERT INTO deals SELECT 100 + n, 1, 'north', v, 'EUR', 'won', '2026-04-01'
FROM unnest('{1.5,1.50,1.5000000000000000000000000000000000000000000,-1.5,0,0.000,12345678901234567890.123456789012345678901234567890,-9007199254740993,0.1,9007199254740992}'::numeric[])
     WITH ORDINALITY AS u (v, n);
SELECT crm.counted_number(e.value) AS number, sum(e.rows) AS rows
FROM crm.kpi_value_cell c JOIN crm.kpi_instance i USING (instance) CROSS JOIN LATERAL crm.counted_entries(c.piece) e
WHERE i.component LIKE '%.percentile.%' AND c.day = '2026-04-01' GROUP BY 1 ORDER BY 1;
SELECT q, value = by_sql AS right FROM unnest('{0.01,0.25,0.333,0.5,0.9,0.99}'::numeric[]) q
CROSS JOIN LATERAL (SELECT crm.counted_percentile(c.piece, 1, q::double precision) FROM crm.kpi_value_cell c JOIN crm.kpi_instance i USING (instance)
                    WHERE i.component LIKE '%.percentile.%') k (value)
CROSS JOIN LATERAL (SELECT percentile_cont(q::double precision) WITHIN GROUP (ORDER BY d.value::double precision) FROM deals d WHERE d.closed IS NOT NULL AND d.value < 1e100) s (by_sql);
-- all statements, folded at any time; what comes and goes is not there
INSERT INTO by_rows TABLE asked;
BEGIN; UPDATE deals SET value = value * 2, person = 4; SELECT same() <> 'the same' AS moved; ROLLBACK;
UPDATE deals SET value = value + 0, person = person;
SELECT same();
INSERT INTO deals SELECT 1000 + i, i % 7, CASE WHEN i % 2 = 0 THEN 'north' END, i % 11 / 4.0, CASE WHEN i % 5 = 0 THEN 'USD' ELSE 'EUR' END, (ARRAY['won', 'lost', 'open'])[1 + i % 3], date '2026-01-01' + i % 80
FROM generate_series(1, 500) i;
UPDATE deals SET value = value * 3, region = 'south' WHERE id % 4 = 1;
SELECT crm.fold() > 0 AS folded;
DELETE FROM deals WHERE id % 3 = 0;
MERGE INTO deals d USING (SELECT i AS id FROM generate_series(1400, 1600) i) s ON s.id = d.id
    WHEN MATCHED AND s.id % 2 = 0 THEN DELETE WHEN MATCHED THEN UPDATE SET value = 7.25 WHEN NOT MATCHED THEN INSERT VALUES (s.id, 3, 'north', 8, 'EUR', 'won', '2026-03-03');
CREATE VIEW by_sql AS
SELECT date_trunc('month', closed)::date AS period, CASE WHEN region IN ('north', 'south') THEN region ELSE 'acme' END AS unit_key,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY value::double precision) FILTER (WHERE value < 1e100)::numeric AS median
FROM deals WHERE status = 'won' AND closed BETWEEN '2026-01-01' AND '2026-03-31' GROUP BY 1, 2;
CREATE FUNCTION wrong() RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT count(*) FROM ((SELECT period, unit_key, value FROM crm_bi.kpi('median', 'month', '2026-01-01', '2026-03-31', '{unit_key}') EXCEPT ALL TABLE by_sql)
                          UNION ALL (TABLE by_sql EXCEPT ALL SELECT period, unit_key, value FROM crm_bi.kpi('median', 'month', '2026-01-01', '2026-03-31', '{unit_key}'))) d
$$;
SELECT wrong(), (SELECT count(*) FROM by_sql) AS groups;
SELECT crm.fold() > 0 AS folded, wrong();
SELECT component, measure, counted = recomputed AS equal, groups_different FROM crm.verify_kpi('p90') UNION ALL
SELECT component, measure, counted = recomputed, groups_different FROM crm.verify_kpi('buyers') WHERE component LIKE '%.%';
SELECT count(*) AS several FROM (SELECT FROM crm.kpi_counted GROUP BY instance, day, dims HAVING count(*) > 1) x;
-- status says what they take, and where that is more than the rows
SELECT item, state, hint FROM crm.status WHERE item LIKE 'counted values%';
BEGIN;
INSERT INTO crm.kpi_counted SELECT c.instance, '1900-01-01', c.dims, decode(repeat('00', 9000000), 'hex') FROM crm.kpi_counted c LIMIT 1;
SELECT item, state, hint FROM crm.status WHERE item LIKE 'counted values%';
ROLLBACK;
-- several currencies are not added, and one is by the rate of each day
SELECT value, state FROM crm_bi.kpi('p90', 'total', '2026-01-01', '2026-03-31');
SELECT crm.set_rate('USD', 'EUR', '2026-01-01', 0.5), crm.set_rate('USD', 'EUR', '2026-02-01', 0.7);
SELECT k.value, k.state, k.value = round(s.by_sql, 2) AS right FROM crm_bi.kpi('p90', 'total', '2026-01-01', '2026-03-31', into_currency => 'EUR') k,
    (SELECT percentile_cont(0.9) WITHIN GROUP (ORDER BY (value * CASE WHEN money = 'EUR' THEN 1 WHEN closed < '2026-02-01' THEN 0.5 ELSE 0.7 END)::double precision)::numeric AS by_sql
     FROM deals WHERE status IN ('won', 'lost') AND closed BETWEEN '2026-01-01' AND '2026-03-31' AND value < 1e100) s;
SELECT value, state FROM crm_bi.kpi('p90', 'total', '2026-01-01', '2026-03-31', into_currency => 'GBP');
-- values have no credit, and a KPI that is valid for some time has no other
SELECT period, value, state FROM crm_bi.kpi('median', 'quarter', '2026-01-01', '2026-03-31', '{unit_key}', credit => 'matrix');
SELECT count(crm.set_kpi('median', valid_from => '2026-02-10')) AS valid;
SELECT period, value, state FROM crm_bi.kpi('median', 'month', '2026-01-01', '2026-02-28');
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY value::double precision)::numeric AS by_sql FROM deals WHERE status = 'won' AND closed BETWEEN '2026-02-10' AND '2026-02-28' AND value < 1e100;
SELECT count(crm.set_kpi('median', valid_from => '-infinity')) AS valid;
-- a component that is defined anew: the rows are read until its values are filled too
SELECT crm.define_component('opportunity_closed', 'opportunity', 'closed_at', 'amount > 1', '{"amount": "amount"}') IS NOT NULL AS defined;
SELECT count(*) AS counted FROM crm.counted_terms('median');
CALL crm.backfill('deals');
SELECT count(*) AS counted FROM crm.counted_terms('median');
SELECT crm.fold() > 0 AS folded;
SELECT count(*) AS left_over FROM crm.kpi_counted k WHERE k.instance NOT IN (SELECT i.instance FROM crm.kpi_instance i);
SELECT value = (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY value::double precision)::numeric FROM deals WHERE status = 'won' AND closed <= '2026-03-31' AND value > 1 AND value < 1e100) AS right
FROM crm_bi.kpi('median', 'total', '2026-01-01', '2026-03-31');
-- one that reads something else counts that
SELECT crm.define_kpi('buyers', 'Buyers', 'opportunity_closed.currency[won]', kind => 'distinct') > 1 AS again;
CALL crm.backfill('deals');
SELECT component, state FROM crm.kpi_instance WHERE component LIKE '%.distinct.%';
SELECT value FROM crm_bi.kpi('buyers', 'total', '2026-01-01', '2026-03-31');
-- emptied and ended
TRUNCATE deals;
SELECT crm.fold() > 0 AS folded;
SELECT count(*) AS pieces FROM crm.kpi_counted;
SELECT value, state FROM crm_bi.kpi('buyers', 'total'); SELECT value, state FROM crm_bi.kpi('median', 'total');
SELECT * FROM crm.count_values('p90', false);
SELECT component FROM crm.kpi_instance WHERE component LIKE '%.%';
-- what cannot be
SELECT crm.count_values('buyerz');
SELECT crm.count_values('won_value');
SELECT crm.count_values('time_to_value_days');
SELECT crm.count_values('buyers', NULL);
SELECT crm.define_kpi('bad', 'Bad', 'opportunity_created.amount', kind => 'distinct'), crm.define_kpi('bad2', 'Bad', 'opportunity_created.created_at', kind => 'distinct');
SELECT crm.count_values('bad');
SELECT crm.count_values('bad2');
SELECT crm.counted_merge('\x0102'::bytea);
SELECT crm.counted_number('\x01'::bytea);
SELECT crm.counted_number('\x17ff01'::bytea);
SELECT crm.counted_number('\x0180808080808080808080808001'::bytea);
SELECT crm.counted_percentile('\x', 1, 2);
SELECT crm.counted_distinct('\x', 1, NULL), crm.counted_distinct('\x0100', 1, '');
SELECT crm.counted_distinct('\x02000002', 1, '');
SELECT crm.disown_all() IS NOT NULL AS gone;
SELECT count(*) FROM crm.kpi_counted;
