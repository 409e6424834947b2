-- One record of a protected table: how it is found by its key, and what the policies say about it for a principal.

CREATE FUNCTION @extschema@.require_protection(relation pg_catalog.regclass) RETURNS @extschema@.protection
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN require_protected(coalesce((SELECT p.relation FROM partition_line(require_protection.relation) l
                                       JOIN protection p ON p.relation = l), require_protection.relation));
END
$$;
COMMENT ON FUNCTION @extschema@.require_protection(pg_catalog.regclass) IS
'How a table, or the table that a partition belongs to, is protected; raises RM104 where it is not.';
SELECT @extschema@.set_audience('require_protection(regclass)', 'internal');

-- Raised alike for a record that is not there and for one that is hidden from who asks.
CREATE FUNCTION @extschema@.raise_no_record(relation pg_catalog.regclass, key text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'record "%" of % does not exist', coalesce(key, ''), relation USING ERRCODE = 'RM001',
        HINT = 'A key is the text of the primary key, or a JSON array for a composite one.';
END
$$;
COMMENT ON FUNCTION @extschema@.raise_no_record(pg_catalog.regclass, text) IS 'Raises RM001: there is no such record, or none for the caller.';

CREATE FUNCTION @extschema@.column_condition(relation pg_catalog.regclass, column_name name, value text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT CASE
        WHEN key_type(relation, column_name) IN ('integer', 'bigint')
        THEN CASE WHEN value ~ '^(0|-?[1-9][0-9]{0,18})$' THEN format('t.%I = %s', column_name, value) ELSE 'false' END
        WHEN key_type(relation, column_name) = 'uuid'
        THEN CASE WHEN value ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN format('t.%I = %L', column_name, value) ELSE 'false' END
        WHEN a.atttypid IN ('text'::regtype, 'varchar'::regtype)
        THEN format('t.%I = %L AND t.%1$I::text COLLATE "C" = %2$L', column_name, value) -- the first for an index
        ELSE format('t.%I::text COLLATE "C" = %L', column_name, value) END
    FROM pg_attribute a WHERE a.attrelid = relation AND a.attname = column_name
$$;
COMMENT ON FUNCTION @extschema@.column_condition(pg_catalog.regclass, name, text) IS
'SQL over a row t: whether a column of a key has this value, given as its text. Nothing is cast that could fail.';

CREATE FUNCTION @extschema@.record_condition(plan @extschema@.protection, key text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    parts text[];
BEGIN
    IF plan.key_mapped THEN
        RETURN format('%s::text COLLATE "C" = %L', policy_key(plan, 't'), key);
    ELSIF plan.key_columns IS NULL THEN
        RAISE EXCEPTION 'records of table % have no key that could name them', plan.relation USING ERRCODE = 'RM005',
            HINT = 'Give the table a primary key of integers, text or uuid, or adopt it with an id, and protect it again.';
    ELSIF cardinality(plan.key_columns) = 1 THEN
        RETURN column_condition(plan.relation, plan.key_columns[1], key);
    END IF;
    BEGIN
        parts := ARRAY(SELECT p FROM jsonb_array_elements_text(key::jsonb) WITH ORDINALITY x (p, n) ORDER BY x.n);
    EXCEPTION WHEN invalid_text_representation OR invalid_parameter_value THEN
        RETURN 'false'; -- no JSON array: the key of no record
    END;
    RETURN CASE WHEN cardinality(parts) = cardinality(plan.key_columns) AND array_position(parts, NULL) IS NULL
                THEN (SELECT string_agg(column_condition(plan.relation, c, parts[n]), ' AND ' ORDER BY n)
                      FROM unnest(plan.key_columns) WITH ORDINALITY u (c, n))
                ELSE 'false' END;
END
$$;
COMMENT ON FUNCTION @extschema@.record_condition(@extschema@.protection, text) IS
'SQL over a row t of a protected table: whether it is the record with this key. An index on the key serves it.';

CREATE FUNCTION @extschema@.find_record(plan @extschema@.protection, key text) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT r
    FROM read_as_owner(plan.relation, format(
        'SELECT pg_catalog.jsonb_build_object(''key'', %s::text, ''columns'', pg_catalog.jsonb_build_object(%s)) FROM %s t WHERE %s LIMIT 1',
        policy_key(plan, 't'), (SELECT string_agg(format('%L, t.%1$I::text', c), ', ') FROM deciding_names(plan) c),
        plan.relation, record_condition(plan, key))) r
$$;
COMMENT ON FUNCTION @extschema@.find_record(@extschema@.protection, text) IS
'What decides about a record of a protected table: {"key": as crm writes it, "columns": {unit and owner columns: value as text}}. '
'NULL where there is no such record. Rights are for the caller of this function to ask.';
SELECT @extschema@.set_audience('find_record(protection, text)', 'internal');

-- The condition of the policies themselves, for somebody else, over the facts of one record.
CREATE FUNCTION @extschema@.record_verdicts(plan @extschema@.protection, facts jsonb, privilege text, principals text[],
                                            with_shares boolean DEFAULT true) RETURNS text[]
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    condition text;
    passed text[];
BEGIN
    IF NOT with_shares THEN
        plan.key_columns := NULL;
        plan.key_mapped := false;
    END IF;
    condition := policy_condition(plan, privilege, 't', 'p.principal');
    condition := replace(condition, coalesce(policy_key(plan, 't'), ''), '($1 ->> ''key'')'); -- of the row there is only that
    EXECUTE format('SELECT array_agg(p.principal ORDER BY p.principal) FROM (SELECT %s) t, unnest($2) p (principal) WHERE %s',
                   (SELECT string_agg(format('$1 -> ''columns'' ->> %L AS %1$I', k), ', ')
                    FROM jsonb_object_keys(facts -> 'columns') k), condition)
    INTO passed USING facts, principals;
    RETURN coalesce(passed, '{}');
END
$$;
COMMENT ON FUNCTION @extschema@.record_verdicts(@extschema@.protection, jsonb, text, text[], boolean) IS
'Those of the principals whom the policies grant a privilege on a record, by the facts of find_record; with_shares false: leaving '
'aside what is shared with them.';
SELECT @extschema@.set_audience('record_verdicts(protection, jsonb, text, text[], boolean)', 'internal');

CREATE FUNCTION @extschema@.record_grants(plan @extschema@.protection, facts jsonb, privilege text, principal text,
                                          with_shares boolean DEFAULT true) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN principal = ANY (@extschema@.record_verdicts(plan, facts, privilege, ARRAY[principal], with_shares));
COMMENT ON FUNCTION @extschema@.record_grants(@extschema@.protection, jsonb, text, text, boolean) IS 'record_verdicts for one principal.';
SELECT @extschema@.set_audience('record_grants(protection, jsonb, text, text, boolean)', 'internal');

-- Hidden looks like absent, also to somebody who may not read the table at all.
CREATE FUNCTION @extschema@.require_readable(plan @extschema@.protection, key text) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    facts jsonb;
BEGIN
    IF may_administer(plan.relation) THEN
        facts := find_record(plan, key);
    ELSE
        PERFORM owned(NULL::text, plan.object, 'read'); -- RM101 for whoever is no principal
        IF NOT has_any_column_privilege(caller()::oid, plan.relation, 'SELECT') THEN
            RAISE EXCEPTION 'permission denied for table %', plan.relation USING ERRCODE = 'insufficient_privilege',
                HINT = format('Its owner may type GRANT SELECT ON %s TO %s;', plan.relation, caller());
        END IF;
        facts := find_record(plan, key);
        IF facts IS NOT NULL AND NOT coalesce(record_grants(plan, facts, 'read', current_principal()), false) THEN
            facts := NULL;
        END IF;
    END IF;
    IF facts IS NULL THEN
        PERFORM raise_no_record(plan.relation, key);
    END IF;
    RETURN facts;
END
$$;
COMMENT ON FUNCTION @extschema@.require_readable(@extschema@.protection, text) IS
'The facts of a record that the caller may read, by administration or by the policies. RM001 where there is none, or none for the '
'caller; RM101 where the caller is no principal.';
SELECT @extschema@.set_audience('require_readable(protection, text)', 'internal');

CREATE FUNCTION @extschema@.record_shares(relation pg_catalog.regclass, key text)
    RETURNS TABLE (principal text, share @extschema@.shared_record, team text, via_unit text, during tstzrange)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT a.principal, s, a.team, NULL::text, s.during * a.during
    FROM shared_record s JOIN acting_principal a ON a.acts_as = s.principal
    WHERE s.relation = record_shares.relation AND s.record_key = record_shares.key
    UNION ALL
    SELECT a.principal, s, a.team, m.unit, s.during * a.during * m.during
    FROM shared_record s
    CROSS JOIN LATERAL units_below(s.unit) b
    JOIN membership m ON m.unit = b.unit
    JOIN acting_principal a ON a.acts_as = m.principal
    WHERE s.relation = record_shares.relation AND s.record_key = record_shares.key AND s.unit IS NOT NULL
$$;
COMMENT ON FUNCTION @extschema@.record_shares(pg_catalog.regclass, text) IS
'Whom a record is, was or will be shared with: a principal itself, or as a member of team, or as a member of via_unit; and when '
'everything that this needs holds, which may be never.';
SELECT @extschema@.set_audience('record_shares(regclass, text)', 'internal');
