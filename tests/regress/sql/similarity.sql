\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
SELECT a, b, round(crm.jaro_winkler(a, b)::numeric, 4) AS jaro_winkler, crm.damerau_levenshtein(a, b) AS edits,
       crm.damerau_levenshtein(a, b, 1) AS at_most_one, round(crm.token_similarity(a, b)::numeric, 4) AS tokens,
       round(crm.monge_elkan(a, b)::numeric, 4) AS monge_elkan, round(crm.trigram_similarity(a, b)::numeric, 4) AS trigrams
FROM (VALUES ('MARTHA', 'MARHTA'), ('Müller', 'Muller'), ('Müller', 'MÜLLER'), ('Łódź', 'łódź'), ('Жуков Иван', 'иван ЖУКОВ'),
             ('東京', '京東'), ('Lee, Ann', 'ann LEE'), ('O’Neil', 'O''Neil'), ('', ''), ('', 'x'), ('Acme GmbH', 'ACME, G.m.b.H.'),
             ('word', 'two words'), ('Ann Lee', 'Lee'), ('Lee', 'Ann Lee')) AS v (a, b);
SELECT crm.jaro_winkler(NULL, 'a') IS NULL AS a, crm.damerau_levenshtein('a', NULL) IS NULL AS b, crm.token_similarity('a', NULL) IS NULL AS c,
       crm.damerau_levenshtein('kitten', 'sitting', NULL) AS no_limit, crm.damerau_levenshtein('kitten', 'sitting', 2147483647) AS huge_limit;
SELECT crm.jaro_winkler(repeat('é', 1000), repeat('é', 1000)), crm.damerau_levenshtein(repeat('é', 1000), repeat('x', 1000));
-- a constant is looked up once for a query, a variable is not taken for one
SELECT name, crm.jaro_winkler(name, 'Müller') = crm.jaro_winkler(name, other) AS accented, crm.jaro_winkler('Muller', name) = crm.jaro_winkler(plain, name) AS first,
       crm.jaro_winkler(name, repeat('n', 64)) = crm.jaro_winkler(name, long) AS of_64
FROM (VALUES ('Müller', 'Müller', 'Muller', repeat('n', 64)), ('Muller', 'Müller', 'Muller', repeat('n', 64)), ('Miller', 'Müller', 'Muller', repeat('n', 64)),
             ('', 'Müller', 'Muller', repeat('n', 64)), (repeat('n', 63), 'Müller', 'Muller', repeat('n', 64))) AS v (name, other, plain, long);
DO $$
DECLARE
    name text;
    found text := '';
BEGIN
    FOREACH name IN ARRAY ARRAY['anna', 'anna', 'hanna', 'otto', 'anna'] LOOP
        found := found || ' ' || round(crm.jaro_winkler(name, 'anna')::numeric, 3) || '/' || round(crm.jaro_winkler('otto', name)::numeric, 3);
    END LOOP;
    RAISE INFO '%', found;
END $$;
PREPARE alike (text) AS SELECT round(crm.jaro_winkler(name, $1)::numeric, 3) FROM (VALUES ('anna'), ('hanna'), ('otto')) AS v (name);
EXECUTE alike('anna');
EXECUTE alike('otto');
DEALLOCATE alike;
-- of longer texts the first thousand characters count, but edits are not counted at all
SELECT crm.jaro_winkler(repeat('é', 1000) || 'a', repeat('é', 1000) || 'bcd') AS equal,
       crm.jaro_winkler(repeat('é', 999) || 'a', repeat('é', 999) || 'bcd') < 1 AS differ,
       crm.token_similarity(repeat('a ', 5000), repeat('a ', 6000)) AS tokens, crm.monge_elkan(repeat('a', 5000), 'b') AS monge_elkan,
       crm.trigram_similarity(repeat('ab', 5000), 'ab') AS trigrams, crm.phonetic(repeat('ba', 100000)) AS phonetic;
SELECT crm.damerau_levenshtein('a', repeat('a', 1001));
SELECT crm.damerau_levenshtein('a', 'b', -1);
-- more than 64 words: the first 64 count
SELECT crm.token_similarity((SELECT string_agg('w' || i * 1000, ' ') FROM generate_series(1, 90) i),
                            (SELECT string_agg('w' || i * 1000, ' ') FROM generate_series(1, 90) i)) AS equal;
SELECT w, crm.phonetic(w)
FROM (VALUES ('Meyer'), ('Maier'), ('Schmidt'), ('SCHMITT'), ('Philipp'), ('Filip'), ('Ann-Marie O’Neil'), ('Müller'), ('Mueller'), (''), ('12')) AS v (w);
SELECT proname, provolatile, proisstrict, proleakproof, proparallel
FROM pg_proc
WHERE pronamespace = (SELECT extnamespace FROM pg_extension WHERE extname = 'crm')
  AND proname IN ('jaro_winkler', 'damerau_levenshtein', 'token_similarity', 'monge_elkan', 'trigram_similarity', 'phonetic')
ORDER BY proname;
-- in a database of another encoding characters are the same ones
CREATE DATABASE scratch_latin2 ENCODING 'LATIN2' LOCALE 'C' TEMPLATE template0;
\c scratch_latin2
SET client_encoding = 'UTF8';
CREATE SCHEMA crm;
CREATE EXTENSION crm SCHEMA crm;
SELECT a, b, round(crm.jaro_winkler(a, b)::numeric, 4) AS jaro_winkler, crm.damerau_levenshtein(a, b) AS edits,
       crm.token_similarity(a, b) AS tokens, crm.trigram_similarity(a, b) AS trigrams, crm.phonetic(a)
FROM (VALUES ('Łódź', 'łódź'), ('Dvořák', 'DVORAK'), ('Müller', 'Muller'), ('Żółć Gęślą', 'gesla zolc')) AS v (a, b);
\c scratch
DROP DATABASE scratch_latin2;
CREATE DATABASE scratch_ascii ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0;
\c scratch_ascii
CREATE SCHEMA crm;
CREATE EXTENSION crm SCHEMA crm;
-- UTF-8 where it is UTF-8, else Latin-1
SELECT crm.damerau_levenshtein(E'M\xfcller', E'M\xc3\xbcller') AS same, crm.damerau_levenshtein(E'M\xc3\xbcller', 'Muller') AS one,
       crm.token_similarity(E'M\xfcller', 'muller') AS tokens;
\c scratch
DROP DATABASE scratch_ascii;
