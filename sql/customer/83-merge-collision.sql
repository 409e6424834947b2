-- Rows that would collide once they refer to the row that is kept: found by the definitions of the indexes themselves.

CREATE TABLE @extschema@.merge_collision (
    merge_id bigint NOT NULL,
    mover text COLLATE "C" NOT NULL,
    other text COLLATE "C" NOT NULL,
    other_key jsonb,
    index_name text NOT NULL
);
CREATE INDEX merge_collision_merge ON @extschema@.merge_collision (merge_id, mover);
COMMENT ON TABLE @extschema@.merge_collision IS
'For planning a merge, empty between merges: a row that changes and one that it would collide with; other_key, the columns of its key, where '
'that one does not change.';

CREATE TYPE @extschema@.index_term AS (expression text, operator text, nulls_equal boolean);
COMMENT ON TYPE @extschema@.index_term IS 'One column of an index: its expression, the operator (with collation) that compares it, whether two NULLs collide.';

CREATE FUNCTION @extschema@.index_terms(index_id oid) RETURNS SETOF @extschema@.index_term
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 2 SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('(%s)%s', pg_get_indexdef(i.indexrelid, n, false),
                  coalesce((SELECT format(' COLLATE %I.%I', s.nspname, k.collname) FROM pg_collation k
                            JOIN pg_namespace s ON s.oid = k.collnamespace WHERE k.oid = (i.indcollation::oid[])[n - 1]), '')),
           (SELECT format('OPERATOR(%I.%s)', s.nspname, o.oprname) FROM pg_operator o JOIN pg_namespace s ON s.oid = o.oprnamespace
            WHERE o.oid = CASE WHEN i.indisexclusion THEN x.conexclop[n]
                               ELSE (SELECT m.amopopr FROM pg_opclass c JOIN pg_amop m ON m.amopfamily = c.opcfamily
                                      AND m.amoplefttype = c.opcintype AND m.amoprighttype = c.opcintype AND m.amopstrategy = 3
                                     WHERE c.oid = (i.indclass::oid[])[n - 1]) END),
           i.indnullsnotdistinct
    FROM pg_index i
    LEFT JOIN pg_constraint x ON x.conindid = i.indexrelid AND x.conrelid = i.indrelid AND x.contype IN ('x', 'p', 'u')
    CROSS JOIN generate_series(1, i.indnkeyatts) n
    WHERE i.indexrelid = index_id ORDER BY n
$$;
COMMENT ON FUNCTION @extschema@.index_terms(oid) IS 'The key columns of a unique or exclusion index as SQL.';

CREATE FUNCTION @extschema@.index_columns(index_id oid) RETURNS name[]
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN (SELECT CASE WHEN i.indexprs IS NULL AND i.indpred IS NULL
                             AND NOT (SELECT c.relispartition FROM pg_class c WHERE c.oid = i.indrelid)
                        THEN column_names(i.indrelid, (i.indkey::smallint[])[0 : i.indnkeyatts - 1])
                        ELSE ARRAY(SELECT a.attname FROM pg_attribute a
                                   WHERE a.attrelid = i.indrelid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum) END
            FROM pg_index i WHERE i.indexrelid = index_id);
COMMENT ON FUNCTION @extschema@.index_columns(oid) IS 'The columns that an index may depend on: all, where it has expressions or a condition, or stands on a partition.';

-- $1: [{key, rank, i: text forms of the columns}]. Names with a blank cannot be taken for columns that an expression names.
-- An index of a single partition holds the rows of that partition.
CREATE FUNCTION @extschema@.index_condition(index_id oid) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    RETURN (SELECT coalesce(concat_ws(' AND ', pg_get_expr(i.indpred, i.indrelid), pg_get_partition_constraintdef(i.indrelid)), 'true')
            FROM pg_index i WHERE i.indexrelid = index_id);
COMMENT ON FUNCTION @extschema@.index_condition(oid) IS 'SQL for whether an index holds a row: its condition, and that of the partition that it stands on.';

CREATE FUNCTION @extschema@.moved_query(relation pg_catalog.regclass, index_id oid) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN format('WITH moved AS MATERIALIZED (SELECT i."crm key", i."crm rank", %s FROM (SELECT x.v ->> ''key'' AS "crm key", '
                  '(x.v ->> ''rank'')::integer AS "crm rank", %s FROM jsonb_array_elements($1) AS x (v)) i WHERE %s)',
                  (SELECT string_agg(format('%s AS "crm %s"', t.expression, n), ', ')
                   FROM index_terms(index_id) WITH ORDINALITY AS t (expression, operator, nulls_equal, n)),
                  (SELECT string_agg(format('%s%s AS %I', typed('(x.v -> ''i'')', relation, a.attname),
                                            (SELECT format(' COLLATE %I.%I', s.nspname, k.collname) FROM pg_collation k
                                             JOIN pg_namespace s ON s.oid = k.collnamespace WHERE k.oid = a.attcollation),
                                            a.attname), ', ')
                   FROM pg_attribute a WHERE a.attrelid = relation AND a.attname = ANY (index_columns(index_id))),
                  coalesce(nullif(index_condition(index_id), ''), 'true'));
COMMENT ON FUNCTION @extschema@.moved_query(pg_catalog.regclass, oid) IS 'SQL for rows as they will be, as an index sees them.';

CREATE FUNCTION @extschema@.still_collision_statement(relation pg_catalog.regclass, index_id oid) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN format('%s SELECT m."crm key", (SELECT @extschema@.row_as_text(k.*) FROM (SELECT %s) k) FROM moved m JOIN %s t ON %s WHERE %s',
                  moved_query(relation, index_id), key_list(row_key_columns(relation)),
                  (SELECT row_source(i.indrelid) FROM pg_index i WHERE i.indexrelid = index_id),
                  (SELECT string_agg(format(CASE WHEN t.nulls_equal THEN '(m."crm %1$s" %2$s %3$s OR m."crm %1$s" IS NULL AND (%3$s) IS NULL)'
                                                 ELSE 'm."crm %1$s" %2$s %3$s' END, n, t.operator, t.expression), ' AND ')
                   FROM index_terms(index_id) WITH ORDINALITY AS t (expression, operator, nulls_equal, n)),
                  (SELECT coalesce(pg_get_expr(i.indpred, i.indrelid), 'true') FROM pg_index i WHERE i.indexrelid = index_id));
COMMENT ON FUNCTION @extschema@.still_collision_statement(pg_catalog.regclass, oid) IS
'SQL for rows of a table that a row as it will be collides with: the key of that one, and the columns of the key of the other.';

CREATE FUNCTION @extschema@.moved_collision_statement(relation pg_catalog.regclass, index_id oid) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN format('%s SELECT m."crm key", o."crm key" FROM moved m JOIN moved o ON %s '
                  'WHERE (o."crm rank", o."crm key") < (m."crm rank", m."crm key")',
                  moved_query(relation, index_id),
                  (SELECT string_agg(format(CASE WHEN t.nulls_equal THEN '(m."crm %1$s" %2$s o."crm %1$s" OR m."crm %1$s" IS NULL AND o."crm %1$s" IS NULL)'
                                                 ELSE 'm."crm %1$s" %2$s o."crm %1$s"' END, n, t.operator), ' AND ')
                   FROM index_terms(index_id) WITH ORDINALITY AS t (expression, operator, nulls_equal, n)));
COMMENT ON FUNCTION @extschema@.moved_collision_statement(pg_catalog.regclass, oid) IS
'SQL for pairs of rows that collide as they will be: the one that gives way first.';

CREATE FUNCTION @extschema@.find_collisions(merge_id bigint, relation pg_catalog.regclass) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    key CONSTANT name[] := row_key_columns(relation);
    each record;
    moved jsonb;
    ways bigint;
BEGIN
    DELETE FROM merge_collision m WHERE m.merge_id = find_collisions.merge_id;
    IF key IS NULL THEN -- no row of it could be kept in place of another
        RETURN;
    END IF;
    FOR each IN SELECT i.indexrelid AS id, k.relname AS name, index_columns(i.indexrelid) AS columns
                FROM members(relation) m JOIN pg_index i ON i.indrelid = m JOIN pg_class k ON k.oid = i.indexrelid
                WHERE NOT k.relispartition AND i.indisvalid AND (i.indisunique OR i.indisexclusion) ORDER BY i.indexrelid LOOP
        SELECT jsonb_agg(jsonb_build_object('key', c.row_key, 'rank', c.rank, 'i', pick(c.before, each.columns) || c.after)),
               count(DISTINCT c.via)
        INTO moved, ways FROM merge_change c
        WHERE c.merge_id = find_collisions.merge_id AND c.relation = find_collisions.relation AND c.action = 'update'
          AND c.after ?| each.columns::text[];
        CONTINUE WHEN moved IS NULL;
        WITH collision AS MATERIALIZED (
            SELECT q.mover, q.other, row_key(key, q.other) AS row_key
            FROM merge_rows(NULL, still_collision_statement(relation, each.id), moved) AS q (mover text, other jsonb)),
        moving AS MATERIALIZED (
            SELECT c.row_key FROM changes_of(find_collisions.merge_id, find_collisions.relation) c WHERE c.action <> 'stay')
        INSERT INTO merge_collision (merge_id, mover, other, other_key, index_name)
        SELECT find_collisions.merge_id, q.mover, q.row_key, q.other, each.name FROM collision q
        WHERE NOT EXISTS (SELECT FROM moving c WHERE c.row_key = q.row_key);
        IF ways > 1 THEN -- rows of one loser collide no more than they did
            INSERT INTO merge_collision (merge_id, mover, other, index_name)
            SELECT find_collisions.merge_id, q.mover, q.other, each.name
            FROM merge_rows(NULL, moved_collision_statement(relation, each.id), moved) AS q (mover text, other text);
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.find_collisions(bigint, pg_catalog.regclass) IS 'Fills merge_collision for the planned changes of one table.';
SELECT @extschema@.set_audience('find_collisions(bigint, regclass)', 'internal');

-- No statistics know of a merge under way: told of a row or two, the planner compares each with each. What joins rows of a plan does so
-- without nested loops, and stands apart from what runs statements over the team's rows.
CREATE FUNCTION @extschema@.give_way_to_still(merge_id bigint, relation pg_catalog.regclass, round integer) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp SET enable_nestloop = off AS $$
BEGIN
    UPDATE merge_change c SET action = 'delete', keep_key = y.other, round = give_way_to_still.round
    FROM (SELECT DISTINCT ON (m.mover) m.mover, m.other FROM merge_collision m
          WHERE m.merge_id = give_way_to_still.merge_id AND m.other_key IS NOT NULL ORDER BY m.mover, m.other) y
    WHERE c.merge_id = give_way_to_still.merge_id AND c.relation = give_way_to_still.relation AND c.row_key = y.mover;
    RETURN (
        SELECT jsonb_agg(s.other_key)
        FROM (SELECT DISTINCT m.other_key
              FROM merge_change c
              JOIN merge_collision m ON m.merge_id = c.merge_id AND m.mover = c.row_key AND m.other = c.keep_key AND m.other_key IS NOT NULL
              WHERE c.merge_id = give_way_to_still.merge_id AND c.relation = give_way_to_still.relation AND c.action = 'delete'
                AND NOT EXISTS (SELECT FROM merge_change o WHERE o.merge_id = c.merge_id AND o.relation = c.relation
                                                             AND o.row_key = c.keep_key)) s);
END
$$;
COMMENT ON FUNCTION @extschema@.give_way_to_still(bigint, pg_catalog.regclass, integer) IS
'Plans the removal of rows that collide with one that does not change; returns the keys of those that the plan does not have yet.';
SELECT @extschema@.set_audience('give_way_to_still(bigint, regclass, integer)', 'internal');

-- Rows that collide with one that does not change give way to it.
CREATE FUNCTION @extschema@.yield_to_still(merge_id bigint, relation pg_catalog.regclass, round integer) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    key CONSTANT name[] := row_key_columns(relation);
    still CONSTANT jsonb := give_way_to_still(merge_id, relation, round);
    locked bigint;
BEGIN
    IF still IS NULL THEN
        RETURN;
    END IF;
    INSERT INTO merge_change (merge_id, relation, row_key, action, before, round)
    SELECT yield_to_still.merge_id, yield_to_still.relation, row_key(key, q.before), 'stay', q.before, 0
    FROM merge_rows(NULL, locking_statement(relation, key), still) AS q (n integer, before jsonb);
    GET DIAGNOSTICS locked = ROW_COUNT;
    PERFORM refuse_hidden(relation, locked, jsonb_array_length(still));
END
$$;
COMMENT ON FUNCTION @extschema@.yield_to_still(bigint, pg_catalog.regclass, integer) IS
'Plans the removal of rows that collide with one that does not change, which is locked.';
SELECT @extschema@.set_audience('yield_to_still(bigint, regclass, integer)', 'internal');

-- Of rows that all change the first stays: the keeper's, then the first loser's. Again and again, since a row that gives way
-- no longer stands in the way of others.
CREATE FUNCTION @extschema@.yield_to_moved(merge_id bigint, relation pg_catalog.regclass, round integer) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp SET enable_nestloop = off AS $$
BEGIN
    LOOP
        WITH live AS MATERIALIZED (
            SELECT m.mover, m.other, o.rank
            FROM merge_collision m
            JOIN merge_change c ON c.merge_id = m.merge_id AND c.relation = yield_to_moved.relation AND c.row_key = m.mover
            JOIN merge_change o ON o.merge_id = m.merge_id AND o.relation = yield_to_moved.relation AND o.row_key = m.other
            WHERE m.merge_id = yield_to_moved.merge_id AND m.other_key IS NULL AND c.action = 'update' AND o.action = 'update')
        UPDATE merge_change c SET action = 'delete', keep_key = y.other, round = yield_to_moved.round
        FROM (SELECT DISTINCT ON (l.mover) l.mover, l.other FROM live l
              WHERE NOT EXISTS (SELECT FROM live x WHERE x.mover = l.other) ORDER BY l.mover, l.rank, l.other) y
        WHERE c.merge_id = yield_to_moved.merge_id AND c.relation = yield_to_moved.relation AND c.row_key = y.mover;
        EXIT WHEN NOT FOUND;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.yield_to_moved(bigint, pg_catalog.regclass, integer) IS
'Plans the removal of rows that collide with another one that changes.';
SELECT @extschema@.set_audience('yield_to_moved(bigint, regclass, integer)', 'internal');

CREATE FUNCTION @extschema@.fillable_columns(relation pg_catalog.regclass) RETURNS name[]
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN ARRAY(SELECT a.attname FROM pg_attribute a
                 WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' AND a.attidentity <> 'a'
                   AND a.attname <> ALL (coalesce(row_key_columns(relation), '{}')) ORDER BY a.attnum);
COMMENT ON FUNCTION @extschema@.fillable_columns(pg_catalog.regclass) IS
'The columns of a kept row that may take the value of a removed one: no key, nothing generated.';

CREATE FUNCTION @extschema@.fill_kept(merge_id bigint, relation pg_catalog.regclass, round integer) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    columns CONSTANT text[] := fillable_columns(relation)::text[];
    gone record;
BEGIN
    FOR gone IN SELECT c.keep_key, c.before || c.after AS image FROM merge_change c
                WHERE c.merge_id = fill_kept.merge_id AND c.relation = fill_kept.relation AND c.round = fill_kept.round
                  AND c.action = 'delete' ORDER BY c.rank, c.row_key LOOP
        UPDATE merge_change c SET after = c.after || f.fill, action = 'update', round = fill_kept.round
        FROM (SELECT jsonb_object_agg(e.key, e.value) AS fill FROM merge_change k, jsonb_each(gone.image) e
              WHERE k.merge_id = fill_kept.merge_id AND k.relation = fill_kept.relation AND k.row_key = gone.keep_key
                AND e.key = ANY (columns) AND jsonb_typeof(e.value) <> 'null'
                AND jsonb_typeof((k.before || k.after) -> e.key) = 'null') f
        WHERE f.fill IS NOT NULL
          AND c.merge_id = fill_kept.merge_id AND c.relation = fill_kept.relation AND c.row_key = gone.keep_key;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.fill_kept(bigint, pg_catalog.regclass, integer) IS
'Policy combine: a kept row takes from the removed ones, in their order, what it has no value for.';
SELECT @extschema@.set_audience('fill_kept(bigint, regclass, integer)', 'internal');

CREATE FUNCTION @extschema@.refuse_collision(merge_id bigint, relation pg_catalog.regclass) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    examples text := (SELECT string_agg(format('row %s and row %s (%s)', m.mover, m.other, m.index_name), ', ')
                      FROM (SELECT DISTINCT c.mover, c.other, c.index_name FROM merge_collision c
                            WHERE c.merge_id = refuse_collision.merge_id ORDER BY 1, 2, 3 LIMIT 5) m);
BEGIN
    RAISE EXCEPTION 'rows of % would collide', relation
        USING ERRCODE = 'RM205', DETAIL = format('They would have the same key: %s.', examples),
              HINT = 'Merge with on_collision => ''keep'' (the kept row''s own stays, the other is removed and stored) or ''combine'' (its '
                     'empty columns are filled, too).';
END
$$;
COMMENT ON FUNCTION @extschema@.refuse_collision(bigint, pg_catalog.regclass) IS 'Raises RM205 with the rows that would collide.';

CREATE FUNCTION @extschema@.lead_to_kept(merge_id bigint, relation pg_catalog.regclass, round integer) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp SET enable_nestloop = off AS $$
BEGIN
    LOOP
        UPDATE merge_change c SET keep_key = k.keep_key, round = lead_to_kept.round
        FROM merge_change k
        WHERE c.merge_id = lead_to_kept.merge_id AND c.relation = lead_to_kept.relation AND c.action = 'delete'
          AND k.merge_id = c.merge_id AND k.relation = c.relation AND k.row_key = c.keep_key AND k.action = 'delete';
        EXIT WHEN NOT FOUND;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.lead_to_kept(bigint, pg_catalog.regclass, integer) IS
'Rows that were to become one with a row that is removed itself become one with the row that stays in the end.';
SELECT @extschema@.set_audience('lead_to_kept(bigint, regclass, integer)', 'internal');

CREATE FUNCTION @extschema@.plan_collisions(merge_id bigint, relation pg_catalog.regclass, round integer, policy text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM find_collisions(merge_id, relation);
    IF NOT EXISTS (SELECT FROM merge_collision m WHERE m.merge_id = plan_collisions.merge_id) THEN
        RETURN;
    END IF;
    IF policy = 'refuse' OR EXISTS (SELECT FROM merge_collision m JOIN row_merge r ON r.merge_id = m.merge_id AND r.relation = plan_collisions.relation
                                    JOIN merge_change c ON c.merge_id = m.merge_id AND c.relation = r.relation AND c.row_key = m.mover
                                    WHERE m.merge_id = plan_collisions.merge_id AND c.rank = 0) THEN -- the keeper gives way to nobody
        PERFORM refuse_collision(merge_id, relation);
    END IF;
    PERFORM yield_to_still(merge_id, relation, round);
    PERFORM yield_to_moved(merge_id, relation, round);
    PERFORM lead_to_kept(merge_id, relation, round);
    IF policy = 'combine' THEN
        PERFORM fill_kept(merge_id, relation, round);
    END IF;
    DELETE FROM merge_collision m WHERE m.merge_id = plan_collisions.merge_id;
END
$$;
COMMENT ON FUNCTION @extschema@.plan_collisions(bigint, pg_catalog.regclass, integer, text) IS
'Plans which rows of a table become one, as they would collide once they are changed. policy: keep, combine, refuse.';
SELECT @extschema@.set_audience('plan_collisions(bigint, regclass, integer, text)', 'internal');

-- What a kept row took from a removed one may itself refer to a row that goes.
CREATE FUNCTION @extschema@.plan_filled(merge_id bigint) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp SET enable_nestloop = off AS $$
DECLARE
    target regclass;
    r reference;
BEGIN
    FOR target IN SELECT DISTINCT c.relation FROM merge_change c
                  WHERE c.merge_id = plan_filled.merge_id AND c.action = 'delete' ORDER BY 1 LOOP
        FOR r IN SELECT f.* FROM row_references(target) f
                 WHERE f.relation IN (SELECT c.relation FROM merge_change c WHERE c.merge_id = plan_filled.merge_id AND c.action = 'delete') LOOP
            WITH pair AS MATERIALIZED (
                SELECT referring_values(r, d.before) AS gone, referring_values(r, k.before || k.after) AS stays
                FROM merge_change d
                JOIN merge_change k ON k.merge_id = d.merge_id AND k.relation = d.relation AND k.row_key = d.keep_key
                WHERE d.merge_id = plan_filled.merge_id AND d.relation = target AND d.action = 'delete')
            UPDATE merge_change c SET after = c.after || p.stays FROM pair p
            WHERE c.merge_id = plan_filled.merge_id AND c.relation = (r).relation AND c.action = 'update' AND c.after ?| (r).columns::text[]
              AND pick(c.before || c.after, (r).columns) = p.gone AND p.gone <> p.stays;
            IF FOUND THEN
                PERFORM plan_self_reference(merge_id, r);
            END IF;
        END LOOP;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.plan_filled(bigint) IS 'Sends references that a kept row took over from a removed one to the rows that stay.';
SELECT @extschema@.set_audience('plan_filled(bigint)', 'internal');

CREATE FUNCTION @extschema@.plan_rounds(merge_id bigint, on_collision text, collisions jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    source regclass;
    r reference;
    pairs jsonb;
    moved regclass;
BEGIN
    FOR step IN 1 .. 1000 LOOP
        FOR source IN SELECT DISTINCT c.relation FROM merge_change c
                      WHERE c.merge_id = plan_rounds.merge_id AND c.round = step ORDER BY c.relation LOOP
            PERFORM hold_referring(source);
            PERFORM refuse_mapped(merge_id, source, step);
            FOR r IN SELECT * FROM row_references(source) LOOP
                PERFORM refuse_taken_over(merge_id, r, step);
                pairs := plan_pairs(merge_id, source, (r).target_columns, step);
                IF pairs IS NOT NULL AND plan_reference(merge_id, r, pairs, step + 1) > 0 THEN
                    PERFORM plan_self_reference(merge_id, r);
                END IF;
            END LOOP;
        END LOOP;
        FOR moved IN SELECT DISTINCT c.relation FROM merge_change c
                     WHERE c.merge_id = plan_rounds.merge_id AND c.round = step + 1 AND c.action = 'update' ORDER BY c.relation LOOP
            PERFORM plan_collisions(merge_id, moved, step + 1,
                                    coalesce((SELECT e.value FROM jsonb_each_text(collisions) e WHERE e.key::regclass = moved), on_collision));
        END LOOP;
        IF NOT EXISTS (SELECT FROM merge_change c WHERE c.merge_id = plan_rounds.merge_id AND c.round = step + 1) THEN
            PERFORM plan_filled(merge_id);
            RETURN;
        END IF;
    END LOOP;
    RAISE EXCEPTION 'the merge has no end' USING ERRCODE = 'RM203', DETAIL = 'What refers to what does not settle within 1000 rounds.',
        HINT = 'Merge fewer rows at once.';
END
$$;
COMMENT ON FUNCTION @extschema@.plan_rounds(bigint, text, jsonb) IS 'Plans until nothing refers any more to what goes.';
SELECT @extschema@.set_audience('plan_rounds(bigint, text, jsonb)', 'internal');
