-- The condition of a protected table's policies.
--
--     visible(unit)  OR  owned(owner) AND undenied(unit)  OR  shared(key) AND undenied(unit)
--
-- An OR of ANDs and nothing deeper, so that the planner can answer each arm by an index of its own and join them as bitmaps.

-- In PL/pgSQL where one query would do: it keeps its plan, and the story asks for each table.

-- What names a row in a policy, as an argument of shared; NULL where nothing does.
-- A trigger's condition may not name NEW as a whole where a column is generated. Nor shall it keep columns from being dropped that it does not need.
CREATE FUNCTION @extschema@.new_row(relation pg_catalog.regclass, attribute text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN (SELECT format('ROW(%s)::%s', string_agg(CASE WHEN a.attgenerated = '' AND (t.typtype = 'd' OR EXISTS (
                                                              SELECT FROM pg_depend d
                                                              WHERE d.classid = 'pg_proc'::regclass AND d.objid = to_regprocedure(mapping_function(new_row.relation, new_row.attribute))
                                                                AND d.refclassid = 'pg_class'::regclass AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum))
                                                         THEN format('NEW.%I', a.attname) ELSE 'NULL' END, ', ' ORDER BY a.attnum), new_row.relation)
            FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
            WHERE a.attrelid = new_row.relation AND a.attnum > 0 AND NOT a.attisdropped);
COMMENT ON FUNCTION @extschema@.new_row(pg_catalog.regclass, text) IS
'SQL for the row NEW as far as a mapped attribute needs it, the other columns NULL; a generated one, which a trigger does not know yet, too.';

CREATE FUNCTION @extschema@.policy_key(plan @extschema@.protection, source text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN (
        SELECT CASE WHEN plan.key_mapped AND source = 'NEW' THEN format('@extschema@.map_id(%s)', new_row(plan.relation, 'id'))
                    WHEN plan.key_mapped THEN format('@extschema@.map_id((%s.*)::%s)', source, plan.relation)
                    WHEN source = 'NEW' AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = plan.relation AND a.attname = ANY (plan.key_columns) AND a.attgenerated <> '')
                    THEN 'NULL::text' -- not known before the row is written: it is not taken for a shared one
                    WHEN cardinality(plan.key_columns) = 1
                    THEN format('%s.%I::%s', source, plan.key_columns[1], key_type(plan.relation, plan.key_columns[1]))
                    WHEN plan.key_columns IS NOT NULL
                    THEN format('@extschema@.record_key(%s)', (SELECT string_agg(format('%s.%I::text', source, k), ', ' ORDER BY n)
                                                               FROM unnest(plan.key_columns) WITH ORDINALITY u (k, n))) END);
END
$$;
COMMENT ON FUNCTION @extschema@.policy_key(@extschema@.protection, text) IS
'SQL for the key of a row, whose name or alias is source, in the type that an index on the key has; NULL for a table whose rows '
'cannot be shared.';

-- The units of a row, one element for each hierarchy: the arguments of a predicate, behind the principal where one is asked for.
CREATE FUNCTION @extschema@.policy_units(plan @extschema@.protection, privilege text, source text, asker text) RETURNS text[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN (
        SELECT array_agg(format('%s%s.%I::%s, %L, %L, %L, %L', coalesce(asker || ', ', ''), source, u.value,
                                CASE WHEN asker IS NULL THEN unit_column_type(plan.relation, u.value) ELSE 'text' END,
                                plan.object, privilege, u.key, plan.fallback_unit) ORDER BY u.key)
        FROM jsonb_each_text(plan.units) u);
END
$$;
COMMENT ON FUNCTION @extschema@.policy_units(@extschema@.protection, text, text, text) IS
'For each hierarchy the arguments of visible and undenied over the row source.';

CREATE FUNCTION @extschema@.policy_undenied(plan @extschema@.protection, privilege text, source text, asker text DEFAULT NULL)
    RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN (
        SELECT string_agg(format('@extschema@.%sundenied(%s)', CASE WHEN asker IS NOT NULL THEN 'principal_' END, u), ' AND ' ORDER BY n)
        FROM unnest(policy_units(plan, privilege, source, asker)) WITH ORDINALITY x (u, n));
END
$$;
COMMENT ON FUNCTION @extschema@.policy_undenied(@extschema@.protection, text, text, text) IS
'The part of policy_condition that says that no unit of the row is denied.';

CREATE FUNCTION @extschema@.policy_condition(plan @extschema@.protection, privilege text, source text, asker text DEFAULT NULL)
    RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    prefix CONSTANT text := CASE WHEN asker IS NULL THEN '@extschema@.' ELSE '@extschema@.principal_' END;
    units CONSTANT text[] := policy_units(plan, privilege, source, asker);
    undenied CONSTANT text := policy_undenied(plan, privilege, source, asker);
    arms text[];
BEGIN
    IF plan.combine = 'all' THEN
        arms := ARRAY[(SELECT string_agg(format('%svisible(%s)', prefix, u), ' AND ' ORDER BY n)
                       FROM unnest(units) WITH ORDINALITY x (u, n))];
    ELSE -- a denial in one hierarchy wins over what another one shows
        arms := ARRAY(SELECT (SELECT string_agg(format('%s%s(%s)', prefix, CASE WHEN n = shown THEN 'visible' ELSE 'undenied' END, u),
                                                ' AND ' ORDER BY n <> shown, n)
                              FROM unnest(units) WITH ORDINALITY x (u, n))
                      FROM generate_subscripts(units, 1) shown ORDER BY shown);
    END IF;
    IF plan.owner_column IS NOT NULL THEN
        arms := arms || format('%sowned(%s%s.%I::%s, %L, %L) AND %s', prefix, asker || ', ', source, plan.owner_column,
                               CASE WHEN asker IS NULL THEN unit_column_type(plan.relation, plan.owner_column) ELSE 'text' END,
                               plan.object, privilege, undenied);
    END IF;
    -- A row that does not exist yet is shared with nobody.
    IF privilege <> 'create' AND policy_key(plan, source) IS NOT NULL THEN
        arms := arms || format('%sshared(%s%s, %L::regclass, %L) AND %s', prefix, asker || ', ',
                               policy_key(plan, source), plan.relation, privilege, undenied);
    END IF;
    RETURN array_to_string(arms, ' OR ');
END
$$;
COMMENT ON FUNCTION @extschema@.policy_condition(@extschema@.protection, text, text, text) IS
'The condition of the policy for a privilege, over the columns of source (a table''s name or alias, OLD, NEW). asker NULL: the '
'caller; otherwise SQL for the principal who is asked about.';

CREATE FUNCTION @extschema@.protection_condition(plan @extschema@.protection, privilege text, asker text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    plan.key_columns := NULL;
    plan.key_mapped := false;
    RETURN policy_condition(plan, privilege, 't', asker);
END
$$;
COMMENT ON FUNCTION @extschema@.protection_condition(@extschema@.protection, text, text) IS
'policy_condition over a row t, for a principal, shares apart.';
