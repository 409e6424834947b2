\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
SET client_min_messages = warning;
CREATE TABLE people (id integer PRIMARY KEY, first text, last text, mail text, born date, town text, team text);
INSERT INTO people
SELECT i, initcap(translate(substr(md5('g' || p % 97), 1, 5), '0123456789', 'ghijklmnop')), initcap(translate(substr(md5('f' || p % 499), 1, 7), '0123456789', 'ghijklmnop')), 'u' || p || '@example.com',
       date '1950-01-01' + p * 37 % 20000, 'Town ' || p % 20, CASE WHEN i % 2 = 0 THEN 'north' ELSE 'south' END
FROM (SELECT i, CASE WHEN i % 10 < 8 THEN i ELSE i - 5 END AS p FROM generate_series(1, 1500) i) x;
SELECT count(*) > 0 AS adopted FROM crm.adopt('people', 'customer', columns => '{"given_name": "first", "family_name": "last", "email": "mail",
    "birth_date": "born", "city": "town", "unit": "team"}');
CALL crm.backfill('people');

-- before there is a model: the usual one, also for what is mistyped
SELECT relation, record_key, customer_id, probability > 0.5 AS likely, jsonb_path_query_array(reasons, '$[*].level') AS levels
FROM crm.match('{"email": "U7@example.com", "city": "nowhere"}');
SELECT first, last, mail, born FROM people WHERE id = 14 \gset
SELECT record_key, probability > 0.9 AS sure
FROM crm.match(jsonb_build_object('full_name', :'first' || ' ' || overlay(:'last' PLACING 'x' FROM 4 FOR 1), 'email', 'x' || :'mail', 'birth_date', :'born'), 2);
SELECT record_key, probability > 0.5 AS likely FROM crm.match(jsonb_build_object('given_name', :'first', 'family_name', overlay(:'last' PLACING '' FROM 3 FOR 1),
    'birth_date', overlay(:'born' PLACING '9' FROM 10 FOR 1)), 1) WHERE record_key IN ('14', '19');
SELECT count(*) FROM crm.match('{"city": "Town 1"}');
SELECT count(*) FROM crm.match('{"full_name": "Nobody Whatsoever", "email": "nobody@example.org"}');
SELECT * FROM crm.match_queue;
-- explained by the same: what it says of two records is what match says of one, given the other; that it is the usual one is said
SELECT * FROM crm.explain_match(('people', '3'), ('people', '8'));
WITH pair AS (
    SELECT a.id AS a, b.id AS b, m.probability, m.reasons
    FROM people a JOIN people b ON b.id = a.id + 5 AND b.id % 10 >= 8 AND b.id < 100
    JOIN LATERAL crm.match(jsonb_build_object('given_name', a.first, 'family_name', a.last, 'email', a.mail, 'birth_date', a.born,
                                              'city', a.town), 20) m ON m.record_key = b.id::text)
SELECT count(*) AS pairs, count(*) FILTER (WHERE abs(p.probability - 1 / (1 + 2 ^ -e.sum)) > 0.0001) AS of_another_weight,
       count(*) FILTER (WHERE jsonb_array_length(p.reasons) <> e.lines OR EXISTS (
           SELECT FROM jsonb_to_recordset(p.reasons) AS r (attribute text, level text, bits numeric)
           WHERE (r.attribute, r.level, r.bits) <> ALL (SELECT x.attribute, x.level, x.bits FROM crm.explain_match(('people', p.a::text), ('people', p.b::text)) x
                                                        WHERE x.bits IS NOT NULL))) AS for_other_reasons
FROM pair p CROSS JOIN LATERAL (SELECT max(x.bits) FILTER (WHERE x.attribute = 'sum') AS sum,
                                       count(*) FILTER (WHERE x.bits IS NOT NULL AND x.attribute NOT IN ('prior', 'sum')) AS lines
                                FROM crm.explain_match(('people', p.a::text), ('people', p.b::text)) x) e;

CALL crm.resolve() \gset
SELECT :records AS records, :linked AS linked, :customers BETWEEN 1190 AND 1210 AS customers_as_made;
SELECT count(*) AS pairs, count(*) FILTER (WHERE x.customer_id = y.customer_id) AS linked
FROM people a JOIN people b ON b.id = a.id + 5 AND b.id % 10 >= 8
JOIN crm.record x ON x.record_key = a.id::text JOIN crm.record y ON y.record_key = b.id::text;

-- a form's input, also mistyped; the dates and numbers of JSON as well as its texts
SELECT first, last, mail, born, town FROM people WHERE id = 13 \gset
SELECT record_key, customer_id = crm.customer_of('people', '13') AS hers, probability > 0.9 AS sure,
       jsonb_path_query_array(reasons, '$[*].attribute') AS compared
FROM crm.match(jsonb_build_object('given_name', :'first', 'family_name', :'last', 'email', upper(:'mail'), 'birth_date', :'born', 'postcode', 7));
SELECT record_key FROM crm.match(jsonb_build_object('full_name', :'last' || ', ' || :'first', 'birth_date', :'born'), 1) WHERE record_key IN ('13', '18');
SELECT count(*) FROM crm.match('{"full_name": "Nobody Whatsoever", "email": "nobody@example.org"}');
SELECT count(*) FROM (SELECT FROM crm.match('{}') UNION ALL SELECT FROM crm.match('{"email": null}')
                      UNION ALL SELECT FROM crm.match(jsonb_build_object('full_name', repeat('long ', 5000)))) m;
SELECT count(*) FROM crm.match('{"kind": "company", "email": "u13@example.com"}');
SELECT * FROM crm.match('{"e_mail": "x"}');
SELECT * FROM crm.match('{"email": ["x"]}');
SELECT * FROM crm.match('["x"]');
SELECT * FROM crm.match(NULL);
SELECT * FROM crm.match('{"email": "x"}', 0);

-- what changes is found at once after it was read, and nothing else is touched
SELECT version, changed FROM crm.link_model WHERE in_force;
CREATE TABLE before AS SELECT record_no, customer_id FROM crm.record_link;
INSERT INTO people VALUES (2001, :'first', :'last', :'mail', :'born', :'town', 'north'), (2002, 'Quite', 'Unheard', 'new@example.org', '2001-02-03', 'Elsewhere', 'south');
UPDATE people SET mail = 'other@example.org', first = 'Quentin', last = 'Quux', born = '1900-01-02' WHERE id = 28;
DELETE FROM people WHERE id = 38;
SELECT crm.resolve_pending() > 0 AS some;
SELECT crm.customer_of('people', '2001') = crm.customer_of('people', '13') AS found, crm.customer_of('people', '23') = crm.customer_of('people', '28') AS still;
SELECT record_key FROM crm.match('{"full_name": "Unheard Quite", "email": "new@example.org"}');
SELECT version, changed FROM crm.link_model WHERE in_force;
SELECT count(*) AS touched FROM crm.record_link l LEFT JOIN before b USING (record_no) WHERE b.customer_id IS DISTINCT FROM l.customer_id;
SELECT count(*) AS waiting FROM crm.link_dirty;
CALL crm.resolve(refit => false) \gset
SELECT :moved AS moved, :model AS model, :retired AS retired;
SELECT count(*) AS noted FROM crm.link_key;
SELECT record_key FROM crm.match('{"full_name": "Unheard Quite", "email": "new@example.org"}');
CALL crm.resolve() \gset
SELECT :model AS model, (SELECT count(DISTINCT version) FROM crm.link_parameter) AS kept, (SELECT count(DISTINCT build) FROM crm.link_block) AS builds,
       (SELECT count(DISTINCT version) FROM crm.link_frequency) AS frequencies;

-- verdicts hold on the short way as on the long one
SELECT crm.decide(('people', '13'), ('people', '18'), 'different');
SELECT crm.resolve_pending() > 0 AS some;
SELECT crm.customer_of('people', '13') <> crm.customer_of('people', '18') AS apart;
SELECT crm.decide(('people', '13'), ('people', '2002'), 'same');
SELECT crm.resolve_pending() > 0 AS some;
SELECT crm.customer_of('people', '13') = crm.customer_of('people', '2002') AS together;
CALL crm.resolve() \gset
SELECT crm.customer_of('people', '13') <> crm.customer_of('people', '18') AS apart, crm.customer_of('people', '13') = crm.customer_of('people', '2002') AS together;

-- only what one may read
CREATE ROLE regress_match_nora;
CREATE ROLE regress_match_eve;
GRANT SELECT ON people TO regress_match_nora;
ALTER TABLE people ENABLE ROW LEVEL SECURITY;
CREATE POLICY north ON people FOR SELECT USING (team = 'north');
SET ROLE regress_match_nora;
SELECT count(*) FROM crm.match('{"email": "u13@example.com"}');
RESET ROLE;
ALTER TABLE people DISABLE ROW LEVEL SECURITY;
SET ROLE regress_match_nora;
SELECT count(*) > 0 AS found FROM crm.match('{"email": "u13@example.com"}');
SET ROLE regress_match_eve;
SELECT count(*) FROM crm.match('{"email": "u13@example.com"}');
SELECT count(*) FROM crm.match_queue;
SELECT * FROM crm.match_young('{}', 1);
RESET ROLE;
DROP OWNED BY regress_match_nora;
DROP ROLE regress_match_nora, regress_match_eve;

-- tables that tell nothing
CREATE TABLE empty (id integer PRIMARY KEY, name text);
CREATE TABLE nothing (id integer PRIMARY KEY, name text, mail text);
INSERT INTO nothing SELECT i FROM generate_series(1, 700) i;
CREATE TABLE alike (id integer PRIMARY KEY, name text, mail text);
INSERT INTO alike SELECT i, 'John Smith', 'info@example.com' FROM generate_series(1, 700) i;
SELECT crm.disown('people');
CALL crm.resolve() \gset
SELECT :records AS records, :customers AS customers;
SELECT count(*) > 0 AS adopted FROM crm.adopt('empty', 'customer', columns => '{"full_name": "name"}');
CALL crm.backfill('empty');
CALL crm.resolve() \gset
SELECT :records AS records, :customers AS customers;
SELECT count(*) > 0 AS adopted FROM crm.adopt('nothing', 'customer', columns => '{"full_name": "name", "email": "mail"}');
CALL crm.backfill('nothing');
CALL crm.resolve() \gset
SELECT :records AS records, :customers AS customers, :linked AS linked;
SELECT count(*) FROM crm.match('{"full_name": "John Smith"}');
SELECT count(*) > 0 AS adopted FROM crm.adopt('alike', 'customer', columns => '{"full_name": "name", "email": "mail"}');
CALL crm.backfill('alike');
CALL crm.resolve() \gset
SELECT :records AS records, (SELECT count(*) FROM crm.record_link l JOIN crm.record_copy r USING (record_no) WHERE r.relation = 'nothing'::regclass
       GROUP BY customer_id ORDER BY 1 DESC LIMIT 1) AS most_that_tell_nothing;
SELECT count(DISTINCT customer_id) AS alike FROM crm.record_link l JOIN crm.record_copy r USING (record_no) WHERE r.relation = 'alike'::regclass;
