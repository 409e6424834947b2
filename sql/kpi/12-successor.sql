-- A component that was defined anew: the new version is captured and filled beside the old one, which is read until all tables have
-- filled the new one; then they switch in one transaction.

CREATE TABLE @extschema@.kpi_successor (LIKE @extschema@.kpi_instance INCLUDING CONSTRAINTS INCLUDING INDEXES);
COMMENT ON TABLE @extschema@.kpi_successor IS
'What will take the place of rows of kpi_instance: captured and filled, and not read yet. Numbered by the same sequence.';
SELECT pg_catalog.pg_extension_config_dump('@extschema@.kpi_successor',
    'WHERE EXISTS (SELECT FROM @extschema@.adoption a WHERE a.relation = kpi_successor.relation)');

CREATE VIEW @extschema@.kpi_captured AS
SELECT i.*, true AS is_read FROM @extschema@.kpi_instance i
UNION ALL
SELECT s.*, false FROM @extschema@.kpi_successor s;
COMMENT ON VIEW @extschema@.kpi_captured IS 'All that is captured: components of tables that are read, and those that will be.';

-- Not dumped, as what it names is not.
CREATE TABLE @extschema@.kpi_retired (instance integer NOT NULL);
COMMENT ON TABLE @extschema@.kpi_retired IS
'Components of tables that nobody reads any more, whose rows of kpi_rollup the next fold deletes. No other may: in an older snapshot they would '
'collide with a fold.';

-- What shall be captured follows from what is captured and defined. Who decides it in a snapshot (REPEATABLE READ) older than what somebody else has decided would
-- pass over that: a table that was adopted meanwhile would go without its successor. So whoever decides writes this row, which fails then.
CREATE TABLE @extschema@.kpi_decision (decisions bigint NOT NULL);
COMMENT ON TABLE @extschema@.kpi_decision IS 'How often it was decided what is captured; one row, written so that of two snapshots the older one decides nothing (40001). Not dumped.';
INSERT INTO @extschema@.kpi_decision VALUES (0);

CREATE FUNCTION @extschema@.decide_captured() RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM take_turn('kpi_successor');
    UPDATE kpi_decision d SET decisions = d.decisions + 1;
END
$$;
COMMENT ON FUNCTION @extschema@.decide_captured() IS
'Nobody else decides what is captured until the transaction ends; 40001 where somebody has since its snapshot. What takes several locks begins with it.';
SELECT @extschema@.set_audience('decide_captured()', 'internal');

-- For DDL, which holds its table and may not wait for who decides: he waits for that table, or does not know it yet.
CREATE FUNCTION @extschema@.know_captured() RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        PERFORM FROM kpi_decision FOR SHARE SKIP LOCKED;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.know_captured() IS 'Raises 40001 where it was decided what is captured since the snapshot of the transaction.';
SELECT @extschema@.set_audience('know_captured()', 'internal');

-- Where all of a component's successors are filled. Rows that somebody else is at are left to him, or to the next fold. Whoever decides by what is
-- captured which of it goes holds the turn first: what took its place meanwhile would go half. Whoever changes both tables begins with this one, too.
CREATE FUNCTION @extschema@.switch_components() RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    changed text;
    locked integer[];
    decided boolean := false;
BEGIN
    IF NOT take_turn('kpi_successor', wait => false) THEN -- somebody defines what is captured
        RETURN;
    END IF;
    FOR changed IN SELECT s.component FROM kpi_successor s GROUP BY 1
                   HAVING bool_and(s.state = 'ready' AND s.instance NOT IN (SELECT b.instance FROM kpi_broken b)) ORDER BY 1 LOOP
        IF NOT decided THEN
            BEGIN
                PERFORM decide_captured();
                decided := true;
            EXCEPTION WHEN serialization_failure THEN
                RETURN; -- a table may have got a successor since this backfill began, or there is another definition: the next fold knows
            END;
        END IF;
        locked := ARRAY(SELECT s.instance FROM kpi_successor s WHERE s.component = changed FOR UPDATE SKIP LOCKED);
        CONTINUE WHEN cardinality(locked) = 0 OR EXISTS (SELECT FROM kpi_successor s WHERE s.component = changed AND s.instance <> ALL (locked));
        PERFORM retire_instances(ARRAY(
            SELECT i.instance FROM kpi_instance i
            WHERE i.component = changed AND (i.version <> (SELECT max(s.version) FROM kpi_successor s WHERE s.component = changed)
                                             OR i.relation IN (SELECT s.relation FROM kpi_successor s WHERE s.component = changed))));
        WITH filled AS (DELETE FROM kpi_successor s WHERE s.component = changed RETURNING s.*)
        INSERT INTO kpi_instance OVERRIDING SYSTEM VALUE SELECT * FROM filled;
        PERFORM capture_changed(i.relation) FROM kpi_instance i WHERE i.component = changed;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.switch_components() IS
'Has components read by their new version where that is filled in all tables. backfill and fold call it.';
SELECT @extschema@.set_audience('switch_components()', 'admin');

-- Writers that know them still are not waited for: what they write for these nobody reads, and a fold drops it.
CREATE FUNCTION @extschema@.retire_instances(instances integer[]) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM capture_changed(i.relation) FROM kpi_instance i WHERE i.instance = ANY (instances);
    DELETE FROM kpi_instance i WHERE i.instance = ANY (instances);
    DELETE FROM kpi_broken b WHERE b.instance = ANY (instances);
    INSERT INTO kpi_retired SELECT i FROM unnest(instances) i;
END
$$;
COMMENT ON FUNCTION @extschema@.retire_instances(integer[]) IS
'Components of tables are read no more; what was counted for them goes with the next fold.';
SELECT @extschema@.set_audience('retire_instances(integer[])', 'admin');

CREATE FUNCTION @extschema@.drop_retired() RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    gone integer[];
BEGIN
    IF NOT EXISTS (SELECT FROM kpi_retired) THEN
        RETURN;
    END IF;
    WITH taken AS (DELETE FROM kpi_retired r RETURNING r.instance) SELECT array_agg(t.instance) INTO gone FROM taken t;
    PERFORM drop_counts(gone);
END
$$;
COMMENT ON FUNCTION @extschema@.drop_retired() IS 'Deletes what was counted for components that were retired. fold calls it, under the lock of folders.';
SELECT @extschema@.set_audience('drop_retired()', 'admin');

CREATE FUNCTION @extschema@.drop_counts(instances integer[]) RETURNS void
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    DELETE FROM kpi_rollup r WHERE r.instance = ANY (instances);
    DELETE FROM kpi_counted c WHERE c.instance = ANY (instances)
$$;
COMMENT ON FUNCTION @extschema@.drop_counts(integer[]) IS 'Deletes what was folded for components of tables.';
SELECT @extschema@.set_audience('drop_counts(integer[])', 'admin');
