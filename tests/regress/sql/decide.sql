\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
CREATE TABLE client (id integer PRIMARY KEY, name text, email text, phone text, type text);
INSERT INTO client VALUES (1, 'Ann', 'ann@example.com', '+14155550100', 'person'), (2, 'Anna', 'ann@example.com', '+14155550101', 'person'),
    (3, 'A.', NULL, '+14155550101', NULL), (4, 'Zed', 'zed@example.com', NULL, 'person'), (5, 'Firm', 'ann@example.com', NULL, 'company');
SELECT count(*) > 0 AS adopted FROM crm.adopt('client', 'customer', columns => '{"full_name": "name", "email": "email", "phone": "phone", "kind": "type"}');
SET client_min_messages = warning;
CALL crm.backfill('client');
SELECT crm.resolve_pending() > 0 AS some;
CREATE VIEW linked AS SELECT customer_id, string_agg(record_key, ' ' ORDER BY record_key) AS clients FROM crm.customer_record GROUP BY 1;
SELECT * FROM linked ORDER BY 1;
SELECT * FROM crm.explain_match(('client', '1'), ('client', '2'));
SELECT * FROM crm.explain_match(('client', '1'), ('client', '5'));
SELECT * FROM crm.explain_match(('client', '1'), ('client', '3'));

-- different: 3 goes with 2, which it shares a phone with, and 1 stays alone
SELECT crm.decide(('client', '2'), ('client', '1'), 'different', 'sisters');
SELECT crm.resolve_pending() > 0 AS some;
SELECT * FROM linked ORDER BY 1;
SELECT * FROM crm.explain_match(('client', '1'), ('client', '2'));
-- same: whatever the values and the kind, but never against a verdict of different
SELECT crm.decide(('client', '1'), ('client', '5'), 'same');
SELECT crm.decide(('client', '4'), ('client', '3'), 'same');
SELECT crm.decide(('client', '1'), ('client', '4'), 'same');
SELECT crm.resolve_pending() > 0 AS some;
SELECT * FROM linked ORDER BY 1;
SELECT relation_a, key_a, key_b, verdict, reason FROM crm.verdict ORDER BY 2, 3;
CALL crm.resolve() \gset
SELECT :linked AS linked, :moved AS moved, :created AS created, :retired AS retired;
-- taken back
SELECT crm.decide(('client', '1'), ('client', '2'), 'undecided');
SELECT crm.decide(('client', '1'), ('client', '5'), 'undecided');
SELECT crm.resolve_pending() > 0 AS some;
SELECT * FROM linked ORDER BY 1;
-- a mind can be changed
SELECT crm.decide(('client', '4'), ('client', '3'), 'different');
SELECT crm.decide(('client', '1'), ('client', '4'), 'undecided');
SELECT crm.resolve_pending() > 0 AS some;
SELECT * FROM linked ORDER BY 1;

SELECT crm.decide(('client', '1'), ('client', '2'), 'sam');
SELECT crm.decide(('client', '1'), ('client', '99'), 'same');
SELECT crm.decide(('pg_class', '1'), ('client', '1'), 'same');
SELECT crm.decide(NULL, ('client', '1'), 'same');
SELECT crm.decide(('client', '1'), ('client', '1'), 'same');
SELECT * FROM crm.explain_match(('client', '1'), ('client', '99'));
CREATE ROLE regress_decide_eve;
SET ROLE regress_decide_eve;
SELECT crm.decide(('client', '1'), ('client', '2'), 'same');
SELECT * FROM crm.explain_match(('client', '1'), ('client', '2'));
RESET ROLE;
DROP ROLE regress_decide_eve;

-- what was decided outlives the adoption
SELECT crm.decide(('client', '1'), ('client', '2'), 'different', 'sisters still');
SELECT crm.resolve_pending() > 0 AS some;
SELECT * FROM linked ORDER BY 1;
SELECT crm.disown('client');
SELECT count(*) AS kept FROM crm.verdict;
SELECT count(*) > 0 AS adopted FROM crm.adopt('client', 'customer', columns => '{"full_name": "name", "email": "email", "phone": "phone", "kind": "type"}');
CALL crm.backfill('client');
CALL crm.resolve() \gset
SELECT crm.customer_of('client', '1') <> crm.customer_of('client', '2') AS apart;
SELECT key_a, key_b FROM crm.match_queue WHERE '1' IN (key_a, key_b) AND '2' IN (key_a, key_b);
-- and ends with the table
DROP VIEW linked;
SELECT crm.disown('client');
DROP TABLE client;
CALL crm.resolve() \gset
SELECT count(*) FROM crm.verdict v WHERE NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = v.relation_a);

-- a country by its code and its names, also in front of a telephone number and a postcode
CREATE TABLE abroad (id integer PRIMARY KEY, phone text, postcode text, country text);
INSERT INTO abroad VALUES (1, '0171 5550123', 'D 50667', 'Deutschland'), (2, '+49 171 5550123', '50667', 'DE'), (3, '0171 5550123', 'DE 50667', 'GERMANY');
SELECT count(*) > 0 AS adopted FROM crm.adopt('abroad', 'customer', columns => '{"phone": "phone", "postcode": "postcode", "country": "country"}');
CALL crm.backfill('abroad');
SELECT b.id, e.attribute, e.level FROM (VALUES (2), (3)) b (id), crm.explain_match(('abroad', '1'), ('abroad', b.id::text)) e
WHERE e.attribute IN ('phone', 'postcode', 'country') ORDER BY 1, 2;
