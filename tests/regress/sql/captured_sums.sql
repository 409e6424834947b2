-- kpi_facts, most of it one pass in C, against plain SQL over kpi_term_cell, which explains: random deals and tickets, folded in part.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
SET client_min_messages = warning;
SELECT crm.create_unit('acme', 'Acme', 'business'), crm.create_unit('north', parent => 'acme'), crm.create_unit('south', parent => 'acme');
SELECT crm.add_unit_alias('north', 'N1');
SELECT crm.create_funnel('sales', 'opportunity', '[{"key": "new", "kind": "entry", "milestone": "opportunity"}, {"key": "talk", "label": "In Talk"},
    {"key": "won", "kind": "won", "milestone": "won", "aliases": ["Closed won"]}, {"key": "lost", "kind": "lost", "milestone": "lost"}]');
CREATE TABLE deals (id integer PRIMARY KEY, office text, value numeric, status text, opened timestamptz, closed timestamptz, money text, way text, seller text);
CREATE TABLE tickets (id integer PRIMARY KEY, office text, status text, opened timestamptz, solved timestamptz);
SELECT count(*) FROM crm.adopt('deals', 'opportunity', funnel => 'sales', fallback_unit => 'south', columns => '{"unit": "office", "amount": "value", "stage": "status",
    "created_at": "opened", "closed_at": "closed", "currency": "money", "campaign": "way", "owner": "seller"}');
SELECT count(*) FROM crm.adopt('tickets', 'ticket', columns => '{"unit": "office", "stage": "status", "opened_at": "opened", "resolved_at": "solved"}');
CALL crm.backfill('deals'); CALL crm.backfill('tickets');
-- a number that hash gives is the same everywhere
CREATE FUNCTION pick(seed integer, salt integer, what text[]) RETURNS text LANGUAGE sql IMMUTABLE
    RETURN what[1 + ((hashint4(seed * 131 + salt) & 2147483647) % cardinality(what))];
CREATE FUNCTION day(seed integer, salt integer) RETURNS timestamptz LANGUAGE sql IMMUTABLE
    RETURN CASE WHEN hashint4(seed + salt * 7) % 5 <> 0 THEN timestamptz '2026-01-01 12:00Z' + (hashint4(seed * 3 + salt) & 255) * interval '1 day' END;
CREATE PROCEDURE write(since integer, until integer) LANGUAGE sql BEGIN ATOMIC
    INSERT INTO deals SELECT i, pick(i, 1, '{north,N1,NORTH,south,nowhere,NULL}'), (hashint4(i) & 65535) / 100.0,
        pick(i, 2, '{new,"in talk",Talk,"sales:won","closed won"," LOST ",odd,NULL}'), day(i, 3), day(i, 4), pick(i, 5, '{EUR,EUR,USD,NULL}'),
        pick(i, 6, '{web,fair,NULL}'), pick(i, 7, '{anna,bert}') FROM generate_series(since, until) i;
    INSERT INTO tickets SELECT i, pick(i, 8, '{north,south,NULL}'), pick(i, 9, '{new,won,lost,NULL}'), day(i, 10), day(i, 11) FROM generate_series(since, until) i;
END;
CALL write(1, 1500);
SELECT crm.fold() > 0 AS folded;
CALL write(1501, 1800);
DELETE FROM deals WHERE id % 9 = 0;
UPDATE deals SET status = 'Closed won', office = 'north' WHERE id % 11 = 0;

CREATE VIEW kpi_fact AS
SELECT t.kpi, t.day, t.unit_key, t.stage, t.campaign, t.channel, t.product, t.owner, t.segment, t.currency,
       sum(t.sign * t.amount) FILTER (WHERE t.side = 'numerator') AS numerator, sum(t.sign * t.amount) FILTER (WHERE t.side = 'denominator') AS denominator
FROM crm.kpi_term_cell t
GROUP BY t.kpi, t.day, t.unit_key, t.stage, t.campaign, t.channel, t.product, t.owner, t.segment, t.currency
HAVING sum(t.sign * t.rows) <> 0 OR sum(t.sign * t.amount) <> 0;
CREATE FUNCTION same(a text, b text) RETURNS TABLE (rows bigint, missing bigint, added bigint) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format('WITH a AS MATERIALIZED (%1$s), b AS MATERIALIZED (%2$s) SELECT (SELECT count(*) FROM a), '
        '(SELECT count(*) FROM (TABLE a EXCEPT ALL TABLE b) x), (SELECT count(*) FROM (TABLE b EXCEPT ALL TABLE a) x)', a, b);
END $$;
-- by day and all dimensions; of some KPIs; from a day, until a day; of units
SELECT * FROM same('SELECT kpi, day, unit_key, stage, campaign, channel, product, owner, segment, currency, numerator, denominator FROM kpi_fact',
    $$SELECT * FROM crm.kpi_facts(NULL, NULL, NULL, NULL, '{unit_key,stage,campaign,channel,product,owner,segment,currency}', NULL)$$);
SELECT * FROM same($$SELECT kpi, day, owner, sum(numerator), sum(denominator) FROM kpi_fact WHERE kpi IN ('win_rate', 'won_value') AND day >= '2026-03-01'
    AND day <= '2026-04-15' AND unit_key = 'north' GROUP BY 1, 2, 3$$,
    $$SELECT kpi, day, owner, numerator, denominator FROM crm.kpi_facts('{win_rate,won_value,no_such_kpi}', '2026-03-01', '2026-04-15', NULL, '{owner}', '{north}')$$);
-- by month: flows add up, of stocks there is what was there at the end of each month, also before the first
CREATE VIEW month AS SELECT g::date AS since, (g + interval '1 month')::date - 1 AS until FROM generate_series(timestamp '2026-02-01', '2026-09-01', '1 month') g;
SELECT * FROM same($$SELECT f.kpi, m.until, f.unit_key, f.currency, sum(f.numerator), sum(f.denominator) FROM month m
    JOIN crm.kpi k ON true JOIN kpi_fact f ON f.kpi = k.kpi AND f.day <= m.until AND (f.day >= m.since OR k.date_kind = 'stock')
    GROUP BY 1, 2, 3, 4 HAVING coalesce(sum(f.numerator), 0) <> 0 OR coalesce(sum(f.denominator), 0) <> 0$$,
    $$SELECT kpi, day, unit_key, currency, numerator, denominator FROM crm.kpi_facts(NULL, '2026-02-01', NULL, ARRAY(SELECT until FROM month ORDER BY until),
      '{unit_key,currency}', NULL) WHERE coalesce(numerator, 0) <> 0 OR coalesce(denominator, 0) <> 0$$);
-- the whole, in one row
SELECT kpi, numerator, denominator FROM crm.kpi_facts('{won_count,win_rate}', NULL, '2026-12-31', '{2026-12-31}', '{}', NULL);
SELECT count(*) FILTER (WHERE d.status IN ('sales:won', 'closed won', 'Closed won')) AS won,
       count(*) FILTER (WHERE d.status IN ('sales:won', 'closed won', 'Closed won', ' LOST ')) AS decided FROM deals d WHERE d.closed IS NOT NULL;
-- folding changes nothing (what was added and taken away again is 0 or not there); nothing asked, nothing told
CREATE VIEW by_stage AS SELECT kpi, day, stage, coalesce(numerator, 0) AS numerator, coalesce(denominator, 0) AS denominator
    FROM crm.kpi_facts(NULL, NULL, NULL, NULL, '{stage}', NULL);
CREATE TABLE before AS TABLE by_stage;
SELECT crm.fold() > 0 AS folded;
SELECT * FROM same('TABLE before', 'TABLE by_stage');
SELECT count(*) FROM crm.kpi_facts(NULL, NULL, NULL, '{}', '{}', NULL);
SELECT count(*) FROM crm.kpi_facts('{}', NULL, NULL, NULL, '{}', NULL);
SELECT count(*) FROM crm.kpi_facts(NULL, NULL, NULL, NULL, '{}', '{}');
