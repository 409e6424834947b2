\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
SET timezone = 'UTC';
SET datestyle = 'ISO';

-- HMAC-SHA256 as RFC 4231 has it
SELECT encode(crm.keyed_hash(crm.make_hash_key(1, decode(repeat('0b', 20), 'hex')), 'Hi There'), 'hex') AS case_1,
       encode(crm.keyed_hash(crm.make_hash_key(1, decode(repeat('aa', 131), 'hex')), 'Test Using Larger Than Block-Size Key - Hash Key First'), 'hex') AS case_6;

CREATE TABLE contact (id integer PRIMARY KEY, name text NOT NULL, mail text UNIQUE NOT NULL, phone text, notes text, region text,
                      agreed jsonb, score numeric NOT NULL DEFAULT 0);
CREATE TABLE lead (id text PRIMARY KEY, mail crm.email, name text, born date);
CREATE TABLE ticket (id integer PRIMARY KEY, contact integer REFERENCES contact, topic varchar(20) NOT NULL, opened timestamptz);
CREATE TABLE ticket_note (id integer PRIMARY KEY, ticket integer REFERENCES ticket ON DELETE CASCADE, body text, answer_to integer REFERENCES ticket_note);
CREATE TABLE invoice (id integer PRIMARY KEY, contact integer REFERENCES contact, total numeric, billed_to text);
CREATE TABLE gone (id integer, what text);
CREATE FUNCTION note_gone() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO gone VALUES (old.id, current_user); RETURN NULL; END $$;
CREATE TRIGGER note_gone AFTER DELETE ON ticket FOR EACH ROW EXECUTE FUNCTION note_gone();
INSERT INTO contact VALUES (1, 'Ann Example', 'ann@example.com', '+49 171 5550199', 'her mother is Ida', 'north', '{"email.marketing": false}'),
                           (2, 'Bob Other', 'bob@example.com', '+49 30 1234567', 'x', 'south', NULL),
                           (3, 'Cem Other', 'cem@example.com', '+49 30 1234567', 'x', 'south', NULL);
INSERT INTO lead VALUES ('L1', 'Ann@Example.com', 'Ann Example', '1980-02-03'), ('L2', 'zoe@example.com', 'Zoe', NULL);
INSERT INTO ticket VALUES (10, 1, 'Ann cannot log in', '2026-01-01'), (11, 2, 'Other', '2026-01-01');
INSERT INTO ticket_note VALUES (100, 10, 'called ann@example.com', NULL), (101, 10, 'again', 100), (102, 11, 'x', NULL);
INSERT INTO invoice VALUES (1000, 1, 99, 'Ann Example'), (1001, 2, 1, 'Bob');
SELECT count(*) > 0 FROM crm.adopt('contact', 'customer', columns => '{"full_name": "name", "email": "mail", "phone": "phone", "unit": "region", "consent": "agreed"}');
SELECT count(*) > 0 FROM crm.adopt('lead', 'lead', columns => '{"full_name": "name", "email": "mail", "birth_date": "born"}');
SELECT count(*) > 0 FROM crm.adopt('ticket', 'ticket', columns => '{"customer": "contact", "subject": "topic", "opened_at": "opened"}');
SELECT count(*) > 0 FROM crm.adopt('invoice', 'activity', columns => '{"customer": "contact", "kind": "''invoice''"}');
SET client_min_messages = warning;
CALL crm.backfill('contact');
CALL crm.backfill('lead');
CALL crm.backfill('ticket');
CALL crm.backfill('invoice');
SELECT crm.resolve_pending() > 0 AS linked;
SELECT crm.customer_of('contact', '1') AS ann, crm.customer_of('contact', '2') AS bob \gset
SELECT crm.customer_of('lead', 'L1') = :ann AS the_lead_is_ann, crm.customer_of('contact', '3') = :bob AS bob_is_cem;
SELECT crm.decide(('contact', '2'), ('contact', '3'), 'different', 'told Ann Example');
SELECT crm.resolve_pending() > 0 AS split;
SELECT crm.customer_of('contact', '2') AS bob, crm.customer_of('contact', '3') AS cem \gset
SELECT crm.record_consent(:ann, 'email', 'marketing', true, evidence => 'mail from ann@example.com') > 0 AS recorded;
SELECT crm.restrict_customer(:ann, '{contact}', 'Ann Example wrote') > 0 AS restricted;

-- every table needs a mode; what is in the way has a name; nothing is half done
SELECT crm.erase_customer(:ann);
SELECT crm.erase_customer(:ann, '{"contact": "delete", "lead": "delete", "ticket": "delete", "ticket_note": "delete", "invoice": "keep"}');
SELECT crm.erase_customer(:ann, '{"contact": "delete", "lead": "delete", "ticket": "delete", "ticket_note": "delete", "invoices": "delete"}');
SELECT crm.erase_customer(:ann, '{"contact": "delete", "lead": "delete", "ticket": "delete", "ticket_note": "delete", "invoice": {"mode": "keep", "reason": "tax law"}}', 'asked');
SELECT crm.erase_customer(:ann, '{"contact": "blank", "lead": "delete", "ticket": "delete", "ticket_note": {"mode": "keep", "reason": "x"}, "invoice": {"mode": "keep", "reason": "tax law"}}', 'asked');
SELECT crm.erase_customer(:ann, '{"contact": "blank", "lead": "delete", "ticket": "delete", "ticket_note": "blank", "invoice": {"mode": "keep", "reason": "tax law"}}', 'asked');
SELECT crm.erase_customer(:ann, '{"contact": {"mode": "blank", "columns": ["note"]}, "lead": "delete", "ticket": "delete", "ticket_note": "delete", "invoice": {"mode": "keep", "reason": "tax law"}}', 'asked');
SELECT crm.erase_customer(:ann, '{"contact": {"mode": "blank", "columns": ["score"]}, "lead": "delete", "ticket": "delete", "ticket_note": "delete", "invoice": {"mode": "keep", "reason": "tax law"}}', 'asked');
SELECT crm.erase_customer(:ann, '{"contact": {"mode": "blank", "columns": ["id"]}, "lead": "delete", "ticket": "delete", "ticket_note": "delete", "invoice": {"mode": "keep", "reason": "tax law"}}', 'asked');
SELECT crm.erase_customer(:ann, '{"contact": "blank", "lead": "delete", "ticket": "delete", "ticket_note": "delete", "invoice": {"mode": "keep", "reason": "tax law"}}');
SELECT crm.erase_customer(:ann, '[]', 'asked');
SELECT crm.erase_customer(4711, '{}', 'asked');
SELECT count(*) FROM contact;

-- trying it changes nothing
\set modes '{"contact": {"mode": "blank", "columns": ["notes"]}, "lead": "delete", "ticket": "delete", "ticket_note": "delete", "invoice": {"mode": "keep", "reason": "tax law, ten years"}}'
SELECT jsonb_pretty(crm.erase_customer(:ann, :'modes', dry_run => true));
SELECT (SELECT count(*) FROM ticket) AS tickets, (SELECT count(*) FROM gone) AS gone, (SELECT count(*) FROM crm.erasure) AS erasures, (SELECT count(*) FROM crm.tombstone) AS tombstones;

SELECT jsonb_pretty(crm.erase_customer(:ann, :'modes', 'asked by ANN@example.com on 1 March') - 'erasure_id');
SELECT id, name, mail ~ '^erased-[0-9a-f-]{36}@erased.invalid$' AS mail, phone, notes, region, agreed, score FROM contact ORDER BY id;
SELECT (SELECT count(*) FROM lead WHERE id = 'L1') AS lead, (SELECT count(*) FROM ticket WHERE id = 10) AS ticket, (SELECT count(*) FROM ticket_note) AS notes, (SELECT count(*) FROM invoice) AS invoices;
SELECT id FROM gone;
SELECT erased_by = current_user AS by, reason, modes, counts, tombstones, remains FROM crm.erasure;
SELECT kind, count(*) FROM crm.tombstone GROUP BY 1 ORDER BY 1;
SELECT reason FROM crm.verdict;
SELECT count(*) AS consents FROM crm.consent_entry;
SELECT count(*) AS restrictions FROM crm.restriction;
SELECT relation, record_key, full_name, email FROM crm.record ORDER BY relation::text, record_key;
SELECT crm.resolve_pending() >= 0 AS linked;
SELECT count(*) FROM crm.customer WHERE customer_id = :ann;
SELECT finding, relation, "column", rows, regexp_replace(detail, '^erased on .*', 'erased') AS detail FROM crm.erasure e, crm.verify_erasure(e.erasure_id, 'ann@example.com', '+49 (171) 555-0199', 'Ann Example', '123456789');

-- the next sync brings her back, under other keys: registered blank, said in status, the rows are not touched
INSERT INTO lead VALUES ('L1', 'new@example.com', 'Same Key', NULL), ('L7', 'ann@EXAMPLE.com', 'Ann Again', NULL), ('L8', 'other@example.com', 'Other', NULL);
INSERT INTO contact VALUES (7, 'A. Example', 'x@example.com', '0049 1715550199', NULL, 'north', '{"email.marketing": true}', 0);
SELECT crm.resolve_pending() >= 0 AS linked;
SELECT relation, record_key, full_name, email, phone, unit FROM crm.record ORDER BY relation::text, record_key;
SELECT item, state, amount, detail FROM crm.status WHERE item ~ 'erased' ORDER BY 1;
SELECT count(*) FROM crm.consent;
SELECT relation, record_key FROM crm.suppressed ORDER BY relation::text, record_key;
SELECT id, mail FROM lead ORDER BY id;
-- the phone has a new holder; a correction of the row is read
SELECT crm.release_record('contact', '7', '');
SELECT crm.release_record('contact', '8', 'x');
SELECT crm.release_record('contact', '7', 'the number has another holder');
UPDATE lead SET mail = 'really.other@example.com' WHERE id = 'L7';
SELECT crm.resolve_pending() >= 0 AS linked;
SELECT relation, record_key, full_name FROM crm.record WHERE record_key IN ('7', 'L7', 'L1') ORDER BY 2;

-- what others hold too gets no tombstone, or it would keep them out
SELECT crm.erase_customer(:bob, '{"contact": {"mode": "blank", "columns": ["notes"]}, "ticket": "blank", "ticket_note": "delete", "invoice": "delete"}', 'asked') - 'relations' - 'erasure_id' - 'remains';
SELECT crm.resolve_pending() >= 0 AS linked;
SELECT record_key, full_name, phone FROM crm.record WHERE relation = 'contact'::regclass ORDER BY 1;
SELECT topic FROM ticket;

-- a proof that somebody changed does not hold
SELECT max(erasure_id) AS second, min(erasure_id) AS first FROM crm.erasure \gset
SELECT finding, detail ~ 'is the email' AS of_this_erasure FROM crm.verify_erasure(:second, 'bob@example.com', 'ann@example.com');
SELECT finding FROM crm.verify_erasure(:first, 'bob@example.com', 'ann@example.com');
UPDATE crm.erasure SET reason = 'other' WHERE erasure_id = :first;
SELECT finding FROM crm.verify_erasure(:first, 'ann@example.com') LIMIT 1;
-- nor where the one before it is not there any more
DELETE FROM crm.tombstone WHERE erasure_id = :first;
DELETE FROM crm.erasure WHERE erasure_id = :first;
SELECT finding FROM crm.verify_erasure(:second, 'bob@example.com') LIMIT 1;
SELECT crm.verify_erasure(-1, 'ann@example.com');
SELECT crm.verify_erasure(:second, 'x');
