-- Anonymous visitors become customers, divide between them by time, and everything can be taken back.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET client_min_messages = warning;
CREATE TABLE account (id integer PRIMARY KEY, name text, email text, made timestamptz);
CREATE TABLE touch (id bigint PRIMARY KEY, account_id integer REFERENCES account, visitor text, what text, at timestamptz);
INSERT INTO account VALUES (1, 'Ann Lee', 'ann@lee.example', '2024-03-01'), (2, 'Bob Ray', 'bob@ray.example', '2024-03-02'), (3, 'A. Lee', 'a@lee.example', '2024-03-03');
INSERT INTO touch VALUES
    (1, NULL, 'v1', 'first visit', '2024-01-01'), (2, NULL, 'v1', 'second visit', '2024-02-01'), (3, NULL, 'v1', 'third visit', '2024-04-01'),
    (4, NULL, 'v2', 'on the phone', '2024-01-15'), (5, 2, 'v1', 'logged in as Bob', '2024-02-02'), (6, NULL, 'v1', 'no time', NULL),
    (7, NULL, 'v3', 'somebody else', '2024-01-01');
SELECT crm.identify('v1', 1);
SELECT count(*) > 0 FROM crm.adopt('account', 'customer', department => 'sales',
    columns => '{"full_name": "name", "email": "email", "created_at": "made", "kind": "''person''"}');
SELECT count(*) > 0 FROM crm.adopt('touch', 'touch', department => 'marketing',
    columns => '{"customer": "account_id", "anonymous_id": "visitor", "kind": "what", "at": "at"}');
CALL crm.backfill('account');
SELECT crm.resolve_pending() > 0 AS linked;
SELECT crm.customer_of('account', '1') AS ann, crm.customer_of('account', '2') AS bob, crm.customer_of('account', '3') AS other \gset
CREATE TABLE rows_before AS SELECT * FROM touch;
CREATE FUNCTION touches() RETURNS TABLE (who text, touches text[]) LANGUAGE sql AS $$
    SELECT a.name, ARRAY(SELECT t.record_key FROM crm.customer_timeline(crm.customer_of('account', a.id::text)) t WHERE t.kind = 'touch' ORDER BY t.at)
    FROM account a ORDER BY a.id
$$;
SELECT * FROM touches();

-- all of a visitor's touches, also those before; a touch that names a customer is that one's
SELECT crm.identify('v1', :ann, '2024-03-01') AS first \gset
SELECT * FROM touches();
-- saying it again changes nothing, and a second visitor may be the same customer
SELECT crm.identify('v1', :ann, '2024-05-01') = :first AS known;
SELECT crm.identify_record('v2', 'account', '1', '2024-03-05') > :first AS second_device;
SELECT * FROM touches();
-- the device goes to somebody else: what was before stays
SELECT crm.identify('v1', :bob, '2024-03-15') AS passed_on \gset
SELECT * FROM touches();
SELECT anonymous_id, customer_id = :ann AS ann, since, until FROM crm.identified ORDER BY 1, since;
SELECT at, crm.anonymous_customer('v1', at) = :ann AS ann, crm.anonymous_customer('v1', at) = :bob AS bob
FROM unnest('{2020-01-01,2024-03-01,2024-03-14 23:59:59,2024-03-15,2030-01-01,NULL}'::timestamptz[]) at;
SELECT crm.anonymous_customer('nobody') AS nobody;
-- an identification in between is told by its time, whenever it is typed
SELECT crm.identify('v1', :bob, '2023-12-01') AS earlier \gset
SELECT * FROM touches();
SELECT crm.unidentify('v1', :earlier) = :earlier AS taken_back;
-- the document has them too
SELECT crm.customer_360(:ann) -> 'counts' AS ann, crm.customer_360(:bob) -> 'counts' AS bob;

-- it follows customers that are joined and split again
SELECT crm.decide(('account'::regclass, '1'), ('account'::regclass, '2'), 'same');
SELECT crm.resolve_pending() > 0 AS joined;
SELECT * FROM touches();
SELECT crm.decide(('account'::regclass, '1'), ('account'::regclass, '2'), 'different');
SELECT crm.resolve_pending() > 0 AS split;
SELECT * FROM touches();
SELECT crm.customer_of('account', '1') AS ann, crm.customer_of('account', '2') AS bob \gset
-- and a record that goes leaves it to the customer's next one
SELECT crm.decide(('account'::regclass, '1'), ('account'::regclass, '3'), 'same');
SELECT crm.resolve_pending() > 0 AS joined;
DELETE FROM account WHERE id = 1;
SELECT crm.resolve_pending() > 0 AS gone;
SELECT * FROM touches();
SELECT anonymous_id, count(*) FROM crm.identification GROUP BY 1 ORDER BY 1;

-- taken back exactly, in any order, and no row of the team's was touched
SELECT crm.unidentify('v1', :passed_on) = :passed_on AS taken_back;
SELECT * FROM touches();
SELECT crm.unidentify('v1') = :first AS taken_back;
SELECT crm.unidentify('v2') > 0 AS taken_back;
SELECT * FROM touches();
SELECT count(*) FROM crm.identification;
SELECT count(*) AS changed FROM (SELECT * FROM touch EXCEPT SELECT * FROM rows_before) d;
SELECT crm.unidentify('v1');

-- what makes no sense
SELECT crm.identify(' ', :bob);
SELECT crm.identify(repeat('x', 2001), :bob);
SELECT crm.identify('v1', :bob, 'infinity');
SELECT crm.identify('v1', 999);
SELECT crm.identify_record('v1', 'account', '77');
SELECT crm.identify('v1', :bob, '2024-03-01') > 0 AS said;
SELECT crm.identify('v1', crm.customer_of('account', '3'), '2024-03-01');
-- a visitor id is a value and nothing else
SELECT crm.identify('x'' OR true --', :bob, '2024-01-01') > 0 AS said;
SELECT * FROM touches();

-- who may
CREATE ROLE regress_identify_mia;
GRANT SELECT ON account, touch TO regress_identify_mia;
SET ROLE regress_identify_mia;
SELECT anonymous_id FROM crm.identified ORDER BY 1;
SELECT crm.identify('v3', :bob);
SELECT crm.unidentify('v1');
SELECT * FROM crm.identification;
SELECT crm.anonymous_customer('v1');
RESET ROLE;
GRANT UPDATE ON touch TO regress_identify_mia;
SET ROLE regress_identify_mia;
SELECT crm.identify('v3', :bob, '2024-06-01') > 0 AS said;
RESET ROLE;
SELECT anonymous_id, identified_by FROM crm.identified ORDER BY 1;
REVOKE SELECT ON account FROM regress_identify_mia;
SET ROLE regress_identify_mia;
SELECT anonymous_id FROM crm.identified;
SELECT crm.identify('v3', :bob);
SELECT crm.unidentify('v3');
RESET ROLE;
-- an index on the visitor is used
INSERT INTO touch SELECT i, NULL, 'other' || i, 'visit', now() FROM generate_series(1000, 6000) i;
CREATE INDEX touch_visitor ON touch (visitor);
ANALYZE touch;
CREATE FUNCTION index_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    plan json;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
    RETURN jsonb_path_query_array(plan::jsonb, '$.**."Index Name"');
END
$$;
SELECT index_of('SELECT FROM touch r WHERE ' || crm.visitor_condition('touch', ARRAY[:bob]::bigint[]));
DROP OWNED BY regress_identify_mia;
DROP ROLE regress_identify_mia;
