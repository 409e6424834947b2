-- What is over is kept for some days, so that people can look back, and then deleted by crmd, some at a time.
CREATE TABLE @extschema@.alert_retention (
    item text PRIMARY KEY CHECK (item IN ('finished deliveries', 'alerts')),
    days integer NOT NULL
);
COMMENT ON TABLE @extschema@.alert_retention IS 'how many days what is over is kept, where somebody has said so: finished deliveries, and alerts after their end';

CREATE FUNCTION @extschema@.keep_days(item text, days integer)
RETURNS void LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    IF days IS NULL OR days NOT BETWEEN 1 AND 36500 THEN
        RAISE EXCEPTION '% are kept for 1 to 36500 days, not %', item, coalesce(days::text, 'NULL') USING ERRCODE = 'RM005';
    END IF;
    INSERT INTO alert_retention VALUES (item, days) ON CONFLICT ON CONSTRAINT alert_retention_pkey DO UPDATE SET days = excluded.days;
END
$$;
COMMENT ON FUNCTION @extschema@.keep_days IS 'Notes how many days an item of alert_retention is kept; RM005 where that makes no sense.';

CREATE FUNCTION @extschema@.delivery_days()
RETURNS integer LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT coalesce((SELECT r.days FROM alert_retention r WHERE r.item = 'finished deliveries'), 90)
$$;
COMMENT ON FUNCTION @extschema@.delivery_days IS 'How many days finished deliveries and their attempts are kept.';

CREATE FUNCTION @extschema@.set_delivery_retention(days integer)
RETURNS integer LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM keep_days('finished deliveries', days);
    RETURN days;
END
$$;
COMMENT ON FUNCTION @extschema@.set_delivery_retention IS
'How many days finished deliveries and their attempts are kept (90). crmd deletes what is older. Errors: RM005. '
'Example: SELECT crm.set_delivery_retention(30);';

-- One day at a time, the oldest first, and of it max_rows at most: no statement is long.
CREATE FUNCTION @extschema@.forget_deliveries(max_rows integer DEFAULT 5000)
RETURNS integer LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE COST 10000
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    until CONSTANT timestamptz := (date_trunc('day', now() AT TIME ZONE 'UTC') - make_interval(days => delivery_days())) AT TIME ZONE 'UTC';
    oldest timestamptz := (SELECT min(h.finished_at) FROM delivery_history h);
    day_end timestamptz := least(until, (date_trunc('day', oldest AT TIME ZONE 'UTC') + interval '1 day') AT TIME ZONE 'UTC');
    forgotten integer := 0;
BEGIN
    PERFORM check_max_rows(max_rows);
    IF oldest < until THEN
        WITH gone AS (DELETE FROM delivery_history h
                      WHERE h.id IN (SELECT x.id FROM delivery_history x WHERE x.finished_at < day_end
                                     ORDER BY x.finished_at LIMIT max_rows FOR UPDATE SKIP LOCKED)
                      RETURNING h.id),
             attempts AS (DELETE FROM delivery_attempt a USING gone g WHERE a.delivery = g.id)
        SELECT count(*) INTO forgotten FROM gone;
    END IF;
    RETURN forgotten;
END
$$;
COMMENT ON FUNCTION @extschema@.forget_deliveries IS
'For crmd: deletes up to max_rows of the oldest day (in UTC) of finished deliveries that is older than set_delivery_retention says, with '
'their attempts. Returns how many; 0: nothing is that old.';
