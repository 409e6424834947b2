-- What the columns of three departments mean. Nothing is moved or changed.
SELECT * FROM crm.adopt('marketing.campaigns', 'campaign', department => 'marketing', columns => '{
    "name": "title", "channel": "channel", "starts_on": "starts", "ends_on": "ends", "budget": "budget"}');
SELECT * FROM crm.adopt('marketing.contacts', 'lead', department => 'marketing', columns => '{
    "kind": "''person''", "full_name": "full_name", "email": "email", "phone": "mobile", "stage": "lifecycle",
    "campaign": "campaign", "channel": "source", "unit": "territory", "created_at": "created_at"}');
SELECT * FROM crm.adopt('marketing.lifecycle_log', 'stage_change', department => 'marketing', funnel => 'journey', columns => '{
    "record": {"column": "contact_id", "of": "marketing.contacts"}, "stage": "stage", "at": "at"}');
SELECT * FROM crm.adopt('marketing.touches', 'touch', department => 'marketing', columns => '{
    "customer": "contact_id", "at": "happened_at", "channel": "channel", "campaign": "campaign", "kind": "kind"}');
SELECT * FROM crm.adopt('marketing.spend', 'spend', department => 'marketing', columns => '{
    "on_date": "day", "campaign": "campaign", "amount": "amount_eur",
    "kind": "''marketing''", "currency": "''EUR''"}');
SELECT * FROM crm.adopt('sales.accounts', 'customer', department => 'sales', columns => '{
    "kind": "''organisation''", "company": "name", "tax_id": "vat_id", "website": "website", "phone": "phone",
    "city": "city", "country": "country"}');
SELECT * FROM crm.adopt('sales.people', 'customer', department => 'sales', columns => '{
    "kind": "''person''", "given_name": "first_name", "family_name": "last_name", "email": "mail", "phone": "phone",
    "parent": "account_no"}');
SELECT * FROM crm.adopt('sales.deal_history', 'stage_change', department => 'sales', funnel => 'journey', columns => '{
    "record": {"column": "deal_no", "of": "sales.deals"}, "stage": "status", "at": "changed", "by": "changed_by"}');
SELECT * FROM crm.adopt('service.companies', 'customer', department => 'service', columns => '{
    "kind": "''organisation''", "company": "name", "tax_id": "vat", "phone": "phone", "city": "town"}');
SELECT * FROM crm.adopt('service.clients', 'customer', department => 'service', columns => '{
    "kind": "''person''", "full_name": "name", "email": "login", "phone": "phone", "parent": "company_no",
    "unit": "office", "created_at": "since"}');
SELECT * FROM crm.adopt('service.onboardings', 'project', department => 'service', columns => '{
    "customer": "client_no", "stage": "phase_id", "started_at": "started", "promised_on": "promised", "live_at": "live",
    "unit": "office"}');
SELECT * FROM crm.adopt('service.onboarding_log', 'stage_change', department => 'service', funnel => 'journey', columns => '{
    "record": {"column": "onboarding_id", "of": "service.onboardings"}, "stage": "phase_id", "at": "entered"}');
SELECT * FROM crm.adopt('service.subscriptions', 'subscription', department => 'service', columns => '{
    "customer": "client_no", "product": "product", "started_on": "from_day", "ended_on": "to_day",
    "monthly_amount": "monthly_eur", "currency": "''EUR''"}');
SELECT * FROM crm.adopt('service.tickets', 'ticket', department => 'service', columns => '{
    "customer": "client_no", "subject": "subject", "channel": "channel", "stage": "state", "priority": "priority",
    "opened_at": "opened", "created_at": "opened", "first_response_at": "first_reply", "resolved_at": "solved", "unit": "office"}');
