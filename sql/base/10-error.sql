-- Who asks, what he may, and errors that say what to type.

CREATE FUNCTION @extschema@.caller() RETURNS pg_catalog.regrole
    AS 'MODULE_PATHNAME', 'crm_caller' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.caller() IS
'The outer database role: what SET ROLE chose, whatever SECURITY DEFINER function runs now. While a table is maintained '
'(ANALYZE, REINDEX, REFRESH, or crm reading it) it is the table''s owner, whoever started that; - where that cannot be told.';

CREATE FUNCTION @extschema@.nearest(name text, candidates text[]) RETURNS text
    AS 'MODULE_PATHNAME', 'crm_nearest' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.nearest(text, text[]) IS
'The candidate with the fewest edits to the name, case ignored; NULL where none is near (more than a third of the '
'letters, at least two, would change). For hints.';

CREATE FUNCTION @extschema@.raise_unknown(what text, name text, candidates text[]) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    near text := nearest(name, candidates);
    known text := (SELECT string_agg(c, ', ' ORDER BY c) FROM unnest(candidates) c);
BEGIN
    RAISE EXCEPTION '% "%" does not exist', what, name
        USING ERRCODE = 'RM001',
              HINT = CASE WHEN near IS NOT NULL THEN format('Perhaps you meant "%s".', near)
                          WHEN known IS NULL THEN format('There is no %s yet.', what)
                          WHEN length(known) < 400 THEN format('There are: %s.', known)
                          ELSE format('There are %s to choose from.', cardinality(candidates)) END;
END
$$;
COMMENT ON FUNCTION @extschema@.raise_unknown(text, text, text[]) IS
'Raises RM001 for a name that does not exist, with the nearest of the candidates in the hint.';

-- Audiences: who besides superusers may call a function that PUBLIC may not.
CREATE TABLE @extschema@.function_audience (
    signature text PRIMARY KEY,
    audience text NOT NULL CHECK (audience OPERATOR(pg_catalog.=) ANY (ARRAY['admin', 'daemon', 'internal']))
);
COMMENT ON TABLE @extschema@.function_audience IS
'Functions that PUBLIC may not call, and whom grant_admin and grant_daemon give them to; internal: to nobody, only crm''s own '
'functions call them, since they would lend their rights to what the caller brings along. Shipped.';

CREATE FUNCTION @extschema@.set_audience(signature text, audience text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    routine regprocedure := format('@extschema@.%s', signature)::regprocedure;
BEGIN
    INSERT INTO function_audience VALUES (signature, audience);
    EXECUTE format('REVOKE ALL ON ROUTINE %s FROM PUBLIC', routine);
END
$$;
COMMENT ON FUNCTION @extschema@.set_audience(text, text) IS
'For the install script: revokes a function from PUBLIC and notes whom it is for (admin, daemon or internal).';
SELECT @extschema@.set_audience('set_audience(text, text)', 'admin');

CREATE FUNCTION @extschema@.require_role_name(role pg_catalog.regrole) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = role) THEN
        RAISE EXCEPTION 'database role % does not exist', coalesce(role::text, 'NULL') USING ERRCODE = 'RM001', HINT = 'SELECT rolname FROM pg_roles lists them.';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.require_role_name(pg_catalog.regrole) IS
'Raises RM001 where there is no such database role: a regrole may be any number.';

CREATE FUNCTION @extschema@.grant_audience(role pg_catalog.regrole, audiences text[]) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    routine text;
BEGIN
    PERFORM require_role_name(role);
    PERFORM take_turn('function_audience'); -- of two GRANTs at once one fails
    FOR routine IN SELECT f.signature FROM function_audience f WHERE f.audience = ANY (audiences) ORDER BY 1 LOOP
        EXECUTE format('GRANT EXECUTE ON ROUTINE @extschema@.%s TO %s', routine, role);
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.grant_audience(pg_catalog.regrole, text[]) IS
'Gives a role the functions of the audiences. grant_admin and grant_daemon call it.';
SELECT @extschema@.set_audience('grant_audience(regrole, text[])', 'admin');

CREATE FUNCTION @extschema@.grant_admin(role pg_catalog.regrole) RETURNS void
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN @extschema@.grant_audience(role, ARRAY['admin', 'daemon']);
COMMENT ON FUNCTION @extschema@.grant_admin(pg_catalog.regrole) IS
'Lets a role administer crm: units, roles, funnels, KPIs, goals, rules, endpoints. Repeat it after ALTER EXTENSION UPDATE.';
SELECT @extschema@.set_audience('grant_admin(regrole)', 'admin');

CREATE FUNCTION @extschema@.grant_daemon(role pg_catalog.regrole) RETURNS void
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN @extschema@.grant_audience(role, ARRAY['daemon']);
COMMENT ON FUNCTION @extschema@.grant_daemon(pg_catalog.regrole) IS
'Lets the role that crmd connects as do its work; it needs to own nothing. Repeat it after ALTER EXTENSION UPDATE.';
SELECT @extschema@.set_audience('grant_daemon(regrole)', 'admin');

CREATE FUNCTION @extschema@.require_owner(relation pg_catalog.regclass) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    owner oid := (SELECT relowner FROM pg_class WHERE oid = relation);
BEGIN
    IF owner IS NULL THEN -- nothing has an owner that may do it
        RAISE EXCEPTION 'there is no table %', coalesce(relation::text, 'NULL')
            USING ERRCODE = 'RM001', HINT = 'SELECT relation FROM adoption lists the adopted ones.';
    END IF;
    IF NOT pg_has_role(caller()::oid, owner, 'USAGE') THEN
        RAISE EXCEPTION 'must be owner of table %', relation
            USING ERRCODE = 'insufficient_privilege',
                  HINT = format('Its owner is %s.', pg_get_userbyid(owner));
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.require_owner(pg_catalog.regclass) IS
'Raises 42501 unless the caller owns the table or is a member of the role that does; RM001 where there is no such table, or it is NULL.';

CREATE FUNCTION @extschema@.members_then(relation pg_catalog.regclass) RETURNS SETOF oid
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10 SET search_path = pg_catalog, @extschema@, pg_temp
    BEGIN ATOMIC
        WITH RECURSIVE known (member) AS (
            SELECT relation::oid
            UNION ALL
            SELECT i.inhrelid FROM known k JOIN pg_inherits i ON i.inhparent = k.member WHERE NOT i.inhdetachpending
        )
        SELECT k.member FROM known k;
    END;
COMMENT ON FUNCTION @extschema@.members_then(pg_catalog.regclass) IS
'A table and its partitions at every level as the snapshot has them; members() has those of now.';

CREATE FUNCTION @extschema@.members_changed(relation pg_catalog.regclass) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
    BEGIN ATOMIC
        WITH known (member) AS (
            SELECT m FROM members_then(relation) m
        ), now (member) AS (SELECT t.relid::oid FROM pg_partition_tree(relation) t)
        SELECT EXISTS (SELECT FROM known k WHERE k.member NOT IN (SELECT n.member FROM now n))
            OR EXISTS (SELECT FROM now n JOIN pg_class c ON c.oid = n.member -- one that was made since has no row for the snapshot
                       WHERE n.member NOT IN (SELECT k.member FROM known k));
    END;
COMMENT ON FUNCTION @extschema@.members_changed(pg_catalog.regclass) IS
'Whether a partitioned table has got or lost a partition, with rows perhaps, since the snapshot.';

-- Also planning a query runs code of the table's owner (immutable functions in indexes, constraints, statistics).
CREATE FUNCTION @extschema@.read_as_owner(relation pg_catalog.regclass, query text) RETURNS SETOF pg_catalog.jsonb
    AS 'MODULE_PATHNAME', 'crm_read_as_owner' LANGUAGE C STABLE STRICT PARALLEL UNSAFE COST 1000 ROWS 100;
COMMENT ON FUNCTION @extschema@.read_as_owner(pg_catalog.regclass, text) IS
'The rows of a query with one jsonb column that reads a table of a team, run with the rights of its owner, policies apart: '
'whatever hangs on the table runs as him and not with the extension''s rights. 40001 where the query''s name is another table''s by now, or a partition came or went.';
SELECT @extschema@.set_audience('read_as_owner(regclass, text)', 'internal');
CREATE FUNCTION @extschema@.rows_as_owner(relation pg_catalog.regclass, query text) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'crm_read_as_owner' LANGUAGE C STABLE STRICT PARALLEL UNSAFE COST 1000 ROWS 1000;
COMMENT ON FUNCTION @extschema@.rows_as_owner(pg_catalog.regclass, text) IS
'read_as_owner for a query of any columns, which the caller names with their types: FROM rows_as_owner(...) AS t (a text).';
SELECT @extschema@.set_audience('rows_as_owner(regclass, text)', 'internal');

CREATE FUNCTION @extschema@.is_audience(audience text) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN (SELECT pg_catalog.bool_and(pg_catalog.has_function_privilege(@extschema@.caller()::oid,
                       ('@extschema@.' || f.signature)::pg_catalog.regprocedure, 'EXECUTE'))
            FROM @extschema@.function_audience f WHERE f.audience = is_audience.audience);
COMMENT ON FUNCTION @extschema@.is_audience(text) IS
'Whether the caller was given the functions of an audience (admin, daemon).';
