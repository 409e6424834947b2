-- What became of what was sent: the end of a delivery, or its next attempt, and how its endpoint does.

-- From 0 to 1, by hash: a burst that failed together does not come back together, and a test gets the same times twice.
CREATE FUNCTION @extschema@.retry_jitter(what bigint, attempt integer)
RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT mod(hashint8extended(retry_jitter.what, retry_jitter.attempt) & 1048575, 1001) / 1000.0
$$;
COMMENT ON FUNCTION @extschema@.retry_jitter IS 'From 0 to 1, the same for the same arguments.';

CREATE FUNCTION @extschema@.retry_delay(delivery bigint, attempt integer, retries interval[])
RETURNS interval LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT retry_delay.retries[retry_delay.attempt] * (1 + 0.2 * retry_jitter(retry_delay.delivery, retry_delay.attempt))
$$;
COMMENT ON FUNCTION @extschema@.retry_delay IS
'How long to wait after a failed attempt: its entry in the list of the endpoint, and up to a fifth more, by hash. NULL after the last.';

-- An endpoint that fails breaker_after times in a row rests, twice as long after each further try, up to 10 minutes. What
-- fails while it rests was under way before and counts no more.
CREATE FUNCTION @extschema@.note_endpoint(endpoint text, worked boolean[], rest_ms bigint)
RETURNS void LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    e endpoint;
    s endpoint_state;
    good boolean;
BEGIN
    SELECT * INTO e FROM endpoint x WHERE x.endpoint = note_endpoint.endpoint;
    IF NOT FOUND OR (rest_ms = 0 AND NOT EXISTS (SELECT FROM unnest(worked) w WHERE NOT w)
                     AND EXISTS (SELECT FROM endpoint_state x WHERE x.endpoint = e.endpoint AND x.failures = 0)) THEN
        RETURN; -- the ordinary case writes nothing
    END IF;
    SELECT * INTO s FROM endpoint_state x WHERE x.endpoint = e.endpoint FOR UPDATE;
    FOREACH good IN ARRAY worked LOOP
        IF good THEN
            s.failures := 0;
            s.paused_until := NULL;
        ELSIF coalesce(s.paused_until <= now(), true) THEN
            s.failures := s.failures + 1;
            IF s.failures >= e.breaker_after THEN
                s.paused_until := now() + (1 + 0.2 * retry_jitter(hashtextextended(e.endpoint, 0), s.failures))
                    * least(e.breaker_pause * power(2, least(s.failures - e.breaker_after, 20)), greatest(e.breaker_pause, interval '10 minutes'));
            END IF;
        END IF;
    END LOOP;
    IF rest_ms > 0 THEN -- the receiver asked for it
        s.paused_until := greatest(s.paused_until, now() + least(rest_ms, 3600000) * interval '1 millisecond');
    END IF;
    UPDATE endpoint_state x SET failures = s.failures, paused_until = s.paused_until WHERE x.endpoint = e.endpoint;
END
$$;
COMMENT ON FUNCTION @extschema@.note_endpoint IS
'Notes what an endpoint answered: whether each delivery worked, in order, and how long it asked to be left alone (at most an hour).';

-- The end of a delivery, as {state, detail}, or NULL and when it is tried again.
CREATE FUNCTION @extschema@.delivery_verdict(d @extschema@.delivery_queue, e @extschema@.endpoint, outcome text, detail text, retry_after_ms bigint)
RETURNS TABLE (ended text[], next_try timestamptz) LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    SELECT CASE WHEN outcome IN ('delivered', 'dead') THEN ARRAY[outcome, detail]
                WHEN outcome = 'gone' THEN ARRAY['dead', coalesce(detail, 'the receiver wants nothing any more')]
                WHEN outcome = 'unanswered' AND e.unanswered = 'hold' THEN ARRAY['dead', pg_catalog.concat_ws(': ', 'held, it may have arrived', detail)]
                WHEN outcome = 'refused' AND d.refusals >= 1 THEN ARRAY['dead', pg_catalog.concat_ws(': ', 'refused twice', detail)]
                WHEN d.attempt > pg_catalog.cardinality(e.retries) OR t.next_try >= d.queued_at + e.max_age
                THEN ARRAY['dead', pg_catalog.concat_ws(': ', pg_catalog.format('given up at attempt %s', d.attempt), detail)] END, t.next_try
    FROM (SELECT CASE WHEN outcome NOT IN ('delivered', 'dead') -- most are delivered
                      THEN pg_catalog.now() + greatest(@extschema@.retry_delay(d.id, d.attempt, e.retries),
                                                       least(coalesce(retry_after_ms, 0), 86400000) * interval '1 millisecond') END) t (next_try);
END;
COMMENT ON FUNCTION @extschema@.delivery_verdict IS 'The end of a delivery after an attempt, as {state, detail}; NULL where it is tried again at next_try.';

CREATE FUNCTION @extschema@.finish_deliveries(results jsonb)
RETURNS integer LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE COST 10000
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    outcomes CONSTANT text[] := ARRAY['delivered', 'retry', 'unanswered', 'refused', 'gone', 'dead'];
    wrong record;
    noted record;
    ids bigint[];
    said text[];
    statuses integer[];
    details text[];
    waits bigint[];
    ended_ids bigint[];
    ended_states text[];
    ended_details text[];
BEGIN
    IF results IS NULL OR jsonb_typeof(results) <> 'array' THEN
        RAISE EXCEPTION 'results is not a JSON array' USING ERRCODE = 'RM005',
            HINT = 'One object each: {"id": 1, "epoch": 1, "outcome": "delivered", "status": 200, "detail": null, "retry_after_ms": null}.';
    END IF;
    SELECT r.outcome INTO wrong FROM jsonb_to_recordset(results) r (outcome text) WHERE r.outcome IS NULL OR r.outcome <> ALL (outcomes) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'unknown outcome: %', coalesce(quote_literal(wrong.outcome), 'NULL')
            USING ERRCODE = 'RM005', HINT = 'An outcome is ' || array_to_string(outcomes, ', ') || '.';
    END IF;
    -- in one order for all daemons: no deadlock. What is not found is finished or of another database, or its lease ran
    -- out and another daemon has it
    SELECT array_agg(d.id), array_agg(d.outcome), array_agg(d.status), array_agg(d.detail), array_agg(d.retry_after_ms)
    INTO ids, said, statuses, details, waits
    FROM (SELECT q.id, r.outcome, r.status, left(r.detail, 500) AS detail, r.retry_after_ms
          FROM (SELECT DISTINCT ON (x.id, x.epoch, x.message) x.* FROM jsonb_to_recordset(results)
                    AS x (id bigint, epoch bigint, message text, outcome text, status integer, detail text, retry_after_ms bigint)
                ORDER BY x.id, x.epoch, x.message) r
          JOIN delivery_queue q ON q.id = r.id AND q.epoch = r.epoch AND q.state = 'leased' AND (r.message IS NULL OR q.message_id = r.message)
          ORDER BY q.id FOR UPDATE OF q) d;
    IF ids IS NULL THEN
        RETURN 0;
    END IF;
    INSERT INTO delivery_attempt (delivery, epoch, attempt, worker, at, outcome, status, detail)
    SELECT q.id, q.epoch, q.attempt, q.leased_by, clock_timestamp(), r.outcome, r.status, r.detail
    FROM unnest(ids, said, statuses, details) r (id, outcome, status, detail) JOIN delivery_queue q ON q.id = r.id;
    WITH judged AS MATERIALIZED (
        SELECT q.id, r.outcome, r.detail, v.ended, v.next_try
        FROM unnest(ids, said, details, waits) r (id, outcome, detail, retry_after_ms) JOIN delivery_queue q ON q.id = r.id
        JOIN endpoint e ON e.endpoint = q.endpoint CROSS JOIN delivery_verdict(q, e, r.outcome, r.detail, r.retry_after_ms) v),
    again AS (
        UPDATE delivery_queue q
        SET state = 'pending', leased_by = NULL, next_at = j.next_try, detail = j.detail, refusals = q.refusals + (j.outcome = 'refused')::integer
        FROM judged j WHERE q.id = j.id AND j.ended IS NULL)
    SELECT array_agg(j.id), array_agg(j.ended[1]), array_agg(j.ended[2]) INTO ended_ids, ended_states, ended_details
    FROM judged j WHERE j.ended IS NOT NULL;
    -- after all rows, and in one order; where all went well there is nothing to note
    FOR noted IN
        SELECT q.endpoint, array_agg(r.outcome NOT IN ('retry', 'unanswered') ORDER BY r.id) AS worked, bool_or(r.outcome = 'gone') AS gone,
               max(CASE WHEN r.outcome = 'retry' THEN coalesce(r.retry_after_ms, 0) ELSE 0 END) AS rest
        FROM unnest(ids, said, waits) r (id, outcome, retry_after_ms) JOIN delivery_queue q ON q.id = r.id JOIN endpoint_state s ON s.endpoint = q.endpoint
        GROUP BY q.endpoint, s.failures
        HAVING s.failures > 0 OR bool_or(r.outcome IN ('retry', 'unanswered', 'gone')) ORDER BY q.endpoint
    LOOP
        IF noted.gone THEN
            UPDATE endpoint x SET enabled = false, disabled_because = 'the receiver answered 410, gone'
            WHERE x.endpoint = noted.endpoint AND x.enabled;
        END IF;
        PERFORM note_endpoint(noted.endpoint, noted.worked, noted.rest);
    END LOOP;
    PERFORM finish_all(ended_ids, ended_states, ended_details);
    RETURN cardinality(ids);
END
$$;
COMMENT ON FUNCTION @extschema@.finish_deliveries IS
'For crmd: an array of {"id", "epoch", "message", "outcome", "status", "detail", "retry_after_ms"}. What carries a stale epoch, or a message id '
'(where there is one) that is not this delivery''s, is passed over. '
'outcome: delivered; retry; unanswered (it was sent, and no answer came: retried or held, as the endpoint says); refused (the request '
'is wrong: dead at the second time); gone (dead, and the endpoint is switched off); dead. A retry waits as retry_delay says, or as long as '
'the receiver asked for (at most a day; its endpoint as long, at most an hour). Returns how many were accepted.';

CREATE FUNCTION @extschema@.replay_delivery(id bigint)
RETURNS text LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    h delivery_history;
    queued delivery_queue;
BEGIN
    SELECT * INTO queued FROM delivery_queue q WHERE q.id = replay_delivery.id FOR UPDATE;
    IF queued.state = 'leased' AND queued.next_at > now() THEN
        RAISE EXCEPTION 'delivery % is being sent', id
            USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = format('Worker %s holds it until %s.', queued.leased_by, queued.next_at);
    ELSIF queued.id IS NOT NULL THEN
        UPDATE delivery_queue q SET next_at = now() WHERE q.id = replay_delivery.id;
        RETURN queued.message_id;
    END IF;
    SELECT * INTO h FROM delivery_history x WHERE x.id = replay_delivery.id FOR UPDATE;
    IF h.id IS NULL THEN
        RAISE EXCEPTION 'no delivery %', coalesce(id::text, 'NULL')
            USING ERRCODE = 'RM001', HINT = 'SELECT id, state, rule FROM delivery lists them.';
    END IF;
    PERFORM FROM endpoint e WHERE e.endpoint = h.endpoint FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'endpoint "%" of delivery % was removed', h.endpoint, id
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Create it again under the same key.';
    END IF;
    DELETE FROM delivery_history x WHERE x.id = replay_delivery.id;
    INSERT INTO delivery_queue (id, message_id, alert, transition, type, rule, unit, units, endpoint, audience, body,
                                epoch, replays, created_at, detail)
    OVERRIDING SYSTEM VALUE
    VALUES (h.id, h.message_id, h.alert, h.transition, h.type, h.rule, h.unit, h.units, h.endpoint, h.audience, h.body,
            h.epoch, h.replays + 1, h.created_at, format('replayed, was %s', h.state));
    RETURN h.message_id;
END
$$;
COMMENT ON FUNCTION @extschema@.replay_delivery IS
$c$Sends a finished delivery once more, whatever its end was: the same message id and body, attempts counted anew, rights
asked again when it is claimed. One that still waits for its next attempt is due at once. Returns the message id.$c$;
