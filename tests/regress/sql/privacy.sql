\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE ROLE regress_privacy_reader;
CREATE TABLE contact (id integer PRIMARY KEY, name text, mail text, agreed jsonb);
CREATE TABLE lead (mail text PRIMARY KEY, name text);
INSERT INTO contact VALUES (1, 'Ann Quixley', 'ann.quixley@example.com', NULL), (2, 'Ann Quixley', 'quixley@office.example', NULL), (3, 'Bob Ray', 'bob.ray@example.com', NULL),
                           (4, 'Cem Oz', 'cem.oz@example.com', '{"email": false}'), (5, 'Dan Poe', 'dan.poe@example.com', NULL), (6, 'Eve Low', 'eve.low@example.com', NULL);
INSERT INTO lead VALUES ('dan.poe@example.com', 'Dan Poe'), ('gil.may@example.com', 'Gil May');
SELECT count(*) > 0 FROM crm.adopt('contact', 'customer', columns => '{"full_name": "name", "email": "mail", "consent": "agreed"}', zone => 'UTC');
SELECT count(*) > 0 FROM crm.adopt('lead', 'lead', columns => '{"full_name": "name", "email": "mail"}');
SET client_min_messages = warning;
CALL crm.backfill('contact');
CALL crm.backfill('lead');
SELECT crm.resolve_pending() > 0 AS linked;
CREATE FUNCTION may(id integer) RETURNS boolean LANGUAGE sql AS $$ SELECT crm.may_contact(crm.customer_of('contact', id::text), 'email', 'marketing') $$;
CREATE FUNCTION ask(id integer, granted boolean, at timestamptz) RETURNS boolean LANGUAGE sql AS
    $$ SELECT crm.record_consent(('contact', id::text), 'email', 'marketing', granted, at, evidence => 'asked') > 0 $$;

-- an opt-out does not vanish in a merge: the row that goes was granted later, the row that stays had withdrawn
SELECT ask(1, false, '2026-01-01'), ask(2, true, '2026-02-01');
SELECT crm.decide(('contact', '1'), ('contact', '2'), 'different');
SELECT crm.resolve_pending() >= 0 AS linked;
SELECT may(1), may(2);
SELECT crm.merge('contact', '1', '{2}', 'the same') AS merge \gset
SELECT crm.resolve_pending() >= 0 AS linked;
SELECT may(1) AS merged;
-- who is asked again afterwards, says so for both
SELECT ask(1, true, '2026-03-01');
SELECT may(1) AS asked_again;
SELECT crm.unmerge(:merge) IS NOT NULL AS unmerged;
SELECT crm.resolve_pending() >= 0 AS linked;
SELECT may(1), may(2);
-- the other way round, and withdrawn in the row itself, which nobody had read yet when it went
UPDATE contact SET agreed = '{"email.marketing": false}' WHERE id = 2;
SELECT crm.merge('contact', '1', '{2}', 'the same') AS merge \gset
SELECT may(1) AS at_once;
SELECT crm.resolve_pending() >= 0 AS linked;
SELECT may(1) AS and_later;
-- a restriction goes with the row that is merged away, and comes back with it
SELECT crm.restrict_customer(crm.customer_of('contact', '3'), '{contact}', 'objected') > 0 AS restricted;
SELECT crm.merge('contact', '6', '{3}', 'the same') AS other_merge \gset
SELECT crm.resolve_pending() >= 0 AS linked;
SELECT ground FROM crm.explain_contact(crm.customer_of('contact', '6'), 'email', 'marketing') LIMIT 1;
SELECT crm.unmerge(:other_merge) IS NOT NULL AS unmerged;
SELECT crm.resolve_pending() >= 0 AS linked;
SELECT id, (SELECT ground FROM crm.explain_contact(crm.customer_of('contact', id::text), 'email', 'marketing') LIMIT 1) FROM contact WHERE id IN (3, 6) ORDER BY 1;

-- for all at once the answer is the same
SELECT ask(5, true, '2026-01-01'), ask(3, true, '2026-01-01'), ask(6, true, '2026-01-01');
SELECT id, may(id), crm.customer_of('contact', id::text) IN (SELECT crm.contactable('E-Mail', 'Marketing')) AS contactable FROM contact ORDER BY 1;
UPDATE contact SET agreed = 'false' WHERE id = 6;
SELECT may(6) AS waits, crm.customer_of('contact', '6') IN (SELECT crm.contactable('email', 'marketing')) AS contactable;
SELECT crm.set_contact_basis('service', 'contract');
SELECT id FROM contact WHERE crm.customer_of('contact', id::text) IN (SELECT crm.contactable('email', 'service')) ORDER BY 1;
SELECT crm.contactable('email', '*');
SET ROLE regress_privacy_reader;
SELECT count(*) FROM crm.contactable('email', 'marketing');
RESET ROLE;

-- a row that is deleted leaves what was withdrawn to the rest of its customer, also where another row has it, too
SELECT crm.decide(('contact', '4'), ('contact', '5'), 'same');
SELECT crm.resolve_pending() >= 0 AS linked;
SELECT may(5) AS one_with_cem;
DELETE FROM contact WHERE id = 4;
SELECT crm.resolve_pending() >= 0 AS linked;
SELECT may(5) AS cem_is_gone;

-- an erasure takes nothing that somebody else withdrew when both were one customer
SELECT crm.decide(('contact', '5'), ('contact', '6'), 'same');
SELECT crm.resolve_pending() >= 0 AS linked;
SELECT crm.record_consent(crm.customer_of('contact', '6'), 'sms', 'service', false, reason => 'Eve Low called') > 0 AS recorded;
SELECT crm.decide(('contact', '5'), ('contact', '6'), 'different');
SELECT crm.resolve_pending() >= 0 AS linked;
SELECT crm.may_contact(crm.customer_of('contact', '5'), 'sms', 'service') AS dan, crm.may_contact(crm.customer_of('contact', '6'), 'sms', 'service') AS eve;
SELECT crm.erase_customer(crm.customer_of('contact', '6'), '{"contact": "delete"}', 'asked') -> 'remains' AS remains;
SELECT crm.may_contact(crm.customer_of('contact', '5'), 'sms', 'service') AS dan;
SELECT source, record_key, reason FROM crm.consent_entry WHERE channel = 'sms';

-- keys of rows that went before are found by their words; hashes by which a list of addresses could be tried are gone at once
SELECT crm.record_consent(('lead', 'gil.may@example.com'), 'email', 'marketing', false, reason => 'x') > 0 AS recorded;
SELECT crm.decide(('lead', 'gil.may@example.com'), ('contact', '3'), 'same');
SELECT crm.resolve_pending() >= 0 AS linked;
DELETE FROM lead WHERE mail = 'gil.may@example.com';
INSERT INTO contact VALUES (7, 'Gil May', 'gil.may@example.com', NULL);
SELECT crm.resolve_pending() >= 0 AS linked;
SELECT crm.decide(('contact', '7'), ('contact', '3'), 'same');
SELECT crm.resolve_pending() >= 0 AS linked;
SELECT crm.customer_of('contact', '7') = crm.customer_of('contact', '3') AS one_customer;
SELECT count(*) AS keys_of_gil FROM crm.consent_entry WHERE record_key LIKE 'gil%';
SELECT array_agg(l.record_no) AS numbers FROM crm.record_link l WHERE l.customer_id = crm.customer_of('contact', '7') \gset
CREATE TEMP TABLE hashes AS SELECT DISTINCT h.kind, h.hash FROM crm.link_hashes(:'numbers') h;
INSERT INTO crm.link_frequency (version, hash, kind, share) SELECT m.version, h.hash, h.kind, 0.001 FROM hashes h, crm.link_model m WHERE m.in_force ON CONFLICT DO NOTHING;
BEGIN;
SELECT (SELECT count(*) > 4 FROM crm.link_frequency JOIN hashes USING (kind, hash)) AS frequencies, crm.key_index_forget(:'numbers') > 0 AS blocks;
ROLLBACK;
SELECT crm.erase_customer(crm.customer_of('contact', '7'), '{"contact": "delete"}', 'asked') -> 'remains' AS remains;
SELECT (SELECT count(*) FROM crm.consent_cover WHERE record_key LIKE 'gil%') + (SELECT count(*) FROM crm.consent_entry WHERE record_key LIKE 'gil%') AS keys_of_gil,
       (SELECT count(*) FROM crm.link_frequency JOIN hashes USING (kind, hash)) AS frequencies,
       (SELECT count(*) FROM crm.link_key WHERE record_no = ANY (:'numbers')) AS keys, crm.key_index_forget(:'numbers') AS left_in_blocks;

-- a table is dropped and made again, as a restore of the one table does: what was said of its records is theirs
SELECT crm.decide(('contact', '5'), ('lead', 'dan.poe@example.com'), 'different', 'father and son');
SELECT crm.resolve_pending() >= 0 AS linked;
SELECT ask(5, true, now());
SELECT crm.record_consent(('contact', '5'), 'phone', 'marketing', false) > 0 AS recorded;
SELECT crm.restrict_customer(crm.customer_of('contact', '5'), '{match}', 'asked') > 0 AS restricted;
SELECT crm.set_golden_value(crm.customer_of('contact', '5'), 'name', 'Daniel Poe', 'his passport');
CREATE TABLE saved AS SELECT * FROM contact;
DROP TABLE contact;
SELECT item, amount FROM crm.status WHERE item LIKE 'said of%';
SELECT crm.resolve_pending() >= 0 AS linked;
SELECT count(*) AS by_no_table FROM crm.consent_cover c WHERE NOT EXISTS (SELECT FROM pg_class t WHERE t.oid = c.relation);
CREATE TABLE contact AS SELECT * FROM saved;
INSERT INTO contact VALUES (6, 'Eve Again', 'eve.low@example.com', NULL);
ALTER TABLE contact ADD PRIMARY KEY (id);
SELECT count(*) AS adopted_again FROM crm.adoption a WHERE a.relation = 'contact'::regclass;
CALL crm.backfill('contact');
SELECT crm.resolve_pending() >= 0 AS linked;
SELECT verdict, reason FROM crm.verdict WHERE key_b = 'dan.poe@example.com';
SELECT id, (SELECT ground FROM crm.explain_contact(crm.customer_of('contact', id::text), 'phone', 'marketing') LIMIT 1) AS phone, may(id) AS email,
       crm.customer_restrictions(crm.customer_of('contact', id::text)) AS restrictions, (SELECT c.name FROM crm.customer c WHERE c.customer_id = crm.customer_of('contact', id::text)) AS name
FROM contact WHERE id IN (1, 5, 6) ORDER BY 1;
SELECT relation, record_key FROM crm.suppressed;
SELECT count(*) AS parked FROM crm.parked_record;

-- who exported whom is known, also to nobody who may not
SELECT crm.export_customer(crm.customer_of('contact', '5')) ->> 'format' AS format, crm.customer_of('contact', '5') AS dan \gset
SELECT exported_by LIKE '%' || current_user || '%' AS by, customer_id = :dan AS of_dan, tables, rows, left_out FROM crm.export_log;
SELECT item, amount FROM crm.status WHERE item LIKE 'exports%';
BEGIN READ ONLY;
SELECT crm.export_customer(:dan);
ROLLBACK;
SET ROLE regress_privacy_reader;
SELECT count(*) FROM crm.export_log;
RESET ROLE;
DROP ROLE regress_privacy_reader;
