-- Reading the rows of a tracked table, by its mapping, as SQL text for the triggers and the backfill.

CREATE FUNCTION @extschema@.finite(at timestamptz) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN pg_catalog.isfinite(at) THEN at END;
COMMENT ON FUNCTION @extschema@.finite(timestamptz) IS 'The time; NULL for infinity, which is when nothing happened.';

CREATE FUNCTION @extschema@.mapped(relation pg_catalog.regclass, attribute text, cast_to text DEFAULT 'text') RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN CASE WHEN has_attribute(relation, attribute) THEN format('%I(x.r)::%s', 'map_' || attribute, cast_to)
                ELSE 'NULL::' || cast_to END;
COMMENT ON FUNCTION @extschema@.mapped(pg_catalog.regclass, text, text) IS
'SQL that reads an attribute of the row x.r; NULL where it is not mapped.';

CREATE FUNCTION @extschema@.mapped_time(relation pg_catalog.regclass, VARIADIC attributes text[]) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN (
        SELECT coalesce('finite(coalesce(' || string_agg(
                   CASE WHEN e.kind = 'date' THEN format('map_%s(x.r)::timestamp AT TIME ZONE %L', e.attribute, a.zone)
                        ELSE format('map_%s(x.r)', e.attribute) END, ', ' ORDER BY n) || '))', 'NULL::timestamptz')
        FROM adoption a
        JOIN entity_attribute e ON e.entity = a.entity
        JOIN unnest(attributes) WITH ORDINALITY w (attribute, n) ON w.attribute = e.attribute
        WHERE a.relation = mapped_time.relation AND has_attribute(a.relation, e.attribute));
COMMENT ON FUNCTION @extschema@.mapped_time(pg_catalog.regclass, text[]) IS
'SQL that reads the first of some times of the row x.r that is mapped and not NULL; dates begin at midnight of the zone.';

-- Rows of a transition table or partition are composed by name: their columns may stand in another order.
CREATE FUNCTION @extschema@.rows_of(relation pg_catalog.regclass, source text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN (SELECT format('(SELECT ROW(%s)::%s AS r FROM %s s) x',
                          string_agg(format('s.%I', a.attname), ', ' ORDER BY a.attnum), relation, source)
            FROM pg_attribute a WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped);
COMMENT ON FUNCTION @extschema@.rows_of(pg_catalog.regclass, text) IS
'SQL for the rows x.r of an adopted table, from a transition table, a partition or the table itself.';

CREATE FUNCTION @extschema@.column_rows(relation pg_catalog.regclass, source text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN format(
        'SELECT map_id(x.r)::text AS record_key, nullif(btrim(%s), '''') AS value, %s AS begun, %s AS closed, %s AS live, '
        '%s AS ended, coalesce(%s, a.fallback_unit) AS unit, %s AS customer_key '
        'FROM %s JOIN adoption a ON a.relation = %L::oid',
        mapped(relation, 'stage'),
        mapped_time(relation, 'opened_at', 'started_at', 'at', 'started_on', 'created_at'),
        mapped_time(relation, 'closed_at', 'resolved_at'),
        mapped_time(relation, 'live_at'),
        mapped_time(relation, 'ended_on'),
        mapped(relation, 'unit'),
        mapped(relation, 'customer'),
        rows_of(relation, source), relation::oid);
COMMENT ON FUNCTION @extschema@.column_rows(pg_catalog.regclass, text) IS
'SQL for what tracking needs of rows that hold their present stage: record_key, value, begun, closed, live, ended (times that '
'the row tells), unit, customer_key.';

CREATE FUNCTION @extschema@.event_rows(relation pg_catalog.regclass, source text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN format(
        'SELECT map_id(x.r)::text AS source_key, %s AS record_key, nullif(btrim(%s), '''') AS value, finite(%s) AS at, '
        '%s AS by, coalesce(%s, a.fallback_unit) AS unit '
        'FROM %s JOIN adoption a ON a.relation = %L::oid WHERE %s IS NOT NULL AND btrim(%s) <> '''' AND %s',
        mapped(relation, 'record'), mapped(relation, 'stage'), mapped(relation, 'at', 'timestamptz'),
        mapped(relation, 'by'), mapped(relation, 'unit'),
        rows_of(relation, source), relation::oid,
        mapped(relation, 'record'), mapped(relation, 'stage'),
        CASE WHEN has_attribute(relation, 'of')
             THEN format('EXISTS (SELECT FROM tracking t JOIN funnel f USING (funnel) WHERE t.relation = a.relation '
                         'AND f.subject IN (''customer'', lower(%s)))', mapped(relation, 'of'))
             ELSE 'true' END);
COMMENT ON FUNCTION @extschema@.event_rows(pg_catalog.regclass, text) IS
'SQL for what tracking needs of an event log: source_key, record_key, value, at, by, unit. Events without record or stage, '
'and of other entities than the funnel''s subject, are left out.';
SELECT @extschema@.set_audience('column_rows(regclass, text)', 'admin');
SELECT @extschema@.set_audience('event_rows(regclass, text)', 'admin');
