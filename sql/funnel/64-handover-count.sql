-- Hand-overs, counted.

CREATE FUNCTION @extschema@.handover_counts(funnel text DEFAULT NULL, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL)
    RETURNS TABLE (funnel_key text, from_department text, to_department text, offered bigint, accepted bigint, refused bigint,
                   unanswered bigint, withdrawn bigint, superseded bigint, overdue bigint, answered_late bigint, timed bigint,
                   business_hours numeric, median_hours_to_answer numeric, median_business_hours_to_answer numeric)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 20 COST 100000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM visible(NULL::text, 'kpi', 'total'); -- no identity is an error, even where there is no row
    PERFORM require_funnel(funnel) WHERE funnel IS NOT NULL;
    RETURN QUERY
    WITH counted AS (
        SELECT h.*, (since IS NULL OR h.offered_at >= since) AND (until IS NULL OR h.offered_at < until) AS offer_counts,
               h.answered_at IS NOT NULL AND (since IS NULL OR h.answered_at >= since) AND (until IS NULL OR h.answered_at < until) AS answer_counts,
               CASE WHEN NOT h.unsure AND h.answered_at >= h.offered_at THEN extract(epoch FROM h.answered_at - h.offered_at) / 3600 END AS hours,
               CASE WHEN NOT h.unsure THEN extract(epoch FROM h.business_time) / 3600 END AS worked
        FROM timed_handovers(handover_counts.funnel) h
        WHERE visible(h.unit, 'kpi', 'total'))
    SELECT c.funnel_key, c.from_department, c.to_department,
           count(*) FILTER (WHERE c.offer_counts),
           count(*) FILTER (WHERE c.answer_counts AND c.state = 'accepted'), count(*) FILTER (WHERE c.answer_counts AND c.state = 'refused'),
           count(*) FILTER (WHERE c.offer_counts AND c.state = 'offered'), count(*) FILTER (WHERE c.offer_counts AND c.state = 'withdrawn'),
           count(*) FILTER (WHERE c.offer_counts AND c.state = 'superseded'), count(*) FILTER (WHERE c.offer_counts AND c.overdue),
           count(*) FILTER (WHERE c.answer_counts AND c.answered_late), count(c.worked) FILTER (WHERE c.answer_counts),
           round(sum(c.worked) FILTER (WHERE c.answer_counts), 2),
           round((percentile_cont(0.5) WITHIN GROUP (ORDER BY c.hours::double precision) FILTER (WHERE c.answer_counts))::numeric, 2),
           round((percentile_cont(0.5) WITHIN GROUP (ORDER BY c.worked::double precision) FILTER (WHERE c.answer_counts))::numeric, 2)
    FROM counted c
    WHERE c.offer_counts OR c.answer_counts
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
END
$$;
COMMENT ON FUNCTION @extschema@.handover_counts(text, timestamptz, timestamptz) IS
'Hand-overs between departments of a funnel (NULL: of all), counted: offered, unanswered, withdrawn, superseded and overdue of those that were '
'offered from since until before until, accepted, refused and all about answers of those that were answered then. Without times offered is '
'the sum of the five states. The share of refusals is refused / (accepted + refused), the time an answer takes business_hours / timed. Numbers of the units for which the '
'caller has the privilege total. Error: RM001. Example: SELECT * FROM crm.handover_counts(''journey'', ''2026-01-01'', ''2026-02-01'');';

CREATE FUNCTION @extschema@.handover_reasons()
    RETURNS TABLE (funnel text, from_department text, to_department text, reason text, refused bigint)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 20 COST 100000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM visible(NULL::text, 'kpi', 'total'); -- no identity is an error, even where there is no row
    RETURN QUERY
    SELECT h.funnel_key, h.from_department, h.to_department, r.reason, count(*)
    FROM timed_handovers() h
    LEFT JOIN refusal_reason r ON r.funnel = h.funnel_key AND r.reason = h.reason
    WHERE h.state = 'refused' AND visible(h.unit, 'kpi', 'total')
    GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4;
END
$$;
COMMENT ON FUNCTION @extschema@.handover_reasons() IS 'The rows of crm_bi.handover_reason.';

CREATE VIEW crm_bi.handover WITH (security_invoker) AS
SELECT h.funnel_key AS funnel, h.from_department, h.to_department, h.offered, h.accepted, h.refused, h.unanswered, h.withdrawn, h.superseded,
       h.overdue, h.answered_late, h.timed, h.business_hours::numeric(18,2) AS business_hours,
       h.median_hours_to_answer::numeric(18,2) AS median_hours_to_answer,
       h.median_business_hours_to_answer::numeric(18,2) AS median_business_hours_to_answer
FROM @extschema@.handover_counts() h;
COMMENT ON VIEW crm_bi.handover IS
'Hand-overs between departments, counted. Numbers of the units for which you have the privilege total.';
COMMENT ON COLUMN crm_bi.handover.funnel IS 'Key of the funnel.';
COMMENT ON COLUMN crm_bi.handover.from_department IS 'The department that a subject comes from.';
COMMENT ON COLUMN crm_bi.handover.to_department IS 'The department that it comes to.';
COMMENT ON COLUMN crm_bi.handover.offered IS 'How often: each time that a subject came into a stage of the other department.';
COMMENT ON COLUMN crm_bi.handover.accepted IS 'Of these, how many were accepted.';
COMMENT ON COLUMN crm_bi.handover.refused IS 'How many were refused.';
COMMENT ON COLUMN crm_bi.handover.unanswered IS 'How many wait for an answer: the subject is there still.';
COMMENT ON COLUMN crm_bi.handover.withdrawn IS 'How many went back to the department before without an answer.';
COMMENT ON COLUMN crm_bi.handover.superseded IS 'How many went on to a third department without an answer.';
COMMENT ON COLUMN crm_bi.handover.overdue IS 'How many wait and were due by the agreed limit.';
COMMENT ON COLUMN crm_bi.handover.answered_late IS 'How many were answered after they were due.';
COMMENT ON COLUMN crm_bi.handover.timed IS 'Answers of which it is known how long they took: what business_hours are of.';
COMMENT ON COLUMN crm_bi.handover.business_hours IS 'Working hours from offer to answer, summed, by the limits calendar, else by "default".';
COMMENT ON COLUMN crm_bi.handover.median_hours_to_answer IS 'Median of hours from offer to answer, day and night.';
COMMENT ON COLUMN crm_bi.handover.median_business_hours_to_answer IS 'Median of working hours from offer to answer.';

CREATE VIEW crm_bi.handover_reason WITH (security_invoker) AS SELECT * FROM @extschema@.handover_reasons();
COMMENT ON VIEW crm_bi.handover_reason IS
'Why hand-overs were refused, counted. Numbers of the units for which you have the privilege total.';
COMMENT ON COLUMN crm_bi.handover_reason.funnel IS 'Key of the funnel.';
COMMENT ON COLUMN crm_bi.handover_reason.from_department IS 'The department that a subject comes from.';
COMMENT ON COLUMN crm_bi.handover_reason.to_department IS 'The department that refused.';
COMMENT ON COLUMN crm_bi.handover_reason.reason IS 'The reason, of those that add_refusal_reason made; NULL: people''s own words, which are in the view handover.';
COMMENT ON COLUMN crm_bi.handover_reason.refused IS 'Hand-overs refused for it.';
GRANT SELECT ON crm_bi.handover, crm_bi.handover_reason TO PUBLIC;
