-- A team's own components and KPIs.

CREATE FUNCTION @extschema@.define_component(component text, entity text, day text, filter text DEFAULT NULL,
                                             sums jsonb DEFAULT '{}', undated text DEFAULT 'skip', description text DEFAULT '',
                                             zone text DEFAULT NULL)
    RETURNS integer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    attributes text[];
    kinds text[];
    needs text[];
    each record;
    new_version integer;
BEGIN
    IF component !~ '^[a-z_][a-z0-9_]*$' OR component IS NULL THEN
        RAISE EXCEPTION 'a component is named by small letters, digits and underscores, not "%"', component
            USING ERRCODE = 'RM005', HINT = 'For example tickets_escalated.';
    END IF;
    SELECT array_agg(a.attribute ORDER BY a.attribute), array_agg(a.kind ORDER BY a.attribute) INTO attributes, kinds
    FROM entity_attribute a WHERE a.entity = define_component.entity;
    IF attributes IS NULL THEN
        PERFORM raise_unknown('entity', coalesce(entity, ''), ARRAY(SELECT e.entity FROM entity e));
    END IF;
    IF jsonb_typeof(sums) IS DISTINCT FROM 'object' OR (SELECT count(*) > 4 FROM jsonb_object_keys(sums)) THEN
        RAISE EXCEPTION 'sums of a component are a JSON object of up to four expressions'
            USING ERRCODE = 'RM005', HINT = 'For example sums => ''{"amount": "amount"}''; more go into a second component.';
    END IF;
    IF undated IS NULL OR undated NOT IN ('skip', 'beginning') THEN
        PERFORM raise_unknown('treatment of undated rows', coalesce(undated, ''), '{skip,beginning}');
    END IF;
    IF zone IS NOT NULL THEN
        PERFORM require_zone(zone);
    END IF;
    needs := check_expression(entity, attributes, kinds, coalesce(day, ''), 'day');
    PERFORM check_expression(entity, attributes, kinds, filter, 'filter');
    FOR each IN SELECT * FROM jsonb_each_text(sums) LOOP
        IF each.key !~ '^[a-z_][a-z0-9_]*$' OR each.key = 'count' THEN
            RAISE EXCEPTION 'a sum is named by small letters, digits and underscores, and not count: "%"', each.key
                USING ERRCODE = 'RM005', HINT = 'The number of rows is the measure count of every component.';
        END IF;
        PERFORM check_expression(entity, attributes, kinds, each.value, 'sum');
    END LOOP;
    PERFORM decide_captured(); -- of two definitions at once each is a version of its own
    new_version := coalesce((SELECT c.version FROM component c WHERE c.component = define_component.component), 0) + 1;
    INSERT INTO team_component (component, entity, day, filter, sums, needs, undated, version, description, zone)
    VALUES (component, entity, day, filter, sums, needs, undated, new_version, description, zone)
    ON CONFLICT ON CONSTRAINT team_component_pkey DO UPDATE
    SET entity = excluded.entity, day = excluded.day, filter = excluded.filter, sums = excluded.sums, needs = excluded.needs,
        undated = excluded.undated, version = excluded.version, description = excluded.description,
        zone = excluded.zone;
    PERFORM capture(a.relation) FROM adoption a
    WHERE a.entity = define_component.entity OR a.relation IN (SELECT i.relation FROM kpi_captured i WHERE i.component = define_component.component)
    ORDER BY a.relation::oid;
    IF NOT EXISTS (SELECT FROM kpi_successor s WHERE s.component = define_component.component) THEN -- no table has it in future
        PERFORM retire_instances(ARRAY(SELECT i.instance FROM kpi_instance i WHERE i.component = define_component.component AND i.version <> new_version));
    END IF;
    RETURN new_version;
END
$$;
COMMENT ON FUNCTION @extschema@.define_component(text, text, text, text, jsonb, text, text, text) IS
'Defines what is counted and summed of the rows of an entity, and returns its version; an existing component is changed. day, '
'filter and the values of sums (up to four, by name) are immutable expressions over the entity''s attributes; day is a date or '
'a time, which zone makes a day (unless given, the organisation''s of that moment), for as long as this version lives. Adopted tables of the entity begin to capture it (a SHARE ROW EXCLUSIVE lock, for milliseconds); it reads NULL, or where it is '
'changed as it did before, until backfill has counted the rows that are there. Errors: RM001 unknown entity, attribute or time zone, RM401 expression, RM005. '
'Example: SELECT crm.define_component(''big_deal'', ''opportunity'', ''closed_at'', ''amount >= 10000'', '
'''{"margin": "amount * margin"}'');';
SELECT @extschema@.set_audience('define_component(text, text, text, text, jsonb, text, text, text)', 'admin');

-- What a derived KPI is made of: other KPIs, none of which is made of it, and parameters.
CREATE FUNCTION @extschema@.check_derived(kpi text, expression text) RETURNS text[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    names CONSTANT text[] := ARRAY(SELECT n FROM (SELECT k.kpi FROM kpi k WHERE k.kpi <> check_derived.kpi UNION SELECT unnest(kpi_parameters())) x (n) ORDER BY 1);
    named CONSTANT text[] := check_expression('kpi', names, array_fill('number'::text, ARRAY[cardinality(names)]), coalesce(expression, ''), 'sum');
    circle text;
BEGIN
    SELECT l.kpi INTO circle FROM kpi k JOIN unnest(named) l (kpi) ON true
    WHERE k.kpi = l.kpi AND k.inputs IS NOT NULL
      AND EXISTS (WITH RECURSIVE below AS (SELECT unnest(k.inputs) AS kpi
                                           UNION SELECT unnest(d.inputs) FROM below b JOIN kpi d ON d.kpi = b.kpi)
                  SELECT FROM below b WHERE b.kpi = check_derived.kpi) LIMIT 1;
    IF cardinality(named) = 0 THEN
        RAISE EXCEPTION 'the expression of KPI "%" names no KPI', kpi
            USING ERRCODE = 'RM402', HINT = 'For example won_value / nullif(marketing_spend, 0).';
    ELSIF circle IS NOT NULL THEN
        RAISE EXCEPTION 'KPI "%" would be made of itself, by "%"', kpi, circle
            USING ERRCODE = 'RM402', HINT = 'Define it over KPIs that are not made of it.';
    END IF;
    RETURN named;
END
$$;
COMMENT ON FUNCTION @extschema@.check_derived(text, text) IS
'The KPIs and parameters that the expression of a derived KPI names. Errors: RM001 unknown KPI, RM401 no immutable number, RM402 made of itself.';
SELECT @extschema@.set_audience('check_derived(text, text)', 'internal');

-- What a kind needs and what it cannot have.
CREATE FUNCTION @extschema@.check_kind(kind text, date_kind text, denominator text, span interval, quantile numeric, within_days integer) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    kinds CONSTANT text[] := '{simple,ratio,conversion,cumulative,derived,distinct,percentile,survival,period}';
    fault text;
BEGIN
    IF kind <> ALL (kinds) THEN
        PERFORM raise_unknown('kind of KPI', kind, kinds);
    END IF;
    fault := CASE
        WHEN kind IN ('ratio', 'conversion') AND denominator IS NULL THEN 'needs a denominator'
        WHEN kind NOT IN ('ratio', 'conversion', 'cumulative', 'period') AND denominator IS NOT NULL THEN 'has no denominator'
        WHEN kind IN ('percentile', 'survival') AND NOT coalesce(quantile > 0 AND quantile < 1, false) THEN 'needs a quantile between 0 and 1'
        WHEN kind NOT IN ('percentile', 'survival') AND quantile IS NOT NULL THEN 'has no quantile'
        WHEN kind = 'conversion' AND within_days IS NULL THEN 'needs within:DAYS in its formula'
        WHEN kind <> 'conversion' AND within_days IS NOT NULL THEN 'has no within:DAYS in its formula'
        WHEN kind NOT IN ('simple', 'ratio') AND date_kind = 'stock' THEN 'is no stock'
        WHEN span IS NOT NULL AND kind NOT IN ('cumulative', 'derived', 'period') THEN 'has no span'
        WHEN span <= interval '0' THEN 'needs a span above zero' END;
    IF fault IS NOT NULL THEN
        RAISE EXCEPTION 'a KPI of kind % %', kind, fault
            USING ERRCODE = 'RM005', HINT = 'Conversions: numerator => ''subject_entry.reached[milestone:mql,milestone:sql,within:90]'', denominator => ''subject_entry[milestone:mql]''. '
                'Medians: kind => ''percentile'', quantile => 0.5.';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.check_kind(text, text, text, interval, numeric, integer) IS 'Raises RM001 or RM005 where the parts of a KPI do not fit its kind.';
SELECT @extschema@.set_audience('check_kind(text, text, text, interval, numeric, integer)', 'internal');

CREATE FUNCTION @extschema@.define_kpi(kpi text, label text, numerator text, denominator text DEFAULT NULL,
                                       date_kind text DEFAULT 'event', measured_in text DEFAULT 'count',
                                       direction text DEFAULT 'up', description text DEFAULT '', kind text DEFAULT NULL,
                                       span interval DEFAULT NULL, quantile numeric DEFAULT NULL)
    RETURNS integer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    new_version integer := coalesce((SELECT k.version + coalesce(s.steps_defined - s.steps, 0) FROM kpi k LEFT JOIN kpi_step s USING (kpi)
                                     WHERE k.kpi = define_kpi.kpi), 0) + 1;
    new_kind CONSTANT text := coalesce(kind, CASE WHEN numerator LIKE '%within:%' THEN 'conversion' WHEN denominator IS NULL THEN 'simple' ELSE 'ratio' END);
    days integer;
    new_inputs text[];
    term record;
    names text[];
BEGIN
    IF kpi !~ '^[a-z_][a-z0-9_]*$' OR kpi IS NULL THEN
        RAISE EXCEPTION 'a KPI is named by small letters, digits and underscores, not "%"', kpi
            USING ERRCODE = 'RM005', HINT = 'For example escalation_rate.';
    END IF;
    IF NOT coalesce(date_kind = ANY ('{event,stock}'), false) THEN
        PERFORM raise_unknown('kind of date', coalesce(date_kind, ''), '{event,stock}');
    ELSIF NOT coalesce(direction = ANY ('{up,down}'), false) THEN
        PERFORM raise_unknown('direction', coalesce(direction, ''), '{up,down}');
    END IF;
    IF new_kind = 'derived' THEN
        new_inputs := check_derived(kpi, numerator);
    END IF;
    FOR term IN SELECT t.* FROM parse_formula(numerator) t WHERE new_kind <> 'derived'
                UNION ALL SELECT t.* FROM parse_formula(denominator) t WHERE new_kind <> 'derived' AND denominator IS NOT NULL LOOP
        SELECT ARRAY['count'] || ARRAY(SELECT jsonb_object_keys(c.sums))
               || CASE WHEN new_kind = 'distinct' THEN ARRAY(SELECT a.attribute FROM entity_attribute a WHERE a.entity = c.entity) END
        INTO names FROM component c WHERE c.component = term.component;
        days := greatest(days, term.within_days);
        IF NOT FOUND THEN
            PERFORM raise_unknown('component', term.component, ARRAY(SELECT c.component FROM component c));
        ELSIF term.measure <> ALL (names) THEN
            PERFORM raise_unknown(format('measure of component %s', term.component), term.measure, names);
        END IF;
    END LOOP;
    PERFORM check_kind(new_kind, date_kind, denominator, span, quantile, days);
    DELETE FROM team_kpi t WHERE t.kpi = define_kpi.kpi;
    INSERT INTO team_kpi (kpi, label, kind, date_kind, numerator, denominator, measured_in, direction, version, description, within_days, span,
                          quantile, inputs)
    VALUES (kpi, label, new_kind, date_kind, numerator, denominator, measured_in, direction, new_version, description, days, span, quantile, new_inputs);
    INSERT INTO team_kpi_term
    SELECT define_kpi.kpi, side.name, t."position", t.sign, t.component, t.measure, t.outcomes, t.milestones, t.within_days
    FROM (VALUES ('numerator', define_kpi.numerator), ('denominator', define_kpi.denominator)) AS side (name, formula)
    CROSS JOIN LATERAL parse_formula(side.formula) t
    WHERE side.formula IS NOT NULL AND new_kind <> 'derived';
    UPDATE team_kpi t SET version = new_version - s.steps_defined FROM kpi_step s WHERE s.kpi = t.kpi AND t.kpi = define_kpi.kpi;
    IF EXISTS (SELECT FROM counted_kpi c WHERE c.kpi = define_kpi.kpi) THEN
        PERFORM capture_values();
    END IF;
    RETURN new_version;
END
$$;
COMMENT ON FUNCTION @extschema@.define_kpi(text, text, text, text, text, text, text, text, text, interval, numeric) IS
'Defines a KPI, or changes one (also a shipped one), and returns its version. numerator and denominator are formulas such as '
'opportunity_closed.amount[won] (see parse_formula); with a denominator it is a ratio. date_kind event or stock (the state at '
'the end of a day); measured_in count, money, share, days ... (several currencies of money are never added); direction is '
'where better is, up or down. kind is told by the formulas (simple, ratio, conversion where a term has within:DAYS) unless given: cumulative (over '
'span, which ends with the period, or since the beginning), derived (numerator is an expression over other KPIs, over span where given), distinct (the measure of the term is an attribute '
'whose values are counted, customers as linked), percentile (quantile of the measure), period (measures of the component subscription). Errors: RM001 unknown component, measure or condition, RM402 formula, RM005. '
'Example: SELECT crm.define_kpi(''loss_rate'', ''Loss rate'', ''opportunity_closed[lost]'', ''opportunity_closed[won,lost]'', '
'measured_in => ''share'', direction => ''down'');';
SELECT @extschema@.set_audience('define_kpi(text, text, text, text, text, text, text, text, text, interval, numeric)', 'admin');
