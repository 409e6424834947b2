-- What people decide about two records, and why two records are linked.

CREATE TYPE @extschema@.record_ref AS (relation regclass, record_key text);
COMMENT ON TYPE @extschema@.record_ref IS 'One record of a registered table, written (''public.accounts'', ''17'').';

CREATE FUNCTION @extschema@.require_record(ref @extschema@.record_ref) RETURNS @extschema@.record
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    found_row @extschema@.record;
BEGIN
    SELECT * INTO found_row FROM @extschema@.record r WHERE r.relation = (ref).relation AND r.record_key = (ref).record_key;
    IF NOT FOUND OR NOT EXISTS (SELECT FROM customer_record c
                                WHERE c.relation = (ref).relation AND c.record_key = (ref).record_key) THEN
        RAISE EXCEPTION 'there is no record % of %, or you may not read it', quote_nullable((ref).record_key),
                        coalesce((ref).relation::text, 'no table')
            USING ERRCODE = 'RM202',
                  HINT = 'Name it as (''public.accounts'', ''17''): an adopted table of customers or leads, whose rows were read, and a key.';
    END IF;
    RETURN found_row;
END
$$;
COMMENT ON FUNCTION @extschema@.require_record(@extschema@.record_ref) IS
    'The record, where the caller may read it; raises RM202 otherwise.';
SELECT @extschema@.set_audience('require_record(record_ref)', 'admin');

CREATE FUNCTION @extschema@.explain_match(a @extschema@.record_ref, b @extschema@.record_ref)
RETURNS TABLE (attribute text, value_a text, value_b text, agrees boolean, links boolean, detail text)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 6
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    x @extschema@.record := require_record(a);
    y @extschema@.record := require_record(b);
    kinds_differ CONSTANT boolean := coalesce(x.kind <> y.kind, false);
    decided text := (SELECT v.verdict FROM verdict v
                     WHERE (v.relation_a, v.key_a, v.relation_b, v.key_b)
                           IN (((a).relation, (a).record_key, (b).relation, (b).record_key),
                               ((b).relation, (b).record_key, (a).relation, (a).record_key)));
BEGIN
    RETURN QUERY
    SELECT k.attribute, k.value_a, k.value_b, k.value_a = k.value_b,
           coalesce(k.value_a = k.value_b AND s.value IS NULL AND NOT kinds_differ AND decided IS DISTINCT FROM 'different', false),
           CASE WHEN k.value_a IS NULL OR k.value_b IS NULL THEN 'one has none'
                WHEN k.value_a <> k.value_b THEN 'they differ'
                WHEN s.value IS NOT NULL THEN format('%s records share it, so it links none', s.records)
                WHEN kinds_differ THEN 'a person and an organisation are not linked'
                WHEN decided = 'different' THEN 'a person decided that they are different'
                ELSE 'equal values link' END
    FROM (VALUES ('tax_id', x.tax_key, y.tax_key), ('email', x.email_key, y.email_key), ('phone', x.phone_key, y.phone_key))
         AS k (attribute, value_a, value_b)
    LEFT JOIN shared_value s ON s.kind = k.attribute AND s.value = k.value_a AND k.value_a = k.value_b;
    attribute := 'verdict';
    value_a := decided;
    value_b := decided;
    agrees := decided = 'same';
    links := coalesce(decided = 'same', false);
    detail := coalesce('decided by a person: ' || decided, 'nobody decided');
    RETURN NEXT;
    attribute := 'customer';
    value_a := x.customer_id::text;
    value_b := y.customer_id::text;
    agrees := x.customer_id = y.customer_id;
    links := false;
    detail := CASE WHEN agrees THEN 'the same, by these values or by way of other records' WHEN NOT agrees THEN 'two customers'
                   ELSE 'not linked yet' END;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION @extschema@.explain_match(@extschema@.record_ref, @extschema@.record_ref) IS
    'Why two records are or are not the same customer: for each value that links, both, whether they agree and whether that '
    'links; then what a person decided, and the customers they have. Only records that you may read: RM202 otherwise. '
    'Example: SELECT * FROM explain_match((''public.accounts'', ''17''), (''public.leads'', ''4711''));';

CREATE FUNCTION @extschema@.decide(a @extschema@.record_ref, b @extschema@.record_ref, verdict text, reason text DEFAULT NULL)
RETURNS void LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
BEGIN
    IF verdict IS NULL OR verdict <> ALL (ARRAY['same', 'different', 'undecided']) THEN
        PERFORM raise_unknown('verdict', coalesce(verdict, ''), ARRAY['same', 'different', 'undecided']);
    END IF;
    PERFORM require_record(a), require_record(b);
    IF a = b THEN
        RAISE EXCEPTION 'a record cannot be compared with itself' USING ERRCODE = 'RM005', HINT = 'Name two records.';
    END IF;
    DELETE FROM @extschema@.verdict v
    WHERE (v.relation_a, v.key_a, v.relation_b, v.key_b)
          IN (((a).relation, (a).record_key, (b).relation, (b).record_key),
              ((b).relation, (b).record_key, (a).relation, (a).record_key));
    IF verdict <> 'undecided' THEN
        INSERT INTO @extschema@.verdict (relation_a, key_a, relation_b, key_b, verdict, reason, decided_by)
        VALUES ((a).relation, (a).record_key, (b).relation, (b).record_key, decide.verdict, decide.reason, caller()::text);
    END IF;
    INSERT INTO record_dirty (relation, record_key)
    VALUES ((a).relation, (a).record_key), ((b).relation, (b).record_key);
END
$$;
COMMENT ON FUNCTION @extschema@.decide(@extschema@.record_ref, @extschema@.record_ref, text, text) IS
    'A person''s verdict on two records: same (links them whatever their values), different (nothing links them, not even by '
    'way of others), undecided (takes a verdict back). It comes before all values, and different before same; the next '
    'resolve_pending applies it. Errors: RM001 (no such verdict), RM202 (no such record, or none that you may read), RM005.';
SELECT @extschema@.set_audience('decide(record_ref, record_ref, text, text)', 'admin');
