-- A database with the extension, from which every test makes a fresh one (fresh.sql).
CREATE DATABASE crm_template;
\c crm_template
CREATE SCHEMA crm;
CREATE EXTENSION crm SCHEMA crm;
SELECT extname, extversion, n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE extname = 'crm';
\c postgres
