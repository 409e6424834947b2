-- Reading the rows of a tracked table, by its mapping: SQL text that a backfill executes, and that the triggers of event logs and of
-- columns with times keep a plan of until the table or what is tracked changes (C: funnel/track_feed.h). It gives the rows in arrays of
-- limited size, which the functions that write transitions (44-write.sql) take with plans of their own.

CREATE FUNCTION @extschema@.finite(at timestamptz) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN pg_catalog.isfinite(at) THEN at END;
COMMENT ON FUNCTION @extschema@.finite(timestamptz) IS 'The time; NULL for infinity, which is when nothing happened.';

CREATE FUNCTION @extschema@.mapped(relation pg_catalog.regclass, attribute text, cast_to text DEFAULT 'text') RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    -- an enum's cast to text may be its owner's own, and transition tables are read with crm's rights: key_text asks the type
    RETURN CASE WHEN NOT has_attribute(relation, attribute) THEN 'NULL::' || cast_to
                WHEN cast_to = 'text' AND (SELECT t.typtype = 'e' FROM pg_proc p JOIN pg_type t ON t.oid = p.prorettype
                                           WHERE p.oid = to_regprocedure(mapping_function(relation, attribute))) THEN format('key_text(%I(x.r))', 'map_' || attribute)
                ELSE format('%I(x.r)::%s', 'map_' || attribute, cast_to) END;
END
$$;
COMMENT ON FUNCTION @extschema@.mapped(pg_catalog.regclass, text, text) IS
'SQL that reads an attribute of the row x.r; NULL where it is not mapped.';

CREATE FUNCTION @extschema@.mapped_time(relation pg_catalog.regclass, VARIADIC attributes text[]) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN (
        SELECT coalesce('finite(coalesce(' || string_agg(
                   CASE WHEN e.kind = 'date' THEN format('map_%s(x.r)::timestamp AT TIME ZONE %L', e.attribute, a.zone)
                        ELSE format('map_%s(x.r)', e.attribute) END, ', ' ORDER BY n) || '))', 'NULL::timestamptz')
        FROM adoption a
        JOIN entity_attribute e ON e.entity = a.entity
        JOIN unnest(attributes) WITH ORDINALITY w (attribute, n) ON w.attribute = e.attribute
        WHERE a.relation = mapped_time.relation AND has_attribute(a.relation, e.attribute));
END
$$;
COMMENT ON FUNCTION @extschema@.mapped_time(pg_catalog.regclass, text[]) IS
'SQL that reads the first of some times of the row x.r that is mapped and not NULL; dates begin at midnight of the zone.';

-- Rows of a transition table or partition are composed by name: their columns may stand in another order.
CREATE FUNCTION @extschema@.rows_of(relation pg_catalog.regclass, source text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN (SELECT format('(SELECT ROW(%s)::%s AS r FROM %s s) x',
                          string_agg(format('s.%I', a.attname), ', ' ORDER BY a.attnum), relation, source)
            FROM pg_attribute a WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped);
END
$$;
COMMENT ON FUNCTION @extschema@.rows_of(pg_catalog.regclass, text) IS
'SQL for the rows x.r of an adopted table, from a transition table, a partition or the table itself.';

CREATE TYPE @extschema@.tracked_row AS (record_key text, value text, begun timestamptz, closed timestamptz, live timestamptz,
                                       ended timestamptz, unit text, customer_key text, anonymous_id text, old_value text,
                                       old_customer_key text, old_anonymous_id text, event text);
COMMENT ON TYPE @extschema@.tracked_row IS
'What tracking needs of a row that holds its present stage: value is the stage as the team writes it; begun, closed, live and '
'ended are times that the row tells; anonymous_id is the visitor where the row names no customer; event is insert, update or delete of this record key.';

CREATE TYPE @extschema@.event_row AS (source_key text, record_key text, value text, at timestamptz, by text, unit text);
COMMENT ON TYPE @extschema@.event_row IS 'What tracking needs of a row of an event log.';

CREATE FUNCTION @extschema@.in_chunks(rows text, type text, sort text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN format('SELECT array_agg(c.t ORDER BY c.n) FROM (SELECT ROW(q.*)::%s AS t, row_number() OVER (ORDER BY q.%I) AS n '
                  'FROM (%s) q) c GROUP BY (c.n - 1) / 20000 ORDER BY (c.n - 1) / 20000', type, sort, rows);
END
$$;
COMMENT ON FUNCTION @extschema@.in_chunks(text, text, text) IS
'SQL that gives rows as arrays of at most 20,000, so that a statement of any size fits in memory; none where there are none.';

-- A table of a team is read with its owner's rights; a transition table is the trigger's own.
CREATE FUNCTION @extschema@.from_source(source text, query text, type text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN CASE WHEN source IN ('crm_new', 'crm_old') THEN query
                ELSE format('SELECT t.value FROM rows_as_owner(%L::regclass, %L) AS t (value %s)', source, query, type) END;
END
$$;
COMMENT ON FUNCTION @extschema@.from_source(text, text, text) IS
'A query of one column of a type over a source, with the rights that the source needs.';

CREATE FUNCTION @extschema@.source_keys(relation pg_catalog.regclass, source text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN from_source(source, format('SELECT map_id(x.r)::text FROM %s', rows_of(relation, source)), 'text');
END
$$;
COMMENT ON FUNCTION @extschema@.source_keys(pg_catalog.regclass, text) IS 'SQL for the keys of all rows of a source.';

CREATE FUNCTION @extschema@.column_rows(relation pg_catalog.regclass, source text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN format(
        'SELECT map_id(x.r)::text AS record_key, nullif(btrim(%s), '''') AS value, %s AS begun, %s AS closed, %s AS live, '
        '%s AS ended, coalesce(%s, %L) AS unit, %s AS customer_key, CASE WHEN %s IS NULL THEN %s END AS anonymous_id FROM %s',
        mapped(relation, 'stage'),
        mapped_time(relation, 'opened_at', 'started_at', 'at', 'started_on', 'created_at'),
        mapped_time(relation, 'closed_at', 'resolved_at'),
        mapped_time(relation, 'live_at'),
        mapped_time(relation, 'ended_on'),
        mapped(relation, 'unit'),
        (SELECT a.fallback_unit FROM adoption a WHERE a.relation = column_rows.relation),
        mapped(relation, 'customer'),
        mapped(relation, 'customer'),
        mapped(relation, 'anonymous_id'),
        rows_of(relation, source));
END
$$;
COMMENT ON FUNCTION @extschema@.column_rows(pg_catalog.regclass, text) IS
'SQL for the first attributes of tracked_row of the rows of a source.';

CREATE FUNCTION @extschema@.inserted_rows(relation pg_catalog.regclass, source text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN from_source(source,
                       in_chunks(format('SELECT i.*, NULL::text, NULL::text, NULL::text, ''insert'' FROM (%s) i', column_rows(relation, source)),
                                 'tracked_row', 'record_key'), 'tracked_row[]');
END
$$;
COMMENT ON FUNCTION @extschema@.inserted_rows(pg_catalog.regclass, text) IS
'SQL for all rows of a source, as arrays of tracked_row.';

CREATE FUNCTION @extschema@.event_rows(relation pg_catalog.regclass, source text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN from_source(source, in_chunks(format(
        'SELECT map_id(x.r)::text AS source_key, %s AS record_key, nullif(btrim(%s), '''') AS value, finite(%s) AS at, '
        '%s AS by, coalesce(%s, %L) AS unit FROM %s WHERE %s IS NOT NULL AND btrim(%s) <> '''' AND %s',
        mapped(relation, 'record'), mapped(relation, 'stage'), mapped(relation, 'at', 'timestamptz'),
        mapped(relation, 'by'), mapped(relation, 'unit'),
        (SELECT a.fallback_unit FROM adoption a WHERE a.relation = event_rows.relation),
        rows_of(relation, source),
        mapped(relation, 'record'), mapped(relation, 'stage'),
        CASE WHEN has_attribute(relation, 'of') THEN
             (SELECT CASE f.subject WHEN 'customer' THEN 'true' ELSE format('lower(%s) = %L', mapped(t.relation, 'of'), f.subject) END
              FROM tracking t JOIN funnel f USING (funnel) WHERE t.relation = event_rows.relation)
             ELSE 'true' END), 'event_row', 'record_key'), 'event_row[]');
END
$$;
COMMENT ON FUNCTION @extschema@.event_rows(pg_catalog.regclass, text) IS
'SQL for the events of a source, as arrays of event_row. Events without record or stage, and of other entities than the '
'funnel''s subject, are left out.';
-- Found by an index on the key where there is one (key_condition).
CREATE FUNCTION @extschema@.record_context(relation pg_catalog.regclass, keys text[])
    RETURNS TABLE (record_key text, unit text, customer_relation pg_catalog.regclass, customer_key text)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    target adoption;
BEGIN
    SELECT * INTO target FROM adoption a WHERE a.relation = record_context.relation;
    IF NOT FOUND OR target.entity = 'stage_change' THEN
        RETURN;
    END IF;
    RETURN QUERY SELECT c.record_key, c.unit, (SELECT a.reference FROM adoption_attribute a
                                               WHERE a.relation = target.relation AND a.attribute = 'customer'), c.customer_key
    FROM rows_as_owner(relation, format(
        'SELECT map_id(x.r)::text, coalesce(%s, %L), %s FROM (SELECT r FROM %s r WHERE %s) x',
        mapped(relation, 'unit'), target.fallback_unit, mapped(relation, 'customer'), relation,
        key_condition(relation, 'id', format('%L::text[]', keys)))) AS c (record_key text, unit text, customer_key text);
END
$$;
COMMENT ON FUNCTION @extschema@.record_context(pg_catalog.regclass, text[]) IS
'The unit and customer of records of an adopted table, by key; no row where the table is not adopted.';
SELECT @extschema@.set_audience('record_context(regclass, text[])', 'admin');
SELECT @extschema@.set_audience('column_rows(regclass, text)', 'admin');
SELECT @extschema@.set_audience('inserted_rows(regclass, text)', 'admin');
SELECT @extschema@.set_audience('event_rows(regclass, text)', 'admin');
