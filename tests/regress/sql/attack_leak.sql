-- What a query's own text may try: functions, operators, casts and errors that tell what they were given.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set world :srcdir '/attack_world.sql'
\set ECHO none
\o /dev/null
\i :world
\o
\set ECHO all
SET ROLE regress_attack_eve;
SELECT id, region, amount FROM deals ORDER BY id;

-- An error for one value: the hidden 42 must not raise it, a visible 20 does.
SELECT count(*) FROM deals WHERE 1 / (amount - 42) IS NOT NULL;
SELECT count(*) FROM deals WHERE 1 / (amount - 20) IS NOT NULL;
SELECT sum(1 / (amount - 42)) FROM deals;
SELECT count(*) FROM deals GROUP BY 1 / (amount - 42);
SELECT id FROM deals ORDER BY 1 / (amount - 42), id LIMIT 1;
SELECT count(*) FROM calls WHERE 1 / (amount - 42) IS NOT NULL;
SELECT count(*) FROM calls_high WHERE 1 / (amount - 42) IS NOT NULL;
-- Casts that name the value: 'not a date' and 'a hidden note' are hidden.
SELECT id FROM deals WHERE id > 1 AND note::date IS NOT NULL AND id < 3;
SELECT count(note::integer) FROM deals WHERE note ~ '^(3|a hidden)';
SELECT count(*) FROM deals WHERE CASE WHEN note LIKE '%hidden%' THEN note::integer = 1 ELSE true END;
SELECT count(*) FROM deals WHERE ('{"x": ' || CASE note WHEN 'a hidden note' THEN note ELSE '1' END || '}')::jsonb IS NOT NULL;
-- Overflow, and a regular expression made of the value.
SELECT count(*) FROM deals WHERE amount * (2147483647 / 41) > 0;
SELECT count(*) FROM deals WHERE 'x' ~ CASE amount WHEN 42 THEN '(' ELSE 'x' END;

-- Functions and operators that tell, as cheap as one may say: only what is visible is told.
CREATE FUNCTION eve.tell(value anyelement) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$
BEGIN
    RAISE NOTICE 'told: %', value;
    RETURN true;
END
$$;
CREATE FUNCTION eve.tell_in_sql(value integer) RETURNS boolean LANGUAGE sql STABLE COST 0.0000001 AS 'SELECT eve.tell(value)';
CREATE FUNCTION eve.tell_equal(a integer, b integer) RETURNS boolean LANGUAGE plpgsql STABLE COST 0.0000001 AS $$
BEGIN
    RAISE NOTICE 'compared: %', a;
    RETURN a = b;
END
$$;
CREATE OPERATOR eve.=== (FUNCTION = eve.tell_equal, LEFTARG = integer, RIGHTARG = integer, COMMUTATOR = OPERATOR(eve.===),
                         RESTRICT = eqsel, JOIN = eqjoinsel);
SELECT count(*) FROM deals WHERE eve.tell(amount);
SELECT count(*) FROM deals d WHERE eve.tell(d);
SELECT count(*) FROM deals WHERE eve.tell_in_sql(amount);
SELECT count(*) FROM deals WHERE amount OPERATOR(eve.===) 42;
SELECT count(*) FROM calls WHERE amount OPERATOR(eve.===) 42;
SELECT count(*) FROM calls_high WHERE eve.tell(amount);
-- nobody may say that his function leaks nothing
ALTER FUNCTION eve.tell(anyelement) LEAKPROOF;
-- wherever it stands; how often a plan calls it differs, so this one tells hidden values only
CREATE FUNCTION eve.betray(amount integer) RETURNS boolean LANGUAGE plpgsql STABLE COST 0.0000001 AS $$
BEGIN
    IF amount NOT IN (10, 20, 30) THEN
        RAISE NOTICE 'betrayed: %', amount;
    END IF;
    RETURN true;
END
$$;
SELECT eve.betray(42);
SELECT count(*) FROM deals HAVING count(*) FILTER (WHERE eve.betray(amount)) > 0;
SELECT count(*) FROM deals d JOIN visits v ON v.deal = d.id AND eve.betray(d.amount) AND eve.betray(v.id);
SELECT count(d.id) FROM visits v LEFT JOIN deals d ON d.id = v.deal AND eve.betray(d.amount);
SELECT count(*) FROM (SELECT amount FROM deals OFFSET 0) d WHERE eve.betray(amount);
SELECT count(*) FROM generate_series(4, 6) i, LATERAL (SELECT FROM deals d WHERE d.id = i AND eve.betray(d.amount)) x;
WITH RECURSIVE walk (id) AS (SELECT 1 UNION SELECT d.id FROM walk w JOIN deals d ON d.id = w.id + 1 AND eve.betray(d.amount))
SELECT array_agg(id) FROM walk;
SELECT count(*) FROM deals WHERE EXISTS (SELECT FROM deals x WHERE x.id = deals.id + 3 AND eve.betray(x.amount));
SELECT row_number() OVER (ORDER BY eve.betray(amount)) FROM deals;
SELECT count(*) FROM deals TABLESAMPLE system (100) WHERE eve.betray(amount);
UPDATE deals SET amount = amount WHERE eve.betray(amount) AND id > 2;
DELETE FROM deals WHERE id > 2 AND eve.betray(amount) AND false;
-- through every way to reach the rows
SET enable_seqscan = off;
SELECT count(*) FROM deals WHERE id >= 3 AND eve.betray(amount);
SELECT count(*) FROM deals WHERE code IN (4.4, 5.5) AND eve.betray(amount);
SET enable_indexscan = off;
SELECT count(*) FROM deals WHERE id >= 3 AND eve.betray(amount);
RESET enable_seqscan;
RESET enable_indexscan;
SELECT id FROM deals WHERE ctid = '(0,4)';
SELECT id FROM deals WHERE ctid > '(0,2)' AND eve.betray(amount);
SELECT ctid, id FROM deals WHERE ctid = ANY (ARRAY['(0,1)', '(0,4)']::tid[]);
SELECT tableoid::regclass, ctid, xmin = xmin AS has_xmin, cmax, id FROM deals ORDER BY id;
SELECT array_agg(id ORDER BY id) FROM deals WHERE id = ANY (ARRAY(SELECT generate_series(1, 10000)));
SELECT id FROM deals FOR UPDATE;
SELECT id FROM deals WHERE id = 4 FOR KEY SHARE;
SELECT id FROM deals WHERE id = 4 FOR UPDATE NOWAIT;
SELECT query_to_xml('SELECT id FROM public.deals', false, false, '')::text ~ '<id>4</id>' AS hidden_in_xml;
SELECT table_to_xml('public.deals', false, false, '')::text ~ '<id>4</id>' AS hidden_in_xml;

-- Views, her own and of others. security_invoker or not, it is the caller who asks.
CREATE VIEW eve.plain AS SELECT * FROM deals;
CREATE VIEW eve.barrier WITH (security_barrier) AS SELECT * FROM deals;
CREATE VIEW eve.invoker WITH (security_invoker) AS SELECT * FROM deals;
GRANT USAGE ON SCHEMA eve TO PUBLIC;
GRANT SELECT ON eve.plain, eve.barrier, eve.invoker TO PUBLIC;
SELECT (SELECT array_agg(id) FROM eve.plain WHERE eve.tell(amount)) AS plain, (SELECT array_agg(id) FROM eve.barrier) AS barrier,
       (SELECT array_agg(id) FROM eve.invoker) AS invoker;
SET ROLE regress_attack_sven;
SELECT (SELECT array_agg(id) FROM eve.plain) AS plain, (SELECT array_agg(id) FROM eve.barrier) AS barrier,
       (SELECT array_agg(id) FROM eve.invoker) AS invoker;
SET ROLE regress_attack_stan;
SELECT count(*) FROM eve.plain;
SELECT count(*) FROM eve.invoker;
-- The owner's view: FORCE holds for the owner, and the predicate asks who calls.
SET ROLE regress_attack_boss;
SELECT count(*) FROM deals;
RESET ROLE;
CREATE VIEW public.of_boss AS SELECT * FROM deals;
ALTER VIEW public.of_boss OWNER TO regress_attack_boss;
-- What Postgres cannot hide: a view of a superuser or a BYPASSRLS role is outside, a materialized view is a copy. doctor names them.
CREATE VIEW public.of_superuser AS SELECT * FROM deals;
CREATE VIEW public.of_superuser_for_caller WITH (security_invoker) AS SELECT * FROM deals;
CREATE MATERIALIZED VIEW public.copied AS SELECT * FROM deals;
GRANT SELECT ON public.of_boss, public.of_superuser, public.of_superuser_for_caller, public.copied TO regress_attack_eve;
SET ROLE regress_attack_eve;
SELECT (SELECT array_agg(id) FROM of_boss) AS of_boss, (SELECT array_agg(id) FROM of_superuser) AS of_superuser,
       (SELECT array_agg(id) FROM of_superuser_for_caller) AS for_caller, (SELECT array_agg(id) FROM copied) AS copied;
RESET ROLE;
DROP VIEW of_boss, of_superuser, of_superuser_for_caller;
DROP MATERIALIZED VIEW copied;

SET client_min_messages = warning;
DROP OWNED BY regress_attack_boss, regress_attack_nora, regress_attack_sven, regress_attack_eve, regress_attack_stan CASCADE;
DROP ROLE regress_attack_boss, regress_attack_nora, regress_attack_sven, regress_attack_eve, regress_attack_stan;
