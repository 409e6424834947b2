-- Evaluation of a rule: reading, step of the state machine, alert, messages; all in the transaction of finish_rule.
CREATE FUNCTION @extschema@.rule_step(phase text, reading text, held interval, hold_for interval) RETURNS text
    AS 'MODULE_PATHNAME', 'crm_rule_step_sql' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.rule_step IS
'The next phase of a rule (ok, pending, firing) after a reading (none, clear, between, breach), where it has been in its phase '
'for held and a breach must last for hold_for.';

CREATE FUNCTION @extschema@.rule_reading(rule @extschema@.rule, value numeric, denominator numeric)
RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    sign CONSTANT integer := CASE rule.direction WHEN 'below' THEN 1 ELSE -1 END;
BEGIN
    RETURN CASE
        WHEN value IS NULL OR value = 'NaN' THEN 'none'
        WHEN rule.min_denominator IS NOT NULL AND coalesce(denominator, 0) < rule.min_denominator THEN 'none'
        WHEN sign * value < sign * rule.fire_level THEN 'breach'
        WHEN sign * value >= sign * rule.clear_level THEN 'clear'
        ELSE 'between' END;
END
$$;
COMMENT ON FUNCTION @extschema@.rule_reading IS
'What a value means to a rule: none (no value, or less than min_denominator behind it), breach, clear, or between the levels.';

CREATE FUNCTION @extschema@.claim_rules(worker text, max_rows integer, lease interval)
RETURNS TABLE (rule text, epoch bigint)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 10 COST 1000
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM check_claim(worker, max_rows, lease);
    RETURN QUERY
    UPDATE rule_schedule s
    SET leased_by = worker, leased_until = now() + lease, epoch = s.epoch + 1
    FROM (SELECT d.rule FROM rule_schedule d JOIN rule r ON r.rule = d.rule
          WHERE r.enabled AND d.next_at <= now() AND (d.leased_until IS NULL OR d.leased_until <= now())
          ORDER BY d.next_at, d.rule LIMIT max_rows FOR UPDATE OF d SKIP LOCKED) due
    WHERE s.rule = due.rule
    RETURNING s.rule, s.epoch;
END
$$;
COMMENT ON FUNCTION @extschema@.claim_rules IS
'For crmd: leases up to max_rows rules that are due, skipping what another daemon holds. A lease that ran out makes the rule '
'due again, under a new epoch.';

-- The change of phase, as a new or changed alert. now_seen carries what was just read.
CREATE FUNCTION @extschema@.change_alert(r @extschema@.rule, s @extschema@.rule_state, phase text, now_seen @extschema@.alert_log)
RETURNS @extschema@.alert_log LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    l alert_log;
    before text;
BEGIN
    IF s.phase = 'ok' THEN
        INSERT INTO alert_log (rule, subject, kpi, unit, state, value, numerator, denominator, level, direction,
                               period_since, period_until, since, fired_at)
        VALUES (r.rule, s.subject, r.kpi, r.unit, phase, now_seen.value, now_seen.numerator, now_seen.denominator,
                r.fire_level, r.direction, now_seen.period_since, now_seen.period_until, now(),
                CASE phase WHEN 'firing' THEN now() END)
        RETURNING * INTO l;
    ELSE
        SELECT a.state INTO STRICT before FROM alert_log a WHERE a.id = s.alert FOR UPDATE;
        UPDATE alert_log a
        SET state = CASE WHEN phase = 'firing' THEN 'firing' WHEN before = 'pending' THEN 'lapsed' ELSE 'resolved' END,
            fired_at = CASE phase WHEN 'firing' THEN now() ELSE a.fired_at END,
            resolved_at = CASE phase WHEN 'ok' THEN now() END,
            value = now_seen.value, numerator = now_seen.numerator, denominator = now_seen.denominator,
            period_since = now_seen.period_since, period_until = now_seen.period_until
        WHERE a.id = s.alert RETURNING * INTO l;
    END IF;
    PERFORM record_transition(l, before);
    RETURN l;
END
$$;
COMMENT ON FUNCTION @extschema@.change_alert IS 'Writes the alert and the transition that follow from a changed phase; returns the alert.';

-- Messages to everybody who is subscribed and may see the numbers. Returns how many were written.
CREATE FUNCTION @extschema@.announce(l @extschema@.alert_log, type text)
RETURNS integer LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    number bigint := (SELECT s.transition FROM rule_state s WHERE (s.rule, s.subject) = (l.rule, l.subject));
    recipient record;
    message record;
    message_id text;
    written integer := 0;
BEGIN
    FOR recipient IN SELECT r.endpoint, r.audience, e.kind FROM alert_recipient(l.rule, l.kpi, l.unit) r JOIN endpoint e ON e.endpoint = r.endpoint LOOP
        CONTINUE WHEN NOT audience_may(recipient.audience, ARRAY[l.unit]);
        message := alert_message(l, type, recipient.audience);
        message_id := 'msg_' || replace(gen_random_uuid()::text, '-', '');
        INSERT INTO delivery_queue (message_id, alert, transition, type, rule, unit, units, endpoint, audience, body)
        VALUES (message_id, l.id, number, type, l.rule, l.unit, message.units, recipient.endpoint, recipient.audience,
                endpoint_body(recipient.kind, message.body::json, recipient.audience, message_id,
                              message_links(message.body::jsonb -> 'data', recipient.audience)));
        written := written + 1;
    END LOOP;
    IF written > 0 THEN
        UPDATE alert_log a SET announced = number WHERE a.id = l.id;
    END IF;
    RETURN written;
END
$$;
COMMENT ON FUNCTION @extschema@.announce IS 'Writes the messages about an alert to all who are subscribed and may see its number; returns how many.';

-- What is to be said after an evaluation. An alert that nobody heard of yet (silence, no subscription, no right) is told
-- as soon as somebody may hear it; its end is told to those who heard of it, in a silence too.
CREATE FUNCTION @extschema@.announce_state(l @extschema@.alert_log)
RETURNS void LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF l.state = 'resolved' AND l.announced IS NOT NULL THEN
        PERFORM announce(l, 'alert.resolved');
    ELSIF l.state = 'firing' AND l.announced IS NULL AND NOT silenced(l.rule, l.kpi, l.unit) THEN
        PERFORM announce(l, 'alert.firing');
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.announce_state IS 'Writes the messages that the state of an alert asks for and that were not written yet.';

-- Reads the KPI and moves the rule's state, alert and messages along. Returns ok, pending, firing or no_data.
CREATE FUNCTION @extschema@.evaluate_rule(r @extschema@.rule)
RETURNS text LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE COST 100000
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    s rule_state;
    l alert_log; -- what was read now, then the alert
    total record;
    seen text;
    next_phase text;
BEGIN
    INSERT INTO rule_state (rule, subject, phase, since, reading, evaluated_at)
    VALUES (r.rule, r.unit, 'ok', now(), 'none', now()) ON CONFLICT DO NOTHING;
    SELECT * INTO STRICT s FROM rule_state x WHERE (x.rule, x.subject) = (r.rule, r.unit) FOR UPDATE;
    SELECT p.since, p.until INTO l.period_since, l.period_until FROM rule_period(r.period, kpi_today()) p;
    SELECT * INTO total FROM kpi_total(r.kpi, r.unit, l.period_since, l.period_until);
    l.value := total.value;
    l.numerator := total.numerator;
    l.denominator := total.denominator;
    seen := rule_reading(r, total.value, total.denominator);
    next_phase := rule_step(s.phase, seen, now() - s.since, r.hold_for);
    IF next_phase <> s.phase THEN
        l := change_alert(r, s, next_phase, l);
    ELSIF s.phase <> 'ok' THEN -- still open: told with the number of now, where it was not told yet
        SELECT a.id, a.rule, a.subject, a.kpi, a.unit, a.state, a.level, a.direction, a.since, a.fired_at, a.announced
        INTO STRICT l.id, l.rule, l.subject, l.kpi, l.unit, l.state, l.level, l.direction, l.since, l.fired_at, l.announced
        FROM alert_log a WHERE a.id = s.alert;
    END IF;
    UPDATE rule_state x
    SET phase = next_phase, since = CASE next_phase WHEN x.phase THEN x.since ELSE now() END, reading = seen,
        detail = no_data_reason(r, seen, total.state, total.denominator),
        alert = CASE WHEN next_phase <> 'ok' THEN l.id END, evaluated_at = now()
    WHERE (x.rule, x.subject) = (s.rule, s.subject);
    IF seen <> 'none' THEN
        PERFORM announce_state(l);
    END IF;
    RETURN CASE seen WHEN 'none' THEN 'no_data' ELSE next_phase END;
END
$$;
COMMENT ON FUNCTION @extschema@.evaluate_rule IS
'Evaluates a rule: reads the KPI, steps the state machine, writes alert and messages. Returns ok, pending, firing or no_data.';

CREATE FUNCTION @extschema@.no_data_reason(r @extschema@.rule, seen text, state text, denominator numeric)
RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN CASE WHEN seen <> 'none' THEN NULL
                WHEN coalesce(denominator, 0) < r.min_denominator
                    THEN format('denominator %s is less than %s', coalesce(denominator, 0), r.min_denominator)
                ELSE format('no value: %s', coalesce(state, 'unknown')) END;
END
$$;
COMMENT ON FUNCTION @extschema@.no_data_reason IS 'Why a rule had no usable number; NULL where it had.';

CREATE FUNCTION @extschema@.finish_rule(rule text, epoch bigint)
RETURNS text LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE COST 100000
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_column
DECLARE
    r rule;
    state text;
BEGIN
    PERFORM FROM rule_schedule s
    WHERE s.rule = finish_rule.rule AND s.epoch = finish_rule.epoch AND s.leased_until IS NOT NULL FOR UPDATE;
    IF NOT FOUND THEN
        RETURN 'stale';
    END IF;
    SELECT * INTO STRICT r FROM rule x WHERE x.rule = finish_rule.rule;
    state := evaluate_rule(r);
    UPDATE rule_schedule s
    SET leased_by = NULL, leased_until = NULL, next_at = now() + r.every, failures = 0, error = NULL
    WHERE s.rule = finish_rule.rule;
    RETURN state;
END
$$;
COMMENT ON FUNCTION @extschema@.finish_rule IS
'For crmd: evaluates a claimed rule and releases it, in one transaction: state, alert, transition and messages. Returns ok, '
'pending, firing, no_data, or stale where the epoch is not the last one: then nothing was changed.';

CREATE FUNCTION @extschema@.fail_rule(rule text, epoch bigint, error text)
RETURNS boolean LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_column
BEGIN
    UPDATE rule_schedule s
    SET leased_by = NULL, leased_until = NULL, failures = s.failures + 1, error = left(fail_rule.error, 1000), failed_at = now(),
        next_at = now() + greatest(r.every, least(r.every * power(2, least(s.failures, 12)), interval '1 hour'))
    FROM rule r
    WHERE s.rule = fail_rule.rule AND s.epoch = fail_rule.epoch AND s.leased_until IS NOT NULL AND r.rule = s.rule;
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION @extschema@.fail_rule IS
'For crmd: releases a rule whose evaluation raised an error, keeps the error for status, and waits longer each time, up to an '
'hour. False where the epoch is stale.';
