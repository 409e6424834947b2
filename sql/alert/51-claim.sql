-- What is sent next. Each endpoint has its own places, so that one that hangs keeps nobody else waiting, and one message
-- of an alert is under way at a time. The row of endpoint_state is locked while its places are counted; a daemon that
-- finds it locked leaves that endpoint to the one who counts.

-- Why a due delivery is not to be sent, as {state, detail}; NULL where it is. may: whether its audience may still
-- hear of the alert; outdated: whether a later message about it was written for this endpoint.
CREATE FUNCTION @extschema@.delivery_obstacle(d @extschema@.delivery_queue, e @extschema@.endpoint, l @extschema@.alert_log, may boolean, outdated boolean)
RETURNS text[] LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE
    WHEN NOT e.enabled THEN ARRAY['cancelled', coalesce(e.disabled_because, 'the endpoint is switched off')]
    WHEN e.audience <> d.audience THEN ARRAY['cancelled', pg_catalog.format('written for %s, but the endpoint''s audience is %s', d.audience, e.audience)]
    WHEN NOT may THEN ARRAY['cancelled', pg_catalog.format('%s may no longer see the number', d.audience)]
    WHEN d.replays = 0 AND outdated THEN ARRAY['superseded', 'a later message of the same alert was written']
    WHEN d.replays = 0 AND d.type = 'alert.escalated' AND l.acknowledged_at IS NOT NULL
    THEN ARRAY['superseded', pg_catalog.format('%s has acknowledged the alert', l.acknowledged_by)]
    WHEN d.queued_at + e.max_age <= pg_catalog.now() THEN ARRAY['expired', pg_catalog.format('not delivered within %s', e.max_age)]
    WHEN d.state = 'leased' AND e.unanswered = 'hold'
    THEN ARRAY['dead', pg_catalog.format('held: %s was lost while it was sending this, it may have arrived', d.leased_by)]
    WHEN d.attempt > pg_catalog.cardinality(e.retries) THEN ARRAY['dead', pg_catalog.format('no answer to the last of %s attempts', d.attempt)]
    WHEN pg_catalog.octet_length(d.body) > 4194304 -- crmd keeps in memory what it sends
    THEN ARRAY['dead', pg_catalog.format('the message has %s bytes; 4194304 are the most', pg_catalog.octet_length(d.body))]
    -- letters that crmd cannot be told would fail the claim when it is answered: better here, for this one alone
    WHEN pg_catalog.getdatabaseencoding() <> 'UTF8' AND pg_catalog.convert_to(d.message_id || d.body, 'UTF8') IS NULL THEN NULL END;
COMMENT ON FUNCTION @extschema@.delivery_obstacle IS
'Why a due delivery is not to be sent, as {state, detail}; NULL where it is. may: whether the audience may still hear of the alert; outdated: whether a later message about it was '
'written for the endpoint.';

-- A limit per second lets through what one second allows at once, and then goes on evenly. One that rested sends one, to see whether it is
-- back; one that is switched off has all the places that it takes to cancel what waits.
CREATE FUNCTION @extschema@.endpoint_places(e @extschema@.endpoint, s @extschema@.endpoint_state, under_way bigint)
RETURNS integer LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE
    WHEN NOT e.enabled THEN 1000
    WHEN s.paused_until > pg_catalog.now() THEN 0
    ELSE greatest(0, least(CASE WHEN s.failures >= e.breaker_after THEN 1 ELSE e.max_in_flight END - under_way,
                           pg_catalog.floor(greatest(e.per_second, 1)
                                            - e.per_second * greatest(EXTRACT(epoch FROM s.paid_until - pg_catalog.now()), 0)))) END::integer;
COMMENT ON FUNCTION @extschema@.endpoint_places IS 'How many more messages may be sent to an endpoint now, where so many are under way.';

-- Rights are asked once for each audience and what it must be allowed to see, however many messages say that.
CREATE FUNCTION @extschema@.end_unsendable(claimed bigint[])
RETURNS void LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    forbidden CONSTANT bigint[] := ARRAY(
        SELECT unnest(q.ids)
        FROM (SELECT d.audience, CASE WHEN l.relation IS NOT NULL OR d.alert IS NULL AND l.id IS NOT NULL THEN ARRAY[l.unit] ELSE d.units END AS units,
                     (array_agg(l))[1] AS alert, array_agg(d.id) AS ids
              FROM delivery_queue d JOIN endpoint e ON e.endpoint = d.endpoint
              LEFT JOIN alert_told t ON t.delivery = d.id AND d.alert IS NULL -- a list: each of its alerts
              LEFT JOIN alert_log l ON l.id = coalesce(d.alert, t.alert)
              WHERE d.id = ANY (claimed) AND e.enabled AND e.audience = d.audience
              GROUP BY 1, 2, l.relation, l.record_key) q
        WHERE audience_may_hear(q.alert, q.audience, q.units) IS NOT TRUE);
    ids bigint[];
    states text[];
    details text[];
BEGIN
    SELECT array_agg(j.id), array_agg(j.obstacle[1]), array_agg(j.obstacle[2]) INTO ids, states, details
    FROM (SELECT d.id, delivery_obstacle(d, e, l, d.id <> ALL (forbidden), EXISTS (
                 SELECT FROM alert_told t WHERE t.alert = d.alert AND t.endpoint = d.endpoint AND t.transition > d.transition)) AS obstacle
          FROM delivery_queue d JOIN endpoint e ON e.endpoint = d.endpoint LEFT JOIN alert_log l ON l.id = d.alert
          WHERE d.id = ANY (claimed)) j
    WHERE j.obstacle IS NOT NULL;
    PERFORM take_back(d) FROM unnest(ids, states) o (id, state) JOIN delivery_queue d ON d.id = o.id WHERE o.state = 'cancelled' AND d.alert IS NULL;
    PERFORM finish_all(ids, states, details);
END
$$;
COMMENT ON FUNCTION @extschema@.end_unsendable IS 'Ends those of these deliveries, which the caller has locked, that must not be sent (any more): they leave the queue.';

-- What still waits of the same alerts and endpoints as these and is older.
CREATE FUNCTION @extschema@.supersede_older(claimed bigint[])
RETURNS void LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    older CONSTANT bigint[] := ARRAY(
        SELECT q.id FROM delivery_queue d
        JOIN delivery_queue q ON q.alert = d.alert AND q.endpoint = d.endpoint AND q.transition < d.transition AND q.replays = 0
        WHERE d.id = ANY (claimed) AND (q.state = 'pending' OR q.next_at <= now())
        ORDER BY q.id FOR UPDATE OF q SKIP LOCKED); -- no two: of an endpoint and alert one is claimed
BEGIN
    PERFORM finish_all(older, array_fill('superseded'::text, ARRAY[cardinality(older)]),
                       array_fill('a later message of the same alert was sent'::text, ARRAY[cardinality(older)]));
END
$$;
COMMENT ON FUNCTION @extschema@.supersede_older IS 'Ends what still waits of the same alerts and endpoints as these deliveries and is older.';

-- Look-ups by key, however few rows the tables had when the connection began: a plan is kept as long as that.
CREATE FUNCTION @extschema@.lease_deliveries(worker text, max_rows integer, lease interval, oldest_at timestamptz, oldest_id bigint)
RETURNS TABLE (id bigint, epoch bigint, message_id text, endpoint text, kind text, secret_ref text, body text,
               attempt integer, created_at timestamptz, fresh boolean)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 100 COST 10000
SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE
    names text[];
    places integer[];
    found_ids bigint[];
    share integer;
    locked bigint[];
BEGIN
    names := ARRAY(SELECT x.endpoint FROM endpoint_state x
                   WHERE EXISTS (SELECT FROM delivery_queue q
                                 WHERE q.endpoint = x.endpoint AND (q.next_at, q.id) >= (oldest_at, oldest_id) AND q.next_at <= now())
                   ORDER BY x.endpoint FOR UPDATE OF x SKIP LOCKED);
    IF names = '{}' THEN
        RETURN;
    END IF;
    -- counted by a statement of its own: what another daemon took before this one had the lock is seen. The sum keeps the planner from the
    -- index of times, which has the later tries of everything
    places := ARRAY(SELECT endpoint_places(e, s, (SELECT count(*) FROM delivery_queue q
                                                  WHERE q.endpoint = n.endpoint AND q.state = 'leased' AND q.next_at + interval '0' > now()))
                    FROM unnest(names) WITH ORDINALITY n (endpoint, n) JOIN endpoint e ON e.endpoint = n.endpoint
                    JOIN endpoint_state s ON s.endpoint = n.endpoint ORDER BY n.n);
    FOR round IN 1 .. 10 LOOP -- what is not to be sent takes no place: look again
        share := (max_rows - 1) / cardinality(names) + 1;
        LOOP -- of many endpoints a few of each are enough, unless most have none left
            found_ids := ARRAY(
                SELECT p.id
                FROM unnest(names, places) n (endpoint, places),
                     LATERAL (SELECT w.id, w.next_at, row_number() OVER (ORDER BY w.next_at, w.id) AS rank
                              FROM (SELECT q.id, q.next_at FROM delivery_queue q
                                    WHERE q.endpoint = n.endpoint AND (q.next_at, q.id) >= (oldest_at, oldest_id) AND q.next_at <= now()
                                      AND NOT EXISTS (SELECT FROM delivery_queue o
                                                      WHERE o.endpoint = q.endpoint AND o.alert = q.alert
                                                        AND o.state = 'leased' AND o.next_at + interval '0' > now())
                                    ORDER BY q.next_at, q.id LIMIT least(n.places, share)) w) p
                ORDER BY p.rank, p.next_at, p.id LIMIT max_rows);
            EXIT WHEN (cardinality(found_ids) = max_rows OR share = max_rows) IS NOT FALSE;
            share := least(4 * share::bigint, max_rows);
        END LOOP;
        EXIT WHEN cardinality(found_ids) = 0;
        locked := ARRAY(SELECT q.id FROM delivery_queue q WHERE q.id = ANY (found_ids) AND q.next_at <= now() ORDER BY q.id FOR UPDATE SKIP LOCKED);
        PERFORM end_unsendable(locked);
        -- of what is left of an alert the first one, which ends the older ones
        locked := ARRAY(SELECT DISTINCT ON (q.endpoint, q.alert) q.id FROM unnest(found_ids) WITH ORDINALITY f (id, n) JOIN delivery_queue q ON q.id = f.id
                        WHERE q.id = ANY (locked) ORDER BY q.endpoint, q.alert, f.n);
        PERFORM supersede_older(locked);
        UPDATE endpoint_state x
        SET paid_until = greatest(x.paid_until, now()) + c.messages * (interval '1 second' / e.per_second::double precision)
        FROM (SELECT q.endpoint, count(*) AS messages FROM delivery_queue q WHERE q.id = ANY (locked) GROUP BY q.endpoint) c
        JOIN endpoint e ON e.endpoint = c.endpoint AND e.per_second IS NOT NULL
        WHERE x.endpoint = c.endpoint;
        RETURN QUERY
        WITH taken AS (
            UPDATE delivery_queue q
            SET state = 'leased', leased_by = worker, next_at = now() + lease, epoch = q.epoch + 1, attempt = q.attempt + 1
            WHERE q.id = ANY (locked) RETURNING q.*)
        SELECT t.id, t.epoch, t.message_id, t.endpoint, e.kind, e.secret_ref, t.body, t.attempt, t.created_at, t.attempt > 1 OR e.unanswered = 'hold'
        FROM taken t JOIN endpoint e ON e.endpoint = t.endpoint ORDER BY array_position(found_ids, t.id);
        EXIT WHEN cardinality(locked) > 0;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.lease_deliveries IS 'What claim_deliveries does where no row raises an error.';

-- Whether an error is due to the rows that were worked on, so that it would come again; other errors pass.
CREATE FUNCTION @extschema@.is_fault_of_data(sqlstate text)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT left($1, 2) IN ('0A', '21', '22', '23', '2F', '38', '39', '42', '54', 'P0', 'RM')
$$;
COMMENT ON FUNCTION @extschema@.is_fault_of_data IS 'Whether an error is due to the rows that were worked on, so that it would come again.';

-- Looks at endpoints and deliveries one by one. The caller's transaction goes on where one of them raises an error.
CREATE FUNCTION @extschema@.end_spoiled(max_rows integer)
RETURNS void LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    e endpoint;
    s endpoint_state;
    d delivery_queue;
BEGIN
    FOR s IN SELECT x.* FROM endpoint_state x
             WHERE EXISTS (SELECT FROM delivery_queue q WHERE q.endpoint = x.endpoint AND q.next_at <= now())
             ORDER BY x.endpoint FOR UPDATE OF x SKIP LOCKED
    LOOP
        SELECT * INTO e FROM endpoint x WHERE x.endpoint = s.endpoint;
        BEGIN
            PERFORM endpoint_places(e, s, 0), now() + interval '1 second' / e.per_second::double precision;
        EXCEPTION WHEN OTHERS THEN
            IF NOT is_fault_of_data(SQLSTATE) THEN
                RAISE;
            END IF;
            UPDATE endpoint x SET enabled = false, disabled_because = left('its settings make no sense: ' || SQLERRM, 500) WHERE x.endpoint = s.endpoint;
        END;
        FOR d IN SELECT q.* FROM delivery_queue q WHERE q.endpoint = s.endpoint AND q.next_at <= now()
                 ORDER BY q.next_at, q.id LIMIT max_rows FOR UPDATE SKIP LOCKED
        LOOP
            BEGIN
                PERFORM end_unsendable(ARRAY[d.id]);
            EXCEPTION WHEN OTHERS THEN
                IF NOT is_fault_of_data(SQLSTATE) THEN
                    RAISE;
                END IF;
                PERFORM finish_all(ARRAY[d.id], ARRAY['dead'], ARRAY['it cannot be claimed: ' || SQLERRM]);
            END;
        END LOOP;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.end_spoiled IS
'Ends due deliveries that raise an error when they are claimed, with it, and switches endpoints off that do; ends what must not be sent, too.';

CREATE FUNCTION @extschema@.claim_deliveries(worker text, max_rows integer, lease interval)
RETURNS TABLE (id bigint, epoch bigint, message_id text, endpoint text, kind text, secret_ref text, body text,
               attempt integer, created_at timestamptz, fresh boolean)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 100 COST 10000
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_column
DECLARE
    oldest record; -- what is finished, and an old snapshot keeps in the indexes, is walked past once
BEGIN
    PERFORM check_claim(worker, max_rows, lease);
    SELECT q.next_at, q.id INTO oldest FROM delivery_queue q WHERE q.next_at <= now() ORDER BY q.next_at, q.id LIMIT 1;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    BEGIN
        RETURN QUERY SELECT * FROM lease_deliveries(worker, max_rows, lease, oldest.next_at, oldest.id);
        RETURN;
    EXCEPTION WHEN OTHERS THEN
        IF NOT is_fault_of_data(SQLSTATE) THEN
            RAISE;
        END IF;
    END;
    PERFORM end_spoiled(max_rows);
    RETURN QUERY SELECT * FROM lease_deliveries(worker, max_rows, lease, oldest.next_at, oldest.id);
END
$$;
COMMENT ON FUNCTION @extschema@.claim_deliveries IS
'For crmd: leases up to max_rows due deliveries, in turn from each endpoint, as many as it has places for (set_delivery_policy), and one of '
'an alert at a time; leaves what another daemon is just claiming. The audience''s rights are asked again: '
'what may no longer be seen is cancelled here, and what is superseded, too old or out of attempts ends too. attempt counts '
'this one; fresh: send it on a new connection. What raises an error because of what it holds is dead with it and stops no other. A lease that ran out makes the delivery due again, under a new epoch.';

-- Asked of whatever crmd does some at a time.
CREATE FUNCTION @extschema@.check_max_rows(max_rows integer)
RETURNS void LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF max_rows IS NULL OR max_rows < 1 THEN
        RAISE EXCEPTION 'max_rows must be positive' USING ERRCODE = 'RM005';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.check_max_rows IS 'Raises RM005 unless max_rows is positive.';

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
