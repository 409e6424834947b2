-- Making funnels, and what a team's values mean in them.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set SHOW_CONTEXT never
SELECT crm.create_funnel('sales', 'opportunity', '[
  {"key": "prospecting", "department": "marketing", "milestone": "sal", "aliases": ["Prospect"]},
  {"key": "engaging", "department": "sales", "milestone": "opportunity", "expected": "14 days", "probability": 0.3},
  {"key": "on_hold", "kind": "waiting"},
  {"key": "won", "label": "Closed won", "milestone": "won", "position": 1000},
  {"key": "lost", "milestone": "lost", "position": 1100},
  {"key": "live", "department": "service", "milestone": "live", "position": 1200}]');
SELECT stage, position, label, department, kind, milestone, expected, probability FROM crm.funnel_stage ORDER BY position;
SELECT funnel, subject, label FROM crm.funnel;
SELECT crm.create_funnel('support', 'ticket', '["new", "in_progress", "closed"]', 'Help desk');
SELECT stage, position, label, kind FROM crm.funnel_stage WHERE funnel = 'support' ORDER BY position;

-- By key, alias and label; case and blanks ignored; as the type writes it; nothing else.
SELECT v, crm.resolve_stage('sales', v), crm.stage_milestone('sales', v), crm.stage_kind('sales', v)
FROM unnest(ARRAY['won', ' WON ', 'closed WON', 'prospect', 'sales:1000:won', 'support:100:won', 'wonn', '', NULL]) v;

-- More stages and aliases.
SELECT crm.add_stage('sales', '{"key": "proposal", "position": 250, "department": "sales", "aliases": ["Angebot"]}');
SELECT crm.add_stage('sales', '"renewal"');
SELECT crm.add_stage_alias('sales', 'Gewonnen', 'Closed won');
SELECT crm.add_stage_alias('sales', 'GEWONNEN', 'won');
SELECT stage, position FROM crm.funnel_stage WHERE funnel = 'sales' ORDER BY position;
SELECT * FROM crm.stage_alias ORDER BY alias;
SELECT crm.retire_stage('sales', 'on_hold');
SELECT stage FROM crm.funnel_stage WHERE retired_at IS NOT NULL;
SELECT crm.resolve_stage('sales', 'on_hold');

-- Steps between stages: past a stage, not past a waiting, lost or retired one.
SELECT to_stage, direction FROM crm.stage_step WHERE funnel = 'sales' AND from_stage = 'engaging' ORDER BY 1;

-- Errors name what is wrong; nothing is half done.
SELECT crm.create_funnel('sales', 'opportunity', '["a"]');
SELECT crm.create_funnel('other', 'oportunity', '["a"]');
SELECT crm.create_funnel('other', 'opportunity', '[]');
SELECT crm.create_funnel('other', 'opportunity', '{"key": "a"}');
SELECT crm.create_funnel('other', 'opportunity', NULL);
SELECT crm.create_funnel('other', 'opportunity', '["a", 7]');
SELECT crm.create_funnel('other', 'opportunity', '["a", null]');
SELECT crm.create_funnel('other', 'opportunity', '["a", {"label": "B"}]');
SELECT crm.create_funnel('other', 'opportunity', '["a", {"key": "b", "departmant": "sales"}]');
SELECT crm.create_funnel('other', 'opportunity', '["a", {"key": "b", "kind": "activ"}]');
SELECT crm.create_funnel('other', 'opportunity', '["a", {"key": "b", "milestone": "wonn"}]');
SELECT crm.create_funnel('other', 'opportunity', '["a", {"key": "b", "position": 100}]');
SELECT crm.create_funnel('other', 'opportunity', '["a", {"key": "b", "position": -1}]');
SELECT crm.create_funnel('other', 'opportunity', '["a", {"key": "b", "position": "x"}]');
SELECT crm.create_funnel('other', 'opportunity', '["a", {"key": "b", "expected": "soon"}]');
SELECT crm.create_funnel('other', 'opportunity', '["a", {"key": "b", "probability": 40}]');
SELECT crm.create_funnel('other', 'opportunity', '["a", "A"]');
SELECT crm.create_funnel('other', 'opportunity', '["a", "b:c"]');
SELECT crm.create_funnel('o:ther', 'opportunity', '["a"]');
SELECT crm.create_funnel('other', 'opportunity', '[{"key": "a", "milestone": "won"}, {"key": "b", "milestone": "won"}]');
SELECT crm.create_funnel('other', 'opportunity', '["a", {"key": "b", "aliases": ["A"]}]');
SELECT crm.create_funnel('other', 'opportunity', '["a", {"key": "b", "aliases": {"A": 1}}]');
SELECT count(*) FROM crm.funnel WHERE funnel = 'other';
SELECT crm.add_stage('sale', '"x"');
SELECT crm.add_stage('sales', '{"key": "x", "label": "Angebot"}');
SELECT crm.add_stage_alias('sales', 'x', 'engagin');
SELECT crm.add_stage_alias('sales', 'Won', 'lost');
SELECT crm.add_stage_alias('sales', ' ', 'lost');
SELECT crm.retire_stage('sales', 'nothing like it');
SELECT crm.add_stage('sales', NULL);
SELECT crm.retire_stage('sales', NULL);
SELECT crm.add_stage_alias(NULL, 'x', 'y');
UPDATE crm.funnel_stage SET position = 260 WHERE stage = 'proposal';
\echo :LAST_ERROR_SQLSTATE
UPDATE crm.funnel_stage SET label = 'Offer' WHERE stage = 'proposal';

-- Funnels are made by administrators and read by everybody.
CREATE ROLE regress_funnel_reader;
SET ROLE regress_funnel_reader;
SELECT crm.create_funnel('mine', 'opportunity', '["a"]');
SELECT crm.add_stage_alias('sales', 'Verloren', 'lost');
SELECT crm.resolve_stage('sales', 'gewonnen');
SELECT count(*) FROM crm.funnel_stage;
RESET ROLE;
DROP ROLE regress_funnel_reader;
