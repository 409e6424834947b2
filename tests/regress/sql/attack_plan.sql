-- What plans and statistics tell, and plans that were made for somebody else.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set world :srcdir '/attack_world.sql'
\set ECHO none
\o /dev/null
\i :world
-- 100 rows of north and 900 hidden ones, of which 450 have amount 777
CREATE TABLE public.orders (id integer PRIMARY KEY, region text, amount integer, note text, price numeric);
INSERT INTO public.orders SELECT i, CASE WHEN i <= 100 THEN 'north' ELSE 'south' END, CASE WHEN i > 550 THEN 777 ELSE i END,
    CASE WHEN i > 550 THEN 'a hidden note' ELSE 'n' || i END, CASE WHEN i > 550 THEN 7.77 ELSE i END FROM generate_series(1, 1000) i;
CREATE STATISTICS public.orders_region_amount ON region, amount FROM public.orders;
ALTER TABLE public.orders OWNER TO regress_attack_boss;
GRANT SELECT ON public.orders TO regress_attack_eve, regress_attack_nora, regress_attack_sven;
SELECT crm.protect('orders', '{"organisation": "region"}');
ANALYZE public.orders;
-- A number of the topmost node of a plan.
CREATE FUNCTION public.plan_number(what text, query text, options text DEFAULT 'COSTS') RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
    plan jsonb;
BEGIN
    EXECUTE format('EXPLAIN (%s, FORMAT JSON) %s', options, query) INTO plan;
    RETURN plan -> 0 -> 'Plan' ->> what;
END
$$;
CREATE FUNCTION public.count_in_plpgsql() RETURNS bigint LANGUAGE plpgsql STABLE AS 'BEGIN RETURN (SELECT count(*) FROM public.deals); END';
CREATE FUNCTION public.count_in_sql() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM public.deals';
CREATE FUNCTION public.asks(region text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$BEGIN RETURN crm.visible(region, 'public.deals', 'read'); END$$;
\o
\set ECHO all

-- Statistics of a protected table are not for readers, who are under its policies.
SET ROLE regress_attack_eve;
SELECT count(*) FROM pg_stats WHERE tablename IN ('orders', 'deals', 'calls');
SELECT count(*) FROM pg_stats_ext WHERE statistics_name = 'orders_region_amount' AND most_common_vals IS NOT NULL;
SELECT outcome('SELECT * FROM pg_statistic'), outcome('SELECT * FROM pg_statistic_ext_data');
RESET ROLE;
SELECT count(*) FROM pg_stats WHERE tablename = 'orders';

-- What Postgres cannot hide: how large a table is and how often it is written;
SET ROLE regress_attack_eve;
SELECT count(*) FROM orders;
SELECT reltuples, pg_relation_size(oid) > 0 AS has_size FROM pg_class WHERE relname = 'orders';
-- how many rows a scan left out;
SELECT plan_number('Rows Removed by Filter', 'SELECT * FROM orders', 'ANALYZE, TIMING off, COSTS off, SUMMARY off') AS removed;
-- the estimate for a value, which the statistics of all rows give where the operator is leakproof (integers, text, dates):
SET enable_indexscan = off;
SET enable_bitmapscan = off;
SELECT plan_number('Plan Rows', 'SELECT * FROM orders WHERE amount = 777') > plan_number('Plan Rows', 'SELECT * FROM orders WHERE amount = 7777') AS told_integer,
       plan_number('Plan Rows', 'SELECT * FROM orders WHERE note = ''a hidden note''') > plan_number('Plan Rows', 'SELECT * FROM orders WHERE note = ''no such note''') AS told_text;
RESET enable_indexscan;
RESET enable_bitmapscan;
-- of others nothing is told.
SELECT plan_number('Plan Rows', 'SELECT * FROM orders WHERE price = 7.77') > plan_number('Plan Rows', 'SELECT * FROM orders WHERE price = 77.7') AS told_numeric,
       plan_number('Plan Rows', 'SELECT * FROM orders WHERE note LIKE ''a hidden%''') > plan_number('Plan Rows', 'SELECT * FROM orders WHERE note LIKE ''no such%''') AS told_like;
CREATE FUNCTION eve.tell_equal(a integer, b integer) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RAISE NOTICE 'compared: %', greatest(a, b);
    RETURN a = b;
END
$$;
CREATE OPERATOR eve.=== (FUNCTION = eve.tell_equal, LEFTARG = integer, RIGHTARG = integer, RESTRICT = eqsel, JOIN = eqjoinsel);
SELECT plan_number('Plan Rows', 'SELECT * FROM orders WHERE amount OPERATOR(eve.===) 777') > 0 AS planned;
SELECT plan_number('Plan Rows', 'SELECT * FROM orders o JOIN orders p ON o.amount OPERATOR(eve.===) p.amount') > 0 AS planned;
RESET ROLE;

-- A plan made for one is not run for another: by generic plans, in functions, with a plan of a superuser's without policies.
SET plan_cache_mode = force_generic_plan;
PREPARE ids (integer) AS SELECT array_agg(id ORDER BY id) FROM deals WHERE id > $1;
PREPARE changed AS UPDATE deals SET amount = amount;
EXECUTE ids (0);
SELECT count_in_plpgsql(), count_in_sql(), asks('south'), asks('north');
SET ROLE regress_attack_eve;
EXECUTE ids (0);
EXECUTE changed;
SELECT count_in_plpgsql(), count_in_sql(), asks('south'), asks('north');
SET ROLE regress_attack_sven;
EXECUTE ids (0);
EXECUTE changed;
SELECT count_in_plpgsql(), count_in_sql(), asks('south'), asks('north');
SET ROLE regress_attack_stan;
EXECUTE ids (0);
EXECUTE changed;
SELECT count_in_plpgsql();
SELECT asks('north');
SET ROLE regress_attack_nora;
EXECUTE ids (0);
RESET ROLE;
EXECUTE ids (0);
-- inside one transaction, and one block
BEGIN;
SET LOCAL ROLE regress_attack_eve;
EXECUTE ids (0);
SAVEPOINT s;
SET LOCAL ROLE regress_attack_sven;
EXECUTE ids (0);
ROLLBACK TO s;
EXECUTE ids (0);
COMMIT;
EXECUTE ids (0);
DO $$
DECLARE
    who text;
BEGIN
    FOREACH who IN ARRAY '{eve,sven,nora,stan,sven,boss}'::text[] LOOP
        PERFORM set_config('role', 'regress_attack_' || who, true);
        BEGIN
            RAISE NOTICE '% sees %, south %', who, count_in_plpgsql(), asks('south');
        EXCEPTION WHEN SQLSTATE 'RM101' THEN
            RAISE NOTICE '% is %', who, SQLERRM;
        END;
        PERFORM set_config('role', 'none', true);
    END LOOP;
END
$$;

-- The same plan over what is given and taken: Postgres' rights, privileges, memberships, the bound role.
SET ROLE regress_attack_eve;
EXECUTE ids (0);
RESET ROLE;
REVOKE SELECT ON deals FROM regress_attack_eve;
SET ROLE regress_attack_eve;
EXECUTE ids (0);
RESET ROLE;
GRANT SELECT ON deals TO regress_attack_eve;
SELECT crm.revoke_privilege('seller', '*', 'read');
SET ROLE regress_attack_eve;
EXECUTE ids (0);
EXECUTE changed;
RESET ROLE;
SELECT crm.grant_privilege('seller', '*', 'read', 'below');
SELECT crm.remove_member('eve', 'north');
SET ROLE regress_attack_eve;
EXECUTE ids (0);
RESET ROLE;
SELECT crm.add_member('eve', 'acme', 'seller') > 0 AS added;
SET ROLE regress_attack_eve;
EXECUTE ids (0);
RESET ROLE;
SELECT crm.remove_member('eve', 'acme'), crm.add_member('eve', 'south', 'seller') > 0 AS added;
SET ROLE regress_attack_eve;
EXECUTE ids (0);
RESET ROLE;
SELECT crm.bind_principal('eve', NULL);
SET ROLE regress_attack_eve;
EXECUTE ids (0);
RESET ROLE;
SELECT crm.bind_principal('sven', 'regress_attack_eve');
SELECT crm.bind_principal('sven', NULL), crm.bind_principal('eve', 'regress_attack_eve');
SET ROLE regress_attack_eve;
EXECUTE ids (0);
RESET ROLE;
-- over unprotect and protect
SELECT crm.unprotect('deals');
SET ROLE regress_attack_eve;
EXECUTE ids (0);
RESET ROLE;
SELECT count(*) FROM crm.protect('deals', '{"organisation": "region"}', object => 'public.deals');
SET ROLE regress_attack_eve;
EXECUTE ids (0);

-- Parallel workers ask as their leader, whatever role its session began with.
SELECT set_config(name, 'on', false) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT plan_number('Workers Launched', 'SELECT id FROM orders', 'ANALYZE, TIMING off, COSTS off, SUMMARY off') > 0 AS parallel;
SELECT count(*), min(id), max(id) FROM orders;
EXECUTE ids (0);
SET ROLE regress_attack_nora;
SELECT count(*), min(id), max(id) FROM orders;
EXECUTE ids (0);
SET ROLE regress_attack_stan;
EXECUTE ids (0);
RESET ROLE;

-- Cursors: each FETCH is asked by whoever is the role then. WITH HOLD is a copy, made at COMMIT, and asked by the role of then.
\c -
SET enable_sort = off; -- or all rows would be read, and asked for, at the first FETCH
SET ROLE regress_attack_eve;
BEGIN;
DECLARE kept CURSOR WITH HOLD FOR SELECT id FROM deals ORDER BY id;
DECLARE live CURSOR FOR SELECT id FROM deals ORDER BY id;
FETCH 1 FROM live;
SET LOCAL ROLE regress_attack_nora;
-- from here on nora asks
FETCH 5 FROM live;
COMMIT;
RESET ROLE;
SET ROLE regress_attack_stan;
FETCH ALL FROM kept;
DISCARD ALL;
FETCH ALL FROM kept;

SET client_min_messages = warning;
DROP OWNED BY regress_attack_boss, regress_attack_nora, regress_attack_sven, regress_attack_eve, regress_attack_stan CASCADE;
DROP ROLE regress_attack_boss, regress_attack_nora, regress_attack_sven, regress_attack_eve, regress_attack_stan;
