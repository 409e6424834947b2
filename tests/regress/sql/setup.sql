-- A database with the extension, from which every test makes a fresh one (fresh.sql).
CREATE DATABASE crm_template TEMPLATE template0 ENCODING 'UTF8';
\c crm_template
CREATE SCHEMA crm;
CREATE EXTENSION crm SCHEMA crm;
SELECT extname, extversion ~ '^\d+\.\d+\.\d+$' AS released FROM pg_extension WHERE extname = 'crm';
\c postgres
