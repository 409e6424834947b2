-- Formulas of KPIs, taken apart into terms.

CREATE FUNCTION @extschema@.parse_formula(formula text)
    RETURNS TABLE ("position" integer, sign integer, component text, measure text, outcomes text[], milestones text[], within_days integer)
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    known CONSTANT text[] := ARRAY['open', 'won', 'lost', 'unknown'];
    part text[];
    condition text;
    rest text := btrim(formula);
BEGIN
    "position" := 0;
    WHILE rest <> '' LOOP
        part := regexp_match(rest, '^([+-]?)\s*([a-z_][a-z0-9_]*)(?:\.([a-z_][a-z0-9_]*))?(?:\[([^]]*)\])?\s*(?=[+-]|$)(.*)$');
        IF part IS NULL OR ("position" > 0 AND part[1] = '') THEN
            RAISE EXCEPTION 'formula of a KPI is not understood at "%"', rest
                USING ERRCODE = 'RM402',
                      HINT = 'Write terms with + or - between them: component.measure[condition, ...], as in '
                             'opportunity_closed.amount[won].';
        END IF;
        "position" := "position" + 1;
        sign := CASE part[1] WHEN '-' THEN -1 ELSE 1 END;
        component := part[2];
        measure := coalesce(part[3], 'count');
        outcomes := NULL;
        milestones := NULL;
        within_days := NULL;
        FOREACH condition IN ARRAY CASE WHEN btrim(part[4]) <> '' THEN regexp_split_to_array(btrim(part[4]), '\s*,\s*')
                                        ELSE '{}' END LOOP
            IF condition LIKE 'milestone:%' THEN
                IF NOT EXISTS (SELECT FROM milestone m WHERE m.milestone = substr(condition, 11)) THEN
                    PERFORM raise_unknown('milestone', substr(condition, 11), ARRAY(SELECT m.milestone FROM milestone m));
                END IF;
                milestones := milestones || substr(condition, 11);
            ELSIF condition ~ '^within:[0-9]{1,4}$' THEN
                within_days := substr(condition, 8)::integer;
            ELSIF condition = ANY (known) THEN
                outcomes := outcomes || condition;
            ELSE
                PERFORM raise_unknown('condition', condition, known || 'within:90'::text || ARRAY(SELECT 'milestone:' || m.milestone FROM milestone m));
            END IF;
        END LOOP;
        RETURN NEXT;
        rest := btrim(part[5]);
    END LOOP;
    IF "position" = 0 THEN
        RAISE EXCEPTION 'a KPI needs a formula' USING ERRCODE = 'RM402', HINT = 'For example opportunity_closed.amount[won].';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.parse_formula(text) IS
'The terms of a formula such as opportunity_closed.amount[won] or ticket_opened - ticket_ended[won,lost,unknown]. Conditions '
'are the outcome of the row''s stage (open, won, lost, unknown where no funnel knows it) or milestone:KEY; of cohorts also within:DAYS. Errors: RM402 not '
'understood, RM001 unknown condition.';

-- A team's values of stages, and what they mean: as resolve_stage finds them, but to join with.
CREATE VIEW @extschema@.stage_word AS
SELECT DISTINCT ON (w.funnel, w.word) w.funnel, w.word, s.stage, s.milestone,
       CASE WHEN s.kind = 'lost' THEN 'lost' WHEN s.kind IN ('won', 'after_win', 'churned') THEN 'won' ELSE 'open' END AS outcome
FROM (SELECT f.funnel, pg_catalog.lower(f.stage) AS word, f.stage, 1 AS rank FROM @extschema@.funnel_stage f
      UNION ALL
      SELECT a.funnel, pg_catalog.lower(a.alias), a.stage, 2 FROM @extschema@.stage_alias a
      UNION ALL
      SELECT f.funnel, pg_catalog.lower(f.label), f.stage, 3 FROM @extschema@.funnel_stage f) w
JOIN @extschema@.stage_read r ON r.funnel = w.funnel AND r.stage = w.stage
JOIN @extschema@.funnel_stage s ON s.funnel = r.funnel AND s.stage = r.read_as
ORDER BY w.funnel, w.word, w.rank;
COMMENT ON VIEW @extschema@.stage_word IS
'Stages by the words that mean them (key, alias, label, in small letters), a retired one as its successor, with milestone and outcome: won for stages of '
'kind won and all that follows, lost, or open.';
