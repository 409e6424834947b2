-- The condition, and not the reader's right to the table, decides: the view runs with its owner's rights.
CREATE VIEW @extschema@.alert WITH (security_barrier) AS
SELECT l.id, l.rule, l.kpi, l.unit, l.state, l.value, l.numerator, l.denominator, l.level, l.direction,
       l.period_since, l.period_until, l.since, l.fired_at, l.resolved_at, l.acknowledged_at, l.acknowledged_by, l.comment,
       l.subject, l.compared, l.measured, l.goal, l.reason, l.suppressed,
       l.relation, l.record_key, l.clock, l.due_at, r.urgency, l.hour
FROM @extschema@.alert_log l LEFT JOIN @extschema@.rule r ON r.rule = l.rule
WHERE @extschema@.may_see_alert(l.relation, l.record_key, l.unit);
COMMENT ON VIEW @extschema@.alert IS 'alerts on units whose numbers the caller may see, and on records that the caller may read';
GRANT SELECT ON @extschema@.alert TO PUBLIC;

CREATE FUNCTION @extschema@.may_see_list(delivery bigint)
RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL UNSAFE COST 10000
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN (SELECT coalesce(bool_and(l.id IS NOT NULL AND may_see_alert(l.relation, l.record_key, l.unit)), false)
            FROM alert_told t LEFT JOIN alert_log l ON l.id = t.alert WHERE t.delivery = may_see_list.delivery);
END
$$;
COMMENT ON FUNCTION @extschema@.may_see_list(bigint) IS
'Whether the caller may know of a message that lists alerts: of every one of them. Error RM101 without identity.';

CREATE VIEW @extschema@.delivery WITH (security_barrier) AS
SELECT d.id, d.message_id, d.alert, d.type, d.rule, d.unit, d.endpoint, d.audience, d.state, d.attempt, d.replays,
       d.created_at, d.next_at, d.finished_at, d.detail
FROM (SELECT q.id, q.message_id, q.alert, q.type, q.rule, q.unit, q.endpoint, q.audience, q.state, q.attempt, q.replays,
             q.created_at, q.next_at, NULL::timestamptz AS finished_at, q.detail
      FROM @extschema@.delivery_queue q
      UNION ALL
      SELECT h.id, h.message_id, h.alert, h.type, h.rule, h.unit, h.endpoint, h.audience, h.state, h.attempt, h.replays,
             h.created_at, NULL::timestamptz, h.finished_at, h.detail
      FROM @extschema@.delivery_history h) d
LEFT JOIN @extschema@.alert_log l ON l.id = d.alert
WHERE CASE WHEN d.alert IS NULL THEN @extschema@.may_see_list(d.id) ELSE @extschema@.may_see_alert(l.relation, l.record_key, d.unit) END;
COMMENT ON VIEW @extschema@.delivery IS
'messages, queued and finished, on units whose numbers the caller may see; alert is NULL of one that lists several; state: pending, leased, delivered, superseded, expired, cancelled, dead';
GRANT SELECT ON @extschema@.delivery TO PUBLIC;

CREATE VIEW @extschema@.rule_standing WITH (security_barrier) AS
SELECT s.rule, s.subject, s.unit,
       CASE WHEN s.phase = 'ok' THEN CASE s.reading WHEN 'none' THEN 'no_data' ELSE 'inactive' END ELSE coalesce(l.suppressed, l.state) END AS state,
       s.since, s.reading, s.detail, s.alert, s.evaluated_at
FROM @extschema@.rule_state s LEFT JOIN @extschema@.alert_log l ON l.id = s.alert
WHERE @extschema@.may_see_alert(l.relation, l.record_key, s.unit);
COMMENT ON VIEW @extschema@.rule_standing IS
'where each thing that a rule watches stands, of units whose numbers the caller may see: inactive, no_data, pending, firing, acknowledged, held, silenced or inhibited';
GRANT SELECT ON @extschema@.rule_standing TO PUBLIC;
