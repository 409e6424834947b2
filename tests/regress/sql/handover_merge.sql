-- What was answered goes and comes with its record: a merge takes the hand-over away, its undoing brings it back with its answer.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
SET client_min_messages = warning;
SELECT crm.create_unit('acme', kind => 'business'), crm.create_unit('sales', kind=> 'functional', parent=> 'acme'), crm.create_unit('service', kind=> 'functional', parent=> 'acme');
CREATE TABLE deal (id int PRIMARY KEY, stage text, opened timestamptz, title text);
SELECT crm.create_funnel('sales', 'opportunity', '[{"key": "open", "department": "sales", "kind": "entry"}, {"key": "won", "department": "sales", "milestone": "won"}, {"key": "live", "department": "service", "milestone": "live"}]');
SELECT count(*) FROM crm.adopt('deal','opportunity', columns => '{"id": "id", "stage": "stage", "created_at": "opened", "name": "title"}');
CALL crm.backfill('deal');
INSERT INTO deal VALUES (1, 'open', now() - interval '3 days', 'a'), (2, 'open', now() - interval '3 days', 'b');
UPDATE deal SET stage = 'won';
UPDATE deal SET stage = 'live';
SELECT crm.refuse_handover((SELECT handover FROM crm.handover WHERE record_key = '2'), 'no plan');
SELECT crm.accept_handover((SELECT handover FROM crm.handover WHERE record_key = '1'));
SELECT record_key, state, reason FROM crm.handover ORDER BY 1;
SELECT crm.merge('deal', '1', '{2}', 'twice') AS merge \gset
SELECT record_key, state, reason FROM crm.handover ORDER BY 1;
SELECT count(*) FROM crm.unmerge(:'merge');
SELECT record_key, state, reason FROM crm.handover ORDER BY 1;
