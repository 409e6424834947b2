-- The part of the pack that is about goals, budgets, forecasts and the chances of deals: see 58-item.sql.

INSERT INTO @extschema@.shipped_component (component, entity, day, filter, sums, needs, kept, description) VALUES
('open_deal', 'opportunity', 'the end of the period', 'open then', '{"weighted": "amount times the chance of a win from its stage"}', '{amount}', true,
 'deals open at the end of the period, by their stage then'),
('goal_pipeline', 'opportunity', 'the end of the period', 'goals of won_value in the period that run at its end',
 '{"expected": "amount of open deals expected to close in the days of the goal", "rest": "amount of the target that is not won yet"}', '{amount,expected_close_on}', true,
 'open deals against what is still to be won'),
('budget_month', 'spend', 'the month', 'months of the plan budget, version current',
 '{"spent": "amount spent by marketing", "budget": "amount that may be spent"}', '{on_date,amount}', true, 'marketing''s spend and its budget'),
('goal', 'goal', 'the period of the goal', 'goals whose days lie in the period', '{"attained": "what was attained", "expected": "what the target asks for by then"}', '{}', true,
 'goals at the end of the period; where lower is better the other way round'),
('forecast', 'forecast', 'the end of the forecast period', 'the first forecast of each period',
 '{"right": "the actual, less how far the forecast was off", "actual": "the actual"}', '{}', true, 'forecasts of periods that are over');

INSERT INTO @extschema@.shipped_kpi (kpi, label, kind, date_kind, numerator, denominator, measured_in, direction, description)
VALUES
('weighted_pipeline', 'Weighted pipeline', 'period', 'stock', 'open_deal.weighted', NULL, 'money', 'up',
 'Amount of the deals open at the end of the period times the chance of a win from the stage in which they stood, given or learned (crm_bi.weighted_pipeline says which '
 'learning it was). By today''s amounts and chances. Never added up over time. NULL with state no_probability where an open deal stands in a stage without a chance. By unit, stage and currency.'),
('pipeline_coverage', 'Pipeline coverage', 'period', 'stock', 'goal_pipeline.expected', 'goal_pipeline.rest', 'times', 'up',
 'Open deals expected to close in the days of a goal, divided by what is still to be won, of goals of won_value in the period that run at its end, or today. '
 'NULL with state reached where nothing is left to be won. By the unit of the goal.'),
('budget_used', 'Budget used', 'period', 'event', 'budget_month.spent', 'budget_month.budget', 'share', 'down',
 'What marketing spent, divided by what it may spend in the whole month, of the months in the period; of the plan budget, version current. A budget of zero has no value. '
 'In the home currency where one is set. By the unit of the plan.'),
('goal_attainment', 'Goal attainment', 'period', 'event', 'goal.attained', 'goal.expected', 'share', 'up',
 'What was attained until the end of the period divided by what the target asks for by then (of what adds up over time in proportion to working days, else on the way from the baseline), '
 'or the other way round where lower is better, of goals whose days lie in the period (where it ends today, such as quarter to date, that began in it). Goals of one KPI that adds up are added up, of others it is the mean: the numerator is the '
 'sum of their attainments then, the denominator how many. A target of zero has no value. By the unit of the goal.'),
('forecast_accuracy', 'Forecast accuracy', 'period', 'event', 'forecast.right', 'forecast.actual', 'share', 'up',
 '1 less how far the first forecast of a period was off, divided by the actual, by the day the period ended; below zero where it was off by more than the actual. '
 'Periods of one KPI that adds up are added up first, of several KPIs it is the mean. An actual of zero has no value. Bias stands in crm_bi.forecast_accuracy. By the unit of the forecast.');
