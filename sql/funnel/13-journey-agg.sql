-- journey_agg: a journey from rows.

CREATE FUNCTION @extschema@.journey_agg_step(internal, timestamptz, integer) RETURNS internal
    AS 'MODULE_PATHNAME', 'crm_journey_agg_step' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.journey_agg_step(internal, timestamptz, integer) IS
'Step of journey_agg.';
CREATE FUNCTION @extschema@.journey_agg_step(internal, timestamptz, integer, bigint) RETURNS internal
    AS 'MODULE_PATHNAME', 'crm_journey_agg_step' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.journey_agg_step(internal, timestamptz, integer, bigint) IS
'Step of journey_agg with a sequence.';
CREATE FUNCTION @extschema@.journey_agg_combine(internal, internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'crm_journey_agg_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.journey_agg_combine(internal, internal) IS
'Joins two states of journey_agg.';
CREATE FUNCTION @extschema@.journey_agg_serialize(internal) RETURNS bytea
    AS 'MODULE_PATHNAME', 'crm_journey_agg_serialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.journey_agg_serialize(internal) IS
'A state of journey_agg as bytes.';
CREATE FUNCTION @extschema@.journey_agg_deserialize(bytea, internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'crm_journey_agg_deserialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.journey_agg_deserialize(bytea, internal) IS
'A state of journey_agg from bytes.';
CREATE FUNCTION @extschema@.journey_agg_final(internal) RETURNS @extschema@.journey
    AS 'MODULE_PATHNAME', 'crm_journey_agg_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.journey_agg_final(internal) IS
'Final function of journey_agg.';

CREATE AGGREGATE @extschema@.journey_agg(at timestamptz, "position" integer) (
    SFUNC = @extschema@.journey_agg_step, STYPE = internal, FINALFUNC = @extschema@.journey_agg_final,
    COMBINEFUNC = @extschema@.journey_agg_combine, SERIALFUNC = @extschema@.journey_agg_serialize,
    DESERIALFUNC = @extschema@.journey_agg_deserialize, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.journey_agg(timestamptz, integer) IS
'The journey of rows: their positions (of stages, or whatever numbers there are) by time; of equal times by position. Rows '
'without time or position are left out; NULL where none is left. '
'Example: SELECT customer_id, crm.journey_agg(at, crm.stage_position(stage)) FROM event GROUP BY 1;';

CREATE AGGREGATE @extschema@.journey_agg(at timestamptz, "position" integer, sequence bigint) (
    SFUNC = @extschema@.journey_agg_step, STYPE = internal, FINALFUNC = @extschema@.journey_agg_final,
    COMBINEFUNC = @extschema@.journey_agg_combine, SERIALFUNC = @extschema@.journey_agg_serialize,
    DESERIALFUNC = @extschema@.journey_agg_deserialize, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.journey_agg(timestamptz, integer, bigint) IS
'The journey of rows: their positions (of stages, or whatever numbers there are) by time; of equal times by sequence, then by position. Rows '
'without time or position are left out; NULL where none is left. '
'Example: SELECT customer_id, crm.journey_agg(at, crm.stage_position(stage)) FROM event GROUP BY 1;';
