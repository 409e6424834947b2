-- Receivers of alerts. Neither address nor secret stands in the database: secret_ref names a section of crmd's own
-- file. An endpoint has one audience, the principal whose rights bound what is sent there.
CREATE TABLE @extschema@.endpoint (
    endpoint     text PRIMARY KEY,
    kind         text NOT NULL CHECK (kind IN ('webhook', 'slack', 'teams', 'mattermost', 'google_chat', 'discord', 'pagerduty',
                                                'alertmanager', 'cloudevents')),
    audience     text NOT NULL,
    secret_ref   text NOT NULL,
    description  text,
    first_retry  interval NOT NULL,
    max_attempts integer NOT NULL,
    max_age      interval NOT NULL,
    enabled      boolean NOT NULL DEFAULT true,
    created_at   timestamptz NOT NULL DEFAULT pg_catalog.now(),
    created_by   text NOT NULL
);
COMMENT ON TABLE @extschema@.endpoint IS 'receivers of alerts, each with the principal whose rights bound what is sent there';
COMMENT ON COLUMN @extschema@.endpoint.secret_ref IS 'section of crmd''s own file that holds the address and the signing secret';

CREATE FUNCTION @extschema@.create_endpoint(
    key text,
    kind text,
    audience text,
    secret_ref text,
    description text DEFAULT NULL,
    first_retry interval DEFAULT '5 seconds',
    max_attempts integer DEFAULT 30,
    max_age interval DEFAULT '1 day')
RETURNS text LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    known CONSTANT text[] := ARRAY(SELECT k.kind FROM endpoint_kinds() k);
    principal text := resolve_principal(audience);
BEGIN
    PERFORM require_key('endpoint', key);
    IF kind IN ('email', 'telegram') THEN
        PERFORM not_yet(format('endpoint kind %s', kind));
    ELSIF kind IS NULL OR kind <> ALL (known) THEN
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
    IF first_retry IS NULL OR first_retry <= interval '0' OR first_retry > interval '1 day' OR max_attempts IS NULL OR max_attempts NOT BETWEEN 1 AND 1000
       OR max_age IS NULL OR max_age < first_retry THEN
        RAISE EXCEPTION 'the retries of endpoint "%" make no sense', key
            USING ERRCODE = 'RM005',
                  DETAIL = 'first_retry must be positive and at most a day, max_attempts from 1 to 1000, and max_age at least first_retry.';
    END IF;
    IF EXISTS (SELECT FROM endpoint e WHERE e.endpoint = key) THEN
        RAISE EXCEPTION 'endpoint "%" exists already', key
            USING ERRCODE = 'duplicate_object', HINT = 'Choose another key.';
    END IF;
    INSERT INTO endpoint (endpoint, kind, audience, secret_ref, description, first_retry, max_attempts, max_age, created_by)
    VALUES (key, kind, principal, secret_ref, description, first_retry, max_attempts, max_age, caller()::text);
    RETURN key;
END
$$;
COMMENT ON FUNCTION @extschema@.create_endpoint IS
$c$A receiver of alerts. kind: webhook, slack, teams, mattermost, google_chat,
discord, pagerduty, alertmanager or cloudevents. audience: the principal whose rights bound what is sent.
secret_ref: the section of crmd's own file with the address and the secret. A failed delivery is tried again after
first_retry, then after twice as long each time up to an hour, until max_attempts or max_age. Returns the key.
Example: SELECT crm.create_endpoint('sales-desk', 'webhook', 'sales-leads', 'sales-desk');$c$;

CREATE FUNCTION @extschema@.enable_endpoint(key text, enabled boolean DEFAULT true)
RETURNS void LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    UPDATE endpoint e SET enabled = coalesce(enable_endpoint.enabled, true) WHERE e.endpoint = key;
    IF NOT FOUND THEN
        PERFORM raise_unknown('endpoint', key, ARRAY(SELECT e.endpoint FROM endpoint e));
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.enable_endpoint IS
'Switches an endpoint on or off. While it is off nothing is written for it, and what is queued is cancelled.';

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
