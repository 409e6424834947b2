-- Memberships: who has which role in which unit, and when.

CREATE TABLE @extschema@.membership (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    principal text NOT NULL REFERENCES @extschema@.principal ON UPDATE CASCADE ON DELETE CASCADE,
    unit text NOT NULL REFERENCES @extschema@.unit ON UPDATE CASCADE,
    role text REFERENCES @extschema@.role ON UPDATE CASCADE,
    during tstzrange NOT NULL CHECK (NOT pg_catalog.isempty(during))
);
CREATE INDEX membership_principal ON @extschema@.membership (principal);
CREATE INDEX membership_unit ON @extschema@.membership (unit);
COMMENT ON TABLE @extschema@.membership IS
'Who has which role in which unit, and when. Without role a member has the unit''s own roles (unit_role) only.';

CREATE TABLE @extschema@.unit_role (
    unit text NOT NULL REFERENCES @extschema@.unit ON UPDATE CASCADE ON DELETE CASCADE,
    role text NOT NULL REFERENCES @extschema@.role ON UPDATE CASCADE ON DELETE CASCADE,
    PRIMARY KEY (unit, role)
);
COMMENT ON TABLE @extschema@.unit_role IS 'Roles that every member of a unit has there.';

SELECT @extschema@.watch_org('@extschema@.membership');
SELECT @extschema@.watch_org('@extschema@.unit_role');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.membership', '');
SELECT pg_catalog.pg_extension_config_dump(pg_catalog.pg_get_serial_sequence('@extschema@.membership', 'id')::pg_catalog.regclass, '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.unit_role', '');

CREATE FUNCTION @extschema@.add_member(principal text, unit text, role text DEFAULT NULL, during tstzrange DEFAULT NULL)
    RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    member principal := require_principal(add_member.principal);
    place unit;
    given_role text := CASE WHEN add_member.role IS NOT NULL THEN require_role(add_member.role) END;
    period tstzrange := coalesce(add_member.during, tstzrange(now(), NULL));
    new_id bigint;
BEGIN
    PERFORM lock_current('membership'); -- retire_unit takes it too: read the unit afterwards
    place := require_unit(add_member.unit);
    PERFORM FROM unit u WHERE u.unit = place.unit FOR SHARE; -- or REPEATABLE READ would not know of it
    IF isempty(period) THEN
        RAISE EXCEPTION 'the period of a membership is empty' USING ERRCODE = 'RM005',
            HINT = 'Type for example during => tstzrange(now(), now() + interval ''3 months'').';
    END IF;
    IF place.until IS NOT NULL AND NOT period <@ tstzrange(NULL, place.until) THEN
        RAISE EXCEPTION 'unit "%" is retired', place.unit USING ERRCODE = 'RM102',
            HINT = 'Choose a unit that is in use.';
    END IF;
    IF EXISTS (SELECT FROM membership m WHERE m.principal = member.principal AND m.unit = place.unit
                 AND m.role IS NOT DISTINCT FROM given_role AND m.during && period) THEN
        RAISE EXCEPTION 'principal "%" has role "%" in unit "%" already', member.principal, coalesce(given_role, '(none)'),
                        place.unit USING ERRCODE = 'unique_violation',
            HINT = 'End that membership with remove_member first.';
    END IF;
    INSERT INTO membership (principal, unit, role, during)
    VALUES (member.principal, place.unit, given_role, period) RETURNING id INTO new_id;
    RETURN new_id;
END
$$;
COMMENT ON FUNCTION @extschema@.add_member(text, text, text, tstzrange) IS
'Makes a principal a member of a unit with a role, from now on unless during says otherwise; returns the membership''s id. '
'Example: SELECT add_member(''anna'', ''north'', ''sales'');';

CREATE FUNCTION @extschema@.add_members(unit text, members jsonb) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    wrong jsonb;
BEGIN
    IF members IS NULL THEN
        RETURN 0;
    ELSIF jsonb_typeof(members) = 'array' THEN
        wrong := jsonb_path_query_first(members, 'strict $[*] ? (@.type() != "string")');
    ELSIF jsonb_typeof(members) = 'object' THEN
        wrong := COALESCE(jsonb_path_query_first(members, 'strict $.* ? (@.type() != "string" && @.type() != "null" && @.type() != "array")'),
                          jsonb_path_query_first(members, 'strict $.* ? (@.type() == "array")[*] ? (@.type() != "string")'));
    ELSE
        wrong := members;
    END IF;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'members are not understood: %', wrong USING ERRCODE = 'RM005',
            HINT = 'Write ''{"anna": "sales", "ben": ["sales", "manager"], "eva": null}'', or without roles ''["anna", "ben"]''.';
    END IF;
    IF jsonb_typeof(members) = 'array' THEN
        RETURN (SELECT count(add_member(m, add_members.unit)) FROM jsonb_array_elements_text(members) m);
    END IF;
    RETURN (SELECT count(add_member(m.key, add_members.unit, r.role))
            FROM jsonb_each(members) m
            CROSS JOIN LATERAL (SELECT x.role FROM jsonb_array_elements_text(
                CASE jsonb_typeof(m.value) WHEN 'array' THEN m.value ELSE jsonb_build_array(m.value) END) x (role)) r);
END
$$;
COMMENT ON FUNCTION @extschema@.add_members(text, jsonb) IS
'Makes several principals members of a unit from now on and returns how many memberships that are: an object from principal to role, '
'roles or null, or an array of principals without roles of their own. RM005 for anything else, RM001 for names that do not exist. '
'Example: SELECT add_members(''north'', ''{"anna": "manager", "ben": "sales"}'');';

CREATE FUNCTION @extschema@.remove_member(principal text, unit text, role text DEFAULT NULL) RETURNS integer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    member principal := require_principal(remove_member.principal);
    place unit := require_unit(remove_member.unit);
    given_role text := CASE WHEN remove_member.role IS NOT NULL THEN require_role(remove_member.role) END;
    ended integer;
    ended_before_start integer;
BEGIN
    DELETE FROM membership m
    WHERE m.principal = member.principal AND m.unit = place.unit AND (given_role IS NULL OR m.role = given_role)
      AND lower(m.during) >= now();
    GET DIAGNOSTICS ended_before_start = ROW_COUNT;
    UPDATE membership m SET during = m.during * tstzrange(NULL, now())
    WHERE m.principal = member.principal AND m.unit = place.unit AND (given_role IS NULL OR m.role = given_role)
      AND NOT m.during <@ tstzrange(NULL, now());
    GET DIAGNOSTICS ended = ROW_COUNT;
    IF ended + ended_before_start = 0 THEN
        RAISE EXCEPTION 'principal "%" is no member of unit "%"%', member.principal, place.unit,
                        CASE WHEN given_role IS NULL THEN '' ELSE format(' with role "%s"', given_role) END USING ERRCODE = 'RM001',
            HINT = format('SELECT * FROM @extschema@.membership WHERE principal = %L; shows where.', member.principal);
    END IF;
    RETURN ended + ended_before_start;
END
$$;
COMMENT ON FUNCTION @extschema@.remove_member(text, text, text) IS
'Ends a principal''s membership of a unit now, with one role or with all, planned ones included; returns how many ended. '
'Sessions follow at their next statement or FETCH.';

CREATE FUNCTION @extschema@.add_unit_role(unit text, role text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_column
DECLARE
    place unit := require_unit(add_unit_role.unit);
BEGIN
    INSERT INTO unit_role (unit, role) VALUES (place.unit, require_role(add_unit_role.role)) ON CONFLICT DO NOTHING;
END
$$;
COMMENT ON FUNCTION @extschema@.add_unit_role(text, text) IS 'Gives a role to all members of a unit, present and future.';

CREATE FUNCTION @extschema@.remove_unit_role(unit text, role text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    place unit := require_unit(remove_unit_role.unit);
    given_role text := require_role(remove_unit_role.role);
BEGIN
    DELETE FROM unit_role x WHERE x.unit = place.unit AND x.role = given_role;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'role "%" is no role of unit "%"', given_role, place.unit USING ERRCODE = 'RM001',
            HINT = coalesce((SELECT 'It has: ' || string_agg(x.role, ', ' ORDER BY x.role) || '.' FROM unit_role x WHERE x.unit = place.unit),
                            'It has none.');
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.remove_unit_role(text, text) IS
'Takes back add_unit_role: members keep the roles that they were given themselves. RM001 where the unit does not have it.';

CREATE FUNCTION @extschema@.principal_unit(principal text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN (SELECT m.unit FROM @extschema@.membership m
            WHERE m.principal = principal_unit.principal AND m.during @> pg_catalog.statement_timestamp()
            ORDER BY pg_catalog.lower(m.during) NULLS FIRST, m.id LIMIT 1);
COMMENT ON FUNCTION @extschema@.principal_unit(text) IS
'The unit of a principal''s primary membership: the oldest that lasts. NULL where there is none.';

SELECT @extschema@.set_audience('add_member(text, text, text, tstzrange)', 'admin');
SELECT @extschema@.set_audience('add_members(text, jsonb)', 'admin');
SELECT @extschema@.set_audience('remove_member(text, text, text)', 'admin');
SELECT @extschema@.set_audience('add_unit_role(text, text)', 'admin');
SELECT @extschema@.set_audience('remove_unit_role(text, text)', 'admin');
SELECT @extschema@.set_audience('principal_unit(text)', 'daemon');
