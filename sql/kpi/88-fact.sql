-- The rows behind the numbers, for BI tools: of all adopted tables of an entity, those that the caller may read.

-- What rows_as_owner gives of each row, inside; money and other numbers as a report can show them, infinity and NaN as NULL.
CREATE FUNCTION @extschema@.fact_attribute(relation pg_catalog.regclass, attribute text, type text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN CASE WHEN NOT has_attribute(relation, attribute) THEN 'NULL::' || type
                WHEN type ~ '^numeric' THEN format('@extschema@.reported(@extschema@.%1$I(r))::%2$s', 'map_' || attribute, type)
                WHEN type IN ('date', 'timestamptz') THEN format('(CASE WHEN isfinite(@extschema@.%1$I(r)) THEN @extschema@.%1$I(r) END)::%2$s', 'map_' || attribute, type)
                ELSE format('@extschema@.%I(r)::%s', 'map_' || attribute, type) END;
END
$$;
COMMENT ON FUNCTION @extschema@.fact_attribute(pg_catalog.regclass, text, text) IS
'SQL that reads an attribute of the row r as a type of a report; NULL where it is not mapped, or is a number or a day that no report holds.';
SELECT @extschema@.set_audience('fact_attribute(regclass, text, text)', 'internal');

-- A report reads all of a table, so what is small beside it is hashed: hence the estimate.
CREATE FUNCTION @extschema@.fact_source(relation pg_catalog.regclass, query text) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'crm_read_as_owner' LANGUAGE C STABLE STRICT PARALLEL UNSAFE COST 1000 ROWS 1000000;
COMMENT ON FUNCTION @extschema@.fact_source(pg_catalog.regclass, text) IS 'rows_as_owner for a whole table: planned for many rows.';
SELECT @extschema@.set_audience('fact_source(regclass, text)', 'internal');

CREATE FUNCTION @extschema@.fact_query(entity text, columns text[], types text[]) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    -- made here, beside the table: who the customer is, what a stage means; everything else is an attribute
    made CONSTANT text[] := ARRAY['relation', 'record_key', 'customer_id', 'unit_key', 'day', 'owner_key', 'funnel', 'stage', 'stage_key', 'milestone', entity];
    began CONSTANT text := CASE entity WHEN 'spend' THEN 't.on_date::timestamp' -- the instant whose day joins dim_date
                                       ELSE format('timezone(%L, t.%I)', default_zone(), CASE entity WHEN 'project' THEN 'started_at' WHEN 'ticket' THEN 'opened_at'
                                                   WHEN 'touch' THEN 'at' ELSE 'created_at' END) END;
    linked CONSTANT boolean := entity IN ('customer', 'lead'); -- its records are linked themselves
    staged CONSTANT boolean := 'stage' = ANY (columns);
    anonymous CONSTANT boolean := 'anonymous_id' = ANY (columns);
BEGIN
    -- Anybody may ask, and what he writes becomes SQL: names are words, and types those of the views.
    IF cardinality(columns) <> cardinality(types) OR EXISTS (
        SELECT FROM unnest(columns, types) u (name, type)
        WHERE (u.name ~ '^[a-z_]+$' AND u.type = ANY ('{text,bigint,date,timestamptz,"numeric(24,6)"}')) IS NOT TRUE)
    THEN
        RAISE EXCEPTION 'a fact has no such columns' USING ERRCODE = 'RM005', HINT = 'Read the views of crm_bi.';
    END IF;
    RETURN (
        SELECT string_agg(format(
            '(WITH t AS MATERIALIZED (SELECT * FROM fact_source(%1$s::regclass, %2$L) AS t (record_key text, customer_key text, unit text, value text, decides text[]%3$s)), '
            'm AS (SELECT v.value, s.funnel || '':'' || s.stage AS stage_key, s.stage, s.milestone FROM (SELECT DISTINCT value FROM t WHERE value IS NOT NULL) v '
                  'JOIN stage_read r ON r.funnel = %4$L AND r.stage = resolve_stage(%4$L, v.value) '
                  'JOIN funnel_stage s ON s.funnel = r.funnel AND s.stage = r.read_as), '
            'c AS MATERIALIZED (SELECT record_key, customer_id FROM record WHERE relation = %9$s::regclass AND customer_id IS NOT NULL) '
            'SELECT %5$s FROM t CROSS JOIN LATERAL (%6$s) s %7$s WHERE %8$s)',
            a.relation::oid,
            format('SELECT @extschema@.map_id(r)::text, %s, coalesce(%s, %L), %s, %s%s FROM %s r', c.customer_key, fact_attribute(a.relation, 'unit', 'text'),
                   a.fallback_unit, CASE WHEN staged THEN format('nullif(btrim(%s), '''')', fact_attribute(a.relation, 'stage', 'text')) ELSE 'NULL::text' END,
                   x.decides, c.attributes, a.relation),
            c.definitions, a.funnel, c.selected, x.source,
            CASE WHEN staged THEN 'LEFT JOIN m USING (value) ' ELSE '' END
            || CASE WHEN 'customer_id' = ANY (columns) THEN 'LEFT JOIN c ON c.record_key = t.customer_key COLLATE "C" ' ELSE '' END
            || CASE WHEN anonymous THEN
                   'LEFT JOIN identified_span v ON v.anonymous_id = t.anonymous_id AND coalesce(t.at, ''-infinity'') >= v.since '
                   'AND coalesce(t.at, ''-infinity'') < v.until ' ELSE '' END,
            x.condition, c.customers::oid), ' UNION ALL ' ORDER BY a.relation::oid)
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
                                  WHEN 'day' THEN format('(%s)::date', began)
                                  WHEN 'owner_key' THEN 'resolve_principal(t.owner)'
                                  WHEN 'funnel' THEN quote_nullable(a.funnel) || '::text'
                                  WHEN 'stage' THEN 'coalesce(m.stage, t.value)'
                                  WHEN 'stage_key' THEN 'm.stage_key'
                                  WHEN 'milestone' THEN 'm.milestone'
                                  WHEN fact_query.entity THEN 't.record_key' -- of campaigns and products their key
                                  ELSE format('t.%I', u.name) END, ', ' ORDER BY u.n) AS selected
            FROM unnest(columns, types) WITH ORDINALITY AS u (name, type, n)) c
        WHERE a.entity = fact_query.entity AND CASE WHEN x.condition <> 'false' THEN hold_adopted(a.relation) END); -- then its name stays what it is
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
        SELECT f.name, f.entity, f.meaning, CASE WHEN f.name ~ '^dim' THEN f.entity END AS key, array_agg(c.name ORDER BY c.n) AS names, array_agg(c.type ORDER BY c.n) AS types,
               string_agg(format('%I %s', c.name, c.type), ', ' ORDER BY c.n) AS definitions
        FROM (VALUES
            ('dim_campaign', 'campaign', 'Campaigns that you may read.',
             'campaign text, name text, channel text, starts_on date, ends_on date, budget numeric(24,6), currency text, supports_unit text'),
            ('dim_product', 'product', 'Products that you may read.',
             'product text, name text, category text, list_price numeric(24,6), currency text'),
            ('fct_opportunity', 'opportunity', 'Deals that you may read, one row each.',
             'relation text, record_key text, customer_id bigint, unit_key text, day date, owner text, owner_key text, funnel text, stage text, stage_key text, milestone text, product text, campaign text, '
             'amount numeric(24,6), currency text, created_at timestamptz, closed_at timestamptz, expected_close_on date, lost_reason text'),
            ('fct_lead', 'lead', 'Leads that you may read, one row each.',
             'relation text, record_key text, customer_id bigint, unit_key text, day date, owner text, owner_key text, funnel text, stage text, stage_key text, milestone text, campaign text, channel text, '
             'created_at timestamptz'),
            ('fct_project', 'project', 'Projects that you may read, one row each.',
             'relation text, record_key text, customer_id bigint, unit_key text, day date, owner text, owner_key text, funnel text, stage text, stage_key text, milestone text, promised_on date, '
             'started_at timestamptz, live_at timestamptz'),
            ('fct_ticket', 'ticket', 'Tickets that you may read, one row each.',
             'relation text, record_key text, customer_id bigint, unit_key text, day date, owner text, owner_key text, funnel text, stage text, stage_key text, milestone text, channel text, priority text, '
             'product text, opened_at timestamptz, first_response_at timestamptz, resolved_at timestamptz, reopened_count bigint, satisfaction numeric(24,6)'),
            ('fct_touch', 'touch', 'Contacts of marketing that you may read, one row each; customer_id also where an anonymous visitor was identified.',
             'relation text, record_key text, customer_id bigint, anonymous_id text, unit_key text, day date, at timestamptz, channel text, campaign text, kind text, '
             'cost numeric(24,6)'),
            ('fct_spend', 'spend', 'Spend that you may read, one row each.',
             'relation text, record_key text, unit_key text, day date, on_date date, campaign text, channel text, kind text, amount numeric(24,6), currency text')
            ) AS f (name, entity, meaning, columns)
        CROSS JOIN LATERAL (SELECT split_part(x, ' ', 1), split_part(x, ' ', 2), n
                            FROM regexp_split_to_table(f.columns, ', ') WITH ORDINALITY AS s (x, n)) AS c (name, type, n)
        GROUP BY 1, 2, 3, 4
    LOOP
        -- a dimension has one row for a key, also where two tables have it
        EXECUTE format('CREATE VIEW crm_bi.%I WITH (security_invoker) AS SELECT %s f.* FROM @extschema@.fact_rows(%L, %L, %L) AS f (%s)%s', each.name,
                       CASE WHEN each.key IS NOT NULL THEN format('DISTINCT ON (f.%I)', each.key) ELSE '' END, each.entity, each.names, each.types, each.definitions,
                       CASE WHEN each.key IS NOT NULL THEN format(' ORDER BY f.%I, f', each.key) ELSE '' END);
        EXECUTE format('COMMENT ON VIEW crm_bi.%I IS %L', each.name, each.meaning);
        IF 'day' = ANY (each.names) THEN
            EXECUTE format('COMMENT ON COLUMN crm_bi.%I.day IS %L', each.name, format('Joins dim_date: the day of %s in the organisation''s time zone.',
                           CASE each.entity WHEN 'project' THEN 'started_at' WHEN 'ticket' THEN 'opened_at' WHEN 'touch' THEN 'at' WHEN 'spend' THEN 'on_date'
                                            ELSE 'created_at' END));
        END IF;
        EXECUTE format('GRANT SELECT ON crm_bi.%I TO PUBLIC', each.name);
    END LOOP;
END
$$;

CREATE VIEW crm_bi.fct_transition WITH (security_invoker) AS
SELECT t.funnel, t.relation::text AS relation, t.record_key, t.customer_id, t.unit AS unit_key,
       CASE WHEN isfinite(t.at) THEN timezone((SELECT @extschema@.default_zone()), t.at)::date END AS day, t.from_stage, t.to_stage,
       t.funnel || ':' || t.to_stage AS stage_key, CASE WHEN isfinite(t.at) THEN t.at END AS at, t.direction, t.first_entry
FROM @extschema@.transition t;
COMMENT ON VIEW crm_bi.fct_transition IS 'Each time a record that you may read entered a stage.';
COMMENT ON COLUMN crm_bi.fct_transition.day IS 'Joins dim_date: the day of at in the organisation''s time zone.';
COMMENT ON COLUMN crm_bi.fct_transition.stage_key IS 'Joins dim_stage: the stage that was entered.';
GRANT SELECT ON crm_bi.fct_transition TO PUBLIC;
