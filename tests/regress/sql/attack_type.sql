-- An owner of an adopted table makes types and casts of his own, before and after: nothing of them runs with rights but his own, whoever writes, links,
-- counts, reads, erases.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_attack_mallory;
CREATE ROLE regress_attack_clerk;
CREATE SCHEMA m AUTHORIZATION regress_attack_mallory;
GRANT USAGE ON SCHEMA m TO PUBLIC;
SELECT crm.create_unit('acme', 'Acme', 'business'), crm.create_unit('north'), crm.create_unit('south');
SELECT count(*) > 0 AS installed FROM crm.install_kpi_pack();
SELECT crm.create_funnel('flow', 'opportunity', '[{"key": "lead", "department": "acme"}, {"key": "won", "department": "acme", "kind": "won"}]');
SELECT crm.create_funnel('care', 'ticket', '[{"key": "lead", "department": "acme"}, {"key": "won", "department": "acme", "kind": "won"}]');
CREATE EXTENSION hstore SCHEMA public;
SET ROLE regress_attack_mallory;
-- says so where it runs with more than her rights; a clerk who writes into her table runs it as in any table
CREATE FUNCTION m.spy(place text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF current_user NOT IN ('regress_attack_mallory', 'regress_attack_clerk') THEN
        RAISE WARNING '% runs as somebody else', place;
    END IF;
    RETURN true;
END
$$;
CREATE TYPE m.e AS ENUM ('lead', 'won');
CREATE TYPE m.c AS (a text, b integer);
CREATE DOMAIN m.word AS text CHECK (m.spy('the check of word'));
CREATE DOMAIN m.moment AS timestamptz CHECK (m.spy('the check of moment'));
CREATE DOMAIN m.money AS numeric CHECK (m.spy('the check of money'));
CREATE TYPE m.pair AS (a m.word, b integer);
CREATE FUNCTION m.e_text(m.e) RETURNS text LANGUAGE plpgsql AS $$BEGIN PERFORM m.spy('enum to text'); RETURN 'lead'; END$$;
CREATE FUNCTION m.e_json(m.e) RETURNS json LANGUAGE plpgsql AS $$BEGIN PERFORM m.spy('enum to json'); RETURN '"lead"'; END$$;
CREATE FUNCTION m.c_text(m.c) RETURNS text LANGUAGE plpgsql AS $$BEGIN PERFORM m.spy('composite to text'); RETURN 'lead'; END$$;
CREATE FUNCTION m.c_json(m.c) RETURNS json LANGUAGE plpgsql AS $$BEGIN PERFORM m.spy('composite to json'); RETURN '"lead"'; END$$;
CREATE FUNCTION m.text_e(text) RETURNS m.e LANGUAGE plpgsql AS $$BEGIN PERFORM m.spy('text to enum'); RETURN 'lead'; END$$;
CREATE FUNCTION m.equal(m.e, text) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN PERFORM m.spy('enum = text'); RETURN true; END$$;
CREATE OPERATOR m.= (FUNCTION = m.equal, LEFTARG = m.e, RIGHTARG = text);
CREATE FUNCTION m.noted() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM m.spy(TG_OP || ' of ' || TG_RELID::regclass); RETURN coalesce(NEW, OLD); END$$;
CREATE FUNCTION m.fixed(word text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$BEGIN PERFORM m.spy('an index, statistics or a generated column'); RETURN word; END$$;
CREATE FUNCTION m.given() RETURNS text LANGUAGE plpgsql AS $$BEGIN PERFORM m.spy('a default'); RETURN 'x'; END$$;
CREATE TABLE m.people (id m.word PRIMARY KEY, email m.word, e m.e, c m.c, p m.pair, many m.e[], extra text DEFAULT m.given(), made text GENERATED ALWAYS AS (m.fixed('g')) STORED, unit m.e,
    owner m.e, CHECK (m.spy('a check of people')));
CREATE TABLE m.deals (id m.e PRIMARY KEY, person m.word REFERENCES m.people, e m.e, stage m.e, amount m.money, closed m.moment, opened m.moment, unit m.e, owner m.e, extra text DEFAULT m.given(),
    CHECK (m.spy('a check of deals')));
CREATE TABLE m.tickets (id m.word PRIMARY KEY, person m.word, opened m.moment, e m.e, unit m.e);
CREATE TABLE m.log (id m.e PRIMARY KEY, ticket m.word, stage m.e, at m.moment, unit m.e);
CREATE TABLE m.notes (id serial PRIMARY KEY, person m.word REFERENCES m.people, extra text DEFAULT m.given(), CHECK (m.spy('a check of notes')));
CREATE INDEX ON m.people ((m.fixed(email) || extra));
CREATE INDEX ON m.deals ((m.fixed('i') || extra));
CREATE STATISTICS m.known ON (m.fixed(extra)), id FROM m.people;
CREATE POLICY p ON m.deals USING (m.spy('a policy'));
ALTER TABLE m.deals ENABLE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA m TO regress_attack_clerk;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA m TO regress_attack_clerk;
RESET ROLE;

-- Functions of an extension that make values of whatever type they are given make them of hers, whose domain's CHECK is hers.
SELECT * FROM crm.preview_adopt('m.people', 'customer', '{"id": "(public.populate_record(p, public.hstore(''a'', extra))).a::text"}');
SELECT * FROM crm.preview_adopt('m.people', 'customer', '{"full_name": "(p OPERATOR(public.#=) public.hstore(''a'', extra)).a::text"}');
-- Reading what is there is no such thing.
SELECT attribute, expression, type FROM crm.preview_adopt('m.people', 'customer', '{"email": "(p).a", "full_name": "coalesce(email, (p).a)", "unit": "many[1]", "segment": "e"}');

\o /dev/null
SELECT crm.adopt('m.people', 'customer', columns => '{"email": "email", "unit": "unit", "owner": "owner", "segment": "e", "full_name": "e", "company": "extra"}'),
       crm.adopt('m.deals', 'opportunity', funnel => 'flow', columns => '{"customer": "person", "stage": "stage", "amount": "amount", "closed_at": "closed", "created_at": "opened", "unit": "unit",
           "owner": "owner", "product": "e"}');
SELECT crm.adopt('m.tickets', 'ticket', columns => '{"customer": {"column": "person", "of": "m.people"}, "opened_at": "opened", "priority": "e", "unit": "unit"}');
SELECT crm.adopt('m.log', 'stage_change', funnel => 'care', columns => '{"record": {"column": "ticket", "of": "m.tickets"}, "stage": "stage", "at": "at", "unit": "unit"}');
\o
-- From here on each cast to text or JSON is hers.
SET ROLE regress_attack_mallory;
CREATE CAST (m.e AS text) WITH FUNCTION m.e_text AS ASSIGNMENT;
CREATE CAST (m.e AS json) WITH FUNCTION m.e_json;
CREATE CAST (m.c AS text) WITH FUNCTION m.c_text;
CREATE CAST (m.c AS json) WITH FUNCTION m.c_json;
CREATE CAST (text AS m.e) WITH FUNCTION m.text_e;
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY '{people,deals,tickets,log,notes}'::text[] LOOP
        EXECUTE format('CREATE TRIGGER t BEFORE INSERT OR UPDATE OR DELETE ON m.%I FOR EACH ROW EXECUTE FUNCTION m.noted()', name);
        EXECUTE format('CREATE TRIGGER u AFTER INSERT OR UPDATE OR DELETE ON m.%I FOR EACH ROW EXECUTE FUNCTION m.noted()', name);
    END LOOP;
END
$$;
\c -
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CALL crm.backfill('m.people');
CALL crm.backfill('m.deals');
CALL crm.backfill('m.tickets');
CALL crm.backfill('m.log');
-- Written by a clerk, by herself, row by row and many at once.
SET ROLE regress_attack_clerk;
INSERT INTO m.people (id, email, e, c, p, many, unit) VALUES ('1', 'a@x.example', 'lead', ROW('x', 1), ROW('x', 1), '{won}', 'lead'), ('2', 'A@x.example', 'lead', ROW('x', 1), NULL, NULL, 'won'),
    ('3', 'b@x.example', 'won', NULL, NULL, NULL, NULL);
INSERT INTO m.notes (person) VALUES ('1'), ('2');
INSERT INTO m.deals (id, person, stage, amount, closed, opened, unit, e) VALUES ('lead', '1', 'lead', 5, '2026-01-02Z', '2026-01-01Z', 'lead', 'won'),
    ('won', '2', 'won', 5, '2026-01-02Z', '2026-01-01Z', 'lead', 'won');
INSERT INTO m.tickets VALUES ('t', '1', '2026-01-01Z', 'lead', 'lead');
SET ROLE regress_attack_mallory;
INSERT INTO m.log VALUES ('lead', 't', 'lead', '2026-01-01Z', 'lead'), ('won', 't', 'won', '2026-01-02Z', 'lead');
UPDATE m.deals SET stage = 'won' WHERE id = 'lead';
UPDATE m.log SET at = at - interval '1 day';
UPDATE m.log SET stage = 'won';
UPDATE m.people SET e = 'won' WHERE id = '2';
UPDATE m.deals SET stage = 'lead';
DELETE FROM m.log WHERE id = 'won';
RESET ROLE;
-- the labels are what counts, not what her cast makes of them
SELECT record_key, to_stage, unit FROM crm.transition_log ORDER BY relation::text, record_key, sequence;
SELECT DISTINCT c.unit, c.stage FROM crm.kpi_cell c ORDER BY 1, 2;

-- Everything that crm does by itself or is asked for.
\o /dev/null
SELECT crm.resolve_pending(), crm.settle_transitions(), crm.pack_journeys(), crm.fold();
CALL crm.resolve();
SELECT * FROM crm_bi.fct_opportunity;
SELECT * FROM crm_bi.fct_ticket;
SELECT * FROM crm_bi.fct_transition;
SELECT * FROM crm_bi.kpi_value;
SELECT * FROM crm_bi.dim_customer;
SELECT crm.customer_360(customer_id), crm.customer_timeline(customer_id), crm.export_customer(customer_id) FROM crm.customer;
SELECT * FROM crm.customer_record;
SELECT * FROM crm.match_queue;
SELECT * FROM crm.match('{"email": "a@x.example"}');
SELECT * FROM crm.status;
SELECT * FROM crm.doctor();
SELECT * FROM crm.suggest_adopt();
SELECT * FROM crm.export_config();
SELECT crm.explain_kpi(kpi), crm.verify_kpi(kpi, '2026-01-01', '2026-02-01') FROM unnest('{won_count,win_rate}'::text[]) kpi;
SELECT crm.set_sla('s', 'ticket', 'priority = ''lead''', 'resolution', interval '1 hour');
SELECT crm.settle_clocks();
SELECT * FROM crm_bi.sla_clock;
SELECT crm.install_redirect('m.deals', '{person}');
SELECT crm.remove_redirect('m.deals', '{person}');
DROP POLICY p ON m.deals;
SELECT crm.create_principal('clerk', role_name => 'regress_attack_clerk'), crm.create_principal('mallory', role_name => 'regress_attack_mallory'), crm.create_role('r');
SELECT crm.grant_privilege('r', '*', p, 'below') FROM unnest('{read,create,update,delete,share,total,story}'::text[]) p;
SELECT crm.add_member('clerk', 'acme', 'r'), crm.add_member('mallory', 'acme', 'r');
SELECT * FROM crm.preview_protect('m.deals', '{"organisation": "unit"}', owner_column => 'owner');
SELECT crm.protect('m.people', '{"organisation": "unit"}', owner_column => 'owner'), crm.protect('m.deals', '{"organisation": "unit"}', owner_column => 'owner');
SELECT crm.explain_access('clerk', 'm.people', '1'), crm.who_can_access('m.people', '1');
SELECT crm.share('m.people', '1', 'clerk', '{read}');
SELECT crm.count_unmapped('m.deals');
SELECT * FROM crm.doctor();
SELECT crm.start_access_review('acme');
\o
SET ROLE regress_attack_clerk;
SELECT id, email FROM m.people ORDER BY id;
UPDATE m.people SET extra = 'y' WHERE id = '1';
SELECT count(*) > 0 AS counted FROM crm_bi.kpi_value;
RESET ROLE;
SELECT crm.unprotect('m.people'), crm.unprotect('m.deals');
SET ROLE regress_attack_mallory;
SELECT crm.merge('m.people', '3', '{1}', 'the same') > 0 AS merged;
SELECT count(*) FROM crm.unmerge((SELECT max(merge_id) FROM crm.merge_log));
RESET ROLE;
SELECT count(*) > 0 AS erased FROM crm.customer c, LATERAL crm.erase_customer(c.customer_id,
    '{"m.people": "delete", "m.deals": "delete", "m.tickets": "delete", "m.log": "delete", "m.notes": "delete"}', 'asked') e;
SELECT count(*) FROM m.people;
SET ROLE regress_attack_mallory;
TRUNCATE m.log;
TRUNCATE m.people CASCADE;
RESET ROLE;
SELECT crm.restate('m.deals');
CALL crm.backfill('m.deals');
SELECT crm.disown_all();
-- what would be seen otherwise
SELECT m.spy('this');
DROP EXTENSION hstore;
DROP OWNED BY regress_attack_mallory, regress_attack_clerk CASCADE;
DROP ROLE regress_attack_mallory, regress_attack_clerk;
