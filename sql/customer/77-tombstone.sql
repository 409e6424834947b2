-- Tombstones: who was erased stays away, without anybody knowing any more who it was.
--
-- Of what a record could come back by (e-mail, phone, tax id, the record's own key) an HMAC-SHA256 is kept. A row that arrives with one
-- of them is registered blank: no value of it is copied, nothing is linked with it, and status lists it. The team's row is not touched.
--
-- Where the key lies decides what a dump tells. In the table (the default) a dump carries it: a restored database goes on keeping the
-- person out, and whoever has the dump can try whether an address that he guesses was erased. In a file (set_erasure_key) a dump tells
-- nothing, and the file must be brought along: without it no record is read, rather than one too many.

CREATE TABLE @extschema@.erasure (
    erasure_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    erased_at timestamptz NOT NULL,
    erased_by text NOT NULL,
    reason text NOT NULL,
    modes jsonb NOT NULL,
    counts jsonb NOT NULL,
    tombstones integer NOT NULL,
    remains jsonb NOT NULL,
    proof text NOT NULL
);
COMMENT ON TABLE @extschema@.erasure IS
'What was erased when, by whom and why, without a word of the person: for each relation its mode and how many rows, what was found '
'afterwards by searching (remains), and a proof that chains each row to the one before it (verify_erasure).';

CREATE TABLE @extschema@.tombstone_key (
    key_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    secret bytea,
    file text,
    fingerprint text NOT NULL,
    made_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    made_by text NOT NULL,
    CHECK (pg_catalog.num_nonnulls(secret, file) OPERATOR(pg_catalog.=) 1)
);
COMMENT ON TABLE @extschema@.tombstone_key IS
'The keys of tombstones: the secret itself, or the file of the server that holds it. fingerprint tells a wrong file. The latest is used '
'for new tombstones. Nobody but the owner of the extension may read this.';

CREATE TABLE @extschema@.tombstone (
    hash bytea PRIMARY KEY,
    kind text NOT NULL CHECK (kind OPERATOR(pg_catalog.=) ANY (ARRAY['email', 'phone', 'tax_id', 'record'])),
    key_id integer NOT NULL REFERENCES @extschema@.tombstone_key,
    erasure_id bigint NOT NULL REFERENCES @extschema@.erasure
);
COMMENT ON TABLE @extschema@.tombstone IS 'Keyed hashes of what erased persons could come back by.';

CREATE TABLE @extschema@.suppressed_record (
    relation regclass NOT NULL,
    record_key text COLLATE "C" NOT NULL,
    erasure_id bigint NOT NULL,
    since timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (relation, record_key)
);
COMMENT ON TABLE @extschema@.suppressed_record IS
'Rows of teams that hit a tombstone: registered blank, linked with nothing. Either they are to be deleted, or released (release_record).';

CREATE TABLE @extschema@.released_record (
    relation regclass NOT NULL,
    record_key text COLLATE "C" NOT NULL,
    reason text NOT NULL,
    released_by text NOT NULL,
    released_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (relation, record_key)
);
COMMENT ON TABLE @extschema@.released_record IS 'Records that are read although they hit a tombstone: somebody came back, or another person has the number now.';

SELECT pg_catalog.pg_extension_config_dump('@extschema@.erasure', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.erasure_erasure_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.tombstone_key', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.tombstone_key_key_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.tombstone', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.suppressed_record', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.released_record', '');

-- The two blocks that HMAC (RFC 2104) puts in front are made once for each key.
CREATE TYPE @extschema@.hash_key AS (key_id integer, inner_block bytea, outer_block bytea);
COMMENT ON TYPE @extschema@.hash_key IS 'A key as keyed_hash takes it.';

CREATE FUNCTION @extschema@.make_hash_key(key_id integer, secret bytea) RETURNS @extschema@.hash_key
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    made hash_key;
    padded CONSTANT bytea := substr(CASE WHEN octet_length(secret) > 64 THEN sha256(secret) ELSE secret END
                                    || decode(repeat('00', 64), 'hex'), 1, 64);
BEGIN
    made.key_id := key_id;
    made.inner_block := padded;
    made.outer_block := padded;
    FOR i IN 0 .. 63 LOOP
        made.inner_block := set_byte(made.inner_block, i, get_byte(padded, i) # 54);
        made.outer_block := set_byte(made.outer_block, i, get_byte(padded, i) # 92);
    END LOOP;
    RETURN made;
END
$$;
COMMENT ON FUNCTION @extschema@.make_hash_key(integer, bytea) IS 'A secret as keyed_hash takes it.';

CREATE FUNCTION @extschema@.keyed_hash(key @extschema@.hash_key, message bytea) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN pg_catalog.sha256((key).outer_block || pg_catalog.sha256((key).inner_block || message));
COMMENT ON FUNCTION @extschema@.keyed_hash(@extschema@.hash_key, bytea) IS 'HMAC-SHA256 (RFC 2104) of a message.';

CREATE FUNCTION @extschema@.key_fingerprint(secret bytea) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN pg_catalog.encode(pg_catalog.substr(pg_catalog.sha256('crm tombstone key'::bytea || secret), 1, 8), 'hex');
COMMENT ON FUNCTION @extschema@.key_fingerprint(bytea) IS 'Tells one secret from another without telling it.';

CREATE FUNCTION @extschema@.read_key_file(file text) RETURNS bytea
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    content bytea;
BEGIN
    content := pg_read_binary_file(file, 0, 4096);
    IF octet_length(content) < 32 THEN
        RAISE EXCEPTION 'the key file of tombstones is too short' USING ERRCODE = 'RM206', DETAIL = format('%s has %s bytes.', file, octet_length(content)),
            HINT = 'It needs 32 random bytes or more: head -c 32 /dev/urandom > FILE.';
    END IF;
    RETURN sha256(content);
EXCEPTION WHEN io_error OR undefined_file OR insufficient_privilege OR invalid_name OR system_error OR internal_error THEN -- the last one: a name that is too long
    RAISE EXCEPTION 'the key file of tombstones cannot be read: %', sqlerrm USING ERRCODE = 'RM206',
        DETAIL = 'Without it nobody knows who was erased, so no record is read.',
        HINT = 'Bring the file back, readable for the server, as it was when the persons were erased.';
END
$$;
COMMENT ON FUNCTION @extschema@.read_key_file(text) IS 'The secret that a file of the server holds; raises RM206.';
SELECT @extschema@.set_audience('read_key_file(text)', 'internal');

CREATE FUNCTION @extschema@.tombstone_keys() RETURNS @extschema@.hash_key[]
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    kept tombstone_key;
    secret bytea;
    keys hash_key[] := '{}';
BEGIN
    FOR kept IN SELECT * FROM tombstone_key k WHERE EXISTS (SELECT FROM tombstone t WHERE t.key_id = k.key_id) ORDER BY k.key_id LOOP
        secret := coalesce(kept.secret, read_key_file(kept.file));
        IF key_fingerprint(secret) <> kept.fingerprint THEN
            RAISE EXCEPTION 'the key file of tombstones is another one' USING ERRCODE = 'RM206',
                DETAIL = format('%s does not hold the key of %s.', kept.file, kept.made_at),
                HINT = 'Bring the file back as it was when the persons were erased.';
        END IF;
        keys := keys || make_hash_key(kept.key_id, secret);
    END LOOP;
    RETURN keys;
END
$$;
COMMENT ON FUNCTION @extschema@.tombstone_keys() IS
'The keys by which tombstones are looked up; empty where nobody was erased. RM206 where a key file is missing or wrong.';
SELECT @extschema@.set_audience('tombstone_keys()', 'internal');

CREATE FUNCTION @extschema@.set_erasure_key(file text DEFAULT NULL) RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    secret CONSTANT bytea := CASE WHEN file IS NOT NULL THEN read_key_file(file)
                                  ELSE sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())) END;
    made integer;
BEGIN
    INSERT INTO tombstone_key (secret, file, fingerprint, made_by)
    VALUES (CASE WHEN file IS NULL THEN secret END, file, key_fingerprint(secret), caller()::text) RETURNING key_id INTO made;
    RETURN made;
END
$$;
COMMENT ON FUNCTION @extschema@.set_erasure_key(text) IS
'The key of tombstones from now on: a file of the server with 32 random bytes or more, or NULL for a random key in the database (which '
'is what the first erasure makes by itself). Those of earlier tombstones stay. With a file a dump does not tell who was erased, and '
'the file must be kept with the backups: without it no record is read (RM206). For superusers.';
SELECT @extschema@.set_audience('set_erasure_key(text)', 'internal');

CREATE FUNCTION @extschema@.tombstone_hash(key @extschema@.hash_key, kind text, value text) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN @extschema@.keyed_hash(key, pg_catalog.convert_to(kind || pg_catalog.chr(10) || value, 'UTF8'));
COMMENT ON FUNCTION @extschema@.tombstone_hash(@extschema@.hash_key, text, text) IS 'The hash that a tombstone keeps of a value of a kind.';

-- What a record could come back by. A relation goes by its name, which outlives a dump.
CREATE FUNCTION @extschema@.tombstone_values(relation regclass, record_key text, email text, phone text, country text, tax_id text)
RETURNS TABLE (kind text, value text)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 4 SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT v.kind, v.value
    FROM (VALUES ('record', table_name(relation) || chr(10) || record_key), ('email', email_match_key(try_email(email))),
                 ('phone', phone_match_key(try_phone(phone, country))), ('tax_id', tax_key(tax_id))) AS v (kind, value)
    WHERE v.value IS NOT NULL
$$;
COMMENT ON FUNCTION @extschema@.tombstone_values(regclass, text, text, text, text, text) IS
'What of a record tombstones are made of: its key, and its e-mail, phone and tax id as matching compares them.';
SELECT @extschema@.set_audience('tombstone_values(regclass, text, text, text, text, text)', 'internal');

CREATE FUNCTION @extschema@.hit_tombstone(keys @extschema@.hash_key[], relation regclass, record_key text, email text, phone text,
                                          country text, tax_id text) RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE COST 1000 SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT min(t.erasure_id)
    FROM unnest(keys) k, tombstone_values(relation, record_key, email, phone, country, tax_id) v, tombstone t
    WHERE t.hash = tombstone_hash(k, v.kind, v.value)
      AND NOT EXISTS (SELECT FROM released_record x WHERE x.relation = $2 AND x.record_key = $3)
$$;
COMMENT ON FUNCTION @extschema@.hit_tombstone(@extschema@.hash_key[], regclass, text, text, text, text, text) IS
'The erasure whose tombstone a record hits, NULL where it hits none or was released.';
SELECT @extschema@.set_audience('hit_tombstone(hash_key[], regclass, text, text, text, text, text)', 'internal');

-- What read_records copies: all that a row has, or, of a row that hits a tombstone, what rights need and nothing else.
CREATE FUNCTION @extschema@.copied_columns() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT CASE WHEN NOT EXISTS (SELECT FROM tombstone) THEN 's.*, NULL::bigint AS erasure_id'
                ELSE (SELECT string_agg(CASE WHEN c.name IN ('record_key', 'unit', 'owner', 'decides') THEN format('s.%I', c.name)
                                             ELSE format('CASE WHEN h.erasure_id IS NULL THEN s.%1$I END AS %1$I', c.name) END,
                                        ', ' ORDER BY c.position) || ', h.erasure_id' FROM record_column() c) END
$$;
COMMENT ON FUNCTION @extschema@.copied_columns() IS
'SQL for the columns that are copied of a row s, and the erasure h.erasure_id that it hits.';
SELECT @extschema@.set_audience('copied_columns()', 'internal');

CREATE FUNCTION @extschema@.release_record(relation regclass, record_key text, reason text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
BEGIN
    IF coalesce(btrim(reason), '') = '' THEN
        RAISE EXCEPTION 'releasing a record needs a reason' USING ERRCODE = 'RM005', HINT = 'For example ''signed up again on 1 March''.';
    END IF;
    DELETE FROM suppressed_record s WHERE s.relation = release_record.relation AND s.record_key = release_record.record_key;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'record "%" of % is not suppressed', record_key, relation USING ERRCODE = 'RM001',
            HINT = 'SELECT * FROM @extschema@.suppressed;';
    END IF;
    INSERT INTO released_record (relation, record_key, reason, released_by) VALUES (relation, record_key, reason, caller()::text);
    INSERT INTO record_dirty (relation, record_key) VALUES (relation, record_key);
END
$$;
COMMENT ON FUNCTION @extschema@.release_record(regclass, text, text) IS
'Reads a record although it hits a tombstone, from the next resolve_pending on: the person came back by a decision of their own, or the '
'number has another holder now. A reason is needed and kept. Errors: RM001 (not suppressed), RM005. '
'Example: SELECT release_record(''public.leads'', ''4711'', ''signed up again on 1 March'');';
SELECT @extschema@.set_audience('release_record(regclass, text, text)', 'admin');

CREATE FUNCTION @extschema@.status_suppressed() RETURNS SETOF @extschema@.status_row
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT 'customer', 'erased persons in ' || s.relation::text, 'warning', count(*), min(s.since),
           'rows that brought an erased person back; they are registered blank and linked with nothing',
           format('Delete them, or type SELECT @extschema@.release_record(%L, KEY, REASON); see @extschema@.suppressed.', s.relation::text)
    FROM suppressed_record s
    WHERE NOT EXISTS (SELECT FROM erasure e WHERE e.erasure_id = s.erasure_id AND s.since <= e.erased_at)
    GROUP BY s.relation
    UNION ALL
    SELECT 'customer', 'rows left of erased persons in ' || s.relation::text, 'ok', count(*), min(s.since),
           'blanked or kept by an erasure, with its reason; linked with nothing', NULL
    FROM suppressed_record s
    WHERE EXISTS (SELECT FROM erasure e WHERE e.erasure_id = s.erasure_id AND s.since <= e.erased_at)
    GROUP BY s.relation
$$;
COMMENT ON FUNCTION @extschema@.status_suppressed() IS 'Rows of status: records that hit a tombstone.';
SELECT @extschema@.set_audience('status_suppressed()', 'admin');
INSERT INTO @extschema@.status_source (function_name, room) VALUES ('status_suppressed', 'customer');
