-- What is held of persons: each room says it of its own tables, and this joins it.

CREATE TYPE @extschema@.inventory_row AS (room text, relation text, "column" text, purpose text, kept interval, readers text[]);
COMMENT ON TYPE @extschema@.inventory_row IS
'room, relation, column, purpose (why it is held), kept (how long; NULL: as long as the row it comes from), readers (roles, principals and views).';

CREATE TABLE @extschema@.inventory_source (
    function_name text PRIMARY KEY,
    room text NOT NULL
);
COMMENT ON TABLE @extschema@.inventory_source IS 'Functions of the rooms that return SETOF inventory_row, for data_inventory(). Shipped.';

CREATE FUNCTION @extschema@.data_inventory()
    RETURNS SETOF @extschema@.inventory_row
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100 COST 10000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    sources text;
BEGIN
    SELECT string_agg(format('SELECT * FROM @extschema@.%I()', s.function_name), ' UNION ALL ') INTO sources FROM inventory_source s;
    RETURN QUERY EXECUTE format('SELECT * FROM (%s) i ORDER BY i.room = ''base'' DESC, i.room, i.relation, i."column"', sources);
END
$$;
COMMENT ON FUNCTION @extschema@.data_inventory() IS
'Every column with personal data: of adopted tables, as mapped, and of crm''s own. Why it is held, how long (NULL: as long as the row that it '
'comes from, or until an erasure), and who reads it: database roles with SELECT, "role NAME" for roles of the organisation that give read on '
'the object, "view NAME" where it is shown by one, each reader what he may. Columns of a team''s own that are not mapped are not known. '
'Example: SELECT * FROM data_inventory();';
SELECT @extschema@.set_audience('data_inventory()', 'admin');

-- Who may SELECT a table, as database roles write it.
CREATE FUNCTION @extschema@.select_grantees(relation pg_catalog.regclass, "column" name DEFAULT NULL) RETURNS text[]
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT array_agg(DISTINCT g.name ORDER BY g.name)
    FROM (SELECT CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END AS name
          FROM pg_class c, aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a
          WHERE c.oid = select_grantees.relation AND a.privilege_type = 'SELECT'
          UNION ALL
          SELECT CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END
          FROM pg_attribute t, aclexplode(t.attacl) a
          WHERE t.attrelid = select_grantees.relation AND t.attname = select_grantees."column" AND a.privilege_type = 'SELECT') g
$$;
COMMENT ON FUNCTION @extschema@.select_grantees(pg_catalog.regclass, name) IS 'The database roles that were given SELECT on a table, or on a column of it.';
