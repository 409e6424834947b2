-- The schema is the installer's choice; it must be his own and empty.
DO $$
DECLARE
    target pg_catalog.pg_namespace;
    foreign_object text;
    two_lines CONSTANT text := 'Type: CREATE SCHEMA some_schema; CREATE EXTENSION crm SCHEMA some_schema;';
BEGIN
    SELECT * INTO target FROM pg_catalog.pg_namespace n WHERE n.oid = '@extschema@'::pg_catalog.regnamespace;
    IF '@extschema@' IN ('public', 'pg_catalog') THEN
        RAISE EXCEPTION 'crm cannot be installed in schema @extschema@'
            USING ERRCODE = 'invalid_schema_definition', HINT = two_lines;
    END IF;
    IF NOT pg_catalog.pg_has_role(target.nspowner, 'USAGE') THEN
        RAISE EXCEPTION 'schema @extschema@ belongs to another role, %', pg_catalog.pg_get_userbyid(target.nspowner)
            USING ERRCODE = 'insufficient_privilege', HINT = two_lines;
    END IF;
    SELECT pg_catalog.pg_describe_object(o.classid, o.objid, 0) INTO foreign_object
    FROM (SELECT 'pg_catalog.pg_class'::pg_catalog.regclass AS classid, c.oid AS objid
          FROM pg_catalog.pg_class c WHERE c.relnamespace = target.oid
          UNION ALL
          SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, p.oid
          FROM pg_catalog.pg_proc p WHERE p.pronamespace = target.oid
          UNION ALL
          SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, t.oid
          FROM pg_catalog.pg_type t WHERE t.typnamespace = target.oid) o
    LIMIT 1;
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
