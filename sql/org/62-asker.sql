-- Who may know about others: administrators and owners, as long as they act as themselves.

CREATE FUNCTION @extschema@.may_administer(relation pg_catalog.regclass DEFAULT NULL) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT (is_audience('admin') OR COALESCE((SELECT pg_has_role(caller()::oid, c.relowner, 'USAGE')
                                              FROM pg_class c WHERE c.oid = may_administer.relation), false))
           -- An application that connects as the owner and sets a token is who the token says, and nobody else.
           AND (SELECT i.identified_by = 'role' FROM current_identity() i)
$$;
COMMENT ON FUNCTION @extschema@.may_administer(pg_catalog.regclass) IS
'Whether the caller is an administrator, or the owner of the table where one is named, and does not act for somebody else by a token.';

CREATE FUNCTION @extschema@.denial_rows()
    RETURNS TABLE (principal text, object text, privilege text, unit text, denied_at timestamptz, denied_by text, reason text)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 20
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT d.principal, d.object, d.privilege, d.unit, d.denied_at, d.denied_by, d.reason
    FROM denial d
    WHERE (SELECT may_administer())
       OR d.principal IN (SELECT a.acts_as FROM acting_principal a
                          WHERE a.principal = current_principal() AND a.during @> statement_timestamp())
$$;
COMMENT ON FUNCTION @extschema@.denial_rows() IS 'The rows of denial_list.';
CREATE VIEW @extschema@.denial_list AS SELECT r.* FROM @extschema@.denial_rows() r;
COMMENT ON VIEW @extschema@.denial_list IS
'What is denied: to the caller and its teams, or to everybody where an administrator asks. unit is null where it is denied everywhere.';
GRANT SELECT ON @extschema@.denial_list TO PUBLIC;
