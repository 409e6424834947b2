-- preview_protect tells what protect then does: who sees and loses how much, and what would pass the policies or be of no use.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh

SELECT 'CREATE ROLE regress_preview_' || r FROM unnest('{owner,ann,bob,cat,dan,app,stranger}'::text[]) r \gexec
ALTER ROLE regress_preview_app LOGIN;
ALTER ROLE regress_preview_stranger LOGIN;
ALTER ROLE regress_preview_dan LOGIN BYPASSRLS;
SELECT crm.create_unit('acme', 'Acme Ltd', 'business');
SELECT crm.create_unit(u, parent => 'acme') FROM unnest('{north,south}'::text[]) u;
SELECT crm.create_unit('oslo', parent => 'north');
SELECT crm.create_unit('beer', kind => 'product', hierarchy => 'product');
SELECT crm.create_unit('wine', kind => 'product', hierarchy => 'product');
SELECT crm.create_principal(p, role_name => ('regress_preview_' || p)::name) FROM unnest('{owner,ann,bob,cat,dan}'::text[]) p;
SELECT crm.create_principal('zed');
SELECT crm.create_principal('crew', kind => 'team');
SELECT crm.create_role('manager');
SELECT crm.grant_privilege('manager', '*', 'read', 'below');
SELECT crm.create_role('rep');
SELECT crm.grant_privilege('rep', '*', 'read', 'own');
SELECT crm.create_role('idle');
SELECT count(crm.add_member(p, u, r)) FROM (VALUES ('owner', 'acme', 'manager'), ('ann', 'north', 'manager'), ('ann', 'beer', 'manager'),
    ('bob', 'oslo', 'rep'), ('cat', 'south', 'rep'), ('dan', 'acme', 'manager')) v (p, u, r);
INSERT INTO crm.team_member (team, principal, during) VALUES ('crew', 'cat', tstzrange(now(), NULL));
INSERT INTO crm.denial (principal, object, privilege, unit, denied_by) VALUES ('ann', '*', 'read', 'oslo', 'test'),
    ('bob', 'public.deals', 'read', 'south', 'test');

CREATE TABLE deals (id integer PRIMARY KEY, unit text, line text, owner text, email text UNIQUE, price numeric, note text, code text);
INSERT INTO deals (id, unit, line, owner, email)
SELECT i, (ARRAY['north', 'south', 'OSLO', NULL, 'nort', 'acme'])[1 + i % 6], (ARRAY['beer', 'wine', 'bier', NULL])[1 + i % 4],
    (ARRAY['bob', 'cat', 'crew', NULL, 'BOB'])[1 + i % 5], i || '@example.com' FROM generate_series(1, 1000) i;
ALTER TABLE deals OWNER TO regress_preview_owner;
GRANT SELECT ON deals TO regress_preview_ann, regress_preview_bob, regress_preview_cat, regress_preview_dan, regress_preview_app;
CREATE INDEX deals_price ON deals (price);
CREATE INDEX deals_note ON deals (note text_pattern_ops);
CREATE INDEX deals_words ON deals USING gin (to_tsvector('english', note));
CREATE INDEX deals_unit ON deals (unit);
CREATE UNIQUE INDEX deals_code ON deals (lower(code));
CREATE TABLE customers (id integer PRIMARY KEY);
ALTER TABLE deals ADD customer integer REFERENCES customers ON DELETE CASCADE;
CREATE TABLE lines (id integer PRIMARY KEY, deal integer REFERENCES deals);
CREATE VIEW all_deals AS SELECT * FROM deals;
CREATE VIEW owners_deals AS SELECT * FROM deals;
ALTER VIEW owners_deals OWNER TO regress_preview_owner;
CREATE VIEW my_deals WITH (security_invoker = true) AS SELECT * FROM deals;
CREATE VIEW deals_of_deals AS SELECT * FROM my_deals;
CREATE MATERIALIZED VIEW old_deals AS SELECT * FROM deals;
GRANT SELECT ON old_deals TO regress_preview_ann;
CREATE MATERIALIZED VIEW own_copy AS SELECT * FROM deals;
CREATE FUNCTION deal_count() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM deals';
CREATE FUNCTION harmless() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM deals';
CREATE FUNCTION atomic() RETURNS bigint LANGUAGE sql SECURITY DEFINER BEGIN ATOMIC SELECT count(*) FROM public.deals; END;
ALTER FUNCTION atomic() OWNER TO regress_preview_owner;

SET ROLE regress_preview_owner;
SELECT * FROM crm.preview_protect('deals', '{"organisation": "unit"}', owner_column => 'owner') WHERE name <> 'postgres';
-- two hierarchies, all and any; without owner
SELECT kind, name, sees, loses, detail FROM crm.preview_protect('deals', '{"organisation": "unit", "product": "line"}', owner_column => 'owner')
WHERE kind IN ('principal', 'unmapped');
SELECT kind, name, sees, loses FROM crm.preview_protect('deals', '{"organisation": "unit", "product": "line"}', combine => 'any', fallback_unit => 'north')
WHERE kind = 'principal';
-- one column may be both unit and owner
SELECT kind, name, sees, loses FROM crm.preview_protect('deals', '{"organisation": "owner"}', owner_column => 'owner') WHERE kind = 'principal';
-- why protect would refuse
RESET ROLE;
CREATE POLICY everybody ON deals USING (true);
SELECT crm.bind_principal('owner', NULL);
SET ROLE regress_preview_owner;
SELECT kind, name, detail, hint FROM crm.preview_protect('deals', '{"organisation": "unit"}') WHERE kind IN ('refusal', 'stranger');
RESET ROLE;
SELECT crm.bind_principal('owner', 'regress_preview_owner');
SET ROLE regress_preview_owner;
SELECT kind, name, detail, hint FROM crm.preview_protect('deals', '{"organisation": "unit"}') WHERE kind = 'refusal';
DROP POLICY everybody ON deals;

-- and then the policies show just that, shares included
RESET ROLE;
CREATE TABLE foretold (step text, name text, sees bigint, seen bigint);
GRANT INSERT, SELECT, UPDATE ON foretold TO PUBLIC;
CREATE FUNCTION look(now text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    p record;
    count bigint;
BEGIN
    FOR p IN SELECT * FROM foretold f WHERE f.step = now LOOP
        PERFORM set_config('role', 'regress_preview_' || p.name, true);
        SELECT count(*) INTO count FROM deals;
        UPDATE foretold f SET seen = count WHERE f.step = now AND f.name = p.name;
    END LOOP;
END
$$;
SET ROLE regress_preview_owner;
INSERT INTO foretold SELECT 'owners', name, sees FROM crm.preview_protect('deals', '{"organisation": "unit", "product": "line"}', 'all', 'owner')
WHERE kind = 'principal' AND detail ~ 'role regress' AND name <> 'dan';
SELECT count(*) FROM crm.protect('deals', '{"organisation": "unit", "product": "line"}', 'all', 'owner');
RESET ROLE;
SELECT look('owners');
INSERT INTO crm.shared_record (relation, record_key, principal, unit, privileges, during, shared_by)
SELECT 'deals', k, p, u, '{read}', tstzrange(now(), NULL), 'test' FROM (VALUES ('1', 'bob', NULL), ('3', 'bob', NULL), ('7', NULL, 'south'),
    ('8', 'crew', NULL), ('9', NULL, 'acme'), ('9', 'ann', NULL), ('99999', 'ann', NULL)) v (k, p, u);
SET ROLE regress_preview_owner;
INSERT INTO foretold SELECT 'shares', name, sees FROM crm.preview_protect('deals', '{"organisation": "unit", "product": "line"}', 'all', 'owner')
WHERE kind = 'principal' AND detail ~ 'role regress' AND name <> 'dan';
RESET ROLE;
SELECT look('shares');
SELECT *, seen IS NOT DISTINCT FROM sees AS as_foretold FROM foretold ORDER BY step, name;

-- values that mean no unit: counted, shown in status, mapped by the call that is shown there
SELECT item, state, amount, detail, hint FROM crm.status WHERE item ~ '^unit';
SET ROLE regress_preview_ann;
SELECT crm.count_unmapped('deals');
SET ROLE regress_preview_owner;
SELECT crm.count_unmapped('deals');
RESET ROLE;
SELECT rows FROM crm.unmapped_count;
SELECT item, state, amount, oldest IS NOT NULL AS counted, detail, hint FROM crm.status WHERE item ~ '^unit' ORDER BY item COLLATE "C";
SELECT hint FROM crm.status WHERE item ~ '^unit .nort' \gexec
SELECT item, state, amount, detail FROM crm.status WHERE item ~ '^unit' ORDER BY item COLLATE "C";
SELECT crm.count_unmapped('deals');
SELECT crm.count_unmapped_due(), crm.count_unmapped_due('0 s');
SELECT crm.unprotect('deals');
SELECT count(*) FROM crm.unmapped_value;
SELECT crm.count_unmapped('deals');
SELECT crm.count_unmapped_due('0 s');

DROP OWNED BY regress_preview_owner, regress_preview_ann, regress_preview_bob, regress_preview_cat, regress_preview_dan, regress_preview_app CASCADE;
SELECT 'DROP ROLE regress_preview_' || r FROM unnest('{owner,ann,bob,cat,dan,app,stranger}'::text[]) r \gexec
