-- Service levels: how long something may take. Definitions only; the clocks that go by them are made in 37-clock.sql.

CREATE TABLE @extschema@.sla (
    sla text NOT NULL,
    version integer NOT NULL,
    entity text NOT NULL,
    clock text NOT NULL,
    condition text NOT NULL,
    target interval,
    calendar text,
    pause_stages text[] NOT NULL,
    warn_at numeric NOT NULL,
    "position" integer NOT NULL,
    timed boolean NOT NULL,
    fallible boolean NOT NULL,
    since timestamptz NOT NULL,
    until timestamptz NOT NULL DEFAULT 'infinity',
    PRIMARY KEY (sla, version)
);
COMMENT ON TABLE @extschema@.sla IS
'Service levels, each version a row that never changes but for its end. A version is for clocks that start from since on and before '
'until. target NULL: the time is measured, nothing is promised. timed false: what matches has no such clock. fallible: evaluating the condition could raise an error.';
SELECT pg_catalog.pg_extension_config_dump('@extschema@.sla', '');

-- The name of a clock, checked.
CREATE FUNCTION @extschema@.check_clock(entity text, clock text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    attributes CONSTANT text[] := ARRAY(SELECT e.attribute FROM entity_attribute e WHERE e.entity = check_clock.entity);
    known text[] := CASE WHEN 'resolved_at' = ANY (attributes) THEN ARRAY['first_response', 'resolution'] ELSE '{}' END
                    || CASE WHEN 'promised_on' = ANY (attributes) THEN ARRAY['promise'] ELSE '{}' END;
    named CONSTANT text := split_part(clock, ':', 2);
BEGIN
    IF attributes = '{}' THEN
        PERFORM raise_unknown('entity', coalesce(entity, ''), ARRAY(SELECT e.entity FROM entity e));
    ELSIF 'stage' <> ALL (attributes) THEN
        RAISE EXCEPTION 'records of entity % have no stages, and so no clocks', entity
            USING ERRCODE = 'RM005', HINT = 'Clocks are for tickets, leads, opportunities, projects and subscriptions.';
    ELSIF clock LIKE 'milestone:%' AND NOT EXISTS (SELECT FROM milestone m WHERE m.milestone = named) THEN
        PERFORM raise_unknown('milestone', named, ARRAY(SELECT m.milestone FROM milestone m));
    ELSIF clock LIKE 'stage:%' AND NOT EXISTS (SELECT FROM funnel_stage s WHERE s.stage = named) THEN
        PERFORM raise_unknown('stage', named, ARRAY(SELECT DISTINCT s.stage FROM funnel_stage s));
    ELSIF clock IS NULL OR clock NOT LIKE 'milestone:%' AND clock NOT LIKE 'stage:%' AND clock <> ALL (known) THEN
        PERFORM raise_unknown(format('clock of entity %s', entity), coalesce(clock, ''), known || '{stage:KEY,milestone:KEY}'::text[]);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.check_clock(text, text) IS
'Raises RM001 for what is no clock of an entity, naming those that are, RM005 for an entity whose records have no stages.';
SELECT @extschema@.set_audience('check_clock(text, text)', 'internal');

CREATE FUNCTION @extschema@.check_sla(key text, entity text, condition text, clock text, target interval, calendar text,
                                      pause_stages text[], warn_at numeric) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    attributes text[];
    kinds text[];
    wrong text;
BEGIN
    IF coalesce(btrim(key), '') = '' THEN
        RAISE EXCEPTION 'a service level needs a key' USING ERRCODE = 'RM005',
            HINT = 'For example set_sla(''urgent'', ''ticket'', ''priority = ''''high'''''', ''resolution'', ''8 hours'').';
    END IF;
    PERFORM check_clock(entity, clock);
    SELECT array_agg(a.attribute ORDER BY a.attribute), array_agg(a.kind ORDER BY a.attribute) INTO attributes, kinds
    FROM entity_attribute a WHERE a.entity = check_sla.entity;
    PERFORM check_expression(entity, attributes, kinds, condition, 'filter');
    IF extract(month FROM target) <> 0 OR extract(year FROM target) <> 0 OR extract(day FROM target) <> 0
       OR target < interval '0' OR target = interval '0' AND clock <> 'promise' OR target > interval '100000 hours' THEN
        RAISE EXCEPTION 'the target of service level "%" is no time of work: %', key, target
            USING ERRCODE = 'RM005', DETAIL = 'It is given in hours, minutes and seconds, above zero, since how long a day of work is depends on the calendar.',
                  HINT = 'For two days of eight hours write ''16 hours''; of a clock that never stands still a day is ''24 hours''.';
    ELSIF warn_at IS NULL OR NOT (warn_at > 0 AND warn_at <= 1) THEN
        RAISE EXCEPTION 'warn_at of service level "%" is not a share of its target: %', key, warn_at
            USING ERRCODE = 'RM005', HINT = 'For example 0.8, to be warned when four fifths of the time are used.';
    ELSIF calendar <> 'default' AND NOT EXISTS (SELECT FROM calendar c WHERE c.calendar = check_sla.calendar) THEN
        PERFORM raise_unknown('calendar', calendar, ARRAY(SELECT c.calendar FROM calendar c));
    END IF;
    SELECT p INTO wrong FROM unnest(coalesce(pause_stages, '{}')) p
    WHERE p IS NULL OR NOT EXISTS (SELECT FROM funnel f WHERE resolve_stage(f.funnel, p) IS NOT NULL) LIMIT 1;
    IF FOUND THEN
        PERFORM raise_unknown('stage', coalesce(wrong, ''), ARRAY(SELECT DISTINCT s.stage FROM funnel_stage s));
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.check_sla(text, text, text, text, interval, text, text[], numeric) IS
'Raises what is wrong with a service level: RM001, RM005, RM401.';
SELECT @extschema@.set_audience('check_sla(text, text, text, text, interval, text, text[], numeric)', 'internal');

CREATE FUNCTION @extschema@.condition_may_fail(attributes text[], kinds text[], condition text) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_condition_may_fail' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.condition_may_fail(text[], text[], text) IS
'Whether an expression over attributes of these kinds could raise an error for some row: it calls something that is not leakproof.';
SELECT @extschema@.set_audience('condition_may_fail(text[], text[], text)', 'internal');

CREATE FUNCTION @extschema@.set_sla(key text, entity text, condition text, clock text, target interval,
                                    calendar text DEFAULT 'default', pause_stages text[] DEFAULT '{}', warn_at numeric DEFAULT 0.8,
                                    "position" integer DEFAULT 100, since timestamptz DEFAULT NULL, timed boolean DEFAULT true)
    RETURNS integer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    last sla;
    begins timestamptz;
BEGIN
    condition := coalesce(condition, 'true');
    PERFORM check_sla(key, entity, condition, clock, target, calendar, pause_stages, warn_at);
    PERFORM lock_current('sla');
    SELECT * INTO last FROM sla s WHERE s.sla = key ORDER BY s.version DESC LIMIT 1;
    begins := coalesce(set_sla.since, CASE WHEN last.sla IS NULL THEN '-infinity'::timestamptz ELSE now() END);
    IF last.sla IS NOT NULL AND (last.entity <> set_sla.entity OR last.clock <> set_sla.clock) THEN
        RAISE EXCEPTION 'service level "%" is for the clock % of entity %', key, last.clock, last.entity
            USING ERRCODE = 'RM005', HINT = 'Give another one another key, and end this one with retire_sla.';
    ELSIF begins < last.since OR begins = last.since AND isfinite(begins) AND begins <> now() OR begins = 'infinity' THEN
        RAISE EXCEPTION 'version % of service level "%" holds from % on, which is not before %', last.version, key, last.since, begins
            USING ERRCODE = 'RM005', DETAIL = 'Clocks keep the version that held when they started.',
                  HINT = 'Leave since out: the new version is for clocks that start from now on.';
    END IF;
    UPDATE sla s SET until = least(s.until, begins) WHERE s.sla = key AND s.version = last.version;
    INSERT INTO sla (sla, version, entity, clock, condition, target, calendar, pause_stages, warn_at, "position", timed, fallible,
                     since)
    VALUES (key, coalesce(last.version, 0) + 1, entity, clock, condition, target, calendar, coalesce(pause_stages, '{}'), warn_at,
            "position", timed,
            (SELECT condition_may_fail(array_agg(e.attribute), array_agg(e.kind), set_sla.condition) FROM entity_attribute e WHERE e.entity = set_sla.entity),
            begins);
    PERFORM attach_clocks(a.relation) FROM adoption a WHERE a.entity = set_sla.entity ORDER BY a.relation::oid;
    PERFORM note_clocks(set_sla.entity, begins);
    RETURN coalesce(last.version, 0) + 1;
END
$$;
COMMENT ON FUNCTION @extschema@.set_sla(text, text, text, text, interval, text, text[], numeric, integer, timestamptz, boolean) IS
'Sets a service level, or a new version of one, and returns the version. condition is an immutable expression over the attributes of the '
'entity (true, or NULL, for all records). clock: first_response and resolution of tickets, promise of projects (due at the end of promised_on, and '
'target later), stage:KEY (time in a stage) and milestone:KEY (from the beginning to the milestone) of any record with stages. target is '
'working time, in hours; NULL measures and promises nothing. calendar: whose working hours count; one without hours, and "default" where '
'it does not exist, counts all time, NULL too. The clock stands still in pause_stages. warn_at is the share of the target at which it is in '
'warning. Of several that match the lowest position counts, then the key. A version is for clocks that start from since on: the first '
'one from the beginning, later ones from now on unless since says otherwise; a clock keeps the version that held when it started, and '
'from when it ends the service level that it had. Where the condition raises an error on a record, that clock of the record is broken, as '
'sla_clock and status say, unless another level comes first; other records go on. timed false: records that match have no such clock at all. Errors: RM001 unknown '
'entity, clock, calendar or stage, RM005, RM401 condition. Example: SELECT crm.set_sla(''urgent'', ''ticket'', ''priority = ''''high'''''', '
'''resolution'', ''8 hours'', pause_stages => ''{waiting}'');';
SELECT @extschema@.set_audience('set_sla(text, text, text, text, interval, text, text[], numeric, integer, timestamptz, boolean)', 'admin');

CREATE FUNCTION @extschema@.retire_sla(key text, at timestamptz DEFAULT now()) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    last sla;
BEGIN
    PERFORM lock_current('sla');
    SELECT * INTO last FROM sla s WHERE s.sla = key ORDER BY s.version DESC LIMIT 1;
    IF NOT FOUND THEN
        PERFORM raise_unknown('service level', coalesce(key, ''), ARRAY(SELECT DISTINCT s.sla FROM sla s));
    ELSIF at IS NULL OR at < last.since THEN
        RAISE EXCEPTION 'service level "%" cannot end at %, before its version % of %', key, at, last.version, last.since
            USING ERRCODE = 'RM005', HINT = 'Leave at out to end it now.';
    END IF;
    UPDATE sla s SET until = least(s.until, at) WHERE s.sla = key AND s.version = last.version;
    PERFORM note_clocks(last.entity, at);
END
$$;
COMMENT ON FUNCTION @extschema@.retire_sla(text, timestamptz) IS
'Ends a service level: clocks that start from then on do not go by it; those that started before keep it. Errors: RM001, RM005.';
SELECT @extschema@.set_audience('retire_sla(text, timestamptz)', 'admin');
