-- Golden records: rules, provenance, values that people set, and what different readers see, against a slow model.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET client_min_messages = warning;

-- the heart: values in any order, ties, nothing at all
SELECT crm.survivor('most_recent', '{a,b,c}', '{2024-01-01,2024-03-01,2024-02-01}') AS recent,
       crm.survivor('most_recent', '{a,b,NULL}', '{NULL,2024-01-01,2025-01-01}') AS known_time_first,
       crm.survivor('most_recent', '{NULL,b,c}') AS first_of_equals,
       crm.survivor('most_frequent', '{x,b,c,C,x,c}') AS frequent,
       crm.survivor('most_frequent', '{x,b,x,b}', '{2024-01-01,2024-03-01,2024-02-01,2024-01-01}') AS frequent_and_recent,
       crm.survivor('longest', ARRAY['J. Lee', 'Jane Lee', 'Ääääääää']) AS longest,
       crm.survivor('longest', ARRAY['ÄÖÜ', 'abcd']) AS characters_not_bytes,
       crm.survivor('most_trusted', '{a,b,c}', NULL, '{3,NULL,2}') AS trusted,
       crm.survivor('set', '{a,b}', '{2024-01-01,2024-02-01}') AS of_a_set,
       crm.survivor('manual', '{a,b}') AS nobody_said, crm.survivor('longest', '{}') AS nothing,
       crm.survivor('longest', ARRAY[NULL, NULL]::text[]) AS all_null;
SELECT crm.survivor('newest', '{a}');

CREATE TABLE account (id integer PRIMARY KEY, name text, email text, phone text, street text, zip text, town text, made timestamptz, region text, rep text);
CREATE TABLE contact (id integer PRIMARY KEY, name text, email text, phone text, street text, zip text, town text, made timestamptz, region text, rep text);
CREATE TABLE lead (id integer PRIMARY KEY, name text, email text, phone text, made timestamptz, region text);
INSERT INTO account VALUES
    (1, 'Jane Lee', 'jane@lee.example', '+14155550123', '1 Main Street', '94105', 'San Francisco', '2024-01-01', 'north', 'nora'),
    (2, 'Max Moser', 'max@moser.example', NULL, NULL, NULL, 'Bern', '2024-01-02', 'south', NULL);
INSERT INTO contact VALUES
    (10, 'J. Lee', 'jane@lee.example', '+14155550199', '9 Side Road', NULL, 'Oakland', '2024-02-01', 'south', NULL),
    (11, 'Max Moser', 'max@moser.example', 'ask the office', NULL, NULL, NULL, '2024-02-02', 'north', NULL);
INSERT INTO lead VALUES (100, 'Jane van der Lee', 'jane@lee.example', NULL, '2023-01-01', 'north'), (101, NULL, 'max@moser.example', '+41791234567', NULL, 'north');
SELECT count(*) > 0 FROM crm.adopt('account', 'customer', department => 'sales', columns => '{"full_name": "name", "email": "email", "phone": "phone",
    "address": "street", "postcode": "zip", "city": "town", "created_at": "made", "unit": "region", "owner": "rep", "kind": "''person''"}');
SELECT count(*) > 0 FROM crm.adopt('contact', 'customer', department => 'service', columns => '{"full_name": "name", "email": "email", "phone": "phone",
    "address": "street", "postcode": "zip", "city": "town", "created_at": "made", "unit": "region", "owner": "rep", "kind": "''person''"}');
SELECT count(*) > 0 FROM crm.adopt('lead', 'lead', department => 'marketing', columns => '{"full_name": "name", "email": "email", "phone": "phone",
    "created_at": "made", "unit": "region", "kind": "''person''"}');
CALL crm.backfill('account');
CALL crm.backfill('contact');
CALL crm.backfill('lead');
-- who is who does not depend on how the linker judges six records
SELECT count(crm.decide((a::regclass, k), (b::regclass, l), 'same'))
FROM (VALUES ('account', '1', 'contact', '10'), ('account', '1', 'lead', '100'), ('account', '2', 'contact', '11'), ('account', '2', 'lead', '101'),
             ('contact', '11', 'lead', '101')) v (a, k, b, l);
SELECT crm.resolve_pending() > 0 AS linked;
SELECT crm.customer_of('account', '1') AS jane, crm.customer_of('account', '2') AS max \gset

-- by default what changed last; a valid phone before one that is none; an address is never made of two
SELECT name, email, phone, address, postcode, city, created_at, records, value_sets FROM crm.customer WHERE customer_id = :jane;
SELECT name, email, phone, address, postcode, city, created_at, records, value_sets FROM crm.customer WHERE customer_id = :max;
SELECT attribute, value, relation, record_key, department, rule, since, others FROM crm.customer_value WHERE customer_id = :jane ORDER BY 1;
-- a change makes a value recent, and no other value of its record
UPDATE account SET phone = '+14155550100' WHERE id = 1;
SELECT crm.resolve_pending();
SELECT name, phone, address FROM crm.customer WHERE customer_id = :jane;
SELECT attribute, value, since > '2025-01-01' AS since_now FROM crm.customer_value WHERE customer_id = :jane AND attribute IN ('phone', 'name') ORDER BY 1;

-- rules
SELECT crm.set_survivorship('name', 'longest'), crm.set_survivorship('phone', 'most_trusted', ARRAY['public.contact', 'marketing']),
       crm.set_survivorship('email', 'set'), crm.set_survivorship('segment', 'manual'), crm.set_survivorship('address', 'most_trusted', '{sales}');
SELECT * FROM crm.survivorship WHERE rule <> 'most_recent' ORDER BY attribute;
SELECT name, phone, address, postcode, city, value_sets FROM crm.customer WHERE customer_id = :jane;
UPDATE lead SET email = 'jane.lee@work.example' WHERE id = 100;
SELECT crm.resolve_pending() > 0 AS read_again;
SELECT value_sets FROM crm.customer WHERE customer_id = :jane;
SELECT value, relation, others FROM crm.customer_value WHERE customer_id = :jane AND attribute = 'email' ORDER BY value;
SELECT crm.set_survivorship('city', 'longest');
-- a leader of many values is that of the most recent record, with its parts; one that is manual has none until somebody sets it
SELECT crm.set_survivorship('name', 'set'), crm.set_survivorship('address', 'set');
SELECT name, address, postcode, city, value_sets FROM crm.customer WHERE customer_id IN (:jane, :max) ORDER BY customer_id;
SELECT attribute, value, rule, relation FROM crm.customer_value WHERE customer_id = :jane AND attribute IN ('name', 'given_name', 'address', 'city') ORDER BY 1, 2;
SELECT crm.set_survivorship('name', 'manual'), crm.set_survivorship('address', 'manual');
SELECT name, given_name, family_name, address, postcode, city, value_sets FROM crm.customer WHERE customer_id = :jane;
SELECT crm.set_golden_value(:jane, 'city', 'Basel', 'she moved');
SELECT name, address, city FROM crm.customer WHERE customer_id = :jane;
SELECT crm.unset_golden_value(:jane, 'city'), crm.set_survivorship('name', 'longest'), crm.set_survivorship('address', 'most_trusted', '{sales}');
SELECT crm.set_survivorship('nmae', 'longest');
SELECT crm.set_survivorship('name', 'latest');
SELECT crm.set_survivorship('name', 'most_trusted');
SELECT crm.set_survivorship('name', 'longest', '{sales}');
SELECT crm.set_survivorship('name', 'most_trusted', '{legal}');
SELECT rule FROM crm.survivorship WHERE attribute = 'name';

-- what people set wins until it is taken back
SELECT crm.set_golden_value(:jane, 'name', 'Dr. Jane Lee', 'her business card');
SELECT crm.set_golden_value(:jane, 'phone', NULL, 'wants no calls');
SELECT name, phone FROM crm.customer WHERE customer_id = :jane;
SELECT attribute, value, relation, rule, jsonb_array_length(others) AS others FROM crm.customer_value
WHERE customer_id = :jane AND attribute IN ('name', 'phone') ORDER BY 1;
SELECT crm.unset_golden_value(:jane, 'phone'), crm.unset_golden_value(:jane, 'phone') AS again;
SELECT name, phone FROM crm.customer WHERE customer_id = :jane;
SELECT crm.set_golden_value(:jane, 'email', 'no address', 'x');
SELECT crm.set_golden_value(:jane, 'kind', 'robot', 'x');
SELECT crm.set_golden_value(:jane, 'birth_date', '1990-02-31', 'x');
SELECT crm.set_golden_value(:jane, 'birth_date', '31.2.1990', 'x');
SELECT crm.set_golden_value(:jane, 'name', 'x', ' ');
SELECT crm.set_golden_value(:jane, 'nome', 'x', 'x');
SELECT crm.set_golden_value(9999, 'name', 'x', 'x');
-- it goes along when customers are joined and split: one on each side, and both are back afterwards
SELECT crm.set_golden_value(:max, 'name', 'Maximilian Moser', 'passport');
SELECT crm.decide(('account'::regclass, '1'), ('account'::regclass, '2'), 'same');
SELECT crm.resolve_pending() > 0 AS joined;
SELECT name, records FROM crm.customer WHERE customer_id = :jane;
SELECT crm.decide(('account'::regclass, '1'), ('account'::regclass, '2'), 'different');
SELECT crm.resolve_pending() > 0 AS split;
SELECT crm.customer_of('account', '1') AS jane, crm.customer_of('account', '2') AS max \gset
SELECT customer_id = :jane AS jane, name, records FROM crm.customer WHERE customer_id IN (:jane, :max) ORDER BY 1 DESC;
-- and the record that it hangs on may go
DELETE FROM account WHERE id = 2;
SELECT crm.resolve_pending() > 0 AS gone;
SELECT name, records FROM crm.customer WHERE customer_id = :max;
SELECT crm.unset_golden_value(:max, 'name');
INSERT INTO account VALUES (2, 'Max Moser', 'max@moser.example', NULL, NULL, NULL, 'Bern', '2024-01-02', 'south', NULL);
SELECT crm.resolve_pending() > 0 AS back;
SELECT crm.decide(('account'::regclass, '2'), ('contact'::regclass, '11'), 'same');
SELECT crm.resolve_pending() >= 0 AS linked;
SELECT crm.customer_of('account', '1') AS jane, crm.customer_of('account', '2') AS max \gset
SELECT crm.set_survivorship('segment', 'most_recent');

-- who sees what: accounts are protected by region and owner, contacts by a column that nobody mapped and a second hierarchy
SELECT crm.create_unit('acme', 'The firm', 'business') IS NOT NULL AS made;
SELECT crm.create_unit('north', 'North', 'geographic', 'acme') IS NOT NULL AS made;
SELECT crm.create_unit('south', 'South', 'geographic', 'acme') IS NOT NULL AS made;
SELECT crm.create_unit('gold', 'Gold', 'product', 'acme', 'product') IS NOT NULL AS made;
SELECT crm.create_unit('tin', 'Tin', 'product', 'acme', 'product') IS NOT NULL AS made;
ALTER TABLE contact ADD line text, ADD area text;
UPDATE contact SET line = CASE id WHEN 10 THEN 'gold' ELSE 'tin' END, area = region;
CREATE ROLE regress_golden_nora;
CREATE ROLE regress_golden_sven;
CREATE ROLE regress_golden_vera;
SELECT count(crm.create_principal(p, role_name => ('regress_golden_' || p)::name)) FROM unnest('{nora,sven,vera}'::text[]) p;
SELECT crm.create_role('seller'), crm.create_role('owner');
SELECT crm.grant_privilege('seller', 'customer', 'read', 'unit'), crm.grant_privilege('seller', 'customer', 'update', 'unit'),
       crm.grant_privilege('owner', 'customer', 'read', 'own');
SELECT crm.add_member('nora', 'north', 'seller'), crm.add_member('sven', 'south', 'seller'), crm.add_member('sven', 'gold', 'seller'),
       crm.add_member('vera', 'acme', 'owner');
SELECT count(*) > 0 AS protected FROM crm.protect('account', '{"organisation": "region"}', owner_column => 'rep');
SELECT count(*) > 0 AS protected FROM crm.protect('contact', '{"organisation": "area", "product": "line"}');
GRANT SELECT ON account, contact TO regress_golden_nora, regress_golden_sven, regress_golden_vera;
GRANT UPDATE ON account TO regress_golden_sven, regress_golden_nora;
-- what decides about contacts is read with them; until then nobody sees one
SET ROLE regress_golden_sven;
SELECT relation, record_key FROM crm.customer_record ORDER BY relation::text, record_key;
RESET ROLE;
SELECT crm.resolve_pending() > 0 AS read_again;
SELECT record_key, decides FROM crm.record_copy WHERE relation = 'contact'::regclass ORDER BY 1;

-- everything that can decide: denials, shares, owners, a second column; each reader sees the records that the policies let through
CREATE FUNCTION compare(label text) RETURNS TABLE (reader text, records bigint, customers bigint, wrong bigint) LANGUAGE plpgsql AS $$
BEGIN
    FOREACH reader IN ARRAY '{nora,sven,vera}'::text[] LOOP
        PERFORM set_config('role', 'regress_golden_' || reader, true);
        SELECT (SELECT count(*) FROM crm.customer_record), (SELECT count(*) FROM crm.customer),
               (SELECT count(*) FROM ((SELECT relation, record_key FROM crm.customer_record EXCEPT
                                      (SELECT 'account'::regclass, id::text FROM account UNION SELECT 'contact'::regclass, id::text FROM contact))
                                     UNION ALL
                                     ((SELECT 'account'::regclass, id::text FROM account UNION SELECT 'contact'::regclass, id::text FROM contact)
                                      EXCEPT SELECT relation, record_key FROM crm.customer_record)) d)
        INTO records, customers, wrong;
        PERFORM set_config('role', 'none', true);
        RETURN NEXT;
    END LOOP;
END
$$;
SELECT * FROM compare('as it is');
SET ROLE regress_golden_nora;
SELECT customer_id = :jane AS jane, name, phone, address, records FROM crm.customer ORDER BY 1 DESC;
RESET ROLE;
SET ROLE regress_golden_sven;
SELECT customer_id = :jane AS jane, name, phone, address, records FROM crm.customer ORDER BY 1 DESC;
RESET ROLE;
-- an owner's row that is denied is not hers any more
UPDATE account SET rep = 'vera' WHERE id = 1;
SELECT crm.resolve_pending() > 0 AS read_again;
SELECT * FROM compare('vera owns');
SELECT crm.deny('vera', 'customer', 'read', 'north');
SELECT * FROM compare('vera is denied');
SELECT crm.undeny('vera', 'customer', 'read', 'north');
-- a share shows one record, and only while nothing denies it
SELECT crm.share('contact', '11', 'nora', '{read}', reason => 'holiday') IS NOT NULL AS shared;
SELECT crm.share('account', '2', 'vera', '{read}', reason => 'holiday') IS NOT NULL AS shared;
SELECT * FROM compare('shared');
SELECT crm.deny('nora', 'customer', 'read', 'tin');
SELECT * FROM compare('denied by the other hierarchy');
SELECT crm.undeny('nora', 'customer', 'read', 'tin');
-- a policy of the team's own binds too: nobody can tell what it takes away
CREATE POLICY quiet ON account AS RESTRICTIVE FOR SELECT USING (id <> 1);
SET ROLE regress_golden_nora;
SELECT count(*) FROM crm.customer_record WHERE relation = 'account'::regclass;
RESET ROLE;
DROP POLICY quiet ON account;
SELECT * FROM compare('without it');

-- an attribute that is shared is shown to readers of any record of the customer, and names no record that they may not read
SELECT crm.share_attribute('phone', ' ');
SELECT crm.share_attribute('phone', 'everybody calls back');
SELECT item, state, detail FROM crm.status WHERE item LIKE 'golden%';
SET ROLE regress_golden_nora;
SELECT customer_id = :jane AS jane, name, phone, address, records FROM crm.customer ORDER BY 1 DESC;
SELECT attribute, value, relation, record_key, department, rule, jsonb_path_query_array(others, '$[*].value') AS others
FROM crm.customer_value WHERE customer_id = :jane ORDER BY 1;
SELECT crm.share_attribute('name', 'x');
SELECT crm.set_survivorship('name', 'longest');
-- what she may update she may correct
SELECT crm.set_golden_value(:jane, 'name', 'Jane', 'so she says');
RESET ROLE;
SET ROLE regress_golden_sven;
SELECT customer_id = :jane AS jane, name FROM crm.customer WHERE customer_id = :jane;
SELECT crm.unset_golden_value(:jane, 'name');
RESET ROLE;
SELECT crm.unset_golden_value(:jane, 'name'), crm.unshare_attribute('phone');

-- of a set what several records say is there once, whichever of them the leader's value is from: the town changed last in one, the street in the other
SELECT crm.set_survivorship('address', 'set');
UPDATE account SET town = 'Oakland' WHERE id = 1;
UPDATE contact SET street = '10 Side Road' WHERE id = 10;
SELECT crm.resolve_pending() > 0 AS read_again;
UPDATE account SET town = 'OAKLAND' WHERE id = 1;
SELECT crm.resolve_pending() > 0 AS read_again;
SELECT address, city, value_sets->'address' AS addresses, value_sets->'city' AS cities FROM crm.customer WHERE customer_id = :jane;
SELECT attribute, value, relation FROM crm.customer_value WHERE customer_id = :jane AND attribute IN ('address', 'city') ORDER BY 1, 2;
SELECT crm.set_survivorship('address', 'most_recent');

-- a condition on customer_id reaches the index
CREATE FUNCTION nodes(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    plan json;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
    RETURN QUERY SELECT DISTINCT j #>> '{}' FROM jsonb_path_query(plan::jsonb, '$.**."Index Name"') j ORDER BY 1;
END
$$;
INSERT INTO lead SELECT i, 'Filler ' || i, 'filler' || i || '@x.example', NULL, now(), 'north' FROM generate_series(1000, 6000) i;
SELECT crm.resolve_pending() > 0 AS linked;
ANALYZE crm.record_copy, crm.record_link;

SELECT nodes('SELECT * FROM crm.customer_value WHERE customer_id = ANY (''{5,6}'')');

DROP OWNED BY regress_golden_nora, regress_golden_sven, regress_golden_vera;
DROP ROLE regress_golden_nora, regress_golden_sven, regress_golden_vera;
