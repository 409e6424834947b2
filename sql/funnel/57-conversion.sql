-- Conversion through the steps of a tracked funnel, and how far its subjects come.

-- Nobody can estimate the rows of functions of functions, and compiling takes longer than all the rest: jit is off here.

-- What journeys do not hold: nobody knows when it happened. There are few, and reading them is not reading the whole history.
CREATE INDEX transition_log_estimated ON @extschema@.transition_log (funnel)
    WHERE at IS NULL OR flags && '{estimated_time,impossible_time}';

CREATE FUNCTION @extschema@.total_estimate(funnel text)
    RETURNS TABLE (subject text, estimated @extschema@.journey, untimed integer[])
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1000 COST 10000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT t.subject, journey_agg(t.at, s."position", t."sequence"), array_agg(DISTINCT s."position") FILTER (WHERE t.at IS NULL)
    FROM subject_transition t
    JOIN funnel_stage s ON s.funnel = t.funnel AND s.stage = t.to_stage
    WHERE t.funnel = total_estimate.funnel AND (t.at IS NULL OR t.flags && '{estimated_time,impossible_time}')
      AND visible(t.unit, 'kpi', 'total')
    GROUP BY t.subject;
END
$$;
COMMENT ON FUNCTION @extschema@.total_estimate(text) IS
'Of the journeys that total_journey gives: their events whose times are estimated or impossible, and positions at times that nobody knows, which '
'no journey has. Gives subjects, so not for users.';
SELECT @extschema@.set_audience('total_estimate(text)', 'internal');

CREATE FUNCTION @extschema@.record_property(funnel text, property text)
    RETURNS TABLE (relation pg_catalog.regclass, record_key text, value text)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 10000 COST 100000 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    target regclass;
BEGIN
    FOR target IN SELECT DISTINCT t.target FROM tracking t
                  WHERE t.funnel = record_property.funnel AND has_attribute(t.target, property) ORDER BY 1 LOOP
        RETURN QUERY
        SELECT target, v.record_key, v.value
        FROM rows_as_owner(target, format('SELECT %s, %s FROM (SELECT r FROM %s r) x', mapped(target, 'id'), mapped(target, property), target))
             AS v (record_key text, value text);
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.record_property(text, text) IS
'A mapped attribute of the records of a funnel''s tables, as their rows have it now. No rights applied; not for users.';
SELECT @extschema@.set_audience('record_property(text, text)', 'internal');

CREATE FUNCTION @extschema@.require_property(funnel text, property text, more text[]) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    attributes CONSTANT text[] := '{campaign,channel,product,owner,segment,currency}';
BEGIN
    IF property IS NOT NULL AND property <> 'unit' AND property <> ALL (more)
       AND NOT EXISTS (SELECT FROM tracking t WHERE t.funnel = require_property.funnel AND property = ANY (attributes)
                                                AND has_attribute(t.target, property)) THEN
        PERFORM raise_unknown('property of funnel ' || funnel, property,
            more || ARRAY['unit'] || ARRAY(SELECT a FROM unnest(attributes) a WHERE EXISTS (
                SELECT FROM tracking t WHERE t.funnel = require_property.funnel AND has_attribute(t.target, a))));
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.require_property(text, text, text[]) IS
'Raises RM001 where property is none of more, unit and those of campaign, channel, product, owner, segment and currency that a table of the funnel maps.';

CREATE FUNCTION @extschema@.total_property(funnel text, property text)
    RETURNS TABLE (subject text, at timestamptz, "position" integer, "sequence" bigint, estimated boolean, value text)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100000 COST 100000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM require_property(funnel, property, '{record}');
    RETURN QUERY EXECUTE format(
        'SELECT t.subject, t.at, s."position", t."sequence"::bigint, t.flags && ''{estimated_time,impossible_time}'', %s '
        'FROM subject_transition t JOIN funnel_stage s ON s.funnel = t.funnel AND s.stage = t.to_stage %s '
        'WHERE t.funnel = $1 AND visible(t.unit, ''kpi'', ''total'')',
        CASE property WHEN 'record' THEN 't.relation::oid || '' '' || t.record_key' WHEN 'unit' THEN 'resolve_unit(t.unit)' ELSE 'p.value' END,
        CASE WHEN property IN ('record', 'unit') THEN ''
             ELSE 'LEFT JOIN record_property($1, $2) p ON p.relation = t.relation AND p.record_key = t.record_key' END)
    USING funnel, property;
END
$$;
COMMENT ON FUNCTION @extschema@.total_property(text, text) IS
'The transitions of a funnel whose numbers the caller may see, each with a property of its record or the unit. Gives subjects, so not for users.';
SELECT @extschema@.set_audience('total_property(text, text)', 'internal');

CREATE FUNCTION @extschema@.held_journey(funnel text, steps text[], within interval, mode text, anchor text, gap interval,
                                         since timestamptz, until timestamptz, hold text)
    RETURNS TABLE (subject text, journey @extschema@.journey, estimated @extschema@.journey)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100000 COST 100000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off AS $$
BEGIN
    IF hold IS NULL THEN
        RETURN QUERY SELECT j.subject, j.journey, e.estimated
        FROM total_journey(funnel, since, until) j LEFT JOIN total_estimate(funnel) e ON e.subject = j.subject;
        RETURN;
    END IF;
    RETURN QUERY
    WITH part AS MATERIALIZED (
        SELECT p.subject, journey_agg(p.at, p."position", p."sequence") AS journey,
               journey_agg(p.at, p."position", p."sequence") FILTER (WHERE p.estimated) AS estimated
        FROM total_property(held_journey.funnel, hold) p
        WHERE p.value IS NOT NULL AND p.at IS NOT NULL AND (since IS NULL OR p.at >= since) AND (until IS NULL OR p.at < until)
        GROUP BY p.subject, p.value)
    SELECT DISTINCT ON (f.subject) f.subject, f.journey, p.estimated
    FROM (SELECT p.subject, furthest_journey(p.journey, steps, within, mode, anchor, gap) AS journey FROM part p GROUP BY 1) f
    JOIN part p ON p.subject = f.subject AND p.journey OPERATOR(@extschema@.=) f.journey
    ORDER BY f.subject, p.estimated USING OPERATOR(@extschema@.<);
END
$$;
COMMENT ON FUNCTION @extschema@.held_journey(text, text[], interval, text, text, interval, timestamptz, timestamptz, text) IS
'The journeys of a funnel that the caller may count, and their events whose time is estimated; with a property to hold, of each subject only what happened with '
'that value of it with which the subject came furthest. Gives subjects, so not for users.';
SELECT @extschema@.set_audience('held_journey(text, text[], interval, text, text, interval, timestamptz, timestamptz, text)', 'internal');

-- Groups are by when the subject entered, or by what its first transition had.
CREATE FUNCTION @extschema@.subject_group(funnel text, "by" text) RETURNS TABLE (subject text, value text)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100000 COST 100000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF "by" IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT DISTINCT ON (p.subject) p.subject, p.value
    FROM total_property(subject_group.funnel, "by") p
    ORDER BY p.subject, p.at, p."sequence", p."position", p.value;
END
$$;
COMMENT ON FUNCTION @extschema@.subject_group(text, text) IS
'Of each subject of a funnel the property that its first transition had; nothing where by is NULL. Gives subjects, so not for users.';
SELECT @extschema@.set_audience('subject_group(text, text)', 'internal');

CREATE FUNCTION @extschema@.is_period(period text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce(period OPERATOR(pg_catalog.=) ANY (ARRAY['day', 'week', 'month', 'quarter', 'year']), false);
COMMENT ON FUNCTION @extschema@.is_period(text) IS 'Whether it is one of day, week, month, quarter, year.';

-- date_trunc fails for what begins before time does, and then nobody's number is told.
CREATE FUNCTION @extschema@.period_start(period text, at timestamptz, zone text) RETURNS timestamp
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN pg_catalog.date_trunc(period, pg_catalog.timezone(zone, CASE WHEN at OPERATOR(pg_catalog.<) timestamptz '4712-01-01 00:00Z BC' THEN timestamptz '4712-01-01 00:00Z BC'
                                                                        WHEN at OPERATOR(pg_catalog.>) timestamptz '294270-01-01 00:00Z' THEN timestamptz '294270-01-01 00:00Z' ELSE at END));
COMMENT ON FUNCTION @extschema@.period_start(text, timestamptz, text) IS
'When the period (day, week, month, quarter, year) began in which a time is, in a zone. Times before 4712 BC and after 294270 are in the first and last that a calendar has.';

CREATE FUNCTION @extschema@.funnel_conversion(funnel text, steps text[], within interval DEFAULT NULL, mode text DEFAULT 'ordered',
                                              anchor text DEFAULT 'best', gap interval DEFAULT NULL, since timestamptz DEFAULT NULL,
                                              until timestamptz DEFAULT NULL, "by" text DEFAULT NULL, hold text DEFAULT NULL)
    RETURNS TABLE (value text, step integer, stage text, reached bigint, dropped bigint, conversion_of_first numeric,
                   conversion_of_previous numeric, timed bigint, p50 interval, p75 interval, p90 interval, mean interval,
                   timed_from_first bigint, p50_from_first interval, p75_from_first interval, p90_from_first interval, mean_from_first interval)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 10 COST 100000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off AS $$
DECLARE
    labels text[];
    positions text[];
    dated CONSTANT boolean := is_period("by");
    zone CONSTANT text := default_zone();
BEGIN
    SELECT s.* INTO labels, positions FROM read_steps(funnel, steps, within, mode, anchor, gap) s;
    IF NOT dated THEN
        PERFORM require_property(funnel, "by", '{day,week,month,quarter,year}');
    END IF;
    RETURN QUERY
    WITH way AS (
        SELECT h.journey, h.estimated,
               CASE WHEN dated THEN period_start("by", journey_begin(h.journey), zone) END::date::text AS begun,
               g.value
        FROM held_journey(funnel_conversion.funnel, positions, within, mode, anchor, gap, since, until, hold) h
        LEFT JOIN subject_group(funnel_conversion.funnel, CASE WHEN NOT dated THEN "by" END) g ON g.subject = h.subject
        UNION ALL
        SELECT NULL, NULL, NULL, NULL WHERE "by" IS NULL), -- counts nothing, and gives every step a row
    counted AS (
        SELECT coalesce(w.begun, w.value) AS value, funnel_conversion(w.journey, positions, within, mode, anchor, gap, w.estimated) AS steps
        FROM way w GROUP BY 1)
    SELECT c.value, s.step, labels[s.step], s.reached, s.dropped, s.conversion_of_first, s.conversion_of_previous, s.timed, s.p50, s.p75, s.p90,
           s.mean, s.timed_from_first, s.p50_from_first, s.p75_from_first, s.p90_from_first, s.mean_from_first
    FROM counted c CROSS JOIN LATERAL unnest(c.steps) s
    ORDER BY c.value, s.step;
END
$$;
COMMENT ON FUNCTION @extschema@.funnel_conversion(text, text[], interval, text, text, interval, timestamptz, timestamptz, text, text) IS
'How many subjects reach each step of a tracked funnel and how long it takes them, of what happened from since until before until. Steps, within, mode, anchor and gap as in '
'funnel_counts. dropped: reached the required step before and not this; conversions are shares (0 to 1), of those who began and of the required step before; '
'timed: for how many it is known when they took both, and the median, other quantiles and the mean of the time since the required step before; the same since the first. '
'Who did not reach a step is in none of its times. by makes groups, told in value: day, week, month, quarter or year in which the subject entered the funnel, or what its first '
'transition had: unit, or campaign, channel, product, owner, segment, currency of the record. hold takes a property, too, and counts of each subject only what '
'happened with the one value of it with which the subject came furthest: record for the same deal through all steps; what has no value is left out. Numbers of the units for which the '
'caller has the privilege total. Errors: RM001, RM005. '
'Example: SELECT stage, reached, conversion_of_previous, p50 FROM crm.funnel_conversion(''desk'', ARRAY[''assigned'', ''taken'', ''closed''], ''30 days'', by => ''month'');';

CREATE FUNCTION @extschema@.stage_reach(funnel text, since timestamptz, until timestamptz) RETURNS SETOF @extschema@.reach_count
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 20 COST 100000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off AS $$
DECLARE
    progress integer[] := ARRAY(SELECT s."position" FROM funnel_stage s JOIN stage_kind_name k USING (kind)
                                WHERE s.funnel = stage_reach.funnel AND k.progress ORDER BY 1);
BEGIN
    RETURN QUERY
    SELECT r.*
    FROM (SELECT funnel_reach_counts(j.journey, e.untimed, progress, e.estimated) AS rows
          FROM total_journey(stage_reach.funnel) j FULL JOIN total_estimate(stage_reach.funnel) e ON e.subject = j.subject
          WHERE (since IS NULL OR journey_begin(j.journey) >= since) AND (until IS NULL OR journey_begin(j.journey) < until)) c
    CROSS JOIN LATERAL unnest(c.rows) r;
END
$$;
COMMENT ON FUNCTION @extschema@.stage_reach(text, timestamptz, timestamptz) IS
'funnel_reach_counts of a funnel, of the units for which the caller has the privilege total. For funnel_reach.';
SELECT @extschema@.set_audience('stage_reach(text, timestamptz, timestamptz)', 'internal');

CREATE FUNCTION @extschema@.funnel_reach(funnel text DEFAULT NULL, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL)
    RETURNS TABLE (funnel_key text, stage text, "position" integer, department text, kind text, milestone text, entered bigint,
                   reached bigint, dropped bigint, conversion_of_first numeric, conversion_of_previous numeric, timed bigint,
                   median_days_to_next numeric, p75_days_to_next numeric, p90_days_to_next numeric, mean_days_to_next numeric)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 20 COST 100000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off AS $$
BEGIN
    PERFORM require_funnel(funnel) WHERE funnel IS NOT NULL;
    RETURN QUERY
    WITH placed AS (
        SELECT s.*, k.progress, coalesce(r.entered, 0) AS entered, coalesce(r.furthest, 0) AS furthest, r.timed, r.p50, r.p75, r.p90, r.mean
        FROM funnel f
        JOIN funnel_stage s USING (funnel)
        JOIN stage_kind_name k USING (kind)
        LEFT JOIN LATERAL (SELECT c.* FROM stage_reach(f.funnel, since, until) c) r ON r."position" = s."position"
        WHERE (funnel_reach.funnel IS NULL OR f.funnel = funnel_reach.funnel)),
    result AS (
        SELECT p.*, CASE WHEN p.progress THEN sum(p.furthest) OVER (PARTITION BY p.funnel ORDER BY p."position" DESC)::bigint ELSE p.entered END AS reached
        FROM placed p WHERE p.retired_at IS NULL OR p.entered > 0),
    compared AS (
        SELECT r.*, first_value(r.reached) OVER (PARTITION BY r.funnel ORDER BY r.progress DESC, r."position") AS of_first,
               CASE WHEN r.progress THEN lag(r.reached) OVER (PARTITION BY r.funnel, r.progress ORDER BY r."position") END AS of_previous
        FROM result r)
    SELECT c.funnel, c.stage, c."position", c.department, c.kind, c.milestone, c.entered, c.reached, c.of_previous - c.reached,
           round(c.reached / nullif(c.of_first, 0)::numeric, 4), round(c.reached / nullif(c.of_previous, 0)::numeric, 4),
           CASE WHEN c.progress THEN coalesce(c.timed, 0) END, days(c.p50), days(c.p75), days(c.p90), days(c.mean)
    FROM compared c
    ORDER BY c.funnel, c."position";
END
$$;
COMMENT ON FUNCTION @extschema@.funnel_reach(text, timestamptz, timestamptz) IS
'For each stage of a funnel (NULL: of all): entered, subjects that were in it; reached, subjects that were in it or in a later '
'one (waiting, lost and churned are no progress: there reached is entered); dropped, those that reached the stage before and not this; the share of the first '
'stage and of the stage before; for how many it is known when they first entered it and the next stage that they reached, and the median, other quantiles and '
'the mean of the days between. since and until choose subjects by when they entered the funnel. Numbers of the units for which the caller has the privilege '
'total. Example: SELECT stage, reached, conversion_of_previous FROM crm.funnel_reach(''sales'', ''2026-01-01'');';

CREATE VIEW crm_bi.funnel_conversion WITH (security_invoker) AS
SELECT r.funnel_key AS funnel, r.stage, r.funnel_key || ':' || r.stage AS stage_key, r."position"::bigint AS "position", r.department, r.kind, r.milestone, r.entered, r.reached, r.dropped,
       r.conversion_of_first::numeric(18,4) AS conversion_of_first, r.conversion_of_previous::numeric(18,4) AS conversion_of_previous, r.timed,
       r.median_days_to_next::numeric(12,2) AS median_days_to_next, r.p75_days_to_next::numeric(12,2) AS p75_days_to_next,
       r.p90_days_to_next::numeric(12,2) AS p90_days_to_next, r.mean_days_to_next::numeric(12,2) AS mean_days_to_next
FROM @extschema@.funnel_reach() r;
COMMENT ON VIEW crm_bi.funnel_conversion IS
'How many subjects reached each stage of each funnel, over all time. Sum no column over stages. Numbers of the units for '
'which you have the privilege total; everything where you have it for the organisation.';
COMMENT ON COLUMN crm_bi.funnel_conversion.funnel IS 'Key of the funnel.';
COMMENT ON COLUMN crm_bi.funnel_conversion.stage IS 'Key of the stage.';
COMMENT ON COLUMN crm_bi.funnel_conversion.stage_key IS 'Joins dim_stage.';
COMMENT ON COLUMN crm_bi.funnel_conversion."position" IS 'Order of the stages.';
COMMENT ON COLUMN crm_bi.funnel_conversion.department IS 'The department that works in this stage.';
COMMENT ON COLUMN crm_bi.funnel_conversion.kind IS 'entry, active, waiting, won, lost, after_win or churned.';
COMMENT ON COLUMN crm_bi.funnel_conversion.milestone IS 'What the stage means to KPIs, whatever it is called.';
COMMENT ON COLUMN crm_bi.funnel_conversion.entered IS 'Subjects that were in this stage.';
COMMENT ON COLUMN crm_bi.funnel_conversion.reached IS
'Subjects that were in this stage or a later one; for waiting, lost and churned stages as entered.';
COMMENT ON COLUMN crm_bi.funnel_conversion.dropped IS 'Subjects that reached the stage before and not this one; NULL where conversion_of_previous is.';
COMMENT ON COLUMN crm_bi.funnel_conversion.conversion_of_first IS 'reached as a share (0 to 1) of reached of the first stage.';
COMMENT ON COLUMN crm_bi.funnel_conversion.conversion_of_previous IS
'reached as a share (0 to 1) of reached of the stage before; NULL for the first and for waiting, lost and churned stages.';
COMMENT ON COLUMN crm_bi.funnel_conversion.timed IS
'Subjects of which it is known when they first entered this stage and the next one that they reached: what the days are of.';
COMMENT ON COLUMN crm_bi.funnel_conversion.median_days_to_next IS
'Median days from entering this stage to entering the next one that the subject reached, where both times are known.';
COMMENT ON COLUMN crm_bi.funnel_conversion.p75_days_to_next IS 'Three quarters of them took no more days than this.';
COMMENT ON COLUMN crm_bi.funnel_conversion.p90_days_to_next IS 'Nine tenths of them took no more days than this.';
COMMENT ON COLUMN crm_bi.funnel_conversion.mean_days_to_next IS 'Mean of these days.';
GRANT SELECT ON crm_bi.funnel_conversion TO PUBLIC;
