-- How alike two texts are. All but damerau_levenshtein raise nothing, whatever the texts, and so are leakproof.

CREATE FUNCTION @extschema@.jaro_winkler(a text, b text) RETURNS double precision
    AS 'MODULE_PATHNAME', 'crm_jaro_winkler' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE COST 2;
COMMENT ON FUNCTION @extschema@.jaro_winkler(text, text) IS
    'Jaro''s similarity with Winkler''s bonus for a common beginning, 0 to 1, for names: jaro_winkler(''MARTHA'', ''MARHTA'') is '
    '0.961. By characters and not bytes; case counts. Of longer texts the first 1,000 characters are compared.';

CREATE FUNCTION @extschema@.damerau_levenshtein(a text, b text, max_distance integer DEFAULT NULL) RETURNS integer
    AS 'MODULE_PATHNAME', 'crm_damerau_levenshtein' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 2;
COMMENT ON FUNCTION @extschema@.damerau_levenshtein(text, text, integer) IS
    'The least number of characters inserted, deleted, replaced or swapped with their neighbour that makes b of a (optimal '
    'string alignment). With max_distance it stops early and returns max_distance + 1 where there are more. Case counts. '
    'Errors: 54000 for texts of more than 1,000 characters, 22023 for a negative max_distance.';

CREATE FUNCTION @extschema@.token_similarity(a text, b text) RETURNS double precision
    AS 'MODULE_PATHNAME', 'crm_token_similarity' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE COST 10;
COMMENT ON FUNCTION @extschema@.token_similarity(text, text) IS
    'Similarity of two texts as sets of words, whatever their order, case, accents and punctuation, 0 to 1: the most similar '
    'words are paired first (Jaro and Winkler, at least 0.85); twice the sum of their similarities over the number of words. '
    'Of longer texts the first 64 words within 1,000 characters (1,024 bytes of UTF-8) count. token_similarity(''Lee, Ann'', '
    '''ann LEE'') is 1.';

CREATE FUNCTION @extschema@.monge_elkan(a text, b text) RETURNS double precision
    AS 'MODULE_PATHNAME', 'crm_monge_elkan' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE COST 10;
COMMENT ON FUNCTION @extschema@.monge_elkan(text, text) IS
    'The mean, over the words of a, of the similarity (Jaro and Winkler) of the word of b that is most like it, 0 to 1; case, '
    'accents and punctuation are ignored. What b has beside does not count, so it is not symmetric: monge_elkan(''Lee'', ''Ann '
    'Lee'') is 1, monge_elkan(''Ann Lee'', ''Lee'') is 0.5. Limits as for token_similarity.';

CREATE FUNCTION @extschema@.trigram_similarity(a text, b text) RETURNS double precision
    AS 'MODULE_PATHNAME', 'crm_trigram_similarity' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE COST 5;
COMMENT ON FUNCTION @extschema@.trigram_similarity(text, text) IS
    'Runs of three characters that both texts have over those that either has, 0 to 1; each word counts with two blanks before '
    'and one behind, as in pg_trgm. Case, accents and punctuation are ignored. trigram_similarity(''word'', ''two words'') is '
    '0.364. Limits as for token_similarity.';

CREATE FUNCTION @extschema@.phonetic(word text) RETURNS text
    AS 'MODULE_PATHNAME', 'crm_phonetic' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE COST 2;
COMMENT ON FUNCTION @extschema@.phonetic(text) IS
    'A code that is equal for words that sound alike to speakers of European languages: phonetic(''Schmidt'') = '
    'phonetic(''Schmitt''). At most eight letters a word, for the first sixteen words, blanks between them; NULL where there is '
    'no letter. For finding candidates, not for judging them; it may change between versions, so an index on it is made anew '
    'after an update.';
