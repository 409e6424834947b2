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
    IF family IS NULL AND EXISTS (SELECT FROM customer_registry c WHERE c.customer_id = require_customer.customer_id) THEN
        RAISE EXCEPTION 'customer % is gone', customer_id
            USING ERRCODE = 'RM201', DETAIL = 'No record of it is left: its rows were deleted, or it was erased.';
    ELSIF family IS NULL OR NOT may_read_customer(family[1]) THEN
        RAISE EXCEPTION 'customer % does not exist, or you may read none of its records', customer_id
            USING ERRCODE = 'RM201', HINT = 'Look it up in @extschema@.customer, or by @extschema@.customer_of(table, key).';
    END IF;
    RETURN family;
END
$$;
COMMENT ON FUNCTION @extschema@.require_customer(bigint) IS
    'customer_family() of a customer whom the caller may read; raises RM201 where there is none.';
SELECT @extschema@.set_audience('require_customer(bigint)', 'admin');

-- Anonymous touches belong to whom the visitor was at their time; a touch that names a customer belongs to that one.
CREATE FUNCTION @extschema@.visitor_condition(relation regclass, family bigint[]) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    visitors text[];
    always boolean;
    spans text;
BEGIN
    SELECT array_agg(DISTINCT s.anonymous_id), bool_and(s.since = '-infinity' AND s.until = 'infinity'),
           string_agg(format('(%L, %L::timestamptz, %L::timestamptz)', s.anonymous_id, s.since, s.until), ', ')
    INTO visitors, always, spans
    FROM identified_span s
    WHERE s.anonymous_id IN (SELECT i.anonymous_id FROM record_link l JOIN identification i USING (record_no) WHERE l.customer_id = ANY (family))
      AND s.customer_id = ANY (family);
    IF visitors IS NULL OR NOT has_attribute(relation, 'anonymous_id') THEN
        RETURN NULL;
    END IF;
    RETURN belongs_by_key(relation, 'anonymous_id', visitors)
        || CASE WHEN has_attribute(relation, 'customer') THEN ' AND @extschema@.map_customer(r) IS NULL' ELSE '' END
        || CASE WHEN always THEN ''
                ELSE format(' AND EXISTS (SELECT FROM (VALUES %1$s) AS v (visitor, since, until) WHERE v.visitor = @extschema@.map_anonymous_id(r) '
                            'AND coalesce(%2$s, ''-infinity'') >= v.since AND coalesce(%2$s, ''-infinity'') < v.until)', spans,
                            coalesce(mapped_instant(relation, (SELECT k.at FROM story_kind k WHERE k.entity = 'touch' AND k.kind = 'touch')),
                                     'NULL::timestamptz')) END;
END
$$;
COMMENT ON FUNCTION @extschema@.visitor_condition(regclass, bigint[]) IS
    'SQL over a row r of an adopted table: whether it is of a visitor who was one of these customers then; NULL where none was identified.';
SELECT @extschema@.set_audience('visitor_condition(regclass, bigint[])', 'admin');

-- The rows of a table that belong to some customers, as an SQL condition over r; NULL where the table has no such rows.
CREATE FUNCTION @extschema@.belongs_condition(relation regclass, family bigint[]) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    adopted CONSTANT adoption := (SELECT a FROM adoption a WHERE a.relation = belongs_condition.relation);
    own CONSTANT boolean := adopted.entity IN ('customer', 'lead');
    holder CONSTANT regclass := CASE WHEN own THEN belongs_condition.relation
        ELSE (SELECT c.reference FROM adoption_attribute c WHERE c.relation = belongs_condition.relation AND c.attribute = 'customer') END;
    keys text[];
    parts text[];
BEGIN
    IF holder IS NOT NULL THEN
        keys := ARRAY(SELECT c.record_key FROM record_link l JOIN record_copy c USING (record_no)
                      WHERE l.customer_id = ANY (family) AND c.relation = holder ORDER BY 1);
        parts := ARRAY['(' || belongs_by_key(relation, CASE WHEN own THEN 'id' ELSE 'customer' END, keys) || ')'];
    END IF;
    parts := parts || ('(' || visitor_condition(relation, family) || ')');
    parts := array_remove(parts, NULL);
    RETURN CASE WHEN cardinality(parts) > 0 THEN '(' || array_to_string(parts, ' OR ') || ')' END;
END
$$;
COMMENT ON FUNCTION @extschema@.belongs_condition(regclass, bigint[]) IS
    'SQL over a row r of an adopted table: whether it belongs to one of these customers, as its record, by its reference, or as a touch '
    'of a visitor who was identified as one. NULL where no row of the table can.';
SELECT @extschema@.set_audience('belongs_condition(regclass, bigint[])', 'admin');

-- A composite key is a JSON array of its columns' texts. Written out column by column, an index on them serves it.
CREATE FUNCTION @extschema@.composite_columns(relation regclass, attribute text) RETURNS name[]
LANGUAGE plpgsql STABLE PARALLEL SAFE COST 1000 SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT CASE WHEN bool_and(c.attname IS NOT NULL) AND count(*) > 1 THEN array_agg(c.attname ORDER BY m.n) END
        FROM adoption_attribute a
        CROSS JOIN LATERAL regexp_matches(pg_get_function_sqlbody(to_regprocedure(mapping_function(a.relation, a.attribute))),
                                          '\(r\)\.("(?:[^"]|"")+"|[[:alpha:]_][[:alnum:]_$]*)', 'g') WITH ORDINALITY AS m (found, n)
        LEFT JOIN pg_attribute c ON c.attrelid = a.relation AND quote_ident(c.attname) = m.found[1] AND c.attnum > 0
        WHERE a.relation = $1 AND a.attribute = $2 AND a.expression LIKE '@extschema@.record_key(%');
END
$$;
COMMENT ON FUNCTION @extschema@.composite_columns(regclass, text) IS
    'The columns of a composite key or reference, in its order, as they are called now; NULL where the attribute is none.';
SELECT @extschema@.set_audience('composite_columns(regclass, text)', 'admin');

CREATE FUNCTION @extschema@.is_day(value text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN value OPERATOR(pg_catalog.~) '^(?!0000)[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$' THEN
    pg_catalog.substr(value, 9)::integer OPERATOR(pg_catalog.<=) CASE
        WHEN pg_catalog.substr(value, 6, 2) OPERATOR(pg_catalog.=) ANY (ARRAY['04', '06', '09', '11']) THEN 30
        WHEN pg_catalog.substr(value, 6, 2) OPERATOR(pg_catalog.<>) '02' THEN 31
        WHEN pg_catalog.mod(pg_catalog.substr(value, 1, 4)::integer, 4) OPERATOR(pg_catalog.=) 0
             AND (pg_catalog.mod(pg_catalog.substr(value, 1, 4)::integer, 100) OPERATOR(pg_catalog.<>) 0
                  OR pg_catalog.mod(pg_catalog.substr(value, 1, 4)::integer, 400) OPERATOR(pg_catalog.=) 0) THEN 29
        ELSE 28 END
    ELSE false END;
COMMENT ON FUNCTION @extschema@.is_day(text) IS
    'Whether a text is a day of the years 1 to 9999 in ISO form, which can be cast to date: is_day(''2023-02-29'') is false.';

-- Nothing is cast that could fail. Columns of other types are left to the exact condition beside this one.
CREATE FUNCTION @extschema@.key_part_condition(relation regclass, column_name name, value text) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    type CONSTANT text := key_type(relation, column_name);
    exact_type CONSTANT regtype := (SELECT a.atttypid FROM pg_attribute a WHERE a.attrelid = relation AND a.attname = column_name);
    plain CONSTANT boolean := (SELECT a.atttypid = 'uuid'::regtype OR a.atttypid IN ('text'::regtype, 'varchar'::regtype) AND o.collisdeterministic
                               FROM pg_attribute a LEFT JOIN pg_collation o ON o.oid = a.attcollation
                               WHERE a.attrelid = relation AND a.attname = column_name);
BEGIN
    RETURN CASE
        WHEN type IN ('integer', 'bigint') THEN
            CASE WHEN value !~ '^(0|-?[1-9][0-9]{0,18})$' THEN 'false'
                 WHEN value::numeric BETWEEN -2147483648 AND 2147483647 OR type = 'bigint' AND length(value) < 19
                     THEN format('r.%I = %s', column_name, value)
                 WHEN type = 'bigint' THEN 'true' ELSE 'false' END
        WHEN type = 'uuid' AND value !~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN 'false'
        WHEN plain THEN format('r.%I = %L', column_name, value)
        WHEN exact_type = 'date'::regtype AND is_day(value) THEN format('r.%I = %L::date', column_name, value)
        WHEN (SELECT t.typtype = 'e' FROM pg_type t WHERE t.oid = exact_type) THEN
            CASE WHEN EXISTS (SELECT FROM pg_enum e WHERE e.enumtypid = exact_type AND e.enumlabel::text = value)
                 THEN format('r.%I = %L::%s', column_name, value, exact_type) ELSE 'false' END
        ELSE 'true' END;
END
$$;
COMMENT ON FUNCTION @extschema@.key_part_condition(regclass, name, text) IS
    'SQL over a row r: whether a column of a key has this text, for an index; true where that cannot be said so.';
SELECT @extschema@.set_audience('key_part_condition(regclass, name, text)', 'admin');

CREATE FUNCTION @extschema@.belongs_by_key(relation regclass, attribute text, keys text[]) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    columns CONSTANT name[] := composite_columns(relation, attribute);
    bare CONSTANT name := (SELECT m.column_name FROM mapped_column(relation, attribute) m);
    exact CONSTANT text := format('@extschema@.%I(r) = ANY (%L::text[])', 'map_' || attribute, keys);
    by_parts text := CASE WHEN cardinality(keys) = 1 AND bare IS NOT NULL THEN key_part_condition(relation, bare, keys[1]) END;
BEGIN
    IF cardinality(keys) = 0 THEN
        RETURN 'false';
    ELSIF by_parts <> 'true' THEN -- an index on the reference and the time gives the order too
        RETURN by_parts;
    ELSIF columns IS NULL OR cardinality(keys) > 100 THEN
        RETURN key_condition(relation, attribute, format('%L::text[]', keys));
    END IF;
    SELECT string_agg('(' || k.parts || ')', ' OR ') INTO by_parts
    FROM (SELECT (SELECT string_agg(key_part_condition(relation, columns[p.n], p.part), ' AND ' ORDER BY p.n)
                  FROM jsonb_array_elements_text(key::jsonb) WITH ORDINALITY AS p (part, n)) AS parts
          FROM unnest(keys) AS key WHERE key LIKE '[%]') k;
    RETURN coalesce('(' || by_parts || ') AND ', '') || exact;
END
$$;
COMMENT ON FUNCTION @extschema@.belongs_by_key(regclass, text, text[]) IS
    'key_condition for keys that are known: a single one by equality, composite ones by their columns, for up to 100 of them.';
SELECT @extschema@.set_audience('belongs_by_key(regclass, text, text[])', 'admin');

-- What may be told of a table's rows. Inside of rows_as_owner nobody asks, since there code of the table's owner runs too: what
-- decides comes out with the rows as text[], and the condition of the policies is asked over that.
CREATE FUNCTION @extschema@.access_terms(relation regclass, privilege text, grade text, reads text, object text, fallback text,
                                          OUT decides text, OUT source text, OUT condition text)
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    plan protection;
    names text[];
BEGIN
    decides := 'NULL::text[]';
    source := 'SELECT';
    IF coalesce(grade, 'none') = 'none' THEN
        condition := 'false';
    ELSIF grade = 'all' THEN
        condition := 'true';
    ELSIF NOT EXISTS (SELECT FROM protection p WHERE p.relation = access_terms.relation) THEN
        decides := CASE WHEN has_attribute(relation, 'unit') THEN 'ARRAY[@extschema@.map_unit(r)::text]' ELSE 'ARRAY[NULL::text]' END;
        condition := format('@extschema@.visible(t.decides[1], %L, %L, NULL, %L)', object, privilege, fallback);
    ELSE
        SELECT p.* INTO plan FROM protection p WHERE p.relation = access_terms.relation;
        names := ARRAY(SELECT n FROM deciding_names(plan) n ORDER BY 1);
        SELECT format('ARRAY[(%s)::text, %s]::text[]', coalesce(policy_key(plan, 'r'), 'NULL'), string_agg(format('r.%I::text', n), ', ' ORDER BY i)),
               format('SELECT %s', string_agg(format('t.decides[%s] AS %I', i + 1, n), ', ' ORDER BY i))
        INTO decides, source FROM unnest(names) WITH ORDINALITY AS u (n, i);
        condition := policy_condition(plan, privilege, 's');
        IF policy_key(plan, 's') IS NOT NULL THEN -- the row itself stays inside
            condition := replace(condition, '@extschema@.shared(' || policy_key(plan, 's'), '@extschema@.shared(t.decides[1]');
            IF privilege = 'story' AND reads <> 'none' THEN -- what is shared to be read may be told
                condition := condition || format(' OR @extschema@.shared(t.decides[1], %L::regclass, ''read'') AND %s AND %s', plan.relation,
                                                 policy_undenied(plan, 'read', 's'), policy_undenied(plan, 'story', 's'));
            END IF;
        END IF;
        condition := '(' || condition || ')';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.access_terms(regclass, text, text, text, text, text) IS
    'Whether the caller may read (privilege read) or be told of (story) the rows of an adopted table, by what record_access() says of it '
    '(grade is its reads or tells): decides is SQL over a row r inside '
    'of rows_as_owner, source is a query over its result t that gives the deciding columns their names, as s, and condition is to be asked '
    'over both.';
SELECT @extschema@.set_audience('access_terms(regclass, text, text, text, text, text)', 'admin');

CREATE FUNCTION @extschema@.access_terms(relation regclass, privilege text, OUT decides text, OUT source text, OUT condition text)
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
BEGIN
    SELECT x.* INTO decides, source, condition
    FROM record_access() g, access_terms(g.relation, privilege, CASE privilege WHEN 'story' THEN g.tells ELSE g.reads END, g.reads, g.object, g.fallback) x
    WHERE g.relation = access_terms.relation;
END
$$;
COMMENT ON FUNCTION @extschema@.access_terms(regclass, text) IS 'The same for one table, of which it asks record_access().';
SELECT @extschema@.set_audience('access_terms(regclass, text)', 'admin');

-- An attribute as timestamptz: days begin in the zone of the adoption.
CREATE FUNCTION @extschema@.mapped_instant(relation regclass, attributes text[]) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT CASE WHEN count(*) > 1 THEN 'COALESCE' ELSE '' END || '(' || string_agg(
                   CASE k.kind WHEN 'date' THEN format('@extschema@.%I(r)::timestamp AT TIME ZONE %L', 'map_' || w.attribute, a.zone)
                               ELSE format('@extschema@.%I(r)', 'map_' || w.attribute) END, ', ' ORDER BY w.position) || ')'
        FROM adoption a
        CROSS JOIN unnest(attributes) WITH ORDINALITY AS w (attribute, position)
        JOIN adoption_attribute m ON m.relation = a.relation AND m.attribute = w.attribute
        JOIN entity_attribute k ON k.entity = a.entity AND k.attribute = w.attribute
        WHERE a.relation = mapped_instant.relation);
END
$$;
COMMENT ON FUNCTION @extschema@.mapped_instant(regclass, text[]) IS
    'SQL over a row r: the first of these attributes that has a value, as timestamptz; NULL where none is mapped.';
SELECT @extschema@.set_audience('mapped_instant(regclass, text[])', 'admin');

CREATE FUNCTION @extschema@.mapped_subject(relation regclass, attributes text[]) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT COALESCE('NULLIF(concat_ws('' '', ' || string_agg(format('@extschema@.%I(r)::text', 'map_' || w.attribute), ', '
                                                                 ORDER BY w.position) || '), '''')', 'NULL::text')
        FROM unnest(attributes) WITH ORDINALITY AS w (attribute, position)
        JOIN adoption_attribute m ON m.relation = mapped_subject.relation AND m.attribute = w.attribute);
END
$$;
COMMENT ON FUNCTION @extschema@.mapped_subject(regclass, text[]) IS 'SQL over a row r: these attributes in a row, as text.';
SELECT @extschema@.set_audience('mapped_subject(regclass, text[])', 'admin');

-- Rooms to the right know what values mean: they register who says it.
CREATE TABLE @extschema@.story_label (
    attribute text PRIMARY KEY,
    function_name text NOT NULL
);
COMMENT ON TABLE @extschema@.story_label IS
    'Functions(relation regclass, value text) -> text that say what a team''s value of an attribute is called; NULL where they do not '
    'know. Shipped.';

CREATE FUNCTION @extschema@.story_label_of(relation regclass, attribute text, value text) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE COST 1000 SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    named CONSTANT text := (SELECT l.function_name FROM story_label l WHERE l.attribute = $2);
    label text;
BEGIN
    IF named IS NOT NULL AND value IS NOT NULL THEN
        EXECUTE format('SELECT @extschema@.%I($1, $2)', named) INTO label USING relation, value;
    END IF;
    RETURN coalesce(label, value);
END
$$;
COMMENT ON FUNCTION @extschema@.story_label_of(regclass, text, text) IS 'What a team''s value is called in the story; the value where nobody says.';
SELECT @extschema@.set_audience('story_label_of(regclass, text, text)', 'admin');

CREATE TYPE @extschema@.story_event AS (at timestamptz, kind text, department text, relation regclass, record_key text, subject text,
                                        stage text);
COMMENT ON TYPE @extschema@.story_event IS
    'A row of customer_timeline: when, what kind of event, the department and table that know of it, the key of its row, what it was '
    'about, and the stage that the row has now.';

-- Events are ordered by time, kind, table and key. Of one table and kind, those behind an event are these.
CREATE FUNCTION @extschema@.behind_condition(at text, kind text, relation regclass, behind @extschema@.story_event, newest_first boolean)
RETURNS text LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT CASE
        WHEN behind IS NULL THEN ''
        WHEN o.here = o.there THEN format(' AND %1$s %2$s= %3$L::timestamptz AND (%1$s %2$s %3$L::timestamptz OR %1$s = %3$L::timestamptz AND @extschema@.map_id(r)::text COLLATE "C" %2$s %4$L)',
                                          at, o.sign, behind.at, behind.record_key)
        WHEN (o.here > o.there) = (o.sign = '>') THEN format(' AND %s %s= %L::timestamptz', at, o.sign, behind.at)
        ELSE format(' AND %s %s %L::timestamptz', at, o.sign, behind.at) END
    FROM (SELECT ARRAY[kind, table_name(relation)] COLLATE "C" AS here, ARRAY[behind.kind, table_name(behind.relation)] COLLATE "C" AS there,
                 CASE WHEN newest_first THEN '<' ELSE '>' END AS sign) o
$$;
COMMENT ON FUNCTION @extschema@.behind_condition(text, text, regclass, @extschema@.story_event, boolean) IS
    'SQL over a row r, AND in front: whether its event of this kind, at the time that at says, comes behind another; empty for NULL.';
SELECT @extschema@.set_audience('behind_condition(text, text, regclass, story_event, boolean)', 'admin');

CREATE FUNCTION @extschema@.granted_of(attributes text[], granted text[]) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN granted IS NULL THEN attributes
            ELSE ARRAY(SELECT a FROM pg_catalog.unnest(attributes) WITH ORDINALITY AS u (a, n)
                       WHERE a OPERATOR(pg_catalog.=) ANY (granted) ORDER BY n) END;
COMMENT ON FUNCTION @extschema@.granted_of(text[], text[]) IS
    'Those of some attributes, in their order, that somebody may know (record_access().attributes); all where that is NULL.';

-- One arm for each table and kind. An arm that is all open brings no more than max_rows out; of others nobody knows before
-- who may see them.
CREATE FUNCTION @extschema@.story_query(family bigint[], since timestamptz, until timestamptz, max_rows integer,
                                        behind @extschema@.story_event, newest_first boolean) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    way CONSTANT text := CASE WHEN newest_first THEN 'DESC' ELSE 'ASC' END;
    arms text;
BEGIN
    SELECT string_agg(format(
        'SELECT t.at, %1$L::text COLLATE "C" AS kind, %2$L::text AS department, %3$s::regclass AS relation, %4$L::text COLLATE "C" AS name, '
        't.record_key COLLATE "C" AS record_key, t.subject, t.stage, %5$L::text AS entity '
        'FROM rows_as_owner(%3$s::regclass, %6$L) AS t (at timestamptz, record_key text, subject text, stage text, decides text[]) '
        'CROSS JOIN LATERAL (%7$s) s WHERE %8$s',
        q.kind, q.department, q.relation::oid, table_name(q.relation), q.entity,
        format('SELECT %1$s AS at, @extschema@.map_id(r)::text AS record_key, %2$s AS subject, %3$s AS stage, %4$s AS decides '
               'FROM %5$s r WHERE %6$s AND %1$s IS NOT NULL%7$s%8$s',
               q.at, mapped_subject(q.relation, q.subject),
               CASE WHEN q.staged AND has_attribute(q.relation, 'stage') THEN '@extschema@.map_stage(r)::text' ELSE 'NULL::text' END,
               q.decides, q.relation, q.belongs,
               coalesce(' AND ' || q.at || ' >= ' || quote_literal(since) || '::timestamptz', '')
               || coalesce(' AND ' || q.at || ' < ' || quote_literal(until) || '::timestamptz', '')
               || behind_condition(q.at, q.kind, q.relation, behind, newest_first),
               CASE WHEN q.condition = 'true' AND max_rows IS NOT NULL THEN
                   format(' ORDER BY %1$s %2$s, @extschema@.map_id(r)::text COLLATE "C" %2$s LIMIT %3$s', q.at, way, max_rows) ELSE '' END),
        q.source, q.condition), ' UNION ALL ' ORDER BY table_name(q.relation), q.kind)
    INTO arms
    FROM (SELECT m.*, k.kind, granted_of(k.subject, m.attributes) AS subject, mapped_instant(m.relation, granted_of(k.at, m.attributes)) AS at
          FROM (SELECT a.relation, a.department, a.entity, x.*, belongs_condition(a.relation, family) AS belongs, g.attributes,
                       coalesce('stage' = ANY (g.attributes), true) AS staged
                FROM adoption a
                JOIN record_access() g ON g.relation = a.relation AND (g.tells <> 'none' OR g.shows = 'all')
                CROSS JOIN LATERAL access_terms(a.relation, 'story', CASE g.shows WHEN 'all' THEN 'all' ELSE g.tells END, g.shows, g.object,
                                                g.fallback) x
                WHERE a.entity IN (SELECT k.entity FROM story_kind k) OFFSET 0) m
          JOIN story_kind k ON k.entity = m.entity
          WHERE m.belongs IS NOT NULL AND m.belongs <> '((false))') q
    WHERE q.at IS NOT NULL;
    RETURN arms || format(' ORDER BY at %1$s, kind %1$s, name %1$s, record_key %1$s%2$s', way, coalesce(' LIMIT ' || max_rows, ''));
END
$$;
COMMENT ON FUNCTION @extschema@.story_query(bigint[], timestamptz, timestamptz, integer, story_event, boolean) IS
    'A query for the story of these customers from since until before until, behind an event, as far as the caller may be told it; '
    'NULL where there is nothing to ask.';
SELECT @extschema@.set_audience('story_query(bigint[], timestamptz, timestamptz, integer, story_event, boolean)', 'admin');

CREATE FUNCTION @extschema@.customer_story(family bigint[], since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL,
                                           max_rows integer DEFAULT NULL, behind @extschema@.story_event DEFAULT NULL,
                                           newest_first boolean DEFAULT false)
RETURNS TABLE (at timestamptz, kind text, department text, relation regclass, name text, record_key text, subject text, stage text,
               entity text)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 50 COST 10000 SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    query CONSTANT text := story_query(family, since, until, max_rows, behind, newest_first);
BEGIN
    IF query IS NOT NULL THEN
        RETURN QUERY EXECUTE query;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.customer_story(bigint[], timestamptz, timestamptz, integer, story_event, boolean) IS
    'The story of these customers, as far as the caller may be told it; name is the table''s, with schema, stage as the team writes it.';
SELECT @extschema@.set_audience('customer_story(bigint[], timestamptz, timestamptz, integer, story_event, boolean)', 'admin');

CREATE FUNCTION @extschema@.customer_timeline(customer_id bigint, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL,
                                              max_rows integer DEFAULT NULL, behind @extschema@.story_event DEFAULT NULL,
                                              newest_first boolean DEFAULT false)
RETURNS SETOF @extschema@.story_event
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 50 COST 10000
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off
AS $$
BEGIN
    IF max_rows < 0 THEN
        RAISE EXCEPTION 'max_rows must not be negative' USING ERRCODE = 'RM005', HINT = 'Leave it out for the whole story.';
    END IF;
    RETURN QUERY SELECT s.at, s.kind, s.department, s.relation, s.record_key, s.subject,
                        CASE WHEN s.stage IS NOT NULL THEN story_label_of(s.relation, 'stage', s.stage) END
                 FROM customer_story(require_customer(customer_id), since, until, max_rows, behind, coalesce(newest_first, false)) s;
END
$$;
COMMENT ON FUNCTION @extschema@.customer_timeline(bigint, timestamptz, timestamptz, integer, story_event, boolean) IS
    'The story of a customer, oldest first: what each adopted table knows of its records, of what refers to them, and of visitors who were '
    'identified as it. An organisation''s includes that of its people. since is included, until is not; max_rows ends it; behind is the '
    'last row of the page before, and newest_first turns the order. stage is the one the row has now, as its funnel calls it. Rows of '
    'protected tables need the privilege story. Errors: RM201 (no such customer, or none that you may read), RM005. Example: '
    'SELECT t FROM customer_timeline(42, max_rows => 50, newest_first => true) t; and for the next page behind => the last t.';
