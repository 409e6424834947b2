-- Where a number comes from, and whether it is right.

CREATE FUNCTION @extschema@.explain_kpi(kpi text, unit text DEFAULT NULL, since date DEFAULT NULL, until date DEFAULT NULL)
    RETURNS TABLE (part text, detail text, relation text, rows bigint, amount numeric)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE COST 1000000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_column
DECLARE
    asked kpi := require_kpi(explain_kpi.kpi);
    place text := unit_asked(explain_kpi.unit);
    units text[] := CASE WHEN place IS NOT NULL THEN ARRAY(SELECT b.unit FROM units_below(place) b) END; -- NULL: no unit was ever made
    last date := coalesce(until, kpi_today());
    total record;
BEGIN
    IF NOT may_see_total(place) THEN
        RAISE EXCEPTION 'you may not see the totals of unit "%" and of all below it', place
            USING ERRCODE = 'insufficient_privilege', HINT = 'It takes the privilege total on kpi there, with depth below.';
    END IF;
    SELECT * INTO total FROM kpi_total(asked.kpi, place, since, until);
    RETURN QUERY VALUES
        ('definition', asked.description, NULL, NULL::bigint, NULL::numeric),
        ('version', format('%s, %s', asked.version, CASE WHEN asked.shipped THEN 'shipped' ELSE 'the team''s own' END), NULL, NULL, NULL),
        ('owner', coalesce(asked.owner, 'nobody said'), NULL, NULL, NULL),
        ('certification', CASE WHEN asked.certified_by IS NULL THEN asked.certification
                               WHEN asked.certified_version <> asked.version THEN format('%s; version %s was %s by %s on %s', asked.certification,
                                    asked.certified_version, (SELECT g.certification FROM kpi_governance g WHERE g.kpi = asked.kpi), asked.certified_by,
                                    to_char(asked.certified_at AT TIME ZONE default_zone(), 'YYYY-MM-DD'))
                               ELSE format('%s, said by %s on %s', asked.certification, asked.certified_by,
                                           to_char(asked.certified_at AT TIME ZONE default_zone(), 'YYYY-MM-DD')) END, NULL, NULL, NULL),
        ('valid', CASE WHEN asked.valid_from IS NULL AND asked.valid_until IS NULL THEN 'always'
                       ELSE concat_ws(' ', 'from ' || to_char(asked.valid_from, 'YYYY-MM-DD'), 'until ' || to_char(asked.valid_until, 'YYYY-MM-DD')) END,
         NULL, NULL, NULL),
        ('adds up over', coalesce((SELECT string_agg(a.dimension, ', ' ORDER BY a."position") FROM kpi_additivity a WHERE a.kpi_key = asked.kpi AND a.additive),
                                  'nothing'), NULL, NULL, NULL),
        ('zone', coalesce((SELECT z.zone FROM kpi_zone z WHERE z.kpi = asked.kpi), 'that of its inputs'), NULL, NULL, NULL),
        ('calendar', coalesce(asked.calendar, 'none of its own'), NULL, NULL, NULL),
        ('state', total.state, NULL, NULL, NULL),
        ('numerator', asked.numerator, NULL, NULL, total.numerator),
        ('denominator', asked.denominator, NULL, NULL, total.denominator),
        ('value', CASE WHEN asked.inputs IS NOT NULL THEN 'the expression' WHEN asked.kind IN ('distinct', 'percentile', 'survival') THEN asked.kind || coalesce(' ' || asked.quantile, '') || ' of the rows'
                       WHEN asked.denominator IS NOT NULL THEN 'numerator / denominator' ELSE 'numerator' END, NULL, NULL, total.value);
    RETURN QUERY -- what the rows give is counted now
        SELECT 'closed', format('frozen on %s: from %s until %s, as of version %s', to_char(c.closed_at AT TIME ZONE default_zone(), 'YYYY-MM-DD'),
                                coalesce(to_char(c.after + 1, 'YYYY-MM-DD'), 'the beginning'), to_char(c.until, 'YYYY-MM-DD'), c.kpi_version),
               NULL::text, NULL::bigint, NULL::numeric
        FROM (SELECT f.*, lag(f.until) OVER (ORDER BY f.until) AS after FROM kpi_closing f
              WHERE f.kpi = asked.kpi AND f.policy = 'freeze' AND f.reopened_at IS NULL) c
        WHERE coalesce(c.after < last, true) AND (asked.date_kind = 'stock' AND last <= c.until OR asked.date_kind <> 'stock' AND c.until >= coalesce(explain_kpi.since, '-infinity'))
        ORDER BY c.until;
    RETURN QUERY
        SELECT 'filling', format('version %s of %s, beside the one that is read', s.version, s.component), s.relation::text, NULL::bigint, NULL::numeric
        FROM kpi_successor s WHERE s.component IN (SELECT t.component FROM kpi_term t WHERE t.kpi = asked.kpi) ORDER BY 2, 3;
    RETURN QUERY
        SELECT t.side, format('%s %s.%s%s: %s%s', CASE t.sign WHEN 1 THEN '+' ELSE '-' END, t.component, t.measure,
                              (SELECT '[' || string_agg(x, ',') || ']' FROM unnest(t.outcomes || t.milestones || ('within ' || t.within_days || ' days')) x), c.description,
                              coalesce(', where ' || CASE WHEN i.instance IS NULL THEN c.filter ELSE i.filter END, '')),
               coalesce(i.relation, f.relation)::text, coalesce(sum(f.rows), 0)::bigint, coalesce(sum(f.amount), 0)
        FROM kpi_term t
        JOIN component c ON c.component = t.component
        LEFT JOIN kpi_instance i ON i.component = t.component
        LEFT JOIN kpi_term_cell f
               ON f.kpi = t.kpi AND f.side = t.side AND f."position" = t."position" AND (i.instance IS NULL OR f.relation = i.relation)
              AND f.day <= last AND (asked.date_kind = 'stock' OR f.day >= coalesce(since, '-infinity'))
              AND (units IS NULL OR f.unit_key = ANY (units))
        WHERE t.kpi = asked.kpi AND total.state IN ('ready', 'mixed_currencies')
        GROUP BY t.side, t."position", t.sign, t.component, t.measure, t.outcomes, t.milestones, t.within_days, c.description, c.filter, i.relation, i.instance, i.filter, f.relation
        ORDER BY t.side DESC, t."position", 3;
    RETURN QUERY
        SELECT 'item', format('%s of %s, %s to %s: %s by %s', i.label, i.unit, to_char(i.since, 'YYYY-MM-DD'), to_char(i.until, 'YYYY-MM-DD'),
                              coalesce(round(i.above, 6)::text, i.state), coalesce(round(i.below, 6)::text, i.state)), NULL::text, NULL::bigint, i.above / nullif(i.below, 0)
        FROM kpi_items((SELECT min(t.component) FROM kpi_term t WHERE t.kpi = asked.kpi), explain_kpi.since, last, units, NULL, 'default') i
        WHERE is_of_items(asked.kpi);
    RETURN QUERY
        SELECT 'input', i.input || coalesce(': ' || k.label, ''), NULL::text, NULL::bigint,
               CASE WHEN k.kpi IS NULL THEN p.value
                    ELSE (SELECT t.value FROM kpi_total(k.kpi, place, CASE WHEN asked.span IS NOT NULL THEN (last + 1 - asked.span)::date ELSE explain_kpi.since END,
                                                        last) t) END
        FROM unnest(asked.inputs) WITH ORDINALITY AS i (input, n)
        LEFT JOIN kpi k ON k.kpi = i.input
        LEFT JOIN kpi_parameter p ON p.parameter = i.input
        ORDER BY i.n;
END
$$;
COMMENT ON FUNCTION @extschema@.explain_kpi(text, text, date, date) IS
'Where a KPI''s value comes from: definition, version, owner, certification, when it is valid, over what it adds up, zone, state, numerator, denominator, and for each term of the formula what '
'each table contributes (rows, and amount without its sign; of a derived KPI the value of each input), for a unit and all below it (default: the whole) over since to '
'until. Errors: RM001 unknown KPI or unit, 42501 where the caller may not see the unit''s totals, RM101.';

CREATE FUNCTION @extschema@.verify_kpi(kpi text, since date DEFAULT NULL, until date DEFAULT NULL)
    RETURNS TABLE (component text, relation text, measure text, counted numeric, recomputed numeric, groups_different bigint)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE COST 1000000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_column
DECLARE
    asked kpi := require_kpi(verify_kpi.kpi);
BEGIN
    RETURN QUERY
    WITH checked AS (
        SELECT i.* FROM kpi_instance i
        WHERE i.state = 'ready' AND i.component IN (SELECT t.component FROM kpi_term t WHERE t.kpi = asked.kpi)
          AND i.instance NOT IN (SELECT b.instance FROM kpi_broken b)
    ), pieces AS (
        SELECT 1 AS side, c.* FROM kpi_cell c
        UNION ALL
        SELECT 2, r.instance, r.day, r.rows, r.invalid, r.s1, r.s2, r.s3, r.s4, r.funnel, r.unit, r.stage, r.campaign, r.channel,
               r.product, r.owner, r.segment, r.currency
        FROM (SELECT DISTINCT k.relation FROM checked k) x CROSS JOIN LATERAL recompute(x.relation) r
    ), groups AS (
        SELECT k.component, k.relation, m.measure,
               coalesce(sum(m.amount) FILTER (WHERE p.side = 1), 0) AS counted,
               coalesce(sum(m.amount) FILTER (WHERE p.side = 2), 0) AS recomputed
        FROM pieces p JOIN checked k ON k.instance = p.instance
        CROSS JOIN LATERAL (SELECT 'count', p.rows::numeric
                            UNION ALL
                            SELECT n.name, (ARRAY[p.s1, p.s2, p.s3, p.s4])[n.n]
                            FROM unnest(k.sum_names) WITH ORDINALITY AS n (name, n)) AS m (measure, amount)
        WHERE p.day >= coalesce(since, '-infinity') AND p.day <= coalesce(until, 'infinity')
        GROUP BY k.component, k.relation, m.measure, p.day, p.funnel, p.unit, p.stage, p.campaign, p.channel, p.product,
                 p.owner, p.segment, p.currency
    )
    SELECT g.component, g.relation::text, g.measure, sum(g.counted), sum(g.recomputed),
           count(*) FILTER (WHERE g.counted <> g.recomputed)
    FROM groups g GROUP BY g.component, g.relation, g.measure ORDER BY 1, 2, 3;
    RETURN QUERY SELECT * FROM verify_values(asked.kpi, since, until);
END
$$;
COMMENT ON FUNCTION @extschema@.verify_kpi(text, date, date) IS
'Recomputes the components of a KPI from the tables, in the snapshot in which it reads what is counted, and compares: both '
'sums over since to until, and in how many groups (day and dimensions) they differ. Reads whole tables. Components that are '
'filling or broken are left out. Counted values (count_values) have lines of their own: rows with a value. Anything but 0 groups_different is a defect, or rows changed past the triggers: restate mends it.';
SELECT @extschema@.set_audience('verify_kpi(text, date, date)', 'admin');

CREATE FUNCTION @extschema@.restate(relation pg_catalog.regclass) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM require_adopted(relation);
    IF NOT is_audience('admin') THEN
        PERFORM require_owner(relation);
    END IF;
    PERFORM decide_captured();
    PERFORM lock_members(relation, 'SHARE ROW EXCLUSIVE', '2 seconds'); -- before the rows that DDL of the table writes, too
    -- another zone cuts other days: then it is another component
    PERFORM forget_instances(ARRAY(SELECT i.instance FROM kpi_instance i
                                   JOIN component c ON c.component = split_part(i.component, '.', 1) -- also of its counted values
                                   WHERE i.relation = restate.relation AND i.zone <> coalesce(c.zone, default_zone())));
    UPDATE kpi_successor i SET state = 'filling' WHERE i.relation = restate.relation;
    UPDATE kpi_instance i SET state = 'filling' WHERE i.relation = restate.relation;
    DELETE FROM record_clock c WHERE c.relation = restate.relation; -- they find their service levels anew
    INSERT INTO clock_touched SELECT t.relation, NULL FROM clock_table t WHERE t.relation = restate.relation;
    PERFORM FROM capture(relation);
END
$$;
COMMENT ON FUNCTION @extschema@.restate(pg_catalog.regclass) IS
'Has the components of a table counted anew by the next backfill (call it, or crmd does): after writes that no trigger saw, '
'such as session_replication_role = replica or a restore of data with triggers on, and after the organisation''s time zone '
'changed. Their KPIs read NULL with state filling until then. For the owner and for administrators. Errors: RM004, 42501, 55P03.';
