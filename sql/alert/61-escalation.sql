-- Who is told next where nobody answers an alert. When an alert is looked at again stands in its row (escalate_at); what was told stands
-- beside it, one row for a step, written in the transaction that writes the messages: so a step is told once, however many daemons run.
CREATE TABLE @extschema@.escalation (
    rule       text NOT NULL REFERENCES @extschema@.rule ON DELETE CASCADE,
    after      interval NOT NULL CHECK (after > '0'),
    principal  text,
    role       text,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    created_by text NOT NULL,
    PRIMARY KEY (rule, after),
    CHECK ((principal IS NULL) <> (role IS NULL))
);
COMMENT ON TABLE @extschema@.escalation IS 'who is told of a rule''s alerts that nobody has answered, and after what time; set_escalation';

CREATE TABLE @extschema@.alert_escalation (
    alert  bigint NOT NULL REFERENCES @extschema@.alert_log ON DELETE CASCADE,
    after  interval NOT NULL,
    at     timestamptz NOT NULL DEFAULT pg_catalog.now(),
    meant  text NOT NULL,
    told   text[] NOT NULL,
    PRIMARY KEY (alert, after)
);
COMMENT ON TABLE @extschema@.alert_escalation IS 'the steps of alerts that nobody answered: when each was taken, and who was told then';
COMMENT ON COLUMN @extschema@.alert_escalation.meant IS 'the principal or the role that the step named';
COMMENT ON COLUMN @extschema@.alert_escalation.told IS 'to whom a message was written; none where nobody had an endpoint and the right to hear of it';

-- Of the alert's unit, or of the next one above where somebody holds the role.
CREATE FUNCTION @extschema@.role_holders(role text, unit text)
RETURNS text[] LANGUAGE sql STABLE PARALLEL SAFE COST 1000
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT array_agg(DISTINCT h.principal ORDER BY h.principal)
    FROM units_above(role_holders.unit) a JOIN held_role h ON h.unit = a.unit
    WHERE h.role = role_holders.role AND h.during @> now() GROUP BY a.distance ORDER BY a.distance LIMIT 1
$$;
COMMENT ON FUNCTION @extschema@.role_holders(text, text) IS
'Who holds a role now in a unit, or in the next one above it where somebody does; NULL where nobody does.';

-- Since when an alert waits for an answer: since it fired, or since what kept it silent was over.
CREATE FUNCTION @extschema@.unanswered_since(l @extschema@.alert_log)
RETURNS timestamptz LANGUAGE plpgsql STABLE PARALLEL SAFE COST 1000
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN greatest(l.fired_at,
                    (SELECT max(t.at) FROM alert_transition t WHERE t.alert = l.id AND t.from_state IN ('silenced', 'inhibited')),
                    (SELECT max(s.until) FROM silence s
                     WHERE s.until <= now() AND s.until > l.fired_at AND scope_covers(s.rule, s.kpi, s.unit, l.rule, l.kpi, l.unit)));
END
$$;
COMMENT ON FUNCTION @extschema@.unanswered_since(@extschema@.alert_log) IS
'Since when an alert that fires waits for an answer: since it fired, or since the last silence or inhibition was over.';

CREATE FUNCTION @extschema@.next_escalation(l @extschema@.alert_log)
RETURNS @extschema@.escalation LANGUAGE sql STABLE PARALLEL SAFE COST 100
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT x FROM escalation x
    WHERE x.rule = l.rule AND NOT EXISTS (SELECT FROM alert_escalation e WHERE e.alert = l.id AND e.after = x.after)
    ORDER BY x.after LIMIT 1
$$;
COMMENT ON FUNCTION @extschema@.next_escalation(@extschema@.alert_log) IS 'The first step of an alert''s rule that was not taken for it yet; NULL where there is none.';

-- When an alert is to be looked at; evaluations come by often, and most find it planned.
CREATE FUNCTION @extschema@.plan_escalation(l @extschema@.alert_log)
RETURNS void LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF l.state = 'firing' AND l.escalate_at IS NULL AND (next_escalation(l)).rule IS NOT NULL THEN
        UPDATE alert_log a SET escalate_at = unanswered_since(a) + (next_escalation(a)).after
        WHERE a.id = l.id AND a.state = 'firing' AND a.suppressed IS NULL;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.plan_escalation(@extschema@.alert_log) IS 'Says when an alert that fires is told to the next, where its rule has a step left.';

-- What the recipient is told of those before: to whom messages about the alert were written, which the view delivery shows to all who may see it.
CREATE FUNCTION @extschema@.told_before(alert bigint)
RETURNS json LANGUAGE sql STABLE PARALLEL SAFE COST 1000
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT coalesce(json_agg(json_build_object('principal', w.audience, 'name', coalesce(p.name, w.audience), 'at', iso_time(w.at)) ORDER BY w.at, w.audience), '[]')
    FROM (SELECT t.audience, min(t.at) AS at FROM alert_told t
          WHERE t.alert = told_before.alert AND NOT EXISTS (SELECT FROM delivery_history h WHERE h.id = t.delivery AND h.state = 'cancelled')
          GROUP BY 1) w
    LEFT JOIN principal p ON p.principal = w.audience
$$;
COMMENT ON FUNCTION @extschema@.told_before(bigint) IS 'To whom messages about an alert were written, and when the first, as messages say it.';

CREATE FUNCTION @extschema@.take_step(l @extschema@.alert_log, step @extschema@.escalation)
RETURNS integer LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    meant CONSTANT text[] := CASE WHEN step.role IS NULL THEN ARRAY[step.principal] ELSE coalesce(role_holders(step.role, l.unit), '{}') END;
    before CONSTANT text[] := ARRAY(SELECT DISTINCT t FROM alert_escalation e, unnest(e.told) t WHERE e.alert = l.id);
    audiences CONSTANT text[] := ARRAY(SELECT m FROM unnest(meant) m
                                       WHERE m <> ALL (before) AND EXISTS (SELECT FROM endpoint e WHERE e.audience = m AND e.enabled)
                                         AND audience_may_hear(l, m, ARRAY[l.unit]) ORDER BY 1);
    shown alert_log := l;
    written integer := 0;
BEGIN
    shown.state := 'escalated';
    PERFORM record_transition(shown, l.state, NULL, format('after %s to %s: %s', step.after, coalesce(step.role, step.principal),
                                                             coalesce(nullif(array_to_string(audiences, ', '), ''), 'nobody')));
    IF audiences <> '{}' THEN
        written := tell_alert(l, 'alert.escalated', ARRAY(SELECT e.endpoint FROM endpoint e WHERE e.audience = ANY (audiences)),
                              jsonb_build_object('escalation', jsonb_build_object(
                                  'step', (SELECT count(*) + 1 FROM alert_escalation e WHERE e.alert = l.id),
                                  'unanswered_since', iso_time(unanswered_since(l)), 'told', told_before(l.id))), 'urgent');
    END IF;
    INSERT INTO alert_escalation (alert, after, meant, told) VALUES (l.id, step.after, coalesce(step.role, step.principal), audiences);
    RETURN written;
END
$$;
COMMENT ON FUNCTION @extschema@.take_step(@extschema@.alert_log, @extschema@.escalation) IS
'Tells an alert to those whom a step of its rule means, who have an endpoint, may hear of it and were not told by a step before; returns how many messages that were.';

CREATE FUNCTION @extschema@.escalate_alert(l @extschema@.alert_log)
RETURNS integer LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    step CONSTANT escalation := next_escalation(l);
    due CONSTANT timestamptz := unanswered_since(l) + step.after;
    silent timestamptz;
    look_again timestamptz;
    written integer := 0;
BEGIN
    IF step.rule IS NOT NULL AND l.state = 'firing' AND l.suppressed IS NULL AND (SELECT r.enabled FROM rule r WHERE r.rule = l.rule) THEN
        silent := silenced_until(l.rule, l.kpi, l.unit);
        IF silent IS NOT NULL THEN
            look_again := silent;
        ELSIF inhibiting_alert(l) IS NOT NULL THEN
            look_again := now() + interval '1 minute';
        ELSIF due > now() THEN
            look_again := due;
        ELSE
            written := take_step(l, step);
            look_again := unanswered_since(l) + (next_escalation(l)).after;
        END IF;
    END IF;
    UPDATE alert_log a SET escalate_at = look_again WHERE a.id = l.id;
    RETURN written;
END
$$;
COMMENT ON FUNCTION @extschema@.escalate_alert(@extschema@.alert_log) IS
'Takes the next step of an alert that is due and says when it is looked at again; returns how many messages were written.';

-- Locks as an evaluation does, first the state of the rule, and waits for nobody: what another daemon, or an evaluation, is at is left to the next time.
CREATE FUNCTION @extschema@.escalate_alerts(max_rows integer DEFAULT 20)
RETURNS integer LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE COST 10000
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    s record;
    l alert_log;
    taken integer := 0;
BEGIN
    PERFORM check_max_rows(max_rows);
    IF NOT EXISTS (SELECT FROM alert_log a WHERE a.escalate_at <= now()) THEN
        RETURN 0;
    END IF;
    FOR s IN SELECT x.alert FROM alert_log a JOIN rule_state x ON x.rule = a.rule AND x.subject = a.subject AND x.alert = a.id
             WHERE a.escalate_at <= now() ORDER BY a.escalate_at, a.id LIMIT max_rows FOR UPDATE OF x SKIP LOCKED
    LOOP
        SELECT * INTO l FROM alert_log a WHERE a.id = s.alert AND a.escalate_at <= now() FOR UPDATE SKIP LOCKED;
        CONTINUE WHEN NOT FOUND;
        BEGIN
            PERFORM escalate_alert(l);
        EXCEPTION WHEN OTHERS THEN -- one that cannot be told keeps no other waiting
            RAISE WARNING 'alert % is not escalated: %', l.id, SQLERRM;
            UPDATE alert_log a SET escalate_at = now() + interval '1 minute' WHERE a.id = l.id;
        END;
        taken := taken + 1;
    END LOOP;
    BEGIN
        PERFORM write_due(NULL, 1000000);
    EXCEPTION WHEN OTHERS THEN -- steps that were taken stay so; write_waiting tries again
        RAISE WARNING 'what is told to the next is not written yet: %', SQLERRM;
    END;
    IF taken = 0 THEN -- of a rule that is gone
        UPDATE alert_log a SET escalate_at = NULL
        WHERE a.escalate_at <= now() AND NOT EXISTS (SELECT FROM rule_state x WHERE x.rule = a.rule AND x.subject = a.subject AND x.alert = a.id);
    END IF;
    RETURN taken;
END
$$;
COMMENT ON FUNCTION @extschema@.escalate_alerts(integer) IS
'For crmd: looks at up to max_rows alerts that nobody has answered and whose next step is due, and tells it to the next (set_escalation); skips what another '
'daemon is at. Returns how many it looked at; 0: nothing is due.';

CREATE FUNCTION @extschema@.set_escalation(rule text, after interval, principal text DEFAULT NULL, role text DEFAULT NULL)
RETURNS void LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    who CONSTANT text := CASE WHEN principal IS NOT NULL THEN (require_principal(principal)).principal END;
    the_role CONSTANT text := CASE WHEN role IS NOT NULL THEN require_role(role) END;
    the_rule CONSTANT rule := lock_rule(coalesce(rule, '')); -- an evaluation changes alerts in an order of its own
BEGIN
    IF after IS NULL OR after <= interval '0' OR after > interval '1 year' THEN
        RAISE EXCEPTION 'a step is taken after a positive time, at most a year' USING ERRCODE = 'RM005', HINT = 'Write after => ''30 minutes''.';
    ELSIF who IS NOT NULL AND the_role IS NOT NULL THEN
        RAISE EXCEPTION 'a step goes to a principal or to a role, and not to both'
            USING ERRCODE = 'RM005', HINT = 'Write principal => ''anna'', or role => ''head''; another step can have another time.';
    ELSIF who IS NULL AND the_role IS NULL THEN
        DELETE FROM escalation x WHERE x.rule = the_rule.rule AND x.after = set_escalation.after;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'rule "%" has no step after %', the_rule.rule, after
                USING ERRCODE = 'RM001',
                      DETAIL = coalesce((SELECT 'It has steps after ' || string_agg(x.after::text, ', ' ORDER BY x.after) || '.' FROM escalation x WHERE x.rule = the_rule.rule),
                                        'It has none.'),
                      HINT = 'A new step needs principal => or role =>.';
        END IF;
    ELSE
        IF who IS NOT NULL THEN
            IF the_rule.kpi IS NOT NULL OR the_rule.condition IS NOT NULL THEN
                PERFORM note_blind_audience(who, the_rule.unit);
            END IF;
            IF NOT EXISTS (SELECT FROM endpoint e WHERE e.audience = who) THEN
                RAISE NOTICE 'principal "%" has no endpoint: nothing is sent there', who USING HINT = format('create_endpoint(key, kind, %L, secret_ref) makes one.', who);
            END IF;
        END IF;
        INSERT INTO escalation AS x (rule, after, principal, role, created_by) VALUES (the_rule.rule, after, who, the_role, caller()::text)
        ON CONFLICT ON CONSTRAINT escalation_pkey DO UPDATE
        SET principal = excluded.principal, role = excluded.role, created_at = now(), created_by = excluded.created_by;
    END IF;
    -- open alerts go by it too: escalate_alerts looks at them now, and plans or tells
    UPDATE alert_log a SET escalate_at = now() WHERE a.rule = the_rule.rule AND a.state = 'firing' AND a.suppressed IS NULL;
END
$$;
COMMENT ON FUNCTION @extschema@.set_escalation(text, interval, text, text) IS
$c$Tells an alert of the rule that fires and that nobody has acknowledged after so long to a principal, or to whoever holds a role in the alert's unit or
in the next one above where somebody does. A rule has a step for each time; each is taken once for an alert, nobody is told by two, and an acknowledgement ends
them. The time begins when it fires, anew after a silence. With neither principal nor role the step is taken away. Errors: RM001 no such rule,
principal, role or step, RM005 no sensible time, or both. Example: SELECT crm.set_escalation('win-rate-low', after => '30 minutes', role => 'head');$c$;

-- Why a principal is told by the steps of an alert's rule, or is not, for explain_alert.
CREATE FUNCTION @extschema@.explain_escalation(l @extschema@.alert_log, who text)
RETURNS TABLE (question text, answer text, detail text) LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 2 COST 10000
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT format('is the principal told after %s, as %s?', s.after, s.meant),
           CASE WHEN s.taken_at IS NOT NULL THEN CASE WHEN who = ANY (s.told) THEN 'yes' ELSE 'no' END
                WHEN l.state <> 'firing' THEN 'no'
                WHEN who = s.principal OR who = ANY (role_holders(s.role, l.unit)) THEN 'not yet' ELSE 'no' END,
           CASE WHEN s.taken_at IS NOT NULL THEN format('at %s to %s', iso_time(s.taken_at), coalesce(nullif(array_to_string(s.told, ', '), ''), 'nobody'))
                WHEN l.acknowledged_at IS NOT NULL THEN format('%s has acknowledged it', l.acknowledged_by)
                WHEN l.state <> 'firing' THEN NULL
                WHEN l.suppressed IS NOT NULL THEN l.suppressed
                WHEN s.role IS NOT NULL AND role_holders(s.role, l.unit) IS NULL THEN format('nobody holds role %s in unit %s or above', s.role, l.unit)
                ELSE format('due at %s', iso_time(unanswered_since(l) + s.after)) END
    FROM (SELECT x.after, coalesce(e.meant, x.role, x.principal) AS meant, x.principal, x.role, e.at AS taken_at, e.told
          FROM escalation x LEFT JOIN alert_escalation e ON e.alert = l.id AND e.after = x.after WHERE x.rule = l.rule
          UNION ALL
          SELECT e.after, e.meant, NULL, NULL, e.at, e.told FROM alert_escalation e
          WHERE e.alert = l.id AND NOT EXISTS (SELECT FROM escalation x WHERE x.rule = l.rule AND x.after = e.after)) s
    ORDER BY s.after
$$;
COMMENT ON FUNCTION @extschema@.explain_escalation(@extschema@.alert_log, text) IS 'For explain_alert: each step of an alert''s rule, and whether a principal is told by it.';

CREATE FUNCTION @extschema@.escalation_status()
RETURNS SETOF @extschema@.status_row LANGUAGE plpgsql STABLE PARALLEL SAFE COST 10000 ROWS 2
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    deaf CONSTANT text[] := ARRAY(
        SELECT format('rule %s after %s to %s', x.rule, x.after, coalesce(x.role, x.principal)) FROM escalation x
        WHERE NOT EXISTS (SELECT FROM endpoint e
                          WHERE e.enabled AND (e.audience = x.principal
                                               OR EXISTS (SELECT FROM held_role h WHERE h.role = x.role AND h.principal = e.audience AND h.during @> now())))
        ORDER BY x.rule, x.after);
BEGIN
    IF EXISTS (SELECT FROM escalation) THEN
        RETURN QUERY
        SELECT 'alert', 'escalation steps', CASE WHEN deaf = '{}' THEN 'ok' ELSE 'warning' END, count(*), NULL::timestamptz,
               CASE WHEN deaf <> '{}' THEN 'reach nobody: ' || array_to_string(deaf[:5], '; ') END,
               CASE WHEN deaf <> '{}' THEN 'Whom they name needs an endpoint: create_endpoint(key, kind, principal, secret_ref); a role needs somebody who holds it.' END
        FROM escalation;
    END IF;
    RETURN QUERY SELECT 'alert', 'escalations', 'ok', count(*), min(e.at), 'kept with their alerts', NULL FROM alert_escalation e;
END
$$;
COMMENT ON FUNCTION @extschema@.escalation_status() IS 'What the view status shows of escalations: steps that reach nobody, and how many were taken.';
INSERT INTO @extschema@.status_source (function_name, room) VALUES ('escalation_status', 'alert');

SELECT @extschema@.set_audience(f.signature, f.audience)
FROM (VALUES ('set_escalation(text, interval, text, text)', 'admin'), ('escalate_alerts(integer)', 'daemon')) f (signature, audience);
SELECT pg_catalog.pg_extension_config_dump('@extschema@.escalation', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.alert_escalation', '');
