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
    merged_key text COLLATE "C",
    PRIMARY KEY (restriction_id, relation, record_key)
);
CREATE INDEX restricted_record_record ON @extschema@.restricted_record (relation, record_key);
COMMENT ON TABLE @extschema@.restricted_record IS
'The records that a restriction stands on: those the customer had then, and the keeper of a merge that took one of them (merged_key).';

SELECT pg_catalog.pg_extension_config_dump('@extschema@.restriction', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.restriction_restriction_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.restricted_record', '');

CREATE VIEW @extschema@.unmatchable_record AS
SELECT DISTINCT c.relation, c.record_key
FROM @extschema@.restriction r JOIN @extschema@.restricted_record c USING (restriction_id)
WHERE r.lifted_at IS NULL AND 'match' OPERATOR(pg_catalog.=) ANY (r.restrictions);
COMMENT ON VIEW @extschema@.unmatchable_record IS
'Records that nothing may be linked with and that match() does not find: each is a customer of its own.';

CREATE FUNCTION @extschema@.standing_restrictions(customer_id bigint) RETURNS SETOF @extschema@.restriction
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1 COST 1000 SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT r.* FROM restriction r
    WHERE r.lifted_at IS NULL
      AND (EXISTS (SELECT FROM restricted_record c JOIN record x ON x.relation = c.relation AND x.record_key = c.record_key
                   WHERE c.restriction_id = r.restriction_id AND x.customer_id = $1)
           OR (customer_family(r.customer_id))[1] = $1
              AND NOT EXISTS (SELECT FROM restricted_record c JOIN record x ON x.relation = c.relation AND x.record_key = c.record_key
                              WHERE c.restriction_id = r.restriction_id))
$$;
COMMENT ON FUNCTION @extschema@.standing_restrictions(bigint) IS
'The restrictions of a customer that were not lifted: those on a record it has, and those all of whose records are gone.';
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
                INSERT INTO restricted_record (restriction_id, relation, record_key, merged_key)
                SELECT a.restriction_id, c.relation, c.record_key, c.merged_key
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
    LEFT JOIN restricted_record c USING (restriction_id)
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
    FROM restriction r JOIN restricted_record c USING (restriction_id)
    JOIN record o ON o.relation = c.relation AND o.record_key = c.record_key
    JOIN record x ON x.record_no = o.record_no OR x.customer_id = o.customer_id
    WHERE r.restriction_id = $1 AND 'match' = ANY (r.restrictions)
$$;
COMMENT ON FUNCTION @extschema@.relink_restricted(bigint) IS 'Has the records of a restriction on matching linked again, with all that are linked with them.';
SELECT @extschema@.set_audience('relink_restricted(bigint)', 'internal');

CREATE FUNCTION @extschema@.restriction_merged(relation regclass, lose text[], keep text[], held jsonb) RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT consent_merged(relation, lose, keep, held);
    INSERT INTO restricted_record (restriction_id, relation, record_key, merged_key)
    SELECT DISTINCT ON (c.restriction_id, u.keep) c.restriction_id, $1, u.keep, u.lose
    FROM unnest($2, $3) AS u (lose, keep) JOIN restricted_record c ON c.relation = $1 AND c.record_key = u.lose
    ORDER BY c.restriction_id, u.keep, u.lose
    ON CONFLICT DO NOTHING
$$;
COMMENT ON FUNCTION @extschema@.restriction_merged(regclass, text[], text[], jsonb) IS
'After a merge the consents and restrictions of the lost rows hold for their keepers.';
SELECT @extschema@.set_audience('restriction_merged(regclass, text[], text[], jsonb)', 'internal');

CREATE FUNCTION @extschema@.restriction_unmerged(relation regclass, lose text[], keep text[], held jsonb) RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT consent_unmerged(relation, lose, keep, held);
    DELETE FROM restricted_record c USING unnest($2, $3) AS u (lose, keep)
    WHERE c.relation = $1 AND c.record_key = u.keep AND c.merged_key = u.lose
$$;
COMMENT ON FUNCTION @extschema@.restriction_unmerged(regclass, text[], text[], jsonb) IS 'Undoes restriction_merged.';
SELECT @extschema@.set_audience('restriction_unmerged(regclass, text[], text[], jsonb)', 'internal');

INSERT INTO @extschema@.follow_hook (room, "position", merged, unmerged)
VALUES ('privacy', 250, 'restriction_merged', 'restriction_unmerged');
