-- How long subjects stay in the stages of tracked funnels.

CREATE FUNCTION @extschema@.funnel_stays(funnel text, as_of timestamptz, since timestamptz)
    RETURNS TABLE ("position" integer, stays @extschema@.stage_duration, beyond_expected bigint)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 20 COST 100000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off AS $$
BEGIN
    RETURN QUERY
    WITH way AS MATERIALIZED (
        SELECT j.journey, e.estimated FROM total_journey(funnel_stays.funnel) j LEFT JOIN total_estimate(funnel_stays.funnel) e ON e.subject = j.subject),
    counted AS (SELECT stage_durations(w.journey, as_of, since, w.estimated) AS rows FROM way w),
    present AS (
        SELECT h.stage_at AS "position", count(*) AS subjects
        FROM (SELECT stage_at(w.journey, as_of) AS stage_at, stage_since(w.journey, as_of) AS began FROM way w) h
        JOIN funnel_stage s ON s.funnel = funnel_stays.funnel AND s."position" = h.stage_at
        WHERE h.began < as_of - s.expected AND (since IS NULL OR h.began >= since)
        GROUP BY 1)
    SELECT d."position", d::stage_duration, coalesce(p.subjects, 0)
    FROM counted c CROSS JOIN LATERAL unnest(c.rows) d LEFT JOIN present p ON p."position" = d."position";
END
$$;
COMMENT ON FUNCTION @extschema@.funnel_stays(text, timestamptz, timestamptz) IS
'stage_durations of a funnel, of the units for which the caller has the privilege total, and how many are where they are for longer than expected. For stage_stays.';
SELECT @extschema@.set_audience('funnel_stays(text, timestamptz, timestamptz)', 'internal');

CREATE FUNCTION @extschema@.stage_stays(funnel text DEFAULT NULL, as_of timestamptz DEFAULT pg_catalog.now(), since timestamptz DEFAULT NULL)
    RETURNS TABLE (funnel_key text, stage text, "position" integer, department text, entries bigint, subjects bigint, reentries bigint,
                   regressions bigint, stays bigint, staying bigint, mean_days numeric, median_days numeric, p75_days numeric,
                   p90_days numeric, longest_days numeric, survival_p25_days numeric, survival_median_days numeric, survival_p75_days numeric,
                   survival_p90_days numeric, expected_days numeric, beyond_expected bigint)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 20 COST 100000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off AS $$
BEGIN
    PERFORM require_funnel(funnel) WHERE funnel IS NOT NULL;
    PERFORM stage_durations(NULL, as_of); -- a time that is wrong is wrong without journeys, too
    RETURN QUERY
    SELECT s.funnel, s.stage, s."position", s.department, (d.stays).entries, (d.stays).subjects, (d.stays).reentries, (d.stays).regressions,
           (d.stays).timed, (d.stays).staying, days((d.stays).mean), days((d.stays).p50), days((d.stays).p75), days((d.stays).p90),
           days((d.stays).longest), days((d.stays).survival_p25), days((d.stays).survival_p50), days((d.stays).survival_p75),
           days((d.stays).survival_p90), days(s.expected), d.beyond_expected
    FROM funnel f
    CROSS JOIN LATERAL funnel_stays(f.funnel, as_of, since) d
    JOIN funnel_stage s ON s.funnel = f.funnel AND s."position" = d."position"
    WHERE stage_stays.funnel IS NULL OR f.funnel = stage_stays.funnel
    ORDER BY s.funnel, s."position";
END
$$;
COMMENT ON FUNCTION @extschema@.stage_stays(text, timestamptz, timestamptz) IS
'For each stage of a funnel (NULL: of all) that subjects were in, of the stays that began at since or later, as it stood at as_of: entries, how many; subjects, of how many; reentries, by subjects '
'that had been there before; regressions, stays that ended by going back to an earlier stage; stays that have ended and how long they took, where both ends are known; staying, '
'how many subjects are in it, and for how many of them longer than expected. The survival columns are of all stays, by Kaplan and Meier, those that have not ended as '
'lasting longer: where many are still there the plain median is too short. Numbers of the units for which the caller has the privilege total. Errors: RM001, RM005. '
'Example: SELECT stage, median_days, survival_median_days, staying FROM crm.stage_stays(''sales'');';

CREATE VIEW crm_bi.stage_duration WITH (security_invoker) AS
SELECT s.funnel_key AS funnel, s.stage, s.funnel_key || ':' || s.stage AS stage_key, s."position"::bigint AS "position", s.department, s.entries, s.subjects, s.reentries, s.regressions, s.stays, s.staying,
       s.mean_days::numeric(12,2) AS mean_days, s.median_days::numeric(12,2) AS median_days,
       s.p75_days::numeric(12,2) AS p75_days, s.p90_days::numeric(12,2) AS p90_days,
       s.longest_days::numeric(12,2) AS longest_days, s.survival_p25_days::numeric(12,2) AS survival_p25_days,
       s.survival_median_days::numeric(12,2) AS survival_median_days, s.survival_p75_days::numeric(12,2) AS survival_p75_days,
       s.survival_p90_days::numeric(12,2) AS survival_p90_days, s.expected_days::numeric(12,2) AS expected_days, s.beyond_expected
FROM @extschema@.stage_stays() s;
COMMENT ON VIEW crm_bi.stage_duration IS
'How long subjects stay in each stage. Numbers of the units for which you have the privilege total.';
COMMENT ON COLUMN crm_bi.stage_duration.funnel IS 'Key of the funnel.';
COMMENT ON COLUMN crm_bi.stage_duration.stage IS 'Key of the stage.';
COMMENT ON COLUMN crm_bi.stage_duration.stage_key IS 'Joins dim_stage.';
COMMENT ON COLUMN crm_bi.stage_duration."position" IS 'Order of the stages.';
COMMENT ON COLUMN crm_bi.stage_duration.department IS 'The department that works in this stage.';
COMMENT ON COLUMN crm_bi.stage_duration.entries IS 'Stays in this stage.';
COMMENT ON COLUMN crm_bi.stage_duration.subjects IS 'Subjects that were in it.';
COMMENT ON COLUMN crm_bi.stage_duration.reentries IS 'Stays of subjects that had been in this stage before.';
COMMENT ON COLUMN crm_bi.stage_duration.regressions IS 'Stays that ended by going back to an earlier stage.';
COMMENT ON COLUMN crm_bi.stage_duration.stays IS 'Stays that have ended and whose both ends are known: what the days are of.';
COMMENT ON COLUMN crm_bi.stage_duration.staying IS 'Subjects whose last transition is into this stage.';
COMMENT ON COLUMN crm_bi.stage_duration.mean_days IS 'Mean of days in the stage, of stays that have ended.';
COMMENT ON COLUMN crm_bi.stage_duration.median_days IS 'Median of days in the stage, of stays that have ended.';
COMMENT ON COLUMN crm_bi.stage_duration.p75_days IS 'Three quarters of the stays that have ended took no more days than this.';
COMMENT ON COLUMN crm_bi.stage_duration.p90_days IS 'Nine tenths of the stays that have ended took no more days than this.';
COMMENT ON COLUMN crm_bi.stage_duration.longest_days IS 'Most days in the stage, of stays that have ended.';
COMMENT ON COLUMN crm_bi.stage_duration.survival_p25_days IS
'Days after which a quarter of all stays have ended, those that have not ended yet included (Kaplan and Meier).';
COMMENT ON COLUMN crm_bi.stage_duration.survival_median_days IS
'Days after which half of all stays have ended, those that have not ended yet included (Kaplan and Meier); NULL where more than half last.';
COMMENT ON COLUMN crm_bi.stage_duration.survival_p75_days IS 'The same for three quarters.';
COMMENT ON COLUMN crm_bi.stage_duration.survival_p90_days IS 'The same for nine tenths.';
COMMENT ON COLUMN crm_bi.stage_duration.expected_days IS 'Days that a stay should take, by the funnel.';
COMMENT ON COLUMN crm_bi.stage_duration.beyond_expected IS 'Subjects in the stage for longer than expected.';

CREATE VIEW crm_bi.dim_stage WITH (security_invoker) AS
SELECT f.funnel || ':' || s.stage AS stage_key, f.funnel, f.label AS funnel_label, f.subject, s.stage, s.label, s."position"::bigint AS "position", s.department, s.kind, s.milestone,
       round(extract(epoch FROM s.expected) / 86400, 2)::numeric(12,2) AS expected_days, s.probability::numeric(24,6) AS probability,
       s.retired_at IS NOT NULL AS retired
FROM @extschema@.funnel f JOIN @extschema@.funnel_stage s USING (funnel);
COMMENT ON VIEW crm_bi.dim_stage IS 'Funnels and their stages.';
COMMENT ON COLUMN crm_bi.dim_stage.stage_key IS 'Funnel and stage in one, to join by.';
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
GRANT SELECT ON crm_bi.stage_duration, crm_bi.dim_stage TO PUBLIC;
