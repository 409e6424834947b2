-- merge: the plan becomes one statement, so that every foreign key is checked, and every cascade looks, when all is in place.

CREATE FUNCTION @extschema@.begin_merge(relation pg_catalog.regclass, keep text, lose text[], reason text) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    number bigint;
BEGIN
    IF relation IS NULL OR keep IS NULL OR lose IS NULL OR cardinality(lose) = 0 OR array_ndims(lose) > 1 OR array_position(lose, NULL) IS NOT NULL THEN
        RAISE EXCEPTION 'merge needs a table, a key to keep and keys to lose'
            USING ERRCODE = 'RM005', HINT = 'For example: SELECT @extschema@.merge(''public.customer'', ''17'', ''{4711}'');';
    ELSIF keep = ANY (lose) OR cardinality(lose) <> (SELECT count(DISTINCT l) FROM unnest(lose) l) THEN
        RAISE EXCEPTION 'a key is named twice' USING ERRCODE = 'RM005', HINT = 'Each row is kept or lost, once.';
    END IF;
    PERFORM refuse_unmergeable(relation);
    IF row_key_columns(relation) IS NULL THEN
        PERFORM refuse_merge(relation, 'it has no key', 'Give it a primary key, or a unique index over columns that are NOT NULL.');
    END IF;
    INSERT INTO row_merge (relation, keep, lose, reason, merged_by)
    VALUES (begin_merge.relation, begin_merge.keep, begin_merge.lose, begin_merge.reason, coalesce(current_principal(), caller()::text))
    RETURNING row_merge.merge_id INTO number;
    RETURN number;
END
$$;
COMMENT ON FUNCTION @extschema@.begin_merge(pg_catalog.regclass, text, text[], text) IS
'Checks what can be checked of a merge before rows are read, and notes it.';
SELECT @extschema@.set_audience('begin_merge(regclass, text, text[], text)', 'internal');

-- How an adopted table's record keys are found, where they are not the row's own key.
CREATE FUNCTION @extschema@.record_key_expression(relation pg_catalog.regclass) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT '@extschema@.map_id(t.*)::text'
    WHERE has_attribute(relation, 'id')
      AND (SELECT k.key_columns FROM record_key_of(relation) k) IS DISTINCT FROM row_key_columns(relation)
$$;
COMMENT ON FUNCTION @extschema@.record_key_expression(pg_catalog.regclass) IS
'SQL for the record key of a row t; NULL where it is the text of its primary key.';

CREATE FUNCTION @extschema@.merge_condition(relation pg_catalog.regclass) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT coalesce((SELECT '(' || policy_condition(p, 'merge', 't') || ')' FROM protection p WHERE p.relation = merge_condition.relation),
                    'true')
$$;
COMMENT ON FUNCTION @extschema@.merge_condition(pg_catalog.regclass) IS
'SQL whether the caller may merge a row t: the privilege merge where the table is protected.';

CREATE FUNCTION @extschema@.merging_statement(relation pg_catalog.regclass, key name[]) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN format('SELECT x.n::integer, @extschema@.row_as_text(t.*), %s FROM jsonb_array_elements($1) WITH ORDINALITY AS x (v, n) '
                  'JOIN %s t ON %s ORDER BY %s FOR UPDATE OF t',
                  merge_condition(relation), row_source(relation),
                  coalesce(record_key_expression(relation) || ' = x.v ->> ''''', key_match(relation, key, 'x.v')), key_list(key));
COMMENT ON FUNCTION @extschema@.merging_statement(pg_catalog.regclass, name[]) IS
'SQL that locks the rows to be merged, in key order, and says whether the caller may merge them.';

-- The rows themselves: the first is kept.
CREATE FUNCTION @extschema@.plan_rows(merge_id bigint, relation pg_catalog.regclass, keys text[]) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    key CONSTANT name[] := row_key_columns(relation);
    wanted CONSTANT jsonb := (SELECT jsonb_agg(CASE WHEN record_key_expression(relation) IS NOT NULL THEN jsonb_build_object('', k)
                                                    ELSE parse_key(relation, key, k) END ORDER BY n)
                              FROM unnest(keys) WITH ORDINALITY AS u (k, n));
    missing text;
    forbidden text;
    twice text;
BEGIN
    BEGIN
        WITH locked AS MATERIALIZED (
            SELECT q.* FROM merge_rows(NULL, merging_statement(relation, key), wanted) AS q (n integer, "row" jsonb, may boolean)),
        noted AS (
            INSERT INTO merge_change (merge_id, relation, row_key, action, before, keep_key, rank, round)
            SELECT plan_rows.merge_id, plan_rows.relation, row_key(key, l."row"), CASE l.n WHEN 1 THEN 'stay' ELSE 'delete' END, l."row",
                   CASE WHEN l.n > 1 THEN (SELECT row_key(key, k."row") FROM locked k WHERE k.n = 1) END, l.n - 1,
                   CASE l.n WHEN 1 THEN 0 ELSE 1 END
            FROM locked l ON CONFLICT ON CONSTRAINT merge_change_pkey DO NOTHING),
        same AS (SELECT array_agg(l.n) AS places FROM locked l GROUP BY row_key(key, l."row") HAVING count(*) > 1)
        SELECT string_agg(keys[l.n], ', ' ORDER BY l.n) FILTER (WHERE NOT coalesce(l.may, false)),
               string_agg(quote_literal(keys[l.n]), ' and ' ORDER BY l.n) FILTER (WHERE l.n = ANY ((SELECT s.places FROM same s LIMIT 1)::integer[]))
        INTO forbidden, twice FROM locked l;
    EXCEPTION WHEN invalid_text_representation OR numeric_value_out_of_range OR invalid_datetime_format OR datetime_field_overflow THEN
        RAISE EXCEPTION 'a key of the merge is none of %', relation
            USING ERRCODE = 'RM202', DETAIL = format('What its column''s type says: %s.', sqlerrm), HINT = 'Write the key as the table shows it.';
    END;
    IF twice IS NOT NULL THEN
        RAISE EXCEPTION 'a key is named twice' USING ERRCODE = 'RM005', DETAIL = format('%s are one row of %s.', twice, relation),
            HINT = 'Each row is kept or lost, once.';
    END IF;
    SELECT k INTO missing FROM unnest(keys) WITH ORDINALITY AS u (k, n)
    WHERE NOT EXISTS (SELECT FROM merge_change c WHERE c.merge_id = plan_rows.merge_id AND c.rank = u.n - 1) ORDER BY n LIMIT 1;
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION 'there is no record % of %, or you may not change it', quote_literal(missing), relation
            USING ERRCODE = 'RM202',
                  HINT = coalesce((SELECT format('It was merged into %s. SELECT resolve_key(%L, %L) says which row stands for it now.',
                                                 quote_literal(c.keep_record_key), plan_rows.relation::text, missing)
                                   FROM merge_change c JOIN row_merge m USING (merge_id)
                                   WHERE c.relation = plan_rows.relation AND c.record_key = missing AND c.action = 'delete'
                                     AND m.unmerged_at IS NULL AND may_see_merge(m.relation, m.merged_by)
                                   ORDER BY c.merge_id DESC LIMIT 1),
                                  format('Its key has the columns %s.', array_to_string(key, ', ')));
    ELSIF forbidden IS NOT NULL THEN
        RAISE EXCEPTION 'you may not merge row % of %', forbidden, relation
            USING ERRCODE = 'insufficient_privilege', HINT = 'It takes the privilege merge on these rows, by a role.';
    END IF;
    IF record_key_expression(relation) IS NULL THEN -- as the rows write their keys: a uuid may have been typed in capitals
        UPDATE row_merge m SET keep = k.kept, lose = k.lost
        FROM (SELECT min(c.row_key) FILTER (WHERE c.rank = 0) AS kept, array_agg(c.row_key::text ORDER BY c.rank) FILTER (WHERE c.rank > 0) AS lost
              FROM merge_change c WHERE c.merge_id = plan_rows.merge_id AND c.relation = plan_rows.relation) k
        WHERE m.merge_id = plan_rows.merge_id AND (m.keep, m.lose) IS DISTINCT FROM (k.kept, k.lost);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.plan_rows(bigint, pg_catalog.regclass, text[]) IS
'Locks the rows that become one, in key order, and notes them; the first key is the one that is kept. Raises RM202, 42501.';
SELECT @extschema@.set_audience('plan_rows(bigint, regclass, text[])', 'internal');

-- What the kept row holds afterwards.
CREATE FUNCTION @extschema@.plan_values(merge_id bigint, relation pg_catalog.regclass, keys text[], choose jsonb, values_by text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    fillable CONSTANT text[] := fillable_columns(relation)::text[];
    chosen record;
    source integer;
    written CONSTANT text[] := (SELECT m.keep || m.lose FROM row_merge m WHERE m.merge_id = plan_values.merge_id); -- keys is as they were typed
    "values" jsonb := survivor_values(merge_id, relation, written, values_by);
BEGIN
    IF jsonb_typeof(choose) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'choose must be a JSON object' USING ERRCODE = 'RM005',
            HINT = 'From column to the key of the row whose value is taken, or to {"value": ...}: ''{"email": "17", "city": {"value": "Ulm"}}''.';
    END IF;
    FOR chosen IN SELECT e.key, e.value FROM jsonb_each(choose) e LOOP
        IF chosen.key <> ALL (fillable) THEN
            PERFORM raise_unknown(format('column of %s that a merge can set', relation), chosen.key, fillable);
        END IF;
        IF jsonb_typeof(chosen.value) = 'object' AND chosen.value ? 'value' THEN
            "values" := "values" || jsonb_build_object(chosen.key, chosen.value ->> 'value');
            CONTINUE;
        END IF;
        source := coalesce(array_position(keys, chosen.value #>> '{}'), array_position(written, chosen.value #>> '{}')) - 1;
        IF source IS NULL THEN
            PERFORM raise_unknown('row of this merge', coalesce(chosen.value #>> '{}', 'null'), keys);
        END IF;
        "values" := "values" || (SELECT jsonb_build_object(chosen.key, c.before -> chosen.key) FROM merge_change c
                                 WHERE c.merge_id = plan_values.merge_id AND c.relation = plan_values.relation AND c.rank = source);
    END LOOP;
    UPDATE merge_change k SET after = n.after, action = 'update', round = 1
    FROM (SELECT jsonb_object_agg(v.key, v.value) AS after
          FROM (SELECT DISTINCT ON (e.key) e.key, e.value
                FROM (SELECT -1 AS rank, e.key, e.value FROM jsonb_each("values") e
                      UNION ALL
                      SELECT c.rank, e.key, e.value FROM merge_change c, jsonb_each(c.before) e
                      WHERE c.merge_id = plan_values.merge_id AND c.relation = plan_values.relation AND e.key = ANY (fillable)
                        AND jsonb_typeof(e.value) <> 'null') e
                ORDER BY e.key, e.rank) v
          JOIN merge_change o ON o.merge_id = plan_values.merge_id AND o.relation = plan_values.relation AND o.rank = 0
          WHERE o.before -> v.key IS DISTINCT FROM v.value) n
    WHERE n.after IS NOT NULL
      AND k.merge_id = plan_values.merge_id AND k.relation = plan_values.relation AND k.rank = 0;
END
$$;
COMMENT ON FUNCTION @extschema@.plan_values(bigint, pg_catalog.regclass, text[], jsonb, text) IS
'The values of the kept row: what choose says; else what survivorship says; else its own; else, where it has none, that of the first loser that has one.';
SELECT @extschema@.set_audience('plan_values(bigint, regclass, text[], jsonb, text)', 'internal');

-- What is removed goes back by one statement, whose parameters have a limit; a merge that could not be taken back is none.
CREATE FUNCTION @extschema@.refuse_large(merge_id bigint) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    "limit" CONSTANT bigint := 200 * 1024 * 1024; -- a jsonb array holds 256 MB, with lengths beside the texts
    removed record;
BEGIN
    SELECT sum(c.rows) AS rows, sum(c.bytes) AS bytes, (array_agg(c.relation ORDER BY c.bytes DESC))[1] AS largest INTO removed
    FROM (SELECT m.relation, count(*) AS rows, sum(octet_length(m.before::text)) AS bytes FROM merge_change m
          WHERE m.merge_id = refuse_large.merge_id AND m.action = 'delete' GROUP BY 1) c;
    IF removed.bytes > "limit" THEN
        PERFORM refuse_merge(removed.largest, format('%s rows of %s would be removed, more than an unmerge could put back (%s)', removed.rows,
                                                     pg_size_pretty(removed.bytes), pg_size_pretty("limit")),
                             'Merge fewer rows at once, or remove rows that would collide first.');
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.refuse_large(bigint) IS 'Raises RM203 where a merge would remove more than an unmerge can put back.';
SELECT @extschema@.set_audience('refuse_large(bigint)', 'internal');

CREATE FUNCTION @extschema@.forget_unconcerned(merge_id bigint) RETURNS void
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp SET enable_nestloop = off AS $$
    DELETE FROM merge_change c
    WHERE c.merge_id = forget_unconcerned.merge_id AND c.action = 'stay'
      AND NOT EXISTS (SELECT FROM merge_change d WHERE d.merge_id = forget_unconcerned.merge_id AND d.relation = c.relation AND d.keep_key = c.row_key)
$$;
COMMENT ON FUNCTION @extschema@.forget_unconcerned(bigint) IS 'Rows that neither change nor take the place of one that goes are no part of the plan.';
SELECT @extschema@.set_audience('forget_unconcerned(bigint)', 'internal');

CREATE FUNCTION @extschema@.plan_merge(relation pg_catalog.regclass, keep text, lose text[], reason text, choose jsonb,
                                       on_collision text, collisions jsonb, values_by text) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    policies CONSTANT text[] := ARRAY['keep', 'combine', 'refuse'];
    number bigint;
    policy text;
BEGIN
    FOR policy IN SELECT on_collision UNION ALL SELECT e.value FROM jsonb_each_text(collisions) e LOOP
        IF policy IS NULL OR policy <> ALL (policies) THEN
            PERFORM raise_unknown('policy for collisions', coalesce(policy, ''), policies);
        END IF;
    END LOOP;
    PERFORM require_choice('values_by', values_by, ARRAY['rules', 'golden', 'keeper']);
    number := begin_merge(relation, keep, lose, reason);
    PERFORM plan_rows(number, relation, keep || lose);
    PERFORM plan_values(number, relation, keep || lose, choose, values_by);
    PERFORM plan_collisions(number, relation, 1, 'refuse');
    PERFORM plan_rounds(number, on_collision, collisions);
    PERFORM refuse_large(number);
    PERFORM forget_unconcerned(number);
    PERFORM name_removed(number, r) FROM (SELECT DISTINCT c.relation FROM merge_change c
                                          WHERE c.merge_id = number AND c.action = 'delete' ORDER BY 1) AS d (r);
    RETURN number;
END
$$;
COMMENT ON FUNCTION @extschema@.plan_merge(pg_catalog.regclass, text, text[], text, jsonb, text, jsonb, text) IS
'All of a merge but the change itself: its rows are locked and its plan stands in merge_change.';
SELECT @extschema@.set_audience('plan_merge(regclass, text, text[], text, jsonb, text, jsonb, text)', 'internal');

CREATE FUNCTION @extschema@.name_removed(merge_id bigint, relation pg_catalog.regclass) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    key CONSTANT name[] := row_key_columns(relation);
    expression CONSTANT text := record_key_expression(relation);
    named jsonb;
BEGIN
    IF expression IS NULL THEN
        UPDATE merge_change c SET record_key = c.row_key, keep_record_key = c.keep_key
        WHERE c.merge_id = name_removed.merge_id AND c.relation = name_removed.relation AND c.action = 'delete';
        RETURN;
    END IF;
    SELECT jsonb_object_agg(q.k, q.r) INTO named
    FROM merge_rows(relation, format('SELECT x.v ->> '''', %s FROM jsonb_array_elements($1) AS x (v) JOIN %s t ON %s', expression,
                                     row_source(relation), key_match(relation, key, 'x.v')),
                    (SELECT jsonb_agg(pick(c.before, key) || jsonb_build_object('', c.row_key)) FROM merge_change c
                     WHERE c.merge_id = name_removed.merge_id AND c.relation = name_removed.relation)) AS q (k text, r text);
    UPDATE merge_change c SET record_key = named ->> c.row_key, keep_record_key = named ->> c.keep_key
    WHERE c.merge_id = name_removed.merge_id AND c.relation = name_removed.relation AND c.action = 'delete';
END
$$;
COMMENT ON FUNCTION @extschema@.name_removed(bigint, pg_catalog.regclass) IS 'Notes the record keys of the rows that go and of those they become one with.';
SELECT @extschema@.set_audience('name_removed(bigint, regclass)', 'internal');
