\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
SELECT a, b, round(crm.jaro_winkler(a, b)::numeric, 4) AS jaro_winkler, crm.damerau_levenshtein(a, b) AS edits,
       crm.damerau_levenshtein(a, b, 1) AS at_most_one, round(crm.token_similarity(a, b)::numeric, 4) AS tokens
FROM (VALUES ('MARTHA', 'MARHTA'), ('Müller', 'Muller'), ('Müller', 'MÜLLER'), ('Łódź', 'łódź'), ('Жуков Иван', 'иван ЖУКОВ'),
             ('東京', '京東'), ('Lee, Ann', 'ann LEE'), ('O’Neil', 'O''Neil'), ('', ''), ('', 'x'), ('Acme GmbH', 'ACME, G.m.b.H.')) AS v (a, b);
SELECT crm.jaro_winkler(NULL, 'a') IS NULL AS a, crm.damerau_levenshtein('a', NULL) IS NULL AS b, crm.token_similarity('a', NULL) IS NULL AS c,
       crm.damerau_levenshtein('kitten', 'sitting', NULL) AS no_limit, crm.damerau_levenshtein('kitten', 'sitting', 2147483647) AS huge_limit;
SELECT crm.jaro_winkler(repeat('é', 1000), repeat('é', 1000)), crm.damerau_levenshtein(repeat('é', 1000), repeat('x', 1000));
SELECT crm.jaro_winkler(repeat('é', 1001), 'a');
SELECT crm.damerau_levenshtein('a', repeat('a', 1001));
SELECT crm.token_similarity('a', repeat('a', 1001));
SELECT crm.damerau_levenshtein('a', 'b', -1);
-- more than 64 words: the first 64 count
SELECT crm.token_similarity((SELECT string_agg('w' || i * 1000, ' ') FROM generate_series(1, 90) i),
                            (SELECT string_agg('w' || i * 1000, ' ') FROM generate_series(1, 90) i)) AS equal;
SELECT crm.phonetic('Meyer');
