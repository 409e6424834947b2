-- Saying something of a hand-over, and what the team's application hears of it.

-- Who says something first gives it a number that stays.
CREATE FUNCTION @extschema@.anchor_handover(handover bigint, gives boolean) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    transition CONSTANT bigint := coalesce((SELECT a.transition FROM handover_anchor a WHERE a.handover = anchor_handover.handover), handover);
    log transition_log;
    offered record;
BEGIN
    SELECT * INTO log FROM transition_log t WHERE t.id = transition FOR KEY SHARE;
    SELECT h.*, a.updates INTO offered
    FROM timed_handovers(log.funnel, same_subjects(ARRAY[log.id])) h
    JOIN readable_sources(ARRAY[log.id]) a ON a.relation = h.relation AND a.source = h.source AND coalesce(a.unit, '') = coalesce(h.unit, '')
    WHERE h.id = log.id AND h.handover = anchor_handover.handover;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'handover % does not exist', handover
            USING ERRCODE = 'RM001', HINT = 'The view @extschema@.handover lists those that you may see.';
    END IF;
    IF NOT (offered.updates AND has_any_column_privilege(caller()::oid, offered.relation, 'UPDATE')
            OR gives AND has_any_column_privilege(caller()::oid, offered.from_relation, 'UPDATE')) THEN
        RAISE EXCEPTION 'permission denied for table %', offered.relation
            USING ERRCODE = 'insufficient_privilege', HINT = CASE WHEN gives THEN 'Who may update the record, or those that it comes from, says what was promised.'
                                                             ELSE 'Who may update the record answers its hand-over.' END;
    END IF;
    INSERT INTO handover_anchor (handover, transition, funnel, relation, record_key, to_stage, at, source, source_key)
    VALUES (log.id, log.id, log.funnel, log.relation, log.record_key, log.to_stage, log.at, log.source, log.source_key)
    ON CONFLICT DO NOTHING;
    RETURN anchor_handover.handover;
END
$$;
COMMENT ON FUNCTION @extschema@.anchor_handover(bigint, boolean) IS
'Keeps a hand-over that the caller may read and answer (gives: or say what was promised); RM001 where there is none, 42501.';
SELECT @extschema@.set_audience('anchor_handover(bigint, boolean)', 'internal');

-- Listeners hear numbers only: what happened is told to those who may read the hand-over.
CREATE FUNCTION @extschema@.note_happening(handover bigint, kind text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    event bigint;
BEGIN
    INSERT INTO handover_happening AS h (handover, kind, by) VALUES (note_happening.handover, note_happening.kind, writer())
    RETURNING h.event INTO event;
    PERFORM pg_notify('crm_handover', json_build_object('event', event, 'handover', handover)::text);
END
$$;
COMMENT ON FUNCTION @extschema@.note_happening(bigint, text) IS 'Appends an event to the queue of the team''s application, and wakes it at commit.';
SELECT @extschema@.set_audience('note_happening(bigint, text)', 'internal');

CREATE FUNCTION @extschema@.answer_handover(handover bigint, answer text, reason text, note text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    INSERT INTO handover_answer (handover, answer, reason, note, answered_by)
    VALUES (answer_handover.handover, answer_handover.answer, answer_handover.reason, nullif(btrim(answer_handover.note), ''), writer())
    ON CONFLICT ON CONSTRAINT handover_answer_pkey DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'handover % is answered already', handover
            USING ERRCODE = 'RM304', HINT = format('Type SELECT * FROM @extschema@.handover WHERE handover = %s;', handover);
    END IF;
    PERFORM note_happening(handover, answer);
END
$$;
COMMENT ON FUNCTION @extschema@.answer_handover(bigint, text, text, text) IS 'Notes the answer to a hand-over that anchor_handover has kept for its caller.';
SELECT @extschema@.set_audience('answer_handover(bigint, text, text, text)', 'internal');

CREATE FUNCTION @extschema@.accept_handover(handover bigint) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM anchor_handover(handover, false);
    PERFORM answer_handover(handover, 'accepted', NULL, NULL);
END
$$;
COMMENT ON FUNCTION @extschema@.accept_handover(bigint) IS
'The receiving department takes a subject over. For those who may read and update the record. Errors: RM001 no such hand-over '
'that you may see, RM304 answered already, 42501.';

CREATE FUNCTION @extschema@.refuse_handover(handover bigint, reason text, note text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    of_funnel CONSTANT text := (SELECT t.funnel FROM transition_log t
                                WHERE t.id = coalesce((SELECT a.transition FROM handover_anchor a WHERE a.handover = refuse_handover.handover), handover));
    allowed CONSTANT text[] := ARRAY(SELECT r.reason FROM refusal_reason r WHERE r.funnel = of_funnel AND r.retired_at IS NULL ORDER BY 1);
    chosen CONSTANT text := CASE WHEN allowed = '{}' THEN btrim(reason)
                                 ELSE (SELECT r FROM unnest(allowed) r WHERE lower(r) = lower(btrim(reason))) END;
BEGIN
    IF coalesce(btrim(reason), '') = '' THEN
        RAISE EXCEPTION 'a hand-over is refused with a reason'
            USING ERRCODE = 'RM005', HINT = 'Type SELECT @extschema@.refuse_handover(17, ''no budget'');';
    END IF;
    PERFORM anchor_handover(handover, false); -- before anything is told of the funnel's reasons
    IF chosen IS NULL THEN
        PERFORM raise_unknown('refusal reason', reason, allowed);
    END IF;
    PERFORM answer_handover(handover, 'refused', chosen, note);
END
$$;
COMMENT ON FUNCTION @extschema@.refuse_handover(bigint, text, text) IS
'The receiving department gives a subject back, with the reason: one of refusal_reason where the funnel has any; note says more. The '
'application hears of it (handover_event). For those who may read and update the record. Errors: RM005 no '
'reason, RM001 no such hand-over that you may see, or no such reason, RM304 answered already, 42501.';

CREATE FUNCTION @extschema@.promise_handover(handover bigint, promise jsonb, promised_on date DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF promise IS NULL OR promised_on IS NOT NULL AND NOT isfinite(promised_on) THEN
        RAISE EXCEPTION 'a promise says what, and perhaps by which day'
            USING ERRCODE = 'RM005', HINT = 'Type SELECT @extschema@.promise_handover(17, ''{"seats": 40}'', ''2026-03-01'');';
    END IF;
    PERFORM anchor_handover(handover, true);
    INSERT INTO handover_promise (handover, promise, promised_on, given_by)
    VALUES (promise_handover.handover, promise_handover.promise, promise_handover.promised_on, writer());
    PERFORM note_happening(handover, 'promised');
END
$$;
COMMENT ON FUNCTION @extschema@.promise_handover(bigint, jsonb, date) IS
'Notes what the customer was promised, for those who take over; the last one said counts, all are kept with who and when. For those who '
'may read the hand-over and update the record or the table that it came from. Errors: RM005, RM001 no such hand-over that you may see, '
'42501. Example: SELECT crm.promise_handover(17, ''{"seats": 40}'', ''2026-03-01'');';

CREATE FUNCTION @extschema@.pending_happenings()
    RETURNS TABLE (event bigint, kind text, handover bigint, funnel text, relation pg_catalog.regclass, record_key text, from_department text,
                   to_department text, from_stage text, to_stage text, reason text, at timestamptz, by text)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 10 COST 100000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    ids CONSTANT bigint[] := ARRAY(SELECT DISTINCT a.transition FROM handover_happening e JOIN handover_anchor a USING (handover)
                                   WHERE e.acknowledged_at IS NULL AND a.transition IS NOT NULL);
BEGIN
    RETURN QUERY
    SELECT e.event, e.kind, e.handover, h.funnel_key, h.relation, h.record_key, h.from_department, h.to_department, h.from_stage, h.to_stage,
           CASE WHEN e.kind = 'refused' THEN h.reason END, e.at, e.by
    FROM timed_handovers(NULL, same_subjects(ids)) h
    JOIN readable_sources(ids) a ON a.relation = h.relation AND a.source = h.source AND coalesce(a.unit, '') = coalesce(h.unit, '')
    JOIN handover_happening e USING (handover)
    WHERE ids <> '{}' AND e.acknowledged_at IS NULL
    ORDER BY e.event;
END
$$;
COMMENT ON FUNCTION @extschema@.pending_happenings() IS 'The rows of the view handover_event.';

CREATE VIEW @extschema@.handover_event AS SELECT * FROM @extschema@.pending_happenings();
COMMENT ON VIEW @extschema@.handover_event IS
'What was said of hand-overs that you may read and the team''s application has not acknowledged yet: accepted, refused or promised. Nothing '
'is lost while it is down: an event stays until acknowledge_handover_event. NOTIFY crm_handover wakes it, with {"event": 12, "handover": 17}.';
COMMENT ON COLUMN @extschema@.handover_event.event IS 'Number of the event. One with a smaller number may appear later: acknowledge each, do not remember the last.';
COMMENT ON COLUMN @extschema@.handover_event.kind IS 'accepted, refused or promised.';
COMMENT ON COLUMN @extschema@.handover_event.reason IS 'Why it was refused.';
COMMENT ON COLUMN @extschema@.handover_event.at IS 'When it was said.';
COMMENT ON COLUMN @extschema@.handover_event.by IS 'By whom.';
GRANT SELECT ON @extschema@.handover_event TO PUBLIC;

-- Whoever is at it holds the row until he commits; the others pass it by.
CREATE FUNCTION @extschema@.acknowledge_handover_event(event bigint) RETURNS boolean
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    transition bigint;
    readable record;
BEGIN
    SELECT a.transition INTO transition
    FROM handover_happening e JOIN handover_anchor a USING (handover) WHERE e.event = acknowledge_handover_event.event;
    SELECT s.*, t.relation AS of INTO readable
    FROM transition_log t
    JOIN readable_sources(ARRAY[transition]) s ON s.relation = t.relation AND s.source = t.source AND coalesce(s.unit, '') = coalesce(t.unit, '')
    WHERE t.id = transition;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'hand-over event % does not exist', event
            USING ERRCODE = 'RM001', HINT = 'The view @extschema@.handover_event lists those that you may see.';
    END IF;
    IF NOT (readable.updates AND has_any_column_privilege(caller()::oid, readable.of, 'UPDATE')) THEN
        RAISE EXCEPTION 'permission denied for table %', readable.of
            USING ERRCODE = 'insufficient_privilege', HINT = 'Who may update the record acts on its hand-over.';
    END IF;
    PERFORM FROM handover_happening e
    WHERE e.event = acknowledge_handover_event.event AND e.acknowledged_at IS NULL FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE handover_happening e SET acknowledged_at = now(), acknowledged_by = writer() WHERE e.event = acknowledge_handover_event.event;
    RETURN true;
END
$$;
COMMENT ON FUNCTION @extschema@.acknowledge_handover_event(bigint) IS
'Takes an event from the queue: true where it is the caller''s, false where another was faster or is at it. Acknowledge first and act in the same '
'transaction: where that fails the event is there again. For those who may read and update the record. Errors: RM001 no such event that '
'you may see, 42501. Example: SELECT crm.acknowledge_handover_event(event), * FROM crm.handover_event;';
