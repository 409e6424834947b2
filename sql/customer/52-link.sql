-- Writing links: which customer each cluster is, and the differences to what is there. And which records a change can reach.

CREATE FUNCTION @extschema@.assign_customers(labels integer[], held bigint[], OUT assigned bigint[], OUT heirs integer[])
    AS 'MODULE_PATHNAME', 'crm_assign_customers' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10000;
COMMENT ON FUNCTION @extschema@.assign_customers(integer[], bigint[]) IS
    'Which id each cluster keeps, given the ids that its nodes held (0: none): the oldest stays in a join, the largest part '
    'keeps it in a split, 0 where the cluster needs a new one. heirs: the label of the cluster that inherits the id that '
    'the node held, 0 where it held none.';

CREATE FUNCTION @extschema@.retire_customers(ids bigint[]) RETURNS bigint
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    WITH retired AS (
        UPDATE customer_registry c SET retired_at = now()
        WHERE c.retired_at IS NULL AND (ids IS NULL OR c.customer_id = ANY (ids))
          AND NOT EXISTS (SELECT FROM record_link l WHERE l.customer_id = c.customer_id)
        RETURNING 1)
    SELECT count(*) FROM retired
$$;
COMMENT ON FUNCTION @extschema@.retire_customers(bigint[]) IS
    'Retires those of the customers (NULL: of all) that have no record left; returns how many.';
SELECT @extschema@.set_audience('retire_customers(bigint[])', 'admin');

-- The caller holds the lock on customer_registry, and says how to plan: what suits a handful of records does not suit a million.
CREATE FUNCTION @extschema@.write_links(numbers bigint[], labels integer[], stale bigint[], OUT linked bigint, OUT moved bigint,
                                        OUT created bigint, OUT retired bigint)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off
AS $$
DECLARE
    held bigint[];
    assigned bigint[];
    heirs integer[];
    deserted bigint[];
BEGIN
    -- who took the key of a row that was merged away still has its link: that customer is another one by now
    SELECT coalesce(array_agg(CASE WHEN n.record_no = ANY (stale) OR g.customer_id IS NOT NULL THEN 0 ELSE coalesce(l.customer_id, 0) END
                              ORDER BY n.node), '{}')
    INTO held
    FROM unnest(numbers) WITH ORDINALITY AS n (record_no, node) LEFT JOIN record_link l USING (record_no)
    LEFT JOIN customer_registry g ON g.customer_id = l.customer_id AND g.retired_at IS NOT NULL;
    SELECT c.assigned, c.heirs INTO assigned, heirs FROM assign_customers(labels, held) c;

    WITH target AS MATERIALIZED (
        SELECT u.record_no, u.label, u.held, u.id
        FROM unnest(numbers, labels, assigned, held) AS u (record_no, label, id, held) JOIN record_copy r USING (record_no)
        WHERE u.record_no <> ALL (stale) AND (u.held <> u.id OR u.id = 0)),
    fresh AS MATERIALIZED (
        SELECT l.label, nextval('customer_registry_customer_id_seq') AS customer_id
        FROM (SELECT DISTINCT t.label FROM target t WHERE t.id = 0 ORDER BY 1) l),
    registered AS (INSERT INTO customer_registry (customer_id) SELECT f.customer_id FROM fresh f),
    written AS (
        INSERT INTO record_link (record_no, customer_id)
        SELECT t.record_no, coalesce(f.customer_id, t.id) FROM target t LEFT JOIN fresh f ON f.label = t.label AND t.id = 0
        ON CONFLICT (record_no) DO UPDATE SET customer_id = excluded.customer_id)
    SELECT count(*) FILTER (WHERE t.held = 0), count(*) FILTER (WHERE t.held <> 0), (SELECT count(*) FROM fresh),
           array_agg(DISTINCT t.held) FILTER (WHERE t.held <> 0)
    INTO linked, moved, created, deserted FROM target t;

    WITH lost AS (SELECT u.held, min(u.heir) AS heir FROM unnest(held, heirs) AS u (held, heir) WHERE u.held = ANY (deserted) GROUP BY 1),
    gone AS (
        UPDATE customer_registry c SET retired_at = now(), redirect_to = h.customer_id
        FROM lost l LEFT JOIN record_link h ON h.record_no = numbers[l.heir] -- NULL where the heir's only record changed meanwhile
        WHERE c.customer_id = l.held AND c.retired_at IS NULL AND h.customer_id IS DISTINCT FROM c.customer_id
          AND NOT EXISTS (SELECT FROM record_link r WHERE r.customer_id = l.held)
        RETURNING 1)
    SELECT count(*) INTO retired FROM gone;
    IF linked + moved > 10000 THEN
        ANALYZE record_link, customer_registry;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.write_links(bigint[], integer[], bigint[]) IS
    'Gives the records their customers by the labels of their clusters (nodes of numbers, from 1), save those that are stale: '
    'they changed meanwhile. linked: records that got their first customer; moved: that changed it; created and retired: '
    'customers.';
SELECT @extschema@.set_audience('write_links(bigint[], integer[], bigint[])', 'internal');
