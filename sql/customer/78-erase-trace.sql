-- What crm itself holds of a person, room by room: rows about records, and words in free texts.

-- Where the person's own words may stand in texts that people or errors wrote.
CREATE TABLE @extschema@.free_text (
    relation text NOT NULL,
    "column" text NOT NULL,
    room text NOT NULL,
    purpose text NOT NULL,
    readers text[] NOT NULL DEFAULT '{}',
    moves boolean NOT NULL DEFAULT false,
    PRIMARY KEY (relation, "column")
);
COMMENT ON COLUMN @extschema@.free_text.moves IS
'Rows of the table move to another while an erasure runs: it waits for them there, and looks where they went afterwards.';
COMMENT ON TABLE @extschema@.free_text IS
'Columns of crm''s own tables that hold what people typed or what an error quoted: an erasure puts [erased] for the person''s values '
'there. Each room names its own. Shipped.';
INSERT INTO @extschema@.free_text (relation, "column", room, purpose, readers) VALUES
    ('filling', 'error', 'base', 'why a table could not be read', '{"view status"}'),
    ('denial', 'reason', 'org', 'why somebody was denied something', '{"view denial_list"}'),
    ('shared_record', 'reason', 'org', 'why a record was shared', '{"function who_can_access"}'),
    ('review', 'reason', 'org', 'why a review was finished', '{"view access_review"}'),
    ('review_entry', 'why', 'org', 'where a right comes from', '{"view access_review"}'),
    ('review_entry', 'comment', 'org', 'what a reviewer said', '{"view access_review"}'),
    ('review_entry', 'finding', 'org', 'what a review found', '{"view access_review"}'),
    ('unmapped_count', 'error', 'org', 'why units could not be counted', '{"view status"}'),
    ('verdict', 'reason', 'customer', 'why two records were decided on', '{"function explain_match"}'),
    ('golden_value', 'reason', 'customer', 'why a golden value was set', '{"view customer_value"}'),
    ('restriction', 'reason', 'customer', 'why a customer was restricted', '{"function export_customer"}'),
    ('restriction', 'lifted_reason', 'customer', 'why a restriction was lifted', '{"function export_customer"}'),
    ('released_record', 'reason', 'customer', 'why a record was released', '{}'),
    ('consent_entry', 'reason', 'customer', 'why consent was given or withdrawn', '{"view consent","function explain_contact"}'),
    ('consent_entry', 'evidence', 'customer', 'how it is known', '{"view consent","function explain_contact"}'),
    ('contact_basis', 'reason', 'customer', 'what contacting rests on', '{}');

-- Words of the person as they may stand in a text. Short and common words would take too much along.
CREATE FUNCTION @extschema@.person_words("values" text[]) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT coalesce(array_agg(w ORDER BY length(w) DESC, w), '{}')
    FROM (SELECT DISTINCT lower(btrim(v)) AS w FROM unnest("values") v WHERE length(btrim(v)) >= 5) d
$$;
COMMENT ON FUNCTION @extschema@.person_words(text[]) IS 'Values in lower case, longest first, each once; none below five characters.';

CREATE FUNCTION @extschema@.redact(document text, words text[]) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    word text;
BEGIN
    FOREACH word IN ARRAY words LOOP
        IF strpos(lower(document), word) > 0 THEN
            document := regexp_replace(document, regexp_replace(word, '([^[:alnum:][:space:]])', '\\\1', 'g'), '[erased]', 'gi');
        END IF;
    END LOOP;
    RETURN document;
END
$$;
COMMENT ON FUNCTION @extschema@.redact(text, text[]) IS 'A text with [erased] for each of the words (lower case, see person_words), whatever their case.';

CREATE FUNCTION @extschema@.redact_texts(words text[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    place free_text;
    changed bigint;
    total bigint := 0;
BEGIN
    FOR place IN SELECT * FROM free_text f ORDER BY f.moves DESC, f.relation, f."column" LOOP
        EXECUTE format('UPDATE @extschema@.%1$I t SET %2$I = redact(t.%2$I::text, $1) '
                       'WHERE EXISTS (SELECT FROM unnest($1) w WHERE strpos(lower(t.%2$I::text), w) > 0)', place.relation, place."column") USING words;
        GET DIAGNOSTICS changed = ROW_COUNT;
        total := total + changed;
    END LOOP;
    RETURN total;
END
$$;
COMMENT ON FUNCTION @extschema@.redact_texts(text[]) IS 'Redacts all free texts of crm; returns how many.';
SELECT @extschema@.set_audience('redact_texts(text[])', 'internal');

-- Values by which the person can be recognised: of records, and of rows as the team wrote them.
CREATE FUNCTION @extschema@.person_values(customer_id bigint) RETURNS text[]
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    found_values text[];
    part pg_catalog.record;
    raw text[];
BEGIN
    SELECT array_agg(DISTINCT v) INTO found_values
    FROM record r, unnest(ARRAY[r.email, r.phone, r.email_key, r.phone_key, r.tax_id, r.tax_key, r.full_name, r.address, r.website,
        CASE WHEN r.kind = 'organisation' OR r.given_name IS NULL THEN r.company END,
        r.given_name || ' ' || r.family_name, r.family_name || ', ' || r.given_name, r.family_name || ' ' || r.given_name]) v
    WHERE r.customer_id = person_values.customer_id AND v IS NOT NULL;
    FOR part IN SELECT a.relation, array_agg(m.attribute ORDER BY m.attribute) AS attributes, belongs_condition(a.relation, ARRAY[person_values.customer_id]) AS condition
                FROM adoption a JOIN adoption_attribute m USING (relation)
                WHERE m.attribute IN ('email', 'phone', 'tax_id', 'full_name', 'address', 'website', 'anonymous_id')
                GROUP BY 1 LOOP
        CONTINUE WHEN part.condition IS NULL;
        SELECT array_agg(DISTINCT t.v) INTO raw
        FROM rows_as_owner(part.relation, format('SELECT u FROM %s r, unnest(ARRAY[%s]) u WHERE (%s) AND u IS NOT NULL', part.relation,
                           (SELECT string_agg(format('@extschema@.%I(r)::text', 'map_' || a), ', ') FROM unnest(part.attributes) a),
                           part.condition)) AS t (v text);
        found_values := found_values || raw;
    END LOOP;
    SELECT found_values || array_agg(v) INTO found_values
    FROM (SELECT unnest(ARRAY[l.email, l.phone, l.tax_id, l.full_name]) FROM lost_records(customer_id) l
          UNION ALL
          SELECT g.value FROM golden_value g JOIN record_link l USING (record_no)
          WHERE l.customer_id = $1 AND g.attribute = ANY (ARRAY['name', 'email', 'phone', 'address', 'website', 'tax_id'])
          UNION ALL
          SELECT i.anonymous_id FROM identification i JOIN record_link l USING (record_no) WHERE l.customer_id = $1) AS x (v) WHERE v IS NOT NULL;
    RETURN ARRAY(SELECT DISTINCT v FROM unnest(found_values) v WHERE btrim(v) <> '' ORDER BY v);
END
$$;
COMMENT ON FUNCTION @extschema@.person_values(bigint) IS
'What a customer can be recognised by: e-mails, phones, tax ids, full names, addresses, visitors'' ids, as rows have them and as '
'matching compares them.';
SELECT @extschema@.set_audience('person_values(bigint)', 'internal');

-- What somebody else objected to when both were one customer stays his, without a word of the one who is erased. A grant that covered
-- both was never his alone, and goes.
CREATE FUNCTION @extschema@.forget_objections(relation regclass, keys text[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    touched CONSTANT bigint[] := ARRAY(SELECT e.entry FROM consent_entry e WHERE e.relation = $1 AND e.record_key = ANY (keys)
                                       UNION SELECT c.entry FROM consent_cover c WHERE c.relation = $1 AND c.record_key = ANY (keys));
    restricted CONSTANT bigint[] := ARRAY(SELECT DISTINCT c.restriction_id FROM restricted_record c
                                          WHERE c.relation = $1 AND c.record_key = ANY (keys));
    changed bigint;
    total bigint := 0;
BEGIN
    DELETE FROM consent_cover c WHERE c.relation = $1 AND c.record_key = ANY (keys);
    DELETE FROM consent_entry e
    WHERE e.entry = ANY (touched) AND (e.granted OR (e.record_key IS NULL OR e.relation = $1 AND e.record_key = ANY (keys))
                                                    AND NOT EXISTS (SELECT FROM consent_cover c WHERE c.entry = e.entry)
                                                    AND NOT EXISTS (SELECT FROM parked_record p WHERE p.content = jsonb_build_object('entry', e.entry)));
    GET DIAGNOSTICS total = ROW_COUNT;
    UPDATE consent_entry e
    SET relation = NULL, record_key = NULL, reason = NULL, evidence = NULL,
        customer_id = (SELECT min(r.customer_id) FROM consent_cover c
                       JOIN record r ON r.relation = c.relation AND r.record_key = c.record_key WHERE c.entry = e.entry)
    WHERE e.entry = ANY (touched) AND e.relation = $1 AND e.record_key = ANY (keys);
    DELETE FROM consent_problem p WHERE p.relation = $1 AND p.record_key = ANY (keys);
    DELETE FROM restricted_record c WHERE c.relation = $1 AND c.record_key = ANY (keys);
    DELETE FROM restriction r
    WHERE r.restriction_id = ANY (restricted) AND NOT EXISTS (SELECT FROM restricted_record c WHERE c.restriction_id = r.restriction_id)
      AND NOT EXISTS (SELECT FROM parked_record p WHERE p.content = jsonb_build_object('restriction_id', r.restriction_id));
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN total + changed;
END
$$;
COMMENT ON FUNCTION @extschema@.forget_objections(regclass, text[]) IS
'Forgets consents and restrictions of records, save what others withdrew with them; returns how many rows.';
SELECT @extschema@.set_audience('forget_objections(regclass, text[])', 'internal');

-- Rows that went before anybody asked for an erasure have left their keys, which may be an address.
CREATE FUNCTION @extschema@.stale_keys(customer_id bigint, words text[]) RETURNS TABLE (relation regclass, keys text[])
LANGUAGE sql STABLE PARALLEL SAFE ROWS 2 SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT k.relation, array_agg(DISTINCT k.record_key)
    FROM (SELECT e.relation, e.record_key, e.customer_id FROM consent_entry e WHERE e.record_key IS NOT NULL
          UNION ALL SELECT c.relation, c.record_key, e.customer_id FROM consent_cover c JOIN consent_entry e USING (entry)
          UNION ALL SELECT c.relation, c.record_key, r.customer_id FROM restricted_record c JOIN restriction r USING (restriction_id)
          UNION ALL SELECT p.relation, p.record_key, NULL FROM consent_problem p
          UNION ALL SELECT v.relation_a, v.key_a, NULL FROM verdict v
          UNION ALL SELECT v.relation_b, v.key_b, NULL FROM verdict v
          UNION ALL SELECT m.relation, m.record_key, NULL FROM merged_record m
          UNION ALL SELECT m.relation, m.keep_key, NULL FROM merged_record m
          UNION ALL SELECT x.relation, x.record_key, NULL FROM released_record x
          UNION ALL SELECT d.relation, d.record_key, NULL FROM record_dirty d WHERE d.record_key IS NOT NULL) k
    WHERE (k.customer_id = $1 OR EXISTS (SELECT FROM unnest(words) w WHERE strpos(lower(k.record_key), w) > 0))
      AND NOT EXISTS (SELECT FROM record_copy r WHERE r.relation = k.relation AND r.record_key = k.record_key)
    GROUP BY 1
$$;
COMMENT ON FUNCTION @extschema@.stale_keys(bigint, text[]) IS
'Keys that are no record any more, and are known to have been of a customer, or hold one of the words (lower case).';
SELECT @extschema@.set_audience('stale_keys(bigint, text[])', 'internal');

-- What this room holds by record. The merge stays known, what it moved does not.
CREATE FUNCTION @extschema@.privacy_erased(relation regclass, keys text[], mode text) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    numbers CONSTANT bigint[] := ARRAY(SELECT r.record_no FROM record r WHERE r.relation = privacy_erased.relation AND r.record_key = ANY (keys));
    changed bigint;
    total bigint := 0;
BEGIN
    total := forget_objections(relation, keys);
    DELETE FROM verdict v WHERE v.relation_a = $1 AND v.key_a = ANY (keys) OR v.relation_b = $1 AND v.key_b = ANY (keys);
    GET DIAGNOSTICS changed = ROW_COUNT;
    total := total + changed;
    PERFORM forget_held_verdicts(table_name($1), keys);
    DELETE FROM parked_record p
    WHERE p.source = 'verdict' AND (p.content ->> 'relation_a' = table_name($1) AND p.content ->> 'key_a' = ANY (keys)
                                    OR p.content ->> 'relation_b' = table_name($1) AND p.content ->> 'key_b' = ANY (keys));
    GET DIAGNOSTICS changed = ROW_COUNT;
    total := total + changed;
    DELETE FROM released_record x WHERE x.relation = $1 AND x.record_key = ANY (keys);
    DELETE FROM merged_record m WHERE m.relation = $1 AND (m.record_key = ANY (keys) OR m.keep_key = ANY (keys));
    RETURN total + forget_numbers(numbers) + forget_row_changes(relation, keys);
END
$$;
COMMENT ON FUNCTION @extschema@.privacy_erased(regclass, text[], text) IS
'Deletes what the room customer holds about records: consents, restrictions, verdicts, identified visitors, golden values that people set, '
'block keys; returns how many rows.';
SELECT @extschema@.set_audience('privacy_erased(regclass, text[], text)', 'internal');

CREATE FUNCTION @extschema@.former_customers(customer_id bigint) RETURNS bigint[]
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    WITH RECURSIVE former (customer_id) AS (
        SELECT $1
        UNION
        SELECT c.customer_id FROM former f JOIN customer_registry c ON c.redirect_to = f.customer_id)
    SELECT array_agg(f.customer_id) FROM former f
$$;
COMMENT ON FUNCTION @extschema@.former_customers(bigint) IS 'A customer and those that were joined into it.';

-- Of tables that are gone it is known whose the rows were of which something was said: their entries say so (leave_objections). Which of the
-- others that an entry covers were somebody else's is not, so a withdrawal stays for them, without a word of the one who is erased.
CREATE FUNCTION @extschema@.forget_parked_of(customer_id bigint, words text[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    ids CONSTANT bigint[] := former_customers(customer_id);
    own CONSTANT bigint[] := ARRAY(SELECT e.entry FROM consent_entry e JOIN parked_record p ON p.content = jsonb_build_object('entry', e.entry)
                                   WHERE e.customer_id = ANY (ids) AND p.source = 'consent_entry');
BEGIN
    WITH RECURSIVE his (place, record_key) AS (
        SELECT coalesce(p.relation_name, table_name(p.relation)), p.record_key
        FROM parked_record p WHERE p.source = 'consent_entry' AND (p.content ->> 'entry')::bigint = ANY (own)
        UNION
        SELECT h.place, CASE m.record_key WHEN h.record_key THEN m.content ->> 'keep_key' ELSE m.record_key END COLLATE "C"
        FROM his h JOIN parked_record m ON m.source = 'merged_record' AND m.relation_name = h.place
                                       AND h.record_key IN (m.record_key, m.content ->> 'keep_key'))
    DELETE FROM parked_record p USING his h
    WHERE coalesce(p.relation_name, table_name(p.relation)) = h.place AND p.record_key = h.record_key
       OR p.source = 'merged_record' AND p.relation_name = h.place AND p.content ->> 'keep_key' = h.record_key
       OR p.source = 'verdict' AND (h.place, h.record_key) IN ((p.content ->> 'relation_a', p.content ->> 'key_a'),
                                                               (p.content ->> 'relation_b', p.content ->> 'key_b'));
    DELETE FROM parked_record p USING unnest(words) w WHERE strpos(lower(concat_ws(' ', p.record_key, p.content)), w) > 0;
    DELETE FROM consent_entry e
    WHERE e.customer_id = ANY (ids) AND e.record_key IS NULL AND NOT EXISTS (SELECT FROM consent_cover c WHERE c.entry = e.entry)
      AND (e.granted OR NOT EXISTS (SELECT FROM parked_record p WHERE p.content = jsonb_build_object('entry', e.entry)));
    UPDATE consent_entry e SET customer_id = NULL, reason = NULL, evidence = NULL
    WHERE e.entry = ANY (own)
       OR e.customer_id = ANY (ids) AND e.record_key IS NULL AND NOT EXISTS (SELECT FROM consent_cover c WHERE c.entry = e.entry);
    DELETE FROM restriction r
    WHERE r.customer_id = ANY (ids) AND NOT EXISTS (SELECT FROM restricted_record c WHERE c.restriction_id = r.restriction_id)
      AND NOT EXISTS (SELECT FROM parked_record p WHERE p.content = jsonb_build_object('restriction_id', r.restriction_id));
    UPDATE restriction r SET reason = '[erased]', lifted_reason = CASE WHEN r.lifted_reason IS NOT NULL THEN '[erased]' END
    WHERE r.customer_id = ANY (ids) AND NOT EXISTS (SELECT FROM restricted_record c WHERE c.restriction_id = r.restriction_id);
    DELETE FROM parked_record p
    WHERE p.source IN ('consent_entry', 'consent_cover') AND NOT EXISTS (SELECT FROM consent_entry e WHERE e.entry = (p.content ->> 'entry')::bigint)
       OR p.source = 'restricted_record' AND NOT EXISTS (SELECT FROM restriction r WHERE r.restriction_id = (p.content ->> 'restriction_id')::bigint);
END
$$;
COMMENT ON FUNCTION @extschema@.forget_parked_of(bigint, text[]) IS
'Forgets what waits for tables that are gone of a customer, or holds one of the words (lower case), and consents and restrictions that stand on '
'nothing else. For an erasure, once what was said of the customer''s records is forgotten.';
SELECT @extschema@.set_audience('forget_parked_of(bigint, text[])', 'internal');

CREATE FUNCTION @extschema@.forget_numbers(numbers bigint[]) RETURNS bigint
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    WITH visitor AS (DELETE FROM identification t WHERE t.record_no = ANY (numbers) RETURNING 1),
    golden AS (DELETE FROM golden_value t WHERE t.record_no = ANY (numbers) RETURNING 1),
    found_by AS (DELETE FROM link_key t WHERE t.record_no = ANY (numbers) RETURNING 1),
    doubt AS (DELETE FROM link_doubt t WHERE t.record_a = ANY (numbers) OR t.record_b = ANY (numbers) RETURNING 1)
    SELECT (SELECT count(*) FROM visitor) + (SELECT count(*) FROM golden) + (SELECT count(*) FROM found_by) + (SELECT count(*) FROM doubt)
$$;
COMMENT ON FUNCTION @extschema@.forget_numbers(bigint[]) IS 'Deletes what the room keeps by the numbers of records; returns how many rows.';
SELECT @extschema@.set_audience('forget_numbers(bigint[])', 'internal');

UPDATE @extschema@.follow_hook SET erased = 'privacy_erased' WHERE room = 'privacy';

-- Linking keeps hashes of values, which nobody can read, but by which whoever has a list of addresses could tell who was here.
CREATE FUNCTION @extschema@.link_hashes(numbers bigint[]) RETURNS TABLE (kind text, hash bigint, space bigint)
    AS 'MODULE_PATHNAME', 'crm_link_hashes' LANGUAGE C STABLE STRICT PARALLEL UNSAFE ROWS 100 COST 10000;
COMMENT ON FUNCTION @extschema@.link_hashes(bigint[]) IS
'The hashes by which link_frequency knows the values and words of records, and by which it knows what no frequency is of (space); none where '
'nothing was linked yet.';
SELECT @extschema@.set_audience('link_hashes(bigint[])', 'internal');

CREATE FUNCTION @extschema@.key_index_forget(numbers bigint[]) RETURNS bigint
    AS 'MODULE_PATHNAME', 'crm_key_index_forget' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION @extschema@.key_index_forget(bigint[]) IS
'Takes records out of link_block, and the keys that nobody else has; returns how many of its rows changed. Reads all of it.';
SELECT @extschema@.set_audience('key_index_forget(bigint[])', 'internal');

-- A frequency is that of others who have the value, and 0.2; that of no value is 0.2 (link_frequency.c). His own records may count as
-- others: what at least two more have is not his.
CREATE FUNCTION @extschema@.forget_hashes(numbers bigint[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    changed bigint;
BEGIN
    DELETE FROM link_block b WHERE b.build IS DISTINCT FROM (SELECT m.build FROM link_model m WHERE m.in_force);
    DELETE FROM link_frequency f WHERE f.version IS DISTINCT FROM (SELECT m.version FROM link_model m WHERE m.in_force);
    DELETE FROM link_frequency f USING link_hashes(numbers) h, link_model m
    WHERE m.in_force AND f.version = m.version AND f.hash = h.hash AND f.kind = h.kind
      AND f.share < (5 * (cardinality(numbers) + 1) + 1)
                    * coalesce((SELECT u.share FROM link_frequency u WHERE u.version = m.version AND u.kind = 'unseen' AND u.hash = h.space),
                               0.2 / (m.records + 1));
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed + key_index_forget(numbers);
END
$$;
COMMENT ON FUNCTION @extschema@.forget_hashes(bigint[]) IS
'Forgets hashes of values of records, while their copies are still there: frequencies that are theirs, or of one more, and block keys; and '
'what a run of resolve wrote that is not in force, which it is refused then. Returns how many rows.';
SELECT @extschema@.set_audience('forget_hashes(bigint[])', 'internal');
