-- Rows that came since a merge and refer to a key that its unmerge changes: they go with that key.

CREATE FUNCTION @extschema@.returning_keys(merge_id bigint, relation pg_catalog.regclass, columns name[]) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp SET enable_nestloop = off AS $$
    SELECT jsonb_agg(jsonb_build_object('n', p.n, 'l', p.present, 'k', p.going, 'shared', d.present IS NOT NULL) ORDER BY p.n)
    FROM (SELECT row_number() OVER (ORDER BY c.row_key) AS n, pick(c.before || coalesce(c.expected, c.after), columns) AS present,
                 pick(c.before || coalesce(c.expected, c.after) || going_back(c), columns) AS going
          FROM merge_change c
          WHERE c.merge_id = returning_keys.merge_id AND c.relation = returning_keys.relation AND c.action = 'update'
            AND going_back(c) ?| columns::text[]) p
    LEFT JOIN (SELECT DISTINCT pick(c.restore, columns) AS present FROM merge_change c
               WHERE c.merge_id = returning_keys.merge_id AND c.relation = returning_keys.relation AND c.action = 'delete') d ON d.present = p.present
    WHERE p.present <> p.going AND NOT jsonb_path_exists(p.present, '$.* ? (@ == null)')
$$;
COMMENT ON FUNCTION @extschema@.returning_keys(bigint, pg_catalog.regclass, name[]) IS
'Which values of columns an unmerge changes, and to what, for referring_statement(); shared: a removed row returns with that value.';
SELECT @extschema@.set_audience('returning_keys(bigint, regclass, name[])', 'internal');

-- What a later merge moved there belongs to a row that is one with another now; where it goes is known when that is taken back.
CREATE FUNCTION @extschema@.refuse_moved_later(merge_id bigint, r @extschema@.reference, row_keys text[]) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp SET enable_nestloop = off AS $$
DECLARE
    moved record;
BEGIN
    SELECT l.merge_id, coalesce(l.after_key, l.row_key) AS after_key INTO moved
    FROM merge_change l JOIN row_merge m USING (merge_id) JOIN unnest(row_keys) AS k (followed) ON k.followed = coalesce(l.after_key, l.row_key)
    WHERE l.merge_id > refuse_moved_later.merge_id AND m.unmerged_at IS NULL AND l.relation = (r).relation AND l.action = 'update'
      AND l.after ?| (r).columns::text[]
    ORDER BY l.merge_id DESC LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'merge % must be taken back before merge %', moved.merge_id, merge_id
            USING ERRCODE = 'RM205', DETAIL = format('It moved row %s of %s, which refers to a key of %s that would change.', moved.after_key,
                                                     (r).relation, (r).target),
                  HINT = format('Type SELECT @extschema@.unmerge(%s); first.', moved.merge_id);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.refuse_moved_later(bigint, @extschema@.reference, text[]) IS
'Raises RM205 where a later merge that stands gave one of these rows the reference that an unmerge would change.';
SELECT @extschema@.set_audience('refuse_moved_later(bigint, reference, text[])', 'internal');

-- A value that the kept row took over goes back to the row that had it, and references to it stay: not where the foreign key
-- would act when the kept row loses it.
CREATE FUNCTION @extschema@.refuse_acting(r @extschema@.reference, row_key text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_constraint c WHERE c.contype = 'f' AND c.conname = (r).name AND c.confupdtype <> 'a'
                  AND c.conrelid = (r).relation AND c.confrelid IN (SELECT m FROM members((r).target) m)) THEN
        RAISE EXCEPTION 'row % of % would not keep what it refers to', row_key, (r).relation
            USING ERRCODE = 'RM205', DETAIL = format('A row of %s returns with the %s that the kept row has now, and "%s" acts ON UPDATE of that.',
                                                     (r).target, array_to_string((r).target_columns, ', '), (r).name),
                  HINT = 'Make the foreign key ON UPDATE NO ACTION meanwhile.';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.refuse_acting(@extschema@.reference, text) IS
'Raises RM205 for a row that refers to a value which an unmerge moves from the kept row to one that returns, by a foreign key with an action.';
SELECT @extschema@.set_audience('refuse_acting(reference, text)', 'internal');

CREATE FUNCTION @extschema@.follow_reference(merge_id bigint, r @extschema@.reference) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    key CONSTANT name[] := row_key_columns((r).relation);
    pairs CONSTANT jsonb := returning_keys(merge_id, (r).target, (r).target_columns);
    there bigint;
    seen bigint;
    staying text;
    following text[];
BEGIN
    IF pairs IS NULL THEN
        RETURN 0;
    END IF;
    SELECT q.n INTO there FROM merge_rows((r).relation, referring_statement(r, key, false), pairs) AS q (n bigint);
    IF there = 0 THEN
        RETURN 0;
    END IF;
    -- of a table without key equal rows are as good as each other: as many as the merge has of them are its own
    WITH referring AS MATERIALIZED (
        SELECT q.present, q.going, (pairs -> (q.n - 1) ->> 'shared')::boolean AS shared, row_key(key, q.present) AS row_key,
               row_number() OVER (PARTITION BY row_key(key, q.present)) AS copy
        FROM merge_rows(NULL, referring_statement(r, key, true), pairs) AS q (n integer, present jsonb, going jsonb)),
    known AS MATERIALIZED (
        SELECT c.row_key AS known_as, going_back(c) AS restore, k.row_key, row_number() OVER (PARTITION BY k.row_key ORDER BY c.row_key) AS copy
        FROM changes_of(follow_reference.merge_id, (r).relation) c
        CROSS JOIN LATERAL (SELECT row_key(key, c.before || coalesce(c.expected, c.after)) AS row_key) k
        WHERE c.action <> 'delete'),
    added AS MATERIALIZED (
        SELECT f.present, f.going, f.shared, f.row_key, k.known_as,
               coalesce(k.known_as, f.row_key || CASE WHEN key IS NULL THEN format(' #%s', f.copy) ELSE '' END) AS change_key
        FROM referring f LEFT JOIN known k USING (row_key, copy)
        WHERE NOT coalesce(k.restore, '{}') ?| (r).columns::text[]),
    planned AS (
        INSERT INTO merge_change AS c (merge_id, relation, row_key, action, before, after, after_key, round, expected, restore)
        SELECT follow_reference.merge_id, (r).relation, a.change_key, 'update', a.present, '{}', a.row_key, 0, '{}', a.going
        FROM added a WHERE NOT a.shared
        ON CONFLICT ON CONSTRAINT merge_change_pkey DO UPDATE
        SET action = 'update', expected = excluded.before, restore = going_back(c) || excluded.restore),
    told AS (
        INSERT INTO merge_finding
        SELECT follow_reference.merge_id, (r).relation, a.row_key, 'followed', a.going, pick(a.present, (r).columns)
        FROM added a WHERE NOT a.shared)
    SELECT (SELECT count(*) FROM referring), min(a.row_key) FILTER (WHERE a.shared), array_agg(a.row_key) FILTER (WHERE NOT a.shared)
    INTO seen, staying, following FROM added a;
    IF seen <> there THEN
        PERFORM refuse_hidden((r).relation, seen, there);
    END IF;
    IF staying IS NOT NULL THEN
        PERFORM refuse_acting(r, staying);
    END IF;
    IF following IS NULL THEN
        RETURN 0;
    ELSIF (r).problem IS NOT NULL THEN
        PERFORM refuse_merge((r).target, format('row %s of %s refers to a key that would change, by "%s", and %s', following[1], (r).relation,
                                                (r).name, (r).problem), 'Change those rows by hand first.');
    END IF;
    PERFORM refuse_unmergeable((r).relation), refuse_moved_later(merge_id, r, following);
    RETURN cardinality(following);
END
$$;
COMMENT ON FUNCTION @extschema@.follow_reference(bigint, @extschema@.reference) IS
'Plans what rows shall hold that refer to a key which an unmerge changes and that it would not change itself; returns how many.';
SELECT @extschema@.set_audience('follow_reference(bigint, reference)', 'internal');

-- Again and again: what follows may have a key that others refer to.
CREATE FUNCTION @extschema@.follow_returning(merge_id bigint) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    r reference;
    followed bigint;
BEGIN
    LOOP
        followed := 0;
        FOR r IN SELECT f.* FROM (SELECT DISTINCT c.relation FROM merge_change c
                                  WHERE c.merge_id = follow_returning.merge_id AND c.action = 'update' AND going_back(c) <> '{}') t,
                                 row_references(t.relation) f ORDER BY f.target, f.relation, f.columns LOOP
            followed := followed + follow_reference(merge_id, r);
        END LOOP;
        EXIT WHEN followed = 0;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.follow_returning(bigint) IS
'Plans for rows that came since a merge, and refer to a key that its unmerge changes, that they go with it.';
SELECT @extschema@.set_audience('follow_returning(bigint)', 'internal');
