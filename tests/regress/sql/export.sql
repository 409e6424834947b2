\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE ROLE regress_export_anna;
CREATE ROLE regress_export_ben;
SELECT crm.create_unit('acme', 'Acme', 'business');
SELECT crm.create_unit('north'), crm.create_unit('south');
SELECT crm.create_principal('anna', role_name => 'regress_export_anna'), crm.create_principal('ben', role_name => 'regress_export_ben');
SELECT crm.create_role('reader'), crm.create_role('exporter');
SELECT crm.grant_privilege('reader', '*', 'read', 'below'), crm.grant_privilege('reader', '*', 'story', 'below'), crm.grant_privilege('exporter', '*', 'export', 'below');
SELECT crm.add_member('anna', 'acme', 'reader'), crm.add_member('anna', 'acme', 'exporter'), crm.add_member('ben', 'acme', 'reader'), crm.add_member('ben', 'north', 'exporter');

CREATE TABLE company (id integer PRIMARY KEY, name text, vat text);
CREATE TABLE contact (id integer PRIMARY KEY, company integer REFERENCES company, name text, mail text, phone text, shoe_size integer, agreed jsonb, region text);
CREATE TABLE lead (id text PRIMARY KEY, mail text, name text, region text);
CREATE TABLE ticket (id integer PRIMARY KEY, contact integer REFERENCES contact, topic text, opened timestamptz, region text);
CREATE TABLE ticket_note (id integer PRIMARY KEY, ticket integer REFERENCES ticket, body text);
CREATE TABLE touch (id integer PRIMARY KEY, visitor text, at timestamptz, what text);
INSERT INTO company VALUES (5, 'Acme', 'DE5');
INSERT INTO contact VALUES (1, 5, 'Ann Example', 'ann@example.com', '+49 171 5550199', 39, '{"email.marketing": "withdrawn", "at": "2026-01-01"}', 'north'),
                           (2, 5, 'Bob Other', 'bob@example.com', NULL, 45, NULL, 'north');
INSERT INTO lead VALUES ('L1', 'Ann@example.com', 'Ann Example', 'south');
INSERT INTO ticket VALUES (10, 1, 'Cannot log in', '2026-01-02', 'north'), (11, 1, 'Invoice', '2026-01-03', 'south'), (12, 2, 'Other', '2026-01-04', 'north');
INSERT INTO ticket_note VALUES (100, 10, 'called her'), (102, 12, 'x');
INSERT INTO touch VALUES (1000, 'cookie-1', '2026-01-01', 'visit'), (1001, 'cookie-2', '2026-01-01', 'visit');
SELECT count(*) > 0 FROM crm.adopt('company', 'customer', columns => '{"company": "name", "tax_id": "vat", "kind": "''organisation''"}');
SELECT count(*) > 0 FROM crm.adopt('contact', 'customer', department => 'sales', columns => '{"full_name": "name", "email": "mail", "phone": "phone", "consent": "agreed", "unit": "region", "parent": "company", "kind": "''person''"}', zone => 'UTC');
SELECT count(*) > 0 FROM crm.adopt('lead', 'lead', department => 'marketing', columns => '{"full_name": "name", "email": "mail", "unit": "region"}');
SELECT count(*) > 0 FROM crm.adopt('ticket', 'ticket', department => 'service', columns => '{"customer": "contact", "subject": "topic", "opened_at": "opened", "unit": "region"}');
SELECT count(*) > 0 FROM crm.adopt('touch', 'touch', columns => '{"anonymous_id": "visitor", "at": "at", "kind": "what"}');
SET client_min_messages = warning;
CALL crm.backfill('company');
CALL crm.backfill('contact');
CALL crm.backfill('lead');
CALL crm.backfill('ticket');
CALL crm.backfill('touch');
SELECT crm.resolve_pending() > 0 AS linked;
SELECT crm.customer_of('contact', '1') AS ann, crm.customer_of('company', '5') AS acme \gset
SELECT crm.identify('cookie-1', :ann, at => '2026-01-05') > 0 AS identified;
SELECT crm.restrict_customer(:ann, '{contact}', 'asked') > 0 AS restricted;
SELECT crm.record_consent(:ann, 'sms', 'service', true, at => '2026-02-01', evidence => 'call') > 0 AS recorded;

-- all of it, and nothing of others; what is written by the clock is left away here
CREATE FUNCTION without_clock(document jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    RETURN CASE jsonb_typeof(document)
        WHEN 'object' THEN (SELECT jsonb_object_agg(e.key, without_clock(e.value)) FROM jsonb_each(document) e
                            WHERE e.key NOT IN ('recorded_at', 'restricted_at', 'set_at', 'merged_at', 'identified_at', 'restricted_by', 'recorded_by', 'identified_by', 'since'))
        WHEN 'array' THEN (SELECT coalesce(jsonb_agg(without_clock(e.value) ORDER BY e.n), '[]') FROM jsonb_array_elements(document) WITH ORDINALITY e (value, n))
        ELSE document END;
END $$;
SELECT jsonb_pretty(without_clock(crm.export_customer(:ann) - 'links' - 'provenance' - 'customer'));
SELECT crm.export_customer(:ann) -> 'customer' ->> 'email' AS email, jsonb_array_length(crm.export_customer(:ann) -> 'links') AS links,
       jsonb_path_query_array(crm.export_customer(:ann), '$.provenance[*].attribute') AS provenance;
SELECT crm.export_customer(:ann) = crm.export_customer(:ann) AS the_same;
-- an organisation is not its people
SELECT jsonb_path_query_array(crm.export_customer(:acme), '$.relations[*].relation') AS relations, crm.export_customer(:acme) -> 'left_out' AS left_out;

-- rights: read and export, row by row; what was left out is said
SELECT count(*) > 0 FROM crm.protect('contact', '{"organisation": "region"}');
SELECT count(*) > 0 FROM crm.protect('lead', '{"organisation": "region"}');
SELECT count(*) > 0 FROM crm.protect('ticket', '{"organisation": "region"}');
GRANT SELECT ON contact, lead, ticket, ticket_note TO regress_export_anna, regress_export_ben;
SELECT crm.resolve_pending() >= 0 AS read;
SET ROLE regress_export_anna;
SELECT r ->> 'relation' AS relation, jsonb_path_query_array(r, '$.rows[*].record_key') AS keys FROM jsonb_array_elements(crm.export_customer(:ann) -> 'relations') r;
SELECT crm.export_customer(:ann) -> 'left_out' AS left_out;
SET ROLE regress_export_ben;
SELECT r ->> 'relation' AS relation, jsonb_path_query_array(r, '$.rows[*].record_key') AS keys FROM jsonb_array_elements(crm.export_customer(:ann) -> 'relations') r;
SELECT crm.export_customer(:ann) -> 'left_out' AS left_out, crm.export_customer(:ann) -> 'links' AS links, jsonb_path_query_array(crm.export_customer(:ann), '$.timeline[*].record_key') AS timeline;
RESET ROLE;
REVOKE SELECT ON contact, lead FROM regress_export_ben;
SET ROLE regress_export_ben;
SELECT crm.export_customer(:ann);
RESET ROLE;
SELECT crm.export_customer(4711);
DROP OWNED BY regress_export_anna, regress_export_ben;
DROP ROLE regress_export_anna, regress_export_ben;

-- the log of exports is let go of by its age; so is what waits for a table that never comes back
SELECT item, amount > 0 AS some, hint FROM crm.status WHERE item = 'exports of customers';
SELECT crm.forget_exports(NULL);
SELECT crm.forget_exports(now() - interval '1 day') AS older;
SELECT crm.forget_exports('infinity') > 0 AS all_of_them;
SELECT count(*) AS "left" FROM crm.export_log;
CREATE TABLE passing (id integer PRIMARY KEY, mail text);
INSERT INTO passing VALUES (1, 'passing@example.com');
SELECT count(*) > 0 AS adopted FROM crm.adopt('passing', 'customer', columns => '{"email": "mail"}');
CALL crm.backfill('passing');
SELECT crm.resolve_pending() > 0 AS linked;
SELECT crm.record_consent(('passing', '1'), 'email', 'marketing', false) > 0 AS withdrawn;
DROP TABLE passing;
SELECT item, amount, hint FROM crm.status WHERE item LIKE 'said of records of%passing';
SELECT crm.forget_parked('public.passed');
SELECT crm.forget_parked('public.passing') > 0 AS forgotten;
SELECT count(*) FROM crm.status WHERE item LIKE 'said of records of%passing';
