-- How much somebody wants to hear, and when: quiet hours, a budget of messages a day, a digest, what comes together. Everything goes by the
-- clock of the person, and every function here takes the instant that it is asked about.
CREATE TABLE @extschema@.attention (
    principal        text PRIMARY KEY REFERENCES @extschema@.principal ON UPDATE CASCADE ON DELETE CASCADE,
    messages_per_day integer,
    quiet_from       time,
    quiet_until      time,
    quiet_days       integer[] NOT NULL DEFAULT '{}',
    digest           text NOT NULL DEFAULT 'off' CHECK (digest IN ('off', 'daily', 'weekly')),
    digest_at        time NOT NULL DEFAULT '08:00',
    group_for        interval NOT NULL DEFAULT '0',
    group_from       integer NOT NULL DEFAULT 4,
    changed_at       timestamptz NOT NULL DEFAULT pg_catalog.now(),
    changed_by       text NOT NULL DEFAULT ''
);
COMMENT ON TABLE @extschema@.attention IS 'how much a principal wants to hear of alerts, and when; who is not here hears all at once';
COMMENT ON COLUMN @extschema@.attention.messages_per_day IS 'so many messages from one digest_at to the next, urgent ones not counted; NULL: no limit';
COMMENT ON COLUMN @extschema@.attention.quiet_days IS 'whole days without messages, 1 is Monday and 7 Sunday';
COMMENT ON COLUMN @extschema@.attention.digest_at IS 'when a digest comes, and what was over the budget of the day before; a weekly one on Mondays';
COMMENT ON COLUMN @extschema@.attention.group_for IS 'how long the first alert of a rule waits for others';
COMMENT ON COLUMN @extschema@.attention.group_from IS 'so many alerts of a rule at once come as one message';
SELECT pg_catalog.pg_extension_config_dump('@extschema@.attention', '');

CREATE FUNCTION @extschema@.set_attention(
    principal text,
    messages_per_day integer DEFAULT NULL,
    quiet text DEFAULT NULL,
    quiet_days integer[] DEFAULT '{}',
    digest text DEFAULT 'off',
    digest_at time DEFAULT '08:00',
    group_for interval DEFAULT '0',
    group_from integer DEFAULT 4)
RETURNS void LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    who CONSTANT text := (require_principal(principal)).principal;
    clock CONSTANT text := '([01]?[0-9]|2[0-3]):[0-5][0-9]';
    hours CONSTANT text[] := regexp_match(quiet, format('^\s*(%s)\s*-\s*(%s)\s*$', replace(clock, '(', '(?:'), replace(clock, '(', '(?:')));
    own_time CONSTANT boolean := digest ~ format('^%s$', clock);
BEGIN
    IF quiet IS NOT NULL AND (hours IS NULL OR hours[1]::time = hours[2]::time) THEN
        RAISE EXCEPTION 'quiet hours are not understood: %', quote_literal(quiet)
            USING ERRCODE = 'RM005', HINT = 'Write quiet => ''22:00-07:00'', by the clock of the person; a whole day is one of quiet_days.';
    ELSIF quiet_days IS NULL OR NOT coalesce(quiet_days <@ ARRAY[1, 2, 3, 4, 5, 6, 7], false) OR quiet_days @> ARRAY[1, 2, 3, 4, 5, 6, 7] THEN
        RAISE EXCEPTION 'quiet_days are days of the week, and not all of them'
            USING ERRCODE = 'RM005', HINT = 'Write quiet_days => ''{6,7}'' for Saturday and Sunday; who wants nothing is unsubscribed.';
    ELSIF digest IS NULL OR NOT own_time AND digest NOT IN ('off', 'daily', 'weekly') THEN
        PERFORM raise_unknown('digest', coalesce(digest, ''), '{off,daily,weekly}');
    ELSIF messages_per_day < 1 OR digest_at IS NULL OR group_for IS NULL OR group_for NOT BETWEEN '0' AND interval '1 day'
          OR group_from IS NULL OR group_from < 2 THEN
        RAISE EXCEPTION 'the attention of principal "%" makes no sense', who
            USING ERRCODE = 'RM005', DETAIL = 'messages_per_day is at least 1 (NULL: no limit), group_for up to a day, group_from at least 2.';
    END IF;
    INSERT INTO attention
    VALUES (who, messages_per_day, hours[1]::time, hours[2]::time, ARRAY(SELECT DISTINCT d FROM unnest(quiet_days) d ORDER BY 1),
            CASE WHEN own_time THEN 'daily' ELSE digest END, CASE WHEN own_time THEN digest::time ELSE digest_at END, group_for, group_from, now(), caller()::text)
    ON CONFLICT ON CONSTRAINT attention_pkey DO UPDATE
    SET messages_per_day = excluded.messages_per_day, quiet_from = excluded.quiet_from, quiet_until = excluded.quiet_until,
        quiet_days = excluded.quiet_days, digest = excluded.digest, digest_at = excluded.digest_at, group_for = excluded.group_for,
        group_from = excluded.group_from, changed_at = excluded.changed_at, changed_by = excluded.changed_by;
    UPDATE waiting_notice w SET reason = NULL, due_at = least(w.due_at, now()) WHERE w.audience = who; -- what waits is asked anew
END
$$;
COMMENT ON FUNCTION @extschema@.set_attention IS
$c$How much a principal wants to hear of alerts, and when; all of it is said each time, what is left out has its default. quiet: hours
without messages, by the clock of the person (set_language has the zone); quiet_days: whole days, 1 is Monday. messages_per_day: what is over
it comes together at digest_at. digest: off, daily, weekly (Mondays), or a time of day: everything in one message, at digest_at (08:00).
group_for: how long an alert waits for others of its rule (0); group_from: so many at once come as one message (4). Urgent alerts pass all of
it. Errors: RM001 no such principal or digest, RM005.
Example: SELECT crm.set_attention('anna', messages_per_day => 10, quiet => '22:00-07:00', quiet_days => '{6,7}');$c$;

CREATE FUNCTION @extschema@.attention_of(principal text, OUT a @extschema@.attention, OUT zone text)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    SELECT x.* INTO a FROM attention x WHERE x.principal = attention_of.principal;
    IF a.principal IS NULL THEN
        a := ROW(attention_of.principal, NULL, NULL, NULL, '{}', 'off', '08:00', '0', 4, now(), '')::attention;
    END IF;
    zone := coalesce((SELECT p.zone FROM principal p WHERE p.principal = attention_of.principal), default_zone());
END
$$;
COMMENT ON FUNCTION @extschema@.attention_of(text) IS 'What a principal set, or what holds for who set nothing; and the zone whose clock counts.';

CREATE FUNCTION @extschema@.is_quiet(a @extschema@.attention, zone text, at timestamptz)
RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT extract(isodow FROM l.there)::integer = ANY (a.quiet_days)
        OR coalesce(CASE WHEN a.quiet_from < a.quiet_until THEN l.there::time >= a.quiet_from AND l.there::time < a.quiet_until
                         ELSE l.there::time >= a.quiet_from OR l.there::time < a.quiet_until END, false)
    FROM (SELECT is_quiet.at AT TIME ZONE is_quiet.zone) l (there)
$$;
COMMENT ON FUNCTION @extschema@.is_quiet(@extschema@.attention, text, timestamptz) IS 'Whether an instant is in quiet hours, or on a quiet day, by the clock of a zone.';

-- From the end of one stretch of quiet to that of the next, where they follow each other; an hour that the clock skips or repeats is quiet
-- as long as what the clock shows is.
CREATE FUNCTION @extschema@.quiet_until(a @extschema@.attention, zone text, at timestamptz)
RETURNS timestamptz LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    there timestamp;
    next timestamptz;
    over timestamptz := at;
BEGIN
    WHILE is_quiet(a, zone, over) LOOP
        there := over AT TIME ZONE zone;
        next := CASE WHEN extract(isodow FROM there)::integer = ANY (a.quiet_days) THEN there::date + 1 + time '00:00'
                     ELSE there::date + (there::time >= a.quiet_until)::integer + a.quiet_until END AT TIME ZONE zone;
        over := CASE WHEN next > over THEN next ELSE over + interval '1 minute' END;
    END LOOP;
    RETURN over;
END
$$;
COMMENT ON FUNCTION @extschema@.quiet_until(@extschema@.attention, text, timestamptz) IS 'The first instant from this one on that is not quiet: itself, where it is not.';

-- From one digest_at to the next, so that what was over the budget comes as the first message of a new day.
CREATE FUNCTION @extschema@.attention_day(a @extschema@.attention, zone text, at timestamptz, OUT since timestamptz, OUT until timestamptz)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    day date := (at AT TIME ZONE zone)::date + 1;
BEGIN
    LOOP
        since := (day + a.digest_at) AT TIME ZONE zone;
        EXIT WHEN (since <= at) IS NOT FALSE; -- also where an argument is NULL
        until := since;
        day := day - 1;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.attention_day(@extschema@.attention, text, timestamptz) IS
'The day of a budget that an instant is in: from one digest_at to the next, by the clock of a zone.';

CREATE FUNCTION @extschema@.next_digest(a @extschema@.attention, zone text, at timestamptz)
RETURNS timestamptz LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    next timestamptz := at;
BEGIN
    LOOP
        next := (attention_day(a, zone, next)).until;
        EXIT WHEN (a.digest <> 'weekly' OR extract(isodow FROM next AT TIME ZONE zone) = 1) IS NOT FALSE;
    END LOOP;
    RETURN quiet_until(a, zone, next);
END
$$;
COMMENT ON FUNCTION @extschema@.next_digest(@extschema@.attention, text, timestamptz) IS
'When the next digest comes after an instant: that of the day, of a weekly one the next Monday''s, and not in quiet hours.';

SELECT @extschema@.set_audience('set_attention(text, integer, text, integer[], text, time, interval, integer)', 'admin');
