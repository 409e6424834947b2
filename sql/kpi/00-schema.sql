-- The schema that BI tools read: base types only, no rows past the viewer's rights.
CREATE SCHEMA crm_bi;
COMMENT ON SCHEMA crm_bi IS
'Plain views and functions for BI tools: KPIs, goals and dimensions, filtered by the rights of who asks.';
GRANT USAGE ON SCHEMA crm_bi TO PUBLIC;
