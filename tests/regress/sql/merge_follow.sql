\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh

-- what crm knows by a row's key follows the row
CREATE TABLE client (id integer PRIMARY KEY, name text, mail text, vat text, since timestamptz);
CREATE TABLE lead (id integer PRIMARY KEY, mail text, vat text, at timestamptz);
CREATE TABLE deal (id integer PRIMARY KEY, client integer REFERENCES client, stage text, opened timestamptz);
INSERT INTO client VALUES (1, 'Ann', 'ann@example.com', NULL, '2024-01-01'), (2, 'Anne', 'anne@example.org', 'V7', '2024-01-02'),
                          (3, 'Bob', 'bob@example.com', NULL, '2024-01-03');
INSERT INTO lead VALUES (1, NULL, 'V7', '2024-02-01'), (2, 'ann@example.com', NULL, '2024-02-02');
INSERT INTO deal VALUES (1, 2, 'open', '2024-03-01'), (2, 1, 'open', '2024-03-02');
SELECT count(*) > 0 AS adopted FROM crm.adopt('client', 'customer', columns => '{"company": "name", "email": "mail", "tax_id": "vat", "created_at": "since"}');
SELECT count(*) > 0 AS adopted FROM crm.adopt('lead', 'lead', columns => '{"email": "mail", "tax_id": "vat", "created_at": "at"}');
SELECT crm.create_funnel('sales', 'opportunity', '[{"key": "open", "kind": "entry"}, {"key": "offer"}, {"key": "won", "kind": "won"}]');
SELECT count(*) > 0 AS adopted FROM crm.adopt('deal', 'opportunity', funnel => 'sales', columns => '{"customer": "client", "stage": "stage", "created_at": "opened"}');
CALL crm.backfill('client');
CALL crm.backfill('lead');
CALL crm.backfill('deal');
SELECT crm.resolve_pending() >= 0 AS resolved;
CREATE VIEW meant AS SELECT relation, record_key, customer_id FROM crm.record ORDER BY relation::text, record_key;
CREATE VIEW decided AS SELECT relation_a, key_a, relation_b, key_b, verdict, reason FROM crm.verdict ORDER BY 1, 2, 3, 4;
TABLE meant;
SELECT crm.decide(('client', '2'), ('client', '3'), 'different', 'not him');
SELECT crm.decide(('client', '2'), ('client', '1'), 'same');
SELECT crm.resolve_pending() >= 0 AS resolved;
TABLE meant;

SELECT crm.merge('client', '1', '{2}', 'one person');
TABLE decided;
SELECT crm.resolve_pending() >= 0 AS resolved;
TABLE meant;
TABLE client ORDER BY id;
SELECT record_key, customer_key, to_stage, value FROM crm.transition_log ORDER BY record_key, sequence;
SELECT crm.resolve_key('client', '2');

SELECT crm.unmerge(1);
TABLE decided;
SELECT crm.resolve_pending() >= 0 AS resolved;
TABLE meant;
SELECT customer_id, retired_at IS NOT NULL AS retired, redirect_to FROM crm.customer_registry ORDER BY 1;
TABLE client ORDER BY id;
TABLE deal ORDER BY id;
SELECT * FROM crm.unmerge_report(1);

-- the history of stages goes with a row that goes, and comes back with it
UPDATE deal SET stage = 'offer' WHERE id = 2;
UPDATE deal SET stage = 'won' WHERE id = 2;
CREATE TABLE history AS SELECT * FROM crm.transition_log;
SELECT record_key, sequence, from_stage, to_stage FROM crm.transition_log ORDER BY record_key, sequence;
SELECT crm.merge('deal', '1', '{2}');
SELECT record_key, sequence, from_stage, to_stage FROM crm.transition_log ORDER BY record_key, sequence;
SELECT crm.unmerge(2);
SELECT NOT EXISTS (TABLE history EXCEPT ALL TABLE crm.transition_log) AS nothing_lost, count(*) = (SELECT count(*) FROM history) AS nothing_new
FROM crm.transition_log;
