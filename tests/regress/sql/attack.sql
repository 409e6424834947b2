-- What somebody with a login and a table of his own may try.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
CREATE ROLE regress_attack_eve LOGIN;
CREATE SCHEMA eve AUTHORIZATION regress_attack_eve;
SELECT crm.create_unit('whole', 'The whole'), crm.create_principal('eve', role_name => 'regress_attack_eve');

-- The parser evaluates constants: the CHECK of a domain must not run with other rights than those of the table's owner.
SET ROLE regress_attack_eve;
CREATE FUNCTION eve.spy(value text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RAISE NOTICE 'spy runs as %', current_user;
    PERFORM set_config('search_path', 'eve, pg_catalog', false);
    RETURN true;
END
$$;
CREATE DOMAIN eve.word AS text CHECK (eve.spy(value));
CREATE TYPE eve.status AS ENUM ('won', '{x}');
CREATE TYPE eve.pair AS (a eve.word, b integer);
CREATE TABLE eve.deals (id integer PRIMARY KEY, name text, amount numeric, closed timestamptz, status eve.status, words eve.word[]);
SELECT * FROM crm.preview_adopt('eve.deals', 'opportunity', '{"name": "array_length(''{x}''::eve.word[], 1)::text"}');
SELECT * FROM crm.preview_adopt('eve.deals', 'opportunity', '{"amount": "((''(x,1)''::eve.pair).b)"}');
SELECT * FROM crm.preview_adopt('eve.deals', 'opportunity', '{"name": "name::eve.word"}');
SELECT * FROM crm.preview_adopt('eve.deals', 'opportunity', '{"name": "CASE WHEN status = ''won'' THEN name END"}');
-- columns of any type may be read
SELECT attribute, expression FROM crm.preview_adopt('eve.deals', 'opportunity', '{"name": "words[1]", "stage": "status"}');

-- A member of an extension is only trusted where a superuser owns it, as is not so with what was added to a trusted one.
RESET ROLE;
CREATE EXTENSION hstore SCHEMA public;
CREATE FUNCTION eve.loud(value text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$BEGIN RETURN current_user; END$$;
ALTER FUNCTION eve.loud(text) OWNER TO regress_attack_eve;
ALTER EXTENSION hstore ADD FUNCTION eve.loud(text);
SET ROLE regress_attack_eve;
SELECT * FROM crm.preview_adopt('eve.deals', 'opportunity', '{"name": "eve.loud(name)"}');
SELECT attribute, expression FROM crm.preview_adopt('eve.deals', 'opportunity', '{"name": "public.hstore(name, name) OPERATOR(public.->) ''x''"}');

-- What the expressions of components are checked with is not for everybody, and counts what it is given.
SELECT crm.check_expression('opportunity', '{amount}', '{number,number}', 'amount', 'sum');
RESET ROLE;
SELECT crm.check_expression('opportunity', '{amount}', array_fill('number'::text, ARRAY[1000]), 'other', 'sum');
SELECT crm.check_expression('opportunity', '{amount}', '{number}', 'amount * array_length(''{x}''::eve.word[], 1)', 'sum');

-- Numbers that no sum can hold are counted and not summed: neither a write nor a fold fails, nor a reader.
SELECT count(*) FROM crm.adopt('eve.deals', 'opportunity', columns => '{"name": "name", "amount": "amount", "created_at": "closed"}');
CALL crm.backfill('eve.deals');
SET ROLE regress_attack_eve;
INSERT INTO eve.deals (id, amount, closed) VALUES (1, 9.9e131071, '2024-01-01'), (2, 9.9e131071, '2024-01-01'), (3, 5, '2024-01-01');
INSERT INTO eve.deals (id, amount, closed) VALUES (4, -9.9e131071, '2024-01-01'), (5, 'NaN', '2024-01-01'), (6, 9.9e131071, '2024-01-01');
RESET ROLE;
SELECT crm.fold(NULL) > 0 AS folded;
SELECT i.component, r.rows, r.invalid, r.s1 FROM crm.kpi_rollup r JOIN crm.kpi_instance i USING (instance)
WHERE i.component = 'opportunity_created' ORDER BY 1;
DELETE FROM eve.deals WHERE id <> 3;
SELECT crm.fold(NULL) > 0 AS folded;
SELECT i.component, r.rows, r.invalid, r.s1 FROM crm.kpi_rollup r JOIN crm.kpi_instance i USING (instance)
WHERE i.component = 'opportunity_created' ORDER BY 1;

-- A function that costs nothing is asked before the rights are, unless the view is a barrier.
SELECT crm.define_component('deals_made', 'opportunity', 'created_at') AS version;
CALL crm.backfill('eve.deals');
SELECT count(*) FROM crm.define_kpi('made', 'Deals made', 'deals_made.count');
SELECT kpi_key, value FROM crm_bi.kpi_value WHERE kpi_key = 'made';
SET ROLE regress_attack_eve;
CREATE FUNCTION eve.leak(kpi text, value numeric) RETURNS boolean LANGUAGE plpgsql STABLE COST 0.0001 AS $$
BEGIN
    RAISE NOTICE '% is %', kpi, value;
    RETURN true;
END
$$;
SELECT kpi_key, value FROM crm_bi.kpi_value WHERE kpi_key = 'made' AND eve.leak(day::text, 0);
SELECT count(*) FROM crm.alert WHERE eve.leak(kpi, value);
SELECT count(*) FROM crm.customer WHERE eve.leak(name, customer_id);
RESET ROLE;

-- A total counts all units below: the right to the unit alone is not enough.
SELECT crm.create_unit('part', 'A part', parent => 'whole'), crm.create_role('top_only');
SELECT crm.grant_privilege('top_only', 'kpi', 'total', 'unit'), crm.add_member('eve', 'whole', 'top_only') > 0 AS added;
SELECT crm.set_goal('many', 'made', 10, '2024-01-01', '2024-12-31'), crm.set_plan('sales', '2024-01-01', 100);
SET ROLE regress_attack_eve;
SELECT part FROM crm.explain_kpi('made');
SELECT goal_key, actual FROM crm_bi.kpi_goal;
SELECT month FROM crm.plan_gap;
RESET ROLE;
SELECT crm.audience_may('eve', '{whole}') AS is_told;
SELECT crm.grant_privilege('top_only', 'kpi', 'total', 'below');
SET ROLE regress_attack_eve;
SELECT count(*) > 0 AS explained FROM crm.explain_kpi('made');
SELECT goal_key, actual FROM crm_bi.kpi_goal;
SELECT month FROM crm.plan_gap;
RESET ROLE;
SELECT crm.audience_may('eve', '{whole}') AS is_told;

-- A statement with more groups than are kept in memory writes some of them early, within the subtransaction of an expression.
CREATE TABLE public.many (id integer PRIMARY KEY, amount numeric, owner text, at timestamptz);
SELECT count(*) FROM crm.adopt('public.many', 'opportunity', columns => '{"amount": "amount * 2", "owner": "owner", "created_at": "at"}');
CALL crm.backfill('public.many');
INSERT INTO public.many SELECT g, g, 'o' || g, '2024-01-01' FROM generate_series(1, 60000) g;
SELECT crm.fold(NULL) > 0 AS folded;
SELECT count(*), sum(r.rows) AS rows, sum(r.s1) AS sum FROM crm.kpi_rollup r JOIN crm.kpi_instance i USING (instance)
WHERE i.relation = 'public.many'::regclass AND i.component = 'opportunity_created';
SELECT crm.disown('public.many');
DROP TABLE public.many;

-- Values that no index can hold do not stop linking.
CREATE TABLE public.people (key text, email text, phone text, name text, tax text, boss text);
SELECT count(*) FROM crm.adopt('public.people', 'customer', columns => '{"id": "key", "email": "email", "phone": "phone",
    "full_name": "name", "tax_id": "tax", "parent": {"column": "boss", "of": "public.people"}}');
CALL crm.backfill('public.people');
INSERT INTO public.people SELECT 'a', v, v, v, v, v FROM (SELECT string_agg(md5(g::text), '') FROM generate_series(1, 300) g) x (v);
INSERT INTO public.people SELECT v, 'b@example.com' FROM (SELECT string_agg(md5(g::text), '') FROM generate_series(1, 300) g) x (v);
INSERT INTO public.people VALUES ('c', 'c@example.com');
SELECT crm.resolve_pending();
SELECT record_key, length(full_name) AS name, length(tax_id) AS tax, tax_key, customer_id IS NOT NULL AS linked FROM crm.record ORDER BY 1;
SELECT crm.disown('public.people');
DROP TABLE public.people;

-- Planning a query runs immutable functions in indexes; a preview reads with the rights of the table's owner.
SET ROLE regress_attack_eve;
CREATE FUNCTION eve.index_spy(i integer) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
    RAISE NOTICE 'index_spy runs as %', current_user;
    RETURN i;
END
$$;
CREATE TABLE eve.desk (id integer PRIMARY KEY, unit text, owner text);
INSERT INTO eve.desk VALUES (1, 'whole', 'eve'), (2, NULL, 'eve'), (3, 'nowhere', NULL);
SET client_min_messages = warning;
CREATE INDEX ON eve.desk ((eve.index_spy(1) + id));
CREATE VIEW eve.desk_view AS SELECT eve.index_spy(1) AS id, 'whole'::text AS unit;
RESET client_min_messages;
\c -
SET ROLE regress_attack_eve;
SELECT name, sees, loses FROM crm.preview_protect('eve.desk', '{"organisation": "unit"}', owner_column => 'owner') WHERE name = 'eve';
SELECT * FROM crm.preview_protect('eve.desk_view', '{"organisation": "unit"}');
SELECT count(*) FROM crm.protect('eve.desk', '{"organisation": "unit"}', owner_column => 'owner');
\c -
SET ROLE regress_attack_eve;
SELECT granted, detail FROM crm.explain_access('eve', 'eve.desk', '1');
SELECT crm.unprotect('eve.desk');
RESET ROLE;

-- The same for everything that crm reads by itself: backfills, linking, stories, histories.
CREATE FUNCTION eve.guest(i integer) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
    IF current_user <> 'regress_attack_eve' THEN
        RAISE WARNING 'guest runs as somebody else';
    END IF;
    RETURN i;
END
$$;
CREATE TABLE eve.phase (id integer PRIMARY KEY, label text);
INSERT INTO eve.phase VALUES (1, 'open'), (2, 'done');
CREATE TABLE eve.client (id integer PRIMARY KEY, email text);
INSERT INTO eve.client VALUES (1, 'a@example.com'), (2, 'A@example.com');
CREATE TABLE eve.job (id integer, client_id integer REFERENCES eve.client, phase_id integer REFERENCES eve.phase, opened timestamptz,
    PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE eve.job_1 PARTITION OF eve.job FOR VALUES FROM (0) TO (100);
INSERT INTO eve.job VALUES (1, 1, 1, '2026-01-01'), (2, 2, 2, '2026-01-02');
CREATE TABLE eve.log (id integer PRIMARY KEY, job_id integer, phase text, at timestamptz);
INSERT INTO eve.log VALUES (1, 1, 'open', '2026-01-01');
CREATE TABLE eve.call (id integer PRIMARY KEY, client_id integer REFERENCES eve.client, phase_id integer REFERENCES eve.phase);
INSERT INTO eve.call VALUES (1, 1, 1);
SET client_min_messages = error;
CREATE INDEX ON eve.phase ((eve.guest(1) + id));
CREATE INDEX ON eve.client ((eve.guest(1) + id));
CREATE INDEX ON eve.job ((eve.guest(1) + id));
CREATE INDEX ON eve.log ((eve.guest(1) + id));
CREATE INDEX ON eve.call ((eve.guest(1) + id));
DO $$ DECLARE t text; BEGIN
    FOREACH t IN ARRAY '{phase,client,job,job_1,log,call}'::text[] LOOP
        EXECUTE format('ALTER TABLE eve.%I OWNER TO regress_attack_eve', t);
    END LOOP;
END $$;
RESET client_min_messages;
\c -
SELECT crm.create_funnel('jobs', 'ticket', '[{"key": "open", "position": 100, "department": "whole", "kind": "entry"},
    {"key": "done", "position": 200, "department": "whole", "kind": "won"}]');
SELECT crm.create_funnel('calls', 'project', '[{"key": "open", "position": 100, "department": "whole", "kind": "entry"}]');
SELECT count(*) > 0 AS done FROM crm.adopt('eve.client', 'customer', columns => '{"email": "email"}');
SELECT count(*) > 0 AS done FROM crm.adopt('eve.job', 'ticket', funnel => 'jobs',
    columns => '{"customer": "client_id", "stage": "phase_id", "opened_at": "opened"}');
SELECT count(*) > 0 AS done FROM crm.adopt('eve.log', 'stage_change', funnel => 'jobs',
    columns => '{"record": {"column": "job_id", "of": "eve.job"}, "stage": "phase", "at": "at"}');
SELECT count(*) > 0 AS done FROM crm.adopt('eve.call', 'project', funnel => 'calls', columns => '{"customer": "client_id", "stage": "phase_id"}');
\c -
CALL crm.backfill('eve.client');
\c -
CALL crm.backfill('eve.job');
\c -
CALL crm.backfill('eve.log');
\c -
CALL crm.backfill('eve.call');
\c -
SELECT crm.resolve_pending() >= 0 AS linked;
\c -
SELECT jsonb_array_length(crm.customer_360(customer_id) -> 'story') > 0 AS told FROM crm.customer;
\c -
SET ROLE regress_attack_eve;
INSERT INTO eve.log VALUES (2, 2, 'done', '2026-01-03');
\c -
SET ROLE regress_attack_eve;
UPDATE eve.call SET phase_id = 2;
INSERT INTO eve.job VALUES (3, 1, 2, '2026-01-05');
\c -
SELECT crm.fold() > 0 AS folded;
\c -
SET ROLE regress_attack_eve;
TRUNCATE eve.job_1;
RESET ROLE;
SELECT count(*) FROM crm.transition_log WHERE relation = 'eve.job'::regclass AND source = 'eve.job'::regclass;
\c -
SELECT crm.disown('eve.log'), crm.disown('eve.job'), crm.disown('eve.call'), crm.disown('eve.client');
\c -
-- what would be seen otherwise
SELECT count(*) FROM eve.client;

ALTER EXTENSION hstore DROP FUNCTION eve.loud(text);
SELECT crm.disown('eve.deals');
DROP OWNED BY regress_attack_eve CASCADE;
DROP ROLE regress_attack_eve;
