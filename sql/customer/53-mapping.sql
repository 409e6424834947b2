-- Columns that seem to mean something else than the attribute they are mapped to, seen from a sample of their values.

CREATE FUNCTION @extschema@.mapping_doubts() RETURNS TABLE (relation regclass, attribute text, doubt text, amount bigint, records bigint)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 10 COST 1000000
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    WITH every AS (SELECT greatest(1, count(*) / 20000) AS nth FROM record_copy),
    told AS (
        SELECT c.relation, v.*
        FROM record_copy c
        CROSS JOIN LATERAL (VALUES
            ('given_name', 'name', c.given_name, NULL), ('family_name', 'name', c.family_name, NULL), ('full_name', 'name', c.full_name, NULL),
            ('company', 'name', c.company, NULL), ('city', 'name', c.city, NULL), ('address', 'text', c.address, NULL),
            ('phone', 'phone', c.phone, c.phone_key), ('email', 'email', c.email, c.email_key), ('birth_date', 'date', c.birth_date, NULL),
            ('tax_id', 'text', c.tax_id, NULL)) AS v (attribute, kind, value, key)
        WHERE v.value <> '' AND (hashint8(c.record_no)::bigint & 2147483647) % (SELECT e.nth FROM every e) = 0),
    counted AS (
        SELECT t.relation, t.attribute, d.doubt, count(*) AS records,
               CASE d.doubt WHEN 'are the same in all records' THEN CASE WHEN min(t.value) = max(t.value) THEN count(*) ELSE 0 END
                            ELSE count(*) FILTER (WHERE d.doubtful) END AS amount
        FROM told t
        CROSS JOIN LATERAL (VALUES
            ('look like e-mail addresses', t.kind <> 'email' AND t.value ~ '^[^@[:space:]]+@[^@[:space:]]+\.[^@[:space:]]+$'),
            ('have no letter', t.kind = 'name' AND t.value ~ '^[0-9 ()+,./:_-]+$'),
            ('have no digit', t.kind = 'date' AND t.value ~ '^[ -/:-~]+$'),
            ('cannot be read as e-mail addresses', t.kind = 'email' AND t.key IS NULL),
            ('cannot be read as telephone numbers; a country may be needed', t.kind = 'phone' AND t.key IS NULL AND t.value !~ '@'),
            ('are the same in all records', t.attribute <> 'city' AND t.attribute <> 'company')) AS d (doubt, doubtful)
        GROUP BY 1, 2, 3
        HAVING d.doubt <> 'are the same in all records' OR bool_or(d.doubtful))
    SELECT c.relation, c.attribute, c.doubt, c.amount * e.nth, c.records * e.nth
    FROM counted c CROSS JOIN every e WHERE c.records >= 20 AND c.amount * 5 >= c.records
    ORDER BY c.relation::text COLLATE "C", c.attribute COLLATE "C", c.doubt COLLATE "C"
$$;
COMMENT ON FUNCTION @extschema@.mapping_doubts() IS
    'Mapped columns of which a fifth of the values or more are not what their attribute means (names that are e-mail addresses or numbers, '
    'e-mails and phones that are none, one value in all records), by a sample of some 20,000 records; amount and records are of all. '
    'Attributes with fewer than 20 values are not judged.';
SELECT @extschema@.set_audience('mapping_doubts()', 'daemon');

-- A few pairs more or less mean nothing.
CREATE FUNCTION @extschema@.linking_doubted(report jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN NOT (report->>'sure')::boolean
    AND pg_catalog.abs((report->>'expected_pairs')::numeric - (report->>'cluster_pairs')::numeric) >= 20;
COMMENT ON FUNCTION @extschema@.linking_doubted(jsonb) IS
    'Whether what the model of a report believes and what was linked are far apart: by more than a third, and by 20 pairs or more.';

-- What linking compares under one name, and whether any record has it.
CREATE FUNCTION @extschema@.linked_by(OUT used text[], OUT unused text[]) LANGUAGE sql STABLE PARALLEL SAFE
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    WITH field AS (
        SELECT CASE WHEN f.name IN ('given_name', 'family_name', 'full_name') THEN 'name' ELSE f.name END AS attribute, f.place,
               EXISTS (SELECT FROM adoption_attribute a JOIN adoption t USING (relation)
                       WHERE a.attribute = f.name AND t.entity IN ('customer', 'lead')) AS mapped
        FROM unnest(link_fields()) WITH ORDINALITY AS f (name, place)),
    attribute AS (SELECT f.attribute, min(f.place) AS place, bool_or(f.mapped) AS mapped FROM field f GROUP BY 1)
    SELECT coalesce(array_agg(a.attribute ORDER BY a.place) FILTER (WHERE a.mapped), '{}'),
           coalesce(array_agg(a.attribute ORDER BY a.place) FILTER (WHERE NOT a.mapped), '{}')
    FROM attribute a
$$;
COMMENT ON FUNCTION @extschema@.linked_by() IS 'The attributes that linking compares: those that some table maps, and the others. name stands for its three fields.';
SELECT @extschema@.set_audience('linked_by()', 'daemon');

CREATE FUNCTION @extschema@.resolve_warn(report jsonb) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    compared CONSTANT pg_catalog.record := linked_by();
    doubted CONSTANT text := (SELECT string_agg(format('%s of %s: %s of %s values %s', d.attribute, d.relation, d.amount, d.records, d.doubt), E'\n')
                              FROM mapping_doubts() d);
    more CONSTANT text := CASE WHEN cardinality(compared.unused) > 0 THEN 'Map more of ' || array_to_string(compared.unused, ', ') || '; look'
                               ELSE 'Look' END || ' at some links with @extschema@.explain_match.';
BEGIN
    IF linking_doubted(report) THEN
        RAISE WARNING 'linking is not sure: the model believes in % pairs, the customers hold %',
                      round((report->>'expected_pairs')::numeric), report->>'cluster_pairs'
            USING DETAIL = coalesce(doubted, 'What is mapped says too little about who is who, or a column means something else than its attribute.'),
                  HINT = CASE WHEN doubted IS NULL THEN more ELSE 'Map these columns to what they are (disown and adopt again).' END;
    ELSIF doubted IS NOT NULL THEN
        RAISE WARNING 'a column may be mapped to the wrong attribute' USING DETAIL = doubted,
            HINT = 'If so, map it to what it is: disown and adopt again.';
    ELSIF (report->>'fixed')::boolean AND cardinality(compared.used) = 1 AND (report->>'cluster_pairs')::bigint > 0 THEN
        RAISE WARNING 'records are linked by their % alone', compared.used[1]
            USING DETAIL = 'Two customers who have it in common cannot be told apart.', HINT = more;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.resolve_warn(jsonb) IS
    'Step of resolve: warns where what the model believes and what was linked are far apart, where columns seem to be mapped to the wrong '
    'attribute, and where one attribute alone is compared; with what to map.';
