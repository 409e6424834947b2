-- adopt and disown: crm comes to a team's table, and goes away.

CREATE FUNCTION @extschema@.refuse_unadoptable(relation pg_catalog.regclass, row_triggers boolean) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    class pg_class;
    what text;
    instead text;
BEGIN
    SELECT * INTO class FROM pg_class c WHERE c.oid = relation;
    CASE
        WHEN class.relkind IN ('v', 'm') THEN
            what := 'a view';
            instead := 'Adopt the table that it reads.';
        WHEN class.relkind = 'f' THEN
            what := 'a foreign table';
            instead := 'Copy or replicate it into a table of this database, and adopt that.';
        WHEN class.relkind NOT IN ('r', 'p') THEN
            what := 'not a table';
            instead := 'Adopt a table.';
        WHEN class.relpersistence = 't' THEN
            what := 'a temporary table';
            instead := 'Only this session can see it: adopt a permanent table.';
        WHEN class.relpersistence = 'u' THEN
            what := 'an unlogged table';
            instead := 'It is empty after a crash while the numbers are not: type ALTER TABLE ... SET LOGGED first.';
        WHEN class.relispartition THEN
            what := 'a partition';
            instead := format('Adopt the partitioned table %s.', pg_partition_root(relation));
        WHEN class.relkind = 'r' AND EXISTS (SELECT FROM pg_inherits i WHERE relation IN (i.inhparent, i.inhrelid)) THEN
            what := 'part of plain table inheritance';
            instead := 'Writes to a child fire no trigger of the parent: use partitions, or NO INHERIT.';
        WHEN NOT row_triggers AND EXISTS (SELECT FROM pg_subscription_rel s JOIN members(relation) m ON s.srrelid = m) THEN
            what := 'filled by a subscription, whose writes fire no statement trigger';
            instead := 'Say row_triggers => true: then each row is captured as it is applied.';
        WHEN EXISTS (SELECT FROM members(relation) m JOIN pg_class c ON c.oid = m WHERE c.relpersistence = 'u') THEN
            what := 'a table with an unlogged partition';
            instead := 'That is empty after a crash while the numbers are not: type ALTER TABLE ... SET LOGGED first.';
        WHEN class.relnamespace IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
             OR EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = relation
                                                  AND d.deptype = 'e') THEN
            what := 'part of the system or of an extension';
            instead := 'Adopt a table of your own.';
        ELSE
            RETURN;
    END CASE;
    RAISE EXCEPTION 'cannot adopt %: it is %', relation, what USING ERRCODE = 'RM003', HINT = instead;
END
$$;
COMMENT ON FUNCTION @extschema@.refuse_unadoptable(pg_catalog.regclass, boolean) IS
'Raises RM003 for what cannot be adopted, with what to do instead.';

-- A writer may hold one partition and want another: whoever waits while he holds a lock makes a deadlock of it, and the
-- server may end the writer. So: wait for one, holding none; ask for the rest; where one is not free, let go and start anew.
-- LOCK TABLE takes names, and by the time that it has its lock another table may have the name.
CREATE FUNCTION @extschema@.lock_tables(tables pg_catalog.regclass[], mode text, lock_timeout interval) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    old_timeout text := current_setting('lock_timeout');
    deadline timestamptz := clock_timestamp() + lock_timeout;
    wanted regclass[] := ARRAY(SELECT DISTINCT t FROM unnest(tables) t ORDER BY t);
    patience bigint;
    gone regclass;
    name text;
BEGIN
    IF mode IS NULL OR array_position(wanted, NULL) IS NOT NULL OR cardinality(wanted) = 0 THEN
        RAISE EXCEPTION 'no table or no mode to lock it in' USING ERRCODE = 'RM005', HINT = 'Name a table that exists.';
    END IF;
    LOOP
        SELECT t INTO gone FROM unnest(wanted) t WHERE pg_table_is_visible(t) IS NULL LIMIT 1; -- as of now: a partition may be younger than the snapshot
        IF FOUND THEN
            RAISE EXCEPTION 'table % does not exist any more', coalesce(name, gone::text)
                USING ERRCODE = 'undefined_table', DETAIL = 'Another transaction has dropped it; nothing was changed.';
        END IF;
        patience := ceil(extract(epoch FROM deadline - clock_timestamp()) * 1000);
        EXIT WHEN patience <= 0;
        BEGIN
            name := wanted[1];
            PERFORM set_config('lock_timeout', patience::text, true);
            EXECUTE format('LOCK TABLE ONLY %s IN %s MODE', name, mode);
            PERFORM set_config('lock_timeout', old_timeout, true);
            IF to_regclass(name) IS DISTINCT FROM wanted[1] THEN
                RAISE lock_not_available;
            END IF;
            FOR n IN 2 .. cardinality(wanted) LOOP
                name := wanted[n];
                EXECUTE format('LOCK TABLE ONLY %s IN %s MODE NOWAIT', name, mode);
                IF to_regclass(name) IS DISTINCT FROM wanted[n] THEN
                    RAISE lock_not_available;
                END IF;
            END LOOP;
            RETURN;
        EXCEPTION WHEN lock_not_available OR undefined_table THEN
            NULL; -- what was locked is free again
        END;
        wanted := wanted[2:] || wanted[1]; -- next time wait for another one
        PERFORM pg_sleep(0.01);
    END LOOP;
    RAISE EXCEPTION 'could not lock table % within %', tables[1], lock_timeout
        USING ERRCODE = 'lock_not_available',
              DETAIL = 'Another transaction holds it; nothing was changed.',
              HINT = 'Try again, or give a longer lock_timeout.';
END
$$;
COMMENT ON FUNCTION @extschema@.lock_tables(pg_catalog.regclass[], text, interval) IS
'Locks tables, all or none, without ever waiting while it holds one of them; raises 55P03 with a hint after lock_timeout, '
'42P01 where one is dropped meanwhile. One that is renamed meanwhile is locked by its new name.';
SELECT @extschema@.set_audience('lock_tables(regclass[], text, interval)', 'admin');

-- Whoever asks for the partitions of a table locks them (ACCESS SHARE), and not the table: held first, nobody who has the table waits for them.
CREATE FUNCTION @extschema@.lock_members(relation pg_catalog.regclass, mode text, lock_timeout interval) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_class c WHERE c.oid = relation AND c.relkind = 'p') THEN
        PERFORM lock_tables(ARRAY[relation], 'ACCESS SHARE', lock_timeout);
    END IF;
    PERFORM lock_tables(relation || ARRAY(SELECT m FROM members(relation) m), mode, lock_timeout);
END
$$;
COMMENT ON FUNCTION @extschema@.lock_members(pg_catalog.regclass, text, interval) IS
'lock_tables for a table and its partitions.';
SELECT @extschema@.set_audience('lock_members(regclass, text, interval)', 'admin');

CREATE FUNCTION @extschema@.hold_table(relation pg_catalog.regclass) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_hold_table' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.hold_table(pg_catalog.regclass) IS
'Locks a table ACCESS SHARE, as a reader does, until the transaction ends, whatever its name is by then; false where it is gone.';
SELECT @extschema@.set_audience('hold_table(regclass)', 'internal');

CREATE FUNCTION @extschema@.hold_adopted(relation pg_catalog.regclass) RETURNS boolean
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF NOT hold_table(relation) THEN
        RETURN false;
    ELSIF to_regprocedure(mapping_function(relation, 'id')) IS NULL THEN
        RAISE EXCEPTION 'table % was replaced, or disowned, while it was waited for', relation
            USING ERRCODE = 'serialization_failure', HINT = 'Read again.';
    END IF;
    RETURN true;
END
$$;
COMMENT ON FUNCTION @extschema@.hold_adopted(pg_catalog.regclass) IS
'hold_table for an adopted table that is going to be read by its mappings; raises 40001 where they went away meanwhile.';
SELECT @extschema@.set_audience('hold_adopted(regclass)', 'internal');

CREATE FUNCTION @extschema@.refuse_adopted(relation pg_catalog.regclass) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'table % is adopted already', relation
        USING ERRCODE = 'RM003', HINT = format('To change the mapping, type SELECT @extschema@.disown(%L) first.', relation::text);
END
$$;
COMMENT ON FUNCTION @extschema@.refuse_adopted(pg_catalog.regclass) IS 'Raises RM003: a table is adopted once.';
SELECT @extschema@.set_audience('refuse_adopted(regclass)', 'internal');

-- One entity's table, checked from all sides. Nothing is locked or written here.
CREATE FUNCTION @extschema@.check_adoption(relation pg_catalog.regclass, entity text, zone text, columns jsonb,
                                           row_triggers boolean)
    RETURNS SETOF @extschema@.checked_attribute
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF relation IS NULL THEN
        RAISE EXCEPTION 'no table is given' USING ERRCODE = 'RM005', HINT = 'Type SELECT * FROM @extschema@.adopt(''public.deals'', ...).';
    END IF;
    PERFORM require_owner(relation);
    PERFORM refuse_unadoptable(relation, row_triggers);
    IF NOT EXISTS (SELECT FROM entity e WHERE e.entity = check_adoption.entity) THEN
        PERFORM raise_unknown('entity', coalesce(entity, ''), ARRAY(SELECT e.entity FROM entity e));
    END IF;
    IF EXISTS (SELECT FROM adoption a WHERE a.relation = check_adoption.relation) THEN
        PERFORM refuse_adopted(relation);
    END IF;
    PERFORM require_zone(zone);
    RETURN QUERY SELECT * FROM check_columns(relation, entity, zone, columns);
END
$$;
COMMENT ON FUNCTION @extschema@.check_adoption(pg_catalog.regclass, text, text, jsonb, boolean) IS
'All checks of adopt; returns the checked mapping.';
SELECT @extschema@.set_audience('check_adoption(regclass, text, text, jsonb, boolean)', 'admin');

CREATE FUNCTION @extschema@.milliseconds_since(since timestamptz) RETURNS numeric
    LANGUAGE sql VOLATILE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    RETURN pg_catalog.round(extract(epoch FROM pg_catalog.clock_timestamp() - since) * 1000, 1);
COMMENT ON FUNCTION @extschema@.milliseconds_since(timestamptz) IS 'Milliseconds of the clock since an instant.';

CREATE FUNCTION @extschema@.make_row_function(relation pg_catalog.regclass, name text, type text, expression text) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    signature CONSTANT text := format('@extschema@.%I(%s)', name, relation);
BEGIN
    -- those of adopted tables are not dropped
    EXECUTE format('CREATE %s FUNCTION @extschema@.%I(r %s) RETURNS %s LANGUAGE sql IMMUTABLE PARALLEL SAFE BEGIN ATOMIC SELECT %s; END',
                   CASE WHEN to_regprocedure(signature) IS NOT NULL THEN 'OR REPLACE' END, name, relation, type, expression);
    EXECUTE format('ALTER FUNCTION %s DEPENDS ON EXTENSION crm', signature);
    PERFORM depend_on_table(signature::regprocedure, relation);
    RETURN signature;
END
$$;
COMMENT ON FUNCTION @extschema@.make_row_function(pg_catalog.regclass, text, text, text) IS
'Makes, anew where it is there, an immutable function over the rows r of an adopted table, which goes with the table; returns the signature.';
SELECT @extschema@.set_audience('make_row_function(regclass, text, text, text)', 'internal');

CREATE FUNCTION @extschema@.create_mapping(relation pg_catalog.regclass, checked @extschema@.checked_attribute) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    INSERT INTO adoption_attribute VALUES (relation, checked.attribute, checked.mapping, checked.reference);
    RETURN make_row_function(relation, 'map_' || checked.attribute, checked.type::text, checked.expression);
END
$$;
COMMENT ON FUNCTION @extschema@.create_mapping(pg_catalog.regclass, @extschema@.checked_attribute) IS
'Notes one mapped attribute and makes its function map_ATTRIBUTE(row); returns the signature.';
SELECT @extschema@.set_audience('create_mapping(regclass, checked_attribute)', 'admin');

CREATE FUNCTION @extschema@.adopt(relation pg_catalog.regclass, entity text, department text DEFAULT NULL,
                                  columns jsonb DEFAULT '{}', zone text DEFAULT NULL, funnel text DEFAULT NULL,
                                  fallback_unit text DEFAULT NULL, row_triggers boolean DEFAULT false,
                                  lock_timeout interval DEFAULT '2 seconds',
                                  OUT room text, OUT object text, OUT lock text, OUT held_ms numeric, OUT detail text)
    RETURNS SETOF record
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    hook room_hook;
    mapping checked_attribute[];
    checked checked_attribute;
    attached attachment;
    locked_at timestamptz;
BEGIN
    zone := coalesce(zone, default_zone());
    IF relation IS NOT NULL THEN -- what checks it waits for DDL that is open, and no longer than it was told to
        PERFORM require_owner(relation);
        PERFORM refuse_unadoptable(relation, row_triggers);
        PERFORM lock_tables(ARRAY[relation], 'ACCESS SHARE', lock_timeout);
    END IF;
    mapping := ARRAY(SELECT c FROM check_adoption(relation, entity, zone, columns, row_triggers) c ORDER BY c.attribute);

    PERFORM lock_members(relation, 'SHARE ROW EXCLUSIVE', lock_timeout);
    locked_at := clock_timestamp();
    lock := 'SHARE ROW EXCLUSIVE';
    INSERT INTO adoption (relation, entity, department, zone, funnel, fallback_unit, row_triggers, adopted_by, name, owner)
    SELECT relation, entity, department, zone, funnel, fallback_unit, row_triggers, caller()::text::name, table_name(relation), pg_get_userbyid(c.relowner)
    FROM pg_class c WHERE c.oid = relation
    ON CONFLICT ON CONSTRAINT adoption_pkey DO NOTHING;
    IF NOT FOUND THEN -- somebody else was first
        PERFORM refuse_adopted(relation);
    END IF;
    room := 'base';
    FOREACH checked IN ARRAY mapping LOOP
        object := create_mapping(relation, checked);
        detail := checked.expression;
        held_ms := milliseconds_since(locked_at);
        RETURN NEXT;
    END LOOP;
    FOR hook IN SELECT * FROM room_hook h ORDER BY h."position" LOOP
        FOR attached IN EXECUTE format('SELECT * FROM @extschema@.%I($1)', hook.attach) USING relation LOOP
            room := attached.room;
            object := attached.object;
            lock := attached.lock;
            detail := attached.detail;
            held_ms := milliseconds_since(locked_at);
            RETURN NEXT;
            IF hook.backfill IS NOT NULL THEN
                INSERT INTO filling (relation, room) VALUES (relation, hook.room) ON CONFLICT DO NOTHING;
            END IF;
        END LOOP;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.adopt(pg_catalog.regclass, text, text, jsonb, text, text, text, boolean, interval) IS
'Tells crm what a table of yours means; the table stays as it is. entity: one of crm.entity. department: the unit that keeps '
'it. columns: JSON from standard attribute (crm.entity_attribute) to a column, an array of columns (composite id), an '
'immutable expression over columns of the row, or {"column": ..., "of": table} for a reference without a foreign key; id is '
'the primary key by default. zone: in which dates and timestamps without zone are read. funnel: which one its stages feed. '
'fallback_unit: the unit of rows that name none. row_triggers: triggers for each row that always fire, for tables that a subscription fills '
'(slower). lock_timeout: how long to wait for the lock, which stops writers for '
'milliseconds and no readers. Returns a row for each thing done, with the lock and for how long it was held by then. Only the '
'owner of the table may, who was given it by grant_admin; everything is checked before anything is locked. Rows that are there already are read afterwards, '
'by CALL crm.backfill(table) or crmd. Errors: RM001 unknown name, RM002 a mapping that cannot work, RM003 what cannot be '
'adopted, 42501 not the owner, 55P03 lock not available. '
'Example: SELECT * FROM crm.adopt(''public.deals'', ''opportunity'', department => ''sales'', '
'columns => ''{"customer": "account_id", "amount": "value", "stage": "status"}'');';

-- Whoever adopts a table adds to everybody's numbers: owning one is not enough.
SELECT @extschema@.set_audience('adopt(regclass, text, text, jsonb, text, text, text, boolean, interval)', 'admin');

CREATE FUNCTION @extschema@.preview_adopt(relation pg_catalog.regclass, entity text, columns jsonb DEFAULT '{}',
                                          zone text DEFAULT NULL, row_triggers boolean DEFAULT false)
    RETURNS TABLE (attribute text, mapping text, expression text, type text, reference text)
    LANGUAGE sql STABLE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT c.attribute, c.mapping, c.expression, c.type::text, c.reference::text
    FROM check_adoption(relation, entity, coalesce(zone, default_zone()), columns, row_triggers) c
    ORDER BY 1
$$;
COMMENT ON FUNCTION @extschema@.preview_adopt(pg_catalog.regclass, text, jsonb, text, boolean) IS
'All that adopt would check, and the mapping that it would make; nothing is locked or changed. Errors as adopt.';

-- What disown does, without asking who calls: also run where a table was dropped.
CREATE FUNCTION @extschema@.forget(relation pg_catalog.regclass) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    hook room_hook;
    mapped regprocedure;
BEGIN
    FOR hook IN SELECT * FROM room_hook h ORDER BY h."position" DESC LOOP
        EXECUTE format('SELECT @extschema@.%I($1)', hook.detach) USING relation;
    END LOOP;
    DELETE FROM adoption a WHERE a.relation = forget.relation; -- first: mappings of adopted tables are not dropped
    FOR mapped IN SELECT p.oid FROM pg_proc p JOIN pg_class c ON c.reltype = p.proargtypes[0]
                  WHERE c.oid = relation AND p.pronargs = 1 AND p.proname LIKE 'map\_%'
                    AND p.pronamespace = '@extschema@'::regnamespace
    LOOP
        EXECUTE format('DROP FUNCTION %s', mapped);
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.forget(pg_catalog.regclass) IS 'Detaches all rooms from a table and forgets its adoption.';
SELECT @extschema@.set_audience('forget(regclass)', 'admin');

CREATE FUNCTION @extschema@.disown(relation pg_catalog.regclass, lock_timeout interval DEFAULT '2 seconds') RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM require_owner(relation);
    PERFORM require_adopted(relation);
    PERFORM lock_members(relation, 'ACCESS EXCLUSIVE', lock_timeout);
    PERFORM require_adopted(relation); -- still
    PERFORM forget(relation);
END
$$;
COMMENT ON FUNCTION @extschema@.disown(pg_catalog.regclass, interval) IS
'Leaves an adopted table as it was before: triggers, mappings and policies of crm go, and what crm derived from the table '
'goes too; no row of the table is touched. Only its owner may. Errors: RM004 not adopted, 42501 not the owner, 55P03 lock not '
'available within lock_timeout.';

CREATE FUNCTION @extschema@.held_tables() RETURNS SETOF pg_catalog.regclass
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 20
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    holds text;
BEGIN
    RETURN QUERY SELECT a.relation FROM adoption a;
    FOR holds IN SELECT h.holds FROM room_hook h WHERE h.holds IS NOT NULL ORDER BY h."position" LOOP
        RETURN QUERY EXECUTE format('SELECT t FROM @extschema@.%I() t WHERE NOT EXISTS '
                                    '(SELECT FROM @extschema@.adoption a WHERE a.relation = t)', holds);
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.held_tables() IS
'Every table on which crm stands: adopted, or changed by a room without adoption (protected).';
SELECT @extschema@.set_audience('held_tables()', 'admin');

CREATE FUNCTION @extschema@.disown_all(lock_timeout interval DEFAULT '2 seconds') RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    held regclass;
    count bigint := 0;
BEGIN
    FOR held IN SELECT DISTINCT t FROM held_tables() t ORDER BY t LOOP
        PERFORM require_owner(held);
        PERFORM lock_members(held, 'ACCESS EXCLUSIVE', lock_timeout);
        CONTINUE WHEN NOT EXISTS (SELECT FROM held_tables() t WHERE t = held); -- any more
        PERFORM forget(held);
        count := count + 1;
    END LOOP;
    RETURN count;
END
$$;
COMMENT ON FUNCTION @extschema@.disown_all(interval) IS
'Leaves every table as it was before crm: disown for each that is adopted, unprotect for each that is only protected; returns '
'how many there were. All or nothing: the caller must own each of them.';
