-- What bench/visible measures on; the variable "rows" says how many sales there are.
--
-- Units are numbered 0 to 9999: of each thousand the first is a region, of each ten the first a branch of it, the
-- others are shops of the branch. A customer belongs to the unit that its number ends with. So do its sales, but for
-- the eighth, made elsewhere: rows seen and rows hidden lie side by side in every index. Each table carries its unit
-- twice, as a number and as a word.

\set customers '(10000 * ceil(:rows / 200000.0)::bigint)'
\set days 3600

SELECT format('CREATE TYPE grade AS ENUM (%s)', string_agg(quote_literal('grade ' || g), ', ' ORDER BY g))
FROM generate_series(0, 999) g \gexec
CREATE TABLE account (
    id bigint PRIMARY KEY,
    unit_id integer NOT NULL,
    unit text NOT NULL,
    segment integer NOT NULL,
    name text COLLATE "C" NOT NULL,
    credit numeric(12, 2) NOT NULL,
    credit_cents bigint GENERATED ALWAYS AS (credit * 100) STORED,
    grade grade NOT NULL,
    grade_word text NOT NULL
);
INSERT INTO account (id, unit_id, unit, segment, name, credit, grade, grade_word)
SELECT c, c % 10000, 'unit ' || c % 10000, c / 10000 % 5, 'Customer ' || md5(c::text), c % 20011 * 1.25,
       ('grade ' || c % 1000)::grade, 'grade ' || c % 1000
FROM generate_series(0, :customers - 1) c;
SELECT format('CREATE INDEX ON account (%s)', c)
FROM unnest('{unit_id,unit,name,credit,credit_cents,grade,grade_word}'::text[]) c \gexec

CREATE TABLE sales (
    id bigint NOT NULL,
    unit_id integer NOT NULL,
    unit text NOT NULL,
    customer_id bigint NOT NULL,
    opened date NOT NULL,
    amount integer NOT NULL,
    score integer NOT NULL,
    note text NOT NULL
);
CREATE TABLE sales_by_date (LIKE sales) PARTITION BY RANGE (opened);
SELECT format('CREATE TABLE sales_%s PARTITION OF sales_by_date FOR VALUES FROM (%L) TO (%L)', lpad(p::text, 2, '0'),
              date '2016-01-01' + p * :days / 100, date '2016-01-01' + (p + 1) * :days / 100)
FROM generate_series(0, 99) p \gexec
INSERT INTO sales
SELECT i, u, 'unit ' || u, i % :customers, date '2016-01-01' + (i * :days / :rows)::integer, i % 9973, i * 31 % 101,
       'sold over the counter'
FROM generate_series(0::bigint, :rows - 1) i,
     LATERAL (SELECT CASE WHEN i / :customers % 16 = 7 THEN (i * 13 + 5) % 10000 ELSE i % 10000 END) s (u);
INSERT INTO sales_by_date TABLE sales;

-- What is inserted goes from one to the other, which has as many indexes as sales and no rows.
CREATE TABLE arrival AS
SELECT :rows + i AS id, 3010 + i % 10 AS unit_id, 'unit ' || 3010 + i % 10 AS unit, i % :customers AS customer_id,
       date '2026-01-01' AS opened, i % 9973 AS amount, i % 101 AS score, 'sold over the counter' AS note
FROM generate_series(1, 100000) i;
CREATE TABLE inbox (LIKE sales) WITH (autovacuum_enabled = off);
ALTER TABLE sales ADD PRIMARY KEY (id);
ALTER TABLE inbox ADD PRIMARY KEY (id);
ALTER TABLE sales_by_date ADD PRIMARY KEY (id, opened);
SELECT format('CREATE INDEX %I ON %I (%s)', t || '_' || replace(c, ', ', '_'), t, c)
FROM unnest('{sales,sales_by_date,inbox}'::text[]) t, unnest('{unit_id,unit,customer_id,"opened, id"}'::text[]) c \gexec

VACUUM (ANALYZE) account, sales, sales_by_date, arrival;
CHECKPOINT;
CREATE TABLE bench_rows AS SELECT :rows::bigint AS "rows", :customers AS customers, :days AS days;
GRANT SELECT ON bench_rows, arrival TO PUBLIC;
