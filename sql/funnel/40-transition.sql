-- The history of stages: one row each time a record entered one.

CREATE TABLE @extschema@.tracking (
    relation pg_catalog.regclass PRIMARY KEY,
    funnel text NOT NULL REFERENCES @extschema@.funnel,
    source text NOT NULL CHECK (source OPERATOR(pg_catalog.=) ANY (ARRAY['column', 'event_log'])),
    tracked_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE @extschema@.tracking IS
'Tables whose stages feed a funnel: source column where a row holds the present stage, event_log where each row is a change.';

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
    customer_key text
);
CREATE INDEX transition_log_record ON @extschema@.transition_log (relation, record_key);
CREATE INDEX transition_log_unknown ON @extschema@.transition_log (funnel) WHERE to_stage IS NULL;
CREATE INDEX transition_log_unsettled ON @extschema@.transition_log (source) WHERE flags @> '{unsettled}';
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
'unknown.';
COMMENT ON COLUMN @extschema@.transition_log.first_entry IS 'Whether the record was never in to_stage before.';
COMMENT ON COLUMN @extschema@.transition_log.flags IS
'unknown_stage, unknown_time, estimated_time (created_at stands in), impossible_time (before the change that it follows), '
'assumed (nobody recorded it: a record begins at the entry), backfilled, unsettled (settle_transitions looks again).';
COMMENT ON COLUMN @extschema@.transition_log.source IS 'The table that it was read from: relation, or its event log.';
COMMENT ON COLUMN @extschema@.transition_log.source_key IS 'The key of the event in an event log.';

SELECT pg_catalog.pg_extension_config_dump('@extschema@.tracking', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.transition_log', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.transition_log_id_seq', '');
