-- The terms of the whole pack, parsed.

INSERT INTO @extschema@.shipped_kpi_term
SELECT k.kpi, side.name, t."position", t.sign, t.component, t.measure, t.outcomes, t.milestones, t.within_days
FROM @extschema@.shipped_kpi k
CROSS JOIN LATERAL (VALUES ('numerator', k.numerator), ('denominator', k.denominator)) AS side (name, formula)
CROSS JOIN LATERAL @extschema@.parse_formula(side.formula) t
WHERE side.formula IS NOT NULL AND k.inputs IS NULL;
