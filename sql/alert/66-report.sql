-- The report of a principal as one JSON document: what crmd lays out as a page. Everything that is read is read with the rights of that
-- principal (report_as, in C), and nothing is written.

CREATE FUNCTION @extschema@.report_question(principal @extschema@.principal, since date, until date, unit text, language text)
RETURNS @extschema@.report_asked LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    a report_asked;
    locale CONSTANT text := CASE WHEN language IS NULL THEN principal.language ELSE require_locale(language) END;
BEGIN
    a.principal := principal.principal;
    a.name := principal.name;
    a.today := kpi_today();
    a.until := least(coalesce(until, CASE WHEN since IS NULL OR since < a.today THEN a.today - 1 END, a.today), a.today);
    a.since := coalesce(since, a.until - 29);
    IF a.since > a.until OR a.until - a.since > 730 OR NOT isfinite(a.since) OR NOT isfinite(a.until) THEN
        RAISE EXCEPTION 'a report is of 1 to 731 days that have begun, not of % to %', a.since, coalesce(until, a.until)
            USING ERRCODE = 'RM005', DETAIL = 'Both days are included; today counts as begun.', HINT = 'Leave both out for the last 30 days.';
    END IF;
    -- whole months are compared with as many months, other days with as many days
    a.before_until := a.since - 1;
    a.before_since := CASE WHEN extract(day FROM a.since) = 1 AND extract(day FROM a.until + 1) = 1
                           THEN (a.since - (age(a.until + 1, a.since)))::date ELSE a.since - (a.until - a.since + 1) END;
    a.grain := CASE WHEN a.until - a.since < 62 THEN 'day' WHEN a.until - a.since < 200 THEN 'week' ELSE 'month' END;
    IF unit IS NOT NULL THEN
        a.unit := (require_unit(unit)).unit;
        a.units := ARRAY(SELECT b.unit FROM units_below(a.unit) b);
    END IF;
    a.currency := home_currency();
    a.locale := message_locale_of(locale);
    a.zone := coalesce(principal.zone, default_zone());
    RETURN a;
END
$$;
COMMENT ON FUNCTION @extschema@.report_question(@extschema@.principal, date, date, text, text) IS 'What a report is asked for, with its defaults: the last 30 days until yesterday. Errors: RM001, RM005.';

-- Called by report_as alone, when the principal asks.
CREATE FUNCTION @extschema@.report_document(principal text, since date, until date, unit text, language text)
RETURNS jsonb LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off AS $$
#variable_conflict use_variable
DECLARE
    a report_asked := report_question((SELECT p FROM principal p WHERE p.principal = report_document.principal), since, until, unit, language);
    counts boolean;
    sections jsonb := '[]';
    absent text[] := '{}';
    id text;
    section jsonb;
BEGIN
    IF a.unit IS NOT NULL AND NOT may_see_total(a.unit) THEN
        RAISE EXCEPTION '% may not see the totals of unit "%" and of all below it', a.principal, a.unit
            USING ERRCODE = 'insufficient_privilege', HINT = 'Leave the unit out for all that may be seen.';
    END IF;
    counts := units_with_total() IS DISTINCT FROM '{}'; -- who may see no total has no zeros
    FOREACH id IN ARRAY '{alerts,numbers,goals,funnel,handovers,clocks,plan,budget,campaigns}'::text[] LOOP
        section := CASE WHEN id = 'clocks' THEN report_clocks(a) WHEN id = 'alerts' THEN report_alerts(a) WHEN NOT counts THEN NULL
                        WHEN id = 'numbers' THEN report_tiles(a) WHEN id = 'goals' THEN report_goals(a) WHEN id = 'funnel' THEN report_funnels(a)
                        WHEN id = 'handovers' THEN report_handovers(a) WHEN id = 'plan' THEN report_gap(a) WHEN id = 'budget' THEN report_budget(a)
                        ELSE report_campaigns(a) END;
        IF section IS NULL THEN
            absent := absent || report_word(a, id);
        ELSE
            sections := sections || section;
        END IF;
    END LOOP;
    RETURN jsonb_strip_nulls(jsonb_build_object(
        'version', 1, 'language', (a.locale).language,
        'title', CASE WHEN sections = '[]' THEN a.name WHEN a.unit IS NOT NULL THEN report_unit_name(a.unit)
                      WHEN may_see_total(root_unit()) THEN report_unit_name(root_unit()) ELSE report_word(a, 'your_units') END,
        'kicker', report_word(a, 'report'),
        'period', said_days(a.since, a.until, a.locale),
        'reader', report_word(a, 'reader', jsonb_build_object('name', a.name)),
        'made', report_word(a, 'made', jsonb_build_object('time', said_time(statement_timestamp(), a.zone, a.locale), 'zone', a.zone)),
        'rights', report_word(a, 'rights', jsonb_build_object('name', a.name)),
        'contents', report_word(a, 'contents'),
        'headlines', (SELECT jsonb_agg(s.value -> 'headline' || jsonb_build_object('to', s.value ->> 'id') ORDER BY s.n)
                      FROM jsonb_array_elements(sections) WITH ORDINALITY s (value, n) WHERE jsonb_typeof(s.value -> 'headline') = 'object'),
        'sections', sections,
        'absent', CASE WHEN sections = '[]' THEN report_word(a, 'nothing', jsonb_build_object('name', a.name))
                       WHEN absent <> '{}' THEN report_word(a, 'absent', jsonb_build_object('list', array_to_string(absent, ', '))) END));
END
$$;
COMMENT ON FUNCTION @extschema@.report_document(text, date, date, text, text) IS 'The report of whoever asks, in the words of that principal. For report_as.';

CREATE FUNCTION @extschema@.report_as(token text, role oid, principal text, since date, until date, unit text, language text) RETURNS jsonb
    AS 'MODULE_PATHNAME', 'crm_report_as' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION @extschema@.report_as(text, oid, text, date, date, text, text) IS
'report_document as the principal of a token, with the rights of its database role on tables (0: those of the caller), writing nothing. For report_page.';

CREATE FUNCTION @extschema@.report_page(principal text, since date DEFAULT NULL, until date DEFAULT NULL, unit text DEFAULT NULL, language text DEFAULT NULL)
RETURNS jsonb LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE COST 1000000
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    key CONSTANT text := resolve_principal(principal);
    role CONSTANT oid := coalesce((SELECT r.oid FROM principal p JOIN pg_roles r ON r.rolname = p.role_name WHERE p.principal = key), 0);
BEGIN
    -- who does not exist is answered as who is not allowed: crmd's password shall not tell names
    IF NOT EXISTS (SELECT FROM report_reader r WHERE r.principal = key) THEN
        RAISE EXCEPTION 'no report may be written for principal "%"', coalesce(principal, '')
            USING ERRCODE = 'insufficient_privilege', HINT = format('An administrator may type: SELECT @extschema@.allow_report(%L);', coalesce(principal, ''));
    END IF;
    IF is_outside(role) THEN
        RAISE EXCEPTION 'no report is written for principal "%", whose database role is outside all policies', key
            USING ERRCODE = 'insufficient_privilege', DETAIL = 'Of a superuser or BYPASSRLS role a report would show everything.',
                  HINT = 'Bind the principal to another role, or to none.';
    END IF;
    RETURN report_as(sign_token(key, statement_timestamp() + interval '10 minutes'), role, key, since, until, unit, language);
END
$$;
COMMENT ON FUNCTION @extschema@.report_page(text, date, date, text, text) IS
'For crmd: the report of a principal for whom allow_report was called, as JSON: what that principal may see of the days since to until, both included '
'(default: the last 30 until yesterday), of one unit with all below it or of all units, in a language (default: the principal''s own). Writes nothing. '
'Errors: 42501 not allowed, or not the totals of that unit; RM001 no such unit or language; RM005 days; RM101 no identity; 55000 the server has no token key. '
'Example: SELECT crm.report_page(''anna'', ''2026-10-01'', ''2026-10-31'', language => ''es'');';

SELECT @extschema@.set_audience('report_page(text, date, date, text, text)', 'daemon');
SELECT @extschema@.set_audience(f.signature, 'internal')
FROM (VALUES ('report_word(report_asked, text, jsonb)'),
             ('report_kpi_label(report_asked, text)'),
             ('report_unit_name(text)'),
             ('report_value(report_asked, numeric, text)'),
             ('report_count(report_asked, numeric)'),
             ('report_month(report_asked, date)'),
             ('report_columns(report_asked, text[])'),
             ('report_section(report_asked, text, text, jsonb, text)'),
             ('report_more(report_asked, bigint, bigint)'),
             ('report_headline(report_asked, text, numeric, text, numeric)'),
             ('report_kpis()'),
             ('report_facts(report_asked, text[])'),
             ('report_whole(report_asked, text)'),
             ('report_rolls(report_asked)'),
             ('report_numbers(report_asked)'),
             ('report_why(report_asked, text)'),
             ('report_change(report_asked, report_number)'),
             ('report_tiles(report_asked)'),
             ('report_departments(jsonb, report_asked)'),
             ('report_forecast(report_asked, text, text, date, date, text)'),
             ('report_goal_status(crm_bi.kpi_goal, date)'),
             ('report_goal(report_asked, crm_bi.kpi_goal)'),
             ('report_goals(report_asked)'),
             ('report_instant(date)'),
             ('report_funnels(report_asked)'),
             ('report_handovers(report_asked)'),
             ('report_clock_word(report_asked, text)'),
             ('report_clocks(report_asked)'),
             ('report_gap(report_asked)'),
             ('report_budget(report_asked)'),
             ('report_campaigns(report_asked)'),
             ('report_alerts(report_asked)'),
             ('report_question(principal, date, date, text, text)'),
             ('report_document(text, date, date, text, text)'),
             ('report_as(text, oid, text, date, date, text, text)')) f (signature);
