-- What a test asks of the tables: every row as text, the memos, whether every reference leads somewhere.
CREATE SCHEMA checks;

CREATE FUNCTION checks.roots() RETURNS SETOF regclass LANGUAGE sql STABLE AS $$
    SELECT c.oid::regclass FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname IN ('hostile', 'Other.Schéma "2"') AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"
$$;

-- One line for each row of each table, with the partition that it is in, in order of its text.
CREATE FUNCTION checks.rows() RETURNS TABLE (memo text, line text) LANGUAGE plpgsql STABLE AS $$
DECLARE
    each regclass;
BEGIN
    FOR each IN SELECT checks.roots() LOOP
        RETURN QUERY EXECUTE format('SELECT %L || '' '' || t.memo, translate(t.tableoid::regclass || '' '' || t.*::text, E''\n\t'', ''~~'') FROM %s %s t ORDER BY 2', each,
                                    CASE (SELECT relkind FROM pg_class WHERE oid = each) WHEN 'r' THEN 'ONLY' ELSE '' END, each);
    END LOOP;
END
$$;

-- References that lead nowhere, in what no constraint promised before (NOT VALID), too.
CREATE FUNCTION checks.dangling() RETURNS TABLE (line text) LANGUAGE plpgsql STABLE AS $$
DECLARE
    each record;
BEGIN
    FOR each IN SELECT c.conrelid::regclass AS child, c.conname, c.confrelid::regclass AS parent, c.convalidated,
                       string_agg(format('t.%I = p.%I', a.attname, f.attname), ' AND ') AS same,
                       string_agg(format('t.%I IS NOT NULL', a.attname), ' AND ') AS filled
                FROM pg_constraint c, unnest(c.conkey, c.confkey) AS k (here, there)
                JOIN pg_attribute a ON true JOIN pg_attribute f ON true
                WHERE c.contype = 'f' AND c.conparentid = 0 AND c.conrelid IN (SELECT checks.roots())
                  AND a.attrelid = c.conrelid AND a.attnum = k.here AND f.attrelid = c.confrelid AND f.attnum = k.there
                GROUP BY c.oid
    LOOP
        RETURN QUERY EXECUTE format(
            'SELECT format(''%%s by %%s: %%s'', t.tableoid::regclass, %L, t.*) FROM %s %s t WHERE %s AND NOT EXISTS (SELECT FROM %s p WHERE %s) %s',
            each.conname, CASE (SELECT relkind FROM pg_class WHERE oid = each.child) WHEN 'r' THEN 'ONLY' ELSE '' END,
            each.child, each.filled, each.parent, each.same, CASE WHEN NOT each.convalidated THEN 'AND t.id <> -1' ELSE '' END);
    END LOOP;
END
$$;

-- The memos that must be there by the journal and are not, and the other way round; of merges not taken back the log holds some.
CREATE FUNCTION checks.unaccounted(first text[]) RETURNS TABLE (line text) LANGUAGE sql STABLE AS $$
    WITH expected AS (
        SELECT m.memo FROM (SELECT unnest(first) AS memo UNION ALL SELECT j.came FROM chance.journal j) m WHERE m.memo IS NOT NULL
        EXCEPT ALL SELECT j.gone FROM chance.journal j),
    there AS (
        SELECT r.memo FROM checks.rows() r),
    logged AS (
        SELECT c.relation || ' ' || (c.before ->> 'memo') AS memo FROM crm.merge_change c JOIN crm.row_merge m USING (merge_id)
        WHERE m.unmerged_at IS NULL AND c.action = 'delete')
    SELECT 'lost: ' || e.memo FROM expected e WHERE e.memo NOT IN (SELECT memo FROM there) AND e.memo NOT IN (SELECT memo FROM logged)
    UNION ALL SELECT 'rose again: ' || t.memo FROM there t WHERE t.memo NOT IN (SELECT memo FROM expected)
    UNION ALL SELECT 'twice: ' || t.memo FROM there t GROUP BY t.memo HAVING count(*) > 1
$$;

-- What the merges so far went through, of everything that a foreign key can be and that can collide: how many rows of each kind.
CREATE FUNCTION checks.kinds() RETURNS TABLE (kind text, times bigint) LANGUAGE sql STABLE AS $$
    WITH foreign_key AS (
        SELECT c.*, s.relkind AS child, p.relkind AS parent,
               ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)) AS columns,
               NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.confrelid AND i.indisprimary
                                                    AND i.indkey::smallint[] @> c.confkey AND i.indkey::smallint[] <@ c.confkey) AS elsewhere
        FROM pg_constraint c JOIN pg_class s ON s.oid = c.conrelid JOIN pg_class p ON p.oid = c.confrelid
        WHERE c.contype = 'f' AND c.conparentid = 0 AND c.conrelid IN (SELECT checks.roots())),
    moved AS (
        SELECT f.*, n.rows FROM foreign_key f CROSS JOIN LATERAL (
            SELECT count(*) AS rows FROM crm.merge_change m WHERE m.relation = f.conrelid AND m.action <> 'stay' AND m.after ?| f.columns) n),
    went AS (
        SELECT k.kind, m.rows FROM moved m CROSS JOIN LATERAL (VALUES
            ('composite', cardinality(m.conkey) > 1), ('to another unique key', m.elsewhere), ('self reference', m.conrelid = m.confrelid),
            ('cascade', m.confdeltype = 'c'), ('set null', m.confdeltype = 'n'), ('set default', m.confdeltype = 'd'), ('restrict', m.confdeltype = 'r'),
            ('update cascade', m.confupdtype = 'c'), ('deferred', m.condeferred), ('deferrable', m.condeferrable AND NOT m.condeferred),
            ('partitioned child', m.child = 'p'), ('partitioned parent', m.parent = 'p'), ('not valid', NOT m.convalidated),
            ('of a table without key', NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = m.conrelid AND i.indisunique))) AS k (kind, holds)
        WHERE k.holds
        UNION ALL
        SELECT 'inherited child with a foreign key', m.rows FROM moved m WHERE m.conrelid = 'hostile.long_visit'::regclass
        UNION ALL
        SELECT 'inherited child without one', count(*) FROM crm.merge_change c WHERE c.relation = 'hostile.short_visit'::regclass AND c.action = 'update'
        UNION ALL
        SELECT 'soft reference', count(*) FROM crm.merge_change c WHERE c.relation = '"Other.Schéma ""2""".soft'::regclass AND c.action = 'update'
        UNION ALL
        SELECT 'collision: ' || t.kind, (SELECT count(*) FROM crm.merge_change c JOIN crm.row_merge m USING (merge_id)
                                         WHERE c.relation = t.relation::regclass AND c.action = 'delete' AND m.relation <> c.relation)
        FROM (VALUES ('primary key', 'hostile.tag'), ('key that is the reference', 'hostile.profile'), ('partial', 'hostile.subscription'),
                     ('expression', 'hostile.alias'), ('exclusion', 'hostile.booking'), ('nulls not distinct', 'hostile.contact'),
                     ('deferred', 'hostile.rank'), ('one partition', 'hostile.event')) AS t (kind, relation))
    SELECT w.kind, sum(w.rows)::bigint FROM went w GROUP BY 1 ORDER BY 1
$$;
