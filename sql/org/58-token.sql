-- Tokens: who asks, said by a signed token in the setting crm.token instead of the database role.

CREATE FUNCTION @extschema@.current_identity(OUT identified_by text, OUT until timestamptz, OUT problem text)
    AS 'MODULE_PATHNAME', 'crm_current_identity' LANGUAGE C STABLE PARALLEL SAFE COST 5;
COMMENT ON FUNCTION @extschema@.current_identity() IS
'How the caller is identified: identified_by is token where crm.token is set (good or bad), otherwise role; until is when the token '
'expires; problem says why a token makes its bearer nobody, NULL where it does not. Raises nothing.';

CREATE FUNCTION @extschema@.sign_token(subject text, expires_at timestamptz) RETURNS text
    AS 'MODULE_PATHNAME', 'crm_sign_token' LANGUAGE C STRICT VOLATILE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION @extschema@.sign_token(text, timestamptz) IS
'A token for this database (or crm.token_audience) signed with the first HS256 key of the key file. For issue_token, which checks '
'its arguments. SQLSTATE 55000 where there is no such key.';

CREATE FUNCTION @extschema@.issue_token(principal text, ttl interval DEFAULT '1 hour') RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL SAFE COST 1000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    bearer principal := require_principal(issue_token.principal);
    expires_at timestamptz := statement_timestamp() + issue_token.ttl;
BEGIN
    IF expires_at IS NULL OR expires_at <= statement_timestamp() OR expires_at >= timestamptz '9999-01-01Z' THEN
        RAISE EXCEPTION 'a token lasts a positive time' USING ERRCODE = 'RM005',
            HINT = 'Type for example SELECT @extschema@.issue_token(''anna'', ''15 minutes'');';
    END IF;
    RETURN sign_token(bearer.principal, expires_at);
END
$$;
COMMENT ON FUNCTION @extschema@.issue_token(text, interval) IS
'A signed token that makes whoever sets crm.token to it this principal, in this database, until it expires (ttl from now, rounded '
'up to a second). It cannot be taken back alone: rotate the key twice, or take the principal''s memberships. RM001 where the '
'principal does not exist, 55000 where the server has no HS256 key. Example: SELECT issue_token(''anna'', ''15 minutes'');';

CREATE FUNCTION @extschema@.rotate_token_key() RETURNS text
    AS 'MODULE_PATHNAME', 'crm_rotate_token_key' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000;
COMMENT ON FUNCTION @extschema@.rotate_token_key() IS
'Makes a new random HS256 key, which signs from now on, and returns its id. The key that signed until now still verifies, HS256 '
'keys before it do not any more, EdDSA keys stay. Makes the key file where there is none. Counts in all databases of the server at '
'once, also where the transaction is rolled back; standbys need a copy of the file. 55000 where the file cannot be used.';

CREATE FUNCTION @extschema@.comes_by_token(role pg_catalog.regrole) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE COST 100 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT coalesce((
        SELECT split_part(c, '=', 2)::boolean FROM pg_db_role_setting s, unnest(s.setconfig) c
        WHERE s.setrole = role AND s.setdatabase IN (0, (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()))
          AND c LIKE 'crm.require\_local\_token=%'
        ORDER BY s.setdatabase DESC LIMIT 1), false)
$$;
COMMENT ON FUNCTION @extschema@.comes_by_token(pg_catalog.regrole) IS
'Whether crm.require_local_token is set for this database role: then it is that of a pool, whose clients come with tokens, and '
'need not be a principal.';

SELECT @extschema@.set_audience('sign_token(text, timestamptz)', 'admin');
SELECT @extschema@.set_audience('issue_token(text, interval)', 'admin');
SELECT @extschema@.set_audience('rotate_token_key()', 'admin');
