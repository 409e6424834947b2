-- Who comes back, and who converts, by when they began. What cannot be known yet is told as NULL.

CREATE FUNCTION @extschema@.period_length(period text) RETURNS interval
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF NOT is_period(period) THEN
        RAISE EXCEPTION '% is no period', coalesce(format('"%s"', period), 'NULL') USING ERRCODE = 'RM005',
            HINT = 'Type ''day'', ''week'', ''month'', ''quarter'' or ''year''.';
    END IF;
    RETURN CASE period WHEN 'quarter' THEN interval '3 months' ELSE ('1 ' || period)::interval END;
END
$$;
COMMENT ON FUNCTION @extschema@.period_length(text) IS 'The length of a day, week, month, quarter or year. Errors: RM005.';

CREATE FUNCTION @extschema@.period_bounds(period text, since timestamptz, until timestamptz, zone text DEFAULT NULL) RETURNS timestamptz[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE COST 100 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    place text := coalesce(zone, default_zone());
    length interval := period_length(period);
    last timestamp := (until AT TIME ZONE place) + length;
BEGIN
    IF since IS NULL OR until IS NULL OR NOT isfinite(since) OR NOT isfinite(until) OR since >= until THEN
        RAISE EXCEPTION 'periods have a finite beginning and an end after it' USING ERRCODE = 'RM005',
            HINT = 'Type period_bounds(''month'', ''2026-01-01'', ''2026-07-01'').';
    END IF;
    RETURN ARRAY(SELECT b AT TIME ZONE place FROM generate_series(period_start(period, since, place), last, length) b WHERE b < last ORDER BY b);
END
$$;
COMMENT ON FUNCTION @extschema@.period_bounds(text, timestamptz, timestamptz, text) IS
'The limits of periods (day, week from Monday, month, quarter, year; of a time zone, by default the organisation''s) from the one that holds since on, the last one at until or '
'after it. Errors: RM005. Example: SELECT crm.period_bounds(''week'', ''2026-01-01'', ''2026-03-01'');';

CREATE FUNCTION @extschema@.retention_table(counts bigint[], bounds timestamptz[], as_of timestamptz DEFAULT pg_catalog.now())
    RETURNS TABLE (cohort timestamptz, period integer, subjects bigint, returned bigint, retention numeric, mature boolean)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100 COST 1000 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT bounds[c], n, m.subjects, m.returned, CASE WHEN m.mature THEN round(m.returned / nullif(m.subjects, 0)::numeric, 4) END, m.mature
    FROM (SELECT cardinality(bounds) - 1 AS periods) b, generate_series(1, b.periods) c, generate_series(0, b.periods - c) n,
         LATERAL (SELECT counts[(c - 1) * b.periods + 1] AS subjects, counts[(c - 1) * b.periods + n + 1] AS returned,
                         bounds[c + n + 1] <= as_of AS mature) m
    WHERE bounds[c + n] <= as_of
    ORDER BY c, n
$$;
COMMENT ON FUNCTION @extschema@.retention_table(bigint[], timestamptz[], timestamptz) IS
'The result of retention_counts as rows: when the cohort''s period began, how many periods later, how many are in the cohort, how many came back, as a share (0 to 1). mature: that period was over at '
'as_of; else the share is NULL, and returned those so far. Periods that had not begun are left out. bounds as they were given to retention_counts.';

CREATE FUNCTION @extschema@.stage_positions_of(funnel text, stages text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    step record;
BEGIN
    PERFORM require_funnel(funnel);
    SELECT * INTO step FROM funnel_step(funnel, stages);
    IF step.positions !~ '^[0-9|]+$' THEN
        RAISE EXCEPTION 'a stage is wanted here, or several as in lead|mql, not "%"', coalesce(stages, 'NULL') USING ERRCODE = 'RM005',
            HINT = 'Type the key of a stage.';
    END IF;
    RETURN step.positions;
END
$$;
COMMENT ON FUNCTION @extschema@.stage_positions_of(text, text) IS
'Positions of stages (a, or a|b, by key, label or alias), as a step of funnel_steps. Errors: RM001, RM005.';

CREATE FUNCTION @extschema@.funnel_retention(funnel text, start_stage text DEFAULT NULL, return_stage text DEFAULT NULL, period text DEFAULT 'month',
                                             since timestamptz DEFAULT NULL, as_of timestamptz DEFAULT pg_catalog.now())
    RETURNS TABLE (cohort date, periods integer, subjects bigint, returned bigint, retention numeric, mature boolean)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 100 COST 100000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off AS $$
DECLARE
    starts integer[] := CASE WHEN start_stage IS NOT NULL THEN string_to_array(stage_positions_of(funnel, start_stage), '|')::integer[] END;
    returns integer[] := CASE WHEN return_stage IS NOT NULL THEN string_to_array(stage_positions_of(funnel, return_stage), '|')::integer[] END;
    bounds timestamptz[];
BEGIN
    PERFORM require_funnel(funnel), period_length(period);
    IF since IS NULL THEN
        SELECT greatest(min(journey_begin(j.journey)), CASE WHEN isfinite(as_of) THEN as_of - 998 * period_length(period) END) -- retention_counts takes 1000
        INTO since FROM total_journey(funnel) j;
    END IF;
    IF since IS NULL OR since >= as_of THEN
        RETURN;
    END IF;
    bounds := period_bounds(period, since, as_of);
    RETURN QUERY
    SELECT (t.cohort AT TIME ZONE default_zone())::date, t.period, t.subjects, t.returned, t.retention, t.mature
    FROM (SELECT retention_counts(j.journey, bounds, starts, returns) AS counts FROM total_journey(funnel_retention.funnel, NULL, as_of) j) c
    CROSS JOIN LATERAL retention_table(c.counts, bounds, as_of) t
    WHERE t.subjects > 0;
END
$$;
COMMENT ON FUNCTION @extschema@.funnel_retention(text, text, text, text, timestamptz, timestamptz) IS
'Of the subjects of a tracked funnel that were first in start_stage (NULL: in any) in a period, how many were in return_stage (NULL: in any) so many periods later; start_stage and return_stage may be '
'several, a|b. period: day, week, month, quarter or year of the organisation''s time zone; cohort is its first day; periods 0 are all subjects of the cohort. Cohorts from the one that '
'holds since on (NULL: all, of the last 999 periods), as it stood at as_of: where that period was not over then, mature is false, retention NULL, and returned those so far. Numbers of the units for which the caller has the '
'privilege total. Errors: RM001, RM005. Example: SELECT cohort, periods, retention FROM crm.funnel_retention(''journey'', ''won'', ''renewed'', ''quarter'');';

CREATE FUNCTION @extschema@.cohort_conversion(funnel text, from_stage text, to_stage text, within interval DEFAULT interval '90 days',
                                              period text DEFAULT 'month', since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL,
                                              "by" text DEFAULT NULL, as_of timestamptz DEFAULT pg_catalog.now())
    RETURNS TABLE (cohort date, value text, entered bigint, converted bigint, conversion numeric, mature boolean)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100 COST 100000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off AS $$
DECLARE
    steps text[] := ARRAY[stage_positions_of(funnel, from_stage), stage_positions_of(funnel, to_stage)];
    zone text := default_zone();
    length interval := period_length(period);
    wait interval := make_interval(secs => extract(epoch FROM within)::double precision); -- days of 24 hours
BEGIN
    PERFORM require_property(funnel, "by", '{}'), funnel_depth('', steps, within);
    IF within IS NULL THEN
        RAISE EXCEPTION 'without a time to convert within, no cohort is ever mature' USING ERRCODE = 'RM005', HINT = 'Type within => ''90 days''.';
    END IF;
    RETURN QUERY
    WITH entry AS (
        SELECT period_start(period, s[1], zone) AS began, g.value, s[2] IS NOT NULL AS converted
        FROM total_journey(cohort_conversion.funnel, NULL, as_of) j
        CROSS JOIN LATERAL funnel_steps(j.journey, steps, within, 'ordered', 'first_entry') s
        LEFT JOIN subject_group(cohort_conversion.funnel, "by") g ON g.subject = j.subject
        WHERE s[1] IS NOT NULL AND (since IS NULL OR s[1] >= since) AND (until IS NULL OR s[1] < until)),
    counted AS (
        SELECT e.began, e.value, count(*) AS entered, count(*) FILTER (WHERE e.converted) AS converted,
               ((e.began + length) AT TIME ZONE zone) + wait <= as_of AS mature
        FROM entry e GROUP BY 1, 2)
    SELECT c.began::date, c.value, c.entered, c.converted, CASE WHEN c.mature THEN round(c.converted / c.entered::numeric, 4) END, c.mature
    FROM counted c ORDER BY 1, 2;
END
$$;
COMMENT ON FUNCTION @extschema@.cohort_conversion(text, text, text, interval, text, timestamptz, timestamptz, text, timestamptz) IS
'Of the subjects of a tracked funnel that first entered from_stage in a period, how many entered to_stage within so long after that; both may be several stages, a|b. cohort is the first day of the period '
'(day, week, month, quarter or year of the organisation''s time zone). mature: all of them had their time at as_of; else conversion is NULL, and converted those so far. since and until choose by '
'that first entry; by makes groups by what the subject''s first transition had, as in funnel_conversion. Who entered at a time that nobody knows is in no cohort. The ratio of what happened in one '
'period is another number: snapshot_conversion. Numbers of the units for which the caller has the privilege total. Errors: RM001, RM005. '
'Example: SELECT * FROM crm.cohort_conversion(''journey'', ''mql'', ''sql|opportunity|won'', ''90 days'', ''month'');';

CREATE FUNCTION @extschema@.snapshot_conversion(funnel text, from_stage text, to_stage text, period text DEFAULT 'month', since timestamptz DEFAULT NULL,
                                                until timestamptz DEFAULT NULL, as_of timestamptz DEFAULT pg_catalog.now())
    RETURNS TABLE (period_start date, entered_from bigint, entered_to bigint, conversion numeric, complete boolean)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 100 COST 100000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off AS $$
DECLARE
    steps text[] := ARRAY[stage_positions_of(funnel, from_stage), stage_positions_of(funnel, to_stage)];
    zone text := default_zone();
    length interval := period_length(period);
BEGIN
    RETURN QUERY
    SELECT period_start(period, e.at, zone)::date, count(*) FILTER (WHERE e.side = 1), count(*) FILTER (WHERE e.side = 2),
           round(count(*) FILTER (WHERE e.side = 2) / nullif(count(*) FILTER (WHERE e.side = 1), 0)::numeric, 4),
           ((period_start(period, e.at, zone) + length) AT TIME ZONE zone) <= as_of
    FROM (SELECT k.side, (funnel_steps(j.journey, ARRAY[steps[k.side]], NULL, 'ordered', 'first_entry'))[1] AS at
          FROM total_journey(snapshot_conversion.funnel, NULL, as_of) j CROSS JOIN generate_series(1, 2) k (side)) e
    WHERE e.at IS NOT NULL AND (since IS NULL OR e.at >= since) AND (until IS NULL OR e.at < until)
    GROUP BY period_start(period, e.at, zone)
    ORDER BY 1;
END
$$;
COMMENT ON FUNCTION @extschema@.snapshot_conversion(text, text, text, text, timestamptz, timestamptz, timestamptz) IS
'Subjects of a tracked funnel that first entered to_stage in a period as a share of those that first entered from_stage in the same period, whoever they are: it can be above 1, is known at once, and moves with the '
'number that comes in; whom it will have been worth is told by cohort_conversion. Stages may be several, a|b. complete: the period was over at as_of. conversion is NULL where nobody entered from_stage. '
'Numbers of the units for which the caller has the privilege total. Errors: RM001, RM005. Example: SELECT * FROM crm.snapshot_conversion(''journey'', ''mql'', ''sql'', ''quarter'');';

-- Each stage of progress against the next: whoever came to a later one came past it.
CREATE FUNCTION @extschema@.stage_cohorts()
    RETURNS TABLE (funnel_key text, stage text, "position" integer, next_stage text, cohort date, within_days integer, entered bigint, converted bigint,
                   conversion numeric, mature boolean, entered_next bigint, snapshot_conversion numeric)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 1000 COST 100000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off AS $$
DECLARE
    zone text := default_zone();
    wait CONSTANT interval := '90 days';
    next_funnel text;
BEGIN
    FOR next_funnel IN SELECT f.funnel FROM funnel f ORDER BY 1 LOOP
        RETURN QUERY
        WITH pair AS (
            SELECT s.stage, s."position", lead(s.stage) OVER w AS next_stage, s."position"::text AS here,
                   string_agg(s."position"::text, '|') OVER (w ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS later
            FROM funnel_stage s JOIN stage_kind_name k USING (kind)
            WHERE s.funnel = next_funnel AND k.progress AND s.retired_at IS NULL
            WINDOW w AS (ORDER BY s."position")),
        entry AS MATERIALIZED (
            SELECT p.stage, period_start('month', c[1], zone) AS began, c[2] IS NOT NULL AS converted, period_start('month', n[1], zone) AS came
            FROM total_journey(next_funnel, NULL, now()) j
            JOIN pair p ON p.later IS NOT NULL
            CROSS JOIN LATERAL funnel_steps(j.journey, ARRAY[p.here, p.later], wait, 'ordered', 'first_entry') c
            CROSS JOIN LATERAL funnel_steps(j.journey, ARRAY[p.later], NULL, 'ordered', 'first_entry') n),
        begun AS (SELECT e.stage, e.began AS month, count(*) AS entered, count(*) FILTER (WHERE e.converted) AS converted
                  FROM entry e WHERE e.began IS NOT NULL GROUP BY 1, 2),
        came AS (SELECT e.stage, e.came AS month, count(*) AS subjects FROM entry e WHERE e.came IS NOT NULL GROUP BY 1, 2)
        SELECT next_funnel, p.stage, p."position", p.next_stage, month::date, 90, coalesce(b.entered, 0), coalesce(b.converted, 0),
               CASE WHEN m.mature THEN round(b.converted / b.entered::numeric, 4) END, m.mature, coalesce(c.subjects, 0),
               round(coalesce(c.subjects, 0) / b.entered::numeric, 4)
        FROM begun b FULL JOIN came c USING (stage, month) JOIN pair p USING (stage)
        CROSS JOIN LATERAL (SELECT ((month + interval '1 month') AT TIME ZONE zone) + interval '2160 hours' <= now() AS mature) m
        ORDER BY p."position", month;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.stage_cohorts() IS
'cohort_conversion, by month and within 90 days, and snapshot_conversion of each stage of progress of each funnel to the next one or a later one. For the view crm_bi.cohort_conversion.';

CREATE VIEW crm_bi.cohort_conversion WITH (security_invoker) AS
SELECT c.funnel_key AS funnel, c.stage, c.funnel_key || ':' || c.stage AS stage_key, c."position"::bigint AS "position", c.next_stage, c.cohort,
       c.within_days::bigint AS within_days, c.entered, c.converted, c.conversion::numeric(18,4) AS conversion, c.mature, c.entered_next,
       c.snapshot_conversion::numeric(18,4) AS snapshot_conversion
FROM @extschema@.stage_cohorts() c;
COMMENT ON VIEW crm_bi.cohort_conversion IS
'Of the subjects that first entered a stage in a month, how many came to the next stage or a later one within 90 days. Sum entered and converted, never shares. Numbers of the units for '
'which you have the privilege total.';
COMMENT ON COLUMN crm_bi.cohort_conversion.funnel IS 'Key of the funnel.';
COMMENT ON COLUMN crm_bi.cohort_conversion.stage IS 'Key of the stage.';
COMMENT ON COLUMN crm_bi.cohort_conversion.stage_key IS 'Joins dim_stage.';
COMMENT ON COLUMN crm_bi.cohort_conversion."position" IS 'Order of the stages.';
COMMENT ON COLUMN crm_bi.cohort_conversion.next_stage IS 'Key of the next stage of progress.';
COMMENT ON COLUMN crm_bi.cohort_conversion.cohort IS 'First day of the month in which they first entered the stage.';
COMMENT ON COLUMN crm_bi.cohort_conversion.within_days IS 'Days of 24 hours that they have for it.';
COMMENT ON COLUMN crm_bi.cohort_conversion.entered IS 'Subjects that first entered the stage in this month.';
COMMENT ON COLUMN crm_bi.cohort_conversion.converted IS 'Those of them that came to the next stage or a later one within these days, so far.';
COMMENT ON COLUMN crm_bi.cohort_conversion.conversion IS 'converted as a share (0 to 1) of entered; NULL while not mature.';
COMMENT ON COLUMN crm_bi.cohort_conversion.mature IS 'Whether all of them have had these days.';
COMMENT ON COLUMN crm_bi.cohort_conversion.entered_next IS 'Subjects that first came to the next stage or a later one in this month, whenever they entered the stage.';
COMMENT ON COLUMN crm_bi.cohort_conversion.snapshot_conversion IS 'entered_next as a share of entered: another number than conversion, and it can be above 1.';
GRANT SELECT ON crm_bi.cohort_conversion TO PUBLIC;
