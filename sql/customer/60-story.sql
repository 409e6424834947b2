-- The customer's story: what every department has seen of a customer, in one list and in one document.

CREATE TABLE @extschema@.story_kind (
    entity text NOT NULL,
    kind text NOT NULL,
    at text[] NOT NULL,
    subject text[] NOT NULL,
    PRIMARY KEY (entity, kind)
);
COMMENT ON TABLE @extschema@.story_kind IS
    'Events of the story: of which entity, when (the first of these attributes that has a value), and the attributes that '
    'say what about. Shipped.';
INSERT INTO @extschema@.story_kind VALUES
    ('customer', 'customer', '{created_at}', '{company,full_name,given_name,family_name}'),
    ('lead', 'lead', '{created_at}', '{channel,campaign}'),
    ('touch', 'touch', '{at,created_at}', '{kind,channel,campaign}'),
    ('opportunity', 'opportunity', '{created_at}', '{name}'),
    ('opportunity', 'opportunity closed', '{closed_at}', '{name}'),
    ('project', 'project', '{started_at,created_at}', '{promised}'),
    ('project', 'project live', '{live_at}', '{promised}'),
    ('ticket', 'ticket', '{opened_at,created_at}', '{subject}'),
    ('ticket', 'ticket resolved', '{resolved_at}', '{subject}'),
    ('subscription', 'subscription', '{started_on,created_at}', '{product}'),
    ('subscription', 'subscription ended', '{ended_on}', '{product}'),
    ('survey', 'survey', '{at,created_at}', '{kind}'),
    ('activity', 'activity', '{at,created_at}', '{kind,subject}');

-- Retired ids lead on; an organisation comes with its people.
CREATE FUNCTION @extschema@.customer_family(customer_id bigint) RETURNS bigint[]
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    WITH RECURSIVE now_called (customer_id) AS (
        SELECT $1
        UNION
        SELECT c.redirect_to FROM now_called n JOIN customer_registry c ON c.customer_id = n.customer_id
        WHERE c.redirect_to IS NOT NULL),
    self AS (SELECT n.customer_id FROM now_called n JOIN customer_registry c ON c.customer_id = n.customer_id
             WHERE c.retired_at IS NULL)
    SELECT array_agg(f.customer_id ORDER BY f.position, f.customer_id)
    FROM (SELECT s.customer_id, 0 AS position FROM self s
          UNION ALL
          SELECT DISTINCT p.customer_id, 1
          FROM self s JOIN record o ON o.customer_id = s.customer_id
          JOIN record p ON p.parent_relation = o.relation AND p.parent_key = o.record_key
          WHERE p.customer_id IS NOT NULL AND p.customer_id <> s.customer_id) f
$$;
COMMENT ON FUNCTION @extschema@.customer_family(bigint) IS
    'The customer under the id it has now, and after it, where it is an organisation, its people. NULL where there is none.';
SELECT @extschema@.set_audience('customer_family(bigint)', 'admin');

CREATE FUNCTION @extschema@.require_customer(customer_id bigint) RETURNS bigint[]
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    family CONSTANT bigint[] := customer_family(customer_id);
BEGIN
    IF family IS NULL OR NOT EXISTS (SELECT FROM customer c WHERE c.customer_id = family[1]) THEN
        RAISE EXCEPTION 'customer % does not exist, or you may read none of its records', customer_id
            USING ERRCODE = 'RM201', HINT = 'Look it up in @extschema@.customer, or by @extschema@.customer_of(table, key).';
    END IF;
    RETURN family;
END
$$;
COMMENT ON FUNCTION @extschema@.require_customer(bigint) IS
    'customer_family() of a customer whom the caller may read; raises RM201 where there is none.';
SELECT @extschema@.set_audience('require_customer(bigint)', 'admin');

-- The rows of a table that belong to some customers, as an SQL condition over r; NULL where the table has no such rows.
CREATE FUNCTION @extschema@.belongs_condition(relation regclass, family bigint[]) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT key_condition(a.relation, CASE WHEN a.entity IN ('customer', 'lead') THEN 'id' ELSE 'customer' END,
               format('%L::text[]', ARRAY(SELECT k.record_key FROM record k WHERE k.customer_id = ANY (family)
                   AND k.relation = CASE WHEN a.entity IN ('customer', 'lead') THEN a.relation ELSE c.reference END)))
    FROM adoption a LEFT JOIN adoption_attribute c ON c.relation = a.relation AND c.attribute = 'customer'
    WHERE a.relation = belongs_condition.relation AND (a.entity IN ('customer', 'lead') OR c.reference IS NOT NULL)
$$;
COMMENT ON FUNCTION @extschema@.belongs_condition(regclass, bigint[]) IS
    'SQL over a row r of an adopted table: whether it belongs to one of these customers, as its record or by its reference.';
SELECT @extschema@.set_audience('belongs_condition(regclass, bigint[])', 'admin');

CREATE FUNCTION @extschema@.access_condition(grade text, privilege text, object text, hierarchy text,
                                             fallback text, by_owner boolean) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT CASE grade
        WHEN 'all' THEN 'true'
        WHEN 'none' THEN 'false'
        ELSE format('(@extschema@.visible(s.unit, %L, %L, %L, %L)%s)', object, privilege, hierarchy, fallback,
                    CASE WHEN by_owner THEN format(' OR @extschema@.owned(s.owner, %L, %L)', object, privilege) ELSE '' END) END
$$;
COMMENT ON FUNCTION @extschema@.access_condition(text, text, text, text, text, boolean) IS
    'SQL over a row s with what deciding_attributes() gives: whether record_access() lets the caller see it. To be asked outside of '
    'read_as_owner: inside nobody asks, since there code of the table''s owner runs too.';
SELECT @extschema@.set_audience('access_condition(text, text, text, text, text, boolean)', 'admin');

CREATE FUNCTION @extschema@.deciding_attributes(relation regclass) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT string_agg(CASE WHEN has_attribute(relation, a) THEN format('@extschema@.%I(r)::text AS %I', 'map_' || a, a)
                           ELSE format('NULL::text AS %I', a) END, ', ' ORDER BY a DESC)
    FROM unnest(ARRAY['unit', 'owner']) a
$$;
COMMENT ON FUNCTION @extschema@.deciding_attributes(regclass) IS
    'SQL over a row r of an adopted table: its unit and its owner as text, NULL where they are not mapped. For access_condition().';
SELECT @extschema@.set_audience('deciding_attributes(regclass)', 'admin');

-- An attribute as timestamptz: days begin in the zone of the adoption.
CREATE FUNCTION @extschema@.mapped_instant(relation regclass, attributes text[]) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT 'COALESCE(' || string_agg(
               CASE k.kind WHEN 'date' THEN format('@extschema@.%I(r)::timestamp AT TIME ZONE %L', 'map_' || w.attribute, a.zone)
                           ELSE format('@extschema@.%I(r)', 'map_' || w.attribute) END, ', ' ORDER BY w.position) || ')'
    FROM adoption a
    CROSS JOIN unnest(attributes) WITH ORDINALITY AS w (attribute, position)
    JOIN adoption_attribute m ON m.relation = a.relation AND m.attribute = w.attribute
    JOIN entity_attribute k ON k.entity = a.entity AND k.attribute = w.attribute
    WHERE a.relation = mapped_instant.relation
$$;
COMMENT ON FUNCTION @extschema@.mapped_instant(regclass, text[]) IS
    'SQL over a row r: the first of these attributes that has a value, as timestamptz; NULL where none is mapped.';
SELECT @extschema@.set_audience('mapped_instant(regclass, text[])', 'admin');

CREATE FUNCTION @extschema@.mapped_subject(relation regclass, attributes text[]) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT COALESCE('NULLIF(concat_ws('' '', ' || string_agg(format('@extschema@.%I(r)::text', 'map_' || w.attribute), ', '
                                                             ORDER BY w.position) || '), '''')', 'NULL::text')
    FROM unnest(attributes) WITH ORDINALITY AS w (attribute, position)
    JOIN adoption_attribute m ON m.relation = mapped_subject.relation AND m.attribute = w.attribute
$$;
COMMENT ON FUNCTION @extschema@.mapped_subject(regclass, text[]) IS 'SQL over a row r: these attributes in a row, as text.';
SELECT @extschema@.set_audience('mapped_subject(regclass, text[])', 'admin');

CREATE FUNCTION @extschema@.story_query(family bigint[]) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT string_agg(format('SELECT s.at, s.kind, s.department, s.relation, s.record_key, s.subject, s.stage, s.entity '
                             'FROM rows_as_owner(%s::regclass, %L) AS s (at timestamptz, kind text, department text, '
                             'relation regclass, record_key text, subject text, stage text, entity text, unit text, owner text) '
                             'WHERE %s', g.relation::oid, format(
        'SELECT %s AS at, %L AS kind, %L::text AS department, %L::regclass AS relation, @extschema@.map_id(r) AS record_key, '
        '%s AS subject, %s AS stage, %L AS entity, %s FROM %s r WHERE %s AND %s IS NOT NULL',
        q.at, s.kind, g.department, g.relation::oid, mapped_subject(g.relation, s.subject),
        CASE WHEN has_attribute(g.relation, 'stage') THEN '@extschema@.map_stage(r)::text' ELSE 'NULL::text' END,
        a.entity, deciding_attributes(g.relation), g.relation, belongs_condition(g.relation, family), q.at),
        access_condition(g.tells, 'story', g.object, g.hierarchy, g.fallback, g.by_owner)),
        ' UNION ALL ' ORDER BY g.relation::text, s.kind)
    FROM record_access() g
    JOIN adoption a ON a.relation = g.relation
    JOIN story_kind s ON s.entity = a.entity
    CROSS JOIN LATERAL (SELECT mapped_instant(g.relation, s.at) AS at) q
    WHERE g.tells <> 'none' AND q.at IS NOT NULL AND belongs_condition(g.relation, family) IS NOT NULL
$$;
COMMENT ON FUNCTION @extschema@.story_query(bigint[]) IS
    'A query for the story of these customers, as far as the caller may be told it; NULL where nothing is adopted.';
SELECT @extschema@.set_audience('story_query(bigint[])', 'admin');

CREATE FUNCTION @extschema@.customer_story(family bigint[])
RETURNS TABLE (at timestamptz, kind text, department text, relation regclass, record_key text, subject text, stage text,
               entity text)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 50 COST 10000 SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    query CONSTANT text := story_query(family);
BEGIN
    IF query IS NOT NULL THEN
        RETURN QUERY EXECUTE query || ' ORDER BY at, kind, relation, record_key';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.customer_story(bigint[]) IS 'The story of these customers, as far as the caller may be told it.';
SELECT @extschema@.set_audience('customer_story(bigint[])', 'admin');

CREATE FUNCTION @extschema@.customer_timeline(customer_id bigint)
RETURNS TABLE (at timestamptz, kind text, department text, relation regclass, record_key text, subject text, stage text)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 50 COST 10000
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off
AS $$
BEGIN
    RETURN QUERY SELECT s.at, s.kind, s.department, s.relation, s.record_key, s.subject, s.stage
                 FROM customer_story(require_customer(customer_id)) s;
END
$$;
COMMENT ON FUNCTION @extschema@.customer_timeline(bigint) IS
    'The story of a customer, oldest first: what each adopted table knows of its records and of what refers to them. An '
    'organisation''s includes that of its people. stage is the one the record has now. Rows of protected tables need the '
    'privilege story. Error: RM201 (no such customer, or none that you may read).';

-- Rows in full, for those who may read them.
CREATE FUNCTION @extschema@.customer_rows(family bigint[], wanted text) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED COST 10000 SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    query text;
    result jsonb;
BEGIN
    SELECT string_agg(format('SELECT s.document FROM rows_as_owner(%s::regclass, %L) AS s (document jsonb, unit text, owner text) '
                             'WHERE %s', g.relation::oid, format(
        'SELECT jsonb_strip_nulls(jsonb_build_object(''relation'', %L, ''department'', %L, ''record_key'', @extschema@.map_id(r)%s)) AS document, %s '
        'FROM %s r WHERE %s',
        table_name(g.relation), g.department, m.fields, deciding_attributes(g.relation), g.relation, belongs_condition(g.relation, family)),
        access_condition(g.reads, 'read', g.object, g.hierarchy, g.fallback, g.by_owner)),
        ' UNION ALL ' ORDER BY g.relation::text)
    INTO query
    FROM record_access() g
    JOIN adoption a ON a.relation = g.relation
    CROSS JOIN LATERAL (
        SELECT string_agg(format(', %L, @extschema@.%I(r)', t.attribute, 'map_' || t.attribute), '' ORDER BY t.attribute) AS fields
        FROM adoption_attribute t
        WHERE t.relation = g.relation AND t.attribute NOT IN ('id', 'customer')) m
    WHERE a.entity = wanted AND g.reads <> 'none' AND belongs_condition(g.relation, family) IS NOT NULL;
    IF query IS NOT NULL THEN
        EXECUTE format('SELECT jsonb_agg(d.document ORDER BY d.document->>''created_at'', d.document->>''record_key'') FROM (%s) d', query)
        INTO result;
    END IF;
    RETURN coalesce(result, '[]');
END
$$;
COMMENT ON FUNCTION @extschema@.customer_rows(bigint[], text) IS
    'The rows of an entity that belong to these customers and that the caller may read, with their mapped attributes.';
SELECT @extschema@.set_audience('customer_rows(bigint[], text)', 'admin');

CREATE FUNCTION @extschema@.customer_360(customer_id bigint, max_events integer DEFAULT 50) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED COST 100000
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
    told AS (SELECT DISTINCT e.relation, e.record_key, e.entity, e.stage FROM event e)
    SELECT jsonb_build_object(
        'counts', (SELECT jsonb_object_agg(t.entity, t.count) FROM (SELECT entity, count(*) FROM told GROUP BY 1) t),
        'stages', (SELECT jsonb_object_agg(t.entity, t.stages)
                   FROM (SELECT s.entity, jsonb_object_agg(s.stage, s.count) AS stages
                         FROM (SELECT entity, stage, count(*) FROM told WHERE stage IS NOT NULL GROUP BY 1, 2) s GROUP BY 1) t),
        'first_at', min(e.at), 'last_at', max(e.at), 'events', count(*),
        'story', (SELECT jsonb_agg(jsonb_strip_nulls(to_jsonb(l) - 'entity' || jsonb_build_object('relation', table_name(l.relation)))
                                   ORDER BY l.at DESC, l.kind, l.record_key)
                  FROM (SELECT * FROM event v ORDER BY v.at DESC, v.kind, v.record_key LIMIT max_events) l))
    INTO story FROM event e;
    RETURN jsonb_strip_nulls(document || story) || jsonb_build_object(
        'deals', customer_rows(family, 'opportunity'),
        'open_tickets', (SELECT coalesce(jsonb_agg(t.ticket), '[]')
                         FROM jsonb_array_elements(customer_rows(family, 'ticket')) AS t (ticket)
                         WHERE NOT t.ticket ? 'resolved_at'));
END
$$;
COMMENT ON FUNCTION @extschema@.customer_360(bigint, integer) IS
    'One document of a customer: customer (golden values), organisation, people, records, counts and stages by entity, deals, '
    'open_tickets (without resolved_at), and the latest max_events of the story. Golden values, deals and tickets are of rows '
    'that the caller may read, counts, stages and story of what may be told. Error: RM201 (no such customer, or none that you '
    'may read). Example: SELECT jsonb_pretty(customer_360(42));';
