-- References to rows that were merged away: resolve_key finds the row that stands for them, a redirect sends them there.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
CREATE ROLE regress_redirect_owner;
CREATE ROLE regress_redirect_app;
GRANT CREATE ON SCHEMA public TO regress_redirect_owner;
SET ROLE regress_redirect_owner;

CREATE TABLE client (id integer PRIMARY KEY, name text, code text UNIQUE, tenant date, no numeric, UNIQUE (tenant, no));
INSERT INTO client SELECT n, 'client ' || n, 'C' || n, '2024-01-31', n FROM generate_series(1, 9) n;
CREATE TABLE orders (id integer PRIMARY KEY, client integer REFERENCES client, note text);
CREATE TABLE by_code (id integer PRIMARY KEY, code text REFERENCES client (code));
CREATE TABLE by_both (id integer PRIMARY KEY, n numeric, day date, FOREIGN KEY (day, n) REFERENCES client (tenant, no));
CREATE TABLE event (id integer, client bigint REFERENCES client, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE event_1 (note text, client bigint, id integer NOT NULL);
ALTER TABLE event_1 DROP COLUMN note;
ALTER TABLE event ATTACH PARTITION event_1 FOR VALUES FROM (0) TO (10);

-- chains, never merged, unknown, taken back
SELECT crm.merge('client', '1', '{2}') AS m12 \gset
SELECT crm.merge('client', '3', '{1,4}') AS m31 \gset
SELECT k, crm.resolve_key('client', k) FROM unnest('{1,2,3,4,5,99,NULL}'::text[]) k;
DELETE FROM client WHERE id = 3;
SELECT crm.resolve_key('client', '2'); -- what it became is gone
INSERT INTO client (id, name) VALUES (2, 'another one');
SELECT crm.resolve_key('client', '2');
SELECT crm.merge('client', '9', '{2}') AS m92 \gset
SELECT crm.resolve_key('client', '2');
SELECT crm.unmerge(:m92) > 0;
DELETE FROM client WHERE id = 2;
INSERT INTO client (id, name) VALUES (3, 'client 3');
SELECT crm.unmerge(:m31) > 0;
SELECT k, crm.resolve_key('client', k) FROM unnest('{1,2,3,4}'::text[]) k;
SELECT crm.unmerge(:m12) > 0;
SELECT crm.resolve_key('client', '2');
-- back and forth: 1 went into 2 after 2 had gone into 1
SELECT crm.merge('client', '1', '{2}') AS m12 \gset
INSERT INTO client (id, name) VALUES (2, 'again');
SELECT crm.merge('client', '2', '{1}') AS m21 \gset
SELECT k, crm.resolve_key('client', k) FROM unnest('{1,2}'::text[]) k;
DELETE FROM client WHERE id = 2;
SELECT k, crm.resolve_key('client', k) FROM unnest('{1,2}'::text[]) k;
INSERT INTO client (id, name) VALUES (2, 'again');
-- what is no key
SELECT crm.resolve_key('client', 'two');
SELECT crm.resolve_key('orders', '["1"]');
CREATE TABLE keyless (id integer);
SELECT crm.resolve_key('keyless', '1');

-- who may ask: who may read the row that it leads to
RESET ROLE;
GRANT INSERT, SELECT, UPDATE ON orders TO regress_redirect_app;
SET ROLE regress_redirect_app;
SELECT crm.resolve_key('client', '1');
RESET ROLE;
GRANT SELECT ON client TO regress_redirect_app;
ALTER TABLE client ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON client FOR SELECT TO regress_redirect_app USING (id > 2);
SET ROLE regress_redirect_app;
SELECT crm.resolve_key('client', '1') IS NULL AS not_told, crm.resolve_key('client', '5');
RESET ROLE;
DROP POLICY p ON client;
ALTER TABLE client DISABLE ROW LEVEL SECURITY;
-- a definer's function of somebody else does not lend him the rights of who calls it
CREATE FUNCTION lend() RETURNS text LANGUAGE sql SECURITY DEFINER AS $$SELECT crm.resolve_key('client', '1')$$;
ALTER FUNCTION lend() OWNER TO regress_redirect_app;
REVOKE SELECT ON client FROM regress_redirect_app;
SELECT lend();

-- redirects: installed by the owner
SET ROLE regress_redirect_app;
SELECT crm.install_redirect('orders', '{client}');
SET ROLE regress_redirect_owner;
SELECT crm.install_redirect('orders', '{clint}');
SELECT crm.install_redirect('orders', '{note}');
SELECT crm.install_redirect('keyless', '{id}');
SELECT crm.install_redirect('event_1', '{client}');
SELECT crm.install_redirect('orders', '{client}');
SELECT crm.install_redirect('orders', '{client}');
SELECT crm.install_redirect('by_code', '{code}');
SELECT crm.install_redirect('by_both', '{n,day}');
SELECT crm.install_redirect('event', '{client}');
SELECT * FROM crm.redirect ORDER BY trigger;

-- what they do: 1 is 2 now, 4 is 5, 6 is 7, 7 is 8
INSERT INTO orders VALUES (1, 1, 'for 1') RETURNING *;
SELECT crm.merge('client', '5', '{4}') AS m54, crm.merge('client', '7', '{6}') AS m76, crm.merge('client', '8', '{7}') AS m87 \gset
SET ROLE regress_redirect_app;
INSERT INTO orders VALUES (2, 4, 'for 4'), (3, 6, 'for 6'), (4, 9, 'for 9'), (5, NULL, 'for nobody') RETURNING id, client;
UPDATE orders SET client = 7 WHERE id = 4 RETURNING id, client;
UPDATE orders SET note = note || '!' WHERE id = 4 RETURNING id, client;
INSERT INTO orders VALUES (6, 99);
INSERT INTO orders VALUES (2, 6) ON CONFLICT (id) DO UPDATE SET client = excluded.client RETURNING id, client;
SET ROLE regress_redirect_owner;
INSERT INTO by_code VALUES (1, 'C4'), (2, 'C6'), (3, 'C9'), (4, NULL) RETURNING *;
INSERT INTO by_code VALUES (5, 'C99');
SET DateStyle = 'German';
INSERT INTO by_both VALUES (1, 6, '31.1.2024') RETURNING *;
INSERT INTO by_both VALUES (2, 6, NULL) RETURNING *;
RESET DateStyle;
INSERT INTO event VALUES (1, 6);
INSERT INTO event_1 (id, client) VALUES (2, 4);
CREATE TABLE event_2 PARTITION OF event DEFAULT;
\set QUIET on
COPY event FROM stdin (DELIMITER ',');
20,7
\.
\set QUIET off
SELECT tableoid::regclass, * FROM event ORDER BY id;
-- renamed, the trigger follows; without its foreign key it does nothing
ALTER TABLE orders RENAME client TO "the client";
ALTER TABLE client RENAME id TO "No.";
ALTER TABLE client RENAME TO "Client";
INSERT INTO orders VALUES (7, 6) RETURNING *;
ALTER TABLE "Client" RENAME TO client;
ALTER TABLE client RENAME "No." TO id;
INSERT INTO orders VALUES (8, 6) RETURNING *;
ALTER TABLE orders RENAME "the client" TO client;
ALTER TABLE event DROP CONSTRAINT event_client_fkey;
INSERT INTO event VALUES (3, 6) RETURNING *;
SELECT relation, refers_to FROM crm.redirect ORDER BY trigger;

-- a chain whose last row the team deleted leads nowhere, and the error names what was written
CREATE TABLE loose (id integer PRIMARY KEY);
INSERT INTO loose VALUES (1), (2), (3);
CREATE TABLE tied (loose integer REFERENCES loose);
SELECT crm.install_redirect('tied', '{loose}');
SELECT crm.merge('loose', '2', '{1}') > 0;
DELETE FROM loose WHERE id = 2;
INSERT INTO tied VALUES (1);

-- taking back: what was meant for a row goes home where that is asked for
SELECT crm.unmerge(:m87, added => 'back') > 0;
SELECT id, client FROM orders WHERE id IN (2, 3, 4) ORDER BY id;
SELECT crm.unmerge(:m76, added => 'back') > 0;
SELECT id, client FROM orders WHERE id IN (2, 3, 4) ORDER BY id;
SELECT crm.unmerge(:m54) > 0;
INSERT INTO orders VALUES (9, 4), (10, 6) RETURNING id, client;

-- nobody else is told, and the trigger says where it belongs
-- (it may be executed by all, or no owner could create a partition; but it tells only owners who may read the other table)
RESET ROLE;
GRANT REFERENCES ON client TO regress_redirect_app;
GRANT CREATE ON SCHEMA public TO regress_redirect_app;
SET ROLE regress_redirect_app;
CREATE TABLE mine (client integer REFERENCES client);
CREATE TRIGGER t BEFORE INSERT OR UPDATE OF client ON mine FOR EACH ROW EXECUTE FUNCTION crm.redirect_reference();
INSERT INTO mine VALUES (1);
SELECT crm.install_redirect('mine', '{client}');
SELECT crm.follow_reference('client', '{id}', 'orders', '{client}', '{1}', 0, '{}');
SELECT crm.remove_redirect('orders');
RESET ROLE;
CREATE TRIGGER t AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION crm.redirect_reference();
INSERT INTO orders VALUES (11, 5);
DROP TRIGGER t ON orders;

DROP TABLE mine;

-- leaving
SET ROLE regress_redirect_owner;
SELECT crm.remove_redirect('orders', '{note}'), crm.remove_redirect('orders', '{client}'), crm.remove_redirect('orders');
INSERT INTO orders VALUES (12, 1);
SELECT crm.disown_all();
SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE NOT tgisinternal AND tgrelid::regclass::text NOT LIKE '%.%' ORDER BY 1;
RESET ROLE;
DROP OWNED BY regress_redirect_owner, regress_redirect_app CASCADE;
DROP ROLE regress_redirect_owner, regress_redirect_app;
