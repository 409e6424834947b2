-- What everybody is told, and when, against a slow model: months of alerts around both changes of the clock, by people with settings of their own
-- in four zones. The model knows clocks as text and looks at every quarter of an hour.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SELECT setseed(0.31337);
\set QUIET on
SELECT crm.create_unit('acme', 'Acme', 'business'), crm.create_unit('north', 'North', 'geographic', 'acme'), crm.create_unit('south', 'South', 'geographic', 'acme'),
       crm.create_role('watch'), crm.grant_privilege('watch', 'kpi', 'total', 'below') \g /dev/null
INSERT INTO crm.rule (rule, kind, condition, unit, period, direction, fire_level, clear_level, hold_for, every, urgency, created_by)
SELECT r, 'condition', 'x', 'acme', 'last 7 days', 'above', 1, 1, '0', '1 minute', u, 'test'
FROM (VALUES ('deals', 'normal'), ('tickets', 'normal'), ('outage', 'urgent'), ('hint', 'low')) r (r, u);
CREATE TABLE person AS
SELECT 'p' || n AS who, (ARRAY['Europe/Madrid', 'America/New_York', 'Asia/Kolkata', 'Australia/Lord_Howe'])[1 + n % 4] AS zone,
       (ARRAY['22:00-07:00', NULL, '01:30-02:30', '12:00-13:15', '23:45-08:30'])[1 + n % 5] AS quiet,
       (ARRAY['{}', '{6,7}', '{}', '{7}'])[1 + n % 4]::int[] AS quiet_days, (ARRAY[NULL, 2, 1, NULL, 5, 3])[1 + n % 6] AS budget,
       (ARRAY['off', 'off', 'daily', 'off', 'off', 'weekly', 'off'])[1 + n % 7] AS digest, (ARRAY['08:00', '00:00', '17:30', '06:15'])[1 + n % 4]::time AS digest_at,
       (ARRAY['0', '30 minutes', '0', '10 minutes'])[1 + n % 4]::interval AS group_for, (ARRAY[4, 2, 3])[1 + n % 3] AS group_from,
       (ARRAY['acme', 'north', 'south', NULL])[1 + n % 4] AS sees, 1 + (n % 5 = 0)::int AS endpoints
FROM generate_series(1, 16) n;
SELECT crm.create_principal(who), crm.set_language(who, 'en', zone),
       crm.set_attention(who, budget, quiet, quiet_days, digest, digest_at, group_for, group_from),
       CASE WHEN sees IS NOT NULL THEN crm.add_member(who, sees, 'watch') END FROM person \g /dev/null
SELECT crm.create_endpoint(who || '-' || n, 'webhook', who, who) FROM person, generate_series(1, endpoints) n \g /dev/null
-- some by name, some by role, some as members; not everybody of everything
SELECT crm.create_role('lead'), crm.add_unit_role('north', 'lead') \g /dev/null
CREATE TABLE wants AS SELECT who, rule FROM person, unnest('{deals,tickets,outage,hint}'::text[]) rule WHERE (substr(who, 2)::int + length(rule)) % 3 > 0;
SELECT crm.subscribe(principal => who, rule => rule) FROM wants WHERE rule <> 'deals' \g /dev/null
SELECT crm.subscribe(members_of => 'south', rule => 'deals') \g /dev/null
DELETE FROM wants WHERE rule = 'deals';
INSERT INTO wants SELECT who, 'deals' FROM person WHERE sees = 'south';

-- 130 alerts in two fortnights, more at night than by day, some at the same time; a third is over within hours, a third later, a third never
CREATE TABLE event AS
SELECT n, (ARRAY['deals', 'deals', 'tickets', 'tickets', 'tickets', 'outage', 'hint'])[1 + floor(random() * 7)::int] AS rule, (ARRAY['north', 'south'])[1 + n % 2] AS unit,
       CASE n % 2 WHEN 0 THEN timestamptz '2027-03-22 00:00Z' ELSE '2027-10-25 00:00Z' END + interval '15 minutes' * (floor(random() * 13 * 96 / 3)::int * CASE WHEN n % 5 = 0 THEN 3 ELSE 1 END) AS fires,
       CASE n % 3 WHEN 0 THEN interval '15 minutes' * (1 + floor(random() * 20)::int) WHEN 1 THEN interval '15 minutes' * (20 + floor(random() * 400)::int) END AS lasts,
       NULL::bigint AS alert
FROM generate_series(1, 130) n;
CREATE PROCEDURE play(since timestamptz, until timestamptz) LANGUAGE plpgsql AS $$
DECLARE
    t timestamptz := since;
    e event;
    l crm.alert_log;
BEGIN
    WHILE t <= until LOOP
        FOR e IN SELECT * FROM event x WHERE x.fires = t ORDER BY x.n LOOP
            INSERT INTO crm.rule_state VALUES (e.rule, 's' || e.n, e.unit, 'firing', t, 'breach', NULL, NULL, 0, t);
            INSERT INTO crm.alert_log (rule, subject, unit, state, value, level, direction, period_since, period_until, since, fired_at)
            VALUES (e.rule, 's' || e.n, e.unit, 'firing', 2, 1, 'above', t::date, t::date, t, t) RETURNING * INTO l;
            UPDATE event x SET alert = l.id WHERE x.n = e.n;
            PERFORM crm.record_transition(l, NULL), crm.announce(l, 'alert.firing', t);
        END LOOP;
        FOR e IN SELECT * FROM event x WHERE x.fires + x.lasts = t ORDER BY x.n LOOP
            UPDATE crm.alert_log x SET state = 'resolved', resolved_at = t WHERE x.id = e.alert RETURNING * INTO l;
            PERFORM crm.record_transition(l, 'firing'), crm.announce(l, 'alert.resolved', t);
        END LOOP;
        PERFORM crm.write_due(NULL, 1000, t);
        -- whatever comes next: what somebody waits for, or an event
        t := least((SELECT min(w.due_at) FROM crm.waiting_notice w), (SELECT min(x.fires) FROM event x WHERE x.fires > t),
                   (SELECT min(x.fires + x.lasts) FROM event x WHERE x.alert IS NOT NULL AND x.fires + x.lasts > t));
    END LOOP;
END
$$;
CALL play('2027-03-22 00:00Z', '2027-04-20 00:00Z');
CALL play('2027-10-25 00:00Z', '2027-11-23 00:00Z');

-- the model: what the clock on the wall says, and whether that is quiet
CREATE FUNCTION quiet(p person, at timestamptz) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT to_char(at AT TIME ZONE p.zone, 'ID')::int = ANY (p.quiet_days)
        OR coalesce(CASE WHEN left(p.quiet, 5) < right(p.quiet, 5) THEN c >= left(p.quiet, 5) AND c < right(p.quiet, 5) ELSE c >= left(p.quiet, 5) OR c < right(p.quiet, 5) END, false)
    FROM (SELECT to_char(at AT TIME ZONE p.zone, 'HH24:MI')) x (c)
$$;
-- the day that a message is counted in: a day of the wall that begins at digest_at
CREATE FUNCTION budget_day(p person, at timestamptz) RETURNS date LANGUAGE sql STABLE AS $$
    SELECT ((at AT TIME ZONE p.zone) - p.digest_at::interval)::date
$$;
CREATE TABLE told AS
SELECT t.*, d.type AS message, d.body::jsonb #>> '{data,reason}' AS why, e.rule, e.fires, e.fires + e.lasts AS over
FROM crm.alert_told t JOIN crm.delivery_queue d ON d.id = t.delivery JOIN event e ON e.alert = t.alert;
CREATE INDEX ON told (alert, endpoint, type);
CREATE TABLE used AS
SELECT t.audience AS who, budget_day(p, t.at) AS day, count(DISTINCT t.letter) AS letters FROM told t JOIN person p ON p.who = t.audience WHERE t.counted GROUP BY 1, 2;
-- who may hear of what
CREATE TABLE may AS
SELECT e.alert, x.endpoint, p.who FROM event e JOIN wants w ON w.rule = e.rule JOIN person p ON p.who = w.who AND p.sees IN ('acme', e.unit) JOIN crm.endpoint x ON x.audience = p.who;
\set QUIET off
SELECT count(*) > 250 AS enough, count(DISTINCT who) AS people, (SELECT count(DISTINCT message || coalesce(why, '')) FROM told) AS ways FROM may;
-- nobody else was told, and nobody twice
SELECT t.* FROM told t WHERE NOT EXISTS (SELECT FROM may m WHERE (m.alert, m.endpoint) = (t.alert, t.endpoint));
SELECT alert, endpoint, type FROM told WHERE type <> 'alert.open' GROUP BY 1, 2, 3 HAVING count(*) > 1;
-- what never ended was told to everybody who may hear of it; nothing waits any more
SELECT m.* FROM may m JOIN event e USING (alert) WHERE e.lasts IS NULL AND NOT EXISTS (SELECT FROM told t WHERE (t.alert, t.endpoint, t.type) = (m.alert, m.endpoint, 'alert.firing'));
SELECT * FROM crm.waiting_notice;
-- what was not told was over, and at every quarter of an hour until then something was in the way; a digest tells all
SELECT m.alert, m.who, t AS free FROM may m JOIN event e USING (alert) JOIN person p USING (who), generate_series(e.fires, e.fires + e.lasts - interval '15 minutes', '15 minutes') t
WHERE NOT EXISTS (SELECT FROM told x WHERE (x.alert, x.endpoint, x.type) = (m.alert, m.endpoint, 'alert.firing'))
  AND (p.digest <> 'off' OR e.rule IN ('hint', 'outage')
       OR NOT quiet(p, t) AND t >= e.fires + p.group_for
          AND coalesce((SELECT u.letters FROM used u WHERE (u.who, u.day) = (m.who, budget_day(p, t))), 0) < coalesce(p.budget, 1000));
SELECT count(*) > 20 AS some_were_not FROM may m WHERE NOT EXISTS (SELECT FROM told x WHERE (x.alert, x.endpoint, x.type) = (m.alert, m.endpoint, 'alert.firing'));
-- urgent ones at once; others never while it is quiet, and not more of them a day than somebody wants
SELECT * FROM told WHERE rule = 'outage' AND type <> 'alert.open' AND at <> CASE type WHEN 'alert.firing' THEN fires ELSE over END;
SELECT t.endpoint, t.at FROM told t JOIN person p ON p.who = t.audience WHERE t.counted AND quiet(p, t.at);
SELECT u.* FROM used u JOIN person p USING (who) WHERE u.letters > p.budget;
SELECT count(*) > 5 AS budgets_were_used_up FROM used u JOIN person p USING (who) WHERE u.letters = p.budget;
-- as soon as it may be: what waited for the end of quiet hours alone did not wait longer
SELECT t.alert, t.endpoint, t.at, q FROM told t JOIN person p ON p.who = t.audience, generate_series(t.fires, t.at - interval '15 minutes', '15 minutes') q
WHERE t.type = 'alert.firing' AND t.counted AND p.digest = 'off' AND p.budget IS NULL AND p.group_for = '0' AND t.rule <> 'hint' AND NOT quiet(p, q);
-- one digest for a day, or a week, on a Monday
SELECT t.endpoint, budget_day(p, t.at), count(DISTINCT t.delivery) FROM told t JOIN person p ON p.who = t.audience WHERE t.why = 'digest' GROUP BY 1, 2 HAVING count(DISTINCT t.delivery) > 1;
SELECT t.endpoint, t.at FROM told t JOIN person p ON p.who = t.audience WHERE p.digest = 'weekly' AND t.why = 'digest' AND to_char(t.at AT TIME ZONE p.zone, 'ID') <> '1';
-- an end is told to those who heard of the beginning, once, and later; what a digest told as over has no other end
SELECT t.* FROM told t WHERE t.type = 'alert.resolved'
  AND NOT EXISTS (SELECT FROM told f WHERE (f.alert, f.endpoint, f.type) = (t.alert, t.endpoint, 'alert.firing') AND f.at < t.at AND f.at < t.over);
SELECT f.alert, f.endpoint FROM told f WHERE f.type = 'alert.firing' AND f.at < f.over
  AND NOT EXISTS (SELECT FROM told t WHERE (t.alert, t.endpoint, t.type) = (f.alert, f.endpoint, 'alert.resolved'));
-- what came together: never fewer than somebody said, and never apart what is as many
SELECT t.delivery FROM told t JOIN person p ON p.who = t.audience WHERE t.message = 'alerts.group' GROUP BY t.delivery, p.group_from HAVING count(*) < p.group_from;
SELECT t.endpoint, t.rule, t.at FROM told t JOIN person p ON p.who = t.audience WHERE t.message NOT LIKE 'alerts.%'
GROUP BY t.endpoint, t.rule, t.at, p.group_from HAVING count(*) >= p.group_from;
