-- How many came how far, and how long it took.

CREATE FUNCTION @extschema@.funnel_reach(funnel text DEFAULT NULL, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL)
    RETURNS TABLE (funnel_key text, stage text, "position" integer, department text, kind text, milestone text, entered bigint,
                   reached bigint, conversion_of_first numeric, conversion_of_previous numeric, median_days_to_next numeric)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 20 COST 100000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM require_funnel(funnel) WHERE funnel IS NOT NULL;
    RETURN QUERY
    WITH passage AS ( -- once for each subject and stage
        SELECT t.funnel, t.subject, t.to_stage AS stage, min(t.at) AS at,
               min(t.at) FILTER (WHERE NOT t.flags && '{estimated_time,impossible_time}') AS known_at
        FROM total_transition(funnel_reach.funnel, NULL, NULL) t
        WHERE t.to_stage IS NOT NULL
        GROUP BY 1, 2, 3),
    cohort AS (
        SELECT p.funnel, p.subject FROM passage p GROUP BY 1, 2
        HAVING (since IS NULL OR min(p.at) >= since) AND (until IS NULL OR min(p.at) < until)),
    placed AS (
        SELECT p.*, s."position", k.progress,
               lead(p.known_at) OVER (PARTITION BY p.funnel, p.subject, k.progress ORDER BY s."position") AS next_at
        FROM passage p
        JOIN cohort c USING (funnel, subject)
        JOIN funnel_stage s USING (funnel, stage)
        JOIN stage_kind_name k USING (kind)),
    furthest AS MATERIALIZED (
        SELECT f.funnel, f."position", count(*) AS subjects
        FROM (SELECT p.funnel, p.subject, max(p."position") AS "position" FROM placed p WHERE p.progress GROUP BY 1, 2) f
        GROUP BY 1, 2),
    counted AS (
        SELECT p.funnel, p.stage, count(*) AS entered,
               percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM p.next_at - p.known_at)::double precision / 86400)
                   FILTER (WHERE p.progress AND p.next_at >= p.known_at) AS days
        FROM placed p GROUP BY 1, 2),
    result AS MATERIALIZED (
        SELECT s.*, k.progress, coalesce(c.entered, 0) AS entered, c.days,
               CASE WHEN k.progress
                    THEN (SELECT coalesce(sum(f.subjects), 0)::bigint FROM furthest f
                          WHERE f.funnel = s.funnel AND f."position" >= s."position")
                    ELSE coalesce(c.entered, 0) END AS reached
        FROM funnel_stage s
        JOIN stage_kind_name k USING (kind)
        LEFT JOIN counted c USING (funnel, stage)
        WHERE (funnel_reach.funnel IS NULL OR s.funnel = funnel_reach.funnel)
          AND (s.retired_at IS NULL OR c.entered > 0))
    SELECT r.funnel, r.stage, r."position", r.department, r.kind, r.milestone, r.entered, r.reached,
           round(r.reached / nullif(first_value(r.reached) OVER (PARTITION BY r.funnel ORDER BY r.progress DESC, r."position"), 0)::numeric, 4),
           CASE WHEN r.progress THEN
               round(r.reached / nullif(lag(r.reached) OVER (PARTITION BY r.funnel, r.progress ORDER BY r."position"), 0)::numeric, 4)
           END,
           round(r.days::numeric, 2)
    FROM result r
    ORDER BY r.funnel, r."position";
END
$$;
COMMENT ON FUNCTION @extschema@.funnel_reach(text, timestamptz, timestamptz) IS
'For each stage of a funnel (NULL: of all): entered, subjects that were in it; reached, subjects that were in it or in a later '
'one (waiting, lost and churned are no progress: there reached is entered); the share of the first stage and of the stage '
'before; the median days from entering it to entering the next stage that the subject reached, where both times are known. '
'since and until choose subjects by when they entered the funnel. Numbers of the units for which the caller has the privilege '
'total. Example: SELECT stage, reached, conversion_of_previous FROM crm.funnel_reach(''sales'', ''2026-01-01'');';

CREATE FUNCTION @extschema@.stage_stays(funnel text DEFAULT NULL)
    RETURNS TABLE (funnel_key text, stage text, "position" integer, department text, stays bigint, staying bigint,
                   mean_days numeric, median_days numeric, longest_days numeric, expected_days numeric, beyond_expected bigint)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 20 COST 100000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN QUERY
    WITH moved AS (
        SELECT t.*, lag(t.to_stage) OVER w IS DISTINCT FROM t.to_stage AS moved
        FROM total_transition(stage_stays.funnel, NULL, NULL) t
        WHERE t.at IS NOT NULL AND t.to_stage IS NOT NULL
        WINDOW w AS (PARTITION BY t.funnel, t.subject ORDER BY t.at, t.relation::text, t.record_key, t."sequence")),
    stay AS (
        SELECT m.funnel, m.to_stage AS stage,
               m.flags && '{estimated_time,impossible_time}' OR coalesce(lead(m.flags) OVER w && '{estimated_time,impossible_time}',
                                                                         false) AS unsure,
               lead(m.at) OVER w IS NULL AS here,
               extract(epoch FROM coalesce(lead(m.at) OVER w, now()) - m.at) / 86400 AS days
        FROM moved m WHERE m.moved
        WINDOW w AS (PARTITION BY m.funnel, m.subject ORDER BY m.at, m.relation::text, m.record_key, m."sequence"))
    SELECT s.funnel, s.stage, s."position", s.department,
           count(*) FILTER (WHERE NOT y.here AND NOT y.unsure), count(*) FILTER (WHERE y.here),
           round(avg(y.days) FILTER (WHERE NOT y.here AND NOT y.unsure), 2),
           round((percentile_cont(0.5) WITHIN GROUP (ORDER BY y.days::double precision)
                      FILTER (WHERE NOT y.here AND NOT y.unsure))::numeric, 2),
           round(max(y.days) FILTER (WHERE NOT y.here AND NOT y.unsure), 2),
           round(extract(epoch FROM s.expected) / 86400, 2),
           count(*) FILTER (WHERE y.here AND y.days > extract(epoch FROM s.expected) / 86400)
    FROM funnel_stage s JOIN stay y USING (funnel, stage)
    GROUP BY s.funnel, s.stage, s."position", s.department, s.expected
    ORDER BY s.funnel, s."position";
END
$$;
COMMENT ON FUNCTION @extschema@.stage_stays(text) IS
'For each stage of a funnel (NULL: of all): how many stays have ended and how long they took, where both ends are known; how '
'many subjects are in it now, and for how many of them longer than expected. Numbers of the units for which the caller has the '
'privilege total.';

CREATE VIEW crm_bi.funnel_conversion AS
SELECT r.funnel_key AS funnel, r.stage, r."position", r.department, r.kind, r.milestone, r.entered, r.reached,
       r.conversion_of_first, r.conversion_of_previous, r.median_days_to_next
FROM @extschema@.funnel_reach() r;
COMMENT ON VIEW crm_bi.funnel_conversion IS
'How many subjects reached each stage of each funnel, over all time. Sum no column over stages. Numbers of the units for '
'which you have the privilege total; everything where you have it for the organisation.';
COMMENT ON COLUMN crm_bi.funnel_conversion.funnel IS 'Key of the funnel.';
COMMENT ON COLUMN crm_bi.funnel_conversion.stage IS 'Key of the stage.';
COMMENT ON COLUMN crm_bi.funnel_conversion."position" IS 'Order of the stages.';
COMMENT ON COLUMN crm_bi.funnel_conversion.department IS 'The department that works in this stage.';
COMMENT ON COLUMN crm_bi.funnel_conversion.kind IS 'entry, active, waiting, won, lost, after_win or churned.';
COMMENT ON COLUMN crm_bi.funnel_conversion.milestone IS 'What the stage means to KPIs, whatever it is called.';
COMMENT ON COLUMN crm_bi.funnel_conversion.entered IS 'Subjects that were in this stage.';
COMMENT ON COLUMN crm_bi.funnel_conversion.reached IS
'Subjects that were in this stage or a later one; for waiting, lost and churned stages as entered.';
COMMENT ON COLUMN crm_bi.funnel_conversion.conversion_of_first IS 'reached as a share (0 to 1) of reached of the first stage.';
COMMENT ON COLUMN crm_bi.funnel_conversion.conversion_of_previous IS
'reached as a share (0 to 1) of reached of the stage before; NULL for the first and for waiting, lost and churned stages.';
COMMENT ON COLUMN crm_bi.funnel_conversion.median_days_to_next IS
'Median days from entering this stage to entering the next one that the subject reached, where both times are known.';

CREATE VIEW crm_bi.stage_duration AS
SELECT s.funnel_key AS funnel, s.stage, s."position", s.department, s.stays, s.staying, s.mean_days, s.median_days,
       s.longest_days, s.expected_days, s.beyond_expected
FROM @extschema@.stage_stays() s;
COMMENT ON VIEW crm_bi.stage_duration IS
'How long subjects stay in each stage. Numbers of the units for which you have the privilege total.';
COMMENT ON COLUMN crm_bi.stage_duration.funnel IS 'Key of the funnel.';
COMMENT ON COLUMN crm_bi.stage_duration.stage IS 'Key of the stage.';
COMMENT ON COLUMN crm_bi.stage_duration."position" IS 'Order of the stages.';
COMMENT ON COLUMN crm_bi.stage_duration.department IS 'The department that works in this stage.';
COMMENT ON COLUMN crm_bi.stage_duration.stays IS 'Stays that have ended and whose both ends are known: what the days are of.';
COMMENT ON COLUMN crm_bi.stage_duration.staying IS 'Subjects whose last transition is into this stage.';
COMMENT ON COLUMN crm_bi.stage_duration.mean_days IS 'Mean of days in the stage.';
COMMENT ON COLUMN crm_bi.stage_duration.median_days IS 'Median of days in the stage.';
COMMENT ON COLUMN crm_bi.stage_duration.longest_days IS 'Most days in the stage.';
COMMENT ON COLUMN crm_bi.stage_duration.expected_days IS 'Days that a stay should take, by the funnel.';
COMMENT ON COLUMN crm_bi.stage_duration.beyond_expected IS 'Subjects in the stage for longer than expected.';

CREATE VIEW crm_bi.dim_stage AS
SELECT f.funnel, f.label AS funnel_label, f.subject, s.stage, s.label, s."position", s.department, s.kind, s.milestone,
       round(extract(epoch FROM s.expected) / 86400, 2) AS expected_days, s.probability, s.retired_at IS NOT NULL AS retired
FROM @extschema@.funnel f JOIN @extschema@.funnel_stage s USING (funnel);
COMMENT ON VIEW crm_bi.dim_stage IS 'Funnels and their stages.';
COMMENT ON COLUMN crm_bi.dim_stage.funnel IS 'Key of the funnel.';
COMMENT ON COLUMN crm_bi.dim_stage.funnel_label IS 'Name of the funnel.';
COMMENT ON COLUMN crm_bi.dim_stage.subject IS 'Who goes through it: customer, or records of an entity.';
COMMENT ON COLUMN crm_bi.dim_stage.stage IS 'Key of the stage.';
COMMENT ON COLUMN crm_bi.dim_stage.label IS 'Name of the stage.';
COMMENT ON COLUMN crm_bi.dim_stage."position" IS 'Order of the stages; it never changes.';
COMMENT ON COLUMN crm_bi.dim_stage.department IS 'The department that works in this stage.';
COMMENT ON COLUMN crm_bi.dim_stage.kind IS 'entry, active, waiting, won, lost, after_win or churned.';
COMMENT ON COLUMN crm_bi.dim_stage.milestone IS 'What the stage means to KPIs, whatever it is called.';
COMMENT ON COLUMN crm_bi.dim_stage.expected_days IS 'Days that a stay should take.';
COMMENT ON COLUMN crm_bi.dim_stage.probability IS 'Chance of a win from here, 0 to 1, as the team set it.';
COMMENT ON COLUMN crm_bi.dim_stage.retired IS 'Whether the stage is no longer in use.';
GRANT SELECT ON crm_bi.funnel_conversion, crm_bi.stage_duration, crm_bi.dim_stage TO PUBLIC;
