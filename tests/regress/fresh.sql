\set QUIET on
\set ECHO none
\set SHOW_CONTEXT never
\c postgres
SET client_min_messages = warning;
DROP DATABASE IF EXISTS scratch WITH (FORCE);
CREATE DATABASE scratch TEMPLATE crm_template;
\c scratch
\set QUIET off
\set ECHO all
