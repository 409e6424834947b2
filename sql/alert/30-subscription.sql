-- Who hears about what, and when not.
CREATE TABLE @extschema@.subscription (
    subscription bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    principal    text,
    endpoint     text REFERENCES @extschema@.endpoint ON DELETE CASCADE,
    rule         text REFERENCES @extschema@.rule ON DELETE CASCADE,
    kpi          text,
    unit         text,
    created_at   timestamptz NOT NULL DEFAULT pg_catalog.now(),
    created_by   text NOT NULL,
    CHECK ((principal IS NULL) <> (endpoint IS NULL)),
    UNIQUE NULLS NOT DISTINCT (principal, endpoint, rule, kpi, unit)
);
COMMENT ON TABLE @extschema@.subscription IS 'who hears of which alerts; a principal stands for all endpoints whose audience it is';

CREATE TABLE @extschema@.silence (
    silence    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rule       text REFERENCES @extschema@.rule ON DELETE CASCADE,
    kpi        text,
    unit       text,
    since      timestamptz NOT NULL DEFAULT pg_catalog.now(),
    until      timestamptz NOT NULL,
    comment    text,
    created_by text NOT NULL
);
COMMENT ON TABLE @extschema@.silence IS 'times in which alerts are kept but not sent';

-- Raises unless rule, KPI and unit exist where they are given; returns the unit's key.
CREATE FUNCTION @extschema@.check_scope(rule text, kpi text, unit text)
RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    IF rule IS NOT NULL AND NOT EXISTS (SELECT FROM rule r WHERE r.rule = check_scope.rule) THEN
        PERFORM raise_unknown('rule', rule, ARRAY(SELECT r.rule FROM rule r));
    END IF;
    IF kpi IS NOT NULL AND NOT EXISTS (SELECT FROM kpi k WHERE k.kpi = check_scope.kpi) THEN
        PERFORM raise_unknown('KPI', kpi, ARRAY(SELECT k.kpi FROM kpi k));
    END IF;
    IF unit IS NOT NULL AND resolve_unit(unit) IS NULL THEN
        PERFORM raise_unknown('unit', unit, ARRAY(SELECT u.unit FROM unit u));
    END IF;
    RETURN resolve_unit(unit);
END
$$;
COMMENT ON FUNCTION @extschema@.check_scope IS 'Raises RM001 unless rule, KPI and unit exist where given; returns the unit''s key.';

CREATE FUNCTION @extschema@.subscribe(
    principal text DEFAULT NULL,
    endpoint text DEFAULT NULL,
    rule text DEFAULT NULL,
    kpi text DEFAULT NULL,
    unit text DEFAULT NULL)
RETURNS bigint LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    who text := resolve_principal(principal);
    the_unit text := check_scope(rule, kpi, unit);
    id bigint;
BEGIN
    IF (principal IS NULL) = (endpoint IS NULL) THEN
        RAISE EXCEPTION 'a subscription needs a principal or an endpoint, and not both'
            USING ERRCODE = 'RM005', HINT = 'Write endpoint => ''sales-desk'', or principal => ''anna''.';
    END IF;
    IF principal IS NOT NULL AND who IS NULL THEN
        PERFORM raise_unknown('principal', principal, ARRAY(SELECT p.principal FROM principal p));
    END IF;
    IF endpoint IS NOT NULL AND NOT EXISTS (SELECT FROM endpoint e WHERE e.endpoint = subscribe.endpoint) THEN
        PERFORM raise_unknown('endpoint', endpoint, ARRAY(SELECT e.endpoint FROM endpoint e));
    END IF;
    PERFORM note_blind_audience(coalesce(who, (SELECT e.audience FROM endpoint e WHERE e.endpoint = subscribe.endpoint)),
                                coalesce(the_unit, (SELECT r.unit FROM rule r WHERE r.rule = subscribe.rule), root_unit()));
    INSERT INTO subscription (principal, endpoint, rule, kpi, unit, created_by)
    VALUES (who, endpoint, rule, kpi, the_unit, caller()::text)
    ON CONFLICT DO NOTHING RETURNING subscription INTO id;
    RETURN coalesce(id, (SELECT s.subscription FROM subscription s
                         WHERE (s.principal, s.endpoint, s.rule, s.kpi, s.unit)
                               IS NOT DISTINCT FROM (who, endpoint, rule, kpi, the_unit)));
END
$$;
COMMENT ON FUNCTION @extschema@.subscribe IS
$c$Sends the alerts of a rule, of a KPI, of a unit and everything below it, or of all that are given together (of
everything where none is), to an endpoint or to every endpoint whose audience is the principal. Twice is once. Returns
the subscription's number. Example: SELECT crm.subscribe(principal => 'anna', kpi => 'win_rate', unit => 'emea');$c$;

-- Rights may follow later, so this is no error; but somebody who waits for messages should know.
CREATE FUNCTION @extschema@.note_blind_audience(audience text, unit text)
RETURNS void LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF NOT audience_may(audience, ARRAY[unit]) THEN
        RAISE NOTICE 'principal "%" may not see the numbers of unit "%": nothing about it is sent there', audience, unit
            USING HINT = 'A role with grant_privilege(role, ''kpi'', ''total'', ''below'') and a membership with add_member give that right.';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.note_blind_audience IS 'Notes that a subscription brings nothing as long as the audience may not see the unit''s numbers.';

CREATE FUNCTION @extschema@.unsubscribe(subscription bigint)
RETURNS boolean LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    DELETE FROM subscription s WHERE s.subscription = unsubscribe.subscription;
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION @extschema@.unsubscribe IS 'Ends a subscription; false where there was none of that number.';

CREATE FUNCTION @extschema@.silence(
    until timestamptz,
    rule text DEFAULT NULL,
    kpi text DEFAULT NULL,
    unit text DEFAULT NULL,
    comment text DEFAULT NULL)
RETURNS bigint LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    the_unit text := check_scope(rule, kpi, unit);
    id bigint;
BEGIN
    IF until IS NULL OR until <= now() OR NOT isfinite(until) THEN
        RAISE EXCEPTION 'a silence needs an end in the future'
            USING ERRCODE = 'RM005', HINT = 'Write until => now() + interval ''2 hours''.';
    END IF;
    INSERT INTO silence (rule, kpi, unit, until, comment, created_by)
    VALUES (rule, kpi, the_unit, until, comment, coalesce(current_principal(), caller()::text))
    RETURNING silence INTO id;
    RETURN id;
END
$$;
COMMENT ON FUNCTION @extschema@.silence IS
$c$Until then nothing is sent about the rule, the KPI, the unit and everything below it, or what all that are given have
in common (everything where none is). Alerts are kept; one that still fires at the end is sent then. Returns its number.
Example: SELECT crm.silence(now() + interval '2 hours', rule => 'win-rate-low', comment => 'reorganisation');$c$;

-- Whether a scope (of a subscription or a silence) covers an alert; NULL in the scope means any.
CREATE FUNCTION @extschema@.scope_covers(
    scope_rule text, scope_kpi text, scope_unit text,
    rule text, kpi text, unit text)
RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE COST 1000
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN (scope_rule IS NULL OR scope_rule = rule)
       AND (scope_kpi IS NULL OR scope_kpi = kpi)
       AND (scope_unit IS NULL
            OR EXISTS (SELECT FROM units_above(unit) a WHERE a.unit = scope_unit));
END
$$;
COMMENT ON FUNCTION @extschema@.scope_covers IS 'Whether the scope of a subscription or silence covers an alert.';

CREATE FUNCTION @extschema@.alert_recipient(rule text, kpi text, unit text)
RETURNS TABLE (endpoint text, audience text)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 10 COST 1000
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT DISTINCT e.endpoint, e.audience
    FROM subscription s
    JOIN endpoint e ON e.endpoint = s.endpoint OR e.audience = s.principal
    WHERE e.enabled
      AND scope_covers(s.rule, s.kpi, s.unit, alert_recipient.rule, alert_recipient.kpi, alert_recipient.unit)
    ORDER BY 1;
END
$$;
COMMENT ON FUNCTION @extschema@.alert_recipient IS 'The endpoints subscribed to the alerts of a rule, KPI and unit, rights not asked.';

CREATE FUNCTION @extschema@.silenced_until(rule text, kpi text, unit text)
RETURNS timestamptz LANGUAGE plpgsql STABLE PARALLEL SAFE COST 1000
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN (SELECT max(s.until) FROM silence s
            WHERE now() >= s.since AND now() < s.until
              AND scope_covers(s.rule, s.kpi, s.unit, silenced_until.rule, silenced_until.kpi, silenced_until.unit));
END
$$;
COMMENT ON FUNCTION @extschema@.silenced_until IS 'Until when silences of now cover the alerts of a rule, KPI and unit; NULL where none does.';
