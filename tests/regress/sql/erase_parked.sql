-- What is kept of tables that are gone, and of merges: an erasure leaves nothing of the person there, and takes nothing from others.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET client_min_messages = warning;
CREATE TABLE contact (id integer PRIMARY KEY, name text, mail text, agreed jsonb);
CREATE TABLE lead (mail text PRIMARY KEY, name text);
CREATE TABLE old_lead (id integer PRIMARY KEY, name text, mail text, agreed jsonb);
CREATE TABLE note (id integer PRIMARY KEY, contact integer REFERENCES contact, old_lead integer REFERENCES old_lead, topic text, told_by crm.email, UNIQUE (contact, topic));
INSERT INTO contact VALUES (7001, 'Ann Quixley', 'ann.quixley@mail.example', NULL), (3, 'Bob Ray', 'bob.ray@mail.example', NULL), (4, 'Bob Ray', 'ray@mail.example', NULL);
INSERT INTO lead VALUES ('ann.quixley@mail.example', 'Ann Quixley'), ('quixley.office@mail.example', 'Ann Quixley');
INSERT INTO old_lead VALUES (7011, 'Ann Quixley', 'ann.quixley@mail.example', '{"email.marketing": true, "evidence": "paper of hers"}'),
                            (7012, 'Ann Quixley', 'old.quixley@mail.example', NULL), (13, 'Bob Ray', 'bob.ray@mail.example', NULL),
                            (14, 'Zoe Low', 'zoe.low@mail.example', NULL), (7016, 'Annie Q', 'annie.q@mail.example', NULL);
INSERT INTO lead VALUES ('annie.q@mail.example', 'Annie Q');
CREATE TABLE ticket (id integer PRIMARY KEY, contact integer REFERENCES contact, helped_by integer REFERENCES contact);
INSERT INTO ticket VALUES (1, 3, 7001);
INSERT INTO note VALUES (1, 3, 13, 'call', NULL), (2, 4, NULL, 'call', NULL), (3, 4, 7011, 'told by Ann Quixley', 'ann.quixley@mail.example'), (4, 3, NULL, 'told by Ann Quixley', NULL);
SELECT count(*) > 0 FROM crm.adopt('contact', 'customer', columns => '{"full_name": "name", "email": "mail", "consent": "agreed"}');
SELECT count(*) > 0 FROM crm.adopt('lead', 'lead', columns => '{"full_name": "name", "email": "mail"}');
SELECT count(*) > 0 FROM crm.adopt('old_lead', 'lead', columns => '{"full_name": "name", "email": "mail", "consent": "agreed"}');
SELECT count(*) > 0 FROM crm.adopt('ticket', 'ticket', columns => '{"customer": "contact"}');
CALL crm.backfill('contact');
CALL crm.backfill('lead');
CALL crm.backfill('old_lead');
SELECT crm.resolve_pending() > 0 AS linked;
SELECT crm.decide(('contact', '7001'), (t, k), 'same') FROM (VALUES ('lead'::regclass, 'ann.quixley@mail.example'), ('lead', 'quixley.office@mail.example'), ('old_lead', '7011'), ('old_lead', '7012')) v (t, k);
SELECT crm.decide(('contact', '3'), ('contact', '4'), 'same'), crm.decide(('contact', '3'), ('old_lead', '13'), 'same');
SELECT crm.resolve_pending() > 0 AS linked;
-- Ann and Bob were taken for one, and what was withdrawn then was withdrawn for both
SELECT crm.decide(('contact', '3'), ('contact', '7001'), 'same', 'father and daughter');
SELECT crm.resolve_pending() > 0 AS linked;
SELECT crm.record_consent(('old_lead', '13'), 'sms', 'marketing', false, reason => 'called on Monday') > 0 AS withdrawn;
SELECT crm.record_consent(('old_lead', '7011'), 'fax', 'marketing', false, reason => 'called on Sunday') > 0 AS withdrawn;
SELECT crm.restrict_customer(crm.customer_of('old_lead', '13'), '{contact}', 'a letter of theirs') > 0 AS restricted;
SELECT crm.decide(('contact', '3'), ('contact', '7001'), 'different', 'father and daughter');
SELECT crm.decide(('contact', k), ('old_lead', l), 'different') FROM unnest('{3,4}'::text[]) k, unnest('{7011,7012}'::text[]) l;
SELECT crm.decide(('contact', '7001'), ('old_lead', '13'), 'different');
SELECT crm.decide(('old_lead', l), ('old_lead', '13'), 'different') FROM unnest('{7011,7012}'::text[]) l;
SELECT crm.resolve_pending() > 0 AS split;
SELECT crm.customer_of('contact', '7001') AS ann, crm.customer_of('contact', '3') AS bob \gset
SELECT relation, record_key, customer_id = :ann AS of_ann, customer_id = :bob AS of_bob FROM crm.record ORDER BY relation::text, record_key;
-- Zoe, too, was taken for Ann once, and her only row will be gone; Annie will turn out to be Ann when one of her two rows is gone
SELECT crm.decide(('contact', '7001'), ('old_lead', '14'), 'same');
SELECT crm.resolve_pending() > 0 AS linked;
SELECT crm.record_consent(('old_lead', '14'), 'post', 'marketing', false, reason => 'a card') > 0 AS withdrawn;
SELECT crm.decide((t, k), ('old_lead', '14'), 'different') FROM (VALUES ('contact'::regclass, '7001'), ('lead', 'ann.quixley@mail.example'), ('lead', 'quixley.office@mail.example'), ('old_lead', '7011'), ('old_lead', '7012')) v (t, k);
SELECT crm.decide(('lead', 'annie.q@mail.example'), ('old_lead', '7016'), 'same');
SELECT crm.resolve_pending() > 0 AS split;
SELECT crm.record_consent(('old_lead', '7016'), 'post', 'news', true, evidence => 'another form of hers') > 0 AS granted;
SELECT crm.record_consent(('old_lead', '7012'), 'post', 'service', true, evidence => 'a form of hers') > 0 AS granted;
-- merges: of rows known by their addresses; of a table that will be gone; of Bob's rows, which removes a row that tells of Ann
SELECT crm.merge('lead', 'ann.quixley@mail.example', '{quixley.office@mail.example}', 'both of the lady in red') AS lead_merge \gset
SELECT crm.merge('old_lead', '7011', '{7012}') AS old_merge \gset
INSERT INTO note VALUES (5, 4, NULL, 'Ann Quixley wrote', NULL);
SELECT crm.merge('contact', '3', '{4}') AS first_merge \gset
DELETE FROM note WHERE id = 5;
SELECT crm.unmerge(:first_merge) > 0 AS back;
SELECT in_relation, row_key, finding FROM crm.unmerge_report(:first_merge);
SELECT crm.merge('contact', '3', '{4}') AS bob_merge \gset
SELECT in_relation, row_key, action FROM crm.merge_rows_of(:bob_merge) ORDER BY 1, 2;
SELECT crm.resolve_pending() >= 0 AS linked;
ALTER TABLE note DROP COLUMN old_lead;
DROP TABLE old_lead;
SELECT crm.resolve_pending() >= 0 AS linked;
SELECT item, amount FROM crm.status WHERE item LIKE 'said of%';
SELECT crm.decide(('contact', '7001'), ('lead', 'annie.q@mail.example'), 'same');
SELECT crm.resolve_pending() >= 0 AS linked;
SELECT crm.customer_of('lead', 'annie.q@mail.example') = :ann AS annie_is_ann;
-- the log of a table goes with the table
SELECT relation, keep, state FROM crm.merge_log ORDER BY merge_id;
SELECT count(*) FROM crm.merge_change c WHERE NOT EXISTS (SELECT FROM pg_class k WHERE k.oid = c.relation);

CREATE FUNCTION traces() RETURNS TABLE (relation text, "row" text) LANGUAGE plpgsql AS $$
BEGIN
    FOR relation IN SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                    WHERE c.relkind = 'r' AND c.relname !~ '^(link_|tombstone)' AND c.relnamespace = (SELECT e.extnamespace FROM pg_extension e WHERE e.extname = 'crm') ORDER BY c.relname COLLATE "C" LOOP
        -- times are no trace of anybody: their digits may be those of a key
        RETURN QUERY EXECUTE format($f$SELECT %L, t::text FROM %s t
            WHERE regexp_replace(t::text, '\d{4}-\d\d-\d\d [^",]*', '', 'g') ~* 'quixley|\m70[01][0-9]\M|of hers|lady|monday|sunday|theirs'$f$, relation, relation);
    END LOOP;
END
$$;
SELECT split_part(relation, '.', 2) AS relation, count(*) FROM traces() GROUP BY 1 ORDER BY 1;
SELECT crm.erase_customer(:ann, '{"contact": "blank", "lead": "delete"}', 'asked') -> 'remains' AS remains;
-- the blanked row, the merge that once was, and hashes; without a word of hers
SELECT split_part(relation, '.', 2) AS relation, regexp_replace("row", '\d{4}-\d\d-\d\d [^",]*|[0-9a-f]{16,}', '...', 'g') AS "row" FROM traces() WHERE relation !~ 'erasure|record_copy|suppressed' ORDER BY 1, 2;
SELECT relation, keep, lose, state, reason FROM crm.merge_log ORDER BY merge_id;
-- what Bob objected to stands, also for his row in the table that is gone, and what was withdrawn for her record when both were one
SELECT crm.restrict_customer(:bob, '{contact}', 'again', lifted => true) > 0 AS lifted;
SELECT h, (SELECT concat_ws(', ', e.ground, e.detail ~ 'withdrawn') FROM crm.explain_contact(:bob, h, 'marketing') e LIMIT 1) AS ground FROM unnest('{sms,fax}'::text[]) h;
SELECT channel, customer_id = :ann AS of_ann, customer_id = :bob AS of_bob, reason FROM crm.consent_entry ORDER BY 1;
SELECT c.source, c.record_key FROM crm.parked_record c ORDER BY 1, 2;
-- his merge is taken back though the table has another name: the row that told of her comes back without that
ALTER TABLE contact RENAME TO person;
SELECT crm.unmerge(:bob_merge) > 0 AS back;
SELECT * FROM note ORDER BY id;
SELECT relation_a, key_a, relation_b, key_b, verdict FROM crm.verdict ORDER BY 2, 4;

-- a table that is gone for good: what only its rows had said is gone as well, what others of the customer have is not
SELECT crm.forget_parked('public.old_leads');
SELECT crm.forget_parked('public.old_lead') > 0 AS forgotten;
SELECT count(*) AS parked FROM crm.parked_record;
SELECT channel, record_key, (SELECT array_agg(c.record_key ORDER BY 1) FROM crm.consent_cover c WHERE c.entry = e.entry) AS covers FROM crm.consent_entry e ORDER BY 1;
SELECT (SELECT e.ground FROM crm.explain_contact(crm.customer_of('person', '3'), 'sms', 'marketing') e LIMIT 1) AS bob;
-- a verdict about two tables that are gone waits for both
CREATE TABLE left_lead (id integer PRIMARY KEY, name text);
CREATE TABLE right_lead (id integer PRIMARY KEY, name text);
INSERT INTO left_lead VALUES (1, 'Lea Left');
INSERT INTO right_lead VALUES (1, 'Rob Right');
CREATE TABLE last_lead (id integer PRIMARY KEY, name text);
INSERT INTO last_lead VALUES (1, 'Zoe Last');
SELECT count(*) > 0 FROM crm.adopt('last_lead', 'lead', columns => '{"full_name": "name"}');
CALL crm.backfill('last_lead');
SELECT crm.resolve_pending() >= 0 AS linked;
SELECT crm.record_consent(('last_lead', '1'), 'email', 'marketing', true, evidence => 'her letter') > 0 AS recorded, crm.restrict_customer(crm.customer_of('last_lead', '1'), '{match}', 'her wish') > 0 AS restricted;
SELECT count(*) > 0 FROM crm.adopt('left_lead', 'lead', columns => '{"full_name": "name"}');
SELECT count(*) > 0 FROM crm.adopt('right_lead', 'lead', columns => '{"full_name": "name"}');
CALL crm.backfill('left_lead');
CALL crm.backfill('right_lead');
SELECT crm.resolve_pending() >= 0 AS linked;
SELECT crm.decide(('left_lead', '1'), ('right_lead', '1'), 'different', 'brothers');
DROP TABLE left_lead, right_lead;
CREATE TABLE right_lead (id integer PRIMARY KEY, name text);
SELECT count(*) AS adopted_again FROM crm.adoption a WHERE a.relation = 'right_lead'::regclass;
SELECT count(*) AS verdicts FROM crm.verdict WHERE reason = 'brothers';
CREATE TABLE left_lead (id integer PRIMARY KEY, name text);
SELECT count(*) AS adopted_again FROM crm.adoption a WHERE a.relation = 'left_lead'::regclass;
SELECT relation_a, relation_b, verdict FROM crm.verdict WHERE reason = 'brothers';
DROP TABLE last_lead;
SELECT count(*) AS entries FROM crm.consent_entry WHERE evidence = 'her letter';
SELECT crm.forget_parked('public.last_lead');
SELECT (SELECT count(*) FROM crm.consent_entry WHERE evidence = 'her letter') AS entries, (SELECT count(*) FROM crm.restriction WHERE reason = 'her wish') AS restrictions;
