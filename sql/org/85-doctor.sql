-- What doctor says about access.

CREATE FUNCTION @extschema@.org_doctor() RETURNS SETOF @extschema@.status_row
    LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 20
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT 'org', format('role %I', r.rolname), 'info', NULL::bigint, NULL::timestamptz,
           'A superuser or BYPASSRLS role that can log in is outside all rules.', 'Let people connect as other roles.'
    FROM pg_roles r WHERE (r.rolsuper OR r.rolbypassrls) AND r.rolcanlogin
    UNION ALL
    SELECT 'org', format('table %s', p.relation), 'warning', NULL, NULL,
           format('Role %s %s and is no principal: its queries are errors.', s.role, s.how),
           format('SELECT @extschema@.create_principal(%L, role_name => %1$L);', trim(s.role::text, '"'))
    FROM protection p JOIN pg_class c ON c.oid = p.relation, strangers(p.relation) s
    UNION ALL
    SELECT 'org', format('table %s', m), 'warning', NULL, NULL,
           format('A partition of %s that is not protected itself.', p.relation),
           format('SELECT @extschema@.protect_partitions(%L);', p.relation)
    FROM protection p JOIN pg_class c ON c.oid = p.relation, members(p.relation) m
    WHERE NOT EXISTS (SELECT FROM protection_member k WHERE k.member = m)
    UNION ALL
    SELECT 'org', format('table %s', p.relation), 'failed', NULL, NULL, 'A protected table lost its policies or their enforcement.',
           format('SELECT @extschema@.unprotect(%L); and protect it again.', p.relation)
    FROM protection p JOIN protection_member k ON k.relation = p.relation JOIN pg_class c ON c.oid = k.member
    WHERE NOT (c.relrowsecurity AND c.relforcerowsecurity)
       OR 4 <> (SELECT count(*) FROM pg_policy y WHERE y.polrelid = c.oid
                AND y.polname = ANY ('{crm_select,crm_insert,crm_update,crm_delete}'))
    UNION ALL
    SELECT 'org', format('principal %s', p.principal), 'warning', NULL, NULL,
           format('Its database role "%s" does not exist.', p.role_name),
           format('SELECT @extschema@.bind_principal(%L, NULL);', p.principal)
    FROM principal p WHERE p.role_name IS NOT NULL AND NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = p.role_name)
    UNION ALL
    SELECT 'org', format('unit %s', u.unit), 'warning', NULL, NULL, 'A unit without a member at or above it.',
           format('SELECT @extschema@.add_member(''...'', %L, ''manager'');', u.unit)
    FROM unit u
    WHERE (u.until IS NULL OR u.until > now())
      AND NOT EXISTS (SELECT FROM unit_path a JOIN membership m ON m.unit = a.ancestor
                      WHERE a.descendant = u.unit AND m.during @> statement_timestamp())
$$;
COMMENT ON FUNCTION @extschema@.org_doctor() IS
'For doctor(): roles outside the rules, readers of protected tables that are no principal, partitions without policies, lost '
'policies, principals of roles that are gone, units that nobody is a member of.';
SELECT @extschema@.set_audience('org_doctor()', 'admin');
INSERT INTO @extschema@.status_source (function_name, room, kind) VALUES ('org_doctor', 'org', 'doctor');
