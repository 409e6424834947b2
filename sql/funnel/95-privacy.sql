-- What follows an erasure in the history of stages, and what of it belongs into an export.

-- The history of a deleted row went with it, by its trigger; that of a blanked one stays, for the numbers, and leads to nobody.
CREATE FUNCTION @extschema@.transitions_erased(relation regclass, keys text[], mode text) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    changed bigint;
    total bigint := 0;
BEGIN
    WITH about AS MATERIALIZED (
        SELECT a.handover FROM handover_anchor a LEFT JOIN transition_log t ON t.id = a.transition
        WHERE a.relation = $1 AND a.record_key = ANY (keys) OR t.customer_relation = $1 AND t.customer_key = ANY (keys)),
    promise AS (DELETE FROM handover_promise p USING about a WHERE p.handover = a.handover RETURNING 1),
    answer AS (UPDATE handover_answer h SET reason = NULL, note = NULL FROM about a
               WHERE h.handover = a.handover AND (h.reason IS NOT NULL OR h.note IS NOT NULL) RETURNING 1)
    SELECT (SELECT count(*) FROM promise) + (SELECT count(*) FROM answer) INTO changed;
    total := total + changed;
    UPDATE transition_log t SET customer_relation = NULL, customer_key = NULL, anonymous_id = NULL
    WHERE t.customer_relation = $1 AND t.customer_key = ANY (keys)
       OR t.relation = $1 AND t.record_key = ANY (keys) AND t.anonymous_id IS NOT NULL;
    GET DIAGNOSTICS changed = ROW_COUNT;
    total := total + changed;
    IF mode = 'delete' THEN
        DELETE FROM transition_log t WHERE t.relation = $1 AND t.record_key = ANY (keys);
        GET DIAGNOSTICS changed = ROW_COUNT;
        total := total + changed;
        DELETE FROM transition_gone g WHERE g.source = $1 AND g.record_key = ANY (keys);
        DELETE FROM handover_anchor a WHERE a.relation = $1 AND a.record_key = ANY (keys); -- and what was said of them
        GET DIAGNOSTICS changed = ROW_COUNT;
        total := total + changed;
    END IF;
    RETURN total;
END
$$;
COMMENT ON FUNCTION @extschema@.transitions_erased(regclass, text[], text) IS
'Follows an erasure: transitions of deleted records go, others no longer lead to the customer, reasons, notes and promises of hand-overs go.';
SELECT @extschema@.set_audience('transitions_erased(regclass, text[], text)', 'internal');

CREATE FUNCTION @extschema@.exported_transitions(customer_id bigint, relations regclass[], keys text[], words text[]) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object('funnel', t.funnel, 'relation', table_name(t.relation), 'record_key', t.record_key,
                     'sequence', t."sequence", 'from_stage', t.from_stage, 'to_stage', t.to_stage, 'value', t.value, 'at', t.at, 'by', t.by,
                     'unit', t.unit, 'department', t.department,
                     'handover', (SELECT jsonb_strip_nulls(to_jsonb(h) - 'handover')
                                  FROM handover_anchor a JOIN handover_answer h USING (handover) WHERE a.transition = t.id),
                     'promises', (SELECT jsonb_agg(jsonb_strip_nulls(to_jsonb(p) - 'handover' - 'id') ORDER BY p.id)
                                  FROM handover_anchor a JOIN handover_promise p USING (handover) WHERE a.transition = t.id)))
                     ORDER BY table_name(t.relation), t.record_key, t.funnel, t."sequence", t.id)
    FROM unnest(relations, keys) AS k (relation, key)
    JOIN transition_log t ON t.relation = k.relation AND t.record_key = k.key
$$;
COMMENT ON FUNCTION @extschema@.exported_transitions(bigint, regclass[], text[], text[]) IS 'Section transitions of export_customer.';
SELECT @extschema@.set_audience('exported_transitions(bigint, regclass[], text[], text[])', 'internal');

CREATE FUNCTION @extschema@.inventory_funnel() RETURNS SETOF @extschema@.inventory_row
LANGUAGE sql STABLE PARALLEL SAFE ROWS 5 SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT 'funnel', '@extschema@.transition_log', c, 'the history of stages, by the keys of records', NULL::interval, ARRAY['view transition', 'view handover']
    FROM unnest(ARRAY['record_key', 'customer_key', 'anonymous_id', 'source_key']) c
    UNION ALL
    SELECT 'funnel', '@extschema@.handover_anchor', 'source_key', 'hand-overs of which something was said', NULL, ARRAY['view handover']
    UNION ALL
    SELECT 'funnel', '@extschema@.handover_promise', 'promise', 'what the customer was promised before a hand-over', NULL, ARRAY['view handover']
    UNION ALL
    SELECT 'funnel', '@extschema@.transition_gone', c, 'records that went while they were read', NULL, '{}' FROM unnest(ARRAY['record_key', 'source_key']) c
    UNION ALL
    SELECT 'funnel', '@extschema@.transition_log', 'by', 'who moved a record: of the team''s own people', NULL, ARRAY['view transition']
    UNION ALL
    SELECT 'funnel', '@extschema@.funnel_change', 'by', 'who changed a funnel: of the team''s own people', NULL, ARRAY['PUBLIC', 'view funnel_history']
    UNION ALL
    SELECT 'funnel', '@extschema@.probability_model', 'learned_by', 'who had chances learned: of the team''s own people', NULL, ARRAY['view probability_test']
$$;
COMMENT ON FUNCTION @extschema@.inventory_funnel() IS 'For data_inventory(): tables of this room.';
SELECT @extschema@.set_audience('inventory_funnel()', 'admin');

INSERT INTO @extschema@.inventory_source (function_name, room) VALUES ('inventory_funnel', 'funnel');
INSERT INTO @extschema@.free_text (relation, "column", room, purpose) VALUES
    ('handover_answer', 'reason', 'funnel', 'why a hand-over was refused'), ('handover_answer', 'note', 'funnel', 'what was added to it');
INSERT INTO @extschema@.export_source (section, function_name, room) VALUES ('transitions', 'exported_transitions', 'funnel');
-- Journeys and notes name records and visitors, until they are packed.
CREATE FUNCTION @extschema@.journeys_forgotten() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
BEGIN
    IF current_setting('transaction_isolation') = 'read committed' THEN -- else the packer does it soon
        PERFORM pack_lock(wait => true);
        LOOP
            EXIT WHEN pack_touched(20000) = 0;
        END LOOP;
        DELETE FROM journey_kept k WHERE NOT EXISTS (SELECT FROM journey_state s WHERE s.funnel = k.funnel AND s.ready);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.journeys_forgotten() IS 'Follows an erasure: packs the journeys that changed by it, so that nothing names who is gone.';
SELECT @extschema@.set_audience('journeys_forgotten()', 'internal');

INSERT INTO @extschema@.follow_hook (room, "position", erased, forgotten) VALUES ('funnel', 300, 'transitions_erased', 'journeys_forgotten');
