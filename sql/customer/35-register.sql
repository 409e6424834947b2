-- Registering: what adopt attaches for this room, and how a record is read from a team's row.

CREATE FUNCTION @extschema@.record_kind(kind text, given_name text, family_name text, full_name text, company text)
RETURNS text AS 'MODULE_PATHNAME', 'crm_record_kind' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.record_kind(text, text, text, text, text) IS
    'person or organisation, from the team''s own word for it, else from the names: a given or family name is a person''s, '
    'a company''s name alone an organisation''s. NULL where nothing tells.';

CREATE FUNCTION @extschema@.tax_key(tax_id text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN pg_catalog.length(tax_id) <= 100
            THEN NULLIF(pg_catalog.upper(pg_catalog.regexp_replace(tax_id, '[^[:alnum:]]', '', 'g') COLLATE "C"), '') END;
COMMENT ON FUNCTION @extschema@.tax_key(text) IS
    'A tax id as matching compares it: letters and digits only, upper case; NULL for more than 100 characters, which is none. '
    'tax_key(''de 123.456'') is DE123456.';

-- What is read of a row: the column of record, the attribute that it comes from, and its type.
CREATE FUNCTION @extschema@.record_column() RETURNS TABLE ("position" integer, name text, attribute text, type text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 24 SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    VALUES (1, 'record_key', 'id', 'text'), (2, 'kind', 'kind', 'text'), (3, 'unit', 'unit', 'text'),
                 (4, 'owner', 'owner', 'text'), (5, 'created_at', 'created_at', 'timestamptz'),
                 (6, 'given_name', 'given_name', 'text'), (7, 'family_name', 'family_name', 'text'),
                 (8, 'full_name', 'full_name', 'text'), (9, 'company', 'company', 'text'), (10, 'email', 'email', 'text'),
                 (11, 'phone', 'phone', 'text'), (12, 'website', 'website', 'text'), (13, 'address', 'address', 'text'),
                 (14, 'postcode', 'postcode', 'text'), (15, 'city', 'city', 'text'), (16, 'region', 'region', 'text'),
                 (17, 'country', 'country', 'text'), (18, 'birth_date', 'birth_date', 'text'), (19, 'tax_id', 'tax_id', 'text'),
                 (20, 'gender', 'gender', 'text'), (21, 'job_title', 'job_title', 'text'), (22, 'segment', 'segment', 'text'),
                 (23, 'parent_key', 'parent', 'text'), (24, 'decides', NULL, 'jsonb')
$$;
COMMENT ON FUNCTION @extschema@.record_column() IS 'The columns of record that are read from a team''s row, in order.';

-- Functions that the story calls for each table are in PL/pgSQL, which keeps its plans: to plan them takes most of their time.
--
-- The bare column that an attribute is mapped to. Taken from the dependencies of its function: that follows renames.
CREATE FUNCTION @extschema@.mapped_column(relation regclass, attribute text, OUT column_name name, OUT column_type regtype)
LANGUAGE plpgsql STABLE PARALLEL SAFE COST 1000 SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
BEGIN
    SELECT min(c.attname), min(c.atttypid) INTO column_name, column_type
    FROM adoption_attribute a
    JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.refclassid = 'pg_class'::regclass
                    AND d.objid = to_regprocedure(mapping_function(a.relation, a.attribute))
                    AND d.refobjid = a.relation AND d.refobjsubid > 0
    JOIN pg_attribute c ON c.attrelid = d.refobjid AND c.attnum = d.refobjsubid
    WHERE a.relation = $1 AND a.attribute = $2 AND a.expression ~ '^([[:alpha:]_][[:alnum:]_]*|"[^"]+")$'
    HAVING count(*) = 1;
END
$$;
COMMENT ON FUNCTION @extschema@.mapped_column(regclass, text) IS
    'The column, and its type, that an attribute is mapped to; NULL where it is not mapped, or to an expression.';
SELECT @extschema@.set_audience('mapped_column(regclass, text)', 'admin');

-- The copy of a record has its unit and owner as mapped. Where policies look at anything else, that is copied with it.
CREATE FUNCTION @extschema@.decided_by_copy(plan @extschema@.protection) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE COST 1000 SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT coalesce(
            ARRAY(SELECT u.value FROM jsonb_each_text(plan.units) u) = ARRAY[(SELECT m.column_name::text FROM mapped_column(plan.relation, 'unit') m)]
            AND (plan.owner_column IS NULL OR plan.owner_column = (SELECT m.column_name FROM mapped_column(plan.relation, 'owner') m))
            AND (plan.key_mapped OR plan.key_columns IS NULL
                 OR plan.key_columns = ARRAY[(SELECT m.column_name FROM mapped_column(plan.relation, 'id') m)]), false));
END
$$;
COMMENT ON FUNCTION @extschema@.decided_by_copy(@extschema@.protection) IS
    'Whether the policies of a table look at nothing but the one unit, the owner and the key that its adoption maps.';
SELECT @extschema@.set_audience('decided_by_copy(protection)', 'admin');

CREATE FUNCTION @extschema@.deciding_facts(relation regclass) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT coalesce((SELECT CASE WHEN NOT decided_by_copy(p) THEN format('jsonb_build_object(%L, (%s)::text%s)', '', coalesce(policy_key(p, 'r'), 'NULL'),
                            (SELECT string_agg(format(', %L, r.%1$I::text', c), '' ORDER BY c) FROM deciding_names(p) c)) END
                     FROM protection p WHERE p.relation = $1), 'NULL::jsonb')
$$;
COMMENT ON FUNCTION @extschema@.deciding_facts(regclass) IS
    'SQL over a row r: what the policies of its table look at, as in record_copy.decides; NULL::jsonb where the copy has it anyway.';
SELECT @extschema@.set_audience('deciding_facts(regclass)', 'admin');

CREATE FUNCTION @extschema@.protection_changed() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
BEGIN
    INSERT INTO record_dirty (relation)
    SELECT a.relation FROM adoption a WHERE a.relation = NEW.relation AND a.entity IN ('customer', 'lead');
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION @extschema@.protection_changed() IS 'Trigger on protection: records of a table that is protected otherwise now are read again.';
SELECT @extschema@.set_audience('protection_changed()', 'internal');
CREATE TRIGGER records_decided_otherwise AFTER INSERT OR UPDATE ON @extschema@.protection
    FOR EACH ROW EXECUTE FUNCTION @extschema@.protection_changed();

-- How a column of record is read from a row of the team's table; NULL where nothing is mapped.
CREATE FUNCTION @extschema@.record_source(relation regclass) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT format('SELECT DISTINCT ON (1) %s FROM %s r', string_agg(
        CASE WHEN c.name = 'decides' THEN deciding_facts(record_source.relation) || ' AS decides'
             WHEN a.attribute IS NULL THEN format('NULL::%s AS %I', c.type, c.name)
             WHEN c.type = 'text' THEN format('NULLIF(btrim(@extschema@.%I(r)::text), '''') AS %I', 'map_' || c.attribute, c.name)
             ELSE format('@extschema@.%I(r) AS %I', 'map_' || c.attribute, c.name) END, ', ' ORDER BY c.position), record_source.relation)
    FROM record_column() c
    LEFT JOIN adoption_attribute a ON a.relation = record_source.relation AND a.attribute = c.attribute
$$;
COMMENT ON FUNCTION @extschema@.record_source(regclass) IS
    'A query over a registered table, as r, that returns the attributes of its records; without WHERE.';
SELECT @extschema@.set_audience('record_source(regclass)', 'admin');

-- The same as map_ATTRIBUTE(r) = ANY (keys), which no index serves, and before it a condition on the bare column where the
-- attribute is one, so that an index on it does.
CREATE FUNCTION @extschema@.key_condition(relation regclass, attribute text, keys text DEFAULT '$1') RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    exact CONSTANT text := format('@extschema@.%I(r) = ANY (%s)', 'map_' || attribute, keys);
    column_name name;
    column_type regtype;
BEGIN
    SELECT m.column_name, m.column_type INTO column_name, column_type FROM mapped_column(relation, attribute) m;
    RETURN CASE
        WHEN column_type = ANY (ARRAY['smallint', 'integer', 'bigint']::regtype[]) THEN
            format('r.%I = ANY (ARRAY(SELECT CASE WHEN k ~ ''^-?[0-9]{1,18}$'' THEN k::bigint END FROM unnest(%s) k)) AND %s',
                   column_name, keys, exact)
        WHEN column_type = 'uuid'::regtype THEN
            format('r.%I = ANY (ARRAY(SELECT CASE WHEN k ~ ''^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'' THEN k::uuid END '
                   'FROM unnest(%s) k)) AND %s', column_name, keys, exact)
        WHEN column_type = ANY (ARRAY['text', 'character varying']::regtype[]) THEN
            format('r.%I = ANY (%s) AND %s', column_name, keys, exact)
        ELSE exact END;
END
$$;
COMMENT ON FUNCTION @extschema@.key_condition(regclass, text, text) IS
    'SQL over a row r of an adopted table: whether the attribute is one of keys, an SQL expression of type text[].';
SELECT @extschema@.set_audience('key_condition(regclass, text, text)', 'admin');

-- Records that are to be linked again. So many that one by one would take longer than all at once are one NULL.
CREATE FUNCTION @extschema@.note_records(numbers bigint[]) RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    INSERT INTO link_dirty (record_no) SELECT DISTINCT n FROM unnest(numbers) n WHERE cardinality(numbers) <= 5000
    UNION ALL SELECT NULL WHERE cardinality(numbers) > 5000
$$;
COMMENT ON FUNCTION @extschema@.note_records(bigint[]) IS 'Has these records linked again by the next resolve_pending, or resolve.';
SELECT @extschema@.set_audience('note_records(bigint[])', 'internal');

CREATE FUNCTION @extschema@.settle_customers(ids bigint[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
BEGIN
    -- one record less may part the others, which are all linked again where some of them are
    PERFORM note_records(coalesce(array_agg(o.record_no), '{}'))
    FROM (SELECT l.record_no, row_number() OVER (PARTITION BY l.customer_id ORDER BY l.record_no) AS place
          FROM record_link l WHERE l.customer_id = ANY (ids)) o
    WHERE o.place <= 8;
    PERFORM retire_customers(ids);
END
$$;
COMMENT ON FUNCTION @extschema@.settle_customers(bigint[]) IS
    'Of customers that lost records: retires those that have none left, and has what is left of the others linked again.';
SELECT @extschema@.set_audience('settle_customers(bigint[])', 'internal');

-- Whoever deletes records calls this, so that no link and no customer without records is left. A snapshot (a backfill has one) may still
-- have records that others removed: who is left is seen by the next that takes the lists, after all of them.
CREATE FUNCTION @extschema@.unlink_records(numbers bigint[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    left_alone bigint[];
BEGIN
    WITH gone AS (DELETE FROM record_link l WHERE l.record_no = ANY (numbers) RETURNING l.customer_id)
    SELECT array_agg(DISTINCT g.customer_id) INTO left_alone FROM gone g;
    DELETE FROM link_key k WHERE k.record_no = ANY (numbers);
    DELETE FROM link_doubt d WHERE d.record_a = ANY (numbers) OR d.record_b = ANY (numbers);
    IF left_alone IS NULL THEN
        RETURN; -- none of them was linked yet
    ELSIF current_setting('transaction_isolation') = 'read committed' THEN
        PERFORM settle_customers(left_alone);
    ELSE
        INSERT INTO customer_dirty (customer_id) SELECT unnest(left_alone);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.unlink_records(bigint[]) IS
    'Forgets the links of records that are deleted from record_copy, and settles their customers (settle_customers): at once, or, where the '
    'transaction has one snapshot, with the next resolve_pending or resolve.';
SELECT @extschema@.set_audience('unlink_records(bigint[])', 'internal');

-- Brings records in line with their rows: keys, or all of the table where that is NULL.
CREATE FUNCTION @extschema@.read_records(relation regclass, keys text[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    columns CONSTANT text[] := '{kind,unit,owner,created_at,given_name,family_name,full_name,company,email,phone,website,'
        'address,postcode,city,region,country,birth_date,tax_id,gender,job_title,segment,parent_relation,parent_key,email_key,'
        'phone_key,tax_key,decides}';
    adopted adoption;
    parent regclass;
    gone bigint[];
    gone_keys text[];
    kept bigint[];
BEGIN
    SELECT * INTO adopted FROM adoption a WHERE a.relation = read_records.relation;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    SELECT a.reference INTO parent FROM adoption_attribute a
    WHERE a.relation = read_records.relation AND a.attribute = 'parent';
    EXECUTE format($sql$
        WITH source AS MATERIALIZED (
            SELECT %5$s FROM rows_as_owner($2, $5) AS s (%1$s)
            LEFT JOIN LATERAL (SELECT hit_tombstone($6, $2, s.record_key, s.email, s.phone, s.country, s.tax_id) AS erasure_id) h
            ON cardinality($6) > 0),
        readable AS (
            DELETE FROM suppressed_record x WHERE x.relation = $2 AND ($1 IS NULL OR x.record_key = ANY ($1))
              AND NOT EXISTS (SELECT FROM source s WHERE s.record_key = x.record_key AND s.erasure_id IS NOT NULL)),
        suppressed AS (
            INSERT INTO suppressed_record (relation, record_key, erasure_id)
            SELECT $2, s.record_key, s.erasure_id FROM source s WHERE s.erasure_id IS NOT NULL ON CONFLICT DO NOTHING),
        gone AS (
            DELETE FROM record_copy d WHERE d.relation = $2 AND ($1 IS NULL OR d.record_key = ANY ($1))
              AND NOT EXISTS (SELECT FROM source s WHERE s.record_key = d.record_key) RETURNING d.record_no, d.record_key),
        kept AS (
            INSERT INTO record_copy AS r (relation, record_key, entity, %2$s)
            SELECT $2, s.record_key, $3, record_kind(s.kind, s.given_name, s.family_name, s.full_name, s.company), s.unit,
                   s.owner, s.created_at, s.given_name, s.family_name, s.full_name, s.company,
                   coalesce(try_email(s.email)::text, s.email), coalesce(try_phone(s.phone, s.country)::text, s.phone),
                   s.website, s.address, s.postcode, s.city, s.region, s.country, s.birth_date, s.tax_id, s.gender, s.job_title,
                   s.segment,
                   CASE WHEN octet_length(s.parent_key) <= 2000 THEN $4 END,
                   CASE WHEN octet_length(s.parent_key) <= 2000 THEN s.parent_key END,
                   email_match_key(try_email(s.email)), phone_match_key(try_phone(s.phone, s.country)), tax_key(s.tax_id), s.decides
            FROM source s WHERE octet_length(s.record_key) <= 2000 -- what an index can hold; nor is a longer one a key
            ON CONFLICT (relation, record_key) DO UPDATE SET (%2$s) = (%3$s)
            WHERE (%4$s) IS DISTINCT FROM (%3$s) RETURNING r.record_no)
        SELECT g.numbers, g.keys, (SELECT coalesce(array_agg(record_no), '{}') FROM kept)
        FROM (SELECT coalesce(array_agg(record_no), '{}'), array_agg(record_key) FROM gone) AS g (numbers, keys)
        $sql$, (SELECT string_agg(format('%I %s', c.name, c.type), ', ' ORDER BY c.position) FROM record_column() c),
        array_to_string(columns, ', '), 'excluded.' || array_to_string(columns, ', excluded.'),
        'r.' || array_to_string(columns, ', r.'), copied_columns())
    INTO gone, gone_keys, kept USING keys, relation, adopted.entity, parent,
        format('%s WHERE %s ORDER BY 1', record_source(relation),
               CASE WHEN keys IS NULL THEN 'true' ELSE key_condition(relation, 'id', format('%L::text[]', keys)) END),
        tombstone_keys();
    UPDATE merged_record m SET record_no = NULL -- the row is there again, before anybody had seen it go: another one
    WHERE m.relation = read_records.relation AND (keys IS NULL OR m.record_key = ANY (keys))
      AND EXISTS (SELECT FROM record_copy r WHERE r.record_no = m.record_no);
    PERFORM read_consents(relation, keys);
    IF cardinality(gone) > 0 THEN
        PERFORM leave_objections(relation, gone_keys, gone);
        PERFORM unlink_records(gone);
    END IF;
    IF cardinality(kept) > 0 THEN
        PERFORM note_records(kept);
    END IF;
    RETURN cardinality(gone) + cardinality(kept);
END
$$;
COMMENT ON FUNCTION @extschema@.read_records(regclass, text[]) IS
    'Reads rows of a registered table again (all where keys is NULL), writes the records that differ and has them linked again; '
    'returns how many.';
SELECT @extschema@.set_audience('read_records(regclass, text[])', 'admin');

CREATE FUNCTION @extschema@.record_changed() RETURNS trigger
    AS 'MODULE_PATHNAME', 'crm_record_changed' LANGUAGE C VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp;
COMMENT ON FUNCTION @extschema@.record_changed() IS
    'Trigger on registered tables: notes the keys that a statement, or with row_triggers a row, touched, for resolve_pending. Whatever is wrong with a '
    'mapping, the team''s statement goes through: then all of the table is read again.';
SELECT @extschema@.set_audience('record_changed()', 'admin');

CREATE FUNCTION @extschema@.link_fields() RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '{given_name,family_name,full_name,company,email,phone,website,address,postcode,city,region,country,birth_date,tax_id,gender,job_title}'::text[];
COMMENT ON FUNCTION @extschema@.link_fields() IS 'The attributes of customers and leads that linking compares.';

CREATE FUNCTION @extschema@.register_records(relation regclass) RETURNS SETOF @extschema@.attachment
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    adopted adoption;
BEGIN
    PERFORM require_owner(relation);
    adopted := require_adopted(relation);
    IF adopted.entity <> ALL (ARRAY['customer', 'lead']) THEN
        RETURN;
    END IF;
    IF NOT EXISTS (SELECT FROM attached_trigger t WHERE t.relation = register_records.relation AND t.room = 'customer') THEN
        PERFORM attach_triggers(relation, 'customer', 'record_changed');
        PERFORM restore_parked(relation);
    END IF;
    RETURN NEXT ('customer', 'triggers crm_customer_*', 'SHARE ROW EXCLUSIVE',
                 'its rows are records of customers; linked by '
                 || coalesce((SELECT string_agg(a.attribute, ', ' ORDER BY a.attribute) FROM adoption_attribute a
                              WHERE a.relation = register_records.relation AND a.attribute = ANY (link_fields())),
                             'nothing, since no name, address, e-mail, phone or other attribute of a customer is mapped'))::attachment;
END
$$;
COMMENT ON FUNCTION @extschema@.register_records(regclass) IS
    'Makes the rows of an adopted table of customers or leads records that resolve links. adopt calls it. Tables of other '
    'entities belong to a customer by their reference and need no record: no row is returned for them. Errors: RM004 (not '
    'adopted), 42501 (not the owner).';

CREATE FUNCTION @extschema@.unregister_records(relation regclass) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    gone bigint[];
    gone_keys text[];
BEGIN
    LOCK TABLE customer_registry IN SHARE ROW EXCLUSIVE MODE;
    PERFORM detach_triggers(relation, 'customer');
    PERFORM park_values(relation);
    WITH gone AS (DELETE FROM record_copy r WHERE r.relation = unregister_records.relation RETURNING r.record_no, r.record_key)
    SELECT array_agg(g.record_no), array_agg(g.record_key) INTO gone, gone_keys FROM gone g;
    IF gone IS NOT NULL THEN
        PERFORM leave_objections(relation, gone_keys, gone);
        PERFORM unlink_records(gone);
    END IF;
    DELETE FROM record_dirty d WHERE d.relation = unregister_records.relation;
END
$$;
COMMENT ON FUNCTION @extschema@.unregister_records(regclass) IS
    'Forgets the records of a table and their links. What people said of them is kept (77-anchor.sql). disown calls it.';
SELECT @extschema@.set_audience('unregister_records(regclass)', 'admin');

CREATE FUNCTION @extschema@.backfill_records(relation regclass) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    count bigint;
BEGIN
    -- nobody else writes records of a table that is being filled: its dirty list waits. But no link may be made to one that goes.
    LOCK TABLE customer_registry IN ROW EXCLUSIVE MODE;
    count := read_records(relation, NULL);
    PERFORM restore_values(relation);
    ANALYZE record_copy; -- the next step is resolve, and autovacuum comes too late for it
    RETURN count;
END
$$;
COMMENT ON FUNCTION @extschema@.backfill_records(regclass) IS 'Reads all rows of a registered table in one snapshot.';
SELECT @extschema@.set_audience('backfill_records(regclass)', 'admin');

INSERT INTO @extschema@.room_hook (room, "position", attach, detach, backfill)
VALUES ('customer', 200, 'register_records', 'unregister_records', 'backfill_records');
