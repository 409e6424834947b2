-- What doctor says about access. Each hint can be typed, and takes its finding away.

CREATE FUNCTION @extschema@.doctor_roles() RETURNS SETOF @extschema@.status_row
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 20 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT 'org', format('role %I', r.rolname), 'info', NULL::bigint, NULL::timestamptz,
           'A superuser that can log in is outside all rules.', 'Let people and programs connect as other roles.'
    FROM pg_roles r WHERE r.rolsuper AND r.rolcanlogin
    UNION ALL
    SELECT 'org', format('role %I', r.rolname), 'warning', NULL, NULL,
           'It can log in and has BYPASSRLS: it sees every row, whoever it is.', format('ALTER ROLE %I NOBYPASSRLS;', r.rolname)
    FROM pg_roles r WHERE r.rolbypassrls AND NOT r.rolsuper AND r.rolcanlogin
    UNION ALL
    -- pg_statistic holds frequent values of every column, a data file all of them; pg_stats is careful
    SELECT 'org', format('role %I', r.rolname), 'warning', NULL, NULL,
           format('As a member of %s it reads %s past policies.', g.rolname,
                  CASE g.rolname WHEN 'pg_read_all_data' THEN 'pg_statistic, with values of every column,'
                                 WHEN 'pg_execute_server_program' THEN 'with programs of the server the data files'
                                 ELSE 'or writes the data files' END),
           format('REVOKE %I FROM %I;', g.rolname, r.rolname)
    FROM pg_auth_members a JOIN pg_roles r ON r.oid = a.member JOIN pg_roles g ON g.oid = a.roleid
    WHERE g.rolname IN ('pg_read_all_data', 'pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program')
      AND NOT is_outside(r.oid) AND r.rolname !~ '^pg_'
    UNION ALL
    SELECT 'org', c.oid::regclass::text, 'warning', NULL, NULL,
           format('%s may read values of every column there, past policies.', CASE WHEN x.grantee = 0 THEN 'PUBLIC' ELSE x.grantee::regrole::text END),
           format('REVOKE SELECT ON pg_catalog.%I FROM %s;', c.relname, CASE WHEN x.grantee = 0 THEN 'PUBLIC' ELSE x.grantee::regrole::text END)
    FROM pg_class c, aclexplode(c.relacl) x
    WHERE c.oid IN ('pg_statistic'::regclass, 'pg_statistic_ext_data'::regclass) AND x.privilege_type = 'SELECT'
      AND x.grantee <> c.relowner AND is_outside(x.grantee) IS NOT TRUE
    UNION ALL
    SELECT 'org', format('role %I', m.rolname), 'failed', NULL, NULL, 'A member of crm_masking, who reads every masked column.',
           format('REVOKE crm_masking FROM %I;', m.rolname)
    FROM pg_auth_members a JOIN pg_roles g ON g.oid = a.roleid JOIN pg_roles m ON m.oid = a.member
    WHERE g.rolname = 'crm_masking' AND NOT m.rolsuper
    UNION ALL
    SELECT 'org', 'role crm_masking', 'failed', NULL, NULL, 'The owner of the views of masked columns can log in or is outside the rules.',
           'ALTER ROLE crm_masking NOSUPERUSER NOBYPASSRLS NOLOGIN;'
    FROM pg_roles r WHERE r.rolname = 'crm_masking' AND (r.rolsuper OR r.rolbypassrls OR r.rolcanlogin)
$$;
COMMENT ON FUNCTION @extschema@.doctor_roles() IS
'For doctor(): roles outside the rules, roles that reach values of hidden rows in statistics or files, a crm_masking that is not what '
'it should be.';
SELECT @extschema@.set_audience('doctor_roles()', 'admin');

CREATE FUNCTION @extschema@.doctor_enforcement() RETURNS SETOF @extschema@.status_row
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 20 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT 'org', format('table %s', k.member), 'failed', NULL::bigint, NULL::timestamptz,
           CASE WHEN NOT c.relrowsecurity THEN 'ROW SECURITY is off: everybody sees every row.'
                WHEN NOT c.relforcerowsecurity THEN 'FORCE is off: the owner sees every row.'
                ELSE 'A policy of crm is missing.' END,
           format('SELECT @extschema@.protect_again(%L);', k.relation)
    FROM protection_member k JOIN pg_class c ON c.oid = k.member
    WHERE NOT (c.relrowsecurity AND c.relforcerowsecurity)
       OR 4 <> (SELECT count(*) FROM pg_policy y WHERE y.polrelid = c.oid AND y.polpermissive
                AND y.polname = ANY ('{crm_select,crm_insert,crm_update,crm_delete}'))
    UNION ALL
    SELECT 'org', format('table %s', m), 'failed', NULL, NULL, format('A partition of %s that is not protected itself.', p.relation),
           format('SELECT @extschema@.protect_again(%L);', p.relation)
    FROM protection p, members(p.relation) m WHERE NOT EXISTS (SELECT FROM protection_member k WHERE k.member = m)
    UNION ALL
    SELECT 'org', format('table %s', k.member), 'failed', NULL, NULL,
           'The trigger crm_assign is missing or disabled: rows are handed to other units without the privilege assign.',
           format('SELECT @extschema@.protect_again(%L);', k.relation)
    FROM protection_member k JOIN pg_class c ON c.oid = k.member
    WHERE NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = 'crm_assign' AND t.tgenabled IN ('O', 'A'))
    UNION ALL
    SELECT 'org', format('policy %I on %s', y.polname, k.member), 'warning', NULL, NULL,
           'A permissive policy beside those of crm lets rows through that they would not.',
           format('DROP POLICY %I ON %s;', y.polname, k.member)
    FROM protection_member k JOIN pg_policy y ON y.polrelid = k.member
    WHERE y.polpermissive AND y.polname <> ALL ('{crm_select,crm_insert,crm_update,crm_delete}')
    UNION ALL
    SELECT 'org', format('table %s', k.member), 'warning', NULL, NULL,
           format('TRUNCATE passes policies, and others than the owner may: %s.', g.names),
           format('REVOKE TRUNCATE ON %s FROM %s;', k.member, g.names)
    FROM protection_member k JOIN pg_class c ON c.oid = k.member
    CROSS JOIN LATERAL (SELECT string_agg(CASE WHEN x.grantee = 0 THEN 'PUBLIC' ELSE x.grantee::regrole::text END, ', ') AS names
                        FROM aclexplode(c.relacl) x
                        WHERE x.privilege_type = 'TRUNCATE' AND x.grantee <> c.relowner AND is_outside(x.grantee) IS NOT TRUE) g
    WHERE g.names IS NOT NULL
    UNION ALL
    SELECT 'org', format('table %s', p.relation), 'warning', NULL, NULL,
           format('Role %s %s and is no principal: its queries are errors.', s.role, s.how),
           format('SELECT @extschema@.create_principal(%L, role_name => %1$L);', trim(s.role::text, '"'))
    FROM protection p JOIN pg_class c ON c.oid = p.relation, strangers(p.relation) s
$$;
COMMENT ON FUNCTION @extschema@.doctor_enforcement() IS
'For doctor(): protected tables that are not, or not wholly; rights and policies that go past; readers that are no principal.';
SELECT @extschema@.set_audience('doctor_enforcement()', 'admin');

CREATE FUNCTION @extschema@.doctor_masks() RETURNS SETOF @extschema@.status_row
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 20 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT 'org', format('column %s.%I', m, c."column"), 'failed', NULL::bigint, NULL::timestamptz,
           format('%s may read the masked column in the table.', grantee_sql(g.grantee)),
           format('SELECT @extschema@.mask_again(%L);', c.relation)
    FROM masked_column c, members(c.relation) m, select_grants(m) g
    WHERE g."column" IS NULL OR g."column" = c."column"
    UNION ALL
    SELECT 'org', format('table %s', k.relation), 'failed', NULL, NULL, 'The view of its masked columns is gone.',
           format('SELECT @extschema@.mask_again(%L);', k.relation)
    FROM masking k WHERE NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = k.view)
    UNION ALL
    SELECT 'org', format('column %s.%I', k.relation, a.attname), 'info', NULL, NULL,
           format('It was added since columns were masked: %s does not show it.', k.view),
           format('SELECT @extschema@.mask_again(%L);', k.relation)
    FROM masking k JOIN pg_attribute a ON a.attrelid = k.relation AND a.attnum > 0 AND NOT a.attisdropped
    WHERE EXISTS (SELECT FROM pg_class c WHERE c.oid = k.view) AND NOT is_column(k.view, a.attname)
$$;
COMMENT ON FUNCTION @extschema@.doctor_masks() IS
'For doctor(): masked columns that somebody may read in the table, views that are gone or lack a column.';
SELECT @extschema@.set_audience('doctor_masks()', 'admin');

-- An alias that a key or another unit's name outranks, and a unit that no one could ask about.
CREATE FUNCTION @extschema@.doctor_structure() RETURNS SETOF @extschema@.status_row
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 20 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT 'org', format('alias %L in %s', a.alias, a.hierarchy), 'warning', NULL::bigint, NULL::timestamptz,
           format('It was given to unit %s and means %s.', a.unit, coalesce('unit ' || resolve_unit(a.alias, a.hierarchy), 'none')),
           format('SELECT @extschema@.remove_unit_alias(%L, %L);', a.unit, a.alias)
    FROM unit_alias a WHERE resolve_unit(a.alias, a.hierarchy) IS DISTINCT FROM a.unit
    UNION ALL
    SELECT 'org', format('principal %s', p.principal), 'warning', NULL, NULL,
           format('Its database role "%s" does not exist.', p.role_name), format('SELECT @extschema@.bind_principal(%L, NULL);', p.principal)
    FROM principal p WHERE p.role_name IS NOT NULL AND NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = p.role_name)
    UNION ALL
    SELECT 'org', format('unit %s', u.unit), 'warning', NULL, NULL, 'A unit without a member at or above it.',
           format('SELECT @extschema@.add_member(''...'', %L, ''manager'');', u.unit)
    FROM unit u
    WHERE (u.until IS NULL OR u.until > now())
      AND NOT EXISTS (SELECT FROM unit_path a JOIN membership m ON m.unit = a.ancestor
                      WHERE a.descendant = u.unit AND m.during @> statement_timestamp())
$$;
COMMENT ON FUNCTION @extschema@.doctor_structure() IS
'For doctor(): aliases that do not mean their unit, principals of roles that are gone, units that nobody is a member of.';
SELECT @extschema@.set_audience('doctor_structure()', 'admin');

CREATE FUNCTION @extschema@.org_doctor() RETURNS SETOF @extschema@.status_row
    LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 20
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT * FROM doctor_roles()
    UNION ALL SELECT * FROM doctor_enforcement()
    UNION ALL SELECT * FROM doctor_rights()
    UNION ALL SELECT * FROM doctor_masks()
    UNION ALL SELECT * FROM doctor_structure()
    UNION ALL
    SELECT 'org', format('%s %s', replace(h.kind, '_', ' '), CASE h.kind WHEN 'missing_index' THEN format('on %s.%I', p.relation, h.name)
                                                             ELSE h.name END),
           h.state, NULL, NULL, format('Table %s: %s', p.relation, h.detail), h.hint
    FROM protection p, hazards(p) h WHERE h.kind <> 'foreign_key'
$$;
COMMENT ON FUNCTION @extschema@.org_doctor() IS
'For doctor(): whatever lets somebody see more than the policies of crm do, makes them fail, or makes them slow.';
SELECT @extschema@.set_audience('org_doctor()', 'admin');
INSERT INTO @extschema@.status_source (function_name, room, kind) VALUES ('org_doctor', 'org', 'doctor');
