-- Shares of single records: who may give what to whom, for how long, and when they end.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
CREATE ROLE regress_share_owner;
CREATE ROLE regress_share_anna;
CREATE ROLE regress_share_ben;
CREATE ROLE regress_share_carl;
CREATE ROLE regress_share_dora;
CREATE ROLE regress_share_eve;
SELECT crm.create_role('rep'), crm.create_role('lead'), crm.create_role('guest');
SELECT crm.grant_privilege('rep', 'opportunity', p) FROM unnest('{read,update}'::text[]) p;
SELECT crm.grant_privilege('lead', 'opportunity', p, 'below') FROM unnest('{read,update,share}'::text[]) p;
SELECT count(crm.create_principal(p, role_name => ('regress_share_' || p)::name)) FROM unnest('{owner,anna,ben,carl,dora}'::text[]) p;
SELECT crm.create_principal('crew', kind => 'team'), crm.create_principal('south');
SELECT crm.create_unit('acme', 'Acme Ltd'), crm.create_unit('north', 'North', members => '{"anna": "lead"}'),
       crm.create_unit('oslo', 'Oslo', parent => 'north', members => '["carl"]'), crm.create_unit('south', 'South', members => '{"ben": "rep"}'),
       crm.create_unit('old', 'Old');
SELECT crm.add_team_member('crew', 'dora') > 0 AS added, crm.retire_unit('old');

CREATE TABLE deals (id integer PRIMARY KEY, region text, amount integer);
CREATE TABLE plain (id integer PRIMARY KEY);
INSERT INTO deals SELECT i, CASE WHEN i <= 5 THEN 'north' ELSE 'south' END, 10 * i FROM generate_series(1, 9) i;
ALTER TABLE deals OWNER TO regress_share_owner;
GRANT SELECT, UPDATE, DELETE ON deals TO PUBLIC;
SELECT count(*) FROM crm.protect('deals', '{"organisation": "region"}', object => 'opportunity');
CREATE FUNCTION sees(person text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    ids text;
BEGIN
    PERFORM set_config('role', 'regress_share_' || person, true);
    SELECT string_agg(id::text, ' ' ORDER BY id) INTO ids FROM deals;
    PERFORM set_config('role', 'none', true);
    RETURN ids;
END
$$;
SELECT p, sees(p) FROM unnest('{owner,anna,ben,carl,dora}'::text[]) p;

-- the owner shares what he does not even see
SET ROLE regress_share_owner;
SELECT crm.share('deals', '1', 'ben') > 0 AS shared;
SELECT crm.share('deals', '2', 'unit:north', '{update}', reason => 'help') > 0 AS shared;
SELECT crm.share('deals', '6', 'crew', '{delete,read,delete}') > 0 AS shared;
RESET ROLE;
SELECT p, sees(p) FROM unnest('{owner,anna,ben,carl,dora}'::text[]) p;
-- with these privileges and no others
SET ROLE regress_share_carl;
UPDATE deals SET amount = 0 RETURNING id;
DELETE FROM deals RETURNING id;
SET ROLE regress_share_ben;
UPDATE deals SET amount = amount + 1 WHERE id = 1 RETURNING id;
SELECT id, amount FROM deals WHERE id IN (1, 6) ORDER BY 1;
RESET ROLE;

-- again: another end, other privileges, the same share
SET ROLE regress_share_owner;
SELECT count(DISTINCT s) AS shares FROM (SELECT crm.share('deals', '1', 'ben', '{update}') UNION ALL SELECT crm.share('deals', '1', 'BEN', '{update}', reason => 'together')) x (s);
SELECT relation, key, grantee_kind, grantee, privileges, until, reason, shared_by, mine, with_me, state FROM crm.share_list ORDER BY id;
SET ROLE regress_share_ben;
UPDATE deals SET amount = 11 WHERE id = 1 RETURNING id;
SELECT key, grantee, privileges, reason, shared_by, mine, with_me FROM crm.share_list ORDER BY id;
SET ROLE regress_share_carl;
SELECT key, grantee_kind, grantee, with_me FROM crm.share_list ORDER BY id;
SET ROLE regress_share_eve;
SELECT count(*) FROM crm.share_list;
RESET ROLE;
SELECT count(*) FROM crm.share_list;

-- what cannot be
SET ROLE regress_share_owner;
SELECT crm.share('deals', '99', 'ben');
SELECT crm.share('deals', 'x', 'ben');
SELECT crm.share('deals', '01', 'ben');
SELECT crm.share('deals', NULL, 'ben');
SELECT crm.share('plain', '1', 'ben');
SELECT crm.share('deals', '1', 'south');
SELECT crm.share('deals', '1', 'unit:south') > 0 AS unit, crm.share('deals', '1', 'principal:south') > 0 AS principal;
SELECT crm.unshare('deals', '1', 'unit:south'), crm.unshare('deals', '1', 'principal:SOUTH');
SELECT crm.share('deals', '1', 'bem');
SELECT crm.share('deals', '1', 'unit:nort');
SELECT crm.share('deals', '1', 'principal:north');
SELECT crm.share('deals', '1', NULL);
SELECT crm.share('deals', '1', 'old');
SELECT crm.share('deals', '1', 'ben', '{reed}');
SELECT crm.share('deals', '1', 'ben', '{create}');
SELECT crm.share('deals', '1', 'ben', '{NULL}');
\set VERBOSITY terse
SELECT crm.share('deals', '1', 'ben', until => now());
\set VERBOSITY default
SELECT crm.share('deals', '1', 'ben', NULL) > 0 AS read_at_least;

-- A principal with share on the record: by its role ...
SET ROLE regress_share_anna;
SELECT crm.share('deals', '3', 'ben', '{read,update}') > 0 AS shared, crm.share('deals', '3', 'carl', '{read,share}', until => now() + interval '1 day') > 0 AS shared;
SELECT crm.share('deals', '3', 'anna');
SELECT crm.share('deals', '3', 'dora', '{delete}');
SELECT crm.share('deals', '7', 'dora');
SELECT crm.share('deals', '99', 'dora');
-- ... by a share
SET ROLE regress_share_carl;
SELECT crm.share('deals', '3', 'dora', '{update}');
\set VERBOSITY terse
SELECT crm.share('deals', '3', 'dora', until => now() + interval '2 days');
\set VERBOSITY default
SELECT crm.share('deals', '3', 'dora', '{share}') > 0 AS passed_on;
SELECT s.until = p.until AS ends_with_it, s.passed_on_from = p.id AS rests_on_it FROM crm.share_list s, crm.share_list p
WHERE s.key = '3' AND s.grantee = 'dora' AND p.key = '3' AND p.grantee = 'carl';
SELECT crm.share('deals', '2', 'dora');
-- two who share with each other do not carry each other
SET ROLE regress_share_dora;
SELECT crm.share('deals', '3', 'carl', '{share}') > 0 AS back;
SET ROLE regress_share_carl;
SELECT crm.share('deals', '3', 'dora', '{share}') > 0 AS again;
RESET ROLE;
SELECT s.shared_by, s.grantee, p.shared_by AS rests_on FROM crm.share_list s LEFT JOIN crm.share_list p ON p.id = s.passed_on_from
WHERE s.key = '3' ORDER BY s.id;
-- ... not without it
SET ROLE regress_share_ben;
SELECT crm.share('deals', '3', 'dora');
SELECT crm.share('deals', '7', 'dora');
SELECT crm.share('deals', '4', 'dora');
SELECT crm.share('deals', '99', 'dora');
SET ROLE regress_share_eve;
SELECT crm.share('deals', '1', 'ben');
SELECT crm.unshare('deals', '1', 'ben');
RESET ROLE;
REVOKE SELECT ON deals FROM PUBLIC;
SET ROLE regress_share_anna;
SELECT crm.share('deals', '3', 'dora');
SELECT crm.share('deals', '99', 'dora');
RESET ROLE;
GRANT SELECT ON deals TO PUBLIC;
-- what is made smaller is smaller for those who got it from there
SET ROLE regress_share_anna;
SELECT crm.share('deals', '3', 'carl', '{update,share}', until => now() + interval '1 hour') > 0 AS changed;
SET ROLE regress_share_carl;
SELECT crm.share('deals', '3', 'dora', '{update,share}') > 0 AS changed;
SET ROLE regress_share_anna;
SELECT crm.share('deals', '3', 'carl', '{share}', until => now() + interval '5 minutes') > 0 AS changed;
RESET ROLE;
SELECT grantee, privileges, until < now() + interval '6 minutes' AS soon FROM crm.share_list WHERE key = '3' AND state = 'active' ORDER BY id;
SELECT p, sees(p) FROM unnest('{ben,carl,dora}'::text[]) p;
-- the one who has it by a share ends only what he gave himself
SET ROLE regress_share_dora;
SELECT crm.unshare('deals', '3', 'ben');
SELECT crm.unshare('deals', '99', 'ben');
SELECT crm.unshare('deals', '7', 'ben');
SELECT crm.unshare('deals', '3', 'carl');
-- taken back: with all that was passed on
SET ROLE regress_share_anna;
SELECT crm.unshare('deals', '3', 'carl');
SELECT crm.unshare('deals', '3', 'carl');
RESET ROLE;
SELECT p, sees(p) FROM unnest('{ben,carl,dora}'::text[]) p;
SELECT grantee, state FROM crm.share_list WHERE key = '3' ORDER BY id;
-- of whom one has lost: what he shared stays, and he may end it
SELECT crm.remove_member('anna', 'north');
SET ROLE regress_share_anna;
SELECT crm.share('deals', '3', 'dora');
SELECT crm.unshare('deals', '3', 'ben');
RESET ROLE;
SELECT crm.add_member('anna', 'north', 'lead') > 0 AS added, sees('ben');

-- an end by the clock, without a job: not over when the statement began that gave it, over when the next one of the same transaction begins
BEGIN;
DO $$
BEGIN
    PERFORM pg_sleep(0.001);
    PERFORM crm.share('deals', '4', 'ben', until => clock_timestamp());
    RAISE NOTICE 'ben sees %', sees('ben');
END
$$;
SELECT sees('ben');
COMMIT;
-- a denial wins, and what is denied is not listed
SELECT crm.share('deals', '5', 'ben') > 0 AS shared, sees('ben');
SELECT crm.deny('ben', 'opportunity', 'read', 'north'), sees('ben');
SET ROLE regress_share_ben;
SELECT key, state FROM crm.share_list ORDER BY id;
SELECT crm.share('deals', '5', 'dora');
RESET ROLE;
SELECT crm.undeny('ben', 'opportunity', 'read', 'north'), sees('ben');

-- The record goes: nobody inherits its key.
DELETE FROM deals WHERE id = 5;
INSERT INTO deals VALUES (5, 'north', 50);
UPDATE deals SET id = 11 WHERE id = 1;
INSERT INTO deals VALUES (1, 'north', 10);
SELECT sees('ben'), (SELECT count(*) FROM crm.share_list WHERE state = 'active' AND key IN ('1', '5')) AS active;
SELECT crm.share('deals', k, 'ben') > 0 AS shared FROM unnest('{1,2,5}'::text[]) k;
UPDATE deals SET amount = 7, id = id WHERE id = 1;
SELECT sees('ben');
DELETE FROM deals;
INSERT INTO deals SELECT i, 'north', 10 * i FROM generate_series(1, 9) i;
SELECT sees('ben'), (SELECT count(*) FROM crm.share_list WHERE state = 'active') AS active;
SELECT crm.share('deals', '1', 'ben') > 0 AS shared, crm.share('deals', '2', 'ben') > 0 AS shared;
TRUNCATE deals;
INSERT INTO deals SELECT i, 'north', 10 * i FROM generate_series(1, 9) i;
SELECT sees('ben');
-- what no trigger saw
SELECT crm.share('deals', '1', 'ben') > 0 AS shared, crm.share('deals', '2', 'ben') > 0 AS shared;
SET session_replication_role = replica;
DELETE FROM deals WHERE id = 1;
RESET session_replication_role;
SELECT item, amount, detail, hint FROM crm.doctor() WHERE item LIKE 'shares%';
SELECT crm.remove_orphan_shares(), crm.remove_orphan_shares('deals');
SELECT count(*) FROM crm.doctor() WHERE item LIKE 'shares%';

-- A person leaves: what was shared with her ends, with what she passed on.
SELECT crm.share('deals', '4', 'ben', '{share}') > 0 AS shared;
SET ROLE regress_share_ben;
SELECT crm.share('deals', '4', 'dora') > 0 AS passed_on;
RESET ROLE;
SELECT what, ended FROM crm.retire_principal('ben');
SELECT sees('dora'), count(*) FROM crm.share_list WHERE state = 'active';

-- Keys: partitions, several columns, text, uuid, an id that is an expression
CREATE TABLE visit (region text, no bigint, note text, PRIMARY KEY (region, no)) PARTITION BY LIST (region);
CREATE TABLE visit_north PARTITION OF visit FOR VALUES IN ('north');
CREATE TABLE visit_south (note text, no bigint NOT NULL, region text NOT NULL, PRIMARY KEY (region, no));
ALTER TABLE visit ATTACH PARTITION visit_south FOR VALUES IN ('south');
CREATE TABLE word (id text PRIMARY KEY, region text);
CREATE TABLE thing (id uuid PRIMARY KEY, region text);
CREATE TABLE person (id integer PRIMARY KEY, gone integer, region text);
ALTER TABLE person DROP COLUMN gone;
INSERT INTO visit SELECT r, n, 'x' FROM unnest('{north,south}'::text[]) r, generate_series(1, 3) n;
INSERT INTO word VALUES ('a "b"', 'north'), ('c', 'north');
INSERT INTO thing VALUES ('6ba7b810-9dad-11d1-80b4-00c04fd430c8', 'north');
INSERT INTO person VALUES (1, 'north'), (2, 'north');
SELECT count(*) > 0 AS adopted FROM crm.adopt('person', 'customer', columns => '{"id": "''p'' || id", "unit": "region"}');
DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY '{visit,word,thing,person}'::text[] LOOP
        EXECUTE format('GRANT SELECT ON %I TO PUBLIC', t);
        PERFORM crm.protect(t::regclass, '{"organisation": "region"}', object => 'opportunity');
    END LOOP;
END
$$;
SELECT crm.share('visit', '["north","1"]', 'dora') > 0 AS shared, crm.share('visit_south', '[ "south", "2"]', 'dora') > 0 AS by_partition,
       crm.share('word', 'a "b"', 'dora') > 0 AS word, crm.share('thing', '6ba7b810-9dad-11d1-80b4-00c04fd430c8', 'dora') > 0 AS thing,
       crm.share('person', 'p2', 'dora') > 0 AS person;
SELECT relation, key FROM crm.share_list WHERE state = 'active' ORDER BY id;
SET ROLE regress_share_dora;
SELECT region, no FROM visit ORDER BY 1, 2;
SELECT id FROM word;
SELECT id FROM thing;
SELECT id FROM person;
RESET ROLE;
SELECT crm.share('visit', '["north"]', 'dora');
SELECT crm.share('visit', 'north', 'dora');
SELECT crm.share('visit', '["north",null]', 'dora');
SELECT crm.share('thing', '6BA7B810-9DAD-11D1-80B4-00C04FD430C8', 'dora');
SELECT crm.share('person', '2', 'dora');
DELETE FROM visit_south WHERE no = 2;
DELETE FROM visit WHERE region = 'north' AND no = 1;
DELETE FROM person WHERE id = 2;
UPDATE word SET id = 'd' WHERE id = 'a "b"';
SELECT relation, key, state FROM crm.share_list WHERE relation <> 'deals'::regclass ORDER BY id;
SELECT crm.share('visit', '["south","1"]', 'dora') > 0 AS shared, crm.share('visit', '["north","2"]', 'dora') > 0 AS shared;
TRUNCATE visit_south;
UPDATE visit SET no = 7 WHERE region = 'north' AND no = 2;
SELECT relation, key, state FROM crm.share_list WHERE relation = 'visit'::regclass ORDER BY id;
-- unprotected or dropped: forgotten, and nothing is left on the table
SELECT crm.unprotect('visit');
DROP TABLE word;
SELECT relation, record_key FROM crm.shared_record WHERE relation NOT IN ('deals'::regclass, 'person'::regclass) ORDER BY id;
SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE tgname LIKE 'crm_unshare%' ORDER BY tgrelid::regclass::text, tgname;

-- An application that connects as the owner acts for whoever its token names, and so does a superuser.
SELECT crm.rotate_token_key() <> '' AS key;
SELECT crm.issue_token('anna') AS anna \gset
INSERT INTO deals VALUES (20, 'south', 20);
SET ROLE regress_share_owner;
SELECT crm.share('deals', '20', 'dora') > 0 AS as_owner;
SET crm.token = :'anna';
SELECT crm.share('deals', '20', 'dora');
SELECT crm.unshare('deals', '20', 'dora');
SELECT crm.share('deals', '6', 'dora', '{delete}');
SELECT crm.share('deals', '6', 'dora') > 0 AS as_anna;
SELECT key, grantee, shared_by FROM crm.share_list WHERE state = 'active' ORDER BY id;
SELECT * FROM crm.explain_access('dora', 'deals', '6');
SELECT granted, kind, role FROM crm.explain_access('anna', 'deals', '6');
SELECT * FROM crm.explain_access('anna', 'deals', '20');
SELECT count(*) FROM crm.who_can_access('deals', '6');
SELECT * FROM crm.who_can_access('deals', '20');
RESET ROLE;
SELECT crm.share('deals', '20', 'carl');
SELECT count(*) FROM crm.share_list WHERE shared_by <> 'anna';
COPY (SELECT 1) TO PROGRAM 'cat >/dev/null; rm crm_token.keys';
SELECT crm.share('deals', '6', 'carl');
SELECT count(*) FROM crm.share_list;
SELECT * FROM crm.explain_access('anna', 'deals', '6');
RESET crm.token;
SELECT crm.share('deals', '20', 'carl') > 0 AS as_superuser;

-- Any bigint is a key, and what is none is the key of no record.
CREATE TABLE flake (id bigint PRIMARY KEY, region text);
ALTER TABLE flake OWNER TO regress_share_owner;
INSERT INTO flake SELECT id, 'south' FROM unnest('{9223372036854775807,-9223372036854775808,1234567890123456789}'::bigint[]) id;
GRANT SELECT ON flake TO regress_share_dora;
SET ROLE regress_share_owner;
SELECT room FROM crm.protect('flake', '{"organisation": "region"}');
SELECT count(crm.share('flake', id::text, 'dora')) FROM unnest('{9223372036854775807,-9223372036854775808}'::bigint[]) id;
SELECT crm.share('flake', '9223372036854775808', 'dora');
SELECT crm.share('flake', '12345678901234567890', 'dora');
SET ROLE regress_share_dora;
SELECT id FROM flake ORDER BY id;
RESET ROLE;

-- Nobody writes shares past these functions.
SET ROLE regress_share_dora;
INSERT INTO crm.shared_record (relation, record_key, principal, privileges, during, shared_by) VALUES ('deals', '1', 'dora', '{read}', '[,]', 'me');
SELECT crm.end_shares('{1}');
SELECT crm.remove_orphan_shares();
SELECT crm.unshare_gone();
RESET ROLE;

DROP OWNED BY regress_share_owner;
DROP ROLE regress_share_owner, regress_share_anna, regress_share_ben, regress_share_carl, regress_share_dora, regress_share_eve;
