-- Roles: named bundles of privileges on objects, each with a depth.

CREATE TABLE @extschema@.role (
    role text PRIMARY KEY CHECK (role <> '' AND role = pg_catalog.btrim(role) AND pg_catalog.octet_length(role) <= 200),
    name text NOT NULL,
    description text
);
COMMENT ON TABLE @extschema@.role IS 'What a member may do in a unit. Not a database role.';

CREATE TABLE @extschema@.role_privilege (
    role text NOT NULL REFERENCES @extschema@.role ON UPDATE CASCADE ON DELETE CASCADE,
    object text NOT NULL CHECK (object <> '' AND pg_catalog.octet_length(object) <= 200),
    privilege text NOT NULL CHECK (privilege = ANY (ARRAY['create', 'read', 'update', 'delete', 'assign', 'share',
                                                          'export', 'merge', 'total', 'story'])),
    depth text NOT NULL CHECK (depth = ANY (ARRAY['own', 'unit', 'below', 'organisation'])),
    PRIMARY KEY (role, object, privilege)
);
COMMENT ON TABLE @extschema@.role_privilege IS
'object is an entity, the name of a protected table''s object, kpi, or * for all. depth: own (rows whose owner one is), unit '
'(the unit of the membership), below (and all units under it), organisation (everything). Each depth includes the ones before.';

-- Objects that are no entity of base. Shipped.
CREATE TABLE @extschema@.shipped_object (
    object text PRIMARY KEY,
    description text NOT NULL
);
COMMENT ON TABLE @extschema@.shipped_object IS 'What privileges can be given on besides entities and protected tables. Shipped.';
INSERT INTO @extschema@.shipped_object VALUES
    ('*', 'every object'),
    ('kpi', 'numbers'),
    ('forecast', 'forecasts of sales'),
    ('email', 'mailings of marketing'),
    ('social', 'posts and comments in social media'),
    ('knowledge', 'articles of the knowledge base'),
    ('portal', 'the customers'' portal'),
    ('sla', 'agreed times of service'),
    ('goal', 'goals and plans'),
    ('alert', 'alerts and rules');

SELECT @extschema@.watch_org('@extschema@.role_privilege');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.role', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.role_privilege', '');
GRANT SELECT ON @extschema@.role, @extschema@.role_privilege, @extschema@.shipped_object TO PUBLIC;

CREATE FUNCTION @extschema@.require_role(role text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    found_key text := (SELECT r.role FROM role r WHERE r.role = require_role.role);
BEGIN
    IF found_key IS NULL THEN
        PERFORM raise_unknown('role', coalesce(require_role.role, ''), ARRAY(SELECT r.role FROM role r));
    END IF;
    RETURN found_key;
END
$$;
COMMENT ON FUNCTION @extschema@.require_role(text) IS 'The role''s key; raises RM001 where there is none.';

CREATE FUNCTION @extschema@.create_role(key text, name text DEFAULT NULL, description text DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF coalesce(btrim(create_role.key), '') = '' THEN
        RAISE EXCEPTION 'a role''s key cannot be empty' USING ERRCODE = 'RM005',
            HINT = 'Use a short word, for example ''sales''.';
    END IF;
    IF EXISTS (SELECT FROM role r WHERE r.role = btrim(create_role.key)) THEN
        RAISE EXCEPTION 'role "%" exists already', create_role.key USING ERRCODE = 'unique_violation',
            HINT = 'Give it privileges with grant_privilege.';
    END IF;
    INSERT INTO role (role, name, description)
    VALUES (btrim(create_role.key), coalesce(create_role.name, btrim(create_role.key)), create_role.description);
    RETURN btrim(create_role.key);
END
$$;
COMMENT ON FUNCTION @extschema@.create_role(text, text, text) IS 'Creates a role without privileges and returns its key.';

CREATE FUNCTION @extschema@.check_privilege(object text, privilege text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    privileges CONSTANT text[] := ARRAY['create', 'read', 'update', 'delete', 'assign', 'share', 'export', 'merge',
                                        'total', 'story'];
BEGIN
    IF check_privilege.privilege IS NULL OR NOT check_privilege.privilege = ANY (privileges) THEN
        PERFORM raise_unknown('privilege', coalesce(check_privilege.privilege, ''), privileges);
    END IF;
    IF object IS NULL OR (NOT EXISTS (SELECT FROM access_object o WHERE o.object = check_privilege.object)
                          AND NOT EXISTS (SELECT FROM pg_class c
                                          WHERE c.relkind IN ('r', 'p') AND table_name(c.oid) = check_privilege.object)
                          AND NOT is_masked_object(check_privilege.object)) THEN
        PERFORM raise_unknown('object', coalesce(check_privilege.object, ''), ARRAY(SELECT o.object FROM access_object o));
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.check_privilege(text, text) IS
'Raises RM001 where a privilege, or an object (entity, object of a protected table, table, kpi, *), does not exist.';

CREATE FUNCTION @extschema@.grant_privilege(role text, object text, privilege text, depth text DEFAULT 'unit') RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_column
DECLARE
    depths CONSTANT text[] := ARRAY['own', 'unit', 'below', 'organisation'];
BEGIN
    PERFORM require_role(grant_privilege.role);
    PERFORM check_privilege(grant_privilege.object, grant_privilege.privilege);
    IF grant_privilege.depth IS NULL OR NOT grant_privilege.depth = ANY (depths) THEN
        PERFORM raise_unknown('depth', coalesce(grant_privilege.depth, ''), depths);
    END IF;
    INSERT INTO role_privilege AS p (role, object, privilege, depth)
    VALUES (grant_privilege.role, grant_privilege.object, grant_privilege.privilege, grant_privilege.depth)
    ON CONFLICT (role, object, privilege) DO UPDATE SET depth = excluded.depth;
END
$$;
COMMENT ON FUNCTION @extschema@.grant_privilege(text, text, text, text) IS
'Gives a role a privilege (create, read, update, delete, assign, share, export, merge, total, story) on an object with a depth '
'(own, unit, below, organisation); a second call changes the depth. read includes total and story on the same object; all '
'others reach no further than read. Example: SELECT grant_privilege(''rep'', ''opportunity'', ''read'', ''below'');';

CREATE FUNCTION @extschema@.revoke_privilege(role text, object text, privilege text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM require_role(revoke_privilege.role);
    DELETE FROM role_privilege p
    WHERE p.role = revoke_privilege.role AND p.object = revoke_privilege.object
      AND p.privilege = revoke_privilege.privilege;
    IF NOT FOUND THEN
        PERFORM raise_unknown(format('privilege of role "%s"', revoke_privilege.role),
                              concat_ws(' ', revoke_privilege.privilege, 'on', revoke_privilege.object),
                              ARRAY(SELECT concat_ws(' ', p.privilege, 'on', p.object) FROM role_privilege p
                                    WHERE p.role = revoke_privilege.role));
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.revoke_privilege(text, text, text) IS
'Takes a privilege back; sessions follow at their next statement or FETCH. RM001 where the role does not have it.';

CREATE FUNCTION @extschema@.drop_role(role text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    dropped text := require_role(drop_role.role);
    uses text;
BEGIN
    SELECT string_agg(u.use, '; ' ORDER BY u.use) INTO uses
    FROM (SELECT format('memberships: %s', count(*)) AS use FROM membership m WHERE m.role = dropped HAVING count(*) > 0
          UNION ALL
          SELECT format('role of unit "%s"', x.unit) FROM unit_role x WHERE x.role = dropped) u;
    IF uses IS NOT NULL THEN
        RAISE EXCEPTION 'role "%" cannot be dropped', dropped USING ERRCODE = 'RM102',
            DETAIL = format('In use, or used in the past: %s.', uses),
            HINT = 'Take its privileges with revoke_privilege: memberships, also those that ended, keep saying what they were.';
    END IF;
    DELETE FROM role r WHERE r.role = dropped;
END
$$;
COMMENT ON FUNCTION @extschema@.drop_role(text) IS
'Drops a role with its privileges. RM102 where a membership, also one that ended, or a unit has it.';

SELECT @extschema@.set_audience('create_role(text, text, text)', 'admin');
SELECT @extschema@.set_audience('drop_role(text)', 'admin');
SELECT @extschema@.set_audience('grant_privilege(text, text, text, text)', 'admin');
SELECT @extschema@.set_audience('revoke_privilege(text, text, text)', 'admin');
