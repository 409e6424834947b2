-- What of the organisation stands in a configuration document.
CREATE FUNCTION @extschema@.change_unit(present jsonb, wanted jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    unit CONSTANT text := present ->> 'key';
    other CONSTANT jsonb := config_difference(present, wanted);
BEGIN
    IF other - '{name,parent,description}'::text[] <> '{}' THEN
        PERFORM refuse_change(present, wanted);
    END IF;
    IF other ? 'parent' THEN
        PERFORM move_unit(unit, wanted ->> 'parent');
    END IF;
    IF other ? 'name' THEN
        PERFORM rename_unit(unit, wanted ->> 'name');
    END IF;
    IF other ? 'description' THEN
        UPDATE unit u SET description = wanted ->> 'description' WHERE u.unit = change_unit.present ->> 'key';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.change_unit(jsonb, jsonb) IS 'change of the section units: another parent, name or description.';
SELECT @extschema@.set_audience('change_unit(jsonb, jsonb)', 'internal');

CREATE FUNCTION @extschema@.change_principal(present jsonb, wanted jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    becomes CONSTANT principal := jsonb_populate_record(NULL::principal, present || wanted);
BEGIN
    IF config_difference(present, wanted) - '{name,language,zone}'::text[] <> '{}' THEN
        PERFORM refuse_change(present, wanted);
    END IF;
    PERFORM check_zone(becomes.zone);
    UPDATE principal p SET name = becomes.name, language = becomes.language, zone = becomes.zone WHERE p.principal = present ->> 'key';
END
$$;
COMMENT ON FUNCTION @extschema@.change_principal(jsonb, jsonb) IS 'change of the section principals: another name, language or zone.';
SELECT @extschema@.set_audience('change_principal(jsonb, jsonb)', 'internal');

CREATE FUNCTION @extschema@.change_role(present jsonb, wanted jsonb) RETURNS void
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    UPDATE role r SET name = coalesce(b.name, r.role), description = b.description FROM jsonb_populate_record(NULL::role, present || wanted) b WHERE r.role = present ->> 'key'
$$;
COMMENT ON FUNCTION @extschema@.change_role(jsonb, jsonb) IS 'change of the section roles: another name or description.';
SELECT @extschema@.set_audience('change_role(jsonb, jsonb)', 'internal');

CREATE FUNCTION @extschema@.change_hierarchy(present jsonb, wanted jsonb) RETURNS void
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    UPDATE hierarchy h SET name = coalesce(b.name, h.hierarchy), description = b.description FROM jsonb_populate_record(NULL::hierarchy, present || wanted) b WHERE h.hierarchy = present ->> 'key'
$$;
COMMENT ON FUNCTION @extschema@.change_hierarchy(jsonb, jsonb) IS 'change of the section hierarchies: another name or description.';
SELECT @extschema@.set_audience('change_hierarchy(jsonb, jsonb)', 'internal');

INSERT INTO @extschema@.config_section (section, room, "position", key, entries, put, change, remove) VALUES
    ('hierarchies', 'org', 100, '{key}', 'SELECT hierarchy AS key, name, description FROM hierarchy', 'create_hierarchy', 'change_hierarchy($1, $2)', NULL),
    ('units', 'org', 110, '{key}', 'SELECT unit AS key, name, kind, parent, hierarchy, description FROM unit WHERE until IS NULL',
     'create_unit', 'change_unit($1, $2)', 'retire_unit($1 ->> ''key'')'),
    ('unit_aliases', 'org', 120, '{unit,alias}', 'SELECT unit, alias FROM unit_alias', 'add_unit_alias', NULL, 'remove_unit_alias($1 ->> ''unit'', $1 ->> ''alias'')'),
    ('roles', 'org', 130, '{key}', 'SELECT role AS key, name, description FROM role', 'create_role', 'change_role($1, $2)', 'drop_role($1 ->> ''key'')'),
    ('privileges', 'org', 140, '{role,object,privilege}', 'SELECT role, object, privilege, depth FROM role_privilege', 'grant_privilege', NULL,
     'revoke_privilege($1 ->> ''role'', $1 ->> ''object'', $1 ->> ''privilege'')'),
    ('unit_roles', 'org', 150, '{unit,role}', 'SELECT unit, role FROM unit_role', 'add_unit_role', NULL, 'remove_unit_role($1 ->> ''unit'', $1 ->> ''role'')'),
    ('principals', 'org', 160, '{key}', 'SELECT principal AS key, name, kind, role_name, language, zone FROM principal',
     'create_principal', 'change_principal($1, $2)', 'retire_principal($1 ->> ''key'')'),
    ('principal_aliases', 'org', 170, '{principal,alias}', 'SELECT principal, alias FROM principal_alias', 'add_principal_alias', NULL,
     'remove_principal_alias($1 ->> ''principal'', $1 ->> ''alias'')'),
    -- since now and for good is not said, so that a document does not depend on when it was written
    ('members', 'org', 180, '{principal,unit,role,during}', $q$
        SELECT principal, unit, role, CASE WHEN NOT upper_inf(during) OR lower(during) > now() THEN during END AS during
        FROM membership WHERE upper_inf(during) OR upper(during) > now()$q$,
     'add_member', NULL, 'remove_member($1 ->> ''principal'', $1 ->> ''unit'', $1 ->> ''role'')'),
    ('team_members', 'org', 190, '{team,principal,during}', $q$
        SELECT team, principal, CASE WHEN NOT upper_inf(during) OR lower(during) > now() THEN during END AS during
        FROM team_member WHERE upper_inf(during) OR upper(during) > now()$q$,
     'add_team_member', NULL, 'remove_team_member($1 ->> ''team'', $1 ->> ''principal'')'),
    ('denials', 'org', 200, '{principal,object,privilege,unit}', 'SELECT principal, object, privilege, unit, reason FROM denial', 'deny', NULL,
     'undeny($1 ->> ''principal'', $1 ->> ''object'', $1 ->> ''privilege'', $1 ->> ''unit'')'),
    ('protections', 'org', 320, '{relation}', $q$
        SELECT table_name(relation) AS relation, units, combine, owner_column, object, fallback_unit FROM protection$q$,
     'protect', 'refuse_change($1, $2)', 'count(*) FROM unprotect(($1 ->> ''relation'')::regclass)'),
    ('masks', 'org', 330, '{relation}', $q$
        SELECT table_name(m.relation) AS relation, table_name(m.view) AS view_name,
               (SELECT jsonb_object_agg(c."column", c.typed) FROM masked_column c WHERE c.relation = m.relation) AS columns
        FROM masking m$q$, 'mask', 'refuse_change($1, $2)', 'unmask(($1 ->> ''relation'')::regclass)');
