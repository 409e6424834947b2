-- protect and unprotect: row-level security on a team's table, asked for by its owner, and gone without a trace.

-- update has let the row pass before and after; whoever hands it to another unit or owner needs assign too, and a policy sees only
-- one of the two rows.
CREATE FUNCTION @extschema@.refuse_assign() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'the unit or owner of a row of % cannot be changed without the privilege assign', TG_ARGV[0]
        USING ERRCODE = 'insufficient_privilege',
              DETAIL = 'It is needed on the row as it is and as it would be.',
              HINT = format('Type SELECT @extschema@.grant_privilege(role, %L, ''assign'', depth); as an administrator.', TG_ARGV[1]);
END
$$;
COMMENT ON FUNCTION @extschema@.refuse_assign() IS
'Trigger crm_assign of protected tables, called where an UPDATE changes a unit or owner column and the caller lacks assign. The '
'trigger''s condition decides; the error is the same whatever it was that was lacking.';

CREATE FUNCTION @extschema@.unwatch_assign(relation pg_catalog.regclass) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = relation AND t.tgname = 'crm_assign') THEN
        EXECUTE format('DROP TRIGGER crm_assign ON %s', relation);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.unwatch_assign(pg_catalog.regclass) IS 'Drops the trigger crm_assign, if it is there.';
SELECT @extschema@.set_audience('unwatch_assign(regclass)', 'admin');

CREATE FUNCTION @extschema@.watch_assign(plan @extschema@.protection) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM unwatch_assign(plan.relation);
    EXECUTE format('CREATE TRIGGER crm_assign BEFORE UPDATE ON %s FOR EACH ROW WHEN ((%s) AND NOT ((%s) AND (%s))) '
                   'EXECUTE FUNCTION @extschema@.refuse_assign(%L, %L)', plan.relation,
                   (SELECT string_agg(format('OLD.%I::%s IS DISTINCT FROM NEW.%1$I::%2$s', c, unit_column_type(plan.relation, c)), ' OR ' ORDER BY c)
                    FROM deciding_names(plan) c),
                   policy_condition(plan, 'assign', 'OLD'), policy_condition(plan, 'assign', 'NEW'),
                   table_name(plan.relation), plan.object);
END
$$;
COMMENT ON FUNCTION @extschema@.watch_assign(@extschema@.protection) IS
'Makes the trigger crm_assign on a protected table; Postgres clones it to the partitions, new ones too.';
SELECT @extschema@.set_audience('watch_assign(protection)', 'admin');

CREATE FUNCTION @extschema@.deciding_names(plan @extschema@.protection) RETURNS SETOF text
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 3 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT u.value FROM jsonb_each_text(plan.units) u UNION SELECT plan.owner_column::text WHERE plan.owner_column IS NOT NULL
$$;
COMMENT ON FUNCTION @extschema@.deciding_names(@extschema@.protection) IS 'The unit and owner columns of a protected table.';

CREATE FUNCTION @extschema@.drop_policies(member pg_catalog.regclass) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    policy name;
BEGIN
    FOR policy IN SELECT p.polname FROM pg_policy p
                  WHERE p.polrelid = member AND p.polname = ANY ('{crm_select,crm_insert,crm_update,crm_delete}') LOOP
        EXECUTE format('DROP POLICY %I ON %s', policy, member);
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.drop_policies(pg_catalog.regclass) IS 'Drops the policies of crm on a table or partition.';
SELECT @extschema@.set_audience('drop_policies(regclass)', 'admin');

CREATE FUNCTION @extschema@.protect_member(plan @extschema@.protection, member pg_catalog.regclass) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    source text := (SELECT quote_ident(c.relname) FROM pg_class c WHERE c.oid = member);
    may_update text := policy_condition(plan, 'update', source);
BEGIN
    -- One policy for each command: several with an OR between them were a hundred times slower.
    EXECUTE format('CREATE POLICY crm_select ON %s FOR SELECT USING (%s)', member, policy_condition(plan, 'read', source));
    EXECUTE format('CREATE POLICY crm_insert ON %s FOR INSERT WITH CHECK (%s)', member, policy_condition(plan, 'create', source));
    EXECUTE format('CREATE POLICY crm_update ON %s FOR UPDATE USING (%s) WITH CHECK (%s)', member, may_update, may_update);
    EXECUTE format('CREATE POLICY crm_delete ON %s FOR DELETE USING (%s)', member, policy_condition(plan, 'delete', source));
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', member);
    PERFORM watch_shared(plan, member);
END
$$;
COMMENT ON FUNCTION @extschema@.protect_member(@extschema@.protection, pg_catalog.regclass) IS
'Creates the policies on a table or partition and switches them on, for the owner too. Names in them are those of the protected '
'table, also on a partition.';
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

-- All checks are done and all locks held.
CREATE FUNCTION @extschema@.begin_protection(plan @extschema@.protection) RETURNS SETOF pg_catalog.regclass
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    INSERT INTO protection SELECT plan.* ON CONFLICT DO NOTHING; -- which an old snapshot does not see, and where that raises 40001
    IF NOT FOUND THEN
        RAISE EXCEPTION '% was protected meanwhile', plan.relation USING ERRCODE = 'serialization_failure', HINT = 'Try again.';
    END IF;
    RETURN QUERY SELECT protect_members(plan);
    PERFORM watch_assign(plan);
END
$$;
COMMENT ON FUNCTION @extschema@.begin_protection(@extschema@.protection) IS
'Notes a protection and makes its policies and triggers; returns the table and its partitions.';
SELECT @extschema@.set_audience('begin_protection(protection)', 'admin');

CREATE FUNCTION @extschema@.protect(relation pg_catalog.regclass, units jsonb, combine text DEFAULT 'all',
                                    owner_column text DEFAULT NULL, object text DEFAULT NULL,
                                    fallback_unit text DEFAULT NULL, lock_timeout interval DEFAULT '2 s')
    RETURNS SETOF @extschema@.attachment
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    plan protection;
    made regclass[];
BEGIN
    PERFORM require_owner(relation);
    PERFORM check_protectable(relation);
    plan := plan_protection(relation, units, combine, owner_column, object, fallback_unit);
    PERFORM check_nobody_locked_out(relation);
    PERFORM lock_members(relation, 'ACCESS EXCLUSIVE', lock_timeout);
    made := ARRAY(SELECT begin_protection(plan));
    RETURN QUERY
    SELECT 'org'::text, m::text, 'ACCESS EXCLUSIVE'::text, 'rows are seen by ' || pg_get_expr(p.polqual, p.polrelid)
    FROM unnest(made) m JOIN pg_policy p ON p.polrelid = m AND p.polname = 'crm_select';
END
$$;
COMMENT ON FUNCTION @extschema@.protect(pg_catalog.regclass, jsonb, text, text, text, text, interval) IS
'Makes a table and its partitions show and change only rows that the caller''s roles grant. units maps each hierarchy to the '
'column with the row''s unit; combine says whether all or any must be visible; owner_column adds own rows; object (by default the '
'entity, else the table''s name) is what privileges are given on; rows without a known unit belong to fallback_unit (by default '
'the organisation). The owner is bound too. Only the owner may call it. RM103 where it cannot be. Look at preview_protect first. '
'Example: SELECT * FROM protect(''public.deals'', ''{"organisation": "region"}'', owner_column => ''rep'');';

CREATE FUNCTION @extschema@.require_protected(relation pg_catalog.regclass) RETURNS @extschema@.protection
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    plan protection;
BEGIN
    SELECT * INTO plan FROM protection p WHERE p.relation = require_protected.relation;
    IF NOT FOUND THEN
        RAISE EXCEPTION '% is not protected', relation USING ERRCODE = 'RM104',
            HINT = 'SELECT relation FROM @extschema@.protection; shows which tables are.';
    END IF;
    RETURN plan;
END
$$;
COMMENT ON FUNCTION @extschema@.require_protected(pg_catalog.regclass) IS
'How a table is protected; raises RM104 where it is not. For functions that run with the extension''s rights.';
SELECT @extschema@.set_audience('require_protected(regclass)', 'admin');

-- After the lock: it may have been unprotected meanwhile. The row is written, so that 40001 comes of an old snapshot, which would find the policies and rights
-- of before in the catalogue.
CREATE FUNCTION @extschema@.hold_protection(relation pg_catalog.regclass) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    UPDATE protection p SET relation = p.relation WHERE p.relation = hold_protection.relation;
    IF NOT FOUND THEN
        PERFORM require_protected(relation);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.hold_protection(pg_catalog.regclass) IS 'The row of a protection, for who changes what was made of it; RM104 where there is none, 40001 in an old snapshot.';
SELECT @extschema@.set_audience('hold_protection(regclass)', 'internal');

CREATE FUNCTION @extschema@.unprotect(relation pg_catalog.regclass, lock_timeout interval DEFAULT '2 s') RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    present protection_member[];
    before protection_member;
BEGIN
    PERFORM require_owner(relation);
    PERFORM require_protected(relation);
    present := ARRAY(SELECT m FROM protection_member m JOIN pg_class c ON c.oid = m.member
                     WHERE m.relation = unprotect.relation ORDER BY m.member::oid);
    PERFORM lock_tables(ARRAY(SELECT m.member FROM unnest(present) m), 'ACCESS EXCLUSIVE', lock_timeout);
    PERFORM require_protected(relation); -- still
    PERFORM drop_mask(relation);
    -- Forgotten first, or the event trigger would protect again what has just been altered.
    DELETE FROM protection p WHERE p.relation = unprotect.relation;
    DELETE FROM shared_record s WHERE s.relation = unprotect.relation; -- protected again, its records may be known by other keys
    PERFORM unwatch_assign(relation);
    FOREACH before IN ARRAY present LOOP
        PERFORM drop_policies(before.member);
        PERFORM unwatch_shared(before.member);
        EXECUTE format('ALTER TABLE %s %s ROW LEVEL SECURITY, %s ROW LEVEL SECURITY', before.member,
                       CASE WHEN before.row_security THEN 'ENABLE' ELSE 'DISABLE' END,
                       CASE WHEN before.force_row_security THEN 'FORCE' ELSE 'NO FORCE' END);
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.unprotect(pg_catalog.regclass, interval) IS
'Takes back protect: drops the policies, the triggers and the view of masked columns, and puts ROW SECURITY, FORCE and '
'rights on masked columns back as they were; shares end. Only the owner may call it. RM104 where the table is not protected.';

CREATE FUNCTION @extschema@.protect_again(relation pg_catalog.regclass, lock_timeout interval DEFAULT '2 s') RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    plan protection;
BEGIN
    PERFORM require_owner(relation);
    plan := require_protected(relation);
    PERFORM lock_members(relation, 'ACCESS EXCLUSIVE', lock_timeout);
    PERFORM hold_protection(relation);
    PERFORM protect_members(plan);
    PERFORM drop_policies(k.member), protect_member(plan, k.member) FROM protection_member k WHERE k.relation = plan.relation;
    PERFORM watch_assign(plan);
END
$$;
COMMENT ON FUNCTION @extschema@.protect_again(pg_catalog.regclass, interval) IS
'Makes everything that protect made anew, with the same arguments: for a protected table that lost a policy, the trigger '
'crm_assign, ROW SECURITY or FORCE, or has a partition without them. Only the owner may call it. RM104 where the table is not '
'protected.';
