-- The part of the pack that takes more than one row of a table, or more than one KPI. Components that are read when asked come first.

INSERT INTO @extschema@.shipped_component (component, entity, day, filter, sums, needs, kept, description) VALUES
('subject_entry', 'subject', 'at', NULL, '{"reached": "entered the second milestone within the days given", "days": "days to the second milestone, or until now"}',
 '{}', true, 'subjects (customers, as linked now, in funnels about customers or leads) by the day they first entered a milestone'),
('customer_entry', 'subject', 'at', NULL, '{"reached": "entered the second milestone within the days given", "days": "days to the second milestone, or until now"}',
 '{}', true, 'customers, as linked now, by the day they first entered a milestone in any funnel, themselves or by a deal'),
('repeated_entry', 'subject', 'at', 'not the subject''s first', '{}', '{}', true,
 'first entries of records whose subject entered the milestone before, by another record'),
('handover_answer', 'handover', 'answered_at', NULL,
 '{"refused": "was refused", "hours": "working hours from offer to answer", "timed": "it is known how long it took"}', '{}', true,
 'hand-overs between departments by the day they were answered'),
('handover_overdue', 'handover', 'due_at, and away when answered or left', 'was overdue', '{}', '{}', true,
 'hand-overs that wait for an answer and were due'),
('subscription_start', 'subscription', 'started_on', 'the customer''s first', '{"amount": "monthly_amount"}', '{customer,started_on}', true,
 'customers by the day their first subscription began, and what they paid by the month then'),
('subscription', 'subscription', 'the period', 'customers who paid before it began',
 '{"opening": "customers when it began", "lost": "of them without subscription at its end", "opening_amount": "what they paid by the month", "closing_amount": "what they pay at its end", "retained_amount": "no more than before, of each", "month_opening": "opening of each month", "month_lost": "lost of each month", "month_amount": "opening_amount of each month"}',
 '{customer,started_on}', true, 'customers with a subscription at the end of the day before a period, and at its end');

INSERT INTO @extschema@.shipped_component (component, entity, day, sums, needs, kept, description)
SELECT 'attribution_' || m, 'spend', 'the period',
       '{"margin": "margin of deals won, as owed to marketing", "amount": "amount of deals won", "spend": "spend of marketing", "paid_spend": "spend of what cost something", "paid_wins": "wins owed to it"}',
       '{on_date,amount}', true, pg_catalog.format('deals won as the model %s of attribution owes them to touches of the 90 days before, and spend', m)
FROM pg_catalog.unnest(@extschema@.attribution_models()) m;

INSERT INTO @extschema@.shipped_component (component, entity, day, filter, sums, needs, description) VALUES
('survey_sent', 'survey', 'at', NULL,
 '{"csat": "CASE WHEN lower(kind) = ''csat'' THEN 1 END", "csat_answered": "CASE WHEN lower(kind) = ''csat'' AND score IS NOT NULL THEN 1 END",
   "nps": "CASE WHEN lower(kind) = ''nps'' THEN 1 END", "nps_answered": "CASE WHEN lower(kind) = ''nps'' AND score IS NOT NULL THEN 1 END"}',
 '{at,kind,score}', 'surveys by their day, answered or not'),
('nps_answer', 'survey', 'at', 'score IS NOT NULL AND lower(kind) = ''nps''',
 '{"promoters": "CASE WHEN score >= 9 THEN 1 END", "detractors": "CASE WHEN score <= 6 THEN 1 END"}',
 '{at,kind,score}', 'answers from 0 to 10 by their day'),
('project_due', 'project', 'promised_on', NULL,
 '{"kept": "CASE WHEN live_at IS NULL OR NOT isfinite(live_at) THEN 0 WHEN (live_at AT TIME ZONE :zone)::date <= promised_on THEN 1 ELSE 0 END"}',
 '{promised_on,live_at}', 'projects by the day that was promised, and those that were live by then');

INSERT INTO @extschema@.shipped_kpi (kpi, label, kind, date_kind, numerator, denominator, measured_in, direction, span, quantile, inputs, description)
VALUES
('mql_to_sql', 'MQL to SQL', 'conversion', 'event', 'subject_entry.reached[milestone:mql,milestone:sql,within:90]', 'subject_entry[milestone:mql]', 'share',
 'up', NULL, NULL, NULL, 'Of the subjects that entered mql those that reached sql from then on within 90 days, by the day of mql. A cohort younger than '
 'that has no value: the ones to come would be missing. Another number than mql_to_sql_snapshot.'),
('mql_to_sql_snapshot', 'SQLs per MQL', 'ratio', 'event', 'stage_entry[milestone:sql] - repeated_entry[milestone:sql]',
 'stage_entry[milestone:mql] - repeated_entry[milestone:mql]', 'share', 'up', NULL, NULL, NULL,
 'Entries to sql divided by entries to mql of the same days, whoever they are: can be above 1. How good leads are tells mql_to_sql.'),
('handover_refusal_rate', 'Hand-overs refused', 'ratio', 'event', 'handover_answer.refused', 'handover_answer', 'share', 'down', NULL, NULL, NULL,
 'Hand-overs refused, of those answered, by the day of the answer. Unanswered ones are in neither.'),
('handover_hours', 'Hours to the answer of a hand-over', 'ratio', 'event', 'handover_answer.hours', 'handover_answer.timed', 'hours', 'down', NULL, NULL, NULL,
 'Working hours from offer to answer, by the day of the answer, by the calendar of the limit, else "default". Without a calendar, or '
 'where it is not known when it was offered, an answer is left out. What waits is not in it: see handover_overdue.'),
('handover_overdue', 'Hand-overs overdue', 'simple', 'stock', 'handover_overdue', NULL, 'count', 'down', NULL, NULL, NULL,
 'Hand-overs that waited for an answer at the end of the day and were due, by the limit that held when they were offered.'),
('new_customers', 'New customers', 'simple', 'event', 'customer_entry[milestone:won]', NULL, 'count', 'up', NULL, NULL, NULL,
 'Customers that entered won for the first time. A customer who buys again, or whom several records mean, counts once.'),
('acquisition_spend', 'Spend on acquisition', 'simple', 'event', 'spend.acquisition', NULL, 'money', 'down', NULL, NULL, NULL,
 'Spend of marketing and of sales (kind sales).'),
('cac', 'Cost of a new customer', 'ratio', 'event', 'spend.acquisition', 'customer_entry[milestone:won]', 'money', 'down', NULL, NULL, NULL,
 'Spend of marketing and sales divided by new customers of the same days, however they came (blended). Sales'' cost comes as spend of kind sales.'),
('promise_kept_rate', 'Promises kept', 'conversion', 'event', 'project_due.kept[within:0]', 'project_due', 'share', 'up', NULL, NULL, NULL,
 'Projects live on the promised day or before, of those due, by the promised day. One that is not live counts as broken once the day is '
 'over; days that are not over have no value.'),
('csat_response_rate', 'Response to CSAT', 'ratio', 'event', 'survey_sent.csat_answered', 'survey_sent.csat', 'share', 'up', NULL, NULL, NULL,
 'Answers of surveys sent. Where a table holds answers only, it is 1.'),
('nps_response_rate', 'Response to NPS', 'ratio', 'event', 'survey_sent.nps_answered', 'survey_sent.nps', 'share', 'up', NULL, NULL, NULL,
 'Answers of surveys sent. Where a table holds answers only, it is 1.'),
('nps_promoters', 'Promoters', 'simple', 'event', 'nps_answer.promoters', NULL, 'count', 'up', NULL, NULL, NULL, 'Answers of 9 and 10 to NPS.'),
('nps_detractors', 'Detractors', 'simple', 'event', 'nps_answer.detractors', NULL, 'count', 'down', NULL, NULL, NULL, 'Answers of 0 to 6 to NPS.'),
('nps_answers', 'Answers to NPS', 'simple', 'event', 'nps_answer', NULL, 'count', 'up', NULL, NULL, NULL, 'Answers to NPS.'),
('nps_low', 'Net promoter score at least', 'derived', 'event',
 'greatest(-1, (nps_promoters - nps_detractors) / (nps_answers + 3) - 1.96 * sqrt(((nps_promoters + nps_detractors + 1.5) / (nps_answers + 3) - ((nps_promoters - nps_detractors) / (nps_answers + 3)) ^ 2) / (nps_answers + 3)))',
 NULL, 'share', 'up', NULL, NULL, '{nps_promoters,nps_detractors,nps_answers}',
 'Lower end of the interval of nps, 95 of 100 (adjusted Wald: three answers are added, three quarters of one each for and against, the rest between).'),
('nps_high', 'Net promoter score at most', 'derived', 'event',
 'least(1, (nps_promoters - nps_detractors) / (nps_answers + 3) + 1.96 * sqrt(((nps_promoters + nps_detractors + 1.5) / (nps_answers + 3) - ((nps_promoters - nps_detractors) / (nps_answers + 3)) ^ 2) / (nps_answers + 3)))',
 NULL, 'share', 'up', NULL, NULL, '{nps_promoters,nps_detractors,nps_answers}', 'Upper end of the interval of nps; see nps_low.'),
('sales_cycle_days_median', 'Sales cycle, median', 'percentile', 'event', 'opportunity_closed.cycle_days[won]', NULL, 'days', 'down', NULL, 0.5, NULL,
 'Median beside the mean sales_cycle_days, of the same deals. Computed from the rows.'),
('time_to_value_days', 'Time to value', 'survival', 'event', 'customer_entry.days[milestone:won,milestone:first_value]', NULL, 'days', 'down', NULL, 0.5, NULL,
 'Median days from won to first_value of those won in the period, by Kaplan and Meier: who still waits counts as waiting so long. NULL '
 'while fewer than half have it. Adds up over nothing.'),
('sales_velocity', 'Sales velocity', 'derived', 'event', 'sqls * average_deal * win_rate / sales_cycle_days', NULL, 'money', 'up', '90 days', NULL,
 '{sqls,average_deal,win_rate,sales_cycle_days}', 'Money by day: qualified leads times average deal times win rate, divided by the days a won deal takes, '
 'all four of the 90 days that end with the period, and of the same units and dimensions. Adds up over nothing.'),
('logo_churn', 'Customers lost', 'period', 'event', 'subscription.lost', 'subscription.opening', 'share', 'down', NULL, NULL, NULL,
 'Of the customers with a subscription at the end of the day before the period those without one at its end. New ones are in neither; ended_on is the '
 'first day that is not paid for.'),
('grr', 'Gross revenue retention', 'period', 'event', 'subscription.retained_amount', 'subscription.opening_amount', 'share', 'up', NULL, NULL, NULL,
 'What the customers of the opening set pay by the month at the end of the period, of each no more than before, divided by what they paid when it began. Never above 1. '
 'A changed price is a new subscription; else today''s amount counts for all days.'),
('nrr', 'Net revenue retention', 'period', 'event', 'subscription.closing_amount', 'subscription.opening_amount', 'share', 'up', NULL, NULL, NULL,
 'What the customers of the opening set pay by the month at the end of the period divided by what they paid when it began: more of the same customer counts, new ones do not.'),
('monthly_churn', 'Customers lost by the month', 'period', 'event', 'subscription.month_lost', 'subscription.month_opening', 'share', 'down', '1 year', NULL, NULL,
 'Customers lost in each month of the year that ends with the period, divided by those that each month began with.'),
('revenue_per_customer', 'Monthly revenue of a customer', 'period', 'event', 'subscription.month_amount', 'subscription.month_opening', 'money', 'up', '1 year', NULL,
 NULL, 'What customers pay by the month, over the months of the year that ends with the period.'),
('ltv', 'Lifetime value', 'derived', 'event', 'revenue_per_customer * gross_margin / nullif(monthly_churn, 0)', NULL, 'money', 'up', '1 year', NULL,
 '{revenue_per_customer,monthly_churn,gross_margin}', 'Monthly revenue of a customer times margin divided by the share lost by the month, of the year that ends with the '
 'period. NULL, and not infinite, where nobody was lost. gross_margin is set by set_kpi_parameter.'),
('revenue_per_new_customer', 'Monthly revenue of a new customer', 'ratio', 'event', 'subscription_start.amount', 'subscription_start.count', 'money', 'up', NULL, NULL, NULL,
 'What customers whose first subscription began on these days paid by the month then, divided by their number.'),
('payback_months', 'Months to pay back', 'derived', 'event', 'cac / nullif(revenue_per_new_customer * gross_margin, 0)', NULL, 'months', 'down', NULL, NULL,
 '{cac,revenue_per_new_customer,gross_margin}', 'Cost of a new customer divided by what one brings by the month times margin; gross_margin is set by set_kpi_parameter, without it '
 'there is no value.'),
('romi', 'Return on marketing', 'period', 'event', 'attribution_linear.margin - attribution_linear.spend', 'attribution_linear.spend', 'share', 'up', NULL, NULL, NULL,
 'Amount times margin of the deals won, less marketing''s spend, divided by that; by the model linear, which shares each win evenly over the touches of the 90 days before. By channel, campaign and currency; not by unit. '
 'NULL where a deal tells no margin. Another model is another formula: define_kpi.'),
('cac_paid', 'Cost of a new customer by paid channels', 'period', 'event', 'attribution_linear.paid_spend', 'attribution_linear.paid_wins', 'money', 'down', NULL, NULL, NULL,
 'Spend of the channels and campaigns that cost something divided by the wins that the model linear owes to them. By channel, campaign and currency; not by unit.');

UPDATE @extschema@.shipped_kpi k SET within_days = CASE k.kpi WHEN 'mql_to_sql' THEN 90 ELSE 0 END WHERE k.kind = 'conversion';
