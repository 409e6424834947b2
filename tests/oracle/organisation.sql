-- Random organisations: trees, words that collide, people, teams, roles, memberships, denials. Written into the tables
-- themselves, as a dump would be restored, so that states which no function makes are met as well.

-- Askers are database roles regress_oracle_0 .. 7. Number 6 is a team's, number 7 is bound to nobody.
CREATE FUNCTION oracle.make_askers() RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    FOR i IN 0 .. 7 LOOP
        EXECUTE format('CREATE ROLE regress_oracle_%s', i);
    END LOOP;
END
$$;

-- One for each principal: the keys of principals are the same in every organisation.
CREATE TABLE oracle.token (principal text PRIMARY KEY, token text NOT NULL);

CREATE FUNCTION oracle.make_tokens() RETURNS void LANGUAGE sql VOLATILE AS $$
    INSERT INTO oracle.token SELECT p.principal, crm.issue_token(p.principal, '1 day') FROM crm.principal p ON CONFLICT DO NOTHING
$$;

CREATE FUNCTION oracle.clear() RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF to_regnamespace('team') IS NOT NULL THEN
        DROP SCHEMA team CASCADE;
    END IF;
    PERFORM crm.forget_protection(l.name) FROM crm.protection_left l;
    DELETE FROM oracle.subject;
    DELETE FROM oracle.pool;
    DELETE FROM crm.shared_record;
    DELETE FROM crm.denial;
    DELETE FROM crm.team_member;
    DELETE FROM crm.membership;
    DELETE FROM crm.unit_role;
    DELETE FROM crm.role_privilege;
    DELETE FROM crm.role;
    DELETE FROM crm.unit_alias;
    DELETE FROM crm.unit;
    DELETE FROM crm.unit_past;
    DELETE FROM crm.hierarchy;
    DELETE FROM crm.principal_alias;
    DELETE FROM crm.principal;
END
$$;

-- Wide: many units, of which each member reaches few.
CREATE FUNCTION oracle.make_units(wide boolean) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    words text[] := oracle.some(ARRAY['North', 'south', 'EAST', 'West', 'mid land', 'key-acc', 'web', 'Shop', 'line', 'beer',
        'Wine', 'juice', 'tea', 'alpha', 'Beta', 'gamma', 'delta', 'omega', 'psi', 'Retail', 'exPort', '21'], 22);
    trees text[] := oracle.some(ARRAY['organisation', 'product', 'region'], CASE WHEN wide THEN oracle.number(1, 2) ELSE oracle.number(1, 3) END);
    deep double precision := CASE WHEN wide THEN 0.2 ELSE random() END;
    tree text;
    members text[];
    next_word integer := 1;
    new_unit text;
BEGIN
    INSERT INTO crm.hierarchy (hierarchy, name) SELECT t, t FROM unnest(trees) t;
    INSERT INTO crm.unit (unit, name, kind, hierarchy, since)
    VALUES ('Acme', CASE WHEN oracle.chance(0.2) THEN words[1] ELSE 'Acme Ltd' END, 'business', trees[1],
            statement_timestamp() - interval '1 year');
    FOREACH tree IN ARRAY trees LOOP
        members := ARRAY['Acme'];
        FOR i IN 1 .. CASE WHEN wide THEN 10 ELSE oracle.number(5, 7) END LOOP
            new_unit := words[next_word];
            next_word := next_word + 1;
            INSERT INTO crm.unit (unit, name, kind, hierarchy, parent, since, until)
            VALUES (new_unit, CASE WHEN oracle.chance(0.25) THEN 'Twin' WHEN oracle.chance(0.25) THEN oracle.pick(words)
                                   ELSE 'Unit ' || new_unit END, 'functional', tree,
                    CASE WHEN oracle.chance(deep) THEN members[cardinality(members)] ELSE oracle.pick(members) END,
                    statement_timestamp() - interval '1 year', CASE WHEN oracle.chance(0.1) THEN statement_timestamp() - interval '1 hour' END);
            members := members || new_unit;
        END LOOP;
    END LOOP;
END
$$;

-- Most units have a number and a uuid, some a word that is the key or the name of another unit.
CREATE FUNCTION oracle.make_unit_aliases() RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    place crm.unit;
BEGIN
    FOR place IN SELECT u.* FROM crm.unit u ORDER BY u.unit COLLATE "C" LOOP
        IF oracle.chance(0.85) THEN
            INSERT INTO crm.unit_alias (hierarchy, alias, unit)
            VALUES (place.hierarchy, oracle.number(1, 30)::text, place.unit) ON CONFLICT DO NOTHING;
            INSERT INTO crm.unit_alias (hierarchy, alias, unit)
            VALUES (place.hierarchy, (5000000000 + oracle.number(1, 30))::text, place.unit) ON CONFLICT DO NOTHING;
            INSERT INTO crm.unit_alias (hierarchy, alias, unit)
            VALUES (place.hierarchy, oracle.spell(oracle.uuid_text(oracle.number(1, 30))), place.unit) ON CONFLICT DO NOTHING;
        END IF;
        IF oracle.chance(0.4) THEN
            INSERT INTO crm.unit_alias (hierarchy, alias, unit)
            SELECT place.hierarchy, oracle.pick(ARRAY['northern', 'North', 'beer', 'the Shop', 'TEA', 'x1', '021', 'unit beer']), place.unit
            ON CONFLICT DO NOTHING;
        END IF;
    END LOOP;
END
$$;

CREATE FUNCTION oracle.uuid_text(number integer) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT md5('oracle' || number)::uuid::text
$$;

CREATE FUNCTION oracle.make_principals() RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    person text;
    names text[] := ARRAY['Ann', 'bob', 'Cyd', 'dan', 'EVE', 'Flo', 'Gus'];
BEGIN
    FOR i IN 0 .. 6 LOOP
        person := CASE i WHEN 6 THEN 'squad' ELSE names[i + 1] END;
        INSERT INTO crm.principal (principal, name, kind, role_name)
        VALUES (person, CASE WHEN oracle.chance(0.2) THEN oracle.pick(names) ELSE person || ' Berg' END,
                CASE i WHEN 6 THEN 'team' ELSE 'person' END, 'regress_oracle_' || i);
        INSERT INTO crm.principal_alias (alias, principal)
        VALUES (oracle.pick(ARRAY[lower(person) || '@example.com', person || '@Example.com']), person);
        INSERT INTO crm.principal_alias (alias, principal) VALUES ((100 + i)::text, person),
            (oracle.spell(oracle.uuid_text(100 + i)), person), ((7000000000 + i)::text, person) ON CONFLICT DO NOTHING;
    END LOOP;
    INSERT INTO crm.principal (principal, name, kind) VALUES ('Crew', 'bob', 'team');
    INSERT INTO crm.principal_alias (alias, principal) VALUES ('150', 'Crew'), (oracle.uuid_text(150), 'Crew'), ('7000000050', 'Crew');
    FOREACH person IN ARRAY names[:6] LOOP
        IF oracle.chance(0.3) THEN
            INSERT INTO crm.team_member (team, principal, during) VALUES ('squad', person, oracle.period(0.7));
        END IF;
        IF oracle.chance(0.3) THEN
            INSERT INTO crm.team_member (team, principal, during) VALUES ('Crew', person, oracle.period(0.7));
        END IF;
    END LOOP;
END
$$;

-- Some roles have privileges without read (hand always: Flo mostly has nothing else), some on every object.
CREATE FUNCTION oracle.make_roles(objects text[]) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    role text;
    object text;
    privilege text;
    often double precision;
BEGIN
    FOREACH role IN ARRAY ARRAY['rep', 'lead', 'clerk', 'guest', 'hand'] LOOP
        INSERT INTO crm.role (role, name) VALUES (role, role);
        FOREACH object IN ARRAY objects || '*'::text LOOP
            CONTINUE WHEN oracle.chance(CASE object WHEN '*' THEN 0.75 ELSE 0.2 END);
            FOREACH privilege IN ARRAY ARRAY['read', 'create', 'update', 'delete', 'assign', 'share', 'export', 'merge', 'total', 'story'] LOOP
                often := CASE privilege WHEN 'read' THEN 0.9 WHEN 'update' THEN 0.75 WHEN 'create' THEN 0.7 WHEN 'delete' THEN 0.7
                                        WHEN 'assign' THEN 0.9 ELSE 0.4 END;
                IF oracle.chance(CASE WHEN role = 'hand' AND privilege = 'read' THEN 0 ELSE often END) THEN
                    INSERT INTO crm.role_privilege (role, object, privilege, depth)
                    VALUES (role, object, privilege, CASE WHEN oracle.chance(0.15) THEN 'own'
                                                          WHEN oracle.chance(CASE privilege WHEN 'assign' THEN 0.7 ELSE 0.4 END) THEN 'unit'
                                                          WHEN oracle.chance(0.9) THEN 'below' ELSE 'organisation' END);
                END IF;
            END LOOP;
        END LOOP;
    END LOOP;
END
$$;

CREATE FUNCTION oracle.make_member(member text) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    units text[] := ARRAY(SELECT u.unit FROM crm.unit u ORDER BY u.parent IS NULL DESC, u.unit COLLATE "C");
BEGIN
    INSERT INTO crm.membership (principal, unit, role, during)
    VALUES (member, CASE WHEN oracle.chance(0.1) THEN units[1] ELSE oracle.pick(units[2:]) END,
            CASE WHEN member = 'Flo' THEN 'hand'
                 WHEN oracle.chance(0.85) THEN oracle.pick(ARRAY['rep', 'lead', 'clerk', 'guest', 'hand']) END,
            oracle.period(0.8));
END
$$;

CREATE FUNCTION oracle.make_members(most integer) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    member text;
BEGIN
    FOR member IN SELECT p.principal FROM crm.principal p ORDER BY p.principal COLLATE "C" LOOP
        FOR i IN 1 .. oracle.number(1, most) LOOP
            PERFORM oracle.make_member(member);
        END LOOP;
    END LOOP;
    INSERT INTO crm.unit_role (unit, role)
    SELECT u, oracle.pick(ARRAY['rep', 'guest', 'hand'])
    FROM unnest(oracle.some(ARRAY(SELECT u.unit FROM crm.unit u WHERE u.parent IS NOT NULL ORDER BY u.unit COLLATE "C"), 3)) u;
END
$$;

CREATE FUNCTION oracle.make_denial() RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    units text[] := ARRAY(SELECT u.unit FROM crm.unit u WHERE u.parent IS NOT NULL ORDER BY u.unit COLLATE "C");
BEGIN
    INSERT INTO crm.denial (principal, object, privilege, unit, denied_by)
    VALUES (oracle.pick(ARRAY(SELECT p.principal FROM crm.principal p ORDER BY p.principal COLLATE "C")),
            oracle.pick(ARRAY(SELECT s.object FROM oracle.subject s ORDER BY s.relation) || '*'::text),
            oracle.pick(ARRAY['read', 'read', 'update', 'create', 'delete', 'assign', 'assign', 'total', 'story', 'export']),
            CASE WHEN oracle.chance(0.9) THEN oracle.pick(units) END, 'oracle')
    ON CONFLICT DO NOTHING;
END
$$;
