-- What was said of consent follows the records that it was said of, through links, splits, merges and rows that go: a withdrawal is
-- never lost, and a grant never appears where nobody gave it.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
SET timezone = 'UTC';
CREATE TABLE contact (id integer PRIMARY KEY, name text, agreed jsonb);
INSERT INTO contact SELECT n, md5(n::text) FROM generate_series(1, 60) n;
SELECT count(*) > 0 FROM crm.adopt('contact', 'customer', columns => '{"full_name": "name", "consent": "agreed"}', zone => 'UTC');
SET client_min_messages = warning;
CALL crm.backfill('contact');
SELECT crm.resolve_pending() > 0 AS linked;
CREATE FUNCTION link(a integer, b integer, verdict text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM crm.decide(('contact', a::text), ('contact', b::text), verdict);
    PERFORM crm.resolve_pending();
    RETURN crm.customer_of('contact', a::text) = crm.customer_of('contact', b::text);
END
$$;
CREATE FUNCTION say(id integer, granted boolean, at timestamptz DEFAULT now()) RETURNS void LANGUAGE sql
    BEGIN ATOMIC SELECT crm.record_consent(('contact', id::text), 'email', 'marketing', granted, at, evidence => 'asked'); END;
-- one row's answer, and whether the list of all says the same
CREATE FUNCTION may(ids integer[]) RETURNS TABLE (contact integer, allowed boolean, ground text) LANGUAGE sql AS $$
    SELECT u, v.allowed, v.ground || CASE WHEN v.allowed <> (c IN (SELECT crm.contactable('email', 'marketing'))) THEN ' (contactable differs)' ELSE '' END
    FROM unnest(ids) u CROSS JOIN LATERAL crm.customer_of('contact', u::text) AS c
    CROSS JOIN LATERAL (SELECT e.allowed, e.ground FROM crm.explain_contact(c, 'email', 'marketing') e LIMIT 1) v ORDER BY 1
$$;

-- A grant that was given for one record of a customer stays with that record when the customer is split.
SELECT link(1, 2, 'same') AS one_customer, say(2, true);
SELECT * FROM may('{1,2}');
SELECT link(1, 2, 'different') AS one_customer;
SELECT * FROM may('{1,2}');

-- What a row granted holds no longer once the row does not say it any more, though the entry stays as evidence.
UPDATE contact SET agreed = '{"email.marketing": true, "at": "2026-01-01"}' WHERE id = 3;
SELECT crm.resolve_pending() >= 0 AS read;
SELECT * FROM may('{3}');
UPDATE contact SET agreed = NULL WHERE id = 3;
SELECT crm.resolve_pending() >= 0 AS read;
SELECT * FROM may('{3}');
SELECT granted, ended_at IS NOT NULL AS ended FROM crm.consent_entry WHERE record_key = '3';

-- A restriction holds for whoever has the row that the restricted one was merged into, and for nobody whose row was merged away from
-- under the same key before.
SELECT crm.merge('contact', '6', '{5}') > 0 AS merged;
INSERT INTO contact VALUES (5, md5('new 5'));
SELECT crm.resolve_pending() >= 0 AS read;
SELECT crm.restrict_customer(crm.customer_of('contact', '4'), '{contact}', 'objected') > 0 AS restricted, say(4, true), say(5, true), say(6, true);
SELECT crm.merge('contact', '5', '{4}') > 0 AS merged;
SELECT * FROM may('{5,6}');
-- nor does a grant get there, though nothing was said between the two merges, and when the row in between goes
SELECT say(9, true), crm.merge('contact', '8', '{7}') > 0 AS merged;
INSERT INTO contact VALUES (7, md5('new 7'));
SELECT crm.resolve_pending() >= 0 AS read;
SELECT crm.merge('contact', '7', '{9}') > 0 AS merged;
SELECT crm.resolve_pending() >= 0 AS read;
SELECT * FROM may('{7,8}');
DELETE FROM contact WHERE id = 7;
SELECT crm.resolve_pending() >= 0 AS read;
SELECT * FROM may('{8}');

-- A grant goes with the record that it was given for; who was linked with that record later keeps nothing of it, but every withdrawal.
SELECT say(11, true), link(11, 12, 'same') AS one_customer;
SELECT crm.record_consent(('contact', '11'), 'sms', 'marketing', false, reason => 'called') > 0 AS withdrawn;
SELECT * FROM may('{12}');
DELETE FROM contact WHERE id = 11;
SELECT crm.resolve_pending() >= 0 AS read;
SELECT * FROM may('{12}');
SELECT ground FROM crm.explain_contact(crm.customer_of('contact', '12'), 'sms', 'marketing') LIMIT 1;

-- Of a row that changed and was not read yet only a withdrawal counts, of what it is about; a grant waits until it is read.
SELECT say(13, true);
UPDATE contact SET agreed = '{"email.marketing": true, "sms.marketing": false, "at": "2026-01-01"}' WHERE id IN (13, 14);
SELECT * FROM may('{13,14}');
SELECT crm.resolve_pending() >= 0 AS read;
SELECT * FROM may('{13,14}');

-- What a row withdrew it takes back by a later date only, and a withdrawal never becomes older.
UPDATE contact SET agreed = '{"email.marketing": false, "at": "2026-02-01"}' WHERE id IN (20, 21, 22);
SELECT crm.resolve_pending() >= 0 AS read;
SELECT say(21, true, '2026-03-01'), say(22, true, '2026-04-01');
UPDATE contact SET agreed = '{"email.marketing": true, "at": "2026-02-01"}' WHERE id = 20;
UPDATE contact SET agreed = '{"email.marketing": false, "at": "2026-05-01"}' WHERE id = 21;
UPDATE contact SET agreed = '{"email.marketing": true, "at": "2026-03-01"}' WHERE id = 22;
SELECT crm.resolve_pending() >= 0 AS read;
SELECT * FROM may('{20,21,22}');
UPDATE contact SET agreed = '{"email.marketing": false, "at": "2026-01-01"}' WHERE id = 21;
UPDATE contact SET agreed = '{"email.marketing": false}' WHERE id = 22;
SELECT crm.resolve_pending() >= 0 AS read;
SELECT * FROM may('{21,22}');
-- of two of one date the later said counts
SELECT say(23, true, '2026-01-01'), say(23, false, '2026-01-01');
SELECT * FROM may('{23}');
SELECT say(23, true, '2026-01-01');
SELECT * FROM may('{23}');
-- what another row withdrew, and left when it went, a row does not take back
UPDATE contact SET agreed = '{"email.marketing": false, "at": "2026-01-01"}' WHERE id = 24;
SELECT link(24, 25, 'same') AS one_customer;
DELETE FROM contact WHERE id = 24;
UPDATE contact SET agreed = '{"email.marketing": true, "at": "2026-05-01"}' WHERE id = 25;
SELECT crm.resolve_pending() >= 0 AS read;
SELECT * FROM may('{25}');

-- Who has the key of a row that was merged away is somebody else: what is said of the kept row's customer is not said of him.
SELECT crm.merge('contact', '31', '{30}') > 0 AS merged;
INSERT INTO contact VALUES (30, md5('new 30'));
SELECT crm.resolve_pending() >= 0 AS read;
SELECT say(30, true, '2026-01-01'), crm.record_consent(crm.customer_of('contact', '31'), 'email', 'marketing', false) > 0 AS withdrawn;
SELECT * FROM may('{30,31}');
-- what he withdraws his customer keeps when his row goes
UPDATE contact SET agreed = '{"sms.marketing": false}' WHERE id = 30;
SELECT link(30, 32, 'same') AS one_customer;
DELETE FROM contact WHERE id = 30;
SELECT crm.resolve_pending() >= 0 AS read;
SELECT ground FROM crm.explain_contact(crm.customer_of('contact', '32'), 'sms', 'marketing') LIMIT 1;
-- a merge that is taken back leaves an older one of the same key as it is
SELECT say(33, false), crm.merge('contact', '34', '{33}') > 0 AS merged;
INSERT INTO contact VALUES (33, md5('new 33'));
SELECT crm.resolve_pending() >= 0 AS read;
SELECT crm.merge('contact', '35', '{33}') AS second \gset
SELECT crm.unmerge(:second) > 0 AS back;
SELECT crm.resolve_pending() >= 0 AS read;
SELECT * FROM may('{33,34,35}');
-- what was said of a row that was merged away goes on to the rest of the customer when the kept row goes, too
SELECT say(36, false), say(38, true, '2026-01-01'), crm.merge('contact', '37', '{36}') > 0 AS merged, link(37, 38, 'same') AS one_customer;
DELETE FROM contact WHERE id = 37;
SELECT crm.resolve_pending() >= 0 AS read;
SELECT * FROM may('{38}');
-- and of one that is merged into another customer's row what it withdrew goes there, and not to those it was linked with
SELECT say(41, true, '2025-12-01'), link(40, 41, 'same') AS one_customer;
UPDATE contact SET agreed = '{"email.marketing": false, "at": "2026-01-01"}' WHERE id = 40;
SELECT crm.decide(('contact', '41'), ('contact', '42'), 'different');
SELECT crm.resolve_pending() >= 0 AS read;
SELECT crm.merge('contact', '42', '{40}') > 0 AS merged;
SELECT crm.resolve_pending() >= 0 AS read;
SELECT * FROM may('{41,42}');
-- what is said of a record while its row is merged away already, which nobody has read yet, goes along
SELECT crm.merge('contact', '44', '{43}') > 0 AS merged, crm.record_consent(('contact', '43'), 'email', 'marketing', false) > 0 AS withdrawn;
SELECT crm.resolve_pending() >= 0 AS read;
SELECT * FROM may('{44}');

-- A restriction is lifted by its kinds; what is left of it stands as it was put. One on matching does not forbid contact.
SELECT say(45, true), say(46, true), crm.restrict_customer(crm.customer_of('contact', '45'), '{match,contact}', 'a letter') > 0 AS restricted,
       crm.restrict_customer(crm.customer_of('contact', '46'), '{match}', 'another letter') > 0 AS restricted;
SELECT * FROM may('{45,46}');
SELECT crm.restrict_customer(crm.customer_of('contact', '45'), '{match}', 'by phone', lifted => true) > 0 AS lifted;
SELECT * FROM may('{45}');
SELECT restrictions, reason, lifted_at IS NOT NULL AS lifted, lifted_reason FROM crm.restriction_log WHERE reason = 'a letter' ORDER BY lifted_at NULLS LAST;
SELECT crm.restrict_customer(crm.customer_of('contact', '45'), '{contact}', 'by phone', lifted => true) > 0 AS lifted;
SELECT * FROM may('{45}');

-- A row whose merge was taken back is not the kept one's to erase.
SELECT say(52, false), crm.merge('contact', '53', '{52}') AS merge_id \gset
SELECT crm.unmerge(:merge_id) > 0 AS back;
SELECT crm.resolve_pending() >= 0 AS read;
SELECT crm.erase_customer(crm.customer_of('contact', '53'), '{"contact": "delete"}', 'asked') -> 'remains' AS remains;
SELECT * FROM may('{52}');

-- An erasure gives nobody a grant that was given for two, and keeps what the other withdrew without the words of the one who is gone.
SELECT link(50, 51, 'same') AS one_customer, crm.record_consent(crm.customer_of('contact', '50'), 'email', 'marketing', true, evidence => 'form') > 0 AS granted;
SELECT crm.record_consent(('contact', '50'), 'sms', 'marketing', false, reason => 'his wife called') > 0 AS withdrawn;
SELECT link(50, 51, 'different') AS one_customer;
SELECT crm.erase_customer(crm.customer_of('contact', '50'), '{"contact": "delete"}', 'asked') -> 'remains' AS remains;
SELECT * FROM may('{51}');
SELECT ground FROM crm.explain_contact(crm.customer_of('contact', '51'), 'sms', 'marketing') LIMIT 1;
SELECT record_key, reason FROM crm.consent_entry e WHERE EXISTS (SELECT FROM crm.consent_cover c WHERE c.entry = e.entry AND c.record_key = '51');
