-- Attribution for BI.

CREATE FUNCTION @extschema@.attribution_rows()
    RETURNS TABLE (funnel text, milestone text, model text, month date, channel text, campaign text, currency text, credit numeric, amount numeric,
                   margin numeric, conversions bigint)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 1000 COST 1000000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    credited record;
BEGIN
    PERFORM visible(NULL::text, 'kpi', 'total');
    FOR credited IN SELECT s.funnel, s.milestone, coalesce(s.read_as, s.stage) AS stage FROM funnel_stage s WHERE s.milestone IN ('lead', 'won') ORDER BY s.funnel, s."position" LOOP
        RETURN QUERY
        SELECT credited.funnel, credited.milestone, a.model, a.month, a.channel, a.campaign, a.currency, a.credit, a.amount, a.margin, a.conversions
        FROM attributed(attribution_models(), credited.funnel, credited.stage, NULL, NULL, '90 days', '{channel,campaign}', '7 days', '{40,20,40}',
                        '{direct,(direct)}', true) a;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.attribution_rows() IS 'The rows of crm_bi.attribution.';

CREATE VIEW crm_bi.attribution WITH (security_invoker) AS
SELECT a.funnel, a.milestone, a.model, a.month, a.channel, a.campaign, a.currency, @extschema@.reported(a.credit)::numeric(27,9) AS credit,
       @extschema@.reported(a.amount)::numeric(27,9) AS amount, @extschema@.reported(a.margin)::numeric(27,9) AS margin, a.conversions
FROM @extschema@.attribution_rows() a;
COMMENT ON VIEW crm_bi.attribution IS
'To which channels and campaigns leads and wins are owed, by each model: filter by model, funnel and milestone before you sum. Touches up to '
'90 days before count, a half-life is 7 days, position 40/20/40. Models whose limit the channels and campaigns exceed (shapley 12, markov '
'1000) have no rows. Numbers of the units for which you have the privilege total.';
COMMENT ON COLUMN crm_bi.attribution.funnel IS 'Key of the funnel.';
COMMENT ON COLUMN crm_bi.attribution.milestone IS 'What is credited: lead or won, the first entry of each subject.';
COMMENT ON COLUMN crm_bi.attribution.model IS 'first, last, last_non_direct, linear, time_decay, position, markov or shapley.';
COMMENT ON COLUMN crm_bi.attribution.month IS 'First day of the month of the conversions, in the organisation''s time zone; NULL where nobody knows when.';
COMMENT ON COLUMN crm_bi.attribution.channel IS 'Channel of the touches, else that of their campaign; (not set) where neither tells, (none) for conversions without a touch.';
COMMENT ON COLUMN crm_bi.attribution.campaign IS 'Key of the campaign; NULL where the touches name none.';
COMMENT ON COLUMN crm_bi.attribution.currency IS 'Currency of amount and margin.';
COMMENT ON COLUMN crm_bi.attribution.credit IS 'Conversions owed to it; of one model they add up to the conversions.';
COMMENT ON COLUMN crm_bi.attribution.amount IS 'Amount of the deals won that is owed to it; do not add currencies.';
COMMENT ON COLUMN crm_bi.attribution.margin IS 'Amount times margin, as owed to it; NULL where a deal with a part in it tells no margin.';
COMMENT ON COLUMN crm_bi.attribution.conversions IS 'Conversions with a touch of it; do not sum, one has several touches.';
GRANT SELECT ON crm_bi.attribution TO PUBLIC;
