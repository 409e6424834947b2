-- Rows that come and go without a trigger: with partitions that are attached, detached or dropped, with rewritten columns, and with
-- values of an enum that get another name.
-- Counting them at once would hold locks while a table is read, so the numbers are unknown until backfill has read it again.

CREATE TABLE @extschema@.kpi_member (
    member pg_catalog.regclass PRIMARY KEY,
    relation pg_catalog.regclass NOT NULL
);
COMMENT ON TABLE @extschema@.kpi_member IS
'Adopted partitioned tables with their partitions at every level, as of the last DDL: what they are compared with after the next.';
SELECT pg_catalog.pg_extension_config_dump('@extschema@.kpi_member', '');

CREATE FUNCTION @extschema@.recount(relation pg_catalog.regclass) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    -- Also those that are filling: a backfill that has read what is not true any more then fails, and is tried again. And
    -- in this order: successors take the place of instances, and it ends by making both ready, components first.
    UPDATE kpi_successor s SET state = 'filling' WHERE s.relation = recount.relation;
    UPDATE kpi_instance i SET state = 'filling' WHERE i.relation = recount.relation;
    UPDATE filling f SET state = 'filling', error = NULL WHERE f.relation = recount.relation AND f.room = 'kpi' AND f.state <> 'filling';
    INSERT INTO clock_touched SELECT t.relation, NULL FROM clock_table t WHERE t.relation = recount.relation;
END
$$;
COMMENT ON FUNCTION @extschema@.recount(pg_catalog.regclass) IS
'Rows came or went that no trigger saw: the components of a table read NULL, state filling, until backfill has counted it again.';
SELECT @extschema@.set_audience('recount(regclass)', 'admin');

CREATE FUNCTION @extschema@.note_members(relation pg_catalog.regclass) RETURNS void
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    DELETE FROM kpi_member k WHERE k.relation = note_members.relation;
    INSERT INTO kpi_member
    SELECT m, note_members.relation FROM pg_partitioned_table p, members(note_members.relation) m
    WHERE p.partrelid = note_members.relation
$$;
COMMENT ON FUNCTION @extschema@.note_members(pg_catalog.regclass) IS 'Keeps which partitions an adopted table has now.';
SELECT @extschema@.set_audience('note_members(regclass)', 'admin');

-- A partition that left is no table of crm's any more.
CREATE FUNCTION @extschema@.detach_member(member pg_catalog.regclass, relation pg_catalog.regclass) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    name name;
BEGIN
    FOR name IN SELECT t.tgname FROM attached_trigger a CROSS JOIN LATERAL unnest(a.events) e
                JOIN pg_trigger t ON t.tgrelid = member AND t.tgname = trigger_name(a.room, e)
                WHERE a.relation = detach_member.relation LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', name, member);
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.detach_member(pg_catalog.regclass, pg_catalog.regclass) IS
'Drops the triggers of all rooms from a table that was a partition of an adopted one.';
SELECT @extschema@.set_audience('detach_member(regclass, regclass)', 'admin');

CREATE FUNCTION @extschema@.follow_members() RETURNS event_trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    each record;
    changed regclass[] := '{}';
    uncounted regclass[] := '{}';
BEGIN
    PERFORM know_captured();
    IF NOT EXISTS (SELECT FROM kpi_member) THEN
        RETURN;
    END IF;
    FOR each IN
        SELECT coalesce(now.relation, known.relation) AS relation, coalesce(now.member, known.member) AS member,
               known.member IS NOT NULL AS was_there, c.oid IS NOT NULL AS exists,
               coalesce(c.relkind = 'r' AND pg_relation_size(c.oid) = 0 OR c.relkind = 'p', false) AS empty
        FROM kpi_member known
        FULL JOIN (SELECT r.relation, m AS member FROM (SELECT DISTINCT k.relation FROM kpi_member k) r
                   JOIN pg_class t ON t.oid = r.relation CROSS JOIN LATERAL members(r.relation) m) now USING (member, relation)
        LEFT JOIN pg_class c ON c.oid = coalesce(now.member, known.member)
        WHERE now.member IS NULL OR known.member IS NULL
    LOOP
        changed := changed || each.relation;
        IF NOT each.empty THEN -- of a dropped one it is not known
            uncounted := uncounted || each.relation;
        END IF;
        IF each.was_there AND each.exists THEN
            PERFORM detach_member(each.member, each.relation);
        END IF;
    END LOOP;
    PERFORM note_members(r) FROM (SELECT DISTINCT r FROM unnest(changed) r) x;
    PERFORM recount(r), refill(r) FROM (SELECT DISTINCT r FROM unnest(uncounted) r) x; -- numbers, and what other rooms made of the rows
END
$$;
COMMENT ON FUNCTION @extschema@.follow_members() IS
'Event trigger: where an adopted table got or lost a partition that has rows, or had some when it was dropped, its components '
'are counted again, and its records and stages read again.';
CREATE EVENT TRIGGER crm_count_members ON ddl_command_end
    WHEN TAG IN ('CREATE TABLE', 'ALTER TABLE', 'DROP TABLE', 'DROP SCHEMA', 'DROP OWNED')
    EXECUTE FUNCTION @extschema@.follow_members();
COMMENT ON EVENT TRIGGER crm_count_members IS 'Partitions that come or go with their rows are counted again.';

CREATE FUNCTION @extschema@.follow_rewrite() RETURNS event_trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM know_captured();
    -- 4: a column of another type. 2: new values, of a new column or, since 17, of a generated one that has another expression
    IF pg_event_trigger_table_rewrite_reason() & 4 <> 0
       OR pg_event_trigger_table_rewrite_reason() & 2 <> 0 AND EXISTS (
           SELECT FROM adoption_attribute m JOIN pg_class c ON c.oid = m.relation
           JOIN pg_proc p ON p.proname = 'map_' || m.attribute AND p.proargtypes[0] = c.reltype AND p.pronargs = 1
           JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid
           JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid AND a.attgenerated <> ''
           WHERE m.relation = adopted_root(pg_event_trigger_table_rewrite_oid()))
    THEN
        PERFORM recount(adopted_root(pg_event_trigger_table_rewrite_oid()));
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.follow_rewrite() IS
'Event trigger: where a column of a captured table gets another type, or a mapped generated one another expression, its values may be others.';
CREATE EVENT TRIGGER crm_count_rewritten ON table_rewrite EXECUTE FUNCTION @extschema@.follow_rewrite();
COMMENT ON EVENT TRIGGER crm_count_rewritten IS 'A table whose column was rewritten is counted again.';

-- A row is taken away by what it is called when it goes: a value of an enum that got another name in between would be taken from a
-- group where it never was. No lock of the table belongs to ALTER TYPE, so writers that used the old name are waited for here.
CREATE FUNCTION @extschema@.follow_label() RETURNS event_trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    named record;
BEGIN
    PERFORM know_captured();
    FOR named IN
        WITH RECURSIVE renamed (type) AS (
            SELECT c.objid FROM pg_event_trigger_ddl_commands() c WHERE c.classid = 'pg_type'::regclass AND renames_label(c.command)
            UNION
            SELECT d.oid FROM renamed r JOIN pg_type d ON d.typbasetype = r.type
        )
        SELECT DISTINCT m.relation FROM adoption_attribute m
        JOIN pg_class c ON c.oid = m.relation
        JOIN pg_proc p ON p.proname = 'map_' || m.attribute AND p.proargtypes[0] = c.reltype AND p.pronargs = 1
        WHERE p.prorettype IN (SELECT r.type FROM renamed r) AND EXISTS (SELECT FROM kpi_captured i WHERE i.relation = m.relation)
        ORDER BY 1
    LOOP
        PERFORM lock_members(named.relation, 'SHARE ROW EXCLUSIVE', '2 seconds');
        PERFORM recount(named.relation);
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.follow_label() IS
'Event trigger: where a value of an enum gets another name, the tables that map a column of it are counted again.';
CREATE EVENT TRIGGER crm_count_renamed ON ddl_command_end WHEN TAG IN ('ALTER TYPE')
    EXECUTE FUNCTION @extschema@.follow_label();
COMMENT ON EVENT TRIGGER crm_count_renamed IS 'Tables with a column of an enum whose value got another name are counted again.';

-- TRUNCATE, ATTACH, DETACH and rewrites show at once, whatever a snapshot says. Who has read pending changes by an older
-- snapshot than such a change, and the table after it, would count the change twice.
CREATE FUNCTION @extschema@.hold_storage(relation pg_catalog.regclass) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    BEGIN
        PERFORM lock_members(relation, 'ACCESS SHARE', '10 seconds');
    EXCEPTION WHEN lock_not_available THEN
        RAISE EXCEPTION 'table % is locked by another transaction', relation
            USING ERRCODE = 'serialization_failure', HINT = 'Try again.';
    END;
    IF EXISTS (
        WITH snapshot (oid, storage) AS (
            SELECT c.oid, c.relfilenode FROM members_then(relation) m JOIN pg_class c ON c.oid = m
        ), today AS (
            SELECT m::oid AS oid, coalesce(pg_relation_filenode(m), 0::oid) AS storage FROM members(relation) m
        )
        (TABLE snapshot EXCEPT TABLE today) UNION ALL (TABLE today EXCEPT TABLE snapshot))
    THEN
        RAISE EXCEPTION 'table % was truncated, rewritten or partitioned anew while it was being read', relation
            USING ERRCODE = 'serialization_failure', HINT = 'Try again: CALL @extschema@.backfill(table).';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.hold_storage(pg_catalog.regclass) IS
'Keeps TRUNCATE and the like away until the transaction ends, and raises 40001 where one has come after the snapshot.';
SELECT @extschema@.set_audience('hold_storage(regclass)', 'admin');
