-- Dimensions for BI tools. They hold no numbers; names of units and stages are open to all.

CREATE VIEW crm_bi.dim_date AS
SELECT d::date AS day, extract(isodow FROM d)::integer AS day_of_week, extract(week FROM d)::integer AS iso_week,
       extract(isoyear FROM d)::integer AS iso_year, extract(month FROM d)::integer AS month,
       extract(quarter FROM d)::integer AS quarter, extract(year FROM d)::integer AS year,
       pg_catalog.date_trunc('week', d)::date AS week_start, pg_catalog.date_trunc('month', d)::date AS month_start,
       pg_catalog.date_trunc('quarter', d)::date AS quarter_start
FROM pg_catalog.generate_series(timestamp '2000-01-01', pg_catalog.date_trunc('year', pg_catalog.now()::timestamp)
                                + interval '6 years' - interval '1 day', interval '1 day') d;
COMMENT ON VIEW crm_bi.dim_date IS 'One row for each day from 2000 until five years from now.';

CREATE VIEW crm_bi.dim_unit AS
SELECT u.unit AS unit_key, u.name, u.kind, u.hierarchy, u.parent AS parent_key, u.since, u.until FROM @extschema@.unit u;
COMMENT ON VIEW crm_bi.dim_unit IS 'Units of the organisation.';

CREATE VIEW crm_bi.dim_unit_path AS
SELECT p.ancestor AS ancestor_key, p.descendant AS unit_key, p.distance FROM @extschema@.unit_path p;
COMMENT ON VIEW crm_bi.dim_unit_path IS
'The bridge upward: each unit with each unit above it, itself at distance 0. Join it to a fact''s unit_key and group by '
'ancestor_key to have a unit''s numbers with all below it.';

CREATE VIEW crm_bi.dim_stage AS
SELECT s.funnel, s.stage, s."position", s.label, s.department, s.kind, s.milestone, s.probability
FROM @extschema@.funnel_stage s;
COMMENT ON VIEW crm_bi.dim_stage IS 'Stages of funnels, with department and milestone.';
GRANT SELECT ON crm_bi.dim_date, crm_bi.dim_unit, crm_bi.dim_unit_path, crm_bi.dim_stage TO PUBLIC;
