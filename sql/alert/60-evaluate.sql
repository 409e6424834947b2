-- Evaluation of a rule: reading, step of the state machine, alert, messages; all in the transaction of finish_rule.
CREATE FUNCTION @extschema@.rule_step(phase text, reading text, lasted interval, hold_for interval, clear_for interval) RETURNS text
    AS 'MODULE_PATHNAME', 'crm_rule_step_sql' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.rule_step IS
'The next phase of a rule (ok, pending, firing, held) after a reading (none, clear, between, breach), where it has been in its phase '
'for lasted, a breach must last for hold_for before it fires and be clear for clear_for before it resolves.';

CREATE FUNCTION @extschema@.usual_day(days double precision[], OUT middle double precision, OUT spread double precision,
                                      OUT score double precision, OUT used integer)
    AS 'MODULE_PATHNAME', 'crm_usual_day_sql' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION @extschema@.usual_day IS
'The last of days that follow each other against those before it (NULL: left out): the median of the same weekday, from six weeks on, or of all days, '
'the spread (1.4826 times the median distance from it) and how many spreads the day is off. NULL where there is too little to judge by.';

CREATE FUNCTION @extschema@.usual_hours(hours double precision[], counted boolean, begins integer, since integer, until integer, depth integer)
    RETURNS TABLE (n integer, value double precision, middle double precision, spread double precision, score double precision, used integer)
    AS 'MODULE_PATHNAME', 'crm_usual_hours_sql' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 ROWS 24;
COMMENT ON FUNCTION @extschema@.usual_hours IS
'usual_day of hours, of each from the since-th to the until-th, by up to depth hours before it, from the begins-th on: compared with the same hour of '
'the week, from six weeks on, else of the day. Of values that are counts (counted) the score is at most the distance in what chance makes of such a count.';

CREATE FUNCTION @extschema@.rule_reading(r @extschema@.rule, seen @extschema@.rule_sight, OUT reading text, OUT reason text)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    unusual CONSTANT boolean := r.kind = 'anomaly';
    -- the greater the worse
    sign CONSTANT integer := CASE r.direction WHEN 'below' THEN -1 WHEN 'either' THEN sign(seen.measured) ELSE 1 END;
    fire CONSTANT numeric := CASE WHEN unusual THEN r.fire_level ELSE sign * r.fire_level END;
    clear CONSTANT numeric := CASE WHEN unusual THEN r.clear_level ELSE sign * r.clear_level END;
BEGIN
    reading := CASE
        WHEN seen.reading IS NOT NULL THEN seen.reading
        WHEN seen.measured IS NULL OR seen.measured = 'NaN' THEN 'none'
        WHEN r.min_denominator IS NOT NULL AND coalesce(seen.denominator, 0) < r.min_denominator THEN 'none'
        WHEN sign * seen.measured > fire THEN 'breach'
        WHEN sign * seen.measured <= clear THEN 'clear'
        ELSE 'between' END;
    reason := CASE
        WHEN seen.reason IS NOT NULL THEN seen.reason
        WHEN reading = 'none' THEN format('denominator %s is less than %s', coalesce(seen.denominator, 0), r.min_denominator) END;
END
$$;
COMMENT ON FUNCTION @extschema@.rule_reading IS
'What a rule makes of what it saw: none (no number, or less than min_denominator behind it), breach, clear, or between the levels; and why.';

CREATE FUNCTION @extschema@.claim_rules(worker text, max_rows integer, lease interval, slow boolean DEFAULT NULL)
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
            AND (slow IS NULL OR (d.took_ms >= 1000) = slow)
          ORDER BY d.next_at, d.rule LIMIT max_rows FOR UPDATE OF d SKIP LOCKED) due
    WHERE s.rule = due.rule
    RETURNING s.rule, s.epoch;
END
$$;
COMMENT ON FUNCTION @extschema@.claim_rules IS
'For crmd: leases up to max_rows rules that are due, skipping what another daemon holds; slow: only those whose last evaluation took a second or '
'more (false: the others). A lease that ran out makes the rule '
'due again, under a new epoch.';

-- The change of phase, as a new or changed alert.
CREATE FUNCTION @extschema@.change_alert(r @extschema@.rule, s @extschema@.rule_state, phase text, now_seen @extschema@.rule_sight)
RETURNS @extschema@.alert_log LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    l alert_log;
    before text;
BEGIN
    IF s.phase = 'ok' THEN
        INSERT INTO alert_log (rule, subject, kpi, unit, state, value, numerator, denominator, compared, measured, level, direction,
                               period_since, period_until, since, fired_at, goal, reason, relation, record_key, clock, due_at, hour)
        VALUES (r.rule, s.subject, r.kpi, now_seen.unit, phase, now_seen.value, now_seen.numerator, now_seen.denominator,
                now_seen.compared, now_seen.measured, r.fire_level, r.direction, now_seen.since, now_seen.until, now(),
                CASE phase WHEN 'firing' THEN now() END, now_seen.goal, now_seen.reason, now_seen.relation, now_seen.record_key, now_seen.clock, now_seen.due_at, now_seen.hour)
        RETURNING * INTO l;
    ELSE
        SELECT a.state INTO STRICT before FROM alert_log a WHERE a.id = s.alert FOR UPDATE;
        UPDATE alert_log a
        SET state = CASE WHEN phase = 'firing' AND a.acknowledged_at IS NOT NULL THEN 'acknowledged' WHEN phase IN ('firing', 'held') THEN phase
                         WHEN before = 'pending' THEN 'lapsed' ELSE 'resolved' END,
            fired_at = CASE phase WHEN 'firing' THEN coalesce(a.fired_at, now()) ELSE a.fired_at END,
            resolved_at = CASE phase WHEN 'ok' THEN now() END,
            escalate_at = NULL,
            value = now_seen.value, numerator = now_seen.numerator, denominator = now_seen.denominator,
            compared = now_seen.compared, measured = now_seen.measured, reason = now_seen.reason,
            period_since = now_seen.since, period_until = now_seen.until, hour = now_seen.hour
        WHERE a.id = s.alert RETURNING * INTO l;
    END IF;
    PERFORM record_transition(l, before);
    RETURN l;
END
$$;
COMMENT ON FUNCTION @extschema@.change_alert IS 'Writes the alert and the transition that follow from a changed phase; returns the alert.';

-- Messages to everybody who is subscribed and may see the numbers. The end of an alert goes to those who heard of it; what was not told yet is
-- not told any more, but for digests, which say what was.
CREATE FUNCTION @extschema@.announce(l @extschema@.alert_log, type text, at timestamptz DEFAULT pg_catalog.now())
RETURNS integer LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF type <> 'alert.resolved' THEN
        RETURN tell_alert(l, type, ARRAY(SELECT r.endpoint FROM alert_recipient(l.rule, l.kpi, l.unit, at) r), at => at);
    END IF;
    DELETE FROM waiting_notice w WHERE w.alert = l.id AND w.type <> announce.type AND w.reason IS DISTINCT FROM 'digest';
    RETURN tell_alert(l, type, ARRAY(SELECT DISTINCT t.endpoint FROM alert_told t JOIN endpoint e ON (e.endpoint, e.audience) = (t.endpoint, t.audience)
                                     WHERE t.alert = l.id AND NOT EXISTS (SELECT FROM delivery_history h WHERE h.id = t.delivery AND h.state = 'cancelled')), at => at);
END
$$;
COMMENT ON FUNCTION @extschema@.announce IS 'Tells an alert to all who are subscribed and may see its number, its end to all who heard of it; returns to how many endpoints.';

-- Of rules that name a rule, the open alert that keeps an alert from being sent: of the same unit or one above.
CREATE FUNCTION @extschema@.inhibiting_alert(l @extschema@.alert_log)
RETURNS bigint LANGUAGE plpgsql STABLE PARALLEL SAFE COST 1000
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    named CONSTANT text[] := (SELECT r.inhibited_by FROM rule r WHERE r.rule = l.rule);
BEGIN
    IF named = '{}' THEN
        RETURN NULL;
    END IF;
    RETURN (SELECT a.id FROM alert_log a JOIN units_above(l.unit) u ON u.unit = a.unit
            WHERE a.rule = ANY (named) AND a.state IN ('firing', 'acknowledged', 'held') AND a.id <> l.id AND (a.rule <> l.rule OR u.distance > 0)
            ORDER BY u.distance, a.id LIMIT 1);
END
$$;
COMMENT ON FUNCTION @extschema@.inhibiting_alert IS 'The open alert that keeps an alert from being sent, by the inhibited_by of its rule; NULL where there is none.';

-- Kept like a change of state: when it became so, why, and when it was over.
CREATE FUNCTION @extschema@.suppress_alert(l @extschema@.alert_log, why text, detail text)
RETURNS void LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    was CONSTANT text := coalesce(l.suppressed, l.state);
    shown alert_log := l;
BEGIN
    IF l.suppressed IS NOT DISTINCT FROM why THEN
        RETURN;
    END IF;
    UPDATE alert_log a SET suppressed = why WHERE a.id = l.id;
    shown.state := coalesce(why, l.state);
    PERFORM record_transition(shown, was, NULL, detail);
END
$$;
COMMENT ON FUNCTION @extschema@.suppress_alert IS 'Notes that an alert is not sent for now (silenced, inhibited), or is free again (why NULL), with its transition.';

-- What is to be said after an evaluation. An alert that nobody heard of yet (silence, inhibition, no subscription, no right) is told
-- as soon as somebody may hear it; its end is told to those who heard of it, in a silence too.
CREATE FUNCTION @extschema@.announce_state(l @extschema@.alert_log)
RETURNS void LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    silent timestamptz;
    cause bigint;
BEGIN
    IF l.state = 'resolved' THEN
        PERFORM announce(l, 'alert.resolved');
    ELSIF l.state = 'firing' AND NOT EXISTS (SELECT FROM waiting_notice w WHERE w.alert = l.id) AND NOT EXISTS (SELECT FROM alert_told t WHERE t.alert = l.id) THEN
        silent := silenced_until(l.rule, l.kpi, l.unit);
        cause := inhibiting_alert(l);
        IF silent IS NOT NULL THEN
            PERFORM suppress_alert(l, 'silenced', format('until %s', iso_time(silent)));
        ELSIF cause IS NOT NULL THEN
            PERFORM suppress_alert(l, 'inhibited', format('by alert %s', cause));
        ELSE
            PERFORM suppress_alert(l, NULL, NULL);
            IF announce(l, 'alert.firing') > 0 THEN -- told with the number of now
                UPDATE alert_log a
                SET value = l.value, numerator = l.numerator, denominator = l.denominator, compared = l.compared, measured = l.measured,
                    reason = l.reason, period_since = l.period_since, period_until = l.period_until, hour = l.hour
                WHERE a.id = l.id AND a IS DISTINCT FROM l;
            END IF;
        END IF;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.announce_state IS 'Writes the messages that the state of an alert asks for and that were not written yet.';

-- What fires again and again has to be quiet for longer: then there are at most about flap_limit alerts in flap_within.
CREATE FUNCTION @extschema@.flap_brake(flap_limit integer, flap_within interval, times bigint)
RETURNS interval LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN times >= flap_limit THEN flap_within / flap_limit ELSE interval '0' END;
COMMENT ON FUNCTION @extschema@.flap_brake IS 'How long what fired so many times within flap_within must be clear at least before it resolves.';

-- One thing that a rule watches: its state, alert and messages follow what was seen.
CREATE FUNCTION @extschema@.evaluate_subject(r @extschema@.rule, seen @extschema@.rule_sight)
RETURNS text LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE COST 100000
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    s rule_state;
    l alert_log;
    meant record;
    brake interval := '0';
    next_phase text;
BEGIN
    INSERT INTO rule_state (rule, subject, unit, phase, since, reading, transition, evaluated_at)
    VALUES (r.rule, seen.subject, seen.unit, 'ok', now(), 'none',
            coalesce((SELECT max(t.transition) FROM alert_transition t WHERE (t.rule, t.subject) = (r.rule, seen.subject)), 0), now())
    ON CONFLICT DO NOTHING;
    SELECT * INTO STRICT s FROM rule_state x WHERE (x.rule, x.subject) = (r.rule, seen.subject) FOR UPDATE;
    SELECT * INTO meant FROM rule_reading(r, seen);
    IF s.phase <> 'ok' AND seen.relation IS NOT NULL THEN -- a record has moved, or its clock is another since a merge
        UPDATE alert_log a SET due_at = seen.due_at, unit = seen.unit WHERE a.id = s.alert AND (a.due_at, a.unit) IS DISTINCT FROM (seen.due_at, seen.unit);
    END IF;
    IF s.phase IN ('firing', 'held') THEN
        brake := flap_brake(r.flap_limit, r.flap_within, (SELECT count(*) FROM alert_log a WHERE (a.rule, a.subject) = (r.rule, seen.subject)
                                                                                             AND a.fired_at > now() - r.flap_within));
    END IF;
    next_phase := rule_step(s.phase, meant.reading, now() - s.since, r.hold_for, greatest(r.clear_for, brake));
    IF next_phase = 'held' AND brake > r.clear_for THEN
        seen.reason := coalesce(seen.reason, format('it fired %s times or more within %s', r.flap_limit, r.flap_within));
    END IF;
    IF next_phase <> s.phase THEN
        l := change_alert(r, s, next_phase, seen);
    ELSIF s.phase <> 'ok' THEN -- still open: told with the number of now, where it was not told yet
        SELECT * INTO STRICT l FROM alert_log a WHERE a.id = s.alert;
        l.value := seen.value;
        l.numerator := seen.numerator;
        l.denominator := seen.denominator;
        l.compared := seen.compared;
        l.measured := seen.measured;
        l.reason := seen.reason;
        l.period_since := seen.since;
        l.period_until := seen.until;
        l.hour := seen.hour;
    END IF;
    UPDATE rule_state x
    SET phase = next_phase, since = CASE next_phase WHEN x.phase THEN x.since ELSE now() END, reading = meant.reading,
        detail = coalesce(meant.reason, seen.reason), unit = seen.unit, alert = CASE WHEN next_phase <> 'ok' THEN l.id END, evaluated_at = now()
    WHERE (x.rule, x.subject) = (s.rule, s.subject);
    IF meant.reading <> 'none' THEN
        PERFORM announce_state(l);
    END IF;
    PERFORM plan_escalation(l);
    IF next_phase = 'ok' AND seen.relation IS NOT NULL THEN -- records come and go; the next time it goes on where its transitions ended
        DELETE FROM rule_state x WHERE (x.rule, x.subject) = (s.rule, s.subject);
    END IF;
    RETURN CASE meant.reading WHEN 'none' THEN 'no_data' ELSE next_phase END;
END
$$;
COMMENT ON FUNCTION @extschema@.evaluate_subject IS
'Moves the state of one thing that a rule watches by what was seen of it: state machine, alert, messages. Returns ok, pending, firing, held or no_data.';

-- What is not watched any more (a unit that was moved or retired, a goal that is over) ends, with the numbers that it had.
CREATE FUNCTION @extschema@.lost_sight(r @extschema@.rule, subjects text[])
RETURNS SETOF @extschema@.rule_sight LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 10 COST 1000
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT l.subject, l.unit, l.value, l.numerator, l.denominator, l.compared, l.measured, 'clear',
           CASE WHEN l.relation IS NULL THEN 'it is not watched any more' ELSE 'it is done, paused or not watched any more' END,
           l.period_since, l.period_until, l.goal, l.relation, l.record_key, l.clock, l.due_at, l.hour
    FROM rule_state s JOIN alert_log l ON l.id = s.alert
    WHERE s.rule = r.rule AND s.phase <> 'ok' AND s.subject <> ALL (subjects) ORDER BY s.subject;
END
$$;
COMMENT ON FUNCTION @extschema@.lost_sight IS 'What an evaluation makes of open alerts whose subject it did not see: it is over.';

CREATE FUNCTION @extschema@.evaluate_rule(r @extschema@.rule)
RETURNS text LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE COST 100000
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    ranks CONSTANT text[] := ARRAY['no_data', 'ok', 'pending', 'held', 'firing'];
    seen rule_sight;
    subjects text[] := '{}';
    worst text := 'ok';
    became text;
BEGIN
    FOR seen IN SELECT * FROM see_rule(r, kpi_today()) LOOP
        became := evaluate_subject(r, seen);
        worst := CASE WHEN subjects = '{}' OR array_position(ranks, became) > array_position(ranks, worst) THEN became ELSE worst END;
        subjects := subjects || seen.subject;
    END LOOP;
    FOR seen IN SELECT * FROM lost_sight(r, subjects) LOOP
        PERFORM evaluate_subject(r, seen);
    END LOOP;
    PERFORM write_due(r.rule, 1000000);
    RETURN worst;
END
$$;
COMMENT ON FUNCTION @extschema@.evaluate_rule IS
'Evaluates a rule, each thing that it watches by itself. Returns the gravest of firing, held, pending and ok; no_data where nothing had a number.';

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
    SET leased_by = NULL, leased_until = NULL, next_at = greatest(now() + r.every, CASE r.grain WHEN 'hour' THEN hour_over(kpi_zone(r.kpi)) END), failures = 0, error = NULL,
        took_ms = extract(epoch FROM clock_timestamp() - statement_timestamp()) * 1000
    WHERE s.rule = finish_rule.rule;
    RETURN state;
END
$$;
COMMENT ON FUNCTION @extschema@.finish_rule IS
'For crmd: evaluates a claimed rule and releases it, in one transaction: state, alert, transition and messages. Returns ok, '
'pending, firing, held, no_data, or stale where the epoch is not the last one: then nothing was changed.';

CREATE FUNCTION @extschema@.fail_rule(rule text, epoch bigint, error text, took_ms integer DEFAULT NULL)
RETURNS boolean LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_column
BEGIN
    UPDATE rule_schedule s
    SET leased_by = NULL, leased_until = NULL, failures = s.failures + 1, error = left(fail_rule.error, 1000), failed_at = now(),
        took_ms = greatest(s.took_ms, fail_rule.took_ms),
        next_at = now() + greatest(r.every, least(r.every * power(2, least(s.failures, 12)), interval '1 hour'))
    FROM rule r
    WHERE s.rule = fail_rule.rule AND s.epoch = fail_rule.epoch AND s.leased_until IS NOT NULL AND r.rule = s.rule;
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION @extschema@.fail_rule IS
'For crmd: releases a rule whose evaluation raised an error after took_ms, keeps the error for status, and waits longer each time, up to an '
'hour. False where the epoch is stale.';
