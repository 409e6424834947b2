-- A family at one address with one telephone, in a table of seven rows: what one customer cannot both have keeps its members apart.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh

CREATE TABLE family (id integer PRIMARY KEY, given text, surname text, born date, tel text, street text, mail text);
INSERT INTO family VALUES
    (1, 'Karl', 'Jansen', '1950-03-07', '+31 20 123 4567', 'Dorpsstraat 7', NULL),
    (2, 'Karl', 'Jansen', '1950-03-07', '+31 20 123 4567', 'Dorpsstraat 7', 'karl@jansen.example'),
    (3, 'Tim', 'Jansen', '1981-11-23', '+31 20 123 4567', 'Dorpsstraat 7', NULL),
    (4, 'Tim', 'Jansen', '1981-11-23', '+31 20 123 4567', 'Dorpsstraat 7', 'tim@jansen.example'),
    (5, 'Wilma', 'Jansen', '1952-08-19', '+31 20 123 4567', 'Dorpsstraat 7', NULL),
    (6, 'Wilma', 'Jansen', '1952-08-19', '+31 20 123 4567', 'Dorpsstraat 7', 'wilma@jansen.example'),
    (7, NULL, 'Jansen', NULL, '+31 20 123 4567', 'Dorpsstraat 7', NULL);
SELECT count(*) > 0 AS adopted FROM crm.adopt('family', 'customer', columns => '{"given_name": "given", "family_name": "surname",
    "birth_date": "born", "phone": "tel", "address": "street", "email": "mail"}');
CALL crm.backfill('family');
CALL crm.resolve() \gset
CREATE VIEW together AS
SELECT array_agg(record_key ORDER BY record_key) FILTER (WHERE record_key <> '7') AS records
FROM crm.customer_record GROUP BY customer_id ORDER BY 1;
SELECT * FROM together WHERE records IS NOT NULL;

-- why, and that nobody is asked
SELECT attribute, value_a, value_b, level FROM crm.explain_match(('family', '1'), ('family', '3'))
WHERE attribute IN ('name', 'birth_date', 'contradiction', 'customer');
SELECT count(*) FROM crm.explain_match(('family', '1'), ('family', '2')) WHERE attribute = 'contradiction';
SELECT count(*) FROM crm.match_queue q JOIN family a ON a.id::text = q.key_a JOIN family b ON b.id::text = q.key_b
WHERE a.given <> b.given AND a.born <> b.born;

-- somebody knows better
SELECT crm.decide(('family', '2'), ('family', '3'), 'same', 'he goes by his second name');
SELECT crm.resolve_pending() > 0 AS changed;
SELECT crm.customer_of('family', '2') = crm.customer_of('family', '3') AS same,
       crm.customer_of('family', '2') = crm.customer_of('family', '5') AS and_his_wife;
SELECT crm.decide(('family', '2'), ('family', '3'), 'undecided');
SELECT crm.resolve_pending() > 0 AS changed;
SELECT * FROM together WHERE records IS NOT NULL;

-- companies of one name with two tax ids; of two countries they may be one
CREATE TABLE firm (id integer PRIMARY KEY, name text, vat text, city text);
INSERT INTO firm VALUES (1, 'Nordwind Logistik GmbH', 'DE123456789', 'Kiel'), (2, 'Nordwind Logistik GmbH', 'DE 123.456.789', 'Kiel'),
    (3, 'Nordwind Logistik GmbH', 'DE987654321', 'Kiel'), (4, 'Nordwind Logistik GmbH', 'NL004495445B01', 'Kiel');
SELECT count(*) > 0 AS adopted FROM crm.adopt('firm', 'customer', columns => '{"company": "name", "tax_id": "vat", "city": "city"}');
CALL crm.backfill('firm');
CALL crm.resolve() \gset
SELECT a.id, b.id, crm.customer_of('firm', a.id::text) = crm.customer_of('firm', b.id::text) AS same,
       (SELECT e.level FROM crm.explain_match(('firm', a.id::text), ('firm', b.id::text)) e WHERE e.attribute = 'contradiction')
FROM firm a JOIN firm b ON a.id < b.id ORDER BY 1, 2;
