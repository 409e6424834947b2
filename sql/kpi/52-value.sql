-- Different values and percentiles from counted values: the same as from the rows (row_groups), without reading them.

CREATE FUNCTION @extschema@.not_countable(kpi text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT CASE WHEN k.kind <> ALL ('{distinct,percentile}') THEN format('a KPI of kind %s has no values to be counted', k.kind)
                ELSE (SELECT min(CASE
                          WHEN c.kept OR NOT EXISTS (SELECT FROM entity_attribute e WHERE e.entity = c.entity)
                              THEN format('component %s is not captured from a team''s table', c.component)
                          WHEN t.measure = 'count' THEN 'the number of rows has no values to be counted'
                          WHEN k.kind = 'distinct' AND c.sums ? t.measure THEN format('%s is a sum of component %s, and no attribute', t.measure, c.component)
                          WHEN k.kind = 'distinct' AND a.kind = ANY ('{time,date,json}') THEN format('%s is a %s, which has no one text', t.measure, a.kind) END)
                      FROM kpi_term t JOIN component c USING (component)
                      LEFT JOIN entity_attribute a ON a.entity = c.entity AND a.attribute = t.measure
                      WHERE t.kpi = k.kpi) END
    FROM kpi k WHERE k.kpi = not_countable.kpi
$$;
COMMENT ON FUNCTION @extschema@.not_countable(text) IS 'Why the values of a KPI cannot be counted, NULL where they can. Its rows are read instead.';
SELECT @extschema@.set_audience('not_countable(text)', 'internal');

-- By whichever KPI they were asked: values are kept once for all that read the same.
CREATE FUNCTION @extschema@.counted_terms(kpi text)
    RETURNS TABLE (instance integer, relation pg_catalog.regclass, customers pg_catalog.regclass, outcomes text[], milestones text[])
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 2
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    WITH term AS (
        SELECT v.instance, i.relation, m.reference, t.outcomes, t.milestones
        FROM kpi k JOIN kpi_term t USING (kpi)
        LEFT JOIN kpi_instance i ON i.component = t.component
        LEFT JOIN kpi_instance v ON v.relation = i.relation AND v.component = counted_name(t.component, k.kind, t.measure) AND v.state = 'ready'
                                AND (v.version, v.zone, v.undated, v.day, v.filter) IS NOT DISTINCT FROM (i.version, i.zone, i.undated, i.day, i.filter)
                                AND v.instance NOT IN (SELECT b.instance FROM kpi_broken b)
        LEFT JOIN adoption_attribute m ON m.relation = i.relation AND m.attribute = t.measure
        WHERE k.kpi = counted_terms.kpi AND k.kind IN ('distinct', 'percentile'))
    SELECT * FROM term WHERE (SELECT bool_and(x.instance IS NOT NULL) FROM term x)
$$;
COMMENT ON FUNCTION @extschema@.counted_terms(text) IS
'The counted values that a KPI is read from, for each term and table; customers: the table of customers whose keys they are. None where '
'any of them is not there, not filled, or counts by another version of the component than is read: then the rows are read.';
SELECT @extschema@.set_audience('counted_terms(text)', 'internal');

-- Records that mean the same customer are one value. Where all keys are of one table most customers have one record, and stand for themselves.
CREATE FUNCTION @extschema@.value_links(kpi text) RETURNS bytea
    LANGUAGE sql STABLE PARALLEL SAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET enable_nestloop = off AS $$
    WITH source AS MATERIALIZED (SELECT DISTINCT t.instance, t.customers FROM counted_terms(value_links.kpi) t),
    customer AS (
        SELECT c.relation, c.record_key, l.customer_id
        FROM record_copy c JOIN record_link l USING (record_no)
        WHERE c.relation IN (SELECT s.customers FROM source s)
          AND ((SELECT count(DISTINCT coalesce(s.customers::oid, 0)) > 1 FROM source s)
               OR l.customer_id IN (SELECT x.customer_id FROM record_link x GROUP BY x.customer_id HAVING count(*) > 1)))
    SELECT coalesce(string_agg(x.value || value_hash('customer ' || x.customer_id), '' ORDER BY x.value), '')
    FROM (SELECT int4send(s.instance) || value_hash(c.record_key) AS value, c.customer_id
          FROM customer c JOIN source s ON s.customers = c.relation) x
$$;
COMMENT ON FUNCTION @extschema@.value_links(text) IS
'For counted_distinct: of each instance the values that are keys of records, in order, and what stands for the customer that they mean.';
SELECT @extschema@.set_audience('value_links(text)', 'internal');

-- $1 to $3 periods, $4 KPI, $5 units, $6 currency, $7 set of rates, $8 links, $9 home currency.
CREATE FUNCTION @extschema@.counted_query(asked @extschema@.kpi, by text[], converted boolean) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    money CONSTANT boolean := asked.measured_in = 'money';
    value CONSTANT text := CASE asked.kind WHEN 'distinct' THEN '@extschema@.counted_distinct(r.piece, r.instance, $8)::numeric'
                                           ELSE format('@extschema@.counted_percentile(r.piece, r.rate, %s)::numeric', asked.quantile) END;
    state CONSTANT text := CASE
        WHEN NOT money THEN '''ready''::text'
        WHEN NOT converted THEN 'CASE WHEN count(DISTINCT @extschema@.money_in(r.money, $9)) > 1 THEN ''mixed_currencies'' ELSE ''ready'' END'
        ELSE 'coalesce(min(@extschema@.missing_rate(r.money, $6, r.on_date)) FILTER (WHERE r.rate IS NULL), ''ready'')' END;
    -- what came and went again has no currency: it goes first
    part CONSTANT text := CASE
        WHEN money THEN format('SELECT f.first, f.instance, %s AS on_date, f.currency AS money, %s, @extschema@.counted_merge(f.piece) AS piece FROM fact f '
                               'GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12', CASE WHEN converted THEN 'f.day' ELSE 'NULL::date' END, kpi_dimensions(by, 'f'))
        ELSE format('SELECT f.first, f.instance, NULL::date AS on_date, NULL::text AS money, %s, f.piece FROM fact f', kpi_dimensions(by, 'f')) END;
    -- a period without rows has a value where nothing tells groups apart; a group that came and went is none
    result CONSTANT text := CASE
        WHEN by = '{}' THEN format('SELECT s.first, %s, CASE WHEN coalesce(g.state, ''ready'') = ''ready'' THEN %s END, coalesce(g.state, ''ready'') '
                                   'FROM span s LEFT JOIN g USING (first)', kpi_dimensions('{}', 'g'),
                                   CASE asked.kind WHEN 'distinct' THEN 'coalesce(g.value, 0)' ELSE 'g.value' END)
        ELSE format('SELECT g.first, %s, CASE WHEN g.state = ''ready'' THEN g.value END, g.state FROM g WHERE %s', kpi_dimensions(kpi_dimension_names(), 'g'),
                    CASE asked.kind WHEN 'distinct' THEN 'g.value > 0' ELSE '(g.value IS NOT NULL OR g.state <> ''ready'')' END) END;
BEGIN
    RETURN format(
        'WITH span AS MATERIALIZED (SELECT * FROM unnest($1, $2, $3) AS s (first, begins, ends)), '
        'term AS MATERIALIZED (SELECT t.*, coalesce(x.funnel, a.funnel) AS funnel, a.fallback_unit FROM @extschema@.counted_terms($4) t '
            'JOIN @extschema@.adoption a USING (relation) LEFT JOIN @extschema@.tracking x USING (relation)), '
        -- a set of dimensions is understood once, whatever days it has; what is pending is not interned yet
        'waiting AS MATERIALIZED (SELECT n.instance, n.day, n.piece, md5(ROW(p.funnel, p.unit, p.stage, p.campaign, p.channel, p.product, p.owner, p.segment, '
                'p.currency)::text)::uuid AS dims, p.funnel, p.unit, p.stage, p.campaign, p.channel, p.product, p.owner, p.segment, p.currency '
            'FROM @extschema@.kpi_pending p CROSS JOIN LATERAL unnest(p.counted) n '
            'WHERE p.counted IS NOT NULL AND n.instance IN (SELECT t.instance FROM term t)), '
        'cell AS MATERIALIZED (SELECT c.*, s.first FROM span s CROSS JOIN (SELECT DISTINCT t.instance FROM term t) t '
            'CROSS JOIN LATERAL (SELECT c.instance, c.day, c.piece, c.dims FROM @extschema@.kpi_counted c '
                'WHERE c.instance = t.instance AND c.day >= s.begins AND c.day <= s.ends OFFSET 0) c '
            'UNION ALL SELECT w.instance, w.day, w.piece, w.dims, s.first FROM span s JOIN waiting w ON w.day >= s.begins AND w.day <= s.ends), '
        'dim AS MATERIALIZED (SELECT k.* FROM @extschema@.kpi_dims k WHERE k.dims IN (SELECT c.dims FROM cell c) '
            'UNION SELECT w.dims, w.funnel, w.unit, w.stage, w.campaign, w.channel, w.product, w.owner, w.segment, w.currency FROM waiting w), '
        'place AS MATERIALIZED (SELECT t.instance, d.dims, d.campaign, d.channel, d.product, d.owner, d.segment, d.currency, '
                'coalesce(@extschema@.resolve_unit(d.unit), t.fallback_unit, @extschema@.root_unit()) AS unit_key, coalesce(w.stage, d.stage) AS stage '
            'FROM dim d CROSS JOIN term t '
            'LEFT JOIN @extschema@.stage_word w ON w.funnel = coalesce(d.funnel, t.funnel) AND w.word = @extschema@.stage_spelling(coalesce(d.funnel, t.funnel), d.stage) '
            'WHERE (t.outcomes IS NULL OR coalesce(w.outcome, ''unknown'') = ANY (t.outcomes)) AND (t.milestones IS NULL OR w.milestone = ANY (t.milestones))), '
        'fact AS (SELECT c.first, c.instance, c.piece, c.day, p.unit_key, p.stage, p.campaign, p.channel, p.product, p.owner, p.segment, p.currency '
            'FROM cell c JOIN place p USING (instance, dims) WHERE $5 IS NULL OR p.unit_key = ANY ($5)), '
        'part AS (%1$s), '
        'r AS (SELECT p.*, %2$s AS rate FROM part p WHERE p.piece IS NOT NULL), '
        'g AS (SELECT r.first, %3$s, %4$s AS value, %5$s AS state FROM r GROUP BY r.first%6$s) '
        '%7$s',
        part, CASE WHEN money AND converted THEN '@extschema@.rate_on(p.money, $6, p.on_date, $7)' ELSE '1::numeric' END, kpi_dimensions(by, 'r'), value, state,
        (SELECT coalesce(string_agg(format(', r.%I', d), ''), '') FROM unnest(by) d), result);
END
$$;
COMMENT ON FUNCTION @extschema@.counted_query(@extschema@.kpi, text[], boolean) IS 'The query behind counted_groups.';
SELECT @extschema@.set_audience('counted_query(kpi, text[], boolean)', 'internal');

CREATE FUNCTION @extschema@.counted_groups(asked @extschema@.kpi, firsts date[], begins date[], ends date[], units text[], by text[], into_currency text,
                                           rates text)
    RETURNS TABLE (period date, unit_key text, stage text, campaign text, channel text, product text, owner text, segment text, currency text,
                   value numeric, state text)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100 COST 100000 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN QUERY EXECUTE counted_query(asked, by, into_currency IS NOT NULL)
        USING firsts, begins, ends, asked.kpi, units, into_currency, rates,
              CASE asked.kind WHEN 'distinct' THEN value_links(asked.kpi) END, home_currency();
END
$$;
COMMENT ON FUNCTION @extschema@.counted_groups(@extschema@.kpi, date[], date[], date[], text[], text[], text, text) IS
'row_groups of a KPI of which counted_terms has the values, for several periods: called firsts, from begins to ends, which do not overlap. '
'No rights applied; not for users.';
SELECT @extschema@.set_audience('counted_groups(kpi, date[], date[], date[], text[], text[], text, text)', 'internal');
