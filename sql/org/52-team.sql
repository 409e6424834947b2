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
