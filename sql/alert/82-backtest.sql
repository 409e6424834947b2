-- What a rule would have done, had it been there.
CREATE FUNCTION @extschema@.backtest_rule(rule text, since date DEFAULT NULL, until date DEFAULT NULL)
RETURNS TABLE (day date, subject text, unit text, value numeric, numerator numeric, denominator numeric, compared numeric, measured numeric,
               reading text, phase text, fires boolean)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 365 COST 1000000
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_column
DECLARE
    r rule;
    first CONSTANT date := coalesce(backtest_rule.since, (coalesce(backtest_rule.until, kpi_today()) - interval '1 year')::date + 1);
    last CONSTANT date := coalesce(backtest_rule.until, kpi_today());
    stood jsonb := '{}'; -- of each subject its phase, and since when
    now_open jsonb;
    before text;
    fired_on jsonb;
    seen rule_sight;
BEGIN
    SELECT * INTO r FROM rule x WHERE x.rule = backtest_rule.rule;
    IF r.rule IS NULL THEN
        PERFORM raise_unknown('rule', backtest_rule.rule, ARRAY(SELECT x.rule FROM rule x));
    ELSIF NOT may_see_total(r.unit) THEN
        RAISE EXCEPTION 'you may not see the numbers of unit "%"', r.unit USING ERRCODE = 'insufficient_privilege';
    ELSIF NOT isfinite(first) OR NOT isfinite(last) OR last < first OR last - first > 3660 THEN
        RAISE EXCEPTION 'since and until are not a period of up to ten years' USING ERRCODE = 'RM005';
    END IF;
    FOR offset_days IN 0 .. last - first LOOP
        day := first + offset_days;
        now_open := '{}';
        FOR seen IN SELECT * FROM see_rule(r, day) LOOP
            subject := seen.subject;
            unit := seen.unit;
            value := seen.value;
            numerator := seen.numerator;
            denominator := seen.denominator;
            compared := seen.compared;
            measured := seen.measured;
            reading := (SELECT x.reading FROM rule_reading(r, seen) x);
            fired_on := coalesce(stood #> ARRAY[subject, 'fired_on'], '[]');
            before := coalesce(stood #>> ARRAY[subject, 'phase'], 'ok');
            phase := rule_step(before, reading, make_interval(days => day - coalesce((stood #>> ARRAY[subject, 'since'])::date, first)), r.hold_for,
                               greatest(r.clear_for, flap_brake(r.flap_limit, r.flap_within, (SELECT count(*) FROM jsonb_array_elements_text(fired_on) f
                                                                                              WHERE f::date > day - r.flap_within))));
            fires := phase = 'firing' AND before NOT IN ('firing', 'held');
            now_open := now_open || jsonb_build_object(subject, jsonb_build_object('phase', phase,
                'fired_on', CASE WHEN fires THEN fired_on || to_jsonb(day) ELSE fired_on END,
                'since', CASE phase WHEN before THEN coalesce((stood #>> ARRAY[subject, 'since'])::date, first) ELSE day END));
            RETURN NEXT;
        END LOOP;
        stood := (SELECT coalesce(jsonb_object_agg(o.key, o.value || '{"phase": "ok"}'), '{}') FROM jsonb_each(stood) o WHERE NOT now_open ? o.key)
                 || now_open; -- what was not seen is over
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.backtest_rule IS
$c$What a rule would have read and done at the end of each day (default: of the past year), with the numbers and units as they are known
today; of a rule with several subjects a row for each. fires: whether an alert would have fired that day. Nothing is written.
Example: SELECT day, subject, value FROM crm.backtest_rule('win-rate-low') WHERE fires;$c$;
