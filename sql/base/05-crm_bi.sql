-- The schema for BI tools: plain views with base types only, each with the caller's rights applied.
CREATE SCHEMA crm_bi;
COMMENT ON SCHEMA crm_bi IS 'Views of crm for BI tools: base types only, the rights of whoever asks applied.';
GRANT USAGE ON SCHEMA crm_bi TO PUBLIC;
