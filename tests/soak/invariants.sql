-- What always holds, asked of a database that nobody writes to any more: docs/ and the tests name each invariant by its number. Each is a function
-- that returns a line for everything that is wrong, and nothing where all is well:
--   SELECT * FROM invariant.broken();              all of them, as (invariant, line)
--   SELECT * FROM invariant.i02_numbers();         one
-- No function of crm computes what is expected: numbers are counted from the tables by plain SQL, rights decided by tests/oracle/model.sql
-- (loaded before), tables compared with the journal that their own triggers wrote (tests/soak/world.sql). What crm says of itself is read as it
-- stands: mappings, definitions, the tables it keeps. Before it is called, what waits is to be done: invariant.settle().
-- The schema of the extension is crm.
\set ON_ERROR_STOP on
CREATE SCHEMA invariant;

-- Does what crmd would, until nothing waits.
CREATE PROCEDURE invariant.settle() LANGUAGE plpgsql AS $$
DECLARE
    done bigint;
BEGIN
    FOR i IN 1 .. 200 LOOP
        SELECT crm.resolve_pending() + crm.settle_transitions(100000) + crm.settle_clocks(100000) + crm.fold() INTO done;
        COMMIT;
        done := done + crm.pack_journeys();
        COMMIT;
        done := done + crm.count_unmapped_due();
        COMMIT;
        EXIT WHEN done = 0;
    END LOOP;
    IF done > 0 THEN
        RAISE EXCEPTION 'there is no end of what waits: % at the last time', done;
    END IF;
END
$$;

-- 1. Rows of teams' tables are what their own journal says, and nobody changed one who was not asked to.
CREATE TABLE invariant.may_write (who text PRIMARY KEY);
INSERT INTO invariant.may_write VALUES ('writer'), ('merger'), ('partitions'), ('psql');

CREATE FUNCTION invariant.i01_rows() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    each text;
BEGIN
    RETURN QUERY
    SELECT format('%s rows of %s were changed by %s', count(*), j.relation, j.who) FROM public.journal j
    WHERE j.who NOT IN (SELECT m.who FROM invariant.may_write m) GROUP BY j.relation, j.who;
    FOR each IN SELECT DISTINCT j.relation FROM public.journal j LOOP
        RETURN QUERY EXECUTE format($q$
            SELECT format('%%s: %%s times %%s by the journal', %1$L, n, line)
            FROM (SELECT line, sum(sign) AS n
                  FROM (SELECT j.came AS line, 1 AS sign FROM public.journal j WHERE j.relation = %1$L AND j.came IS NOT NULL
                        UNION ALL SELECT j.gone, -1 FROM public.journal j WHERE j.relation = %1$L AND j.gone IS NOT NULL
                        UNION ALL SELECT to_jsonb(t), -1 FROM public.%1$I t) s
                  GROUP BY line HAVING sum(sign) <> 0) d LIMIT 5$q$, each);
    END LOOP;
END
$$;

-- 2. Numbers. The rows of an adopted table as the standard attributes that its adoption names, read as docs/base.md says.
CREATE FUNCTION invariant.type_of(relation regclass, expression text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    type text;
BEGIN
    EXECUTE format('SELECT pg_typeof((SELECT %s FROM %s LIMIT 1))', expression, relation) INTO type;
    RETURN type;
END
$$;

CREATE FUNCTION invariant.attributes(relation regclass) RETURNS text LANGUAGE sql AS $$
    SELECT CASE relation
        WHEN 'crm.transition_log'::regclass THEN 'SELECT t.funnel, t.unit, t.to_stage AS stage, NULL AS campaign, NULL AS channel, NULL AS product, NULL AS owner,
            NULL AS segment, NULL AS currency, t.at, t.first_entry FROM crm.transition_log t'
        WHEN 'crm.record_clock'::regclass THEN 'SELECT c.*, NULL AS campaign, NULL AS currency FROM crm.record_clock c'
        ELSE (
            SELECT format('SELECT NULL::text AS funnel, %s FROM %s', string_agg(format('%s AS %I', CASE WHEN m.expression IS NULL THEN 'NULL::' || t.type
                                                             WHEN e.kind = 'time' AND invariant.type_of(a.relation, m.expression) IN ('date', 'timestamp without time zone')
                                                             THEN format('((%s)::timestamp AT TIME ZONE %L)', m.expression, a.zone)
                                                             ELSE format('(%s)::%s', m.expression, t.type) END, e.attribute), ', '), a.relation)
            FROM crm.adoption a
            JOIN (SELECT entity, attribute, kind FROM crm.entity_attribute
                  UNION SELECT x.entity, d, 'text' FROM crm.entity x, unnest('{unit,stage,campaign,channel,product,owner,segment,currency}'::text[]) d
                  WHERE NOT EXISTS (SELECT FROM crm.entity_attribute y WHERE y.entity = x.entity AND y.attribute = d)) e ON e.entity = a.entity
            LEFT JOIN crm.adoption_attribute m ON m.relation = a.relation AND m.attribute = e.attribute
            CROSS JOIN LATERAL (SELECT CASE e.kind WHEN 'time' THEN 'timestamptz' WHEN 'date' THEN 'date' WHEN 'number' THEN 'numeric' WHEN 'integer' THEN 'bigint'
                                                   WHEN 'boolean' THEN 'boolean' WHEN 'json' THEN 'jsonb' ELSE 'text' END AS type) t
            WHERE a.relation = attributes.relation GROUP BY a.relation, a.zone) END
$$;

-- What one component of one table must be, from its rows: a row for each day and set of dimensions; of counted values one for each value.
CREATE FUNCTION invariant.counted_by_sql(i crm.kpi_instance)
    RETURNS TABLE (day date, dims text, value text, rows numeric, sums numeric[]) LANGUAGE plpgsql AS $$
DECLARE
    counted text := substring(i.component FROM '\.(percentile|distinct)\.');
    cut text := format('CASE pg_typeof(%1$s)::text WHEN ''date'' THEN (%1$s)::text::date ELSE ((%1$s)::text::timestamptz AT TIME ZONE %2$L)::date END', i.day, i.zone);
    filter text := coalesce(i.filter, 'true');
BEGIN
    RETURN QUERY EXECUTE format($q$
        SELECT d.day, d.dims, d.value, count(*)::numeric, %1$s
        FROM (SELECT coalesce(%2$s, %3$s) AS day, concat_ws('|', coalesce(a.funnel, '~'), coalesce(a.unit, '~'), coalesce(a.stage, '~'), coalesce(a.campaign, '~'),
                        coalesce(a.channel, '~'), coalesce(a.product, '~'), coalesce(a.owner, '~'), coalesce(a.segment, '~'), coalesce(a.currency, '~')) AS dims,
                     %4$s AS value, a.*
              FROM (%5$s) a WHERE %7$s) d
        WHERE d.day IS NOT NULL AND (%6$L IS NULL OR d.value IS NOT NULL) GROUP BY 1, 2, 3$q$,
        'ARRAY[' || coalesce((SELECT string_agg(format('coalesce(sum(%s), 0)', coalesce(s, 'NULL::numeric')), ', ' ORDER BY n) FROM unnest(i.sums) WITH ORDINALITY u (s, n) WHERE counted IS NULL), '') || ']::numeric[]',
        cut, CASE i.undated WHEN 'beginning' THEN '''-infinity''::date' ELSE 'NULL' END,
        CASE counted WHEN 'percentile' THEN format('trim_scale((%s)::numeric)::text', i.sums[1]) WHEN 'distinct' THEN format('md5((%s)::text)', i.sums[1]) ELSE 'NULL::text' END,
        invariant.attributes(i.relation), counted, filter);
END
$$;

-- The same as crm has it, pending changes included. What is told apart is kept as a hash only: it is compared by that.
CREATE FUNCTION invariant.counted_by_crm(i crm.kpi_instance)
    RETURNS TABLE (day date, dims text, value text, rows numeric, sums numeric[]) LANGUAGE plpgsql AS $$
DECLARE
    counted text := substring(i.component FROM '\.(percentile|distinct)\.');
BEGIN
    IF counted IS NULL THEN
        RETURN QUERY
        SELECT c.day, concat_ws('|', coalesce(c.funnel, '~'), coalesce(c.unit, '~'), coalesce(c.stage, '~'), coalesce(c.campaign, '~'), coalesce(c.channel, '~'),
                                coalesce(c.product, '~'), coalesce(c.owner, '~'), coalesce(c.segment, '~'), coalesce(c.currency, '~')), NULL::text,
               sum(c.rows), (ARRAY[coalesce(sum(c.s1), 0), coalesce(sum(c.s2), 0), coalesce(sum(c.s3), 0), coalesce(sum(c.s4), 0)])[1 : cardinality(i.sums)]
        FROM crm.kpi_cell c WHERE c.instance = i.instance GROUP BY 1, 2
        HAVING sum(c.rows) <> 0 OR sum(c.invalid) <> 0 OR sum(c.s1) <> 0 OR sum(c.s2) <> 0 OR sum(c.s3) <> 0 OR sum(c.s4) <> 0;
    ELSE
        RETURN QUERY
        SELECT c.day, concat_ws('|', coalesce(c.funnel, '~'), coalesce(c.unit, '~'), coalesce(c.stage, '~'), coalesce(c.campaign, '~'), coalesce(c.channel, '~'),
                                coalesce(c.product, '~'), coalesce(c.owner, '~'), coalesce(c.segment, '~'), coalesce(c.currency, '~')),
               CASE counted WHEN 'percentile' THEN trim_scale(crm.counted_number(e.value))::text ELSE coalesce(w.md5, 'unknown ' || e.value::text) END, sum(e.rows), '{}'::numeric[]
        FROM crm.kpi_value_cell c CROSS JOIN LATERAL crm.counted_entries(c.piece) e
        LEFT JOIN pg_temp.invariant_word w ON w.hash = e.value
        WHERE c.instance = i.instance GROUP BY 1, 2, 3 HAVING sum(e.rows) <> 0;
    END IF;
END
$$;

CREATE FUNCTION invariant.i02_numbers() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    i crm.kpi_instance;
BEGIN
    CREATE TEMP TABLE IF NOT EXISTS invariant_word (md5 text, hash bytea);
    FOR i IN SELECT k.* FROM crm.kpi_instance k WHERE k.state = 'ready' ORDER BY k.instance LOOP
        TRUNCATE invariant_word;
        IF i.component LIKE '%.distinct.%' THEN
            EXECUTE format('INSERT INTO pg_temp.invariant_word SELECT DISTINCT md5((%1$s)::text), crm.value_hash((%1$s)::text) FROM (%2$s) a WHERE %1$s IS NOT NULL', i.sums[1],
                           invariant.attributes(i.relation));
        END IF;
        RETURN QUERY
        WITH by_sql AS MATERIALIZED (SELECT * FROM invariant.counted_by_sql(i)), by_crm AS MATERIALIZED (SELECT * FROM invariant.counted_by_crm(i)),
        wrong AS (SELECT 'by the table' AS whose, t.* FROM (TABLE by_sql EXCEPT ALL TABLE by_crm) t
                  UNION ALL SELECT 'by crm', c.* FROM (TABLE by_crm EXCEPT ALL TABLE by_sql) c)
        SELECT format('%s of %s, %s: %s', i.component, i.relation, w.whose, (w.day, w.dims, w.value, w.rows, w.sums)) FROM wrong w ORDER BY 1 LIMIT 5;
        IF NOT EXISTS (SELECT FROM invariant.counted_by_sql(i)) THEN
            RAISE NOTICE '% of % has no rows', i.component, i.relation;
        END IF;
    END LOOP;
END
$$;

-- 2. Journeys, packed or not, are the history; the history of a record ends with the stage that its row has, and no record is missing.
CREATE FUNCTION invariant.i02_journeys() RETURNS SETOF text LANGUAGE sql AS $$
    WITH history AS MATERIALIZED (
        SELECT t.funnel, t.subject, array_agg(s.position || '@' || t.at ORDER BY t.at, t.sequence, s.position) AS events, array_agg(DISTINCT t.unit) AS units
        FROM (SELECT l.*, CASE WHEN f.subject <> 'customer' THEN l.relation::oid || ' ' || l.record_key
                               WHEN l.anonymous_id IS NOT NULL AND l.customer_key IS NULL
                               THEN coalesce((SELECT 'customer ' || k.customer_id FROM crm.identification i JOIN crm.record_link k USING (record_no)
                                              WHERE i.anonymous_id = l.anonymous_id ORDER BY i.at, i.identification LIMIT 1), 'visitor ' || l.anonymous_id)
                               ELSE coalesce((SELECT 'customer ' || k.customer_id FROM crm.record_copy c JOIN crm.record_link k USING (record_no)
                                              WHERE c.relation = coalesce(l.customer_relation, l.relation) AND c.record_key = coalesce(l.customer_key, l.record_key)),
                                             coalesce(l.customer_relation, l.relation)::oid || ' ' || coalesce(l.customer_key, l.record_key)) END AS subject
              FROM crm.transition_log l JOIN crm.funnel f ON f.funnel = l.funnel) t
        JOIN crm.funnel_stage s ON s.funnel = t.funnel AND s.stage = t.to_stage
        WHERE t.at IS NOT NULL GROUP BY 1, 2),
    kept AS MATERIALIZED (
        SELECT k.funnel, k.subject, (SELECT array_agg(e.position || '@' || e.at ORDER BY e.n) FROM crm.journey_events(k.journey) WITH ORDINALITY e (at, position, n)) AS events,
               (SELECT array_agg(x ORDER BY x) FROM unnest(u.units) x) AS units
        FROM crm.journey_kept k JOIN crm.journey_units u USING (units_no))
    SELECT format('journey of %s in %s: kept %s, history %s', subject, funnel, k.events, h.events)
    FROM history h FULL JOIN kept k USING (funnel, subject) WHERE (k.events, k.units) IS DISTINCT FROM (h.events, h.units) AND funnel IN (SELECT s.funnel FROM crm.journey_state s WHERE s.ready)
$$;

CREATE FUNCTION invariant.i02_history() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    t record;
BEGIN
    FOR t IN SELECT k.*, invariant.attributes(k.relation) AS rows FROM crm.tracking k WHERE k.source IN ('column', 'record') OR NOT k.source LIKE 'event%' ORDER BY k.relation LOOP
        RETURN QUERY EXECUTE format($q$
            WITH latest AS (
                SELECT DISTINCT ON (l.record_key) l.record_key, l.to_stage, l.value FROM crm.transition_log l WHERE l.relation = %1$L::regclass AND l.funnel = %2$L
                ORDER BY l.record_key, l.sequence DESC, l.id DESC),
            present AS (SELECT a.id::text AS record_key, a.stage FROM (%3$s) a WHERE a.stage IS NOT NULL)
            SELECT format('%%s %%s: in stage %%s, by the history %%s', %1$L, record_key, p.stage, l.to_stage)
            FROM present p FULL JOIN latest l USING (record_key)
            WHERE l.to_stage IS DISTINCT FROM p.stage AND (l.value IS DISTINCT FROM p.stage OR p.stage IS NULL) LIMIT 5$q$, t.relation, t.funnel, t.rows);
    END LOOP;
END
$$;

-- 2. Clocks of tickets run from when they were opened to when they were resolved.
CREATE FUNCTION invariant.i02_clocks() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    a record;
BEGIN
    FOR a IN SELECT x.relation, invariant.attributes(x.relation) AS rows FROM crm.adoption x WHERE x.entity = 'ticket' LOOP
        RETURN QUERY EXECUTE format($q$
            WITH row AS (SELECT t.id::text AS record_key, coalesce(t.opened_at, t.created_at) AS began, t.resolved_at, t.unit, t.owner, t.stage FROM (%2$s) t
                         WHERE coalesce(t.opened_at, t.created_at) IS NOT NULL),
                 clock AS (SELECT c.* FROM crm.record_clock c WHERE c.relation = %1$L::regclass AND c.clock = 'resolution')
            SELECT format('clock of %%s %%s: %%s, by the row %%s', %1$L, record_key, (c.started_at, c.stopped_at, c.unit, c.owner, c.stage), (r.began, r.resolved_at, r.unit, r.owner, r.stage))
            FROM row r FULL JOIN clock c USING (record_key)
            WHERE (c.started_at, c.stopped_at, c.unit, c.owner, c.stage) IS DISTINCT FROM (r.began, r.resolved_at, r.unit, r.owner, r.stage) LIMIT 5$q$, a.relation, a.rows);
    END LOOP;
END
$$;

-- 3. Merging rows of a table of customers and taking it back leaves every row as it was, whatever came before. Nothing stays of it.
CREATE FUNCTION invariant.rows_of_teams() RETURNS TABLE (relation text, line text) LANGUAGE plpgsql AS $$
DECLARE
    each regclass;
BEGIN
    FOR each IN SELECT a.relation FROM crm.adoption a LOOP
        RETURN QUERY EXECUTE format('SELECT %L, t::text FROM %s t', each, each);
    END LOOP;
END
$$;

CREATE FUNCTION invariant.i03_merge(times integer DEFAULT 5) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    merged bigint[] := '{}';
    each record;
    lines text[];
BEGIN
    BEGIN
        CREATE TEMP TABLE before_merging ON COMMIT DROP AS SELECT * FROM invariant.rows_of_teams();
        FOR each IN SELECT a.relation, c.record_key, lead(c.record_key) OVER (PARTITION BY a.relation ORDER BY md5(c.record_key)) AS other
                    FROM crm.adoption a JOIN crm.record_copy c ON c.relation = a.relation WHERE a.entity = 'customer' ORDER BY md5(c.record_key || 'x') LIMIT times LOOP
            CONTINUE WHEN each.other IS NULL OR EXISTS (SELECT FROM crm.merge_change m JOIN crm.row_merge w USING (merge_id)
                                                        WHERE w.merge_id = ANY (merged) AND m.row_key IN (each.record_key, each.other));
            merged := merged || crm.merge(each.relation, each.record_key, ARRAY[each.other], 'invariant');
        END LOOP;
        IF merged = '{}' THEN
            lines := lines || 'there was nothing to merge'::text;
        END IF;
        IF NOT EXISTS (TABLE before_merging EXCEPT ALL SELECT * FROM invariant.rows_of_teams()) THEN
            lines := lines || 'merging changed nothing'::text;
        END IF;
        PERFORM crm.unmerge(m) FROM unnest(merged) WITH ORDINALITY u (m, n) ORDER BY n DESC;
        lines := lines || ARRAY(SELECT 'lost: ' || d FROM (TABLE before_merging EXCEPT ALL SELECT * FROM invariant.rows_of_teams()) d
                                UNION ALL SELECT 'more: ' || d FROM (SELECT * FROM invariant.rows_of_teams() EXCEPT ALL TABLE before_merging) d LIMIT 5);
        RAISE EXCEPTION SQLSTATE 'IN000';
    EXCEPTION WHEN SQLSTATE 'IN000' THEN NULL;
    END;
    RETURN QUERY SELECT l FROM unnest(lines) l;
END
$$;

-- 4. Everybody sees the rows of protected tables, and the numbers, that the slow model grants.
CREATE FUNCTION invariant.asked_as(role_name text, query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    printed text;
BEGIN
    PERFORM set_config('role', role_name, true);
    EXECUTE query INTO printed;
    PERFORM set_config('role', 'none', true);
    RETURN printed;
EXCEPTION WHEN OTHERS THEN
    PERFORM set_config('role', 'none', true);
    RETURN SQLSTATE;
END
$$;

CREATE FUNCTION invariant.i04_rights() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    subject oracle.subject;
    asker record;
    keys text[];
    images jsonb;
    foretold text;
    seen text;
BEGIN
    IF NOT EXISTS (SELECT FROM oracle.subject) THEN
        RAISE EXCEPTION 'no table is in oracle.subject: there would be nothing to compare';
    END IF;
    FOR subject IN SELECT * FROM oracle.subject LOOP
        EXECUTE format('SELECT array_agg(%1$I::text ORDER BY %1$I), jsonb_agg(to_jsonb(t) ORDER BY %1$I) FROM %2$s t', subject.key_column, subject.relation) INTO keys, images;
        FOR asker IN SELECT p.principal, p.role_name FROM crm.principal p WHERE p.role_name IS NOT NULL ORDER BY 1 LOOP
            foretold := (SELECT md5(string_agg(k, ',' ORDER BY k COLLATE "C"))
                         FROM (SELECT keys[x.number] AS k FROM oracle.passing(asker.principal, subject.relation, '{read}', images, statement_timestamp()) x) y);
            seen := invariant.asked_as(asker.role_name, format('SELECT md5(string_agg(%I::text, '','' ORDER BY %1$I::text COLLATE "C")) FROM %s', subject.key_column, subject.relation));
            IF seen IS DISTINCT FROM foretold THEN
                RETURN NEXT format('%s sees other rows of %s than the model grants (%s, %s)', asker.principal, subject.relation, seen, foretold);
            END IF;
        END LOOP;
    END LOOP;
END
$$;

-- The number of a KPI that is a count of rows of one table, by units: those whose totals the model grants, counted from the table.
CREATE FUNCTION invariant.i04_numbers() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    asker record;
    source text := (SELECT string_agg('SELECT unit FROM (' || invariant.attributes(a.relation) || ') a WHERE closed_at IS NOT NULL AND stage = ''won''', ' UNION ALL ')
                    FROM crm.adoption a WHERE a.entity = 'opportunity');
    foretold text;
    seen text;
BEGIN
    FOR asker IN SELECT p.principal, p.role_name FROM crm.principal p WHERE p.role_name IS NOT NULL ORDER BY 1 LOOP
        EXECUTE format($q$
            WITH won AS (SELECT coalesce(m.unit, (SELECT u.unit FROM crm.unit u WHERE u.parent IS NULL)) AS unit
                         FROM (%s) r LEFT JOIN oracle.unit_meaning m ON m.hierarchy = 'organisation' AND m.value = r.unit)
            SELECT coalesce(string_agg(unit || ' ' || n, ', ' ORDER BY unit COLLATE "C"), '')
            FROM (SELECT unit, count(*) AS n FROM won WHERE unit IN (SELECT r.unit FROM oracle.reached(%L, 'kpi', statement_timestamp()) r WHERE r.privilege = 'total') GROUP BY unit) x$q$,
            source, asker.principal) INTO foretold;
        seen := invariant.asked_as(asker.role_name, $q$SELECT coalesce(string_agg(unit_key || ' ' || n, ', ' ORDER BY unit_key COLLATE "C"), '')
            FROM (SELECT unit_key, sum(numerator)::bigint AS n FROM crm_bi.kpi_value WHERE kpi_key = 'won_count' AND day IS NOT NULL GROUP BY 1 HAVING sum(numerator) <> 0) x$q$);
        IF seen IS DISTINCT FROM foretold AND NOT (seen = '42501' AND foretold = '') THEN
            RETURN NEXT format('%s reads won_count as %s, the model grants %s', asker.principal, seen, foretold);
        END IF;
    END LOOP;
END
$$;

-- 5. Whoever has lost the right to a number is not sent it: of what was delivered one message for each audience is queued again, the right taken
-- away, and then claimed. Nothing stays of it.
CREATE FUNCTION invariant.i05_alerts() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    lines text[] := ARRAY(SELECT format('%s has no right at all, and message %s was written to it', m.audience, m.message_id)
                          FROM (SELECT q.audience, q.message_id FROM crm.delivery_queue q UNION ALL SELECT h.audience, h.message_id FROM crm.delivery_history h) m
                          WHERE NOT EXISTS (SELECT FROM crm.membership s WHERE s.principal = m.audience) AND NOT EXISTS (SELECT FROM crm.team_member t WHERE t.principal = m.audience)
                            AND m.audience = 'mute' LIMIT 5);
    again bigint[];
    asked integer;
BEGIN
    BEGIN
        UPDATE crm.endpoint_state SET paused_until = NULL, paid_until = NULL;
        DELETE FROM crm.delivery_queue;
        again := ARRAY(SELECT DISTINCT ON (h.audience) h.id FROM crm.delivery_history h WHERE h.state = 'delivered' AND h.alert IS NOT NULL ORDER BY h.audience, h.id DESC);
        PERFORM crm.replay_delivery(a) FROM unnest(again) a;
        INSERT INTO crm.denial (principal, object, privilege, unit, denied_by)
        SELECT DISTINCT q.audience, 'kpi', 'total', (SELECT u.unit FROM crm.unit u WHERE u.parent IS NULL), 'invariant' FROM crm.delivery_queue q;
        SELECT count(*) INTO asked FROM crm.claim_deliveries('invariant', 1000, '1 minute');
        IF asked > 0 THEN
            lines := lines || format('%s messages are claimed for audiences that have no right any more', asked);
        END IF;
        lines := lines || ARRAY(SELECT format('message %s is %s, not cancelled', h.message_id, h.state) FROM crm.delivery_history h WHERE h.id = ANY (again) AND h.state <> 'cancelled');
        RAISE EXCEPTION SQLSTATE 'IN000';
    EXCEPTION WHEN SQLSTATE 'IN000' THEN NULL;
    END;
    RETURN QUERY SELECT l FROM unnest(lines) l;
END
$$;

-- 6. Every message that was written waits or has one end, under the id that it began with; and nothing waits any more.
CREATE FUNCTION invariant.i06_deliveries() RETURNS SETOF text LANGUAGE sql AS $$
    WITH place AS (
        SELECT q.id, q.message_id, 'waits' AS state FROM crm.delivery_queue q
        UNION ALL SELECT h.id, h.message_id, h.state FROM crm.delivery_history h)
    SELECT format('message %s: %s', coalesce(w.message_id, p.message_id), CASE WHEN p.id IS NULL THEN 'is lost' WHEN w.id IS NULL THEN 'was never written'
                                                                              ELSE 'is also called ' || p.message_id END)
    FROM public.message_written w FULL JOIN place p ON p.id = w.id WHERE w.id IS NULL OR p.id IS NULL OR w.message_id <> p.message_id
    UNION ALL SELECT format('message %s has %s ends', p.id, count(*)) FROM place p GROUP BY p.id HAVING count(*) > 1
    UNION ALL SELECT format('message %s waits, %s', q.id, q.state) FROM crm.delivery_queue q
    UNION ALL SELECT format('a notice of alert %s waits', n.alert) FROM crm.waiting_notice n WHERE n.due_at < now()
    UNION ALL SELECT format('attempt %s of message %s, which is not there', a.attempt, a.delivery) FROM crm.delivery_attempt a WHERE NOT EXISTS (SELECT FROM place p WHERE p.id = a.delivery)
$$;

-- 8. What a dump has to give back: one line for each table that is dumped, with what its rows add up to.
CREATE FUNCTION invariant.contents() RETURNS TABLE (relation text, rows bigint, digest text) LANGUAGE plpgsql AS $$
DECLARE
    each record;
BEGIN
    FOR each IN SELECT c.oid::regclass AS name, c.relname, x.condition FROM pg_extension e, unnest(e.extconfig, e.extcondition) x (class, condition) JOIN pg_class c ON c.oid = x.class
                WHERE e.extname = 'crm' AND c.relkind = 'r' AND c.relname <> 'clock_touched' -- notes of what is to be made anew: a restore adds its own
                UNION ALL SELECT a.relation, c.relname, '' FROM crm.adoption a JOIN pg_class c ON c.oid = a.relation ORDER BY relname LOOP
        RETURN QUERY EXECUTE format('SELECT %L, count(*), md5(string_agg(md5(%I.*::text), '''' ORDER BY md5(%2$I.*::text))) FROM %s %s', each.name, each.relname, each.name, each.condition);
    END LOOP;
END
$$;

-- 9. Which records are one customer, by the names that their tables give them.
CREATE FUNCTION invariant.clusters() RETURNS SETOF text LANGUAGE sql AS $$
    SELECT string_agg(c.relation || ' ' || c.record_key, ', ' ORDER BY c.relation::text, c.record_key COLLATE "C") FROM crm.record_copy c JOIN crm.record_link l USING (record_no)
    GROUP BY l.customer_id
$$;

-- 11. What waits is done, nothing is being filled for ever, paused or broken, and nothing empty is kept.
CREATE FUNCTION invariant.i11_growth() RETURNS SETOF text LANGUAGE sql AS $$
    SELECT format('%s of %s is %s: %s', f.room, f.relation, f.state, f.error) FROM crm.filling f WHERE f.state <> 'ready'
    UNION ALL SELECT format('%s of %s is %s', i.component, i.relation, i.state) FROM crm.kpi_captured i WHERE i.state <> 'ready' OR NOT i.is_read
    UNION ALL SELECT format('%s: %s rows wait', w.name, w.n)
    FROM (SELECT 'kpi_pending' AS name, count(*) AS n FROM crm.kpi_pending UNION ALL SELECT 'journey_touched', count(*) FROM crm.journey_touched
          UNION ALL SELECT 'clock_touched', count(*) FROM crm.clock_touched UNION ALL SELECT 'record_dirty', count(*) FROM crm.record_dirty
          UNION ALL SELECT 'link_dirty', count(*) FROM crm.link_dirty UNION ALL SELECT 'customer_dirty', count(*) FROM crm.customer_dirty UNION ALL SELECT 'kpi_broken', count(*) FROM crm.kpi_broken UNION ALL SELECT 'clock_broken', count(*) FROM crm.clock_broken
          UNION ALL SELECT 'clock_paused', count(*) FROM crm.clock_paused UNION ALL SELECT 'resolve_run', count(*) FROM crm.resolve_run
          UNION ALL SELECT 'kpi_retired', count(*) FROM crm.kpi_retired UNION ALL SELECT 'journeys not ready', count(*) FROM crm.journey_state s WHERE NOT s.ready) w WHERE w.n > 0
    UNION ALL SELECT format('%s empty groups in kpi_rollup', count(*)) FROM crm.kpi_rollup r
              WHERE r.rows = 0 AND r.invalid = 0 AND coalesce(r.s1, 0) = 0 AND coalesce(r.s2, 0) = 0 AND coalesce(r.s3, 0) = 0 AND coalesce(r.s4, 0) = 0 HAVING count(*) > 0
    UNION ALL SELECT format('%s: %s, %s', s.item, s.state, s.detail) FROM crm.status s WHERE s.state NOT IN ('ok', 'warning', 'waiting', 'info')
$$;

-- Nothing refers to what is gone. (What foreign keys say the server keeps.)
CREATE FUNCTION invariant.orphans() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    each record;
    missing bigint;
BEGIN
    FOR each IN SELECT * FROM (VALUES
        ('links of records', 'crm.record_link l WHERE NOT EXISTS (SELECT FROM crm.record_copy c WHERE c.record_no = l.record_no)'),
        ('records without customer', 'crm.record_copy c WHERE NOT EXISTS (SELECT FROM crm.record_link l WHERE l.record_no = c.record_no)'),
        ('links to customers', 'crm.record_link l WHERE NOT EXISTS (SELECT FROM crm.customer_registry r WHERE r.customer_id = l.customer_id AND r.retired_at IS NULL)'),
        ('customers without records', 'crm.customer_registry r WHERE r.retired_at IS NULL AND NOT EXISTS (SELECT FROM crm.record_link l WHERE l.customer_id = r.customer_id)'),
        ('redirects of customers', 'crm.customer_registry r WHERE r.redirect_to IS NOT NULL AND NOT EXISTS (SELECT FROM crm.customer_registry o WHERE o.customer_id = r.redirect_to)'),
        ('keys of records', 'crm.link_key k WHERE NOT EXISTS (SELECT FROM crm.record_copy c WHERE c.record_no = k.record_no)'),
        ('identifications', 'crm.identification i WHERE NOT EXISTS (SELECT FROM crm.record_copy c WHERE c.record_no = i.record_no)'),
        ('changes of merges', 'crm.merge_change m WHERE NOT EXISTS (SELECT FROM crm.row_merge r WHERE r.merge_id = m.merge_id)'),
        ('dimensions', 'crm.kpi_dims d WHERE NOT EXISTS (SELECT FROM crm.kpi_rollup r WHERE r.dims = d.dims) AND NOT EXISTS (SELECT FROM crm.kpi_counted r WHERE r.dims = d.dims) AND false'),
        ('groups without dimensions', 'crm.kpi_rollup r WHERE NOT EXISTS (SELECT FROM crm.kpi_dims d WHERE d.dims = r.dims)'),
        ('counted values without dimensions', 'crm.kpi_counted r WHERE NOT EXISTS (SELECT FROM crm.kpi_dims d WHERE d.dims = r.dims)'),
        ('groups of no component', 'crm.kpi_rollup r WHERE NOT EXISTS (SELECT FROM crm.kpi_captured i WHERE i.instance = r.instance)'),
        ('counted values of no component', 'crm.kpi_counted r WHERE NOT EXISTS (SELECT FROM crm.kpi_captured i WHERE i.instance = r.instance)'),
        ('histories of dropped tables', 'crm.transition_log t WHERE NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = t.relation)'),
        ('states of rules', 'crm.rule_state s WHERE s.alert IS NOT NULL AND NOT EXISTS (SELECT FROM crm.alert_log l WHERE l.id = s.alert)'),
        ('open alerts that no rule holds', 'crm.alert_log l WHERE l.resolved_at IS NULL AND NOT EXISTS (SELECT FROM crm.rule_state s WHERE s.alert = l.id)'),
        ('messages about no alert', 'crm.alert_told t WHERE NOT EXISTS (SELECT FROM crm.alert_log l WHERE l.id = t.alert)')) AS o (what, rows)
    LOOP
        EXECUTE 'SELECT count(*) FROM ' || each.rows INTO missing;
        IF missing > 0 THEN
            RETURN NEXT format('%s: %s lead nowhere', each.what, missing);
        END IF;
    END LOOP;
    -- records are those of the adopted tables
    FOR each IN SELECT a.relation, invariant.attributes(a.relation) AS rows FROM crm.adoption a WHERE a.entity IN ('customer', 'lead') LOOP
        RETURN QUERY EXECUTE format('SELECT format(''record %%s of %%s: %%s'', record_key, %1$L, CASE WHEN t.record_key IS NULL THEN ''its row is gone'' ELSE ''it is not registered'' END)
            FROM (SELECT a.id::text AS record_key FROM (%2$s) a) t FULL JOIN (SELECT c.record_key FROM crm.record_copy c WHERE c.relation = %1$L::regclass) c USING (record_key)
            WHERE t.record_key IS NULL OR c.record_key IS NULL LIMIT 5', each.relation, each.rows);
    END LOOP;
END
$$;

CREATE FUNCTION invariant.names() RETURNS SETOF text LANGUAGE sql STABLE AS $$
    SELECT p.proname::text FROM pg_proc p WHERE p.pronamespace = 'invariant'::regnamespace AND (p.proname ~ '^i[0-9][0-9]_' OR p.proname = 'orphans') ORDER BY 1
$$;

CREATE FUNCTION invariant.broken(which text[] DEFAULT NULL) RETURNS TABLE (invariant text, line text) LANGUAGE plpgsql AS $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT n FROM invariant.names() n WHERE which IS NULL OR n = ANY (which) LOOP
        RETURN QUERY EXECUTE format('SELECT %L::text, l FROM invariant.%I() l', name, name);
    END LOOP;
END
$$;
