-- A protected name stays protected: swap loads make a table anew, fill it, and give it the old one's name.

CREATE TABLE @extschema@.protection_left (
    name text PRIMARY KEY,
    units jsonb NOT NULL,
    combine text NOT NULL,
    owner_column name,
    object text NOT NULL,
    fallback_unit text NOT NULL,
    masked boolean NOT NULL,
    protected_by name NOT NULL,
    left_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE @extschema@.protection_left IS
'Protected tables that were dropped, by name: the next table of that name is protected in the same way, or refused, until '
'forget_protection(name).';
SELECT pg_catalog.pg_extension_config_dump('@extschema@.protection_left', '');

CREATE FUNCTION @extschema@.leave_protection(plan @extschema@.protection) RETURNS void
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    INSERT INTO protection_left AS l (name, units, combine, owner_column, object, fallback_unit, masked, protected_by)
    SELECT called, plan.units, plan.combine, plan.owner_column, plan.object, plan.fallback_unit,
           EXISTS (SELECT FROM masking m WHERE m.relation = plan.relation), plan.protected_by
    FROM unnest(plan.name || plan.later_names) called
    WHERE NOT EXISTS (SELECT FROM protection p WHERE called = ANY (p.name || p.later_names) AND p.relation <> plan.relation)
    ON CONFLICT (name) DO UPDATE
    SET units = excluded.units, combine = excluded.combine, owner_column = excluded.owner_column, object = excluded.object,
        fallback_unit = excluded.fallback_unit, masked = excluded.masked, protected_by = excluded.protected_by, left_at = now();
    DELETE FROM masking m WHERE m.relation = plan.relation;
    DELETE FROM protection p WHERE p.relation = plan.relation;
$$;
COMMENT ON FUNCTION @extschema@.leave_protection(@extschema@.protection) IS
'For a protected table that is dropped: notes how it was protected, for whichever takes its name, and forgets the table.';
SELECT @extschema@.set_audience('leave_protection(protection)', 'internal');

-- A table that was renamed for good is replaced under its new name.
CREATE FUNCTION @extschema@.follow_names(altered pg_catalog.regclass[]) RETURNS void
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    UPDATE protection p SET later_names = CASE WHEN n.now <> p.name THEN p.later_names || n.now END
    FROM unnest(altered) a, table_name(a) n (now)
    WHERE p.relation = a AND (n.now <> ALL (p.name || p.later_names) OR n.now = p.name AND p.later_names IS NOT NULL)
$$;
COMMENT ON FUNCTION @extschema@.follow_names(pg_catalog.regclass[]) IS
'For the event trigger: notes new names of protected tables; renamed back, a table has only the name that it was protected by.';
SELECT @extschema@.set_audience('follow_names(regclass[])', 'internal');

CREATE FUNCTION @extschema@.forget_protection(name text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    kept protection_left;
BEGIN
    SELECT * INTO kept FROM protection_left l WHERE l.name = forget_protection.name FOR UPDATE;
    IF NOT FOUND OR NOT (is_audience('admin') OR EXISTS (SELECT FROM pg_roles r WHERE r.rolname = kept.protected_by
                                                           AND pg_has_role(caller()::oid, r.oid, 'USAGE'))) THEN
        RAISE EXCEPTION 'no protection of a dropped table "%" is kept that is yours', coalesce(forget_protection.name, '')
            USING ERRCODE = 'RM104', HINT = 'Write the name with its schema, as public.deals; administrators may forget any.';
    END IF;
    DELETE FROM protection_left l WHERE l.name = kept.name;
END
$$;
COMMENT ON FUNCTION @extschema@.forget_protection(text) IS
'Lets a new table have the name of a protected one that was dropped, without being protected. For administrators and for who '
'protected it. RM104 where nothing is kept. Example: SELECT forget_protection(''public.deals'');';

-- How the table whose name this one has now was protected; NULL where there is none.
CREATE FUNCTION @extschema@.protection_of_name(relation pg_catalog.regclass) RETURNS @extschema@.protection_left
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT l FROM protection_left l WHERE l.name = table_name(protection_of_name.relation)
    UNION ALL
    SELECT (table_name(protection_of_name.relation), p.units, p.combine, p.owner_column, p.object, p.fallback_unit,
            EXISTS (SELECT FROM masking m WHERE m.relation = p.relation), p.protected_by, p.protected_at)::protection_left
    FROM protection p
    WHERE table_name(protection_of_name.relation) = ANY (p.name || p.later_names) AND p.relation <> protection_of_name.relation
    LIMIT 1
$$;
COMMENT ON FUNCTION @extschema@.protection_of_name(pg_catalog.regclass) IS
'How the table was protected whose name this one took over, or took after it was dropped; NULL where none was.';
SELECT @extschema@.set_audience('protection_of_name(regclass)', 'internal');

CREATE FUNCTION @extschema@.protect_successor(relation pg_catalog.regclass) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    before protection_left := protection_of_name(relation);
    plan protection;
BEGIN
    IF before.name IS NULL OR EXISTS (SELECT FROM partition_line(relation) a JOIN protection p ON p.relation = a) THEN
        RETURN;
    END IF;
    BEGIN
        IF before.masked THEN
            RAISE EXCEPTION 'the table before it had masked columns';
        END IF;
        PERFORM check_protectable(relation);
        PERFORM check_no_open_policies(relation);
        plan := plan_protection(relation, before.units, before.combine, before.owner_column, before.object, before.fallback_unit);
    EXCEPTION WHEN OTHERS THEN
        RAISE EXCEPTION '% takes the name of a protected table, and cannot be protected as that was', relation
            USING ERRCODE = 'RM103', DETAIL = format('%s.', SQLERRM),
                  HINT = format('Unprotect the table before it is replaced; after it was dropped, type SELECT @extschema@.forget_protection(%L);',
                                before.name);
    END;
    plan.protected_by := before.protected_by;
    -- The one before, where it lives on, goes by its own name from now on.
    UPDATE protection p SET name = coalesce(table_name(p.relation), p.name), later_names = NULL
    WHERE before.name = ANY (p.name || p.later_names);
    DELETE FROM protection_left l WHERE l.name = before.name;
    PERFORM begin_protection(plan);
    RAISE NOTICE '% is protected, as the table was whose name it took', relation;
END
$$;
COMMENT ON FUNCTION @extschema@.protect_successor(pg_catalog.regclass) IS
'For the event trigger: protects a table that took the name of a protected one in the same way, in the same transaction, or '
'refuses the command with RM103.';
SELECT @extschema@.set_audience('protect_successor(regclass)', 'internal');
