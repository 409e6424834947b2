-- Golden values that people set: they win over every rule until they are taken back.

CREATE FUNCTION @extschema@.may_change_record(record_no bigint) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE COST 1000 SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
BEGIN
    RETURN coalesce((
        SELECT r.readable AND has_table_privilege(caller()::oid, r.relation, 'UPDATE')
               AND CASE a.shows WHEN 'all' THEN true WHEN 'policy' THEN policy_grants(r.relation, r.decides, 'update')
                   ELSE visible(r.unit, a.object, 'update', a.hierarchy, a.fallback)
                        OR (a.by_owner AND owned(r.owner, a.object, 'update') OR a.by_share AND shared(r.record_key, r.relation, 'update'))
                           AND undenied(r.unit, a.object, 'update', a.hierarchy, a.fallback) END
        FROM record_readable r JOIN record_access() a USING (relation)
        WHERE r.record_no = $1), false);
END
$$;
COMMENT ON FUNCTION @extschema@.may_change_record(bigint) IS 'Whether the caller may read and update the row behind a record.';
SELECT @extschema@.set_audience('may_change_record(bigint)', 'internal');

CREATE FUNCTION @extschema@.check_may_set_golden(family bigint[]) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
BEGIN
    IF NOT may_administer()
       AND NOT EXISTS (SELECT FROM record_link l WHERE l.customer_id = family[1] AND may_change_record(l.record_no)) THEN
        RAISE EXCEPTION 'permission denied for customer %', family[1] USING ERRCODE = 'insufficient_privilege',
            HINT = 'Who may update one of its records may set and take back golden values.';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.check_may_set_golden(bigint[]) IS
    'Raises 42501 unless the caller may update a record of the first of these customers, or administers.';
SELECT @extschema@.set_audience('check_may_set_golden(bigint[])', 'internal');

CREATE FUNCTION @extschema@.checked_golden_value(attribute text, value text) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    tidy CONSTANT text := nullif(btrim(value), '');
BEGIN
    IF attribute = 'kind' AND tidy NOT IN ('person', 'organisation') THEN
        RAISE EXCEPTION 'a customer is a person or an organisation, not "%"', tidy USING ERRCODE = 'RM005',
            HINT = 'Give ''person'', ''organisation'' or NULL.';
    ELSIF attribute = 'birth_date' AND tidy !~ '^[0-9]{4}$' AND NOT is_day(tidy) THEN
        RAISE EXCEPTION '"%" is no day', tidy USING ERRCODE = 'RM005', HINT = 'Give it as 1990-12-24, or the year alone, or NULL.';
    ELSIF attribute = 'email' THEN
        RETURN tidy::email::text;
    ELSIF attribute = 'phone' THEN
        RETURN tidy::phone::text;
    END IF;
    RETURN tidy;
END
$$;
COMMENT ON FUNCTION @extschema@.checked_golden_value(text, text) IS
    'A value as records keep it; raises RM005 or 22P02 for what cannot be one of its attribute.';
SELECT @extschema@.set_audience('checked_golden_value(text, text)', 'internal');

CREATE FUNCTION @extschema@.set_golden_value(customer_id bigint, attribute text, value text, reason text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    family CONSTANT bigint[] := require_customer(customer_id);
    golden CONSTANT golden_attribute := require_golden_attribute(attribute);
    held_by bigint;
BEGIN
    PERFORM check_may_set_golden(family);
    IF coalesce(btrim(reason), '') = '' THEN
        RAISE EXCEPTION 'a golden value is set with a reason' USING ERRCODE = 'RM005',
            HINT = 'It stands over what the records say until somebody takes it back: say why.';
    END IF;
    -- it goes along with the record that it corrects, or with the oldest one
    SELECT c.record_no INTO held_by
    FROM record_readable c JOIN record_link l USING (record_no)
    LEFT JOIN customer_value v ON v.customer_id = l.customer_id AND v.attribute = golden.attribute
                              AND v.relation = c.relation AND v.record_key = c.record_key
    WHERE l.customer_id = family[1] AND c.readable ORDER BY v.relation IS NULL, c.record_no LIMIT 1;
    DELETE FROM golden_value g USING record_link l
    WHERE l.customer_id = family[1] AND g.record_no = l.record_no AND g.attribute = golden.attribute;
    INSERT INTO golden_value (record_no, attribute, value, reason, set_by)
    VALUES (held_by, golden.attribute, checked_golden_value(golden.attribute, set_golden_value.value), btrim(set_golden_value.reason),
            coalesce(asker_name(), caller()::text));
END
$$;
COMMENT ON FUNCTION @extschema@.set_golden_value(bigint, text, text, text) IS
    'Sets a golden value of a customer, over every rule, for all who may read the customer, until unset_golden_value; NULL says that there '
    'is none. It goes along with the record that it corrects when customers are joined and split; of two in one customer the later '
    'one stands. No row of a team''s changes. For those who may update a record of the customer. Errors: RM201, RM001 (no such '
    'attribute), RM005, 22P02, 42501. Example: SELECT set_golden_value(42, ''email'', ''ann@new.example'', ''called on Monday'');';

CREATE FUNCTION @extschema@.unset_golden_value(customer_id bigint, attribute text) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    family CONSTANT bigint[] := require_customer(customer_id);
    golden CONSTANT golden_attribute := require_golden_attribute(attribute);
BEGIN
    PERFORM check_may_set_golden(family);
    DELETE FROM golden_value g USING record_link l
    WHERE l.customer_id = family[1] AND g.record_no = l.record_no AND g.attribute = golden.attribute;
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION @extschema@.unset_golden_value(bigint, text) IS
    'Takes a value of set_golden_value back: the rule chooses again. False where none was set. Errors: RM201, RM001, 42501.';
