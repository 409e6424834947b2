-- One way from the first visit to the renewal. Each stage belongs to a department; milestones say what KPIs count.
SELECT crm.create_funnel('journey', 'customer', '[
    {"key": "visitor",     "department": "marketing", "milestone": "visitor"},
    {"key": "lead",        "department": "marketing", "milestone": "lead"},
    {"key": "mql",         "department": "marketing", "milestone": "mql", "label": "Marketing qualified"},
    {"key": "accepted",    "department": "sales",     "milestone": "sal"},
    {"key": "qualified",   "department": "sales",     "milestone": "sql"},
    {"key": "proposal",    "department": "sales",     "milestone": "opportunity"},
    {"key": "won",         "department": "sales",     "milestone": "won"},
    {"key": "kick_off",    "department": "service",   "kind": "after_win", "label": "Kick-off", "aliases": ["10"]},
    {"key": "live",        "department": "service",   "milestone": "live", "aliases": ["20"]},
    {"key": "first_value", "department": "service",   "milestone": "first_value", "label": "First saving", "aliases": ["30"]},
    {"key": "renewed",     "department": "service",   "milestone": "renewed", "aliases": ["40"]},
    {"key": "lost",        "department": "sales",     "milestone": "lost"},
    {"key": "cancelled",   "department": "service",   "milestone": "churned", "aliases": ["90"]}]');
