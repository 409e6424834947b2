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

CREATE FUNCTION @extschema@.link_explain(a bigint, b bigint)
RETURNS TABLE (attribute text, level text, bits double precision, given text)
    AS 'MODULE_PATHNAME', 'crm_link_explain' LANGUAGE C STABLE STRICT PARALLEL UNSAFE ROWS 10 COST 10000;
COMMENT ON FUNCTION @extschema@.link_explain(bigint, bigint) IS
    'What the model in force says of two records, by their numbers: a row for each attribute that both have, one that is called '
    'contradiction where no customer can have both, then prior, sum and threshold. Before the first full run the usual model says it, '
    'and a row that is called model stands in place of the threshold, which only a run finds.';
SELECT @extschema@.set_audience('link_explain(bigint, bigint)', 'internal');

CREATE FUNCTION @extschema@.record_attribute(record @extschema@.record, attribute text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE attribute
    WHEN 'name' THEN COALESCE((record).full_name, NULLIF(pg_catalog.concat_ws(' ', (record).given_name, (record).family_name), ''))
    WHEN 'company' THEN (record).company WHEN 'email' THEN (record).email WHEN 'phone' THEN (record).phone
    WHEN 'website' THEN (record).website WHEN 'address' THEN (record).address WHEN 'postcode' THEN (record).postcode
    WHEN 'city' THEN (record).city WHEN 'region' THEN (record).region WHEN 'country' THEN (record).country
    WHEN 'birth_date' THEN (record).birth_date WHEN 'tax_id' THEN (record).tax_id WHEN 'gender' THEN (record).gender
    WHEN 'job_title' THEN (record).job_title WHEN 'kind' THEN (record).kind END;
COMMENT ON FUNCTION @extschema@.record_attribute(@extschema@.record, text) IS
    'The value of a record that linking compares under this name; name is the full name, or given and family name.';

CREATE FUNCTION @extschema@.explain_match(a @extschema@.record_ref, b @extschema@.record_ref)
RETURNS TABLE (attribute text, value_a text, value_b text, level text, bits numeric, given text)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 18
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    x @extschema@.record := require_record(a);
    y @extschema@.record := require_record(b);
BEGIN
    RETURN QUERY
    WITH told AS MATERIALIZED (SELECT e.*, row_number() OVER () AS place FROM link_explain(x.record_no, y.record_no) e),
    valued AS (
        SELECT u.attribute, record_attribute(x, u.attribute) AS value_a, record_attribute(y, u.attribute) AS value_b, u.place
        FROM unnest(ARRAY['name', 'company', 'email', 'phone', 'website', 'address', 'postcode', 'city', 'region', 'country',
                          'birth_date', 'tax_id', 'gender', 'job_title']) WITH ORDINALITY AS u (attribute, place)),
    line (part, place, attribute, value_a, value_b, level, bits, given) AS (
        SELECT 1, v.place, v.attribute, v.value_a, v.value_b,
               CASE WHEN v.value_a IS NULL OR v.value_b IS NULL THEN 'one has none' ELSE coalesce(t.level, 'not compared') END,
               coalesce(t.bits, 0), t.given
        FROM valued v LEFT JOIN told t USING (attribute)
        WHERE v.value_a IS NOT NULL OR v.value_b IS NOT NULL
        UNION ALL
        SELECT 2, t.place, t.attribute, NULL, NULL, NULL, t.bits, NULL FROM told t WHERE t.attribute IN ('prior', 'sum', 'threshold')
        UNION ALL
        SELECT 2, t.place, 'model', NULL, NULL, 'what is usual, since nothing was linked yet: CALL @extschema@.resolve() learns from the records',
               NULL, NULL
        FROM told t WHERE t.attribute = 'model'
        UNION ALL
        SELECT 3, 1, 'kind', x.kind, y.kind, 'a person and an organisation are never one customer', NULL, NULL WHERE x.kind <> y.kind
        UNION ALL
        SELECT 3, 2, 'contradiction', NULL, NULL, t.level || ': never one customer', NULL, NULL FROM told t WHERE t.attribute = 'contradiction'
        UNION ALL
        SELECT 4, 1, 'verdict', v.verdict, v.reason, 'decided by ' || v.decided_by, NULL, NULL
        FROM verdict v
        WHERE (v.relation_a, v.key_a, v.relation_b, v.key_b) IN (((a).relation, (a).record_key, (b).relation, (b).record_key),
                                                                 ((b).relation, (b).record_key, (a).relation, (a).record_key))
        UNION ALL
        SELECT 5, 1, 'customer', x.customer_id::text, y.customer_id::text,
               CASE WHEN x.customer_id = y.customer_id THEN 'the same' WHEN x.customer_id <> y.customer_id THEN 'two customers'
                    ELSE 'not linked yet' END, NULL, NULL)
    SELECT l.attribute, l.value_a, l.value_b, l.level, round(l.bits::numeric, 2), l.given FROM line l ORDER BY l.part, l.place;
END
$$;
COMMENT ON FUNCTION @extschema@.explain_match(@extschema@.record_ref, @extschema@.record_ref) IS
    'Why two records are or are not the same customer, by the model in force (before the first resolve: by what is usual, and a row '
    'says so): for each attribute both values, how they agree and the '
    'bits (log2) that this is worth, in the light of another attribute where given names one; then prior, their sum, and the threshold '
    'that clusters were joined at; a difference in kind; a contradiction (values that one customer cannot both have); what a person decided (with the reason as value_b); and the customers they '
    'have. Links follow from all records of two clusters together, so that a pair below the threshold can be linked, and one above it '
    'not. Only records that you may read. Error: RM202. Example: SELECT * FROM '
    'explain_match((''public.accounts'', ''17''), (''public.leads'', ''4711''));';

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
    PERFORM note_records(ARRAY[(require_record(a)).record_no, (require_record(b)).record_no]);
END
$$;
COMMENT ON FUNCTION @extschema@.decide(@extschema@.record_ref, @extschema@.record_ref, text, text) IS
    'A person''s verdict on two records: same (links them whatever their values), different (nothing links them, not even by '
    'way of others), undecided (takes a verdict back). It comes before all values, and different before same; the next '
    'resolve_pending applies it. Errors: RM001 (no such verdict), RM202 (no such record, or none that you may read), RM005.';
SELECT @extschema@.set_audience('decide(record_ref, record_ref, text, text)', 'admin');
