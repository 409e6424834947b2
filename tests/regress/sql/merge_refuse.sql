-- What merge refuses, by name and before anything changes.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh

CREATE ROLE regress_merge_owner;
CREATE ROLE regress_merge_clerk;
CREATE ROLE regress_merge_other;
GRANT CREATE ON SCHEMA public TO regress_merge_owner, regress_merge_other;
-- What a statement says; nothing of it stays.
CREATE FUNCTION outcome(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text;
    hint text;
BEGIN
    EXECUTE statement;
    RAISE EXCEPTION SQLSTATE 'ZZZZZ';
EXCEPTION
    WHEN SQLSTATE 'ZZZZZ' THEN
        RETURN 'done';
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
        RETURN concat_ws(E'\n', SQLSTATE || ': ' || SQLERRM, nullif(detail, ''), nullif(hint, ''));
END
$$;

SET ROLE regress_merge_owner;
CREATE TABLE client (id integer PRIMARY KEY, name text, email text UNIQUE, tenant integer, UNIQUE (tenant, id));
INSERT INTO client SELECT n, 'client ' || n, n || '@example.com', n / 10 FROM generate_series(1, 30) n;
CREATE TABLE orders (id integer PRIMARY KEY, client integer REFERENCES client, note text);
INSERT INTO orders SELECT n, n, 'note ' || n FROM generate_series(1, 30) n;
\pset tuples_only on

-- Rows and keys
SELECT outcome(format('SELECT crm.merge(%s)', s)) FROM unnest(ARRAY[
    $$'client', '1', '{1}'$$, $$'client', '1', '{2,1}'$$, $$'client', '1', '{}'$$, $$'client', '1', NULL$$, $$'client', NULL, '{1}'$$,
    $$NULL, '1', '{2}'$$, $$'client', '1', '{NULL}'$$, $$'client', '1', '{2,2}'$$, $$'client', '99', '{2}'$$, $$'client', '1', '{2,99}'$$,
    $$'client', 'one', '{2}'$$, $$'client', '1', '{two}'$$, $$'client', '["1"]', '{2}'$$, $$'client', '01', '{ 2}'$$, $$'client', '1', '{{2},{3}}'$$,
    $$'client', 'abc', '{2}'$$, $$'client', '99999999999', '{2}'$$, $$'client', '1', '{2,02}'$$, $$'client', '1', '{3, 01}'$$]) s;
CREATE TABLE pair (a integer, b text, PRIMARY KEY (b, a), note text);
INSERT INTO pair VALUES (1, 'x'), (2, 'x'), (3, 'q"');
SELECT outcome(format('SELECT crm.merge(%s)', s)) FROM unnest(ARRAY[
    $$'pair', '["x", "1"]', '{x}'$$, $$'pair', '["x"]', ARRAY['["x", "2"]']$$, $$'pair', '["x", "1", "1"]', ARRAY['["x", "2"]']$$,
    $$'pair', '["x", "1"]', ARRAY['["1", "x"]']$$, $$'pair', '{"b": "x", "a": 1}', ARRAY['["x", "2"]']$$, $$'pair', '["x", null]', ARRAY['["x", "2"]']$$,
    $$'pair', '["x", "1"]', ARRAY['["x", "2"]', '["q\"", "3"]']$$]) s;

-- Relations
CREATE TABLE keyless (id integer);
CREATE VIEW clients AS SELECT * FROM client;
CREATE MATERIALIZED VIEW client_copy AS SELECT * FROM client;
CREATE SEQUENCE numbers;
CREATE TABLE parts (id integer PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts DEFAULT;
INSERT INTO parts VALUES (1), (2);
CREATE TABLE person (id integer PRIMARY KEY);
CREATE TABLE employee () INHERITS (person);
INSERT INTO person VALUES (1), (2);
INSERT INTO employee VALUES (1), (3);
CREATE TEMP TABLE fleeting (id integer PRIMARY KEY);
INSERT INTO fleeting VALUES (1), (2);
SELECT outcome(format('SELECT crm.merge(%s, ''1'', ''{2}'')', s)) FROM unnest(ARRAY[
    $$'keyless'$$, $$'clients'$$, $$'client_copy'$$, $$'numbers'$$, $$'parts_1'$$, $$'parts'$$, $$'person'$$, $$'fleeting'$$, $$'pg_class'$$, $$'client_pkey'$$]) s;
RESET ROLE;
SELECT outcome(format('SELECT crm.merge(%s, ''1'', ''{2}'')', s)) FROM unnest(ARRAY[$$'crm.unit'$$, $$'crm.merge_log'$$, $$'pg_authid'$$]) s;
SET ROLE regress_merge_owner;

-- A foreign key on a generated column, direct and below
CREATE TABLE made (id integer PRIMARY KEY, raw integer, client integer GENERATED ALWAYS AS (raw + 1) STORED REFERENCES client);
INSERT INTO made VALUES (1, 1);
SELECT outcome($$SELECT crm.merge('client', '1', '{2}')$$);
SELECT outcome($$SELECT crm.merge('client', '1', '{3}')$$); -- nothing refers to it by that, but something may
DROP TABLE made;

-- Published for updates without replica identity, the child and the table itself
CREATE TABLE bare (client integer REFERENCES client, n integer);
INSERT INTO bare VALUES (2, 1);
RESET ROLE;
SET client_min_messages = error; -- wal_level
CREATE PUBLICATION regress_merge_p FOR TABLE bare;
RESET client_min_messages;
SET ROLE regress_merge_owner;
SELECT outcome($$SELECT crm.merge('client', '1', '{2}')$$);
ALTER TABLE bare REPLICA IDENTITY FULL;
SELECT outcome($$SELECT crm.merge('client', '1', '{2}')$$);
RESET ROLE;
DROP PUBLICATION regress_merge_p;
SET ROLE regress_merge_owner;
DROP TABLE bare;
-- the table itself, though it has a primary key; by its schema, by all; where only inserts are sent it does not matter
ALTER TABLE client REPLICA IDENTITY NOTHING;
RESET ROLE;
SET client_min_messages = error;
CREATE PUBLICATION regress_merge_p FOR TABLES IN SCHEMA public;
SELECT outcome($$SELECT crm.merge('client', '1', '{2}')$$);
DROP PUBLICATION regress_merge_p;
CREATE PUBLICATION regress_merge_p FOR ALL TABLES;
SELECT outcome($$SELECT crm.merge('client', '1', '{2}')$$);
DROP PUBLICATION regress_merge_p;
CREATE PUBLICATION regress_merge_p FOR TABLE client WITH (publish = 'insert, truncate');
SELECT outcome($$SELECT crm.merge('client', '1', '{2}')$$);
DROP PUBLICATION regress_merge_p;
RESET client_min_messages;
SET ROLE regress_merge_owner;
ALTER TABLE client REPLICA IDENTITY DEFAULT;

-- A rule on what refers, and a foreign table, alone and as a partition
CREATE RULE quiet AS ON UPDATE TO orders DO INSTEAD NOTHING;
SELECT outcome($$SELECT crm.merge('client', '1', '{2}')$$);
DROP RULE quiet ON orders;
RESET ROLE;
CREATE FOREIGN DATA WRAPPER regress_merge_wrapper;
CREATE SERVER regress_merge_server FOREIGN DATA WRAPPER regress_merge_wrapper;
CREATE FOREIGN TABLE elsewhere (id integer) SERVER regress_merge_server;
CREATE TABLE partly (id integer) PARTITION BY LIST (id);
CREATE FOREIGN TABLE partly_1 PARTITION OF partly DEFAULT SERVER regress_merge_server;
SELECT outcome(format('SELECT crm.merge(%s, ''1'', ''{2}'')', s)) FROM unnest(ARRAY[$$'elsewhere'$$, $$'partly'$$, $$'partly_1'$$]) s;
DROP TABLE partly;
DROP FOREIGN DATA WRAPPER regress_merge_wrapper CASCADE;
SET ROLE regress_merge_owner;

-- A row that was merged away: as the one to keep, to lose, and through a chain
BEGIN;
SELECT crm.merge('client', '1', '{2}') > 0, crm.merge('client', '3', '{1}') > 0;
SELECT outcome(format('SELECT crm.merge(%s)', s)) FROM unnest(ARRAY[$$'client', '2', '{4}'$$, $$'client', '4', '{1}'$$]) s;
SELECT crm.resolve_key('client', '2');
ROLLBACK;

-- Rights: the table, a child, a column of a child
RESET ROLE;
GRANT SELECT ON client TO regress_merge_clerk;
SET ROLE regress_merge_clerk;
SELECT outcome($$SELECT crm.merge('client', '1', '{2}')$$);
RESET ROLE;
GRANT UPDATE, DELETE ON client TO regress_merge_clerk;
SET ROLE regress_merge_clerk;
SELECT outcome($$SELECT crm.merge('client', '1', '{2}')$$);
RESET ROLE;
GRANT SELECT ON orders TO regress_merge_clerk;
SET ROLE regress_merge_clerk;
SELECT outcome($$SELECT crm.merge('client', '1', '{2}')$$);
RESET ROLE;
GRANT UPDATE (client) ON orders TO regress_merge_clerk;
SET ROLE regress_merge_clerk;
SELECT outcome($$SELECT crm.merge('client', '1', '{2}')$$);

-- Rows that the caller may not see: of the table, of a child
SET ROLE regress_merge_owner;
ALTER TABLE client ENABLE ROW LEVEL SECURITY;
CREATE POLICY low ON client USING (id < 20);
SET ROLE regress_merge_clerk;
SELECT outcome($$SELECT crm.merge('client', '1', '{2}')$$);
SELECT outcome($$SELECT crm.merge('client', '1', '{21}')$$);
SELECT outcome($$SELECT crm.merge('client', '21', '{1}')$$);
SET ROLE regress_merge_owner;
ALTER TABLE client DISABLE ROW LEVEL SECURITY;
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY low ON orders USING (id < 20);
SET ROLE regress_merge_clerk;
SELECT outcome($$SELECT crm.merge('client', '1', '{2}')$$);
SELECT outcome($$SELECT crm.merge('client', '1', '{21}')$$);
-- seen, but not to be changed
SET ROLE regress_merge_owner;
DROP POLICY low ON orders;
CREATE POLICY seen ON orders FOR SELECT USING (true);
CREATE POLICY changed ON orders FOR UPDATE USING (id < 20);
SET ROLE regress_merge_clerk;
SELECT outcome($$SELECT crm.merge('client', '1', '{2}')$$);
SELECT outcome($$SELECT crm.merge('client', '1', '{21}')$$);
-- a check of a policy that the repointed row does not pass
SET ROLE regress_merge_owner;
DROP POLICY changed ON orders;
CREATE POLICY changed ON orders FOR UPDATE USING (true) WITH CHECK (client <> 1);
SET ROLE regress_merge_clerk;
SELECT outcome($$SELECT crm.merge('client', '1', '{2}')$$);
SET ROLE regress_merge_owner;
ALTER TABLE orders DISABLE ROW LEVEL SECURITY;

-- A table of somebody else that refers to it
GRANT REFERENCES ON client TO regress_merge_other;
SET ROLE regress_merge_other;
CREATE TABLE theirs (id integer PRIMARY KEY, client integer REFERENCES client ON DELETE CASCADE);
INSERT INTO theirs VALUES (1, 2);
SET ROLE regress_merge_owner;
SELECT outcome($$SELECT crm.merge('client', '1', '{2}')$$);
SET ROLE regress_merge_other;
DROP TABLE theirs;
SET ROLE regress_merge_owner;

-- What a constraint says that no policy of merging can mend
CREATE TABLE introduction (id integer PRIMARY KEY, who integer REFERENCES client, whom integer REFERENCES client, CHECK (who <> whom));
INSERT INTO introduction VALUES (1, 1, 2);
SELECT outcome($$SELECT crm.merge('client', '1', '{2}')$$);
DROP TABLE introduction;

-- Nothing of all that was done
SELECT count(*), sum(id) FROM client;
SELECT count(*), bool_and(id = client) FROM orders;
SELECT count(*) FROM crm.merge_log;

RESET ROLE;
DROP OWNED BY regress_merge_owner, regress_merge_clerk, regress_merge_other;
DROP ROLE regress_merge_owner, regress_merge_clerk, regress_merge_other;
