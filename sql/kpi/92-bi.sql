-- What BI tools ask of a schema besides its views: how they join, one row for each day with a column for each KPI, and one grant.

-- A join is by a column of the same name, and the dimension has one row for each value: so the relations follow from the names.
CREATE VIEW crm_bi.relation WITH (security_invoker) AS
SELECT v.relname::text AS from_view, a.attname::text AS from_column, d.to_view, a.attname::text AS to_column, 'many_to_one'::text AS cardinality
FROM (VALUES ('day', 'dim_date'), ('unit_key', 'dim_unit'), ('kpi_key', 'dim_kpi'), ('goal_key', 'kpi_goal'), ('stage_key', 'dim_stage'),
             ('customer_id', 'dim_customer'), ('owner_key', 'dim_owner'), ('campaign', 'dim_campaign'), ('product', 'dim_product')) AS d (key, to_view)
JOIN pg_catalog.pg_attribute a ON a.attname = d.key AND a.attnum > 0
JOIN pg_catalog.pg_class v ON v.oid = a.attrelid AND v.relname <> d.to_view
JOIN pg_catalog.pg_namespace n ON n.oid = v.relnamespace AND n.nspname = 'crm_bi';
COMMENT ON VIEW crm_bi.relation IS
'How the views join, one row for each join: by a column of the same name on both sides, many to one. Join from the left: a row may name '
'nobody, or what you may not read, or what no adopted table has.';
COMMENT ON COLUMN crm_bi.relation.from_view IS 'The view with many rows.';
COMMENT ON COLUMN crm_bi.relation.from_column IS 'Its column.';
COMMENT ON COLUMN crm_bi.relation.to_view IS 'The view with one row for each value.';
COMMENT ON COLUMN crm_bi.relation.to_column IS 'Its column, of the same name.';
COMMENT ON COLUMN crm_bi.relation.cardinality IS 'many_to_one.';
GRANT SELECT ON crm_bi.relation TO PUBLIC;

CREATE FUNCTION @extschema@.values_apart(apart text[], stage text, campaign text, channel text, product text, owner text, segment text, currency text)
    RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN apart = '{}' THEN '{}'::text[]
                ELSE ARRAY[CASE WHEN 'stage' = ANY (apart) THEN stage END, CASE WHEN 'campaign' = ANY (apart) THEN campaign END,
                           CASE WHEN 'channel' = ANY (apart) THEN channel END, CASE WHEN 'product' = ANY (apart) THEN product END,
                           CASE WHEN 'owner' = ANY (apart) THEN owner END, CASE WHEN 'segment' = ANY (apart) THEN segment END,
                           CASE WHEN 'currency' = ANY (apart) THEN currency END] END;
COMMENT ON FUNCTION @extschema@.values_apart(text[], text, text, text, text, text, text, text) IS
'What tells rows of a day and unit apart that must not be added up: the values of the dimensions named in apart.';

-- Wide forms. A ratio has its parts beside it: a tool that sums up days or units divides them again. Definitions are looked up when
-- read, so that a KPI that becomes a ratio is one here, too.
CREATE FUNCTION @extschema@.kpi_wide_query(kpis text[]) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT format(
        'SELECT s.day, s.unit_key%1$s FROM ('
            'SELECT g.day, g.unit_key, g.kpi_key, CASE WHEN g.adds_up AND NOT g.mixed THEN g.numerator END AS numerator, CASE WHEN g.adds_up AND NOT (g.mixed AND g.below) THEN g.denominator END AS denominator, '
                   'CASE WHEN g.adds_up AND NOT g.mixed THEN CASE WHEN g.is_sum THEN g.numerator ELSE g.numerator / nullif(g.denominator, 0) END END AS value FROM ('
            'SELECT v.day, v.unit_key, v.kpi_key, sum(v.numerator) AS numerator, sum(v.denominator) AS denominator, k.denominator IS NULL AS is_sum, m.denominator AS below, '
                   'count(DISTINCT @extschema@.money_of(m.numerator, v.numerator, m.denominator, v.denominator, v.currency, h.home)) > 1 AS mixed, '
                   'count(DISTINCT @extschema@.values_apart(k.apart, v.stage, v.campaign, v.channel, v.product, v.owner, v.segment, v.currency)) <= 1 AS adds_up '
            'FROM crm_bi.kpi_value v JOIN @extschema@.kpi k ON k.kpi = v.kpi_key JOIN @extschema@.kpi_money m ON m.kpi = v.kpi_key '
            'CROSS JOIN (SELECT @extschema@.home_currency() AS home) h '
            'WHERE v.kpi_key = ANY (%2$L::text[]) AND v.day IS NOT NULL '
            'GROUP BY v.day, v.unit_key, v.kpi_key, k.denominator, m.denominator) g) s '
        'GROUP BY s.day, s.unit_key',
        string_agg(format(', @extschema@.reported(max(s.value) FILTER (WHERE s.kpi_key = %1$L))::numeric(24,6) AS %1$I', k.kpi)
                   || CASE WHEN k.denominator IS NOT NULL THEN
                          format(', @extschema@.reported(max(s.numerator) FILTER (WHERE s.kpi_key = %1$L))::numeric(24,6) AS %2$I'
                                 ', @extschema@.reported(max(s.denominator) FILTER (WHERE s.kpi_key = %1$L))::numeric(24,6) AS %3$I',
                                 k.kpi, k.kpi || '_numerator', k.kpi || '_denominator') ELSE '' END, '' ORDER BY w.n), kpis)
    FROM unnest(kpis) WITH ORDINALITY AS w (kpi, n) JOIN kpi k USING (kpi)
$$;
COMMENT ON FUNCTION @extschema@.kpi_wide_query(text[]) IS
'The query of a wide view: kpi_value by day and unit with a column for each KPI, in this order, and two more for each ratio.';

CREATE FUNCTION @extschema@.comment_wide_view(relation text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    each record;
BEGIN
    EXECUTE format('COMMENT ON VIEW %s IS %L', relation, 'KPIs by day and unit, a column for each; NULL where there is no value, or several currencies. '
                   'Of a ratio sum up numerator and denominator and divide after. Never add a stock over days. Units whose totals you may see.');
    FOR each IN
        SELECT a.attname, k.label || part.meaning AS meaning
        FROM pg_attribute a
        CROSS JOIN (VALUES ('', ''), ('_numerator', ': numerator'), ('_denominator', ': denominator')) AS part (suffix, meaning)
        JOIN kpi k ON a.attname = k.kpi || part.suffix
        WHERE a.attrelid = relation::regclass
        UNION ALL
        VALUES ('day', 'The day, in the organisation''s time zone; joins dim_date.'), ('unit_key', 'The unit of the facts themselves; joins dim_unit.')
    LOOP
        EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', relation, each.attname, each.meaning);
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.comment_wide_view(text) IS 'Comments a wide view and its columns, for its owner.';

CREATE FUNCTION @extschema@.create_kpi_view(name text, kpis text[]) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    parts CONSTANT text[] := parse_ident(name);
    relation text;
BEGIN
    IF cardinality(parts) IS DISTINCT FROM 2 OR parts[1] IN ('crm_bi', '@extschema@') THEN
        RAISE EXCEPTION 'a view needs a name with a schema of yours, not "%"', name USING ERRCODE = 'RM005',
            HINT = 'For example create_kpi_view(''reports.sales'', ''{won_value,win_rate}'').';
    ELSIF coalesce(cardinality(kpis), 0) = 0 OR cardinality(kpis) <> (SELECT count(DISTINCT k) FROM unnest(kpis) k) THEN
        RAISE EXCEPTION 'a wide view needs KPIs, each once' USING ERRCODE = 'RM005',
            HINT = 'For example create_kpi_view(''reports.sales'', ''{won_value,win_rate}'').';
    END IF;
    PERFORM require_kpi(k) FROM unnest(kpis) k;
    relation := format('%I.%I', parts[1], parts[2]);
    EXECUTE format('CREATE %s VIEW %s WITH (security_invoker) AS %s', CASE WHEN to_regclass(relation) IS NOT NULL THEN 'OR REPLACE' END, relation,
                   kpi_wide_query(kpis));
    PERFORM comment_wide_view(relation);
EXCEPTION WHEN invalid_table_definition THEN
    RAISE EXCEPTION 'view % has other columns', relation USING ERRCODE = 'RM005',
        DETAIL = 'Its columns stay as they are and in their order, so that reports go on: new ones come at the end.',
        HINT = format('Name the KPIs that it has first, or DROP VIEW %s;', relation);
END
$$;
COMMENT ON FUNCTION @extschema@.create_kpi_view(text, text[]) IS
'Creates a view of the caller''s, in a schema of his, with a row for each day and unit and a column for each KPI in this order, and with '
'numerator and denominator of each ratio. Who reads it sees what he may see in crm_bi.kpi_value. Repeated with more KPIs at the end it '
'adds columns; those that are there stay. Errors: RM001 unknown KPI, RM005. '
'Example: SELECT crm.create_kpi_view(''reports.sales'', ''{won_value,win_rate}'');';

-- The pack. A later version adds columns at the end.
DO $$
DECLARE
    kpis CONSTANT text[] := ARRAY(SELECT k.kpi FROM @extschema@.shipped_kpi k ORDER BY 1);
BEGIN
    EXECUTE 'CREATE VIEW crm_bi.kpi_wide WITH (security_invoker) AS ' || @extschema@.kpi_wide_query(kpis);
    PERFORM @extschema@.comment_wide_view('crm_bi.kpi_wide');
END
$$;
GRANT SELECT ON crm_bi.kpi_wide TO PUBLIC;

-- One grant. What crm shows is decided by who asks; the rows of a team's tables take the right to SELECT from them besides.
CREATE FUNCTION @extschema@.grant_report_views(role_name regrole) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    each record;
BEGIN
    PERFORM require_role_name(role_name);
    PERFORM take_turn('function_audience'); -- as grant_audience
    EXECUTE format('GRANT USAGE ON SCHEMA crm_bi, @extschema@ TO %s', role_name);
    EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA crm_bi TO %s', role_name);
    EXECUTE format('GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA crm_bi TO %s', role_name);
END
$$;
COMMENT ON FUNCTION @extschema@.grant_report_views(regrole) IS 'Lets a role read crm_bi, also where PUBLIC may not. For grant_reader.';
SELECT @extschema@.set_audience('grant_report_views(regrole)', 'admin');

CREATE FUNCTION @extschema@.grant_reader(role_name regrole) RETURNS TABLE (object text, granted boolean, detail text)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    each record;
    bound CONSTANT text := (SELECT p.principal FROM principal p WHERE p.role_name = grant_reader.role_name::text);
BEGIN
    IF (SELECT r.rolsuper OR r.rolbypassrls FROM pg_roles r WHERE r.oid = role_name) THEN
        RAISE EXCEPTION 'role % is outside all rules', role_name USING ERRCODE = 'RM005',
            DETAIL = 'A superuser, or a role with BYPASSRLS, sees all rows, whoever asks.',
            HINT = format('CREATE ROLE bi_reader LOGIN; and grant to that, or ALTER ROLE %s NOSUPERUSER NOBYPASSRLS;', role_name);
    END IF;
    PERFORM grant_report_views(role_name);
    RETURN QUERY VALUES ('crm_bi', true, 'views and kpi(); what they show is decided by who asks');
    FOR each IN
        SELECT a.relation, p.relation IS NOT NULL AS protected,
               has_table_privilege(current_user, a.relation, 'SELECT WITH GRANT OPTION') AS may
        FROM adoption a LEFT JOIN protection p USING (relation) ORDER BY a.relation::text
    LOOP
        object := each.relation::text;
        granted := each.protected AND each.may;
        detail := CASE WHEN granted THEN 'rows, by the policies of the table'
                       WHEN each.protected THEN format('ask its owner to type: GRANT SELECT ON %s TO %s;', each.relation, role_name)
                       ELSE format('not protected: GRANT SELECT ON %s TO %s; would show all of its rows', each.relation, role_name) END;
        IF granted THEN
            EXECUTE format('GRANT USAGE ON SCHEMA %I TO %s',
                           (SELECT c.relnamespace::regnamespace::text FROM pg_class c WHERE c.oid = each.relation), role_name);
            EXECUTE format('GRANT SELECT ON %s TO %s', each.relation, role_name);
        END IF;
        RETURN NEXT;
    END LOOP;
    RETURN QUERY VALUES ('identity', bound IS NOT NULL, CASE WHEN bound IS NOT NULL THEN format('asks as principal %s', bound)
        ELSE 'no principal: its clients set crm.token, or SELECT create_principal(...) binds it' END);
END
$$;
COMMENT ON FUNCTION @extschema@.grant_reader(regrole) IS
'Lets a role read crm_bi, and SELECT from all adopted tables that are protected, for which the caller may grant that. One row for each '
'thing: whether it was granted, and what to type where it was not. Repeat it after an adoption. A table that is not protected is never granted. '
'Errors: RM005 for roles outside all rules. Example: SELECT * FROM crm.grant_reader(''bi_sales'');';
SELECT @extschema@.set_audience('grant_reader(regrole)', 'admin');
