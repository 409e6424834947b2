-- Time zones, working hours and holidays.

CREATE TABLE @extschema@.calendar (
    calendar text PRIMARY KEY,
    zone text NOT NULL,
    hours jsonb NOT NULL
);
COMMENT ON TABLE @extschema@.calendar IS
'Working hours: hours maps mon to sun to [from, to], both "HH:MM" up to "24:00", or to an array of such spans; a day that is absent '
'is not worked. The calendar "default" gives the organisation''s time zone.';

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
    LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN -- whose plan is kept: every number asks
    RETURN coalesce((SELECT c.zone FROM calendar c WHERE c.calendar = 'default'), 'UTC');
END
$$;
COMMENT ON FUNCTION @extschema@.default_zone() IS
'The organisation''s time zone, in which days are cut: that of the calendar "default", else UTC.';

CREATE FUNCTION @extschema@.require_zone(zone text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    known text[];
    towns text[]; -- named without their continent
BEGIN
    PERFORM timezone(zone, now()); -- the view of all names reads hundreds of files: only for the hint
EXCEPTION WHEN invalid_parameter_value THEN
    BEGIN
        known := ARRAY(SELECT z.name FROM pg_timezone_names z);
    EXCEPTION WHEN undefined_file THEN
        known := '{}'; -- one of the files is a link to the machine's own zone, which may not be set
    END;
    towns := ARRAY(SELECT n FROM unnest(known) n WHERE lower(n) LIKE '%/' || lower(replace(zone, ' ', '\_')) AND n !~ '^posix' ORDER BY 1);
    PERFORM raise_unknown('time zone', zone, CASE WHEN towns = '{}' THEN known ELSE towns END);
END
$$;
COMMENT ON FUNCTION @extschema@.require_zone(text) IS
'Raises RM001 for a time zone that the server does not know, with the nearest name in the hint.';

CREATE FUNCTION @extschema@.check_calendar(zone text, hours jsonb) RETURNS void
    AS 'MODULE_PATHNAME', 'crm_check_calendar' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.check_calendar(text, jsonb) IS
'Raises what is wrong with the working hours of a calendar: RM001 for an unknown weekday, RM005 for spans of time that are not '
'understood or overlap, and for a time zone without rules.';

CREATE FUNCTION @extschema@.check_zone(zone text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF zone IS NOT NULL THEN
        PERFORM require_zone(zone);
        PERFORM check_calendar(zone, '{}');
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.check_zone(text) IS
'Raises what is wrong with the time zone that somebody reads times in: RM001 where the server does not know it, RM005 for an abbreviation. NULL is right.';
SELECT @extschema@.set_audience('check_zone(text)', 'internal');

CREATE FUNCTION @extschema@.set_calendar(key text, zone text, hours jsonb DEFAULT
    '{"mon": ["09:00", "17:00"], "tue": ["09:00", "17:00"], "wed": ["09:00", "17:00"], "thu": ["09:00", "17:00"], "fri": ["09:00", "17:00"]}')
    RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF key IS NULL OR key = '' OR zone IS NULL OR hours IS NULL THEN
        RAISE EXCEPTION 'a calendar has a key, a time zone and working hours' USING ERRCODE = 'RM005',
            HINT = 'The one of the organisation is "default"; without working hours they are ''{}''.';
    END IF;
    PERFORM require_zone(zone);
    PERFORM check_calendar(zone, hours);
    IF key = 'default' AND zone <> default_zone() AND EXISTS (SELECT FROM adoption) THEN
        RAISE EXCEPTION 'the organisation''s time zone cannot change while tables are adopted'
            USING ERRCODE = 'RM005', DETAIL = 'Days were cut in the old one.', HINT = 'Disown the tables first.';
    END IF;
    INSERT INTO calendar VALUES (key, zone, hours)
    ON CONFLICT (calendar) DO UPDATE SET zone = excluded.zone, hours = excluded.hours;
END
$$;
COMMENT ON FUNCTION @extschema@.set_calendar(text, text, jsonb) IS
'Makes or changes a calendar: its time zone and the working hours of each weekday, one span or several; 24 hours are ["00:00", '
'"24:00"], and a shift over midnight is two spans of two days. The calendar "default" also gives the zone in which days are cut, and so cannot '
'change zone while tables are adopted. Errors: RM001 unknown zone or weekday, RM005. '
'Example: SELECT crm.set_calendar(''default'', ''Europe/Madrid'', ''{"mon": ["09:00", "17:30"], "tue": [["09:00", "12:00"], ["13:00", "17:00"]]}'');';
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
    AS 'MODULE_PATHNAME', 'crm_business_interval' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 20;
COMMENT ON FUNCTION @extschema@.business_interval(text, timestamptz, timestamptz) IS
'Working time of a calendar between two instants, in hours, minutes and seconds; zero where the second is not later. An instant is '
'worked where the clock on the wall, in the calendar''s zone, shows working hours of that weekday and the day is no holiday: what the '
'clock skips when summer time begins is not worked. Errors: RM001 no such calendar, 22008 for infinity. '
'Example: SELECT crm.business_interval(''default'', opened_at, now()) FROM tickets;';

CREATE FUNCTION @extschema@.business_deadline(calendar text, since timestamptz, span interval) RETURNS timestamptz
    AS 'MODULE_PATHNAME', 'crm_business_deadline' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 20;
COMMENT ON FUNCTION @extschema@.business_deadline(text, timestamptz, interval) IS
'The first instant by which so much working time of a calendar has passed since another: the inverse of business_interval. The end of a '
'working day, not the beginning of the next; since itself for an empty span. The span is given in hours, since the length of a '
'working day is the calendar''s. Errors: RM001 no such calendar; RM005 a span in days or months, below zero, or a calendar without working '
'hours; 22008 for infinity. Example: SELECT crm.business_deadline(''default'', now(), ''8 hours'');';
