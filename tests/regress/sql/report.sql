-- The report of crmd: for whom it may be made, its numbers by hand, and that each of eight principals gets what it could select itself.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set world :srcdir '/bi_world.sql'
\set ECHO none
\set QUIET on
\o /dev/null
\i :world
-- eight principals of different rights, each with a database role that may select the team's tables; they decide nothing
SELECT crm.install_role_templates();
SELECT crm.create_role('counts'), crm.grant_privilege('counts', 'kpi', 'total', 'below'), crm.create_role('reads'), crm.grant_privilege('reads', 'ticket', 'read', 'below');
CREATE TABLE reader (principal text, unit text, role text);
INSERT INTO reader VALUES ('boss', 'firm', 'manager'), ('nora', 'north', 'sales'), ('sam', 'south', 'sales'), ('mark', 'marketing', 'marketing'), ('dee', 'service', 'service'),
    ('nell', 'north', 'counts'), ('tia', 'south', 'reads'), ('zoe', NULL, NULL);
SELECT format('CREATE ROLE regress_report_%s; SELECT crm.create_principal(%L, %L, role_name => %L)', principal, principal, initcap(principal), 'regress_report_' || principal),
       CASE WHEN unit IS NOT NULL THEN format('SELECT crm.add_member(%L, %L, %L)', principal, unit, role) END FROM reader \gexec
SELECT format('GRANT USAGE ON SCHEMA team TO %1$s; GRANT SELECT ON ALL TABLES IN SCHEMA team TO %1$s', 'regress_report_' || principal) FROM reader \gexec
SELECT format('SELECT count(*) FROM crm.protect(%L, ''{"organisation": "region"}'', object => %L)', a.relation, a.entity) FROM crm.adoption a ORDER BY 1 \gexec
CREATE ROLE regress_report_crmd;
SELECT crm.grant_daemon('regress_report_crmd');
SELECT crm.set_sla('solve', 'ticket', 'true', 'resolution', '100 hours', NULL);
CALL crm.backfill('team.issue');
SELECT crm.set_plan('sales', '2026-02-01', 9000), crm.set_plan('marketing', '2026-02-01', 2), crm.set_plan('budget', '2026-01-01', 400), crm.set_plan('budget', '2026-01-01', 100, 'north');
SELECT crm.create_rule('few-won', 'won_count', unit => 'north', fire_level => 100, period => 'last 7 days'), crm.create_rule('south-won', 'won_count', unit => 'south', fire_level => 100),
       crm.create_rule('late', sla => 'solve');
SELECT crm.fold(100000);
UPDATE crm.rule_schedule SET next_at = now();
SELECT crm.finish_rule(c.rule, c.epoch) FROM crm.claim_rules('test', 10, '1 minute') c;
\o
\set QUIET off
\set ECHO all
\set VERBOSITY default

-- Nobody's report is made until an administrator says so, and crmd is not told who there is.
SET ROLE regress_report_crmd;
SELECT crm.report_page('boss');
SELECT crm.report_page('nobody');
SELECT crm.report_page(NULL);
SELECT crm.allow_report('boss');
SELECT crm.report_document('boss', NULL, NULL, NULL, NULL);
SELECT crm.report_as('x', 0, 'boss', NULL, NULL, NULL, NULL);
SELECT count(*) FROM crm.report_reader;
RESET ROLE;
SELECT crm.allow_report('nobody');
SELECT crm.allow_report(principal), crm.allow_report(principal) FROM reader ORDER BY principal;
SELECT principal, allowed_by = current_user AS by_me FROM crm.report_reader ORDER BY 1;
SELECT crm.rotate_token_key() IS NOT NULL AS key;
-- whose role is outside all policies is not read for
BEGIN;
ALTER ROLE regress_report_boss BYPASSRLS;
SELECT crm.report_page('boss');
ROLLBACK;

SET ROLE regress_report_crmd;
-- questions that make no sense
SELECT crm.report_page('boss', '2026-02-28', '2026-02-01');
SELECT crm.report_page('boss', '2020-01-01', '2026-02-01');
\set VERBOSITY sqlstate
SELECT crm.report_page('boss', current_date + 10);
\set VERBOSITY default
SELECT crm.report_page('boss', '2026-02-01', '2026-02-28', 'nowhere');
SELECT crm.report_page('boss', '2026-02-01', '2026-02-28', language => 'ex');
SELECT crm.report_page('nell', '2026-02-01', '2026-02-28', 'south');
-- crmd itself is nobody, before and after
SELECT crm.current_principal() IS NULL AS nobody, current_user, current_setting('crm.token') AS token;
RESET ROLE;

-- The numbers of February, by hand: 30 deals, the n-th opened on the n-th of January, worth 100.25 n; those with n % 5 of 2 or 4 are won (but for what
-- was moved since), of 3 lost, closed n days after the first of February.
CREATE FUNCTION tile(report jsonb) RETURNS TABLE (key text, label text, value text, before text, change text, tone text, number numeric, state text) LANGUAGE sql AS $$
    SELECT t ->> 'key', t ->> 'label', concat_ws(' ', t ->> 'value', t ->> 'counts'), t ->> 'before_value', t ->> 'change', t ->> 'tone', (t ->> 'number')::numeric, t ->> 'state'
    FROM jsonb_array_elements(report -> 'sections') s, jsonb_array_elements(s -> 'tiles') WITH ORDINALITY x (t, n) WHERE s ->> 'kind' = 'tiles' ORDER BY n
$$;
CREATE FUNCTION part(report jsonb, id text) RETURNS jsonb LANGUAGE sql AS $$ SELECT s FROM jsonb_array_elements(report -> 'sections') s WHERE s ->> 'id' = part.id $$;
CREATE TABLE february AS
SELECT count(*) FILTER (WHERE state = 'won') AS won_count, sum(worth) FILTER (WHERE state = 'won') AS won_value,
       count(*) FILTER (WHERE state = 'won')::numeric / count(*) AS win_rate
FROM team.deal WHERE state IN ('won', 'lost') AND closed BETWEEN '2026-02-01' AND '2026-02-28';
TABLE february;
SET ROLE regress_report_crmd;
SELECT crm.report_page('boss', '2026-02-01', '2026-02-28') AS boss \gset
SELECT crm.report_page('boss', '2026-02-01', '2026-02-28', 'north', 'es') AS north \gset
SELECT crm.report_page('boss', '2026-01-01', '2026-01-31', language => 'nl') AS january \gset
RESET ROLE;
SELECT * FROM tile(:'boss');
SELECT t.key, t.number, f.won_value, f.won_count, round(f.win_rate, 20) AS win_rate FROM tile(:'boss') t, february f WHERE t.key IN ('won_count', 'won_value', 'win_rate') ORDER BY 1;
SELECT key, label, value FROM tile(:'north') WHERE key IN ('won_count', 'won_value', 'win_rate');
SELECT count(*) AS won_in_the_north, sum(worth) FROM team.deal WHERE state = 'won' AND region IN ('north', 'N1') AND closed BETWEEN '2026-02-01' AND '2026-02-28';
-- the line of a KPI: of 28 days each point is the seven days that end with it
SELECT x.n AS day, x.p::numeric AS point, (SELECT coalesce(sum(d.worth), 0) FROM team.deal d WHERE d.state = 'won' AND d.closed BETWEEN date '2026-01-31' + x.n::int - 6 AND date '2026-01-31' + x.n::int) AS by_hand
FROM jsonb_array_elements(part(:'boss', 'numbers') -> 'tiles') t, jsonb_array_elements_text(t -> 'points') WITH ORDINALITY x (p, n)
WHERE t ->> 'key' = 'won_value' AND x.n IN (1, 7, 8, 28);
-- words, days and the rest of the page
SELECT r.*, jsonb_array_length(s.report -> 'sections') AS sections FROM (VALUES (:'boss'::jsonb), (:'north'), (:'january')) s (report),
    jsonb_to_record(s.report) r (language text, title text, period text, reader text, absent text);
SELECT part(r::jsonb, 'budget') -> 'rows' AS budget FROM (VALUES (:'january')) v (r);
SELECT part(:'boss', 'plan') #> '{rows,0}' AS plan;
SELECT g ->> 'key' AS goal, g ->> 'unit' AS unit, g ->> 'value' AS value, g ->> 'target' AS target, (g ->> 'number')::numeric AS number
FROM jsonb_array_elements(part(:'boss', 'goals') -> 'goals') g ORDER BY 1;
SELECT f ->> 'label' AS funnel, s ->> 'label' AS stage, s ->> 'value' AS reached, s ->> 'of_previous' AS of_previous, f ->> 'asides' AS asides
FROM jsonb_array_elements(part(:'january', 'funnel') -> 'funnels') f, jsonb_array_elements(f -> 'stages') s;
SELECT c #>> '{0,text}' AS campaign, c ->> 2 AS spent, c ->> 3 AS open, c ->> 4 AS deals_won, c #>> '{5,text}' AS won FROM jsonb_array_elements(part(:'boss', 'campaigns') -> 'rows') c;
SELECT d.campaign, sum(d.worth) FILTER (WHERE d.state IN ('Quote', 'talk') OR d.closed > '2026-02-28') AS open, count(*) FILTER (WHERE d.won) AS deals_won, sum(d.worth) FILTER (WHERE d.won) AS won
FROM (SELECT *, state = 'won' AND closed <= '2026-02-28' AS won FROM team.deal) d GROUP BY 1 ORDER BY 4 DESC;
SELECT a #>> '{0,text}' AS state, a #>> '{1,text}' AS said FROM jsonb_array_elements(part(:'north', 'alerts') -> 'rows') a;

-- What each principal's report holds, against what that principal selects itself.
CREATE TABLE held (principal text, what text, value numeric);
GRANT SELECT, INSERT ON held TO PUBLIC;
CREATE TABLE selected (LIKE held);
GRANT SELECT, INSERT ON selected TO PUBLIC;
CREATE FUNCTION holds(report jsonb) RETURNS TABLE (what text, value numeric) LANGUAGE sql AS $$
    SELECT 'kpi ' || t.key, t.number FROM tile(report) t
    UNION ALL SELECT 'goal ' || (g ->> 'key'), (g ->> 'number')::numeric FROM jsonb_array_elements(part(report, 'goals') -> 'goals') g
    UNION ALL SELECT concat('stage ', f.n, ' ', s ->> 'key'), (s ->> 'number')::numeric
              FROM jsonb_array_elements(part(report, 'funnel') -> 'funnels') WITH ORDINALITY f (f, n), jsonb_array_elements(f -> 'stages') s
    UNION ALL SELECT 'offered', sum((h #>> '{1,number}')::numeric) FROM jsonb_array_elements(part(report, 'handovers') -> 'rows') h HAVING count(*) > 0
    UNION ALL SELECT 'clocks', sum((c ->> 0)::numeric) FROM jsonb_array_elements(part(report, 'clocks') -> 'counts') c HAVING count(*) > 0
    UNION ALL SELECT 'gap', sum((p #>> '{5,number}')::numeric) FROM jsonb_array_elements(part(report, 'plan') -> 'rows') p HAVING count(*) > 0
    UNION ALL SELECT 'budget', sum((b #>> '{3,number}')::numeric) FROM jsonb_array_elements(part(report, 'budget') -> 'rows') b HAVING count(*) > 0
    UNION ALL SELECT 'campaign won', sum((c #>> '{5,number}')::numeric) FROM jsonb_array_elements(part(report, 'campaigns') -> 'rows') c HAVING sum((c #>> '{5,number}')::numeric) > 0
    UNION ALL SELECT 'campaign names', count(*) FROM jsonb_array_elements(part(report, 'campaigns') -> 'rows') c WHERE c #>> '{0,text}' LIKE 'Campaign%' HAVING count(*) > 0
    UNION ALL SELECT 'alerts', count(*) FROM jsonb_array_elements(part(report, 'alerts') -> 'rows') HAVING count(*) > 0
$$;
SET ROLE regress_report_crmd;
SELECT format('INSERT INTO held SELECT %L, h.* FROM holds(crm.report_page(%L, ''2026-01-01'', ''2026-02-28'')) h', p, p)
FROM unnest('{boss,nora,sam,mark,dee,nell,tia,zoe}'::text[]) p \gexec
RESET ROLE;
CREATE FUNCTION selects(days daterange) RETURNS TABLE (what text, value numeric) LANGUAGE sql AS $$
    SELECT 'kpi ' || k.kpi, coalesce(q.value, CASE WHEN d.kind = 'simple' THEN 0 END)
    FROM unnest('{won_value,won_count,win_rate,average_deal,sales_cycle_days,open_pipeline,leads,mqls,marketing_spend,cost_per_lead,first_response_minutes,resolution_hours,
                  ticket_backlog,sla_attainment,csat,nps,nrr}'::text[]) k (kpi)
    JOIN crm_bi.dim_kpi d ON d.kpi_key = k.kpi
    LEFT JOIN LATERAL crm_bi.kpi(k.kpi, 'total', lower(days), upper(days) - 1) q ON true
    UNION ALL SELECT 'goal ' || g.goal_key, g.actual FROM crm_bi.kpi_goal g
    UNION ALL SELECT concat('stage ', dense_rank() OVER (ORDER BY r.most DESC, r.funnel_key), ' ', r.stage), r.reached
              FROM (SELECT x.*, max(x.reached) OVER (PARTITION BY x.funnel_key) AS most
                    FROM crm.funnel_reach(NULL, lower(days)::timestamp AT TIME ZONE 'Europe/Oslo', upper(days)::timestamp AT TIME ZONE 'Europe/Oslo') x) r WHERE r.kind NOT IN ('lost', 'churned', 'waiting')
    UNION ALL SELECT 'offered', sum(h.offered) FROM crm.handover_counts(NULL, lower(days)::timestamp AT TIME ZONE 'Europe/Oslo', upper(days)::timestamp AT TIME ZONE 'Europe/Oslo') h HAVING count(*) > 0
    UNION ALL SELECT 'clocks', count(*) FROM crm_bi.sla_clock HAVING count(*) > 0
    UNION ALL SELECT 'gap', sum(p.gap) FROM crm.plan_gap p HAVING count(*) > 0
    UNION ALL SELECT 'budget', sum(b.used) FROM crm_bi.budget_used b HAVING count(*) > 0
    UNION ALL SELECT 'campaign won', sum(q.value) FROM crm_bi.kpi('won_value', 'total', lower(days), upper(days) - 1, '{campaign}') q WHERE q.campaign IS NOT NULL HAVING sum(q.value) > 0
    UNION ALL SELECT 'campaign names', count(*) FROM crm_bi.dim_campaign HAVING count(*) > 0
    UNION ALL SELECT 'alerts', count(*) FROM crm.alert a WHERE a.state = 'firing' HAVING count(*) > 0
$$;
SELECT format('SET ROLE regress_report_%s', p), format('INSERT INTO selected SELECT %L, s.* FROM selects(daterange(''2026-01-01'', ''2026-03-01'')) s', p), 'RESET ROLE'
FROM unnest('{boss,nora,sam,mark,dee,nell,tia,zoe}'::text[]) p \gexec
-- nothing differs: what is held is what was selected, and what is not held would be zero or nothing
SELECT coalesce(h.principal, s.principal) AS principal, coalesce(h.what, s.what) AS what, h.value AS held, s.value AS selected
FROM held h FULL JOIN selected s USING (principal, what)
WHERE CASE WHEN h.what IS NULL THEN coalesce(s.value, 0) <> 0 ELSE h.value IS DISTINCT FROM s.value END ORDER BY 1, 2;
-- and they have different rights
SELECT principal, count(*) AS numbers, max(value) FILTER (WHERE what = 'kpi won_value') AS won_value, max(value) FILTER (WHERE what = 'clocks') AS clocks,
       max(value) FILTER (WHERE what = 'campaign names') AS campaigns, max(value) FILTER (WHERE what = 'alerts') AS alerts, count(*) FILTER (WHERE what LIKE 'goal %') AS goals
FROM held GROUP BY 1 ORDER BY 1;
-- who sees nothing is told so
SET ROLE regress_report_crmd;
SELECT r.* FROM crm.report_page('zoe', '2026-01-01', '2026-02-28') d, jsonb_to_record(d) r (title text, sections jsonb, absent text, headlines jsonb);
-- without a database role the rights of crmd's role count on tables: the numbers are there, no row is
RESET ROLE;
UPDATE crm.principal SET role_name = NULL WHERE principal = 'boss';
SET ROLE regress_report_crmd;
SELECT h.* FROM holds(crm.report_page('boss', '2026-01-01', '2026-02-28')) h WHERE h.what IN ('kpi won_value', 'clocks', 'campaign names', 'alerts') ORDER BY 1;
RESET ROLE;
UPDATE crm.principal SET role_name = 'regress_report_boss' WHERE principal = 'boss';

-- What is not counted yet is not zero, and says so.
BEGIN;
UPDATE crm.kpi_instance SET state = 'filling' WHERE relation = 'team.deal'::regclass;
SELECT t.* FROM tile(crm.report_page('boss', '2026-02-01', '2026-02-28', language => 'nl')) t WHERE t.state IS NOT NULL;
ROLLBACK;
-- two currencies are no sum
BEGIN;
UPDATE team.deal SET money = 'NOK' WHERE id = 12;
SELECT crm.fold(100000) > 0 AS folded;
SELECT t.* FROM tile(crm.report_page('boss', '2026-02-01', '2026-02-28')) t WHERE t.key LIKE 'won%' OR t.state IS NOT NULL;
ROLLBACK;

-- Nothing is written, whatever is called; and the caller may write again after it.
BEGIN;
CREATE OR REPLACE FUNCTION crm.report_alerts(a crm.report_asked) RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.held VALUES ('x', 'x', 1); RETURN NULL; END $$;
SAVEPOINT before;
SELECT crm.report_page('boss');
ROLLBACK TO before;
INSERT INTO held VALUES ('y', 'y', 1);
SELECT current_setting('transaction_read_only') AS read_only, crm.current_principal() IS NULL AS nobody;
ROLLBACK;
-- taken back
SELECT crm.allow_report('boss', false);
SELECT crm.report_page('boss');

-- Every word that a report says is there, in each language.
SELECT DISTINCT w[1] FROM pg_proc p, regexp_matches(p.prosrc, 'report_word\(a, ''([a-z_]+[a-z])''', 'g') w
WHERE p.pronamespace = 'crm'::regnamespace AND NOT EXISTS (SELECT FROM crm.message_language m WHERE m.words -> ('report_' || w[1]) IS NOT NULL);
SELECT DISTINCT c FROM pg_proc p, regexp_matches(p.prosrc, 'report_columns\(a, ([^)]+)\)', 'g') w, regexp_split_to_table(w[1], '[, '']+') c
WHERE p.pronamespace = 'crm'::regnamespace AND c <> '' AND NOT EXISTS (SELECT FROM crm.message_language m WHERE m.words -> ('report_' || ltrim(c, '+')) IS NOT NULL);
SELECT k.kpi FROM crm.shipped_kpi k WHERE k.label <> (SELECT m.words ->> ('kpi_' || k.kpi) FROM crm.message_language m WHERE m.language = 'en');

\c postgres
DROP DATABASE scratch;
DROP ROLE regress_report_crmd, regress_report_boss, regress_report_nora, regress_report_sam, regress_report_mark, regress_report_dee, regress_report_nell, regress_report_tia, regress_report_zoe;
