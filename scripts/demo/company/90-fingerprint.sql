-- What the three schemas are in the catalogue, and what their rows are: to be compared before and after.

CREATE VIEW demo.catalogue AS
WITH own AS (SELECT c.*, c.oid::regclass::text AS name FROM pg_class c
             WHERE c.relnamespace::regnamespace::text IN ('marketing', 'sales', 'service'))
SELECT name, format('%s, owner %s, row security %s, forced %s, %s, options %s, replica identity %s', relkind, relowner::regrole, relrowsecurity,
                    relforcerowsecurity, coalesce(relacl::text, 'no grants'), reloptions, relreplident) AS entry FROM own
UNION ALL
SELECT name, format('column %s %s %s %s %s', attnum, attname, format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid))
FROM own JOIN pg_attribute a ON a.attrelid = own.oid LEFT JOIN pg_attrdef d ON (adrelid, adnum) = (attrelid, attnum) WHERE attnum > 0
UNION ALL
SELECT name, 'constraint ' || conname || ' ' || pg_get_constraintdef(k.oid) FROM own JOIN pg_constraint k ON k.conrelid = own.oid
UNION ALL
SELECT name, 'index ' || pg_get_indexdef(indexrelid) FROM own JOIN pg_index ON indrelid = own.oid
UNION ALL
SELECT name, 'trigger ' || pg_get_triggerdef(t.oid) FROM own JOIN pg_trigger t ON t.tgrelid = own.oid WHERE NOT tgisinternal
UNION ALL
SELECT name, format('policy %s %s', polname, pg_get_expr(polqual, polrelid)) FROM own JOIN pg_policy p ON p.polrelid = own.oid
UNION ALL
SELECT pronamespace::regnamespace::text, 'function ' || p.oid::regprocedure FROM pg_proc p
WHERE pronamespace::regnamespace::text IN ('marketing', 'sales', 'service');

CREATE FUNCTION demo.rows_of(relation regclass, OUT rows bigint, OUT fingerprint text) LANGUAGE plpgsql STABLE AS $$
BEGIN
    EXECUTE format('SELECT count(*), md5(coalesce(sum(hashtextextended(r::text, 0)), 0)::text) FROM %s r', relation)
    INTO rows, fingerprint;
END
$$;

CREATE VIEW demo.contents AS
SELECT c.oid::regclass AS relation, r.* FROM pg_class c, demo.rows_of(c.oid) r
WHERE c.relnamespace::regnamespace::text IN ('marketing', 'sales', 'service') AND c.relkind = 'r';

CREATE UNLOGGED TABLE demo.catalogue_before AS SELECT * FROM demo.catalogue;
CREATE UNLOGGED TABLE demo.contents_before AS SELECT * FROM demo.contents;
