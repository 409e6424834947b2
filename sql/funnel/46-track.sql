-- track: a table's stages feed a funnel from now on.

-- The stages of a funnel that keys of a stage table mean become aliases, so that a foreign key can be read as a stage.
CREATE FUNCTION @extschema@.learn_stage_keys(relation pg_catalog.regclass, funnel text) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    stages regclass := (SELECT a.reference FROM adoption_attribute a
                        WHERE a.relation = learn_stage_keys.relation AND a.attribute = 'stage');
    key text;
    names text;
    learned bigint := 0;
    each record;
BEGIN
    IF stages IS NULL THEN
        RETURN 0;
    END IF;
    IF NOT has_table_privilege(caller()::oid, stages, 'SELECT') THEN
        RAISE EXCEPTION 'permission denied for table %', stages
            USING ERRCODE = 'insufficient_privilege', HINT = format('The stages of %s are read from it.', relation);
    END IF;
    key := primary_key_columns(stages) ->> 0;
    SELECT string_agg(format('s.%I::text', a.attname), ', ' ORDER BY a.attnum) INTO names
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
    WHERE a.attrelid = stages AND a.attnum > 0 AND NOT a.attisdropped AND t.typcategory IN ('S', 'E');
    FOR each IN
        SELECT t.key, (SELECT resolve_stage(funnel, u.n) FROM unnest(t.names) WITH ORDINALITY u (n, place)
                       WHERE resolve_stage(funnel, u.n) IS NOT NULL ORDER BY u.place LIMIT 1) AS stage
        FROM rows_as_owner(stages, format('SELECT s.%I::text, ARRAY[%s]::text[] FROM %s s', key, names, stages)) AS t (key text, names text[])
    LOOP
        IF each.stage IS NOT NULL AND resolve_stage(funnel, each.key) IS NULL THEN
            learned := learned + 1;
        END IF;
        PERFORM insert_alias(funnel, each.key, each.stage) WHERE each.stage IS NOT NULL;
    END LOOP;
    RETURN learned;
END
$$;
COMMENT ON FUNCTION @extschema@.learn_stage_keys(pg_catalog.regclass, text) IS
'Where the stage column refers to a table of stages, adds each of its keys as an alias of the stage that one of its texts '
'means; returns how many were new. RM302 where a key already means another stage of the funnel.';
SELECT @extschema@.set_audience('learn_stage_keys(regclass, text)', 'admin');

CREATE FUNCTION @extschema@.fitting_funnel(relation pg_catalog.regclass, funnel text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    adopted adoption := require_adopted(relation);
    about text := adopted.entity;
    chosen funnel;
    fitting text[];
BEGIN
    IF adopted.entity = 'stage_change' THEN
        about := (SELECT t.entity FROM adoption_attribute a JOIN adoption t ON t.relation = a.reference
                  WHERE a.relation = adopted.relation AND a.attribute = 'record');
    END IF;
    funnel := coalesce(funnel, adopted.funnel);
    IF funnel IS NOT NULL THEN
        chosen := require_funnel(funnel);
        IF chosen.subject <> 'customer' AND chosen.subject <> about THEN
            RAISE EXCEPTION 'funnel "%" is about %, and table % holds %', funnel, chosen.subject, relation, about
                USING ERRCODE = 'RM303', HINT = 'Track it in a funnel with this subject, or with subject customer.';
        END IF;
        RETURN chosen.funnel;
    END IF;
    fitting := ARRAY(SELECT f.funnel FROM funnel f WHERE f.subject = about);
    RETURN CASE WHEN cardinality(fitting) = 1 THEN fitting[1] END;
END
$$;
COMMENT ON FUNCTION @extschema@.fitting_funnel(pg_catalog.regclass, text) IS
'The funnel that a table feeds: the given one, or adopt''s, or the only one whose subject the table holds; NULL where there is '
'none. RM001 where it does not exist, RM303 where it is about something else.';

-- A record's history in a funnel comes from one place. An event log knows more than the column.
CREATE FUNCTION @extschema@.one_source(feed @extschema@.tracking) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    has_log boolean := EXISTS (SELECT FROM tracking t WHERE t.target = feed.target AND t.funnel = feed.funnel
                                                        AND t.source = 'event_log');
BEGIN
    IF (has_log AND feed.source = 'event_log') OR EXISTS (SELECT FROM tracking t WHERE t.relation = feed.relation) THEN
        RAISE EXCEPTION 'the stages of % are tracked already', feed.target
            USING ERRCODE = 'RM303', HINT = 'A record''s history in a funnel comes from one place: its column or one event log.';
    END IF;
    IF has_log THEN
        RETURN 'record';
    END IF;
    IF feed.source = 'event_log' AND EXISTS (SELECT FROM tracking t WHERE t.relation = feed.target AND t.funnel = feed.funnel) THEN
        PERFORM require_owner(feed.target);
        UPDATE tracking t SET source = 'record' WHERE t.relation = feed.target;
        DELETE FROM transition_log t WHERE t.source = feed.target;
    END IF;
    RETURN feed.source;
END
$$;
COMMENT ON FUNCTION @extschema@.one_source(@extschema@.tracking) IS
'Where the history of records comes from: an event log takes it over from the column of their table. RM303 where it comes from '
'another log already.';
SELECT @extschema@.set_audience('one_source(tracking)', 'admin');

-- A trigger for each row sees one change of a statement after the other: it must be able to tell a record that has another key, or stands in
-- another partition, from one that went and another one that came.
CREATE FUNCTION @extschema@.refuse_row_tracking(feed @extschema@.tracking) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    key smallint[] := ARRAY(SELECT d.refobjsubid::smallint FROM pg_depend d
                            WHERE d.classid = 'pg_proc'::regclass AND d.objid = to_regprocedure(mapping_function(feed.relation, 'id'))
                              AND d.refclassid = 'pg_class'::regclass AND d.refobjid = feed.relation AND d.refobjsubid > 0);
BEGIN
    IF feed.source <> 'event_log' AND (SELECT c.relkind = 'p' FROM pg_class c WHERE c.oid = feed.relation) THEN
        RAISE EXCEPTION 'the stages of % cannot be followed row by row: it is partitioned', feed.relation
            USING ERRCODE = 'feature_not_supported', DETAIL = 'A row that moves to another partition looks like one that was deleted, and its history would go.',
                  HINT = 'Leave stage out of its mapping and adopt a log of its changes as stage_change; or let the subscription fill a table without partitions.';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_index i
                   WHERE i.indrelid = feed.relation AND i.indisunique AND i.indimmediate AND i.indisvalid AND i.indpred IS NULL
                     AND i.indexprs IS NULL AND (i.indkey::smallint[])[0:i.indnkeyatts - 1] <@ key AND key <> '{}') THEN
        RAISE EXCEPTION 'the stages of % cannot be followed row by row: nothing keeps its key unique within a statement', feed.relation
            USING ERRCODE = 'feature_not_supported', DETAIL = 'Rows that exchange their keys would exchange their histories, or lose them.',
                  HINT = 'Give the columns of "id" a primary key or a unique index that is not deferrable.';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.refuse_row_tracking(@extschema@.tracking) IS
'Raises 0A000 where triggers for each row could not follow the stages of a table: one with partitions that is no event log, one whose '
'key is not unique at each moment.';
SELECT @extschema@.set_audience('refuse_row_tracking(tracking)', 'admin');

CREATE FUNCTION @extschema@.begin_tracking(relation pg_catalog.regclass, funnel text) RETURNS @extschema@.tracking
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    adopted adoption := require_adopted(relation);
    feed tracking;
    missing text;
BEGIN
    feed.relation := relation;
    feed.funnel := funnel;
    feed.tracked_at := now();
    feed.source := CASE WHEN adopted.entity = 'stage_change' THEN 'event_log'
                        WHEN stage_dates(relation) IS NOT NULL THEN 'dates' ELSE 'column' END;
    feed.target := CASE WHEN feed.source = 'event_log'
                        THEN coalesce((SELECT a.reference FROM adoption_attribute a
                                       WHERE a.relation = adopted.relation AND a.attribute = 'record'), relation)
                        ELSE relation END;
    SELECT string_agg(w, ', ' ORDER BY n) INTO missing
    FROM unnest(CASE feed.source WHEN 'event_log' THEN '{record,stage,at}'::text[] ELSE '{stage}' END) WITH ORDINALITY u (w, n)
    WHERE NOT has_attribute(relation, w);
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION 'cannot track %: no % is mapped', relation, missing
            USING ERRCODE = 'RM303', HINT = 'Disown the table and adopt it with columns => ''{"stage": "some_column", ...}''.';
    END IF;
    IF adopted.row_triggers THEN
        PERFORM refuse_row_tracking(feed);
    END IF;
    feed.source := one_source(feed);
    PERFORM learn_stage_keys(relation, funnel);
    INSERT INTO tracking SELECT feed.*;
    PERFORM learn_stage_times(relation, funnel);
    PERFORM attach_triggers(relation, 'funnel', CASE feed.source WHEN 'event_log' THEN 'track_events' ELSE 'track_column' END);
    RETURN feed;
END
$$;
COMMENT ON FUNCTION @extschema@.begin_tracking(pg_catalog.regclass, text) IS 'Checks, notes and attaches what track asks for.';
SELECT @extschema@.set_audience('begin_tracking(regclass, text)', 'admin');

CREATE FUNCTION @extschema@.track(relation pg_catalog.regclass, funnel text DEFAULT NULL,
                                  lock_timeout interval DEFAULT '2 seconds') RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    chosen text;
BEGIN
    PERFORM require_owner(relation);
    chosen := fitting_funnel(relation, funnel);
    IF chosen IS NULL THEN
        RAISE EXCEPTION 'there is no funnel, or more than one, for table %', relation
            USING ERRCODE = 'RM303', HINT = format('Type SELECT @extschema@.track(%L, ''some_funnel'');', relation::text);
    END IF;
    PERFORM lock_members(relation, 'SHARE ROW EXCLUSIVE', lock_timeout);
    PERFORM begin_tracking(relation, chosen);
    INSERT INTO filling (relation, room) VALUES (relation, 'funnel')
    ON CONFLICT ON CONSTRAINT filling_pkey DO UPDATE SET state = 'filling';
    RETURN chosen;
END
$$;
COMMENT ON FUNCTION @extschema@.track(pg_catalog.regclass, text, interval) IS
'Lets the stages of an adopted table feed a funnel, from its column stage, its columns with the time of each stage or, for entity '
'stage_change, from its events; returns '
'the funnel. Without a funnel: the one given to adopt, or the only one about the table''s entity. adopt does this by itself '
'where a stage is mapped and a funnel fits. Then CALL crm.backfill(table). Only the owner of the table may. Errors: RM001 no '
'such funnel; RM303 it does not fit, or nothing is mapped, or the records are tracked already; RM004 not adopted. '
'Example: SELECT crm.track(''public.deals'', ''sales'');';

CREATE FUNCTION @extschema@.attach_tracking(relation pg_catalog.regclass) RETURNS SETOF @extschema@.attachment
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    chosen text := fitting_funnel(relation, NULL);
    feed tracking;
BEGIN
    IF chosen IS NULL OR NOT has_attribute(relation, 'stage') THEN
        RETURN;
    END IF;
    feed := begin_tracking(relation, chosen);
    RETURN NEXT ROW('funnel', 'funnel ' || feed.funnel, 'SHARE ROW EXCLUSIVE',
                    CASE feed.source WHEN 'column' THEN 'stages of its rows'
                                     WHEN 'dates' THEN 'times of stages in its rows'
                                     WHEN 'record' THEN 'its customers; stages come from an event log'
                                     ELSE format('events about %s', feed.target) END)::attachment;
END
$$;
COMMENT ON FUNCTION @extschema@.attach_tracking(pg_catalog.regclass) IS 'What adopt attaches for this room.';
SELECT @extschema@.set_audience('attach_tracking(regclass)', 'admin');

CREATE FUNCTION @extschema@.detach_tracking(relation pg_catalog.regclass) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    feed tracking;
BEGIN
    PERFORM detach_triggers(relation, 'funnel');
    DELETE FROM tracking t WHERE t.relation = detach_tracking.relation RETURNING * INTO feed;
    IF feed.source = 'event_log' THEN
        UPDATE tracking t SET source = CASE WHEN EXISTS (SELECT FROM tracking_date d WHERE d.relation = t.relation) THEN 'dates' ELSE 'column' END
        WHERE t.relation = feed.target AND t.funnel = feed.funnel;
        UPDATE filling f SET state = 'filling' WHERE f.relation = feed.target AND f.room = 'funnel';
    END IF;
    DELETE FROM transition_gone g WHERE g.source = detach_tracking.relation;
    DELETE FROM transition_log t WHERE t.source = detach_tracking.relation;
END
$$;
COMMENT ON FUNCTION @extschema@.detach_tracking(pg_catalog.regclass) IS
'What disown undoes for this room: triggers, and the history that was read from the table. Without its event log a table''s '
'column tells again.';
SELECT @extschema@.set_audience('detach_tracking(regclass)', 'admin');
