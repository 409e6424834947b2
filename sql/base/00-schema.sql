-- The schema is the installer's choice; it must be his own and empty.
DO $$
DECLARE
    target pg_catalog.pg_namespace;
    foreign_object text;
    others text;
    two_lines CONSTANT text := 'Type: CREATE SCHEMA some_schema; CREATE EXTENSION crm SCHEMA some_schema;';
BEGIN
    SELECT * INTO target FROM pg_catalog.pg_namespace n WHERE n.oid = '@extschema@'::pg_catalog.regnamespace;
    IF '@extschema@' IN ('public', 'pg_catalog') THEN
        RAISE EXCEPTION 'crm cannot be installed in schema @extschema@'
            USING ERRCODE = 'invalid_schema_definition', HINT = two_lines;
    END IF;
    -- crm's own functions run with the installer's rights and find names in this schema: whoever may create something here could
    -- put a name of his own in front of theirs.
    SELECT pg_catalog.string_agg(DISTINCT COALESCE(r.rolname, 'PUBLIC'), ', ') INTO others
    FROM (SELECT target.nspowner AS role
          UNION ALL
          SELECT a.grantee FROM pg_catalog.aclexplode(target.nspacl) a WHERE a.privilege_type = 'CREATE') m
    LEFT JOIN pg_catalog.pg_roles r ON r.oid = m.role
    WHERE r.rolname IS DISTINCT FROM current_user AND r.rolsuper IS NOT TRUE;
    IF others IS NOT NULL THEN
        RAISE EXCEPTION 'schema @extschema@ belongs to another role or lets one create objects: %', others
            USING ERRCODE = 'insufficient_privilege', HINT = two_lines;
    END IF;
    -- Rights on new objects that would open all that crm keeps, past every check of its functions.
    SELECT pg_catalog.string_agg(DISTINCT COALESCE(r.rolname, 'PUBLIC'), ', ') INTO others
    FROM pg_catalog.pg_default_acl d
    CROSS JOIN LATERAL pg_catalog.aclexplode(d.defaclacl) a
    LEFT JOIN pg_catalog.pg_roles r ON r.oid = a.grantee
    WHERE d.defaclrole = (SELECT u.oid FROM pg_catalog.pg_roles u WHERE u.rolname = current_user)
      AND d.defaclnamespace IN (0, target.oid) AND d.defaclobjtype IN ('r', 'S', 'f') AND a.grantee <> d.defaclrole
      AND NOT (a.grantee = 0 AND d.defaclobjtype = 'f');
    IF others IS NOT NULL THEN
        RAISE EXCEPTION 'default privileges of % would open the objects of crm to %', current_user, others
            USING ERRCODE = 'insufficient_privilege',
                  DETAIL = 'Who may see and change what crm keeps is granted by grant_admin and grant_daemon.',
                  HINT = 'Install it as another superuser, or take them back with ALTER DEFAULT PRIVILEGES for the time: \ddp shows them.';
    END IF;
    SELECT pg_catalog.pg_describe_object(d.classid, d.objid, 0) INTO foreign_object
    FROM pg_catalog.pg_depend d
    WHERE d.refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND d.refobjid = target.oid
      AND d.classid <> 'pg_catalog.pg_extension'::pg_catalog.regclass
    ORDER BY d.classid, d.objid LIMIT 1;
    IF foreign_object IS NOT NULL THEN
        RAISE EXCEPTION 'schema @extschema@ holds other objects, %', foreign_object
            USING ERRCODE = 'duplicate_object', HINT = two_lines;
    END IF;
    IF EXISTS (SELECT FROM pg_catalog.pg_namespace n WHERE n.nspname = 'crm_bi') THEN
        RAISE EXCEPTION 'schema crm_bi exists already'
            USING ERRCODE = 'duplicate_schema', HINT = 'crm keeps the views for BI tools there: rename or drop it first.';
    END IF;
END
$$;

GRANT USAGE ON SCHEMA @extschema@ TO PUBLIC;
