\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE ROLE regress_consent_reader;

-- what the attribute may say; what is not understood never grants
SELECT * FROM crm.consent_statements('{"E-Mail": {"Direct Marketing": true, "service": "withdrawn", "at": "2026-01-31", "evidence": "form 12"}}', 'Europe/Berlin');
SELECT * FROM crm.consent_statements('{"email.marketing": "withdrawn", "sms": {"marketing": {"granted": true, "at": "2026-01-31T10:00:00+02:00"}}}');
SELECT * FROM crm.consent_statements('{"tel": false, "post": null, "at": "2026-01-31 10:00", "source": "import"}', 'Europe/Berlin');
SELECT path, channel, purpose, granted FROM crm.consent_statements('false');
SELECT j, path, granted, problem FROM (VALUES ('true'), ('[1]'), ('"whatever"'), ('{"email": true}'),
    ('{"email": {"marketing": "perhaps"}}'), ('{"email": {"marketing": 1}}'), ('{"email": {"marketing": {"granted": null}}}'), ('{"...": true}'),
    ('{"email": {"marketing": true, "at": "yesterday"}}'), ('{"email": {"marketing": true, "at": "2999-01-01"}}'),
    ('{"email": {"marketing": true, "at": "2026-02-31"}}'), ('{"email": {"marketing": false, "at": "nonsense"}}'), ('{}'), ('null')) v (j)
LEFT JOIN LATERAL crm.consent_statements(j::jsonb) ON true;

-- three departments; a and b are the same person by their e-mail, c is nobody else yet
CREATE TABLE contact (id integer PRIMARY KEY, name text, mail text, agreed jsonb);
CREATE TABLE reader (id integer PRIMARY KEY, mail text, phone text, agreed jsonb);
INSERT INTO contact VALUES (1, 'Ann Lee', 'ann@example.com', '{"email": {"marketing": true, "at": "2026-01-01"}}'),
                           (2, 'Bob Ray', 'bob@example.com', '{"email": {"marketing": true}, "phone": "maybe"}'),
                           (3, 'Cem Oz', 'cem@example.com', NULL);
INSERT INTO reader VALUES (1, 'ann@example.com', NULL, '{"email.marketing": "unsubscribed", "at": "2025-06-01"}'),
                          (2, NULL, '+49 171 5550199', '{"email.marketing": true, "at": "2026-03-01"}');
SELECT count(*) > 0 FROM crm.adopt('contact', 'customer', columns => '{"full_name": "name", "email": "mail", "consent": "agreed"}', zone => 'UTC');
SELECT count(*) > 0 FROM crm.adopt('reader', 'lead', columns => '{"email": "mail", "phone": "phone", "consent": "agreed"}', zone => 'UTC');
SET client_min_messages = warning;
CALL crm.backfill('contact');
CALL crm.backfill('reader');
SELECT crm.resolve_pending() > 0 AS linked;
SELECT crm.customer_of('contact', '1') AS ann, crm.customer_of('contact', '2') AS bob, crm.customer_of('contact', '3') AS cem,
       crm.customer_of('reader', '2') AS num \gset
SELECT crm.customer_of('reader', '1') = :ann AS the_reader_is_ann;
CREATE FUNCTION who(id bigint) RETURNS text LANGUAGE sql
    RETURN (SELECT string_agg(DISTINCT coalesce(mail, name), ' ' ORDER BY coalesce(mail, name)) FROM
            (SELECT c.mail, c.name FROM contact c WHERE crm.customer_of('contact', c.id::text) = who.id
             UNION ALL SELECT r.mail, r.phone FROM reader r WHERE crm.customer_of('reader', r.id::text) = who.id) x);
SELECT who(customer_id), channel, purpose, granted, at > now() - interval '1 hour' AS now, source, relation, record_key, evidence FROM crm.consent ORDER BY 1, 2, 3;

-- the older withdrawal of the reader holds against the contact's later grant: a row takes back only what it said itself
SELECT crm.may_contact(:ann, 'email', 'marketing') AS ann, crm.may_contact(:bob, 'E-mail', 'Marketing') AS bob, crm.may_contact(:bob, 'phone', 'marketing') AS bob_phone;
SELECT allowed, ground, at, source, relation, record_key, detail FROM crm.explain_contact(:ann, 'email', 'marketing');
SELECT item, state, amount, detail FROM crm.status WHERE item LIKE 'consent%';

-- an explicit grant of the customer as it is now, dated later, takes it back; one dated before does not
SELECT crm.record_consent(:ann, 'email', 'marketing', true, at => '2025-05-01', evidence => 'old paper form') > 0 AS recorded;
SELECT crm.may_contact(:ann, 'email', 'marketing') AS still_no;
SELECT crm.record_consent(:ann, 'email', 'marketing', true, at => '2026-02-01', evidence => 'web form 12') > 0 AS recorded;
SELECT crm.may_contact(:ann, 'email', 'marketing') AS now_yes;
-- for that channel and purpose alone
SELECT crm.may_contact(:ann, 'email', 'analytics') AS analytics, crm.may_contact(:ann, 'sms', 'marketing') AS sms;
-- and a withdrawal of everything comes after it, except what is granted anew
SELECT crm.record_consent(('contact', '1'), '*', '*', false, at => '2026-06-01', reason => 'called us') > 0 AS recorded;
SELECT crm.may_contact(:ann, 'email', 'marketing') AS no_more;
SELECT crm.record_consent(('contact', '1'), 'sms', 'service', true, evidence => 'call of today') > 0 AS recorded;
SELECT crm.may_contact(:ann, 'email', 'marketing') AS email, crm.may_contact(:ann, 'sms', 'service') AS sms;
SELECT channel, purpose, granted, source, reason, evidence FROM crm.consent WHERE customer_id = :ann ORDER BY 1, 2;

-- linking re-opens nothing: bob withdraws; a number that granted later, when it was somebody else, turns out to be his
SELECT crm.record_consent(:bob, 'email', 'marketing', false, at => '2026-01-15') > 0 AS recorded;
SELECT crm.record_consent(:num, 'email', 'marketing', true, at => '2026-04-01', evidence => 'fair') > 0 AS recorded;
SELECT crm.may_contact(:bob, 'email', 'marketing') AS bob, crm.may_contact(:num, 'email', 'marketing') AS num;
SELECT crm.decide(('contact', '2'), ('reader', '2'), 'same');
SELECT crm.resolve_pending() > 0 AS linked;
SELECT crm.customer_of('reader', '2') = crm.customer_of('contact', '2') AS joined, crm.may_contact(:bob, 'email', 'marketing') AS bob;
SELECT ground, detail FROM crm.explain_contact(:bob, 'email', 'marketing');
-- the split gives each its own again
SELECT crm.decide(('contact', '2'), ('reader', '2'), 'different');
SELECT crm.resolve_pending() > 0 AS split;
SELECT crm.may_contact(crm.customer_of('contact', '2'), 'email', 'marketing') AS bob, crm.may_contact(crm.customer_of('reader', '2'), 'email', 'marketing') AS num;
-- joined, granted for the whole, split: the withdrawal is taken along, and the grant for both is nobody's
SELECT crm.decide(('contact', '2'), ('reader', '2'), 'same');
SELECT crm.resolve_pending() > 0 AS linked;
SELECT crm.record_consent(:bob, 'email', 'marketing', true, evidence => 'asked again') > 0 AS recorded;
SELECT crm.may_contact(:bob, 'email', 'marketing') AS together;
SELECT crm.decide(('contact', '2'), ('reader', '2'), 'different');
SELECT crm.resolve_pending() > 0 AS split;
SELECT crm.may_contact(crm.customer_of('contact', '2'), 'email', 'marketing') AS bob, crm.may_contact(crm.customer_of('reader', '2'), 'email', 'marketing') AS num;
-- joined again it is granted again
SELECT crm.decide(('contact', '2'), ('reader', '2'), 'same');
SELECT crm.resolve_pending() > 0 AS linked;
SELECT crm.may_contact(:bob, 'email', 'marketing') AS together;
-- a withdrawal of the whole goes with both parts
SELECT crm.record_consent(('reader', '2'), 'email', 'marketing', false) > 0 AS recorded;
SELECT crm.decide(('contact', '2'), ('reader', '2'), 'different');
SELECT crm.resolve_pending() > 0 AS split;
SELECT crm.may_contact(crm.customer_of('contact', '2'), 'email', 'marketing') AS bob, crm.may_contact(crm.customer_of('reader', '2'), 'email', 'marketing') AS num;

-- a row's own word: it withdraws at once, before it is read again; it grants again by a later date only; it may fall silent
SELECT crm.record_consent(:cem, 'email', 'marketing', true, at => '2026-01-01', evidence => 'x') > 0 AS recorded;
SELECT crm.may_contact(:cem, 'email', 'marketing') AS granted;
UPDATE contact SET agreed = '{"email": {"marketing": false, "at": "2026-02-01"}}' WHERE id = 3;
SELECT crm.may_contact(:cem, 'email', 'marketing') AS not_read_yet;
SELECT ground, relation, record_key, detail FROM crm.explain_contact(:cem, 'email', 'marketing') LIMIT 1;
SELECT crm.resolve_pending() >= 0 AS read;
SELECT crm.may_contact(:cem, 'email', 'marketing') AS read;
UPDATE contact SET agreed = NULL WHERE id = 3;
SELECT crm.resolve_pending() >= 0 AS read;
SELECT crm.may_contact(:cem, 'email', 'marketing') AS silent;
UPDATE contact SET agreed = '{"email": {"marketing": true}}' WHERE id = 3;
SELECT crm.resolve_pending() >= 0 AS read;
SELECT crm.may_contact(:cem, 'email', 'marketing') AS undated;
SELECT record_key, path, problem FROM crm.consent_problem ORDER BY 1, 2;
UPDATE contact SET agreed = '{"email": {"marketing": true, "at": "2026-02-02"}}' WHERE id = 3;
SELECT crm.resolve_pending() >= 0 AS read;
SELECT crm.may_contact(:cem, 'email', 'marketing') AS dated;
UPDATE contact SET agreed = '{}' WHERE id = 3;
SELECT crm.resolve_pending() >= 0 AS read;
SELECT crm.may_contact(:cem, 'email', 'marketing') AS the_older_call_opens_nothing;

-- a row that goes takes its grants along and leaves its withdrawals to the customer
INSERT INTO reader VALUES (3, 'cem@example.com', NULL, '{"sms.marketing": false, "post.marketing": true}');
SELECT crm.resolve_pending() >= 0 AS linked;
SELECT crm.may_contact(:cem, 'post', 'marketing') AS post;
SELECT crm.record_consent(:cem, 'sms', 'marketing', true, at => '2026-01-01', evidence => 'dated before') > 0 AS recorded;
DELETE FROM reader WHERE id = 3;
SELECT crm.resolve_pending() >= 0 AS gone;
SELECT crm.may_contact(:cem, 'post', 'marketing') AS post, crm.may_contact(:cem, 'sms', 'marketing') AS sms;
SELECT crm.record_consent(:cem, 'sms', 'marketing', true, evidence => 'asked again') > 0 AS recorded;
SELECT crm.may_contact(:cem, 'sms', 'marketing') AS sms;
-- and those of a table that is adopted again are there again
SELECT crm.disown('reader');
SELECT crm.may_contact(:ann, 'email', 'marketing') AS still_no;
SELECT count(*) > 0 FROM crm.adopt('reader', 'lead', columns => '{"email": "mail", "phone": "phone", "consent": "agreed"}', zone => 'UTC');
CALL crm.backfill('reader');
SELECT crm.resolve_pending() >= 0 AS linked;
SELECT crm.may_contact(crm.customer_of('reader', '2'), 'email', 'marketing') AS num;

-- purposes that need no consent; restrictions go before everything
SELECT crm.may_contact(:cem, 'email', 'service');
SELECT crm.set_contact_basis('Service', 'contract', 'answers to tickets');
SELECT crm.may_contact(:cem, 'email', 'service'), crm.may_contact(:ann, 'email', 'service') AS ann_withdrew_everything;
SELECT ground, detail FROM crm.explain_contact(:cem, 'email', 'service');
SELECT crm.restrict_customer(:cem, '{contact}', 'objected by letter') > 0 AS restricted;
SELECT crm.may_contact(:cem, 'email', 'service') AS restricted;
SELECT ground, detail FROM crm.explain_contact(:cem, 'email', 'service') LIMIT 1;
SELECT crm.customer_360(:cem) -> 'restrictions' AS restrictions;
SELECT crm.restrict_customer(:cem, '{contact}', 'by mistake', lifted => true) > 0 AS lifted;
SELECT crm.may_contact(:cem, 'email', 'service') AS lifted;
SELECT restrictions, reason, restricted_by = current_user AS by, lifted_at IS NOT NULL AS lifted, lifted_reason FROM crm.restriction_log;

-- not to be matched: the records are customers of their own, until that is lifted, by way of any of them
SELECT crm.customer_of('contact', '1') = crm.customer_of('reader', '1') AS one_customer;
SELECT crm.restrict_customer(:ann, '{match}', 'asked by letter') > 0 AS restricted;
SELECT crm.resolve_pending() >= 0 AS linked;
SELECT crm.customer_of('contact', '1') = crm.customer_of('reader', '1') AS one_customer;
SELECT crm.may_contact(crm.customer_of('contact', '1'), 'email', 'marketing') AS contact, crm.may_contact(crm.customer_of('reader', '1'), 'email', 'marketing') AS reader;
INSERT INTO reader VALUES (9, 'ann@example.com', NULL, NULL);
SELECT crm.resolve_pending() >= 0 AS linked;
SELECT crm.customer_of('reader', '9') IN (crm.customer_of('contact', '1'), crm.customer_of('reader', '1')) AS nor_with_new_ones;
SELECT crm.restrict_customer(crm.customer_of('reader', '1'), '{match}', 'taken back', lifted => true) > 0 AS lifted;
SELECT crm.resolve_pending() >= 0 AS linked;
SELECT crm.customer_of('contact', '1') = crm.customer_of('reader', '1') AS one_customer, crm.customer_of('contact', '1') = crm.customer_of('reader', '9') AS and_the_new_one;
SELECT crm.customer_of('contact', '1') AS ann \gset

-- a grant goes along through merges to where they end, also when somebody takes a key on the way anew; a withdrawal stays with both
INSERT INTO contact (id, mail) SELECT n, 'chain' || n || '@example.org' FROM generate_series(21, 23) n;
SELECT crm.resolve_pending() >= 0 AS linked;
SELECT crm.record_consent(('contact', '21'), 'email', 'marketing', true, evidence => 'form 21') > 0 AS granted,
       crm.record_consent(('contact', '21'), 'sms', 'marketing', false) > 0 AS withdrawn;
SELECT crm.set_contact_basis('marketing', 'legitimate interest');
SELECT crm.merge('contact', '22', '{21}') > 0 AS merged, crm.merge('contact', '23', '{22}') > 0 AS again;
INSERT INTO contact (id, mail) VALUES (22, 'somebody.else@example.net');
SELECT crm.resolve_pending() >= 0 AS linked;
SELECT crm.customer_of('contact', '22') = crm.customer_of('contact', '23') AS one_customer;
SELECT k AS contact, ground AS email, (SELECT s.ground FROM crm.explain_contact(crm.customer_of('contact', k), 'sms', 'marketing') s LIMIT 1) AS sms
FROM unnest('{22,23}'::text[]) k CROSS JOIN LATERAL (SELECT e.ground FROM crm.explain_contact(crm.customer_of('contact', k), 'email', 'marketing') e LIMIT 1) e;
SELECT crm.set_contact_basis('marketing', 'consent');

-- what is refused
SELECT crm.record_consent(:cem, 'email', 'marketing', true);
SELECT crm.record_consent(:cem, '*', 'marketing', true, evidence => 'x');
SELECT crm.record_consent(:cem, 'email', '...', false);
SELECT crm.record_consent(:cem, 'email', 'marketing', false, at => '2999-01-01');
SELECT crm.record_consent(4711, 'email', 'marketing', false);
SELECT crm.record_consent(('contact', '4711'), 'email', 'marketing', false);
SELECT crm.may_contact(:cem, '*', 'marketing');
SELECT crm.restrict_customer(:cem, '{match}');
SELECT crm.restrict_customer(:cem, '{mach}', 'x');
SELECT crm.restrict_customer(:cem, '{match}', 'x', lifted => true);

-- a reader of one table gets the answer of the whole, and not the other table's words
GRANT SELECT ON contact TO regress_consent_reader;
SET ROLE regress_consent_reader;
SELECT channel, purpose, granted, source, relation, record_key, evidence FROM crm.consent WHERE customer_id = :ann ORDER BY 1, 2;
SELECT allowed, ground, relation, record_key, detail FROM crm.explain_contact(:ann, 'email', 'marketing');
SELECT crm.may_contact(3000, 'email', 'marketing');
RESET ROLE;
REVOKE ALL ON contact FROM regress_consent_reader;
DROP ROLE regress_consent_reader;
