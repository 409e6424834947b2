-- The rows behind the numbers, for BI tools: of all adopted tables of an entity, those that the caller may read.

-- What rows_as_owner gives of each row, inside; money and other numbers as a report can show them, infinity and NaN as NULL.
CREATE FUNCTION @extschema@.fact_attribute(relation pg_catalog.regclass, attribute text, type text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN CASE WHEN NOT has_attribute(relation, attribute) THEN 'NULL::' || type
                WHEN type ~ '^numeric' THEN format('(CASE WHEN abs(@extschema@.%1$I(r)) < 1e18 THEN @extschema@.%1$I(r) END)::%2$s', 'map_' || attribute, type)
                ELSE format('@extschema@.%I(r)::%s', 'map_' || attribute, type) END;
END
$$;
COMMENT ON FUNCTION @extschema@.fact_attribute(pg_catalog.regclass, text, text) IS
'SQL that reads an attribute of the row r as a type of a report; NULL where it is not mapped, or is a number that no report holds.';
SELECT @extschema@.set_audience('fact_attribute(regclass, text, text)', 'internal');

CREATE FUNCTION @extschema@.fact_query(entity text, columns text[], types text[]) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    -- made here, beside the table: who the customer is, what a stage means; everything else is an attribute
    made CONSTANT text[] := ARRAY['relation', 'record_key', 'customer_id', 'unit_key', 'funnel', 'stage', 'milestone', entity];
    linked CONSTANT boolean := entity IN ('customer', 'lead'); -- its records are linked themselves
    staged CONSTANT boolean := 'stage' = ANY (columns);
    anonymous CONSTANT boolean := 'anonymous_id' = ANY (columns);
BEGIN
    RETURN (
        SELECT string_agg(format(
            '(WITH t AS MATERIALIZED (SELECT * FROM rows_as_owner(%1$s::regclass, %2$L) AS t (record_key text, customer_key text, unit text, value text, decides text[]%3$s)), '
            'm AS (SELECT v.value, s.stage, s.milestone FROM (SELECT DISTINCT value FROM t WHERE value IS NOT NULL) v '
                  'LEFT JOIN stage_read r ON r.funnel = %4$L AND r.stage = resolve_stage(%4$L, v.value) '
                  'LEFT JOIN funnel_stage s ON s.funnel = r.funnel AND s.stage = r.read_as) '
            'SELECT %5$s FROM t CROSS JOIN LATERAL (%6$s) s %7$s WHERE %8$s)',
            a.relation::oid,
            format('SELECT @extschema@.map_id(r)::text, %s, coalesce(%s, %L), %s, %s%s FROM %s r', c.customer_key, fact_attribute(a.relation, 'unit', 'text'),
                   a.fallback_unit, CASE WHEN staged THEN format('nullif(btrim(%s), '''')', fact_attribute(a.relation, 'stage', 'text')) ELSE 'NULL::text' END,
                   x.decides, c.attributes, a.relation),
            c.definitions, a.funnel, c.selected, x.source,
            CASE WHEN staged THEN 'LEFT JOIN m USING (value) ' ELSE '' END
            || CASE WHEN 'customer_id' = ANY (columns) THEN
                   format('LEFT JOIN record c ON c.relation = %s::regclass AND c.record_key = t.customer_key COLLATE "C" ', c.customers::oid) ELSE '' END
            || CASE WHEN anonymous THEN
                   'LEFT JOIN identified_span v ON v.anonymous_id = t.anonymous_id AND coalesce(t.at, ''-infinity'') >= v.since '
                   'AND coalesce(t.at, ''-infinity'') < v.until ' ELSE '' END,
            x.condition), ' UNION ALL ' ORDER BY a.relation::oid)
        FROM adoption a
        CROSS JOIN LATERAL access_terms(a.relation, 'read') x
        CROSS JOIN LATERAL (
            SELECT CASE WHEN linked THEN a.relation
                        ELSE coalesce((SELECT d.reference FROM adoption_attribute d WHERE d.relation = a.relation AND d.attribute = 'customer'), 0::regclass) END AS customers,
                   CASE WHEN linked THEN '@extschema@.map_id(r)::text' ELSE fact_attribute(a.relation, 'customer', 'text') END AS customer_key,
                   coalesce(string_agg(', ' || fact_attribute(a.relation, u.name, u.type), '' ORDER BY u.n) FILTER (WHERE u.name <> ALL (made)), '') AS attributes,
                   coalesce(string_agg(format(', %I %s', u.name, u.type), '' ORDER BY u.n) FILTER (WHERE u.name <> ALL (made)), '') AS definitions,
                   string_agg(CASE u.name
                                  WHEN 'relation' THEN quote_literal(a.relation::text) || '::text'
                                  WHEN 'customer_id' THEN CASE WHEN anonymous THEN 'coalesce(c.customer_id, v.customer_id)' ELSE 'c.customer_id' END
                                  WHEN 'unit_key' THEN 'resolve_unit(t.unit)'
                                  WHEN 'funnel' THEN quote_nullable(a.funnel) || '::text'
                                  WHEN 'stage' THEN 'coalesce(m.stage, t.value)'
                                  WHEN 'milestone' THEN 'm.milestone'
                                  WHEN fact_query.entity THEN 't.record_key' -- of campaigns and products their key
                                  ELSE format('t.%I', u.name) END, ', ' ORDER BY u.n) AS selected
            FROM unnest(columns, types) WITH ORDINALITY AS u (name, type, n)) c
        WHERE a.entity = fact_query.entity AND x.condition <> 'false');
END
$$;
COMMENT ON FUNCTION @extschema@.fact_query(text, text[], text[]) IS
'A query for these columns of all adopted tables of an entity, of the rows that the caller may read; NULL where there are none.';
SELECT @extschema@.set_audience('fact_query(text, text[], text[])', 'internal');

-- Customers are joined by hash: a report reads all rows, of which the planner takes rows_as_owner to give a thousand.
CREATE FUNCTION @extschema@.fact_rows(entity text, columns text[], types text[]) RETURNS SETOF record
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 10000 COST 100000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET enable_nestloop = off SET jit = off AS $$
DECLARE
    query CONSTANT text := fact_query(entity, columns, types);
BEGIN
    IF query IS NOT NULL THEN
        RETURN QUERY EXECUTE query;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.fact_rows(text, text[], text[]) IS
'The rows of the views of facts: these columns of all adopted tables of an entity, of the rows that the caller may read.';

DO $$
DECLARE
    each record;
BEGIN
    FOR each IN
        SELECT f.name, f.entity, f.meaning, array_agg(c.name ORDER BY c.n) AS names, array_agg(c.type ORDER BY c.n) AS types,
               string_agg(format('%I %s', c.name, c.type), ', ' ORDER BY c.n) AS definitions
        FROM (VALUES
            ('dim_campaign', 'campaign', 'Campaigns that you may read.',
             'campaign text, name text, channel text, starts_on date, ends_on date, budget numeric(24,6), currency text, supports_unit text'),
            ('dim_product', 'product', 'Products that you may read.',
             'product text, name text, category text, list_price numeric(24,6), currency text'),
            ('fct_opportunity', 'opportunity', 'Deals that you may read, one row each.',
             'relation text, record_key text, customer_id bigint, unit_key text, owner text, funnel text, stage text, milestone text, product text, campaign text, '
             'amount numeric(24,6), currency text, created_at timestamptz, closed_at timestamptz, expected_close_on date, lost_reason text'),
            ('fct_lead', 'lead', 'Leads that you may read, one row each.',
             'relation text, record_key text, customer_id bigint, unit_key text, owner text, funnel text, stage text, milestone text, campaign text, channel text, '
             'created_at timestamptz'),
            ('fct_project', 'project', 'Projects that you may read, one row each.',
             'relation text, record_key text, customer_id bigint, unit_key text, owner text, funnel text, stage text, milestone text, promised_on date, '
             'started_at timestamptz, live_at timestamptz'),
            ('fct_ticket', 'ticket', 'Tickets that you may read, one row each.',
             'relation text, record_key text, customer_id bigint, unit_key text, owner text, funnel text, stage text, milestone text, channel text, priority text, '
             'product text, opened_at timestamptz, first_response_at timestamptz, resolved_at timestamptz, reopened_count bigint, satisfaction numeric(24,6)'),
            ('fct_touch', 'touch', 'Contacts of marketing that you may read, one row each; customer_id also where an anonymous visitor was identified.',
             'relation text, record_key text, customer_id bigint, anonymous_id text, unit_key text, at timestamptz, channel text, campaign text, kind text, '
             'cost numeric(24,6)'),
            ('fct_spend', 'spend', 'Spend that you may read, one row each.',
             'relation text, record_key text, unit_key text, on_date date, campaign text, channel text, kind text, amount numeric(24,6), currency text')
            ) AS f (name, entity, meaning, columns)
        CROSS JOIN LATERAL (SELECT split_part(x, ' ', 1), split_part(x, ' ', 2), n
                            FROM regexp_split_to_table(f.columns, ', ') WITH ORDINALITY AS s (x, n)) AS c (name, type, n)
        GROUP BY 1, 2, 3
    LOOP
        EXECUTE format('CREATE VIEW crm_bi.%I AS SELECT * FROM @extschema@.fact_rows(%L, %L, %L) AS f (%s)', each.name, each.entity,
                       each.names, each.types, each.definitions);
        EXECUTE format('COMMENT ON VIEW crm_bi.%I IS %L', each.name, each.meaning);
        EXECUTE format('GRANT SELECT ON crm_bi.%I TO PUBLIC', each.name);
    END LOOP;
END
$$;

CREATE VIEW crm_bi.fct_transition AS
SELECT t.funnel, t.relation::text AS relation, t.record_key, t.customer_id, t.unit AS unit_key, t.from_stage, t.to_stage, t.at, t.direction, t.first_entry
FROM @extschema@.transition t;
COMMENT ON VIEW crm_bi.fct_transition IS 'Each time a record that you may read entered a stage.';
GRANT SELECT ON crm_bi.fct_transition TO PUBLIC;
