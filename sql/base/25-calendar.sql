-- Time zones, working hours and holidays.

CREATE TABLE @extschema@.calendar (
    calendar text PRIMARY KEY,
    zone text NOT NULL,
    hours jsonb NOT NULL
);
COMMENT ON TABLE @extschema@.calendar IS
'Working hours: hours maps mon to sun to [from, to], both "HH:MM"; a day that is absent is not worked. The calendar '
'"default" gives the organisation''s time zone.';

CREATE TABLE @extschema@.holiday (
    calendar text NOT NULL REFERENCES @extschema@.calendar ON DELETE CASCADE,
    day date NOT NULL,
    name text,
    PRIMARY KEY (calendar, day)
);
COMMENT ON TABLE @extschema@.holiday IS 'Days of a calendar that are not worked.';
SELECT pg_catalog.pg_extension_config_dump('@extschema@.calendar', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.holiday', '');

CREATE FUNCTION @extschema@.default_zone() RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN coalesce((SELECT c.zone FROM @extschema@.calendar c WHERE c.calendar = 'default'), 'UTC');
COMMENT ON FUNCTION @extschema@.default_zone() IS
'The organisation''s time zone, in which days are cut: that of the calendar "default", else UTC.';

CREATE FUNCTION @extschema@.require_zone(zone text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM timezone(zone, now()); -- the view of all names reads hundreds of files: only for the hint
EXCEPTION WHEN invalid_parameter_value THEN
    PERFORM raise_unknown('time zone', zone, ARRAY(SELECT z.name FROM pg_timezone_names z));
END
$$;
COMMENT ON FUNCTION @extschema@.require_zone(text) IS 'Raises RM001 for a time zone that the server does not know.';

CREATE FUNCTION @extschema@.set_calendar(key text, zone text, hours jsonb DEFAULT
    '{"mon": ["09:00", "17:00"], "tue": ["09:00", "17:00"], "wed": ["09:00", "17:00"], "thu": ["09:00", "17:00"], "fri": ["09:00", "17:00"]}')
    RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    day text;
    span jsonb;
    days CONSTANT text[] := '{mon,tue,wed,thu,fri,sat,sun}';
BEGIN
    PERFORM require_zone(zone);
    FOR day, span IN SELECT * FROM jsonb_each(hours) LOOP
        IF day <> ALL (days) THEN
            PERFORM raise_unknown('weekday', day, days);
        END IF;
        IF jsonb_typeof(span) <> 'array' OR jsonb_array_length(span) <> 2 OR (span ->> 0)::time >= (span ->> 1)::time THEN
            RAISE EXCEPTION 'working hours of % are not understood: %', day, span
                USING ERRCODE = 'RM005', HINT = 'Write ["09:00", "17:30"].';
        END IF;
    END LOOP;
    IF key = 'default' AND zone <> default_zone() AND EXISTS (SELECT FROM adoption) THEN
        RAISE EXCEPTION 'the organisation''s time zone cannot change while tables are adopted'
            USING ERRCODE = 'RM005', DETAIL = 'Days were cut in the old one.', HINT = 'Disown the tables first.';
    END IF;
    INSERT INTO calendar VALUES (key, zone, hours)
    ON CONFLICT (calendar) DO UPDATE SET zone = excluded.zone, hours = excluded.hours;
END
$$;
COMMENT ON FUNCTION @extschema@.set_calendar(text, text, jsonb) IS
'Makes or changes a calendar: its time zone and the working hours of each weekday. The calendar "default" also gives the '
'zone in which days are cut, and so cannot change zone while tables are adopted. Errors: RM001 unknown zone or weekday, RM005. '
'Example: SELECT crm.set_calendar(''default'', ''Europe/Madrid'', ''{"mon": ["09:00", "17:30"]}'');';
SELECT @extschema@.set_audience('set_calendar(text, text, jsonb)', 'admin');

CREATE FUNCTION @extschema@.add_holiday(calendar text, day date, name text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM calendar c WHERE c.calendar = add_holiday.calendar) THEN
        PERFORM raise_unknown('calendar', calendar, ARRAY(SELECT c.calendar FROM calendar c));
    END IF;
    INSERT INTO holiday VALUES (calendar, day, name)
    ON CONFLICT ON CONSTRAINT holiday_pkey DO UPDATE SET name = excluded.name;
END
$$;
COMMENT ON FUNCTION @extschema@.add_holiday(text, date, text) IS
'Adds a day that a calendar does not work. Error: RM001 unknown calendar.';
SELECT @extschema@.set_audience('add_holiday(text, date, text)', 'admin');

CREATE FUNCTION @extschema@.business_interval(calendar text, since timestamptz, until timestamptz) RETURNS interval
    LANGUAGE sql STABLE PARALLEL SAFE COST 1000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT coalesce(sum(greatest(least(until, (d.day + (h.span ->> 1)::time) AT TIME ZONE c.zone)
                                 - greatest(since, (d.day + (h.span ->> 0)::time) AT TIME ZONE c.zone), interval '0')),
                    interval '0')
    FROM calendar c,
         generate_series((since AT TIME ZONE c.zone)::date, (until AT TIME ZONE c.zone)::date, interval '1 day') AS g (midnight),
         LATERAL (SELECT g.midnight::date AS day) d,
         LATERAL (SELECT c.hours -> (ARRAY['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'])[extract(isodow FROM d.day)::int] AS span) h
    WHERE c.calendar = business_interval.calendar AND h.span IS NOT NULL
      AND NOT EXISTS (SELECT FROM holiday x WHERE x.calendar = c.calendar AND x.day = d.day)
$$;
COMMENT ON FUNCTION @extschema@.business_interval(text, timestamptz, timestamptz) IS
'Working time of a calendar between two instants; zero where the second is not later, or the calendar has no such hours.';
