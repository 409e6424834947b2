-- What is sent next. Each endpoint has its own places, so that one that hangs keeps nobody else waiting, and one message
-- of an alert is under way at a time. The row of endpoint_state is locked while its places are counted; a daemon that
-- finds it locked leaves that endpoint to the one who counts.

-- Why a due delivery is not to be sent, as {state, detail}; NULL where it is.
CREATE FUNCTION @extschema@.delivery_obstacle(d @extschema@.delivery_queue, e @extschema@.endpoint)
RETURNS text[] LANGUAGE plpgsql STABLE PARALLEL UNSAFE COST 1000
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    l alert_log;
BEGIN
    SELECT * INTO l FROM alert_log x WHERE x.id = d.alert;
    IF NOT e.enabled THEN
        RETURN ARRAY['cancelled', coalesce(e.disabled_because, 'the endpoint is switched off')];
    ELSIF e.audience <> d.audience THEN
        RETURN ARRAY['cancelled', format('written for %s, but the endpoint''s audience is %s', d.audience, e.audience)];
    ELSIF NOT audience_may_hear(l, d.audience, d.units) THEN
        RETURN ARRAY['cancelled', format('%s may no longer see the number', d.audience)];
    ELSIF d.replays = 0 AND d.transition < l.announced THEN
        RETURN ARRAY['superseded', 'a later message of the same alert was written'];
    ELSIF d.replays = 0 AND d.type = 'alert.escalated' AND l.acknowledged_at IS NOT NULL THEN
        RETURN ARRAY['superseded', format('%s has acknowledged the alert', l.acknowledged_by)];
    ELSIF d.queued_at + e.max_age <= now() THEN
        RETURN ARRAY['expired', format('not delivered within %s', e.max_age)];
    ELSIF d.state = 'leased' AND e.unanswered = 'hold' THEN
        RETURN ARRAY['dead', format('held: %s was lost while it was sending this, it may have arrived', d.leased_by)];
    ELSIF d.attempt > cardinality(e.retries) THEN
        RETURN ARRAY['dead', format('no answer to the last of %s attempts', d.attempt)];
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION @extschema@.delivery_obstacle IS 'Why a due delivery is not to be sent, as {state, detail}; NULL where it is.';

-- A limit per second lets through what one second allows at once, and then goes on evenly.
CREATE FUNCTION @extschema@.endpoint_places(e @extschema@.endpoint, s @extschema@.endpoint_state)
RETURNS integer LANGUAGE plpgsql STABLE PARALLEL SAFE COST 1000
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    places integer := e.max_in_flight;
BEGIN
    IF NOT e.enabled THEN
        RETURN 1000; -- to be cancelled
    ELSIF s.paused_until > now() THEN
        RETURN 0;
    ELSIF s.failures >= e.breaker_after THEN
        places := 1; -- one to see whether it is back
    END IF;
    places := places - (SELECT count(*) FROM delivery_queue q WHERE q.endpoint = e.endpoint AND q.state = 'leased' AND q.next_at > now());
    IF e.per_second IS NOT NULL THEN
        places := least(places, floor(greatest(e.per_second, 1) - e.per_second * greatest(extract(epoch FROM s.paid_until - now()), 0)));
    END IF;
    RETURN greatest(places, 0);
END
$$;
COMMENT ON FUNCTION @extschema@.endpoint_places IS 'How many more messages may be sent to an endpoint now.';

CREATE FUNCTION @extschema@.supersede_older(d @extschema@.delivery_queue)
RETURNS void LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    older delivery_queue;
BEGIN
    FOR older IN SELECT * FROM delivery_queue q
                 WHERE q.alert = d.alert AND q.endpoint = d.endpoint AND q.transition < d.transition AND q.replays = 0
                   AND (q.state = 'pending' OR q.next_at <= now())
                 ORDER BY q.id FOR UPDATE SKIP LOCKED
    LOOP
        PERFORM finish_delivery(older, 'superseded', 'a later message of the same alert was sent');
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.supersede_older IS 'Ends what still waits of the same alert and endpoint and is older.';

CREATE FUNCTION @extschema@.claim_deliveries(worker text, max_rows integer, lease interval)
RETURNS TABLE (id bigint, epoch bigint, message_id text, endpoint text, kind text, secret_ref text, body text,
               attempt integer, created_at timestamptz, fresh boolean)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 100 COST 10000
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_column
DECLARE
    d delivery_queue;
    e endpoint;
    s endpoint_state;
    obstacle text[];
    names text[];
    places integer[];
    found_ids bigint[];
    this bigint;
    claimed integer := 0;
BEGIN
    PERFORM check_claim(worker, max_rows, lease);
    IF NOT EXISTS (SELECT FROM delivery_queue q WHERE q.next_at <= now()) THEN
        RETURN;
    END IF;
    FOR s IN SELECT x.* FROM endpoint_state x
             WHERE EXISTS (SELECT FROM delivery_queue q WHERE q.endpoint = x.endpoint AND q.next_at <= now())
             ORDER BY x.endpoint FOR UPDATE OF x SKIP LOCKED
    LOOP
        SELECT * INTO e FROM endpoint x WHERE x.endpoint = s.endpoint;
        names := names || s.endpoint;
        places := places || endpoint_places(e, s);
    END LOOP;
    FOR round IN 1 .. 10 LOOP -- what is not to be sent takes no place: look again
        found_ids := ARRAY(
            SELECT p.id
            FROM unnest(names, places) n (endpoint, places),
                 LATERAL (SELECT w.id, w.next_at, row_number() OVER (ORDER BY w.next_at, w.id) AS rank
                          FROM (SELECT q.id, q.next_at FROM delivery_queue q
                                WHERE q.endpoint = n.endpoint AND q.next_at <= now()
                                  AND NOT EXISTS (SELECT FROM delivery_queue o
                                                  WHERE o.endpoint = q.endpoint AND o.alert = q.alert
                                                    AND o.state = 'leased' AND o.next_at > now())
                                ORDER BY q.next_at, q.id LIMIT least(n.places, max_rows)) w) p
            ORDER BY p.rank, p.next_at, p.id LIMIT max_rows);
        FOREACH this IN ARRAY found_ids LOOP
            SELECT * INTO d FROM delivery_queue q WHERE q.id = this AND q.next_at <= now() FOR UPDATE SKIP LOCKED;
            CONTINUE WHEN NOT FOUND;
            SELECT * INTO e FROM endpoint x WHERE x.endpoint = d.endpoint;
            obstacle := delivery_obstacle(d, e);
            IF obstacle IS NOT NULL THEN
                PERFORM finish_delivery(d, obstacle[1], obstacle[2]);
                CONTINUE;
            END IF;
            CONTINUE WHEN EXISTS (SELECT FROM delivery_queue o WHERE o.endpoint = d.endpoint AND o.alert = d.alert
                                                                 AND o.state = 'leased' AND o.next_at > now());
            PERFORM supersede_older(d);
            UPDATE delivery_queue q
            SET state = 'leased', leased_by = worker, next_at = now() + lease, epoch = q.epoch + 1, attempt = q.attempt + 1
            WHERE q.id = d.id RETURNING q.id, q.epoch, q.message_id, q.endpoint, q.body, q.attempt, q.created_at
            INTO id, epoch, message_id, endpoint, body, attempt, created_at;
            UPDATE endpoint_state x
            SET paid_until = greatest(x.paid_until, now()) + interval '1 second' / e.per_second::double precision
            WHERE x.endpoint = d.endpoint AND e.per_second IS NOT NULL;
            kind := e.kind;
            secret_ref := e.secret_ref;
            fresh := attempt > 1 OR e.unanswered = 'hold';
            claimed := claimed + 1;
            RETURN NEXT;
        END LOOP;
        EXIT WHEN claimed > 0 OR cardinality(found_ids) = 0;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.claim_deliveries IS
'For crmd: leases up to max_rows due deliveries, in turn from each endpoint, as many as it has places for (set_delivery_policy), and one of '
'an alert at a time; leaves what another daemon is just claiming. The audience''s rights are asked again: '
'what may no longer be seen is cancelled here, and what is superseded, too old or out of attempts ends too. attempt counts '
'this one; fresh: send it on a new connection. A lease that ran out makes the delivery due again, under a new epoch.';

CREATE FUNCTION @extschema@.check_claim(worker text, max_rows integer, lease interval)
RETURNS void LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF coalesce(worker, '') = '' OR max_rows IS NULL OR max_rows < 1 OR lease IS NULL OR lease <= interval '0' THEN
        RAISE EXCEPTION 'a claim needs a worker, at least one row and a positive lease'
            USING ERRCODE = 'RM005', HINT = 'For example claim_deliveries(''host-1'', 100, interval ''30 seconds'').';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.check_claim IS 'Raises RM005 unless the arguments of a claim make sense.';
