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
INSERT INTO contact VALUES (5, 'somebody new');
SELECT crm.resolve_pending() >= 0 AS read;
SELECT crm.restrict_customer(crm.customer_of('contact', '4'), '{contact}', 'objected') > 0 AS restricted, say(4, true), say(5, true), say(6, true);
SELECT crm.merge('contact', '5', '{4}') > 0 AS merged;
SELECT * FROM may('{5,6}');
-- nor does a grant get there, though nothing was said between the two merges, and when the row in between goes
SELECT say(9, true), crm.merge('contact', '8', '{7}') > 0 AS merged;
INSERT INTO contact VALUES (7, 'somebody else');
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
