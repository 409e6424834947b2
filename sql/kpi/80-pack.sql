-- The KPI pack: what every organisation asks for, defined on milestones and outcomes. Always there; a KPI reads as soon as
-- tables with its entities are adopted.

INSERT INTO @extschema@.shipped_component (component, entity, day, filter, sums, needs, undated, description) VALUES
('stage_entry', 'stage_entry', 'at', 'first_entry', '{}', '{}', 'skip',
 'records entering a stage for the first time'),
('opportunity_closed', 'opportunity', 'closed_at', 'closed_at IS NOT NULL',
 '{"amount": "amount",
   "cycle_days": "CASE WHEN isfinite(created_at) AND isfinite(closed_at) AND closed_at >= created_at THEN extract(epoch FROM closed_at - created_at) / 86400 END",
   "cycle_count": "CASE WHEN isfinite(created_at) AND isfinite(closed_at) AND closed_at >= created_at THEN 1 END"}',
 '{closed_at}', 'skip', 'deals by the day they closed; cycles with both dates, negative ones left out'),
('opportunity_created', 'opportunity', 'created_at', NULL, '{"amount": "amount"}', '{}', 'beginning',
 'deals by the day they were created'),
('opportunity_ended', 'opportunity', 'greatest(CASE WHEN created_at < ''infinity'' THEN created_at END, closed_at)', 'closed_at < ''infinity''',
 '{"amount": "amount"}', '{}', 'beginning', 'deals by the day they closed, not before the day they were created'),
('opportunity_undated', 'opportunity', 'created_at', 'closed_at IS NULL OR closed_at = ''infinity''', '{"amount": "amount"}', '{}', 'beginning',
 'deals without a day of close, by the day they were created'),
('ticket_opened', 'ticket', 'coalesce(opened_at, created_at)', NULL, '{}', '{}', 'beginning', 'tickets by the day they were opened'),
('ticket_ended', 'ticket', 'greatest(CASE WHEN coalesce(opened_at, created_at) < ''infinity'' THEN coalesce(opened_at, created_at) END, resolved_at)',
 'resolved_at < ''infinity''', '{}', '{}', 'beginning', 'tickets by the day they were resolved, not before the day they were opened'),
('ticket_undated', 'ticket', 'coalesce(opened_at, created_at)', 'resolved_at IS NULL OR resolved_at = ''infinity''', '{}', '{}', 'beginning',
 'tickets without a day of resolution, by the day they were opened'),
('ticket_resolved', 'ticket', 'resolved_at', 'resolved_at IS NOT NULL',
 '{"reopened": "CASE WHEN reopened_count > 0 THEN 1 WHEN reopened_count IS NOT NULL THEN 0 END"}',
 '{resolved_at}', 'skip', 'tickets by the day they were resolved'),
('clock_responded', 'clock', 'first_stop_at', 'clock = ''first_response'' AND first_used IS NOT NULL',
 '{"minutes": "extract(epoch FROM first_used) / 60"}', '{first_response_at}', 'skip',
 'tickets by the day of the first reply, with the working minutes it took'),
('clock_first_resolved', 'clock', 'first_stop_at', 'clock = ''resolution'' AND first_used IS NOT NULL',
 '{"hours": "extract(epoch FROM first_used) / 3600"}', '{resolved_at}', 'skip',
 'tickets by the day they were resolved for the first time, with the working hours it took'),
('clock_resolved', 'clock', 'stopped_at', 'clock = ''resolution'' AND stopped_at IS NOT NULL AND used IS NOT NULL',
 '{"hours": "extract(epoch FROM used) / 3600"}', '{resolved_at}', 'skip',
 'tickets that are resolved by the day of it, the last one where they were reopened, with the working hours it took'),
('clock_ended', 'clock', 'due_at', 'target IS NOT NULL AND used IS NOT NULL AND stopped_at IS NOT NULL AND due_at IS NOT NULL',
 '{"met": "CASE WHEN stopped_at <= due_at THEN 1 ELSE 0 END"}', '{}', 'skip', 'clocks of service levels that ended, not before they began, by the day they were due'),
('clock_running', 'clock', 'due_at', 'target IS NOT NULL AND stopped_at IS NULL AND due_at IS NOT NULL', '{}', '{}', 'skip',
 'clocks of service levels that are overdue and still open, by the day they were due'),
('spend', 'spend', 'on_date', NULL,
 '{"amount": "amount", "marketing": "CASE WHEN kind IS NULL OR lower(kind) = ''marketing'' THEN amount END",
   "acquisition": "CASE WHEN kind IS NULL OR lower(kind) IN (''marketing'', ''sales'') THEN amount END"}',
 '{on_date,amount}', 'skip', 'money spent; spend without a kind is marketing''s'),
('survey_answer', 'survey', 'at', 'score IS NOT NULL',
 '{"csat_answers": "CASE WHEN lower(kind) = ''csat'' THEN 1 END",
   "csat_satisfied": "CASE WHEN lower(kind) = ''csat'' AND score >= 4 THEN 1 END",
   "nps_answers": "CASE WHEN lower(kind) = ''nps'' THEN 1 END",
   "nps_balance": "CASE WHEN lower(kind) = ''nps'' THEN CASE WHEN score >= 9 THEN 1 WHEN score <= 6 THEN -1 ELSE 0 END END"}',
 '{at,kind,score}', 'skip', 'answers to surveys, csat from 1 to 5 and nps from 0 to 10');

INSERT INTO @extschema@.shipped_kpi (kpi, label, kind, date_kind, numerator, denominator, measured_in, direction, description)
VALUES
('leads', 'Leads', 'simple', 'event', 'stage_entry[milestone:lead] - repeated_entry[milestone:lead]', NULL, 'count', 'up',
 'Subjects that entered the milestone lead for the first time. Customers that several records mean count once, where funnels are about customers '
 'or leads: at the first of them; a link moves the fact.'),
('mqls', 'Marketing-qualified leads', 'simple', 'event', 'stage_entry[milestone:mql] - repeated_entry[milestone:mql]', NULL, 'count', 'up',
 'First entries to the milestone mql.'),
('sals', 'Sales-accepted leads', 'simple', 'event', 'stage_entry[milestone:sal] - repeated_entry[milestone:sal]', NULL, 'count', 'up',
 'First entries to the milestone sal: accepted by sales, not merely offered.'),
('sqls', 'Sales-qualified leads', 'simple', 'event', 'stage_entry[milestone:sql] - repeated_entry[milestone:sql]', NULL, 'count', 'up',
 'First entries to the milestone sql: qualified in talk.'),
('won_count', 'Deals won', 'simple', 'event', 'opportunity_closed[won]', NULL, 'count', 'up',
 'Deals by day of close whose stage is won, or follows the win. Reopened and won again counts once, at the latest close.'),
('won_value', 'Won value', 'simple', 'event', 'opportunity_closed.amount[won]', NULL, 'money', 'up',
 'Amount of won deals by day of close.'),
('win_rate', 'Win rate', 'ratio', 'event', 'opportunity_closed[won]', 'opportunity_closed[won,lost]', 'share', 'up',
 'Won divided by won and lost, by day of close; open deals do not count.'),
('win_rate_value', 'Win rate by value', 'ratio', 'event', 'opportunity_closed.amount[won]',
 'opportunity_closed.amount[won,lost]', 'share', 'up', 'Amount won divided by amount won and lost.'),
('average_deal', 'Average deal', 'ratio', 'event', 'opportunity_closed.amount[won]', 'opportunity_closed[won]', 'money', 'up',
 'Amount of won deals divided by their number.'),
('sales_cycle_days', 'Sales cycle', 'ratio', 'event', 'opportunity_closed.cycle_days[won]', 'opportunity_closed.cycle_count[won]',
 'days', 'down', 'Days from creation to close of won deals that have both dates; negative ones are left out.'),
('open_pipeline', 'Open pipeline', 'simple', 'stock',
 'opportunity_created.amount - opportunity_ended.amount[won,lost,unknown] - opportunity_undated.amount[won,lost]', NULL, 'money',
 'up', 'Amount open at the end of a day: created by then (without a date: from the beginning) and not closed by then. A deal '
 'whose stage is open now is open whatever its day of close; one that is won or lost without a day of close is left out; where '
 'no funnel knows the stage the day of close decides. By today''s stage and amount, not those of the day.'),
('first_response_minutes', 'First response', 'ratio', 'event', 'clock_responded.minutes', 'clock_responded', 'minutes', 'down',
 'Working minutes from opened to first reply, by day of the reply: of the calendar of the ticket''s service level, else of "default", or all '
 'minutes where that has no hours. Where robots reply, map first_response_at to the reply of a person; tickets that service opened itself '
 'are left out by a service level with timed => false.'),
('ticket_backlog', 'Ticket backlog', 'simple', 'stock',
 'ticket_opened - ticket_ended[won,lost,unknown] - ticket_undated[won,lost]', NULL, 'count', 'down',
 'Tickets open at the end of a day, by the same rules as open_pipeline.'),
('resolution_hours', 'Resolution time', 'ratio', 'event', 'clock_first_resolved.hours', 'clock_first_resolved', 'hours', 'down',
 'Working hours from opened to first resolved, by day of that: of the calendar of the ticket''s service level, else of "default", without stages '
 'in which that pauses, else without stages of the kind waiting.'),
('resolution_hours_total', 'Resolution time with reopening', 'ratio', 'event', 'clock_resolved.hours', 'clock_resolved', 'hours', 'down',
 'The same from opened to last resolved, by day of that, without the time between resolution and reopening; of tickets that are resolved now.'),
('sla_attainment', 'Service levels kept', 'ratio', 'event', 'clock_ended.met', 'clock_ended + clock_running', 'share', 'up',
 'Clocks that stopped by the time they were due, divided by those and all that did not, stopped or still open, by the day they were due. A clock '
 'keeps the version of its service level that held when it started.'),
('reopen_rate', 'Reopen rate', 'ratio', 'event', 'ticket_resolved.reopened', 'ticket_resolved', 'share', 'down',
 'Tickets that were reopened at least once, of those resolved, by day of resolution.'),
('marketing_spend', 'Marketing spend', 'simple', 'event', 'spend.marketing', NULL, 'money', 'down',
 'Spend of marketing by day. Not converted: several currencies together read NULL.'),
('cost_per_lead', 'Cost per lead', 'ratio', 'event', 'spend.marketing', 'stage_entry[milestone:lead] - repeated_entry[milestone:lead]', 'money', 'down',
 'Marketing spend divided by leads, of which a customer counts once.'),
('csat', 'Customer satisfaction', 'ratio', 'event', 'survey_answer.csat_satisfied', 'survey_answer.csat_answers', 'share', 'up',
 'Answers of 4 and 5 of 5, divided by answers.'),
('nps', 'Net promoter score', 'ratio', 'event', 'survey_answer.nps_balance', 'survey_answer.nps_answers', 'share', 'up',
 'Promoters (9, 10) minus detractors (0 to 6), divided by answers; 1 is 100 points.');

CREATE FUNCTION @extschema@.install_kpi_pack() RETURNS TABLE (kpi text, label text, state text)
    LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT k.kpi, k.label, coalesce(s.state, 'not available') FROM shipped_kpi k LEFT JOIN kpi_state() s USING (kpi) ORDER BY 1
$$;
COMMENT ON FUNCTION @extschema@.install_kpi_pack() IS
'Lists the KPIs of the pack, which is always installed, with the state of each: ready, filling, broken, no_milestone, '
'not_mapped, or not available because no table with its entities is adopted.';
SELECT @extschema@.set_audience('install_kpi_pack()', 'admin');
