-- What is personal: which standard attributes say something about a person, and what for. Erasure blanks them, the inventory lists them.

CREATE TABLE @extschema@.personal_attribute (
    attribute text NOT NULL,
    entity text NOT NULL,
    purpose text NOT NULL,
    PRIMARY KEY (entity, attribute)
);
COMMENT ON TABLE @extschema@.personal_attribute IS
'Attributes that tell something of a person: what each is held for. A blanked row loses them. Shipped.';

INSERT INTO @extschema@.personal_attribute (attribute, entity, purpose)
SELECT a.attribute, e.entity, a.purpose
FROM (VALUES
    ('email', 'matching; contact'), ('phone', 'matching; contact'), ('given_name', 'matching; the golden record'),
    ('family_name', 'matching; the golden record'), ('full_name', 'matching; the golden record'), ('company', 'matching; the golden record'),
    ('website', 'matching; the golden record'), ('address', 'matching; the golden record'), ('postcode', 'matching; the golden record'),
    ('city', 'matching; the golden record'), ('birth_date', 'matching; the golden record'), ('tax_id', 'matching; the golden record'),
    ('gender', 'matching; the golden record'), ('job_title', 'matching; the golden record'), ('external_ids', 'finding the person in other systems'),
    ('consent', 'knowing who may be contacted')) AS a (attribute, purpose)
CROSS JOIN (VALUES ('customer'), ('lead')) AS e (entity)
UNION ALL
VALUES ('name', 'opportunity', 'the story'), ('lost_reason', 'opportunity', 'the story'), ('promised', 'project', 'the story'),
       ('subject', 'ticket', 'the story'), ('anonymous_id', 'touch', 'joining touches to who made them'), ('subject', 'activity', 'the story');

-- The columns behind an attribute, from what its function depends on: they follow renames.
CREATE FUNCTION @extschema@.attribute_columns(relation regclass, attributes text[]) RETURNS name[]
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT coalesce(array_agg(DISTINCT c.attname), '{}')
    FROM adoption_attribute a
    JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.refclassid = 'pg_class'::regclass
                    AND d.objid = to_regprocedure(mapping_function(a.relation, a.attribute))
                    AND d.refobjid = a.relation AND d.refobjsubid > 0
    JOIN pg_attribute c ON c.attrelid = d.refobjid AND c.attnum = d.refobjsubid
    WHERE a.relation = $1 AND a.attribute = ANY ($2)
$$;
COMMENT ON FUNCTION @extschema@.attribute_columns(regclass, text[]) IS 'The columns of an adopted table that mapped attributes are made of.';

-- Never blanked: what other rows or crm find the row by.
CREATE FUNCTION @extschema@.structural_columns(relation regclass) RETURNS name[]
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT coalesce(array_agg(DISTINCT c.attname), '{}')
    FROM pg_attribute c
    WHERE c.attrelid = $1 AND c.attnum > 0 AND NOT c.attisdropped
      AND (c.attname = ANY (attribute_columns($1, '{id}'))
           OR EXISTS (SELECT FROM pg_index i WHERE i.indrelid = $1 AND i.indisprimary AND c.attnum = ANY (i.indkey::smallint[]))
           OR EXISTS (SELECT FROM pg_constraint f WHERE f.contype = 'f' AND f.conparentid = 0
                      AND (f.conrelid = $1 AND c.attnum = ANY (f.conkey) OR f.confrelid = $1 AND c.attnum = ANY (f.confkey)))
           OR c.attidentity <> '' OR c.attgenerated <> '')
$$;
COMMENT ON FUNCTION @extschema@.structural_columns(regclass) IS
'Columns that a row is known or found by: keys, both ends of foreign keys, identities, and generated ones, which follow by themselves.';

CREATE FUNCTION @extschema@.personal_columns(relation regclass) RETURNS name[]
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT coalesce(array_agg(DISTINCT c), '{}')
    FROM unnest(attribute_columns($1, ARRAY(SELECT p.attribute FROM personal_attribute p JOIN adoption a USING (entity) WHERE a.relation = $1))) c
$$;
COMMENT ON FUNCTION @extschema@.personal_columns(regclass) IS 'The columns of an adopted table that mapped personal attributes are made of.';

-- What a blanked column gets: NULL where it may be, else a word of its kind that nobody's data is, one for each row where the
-- column is unique. NULL for a type that has no such word.
CREATE FUNCTION @extschema@.blank_value(relation regclass, "column" name) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT CASE
        WHEN NOT c.attnotnull AND NOT (t.typtype = 'd' AND t.typnotnull) THEN 'NULL'
        WHEN b.typname = 'email' AND b.typnamespace = '@extschema@'::regnamespace
             OR c.attname = ANY (attribute_columns($1, '{email}')) AND b.typcategory = 'S'
        THEN format('(''erased-'' || gen_random_uuid() || ''@erased.invalid'')::%s', column_type(c.attrelid, c.attname))
        WHEN b.typcategory = 'S'
        THEN format('left(%s, %s)::%s', CASE WHEN u.is_unique THEN '''erased-'' || gen_random_uuid()' ELSE '''erased''' END,
                    CASE WHEN b.oid IN ('varchar'::regtype, 'bpchar'::regtype) AND c.atttypmod > 4 THEN c.atttypmod - 4 ELSE 1000 END,
                    column_type(c.attrelid, c.attname))
        WHEN u.is_unique THEN CASE WHEN b.oid = 'uuid'::regtype THEN 'gen_random_uuid()' END
        WHEN b.oid = 'uuid'::regtype THEN 'gen_random_uuid()'
        WHEN b.oid IN ('date'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype) THEN format('''1900-01-01''::%s', b.oid::regtype)
        WHEN b.oid IN ('json'::regtype, 'jsonb'::regtype) OR b.typcategory = 'A'
        THEN format('''{}''::%s', column_type(c.attrelid, c.attname))
        WHEN b.oid = 'boolean'::regtype THEN 'false' END
    FROM pg_attribute c JOIN pg_type t ON t.oid = c.atttypid
    JOIN pg_type b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
    CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = $1 AND i.indisunique
                                       AND c.attnum = ANY (i.indkey::smallint[])) AS is_unique) u
    WHERE c.attrelid = $1 AND c.attname = $2
$$;
COMMENT ON FUNCTION @extschema@.blank_value(regclass, name) IS
'SQL for what a blanked column gets: NULL, or where it is NOT NULL erased, erased-...@erased.invalid, 1900-01-01, {} or false; one of '
'its own for each row where it is unique. NULL for types that have no such value: the mode has to give one.';
