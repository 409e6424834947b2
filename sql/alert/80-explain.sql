-- Why somebody heard of an alert, or did not; what is promised for later.
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
    RETURN QUERY VALUES ('does it fire?', l.state, format('%s of %s, rule %s', coalesce(l.kpi, l.clock, 'a condition'), l.unit, l.rule));
    RETURN QUERY SELECT CASE WHEN l.relation IS NULL THEN 'may the principal see the number?' ELSE 'may the principal read the record?' END, CASE WHEN may THEN 'yes' ELSE 'no' END,
                        CASE WHEN l.relation IS NULL THEN format('%s: privilege total on unit %s', who, l.unit)
                             ELSE format('%s: to read record %s of %s', who, l.record_key, l.relation) END
                 FROM audience_may_hear(l, who, ARRAY[l.unit]) AS may;
    RETURN QUERY SELECT 'is it silenced?', CASE WHEN silenced_until(l.rule, l.kpi, l.unit) IS NULL THEN 'no' ELSE 'yes' END, NULL::text;
    RETURN QUERY SELECT * FROM explain_escalation(l, who);
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

