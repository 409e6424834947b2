-- Hidden against absent: what every function says of a record that is hidden is, to the letter, what it says of one that is not there.
-- And what shares, denials and masks may not be used for.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set world :srcdir '/attack_world.sql'
\set ECHO none
\o /dev/null
\i :world
SELECT crm.grant_privilege('seller', '*', 'share', 'unit'), crm.grant_privilege('seller', '*', 'assign', 'unit');
SELECT crm.create_principal('crew', kind => 'team');
-- The outcome of a statement with the key of a hidden record and of none, where the keys are written as KEY.
CREATE FUNCTION public.differs(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    hidden text := replace(outcome(replace(statement, 'KEY', '4')), '"4"', '"KEY"');
    absent text := replace(outcome(replace(statement, 'KEY', '9')), '"9"', '"KEY"');
BEGIN
    RETURN CASE WHEN hidden = absent THEN 'alike: ' || hidden ELSE 'DIFFERENT: ' || hidden || ' / ' || absent END;
END
$$;
\o
\set ECHO all
SET ROLE regress_attack_eve;
\pset tuples_only on
SELECT differs($$SELECT * FROM deals WHERE id = KEY$$);
SELECT differs($$UPDATE deals SET amount = 0 WHERE id = KEY$$);
SELECT differs($$DELETE FROM deals WHERE id = KEY$$);
SELECT differs($$SELECT id FROM deals WHERE id = KEY FOR UPDATE$$);
SELECT differs($$SELECT * FROM crm.explain_access('eve', 'deals', 'KEY')$$);
SELECT differs($$SELECT * FROM crm.explain_access('eve', 'deals', 'KEY', 'update')$$);
SELECT differs($$SELECT * FROM crm.explain_access('sven', 'deals', 'KEY')$$);
SELECT differs($$SELECT * FROM crm.explain_access('no such', 'deals', 'KEY')$$);
SELECT differs($$SELECT * FROM crm.explain_access('eve', 'calls_high', 'KEY')$$);
SELECT differs($$SELECT * FROM crm.who_can_access('deals', 'KEY')$$);
SELECT differs($$SELECT crm.share('deals', 'KEY', 'nora')$$);
SELECT differs($$SELECT crm.share('deals', 'KEY', 'no such')$$);
SELECT differs($$SELECT crm.share('deals', 'KEY', 'eve')$$);
SELECT differs($$SELECT crm.share('deals', 'KEY', 'nora', '{erase}')$$);
SELECT differs($$SELECT crm.share('deals', 'KEY', 'nora', until => '2000-01-01')$$);
SELECT differs($$SELECT crm.unshare('deals', 'KEY', 'nora')$$);
SELECT differs($$SELECT crm.unshare('deals', 'KEY', 'no such')$$);
SELECT differs($$SELECT * FROM crm.share_list WHERE key = 'KEY'$$);
SELECT differs($$SELECT crm.shared(KEY, 'deals', 'read')$$);
SELECT differs($$SELECT crm.principal_shared('eve', 'KEY', 'deals', 'read')$$);
SELECT differs($$SELECT crm.count_unmapped('deals')$$);
-- the same with a share of the hidden record between others, which does not change what eve is told
RESET ROLE;
SELECT crm.share('deals', '4', 'nora') > 0;
SET ROLE regress_attack_eve;
SELECT differs($$SELECT * FROM crm.explain_access('eve', 'deals', 'KEY')$$);
SELECT differs($$SELECT crm.unshare('deals', 'KEY', 'nora')$$);
SELECT differs($$SELECT * FROM crm.share_list$$);
-- and for somebody who is nobody, or may not read the table at all
SET ROLE regress_attack_stan;
SELECT differs($$SELECT * FROM crm.explain_access('eve', 'deals', 'KEY')$$);
SELECT differs($$SELECT crm.share('deals', 'KEY', 'nora')$$);
SELECT differs($$SELECT crm.unshare('deals', 'KEY', 'nora')$$);
RESET ROLE;
REVOKE SELECT ON deals FROM regress_attack_eve;
SET ROLE regress_attack_eve;
SELECT differs($$SELECT crm.share('deals', 'KEY', 'nora')$$);
SELECT differs($$SELECT * FROM crm.explain_access('eve', 'deals', 'KEY')$$);
RESET ROLE;
GRANT SELECT ON deals TO regress_attack_eve;

-- Shares give no more than the giver has, to nobody by himself, and end with what they rest on.
SET ROLE regress_attack_eve;
SELECT outcome($$SELECT crm.share('deals', '1', 'eve')$$);
SELECT outcome($$SELECT crm.share('deals', '1', 'sven', '{read,export}')$$);
SELECT outcome($$SELECT crm.share('deals', '1', 'sven', '{create}')$$);
SELECT outcome($$SELECT crm.share('crm.unit', 'acme', 'sven')$$);
SELECT crm.share('deals', '1', 'sven', '{read,share}') > 0;
SET ROLE regress_attack_sven;
SELECT array_agg(id ORDER BY id) FROM deals;
SELECT outcome($$UPDATE deals SET amount = 0 WHERE id = 1$$);
SELECT outcome($$SELECT crm.share('deals', '1', 'nora', '{read,update}')$$);
SELECT outcome($$SELECT crm.share('deals', '1', 'crew')$$);
SELECT outcome($$SELECT crm.unshare('deals', '4', 'nora')$$);
RESET ROLE;
SELECT count(crm.remove_member('eve', 'north'));
SET ROLE regress_attack_eve;
SELECT outcome($$SELECT crm.share('deals', '1', 'nora')$$);
RESET ROLE;
SELECT crm.deny('sven', '*', 'read', 'north');
SET ROLE regress_attack_sven;
SELECT array_agg(id ORDER BY id) FROM deals;
RESET ROLE;
-- A key is what the table's key writes, in one spelling: no other text names the record.
SET ROLE regress_attack_nora;
SELECT outcome(format('SELECT crm.share(''deals'', %L, ''sven'')', k)) FROM unnest(ARRAY['01', ' 1', '1 ', '+1', '1.0', '1e0', '0x1', '١', '', '99999999999999999999', '1'' OR true --']) k;
RESET ROLE;

-- Masked columns: neither the table, nor the view, nor a function of the reader's gives the value.
SELECT crm.add_member('eve', 'north', 'seller') > 0, crm.revoke_privilege('seller', '*', 'read');
SELECT crm.grant_privilege('seller', 'public.deals', 'read', 'unit');
GRANT CREATE ON SCHEMA public TO regress_attack_boss;
SET ROLE regress_attack_boss;
SELECT count(*) FROM crm.mask('deals', '{"note": "left(note, 1)", "code": null}');
\c - regress_attack_eve
SELECT id, note, code FROM deals_masked ORDER BY id;
SELECT outcome('SELECT note FROM deals');
SELECT outcome('SELECT d FROM deals d');
SELECT outcome('SELECT count(*) FROM deals WHERE note = ''a northern note''');
SELECT outcome('SELECT id FROM deals ORDER BY code');
SELECT outcome('UPDATE deals SET note = note || ''x''');
SELECT outcome('UPDATE deals SET amount = amount RETURNING note');
SELECT outcome('INSERT INTO deals (id, region) VALUES (1, ''north'') ON CONFLICT (id) DO UPDATE SET amount = length(deals.note)');
SELECT outcome('SELECT to_jsonb(d) FROM deals d');
SELECT outcome('TABLE deals');
SELECT outcome('SELECT d.id FROM deals d JOIN deals e USING (note)');
SELECT outcome('CREATE TABLE pg_temp.t AS SELECT note FROM deals');
SELECT outcome('CREATE VIEW eve.v AS SELECT * FROM deals_masked');
COPY deals TO STDOUT;
COPY deals (note) TO STDOUT;
SELECT count(*) FROM pg_stats WHERE tablename = 'deals';
SELECT outcome('SET ROLE crm_masking');
SELECT outcome('GRANT crm_masking TO regress_attack_eve') ~ '^42501';
SELECT outcome('CREATE OR REPLACE VIEW deals_masked AS SELECT * FROM deals');
-- an error for a masked value, and a function that tells what it is given
SELECT count(*) FROM deals_masked WHERE 1 / (length(note) - 15) IS NOT NULL;
CREATE FUNCTION eve.tell(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS 'BEGIN RAISE NOTICE ''told: %'', $1; RETURN true; END';
SELECT count(*) FROM deals_masked WHERE eve.tell(note);
SELECT count(*) FROM eve.v WHERE eve.tell(note);
DROP VIEW eve.v;
\c - postgres
-- a view that is made anew replaces nobody's
DROP VIEW deals_masked;
CREATE VIEW deals_masked AS SELECT 1 AS id;
SET ROLE regress_attack_boss;
SELECT outcome('SELECT crm.mask_again(''deals'')');
RESET ROLE;
DROP VIEW deals_masked;
SET ROLE regress_attack_boss;
SELECT outcome('SELECT crm.mask_again(''deals'')');
RESET ROLE;
\pset tuples_only off

SET client_min_messages = warning;
SELECT crm.unprotect('deals');
DROP OWNED BY regress_attack_boss, regress_attack_nora, regress_attack_sven, regress_attack_eve, regress_attack_stan CASCADE;
DROP ROLE regress_attack_boss, regress_attack_nora, regress_attack_sven, regress_attack_eve, regress_attack_stan;
