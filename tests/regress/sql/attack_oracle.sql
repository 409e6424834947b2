-- What a write, or the answer of a function of crm, tells of rows that one does not see.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set world :srcdir '/attack_world.sql'
\set ECHO none
\o /dev/null
\i :world
\o
\set ECHO all
SET ROLE regress_attack_eve;

-- What Postgres cannot hide: that a key is taken. It does not say by what; doctor lists such keys. A free key is no error.
\pset tuples_only on
SELECT outcome($q$INSERT INTO deals VALUES (4, 'north', NULL, 1, NULL, 100)$q$);
SELECT outcome($q$INSERT INTO deals VALUES (1, 'north', NULL, 1, NULL, 100)$q$);
SELECT outcome($q$INSERT INTO deals VALUES (100, 'north', NULL, 1, NULL, 4.4)$q$);
SELECT outcome($q$UPDATE deals SET id = 4 WHERE id = 1$q$);
SELECT outcome($q$INSERT INTO deals VALUES (4, 'north', NULL, 1, NULL, 100) ON CONFLICT DO NOTHING$q$);
SELECT outcome($q$INSERT INTO deals VALUES (100, 'north', NULL, 1, NULL, 100) ON CONFLICT DO NOTHING$q$);
DELETE FROM deals WHERE id = 100;
-- ON CONFLICT DO UPDATE neither changes nor returns the hidden row: it is refused.
SELECT outcome($q$INSERT INTO deals VALUES (4, 'north', NULL, 1, NULL, 100) ON CONFLICT (id) DO UPDATE SET amount = deals.amount + 1 RETURNING deals.*$q$);
SELECT outcome($q$INSERT INTO deals VALUES (4, 'north', NULL, 1, NULL, 100) ON CONFLICT (id) DO UPDATE SET region = 'north'$q$);
SELECT outcome($q$INSERT INTO deals VALUES (4, 'north', NULL, 1, NULL, 100) ON CONFLICT (id) DO UPDATE SET amount = 1 WHERE 1 / (deals.amount - 42) = 1$q$);
SELECT outcome($q$INSERT INTO deals VALUES (4, 'north', NULL, 1, NULL, 100) ON CONFLICT (id) DO UPDATE SET note = 'x' WHERE false$q$);
-- A row that one may not write is refused before its key is looked at: hidden and absent are alike.
SELECT outcome($q$INSERT INTO deals VALUES (4, 'south', NULL, 1, NULL, 100)$q$);
SELECT outcome($q$INSERT INTO deals VALUES (100, 'south', NULL, 1, NULL, 100)$q$);
SELECT outcome($q$INSERT INTO deals VALUES (5, 'south', NULL, 1, NULL, 100) ON CONFLICT DO NOTHING$q$);

-- Foreign keys look past policies, in both directions: that a hidden row exists is told, nothing of it.
SELECT outcome($q$INSERT INTO visits VALUES (1000, 4, 'north')$q$);
SELECT outcome($q$INSERT INTO visits VALUES (1001, 99, 'north')$q$);
SELECT outcome($q$UPDATE visits SET deal = 5 WHERE id = 10$q$);
CREATE TABLE eve.probe (deal integer REFERENCES public.deals);
SELECT outcome($q$INSERT INTO eve.probe VALUES (4)$q$);
SELECT outcome($q$INSERT INTO eve.probe VALUES (99)$q$);
DROP TABLE eve.probe;
DELETE FROM visits WHERE id = 1000;
UPDATE visits SET deal = 1 WHERE id = 10;
\pset tuples_only off
-- A cascade is the referenced row's: whoever deletes deal 1 deletes its hidden visits, and is not shown them.
RESET ROLE;
INSERT INTO visits VALUES (2000, 1, 'south');
SET ROLE regress_attack_eve;
BEGIN;
DELETE FROM deals WHERE id = 1 RETURNING id;
RESET ROLE;
SELECT count(*) AS hidden_visits_left FROM visits WHERE id = 2000;
ROLLBACK;

-- Writes reach no hidden row, and return none.
SET ROLE regress_attack_eve;
BEGIN;
UPDATE deals SET amount = 0 RETURNING id, amount;
UPDATE deals SET amount = 0 WHERE id >= 4 RETURNING *;
UPDATE deals d SET amount = x.amount FROM deals x WHERE x.id = d.id + 3 RETURNING d.id, x.amount;
DELETE FROM visits v USING deals d WHERE d.id = v.deal RETURNING v.id, d.id;
DELETE FROM deals RETURNING id;
ROLLBACK;
WITH gone AS (DELETE FROM deals WHERE id IN (4, 5, 6) RETURNING *) SELECT count(*) FROM gone;
UPDATE calls_high SET amount = 0;
DELETE FROM calls_high;
-- a row neither comes from nor goes to where one does not reach, also through the partition, also by moving between partitions
UPDATE deals SET region = 'south' WHERE id = 1;
UPDATE calls SET id = 50, region = 'south' WHERE id = 1;
INSERT INTO calls_high VALUES (60, 'south', 1);
BEGIN;
UPDATE calls SET id = 50 WHERE id = 1 RETURNING tableoid::regclass, id;
INSERT INTO calls_high VALUES (60, 'north', 1) RETURNING id;
ROLLBACK;
-- MERGE matches no hidden row; what it then inserts meets the key.
MERGE INTO deals d USING (VALUES (4)) v (id) ON d.id = v.id WHEN MATCHED THEN UPDATE SET amount = 1 WHEN NOT MATCHED THEN DO NOTHING;
MERGE INTO deals d USING (VALUES (4)) v (id) ON d.id = v.id WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (4, 'north');
MERGE INTO deals d USING (VALUES (1)) v (id) ON d.id = v.id WHEN MATCHED THEN UPDATE SET region = 'south';
MERGE INTO deals d USING (VALUES (77)) v (id) ON d.id = v.id WHEN NOT MATCHED THEN INSERT VALUES (77, 'south');
MERGE INTO deals d USING (SELECT * FROM deals) s ON d.id = s.id + 3 WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN DO NOTHING;

-- COPY TO is a query, COPY FROM is refused, row_security = off is an error and never rows.
COPY deals (id, region) TO STDOUT;
COPY (SELECT id FROM calls_high) TO STDOUT;
COPY calls_low (id) TO STDOUT;
\copy deals (id) from /dev/null
SET row_security = off;
SELECT id FROM deals;
COPY deals TO STDOUT;
UPDATE deals SET amount = 0;
SELECT id FROM calls_high;
RESET row_security;
-- no right of these was given: TRUNCATE passes policies, a trigger or rule would see every row, a lock stops the others
TRUNCATE deals;
CREATE TRIGGER spy AFTER UPDATE ON deals FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
CREATE RULE spy AS ON INSERT TO deals DO ALSO SELECT 1;
CREATE INDEX ON deals (amount);
CREATE STATISTICS eve.spy ON amount, region FROM deals;
ALTER TABLE deals DISABLE ROW LEVEL SECURITY;
CREATE POLICY everything ON deals USING (true);
ALTER POLICY crm_select ON deals USING (true);
DROP POLICY crm_select ON deals;
CREATE TABLE eve.part PARTITION OF calls FOR VALUES FROM (100) TO (200);
CREATE TABLE eve.child () INHERITS (deals);
SELECT count(*) FROM deals;
-- whoever may write may also lock: that is Postgres' right
BEGIN;
LOCK TABLE deals IN ACCESS EXCLUSIVE MODE;
ROLLBACK;

-- Functions of crm: what is hidden reads as what is not there, to the letter.
\pset tuples_only on
SELECT outcome($q$SELECT * FROM crm.explain_access('eve', 'deals', '4')$q$);
SELECT outcome($q$SELECT * FROM crm.explain_access('eve', 'deals', '99')$q$);
SELECT outcome($q$SELECT * FROM crm.explain_access('eve', 'deals', '1')$q$);
SELECT outcome($q$SELECT * FROM crm.explain_access('nobody', 'deals', '4')$q$);
SELECT outcome($q$SELECT * FROM crm.who_can_access('deals', '4')$q$);
SELECT outcome($q$SELECT * FROM crm.who_can_access('deals', '99')$q$);
SELECT outcome($q$SELECT * FROM crm.explain_access('eve', 'crm.unit', 'acme')$q$);
\pset tuples_only off
RESET ROLE;

SET client_min_messages = warning;
DROP OWNED BY regress_attack_boss, regress_attack_nora, regress_attack_sven, regress_attack_eve, regress_attack_stan CASCADE;
DROP ROLE regress_attack_boss, regress_attack_nora, regress_attack_sven, regress_attack_eve, regress_attack_stan;
