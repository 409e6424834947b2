-- Binary input made by somebody else: COPY BINARY hands any bytes to a type's receive function. Each is a value that can be written
-- and read back, or an error; never a crash, and never a value that its own text cannot make.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
SELECT crm.create_unit('acme', 'Acme', 'business');
SELECT crm.create_funnel('sales', 'opportunity', '[{"key": "new", "position": 100, "department": "acme", "kind": "entry"},
    {"key": "won", "position": 200, "department": "acme", "kind": "won"}]');
CREATE TABLE raw (i integer, bytes bytea);
CREATE TABLE email (v crm.email);
CREATE TABLE phone (v crm.phone);
CREATE TABLE stage (v crm.stage);
CREATE TABLE outcome (type text, source text, state text);

-- The bytes of a bytea stand in a binary file as they are, so that a file of one type is read as another one.
CREATE FUNCTION try(type text, source text, bytes bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    file CONSTANT text := current_setting('data_directory') || '/attack_binary';
    seen record;
BEGIN
    EXECUTE format('COPY (SELECT %L::bytea) TO %L WITH (FORMAT binary)', bytes, file);
    EXECUTE format('TRUNCATE %I', type);
    EXECUTE format('COPY %I FROM %L WITH (FORMAT binary)', type, file);
    EXECUTE format('SELECT v::text AS written, v::text::crm.%1$I::text = v::text AS same, v IS NULL AS missing, v OPERATOR(crm.=) v AS equal,
                    hash_record(t) IS NOT NULL AS hashed FROM %1$I t', type) INTO seen;
    RETURN CASE WHEN seen.missing THEN 'null' WHEN seen.same AND seen.equal THEN 'value' ELSE 'WRONG ' || seen.written END;
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END
$$;
-- what the types themselves send comes back
CREATE FUNCTION sent(type text, value text) RETURNS bytea LANGUAGE plpgsql AS $$
DECLARE
    bytes bytea;
BEGIN
    EXECUTE format('SELECT crm.%I_send(%L::crm.%1$I)', type, value) INTO bytes;
    RETURN bytes;
END
$$;
SELECT try('email', 'own', sent('email', 'Anna.Berg@Example.com')), try('phone', 'own', sent('phone', '+47 22 12 34 56')),
       try('stage', 'own', sent('stage', 'sales:won'));
-- nothing, one byte, long ones
SELECT type, try(type, 'empty', ''), try(type, 'zero', '\x00'), try(type, 'ff', '\xff'), try(type, 'long', convert_to(repeat('a', 100000), 'UTF8')),
       try(type, 'long zero', decode(repeat('00', 100000), 'hex')), try(type, 'long ff', decode(repeat('ff', 100000), 'hex'))
FROM unnest('{email,phone,stage}'::text[]) type;

-- Hundreds of each: bytes by hash, and what is right but for one byte, one byte less, one byte more
INSERT INTO outcome
SELECT t, 'noise', try(t, 'noise', substr(decode(string_agg(md5(t || n || ' ' || k), ''), 'hex'), 1, n % 70))
FROM unnest('{email,phone,stage}'::text[]) t, generate_series(1, 300) n, generate_series(1, 5) k GROUP BY t, n;
INSERT INTO outcome
SELECT t, 'changed', try(t, 'changed', set_byte(b, n % length(b), (n * 37) % 256))
FROM (VALUES ('email', sent('email', 'anna@example.com')), ('phone', sent('phone', '+4722123456')), ('stage', sent('stage', 'sales:won'))) v (t, b),
     generate_series(1, 150) n;
INSERT INTO outcome
SELECT t, 'cut', try(t, 'cut', substr(b, 1, n))
FROM (VALUES ('email', sent('email', 'anna@example.com')), ('phone', sent('phone', '+4722123456')), ('stage', sent('stage', 'sales:won'))) v (t, b),
     generate_series(0, 30) n WHERE n < length(b);
INSERT INTO outcome
SELECT t, 'more', try(t, 'more', b || decode(lpad(to_hex(n), 2, '0'), 'hex'))
FROM (VALUES ('email', sent('email', 'anna@example.com')), ('phone', sent('phone', '+4722123456')), ('stage', sent('stage', 'sales:won'))) v (t, b),
     generate_series(0, 255, 5) n;
SELECT type, source, count(*), count(*) FILTER (WHERE state ~ '^WRONG') AS wrong, count(*) FILTER (WHERE state ~ '^(XX|58|57|53)') AS internal
FROM outcome GROUP BY type, source ORDER BY type, source;
SELECT state FROM outcome WHERE state ~ '^(WRONG|XX|58|57|53)' GROUP BY state;
SELECT DISTINCT state FROM outcome ORDER BY 1;
SELECT pg_postmaster_start_time() < now() AS is_up;
