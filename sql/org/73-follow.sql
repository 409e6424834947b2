-- What becomes of protection by DDL and by adoption.

CREATE FUNCTION @extschema@.protect_partitions(relation pg_catalog.regclass) RETURNS bigint
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT count(m) FROM protection p, protect_members(p) m WHERE p.relation = protect_partitions.relation
$$;
COMMENT ON FUNCTION @extschema@.protect_partitions(pg_catalog.regclass) IS
'Protects partitions that a protected table got since; returns how many. The event trigger calls it.';
SELECT @extschema@.set_audience('protect_partitions(regclass)', 'admin');

-- A partition that leaves takes its rows along: they stay protected, by a protection of their own, until its owner says otherwise.
CREATE FUNCTION @extschema@.release_detached(plan @extschema@.protection) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    detached regclass;
    own protection := plan;
BEGIN
    FOR detached IN SELECT c.oid FROM protection_member k JOIN pg_class c ON c.oid = k.member
                    WHERE k.relation = plan.relation AND k.member <> plan.relation AND NOT c.relispartition ORDER BY c.oid LOOP
        own.relation := detached;
        own.name := table_name(detached);
        own.later_names := NULL;
        SELECT k.key_columns, k.key_mapped INTO own.key_columns, own.key_mapped FROM record_key_of(detached) k;
        INSERT INTO protection SELECT own.*;
        UPDATE protection_member k SET relation = detached WHERE k.member IN (SELECT m FROM members(detached) m);
        PERFORM drop_policies(m), protect_member(own, m) FROM members(detached) m;
        PERFORM watch_assign(own);
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.release_detached(@extschema@.protection) IS
'Makes partitions that were detached from a protected table protected tables of their own, with the same arguments.';
SELECT @extschema@.set_audience('release_detached(protection)', 'admin');

CREATE FUNCTION @extschema@.is_column(relation pg_catalog.regclass, column_name text) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    RETURN EXISTS (SELECT FROM pg_catalog.pg_attribute a
                   WHERE a.attrelid = relation AND a.attname = column_name AND a.attnum > 0 AND NOT a.attisdropped);
COMMENT ON FUNCTION @extschema@.is_column(pg_catalog.regclass, text) IS 'Whether a table has a column of that name.';

CREATE FUNCTION @extschema@.partition_line(relation pg_catalog.regclass) RETURNS SETOF pg_catalog.regclass
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 2 SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT relation UNION SELECT a.relid FROM pg_catalog.pg_partition_ancestors(relation) a (relid);
    END;
COMMENT ON FUNCTION @extschema@.partition_line(pg_catalog.regclass) IS 'A table and the tables that it is a partition of.';

-- Policies and triggers follow a renamed column by themselves. One command renames one column: its old name is the one that is gone.
CREATE FUNCTION @extschema@.follow_renamed(plan @extschema@.protection, renamed name) RETURNS void
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    UPDATE protection p
    SET units = (SELECT jsonb_object_agg(u.key, CASE WHEN is_column(p.relation, u.value) THEN u.value ELSE renamed::text END)
                 FROM jsonb_each_text(p.units) u),
        owner_column = CASE WHEN p.owner_column IS NULL OR is_column(p.relation, p.owner_column) THEN p.owner_column ELSE renamed END,
        key_columns = (SELECT array_agg(CASE WHEN is_column(p.relation, k) THEN k ELSE renamed END ORDER BY n)
                       FROM unnest(p.key_columns) WITH ORDINALITY x (k, n))
    WHERE p.relation = plan.relation
$$;
COMMENT ON FUNCTION @extschema@.follow_renamed(@extschema@.protection, name) IS
'Writes the new name of a renamed column into the protection of its table.';
SELECT @extschema@.set_audience('follow_renamed(protection, name)', 'admin');

-- Policies hold where a query names the table: not for those who name a child by plain inheritance, nor on a foreign table.
CREATE FUNCTION @extschema@.refuse_unprotectable(altered pg_catalog.regclass) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    part regclass;
    above regclass;
    detail text := 'No policy holds on a foreign table.';
BEGIN
    SELECT m, p.relation INTO part, above
    FROM members(altered) m JOIN pg_class c ON c.oid = m AND c.relkind = 'f', partition_line(m) a JOIN protection p ON p.relation = a
    ORDER BY m LIMIT 1;
    IF NOT FOUND THEN
        SELECT altered, p.relation INTO part, above
        FROM pg_inherits i JOIN protection p ON p.relation = i.inhparent JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhrelid = altered AND NOT c.relispartition ORDER BY p.relation LIMIT 1;
        detail := 'Its policies do not hold for those who read a table that inherits from it.';
    END IF;
    IF above IS NOT NULL THEN
        RAISE EXCEPTION '% cannot be a part of %, which is protected', part, above USING ERRCODE = 'RM103', DETAIL = detail,
            HINT = format('Leave it on its own, or type SELECT @extschema@.unprotect(%L); first.', above);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.refuse_unprotectable(pg_catalog.regclass) IS
'For the event trigger: raises RM103 where a table now inherits from a protected one, or a foreign table became its partition.';
SELECT @extschema@.set_audience('refuse_unprotectable(regclass)', 'admin');

CREATE FUNCTION @extschema@.follow_protected() RETURNS event_trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    altered record;
    named regclass[];
BEGIN
    IF NOT EXISTS (SELECT FROM protection UNION ALL SELECT FROM protection_left) THEN
        RETURN;
    END IF;
    named := ARRAY(SELECT c.objid FROM pg_event_trigger_ddl_commands() c
                   WHERE c.classid = 'pg_class'::regclass AND c.object_type IN ('table', 'foreign table', 'materialized view')
                   UNION
                   SELECT r.oid FROM pg_event_trigger_ddl_commands() c JOIN pg_class r ON r.relnamespace = c.objid
                   WHERE c.classid = 'pg_namespace'::regclass AND r.relkind IN ('r', 'p', 'f', 'm'));
    PERFORM follow_names(named);
    PERFORM protect_successor(n) FROM unnest(named) n;
    PERFORM refuse_unprotectable(c.objid) FROM pg_event_trigger_ddl_commands() c
    WHERE c.classid = 'pg_class'::regclass AND c.object_type IN ('table', 'foreign table');
    FOR altered IN
        SELECT p AS plan, max(CASE WHEN c.object_type = 'table column' AND c.objid = p.relation
                           THEN (SELECT a.attname FROM pg_attribute a WHERE a.attrelid = c.objid AND a.attnum = c.objsubid) END) AS renamed
        FROM pg_event_trigger_ddl_commands() c, partition_line(c.objid) a JOIN protection p ON p.relation = a
        WHERE c.classid = 'pg_class'::regclass AND c.object_type IN ('table', 'foreign table', 'table column')
        GROUP BY p
    LOOP
        IF altered.renamed IS NOT NULL THEN
            PERFORM follow_renamed(altered.plan, altered.renamed);
            PERFORM follow_masked((altered.plan).relation, altered.renamed);
        END IF;
        PERFORM release_detached(p), protect_partitions(p.relation) FROM protection p WHERE p.relation = (altered.plan).relation;
        PERFORM narrow_grants(k.relation, m) FROM masking k, members(k.relation) m WHERE k.relation = (altered.plan).relation;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.follow_protected() IS
'Event trigger: a new partition of a protected table is protected too, a detached one becomes a protected table of its own, a '
'renamed column is followed; a table that takes over the name of a protected one is protected as that was; children by plain '
'inheritance and foreign partitions are refused.';
CREATE EVENT TRIGGER crm_follow_protected ON ddl_command_end
    WHEN TAG IN ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'ALTER TABLE', 'CREATE SCHEMA', 'CREATE FOREIGN TABLE',
                 'ALTER FOREIGN TABLE', 'IMPORT FOREIGN SCHEMA', 'CREATE MATERIALIZED VIEW', 'ALTER MATERIALIZED VIEW', 'ALTER SCHEMA')
    EXECUTE FUNCTION @extschema@.follow_protected();
COMMENT ON EVENT TRIGGER crm_follow_protected IS 'Protection follows partitions and renamed columns.';

CREATE FUNCTION @extschema@.forget_protected() RETURNS event_trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    gone CONSTANT oid[] := ARRAY(SELECT d.objid FROM pg_event_trigger_dropped_objects() d
                                 WHERE d.classid = 'pg_class'::regclass AND d.objsubid = 0);
BEGIN
    PERFORM leave_protection(p) FROM protection p WHERE p.relation = ANY (gone);
    DELETE FROM protection_member m WHERE m.member = ANY (gone);
    DELETE FROM masked_grant g WHERE g.member = ANY (gone);
    UPDATE masking m SET view = NULL WHERE m.view = ANY (gone);
END
$$;
COMMENT ON FUNCTION @extschema@.forget_protected() IS 'Event trigger: a protected table or partition that was dropped is forgotten.';
CREATE EVENT TRIGGER crm_forget_protected ON sql_drop
    WHEN TAG IN ('DROP TABLE', 'DROP VIEW', 'ALTER TABLE', 'DROP SCHEMA', 'DROP OWNED', 'DROP TYPE', 'DROP EXTENSION')
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
    IF EXISTS (SELECT FROM protection p, record_key_of(p.relation) k
               WHERE p.relation = org_attach.relation AND (k.key_columns, k.key_mapped) IS DISTINCT FROM (p.key_columns, p.key_mapped)) THEN
        RAISE EXCEPTION '% is protected, and its records would get other keys', relation USING ERRCODE = 'RM103',
            DETAIL = 'Shared records are known by their key.',
            HINT = format('Type SELECT @extschema@.unprotect(%L); and protect it again after adopting it.', relation);
    END IF;
    RETURN;
END
$$;
COMMENT ON FUNCTION @extschema@.org_attach(pg_catalog.regclass) IS
'Attaches nothing, since protect is a call of its own; raises RM001 where the adoption''s fallback unit does not exist, RM103 '
'where the table is protected and its records are known by another key than the one that is mapped.';

CREATE FUNCTION @extschema@.org_detach(relation pg_catalog.regclass) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = relation) THEN -- it was dropped
        PERFORM leave_protection(p) FROM protection p WHERE p.relation = org_detach.relation;
    ELSIF EXISTS (SELECT FROM protection p WHERE p.relation = org_detach.relation) THEN
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
