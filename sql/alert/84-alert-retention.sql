-- Alerts that are over, and what goes with them.
CREATE INDEX alert_log_resolved_at ON @extschema@.alert_log (resolved_at) WHERE resolved_at IS NOT NULL;

-- Rights to a message of the history are asked by its alert: so that stays as long.
CREATE FUNCTION @extschema@.alert_days()
RETURNS integer LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT greatest(coalesce((SELECT r.days FROM alert_retention r WHERE r.item = 'alerts'), 730), delivery_days())
$$;
COMMENT ON FUNCTION @extschema@.alert_days IS 'How many days alerts are kept after their end: at least as long as deliveries.';

CREATE FUNCTION @extschema@.set_alert_retention(days integer)
RETURNS integer LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM keep_days('alerts', days);
    RETURN alert_days();
END
$$;
COMMENT ON FUNCTION @extschema@.set_alert_retention IS
'How many days alerts are kept after their end, with their transitions and what was said of them (730; at least as long as deliveries, set_delivery_retention). '
'crmd deletes what is older, with silences that ended, states of what is not watched any more and daemons not heard of for as long. Returns the days that hold. '
'Errors: RM005. Example: SELECT crm.set_alert_retention(365);';

CREATE FUNCTION @extschema@.forget_alerts(max_rows integer DEFAULT 5000)
RETURNS integer LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE COST 10000
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    ended_before CONSTANT timestamptz := now() - make_interval(days => alert_days());
    ids bigint[];
    forgotten bigint;
    more bigint;
BEGIN
    PERFORM check_max_rows(max_rows);
    ids := ARRAY(SELECT l.id FROM alert_log l
                 WHERE l.resolved_at < ended_before
                   AND NOT EXISTS (SELECT FROM delivery_queue q WHERE q.alert = l.id) AND NOT EXISTS (SELECT FROM delivery_history h WHERE h.alert = l.id)
                   AND NOT EXISTS (SELECT FROM alert_told t WHERE t.alert = l.id) AND NOT EXISTS (SELECT FROM waiting_notice w WHERE w.alert = l.id)
                 ORDER BY l.resolved_at LIMIT max_rows FOR UPDATE OF l SKIP LOCKED);
    DELETE FROM alert_transition t WHERE t.alert = ANY (ids);
    DELETE FROM alert_log l WHERE l.id = ANY (ids);
    forgotten := cardinality(ids);
    DELETE FROM rule_state s
    WHERE (s.rule, s.subject) IN (SELECT x.rule, x.subject FROM rule_state x WHERE x.phase = 'ok' AND x.evaluated_at < ended_before
                                  LIMIT max_rows FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS more = ROW_COUNT;
    forgotten := forgotten + more;
    DELETE FROM action a
    WHERE a.id IN (SELECT x.id FROM action x WHERE x.expires_at < now() - interval '30 days' ORDER BY x.expires_at LIMIT max_rows FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS more = ROW_COUNT;
    forgotten := forgotten + more;
    DELETE FROM silence s WHERE s.until < ended_before;
    GET DIAGNOSTICS more = ROW_COUNT;
    forgotten := forgotten + more;
    DELETE FROM daemon d WHERE d.beat_at < ended_before;
    GET DIAGNOSTICS more = ROW_COUNT;
    RETURN forgotten + more;
END
$$;
COMMENT ON FUNCTION @extschema@.forget_alerts IS
'For crmd: deletes up to max_rows of each of the alerts that ended longer ago than set_alert_retention says and none of whose messages is kept, with their transitions; of '
'states of what rules do not watch any more; of buttons that expired a month ago; and old silences and daemons. Returns how many; 0: nothing is that old.';

SELECT @extschema@.set_audience('set_alert_retention(integer)', 'admin');
SELECT @extschema@.set_audience('forget_alerts(integer)', 'daemon');
