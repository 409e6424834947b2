-- A team's own components and KPIs.

CREATE FUNCTION @extschema@.define_component(component text, entity text, day text, filter text DEFAULT NULL,
                                             sums jsonb DEFAULT '{}', undated text DEFAULT 'skip', description text DEFAULT '')
    RETURNS integer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    attributes text[];
    kinds text[];
    needs text[];
    each record;
    new_version integer := coalesce((SELECT c.version FROM component c WHERE c.component = define_component.component), 0) + 1;
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
    needs := check_expression(entity, attributes, kinds, coalesce(day, ''), 'day');
    PERFORM check_expression(entity, attributes, kinds, filter, 'filter');
    FOR each IN SELECT * FROM jsonb_each_text(sums) LOOP
        IF each.key !~ '^[a-z_][a-z0-9_]*$' OR each.key = 'count' THEN
            RAISE EXCEPTION 'a sum is named by small letters, digits and underscores, and not count: "%"', each.key
                USING ERRCODE = 'RM005', HINT = 'The number of rows is the measure count of every component.';
        END IF;
        PERFORM check_expression(entity, attributes, kinds, each.value, 'sum');
    END LOOP;
    INSERT INTO team_component (component, entity, day, filter, sums, needs, undated, version, description)
    VALUES (component, entity, day, filter, sums, needs, undated, new_version, description)
    ON CONFLICT ON CONSTRAINT team_component_pkey DO UPDATE
    SET entity = excluded.entity, day = excluded.day, filter = excluded.filter, sums = excluded.sums, needs = excluded.needs,
        undated = excluded.undated, version = excluded.version, description = excluded.description;
    PERFORM capture(a.relation) FROM adoption a WHERE a.entity = define_component.entity ORDER BY a.relation::oid;
    RETURN new_version;
END
$$;
COMMENT ON FUNCTION @extschema@.define_component(text, text, text, text, jsonb, text, text) IS
'Defines what is counted and summed of the rows of an entity, and returns its version; an existing component is changed. day, '
'filter and the values of sums (up to four, by name) are immutable expressions over the entity''s attributes; day is a date or '
'a time. Adopted tables of the entity begin to capture it (a SHARE ROW EXCLUSIVE lock, for milliseconds); it reads NULL until '
'backfill has counted the rows that are there. Errors: RM001 unknown entity or attribute, RM401 expression, RM005. '
'Example: SELECT crm.define_component(''big_deal'', ''opportunity'', ''closed_at'', ''amount >= 10000'', '
'''{"margin": "amount * margin"}'');';
SELECT @extschema@.set_audience('define_component(text, text, text, text, jsonb, text, text)', 'admin');

CREATE FUNCTION @extschema@.define_kpi(kpi text, label text, numerator text, denominator text DEFAULT NULL,
                                       date_kind text DEFAULT 'event', measured_in text DEFAULT 'count',
                                       direction text DEFAULT 'up', description text DEFAULT '')
    RETURNS integer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    new_version integer := coalesce((SELECT k.version FROM kpi k WHERE k.kpi = define_kpi.kpi), 0) + 1;
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
    ELSIF date_kind = 'stock' AND denominator IS NOT NULL THEN
        PERFORM not_yet('a ratio of stocks');
    END IF;
    FOR term IN SELECT t.* FROM parse_formula(numerator) t UNION ALL SELECT t.* FROM parse_formula(denominator) t
                WHERE denominator IS NOT NULL LOOP
        SELECT ARRAY['count'] || ARRAY(SELECT jsonb_object_keys(c.sums)) INTO names FROM component c WHERE c.component = term.component;
        IF NOT FOUND THEN
            PERFORM raise_unknown('component', term.component, ARRAY(SELECT c.component FROM component c));
        ELSIF term.measure <> ALL (names) THEN
            PERFORM raise_unknown(format('measure of component %s', term.component), term.measure, names);
        END IF;
    END LOOP;
    DELETE FROM team_kpi t WHERE t.kpi = define_kpi.kpi;
    INSERT INTO team_kpi (kpi, label, kind, date_kind, numerator, denominator, measured_in, direction, version, description)
    VALUES (kpi, label, CASE WHEN denominator IS NULL THEN 'simple' ELSE 'ratio' END, date_kind, numerator, denominator,
            measured_in, direction, new_version, description);
    INSERT INTO team_kpi_term
    SELECT define_kpi.kpi, side.name, t."position", t.sign, t.component, t.measure, t.outcomes, t.milestones
    FROM (VALUES ('numerator', define_kpi.numerator), ('denominator', define_kpi.denominator)) AS side (name, formula)
    CROSS JOIN LATERAL parse_formula(side.formula) t
    WHERE side.formula IS NOT NULL;
    RETURN new_version;
END
$$;
COMMENT ON FUNCTION @extschema@.define_kpi(text, text, text, text, text, text, text, text) IS
'Defines a KPI, or changes one (also a shipped one), and returns its version. numerator and denominator are formulas such as '
'opportunity_closed.amount[won] (see parse_formula); with a denominator it is a ratio. date_kind event or stock (the state at '
'the end of a day); measured_in count, money, share, days ... (several currencies of money are never added); direction is '
'where better is, up or down. Errors: RM001 unknown component, measure or condition, RM402 formula, RM005. '
'Example: SELECT crm.define_kpi(''loss_rate'', ''Loss rate'', ''opportunity_closed[lost]'', ''opportunity_closed[won,lost]'', '
'measured_in => ''share'', direction => ''down'');';
SELECT @extschema@.set_audience('define_kpi(text, text, text, text, text, text, text, text)', 'admin');
