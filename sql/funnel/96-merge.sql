-- The history of a row that was merged away comes back with the row.

CREATE FUNCTION @extschema@.transitions_merging(relation pg_catalog.regclass, lose text[], keep text[]) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT jsonb_agg(to_jsonb(t) ORDER BY t.id) FROM transition_log t
    WHERE t.relation = transitions_merging.relation AND t.source = transitions_merging.relation AND t.record_key = ANY (lose)
$$;
COMMENT ON FUNCTION @extschema@.transitions_merging(pg_catalog.regclass, text[], text[]) IS
'Keeps the history of rows that a merge removes: it goes with them, so that numbers equal the table.';
SELECT @extschema@.set_audience('transitions_merging(regclass, text[], text[])', 'internal');

CREATE FUNCTION @extschema@.transitions_unmerged(relation pg_catalog.regclass, lose text[], keep text[], held jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF jsonb_typeof(held) IS DISTINCT FROM 'array' THEN
        RETURN;
    END IF;
    DELETE FROM transition_log t
    WHERE t.relation = transitions_unmerged.relation AND t.source = transitions_unmerged.relation AND t.record_key = ANY (lose);
    INSERT INTO transition_log OVERRIDING SYSTEM VALUE SELECT t.* FROM jsonb_populate_recordset(NULL::transition_log, held) t;
END
$$;
COMMENT ON FUNCTION @extschema@.transitions_unmerged(pg_catalog.regclass, text[], text[], jsonb) IS
'Rows that an unmerge put back have their own history again, and not one that begins today.';
SELECT @extschema@.set_audience('transitions_unmerged(regclass, text[], text[], jsonb)', 'internal');

UPDATE @extschema@.follow_hook SET merging = 'transitions_merging', unmerged = 'transitions_unmerged' WHERE room = 'funnel';
