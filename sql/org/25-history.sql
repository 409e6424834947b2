-- The organisation as it was: what each unit was called and where it stood, and when.
--
-- A unit's present state stands in unit, those before in unit_past. So an INSERT into unit writes no history, and a restore,
-- which inserts into both, gives back what was dumped.

CREATE TABLE @extschema@.unit_past (
    unit text NOT NULL,
    began timestamptz NOT NULL,
    ended timestamptz NOT NULL,
    parent text,
    name text NOT NULL,
    kind text NOT NULL,
    hierarchy text NOT NULL REFERENCES @extschema@.hierarchy,
    until timestamptz,
    PRIMARY KEY (unit, began),
    CHECK (began < ended)
);
COMMENT ON TABLE @extschema@.unit_past IS
'States that units were in, from began until ended: parent, name, kind, and when it was, or would be, retired. The present state '
'stands in unit. Keys are no references: what was stays.';
SELECT pg_catalog.pg_extension_config_dump('@extschema@.unit_past', '');

CREATE VIEW @extschema@.unit_history AS
    SELECT p.unit, p.parent, p.name, p.kind, p.hierarchy, p.until, pg_catalog.tstzrange(p.began, p.ended) AS during
    FROM @extschema@.unit_past p
    UNION ALL
    SELECT u.unit, u.parent, u.name, u.kind, u.hierarchy, u.until, pg_catalog.tstzrange(u.changed_at, NULL)
    FROM @extschema@.unit u;
COMMENT ON VIEW @extschema@.unit_history IS
'Every state of every unit: the present one lasts. All changes of one transaction make one state. A retired unit stays in it, with '
'until, as its rows stay in the unit.';
GRANT SELECT ON @extschema@.unit_past, @extschema@.unit_history TO PUBLIC;

CREATE FUNCTION @extschema@.check_unit_there(unit text, since timestamptz) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    began timestamptz := (SELECT min(lower(h.during)) FROM unit_history h WHERE h.unit = check_unit_there.unit);
BEGIN
    IF began > check_unit_there.since THEN
        RAISE EXCEPTION 'unit "%" was not there on %', check_unit_there.unit, check_unit_there.since USING ERRCODE = 'RM102',
            DETAIL = format('It began on %s.', began),
            HINT = format('Type SELECT @extschema@.date_unit(%L, %L); first, or give a later date.', check_unit_there.unit,
                          check_unit_there.since);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.check_unit_there(text, timestamptz) IS 'Raises RM102 where a unit began after an instant.';

CREATE FUNCTION @extschema@.check_unit_past(unit text, parent text, since timestamptz) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM check_unit_there(check_unit_past.parent, check_unit_past.since);
    IF EXISTS (
        WITH RECURSIVE above AS (
            SELECT check_unit_past.parent AS unit, tstzrange(check_unit_past.since, NULL) AS during, 0 AS steps
            UNION ALL
            SELECT h.parent, a.during * h.during, a.steps + 1
            FROM above a JOIN unit_history h ON h.unit = a.unit AND h.during && a.during
            WHERE h.parent IS NOT NULL AND a.unit <> check_unit_past.unit AND a.steps < 1000
        )
        SELECT FROM above a WHERE a.unit = check_unit_past.unit)
    THEN
        RAISE EXCEPTION 'unit "%" cannot have been below "%" since %', check_unit_past.unit, check_unit_past.parent,
                        check_unit_past.since USING ERRCODE = 'RM102',
            DETAIL = format('At some time since then "%s" was below "%s".', check_unit_past.parent, check_unit_past.unit),
            HINT = 'Give a later date.';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.check_unit_past(text, text, timestamptz) IS
'Raises RM102 where a unit cannot have been below another one from an instant in the past until now: that one was not there, or '
'was itself below the unit. Only a change that is dated back can bring that about.';

CREATE FUNCTION @extschema@.check_unit_since(unit text, above @extschema@.unit, since timestamptz) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    ended timestamptz := (SELECT max(p.ended) FROM unit_past p WHERE p.unit = check_unit_since.unit);
BEGIN
    IF check_unit_since.since IS NULL OR check_unit_since.since > now() OR NOT isfinite(check_unit_since.since) THEN
        RAISE EXCEPTION 'unit "%" cannot begin on %', check_unit_since.unit, coalesce(check_unit_since.since::text, 'null')
            USING ERRCODE = 'RM005', HINT = 'Give a date in the past, for example ''2020-01-01''.';
    END IF;
    IF check_unit_since.since < ended THEN
        RAISE EXCEPTION 'unit "%" cannot begin on %', check_unit_since.unit, check_unit_since.since USING ERRCODE = 'RM005',
            DETAIL = format('A unit of that key was there until %s.', ended), HINT = 'Give a later date.';
    END IF;
    IF above.unit IS NOT NULL AND check_unit_since.since < now() THEN
        PERFORM check_unit_there(above.unit, check_unit_since.since);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.check_unit_since(text, @extschema@.unit, timestamptz) IS
'Raises RM005 where a unit cannot begin at an instant, RM102 where its parent began later.';

CREATE FUNCTION @extschema@.check_change_date(changed @extschema@.unit, since timestamptz) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF check_change_date.since <= changed.changed_at OR check_change_date.since > now() THEN
        RAISE EXCEPTION 'unit "%" cannot have changed on %', changed.unit, check_change_date.since USING ERRCODE = 'RM102',
            DETAIL = format('What it is now it has been since %s.', changed.changed_at),
            HINT = CASE WHEN check_change_date.since > now() THEN 'Call this on the day when it happens.'
                        ELSE format('Give a later date. SELECT @extschema@.date_unit(%L, ...); says since when the unit has been '
                                    'there.', changed.unit) END;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.check_change_date(@extschema@.unit, timestamptz) IS
'Raises RM102 unless a unit''s present state can have begun at an instant; NULL stands for now.';

CREATE FUNCTION @extschema@.keep_unit_history() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    -- now() is before changed_at where another transaction began later and committed first.
    at timestamptz := CASE WHEN OLD.changed_at <= now() THEN now() ELSE clock_timestamp() END;
BEGIN
    IF ROW (NEW.parent, NEW.name, NEW.kind, NEW.until) IS NOT DISTINCT FROM ROW (OLD.parent, OLD.name, OLD.kind, OLD.until) THEN
        NEW.changed_at := CASE WHEN OLD.changed_at = OLD.since THEN least(NEW.since, OLD.since) ELSE OLD.changed_at END;
        RETURN NEW;
    END IF;
    IF NEW.changed_at <> OLD.changed_at THEN
        PERFORM check_change_date(OLD, NEW.changed_at);
        at := NEW.changed_at;
        IF NEW.parent IS DISTINCT FROM OLD.parent THEN
            PERFORM check_unit_past(NEW.unit, NEW.parent, at);
        END IF;
    END IF;
    NEW.changed_at := at;
    IF at > OLD.changed_at THEN
        INSERT INTO unit_past (unit, began, ended, parent, name, kind, hierarchy, until)
        VALUES (OLD.unit, OLD.changed_at, at, OLD.parent, OLD.name, OLD.kind, OLD.hierarchy, OLD.until);
    ELSE
        -- A second change in one transaction. One that takes the first back leaves no trace.
        DELETE FROM unit_past p
        WHERE p.unit = NEW.unit AND p.ended = at
          AND ROW (p.parent, p.name, p.kind, p.until) IS NOT DISTINCT FROM ROW (NEW.parent, NEW.name, NEW.kind, NEW.until)
        RETURNING p.began INTO at;
        NEW.changed_at := coalesce(at, NEW.changed_at);
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION @extschema@.keep_unit_history() IS
'Trigger: keeps the state that a unit had. An UPDATE that sets changed_at too is dated back to it. Not in replica mode: there the '
'past is replicated by itself.';
SELECT @extschema@.set_audience('keep_unit_history()', 'internal');
CREATE TRIGGER keep_history BEFORE UPDATE ON @extschema@.unit
    FOR EACH ROW EXECUTE FUNCTION @extschema@.keep_unit_history();

CREATE FUNCTION @extschema@.begin_or_end_unit_history() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.changed_at := coalesce(NEW.changed_at, NEW.since);
        RETURN NEW;
    END IF;
    INSERT INTO unit_past (unit, began, ended, parent, name, kind, hierarchy, until)
    SELECT OLD.unit, OLD.changed_at, now(), OLD.parent, OLD.name, OLD.kind, OLD.hierarchy, OLD.until
    WHERE OLD.changed_at < now();
    RETURN OLD;
END
$$;
COMMENT ON FUNCTION @extschema@.begin_or_end_unit_history() IS
'Trigger: the first state of a unit begins with it, unless a restore says when; a deleted unit leaves its last state.';
SELECT @extschema@.set_audience('begin_or_end_unit_history()', 'internal');
CREATE TRIGGER begin_or_end_history BEFORE INSERT OR DELETE ON @extschema@.unit
    FOR EACH ROW EXECUTE FUNCTION @extschema@.begin_or_end_unit_history();

CREATE FUNCTION @extschema@.date_unit(unit text, since timestamptz) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    dated unit;
    first_parent text;
BEGIN
    PERFORM lock_current('unit');
    dated := require_unit(date_unit.unit);
    IF date_unit.since IS NULL OR date_unit.since >= dated.since OR NOT isfinite(date_unit.since) THEN
        RAISE EXCEPTION 'unit "%" has been there since % already', dated.unit, dated.since USING ERRCODE = 'RM005',
            HINT = 'Give an earlier date.';
    END IF;
    SELECT h.parent INTO first_parent FROM unit_history h WHERE h.unit = dated.unit ORDER BY lower(h.during) LIMIT 1;
    IF first_parent IS NOT NULL THEN
        PERFORM check_unit_there(first_parent, date_unit.since);
    END IF;
    UPDATE unit_past p SET began = date_unit.since WHERE p.unit = dated.unit AND p.began = dated.since;
    UPDATE unit u SET since = date_unit.since WHERE u.unit = dated.unit;
END
$$;
COMMENT ON FUNCTION @extschema@.date_unit(text, timestamptz) IS
'Says since when a unit has been there, where that is earlier than what is known. '
'Example: SELECT date_unit(''north'', ''2020-01-01'');';
SELECT @extschema@.set_audience('date_unit(text, timestamptz)', 'admin');

CREATE FUNCTION @extschema@.unit_path_at(at timestamptz) RETURNS TABLE (ancestor text, descendant text, distance integer)
    LANGUAGE sql STABLE PARALLEL SAFE COST 10000 ROWS 10000 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    WITH RECURSIVE state AS MATERIALIZED (
        SELECT h.unit, h.parent FROM unit_history h WHERE h.during @> unit_path_at.at
    ), path AS (
        SELECT s.unit AS ancestor, s.unit AS descendant, 0 AS distance, s.parent FROM state s
        UNION ALL
        SELECT s.unit, p.descendant, p.distance + 1, s.parent
        FROM path p JOIN state s ON s.unit = p.parent
        WHERE p.distance < 1000
    )
    SELECT p.ancestor, p.descendant, p.distance FROM path p
$$;
COMMENT ON FUNCTION @extschema@.unit_path_at(timestamptz) IS
'unit_path as it was at an instant: every unit that was there with each of its ancestors then. '
'Example: SELECT * FROM unit_path_at(''2026-03-01'');';
