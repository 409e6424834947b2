-- Searching for what is left of a person: in every column of every adopted table, of crm's own tables and of the planner's statistics.

CREATE FUNCTION @extschema@.search_needles("values" text[]) RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT coalesce(array_agg(DISTINCT lower(n)), '{}')
    FROM unnest("values") v,
         LATERAL (VALUES (btrim(v)), (try_email(v)::text), (email_match_key(try_email(v))), (phone_match_key(try_phone(v, NULL)))) AS x (n)
    WHERE length(n) >= 3
$$;
COMMENT ON FUNCTION @extschema@.search_needles(text[]) IS 'Values as they are looked for: as typed and as matching compares them, in lower case.';

CREATE FUNCTION @extschema@.holds_any(document text, words text[], digits text[]) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_holds_any' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION @extschema@.holds_any(text, text[], text[]) IS
'Whether a text holds one of the words (in lower case), whatever its own case; or one of the digits, whatever stands between its letters and '
'digits. Neither may hold NULL. holds_any(''+49 (171) 555-0199'', ''{}'', ''{715550199}'') is true.';

-- Phones are written in many ways: nine digits in a row, whatever stands between them, are looked for as well.
CREATE FUNCTION @extschema@.search_digits("values" text[]) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT coalesce(array_agg(DISTINCT right(d, 9)), '{}')
    FROM unnest("values") v, LATERAL (SELECT regexp_replace(v, '[^0-9]', '', 'g')) x (d)
    WHERE v !~ '[[:alpha:]@]' AND length(d) >= 9
$$;
COMMENT ON FUNCTION @extschema@.search_digits(text[]) IS 'The last nine digits of what looks like a phone.';

CREATE FUNCTION @extschema@.searched_columns(relation regclass) RETURNS SETOF name
LANGUAGE sql STABLE PARALLEL SAFE ROWS 10 SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT a.attname FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
    WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped
      AND t.oid <> ALL (ARRAY['boolean', 'date', 'timestamp', 'timestamptz', 'interval', 'oid', 'regclass', 'double precision', 'real']::regtype[])
    ORDER BY a.attnum
$$;
COMMENT ON FUNCTION @extschema@.searched_columns(regclass) IS 'Columns of a table that could hold a word or a number of somebody.';

CREATE FUNCTION @extschema@.search_relation(relation regclass, of_crm boolean, needles text[], digits text[])
RETURNS TABLE ("column" name, rows bigint)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 10 SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    columns CONSTANT name[] := ARRAY(SELECT c FROM searched_columns(relation) c);
    query text;
    counts bigint[];
BEGIN
    IF columns = '{}' THEN
        RETURN;
    END IF;
    query := format('SELECT ARRAY[%s] FROM %s r',
                    (SELECT string_agg(format('count(*) FILTER (WHERE @extschema@.holds_any(r.%I::text, %L, %L))', c, needles, digits), ', ' ORDER BY n)
                     FROM unnest(columns) WITH ORDINALITY AS u (c, n)), relation);
    IF of_crm THEN
        EXECUTE query INTO counts;
    ELSE
        SELECT c.n INTO counts FROM rows_as_owner(relation, query) AS c (n bigint[]);
    END IF;
    RETURN QUERY SELECT u.c, u.n FROM unnest(columns, counts) AS u (c, n) WHERE u.n > 0;
END
$$;
COMMENT ON FUNCTION @extschema@.search_relation(regclass, boolean, text[], text[]) IS 'In which columns of a table how many rows hold one of the needles.';
SELECT @extschema@.set_audience('search_relation(regclass, boolean, text[], text[])', 'internal');

CREATE FUNCTION @extschema@.search_everything("values" text[], beside regclass[] DEFAULT '{}')
RETURNS TABLE (relation text, "column" text, rows bigint)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 20 SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off
AS $$
DECLARE
    needles CONSTANT text[] := search_needles("values");
    digits CONSTANT text[] := search_digits("values");
BEGIN
    RETURN QUERY
    SELECT table_name(t.relation), s."column"::text, s.rows
    FROM (SELECT a.relation, false AS of_crm FROM adoption a
          UNION SELECT b, false FROM unnest(beside) b
          UNION SELECT c.oid::regclass, true FROM pg_class c
                WHERE c.relnamespace = '@extschema@'::regnamespace AND c.relkind = 'r') t,
         LATERAL search_relation(t.relation, t.of_crm, needles, digits) s
    ORDER BY t.of_crm, table_name(t.relation), s."column";
    RETURN QUERY
    SELECT 'pg_statistic', format('%I.%I.%I', p.schemaname, p.tablename, p.attname), 1::bigint
    FROM pg_stats p
    WHERE (p.schemaname = '@extschema@' OR format('%I.%I', p.schemaname, p.tablename)::regclass IN (
               SELECT m FROM (SELECT a.relation FROM adoption a UNION SELECT unnest(beside)) x (relation), members(x.relation) m))
      AND EXISTS (SELECT FROM unnest(needles) w
                  WHERE strpos(lower(concat_ws(' ', p.most_common_vals::text, p.histogram_bounds::text, p.most_common_elems::text)), w) > 0)
    ORDER BY 2;
    RETURN QUERY
    SELECT 'pg_statistic_ext_data', format('%I.%I', x.statistics_schemaname, x.statistics_name), 1::bigint
    FROM pg_stats_ext x
    WHERE EXISTS (SELECT FROM unnest(needles) w WHERE strpos(lower(x.most_common_vals::text), w) > 0)
    ORDER BY 2;
END
$$;
COMMENT ON FUNCTION @extschema@.search_everything(text[], regclass[]) IS
'Where values are found: adopted tables (and those beside), read as their owners, every table of crm, and the planner''s statistics.';
SELECT @extschema@.set_audience('search_everything(text[], regclass[])', 'internal');

CREATE FUNCTION @extschema@.erasure_proof(e @extschema@.erasure) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT encode(sha256(convert_to(concat_ws('|', coalesce((SELECT p.proof FROM erasure p WHERE p.erasure_id < e.erasure_id
                                                             ORDER BY p.erasure_id DESC LIMIT 1), 'first'),
        e.erasure_id, to_char(e.erased_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), e.erased_by, e.reason, e.modes, e.counts,
        e.tombstones, e.remains), 'UTF8')), 'hex')
$$;
COMMENT ON FUNCTION @extschema@.erasure_proof(@extschema@.erasure) IS
'A SHA-256 over an erasure and the proof of the one before it: a row that is changed or taken away later breaks the chain.';
SELECT @extschema@.set_audience('erasure_proof(erasure)', 'internal');

CREATE FUNCTION @extschema@.verify_erasure(erasure_id bigint, VARIADIC "values" text[])
RETURNS TABLE (finding text, relation text, "column" text, rows bigint, detail text)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 10 COST 1000000 SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    proven erasure;
    looked_for text;
    keys CONSTANT hash_key[] := tombstone_keys();
BEGIN
    SELECT * INTO proven FROM erasure e WHERE e.erasure_id = verify_erasure.erasure_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no erasure %', coalesce(erasure_id::text, 'NULL') USING ERRCODE = 'RM001',
            HINT = 'SELECT erasure_id, erased_at FROM @extschema@.erasure_log;';
    ELSIF "values" IS NULL OR cardinality("values") = 0 OR EXISTS (SELECT FROM unnest("values") v WHERE length(btrim(coalesce(v, ''))) < 3) THEN
        RAISE EXCEPTION 'nothing to look for' USING ERRCODE = 'RM005', DETAIL = 'A value has at least three characters.',
            HINT = 'For example verify_erasure(7, ''ann@example.com'', ''+49 171 5550199'').';
    END IF;
    finding := CASE WHEN erasure_proof(proven) = proven.proof THEN 'proof holds' ELSE 'proof broken' END;
    detail := format('erased on %s by %s', to_char(proven.erased_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'), proven.erased_by);
    RETURN NEXT;
    FOREACH looked_for IN ARRAY "values" LOOP
        SELECT 'tombstone', format('value %s is the %s of this erasure', array_position("values", looked_for), min(v.kind)) INTO finding, detail
        FROM unnest(keys) k, tombstone_values(NULL, NULL, looked_for, looked_for, NULL, looked_for) v, tombstone t
        WHERE t.hash = tombstone_hash(k, v.kind, v.value) AND t.erasure_id = proven.erasure_id
        HAVING count(*) > 0;
        IF FOUND THEN
            RETURN NEXT;
        END IF;
    END LOOP;
    RETURN QUERY
    SELECT CASE WHEN m.mode = 'keep' THEN 'kept' ELSE 'remains' END, s.relation, s."column", s.rows, m.reason
    FROM search_everything("values", ARRAY(SELECT to_regclass(k) FROM jsonb_object_keys(proven.modes) k WHERE to_regclass(k) IS NOT NULL)) s
    LEFT JOIN LATERAL (SELECT proven.modes -> s.relation ->> 'mode', proven.modes -> s.relation ->> 'reason') AS m (mode, reason) ON true;
END
$$;
COMMENT ON FUNCTION @extschema@.verify_erasure(bigint, text[]) IS
'Proves an erasure anew, for whoever brings the person''s own values: whether its row and the chain are as written (proof), which of the '
'values are among its tombstones, and where any of them is found today: kept (the erasure said so, with the reason) or remains. It '
'searches every column of all adopted tables, of crm''s tables and of the planner''s statistics: seconds to minutes. Values are not '
'kept. Error: RM001, RM005. Example: SELECT * FROM verify_erasure(7, ''ann@example.com'', ''+49 171 5550199'');';
SELECT @extschema@.set_audience('verify_erasure(bigint, text[])', 'admin');
