-- Who asks, and what may be seen: the predicates that policies, views and alerts call.

CREATE FUNCTION @extschema@.resolve_unit(value text, hierarchy text DEFAULT NULL) RETURNS text
    AS 'MODULE_PATHNAME', 'crm_resolve_unit' LANGUAGE C STABLE PARALLEL SAFE COST 3;
COMMENT ON FUNCTION @extschema@.resolve_unit(text, text) IS
'Key of the unit that a team''s own value means: by key, then alias, then name, as written, or all in lower case, all in upper '
'case or with Initial Capitals; NULL where nothing matches or '
'several units have that name. Without hierarchy all are searched, the organisation''s own first.';

CREATE FUNCTION @extschema@.resolve_principal(value text) RETURNS text
    AS 'MODULE_PATHNAME', 'crm_resolve_principal' LANGUAGE C STRICT STABLE PARALLEL SAFE COST 3;
COMMENT ON FUNCTION @extschema@.resolve_principal(text) IS
'Key of the principal that a team''s own value means: by key, alias, database role, then name, spelled as for units; NULL where nothing '
'matches or several principals have that name.';

CREATE FUNCTION @extschema@.current_principal() RETURNS text
    AS 'MODULE_PATHNAME', 'crm_current_principal' LANGUAGE C STABLE PARALLEL SAFE COST 3;
COMMENT ON FUNCTION @extschema@.current_principal() IS
'The principal who asks: the one that crm.token names, or without a token the one bound to the outer database role (SET ROLE '
'counts, SECURITY DEFINER does not). NULL where there is none.';

CREATE FUNCTION @extschema@.visible_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'crm_visible_support' LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.visible_support(internal) IS 'Planner support of visible: the share of rows that pass, and the units to look for in an index.';
CREATE FUNCTION @extschema@.undenied_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'crm_undenied_support' LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.undenied_support(internal) IS 'Planner support of undenied: nearly all rows pass.';
CREATE FUNCTION @extschema@.owned_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'crm_owned_support' LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.owned_support(internal) IS 'Planner support of owned: few rows pass, and the owners to look for in an index.';
CREATE FUNCTION @extschema@.shared_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'crm_shared_support' LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.shared_support(internal) IS 'Planner support of shared: few rows pass, and the keys to look for in an index.';

-- Not LEAKPROOF: an unknown privilege or hierarchy is an error that names it. Policies do not need it.

CREATE FUNCTION @extschema@.visible(unit text, object text, privilege text, hierarchy text DEFAULT NULL,
                                    fallback text DEFAULT NULL) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_visible_text' LANGUAGE C STABLE PARALLEL SAFE COST 3
    SUPPORT @extschema@.visible_support;
COMMENT ON FUNCTION @extschema@.visible(text, text, text, text, text) IS
'Whether the caller''s roles grant a privilege on an object (an entity, a protected table''s object, kpi) in a unit, which is '
'given as a team writes it (key, alias, name; as written, or all in lower case, upper case or with Initial Capitals). NULL and '
'unknown units count as the fallback unit, by default the organisation itself. Denials are taken into account. True for superusers '
'and BYPASSRLS roles without a token; error RM101 where nobody asks. '
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

CREATE FUNCTION @extschema@.undenied(unit text, object text, privilege text, hierarchy text DEFAULT NULL,
                                     fallback text DEFAULT NULL) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_undenied_text' LANGUAGE C STABLE PARALLEL SAFE COST 3
    SUPPORT @extschema@.undenied_support;
COMMENT ON FUNCTION @extschema@.undenied(text, text, text, text, text) IS
'Whether a privilege on an object is not denied to the caller in a unit, given as for visible. What is denied to read is denied to '
'every privilege that reaches no further than read. Policies ask it for rows that are one''s own or shared.';

CREATE FUNCTION @extschema@.undenied(unit integer, object text, privilege text, hierarchy text DEFAULT NULL,
                                     fallback text DEFAULT NULL) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_undenied_int4' LANGUAGE C STABLE PARALLEL SAFE COST 3
    SUPPORT @extschema@.undenied_support;
COMMENT ON FUNCTION @extschema@.undenied(integer, text, text, text, text) IS
'The same for a unit column of type integer: its values are aliases of units.';

CREATE FUNCTION @extschema@.undenied(unit bigint, object text, privilege text, hierarchy text DEFAULT NULL,
                                     fallback text DEFAULT NULL) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_undenied_int8' LANGUAGE C STABLE PARALLEL SAFE COST 3
    SUPPORT @extschema@.undenied_support;
COMMENT ON FUNCTION @extschema@.undenied(bigint, text, text, text, text) IS
'The same for a unit column of type bigint: its values are aliases of units.';

CREATE FUNCTION @extschema@.undenied(unit uuid, object text, privilege text, hierarchy text DEFAULT NULL,
                                     fallback text DEFAULT NULL) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_undenied_uuid' LANGUAGE C STABLE PARALLEL SAFE COST 3
    SUPPORT @extschema@.undenied_support;
COMMENT ON FUNCTION @extschema@.undenied(uuid, text, text, text, text) IS
'The same for a unit column of type uuid: its values are aliases of units.';

CREATE FUNCTION @extschema@.owned(owner text, object text, privilege text) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_owned_text' LANGUAGE C STABLE PARALLEL SAFE COST 3
    SUPPORT @extschema@.owned_support;
COMMENT ON FUNCTION @extschema@.owned(text, text, text) IS
'Whether the caller, or a team of the caller''s, is the owner that a value of an owner column means, and has the privilege at '
'any depth: own rows are included in every depth. True for superusers and BYPASSRLS roles without a token; error RM101 where '
'nobody asks.';

CREATE FUNCTION @extschema@.owned(owner integer, object text, privilege text) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_owned_int4' LANGUAGE C STABLE PARALLEL SAFE COST 3
    SUPPORT @extschema@.owned_support;
COMMENT ON FUNCTION @extschema@.owned(integer, text, text) IS
'The same for an owner column of type integer: its values are aliases of principals.';

CREATE FUNCTION @extschema@.owned(owner bigint, object text, privilege text) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_owned_int8' LANGUAGE C STABLE PARALLEL SAFE COST 3
    SUPPORT @extschema@.owned_support;
COMMENT ON FUNCTION @extschema@.owned(bigint, text, text) IS
'The same for an owner column of type bigint: its values are aliases of principals.';

CREATE FUNCTION @extschema@.owned(owner uuid, object text, privilege text) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_owned_uuid' LANGUAGE C STABLE PARALLEL SAFE COST 3
    SUPPORT @extschema@.owned_support;
COMMENT ON FUNCTION @extschema@.owned(uuid, text, text) IS
'The same for an owner column of type uuid: its values are aliases of principals.';

CREATE FUNCTION @extschema@.shared(key text, relation pg_catalog.regclass, privilege text) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_shared_text' LANGUAGE C STABLE PARALLEL SAFE COST 3
    SUPPORT @extschema@.shared_support;
COMMENT ON FUNCTION @extschema@.shared(text, pg_catalog.regclass, text) IS
'Whether a record of a protected table, by its key, is shared with the caller now, with a privilege: directly, with a team of the '
'caller''s, or with a unit at or above one that the caller is a member of. True for superusers and BYPASSRLS roles without a token; '
'error RM101 where nobody asks.';

CREATE FUNCTION @extschema@.shared(key integer, relation pg_catalog.regclass, privilege text) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_shared_int4' LANGUAGE C STABLE PARALLEL SAFE COST 3
    SUPPORT @extschema@.shared_support;
COMMENT ON FUNCTION @extschema@.shared(integer, pg_catalog.regclass, text) IS
'The same for a key of type integer.';

CREATE FUNCTION @extschema@.shared(key bigint, relation pg_catalog.regclass, privilege text) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_shared_int8' LANGUAGE C STABLE PARALLEL SAFE COST 3
    SUPPORT @extschema@.shared_support;
COMMENT ON FUNCTION @extschema@.shared(bigint, pg_catalog.regclass, text) IS
'The same for a key of type bigint.';

CREATE FUNCTION @extschema@.shared(key uuid, relation pg_catalog.regclass, privilege text) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_shared_uuid' LANGUAGE C STABLE PARALLEL SAFE COST 3
    SUPPORT @extschema@.shared_support;
COMMENT ON FUNCTION @extschema@.shared(uuid, pg_catalog.regclass, text) IS
'The same for a key of type uuid.';

-- What an index condition compares a column with. Made by the planner; they can be asked directly as well.

CREATE FUNCTION @extschema@.visible_texts(object text, privilege text, hierarchy text, fallback text) RETURNS text[]
    AS 'MODULE_PATHNAME', 'crm_visible_values' LANGUAGE C STABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION @extschema@.visible_texts(text, text, text, text) IS
'The values of a unit column that mean a unit in which the caller has a privilege. 40001 for a caller who reaches rows without a unit too: these cannot be listed.';

CREATE FUNCTION @extschema@.visible_integers(object text, privilege text, hierarchy text, fallback text) RETURNS integer[]
    AS 'MODULE_PATHNAME', 'crm_visible_values' LANGUAGE C STABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION @extschema@.visible_integers(text, text, text, text) IS
'The same for a column of type integer.';

CREATE FUNCTION @extschema@.visible_bigints(object text, privilege text, hierarchy text, fallback text) RETURNS bigint[]
    AS 'MODULE_PATHNAME', 'crm_visible_values' LANGUAGE C STABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION @extschema@.visible_bigints(text, text, text, text) IS
'The same for a column of type bigint.';

CREATE FUNCTION @extschema@.visible_uuids(object text, privilege text, hierarchy text, fallback text) RETURNS uuid[]
    AS 'MODULE_PATHNAME', 'crm_visible_values' LANGUAGE C STABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION @extschema@.visible_uuids(text, text, text, text) IS
'The same for a column of type uuid.';

CREATE FUNCTION @extschema@.owned_texts(object text, privilege text) RETURNS text[]
    AS 'MODULE_PATHNAME', 'crm_owned_values' LANGUAGE C STABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION @extschema@.owned_texts(text, text) IS
'The values of an owner column that mean the caller or a team of the caller''s; none where the caller has not the privilege on own rows.';

CREATE FUNCTION @extschema@.owned_integers(object text, privilege text) RETURNS integer[]
    AS 'MODULE_PATHNAME', 'crm_owned_values' LANGUAGE C STABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION @extschema@.owned_integers(text, text) IS
'The same for a column of type integer.';

CREATE FUNCTION @extschema@.owned_bigints(object text, privilege text) RETURNS bigint[]
    AS 'MODULE_PATHNAME', 'crm_owned_values' LANGUAGE C STABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION @extschema@.owned_bigints(text, text) IS
'The same for a column of type bigint.';

CREATE FUNCTION @extschema@.owned_uuids(object text, privilege text) RETURNS uuid[]
    AS 'MODULE_PATHNAME', 'crm_owned_values' LANGUAGE C STABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION @extschema@.owned_uuids(text, text) IS
'The same for a column of type uuid.';

CREATE FUNCTION @extschema@.shared_texts(relation pg_catalog.regclass, privilege text) RETURNS text[]
    AS 'MODULE_PATHNAME', 'crm_shared_values' LANGUAGE C STABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION @extschema@.shared_texts(pg_catalog.regclass, text) IS
'The keys of a table''s records that are shared with the caller with a privilege.';

CREATE FUNCTION @extschema@.shared_integers(relation pg_catalog.regclass, privilege text) RETURNS integer[]
    AS 'MODULE_PATHNAME', 'crm_shared_values' LANGUAGE C STABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION @extschema@.shared_integers(pg_catalog.regclass, text) IS
'The same for a column of type integer.';

CREATE FUNCTION @extschema@.shared_bigints(relation pg_catalog.regclass, privilege text) RETURNS bigint[]
    AS 'MODULE_PATHNAME', 'crm_shared_values' LANGUAGE C STABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION @extschema@.shared_bigints(pg_catalog.regclass, text) IS
'The same for a column of type bigint.';

CREATE FUNCTION @extschema@.shared_uuids(relation pg_catalog.regclass, privilege text) RETURNS uuid[]
    AS 'MODULE_PATHNAME', 'crm_shared_values' LANGUAGE C STABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION @extschema@.shared_uuids(pg_catalog.regclass, text) IS
'The same for a column of type uuid.';

-- For somebody else, and by the model alone: being a superuser counts for nothing. RM001 where the principal does not exist.

CREATE FUNCTION @extschema@.principal_visible(principal text, unit text, object text, privilege text,
                                              hierarchy text DEFAULT NULL, fallback text DEFAULT NULL) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_principal_visible' LANGUAGE C STABLE PARALLEL SAFE COST 5;
COMMENT ON FUNCTION @extschema@.principal_visible(text, text, text, text, text, text) IS
'The same as visible, for somebody else and by the model alone: being a superuser counts for nothing. RM001 where the principal does not exist.';
SELECT @extschema@.set_audience('principal_visible(text, text, text, text, text, text)', 'daemon');

CREATE FUNCTION @extschema@.principal_undenied(principal text, unit text, object text, privilege text,
                                               hierarchy text DEFAULT NULL, fallback text DEFAULT NULL) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_principal_undenied' LANGUAGE C STABLE PARALLEL SAFE COST 5;
COMMENT ON FUNCTION @extschema@.principal_undenied(text, text, text, text, text, text) IS
'The same as undenied, for somebody else.';
SELECT @extschema@.set_audience('principal_undenied(text, text, text, text, text, text)', 'daemon');

CREATE FUNCTION @extschema@.principal_owned(principal text, owner text, object text, privilege text) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_principal_owned' LANGUAGE C STABLE PARALLEL SAFE COST 5;
COMMENT ON FUNCTION @extschema@.principal_owned(text, text, text, text) IS
'The same as owned, for somebody else.';
SELECT @extschema@.set_audience('principal_owned(text, text, text, text)', 'daemon');

CREATE FUNCTION @extschema@.principal_shared(principal text, key text, relation pg_catalog.regclass, privilege text) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_principal_shared' LANGUAGE C STABLE PARALLEL SAFE COST 5;
COMMENT ON FUNCTION @extschema@.principal_shared(text, text, pg_catalog.regclass, text) IS
'The same as shared, for somebody else.';
SELECT @extschema@.set_audience('principal_shared(text, text, regclass, text)', 'daemon');

CREATE FUNCTION @extschema@.visible_below(unit text, object text, privilege text) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_visible_below' LANGUAGE C STABLE PARALLEL SAFE COST 20;
COMMENT ON FUNCTION @extschema@.visible_below(text, text, text) IS
'Whether visible holds for a unit and for every unit below it: what it takes to see their total. NULL and unknown units count as the '
'organisation. Example: SELECT visible_below(''sales'', ''kpi'', ''total'');';

CREATE FUNCTION @extschema@.principal_visible_below(principal text, unit text, object text, privilege text) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_principal_visible_below' LANGUAGE C STABLE PARALLEL SAFE COST 20;
COMMENT ON FUNCTION @extschema@.principal_visible_below(text, text, text, text) IS
'The same as visible_below, for somebody else.';
SELECT @extschema@.set_audience('principal_visible_below(text, text, text, text)', 'daemon');

CREATE FUNCTION @extschema@.whoami(OUT principal text, OUT name text, OUT kind text, OUT database_role name,
                                   OUT outside boolean, OUT units text[], OUT roles text[], OUT identified_by text,
                                   OUT until timestamptz, OUT problem text, OUT teams text[])
    LANGUAGE sql STABLE PARALLEL SAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT p.principal, p.name, p.kind, r.rolname, (r.rolsuper OR r.rolbypassrls) AND i.identified_by = 'role',
           ARRAY(SELECT DISTINCT m.unit FROM acting_principal a JOIN membership m ON m.principal = a.acts_as
                 WHERE a.principal = p.principal AND (a.during * m.during) @> statement_timestamp() ORDER BY 1),
           ARRAY(SELECT DISTINCT h.role FROM held_role h
                 WHERE h.principal = p.principal AND h.during @> statement_timestamp() ORDER BY 1),
           i.identified_by, i.until, i.problem,
           ARRAY(SELECT DISTINCT a.team FROM acting_principal a
                 WHERE a.principal = p.principal AND a.team IS NOT NULL AND a.during @> statement_timestamp() ORDER BY 1)
    FROM current_identity() i LEFT JOIN pg_roles r ON r.oid = caller()::oid LEFT JOIN principal p ON p.principal = current_principal()
$$;
COMMENT ON FUNCTION @extschema@.whoami() IS
'Who asks: principal (NULL where nobody does), database role, whether it is outside all rules (a superuser or BYPASSRLS role '
'without a token), units and roles now, those of its teams included; identified_by is token or role, until is when the token expires, '
'problem why a token that is set names nobody; teams are those that it is a member of now.';
