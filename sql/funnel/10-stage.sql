-- The type stage: a stage of a funnel, complete in itself.

CREATE TYPE @extschema@.stage;
CREATE FUNCTION @extschema@.stage_in(cstring) RETURNS @extschema@.stage
    AS 'MODULE_PATHNAME', 'crm_stage_in' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION @extschema@.stage_in(cstring) IS 'Input of stage: funnel:position:key as it is, funnel:key by the catalogue.';
CREATE FUNCTION @extschema@.stage_out(@extschema@.stage) RETURNS cstring
    AS 'MODULE_PATHNAME', 'crm_stage_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.stage_out(@extschema@.stage) IS 'Output of stage.';
CREATE FUNCTION @extschema@.stage_recv(internal) RETURNS @extschema@.stage
    AS 'MODULE_PATHNAME', 'crm_stage_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.stage_recv(internal) IS 'Binary input of stage.';
CREATE FUNCTION @extschema@.stage_send(@extschema@.stage) RETURNS bytea
    AS 'MODULE_PATHNAME', 'crm_stage_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.stage_send(@extschema@.stage) IS 'Binary output of stage.';

CREATE TYPE @extschema@.stage (
    INPUT = @extschema@.stage_in, OUTPUT = @extschema@.stage_out,
    RECEIVE = @extschema@.stage_recv, SEND = @extschema@.stage_send,
    INTERNALLENGTH = VARIABLE, ALIGNMENT = int4, STORAGE = main
);
COMMENT ON TYPE @extschema@.stage IS
'A stage of a funnel: funnel, position and key. Written funnel:position:key, as in sales:30:proposal; read also as '
'funnel:key, which asks the catalogue. Orders by funnel, position, key, bytewise.';

CREATE FUNCTION @extschema@.stage(funnel text, "position" integer, key text) RETURNS @extschema@.stage
    AS 'MODULE_PATHNAME', 'crm_stage_from_parts' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.stage(text, integer, text) IS
'A stage from its parts, without asking the catalogue. Example: SELECT crm.stage(''sales'', 30, ''proposal'');';
CREATE FUNCTION @extschema@.stage_funnel(@extschema@.stage) RETURNS text
    AS 'MODULE_PATHNAME', 'crm_stage_funnel' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.stage_funnel(@extschema@.stage) IS 'The funnel of a stage.';
CREATE FUNCTION @extschema@.stage_position(@extschema@.stage) RETURNS integer
    AS 'MODULE_PATHNAME', 'crm_stage_position' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.stage_position(@extschema@.stage) IS 'The position of a stage in its funnel.';
CREATE FUNCTION @extschema@.stage_key(@extschema@.stage) RETURNS text
    AS 'MODULE_PATHNAME', 'crm_stage_key' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.stage_key(@extschema@.stage) IS 'The key of a stage in its funnel.';

CREATE FUNCTION @extschema@.stage_eq(@extschema@.stage, @extschema@.stage) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_stage_eq' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION @extschema@.stage_eq(@extschema@.stage, @extschema@.stage) IS 'Implements = of stage.';
CREATE FUNCTION @extschema@.stage_ne(@extschema@.stage, @extschema@.stage) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_stage_ne' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION @extschema@.stage_ne(@extschema@.stage, @extschema@.stage) IS 'Implements <> of stage.';
CREATE FUNCTION @extschema@.stage_lt(@extschema@.stage, @extschema@.stage) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_stage_lt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION @extschema@.stage_lt(@extschema@.stage, @extschema@.stage) IS 'Implements < of stage.';
CREATE FUNCTION @extschema@.stage_le(@extschema@.stage, @extschema@.stage) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_stage_le' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION @extschema@.stage_le(@extschema@.stage, @extschema@.stage) IS 'Implements <= of stage.';
CREATE FUNCTION @extschema@.stage_gt(@extschema@.stage, @extschema@.stage) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_stage_gt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION @extschema@.stage_gt(@extschema@.stage, @extschema@.stage) IS 'Implements > of stage.';
CREATE FUNCTION @extschema@.stage_ge(@extschema@.stage, @extschema@.stage) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_stage_ge' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION @extschema@.stage_ge(@extschema@.stage, @extschema@.stage) IS 'Implements >= of stage.';
CREATE FUNCTION @extschema@.stage_cmp(@extschema@.stage, @extschema@.stage) RETURNS integer
    AS 'MODULE_PATHNAME', 'crm_stage_cmp' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION @extschema@.stage_cmp(@extschema@.stage, @extschema@.stage) IS 'Order of stages: funnel, position, key.';
CREATE FUNCTION @extschema@.stage_sortsupport(internal) RETURNS void
    AS 'MODULE_PATHNAME', 'crm_stage_sortsupport' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.stage_sortsupport(internal) IS 'Sort support of stage.';
CREATE FUNCTION @extschema@.stage_hash(@extschema@.stage) RETURNS integer
    AS 'MODULE_PATHNAME', 'crm_stage_hash' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION @extschema@.stage_hash(@extschema@.stage) IS 'Hash of stage.';
CREATE FUNCTION @extschema@.stage_hash_extended(@extschema@.stage, bigint) RETURNS bigint
    AS 'MODULE_PATHNAME', 'crm_stage_hash_extended' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION @extschema@.stage_hash_extended(@extschema@.stage, bigint) IS 'Hash of stage with a seed.';
CREATE FUNCTION @extschema@.stage_smaller(@extschema@.stage, @extschema@.stage) RETURNS @extschema@.stage
    AS 'MODULE_PATHNAME', 'crm_stage_smaller' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.stage_smaller(@extschema@.stage, @extschema@.stage) IS 'The earlier of two stages.';
CREATE FUNCTION @extschema@.stage_larger(@extschema@.stage, @extschema@.stage) RETURNS @extschema@.stage
    AS 'MODULE_PATHNAME', 'crm_stage_larger' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.stage_larger(@extschema@.stage, @extschema@.stage) IS 'The later of two stages.';

CREATE OPERATOR @extschema@.= (LEFTARG = @extschema@.stage, RIGHTARG = @extschema@.stage,
    FUNCTION = @extschema@.stage_eq, COMMUTATOR = OPERATOR(@extschema@.=), NEGATOR = OPERATOR(@extschema@.<>),
    RESTRICT = pg_catalog.eqsel, JOIN = pg_catalog.eqjoinsel, HASHES, MERGES);
COMMENT ON OPERATOR @extschema@.= (@extschema@.stage, @extschema@.stage) IS 'equal';
CREATE OPERATOR @extschema@.<> (LEFTARG = @extschema@.stage, RIGHTARG = @extschema@.stage,
    FUNCTION = @extschema@.stage_ne, COMMUTATOR = OPERATOR(@extschema@.<>), NEGATOR = OPERATOR(@extschema@.=),
    RESTRICT = pg_catalog.neqsel, JOIN = pg_catalog.neqjoinsel);
COMMENT ON OPERATOR @extschema@.<> (@extschema@.stage, @extschema@.stage) IS 'not equal';
CREATE OPERATOR @extschema@.< (LEFTARG = @extschema@.stage, RIGHTARG = @extschema@.stage,
    FUNCTION = @extschema@.stage_lt, COMMUTATOR = OPERATOR(@extschema@.>), NEGATOR = OPERATOR(@extschema@.>=),
    RESTRICT = pg_catalog.scalarltsel, JOIN = pg_catalog.scalarltjoinsel);
COMMENT ON OPERATOR @extschema@.< (@extschema@.stage, @extschema@.stage) IS 'before';
CREATE OPERATOR @extschema@.<= (LEFTARG = @extschema@.stage, RIGHTARG = @extschema@.stage,
    FUNCTION = @extschema@.stage_le, COMMUTATOR = OPERATOR(@extschema@.>=), NEGATOR = OPERATOR(@extschema@.>),
    RESTRICT = pg_catalog.scalarlesel, JOIN = pg_catalog.scalarlejoinsel);
COMMENT ON OPERATOR @extschema@.<= (@extschema@.stage, @extschema@.stage) IS 'before or equal';
CREATE OPERATOR @extschema@.> (LEFTARG = @extschema@.stage, RIGHTARG = @extschema@.stage,
    FUNCTION = @extschema@.stage_gt, COMMUTATOR = OPERATOR(@extschema@.<), NEGATOR = OPERATOR(@extschema@.<=),
    RESTRICT = pg_catalog.scalargtsel, JOIN = pg_catalog.scalargtjoinsel);
COMMENT ON OPERATOR @extschema@.> (@extschema@.stage, @extschema@.stage) IS 'after';
CREATE OPERATOR @extschema@.>= (LEFTARG = @extschema@.stage, RIGHTARG = @extschema@.stage,
    FUNCTION = @extschema@.stage_ge, COMMUTATOR = OPERATOR(@extschema@.<=), NEGATOR = OPERATOR(@extschema@.<),
    RESTRICT = pg_catalog.scalargesel, JOIN = pg_catalog.scalargejoinsel);
COMMENT ON OPERATOR @extschema@.>= (@extschema@.stage, @extschema@.stage) IS 'after or equal';

CREATE OPERATOR CLASS @extschema@.stage_btree DEFAULT FOR TYPE @extschema@.stage USING btree AS
    OPERATOR 1 @extschema@.<, OPERATOR 2 @extschema@.<=, OPERATOR 3 @extschema@.=,
    OPERATOR 4 @extschema@.>=, OPERATOR 5 @extschema@.>,
    FUNCTION 1 @extschema@.stage_cmp(@extschema@.stage, @extschema@.stage),
    FUNCTION 2 @extschema@.stage_sortsupport(internal),
    FUNCTION 4 pg_catalog.btequalimage(oid);
COMMENT ON OPERATOR CLASS @extschema@.stage_btree USING btree IS 'Order of stages: funnel, position, key.';

CREATE OPERATOR CLASS @extschema@.stage_hash DEFAULT FOR TYPE @extschema@.stage USING hash AS
    OPERATOR 1 @extschema@.=,
    FUNCTION 1 @extschema@.stage_hash(@extschema@.stage),
    FUNCTION 2 @extschema@.stage_hash_extended(@extschema@.stage, bigint);
COMMENT ON OPERATOR CLASS @extschema@.stage_hash USING hash IS 'Equality of stages.';

CREATE AGGREGATE @extschema@.min(@extschema@.stage) (SFUNC = @extschema@.stage_smaller, STYPE = @extschema@.stage,
    COMBINEFUNC = @extschema@.stage_smaller, SORTOP = OPERATOR(@extschema@.<), PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.min(@extschema@.stage) IS 'The earliest stage.';
CREATE AGGREGATE @extschema@.max(@extschema@.stage) (SFUNC = @extschema@.stage_larger, STYPE = @extschema@.stage,
    COMBINEFUNC = @extschema@.stage_larger, SORTOP = OPERATOR(@extschema@.>), PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.max(@extschema@.stage) IS 'The latest stage.';
