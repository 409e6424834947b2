-- Who asks, and what may be seen: the predicates that policies, views and alerts call.

CREATE FUNCTION @extschema@.resolve_unit(value text, hierarchy text DEFAULT NULL) RETURNS text
    AS 'MODULE_PATHNAME', 'crm_resolve_unit' LANGUAGE C STABLE PARALLEL SAFE COST 3;
COMMENT ON FUNCTION @extschema@.resolve_unit(text, text) IS
'Key of the unit that a team''s own value means: by key, then alias, then name, case ignored; NULL where nothing matches or '
'several units have that name. Without hierarchy all are searched, the organisation''s own first.';

CREATE FUNCTION @extschema@.resolve_principal(value text) RETURNS text
    AS 'MODULE_PATHNAME', 'crm_resolve_principal' LANGUAGE C STRICT STABLE PARALLEL SAFE COST 3;
COMMENT ON FUNCTION @extschema@.resolve_principal(text) IS
'Key of the principal that a team''s own value means: by key, alias, database role, then name, case ignored; NULL where nothing '
'matches or several principals have that name.';

CREATE FUNCTION @extschema@.current_principal() RETURNS text
    AS 'MODULE_PATHNAME', 'crm_current_principal' LANGUAGE C STABLE PARALLEL SAFE COST 3;
COMMENT ON FUNCTION @extschema@.current_principal() IS
'The principal who asks: the one bound to the outer database role (SET ROLE counts, SECURITY DEFINER does not). NULL where '
'there is none.';

CREATE FUNCTION @extschema@.visible_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'crm_visible_support' LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.visible_support(internal) IS 'Planner support of visible: the share of rows that pass.';

-- Not LEAKPROOF: an unknown privilege or hierarchy is an error that names it. Policies do not need it.

CREATE FUNCTION @extschema@.visible(unit text, object text, privilege text, hierarchy text DEFAULT NULL,
                                    fallback text DEFAULT NULL) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_visible_text' LANGUAGE C STABLE PARALLEL SAFE COST 3
    SUPPORT @extschema@.visible_support;
COMMENT ON FUNCTION @extschema@.visible(text, text, text, text, text) IS
'Whether the caller''s roles grant a privilege on an object (an entity, a protected table''s object, kpi) in a unit, which is '
'given as a team writes it (key, alias, name). NULL and unknown units count as the fallback unit, by default the organisation '
'itself. True for superusers and BYPASSRLS roles; error RM101 where the caller is no principal. '
'Example: SELECT visible(''north'', ''opportunity'', ''read'');';

CREATE FUNCTION @extschema@.visible(unit integer, object text, privilege text, hierarchy text DEFAULT NULL,
                                    fallback text DEFAULT NULL) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_visible_int4' LANGUAGE C STABLE PARALLEL SAFE COST 3
    SUPPORT @extschema@.visible_support;
COMMENT ON FUNCTION @extschema@.visible(integer, text, text, text, text) IS
'The same for a unit column of type integer: its values are aliases of units.';

CREATE FUNCTION @extschema@.visible(unit bigint, object text, privilege text, hierarchy text DEFAULT NULL,
                                    fallback text DEFAULT NULL) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_visible_int8' LANGUAGE C STABLE PARALLEL SAFE COST 3
    SUPPORT @extschema@.visible_support;
COMMENT ON FUNCTION @extschema@.visible(bigint, text, text, text, text) IS
'The same for a unit column of type bigint: its values are aliases of units.';

CREATE FUNCTION @extschema@.visible(unit uuid, object text, privilege text, hierarchy text DEFAULT NULL,
                                    fallback text DEFAULT NULL) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_visible_uuid' LANGUAGE C STABLE PARALLEL SAFE COST 3
    SUPPORT @extschema@.visible_support;
COMMENT ON FUNCTION @extschema@.visible(uuid, text, text, text, text) IS
'The same for a unit column of type uuid: its values are aliases of units.';

CREATE FUNCTION @extschema@.owned(owner text, object text, privilege text) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_owned_text' LANGUAGE C STABLE PARALLEL SAFE COST 3;
COMMENT ON FUNCTION @extschema@.owned(text, text, text) IS
'Whether the caller is the owner that a value of an owner column means, and has the privilege at any depth: own rows are '
'included in every depth. True for superusers and BYPASSRLS roles; error RM101 where the caller is no principal.';

CREATE FUNCTION @extschema@.owned(owner integer, object text, privilege text) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_owned_int4' LANGUAGE C STABLE PARALLEL SAFE COST 3;
COMMENT ON FUNCTION @extschema@.owned(integer, text, text) IS
'The same for an owner column of type integer: its values are aliases of principals.';

CREATE FUNCTION @extschema@.owned(owner bigint, object text, privilege text) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_owned_int8' LANGUAGE C STABLE PARALLEL SAFE COST 3;
COMMENT ON FUNCTION @extschema@.owned(bigint, text, text) IS
'The same for an owner column of type bigint: its values are aliases of principals.';

CREATE FUNCTION @extschema@.owned(owner uuid, object text, privilege text) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_owned_uuid' LANGUAGE C STABLE PARALLEL SAFE COST 3;
COMMENT ON FUNCTION @extschema@.owned(uuid, text, text) IS
'The same for an owner column of type uuid: its values are aliases of principals.';

CREATE FUNCTION @extschema@.principal_visible(principal text, unit text, object text, privilege text,
                                              hierarchy text DEFAULT NULL, fallback text DEFAULT NULL) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_principal_visible' LANGUAGE C STABLE PARALLEL SAFE COST 5;
COMMENT ON FUNCTION @extschema@.principal_visible(text, text, text, text, text, text) IS
'The same as visible, for somebody else and by the model alone: being a superuser counts for nothing. RM001 where the '
'principal does not exist.';
SELECT @extschema@.set_audience('principal_visible(text, text, text, text, text, text)', 'daemon');

CREATE FUNCTION @extschema@.principal_owned(principal text, owner text, object text, privilege text) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_principal_owned' LANGUAGE C STABLE PARALLEL SAFE COST 5;
COMMENT ON FUNCTION @extschema@.principal_owned(text, text, text, text) IS 'The same as owned, for somebody else.';
SELECT @extschema@.set_audience('principal_owned(text, text, text, text)', 'daemon');

CREATE FUNCTION @extschema@.whoami(OUT principal text, OUT name text, OUT kind text, OUT database_role name,
                                   OUT outside boolean, OUT units text[], OUT roles text[])
    LANGUAGE sql STABLE PARALLEL SAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT p.principal, p.name, p.kind, r.rolname, r.rolsuper OR r.rolbypassrls,
           ARRAY(SELECT DISTINCT m.unit FROM membership m
                 WHERE m.principal = p.principal AND m.during @> statement_timestamp() ORDER BY 1),
           ARRAY(SELECT DISTINCT e.role FROM membership m
                 CROSS JOIN LATERAL (SELECT m.role WHERE m.role IS NOT NULL
                                     UNION ALL SELECT u.role FROM unit_role u WHERE u.unit = m.unit) e
                 WHERE m.principal = p.principal AND m.during @> statement_timestamp() ORDER BY 1)
    FROM pg_roles r LEFT JOIN principal p ON p.principal = current_principal()
    WHERE r.oid = caller()::oid
$$;
COMMENT ON FUNCTION @extschema@.whoami() IS
'Who asks: principal (NULL where the database role is none), database role, whether it is outside all rules (a superuser or '
'BYPASSRLS role), units and roles now.';
