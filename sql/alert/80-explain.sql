-- Why somebody heard of an alert, or did not; what is promised for later.
CREATE FUNCTION @extschema@.waiting_words(w @extschema@.waiting_notice, principal text)
RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT CASE w.reason WHEN 'quiet' THEN format('quiet hours %s', concat_ws(' and days ', to_char((s.a).quiet_from, 'HH24:MI') || '-' || to_char((s.a).quiet_until, 'HH24:MI'),
                                                                              nullif((s.a).quiet_days, '{}')::text))
                         WHEN 'digest' THEN format('for the %s digest', CASE (s.a).digest WHEN 'off' THEN 'daily' ELSE (s.a).digest END)
                         WHEN 'budget' THEN format('the %s messages of the day are used up', (s.a).messages_per_day)
                         WHEN 'group' THEN format('for others of the rule, %s', (s.a).group_for)
                         WHEN 'silence' THEN 'silenced' ELSE 'about to be written' END
    FROM attention_of(waiting_words.principal) s
$$;
COMMENT ON FUNCTION @extschema@.waiting_words(@extschema@.waiting_notice, text) IS 'Why something waits, with what its principal set.';

CREATE FUNCTION @extschema@.explain_alert(alert bigint, principal text)
RETURNS TABLE (question text, answer text, detail text)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 10
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_column
DECLARE
    l alert_log := lock_alert(explain_alert.alert);
    who text := resolve_principal(explain_alert.principal);
    e endpoint;
    subscribed text;
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
        subscribed := (SELECT string_agg(DISTINCT format('subscription %s: %s', r.subscription, r.reason), '; ')
                       FROM alert_subscriber(l.rule, l.kpi, l.unit) r WHERE r.endpoint = e.endpoint OR r.principal = e.audience);
        RETURN QUERY VALUES (format('does endpoint %s hear of it?', e.endpoint), CASE WHEN subscribed IS NOT NULL AND e.enabled THEN 'yes' ELSE 'no' END,
                             CASE WHEN NOT e.enabled THEN 'the endpoint is switched off' ELSE coalesce(subscribed, 'no subscription covers the alert') END);
        RETURN QUERY
        SELECT format('does %s wait?', w.type), 'yes', format('%s, until %s', waiting_words(w, who), iso_time(w.due_at))
        FROM waiting_notice w WHERE w.alert = l.id AND w.endpoint = e.endpoint ORDER BY w.id;
        RETURN QUERY
        SELECT format('what became of %s %s?', d.type, d.message_id), d.state,
               concat_ws(', ', format('attempt %s', d.attempt),
                         (SELECT format('with %s other alerts', nullif(count(*) - 1, 0)) FROM alert_told t WHERE t.delivery = d.id AND d.alert IS NULL HAVING count(*) > 1),
                         d.detail)
        FROM (SELECT q.id, q.alert, q.type, q.message_id, q.state, q.attempt, q.detail, q.endpoint FROM delivery_queue q
              UNION ALL
              SELECT h.id, h.alert, h.type, h.message_id, h.state, h.attempt, h.detail, h.endpoint FROM delivery_history h) d
        WHERE d.endpoint = e.endpoint AND (d.alert = l.id OR d.id IN (SELECT t.delivery FROM alert_told t WHERE t.alert = l.id AND t.endpoint = e.endpoint))
        ORDER BY d.id;
    END LOOP;
    IF NOT FOUND THEN
        RETURN QUERY VALUES ('is there an endpoint?', 'no', format('no endpoint has the audience %s', who));
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.explain_alert IS
$c$Why a principal heard of an alert or did not: state, rights, silence, endpoints, subscriptions (by name, role or unit), what waits for what and
until when, messages, also those that list several alerts. The caller must
be allowed to see the alert. Example: SELECT * FROM crm.explain_alert(12, 'anna');$c$;

