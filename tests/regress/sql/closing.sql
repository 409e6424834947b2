-- Closed periods: what is frozen stays to the last digit whatever happens to the facts, at every grain and dimension; what is not frozen moves, and says so.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set world :srcdir '/bi_world.sql'
\i :world
CREATE ROLE regress_closing_nora; CREATE ROLE regress_closing_nobody; CREATE ROLE regress_closing_admin;
SELECT crm.create_principal('nora', role_name => 'regress_closing_nora'), crm.create_role('counter'), crm.grant_privilege('counter', 'kpi', 'total', 'unit'),
       crm.add_member('nora', 'north', 'counter') > 0 AS member;
SELECT crm.grant_admin('regress_closing_admin');
SELECT crm.define_kpi('deal_worth', 'Worth of a deal', 'won_value / nullif(won_count, 0)', kind => 'derived', measured_in => 'money'),
       crm.define_kpi('won_ever', 'Won so far', 'opportunity_closed.amount[won]', kind => 'cumulative', measured_in => 'money'),
       crm.define_kpi('deals_of_late', 'Deals of 30 days', 'opportunity_closed[won,lost]', kind => 'cumulative', span => '30 days');
CREATE TABLE sums AS SELECT k.kpi FROM crm.kpi k
WHERE k.kpi IN ('won_value', 'win_rate', 'open_pipeline', 'ticket_backlog', 'leads', 'cost_per_lead', 'deal_worth', 'won_ever', 'deals_of_late');
-- Everything that can be asked about the days until the end of February, and whatever comes after.
CREATE VIEW days AS SELECT * FROM crm.kpi_shown WHERE kpi_key = ANY (ARRAY(SELECT kpi FROM sums));
CREATE VIEW periods AS
SELECT g.grain, b.by, f.* FROM sums s
CROSS JOIN unnest('{day,month,total}'::text[]) AS g (grain)
CROSS JOIN (VALUES ('{unit_key}'::text[]), ('{unit_key,stage,campaign,channel,product,owner,segment,currency}')) AS b (by)
CROSS JOIN LATERAL crm_bi.kpi(s.kpi, g.grain, CASE WHEN g.grain = 'day' THEN date '2026-02-20' ELSE '2025-12-01' END, '2026-02-28', b.by) f
WHERE g.grain <> 'total' OR b.by = '{unit_key}';
CREATE VIEW totals AS
SELECT s.kpi, p.unit, p.until, t.* FROM sums s CROSS JOIN (VALUES (NULL, date '2026-02-28'), ('north', '2026-02-10'), ('sales', '2026-02-28')) AS p (unit, until)
CROSS JOIN LATERAL crm.kpi_total(s.kpi, p.unit, '2026-01-01', p.until) t;
CREATE TABLE days_then AS SELECT * FROM days WHERE day <= '2026-02-28';
CREATE TABLE periods_then AS SELECT * FROM periods;
CREATE TABLE totals_then AS SELECT * FROM totals;
CREATE TABLE value_then AS SELECT * FROM crm_bi.kpi_value WHERE day <= '2026-02-28' AND kpi_key = ANY (ARRAY(SELECT kpi FROM sums));
SELECT count(*) > 200 AS days, count(DISTINCT kpi_key) AS kpis FROM days_then;
SELECT count(*) > 300 AS periods, count(DISTINCT kpi_key) FILTER (WHERE value IS NOT NULL) AS kpis FROM periods_then;
SET jit = off; -- what is looked at is small, whatever the planner thinks
CREATE PROCEDURE differences() LANGUAGE plpgsql AS $$
DECLARE
    each record;
    gone bigint;
    new bigint;
BEGIN
    FOR each IN VALUES ('days', 'SELECT * FROM days WHERE day <= ''2026-02-28'''), ('periods', 'SELECT * FROM periods'), ('totals', 'SELECT * FROM totals'),
                       ('value', 'SELECT * FROM crm_bi.kpi_value WHERE day <= ''2026-02-28'' AND kpi_key = ANY (ARRAY(SELECT kpi FROM sums))') LOOP
        EXECUTE format('WITH now AS MATERIALIZED (%2$s) SELECT (SELECT count(*) FROM (TABLE %1$s_then EXCEPT ALL TABLE now) x), (SELECT count(*) FROM (TABLE now EXCEPT ALL TABLE %1$s_then) x)',
                       each.column1, each.column2) INTO gone, new;
        RAISE NOTICE '%: % gone, % new', each.column1, gone, new;
    END LOOP;
END
$$;
SET client_min_messages = notice;
CALL differences();

SELECT kpi_key, first_day, last_day, state FROM crm.close_period('2026-02-28', note => 'end of winter') WHERE kpi_key = ANY (ARRAY(SELECT kpi FROM sums));
CALL differences();

-- the facts change: amounts, units, owners, days, outcomes; rows go and come, in days that are closed and after
\set VERBOSITY terse
SET client_min_messages = warning;
UPDATE team.deal SET worth = worth + 1000, seller = 'nora' WHERE id % 3 = 0;
UPDATE team.deal SET region = 'south' WHERE region = 'N1';
UPDATE team.deal SET closed = '2026-03-05' WHERE id IN (2, 4);
DELETE FROM team.deal WHERE id IN (7, 8);
INSERT INTO team.deal VALUES (100, 1, 'north', 'won', 7777.77, 'USD', 'mona', 'i1', 'c1', '2026-01-02', '2026-02-10', NULL), (101, 1, 'north', 'talk', 55, 'EUR', 'mona', 'i1', 'c1', '2026-01-02', NULL, NULL),
    (102, 2, 'south', 'won', 300, 'EUR', NULL, 'i1', 'c1', '2026-03-02', '2026-03-10', NULL);
UPDATE team.issue SET solved = '2026-02-20', state = 'solved', replied = replied + interval '5 minutes' WHERE id % 2 = 0;
DELETE FROM team.request WHERE id = 3;
UPDATE team.request SET state = 'good' WHERE id = 4;
TRUNCATE team.invoice;
SELECT crm.fold(100000) > 0 AS folded;

SELECT count(*) AS differ_read_together FROM (
    SELECT * FROM crm_bi.kpis('{won_value,win_rate,open_pipeline,leads}', 'month', '2025-12-01', '2026-04-30', '{unit_key,currency}')
    EXCEPT ALL SELECT f.* FROM unnest('{won_value,win_rate,open_pipeline,leads}'::text[]) k CROSS JOIN LATERAL crm_bi.kpi(k, 'month', '2025-12-01', '2026-04-30', '{unit_key,currency}') f) x;
-- who is who, too: two customers become one, and two again; a unit moves, another name means it
SET client_min_messages = warning;
SELECT crm.merge('team.account', '1', '{5}') AS merge_id \gset
SET client_min_messages = notice;
CALL differences();
SET client_min_messages = warning;
SELECT count(*) > 0 AS back FROM crm.unmerge(:merge_id);
SELECT crm.remove_unit_alias('north', 'N1'), crm.move_unit('north', 'service');
SET client_min_messages = notice;
-- north's deals are of service now, where all below a unit is asked for: that is who is below whom, and not a fact
CALL differences();
SELECT t.kpi, t.unit, t.value FROM totals t WHERE t.kpi = 'won_value' AND t.unit = 'sales';
SELECT crm.move_unit('north', 'sales');

-- by hand: what won deals add up to in north; deals 3 * n + 1000, 100 came, the deals of N1 are the organisation's now
SELECT since, until, policy, frozen, unit_key, currency, closed_value, counted_value, difference, state, version, version_now, closed_by = current_user AS by_me, note
FROM crm_bi.kpi_closing WHERE kpi_key = 'won_value' ORDER BY unit_key, currency;
SELECT coalesce(r.region, 'firm') AS unit_key, d.money, sum(d.worth) FROM team.deal d CROSS JOIN LATERAL (SELECT CASE WHEN d.region <> 'N1' THEN d.region END AS region) r
WHERE d.state = 'won' AND d.closed <= '2026-02-28' GROUP BY 1, 2 ORDER BY 1, 2;
SELECT unit_key, closed_value, counted_value, difference FROM crm_bi.kpi_closing WHERE kpi_key = 'open_pipeline' ORDER BY 1;
SELECT unit_key, closed_numerator, closed_denominator, counted_numerator, counted_denominator, round(difference, 6) AS difference FROM crm_bi.kpi_closing WHERE kpi_key = 'win_rate' ORDER BY 1;
-- what is counted still is what the tables say
SELECT k, groups_different FROM unnest('{won_value,open_pipeline,win_rate}'::text[]) k CROSS JOIN LATERAL crm.verify_kpi(k) v WHERE groups_different <> 0;

-- another definition: days that are frozen have the number and the version of the old one; another kind of number is refused
SELECT crm.define_kpi('won_value', 'Won', 'opportunity_closed[won]', measured_in => 'money') AS version;
CALL differences();
SELECT version, min(day) <= '2026-02-28' AS closed, max(day) > '2026-02-28' AS after FROM crm_bi.kpi_value WHERE kpi_key = 'won_value' GROUP BY 1 ORDER BY 1;
\set VERBOSITY default
SELECT crm.define_kpi('won_value', 'Won', 'opportunity_closed[won]');
\set VERBOSITY terse
DELETE FROM crm.team_kpi WHERE kpi = 'won_value';

-- the days after a closing are what is counted, of a stock too: as if nothing had been closed
CREATE TABLE later AS SELECT * FROM days WHERE day BETWEEN '2026-03-01' AND '2026-09-30';
CREATE TABLE later_periods AS SELECT s.kpi, f.* FROM sums s CROSS JOIN LATERAL crm_bi.kpi(s.kpi, 'month', '2026-03-01', '2026-04-30', '{unit_key}') f WHERE s.kpi <> 'won_ever';
-- March restates, and says so; what nobody counted any more is not told from what moved
SELECT kpi_key, first_day, last_day, state FROM crm.close_period('2026-03-31', 'won_value', 'restate');
UPDATE team.deal SET worth = worth + 11 WHERE id = 102;
SELECT since, until, policy, frozen, unit_key, currency, closed_value, counted_value, difference FROM crm_bi.kpi_closing WHERE kpi_key = 'won_value' AND until = '2026-03-31' ORDER BY unit_key;
SELECT value FROM crm_bi.kpi('won_value', 'total', '2026-03-10', '2026-03-10');
UPDATE team.deal SET worth = worth - 11 WHERE id = 102;
-- and is frozen with April
SELECT kpi_key, first_day, last_day, state FROM crm.close_period('2026-04-30', 'won_value');
UPDATE team.deal SET worth = 1 WHERE id = 102;
SELECT until, policy, frozen, unit_key, closed_value, counted_value FROM crm_bi.kpi_closing WHERE kpi_key = 'won_value' AND until > '2026-03-01' ORDER BY until, unit_key;
SELECT value FROM crm_bi.kpi('won_value', 'total', '2026-03-10', '2026-03-10');
SELECT part, regexp_replace(detail, '^frozen on [0-9-]+', 'frozen') AS detail FROM crm.explain_kpi('won_value', 'south', '2026-01-01', '2026-03-31') WHERE part = 'closed';
UPDATE team.deal SET worth = 300 WHERE id = 102;
SELECT kpi_key, first_day, last_day, policy FROM crm.reopen_period('2026-04-30', 'won_value');

-- a table that goes takes nothing of what is closed with it
SELECT count(*) > 0 AS disowned FROM (SELECT crm.disown('team.issue')) x;
SELECT day, unit_key, value, state FROM crm_bi.kpi_value WHERE kpi_key = 'ticket_backlog' AND day > '2026-02-27' ORDER BY unit_key;
SELECT state, value = (SELECT value FROM totals_then WHERE kpi = 'ticket_backlog' AND unit IS NULL AND until = '2026-02-28') AS same FROM crm.kpi_total('ticket_backlog', NULL, '2026-01-01', '2026-02-28');
SELECT value, state FROM crm_bi.kpi('ticket_backlog', 'total', '2026-01-01', '2026-03-01');
DELETE FROM sums WHERE kpi = 'ticket_backlog';
-- who may
\set VERBOSITY default
\set VERBOSITY terse
SELECT * FROM crm.close_period(NULL);
SELECT * FROM crm.close_period('9999-12-31');
\set VERBOSITY default
SELECT * FROM crm.close_period('2026-03-31', policy => 'freez');
SELECT * FROM crm.close_period('2026-03-31', 'won_valu');
SELECT * FROM crm.close_period('2026-03-31', 'deal_worth');
SELECT * FROM crm.close_period('2026-02-28', 'won_value');
SELECT * FROM crm.close_period('2026-03-31', 'ticket_backlog');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT * FROM crm.close_period('2026-03-31', 'win_rate');
ROLLBACK;
SELECT * FROM crm.reopen_period('2026-03-01');
SELECT * FROM crm.reopen_period(NULL);
CREATE TABLE all_closings AS TABLE crm_bi.kpi_closing;
GRANT SELECT ON all_closings TO regress_closing_nora;
SET ROLE regress_closing_nora;
SELECT (SELECT count(*) FROM (SELECT * FROM all_closings WHERE unit_key = 'north' EXCEPT ALL TABLE crm_bi.kpi_closing) x) AS gone,
       (SELECT count(*) FROM (TABLE crm_bi.kpi_closing EXCEPT ALL SELECT * FROM all_closings WHERE unit_key = 'north') x) AS new,
       (SELECT count(*) > 5 FROM crm_bi.kpi_closing) AS some;
SELECT * FROM crm.close_period('2026-03-31');
SELECT * FROM crm.reopen_period('2026-01-01');
SELECT count(*) FROM crm.kpi_closed_fact;
SET ROLE regress_closing_nobody;
SELECT * FROM crm_bi.kpi_closing;
SET ROLE regress_closing_admin;
SELECT count(*) > 5 AS closed FROM crm.close_period('2026-03-31', policy => 'restate', note => ' ');
RESET ROLE;
SELECT room, state, amount > 100 AS facts, detail ~ '^[0-9]+ [kM]B, [0-9]+ closings of [0-9]+ KPIs, frozen until 2026-02-28$' AS detail FROM crm.status WHERE item = 'closed periods';

-- opened again all is what is counted
SELECT count(*) > 5 AS opened, min(first_day) AS first_day, max(last_day) AS last_day FROM crm.reopen_period('2026-02-28');
SELECT count(*) AS facts FROM crm.kpi_closed_fact;
SELECT count(*) FILTER (WHERE reopened_by = current_user) = count(*) AS all_noted FROM crm.kpi_closing;
SELECT (SELECT count(*) FROM (TABLE later EXCEPT ALL SELECT * FROM days WHERE day BETWEEN '2026-03-01' AND '2026-09-30') x WHERE kpi_key <> 'ticket_backlog') AS gone,
       (SELECT count(*) FROM (SELECT * FROM days WHERE day BETWEEN '2026-03-01' AND '2026-09-30' EXCEPT ALL TABLE later) x) AS new, (SELECT count(*) > 100 FROM later) AS some;
SELECT count(*) AS differ FROM (TABLE later_periods EXCEPT ALL SELECT s.kpi, f.* FROM sums s CROSS JOIN LATERAL crm_bi.kpi(s.kpi, 'month', '2026-03-01', '2026-04-30', '{unit_key}') f) x WHERE kpi <> 'ticket_backlog';
SELECT unit_key, currency, value FROM crm_bi.kpi('won_value', 'total', '2025-12-01', '2026-02-28', '{unit_key,currency}');
SELECT crm.disown_all();
DROP OWNED BY regress_closing_nora, regress_closing_nobody, regress_closing_admin;
DROP ROLE regress_closing_nora, regress_closing_nobody, regress_closing_admin;
