-- Why somebody may, or may not, do something with a record.

-- SQL for the key of a row t, as every function takes it.
CREATE FUNCTION @extschema@.key_of_row(relation pg_catalog.regclass) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    columns text[];
BEGIN
    IF has_attribute(relation, 'id') THEN
        RETURN '@extschema@.map_id(t)';
    END IF;
    columns := ARRAY(SELECT format('t.%I::text', a.attname)
                     FROM pg_index i, unnest(i.indkey::int2[]) WITH ORDINALITY k (attnum, n)
                     JOIN pg_attribute a ON a.attnum = k.attnum
                     WHERE i.indrelid = relation AND i.indisprimary AND a.attrelid = relation ORDER BY k.n);
    IF cardinality(columns) = 0 THEN
        RAISE EXCEPTION 'table % has no primary key', relation USING ERRCODE = 'RM005',
            HINT = 'Adopt it with an id, or give it a primary key.';
    END IF;
    RETURN CASE WHEN cardinality(columns) = 1 THEN columns[1]
                ELSE format('@extschema@.record_key(%s)', array_to_string(columns, ', ')) END;
END
$$;
COMMENT ON FUNCTION @extschema@.key_of_row(pg_catalog.regclass) IS
'An SQL expression for the key of a row t: the mapped id of an adopted table, else the primary key.';

-- The columns of a row that decide about it, as text.
CREATE FUNCTION @extschema@.deciding_columns(plan @extschema@.protection, key text) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    columns text := (SELECT string_agg(format('%L, t.%I::text', c.name, c.name), ', ')
                     FROM (SELECT u.value AS name FROM jsonb_each_text(plan.units) u
                           UNION SELECT plan.owner_column::text WHERE plan.owner_column IS NOT NULL) c);
    found_row jsonb;
BEGIN
    SELECT r INTO found_row
    FROM read_as_owner(plan.relation, format('SELECT pg_catalog.jsonb_build_object(%s) FROM %s t WHERE %s = %L', columns,
                                             plan.relation, key_of_row(plan.relation), key)) r;
    IF found_row IS NULL THEN
        RAISE EXCEPTION 'record "%" of % does not exist', key, plan.relation USING ERRCODE = 'RM001',
            HINT = 'A key is the text of the primary key, or a JSON array for a composite one.';
    END IF;
    RETURN found_row;
END
$$;
COMMENT ON FUNCTION @extschema@.deciding_columns(@extschema@.protection, text) IS
'The unit and owner columns of a record of a protected table, as text by name. RM001 where there is no such record.';
SELECT @extschema@.set_audience('deciding_columns(protection, text)', 'admin');

-- What the row says: the unit in each hierarchy, and the owner.
CREATE FUNCTION @extschema@.row_places(plan @extschema@.protection, key text)
    RETURNS TABLE (hierarchy text, "column" text, value text, unit text, owner text)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    found_row jsonb := deciding_columns(plan, key);
BEGIN
    RETURN QUERY
    SELECT u.key, u.value, found_row ->> u.value,
           coalesce(resolve_unit(found_row ->> u.value, u.key), plan.fallback_unit),
           resolve_principal(found_row ->> plan.owner_column)
    FROM jsonb_each_text(plan.units) u ORDER BY u.key;
END
$$;
COMMENT ON FUNCTION @extschema@.row_places(@extschema@.protection, text) IS
'For each hierarchy of a protected table the unit that a record belongs to; and its owner. RM001 where there is no such record.';
SELECT @extschema@.set_audience('row_places(protection, text)', 'admin');

-- Every membership, role and privilege that reaches a unit or an owner. What other privileges need or include is shown as read.
CREATE FUNCTION @extschema@.access_paths(principal text, object text, privilege text, unit text, owner text)
    RETURNS TABLE (role text, via_unit text, depth text, granted text)
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT DISTINCT h.role, h.unit, g.depth, format('%s on %s', g.privilege, g.object)
    FROM membership m
    CROSS JOIN LATERAL (SELECT m.role, m.unit WHERE m.role IS NOT NULL
                        UNION SELECT x.role, m.unit FROM unit_role x WHERE x.unit = m.unit) h
    JOIN role_privilege g ON g.role = h.role AND g.object IN ('*', access_paths.object)
    WHERE m.principal = access_paths.principal AND m.during @> statement_timestamp()
      AND (g.privilege = access_paths.privilege OR g.privilege = 'read' AND access_paths.privilege IN ('total', 'story'))
      AND (owner = access_paths.principal OR g.depth = 'organisation' OR g.depth = 'unit' AND h.unit = access_paths.unit
           OR g.depth = 'below' AND EXISTS (SELECT FROM unit_path p WHERE p.ancestor = h.unit AND p.descendant = access_paths.unit))
$$;
COMMENT ON FUNCTION @extschema@.access_paths(text, text, text, text, text) IS
'The memberships and roles by which a principal reaches a unit, or an own row, with a privilege.';
SELECT @extschema@.set_audience('access_paths(text, text, text, text, text)', 'admin');

CREATE FUNCTION @extschema@.explain_access(principal text, relation pg_catalog.regclass, key text, privilege text DEFAULT 'read')
    RETURNS TABLE (granted boolean, role text, unit text, depth text, detail text)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_column
DECLARE
    asker principal := require_principal(explain_access.principal);
    plan protection;
    place record;
    verdict boolean;
    needed text;
BEGIN
    IF NOT is_audience('admin') THEN
        PERFORM require_owner(explain_access.relation);
    END IF;
    SELECT * INTO plan FROM protection p WHERE p.relation = explain_access.relation;
    IF NOT FOUND THEN
        RAISE EXCEPTION '% is not protected', explain_access.relation USING ERRCODE = 'RM104',
            DETAIL = 'Whoever has the privilege of Postgres on the table sees every row.',
            HINT = 'SELECT relation FROM @extschema@.protection; shows which tables are.';
    END IF;
    PERFORM check_privilege(plan.object, explain_access.privilege);
    EXECUTE format('SELECT %s FROM (SELECT %s) t', protection_condition(plan, explain_access.privilege, '$1'),
                   (SELECT string_agg(format('$2 ->> %L AS %I', k, k), ', ')
                    FROM jsonb_object_keys(deciding_columns(plan, explain_access.key)) k))
    INTO verdict USING asker.principal, deciding_columns(plan, explain_access.key);
    FOR place IN SELECT * FROM row_places(plan, explain_access.key) LOOP
        FOREACH needed IN ARRAY CASE WHEN explain_access.privilege IN ('read', 'create', 'total', 'story')
                                     THEN ARRAY[explain_access.privilege] ELSE ARRAY[explain_access.privilege, 'read'] END LOOP
            RETURN QUERY
            SELECT verdict, a.role, a.via_unit, a.depth,
                   format('%s; column %s is %s: unit %s', a.granted, place."column", coalesce(quote_literal(place.value), 'null'), place.unit)
                   || CASE WHEN place.owner = asker.principal THEN ', owned' ELSE '' END
            FROM access_paths(asker.principal, plan.object, needed, place.unit,
                              CASE WHEN plan.owner_column IS NOT NULL THEN place.owner END) a
            ORDER BY a.role, a.via_unit, a.depth, a.granted;
            IF NOT FOUND THEN
                RETURN QUERY
                SELECT verdict, NULL::text, NULL::text, NULL::text,
                       format('no role gives %s on %s in unit %s (column %s is %s)', needed, plan.object, place.unit,
                              place."column", coalesce(quote_literal(place.value), 'null'));
            END IF;
        END LOOP;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.explain_access(text, pg_catalog.regclass, text, text) IS
'Why a principal may or may not do something with a record of a protected table: whether it is granted, then for each unit '
'column the roles and memberships that reach it, or that none does. For administrators and the table''s owner. RM104 where the '
'table is not protected, RM001 where the record, principal or privilege does not exist. '
'Example: SELECT * FROM explain_access(''anna'', ''public.deals'', ''17'', ''update'');';

CREATE FUNCTION @extschema@.who_can_access(relation pg_catalog.regclass, key text, privilege text DEFAULT 'read')
    RETURNS TABLE (principal text, role text, unit text, depth text)
    LANGUAGE sql STABLE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT DISTINCT p.principal, e.role, e.unit, e.depth
    FROM principal p, explain_access(p.principal, relation, key, privilege) e -- which asks who calls
    WHERE e.granted AND e.role IS NOT NULL
    ORDER BY 1, 2, 3, 4
$$;
COMMENT ON FUNCTION @extschema@.who_can_access(pg_catalog.regclass, text, text) IS
'Every principal that may do something with a record, with the roles and memberships that give it. For administrators and the '
'table''s owner. Roles outside the rules (superusers, BYPASSRLS) are not listed: doctor() names them.';
