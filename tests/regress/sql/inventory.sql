\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
CREATE ROLE regress_inventory_reader;
CREATE TABLE contact (id integer PRIMARY KEY, given text, family text, mail text, shoe_size integer);
CREATE TABLE ticket (id integer PRIMARY KEY, contact integer REFERENCES contact, topic text, body text);
SELECT count(*) > 0 FROM crm.adopt('contact', 'customer', columns => '{"full_name": "given || family", "email": "mail"}');
SELECT count(*) > 0 FROM crm.adopt('ticket', 'ticket', columns => '{"customer": "contact", "subject": "topic"}');
GRANT SELECT ON contact TO regress_inventory_reader;
GRANT SELECT (topic) ON ticket TO regress_inventory_reader;
-- an expression's columns are found; what is not mapped is not known; who reads
SELECT relation, "column", purpose, kept, array_remove(readers, current_user::text) AS readers FROM crm.data_inventory() WHERE room = 'base' AND relation LIKE 'public.%';
ALTER TABLE contact RENAME COLUMN mail TO email_address;
SELECT "column" FROM crm.data_inventory() WHERE relation = 'public.contact';
-- a protected table's readers are the roles that give read on it
SELECT crm.create_unit('acme', 'Acme', 'business');
SELECT crm.create_principal('reader', role_name => 'regress_inventory_reader'), crm.create_role('agent'), crm.create_role('seller');
SELECT crm.grant_privilege('agent', 'ticket', 'read', 'own'), crm.grant_privilege('seller', 'opportunity', 'read', 'own');
ALTER TABLE ticket ADD region text;
SELECT count(*) > 0 FROM crm.protect('ticket', '{"organisation": "region"}');
SELECT array_remove(readers, current_user::text) AS readers FROM crm.data_inventory() WHERE relation = 'public.ticket';

-- columns of crm's own tables that sound as if they held a word of a person and are not named: none of these does
SELECT c.relname, a.attname
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = (SELECT x.relnamespace FROM pg_class x WHERE x.oid = 'crm.adoption'::regclass) AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
  AND a.atttypid IN ('text'::regtype, 'jsonb'::regtype) AND a.attname ~ '(reason|comment|error|evidence|detail|body|value|before|after|held|wanted|found|meant|given|email|phone|name|address|tax|key)$'
  AND NOT EXISTS (SELECT FROM crm.data_inventory() i WHERE split_part(i.relation, '.', 2) = c.relname AND i.relation NOT LIKE 'public.%' AND i."column" = a.attname)
ORDER BY 1, 2;
-- tables of crm that are not in the inventory at all: nothing in them is of a customer. A new one shows here until somebody has decided
SELECT c.relname AS nothing_of_customers
FROM pg_class c
WHERE c.relnamespace = (SELECT x.relnamespace FROM pg_class x WHERE x.oid = 'crm.adoption'::regclass) AND c.relkind IN ('r', 'p')
  AND NOT EXISTS (SELECT FROM crm.data_inventory() i WHERE split_part(i.relation, '.', 2) = c.relname AND i.relation NOT LIKE 'public.%')
ORDER BY c.relname COLLATE "C";
SELECT room, relation, count(*) FROM crm.data_inventory() WHERE room <> 'base' GROUP BY 1, 2 ORDER BY 1, 2;
-- and all that is named is there
SELECT i.relation, i."column" FROM crm.data_inventory() i
WHERE NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = to_regclass(i.relation) AND a.attname = i."column");
-- for administrators
SET ROLE regress_inventory_reader;
SELECT * FROM crm.data_inventory();
RESET ROLE;
DROP OWNED BY regress_inventory_reader;
DROP ROLE regress_inventory_reader;
