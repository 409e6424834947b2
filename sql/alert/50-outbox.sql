-- The outbox. A delivery is written in the transaction that decides it, claimed with a lease and an epoch in a short
-- one, sent outside any, and finished in a batch that checks the epoch. What is finished moves to the history, so that
-- the queue that crmd polls stays as short as the work that is left.
CREATE TABLE @extschema@.delivery_queue (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id   text NOT NULL UNIQUE,
    alert        bigint,
    transition   bigint,
    type         text NOT NULL,
    rule         text NOT NULL,
    unit         text NOT NULL,
    units        text[] NOT NULL,
    endpoint     text NOT NULL REFERENCES @extschema@.endpoint,
    audience     text NOT NULL,
    body         text NOT NULL,
    state        text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'leased')),
    next_at      timestamptz NOT NULL DEFAULT pg_catalog.now(),
    epoch        bigint NOT NULL DEFAULT 0,
    leased_by    text,
    attempt      integer NOT NULL DEFAULT 0,
    refusals     integer NOT NULL DEFAULT 0,
    replays      integer NOT NULL DEFAULT 0,
    created_at   timestamptz NOT NULL DEFAULT pg_catalog.now(),
    queued_at    timestamptz NOT NULL DEFAULT pg_catalog.now(),
    detail       text,
    UNIQUE (alert, transition, endpoint)
);
COMMENT ON TABLE @extschema@.delivery_queue IS 'messages that are not finished yet';
COMMENT ON COLUMN @extschema@.delivery_queue.alert IS 'NULL in a message that lists several: alert_told says which';
COMMENT ON COLUMN @extschema@.delivery_queue.rule IS '* in a message about alerts of several rules';
COMMENT ON COLUMN @extschema@.delivery_queue.units IS 'every unit whose numbers are in the body: the audience must be allowed all of them';
COMMENT ON COLUMN @extschema@.delivery_queue.next_at IS 'when it may be claimed: while leased, the end of the lease';
COMMENT ON COLUMN @extschema@.delivery_queue.refusals IS 'how often the receiver said that the request itself is wrong';
CREATE INDEX delivery_queue_next_at ON @extschema@.delivery_queue (next_at, id);
CREATE INDEX delivery_queue_endpoint ON @extschema@.delivery_queue (endpoint, next_at, id);
CREATE INDEX delivery_queue_leased ON @extschema@.delivery_queue (endpoint, alert) WHERE state = 'leased';
CREATE INDEX delivery_queue_queued_at ON @extschema@.delivery_queue (queued_at);

CREATE TABLE @extschema@.delivery_history (
    id           bigint PRIMARY KEY,
    message_id   text NOT NULL,
    alert        bigint,
    transition   bigint,
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

CREATE FUNCTION @extschema@.finish_all(ids bigint[], states text[], details text[])
RETURNS void LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF cardinality(ids) > 0 THEN
        WITH gone AS (DELETE FROM delivery_queue q USING unnest(ids, states, details) e (id, state, detail) WHERE q.id = e.id
                      RETURNING q.*, e.state AS ended, e.detail AS why)
        INSERT INTO delivery_history (id, message_id, alert, transition, type, rule, unit, units, endpoint, audience, body,
                                      state, epoch, attempt, replays, created_at, queued_at, finished_at, detail)
        SELECT g.id, g.message_id, g.alert, g.transition, g.type, g.rule, g.unit, g.units, g.endpoint, g.audience, g.body,
               g.ended, g.epoch, g.attempt, g.replays, g.created_at, g.queued_at, clock_timestamp(), left(g.why, 500)
        FROM gone g;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.finish_all IS 'Moves deliveries, which the caller has locked, from the queue to the history, each with its end.';
