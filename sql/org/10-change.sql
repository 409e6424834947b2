-- How every session learns that the organisation changed.

CREATE TABLE @extschema@.org_change ();
COMMENT ON TABLE @extschema@.org_change IS
'Never holds a row. Its relation cache entry is invalidated whenever the organisation changes, and that message makes every '
'session, also on a standby, read the organisation again before its next statement or FETCH asks for access.';

CREATE FUNCTION @extschema@.org_changed() RETURNS trigger
    AS 'MODULE_PATHNAME', 'crm_org_changed' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.org_changed() IS
'Trigger on every table that decides access: tells all sessions at commit. Rows, not statements, so that logical '
'replication fires it too.';
SELECT @extschema@.set_audience('org_changed()', 'internal');

CREATE FUNCTION @extschema@.watch_org(relation pg_catalog.regclass, messenger name DEFAULT 'org_change') RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER org_changed AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW '
                   'EXECUTE FUNCTION @extschema@.org_changed(%L)', relation, messenger);
    EXECUTE format('CREATE TRIGGER org_truncated AFTER TRUNCATE ON %s FOR EACH STATEMENT '
                   'EXECUTE FUNCTION @extschema@.org_changed(%L)', relation, messenger);
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER org_changed, ENABLE ALWAYS TRIGGER org_truncated', relation);
END
$$;
COMMENT ON FUNCTION @extschema@.watch_org(pg_catalog.regclass, name) IS
'For the install script: a change of this table is a change of the organisation (or of what another messenger stands for), in '
'replica mode too.';
SELECT @extschema@.set_audience('watch_org(regclass, name)', 'admin');
