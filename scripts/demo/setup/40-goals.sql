-- What the departments aim at together, for the year that ends today, and their plans for the coming months.
SELECT crm.set_goal('revenue', 'won_value', 8000000, current_date - 364, current_date, accountable => 'ingrid',
                    departments => '{"marketing": 0.3, "sales": 0.5, "service": 0.2}');
SELECT crm.set_goal('win rate', 'win_rate', 0.25, current_date - 89, current_date, departments => '{"marketing": 0.4, "sales": 0.6}');
SELECT crm.set_goal('leads', 'leads', 11000, current_date - 364, current_date, departments => '{"marketing": 1}');
SELECT crm.set_goal('sales cycle', 'sales_cycle_days', 42, current_date - 89, current_date, departments => '{"sales": 1}');
SELECT crm.set_goal('first response', 'first_response_minutes', 45, current_date - 29, current_date, departments => '{"service": 1}');
SELECT crm.set_goal('backlog', 'ticket_backlog', 600, current_date, current_date, departments => '{"service": 0.8, "sales": 0.2}');

SELECT crm.set_plan('sales', (date_trunc('month', current_date) + n * interval '1 month')::date, 700000 + 60000 * n),
       crm.set_plan('marketing', (date_trunc('month', current_date) + n * interval '1 month')::date, 1200)
FROM generate_series(1, 4) n;
