-- Who hears about what, and when not.
CREATE TABLE @extschema@.subscription (
    subscription bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    principal    text,
    endpoint     text REFERENCES @extschema@.endpoint ON DELETE CASCADE,
    role         text REFERENCES @extschema@.role ON UPDATE CASCADE ON DELETE CASCADE,
    members_of   text REFERENCES @extschema@.unit ON UPDATE CASCADE ON DELETE CASCADE,
    rule         text REFERENCES @extschema@.rule ON DELETE CASCADE,
    kpi          text,
    unit         text,
    created_at   timestamptz NOT NULL DEFAULT pg_catalog.now(),
    created_by   text NOT NULL,
    CHECK (pg_catalog.num_nonnulls(principal, endpoint, role, members_of) = 1),
    UNIQUE NULLS NOT DISTINCT (principal, endpoint, role, members_of, rule, kpi, unit)
);
COMMENT ON TABLE @extschema@.subscription IS
'who hears of which alerts; a principal stands for all endpoints whose audience it is, a role and a unit for the principals who have it or are members then';
COMMENT ON COLUMN @extschema@.subscription.role IS 'whoever has this role in the alert''s unit or in one above it';
COMMENT ON COLUMN @extschema@.subscription.members_of IS 'whoever is a member of this unit or of one below it';

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
    unit text DEFAULT NULL,
    role text DEFAULT NULL,
    members_of text DEFAULT NULL)
RETURNS bigint LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    who text := resolve_principal(principal);
    the_unit text := check_scope(rule, kpi, unit);
    the_role text := CASE WHEN role IS NOT NULL THEN require_role(role) END;
    the_members text := CASE WHEN members_of IS NOT NULL THEN (require_unit(members_of)).unit END;
    id bigint;
BEGIN
    IF num_nonnulls(principal, endpoint, role, members_of) <> 1 THEN
        RAISE EXCEPTION 'a subscription needs a principal, an endpoint, a role or a unit''s members, and one of them'
            USING ERRCODE = 'RM005', HINT = 'Write endpoint => ''sales-desk'', principal => ''anna'', role => ''manager'', or members_of => ''sales''.';
    END IF;
    IF principal IS NOT NULL AND who IS NULL THEN
        PERFORM raise_unknown('principal', principal, ARRAY(SELECT p.principal FROM principal p));
    END IF;
    IF endpoint IS NOT NULL AND NOT EXISTS (SELECT FROM endpoint e WHERE e.endpoint = subscribe.endpoint) THEN
        PERFORM raise_unknown('endpoint', endpoint, ARRAY(SELECT e.endpoint FROM endpoint e));
    END IF;
    IF principal IS NOT NULL OR endpoint IS NOT NULL THEN
        PERFORM note_blind_audience(coalesce(who, (SELECT e.audience FROM endpoint e WHERE e.endpoint = subscribe.endpoint)),
                                    coalesce(the_unit, (SELECT r.unit FROM rule r WHERE r.rule = subscribe.rule), root_unit()));
    END IF;
    INSERT INTO subscription (principal, endpoint, role, members_of, rule, kpi, unit, created_by)
    VALUES (who, endpoint, the_role, the_members, rule, kpi, the_unit, caller()::text)
    ON CONFLICT DO NOTHING RETURNING subscription INTO id;
    RETURN coalesce(id, (SELECT s.subscription FROM subscription s
                         WHERE (s.principal, s.endpoint, s.role, s.members_of, s.rule, s.kpi, s.unit)
                               IS NOT DISTINCT FROM (who, endpoint, the_role, the_members, rule, kpi, the_unit)));
END
$$;
COMMENT ON FUNCTION @extschema@.subscribe IS
$c$Sends the alerts of a rule, of a KPI, of a unit and everything below it, or of all that are given together (of
everything where none is), to an endpoint; to every endpoint whose audience is the principal; to those of whoever has a role in the alert's
unit or in one above it; or to those of the members of a unit and of all below it. Who has a role and who is a member is asked when a
message is written. It grants nothing: who may not see the number is not told. Twice is once. Returns the subscription's number.
Errors: RM001 no such name, RM005 not one of the four. Example: SELECT crm.subscribe(principal => 'anna', kpi => 'win_rate', unit => 'emea');
SELECT crm.subscribe(role => 'manager', rule => 'win-rate-low');$c$;

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

CREATE FUNCTION @extschema@.end_silence(silence bigint)
RETURNS boolean LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    UPDATE silence s SET until = now() WHERE s.silence = end_silence.silence AND s.until > now();
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION @extschema@.end_silence IS
'Ends a silence before its time; what fires still is told with the next evaluation. False where none of that number was left. '
'Example: SELECT crm.end_silence(3);';

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

CREATE FUNCTION @extschema@.alert_subscriber(rule text, kpi text, unit text, at timestamptz DEFAULT pg_catalog.now())
RETURNS TABLE (subscription bigint, endpoint text, principal text, reason text)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 10 COST 1000
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH covering AS MATERIALIZED (
        SELECT s.* FROM subscription s
        WHERE scope_covers(s.rule, s.kpi, s.unit, alert_subscriber.rule, alert_subscriber.kpi, alert_subscriber.unit))
    SELECT s.subscription, s.endpoint, s.principal, CASE WHEN s.endpoint IS NULL THEN 'principal ' || s.principal ELSE 'endpoint ' || s.endpoint END
    FROM covering s WHERE s.principal IS NOT NULL OR s.endpoint IS NOT NULL
    UNION ALL
    SELECT s.subscription, NULL, h.principal, format('role %s in unit %s', h.role, h.unit)
    FROM covering s CROSS JOIN units_above(alert_subscriber.unit) u JOIN held_role h ON h.role = s.role AND h.unit = u.unit AND h.during @> at
    UNION ALL
    SELECT s.subscription, NULL, a.principal, format('member of unit %s', m.unit)
    FROM covering s CROSS JOIN LATERAL units_below(s.members_of) u JOIN membership m ON m.unit = u.unit AND m.during @> at
    JOIN acting_principal a ON a.acts_as = m.principal AND a.during @> at;
END
$$;
COMMENT ON FUNCTION @extschema@.alert_subscriber IS
'Whom subscriptions mean for the alerts of a rule, KPI and unit at an instant, an endpoint or a principal, and by what; rights not asked.';

CREATE FUNCTION @extschema@.alert_recipient(rule text, kpi text, unit text, at timestamptz DEFAULT pg_catalog.now())
RETURNS TABLE (endpoint text, audience text)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 10 COST 1000
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT DISTINCT e.endpoint, e.audience
    FROM alert_subscriber(alert_recipient.rule, alert_recipient.kpi, alert_recipient.unit, alert_recipient.at) s
    JOIN endpoint e ON e.endpoint = s.endpoint OR e.audience = s.principal
    WHERE e.enabled
    ORDER BY 1
$$;
COMMENT ON FUNCTION @extschema@.alert_recipient IS 'The endpoints subscribed to the alerts of a rule, KPI and unit at an instant, rights not asked.';

CREATE FUNCTION @extschema@.silenced_until(rule text, kpi text, unit text, at timestamptz DEFAULT pg_catalog.now())
RETURNS timestamptz LANGUAGE plpgsql STABLE PARALLEL SAFE COST 1000
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN (SELECT max(s.until) FROM silence s
            WHERE at >= s.since AND at < s.until
              AND scope_covers(s.rule, s.kpi, s.unit, silenced_until.rule, silenced_until.kpi, silenced_until.unit));
END
$$;
COMMENT ON FUNCTION @extschema@.silenced_until IS 'Until when silences of an instant cover the alerts of a rule, KPI and unit; NULL where none does.';
