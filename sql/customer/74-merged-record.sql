-- Records whose rows were merged into others. To consent and restriction a merge of rows is a link that cannot part: what was said of
-- the lost record stays said of it, and holds for whoever has the row that it was merged into. Nothing is copied, so nothing that was
-- said is changed by a merge, and taking the merge back is exact.

CREATE TABLE @extschema@.merged_record (
    relation regclass NOT NULL,
    record_key text COLLATE "C" NOT NULL,
    keep_key text COLLATE "C" NOT NULL,
    upto bigint NOT NULL,
    record_no bigint,
    PRIMARY KEY (relation, record_key, keep_key)
);
CREATE INDEX merged_record_keep ON @extschema@.merged_record (relation, keep_key);
COMMENT ON TABLE @extschema@.merged_record IS
'Records of rows that were merged away, while the merge stands, and the record that each became one with.';
COMMENT ON COLUMN @extschema@.merged_record.upto IS
'When the rows were merged, as a number of the sequence of consent entries that no entry has: later entries are of a row that came back '
'under the key, and later merges have a higher one.';
COMMENT ON COLUMN @extschema@.merged_record.record_no IS
'The record that went; NULL once another row under its key was read.';
SELECT pg_catalog.pg_extension_config_dump('@extschema@.merged_record', '');

-- A key that is no record any more leads on whatever was said when; one that is a record again keeps what was said since.
CREATE FUNCTION @extschema@.merged_places(relation regclass, record_key text, moment bigint) RETURNS TABLE (record_key text, last boolean)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 2 COST 1000 SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    WITH RECURSIVE place (record_key, moment, merged) AS (
        SELECT $2 COLLATE "C", $3, true
        UNION
        SELECT m.keep_key, m.upto, p.merged AND p.moment <= m.upto
        FROM place p JOIN merged_record m ON m.relation = $1 AND m.record_key = p.record_key
        WHERE p.moment <= m.upto OR NOT EXISTS (SELECT FROM record_copy r WHERE r.relation = $1 AND r.record_key = p.record_key))
    SELECT p.record_key, bool_or(p.merged AND NOT EXISTS (SELECT FROM merged_record m WHERE m.relation = $1 AND m.record_key = p.record_key
                                                                                        AND p.moment <= m.upto))
    FROM place p GROUP BY 1
$$;
COMMENT ON FUNCTION @extschema@.merged_places(regclass, text, bigint) IS
'The keys at which something stands that was said of a record (moment: the number of the entry): its own, and those of the rows that it '
'was merged into, one after the other; last: it went no further, by merges of the very row alone.';
SELECT @extschema@.set_audience('merged_places(regclass, text, bigint)', 'internal');

CREATE FUNCTION @extschema@.merged_into(relation regclass, record_key text) RETURNS SETOF text
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1 COST 100 SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    WITH RECURSIVE lost (record_key) AS (
        SELECT m.record_key FROM merged_record m WHERE m.relation = $1 AND m.keep_key = $2
        UNION
        SELECT m.record_key FROM lost l JOIN merged_record m ON m.relation = $1 AND m.keep_key = l.record_key)
    SELECT l.record_key FROM lost l
$$;
COMMENT ON FUNCTION @extschema@.merged_into(regclass, text) IS 'The keys of the rows that were merged into a record, and into those.';
SELECT @extschema@.set_audience('merged_into(regclass, text)', 'internal');
