-- The calendar for BI tools; units and owners are made by org, stages by funnel.

CREATE VIEW crm_bi.dim_date WITH (security_invoker) AS
SELECT d::date AS day, extract(isodow FROM d)::bigint AS day_of_week, extract(week FROM d)::bigint AS iso_week,
       extract(isoyear FROM d)::bigint AS iso_year, extract(month FROM d)::bigint AS month,
       extract(quarter FROM d)::bigint AS quarter, extract(year FROM d)::bigint AS year,
       pg_catalog.date_trunc('week', d)::date AS week_start, pg_catalog.date_trunc('month', d)::date AS month_start,
       pg_catalog.date_trunc('quarter', d)::date AS quarter_start,
       extract(year FROM y.start + interval '1 year' - interval '1 day')::bigint AS fiscal_year,
       (extract(year FROM q.start) * 4 + (extract(month FROM q.start) - 1) / 3
        - extract(year FROM y.start) * 4 - (extract(month FROM y.start) - 1) / 3 + 1)::bigint AS fiscal_quarter,
       y.start::date AS fiscal_year_start, q.start::date AS fiscal_quarter_start
FROM pg_catalog.generate_series(timestamp '1970-01-01', pg_catalog.date_trunc('year', pg_catalog.now()::timestamp)
                                + interval '11 years' - interval '1 day', interval '1 day') d
-- fiscal_trunc, without a call for each of so many days
CROSS JOIN (SELECT pg_catalog.make_interval(months => @extschema@.fiscal_month() - 1) AS shift OFFSET 0) f
CROSS JOIN LATERAL (SELECT pg_catalog.date_trunc('year', d - f.shift) + f.shift AS start) y
CROSS JOIN LATERAL (SELECT pg_catalog.date_trunc('quarter', d - f.shift) + f.shift AS start) q;
COMMENT ON VIEW crm_bi.dim_date IS 'One row for each day from 1970 until ten years from now.';

GRANT SELECT ON crm_bi.dim_date TO PUBLIC;

CREATE VIEW crm_bi.dim_kpi WITH (security_invoker) AS
SELECT k.kpi AS kpi_key, k.label, k.kind, k.date_kind, k.measured_in, k.direction, k.version::bigint AS version, k.description,
       k.owner AS owner_unit, k.certification, k.certified_by, k.certified_at, k.certified_version::bigint AS certified_version, k.valid_from, k.valid_until,
       CASE WHEN k.valid_from > t.today THEN 'not_yet' WHEN k.valid_until < t.today THEN 'not_any_more' ELSE 'valid' END AS validity,
       a.adds_up_over, z.zone, k.calendar
FROM @extschema@.kpi k
CROSS JOIN (SELECT @extschema@.kpi_today() AS today) t
LEFT JOIN (SELECT x.kpi_key, pg_catalog.string_agg(x.dimension, ', ' ORDER BY x."position") FILTER (WHERE x.additive) AS adds_up_over
           FROM @extschema@.kpi_additivity x GROUP BY x.kpi_key) a ON a.kpi_key = k.kpi
LEFT JOIN @extschema@.kpi_zone z ON z.kpi = k.kpi;
COMMENT ON VIEW crm_bi.dim_kpi IS 'One row for each KPI that is defined: what it is called, how it is made, who answers for it and when it holds.';
COMMENT ON COLUMN crm_bi.dim_kpi.kpi_key IS 'Key of the KPI.';
COMMENT ON COLUMN crm_bi.dim_kpi.kind IS 'How it is made: simple, a sum; ratio, numerator by denominator; and others.';
COMMENT ON COLUMN crm_bi.dim_kpi.date_kind IS 'The day that it counts on: event, the day it happened; stock, as of the end of a day.';
COMMENT ON COLUMN crm_bi.dim_kpi.measured_in IS 'count, money, share, days and so on.';
COMMENT ON COLUMN crm_bi.dim_kpi.direction IS 'Where better is: up or down.';
COMMENT ON COLUMN crm_bi.dim_kpi.description IS 'Formula and traps.';
COMMENT ON COLUMN crm_bi.dim_kpi.owner_unit IS 'The department that answers for the definition.';
COMMENT ON COLUMN crm_bi.dim_kpi.certification IS 'draft; certified: somebody stands for this version; deprecated: do not use it in anything new.';
COMMENT ON COLUMN crm_bi.dim_kpi.certified_by IS 'Who said so last.';
COMMENT ON COLUMN crm_bi.dim_kpi.certified_at IS 'When.';
COMMENT ON COLUMN crm_bi.dim_kpi.certified_version IS 'Of which version; a newer one is a draft again.';
COMMENT ON COLUMN crm_bi.dim_kpi.valid_from IS 'The first day that has a value; NULL: from the beginning.';
COMMENT ON COLUMN crm_bi.dim_kpi.valid_until IS 'The last day that has a value; NULL: for good.';
COMMENT ON COLUMN crm_bi.dim_kpi.validity IS 'Today: valid, not_yet, not_any_more.';
COMMENT ON COLUMN crm_bi.dim_kpi.adds_up_over IS 'The dimensions over which value may be added up; dim_kpi_dimension has a row for each, and why not.';
COMMENT ON COLUMN crm_bi.dim_kpi.zone IS 'The time zone that cuts its days; several: its components have different ones; NULL: that of the KPIs that it is made of.';
COMMENT ON COLUMN crm_bi.dim_kpi.calendar IS 'Whose working hours it measures; NULL: those of the limit or service level, or none.';
GRANT SELECT ON crm_bi.dim_kpi TO PUBLIC;

CREATE VIEW crm_bi.dim_kpi_dimension WITH (security_invoker) AS
SELECT a.kpi_key, a.dimension, a.additive, a.parts_additive, a.reason FROM @extschema@.kpi_additivity a;
COMMENT ON VIEW crm_bi.dim_kpi_dimension IS
'For each KPI and dimension of kpi_value (day among them) whether value may be added up over it, and numerator and denominator. Where not, ask crm_bi.kpi().';
COMMENT ON COLUMN crm_bi.dim_kpi_dimension.dimension IS 'A column of kpi_value.';
COMMENT ON COLUMN crm_bi.dim_kpi_dimension.additive IS 'Whether value may be added up over it.';
COMMENT ON COLUMN crm_bi.dim_kpi_dimension.parts_additive IS 'Whether numerator and denominator may be, each by itself, and divided after.';
COMMENT ON COLUMN crm_bi.dim_kpi_dimension.reason IS 'Why value may not.';
GRANT SELECT ON crm_bi.dim_kpi_dimension TO PUBLIC;

CREATE VIEW crm_bi.dim_customer WITH (security_invoker) AS
SELECT c.customer_id, c.kind, c.name, c.segment, c.country FROM @extschema@.customer c;
COMMENT ON VIEW crm_bi.dim_customer IS
'One row for each customer of whom you may read a record, with its golden values: the same as in customer.';
GRANT SELECT ON crm_bi.dim_customer TO PUBLIC;
