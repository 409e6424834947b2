-- Who belongs where: three departments, and nine offices in three regions.
SELECT crm.set_calendar('default', 'Europe/Berlin', '{"mon": ["08:00", "18:00"], "tue": ["08:00", "18:00"],
    "wed": ["08:00", "18:00"], "thu": ["08:00", "18:00"], "fri": ["08:00", "18:00"]}');

SELECT crm.create_unit('northlight', 'Northlight');
SELECT crm.create_unit(lower(name), name, 'functional', hierarchy => 'department')
FROM unnest('{Marketing,Sales,Service}'::text[]) name;
SELECT crm.create_unit(lower(region), region, 'geographic') FROM unnest('{North,South,West}'::text[]) region;
SELECT crm.create_unit(lower(office), city, 'geographic', parent => lower(region)) FROM demo.office ORDER BY office;

SELECT crm.install_role_templates();
SELECT crm.create_principal('ingrid', 'Ingrid Dahl', role_name => 'ingrid');
SELECT crm.create_principal('luca', 'Luca Steiner', role_name => 'luca');
SELECT crm.create_principal('service-desk', 'Leads of the help desk', 'team');
SELECT crm.add_member('ingrid', 'north', 'manager');
SELECT crm.add_member('luca', 'south', 'manager');
SELECT crm.add_member('service-desk', 'northlight', 'service');
