-- Changes of an organisation that is in use: one at a time, of every kind.

-- Another end or beginning, often at the very instant of the statement.
CREATE FUNCTION oracle.cut(during tstzrange) RETURNS tstzrange LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    instant timestamptz := statement_timestamp();
BEGIN
    RETURN CASE oracle.number(1, 4) WHEN 1 THEN tstzrange(NULL, instant)
                                    WHEN 2 THEN tstzrange(instant, NULL)
                                    WHEN 3 THEN tstzrange(instant - interval '1 day', instant + interval '1 day')
                                    ELSE oracle.period(0.5) END;
END
$$;

CREATE FUNCTION oracle.move_some_unit() RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    moved text := oracle.pick(ARRAY(SELECT u.unit FROM crm.unit u WHERE u.parent IS NOT NULL ORDER BY u.unit COLLATE "C"));
BEGIN
    UPDATE crm.unit u
    SET parent = oracle.pick(ARRAY(
        SELECT p.unit FROM crm.unit p
        WHERE (p.parent IS NULL OR p.hierarchy = u.hierarchy)
          AND p.unit NOT IN (SELECT b.lower_unit FROM oracle.beneath b WHERE b.upper_unit = moved) ORDER BY p.unit COLLATE "C"))
    WHERE u.unit = moved;
END
$$;

-- Two principals change their database roles with each other.
CREATE FUNCTION oracle.swap_roles() RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    pair text[] := oracle.some(ARRAY(SELECT p.principal FROM crm.principal p WHERE p.role_name IS NOT NULL ORDER BY p.principal COLLATE "C"), 2);
    first_role name := (SELECT p.role_name FROM crm.principal p WHERE p.principal = pair[1]);
    second_role name := (SELECT p.role_name FROM crm.principal p WHERE p.principal = pair[2]);
BEGIN
    UPDATE crm.principal SET role_name = NULL WHERE principal = pair[1];
    UPDATE crm.principal SET role_name = first_role WHERE principal = pair[2];
    UPDATE crm.principal SET role_name = second_role WHERE principal = pair[1];
END
$$;

CREATE FUNCTION oracle.some_id(relation regclass) RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    ids text[];
BEGIN
    EXECUTE format('SELECT array_agg(id::text ORDER BY id) FROM %s', relation) INTO ids;
    RETURN oracle.pick(ids)::bigint;
END
$$;

CREATE FUNCTION oracle.disturb() RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    what text := oracle.pick(ARRAY['member', 'no member', 'period of member', 'period of member', 'unit', 'role', 'depth', 'alias', 'name',
                                   'unit role', 'denial', 'denial', 'no denial', 'team', 'period of team', 'share', 'share', 'no share',
                                   'period of share', 'period of share', 'retire']);
    chosen bigint;
BEGIN
    IF what = 'member' THEN
        PERFORM oracle.make_member(oracle.pick(ARRAY(SELECT p.principal FROM crm.principal p ORDER BY p.principal COLLATE "C")));
    ELSIF what = 'no member' THEN
        chosen := oracle.some_id('crm.membership');
        DELETE FROM crm.membership WHERE id = chosen;
    ELSIF what = 'period of member' THEN
        chosen := oracle.some_id('crm.membership');
        UPDATE crm.membership m SET during = oracle.cut(m.during) WHERE m.id = chosen;
    ELSIF what = 'unit' THEN
        PERFORM oracle.move_some_unit();
    ELSIF what = 'role' THEN
        PERFORM oracle.swap_roles();
    ELSIF what = 'depth' THEN
        PERFORM oracle.change_depth();
    ELSIF what = 'alias' THEN
        DELETE FROM crm.unit_alias a WHERE (a.hierarchy, a.alias) = (SELECT b.hierarchy, b.alias FROM crm.unit_alias b
            ORDER BY b.hierarchy COLLATE "C", b.alias COLLATE "C" OFFSET oracle.number(0, 5) LIMIT 1);
        PERFORM oracle.make_unit_aliases();
    ELSIF what = 'name' THEN
        UPDATE crm.unit SET name = oracle.pick(ARRAY['North', 'tea', 'Unit tea', 'x9'])
        WHERE unit = (SELECT u.unit FROM crm.unit u ORDER BY u.unit COLLATE "C" OFFSET oracle.number(0, 5) LIMIT 1);
    ELSIF what = 'retire' THEN
        UPDATE crm.unit SET until = statement_timestamp()
        WHERE unit = (SELECT u.unit FROM crm.unit u WHERE u.parent IS NOT NULL ORDER BY u.unit COLLATE "C" OFFSET oracle.number(0, 3) LIMIT 1);
    ELSIF what = 'unit role' THEN
        DELETE FROM crm.unit_role WHERE unit = (SELECT min(r.unit COLLATE "C") FROM crm.unit_role r);
        INSERT INTO crm.unit_role (unit, role)
        SELECT u.unit, oracle.pick(ARRAY['rep', 'guest', 'hand']) FROM crm.unit u ORDER BY u.unit COLLATE "C" OFFSET oracle.number(0, 4) LIMIT 1
        ON CONFLICT DO NOTHING;
    ELSIF what = 'denial' THEN
        PERFORM oracle.make_denial();
    ELSIF what = 'no denial' THEN
        chosen := oracle.some_id('crm.denial');
        DELETE FROM crm.denial WHERE id = chosen;
    ELSIF what = 'team' THEN
        INSERT INTO crm.team_member (team, principal, during)
        VALUES (oracle.pick(ARRAY['squad', 'Crew']), oracle.pick(ARRAY['Ann', 'bob', 'Cyd', 'dan', 'EVE', 'Flo']), oracle.period(0.5));
    ELSIF what = 'period of team' THEN
        chosen := oracle.some_id('crm.team_member');
        UPDATE crm.team_member t SET during = oracle.cut(t.during) WHERE t.id = chosen;
    ELSIF what = 'share' THEN
        PERFORM oracle.make_share();
    ELSIF what = 'no share' THEN
        chosen := oracle.some_id('crm.shared_record');
        DELETE FROM crm.shared_record WHERE id = chosen;
    ELSIF what = 'period of share' THEN
        chosen := oracle.some_id('crm.shared_record');
        UPDATE crm.shared_record s SET during = oracle.cut(s.during) WHERE s.id = chosen;
    END IF;
    RETURN what;
END
$$;

CREATE FUNCTION oracle.change_depth() RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    chosen crm.role_privilege;
BEGIN
    SELECT p.* INTO chosen FROM crm.role_privilege p ORDER BY p.role COLLATE "C", p.object COLLATE "C", p.privilege COLLATE "C"
    OFFSET oracle.number(0, 60) LIMIT 1;
    UPDATE crm.role_privilege p SET depth = oracle.pick(ARRAY['own', 'unit', 'below'])
    WHERE (p.role, p.object, p.privilege) = (chosen.role, chosen.object, chosen.privilege);
END
$$;

-- Two memberships, team memberships and shares each: one ends at the very instant of the statement, one begins.
CREATE FUNCTION oracle.set_instants() RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    watched text;
    chosen bigint;
BEGIN
    FOREACH watched IN ARRAY ARRAY['crm.membership', 'crm.team_member', 'crm.shared_record'] LOOP
        chosen := oracle.some_id(watched);
        EXECUTE format('UPDATE %s SET during = tstzrange(NULL, statement_timestamp()) WHERE id = $1', watched) USING chosen;
        chosen := oracle.some_id(watched);
        EXECUTE format('UPDATE %s SET during = tstzrange(statement_timestamp(), NULL) WHERE id = $1', watched) USING chosen;
    END LOOP;
END
$$;
