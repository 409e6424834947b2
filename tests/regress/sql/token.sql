-- Identity by a signed token in crm.token: what is accepted, what is refused, and that no way leads back to the role.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh

CREATE ROLE regress_token_app LOGIN;
CREATE ROLE regress_token_carl LOGIN;
CREATE ROLE regress_token_admin;
SELECT crm.create_unit('acme', 'Acme Ltd', 'business');
SELECT crm.create_unit('north', 'North', 'geographic');
SELECT crm.create_unit('south', 'South', 'geographic');
SELECT crm.create_principal('anna', 'Anna Berg');
SELECT crm.add_principal_alias('anna', 'Anna.Berg@acme.example');
SELECT crm.create_principal('bob', 'Bob Lund');
SELECT crm.create_principal('carl', 'Carl Dahl', role_name => 'regress_token_carl');
SELECT crm.create_principal('zoë', 'Zoë');
SELECT crm.create_role('rep');
SELECT crm.grant_privilege('rep', '*', 'read', 'unit');
SELECT count(crm.add_member(p, u, 'rep')) FROM (VALUES ('anna', 'north'), ('bob', 'south'), ('carl', 'south')) v (p, u);
CREATE TABLE deals AS SELECT n AS id, CASE WHEN n % 3 = 0 THEN 'south' ELSE 'north' END AS region FROM generate_series(1, 30) n;
GRANT SELECT ON deals TO regress_token_app, regress_token_carl;
SELECT count(*) > 0 AS protected FROM crm.protect('deals', '{"organisation": "region"}');

-- an issuer of our own, which signs whatever it is told
CREATE FUNCTION base64url(bytes bytea) RETURNS text LANGUAGE sql AS
    $$ SELECT translate(encode(bytes, 'base64'), E'+/=\n', '-_') $$;
CREATE FUNCTION hmac(key bytea, message bytea) RETURNS bytea LANGUAGE plpgsql AS $$
DECLARE
    inner_pad bytea := '';
    outer_pad bytea := '';
BEGIN
    FOR i IN 0 .. 63 LOOP
        inner_pad := inner_pad || set_byte('\x00', 0, CASE WHEN i < length(key) THEN get_byte(key, i) ELSE 0 END # 54);
        outer_pad := outer_pad || set_byte('\x00', 0, CASE WHEN i < length(key) THEN get_byte(key, i) ELSE 0 END # 92);
    END LOOP;
    RETURN sha256(outer_pad || sha256(inner_pad || message));
END
$$;
-- two vectors of RFC 4231
SELECT hmac('Jefe', 'what do ya want for nothing?');
SELECT hmac(decode(repeat('0b', 20), 'hex'), 'Hi There');
CREATE FUNCTION mint(claims text, header text DEFAULT '{"alg":"HS256","kid":"one"}', key text DEFAULT 'the first secret of 32 bytes ...')
    RETURNS text LANGUAGE sql AS $$
    SELECT body || '.' || base64url(hmac(key::bytea, body::bytea))
    FROM (SELECT base64url(convert_to(header, 'UTF8')) || '.' || base64url(convert_to(claims, 'UTF8')) AS body) b
$$;
CREATE FUNCTION claims(other jsonb DEFAULT '{}') RETURNS text LANGUAGE sql AS
    $$ SELECT ('{"sub": "anna", "exp": 4000000000, "aud": "scratch"}'::jsonb || other)::text $$;
-- the key file, with the mode that it must have; SQL runs in the data directory here
CREATE PROCEDURE write_keys(lines text, mode text DEFAULT '600') LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('COPY (SELECT unnest(string_to_array(%L, %L))) TO PROGRAM %L', lines, E'\n',
                   format('umask 077; cat > keys.tmp && chmod %s keys.tmp && mv keys.tmp crm_token.keys', mode));
END
$$;
-- what becomes of a token: who one is, or the error; a token must never be seen in it
CREATE FUNCTION try(token text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    state text; message text; detail text; hint text; context text; result text;
BEGIN
    BEGIN
        PERFORM set_config('crm.token', token, true);
        SELECT coalesce(principal, 'nobody: ' || problem) INTO result FROM crm.whoami();
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
            hint = PG_EXCEPTION_HINT, context = PG_EXCEPTION_CONTEXT;
        result := format('%s %s: %s', state, message, detail);
        IF length(token) >= 8 AND position(left(token, 8) IN message || detail || hint || context) > 0 THEN
            result := 'THE TOKEN IS SHOWN: ' || result;
        END IF;
    END;
    PERFORM set_config('crm.token', '', true);
    RETURN result;
END
$$;
GRANT CREATE ON SCHEMA public TO regress_token_app;

-- without keys there are no tokens
SELECT try(mint(claims()));
SELECT crm.issue_token('anna');
SELECT * FROM crm.current_identity();

-- two keys of this issuer, and the public key of another one
CALL write_keys($$# keys of the test
HS256 one dGhlIGZpcnN0IHNlY3JldCBvZiAzMiBieXRlcyAuLi4

HS256 two dGhlIG90aGVyIHNlY3JldCBvZiAzMiBieXRlcyAuLi4
EdDSA idp 11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo$$);

-- what is accepted
SELECT what, try(token) FROM (VALUES
    ('key', mint(claims())),
    ('any case', mint(claims('{"sub": "ANNA"}'))),
    ('alias', mint(claims('{"sub": "anna.berg@acme.example"}'))),
    ('beyond ASCII', mint(claims('{"sub": "zoë"}'))),
    ('escaped', mint('{"\u0073ub":"zo\u00eb","exp":4e9,"aud":"scratch"}')),
    ('no kid', mint(claims(), '{"alg":"HS256"}')),
    ('no kid, second key', mint(claims(), '{"alg":"HS256"}', 'the other secret of 32 bytes ...')),
    ('second key', mint(claims(), '{"kid":"two","typ":"at+jwt","alg":"HS256"}', 'the other secret of 32 bytes ...')),
    ('EdDSA', 'eyJhbGciOiJFZERTQSIsImtpZCI6ImlkcCJ9.eyJzdWIiOiJhbm5hIiwiZXhwIjo0MDAwMDAwMDAwLCJhdWQiOiJzY3JhdGNoIn0.GRGbWPcaABFKz_2G_z7KvjDxAdvoTiAFVq7tKlClMaxKWxsYzVV-RCUlYiCz3RTdQn01V0ngEtUZMuwRerqrCA'),
    ('audiences', mint(claims('{"aud": ["other", "scratch"]}'))),
    ('fractions', mint(claims('{"exp": 3999999999.5, "nbf": 1.25, "iat": 1000000000.000001}'))),
    ('other claims', mint(claims('{"iss": "https://idp.example", "roles": {"sub": ["bob"]}, "x": [[], {}, null, true, -1e-3]}')))) v (what, token);

-- what is refused when it is set: form and signature
SELECT what, try(token) FROM (VALUES
    ('not a token', 'supersecret'),
    ('two parts', 'supersecret.token'),
    ('four parts', mint(claims()) || '.AAAA'),
    ('dots', '..'),
    ('a space behind', mint(claims()) || ' '),
    ('padded', mint(claims()) || '='),
    ('other alphabet', translate(mint(claims()), '-_', '+/') || '+'),
    ('cut off', left(mint(claims()), -1)),
    ('no signature', rtrim(left(mint(claims()), -43), '.') || '.'),
    ('not even a dot', left(mint(claims()), -44)),
    ('huge', mint(claims(jsonb_build_object('x', repeat('x', 8000))))),
    ('large header', mint(claims(), format('{"alg":"HS256","x":"%s"}', repeat('x', 600)))),
    ('none', mint(claims(), '{"alg":"none"}')),
    ('None, unsigned', left(mint(claims(), '{"alg":"None"}'), -43)),
    ('another algorithm', mint(claims(), '{"alg":"HS512","kid":"one"}')),
    ('no algorithm', mint(claims(), '{"kid":"one"}')),
    ('two algorithms', mint(claims(), '{"alg":"HS256","alg":"HS256"}')),
    ('header is a list', mint(claims(), '["alg","HS256"]')),
    ('critical', mint(claims(), '{"alg":"HS256","crit":["exp"]}')),
    ('unknown kid', mint(claims(), '{"alg":"HS256","kid":"three"}')),
    ('another key''s kid', mint(claims(), '{"alg":"HS256","kid":"two"}')),
    ('wrong secret', mint(claims(), key => 'another secret than the first ..')),
    ('public key as secret', mint(claims(), '{"alg":"HS256","kid":"idp"}',
        '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo')),
    ('EdDSA with a secret', mint(claims(), '{"alg":"EdDSA","kid":"one"}')),
    ('payload changed', regexp_replace(mint(claims()), '\..*\.', '.' || base64url(claims('{"sub": "bob"}')::bytea) || '.')),
    ('payload is a text', mint('"anna"')),
    ('payload is cut', mint('{"sub":"anna"')),
    ('not UTF-8', (SELECT b || '.' || base64url(hmac('the first secret of 32 bytes ...', b::bytea))
                   FROM (SELECT base64url('{"alg":"HS256"}') || '.' || base64url('\x7b22737562223a22ff227d') AS b) x)),
    ('no sub', mint('{"exp":4000000000,"aud":"scratch"}')),
    ('empty sub', mint(claims('{"sub": ""}'))),
    ('sub is a number', mint(claims('{"sub": 1}'))),
    ('long sub', mint(claims(jsonb_build_object('sub', repeat('a', 201))))),
    ('NUL in sub', mint('{"sub":"anna\u0000","exp":4000000000,"aud":"scratch"}')),
    ('two subs', mint('{"sub":"anna","exp":4000000000,"aud":"scratch","sub":"bob"}')),
    ('two subs, one escaped', mint('{"sub":"anna","exp":4000000000,"aud":"scratch","\u0073ub":"bob"}')),
    ('no exp', mint('{"sub":"anna","aud":"scratch"}')),
    ('exp is null', mint(claims('{"exp": null}'))),
    ('exp is a text', mint(claims('{"exp": "4000000000"}'))),
    ('exp is out of range', mint('{"sub":"anna","exp":1e300,"aud":"scratch"}')),
    ('exp is negative', mint(claims('{"exp": -1}'))),
    ('iat is a text', mint(claims('{"iat": "now"}'))),
    ('no aud', mint('{"sub":"anna","exp":4000000000}')),
    ('aud is a number', mint(claims('{"aud": 7}')))) v (what, token);

-- what is refused when it is used: the clock, the database, the principal
SELECT what, try(token) FROM (VALUES
    ('expired', mint(claims('{"exp": 1000000000}'))),
    ('begins later', mint(claims('{"nbf": 3000000000}'))),
    ('issued later', mint(claims('{"iat": 3000000000}'))),
    ('other database', mint(claims('{"aud": "scratc"}'))),
    ('other databases', mint(claims('{"aud": ["postgres", "scratch2", "SCRATCH"]}'))),
    ('no audience', mint(claims('{"aud": []}'))),
    ('unknown', mint(claims('{"sub": "dora"}'))),
    ('by name', mint(claims('{"sub": "Anna Berg"}'))),
    ('by database role', mint(claims('{"sub": "regress_token_carl"}'))),
    ('with a space', mint(claims('{"sub": " anna"}')))) v (what, token);

SELECT mint(claims()) AS anna, mint(claims('{"sub": "bob"}')) AS bob, mint(claims('{"exp": 1000000000}')) AS old,
       mint(claims(), key => 'another secret than the first ..') AS forged \gset

-- who sees what, by the token alone
SET ROLE regress_token_app;
SELECT count(*) FROM deals;
SELECT set_config('crm.token', :'anna', false);
SELECT count(*), min(region), max(region) FROM deals;
SELECT principal, name, kind, database_role, outside, units, roles, identified_by, until, problem FROM crm.whoami();
SELECT crm.current_principal(), crm.visible('north', 'deals', 'read') AS north, crm.visible('south', 'deals', 'read') AS south;
SET ROLE regress_token_carl;
SELECT count(*), min(region), max(region) FROM deals;
SET crm.token = :'bob';
SELECT count(*), min(region), max(region) FROM deals;
RESET crm.token;
SELECT principal, identified_by, until, problem FROM crm.whoami();
-- a bad token is nobody, never the role
SET crm.token = :'old';
SELECT count(*) FROM deals;
SELECT crm.visible('north', 'deals', 'read');
SELECT crm.current_principal(), principal, database_role, outside, units, identified_by, problem FROM crm.whoami();
SET crm.token = :'forged';
SELECT problem FROM crm.whoami();
RESET crm.token;

-- a superuser is that principal in what crm decides; a function's owner is nobody
RESET ROLE;
SELECT crm.current_principal(), crm.visible('south', 'deals', 'read') AS outside;
SET crm.token = :'anna';
SELECT crm.current_principal(), crm.visible('south', 'deals', 'read') AS south, crm.is_audience('admin') AS admin, outside FROM crm.whoami();
SET crm.token = :'old';
SELECT crm.visible('south', 'deals', 'read');
RESET crm.token;
CREATE FUNCTION definer() RETURNS text LANGUAGE sql SECURITY DEFINER AS
    $$ SELECT format('%s by %s, %s deals', w.principal, w.identified_by, (SELECT count(*) FROM deals d WHERE crm.visible(d.region, 'deals', 'read'))) FROM crm.whoami() w $$;
ALTER FUNCTION definer() OWNER TO regress_token_carl;
SET ROLE regress_token_app;
SELECT definer();
SET crm.token = :'anna';
SELECT definer();
-- administration goes by the database role
SELECT crm.issue_token('bob');
SELECT crm.rotate_token_key();
SELECT crm.sign_token('bob', 'infinity');
RESET ROLE;
RESET crm.token;

-- nobody gets to see it
SET crm.token = :'anna';
SHOW crm.token;
SELECT current_setting('crm.token'), (SELECT count(*) FROM pg_settings WHERE name = 'crm.token') AS settings;
CREATE FUNCTION keeps() RETURNS int LANGUAGE sql SET crm.token FROM CURRENT AS 'SELECT 1';
\copy (SELECT name FROM pg_settings WHERE name LIKE 'crm%' ORDER BY 1) TO STDOUT
RESET crm.token;
SHOW crm.token;

-- it can be kept nowhere
\set VERBOSITY default
ALTER ROLE regress_token_carl SET crm.token = :'anna';
ALTER DATABASE scratch SET crm.token = 'x';
ALTER ROLE ALL SET crm.token = :'anna';
CREATE FUNCTION keeps() RETURNS int LANGUAGE sql SET crm.token = 'x' AS 'SELECT 1';
ALTER FUNCTION definer() SET crm.token = 'x';
ALTER SYSTEM SET crm.token = 'x';
ALTER ROLE regress_token_carl RESET crm.token;
SELECT count(*) FROM pg_db_role_setting s WHERE s.setconfig::text LIKE '%crm.token%';

-- how long it lasts
SET crm.token = :'anna';
BEGIN;
SET LOCAL crm.token = :'bob';
SELECT crm.current_principal();
SAVEPOINT a;
SET crm.token = :'anna';
SELECT crm.current_principal();
ROLLBACK TO a;
SELECT crm.current_principal();
SAVEPOINT b;
SET LOCAL crm.token = '';
SELECT crm.current_principal() IS NULL AS nobody;
RELEASE b;
SELECT crm.current_principal() IS NULL AS nobody;
COMMIT;
SELECT crm.current_principal();
BEGIN;
SET crm.token = :'bob';
ROLLBACK;
SELECT crm.current_principal();
BEGIN;
SET crm.token = :'bob';
SET crm.token = 'not one';
COMMIT;
SELECT crm.current_principal();
SET SESSION AUTHORIZATION regress_token_carl;
SELECT crm.current_principal();
RESET SESSION AUTHORIZATION;
RESET ALL;
SELECT crm.current_principal() IS NULL AS nobody;
SET crm.token = :'anna';
DISCARD ALL;
SELECT crm.current_principal() IS NULL AS nobody;
\set VERBOSITY terse

-- prepared plans and cursors follow it
SET ROLE regress_token_app;
SET plan_cache_mode = force_generic_plan;
PREPARE regions AS SELECT DISTINCT region FROM deals;
SET crm.token = :'anna';
EXECUTE regions;
SET crm.token = :'bob';
EXECUTE regions;
SET crm.token = :'old';
EXECUTE regions;
RESET crm.token;
EXECUTE regions;
RESET plan_cache_mode;
DEALLOCATE regions;
-- a token expires inside a transaction and an open cursor: not over when the statement began that set it, over when the next one begins
SET ROLE regress_token_app;
BEGIN;
DO $$
DECLARE
    c refcursor := 'c';
    first deals.id%TYPE;
BEGIN
    PERFORM pg_sleep(0.001);
    PERFORM set_config('crm.token', mint(claims(jsonb_build_object('exp', extract(epoch FROM clock_timestamp())))), true);
    OPEN c FOR SELECT id FROM deals;
    FETCH c INTO first;
    RAISE NOTICE 'first %', first;
END
$$;
SAVEPOINT s;
FETCH 1 FROM c;
ROLLBACK TO s;
SELECT count(*) FROM deals;
ROLLBACK TO s;
SELECT principal IS NULL AS nobody, left(problem, 20) AS problem FROM crm.whoami();
ROLLBACK;

-- parallel workers have it too
RESET ROLE;
CREATE TABLE many AS SELECT n AS id, CASE WHEN n % 3 = 0 THEN 'south' ELSE 'north' END AS region FROM generate_series(1, 30000) n;
GRANT SELECT ON many TO regress_token_app;
ANALYZE many;
SELECT count(*) > 0 AS protected FROM crm.protect('many', '{"organisation": "region"}');
SET ROLE regress_token_app;
SET min_parallel_table_scan_size = 0;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET max_parallel_workers_per_gather = 2;
SET parallel_leader_participation = off;
SET crm.token = :'anna';
SELECT count(*), min(region), max(region) FROM many;
SET crm.token = :'bob';
SELECT count(*), min(region), max(region) FROM many;
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) SELECT count(*) FROM many WHERE id % 2 = 0 \g | sed 's/\.00 loops/ loops/' # as PostgreSQL 18 says it
SET crm.token = :'old';
SELECT count(*) FROM many;
RESET ALL;
SELECT count(*) FROM many;
RESET ROLE;
DROP TABLE many;

-- a prepared transaction is none's identity
SET crm.token = :'anna';
BEGIN;
CREATE TABLE two_phase AS SELECT crm.current_principal() AS who;
PREPARE TRANSACTION 'regress_token';
SELECT crm.current_principal();
RESET crm.token;
COMMIT PREPARED 'regress_token';
SELECT who FROM two_phase;

-- crm.require_local_token: no token outlives its transaction
SET ROLE regress_token_app;
SET crm.require_local_token = on;
RESET ROLE;
SET crm.require_local_token = on;
SET crm.token = :'anna';
SELECT crm.current_principal() IS NULL AS nobody;
BEGIN;
SET crm.token = :'anna';
SET LOCAL crm.token = :'bob';
SELECT crm.current_principal();
COMMIT;
SELECT crm.current_principal() IS NULL AS nobody;
BEGIN;
SET crm.token = :'anna';
SAVEPOINT a;
SET LOCAL crm.token = '';
COMMIT;
SELECT crm.current_principal() IS NULL AS nobody;
BEGIN;
SET crm.token = :'anna';
PREPARE TRANSACTION 'regress_token';
SELECT crm.current_principal() IS NULL AS nobody;
ROLLBACK PREPARED 'regress_token';
DO $$
BEGIN
    PERFORM set_config('crm.token', mint(claims()), false);
    RAISE NOTICE '%', crm.current_principal();
    COMMIT;
    RAISE NOTICE '%', crm.current_principal();
END
$$;
RESET crm.require_local_token;
SET crm.token = :'anna';
SELECT crm.current_principal();
RESET crm.token;

-- the audience is another one where the configuration says so
SET crm.token_audience = 'https://crm.acme.example';
SELECT try(mint(claims())), try(mint(claims('{"aud": ["https://crm.acme.example"]}')));
RESET crm.token_audience;
SET ROLE regress_token_app;
SET crm.token_audience = 'scratch2';
SET crm.token_key_file = '/tmp/keys';
\set VERBOSITY sqlstate
SHOW crm.token_key_file;
\set VERBOSITY terse
RESET ROLE;
SET crm.token_key_file = '/tmp/keys';

-- the role of a pool, whose clients come with tokens, is no stranger to a table
SELECT role, how FROM crm.strangers('deals');
ALTER ROLE regress_token_app SET crm.require_local_token = on;
SELECT role, how FROM crm.strangers('deals');
ALTER ROLE regress_token_app IN DATABASE scratch SET crm.require_local_token = off;
SELECT role, how FROM crm.strangers('deals');
ALTER ROLE regress_token_app IN DATABASE scratch RESET crm.require_local_token;
ALTER TABLE deals OWNER TO regress_token_app;
SELECT role, how FROM crm.strangers('deals');
ALTER TABLE deals OWNER TO postgres;
ALTER ROLE regress_token_app RESET crm.require_local_token;

-- given with the connection, where the library is not loaded yet
\set QUIET on
\set good 'user=regress_token_carl options=''-c crm.token=' :anna ''''
\set bad 'user=regress_token_carl options=''-c crm.token=' :forged ''''
\c -reuse-previous=on :good
SELECT count(*), max(region) FROM deals;
SELECT principal, identified_by FROM crm.whoami();
SET crm.token = '';
SELECT principal, identified_by FROM crm.whoami();
-- what the connection gave is its default
RESET ALL;
SELECT principal, identified_by FROM crm.whoami();
\c -reuse-previous=on :bad
SELECT count(*) FROM deals;
SELECT principal, problem FROM crm.whoami();
SET crm.token = :'anna';
SELECT principal, problem FROM crm.whoami();
RESET crm.token;
SELECT principal, problem FROM crm.whoami();
-- a placeholder, set before the library is loaded
\c -reuse-previous=on "user=regress_token_carl options=''"
SET crm.token = 'forged';
SELECT count(*) FROM deals;
SELECT principal, problem FROM crm.whoami();
\c
BEGIN;
SET LOCAL crm.token = 'forged';
SELECT principal, problem FROM crm.whoami();
COMMIT;
SELECT principal, identified_by FROM crm.whoami();
\c
SET crm.token = :'anna';
SELECT principal, problem FROM crm.whoami();
-- settings that a connection may not give
\c -reuse-previous=on "user=regress_token_carl options='-c crm.token_audience=other -c crm.require_local_token=off'"
SELECT principal, identified_by FROM crm.whoami();
SHOW crm.require_local_token;
SHOW crm.token_audience;
BEGIN;
SET crm.token = :'anna';
SELECT principal, problem FROM crm.whoami();
COMMIT;
SELECT principal, identified_by FROM crm.whoami();
\c -reuse-previous=on "user=regress_token_carl options='-c crm.token_key_file=/tmp/keys'"
SET crm.token = :'anna';
SELECT principal, problem FROM crm.whoami();
SET min_parallel_table_scan_size = 0;
SET parallel_setup_cost = 0;
SET parallel_leader_participation = off;
SELECT count(*) FROM deals;
-- a placeholder that a superuser kept with a role, the library not being loaded
\c -reuse-previous=on "user=postgres options=''"
ALTER ROLE regress_token_carl SET crm.token = :'anna';
ALTER DATABASE scratch SET crm.require_local_token = on;
\c -reuse-previous=on "user=regress_token_carl"
SELECT count(*) FROM deals;
SELECT principal, problem FROM crm.whoami();
SHOW crm.require_local_token;
SET crm.require_local_token = off;
SET crm.token = :'anna';
SELECT principal, problem FROM crm.whoami();
\c -reuse-previous=on "user=regress_token_carl options='-c crm.require_local_token=off'"
SELECT principal, problem FROM crm.whoami();
SHOW crm.require_local_token;
\c -reuse-previous=on "user=postgres options=''"
ALTER ROLE regress_token_carl RESET crm.token;
ALTER DATABASE scratch RESET crm.require_local_token;
\c
\set QUIET off

-- a key that is taken away takes its tokens with it, in sessions that hold them
SET crm.token = :'anna';
SELECT principal, problem FROM crm.whoami();
CALL write_keys('HS256 two dGhlIG90aGVyIHNlY3JldCBvZiAzMiBieXRlcyAuLi4');
SELECT principal, problem FROM crm.whoami();
CALL write_keys(E'HS256 two dGhlIG90aGVyIHNlY3JldCBvZiAzMiBieXRlcyAuLi4\nHS256 one dGhlIGZpcnN0IHNlY3JldCBvZiAzMiBieXRlcyAuLi4');
SELECT principal, problem FROM crm.whoami();
-- files that cannot be used
CALL write_keys('HS256 one dGhlIGZpcnN0IHNlY3JldCBvZiAzMiBieXRlcyAuLi4', '640');
SELECT principal, problem FROM crm.whoami();
SELECT crm.rotate_token_key();
CALL write_keys('HS256 one dGhlIGZpcnN0IHNlY3JldCBvZiAzMiBieXRlcyAuLi4', '604');
SELECT try(:'anna');
CALL write_keys(E'HS256 one dGhlIGZpcnN0IHNlY3JldCBvZiAzMiBieXRlcyAuLi4\nHS256 two short');
SELECT try(:'anna');
CALL write_keys('# nothing but a comment');
SELECT try(:'anna');
COPY (SELECT 1) TO PROGRAM 'cat >/dev/null; rm crm_token.keys && mkdir crm_token.keys';
SELECT try(:'anna');
SELECT crm.rotate_token_key();
COPY (SELECT 1) TO PROGRAM 'cat >/dev/null; rmdir crm_token.keys && ln -s elsewhere crm_token.keys';
SELECT try(:'anna');
SELECT crm.rotate_token_key();
COPY (SELECT 1) TO PROGRAM 'cat >/dev/null; rm crm_token.keys';
SELECT try(:'anna');
RESET crm.token;

-- keys of the server's own
SELECT crm.rotate_token_key() ~ '^\d{8}T\d{6}Z-[0-9a-f]{6}$' AS key;
SELECT regexp_count(pg_read_file('crm_token.keys'), '^HS256 \S+ [\w-]{43}$', 1, 'n') AS keys;
CREATE TABLE modes (mode text);
COPY modes FROM PROGRAM 'stat -c %a crm_token.keys';
SELECT mode FROM modes;
SELECT crm.issue_token('ANNA', '15 minutes') AS first \gset
SELECT array_agg(key ORDER BY key) AS members, bool_and(CASE key WHEN 'sub' THEN value = '"anna"' WHEN 'aud' THEN value = '"scratch"'
           WHEN 'iat' THEN value::text::numeric BETWEEN extract(epoch FROM now()) - 5 AND extract(epoch FROM now())
           WHEN 'exp' THEN value::text::numeric BETWEEN extract(epoch FROM now()) + 895 AND extract(epoch FROM now()) + 901
           ELSE length(value #>> '{}') = 22 END) AS expected
FROM jsonb_each(convert_from(decode(rpad(translate(split_part(:'first', '.', 2), '-_', '+/'),
    (length(split_part(:'first', '.', 2)) + 3) / 4 * 4, '='), 'base64'), 'UTF8')::jsonb);
SELECT crm.issue_token('anna') <> crm.issue_token('anna') AS differ;
SELECT try(:'first');
SELECT crm.rotate_token_key() <> '' AS rotated;
SELECT crm.issue_token('bob') AS second \gset
SELECT try(:'first'), try(:'second');
BEGIN;
SELECT crm.rotate_token_key() <> '' AS rotated;
ROLLBACK;
SELECT try(:'first'), try(:'second');
SELECT regexp_count(pg_read_file('crm_token.keys'), '^HS256', 1, 'n') AS keys, count(*) AS left_over
FROM pg_ls_dir('.') f WHERE f LIKE 'crm_token.keys.%';
SET crm.token_audience = 'https://crm.acme.example';
SELECT crm.issue_token('zoë') AS other \gset
SELECT try(:'other');
RESET crm.token_audience;
SELECT try(:'other');
\set VERBOSITY default
SELECT crm.issue_token('ana');
SELECT crm.issue_token('anna', '0');
SELECT crm.issue_token('anna', '-1 day');
SELECT crm.issue_token('anna', '9000 years');
SELECT crm.issue_token('anna', NULL);
-- administrators of crm sign, for themselves and for others
SELECT crm.grant_admin('regress_token_admin');
SET ROLE regress_token_admin;
SELECT crm.issue_token('bob') IS NOT NULL AS issued;
RESET ROLE;
-- EdDSA keys of others stay, and cannot sign
CALL write_keys('EdDSA idp 11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo');
SELECT crm.issue_token('anna');
SELECT crm.rotate_token_key() <> '' AS rotated;
SELECT regexp_matches(pg_read_file('crm_token.keys'), '^(HS256|EdDSA idp) ', 'ng');

-- 5,000 changes of a good token, each somewhere and to something: none is accepted, and nobody's becomes another's
CALL write_keys('HS256 one dGhlIGZpcnN0IHNlY3JldCBvZiAzMiBieXRlcyAuLi4');
SELECT setseed(0.5);
DO $$
DECLARE
    good text := mint(claims('{"nbf": 1.5, "iat": 1000}'));
    letters constant text := 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_..=+/ é';
    changed text;
    place int;
    refused int := 0;
BEGIN
    FOR i IN 1 .. 5000 LOOP
        place := 1 + floor(random() * length(good));
        changed := CASE i % 5
            WHEN 0 THEN left(good, place) || substr(good, place + 2)
            WHEN 1 THEN overlay(good PLACING substr(good, 1 + floor(random() * length(good))::int, 3) FROM place FOR 3)
            WHEN 2 THEN left(good, place) || substr(letters, 1 + floor(random() * length(letters))::int, 1) || substr(good, place + 1)
            ELSE overlay(good PLACING substr(letters, 1 + floor(random() * length(letters))::int, 1) FROM place FOR 1) END;
        CONTINUE WHEN changed = good;
        BEGIN
            PERFORM set_config('crm.token', changed, true);
            RAISE NOTICE 'accepted: %', changed;
        EXCEPTION WHEN SQLSTATE 'RM101' THEN
            refused := refused + 1;
        END;
    END LOOP;
    RAISE NOTICE 'more than 4,900 refused: %', refused > 4900;
END
$$;

COPY (SELECT 1) TO PROGRAM 'cat >/dev/null; rm crm_token.keys';
\set QUIET on
\c postgres
DROP DATABASE scratch WITH (FORCE);
DROP ROLE regress_token_app, regress_token_carl, regress_token_admin;
