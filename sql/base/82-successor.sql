-- An adopted name stays adopted: swap loads make a table anew, fill it, and give it the old one's name.

CREATE TABLE @extschema@.adoption_left (
    name text PRIMARY KEY,
    entity text NOT NULL,
    department text,
    columns jsonb NOT NULL,
    zone text NOT NULL,
    funnel text,
    fallback_unit text,
    row_triggers boolean NOT NULL,
    owner name NOT NULL,
    adopted_by name NOT NULL,
    first_name text NOT NULL,
    left_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE @extschema@.adoption_left IS
'Adopted tables that were dropped or replaced, by name: the next table of that name is adopted in the same way, or refused, until '
'forget_adoption(name). One that was renamed is there by both names, of which first_name is the first.';
SELECT pg_catalog.pg_extension_config_dump('@extschema@.adoption_left', '');

-- What was typed, as it can be typed again.
CREATE FUNCTION @extschema@.typed_columns(relation pg_catalog.regclass) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT coalesce(jsonb_object_agg(t.attribute, CASE
               WHEN table_name(t.reference) IS NOT NULL THEN jsonb_build_object('column', t.expression, 'of', table_name(t.reference))
               WHEN t.attribute = 'stage' AND t.expression LIKE '{%' THEN t.expression::jsonb -- a column for each stage
               ELSE to_jsonb(t.expression) END), '{}')
    FROM adoption_attribute t WHERE t.relation = typed_columns.relation
$$;
COMMENT ON FUNCTION @extschema@.typed_columns(pg_catalog.regclass) IS 'The mapping of an adopted table, as adopt takes it.';
SELECT @extschema@.set_audience('typed_columns(regclass)', 'internal');

CREATE FUNCTION @extschema@.leave_adoption(relation pg_catalog.regclass, names text[]) RETURNS void
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    INSERT INTO adoption_left AS l (name, entity, department, columns, zone, funnel, fallback_unit, row_triggers, owner, adopted_by, first_name)
    SELECT DISTINCT ON (n) n, a.entity, a.department, typed_columns(a.relation), a.zone, a.funnel, a.fallback_unit, a.row_triggers, a.owner, a.adopted_by, a.name
    FROM adoption a, unnest(names) n
    WHERE a.relation = leave_adoption.relation AND NOT EXISTS (SELECT FROM adoption o WHERE o.relation = to_regclass(n) AND o.relation <> a.relation)
    ON CONFLICT (name) DO UPDATE
    SET entity = excluded.entity, department = excluded.department, columns = excluded.columns, zone = excluded.zone, funnel = excluded.funnel,
        fallback_unit = excluded.fallback_unit, row_triggers = excluded.row_triggers, owner = excluded.owner, adopted_by = excluded.adopted_by,
        first_name = excluded.first_name, left_at = now()
$$;
COMMENT ON FUNCTION @extschema@.leave_adoption(pg_catalog.regclass, text[]) IS
'For an adopted table that is dropped or replaced: notes how it was adopted, for whichever takes one of its names.';
SELECT @extschema@.set_audience('leave_adoption(regclass, text[])', 'internal');

CREATE FUNCTION @extschema@.forget_adoption(name text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    DELETE FROM adoption_left l WHERE forget_adoption.name IN (l.name, l.first_name);
    IF NOT FOUND THEN
        UPDATE adoption a SET name = table_name(a.relation)
        WHERE a.name = forget_adoption.name AND a.name <> table_name(a.relation);
    END IF;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no adoption is kept for the name "%"', coalesce(name, '')
            USING ERRCODE = 'RM004', HINT = 'Write the name with its schema, as public.deals; the view status has those that are kept.';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.forget_adoption(text) IS
'Lets another table have the name of an adopted one that was dropped, or renamed, without being adopted in its place. RM004 where nothing '
'is kept. Example: SELECT forget_adoption(''public.deals'');';
SELECT @extschema@.set_audience('forget_adoption(text)', 'admin');

CREATE FUNCTION @extschema@.adopt_successor(kept @extschema@.adoption_left, relation pg_catalog.regclass) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    new_owner name := (SELECT pg_get_userbyid(c.relowner) FROM pg_class c WHERE c.oid = relation);
BEGIN
    BEGIN
        IF new_owner <> kept.owner THEN
            RAISE EXCEPTION 'it belongs to %, and the one before it to %', new_owner, kept.owner;
        END IF;
        DELETE FROM adoption_left l WHERE l.first_name = kept.first_name;
        PERFORM adopt(relation, kept.entity, kept.department, kept.columns, kept.zone, kept.funnel, kept.fallback_unit, kept.row_triggers);
        UPDATE adoption a SET adopted_by = kept.adopted_by WHERE a.relation = adopt_successor.relation;
    EXCEPTION WHEN OTHERS THEN
        RAISE EXCEPTION '% takes the name of an adopted table, and cannot be adopted as that was', relation
            USING ERRCODE = 'RM003', DETAIL = format('%s.', SQLERRM),
                  HINT = format('Type SELECT @extschema@.forget_adoption(%L); where it is not to be adopted, and adopt it anew where it is.', kept.name);
    END;
    RAISE NOTICE '% is adopted, as the table was whose name it took', relation
        USING DETAIL = 'Its rows are read by backfill or crmd; until then numbers of it are unknown.';
END
$$;
COMMENT ON FUNCTION @extschema@.adopt_successor(@extschema@.adoption_left, pg_catalog.regclass) IS
'For the event trigger: adopts a table that took the name of an adopted one in the same way, in the same transaction, or refuses the command '
'with RM003.';
SELECT @extschema@.set_audience('adopt_successor(adoption_left, regclass)', 'internal');

-- A table took the name of one that is adopted and lives on under another. Where this transaction renamed both, one replaces the
-- other; otherwise nobody knows.
CREATE FUNCTION @extschema@.replace_adopted(altered pg_catalog.regclass[]) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    each record;
    hook room_hook;
BEGIN
    FOR each IN SELECT n AS relation, a AS adopted FROM unnest(altered) n JOIN pg_class c ON c.oid = n JOIN adoption a ON a.name = table_name(n)
                WHERE a.relation <> n AND c.relpersistence <> 't' AND NOT EXISTS (SELECT FROM adoption o WHERE o.relation = n) LOOP
        IF EXISTS (SELECT FROM pg_locks l WHERE l.locktype = 'relation' AND l.relation = (each.adopted).relation AND l.pid = pg_backend_pid()
                   AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()) AND l.mode = 'AccessExclusiveLock' AND l.granted) THEN
            PERFORM leave_adoption((each.adopted).relation, ARRAY[(each.adopted).name]);
            PERFORM forget((each.adopted).relation);
            FOR hook IN SELECT * FROM room_hook h WHERE h.leave IS NOT NULL ORDER BY h."position" LOOP
                EXECUTE format('SELECT @extschema@.%I($1, $2)', hook.leave) USING (each.adopted).relation::oid, (each.adopted).name;
            END LOOP;
        ELSE
            RAISE WARNING '% is not adopted: the adopted table of that name is % now', each.relation, (each.adopted).relation
                USING HINT = format('Drop %1$s, and the other one is adopted in its place; or type SELECT @extschema@.forget_adoption(%2$L); where both are to stay as they are.',
                                    (each.adopted).relation, (each.adopted).name);
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.replace_adopted(pg_catalog.regclass[]) IS
'For the event trigger: tables took the names of adopted ones. Renamed in the same transaction, the adopted table is left for the other; else a '
'warning says what to do.';
SELECT @extschema@.set_audience('replace_adopted(regclass[])', 'internal');

CREATE FUNCTION @extschema@.follow_adopted_names() RETURNS event_trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    altered regclass[];
    kept adoption_left;
BEGIN
    IF NOT EXISTS (SELECT FROM adoption UNION ALL SELECT FROM adoption_left) THEN
        RETURN;
    END IF;
    altered := ARRAY(SELECT c.objid FROM pg_event_trigger_ddl_commands() c
                     WHERE c.classid = 'pg_class'::regclass AND c.object_type IN ('table', 'foreign table', 'view', 'materialized view')
                     UNION
                     SELECT r.oid FROM pg_event_trigger_ddl_commands() c JOIN pg_class r ON r.relnamespace = c.objid
                     WHERE c.classid = 'pg_namespace'::regclass AND r.relkind IN ('r', 'p', 'f', 'v', 'm'));
    UPDATE adoption a SET owner = pg_get_userbyid(c.relowner)
    FROM pg_class c WHERE c.oid = a.relation AND a.relation = ANY (altered) AND a.owner <> pg_get_userbyid(c.relowner);
    PERFORM replace_adopted(altered);
    FOR kept IN SELECT l.* FROM adoption_left l JOIN pg_class c ON c.oid = to_regclass(l.name)
                WHERE (c.oid = ANY (altered) OR TG_TAG LIKE 'DROP%') AND NOT EXISTS (SELECT FROM adoption a WHERE a.relation = c.oid)
                ORDER BY l.name <> l.first_name, l.name LOOP
        CONTINUE WHEN NOT EXISTS (SELECT FROM adoption_left l WHERE l.name = kept.name); -- another took its place
        PERFORM adopt_successor(kept, to_regclass(kept.name));
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.follow_adopted_names() IS
'Event trigger: a table that takes over the name of an adopted one is adopted as that was, or the command is refused.';
CREATE EVENT TRIGGER crm_follow_adopted_names ON ddl_command_end
    WHEN TAG IN ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'ALTER TABLE', 'CREATE SCHEMA', 'ALTER SCHEMA', 'CREATE FOREIGN TABLE', 'IMPORT FOREIGN SCHEMA',
                 'CREATE VIEW', 'ALTER VIEW', 'CREATE MATERIALIZED VIEW', 'ALTER MATERIALIZED VIEW', 'DROP TABLE', 'DROP SCHEMA', 'DROP OWNED')
    EXECUTE FUNCTION @extschema@.follow_adopted_names();
COMMENT ON EVENT TRIGGER crm_follow_adopted_names IS 'Tables that take the name of an adopted one are adopted.';

CREATE FUNCTION @extschema@.status_adoption_left() RETURNS SETOF @extschema@.status_row
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 2 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT 'base', format('adoption of %s', l.name), 'waiting', NULL::bigint, l.left_at,
           'The table was dropped; the next of that name is adopted as it was.', format('SELECT @extschema@.forget_adoption(%L); if there will be none.', l.name)
    FROM adoption_left l WHERE l.name = l.first_name
    UNION ALL
    SELECT 'base', format('adoption of %s', a.name), 'warning', NULL, NULL,
           format('The adopted table is %s now, and another one has its name, which is not adopted.', a.relation),
           format('Drop %s, or SELECT @extschema@.forget_adoption(%L); where both are to stay as they are.', a.relation, a.name)
    FROM adoption a WHERE to_regclass(a.name) <> a.relation
$$;
COMMENT ON FUNCTION @extschema@.status_adoption_left() IS 'For the view status: adopted names without an adopted table.';
SELECT @extschema@.set_audience('status_adoption_left()', 'admin');
INSERT INTO @extschema@.status_source (function_name, room) VALUES ('status_adoption_left', 'base');
