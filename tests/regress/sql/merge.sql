\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh

-- a customer, and everything that can refer to one
CREATE EXTENSION btree_gist;
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE DOMAIN score AS integer CHECK (value BETWEEN 1 AND 9);
CREATE TYPE place AS (x double precision, y text);
CREATE TABLE cust (
    tenant integer, id bigint GENERATED ALWAYS AS IDENTITY, code text NOT NULL UNIQUE, email text UNIQUE, name text,
    parent_tenant integer, parent bigint, shout text GENERATED ALWAYS AS (upper(name)) STORED,
    span interval, raw bytea, ratio double precision, words text[], mood mood, score score, at place, during tstzrange, doc json, n numeric,
    PRIMARY KEY (tenant, id), FOREIGN KEY (parent_tenant, parent) REFERENCES cust DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE addr (tenant integer, cust bigint, kind text, street text, zip text, PRIMARY KEY (tenant, cust, kind),
                   FOREIGN KEY (tenant, cust) REFERENCES cust ON DELETE CASCADE);
CREATE TABLE addr_tag (tenant integer, cust bigint, kind text, tag text, PRIMARY KEY (tenant, cust, kind, tag),
                       FOREIGN KEY (tenant, cust, kind) REFERENCES addr ON DELETE RESTRICT);
CREATE TABLE deal (id integer, made date, tenant integer, cust bigint, seller bigint, PRIMARY KEY (id, made),
                   FOREIGN KEY (tenant, cust) REFERENCES cust, FOREIGN KEY (tenant, seller) REFERENCES cust ON DELETE SET NULL)
    PARTITION BY RANGE (made);
CREATE TABLE deal_2024 PARTITION OF deal FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE deal_2025 (cust bigint, tenant integer, seller bigint, made date NOT NULL, id integer NOT NULL);
ALTER TABLE deal ATTACH PARTITION deal_2025 FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE coupon (code text REFERENCES cust (code) ON UPDATE CASCADE, t text);
CREATE TABLE booking (id integer PRIMARY KEY, tenant integer, cust bigint, during daterange,
                      EXCLUDE USING gist (cust WITH =, during WITH &&));
ALTER TABLE booking ADD FOREIGN KEY (tenant, cust) REFERENCES cust NOT VALID;
CREATE TABLE contact (id integer PRIMARY KEY, tenant integer, cust bigint, main boolean, label text, phone text,
                      FOREIGN KEY (tenant, cust) REFERENCES cust);
CREATE UNIQUE INDEX contact_main ON contact (cust) WHERE main;
CREATE UNIQUE INDEX contact_label ON contact (cust, lower(label));
CREATE TABLE visit (tenant integer, cust bigint, n text, FOREIGN KEY (tenant, cust) REFERENCES cust);
CREATE TABLE web_visit (page text) INHERITS (visit);
CREATE TABLE remark (id integer PRIMARY KEY, of_code text);
SELECT crm.register_reference('remark', '{of_code}', 'cust', '{code}');
SELECT crm.register_reference('remark', 'nothing', 'cust');

INSERT INTO cust (tenant, code, email, name, span, raw, ratio, words, mood, score, at, during, doc, n) VALUES
    (1, 'A', 'a@x', 'Ann', '1 day -02:00', '\x00ff', 0.1::float8 + 0.2, '{"a,\"b",NULL}', 'good', 3, '(0.1,"x,y")', '[2024-01-01,)', '{"b":1, "a":1.50}', 1.10),
    (1, 'B', NULL, 'Anne', '-1 mon', NULL, 'NaN', '{}', 'bad', 9, NULL, 'empty', '[1,  2]', 1e30),
    (1, 'C', 'c@x', NULL, NULL, '\x', '-Infinity', NULL, NULL, NULL, '(,)', NULL, NULL, 'NaN');
UPDATE cust SET parent_tenant = 1, parent = CASE id WHEN 1 THEN 2 WHEN 2 THEN 3 ELSE 1 END;
INSERT INTO addr VALUES (1, 1, 'home', 'h1', NULL), (1, 2, 'home', 'h2', 'z2'), (1, 2, 'work', 'w2', NULL), (1, 3, 'work', NULL, 'z3');
INSERT INTO addr_tag VALUES (1, 1, 'home', 'p'), (1, 2, 'home', 'p'), (1, 2, 'home', 'q'), (1, 3, 'work', 'r');
INSERT INTO deal VALUES (1, '2024-05-01', 1, 1, 2), (2, '2024-06-01', 1, 2, 3), (3, '2025-05-01', 1, 3, 1);
INSERT INTO coupon VALUES ('B', 'same'), ('B', 'same'), ('A', 'same');
INSERT INTO booking VALUES (1, 1, 1, '[2024-01-01,2024-02-01)'), (2, 1, 2, '[2024-01-15,2024-03-01)'), (3, 1, 3, '[2024-02-15,2024-04-01)');
INSERT INTO contact VALUES (1, 1, 1, false, 'Desk', NULL), (2, 1, 2, true, 'DESK', '22'), (3, 1, 3, true, 'door', NULL);
INSERT INTO visit VALUES (1, 2, 'x'), (1, 3, 'x');
INSERT INTO web_visit VALUES (1, 2, 'x', '/');
INSERT INTO remark VALUES (1, 'B'), (2, 'Z');

-- every table's rows as text
CREATE FUNCTION content() RETURNS TABLE (tab text, line text) LANGUAGE plpgsql AS $$
BEGIN
    FOR tab IN SELECT c.oid::regclass::text FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
                 AND c.relname NOT IN ('before', 'middle') ORDER BY c.relname LOOP
        RETURN QUERY EXECUTE format('SELECT %L::text, t.*::text FROM ONLY %s t', tab, tab);
    END LOOP;
END $$;
CREATE TABLE before AS SELECT * FROM content();
CREATE FUNCTION lost_or_new() RETURNS TABLE (what text, tab text, line text) LANGUAGE sql AS $$
    SELECT 'lost', l.* FROM (TABLE before EXCEPT ALL SELECT * FROM content()) l
    UNION ALL SELECT 'new', n.* FROM (SELECT * FROM content() EXCEPT ALL TABLE before) n ORDER BY 1, 2, 3 $$;

-- what would change; nothing does
SELECT in_relation, row_key, action, kept_key, after FROM crm.merge_preview('cust', '["1", "1"]', '{"[\"1\", \"2\"]", "[\"1\", \"3\"]"}')
ORDER BY in_relation::text, row_key;
SELECT crm.merge('cust', '["1", "1"]', '{"[\"1\", \"2\"]", "[\"1\", \"3\"]"}', dry_run => true);
SELECT count(*) FROM lost_or_new();
SELECT count(*) FROM crm.merge_log;

-- all at once
BEGIN;
SELECT crm.merge('cust', '["1","1"]', '{"[\"1\",\"2\"]", "[\"1\",\"3\"]"}', 'the same') AS merge \gset
SELECT tenant, id, code, email, name, parent, span, mood FROM cust ORDER BY id;
TABLE addr ORDER BY kind;
TABLE addr_tag ORDER BY kind, tag;
TABLE deal ORDER BY id;
TABLE coupon;
TABLE booking ORDER BY id;
TABLE contact ORDER BY id;
SELECT tableoid::regclass, * FROM visit ORDER BY 1;
TABLE remark ORDER BY id;
COMMIT;
SELECT action, kept_key, before FROM crm.merge_rows_of(:merge) WHERE in_relation = 'cust'::regclass ORDER BY row_key;
-- and back, as it was
SELECT crm.unmerge(:merge);
SELECT * FROM lost_or_new();
SELECT * FROM crm.unmerge_report(:merge);
\set VERBOSITY sqlstate
SELECT crm.unmerge(:merge);
\set VERBOSITY default
SELECT crm.unmerge(NULL);

-- how rows that collide become one
SELECT crm.merge('cust', '["1","1"]', '{"[\"1\",\"2\"]"}', on_collision => 'refuse');
SELECT crm.merge('cust', '["1","1"]', '{"[\"1\",\"2\"]"}', on_collision => 'kepe');
SELECT crm.merge('cust', '["1","1"]', '{"[\"1\",\"2\"]"}', on_collision => 'combine', collisions => '{"public.contact": "keep"}',
                 choose => '{"name": "[\"1\",\"2\"]", "score": {"value": 7}, "email": {"value": null}}') AS merge \gset
SELECT id, email, name, shout, score FROM cust ORDER BY id;
TABLE addr ORDER BY cust, kind;
TABLE contact ORDER BY id;
SELECT crm.unmerge(:merge);
SELECT * FROM lost_or_new();
SELECT crm.merge('cust', '["1","1"]', '{"[\"1\",\"2\"]"}', choose => '{"nam": "x"}');
SELECT crm.merge('cust', '["1","1"]', '{"[\"1\",\"2\"]"}', choose => '{"code": "[\"1\",\"3\"]"}');
SELECT crm.merge('cust', '["1","1"]', '{"[\"1\",\"2\"]"}', choose => '{"code": {"value": "C"}}');

-- rows edited, gone and added since
SELECT crm.merge('cust', '["1","1"]', '{"[\"1\",\"2\"]"}') AS merge \gset
UPDATE deal SET cust = 3 WHERE id = 2;
UPDATE remark SET of_code = 'Q' WHERE id = 1;
DELETE FROM addr_tag WHERE tag = 'q';
INSERT INTO remark VALUES (9, 'A');
UPDATE cust SET name = 'Anna' WHERE id = 1;
SELECT crm.unmerge(:merge, edited => 'refuse');
SELECT in_relation, row_key, action, wanted, found FROM crm.unmerge_preview(:merge) WHERE action NOT IN ('insert', 'update') ORDER BY in_relation::text, row_key;
SELECT crm.unmerge(:merge);
SELECT * FROM crm.unmerge_report(:merge) ORDER BY in_relation::text, row_key;
SELECT * FROM lost_or_new();

-- the team's triggers fire, and are told of; or are skipped
CREATE TABLE person (id integer PRIMARY KEY, name text, touched integer DEFAULT 0);
CREATE TABLE task (id integer PRIMARY KEY, person integer REFERENCES person, touched integer DEFAULT 0);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.touched := NEW.touched + 1; RETURN NEW; END $$;
CREATE FUNCTION complain() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '% %', TG_OP, TG_TABLE_NAME; RETURN NULL; END $$;
INSERT INTO person VALUES (1, 'a'), (2, 'b');
INSERT INTO task VALUES (1, 2), (2, 2), (3, 1);
CREATE TRIGGER touch BEFORE UPDATE ON task FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER complain AFTER UPDATE ON task EXECUTE FUNCTION complain();
ALTER TABLE task ENABLE ALWAYS TRIGGER complain;
SELECT crm.merge('person', '1', '{2}') AS merge \gset
TABLE task ORDER BY id;
SELECT crm.unmerge(:merge);
TABLE task ORDER BY id;
SELECT * FROM crm.unmerge_report(:merge) ORDER BY row_key;
UPDATE task SET touched = 0;
SELECT crm.merge('person', '1', '{2}') AS merge \gset
SELECT crm.unmerge(:merge, triggers => 'skip');
SELECT * FROM crm.unmerge_report(:merge);
TABLE task ORDER BY id;
SELECT tgname, tgenabled FROM pg_trigger WHERE tgrelid = 'task'::regclass AND NOT tgisinternal ORDER BY 1;
-- a trigger that keeps rows from going stops the merge
CREATE FUNCTION stay() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER stay BEFORE DELETE ON person FOR EACH ROW EXECUTE FUNCTION stay();
SELECT crm.merge('person', '1', '{2}');
DROP TRIGGER stay ON person;

-- what cannot be merged says so
CREATE VIEW people AS TABLE person;
SELECT crm.merge('people', '1', '{2}');
SELECT crm.merge('pg_class', '1', '{2}');
SELECT crm.merge('crm.row_merge', '1', '{2}');
SELECT crm.merge('deal_2024', '1', '{2}');
SELECT crm.merge('coupon', '1', '{2}');
SELECT crm.merge('person', '1', '{1}');
SELECT crm.merge('person', '1', '{}');
SELECT crm.merge('person', '1', '{7}');
SELECT crm.merge('cust', '1', '{2}');
SELECT crm.merge('person', '1', '{x}');
CREATE TABLE made (id integer PRIMARY KEY, raw integer, person integer GENERATED ALWAYS AS (raw) STORED REFERENCES person);
INSERT INTO made VALUES (1, 2);
SELECT crm.merge('person', '1', '{2}');
DROP TABLE made;
CREATE RULE quiet AS ON UPDATE TO task DO INSTEAD NOTHING;
SELECT crm.merge('person', '1', '{2}');
DROP RULE quiet ON task;
CREATE TABLE log (person integer REFERENCES person);
INSERT INTO log VALUES (2);
SET client_min_messages = error;
CREATE PUBLICATION merge_test FOR TABLE log;
RESET client_min_messages;
SELECT crm.merge('person', '1', '{2}');
DROP PUBLICATION merge_test;
SELECT crm.merge('person', '1', '{2}') AS merge \gset
SELECT crm.merge('person', '2', '{1}');
-- columns come and go between merge and unmerge
DROP VIEW people;
ALTER TABLE person ADD COLUMN fresh text DEFAULT 'f';
ALTER TABLE person DROP COLUMN touched;
SELECT crm.unmerge(:merge);
TABLE person ORDER BY id;
TABLE log;
