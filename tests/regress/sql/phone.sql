\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
SELECT extnamespace::regnamespace::text AS schema FROM pg_extension WHERE extname = 'crm' \gset
SET search_path = public, :schema;

-- one number, as people write it
SELECT DISTINCT written::crm.phone FROM (VALUES
    ('+14155550123'), ('+1 (415) 555-0123'), ('001 415.555.0123'), ('tel:+1-415-555-0123'), ('(+1) 415/555 0123'),
    (E'+1\u00A0415\u2011555\u20130123'), (E'\u202A+14155550123\u202C')) AS v (written);
SELECT written, written::crm.phone AS kept, crm.phone_extension(written::crm.phone) AS extension,
       crm.phone_match_key(written::crm.phone) AS match_key, crm.phone_calling_code(written::crm.phone) AS code
FROM (VALUES ('+1 415 555 0123 ext. 12'), ('+1 415 555 0123x12'), ('+14155550123;ext=12'), ('+1 415 555 0123 #7'),
             ('+44 (0)20 7946 0958'), ('+44 020 7946 0958'), ('+49 (0) 30 123456'), ('+39 06 1234 5678'),
             ('+39 (0)6 1234 5678'), ('+683 4000'), ('+870 773 111 632'), ('+7 495 123-45-67')) AS v (written);

-- a national number, read in its country: the trunk prefix goes
SELECT country, written, crm.phone(written, country) AS kept FROM (VALUES
    ('US', '(415) 555-0123'), ('USA', '1-415-555-0123'), ('United States', '011 44 20 7946 0958'), ('CA', '416 555 0199'),
    ('DE', '0171 5550123'), ('de', '030/123456'), ('GB', '020 7946 0958'), ('UK', '07700 900123'),
    ('FR', '01 99 00 12 34'), ('IT', '06 1234 5678'), ('ES', '612 345 678'), ('HU', '06 1 234 5678'),
    ('RU', '8 (495) 123-45-67'), ('RU', '800 555 35 35'), ('LT', '8 612 34567'), ('LT', '0 612 34567'),
    ('BY', '8 029 123 45 67'), ('SG', '6123 4567'), ('AU', '(02) 5550 1234'), ('JP', '03-1234-5678'),
    ('DE', '+1 415 555 0123'), ('DE', '0043 1 58858'), ('IN', '098765 43210')) AS v (country, written);

-- what is refused, and what is said
SELECT ''::crm.phone;
SELECT ' - '::crm.phone;
SELECT '(415) 555-0123'::crm.phone;
SELECT '0171 5550123'::crm.phone;
SELECT '+1 800 FLOWERS'::crm.phone;
SELECT '+1 415 555 0123 ext'::crm.phone;
SELECT '+1 415 555 0123 ext 12a'::crm.phone;
SELECT '+1 415 555 0123 x123456789012'::crm.phone;
SELECT '+1 415 555 012'::crm.phone;
SELECT '+1 415 555 01234'::crm.phone;
SELECT '+999 1234567'::crm.phone;
SELECT '+0 1234567'::crm.phone;
SELECT '+49 123'::crm.phone;
SELECT '+49 1234567890123456'::crm.phone;
SELECT ('+49' || repeat('1', 100000))::crm.phone;
SELECT '++49 30 123456'::crm.phone;
SELECT '49+30123456'::crm.phone;
SELECT '+49 30 123456*'::crm.phone;
SELECT E'+49 30\x01123456'::crm.phone;
SELECT '+49 30 １２３４５６'::crm.phone;
SELECT '+49 30 12é456'::crm.phone;
SELECT crm.phone('0171 5550123', 'Atlantis');
SELECT crm.phone('0171', 'DE');
SELECT crm.phone(NULL, 'DE') IS NULL AS null_number, crm.phone('0171 5550123', NULL) IS NULL AS null_country;
SELECT crm.try_phone('0171 5550123') IS NULL AS national, crm.try_phone('0171 5550123', 'DE') AS read,
       crm.try_phone('0171 5550123', 'Atlantis') IS NULL AS nowhere, crm.try_phone('+491715550123', 'Atlantis') AS anywhere,
       crm.try_phone('call me', 'DE') IS NULL AS words, crm.try_phone(NULL, NULL) IS NULL AS null_in;

-- equality and order
SELECT a = b AS eq, a <> b AS ne, a < b AS lt, a <= b AS le, a > b AS gt, a >= b AS ge, crm.phone_cmp(a, b) AS cmp,
       crm.phone_hash(a) = crm.phone_hash(b) AS same_hash, crm.phone_hash_extended(a, 7) = crm.phone_hash_extended(b, 7) AS same_seeded
FROM (VALUES ('+1 415 555 0123'::crm.phone, '+14155550123'::crm.phone), ('+4930123456', '+493012345'),
             ('+14155550123', '+14155550123x1'), ('+14155550123', '+4930123456')) AS v (a, b);

-- indexes, joins, sorting, casts
CREATE TABLE person (id integer PRIMARY KEY, phone crm.phone);
INSERT INTO person SELECT i, ('+49 30 ' || 1000000 + i)::text FROM generate_series(1, 2000) i;
INSERT INTO person VALUES (3000, '030 1234567');
CREATE UNIQUE INDEX person_phone ON person (phone);
INSERT INTO person VALUES (3000, '0049 (30) 1000077');
ANALYZE person;
EXPLAIN (COSTS off) SELECT id FROM person WHERE phone = '+49 30 1000077';
SELECT id FROM person WHERE phone = '+49 30 1000077';
SELECT count(*) FROM person WHERE phone BETWEEN '+49301000100' AND '+49301000109';
DROP INDEX person_phone;
CREATE INDEX person_phone_hash ON person USING hash (phone);
EXPLAIN (COSTS off) SELECT id FROM person WHERE phone = '+49 30 1000077';
SELECT id FROM person WHERE phone = '+49 30 1000077';
SET enable_mergejoin = off; SET enable_nestloop = off;
EXPLAIN (COSTS off) SELECT count(*) FROM person p JOIN person l ON p.phone = l.phone;
SELECT count(*) FROM person p JOIN person l ON p.phone = l.phone;
SET enable_mergejoin = on; SET enable_hashjoin = off;
SELECT count(*) FROM person p JOIN person l ON p.phone = l.phone;
RESET ALL;
SET search_path = public, :schema;
SELECT array_agg(phone ORDER BY phone DESC) FROM (VALUES ('+4930123456'::crm.phone), ('+14155550123'), ('+493012345')) AS v (phone);

-- equal means equal bytes, so pages of an index are deduplicated
CREATE TABLE many AS SELECT '+49 30 1234567'::crm.phone AS phone FROM generate_series(1, 20000);
CREATE INDEX many_phone ON many (phone);
SELECT pg_relation_size('many_phone') < 200000 AS small;

-- binary
\set file `mktemp -u /tmp/crm_phone.XXXXXX`
COPY (SELECT id, phone FROM person ORDER BY id) TO :'file' (FORMAT binary);
CREATE TABLE person_copy (LIKE person);
COPY person_copy FROM :'file' (FORMAT binary);
SELECT count(*) AS rows, count(*) FILTER (WHERE p.phone::text = c.phone::text) AS identical
FROM person p JOIN person_copy c USING (id);
COPY (SELECT 1::integer AS id, '030 1234567'::text) TO :'file' (FORMAT binary);
COPY person_copy FROM :'file' (FORMAT binary);
COPY (SELECT 1::integer AS id, '\x2b34392033300031323334353637'::bytea) TO :'file' (FORMAT binary);
COPY person_copy FROM :'file' (FORMAT binary);
COPY (SELECT 9000::integer AS id, '0049 30 1234567'::text) TO :'file' (FORMAT binary);
COPY person_copy FROM :'file' (FORMAT binary);
SELECT phone FROM person_copy WHERE id = 9000;
SELECT count(*) FROM person_copy;
\! rm -f /tmp/crm_phone.*

-- what the catalogue says
SELECT oprname, oprcanhash, oprcanmerge, (SELECT c.oprname FROM pg_operator c WHERE c.oid = o.oprcom) AS commutator,
       (SELECT c.oprname FROM pg_operator c WHERE c.oid = o.oprnegate) AS negator, p.proleakproof
FROM pg_operator o JOIN pg_proc p ON p.oid = o.oprcode
WHERE oprleft = 'crm.phone'::regtype ORDER BY oprname;
SELECT opcname, amname, amvalidate(c.oid) AS valid FROM pg_opclass c JOIN pg_am a ON a.oid = c.opcmethod
WHERE opcintype = 'crm.phone'::regtype ORDER BY amname;
