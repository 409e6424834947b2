-- Reading the rows that an adopted table had, after adoption, beside its writers.

CREATE FUNCTION @extschema@.require_triggers(relation pg_catalog.regclass) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    off record;
BEGIN
    SELECT t.tgname, t.tgrelid::regclass AS member INTO off
    FROM attached_trigger a, members(a.relation) m, unnest(a.events) e, pg_trigger t
    WHERE a.relation = require_triggers.relation AND t.tgrelid = m AND t.tgname = trigger_name(a.room, e) AND t.tgenabled = 'D' LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'trigger % of % is disabled: what changes there is not seen', off.tgname, off.member
            USING ERRCODE = 'RM006', HINT = format('ALTER TABLE %s ENABLE TRIGGER ALL;', off.member);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.require_triggers(pg_catalog.regclass) IS
'Raises RM006 where a trigger of crm is disabled on an adopted table: what backfill reads would not stay true.';
SELECT @extschema@.set_audience('require_triggers(regclass)', 'admin');

CREATE FUNCTION @extschema@.backfill_room(relation pg_catalog.regclass, room text) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    backfill text;
    count bigint;
BEGIN
    IF NOT is_audience('daemon') THEN
        PERFORM require_owner(relation);
    END IF;
    IF current_setting('transaction_isolation') <> 'repeatable read' THEN
        RAISE EXCEPTION 'backfill_room needs one snapshot'
            USING ERRCODE = 'RM005', HINT = 'Type CALL @extschema@.backfill(table), or BEGIN ISOLATION LEVEL REPEATABLE READ first.';
    END IF;
    PERFORM FROM filling f WHERE f.relation = backfill_room.relation AND f.room = backfill_room.room AND f.state <> 'ready'
    FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN -- somebody else is at it, or it is done
        RETURN 0;
    END IF;
    SELECT h.backfill INTO backfill FROM room_hook h WHERE h.room = backfill_room.room;
    BEGIN
        PERFORM require_triggers(relation);
        EXECUTE format('SELECT @extschema@.%I($1)', backfill) USING relation INTO count;
        UPDATE filling f SET state = 'ready', rows = count, error = NULL, started_at = now(), finished_at = clock_timestamp()
        WHERE f.relation = backfill_room.relation AND f.room = backfill_room.room;
    EXCEPTION WHEN serialization_failure OR deadlock_detected OR query_canceled OR lock_not_available OR insufficient_resources THEN
        RAISE; -- it has nothing to do with the table: whoever called tries again
    WHEN OTHERS THEN
        UPDATE filling f SET state = 'failed', error = format('%s (%s)', sqlerrm, sqlstate), started_at = now(),
                             finished_at = clock_timestamp()
        WHERE f.relation = backfill_room.relation AND f.room = backfill_room.room;
        RETURN NULL;
    END;
    RETURN count;
END
$$;
COMMENT ON FUNCTION @extschema@.backfill_room(pg_catalog.regclass, text) IS
'One room reads the rows of an adopted table, in the caller''s REPEATABLE READ transaction; returns how many, 0 where there is '
'nothing to do, NULL where it failed (filling.error says why). What has nothing to do with the table is raised, and it stays to be read: 40001, 40P01, 55P03, 57014, and '
'class 53 (disk full, out of memory). For the owner of the table and for crmd.';

CREATE FUNCTION @extschema@.filling_next(OUT relation pg_catalog.regclass, OUT room text) RETURNS SETOF record
    LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT f.relation, f.room FROM filling f JOIN room_hook h ON h.room = f.room
    WHERE f.state = 'filling' ORDER BY h."position", f.relation::oid
$$;
COMMENT ON FUNCTION @extschema@.filling_next() IS
'What waits to be read by backfill_room, in the order in which rooms need each other. What failed is not tried again by itself.';
SELECT @extschema@.set_audience('filling_next()', 'daemon');

CREATE FUNCTION @extschema@.filling_of(relation pg_catalog.regclass) RETURNS TABLE (room text, state text, error text)
    LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT f.room, f.state, CASE WHEN pg_has_role(caller()::oid, c.relowner, 'USAGE') OR is_audience('daemon') THEN f.error END
    FROM filling f JOIN room_hook h ON h.room = f.room JOIN pg_class c ON c.oid = f.relation
    WHERE f.relation = filling_of.relation ORDER BY h."position"
$$;
COMMENT ON FUNCTION @extschema@.filling_of(pg_catalog.regclass) IS
'What each room has still to read of an adopted table. error, which may quote rows, is for the owner and crmd.';

-- No SET clause: a procedure that commits may not have one.
CREATE PROCEDURE @extschema@.backfill(relation pg_catalog.regclass)
    LANGUAGE plpgsql AS $$
DECLARE
    each pg_catalog.record;
    count bigint;
    reason pg_catalog.text;
BEGIN
    PERFORM @extschema@.require_adopted(relation);
    FOR each IN SELECT f.room FROM @extschema@.filling_of(relation) f WHERE f.state OPERATOR(pg_catalog.<>) 'ready' LOOP
        COMMIT;
        SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;
        count := @extschema@.backfill_room(relation, each.room);
        IF count IS NULL THEN
            COMMIT;
            SELECT f.error INTO reason FROM @extschema@.filling_of(relation) f
            WHERE f.room OPERATOR(pg_catalog.=) each.room;
            RAISE EXCEPTION 'room % could not read table %', each.room, relation
                USING ERRCODE = 'RM006', DETAIL = reason, HINT = 'Mend the cause and call backfill again.';
        END IF;
        RAISE NOTICE '%: % rows of %', each.room, count, relation;
    END LOOP;
    COMMIT;
END
$$;
COMMENT ON PROCEDURE @extschema@.backfill(pg_catalog.regclass) IS
'Reads the rows that an adopted table had, room by room, each in a transaction of its own with one snapshot and no lock '
'stronger than a reader''s; writers go on. crmd does the same by itself. Must be called outside a transaction block. Errors: '
'RM004 not adopted, RM006 a room could not read the table (the detail says why; calling again tries again).';

CREATE FUNCTION @extschema@.status_filling() RETURNS SETOF @extschema@.status_row
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT f.room, 'backfill of ' || f.relation::text, CASE f.state WHEN 'ready' THEN 'ok' ELSE f.state END, f.rows,
           f.started_at, f.error,
           CASE WHEN f.state <> 'ready' THEN format('CALL @extschema@.backfill(%L);', f.relation::text) END
    FROM filling f
$$;
COMMENT ON FUNCTION @extschema@.status_filling() IS 'Rows of status: what was read of each adopted table.';
SELECT @extschema@.set_audience('status_filling()', 'admin');
INSERT INTO @extschema@.status_source (function_name, room) VALUES ('status_filling', 'base');
