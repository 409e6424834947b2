-- What doctor says about rights of Postgres that go past policies, or past crm's own functions.

CREATE FUNCTION @extschema@.rights_of_others(relation pg_catalog.regclass, privileges text[])
    RETURNS TABLE (privilege text, grantees text)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 2 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT x.privilege_type, string_agg(DISTINCT CASE WHEN x.grantee = 0 THEN 'PUBLIC' ELSE x.grantee::regrole::text END, ', ')
    FROM pg_class c, aclexplode(c.relacl) x
    WHERE c.oid = relation AND x.privilege_type = ANY (privileges) AND x.grantee <> c.relowner AND is_outside(x.grantee) IS NOT TRUE
    GROUP BY x.privilege_type
$$;
COMMENT ON FUNCTION @extschema@.rights_of_others(pg_catalog.regclass, text[]) IS
'Which of the privileges on a table were granted to others than its owner and roles outside the rules, as GRANT writes them.';
SELECT @extschema@.set_audience('rights_of_others(regclass, text[])', 'admin');

CREATE FUNCTION @extschema@.doctor_rights() RETURNS SETOF @extschema@.status_row
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 20 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    WITH extension AS MATERIALIZED (SELECT e.oid, e.extnamespace, e.extowner FROM pg_extension e WHERE e.extname = 'crm'),
         part AS MATERIALIZED (SELECT d.classid, d.objid FROM pg_depend d JOIN extension e
                               ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e')
    SELECT 'org', format('table %s', k.member), 'warning', NULL::bigint, NULL::timestamptz,
           format(CASE g.privilege WHEN 'TRIGGER' THEN 'With TRIGGER one sees each row that others write, and acts as them: %s.'
                  ELSE 'With REFERENCES one learns which keys hidden rows have: %s.' END, g.grantees),
           format('REVOKE %s ON %s FROM %s;', g.privilege, k.member, g.grantees)
    FROM protection_member k JOIN pg_class c ON c.oid = k.member, rights_of_others(k.member, '{TRIGGER,REFERENCES}') g
    UNION ALL
    SELECT 'org', format('table %s', table_name(p.objid)), 'failed', NULL, NULL,
           format('%s may %s what crm decides by, past its functions.', g.grantees, g.privilege),
           format('REVOKE %s ON %s FROM %s;', g.privilege, table_name(p.objid), g.grantees)
    FROM part p, rights_of_others(p.objid, '{INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}') g WHERE p.classid = 'pg_class'::regclass
    UNION ALL
    SELECT 'org', format('function @extschema@.%s', a.signature), 'failed', NULL, NULL,
           format('%s may call it: it lends the rights of the extension.', CASE WHEN x.grantee = 0 THEN 'PUBLIC' ELSE x.grantee::regrole::text END),
           format('REVOKE EXECUTE ON FUNCTION @extschema@.%s FROM %s;', a.signature, CASE WHEN x.grantee = 0 THEN 'PUBLIC' ELSE x.grantee::regrole::text END)
    FROM function_audience a JOIN pg_proc f ON f.oid = to_regprocedure('@extschema@.' || a.signature), aclexplode(f.proacl) x
    WHERE a.audience = 'internal' AND x.grantee <> f.proowner
    UNION ALL
    SELECT 'org', format('schema %I', n.nspname), 'failed', NULL, NULL,
           format('%s may create objects where the functions of crm find their names.', r.names), r.hint
    FROM extension e JOIN pg_namespace n ON n.oid = e.extnamespace
    CROSS JOIN LATERAL (
        SELECT n.nspowner::regrole::text, format('ALTER SCHEMA %I OWNER TO %s;', n.nspname, e.extowner::regrole)
        WHERE is_outside(n.nspowner) IS NOT TRUE AND n.nspowner <> e.extowner
        UNION ALL
        SELECT g.name, format('REVOKE CREATE ON SCHEMA %I FROM %s;', n.nspname, g.name)
        FROM aclexplode(n.nspacl) x, LATERAL (SELECT CASE WHEN x.grantee = 0 THEN 'PUBLIC' ELSE x.grantee::regrole::text END AS name) g
        WHERE x.privilege_type = 'CREATE' AND x.grantee NOT IN (n.nspowner, e.extowner) AND is_outside(x.grantee) IS NOT TRUE) r (names, hint)
    UNION ALL
    SELECT 'org', format('event trigger %I', t.evtname), 'failed', NULL, NULL,
           'It is off: new partitions, detached ones and dropped tables are not followed.', format('ALTER EVENT TRIGGER %I ENABLE;', t.evtname)
    FROM part p JOIN pg_event_trigger t ON t.oid = p.objid AND p.classid = 'pg_event_trigger'::regclass WHERE t.evtenabled NOT IN ('O', 'A')
    UNION ALL
    SELECT 'org', format('table %s', table_name(t.tgrelid)), 'failed', NULL, NULL,
           'Its changes are not told to other sessions in every case: they go on with what they know.',
           format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I;', table_name(t.tgrelid), t.tgname)
    FROM part p JOIN pg_trigger t ON t.tgrelid = p.objid AND p.classid = 'pg_class'::regclass
    WHERE t.tgname IN ('org_changed', 'org_truncated') AND t.tgenabled <> 'A'
    UNION ALL
    SELECT 'org', format('role %I', m.rolname), 'info', NULL, NULL,
           format('By SET ROLE it may become %s.', string_agg(format('principal %s', p.principal), ', ' ORDER BY p.principal)),
           format('REVOKE %s FROM %I; unless it is a pool that asks with tokens or roles of its clients.',
                  string_agg(quote_ident(p.role_name), ', ' ORDER BY p.principal), m.rolname)
    FROM principal p JOIN pg_roles r ON r.rolname = p.role_name
    JOIN pg_roles m ON m.rolcanlogin AND m.oid <> r.oid AND NOT is_outside(m.oid) AND pg_has_role(m.oid, r.oid, 'MEMBER')
    GROUP BY m.rolname
$$;
COMMENT ON FUNCTION @extschema@.doctor_rights() IS
'For doctor(): rights on protected tables that reach hidden rows, rights on what crm decides by, names that others could put in front '
'of its own, what it no longer hears of, and who may become whom.';
SELECT @extschema@.set_audience('doctor_rights()', 'admin');
