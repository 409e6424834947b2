-- Comments on the columns of crm_bi that BI tools show: a word means the same in every view. Columns that a view
-- comments itself keep that.
DO $$
DECLARE
    each record;
BEGIN
    FOR each IN
        SELECT c.oid::regclass AS relation, a.attname, w.meaning
        FROM (VALUES
            ('accountable', 'The principal who answers for the goal.'),
            ('actual', 'The KPI so far in the goal''s period.'),
            ('additive', 'Whether value may be added up over days.'),
            ('amount', 'Money, in the row''s currency.'),
            ('anonymous_id', 'Who it was, where nobody knows yet.'),
            ('at', 'When it happened.'),
            ('attainment', 'Actual of target; target of actual where lower is better.'),
            ('breached', 'Whether the clock ran out.'),
            ('budget', 'Money planned, in the row''s currency.'),
            ('campaign', 'Key of the campaign.'),
            ('category', 'Group of products.'),
            ('channel', 'How the contact came about.'),
            ('clock', 'What is timed.'),
            ('closed_at', 'When the deal was won or lost.'),
            ('cost', 'What the contact cost.'),
            ('country', 'Country.'),
            ('created_at', 'When the record began.'),
            ('currency', 'Currency; amounts of several are never added.'),
            ('customer_id', 'The customer that the record was linked to; NULL until then.'),
            ('day', 'The day, in the organisation''s time zone.'),
            ('day_of_week', '1 Monday to 7 Sunday.'),
            ('denominator', 'What numerator is divided by; NULL where value is no ratio.'),
            ('departments', 'Departments that share the goal.'),
            ('direction', 'Where better is, up or down; of a transition: first, forward, skip, back or reenter.'),
            ('due_at', 'When the clock runs out.'),
            ('elapsed', 'Share of the period that is over, from 0 to 1.'),
            ('ends_on', 'Last day.'),
            ('expected_close_on', 'When the deal is expected to close.'),
            ('first_entry', 'Whether the record was never in the stage before.'),
            ('first_response_at', 'First reply of a person.'),
            ('from_stage', 'The stage that was left; NULL for the first.'),
            ('funnel', 'Key of the funnel.'),
            ('goal_key', 'Key of the goal.'),
            ('iso_week', 'ISO week, 1 to 53.'),
            ('iso_year', 'The year that the ISO week belongs to.'),
            ('kind', 'Kind, as the team writes it; of a customer person or organisation.'),
            ('kpi_key', 'Key of the KPI.'),
            ('label', 'Name for people.'),
            ('list_price', 'Price before discounts.'),
            ('live_at', 'When the customer went live.'),
            ('lost_reason', 'Why the deal was lost.'),
            ('mature', 'False for a cohort too young to judge.'),
            ('milestone', 'Milestone of the present stage.'),
            ('month', '1 to 12.'),
            ('month_start', 'First day of the month.'),
            ('name', 'Name.'),
            ('numerator', 'Sum that value is made of; add it up before dividing.'),
            ('on_date', 'The day of the spend.'),
            ('on_track', 'Whether actual keeps pace with the time elapsed.'),
            ('opened_at', 'When the ticket was opened.'),
            ('owner', 'Who owns the record, as the team writes it.'),
            ('owners', 'Principals who own the goal.'),
            ('pace', 'Attainment against the share of the period that is over; 1 is on pace.'),
            ('paused', 'Whether the clock stands still.'),
            ('priority', 'Priority, as the team writes it.'),
            ('product', 'Key of the product, as the record has it.'),
            ('promised_on', 'The day that was promised.'),
            ('quarter', '1 to 4.'),
            ('quarter_start', 'First day of the quarter.'),
            ('record_key', 'Key of the record in its table; a JSON array where it has several columns.'),
            ('relation', 'The team''s table.'),
            ('remaining', 'Working time left.'),
            ('reopened_count', 'How often the ticket was opened again.'),
            ('resolved_at', 'When the ticket was resolved.'),
            ('satisfaction', 'Satisfaction that the customer gave.'),
            ('segment', 'Segment, as the team writes it.'),
            ('since', 'First day.'),
            ('stage', 'Key of the present stage, or the team''s own value where no funnel knows it.'),
            ('started_at', 'When the work began.'),
            ('starts_on', 'First day.'),
            ('state', 'Whether there is a value, and why not.'),
            ('supports_unit', 'The sales unit that the campaign works for.'),
            ('target', 'What is to be reached.'),
            ('to_stage', 'The stage that was entered; NULL where no funnel knows it.'),
            ('unit_key', 'The unit; join dim_unit, or dim_unit_path for those above it.'),
            ('until', 'Last day.'),
            ('value', 'Numerator divided by denominator; never average it.'),
            ('version', 'Version of the KPI''s definition.'),
            ('week_start', 'Monday of the week.'),
            ('year', 'Year.')) AS w (word, meaning)
        JOIN pg_catalog.pg_attribute a ON a.attname = w.word AND a.attnum > 0
        JOIN pg_catalog.pg_class c ON c.oid = a.attrelid AND c.relkind = 'v'
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'crm_bi'
        WHERE pg_catalog.col_description(c.oid, a.attnum) IS NULL
    LOOP
        EXECUTE pg_catalog.format('COMMENT ON COLUMN %s.%I IS %L', each.relation, each.attname, each.meaning);
    END LOOP;
END
$$;
