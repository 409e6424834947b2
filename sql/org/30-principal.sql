-- Principals: who may be given access. People, teams, services and channels, bound to a database role.

CREATE TABLE @extschema@.principal (
    principal text PRIMARY KEY
        CHECK (principal <> '' AND principal = pg_catalog.btrim(principal) AND pg_catalog.octet_length(principal) <= 200),
    name text NOT NULL CHECK (pg_catalog.octet_length(name) <= 200),
    kind text NOT NULL DEFAULT 'person' CHECK (kind = ANY (ARRAY['person', 'team', 'service', 'channel'])),
    role_name name UNIQUE,
    language text NOT NULL DEFAULT 'en',
    zone text
);
CREATE UNIQUE INDEX principal_folded ON @extschema@.principal (pg_catalog.lower(principal));
COMMENT ON TABLE @extschema@.principal IS
'Who may be given access. role_name is the database role as which a principal connects (or does SET ROLE); NULL for one that '
'never does, such as a channel that only receives alerts. zone NULL means the organisation''s.';

CREATE TABLE @extschema@.principal_alias (
    alias text NOT NULL CHECK (alias <> '' AND pg_catalog.octet_length(alias) <= 200),
    principal text NOT NULL REFERENCES @extschema@.principal ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE UNIQUE INDEX principal_alias_folded ON @extschema@.principal_alias (pg_catalog.lower(alias));
COMMENT ON TABLE @extschema@.principal_alias IS
'What teams write in their own owner columns: e-mail addresses, user numbers. Case is ignored.';

SELECT @extschema@.watch_org('@extschema@.principal');
SELECT @extschema@.watch_org('@extschema@.principal_alias');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.principal', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.principal_alias', '');

CREATE FUNCTION @extschema@.require_principal(principal text) RETURNS @extschema@.principal
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    found_row principal;
BEGIN
    SELECT * INTO found_row FROM principal p WHERE lower(p.principal) = lower(btrim(require_principal.principal));
    IF NOT FOUND THEN -- no word is the key of one and an alias of another
        SELECT p.* INTO found_row FROM principal_alias a JOIN principal p ON p.principal = a.principal
        WHERE lower(a.alias) = lower(btrim(require_principal.principal));
    END IF;
    IF NOT FOUND THEN
        PERFORM raise_unknown('principal', coalesce(require_principal.principal, ''),
                              ARRAY(SELECT p.principal FROM principal p));
    END IF;
    RETURN found_row;
END
$$;
COMMENT ON FUNCTION @extschema@.require_principal(text) IS
'The principal with this key or alias, case ignored; raises RM001 where there is none.';

CREATE FUNCTION @extschema@.check_role_name(role_name name) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    holder text := (SELECT p.principal FROM principal p WHERE p.role_name = check_role_name.role_name);
BEGIN
    IF role_name IS NOT NULL AND NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = check_role_name.role_name) THEN
        PERFORM raise_unknown('database role', role_name::text,
                              ARRAY(SELECT r.rolname::text FROM pg_roles r WHERE r.rolname !~ '^pg_'));
    END IF;
    IF holder IS NOT NULL THEN
        RAISE EXCEPTION 'database role "%" is principal "%" already', role_name, holder
            USING ERRCODE = 'unique_violation',
                  HINT = format('Type SELECT @extschema@.bind_principal(%L, NULL); first.', holder);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.check_role_name(name) IS
'Raises where a database role does not exist (RM001) or is another principal''s (23505).';

CREATE FUNCTION @extschema@.create_principal(key text, name text DEFAULT NULL, kind text DEFAULT 'person',
                                             role_name name DEFAULT NULL, language text DEFAULT 'en',
                                             zone text DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    kinds CONSTANT text[] := ARRAY['person', 'team', 'service', 'channel'];
    word text := btrim(create_principal.key);
BEGIN
    IF coalesce(word, '') = '' OR octet_length(word) > 200 THEN
        RAISE EXCEPTION 'a principal''s key has 1 to 200 bytes' USING ERRCODE = 'RM005',
            HINT = 'Use a short word, for example ''anna''.';
    END IF;
    IF create_principal.kind IS NULL OR NOT create_principal.kind = ANY (kinds) THEN
        PERFORM raise_unknown('kind of principal', coalesce(create_principal.kind, ''), kinds);
    END IF;
    PERFORM check_zone(zone);
    PERFORM lock_current('principal', 'principal_alias'); -- no word may become a key and an alias at once
    IF EXISTS (SELECT FROM principal p WHERE lower(p.principal) = lower(word)) THEN
        RAISE EXCEPTION 'principal "%" exists already', word USING ERRCODE = 'unique_violation',
            HINT = 'A key means one principal, whatever its case.';
    END IF;
    IF EXISTS (SELECT FROM principal_alias a WHERE lower(a.alias) = lower(word)) THEN
        RAISE EXCEPTION '"%" is an alias of another principal', word USING ERRCODE = 'unique_violation',
            HINT = format('Choose another key, or type SELECT @extschema@.remove_principal_alias(%L, %L); first.',
                          (SELECT a.principal FROM principal_alias a WHERE lower(a.alias) = lower(word)), word);
    END IF;
    PERFORM check_role_name(create_principal.role_name);
    INSERT INTO principal (principal, name, kind, role_name, language, zone)
    VALUES (word, coalesce(create_principal.name, word), create_principal.kind, create_principal.role_name,
            coalesce(create_principal.language, 'en'), create_principal.zone);
    RETURN word;
END
$$;
COMMENT ON FUNCTION @extschema@.create_principal(text, text, text, name, text, text) IS
'Creates a principal (kind person, team, service or channel) and returns its key; role_name binds it to a database role. '
'Example: SELECT create_principal(''anna'', ''Anna Berg'', role_name => ''anna'');';

CREATE FUNCTION @extschema@.bind_principal(principal text, role_name name) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    bound principal := require_principal(bind_principal.principal);
BEGIN
    IF bind_principal.role_name IS DISTINCT FROM bound.role_name THEN
        PERFORM check_role_name(bind_principal.role_name);
        UPDATE principal p SET role_name = bind_principal.role_name WHERE p.principal = bound.principal;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.bind_principal(text, name) IS
'Binds a principal to another database role, or to none with NULL: at once it has no access by a database role any more.';

CREATE FUNCTION @extschema@.add_principal_alias(principal text, alias text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    target principal := require_principal(add_principal_alias.principal);
    word text := btrim(add_principal_alias.alias);
    holder text;
BEGIN
    PERFORM lock_current('principal', 'principal_alias');
    holder := coalesce((SELECT p.principal FROM principal p WHERE lower(p.principal) = lower(word)),
                       (SELECT a.principal FROM principal_alias a WHERE lower(a.alias) = lower(word)));
    IF coalesce(word, '') = '' OR octet_length(word) > 200 THEN
        RAISE EXCEPTION 'an alias has 1 to 200 bytes' USING ERRCODE = 'RM005',
            HINT = 'Use what the team writes in its owner column.';
    END IF;
    IF holder IS NOT NULL THEN
        RAISE EXCEPTION '"%" means principal "%" already', word, holder USING ERRCODE = 'unique_violation',
            HINT = 'An alias means one principal, whatever its case.';
    END IF;
    INSERT INTO principal_alias (alias, principal) VALUES (word, target.principal);
END
$$;
COMMENT ON FUNCTION @extschema@.add_principal_alias(text, text) IS
'Says that a value of the teams'' owner columns means this principal: an e-mail address, a user number. Case is ignored.';

CREATE FUNCTION @extschema@.remove_principal_alias(principal text, alias text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    target principal := require_principal(remove_principal_alias.principal);
BEGIN
    DELETE FROM principal_alias a
    WHERE a.principal = target.principal AND lower(a.alias) = lower(btrim(remove_principal_alias.alias));
    IF NOT FOUND THEN
        RAISE EXCEPTION '"%" is no alias of principal "%"', coalesce(remove_principal_alias.alias, ''), target.principal
            USING ERRCODE = 'RM001',
                  HINT = coalesce((SELECT 'It has: ' || string_agg(a.alias, ', ' ORDER BY a.alias) || '.' FROM principal_alias a
                                   WHERE a.principal = target.principal), 'It has none.');
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.remove_principal_alias(text, text) IS
'Takes back add_principal_alias: rows with that value in their owner column have no owner any more. RM001 where it is no alias of '
'this principal.';

SELECT @extschema@.set_audience('create_principal(text, text, text, name, text, text)', 'admin');
SELECT @extschema@.set_audience('bind_principal(text, name)', 'admin');
SELECT @extschema@.set_audience('add_principal_alias(text, text)', 'admin');
SELECT @extschema@.set_audience('remove_principal_alias(text, text)', 'admin');
