-- No function that PUBLIC may execute writes for a role that was given nothing: each is called, in several ways, by somebody who is nobody
-- and by a principal without any right, and every row that it touches is counted, those of calls that failed too.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set world :srcdir '/alert_world.sql'
\set calls :srcdir '/call_world.sql'
\set ECHO none
\i :world
\set ECHO none
\i :calls
CREATE ROLE regress_public_nobody;
SELECT (SELECT count(*) FROM crm.alert_log) AS alerts, (SELECT count(*) FROM crm.delivery_queue) AS messages, (SELECT count(*) FROM crm.customer_registry) AS customers,
       (SELECT count(*) > 0 FROM crm.access_review) AS review;
-- rows that this transaction has inserted, changed or deleted in any table, kept or taken back
CREATE FUNCTION touched() RETURNS numeric LANGUAGE sql AS
    'SELECT sum(pg_stat_get_xact_tuples_inserted(oid) + pg_stat_get_xact_tuples_updated(oid) + pg_stat_get_xact_tuples_deleted(oid)) FROM pg_class WHERE relkind = ''r'' AND oid >= 16384';
CREATE FUNCTION all_rows() RETURNS TABLE (relation regclass, state text) LANGUAGE sql AS $$
    SELECT c.oid::regclass, md5(query_to_xml(format('SELECT t FROM %s t ORDER BY t::text', c.oid::regclass), true, true, '')::text)
    FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace) AND c.relname NOT IN ('outcome', 'before')
    UNION ALL
    SELECT c.oid::regclass, pg_sequence_last_value(c.oid)::text FROM pg_class c WHERE c.relkind = 'S'
    UNION ALL
    SELECT 'pg_class'::regclass, count(*)::text FROM pg_class WHERE relname NOT IN ('outcome', 'before') UNION ALL SELECT 'pg_proc', count(*)::text FROM pg_proc
    UNION ALL SELECT 'pg_trigger', count(*)::text FROM pg_trigger UNION ALL SELECT 'pg_policy', count(*)::text FROM pg_policy
$$;
CREATE TABLE outcome (asker name, signature text, prosecdef boolean, variant text, state text, touched boolean);
-- one way of calling one function; a call that does not end is ended by the timeout of the statement, and noted
CREATE FUNCTION call(asker name, c callable) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    state text;
    before numeric := touched();
    wrote boolean;
BEGIN
    BEGIN
        EXECUTE format('SET LOCAL ROLE %I', asker);
        EXECUTE c.call;
        state := 'done';
    EXCEPTION WHEN query_canceled OR OTHERS THEN
        state := SQLSTATE;
    END;
    RESET ROLE;
    wrote := touched() <> before;
    INSERT INTO outcome VALUES (asker, c.signature, c.prosecdef, c.variant, state, wrote);
END
$$;
SELECT count(*) > 100 AS many_callable FROM callable;
-- the count sees a function that writes, also where it then fails
CREATE FUNCTION writer() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$BEGIN UPDATE crm.unit SET name = name; RAISE EXCEPTION 'taken back'; END$$;
BEGIN;
SELECT touched() AS before \gset
SAVEPOINT s;
SELECT writer();
ROLLBACK TO s;
SELECT touched() > :before AS seen;
ROLLBACK;
\set QUIET on
CREATE TABLE before AS SELECT * FROM all_rows();
\set QUIET off

SET statement_timeout = '30s';
\set ECHO none
\o /dev/null
SELECT format('SELECT call(%L, c) FROM callable c WHERE oid = %s AND variant = %L', asker, oid, variant)
FROM callable, unnest('{regress_public_nobody,regress_public_member}'::name[]) asker
WHERE asker LIKE '%nobody' OR variant IN ('one', 'other') ORDER BY asker, signature, variant \gexec
\o
\set ECHO all
RESET statement_timeout;

SELECT asker, signature, variant, state FROM outcome WHERE touched AND state = 'done';
SELECT relation FROM (SELECT * FROM before EXCEPT SELECT * FROM all_rows()) x WHERE relation <> 'pg_class'::regclass ORDER BY 1;
-- What began to write and was taken back: merge notes itself before it reads rows with its caller's rights, which fails here.
SELECT DISTINCT signature, state FROM outcome WHERE touched ORDER BY 1, 2;
-- every call ended by itself, and most functions ran to their end and did not fail at an argument of ours
SELECT asker, signature, variant FROM outcome WHERE state = '57014';
SELECT asker, count(DISTINCT signature) FILTER (WHERE state = 'done') > 0.6 * count(DISTINCT signature) AS most_ran,
       count(DISTINCT signature) FILTER (WHERE prosecdef) > 100 AS definers FROM outcome GROUP BY 1 ORDER BY 1;

DROP ROLE regress_public_nobody;
SET client_min_messages = warning;
DROP OWNED BY regress_public_member;
DROP ROLE regress_public_member;
DROP OWNED BY regress_alert_anna, regress_alert_ben;
DROP ROLE regress_alert_anna, regress_alert_ben;
