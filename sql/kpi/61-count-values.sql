-- Which KPIs have their values counted, and whether the counts are right.

CREATE FUNCTION @extschema@.count_values(kpi text, counted boolean DEFAULT true)
    RETURNS TABLE (relation pg_catalog.regclass, component text, state text)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_column
DECLARE
    asked kpi := require_kpi(count_values.kpi);
    reason text := not_countable(asked.kpi);
BEGIN
    IF counted IS NULL THEN
        RAISE EXCEPTION 'counted is NULL' USING ERRCODE = 'RM005', HINT = 'true counts values, false has the rows read again.';
    ELSIF counted AND reason IS NOT NULL THEN
        RAISE EXCEPTION 'the values of KPI "%" cannot be counted', asked.kpi
            USING ERRCODE = 'RM005', DETAIL = reason || '.',
                  HINT = CASE WHEN asked.kind = ANY ('{distinct,percentile}') THEN 'It is read from the rows, and right without.'
                              ELSE 'Only KPIs of kind distinct and percentile have some.' END;
    ELSIF counted THEN
        INSERT INTO counted_kpi AS c (kpi) VALUES (asked.kpi) ON CONFLICT DO NOTHING;
        INSERT INTO kpi_value_key SELECT gen_random_uuid() WHERE NOT EXISTS (SELECT FROM kpi_value_key);
    ELSE
        DELETE FROM counted_kpi c WHERE c.kpi = asked.kpi;
    END IF;
    PERFORM capture_values();
    RETURN QUERY
    SELECT i.relation, i.component, i.state
    FROM kpi_term t JOIN kpi_instance i ON i.component = counted_name(t.component, asked.kind, t.measure)
    WHERE t.kpi = asked.kpi GROUP BY 1, 2, 3 ORDER BY 2, i.relation::text;
END
$$;
COMMENT ON FUNCTION @extschema@.count_values(text, boolean) IS
'Has capture count the values behind a KPI of kind distinct or percentile, so that it is read without its rows; false ends that. Until backfill '
'has counted the rows that are there, and wherever values cannot be counted, the rows are read: the number is the same. Returns what is counted for '
'it of which table (values are kept once for all KPIs that read the same). Writers keep a value for each row that they write beside the sums, and what is '
'kept may outgrow the table where few rows share a value: status says so. Waits up to 2 s for a SHARE ROW EXCLUSIVE lock on each table. Errors: RM001 '
'unknown KPI, RM005 where its values cannot be counted, 55P03. Example: SELECT * FROM crm.count_values(''sales_cycle_days_median'');';
SELECT @extschema@.set_audience('count_values(text, boolean)', 'admin');

CREATE FUNCTION @extschema@.capture_values() RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    each regclass;
BEGIN
    FOR each IN
        SELECT a.relation FROM adoption a
        WHERE EXISTS (SELECT FROM (SELECT w.component FROM wanted_instances(a.relation) w WHERE w.component LIKE '%.%') w
                      FULL JOIN (SELECT i.component FROM kpi_captured i WHERE i.relation = a.relation AND i.component LIKE '%.%') i USING (component)
                      WHERE w IS NULL OR i IS NULL)
        ORDER BY a.relation::oid LOOP
        PERFORM capture(each);
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.capture_values() IS 'Has every adopted table count the values that KPIs want counted, and no others.';
SELECT @extschema@.set_audience('capture_values()', 'internal');

CREATE FUNCTION @extschema@.verify_values(kpi text, since date, until date)
    RETURNS TABLE (component text, relation text, measure text, counted numeric, recomputed numeric, groups_different bigint)
    LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 1000000 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    WITH checked AS MATERIALIZED (
        SELECT DISTINCT v.instance, v.component, v.relation, v.sum_names[1] AS measure
        FROM kpi_term t JOIN kpi k USING (kpi)
        JOIN kpi_instance v ON v.component = counted_name(t.component, k.kind, t.measure) AND v.state = 'ready'
        WHERE t.kpi = verify_values.kpi AND v.instance NOT IN (SELECT b.instance FROM kpi_broken b)
    ), pieces AS (
        SELECT 1 AS side, c.* FROM kpi_value_cell c
        UNION ALL
        SELECT 2, r.* FROM (SELECT DISTINCT k.relation FROM checked k) x CROSS JOIN LATERAL recount_values(x.relation) r
    ), groups AS (
        SELECT p.instance, counted_merge(p.piece) FILTER (WHERE p.side = 1) AS counted, counted_merge(p.piece) FILTER (WHERE p.side = 2) AS recomputed
        FROM pieces p
        WHERE p.instance IN (SELECT k.instance FROM checked k)
          AND p.day >= coalesce(verify_values.since, '-infinity') AND p.day <= coalesce(verify_values.until, 'infinity')
        GROUP BY p.instance, p.day, p.funnel, p.unit, p.stage, p.campaign, p.channel, p.product, p.owner, p.segment, p.currency
    )
    SELECT k.component, k.relation::text, k.measure, coalesce(sum(n.counted), 0), coalesce(sum(n.recomputed), 0),
           count(*) FILTER (WHERE g.counted IS DISTINCT FROM g.recomputed)
    FROM checked k JOIN groups g USING (instance)
    CROSS JOIN LATERAL (SELECT (SELECT sum(e.rows) FROM counted_entries(g.counted) e) AS counted,
                               (SELECT sum(e.rows) FROM counted_entries(g.recomputed) e) AS recomputed) n
    GROUP BY k.component, k.relation, k.measure ORDER BY 1, 2
$$;
COMMENT ON FUNCTION @extschema@.verify_values(text, date, date) IS
'verify_kpi of the counted values of a KPI: how many rows have one, and in how many groups (day and dimensions) any value''s rows differ.';
SELECT @extschema@.set_audience('verify_values(text, date, date)', 'internal');
