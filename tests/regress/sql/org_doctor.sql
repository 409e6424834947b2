-- doctor(): whatever goes past policies is found, and what its hint says takes the finding away.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh

CREATE ROLE regress_doctor_owner;
GRANT CREATE ON SCHEMA public TO regress_doctor_owner;
CREATE ROLE regress_doctor_app LOGIN;
CREATE ROLE regress_doctor_bypass LOGIN BYPASSRLS;
CREATE ROLE regress_doctor_reader LOGIN IN ROLE pg_read_all_data, pg_read_server_files;
SELECT crm.create_unit('acme', 'Acme Ltd', 'business');
SELECT crm.create_unit('north', parent => 'acme');
SELECT crm.create_principal(p, role_name => ('regress_doctor_' || p)::name) FROM unnest('{owner,app,reader}'::text[]) p;
SELECT crm.create_role('manager');
SELECT crm.grant_privilege('manager', '*', 'read', 'below');
SELECT count(crm.add_member('owner', 'acme', 'manager'));
CREATE TABLE deals (id integer PRIMARY KEY, unit text, owner text, email text, price numeric, note text) PARTITION BY RANGE (id);
CREATE TABLE deals_1 PARTITION OF deals FOR VALUES FROM (0) TO (10000);
CREATE TABLE deals_2 PARTITION OF deals FOR VALUES FROM (10000) TO (20000);
ALTER TABLE deals OWNER TO regress_doctor_owner;
ALTER TABLE deals_1 OWNER TO regress_doctor_owner;
ALTER TABLE deals_2 OWNER TO regress_doctor_owner;
CREATE TABLE flat (id integer PRIMARY KEY, unit text, email text CONSTRAINT flat_email UNIQUE, code text, price numeric, kind text, words tsvector, note text);
CREATE TYPE mood AS ENUM ('good', 'bad');
ALTER TABLE flat ADD mood mood;
ALTER TABLE flat OWNER TO regress_doctor_owner;
GRANT SELECT ON deals, flat TO regress_doctor_app;
SET ROLE regress_doctor_owner;
SELECT count(*) FROM crm.protect('deals', '{"organisation": "unit"}', owner_column => 'owner');
SELECT count(*) FROM crm.protect('flat', '{"organisation": "unit"}');
SELECT crm.count_unmapped('deals'), crm.count_unmapped('flat');
RESET ROLE;
-- what is there on any server is not shown here
CREATE VIEW finding AS
    SELECT item, state, detail, hint FROM crm.org_doctor() WHERE item <> 'role postgres';
SELECT * FROM finding ORDER BY item COLLATE "C", detail COLLATE "C";
-- Takes the hint of each finding in turn, until none with a hint that can be typed is left; says what was typed.
CREATE FUNCTION cure(OUT typed text, OUT left_over bigint) RETURNS SETOF record LANGUAGE plpgsql AS $$
DECLARE
    f record;
BEGIN
    FOR f IN SELECT * FROM finding ORDER BY state, item COLLATE "C" DESC, detail COLLATE "C" LOOP
        typed := f.hint;
        IF NOT EXISTS (SELECT FROM finding n WHERE (n.item, n.detail) = (f.item, f.detail)) THEN
            CONTINUE; -- another hint took it away
        END IF;
        IF f.hint IS NOT NULL THEN
            EXECUTE f.hint;
        END IF;
        SELECT count(*) INTO left_over FROM finding n WHERE (n.item, n.detail) = (f.item, f.detail);
        RETURN NEXT;
    END LOOP;
END
$$;
SELECT * FROM cure();
SELECT * FROM finding;

-- roles
GRANT SELECT ON pg_statistic TO regress_doctor_app;
SELECT * FROM finding ORDER BY item COLLATE "C", detail COLLATE "C";
SELECT * FROM cure();

-- enforcement: FORCE, ROW SECURITY, a policy, a partition's, the trigger, a policy beside, TRUNCATE, a stranger
ALTER TABLE deals NO FORCE ROW LEVEL SECURITY;
ALTER TABLE flat DISABLE ROW LEVEL SECURITY;
DROP POLICY crm_delete ON deals_1;
ALTER TABLE deals_2 DISABLE TRIGGER crm_assign;
CREATE POLICY everybody ON flat USING (true);
CREATE POLICY fewer ON flat AS RESTRICTIVE USING (true);
GRANT TRUNCATE ON flat, deals_1 TO regress_doctor_app, regress_doctor_reader;
CREATE ROLE regress_doctor_stranger LOGIN;
GRANT SELECT ON flat TO regress_doctor_stranger;
SELECT * FROM finding ORDER BY item COLLATE "C", detail COLLATE "C";
SELECT * FROM cure();
SELECT * FROM finding;
DROP TRIGGER crm_assign ON flat;
SELECT * FROM cure();
SELECT relname, relrowsecurity, relforcerowsecurity, (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid) AS policies,
       (SELECT count(*) FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = 'crm_assign' AND t.tgenabled = 'O') AS triggers
FROM pg_class c WHERE relname IN ('deals', 'deals_1', 'deals_2', 'flat') ORDER BY 1;

-- views, materialized views, functions
CREATE VIEW all_deals AS SELECT * FROM deals;
CREATE VIEW owners_deals AS SELECT * FROM flat;
ALTER VIEW owners_deals OWNER TO regress_doctor_owner;
CREATE MATERIALIZED VIEW "Old deals" AS SELECT * FROM deals;
GRANT SELECT ON "Old deals" TO regress_doctor_app, PUBLIC;
CREATE FUNCTION count_deals() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM deals';
SELECT * FROM finding ORDER BY item COLLATE "C", detail COLLATE "C";
SELECT * FROM cure();
SELECT * FROM finding;

-- keys and indexes
CREATE UNIQUE INDEX flat_code ON flat (code, lower(kind));
CREATE UNIQUE INDEX flat_unit_kind ON flat (unit, kind);
CREATE INDEX flat_price ON flat (price);
CREATE INDEX flat_mood ON flat (mood);
CREATE INDEX flat_note ON flat (note text_pattern_ops);
CREATE INDEX flat_words ON flat USING gin (words);
CREATE INDEX flat_kind ON flat (kind);
SELECT * FROM finding ORDER BY item COLLATE "C", detail COLLATE "C";
SELECT * FROM cure();
SELECT * FROM finding;
SELECT indexdef FROM pg_indexes WHERE tablename = 'flat' ORDER BY indexname;
-- a big table needs an index on what lets rows through
INSERT INTO deals SELECT i, 'north' FROM generate_series(0, 19999) i;
SELECT * FROM finding;
ANALYZE deals;
SELECT * FROM cure();
SELECT * FROM finding;

-- masks
SET ROLE regress_doctor_owner;
SELECT count(*) FROM crm.mask('flat', '{"email": null}');
ALTER TABLE flat ADD extra integer;
GRANT SELECT (email) ON flat TO regress_doctor_app;
RESET ROLE;
GRANT crm_masking TO regress_doctor_app;
ALTER ROLE crm_masking LOGIN;
SELECT * FROM finding ORDER BY item COLLATE "C", detail COLLATE "C";
SELECT * FROM cure();
SELECT * FROM finding;

-- structure: an alias that a key took over, a role that is gone, a unit without anybody
SELECT crm.add_unit_alias('north', 'south');
INSERT INTO crm.unit VALUES ('south', 'South', 'geographic', 'organisation', 'acme');
SELECT crm.create_principal('gone', role_name => 'regress_doctor_bypass');
ALTER ROLE regress_doctor_bypass RENAME TO regress_doctor_renamed;
SELECT * FROM finding ORDER BY item COLLATE "C", detail COLLATE "C";
SELECT * FROM cure();
SELECT * FROM finding;
SELECT crm.remove_member('owner', 'acme');
SELECT * FROM finding ORDER BY item COLLATE "C", detail COLLATE "C";

SELECT crm.unprotect('deals'), crm.unprotect('flat');
DROP OWNED BY crm_masking, regress_doctor_owner, regress_doctor_app, regress_doctor_stranger, regress_doctor_renamed, regress_doctor_reader CASCADE;
DROP ROLE crm_masking, regress_doctor_owner, regress_doctor_app, regress_doctor_stranger, regress_doctor_renamed, regress_doctor_reader;
