-- The outbox. A delivery is written in the transaction that decides it, claimed with a lease and an epoch in a short
-- one, sent outside any, and finished in a batch that checks the epoch. What is finished moves to the history, so that
-- the queue that crmd polls stays as short as the work that is left.
CREATE TABLE @extschema@.delivery_queue (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id   text NOT NULL UNIQUE,
    alert        bigint NOT NULL,
    transition   bigint NOT NULL,
    type         text NOT NULL,
    rule         text NOT NULL,
    unit         text NOT NULL,
    units        text[] NOT NULL,
    endpoint     text NOT NULL,
    audience     text NOT NULL,
    body         text NOT NULL,
    state        text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'leased')),
    next_at      timestamptz NOT NULL DEFAULT pg_catalog.now(),
    epoch        bigint NOT NULL DEFAULT 0,
    leased_by    text,
    attempt      integer NOT NULL DEFAULT 0,
    replays      integer NOT NULL DEFAULT 0,
    created_at   timestamptz NOT NULL DEFAULT pg_catalog.now(),
    queued_at    timestamptz NOT NULL DEFAULT pg_catalog.now(),
    detail       text,
    UNIQUE (alert, transition, endpoint)
);
COMMENT ON TABLE @extschema@.delivery_queue IS 'messages that are not finished yet';
COMMENT ON COLUMN @extschema@.delivery_queue.units IS 'every unit whose numbers are in the body: the audience must be allowed all of them';
COMMENT ON COLUMN @extschema@.delivery_queue.next_at IS 'when it may be claimed: while leased, the end of the lease';
CREATE INDEX delivery_queue_next_at ON @extschema@.delivery_queue (next_at, id);

CREATE TABLE @extschema@.delivery_history (
    id           bigint PRIMARY KEY,
    message_id   text NOT NULL,
    alert        bigint NOT NULL,
    transition   bigint NOT NULL,
    type         text NOT NULL,
    rule         text NOT NULL,
    unit         text NOT NULL,
    units        text[] NOT NULL,
    endpoint     text NOT NULL,
    audience     text NOT NULL,
    body         text NOT NULL,
    state        text NOT NULL CHECK (state IN ('delivered', 'superseded', 'expired', 'cancelled', 'dead')),
    epoch        bigint NOT NULL,
    attempt      integer NOT NULL,
    replays      integer NOT NULL,
    created_at   timestamptz NOT NULL,
    queued_at    timestamptz NOT NULL,
    finished_at  timestamptz NOT NULL,
    detail       text
);
COMMENT ON TABLE @extschema@.delivery_history IS 'messages with their one recorded end';
CREATE INDEX delivery_history_finished_at ON @extschema@.delivery_history (finished_at);
CREATE INDEX delivery_history_alert ON @extschema@.delivery_history (alert);

CREATE TABLE @extschema@.delivery_attempt (
    delivery bigint NOT NULL,
    epoch    bigint NOT NULL,
    attempt  integer NOT NULL,
    worker   text,
    at       timestamptz NOT NULL,
    outcome  text NOT NULL,
    status   integer,
    detail   text,
    PRIMARY KEY (delivery, epoch)
);
COMMENT ON TABLE @extschema@.delivery_attempt IS 'what became of each attempt that crmd reported';
CREATE INDEX delivery_attempt_at ON @extschema@.delivery_attempt (at);

-- Whether a principal may see the numbers of all these units. A principal who is gone may see nothing.
CREATE FUNCTION @extschema@.audience_may(audience text, units text[])
RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE COST 1000
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM principal p WHERE p.principal = audience) THEN
        RETURN false;
    END IF;
    -- the number of a unit is that of all below it
    RETURN (SELECT coalesce(bool_and(principal_visible_below(audience, u, 'kpi', 'total')), false) FROM unnest(units) u);
END
$$;
COMMENT ON FUNCTION @extschema@.audience_may IS 'Whether a principal may see the numbers of all these units.';

CREATE FUNCTION @extschema@.finish_delivery(d @extschema@.delivery_queue, state text, detail text)
RETURNS void LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    DELETE FROM delivery_queue q WHERE q.id = d.id;
    INSERT INTO delivery_history (id, message_id, alert, transition, type, rule, unit, units, endpoint, audience, body,
                                  state, epoch, attempt, replays, created_at, queued_at, finished_at, detail)
    VALUES (d.id, d.message_id, d.alert, d.transition, d.type, d.rule, d.unit, d.units, d.endpoint, d.audience, d.body,
            finish_delivery.state, d.epoch, d.attempt, d.replays, d.created_at, d.queued_at, clock_timestamp(),
            left(finish_delivery.detail, 500));
END
$$;
COMMENT ON FUNCTION @extschema@.finish_delivery IS 'Moves a delivery from the queue to the history, with its end.';

-- Why a due delivery is not to be sent, as {state, detail}; NULL where it is.
CREATE FUNCTION @extschema@.delivery_obstacle(d @extschema@.delivery_queue, e @extschema@.endpoint)
RETURNS text[] LANGUAGE plpgsql STABLE PARALLEL SAFE COST 1000
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF e.endpoint IS NULL OR NOT e.enabled THEN
        RETURN ARRAY['cancelled', 'the endpoint is switched off'];
    ELSIF e.audience <> d.audience THEN
        RETURN ARRAY['cancelled', format('written for %s, but the endpoint''s audience is %s', d.audience, e.audience)];
    ELSIF NOT audience_may(d.audience, d.units) THEN
        RETURN ARRAY['cancelled', format('%s may no longer see the number', d.audience)];
    ELSIF d.replays = 0 AND d.transition < (SELECT l.announced FROM alert_log l WHERE l.id = d.alert) THEN
        RETURN ARRAY['superseded', 'a later message of the same alert was written'];
    ELSIF d.queued_at + e.max_age <= now() THEN
        RETURN ARRAY['expired', format('not delivered within %s', e.max_age)];
    ELSIF d.attempt >= e.max_attempts THEN
        RETURN ARRAY['dead', format('no answer to the last of %s attempts', d.attempt)];
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION @extschema@.delivery_obstacle IS 'Why a due delivery is not to be sent, as {state, detail}; NULL where it is.';

CREATE FUNCTION @extschema@.claim_deliveries(worker text, max_rows integer, lease interval)
RETURNS TABLE (id bigint, epoch bigint, message_id text, endpoint text, kind text, secret_ref text, body text,
               attempt integer, created_at timestamptz)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 100 COST 10000
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_column
DECLARE
    d delivery_queue;
    e endpoint;
    obstacle text[];
BEGIN
    PERFORM check_claim(worker, max_rows, lease);
    FOR d IN
        SELECT * FROM delivery_queue q WHERE q.next_at <= now()
        ORDER BY q.next_at, q.id LIMIT max_rows FOR UPDATE SKIP LOCKED
    LOOP
        SELECT * INTO e FROM endpoint x WHERE x.endpoint = d.endpoint;
        obstacle := delivery_obstacle(d, e);
        IF obstacle IS NOT NULL THEN
            PERFORM finish_delivery(d, obstacle[1], obstacle[2]);
            CONTINUE;
        END IF;
        UPDATE delivery_queue q
        SET state = 'leased', leased_by = worker, next_at = now() + lease, epoch = q.epoch + 1, attempt = q.attempt + 1
        WHERE q.id = d.id RETURNING q.id, q.epoch, q.message_id, q.endpoint, q.body, q.attempt, q.created_at
        INTO id, epoch, message_id, endpoint, body, attempt, created_at;
        kind := e.kind;
        secret_ref := e.secret_ref;
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.claim_deliveries IS
'For crmd: leases up to max_rows due deliveries, skipping what another daemon holds. The audience''s rights are asked again: '
'what may no longer be seen is cancelled here, and what is superseded, too old or out of attempts ends too. attempt counts '
'this one. A lease that ran out makes the delivery due again, under a new epoch.';

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

-- Exponential, from first_retry, at most an hour, with up to a fifth of jitter either way. The jitter is a hash of id
-- and attempt: a burst that failed together does not come back together, and a test gets the same times twice.
CREATE FUNCTION @extschema@.retry_delay(delivery bigint, attempt integer, first_retry interval)
RETURNS interval LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    jitter double precision := mod(hashint8extended(delivery, attempt) & 1048575, 1001) / 1000.0; -- 0 to 1
    doubled interval := first_retry * power(2, least(attempt, 20) - 1);
BEGIN
    RETURN least(doubled, greatest(first_retry, interval '1 hour')) * (0.8 + 0.4 * jitter);
END
$$;
COMMENT ON FUNCTION @extschema@.retry_delay IS
'How long to wait after a failed attempt: first_retry doubled each time, at most an hour, 20 % of jitter by hash.';

CREATE FUNCTION @extschema@.finish_deliveries(results jsonb)
RETURNS integer LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE COST 10000
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    result record;
    d delivery_queue;
    e endpoint;
    next_try timestamptz;
    accepted integer := 0;
BEGIN
    IF results IS NULL OR jsonb_typeof(results) <> 'array' THEN
        RAISE EXCEPTION 'results is not a JSON array' USING ERRCODE = 'RM005',
            HINT = 'One object each: {"id": 1, "epoch": 1, "outcome": "delivered", "status": 200, "detail": null, "retry_after_ms": null}.';
    END IF;
    FOR result IN
        SELECT * FROM jsonb_to_recordset(results)
               AS r (id bigint, epoch bigint, outcome text, status integer, detail text, retry_after_ms bigint)
        ORDER BY r.id -- one order for all daemons: no deadlock
    LOOP
        IF result.outcome IS NULL OR result.outcome NOT IN ('delivered', 'retry', 'dead') THEN
            RAISE EXCEPTION 'unknown outcome: %', coalesce(quote_literal(result.outcome), 'NULL')
                USING ERRCODE = 'RM005', HINT = 'An outcome is delivered, retry or dead.';
        END IF;
        SELECT * INTO d FROM delivery_queue q
        WHERE q.id = result.id AND q.epoch = result.epoch AND q.state = 'leased' FOR UPDATE;
        CONTINUE WHEN NOT FOUND; -- the lease ran out and another daemon has it, or it is finished
        accepted := accepted + 1;
        INSERT INTO delivery_attempt (delivery, epoch, attempt, worker, at, outcome, status, detail)
        VALUES (d.id, d.epoch, d.attempt, d.leased_by, clock_timestamp(), result.outcome, result.status, left(result.detail, 500));
        IF result.outcome <> 'retry' THEN
            PERFORM finish_delivery(d, result.outcome, result.detail);
            CONTINUE;
        END IF;
        SELECT * INTO e FROM endpoint x WHERE x.endpoint = d.endpoint;
        next_try := now() + greatest(retry_delay(d.id, d.attempt, coalesce(e.first_retry, '5 seconds')),
                                     least(coalesce(result.retry_after_ms, 0), 86400000) * interval '1 millisecond');
        IF d.attempt >= e.max_attempts OR next_try >= d.queued_at + e.max_age THEN
            PERFORM finish_delivery(d, 'dead', concat_ws(': ', format('given up at attempt %s', d.attempt), result.detail));
        ELSE
            UPDATE delivery_queue q
            SET state = 'pending', leased_by = NULL, next_at = next_try, detail = left(result.detail, 500)
            WHERE q.id = d.id;
        END IF;
    END LOOP;
    RETURN accepted;
END
$$;
COMMENT ON FUNCTION @extschema@.finish_deliveries IS
'For crmd: an array of {"id", "epoch", "outcome": "delivered", "retry" or "dead", "status", "detail", "retry_after_ms"}. What '
'carries a stale epoch is passed over. A retry waits as retry_delay says, or as long as the receiver asked for (at most a '
'day), until max_attempts or max_age of the endpoint: then it is dead. Returns how many were accepted.';

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
    DELETE FROM delivery_history x WHERE x.id = replay_delivery.id RETURNING * INTO h;
    IF h.id IS NULL THEN
        RAISE EXCEPTION 'no delivery %', coalesce(id::text, 'NULL')
            USING ERRCODE = 'RM001', HINT = 'SELECT id, state, rule FROM delivery lists them.';
    END IF;
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
