-- The funnel, hand-overs and service-level clocks of a report.

-- Days are those of the organisation's zone.
CREATE FUNCTION @extschema@.report_instant(day date)
RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
RETURN day::timestamp AT TIME ZONE @extschema@.default_zone();
COMMENT ON FUNCTION @extschema@.report_instant(date) IS 'When a day began.';

CREATE FUNCTION @extschema@.report_funnels(a @extschema@.report_asked)
RETURNS jsonb LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    funnels jsonb;
BEGIN
    WITH stage AS MATERIALIZED (
        SELECT r.*, d.label, d.funnel_label, coalesce(r.conversion_of_first, 0) AS share,
               r.kind IN ('lost', 'churned', 'waiting') OR r.reached = 0 AS aside, r.kind NOT IN ('lost', 'churned', 'waiting') AS not_yet, dense_rank() OVER (PARTITION BY r.funnel_key ORDER BY f.first) AS hue
        FROM funnel_reach(NULL, report_instant(a.since), report_instant(a.until + 1)) r
        JOIN crm_bi.dim_stage d ON d.funnel = r.funnel_key AND d.stage = r.stage
        JOIN LATERAL (SELECT min(s."position") AS first FROM funnel_stage s
                      WHERE s.funnel = r.funnel_key AND s.department IS NOT DISTINCT FROM r.department) f ON true
    ), funnel AS (
        SELECT s.funnel_key, jsonb_build_object(
            'label', coalesce(min(s.funnel_label), s.funnel_key),
            'stages', jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                'key', s.stage, 'label', s.label, 'department', report_unit_name(s.department), 'hue', s.hue, 'number', s.reached, 'value', report_count(a, s.reached),
                'share', least(s.share, 1),
                'of_first', report_value(a, s.conversion_of_first, 'share'),
                'of_previous', report_value(a, s.conversion_of_previous, 'share'),
                'step', CASE WHEN s.conversion_of_previous IS NOT NULL THEN report_word(a, 'of_previous', jsonb_build_object('share', report_value(a, s.conversion_of_previous, 'share'))) END,
                'days', CASE WHEN s.median_days_to_next IS NOT NULL THEN report_word(a, 'days_to_next', jsonb_build_object('days', said_number(s.median_days_to_next, 1, a.locale))) END))
                ORDER BY s."position") FILTER (WHERE NOT s.aside),
            'asides', jsonb_agg(report_word(a, 'aside', jsonb_build_object('stage', s.label, 'count', report_count(a, s.entered))) ORDER BY s."position")
                      FILTER (WHERE s.aside AND (s.entered > 0 OR s.not_yet))) AS shown,
            max(s.reached) AS size
        FROM stage s GROUP BY s.funnel_key HAVING max(s.reached) > 0 AND count(*) FILTER (WHERE NOT s.aside) > 0
    )
    SELECT jsonb_agg(f.shown ORDER BY f.size DESC, f.funnel_key) INTO funnels
    FROM (SELECT * FROM funnel ORDER BY size DESC, funnel_key LIMIT 4) f;
    IF funnels IS NULL THEN
        RETURN NULL;
    END IF;
    RETURN report_section(a, 'funnel', 'funnel', jsonb_build_object('funnels', funnels,
        'columns', report_columns(a, 'stage', 'department', '+reached_column', '+of_first', '+of_previous_column', '+days_column'), 'table', report_word(a, 'as_table')),
        report_word(a, CASE WHEN a.unit IS NULL THEN 'funnel_note' ELSE 'funnel_note_all' END));
END
$$;
COMMENT ON FUNCTION @extschema@.report_funnels(@extschema@.report_asked) IS
'The section of a report with how far those came who entered a funnel within its days, of all units that the reader may count; NULL where nobody did.';

CREATE FUNCTION @extschema@.report_handovers(a @extschema@.report_asked)
RETURNS jsonb LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    line jsonb;
    overdue numeric;
    counts jsonb;
BEGIN
    WITH h AS MATERIALIZED (
        SELECT c.*, row_number() OVER (ORDER BY c.offered DESC, c.funnel_key, c.from_department, c.to_department) AS n
        FROM handover_counts(NULL, report_instant(a.since), report_instant(a.until + 1)) c)
    SELECT jsonb_agg(jsonb_build_array(
               jsonb_build_object('text', report_word(a, 'from_to', jsonb_build_object('from', coalesce(report_unit_name(h.from_department), '-'), 'to', coalesce(report_unit_name(h.to_department), '-'))),
                                  'sub', CASE WHEN x.funnels > 1 THEN coalesce((SELECT min(d.funnel_label) FROM crm_bi.dim_stage d WHERE d.funnel = h.funnel_key), h.funnel_key) END),
               jsonb_build_object('text', report_count(a, h.offered), 'number', h.offered,
                                  'parts', jsonb_build_array(jsonb_build_array(h.accepted, 'good'), jsonb_build_array(h.refused, 'bad'),
                                                             jsonb_build_array(h.unanswered, 'warn'), jsonb_build_array(h.withdrawn + h.superseded, 'plain'))),
               report_count(a, h.accepted), report_count(a, h.refused), report_count(a, h.unanswered),
               jsonb_build_object('text', report_count(a, h.overdue), 'tone', CASE WHEN h.overdue > 0 THEN 'bad' ELSE 'plain' END),
               coalesce(report_value(a, h.median_business_hours_to_answer, 'hours'), '-')) ORDER BY h.n) FILTER (WHERE h.n <= 12),
           sum(h.overdue),
           jsonb_build_array(jsonb_build_array(sum(h.accepted), 'good', report_word(a, 'accepted')), jsonb_build_array(sum(h.refused), 'bad', report_word(a, 'refused')),
                             jsonb_build_array(sum(h.unanswered), 'warn', report_word(a, 'waiting')),
                             jsonb_build_array(sum(h.withdrawn + h.superseded), 'plain', report_word(a, 'elsewhere')))
    INTO line, overdue, counts FROM h CROSS JOIN (SELECT count(DISTINCT y.funnel_key) AS funnels FROM h y) x;
    IF line IS NULL THEN
        RETURN NULL;
    END IF;
    RETURN report_section(a, 'table', 'handovers', jsonb_build_object('rows', line, 'counts', counts,
        'columns', report_columns(a, 'handover', '+offered', '+accepted', '+refused', '+waiting', '+overdue', '+answer_time'),
        'headline', CASE WHEN overdue > 0 THEN report_headline(a, 'handovers', overdue, 'bad') END),
        CASE WHEN a.unit IS NOT NULL THEN report_word(a, 'all_units_note') END);
END
$$;
COMMENT ON FUNCTION @extschema@.report_handovers(@extschema@.report_asked) IS
'The section of a report with hand-overs between departments, of all units whose totals the reader may see; NULL where there were none.';

CREATE FUNCTION @extschema@.report_clock_word(a @extschema@.report_asked, clock text)
RETURNS text LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, @extschema@, pg_temp
RETURN coalesce(@extschema@.report_word(a, 'clock_' || clock), pg_catalog.split_part(clock, ':', 2));
COMMENT ON FUNCTION @extschema@.report_clock_word(@extschema@.report_asked, text) IS 'What a clock times, in words.';

CREATE FUNCTION @extschema@.report_clocks(a @extschema@.report_asked)
RETURNS jsonb LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    line jsonb;
    counts jsonb;
    breached bigint;
    there bigint;
BEGIN
    WITH c AS MATERIALIZED (
        SELECT x.*, s.tone, s.place, row_number() OVER (ORDER BY x.due_at NULLS LAST, x.relation, x.record_key, x.clock) AS n
        FROM crm_bi.sla_clock x
        JOIN (VALUES ('breached', 'bad', 1), ('warning', 'warn', 2), ('running', 'good', 3), ('paused', 'plain', 4), ('broken', 'plain', 5)) s (state, tone, place) USING (state)
        WHERE a.units IS NULL OR x.unit_key = ANY (a.units)
    ), state AS (
        SELECT c.state, c.tone, c.place, count(*) AS count FROM c GROUP BY c.state, c.tone, c.place)
    SELECT jsonb_agg(jsonb_build_array(
               jsonb_build_object('text', c.record_key, 'sub', c.sla_key),
               report_clock_word(a, c.clock),
               jsonb_build_object('text', report_word(a, 'clock_state_' || c.state), 'tone', c.tone),
               coalesce(said_time(c.due_at, a.zone, a.locale), '-'),
               coalesce(report_value(a, c.remaining, 'hours'), '-'),
               coalesce((SELECT p.name FROM principal p WHERE p.principal = resolve_principal(c.owner)), c.owner, '-')) ORDER BY c.n) FILTER (WHERE c.n <= 10),
           (SELECT jsonb_agg(jsonb_build_array(s.count, s.tone, report_word(a, 'clock_count', jsonb_build_object('count', report_count(a, s.count), 'state', report_word(a, 'clock_state_' || s.state)))) ORDER BY s.place) FROM state s),
           count(*) FILTER (WHERE c.breached), count(*)
    INTO line, counts, breached, there FROM c;
    IF there = 0 THEN
        RETURN NULL;
    END IF;
    RETURN report_section(a, 'table', 'clocks', jsonb_build_object('rows', line, 'counts', counts, 'more', report_more(a, 10, there),
        'columns', report_columns(a, 'record', 'clock', 'state', 'due', '+remaining', 'owner'),
        'headline', report_headline(a, 'clocks', breached, CASE WHEN breached > 0 THEN 'bad' ELSE 'good' END, there)),
        report_word(a, 'clock_note'));
END
$$;
COMMENT ON FUNCTION @extschema@.report_clocks(@extschema@.report_asked) IS
'The section of a report with the service-level clocks that run now, of records that the reader may read: what is due first; NULL where there are none.';
