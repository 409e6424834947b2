-- Which sides of a KPI are money: those are never added across currencies, and are what a rate converts.

-- Where an attribute of money is the value, not what a condition compares: alone, after THEN or ELSE, in a sum or a product.
CREATE FUNCTION @extschema@.is_money(expression text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce(expression ~* '(^\s*|\m(then|else)\s+|[-+*(,]\s*)(amount|monthly_amount|cost|budget|list_price)\M(?!\s*([<>=!]|is\M|between\M|in\M))', false);
COMMENT ON FUNCTION @extschema@.is_money(text) IS
'Whether a sum of a component is money: an attribute of money (amount, monthly_amount, cost, budget, list_price) is in it as a value and '
'not only in a condition. Example: SELECT crm.is_money(''CASE WHEN kind = 1 THEN amount END'');';

CREATE VIEW @extschema@.kpi_money AS
SELECT k.kpi, k.measured_in = 'money' OR coalesce(s.numerator, false) AS numerator, coalesce(s.denominator, false) AS denominator
FROM @extschema@.kpi k
LEFT JOIN (SELECT t.kpi, pg_catalog.bool_or(t.side = 'numerator' AND @extschema@.is_money(c.sums ->> t.measure)) AS numerator,
                  pg_catalog.bool_or(t.side = 'denominator' AND @extschema@.is_money(c.sums ->> t.measure)) AS denominator
           FROM @extschema@.kpi_term t JOIN @extschema@.component c USING (component) GROUP BY t.kpi) s USING (kpi);
COMMENT ON VIEW @extschema@.kpi_money IS
'Whether numerator and denominator of each KPI are money: the numerator of what is measured in money, and sides that sum up amounts.';

CREATE FUNCTION @extschema@.money_of(above boolean, numerator numeric, below boolean, denominator numeric, currency text, home text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN above AND numerator <> 0 OR below AND denominator <> 0 THEN @extschema@.money_in(currency, home) END;
COMMENT ON FUNCTION @extschema@.money_of(boolean, numeric, boolean, numeric, text, text) IS
'Which currency a fact is in whose numerator (above) and denominator (below) are money; NULL where there is none of it, which adds up with any.';

CREATE FUNCTION @extschema@.missing_rate(currency text, into_currency text, on_date date) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT format('missing_rate %s %s to %s', to_char(on_date, 'YYYY-MM-DD'), coalesce(nullif(money_in(currency, home_currency()), ''), '(no currency)'), into_currency)
$$;
COMMENT ON FUNCTION @extschema@.missing_rate(text, text, date) IS 'The state of a value that lacks a rate: missing_rate, the day, the pair.';
