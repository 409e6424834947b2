-- A merge is taken back whole after columns were renamed, in tables that were merged, that refer, that inherit, that were registered; keys that were
-- typed otherwise than rows write them.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh

CREATE TABLE client (id integer PRIMARY KEY, code text NOT NULL UNIQUE, old text, mail text NOT NULL DEFAULT 'none', tel text);
CREATE TABLE orders (id integer PRIMARY KEY, client integer REFERENCES client, note text);
CREATE TABLE late_orders (PRIMARY KEY (id), FOREIGN KEY (client) REFERENCES client) INHERITS (orders);
CREATE TABLE visit (client integer REFERENCES client, at date);
CREATE TABLE letter (id integer PRIMARY KEY, to_code text);
SELECT crm.register_reference('letter', '{to_code}', 'client', '{code}');
INSERT INTO client VALUES (1, 'A', 'o1', 'a@x.org', NULL), (2, 'B', 'o2', 'b@x.org', '22'), (3, 'C', 'o3', 'c@x.org', '33');
INSERT INTO orders VALUES (1, 1), (2, 2), (3, 3);
INSERT INTO late_orders VALUES (12, 2);
INSERT INTO visit VALUES (2, '2024-01-01'), (2, '2024-01-01'), (3, '2024-01-02');
INSERT INTO letter VALUES (1, 'A'), (2, 'B'), (3, 'C');
SELECT crm.install_redirect('orders', '{client}') IS NOT NULL AS redirected;
CREATE FUNCTION everything() RETURNS SETOF text LANGUAGE sql AS $$
    SELECT 'client ' || t FROM client t UNION ALL SELECT 'orders ' || t FROM ONLY orders t UNION ALL SELECT 'late ' || t FROM late_orders t
    UNION ALL SELECT 'visit ' || t FROM visit t UNION ALL SELECT 'letter ' || t FROM letter t $$;
ALTER TABLE client DROP COLUMN old;
CREATE TABLE before AS SELECT everything() AS line;
ALTER TABLE client ADD COLUMN old text;

SELECT crm.merge('client', '1', '{2}') AS first \gset
SELECT crm.merge('client', '1', '{3}') AS second \gset
INSERT INTO orders VALUES (20, 2) RETURNING client;
-- one column is dropped, its name taken by another; two swap names; the key, and what refers to it, have others
ALTER TABLE client DROP COLUMN old;
ALTER TABLE client RENAME COLUMN mail TO old;
ALTER TABLE client RENAME COLUMN tel TO swapped;
ALTER TABLE client RENAME COLUMN code TO tel;
ALTER TABLE client RENAME COLUMN swapped TO code;
ALTER TABLE client RENAME COLUMN id TO "No. 1";
ALTER TABLE orders RENAME COLUMN client TO customer;
ALTER TABLE visit RENAME COLUMN client TO customer;
ALTER TABLE letter RENAME COLUMN to_code TO sent_to;
SELECT columns, target, target_columns FROM crm.soft_reference;
SELECT crm.unmerge(:first, added => 'back') AS rows;
SELECT customer AS at_home FROM orders WHERE id = 20;
DELETE FROM orders WHERE id = 20;
SELECT crm.unmerge(:second) AS rows;
SELECT * FROM crm.unmerge_report(:first) UNION ALL SELECT * FROM crm.unmerge_report(:second);
(TABLE before EXCEPT ALL SELECT everything()) UNION ALL (SELECT everything() EXCEPT ALL TABLE before);
-- a registered reference goes on
SELECT crm.merge('client', '1', '{2}') > 0 AS merged;
TABLE letter ORDER BY id;
DROP TABLE letter, visit, late_orders, orders, client, before CASCADE;
DROP FUNCTION everything;

-- keys are kept as the rows write them, however they were typed: an erasure and resolve_key find the merge
CREATE TABLE person (id uuid PRIMARY KEY, name text, mail text);
INSERT INTO person VALUES ('aaaaaaaa-0000-0000-0000-000000000001', 'Bob Zett', 'bob@zett.org'), ('aaaaaaaa-0000-0000-0000-000000000002', 'Robert Zett', 'robert@zett.org');
SELECT count(*) > 0 AS adopted FROM crm.adopt('person', 'customer', columns => '{"full_name": "name", "email": "mail"}');
CALL crm.backfill('person');
SELECT crm.resolve_pending() > 0 AS linked;
UPDATE person SET mail = 'robert@new.org' WHERE id = 'aaaaaaaa-0000-0000-0000-000000000002';
SELECT crm.resolve_pending() > 0 AS linked;
SELECT crm.merge('person', 'AAAAAAAA-0000-0000-0000-000000000001', '{AAAAAAAA00000000-0000-000000000002}', values_by => 'golden') AS first \gset
TABLE person;
SELECT keep, lose FROM crm.merge_log WHERE merge_id = :first;
SELECT crm.resolve_key('person', '{AAAAAAAA-0000-0000-0000-000000000002}');
SELECT crm.resolve_key('person', 'none');
SELECT crm.resolve_pending() >= 0 AS linked;
SELECT crm.erase_customer(crm.customer_of('person', 'aaaaaaaa-0000-0000-0000-000000000001'), '{"public.person": "delete"}', 'asked') IS NOT NULL AS erased;
SELECT count(*) FROM crm.merge_change WHERE before::text ~ 'zett';
\set VERBOSITY terse
SELECT crm.unmerge(:first);
\set VERBOSITY default
DROP TABLE person;
