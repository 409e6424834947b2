-- A condition of a team's own: a function, called with its owner's rights.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set world :srcdir '/alert_world.sql'
\i :world
\set SHOW_CONTEXT never
CREATE ROLE regress_rule_owner;
CREATE TABLE public.stuck (region text, n numeric, who name DEFAULT current_user);
CREATE TABLE public.secret (n numeric);
INSERT INTO stuck VALUES ('emea', 3), ('apac', NULL);
GRANT SELECT ON stuck TO regress_rule_owner;
GRANT CREATE ON SCHEMA public TO regress_rule_owner;
SET ROLE regress_rule_owner;
CREATE FUNCTION public.stuck_deals(unit text, since date, until date) RETURNS numeric STABLE LANGUAGE sql AS
    $$SELECT s.n FROM public.stuck s WHERE s.region = unit AND until - since = 6 AND current_user = 'regress_rule_owner'$$;
CREATE FUNCTION public.too_curious(unit text, since date, until date) RETURNS numeric STABLE LANGUAGE sql AS 'SELECT count(*) FROM public.secret';
CREATE FUNCTION public.too_busy(unit text, since date, until date) RETURNS numeric VOLATILE LANGUAGE sql AS 'SELECT 1.0';
CREATE FUNCTION public.too_short(unit text) RETURNS numeric STABLE LANGUAGE sql AS 'SELECT 1.0';
RESET ROLE;
SELECT crm.create_rule('r', condition => 'public.no_such(text,date,date)', fire_level => 1);
SELECT crm.create_rule('r', condition => 'public.too_busy(text,date,date)', fire_level => 1);
SELECT crm.create_rule('r', condition => 'public.too_short(text)', fire_level => 1);
SELECT crm.create_rule('r', condition => 'public.too_curious(text,date,date)', fire_level => 1);
-- whoever may not call it learns nothing by a rule either
CREATE ROLE regress_rule_admin;
SELECT crm.grant_admin('regress_rule_admin');
REVOKE EXECUTE ON FUNCTION public.stuck_deals FROM PUBLIC;
SET ROLE regress_rule_admin;
SELECT crm.create_rule('r', condition => 'public.stuck_deals(text,date,date)', fire_level => 1);
RESET ROLE;
GRANT EXECUTE ON FUNCTION public.stuck_deals TO regress_rule_admin;
SET ROLE regress_rule_admin;
BEGIN;
SELECT crm.create_rule('by_admin', condition => 'public.stuck_deals(text,date,date)', fire_level => 1);
ROLLBACK;
RESET ROLE;
DROP OWNED BY regress_rule_admin;
DROP ROLE regress_rule_admin;
SELECT crm.create_rule('r', 'win_rate', condition => 'public.stuck_deals(text,date,date)', fire_level => 1);
SELECT crm.create_rule('r', kind => 'condition', fire_level => 1);
SELECT crm.create_rule('r', condition => 'public.stuck_deals(text,date,date)');
SELECT crm.create_endpoint('anna-chat', 'webhook', 'anna', 'anna-chat') \g /dev/null
SELECT crm.create_rule('stuck', condition => 'public.stuck_deals(text,date,date)', scope => 'below', direction => 'above', fire_level => 2, endpoint => 'anna-chat');
SELECT kind, kpi, condition, period, direction FROM crm.rule;
SELECT * FROM pass();
SELECT subject, state, detail FROM crm.rule_standing ORDER BY 1;
SELECT q.body::jsonb #>> '{data,kpi,label}' AS label, (crm.said_message(q.body::jsonb, '{}', 'anna')) ->> 'sentence' AS sentence FROM crm.delivery_queue q;
UPDATE stuck SET n = 2;
SELECT * FROM pass();
SELECT day = crm.kpi_today() AS today, subject, value, phase FROM crm.backtest_rule('stuck', crm.kpi_today(), crm.kpi_today()) ORDER BY 2;
-- one that was replaced still runs as its owner, and one that is gone is an error of this rule
SET ROLE regress_rule_owner;
CREATE OR REPLACE FUNCTION public.stuck_deals(unit text, since date, until date) RETURNS numeric STABLE LANGUAGE sql AS 'SELECT n FROM public.secret';
RESET ROLE;
SELECT * FROM pass();
DROP FUNCTION public.stuck_deals;
SELECT * FROM pass();
\set QUIET on
DROP OWNED BY regress_rule_owner;
DROP ROLE regress_rule_owner;
DROP OWNED BY regress_alert_anna, regress_alert_ben;
DROP ROLE regress_alert_anna, regress_alert_ben;
