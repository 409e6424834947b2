-- What crmd shows as metrics, asked every 15 seconds: cheap whatever waits.
CREATE INDEX delivery_history_dead ON @extschema@.delivery_history (finished_at) WHERE state = 'dead';

CREATE FUNCTION @extschema@.daemon_watch(
    OUT queue_due bigint,
    OUT queue_waiting bigint,
    OUT queue_leased bigint,
    OUT queue_oldest_s double precision,
    OUT queue_lag_s double precision,
    OUT dead bigint,
    OUT endpoints_resting bigint,
    OUT endpoints_off bigint,
    OUT rules_failing bigint,
    OUT rule_lag_s double precision,
    OUT filling bigint,
    OUT filling_failed bigint)
LANGUAGE plpgsql STABLE PARALLEL SAFE COST 10000
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    most constant integer := 100000; -- more are not counted
BEGIN
    SELECT count(*) INTO queue_due FROM (SELECT FROM delivery_queue q WHERE q.state = 'pending' AND q.next_at <= now() LIMIT most) d;
    SELECT count(*) INTO queue_waiting FROM (SELECT FROM delivery_queue q WHERE q.state = 'pending' AND q.next_at > now() LIMIT most) w;
    SELECT count(*) INTO queue_leased FROM (SELECT FROM delivery_queue q WHERE q.state = 'leased' LIMIT most) l;
    SELECT greatest(coalesce(extract(epoch FROM now() - min(q.queued_at)), 0), 0) INTO queue_oldest_s FROM delivery_queue q;
    -- a lease that ran out counts as well; what is off or rests waits rightly
    SELECT greatest(coalesce(extract(epoch FROM now() - min(d.next_at)), 0), 0) INTO queue_lag_s
    FROM endpoint e
    LEFT JOIN endpoint_state s ON s.endpoint = e.endpoint
    CROSS JOIN LATERAL (SELECT q.next_at FROM delivery_queue q WHERE q.endpoint = e.endpoint ORDER BY q.next_at, q.id LIMIT 1) d
    WHERE e.enabled AND (s.paused_until IS NULL OR s.paused_until <= now());
    SELECT count(*) INTO dead
    FROM (SELECT FROM delivery_history h WHERE h.state = 'dead' AND h.finished_at > now() - interval '1 day' LIMIT most) g;
    SELECT count(*) INTO endpoints_resting FROM endpoint_state s WHERE s.paused_until > now();
    SELECT count(*) INTO endpoints_off FROM endpoint e WHERE NOT e.enabled AND e.disabled_because IS NOT NULL;
    SELECT count(*) FILTER (WHERE s.failures > 0),
           greatest(coalesce(extract(epoch FROM now() - min(greatest(s.next_at, s.leased_until))), 0), 0)
    INTO rules_failing, rule_lag_s
    FROM rule_schedule s JOIN rule r ON r.rule = s.rule AND r.enabled;
    SELECT count(*) FILTER (WHERE f.state = 'filling'), count(*) FILTER (WHERE f.state = 'failed')
    INTO daemon_watch.filling, filling_failed FROM filling f;
END
$$;
COMMENT ON FUNCTION @extschema@.daemon_watch IS
'For crmd: what its metrics show of the database: deliveries due, waiting and leased (each counted up to 100000), age of the oldest and how '
'long one has been due that nobody sends, deliveries given up within a day, endpoints that rest and that were switched off, rules that fail and how '
'long one has been due, tables that are being filled and that could not be. The view status says more.';
SELECT @extschema@.set_audience('daemon_watch()', 'daemon');
