-- Packing: kept journeys are brought in line with the transitions.

CREATE FUNCTION @extschema@.pack_lock(wait boolean DEFAULT false) RETURNS boolean
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT take_turn('journey_kept', wait => pack_lock.wait)
$$;
COMMENT ON FUNCTION @extschema@.pack_lock(boolean) IS
'Holds, until the transaction ends, what one packer at a time holds; false where somebody else has it and wait is false.';
SELECT @extschema@.set_audience('pack_lock(boolean)', 'internal');

-- Whoever writes holds ROW EXCLUSIVE until it ends. No lock is taken: it would hold writers up.
CREATE FUNCTION @extschema@.journey_writers() RETURNS text[]
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN ARRAY(
        SELECT DISTINCT CASE WHEN l.pid IS NULL THEN 'prepared' ELSE l.virtualtransaction END FROM pg_locks l
        WHERE l.locktype = 'relation' AND l.mode = 'RowExclusiveLock' AND l.granted AND l.pid IS DISTINCT FROM pg_backend_pid()
          AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
          AND l.relation IN ('@extschema@.transition_log'::regclass, '@extschema@.record_link'::regclass,
                             '@extschema@.record_copy'::regclass, '@extschema@.identification'::regclass));
COMMENT ON FUNCTION @extschema@.journey_writers() IS
'The transactions that are writing what journeys are made of; prepared for those that await COMMIT PREPARED.';
SELECT @extschema@.set_audience('journey_writers()', 'internal');

CREATE FUNCTION @extschema@.writers_gone(patience interval DEFAULT '500 milliseconds') RETURNS boolean
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    left_over text[] := journey_writers();
    give_up CONSTANT timestamptz := clock_timestamp() + patience;
    present text[];
BEGIN
    WHILE left_over <> '{}' LOOP
        IF clock_timestamp() > give_up THEN
            RETURN false;
        END IF;
        PERFORM pg_sleep(0.01);
        present := journey_writers();
        -- one that was prepared meanwhile goes by another name
        left_over := ARRAY(SELECT w FROM unnest(present) w WHERE w = 'prepared' OR w = ANY (left_over));
    END LOOP;
    RETURN true;
END
$$;
COMMENT ON FUNCTION @extschema@.writers_gone(interval) IS
'Waits until all have ended that were writing what journeys are made of, not for those who began since; false where patience ends first.';
SELECT @extschema@.set_audience('writers_gone(interval)', 'internal');

-- All journeys of a funnel, in one snapshot and in order of subjects. Nothing is read of them until this has committed.
CREATE FUNCTION @extschema@.pack_funnel(funnel text) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    packed bigint;
BEGIN
    DELETE FROM journey_kept k WHERE k.funnel = pack_funnel.funnel;
    WITH built AS MATERIALIZED (
        SELECT b.*, md5(b.units::text)::uuid AS digest
        FROM (SELECT t.subject COLLATE "C" AS subject, journey_agg(t.at, s."position", t."sequence") AS journey, array_agg(DISTINCT t.unit) AS units
              FROM subject_transition t JOIN funnel_stage s ON s.funnel = t.funnel AND s.stage = t.to_stage
              WHERE t.funnel = pack_funnel.funnel AND t.at IS NOT NULL GROUP BY t.subject COLLATE "C") b),
    fresh AS (
        INSERT INTO journey_units AS u (units, digest)
        SELECT DISTINCT ON (b.digest) b.units, b.digest FROM built b
        WHERE NOT EXISTS (SELECT FROM journey_units k WHERE k.digest = b.digest)
        RETURNING u.units_no, u.digest),
    noted AS (
        DELETE FROM journey_touched n WHERE n.funnel = pack_funnel.funnel)
    INSERT INTO journey_kept (funnel, subject, units_no, journey)
    SELECT pack_funnel.funnel, b.subject, u.units_no, b.journey
    FROM built b JOIN (SELECT k.units_no, k.digest FROM journey_units k UNION ALL SELECT f.units_no, f.digest FROM fresh f) u USING (digest)
    ORDER BY b.subject;
    GET DIAGNOSTICS packed = ROW_COUNT;
    UPDATE journey_state s SET ready = true WHERE s.funnel = pack_funnel.funnel;
    ANALYZE journey_kept; -- whoever counts next needs a parallel plan
    RETURN packed;
END
$$;
COMMENT ON FUNCTION @extschema@.pack_funnel(text) IS 'Packs the journeys of a funnel that pack_journeys follows; returns how many.';
SELECT @extschema@.set_audience('pack_funnel(text)', 'internal');

-- What is taken is rebuilt in the same statement, so that in every snapshot a change is noted or packed.
CREATE FUNCTION @extschema@.pack_touched(max_rows bigint) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    packed bigint;
BEGIN
    WITH taken AS (
        DELETE FROM journey_touched t WHERE t.ctid = ANY (ARRAY(SELECT q.ctid FROM journey_touched q LIMIT max_rows)) RETURNING t),
    subject AS MATERIALIZED (
        SELECT s.funnel, s.subject FROM touched_subjects(ARRAY(SELECT k.t FROM taken k)) s),
    built AS MATERIALIZED (
        SELECT r.*, md5(r.units::text)::uuid AS digest
        FROM (SELECT array_agg(s.funnel) AS funnels, array_agg(s.subject) AS subjects FROM subject s) a
        CROSS JOIN LATERAL rebuilt_journeys(a.funnels, a.subjects, true) r),
    fresh AS (
        INSERT INTO journey_units AS u (units, digest)
        SELECT DISTINCT ON (b.digest) b.units, b.digest FROM built b
        WHERE NOT EXISTS (SELECT FROM journey_units k WHERE k.digest = b.digest)
        RETURNING u.units_no, u.digest),
    gone AS (
        DELETE FROM journey_kept k USING subject s
        WHERE k.funnel = s.funnel AND k.subject = s.subject
          AND NOT EXISTS (SELECT FROM built b WHERE b.funnel = s.funnel AND b.subject = s.subject)),
    kept AS (
        INSERT INTO journey_kept AS k (funnel, subject, units_no, journey)
        SELECT b.funnel, b.subject, u.units_no, b.journey
        FROM built b JOIN (SELECT n.units_no, n.digest FROM journey_units n UNION ALL SELECT f.units_no, f.digest FROM fresh f) u USING (digest)
        ORDER BY b.funnel COLLATE "C", b.subject COLLATE "C"
        ON CONFLICT ON CONSTRAINT journey_kept_pkey DO UPDATE SET units_no = excluded.units_no, journey = excluded.journey
        WHERE (k.units_no, k.journey) IS DISTINCT FROM (excluded.units_no, excluded.journey))
    SELECT count(*) INTO packed FROM taken;
    RETURN packed;
END
$$;
COMMENT ON FUNCTION @extschema@.pack_touched(bigint) IS 'Rebuilds the journeys that up to max_rows notes touch; returns how many notes.';
SELECT @extschema@.set_audience('pack_touched(bigint)', 'internal');

CREATE FUNCTION @extschema@.pack_journeys(max_rows bigint DEFAULT 20000) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    followed bigint;
    next_funnel text;
BEGIN
    IF coalesce(max_rows, 0) < 1 THEN
        RAISE EXCEPTION 'max_rows is not positive: %', max_rows
            USING ERRCODE = 'RM005', HINT = 'Type SELECT @extschema@.pack_journeys(20000); and again while it returns more than 0.';
    ELSIF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'journeys are packed in READ COMMITTED only'
            USING ERRCODE = 'RM005', DETAIL = 'What another packer did since this snapshot would be undone.',
                  HINT = 'SET TRANSACTION ISOLATION LEVEL READ COMMITTED;';
    END IF;
    IF NOT pack_lock() THEN
        RETURN 0;
    END IF;
    INSERT INTO journey_state (funnel)
    SELECT DISTINCT t.funnel FROM tracking t
    WHERE NOT EXISTS (SELECT FROM journey_state s WHERE s.funnel = t.funnel)
      AND NOT EXISTS (SELECT FROM tracking o JOIN filling f ON f.relation = o.relation AND f.room = 'funnel'
                      WHERE o.funnel = t.funnel AND f.state = 'filling');
    GET DIAGNOSTICS followed = ROW_COUNT;
    IF followed > 0 THEN
        RETURN followed; -- writers must see it committed before anything is packed
    END IF;
    SELECT s.funnel INTO next_funnel FROM journey_state s WHERE NOT s.ready ORDER BY 1 LIMIT 1;
    IF next_funnel IS NOT NULL AND writers_gone() THEN
        RETURN greatest(pack_funnel(next_funnel), 1);
    END IF;
    RETURN pack_touched(max_rows);
END
$$;
COMMENT ON FUNCTION @extschema@.pack_journeys(bigint) IS
'Packs journeys of tracked funnels that changed, at most max_rows changes; a funnel that is new is packed whole, in the second call after '
'its tables are filled. Returns how much it did; 0 where nothing is left, or somebody else packs at the moment. Numbers do not change by '
'it, they come faster. crmd calls it; call it in READ COMMITTED, each time in a transaction of its own. Errors: RM005.';
SELECT @extschema@.set_audience('pack_journeys(bigint)', 'daemon');
