-- What would leave an adopted table half adopted is refused, with what to do instead.

CREATE FUNCTION @extschema@.keep_attached() RETURNS event_trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    dropped record;
BEGIN
    -- A mapped column that goes with CASCADE takes its mapping along; the table itself is forgotten before this is called.
    SELECT a.relation, a.attribute INTO dropped
    FROM pg_event_trigger_dropped_objects() d
    JOIN adoption_attribute a ON d.address_names[2] = 'map_' || a.attribute AND to_regtype(d.address_args[1])::oid = (SELECT c.reltype FROM pg_class c WHERE c.oid = a.relation)
    WHERE d.classid = 'pg_proc'::regclass AND d.schema_name = '@extschema@' AND cardinality(d.address_args) = 1
      AND to_regprocedure(format('@extschema@.%I(%s)', 'map_' || a.attribute, a.relation)) IS NULL LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'attribute "%" of % would lose what it is mapped to', dropped.attribute, dropped.relation
            USING ERRCODE = 'dependent_objects_still_exist', DETAIL = 'What is counted of it would go on as if its values were there.',
                  HINT = format('Type SELECT @extschema@.disown(%L); first, and adopt it again without the attribute.', dropped.relation);
    END IF;
    SELECT adopted_root(t.relation) AS relation, d.address_names[3] AS name INTO dropped
    FROM pg_event_trigger_dropped_objects() d CROSS JOIN LATERAL (SELECT to_regclass(format('%I.%I', d.address_names[1], d.address_names[2]))) AS t (relation)
    JOIN attached_trigger a ON a.relation = adopted_root(t.relation)
    WHERE d.object_type = 'trigger' AND d.address_names[3] = ANY (ARRAY(SELECT trigger_name(a.room, e) FROM unnest(a.events) e)) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'trigger % stands on %, which is adopted', dropped.name, dropped.relation
            USING ERRCODE = 'dependent_objects_still_exist', DETAIL = 'Without it changes are not seen.',
                  HINT = format('Type SELECT @extschema@.disown(%L);', dropped.relation);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.keep_attached() IS
'Event trigger: refuses to drop mappings and triggers from a table that stays adopted.';
CREATE EVENT TRIGGER crm_keep_attached ON sql_drop WHEN TAG IN ('ALTER TABLE', 'DROP FUNCTION', 'DROP ROUTINE', 'DROP TRIGGER', 'DROP TYPE', 'DROP DOMAIN', 'DROP OWNED', 'DROP SCHEMA')
    EXECUTE FUNCTION @extschema@.keep_attached();
COMMENT ON EVENT TRIGGER crm_keep_attached IS 'Mappings and triggers of adopted tables are not dropped.';

CREATE FUNCTION @extschema@.refuse_altered() RETURNS event_trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    adopted adoption;
    why text;
BEGIN
    FOR adopted IN SELECT a.* FROM adoption a WHERE a.relation IN (SELECT altered_adoptions()) LOOP
        BEGIN
            PERFORM refuse_unadoptable(adopted.relation, true);
            CONTINUE;
        EXCEPTION WHEN SQLSTATE 'RM003' THEN
            why := regexp_replace(SQLERRM, '.*: it is ', '');
        END;
        RAISE EXCEPTION '% is adopted, and cannot be %', adopted.relation, why
            USING ERRCODE = 'RM003', DETAIL = 'Changes would not be seen, or not be there after a crash.',
                  HINT = format('Leave it as it is, or type SELECT @extschema@.disown(%L); first.', adopted.relation);
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.refuse_altered() IS
'Event trigger: what cannot be adopted, an adopted table cannot become: unlogged, a partition, part of plain inheritance.';
CREATE EVENT TRIGGER crm_refuse_altered ON ddl_command_end WHEN TAG IN ('CREATE TABLE', 'ALTER TABLE', 'CREATE FOREIGN TABLE', 'ALTER FOREIGN TABLE')
    EXECUTE FUNCTION @extschema@.refuse_altered();
COMMENT ON EVENT TRIGGER crm_refuse_altered IS 'Adopted tables stay what can be adopted.';

CREATE FUNCTION @extschema@.refuse_retyped(altered pg_catalog.regclass, retyped text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    mapped text;
BEGIN
    SELECT min(t.attribute) INTO mapped
    FROM adoption_attribute t
    JOIN pg_depend d ON d.objid = to_regprocedure(mapping_function(t.relation, t.attribute)) AND d.classid = 'pg_proc'::regclass
    JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
    WHERE t.relation = altered AND d.refclassid = 'pg_class'::regclass AND d.refobjid = altered AND a.attname = retyped;
    IF mapped IS NOT NULL AND pg_has_role(caller()::oid, (SELECT c.relowner FROM pg_class c WHERE c.oid = altered), 'USAGE') THEN -- whom else the server refuses itself
        RAISE EXCEPTION 'column "%" of % keeps its type: attribute "%" is mapped to it', retyped, altered, mapped
            USING ERRCODE = 'RM003', DETAIL = 'What was counted, linked and noted of it stands on its values as they are.',
                  HINT = format('Add a column of the new type and write both; or type SELECT @extschema@.disown(%L); before, and adopt it again afterwards, which '
                                'begins its history of stages anew.', altered);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.refuse_retyped(pg_catalog.regclass, text) IS 'Raises RM003 where an attribute of an adopted table is mapped to this column.';
SELECT @extschema@.set_audience('refuse_retyped(regclass, text)', 'internal');

CREATE FUNCTION @extschema@.guard_retyped() RETURNS event_trigger
    AS 'MODULE_PATHNAME', 'crm_guard_retyped' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.guard_retyped() IS
'Event trigger: ALTER COLUMN TYPE of a mapped column is refused with what to do instead.';
CREATE EVENT TRIGGER crm_guard_retyped ON ddl_command_start WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION @extschema@.guard_retyped();
COMMENT ON EVENT TRIGGER crm_guard_retyped IS 'Mapped columns keep their types.';

CREATE FUNCTION @extschema@.is_column_gone(relation pg_catalog.regclass, typed text) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN typed ~ '^[[:alpha:]_][[:alnum:]_$]*$'
           AND NOT EXISTS (SELECT FROM pg_attribute o WHERE o.attrelid = relation AND o.attname = typed AND NOT o.attisdropped);
COMMENT ON FUNCTION @extschema@.is_column_gone(pg_catalog.regclass, text) IS 'Whether what was typed is nothing but the name of a column, which the table does not have any more.';
SELECT @extschema@.set_audience('is_column_gone(regclass, text)', 'internal');

CREATE FUNCTION @extschema@.named_anew(relation pg_catalog.regclass, stages jsonb, name text) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN (SELECT jsonb_object_agg(e.key, CASE WHEN is_column_gone(relation, e.value) THEN name ELSE e.value END) FROM jsonb_each_text(stages) e);
COMMENT ON FUNCTION @extschema@.named_anew(pg_catalog.regclass, jsonb, text) IS 'A column for each stage, of which one has this name now.';
SELECT @extschema@.set_audience('named_anew(regclass, jsonb, text)', 'internal');

-- What an expression is by now stands in its function. Of what was typed, each word that names no column may be the old name: it was, where what is typed so
-- is what the function does.
CREATE FUNCTION @extschema@.typed_anew(relation pg_catalog.regclass, attribute text, typed text, name text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    adopted CONSTANT adoption := require_adopted(relation);
    kind CONSTANT text := (SELECT e.kind FROM entity_attribute e WHERE e.entity = adopted.entity AND e.attribute = typed_anew.attribute);
    body CONSTANT text := regexp_replace(replace(regexp_replace(pg_get_function_sqlbody(to_regprocedure(mapping_function(relation, attribute))), '\s+', ' ', 'g'), '(r).', 'r.'),
                                         '^ *BEGIN ATOMIC SELECT ', '');
    word text;
    candidate text;
    means text;
BEGIN
    FOR word IN SELECT DISTINCT CASE WHEN w[1] LIKE '"%' THEN w[1] ELSE lower(w[1]) END FROM regexp_matches(regexp_replace(typed, '''([^'']|'''')*''', '', 'g'), '"[^"]+"|[[:alpha:]_][[:alnum:]_$]*', 'g') w
                WHERE NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
                                    AND a.attname = CASE WHEN w[1] LIKE '"%' THEN btrim(w[1], '"') ELSE lower(w[1]) END) ORDER BY 1 LOOP
        SELECT string_agg(CASE WHEN p[1] LIKE '''%' THEN p[1] WHEN word LIKE '"%' THEN replace(p[1], word, quote_ident(name))
                               ELSE regexp_replace(p[1], '(?<![[:alnum:]_$"])' || replace(word, '$', '\$') || '(?![[:alnum:]_$"])', quote_ident(name), 'gi') END, '' ORDER BY n)
        INTO candidate FROM regexp_matches(typed, '''(?:[^'']|'''')*''|[^'']+', 'g') WITH ORDINALITY p (p, n);
        BEGIN
            SELECT regexp_replace(m.expression, '\s+', ' ', 'g') INTO means FROM mapping_expression(relation, attribute, kind, candidate, adopted.zone) m;
            IF starts_with(body, means || ';') OR starts_with(body, means || ' AS ') THEN
                RETURN candidate;
            END IF;
        EXCEPTION WHEN OTHERS THEN
            NULL; -- that word was not it
        END;
    END LOOP;
    RETURN typed;
END
$$;
COMMENT ON FUNCTION @extschema@.typed_anew(pg_catalog.regclass, text, text, text) IS
'A mapped expression as it would have to be typed now that a column has this name; as it was typed where that cannot be told.';
SELECT @extschema@.set_audience('typed_anew(regclass, text, text, text)', 'internal');

-- The functions follow a renamed column by themselves; what was typed is kept as it would have to be typed now.
CREATE FUNCTION @extschema@.follow_mapped_columns() RETURNS event_trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    UPDATE adoption_attribute t SET expression = CASE WHEN t.expression LIKE '{%' THEN named_anew(t.relation, t.expression::jsonb, a.attname)::text
                                                          WHEN is_column_gone(t.relation, t.expression) THEN a.attname
                                                          ELSE typed_anew(t.relation, t.attribute, t.expression, a.attname) END
    FROM pg_event_trigger_ddl_commands() c JOIN pg_attribute a ON a.attrelid = c.objid AND a.attnum = c.objsubid
    JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = c.objid AND d.refobjsubid = c.objsubid AND d.classid = 'pg_proc'::regclass
    WHERE c.classid = 'pg_class'::regclass AND c.object_type = 'table column' AND t.relation = c.objid
      AND d.objid = to_regprocedure(mapping_function(t.relation, t.attribute));
END
$$;
COMMENT ON FUNCTION @extschema@.follow_mapped_columns() IS 'Event trigger: a mapping to a column that was renamed, or an expression over it, is kept by its new name.';
CREATE EVENT TRIGGER crm_follow_mapped_columns ON ddl_command_end WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION @extschema@.follow_mapped_columns();
COMMENT ON EVENT TRIGGER crm_follow_mapped_columns IS 'Mappings name renamed columns by their new names.';
