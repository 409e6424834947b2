-- Teams: principals of kind team, and who belongs to them.

CREATE TABLE @extschema@.team_member (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    team text NOT NULL REFERENCES @extschema@.principal ON UPDATE CASCADE ON DELETE CASCADE,
    principal text NOT NULL REFERENCES @extschema@.principal ON UPDATE CASCADE ON DELETE CASCADE CHECK (principal <> team),
    during tstzrange NOT NULL CHECK (NOT pg_catalog.isempty(during))
);
CREATE INDEX team_member_team ON @extschema@.team_member (team);
CREATE INDEX team_member_principal ON @extschema@.team_member (principal);
COMMENT ON TABLE @extschema@.team_member IS
'Who belongs to which team (a principal of kind team), and when. A member has what the team has: its memberships of units, the '
'rows that it owns, what is shared with it, what is denied to it. A team is no member of a team.';

SELECT @extschema@.watch_org('@extschema@.team_member');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.team_member', '');
SELECT pg_catalog.pg_extension_config_dump(pg_catalog.pg_get_serial_sequence('@extschema@.team_member', 'id')::pg_catalog.regclass, '');

CREATE FUNCTION @extschema@.require_team(team text) RETURNS @extschema@.principal
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    found_row principal := require_principal(require_team.team);
BEGIN
    IF found_row.kind <> 'team' THEN
        RAISE EXCEPTION 'principal "%" is no team', found_row.principal USING ERRCODE = 'RM102',
            DETAIL = format('It is of kind %s.', found_row.kind),
            HINT = format('Type SELECT @extschema@.create_principal(%L, kind => ''team''); for a team.', found_row.principal || '_team');
    END IF;
    RETURN found_row;
END
$$;
COMMENT ON FUNCTION @extschema@.require_team(text) IS
'The principal of kind team with this key; raises RM001 where there is none, RM102 where it is of another kind.';

CREATE FUNCTION @extschema@.add_team_member(team text, principal text, during tstzrange DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    joined principal := require_team(add_team_member.team);
    member principal := require_principal(add_team_member.principal);
    period tstzrange := coalesce(add_team_member.during, tstzrange(now(), NULL));
    new_id bigint;
BEGIN
    IF member.kind = 'team' THEN
        RAISE EXCEPTION 'team "%" cannot be a member of team "%"', member.principal, joined.principal USING ERRCODE = 'RM102',
            DETAIL = 'Teams do not nest.', HINT = 'Add the members of the one to the other.';
    END IF;
    IF isempty(period) THEN
        RAISE EXCEPTION 'the period of a membership is empty' USING ERRCODE = 'RM005',
            HINT = 'Type for example during => tstzrange(now(), now() + interval ''3 months'').';
    END IF;
    PERFORM lock_current('team_member');
    IF EXISTS (SELECT FROM team_member t
               WHERE t.team = joined.principal AND t.principal = member.principal AND t.during && period) THEN
        RAISE EXCEPTION 'principal "%" is a member of team "%" already', member.principal, joined.principal
            USING ERRCODE = 'unique_violation',
                  DETAIL = (SELECT format('From %s until %s.', coalesce(lower(t.during)::text, 'ever'), coalesce(upper(t.during)::text, 'further notice'))
                            FROM team_member t WHERE t.team = joined.principal AND t.principal = member.principal AND t.during && period
                            ORDER BY t.during LIMIT 1),
                  HINT = 'End that membership with remove_team_member first, or give a period that begins after it.';
    END IF;
    INSERT INTO team_member (team, principal, during) VALUES (joined.principal, member.principal, period) RETURNING id INTO new_id;
    RETURN new_id;
END
$$;
COMMENT ON FUNCTION @extschema@.add_team_member(text, text, tstzrange) IS
'Makes a principal a member of a team, from now on unless during says otherwise; returns the membership''s id. From then on it has '
'what the team has: roles in units, the rows that the team owns, what is shared with it, what is denied to it. RM102 where the '
'team is none or the member is a team itself. Example: SELECT add_team_member(''tender'', ''anna'');';

CREATE FUNCTION @extschema@.remove_team_member(team text, principal text) RETURNS integer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    left_team principal := require_team(remove_team_member.team);
    member principal := require_principal(remove_team_member.principal);
    ended integer;
    ended_before_start integer;
BEGIN
    DELETE FROM team_member t
    WHERE t.team = left_team.principal AND t.principal = member.principal AND lower(t.during) >= now();
    GET DIAGNOSTICS ended_before_start = ROW_COUNT;
    UPDATE team_member t SET during = t.during * tstzrange(NULL, now())
    WHERE t.team = left_team.principal AND t.principal = member.principal AND NOT t.during <@ tstzrange(NULL, now());
    GET DIAGNOSTICS ended = ROW_COUNT;
    IF ended + ended_before_start = 0 THEN
        RAISE EXCEPTION 'principal "%" is no member of team "%"', member.principal, left_team.principal USING ERRCODE = 'RM001',
            HINT = format('SELECT * FROM @extschema@.team_member WHERE team = %L; shows who is.', left_team.principal);
    END IF;
    RETURN ended + ended_before_start;
END
$$;
COMMENT ON FUNCTION @extschema@.remove_team_member(text, text) IS
'Ends a principal''s membership of a team now, planned ones included; returns how many ended. Sessions follow at their next '
'statement or FETCH. RM001 where it is no member.';

CREATE VIEW @extschema@.acting_principal AS
    SELECT p.principal, p.principal AS acts_as, NULL::text AS team, pg_catalog.tstzrange(NULL, NULL) AS during
    FROM @extschema@.principal p
    UNION ALL
    SELECT t.principal, t.team, t.team, t.during FROM @extschema@.team_member t;
COMMENT ON VIEW @extschema@.acting_principal IS
'As whom each principal acts, and when: as itself always, and as each team that it is, was or will be a member of.';

CREATE VIEW @extschema@.held_role AS
    SELECT a.principal, a.team, m.unit, r.role, r.of_unit, m.during * a.during AS during, m.during AS membership, a.during AS in_team
    FROM @extschema@.acting_principal a
    JOIN @extschema@.membership m ON m.principal = a.acts_as
    CROSS JOIN LATERAL (SELECT m.role, false AS of_unit WHERE m.role IS NOT NULL
                        UNION ALL
                        SELECT u.role, true FROM @extschema@.unit_role u WHERE u.unit = m.unit) r;
COMMENT ON VIEW @extschema@.held_role IS
'Which role each principal has, had or will have in which unit: by a membership of its own (team is null) or of a team, given to it '
'or to all members of the unit (of_unit). during is when both the membership and that of the team hold; it may be empty.';

SELECT @extschema@.set_audience('require_team(text)', 'internal');
SELECT @extschema@.set_audience('add_team_member(text, text, tstzrange)', 'admin');
SELECT @extschema@.set_audience('remove_team_member(text, text)', 'admin');
