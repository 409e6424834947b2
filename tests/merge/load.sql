-- A hostile team: tables with everything that makes merging rows hard, and chance to fill and edit them. Loaded into a
-- database that has the extension in schema crm.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
\ir schema.sql
\ir chance.sql
\ir grow.sql
\ir check.sql
INSERT INTO chance.target (relation)
SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname IN ('hostile', 'Other.Schéma "2"') AND c.relkind IN ('r', 'p') AND NOT c.relispartition
ORDER BY c.oid;
SELECT crm.register_reference('"Other.Schéma ""2""".soft', 'Kunde', 'hostile."Kunde"') \g /dev/null
