-- uninstall_crm.sql: takes crm off every table in plain SQL, where the library is missing or broken. Run it as superuser:
--   psql -v ON_ERROR_STOP=1 -d DATABASE -f "$(pg_config --sharedir)/extension/uninstall_crm.sql"
-- It drops the triggers, policies and functions that crm made on your tables, puts ROW SECURITY and FORCE back as they
-- were, and drops the extension. No row of a table is touched. All or nothing.
BEGIN;
DO $$
DECLARE
    home name := (SELECT n.nspname FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
                  WHERE e.extname = 'crm');
    each pg_catalog.record;
BEGIN
    IF home IS NULL THEN
        RAISE EXCEPTION 'extension crm is not installed in this database';
    END IF;
    -- event triggers first: their functions live in the library
    FOR each IN SELECT t.evtname FROM pg_catalog.pg_event_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.evtfoid
                JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = home LOOP
        EXECUTE pg_catalog.format('ALTER EVENT TRIGGER %I DISABLE', each.evtname);
    END LOOP;
    FOR each IN SELECT t.tgname, t.tgrelid::pg_catalog.regclass AS relation
                FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
                JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
                WHERE n.nspname = home AND NOT t.tgisinternal AND t.tgparentid = 0
                  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                                                                     AND d.objid = t.tgrelid AND d.deptype = 'e') LOOP
        EXECUTE pg_catalog.format('DROP TRIGGER %I ON %s', each.tgname, each.relation);
    END LOOP;
    -- views of masked columns, and the rights to SELECT as they were
    FOR each IN EXECUTE pg_catalog.format('SELECT m.view, m.relation FROM %I.masking m JOIN pg_catalog.pg_class c ON c.oid = m.relation', home) LOOP
        IF EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = each.view) THEN
            EXECUTE pg_catalog.format('DROP VIEW %s', each.view);
        END IF;
        EXECUTE pg_catalog.format('REVOKE SELECT ON %s FROM crm_masking', each.relation);
    END LOOP;
    FOR each IN EXECUTE pg_catalog.format('SELECT g.* FROM %I.masked_grant g JOIN pg_catalog.pg_class c ON c.oid = g.member '
                                          'WHERE g.grantee IS NULL OR g.grantee IN (SELECT r.rolname FROM pg_catalog.pg_roles r) '
                                          'ORDER BY g."column" NULLS FIRST', home) LOOP
        IF each."column" IS NULL THEN
            EXECUTE pg_catalog.format('REVOKE SELECT ON %s FROM %s', each.member, COALESCE(pg_catalog.quote_ident(each.grantee), 'PUBLIC'));
        END IF;
        EXECUTE pg_catalog.format('GRANT SELECT %s ON %s TO %s%s', '(' || pg_catalog.quote_ident(each."column") || ')', each.member,
                                  COALESCE(pg_catalog.quote_ident(each.grantee), 'PUBLIC'),
                                  CASE WHEN each.grantable THEN ' WITH GRANT OPTION' ELSE '' END);
    END LOOP;
    -- policies and the state of row security before protect()
    FOR each IN SELECT p.polname, p.polrelid::pg_catalog.regclass AS relation FROM pg_catalog.pg_policy p
                WHERE EXISTS (SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_proc f ON f.oid = d.refobjid
                              JOIN pg_catalog.pg_namespace n ON n.oid = f.pronamespace
                              WHERE d.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass AND d.objid = p.oid
                                AND d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND n.nspname = home) LOOP
        EXECUTE pg_catalog.format('DROP POLICY %I ON %s', each.polname, each.relation);
    END LOOP;
    FOR each IN EXECUTE pg_catalog.format('SELECT m.member AS relation, m.row_security, m.force_row_security '
                                          'FROM %I.protection_member m JOIN pg_catalog.pg_class c ON c.oid = m.member', home) LOOP
        EXECUTE pg_catalog.format('ALTER TABLE %s %s ROW LEVEL SECURITY, %s ROW LEVEL SECURITY', each.relation,
                                  CASE WHEN each.row_security THEN 'ENABLE' ELSE 'DISABLE' END,
                                  CASE WHEN each.force_row_security THEN 'FORCE' ELSE 'NO FORCE' END);
    END LOOP;
    -- the mappings
    FOR each IN SELECT p.oid::pg_catalog.regprocedure AS routine
                FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
                WHERE n.nspname = home AND p.proname LIKE 'map\_%'
                  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
                                                                     AND d.objid = p.oid AND d.deptype = 'e') LOOP
        EXECUTE pg_catalog.format('DROP FUNCTION %s', each.routine);
    END LOOP;
    -- Not CASCADE: a column of a type of crm is the team's, and stops here with its name.
    DROP EXTENSION crm;
END
$$;
COMMIT;
