-- Capture: components of an adopted table follow every change of it.

CREATE FUNCTION @extschema@.check_expression(entity text, attributes text[], kinds text[], expression text, role text)
    RETURNS text[]
    AS 'MODULE_PATHNAME', 'crm_check_expression' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.check_expression(text, text[], text[], text, text) IS
'The attributes that an expression of a component uses. role: day, filter or sum. Raises RM001 for an attribute that the '
'entity does not have, RM401 for what is not one immutable expression of the type that the role needs.';
SELECT @extschema@.set_audience('check_expression(text, text[], text[], text, text)', 'admin');

CREATE FUNCTION @extschema@.expression_is_empty(entity text, attributes text[], kinds text[], mapped text[], expression text)
    RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_expression_is_empty' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.expression_is_empty(text, text[], text[], text[], text) IS
'Whether a sum is NULL for every row of a table that maps only these attributes.';
SELECT @extschema@.set_audience('expression_is_empty(text, text[], text[], text[], text)', 'admin');

CREATE FUNCTION @extschema@.capture_change() RETURNS trigger
    AS 'MODULE_PATHNAME', 'crm_capture_change' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.capture_change() IS
'Trigger: appends what a statement changes in the components of its table to kpi_pending.';

CREATE FUNCTION @extschema@.capture_rows(relation pg_catalog.regclass, instances integer[]) RETURNS bigint
    AS 'MODULE_PATHNAME', 'crm_capture_rows' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.capture_rows(pg_catalog.regclass, integer[]) IS
'Adds all rows of a table, as the statement''s snapshot sees them, to kpi_pending; returns how many it read.';
SELECT @extschema@.set_audience('capture_rows(regclass, integer[])', 'admin');

CREATE FUNCTION @extschema@.recompute(relation pg_catalog.regclass)
    RETURNS TABLE (instance integer, day date, rows bigint, invalid bigint, s1 numeric, s2 numeric, s3 numeric, s4 numeric,
                   funnel text, unit text, stage text, campaign text, channel text, product text, owner text, segment text,
                   currency text)
    AS 'MODULE_PATHNAME', 'crm_recompute' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 100000;
COMMENT ON FUNCTION @extschema@.recompute(pg_catalog.regclass) IS
'The components of a table from its rows, as the statement''s snapshot sees them. The same group may come in pieces.';
SELECT @extschema@.set_audience('recompute(regclass)', 'admin');

CREATE FUNCTION @extschema@.recount_values(relation pg_catalog.regclass)
    RETURNS TABLE (instance integer, day date, piece bytea, funnel text, unit text, stage text, campaign text, channel text, product text,
                   owner text, segment text, currency text)
    AS 'MODULE_PATHNAME', 'crm_recount_values' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 100000;
COMMENT ON FUNCTION @extschema@.recount_values(pg_catalog.regclass) IS
'The counted values of a table''s components from its rows, as the statement''s snapshot sees them. The same group may come in pieces.';
SELECT @extschema@.set_audience('recount_values(regclass)', 'admin');

CREATE FUNCTION @extschema@.capture_changed(relation pg_catalog.regclass) RETURNS void
    AS 'MODULE_PATHNAME', 'crm_capture_changed' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.capture_changed(pg_catalog.regclass) IS
'Makes every session compile the components of a table anew.';
SELECT @extschema@.set_audience('capture_changed(regclass)', 'admin');

-- Folding, filling anew and forgetting exclude each other.
CREATE FUNCTION @extschema@.fold_lock(wait boolean) RETURNS boolean
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT take_turn('kpi_pending', wait => fold_lock.wait)
$$;
COMMENT ON FUNCTION @extschema@.fold_lock(boolean) IS 'Takes the lock of folders until the transaction ends; false where it is held.';
SELECT @extschema@.set_audience('fold_lock(boolean)', 'admin');

CREATE FUNCTION @extschema@.forget_instances(instances integer[]) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    -- the instances go first: what is pending for them is dropped by the next fold, and read by nobody
    PERFORM fold_lock(true);
    DELETE FROM kpi_successor s WHERE s.instance = ANY (instances);
    DELETE FROM kpi_instance i WHERE i.instance = ANY (instances);
    DELETE FROM kpi_broken b WHERE b.instance = ANY (instances);
    PERFORM drop_counts(instances);
END
$$;
COMMENT ON FUNCTION @extschema@.forget_instances(integer[]) IS 'Drops components of tables with what was counted for them.';
SELECT @extschema@.set_audience('forget_instances(integer[])', 'admin');

-- What a table's components have to be, by its mapping and today's definitions.
CREATE FUNCTION @extschema@.wanted_components(relation pg_catalog.regclass)
    RETURNS TABLE (component text, version integer, zone text, undated text, day text, filter text, sums text[], sum_names text[])
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT c.component, c.version, z.zone, c.undated, c.day, c.filter,
           ARRAY(SELECT CASE WHEN NOT expression_is_empty(c.entity, known.attributes, known.kinds, mapped.attributes, v.value)
                             THEN v.value END
                 FROM jsonb_each_text(c.sums) s CROSS JOIN LATERAL (SELECT replace(s.value, ':zone', quote_literal(z.zone))) AS v (value)
                 ORDER BY s.key),
           ARRAY(SELECT s.key FROM jsonb_each_text(c.sums) s ORDER BY s.key)
    FROM adoption a
    JOIN component c ON c.entity = a.entity AND NOT c.kept
    CROSS JOIN LATERAL (SELECT array_agg(m.attribute) AS attributes FROM adoption_attribute m
                        WHERE m.relation = a.relation) mapped
    CROSS JOIN LATERAL (SELECT array_agg(e.attribute ORDER BY e.attribute) AS attributes,
                               array_agg(e.kind ORDER BY e.attribute) AS kinds
                        FROM entity_attribute e WHERE e.entity = a.entity) known
    CROSS JOIN LATERAL (SELECT coalesce(c.zone, default_zone()) AS zone) z
    WHERE a.relation = wanted_components.relation AND c.needs <@ mapped.attributes
$$;
COMMENT ON FUNCTION @extschema@.wanted_components(pg_catalog.regclass) IS
'The components that an adopted table can have: those of its entity whose needed attributes are mapped. A sum that '
'needs attributes that are not mapped is NULL.';
SELECT @extschema@.set_audience('wanted_components(regclass)', 'admin');

CREATE FUNCTION @extschema@.wanted_instances(relation pg_catalog.regclass)
    RETURNS TABLE (component text, version integer, zone text, undated text, day text, filter text, sums text[], sum_names text[])
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    WITH base AS MATERIALIZED (SELECT * FROM wanted_components(wanted_instances.relation))
    SELECT * FROM base
    UNION ALL
    SELECT DISTINCT counted_name(b.component, k.kind, t.measure), b.version, b.zone, b.undated, b.day, b.filter,
           ARRAY[CASE WHEN k.kind = 'percentile' THEN b.sums[array_position(b.sum_names, t.measure)]
                      WHEN has_attribute(wanted_instances.relation, t.measure) THEN format('(%I)::text', t.measure) END],
           ARRAY[t.measure]
    FROM counted_kpi c JOIN kpi k USING (kpi) JOIN kpi_term t USING (kpi) JOIN base b USING (component)
    WHERE not_countable(k.kpi) IS NULL
$$;
COMMENT ON FUNCTION @extschema@.wanted_instances(pg_catalog.regclass) IS
'What capture has to keep for an adopted table: its components (wanted_components), and the values of them that are counted.';
SELECT @extschema@.set_audience('wanted_instances(regclass)', 'admin');

CREATE FUNCTION @extschema@.capture(relation pg_catalog.regclass) RETURNS SETOF @extschema@.attachment
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    each record;
    per_row boolean := (require_adopted(relation)).row_triggers;
    nothing boolean;
    wanted kpi_instance[];
    beside text[]; -- components of which another version is read, and goes on to be until this one is filled
BEGIN
    IF NOT is_audience('admin') THEN
        PERFORM require_owner(relation);
    END IF;
    PERFORM decide_captured();
    PERFORM capture_entries();
    nothing := NOT EXISTS (SELECT FROM wanted_components(capture.relation)) AND NOT EXISTS (SELECT FROM kpi_captured i WHERE i.relation = capture.relation);
    -- writers that still work by the old definitions finish first; and before any row is written that DDL of the table writes, too
    PERFORM lock_members(relation, 'SHARE ROW EXCLUSIVE', '2 seconds') WHERE NOT nothing;
    PERFORM attach_clocks(relation);
    PERFORM note_members(relation); -- of tables without components, too: other rooms read their rows
    IF nothing THEN
        RETURN;
    END IF;
    IF NOT EXISTS (SELECT FROM attached_trigger t WHERE t.relation = capture.relation AND t.room = 'kpi') THEN
        PERFORM attach_triggers(relation, 'kpi', 'capture_change', always => true);
    END IF;
    wanted := ARRAY(SELECT (NULL, capture.relation, w.component, w.version, w.zone, w.undated, w.day, w.filter, w.sums, w.sum_names, 'filling')::kpi_instance
                    FROM wanted_instances(capture.relation) w);
    beside := ARRAY(
        SELECT DISTINCT i.component
        FROM kpi_instance i JOIN component c USING (component)
        LEFT JOIN unnest(wanted) w ON w.component = i.component AND i.relation = capture.relation
        WHERE i.state = 'ready' AND i.instance NOT IN (SELECT b.instance FROM kpi_broken b) AND (i.version <> c.version OR i.sums <> w.sums));
    PERFORM forget_instances(ARRAY(
        SELECT i.instance FROM kpi_captured i LEFT JOIN unnest(wanted) w USING (component, version, sums)
        WHERE i.relation = capture.relation
          AND CASE WHEN i.is_read THEN w.component IS NULL AND i.component <> ALL (beside) ELSE w.component IS NULL OR i.component <> ALL (beside) END));
    DELETE FROM kpi_broken b USING kpi_captured i WHERE i.instance = b.instance AND i.relation = capture.relation;
    IF FOUND THEN -- all of them: which changes were missed is not known
        UPDATE kpi_successor i SET state = 'filling' WHERE i.relation = capture.relation;
        UPDATE kpi_instance i SET state = 'filling' WHERE i.relation = capture.relation;
    END IF;
    INSERT INTO kpi_instance (relation, component, version, zone, undated, day, filter, sums, sum_names)
    SELECT w.relation, w.component, w.version, w.zone, w.undated, w.day, w.filter, w.sums, w.sum_names
    FROM unnest(wanted) w WHERE w.component <> ALL (beside)
    ON CONFLICT ON CONSTRAINT kpi_instance_relation_component_key DO NOTHING;
    INSERT INTO kpi_successor (instance, relation, component, version, zone, undated, day, filter, sums, sum_names, state)
    SELECT nextval('kpi_instance_instance_seq'), w.relation, w.component, w.version, w.zone, w.undated, w.day, w.filter, w.sums, w.sum_names, w.state
    FROM unnest(wanted) w
    WHERE w.component = ANY (beside)
      AND NOT EXISTS (SELECT FROM kpi_captured i WHERE (i.relation, i.component, i.version, i.sums) = (w.relation, w.component, w.version, w.sums));
    PERFORM capture_changed(relation);
    IF EXISTS (SELECT FROM kpi_captured i WHERE i.relation = capture.relation AND i.state = 'filling') THEN
        INSERT INTO filling (relation, room) VALUES (relation, 'kpi')
        ON CONFLICT ON CONSTRAINT filling_pkey DO UPDATE SET state = 'filling', error = NULL;
    END IF;
    FOR each IN SELECT DISTINCT i.component FROM kpi_captured i WHERE i.relation = capture.relation ORDER BY 1 LOOP
        RETURN NEXT ('kpi', each.component, 'SHARE ROW EXCLUSIVE',
                     format('component captured by %s triggers', CASE WHEN per_row THEN 'row' ELSE 'statement' END))::attachment;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.capture(pg_catalog.regclass) IS
'Makes the components of an adopted table follow its changes; adopt calls it. Called again it takes up new and changed '
'components, and those that are broken. New and broken ones read NULL until backfill has filled them, of a changed one the old version is read '
'until then. Waits up to 2 s for a SHARE ROW '
'EXCLUSIVE lock. Returns a row for each component. For the owner of the table and for administrators. Errors: RM004 not '
'adopted, 42501, 55P03.';

CREATE FUNCTION @extschema@.uncapture(relation pg_catalog.regclass) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM detach_triggers(relation, 'kpi');
    PERFORM detach_clocks(relation);
    PERFORM decide_captured();
    PERFORM forget_instances(ARRAY(SELECT i.instance FROM kpi_captured i WHERE i.relation = uncapture.relation));
    PERFORM switch_components(); -- the others may have waited for it
    DELETE FROM kpi_pending p WHERE p.relation = uncapture.relation;
    DELETE FROM kpi_member m WHERE m.relation = uncapture.relation;
    DELETE FROM filling f WHERE f.relation = uncapture.relation AND f.room = 'kpi';
    PERFORM capture_changed(relation) FROM pg_class c WHERE c.oid = relation;
END
$$;
COMMENT ON FUNCTION @extschema@.uncapture(pg_catalog.regclass) IS
'Ends the capture of a table and drops what was counted; disown calls it.';
SELECT @extschema@.set_audience('uncapture(regclass)', 'admin');

-- Base minus what is counted, of one snapshot, written as a change: exact beside writers and folds.
CREATE FUNCTION @extschema@.fill_components(relation pg_catalog.regclass) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    wanted integer[] := ARRAY(SELECT i.instance FROM kpi_captured i
                              WHERE i.relation = fill_components.relation AND i.state = 'filling');
    count bigint;
BEGIN
    PERFORM hold_storage(relation);
    -- first, while only the snapshot's changes are seen and none of this transaction's own
    INSERT INTO kpi_pending
    SELECT fill_components.relation, c.funnel, c.unit, c.stage, c.campaign, c.channel, c.product, c.owner, c.segment, c.currency, '{}',
           ARRAY[(c.instance, c.day, counted_negated(c.piece))::kpi_value_part]
    FROM kpi_value_cell c WHERE c.instance = ANY (wanted);
    INSERT INTO kpi_pending
    SELECT fill_components.relation, c.funnel, c.unit, c.stage, c.campaign, c.channel, c.product, c.owner, c.segment, c.currency,
           array_agg((c.instance, c.day, -c.rows, -c.invalid, -c.s1, -c.s2, -c.s3, -c.s4)::kpi_part)
    FROM kpi_cell c WHERE c.instance = ANY (wanted)
    GROUP BY c.funnel, c.unit, c.stage, c.campaign, c.channel, c.product, c.owner, c.segment, c.currency;
    count := capture_rows(relation, wanted);
    UPDATE kpi_successor i SET state = 'ready' WHERE i.instance = ANY (wanted);
    UPDATE kpi_instance i SET state = 'ready' WHERE i.instance = ANY (wanted);
    PERFORM switch_components();
    BEGIN
        PERFORM settle_clocks();
    EXCEPTION WHEN serialization_failure OR deadlock_detected THEN
        NULL; -- somebody else settled some of them after this snapshot; the next fold does the rest
    END;
    RETURN count;
END
$$;
COMMENT ON FUNCTION @extschema@.fill_components(pg_catalog.regclass) IS
'Counts the rows of a table for the components that are not filled yet, in the caller''s REPEATABLE READ transaction; '
'returns how many it read. backfill calls it.';
SELECT @extschema@.set_audience('fill_components(regclass)', 'admin');

INSERT INTO @extschema@.room_hook (room, "position", attach, detach, backfill)
VALUES ('kpi', 50, 'capture', 'uncapture', 'fill_components');
