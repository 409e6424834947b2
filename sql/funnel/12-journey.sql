-- The type journey: a subject's way through a funnel as one value.

CREATE TYPE @extschema@.journey;
CREATE FUNCTION @extschema@.journey_in(cstring) RETURNS @extschema@.journey
    AS 'MODULE_PATHNAME', 'crm_journey_in' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION @extschema@.journey_in(cstring) IS
'Input of journey: position@time, separated by commas.';
CREATE FUNCTION @extschema@.journey_out(@extschema@.journey) RETURNS cstring
    AS 'MODULE_PATHNAME', 'crm_journey_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION @extschema@.journey_out(@extschema@.journey) IS
'Output of journey: times in ISO 8601 and UTC.';
CREATE FUNCTION @extschema@.journey_recv(internal) RETURNS @extschema@.journey
    AS 'MODULE_PATHNAME', 'crm_journey_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION @extschema@.journey_recv(internal) IS
'Binary input of journey; refuses whatever journey_send does not write.';
CREATE FUNCTION @extschema@.journey_send(@extschema@.journey) RETURNS bytea
    AS 'MODULE_PATHNAME', 'crm_journey_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.journey_send(@extschema@.journey) IS
'Binary output of journey: the bytes as they are stored.';

CREATE TYPE @extschema@.journey (
    INPUT = @extschema@.journey_in, OUTPUT = @extschema@.journey_out,
    RECEIVE = @extschema@.journey_recv, SEND = @extschema@.journey_send,
    INTERNALLENGTH = VARIABLE, ALIGNMENT = int4, STORAGE = external
);
COMMENT ON TYPE @extschema@.journey IS
'Events of one subject, each a position (a stage''s, 0 to 2147483647) and a time, in order of time; ties keep the order that they '
'were given. Written 100@2026-01-01,300@2026-01-04T12:00:00+00. Takes 3 to 6 bytes for each event and some 25 more. The order '
'by which journeys sort has no meaning.';

CREATE FUNCTION @extschema@.journey_length(@extschema@.journey) RETURNS integer
    AS 'MODULE_PATHNAME', 'crm_journey_length' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.journey_length(@extschema@.journey) IS
'The number of events of a journey.';
CREATE FUNCTION @extschema@.journey_begin(@extschema@.journey) RETURNS timestamptz
    AS 'MODULE_PATHNAME', 'crm_journey_begin' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.journey_begin(@extschema@.journey) IS
'The time of the first event of a journey; NULL for the empty one.';
CREATE FUNCTION @extschema@.journey_end(@extschema@.journey) RETURNS timestamptz
    AS 'MODULE_PATHNAME', 'crm_journey_end' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION @extschema@.journey_end(@extschema@.journey) IS
'The time of the last event of a journey; NULL for the empty one.';
CREATE FUNCTION @extschema@.journey_positions(@extschema@.journey) RETURNS integer[]
    AS 'MODULE_PATHNAME', 'crm_journey_positions' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.journey_positions(@extschema@.journey) IS
'The positions that occur in a journey, each once, ascending.';
CREATE FUNCTION @extschema@.journey_events(@extschema@.journey, OUT at timestamptz, OUT "position" integer) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'crm_journey_events' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 20;
COMMENT ON FUNCTION @extschema@.journey_events(@extschema@.journey) IS
'The events of a journey, a row each, in their order. '
'Example: SELECT * FROM crm.journey_events(''100@2026-01-01,300@2026-01-04'');';
CREATE FUNCTION @extschema@.journey_slice(journey @extschema@.journey, since timestamptz, until timestamptz) RETURNS @extschema@.journey
    AS 'MODULE_PATHNAME', 'crm_journey_slice' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 20;
COMMENT ON FUNCTION @extschema@.journey_slice(@extschema@.journey, timestamptz, timestamptz) IS
'The events from since until before until; NULL: no limit.';
CREATE FUNCTION @extschema@.stage_at(journey @extschema@.journey, at timestamptz) RETURNS integer
    AS 'MODULE_PATHNAME', 'crm_stage_at' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION @extschema@.stage_at(@extschema@.journey, timestamptz) IS
'The position that the subject of a journey had at a time: that of its last event until then. NULL before the first.';
CREATE FUNCTION @extschema@.time_in_stage(journey @extschema@.journey, "position" integer, until timestamptz DEFAULT NULL) RETURNS interval
    AS 'MODULE_PATHNAME', 'crm_time_in_stage' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10;
COMMENT ON FUNCTION @extschema@.time_in_stage(@extschema@.journey, integer, timestamptz) IS
'How long the subject of a journey was at a position: from each of its events there to the next event. The stay that has not '
'ended counts up to `until`, and not at all where that is NULL. NULL where the position never occurs. Hours, not days. '
'Example: SELECT crm.time_in_stage(''100@2026-01-01,300@2026-01-04'', 100);  -- 72:00:00';
CREATE FUNCTION @extschema@.journey_contains(@extschema@.journey, integer[]) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_journey_contains' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 2;
COMMENT ON FUNCTION @extschema@.journey_contains(@extschema@.journey, integer[]) IS
'Implements @> of journey.';
CREATE OPERATOR @extschema@.@> (LEFTARG = @extschema@.journey, RIGHTARG = integer[], FUNCTION = @extschema@.journey_contains,
    RESTRICT = pg_catalog.contsel, JOIN = pg_catalog.contjoinsel);
COMMENT ON OPERATOR @extschema@.@> (@extschema@.journey, integer[]) IS 'all of the positions occur';
CREATE FUNCTION @extschema@.journey_concat(@extschema@.journey, @extschema@.journey) RETURNS @extschema@.journey
    AS 'MODULE_PATHNAME', 'crm_journey_concat' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20;
COMMENT ON FUNCTION @extschema@.journey_concat(@extschema@.journey, @extschema@.journey) IS
'Implements || of journey.';
CREATE OPERATOR @extschema@.|| (LEFTARG = @extschema@.journey, RIGHTARG = @extschema@.journey, FUNCTION = @extschema@.journey_concat);
COMMENT ON OPERATOR @extschema@.|| (@extschema@.journey, @extschema@.journey) IS 'the events of both, in order of time; of equal times the left ones first';

CREATE FUNCTION @extschema@.journey_eq(@extschema@.journey, @extschema@.journey) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_journey_eq' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION @extschema@.journey_eq(@extschema@.journey, @extschema@.journey) IS
'Implements = of journey.';
CREATE FUNCTION @extschema@.journey_ne(@extschema@.journey, @extschema@.journey) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_journey_ne' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION @extschema@.journey_ne(@extschema@.journey, @extschema@.journey) IS
'Implements <> of journey.';
CREATE FUNCTION @extschema@.journey_lt(@extschema@.journey, @extschema@.journey) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_journey_lt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION @extschema@.journey_lt(@extschema@.journey, @extschema@.journey) IS
'Implements < of journey.';
CREATE FUNCTION @extschema@.journey_le(@extschema@.journey, @extschema@.journey) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_journey_le' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION @extschema@.journey_le(@extschema@.journey, @extschema@.journey) IS
'Implements <= of journey.';
CREATE FUNCTION @extschema@.journey_gt(@extschema@.journey, @extschema@.journey) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_journey_gt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION @extschema@.journey_gt(@extschema@.journey, @extschema@.journey) IS
'Implements > of journey.';
CREATE FUNCTION @extschema@.journey_ge(@extschema@.journey, @extschema@.journey) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_journey_ge' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION @extschema@.journey_ge(@extschema@.journey, @extschema@.journey) IS
'Implements >= of journey.';
CREATE FUNCTION @extschema@.journey_cmp(@extschema@.journey, @extschema@.journey) RETURNS integer
    AS 'MODULE_PATHNAME', 'crm_journey_cmp' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION @extschema@.journey_cmp(@extschema@.journey, @extschema@.journey) IS
'Order of journeys, by bytes.';
CREATE FUNCTION @extschema@.journey_hash(@extschema@.journey) RETURNS integer
    AS 'MODULE_PATHNAME', 'crm_journey_hash' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION @extschema@.journey_hash(@extschema@.journey) IS
'Hash of journey.';
CREATE FUNCTION @extschema@.journey_hash_extended(@extschema@.journey, bigint) RETURNS bigint
    AS 'MODULE_PATHNAME', 'crm_journey_hash_extended' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION @extschema@.journey_hash_extended(@extschema@.journey, bigint) IS
'Hash of journey with a seed.';

CREATE OPERATOR @extschema@.= (LEFTARG = @extschema@.journey, RIGHTARG = @extschema@.journey, FUNCTION = @extschema@.journey_eq,
    COMMUTATOR = OPERATOR(@extschema@.=), NEGATOR = OPERATOR(@extschema@.<>), RESTRICT = pg_catalog.eqsel, JOIN = pg_catalog.eqjoinsel, HASHES, MERGES);
COMMENT ON OPERATOR @extschema@.= (@extschema@.journey, @extschema@.journey) IS 'equal';
CREATE OPERATOR @extschema@.<> (LEFTARG = @extschema@.journey, RIGHTARG = @extschema@.journey, FUNCTION = @extschema@.journey_ne,
    COMMUTATOR = OPERATOR(@extschema@.<>), NEGATOR = OPERATOR(@extschema@.=), RESTRICT = pg_catalog.neqsel, JOIN = pg_catalog.neqjoinsel);
COMMENT ON OPERATOR @extschema@.<> (@extschema@.journey, @extschema@.journey) IS 'not equal';
CREATE OPERATOR @extschema@.< (LEFTARG = @extschema@.journey, RIGHTARG = @extschema@.journey, FUNCTION = @extschema@.journey_lt,
    COMMUTATOR = OPERATOR(@extschema@.>), NEGATOR = OPERATOR(@extschema@.>=), RESTRICT = pg_catalog.scalarltsel, JOIN = pg_catalog.scalarltjoinsel);
COMMENT ON OPERATOR @extschema@.< (@extschema@.journey, @extschema@.journey) IS 'before, by bytes';
CREATE OPERATOR @extschema@.<= (LEFTARG = @extschema@.journey, RIGHTARG = @extschema@.journey, FUNCTION = @extschema@.journey_le,
    COMMUTATOR = OPERATOR(@extschema@.>=), NEGATOR = OPERATOR(@extschema@.>), RESTRICT = pg_catalog.scalarlesel, JOIN = pg_catalog.scalarlejoinsel);
COMMENT ON OPERATOR @extschema@.<= (@extschema@.journey, @extschema@.journey) IS 'before or equal, by bytes';
CREATE OPERATOR @extschema@.> (LEFTARG = @extschema@.journey, RIGHTARG = @extschema@.journey, FUNCTION = @extschema@.journey_gt,
    COMMUTATOR = OPERATOR(@extschema@.<), NEGATOR = OPERATOR(@extschema@.<=), RESTRICT = pg_catalog.scalargtsel, JOIN = pg_catalog.scalargtjoinsel);
COMMENT ON OPERATOR @extschema@.> (@extschema@.journey, @extschema@.journey) IS 'after, by bytes';
CREATE OPERATOR @extschema@.>= (LEFTARG = @extschema@.journey, RIGHTARG = @extschema@.journey, FUNCTION = @extschema@.journey_ge,
    COMMUTATOR = OPERATOR(@extschema@.<=), NEGATOR = OPERATOR(@extschema@.<), RESTRICT = pg_catalog.scalargesel, JOIN = pg_catalog.scalargejoinsel);
COMMENT ON OPERATOR @extschema@.>= (@extschema@.journey, @extschema@.journey) IS 'after or equal, by bytes';

CREATE OPERATOR CLASS @extschema@.journey_btree DEFAULT FOR TYPE @extschema@.journey USING btree AS
    OPERATOR 1 @extschema@.<, OPERATOR 2 @extschema@.<=, OPERATOR 3 @extschema@.=,
    OPERATOR 4 @extschema@.>=, OPERATOR 5 @extschema@.>,
    FUNCTION 1 @extschema@.journey_cmp(@extschema@.journey, @extschema@.journey),
    FUNCTION 4 pg_catalog.btequalimage(oid);
COMMENT ON OPERATOR CLASS @extschema@.journey_btree USING btree IS 'Order of journeys, by bytes.';
CREATE OPERATOR CLASS @extschema@.journey_hash DEFAULT FOR TYPE @extschema@.journey USING hash AS
    OPERATOR 1 @extschema@.=,
    FUNCTION 1 @extschema@.journey_hash(@extschema@.journey),
    FUNCTION 2 @extschema@.journey_hash_extended(@extschema@.journey, bigint);
COMMENT ON OPERATOR CLASS @extschema@.journey_hash USING hash IS 'Equality of journeys.';
