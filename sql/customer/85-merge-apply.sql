-- From a plan to changed rows, and what was seen of them afterwards.

-- One statement for all tables: foreign keys are checked when it ends, so in between nothing has to fit, and a cascade finds
-- nothing that still refers. Removed rows go first, or their unique values would stand in the way.
CREATE TYPE @extschema@.row_change AS (name text, relation pg_catalog.regclass, action text, statement text, rows jsonb);
COMMENT ON TYPE @extschema@.row_change IS
'One part of a statement over many tables: name of the part, table, what it does, SQL with %s in place of the number of its parameter, '
'its rows.';

-- Rows of a table without key are found by all that is in them; equal ones are as good as each other.
CREATE FUNCTION @extschema@.keyless_rows(relation pg_catalog.regclass) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN format('(SELECT p.v, y.place, y.part FROM (SELECT t.ctid AS place, t.tableoid AS part, @extschema@.row_as_text(t.*) AS r, '
                  'row_number() OVER (PARTITION BY @extschema@.row_as_text(t.*)) AS copy FROM %s t) y '
                  'JOIN (SELECT x.v, row_number() OVER (PARTITION BY x.v -> ''k'') AS copy FROM jsonb_array_elements($%%1$s) AS x (v)) p '
                  'ON p.v -> ''k'' = y.r AND p.copy = y.copy)', replace(row_source(relation), '%', '%%'));
COMMENT ON FUNCTION @extschema@.keyless_rows(pg_catalog.regclass) IS 'SQL that finds rows of a table without key.';

CREATE FUNCTION @extschema@.matched_rows(relation pg_catalog.regclass, key name[], OUT source text, OUT condition text)
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF key IS NULL THEN
        source := keyless_rows(relation);
        condition := 't.ctid = x.place AND t.tableoid = x.part';
    ELSE
        source := 'jsonb_array_elements($%1$s)';
        condition := replace(key_match(relation, key, '(x.v -> ''k'')'), '%', '%%');
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.matched_rows(pg_catalog.regclass, name[]) IS
'SQL for the source x (v) of a statement over rows t, $%1$s: [{k: key, ...}], and the condition that ties them.';

CREATE FUNCTION @extschema@.delete_statement(relation pg_catalog.regclass, key name[]) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN (SELECT format('DELETE FROM %s t USING %s AS x (v) WHERE %s', replace(row_source(relation), '%', '%%'), m.source, m.condition)
            FROM matched_rows(relation, key) m);
COMMENT ON FUNCTION @extschema@.delete_statement(pg_catalog.regclass, name[]) IS 'SQL that deletes rows by key.';

-- uniform: all rows get values for the same columns.
CREATE FUNCTION @extschema@.update_statement(relation pg_catalog.regclass, key name[], columns name[], uniform boolean) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN (SELECT format('UPDATE %s t SET %s FROM %s AS x (v) WHERE %s', replace(row_source(relation), '%', '%%'),
                          replace((SELECT string_agg(CASE WHEN uniform THEN format('%I = %s', c, typed('(x.v -> ''s'')', relation, c))
                                                          ELSE format('%1$I = CASE WHEN (x.v -> ''s'') ? %2$L THEN %3$s ELSE t.%1$I END',
                                                                      c, c, typed('(x.v -> ''s'')', relation, c)) END, ', ')
                                   FROM unnest(columns) c), '%', '%%'),
                          m.source, m.condition)
            FROM matched_rows(relation, key) m);
COMMENT ON FUNCTION @extschema@.update_statement(pg_catalog.regclass, name[], name[], boolean) IS
'SQL that updates rows by key, $%1$s: [{k: key, s: new values}].';

CREATE FUNCTION @extschema@.planned_deletes(merge_id bigint) RETURNS SETOF @extschema@.row_change
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT format('d%s', row_number() OVER (ORDER BY t.relation)), t.relation, 'delete', delete_statement(t.relation, t.key),
           (SELECT row_list(NULL, c.before, t.key, NULL) FROM merge_change c
            WHERE c.merge_id = planned_deletes.merge_id AND c.relation = t.relation AND c.action = 'delete')
    FROM (SELECT d.relation, row_key_columns(d.relation) AS key -- once for each table
          FROM (SELECT DISTINCT c.relation FROM merge_change c
                WHERE c.merge_id = planned_deletes.merge_id AND c.action = 'delete') d OFFSET 0) t
$$;
COMMENT ON FUNCTION @extschema@.planned_deletes(bigint) IS 'The parts of a merge that remove rows.';
SELECT @extschema@.set_audience('planned_deletes(bigint)', 'internal');

CREATE FUNCTION @extschema@.changing_rows(merge_id bigint, back boolean) RETURNS SETOF @extschema@.row_change
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    WITH change AS MATERIALIZED (
        SELECT c.relation, c.present, c.wanted, row_columns(c.wanted) AS columns
        FROM (SELECT m.relation, CASE WHEN back THEN m.before || coalesce(m.expected, m.after) ELSE m.before END AS present,
                     CASE WHEN back THEN going_back(m) ELSE m.after END AS wanted
              FROM merge_change m WHERE m.merge_id = changing_rows.merge_id AND m.action = 'update') c
        WHERE c.wanted <> '{}'),
    shape AS MATERIALIZED (
        SELECT DISTINCT c.relation, c.columns FROM change c),
    touched AS (
        SELECT s.relation, row_key_columns(s.relation) AS key, count(*) = 1 AS uniform,
               (SELECT array_agg(DISTINCT e) FROM shape o, unnest(o.columns) e WHERE o.relation = s.relation) AS columns
        FROM shape s GROUP BY s.relation)
    SELECT format('u%s', row_number() OVER (ORDER BY t.relation)), t.relation, 'update',
           update_statement(t.relation, t.key, t.columns, t.uniform),
           (SELECT row_list(NULL, c.present, t.key, c.wanted) FROM change c WHERE c.relation = t.relation)
    FROM touched t
$$;
COMMENT ON FUNCTION @extschema@.changing_rows(bigint, boolean) IS 'The parts of a merge that change rows; or, back, of its unmerge.';
SELECT @extschema@.set_audience('changing_rows(bigint, boolean)', 'internal');

CREATE FUNCTION @extschema@.run_changes(earlier @extschema@.row_change[], later @extschema@.row_change[]) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    parts CONSTANT row_change[] := earlier || later;
    parameters jsonb[];
    statement text := '';
    counts jsonb;
    part row_change;
BEGIN
    IF cardinality(parts) = 0 THEN
        RETURN;
    END IF;
    FOR n IN 1 .. cardinality(parts) LOOP
        part := parts[n];
        parameters := parameters || (part).rows;
        statement := statement || format('%I AS (%s), ', (part).name, format((part).statement, n)
            || CASE WHEN n > cardinality(earlier) THEN CASE (part).action WHEN 'insert' THEN ' WHERE ' ELSE ' AND ' END || '(SELECT n FROM earlier) >= 0' ELSE '' END
            || ' RETURNING 1');
        IF n = cardinality(earlier) THEN -- what comes later reads this first
            statement := statement || format('earlier AS (SELECT %s AS n), ',
                (SELECT string_agg(format('(SELECT count(*) FROM %I)', (e).name), ' + ') FROM unnest(earlier) e));
        END IF;
    END LOOP;
    statement := format('WITH %s%s SELECT jsonb_build_array(%s)',
                        CASE WHEN cardinality(earlier) = 0 THEN 'earlier AS (SELECT 0 AS n), ' ELSE '' END,
                        rtrim(statement, ', '),
                        (SELECT string_agg(format('(SELECT count(*) FROM %I)', (p).name), ', ' ORDER BY n)
                         FROM unnest(parts) WITH ORDINALITY AS u (name, relation, action, statement, rows, n), LATERAL (SELECT u.name) p));
    SELECT q.counts INTO STRICT counts FROM merge_rows(NULL, statement, VARIADIC parameters) AS q (counts jsonb);
    FOR n IN 1 .. cardinality(parts) LOOP
        part := parts[n];
        IF (counts ->> (n - 1))::bigint <> jsonb_array_length((part).rows) THEN
            PERFORM refuse_merge((part).relation,
                                 format('%s of %s rows could not be changed (%s)', jsonb_array_length((part).rows) - (counts ->> (n - 1))::bigint,
                                        jsonb_array_length((part).rows), (part).action),
                                 'A BEFORE trigger or a policy kept them from it.');
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.run_changes(@extschema@.row_change[], @extschema@.row_change[]) IS
'Changes rows of many tables in one statement, as the caller: first the earlier parts, then the later ones; every row must be changed.';
SELECT @extschema@.set_audience('run_changes(row_change[], row_change[])', 'internal');

-- Deferred constraints, and constraint triggers, are checked now; later ones wait again if they did so from the start.
CREATE FUNCTION @extschema@.check_constraints(merge_id bigint) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    names text;
    deferred text;
BEGIN
    SELECT string_agg(DISTINCT c.name, ', '), string_agg(DISTINCT c.name, ', ') FILTER (WHERE c.condeferred) INTO names, deferred
    FROM (SELECT format('%I.%I', n.nspname, k.conname) AS name, k.condeferred
          FROM (SELECT DISTINCT c.relation FROM merge_change c WHERE c.merge_id = check_constraints.merge_id) t,
               members(t.relation) m, pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace
          WHERE k.condeferrable AND (k.conrelid = m OR k.confrelid = m)) c;
    IF names IS NOT NULL THEN
        PERFORM FROM merge_rows(NULL, format('SET CONSTRAINTS %s IMMEDIATE', names)) AS q (nothing integer);
    END IF;
    IF deferred IS NOT NULL THEN
        PERFORM FROM merge_rows(NULL, format('SET CONSTRAINTS %s DEFERRED', deferred)) AS q (nothing integer);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.check_constraints(bigint) IS
'Checks what is deferred of the tables that a merge touches, as the caller.';
SELECT @extschema@.set_audience('check_constraints(bigint)', 'internal');

-- The rows as they are now, whatever triggers made of them.
CREATE FUNCTION @extschema@.present_rows(relation pg_catalog.regclass, "rows" jsonb) RETURNS TABLE (row_key text, present jsonb)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 10000 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    key CONSTANT name[] := row_key_columns(relation);
    matched record;
BEGIN
    matched := matched_rows(relation, key);
    RETURN QUERY
    SELECT q.k, q.r
    FROM merge_rows(relation, format('SELECT x.v ->> ''n'', @extschema@.row_as_text(t.*) FROM %s AS x (v) JOIN %s t ON %s',
                                     format(matched.source, 1), row_source(relation), format(matched.condition, 1)), "rows") AS q (k text, r jsonb);
END
$$;
COMMENT ON FUNCTION @extschema@.present_rows(pg_catalog.regclass, jsonb) IS
'Rows as the table''s owner sees them: rows is [{n: any name, k: key}]; returns the name and the row, where there is one.';
SELECT @extschema@.set_audience('present_rows(regclass, jsonb)', 'internal');

CREATE FUNCTION @extschema@.observe_merge(merge_id bigint) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    touched regclass;
    key name[];
    lost text;
BEGIN
    FOR touched IN SELECT DISTINCT c.relation FROM merge_change c
                   WHERE c.merge_id = observe_merge.merge_id AND c.action <> 'delete' ORDER BY 1 LOOP
        key := row_key_columns(touched);
        WITH planned AS MATERIALIZED (
            SELECT c.row_key, c.before, c.after FROM changes_of(observe_merge.merge_id, touched) c WHERE c.action <> 'delete'),
        present AS MATERIALIZED (
            SELECT p.* FROM present_rows(touched, (SELECT row_list(p.row_key, p.before || p.after, key, NULL) FROM planned p)) p),
        surprise AS MATERIALIZED (
            SELECT p.row_key, d.after, row_key(key, s.present) AS after_key
            FROM planned p JOIN present s USING (row_key) CROSS JOIN LATERAL (SELECT row_difference(p.before, s.present) AS after) d
            WHERE d.after <> p.after OR row_key(key, s.present) <> p.row_key),
        noted AS (
            INSERT INTO merge_change (merge_id, relation, row_key, action, before, after, after_key, round)
            SELECT observe_merge.merge_id, touched, s.row_key, 'update', '{}', s.after, s.after_key, 0 FROM surprise s
            ON CONFLICT ON CONSTRAINT merge_change_pkey DO UPDATE SET after = excluded.after, after_key = excluded.after_key)
        SELECT min(p.row_key) INTO lost FROM planned p LEFT JOIN present s USING (row_key) WHERE s.row_key IS NULL;
        IF lost IS NOT NULL THEN
            PERFORM refuse_merge(touched, format('row %s was removed or got another key meanwhile', lost), 'A trigger did that.');
        END IF;
    END LOOP;
    UPDATE merge_change c SET action = CASE c.after WHEN '{}' THEN 'stay' ELSE 'update' END
    WHERE c.merge_id = observe_merge.merge_id AND c.action <> 'delete' AND (c.action = 'stay') <> (c.after = '{}');
END
$$;
COMMENT ON FUNCTION @extschema@.observe_merge(bigint) IS
'Notes what the changed rows hold now, and refuses where one of them is gone.';
SELECT @extschema@.set_audience('observe_merge(bigint)', 'internal');

CREATE FUNCTION @extschema@.hold_removed(merge_id bigint) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    hook follow_hook;
    removed record;
    held jsonb;
BEGIN
    FOR removed IN SELECT c.relation, array_agg(c.record_key ORDER BY c.rank, c.row_key) AS lose,
                          array_agg(c.keep_record_key ORDER BY c.rank, c.row_key) AS keep
                   FROM merge_change c WHERE c.merge_id = hold_removed.merge_id AND c.action = 'delete' GROUP BY 1 ORDER BY 1 LOOP
        FOR hook IN SELECT * FROM follow_hook f ORDER BY f."position" LOOP
            held := NULL;
            IF hook.merging IS NOT NULL THEN
                EXECUTE format('SELECT @extschema@.%I($1, $2, $3)', hook.merging) USING removed.relation, removed.lose, removed.keep INTO held;
            END IF;
            INSERT INTO merge_held (merge_id, room, relation, lose, keep, held)
            VALUES (hold_removed.merge_id, hook.room, removed.relation, removed.lose, removed.keep, held);
        END LOOP;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.hold_removed(bigint) IS 'Asks the rooms to keep what they know of the rows that go.';
SELECT @extschema@.set_audience('hold_removed(bigint)', 'internal');

CREATE FUNCTION @extschema@.follow_merge(merge_id bigint, event text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    held record;
BEGIN
    FOR held IN SELECT m.*, CASE event WHEN 'merged' THEN f.merged ELSE f.unmerged END AS hook
                FROM merge_held m JOIN follow_hook f USING (room)
                WHERE m.merge_id = follow_merge.merge_id ORDER BY f."position", m.relation LOOP
        IF held.hook IS NOT NULL THEN
            EXECUTE format('SELECT @extschema@.%I($1, $2, $3, $4)', held.hook) USING held.relation, held.lose, held.keep, held.held;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.follow_merge(bigint, text) IS 'Tells the rooms that rows were merged, or unmerged.';
SELECT @extschema@.set_audience('follow_merge(bigint, text)', 'internal');
