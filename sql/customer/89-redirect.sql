-- References to rows that were merged away: a trigger sends them to the row that was kept.

CREATE FUNCTION @extschema@.redirect_reference() RETURNS trigger
    AS 'MODULE_PATHNAME', 'crm_redirect_reference' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.redirect_reference() IS
'Trigger BEFORE INSERT OR UPDATE OF the columns of a foreign key, for each row: a reference to a row that was merged away becomes '
'one to the row that was kept. It waits for a merge under way. install_redirect creates it.';
-- PUBLIC may execute it, since whoever creates a partition of a table with a redirect must; so it asks what it may tell.

CREATE FUNCTION @extschema@.may_redirect(child regclass, parent regclass) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN (SELECT pg_has_role(c.relowner, p.relowner, 'USAGE')
                OR NOT p.relrowsecurity AND has_table_privilege(c.relowner, p.oid, 'SELECT')
            FROM pg_class c, pg_class p WHERE c.oid = child AND p.oid = parent);
COMMENT ON FUNCTION @extschema@.may_redirect(regclass, regclass) IS
'Whether the owner of a table that refers to another may know which row of that one another became: he owns it too, or may read it, and '
'it has no policies.';
SELECT @extschema@.set_audience('may_redirect(regclass, regclass)', 'internal');

-- What the trigger asks where the row referred to is not there.
CREATE FUNCTION @extschema@.follow_reference(parent regclass, target_columns text[], child regclass, columns text[], texts text[],
                                             since bigint, child_row jsonb)
    RETURNS TABLE (merge_id bigint, kept text[])
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    key CONSTANT name[] := row_key_columns(parent);
    root CONSTANT regclass := table_root(child);
    given jsonb;
    stands text;
BEGIN
    IF NOT may_redirect(child, parent) THEN
        RETURN;
    END IF;
    texts := coalesce(texts, ARRAY(SELECT child_row ->> c FROM unnest(columns) WITH ORDINALITY AS u (c, n) ORDER BY n));
    IF target_columns @> key::text[] AND target_columns <@ key::text[] THEN
        SELECT n.merge_id, parse_key(parent, key, n.kept) INTO merge_id, given
        FROM next_merge(parent, row_key(key, jsonb_object(target_columns, texts)), since) n
        WHERE n.merge_id IS NOT NULL;
    ELSIF since = 0 THEN -- another unique key: what the row that stands now holds there
        SELECT c.merge_id, kept_key(parent, c.keep_key) INTO merge_id, stands
        FROM merge_change c JOIN row_merge m USING (merge_id)
        WHERE c.relation = parent AND c.action = 'delete' AND m.unmerged_at IS NULL
          AND c.before @> jsonb_object(target_columns, texts)
        ORDER BY c.merge_id DESC LIMIT 1;
        SELECT r INTO given FROM read_as_owner(parent, format('SELECT @extschema@.row_as_text(t) %s',
                                                             key_probe(parent, key, key_texts(parent, key, stands)))) r
        WHERE stands IS NOT NULL;
    END IF;
    kept := ARRAY(SELECT given ->> c FROM unnest(target_columns) WITH ORDINALITY AS u (c, n) ORDER BY n);
    IF given IS NULL OR array_position(kept, NULL) IS NOT NULL THEN
        RETURN;
    END IF;
    INSERT INTO merge_redirected AS r (merge_id, relation, row_key, meant, given)
    VALUES (follow_reference.merge_id, root, row_key(row_key_columns(root), child_row || jsonb_object(columns, kept)),
            jsonb_object(columns, texts), jsonb_object(columns, kept))
    ON CONFLICT ON CONSTRAINT merge_redirected_pkey
    DO UPDATE SET meant = r.meant || excluded.meant, given = r.given || excluded.given;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION @extschema@.follow_reference(regclass, text[], regclass, text[], text[], bigint, jsonb) IS
'For the trigger redirect_reference: into which row the one referred to went, as text forms of the columns that are referred to, in the '
'first merge after the given one (0: in the latest); no row where it was not merged away. Notes in merge_redirected what the row '
'meant. texts NULL: what child_row holds. Chains of another unique key than the row''s own are followed in one step.';
SELECT @extschema@.set_audience('follow_reference(regclass, text[], regclass, text[], text[], bigint, jsonb)', 'internal');

CREATE FUNCTION @extschema@.redirect_triggers() RETURNS TABLE (relation regclass, name name, columns name[])
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT t.tgrelid::regclass, t.tgname,
           ARRAY(SELECT a.attname FROM unnest(t.tgattr::smallint[]) WITH ORDINALITY AS k (attnum, n)
                 JOIN pg_attribute a ON a.attrelid = t.tgrelid AND a.attnum = k.attnum ORDER BY k.n)
    FROM pg_trigger t
    WHERE t.tgfoid = '@extschema@.redirect_reference()'::regprocedure AND t.tgparentid = 0
$$;
COMMENT ON FUNCTION @extschema@.redirect_triggers() IS
'The redirects that are installed: the table, its trigger and the columns of the foreign key; those that partitions inherit are left out.';

-- The foreign key of these columns, in any order.
CREATE FUNCTION @extschema@.redirected_key(relation regclass, columns name[]) RETURNS pg_catalog.pg_constraint
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    wanted name;
    chosen pg_constraint;
BEGIN
    FOREACH wanted IN ARRAY coalesce(columns, '{}') LOOP
        IF NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = relation AND a.attname = wanted AND a.attnum > 0) THEN
            PERFORM raise_unknown(format('column of %s', relation), wanted,
                                  ARRAY(SELECT a.attname::text FROM pg_attribute a
                                        WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped));
        END IF;
    END LOOP;
    SELECT c.* INTO chosen FROM pg_constraint c
    WHERE c.conrelid = relation AND c.contype = 'f' AND c.conparentid = 0
      AND ARRAY(SELECT a.attname FROM unnest(c.conkey) k JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k ORDER BY 1)
          = ARRAY(SELECT w FROM unnest(columns) w ORDER BY 1)
    ORDER BY c.oid LIMIT 1;
    IF chosen.oid IS NULL THEN
        RAISE EXCEPTION 'table % has no foreign key of the columns %', relation, array_to_string(columns, ', ')
            USING ERRCODE = 'RM005',
                  DETAIL = 'A redirect follows a foreign key; one of a partition belongs to the partitioned table.',
                  HINT = coalesce((SELECT 'Its foreign keys: ' || string_agg(pg_get_constraintdef(c.oid), '; ' ORDER BY c.conname)
                                   FROM pg_constraint c WHERE c.conrelid = relation AND c.contype = 'f' AND c.conparentid = 0),
                                  'ALTER TABLE ... ADD FOREIGN KEY first.');
    END IF;
    RETURN chosen;
END
$$;
COMMENT ON FUNCTION @extschema@.redirected_key(regclass, name[]) IS
'The foreign key that these columns, all of them and in any order, are the columns of; raises RM001 or RM005.';
SELECT @extschema@.set_audience('redirected_key(regclass, name[])', 'admin');

CREATE FUNCTION @extschema@.install_redirect(relation regclass, columns name[], lock_timeout interval DEFAULT '2 seconds')
    RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    chosen pg_constraint;
    name text;
BEGIN
    PERFORM require_owner(relation);
    chosen := redirected_key(relation, columns);
    IF NOT may_redirect(relation, chosen.confrelid::regclass) THEN
        RAISE EXCEPTION 'the owner of table % may not read table %', relation, chosen.confrelid::regclass
            USING ERRCODE = 'insufficient_privilege',
                  DETAIL = 'A redirect shows whoever writes a reference which row of that table another one became.',
                  HINT = 'Grant him SELECT on it; where it has policies, both tables must have one owner.';
    END IF;
    IF EXISTS (SELECT FROM redirect_triggers() t
               WHERE t.relation = install_redirect.relation AND t.columns @> install_redirect.columns
                 AND t.columns <@ install_redirect.columns) THEN
        RAISE EXCEPTION 'table % has a redirect of the columns % already', relation, array_to_string(columns, ', ')
            USING ERRCODE = 'duplicate_object', HINT = 'SELECT * FROM redirect shows them; remove_redirect takes one away.';
    END IF;
    name := left('zz_crm_redirect_' || array_to_string(columns, '_'), 60); -- after the team's own: what they write is redirected too
    PERFORM lock_members(relation, 'SHARE ROW EXCLUSIVE', lock_timeout);
    EXECUTE format('CREATE TRIGGER %I BEFORE INSERT OR UPDATE OF %s ON %s FOR EACH ROW EXECUTE FUNCTION @extschema@.redirect_reference()',
                   name, (SELECT string_agg(quote_ident(c), ', ' ORDER BY n) FROM unnest(columns) WITH ORDINALITY u (c, n)), relation);
    RETURN name;
END
$$;
COMMENT ON FUNCTION @extschema@.install_redirect(regclass, name[], interval) IS
'Has references to rows that are merged away sent to the row that was kept, by a trigger on the table that refers; returns its '
'name. columns are those of the foreign key. Without it such an INSERT fails with 23503, and resolve_key says what to write. '
'A session under REPEATABLE READ may get 40001 instead where the merge is newer than its snapshot. Locks the table SHARE ROW '
'EXCLUSIVE for a moment, waiting up to lock_timeout. Errors: 42501 (not the owner of this table, or its owner may '
'not read the other), RM001, RM005 (no such foreign key), 42710 (there is one), 55P03. '
'Example: SELECT install_redirect(''public.orders'', ''{customer_id}'');';

CREATE FUNCTION @extschema@.remove_redirect(relation regclass, columns name[] DEFAULT NULL, lock_timeout interval DEFAULT '2 seconds')
    RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    each record;
    count bigint := 0;
BEGIN
    PERFORM require_owner(relation);
    PERFORM lock_members(relation, 'ACCESS EXCLUSIVE', lock_timeout);
    FOR each IN SELECT t.name FROM redirect_triggers() t
                WHERE t.relation = remove_redirect.relation
                  AND (remove_redirect.columns IS NULL
                       OR t.columns @> remove_redirect.columns AND t.columns <@ remove_redirect.columns) LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', each.name, relation);
        count := count + 1;
    END LOOP;
    RETURN count;
END
$$;
COMMENT ON FUNCTION @extschema@.remove_redirect(regclass, name[], interval) IS
'Takes away what install_redirect created on a table, for these columns or (NULL) all; returns how many there were. disown does it '
'too. Errors: 42501, 55P03.';

CREATE FUNCTION @extschema@.require_redirects(relation regclass) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    lacking record;
BEGIN
    SELECT count(*) AS number, string_agg(format('SELECT @extschema@.install_redirect(%L, %L);', table_name(c.relation), c.columns), ' '
                                          ORDER BY table_name(c.relation), c.name) AS calls
    INTO lacking FROM constraint_references(require_redirects.relation) c
    WHERE c.kind = 'constraint'
      AND NOT EXISTS (SELECT FROM redirect_triggers() t JOIN pg_trigger g ON g.tgrelid = t.relation AND g.tgname = t.name AND g.tgenabled <> 'D'
                      WHERE t.relation = c.relation AND t.columns @> c.columns AND t.columns <@ c.columns);
    IF lacking.number > 0 THEN
        RAISE EXCEPTION 'rows of % cannot be merged with a redirect: % foreign keys to it have none', relation, lacking.number
            USING ERRCODE = 'RM203', DETAIL = 'A redirect is a trigger, which a merge never installs: nobody could write meanwhile.',
                  HINT = 'The owners of those tables type ' || lacking.calls;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.require_redirects(regclass) IS 'Raises RM203 where a foreign key to a table has no redirect, or one that is disabled.';
SELECT @extschema@.set_audience('require_redirects(regclass)', 'internal');

CREATE FUNCTION @extschema@.redirect_rows() RETURNS TABLE (relation regclass, columns name[], refers_to regclass, trigger name)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT t.relation, t.columns, (SELECT c.confrelid::regclass FROM pg_constraint c
                                   WHERE c.conrelid = t.relation AND c.contype = 'f' AND c.conparentid = 0
                                     AND ARRAY(SELECT a.attname FROM unnest(c.conkey) k
                                               JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k ORDER BY 1)
                                         = ARRAY(SELECT w FROM unnest(t.columns) w ORDER BY 1) ORDER BY c.oid LIMIT 1), t.name
    FROM redirect_triggers() t
$$;
COMMENT ON FUNCTION @extschema@.redirect_rows() IS 'The rows of redirect.';
CREATE VIEW @extschema@.redirect AS SELECT r.* FROM @extschema@.redirect_rows() r;
COMMENT ON VIEW @extschema@.redirect IS
'The redirects that are installed; refers_to is null where the foreign key is gone, and the trigger does nothing then.';
GRANT SELECT ON @extschema@.redirect TO PUBLIC;

-- Leaving: redirects stand on tables that need not be adopted.
CREATE FUNCTION @extschema@.attach_no_redirect(relation regclass) RETURNS SETOF @extschema@.attachment
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT a.* FROM (SELECT NULL::attachment AS nothing) n, LATERAL (SELECT (n.nothing).*) a WHERE false
$$;
COMMENT ON FUNCTION @extschema@.attach_no_redirect(regclass) IS 'adopt installs no redirect: install_redirect is a call of its own.';
SELECT @extschema@.set_audience('attach_no_redirect(regclass)', 'admin');

CREATE FUNCTION @extschema@.detach_redirects(relation regclass) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    each record;
BEGIN
    FOR each IN SELECT t.name FROM redirect_triggers() t WHERE t.relation = detach_redirects.relation LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', each.name, relation);
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.detach_redirects(regclass) IS 'Drops the redirects of a table; disown calls it.';
SELECT @extschema@.set_audience('detach_redirects(regclass)', 'admin');

CREATE FUNCTION @extschema@.redirected_tables() RETURNS SETOF regclass
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT DISTINCT t.relation FROM redirect_triggers() t
$$;
COMMENT ON FUNCTION @extschema@.redirected_tables() IS 'The tables with redirects, adopted or not: what disown_all has to free.';
SELECT @extschema@.set_audience('redirected_tables()', 'admin');

INSERT INTO @extschema@.room_hook (room, "position", attach, detach, holds)
VALUES ('redirect', 210, 'attach_no_redirect', 'detach_redirects', 'redirected_tables');
