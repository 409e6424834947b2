-- resolve: a full run. Reads in one short snapshot, computes without any, writes what differs.
--
-- The steps are functions of their own, since a procedure that commits may neither be SECURITY DEFINER nor have settings. What
-- they share stands in the session (extension/customer/resolve_run.h): they are for resolve alone, in its order.

CREATE PROCEDURE @extschema@.resolve_begin() LANGUAGE C AS 'MODULE_PATHNAME', 'crm_resolve_begin';
COMMENT ON PROCEDURE @extschema@.resolve_begin() IS
    'Step of resolve: keeps a second run away. Errors: 25001 (inside a transaction block), 55P03 (another run is under way).';
SELECT @extschema@.set_audience('resolve_begin()', 'daemon');

CREATE FUNCTION @extschema@.resolve_try_begin() RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_resolve_try_begin' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.resolve_try_begin() IS 'For resolve_pending: begins a run inside of this transaction; false where another is under way.';
SELECT @extschema@.set_audience('resolve_try_begin()', 'internal');

CREATE FUNCTION @extschema@.resolve_segment() RETURNS bigint
    AS 'MODULE_PATHNAME', 'crm_resolve_segment' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.resolve_segment() IS 'Step of resolve: where its counters are, for resolve_progress.';
SELECT @extschema@.set_audience('resolve_segment()', 'internal');

CREATE FUNCTION @extschema@.resolve_read(version bigint) RETURNS bigint
    AS 'MODULE_PATHNAME', 'crm_resolve_read' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION @extschema@.resolve_read(bigint) IS
    'Step of resolve: reads all records and verdicts in the present snapshot, to be linked with the model of a version, or, where '
    'that is NULL, with one that is fitted to them. Returns the number of records.';
SELECT @extschema@.set_audience('resolve_read(bigint)', 'internal');

CREATE PROCEDURE @extschema@.resolve_compute() LANGUAGE C AS 'MODULE_PATHNAME', 'crm_resolve_compute';
COMMENT ON PROCEDURE @extschema@.resolve_compute() IS 'Step of resolve: commits, and links what was read without holding a snapshot.';
SELECT @extschema@.set_audience('resolve_compute()', 'daemon');

CREATE FUNCTION @extschema@.resolve_compute_here() RETURNS void
    AS 'MODULE_PATHNAME', 'crm_resolve_compute_here' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION @extschema@.resolve_compute_here() IS 'For resolve_pending: links what was read, inside of this transaction.';
SELECT @extschema@.set_audience('resolve_compute_here()', 'internal');

CREATE FUNCTION @extschema@.resolve_result(OUT numbers bigint[], OUT labels integer[])
    AS 'MODULE_PATHNAME', 'crm_resolve_result' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.resolve_result() IS
    'Step of resolve: the records that were read, and for each the place in numbers (from 1) of the first record of its cluster.';
SELECT @extschema@.set_audience('resolve_result()', 'internal');

CREATE FUNCTION @extschema@.resolve_report() RETURNS jsonb
    AS 'MODULE_PATHNAME', 'crm_resolve_report' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.resolve_report() IS 'Step of resolve: what the run found, as link_model.report has it.';
SELECT @extschema@.set_audience('resolve_report()', 'internal');

CREATE FUNCTION @extschema@.resolve_doubts(max_rows integer)
RETURNS TABLE (record_a bigint, record_b bigint, weight double precision, worth double precision)
    AS 'MODULE_PATHNAME', 'crm_resolve_doubts' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE ROWS 1000;
COMMENT ON FUNCTION @extschema@.resolve_doubts(integer) IS 'Step of resolve: the pairs that a verdict would help most with.';
SELECT @extschema@.set_audience('resolve_doubts(integer)', 'internal');

CREATE FUNCTION @extschema@.model_save(version bigint) RETURNS void
    AS 'MODULE_PATHNAME', 'crm_model_save' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.model_save(bigint) IS 'Step of resolve: writes the numbers, parameters and frequencies of the run''s model.';
SELECT @extschema@.set_audience('model_save(bigint)', 'internal');

CREATE FUNCTION @extschema@.key_index_build(build bigint) RETURNS integer
    AS 'MODULE_PATHNAME', 'crm_key_index_build' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION @extschema@.key_index_build(bigint) IS
    'Step of resolve: writes the block keys of all records to link_block; returns how many bits of a key say its slot.';
SELECT @extschema@.set_audience('key_index_build(bigint)', 'internal');

CREATE FUNCTION @extschema@.resolve_end() RETURNS void
    AS 'MODULE_PATHNAME', 'crm_resolve_end' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.resolve_end() IS 'Step of resolve: gives back what the run held.';
SELECT @extschema@.set_audience('resolve_end()', 'daemon');

CREATE FUNCTION @extschema@.resolve_progress_of(segment bigint, OUT pid integer, OUT phase text, OUT done bigint, OUT total bigint,
                                                OUT per_second double precision)
    AS 'MODULE_PATHNAME', 'crm_resolve_progress_of' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION @extschema@.resolve_progress_of(bigint) IS 'The counters of a run; NULL where it is over.';
SELECT @extschema@.set_audience('resolve_progress_of(bigint)', 'internal');

CREATE FUNCTION @extschema@.resolve_progress_rows()
RETURNS TABLE (pid integer, phase text, done bigint, total bigint, per_second double precision, started_at timestamptz)
LANGUAGE sql VOLATILE PARALLEL RESTRICTED ROWS 1 SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT p.pid, p.phase, p.done, p.total, p.per_second, r.started_at
    FROM resolve_run r CROSS JOIN LATERAL resolve_progress_of(r.segment) p
    WHERE p.pid = r.pid AND (may_administer() OR is_audience('daemon'))
$$;
COMMENT ON FUNCTION @extschema@.resolve_progress_rows() IS 'The rows of resolve_progress.';
CREATE VIEW @extschema@.resolve_progress AS SELECT * FROM @extschema@.resolve_progress_rows();
COMMENT ON VIEW @extschema@.resolve_progress IS
    'How far the resolve is that is running: its phase (reading, blocking, comparing, fitting, clustering, writing), how much of the '
    'phase is done and how much there is (NULL where that is not known), and what it does a second. For administrators and crmd.';
GRANT SELECT ON @extschema@.resolve_progress TO PUBLIC;

-- Rows that changed are read first, so that a full run sees what resolve_pending would.
CREATE FUNCTION @extschema@.resolve_open() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off
AS $$
BEGIN
    DELETE FROM resolve_run;
    INSERT INTO resolve_run (pid, segment) VALUES (pg_backend_pid(), resolve_segment());
    LOCK TABLE customer_registry IN SHARE ROW EXCLUSIVE MODE;
    PERFORM take_dirty();
END
$$;
COMMENT ON FUNCTION @extschema@.resolve_open() IS 'Step of resolve: makes it visible in resolve_progress and reads the rows that changed.';
SELECT @extschema@.set_audience('resolve_open()', 'daemon');

CREATE FUNCTION @extschema@.resolve_take(refit boolean) RETURNS bigint[]
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off
AS $$
BEGIN
    UPDATE resolve_run SET erasures = coalesce((SELECT max(e.erasure_id) FROM erasure e), 0);
    PERFORM resolve_read((SELECT m.version FROM link_model m WHERE m.in_force AND NOT refit));
    RETURN (SELECT coalesce(array_agg(d.no), '{}') FROM link_dirty d);
END
$$;
COMMENT ON FUNCTION @extschema@.resolve_take(boolean) IS
    'Step of resolve, in a transaction with one snapshot: reads all records; returns which rows of link_dirty they cover.';
SELECT @extschema@.set_audience('resolve_take(boolean)', 'daemon');

-- What was read of somebody who was erased meanwhile must not be written.
CREATE FUNCTION @extschema@.resolve_refuse_erased() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
BEGIN
    LOCK TABLE customer_registry IN ROW EXCLUSIVE MODE; -- an erasure holds a stronger one until it is committed
    IF EXISTS (SELECT FROM resolve_run r WHERE r.erasures < (SELECT max(e.erasure_id) FROM erasure e)) THEN
        RAISE EXCEPTION 'a customer was erased while records were linked' USING ERRCODE = 'serialization_failure',
            DETAIL = 'What was read of them must not be written; the links are those of the last run.', HINT = 'CALL @extschema@.resolve();';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.resolve_refuse_erased() IS 'Step of resolve: raises 40001 where somebody was erased since the records were read.';
SELECT @extschema@.set_audience('resolve_refuse_erased()', 'internal');

-- Nobody sees this before resolve_switch.
CREATE FUNCTION @extschema@.resolve_save(refit boolean) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off
AS $$
DECLARE
    found_out CONSTANT jsonb := resolve_report();
    saved bigint := (SELECT m.version FROM link_model m WHERE m.in_force AND NOT refit);
BEGIN
    PERFORM resolve_refuse_erased();
    IF saved IS NULL THEN
        INSERT INTO link_model (records, report) VALUES ((found_out->>'records')::bigint, found_out) RETURNING version INTO saved;
        PERFORM model_save(saved);
    END IF;
    RETURN saved;
END
$$;
COMMENT ON FUNCTION @extschema@.resolve_save(boolean) IS 'Step of resolve: writes the model, where it is a new one; returns its version.';
SELECT @extschema@.set_audience('resolve_save(boolean)', 'daemon');

CREATE FUNCTION @extschema@.resolve_index(OUT build bigint, OUT key_bits integer, OUT begun_at timestamptz)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off
AS $$
BEGIN
    PERFORM resolve_refuse_erased();
    begun_at := clock_timestamp();
    build := 1 + coalesce((SELECT max(b.build) FROM link_block b), 0);
    key_bits := key_index_build(build);
END
$$;
COMMENT ON FUNCTION @extschema@.resolve_index() IS 'Step of resolve: writes the block keys of all records, as a build that nobody uses yet.';
SELECT @extschema@.set_audience('resolve_index()', 'daemon');

-- Links, model and keys change in one transaction: no reader sees half of a run, and a crash leaves the one before.
CREATE FUNCTION @extschema@.resolve_switch(covered bigint[], version bigint, build bigint, key_bits integer, begun_at timestamptz,
                                           OUT linked bigint, OUT moved bigint, OUT created bigint, OUT retired bigint,
                                           OUT customers bigint)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off
SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
    result pg_catalog.record;
    stale bigint[];
BEGIN
    LOCK TABLE customer_registry IN SHARE ROW EXCLUSIVE MODE;
    PERFORM resolve_refuse_erased();
    DELETE FROM link_dirty d WHERE d.no = ANY (covered);
    -- what was linked since the keys were written knows the old model's keys
    INSERT INTO link_dirty (record_no) SELECT k.record_no FROM link_key k WHERE k.noted_at >= begun_at;
    DELETE FROM link_key;
    SELECT coalesce(array_agg(DISTINCT d.record_no), '{}') INTO stale FROM link_dirty d WHERE d.record_no IS NOT NULL;
    SELECT * INTO result FROM resolve_result();
    SELECT w.linked, w.moved, w.created, w.retired INTO linked, moved, created, retired
    FROM write_links(result.numbers, result.labels, stale) w;
    customers := (SELECT count(DISTINCT u.label) FROM unnest(result.labels) AS u (label));
    UPDATE link_model m SET in_force = false WHERE m.in_force AND m.version <> resolve_switch.version;
    UPDATE link_model m SET in_force = true, build = resolve_switch.build, key_bits = resolve_switch.key_bits, changed = 0,
                            resolved_at = now(), report = resolve_report()
    WHERE m.version = resolve_switch.version;
    DELETE FROM link_doubt;
    INSERT INTO link_doubt (record_a, record_b, weight, worth)
    SELECT least(d.record_a, d.record_b), greatest(d.record_a, d.record_b), d.weight, d.worth FROM resolve_doubts(1000) d
    ON CONFLICT DO NOTHING;
END
$$;
COMMENT ON FUNCTION @extschema@.resolve_switch(bigint[], bigint, bigint, integer, timestamptz) IS
    'Step of resolve: the links, the model and the keys of the run come into force. Records that changed since they were read '
    'are left as they are, for resolve_pending.';
SELECT @extschema@.set_audience('resolve_switch(bigint[], bigint, bigint, integer, timestamptz)', 'daemon');

CREATE FUNCTION @extschema@.resolve_tidy() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off
AS $$
DECLARE
    present link_model;
BEGIN
    SELECT * INTO present FROM link_model m WHERE m.in_force;
    DELETE FROM link_block b WHERE b.build IS DISTINCT FROM present.build;
    DELETE FROM link_frequency f WHERE f.version IS DISTINCT FROM present.version;
    DELETE FROM link_model m
    WHERE NOT m.in_force AND m.version NOT IN (SELECT o.version FROM link_model o ORDER BY o.version DESC LIMIT 10);
    DELETE FROM link_parameter p WHERE NOT EXISTS (SELECT FROM link_model m WHERE m.version = p.version);
    DELETE FROM resolve_run;
END
$$;
COMMENT ON FUNCTION @extschema@.resolve_tidy() IS
    'Step of resolve: deletes keys and frequencies that are not in force (also those of runs that were cancelled), and models but the '
    'last ten.';
SELECT @extschema@.set_audience('resolve_tidy()', 'daemon');

CREATE FUNCTION @extschema@.resolve_outcome() RETURNS jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp
AS $$ SELECT m.report FROM link_model m WHERE m.in_force $$;
COMMENT ON FUNCTION @extschema@.resolve_outcome() IS 'Step of resolve: the report of the run that is in force.';
SELECT @extschema@.set_audience('resolve_outcome()', 'daemon');

-- No SET clause and not SECURITY DEFINER: a procedure that commits may be neither.
CREATE PROCEDURE @extschema@.resolve(refit boolean DEFAULT true, INOUT records bigint DEFAULT NULL, INOUT customers bigint DEFAULT NULL,
                                     INOUT linked bigint DEFAULT NULL, INOUT moved bigint DEFAULT NULL,
                                     INOUT created bigint DEFAULT NULL, INOUT retired bigint DEFAULT NULL,
                                     INOUT candidate_pairs bigint DEFAULT NULL, INOUT model bigint DEFAULT NULL,
                                     INOUT milliseconds bigint DEFAULT NULL)
LANGUAGE plpgsql AS $$
DECLARE
    started CONSTANT pg_catalog.timestamptz := pg_catalog.clock_timestamp();
    covered bigint[];
    keys pg_catalog.record;
    written pg_catalog.record;
    report pg_catalog.jsonb;
BEGIN
    CALL @extschema@.resolve_begin();
    PERFORM @extschema@.resolve_open();
    COMMIT;
    SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;
    covered := @extschema@.resolve_take(refit);
    COMMIT;
    CALL @extschema@.resolve_compute();
    COMMIT;
    SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
    model := @extschema@.resolve_save(refit);
    COMMIT;
    SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
    keys := @extschema@.resolve_index();
    COMMIT;
    SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
    written := @extschema@.resolve_switch(covered, model, keys.build, keys.key_bits, keys.begun_at);
    COMMIT;
    report := @extschema@.resolve_outcome();
    PERFORM @extschema@.resolve_tidy(), @extschema@.resolve_end();
    COMMIT;
    PERFORM @extschema@.resolve_warn(report);
    records := report OPERATOR(pg_catalog.->>) 'records';
    customers := written.customers;
    linked := written.linked;
    moved := written.moved;
    created := written.created;
    retired := written.retired;
    candidate_pairs := report OPERATOR(pg_catalog.->>) 'candidate_pairs';
    milliseconds := pg_catalog.round(EXTRACT(epoch FROM pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) started)
                                     OPERATOR(pg_catalog.*) 1000);
END
$$;
COMMENT ON PROCEDURE @extschema@.resolve(boolean, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint) IS
    'Links all registered records: fits a model to them (with refit => false the one in force is used), compares, and gives '
    'each cluster a customer. Reads in one short snapshot, computes without one and writes what differs; cancelled at any moment '
    'it leaves the last result. Records and customers there are, records linked for the first time, records moved to another customer, '
    'customers created and retired, pairs compared, the model''s version, milliseconds. Memory: maintenance_work_mem; threads: '
    'max_parallel_maintenance_workers and one. decide() comes first; ids stay. Errors: 25001 (inside a transaction block), 55P03 '
    '(another resolve is running), 53200 (maintenance_work_mem), 40001 (a customer was erased meanwhile). Type CALL resolve();';
SELECT @extschema@.set_audience('resolve(boolean, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint)', 'daemon');
