-- The type email: an address that is valid, compared without case.

CREATE TYPE @extschema@.email;
CREATE FUNCTION @extschema@.email_in(cstring) RETURNS @extschema@.email
    AS 'MODULE_PATHNAME', 'crm_email_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION @extschema@.email_out(@extschema@.email) RETURNS cstring
    AS 'MODULE_PATHNAME', 'crm_email_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION @extschema@.email_recv(internal) RETURNS @extschema@.email
    AS 'MODULE_PATHNAME', 'crm_email_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION @extschema@.email_send(@extschema@.email) RETURNS bytea
    AS 'MODULE_PATHNAME', 'crm_email_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE TYPE @extschema@.email (
    INPUT = @extschema@.email_in, OUTPUT = @extschema@.email_out,
    RECEIVE = @extschema@.email_recv, SEND = @extschema@.email_send,
    INTERNALLENGTH = VARIABLE, ALIGNMENT = int4, STORAGE = extended
);
COMMENT ON TYPE @extschema@.email IS
    'An e-mail address: Ann.Lee@Example.COM is kept as Ann.Lee@example.com and equals ann.lee@example.com. Quoted local '
    'parts, display names, IP addresses and domains without a dot are refused.';
COMMENT ON FUNCTION @extschema@.email_in(cstring) IS 'Input of email.';
COMMENT ON FUNCTION @extschema@.email_out(@extschema@.email) IS 'Output of email.';
COMMENT ON FUNCTION @extschema@.email_recv(internal) IS 'Binary input of email: checks what text input checks.';
COMMENT ON FUNCTION @extschema@.email_send(@extschema@.email) IS 'Binary output of email.';

CREATE FUNCTION @extschema@.email(value text) RETURNS @extschema@.email
    AS 'MODULE_PATHNAME', 'crm_email_from_text' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.email(text) IS 'The address that a text is; an error (22P02) where it is none.';
CREATE FUNCTION @extschema@.try_email(value text) RETURNS @extschema@.email
    AS 'MODULE_PATHNAME', 'crm_try_email' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.try_email(text) IS 'The address that a text is, NULL where it is none.';
CREATE FUNCTION @extschema@.email_local(email @extschema@.email) RETURNS text
    AS 'MODULE_PATHNAME', 'crm_email_local' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION @extschema@.email_local(@extschema@.email) IS 'What stands before the "@", as it was typed.';
CREATE FUNCTION @extschema@.email_domain(email @extschema@.email) RETURNS text
    AS 'MODULE_PATHNAME', 'crm_email_domain' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION @extschema@.email_domain(@extschema@.email) IS 'The domain, in lower case.';
CREATE FUNCTION @extschema@.email_match_key(email @extschema@.email) RETURNS text
    AS 'MODULE_PATHNAME', 'crm_email_match_key' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION @extschema@.email_match_key(@extschema@.email) IS
    'What addresses have in common that reach the same person: case folded; plus tags dropped where the provider is known '
    'to deliver them to the same box, dots for Gmail, domains of one provider made one. For matching, not for equality: '
    'email_match_key(''J.Doe+news@GoogleMail.com'') is jdoe@gmail.com.';

CREATE CAST (text AS @extschema@.email) WITH FUNCTION @extschema@.email(text) AS ASSIGNMENT;
CREATE CAST (@extschema@.email AS text) WITHOUT FUNCTION AS ASSIGNMENT;

CREATE FUNCTION @extschema@.email_eq(@extschema@.email, @extschema@.email) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_email_eq' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
CREATE FUNCTION @extschema@.email_ne(@extschema@.email, @extschema@.email) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_email_ne' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
CREATE FUNCTION @extschema@.email_lt(@extschema@.email, @extschema@.email) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_email_lt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
CREATE FUNCTION @extschema@.email_le(@extschema@.email, @extschema@.email) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_email_le' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
CREATE FUNCTION @extschema@.email_gt(@extschema@.email, @extschema@.email) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_email_gt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
CREATE FUNCTION @extschema@.email_ge(@extschema@.email, @extschema@.email) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_email_ge' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
CREATE FUNCTION @extschema@.email_cmp(@extschema@.email, @extschema@.email) RETURNS integer
    AS 'MODULE_PATHNAME', 'crm_email_cmp' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
CREATE FUNCTION @extschema@.email_sortsupport(internal) RETURNS void
    AS 'MODULE_PATHNAME', 'crm_email_sortsupport' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION @extschema@.email_hash(@extschema@.email) RETURNS integer
    AS 'MODULE_PATHNAME', 'crm_email_hash' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
CREATE FUNCTION @extschema@.email_hash_extended(@extschema@.email, bigint) RETURNS bigint
    AS 'MODULE_PATHNAME', 'crm_email_hash_extended' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION @extschema@.email_eq(@extschema@.email, @extschema@.email) IS 'Implements = of email: ASCII case ignored.';
COMMENT ON FUNCTION @extschema@.email_ne(@extschema@.email, @extschema@.email) IS 'Implements <> of email.';
COMMENT ON FUNCTION @extschema@.email_lt(@extschema@.email, @extschema@.email) IS 'Implements < of email.';
COMMENT ON FUNCTION @extschema@.email_le(@extschema@.email, @extschema@.email) IS 'Implements <= of email.';
COMMENT ON FUNCTION @extschema@.email_gt(@extschema@.email, @extschema@.email) IS 'Implements > of email.';
COMMENT ON FUNCTION @extschema@.email_ge(@extschema@.email, @extschema@.email) IS 'Implements >= of email.';
COMMENT ON FUNCTION @extschema@.email_cmp(@extschema@.email, @extschema@.email) IS 'Order of email, for B-trees: by folded bytes.';
COMMENT ON FUNCTION @extschema@.email_sortsupport(internal) IS 'Sort support of email.';
COMMENT ON FUNCTION @extschema@.email_hash(@extschema@.email) IS 'Hash of email, agrees with =.';
COMMENT ON FUNCTION @extschema@.email_hash_extended(@extschema@.email, bigint) IS 'Seeded hash of email, agrees with =.';

CREATE OPERATOR @extschema@.= (
    LEFTARG = @extschema@.email, RIGHTARG = @extschema@.email, FUNCTION = @extschema@.email_eq,
    COMMUTATOR = OPERATOR(@extschema@.=), NEGATOR = OPERATOR(@extschema@.<>),
    RESTRICT = pg_catalog.eqsel, JOIN = pg_catalog.eqjoinsel, HASHES, MERGES);
CREATE OPERATOR @extschema@.<> (
    LEFTARG = @extschema@.email, RIGHTARG = @extschema@.email, FUNCTION = @extschema@.email_ne,
    COMMUTATOR = OPERATOR(@extschema@.<>), NEGATOR = OPERATOR(@extschema@.=),
    RESTRICT = pg_catalog.neqsel, JOIN = pg_catalog.neqjoinsel);
CREATE OPERATOR @extschema@.< (
    LEFTARG = @extschema@.email, RIGHTARG = @extschema@.email, FUNCTION = @extschema@.email_lt,
    COMMUTATOR = OPERATOR(@extschema@.>), NEGATOR = OPERATOR(@extschema@.>=),
    RESTRICT = pg_catalog.scalarltsel, JOIN = pg_catalog.scalarltjoinsel);
CREATE OPERATOR @extschema@.<= (
    LEFTARG = @extschema@.email, RIGHTARG = @extschema@.email, FUNCTION = @extschema@.email_le,
    COMMUTATOR = OPERATOR(@extschema@.>=), NEGATOR = OPERATOR(@extschema@.>),
    RESTRICT = pg_catalog.scalarlesel, JOIN = pg_catalog.scalarlejoinsel);
CREATE OPERATOR @extschema@.> (
    LEFTARG = @extschema@.email, RIGHTARG = @extschema@.email, FUNCTION = @extschema@.email_gt,
    COMMUTATOR = OPERATOR(@extschema@.<), NEGATOR = OPERATOR(@extschema@.<=),
    RESTRICT = pg_catalog.scalargtsel, JOIN = pg_catalog.scalargtjoinsel);
CREATE OPERATOR @extschema@.>= (
    LEFTARG = @extschema@.email, RIGHTARG = @extschema@.email, FUNCTION = @extschema@.email_ge,
    COMMUTATOR = OPERATOR(@extschema@.<=), NEGATOR = OPERATOR(@extschema@.<),
    RESTRICT = pg_catalog.scalargesel, JOIN = pg_catalog.scalargejoinsel);

-- No support function 4: equal addresses can differ in bytes, so B-tree pages must not be deduplicated by image.
CREATE OPERATOR CLASS @extschema@.email_ops DEFAULT FOR TYPE @extschema@.email USING btree AS
    OPERATOR 1 @extschema@.<, OPERATOR 2 @extschema@.<=, OPERATOR 3 @extschema@.=, OPERATOR 4 @extschema@.>=,
    OPERATOR 5 @extschema@.>,
    FUNCTION 1 @extschema@.email_cmp(@extschema@.email, @extschema@.email),
    FUNCTION 2 @extschema@.email_sortsupport(internal);
COMMENT ON OPERATOR CLASS @extschema@.email_ops USING btree IS 'E-mail addresses in the order of their folded bytes.';
CREATE OPERATOR CLASS @extschema@.email_hash_ops DEFAULT FOR TYPE @extschema@.email USING hash AS
    OPERATOR 1 @extschema@.=,
    FUNCTION 1 @extschema@.email_hash(@extschema@.email),
    FUNCTION 2 @extschema@.email_hash_extended(@extschema@.email, bigint);
COMMENT ON OPERATOR CLASS @extschema@.email_hash_ops USING hash IS 'E-mail addresses, case ignored.';
