-- A share names a record by its key: it ends with the record, or another one with that key could inherit it.

-- In a transition table of a partition columns may stand in another order: only names are relied upon.
CREATE FUNCTION @extschema@.gone_key(plan @extschema@.protection, source text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT CASE WHEN plan.key_mapped
                THEN (SELECT format('@extschema@.map_id(ROW(%s)::%s)::text', string_agg(format('%s.%I', source, a.attname), ', ' ORDER BY a.attnum),
                                    plan.relation)
                      FROM pg_attribute a WHERE a.attrelid = plan.relation AND a.attnum > 0 AND NOT a.attisdropped)
                ELSE policy_key(plan, source) || '::text' END
$$;
COMMENT ON FUNCTION @extschema@.gone_key(@extschema@.protection, text) IS
'SQL for the key, as text, of a row of a protected table or of one of its partitions.';

CREATE FUNCTION @extschema@.unshare_gone() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    plan protection;
    ids bigint[];
BEGIN
    SELECT p.* INTO plan FROM protection_member m JOIN protection p ON p.relation = m.relation WHERE m.member = TG_RELID;
    IF NOT FOUND OR NOT EXISTS (SELECT FROM shared_record s WHERE s.relation = plan.relation) THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'UPDATE' THEN -- the trigger's condition: the key is another one
        EXECUTE format('SELECT array_agg(s.id) FROM @extschema@.shared_record s WHERE s.relation = $2 AND s.record_key = %s', gone_key(plan, '($1)'))
        INTO ids USING OLD, plan.relation;
    ELSIF TG_OP = 'DELETE' THEN
        EXECUTE format('SELECT array_agg(s.id) FROM crm_old t JOIN @extschema@.shared_record s ON s.relation = $1 AND s.record_key = %s', gone_key(plan, 't'))
        INTO ids USING plan.relation;
    ELSE
        ids := ARRAY(SELECT o.id FROM orphan_shares(plan) o);
    END IF;
    PERFORM end_shares(ids);
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION @extschema@.unshare_gone() IS
'Trigger of protected tables: what was shared of a record ends where it is deleted, truncated or gets another key.';
REVOKE ALL ON FUNCTION @extschema@.unshare_gone() FROM PUBLIC;

CREATE FUNCTION @extschema@.orphan_shares(plan @extschema@.protection) RETURNS SETOF @extschema@.shared_record
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 10 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    keys text[] := ARRAY(SELECT DISTINCT s.record_key FROM shared_record s
                         WHERE s.relation = plan.relation AND NOT s.during <@ tstzrange(NULL, now()));
BEGIN
    IF keys <> '{}' THEN
        RETURN QUERY
        SELECT s.* FROM read_as_owner(plan.relation, format(
            'SELECT pg_catalog.to_jsonb(k) FROM pg_catalog.unnest(%L::text[]) k WHERE NOT EXISTS (SELECT FROM %s t WHERE %s::text = k)',
            keys, plan.relation, policy_key(plan, 't'))) g
        JOIN shared_record s ON s.relation = plan.relation AND s.record_key = g #>> '{}' AND NOT s.during <@ tstzrange(NULL, now());
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.orphan_shares(@extschema@.protection) IS
'Shares that last of records that are not there. Reads the whole table once.';
SELECT @extschema@.set_audience('orphan_shares(protection)', 'internal');

CREATE FUNCTION @extschema@.remove_orphan_shares(relation pg_catalog.regclass DEFAULT NULL) RETURNS bigint
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT end_shares(ARRAY(SELECT o.id FROM protection p, orphan_shares(p) o
                            WHERE p.relation = remove_orphan_shares.relation OR remove_orphan_shares.relation IS NULL))
$$;
COMMENT ON FUNCTION @extschema@.remove_orphan_shares(pg_catalog.regclass) IS
'Ends shares of records that vanished without a trigger (replica mode, an UPDATE that moved a row to another partition and changed '
'its key), of one protected table or of all; returns how many. Reads each such table once. doctor() says where it is needed.';
SELECT @extschema@.set_audience('remove_orphan_shares(regclass)', 'admin');

CREATE FUNCTION @extschema@.watch_shared(plan @extschema@.protection, member pg_catalog.regclass) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM unwatch_shared(member);
    IF policy_key(plan, 't') IS NULL THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TRIGGER crm_unshare_delete AFTER DELETE ON %s REFERENCING OLD TABLE AS crm_old '
                   'FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.unshare_gone()', member);
    EXECUTE format('CREATE TRIGGER crm_unshare_truncate AFTER TRUNCATE ON %s '
                   'FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.unshare_gone()', member);
    -- On each part: cloned to new partitions it would need rights to the function for whoever makes them.
    IF EXISTS (SELECT FROM pg_class c WHERE c.oid = member AND c.relkind = 'r') THEN
        EXECUTE format('CREATE TRIGGER crm_unshare_key AFTER UPDATE ON %s FOR EACH ROW WHEN (%s IS DISTINCT FROM %s) '
                       'EXECUTE FUNCTION @extschema@.unshare_gone()', member, policy_key(plan, 'OLD'), policy_key(plan, 'NEW'));
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.watch_shared(@extschema@.protection, pg_catalog.regclass) IS
'Makes the triggers on a protected table or one of its partitions that end shares with their record. For protect.';
SELECT @extschema@.set_audience('watch_shared(protection, regclass)', 'internal');

CREATE FUNCTION @extschema@.unwatch_shared(member pg_catalog.regclass) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    made name;
BEGIN
    FOR made IN SELECT t.tgname FROM pg_trigger t
                WHERE t.tgrelid = member AND t.tgparentid = 0 AND t.tgfoid = '@extschema@.unshare_gone()'::regprocedure LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', made, member);
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.unwatch_shared(pg_catalog.regclass) IS 'Takes back watch_shared.';
SELECT @extschema@.set_audience('unwatch_shared(regclass)', 'internal');

CREATE FUNCTION @extschema@.share_doctor() RETURNS SETOF @extschema@.status_row
    LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 5
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT 'org', format('shares of %s', p.relation), 'warning', count(*), min(lower(o.during)),
           'Shared records that are not there: another one with such a key would be shared.',
           format('SELECT @extschema@.remove_orphan_shares(%L);', p.relation)
    FROM protection p, orphan_shares(p) o
    GROUP BY p.relation
$$;
COMMENT ON FUNCTION @extschema@.share_doctor() IS 'For doctor(): shares of records that are gone.';
SELECT @extschema@.set_audience('share_doctor()', 'admin');
INSERT INTO @extschema@.status_source (function_name, room, kind) VALUES ('share_doctor', 'org', 'doctor');
