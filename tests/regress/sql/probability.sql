-- The chance of a win: given, or learned from history and tested on what came after.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT crm.create_unit('hq', kind => 'business');
SELECT crm.create_funnel('sales', 'opportunity', '[
  {"key": "lead"}, {"key": "offer"}, {"key": "talk", "probability": 0.9}, {"key": "hold", "kind": "waiting"},
  {"key": "won", "milestone": "won"}, {"key": "live", "milestone": "live"}, {"key": "lost", "milestone": "lost"}]');
CREATE TABLE steps (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, deal text, state text, at timestamptz);
CREATE TABLE deals (id text PRIMARY KEY);
SELECT count(*) > 0 AS adopted FROM crm.adopt('deals', 'opportunity');
SELECT count(*) > 0 AS adopted FROM crm.adopt('steps', 'stage_change', funnel => 'sales',
    columns => '{"record": {"column": "deal", "of": "public.deals"}, "stage": "state", "at": "at"}');
SELECT crm.learn_probabilities('sales');
SELECT stage, probability, source FROM crm.stage_probability ORDER BY position;
-- Of ten leads five get an offer, four of those a talk, and three of those buy; one more buys without an offer. The last thirty are open.
INSERT INTO steps (deal, state, at)
SELECT 'd' || n, s.state, timestamptz '2026-01-01 00:00Z' + n * interval '1 hour' + s.place * interval '1 day'
FROM generate_series(0, 999) n
CROSS JOIN LATERAL (VALUES ('lead', 1, true), ('offer', 2, n % 10 < 5), ('talk', 3, n % 10 < 4),
                           ('won', 4, n % 10 < 3 OR n % 10 = 9), ('lost', 5, n % 10 BETWEEN 3 AND 8)) s (state, place, taken)
WHERE s.taken AND (n < 970 OR s.place <= 2);
CALL crm.backfill('deals');
CALL crm.backfill('steps');
-- won and live is won; lost and talked to again is open; won after having been lost is won
INSERT INTO steps (deal, state, at) VALUES ('d0', 'live', '2026-06-01'), ('d8', 'lead', '2026-06-02'), ('d18', 'won', '2026-06-03');
SELECT stage, probability, source, given, learned, version FROM crm.learn_probabilities('sales');
SELECT stage, probability, entered, decided, won, predicted, tested, observed FROM crm.probability_evidence ORDER BY stage;

-- The same by a slow reference, from the rows: every case by itself, what was known at the split, the mean squared error.
CREATE INDEX ON steps (deal, at);
CREATE FUNCTION outcome(who text, as_of timestamptz) RETURNS boolean LANGUAGE sql STABLE RETURN
    (SELECT CASE WHEN state IN ('won', 'live') THEN true WHEN state = 'lost' THEN false END FROM steps WHERE deal = who AND at < as_of ORDER BY at DESC LIMIT 1);
CREATE FUNCTION learned(as_of timestamptz) RETURNS TABLE (stage text, decided bigint, won bigint, p numeric) LANGUAGE plpgsql STABLE AS $$
BEGIN
    p := (SELECT (count(*) FILTER (WHERE o) + 1)::numeric / (count(o) + 2) FROM (SELECT DISTINCT deal FROM steps) d, outcome(deal, as_of) o);
    FOREACH stage IN ARRAY '{lead,offer,talk,hold}'::text[] LOOP
        SELECT count(o), count(*) FILTER (WHERE o) INTO decided, won
        FROM (SELECT DISTINCT deal FROM steps s WHERE s.state = learned.stage AND s.at < as_of) d, outcome(deal, as_of) o;
        p := (won + 10 * p) / (decided + 10);
        RETURN NEXT;
    END LOOP;
END $$;
SELECT split_at AS split FROM crm.probability_test \gset
SELECT count(*) AS differing FROM (
    SELECT e.stage, e.decided, e.won, e.probability, e.predicted FROM crm.probability_evidence e
    EXCEPT SELECT n.stage, n.decided, n.won, round(n.p, 6), round(b.p, 6) FROM learned('infinity') n JOIN learned(:'split') b USING (stage)) d;
SELECT t.tested, t.brier, t.base_brier, t.skill, t.brier = r.brier AS as_reference, t.base_brier = r.base_brier AS base_as_reference,
       t.tested = r.cases AS same_cases
FROM crm.probability_test t
CROSS JOIN (SELECT count(*) AS cases, round(avg((l.p - y.y) ^ 2), 6) AS brier, round(avg((b.rate - y.y) ^ 2), 6) AS base_brier
            FROM (SELECT deal, state, min(at) AS entered FROM steps GROUP BY 1, 2) e
            JOIN (SELECT stage, round(p, 6) AS p FROM learned(:'split')) l ON l.stage = e.state
            CROSS JOIN LATERAL (SELECT outcome(deal, 'infinity')::integer AS y) y
            CROSS JOIN (SELECT round((count(*) FILTER (WHERE o) + 1)::numeric / (count(o) + 2), 6) AS rate
                        FROM (SELECT DISTINCT deal FROM steps) d, outcome(deal, :'split') o) b
            WHERE e.entered >= :'split' AND y.y IS NOT NULL) r;
-- three tenths of the decisions lie after the split
SELECT round(avg((decided >= :'split')::integer), 2) AS share_after
FROM (SELECT max(at) FILTER (WHERE state IN ('won', 'lost')) AS decided FROM steps GROUP BY deal HAVING bool_or(outcome(deal, 'infinity') IS NOT NULL)) d;

-- Few cases are drawn to the stage before; more prior cases, more so. Versions are kept; what was given stays.
INSERT INTO steps (deal, state, at) VALUES ('x', 'lead', '2026-07-01'), ('x', 'hold', '2026-07-02'), ('x', 'lost', '2026-07-03');
SELECT stage, learned, version FROM crm.learn_probabilities('sales') WHERE stage IN ('talk', 'hold');
SELECT stage, learned, version FROM crm.learn_probabilities('sales', prior_cases => 100) WHERE stage IN ('talk', 'hold');
SELECT version, decided, won, tested FROM crm.probability_test ORDER BY version;
SELECT probability, source FROM crm.stage_probability WHERE stage = 'talk';
SELECT crm.change_stage('sales', 'talk', '{"probability": null}');
SELECT probability, source FROM crm.stage_probability WHERE stage = 'talk';
-- What is retired into another stage counts there.
SELECT crm.retire_stage('sales', 'hold', successor => 'talk');
SELECT stage, learned FROM crm.learn_probabilities('sales') WHERE stage IN ('talk', 'hold');
SELECT stage, decided FROM crm.probability_evidence WHERE version = 4 ORDER BY 1;
-- No test where there is nothing to test with.
SELECT count(*) FROM crm.learn_probabilities('sales', test_share => 0);
SELECT tested, brier FROM crm.probability_test WHERE version = 5;

-- Records whose stages stand in a column: what nobody saw is not made up. Two of three decided leads won, none was seen in between.
SELECT crm.create_funnel('desk', 'ticket', '["new", "open", {"key": "won", "milestone": "won"}, {"key": "lost", "milestone": "lost"}]');
CREATE TABLE cases (id integer PRIMARY KEY, state text);
INSERT INTO cases VALUES (1, 'won'), (2, 'won'), (3, 'lost'), (4, 'open'), (5, 'new');
SELECT count(*) > 0 AS adopted FROM crm.adopt('cases', 'ticket', columns => '{"stage": "state"}');
CALL crm.backfill('cases');
SELECT stage, learned FROM crm.learn_probabilities('desk', prior_cases => 1);
SELECT stage, entered, decided, won FROM crm.probability_evidence WHERE funnel = 'desk' ORDER BY 1;

SELECT crm.learn_probabilities('dsk');
SELECT crm.learn_probabilities('desk', prior_cases => 0);
SELECT crm.learn_probabilities('desk', test_share => 1);
-- The chances are everybody's; what they rest on is a number of the organisation.
CREATE ROLE regress_probability_nobody;
CREATE ROLE regress_probability_clerk;
GRANT USAGE ON SCHEMA crm TO regress_probability_nobody, regress_probability_clerk;
SELECT crm.create_principal('clerk', role_name => 'regress_probability_clerk');
SET ROLE regress_probability_nobody;
SELECT stage, probability FROM crm.stage_probability WHERE funnel = 'desk' ORDER BY position;
SELECT * FROM crm.probability_test;
SELECT crm.learn_probabilities('desk');
SET ROLE regress_probability_clerk;
SELECT count(*) FROM crm.probability_evidence;
RESET ROLE;
DROP OWNED BY regress_probability_nobody, regress_probability_clerk;
DROP ROLE regress_probability_nobody, regress_probability_clerk;
