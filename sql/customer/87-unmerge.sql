-- unmerge: what a merge did to each row is taken back where nobody touched it since, and told where somebody did.

CREATE FUNCTION @extschema@.require_choice(argument text, choice text, choices text[]) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF choice IS NULL OR choice <> ALL (choices) THEN
        PERFORM raise_unknown(format('choice for %s', argument), coalesce(choice, ''), choices);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.require_choice(text, text, text[]) IS 'Raises RM001 where an argument is none of the words that it may be.';

CREATE FUNCTION @extschema@.require_merge(merge_id bigint) RETURNS @extschema@.row_merge
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    found_row row_merge;
BEGIN
    SELECT * INTO found_row FROM row_merge m WHERE m.merge_id = require_merge.merge_id FOR UPDATE;
    IF NOT FOUND OR NOT may_see_merge(found_row.relation, found_row.merged_by)
                    AND NOT has_any_column_privilege(caller()::oid, found_row.relation, 'INSERT') THEN
        RAISE EXCEPTION 'there is no merge %', coalesce(merge_id::text, 'NULL')
            USING ERRCODE = 'RM204', HINT = 'SELECT * FROM @extschema@.merge_log lists them.';
    ELSIF found_row.erased_at IS NOT NULL THEN
        RAISE EXCEPTION 'merge % cannot be taken back: the customer was erased', merge_id
            USING ERRCODE = 'RM204', DETAIL = format('At %s; what the rows held is not known any more.', found_row.erased_at);
    ELSIF found_row.forgotten_at IS NOT NULL THEN
        RAISE EXCEPTION 'merge % cannot be taken back: it was forgotten', merge_id
            USING ERRCODE = 'RM204', DETAIL = format('forget_merges did that at %s; where its keys lead is still known.', found_row.forgotten_at),
                  HINT = 'SELECT * FROM @extschema@.merge_log lists merges.';
    ELSIF found_row.unmerged_at IS NOT NULL THEN
        RAISE EXCEPTION 'merge % was taken back already', merge_id
            USING ERRCODE = 'RM204', DETAIL = format('By %s, at %s.', found_row.unmerged_by, found_row.unmerged_at),
                  HINT = 'SELECT * FROM @extschema@.merge_log lists merges.';
    END IF;
    RETURN found_row;
END
$$;
COMMENT ON FUNCTION @extschema@.require_merge(bigint) IS 'The merge, locked; raises RM204 where there is none, it was taken back, or the caller may neither know of it nor put a row back.';
SELECT @extschema@.set_audience('require_merge(bigint)', 'internal');

-- A later merge that still stands may have moved or removed the rows again. It is told now as if this one had never been: what
-- it found before is what the row held before this merge, and what it no longer changes it will not take back.
--
-- No statistics know of these rows, so whatever joins them must not compare each with each.
CREATE FUNCTION @extschema@.rebase_merge(merge_id bigint, later_id bigint) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp SET enable_nestloop = off AS $$
BEGIN
    -- rows of a table without key meet by all that is in them, equal ones in any order
    WITH keyed AS MATERIALIZED (
        SELECT t.relation, row_key_columns(t.relation) AS key
        FROM (SELECT DISTINCT m.relation FROM merge_change m WHERE m.merge_id IN (rebase_merge.merge_id, later_id) OFFSET 0) t),
    mine AS MATERIALIZED (
        SELECT c.relation, c.row_key, c.before, c.expected, c.keyless, c.key,
               CASE WHEN c.keyless THEN c.whole::text ELSE coalesce(c.after_key, c.row_key) END AS meets,
               row_number() OVER (PARTITION BY c.relation, c.whole, CASE WHEN NOT c.keyless THEN c.row_key END ORDER BY c.row_key) AS copy
        FROM (SELECT m.relation, m.row_key, m.after_key, m.before, e.expected, k.key IS NULL AS keyless, k.key,
                     CASE WHEN k.key IS NULL THEN m.before || e.expected END AS whole
              FROM changes_of(rebase_merge.merge_id) m JOIN keyed k USING (relation)
              CROSS JOIN LATERAL (SELECT coalesce(m.expected, m.after) AS expected) e
              WHERE m.action = 'update') c),
    keeping AS MATERIALIZED (
        SELECT DISTINCT d.relation, d.keep_key FROM changes_of(later_id) d WHERE d.action = 'delete'),
    theirs AS MATERIALIZED (
        SELECT l.relation, l.row_key, l.action, l.before, l.after,
               CASE WHEN l.action <> 'delete' THEN coalesce(l.after_key, l.row_key) END AS after_key, l.keeps,
               CASE WHEN l.keyless THEN l.whole::text ELSE l.row_key END AS meets,
               row_number() OVER (PARTITION BY l.relation, l.whole, CASE WHEN NOT l.keyless THEN l.row_key END ORDER BY l.row_key) AS copy
        FROM (SELECT m.relation, m.row_key, m.action, m.before, m.after, m.after_key, p.keep_key IS NOT NULL AS keeps,
                     k.key IS NULL AS keyless, CASE WHEN k.key IS NULL THEN m.before END AS whole
              FROM changes_of(later_id) m JOIN keyed k USING (relation)
              LEFT JOIN keeping p ON p.relation = m.relation AND p.keep_key = m.row_key) l),
    meeting AS MATERIALIZED (
        SELECT c.relation, c.row_key, l.row_key AS later_key, l.action, l.before, l.after, l.after_key, o.original, c.keyless, c.key,
               -- others became one with it: under the key that it has, so it keeps that until they are back
               l.keeps AND row_key(c.key, l.before || o.original) <> l.row_key AS stays,
               (SELECT jsonb_object_agg(e.key, l.after -> e.key) FROM jsonb_each(c.expected) e
                WHERE l.before -> e.key = e.value AND l.after ? e.key AND l.action = 'update') AS moved
        FROM mine c JOIN theirs l USING (relation, meets, copy)
        CROSS JOIN LATERAL (SELECT coalesce(jsonb_object_agg(e.key, c.before -> e.key), '{}') AS original FROM jsonb_each(c.expected) e
                            WHERE l.before -> e.key = e.value) o),
    followed AS (
        UPDATE merge_change c
        SET expected = coalesce(c.expected, c.after) || coalesce(m.moved, '{}'), held_by = CASE WHEN m.action = 'delete' OR m.stays THEN later_id END,
            restore = CASE WHEN m.action = 'delete' OR m.stays THEN '{}'::jsonb END,
            after_key = coalesce(m.after_key, c.after_key),
            -- the other columns that it changed: a key of several references is found as it is now
            before = CASE WHEN m.action = 'update' AND NOT m.stays
                          THEN c.before || (m.after - row_columns(coalesce(c.expected, c.after))::text[]) ELSE c.before END
        FROM meeting m WHERE c.merge_id = rebase_merge.merge_id AND c.relation = m.relation AND c.row_key = m.row_key),
    renamed AS MATERIALIZED (
        SELECT m.relation, m.later_key, m.action, m.key, m.before || m.original AS before,
               CASE WHEN m.stays THEN row_difference(m.before || m.original, m.before || m.after)
                    WHEN m.action = 'delete' THEN m.after
                    ELSE m.after - row_columns(m.original)::text[] END AS after,
               row_key(m.key, m.before || m.original)
               || CASE WHEN m.keyless THEN format(' #%s of %s', rebase_merge.merge_id, md5(m.row_key)) ELSE '' END AS new_key
        FROM meeting m),
    led AS (
        UPDATE merge_change d SET keep_key = r.new_key FROM renamed r
        WHERE d.merge_id = later_id AND d.relation = r.relation AND d.action = 'delete' AND d.keep_key = r.later_key)
    UPDATE merge_change l
    SET before = r.before, after = r.after, row_key = r.new_key,
        action = CASE WHEN l.action = 'delete' THEN 'delete' WHEN r.after = '{}' THEN 'stay' ELSE 'update' END,
        after_key = CASE WHEN l.action <> 'delete' THEN row_key(r.key, r.before || r.after) END
    FROM renamed r WHERE l.merge_id = later_id AND l.relation = r.relation AND l.row_key = r.later_key;
END
$$;
COMMENT ON FUNCTION @extschema@.rebase_merge(bigint, bigint) IS
'Follows the rows of a merge that is taken back through a later one, and tells that one as if the earlier had never been.';
SELECT @extschema@.set_audience('rebase_merge(bigint, bigint)', 'internal');

CREATE FUNCTION @extschema@.follow_later(merge_id bigint) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    later bigint;
BEGIN
    FOR later IN SELECT DISTINCT m.merge_id FROM row_merge m JOIN merge_change l USING (merge_id)
                 WHERE m.merge_id > follow_later.merge_id AND m.unmerged_at IS NULL
                   AND l.relation IN (SELECT c.relation FROM merge_change c WHERE c.merge_id = follow_later.merge_id)
                 ORDER BY 1 LOOP
        PERFORM rebase_merge(merge_id, later);
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.follow_later(bigint) IS 'What the rows of a merge hold today, where only later merges touched them.';
SELECT @extschema@.set_audience('follow_later(bigint)', 'internal');

CREATE FUNCTION @extschema@.writable_columns(relation pg_catalog.regclass) RETURNS text[]
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    RETURN ARRAY(SELECT a.attname::text FROM pg_attribute a
                 WHERE a.attrelid = writable_columns.relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY a.attnum);
COMMENT ON FUNCTION @extschema@.writable_columns(pg_catalog.regclass) IS 'The columns of a table that are not generated.';

CREATE FUNCTION @extschema@.note_finding(merge_id bigint, relation pg_catalog.regclass, row_key text, finding text, wanted jsonb, found jsonb)
    RETURNS void
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
    BEGIN ATOMIC
        INSERT INTO merge_finding VALUES (merge_id, relation, row_key, finding, wanted, found);
    END;
COMMENT ON FUNCTION @extschema@.note_finding(bigint, pg_catalog.regclass, text, text, jsonb, jsonb) IS 'Notes a row that does not go back as it was.';
SELECT @extschema@.set_audience('note_finding(bigint, regclass, text, text, jsonb, jsonb)', 'internal');

-- Locks what changed rows there still are and compares column by column. Only what does not go back whole is written down.
CREATE FUNCTION @extschema@.compare_rows(merge_id bigint, relation pg_catalog.regclass) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    key CONSTANT name[] := row_key_columns(relation);
    columns CONSTANT text[] := ARRAY(SELECT a.attname::text FROM pg_attribute a -- what can be written
                                     WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
                                       AND a.attidentity <> 'a' AND a.attgenerated = '');
    matched CONSTANT record := matched_rows(relation, key);
    wanted jsonb;
    gone text[];
BEGIN
    SELECT row_list(c.row_key, c.before || coalesce(c.expected, c.after), key, NULL) INTO wanted FROM merge_change c
    WHERE c.merge_id = compare_rows.merge_id AND c.relation = compare_rows.relation AND c.action = 'update' AND c.held_by IS NULL;
    IF wanted IS NULL THEN
        RETURN;
    END IF;
    WITH present AS MATERIALIZED (
        SELECT q.k, q.r
        FROM merge_rows(NULL, format('SELECT x.v ->> ''n'', @extschema@.row_as_text(t.*) FROM %s AS x (v) JOIN %s t ON %s%s FOR UPDATE OF t',
                                     format(matched.source, 1), row_source(relation), format(matched.condition, 1),
                                     ' ORDER BY ' || key_list(key)), wanted) AS q (k text, r jsonb)),
    known AS MATERIALIZED (
        SELECT c.row_key, c.before, coalesce(c.expected, c.after) AS expected FROM changes_of(compare_rows.merge_id, compare_rows.relation) c
        WHERE c.action = 'update'),
    compared AS MATERIALIZED (
        SELECT k.row_key, p.r, k.before, k.expected, row_difference(p.r, k.expected) AS edited FROM known k JOIN present p ON p.k = k.row_key),
    told AS (
        INSERT INTO merge_finding
        SELECT compare_rows.merge_id, compare_rows.relation, e.row_key, 'edited since', e.wanted, pick(e.r, row_columns(e.wanted))
        FROM (SELECT c.row_key, c.r, row_difference(c.r, pick(c.before, ARRAY(SELECT e FROM unnest(row_columns(c.edited)) e
                                                                              WHERE e = ANY (columns)))) AS wanted
              FROM compared c WHERE c.edited <> '{}') e
        WHERE e.wanted <> '{}'),
    planned AS (
        INSERT INTO merge_change (merge_id, relation, row_key, action, before, round, restore)
        SELECT compare_rows.merge_id, compare_rows.relation, c.row_key, 'update', '{}', 0,
               pick(c.before, ARRAY(SELECT e FROM unnest(row_columns(c.expected)) e WHERE e = ANY (columns) AND NOT c.edited ? e))
        FROM compared c WHERE c.edited <> '{}' OR NOT row_columns(c.expected)::text[] <@ columns
        ON CONFLICT ON CONSTRAINT merge_change_pkey DO UPDATE SET restore = excluded.restore)
    SELECT array_agg(k.row_key) INTO gone FROM known k LEFT JOIN present p ON p.k = k.row_key WHERE p.k IS NULL;
    IF gone IS NULL THEN
        RETURN;
    ELSIF may_be_hidden(relation) THEN
        PERFORM refuse_hidden(relation, jsonb_array_length(wanted) - cardinality(gone), (SELECT count(*) FROM present_rows(relation, wanted)));
    END IF;
    WITH absent AS (
        UPDATE merge_change m SET restore = '{}'
        WHERE m.merge_id = compare_rows.merge_id AND m.relation = compare_rows.relation AND m.row_key = ANY (gone) RETURNING m.row_key, m.before)
    INSERT INTO merge_finding (merge_id, relation, row_key, finding, wanted)
    SELECT compare_rows.merge_id, compare_rows.relation, a.row_key, 'gone since', a.before FROM absent a;
END
$$;
COMMENT ON FUNCTION @extschema@.compare_rows(bigint, pg_catalog.regclass) IS
'Locks the rows that a merge changed, in key order, and plans what goes back: columns that hold what the merge, or a later one, gave them.';
SELECT @extschema@.set_audience('compare_rows(bigint, regclass)', 'internal');

-- Rows that come or go back may refer to rows that a later merge removed: then to those that were kept, and that merge takes
-- it back when its turn comes.
CREATE FUNCTION @extschema@.redirect_returning(merge_id bigint) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp SET enable_nestloop = off AS $$
DECLARE
    later record;
    r reference;
    key name[];
BEGIN
    UPDATE merge_change c SET restore = c.before, expected = '{}' WHERE c.merge_id = redirect_returning.merge_id AND c.action = 'delete';
    FOR later IN SELECT DISTINCT m.merge_id, l.relation FROM row_merge m JOIN merge_change l USING (merge_id)
                 WHERE m.merge_id > redirect_returning.merge_id AND m.unmerged_at IS NULL ORDER BY 1, 2 LOOP
        FOR r IN SELECT * FROM row_references(later.relation) f
                 WHERE f.relation IN (SELECT c.relation FROM merge_change c WHERE c.merge_id = redirect_returning.merge_id) LOOP
            key := row_key_columns((r).relation);
            WITH pair AS MATERIALIZED (
                SELECT referring_values(r, d.before) AS gone, referring_values(r, k.before || k.after) AS stays
                FROM merge_change d
                JOIN merge_change k ON k.merge_id = d.merge_id AND k.relation = d.relation AND k.row_key = d.keep_key
                WHERE d.merge_id = later.merge_id AND d.relation = later.relation AND d.action = 'delete'
                UNION ALL
                SELECT referring_values(r, d.before), referring_values(r, d.before || d.after)
                FROM merge_change d
                WHERE d.merge_id = later.merge_id AND d.relation = later.relation AND d.action = 'update'
                  AND d.after ?| (r).target_columns::text[]),
            redirected AS (
                UPDATE merge_change c SET restore = going_back(c) || p.stays FROM pair p
                WHERE c.merge_id = redirect_returning.merge_id AND c.relation = (r).relation AND c.action <> 'stay'
                  AND going_back(c) ?| (r).columns::text[] AND pick(c.before || coalesce(c.expected, c.after) || going_back(c), (r).columns) = p.gone
                  AND NOT jsonb_path_exists(p.gone, '$.* ? (@ == null)')
                RETURNING c.relation, c.before || coalesce(c.expected, c.after) || c.restore AS image, p.gone, p.stays)
            INSERT INTO merge_change AS c (merge_id, relation, row_key, action, before, after, after_key, round)
            SELECT later.merge_id, d.relation, row_key(key, d.image || d.gone), 'update', d.image || d.gone, d.stays, row_key(key, d.image), 0
            FROM redirected d
            ON CONFLICT ON CONSTRAINT merge_change_pkey DO UPDATE SET after = c.after || excluded.after, after_key = excluded.after_key;
        END LOOP;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.redirect_returning(bigint) IS
'What rows that come or go back hold, where a row that they refer to was merged away since.';
SELECT @extschema@.set_audience('redirect_returning(bigint)', 'internal');
