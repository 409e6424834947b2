-- Clocks of records. record_clock keeps what each was when crmd last looked; clock_touched says whose may be another by now. A reader takes
-- the kept clocks of records without a note and makes those of the others anew from their rows, in one statement: so what he reads is
-- exact in his snapshot, and fold, which puts the second into the first, changes no number. No change is lost: a note stands in the
-- transaction of the change; whoever deletes it makes the clock anew with a snapshot that is not older than the one that saw the note.

CREATE TABLE @extschema@.clock_table (
    relation pg_catalog.regclass PRIMARY KEY,
    mapping text NOT NULL
);
COMMENT ON TABLE @extschema@.clock_table IS
'Adopted tables whose records have clocks: tickets, and tables of entities with a service level. mapping: a digest of what was mapped '
'when their clocks were last made anew.';
SELECT pg_catalog.pg_extension_config_dump('@extschema@.clock_table', '');

CREATE TABLE @extschema@.record_clock (
    relation pg_catalog.regclass NOT NULL,
    record_key text NOT NULL,
    clock text NOT NULL,
    sla text,
    version integer,
    calendar text,
    target interval,
    started_at timestamptz NOT NULL,
    first_stop_at timestamptz,
    stopped_at timestamptz,
    paused_since timestamptz,
    due_at timestamptz,
    warning_at timestamptz,
    first_used interval,
    used interval,
    funnel text, unit text, stage text, channel text, product text, owner text, segment text,
    error text,
    PRIMARY KEY (relation, record_key, clock)
);
CREATE INDEX record_clock_broken ON @extschema@.record_clock (relation) WHERE error IS NOT NULL;
CREATE INDEX record_clock_open ON @extschema@.record_clock (relation, due_at) WHERE stopped_at IS NULL;
COMMENT ON TABLE @extschema@.record_clock IS
'Clocks as they were when they were last made: of tickets the first response and the resolution, whether promised or only measured, of '
'other records what a service level times. Read it only together with clock_touched, as clock_current does. sla NULL: measured, nothing is '
'promised. due_at is NULL while the clock stands still before its target is used up. used is the time until it stopped or stands still, '
'NULL where it runs or would be negative; first_used that until it stopped first (of a first response: until the reply). error: '
'why it is not known by which service level the clock goes, that of sla being the one whose condition failed on the record.';
SELECT pg_catalog.pg_extension_config_dump('@extschema@.record_clock', '');

-- Written by triggers past SPI: no index, constraint or trigger.
CREATE TABLE @extschema@.clock_touched (
    relation pg_catalog.regclass NOT NULL,
    record_key text
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);
COMMENT ON TABLE @extschema@.clock_touched IS
'Records whose clocks may have changed since record_clock was written; record_key NULL: all of the table.';
SELECT pg_catalog.pg_extension_config_dump('@extschema@.clock_touched', '');

-- Written past SPI, too, perhaps by several writers.
CREATE TABLE @extschema@.clock_paused (relation pg_catalog.regclass NOT NULL);
COMMENT ON TABLE @extschema@.clock_paused IS
'Tables of which nothing is noted in clock_touched any more, since crm.pending_hard_limit notes wait: their clocks are made anew whenever they are '
'read, until fold() has caught up.';
SELECT pg_catalog.pg_extension_config_dump('@extschema@.clock_paused', '');

CREATE VIEW @extschema@.clock_note AS
SELECT t.relation, t.record_key FROM @extschema@.clock_touched t
UNION ALL
SELECT p.relation, NULL FROM @extschema@.clock_paused p;
COMMENT ON VIEW @extschema@.clock_note IS 'Records whose clocks may have changed since record_clock was written; record_key NULL: all of the table.';

CREATE FUNCTION @extschema@.clock_run(calendar text, started timestamptz, stopped timestamptz, at timestamptz[], runs boolean[],
                                      first_stop timestamptz, target interval, warning interval,
                                      OUT used interval, OUT first_used interval, OUT paused_since timestamptz, OUT due_at timestamptz,
                                      OUT warning_at timestamptz)
    AS 'MODULE_PATHNAME', 'crm_clock_run' LANGUAGE C STABLE PARALLEL SAFE COST 50;
COMMENT ON FUNCTION @extschema@.clock_run(text, timestamptz, timestamptz, timestamptz[], boolean[], timestamptz, interval, interval) IS
'A clock that starts, and from each instant of at on runs or stands still, until it is stopped (NULL: not yet); before the first instant it '
'runs. Gives the time used until it stopped or stands still, and until first_stop, since when it stands still, and when target and '
'warning are used up: of a stopped clock when they would have been, of one that stands still before NULL. calendar NULL counts all time. '
'Errors: RM001 calendar, RM005 a target in days, 22008 infinity.';

CREATE FUNCTION @extschema@.clock_between(calendar text, since timestamptz, until timestamptz) RETURNS interval
    AS 'MODULE_PATHNAME', 'crm_clock_between' LANGUAGE C STABLE PARALLEL SAFE COST 20;
COMMENT ON FUNCTION @extschema@.clock_between(text, timestamptz, timestamptz) IS
'Time of a clock between two instants, below zero where the second comes first: business_interval, or all time where calendar is NULL.';

CREATE FUNCTION @extschema@.clock_deadline(calendar text, since timestamptz, span interval) RETURNS timestamptz
    AS 'MODULE_PATHNAME', 'crm_clock_deadline' LANGUAGE C STABLE PARALLEL SAFE COST 20;
COMMENT ON FUNCTION @extschema@.clock_deadline(text, timestamptz, interval) IS
'When so much time of a clock has passed: business_deadline, or since + span where calendar is NULL; since itself for a span that is not above zero.';

CREATE FUNCTION @extschema@.working_calendar(calendar text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT c.calendar FROM calendar c
    WHERE c.calendar = working_calendar.calendar AND jsonb_path_exists(c.hours, '$.*[*]')
$$;
COMMENT ON FUNCTION @extschema@.working_calendar(text) IS
'The calendar, or NULL where it does not exist or has no working hours: then all time counts.';
SELECT @extschema@.set_audience('working_calendar(text)', 'internal');

CREATE FUNCTION @extschema@.clock_rows_touched() RETURNS trigger
    AS 'MODULE_PATHNAME', 'crm_clock_rows_touched' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.clock_rows_touched() IS 'Trigger on tables whose records have clocks: notes the records that a statement writes.';
SELECT @extschema@.set_audience('clock_rows_touched()', 'internal');

CREATE FUNCTION @extschema@.clock_history_touched() RETURNS trigger
    AS 'MODULE_PATHNAME', 'crm_clock_history_touched' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.clock_history_touched() IS 'Trigger on transition_log: notes the records whose history changes, of tables with clocks.';
SELECT @extschema@.set_audience('clock_history_touched()', 'internal');

CREATE TRIGGER clocks_added AFTER INSERT ON @extschema@.transition_log
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.clock_history_touched();
CREATE TRIGGER clocks_changed AFTER UPDATE ON @extschema@.transition_log
    REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.clock_history_touched();
CREATE TRIGGER clocks_removed AFTER DELETE ON @extschema@.transition_log
    REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.clock_history_touched();
CREATE TRIGGER clocks_emptied AFTER TRUNCATE ON @extschema@.transition_log
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.clock_history_touched();

CREATE FUNCTION @extschema@.clock_mapping(relation pg_catalog.regclass) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT md5(string_agg(concat_ws('=', m.attribute, m.expression), ',' ORDER BY m.attribute COLLATE "C") || coalesce((
               SELECT concat_ws(',', a.funnel, a.fallback_unit, a.zone) FROM adoption a WHERE a.relation = clock_mapping.relation), ''))
    FROM adoption_attribute m WHERE m.relation = clock_mapping.relation
$$;
COMMENT ON FUNCTION @extschema@.clock_mapping(pg_catalog.regclass) IS 'A digest of what a table maps: its clocks are made anew when it changes.';
SELECT @extschema@.set_audience('clock_mapping(regclass)', 'internal');

CREATE FUNCTION @extschema@.attach_clocks(relation pg_catalog.regclass) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    mapping CONSTANT text := clock_mapping(relation);
    known text := (SELECT t.mapping FROM clock_table t WHERE t.relation = attach_clocks.relation);
BEGIN
    IF known = mapping OR known IS NULL AND NOT EXISTS (
        SELECT FROM adoption a WHERE a.relation = attach_clocks.relation
           AND (a.entity = 'ticket' OR a.entity IN (SELECT s.entity FROM sla s WHERE s.until = 'infinity'))) THEN
        RETURN;
    END IF;
    IF known IS NULL THEN
        PERFORM lock_members(relation, 'SHARE ROW EXCLUSIVE', '2 seconds');
        INSERT INTO clock_table VALUES (relation, mapping);
        PERFORM attach_triggers(relation, 'clock', 'clock_rows_touched', always => true);
    ELSE
        UPDATE clock_table t SET mapping = attach_clocks.mapping WHERE t.relation = attach_clocks.relation;
    END IF;
    INSERT INTO clock_touched VALUES (relation, NULL);
END
$$;
COMMENT ON FUNCTION @extschema@.attach_clocks(pg_catalog.regclass) IS
'Has the clocks of a table kept, where its records have any, and made anew where its mapping changed; capture and set_sla call it.';
SELECT @extschema@.set_audience('attach_clocks(regclass)', 'internal');

CREATE FUNCTION @extschema@.detach_clocks(relation pg_catalog.regclass) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM detach_triggers(relation, 'clock');
    DELETE FROM clock_table t WHERE t.relation = detach_clocks.relation;
    DELETE FROM clock_touched t WHERE t.relation = detach_clocks.relation;
    DELETE FROM clock_paused p WHERE p.relation = detach_clocks.relation;
    DELETE FROM record_clock c WHERE c.relation = detach_clocks.relation;
END
$$;
COMMENT ON FUNCTION @extschema@.detach_clocks(pg_catalog.regclass) IS 'Forgets the clocks of a table; uncapture calls it.';
SELECT @extschema@.set_audience('detach_clocks(regclass)', 'internal');

-- Rules of clocks change beside nobody who keeps clocks: who keeps them by the old rules would do so unseen by who notes what has to be made
-- anew. The row is shared by who keeps clocks; one whose snapshot is older than the change fails on it.
CREATE TABLE @extschema@.clock_rules (
    one boolean PRIMARY KEY CHECK (one),
    changed_at timestamptz NOT NULL
);
COMMENT ON TABLE @extschema@.clock_rules IS 'One row, written with each change of what clocks go by besides rows and history.';
INSERT INTO @extschema@.clock_rules VALUES (true, now());

CREATE FUNCTION @extschema@.clock_rules_change() RETURNS boolean
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    UPDATE clock_rules SET changed_at = now();
    RETURN current_setting('transaction_isolation') = 'read committed';
END
$$;
COMMENT ON FUNCTION @extschema@.clock_rules_change() IS
'Waits for who keeps clocks, and keeps others from it until the transaction ends. Returns whether what is read afterwards is all that is kept.';
SELECT @extschema@.set_audience('clock_rules_change()', 'internal');

-- Clocks that start from some time on: what is kept tells which, unless there may be records that have none yet.
CREATE FUNCTION @extschema@.note_clocks(entity text, since timestamptz) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    sure CONSTANT boolean := clock_rules_change();
BEGIN
    INSERT INTO clock_touched
    SELECT t.relation, NULL FROM clock_table t JOIN adoption a USING (relation)
    WHERE a.entity = note_clocks.entity AND (note_clocks.since < now() OR NOT sure)
    UNION ALL
    SELECT DISTINCT c.relation, c.record_key FROM record_clock c JOIN adoption a USING (relation)
    WHERE a.entity = note_clocks.entity AND note_clocks.since >= now() AND sure AND c.started_at >= note_clocks.since;
END
$$;
COMMENT ON FUNCTION @extschema@.note_clocks(text, timestamptz) IS 'Has the clocks of an entity made anew that start from some time on.';
SELECT @extschema@.set_audience('note_clocks(text, timestamptz)', 'internal');

-- What clocks go by besides rows and history: calendars, stages, and what is tracked.
CREATE FUNCTION @extschema@.clock_calendar_touched() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    changed CONSTANT text := CASE TG_OP WHEN 'DELETE' THEN OLD.calendar ELSE NEW.calendar END;
    sure CONSTANT boolean := clock_rules_change();
    day date;
BEGIN
    IF NOT sure THEN
        INSERT INTO clock_touched SELECT t.relation, NULL FROM clock_table t;
    ELSIF TG_TABLE_NAME = 'holiday' THEN -- only clocks that were open about that day
        day := CASE TG_OP WHEN 'DELETE' THEN OLD.day ELSE NEW.day END;
        INSERT INTO clock_touched
        SELECT DISTINCT c.relation, c.record_key FROM record_clock c
        WHERE c.calendar = changed AND c.started_at < day::timestamp AT TIME ZONE 'UTC' + interval '2 days'
          AND coalesce(greatest(c.stopped_at, c.due_at, CASE WHEN c.stopped_at IS NULL THEN 'infinity'::timestamptz END), 'infinity')
              >= day::timestamp AT TIME ZONE 'UTC' - interval '2 days';
    ELSE
        INSERT INTO clock_touched
        SELECT DISTINCT c.relation, NULL::text FROM record_clock c WHERE c.calendar = changed;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION @extschema@.clock_calendar_touched() IS
'Trigger on calendar and holiday: the clocks that go by the calendar, and were open about a holiday, are made anew.';
SELECT @extschema@.set_audience('clock_calendar_touched()', 'internal');
CREATE TRIGGER clocks_touched AFTER INSERT OR UPDATE OR DELETE ON @extschema@.calendar
    FOR EACH ROW EXECUTE FUNCTION @extschema@.clock_calendar_touched();
CREATE TRIGGER clocks_touched AFTER INSERT OR UPDATE OR DELETE ON @extschema@.holiday
    FOR EACH ROW EXECUTE FUNCTION @extschema@.clock_calendar_touched();

CREATE FUNCTION @extschema@.clock_stage_touched() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    changed CONSTANT text := CASE TG_OP WHEN 'DELETE' THEN OLD.funnel ELSE NEW.funnel END;
    sure CONSTANT boolean := clock_rules_change();
BEGIN
    INSERT INTO clock_touched
    SELECT t.relation, NULL FROM clock_table t
    WHERE clock_funnel(t.relation) = changed
      AND NOT (sure AND EXISTS (SELECT FROM clock_touched o WHERE o.relation = t.relation AND o.record_key IS NULL));
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION @extschema@.clock_stage_touched() IS
'Trigger on stages, their aliases and on what is tracked: the clocks of the funnel''s records are made anew.';
SELECT @extschema@.set_audience('clock_stage_touched()', 'internal');
CREATE TRIGGER clocks_touched AFTER INSERT OR UPDATE OR DELETE ON @extschema@.funnel_stage
    FOR EACH ROW EXECUTE FUNCTION @extschema@.clock_stage_touched();
CREATE TRIGGER clocks_touched AFTER INSERT OR UPDATE OR DELETE ON @extschema@.stage_alias
    FOR EACH ROW EXECUTE FUNCTION @extschema@.clock_stage_touched();
CREATE TRIGGER clocks_touched AFTER INSERT OR UPDATE OR DELETE ON @extschema@.tracking
    FOR EACH ROW EXECUTE FUNCTION @extschema@.clock_stage_touched();

CREATE FUNCTION @extschema@.clock_funnel(relation pg_catalog.regclass) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT coalesce((SELECT t.funnel FROM tracking t WHERE t.relation = clock_funnel.relation),
                    (SELECT t.funnel FROM tracking t WHERE t.target = clock_funnel.relation ORDER BY t.relation::oid LIMIT 1),
                    (SELECT a.funnel FROM adoption a WHERE a.relation = clock_funnel.relation))
$$;
COMMENT ON FUNCTION @extschema@.clock_funnel(pg_catalog.regclass) IS 'The funnel whose stages the records of a table go through; NULL where there is none.';
SELECT @extschema@.set_audience('clock_funnel(regclass)', 'internal');

CREATE TRIGGER capture_insert AFTER INSERT ON @extschema@.record_clock REFERENCING NEW TABLE AS crm_new
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.capture_change();
CREATE TRIGGER capture_update AFTER UPDATE ON @extschema@.record_clock REFERENCING OLD TABLE AS crm_old NEW TABLE AS crm_new
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.capture_change();
CREATE TRIGGER capture_delete AFTER DELETE ON @extschema@.record_clock REFERENCING OLD TABLE AS crm_old
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.capture_change();
CREATE TRIGGER capture_truncate BEFORE TRUNCATE ON @extschema@.record_clock
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.capture_change();
