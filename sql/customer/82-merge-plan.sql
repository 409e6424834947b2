-- The plan of a merge: which rows change and which go, found and locked before anything is written.
--
-- It works in rounds. A round takes the rows that were removed, or whose referenced columns changed, in the round before, finds
-- and locks what refers to them, and says what those rows shall hold. Rows that would then collide become one, as the
-- policy says; what referred to the removed ones is the next round's.

CREATE FUNCTION @extschema@.refuse_merge(relation pg_catalog.regclass, problem text, hint text) RETURNS void
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'rows of % cannot be merged: %', relation, problem USING ERRCODE = 'RM203', HINT = hint;
END
$$;
COMMENT ON FUNCTION @extschema@.refuse_merge(pg_catalog.regclass, text, text) IS 'Raises RM203.';

CREATE FUNCTION @extschema@.lacks_identity(relation pg_catalog.regclass) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM members(lacks_identity.relation) m
        JOIN pg_class c ON c.oid = m AND c.relkind = 'r' AND c.relpersistence = 'p'
        CROSS JOIN LATERAL (SELECT m AS published UNION SELECT a.relid FROM pg_partition_ancestors(m) a (relid)) p
        JOIN pg_publication u ON (u.pubupdate OR u.pubdelete)
         AND (u.puballtables
              OR EXISTS (SELECT FROM pg_publication_rel r WHERE r.prpubid = u.oid AND r.prrelid = p.published)
              OR EXISTS (SELECT FROM pg_publication_namespace n WHERE n.pnpubid = u.oid AND n.pnnspid = c.relnamespace))
        WHERE c.relreplident = 'n'
           OR c.relreplident = 'd' AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = m AND i.indisprimary)
           OR c.relreplident = 'i' AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = m AND i.indisreplident))
$$;
COMMENT ON FUNCTION @extschema@.lacks_identity(pg_catalog.regclass) IS
'Whether a publication sends changes of a table that has no replica identity, so that Postgres refuses to update it.';

-- What can be wrong with a table of which rows change.
CREATE FUNCTION @extschema@.refuse_unmergeable(relation pg_catalog.regclass) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    class pg_class;
    rule text;
BEGIN
    SELECT * INTO class FROM pg_class c WHERE c.oid = relation;
    CASE
        WHEN class.relkind IN ('v', 'm') THEN
            PERFORM refuse_merge(relation, 'it is a view', 'Merge rows of the table that it reads.');
        WHEN class.relkind = 'f' THEN
            PERFORM refuse_merge(relation, 'it is a foreign table', 'Merge them in the database that holds them.');
        WHEN class.relkind NOT IN ('r', 'p') THEN
            PERFORM refuse_merge(relation, 'it is not a table', 'Name a table.');
        WHEN class.relpersistence = 't' THEN
            PERFORM refuse_merge(relation, 'it is temporary', 'What is merged is remembered for longer than it lives: make it a table.');
        WHEN class.relispartition THEN
            PERFORM refuse_merge(relation, 'it is a partition', format('Name the partitioned table %s.', table_root(relation)));
        WHEN class.relnamespace IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
             OR EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = relation AND d.deptype = 'e') THEN
            PERFORM refuse_merge(relation, 'it is part of the system or of an extension', 'Merge rows of your own tables.');
        ELSE NULL;
    END CASE;
    IF EXISTS (SELECT FROM members(relation) m JOIN pg_class c ON c.oid = m WHERE c.relkind = 'f') THEN
        PERFORM refuse_merge(relation, 'one of its partitions is a foreign table', 'Detach it first.');
    END IF;
    SELECT w.rulename INTO rule FROM pg_rewrite w WHERE w.ev_class = relation AND w.ev_type <> '1' LIMIT 1;
    IF rule IS NOT NULL THEN
        PERFORM refuse_merge(relation, format('rule "%s" changes what is written to it', rule), 'Make a trigger of the rule.');
    END IF;
    IF lacks_identity(relation) THEN
        PERFORM refuse_merge(relation, 'it is published and has no replica identity',
                             CASE WHEN EXISTS (SELECT FROM pg_index i WHERE i.indrelid = relation AND i.indisprimary)
                                  THEN format('Type ALTER TABLE %s REPLICA IDENTITY DEFAULT; since it has a primary key.', relation)
                                  ELSE format('Type ALTER TABLE %s REPLICA IDENTITY FULL; or give it a primary key.', relation) END);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.refuse_unmergeable(pg_catalog.regclass) IS 'Raises RM203 where rows of a table cannot be changed by a merge.';

-- Statements ----------------------------------------------------------------------------------------------------------

CREATE FUNCTION @extschema@.locking_statement(relation pg_catalog.regclass, key name[]) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN format('SELECT x.n::integer, @extschema@.row_as_text(t.*) FROM jsonb_array_elements($1) WITH ORDINALITY AS x (v, n) '
                  'JOIN %s t ON %s ORDER BY %s FOR UPDATE OF t',
                  row_source(relation), key_match(relation, key, 'x.v'), key_list(key));
COMMENT ON FUNCTION @extschema@.locking_statement(pg_catalog.regclass, name[]) IS
'SQL that locks and returns rows by key, in key order: number in $1, an array of keys, and the row.';

CREATE FUNCTION @extschema@.referring_statement(r @extschema@.reference, key name[], locked boolean) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN (SELECT format(CASE WHEN locked THEN 'SELECT (x.v ->> ''n'')::integer, @extschema@.row_as_text(t.*), x.stays FROM (SELECT y.v, '
                                                '@extschema@.row_as_text(n.*) AS stays FROM jsonb_array_elements($1) AS y (v) '
                                                'CROSS JOIN LATERAL (SELECT %3$s) n OFFSET 0) x' -- once for each row that goes
                                           ELSE 'SELECT count(*) FROM jsonb_array_elements($1) AS x (v)' END || ' JOIN %1$s t ON %2$s',
                          row_source((r).relation),
                          string_agg(CASE e.operator
                                     WHEN 'text' THEN format('x.v -> ''l'' ->> %L = t.%I::text', e.other, e.own)
                                     ELSE format('%s %s t.%I', typed('(x.v -> ''l'')', (r).target, e.other), e.operator, e.own) END,
                                     ' AND ' ORDER BY e.n),
                          string_agg(format('(%s)::%s AS %I', typed('(y.v -> ''k'')', (r).target, e.other), e.type, e.own), ', ' ORDER BY e.n))
                   || CASE WHEN locked THEN coalesce(' ORDER BY ' || key_list(key), '') || ' FOR UPDATE OF t' ELSE '' END
            FROM (SELECT u.own, u.other, u.operator, u.n, column_type(a.attrelid, a.attname) AS type
                  FROM unnest((r).columns, (r).target_columns, (r).operators) WITH ORDINALITY AS u (own, other, operator, n)
                  JOIN pg_attribute a ON a.attrelid = (r).relation AND a.attname = u.own) e);
COMMENT ON FUNCTION @extschema@.referring_statement(@extschema@.reference, name[], boolean) IS
'SQL for the rows that refer to what goes, $1: [{n, l: columns of the row that goes, k: of the one that stays}]. locked: number, '
'row, and new values of its columns, locked in key order; else how many there are.';

-- Rounds --------------------------------------------------------------------------------------------------------------

-- Before what refers to what is read: whoever alters one of these tables is waited for with nothing read of it, by a snapshot that may be too
-- old for what he leaves, or by a name that is another table's by then.
CREATE FUNCTION @extschema@.hold_referring(target pg_catalog.regclass) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    held regclass[] := '{}';
    referring regclass[];
BEGIN
    LOOP
        referring := ARRAY(SELECT r.relation FROM (SELECT c.conrelid::regclass FROM pg_constraint c WHERE c.contype = 'f' AND c.confrelid = target
                                                   UNION SELECT s.relation FROM soft_reference s WHERE s.target = hold_referring.target
                                                   UNION SELECT a.relation FROM adoption_attribute a WHERE a.reference = target) r (relation)
                           UNION SELECT i.relid FROM pg_constraint c CROSS JOIN LATERAL pg_partition_tree(c.conrelid) i WHERE c.contype = 'f' AND c.confrelid = target
                           ORDER BY 1);
        EXIT WHEN referring <@ held;
        held := held || referring;
        PERFORM hold_table(m) FROM unnest(referring) m;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.hold_referring(pg_catalog.regclass) IS
'hold_table for the tables that refer to rows of a table, and their partitions.';
SELECT @extschema@.set_audience('hold_referring(regclass)', 'internal');

CREATE FUNCTION @extschema@.plan_pairs(merge_id bigint, relation pg_catalog.regclass, columns name[], round integer,
                                       taken_over boolean DEFAULT false) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp SET enable_nestloop = off AS $$
    SELECT jsonb_agg(jsonb_build_object('n', p.rank, 'l', p.gone, 'k', p.stays) ORDER BY p.rank, p.row_key)
    FROM (SELECT c.rank, c.row_key, pick(c.before, columns) AS gone,
                 pick(CASE c.action WHEN 'delete' THEN s.before || s.after ELSE c.before || c.after END, columns) AS stays
          FROM merge_change c
          LEFT JOIN merge_change s ON s.merge_id = c.merge_id AND s.relation = c.relation AND s.row_key = c.keep_key
          WHERE c.merge_id = plan_pairs.merge_id AND c.relation = plan_pairs.relation AND c.round = plan_pairs.round
            AND (c.action = 'delete' OR c.action = 'update' AND c.after ?| columns::text[])) p
    WHERE (p.gone = p.stays) = taken_over AND NOT jsonb_path_exists(p.gone, '$.* ? (@ == null)')
$$;
COMMENT ON FUNCTION @extschema@.plan_pairs(bigint, pg_catalog.regclass, name[], integer, boolean) IS
'What a round changed of columns that are referred to: the values that go and those that stay, for referring_statement(). '
'taken_over: instead, where the row that stays takes over the very value of the one that goes.';
SELECT @extschema@.set_audience('plan_pairs(bigint, regclass, name[], integer, boolean)', 'internal');

CREATE FUNCTION @extschema@.refuse_hidden(relation pg_catalog.regclass, seen bigint, there bigint) RETURNS void
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF seen <> there THEN
        PERFORM refuse_merge(relation, format('%s of them are concerned, and you may see and change %s', there, seen),
                             'Ask somebody who may read and update them all.');
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.refuse_hidden(pg_catalog.regclass, bigint, bigint) IS 'Raises RM203 where policies hide rows that are concerned.';

CREATE FUNCTION @extschema@.may_be_hidden(relation pg_catalog.regclass) RETURNS boolean
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT r.active FROM merge_rows(NULL, format('SELECT pg_catalog.row_security_active(%s::oid)', may_be_hidden.relation::oid)) AS r (active boolean)
$$;
COMMENT ON FUNCTION @extschema@.may_be_hidden(pg_catalog.regclass) IS 'Whether policies of a table hold for who merges.';
SELECT @extschema@.set_audience('may_be_hidden(regclass)', 'internal');

CREATE FUNCTION @extschema@.plan_reference(merge_id bigint, r @extschema@.reference, pairs jsonb, round integer) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    key CONSTANT name[] := row_key_columns((r).relation);
    way CONSTANT text := (r).columns::text || ' ';
    lost text;
    there bigint;
    found_rows bigint;
BEGIN
    SELECT q.n INTO there FROM merge_rows((r).relation, referring_statement(r, key, false), pairs) AS q (n bigint);
    IF there = 0 THEN
        RETURN 0;
    END IF;
    IF (r).problem IS NOT NULL THEN
        PERFORM refuse_merge((r).target, format('%s rows of %s refer to them by "%s", and %s', there, (r).relation, (r).name, (r).problem),
                             'Change those rows by hand first.');
    END IF;
    PERFORM refuse_unmergeable((r).relation);
    WITH referring AS MATERIALIZED (
        SELECT q.n, q.before, q.after, row_key(key, q.before) AS row_key
        FROM merge_rows(NULL, referring_statement(r, key, true), pairs) AS q (n integer, before jsonb, after jsonb)),
    numbered AS (
        SELECT f.*, CASE WHEN key IS NULL THEN row_number() OVER (PARTITION BY f.row_key) ELSE 1 END AS copy FROM referring f)
    INSERT INTO merge_change AS c (merge_id, relation, row_key, action, before, after, rank, via, round)
    SELECT plan_reference.merge_id, (r).relation, n.row_key || CASE WHEN n.copy > 1 THEN format(' #%s', n.copy) ELSE '' END,
           'update', n.before, n.after, n.n, way || n.n, plan_reference.round
    FROM numbered n
    ON CONFLICT ON CONSTRAINT merge_change_pkey DO UPDATE
    SET after = c.after || excluded.after,
        round = CASE WHEN c.action = 'delete' OR c.after @> excluded.after THEN c.round ELSE excluded.round END,
        action = CASE c.action WHEN 'delete' THEN 'delete' ELSE 'update' END,
        via = concat_ws(' ', c.via, excluded.via);
    GET DIAGNOSTICS found_rows = ROW_COUNT;
    IF found_rows <> there THEN -- or somebody deleted some, or added some, before they were locked
        SELECT q.n INTO there FROM merge_rows((r).relation, referring_statement(r, key, false), pairs) AS q (n bigint);
        PERFORM refuse_hidden((r).relation, found_rows, there);
    END IF;
    IF jsonb_path_exists(pairs, '$[*].k.* ? (@ == null)') THEN
        SELECT min(c.row_key) INTO lost FROM merge_change c
        WHERE c.merge_id = plan_reference.merge_id AND c.relation = (r).relation AND c.round = plan_reference.round
          AND EXISTS (SELECT FROM unnest((r).columns::text[]) k WHERE c.after -> k = 'null');
    END IF;
    IF lost IS NOT NULL THEN
        PERFORM refuse_merge((r).target, format('row %s of %s refers to one by "%s", and what is kept has no value there', lost,
                                                (r).relation, (r).name),
                             format('Give it one first: %s.', array_to_string((r).target_columns, ', ')));
    END IF;
    RETURN found_rows;
END
$$;
COMMENT ON FUNCTION @extschema@.plan_reference(bigint, @extschema@.reference, jsonb, integer) IS
'Finds and locks the rows that refer to what goes, and plans what they shall hold; returns how many.';
SELECT @extschema@.set_audience('plan_reference(bigint, reference, jsonb, integer)', 'internal');

-- A kept row that referred to a removed one would refer to itself now.
CREATE FUNCTION @extschema@.plan_self_reference(merge_id bigint, r @extschema@.reference) RETURNS void
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    UPDATE merge_change c SET after = c.after || n.nothing
    FROM (SELECT jsonb_object_agg(a.attname, NULL) AS nothing
          FROM pg_attribute a WHERE a.attrelid = (r).relation AND a.attname = ANY ((r).columns) AND NOT a.attnotnull) n
    WHERE (r).relation = (r).target AND n.nothing IS NOT NULL
      AND c.merge_id = plan_self_reference.merge_id AND c.relation = (r).relation AND c.action = 'update'
      AND c.after ?| (r).columns::text[]
      AND NOT EXISTS (SELECT FROM unnest((r).columns, (r).target_columns) AS u (own, other)
                      WHERE (c.before || c.after) -> own::text IS DISTINCT FROM (c.before || c.after) -> other::text)
$$;
COMMENT ON FUNCTION @extschema@.plan_self_reference(bigint, @extschema@.reference) IS
'A row that stays and referred to one that goes does not refer to itself: the reference becomes NULL, where it may.';
SELECT @extschema@.set_audience('plan_self_reference(bigint, reference)', 'internal');

-- A value that the kept row takes over keeps its references, but they must do nothing when the row that had it goes.
CREATE FUNCTION @extschema@.refuse_taken_over(merge_id bigint, r @extschema@.reference, round integer) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    pairs jsonb;
    there bigint;
BEGIN
    IF NOT (r).acts THEN
        RETURN;
    END IF;
    pairs := plan_pairs(merge_id, (r).target, (r).target_columns, round, true);
    IF pairs IS NOT NULL THEN
        SELECT q.n INTO there FROM merge_rows((r).relation, referring_statement(r, NULL, false), pairs) AS q (n bigint);
        IF there > 0 THEN
            PERFORM refuse_merge((r).target, format('the kept row would take over %s, to which %s rows of %s refer by "%s", which acts ON DELETE or ON UPDATE',
                                                    array_to_string((r).target_columns, ', '), there, (r).relation, (r).name),
                                 'Give the kept row a value of its own there first.');
        END IF;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.refuse_taken_over(bigint, @extschema@.reference, integer) IS
'Raises RM203 where a value that is referred to moves from a removed row to a kept one under a constraint that cascades or restricts: when the '
'removed row goes, or when an unmerge takes the value from the kept one.';
SELECT @extschema@.set_audience('refuse_taken_over(bigint, reference, integer)', 'internal');

-- A reference that is mapped as an expression: nobody knows how to write it. It is asked as the table's owner, like all mappings.
CREATE FUNCTION @extschema@.refuse_mapped(merge_id bigint, relation pg_catalog.regclass, round integer) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    each record;
    gone CONSTANT jsonb := (SELECT jsonb_agg(c.row_key) FROM merge_change c
                            WHERE c.merge_id = refuse_mapped.merge_id AND c.relation = refuse_mapped.relation AND c.round = refuse_mapped.round
                              AND c.action = 'delete');
    there bigint;
BEGIN
    IF gone IS NULL OR cardinality(row_key_columns(relation)) <> 1 THEN
        RETURN;
    END IF;
    FOR each IN SELECT a.relation AS referring, a.attribute, a.expression FROM adoption_attribute a
                JOIN adoption d ON d.relation = a.relation
                JOIN entity_attribute e ON e.attribute = a.attribute AND e.entity = d.entity AND e.kind = 'reference'
                WHERE a.reference = refuse_mapped.relation
                  AND NOT EXISTS (SELECT FROM pg_attribute k WHERE k.attrelid = a.relation AND k.attnum > 0 AND NOT k.attisdropped AND k.attname = a.expression)
                ORDER BY 1, 2 LOOP
        SELECT q.n INTO there
        FROM merge_rows(each.referring, format('SELECT count(*) FROM %s t WHERE @extschema@.%I(t.*)::text IN (SELECT jsonb_array_elements_text($1))',
                                               row_source(each.referring), 'map_' || each.attribute), gone) AS q (n bigint);
        IF there > 0 THEN
            PERFORM refuse_merge(relation, format('%s rows of %s refer to them by the mapped attribute %s, which is an expression', there,
                                                  each.referring, each.attribute),
                                 format('Change those rows first, or map a column: it is %s.', each.expression));
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.refuse_mapped(bigint, pg_catalog.regclass, integer) IS
'Raises RM203 where rows of an adopted table refer to rows that go by an expression, which cannot be written to.';
SELECT @extschema@.set_audience('refuse_mapped(bigint, regclass, integer)', 'internal');
