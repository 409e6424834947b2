-- kpi_value in the organisation's own currency. On top of kpi_value, whose rights and states it has.

CREATE VIEW crm_bi.kpi_value_home WITH (security_invoker) AS
SELECT x.kpi_key, x.day, x.unit_key, x.stage, x.campaign, x.channel, x.product, x.owner, x.segment, x.currency, h.home_currency,
       @extschema@.reported(n.numerator)::numeric(24,6) AS numerator, @extschema@.reported(n.denominator)::numeric(24,6) AS denominator,
       @extschema@.reported(CASE WHEN x.denominator IS NULL THEN n.numerator ELSE n.numerator / nullif(n.denominator, 0) END)::numeric(24,6) AS value,
       x.additive, x.mature,
       CASE WHEN x.state = 'ready' AND r.rate IS NULL
            THEN @extschema@.missing_rate(x.currency, coalesce(h.home_currency, '(no home currency)'), x.day) ELSE x.state END AS state,
       x.version, x."time"
FROM crm_bi.kpi_value x
JOIN @extschema@.kpi_money m ON m.kpi = x.kpi_key
CROSS JOIN (SELECT @extschema@.home_currency() AS home_currency) h
CROSS JOIN LATERAL (SELECT CASE WHEN m.numerator OR m.denominator THEN @extschema@.rate_on(x.currency, h.home_currency, x.day) ELSE 1 END AS rate) r
CROSS JOIN LATERAL (SELECT CASE WHEN m.numerator THEN x.numerator * r.rate ELSE x.numerator END AS numerator,
                           CASE WHEN m.denominator THEN x.denominator * r.rate ELSE x.denominator END AS denominator) n;
COMMENT ON VIEW crm_bi.kpi_value_home IS
'kpi_value with money in the home currency (set_home_currency) by the rates of the set default, each amount by the rate of its day; '
'currency stays that of the amounts. Where a rate is missing value is NULL and state says which.';
COMMENT ON COLUMN crm_bi.kpi_value_home.currency IS 'The currency in which the amounts were written.';
COMMENT ON COLUMN crm_bi.kpi_value_home.home_currency IS 'The currency of numerator, denominator and value where they are money.';
GRANT SELECT ON crm_bi.kpi_value_home TO PUBLIC;
GRANT SELECT ON @extschema@.kpi_money TO PUBLIC;
