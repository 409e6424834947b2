-- What of KPIs and goals stands in a configuration document. What is planned by month, rates and closed periods are numbers, and do not.
INSERT INTO @extschema@.config_section (section, room, "position", key, entries, put, change, remove) VALUES
    ('components', 'kpi', 400, '{component}', 'SELECT component, entity, day, filter, sums, undated, description, zone FROM team_component', 'define_component', NULL, NULL),
    ('kpis', 'kpi', 410, '{kpi}', $q$
        SELECT kpi, label, numerator, denominator, date_kind, measured_in, direction, description, kind, span, quantile FROM team_kpi$q$, 'define_kpi', NULL, NULL),
    ('kpi_governance', 'kpi', 420, '{kpi}', $q$
        SELECT kpi, owner, certification, valid_from, valid_until, nullif(apart, '{}') AS not_additive, calendar FROM kpi_governance$q$, 'set_kpi', NULL, NULL),
    ('kpi_parameters', 'kpi', 430, '{parameter}', 'SELECT parameter, value FROM kpi_parameter', 'set_kpi_parameter', NULL, 'set_kpi_parameter($1 ->> ''parameter'', NULL)'),
    ('counted_kpis', 'kpi', 440, '{kpi}', 'SELECT kpi FROM counted_kpi', 'count_values', NULL, 'count(*) FROM count_values($1 ->> ''kpi'', false)'),
    -- the version that new clocks take
    ('slas', 'kpi', 450, '{key}', $q$
        SELECT sla AS key, entity, condition, clock, target, calendar, pause_stages, warn_at, "position", timed FROM sla WHERE until = 'infinity'$q$, 'set_sla', NULL,
     'retire_sla($1 ->> ''key'')'),
    ('credits', 'kpi', 460, '{unit,since,until}', $q$
        SELECT unit, jsonb_object_agg(credited, weight) AS credits, lower(during) AS since, (upper(during) - 1) AS until FROM unit_credit GROUP BY unit, during$q$,
     'set_credit', NULL, NULL),
    ('goals', 'kpi', 470, '{goal}', $q$
        SELECT g.goal, g.kpi, g.target, g.since, g.until, g.unit, g.accountable, g.direction, g.baseline, g.currency, g.rates,
               (SELECT jsonb_object_agg(d.unit, d.credit) FROM goal_department d WHERE d.goal = g.goal) AS departments
        FROM goal g$q$, 'set_goal', NULL, NULL),
    ('goal_owners', 'kpi', 480, '{goal,principal}', 'SELECT goal, principal, role FROM goal_owner', 'set_goal_owner', NULL, NULL);
