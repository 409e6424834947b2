-- Denials: what a principal may not do, whatever its roles, its own rows and shares grant.

CREATE TABLE @extschema@.denial (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    principal text NOT NULL REFERENCES @extschema@.principal ON UPDATE CASCADE ON DELETE CASCADE,
    object text NOT NULL CHECK (object <> '' AND pg_catalog.octet_length(object) <= 200),
    privilege text NOT NULL CHECK (privilege = ANY (ARRAY['create', 'read', 'update', 'delete', 'assign', 'share',
                                                          'export', 'merge', 'total', 'story'])),
    unit text REFERENCES @extschema@.unit ON UPDATE CASCADE ON DELETE CASCADE,
    denied_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    denied_by text NOT NULL,
    reason text,
    UNIQUE NULLS NOT DISTINCT (principal, object, privilege, unit)
);
COMMENT ON TABLE @extschema@.denial IS
'What is denied to a principal (a person or a team, and then to its members): a privilege on an object (* for all) in a unit and '
'all below it, or everywhere where unit is null. It wins over every grant, own rows and shares.';

SELECT @extschema@.watch_org('@extschema@.denial');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.denial', '');
SELECT pg_catalog.pg_extension_config_dump(pg_catalog.pg_get_serial_sequence('@extschema@.denial', 'id')::pg_catalog.regclass, '');

CREATE FUNCTION @extschema@.deny(principal text, object text, privilege text, unit text DEFAULT NULL, reason text DEFAULT NULL)
    RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_column
DECLARE
    target principal := require_principal(deny.principal);
    place text := CASE WHEN deny.unit IS NOT NULL THEN (require_unit(deny.unit)).unit END;
BEGIN
    PERFORM check_privilege(deny.object, deny.privilege);
    INSERT INTO denial AS d (principal, object, privilege, unit, denied_by, reason)
    VALUES (target.principal, deny.object, deny.privilege, place, caller()::text, deny.reason)
    ON CONFLICT (principal, object, privilege, unit) DO UPDATE SET reason = COALESCE(excluded.reason, d.reason);
END
$$;
COMMENT ON FUNCTION @extschema@.deny(text, text, text, text, text) IS
'Takes a privilege on an object (* for all) away from a principal, or from all members of a team, in a unit and all below it, or '
'everywhere without unit. It wins over roles, own rows and shares; without read nothing else is left but create, total and story. A '
'row counts as in the unit where any of its unit columns says so. Denied again, only the reason changes. RM001 where a name does '
'not exist. Example: SELECT deny(''anna'', ''opportunity'', ''export'', ''north'', ''notice given'');';

CREATE FUNCTION @extschema@.undeny(principal text, object text, privilege text, unit text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    target principal := require_principal(undeny.principal);
    place text := CASE WHEN undeny.unit IS NOT NULL THEN (require_unit(undeny.unit)).unit END;
BEGIN
    DELETE FROM denial d
    WHERE d.principal = target.principal AND d.object = undeny.object AND d.privilege = undeny.privilege
      AND d.unit IS NOT DISTINCT FROM place;
    IF NOT FOUND THEN
        RAISE EXCEPTION '% is not denied to principal "%"', denial_text(undeny.object, undeny.privilege, place), target.principal
            USING ERRCODE = 'RM001',
                  HINT = coalesce((SELECT format('Denied is: %s.', string_agg(denial_text(d.object, d.privilege, d.unit), '; '
                                                                              ORDER BY d.object, d.privilege, d.unit))
                                   FROM denial d WHERE d.principal = target.principal), 'Nothing is.');
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.undeny(text, text, text, text) IS
'Takes back deny with the same arguments. RM001 where there is no such denial; the hint names those that there are.';

CREATE FUNCTION @extschema@.denial_text(object text, privilege text, unit text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    RETURN pg_catalog.concat(privilege, ' on ', object, ' ', COALESCE('in ' || unit, 'everywhere'));
COMMENT ON FUNCTION @extschema@.denial_text(text, text, text) IS 'A denial in words, for messages.';

SELECT @extschema@.set_audience('deny(text, text, text, text, text)', 'admin');
SELECT @extschema@.set_audience('undeny(text, text, text, text)', 'admin');
