-- One call for how long what grows is kept; rooms say what they keep and which of their functions notes it.
CREATE TABLE @extschema@.retention_item (
    item text PRIMARY KEY,
    setter text NOT NULL
);
COMMENT ON TABLE @extschema@.retention_item IS
'What is kept for a while: the name that set_retention takes, and the function of (days integer) that notes it. Rows are shipped and never dumped.';

CREATE FUNCTION @extschema@.set_retention(item text, keep interval) RETURNS integer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    found retention_item := (SELECT r FROM retention_item r WHERE r.item = set_retention.item);
    days numeric := ceil(extract(epoch FROM keep) / 86400);
BEGIN
    IF found IS NULL THEN
        PERFORM raise_unknown('item', item, ARRAY(SELECT r.item FROM retention_item r ORDER BY 1));
    END IF;
    IF days IS NULL OR days NOT BETWEEN 1 AND 36500 THEN
        RAISE EXCEPTION '% are kept for 1 to 36500 days, not %', item, coalesce(keep::text, 'NULL') USING ERRCODE = 'RM005';
    END IF;
    EXECUTE format('SELECT @extschema@.%I(%s)', found.setter, days);
    RETURN days;
END
$$;
COMMENT ON FUNCTION @extschema@.set_retention(text, interval) IS
'How long something that grows is kept: finished deliveries (90 days), alerts (730 days, counted from their end). Whole days, rounded up; a month has 30, a year 365.25. '
'Returns the days. crmd deletes what is older. For administrators. Errors: RM001 (no such item), RM005. Example: SELECT crm.set_retention(''alerts'', ''1 year'');';
SELECT @extschema@.set_audience('set_retention(text, interval)', 'admin');
