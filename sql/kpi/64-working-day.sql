-- How much of a period is over, by working time: what is to be attained by today is expected in proportion to it.

CREATE FUNCTION @extschema@.elapsed_share(since date, until date, today date) RETURNS numeric
    LANGUAGE plpgsql STABLE PARALLEL SAFE COST 100 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    zone CONSTANT text := (SELECT c.zone FROM calendar c WHERE c.calendar = 'default');
    whole numeric;
    over numeric;
BEGIN
    IF zone IS NOT NULL THEN
        whole := extract(epoch FROM business_interval('default', since::timestamp AT TIME ZONE zone, (until + 1)::timestamp AT TIME ZONE zone));
        over := extract(epoch FROM business_interval('default', since::timestamp AT TIME ZONE zone, (least(today, until) + 1)::timestamp AT TIME ZONE zone));
    END IF;
    RETURN coalesce(over / nullif(whole, 0), least(1, greatest(0, (today - since + 1)::numeric / (until - since + 1))));
END
$$;
COMMENT ON FUNCTION @extschema@.elapsed_share(date, date, date) IS
'The share, from 0 to 1, of the days since to until that is over at the end of today: of the working time of the calendar "default"; of '
'calendar days where there is no such calendar or nothing of the period is worked. '
'Example: SELECT crm.elapsed_share(''2026-01-01'', ''2026-01-31'', ''2026-01-15'');';
SELECT @extschema@.set_audience('elapsed_share(date, date, date)', 'internal');
