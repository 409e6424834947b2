-- The calendar for BI tools; units and owners are made by org, stages by funnel.

CREATE VIEW crm_bi.dim_date AS
SELECT d::date AS day, extract(isodow FROM d)::integer AS day_of_week, extract(week FROM d)::integer AS iso_week,
       extract(isoyear FROM d)::integer AS iso_year, extract(month FROM d)::integer AS month,
       extract(quarter FROM d)::integer AS quarter, extract(year FROM d)::integer AS year,
       pg_catalog.date_trunc('week', d)::date AS week_start, pg_catalog.date_trunc('month', d)::date AS month_start,
       pg_catalog.date_trunc('quarter', d)::date AS quarter_start,
       extract(year FROM y.start + interval '1 year' - interval '1 day')::integer AS fiscal_year,
       (extract(year FROM q.start) * 4 + (extract(month FROM q.start) - 1) / 3
        - extract(year FROM y.start) * 4 - (extract(month FROM y.start) - 1) / 3 + 1)::integer AS fiscal_quarter,
       y.start::date AS fiscal_year_start, q.start::date AS fiscal_quarter_start
FROM pg_catalog.generate_series(timestamp '2000-01-01', pg_catalog.date_trunc('year', pg_catalog.now()::timestamp)
                                + interval '6 years' - interval '1 day', interval '1 day') d
CROSS JOIN (SELECT @extschema@.fiscal_month() AS first_month) f
CROSS JOIN LATERAL (SELECT @extschema@.fiscal_trunc('year', d::date, f.first_month)::timestamp AS start) y
CROSS JOIN LATERAL (SELECT @extschema@.fiscal_trunc('quarter', d::date, f.first_month)::timestamp AS start) q;
COMMENT ON VIEW crm_bi.dim_date IS 'One row for each day from 2000 until five years from now.';

GRANT SELECT ON crm_bi.dim_date TO PUBLIC;

CREATE VIEW crm_bi.dim_customer WITH (security_invoker) AS
SELECT c.customer_id, c.kind, c.name, c.segment, c.country FROM @extschema@.customer c;
COMMENT ON VIEW crm_bi.dim_customer IS
'One row for each customer of whom you may read a record, with its golden values: the same as in customer.';
GRANT SELECT ON crm_bi.dim_customer TO PUBLIC;
