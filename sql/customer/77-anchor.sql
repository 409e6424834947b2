-- What people said of records outlives the table: it may be dropped and made again, as a restore of the one table does. What is said by
-- key is kept by the table's name while there is no table, and comes back when a table of that name is adopted.

CREATE TABLE @extschema@.parked_record (
    relation regclass,
    relation_name text,
    source text NOT NULL,
    record_key text COLLATE "C" NOT NULL,
    content jsonb NOT NULL,
    parked_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CHECK (pg_catalog.num_nonnulls(relation, relation_name) OPERATOR(pg_catalog.=) 1)
);
CREATE INDEX parked_record_name ON @extschema@.parked_record (relation_name);
COMMENT ON TABLE @extschema@.parked_record IS
'Consents, restrictions, verdicts, merged keys, released records, golden values and visitors of records that are not there: of tables '
'that were dropped by name, of tables that are not adopted by table. source is the table that content comes from.';
SELECT pg_catalog.pg_extension_config_dump('@extschema@.parked_record', '');

-- Golden values and visitors hang on the number of a record, which is given anew; those that no other record of the customer inherits wait.
CREATE FUNCTION @extschema@.park_values(relation regclass) RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    WITH alone AS MATERIALIZED (
        SELECT c.record_no, c.record_key FROM record_copy c LEFT JOIN record_link l USING (record_no)
        WHERE c.relation = $1
          AND NOT EXISTS (SELECT FROM record_link o JOIN record_copy x USING (record_no)
                          WHERE o.customer_id = l.customer_id AND x.relation <> $1))
    INSERT INTO parked_record (relation, source, record_key, content)
    SELECT $1, 'golden_value', a.record_key, to_jsonb(g) - 'record_no' FROM golden_value g JOIN alone a USING (record_no)
    UNION ALL
    SELECT $1, 'identification', a.record_key, to_jsonb(i) - 'record_no' - 'identification' FROM identification i JOIN alone a USING (record_no)
$$;
COMMENT ON FUNCTION @extschema@.park_values(regclass) IS
'Before the records of a table are forgotten: keeps golden values that people set, and visitors, of customers who have no other record.';
SELECT @extschema@.set_audience('park_values(regclass)', 'internal');

CREATE FUNCTION @extschema@.restore_values(relation regclass) RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    WITH back AS (
        DELETE FROM parked_record p USING record_copy c
        WHERE p.relation = $1 AND p.source IN ('golden_value', 'identification') AND c.relation = $1 AND c.record_key = p.record_key
          AND NOT EXISTS (SELECT FROM suppressed_record s WHERE s.relation = $1 AND s.record_key = p.record_key)
        RETURNING p.source, p.content || jsonb_build_object('record_no', c.record_no) AS content),
    golden AS (
        INSERT INTO golden_value (record_no, attribute, value, reason, set_at, set_by)
        SELECT g.record_no, g.attribute, g.value, g.reason, g.set_at, g.set_by
        FROM back b, jsonb_populate_record(NULL::golden_value, b.content) g WHERE b.source = 'golden_value' ON CONFLICT DO NOTHING)
    INSERT INTO identification (anonymous_id, at, record_no, identified_at, identified_by)
    SELECT i.anonymous_id, i.at, i.record_no, i.identified_at, i.identified_by
    FROM back b, jsonb_populate_record(NULL::identification, b.content) i WHERE b.source = 'identification' ON CONFLICT DO NOTHING
$$;
COMMENT ON FUNCTION @extschema@.restore_values(regclass) IS 'Once the records of a table are read: gives back what park_values kept.';
SELECT @extschema@.set_audience('restore_values(regclass)', 'internal');

CREATE FUNCTION @extschema@.park_dropped(relation oid, relation_name text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
BEGIN
    UPDATE parked_record p SET relation = NULL, relation_name = $2 WHERE p.relation = $1;
    INSERT INTO parked_record (relation_name, source, record_key, content)
    SELECT $2, 'consent_entry', e.record_key, jsonb_build_object('entry', e.entry) FROM consent_entry e WHERE e.relation = $1 AND e.record_key IS NOT NULL;
    UPDATE consent_entry e SET relation = NULL, record_key = NULL WHERE e.relation = $1;
    WITH gone AS (DELETE FROM consent_cover c WHERE c.relation = $1 RETURNING c.*)
    INSERT INTO parked_record (relation_name, source, record_key, content)
    SELECT $2, 'consent_cover', g.record_key, jsonb_build_object('entry', g.entry) FROM gone g;
    WITH gone AS (DELETE FROM restricted_record c WHERE c.relation = $1 RETURNING c.*)
    INSERT INTO parked_record (relation_name, source, record_key, content)
    SELECT $2, 'restricted_record', g.record_key, jsonb_build_object('restriction_id', g.restriction_id) FROM gone g;
    WITH gone AS (DELETE FROM merged_record m WHERE m.relation = $1 RETURNING m.*)
    INSERT INTO parked_record (relation_name, source, record_key, content)
    SELECT $2, 'merged_record', g.record_key, jsonb_build_object('keep_key', g.keep_key, 'upto', g.upto) FROM gone g;
    WITH gone AS (DELETE FROM released_record x WHERE x.relation = $1 RETURNING x.*)
    INSERT INTO parked_record (relation_name, source, record_key, content)
    SELECT $2, 'released_record', g.record_key, to_jsonb(g) - 'relation' - 'record_key' FROM gone g;
    WITH gone AS (DELETE FROM verdict v WHERE $1 IN (v.relation_a, v.relation_b) RETURNING v.*)
    INSERT INTO parked_record (relation_name, source, record_key, content)
    SELECT $2, 'verdict', CASE WHEN g.relation_a = $1 THEN g.key_a ELSE g.key_b END,
           to_jsonb(g) || jsonb_build_object('relation_a', CASE WHEN g.relation_a = $1 THEN $2 ELSE coalesce(table_name(g.relation_a), g.relation_a::oid::text) END,
                                             'relation_b', CASE WHEN g.relation_b = $1 THEN $2 ELSE coalesce(table_name(g.relation_b), g.relation_b::oid::text) END)
    FROM gone g;
    -- of tables that are dropped together the second had no name any more when the first was parked
    UPDATE parked_record p SET content = p.content || jsonb_build_object(side, $2)
    FROM unnest('{relation_a,relation_b}'::text[]) side WHERE p.source = 'verdict' AND p.content ->> side = $1::text;
    DELETE FROM consent_problem p WHERE p.relation = $1;
    DELETE FROM suppressed_record s WHERE s.relation = $1;
END
$$;
COMMENT ON FUNCTION @extschema@.park_dropped(oid, text) IS 'A table is gone: what is kept by its records'' keys is kept by its name.';
SELECT @extschema@.set_audience('park_dropped(oid, text)', 'internal');

CREATE FUNCTION @extschema@.restore_parked(relation regclass) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    name CONSTANT text := table_name(relation);
BEGIN
    UPDATE consent_entry e SET relation = $1, record_key = p.record_key
    FROM parked_record p WHERE p.relation_name = name AND p.source = 'consent_entry' AND e.entry = (p.content ->> 'entry')::bigint;
    INSERT INTO consent_cover (entry, relation, record_key)
    SELECT e.entry, $1, p.record_key FROM parked_record p JOIN consent_entry e ON e.entry = (p.content ->> 'entry')::bigint
    WHERE p.relation_name = name AND p.source = 'consent_cover' ON CONFLICT DO NOTHING;
    INSERT INTO restricted_record (restriction_id, relation, record_key)
    SELECT r.restriction_id, $1, p.record_key FROM parked_record p JOIN restriction r ON r.restriction_id = (p.content ->> 'restriction_id')::bigint
    WHERE p.relation_name = name AND p.source = 'restricted_record' ON CONFLICT DO NOTHING;
    INSERT INTO merged_record (relation, record_key, keep_key, upto)
    SELECT $1, p.record_key, p.content ->> 'keep_key', (p.content ->> 'upto')::bigint FROM parked_record p
    WHERE p.relation_name = name AND p.source = 'merged_record' ON CONFLICT DO NOTHING;
    INSERT INTO released_record (relation, record_key, reason, released_by, released_at)
    SELECT $1, p.record_key, p.content ->> 'reason', p.content ->> 'released_by', (p.content ->> 'released_at')::timestamptz FROM parked_record p
    WHERE p.relation_name = name AND p.source = 'released_record' ON CONFLICT DO NOTHING;
    -- a verdict about two tables waits for both
    INSERT INTO verdict (relation_a, key_a, relation_b, key_b, verdict, reason, decided_by, decided_at)
    SELECT to_regclass(p.content ->> 'relation_a'), p.content ->> 'key_a', to_regclass(p.content ->> 'relation_b'), p.content ->> 'key_b',
           p.content ->> 'verdict', p.content ->> 'reason', p.content ->> 'decided_by', (p.content ->> 'decided_at')::timestamptz
    FROM parked_record p
    WHERE p.source = 'verdict' AND name IN (p.content ->> 'relation_a', p.content ->> 'relation_b')
      AND to_regclass(p.content ->> 'relation_a') IS NOT NULL AND to_regclass(p.content ->> 'relation_b') IS NOT NULL ON CONFLICT DO NOTHING;
    UPDATE parked_record p SET relation = $1, relation_name = NULL
    WHERE p.relation_name = name AND p.source IN ('golden_value', 'identification');
    DELETE FROM parked_record p
    WHERE p.relation_name = name AND p.source <> 'verdict'
       OR p.source = 'verdict' AND to_regclass(p.content ->> 'relation_a') IS NOT NULL AND to_regclass(p.content ->> 'relation_b') IS NOT NULL;
END
$$;
COMMENT ON FUNCTION @extschema@.restore_parked(regclass) IS 'A table is adopted: what was kept of records by its name is theirs again.';
SELECT @extschema@.set_audience('restore_parked(regclass)', 'internal');

CREATE FUNCTION @extschema@.keep_dropped() RETURNS event_trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    dropped pg_catalog.record;
BEGIN
    FOR dropped IN SELECT d.objid, format('%I.%I', d.schema_name, d.object_name) AS name FROM pg_event_trigger_dropped_objects() d
                   WHERE d.classid = 'pg_class'::regclass AND d.objsubid = 0 AND d.object_type = 'table' AND NOT d.is_temporary
    LOOP
        PERFORM park_dropped(dropped.objid, dropped.name), forget_merged_table(dropped.objid), forget_held_verdicts(dropped.name, NULL);
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.keep_dropped() IS 'Event trigger: what people said of records of a dropped table is kept by its name; what merges keep of its rows goes with it.';
-- by their names this one comes after crm_forget_dropped, which leaves objections to other records of the customers
CREATE EVENT TRIGGER crm_keep_dropped ON sql_drop WHEN TAG IN ('DROP TABLE', 'DROP SCHEMA', 'DROP OWNED') EXECUTE FUNCTION @extschema@.keep_dropped();
COMMENT ON EVENT TRIGGER crm_keep_dropped IS 'Consents, restrictions and verdicts outlive a table.';

-- What was said of records that are not there, and of no others, counts for nobody; without a record that could come back it is but a
-- text about somebody.
CREATE FUNCTION @extschema@.forget_unheld(entries bigint[], restriction_ids bigint[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
BEGIN
    DELETE FROM consent_entry e
    WHERE e.entry = ANY (entries) AND e.record_key IS NULL AND NOT EXISTS (SELECT FROM consent_cover c WHERE c.entry = e.entry)
      AND e.entry NOT IN (SELECT (p.content ->> 'entry')::bigint FROM parked_record p WHERE p.source IN ('consent_entry', 'consent_cover'));
    DELETE FROM restriction r
    WHERE r.restriction_id = ANY (restriction_ids)
      AND NOT EXISTS (SELECT FROM restricted_record c WHERE c.restriction_id = r.restriction_id)
      AND r.restriction_id NOT IN (SELECT (p.content ->> 'restriction_id')::bigint FROM parked_record p WHERE p.source = 'restricted_record');
END
$$;
COMMENT ON FUNCTION @extschema@.forget_unheld(bigint[], bigint[]) IS
'Deletes those of some entries of consent and of some restrictions that stand on no record, nor wait for a table.';
SELECT @extschema@.set_audience('forget_unheld(bigint[], bigint[])', 'internal');

CREATE FUNCTION @extschema@.forget_parked(relation_name text) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    forgotten bigint;
    entries bigint[];
    restrictions bigint[];
BEGIN
    WITH gone AS (
        DELETE FROM parked_record p WHERE coalesce(p.relation_name, p.relation::text) = forget_parked.relation_name RETURNING p.content)
    SELECT count(*), array_agg((g.content ->> 'entry')::bigint), array_agg((g.content ->> 'restriction_id')::bigint)
    INTO forgotten, entries, restrictions FROM gone g;
    IF forgotten = 0 THEN
        PERFORM raise_unknown('table that something waits for', coalesce(forget_parked.relation_name, ''),
                              ARRAY(SELECT DISTINCT coalesce(p.relation_name, p.relation::text) FROM parked_record p));
    END IF;
    PERFORM forget_unheld(entries, restrictions);
    RETURN forgotten;
END
$$;
COMMENT ON FUNCTION @extschema@.forget_parked(text) IS
'Deletes what waits for a table that was dropped, or is not adopted, to come back: consents, restrictions, verdicts, golden values of its '
'records. For a table that is gone for good: withdrawals in them are forgotten, too, save those that other records of the customers '
'inherited. The name is as status has it. Returns how many. For administrators. Error: RM001. '
'Example: SELECT forget_parked(''public.leads_2019'');';
SELECT @extschema@.set_audience('forget_parked(text)', 'admin');

CREATE FUNCTION @extschema@.status_parked() RETURNS SETOF @extschema@.status_row
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT 'customer', 'said of records of ' || coalesce(p.relation_name, p.relation::text), 'ok', count(*), min(p.parked_at),
           format('consents, restrictions, verdicts, golden values (of all tables %s); the table is not there or not adopted, and gets them back '
                  'when it is; if it is gone for good:', pg_size_pretty(pg_total_relation_size('@extschema@.parked_record'))),
           format('SELECT @extschema@.forget_parked(%L);', coalesce(p.relation_name, p.relation::text))
    FROM parked_record p GROUP BY p.relation_name, p.relation
$$;
COMMENT ON FUNCTION @extschema@.status_parked() IS 'Rows of status: what waits for a table to come back.';
SELECT @extschema@.set_audience('status_parked()', 'admin');
INSERT INTO @extschema@.status_source (function_name, room) VALUES ('status_parked', 'customer');

UPDATE @extschema@.room_hook SET leave = 'park_dropped' WHERE room = 'customer';
