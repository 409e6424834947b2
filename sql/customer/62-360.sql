-- One document of a customer: golden values, what there is of it in each department, and the story in short.

-- Rows in full, for those who may read them.
CREATE FUNCTION @extschema@.customer_rows(family bigint[], wanted text, needed text DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE COST 10000 SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    query text;
    result jsonb;
BEGIN
    SELECT string_agg(format(
        'SELECT t.document FROM rows_as_owner(%s::regclass, %L) AS t (document jsonb, decides text[]) CROSS JOIN LATERAL (%s) s WHERE %s',
        q.relation::oid, format(
            'SELECT jsonb_strip_nulls(jsonb_build_object(''relation'', %L, ''department'', %L, ''record_key'', @extschema@.map_id(r)::text%s)) AS document, '
            '%s AS decides FROM %s r WHERE %s', table_name(q.relation), q.department,
            (SELECT string_agg(format(', %L, @extschema@.%I(r)', t.attribute, 'map_' || t.attribute), '' ORDER BY t.attribute)
             FROM adoption_attribute t
             WHERE t.relation = q.relation AND t.attribute NOT IN ('id', 'customer') AND coalesce(t.attribute = ANY (q.attributes), true)),
            q.decides, q.relation, q.belongs),
        q.source, q.condition), ' UNION ALL ' ORDER BY table_name(q.relation))
    INTO query
    FROM (SELECT a.relation, a.department, g.attributes, m.*
          FROM adoption a
          JOIN record_access() g ON g.relation = a.relation AND g.shows <> 'none'
          CROSS JOIN LATERAL (SELECT x.*, belongs_condition(a.relation, family) AS belongs
                              FROM access_terms(a.relation, 'read', g.shows, g.shows, g.object, g.fallback) x OFFSET 0) m
          WHERE a.entity = wanted AND m.belongs IS NOT NULL
            AND (needed IS NULL OR NOT has_attribute(a.relation, needed) OR coalesce(needed = ANY (g.attributes), true))) q;
    IF query IS NOT NULL THEN
        EXECUTE format('SELECT jsonb_agg(d.document ORDER BY d.document->>''created_at'', d.document->>''record_key'') FROM (%s) d', query)
        INTO result;
    END IF;
    RETURN coalesce(result, '[]');
END
$$;
COMMENT ON FUNCTION @extschema@.customer_rows(bigint[], text, text) IS
    'The rows of an entity that belong to these customers and that the caller may read, with those of their mapped attributes that he may know. Tables '
    'where he may not know the needed one are left out.';
SELECT @extschema@.set_audience('customer_rows(bigint[], text, text)', 'admin');

CREATE FUNCTION @extschema@.customer_360(customer_id bigint, max_events integer DEFAULT 50) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE COST 100000
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off
AS $$
DECLARE
    family CONSTANT bigint[] := require_customer(customer_id);
    parents CONSTANT bigint[] := ARRAY(SELECT p.customer_id FROM record r
                                       JOIN record p ON p.relation = r.parent_relation AND p.record_key = r.parent_key
                                       WHERE r.customer_id = family[1] AND p.customer_id <> family[1]);
    document jsonb;
    story jsonb;
BEGIN
    SELECT jsonb_build_object(
        'customer', (SELECT jsonb_strip_nulls(to_jsonb(c)) FROM customer c WHERE c.customer_id = family[1]),
        'restrictions', NULLIF(to_jsonb(customer_restrictions(family[1])), '[]'),
        'organisation', (SELECT jsonb_agg(jsonb_build_object('customer_id', o.customer_id, 'name', o.name) ORDER BY o.customer_id)
                         FROM customer o WHERE o.customer_id = ANY (parents)),
        'people', (SELECT jsonb_agg(jsonb_build_object('customer_id', p.customer_id, 'name', p.name) ORDER BY p.customer_id)
                   FROM customer p WHERE p.customer_id = ANY (family[2:])),
        'records', (SELECT jsonb_agg(jsonb_build_object('relation', table_name(r.relation), 'record_key', r.record_key,
                                                        'entity', r.entity, 'department', r.department)
                                     ORDER BY r.department, table_name(r.relation), r.record_key)
                    FROM customer_record r WHERE r.customer_id = family[1]))
    INTO document;
    WITH event AS MATERIALIZED (SELECT * FROM customer_story(family)),
    told AS (SELECT DISTINCT e.relation, e.record_key, e.entity, e.stage FROM event e),
    staged AS (SELECT t.entity, story_label_of(t.relation, 'stage', t.stage) AS stage, sum(t.count)::bigint AS count
               FROM (SELECT d.entity, d.relation, d.stage, count(*) FROM told d WHERE d.stage IS NOT NULL GROUP BY 1, 2, 3) t GROUP BY 1, 2)
    SELECT jsonb_build_object(
        'counts', (SELECT jsonb_object_agg(t.entity, t.count) FROM (SELECT entity, count(*) FROM told GROUP BY 1) t),
        'stages', (SELECT jsonb_object_agg(t.entity, t.stages)
                   FROM (SELECT s.entity, jsonb_object_agg(s.stage, s.count) AS stages
                         FROM staged s GROUP BY 1) t),
        'first_at', min(e.at), 'last_at', max(e.at), 'events', count(*),
        'story', (SELECT jsonb_agg(jsonb_strip_nulls(to_jsonb(l) - '{entity,name}'::text[] || jsonb_build_object('relation', l.name,
                                                        'stage', story_label_of(l.relation, 'stage', l.stage)))
                                   ORDER BY l.at DESC, l.kind, l.record_key)
                  FROM (SELECT * FROM event v ORDER BY v.at DESC, v.kind, v.record_key LIMIT max_events) l))
    INTO story FROM event e;
    RETURN jsonb_strip_nulls(document || story) || jsonb_build_object(
        'deals', customer_rows(family, 'opportunity'),
        'open_tickets', (SELECT coalesce(jsonb_agg(t.ticket), '[]')
                         FROM jsonb_array_elements(customer_rows(family, 'ticket', 'resolved_at')) AS t (ticket)
                         WHERE NOT t.ticket ? 'resolved_at'));
END
$$;
COMMENT ON FUNCTION @extschema@.customer_360(bigint, integer) IS
    'One document of a customer: customer (golden values), restrictions (match, contact), organisation, people, records, counts and stages by entity, deals, '
    'open_tickets (without resolved_at), and the latest max_events of the story. Golden values, deals and tickets are of rows '
    'that the caller may read, counts, stages and story of what may be told. Error: RM201 (no such customer, or none that you '
    'may read). Example: SELECT jsonb_pretty(customer_360(42));';
