-- A funnel over touches and deals: a visitor who was identified is counted as the person that he is, also for what was before, and no
-- longer once that is taken back.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
SET client_min_messages = warning;
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE TABLE account (id integer PRIMARY KEY, name text, email text);
CREATE TABLE touch (id bigint PRIMARY KEY, account_id integer REFERENCES account, visitor text, at timestamptz);
CREATE TABLE deal (id integer PRIMARY KEY, account_id integer REFERENCES account, stage text, opened timestamptz, closed timestamptz);
INSERT INTO account VALUES (1, 'Ann Lee', 'ann@lee.example'), (2, 'Bob Moser', 'bob@moser.example');
INSERT INTO touch VALUES (1, NULL, 'v1', '2024-01-01'), (2, NULL, 'v1', '2024-01-02'), (3, 1, 'v1', '2024-01-03'), (4, NULL, 'v2', '2024-01-04'),
                         (5, NULL, 'v3', '2024-01-05'), (6, NULL, NULL, '2024-01-06'), (7, NULL, NULL, '2024-01-07');
INSERT INTO deal VALUES (1, 1, 'deal', '2024-02-01', NULL), (2, 2, 'won', '2024-02-02', '2024-03-01');
SELECT crm.create_funnel('journey', 'customer', '[{"key": "visit", "department": "marketing", "milestone": "visitor"},
    {"key": "deal", "department": "sales", "milestone": "opportunity"}, {"key": "won", "department": "sales", "milestone": "won"}]');
SELECT count(*) > 0 AS adopted FROM crm.adopt('account', 'customer', department => 'sales', columns => '{"full_name": "name", "email": "email", "kind": "''person''"}');
SELECT count(*) > 0 AS adopted FROM crm.adopt('touch', 'touch', department => 'marketing', funnel => 'journey',
    columns => '{"customer": "account_id", "anonymous_id": "visitor", "at": "at", "stage": "''visit''"}');
SELECT count(*) > 0 AS adopted FROM crm.adopt('deal', 'opportunity', department => 'sales', funnel => 'journey',
    columns => '{"customer": "account_id", "stage": "stage", "created_at": "opened", "closed_at": "closed"}');
CALL crm.backfill('account');
CALL crm.backfill('touch');
CALL crm.backfill('deal');
SELECT crm.resolve_pending() > 0 AS linked;
SELECT crm.customer_of('account', '1') AS ann, crm.customer_of('account', '2') AS bob \gset

-- Ann visited once under her name and twice as v1; v2 and v3 are nobody yet, two touches have no visitor at all
SELECT t.record_key, t.anonymous_id, replace(t.subject, 'touch'::regclass::oid::text, 'touch') AS subject FROM crm.subject_transition t WHERE t.relation = 'touch'::regclass ORDER BY 1;
SELECT * FROM crm.funnel_counts('journey', '{visit,deal,won}'::text[]);
SELECT stage, entered, reached FROM crm.funnel_reach('journey');
-- identified: one person each, and Bob's touch before his deal makes him go all the way
SELECT crm.identify('v1', :ann, '2024-06-01') AS of_ann, crm.identify('v2', :bob, '2024-06-01') AS of_bob;
SELECT * FROM crm.funnel_counts('journey', '{visit,deal,won}'::text[]);
SELECT stage, entered, reached FROM crm.funnel_reach('journey');
SELECT record_key, customer_id = :ann AS ann, customer_id = :bob AS bob FROM crm.transition WHERE relation = 'touch'::regclass ORDER BY 1;
-- a device that was Ann's and then Bob's divides by time
SELECT crm.identify('v3', :ann, '2024-01-01') AS first_ann, crm.identify('v3', :bob, '2024-02-01') AS then_bob;
INSERT INTO touch VALUES (8, NULL, 'v3', '2024-02-05');
SELECT t.record_key, t.customer_id = :ann AS ann, t.customer_id = :bob AS bob FROM crm.transition t JOIN touch c ON c.id::text = t.record_key
WHERE t.relation = 'touch'::regclass AND c.visitor = 'v3' ORDER BY 1;
SELECT * FROM crm.funnel_counts('journey', '{visit,deal,won}'::text[]);
-- taken back: as if it had never been
SELECT crm.unidentify('v3') AS bob, crm.unidentify('v3') AS ann;
SELECT crm.unidentify('v2') > 0 AS bob;
SELECT * FROM crm.funnel_counts('journey', '{visit,deal,won}'::text[]);
SELECT crm.unidentify('v1') > 0 AS ann;
SELECT * FROM crm.funnel_counts('journey', '{visit,deal,won}'::text[]);
-- a touch that gets a customer, another visitor, or none
UPDATE touch SET account_id = 2 WHERE id = 4;
UPDATE touch SET visitor = 'v9' WHERE id = 5;
UPDATE touch SET visitor = 'v9' WHERE id = 6;
UPDATE touch SET visitor = NULL WHERE id = 8;
SELECT record_key, anonymous_id, customer_key FROM crm.transition_log WHERE relation = 'touch'::regclass ORDER BY 1;
SELECT * FROM crm.funnel_counts('journey', '{visit,deal,won}'::text[]);
-- the story tells the same
SELECT crm.identify('v9', :bob, '2024-06-01') > 0 AS of_bob;
SELECT at, kind, relation, record_key FROM crm.customer_timeline(:bob) WHERE kind = 'touch';
SELECT t.at, t.record_key FROM crm.transition t WHERE t.relation = 'touch'::regclass AND t.customer_id = :bob ORDER BY 1;
-- read again, the history is the same
CREATE TABLE before AS SELECT relation, record_key, "sequence", to_stage, at, customer_key, anonymous_id FROM crm.transition_log;
CALL crm.backfill('touch');
SELECT count(*) AS differ FROM ((TABLE before EXCEPT SELECT relation, record_key, "sequence", to_stage, at, customer_key, anonymous_id FROM crm.transition_log)
                                UNION ALL (SELECT relation, record_key, "sequence", to_stage, at, customer_key, anonymous_id FROM crm.transition_log EXCEPT TABLE before)) d;
-- an erasure takes the visitors' marks along
SELECT crm.transitions_erased('touch', '{5,6}', 'blank');
SELECT count(*) FROM crm.transition_log WHERE anonymous_id = 'v9';
