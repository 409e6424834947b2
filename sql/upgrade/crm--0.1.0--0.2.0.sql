\echo Use "ALTER EXTENSION crm UPDATE TO '0.2.0'" to load this file. \quit
-- What a change of sql/ROOM changes, in the order of the changes: tests/tap/upgrade.pl compares what comes of it with a fresh install.
