-- Everything of the oracle, into a database that has the extension in schema crm and nothing else in use.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
\ir model.sql
\ir chance.sql
\ir organisation.sql
\ir tables.sql
\ir disturb.sql
\ir statements.sql
\ir outcome.sql
\ir run.sql
\ir sessions.sql
\ir alert.sql
SELECT oracle.make_askers();
SELECT oracle.learn_condition_first();
SELECT crm.rotate_token_key() IS NOT NULL AS has_token_key;
