\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh

-- What the team added since a merge and refers to a key that goes back, goes with it: whatever its foreign key would do.
CREATE TABLE client (id integer PRIMARY KEY, name text, code text UNIQUE);
CREATE TABLE place (client integer REFERENCES client, kind text, PRIMARY KEY (client, kind));
CREATE TABLE nulled (id integer PRIMARY KEY, client integer, kind text, FOREIGN KEY (client, kind) REFERENCES place ON UPDATE SET NULL);
CREATE TABLE defaulted (id integer PRIMARY KEY, client integer, kind text, FOREIGN KEY (client, kind) REFERENCES place ON UPDATE SET DEFAULT);
CREATE TABLE strict (id integer PRIMARY KEY, client integer NOT NULL, kind text, FOREIGN KEY (client, kind) REFERENCES place);
CREATE TABLE restricted (id integer PRIMARY KEY, client integer, kind text, FOREIGN KEY (client, kind) REFERENCES place ON UPDATE RESTRICT);
CREATE TABLE cascading (id integer PRIMARY KEY, client integer, kind text, FOREIGN KEY (client, kind) REFERENCES place ON UPDATE CASCADE);
CREATE TABLE keyless (client integer, kind text, what text, FOREIGN KEY (client, kind) REFERENCES place ON UPDATE SET NULL);
CREATE TABLE tag (client integer, kind text, tag text, PRIMARY KEY (client, kind, tag), FOREIGN KEY (client, kind) REFERENCES place);
CREATE TABLE tagged (id integer PRIMARY KEY, client integer, kind text, tag text,
                     FOREIGN KEY (client, kind, tag) REFERENCES tag ON UPDATE SET NULL);
CREATE TABLE soft (id integer PRIMARY KEY, code text);
SELECT crm.register_reference('soft', '{code}', 'client', '{code}');
CREATE FUNCTION everything() RETURNS TABLE (in_table text, "row" text) LANGUAGE plpgsql AS $$
BEGIN
    FOREACH in_table IN ARRAY ARRAY['client', 'place', 'nulled', 'defaulted', 'strict', 'restricted', 'cascading', 'keyless', 'tag', 'tagged', 'soft'] LOOP
        RETURN QUERY EXECUTE format('SELECT %L, t::text FROM %I t ORDER BY t::text', in_table, in_table);
    END LOOP;
END
$$;
INSERT INTO client VALUES (1, 'Ann', 'A'), (2, 'Anne', 'B'), (3, 'Bob', 'C');
INSERT INTO place VALUES (1, 'home'), (2, 'work'), (3, 'work');
INSERT INTO nulled VALUES (1, 2, 'work');
INSERT INTO keyless VALUES (2, 'work', 'same');
INSERT INTO strict VALUES (1, 1, 'home');
INSERT INTO soft VALUES (1, 'B');
CREATE TEMP TABLE original AS SELECT * FROM everything();

SELECT crm.merge('client', '1', '{2}', choose => '{"code": "2"}') AS merge_id \gset
INSERT INTO nulled VALUES (2, 1, 'work'), (3, 1, 'home');
INSERT INTO defaulted VALUES (2, 1, 'work');
INSERT INTO strict VALUES (2, 1, 'work');
INSERT INTO restricted VALUES (2, 1, 'work');
INSERT INTO cascading VALUES (2, 1, 'work');
INSERT INTO keyless VALUES (1, 'work', 'same'), (1, 'work', 'same');
INSERT INTO tag VALUES (1, 'work', 'x');
INSERT INTO tagged VALUES (2, 1, 'work', 'x');
INSERT INTO soft VALUES (2, 'B');
UPDATE strict SET kind = 'work' WHERE id = 1;
SELECT in_relation, row_key, action, wanted FROM crm.unmerge_preview(:merge_id) ORDER BY 1, 2, 3;
SELECT crm.unmerge(:merge_id);
-- all that was there is there again, and of the rest nothing refers to nothing
TABLE original EXCEPT ALL SELECT * FROM everything();
SELECT * FROM everything() EXCEPT ALL TABLE original ORDER BY 1, 2;
SELECT * FROM crm.unmerge_report(:merge_id);

-- a value that would go back to the row that had it: refused where the foreign key would take the reference along, when it is merged,
-- and when it is taken back if the foreign key acts only since
CREATE TABLE bycode (id integer PRIMARY KEY, code text REFERENCES client (code) ON UPDATE CASCADE);
INSERT INTO bycode VALUES (1, 'B');
SELECT crm.merge('client', '1', '{2}', choose => '{"code": "2"}');
ALTER TABLE bycode DROP CONSTRAINT bycode_code_fkey, ADD FOREIGN KEY (code) REFERENCES client (code);
SELECT crm.merge('client', '1', '{2}', choose => '{"code": "2"}') AS merge_id \gset
ALTER TABLE bycode DROP CONSTRAINT bycode_code_fkey, ADD FOREIGN KEY (code) REFERENCES client (code) ON UPDATE CASCADE;
SELECT crm.unmerge(:merge_id);
TABLE bycode;
ALTER TABLE bycode DROP CONSTRAINT bycode_code_fkey, ADD FOREIGN KEY (code) REFERENCES client (code);
SELECT crm.unmerge(:merge_id) > 0 AS unmerged;
TABLE bycode;
TABLE client ORDER BY id;

-- a table that referred is gone since: what the merge knew of its rows went with it, and the rest is taken back
CREATE TABLE brief (id integer PRIMARY KEY, client integer REFERENCES client);
INSERT INTO brief VALUES (1, 2);
SELECT crm.merge('client', '1', '{2}') AS merge_id \gset
SELECT count(*) FROM crm.merge_rows_of(:merge_id) WHERE in_relation = 'brief'::regclass;
DROP TABLE brief;
SELECT crm.unmerge(:merge_id) > 0 AS unmerged;
SELECT * FROM crm.unmerge_report(:merge_id);
TABLE client ORDER BY id;
