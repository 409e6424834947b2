-- Texts as e-mail carries them.
CREATE FUNCTION @extschema@.mime_header(value text) RETURNS text
    AS 'MODULE_PATHNAME', 'crm_mime_header_sql' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION @extschema@.mime_header(text) IS
'A text as the value of an e-mail''s header (RFC 2047): short printable ASCII as it is, everything else in encoded words, one a line.';

CREATE FUNCTION @extschema@.mime_quoted(value text) RETURNS text
    AS 'MODULE_PATHNAME', 'crm_mime_quoted_sql' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION @extschema@.mime_quoted(text) IS
'A text in UTF-8 and quoted-printable (RFC 2045), in lines of at most 76 characters; "=_" never stands in it.';
