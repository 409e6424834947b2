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
SELECT k.kpi AS kpi_key, k.label, k.kind, k.date_kind, k.measured_in, k.direction, k.version::bigint AS version, k.description
FROM @extschema@.kpi k;
COMMENT ON VIEW crm_bi.dim_kpi IS 'One row for each KPI that is defined: what it is called and how it is made.';
COMMENT ON COLUMN crm_bi.dim_kpi.kpi_key IS 'Key of the KPI.';
COMMENT ON COLUMN crm_bi.dim_kpi.kind IS 'How it is made: simple, a sum; ratio, numerator by denominator; and others.';
COMMENT ON COLUMN crm_bi.dim_kpi.date_kind IS 'The day that it counts on: event, the day it happened; stock, as of the end of a day.';
COMMENT ON COLUMN crm_bi.dim_kpi.measured_in IS 'count, money, share, days and so on.';
COMMENT ON COLUMN crm_bi.dim_kpi.direction IS 'Where better is: up or down.';
COMMENT ON COLUMN crm_bi.dim_kpi.description IS 'Formula and traps.';
GRANT SELECT ON crm_bi.dim_kpi TO PUBLIC;

CREATE VIEW crm_bi.dim_customer WITH (security_invoker) AS
SELECT c.customer_id, c.kind, c.name, c.segment, c.country FROM @extschema@.customer c;
COMMENT ON VIEW crm_bi.dim_customer IS
'One row for each customer of whom you may read a record, with its golden values: the same as in customer.';
GRANT SELECT ON crm_bi.dim_customer TO PUBLIC;
