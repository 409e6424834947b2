-- Verdicts as linking reads them, and the queue of pairs that wait for one. After 76-restrict.sql, which says who may not be linked.

CREATE VIEW @extschema@.verdict_pair AS
SELECT a.record_no AS a, b.record_no AS b, v.verdict OPERATOR(pg_catalog.=) 'same' AS same
FROM @extschema@.verdict v
JOIN @extschema@.record_copy a ON a.relation OPERATOR(pg_catalog.=) v.relation_a AND a.record_key OPERATOR(pg_catalog.=) v.key_a
JOIN @extschema@.record_copy b ON b.relation OPERATOR(pg_catalog.=) v.relation_b AND b.record_key OPERATOR(pg_catalog.=) v.key_b
WHERE NOT EXISTS (SELECT FROM @extschema@.unmatchable_record u
                  WHERE u.relation OPERATOR(pg_catalog.=) v.relation_a AND u.record_key OPERATOR(pg_catalog.=) v.key_a
                     OR u.relation OPERATOR(pg_catalog.=) v.relation_b AND u.record_key OPERATOR(pg_catalog.=) v.key_b);
COMMENT ON VIEW @extschema@.verdict_pair IS 'Verdicts about records that are there and may be linked, by their numbers. No rights are applied.';

CREATE FUNCTION @extschema@.match_queue_rows()
RETURNS TABLE (relation_a regclass, key_a text, relation_b regclass, key_b text, probability double precision, linked boolean,
               worth double precision, queued_at timestamptz)
LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 100 COST 10000 SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    WITH may AS MATERIALIZED (SELECT * FROM record_access())
    SELECT a.relation, a.record_key, b.relation, b.record_key, 1 / (1 + power(2::double precision, -d.weight)),
           x.customer_id = y.customer_id, d.worth, d.queued_at
    FROM link_doubt d
    JOIN record_copy a ON a.record_no = d.record_a
    JOIN record_copy b ON b.record_no = d.record_b
    JOIN may s ON s.relation = a.relation
    JOIN may t ON t.relation = b.relation
    LEFT JOIN record_link x ON x.record_no = d.record_a
    LEFT JOIN record_link y ON y.record_no = d.record_b
    WHERE (s.reads = 'all' OR s.reads = 'unit' AND (visible(a.unit, s.object, 'read', s.hierarchy, s.fallback)
                                                    OR s.by_owner AND owned(a.owner, s.object, 'read')))
      AND (t.reads = 'all' OR t.reads = 'unit' AND (visible(b.unit, t.object, 'read', t.hierarchy, t.fallback)
                                                    OR t.by_owner AND owned(b.owner, t.object, 'read')))
      AND (a.kind = b.kind) IS NOT FALSE
      AND NOT EXISTS (SELECT FROM verdict_pair v WHERE v.a = d.record_a AND v.b = d.record_b OR v.a = d.record_b AND v.b = d.record_a)
    ORDER BY d.worth DESC, d.record_a, d.record_b
$$;
COMMENT ON FUNCTION @extschema@.match_queue_rows() IS 'The rows of match_queue.';
CREATE VIEW @extschema@.match_queue AS SELECT * FROM @extschema@.match_queue_rows();
COMMENT ON VIEW @extschema@.match_queue IS
    'Pairs of records that a person should look at, those first where a verdict most likely changes something (worth: how '
    'likely); of two customers the most uncertain pair. probability is above one half where the pair weighs more than the threshold; linked: whether they are one '
    'customer now. Pairs that were decided, and records that you may not read, are not shown. Filled by full runs; look with '
    'explain_match, answer with decide.';
GRANT SELECT ON @extschema@.match_queue TO PUBLIC;
