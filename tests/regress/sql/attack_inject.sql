-- What is written into an argument stays a value: somebody with many rights calls each function that PUBLIC may execute with a text, name,
-- key or JSON that wants to be SQL, one argument at a time. What became SQL of it is an error of the parser, or names that do not exist.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set world :srcdir '/alert_world.sql'
\set calls :srcdir '/call_world.sql'
\set ECHO none
\i :world
\set ECHO none
\i :calls
SET client_min_messages = warning;
SELECT crm.create_role('everything') \g /dev/null
SELECT crm.grant_privilege('everything', '*', p, 'organisation') FROM unnest('{create,read,update,delete,assign,share,export,merge,total,story}'::text[]) p \g /dev/null
SELECT crm.add_member('member', 'acme', 'everything') \g /dev/null
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO regress_public_member;
RESET client_min_messages;

-- Names of columns and types: with these two somebody who might read one row of one table ran any query as the extension's owner.
SET ROLE regress_public_member;
SELECT * FROM crm.fact_rows('opportunity', ARRAY['a', '*/)) SELECT session_user || '' as '' || current_user) --'], ARRAY['text/*', '*/']) AS t (a text);
SELECT * FROM crm.fact_rows('opportunity', '{amount}', ARRAY['text) --']) AS t (a text);
SELECT * FROM crm.fact_rows('opportunity', ARRAY['amount" text) --'], '{text}') AS t (a text);
SELECT * FROM crm.fact_rows('opportunity', '{amount,stage}', '{text}') AS t (a text);
SELECT * FROM crm.fact_rows('opportunity', '{NULL}', '{text}') AS t (a text);
SELECT * FROM crm.fact_rows('opportunity', '{stage}', '{NULL}') AS t (a text);
RESET ROLE;
SELECT count(*) > 0 AS read FROM crm_bi.fct_opportunity;

-- each argument in turn
\set QUIET on
CREATE TABLE hostile AS
SELECT c.signature, c.prosecdef, a.n AS argument, h.n AS text,
       format('SELECT count(*) FROM %s(%s)', (SELECT p.pronamespace::regnamespace || '.' || quote_ident(p.proname) FROM pg_proc p WHERE p.oid = c.oid),
              (SELECT string_agg(CASE WHEN o.n <> a.n THEN o.value WHEN o.type IN ('text'::regtype, 'name'::regtype) THEN quote_literal(h.said) || '::text'
                                      WHEN o.type IN ('text[]'::regtype, 'name[]'::regtype) THEN quote_literal(ARRAY[h.said]) || '::' || format_type(o.type, NULL)
                                      ELSE quote_literal(jsonb_build_object(h.said, h.said, 'unit', h.said, 'organisation', h.said, 'full_name', h.said)) || '::' || format_type(o.type, NULL) END, ', ' ORDER BY o.n)
               FROM arguments_of(c.oid) o)) AS call
FROM callable c CROSS JOIN LATERAL arguments_of(c.oid) a
CROSS JOIN (VALUES (1, 'x'' y'), (2, 'x" y'), (3, 'x) -- $1 %s %I'), (4, E'x\\'' y'), (5, 'x; SELECT 1/0')) h (n, said)
WHERE c.variant = 'one' AND c.prokind = 'f' AND c.provariadic = 0 AND a.type = ANY ('{text,name,text[],name[],jsonb,json}'::regtype[]);
\set QUIET off
CREATE TABLE outcome (signature text, argument bigint, text integer, state text, said text);
CREATE FUNCTION call(h hostile) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    state text := 'done';
    said text;
BEGIN
    BEGIN
        SET LOCAL ROLE regress_public_member;
        EXECUTE h.call;
        RAISE EXCEPTION 'it is over' USING ERRCODE = 'PC001'; -- what was done is taken back
    EXCEPTION WHEN query_canceled OR OTHERS THEN
        GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, said = MESSAGE_TEXT;
    END;
    RESET ROLE;
    INSERT INTO outcome VALUES (h.signature, h.argument, h.text, state, said);
END
$$;
SELECT count(*) > 1000 AS many FROM hostile;
SET statement_timeout = '30s';
SET client_min_messages = error;
\set ECHO none
\o /dev/null
SELECT format('SELECT call(h) FROM hostile h WHERE signature = %L', signature) FROM hostile GROUP BY signature ORDER BY signature \gexec
\o
\set ECHO all
RESET statement_timeout;
RESET client_min_messages;
-- 42601: the parser; 22012: the text was run; 42703, 42P01, 42883: a part of it was taken for a name, and not the whole; 57014: no end.
-- Functions that are not SECURITY DEFINER could do no more than their caller.
SELECT o.signature, o.argument, o.text, o.state, o.said FROM outcome o
WHERE o.signature IN (SELECT h.signature FROM hostile h WHERE h.prosecdef) AND o.said !~ '^a column definition list is required'
  AND (o.state IN ('42601', '22012', '57014') OR o.state IN ('42703', '42P01', '42883') AND o.said !~ 'x[''")]? |x[)] -- |x\\') ORDER BY 1, 2, 3;
SELECT count(*) FILTER (WHERE state = 'PC001') > 1000 AS many_ran FROM outcome;

DROP OWNED BY regress_public_member;
DROP ROLE regress_public_member;
DROP OWNED BY regress_alert_anna, regress_alert_ben;
DROP ROLE regress_alert_anna, regress_alert_ben;
