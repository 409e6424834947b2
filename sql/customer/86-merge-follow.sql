-- What the room customer itself does when rows of its records are merged: verdicts go with them, and customers.

CREATE FUNCTION @extschema@.verdicts_on(relation pg_catalog.regclass, keys text[]) RETURNS SETOF @extschema@.verdict
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 5 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT v.* FROM verdict v
    WHERE v.relation_a = verdicts_on.relation AND v.key_a = ANY (keys) OR v.relation_b = verdicts_on.relation AND v.key_b = ANY (keys)
$$;
COMMENT ON FUNCTION @extschema@.verdicts_on(pg_catalog.regclass, text[]) IS 'What people decided about these records.';
SELECT @extschema@.set_audience('verdicts_on(regclass, text[])', 'internal');

CREATE FUNCTION @extschema@.records_merging(relation pg_catalog.regclass, lose text[], keep text[]) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT jsonb_build_object(
        'relation', table_name(records_merging.relation),
        'verdicts', (SELECT jsonb_agg(to_jsonb(v)) FROM verdicts_on(records_merging.relation, lose) v),
        'customers', (SELECT jsonb_object_agg(r.record_key, r.customer_id) FROM record r
                      WHERE r.relation = records_merging.relation AND r.record_key = ANY (lose) AND r.customer_id IS NOT NULL))
$$;
COMMENT ON FUNCTION @extschema@.records_merging(pg_catalog.regclass, text[], text[]) IS
'Before records are merged: the verdicts on those that go, and their customers.';
SELECT @extschema@.set_audience('records_merging(regclass, text[], text[])', 'internal');

CREATE FUNCTION @extschema@.forget_held_verdicts(place text, keys text[]) RETURNS void
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    UPDATE merge_held h
    SET held = h.held || jsonb_build_object('verdicts', (
        SELECT jsonb_agg(e) FROM jsonb_array_elements(h.held -> 'verdicts') e
        WHERE NOT (e ->> 'relation_a' = place AND (keys IS NULL OR e ->> 'key_a' = ANY (keys))
                   OR e ->> 'relation_b' = place AND (keys IS NULL OR e ->> 'key_b' = ANY (keys)))))
    WHERE h.room = 'customer' AND jsonb_typeof(h.held -> 'verdicts') = 'array'
      AND EXISTS (SELECT FROM jsonb_array_elements(h.held -> 'verdicts') e
                  WHERE e ->> 'relation_a' = place AND (keys IS NULL OR e ->> 'key_a' = ANY (keys))
                     OR e ->> 'relation_b' = place AND (keys IS NULL OR e ->> 'key_b' = ANY (keys)))
$$;
COMMENT ON FUNCTION @extschema@.forget_held_verdicts(text, text[]) IS
'Takes verdicts on records (a table''s name, keys, or all of it where they are NULL) from what merges would give back.';
SELECT @extschema@.set_audience('forget_held_verdicts(text, text[])', 'internal');

CREATE FUNCTION @extschema@.records_merged(relation pg_catalog.regclass, lose text[], keep text[], held jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    -- a verdict on a row that went is one on the row that stayed; where both have one, different goes before same
    WITH gone AS (
        DELETE FROM verdict v
        WHERE v.relation_a = records_merged.relation AND v.key_a = ANY (lose) OR v.relation_b = records_merged.relation AND v.key_b = ANY (lose)
        RETURNING v.*),
    moved AS (
        SELECT g.relation_a, coalesce(a.kept, g.key_a) AS key_a, g.relation_b, coalesce(b.kept, g.key_b) AS key_b,
               g.verdict, g.reason, g.decided_by, g.decided_at
        FROM gone g
        LEFT JOIN unnest(lose, keep) AS a (gone, kept) ON g.relation_a = records_merged.relation AND a.gone = g.key_a
        LEFT JOIN unnest(lose, keep) AS b (gone, kept) ON g.relation_b = records_merged.relation AND b.gone = g.key_b)
    INSERT INTO verdict AS v (relation_a, key_a, relation_b, key_b, verdict, reason, decided_by, decided_at)
    SELECT DISTINCT ON (m.relation_a, m.key_a, m.relation_b, m.key_b) m.* FROM moved m
    WHERE (m.relation_a, m.key_a) IS DISTINCT FROM (m.relation_b, m.key_b)
      AND NOT EXISTS (SELECT FROM verdict o WHERE (o.relation_a, o.key_a, o.relation_b, o.key_b) = (m.relation_b, m.key_b, m.relation_a, m.key_a))
    ORDER BY m.relation_a, m.key_a, m.relation_b, m.key_b, m.verdict
    ON CONFLICT ON CONSTRAINT verdict_pkey DO UPDATE SET verdict = least(v.verdict, excluded.verdict);
    -- the customer of a row that went leads to the other's, unless other records have it, which are linked anew
    UPDATE customer_registry c SET retired_at = now(), redirect_to = k.customer_id
    FROM unnest(lose, keep) AS u (gone, kept)
    JOIN record k ON k.relation = records_merged.relation AND k.record_key = u.kept
    JOIN record l ON l.relation = records_merged.relation AND l.record_key = u.gone
    WHERE c.customer_id = l.customer_id AND k.customer_id <> l.customer_id AND c.retired_at IS NULL
      AND NOT EXISTS (SELECT FROM record o WHERE o.customer_id = l.customer_id
                                             AND NOT (o.relation = records_merged.relation AND o.record_key = ANY (lose)));
    INSERT INTO record_dirty (relation, record_key)
    SELECT o.relation, o.record_key FROM record o
    WHERE o.customer_id IN (SELECT r.customer_id FROM record r WHERE r.relation = records_merged.relation AND r.record_key = ANY (lose || keep));
END
$$;
COMMENT ON FUNCTION @extschema@.records_merged(pg_catalog.regclass, text[], text[], jsonb) IS
'Verdicts and customers follow rows that were merged; what was linked with them is looked at again.';
SELECT @extschema@.set_audience('records_merged(regclass, text[], text[], jsonb)', 'internal');

CREATE FUNCTION @extschema@.records_unmerged(relation pg_catalog.regclass, lose text[], keep text[], held jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    -- the table may have another name by now, and others may be gone
    returned CONSTANT verdict[] := ARRAY(
        SELECT jsonb_populate_record(NULL::verdict, e.said || jsonb_build_object('relation_a', k.relation_a::oid::text, 'relation_b', k.relation_b::oid::text))
        FROM jsonb_array_elements(coalesce(nullif(held -> 'verdicts', 'null'), '[]')) AS e (said)
        CROSS JOIN LATERAL (SELECT CASE e.said -> 'relation_a' WHEN held -> 'relation' THEN relation ELSE to_regclass(e.said ->> 'relation_a') END,
                                   CASE e.said -> 'relation_b' WHEN held -> 'relation' THEN relation ELSE to_regclass(e.said ->> 'relation_b') END)
             AS k (relation_a, relation_b)
        WHERE k.relation_a IS NOT NULL AND k.relation_b IS NOT NULL);
BEGIN
    IF NOT EXISTS (SELECT FROM attached_trigger t WHERE t.relation = records_unmerged.relation AND t.room = 'customer') THEN
        RETURN;
    END IF;
    DELETE FROM verdict v USING unnest(returned) r, unnest(lose, keep) AS u (gone, kept)
    WHERE (v.relation_a, v.key_a, v.relation_b, v.key_b) = (r.relation_a, CASE WHEN r.relation_a = records_unmerged.relation AND r.key_a = u.gone THEN u.kept ELSE r.key_a END,
                                                           r.relation_b, CASE WHEN r.relation_b = records_unmerged.relation AND r.key_b = u.gone THEN u.kept ELSE r.key_b END)
      AND v.decided_at = r.decided_at;
    INSERT INTO verdict SELECT r.* FROM unnest(returned) r ON CONFLICT DO NOTHING;
    -- who takes a merge back says that the two are different, so that nobody proposes them again
    DELETE FROM verdict v USING unnest(lose, keep) AS u (gone, kept)
    WHERE v.relation_a = records_unmerged.relation AND v.relation_b = records_unmerged.relation
      AND (v.key_a, v.key_b) IN ((u.gone, u.kept), (u.kept, u.gone));
    INSERT INTO verdict (relation_a, key_a, relation_b, key_b, verdict, reason, decided_by)
    SELECT records_unmerged.relation, u.kept, records_unmerged.relation, u.gone, 'different', 'a merge was taken back', caller()::text
    FROM unnest(lose, keep) AS u (gone, kept);
    PERFORM read_records(relation, lose);
    INSERT INTO record_link (record_no, customer_id)
    SELECT c.record_no, (held -> 'customers' ->> c.record_key)::bigint FROM record_copy c
    WHERE c.relation = records_unmerged.relation AND c.record_key = ANY (lose) AND held -> 'customers' ? c.record_key
    ON CONFLICT DO NOTHING;
    UPDATE customer_registry c SET retired_at = NULL, redirect_to = NULL
    FROM jsonb_each_text(nullif(held -> 'customers', 'null')) e WHERE c.customer_id = e.value::bigint AND c.retired_at IS NOT NULL;
    INSERT INTO record_dirty (relation, record_key) SELECT records_unmerged.relation, k FROM unnest(lose || keep) k;
END
$$;
COMMENT ON FUNCTION @extschema@.records_unmerged(pg_catalog.regclass, text[], text[], jsonb) IS
'Rows that were one are two records again: with the verdicts and the customers that they had, and the verdict that they are different.';
SELECT @extschema@.set_audience('records_unmerged(regclass, text[], text[], jsonb)', 'internal');

INSERT INTO @extschema@.follow_hook (room, "position", merging, merged, unmerged)
VALUES ('customer', 200, 'records_merging', 'records_merged', 'records_unmerged');
