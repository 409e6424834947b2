-- Planning an erasure: every row that is the person's, or hangs on one of them, in every table of the team; and what is in the way.
-- Nothing is changed here.

CREATE FUNCTION @extschema@.change_as_owner(relation regclass, statement text) RETURNS bigint
    AS 'MODULE_PATHNAME', 'crm_change_as_owner' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 10000;
COMMENT ON FUNCTION @extschema@.change_as_owner(regclass, text) IS
'Runs an UPDATE, DELETE or SELECT FOR UPDATE of a team''s table with the rights of its owner; returns how many rows it changed or locked. For erasures, which make '
'all constraints immediate first.';
SELECT @extschema@.set_audience('change_as_owner(regclass, text)', 'internal');

CREATE FUNCTION @extschema@.fire_deferred() RETURNS void
    AS 'MODULE_PATHNAME', 'crm_fire_deferred' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000;
COMMENT ON FUNCTION @extschema@.fire_deferred() IS
'SET CONSTRAINTS ALL IMMEDIATE with the rights of the caller: triggers that his transaction has deferred are his, not the extension''s.';
SELECT @extschema@.set_audience('fire_deferred()', 'internal');

CREATE TYPE @extschema@.erase_part AS (relation regclass, via text, adopted boolean, depth integer, condition text, rows bigint, mode text,
                                       reason text, options jsonb);
COMMENT ON TYPE @extschema@.erase_part IS
'Rows of one table that an erasure concerns: how they were found, SQL over a row r that holds for them, how many; depth orders tables '
'that refer to others before those. mode is delete, blank or keep.';

-- References that an erasure follows: foreign keys (each once; those of partitions are copies), mapped and registered ones.
CREATE FUNCTION @extschema@.erase_references(target regclass)
RETURNS TABLE (relation regclass, columns name[], target_columns name[], on_delete text, name text)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 5 SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT c.conrelid::regclass,
           (SELECT array_agg(a.attname ORDER BY k.n) FROM unnest(c.conkey) WITH ORDINALITY k (attnum, n)
            JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.attnum),
           (SELECT array_agg(a.attname ORDER BY k.n) FROM unnest(c.confkey) WITH ORDINALITY k (attnum, n)
            JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.attnum), c.confdeltype::text, c.conname::text
    FROM pg_constraint c
    WHERE c.contype = 'f' AND c.conparentid = 0 AND c.confrelid IN (SELECT m FROM members(target) m)
    ORDER BY c.conrelid::regclass::text, c.conname;
    RETURN QUERY
    SELECT a.relation, attribute_columns(a.relation, ARRAY[a.attribute]), attribute_columns(target, '{id}'), NULL::text, 'mapped attribute ' || a.attribute
    FROM adoption_attribute a
    WHERE a.reference = target AND a.attribute <> 'customer' AND cardinality(attribute_columns(a.relation, ARRAY[a.attribute])) = 1
      AND cardinality(attribute_columns(target, '{id}')) = 1
      AND NOT EXISTS (SELECT FROM adoption d WHERE d.relation = a.relation AND d.entity IN ('customer', 'lead'))
    ORDER BY a.relation::text, a.attribute;
    RETURN QUERY
    SELECT s.relation, s.columns, s.target_columns, NULL::text, 'registered reference'
    FROM soft_reference s WHERE s.target = erase_references.target ORDER BY s.relation::text, s.columns;
END
$$;
COMMENT ON FUNCTION @extschema@.erase_references(regclass) IS
'What refers to rows of a table: foreign keys with what they do on delete (a, r, c, n, d), mapped and registered references (NULL).';

CREATE FUNCTION @extschema@.count_rows(relation regclass, condition text) RETURNS bigint
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT c.n FROM rows_as_owner(relation, format('SELECT count(*) FROM %s r WHERE %s', relation, condition)) AS c (n bigint)
$$;
COMMENT ON FUNCTION @extschema@.count_rows(regclass, text) IS 'How many rows r of a team''s table meet a condition, read as its owner.';
SELECT @extschema@.set_audience('count_rows(regclass, text)', 'internal');

-- The values are written as literals of the referring columns' types: an index on them serves, and they stay what they are while the
-- rows they came from are changed.
CREATE FUNCTION @extschema@.referring_condition(relation regclass, columns name[], target regclass, target_columns name[], condition text)
RETURNS text LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    types CONSTANT text[] := ARRAY(SELECT format_type(a.atttypid, a.atttypmod) FROM unnest(columns) WITH ORDINALITY u (c, n)
                                   JOIN pg_attribute a ON a.attrelid = relation AND a.attname = u.c ORDER BY u.n);
    found_rows text;
BEGIN
    SELECT string_agg(DISTINCT format('(%s)', (SELECT string_agg(format('%L::%s', t.v[n], types[n]), ', ' ORDER BY n)
                                               FROM generate_series(1, cardinality(types)) n)), ', ')
    INTO found_rows
    FROM rows_as_owner(target, format('SELECT DISTINCT ARRAY[%s] FROM %s r WHERE (%s) AND %s',
                       (SELECT string_agg(format('r.%I::text', c), ', ' ORDER BY n) FROM unnest(target_columns) WITH ORDINALITY u (c, n)),
                       target, condition,
                       (SELECT string_agg(format('r.%I IS NOT NULL', c), ' AND ') FROM unnest(target_columns) c))) AS t (v text[]);
    IF found_rows IS NULL THEN
        RETURN NULL;
    END IF;
    RETURN format('(%s) IN (%s)', (SELECT string_agg(format('r.%I', c), ', ' ORDER BY n) FROM unnest(columns) WITH ORDINALITY u (c, n)), found_rows);
END
$$;
COMMENT ON FUNCTION @extschema@.referring_condition(regclass, name[], regclass, name[], text) IS
'SQL over a row r: whether it refers to one of the rows of target that meet condition; NULL where there are none.';
SELECT @extschema@.set_audience('referring_condition(regclass, name[], regclass, name[], text)', 'internal');

-- Rows of an adopted table that belong to a customer are never somebody else's to erase.
CREATE FUNCTION @extschema@.unowned_condition(relation regclass) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT coalesce((SELECT CASE WHEN a.entity IN ('customer', 'lead') THEN 'false'
                                 WHEN has_attribute(a.relation, 'customer') THEN '@extschema@.map_customer(r) IS NULL'
                                 ELSE 'true' END FROM adoption a WHERE a.relation = $1), 'true')
$$;
COMMENT ON FUNCTION @extschema@.unowned_condition(regclass) IS
'SQL over a row r: whether it is nobody''s own, so that it goes with the row that it refers to.';

CREATE FUNCTION @extschema@.erase_parts(customer_id bigint) RETURNS SETOF @extschema@.erase_part
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 10 SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    parts erase_part[] := '{}';
    part erase_part;
    ref pg_catalog.record;
    known text;
    new_condition text;
    i integer := 1;
BEGIN
    FOR part.relation, part.via, part.depth IN
        SELECT a.relation, CASE WHEN a.entity IN ('customer', 'lead') THEN 'its record' ELSE 'its ' || a.entity END,
               CASE WHEN a.entity IN ('customer', 'lead') THEN 0 ELSE 1 END
        FROM adoption a ORDER BY 3, a.relation::text
    LOOP
        part.adopted := true;
        part.condition := belongs_condition(part.relation, ARRAY[customer_id]);
        part.rows := CASE WHEN part.condition IS NOT NULL THEN count_rows(part.relation, part.condition) END;
        IF part.rows > 0 THEN
            parts := parts || part;
        END IF;
    END LOOP;
    WHILE i <= cardinality(parts) LOOP
        FOR ref IN SELECT r.*, EXISTS (SELECT FROM adoption a WHERE a.relation = r.relation) AS adopted
                   FROM erase_references(parts[i].relation) r LOOP
            new_condition := referring_condition(ref.relation, ref.columns, parts[i].relation, ref.target_columns, parts[i].condition);
            CONTINUE WHEN new_condition IS NULL;
            SELECT string_agg('(' || p.condition || ')', ' OR ') INTO known FROM unnest(parts) p WHERE p.relation = ref.relation;
            new_condition := format('%s AND %s AND NOT coalesce(%s, false)', new_condition, unowned_condition(ref.relation), coalesce(known, 'false'));
            part := (ref.relation, format('refers to %s (%s)', parts[i].relation, ref.name), ref.adopted, parts[i].depth + 1, new_condition,
                     count_rows(ref.relation, new_condition), NULL, NULL, NULL)::erase_part;
            IF part.rows > 0 THEN
                IF cardinality(parts) >= 500 THEN
                    RAISE EXCEPTION 'too many rows hang on customer %', customer_id USING ERRCODE = 'RM208',
                        DETAIL = 'References were followed through 500 steps.', HINT = 'Delete what refers to itself in long chains first.';
                END IF;
                parts := parts || part;
            END IF;
        END LOOP;
        i := i + 1;
    END LOOP;
    RETURN QUERY
    SELECT p.relation, string_agg(DISTINCT p.via, '; '), bool_or(p.adopted), max(p.depth),
           string_agg('(' || p.condition || ')', ' OR '), sum(p.rows)::bigint, NULL::text, NULL::text, NULL::jsonb
    FROM unnest(parts) p GROUP BY p.relation;
END
$$;
COMMENT ON FUNCTION @extschema@.erase_parts(bigint) IS
'Every table with rows of a customer, or with rows that hang on those, without modes.';
SELECT @extschema@.set_audience('erase_parts(bigint)', 'internal');

-- Referring tables go first. Where tables refer to each other in a circle their order is that of their depths.
CREATE FUNCTION @extschema@.order_parts(parts @extschema@.erase_part[]) RETURNS @extschema@.erase_part[]
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    ordered erase_part[] := '{}';
    left_over erase_part[] := parts;
    next_part erase_part;
BEGIN
    WHILE cardinality(left_over) > 0 LOOP
        SELECT (p).* INTO next_part
        FROM unnest(left_over) p
        ORDER BY EXISTS (SELECT FROM erase_references((p).relation) r
                         WHERE r.on_delete IS NOT NULL AND r.relation <> (p).relation
                           AND r.relation IN (SELECT o.relation FROM unnest(left_over) o)),
                 (p).depth DESC, (p).relation::text LIMIT 1;
        ordered := ordered || next_part;
        left_over := ARRAY(SELECT (p.relation, p.via, p.adopted, p.depth, p.condition, p.rows, p.mode, p.reason, p.options)::erase_part
                           FROM unnest(left_over) p WHERE p.relation <> next_part.relation);
    END LOOP;
    RETURN ordered;
END
$$;
COMMENT ON FUNCTION @extschema@.order_parts(@extschema@.erase_part[]) IS 'The parts in the order in which their rows can go.';

-- Modes as the caller wrote them, by table, with its schema or without; every table with rows needs one, and the same modes can be used
-- for somebody who has rows in fewer of them.
CREATE FUNCTION @extschema@.assign_modes(customer_id bigint, parts @extschema@.erase_part[], modes jsonb) RETURNS @extschema@.erase_part[]
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    given pg_catalog.record;
    settled erase_part[] := '{}';
    part erase_part;
    option jsonb;
    missing erase_part[];
BEGIN
    IF jsonb_typeof(coalesce(modes, '{}')) <> 'object' THEN
        RAISE EXCEPTION 'modes must be a JSON object, from table to mode' USING ERRCODE = 'RM005',
            HINT = 'For example ''{"public.contact": "delete", "public.invoice": {"mode": "keep", "reason": "tax law, ten years"}}''.';
    END IF;
    FOR given IN SELECT k AS name FROM jsonb_object_keys(coalesce(modes, '{}')) k LOOP
        IF NOT EXISTS (SELECT FROM pg_class c WHERE c.relkind IN ('r', 'p') AND given.name IN (table_name(c.oid), quote_ident(c.relname))) THEN
            PERFORM raise_unknown('table', given.name, ARRAY(SELECT table_name(p.relation) FROM unnest(parts) p));
        END IF;
    END LOOP;
    FOREACH part IN ARRAY parts LOOP
        option := coalesce(modes -> table_name(part.relation), (SELECT modes -> quote_ident(c.relname) FROM pg_class c WHERE c.oid = part.relation));
        part.options := CASE jsonb_typeof(option) WHEN 'string' THEN jsonb_build_object('mode', option) WHEN 'object' THEN option ELSE '{}' END;
        part.mode := part.options ->> 'mode';
        part.reason := part.options ->> 'reason';
        IF part.mode IS NULL OR part.mode NOT IN ('delete', 'blank', 'keep') THEN
            part.mode := NULL;
            missing := missing || part;
        ELSIF part.mode = 'keep' AND coalesce(btrim(part.reason), '') = '' THEN
            RAISE EXCEPTION 'keeping rows of % needs a reason', part.relation USING ERRCODE = 'RM005',
                HINT = format('For example {"%s": {"mode": "keep", "reason": "tax law, ten years"}}.', part.relation);
        END IF;
        settled := settled || part;
    END LOOP;
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION 'erasing customer % needs a mode for each of its tables', customer_id USING ERRCODE = 'RM207',
            DETAIL = (SELECT string_agg(format('%s: %s rows (%s)', table_name(p.relation), p.rows, p.via), E'\n' ORDER BY table_name(p.relation))
                      FROM unnest(missing) p),
            HINT = format('Choose delete, blank or keep for each: SELECT @extschema@.erase_customer(%s, %L, %L, dry_run => true);', customer_id,
                          (SELECT jsonb_object_agg(table_name(p.relation), coalesce(p.options -> 'mode', '"delete"')) FROM unnest(settled) p), 'asked on ...');
    END IF;
    RETURN settled;
END
$$;
COMMENT ON FUNCTION @extschema@.assign_modes(bigint, @extschema@.erase_part[], jsonb) IS
'The parts with the modes that were given. RM207 with a ready call where one is missing.';

CREATE FUNCTION @extschema@.refuse_erasure(relation regclass, problem text, hint text) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'cannot erase rows of %: %', relation, problem USING ERRCODE = 'RM208', HINT = hint;
END
$$;
COMMENT ON FUNCTION @extschema@.refuse_erasure(regclass, text, text) IS 'Raises RM208: nothing was changed.';

-- Rows that are to go, and others that would not let them, or would go with them.
CREATE FUNCTION @extschema@.refuse_blocked(parts @extschema@.erase_part[]) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    part erase_part;
    ref pg_catalog.record;
    condition text;
    blocking bigint;
BEGIN
    FOREACH part IN ARRAY parts LOOP
        CONTINUE WHEN part.mode <> 'delete';
        FOR ref IN SELECT r.*, (SELECT p.condition FROM unnest(parts) p WHERE p.relation = r.relation AND p.mode = 'delete') AS going
                   FROM erase_references(part.relation) r WHERE r.on_delete IN ('a', 'r', 'c') LOOP
            condition := referring_condition(ref.relation, ref.columns, part.relation, ref.target_columns, part.condition);
            blocking := count_rows(ref.relation, format('%s AND NOT coalesce(%s, false)', condition, coalesce(ref.going, 'false')));
            IF blocking > 0 THEN
                PERFORM refuse_erasure(part.relation, format('%s rows of %s that stay refer to them (%s%s)', blocking, ref.relation, ref.name,
                                                             CASE ref.on_delete WHEN 'c' THEN ', which would delete them' ELSE '' END),
                                       format('Blank %s instead, or delete those rows of %s first.', part.relation, ref.relation));
            END IF;
        END LOOP;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.refuse_blocked(@extschema@.erase_part[]) IS
'Raises RM208 where rows that stay refer to rows that are to be deleted, by name.';
SELECT @extschema@.set_audience('refuse_blocked(erase_part[])', 'internal');

CREATE FUNCTION @extschema@.blank_columns(part @extschema@.erase_part) RETURNS name[]
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    named CONSTANT text[] := ARRAY(SELECT jsonb_array_elements_text(coalesce(nullif(part.options -> 'columns', 'null'), '[]'))
                                   UNION SELECT jsonb_object_keys(coalesce(nullif(part.options -> 'values', 'null'), '{}')));
    structural CONSTANT name[] := structural_columns(part.relation);
    columns name[];
    c name;
BEGIN
    SELECT array_agg(n::name) INTO columns FROM unnest(named) n;
    FOREACH c IN ARRAY coalesce(columns, '{}') LOOP
        IF NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = part.relation AND a.attname = c AND a.attnum > 0 AND NOT a.attisdropped) THEN
            PERFORM raise_unknown(format('column of %s', part.relation), c::text,
                                  ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = part.relation AND a.attnum > 0 AND NOT a.attisdropped));
        END IF;
    END LOOP;
    columns := ARRAY(SELECT DISTINCT u FROM unnest(coalesce(columns, '{}') || personal_columns(part.relation)) u ORDER BY u);
    IF cardinality(columns) = 0 THEN
        PERFORM refuse_erasure(part.relation, 'nobody said which of its columns are personal',
                               format('{"%s": {"mode": "blank", "columns": ["..."]}}, or delete.', part.relation));
    END IF;
    FOREACH c IN ARRAY columns LOOP
        IF c = ANY (structural) AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = part.relation AND a.attname = c AND a.attgenerated <> '') THEN
            PERFORM refuse_erasure(part.relation, format('column "%s" is personal, and rows are found by it', c),
                                   'Delete them, or keep them with a reason.');
        ELSIF blank_value(part.relation, c) IS NULL AND NOT coalesce(part.options -> 'values', '{}') ? c THEN
            PERFORM refuse_erasure(part.relation, format('column "%s" is NOT NULL, and its type %s has no value that means nothing', c,
                                   (SELECT format_type(a.atttypid, a.atttypmod) FROM pg_attribute a WHERE a.attrelid = part.relation AND a.attname = c)),
                                   format('Give one: {"%s": {"mode": "blank", "values": {"%s": ...}}}.', part.relation, c));
        END IF;
    END LOOP;
    RETURN ARRAY(SELECT u FROM unnest(columns) u JOIN pg_attribute a ON a.attrelid = part.relation AND a.attname = u
                 WHERE a.attgenerated = '' ORDER BY u);
END
$$;
COMMENT ON FUNCTION @extschema@.blank_columns(@extschema@.erase_part) IS
'The columns that blanking empties: those behind mapped personal attributes, and those that the mode names. RM208 where one cannot be.';
