-- From components to KPIs: units, stages and milestones are resolved here, when read, so that a new alias or another
-- tree of units needs no recount.

CREATE FUNCTION @extschema@.kpi_today() RETURNS date
    LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN (pg_catalog.now() AT TIME ZONE @extschema@.default_zone())::date;
COMMENT ON FUNCTION @extschema@.kpi_today() IS 'Today in the organisation''s time zone.';

-- No rights here: for kpi_total, and for what filters by itself.
CREATE VIEW @extschema@.kpi_term_cell AS
SELECT t.kpi, t.side, t."position", t.sign, i.relation, c.day, c.rows, m.amount,
       coalesce(@extschema@.resolve_unit(c.unit), a.fallback_unit, (SELECT @extschema@.root_unit())) AS unit_key,
       coalesce(w.stage, c.stage) AS stage, c.campaign, c.channel, c.product, c.owner, c.segment, c.currency
FROM @extschema@.kpi_cell c
JOIN @extschema@.kpi_instance i ON i.instance = c.instance
JOIN @extschema@.kpi_term t ON t.component = i.component
LEFT JOIN @extschema@.adoption a ON a.relation = i.relation
LEFT JOIN @extschema@.tracking x ON x.relation = i.relation
CROSS JOIN LATERAL (SELECT coalesce(c.funnel, x.funnel, a.funnel) AS funnel) f
LEFT JOIN @extschema@.stage_word w
       ON w.funnel = f.funnel
      AND w.word = pg_catalog.lower(pg_catalog.btrim(CASE WHEN pg_catalog.starts_with(c.stage, f.funnel || ':')
                                                          THEN pg_catalog.regexp_replace(c.stage, '^.*:', '') ELSE c.stage END))
CROSS JOIN LATERAL (SELECT CASE t.measure WHEN 'count' THEN c.rows::numeric
                        ELSE (ARRAY[c.s1, c.s2, c.s3, c.s4])[pg_catalog.array_position(i.sum_names, t.measure)] END AS amount) m
WHERE (t.outcomes IS NULL OR coalesce(w.outcome, 'unknown') = ANY (t.outcomes))
  AND (t.milestones IS NULL OR w.milestone = ANY (t.milestones));
COMMENT ON VIEW @extschema@.kpi_term_cell IS
'What each term of each KPI counts of each table, in pieces; amount is without the term''s sign.';

CREATE VIEW @extschema@.kpi_fact AS
SELECT t.kpi, t.day, t.unit_key, t.stage, t.campaign, t.channel, t.product, t.owner, t.segment, t.currency,
       pg_catalog.sum(t.sign * t.amount) FILTER (WHERE t.side = 'numerator') AS numerator,
       pg_catalog.sum(t.sign * t.amount) FILTER (WHERE t.side = 'denominator') AS denominator
FROM @extschema@.kpi_term_cell t
GROUP BY t.kpi, t.day, t.unit_key, t.stage, t.campaign, t.channel, t.product, t.owner, t.segment, t.currency
HAVING pg_catalog.sum(t.sign * t.rows) <> 0 OR pg_catalog.sum(t.sign * t.amount) <> 0;
COMMENT ON VIEW @extschema@.kpi_fact IS
'Numerators and denominators of KPIs by day and dimensions, whatever their state and the viewer''s rights; of stocks the '
'change on that day.';

CREATE FUNCTION @extschema@.kpi_state() RETURNS TABLE (kpi text, state text)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 30
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT t.kpi,
           CASE WHEN bool_or(i.instance IN (SELECT b.instance FROM kpi_broken b)) THEN 'broken'
                WHEN bool_or(i.instance IS NULL OR i.state = 'filling' OR (t.milestones IS NOT NULL AND entries.filling)) THEN 'filling'
                WHEN bool_or(CASE WHEN t.outcomes IS NULL THEN false
                                  WHEN k.date_kind = 'stock' THEN f.funnel IS NULL AND NOT dated.yes
                                  ELSE EXISTS (SELECT FROM unnest(t.outcomes) o
                                               WHERE o IN ('won', 'lost')
                                                 AND NOT EXISTS (SELECT FROM stage_word w
                                                                 WHERE w.funnel = f.funnel AND w.outcome = o)) END)
                    THEN 'no_milestone'
                WHEN bool_or(t.measure <> 'count' AND i.sums[array_position(i.sum_names, t.measure)] IS NULL) THEN 'not_mapped'
                ELSE 'ready' END
    FROM kpi_term t
    JOIN kpi k ON k.kpi = t.kpi
    LEFT JOIN kpi_instance i ON i.component = t.component
    LEFT JOIN adoption a ON a.relation = i.relation
    LEFT JOIN tracking x ON x.relation = i.relation
    CROSS JOIN LATERAL (SELECT coalesce(x.funnel, a.funnel) AS funnel) f
    CROSS JOIN LATERAL (SELECT has_attribute(i.relation, 'closed_at') OR has_attribute(i.relation, 'resolved_at') AS yes) dated
    CROSS JOIN (SELECT EXISTS (SELECT FROM filling l WHERE l.room = 'funnel' AND l.state <> 'ready') AS filling) entries
    GROUP BY t.kpi
    HAVING bool_and(i.instance IS NOT NULL OR t.milestones IS NOT NULL) -- stage entries begin with the first fold at the latest
       AND bool_and(t.milestones IS NULL
                    OR EXISTS (SELECT FROM tracking r JOIN funnel_stage s ON s.funnel = r.funnel
                               WHERE s.milestone = ANY (t.milestones)))
$$;
COMMENT ON FUNCTION @extschema@.kpi_state() IS
'The KPIs that adopted tables can answer, with their state: ready; filling (rows that were there are not all counted); '
'broken (a component is paused, see status); no_milestone (a table has no funnel, or its funnel no won or lost stage); '
'not_mapped (a table does not map the attribute that is summed). Only a KPI that is ready has a value.';

CREATE FUNCTION @extschema@.require_kpi(kpi text) RETURNS @extschema@.kpi
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    found_row kpi;
BEGIN
    SELECT * INTO found_row FROM kpi k WHERE k.kpi = require_kpi.kpi;
    IF NOT FOUND THEN
        PERFORM raise_unknown('KPI', coalesce(require_kpi.kpi, ''), ARRAY(SELECT k.kpi FROM kpi k));
    END IF;
    RETURN found_row;
END
$$;
COMMENT ON FUNCTION @extschema@.require_kpi(text) IS 'The definition of a KPI; raises RM001 with the nearest match where there is none.';

CREATE FUNCTION @extschema@.kpi_total(kpi text, unit text DEFAULT NULL, since date DEFAULT NULL, until date DEFAULT NULL,
                                      OUT numerator numeric, OUT denominator numeric, OUT value numeric, OUT state text)
    LANGUAGE plpgsql STABLE PARALLEL SAFE COST 100000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    asked kpi := require_kpi(kpi_total.kpi);
    units text[];
    currencies bigint;
BEGIN
    until := coalesce(until, kpi_today()); -- once, and not for each row
    IF kpi_total.unit IS NOT NULL AND kpi_total.unit IS DISTINCT FROM root_unit() THEN
        units := ARRAY(SELECT b.unit FROM units_below((require_unit(kpi_total.unit)).unit) b);
    END IF;
    state := coalesce((SELECT s.state FROM kpi_state() s WHERE s.kpi = asked.kpi), 'not_available');
    IF state <> 'ready' THEN
        RETURN;
    END IF;
    SELECT coalesce(sum(f.numerator), 0), CASE WHEN asked.kind = 'ratio' THEN coalesce(sum(f.denominator), 0) END,
           CASE WHEN asked.measured_in = 'money' THEN count(DISTINCT f.currency) ELSE 0 END
    INTO numerator, denominator, currencies
    FROM kpi_fact f
    WHERE f.kpi = asked.kpi
      AND f.day <= until
      AND (asked.date_kind = 'stock' OR f.day >= coalesce(since, '-infinity'))
      AND (units IS NULL OR f.unit_key = ANY (units));
    IF currencies > 1 THEN
        numerator := NULL;
        state := 'mixed_currencies';
    END IF;
    value := CASE asked.kind WHEN 'ratio' THEN numerator / nullif(denominator, 0) ELSE numerator END;
END
$$;
COMMENT ON FUNCTION @extschema@.kpi_total(text, text, date, date) IS
'A KPI for a unit with all below it (NULL: the whole organisation) over the days since to until, both included; until is '
'today and since the beginning unless given. A stock is that of the end of until. state is ready, or why there is no value '
'(see kpi_state; not_available, mixed_currencies). No rights are applied: for rules, goals and what filters by itself. '
'Errors: RM001 for an unknown KPI or unit.';
SELECT @extschema@.set_audience('kpi_total(text, text, date, date)', 'admin');
