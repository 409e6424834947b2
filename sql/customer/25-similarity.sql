-- How alike two texts are.

CREATE FUNCTION @extschema@.jaro_winkler(a text, b text) RETURNS double precision
    AS 'MODULE_PATHNAME', 'crm_jaro_winkler' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION @extschema@.jaro_winkler(text, text) IS
    'Jaro''s similarity with Winkler''s bonus for a common beginning, 0 to 1, for names: jaro_winkler(''MARTHA'', ''MARHTA'') is '
    '0.961. By characters and not bytes; case counts. Error 54000 for texts of more than 1,000 characters.';

CREATE FUNCTION @extschema@.damerau_levenshtein(a text, b text, max_distance integer DEFAULT NULL) RETURNS integer
    AS 'MODULE_PATHNAME', 'crm_damerau_levenshtein' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 20;
COMMENT ON FUNCTION @extschema@.damerau_levenshtein(text, text, integer) IS
    'The least number of characters inserted, deleted, replaced or swapped with their neighbour that makes b of a (optimal '
    'string alignment). With max_distance it stops early and returns max_distance + 1 where there are more. Case counts. '
    'Errors: 54000 for texts of more than 1,000 characters, 22023 for a negative max_distance.';

CREATE FUNCTION @extschema@.token_similarity(a text, b text) RETURNS double precision
    AS 'MODULE_PATHNAME', 'crm_token_similarity' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50;
COMMENT ON FUNCTION @extschema@.token_similarity(text, text) IS
    'Similarity of two texts as sets of words, whatever their order, case and punctuation, 0 to 1: the most similar words are '
    'paired first (Jaro and Winkler, at least 0.85); twice the sum of their similarities over the number of words. The '
    'first 64 words count. token_similarity(''Lee, Ann'', ''ann LEE'') is 1. Error 54000 for texts of more than 1,000 characters.';
