-- What is looked at before it is written is locked first.

CREATE FUNCTION @extschema@.lock_current(VARIADIC names text[]) RETURNS void
    AS 'MODULE_PATHNAME', 'crm_lock_current' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.lock_current(text[]) IS
'Locks tables of the extension in SHARE ROW EXCLUSIVE mode. Raises 40001 where the transaction has a snapshot from before their last change, and so '
'would not find what is there. Example: PERFORM lock_current(''unit'', ''membership'');';
SELECT @extschema@.set_audience('lock_current(text[])', 'internal');
