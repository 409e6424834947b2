\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
SELECT extnamespace::regnamespace::text AS schema FROM pg_extension WHERE extname = 'crm' \gset
SET search_path = public, :schema;

-- what is kept
SELECT 'Ann.Lee@Example.COM'::crm.email AS kept, '  bob@example.org '::crm.email AS trimmed,
       'o''neil+x_1#y@sub.example-site.co.uk'::crm.email AS odd;
SELECT 'josé@münchen.example'::crm.email AS utf8, crm.email_local('Ann@example.com') AS local,
       crm.email_domain('Ann@EXAMPLE.com') AS domain;
SELECT (repeat('a', 64) || '@' || repeat('b', 63) || '.example')::crm.email::text
       = repeat('a', 64) || '@' || repeat('b', 63) || '.example' AS longest_parts;

-- what is refused, and what is said
\set VERBOSITY default
SELECT ''::crm.email;
SELECT '   '::crm.email;
SELECT 'ann'::crm.email;
SELECT 'ann@lee@example.com'::crm.email;
SELECT 'Ann Lee <ann@example.com>'::crm.email;
SELECT '"ann lee"@example.com'::crm.email;
SELECT '@example.com'::crm.email;
SELECT 'ann@'::crm.email;
SELECT 'ann..lee@example.com'::crm.email;
SELECT '.ann@example.com'::crm.email;
SELECT 'ann.@example.com'::crm.email;
SELECT 'ann lee@example.com'::crm.email;
SELECT 'ann,bob@example.com'::crm.email;
SELECT E'ann\x01@example.com'::crm.email;
SELECT E'ann@exam\nple.com'::crm.email;
SELECT 'ann@localhost'::crm.email;
SELECT 'ann@[192.0.2.1]'::crm.email;
SELECT 'ann@192.0.2.1'::crm.email;
SELECT 'ann@-example.com'::crm.email;
SELECT 'ann@example-.com'::crm.email;
SELECT 'ann@example..com'::crm.email;
SELECT 'ann@example.com.'::crm.email;
SELECT 'ann@exa_mple.com'::crm.email;
SELECT (repeat('a', 65) || '@example.com')::crm.email;
SELECT ('a@' || repeat('b', 64) || '.com')::crm.email;
SELECT ('a@' || repeat('b.', 126) || 'c')::crm.email;
SELECT ('a' || repeat('é', 200) || 'x@y')::crm.email;
SELECT U&'ann\200B@example.com'::crm.email;
SELECT U&'ann@ex\202Eample.com'::crm.email;
SELECT U&'ann@exam\00ADple.com'::crm.email;
SELECT U&'ann\0085@example.com'::crm.email;
SELECT crm.try_email('nobody') IS NULL AS none, crm.try_email('Ann@Example.com') AS some, crm.try_email(NULL) IS NULL AS null_in;
SELECT crm.try_email(repeat('x', 1000000)) IS NULL AS refused;
SELECT repeat('x@y', 1000000)::crm.email;

-- equality and order: ASCII case does not count, in both parts
SELECT a = b AS eq, a <> b AS ne, a < b AS lt, a <= b AS le, a > b AS gt, a >= b AS ge,
       crm.email_cmp(a, b) AS cmp, crm.email_hash(a) = crm.email_hash(b) AS same_hash,
       crm.email_hash_extended(a, 7) = crm.email_hash_extended(b, 7) AS same_seeded
FROM (VALUES ('Ann@example.com'::crm.email, 'aNN@EXAMPLE.com'::crm.email), ('ann@example.com', 'bob@example.com'),
             ('ann@example.com.au', 'ann@example.com'), ('É@example.com', 'é@example.com')) AS v (a, b);
SELECT crm.email_hash_extended('ann@example.com', 0) <> crm.email_hash_extended('ann@example.com', 1) AS seeded,
       crm.email_hash_extended('ann@example.com', 0)::bit(32) = crm.email_hash('ann@example.com')::bit(32) AS low_half;

-- matching only: what a provider does with dots and tags
SELECT address, crm.email_match_key(address::crm.email) FROM (VALUES
    ('J.Doe+news@GoogleMail.com'), ('j.doe@gmail.com'), ('+tag@gmail.com'), ('Kim+shop@Outlook.com'), ('k.im@outlook.com'),
    ('a+b@me.com'), ('a@pm.me'), ('Ann+x@company.example'), ('A.B@company.example')) AS v (address);

-- casts
CREATE TABLE person (id integer PRIMARY KEY, email crm.email);
INSERT INTO person VALUES (1, 'Ann@Example.com');
INSERT INTO person SELECT 2, 'bob@example.com'::text;
INSERT INTO person SELECT 3, 'not an address'::text;
INSERT INTO person SELECT 4, 5;
CREATE TABLE note (body text);
INSERT INTO note SELECT email FROM person;
SELECT body FROM note ORDER BY body COLLATE "C";
SELECT id FROM person WHERE email = 'ANN@example.com';
SELECT id FROM person WHERE email = 'oops';
SELECT id FROM person WHERE email = 'ANN@example.com'::text;

-- indexes, joins, sorting, duplicates
INSERT INTO person SELECT 1000 + i, format('user%s@example.com', i) FROM generate_series(1, 2000) i;
CREATE UNIQUE INDEX person_email ON person (email);
INSERT INTO person VALUES (5, 'ANN@EXAMPLE.COM');
ANALYZE person;
EXPLAIN (COSTS off) SELECT id FROM person WHERE email = 'USER77@example.com';
SELECT id FROM person WHERE email = 'USER77@example.com';
SELECT count(*) FROM person WHERE email >= 'USER1990@example.com' AND email < 'user1993@example.com';
DROP INDEX person_email;
CREATE INDEX person_email_hash ON person USING hash (email);
EXPLAIN (COSTS off) SELECT id FROM person WHERE email = 'USER77@example.com';
SELECT id FROM person WHERE email = 'USER77@example.com';
CREATE TABLE lead AS SELECT id, upper(email_local(email) || '@' || email_domain(email))::crm.email AS email FROM person;
SET enable_mergejoin = off; SET enable_nestloop = off;
EXPLAIN (COSTS off) SELECT count(*) FROM person p JOIN lead l ON p.email = l.email;
SELECT count(*) FROM person p JOIN lead l ON p.email = l.email;
SET enable_mergejoin = on; SET enable_hashjoin = off;
EXPLAIN (COSTS off) SELECT count(*) FROM person p JOIN lead l ON p.email = l.email;
SELECT count(*) FROM person p JOIN lead l ON p.email = l.email;
RESET ALL;
SET search_path = public, :schema;
SELECT count(DISTINCT email) FROM (SELECT email FROM person UNION ALL SELECT email FROM lead) e;
SELECT array_agg(email ORDER BY email DESC) FROM (SELECT email FROM person WHERE id < 10 UNION ALL VALUES ('Zoe@a.example'::crm.email)) e;

-- partitions by hash
CREATE TABLE by_hash (email crm.email) PARTITION BY HASH (email);
CREATE TABLE by_hash_0 PARTITION OF by_hash FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE by_hash_1 PARTITION OF by_hash FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO by_hash SELECT email FROM person;
SELECT count(*) = (SELECT count(*) FROM person) AS all_there, count(DISTINCT tableoid) AS parts FROM by_hash;

-- binary: what goes out comes in, and what is no address does not
\set file `mktemp -u /tmp/crm_email.XXXXXX`
COPY (SELECT id, email FROM person ORDER BY id) TO :'file' (FORMAT binary);
CREATE TABLE person_copy (LIKE person);
COPY person_copy FROM :'file' (FORMAT binary);
SELECT count(*) AS rows, count(*) FILTER (WHERE p.email::text = c.email::text) AS identical
FROM person p JOIN person_copy c USING (id);
COPY (SELECT 1::integer AS id, E'evil\x02@example.com'::text) TO :'file' (FORMAT binary);
COPY person_copy FROM :'file' (FORMAT binary);
COPY (SELECT 1::integer AS id, '\x616eff40612e6465'::bytea) TO :'file' (FORMAT binary);
COPY person_copy FROM :'file' (FORMAT binary);
COPY (SELECT 1::integer AS id, '\x61006240612e6465'::bytea) TO :'file' (FORMAT binary);
COPY person_copy FROM :'file' (FORMAT binary);
COPY (SELECT 1::integer AS id, ''::bytea) TO :'file' (FORMAT binary);
COPY person_copy FROM :'file' (FORMAT binary);
COPY (SELECT 9::integer AS id, 'Ann@EXAMPLE.com'::text) TO :'file' (FORMAT binary);
COPY person_copy FROM :'file' (FORMAT binary);
SELECT email FROM person_copy WHERE id = 9;
SELECT count(*) FROM person_copy;
\! rm -f /tmp/crm_email.*

-- what the catalogue says
SELECT oprname, oprcanhash, oprcanmerge, (SELECT c.oprname FROM pg_operator c WHERE c.oid = o.oprcom) AS commutator,
       (SELECT c.oprname FROM pg_operator c WHERE c.oid = o.oprnegate) AS negator, p.proleakproof
FROM pg_operator o JOIN pg_proc p ON p.oid = o.oprcode
WHERE oprleft = 'crm.email'::regtype ORDER BY oprname;
SELECT opcname, amname, amvalidate(c.oid) AS valid FROM pg_opclass c JOIN pg_am a ON a.oid = c.opcmethod
WHERE opcintype = 'crm.email'::regtype ORDER BY amname;
