-- What the buttons of a message do. A token is the number of an action and a signature over all that it is bound to: alert or hand-over,
-- principal, verbs, end. The key stands in the server's key file alone; that a token was used stands here.
CREATE TABLE @extschema@.action (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alert      bigint,
    handover   bigint,
    principal  text NOT NULL,
    verbs      text[] NOT NULL,
    nonce      uuid NOT NULL DEFAULT pg_catalog.gen_random_uuid(),
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    expires_at timestamptz NOT NULL,
    used_at    timestamptz,
    verb       text,
    CHECK ((alert IS NULL) <> (handover IS NULL))
);
COMMENT ON TABLE @extschema@.action IS 'the buttons of messages: each works once, for one principal, until its end; expired ones go with the next that are made';
CREATE INDEX action_expires_at ON @extschema@.action (expires_at);

CREATE FUNCTION @extschema@.sign_action(what text) RETURNS text
    AS 'MODULE_PATHNAME', 'crm_sign_action' LANGUAGE C STRICT STABLE PARALLEL RESTRICTED COST 100;
COMMENT ON FUNCTION @extschema@.sign_action(text) IS 'The signature of an action with the first HS256 key of the key file; NULL where there is none.';
CREATE FUNCTION @extschema@.verify_action(what text, signature text) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_verify_action' LANGUAGE C STRICT STABLE PARALLEL RESTRICTED COST 100;
COMMENT ON FUNCTION @extschema@.verify_action(text, text) IS 'Whether one of the key file''s HS256 keys made the signature.';
CREATE FUNCTION @extschema@.act_as(token text, role oid, action bigint, verb text, comment text) RETURNS text
    AS 'MODULE_PATHNAME', 'crm_act_as' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000;
COMMENT ON FUNCTION @extschema@.act_as(text, oid, bigint, text, text) IS
'perform_action as the principal of a token, with the rights of its database role on tables (0: those of the caller). For act.';

-- Times as seconds: how a session writes them is its own affair.
CREATE FUNCTION @extschema@.action_text(a @extschema@.action)
RETURNS text LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT json_build_array(a.id, a.alert, a.handover, a.principal, a.verbs, a.nonce, extract(epoch FROM a.expires_at))::text
$$;
COMMENT ON FUNCTION @extschema@.action_text(@extschema@.action) IS 'All that a token is bound to, as it is signed.';

CREATE FUNCTION @extschema@.make_action(principal text, verbs text[], alert bigint, handover bigint, expires_at timestamptz)
RETURNS text LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    a action;
BEGIN
    IF sign_action('') IS NULL THEN
        RETURN NULL; -- a message without a button is better than none
    END IF;
    DELETE FROM action x WHERE x.ctid = ANY (ARRAY(SELECT o.ctid FROM action o WHERE o.expires_at < now() - interval '30 days'
                                                   ORDER BY o.expires_at LIMIT 10 FOR UPDATE SKIP LOCKED));
    INSERT INTO action (alert, handover, principal, verbs, expires_at) VALUES (alert, handover, principal, verbs, expires_at) RETURNING * INTO a;
    RETURN a.id || '-' || sign_action(action_text(a));
END
$$;
COMMENT ON FUNCTION @extschema@.make_action(text, text[], bigint, bigint, timestamptz) IS
'A token for an action, NULL where the server has no key. Actions that expired a month ago go, some with each new one.';

-- A button costs nothing where nobody switched the page on.
CREATE FUNCTION @extschema@.action_link(l @extschema@.alert_log, type text, principal text)
RETURNS jsonb LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    token text;
BEGIN
    IF type IN ('alert.firing', 'alert.escalated') AND EXISTS (SELECT FROM link_template t WHERE t.target = 'act') THEN
        token := make_action(action_link.principal, ARRAY['acknowledge', 'silence'], l.id, NULL, now() + interval '7 days');
    END IF;
    RETURN CASE WHEN token IS NULL THEN '{}' ELSE jsonb_strip_nulls(jsonb_build_object('act', link_to('act', jsonb_build_object('token', token)))) END;
END
$$;
COMMENT ON FUNCTION @extschema@.action_link(@extschema@.alert_log, text, text) IS
'The link to the page where a message about a firing alert is answered, as {"act": address}, with a token for seven days; {} where there is none.';

CREATE FUNCTION @extschema@.issue_action(principal text, verbs text[], alert bigint DEFAULT NULL, handover bigint DEFAULT NULL, ttl interval DEFAULT '7 days')
RETURNS text LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    known CONSTANT text[] := CASE WHEN handover IS NULL THEN ARRAY['acknowledge', 'silence'] ELSE ARRAY['accept', 'refuse'] END;
    who principal := require_principal(principal);
    wrong text := (SELECT v FROM unnest(verbs) v WHERE v IS NULL OR v <> ALL (known) LIMIT 1);
    token text;
BEGIN
    IF (alert IS NULL) = (handover IS NULL) OR coalesce(cardinality(verbs), 0) = 0 THEN
        RAISE EXCEPTION 'an action is about an alert or a hand-over, and has a verb'
            USING ERRCODE = 'RM005', HINT = 'Write alert => 12, verbs => ''{acknowledge}''.';
    ELSIF wrong IS NOT NULL OR array_position(verbs, NULL) IS NOT NULL THEN
        PERFORM raise_unknown('verb', coalesce(wrong, ''), known);
    ELSIF ttl IS NULL OR ttl <= interval '0' OR ttl > interval '1 year' THEN
        RAISE EXCEPTION 'an action lasts a positive time, at most a year' USING ERRCODE = 'RM005', HINT = 'Write ttl => ''7 days''.';
    ELSIF alert IS NOT NULL AND NOT EXISTS (SELECT FROM alert_log l WHERE l.id = alert) THEN
        RAISE EXCEPTION 'no alert %', alert USING ERRCODE = 'RM001', HINT = 'SELECT id, rule, state FROM alert lists them.';
    END IF;
    token := make_action(who.principal, verbs, alert, handover, now() + ttl);
    IF token IS NULL THEN
        RAISE EXCEPTION 'there is no key to sign an action with'
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'An administrator may type: SELECT @extschema@.rotate_token_key();';
    END IF;
    RETURN token;
END
$$;
COMMENT ON FUNCTION @extschema@.issue_action(text, text[], bigint, bigint, interval) IS
$c$A signed token with which its bearer does one thing once, as that principal: acknowledge or silence an alert, accept or refuse a
hand-over. The principal's rights are asked when it is used. Errors: RM001, RM005, 55000 the server has no key.
Example: SELECT crm.issue_action('anna', '{accept,refuse}', handover => 17, ttl => '2 days');$c$;

-- The action of a token, locked, or why it is none: forged, expired, used.
CREATE FUNCTION @extschema@.action_bearer(token text, OUT a @extschema@.action, OUT problem text)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    parts CONSTANT text[] := regexp_match(token, '^([0-9]{1,18})-([A-Za-z0-9_-]{43})$');
BEGIN
    SELECT x.* INTO a FROM action x WHERE x.id = parts[1]::bigint FOR UPDATE;
    -- what does not exist looks like what is forged, and nothing is told of an action before its signature was right
    problem := CASE WHEN a.id IS NULL OR NOT verify_action(action_text(a), parts[2]) THEN 'forged'
                    WHEN a.used_at IS NOT NULL THEN 'used'
                    WHEN a.expires_at <= now() THEN 'expired' END;
    IF problem = 'forged' THEN
        a := NULL;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.action_bearer(text) IS 'The action that a token is for, locked; problem says why it cannot be used: forged, used, expired.';

CREATE FUNCTION @extschema@.perform_action(action bigint, verb text, comment text)
RETURNS text LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    a action;
    l alert_log;
BEGIN
    SELECT * INTO STRICT a FROM action x WHERE x.id = perform_action.action;
    CASE verb
        WHEN 'acknowledge' THEN
            PERFORM acknowledge(a.alert, comment);
        WHEN 'silence' THEN
            l := lock_alert(a.alert);
            PERFORM silence(now() + interval '4 hours', rule => l.rule, unit => l.unit, comment => comment);
        WHEN 'accept' THEN
            PERFORM accept_handover(a.handover);
        WHEN 'refuse' THEN
            PERFORM refuse_handover(a.handover, comment);
    END CASE;
    RETURN verb;
END
$$;
COMMENT ON FUNCTION @extschema@.perform_action(bigint, text, text) IS 'Does what an action says as whoever asks, whose rights decide. For act_as.';

CREATE FUNCTION @extschema@.act(token text, verb text, comment text DEFAULT NULL)
RETURNS text LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    bearer record := action_bearer(token);
    a action := bearer.a;
    done text;
BEGIN
    IF bearer.problem = 'forged' THEN
        RAISE EXCEPTION 'the action token is not valid'
            USING ERRCODE = 'RM501', DETAIL = 'It was not signed here, was changed, or its key is gone.', HINT = 'Use the link of a message as it is.';
    ELSIF bearer.problem = 'used' THEN
        RAISE EXCEPTION 'the action token was used already'
            USING ERRCODE = 'RM502', DETAIL = format('Its verb was %s, at %s.', a.verb, iso_time(a.used_at)), HINT = 'A token works once.';
    ELSIF bearer.problem = 'expired' THEN
        RAISE EXCEPTION 'the action token has expired'
            USING ERRCODE = 'RM503', DETAIL = format('It was good until %s.', iso_time(a.expires_at));
    ELSIF verb IS NULL OR verb <> ALL (a.verbs) THEN
        PERFORM raise_unknown('verb of this action', coalesce(verb, ''), a.verbs);
    ELSIF length(comment) > 1000 THEN
        RAISE EXCEPTION 'a comment has at most 1000 characters' USING ERRCODE = 'RM005';
    END IF;
    UPDATE action x SET used_at = clock_timestamp(), verb = act.verb WHERE x.id = a.id;
    -- what is not allowed, or not possible now, is an error and takes the use back
    done := act_as(sign_token(a.principal, statement_timestamp() + interval '1 minute'),
                   coalesce((SELECT r.oid FROM principal p JOIN pg_roles r ON r.rolname = p.role_name WHERE p.principal = a.principal), 0),
                   a.id, verb, nullif(btrim(comment), ''));
    RETURN done;
END
$$;
COMMENT ON FUNCTION @extschema@.act(text, text, text) IS
$c$What the button of a message does: acknowledge or silence (for 4 hours) an alert, accept or refuse a hand-over (the comment is the reason).
Whoever holds the token acts as the principal to whom it was sent, whose rights are asked now. Once. Errors: RM501 forged, RM502
used already, RM503 expired, RM001 no such verb, or no alert that the principal may see, 55000 the alert does not fire, and what
acknowledge, accept_handover and refuse_handover raise. Example: SELECT crm.act('17-x2Vt...', 'acknowledge', 'calling them');$c$;

SELECT @extschema@.set_audience(f.signature, f.audience)
FROM (VALUES ('sign_action(text)', 'internal'), ('verify_action(text, text)', 'internal'), ('act_as(text, oid, bigint, text, text)', 'internal'),
             ('make_action(text, text[], bigint, bigint, timestamptz)', 'internal'), ('action_bearer(text)', 'internal'),
             ('perform_action(bigint, text, text)', 'internal'),
             ('issue_action(text, text[], bigint, bigint, interval)', 'admin')) f (signature, audience);
SELECT pg_catalog.pg_extension_config_dump('@extschema@.action', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.action_id_seq', '');
