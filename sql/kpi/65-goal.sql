-- Goals: a KPI is to reach a target in a period; departments hold one together.

CREATE TABLE @extschema@.goal (
    goal text PRIMARY KEY,
    kpi text NOT NULL,
    target numeric NOT NULL,
    since date NOT NULL,
    until date NOT NULL,
    unit text REFERENCES @extschema@.unit ON UPDATE CASCADE,
    direction text NOT NULL CHECK (direction = ANY (ARRAY['up', 'down'])),
    accountable text,
    baseline numeric,
    currency text,
    rates text NOT NULL DEFAULT 'default',
    CHECK (until >= since)
);
COMMENT ON TABLE @extschema@.goal IS
'Targets of KPIs over the days since to until, both included; unit is whose numbers count, with all below it (NULL: the whole '
'organisation); accountable is the principal who answers for it; baseline where the KPI stood before; currency and rates: money is in that '
'currency, by that set of rates (NULL: as it was written).';

CREATE TABLE @extschema@.goal_department (
    goal text NOT NULL REFERENCES @extschema@.goal ON DELETE CASCADE,
    unit text NOT NULL REFERENCES @extschema@.unit ON UPDATE CASCADE,
    credit numeric NOT NULL CHECK (credit > 0 AND credit <= 1),
    PRIMARY KEY (goal, unit)
);
COMMENT ON TABLE @extschema@.goal_department IS
'The departments that hold a goal together; credit is the share of what was attained that counts for each, all adding up to 1.';

CREATE TABLE @extschema@.goal_owner (
    goal text NOT NULL REFERENCES @extschema@.goal ON DELETE CASCADE,
    principal text NOT NULL,
    role text NOT NULL DEFAULT 'responsible',
    PRIMARY KEY (goal, principal)
);
COMMENT ON TABLE @extschema@.goal_owner IS 'Who works on a goal, and as what.';
SELECT pg_catalog.pg_extension_config_dump('@extschema@.goal', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.goal_department', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.goal_owner', '');

CREATE FUNCTION @extschema@.require_principal_key(value text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    key text := resolve_principal(value);
BEGIN
    IF value IS NOT NULL AND key IS NULL THEN
        PERFORM raise_unknown('principal', value, ARRAY(SELECT p.principal FROM principal p));
    END IF;
    RETURN key;
END
$$;
COMMENT ON FUNCTION @extschema@.require_principal_key(text) IS
'The key of a principal, NULL for NULL; raises RM001 where there is none of that name.';
SELECT @extschema@.set_audience('require_principal_key(text)', 'admin');

CREATE FUNCTION @extschema@.set_goal(goal text, kpi text, target numeric, since date, until date, unit text DEFAULT NULL,
                                     departments jsonb DEFAULT '{}', accountable text DEFAULT NULL, direction text DEFAULT NULL,
                                     baseline numeric DEFAULT NULL, currency text DEFAULT NULL, rates text DEFAULT 'default')
    RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    asked kpi := require_kpi(set_goal.kpi);
    new_direction text := coalesce(set_goal.direction, asked.direction);
    credits numeric;
BEGIN
    IF coalesce(goal, '') = '' OR target IS NULL OR target IN ('NaN', 'Infinity', '-Infinity') THEN
        RAISE EXCEPTION 'a goal needs a key and a target' USING ERRCODE = 'RM005',
            HINT = 'For example set_goal(''q1 revenue'', ''won_value'', 500000, ''2026-01-01'', ''2026-03-31'').';
    ELSIF since IS NULL OR until IS NULL OR until < since OR NOT isfinite(since) OR NOT isfinite(until) THEN
        RAISE EXCEPTION 'since and until of goal "%" are not a period: % to %', goal, since, until
            USING ERRCODE = 'RM005', HINT = 'Both days are included; until is not before since.';
    ELSIF new_direction NOT IN ('up', 'down') THEN
        PERFORM raise_unknown('direction', new_direction, '{up,down}');
    ELSIF jsonb_typeof(departments) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'departments must be a JSON object, from unit to credit'
            USING ERRCODE = 'RM005', HINT = 'For example departments => ''{"marketing": 0.4, "sales": 0.6}''.';
    END IF;
    BEGIN
        SELECT CASE WHEN min(d.value::numeric) <= 0 THEN -1 ELSE sum(d.value::numeric) END INTO credits FROM jsonb_each_text(departments) d;
    EXCEPTION WHEN invalid_text_representation OR numeric_value_out_of_range THEN
        credits := -1;
    END;
    IF credits <> 1 THEN
        RAISE EXCEPTION 'the credits of the departments of goal "%" do not add up to 1: %', goal, departments
            USING ERRCODE = 'RM005', HINT = 'For example departments => ''{"marketing": 0.4, "sales": 0.6}''.';
    END IF;
    IF baseline IN ('NaN', 'Infinity', '-Infinity') OR baseline = target THEN
        RAISE EXCEPTION 'the baseline of goal "%" is a number other than its target, not %', goal, baseline
            USING ERRCODE = 'RM005', HINT = 'It is where the KPI stood before; leave it out where nobody knows.';
    ELSIF currency IS NOT NULL AND NOT EXISTS (SELECT FROM kpi_money m WHERE m.kpi = asked.kpi AND (m.numerator OR m.denominator)) THEN
        RAISE EXCEPTION 'KPI "%" is no money', asked.kpi USING ERRCODE = 'RM005', HINT = 'Leave the currency out.';
    END IF;
    INSERT INTO goal (goal, kpi, target, since, until, unit, direction, accountable, baseline, currency, rates)
    VALUES (goal, asked.kpi, target, since, until,
            CASE WHEN unit IS NOT NULL THEN (require_unit(unit)).unit END, new_direction, require_principal_key(accountable),
            baseline, CASE WHEN currency IS NOT NULL THEN require_currency(currency) END, require_rate_set(rates))
    ON CONFLICT ON CONSTRAINT goal_pkey DO UPDATE
    SET kpi = excluded.kpi, target = excluded.target, since = excluded.since, until = excluded.until, unit = excluded.unit,
        direction = excluded.direction, accountable = excluded.accountable, baseline = excluded.baseline, currency = excluded.currency,
        rates = excluded.rates;
    DELETE FROM goal_department g WHERE g.goal = set_goal.goal;
    INSERT INTO goal_department (goal, unit, credit)
    SELECT set_goal.goal, (require_unit(d.key)).unit, d.value::numeric FROM jsonb_each_text(departments) d;
END
$$;
COMMENT ON FUNCTION @extschema@.set_goal(text, text, numeric, date, date, text, jsonb, text, text, numeric, text, text) IS
'Sets a goal, or changes it: the KPI is to reach the target over the days since to until, both included. unit: whose numbers '
'count (default: the whole organisation). departments: who holds it together, JSON from unit to credit, adding up to 1. '
'accountable: one principal. direction: up (at least the target) or down (at most), by default that of the KPI. baseline: where the '
'KPI stood before, from which ratios and stocks are expected to move day by day. currency: money in that one, by the rates of each day. Errors: RM001 '
'unknown KPI, unit, principal or set of rates, RM005. Example: SELECT crm.set_goal(''revenue 2026'', ''won_value'', 2000000, ''2026-01-01'', '
'''2026-12-31'', departments => ''{"marketing": 0.3, "sales": 0.7}'', accountable => ''anna'');';
SELECT @extschema@.set_audience('set_goal(text, text, numeric, date, date, text, jsonb, text, text, numeric, text, text)', 'admin');

CREATE FUNCTION @extschema@.require_goal(goal text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM goal g WHERE g.goal = require_goal.goal) THEN
        PERFORM raise_unknown('goal', coalesce(goal, ''), ARRAY(SELECT g.goal FROM goal g));
    END IF;
    RETURN goal;
END
$$;
COMMENT ON FUNCTION @extschema@.require_goal(text) IS 'The key of a goal; raises RM001 where there is none.';
SELECT @extschema@.set_audience('require_goal(text)', 'admin');

CREATE FUNCTION @extschema@.set_goal_owner(goal text, principal text, role text DEFAULT 'responsible') RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    INSERT INTO goal_owner (goal, principal, role)
    VALUES (require_goal(goal), require_principal_key(principal), role)
    ON CONFLICT ON CONSTRAINT goal_owner_pkey DO UPDATE SET role = excluded.role;
END
$$;
COMMENT ON FUNCTION @extschema@.set_goal_owner(text, text, text) IS
'Says who works on a goal, and as what. Errors: RM001 unknown goal or principal.';
SELECT @extschema@.set_audience('set_goal_owner(text, text, text)', 'admin');

CREATE FUNCTION @extschema@.goal_standing(g @extschema@.goal, today date, OUT numerator numeric, OUT denominator numeric, OUT actual numeric, OUT state text,
                                          OUT elapsed numeric, OUT expected numeric, OUT pace numeric, OUT progress numeric, OUT on_track boolean)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE COST 100000 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    adds_up CONSTANT boolean := (SELECT k.kind = 'simple' AND k.date_kind = 'event' FROM kpi k WHERE k.kpi = g.kpi);
BEGIN
    SELECT t.numerator, t.denominator, t.value, t.state INTO numerator, denominator, actual, state
    FROM kpi_total(g.kpi, g.unit, g.since, least(g.until, greatest(g.since, today)), g.currency, g.rates) t;
    elapsed := elapsed_share(g.since, g.until, today);
    -- of what adds up over the period in proportion to it, of what does not on the way from where it stood, else all the time
    expected := CASE WHEN adds_up THEN g.target * elapsed WHEN g.baseline IS NOT NULL THEN g.baseline + (g.target - g.baseline) * elapsed ELSE g.target END;
    progress := CASE WHEN NOT adds_up THEN (actual - g.baseline) / (g.target - g.baseline) END;
    -- a share of nothing, or of less, says nothing: -0.2 is ahead of -0.3
    pace := CASE g.direction WHEN 'up' THEN actual / CASE WHEN expected > 0 THEN expected END ELSE expected / CASE WHEN actual > 0 THEN actual END END;
    on_track := CASE g.direction WHEN 'up' THEN actual >= expected ELSE actual <= expected END;
END
$$;
COMMENT ON FUNCTION @extschema@.goal_standing IS
'How a goal stands at the end of a day: what was attained, what is expected by then, and the two against each other. No rights applied: for rules, goal_items and crm_bi.kpi_goal.';
SELECT @extschema@.set_audience('goal_standing(goal, date)', 'internal');

-- Only goals whose unit's totals the caller may see.
CREATE FUNCTION @extschema@.goal_rows()
    RETURNS TABLE (goal_key text, kpi_key text, label text, unit_key text, departments jsonb, since date, until date,
                   direction text, target numeric, actual numeric, attainment numeric, elapsed numeric, pace numeric,
                   on_track boolean, state text, accountable text, owners text[], baseline numeric, expected numeric, progress numeric, currency text)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 20 COST 1000000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_column
DECLARE
    g goal;
BEGIN
    PERFORM visible(root_unit(), 'kpi', 'total'); -- without identity an error, also where there are no goals
    FOR g IN SELECT x.* FROM goal x WHERE may_see_total(x.unit) ORDER BY x.goal LOOP
        goal_key := g.goal; kpi_key := g.kpi; label := (SELECT x.label FROM kpi x WHERE x.kpi = g.kpi); unit_key := coalesce(g.unit, root_unit());
        departments := (SELECT coalesce(jsonb_object_agg(d.unit, d.credit), '{}') FROM goal_department d WHERE d.goal = g.goal);
        since := g.since; until := g.until; direction := g.direction; target := g.target;
        SELECT s.actual, s.state, s.elapsed, s.expected, s.progress, s.pace, s.on_track INTO actual, state, elapsed, expected, progress, pace, on_track
        FROM goal_standing(g, kpi_today()) s;
        attainment := CASE g.direction WHEN 'up' THEN actual / CASE WHEN target > 0 THEN target END ELSE target / CASE WHEN actual > 0 THEN actual END END;
        baseline := g.baseline;
        currency := g.currency;
        accountable := g.accountable;
        owners := ARRAY(SELECT o.principal FROM goal_owner o WHERE o.goal = g.goal ORDER BY 1);
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.goal_rows() IS 'The rows of crm_bi.kpi_goal.';

CREATE VIEW crm_bi.kpi_goal WITH (security_invoker) AS
SELECT g.goal_key, g.kpi_key, g.label, g.unit_key, g.departments::text AS departments, g.since, g.until, g.direction,
       @extschema@.reported(g.target)::numeric(24,6) AS target, @extschema@.reported(g.actual)::numeric(24,6) AS actual,
       @extschema@.reported(g.attainment)::numeric(24,6) AS attainment, g.elapsed::numeric(24,6) AS elapsed,
       @extschema@.reported(g.pace)::numeric(24,6) AS pace, g.on_track, g.state, g.accountable,
       pg_catalog.array_to_string(g.owners, ', ') AS owners, @extschema@.reported(g.baseline)::numeric(24,6) AS baseline,
       @extschema@.reported(g.expected)::numeric(24,6) AS expected,
       @extschema@.reported(g.progress)::numeric(24,6) AS progress, g.currency
FROM @extschema@.goal_rows() g;
COMMENT ON VIEW crm_bi.kpi_goal IS
'Goals with what was attained until today. attainment is actual / target, or target / actual where lower is better (NULL where '
'the divisor is not above zero). elapsed is the share of the period that has passed, by working time (elapsed_share); expected is what the target asks for by '
'today: in proportion to it for KPIs that add up over time, on the way from baseline to target for ratios and stocks that have one, else the '
'target; pace is actual against expected (the other way round where lower is better; NULL where the divisor is not above zero); progress the way from baseline to target that is done; on_track: actual is at least expected (at most, where lower is better). state says why actual is '
'NULL. Goals of units whose totals the caller may see.';
GRANT SELECT ON crm_bi.kpi_goal TO PUBLIC;

CREATE FUNCTION @extschema@.goal_credit_rows()
    RETURNS TABLE (goal_key text, kpi_key text, unit_key text, credit numeric, target numeric, actual numeric, attainment numeric, accountable text, state text)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 40 COST 1000000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM visible(root_unit(), 'kpi', 'total'); -- without identity an error, also where there are none
    RETURN QUERY
    SELECT r.goal_key, r.kpi_key, d.unit, d.credit,
           CASE WHEN k.kind = 'simple' THEN r.target * d.credit ELSE r.target END, CASE WHEN k.kind = 'simple' THEN r.actual * d.credit ELSE r.actual END,
           r.attainment, r.accountable, r.state
    FROM goal_rows() r JOIN goal_department d ON d.goal = r.goal_key JOIN kpi k ON k.kpi = r.kpi_key
    ORDER BY r.goal_key, d.unit;
END
$$;
COMMENT ON FUNCTION @extschema@.goal_credit_rows() IS 'The rows of crm_bi.goal_credit.';

CREATE VIEW crm_bi.goal_credit WITH (security_invoker) AS
SELECT c.goal_key, c.kpi_key, c.unit_key, c.credit::numeric(24,6) AS credit, @extschema@.reported(c.target)::numeric(24,6) AS target,
       @extschema@.reported(c.actual)::numeric(24,6) AS actual, @extschema@.reported(c.attainment)::numeric(24,6) AS attainment,
       c.accountable, c.state
FROM @extschema@.goal_credit_rows() c;
COMMENT ON VIEW crm_bi.goal_credit IS
'The departments that hold each goal together: target and actual are their share of what is counted once for all of them (of a ratio the '
'whole, since a share of it means nothing), so they may be added up over departments. Of goals whose unit''s totals the caller may see.';
COMMENT ON COLUMN crm_bi.goal_credit.credit IS 'The department''s share; those of a goal add up to 1.';
COMMENT ON COLUMN crm_bi.goal_credit.target IS 'The department''s share of the target.';
COMMENT ON COLUMN crm_bi.goal_credit.actual IS 'The department''s share of what was attained.';
COMMENT ON COLUMN crm_bi.kpi_goal.baseline IS 'Where the KPI stood before the goal.';
COMMENT ON COLUMN crm_bi.kpi_goal.expected IS 'What the target asks for by today.';
COMMENT ON COLUMN crm_bi.kpi_goal.progress IS 'Share of the way from baseline to target that is done; NULL for what adds up over time.';
COMMENT ON COLUMN crm_bi.kpi_goal.currency IS 'The currency of target and actual; NULL where amounts are as written.';
GRANT SELECT ON crm_bi.goal_credit TO PUBLIC;
