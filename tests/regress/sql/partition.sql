-- Rows that come and go with partitions: every room reads the table again, whether its numbers are counted or not.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
SET client_min_messages = warning;
SELECT crm.create_funnel('buy', 'opportunity', '["talk", "won"]');
CREATE TABLE people (id integer PRIMARY KEY, email text) PARTITION BY RANGE (id);
CREATE TABLE people_1 PARTITION OF people FOR VALUES FROM (0) TO (10);
CREATE TABLE people_2 PARTITION OF people FOR VALUES FROM (10) TO (20);
CREATE TABLE deals (id integer PRIMARY KEY, stage text, opened date) PARTITION BY RANGE (id);
CREATE TABLE deals_1 PARTITION OF deals FOR VALUES FROM (0) TO (10);
CREATE TABLE deals_2 PARTITION OF deals FOR VALUES FROM (10) TO (20);
INSERT INTO people VALUES (1, 'a@parts.example'), (11, 'b@parts.example');
INSERT INTO deals VALUES (1, 'talk', '2026-01-01'), (11, 'won', '2026-01-02');
SELECT count(*) > 0 AS adopted FROM crm.adopt('people', 'customer', columns => '{"email": "email"}');
SELECT count(*) > 0 AS adopted FROM crm.adopt('deals', 'opportunity', funnel => 'buy', columns => '{"stage": "stage", "created_at": "opened"}');
CREATE PROCEDURE look() LANGUAGE plpgsql AS $$
BEGIN
    RAISE INFO 'to be read: %', (SELECT coalesce(string_agg(f.relation || ' by ' || f.room, ', ' ORDER BY f.relation::text, f.room), 'nothing') FROM crm.filling f WHERE f.state <> 'ready');
    CALL crm.backfill('people');
    CALL crm.backfill('deals');
    PERFORM crm.resolve_pending();
    RAISE INFO 'records %, customers %, history %', (SELECT string_agg(r.record_key, ' ' ORDER BY r.record_key) FROM crm.record_copy r),
        (SELECT count(DISTINCT l.customer_id) FROM crm.record_link l), (SELECT string_agg(DISTINCT t.record_key, ' ' ORDER BY t.record_key) FROM crm.transition_log t);
    RAISE INFO 'counted %', (SELECT sum(c.rows) FROM crm.kpi_cell c JOIN crm.kpi_instance i USING (instance) WHERE i.component = 'opportunity_created' AND i.state = 'ready');
END
$$;
CALL look();
-- with rows: detached, attached, dropped
ALTER TABLE people DETACH PARTITION people_2;
ALTER TABLE deals DETACH PARTITION deals_2;
CALL look();
ALTER TABLE people ATTACH PARTITION people_2 FOR VALUES FROM (10) TO (20);
ALTER TABLE deals ATTACH PARTITION deals_2 FOR VALUES FROM (10) TO (20);
CALL look();
DROP TABLE people_2;
DROP TABLE deals_2;
CALL look();
-- without rows nothing is read
CREATE TABLE people_3 PARTITION OF people FOR VALUES FROM (20) TO (30);
CREATE TABLE deals_3 PARTITION OF deals FOR VALUES FROM (20) TO (30);
CALL look();
ALTER TABLE deals DETACH PARTITION deals_3;
CALL look();
-- of a transaction that is rolled back nothing stays
BEGIN;
DROP TABLE people_1, deals_1;
ROLLBACK;
CALL look();
-- a session that writes into one partition after the other keeps nothing of those that are gone
CREATE PROCEDURE pass(times integer) LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. times LOOP
        CREATE TABLE deals_4 PARTITION OF deals FOR VALUES FROM (30) TO (40);
        INSERT INTO deals_4 VALUES (31, 'talk', '2026-01-03');
        COMMIT;
        DROP TABLE deals_4;
        COMMIT;
    END LOOP;
END
$$;
CALL pass(20);
SELECT name, count(*) BETWEEN 1 AND 5 AS few FROM pg_backend_memory_contexts WHERE name IN ('crm capture plan', 'crm tracked table') GROUP BY 1 ORDER BY 1;
SELECT crm.disown_all();
SELECT count(*) FROM crm.kpi_member;
