-- Empties what teams have told crm, so that the next permutation begins as after CREATE EXTENSION, which takes seconds.
CREATE FUNCTION reset_crm() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    kept record;
    filled text[] := '{}';
    has_rows boolean;
BEGIN
    PERFORM crm.disown_all();
    FOR kept IN SELECT c.oid::regclass AS name, c.relkind FROM pg_extension e, pg_class c
                WHERE e.extname = 'crm' AND (c.oid = ANY (e.extconfig) OR c.oid::regclass::text IN ('crm.journey_kept', 'crm.journey_touched', 'crm.journey_state', 'crm.journey_units'))
                  AND c.relname NOT IN ('review', 'review_entry') -- a log that nobody empties
    LOOP
        IF kept.relkind = 'S' THEN
            PERFORM setval(kept.name, 1, false);
        ELSE
            EXECUTE format('SELECT EXISTS (SELECT FROM %s)', kept.name) INTO has_rows;
            filled := filled || CASE WHEN has_rows THEN kept.name::text END;
        END IF;
    END LOOP;
    IF array_remove(filled, NULL) <> '{}' THEN
        EXECUTE format('TRUNCATE %s CASCADE', array_to_string(filled, ', '));
    END IF;
    RETURN 'empty';
END
$$;
