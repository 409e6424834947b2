-- Receivers of alerts. Neither address nor secret stands in the database: secret_ref names a section of crmd's own
-- file. An endpoint has one audience, the principal whose rights bound what is sent there.
CREATE TABLE @extschema@.endpoint (
    endpoint     text PRIMARY KEY,
    kind         text NOT NULL CHECK (kind IN ('webhook', 'slack', 'teams', 'mattermost', 'google_chat', 'discord', 'pagerduty',
                                                'alertmanager', 'cloudevents', 'email', 'telegram')),
    audience     text NOT NULL,
    secret_ref   text NOT NULL,
    description  text,
    retries      interval[] NOT NULL,
    max_age      interval NOT NULL,
    max_in_flight integer NOT NULL DEFAULT 16,
    per_second   numeric,
    unanswered   text NOT NULL DEFAULT 'retry' CHECK (unanswered IN ('retry', 'hold')),
    breaker_after integer NOT NULL DEFAULT 5,
    breaker_pause interval NOT NULL DEFAULT '30 seconds',
    enabled      boolean NOT NULL DEFAULT true,
    disabled_because text,
    created_at   timestamptz NOT NULL DEFAULT pg_catalog.now(),
    created_by   text NOT NULL
);
COMMENT ON TABLE @extschema@.endpoint IS 'receivers of alerts, each with the principal whose rights bound what is sent there';
COMMENT ON COLUMN @extschema@.endpoint.secret_ref IS 'section of crmd''s own file that holds the address and the signing secret';
COMMENT ON COLUMN @extschema@.endpoint.retries IS 'how long to wait after the first failed attempt, the second ...; after the last one it is given up';
COMMENT ON COLUMN @extschema@.endpoint.max_age IS 'how long after it was written a message may still be sent';
COMMENT ON COLUMN @extschema@.endpoint.max_in_flight IS 'how many messages may be under way at once, all daemons together';
COMMENT ON COLUMN @extschema@.endpoint.per_second IS 'how many messages a second at most; NULL: no limit';
COMMENT ON COLUMN @extschema@.endpoint.unanswered IS 'what becomes of a message that was sent and not answered: retry sends it again, hold does not';
COMMENT ON COLUMN @extschema@.endpoint.breaker_after IS 'after so many failures in a row the endpoint rests for breaker_pause, then twice as long each time';
COMMENT ON COLUMN @extschema@.endpoint.disabled_because IS 'why crmd switched it off';

CREATE FUNCTION @extschema@.create_endpoint(
    key text,
    kind text,
    audience text,
    secret_ref text,
    description text DEFAULT NULL,
    retries interval[] DEFAULT '{5 seconds, 5 minutes, 30 minutes, 2 hours, 5 hours, 10 hours, 14 hours, 20 hours, 24 hours}',
    max_age interval DEFAULT '4 days')
RETURNS text LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    known CONSTANT text[] := ARRAY(SELECT k.kind FROM endpoint_kinds() k);
    principal text := resolve_principal(audience);
BEGIN
    PERFORM require_key('endpoint', key);
    IF kind IS NULL OR kind <> ALL (known) THEN
        PERFORM raise_unknown('endpoint kind', kind, known);
    END IF;
    IF principal IS NULL THEN
        PERFORM raise_unknown('principal', audience, ARRAY(SELECT p.principal FROM principal p));
    END IF;
    IF secret_ref IS NULL OR secret_ref !~ '^[A-Za-z0-9_.-]{1,63}$' THEN
        RAISE EXCEPTION 'secret_ref is not the name of a section'
            USING ERRCODE = 'RM005',
                  DETAIL = 'It is a name of letters, digits, "_", "-" and "."; the address and the secret stay out of the database.',
                  HINT = 'Write the address and the secret into crmd''s own file, and give the name of their section here.';
    END IF;
    PERFORM check_retries(key, retries, max_age);
    IF EXISTS (SELECT FROM endpoint e WHERE e.endpoint = key) THEN
        RAISE EXCEPTION 'endpoint "%" exists already', key
            USING ERRCODE = 'duplicate_object', HINT = 'Choose another key.';
    END IF;
    INSERT INTO endpoint (endpoint, kind, audience, secret_ref, description, retries, max_age, created_by)
    VALUES (key, kind, principal, secret_ref, description, retries, max_age, caller()::text);
    RETURN key;
END
$$;
COMMENT ON FUNCTION @extschema@.create_endpoint IS
$c$A receiver of alerts. kind: webhook, slack, teams, mattermost, google_chat,
discord, pagerduty, alertmanager, cloudevents, email or telegram. audience: the principal whose rights bound what is sent.
secret_ref: the section of crmd's own file with the address and the secret. A failed delivery is tried again after
the first of retries, then after the second and so on, each with up to a fifth added; after the last one, or max_age
after it was written, it is given up. set_delivery_policy says the rest. Returns the key.
Example: SELECT crm.create_endpoint('sales-desk', 'webhook', 'sales-leads', 'sales-desk');$c$;

CREATE FUNCTION @extschema@.enable_endpoint(key text, enabled boolean DEFAULT true)
RETURNS void LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    UPDATE endpoint e SET enabled = coalesce(enable_endpoint.enabled, true), disabled_because = NULL WHERE e.endpoint = key;
    IF NOT FOUND THEN
        PERFORM raise_unknown('endpoint', key, ARRAY(SELECT e.endpoint FROM endpoint e));
    END IF;
    UPDATE endpoint_state s SET failures = 0, paused_until = NULL WHERE s.endpoint = key AND enable_endpoint.enabled IS NOT FALSE;
END
$$;
COMMENT ON FUNCTION @extschema@.enable_endpoint IS
'Switches an endpoint on or off. While it is off nothing is written for it, and what is queued is cancelled. Switching on also '
'ends a rest that it takes after failures.';

CREATE FUNCTION @extschema@.check_retries(key text, retries interval[], max_age interval)
RETURNS void LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF retries IS NULL OR cardinality(retries) > 100 OR array_ndims(retries) > 1 OR max_age IS NULL OR max_age <= interval '0'
       OR max_age > interval '30 days'
       OR EXISTS (SELECT FROM unnest(retries) r WHERE r IS NULL OR r < interval '0' OR r > interval '7 days') THEN
        RAISE EXCEPTION 'the retries of endpoint "%" make no sense', key
            USING ERRCODE = 'RM005',
                  DETAIL = 'retries is a list of at most 100 waits, none negative or over 7 days, and max_age is positive and at most 30 days.';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.check_retries IS 'Raises RM005 unless the waits of an endpoint make sense.';

CREATE FUNCTION @extschema@.set_delivery_policy(
    key text,
    retries interval[] DEFAULT NULL,
    max_age interval DEFAULT NULL,
    max_in_flight integer DEFAULT NULL,
    per_second numeric DEFAULT NULL,
    unanswered text DEFAULT NULL,
    breaker_after integer DEFAULT NULL,
    breaker_pause interval DEFAULT NULL)
RETURNS void LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    e endpoint;
BEGIN
    SELECT * INTO e FROM endpoint x WHERE x.endpoint = key FOR UPDATE;
    IF e.endpoint IS NULL THEN
        PERFORM raise_unknown('endpoint', key, ARRAY(SELECT x.endpoint FROM endpoint x));
    END IF;
    PERFORM check_retries(key, coalesce(retries, e.retries), coalesce(max_age, e.max_age));
    IF unanswered NOT IN ('retry', 'hold') THEN
        PERFORM raise_unknown('policy for messages without an answer', unanswered, ARRAY['retry', 'hold']);
    END IF;
    IF max_in_flight NOT BETWEEN 1 AND 1000 OR per_second NOT BETWEEN 0 AND 10000 OR breaker_after NOT BETWEEN 1 AND 1000
       OR breaker_pause NOT BETWEEN interval '0' AND interval '1 day' THEN
        RAISE EXCEPTION 'the limits of endpoint "%" make no sense', key
            USING ERRCODE = 'RM005',
                  DETAIL = 'max_in_flight is 1 to 1000, per_second 0 (no limit) to 10000, breaker_after 1 to 1000, breaker_pause up to a day.';
    END IF;
    UPDATE endpoint x
    SET retries = coalesce(retries, e.retries), max_age = coalesce(max_age, e.max_age),
        max_in_flight = coalesce(max_in_flight, e.max_in_flight), unanswered = coalesce(unanswered, e.unanswered),
        per_second = nullif(coalesce(per_second, e.per_second), 0), breaker_after = coalesce(breaker_after, e.breaker_after),
        breaker_pause = coalesce(breaker_pause, e.breaker_pause)
    WHERE x.endpoint = key;
END
$$;
COMMENT ON FUNCTION @extschema@.set_delivery_policy IS
$c$How messages are sent to an endpoint; what is NULL stays. retries: waits after each failed attempt, then it is given up. max_age:
how long after it was written a message may still be sent. max_in_flight: how many at once (16). per_second: how many a second,
0 for no limit (0). unanswered: retry or hold, what becomes of a message that was sent and not answered (retry). breaker_after: so
many failures in a row make the endpoint rest for breaker_pause (5, 30 seconds), twice as long each time, up to 10 minutes.
Errors: RM001, RM005. Example: SELECT crm.set_delivery_policy('sales-desk', per_second => 1, unanswered => 'hold');$c$;

-- What changes with each message stands apart from what somebody decided. Who claims for an endpoint locks this row, so
-- that what is under way is counted by one at a time.
CREATE TABLE @extschema@.endpoint_state (
    endpoint     text PRIMARY KEY REFERENCES @extschema@.endpoint ON DELETE CASCADE,
    failures     integer NOT NULL DEFAULT 0,
    paused_until timestamptz,
    paid_until   timestamptz
);
COMMENT ON TABLE @extschema@.endpoint_state IS 'how endpoints have answered lately: failures in a row, and until when nothing is sent';
COMMENT ON COLUMN @extschema@.endpoint_state.paid_until IS 'with a limit per second: when the messages that were sent are used up';

CREATE FUNCTION @extschema@.add_endpoint_state()
RETURNS trigger LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    INSERT INTO endpoint_state (endpoint) VALUES (NEW.endpoint) ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION @extschema@.add_endpoint_state IS 'Trigger: every endpoint has a row of endpoint_state.';
CREATE TRIGGER add_state AFTER INSERT ON @extschema@.endpoint
    FOR EACH ROW EXECUTE FUNCTION @extschema@.add_endpoint_state();
ALTER TABLE @extschema@.endpoint ENABLE ALWAYS TRIGGER add_state;

CREATE FUNCTION @extschema@.remove_endpoint(key text)
RETURNS integer LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    ids bigint[];
    states text[];
    details text[];
BEGIN
    PERFORM FROM endpoint e WHERE e.endpoint = remove_endpoint.key FOR UPDATE; -- writers of messages hold it, and wait for it
    IF NOT FOUND THEN
        PERFORM raise_unknown('endpoint', remove_endpoint.key, ARRAY(SELECT e.endpoint FROM endpoint e));
    END IF;
    PERFORM FROM endpoint_state s WHERE s.endpoint = remove_endpoint.key FOR UPDATE; -- so do claims
    SELECT array_agg(d.id), array_agg('cancelled'::text),
           array_agg(CASE d.state WHEN 'leased' THEN 'the endpoint was removed while this was being sent: it may have arrived' ELSE 'the endpoint was removed' END)
    INTO ids, states, details
    FROM (SELECT q.id, q.state FROM delivery_queue q WHERE q.endpoint = remove_endpoint.key ORDER BY q.id FOR UPDATE) d;
    PERFORM finish_all(ids, states, details);
    DELETE FROM endpoint e WHERE e.endpoint = remove_endpoint.key;
    RETURN coalesce(cardinality(ids), 0);
END
$$;
COMMENT ON FUNCTION @extschema@.remove_endpoint IS
'Removes an endpoint and its subscriptions. What is queued for it is cancelled; what was sent stays in the history. Returns how many '
'were cancelled. Errors: RM001. Example: SELECT crm.remove_endpoint(''sales-desk'');';

-- Keys stand in messages, URLs and file names of receivers: plain characters only.
CREATE FUNCTION @extschema@.require_key(what text, key text)
RETURNS void LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF key IS NULL OR key !~ '^[A-Za-z0-9_.-]{1,63}$' THEN
        RAISE EXCEPTION 'invalid key for %: %', what, coalesce(quote_literal(key), 'NULL')
            USING ERRCODE = 'RM005', HINT = 'Use 1 to 63 letters, digits, "_", "-" or ".".';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.require_key IS 'Raises RM005 unless the key of a rule or endpoint is 1 to 63 plain characters.';

CREATE FUNCTION @extschema@.endpoint_section()
RETURNS TABLE (endpoint text, secret_ref text, kind text) LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 10
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT e.endpoint, e.secret_ref, e.kind FROM endpoint e WHERE e.enabled ORDER BY e.endpoint;
END
$$;
COMMENT ON FUNCTION @extschema@.endpoint_section IS
'For crmd check: the endpoints that are switched on and the sections of crmd''s own file that they name.';
