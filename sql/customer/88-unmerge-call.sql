-- unmerge: the statement, what triggers made of it, and what a user calls.

CREATE FUNCTION @extschema@.insert_statement(relation pg_catalog.regclass, columns text[]) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN format('INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM jsonb_array_elements($%%1$s) AS x (v)',
                  replace(replace(row_source(relation), 'ONLY ', ''), '%', '%%'),
                  replace((SELECT string_agg(quote_ident(c), ', ' ORDER BY n) FROM unnest(columns) WITH ORDINALITY AS u (c, n)), '%', '%%'),
                  replace((SELECT string_agg(typed('x.v', relation, c::name), ', ' ORDER BY n) FROM unnest(columns) WITH ORDINALITY AS u (c, n)),
                          '%', '%%'));
COMMENT ON FUNCTION @extschema@.insert_statement(pg_catalog.regclass, text[]) IS 'SQL that inserts rows of text forms, $%1$s, into these columns.';

CREATE FUNCTION @extschema@.returning_rows(merge_id bigint) RETURNS SETOF @extschema@.row_change
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT format('i%s', row_number() OVER (ORDER BY g.relation)), g.relation, 'insert',
           insert_statement(g.relation, ARRAY(SELECT w FROM unnest(writable_columns(g.relation)) w WHERE g.example ? w)), g.rows
    FROM (SELECT c.relation, jsonb_agg(c.restore) AS rows, (array_agg(c.restore))[1] AS example FROM merge_change c
          WHERE c.merge_id = returning_rows.merge_id AND c.action = 'delete' GROUP BY c.relation) g
$$;
COMMENT ON FUNCTION @extschema@.returning_rows(bigint) IS 'The parts of an unmerge that put removed rows back.';
SELECT @extschema@.set_audience('returning_rows(bigint)', 'internal');

-- What the rows were to hold, and hold.
CREATE FUNCTION @extschema@.observe_unmerge(merge_id bigint) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    touched regclass;
    key name[];
    columns text[];
BEGIN
    FOR touched IN SELECT DISTINCT c.relation FROM merge_change c
                   WHERE c.merge_id = observe_unmerge.merge_id AND c.action <> 'stay' AND going_back(c) <> '{}' ORDER BY 1 LOOP
        key := row_key_columns(touched);
        columns := writable_columns(touched);
        WITH wanted AS MATERIALIZED (
            SELECT c.row_key, CASE c.action WHEN 'delete' THEN c.restore ELSE c.before || coalesce(c.expected, c.after) || going_back(c) END AS "row",
                   going_back(c) AS told
            FROM changes_of(observe_unmerge.merge_id, touched) c WHERE c.action <> 'stay' AND going_back(c) <> '{}'),
        present AS MATERIALIZED (
            SELECT p.* FROM present_rows(touched, (SELECT row_list(w.row_key, w."row", key, NULL) FROM wanted w)) p),
        compared AS (
            SELECT w.row_key, p.present, d.wanted
            FROM wanted w LEFT JOIN present p USING (row_key)
            CROSS JOIN LATERAL (SELECT row_difference(coalesce(p.present, '{}'), w.told) AS wanted) d
            WHERE d.wanted <> '{}' AND d.wanted ?| columns)
        INSERT INTO merge_finding
        SELECT observe_unmerge.merge_id, touched, c.row_key, 'changed by a trigger', o.wanted, pick(c.present, row_columns(o.wanted))
        FROM compared c
        CROSS JOIN LATERAL (SELECT jsonb_object_agg(e.key, e.value) AS wanted FROM jsonb_each(c.wanted) e WHERE e.key = ANY (columns)) o;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.observe_unmerge(bigint) IS 'Notes which rows do not hold what they were given back.';
SELECT @extschema@.set_audience('observe_unmerge(bigint)', 'internal');

-- DISABLE TRIGGER and not the replica mode: foreign keys and crm's own triggers go on.
CREATE FUNCTION @extschema@.silence_triggers(merge_id bigint) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    each record;
    trigger record;
    silenced jsonb := '[]';
BEGIN
    FOR each IN SELECT DISTINCT m AS member, c.relation, k.relowner FROM merge_change c, members(c.relation) m, pg_class k
                WHERE c.merge_id = silence_triggers.merge_id AND k.oid = c.relation ORDER BY 1 LOOP
        IF NOT (SELECT o.owns FROM merge_rows(NULL, format('SELECT pg_catalog.pg_has_role(%s::oid, ''USAGE'')', each.relowner)) AS o (owns boolean)) THEN
            RAISE EXCEPTION 'must be owner of table % to skip its triggers', each.relation
                USING ERRCODE = 'insufficient_privilege', HINT = 'Leave triggers => ''fire'', and see unmerge_report().';
        END IF;
        FOR trigger IN SELECT t.tgname, t.tgenabled FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
                    WHERE t.tgrelid = each.member AND NOT t.tgisinternal AND t.tgenabled <> 'D'
                      AND p.pronamespace <> '@extschema@'::regnamespace LOOP
            EXECUTE format('ALTER TABLE ONLY %s DISABLE TRIGGER %I', each.member, trigger.tgname);
            silenced := silenced || jsonb_build_object('table', each.member::oid::bigint, 'trigger', trigger.tgname, 'state', trigger.tgenabled);
        END LOOP;
    END LOOP;
    RETURN silenced;
END
$$;
COMMENT ON FUNCTION @extschema@.silence_triggers(bigint) IS
'Disables the team''s triggers on the tables of a merge until the transaction''s next step; only for their owner. Takes SHARE ROW EXCLUSIVE.';
SELECT @extschema@.set_audience('silence_triggers(bigint)', 'internal');

CREATE FUNCTION @extschema@.restore_triggers(silenced jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    each record;
BEGIN
    FOR each IN SELECT (s ->> 'table')::bigint::oid::regclass AS member, s ->> 'trigger' AS name, s ->> 'state' AS state
                FROM jsonb_array_elements(silenced) s LOOP
        EXECUTE format('ALTER TABLE ONLY %s ENABLE %sTRIGGER %I', each.member,
                       CASE each.state WHEN 'R' THEN 'REPLICA ' WHEN 'A' THEN 'ALWAYS ' ELSE '' END, each.name);
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.restore_triggers(jsonb) IS 'Puts triggers back as silence_triggers found them.';
SELECT @extschema@.set_audience('restore_triggers(jsonb)', 'internal');

CREATE FUNCTION @extschema@.require_unmerge(done @extschema@.row_merge) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    relation CONSTANT regclass := (done).relation;
    key CONSTANT name[] := row_key_columns(relation);
    kept text := (SELECT min(c.keep_key) FROM merge_change c WHERE c.merge_id = (done).merge_id AND c.relation = (done).relation AND c.rank > 0
                    AND c.action = 'delete' AND c.record_key = ANY ((done).lose));
    allowed bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM protection p WHERE p.relation = (done).relation) THEN
        RETURN;
    END IF;
    SELECT q.n INTO allowed
    FROM merge_rows(NULL, format('SELECT count(*) FROM jsonb_array_elements($1) AS x (v) JOIN %s t ON %s WHERE %s', row_source(relation),
                                 key_match(relation, key, 'x.v'), merge_condition(relation)),
                    jsonb_build_array(parse_key(relation, key, kept_key(relation, kept)))) AS q (n bigint);
    IF allowed = 0 THEN
        RAISE EXCEPTION 'you may not take a merge of row % of % back', kept, relation
            USING ERRCODE = 'insufficient_privilege', HINT = 'It takes the privilege merge on this row, by a role.';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.require_unmerge(@extschema@.row_merge) IS
'Raises 42501 where the table is protected and the caller lacks the privilege merge on the kept row.';
SELECT @extschema@.set_audience('require_unmerge(row_merge)', 'internal');

-- Everything up to the change: locks, compares, and refuses.
CREATE FUNCTION @extschema@.plan_unmerge(merge_id bigint, added text, edited text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    done CONSTANT row_merge := require_merge(merge_id);
    lost record;
BEGIN
    PERFORM hold_table(m.relation) FROM (SELECT DISTINCT c.relation FROM merge_change c WHERE c.merge_id = plan_unmerge.merge_id ORDER BY 1) m;
    PERFORM require_unmerge(done);
    DELETE FROM merge_finding f WHERE f.merge_id = plan_unmerge.merge_id;
    PERFORM refuse_unmergeable(c.relation) FROM (SELECT DISTINCT m.relation FROM merge_change m
                                                 WHERE m.merge_id = plan_unmerge.merge_id AND m.action <> 'stay') c;
    IF added = 'back' THEN
        INSERT INTO merge_change (merge_id, relation, row_key, action, before, after, after_key, round)
        SELECT r.merge_id, r.relation, r.row_key, 'update', p.present || r.meant, r.given, r.row_key, 0
        FROM (SELECT k.relation, present_rows(k.relation, (
                  SELECT jsonb_agg(jsonb_build_object('n', d.row_key, 'k', parse_key(k.relation, k.key, d.row_key)))
                  FROM merge_redirected d WHERE d.merge_id = plan_unmerge.merge_id AND d.relation = k.relation)) AS found
              FROM (SELECT t.relation, row_key_columns(t.relation) AS key
                    FROM (SELECT DISTINCT d.relation FROM merge_redirected d WHERE d.merge_id = plan_unmerge.merge_id) t OFFSET 0) k) f
        CROSS JOIN LATERAL (SELECT (f.found).*) p
        JOIN merge_redirected r ON r.merge_id = plan_unmerge.merge_id AND r.relation = f.relation AND r.row_key = p.row_key
        ON CONFLICT DO NOTHING;
    END IF;
    PERFORM follow_later(merge_id);
    SELECT c.relation, c.row_key, c.held_by INTO lost
    FROM (SELECT t.relation, row_key_columns(t.relation)::text[] AS key
          FROM (SELECT DISTINCT m.relation FROM merge_change m WHERE m.merge_id = plan_unmerge.merge_id AND m.held_by IS NOT NULL) t
          WHERE EXISTS (SELECT FROM row_references(t.relation)) OFFSET 0) k
    JOIN merge_change c ON c.merge_id = plan_unmerge.merge_id AND c.relation = k.relation
    WHERE c.held_by IS NOT NULL AND coalesce(c.expected, c.after) ?| k.key ORDER BY c.held_by DESC LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'merge % must be taken back before merge %', lost.held_by, merge_id
            USING ERRCODE = 'RM205', DETAIL = format('It made row %s of %s one with another, and other rows refer to that.', lost.row_key, lost.relation),
                  HINT = format('Type SELECT @extschema@.unmerge(%s); first.', lost.held_by);
    END IF;
    PERFORM compare_rows(merge_id, c.relation) FROM (SELECT DISTINCT m.relation FROM merge_change m
                                                     WHERE m.merge_id = plan_unmerge.merge_id AND m.action = 'update' ORDER BY 1) c;
    PERFORM redirect_returning(merge_id);
    PERFORM follow_returning(merge_id);
    INSERT INTO merge_finding (merge_id, relation, row_key, finding, wanted)
    SELECT c.merge_id, c.relation, c.row_key, format('waits for merge %s', c.held_by), c.before
    FROM merge_change c WHERE c.merge_id = plan_unmerge.merge_id AND c.held_by IS NOT NULL;
    SELECT f.relation, f.row_key, f.finding INTO lost FROM merge_finding f
    WHERE f.merge_id = plan_unmerge.merge_id AND f.finding IN ('edited since', 'gone since') LIMIT 1;
    IF edited = 'refuse' AND FOUND THEN
        RAISE EXCEPTION 'row % of % was %', lost.row_key, lost.relation, lost.finding
            USING ERRCODE = 'RM205', HINT = 'unmerge with edited => ''keep'' leaves such columns as they are, and reports them.';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.plan_unmerge(bigint, text, text) IS 'All of an unmerge but the change itself.';
SELECT @extschema@.set_audience('plan_unmerge(bigint, text, text)', 'internal');

-- The tables' own constraints have the last word. Where a later merge that stands changed the same rows that is what to take back first;
-- else somebody wrote what stands in the way, or a later merge of the same tables did.
CREATE FUNCTION @extschema@.refuse_unmerge(merge_id bigint, message text, detail text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    later record;
BEGIN
    SELECT max(l.merge_id) AS any_rows, max(l.merge_id) FILTER (WHERE k.same) AS same_rows INTO later
    FROM row_merge m JOIN merge_change l USING (merge_id)
    CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM merge_change c WHERE c.merge_id = refuse_unmerge.merge_id AND c.relation = l.relation
                                         AND (c.row_key IN (l.row_key, l.keep_key) OR c.after_key = l.row_key OR c.keep_key = l.row_key)) AS same) k
    WHERE m.merge_id > refuse_unmerge.merge_id AND m.unmerged_at IS NULL
      AND l.relation IN (SELECT c.relation FROM merge_change c WHERE c.merge_id = refuse_unmerge.merge_id);
    IF later.same_rows IS NOT NULL THEN
        RAISE EXCEPTION 'merge % must be taken back before merge %', later.same_rows, merge_id
            USING ERRCODE = 'RM205', DETAIL = concat_ws(': ', 'It changed the same rows', message, detail),
                  HINT = format('Type SELECT @extschema@.unmerge(%s); first.', later.same_rows);
    END IF;
    RAISE EXCEPTION 'merge % cannot be taken back: %', merge_id, message
        USING ERRCODE = 'RM205', DETAIL = detail,
              HINT = concat(CASE WHEN later.any_rows IS NULL THEN 'Somebody'
                                 ELSE format('A later merge, which SELECT @extschema@.unmerge(%s); takes back, or somebody', later.any_rows) END,
                            ' wrote since what stands in the way: give that row another value, or delete it.');
END
$$;
COMMENT ON FUNCTION @extschema@.refuse_unmerge(bigint, text, text) IS
'Raises RM205 for an unmerge that a constraint does not allow, and says what to take back or to change first.';
SELECT @extschema@.set_audience('refuse_unmerge(bigint, text, text)', 'internal');

CREATE FUNCTION @extschema@.unmerge_run(merge_id bigint, dry_run boolean, triggers text, added text, edited text) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    silenced jsonb := '[]';
    changed row_change[];
    returned row_change[];
    planned record;
    broken text;
    place text;
    message text;
    detail text;
BEGIN
    PERFORM require_choice('triggers', triggers, ARRAY['fire', 'skip']), require_choice('added', added, ARRAY['keep', 'back']),
            require_choice('edited', edited, ARRAY['keep', 'refuse']);
    IF dry_run IS DISTINCT FROM false THEN
        FOR planned IN SELECT p.in_relation AS relation, p.action, count(*) AS rows
                       FROM unmerge_preview_run(unmerge_run.merge_id, added, edited) p GROUP BY 1, 2 ORDER BY 1, 2 LOOP
            RAISE NOTICE '%: % rows: %', planned.relation, planned.rows, planned.action;
        END LOOP;
        RETURN NULL;
    END IF;
    PERFORM plan_unmerge(merge_id, added, edited);
    changed := ARRAY(SELECT r FROM changing_rows(merge_id, true) r);
    returned := ARRAY(SELECT r FROM returning_rows(merge_id) r);
    -- from here on nothing leads from the losers to the keeper any more
    UPDATE row_merge m SET unmerged_at = now(), unmerged_by = coalesce(current_principal(), caller()::text)
    WHERE m.merge_id = unmerge_run.merge_id;
    IF triggers = 'skip' THEN
        PERFORM check_constraints(merge_id);
        silenced := silence_triggers(merge_id);
    END IF;
    BEGIN
        PERFORM run_changes(changed, returned);
        PERFORM check_constraints(merge_id);
    EXCEPTION WHEN not_null_violation OR foreign_key_violation OR restrict_violation OR unique_violation OR exclusion_violation OR check_violation THEN
        GET STACKED DIAGNOSTICS broken = CONSTRAINT_NAME, place = COLUMN_NAME, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
        IF coalesce(broken, '') = '' AND coalesce(place, '') = '' THEN -- a trigger of the team's said so
            RAISE;
        END IF;
        PERFORM refuse_unmerge(merge_id, message, detail);
    END;
    PERFORM restore_triggers(silenced);
    PERFORM observe_unmerge(merge_id);
    PERFORM follow_merge(merge_id, 'unmerged');
    RETURN (SELECT coalesce(sum(jsonb_array_length((c).rows)), 0) FROM unnest(changed || returned) c);
END
$$;
COMMENT ON FUNCTION @extschema@.unmerge_run(bigint, boolean, text, text, text) IS 'What unmerge does.';
SELECT @extschema@.set_audience('unmerge_run(bigint, boolean, text, text, text)', 'internal');

CREATE FUNCTION @extschema@.unmerge_preview_run(merge_id bigint, added text, edited text)
    RETURNS TABLE (in_relation pg_catalog.regclass, row_key text, action text, wanted jsonb, found jsonb)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_column
DECLARE
    changes merge_change[];
    findings merge_finding[];
BEGIN
    BEGIN
        PERFORM plan_unmerge($1, added, edited);
        changes := ARRAY(SELECT c FROM merge_change c WHERE c.merge_id = $1 AND c.action <> 'stay' AND going_back(c) <> '{}'
                         ORDER BY c.relation, c.action, c.row_key);
        findings := ARRAY(SELECT f FROM merge_finding f WHERE f.merge_id = $1 ORDER BY f.relation, f.row_key);
        RAISE EXCEPTION USING ERRCODE = 'MP001', MESSAGE = 'only a preview';
    EXCEPTION WHEN SQLSTATE 'MP001' THEN
        -- who could take it back need not be allowed to read what was removed
        RETURN QUERY
        WITH told AS (
            SELECT c.relation, c.row_key, CASE c.action WHEN 'delete' THEN 'insert' ELSE 'update' END AS action, going_back(c) AS wanted,
                   CASE c.action WHEN 'update' THEN pick(coalesce(c.expected, c.after), row_columns(going_back(c))) END AS found
            FROM unnest(changes) c
            UNION ALL
            SELECT f.relation, f.row_key, f.finding, f.wanted, f.found FROM unnest(findings) f),
        known AS MATERIALIZED (
            SELECT r.relation, may_see_merge(r.relation, (SELECT m.merged_by FROM row_merge m WHERE m.merge_id = $1)) AS known
            FROM (SELECT DISTINCT t.relation FROM told t) r)
        SELECT t.relation, CASE WHEN k.known THEN t.row_key END, t.action, CASE WHEN k.known THEN t.wanted END,
               CASE WHEN k.known THEN t.found END
        FROM told t JOIN known k USING (relation);
    END;
END
$$;
COMMENT ON FUNCTION @extschema@.unmerge_preview_run(bigint, text, text) IS 'What unmerge_preview does.';
SELECT @extschema@.set_audience('unmerge_preview_run(bigint, text, text)', 'internal');

CREATE FUNCTION @extschema@.unmerge(merge_id bigint, dry_run boolean DEFAULT false, triggers text DEFAULT 'fire', added text DEFAULT 'keep',
                                    edited text DEFAULT 'keep') RETURNS bigint
    AS 'MODULE_PATHNAME', 'crm_merge_gate' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000;
COMMENT ON FUNCTION @extschema@.unmerge(bigint, boolean, text, text, text) IS
'Takes a merge back, whatever was merged since: removed rows return, and of changed rows each column that still holds what the merge gave it. '
'Columns edited since stay, or edited => ''refuse'' stops there. Rows that came to the kept row since stay with it; added => ''back'' sends '
'those home that were meant for a loser (redirect). The team''s triggers fire; triggers => ''skip'', for the owner of the tables, keeps them '
'quiet. Returns how many rows were changed; unmerge_report(merge_id) says which did not become what they were, and why. With dry_run nothing '
'changes: NULL, and a notice for each table. Everything is done with the caller''s rights. Errors: RM204 (no such merge, or taken back), RM203, '
'RM205 (edited since, a later merge must go first, or somebody uses a key that would return), 42501. Example: SELECT unmerge(42);';

CREATE FUNCTION @extschema@.unmerge_preview(merge_id bigint, added text DEFAULT 'keep', edited text DEFAULT 'keep')
    RETURNS TABLE (in_relation pg_catalog.regclass, row_key text, action text, wanted jsonb, found jsonb)
    AS 'MODULE_PATHNAME', 'crm_merge_gate' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000 ROWS 100;
COMMENT ON FUNCTION @extschema@.unmerge_preview(bigint, text, text) IS
'Every row that unmerge would change: insert or update, what it would hold and holds; and what would be reported. Keys and values only of '
'tables of which you may know merges, as in merge_log. Errors as unmerge. '
'Example: SELECT * FROM unmerge_preview(42);';
