-- Turns: what one at a time does. Not advisory locks, which everybody may take and keep.
CREATE FUNCTION @extschema@.take_turn(relation pg_catalog.regclass, number integer DEFAULT 0, wait boolean DEFAULT true) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_take_turn' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.take_turn(pg_catalog.regclass, integer, boolean) IS
'Waits until no other transaction has the turn of this number at a table of crm, and keeps others waiting until this one ends; with wait => false '
'false where another one has it. In pg_locks its locktype is userlock, classid the table, objid the number.';
SELECT @extschema@.set_audience('take_turn(regclass, integer, boolean)', 'internal');
