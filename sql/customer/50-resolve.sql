-- Linking: which records mean the same customer.
--
-- jit is off in resolve and resolve_pending: compiling cost more than half of the time of 30,000 records.

CREATE FUNCTION @extschema@.cluster_records(kinds smallint[], keys integer[], nodes integer[], same integer[],
                                            different integer[]) RETURNS integer[]
    AS 'MODULE_PATHNAME', 'crm_cluster_records' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10000;
COMMENT ON FUNCTION @extschema@.cluster_records(smallint[], integer[], integer[], integer[], integer[]) IS
    'Clusters of the nodes 1 .. cardinality(kinds) (0 unknown, 1 person, 2 organisation). keys[i] is a value that nodes[i] '
    'has, sorted by key; same and different hold pairs. Returns for each node the smallest node of its cluster.';
CREATE FUNCTION @extschema@.assign_customers(labels integer[], held bigint[], OUT assigned bigint[], OUT heirs integer[])
    AS 'MODULE_PATHNAME', 'crm_assign_customers' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10000;
COMMENT ON FUNCTION @extschema@.assign_customers(integer[], bigint[]) IS
    'Which id each cluster keeps, given the ids that its nodes held (0: none): the oldest stays in a join, the largest part '
    'keeps it in a split, 0 where the cluster needs a new one. heirs: the label of the cluster that inherits the id that '
    'the node held, 0 where it held none.';

CREATE FUNCTION @extschema@.record_share_limit() RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN 50;
COMMENT ON FUNCTION @extschema@.record_share_limit() IS
    'A value that more records than this share (a switchboard, info@) links none of them; it stands in shared_value.';

CREATE FUNCTION @extschema@.retire_customers(ids bigint[]) RETURNS bigint
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    WITH retired AS (
        UPDATE customer_registry c SET retired_at = now()
        WHERE c.retired_at IS NULL AND (ids IS NULL OR c.customer_id = ANY (ids))
          AND NOT EXISTS (SELECT FROM record r WHERE r.customer_id = c.customer_id)
        RETURNING 1)
    SELECT count(*) FROM retired
$$;
COMMENT ON FUNCTION @extschema@.retire_customers(bigint[]) IS
    'Retires those of the customers (NULL: of all) that have no record left; returns how many.';
SELECT @extschema@.set_audience('retire_customers(bigint[])', 'admin');

CREATE FUNCTION @extschema@.value_holders(kind text, value text) RETURNS SETOF bigint
LANGUAGE sql STABLE PARALLEL SAFE ROWS 3 SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT r.record_no FROM record r WHERE $1 = 'email' AND r.email_key = $2
    UNION ALL
    SELECT r.record_no FROM record r WHERE $1 = 'phone' AND r.phone_key = $2
    UNION ALL
    SELECT r.record_no FROM record r WHERE $1 = 'tax_id' AND r.tax_key = $2
$$;
COMMENT ON FUNCTION @extschema@.value_holders(text, text) IS 'The records that have a value of a kind (email, phone, tax_id), by index.';
SELECT @extschema@.set_audience('value_holders(text, text)', 'admin');

-- Values may cross the limit in both directions; what did is returned, since links follow.
CREATE FUNCTION @extschema@.update_shared_values(kinds text[], "values" text[]) RETURNS bigint[]
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    WITH now_shared AS MATERIALIZED (
        SELECT v.kind, v.value, count(*)::integer AS records FROM record_value v WHERE kinds IS NULL
        GROUP BY 1, 2 HAVING count(*) > record_share_limit()
        UNION ALL
        SELECT g.kind, g.value, count(*)::integer
        FROM (SELECT DISTINCT u.kind, u.value FROM unnest(kinds, "values") AS u (kind, value)) g, value_holders(g.kind, g.value)
        GROUP BY 1, 2 HAVING count(*) > record_share_limit()),
    gone AS (
        DELETE FROM shared_value s
        WHERE (kinds IS NULL OR (s.kind, s.value) IN (SELECT * FROM unnest(kinds, "values")))
          AND NOT EXISTS (SELECT FROM now_shared n WHERE n.kind = s.kind AND n.value = s.value)
        RETURNING s.kind, s.value),
    found AS (
        INSERT INTO shared_value AS s (kind, value, records) SELECT * FROM now_shared
        ON CONFLICT (kind, value) DO UPDATE SET records = excluded.records WHERE s.records <> excluded.records
        RETURNING s.kind, s.value),
    crossed AS (
        SELECT * FROM gone UNION ALL
        SELECT f.kind, f.value FROM found f WHERE NOT EXISTS (SELECT FROM shared_value s WHERE s.kind = f.kind AND s.value = f.value))
    SELECT coalesce(array_agg(DISTINCT h), '{}') FROM crossed c, value_holders(c.kind, c.value) h
$$;
COMMENT ON FUNCTION @extschema@.update_shared_values(text[], text[]) IS
    'Counts who shares the given values (NULL: all) and keeps shared_value; returns the records of those that crossed the limit.';
SELECT @extschema@.set_audience('update_shared_values(text[], text[])', 'admin');

-- What could change when some records do: closed under "same customer" and "shares a value that links".
CREATE FUNCTION @extschema@.record_neighbourhood(seeds bigint[]) RETURNS bigint[]
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    WITH RECURSIVE reached (record_no) AS (
        SELECT unnest(seeds)
        UNION
        SELECT n.record_no FROM reached JOIN record r USING (record_no) CROSS JOIN LATERAL (
            SELECT x.record_no FROM record x WHERE x.customer_id = r.customer_id
            UNION ALL
            SELECT x.record_no FROM record x WHERE x.email_key = r.email_key
               AND NOT EXISTS (SELECT FROM shared_value s WHERE s.kind = 'email' AND s.value = r.email_key)
            UNION ALL
            SELECT x.record_no FROM record x WHERE x.phone_key = r.phone_key
               AND NOT EXISTS (SELECT FROM shared_value s WHERE s.kind = 'phone' AND s.value = r.phone_key)
            UNION ALL
            SELECT x.record_no FROM record x WHERE x.tax_key = r.tax_key
               AND NOT EXISTS (SELECT FROM shared_value s WHERE s.kind = 'tax_id' AND s.value = r.tax_key)
            UNION ALL
            SELECT x.record_no FROM verdict v JOIN record x ON x.relation = v.relation_b AND x.record_key = v.key_b
            WHERE v.relation_a = r.relation AND v.key_a = r.record_key AND v.verdict = 'same'
            UNION ALL
            SELECT x.record_no FROM verdict v JOIN record x ON x.relation = v.relation_a AND x.record_key = v.key_a
            WHERE v.relation_b = r.relation AND v.key_b = r.record_key AND v.verdict = 'same') n)
    SELECT coalesce(array_agg(record_no), '{}') FROM reached
$$;
COMMENT ON FUNCTION @extschema@.record_neighbourhood(bigint[]) IS 'The records whose customer may change when the given ones do.';
SELECT @extschema@.set_audience('record_neighbourhood(bigint[])', 'admin');

-- Reads, computes, writes the differences. The caller holds the lock on customer_registry and gives a scope that is
-- closed (record_neighbourhood), or NULL for everything.
CREATE FUNCTION @extschema@.link_records(scope bigint[], OUT linked bigint, OUT moved bigint, OUT created bigint,
                                         OUT retired bigint)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    numbers bigint[];
    kinds smallint[];
    held bigint[];
    keys integer[];
    nodes integer[];
    same integer[];
    different integer[];
    labels integer[];
    assigned bigint[];
    heirs integer[];
BEGIN
    SELECT coalesce(array_agg(n.record_no), '{}'), coalesce(array_agg(n.kind), '{}'), coalesce(array_agg(n.customer_id), '{}')
    INTO numbers, kinds, held
    FROM (SELECT r.record_no, coalesce(r.customer_id, 0) AS customer_id,
                 CASE r.kind WHEN 'person' THEN 1 WHEN 'organisation' THEN 2 ELSE 0 END::smallint AS kind
          FROM record r JOIN (SELECT DISTINCT a.relation, a.relation::text COLLATE "C" AS name FROM adoption a) a USING (relation)
          WHERE scope IS NULL OR r.record_no = ANY (scope)
          ORDER BY a.name, r.record_key) n;
    WITH node AS (SELECT u.record_no, u.node::integer FROM unnest(numbers) WITH ORDINALITY AS u (record_no, node)),
    held_value AS (
        SELECT v.strength, v.value, n.node, count(*) OVER (PARTITION BY v.strength, v.value) AS holders
        FROM node n JOIN record_value v USING (record_no)
        WHERE NOT EXISTS (SELECT FROM shared_value s WHERE s.kind = v.kind AND s.value = v.value)),
    keyed AS (SELECT h.node, dense_rank() OVER (ORDER BY h.strength, h.value)::integer AS key FROM held_value h WHERE h.holders > 1)
    SELECT coalesce(array_agg(k.key), '{}'), coalesce(array_agg(k.node), '{}') INTO keys, nodes
    FROM (SELECT * FROM keyed ORDER BY key, node) k;
    WITH node AS (SELECT u.record_no, u.node::integer FROM unnest(numbers) WITH ORDINALITY AS u (record_no, node)),
    decided AS (
        SELECT v.verdict, a.node AS a, b.node AS b
        FROM verdict v
        JOIN record ra ON ra.relation = v.relation_a AND ra.record_key = v.key_a JOIN node a ON a.record_no = ra.record_no
        JOIN record rb ON rb.relation = v.relation_b AND rb.record_key = v.key_b JOIN node b ON b.record_no = rb.record_no)
    SELECT coalesce(array_agg(p.node ORDER BY d.a, d.b, p.side) FILTER (WHERE d.verdict = 'same'), '{}'),
           coalesce(array_agg(p.node ORDER BY d.a, d.b, p.side) FILTER (WHERE d.verdict = 'different'), '{}')
    INTO same, different
    FROM decided d, LATERAL (VALUES (1, d.a), (2, d.b)) AS p (side, node);

    labels := cluster_records(kinds, keys, nodes, same, different);
    SELECT c.assigned, c.heirs INTO assigned, heirs FROM assign_customers(labels, held) c;

    WITH fresh AS MATERIALIZED (
        SELECT l.label, nextval('customer_registry_customer_id_seq') AS customer_id
        FROM (SELECT DISTINCT u.label FROM unnest(labels, assigned) AS u (label, id) WHERE u.id = 0 ORDER BY 1) l),
    registered AS (INSERT INTO customer_registry (customer_id) SELECT f.customer_id FROM fresh f),
    target AS (
        SELECT u.record_no, u.held, coalesce(f.customer_id, u.id) AS customer_id
        FROM unnest(numbers, labels, assigned, held) AS u (record_no, label, id, held) LEFT JOIN fresh f USING (label)),
    written AS (
        INSERT INTO record_link (record_no, customer_id) SELECT t.record_no, t.customer_id FROM target t WHERE t.held <> t.customer_id
        ON CONFLICT (record_no) DO UPDATE SET customer_id = excluded.customer_id RETURNING record_no)
    SELECT count(*) FILTER (WHERE t.held = 0), count(*) FILTER (WHERE t.held <> 0), (SELECT count(*) FROM fresh)
    INTO linked, moved, created FROM written w JOIN target t USING (record_no);

    WITH lost AS (SELECT u.held, min(u.heir) AS heir FROM unnest(held, heirs) AS u (held, heir) WHERE u.held <> 0 GROUP BY 1),
    gone AS (
        UPDATE customer_registry c SET retired_at = now(), redirect_to = h.customer_id
        FROM lost l JOIN record h ON h.record_no = numbers[l.heir]
        WHERE c.customer_id = l.held AND c.retired_at IS NULL
          AND NOT EXISTS (SELECT FROM record r WHERE r.customer_id = l.held)
        RETURNING 1)
    SELECT count(*) INTO retired FROM gone;
    IF linked + moved > 1000 THEN
        ANALYZE record_link;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.link_records(bigint[]) IS
    'Links the records of a closed scope (NULL: all). linked: records that got their first customer; moved: that changed it; '
    'created and retired: customers.';
SELECT @extschema@.set_audience('link_records(bigint[])', 'admin');

CREATE FUNCTION @extschema@.take_dirty(OUT records bigint, OUT seeds bigint[], OUT customers bigint[])
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    each pg_catalog.record;
    kinds text[];
    "values" text[];
    crossed bigint[];
    whole boolean := false;
BEGIN
    records := 0;
    seeds := '{}';
    customers := '{}';
    FOR each IN
        WITH taken AS (
            DELETE FROM record_dirty d
            WHERE NOT EXISTS (SELECT FROM filling f WHERE f.relation = d.relation AND f.room = 'customer' AND f.state <> 'ready')
            RETURNING d.relation, d.record_key)
        SELECT t.relation, bool_or(t.record_key IS NULL) OR count(DISTINCT t.record_key) > 5000 AS whole,
               array_agg(DISTINCT t.record_key) AS keys
        FROM taken t GROUP BY 1 ORDER BY 1
    LOOP
        whole := whole OR each.whole;
        IF NOT each.whole THEN
            SELECT customers || coalesce(array_agg(DISTINCT r.customer_id) FILTER (WHERE r.customer_id IS NOT NULL), '{}')
            INTO customers FROM record r WHERE r.relation = each.relation AND r.record_key = ANY (each.keys);
            SELECT kinds || array_agg(v.kind), "values" || array_agg(v.value) INTO kinds, "values"
            FROM record r JOIN record_value v USING (record_no)
            WHERE r.relation = each.relation AND r.record_key = ANY (each.keys);
        END IF;
        records := records + read_records(each.relation, CASE WHEN NOT each.whole THEN each.keys END);
        IF NOT each.whole THEN
            SELECT seeds || coalesce(array_agg(r.record_no), '{}') INTO seeds
            FROM record r WHERE r.relation = each.relation AND r.record_key = ANY (each.keys);
        END IF;
    END LOOP;
    IF whole THEN
        seeds := NULL;
        PERFORM update_shared_values(NULL, NULL);
        RETURN;
    END IF;
    SELECT kinds || array_agg(v.kind), "values" || array_agg(v.value) INTO kinds, "values"
    FROM unnest(seeds) AS s (record_no) JOIN record_value v USING (record_no);
    crossed := update_shared_values(coalesce(kinds, '{}'), coalesce("values", '{}'));
    -- the rest of a customer that lost a record, and who shares a value that a record gave up
    SELECT array_agg(DISTINCT n.record_no) INTO seeds
    FROM (SELECT unnest(seeds || crossed) UNION ALL
          SELECT r.record_no FROM record r WHERE r.customer_id = ANY (customers)) AS n (record_no);
    seeds := coalesce(seeds, '{}');
END
$$;
COMMENT ON FUNCTION @extschema@.take_dirty() IS
    'Takes what is on the dirty list, save of tables that are being filled, and reads those rows again. seeds: the records '
    'whose links may change (NULL: any); customers: those that may have lost a record.';
SELECT @extschema@.set_audience('take_dirty()', 'admin');

CREATE FUNCTION @extschema@.resolve_pending() RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off
AS $$
DECLARE
    taken pg_catalog.record;
    unlinked bigint[];
    written pg_catalog.record;
BEGIN
    IF NOT EXISTS (SELECT FROM record_dirty d
                   WHERE NOT EXISTS (SELECT FROM filling f
                                     WHERE f.relation = d.relation AND f.room = 'customer' AND f.state <> 'ready'))
       AND NOT EXISTS (SELECT FROM record r WHERE r.customer_id IS NULL) THEN
        RETURN 0;
    END IF;
    LOCK TABLE customer_registry IN SHARE ROW EXCLUSIVE MODE;
    SELECT * INTO taken FROM take_dirty();
    SELECT coalesce(array_agg(u.record_no), '{}') INTO unlinked
    FROM (SELECT r.record_no FROM record r WHERE r.customer_id IS NULL LIMIT 5001) u;
    IF taken.seeds IS NULL OR cardinality(unlinked) > 5000 THEN
        PERFORM update_shared_values(NULL, NULL);
        SELECT * INTO written FROM link_records(NULL);
        PERFORM retire_customers(NULL);
    ELSE
        SELECT * INTO written FROM link_records(record_neighbourhood(taken.seeds || unlinked));
        PERFORM retire_customers(taken.customers);
    END IF;
    RETURN taken.records + written.linked + written.moved;
END
$$;
COMMENT ON FUNCTION @extschema@.resolve_pending() IS
    'For crmd: reads records on the dirty list again and links what they touch, and what has no customer yet. Returns how '
    'much changed; 0, after two index probes, where nothing waits.';
SELECT @extschema@.set_audience('resolve_pending()', 'daemon');

CREATE PROCEDURE @extschema@.resolve(INOUT records bigint DEFAULT NULL, INOUT customers bigint DEFAULT NULL,
                                     INOUT linked bigint DEFAULT NULL, INOUT moved bigint DEFAULT NULL,
                                     INOUT created bigint DEFAULT NULL, INOUT retired bigint DEFAULT NULL,
                                     INOUT shared_values bigint DEFAULT NULL, INOUT milliseconds bigint DEFAULT NULL)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off
AS $$
DECLARE
    started CONSTANT timestamptz := clock_timestamp();
    written pg_catalog.record;
BEGIN
    LOCK TABLE customer_registry IN SHARE ROW EXCLUSIVE MODE;
    PERFORM take_dirty();
    PERFORM update_shared_values(NULL, NULL);
    SELECT * INTO written FROM link_records(NULL);
    linked := written.linked;
    moved := written.moved;
    created := written.created;
    retired := written.retired + retire_customers(NULL);
    records := (SELECT count(*) FROM record);
    customers := (SELECT count(DISTINCT r.customer_id) FROM record r);
    shared_values := (SELECT count(*) FROM shared_value);
    milliseconds := round(extract(epoch FROM clock_timestamp() - started) * 1000);
END
$$;
COMMENT ON PROCEDURE @extschema@.resolve(bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint) IS
    'Links all registered records by equal e-mail (email_match_key), phone (E.164) and tax id: records and customers there '
    'are, records linked for the first time, records moved to another customer, customers created and retired, values '
    'shared by too many to link, milliseconds. Persons and organisations are not linked with one another; decide() comes '
    'first. The same records give the same customers, and ids stay. Type CALL resolve();';
SELECT @extschema@.set_audience('resolve(bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint)', 'admin');

CREATE FUNCTION @extschema@.status_customer() RETURNS SETOF @extschema@.status_row
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT 'customer', 'records to be read again', CASE WHEN count(*) < 100000 THEN 'ok' ELSE 'warning' END, count(*), min(d.at),
           'changed since they were linked', CASE WHEN count(*) > 0 THEN 'SELECT @extschema@.resolve_pending();' END
    FROM record_dirty d
    UNION ALL
    SELECT 'customer', 'records without customer', 'ok', count(*), NULL, NULL,
           CASE WHEN count(*) > 0 THEN 'CALL @extschema@.resolve();' END
    FROM record r WHERE r.customer_id IS NULL
    UNION ALL
    SELECT 'customer', 'shared values', 'ok', count(*), min(s.seen_at),
           format('e-mails, phones and tax ids of more than %s records, which link nobody', record_share_limit()),
           CASE WHEN count(*) > 0 THEN 'SELECT * FROM @extschema@.shared_value;' END
    FROM shared_value s
    UNION ALL
    SELECT 'customer', 'unreadable values of ' || r.relation::text, 'ok', count(*), NULL,
           'e-mails and phones that are none, or phones without calling code and country',
           format('SELECT record_key, email, phone, country FROM @extschema@.record WHERE relation = %L::regclass AND '
                  '(email_key IS NULL AND email IS NOT NULL OR phone_key IS NULL AND phone IS NOT NULL);', r.relation::text)
    FROM record r
    WHERE r.email_key IS NULL AND r.email IS NOT NULL OR r.phone_key IS NULL AND r.phone IS NOT NULL
    GROUP BY r.relation
$$;
COMMENT ON FUNCTION @extschema@.status_customer() IS 'Rows of status: what waits to be linked, and values that cannot link.';
SELECT @extschema@.set_audience('status_customer()', 'admin');
INSERT INTO @extschema@.status_source (function_name, room) VALUES ('status_customer', 'customer');
