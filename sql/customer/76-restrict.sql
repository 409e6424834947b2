-- Restriction: customers who are not to be matched, or not to be contacted.
--
-- A restriction stands on records, so that it survives every join and split: it holds for whoever has one of them. What a person
-- objected to is never lost by linking, only by being lifted.

CREATE TABLE @extschema@.restriction (
    restriction_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id bigint NOT NULL,
    restrictions text[] NOT NULL CHECK (restrictions OPERATOR(pg_catalog.<@) ARRAY['match', 'contact']
                                        AND pg_catalog.cardinality(restrictions) OPERATOR(pg_catalog.>) 0),
    reason text NOT NULL,
    restricted_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    restricted_by text NOT NULL,
    lifted_at timestamptz,
    lifted_by text,
    lifted_reason text
);
COMMENT ON TABLE @extschema@.restriction IS
'Every restriction there was, with who, when and why; lifted_at NULL while it stands. Rows are written by restrict_customer alone.';

CREATE TABLE @extschema@.restricted_record (
    restriction_id bigint NOT NULL REFERENCES @extschema@.restriction ON DELETE CASCADE,
    relation regclass NOT NULL,
    record_key text COLLATE "C" NOT NULL,
    PRIMARY KEY (restriction_id, relation, record_key)
);
CREATE INDEX restricted_record_record ON @extschema@.restricted_record (relation, record_key);
COMMENT ON TABLE @extschema@.restricted_record IS
'The records that a restriction was put on: those that the customer had then. It holds for whatever they are merged into.';

SELECT pg_catalog.pg_extension_config_dump('@extschema@.restriction', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.restriction_restriction_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.restricted_record', '');

CREATE VIEW @extschema@.restriction_place AS
SELECT c.restriction_id, c.relation, p.record_key
FROM @extschema@.restricted_record c
CROSS JOIN LATERAL (
    SELECT c.record_key
    UNION
    SELECT q.record_key
    FROM (SELECT FROM @extschema@.merged_record m
          WHERE m.relation OPERATOR(pg_catalog.=) c.relation AND m.record_key OPERATOR(pg_catalog.=) c.record_key LIMIT 1) x
    CROSS JOIN LATERAL @extschema@.merged_places(c.relation, c.record_key, 0) q) p;
COMMENT ON VIEW @extschema@.restriction_place IS
'The keys at which each restriction stands now: its records, and what those were merged into. For code that runs with the extension''s rights.';

CREATE VIEW @extschema@.unmatchable_record AS
SELECT DISTINCT c.relation, c.record_key
FROM @extschema@.restriction r JOIN @extschema@.restriction_place c USING (restriction_id)
WHERE r.lifted_at IS NULL AND 'match' OPERATOR(pg_catalog.=) ANY (r.restrictions);
COMMENT ON VIEW @extschema@.unmatchable_record IS
'Records that nothing may be linked with and that match() does not find: each is a customer of its own.';

CREATE FUNCTION @extschema@.standing_restrictions(customer_id bigint) RETURNS SETOF @extschema@.restriction
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1 COST 1000 SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
BEGIN
    RETURN QUERY
    WITH held AS MATERIALIZED (SELECT r.relation, r.record_key FROM record r WHERE r.customer_id = $1),
    said_of AS MATERIALIZED (
        SELECT h.relation, h.record_key FROM held h
        UNION
        SELECT h.relation, k.record_key
        FROM held h
        CROSS JOIN LATERAL (SELECT FROM merged_record m WHERE m.relation = h.relation AND m.keep_key = h.record_key LIMIT 1) x
        CROSS JOIN LATERAL merged_into(h.relation, h.record_key) AS k (record_key)
        WHERE EXISTS (SELECT FROM merged_places(h.relation, k.record_key, 0) p WHERE p.record_key = h.record_key))
    SELECT r.* FROM restriction r
    WHERE r.lifted_at IS NULL
      AND r.restriction_id IN (SELECT c.restriction_id FROM said_of s
                               CROSS JOIN LATERAL (SELECT o.restriction_id FROM restricted_record o
                                                   WHERE o.relation = s.relation AND o.record_key = s.record_key OFFSET 0) c);
END
$$;
COMMENT ON FUNCTION @extschema@.standing_restrictions(bigint) IS
'The restrictions of a customer that were not lifted: those on a record it has, or on one that was merged into such.';
SELECT @extschema@.set_audience('standing_restrictions(bigint)', 'internal');

CREATE FUNCTION @extschema@.contact_restricted(customer_id bigint) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE COST 1000 SET search_path = pg_catalog, @extschema@, pg_temp
RETURN EXISTS (SELECT FROM @extschema@.standing_restrictions(customer_id) r WHERE 'contact' = ANY (r.restrictions));
COMMENT ON FUNCTION @extschema@.contact_restricted(bigint) IS 'Whether a customer is not to be contacted. No rights are applied.';
SELECT @extschema@.set_audience('contact_restricted(bigint)', 'internal');

CREATE FUNCTION @extschema@.customer_restrictions(customer_id bigint) RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE COST 1000 SET search_path = pg_catalog, @extschema@, pg_temp
AS $$ SELECT coalesce(array_agg(DISTINCT w ORDER BY w), '{}') FROM standing_restrictions($1) r, unnest(r.restrictions) w $$;
COMMENT ON FUNCTION @extschema@.customer_restrictions(bigint) IS
'What holds of match and contact for a customer under its present id; {} where nothing does. For customer_360; no rights are applied.';
SELECT @extschema@.set_audience('customer_restrictions(bigint)', 'internal');

CREATE FUNCTION @extschema@.restrict_customer(customer_id bigint, restrictions text[] DEFAULT '{match,contact}', reason text DEFAULT NULL,
                                              lifted boolean DEFAULT false) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    subject CONSTANT bigint := (require_customer(customer_id))[1];
    wanted CONSTANT text[] := ARRAY(SELECT DISTINCT w FROM unnest(restrictions) w ORDER BY w);
    unknown CONSTANT text := (SELECT w FROM unnest(wanted) w WHERE w IS NULL OR w NOT IN ('match', 'contact') LIMIT 1);
    standing restriction;
    changed bigint;
BEGIN
    IF NOT wanted <@ '{match,contact}' THEN
        PERFORM raise_unknown('restriction', coalesce(unknown, ''), '{match,contact}');
    ELSIF cardinality(wanted) = 0 OR coalesce(btrim(reason), '') = '' THEN
        RAISE EXCEPTION 'a restriction needs a kind and a reason' USING ERRCODE = 'RM005',
            HINT = 'For example restrict_customer(42, ''{contact}'', ''objected by letter of 1 March'').';
    END IF;
    LOCK TABLE customer_registry IN SHARE ROW EXCLUSIVE MODE;
    IF lifted THEN
        FOR standing IN SELECT * FROM standing_restrictions(subject) r WHERE r.restrictions && wanted ORDER BY r.restriction_id LOOP
            UPDATE restriction r SET lifted_at = now(), lifted_by = coalesce(current_principal(), caller()::text), lifted_reason = restrict_customer.reason
            WHERE r.restriction_id = standing.restriction_id;
            PERFORM relink_restricted(standing.restriction_id);
            changed := standing.restriction_id;
            IF NOT standing.restrictions <@ wanted THEN -- what was not lifted stands on
                WITH again AS (
                    INSERT INTO restriction (customer_id, restrictions, reason, restricted_at, restricted_by)
                    VALUES (standing.customer_id, ARRAY(SELECT w FROM unnest(standing.restrictions) w WHERE w <> ALL (wanted)),
                            standing.reason, standing.restricted_at, standing.restricted_by) RETURNING restriction_id)
                INSERT INTO restricted_record (restriction_id, relation, record_key)
                SELECT a.restriction_id, c.relation, c.record_key
                FROM again a, restricted_record c WHERE c.restriction_id = standing.restriction_id;
            END IF;
        END LOOP;
        IF changed IS NULL THEN
            RAISE EXCEPTION 'customer % is not restricted so', customer_id USING ERRCODE = 'RM001',
                HINT = format('What stands is: %s.', coalesce(nullif(array_to_string(customer_restrictions(subject), ', '), ''), 'nothing'));
        END IF;
        RETURN changed;
    END IF;
    INSERT INTO restriction (customer_id, restrictions, reason, restricted_by)
    VALUES (subject, wanted, reason, coalesce(current_principal(), caller()::text)) RETURNING restriction_id INTO changed;
    INSERT INTO restricted_record (restriction_id, relation, record_key)
    SELECT changed, r.relation, r.record_key FROM record r WHERE r.customer_id = subject;
    PERFORM relink_restricted(changed);
    RETURN changed;
END
$$;
COMMENT ON FUNCTION @extschema@.restrict_customer(bigint, text[], text, boolean) IS
'Restricts a customer: match (its records are linked with nothing from the next resolve_pending on, not even with each other, and '
'match() does not find them), contact (may_contact is false for everything). It stands on all records that the customer has now and '
'follows them. reason is needed. lifted => true takes the named kinds back. Every change stays in the table restriction with who, '
'when and why. Returns the number of the restriction. Errors: RM001 (no such kind; nothing to lift), RM005, RM201. '
'Example: SELECT restrict_customer(42, ''{contact}'', ''objected by letter of 1 March'');';
SELECT @extschema@.set_audience('restrict_customer(bigint, text[], text, boolean)', 'admin');

CREATE FUNCTION @extschema@.restriction_rows()
RETURNS TABLE (restriction_id bigint, customer_id bigint, restrictions text[], reason text, restricted_at timestamptz, restricted_by text,
               lifted_at timestamptz, lifted_by text, lifted_reason text)
LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 100 COST 10000
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT DISTINCT r.restriction_id, coalesce(k.customer_id, (customer_family(r.customer_id))[1]), r.restrictions, r.reason, r.restricted_at,
           r.restricted_by, r.lifted_at, r.lifted_by, r.lifted_reason
    FROM restriction r
    LEFT JOIN restriction_place c USING (restriction_id)
    LEFT JOIN customer_record k ON k.relation = c.relation AND k.record_key = c.record_key
    WHERE k.record_key IS NOT NULL OR (SELECT may_administer())
$$;
COMMENT ON FUNCTION @extschema@.restriction_rows() IS 'The rows of the view restriction_log.';
CREATE VIEW @extschema@.restriction_log AS SELECT r.* FROM @extschema@.restriction_rows() r;
COMMENT ON VIEW @extschema@.restriction_log IS
'Restrictions of customers with who, when and why, standing and lifted: of those of whom the reader may read a restricted record, to '
'administrators all. One row for each customer that has a record of it now.';
GRANT SELECT ON @extschema@.restriction_log TO PUBLIC;

-- Those who were linked with a restricted record are looked at again, too.
CREATE FUNCTION @extschema@.relink_restricted(restriction_id bigint) RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    INSERT INTO link_dirty (record_no)
    SELECT DISTINCT x.record_no
    FROM restriction r JOIN restriction_place c USING (restriction_id)
    JOIN record o ON o.relation = c.relation AND o.record_key = c.record_key
    JOIN record x ON x.record_no = o.record_no OR x.customer_id = o.customer_id
    WHERE r.restriction_id = $1 AND 'match' = ANY (r.restrictions)
$$;
COMMENT ON FUNCTION @extschema@.relink_restricted(bigint) IS 'Has the records of a restriction on matching linked again, with all that are linked with them.';
SELECT @extschema@.set_audience('relink_restricted(bigint)', 'internal');

-- A record that goes leaves what was withdrawn and what it was restricted by to the rest of its customer: nobody can be contacted again
-- because a row was deleted. One that was merged into another stands there, and leaves nothing.
CREATE FUNCTION @extschema@.leave_objections(relation regclass, keys text[], numbers bigint[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    going pg_catalog.record;
BEGIN
    UPDATE consent_entry e SET customer_id = l.customer_id
    FROM unnest(keys, numbers) AS p (record_key, record_no) JOIN record_link l USING (record_no)
    WHERE e.relation = $1 AND e.record_key = p.record_key AND e.customer_id IS DISTINCT FROM l.customer_id;
    FOR going IN -- each key that stands where the record was, and the customer that the record had
        SELECT p.record_key, l.customer_id, array_agg(DISTINCT k) AS said_of
        FROM unnest(keys, numbers) AS p (record_key, record_no)
        JOIN record_link l USING (record_no)
        CROSS JOIN LATERAL (SELECT p.record_key UNION ALL SELECT m FROM merged_into($1, p.record_key) m) AS s (k)
        WHERE NOT EXISTS (SELECT FROM merged_record m WHERE m.relation = $1 AND m.record_key = p.record_key AND m.record_no = p.record_no)
          AND EXISTS (SELECT FROM record_link o JOIN record_copy r USING (record_no) WHERE o.customer_id = l.customer_id)
          AND (EXISTS (SELECT FROM consent_touch t WHERE t.relation = $1 AND t.record_key = k)
               OR EXISTS (SELECT FROM restricted_record t WHERE t.relation = $1 AND t.record_key = k))
        GROUP BY 1, 2
    LOOP
        INSERT INTO consent_cover (entry, relation, record_key)
        SELECT DISTINCT e.entry, r.relation, r.record_key
        FROM consent_touch t JOIN consent_entry e USING (entry)
        CROSS JOIN record r
        WHERE t.relation = $1 AND t.record_key = ANY (going.said_of) AND NOT e.granted AND r.customer_id = going.customer_id
          AND (r.relation, r.record_key) IS DISTINCT FROM (e.relation, e.record_key)
          AND EXISTS (SELECT FROM merged_places($1, t.record_key, e.entry) p WHERE p.record_key = going.record_key)
        ON CONFLICT DO NOTHING;
        INSERT INTO restricted_record (restriction_id, relation, record_key)
        SELECT DISTINCT c.restriction_id, r.relation, r.record_key
        FROM restricted_record c CROSS JOIN record r
        WHERE c.relation = $1 AND c.record_key = ANY (going.said_of) AND r.customer_id = going.customer_id
          AND EXISTS (SELECT FROM merged_places($1, c.record_key, 0) p WHERE p.record_key = going.record_key)
        ON CONFLICT DO NOTHING;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.leave_objections(regclass, text[], bigint[]) IS
'For whoever deletes records, once their copies are gone and before their links are: withdrawals and restrictions go on to the other '
'records of their customers. keys and numbers are those of the records.';
SELECT @extschema@.set_audience('leave_objections(regclass, text[], bigint[])', 'internal');

-- What a row said that nobody has read yet would go with it unheard.
CREATE FUNCTION @extschema@.privacy_merging(relation regclass, lose text[], keep text[]) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
BEGIN
    PERFORM read_consents(relation, lose);
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION @extschema@.privacy_merging(regclass, text[], text[]) IS 'Before a merge: reads what the rows that go say of consent.';
SELECT @extschema@.set_audience('privacy_merging(regclass, text[], text[])', 'internal');

CREATE FUNCTION @extschema@.privacy_merged(relation regclass, lose text[], keep text[], held jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    moment bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM adoption a WHERE a.relation = $1 AND a.entity IN ('customer', 'lead')) THEN
        RETURN;
    END IF;
    moment := nextval('@extschema@.consent_entry_entry_seq'::regclass);
    INSERT INTO merged_record AS m (relation, record_key, keep_key, upto, record_no)
    SELECT DISTINCT $1, u.lose, u.keep, moment, (SELECT r.record_no FROM record_copy r WHERE r.relation = $1 AND r.record_key = u.lose)
    FROM unnest($2, $3) AS u (lose, keep) WHERE u.lose <> u.keep
    ON CONFLICT ON CONSTRAINT merged_record_pkey DO UPDATE SET upto = excluded.upto, record_no = excluded.record_no;
    PERFORM relink_restricted(c.restriction_id) FROM restriction_place c WHERE c.relation = $1 AND c.record_key = ANY (keep);
END
$$;
COMMENT ON FUNCTION @extschema@.privacy_merged(regclass, text[], text[], jsonb) IS
'After a merge what the lost rows consented to, and their restrictions, stand at their keepers.';
SELECT @extschema@.set_audience('privacy_merged(regclass, text[], text[], jsonb)', 'internal');

CREATE FUNCTION @extschema@.privacy_unmerged(relation regclass, lose text[], keep text[], held jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
BEGIN
    PERFORM relink_restricted(c.restriction_id) FROM restriction_place c WHERE c.relation = $1 AND c.record_key = ANY (keep);
    DELETE FROM merged_record m USING unnest(lose, keep) AS u (lost, kept)
    WHERE m.relation = $1 AND m.record_key = u.lost AND m.keep_key = u.kept;
END
$$;
COMMENT ON FUNCTION @extschema@.privacy_unmerged(regclass, text[], text[], jsonb) IS 'Undoes privacy_merged.';
SELECT @extschema@.set_audience('privacy_unmerged(regclass, text[], text[], jsonb)', 'internal');

INSERT INTO @extschema@.follow_hook (room, "position", merging, merged, unmerged)
VALUES ('privacy', 250, 'privacy_merging', 'privacy_merged', 'privacy_unmerged');
