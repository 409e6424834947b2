-- The values of a kept row by the rules of golden values, and what a merge and its taking back are refused for by name.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set VERBOSITY default

CREATE TABLE client (id integer PRIMARY KEY, name text, email text UNIQUE, street text, zip text, city text NOT NULL, since timestamptz, note text);
INSERT INTO client VALUES
    (1, 'J. Lee', 'old@example.com', 'Main Street 1', NULL, 'Ulm', '2020-01-01', 'kept'),
    (2, 'Jane Anne Lee', 'new@example.com', 'Side Street 2', '89073', 'Ulm', '2024-01-01', 'lost'),
    (3, 'Jane Lee', NULL, 'side street 2', '89073', 'Neu-Ulm', '2022-01-01', NULL);
SELECT count(*) > 0 AS adopted FROM crm.adopt('client', 'customer', columns => '{"id": "id", "full_name": "name", "email": "email", "address": "street",
    "postcode": "zip", "city": "city", "created_at": "since"}');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT crm.backfill_room('client', 'customer') IS NOT NULL AS filled;
COMMIT;

-- without a rule the kept row's own; golden: the most recent, an address from one row; rules: only where one was set
SELECT action, row_key, after FROM crm.merge_preview('client', '1', '{2,3}') WHERE action = 'update';
SELECT action, row_key, after FROM crm.merge_preview('client', '1', '{2,3}', values_by => 'golden') WHERE action = 'update';
SELECT crm.set_survivorship('name', 'longest');
SELECT action, row_key, after FROM crm.merge_preview('client', '1', '{2,3}') WHERE action = 'update';
SELECT action, row_key, after FROM crm.merge_preview('client', '1', '{2,3}', values_by => 'keeper') WHERE action = 'update';
SELECT crm.set_survivorship('name', 'most_frequent'), crm.set_survivorship('email', 'manual');
SELECT action, row_key, after FROM crm.merge_preview('client', '1', '{2,3}', values_by => 'golden') WHERE action = 'update';
-- what is chosen by hand goes before all rules; a column that may not be empty stays filled
SELECT action, row_key, after FROM crm.merge_preview('client', '1', '{2,3}', values_by => 'golden', choose => '{"name": "3", "street": {"value": "Elsewhere"}}') WHERE action = 'update';
SELECT crm.merge('client', '1', '{2,3}', dry_run => true, values_by => 'golden');
SELECT crm.merge('client', '1', '{2,3}', values_by => 'gold');
SELECT crm.set_survivorship('name', 'longest');
CREATE TABLE before AS TABLE client;
SELECT crm.merge('client', '1', '{2,3}') AS merge_id \gset
TABLE client;
SELECT state, changed FROM crm.merge_log;
SELECT crm.unmerge(:merge_id);
SELECT count(*) AS different FROM ((TABLE before EXCEPT TABLE client) UNION ALL (TABLE client EXCEPT TABLE before)) d;

-- a redirect is demanded, never installed
CREATE TABLE orders (id integer PRIMARY KEY, client integer REFERENCES client);
CREATE TABLE visit (id integer PRIMARY KEY, of integer REFERENCES client);
SELECT crm.merge('client', '1', '{2}', redirect => true);
SELECT crm.install_redirect('orders', '{client}');
SELECT crm.merge('client', '1', '{2}', redirect => true);
SELECT crm.install_redirect('visit', '{of}');
ALTER TABLE visit DISABLE TRIGGER USER;
SELECT crm.merge('client', '1', '{2}', redirect => true);
ALTER TABLE visit ENABLE TRIGGER USER;
SELECT crm.merge('client', '1', '{2}', redirect => true) AS merge_id \gset
INSERT INTO orders VALUES (1, 2) RETURNING *;
INSERT INTO visit VALUES (1, 2) RETURNING *;

-- who may not see that a row was merged gets the answer of one that never was
CREATE ROLE regress_merge_values_clerk;
GRANT SELECT, UPDATE, DELETE ON client TO regress_merge_values_clerk;
SELECT crm.merge('client', '3', '{2}');
ALTER TABLE client ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON client TO regress_merge_values_clerk USING (id = 3);
SET ROLE regress_merge_values_clerk;
SELECT crm.merge('client', '3', '{2}'); -- merged away
SELECT crm.merge('client', '3', '{1}'); -- hidden
SELECT crm.merge('client', '3', '{9}'); -- never there
RESET ROLE;
DROP POLICY p ON client;
ALTER TABLE client DISABLE ROW LEVEL SECURITY;

-- forgotten: it cannot be taken back, its keys lead where they did
SELECT crm.forget_merges(NULL);
SELECT crm.forget_merges(now() - interval '1 day') AS forgotten;
SELECT item, amount, hint FROM crm.status WHERE item = 'merges';
SELECT crm.forget_merges(clock_timestamp()) AS forgotten;
SELECT crm.forget_merges(clock_timestamp()) AS forgotten;
SELECT item FROM crm.status WHERE item = 'merges';
SELECT merge_id, state, changed FROM crm.merge_log ORDER BY 1;
SELECT crm.resolve_key('client', '2');
INSERT INTO orders VALUES (2, 2) RETURNING *;
SELECT * FROM crm.merge_rows_of(:merge_id);
\set VERBOSITY terse
SELECT crm.unmerge(:merge_id);
\set VERBOSITY default
SET ROLE regress_merge_values_clerk;
SELECT crm.forget_merges(now());
RESET ROLE;
DROP OWNED BY regress_merge_values_clerk;
DROP ROLE regress_merge_values_clerk;

-- a key that would return and that somebody uses, with and without a later merge
TRUNCATE orders, visit, client;
INSERT INTO client (id, name, email, city) SELECT n, 'client ' || n, n || '@example.com', 'Ulm' FROM generate_series(1, 5) n;
SELECT crm.merge('client', '1', '{2}') AS m12 \gset
SELECT crm.merge('client', '3', '{4}') AS m34 \gset
INSERT INTO client (id, name, email, city) VALUES (6, 'another', '2@example.com', 'Ulm');
SELECT crm.unmerge(:m12);
SELECT crm.merge('client', '5', '{1}') AS m51 \gset
SELECT crm.unmerge(:m12);
SELECT crm.unmerge(:m51) > 0 AS unmerged;
SELECT crm.unmerge(:m34) > 0 AS unmerged;
SELECT crm.unmerge(:m12);
DELETE FROM client WHERE id = 6;
SELECT crm.unmerge(:m12) > 0 AS unmerged;
-- what a trigger of the team's says is not said for it
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE unique_violation USING MESSAGE = 'not today'; END$$;
SELECT crm.merge('client', '1', '{2}') AS m12 \gset
CREATE TRIGGER refuse BEFORE INSERT ON client FOR EACH ROW EXECUTE FUNCTION refuse();
\set VERBOSITY sqlstate
SELECT crm.unmerge(:m12);
\set VERBOSITY default
DROP TRIGGER refuse ON client;
SELECT crm.unmerge(:m12) > 0 AS unmerged;

-- unique indexes that stand on single partitions
CREATE TABLE event (id integer, client integer REFERENCES client, kind text, day date) PARTITION BY LIST (kind);
CREATE TABLE event_call PARTITION OF event FOR VALUES IN ('call');
CREATE TABLE event_mail (day date, kind text, client integer, id integer);
ALTER TABLE event ATTACH PARTITION event_mail FOR VALUES IN ('mail');
CREATE TABLE event_rest PARTITION OF event DEFAULT;
ALTER TABLE event ADD PRIMARY KEY (id, kind);
CREATE UNIQUE INDEX once_a_day ON event_mail (client, day);
CREATE UNIQUE INDEX early ON event_call (client) WHERE day < '2024-01-01';
INSERT INTO event VALUES (1, 1, 'mail', '2024-01-01'), (2, 2, 'mail', '2024-01-01'), (3, 2, 'mail', '2024-01-02'), (4, 1, 'call', '2024-01-01'),
    (5, 2, 'call', '2024-01-01'), (6, 1, 'call', '2023-01-01'), (7, 2, 'call', '2023-02-02'), (8, 1, 'fax', '2024-01-01'), (9, 2, 'fax', '2024-01-01');
SELECT row_key, action, kept_key FROM crm.merge_preview('client', '1', '{2}') WHERE in_relation = 'event'::regclass ORDER BY 1;
SELECT crm.merge('client', '1', '{2}', on_collision => 'refuse');
CREATE TABLE event_before AS TABLE event;
SELECT crm.merge('client', '1', '{2}') AS m12 \gset
SELECT id, client, kind, day FROM event ORDER BY id;
SELECT crm.unmerge(:m12) > 0 AS unmerged;
SELECT count(*) AS different FROM ((TABLE event_before EXCEPT TABLE event) UNION ALL (TABLE event EXCEPT TABLE event_before)) d;

-- a reference that is mapped as an expression
CREATE TABLE ticket (id integer PRIMARY KEY, ref text, subject text);
INSERT INTO ticket VALUES (1, 'C-2', 'of 2'), (2, 'C-3', 'of 3');
SELECT count(*) > 0 AS adopted FROM crm.adopt('ticket', 'ticket', columns => '{"id": "id", "subject": "subject",
    "customer": {"column": "substr(ref, 3)::integer", "of": "public.client"}}');
SELECT crm.merge('client', '1', '{2}');
SELECT crm.merge('client', '1', '{4}') AS m14 \gset
SELECT crm.unmerge(:m14) > 0 AS unmerged;
UPDATE ticket SET ref = 'C-1' WHERE id = 1;
SELECT crm.merge('client', '1', '{2}') > 0 AS merged;
