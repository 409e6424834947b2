-- The history of stages: one row each time a record entered one.

CREATE TABLE @extschema@.tracking (
    relation pg_catalog.regclass PRIMARY KEY,
    funnel text NOT NULL REFERENCES @extschema@.funnel,
    source text NOT NULL CHECK (source OPERATOR(pg_catalog.=) ANY (ARRAY['column', 'dates', 'event_log', 'record'])),
    target pg_catalog.regclass NOT NULL,
    tracked_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE @extschema@.tracking IS
'Tables whose stages feed a funnel: source column where a row holds the present stage, dates where it holds the time of each, event_log '
'where each row is a change, '
'record where an event log tells the history of these rows and only their customer is followed. target is the table of the '
'records: relation itself, or what an event log''s record refers to.';

CREATE TABLE @extschema@.tracking_date (
    relation pg_catalog.regclass NOT NULL REFERENCES @extschema@.tracking ON DELETE CASCADE,
    place integer NOT NULL,
    stage text NOT NULL,
    "position" integer NOT NULL,
    PRIMARY KEY (relation, place)
);
COMMENT ON TABLE @extschema@.tracking_date IS
'Of a table whose rows hold the time of each stage: the stages, in the order of the times that map_stage_times(row) gives.';

CREATE TABLE @extschema@.transition_log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    funnel text NOT NULL,
    relation pg_catalog.regclass NOT NULL,
    record_key text NOT NULL,
    "sequence" integer NOT NULL,
    from_stage text,
    to_stage text,
    value text,
    at timestamptz,
    recorded_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    by text,
    unit text,
    department text,
    direction text,
    first_entry boolean NOT NULL,
    flags text[] NOT NULL DEFAULT '{}',
    source pg_catalog.regclass NOT NULL,
    source_key text,
    customer_relation pg_catalog.regclass,
    customer_key text,
    anonymous_id text
);
CREATE INDEX transition_log_record ON @extschema@.transition_log (relation, record_key);
CREATE INDEX transition_log_unknown ON @extschema@.transition_log (funnel) WHERE to_stage IS NULL;
CREATE INDEX transition_log_unsettled ON @extschema@.transition_log (source) WHERE flags @> '{unsettled}';
CREATE INDEX transition_log_not_allowed ON @extschema@.transition_log (funnel) WHERE flags @> '{not_allowed}';
COMMENT ON TABLE @extschema@.transition_log IS
'Each time a record entered a stage. Rows change only where the history itself was corrected (an event that came late, a '
'value that got an alias) and go with the record that they are about.';
COMMENT ON COLUMN @extschema@.transition_log."sequence" IS
'Order within the record: from 1; what a record had been through before it was tracked has 0 and below.';
COMMENT ON COLUMN @extschema@.transition_log.to_stage IS 'NULL where the team''s value is no known stage.';
COMMENT ON COLUMN @extschema@.transition_log.value IS 'The team''s own value.';
COMMENT ON COLUMN @extschema@.transition_log.at IS 'When it happened; NULL where nobody knows.';
COMMENT ON COLUMN @extschema@.transition_log.unit IS 'The team''s own unit value; resolve_unit reads it.';
COMMENT ON COLUMN @extschema@.transition_log.department IS 'The department of to_stage.';
COMMENT ON COLUMN @extschema@.transition_log.direction IS
'first (no stage before), forward, skip (forward past a stage), back, reenter (again, not backward); NULL where a stage is '
'unknown. As the stages are read: a retired one as its successor.';
COMMENT ON COLUMN @extschema@.transition_log.first_entry IS
'Whether the record was never before in to_stage, or in one that is read as the same.';
COMMENT ON COLUMN @extschema@.transition_log.flags IS
'unknown_stage, unknown_time, estimated_time (created_at stands in), impossible_time (before the change that it follows, or more than a day after '
'it was recorded), '
'assumed (nobody recorded it: a record begins at the entry), not_allowed (by the workflow), backfilled, unsettled '
'(settle_transitions looks again).';
COMMENT ON COLUMN @extschema@.transition_log.source IS 'The table that it was read from: relation, or its event log.';
COMMENT ON COLUMN @extschema@.transition_log.anonymous_id IS
'Of a touch that names no customer: the visitor. Who that was is told when it is read (identify).';
COMMENT ON COLUMN @extschema@.transition_log.source_key IS
'The key of the event in an event log; of a date column the position of its stage.';

-- Rows that went while a backfill may have been reading them; settle_transitions takes their history away.
CREATE TABLE @extschema@.transition_gone (
    source pg_catalog.regclass NOT NULL,
    record_key text NOT NULL,
    source_key text
);
COMMENT ON TABLE @extschema@.transition_gone IS
'Records (of an event log: events) deleted before the backfill of their table had ended; emptied by settle_transitions.';

SELECT pg_catalog.pg_extension_config_dump('@extschema@.tracking', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.tracking_date', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.transition_gone', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.transition_log', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.transition_log_id_seq', '');

CREATE VIEW @extschema@.stage_read AS
SELECT s.funnel, s.stage, coalesce(s.read_as, s.stage) AS read_as, r."position", r.kind
FROM @extschema@.funnel_stage s
JOIN @extschema@.funnel_stage r ON r.funnel = s.funnel AND r.stage = coalesce(s.read_as, s.stage);
COMMENT ON VIEW @extschema@.stage_read IS
'Stages as which those of the log are read: themselves, or where the successors of a retired one lead; its position and kind.';

CREATE VIEW @extschema@.stage_step AS
SELECT f.funnel, f.stage AS from_stage, t.stage AS to_stage,
       CASE WHEN t."position" < f."position" THEN 'back'
            WHEN t."position" = f."position" THEN 'reenter'
            WHEN NOT k.progress THEN 'forward'
            WHEN EXISTS (SELECT FROM @extschema@.funnel_stage b JOIN @extschema@.stage_kind_name bk USING (kind)
                         WHERE b.funnel = f.funnel AND b."position" > f."position" AND b."position" < t."position"
                           AND bk.progress AND b.retired_at IS NULL) THEN 'skip'
            ELSE 'forward' END AS direction
FROM @extschema@.stage_read f
JOIN @extschema@.stage_read t USING (funnel)
JOIN @extschema@.stage_kind_name k ON k.kind = t.kind;
COMMENT ON VIEW @extschema@.stage_step IS
'The direction of a step between any two stages of a funnel, as they are read, by position: forward, skip (past a stage of '
'progress), back, reenter (the same again).';

CREATE FUNCTION @extschema@.key_order(key text) RETURNS text
    AS 'MODULE_PATHNAME', 'crm_key_order' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.key_order(text) IS
'A text that sorts bytewise (COLLATE "C") as people sort keys: numbers within by value, so 2 before 10. For ties in time.';

CREATE FUNCTION @extschema@.transition_direction(follows boolean, step text, first_entry boolean) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN NOT follows THEN 'first'
                WHEN step = 'back' THEN 'back'
                WHEN step IS NOT NULL AND NOT first_entry THEN 'reenter'
                ELSE step END;
COMMENT ON FUNCTION @extschema@.transition_direction(boolean, text, boolean) IS
'The direction of a transition: whether it follows another, the direction in stage_step, whether the stage is new to the record.';

CREATE FUNCTION @extschema@.is_entry(source_key text, "sequence" integer) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN source_key IS NULL THEN "sequence" OPERATOR(pg_catalog.<=) 0 ELSE "sequence" OPERATOR(pg_catalog.=) 1 END;
COMMENT ON FUNCTION @extschema@.is_entry(text, integer) IS
'Whether a transition is how its record came in: of a column what it was when first seen, of a log its first event.';

-- A column's history is ordered as it was recorded; an event log's by time, then by the events' keys.
CREATE FUNCTION @extschema@.derive_transitions(relation pg_catalog.regclass, keys text[], settled boolean)
    RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    corrected bigint;
BEGIN
    WITH step AS MATERIALIZED (SELECT * FROM stage_step),
    placed AS (
        SELECT t.id, t.funnel, t.to_stage, t.flags,
               CASE WHEN t.source_key IS NULL THEN t.sequence ELSE row_number() OVER w END AS sequence,
               lag(t.to_stage) OVER w AS from_stage,
               lag(t.id) OVER w IS NOT NULL AS follows,
               t.to_stage IS NOT NULL AND row_number() OVER again = 1 AS first_entry
        FROM transition_log t
        LEFT JOIN funnel_stage r ON r.funnel = t.funnel AND r.stage = t.to_stage
        WHERE t.relation = derive_transitions.relation AND t.record_key = ANY (keys)
        WINDOW w AS (PARTITION BY t.record_key, t.funnel
                     ORDER BY CASE WHEN t.source_key IS NULL THEN t.sequence END, t.at NULLS FIRST,
                              key_order(t.source_key) COLLATE "C", t.id),
               again AS (PARTITION BY t.record_key, t.funnel, coalesce(r.read_as, t.to_stage)
                         ORDER BY CASE WHEN t.source_key IS NULL THEN t.sequence END, t.at NULLS FIRST,
                                  key_order(t.source_key) COLLATE "C", t.id)),
    derived AS (
        SELECT p.id, p.sequence, p.from_stage, p.first_entry, CASE WHEN settled THEN array_remove(p.flags, 'unsettled') ELSE p.flags END AS flags,
               CASE WHEN p.to_stage IS NOT NULL
                    THEN transition_direction(p.follows, s.direction, p.first_entry) END AS direction
        FROM placed p
        LEFT JOIN step s ON s.funnel = p.funnel AND s.from_stage = p.from_stage AND s.to_stage = p.to_stage)
    UPDATE transition_log t
    SET sequence = d.sequence, from_stage = d.from_stage, first_entry = d.first_entry, direction = d.direction,
        flags = d.flags
    FROM derived d
    WHERE t.id = d.id
      AND (t.sequence, t.from_stage, t.first_entry, t.direction, t.flags)
          IS DISTINCT FROM (d.sequence, d.from_stage, d.first_entry, d.direction, d.flags);
    GET DIAGNOSTICS corrected = ROW_COUNT;
    RETURN corrected;
END
$$;
COMMENT ON FUNCTION @extschema@.derive_transitions(pg_catalog.regclass, text[], boolean) IS
'Sets what follows from the order of the transitions of these records (sequence, from_stage, direction, first_entry) where '
'it differs; returns how many rows were corrected. settled: whether nobody else writes these records now.';
SELECT @extschema@.set_audience('derive_transitions(regclass, text[], boolean)', 'admin');

CREATE FUNCTION @extschema@.resolve_unknown_stages(funnel text) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    resolved bigint := 0;
    touched record;
BEGIN
    FOR touched IN
        WITH found AS (
            UPDATE transition_log t
            SET to_stage = s.stage, department = s.department, flags = array_remove(t.flags, 'unknown_stage')
            FROM funnel_stage s
            WHERE t.funnel = resolve_unknown_stages.funnel AND t.to_stage IS NULL
              AND s.funnel = t.funnel AND s.stage = resolve_stage(t.funnel, t.value)
            RETURNING t.relation, t.record_key)
        SELECT f.relation, array_agg(DISTINCT f.record_key) AS keys, count(*) AS amount FROM found f GROUP BY 1
    LOOP
        PERFORM derive_transitions(touched.relation, touched.keys, false);
        resolved := resolved + touched.amount;
    END LOOP;
    RETURN resolved;
END
$$;
COMMENT ON FUNCTION @extschema@.resolve_unknown_stages(text) IS
'Looks again at transitions whose value meant no stage; returns how many got one. add_stage and add_stage_alias call it.';
SELECT @extschema@.set_audience('resolve_unknown_stages(text)', 'admin');
