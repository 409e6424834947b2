-- One way from the first visit to the renewal. Each stage belongs to a department; milestones say what KPIs count.
SELECT crm.create_funnel('journey', 'customer', '[
    {"key": "visitor",     "department": "marketing", "milestone": "visitor"},
    {"key": "lead",        "department": "marketing", "milestone": "lead"},
    {"key": "mql",         "department": "marketing", "milestone": "mql", "label": "Marketing qualified"},
    {"key": "accepted",    "department": "sales",     "milestone": "sal"},
    {"key": "qualified",   "department": "sales",     "milestone": "sql"},
    {"key": "proposal",    "department": "sales",     "milestone": "opportunity"},
    {"key": "won",         "department": "sales",     "milestone": "won"},
    {"key": "kick_off",    "department": "service",   "kind": "after_win", "label": "Kick-off"},
    {"key": "live",        "department": "service",   "milestone": "live"},
    {"key": "first_value", "department": "service",   "milestone": "first_value", "label": "First saving"},
    {"key": "renewed",     "department": "service",   "milestone": "renewed"},
    {"key": "lost",        "department": "sales",     "milestone": "lost"},
    {"key": "cancelled",   "department": "service",   "milestone": "churned"}]');

-- Sales counts its deals in a funnel of its own, by the present stage of each; the journey reads the history.
SELECT crm.create_funnel('sales', 'opportunity', '[
    {"key": "accepted", "department": "sales"},
    {"key": "qualified", "department": "sales"},
    {"key": "proposal", "department": "sales"},
    {"key": "won", "department": "sales", "milestone": "won"},
    {"key": "lost", "department": "sales", "milestone": "lost"}]');
