-- resolve_pending: what changed is linked again, and nothing else is touched.
--
-- Records that changed, those that they could be linked with, and all of their customers are clustered by the model in force. A full
-- run could end differently: it fits the model anew, it compares every candidate and not only the most promising ones, and of a
-- large customer it sees what each record is near. link_model.changed counts; status asks for a full run in time.

CREATE FUNCTION @extschema@.link_keys(records bigint[]) RETURNS TABLE (record_no bigint, keys integer[])
    AS 'MODULE_PATHNAME', 'crm_link_keys' LANGUAGE C STABLE STRICT PARALLEL UNSAFE ROWS 100 COST 10000;
COMMENT ON FUNCTION @extschema@.link_keys(bigint[]) IS 'The block keys of records as they are now, by the model in force.';
SELECT @extschema@.set_audience('link_keys(bigint[])', 'internal');

CREATE FUNCTION @extschema@.link_near(records bigint[]) RETURNS SETOF bigint
    AS 'MODULE_PATHNAME', 'crm_link_near' LANGUAGE C STABLE STRICT PARALLEL UNSAFE ROWS 1000 COST 100000;
COMMENT ON FUNCTION @extschema@.link_near(bigint[]) IS
    'The records themselves and those that any of them could be linked with (of those that share its rarest block keys the ones that '
    'weigh enough), each with the rest of its customer.';
SELECT @extschema@.set_audience('link_near(bigint[])', 'internal');

CREATE FUNCTION @extschema@.link_cluster(records bigint[], same bigint[], different bigint[], OUT numbers bigint[], OUT labels integer[])
    AS 'MODULE_PATHNAME', 'crm_link_cluster' LANGUAGE C STABLE STRICT PARALLEL UNSAFE COST 100000;
COMMENT ON FUNCTION @extschema@.link_cluster(bigint[], bigint[], bigint[]) IS
    'Clusters of some records by the model in force, as resolve_result has them; same and different hold pairs of record numbers, one '
    'after the other.';
SELECT @extschema@.set_audience('link_cluster(bigint[], bigint[], bigint[])', 'internal');

CREATE FUNCTION @extschema@.take_dirty() RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    each pg_catalog.record;
    records bigint := 0;
    parted bigint[];
BEGIN
    FOR each IN
        WITH taken AS (
            DELETE FROM record_dirty d
            WHERE NOT EXISTS (SELECT FROM filling f WHERE f.relation = d.relation AND f.room = 'customer' AND f.state <> 'ready')
            RETURNING d.relation, d.record_key)
        SELECT t.relation, bool_or(t.record_key IS NULL) OR count(DISTINCT t.record_key) > 5000 AS whole,
               array_agg(DISTINCT t.record_key) AS keys
        FROM taken t GROUP BY 1 ORDER BY 1
    LOOP
        records := records + read_records(each.relation, CASE WHEN NOT each.whole THEN each.keys END);
    END LOOP;
    WITH taken AS (DELETE FROM customer_dirty d RETURNING d.customer_id)
    SELECT array_agg(DISTINCT t.customer_id) INTO parted FROM taken t;
    IF parted IS NOT NULL THEN
        PERFORM settle_customers(parted);
    END IF;
    RETURN records + coalesce(cardinality(parted), 0);
END
$$;
COMMENT ON FUNCTION @extschema@.take_dirty() IS
    'Takes what is on the list of changed rows, save of tables that are being filled, and reads those rows again; then settles the customers '
    'that lost records. Returns how many records differed and customers were settled.';
SELECT @extschema@.set_audience('take_dirty()', 'internal');

-- Closed under "same customer" and "decided to be the same". In PL/pgSQL, which keeps its plan, as all that is done after every few changes.
CREATE FUNCTION @extschema@.link_family(seeds bigint[]) RETURNS bigint[]
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    RETURN (
        WITH RECURSIVE reached (record_no) AS (
            SELECT unnest(seeds)
            UNION
            SELECT n.record_no FROM reached r CROSS JOIN LATERAL (
                SELECT x.record_no FROM record_link l JOIN record_link x USING (customer_id) WHERE l.record_no = r.record_no
                UNION ALL
                SELECT x.record_no
                FROM record_copy a JOIN verdict v ON v.relation_a = a.relation AND v.key_a = a.record_key AND v.verdict = 'same'
                JOIN record_copy x ON x.relation = v.relation_b AND x.record_key = v.key_b
                WHERE a.record_no = r.record_no
                UNION ALL
                SELECT x.record_no
                FROM record_copy b JOIN verdict v ON v.relation_b = b.relation AND v.key_b = b.record_key AND v.verdict = 'same'
                JOIN record_copy x ON x.relation = v.relation_a AND x.record_key = v.key_a
                WHERE b.record_no = r.record_no) n)
        SELECT coalesce(array_agg(r.record_no ORDER BY r.record_no), '{}') FROM reached r);
END
$$;
COMMENT ON FUNCTION @extschema@.link_family(bigint[]) IS 'These records, the rest of their customers, and what people decided to be the same.';
SELECT @extschema@.set_audience('link_family(bigint[])', 'internal');

CREATE FUNCTION @extschema@.link_reach(seeds bigint[]) RETURNS bigint[]
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    near bigint[] := ARRAY(SELECT n FROM link_near(seeds) n);
BEGIN
    RETURN CASE WHEN EXISTS (SELECT FROM verdict v WHERE v.verdict = 'same') THEN link_family(near) ELSE near END;
END
$$;
COMMENT ON FUNCTION @extschema@.link_reach(bigint[]) IS 'All records that are to be clustered again where some changed: whole customers.';
SELECT @extschema@.set_audience('link_reach(bigint[])', 'internal');

CREATE FUNCTION @extschema@.link_scope(scope bigint[], OUT numbers bigint[], OUT labels integer[])
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    same bigint[];
    different bigint[];
BEGIN
    SELECT coalesce(array_agg(n.number) FILTER (WHERE v.same), '{}'), coalesce(array_agg(n.number) FILTER (WHERE NOT v.same), '{}')
    INTO same, different
    FROM (SELECT p.* FROM verdict_pair p WHERE p.a = ANY (scope) AND p.b = ANY (scope) ORDER BY p.a, p.b) v
    CROSS JOIN LATERAL (VALUES (1, v.a), (2, v.b)) AS n (side, number);
    SELECT c.numbers, c.labels INTO numbers, labels FROM link_cluster(scope, same, different) c;
END
$$;
COMMENT ON FUNCTION @extschema@.link_scope(bigint[]) IS 'Clusters of some records by the model in force and what people decided of them, as link_cluster has them.';
SELECT @extschema@.set_audience('link_scope(bigint[])', 'internal');

CREATE FUNCTION @extschema@.link_parted(numbers bigint[], labels integer[]) RETURNS bigint[]
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT coalesce(array_agg(p.record_no ORDER BY p.record_no), '{}')
        FROM (SELECT l.record_no, min(f.label) OVER w <> max(f.label) OVER w AS parted, row_number() OVER (PARTITION BY l.customer_id, f.label ORDER BY f.node) AS place
              FROM unnest(numbers, labels) WITH ORDINALITY AS f (record_no, label, node) JOIN record_link l USING (record_no)
              WINDOW w AS (PARTITION BY l.customer_id)) p
        WHERE p.parted AND p.place <= 8);
END
$$;
COMMENT ON FUNCTION @extschema@.link_parted(bigint[], integer[]) IS 'Of the customers that would be in several clusters some records in each: records of one customer are near the same others.';
SELECT @extschema@.set_audience('link_parted(bigint[], integer[])', 'internal');

CREATE FUNCTION @extschema@.link_again(seeds bigint[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    scope bigint[];
    parted bigint[];
    found pg_catalog.record;
    written pg_catalog.record;
BEGIN
    -- first of all: as long as nothing changed since the last run, nobody looks into link_key
    UPDATE link_model m SET changed = m.changed + cardinality(seeds) WHERE m.in_force;
    INSERT INTO link_key (record_no, keys) SELECT k.record_no, k.keys FROM link_keys(seeds) k
    ON CONFLICT (record_no) DO UPDATE SET keys = excluded.keys, noted_at = excluded.noted_at;
    DELETE FROM link_doubt d WHERE d.record_a = ANY (seeds) OR d.record_b = ANY (seeds);
    scope := link_reach(seeds);
    found := link_scope(scope);
    -- those whom a record left may go elsewhere without it
    parted := link_parted(found.numbers, found.labels);
    IF cardinality(parted) > 0 THEN
        found := link_scope(scope || link_reach(parted));
    END IF;
    written := write_links(found.numbers, found.labels, '{}');
    RETURN written.linked + written.moved + written.retired;
END
$$;
COMMENT ON FUNCTION @extschema@.link_again(bigint[]) IS 'Links some records again by the model in force; returns how much changed.';
SELECT @extschema@.set_audience('link_again(bigint[])', 'internal');

CREATE FUNCTION @extschema@.resolve_here() RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    covered bigint[];
    version bigint;
    keys pg_catalog.record;
    written pg_catalog.record;
BEGIN
    IF NOT resolve_try_begin() THEN
        RETURN 0; -- somebody else is at it
    END IF;
    covered := resolve_take(true);
    PERFORM resolve_compute_here();
    version := resolve_save(true);
    keys := resolve_index();
    written := resolve_switch(covered, version, keys.build, keys.key_bits, keys.begun_at);
    PERFORM resolve_tidy(), resolve_end();
    RETURN written.linked + written.moved + written.retired;
END
$$;
COMMENT ON FUNCTION @extschema@.resolve_here() IS 'A full run inside of one transaction, for few records; returns how much changed, 0 where another run is under way.';
SELECT @extschema@.set_audience('resolve_here()', 'internal');

-- As many as take a second or two; more are for resolve, which lets others work meanwhile.
CREATE FUNCTION @extschema@.resolve_here_limit() RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN 20000;
COMMENT ON FUNCTION @extschema@.resolve_here_limit() IS
    'Up to so many records resolve_pending makes a full run by itself where one is due; past it resolve has to be called.';

-- A model of few records is worth little once there are more of them. And one by one a fiftieth of all take about as long as a full run.
CREATE FUNCTION @extschema@.resolve_due(OUT due boolean, OUT here boolean, OUT many boolean)
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    present link_model;
BEGIN
    SELECT * INTO present FROM link_model m WHERE m.in_force;
    many := coalesce((SELECT count(*) FROM (SELECT FROM link_dirty d WHERE d.record_no IS NOT NULL LIMIT present.records / 50 + 1) d)
                     > present.records / 50, false);
    due := present.version IS NULL OR present.records <= 500 OR present.changed > present.records / 5 OR many
        OR EXISTS (SELECT FROM link_dirty d WHERE d.record_no IS NULL);
    here := due AND (SELECT count(*) FROM (SELECT FROM record_copy LIMIT resolve_here_limit() + 1) r) <= resolve_here_limit();
END
$$;
COMMENT ON FUNCTION @extschema@.resolve_due() IS
    'Whether a full run is due: nothing was linked yet, too much changed since (a fifth), there were few records (500), or so many wait '
    '(many: a fiftieth) that it is cheaper than to link them one by one; and whether resolve_pending may make it (here), or resolve '
    'has to be called.';
SELECT @extschema@.set_audience('resolve_due()', 'daemon');

CREATE FUNCTION @extschema@.resolve_wanted() RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT EXISTS (SELECT FROM record_copy)
       AND (SELECT d.due AND NOT d.here FROM resolve_due() d)
       AND NOT EXISTS (SELECT FROM filling f WHERE f.room = 'customer' AND f.state = 'filling')
       -- another run, a merge or an erasure: to wait for them would have everybody else wait, too
       AND NOT EXISTS (SELECT FROM pg_locks l
                       WHERE l.locktype = 'relation' AND l.relation = 'customer_registry'::regclass AND l.granted
                         AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
                         AND l.mode = ANY ('{RowExclusiveLock,ShareRowExclusiveLock,ExclusiveLock,AccessExclusiveLock}'))
       AND NOT EXISTS (SELECT FROM resolve_run r CROSS JOIN LATERAL resolve_progress_of(r.segment) p WHERE p.pid = r.pid)
$$;
COMMENT ON FUNCTION @extschema@.resolve_wanted() IS
    'For crmd: whether to CALL resolve() now: a full run is due (resolve_due), resolve_pending will not make it, no table is being '
    'filled, and neither another run nor a merge or an erasure is under way.';
SELECT @extschema@.set_audience('resolve_wanted()', 'daemon');

CREATE FUNCTION @extschema@.resolve_pending() RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off
AS $$
DECLARE
    changed bigint := 0;
    step bigint;
    seeds bigint[];
    plan pg_catalog.record;
BEGIN
    IF NOT EXISTS (SELECT FROM record_dirty d
                   WHERE NOT EXISTS (SELECT FROM filling f
                                     WHERE f.relation = d.relation AND f.room = 'customer' AND f.state <> 'ready'))
       AND NOT EXISTS (SELECT FROM link_dirty) AND NOT EXISTS (SELECT FROM customer_dirty) THEN
        RETURN 0;
    END IF;
    LOCK TABLE customer_registry IN SHARE ROW EXCLUSIVE MODE;
    changed := take_dirty();
    SELECT * INTO plan FROM resolve_due();
    IF NOT EXISTS (SELECT FROM link_dirty) THEN
        RETURN changed;
    ELSIF plan.here THEN
        RETURN greatest(changed, resolve_here());
    ELSIF plan.many OR NOT EXISTS (SELECT FROM link_model m WHERE m.in_force) THEN
        RETURN changed; -- resolve has to come first, and status says so
    END IF;
    LOOP
        WITH taken AS (
            DELETE FROM link_dirty d
            WHERE d.no IN (SELECT o.no FROM link_dirty o WHERE o.record_no IS NOT NULL ORDER BY o.no LIMIT 1000)
            RETURNING d.record_no)
        SELECT array_agg(DISTINCT t.record_no) INTO seeds FROM taken t;
        EXIT WHEN seeds IS NULL;
        step := link_again(seeds);
        changed := changed + step;
    END LOOP;
    RETURN changed;
END
$$;
COMMENT ON FUNCTION @extschema@.resolve_pending() IS
    'For crmd: reads rows on the list of changes again and links them, and what they touch, by the model in force. Returns how '
    'much changed; 0, after a look at three empty lists, where nothing waits. Where a full run is due (resolve_due) it makes one if there '
    'are at most resolve_here_limit() records; with more it goes on with the model that there is, and status says to call resolve.';
SELECT @extschema@.set_audience('resolve_pending()', 'daemon');

CREATE FUNCTION @extschema@.status_customer() RETURNS SETOF @extschema@.status_row
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT 'customer', 'records to be read again', CASE WHEN count(*) < 100000 THEN 'ok' ELSE 'warning' END, count(*), min(d.at),
           'changed since they were linked', CASE WHEN count(*) > 0 THEN 'SELECT @extschema@.resolve_pending();' END
    FROM record_dirty d
    UNION ALL
    SELECT 'customer', 'records to be linked again', CASE WHEN count(*) < 100000 THEN 'ok' ELSE 'warning' END, count(*), min(d.at),
           'came, changed, or belong to a customer that lost a record', CASE WHEN count(*) > 0 THEN 'SELECT @extschema@.resolve_pending();' END
    FROM link_dirty d WHERE d.record_no IS NOT NULL
    UNION ALL
    SELECT 'customer', 'customers that lost records', 'ok', count(*), min(d.at), 'retired where none is left, else linked again',
           'SELECT @extschema@.resolve_pending();'
    FROM customer_dirty d HAVING count(*) > 0
    UNION ALL
    SELECT 'customer', 'records without customer', 'ok', count(*), NULL, NULL,
           CASE WHEN count(*) > 0 THEN 'CALL @extschema@.resolve();' END
    FROM record r WHERE r.customer_id IS NULL
    UNION ALL
    SELECT 'customer', 'linking', CASE WHEN r.due AND NOT r.here THEN 'warning' ELSE 'ok' END, m.changed, m.resolved_at,
           CASE WHEN m.version IS NULL THEN 'nothing was linked yet'
                ELSE format('records linked since the last full run, of %s; until the next one their links may differ from what it '
                            'would give', m.records) END,
           CASE WHEN r.due AND NOT r.here THEN 'CALL @extschema@.resolve();' END
    FROM resolve_due() r LEFT JOIN link_model m ON m.in_force
    WHERE EXISTS (SELECT FROM record_copy)
    UNION ALL
    SELECT 'customer', 'linking is not sure', 'warning', (m.report->>'cluster_pairs')::bigint, m.fitted_at,
           format('pairs inside customers, where the model believes in %s: map more attributes', m.report->>'expected_pairs'),
           'SELECT * FROM @extschema@.match_queue;'
    FROM link_model m WHERE m.in_force AND linking_doubted(m.report)
    UNION ALL
    SELECT 'customer', format('mapping of %s, %s', d.relation, d.attribute), 'warning', d.amount, NULL,
           format('of %s values %s', d.records, d.doubt), format('SELECT * FROM @extschema@.suggest_adopt(%L);', d.relation::text)
    FROM mapping_doubts() d
    UNION ALL
    SELECT 'customer', 'unreadable values of ' || r.relation::text, 'ok', count(*), NULL,
           'e-mails and phones that are none, or phones without calling code and country',
           format('SELECT record_key, email, phone, country FROM @extschema@.record WHERE relation = %L::regclass AND '
                  '(email_key IS NULL AND email IS NOT NULL OR phone_key IS NULL AND phone IS NOT NULL);', r.relation::text)
    FROM record r
    WHERE r.email_key IS NULL AND r.email IS NOT NULL OR r.phone_key IS NULL AND r.phone IS NOT NULL
    GROUP BY r.relation
$$;
COMMENT ON FUNCTION @extschema@.status_customer() IS 'Rows of status: what waits to be linked, whether a full run is due, and values that cannot be read.';
SELECT @extschema@.set_audience('status_customer()', 'admin');
INSERT INTO @extschema@.status_source (function_name, room) VALUES ('status_customer', 'customer');
