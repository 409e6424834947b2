-- match: whom a form's input could mean, while somebody waits.

CREATE FUNCTION @extschema@.match_records(attributes jsonb, kind text)
RETURNS TABLE (record_no bigint, probability double precision, reasons jsonb)
    AS 'MODULE_PATHNAME', 'crm_match_records' LANGUAGE C STABLE PARALLEL UNSAFE ROWS 10 COST 100000;
COMMENT ON FUNCTION @extschema@.match_records(jsonb, text) IS 'For match: candidates by block keys, weighed by the model in force; no rights applied.';
SELECT @extschema@.set_audience('match_records(jsonb, text)', 'internal');

-- Before there is a model, equal values are all there is to go by.
CREATE FUNCTION @extschema@.match_equal(attributes jsonb)
RETURNS TABLE (record_no bigint, probability double precision, reasons jsonb)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 10 COST 10000 SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT r.record_no, max(r.probability), jsonb_agg(jsonb_build_object('attribute', r.attribute, 'level', 'exact') ORDER BY r.attribute)
    FROM (SELECT c.record_no, 'tax_id' AS attribute, 0.99::double precision AS probability
          FROM record_copy c WHERE c.tax_key = tax_key(attributes->>'tax_id')
          UNION ALL
          SELECT c.record_no, 'email', 0.95 FROM record_copy c WHERE c.email_key = email_match_key(try_email(attributes->>'email'))
          UNION ALL
          SELECT c.record_no, 'phone', 0.8 FROM record_copy c
          WHERE c.phone_key = phone_match_key(try_phone(attributes->>'phone', attributes->>'country'))) r
    GROUP BY 1 ORDER BY 2 DESC LIMIT 100
$$;
COMMENT ON FUNCTION @extschema@.match_equal(jsonb) IS
    'For match before the first resolve: records with the same tax id, e-mail or phone; the probabilities are conventions.';
SELECT @extschema@.set_audience('match_equal(jsonb)', 'internal');

CREATE FUNCTION @extschema@.match(attributes jsonb, max_rows integer DEFAULT 10)
RETURNS TABLE (relation regclass, record_key text, customer_id bigint, probability double precision, reasons jsonb)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 10 COST 100000
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off
SET plan_cache_mode = force_generic_plan -- planning anew would take longer than the rest
AS $$
DECLARE
    known CONSTANT text[] := link_fields() || 'kind'::text;
    unknown text;
    told_kind text;
BEGIN
    IF attributes IS NULL OR jsonb_typeof(attributes) <> 'object' THEN
        RAISE EXCEPTION 'attributes must be a JSON object' USING ERRCODE = 'RM005',
            HINT = 'For example: ''{"full_name": "Ann Lee", "email": "ann@example.com"}''.';
    ELSIF max_rows IS NULL OR max_rows < 1 THEN
        RAISE EXCEPTION 'max_rows must be 1 or more' USING ERRCODE = 'RM005', HINT = 'Leave it out for 10.';
    END IF;
    SELECT k INTO unknown FROM jsonb_object_keys(attributes) k WHERE k <> ALL (known) LIMIT 1;
    IF unknown IS NOT NULL THEN
        PERFORM raise_unknown('attribute of a customer', unknown, known);
    END IF;
    told_kind := record_kind(attributes->>'kind', attributes->>'given_name', attributes->>'family_name', attributes->>'full_name',
                             attributes->>'company');
    RETURN QUERY
    WITH found AS MATERIALIZED (
        SELECT m.* FROM match_records(attributes, told_kind) m WHERE EXISTS (SELECT FROM link_model l WHERE l.in_force)
        UNION ALL
        SELECT e.* FROM match_equal(attributes) e WHERE NOT EXISTS (SELECT FROM link_model l WHERE l.in_force))
    SELECT c.relation, c.record_key, l.customer_id, f.probability, f.reasons
    FROM found f
    JOIN record_copy c USING (record_no)
    JOIN record_access() a ON a.relation = c.relation
    LEFT JOIN record_link l USING (record_no)
    WHERE (c.kind = told_kind) IS NOT FALSE
      AND (a.reads = 'all' OR a.reads = 'unit' AND (visible(c.unit, a.object, 'read', a.hierarchy, a.fallback)
                                                    OR a.by_owner AND owned(c.owner, a.object, 'read')))
      AND NOT EXISTS (SELECT FROM unmatchable_record u WHERE u.relation = c.relation AND u.record_key = c.record_key)
    ORDER BY f.probability DESC, c.relation::text COLLATE "C", c.record_key
    LIMIT max_rows;
END
$$;
COMMENT ON FUNCTION @extschema@.match(jsonb, integer) IS
    'Who among the registered records these attributes could mean: at most max_rows, most probable first, with what speaks for and '
    'against it (attribute, how it agrees, bits). attributes are those that linking compares, and kind. Only records that you '
    'may read. Errors: RM001 (no such attribute), RM005. Example: SELECT * FROM match(''{"full_name": "Ann Lee", "email": '
    '"ann@example.com"}'');';
