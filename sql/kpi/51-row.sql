-- The rows behind the numbers: for explanations, and for what no sum can tell (medians, different values).

CREATE FUNCTION @extschema@.row_day(value date, zone text) RETURNS date
    LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN CASE WHEN pg_catalog.isfinite(value) THEN value END;
COMMENT ON FUNCTION @extschema@.row_day(date, text) IS 'A date as the day of a component, as it is; NULL for infinity.';
CREATE FUNCTION @extschema@.row_day(value timestamptz, zone text) RETURNS date
    LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN CASE WHEN pg_catalog.isfinite(value) THEN pg_catalog.timezone(zone, value)::date END;
COMMENT ON FUNCTION @extschema@.row_day(timestamptz, text) IS 'A time as the day of a component in a zone; NULL for infinity.';

CREATE FUNCTION @extschema@.component_source(relation pg_catalog.regclass, entity text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT format('(SELECT %s%s) x', string_agg(selected_attribute(component_source.relation, e.attribute, e.kind), ', '), ' FROM ' || component_source.relation || ' r')
    FROM entity_attribute e WHERE e.entity = component_source.entity
$$;
COMMENT ON FUNCTION @extschema@.component_source(pg_catalog.regclass, text) IS
'The rows of a table with the attributes of its entity by their names, for FROM; without a table one row in which they are all NULL.';
SELECT @extschema@.set_audience('component_source(regclass, text)', 'internal');

CREATE FUNCTION @extschema@.component_columns(entity text, attributes text[]) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT string_agg(format(CASE WHEN e.attribute IS NOT NULL THEN 'x.%1$I::text AS %1$I' ELSE 'NULL::text AS %1$I' END, a.name), ', ' ORDER BY a.n)
    FROM unnest(component_columns.attributes) WITH ORDINALITY a (name, n)
    LEFT JOIN entity_attribute e ON e.entity = component_columns.entity AND e.attribute = a.name
$$;
COMMENT ON FUNCTION @extschema@.component_columns(text, text[]) IS
'SQL that selects these attributes from component_source as text, each under its name; NULL where the entity has none of that name.';
SELECT @extschema@.set_audience('component_columns(text, text[])', 'internal');

CREATE FUNCTION @extschema@.component_query(instance @extschema@.kpi_instance, measure text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    adopted CONSTANT text := (SELECT a.entity FROM adoption a WHERE a.relation = (instance).relation);
    sum CONSTANT text := (instance).sums[array_position((instance).sum_names, measure)];
BEGIN
    RETURN format('SELECT x.id::text, coalesce(@extschema@.row_day(%s, %L)%s), %s, %s, %s FROM %s WHERE %s',
                  (instance).day, (instance).zone, CASE (instance).undated WHEN 'beginning' THEN ', ''-infinity''' ELSE '' END,
                  CASE WHEN measure = 'count' THEN '1::numeric' WHEN sum IS NOT NULL THEN format('(%s)::numeric', sum) ELSE 'NULL::numeric' END,
                  CASE WHEN EXISTS (SELECT FROM entity_attribute e WHERE e.entity = adopted AND e.attribute = measure) THEN format('x.%I::text', measure)
                       ELSE 'NULL::text' END, -- also where a sum has its name: different values are not added up
                  component_columns(adopted, '{unit,stage,campaign,channel,product,owner,segment,currency}'),
                  component_source((instance).relation, adopted), coalesce((instance).filter, 'true'));
END
$$;
COMMENT ON FUNCTION @extschema@.component_query(@extschema@.kpi_instance, text) IS
'A query, to be read with the rights of the table''s owner, for the rows of a component of a table: key, day, measure, the value of the attribute '
'of that name, and dimensions as the table has them.';
SELECT @extschema@.set_audience('component_query(kpi_instance, text)', 'internal');

CREATE FUNCTION @extschema@.component_rows(component text, measure text) RETURNS SETOF @extschema@.kept_row
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 10000 COST 1000000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET enable_nestloop = off AS $$
DECLARE
    each kpi_instance;
    customers regclass;
BEGIN
    FOR each IN SELECT i.* FROM kpi_instance i WHERE i.component = component_rows.component ORDER BY i.relation::oid LOOP
        IF each.relation = 'transition_log'::regclass THEN
            RETURN QUERY
            SELECT t.relation, t.record_key, row_day(t.at, each.zone), 1::bigint, 1::numeric, NULL::text, NULL::boolean, t.unit,
                   t.funnel || ':' || t.to_stage, NULL::text, NULL::text, NULL::text, NULL::text, NULL::text, NULL::text
            FROM transition_log t WHERE t.first_entry AND isfinite(t.at);
            CONTINUE;
        ELSIF each.relation = 'record_clock'::regclass THEN -- as clock_cell counts them
            RETURN QUERY EXECUTE format(
                'SELECT c.relation, c.record_key, row_day(%s, $1), 1::bigint, %s, NULL::text, NULL::boolean, c.unit, c.stage, NULL::text, c.channel, c.product, '
                    'c.owner, c.segment, NULL::text '
                'FROM (SELECT c.* FROM clock_table t CROSS JOIN unnest(''{true,false}''::boolean[]) o (open) CROSS JOIN LATERAL clock_current(t.relation, o.open) c) c '
                'WHERE (%s) AND NOT ($2 AND c.due_at >= now())',
                each.day, CASE WHEN component_rows.measure = 'count' THEN '1::numeric'
                               ELSE coalesce(format('(%s)::numeric', each.sums[array_position(each.sum_names, component_rows.measure)]), 'NULL::numeric') END,
                coalesce(each.filter, 'true'))
            USING each.zone, each.component = 'clock_running';
            CONTINUE;
        END IF;
        IF NOT hold_adopted(each.relation) THEN -- before its name is written into a query
            RAISE EXCEPTION 'table % is gone', (SELECT a.name FROM adoption a WHERE a.relation = each.relation) USING ERRCODE = 'serialization_failure', HINT = 'Read again.';
        END IF;
        SELECT m.reference INTO customers FROM adoption_attribute m WHERE m.relation = each.relation AND m.attribute = component_rows.measure;
        RETURN QUERY
        SELECT each.relation, r.record_key, r.day, 1::bigint, r.amount, coalesce('customer ' || c.customer_id, r.value), NULL::boolean, r.unit, r.stage,
               r.campaign, r.channel, r.product, r.owner, r.segment, r.currency
        FROM rows_as_owner(each.relation, component_query(each, component_rows.measure))
             AS r (record_key text, day date, amount numeric, value text, unit text, stage text, campaign text, channel text, product text, owner text,
                   segment text, currency text)
        LEFT JOIN record c ON c.relation = customers AND c.record_key = r.value COLLATE "C"
        WHERE r.day IS NOT NULL;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.component_rows(text, text) IS
'The rows that a captured component counts, of all its tables, with a measure or, as subject, the value of an attribute; customers as linked now. '
'Reads whole tables. No rights applied; not for users.';
SELECT @extschema@.set_audience('component_rows(text, text)', 'internal');

CREATE TYPE @extschema@.kpi_row AS (
    side text, "position" integer, sign integer, relation pg_catalog.regclass, record_key text, day date, rows bigint, amount numeric, subject text,
    observed boolean, unit_key text, stage text, campaign text, channel text, product text, owner text, segment text, currency text);
COMMENT ON TYPE @extschema@.kpi_row IS 'A row behind a term of a KPI; amount is without the term''s sign.';

CREATE FUNCTION @extschema@.kpi_rows(kpi text) RETURNS SETOF @extschema@.kpi_row
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 10000 COST 1000000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET enable_nestloop = off AS $$
DECLARE
    term record;
BEGIN
    FOR term IN SELECT t.*, c.kept FROM kpi_term t JOIN component c USING (component) WHERE t.kpi = kpi_rows.kpi ORDER BY t.side DESC, t."position" LOOP
        IF term.kept THEN
            RETURN QUERY
            SELECT term.side, term."position", term.sign, r.relation, r.record_key, r.day, r.rows, r.amount, r.subject, r.observed,
                   coalesce(resolve_unit(r.unit), a.fallback_unit, root_unit()), r.stage, r.campaign, r.channel, r.product, r.owner, r.segment, r.currency
            FROM kept_rows(term.component, term.measure, term.milestones, term.within_days, term.calendar) r
            LEFT JOIN adoption a ON a.relation = r.relation;
        ELSE
            RETURN QUERY
            SELECT term.side, term."position", term.sign, r.relation, r.record_key, r.day, r.rows, r.amount, r.subject, r.observed,
                   coalesce(resolve_unit(r.unit), a.fallback_unit, root_unit()), coalesce(w.stage, r.stage), r.campaign, r.channel, r.product, r.owner,
                   r.segment, r.currency
            FROM component_rows(term.component, term.measure) r
            LEFT JOIN adoption a ON a.relation = r.relation
            LEFT JOIN tracking x ON x.relation = r.relation
            CROSS JOIN LATERAL (SELECT coalesce(x.funnel, a.funnel) AS funnel) f
            LEFT JOIN stage_word w ON w.funnel = f.funnel AND w.word = stage_spelling(f.funnel, r.stage)
            WHERE (term.outcomes IS NULL OR coalesce(w.outcome, 'unknown') = ANY (term.outcomes))
              AND (term.milestones IS NULL OR w.milestone = ANY (term.milestones));
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.kpi_rows(text) IS
'The rows behind each term of a KPI, whatever its state. Reads whole tables. No rights applied; not for users.';
SELECT @extschema@.set_audience('kpi_rows(text)', 'internal');
