-- Tables adopted with row_triggers: each row's change of stage is followed, in replica mode too, and gives the history that a statement gives.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_track_rows;
\o /dev/null
SELECT crm.create_unit('acme', 'Acme'), crm.create_unit('marketing', kind => 'functional', hierarchy => 'work'), crm.create_unit('sales', kind => 'functional', parent => 'marketing');
SELECT crm.create_funnel('flow', 'opportunity', '[
    {"key": "lead", "department": "marketing", "milestone": "lead", "aliases": ["1"]}, {"key": "offer", "department": "sales", "milestone": "opportunity", "aliases": ["2"]},
    {"key": "won", "department": "sales", "milestone": "won", "kind": "won"}, {"key": "lost", "department": "sales", "kind": "lost"}]');
SELECT crm.create_funnel('care', 'ticket', '[{"key": "open", "department": "sales", "kind": "entry"}, {"key": "done", "department": "sales", "kind": "won"}]');
SELECT crm.install_kpi_pack();
\o

-- What a trigger for each row could not tell is refused, with what to do.
CREATE TABLE parts (id bigint PRIMARY KEY, status text) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts DEFAULT;
SELECT * FROM crm.adopt('parts', 'opportunity', funnel => 'flow', row_triggers => true, columns => '{"stage": "status"}');
CREATE TABLE late (id bigint PRIMARY KEY DEFERRABLE, other bigint NOT NULL, status text);
SELECT * FROM crm.adopt('late', 'opportunity', funnel => 'flow', row_triggers => true, columns => '{"stage": "status"}');
SELECT * FROM crm.adopt('late', 'opportunity', funnel => 'flow', row_triggers => true, columns => '{"id": "other", "stage": "status"}');
CREATE UNIQUE INDEX ON late (other) WHERE other > 0;
SELECT * FROM crm.adopt('late', 'opportunity', funnel => 'flow', row_triggers => true, columns => '{"id": "other", "stage": "status"}');
SELECT count(*) FROM crm.adoption;
CREATE UNIQUE INDEX ON late (other);
SELECT count(*) > 0 AS adopted FROM crm.adopt('late', 'opportunity', funnel => 'flow', row_triggers => true, columns => '{"id": "other", "stage": "status"}');
SELECT crm.disown('late');
-- Without a stage a partitioned table is taken.
SELECT count(*) > 0 AS adopted FROM crm.adopt('parts', 'opportunity', row_triggers => true, columns => '{}');
SELECT crm.track('parts', 'flow');
SELECT crm.disown('parts');

-- Twins: the one by statement, the other by row. Whatever is done to one is done to the other.
CREATE TABLE by_statement (id bigint PRIMARY KEY, status text, account text, region text, opened timestamptz, closed timestamptz);
CREATE TABLE by_row (LIKE by_statement INCLUDING ALL);
CREATE TABLE dates_statement (id bigint PRIMARY KEY, lead_at timestamptz, offer_at timestamptz, won_at timestamptz);
CREATE TABLE dates_row (LIKE dates_statement INCLUDING ALL);
CREATE TABLE ticket (id bigint PRIMARY KEY);
CREATE TABLE log_statement (id bigint PRIMARY KEY, ticket bigint, stage text, at timestamptz);
CREATE TABLE log_row (id bigint PRIMARY KEY, ticket bigint, stage text, at timestamptz) PARTITION BY RANGE (id);
CREATE TABLE log_row_1 PARTITION OF log_row FOR VALUES FROM (0) TO (50);
CREATE TABLE log_row_2 (at timestamptz, stage text, junk integer, ticket bigint, id bigint NOT NULL);
ALTER TABLE log_row_2 DROP junk;
ALTER TABLE log_row ATTACH PARTITION log_row_2 FOR VALUES FROM (50) TO (100000);
CREATE TABLE ticket_row (id bigint PRIMARY KEY);
CREATE VIEW twin AS SELECT * FROM (VALUES ('by_statement'::regclass, 'by_row'::regclass), ('dates_statement', 'dates_row'), ('log_statement', 'log_row'), ('ticket', 'ticket_row')) t (statement, by_row);
\o /dev/null
SELECT crm.adopt(t, 'opportunity', funnel => 'flow', row_triggers => t = 'by_row'::regclass, zone => 'UTC', columns => '{"stage": "status",
    "customer": {"column": "account", "of": "public.ticket"}, "unit": "region", "created_at": "opened", "closed_at": "closed"}') FROM unnest('{by_statement,by_row}'::regclass[]) t;
SELECT crm.adopt(t, 'opportunity', funnel => 'flow', row_triggers => t = 'dates_row'::regclass, zone => 'UTC', columns => '{"stage": {"lead": "lead_at", "offer": "offer_at", "won": "won_at"}}')
FROM unnest('{dates_statement,dates_row}'::regclass[]) t;
SELECT crm.adopt('ticket', 'ticket'), crm.adopt('ticket_row', 'ticket', row_triggers => true);
SELECT crm.adopt('log_' || k, 'stage_change', funnel => 'care', row_triggers => k = 'row', columns => format('{"record": {"column": "ticket", "of": "%s"}, "stage": "stage", "at": "at"}',
    CASE k WHEN 'row' THEN 'public.ticket_row' ELSE 'public.ticket' END)::jsonb) FROM unnest('{statement,row}'::text[]) k;
CALL crm.backfill('by_statement');
CALL crm.backfill('by_row');
CALL crm.backfill('dates_statement');
CALL crm.backfill('dates_row');
CALL crm.backfill('ticket');
CALL crm.backfill('ticket_row');
CALL crm.backfill('log_statement');
CALL crm.backfill('log_row');
SELECT crm.pack_journeys();
SELECT crm.pack_journeys();
\o
SELECT DISTINCT state FROM crm.filling;
CREATE FUNCTION history(relation regclass) RETURNS TABLE (record_key text, n bigint, source_key text, from_stage text, to_stage text, value text, at timestamptz, unit text, department text,
    direction text, first_entry boolean, flags text[], customer text) LANGUAGE sql AS $$
    SELECT t.record_key, row_number() OVER (PARTITION BY t.record_key ORDER BY t.sequence), t.source_key, t.from_stage, t.to_stage, t.value, t.at, t.unit, t.department, t.direction, t.first_entry, t.flags::text[],
           t.customer_key FROM crm.transition_log t WHERE t.source = $1
$$;
CREATE VIEW different AS
    SELECT t.statement, d.* FROM twin t, LATERAL (
        (SELECT 'statement' AS only_in, h.* FROM history(t.statement) h EXCEPT ALL SELECT 'statement', h.* FROM history(t.by_row) h)
        UNION ALL (SELECT 'row', h.* FROM history(t.by_row) h EXCEPT ALL SELECT 'row', h.* FROM history(t.statement) h)) d;
-- the same for numbers: all that is counted of a table
CREATE VIEW counted_otherwise AS
    WITH c AS (SELECT i.relation, i.component, c.day, c.unit, c.stage, sum(c.rows) AS rows, sum(c.s1) AS amount FROM crm.kpi_cell c JOIN crm.kpi_instance i USING (instance)
               GROUP BY 1, 2, 3, 4, 5 HAVING sum(c.rows) <> 0)
    SELECT t.statement, d.* FROM twin t, LATERAL (
        (SELECT component, day, unit, stage, rows, amount FROM c WHERE relation = t.statement EXCEPT ALL SELECT component, day, unit, stage, rows, amount FROM c WHERE relation = t.by_row)
        UNION ALL (SELECT component, day, unit, stage, -rows, amount FROM c WHERE relation = t.by_row EXCEPT ALL SELECT component, day, unit, stage, -rows, amount FROM c WHERE relation = t.statement)) d;
-- One transaction, so that both are written at one time; in replica mode the twin by statement is written as a row's own session would.
CREATE PROCEDURE twice(command text) LANGUAGE plpgsql AS $$
DECLARE
    replica boolean := current_setting('session_replication_role') = 'replica';
BEGIN
    EXECUTE replace(replace(command, '$', 'row'), 'ticket_statement', 'ticket');
    IF replica THEN
        SET LOCAL session_replication_role = origin;
    END IF;
    EXECUTE replace(replace(replace(command, 'by_$', 'by_statement'), '$', 'statement'), 'ticket_statement', 'ticket');
    IF replica THEN
        SET LOCAL session_replication_role = replica;
    END IF;
END
$$;
CREATE PROCEDURE do_all(base integer) LANGUAGE plpgsql AS $$
DECLARE
    command text;
BEGIN
    FOREACH command IN ARRAY ARRAY[
        'INSERT INTO by_$ SELECT %1$s + i, (ARRAY[''lead'', ''2'', ''Won'', ''what'', NULL])[1 + i %% 5], ''c'' || i %% 3, ''r'' || i %% 2, ''2026-01-01Z''::timestamptz + i * interval ''1 hour'',
            CASE i %% 5 WHEN 2 THEN timestamptz ''2026-02-02Z'' END FROM generate_series(1, 25) i',
        'UPDATE by_$ SET status = (ARRAY[''offer'', ''won'', ''lead'', ''lost'', NULL])[1 + id %% 5] WHERE id > %1$s AND id %% 3 = 0',
        'UPDATE by_$ SET region = ''elsewhere'' WHERE id > %1$s',
        'UPDATE by_$ SET account = ''other'', status = ''offer'' WHERE id > %1$s AND id %% 4 = 0',
        'UPDATE by_$ SET id = id + 500 WHERE id > %1$s AND id %% 7 = 0',
        'DELETE FROM by_$ WHERE id > %1$s AND id %% 6 = 0',
        'INSERT INTO by_$ (id, status) SELECT %1$s + i, ''lost'' FROM generate_series(1, 25) i ON CONFLICT (id) DO UPDATE SET status = ''lost''',
        'MERGE INTO by_$ d USING generate_series(%1$s + 20, %1$s + 40) g ON d.id = g WHEN MATCHED AND g %% 2 = 0 THEN DELETE WHEN MATCHED THEN UPDATE SET status = ''won''
            WHEN NOT MATCHED THEN INSERT (id, status) VALUES (g, ''lead'')',
        'WITH gone AS (DELETE FROM by_$ WHERE id > %1$s AND id %% 9 = 0 RETURNING *) INSERT INTO by_$ SELECT id + 9000, status FROM gone',
        'INSERT INTO dates_$ SELECT %1$s + i, ''2026-01-01Z''::timestamptz + i * interval ''1 day'', CASE WHEN i %% 2 = 0 THEN timestamptz ''2026-03-01Z'' END FROM generate_series(1, 12) i',
        'UPDATE dates_$ SET won_at = ''2026-04-01Z'', offer_at = NULL WHERE id > %1$s AND id %% 3 = 0',
        'UPDATE dates_$ SET id = id + 500 WHERE id > %1$s AND id %% 5 = 0',
        'DELETE FROM dates_$ WHERE id > %1$s AND id %% 4 = 0',
        'INSERT INTO ticket_$ SELECT generate_series(%1$s + 1, %1$s + 5)',
        'INSERT INTO log_$ SELECT %1$s + i, %1$s + 1 + i %% 5, CASE WHEN i %% 3 = 0 THEN ''done'' ELSE ''open'' END, ''2026-01-01Z''::timestamptz + (i * 7 %% 11) * interval ''1 hour'' FROM generate_series(1, 30) i',
        'UPDATE log_$ SET at = at + interval ''3 hours'' WHERE id > %1$s AND id %% 4 = 0',
        'UPDATE log_$ SET id = id + 60 WHERE id BETWEEN %1$s + 1 AND %1$s + 3',
        'DELETE FROM log_$ WHERE id > %1$s AND id %% 5 = 0',
        'DELETE FROM ticket_$ WHERE id = %1$s + 2'] LOOP
        CALL twice(format(command, base));
    END LOOP;
END
$$;
CALL do_all(0);
SELECT statement, count(*) FROM twin, history(statement) GROUP BY 1 ORDER BY 1;
SELECT * FROM different ORDER BY 1, 2, 3, 4 LIMIT 10;
SELECT * FROM counted_otherwise LIMIT 10;
SELECT crm.fold() > 0 AS folded;
SELECT * FROM counted_otherwise LIMIT 10;
-- What a transaction takes back is no history; nor what a savepoint does.
BEGIN;
CALL do_all(2000);
ROLLBACK;
BEGIN;
UPDATE by_row SET status = 'lead';
SAVEPOINT s;
DELETE FROM by_row;
ROLLBACK TO s;
UPDATE by_statement SET status = 'lead';
COMMIT;
SELECT * FROM different LIMIT 10;

-- In replica mode, as a subscription writes: journeys, hand-overs and numbers come of it as of any other.
SET session_replication_role = replica;
CALL do_all(100);
SHOW session_replication_role;
SELECT * FROM different ORDER BY 1, 2, 3, 4 LIMIT 10;
SELECT * FROM counted_otherwise LIMIT 10;
RESET session_replication_role;
SELECT by_row, count(*) FROM twin, history(by_row) GROUP BY 1 ORDER BY 1;
-- journeys that are kept equal those of the history, and so do the notes
CREATE VIEW packed_otherwise AS
    WITH truth AS (SELECT t.relation::oid || ' ' || t.record_key AS subject, count(*) AS events FROM crm.transition_log t WHERE t.funnel = 'flow' AND t.to_stage IS NOT NULL GROUP BY 1),
         kept AS (SELECT k.subject, crm.journey_length(k.journey)::bigint AS packed FROM crm.journey_kept k WHERE k.funnel = 'flow')
    SELECT * FROM truth FULL JOIN kept USING (subject) WHERE truth.events IS DISTINCT FROM kept.packed;
SELECT count(*) > 50 AS noted FROM crm.journey_touched;
SELECT crm.pack_journeys() > 0 AS packed, crm.pack_journeys() >= 0 AS rest;
SELECT count(*) > 50 AS kept FROM crm.journey_kept;
SELECT * FROM packed_otherwise LIMIT 5;
SET session_replication_role = replica;
UPDATE by_row SET status = 'lead' WHERE id = (SELECT min(id) FROM by_row WHERE status = 'lost');
RESET session_replication_role;
SELECT count(*) FROM crm.journey_touched;
SELECT crm.pack_journeys() > 0 AS packed, crm.pack_journeys() >= 0 AS rest;
SELECT * FROM packed_otherwise LIMIT 5;

-- A workflow refuses what is written here, and not what was written elsewhere.
SELECT crm.allow_transition('flow', 'lead', 'offer');
GRANT ALL ON by_row TO regress_track_rows;
SET session_replication_role = replica;
INSERT INTO by_row (id, status) VALUES (7000, 'lead');
RESET session_replication_role;
SET ROLE regress_track_rows;
UPDATE by_row SET status = 'won' WHERE id = 7000;
RESET ROLE;
SET session_replication_role = replica;
SET ROLE regress_track_rows;
UPDATE by_row SET status = 'won' WHERE id = 7000;
RESET ROLE;
RESET session_replication_role;
SELECT from_stage, to_stage FROM history('by_row') WHERE record_key = '7000' ORDER BY n;

-- TRUNCATE, of a partition and of all.
TRUNCATE log_row_2;
SELECT count(*) > 0 AS left_of_the_other FROM history('log_row');
TRUNCATE log_row, by_row, dates_row;
SELECT count(*) FROM twin, history(by_row);

-- A history that cannot be written lets the row through, in replica mode too.
ALTER TABLE crm.transition_log ADD CONSTRAINT nothing_here CHECK (record_key <> '8000');
SET session_replication_role = replica;
INSERT INTO by_row (id, status) VALUES (8000, 'lead');
SHOW session_replication_role;
RESET session_replication_role;
SELECT id FROM by_row;
SELECT state FROM crm.filling WHERE relation = 'by_row'::regclass AND room = 'funnel';
ALTER TABLE crm.transition_log DROP CONSTRAINT nothing_here;
SELECT crm.disown_all();
SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'crm\_%' AND NOT tgisinternal;
DROP OWNED BY regress_track_rows;
DROP ROLE regress_track_rows;
