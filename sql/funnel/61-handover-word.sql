-- What people said of hand-overs: answers and promises. Hand-overs are read from the history; what was said of one is kept by what makes
-- it recognisable, so that it is there again when the history was written anew.

CREATE TABLE @extschema@.handover_anchor (
    handover bigint PRIMARY KEY,
    transition bigint UNIQUE,
    funnel text NOT NULL,
    relation pg_catalog.regclass NOT NULL,
    record_key text NOT NULL,
    to_stage text NOT NULL,
    at timestamptz NOT NULL,
    source pg_catalog.regclass NOT NULL,
    source_key text,
    parked_at timestamptz
);
CREATE INDEX handover_anchor_record ON @extschema@.handover_anchor (relation, record_key);
CREATE INDEX handover_anchor_parked ON @extschema@.handover_anchor (parked_at) WHERE transition IS NULL;
COMMENT ON TABLE @extschema@.handover_anchor IS
'The hand-overs of which something was said. handover is the number by which people know it and never changes: that of the transition when it '
'was first spoken of. transition is the row of transition_log that it is now, NULL while there is none (parked): the row was merged '
'away, its event is being corrected, its table loaded anew. An event is recognised by its key and stage, another '
'transition by record, stage and time. Parked ones go after 30 days, unless a merge can be undone, and with disown.';

CREATE TABLE @extschema@.handover_answer (
    handover bigint PRIMARY KEY REFERENCES @extschema@.handover_anchor ON DELETE CASCADE,
    answer text NOT NULL CHECK (answer IN ('accepted', 'refused')),
    reason text,
    note text,
    answered_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    answered_by text NOT NULL
);
COMMENT ON TABLE @extschema@.handover_answer IS 'What the receiving department said to a hand-over.';

CREATE TABLE @extschema@.handover_promise (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    handover bigint NOT NULL REFERENCES @extschema@.handover_anchor ON DELETE CASCADE,
    promise jsonb NOT NULL,
    promised_on date,
    given_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    given_by text NOT NULL
);
CREATE INDEX handover_promise_handover ON @extschema@.handover_promise (handover, id DESC);
COMMENT ON TABLE @extschema@.handover_promise IS
'What those who hand over promised the customer, each time that they said it; the last one counts. promised_on is the day by which.';

CREATE TABLE @extschema@.handover_happening (
    event bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    handover bigint NOT NULL REFERENCES @extschema@.handover_anchor ON DELETE CASCADE,
    kind text NOT NULL CHECK (kind IN ('accepted', 'refused', 'promised')),
    at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    by text NOT NULL,
    acknowledged_at timestamptz,
    acknowledged_by text
);
CREATE INDEX handover_happening_pending ON @extschema@.handover_happening (event) WHERE acknowledged_at IS NULL;
CREATE INDEX handover_happening_handover ON @extschema@.handover_happening (handover);
COMMENT ON TABLE @extschema@.handover_happening IS
'What was said of hand-overs, for the team''s application: the view handover_event shows what it has not acknowledged.';

SELECT pg_catalog.pg_extension_config_dump('@extschema@.handover_anchor', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.handover_answer', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.handover_promise', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.handover_promise_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.handover_happening', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.handover_happening_event_seq', '');

CREATE FUNCTION @extschema@.handovers_parked() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    UPDATE handover_anchor a SET transition = NULL, parked_at = now() FROM gone g WHERE a.transition = g.id;
    DELETE FROM handover_anchor a -- what a table that is tracked no longer told cannot come back
    WHERE a.transition IS NULL AND NOT EXISTS (SELECT FROM tracking t WHERE t.relation = a.source);
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION @extschema@.handovers_parked() IS 'Trigger on transition_log: what was said of transitions that go is parked.';
SELECT @extschema@.set_audience('handovers_parked()', 'internal');
CREATE TRIGGER handovers_parked AFTER DELETE ON @extschema@.transition_log
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.handovers_parked();

CREATE FUNCTION @extschema@.find_parked_handovers() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    UPDATE handover_anchor a
    SET transition = f.id, relation = f.relation, record_key = f.record_key, at = coalesce(f.at, a.at), parked_at = NULL
    FROM (SELECT DISTINCT ON (p.handover) p.handover, n.id, n.relation, n.record_key, n.at
          FROM handover_anchor p
          JOIN added n ON n.funnel = p.funnel AND n.to_stage = p.to_stage AND n.source = p.source
                      AND CASE WHEN p.source_key IS NULL THEN n.relation = p.relation AND n.record_key = p.record_key AND n.at = p.at
                               ELSE n.source_key = p.source_key END
          WHERE p.transition IS NULL
          ORDER BY p.handover, n.id) f
    WHERE a.handover = f.handover AND NOT EXISTS (SELECT FROM handover_anchor o WHERE o.transition = f.id);
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION @extschema@.find_parked_handovers() IS 'What was said and parked belongs to its transition again; handovers_found calls it.';
SELECT @extschema@.set_audience('find_parked_handovers()', 'internal');

CREATE FUNCTION @extschema@.handovers_found() RETURNS trigger
    AS 'MODULE_PATHNAME', 'crm_handovers_found' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.handovers_found() IS
'Trigger on transition_log: hands on to find_parked_handovers where something is parked.';
SELECT @extschema@.set_audience('handovers_found()', 'internal');
CREATE TRIGGER handovers_found AFTER INSERT ON @extschema@.transition_log
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.handovers_found();

CREATE FUNCTION @extschema@.drop_parked_handovers() RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    dropped bigint;
BEGIN
    DELETE FROM handover_anchor a
    WHERE a.transition IS NULL AND a.parked_at < now() - interval '30 days'
      AND NOT EXISTS (SELECT FROM merged_record m WHERE m.relation = a.relation AND m.record_key = a.record_key);
    GET DIAGNOSTICS dropped = ROW_COUNT;
    RETURN dropped;
END
$$;
COMMENT ON FUNCTION @extschema@.drop_parked_handovers() IS
'Forgets what was said of hand-overs that have been gone for 30 days; returns how many. settle_transitions calls it.';
SELECT @extschema@.set_audience('drop_parked_handovers()', 'internal');

CREATE FUNCTION @extschema@.status_handover() RETURNS SETOF @extschema@.status_row
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT 'funnel', 'hand-over events not acknowledged', CASE WHEN min(h.at) < now() - interval '1 day' THEN 'warning' ELSE 'ok' END, count(*),
           min(h.at), 'The application that acts on them has not said that it did.',
           'SELECT * FROM @extschema@.handover_event ORDER BY event;'
    FROM handover_happening h JOIN handover_anchor a USING (handover)
    WHERE h.acknowledged_at IS NULL AND a.transition IS NOT NULL HAVING count(*) > 0
    UNION ALL
    SELECT 'funnel', 'hand-overs whose record is gone', 'ok', count(*), min(a.parked_at),
           'What was said of them is kept for 30 days, in case the record comes back.', NULL
    FROM handover_anchor a WHERE a.transition IS NULL HAVING count(*) > 0
$$;
COMMENT ON FUNCTION @extschema@.status_handover() IS
'Rows of status: hand-over events that wait for the application, and what was said of records that are gone.';
SELECT @extschema@.set_audience('status_handover()', 'admin');
INSERT INTO @extschema@.status_source (function_name, room) VALUES ('status_handover', 'funnel');
