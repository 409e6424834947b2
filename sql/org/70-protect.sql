-- Row-level security on a team's table: asked for by its owner, and gone without a trace.

CREATE TABLE @extschema@.protection (
    relation pg_catalog.regclass PRIMARY KEY,
    object text NOT NULL CHECK (object <> '' AND pg_catalog.octet_length(object) <= 200),
    units jsonb NOT NULL,
    combine text NOT NULL CHECK (combine = ANY (ARRAY['all', 'any'])),
    owner_column name,
    fallback_unit text NOT NULL REFERENCES @extschema@.unit ON UPDATE CASCADE,
    protected_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    protected_by name NOT NULL
);
COMMENT ON TABLE @extschema@.protection IS
'Protected tables: units maps hierarchies to columns, combine says whether all or any of them must be visible, rows without a '
'known unit belong to fallback_unit.';

CREATE TABLE @extschema@.protection_member (
    member pg_catalog.regclass PRIMARY KEY,
    relation pg_catalog.regclass NOT NULL REFERENCES @extschema@.protection ON DELETE CASCADE,
    row_security boolean NOT NULL,
    force_row_security boolean NOT NULL
);
COMMENT ON TABLE @extschema@.protection_member IS
'A protected table and each of its partitions, with ROW SECURITY and FORCE as they were before: unprotect puts them back.';

SELECT pg_catalog.pg_extension_config_dump('@extschema@.protection', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.protection_member', '');

CREATE VIEW @extschema@.access_object AS
    SELECT e.entity AS object, e.description FROM @extschema@.entity e
    UNION
    SELECT s.object, s.description FROM @extschema@.shipped_object s
    UNION
    SELECT p.object, 'rows of protected tables' FROM @extschema@.protection p
    WHERE NOT EXISTS (SELECT FROM @extschema@.entity e WHERE e.entity = p.object)
      AND NOT EXISTS (SELECT FROM @extschema@.shipped_object s WHERE s.object = p.object);
COMMENT ON VIEW @extschema@.access_object IS 'What privileges can be given on by name; the name of any table is another.';
GRANT SELECT ON @extschema@.access_object TO PUBLIC;

CREATE FUNCTION @extschema@.object_of(relation pg_catalog.regclass) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN COALESCE((SELECT p.object FROM @extschema@.protection p WHERE p.relation = object_of.relation),
                    (SELECT a.entity FROM @extschema@.adoption a WHERE a.relation = object_of.relation),
                    @extschema@.table_name(relation));
COMMENT ON FUNCTION @extschema@.object_of(pg_catalog.regclass) IS
'The object on which privileges for a table''s rows are given: the one it is protected as, else its entity, else its name.';

-- What a column is compared as: text, integer, bigint or uuid.
CREATE FUNCTION @extschema@.unit_column_type(relation pg_catalog.regclass, column_name text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    type_oid oid := (SELECT a.atttypid FROM pg_attribute a
                     WHERE a.attrelid = relation AND a.attname = column_name AND a.attnum > 0 AND NOT a.attisdropped);
    base_type pg_type;
BEGIN
    IF type_oid IS NULL THEN
        PERFORM raise_unknown(format('column of %s', relation), coalesce(column_name, ''),
                              ARRAY(SELECT a.attname::text FROM pg_attribute a
                                    WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped));
    END IF;
    LOOP
        SELECT * INTO base_type FROM pg_type t WHERE t.oid = type_oid;
        EXIT WHEN base_type.typtype <> 'd';
        type_oid := base_type.typbasetype;
    END LOOP;
    IF base_type.oid IN ('text'::regtype, 'varchar'::regtype, 'bpchar'::regtype) OR base_type.typtype = 'e' THEN
        RETURN 'text';
    ELSIF base_type.oid IN ('int2'::regtype, 'int4'::regtype) THEN
        RETURN 'integer';
    ELSIF base_type.oid IN ('int8'::regtype, 'uuid'::regtype) THEN
        RETURN format_type(base_type.oid, NULL);
    END IF;
    RAISE EXCEPTION 'column "%" of % has type %, which cannot hold units or owners', column_name, relation,
                    format_type(base_type.oid, NULL)
        USING ERRCODE = 'RM103', HINT = 'Use a column of type text, varchar, an enum, smallint, integer, bigint or uuid.';
END
$$;
COMMENT ON FUNCTION @extschema@.unit_column_type(pg_catalog.regclass, text) IS
'As which type a unit or owner column is compared; raises RM103 for any other type, RM001 for a column that does not exist.';

-- All that can be wrong with the arguments, before anything is locked.
CREATE FUNCTION @extschema@.plan_protection(relation pg_catalog.regclass, units jsonb, combine text, owner_column text,
                                            object text, fallback_unit text) RETURNS @extschema@.protection
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    each record;
    plan protection;
BEGIN
    IF jsonb_typeof(units) IS DISTINCT FROM 'object' OR units = '{}' THEN
        RAISE EXCEPTION 'units must name a hierarchy and a column' USING ERRCODE = 'RM005',
            HINT = 'Type for example units => ''{"organisation": "region"}''.';
    END IF;
    IF combine IS NULL OR combine NOT IN ('all', 'any') THEN
        PERFORM raise_unknown('way to combine', coalesce(combine, ''), ARRAY['all', 'any']);
    END IF;
    IF root_unit() IS NULL THEN
        RAISE EXCEPTION 'there is no unit yet' USING ERRCODE = 'RM103',
            HINT = 'Type SELECT @extschema@.create_unit(''acme'', ''Acme Ltd'', ''business''); first.';
    END IF;
    FOR each IN SELECT e.key, e.value FROM jsonb_each_text(units) e LOOP
        IF NOT EXISTS (SELECT FROM hierarchy h WHERE h.hierarchy = each.key) THEN
            PERFORM raise_unknown('hierarchy', each.key, ARRAY(SELECT h.hierarchy FROM hierarchy h));
        END IF;
        PERFORM unit_column_type(relation, each.value);
    END LOOP;
    IF owner_column IS NOT NULL THEN
        PERFORM unit_column_type(relation, owner_column);
    END IF;
    plan.relation := relation;
    plan.units := units;
    plan.combine := combine;
    plan.owner_column := owner_column;
    plan.object := coalesce(plan_protection.object, object_of(relation));
    plan.fallback_unit := (require_unit(coalesce(plan_protection.fallback_unit, root_unit()))).unit;
    plan.protected_at := now();
    plan.protected_by := caller()::name;
    RETURN plan;
END
$$;
COMMENT ON FUNCTION @extschema@.plan_protection(pg_catalog.regclass, jsonb, text, text, text, text) IS
'Checks the arguments of protect and fills in what is left out.';
SELECT @extschema@.set_audience('plan_protection(regclass, jsonb, text, text, text, text)', 'admin');

CREATE FUNCTION @extschema@.check_table(relation pg_catalog.regclass) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = relation AND c.relkind IN ('r', 'p')) THEN
        RAISE EXCEPTION '% cannot be protected: it is not a table', relation
            USING ERRCODE = 'RM103', HINT = 'Protect the tables behind it.';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.check_table(pg_catalog.regclass) IS 'Raises RM103 for what is not a table.';

CREATE FUNCTION @extschema@.check_protectable(relation pg_catalog.regclass) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    class pg_class;
    problem text;
    what_to_do text;
BEGIN
    SELECT * INTO class FROM pg_class c WHERE c.oid = relation;
    IF class.relkind NOT IN ('r', 'p') THEN
        problem := 'it is not a table';
        what_to_do := 'Protect the tables behind it.';
    ELSIF class.relpersistence = 't' THEN
        problem := 'it is a temporary table';
        what_to_do := 'Only its own session sees it.';
    ELSIF class.relispartition THEN
        problem := 'it is a partition';
        what_to_do := format('Protect %s, its partitions follow.',
                             (SELECT p.relid FROM pg_partition_ancestors(relation) p (relid)
                              WHERE NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = p.relid)));
    ELSIF class.relkind = 'r' AND EXISTS (SELECT FROM pg_inherits i WHERE relation IN (i.inhrelid, i.inhparent)) THEN
        problem := 'it takes part in plain inheritance';
        what_to_do := 'Make it a partitioned table.';
    ELSIF class.relnamespace IN ('@extschema@'::regnamespace, 'pg_catalog'::regnamespace,
                                 'information_schema'::regnamespace) THEN
        problem := 'it is a system table';
        what_to_do := 'Protect tables of your own.';
    ELSIF EXISTS (SELECT FROM protection p WHERE p.relation = check_protectable.relation) THEN
        problem := 'it is protected already';
        what_to_do := format('Type SELECT @extschema@.unprotect(%L); first.', relation);
    END IF;
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION '% cannot be protected: %', relation, problem USING ERRCODE = 'RM103', HINT = what_to_do;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.check_protectable(pg_catalog.regclass) IS
'Raises RM103 with what to do where a relation is none that can be protected.';

-- Roles that would get an error instead of rows: they read the table and are no principal.
CREATE FUNCTION @extschema@.strangers(relation pg_catalog.regclass) RETURNS TABLE (role pg_catalog.regrole, how text)
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT r.oid::regrole,
           CASE WHEN r.oid = c.relowner THEN 'owns the table'
                WHEN EXISTS (SELECT FROM pg_stat_activity s WHERE s.usesysid = r.oid AND s.datname = current_database())
                THEN 'is connected' ELSE 'may read it' END
    FROM pg_class c, pg_roles r
    WHERE c.oid = relation AND NOT r.rolsuper AND NOT r.rolbypassrls
      AND (r.oid = c.relowner OR r.rolcanlogin)
      AND has_table_privilege(r.oid, c.oid, 'SELECT')
      AND NOT EXISTS (SELECT FROM principal p WHERE p.role_name = r.rolname)
$$;
COMMENT ON FUNCTION @extschema@.strangers(pg_catalog.regclass) IS
'Database roles that can read a table and are no principal: under protection they get error RM101.';
SELECT @extschema@.set_audience('strangers(regclass)', 'admin');

CREATE FUNCTION @extschema@.check_nobody_locked_out(relation pg_catalog.regclass) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    stranger record;
    open_policies text;
BEGIN
    SELECT s.role, s.how INTO stranger FROM strangers(relation) s WHERE s.how <> 'may read it' ORDER BY s.how DESC, s.role LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% cannot be protected: role % % and is no principal', relation, stranger.role, stranger.how
            USING ERRCODE = 'RM103', DETAIL = 'Every query of that role would be an error, pg_dump included.',
                  HINT = format('Type SELECT @extschema@.create_principal(%L, role_name => %L); and give it a membership.',
                                trim(stranger.role::text, '"'), trim(stranger.role::text, '"'));
    END IF;
    SELECT string_agg(format('%I on %s', p.polname, p.polrelid::regclass), ', ' ORDER BY p.polname) INTO open_policies
    FROM pg_policy p WHERE p.polrelid IN (SELECT m FROM members(relation) m) AND p.polpermissive;
    IF open_policies IS NOT NULL THEN
        RAISE EXCEPTION '% cannot be protected: it has permissive policies', relation
            USING ERRCODE = 'RM103', DETAIL = format('They would let rows through: %s.', open_policies),
                  HINT = 'Drop them, or make them restrictive.';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.check_nobody_locked_out(pg_catalog.regclass) IS
'Raises RM103 where the owner or a connected role is no principal, or the table has permissive policies of its own.';
SELECT @extschema@.set_audience('check_nobody_locked_out(regclass)', 'admin');

-- The condition of one policy. asker NULL: the caller; otherwise an SQL expression for a principal (preview).
CREATE FUNCTION @extschema@.protection_condition(plan @extschema@.protection, privilege text, asker text DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    visible_call CONSTANT text := CASE WHEN asker IS NULL THEN '@extschema@.visible('
                                       ELSE format('@extschema@.principal_visible(%s, ', asker) END;
    owned_call CONSTANT text := CASE WHEN asker IS NULL THEN '@extschema@.owned('
                                     ELSE format('@extschema@.principal_owned(%s, ', asker) END;
    condition text;
BEGIN
    SELECT string_agg(format('%s%I::%s, %L, %L, %L, %L)', visible_call, u.value,
                             CASE WHEN asker IS NULL THEN unit_column_type(plan.relation, u.value) ELSE 'text' END,
                             plan.object, privilege, u.key, plan.fallback_unit),
                      CASE plan.combine WHEN 'all' THEN ' AND ' ELSE ' OR ' END ORDER BY u.key)
    INTO condition FROM jsonb_each_text(plan.units) u;
    IF plan.owner_column IS NOT NULL THEN
        condition := format('(%s) OR %s%I::%s, %L, %L)', condition, owned_call, plan.owner_column,
                            CASE WHEN asker IS NULL THEN unit_column_type(plan.relation, plan.owner_column) ELSE 'text' END,
                            plan.object, privilege);
    END IF;
    RETURN condition;
END
$$;
COMMENT ON FUNCTION @extschema@.protection_condition(@extschema@.protection, text, text) IS
'The condition of the policy for a privilege, over the table''s columns.';

CREATE FUNCTION @extschema@.protect_member(plan @extschema@.protection, member pg_catalog.regclass) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    may_read text := protection_condition(plan, 'read');
    may_create text := protection_condition(plan, 'create');
    may_update text := protection_condition(plan, 'update');
    may_delete text := protection_condition(plan, 'delete');
BEGIN
    -- One policy for each command: several with an OR between them were a hundred times slower.
    EXECUTE format('CREATE POLICY crm_select ON %s FOR SELECT USING (%s)', member, may_read);
    EXECUTE format('CREATE POLICY crm_insert ON %s FOR INSERT WITH CHECK (%s)', member, may_create);
    EXECUTE format('CREATE POLICY crm_update ON %s FOR UPDATE USING (%s) WITH CHECK (%s)', member, may_update, may_update);
    EXECUTE format('CREATE POLICY crm_delete ON %s FOR DELETE USING (%s)', member, may_delete);
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', member);
END
$$;
COMMENT ON FUNCTION @extschema@.protect_member(@extschema@.protection, pg_catalog.regclass) IS
'Creates the policies on a table or partition and switches them on, for the owner too.';
SELECT @extschema@.set_audience('protect_member(protection, regclass)', 'admin');

-- All are noted before the first is altered: the event trigger that follows new partitions then finds nothing to do.
CREATE FUNCTION @extschema@.protect_members(plan @extschema@.protection) RETURNS SETOF pg_catalog.regclass
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    added regclass[];
BEGIN
    WITH noted AS (
        INSERT INTO protection_member (member, relation, row_security, force_row_security)
        SELECT c.oid, plan.relation, c.relrowsecurity, c.relforcerowsecurity
        FROM members(plan.relation) m JOIN pg_class c ON c.oid = m
        WHERE NOT EXISTS (SELECT FROM protection_member k WHERE k.member = m)
        RETURNING member)
    SELECT array_agg(n.member ORDER BY n.member::oid) INTO added FROM noted n;
    PERFORM protect_member(plan, m) FROM unnest(added) m;
    RETURN QUERY SELECT unnest(added);
END
$$;
COMMENT ON FUNCTION @extschema@.protect_members(@extschema@.protection) IS
'Notes the state of the table and its partitions that are not protected yet, protects them and returns them.';
SELECT @extschema@.set_audience('protect_members(protection)', 'admin');

CREATE FUNCTION @extschema@.protect(relation pg_catalog.regclass, units jsonb, combine text DEFAULT 'all',
                                    owner_column text DEFAULT NULL, object text DEFAULT NULL,
                                    fallback_unit text DEFAULT NULL, lock_timeout interval DEFAULT '2 s')
    RETURNS SETOF @extschema@.attachment
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    plan protection;
BEGIN
    PERFORM require_owner(relation);
    PERFORM check_protectable(relation);
    plan := plan_protection(relation, units, combine, owner_column, object, fallback_unit);
    PERFORM check_nobody_locked_out(relation);
    PERFORM lock_members(relation, 'ACCESS EXCLUSIVE', lock_timeout);
    INSERT INTO protection SELECT plan.*;
    RETURN QUERY
    SELECT 'org'::text, m::text, 'ACCESS EXCLUSIVE'::text, 'rows are seen by ' || protection_condition(plan, 'read')
    FROM protect_members(plan) m;
END
$$;
COMMENT ON FUNCTION @extschema@.protect(pg_catalog.regclass, jsonb, text, text, text, text, interval) IS
'Makes a table and its partitions show and change only rows that the caller''s roles grant. units maps each hierarchy to the '
'column with the row''s unit; combine says whether all or any must be visible; owner_column adds own rows; object (by default the '
'entity, else the table''s name) is what privileges are given on; rows without a known unit belong to fallback_unit (by default '
'the organisation). The owner is bound too. Only the owner may call it. RM103 where it cannot be. Look at preview_protect first. '
'Example: SELECT * FROM protect(''public.deals'', ''{"organisation": "region"}'', owner_column => ''rep'');';

CREATE FUNCTION @extschema@.unprotect_member(before @extschema@.protection_member) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    policy name;
BEGIN
    FOREACH policy IN ARRAY ARRAY['crm_select', 'crm_insert', 'crm_update', 'crm_delete'] LOOP
        EXECUTE format('DROP POLICY IF EXISTS %I ON %s', policy, before.member);
    END LOOP;
    EXECUTE format('ALTER TABLE %s %s ROW LEVEL SECURITY, %s ROW LEVEL SECURITY', before.member,
                   CASE WHEN before.row_security THEN 'ENABLE' ELSE 'DISABLE' END,
                   CASE WHEN before.force_row_security THEN 'FORCE' ELSE 'NO FORCE' END);
END
$$;
COMMENT ON FUNCTION @extschema@.unprotect_member(@extschema@.protection_member) IS
'Drops the policies on a table or partition and puts ROW SECURITY and FORCE back.';
SELECT @extschema@.set_audience('unprotect_member(protection_member)', 'admin');

CREATE FUNCTION @extschema@.unprotect(relation pg_catalog.regclass, lock_timeout interval DEFAULT '2 s') RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    present protection_member[];
BEGIN
    PERFORM require_owner(relation);
    IF NOT EXISTS (SELECT FROM protection p WHERE p.relation = unprotect.relation) THEN
        RAISE EXCEPTION '% is not protected', relation USING ERRCODE = 'RM104',
            HINT = 'SELECT relation FROM @extschema@.protection; shows which tables are.';
    END IF;
    -- A partition that was detached since is among them, one that was dropped is not.
    present := ARRAY(SELECT m FROM protection_member m JOIN pg_class c ON c.oid = m.member
                     WHERE m.relation = unprotect.relation ORDER BY m.member::oid);
    PERFORM lock_tables(ARRAY(SELECT m.member FROM unnest(present) m), 'ACCESS EXCLUSIVE', lock_timeout);
    -- Forgotten first, or the event trigger would protect again what has just been altered.
    DELETE FROM protection p WHERE p.relation = unprotect.relation;
    PERFORM unprotect_member(m) FROM unnest(present) m;
END
$$;
COMMENT ON FUNCTION @extschema@.unprotect(pg_catalog.regclass, interval) IS
'Takes back protect: drops the policies and puts ROW SECURITY and FORCE back as they were. Only the owner may call it. RM104 '
'where the table is not protected.';

CREATE FUNCTION @extschema@.protect_partitions(relation pg_catalog.regclass) RETURNS bigint
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT count(m) FROM protection p, protect_members(p) m WHERE p.relation = protect_partitions.relation
$$;
COMMENT ON FUNCTION @extschema@.protect_partitions(pg_catalog.regclass) IS
'Protects partitions that a protected table got since; returns how many. The event trigger calls it.';
SELECT @extschema@.set_audience('protect_partitions(regclass)', 'admin');

CREATE FUNCTION @extschema@.follow_protected() RETURNS event_trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    root regclass;
BEGIN
    IF NOT EXISTS (SELECT FROM protection) THEN
        RETURN;
    END IF;
    FOR root IN SELECT DISTINCT p.relation
                FROM pg_event_trigger_ddl_commands() c, pg_partition_ancestors(c.objid) a (relid)
                JOIN protection p ON p.relation = a.relid
                WHERE c.classid = 'pg_class'::regclass AND c.object_type = 'table'
    LOOP
        PERFORM protect_partitions(root);
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.follow_protected() IS 'Event trigger: a new partition of a protected table is protected too.';
CREATE EVENT TRIGGER crm_follow_protected ON ddl_command_end WHEN TAG IN ('CREATE TABLE', 'ALTER TABLE')
    EXECUTE FUNCTION @extschema@.follow_protected();
COMMENT ON EVENT TRIGGER crm_follow_protected IS 'New partitions of protected tables are protected too.';

CREATE FUNCTION @extschema@.forget_protected() RETURNS event_trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    DELETE FROM protection p USING pg_event_trigger_dropped_objects() d
    WHERE d.classid = 'pg_class'::regclass AND d.objsubid = 0 AND p.relation = d.objid;
    DELETE FROM protection_member m USING pg_event_trigger_dropped_objects() d
    WHERE d.classid = 'pg_class'::regclass AND d.objsubid = 0 AND m.member = d.objid;
END
$$;
COMMENT ON FUNCTION @extschema@.forget_protected() IS 'Event trigger: a protected table or partition that was dropped is forgotten.';
CREATE EVENT TRIGGER crm_forget_protected ON sql_drop WHEN TAG IN ('DROP TABLE', 'DROP SCHEMA', 'DROP OWNED')
    EXECUTE FUNCTION @extschema@.forget_protected();
COMMENT ON EVENT TRIGGER crm_forget_protected IS 'Protected tables that were dropped are forgotten.';

-- Adoption never protects; disowning takes protection away.
CREATE FUNCTION @extschema@.org_attach(relation pg_catalog.regclass) RETURNS SETOF @extschema@.attachment
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    fallback text := (SELECT a.fallback_unit FROM adoption a WHERE a.relation = org_attach.relation);
BEGIN
    IF fallback IS NOT NULL THEN
        PERFORM require_unit(fallback);
    END IF;
    RETURN;
END
$$;
COMMENT ON FUNCTION @extschema@.org_attach(pg_catalog.regclass) IS
'Attaches nothing, since protect is a call of its own; raises RM001 where the adoption''s fallback unit does not exist.';

CREATE FUNCTION @extschema@.org_detach(relation pg_catalog.regclass) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM protection p WHERE p.relation = org_detach.relation) THEN
        PERFORM unprotect(relation);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.org_detach(pg_catalog.regclass) IS 'Called by disown: unprotects the table.';
SELECT @extschema@.set_audience('org_detach(regclass)', 'admin');
CREATE FUNCTION @extschema@.protected_tables() RETURNS SETOF pg_catalog.regclass
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 20 SET search_path = pg_catalog, @extschema@, pg_temp
    BEGIN ATOMIC SELECT p.relation FROM @extschema@.protection p; END;
COMMENT ON FUNCTION @extschema@.protected_tables() IS 'The tables that protect changed.';
SELECT @extschema@.set_audience('protected_tables()', 'admin');
INSERT INTO @extschema@.room_hook (room, "position", attach, detach, holds)
VALUES ('org', 10, 'org_attach', 'org_detach', 'protected_tables');
