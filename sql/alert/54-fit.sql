-- Texts as receivers may have them.
CREATE FUNCTION @extschema@.fit_text(value text, most integer, style text, note text) RETURNS text
    AS 'MODULE_PATHNAME', 'crm_fit_text' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION @extschema@.fit_text(text, integer, text, text) IS
'A text escaped in a style (plain, slack, html, telegram, markdown) and cut to at most so many UTF-16 units, the note behind a cut, never inside an '
'escape or a grapheme. Control characters become spaces, characters that turn the direction of writing are dropped.';
