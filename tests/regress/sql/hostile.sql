-- What calls from everywhere (tests/tap/hostile.pl) once did worse to than refuse: ended the server, never ended, raised an internal error, let pass.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set VERBOSITY terse
CREATE TABLE deal (id integer PRIMARY KEY, other integer);
CREATE ROLE regress_hostile_plain;

-- ended the server
SELECT crm.golden_attributes(NULL) IS NULL AS nothing;
SELECT crm.act_as(NULL, NULL, NULL, NULL, NULL);
SELECT crm.merge_rows(NULL, NULL, VARIADIC NULL);
SELECT count(*) AS rows FROM crm.kpi_facts(NULL, NULL, NULL, NULL, NULL, NULL);
SELECT crm.attribution_shares(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
SELECT crm.attribution_shares('linear', '1 day', '{1,2}', NULL, NULL, 1, false, 1, NULL, 1, 1, 1, '2026-01-01', 'a', 'b', 'c', false, false);
SELECT crm.attribution_shares('linear', '1 day', '{1,2,3}', NULL, NULL, 1, false, NULL, NULL, 1, 1, 1, '2026-01-01', 'a', 'b', 'c', false, false);

-- never ended
SELECT * FROM crm.kpi_spans('day', '2026-01-01', 'infinity');
SELECT * FROM crm.kpi_spans('day', '2026-01-01', '5874897-12-31');
SELECT * FROM crm.kpi_spans('total', '2026-01-01', 'infinity');
SELECT * FROM crm.lease_deliveries(NULL, NULL, NULL, '-infinity', 0);

-- let pass: whoever names no table is owner of none
SET ROLE regress_hostile_plain;
SELECT crm.require_owner(NULL);
SELECT crm.require_owner(0::oid::regclass);
SELECT crm.remove_redirect(NULL);
SELECT crm.install_redirect(NULL, NULL);
RESET ROLE;

-- raised an internal error, or one about the text of a statement within
SELECT crm.retention_step(NULL, VARIADIC '{true}');
SELECT crm.row_key('{NULL}', '{}');
SELECT crm.row_list(NULL, NULL, NULL, NULL);
SELECT crm.report_as(NULL, NULL, NULL, NULL, NULL, NULL, NULL);
SELECT * FROM crm.kpi_facts('{}', NULL, NULL, '{2026-01-02,2026-01-01}', NULL, NULL);
SELECT crm.change_as_owner('deal', '  ');
SELECT crm.change_as_owner(0::oid::regclass, 'DELETE FROM deal');
SELECT crm.recompute(4294967295::oid::regclass);
SELECT crm.capture_changed(1::oid::regclass);
SELECT crm.read_as_owner('deal', '');
\set VERBOSITY sqlstate
SELECT crm.set_erasure_key(repeat('x', 5000));
\set VERBOSITY terse
SELECT crm.grant_admin(0::oid::regrole);
SELECT crm.grant_daemon(NULL);
SELECT * FROM crm.grant_reader(4294967295::oid::regrole);
SELECT crm.set_calendar(NULL, 'UTC');
SELECT crm.set_calendar('desk', 'UTC', NULL);
SELECT crm.set_calendar('desk', NULL);
SELECT crm.install_redirect('deal', NULL);
DROP ROLE regress_hostile_plain;
