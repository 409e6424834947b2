-- A mapping becomes one immutable function for each attribute, map_ATTRIBUTE(row), which the planner inlines.

CREATE FUNCTION @extschema@.record_key(VARIADIC parts text[]) RETURNS text
    AS 'MODULE_PATHNAME', 'crm_record_key' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.record_key(text[]) IS
'The record key of a composite key: a JSON array of the text forms of its columns. NULL where one is NULL.';

CREATE FUNCTION @extschema@.key_text(value anyelement) RETURNS text
    AS 'MODULE_PATHNAME', 'crm_key_text' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 2;
COMMENT ON FUNCTION @extschema@.key_text(anyelement) IS
'A value as it stands in a record key, whatever the settings of the session: dates and times in ISO form and UTC, intervals as ISO '
'8601, bytea in hex, floats in the shortest form that gives them back; everything else as its type writes it. '
'key_text(timestamptz ''2024-01-01 00:00+02'') is 2023-12-31 22:00:00+00.';

CREATE FUNCTION @extschema@.iso_date(day date) RETURNS text
    AS 'MODULE_PATHNAME', 'crm_iso_date' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION @extschema@.iso_date(date) IS
'A date as text in ISO form, whatever the setting DateStyle: iso_date(''1971-12-24'') is 1971-12-24. A column of type date that is '
'mapped to an attribute of kind text goes through it.';

CREATE FUNCTION @extschema@.mapping_expression(relation pg_catalog.regclass, attribute text, kind text, mapping text,
                                               zone text, OUT expression text, OUT type pg_catalog.regtype)
    AS 'MODULE_PATHNAME', 'crm_mapping_expression' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.mapping_expression(pg_catalog.regclass, text, text, text, text) IS
'Checks what an attribute is mapped to (a column or an expression over one row) and returns it as SQL over the row r, '
'coerced to the kind of the attribute. Raises RM002 for what cannot work: unknown columns, what is not immutable, functions '
'that belong to no extension.';
SELECT @extschema@.set_audience('mapping_expression(regclass, text, text, text, text)', 'admin');

CREATE FUNCTION @extschema@.depend_on_table(routine pg_catalog.regprocedure, relation pg_catalog.regclass) RETURNS void
    AS 'MODULE_PATHNAME', 'crm_depend_on_table' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.depend_on_table(pg_catalog.regprocedure, pg_catalog.regclass) IS
'DROP TABLE takes the function with it, and the function does not stand in the way of ADD COLUMN ... DEFAULT or a rewrite.';
SELECT @extschema@.set_audience('depend_on_table(regprocedure, regclass)', 'admin');

CREATE FUNCTION @extschema@.mapping_function(relation pg_catalog.regclass, attribute text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    RETURN pg_catalog.format('@extschema@.%I(%s)', 'map_' || attribute, relation);
COMMENT ON FUNCTION @extschema@.mapping_function(pg_catalog.regclass, text) IS
'The signature of the function of a mapped attribute, map_ATTRIBUTE(row type of the table).';

CREATE FUNCTION @extschema@.casts_plainly(relation pg_catalog.regclass, "column" text) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    RETURN NOT EXISTS (SELECT FROM pg_catalog.pg_attribute a
                       WHERE a.attrelid = relation AND a.attname = casts_plainly."column"
                         AND a.atttypid <> ALL ('{text,varchar,bpchar,name,int2,int4,int8,numeric,uuid,bool}'::pg_catalog.regtype[]));
COMMENT ON FUNCTION @extschema@.casts_plainly(pg_catalog.regclass, text) IS
'Whether a column''s cast to text depends on no setting; the others are written by key_text. True where there is no such column.';

CREATE TYPE @extschema@.checked_attribute AS (attribute text, mapping text, expression text, type pg_catalog.regtype,
                                              reference pg_catalog.regclass);
COMMENT ON TYPE @extschema@.checked_attribute IS
'A mapping that was checked: what was typed, the expression over the row r, its type, and where a reference points to.';

-- Everything that can be wrong with a mapping is found here, before anything is locked or made.
-- A stage may be told by a column for each one, with the time when it was reached: {"lead": "lead_at", "won": "won_at"}.
CREATE FUNCTION @extschema@.date_expressions(relation pg_catalog.regclass, zone text, dates jsonb, stages text[]) RETURNS text[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    stage text;
    checked record;
    result text[];
BEGIN
    FOREACH stage IN ARRAY stages LOOP
        IF jsonb_typeof(dates -> stage) IS DISTINCT FROM 'string' THEN
            RAISE EXCEPTION 'the time of stage "%" is no column: %', stage, dates -> stage
                USING ERRCODE = 'RM002', HINT = 'Write "stage": {"lead": "lead_at", "won": "won_at"}, or the one column that holds the stage.';
        END IF;
        SELECT * INTO checked FROM mapping_expression(relation, 'stage', 'time', dates ->> stage, zone);
        result := result || format('CASE WHEN pg_catalog.isfinite(%1$s) THEN %1$s END', checked.expression);
    END LOOP;
    RETURN result;
END
$$;
COMMENT ON FUNCTION @extschema@.date_expressions(pg_catalog.regclass, text, jsonb, text[]) IS
'For each of these stages SQL over the row r for the time when it was reached, by the columns or expressions in dates; infinity is '
'no time. Errors as mapping_expression, with RM002 for what is no text.';
SELECT @extschema@.set_audience('date_expressions(regclass, text, jsonb, text[])', 'admin');

CREATE FUNCTION @extschema@.latest_expression(stages text[], times text[]) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    RETURN (SELECT pg_catalog.format('CASE GREATEST(%s) %s END', pg_catalog.array_to_string(times, ', '),
                                     pg_catalog.string_agg(pg_catalog.format('WHEN %s THEN %L', u.t, u.s), ' ' ORDER BY u.n DESC))
            FROM ROWS FROM (pg_catalog.unnest(stages), pg_catalog.unnest(times)) WITH ORDINALITY u (s, t, n));
COMMENT ON FUNCTION @extschema@.latest_expression(text[], text[]) IS
'SQL for the stage whose time is the latest, of equal times the last in the list; NULL where there is none.';

CREATE FUNCTION @extschema@.check_columns(relation pg_catalog.regclass, entity text, zone text, columns jsonb)
    RETURNS SETOF @extschema@.checked_attribute
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    checked checked_attribute;
    value jsonb;
    attribute_kind text;
    stages text[];
    known text[] := ARRAY(SELECT a.attribute FROM entity_attribute a WHERE a.entity = check_columns.entity);
BEGIN
    IF jsonb_typeof(columns) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'columns must be a JSON object, from attribute to column'
            USING ERRCODE = 'RM002', HINT = 'For example: columns => ''{"id": "deal_id", "amount": "value"}''';
    END IF;
    IF NOT columns ? 'id' THEN
        columns := columns || jsonb_build_object('id', primary_key_columns(relation));
    END IF;
    FOR checked.attribute, value IN SELECT * FROM jsonb_each(columns) LOOP
        SELECT a.kind INTO attribute_kind FROM entity_attribute a
        WHERE a.entity = check_columns.entity AND a.attribute = checked.attribute;
        IF NOT FOUND THEN
            PERFORM raise_unknown(format('%s attribute', entity), checked.attribute, known);
        END IF;
        checked.reference := NULL;
        IF checked.attribute = 'stage' AND jsonb_typeof(value) = 'object' AND NOT value ? 'column' AND value <> '{}' THEN
            stages := ARRAY(SELECT k FROM jsonb_object_keys(value) k);
            checked.mapping := value::text;
            checked.expression := latest_expression(stages, date_expressions(relation, zone, value, stages));
            checked.type := 'text'::regtype;
            RETURN NEXT checked;
            CONTINUE;
        END IF;
        CASE jsonb_typeof(value)
            WHEN 'string' THEN
                checked.mapping := value #>> '{}';
            WHEN 'array' THEN -- a composite key
                IF attribute_kind NOT IN ('key', 'reference') AND jsonb_array_length(value) <> 1 THEN
                    RAISE EXCEPTION 'attribute "%" cannot be mapped to several columns', checked.attribute
                        USING ERRCODE = 'RM002', DETAIL = 'An array of columns is a composite key.',
                              HINT = format('Write an expression: "%s": %s', checked.attribute,
                                            to_json((SELECT string_agg(quote_ident(e), ' || '' '' || ') FROM jsonb_array_elements_text(value) e)));
                END IF;
                SELECT CASE WHEN count(*) = 1 THEN min(c)
                            ELSE format('@extschema@.record_key(%s)',
                                        string_agg(format(CASE WHEN casts_plainly(relation, c) THEN '(%I)::text' ELSE '@extschema@.key_text(%I)' END, c),
                                                   ', ' ORDER BY n)) END
                INTO checked.mapping FROM jsonb_array_elements_text(value) WITH ORDINALITY AS e (c, n);
            WHEN 'object' THEN
                IF value ? 'of_owner' THEN
                    RAISE EXCEPTION 'the unit of a row is not taken from its owner''s membership'
                        USING ERRCODE = 'feature_not_supported', DETAIL = 'Rows would change their unit whenever a membership begins or ends.',
                              HINT = format('Map "unit" to what names the owner, "unit": %s, and let each unit have the names of its owners as aliases: '
                                            'SELECT @extschema@.add_unit_alias(''north'', ''mary@firm.example'');', coalesce(columns -> 'owner', '"rep_email"'));
                END IF;
                IF NOT value ? 'column' OR EXISTS (SELECT FROM jsonb_object_keys(value) k WHERE k NOT IN ('column', 'of')) THEN
                    RAISE EXCEPTION 'mapping of attribute "%" is not understood: %', checked.attribute, value
                        USING ERRCODE = 'RM002', HINT = 'Write {"column": "account_id", "of": "public.accounts"}.';
                END IF;
                checked.mapping := value ->> 'column';
                checked.reference := (value ->> 'of')::regclass;
            ELSE
                RAISE EXCEPTION 'mapping of attribute "%" is neither a string, an array nor an object: %', checked.attribute, value
                    USING ERRCODE = 'RM002', HINT = 'Give the name of a column, or an expression over columns of the row.';
        END CASE;
        IF checked.reference IS NULL THEN
            checked.reference := foreign_key_target(relation, checked.mapping);
        END IF;
        SELECT m.expression, m.type INTO checked.expression, checked.type
        FROM mapping_expression(relation, checked.attribute, attribute_kind, checked.mapping, zone) m;
        RETURN NEXT checked;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.check_columns(pg_catalog.regclass, text, text, jsonb) IS
'The mapping of a table, checked: for each attribute what was typed, the expression over the row r, its type and the table '
'that a reference points to. Raises RM001 for an unknown attribute, RM002 for a mapping that cannot work.';
SELECT @extschema@.set_audience('check_columns(regclass, text, text, jsonb)', 'admin');

CREATE FUNCTION @extschema@.primary_key_columns(relation pg_catalog.regclass) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    names jsonb;
BEGIN
    SELECT jsonb_agg(a.attname ORDER BY k.n) INTO names
    FROM pg_index i, unnest(i.indkey::smallint[]) WITH ORDINALITY AS k (attnum, n), pg_attribute a
    WHERE i.indrelid = relation AND i.indisprimary AND a.attrelid = relation AND a.attnum = k.attnum;
    IF names IS NULL THEN
        RAISE EXCEPTION 'table % has no primary key, and no "id" is mapped', relation
            USING ERRCODE = 'RM002', HINT = 'Map "id" to what is unique and never NULL: columns => ''{"id": "some_column", ...}''.';
    END IF;
    RETURN names;
END
$$;
COMMENT ON FUNCTION @extschema@.primary_key_columns(pg_catalog.regclass) IS
'The columns of the primary key as a JSON array; raises RM002 where there is none.';

CREATE FUNCTION @extschema@.foreign_key_target(relation pg_catalog.regclass, "column" text) RETURNS pg_catalog.regclass
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    RETURN (SELECT c.confrelid::pg_catalog.regclass
            FROM pg_catalog.pg_constraint c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
            WHERE c.contype = 'f' AND c.conrelid = relation AND pg_catalog.cardinality(c.conkey) = 1
              AND c.conparentid = 0 AND a.attname = foreign_key_target."column"
            ORDER BY c.oid LIMIT 1);
COMMENT ON FUNCTION @extschema@.foreign_key_target(pg_catalog.regclass, text) IS
'The table that a column refers to by a foreign key of its own; NULL where there is none.';

CREATE FUNCTION @extschema@.selected_attribute(relation pg_catalog.regclass, attribute text, kind text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    type CONSTANT text := CASE kind WHEN 'time' THEN 'timestamptz' WHEN 'date' THEN 'date' WHEN 'number' THEN 'numeric'
                                    WHEN 'integer' THEN 'bigint' WHEN 'boolean' THEN 'boolean' WHEN 'json' THEN 'jsonb' ELSE 'text' END;
BEGIN
    RETURN CASE WHEN has_attribute(relation, attribute) THEN format('@extschema@.%I(r)::%s AS %I', 'map_' || attribute, type, attribute)
                ELSE format('NULL::%s AS %I', type, attribute) END;
END
$$;
COMMENT ON FUNCTION @extschema@.selected_attribute(pg_catalog.regclass, text, text) IS
'SQL that gives an attribute of the row r its name, as expressions over attributes write it; NULL where it is not mapped (relation NULL: nothing is).';
SELECT @extschema@.set_audience('selected_attribute(regclass, text, text)', 'internal');
