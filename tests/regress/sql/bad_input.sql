-- What cannot be is refused with an error that says what and what to type, and nothing is half done.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\pset format unaligned
\pset tuples_only on

-- Everything that crm keeps or attaches, one line for each table of crm and each kind of object.
CREATE FUNCTION fingerprint() RETURNS TABLE (what text, state text) LANGUAGE sql AS $$
    SELECT c.oid::regclass::text, md5(query_to_xml(format('SELECT * FROM %s', c.oid::regclass), false, true, '')::text)
    FROM pg_class c JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
    WHERE c.relkind IN ('r', 'p') AND c.relname !~ '^shipped_'
    UNION ALL SELECT 'triggers', md5(string_agg(oid || tgenabled::text, ',' ORDER BY oid)) FROM pg_trigger
    UNION ALL SELECT 'policies', md5(string_agg(pg_policy::text, ',' ORDER BY oid)) FROM pg_policy
    UNION ALL SELECT 'functions', concat(count(*), ' ', max(oid)) FROM pg_proc
    UNION ALL SELECT 'columns', concat(count(*), ' ', max(attrelid)) FROM pg_attribute
    UNION ALL SELECT 'tables', md5(string_agg(concat(oid, relrowsecurity, relforcerowsecurity, reloptions), ',' ORDER BY oid))
              FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = to_regnamespace('team')
    UNION ALL SELECT 'settings', current_setting('lock_timeout') || current_setting('search_path')
$$;
-- What a statement raises; and what it left behind, which must be nothing.
CREATE FUNCTION attempt(statement text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    before text[] := ARRAY(SELECT f::text FROM fingerprint() f);
    message text; detail text; hint text;
BEGIN
    EXECUTE statement;
    RAISE EXCEPTION 'NOT REFUSED';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN NEXT format('%s: %s', sqlstate, message);
    IF detail <> '' THEN RETURN NEXT '  detail: ' || detail; END IF;
    IF hint <> '' THEN RETURN NEXT '  hint: ' || hint; END IF;
    RETURN QUERY SELECT 'HALF DONE: ' || f::text FROM fingerprint() f WHERE f::text <> ALL (before);
END
$$;

CREATE SCHEMA team;
CREATE TABLE team.accounts (account_id integer PRIMARY KEY, name text, mail text);
CREATE TABLE team.deals (deal_id integer PRIMARY KEY, account_id integer REFERENCES team.accounts, value numeric, status text,
                         opened timestamptz, at timestamp, region text);
INSERT INTO team.accounts VALUES (1, 'Acme', 'info@acme.example');
INSERT INTO team.deals VALUES (1, 1, 100, 'open', '2026-01-01', '2026-01-01', 'north');

-- names that do not exist: relation, entity, attribute, column, funnel, stage, time zone
SELECT attempt($$SELECT crm.adopt('team.dealz', 'opportunity')$$);
SELECT attempt($$SELECT crm.adopt('team.deals', 'oportunity')$$);
SELECT attempt($$SELECT crm.adopt('team.deals', 'opportunity', columns => '{"ammount": "value"}')$$);
SELECT attempt($$SELECT crm.adopt('team.deals', 'opportunity', columns => '{"amount": "vallue"}')$$);
SELECT attempt($$SELECT crm.adopt('team.deals', 'opportunity', columns => '{"stage": "status"}', funnel => 'salse')$$);
SELECT attempt($$SELECT crm.adopt('team.deals', 'opportunity', zone => 'Europe/Pariss')$$);
SELECT attempt($$SELECT crm.adopt('team.deals', 'opportunity', columns => '{"customer": {"column": "account_id", "of": "team.acounts"}}')$$);
SELECT attempt($$SELECT crm.disown('team.deals')$$);

-- expressions that are not immutable, look beyond the row, or are more than an expression
SELECT attempt($$SELECT crm.adopt('team.deals', 'opportunity', columns => '{"amount": "value * random()"}')$$);
SELECT attempt($$SELECT crm.adopt('team.deals', 'opportunity', columns => '{"created_at": "now()"}')$$);
SELECT attempt($$SELECT crm.adopt('team.deals', 'opportunity', columns => '{"stage": "opened::date::text"}')$$);
SELECT attempt($$SELECT crm.adopt('team.deals', 'opportunity', columns => '{"amount": "(SELECT sum(value) FROM team.deals)"}')$$);
SELECT attempt($$SELECT crm.adopt('team.deals', 'opportunity', columns => '{"amount": "sum(value)"}')$$);
SELECT attempt($$SELECT crm.adopt('team.deals', 'opportunity', columns => '{"amount": "generate_series(1, 2)"}')$$);
SELECT attempt($$SELECT crm.adopt('team.deals', 'opportunity', columns => '{"amount": "1) FROM team.deals; DROP TABLE team.deals; --"}')$$);
SELECT attempt($$SELECT crm.adopt('team.deals', 'opportunity', columns => '{"amount": "deal_id = 1"}')$$);
SELECT attempt($$SELECT crm.adopt('team.deals', 'opportunity', columns => '{"amount": ""}')$$);
SELECT attempt($$SELECT crm.adopt('team.deals', 'opportunity', columns => '{"amount": null}')$$);
SELECT attempt($$SELECT crm.adopt('team.deals', 'opportunity', columns => '[]')$$);

-- what is no table of a team
CREATE VIEW team.a_view AS SELECT * FROM team.deals;
CREATE MATERIALIZED VIEW team.a_copy AS SELECT * FROM team.deals;
CREATE FOREIGN DATA WRAPPER nothing;
CREATE SERVER elsewhere FOREIGN DATA WRAPPER nothing;
CREATE FOREIGN TABLE team.a_foreign (id integer) SERVER elsewhere;
CREATE TEMPORARY TABLE a_temporary (id integer PRIMARY KEY);
CREATE UNLOGGED TABLE team.an_unlogged (id integer PRIMARY KEY);
CREATE TABLE team.a_parent (id integer PRIMARY KEY);
CREATE TABLE team.a_child () INHERITS (team.a_parent);
CREATE TABLE team.without_key (name text);
CREATE SEQUENCE team.a_sequence;
SELECT attempt($$SELECT crm.adopt('team.a_view', 'customer')$$);
SELECT attempt($$SELECT crm.adopt('team.a_copy', 'customer')$$);
SELECT attempt($$SELECT crm.adopt('team.a_foreign', 'customer')$$);
SELECT attempt($$SELECT crm.adopt('a_temporary', 'customer')$$);
SELECT attempt($$SELECT crm.adopt('team.an_unlogged', 'customer')$$);
SELECT attempt($$SELECT crm.adopt('team.a_parent', 'customer')$$);
SELECT attempt($$SELECT crm.adopt('team.a_child', 'customer')$$);
SELECT attempt($$SELECT crm.adopt('team.a_sequence', 'customer')$$);
SELECT attempt($$SELECT crm.adopt('team.without_key', 'customer')$$);
SELECT attempt($$SELECT crm.adopt('pg_catalog.pg_class', 'customer')$$);

-- values of the types
SELECT attempt($$SELECT 'nobody'::crm.email$$);
SELECT attempt($$SELECT 'a b@example.com'::crm.email$$);
SELECT attempt($$SELECT ''::crm.email$$);
SELECT attempt($$SELECT 'twelve'::crm.phone$$);
SELECT attempt($$SELECT '+1'::crm.phone$$);
SELECT attempt($$SELECT 'sales:won'::crm.stage$$);
SELECT attempt($$SELECT 'sales:x:won'::crm.stage$$);
SELECT attempt($$SELECT ''::crm.stage$$);

-- funnels and stages
SELECT attempt($$SELECT crm.create_funnel('sales', 'oportunity', '[{"key": "won", "position": 100, "kind": "won"}]')$$);
SELECT attempt($$SELECT crm.create_funnel('sales', 'opportunity', '[{"key": "won", "kind": "wonn", "position": 100}]')$$);
SELECT attempt($$SELECT crm.create_funnel('sales', 'opportunity', '[{"key": "won", "kind": "won", "milestone": "winn"}]')$$);
SELECT attempt($$SELECT crm.create_funnel('sales', 'opportunity', '[{"key": "a", "position": 1}, {"key": "b", "position": 1}]')$$);
SELECT attempt($$SELECT crm.create_funnel('sales', 'opportunity', '[{"key": "a", "colour": "red"}]')$$);
SELECT attempt($$SELECT crm.create_funnel('sales', 'opportunity', '[]')$$);
SELECT md5(string_agg(f::text, ',' ORDER BY f)) AS before FROM fingerprint() f \gset
SELECT crm.create_funnel('sales', 'opportunity', '[{"key": "open", "position": 100, "kind": "entry"},
                                                   {"key": "won", "position": 200, "kind": "won", "milestone": "won"}]');
SELECT 'the fingerprint sees it' WHERE :'before' <> (SELECT md5(string_agg(f::text, ',' ORDER BY f)) FROM fingerprint() f);
SELECT attempt($$SELECT crm.create_funnel('sales', 'opportunity', '[{"key": "open", "position": 100}]')$$);
SELECT attempt($$SELECT 'sales:wun'::crm.stage$$);
SELECT attempt($$SELECT crm.add_stage_alias('sales', 'wun', 'Closed Won')$$);

-- units, principals, roles, protection
SELECT crm.create_unit('company', kind => 'business');
SELECT crm.create_unit('north', parent => 'company');
SELECT crm.create_principal('ann');
SELECT crm.create_role('seller');
SELECT attempt($$SELECT crm.create_unit('south', parent => 'compny')$$);
SELECT attempt($$SELECT crm.create_unit('south', parent => 'company', kind => 'geografic')$$);
SELECT attempt($$SELECT crm.create_unit('NORTH', parent => 'company')$$);
SELECT attempt($$SELECT crm.create_unit('', parent => 'company')$$);
SELECT attempt($$SELECT crm.move_unit('company', 'north')$$);
SELECT attempt($$SELECT crm.move_unit('north', 'north')$$);
SELECT attempt($$SELECT crm.add_unit_alias('nort', 'n')$$);
SELECT attempt($$SELECT crm.add_member('anne', 'north', 'seller')$$);
SELECT attempt($$SELECT crm.add_member('ann', 'noth', 'seller')$$);
SELECT attempt($$SELECT crm.add_member('ann', 'north', 'celler')$$);
SELECT attempt($$SELECT crm.grant_privilege('seller', 'team.deals', 'raed', 'own')$$);
SELECT attempt($$SELECT crm.grant_privilege('seller', 'team.deals', 'read', 'belo')$$);
SELECT attempt($$SELECT crm.protect('team.deals', units => '{"organisation": "regoin"}')$$);
SELECT attempt($$SELECT crm.protect('team.a_view', units => '{"organisation": "region"}')$$);
SELECT attempt($$SELECT crm.unprotect('team.deals')$$);
SELECT attempt($$SELECT crm.visible('north', 'team.deals', 'raed')$$);

-- endpoints, rules, subscriptions
SELECT crm.create_endpoint('chat', 'webhook', 'ann', 'chat-url');
SELECT attempt($$SELECT crm.create_endpoint('chat 2', 'webhook', 'ann', 'chat-url')$$);
SELECT attempt($$SELECT crm.create_endpoint('chat2', 'webhok', 'ann', 'chat-url')$$);
SELECT attempt($$SELECT crm.create_endpoint('chat2', 'webhook', 'anne', 'chat-url')$$);
SELECT attempt($$SELECT crm.create_endpoint('chat2', 'webhook', 'ann', 'https://hooks.example.com/T/B/secret')$$);
SELECT attempt($$SELECT crm.create_rule('low', kpi => 'win_raet', direction => 'below', fire_level => 0.3)$$);
SELECT attempt($$SELECT crm.create_rule('low', kpi => 'win_rate', direction => 'under', fire_level => 0.3)$$);
SELECT attempt($$SELECT crm.create_rule('low', kpi => 'win_rate', direction => 'below')$$);
SELECT attempt($$SELECT crm.create_rule('low', kpi => 'win_rate', direction => 'below', fire_level => 'NaN')$$);
SELECT attempt($$SELECT crm.create_rule('low', kpi => 'win_rate', direction => 'below', fire_level => 0.3, clear_level => 0.2)$$);
SELECT attempt($$SELECT crm.create_rule('low', kpi => 'win_rate', direction => 'below', fire_level => 0.3, unit => 'nort')$$);
SELECT attempt($$SELECT crm.create_rule('low', kpi => 'win_rate', direction => 'below', fire_level => 0.3, period => 'lately')$$);
SELECT attempt($$SELECT crm.create_rule('low', kpi => 'win_rate', direction => 'below', fire_level => 0.3, endpoint => 'chta')$$);
SELECT attempt($$SELECT crm.create_rule('low', kind => 'treshold', kpi => 'win_rate', direction => 'below', fire_level => 0.3)$$);
SELECT attempt($$SELECT crm.subscribe('anne', rule => 'low')$$);
SELECT attempt($$SELECT crm.subscribe('ann', rule => 'lwo')$$);
SELECT attempt($$SELECT crm.enable_rule('lwo')$$);
SELECT attempt($$SELECT crm.replay_delivery(4711)$$);
SELECT attempt($$SELECT crm.acknowledge(4711, 'seen')$$);

-- numbers
SELECT attempt($$SELECT * FROM crm_bi.kpi('win_raet')$$);
SELECT attempt($$SELECT * FROM crm_bi.kpi('win_rate', 'fortnight')$$);
SELECT attempt($$SELECT * FROM crm_bi.kpi('win_rate', by => '{chanel}')$$);
SELECT attempt($$SELECT * FROM crm.kpi_total('win_rate', 'nort')$$);
SELECT attempt($$SELECT crm.define_component('big', 'oportunity', 'closed_at')$$);
SELECT attempt($$SELECT crm.define_component('big', 'opportunity', 'closed')$$);
SELECT attempt($$SELECT crm.define_component('big', 'opportunity', 'closed_at', filter => 'amount > random()')$$);
SELECT attempt($$SELECT crm.define_component('big', 'opportunity', 'closed_at', filter => 'amount >')$$);
SELECT attempt($$SELECT crm.define_component('big', 'opportunity', 'closed_at', filter => 'amount ~ 1')$$);
SELECT attempt($$SELECT crm.define_component('big', 'opportunity', 'closed_at', filter => 'bigger(amount)')$$);
SELECT attempt($$SELECT crm.set_sla('x', 'ticket', 'priority = (', 'resolution', '1 hour')$$);
SELECT attempt($$SELECT crm.define_kpi('big_rate', 'Big', 'opportunity_closd[won]', 'opportunity_closed')$$);
SELECT attempt($$SELECT crm.define_kpi('big_rate', 'Big', 'opportunity_closed[wonn]', 'opportunity_closed')$$);
SELECT attempt($$SELECT crm.define_kpi('big_rate', 'Big', 'opportunity_closed / 2')$$);
