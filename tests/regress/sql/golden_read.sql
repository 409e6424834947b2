-- Reading golden records: joins ask for the customers that they need, a reader learns of no other, and of a table of which he was
-- granted columns he sees these.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
SET client_min_messages = warning;
SET timezone = 'UTC';
SET datestyle = 'ISO';

CREATE TABLE account (id integer PRIMARY KEY, name text, mail text, country text, made timestamptz, region text, rep text);
CREATE TABLE contact (id integer PRIMARY KEY, name text, mail text, tel text, made timestamptz, secret text);
INSERT INTO account SELECT i, 'Account ' || i, 'a' || i || '@x.example', (ARRAY['DE', 'NL', 'US'])[i % 3 + 1], '2024-01-01'::timestamptz + i * interval '1 minute',
                           CASE WHEN i % 100 = 0 THEN 'south' ELSE 'north' END, 'rep' || i % 7 FROM generate_series(1, 5000) i;
INSERT INTO contact SELECT i, 'Contact ' || i, 'c' || i || '@x.example', '+4940' || 1000000 + i, '2024-06-01'::timestamptz + i * interval '1 minute', 'soft' FROM generate_series(1, 5000, 2) i;
SELECT count(*) > 0 AS adopted FROM crm.adopt('account', 'customer', department => 'sales', columns => '{"full_name": "name", "email": "mail", "country": "country",
    "created_at": "made", "unit": "region", "owner": "rep", "kind": "''person''"}');
SELECT count(*) > 0 AS adopted FROM crm.adopt('contact', 'customer', department => 'service', columns => '{"full_name": "name", "email": "mail", "phone": "tel",
    "created_at": "made", "segment": "upper(secret)", "kind": "''person''"}');
CALL crm.backfill('account');
CALL crm.backfill('contact');
-- who is who is given: the account and the contact of one number
INSERT INTO crm.customer_registry (customer_id) SELECT generate_series(1, 5000);
INSERT INTO crm.record_link SELECT r.record_no, r.record_key::bigint FROM crm.record_copy r;
DELETE FROM crm.link_dirty;
ANALYZE;

CREATE TABLE orders (id integer PRIMARY KEY, customer_id bigint, amount integer);
INSERT INTO orders SELECT i, i * 37 % 5000 + 1, i FROM generate_series(1, 2000) i;
ANALYZE orders;
-- a join, an outer join, a list and one id make the golden records that they need; all of them only what asks for all
CREATE FUNCTION made(query text) RETURNS TABLE (golden_records bigint) LANGUAGE plpgsql AS $$
DECLARE
    plan json;
BEGIN
    EXECUTE 'EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF, FORMAT JSON) ' || query INTO plan;
    RETURN QUERY SELECT sum((n ->> 'Actual Loops')::bigint)::bigint FROM jsonb_path_query(plan::jsonb, 'strict $.** ? (@."Function Name" == "golden_of")') n;
END
$$;
SET max_parallel_workers_per_gather = 0;
SELECT * FROM made('SELECT * FROM crm.customer WHERE customer_id = 42');
SELECT * FROM made('SELECT * FROM crm.customer WHERE customer_id IN (1, 2, 3)');
SELECT * FROM made('SELECT o.id, c.name FROM orders o JOIN crm.customer c USING (customer_id) WHERE o.id <= 10');
SELECT * FROM made('SELECT o.id, c.name FROM orders o LEFT JOIN crm.customer c USING (customer_id) WHERE o.id <= 10');
SELECT * FROM made('SELECT o.id, c.name FROM orders o JOIN crm_bi.dim_customer c USING (customer_id) WHERE o.id <= 10');
SELECT * FROM made('SELECT name FROM crm.customer WHERE customer_id IN (SELECT customer_id FROM orders WHERE id <= 10)');
SELECT * FROM made('SELECT country, count(*) FROM crm_bi.dim_customer GROUP BY 1');
SELECT o.id, c.customer_id, c.name, c.country, c.phone, c.records FROM orders o LEFT JOIN crm.customer c ON c.customer_id = o.customer_id + 4960 WHERE o.id <= 3 ORDER BY 1;
SELECT country, count(*), count(DISTINCT name) FROM crm_bi.dim_customer GROUP BY 1 ORDER BY 1;
-- several processes say the same
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SELECT country, count(*), count(DISTINCT name) FROM crm_bi.dim_customer GROUP BY 1 ORDER BY 1;
RESET max_parallel_workers_per_gather;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;

-- a reader of one region; a stranger who may read nothing
SELECT crm.create_unit('acme', 'The firm', 'business') IS NOT NULL AS made;
SELECT count(crm.create_unit(u, u, 'geographic', 'acme')) FROM unnest('{north,south}'::text[]) u;
CREATE ROLE regress_golden_read_sue;
CREATE ROLE regress_golden_read_eve;
SELECT crm.create_principal('sue', role_name => 'regress_golden_read_sue'), crm.create_role('reader');
SELECT crm.grant_privilege('reader', 'customer', 'read', 'unit'), crm.add_member('sue', 'south', 'reader');
SELECT count(*) > 0 AS protected FROM crm.protect('account', '{"organisation": "region"}');
GRANT SELECT ON account TO regress_golden_read_sue;
GRANT SELECT ON orders TO regress_golden_read_sue, regress_golden_read_eve;
GRANT CREATE ON SCHEMA public TO regress_golden_read_sue, regress_golden_read_eve;
SET ROLE regress_golden_read_sue;
SELECT count(*), count(*) FILTER (WHERE name LIKE 'Account %00') AS accounts_of_the_south, count(phone) AS of_contacts, min(records), max(records) FROM crm.customer;
SELECT customer_id, name, email, phone FROM crm.customer WHERE customer_id IN (100, 101);
SELECT count(*) FROM orders JOIN crm.customer USING (customer_id);
SELECT crm.may_read_customer(100) AS one_hundred, crm.may_read_customer(101) AS next, crm.may_read_customer(4711) AS another, crm.may_read_customer(NULL) AS null;
-- what she puts between learns of no customer but those, neither by value nor by number
CREATE FUNCTION leak(bigint) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$BEGIN RAISE WARNING 'customer %', $1; RETURN true; END$$;
CREATE FUNCTION leak(text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$BEGIN RAISE WARNING 'value %', $1; RETURN true; END$$;
SELECT count(*) FROM crm.customer WHERE leak(customer_id) AND leak(name) AND leak(country) AND customer_id BETWEEN 90 AND 110;
SELECT count(*) FROM crm_bi.dim_customer WHERE leak(customer_id) AND leak(name) AND customer_id BETWEEN 90 AND 110;
SELECT count(*) FROM crm.customer_registry WHERE leak(customer_id) AND customer_id BETWEEN 90 AND 110;
SELECT created_at FROM crm.customer_registry;
SELECT count(*) FROM crm.customer_value WHERE leak(customer_id) AND leak(value) AND customer_id BETWEEN 90 AND 110 AND attribute = 'name';
SET ROLE regress_golden_read_eve;
SELECT count(*) FROM crm.customer;
SELECT count(*) FROM crm.customer_registry;
RESET ROLE;

-- who asks is asked again within one function, one prepared statement and one cursor
DO $$
DECLARE
    heard text := '';
    one bigint := 101;
BEGIN
    FOR i IN 1..2 LOOP
        heard := heard || format(' %s: %s,', current_user, crm.may_read_customer(one));
        SET LOCAL ROLE regress_golden_read_sue;
        heard := heard || format(' %s: %s,', current_user, crm.may_read_customer(one));
        RESET ROLE;
    END LOOP;
    RAISE WARNING '%', heard;
END
$$;
PREPARE one AS SELECT name FROM crm.customer WHERE customer_id = 101;
SET plan_cache_mode = force_generic_plan;
EXECUTE one;
SET ROLE regress_golden_read_sue;
EXECUTE one;
RESET ROLE;
EXECUTE one;
RESET plan_cache_mode;
BEGIN;
SET LOCAL ROLE regress_golden_read_sue;
DECLARE c CURSOR FOR SELECT customer_id FROM crm.customer WHERE customer_id % 100 = 0 AND customer_id < 1000;
FETCH 1 FROM c;
RESET ROLE;
SELECT crm.remove_member('sue', 'south', 'reader');
SET LOCAL ROLE regress_golden_read_sue;
FETCH 3 FROM c;
COMMIT;
SELECT crm.add_member('sue', 'south', 'reader');

-- columns: what is made of them alone, and the rows, once the key is among them
GRANT SELECT (name, mail) ON contact TO regress_golden_read_eve;
SET ROLE regress_golden_read_eve;
SELECT count(*) FROM crm.customer;
RESET ROLE;
GRANT SELECT (id) ON contact TO regress_golden_read_eve;
SELECT crm.set_golden_value(7, 'job_title', 'captain', 'her card');
SET ROLE regress_golden_read_eve;
SELECT relation, reads, tells, shows, attributes FROM crm.record_access() ORDER BY 1;
SELECT count(*), count(name) AS names, count(email) AS mails, count(phone) AS phones, count(segment) AS segments, count(created_at) AS began FROM crm.customer;
SELECT name, kind, email, phone, segment, created_at, job_title, records FROM crm.customer WHERE customer_id = 7;
SELECT attribute, value, relation, record_key, since IS NULL AS undated FROM crm.customer_value WHERE customer_id = 7 ORDER BY 1;
SELECT relation, record_key FROM crm.customer_record WHERE customer_id = 7;
SELECT crm.customer_360(7) -> 'customer' AS document;
SELECT count(*) AS told_without_a_time FROM crm.customer_timeline(7);
RESET ROLE;
GRANT SELECT (made) ON contact TO regress_golden_read_eve;
SET ROLE regress_golden_read_eve;
SELECT created_at FROM crm.customer WHERE customer_id = 7;
SELECT at, kind, relation, record_key, subject FROM crm.customer_timeline(7);
RESET ROLE;
-- one part of a name that is composed
REVOKE SELECT (name) ON contact FROM regress_golden_read_eve;
SET ROLE regress_golden_read_eve;
SELECT name, email FROM crm.customer WHERE customer_id = 7;
SELECT at, subject FROM crm.customer_timeline(7);
-- she may not change what she only reads
SELECT crm.set_golden_value(7, 'name', 'x', 'x');
RESET ROLE;
-- an attribute that is shared is shown, and who has it is not
SELECT crm.share_attribute('phone', 'every department calls back');
SET ROLE regress_golden_read_eve;
SELECT phone FROM crm.customer WHERE customer_id = 7;
SELECT value, relation, record_key, since IS NULL AS undated FROM crm.customer_value WHERE customer_id = 7 AND attribute = 'phone';
RESET ROLE;
SELECT crm.unshare_attribute('phone');

-- ids that were joined lead on, also over others; one without records says so; there is no row of either
INSERT INTO crm.customer_registry (customer_id, retired_at, redirect_to) VALUES (6001, now(), 6002), (6002, now(), 7), (6003, now(), NULL);
SELECT crm.customer_360(6001) -> 'customer' ->> 'name' AS joined_twice, (SELECT count(*) FROM crm.customer_timeline(6001, max_rows => 1)) AS told;
SELECT crm.customer_360(6003);
SELECT crm.customer_360(6004);
SELECT count(*) FROM crm.customer_timeline(NULL);
SELECT count(*) FROM crm.customer WHERE customer_id IN (6001, 6002, 6003, 6004, NULL);
-- a customer of all the accounts
UPDATE crm.record_link SET customer_id = 1;
SELECT name, country, records FROM crm.customer;
SELECT attribute, value, record_key, jsonb_array_length(others) AS others FROM crm.customer_value WHERE attribute IN ('name', 'country') ORDER BY 1;
SELECT count(*), min(t.at), max(t.at) FROM (SELECT t FROM crm.customer_timeline(1, max_rows => 30, newest_first => true) t) p, LATERAL (SELECT (p.t).at) t;

DROP OWNED BY regress_golden_read_sue, regress_golden_read_eve;
DROP ROLE regress_golden_read_sue, regress_golden_read_eve;
