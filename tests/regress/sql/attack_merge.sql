-- Whatever hangs on a team's table runs with the rights of whoever merges, as if he had written there himself, and never with
-- those of the extension. Eve owns tables on which everything that can hold code says as whom it runs.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh

CREATE ROLE regress_merge_eve;
CREATE ROLE regress_merge_adam;
CREATE SCHEMA eve AUTHORIZATION regress_merge_eve;
SET ROLE regress_merge_eve;
-- fails unless it runs as Eve, whatever is asked of it
CREATE FUNCTION eve.spy(place text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE COST 1 AS $$
BEGIN
    IF current_user <> 'regress_merge_eve' OR (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        RAISE EXCEPTION 'Eve''s % runs as %', place, current_user;
    END IF;
    RETURN true;
END
$$;
CREATE FUNCTION eve.trigger_spy() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM eve.spy(TG_NAME);
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END
$$;
CREATE DOMAIN eve.word AS text CHECK (eve.spy('domain'));
CREATE TYPE eve.pair AS (a eve.word, b integer);
-- a type with operators of its own
CREATE FUNCTION eve.pair_cmp(eve.pair, eve.pair) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    PERFORM eve.spy('operator class');
    RETURN btrecordcmp($1, $2);
END
$$;
CREATE FUNCTION eve.pair_eq(eve.pair, eve.pair) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN eve.spy('operator') AND record_eq($1, $2);
END
$$;
CREATE OPERATOR eve.= (LEFTARG = eve.pair, RIGHTARG = eve.pair, FUNCTION = eve.pair_eq, COMMUTATOR = OPERATOR(eve.=));
CREATE FUNCTION eve.pair_text(eve.pair) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN (eve.spy('cast'))::text || ($1).a;
END
$$;
CREATE CAST (eve.pair AS text) WITH FUNCTION eve.pair_text(eve.pair) AS IMPLICIT;
CREATE FUNCTION eve.pair_json(eve.pair) RETURNS json LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    PERFORM eve.spy('cast to json');
    RETURN '{}'::json;
END
$$;
CREATE CAST (eve.pair AS json) WITH FUNCTION eve.pair_json(eve.pair);
CREATE TABLE eve.client (
    id integer PRIMARY KEY, name eve.word DEFAULT CASE WHEN eve.spy('default') THEN 'x' END CHECK (eve.spy('check')), p eve.pair,
    made integer GENERATED ALWAYS AS (CASE WHEN eve.spy('generated column') THEN id END) STORED);
CREATE UNIQUE INDEX ON eve.client ((CASE WHEN eve.spy('index expression') THEN id END)) WHERE eve.spy('index predicate');
CREATE STATISTICS eve.s ON (CASE WHEN eve.spy('statistics') THEN id END), name FROM eve.client;
CREATE TABLE eve.orders (
    id integer PRIMARY KEY, client integer DEFAULT CASE WHEN eve.spy('default of a child') THEN 1 END REFERENCES eve.client ON DELETE SET DEFAULT,
    word eve.word, p eve.pair, CHECK (eve.spy('check of a child')),
    made integer GENERATED ALWAYS AS (CASE WHEN eve.spy('generated column of a child') THEN id END) STORED);
CREATE UNIQUE INDEX ON eve.orders (client, (CASE WHEN eve.spy('index expression of a child') THEN word::text END)) WHERE eve.spy('index predicate of a child');
CREATE TABLE eve.visit (id serial PRIMARY KEY, client integer REFERENCES eve.client DEFERRABLE INITIALLY DEFERRED, at int4range,
    EXCLUDE USING gist (int4range(client, client, '[]') WITH &&, at WITH &&) WHERE (eve.spy('exclusion predicate')));
CREATE TABLE eve.parted (client integer REFERENCES eve.client, id integer) PARTITION BY RANGE ((CASE WHEN eve.spy('partition key') THEN id END));
CREATE TABLE eve.parted_1 PARTITION OF eve.parted DEFAULT;
INSERT INTO eve.client (id, name, p) VALUES (1, 'Ann', ('a', 1)), (2, 'Anne', ('b', 2)), (3, 'Anna', NULL);
INSERT INTO eve.orders (id, client, word, p) VALUES (10, 1, 'w', ('a', 1)), (20, 2, 'w', ('b', 2)), (30, 2, 'v', NULL);
INSERT INTO eve.visit (client, at) VALUES (1, '[1,5)'), (2, '[3,9)'), (2, '[10,11)');
INSERT INTO eve.parted VALUES (2, 1), (3, 2);
ANALYZE eve.client, eve.orders;
DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY '{client,orders,visit,parted}'::text[] LOOP
        EXECUTE format('CREATE TRIGGER before_row BEFORE INSERT OR UPDATE OR DELETE ON eve.%I FOR EACH ROW EXECUTE FUNCTION eve.trigger_spy()', t);
        EXECUTE format('CREATE TRIGGER after_row AFTER INSERT OR UPDATE OR DELETE ON eve.%I FOR EACH ROW EXECUTE FUNCTION eve.trigger_spy()', t);
        EXECUTE format('CREATE TRIGGER before_statement BEFORE INSERT OR UPDATE OR DELETE ON eve.%I EXECUTE FUNCTION eve.trigger_spy()', t);
        EXECUTE format('CREATE CONSTRAINT TRIGGER deferred AFTER INSERT OR UPDATE OR DELETE ON eve.%I DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION eve.trigger_spy()', t);
        EXECUTE format('ALTER TABLE eve.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY spying ON eve.%I USING (eve.spy(''policy'')) WITH CHECK (eve.spy(''policy check''))', t);
    END LOOP;
END
$$;

-- She merges, looks, takes back.
\pset tuples_only on
SELECT crm.merge('eve.client', '1', '{2}', dry_run => true) IS NULL;
SELECT crm.merge('eve.client', '1', '{2,3}') AS merge_id \gset
SELECT id, name, p FROM eve.client ORDER BY 1;
SELECT id, client FROM eve.orders ORDER BY 1;
SELECT count(*) FROM crm.merge_log;
SELECT crm.resolve_key('eve.client', '2');
SELECT count(*) >= 0 FROM crm.unmerge(:merge_id, dry_run => true);
SELECT count(*) >= 0 FROM crm.unmerge(:merge_id);
SELECT id, name, p FROM eve.client ORDER BY 1;
SELECT id, client FROM eve.orders ORDER BY 1;

-- Somebody else: without rights on her tables he is told nothing of her merges and takes none back. (Planning runs her constants as
-- whoever asks, before his rights are looked at, here as in any SELECT of his; it is he who would have been hurt.)
SELECT crm.merge('eve.client', '1', '{2}') AS merge_id \gset
DROP POLICY spying ON eve.client;
RESET ROLE;
GRANT USAGE ON SCHEMA eve TO regress_merge_adam;
GRANT CREATE ON SCHEMA public TO regress_merge_adam;
SET ROLE regress_merge_adam;
SELECT count(*) FROM crm.merge_log;
SELECT count(*) FROM crm.merge_rows_of(:merge_id);
SELECT crm.resolve_key('eve.client', '2');
SELECT crm.unmerge(:merge_id);
SELECT * FROM crm.unmerge_preview(:merge_id);
SELECT crm.merge('eve.client', '1', '{2}');
-- nor does he get at the log or at what lends rights
CREATE FUNCTION outcome(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ': ' || SQLERRM;
END
$$;
SELECT outcome(s) FROM unnest(ARRAY[
    'SELECT FROM crm.row_merge', 'UPDATE crm.row_merge SET merged_by = current_user', 'INSERT INTO crm.merge_change DEFAULT VALUES', 'DELETE FROM crm.merge_change',
    'SELECT FROM crm.merge_change', 'SELECT FROM crm.merge_redirected', 'SELECT FROM crm.merge_finding', 'SELECT FROM crm.merge_held',
    'SELECT crm.merge_run(''eve.client'', ''1'', ''{3}'', NULL, false, ''{}'', ''keep'', ''{}'', ''rules'', false)',
    'SELECT crm.unmerge_run(1, false, ''fire'', ''keep'', ''keep'')', 'SELECT crm.merge_rows(NULL, ''SELECT 1'')',
    'SELECT crm.merge_rows(''eve.client'', ''SELECT 1'')', 'SELECT crm.present_rows(''eve.client'', ''[]'')', 'SELECT crm.kept_key(''eve.client'', ''2'')',
    'SELECT crm.resolve_key_query(''eve.client'', ''2'')', 'SELECT crm.next_merge(''eve.client'', ''2'', 0)', 'SELECT crm.silence_triggers(1)']) s;

-- A trigger that merges, or calls what stands open during a merge, while rows are merged.
CREATE TABLE thing (id integer PRIMARY KEY);
CREATE TABLE part (thing integer REFERENCES thing);
INSERT INTO thing VALUES (1), (2), (3);
INSERT INTO part VALUES (2);
CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE NOTICE '% as %: %, %', TG_OP, current_user, outcome('SELECT crm.merge(''thing'', ''1'', ''{3}'')'),
                 outcome('SELECT * FROM crm.merge_rows(NULL, ''SELECT 1'') AS t (a integer)');
    RETURN NEW;
END
$$;
CREATE TRIGGER meddle BEFORE UPDATE ON part FOR EACH ROW EXECUTE FUNCTION meddle();
SELECT crm.merge('thing', '1', '{2}') > 0;
SELECT * FROM part;
-- and one that takes the role or the settings with it
CREATE OR REPLACE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE NOTICE '%', outcome('SET ROLE postgres');
    RAISE NOTICE '%', outcome('SET SESSION AUTHORIZATION postgres');
    PERFORM set_config('search_path', 'eve', false);
    RETURN NEW;
END
$$;
SELECT crm.merge('thing', '3', '{1}') > 0;
SELECT current_user, current_schemas(false);
\pset tuples_only off

RESET ROLE;
SET client_min_messages = warning;
DROP OWNED BY regress_merge_eve, regress_merge_adam CASCADE;
DROP ROLE regress_merge_eve, regress_merge_adam;
