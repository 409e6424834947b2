-- Masked columns: taken from the readers of a protected table, and shown, or masked, in a view.
--
-- A view that runs with its reader's rights cannot hide a column: he may read it in the table, or the view fails. So the view belongs
-- to a role that owns nothing else, cannot log in and cannot bypass policies: rows are still decided by the table's policies and by
-- who asks, columns by the view.

CREATE TABLE @extschema@.masking (
    relation pg_catalog.regclass PRIMARY KEY REFERENCES @extschema@.protection,
    view pg_catalog.regclass,
    masked_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    masked_by name NOT NULL
);
COMMENT ON TABLE @extschema@.masking IS 'Tables with masked columns, and the view that shows them; NULL where somebody dropped it.';

CREATE TABLE @extschema@.masked_column (
    relation pg_catalog.regclass NOT NULL REFERENCES @extschema@.masking ON DELETE CASCADE,
    "column" name NOT NULL,
    typed text,
    mask text,
    object text NOT NULL,
    PRIMARY KEY (relation, "column")
);
COMMENT ON TABLE @extschema@.masked_column IS
'mask is SQL over the row r, NULL for null; typed: as somebody wrote it. Whoever has read on the object sees the column as it is, in the rows that it reaches.';

CREATE TABLE @extschema@.masked_grant (
    relation pg_catalog.regclass NOT NULL REFERENCES @extschema@.masking ON DELETE CASCADE,
    member pg_catalog.regclass NOT NULL,
    grantee name,
    "column" name,
    grantable boolean NOT NULL,
    narrowed name[] NOT NULL,
    CONSTRAINT masked_grant_once UNIQUE NULLS NOT DISTINCT (member, grantee, "column")
);
COMMENT ON TABLE @extschema@.masked_grant IS
'The right to SELECT as it was before masking, on a table or partition, or on a column of it: unmask gives it back. grantee NULL '
'is PUBLIC. narrowed: the columns that were left to the grantee; whoever lacks one of them by now has been revoked it.';

SELECT pg_catalog.pg_extension_config_dump('@extschema@.masking', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.masked_column', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.masked_grant', '');

CREATE FUNCTION @extschema@.is_masked_object(object text) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
    BEGIN ATOMIC
        SELECT EXISTS (SELECT FROM @extschema@.masked_column m WHERE m.object = is_masked_object.object)
            OR EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
                       WHERE c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
                         AND pg_catalog.strpos(is_masked_object.object, pg_catalog.quote_ident(c.relname)) > 0
                         AND @extschema@.table_name(c.oid) || '.' || a.attname = is_masked_object.object);
    END;
COMMENT ON FUNCTION @extschema@.is_masked_object(text) IS
'Whether an object is a column, SCHEMA.TABLE.COLUMN: privileges may be given before it is masked.';

CREATE FUNCTION @extschema@.require_masking_role() RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = 'crm_masking') THEN
        CREATE ROLE crm_masking NOLOGIN NOINHERIT;
        COMMENT ON ROLE crm_masking IS 'Owns the views of crm that show masked columns, and nothing else.';
    ELSIF EXISTS (SELECT FROM pg_roles r WHERE r.rolname = 'crm_masking' AND (r.rolsuper OR r.rolbypassrls OR r.rolcanlogin))
          OR EXISTS (SELECT FROM pg_auth_members m JOIN pg_roles r ON r.oid IN (m.roleid, m.member) WHERE r.rolname = 'crm_masking') THEN
        RAISE EXCEPTION 'role crm_masking has rights that it must not have' USING ERRCODE = 'RM103',
            DETAIL = 'It reads every masked column: nobody may be it, and policies must bind it.',
            HINT = 'Type ALTER ROLE crm_masking NOSUPERUSER NOBYPASSRLS NOLOGIN; and revoke its memberships and members.';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.require_masking_role() IS
'Makes the role crm_masking where there is none; RM103 where there is one that could log in, be somebody or bypass policies.';
SELECT @extschema@.set_audience('require_masking_role()', 'admin');

-- Who may SELECT from a table or partition: grants on the whole and on columns, other than its owner's.
CREATE FUNCTION @extschema@.select_grants(member pg_catalog.regclass)
    RETURNS TABLE (grantee name, "column" name, grantable boolean, by_owner boolean)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT r.rolname, g.attname, bool_or(x.is_grantable), bool_and(x.grantor = c.relowner)
    FROM pg_class c
    CROSS JOIN LATERAL (SELECT NULL::name AS attname, c.relacl AS acl
                        UNION ALL
                        SELECT a.attname, a.attacl FROM pg_attribute a WHERE a.attrelid = c.oid AND NOT a.attisdropped) g
    CROSS JOIN LATERAL aclexplode(g.acl) x
    LEFT JOIN pg_roles r ON r.oid = x.grantee
    WHERE c.oid = member AND x.privilege_type = 'SELECT' AND x.grantee <> c.relowner AND r.rolname IS DISTINCT FROM 'crm_masking'
    GROUP BY x.grantee, r.rolname, g.attname
$$;
COMMENT ON FUNCTION @extschema@.select_grants(pg_catalog.regclass) IS
'Grants of SELECT on a table (column NULL) and on its columns; grantee NULL is PUBLIC. by_owner: granted by the table''s owner.';

CREATE FUNCTION @extschema@.grantee_sql(grantee name) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    RETURN COALESCE(pg_catalog.quote_ident(grantee), 'PUBLIC');
COMMENT ON FUNCTION @extschema@.grantee_sql(name) IS 'A grantee as GRANT wants it; NULL is PUBLIC.';

CREATE FUNCTION @extschema@.shown_columns(relation pg_catalog.regclass) RETURNS SETOF name
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 20 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT a.attname FROM pg_attribute a
    WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
      AND NOT EXISTS (SELECT FROM masked_column m WHERE m.relation = shown_columns.relation AND m."column" = a.attname)
    ORDER BY a.attnum
$$;
COMMENT ON FUNCTION @extschema@.shown_columns(pg_catalog.regclass) IS 'The columns of a table that are not masked, in order.';
SELECT @extschema@.set_audience('shown_columns(regclass)', 'admin');

-- A grant on the table becomes one on each column that is not masked.
CREATE FUNCTION @extschema@.narrow_grants(relation pg_catalog.regclass, member pg_catalog.regclass) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    shown CONSTANT text := (SELECT string_agg(quote_ident(c), ', ') FROM shown_columns(relation) c);
    each record;
BEGIN
    FOR each IN SELECT g.grantee, g."column", g.grantable FROM select_grants(member) g
                WHERE g."column" IS NULL OR NOT g."column" IN (SELECT shown_columns(relation))
                ORDER BY g."column" NULLS LAST LOOP
        INSERT INTO masked_grant AS g (relation, member, grantee, "column", grantable, narrowed)
        VALUES (relation, member, each.grantee, each."column", each.grantable,
                ARRAY(SELECT c FROM shown_columns(relation) c
                      WHERE each."column" IS NULL OR EXISTS (SELECT FROM select_grants(member) g
                                                             WHERE g.grantee IS NOT DISTINCT FROM each.grantee AND g."column" = c)))
        ON CONFLICT ON CONSTRAINT masked_grant_once DO UPDATE SET grantable = excluded.grantable, narrowed = excluded.narrowed;
        IF each."column" IS NOT NULL THEN
            EXECUTE format('REVOKE SELECT (%I) ON %s FROM %s', each."column", member, grantee_sql(each.grantee));
            CONTINUE;
        END IF;
        -- Revoking it on the table revokes it on the columns too: those are remembered first.
        INSERT INTO masked_grant (relation, member, grantee, "column", grantable, narrowed)
        SELECT relation, member, g.grantee, g."column", g.grantable, ARRAY(SELECT shown_columns(relation)) FROM select_grants(member) g
        WHERE g.grantee IS NOT DISTINCT FROM each.grantee AND g."column" IS NOT NULL ON CONFLICT DO NOTHING;
        EXECUTE format('REVOKE SELECT ON %s FROM %s', member, grantee_sql(each.grantee));
        IF shown IS NOT NULL THEN
            EXECUTE format('GRANT SELECT (%s) ON %s TO %s%s', shown, member, grantee_sql(each.grantee),
                           CASE WHEN each.grantable THEN ' WITH GRANT OPTION' ELSE '' END);
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.narrow_grants(pg_catalog.regclass, pg_catalog.regclass) IS
'Takes SELECT on masked columns of a table or partition from everybody but its owner, and notes what was taken.';
SELECT @extschema@.set_audience('narrow_grants(regclass, regclass)', 'admin');

CREATE FUNCTION @extschema@.masked_query(relation pg_catalog.regclass) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    plan protection := require_protected(relation);
    each record;
    columns text[];
BEGIN
    plan.key_columns := NULL; -- a share is of the record as anybody sees it
    plan.key_mapped := false;
    FOR each IN SELECT a.attname, format_type(a.atttypid, a.atttypmod) AS type, m.mask, m.object
                FROM pg_attribute a LEFT JOIN masked_column m ON m.relation = a.attrelid AND m."column" = a.attname
                WHERE a.attrelid = plan.relation AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum LOOP
        plan.object := each.object;
        columns := columns || CASE WHEN each.object IS NULL THEN format('r.%I', each.attname)
                                   ELSE format('CASE WHEN %s THEN r.%I ELSE (%s)::%s END AS %2$I', policy_condition(plan, 'read', 'r'),
                                               each.attname, coalesce(each.mask, 'NULL'), each.type) END;
    END LOOP;
    RETURN format('SELECT %s FROM %s r', array_to_string(columns, ', '), relation);
END
$$;
COMMENT ON FUNCTION @extschema@.masked_query(pg_catalog.regclass) IS
'The query of the view: each column of the table in order, a masked one by the privilege read on its object.';
SELECT @extschema@.set_audience('masked_query(regclass)', 'admin');

CREATE FUNCTION @extschema@.make_masked_view(relation pg_catalog.regclass, view_name text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    owner CONSTANT oid := (SELECT c.relowner FROM pg_class c WHERE c.oid = relation);
    reader text;
BEGIN
    PERFORM require_masking_role();
    EXECUTE format('GRANT SELECT ON %s TO crm_masking', relation);
    EXECUTE format('CREATE %s VIEW %s WITH (security_barrier = true) AS %s',
                   CASE WHEN to_regclass(view_name) IS NOT NULL THEN 'OR REPLACE' END, view_name, masked_query(relation));
    EXECUTE format('ALTER VIEW %s OWNER TO crm_masking', view_name);
    EXECUTE format('COMMENT ON VIEW %s IS %L', view_name, format('%s with masked columns; made by crm.', relation));
    EXECUTE format('GRANT SELECT ON %s TO %s WITH GRANT OPTION', view_name, owner::regrole);
    FOR reader IN SELECT grantee_sql(g.grantee) FROM masked_grant g
                  WHERE g.relation = make_masked_view.relation AND g.member = g.relation AND g."column" IS NULL AND is_still_granted(g) LOOP
        EXECUTE format('GRANT SELECT ON %s TO %s', view_name, reader);
    END LOOP;
    -- who could read some columns reads the same ones here
    FOR reader IN SELECT format('(%s) ON %s TO %s', string_agg(DISTINCT quote_ident(s."column"), ', '), view_name, grantee_sql(g.grantee))
                  FROM masked_grant g
                  CROSS JOIN LATERAL (SELECT g."column" UNION SELECT x."column" FROM select_grants(g.member) x
                                      WHERE x.grantee IS NOT DISTINCT FROM g.grantee) s ("column")
                  WHERE g.relation = make_masked_view.relation AND g.member = g.relation AND g."column" IS NOT NULL
                    AND is_column(g.relation, s."column") GROUP BY g.grantee LOOP
        EXECUTE 'GRANT SELECT ' || reader;
    END LOOP;
    UPDATE masking m SET view = view_name::regclass WHERE m.relation = make_masked_view.relation;
END
$$;
COMMENT ON FUNCTION @extschema@.make_masked_view(pg_catalog.regclass, text) IS
'Makes the view, or brings it up to date, and lets those read it who could read what it masks.';
SELECT @extschema@.set_audience('make_masked_view(regclass, text)', 'admin');

-- All that can be wrong with the arguments of mask; the name of the view, with its schema.
CREATE FUNCTION @extschema@.check_mask(relation pg_catalog.regclass, columns jsonb, view_name text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    class pg_class;
    parts text[] := parse_ident(view_name);
    home regnamespace;
    foreign_grant record;
BEGIN
    SELECT * INTO class FROM pg_class c WHERE c.oid = relation;
    IF EXISTS (SELECT FROM masking m WHERE m.relation = check_mask.relation) THEN
        RAISE EXCEPTION '% has masked columns already', relation USING ERRCODE = 'RM103',
            HINT = format('Type SELECT @extschema@.unmask(%L); first.', relation);
    END IF;
    IF jsonb_typeof(columns) IS DISTINCT FROM 'object' OR columns = '{}'
       OR EXISTS (SELECT FROM jsonb_each(columns) c WHERE jsonb_typeof(c.value) NOT IN ('string', 'null')) THEN
        RAISE EXCEPTION 'columns must name each masked column and its mask' USING ERRCODE = 'RM005',
            HINT = 'Type for example columns => ''{"phone": "right(phone, 3)", "birth_date": null}''.';
    END IF;
    FOR foreign_grant IN SELECT m, g.grantee FROM members(relation) m, select_grants(m) g WHERE NOT g.by_owner LIMIT 1 LOOP
        RAISE EXCEPTION 'SELECT on % was given to % by another role than its owner', foreign_grant.m, grantee_sql(foreign_grant.grantee)
            USING ERRCODE = 'RM103', DETAIL = 'It could not be given back as it is.',
                  HINT = 'Revoke it, and grant it again as the owner.';
    END LOOP;
    IF cardinality(parts) > 2 THEN
        RAISE EXCEPTION '"%" names no view of this database', view_name USING ERRCODE = 'RM005', HINT = 'Write schema.name.';
    END IF;
    home := coalesce(to_regnamespace(quote_ident(CASE WHEN cardinality(parts) = 2 THEN parts[1] END)), class.relnamespace);
    IF cardinality(parts) = 2 AND to_regnamespace(quote_ident(parts[1])) IS NULL THEN
        PERFORM raise_unknown('schema', parts[1], ARRAY(SELECT n.nspname::text FROM pg_namespace n WHERE n.nspname !~ '^pg_'));
    END IF;
    IF NOT has_schema_privilege(caller()::oid, home::oid, 'CREATE') THEN
        RAISE EXCEPTION 'permission denied for schema %', home USING ERRCODE = 'insufficient_privilege',
            HINT = 'Name a view in a schema in which you may create one.';
    END IF;
    view_name := format('%s.%I', home, coalesce(parts[cardinality(parts)], left(class.relname, 56) || '_masked'));
    IF to_regclass(view_name) IS NOT NULL THEN
        RAISE EXCEPTION 'relation % exists already', view_name USING ERRCODE = 'duplicate_table',
            HINT = 'Give the view another name with view_name.';
    END IF;
    RETURN view_name;
END
$$;
COMMENT ON FUNCTION @extschema@.check_mask(pg_catalog.regclass, jsonb, text) IS
'Raises where the arguments of mask cannot work; returns the name of the view with its schema.';
SELECT @extschema@.set_audience('check_mask(regclass, jsonb, text)', 'admin');

CREATE FUNCTION @extschema@.mask(relation pg_catalog.regclass, columns jsonb, view_name text DEFAULT NULL,
                                 lock_timeout interval DEFAULT '2 s') RETURNS SETOF @extschema@.attachment
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    each record;
BEGIN
    PERFORM require_owner(relation);
    PERFORM require_protected(relation);
    view_name := check_mask(relation, columns, view_name);
    -- Readers and writers go on; the table's columns stay as they are meanwhile.
    PERFORM lock_members(relation, 'SHARE UPDATE EXCLUSIVE', lock_timeout);
    PERFORM hold_protection(relation);
    INSERT INTO masking (relation, masked_by) VALUES (relation, caller()::text::name);
    FOR each IN SELECT c.key, c.value FROM jsonb_each_text(columns) c ORDER BY c.key LOOP
        IF NOT is_column(relation, each.key) THEN
            PERFORM raise_unknown(format('column of %s', relation), each.key, ARRAY(SELECT shown_columns(relation)::text));
        END IF;
        -- Through the parser: one expression over the row, immutable, of functions that are nobody's own.
        INSERT INTO masked_column (relation, "column", typed, mask, object)
        VALUES (relation, each.key, each.value,
                CASE WHEN each.value IS NOT NULL
                     THEN (mapping_expression(relation, each.key, 'value', each.value, default_zone())).expression END,
                format('%s.%s', table_name(relation), each.key));
    END LOOP;
    IF NOT EXISTS (SELECT shown_columns(relation)) THEN
        RAISE EXCEPTION 'no column of % would be left', relation USING ERRCODE = 'RM005', HINT = 'Revoke SELECT on the table instead.';
    END IF;
    PERFORM narrow_grants(relation, m) FROM members(relation) m;
    PERFORM make_masked_view(relation, view_name);
    RETURN QUERY
    SELECT 'org'::text, format('%s.%I', m.relation, m."column"), 'SHARE UPDATE EXCLUSIVE'::text,
           format('shown in %s to whoever has read on %s, else %s', view_name, m.object, coalesce(m.mask, 'null'))
    FROM masked_column m WHERE m.relation = mask.relation ORDER BY 2;
END
$$;
COMMENT ON FUNCTION @extschema@.mask(pg_catalog.regclass, jsonb, text, interval) IS
'Masks columns of a protected table: SELECT on them is taken from everybody but the owner, and a view (TABLE_masked unless '
'view_name says otherwise) shows each as it is in the rows that the caller reaches with the privilege read on the object '
'SCHEMA.TABLE.COLUMN, and the mask in the others. columns: JSON from column to mask, an immutable expression over columns of the '
'row, or null. Who could read the table reads the view, and in the table the other columns. Only the owner may call it. RM103, RM104, '
'RM002 where it cannot be. Example: SELECT * FROM mask(''public.contacts'', ''{"phone": "right(phone, 3)", "birth_date": null}'');';

CREATE FUNCTION @extschema@.mask_again(relation pg_catalog.regclass, lock_timeout interval DEFAULT '2 s') RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    kept masking;
    view_name text;
BEGIN
    PERFORM require_owner(relation);
    SELECT * INTO kept FROM masking m WHERE m.relation = mask_again.relation;
    IF NOT FOUND THEN
        RAISE EXCEPTION '% has no masked columns', relation USING ERRCODE = 'RM104',
            HINT = format('Type SELECT * FROM @extschema@.mask(%L, ''{"column": null}''); to mask some.', relation);
    END IF;
    PERFORM lock_members(relation, 'SHARE UPDATE EXCLUSIVE', lock_timeout);
    PERFORM hold_protection(relation);
    DELETE FROM masked_column c WHERE c.relation = mask_again.relation AND NOT is_column(c.relation, c."column");
    PERFORM narrow_grants(relation, m) FROM members(relation) m;
    PERFORM widen_grants(g) FROM masked_grant g
    WHERE g.relation = mask_again.relation AND g."column" IS NULL AND is_still_granted(g);
    view_name := (SELECT table_name(c.oid) FROM pg_class c WHERE c.oid = kept.view);
    IF view_name IS NULL THEN
        view_name := (SELECT format('%s.%I', c.relnamespace::regnamespace, left(c.relname, 56) || '_masked') FROM pg_class c WHERE c.oid = relation);
        IF to_regclass(view_name) IS NOT NULL THEN -- it may be anybody's
            RAISE EXCEPTION 'relation % exists already', view_name USING ERRCODE = 'duplicate_table',
                HINT = format('Type SELECT @extschema@.unmask(%L); and mask again with another view_name.', relation);
        END IF;
    END IF;
    PERFORM make_masked_view(relation, view_name);
END
$$;
COMMENT ON FUNCTION @extschema@.mask_again(pg_catalog.regclass, interval) IS
'Brings masking up to date: columns added to the table are shown and may be read by those who could read the whole table, what was '
'granted since is narrowed, partitions included, a dropped view is made anew. Only the owner may call it. RM104 where nothing is masked.';

CREATE FUNCTION @extschema@.is_still_granted(before @extschema@.masked_grant) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT NOT EXISTS (SELECT FROM unnest(before.narrowed) c
                       WHERE is_column(before.member, c)
                         AND NOT EXISTS (SELECT FROM select_grants(before.member) g
                                         WHERE g.grantee IS NOT DISTINCT FROM before.grantee AND g."column" = c))
$$;
COMMENT ON FUNCTION @extschema@.is_still_granted(@extschema@.masked_grant) IS
'Whether one whose right was narrowed still has what was left of it.';
SELECT @extschema@.set_audience('is_still_granted(masked_grant)', 'admin');

-- Columns that came since masking.
CREATE FUNCTION @extschema@.widen_grants(before @extschema@.masked_grant) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    shown CONSTANT name[] := ARRAY(SELECT shown_columns(before.relation));
BEGIN
    EXECUTE format('GRANT SELECT (%s) ON %s TO %s%s', (SELECT string_agg(quote_ident(c), ', ') FROM unnest(shown) c),
                   before.member, grantee_sql(before.grantee), CASE WHEN before.grantable THEN ' WITH GRANT OPTION' ELSE '' END);
    UPDATE masked_grant g SET narrowed = shown
    WHERE g.member = before.member AND g.grantee IS NOT DISTINCT FROM before.grantee AND g."column" IS NULL;
END
$$;
COMMENT ON FUNCTION @extschema@.widen_grants(@extschema@.masked_grant) IS
'Grants SELECT on all columns that are not masked to one who could read the whole table before.';
SELECT @extschema@.set_audience('widen_grants(masked_grant)', 'admin');

CREATE FUNCTION @extschema@.drop_mask(relation pg_catalog.regclass) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    kept masking;
    before masked_grant;
BEGIN
    SELECT * INTO kept FROM masking m WHERE m.relation = drop_mask.relation;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF EXISTS (SELECT FROM pg_class c WHERE c.oid = kept.view) THEN
        EXECUTE format('DROP VIEW %s', kept.view);
    END IF;
    EXECUTE format('REVOKE SELECT ON %s FROM crm_masking', relation);
    DELETE FROM masked_grant g WHERE g.relation = drop_mask.relation AND NOT is_still_granted(g); -- somebody took it meanwhile
    -- First every narrowed grant goes, then all come back as they were.
    FOR before IN SELECT * FROM masked_grant g WHERE g.relation = drop_mask.relation AND g."column" IS NULL
                  AND EXISTS (SELECT FROM pg_class c WHERE c.oid = g.member) LOOP
        EXECUTE format('REVOKE SELECT ON %s FROM %s', before.member, grantee_sql(before.grantee));
    END LOOP;
    FOR before IN SELECT * FROM masked_grant g WHERE g.relation = drop_mask.relation
                  AND EXISTS (SELECT FROM pg_class c WHERE c.oid = g.member)
                  AND (g.grantee IS NULL OR EXISTS (SELECT FROM pg_roles r WHERE r.rolname = g.grantee))
                  AND (g."column" IS NULL OR is_column(g.member, g."column")) LOOP
        EXECUTE format('GRANT SELECT %s ON %s TO %s%s', '(' || quote_ident(before."column") || ')', before.member,
                       grantee_sql(before.grantee), CASE WHEN before.grantable THEN ' WITH GRANT OPTION' ELSE '' END);
    END LOOP;
    DELETE FROM masking m WHERE m.relation = drop_mask.relation;
END
$$;
COMMENT ON FUNCTION @extschema@.drop_mask(pg_catalog.regclass) IS
'Drops the view of masked columns and gives back the rights to SELECT as they were; nothing where no column is masked.';
SELECT @extschema@.set_audience('drop_mask(regclass)', 'admin');

CREATE FUNCTION @extschema@.unmask(relation pg_catalog.regclass, lock_timeout interval DEFAULT '2 s') RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM require_owner(relation);
    IF NOT EXISTS (SELECT FROM masking m WHERE m.relation = unmask.relation) THEN
        RAISE EXCEPTION '% has no masked columns', relation USING ERRCODE = 'RM104',
            HINT = 'SELECT relation, view FROM @extschema@.masking; shows which tables have.';
    END IF;
    PERFORM lock_members(relation, 'SHARE UPDATE EXCLUSIVE', lock_timeout);
    PERFORM hold_protection(relation);
    PERFORM drop_mask(relation);
END
$$;
COMMENT ON FUNCTION @extschema@.unmask(pg_catalog.regclass, interval) IS
'Takes back mask: drops the view and gives back the rights to SELECT as they were, except those revoked meanwhile. Only the owner may '
'call it. RM104 where nothing is masked; an error of Postgres where another view reads the masked one.';

CREATE FUNCTION @extschema@.follow_masked(relation pg_catalog.regclass, renamed name) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    shown_by CONSTANT regclass := (SELECT m.view FROM masking m WHERE m.relation = follow_masked.relation);
    old_name CONSTANT name := (SELECT a.attname FROM pg_attribute a
                               WHERE a.attrelid = shown_by AND a.attnum > 0 AND NOT is_column(relation, a.attname));
BEGIN
    IF old_name IS NOT NULL THEN
        EXECUTE format('ALTER VIEW %s RENAME COLUMN %I TO %I', shown_by, old_name, renamed);
        UPDATE masked_column c SET "column" = renamed WHERE c.relation = follow_masked.relation AND c."column" = old_name;
        UPDATE masked_grant g SET "column" = renamed WHERE g.relation = follow_masked.relation AND g."column" = old_name;
        UPDATE masked_grant g SET narrowed = array_replace(g.narrowed, old_name, renamed) WHERE g.relation = follow_masked.relation;
        UPDATE masked_column c
        SET mask = regexp_replace(c.mask, '\mr\.' || regexp_replace(quote_ident(old_name), '([^\w])', '\\\1', 'g') || '(?![\w"$])',
                                  replace('r.' || quote_ident(renamed), '\', '\\'), 'g')
        WHERE c.relation = follow_masked.relation;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.follow_masked(pg_catalog.regclass, name) IS
'A column of a table with masked ones was renamed: so it is in the view.';
SELECT @extschema@.set_audience('follow_masked(regclass, name)', 'admin');
