\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh

-- three departments, each with its own tables, keys and words
CREATE TABLE leads (id integer PRIMARY KEY, mail text, tel text, first text, last text, land text, at timestamptz);
CREATE TABLE accounts (code text PRIMARY KEY, name text, vat text, mail text, tel text, since date);
CREATE TABLE people (a integer, b integer, full_name text, mail text, tel text, account text REFERENCES accounts, at timestamp,
                     PRIMARY KEY (a, b));
CREATE TABLE users (id uuid PRIMARY KEY, login text, type text, created timestamptz) PARTITION BY HASH (id);
CREATE TABLE users_0 PARTITION OF users FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE users_1 PARTITION OF users FOR VALUES WITH (MODULUS 2, REMAINDER 1);

INSERT INTO leads VALUES
    (1, 'Ann.Lee+web@gmail.com', NULL, 'Ann', 'Lee', NULL, '2024-01-01 10:00+00'),
    (2, 'bob@example.com', '0171 5550123', 'Bob', NULL, 'DE', '2024-01-02 10:00+00'),
    (3, NULL, '+49 171 5550123', 'Robert', 'Fox', NULL, '2024-01-03 10:00+00'),
    (4, 'not an address', '0171 5550123', 'Nobody', NULL, NULL, '2024-01-04 10:00+00'),
    (5, '', ' ', 'Blank', NULL, NULL, NULL),
    (6, 'office@acme.example', NULL, 'Carl', 'Coyote', NULL, '2024-01-06 10:00+00');
INSERT INTO accounts VALUES
    ('A1', 'Acme GmbH', 'DE 123.456.789', 'office@acme.example', '+49 30 1000', '2020-01-01'),
    ('A2', 'ACME Germany', 'de123456789', NULL, NULL, '2021-01-01'),
    ('A3', 'Other Ltd', 'GB1', NULL, '+49 30 1000', '2022-01-01');
INSERT INTO people VALUES
    (1, 1, 'Ann Lee', 'annlee@googlemail.com', NULL, 'A1', '2023-05-05 12:00'),
    (1, 2, 'Zed', NULL, NULL, 'A2', '2023-05-06 12:00');
INSERT INTO users VALUES
    ('00000000-0000-0000-0000-000000000001', 'BOB@Example.com', 'consumer', '2024-03-01 10:00+00'),
    ('00000000-0000-0000-0000-000000000002', 'nine@example.com', 'consumer', '2024-03-02 10:00+00');

SELECT object, lock, detail FROM crm.adopt('leads', 'lead', department => 'marketing', columns => '{"email": "mail",
    "phone": "tel", "given_name": "first", "family_name": "last", "country": "land", "created_at": "at"}') WHERE room = 'customer';
SELECT count(*) FROM crm.adopt('accounts', 'customer', department => 'sales', columns => '{"company": "name", "tax_id": "vat",
    "email": "mail", "phone": "tel", "created_at": "since"}');
SELECT count(*) FROM crm.adopt('people', 'customer', department => 'sales', columns => '{"full_name": "full_name", "email": "mail",
    "phone": "tel", "kind": "''person''", "parent": "account", "created_at": "at"}');
SELECT count(*) FROM crm.adopt('users', 'customer', department => 'service', columns => '{"email": "login", "kind": "type",
    "created_at": "created"}');
-- a table of another entity has no records
CREATE TABLE deals (id integer PRIMARY KEY, account text REFERENCES accounts, mail text);
SELECT count(*) FILTER (WHERE room = 'customer') FROM crm.adopt('deals', 'opportunity', columns => '{"customer": "account"}');
SELECT * FROM crm.register_records('deals');
SELECT * FROM crm.register_records('pg_class');

-- nothing is linked before the rows were read, and writers do not wait for that
INSERT INTO leads VALUES (7, 'nine@example.com', NULL, 'Nina', 'Neun', NULL, '2024-01-07 10:00+00');
SELECT crm.resolve_pending();
CALL crm.backfill('leads');
CALL crm.backfill('accounts');
CALL crm.backfill('people');
CALL crm.backfill('users');
SELECT relation, record_key, kind, email, phone, email_key, phone_key, tax_key, customer_id FROM crm.record ORDER BY relation::text, record_key;

CALL crm.resolve() \gset
SELECT :records AS records, :customers AS customers, :linked AS linked, :moved AS moved, :created AS created, :retired AS retired,
       :candidate_pairs > 0 AS compared, :model AS model, :milliseconds > 0 AS took_time;
SELECT m.version, m.in_force, m.records, m.held, m.changed, m.report->>'cluster_pairs' AS pairs FROM crm.link_model m;
-- Acme and ACME by tax id; Carl shares the office's address and
-- stays a person; Ann by Gmail's rules; Bob of Germany by phone with Robert, by e-mail with a user
CREATE VIEW story AS
SELECT customer_id, array_agg(relation || ' ' || record_key ORDER BY relation::text COLLATE "C", record_key) AS records
FROM crm.customer_record GROUP BY 1;
SELECT * FROM story ORDER BY 1;
SELECT customer_id, kind, name, email, phone, tax_id, created_at AT TIME ZONE 'UTC' AS since, records FROM crm.customer ORDER BY 1;
SELECT crm.customer_of('leads', '2') = crm.customer_of('users', '00000000-0000-0000-0000-000000000001') AS same,
       crm.customer_of('people', '["1", "1"]') AS composite, crm.customer_of('leads', '99') AS nobody;

-- again: nothing changes
CALL crm.resolve() \gset
SELECT :linked AS linked, :moved AS moved, :created AS created, :retired AS retired;
SELECT crm.resolve_pending();

-- with the model as it is: a session that has fitted nothing believes what the one did that fitted it
CALL crm.resolve(refit => false) \gset
SELECT report->'expected_pairs' AS believed FROM crm.link_model WHERE in_force \gset
\c
CALL crm.resolve(refit => false) \gset
SELECT :linked AS linked, :moved AS moved, (report->'expected_pairs')::text = :'believed' AS believed FROM crm.link_model WHERE in_force;

-- a join: the oldest id stays, the other leads to it
CREATE TABLE before AS SELECT relation::text, record_key, customer_id FROM crm.customer_record;
UPDATE leads SET mail = 'bob@example.com' WHERE id = 7;
SELECT count(*), min(relation::text), min(record_key) FROM crm.record_dirty;
SELECT crm.resolve_pending();
SELECT * FROM story WHERE 'leads 7' = ANY (records);
-- Nina left, the user nine kept id 8; when it follows her, 8 leads to 4
UPDATE users SET login = 'bob@example.com' WHERE id::text LIKE '%2';
SELECT crm.resolve_pending();
SELECT * FROM story WHERE 'leads 7' = ANY (records);
SELECT customer_id, retired_at IS NOT NULL AS retired, redirect_to FROM crm.customer_registry
WHERE retired_at IS NOT NULL ORDER BY 1;
-- a split: the largest part keeps the id
UPDATE users SET login = 'nine@example.com' WHERE id::text LIKE '%2';
UPDATE leads SET mail = 'nine@example.com' WHERE id = 7;
SELECT crm.resolve_pending();
SELECT * FROM story WHERE 'leads 7' = ANY (records) OR 'leads 2' = ANY (records) ORDER BY 1;
-- incremental and full agree
CALL crm.resolve() \gset
SELECT :linked AS linked, :moved AS moved, :created AS created, :retired AS retired;

-- DELETE unlinks; TRUNCATE of a partition too; a new key is another record
DELETE FROM leads WHERE id = 1;
UPDATE leads SET id = 60 WHERE id = 6;
BEGIN; DELETE FROM leads; ROLLBACK;
SELECT crm.resolve_pending();
SELECT relation, record_key, customer_id FROM crm.customer_record WHERE relation = 'leads'::regclass ORDER BY 2;
SELECT tableoid::regclass AS part FROM users WHERE login = 'nine@example.com' \gset
TRUNCATE :part;
SELECT crm.resolve_pending();
SELECT count(*) FROM users;
SELECT relation, record_key FROM crm.customer_record WHERE relation = 'users'::regclass ORDER BY 2;
-- writes straight to a partition, COPY, ON CONFLICT
INSERT INTO users_0 SELECT i::uuid, 'zoe@example.com' FROM (VALUES ('00000000-0000-0000-0000-000000000011'), ('00000000-0000-0000-0000-000000000012'),
    ('00000000-0000-0000-0000-000000000013')) AS v (i) WHERE satisfies_hash_partition('users'::regclass, 2, 0, i::uuid);
COPY leads (id, mail, first) FROM stdin (DELIMITER ',');
20,Zoe@example.com,Zoe
\.
INSERT INTO leads (id, mail, first) VALUES (20, 'zoe@example.com', 'Zoey') ON CONFLICT (id) DO UPDATE SET first = excluded.first;
SELECT crm.resolve_pending() > 0 AS some;
SELECT count(DISTINCT customer_id), count(*) > 1 AS several FROM crm.record WHERE email_key = 'zoe@example.com';
SELECT name FROM crm.customer WHERE customer_id = crm.customer_of('leads', '20');

-- a switchboard links none of those behind it, nor does it once there are more of them
INSERT INTO leads (id, tel, first) SELECT 1000 + i, '+1 212 555 0100', 'Person ' || i FROM generate_series(1, 50) i;
SELECT crm.resolve_pending() > 0 AS some;
SELECT count(*), count(DISTINCT customer_id) FROM crm.record WHERE phone_key = '+12125550100';
INSERT INTO leads (id, tel, first) VALUES (1051, '+1 212 555 0100', 'Person 51');
SELECT crm.resolve_pending() > 0 AS some;
SELECT count(*), count(DISTINCT customer_id) FROM crm.record WHERE phone_key = '+12125550100';
CALL crm.resolve() \gset
SELECT :linked AS linked, :moved AS moved, :created AS created, :retired AS retired;

-- a renamed column is followed; a key that cannot be computed does not make the team's statement fail
ALTER TABLE leads RENAME COLUMN mail TO email_address;
UPDATE leads SET email_address = 'carl@example.com' WHERE id = 60;
SELECT crm.resolve_pending();
SELECT email FROM crm.record WHERE relation = 'leads'::regclass AND record_key = '60';
CREATE TABLE odd (a integer PRIMARY KEY, b integer, mail text);
INSERT INTO odd VALUES (1, 1, 'odd1@example.com');
SELECT count(*) > 0 AS adopted FROM crm.adopt('odd', 'lead', columns => '{"id": "12 / b", "email": "mail"}');
CALL crm.backfill('odd');
INSERT INTO odd VALUES (2, 2, 'odd2@example.com');
SELECT record_key FROM crm.record_dirty;
INSERT INTO odd VALUES (3, 0, 'odd3@example.com');
SELECT relation, record_key FROM crm.record_dirty;
DELETE FROM odd WHERE b = 0;
UPDATE odd SET mail = upper(mail);
SELECT crm.resolve_pending();
SELECT record_key, email FROM crm.record WHERE relation = 'odd'::regclass ORDER BY 1;
-- the trigger inside savepoints, and the plan after the table changed
BEGIN;
SAVEPOINT a;
UPDATE odd SET mail = 'lost@example.com' WHERE a = 1;
ROLLBACK TO a;
ALTER TABLE odd ADD COLUMN c text;
INSERT INTO odd VALUES (4, 4, 'odd4@example.com', 'y');
COMMIT;
SELECT relation, record_key FROM crm.record_dirty;
SELECT crm.disown('odd');
INSERT INTO odd VALUES (5, 5, 'odd5@example.com');
SELECT count(*) FROM crm.record_dirty;
SELECT count(*) > 0 AS adopted FROM crm.adopt('odd', 'lead', columns => '{"id": "a", "email": "mail"}');
INSERT INTO odd VALUES (6, 0, 'odd6@example.com');
SELECT relation, record_key FROM crm.record_dirty;
SELECT crm.disown('odd');

-- disown forgets records and links; other tables keep theirs
SELECT crm.customer_of('accounts', 'A1') AS acme \gset
SELECT crm.disown('leads');
SELECT count(*) FROM crm.record WHERE relation = 'leads'::regclass;
SELECT crm.customer_of('accounts', 'A1') = :acme AS kept;
SELECT tgname FROM pg_trigger WHERE tgrelid = 'leads'::regclass;
SELECT count(*) AS active_without_record FROM crm.customer_registry c
WHERE retired_at IS NULL AND NOT EXISTS (SELECT FROM crm.record r WHERE r.customer_id = c.customer_id);

-- every customer that is not retired has a record, and every link a record
SELECT count(*) FROM crm.record_link l WHERE NOT EXISTS (SELECT FROM crm.record_copy r WHERE r.record_no = l.record_no);
SELECT count(*) FROM crm.customer_registry c
WHERE c.retired_at IS NULL AND NOT EXISTS (SELECT FROM crm.record_link l WHERE l.customer_id = c.customer_id);

-- resolve has a transaction of its own, and only administrators may call it
BEGIN; CALL crm.resolve(); ROLLBACK;
CREATE ROLE regress_resolve_eve;
SET ROLE regress_resolve_eve;
CALL crm.resolve();
SELECT * FROM crm.resolve_progress;
RESET ROLE;
DROP ROLE regress_resolve_eve;
-- nor are its steps for anybody else
SELECT crm.resolve_result();
CALL crm.resolve_compute();
SELECT * FROM crm.resolve_progress;
SELECT count(*) AS left_over FROM crm.resolve_run;

-- what assign_customers refuses
SELECT * FROM crm.assign_customers('{1,1}', '{1}');
SELECT * FROM crm.assign_customers('{2,1}', '{0,0}');
SELECT * FROM crm.assign_customers('{3,1}', '{0,0}');
SELECT * FROM crm.assign_customers('{1,NULL}', '{0,0}');
SELECT * FROM crm.assign_customers('{{1,1},{1,1}}', '{0,0,0,0}');
SELECT * FROM crm.assign_customers('{1,1,3,3}', '{7,4,9,0}');
SELECT * FROM crm.assign_customers('{}', '{}');
