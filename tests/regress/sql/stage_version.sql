-- Stages change, retire and are read as others: every change is kept, no history is lost.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT crm.create_unit('hq', kind => 'business');
SELECT crm.create_funnel('sales', 'opportunity', '[
  {"key": "lead", "department": "marketing", "milestone": "lead"},
  {"key": "demo", "department": "sales", "milestone": "opportunity", "label": "Demo given"},
  {"key": "offer", "department": "sales"},
  {"key": "won", "milestone": "won"},
  {"key": "lost", "milestone": "lost"}]');
CREATE TABLE deals (id integer PRIMARY KEY, status text);
SELECT count(*) > 0 AS adopted FROM crm.adopt('deals', 'opportunity', columns => '{"stage": "status"}');
CALL crm.backfill('deals');
CREATE VIEW history AS
    SELECT record_key AS key, sequence AS seq, value, from_stage, to_stage, direction, first_entry AS fresh FROM crm.transition_log ORDER BY 1, 2;
CREATE VIEW seen AS
    SELECT record_key AS key, sequence AS seq, from_stage, to_stage, direction FROM crm.transition ORDER BY 1, 2;
CREATE VIEW reach AS SELECT stage, entered, reached, milestone FROM crm.funnel_reach('sales') ORDER BY position;
INSERT INTO deals VALUES (1, 'lead'), (2, 'lead'), (3, 'lead'), (4, 'lead');
UPDATE deals SET status = 'Demo given' WHERE id IN (1, 2);
UPDATE deals SET status = 'offer' WHERE id IN (1, 3);
UPDATE deals SET status = 'won' WHERE id = 1;
SELECT * FROM reach;

-- Another label: the old one is still understood; what differs is kept, with the version.
SELECT crm.change_stage('sales', 'demo', '{"label": "Trial", "expected": "14 days", "probability": 0.4}');
SELECT crm.change_stage('sales', 'demo', '{"label": "Trial"}');
SELECT crm.resolve_stage('sales', 'demo given'), crm.resolve_stage('sales', 'TRIAL');
UPDATE deals SET status = 'Demo given' WHERE id = 4;
SELECT crm.change_stage('sales', 'Trial', '{"probability": null, "department": "presales"}');
SELECT crm.add_stage_alias('sales', 'Angebot', 'offer');
SELECT crm.add_stage_alias('sales', 'angebot', 'offer');
SELECT version, change, stage, before, after, by = current_user AS by_me, at = now() AS now FROM crm.funnel_history ORDER BY version, stage;
SELECT version FROM crm.funnel WHERE funnel = 'sales';
-- departments of past transitions stay what they were
SELECT department, count(*) FROM crm.transition_log WHERE to_stage = 'demo' GROUP BY 1;

-- A kind that came from the milestone goes with it; a label that fits rows that nobody understood gives them a stage.
SELECT crm.add_stage('sales', '"live"');
SELECT crm.change_stage('sales', 'live', '{"milestone": "live"}');
SELECT kind FROM crm.funnel_stage WHERE stage = 'live';
SELECT crm.change_stage('sales', 'live', '{"milestone": null}');
SELECT kind FROM crm.funnel_stage WHERE stage = 'live';
SELECT crm.change_stage('sales', 'live', '{"milestone": "live"}');
UPDATE deals SET status = 'Shipped' WHERE id = 1;
SELECT value, to_stage, direction FROM history WHERE key = '1' AND seq = 4;
SELECT crm.change_stage('sales', 'live', '{"label": "Shipped"}');
SELECT value, to_stage, direction FROM history WHERE key = '1' AND seq = 4;

-- Retired without a successor: its history stays its own.
SELECT crm.retire_stage('sales', 'demo');
SELECT crm.retire_stage('sales', 'demo');
SELECT * FROM reach WHERE stage = 'demo';
SELECT crm.reopen_stage('sales', 'demo');
SELECT crm.reopen_stage('sales', 'demo');

-- With one: readers see it there, the log keeps what was; the milestone goes along.
CREATE TABLE before AS SELECT key, seq, value, from_stage, to_stage FROM history;
SELECT crm.retire_stage('sales', 'demo', successor => 'offer');
SELECT * FROM history;
SELECT * FROM seen;
SELECT * FROM reach;
SELECT * FROM crm.funnel_counts('sales', ARRAY['lead', 'demo', 'won']);
SELECT * FROM crm.funnel_counts('sales', ARRAY['lead', 'offer', 'won']);
SELECT count(*) AS differing FROM (TABLE before EXCEPT SELECT key, seq, value, from_stage, to_stage FROM history) d;
-- what still comes in counts there too, and is first only once
INSERT INTO deals VALUES (5, 'Trial');
UPDATE deals SET status = 'offer' WHERE id = 5;
SELECT * FROM history WHERE key = '5';
SELECT * FROM seen WHERE key = '5';

-- KPIs count it as the successor: five deals came to what is the milestone opportunity, each once.
CALL crm.backfill('deals');
SELECT crm.define_kpi('offers', 'Offers', 'stage_entry[milestone:opportunity]');
SELECT crm.fold() >= 0 AS folded;
SELECT numerator, state FROM crm_bi.kpi('offers');
SELECT count(DISTINCT record_key) FROM crm.transition WHERE to_stage = 'offer';

-- A chain of successors; and back.
SELECT crm.add_stage('sales', '{"key": "proposal", "position": 350}');
SELECT crm.retire_stage('sales', 'offer', successor => 'proposal');
SELECT stage, successor, read_as, milestone, retired_at IS NOT NULL AS retired FROM crm.funnel_stage WHERE funnel = 'sales' ORDER BY position;
SELECT * FROM reach;
SELECT numerator FROM crm_bi.kpi('offers');
SELECT crm.reopen_stage('sales', 'offer');
SELECT crm.reopen_stage('sales', 'demo');
SELECT crm.change_stage('sales', 'proposal', '{"milestone": null}');
SELECT crm.change_stage('sales', 'demo', '{"milestone": "opportunity"}');
SELECT * FROM history EXCEPT SELECT b.*, h.direction, h.fresh FROM before b JOIN history h USING (key, seq);
SELECT * FROM reach;
SELECT key, seq, direction, fresh FROM history WHERE key = '1';

-- What it was then.
SELECT stage, label, department, milestone, successor FROM crm.stages_at('sales');
UPDATE crm.funnel_change SET at = at - interval '1 day' WHERE version <= 3; -- as if the rest had come a day later
SELECT stage, label, department, probability, expected FROM crm.stages_at('sales', now() - interval '1 hour');
SELECT count(*) FROM crm.stages_at('sales', '2000-01-01');
SELECT version, change, stage, before - 'retired_at' AS before, after - 'retired_at' AS after FROM crm.funnel_history WHERE change IN ('retired', 'reopened') ORDER BY version;

-- Errors; nothing is half done.
SELECT crm.change_stage('sales', 'demo', '{"key": "trial"}');
SELECT crm.change_stage('sales', 'demo', '{"position": 7}');
SELECT crm.change_stage('sales', 'demo', '{"aliases": ["x"]}');
SELECT crm.change_stage('sales', 'demo', '{"lable": "x"}');
SELECT crm.change_stage('sales', 'demo', '{"kind": "wonn"}');
SELECT crm.change_stage('sales', 'demo', '{"label": "Offer"}');
SELECT crm.change_stage('sales', 'demo', '{"label": "Angebot"}');
SELECT crm.change_stage('sales', 'demo', '{"milestone": "won"}');
SELECT crm.change_stage('sales', 'demo', '{"probability": 3}');
SELECT crm.change_stage('sales', 'demo', '["label"]');
SELECT crm.change_stage('sales', 'demo', NULL);
SELECT crm.change_stage('sales', 'demmo', '{}');
SELECT crm.retire_stage('sales', 'demo', 'demo');
SELECT crm.retire_stage('sales', 'demo', 'nowhere');
SELECT crm.retire_stage('sales', 'demo', 'offer');
SELECT crm.retire_stage('sales', 'offer', 'demo');
SELECT crm.retire_stage('sales', 'won');
SELECT crm.retire_stage('sales', 'offer', 'won');
SELECT crm.stages_at('sale');
SELECT version FROM crm.funnel;
-- Who only reads sees the definitions and their history, and changes none.
CREATE ROLE regress_stage_version_reader;
GRANT USAGE ON SCHEMA crm TO regress_stage_version_reader;
SET ROLE regress_stage_version_reader;
SELECT count(*) > 0 AS seen FROM crm.funnel_history;
SELECT crm.change_stage('sales', 'demo', '{"label": "Mine"}');
RESET ROLE;
DROP OWNED BY regress_stage_version_reader;
DROP ROLE regress_stage_version_reader;
