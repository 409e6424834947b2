-- What the kept row holds by the rules of golden values, where the table's attributes are mapped to columns of their own.

-- What the first choice lacks comes from the next row that contradicts it in nothing, so that no address is made of two.
CREATE FUNCTION @extschema@.survivor_group(images jsonb[], columns name[], place integer) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    made jsonb := pick(images[place], columns);
    part jsonb;
BEGIN
    FOR n IN 1 .. cardinality(images) LOOP
        part := jsonb_strip_nulls(pick(images[n], columns));
        IF NOT EXISTS (SELECT FROM jsonb_each_text(part) p WHERE lower(p.value) <> lower(made ->> p.key)) THEN
            made := part || jsonb_strip_nulls(made) || jsonb_strip_nulls(part || made);
        END IF;
    END LOOP;
    RETURN pick(made, columns);
END
$$;
COMMENT ON FUNCTION @extschema@.survivor_group(jsonb[], name[], integer) IS
'Values that belong together (an address, a name), of rows of text forms: those of the row at this place, filled from rows that contradict them in nothing.';

CREATE FUNCTION @extschema@.survivor_values(merge_id bigint, relation pg_catalog.regclass, keys text[], values_by text) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    fillable CONSTANT text[] := fillable_columns(relation)::text[];
    images CONSTANT jsonb[] := ARRAY(SELECT c.before FROM merge_change c
                                     WHERE c.merge_id = survivor_values.merge_id AND c.relation = survivor_values.relation ORDER BY c.rank);
    lead record;
    place integer;
    made jsonb := '{}';
BEGIN
    IF values_by = 'keeper' THEN
        RETURN made;
    END IF;
    FOR lead IN SELECT g."position", coalesce(r.rule, 'most_recent') AS rule, m.columns, m.own
                FROM golden_attribute g
                LEFT JOIN survivorship_rule r ON r.attribute = g.attribute
                CROSS JOIN LATERAL (SELECT array_agg(a.expression::name ORDER BY o."position") AS columns,
                                           min(a.expression) FILTER (WHERE o.leader IS NULL) AS own
                                    FROM golden_attribute o
                                    JOIN adoption_attribute a ON a.attribute = CASE o.attribute WHEN 'name' THEN 'full_name' ELSE o.attribute END
                                    JOIN adoption d ON d.relation = a.relation AND d.entity IN ('customer', 'lead')
                                    WHERE a.relation = survivor_values.relation AND a.expression = ANY (fillable)
                                      AND coalesce(o.leader, o.attribute) = g.attribute) m
                WHERE g.leader IS NULL AND m.columns IS NOT NULL AND (values_by = 'golden' OR r.rule IS NOT NULL)
                ORDER BY g."position" LOOP
        place := survivor(lead.rule,
            ARRAY(SELECT coalesce(i.image ->> lead.own, nullif(concat_ws(' ', VARIADIC ARRAY(SELECT i.image ->> c::text FROM unnest(lead.columns) c)), ''))
                  FROM unnest(images) WITH ORDINALITY AS i (image, n) ORDER BY i.n),
            ARRAY(SELECT (SELECT coalesce(r.changed[lead."position"], r.created_at) FROM record_copy r
                          WHERE r.relation = survivor_values.relation AND r.record_key = k.key)
                  FROM unnest(keys) WITH ORDINALITY AS k (key, n) ORDER BY k.n));
        IF place IS NOT NULL THEN
            made := made || survivor_group(images, lead.columns, place);
        END IF;
    END LOOP;
    RETURN made - ARRAY(SELECT a.attname::text FROM pg_attribute a JOIN jsonb_each(made) e ON e.key = a.attname AND e.value = 'null'
                        WHERE a.attrelid = survivor_values.relation AND a.attnotnull);
END
$$;
COMMENT ON FUNCTION @extschema@.survivor_values(bigint, pg_catalog.regclass, text[], text) IS
'Columns of the kept row by set_survivorship, as text forms. values_by: rules (attributes for which a rule was set), golden (all; without a rule the '
'most recent), keeper (none). When a value changed is what the room knows of the records; where it knows nothing the kept row goes first.';
SELECT @extschema@.set_audience('survivor_values(bigint, regclass, text[], text)', 'internal');
