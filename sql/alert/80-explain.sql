-- Why somebody heard of an alert, or did not; what a rule would have done; what is promised for later.
CREATE FUNCTION @extschema@.explain_alert(alert bigint, principal text)
RETURNS TABLE (question text, answer text, detail text)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 10
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_column
DECLARE
    l alert_log := lock_alert(explain_alert.alert);
    who text := resolve_principal(explain_alert.principal);
    e endpoint;
    subscribed boolean;
BEGIN
    IF who IS NULL THEN
        PERFORM raise_unknown('principal', explain_alert.principal, ARRAY(SELECT p.principal FROM principal p));
    END IF;
    RETURN QUERY VALUES ('does it fire?', l.state, format('%s of %s, rule %s', l.kpi, l.unit, l.rule));
    RETURN QUERY SELECT 'may the principal see the number?', CASE WHEN may THEN 'yes' ELSE 'no' END,
                        format('%s: privilege total on unit %s', who, l.unit)
                 FROM audience_may(who, ARRAY[l.unit]) AS may;
    RETURN QUERY SELECT 'is it silenced?', CASE WHEN silenced(l.rule, l.kpi, l.unit) THEN 'yes' ELSE 'no' END, NULL::text;
    FOR e IN SELECT * FROM endpoint x WHERE x.audience = who ORDER BY x.endpoint LOOP
        subscribed := EXISTS (SELECT FROM alert_recipient(l.rule, l.kpi, l.unit) r WHERE r.endpoint = e.endpoint);
        RETURN QUERY VALUES (format('does endpoint %s hear of it?', e.endpoint), CASE WHEN subscribed THEN 'yes' ELSE 'no' END,
                             CASE WHEN NOT e.enabled THEN 'the endpoint is switched off'
                                  WHEN NOT subscribed THEN 'no subscription covers the alert' END);
        RETURN QUERY
        SELECT format('what became of %s %s?', d.type, d.message_id), d.state,
               concat_ws(', ', format('attempt %s', d.attempt), d.detail)
        FROM (SELECT q.id, q.type, q.message_id, q.state, q.attempt, q.detail
              FROM delivery_queue q WHERE q.alert = l.id AND q.endpoint = e.endpoint
              UNION ALL
              SELECT h.id, h.type, h.message_id, h.state, h.attempt, h.detail
              FROM delivery_history h WHERE h.alert = l.id AND h.endpoint = e.endpoint) d
        ORDER BY d.id;
    END LOOP;
    IF NOT FOUND THEN
        RETURN QUERY VALUES ('is there an endpoint?', 'no', format('no endpoint has the audience %s', who));
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.explain_alert IS
$c$Why a principal heard of an alert or did not: state, rights, silence, endpoints, subscriptions, messages. The caller must
be allowed to see the alert. Example: SELECT * FROM crm.explain_alert(12, 'anna');$c$;

CREATE FUNCTION @extschema@.backtest_rule(rule text, since date, until date)
RETURNS TABLE (day date, value numeric, numerator numeric, denominator numeric, reading text, phase text)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100 COST 1000000
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_column
DECLARE
    r rule;
    before text := 'ok';
    phase_since date := backtest_rule.since;
    period record;
BEGIN
    SELECT * INTO r FROM rule x WHERE x.rule = backtest_rule.rule;
    IF r.rule IS NULL THEN
        PERFORM raise_unknown('rule', backtest_rule.rule, ARRAY(SELECT x.rule FROM rule x));
    ELSIF NOT may_see_total(r.unit) THEN
        RAISE EXCEPTION 'you may not see the numbers of unit "%"', r.unit USING ERRCODE = 'insufficient_privilege';
    ELSIF backtest_rule.since IS NULL OR backtest_rule.until IS NULL OR backtest_rule.until < backtest_rule.since
          OR backtest_rule.until - backtest_rule.since > 3660 THEN
        RAISE EXCEPTION 'since and until are not a period of up to ten years' USING ERRCODE = 'RM005';
    END IF;
    FOR offset_days IN 0 .. backtest_rule.until - backtest_rule.since LOOP
        day := backtest_rule.since + offset_days;
        period := rule_period(r.period, day);
        SELECT t.value, t.numerator, t.denominator INTO value, numerator, denominator
        FROM kpi_total(r.kpi, r.unit, period.since, period.until) t;
        reading := rule_reading(r, value, denominator);
        phase := rule_step(before, reading, make_interval(days => day - phase_since), r.hold_for);
        phase_since := CASE phase WHEN before THEN phase_since ELSE day END;
        before := phase;
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.backtest_rule IS
$c$What a rule would have read and done at the end of each day, with the numbers as they are known today. Nothing is written.
Example: SELECT day, value, phase FROM crm.backtest_rule('win-rate-low', '2026-01-01', '2026-03-31');$c$;

CREATE FUNCTION @extschema@.act(token text, verb text, comment text DEFAULT NULL)
RETURNS text LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM not_yet('acting from a message');
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION @extschema@.act IS 'What the buttons of a message do. Not built yet: raises 0A000.';
