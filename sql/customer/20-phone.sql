-- The type phone: a number with its calling code (E.164), with an extension where there is one (RFC 3966).

CREATE TYPE @extschema@.phone;
CREATE FUNCTION @extschema@.phone_in(cstring) RETURNS @extschema@.phone
    AS 'MODULE_PATHNAME', 'crm_phone_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION @extschema@.phone_out(@extschema@.phone) RETURNS cstring
    AS 'MODULE_PATHNAME', 'crm_phone_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION @extschema@.phone_recv(internal) RETURNS @extschema@.phone
    AS 'MODULE_PATHNAME', 'crm_phone_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION @extschema@.phone_send(@extschema@.phone) RETURNS bytea
    AS 'MODULE_PATHNAME', 'crm_phone_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE TYPE @extschema@.phone (
    INPUT = @extschema@.phone_in, OUTPUT = @extschema@.phone_out,
    RECEIVE = @extschema@.phone_recv, SEND = @extschema@.phone_send,
    INTERNALLENGTH = VARIABLE, ALIGNMENT = int4, STORAGE = extended
);
COMMENT ON TYPE @extschema@.phone IS
    'A phone number with its calling code: "+1 (415) 555-0123 ext 12" and "001 415 555 0123 x12" are kept as '
    '+14155550123;ext=12. A number without calling code needs a country: phone(text, country).';
COMMENT ON FUNCTION @extschema@.phone_in(cstring) IS 'Input of phone.';
COMMENT ON FUNCTION @extschema@.phone_out(@extschema@.phone) IS 'Output of phone.';
COMMENT ON FUNCTION @extschema@.phone_recv(internal) IS 'Binary input of phone: checks what text input checks.';
COMMENT ON FUNCTION @extschema@.phone_send(@extschema@.phone) IS 'Binary output of phone.';

CREATE FUNCTION @extschema@.phone(value text) RETURNS @extschema@.phone
    AS 'MODULE_PATHNAME', 'crm_phone_from_text' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.phone(text) IS 'The number that a text with a calling code is; an error (22P02) where it is none.';
CREATE FUNCTION @extschema@.phone(value text, country text) RETURNS @extschema@.phone
    AS 'MODULE_PATHNAME', 'crm_phone_of_country' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.phone(text, text) IS
    'The number that a text is, read in a country (ISO 3166 alpha-2 or alpha-3 code, English or own name) where it has no '
    'calling code: phone(''0171 5550123'', ''DE'') is +491715550123. Errors: 22P02 (no number), RM001 (no such country).';
CREATE FUNCTION @extschema@.try_phone(value text, country text DEFAULT NULL) RETURNS @extschema@.phone
    AS 'MODULE_PATHNAME', 'crm_try_phone' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.try_phone(text, text) IS
    'As phone(value, country), but NULL where the text is no number; an unknown country is as good as none.';
CREATE FUNCTION @extschema@.phone_calling_code(phone @extschema@.phone) RETURNS integer
    AS 'MODULE_PATHNAME', 'crm_phone_calling_code' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION @extschema@.phone_calling_code(@extschema@.phone) IS 'The calling code of a number, as 49.';
CREATE FUNCTION @extschema@.phone_extension(phone @extschema@.phone) RETURNS text
    AS 'MODULE_PATHNAME', 'crm_phone_extension' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION @extschema@.phone_extension(@extschema@.phone) IS 'The extension of a number, NULL where it has none.';
CREATE FUNCTION @extschema@.phone_match_key(phone @extschema@.phone) RETURNS text
    AS 'MODULE_PATHNAME', 'crm_phone_match_key' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION @extschema@.phone_match_key(@extschema@.phone) IS 'The number without its extension: what matching compares.';

CREATE CAST (text AS @extschema@.phone) WITH FUNCTION @extschema@.phone(text) AS ASSIGNMENT;
CREATE CAST (@extschema@.phone AS text) WITHOUT FUNCTION AS ASSIGNMENT;

CREATE FUNCTION @extschema@.phone_eq(@extschema@.phone, @extschema@.phone) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_phone_eq' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
CREATE FUNCTION @extschema@.phone_ne(@extschema@.phone, @extschema@.phone) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_phone_ne' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
CREATE FUNCTION @extschema@.phone_lt(@extschema@.phone, @extschema@.phone) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_phone_lt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
CREATE FUNCTION @extschema@.phone_le(@extschema@.phone, @extschema@.phone) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_phone_le' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
CREATE FUNCTION @extschema@.phone_gt(@extschema@.phone, @extschema@.phone) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_phone_gt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
CREATE FUNCTION @extschema@.phone_ge(@extschema@.phone, @extschema@.phone) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_phone_ge' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
CREATE FUNCTION @extschema@.phone_cmp(@extschema@.phone, @extschema@.phone) RETURNS integer
    AS 'MODULE_PATHNAME', 'crm_phone_cmp' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
CREATE FUNCTION @extschema@.phone_sortsupport(internal) RETURNS void
    AS 'MODULE_PATHNAME', 'crm_phone_sortsupport' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION @extschema@.phone_hash(@extschema@.phone) RETURNS integer
    AS 'MODULE_PATHNAME', 'crm_phone_hash' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
CREATE FUNCTION @extschema@.phone_hash_extended(@extschema@.phone, bigint) RETURNS bigint
    AS 'MODULE_PATHNAME', 'crm_phone_hash_extended' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION @extschema@.phone_eq(@extschema@.phone, @extschema@.phone) IS 'Implements = of phone.';
COMMENT ON FUNCTION @extschema@.phone_ne(@extschema@.phone, @extschema@.phone) IS 'Implements <> of phone.';
COMMENT ON FUNCTION @extschema@.phone_lt(@extschema@.phone, @extschema@.phone) IS 'Implements < of phone.';
COMMENT ON FUNCTION @extschema@.phone_le(@extschema@.phone, @extschema@.phone) IS 'Implements <= of phone.';
COMMENT ON FUNCTION @extschema@.phone_gt(@extschema@.phone, @extschema@.phone) IS 'Implements > of phone.';
COMMENT ON FUNCTION @extschema@.phone_ge(@extschema@.phone, @extschema@.phone) IS 'Implements >= of phone.';
COMMENT ON FUNCTION @extschema@.phone_cmp(@extschema@.phone, @extschema@.phone) IS 'Order of phone, for B-trees: by the digits of calling code and number, as text.';
COMMENT ON FUNCTION @extschema@.phone_sortsupport(internal) IS 'Sort support of phone.';
COMMENT ON FUNCTION @extschema@.phone_hash(@extschema@.phone) IS 'Hash of phone, agrees with =.';
COMMENT ON FUNCTION @extschema@.phone_hash_extended(@extschema@.phone, bigint) IS 'Seeded hash of phone, agrees with =.';

CREATE OPERATOR @extschema@.= (
    LEFTARG = @extschema@.phone, RIGHTARG = @extschema@.phone, FUNCTION = @extschema@.phone_eq,
    COMMUTATOR = OPERATOR(@extschema@.=), NEGATOR = OPERATOR(@extschema@.<>),
    RESTRICT = pg_catalog.eqsel, JOIN = pg_catalog.eqjoinsel, HASHES, MERGES);
CREATE OPERATOR @extschema@.<> (
    LEFTARG = @extschema@.phone, RIGHTARG = @extschema@.phone, FUNCTION = @extschema@.phone_ne,
    COMMUTATOR = OPERATOR(@extschema@.<>), NEGATOR = OPERATOR(@extschema@.=),
    RESTRICT = pg_catalog.neqsel, JOIN = pg_catalog.neqjoinsel);
CREATE OPERATOR @extschema@.< (
    LEFTARG = @extschema@.phone, RIGHTARG = @extschema@.phone, FUNCTION = @extschema@.phone_lt,
    COMMUTATOR = OPERATOR(@extschema@.>), NEGATOR = OPERATOR(@extschema@.>=),
    RESTRICT = pg_catalog.scalarltsel, JOIN = pg_catalog.scalarltjoinsel);
CREATE OPERATOR @extschema@.<= (
    LEFTARG = @extschema@.phone, RIGHTARG = @extschema@.phone, FUNCTION = @extschema@.phone_le,
    COMMUTATOR = OPERATOR(@extschema@.>=), NEGATOR = OPERATOR(@extschema@.>),
    RESTRICT = pg_catalog.scalarlesel, JOIN = pg_catalog.scalarlejoinsel);
CREATE OPERATOR @extschema@.> (
    LEFTARG = @extschema@.phone, RIGHTARG = @extschema@.phone, FUNCTION = @extschema@.phone_gt,
    COMMUTATOR = OPERATOR(@extschema@.<), NEGATOR = OPERATOR(@extschema@.<=),
    RESTRICT = pg_catalog.scalargtsel, JOIN = pg_catalog.scalargtjoinsel);
CREATE OPERATOR @extschema@.>= (
    LEFTARG = @extschema@.phone, RIGHTARG = @extschema@.phone, FUNCTION = @extschema@.phone_ge,
    COMMUTATOR = OPERATOR(@extschema@.<=), NEGATOR = OPERATOR(@extschema@.<),
    RESTRICT = pg_catalog.scalargesel, JOIN = pg_catalog.scalargejoinsel);

CREATE OPERATOR CLASS @extschema@.phone_ops DEFAULT FOR TYPE @extschema@.phone USING btree AS
    OPERATOR 1 @extschema@.<, OPERATOR 2 @extschema@.<=, OPERATOR 3 @extschema@.=, OPERATOR 4 @extschema@.>=,
    OPERATOR 5 @extschema@.>,
    FUNCTION 1 @extschema@.phone_cmp(@extschema@.phone, @extschema@.phone),
    FUNCTION 2 @extschema@.phone_sortsupport(internal),
    FUNCTION 4 pg_catalog.btequalimage(oid);
COMMENT ON OPERATOR CLASS @extschema@.phone_ops USING btree IS 'Phone numbers in the order of their text.';
CREATE OPERATOR CLASS @extschema@.phone_hash_ops DEFAULT FOR TYPE @extschema@.phone USING hash AS
    OPERATOR 1 @extschema@.=,
    FUNCTION 1 @extschema@.phone_hash(@extschema@.phone),
    FUNCTION 2 @extschema@.phone_hash_extended(@extschema@.phone, bigint);
COMMENT ON OPERATOR CLASS @extschema@.phone_hash_ops USING hash IS 'Phone numbers.';
