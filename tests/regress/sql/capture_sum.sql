-- Sums are exact and show their decimals, whatever the size of the numbers: below and above what 128 bits hold, folded or not.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
CREATE TABLE payments (id integer PRIMARY KEY, amount numeric, paid date, kind text);
SELECT count(*) FROM crm.adopt('payments', 'spend', columns => '{"amount": "amount", "on_date": "paid", "kind": "kind"}') WHERE room = 'kpi';
CALL crm.backfill('payments');
CREATE VIEW compared AS
    SELECT b.amount AS base, c.amount AS counted
    FROM (SELECT paid, sum(amount) AS amount FROM payments WHERE abs(amount) < 1e100 GROUP BY paid) b
    FULL JOIN (SELECT c.day, sum((ARRAY[c.s1, c.s2, c.s3, c.s4])[array_position(i.sum_names, 'amount')]) AS amount FROM crm.kpi_cell c JOIN crm.kpi_instance i USING (instance)
               WHERE i.component = 'spend' GROUP BY c.day) c ON c.day = b.paid;
-- a day for each size: one that stands for each border of the integers, and all together
INSERT INTO payments
SELECT row_number() OVER (), (CASE i % 3 WHEN 0 THEN -1 ELSE 1 END) * (i * 7919 % 100003) * ('1e' || k)::numeric, date '2026-01-01' + k + 40, 'x'
FROM generate_series(-40, 40) k, generate_series(1, 5) i;
INSERT INTO payments SELECT id + 10000, amount, '2027-01-01', 'x' FROM payments;
SELECT count(*) AS days, count(*) FILTER (WHERE base = counted) AS right, count(*) FILTER (WHERE base::text <> counted::text) AS shown_otherwise FROM compared;
-- the borders themselves
TRUNCATE payments; SELECT crm.fold() > 0 AS folded;
INSERT INTO payments VALUES
    (1, 999999999999999999999999, '2026-01-01'), (2, 1000000000000000000000000, '2026-01-02'), (3, 0.000000000001, '2026-01-03'),
    (4, 0.0000000000001, '2026-01-04'), (5, 9.99e99, '2026-01-05'), (6, 1e100, '2026-01-06'), (7, -9.99e99, '2026-01-07'), (8, 'NaN', '2026-01-08'),
    (9, '-Infinity', '2026-01-09'), (10, 0.00, '2026-01-10'), (11, 1.2300, '2026-01-11'), (12, '1e-50', '2026-01-12'), (13, -0.5, '2026-01-13');
SELECT c.day, sum(c.rows) AS rows, sum(c.invalid) AS invalid, sum((ARRAY[c.s1, c.s2, c.s3, c.s4])[array_position(i.sum_names, 'amount')]) AS amount
FROM crm.kpi_cell c JOIN crm.kpi_instance i USING (instance) WHERE i.component = 'spend' AND c.day < '2026-02-01' GROUP BY 1 HAVING sum(c.rows) <> 0 ORDER BY 1;
-- many that together outgrow 128 bits, in one statement and one group
INSERT INTO payments SELECT 100 + i, 999999999999999999999999, '2026-02-01' FROM generate_series(1, 3000) i;
INSERT INTO payments SELECT 5000 + i, 1234567890.123456789012 * 1e14, '2026-02-01' FROM generate_series(1, 3000) i;
SELECT count(*) AS days, count(*) FILTER (WHERE base = counted) AS right FROM compared WHERE base IS NOT NULL;
SELECT crm.fold() > 0 AS folded;
SELECT count(*) AS days, count(*) FILTER (WHERE base = counted) AS right FROM compared WHERE base IS NOT NULL;
-- and back to nothing
UPDATE payments SET amount = amount / 3;
SELECT count(*) AS days, count(*) FILTER (WHERE base = counted) AS right FROM compared WHERE base IS NOT NULL;
DELETE FROM payments;
SELECT crm.fold() > 0 AS folded;
SELECT count(*) AS left_over FROM crm.kpi_rollup;
SELECT crm.disown_all();
