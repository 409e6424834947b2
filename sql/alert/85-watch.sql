-- What there is to watch: daemons, rules that fail, the queue, what grows.
CREATE TABLE @extschema@.daemon (
    worker     text PRIMARY KEY,
    version    text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    beat_at    timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE @extschema@.daemon IS 'crmd processes, and when each was heard of last';

-- The server's clock was set back: what was to happen soon would wait for as long as it was set back. Times are moved that count from
-- when they were written; one that is a time of day stays. Leases end as written: whoever holds one reports before. The daemons'
-- rows are locked, so that this happens once.
CREATE FUNCTION @extschema@.follow_clock()
RETURNS interval LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    step interval;
BEGIN
    IF NOT EXISTS (SELECT FROM daemon d WHERE d.beat_at > now() + interval '1 minute') THEN
        RETURN NULL;
    END IF;
    PERFORM FROM daemon d ORDER BY d.worker FOR UPDATE;
    SELECT max(d.beat_at) - now() INTO step FROM daemon d WHERE d.beat_at > now() + interval '1 minute';
    IF step IS NULL THEN
        RETURN NULL; -- another daemon was here
    END IF;
    UPDATE daemon d SET beat_at = least(d.beat_at, now()), started_at = least(d.started_at, now());
    UPDATE delivery_queue q SET next_at = greatest(now(), q.next_at - step)
    WHERE q.state = 'pending' AND q.next_at > now() AND (q.attempt > 0 OR q.next_at <= q.queued_at);
    UPDATE delivery_queue q SET queued_at = now() WHERE q.queued_at > now();
    UPDATE endpoint_state s
    SET paused_until = CASE WHEN s.paused_until > now() THEN greatest(now(), s.paused_until - step) ELSE s.paused_until END,
        paid_until = least(s.paid_until, now())
    WHERE s.paused_until > now() OR s.paid_until > now();
    UPDATE rule_schedule s SET next_at = greatest(now(), s.next_at - step) WHERE s.next_at > now();
    RETURN step;
END
$$;
COMMENT ON FUNCTION @extschema@.follow_clock IS
'Moves what is due later by as much as the server''s clock was set back since a daemon was heard of last; NULL where it was not, by over a minute.';

CREATE FUNCTION @extschema@.daemon_beat(worker text, version text)
RETURNS void LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM check_claim(daemon_beat.worker, 1, interval '1 second');
    PERFORM follow_clock();
    INSERT INTO daemon AS d (worker, version)
    VALUES (daemon_beat.worker, coalesce(daemon_beat.version, 'unknown'))
    ON CONFLICT ON CONSTRAINT daemon_pkey DO UPDATE
    SET version = excluded.version, beat_at = now(),
        -- silent for a minute, or another version: it was started anew
        started_at = CASE WHEN d.beat_at < now() - interval '1 minute' OR d.version <> excluded.version
                          THEN now() ELSE d.started_at END;
END
$$;
COMMENT ON FUNCTION @extschema@.daemon_beat IS 'For crmd: says that it is alive. Every few seconds; status warns after a minute.';

CREATE FUNCTION @extschema@.alert_status()
RETURNS SETOF @extschema@.status_row LANGUAGE plpgsql STABLE PARALLEL SAFE COST 10000 ROWS 10
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT 'alert', 'daemons', CASE WHEN max(d.beat_at) > now() - interval '1 minute' THEN 'ok' ELSE 'warning' END,
           count(*) FILTER (WHERE d.beat_at > now() - interval '1 minute'), max(d.beat_at),
           coalesce('last heard of: ' || (SELECT x.worker FROM daemon x ORDER BY x.beat_at DESC, x.worker LIMIT 1), 'none was ever heard of'),
           CASE WHEN max(d.beat_at) > now() - interval '1 minute' THEN NULL ELSE 'Start crmd run; rules and deliveries wait for it.' END
    FROM daemon d;
    RETURN QUERY
    SELECT 'alert', 'rules', CASE WHEN count(*) FILTER (WHERE s.failures > 0) > 0 THEN 'failed'
                                  WHEN min(s.next_at) < now() - interval '5 minutes' THEN 'warning' ELSE 'ok' END,
           count(*), min(s.next_at),
           (SELECT format('%s: %s', f.rule, f.error) FROM rule_schedule f WHERE f.failures > 0 ORDER BY f.failed_at DESC, f.rule LIMIT 1),
           CASE WHEN count(*) FILTER (WHERE s.failures > 0) > 0 THEN 'Correct what the rule reads, or enable_rule(key, false).'
                WHEN min(s.next_at) < now() - interval '5 minutes' THEN 'Rules are overdue: is crmd running?' END
    FROM rule_schedule s JOIN rule r ON r.rule = s.rule AND r.enabled;
    RETURN QUERY
    SELECT 'alert', 'deliveries queued', CASE WHEN min(q.queued_at) < now() - interval '5 minutes' THEN 'warning' ELSE 'ok' END,
           count(*), min(q.queued_at), (SELECT x.detail FROM delivery_queue x WHERE x.detail IS NOT NULL ORDER BY x.queued_at, x.id LIMIT 1),
           CASE WHEN min(q.queued_at) < now() - interval '5 minutes' THEN 'SELECT * FROM delivery WHERE state IN (''pending'', ''leased'')' END
    FROM delivery_queue q;
    RETURN QUERY
    SELECT 'alert', 'messages held back', CASE WHEN min(w.due_at) < now() - interval '5 minutes' THEN 'warning' ELSE 'ok' END,
           count(*), min(w.created_at), 'next due ' || to_char(min(w.due_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"'),
           CASE WHEN min(w.due_at) < now() - interval '5 minutes' THEN 'They are overdue: is crmd running? SELECT * FROM waiting' END
    FROM waiting_notice w;
    RETURN QUERY
    SELECT 'alert', 'deliveries dead', CASE WHEN count(*) > 0 THEN 'warning' ELSE 'ok' END, count(*), min(h.finished_at),
           (SELECT x.detail FROM delivery_history x WHERE x.state = 'dead' ORDER BY x.finished_at DESC, x.id LIMIT 1),
           CASE WHEN count(*) > 0 THEN 'Correct the receiver, then replay_delivery(id).' END
    FROM delivery_history h WHERE h.state = 'dead' AND h.finished_at > now() - interval '7 days';
    RETURN QUERY
    SELECT 'alert', 'endpoints resting', CASE WHEN count(*) > 0 THEN 'warning' ELSE 'ok' END, count(*), NULL::timestamptz,
           string_agg(format('%s until %s, failures in a row: %s', s.endpoint, to_char(s.paused_until AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"'), s.failures),
                      '; ' ORDER BY s.endpoint),
           CASE WHEN count(*) > 0 THEN 'They are tried again by themselves; enable_endpoint(key) does it at once.' END
    FROM endpoint_state s WHERE s.paused_until > now();
    RETURN QUERY
    SELECT 'alert', 'endpoints switched off', CASE WHEN count(e.disabled_because) > 0 THEN 'warning' ELSE 'ok' END, count(*), NULL::timestamptz,
           string_agg(format('%s: %s', e.endpoint, e.disabled_because), '; ' ORDER BY e.endpoint) FILTER (WHERE e.disabled_because IS NOT NULL),
           CASE WHEN count(e.disabled_because) > 0 THEN 'Correct the receiver, then enable_endpoint(key), or remove_endpoint(key).' END
    FROM endpoint e WHERE NOT e.enabled;
    RETURN QUERY
    SELECT 'alert', g.item, CASE WHEN g.oldest < now() - make_interval(days => g.days + 2) THEN 'warning' ELSE 'ok' END, g.amount, g.oldest,
           format('kept for %s days', g.days),
           CASE WHEN g.oldest < now() - make_interval(days => g.days + 2) THEN 'crmd run deletes what is older; set_delivery_retention(days) says how old.' END
    FROM (SELECT 'deliveries finished', count(*), min(h.finished_at), delivery_days() FROM delivery_history h
          UNION ALL SELECT 'delivery attempts', count(*), min(a.at), delivery_days() FROM delivery_attempt a
          UNION ALL SELECT 'alerts told', count(*), min(t.at) FILTER (WHERE l.state NOT IN ('firing', 'acknowledged', 'held')), delivery_days()
                    FROM alert_told t LEFT JOIN alert_log l ON l.id = t.alert) g (item, amount, oldest, days);
    RETURN QUERY
    SELECT 'alert', g.item, CASE WHEN g.over < now() - make_interval(days => alert_days() + 2) THEN 'warning' ELSE 'ok' END, g.amount, g.oldest,
           format('kept for %s days after their end', alert_days()),
           CASE WHEN g.over < now() - make_interval(days => alert_days() + 2) THEN 'crmd run deletes what is older; set_alert_retention(days) says how old.' END
    FROM (SELECT 'alerts', count(*), min(l.since), min(l.resolved_at) FROM alert_log l
          UNION ALL SELECT 'transitions of alerts', count(*), min(t.at), NULL FROM alert_transition t
          UNION ALL SELECT 'states of rules', count(*), min(s.evaluated_at), NULL FROM rule_state s
          UNION ALL SELECT 'silences', count(*), min(s.since), min(s.until) FROM silence s) g (item, amount, oldest, over);
    RETURN QUERY
    SELECT 'alert', 'buttons of messages', CASE WHEN min(a.expires_at) < now() - interval '32 days' THEN 'warning' ELSE 'ok' END, count(*), min(a.created_at),
           'kept for 30 days after their end', CASE WHEN min(a.expires_at) < now() - interval '32 days' THEN 'crmd run deletes what is older.' END
    FROM action a;
END
$$;
COMMENT ON FUNCTION @extschema@.alert_status IS 'What the view status shows of this room: daemons, rules, queue, dead deliveries, sizes.';
INSERT INTO @extschema@.status_source (function_name, room) VALUES ('alert_status', 'alert');
