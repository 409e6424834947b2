-- What the tests that call every function share: a team with something of each room, and for each function that PUBLIC may execute calls
-- in several ways (callable). alert_world.sql comes first.
\set QUIET on
\set ECHO none
SET client_min_messages = warning;
\o /dev/null
SELECT set_deals('emea', 6, 4, 9), set_deals('apac', 5, 5, 9), set_deals('emea', 1, 9), set_deals('apac', 2, 8);
SELECT crm.create_endpoint('anna-chat', 'webhook', 'anna', 'anna-chat');
SELECT crm.create_rule('win-low', 'win_rate', fire_level => 0.3, clear_level => 0.4, min_denominator => 5, endpoint => 'anna-chat');
SELECT crm.set_goal('win more', 'win_rate', 0.5, crm.kpi_today() - 99, crm.kpi_today() + 100, departments => '{"emea": 0.5, "apac": 0.5}', accountable => 'anna');
SELECT * FROM pass();
CREATE TABLE people (id integer PRIMARY KEY, name text, mail text, unit text);
INSERT INTO people VALUES (1, 'Ann Lee', 'ann@example.com', 'emea'), (2, 'Ann Lee', 'ann@example.com', 'apac'), (3, 'Bo Fox', 'bo@example.com', 'emea');
CREATE TABLE orders (id integer PRIMARY KEY, person integer REFERENCES people, region text);
INSERT INTO orders VALUES (1, 1, 'emea'), (2, 2, 'apac');
SELECT crm.adopt('people', 'customer', columns => '{"full_name": "name", "email": "mail", "unit": "unit"}');
CALL crm.backfill('people');
SELECT crm.resolve_pending();
SELECT crm.protect('orders', '{"organisation": "region"}');
SELECT crm.share('orders', '1', 'anna', '{read}');
SELECT crm.start_access_review('emea');
CREATE ROLE regress_public_member;
SELECT crm.create_principal('member', role_name => 'regress_public_member');
-- What an argument may be, by its type and name; the first and the second serve two ways of calling, NULL is the third.
CREATE TABLE argument (type regtype, name text, one text, other text);
INSERT INTO argument VALUES
    ('text', '', 'x', 'read'), ('text', 'unit', 'emea', 'whole'), ('text', 'funnel', 'sales', 'x'), ('text', 'kpi', 'win_rate', 'won_value'),
    ('text', 'principal', 'anna', 'member'), ('text', 'grantee', 'member', 'emea'), ('text', 'owner', 'anna', NULL), ('text', 'record_key', '1', '2'), ('text', 'key', '1', '2'),
    ('text', 'privilege', 'read', 'update'), ('text', 'object', '*', 'orders'), ('text', 'hierarchy', 'organisation', NULL), ('text', 'role', 'manager', 'sales'),
    ('text', 'zone', 'UTC', 'Europe/Paris'), ('text', 'currency', 'EUR', 'USD'), ('text', 'into_currency', 'EUR', NULL), ('text', 'period', 'month', 'week'), ('text', 'grain', 'month', 'day'),
    ('text', 'channel', 'email', 'post'), ('text', 'purpose', 'marketing', 'service'), ('text', 'kind', 'person', 'won'), ('text', 'rule', 'win-low', 'x'), ('text', 'endpoint', 'anna-chat', 'x'),
    ('text', 'verdict', 'confirm', 'revoke'), ('text', 'verb', 'acknowledge', 'silence'), ('text', 'entity', 'opportunity', 'customer'), ('text', 'attribute', 'email', 'full_name'),
    ('text', 'goal', 'win more', 'x'), ('text', 'language', 'en', 'nl'), ('text', 'anonymous_id', 'visitor', 'x'), ('text', 'reason', 'because', 'x'), ('text', 'room', 'kpi', 'customer'),
    ('text', 'calendar', 'default', 'x'), ('text', 'stage', 'won', 'lost'), ('text', 'from_stage', 'open', NULL), ('text', 'to_stage', 'won', NULL), ('text', 'mode', 'strict', 'ordered'),
    ('text', 'model', 'linear', 'first'), ('text', 'direction', 'forward', 'below'), ('text', 'view_name', 'mine', 'x'), ('text', 'owner_column', 'name', NULL), ('text', 'combine', 'all', 'any'),
    ('text[]', '', '{}', '{x}'), ('text[]', 'columns', '{person}', '{id}'), ('text[]', 'target_columns', '{id}', NULL), ('text[]', 'privileges', '{read}', '{read,update}'), ('text[]', 'kpis', '{win_rate}', '{won_value}'),
    ('text[]', 'lose', '{2}', '{3}'), ('text[]', 'units', '{emea}', '{apac}'), ('text[]', 'steps', '{open,won}', '{won}'), ('text[]', 'by', '{unit_key}', '{}'), ('name[]', '', '{person}', '{id}'),
    ('regclass', '', 'people', 'deals'), ('regclass', 'child', 'orders', 'orders'), ('regclass', 'target', 'people', 'people'), ('regclass', 'relation', 'orders', 'people'),
    ('jsonb', '', '{}', '{"full_name": "Ann Lee"}'), ('jsonb', 'units', '{"organisation": "region"}', '{"organisation": "unit"}'), ('jsonb', 'columns', '{"name": "last"}', '{"full_name": "name"}'), ('json', '', '{}', '[]'),
    ('bigint', '', '1', '2'), ('integer', '', '1', '10'), ('smallint', '', '1', '2'), ('numeric', '', '1', '0.5'), ('double precision', '', '1', '0.5'), ('boolean', '', 'true', 'false'),
    ('bigint[]', '', '{1}', '{1,2}'), ('integer[]', '', '{1}', '{1,2}'), ('smallint[]', '', '{1}', '{2}'), ('numeric[]', '', '{1}', '{}'), ('double precision[]', '', '{1}', '{}'), ('boolean[]', '', '{t}', '{f,t}'),
    ('date', '', '2026-01-01', '2026-02-01'), ('date[]', '', '{2026-01-01}', '{}'), ('timestamptz', '', '2026-01-01', '2026-02-01'), ('timestamptz[]', '', '{2026-01-01}', '{}'), ('interval', '', '1 day', '90 days'),
    ('interval[]', '', '{1 day}', '{}'), ('tstzrange', '', '(,)', 'empty'), ('uuid', '', '00000000-0000-0000-0000-000000000001', NULL), ('bytea', '', '\x00', '\x0102'), ('name', '', 'x', 'id'), ('oid', '', '1', '10'),
    ('regtype', '', 'text', 'integer'), ('regrole', '', 'regress_public_nobody', 'regress_public_member'), ('crm.email', '', 'ann@example.com', 'bo@example.com'), ('crm.phone', '', '+31201234567', '+4930123456'),
    ('crm.stage', '', 'sales:won', 'sales:lost'), ('crm.record_ref', '', '(people,1)', '(people,2)'), ('anyelement', '', 'x', 'y'), ('cstring', '', 'x', 'y'), ('jsonb[]', '', '{}', '{}');
-- a row of a table as an argument is one that there is
CREATE FUNCTION row_of(type regtype) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    kind "char" := (SELECT c.relkind FROM pg_type t JOIN pg_class c ON c.oid = t.typrelid WHERE t.oid = type);
    said text;
BEGIN
    IF kind IN ('r', 'v') THEN
        EXECUTE format('SELECT r::text FROM %s r LIMIT 1', (SELECT typrelid::regclass FROM pg_type WHERE oid = type)) INTO said;
    END IF;
    RETURN coalesce(said, (SELECT format('(%s)', repeat(',', (SELECT count(*)::integer - 1 FROM pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped)))
                           FROM pg_type t WHERE t.oid = type AND t.typrelid <> 0), (SELECT '{}' FROM pg_type t WHERE t.oid = type AND t.typelem <> 0));
END
$$;
CREATE FUNCTION arguments_of(routine oid) RETURNS TABLE (n bigint, type oid, value text) LANGUAGE sql AS $$
    SELECT a.n, a.type, coalesce(quote_literal((
               SELECT x.one FROM (SELECT one, length(name) AS place FROM argument WHERE type = a.type AND name IN (a.name, '')
                                  UNION ALL SELECT row_of(a.type), -1) x ORDER BY place DESC LIMIT 1)), 'NULL')
           || '::' || CASE a.type WHEN 'anyelement'::regtype THEN 'text' WHEN 'anyarray'::regtype THEN 'text[]' ELSE format_type(a.type, NULL) END
    FROM pg_proc p, unnest(coalesce(p.proargnames[1:p.pronargs], array_fill(''::text, ARRAY[p.pronargs::integer])), p.proargtypes::oid[]) WITH ORDINALITY a (name, type, n)
    WHERE p.oid = routine
$$;
CREATE TABLE callable AS
    SELECT p.oid, p.oid::regprocedure::text AS signature, v.variant, p.pronargs, p.prosecdef, p.prokind, p.provariadic,
           format(CASE WHEN p.prokind = 'p' THEN 'CALL %s.%I(%s)' ELSE 'SELECT count(*) FROM %s.%I(%s)' END, p.pronamespace::regnamespace, p.proname,
                  (SELECT string_agg(CASE WHEN p.provariadic <> 0 AND a.n = p.pronargs THEN 'VARIADIC ' ELSE '' END
                                     || CASE WHEN v.variant = 'null' THEN 'NULL' ELSE coalesce(quote_literal(g.value), 'NULL') END || '::' || CASE WHEN a.type = 'anyelement'::regtype THEN 'text'
                                                         WHEN a.type = 'anyarray'::regtype THEN 'text[]' ELSE format_type(a.type, NULL) END, ', ' ORDER BY a.n)
                   FROM unnest(coalesce(p.proargnames[1:p.pronargs], array_fill(''::text, ARRAY[p.pronargs::integer])), p.proargtypes::oid[]) WITH ORDINALITY a (name, type, n)
                   CROSS JOIN LATERAL (
                       SELECT CASE v.variant WHEN 'one' THEN x.one ELSE x.other END AS value
                       FROM (SELECT one, other, length(name) AS place FROM argument WHERE type = a.type AND name IN (a.name, '')
                             UNION ALL SELECT row_of(a.type), row_of(a.type), -1) x ORDER BY place DESC LIMIT 1) g
                   WHERE v.variant <> 'short' OR a.n <= p.pronargs - p.pronargdefaults)) AS call
    FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
    JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'crm'
    CROSS JOIN (VALUES ('one'), ('other'), ('null'), ('short')) v (variant)
    WHERE has_function_privilege('public', p.oid, 'EXECUTE') AND p.prokind IN ('f', 'p') AND p.prorettype <> ALL ('{trigger,event_trigger,internal,language_handler}'::regtype[])
      AND 'internal'::regtype::oid <> ALL (p.proargtypes::oid[]) AND (v.variant <> 'short' OR p.pronargdefaults > 0)
      AND (p.pronargs > 0 OR v.variant = 'one');
\o
RESET client_min_messages;
\set QUIET off
\set ECHO all
