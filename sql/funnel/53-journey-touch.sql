-- Noting whose journeys a statement touched.

CREATE FUNCTION @extschema@.transitions_touched() RETURNS trigger
    AS 'MODULE_PATHNAME', 'crm_transitions_touched' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.transitions_touched() IS
'Trigger on transition_log: notes the records and visitors whose journeys change, of funnels whose journeys are kept.';
SELECT @extschema@.set_audience('transitions_touched()', 'internal');

CREATE TRIGGER transitions_added AFTER INSERT ON @extschema@.transition_log
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.transitions_touched();
CREATE TRIGGER transitions_changed AFTER UPDATE ON @extschema@.transition_log
    REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.transitions_touched();
CREATE TRIGGER transitions_removed AFTER DELETE ON @extschema@.transition_log
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.transitions_touched();

-- Whom a record means. Who it was and who it is now are both touched; the visitors that were identified by it were or become nobody.
CREATE FUNCTION @extschema@.links_touched() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF journeys_followed() = '{}' THEN
        RETURN NULL;
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO journey_touched (subject, record_no)
        SELECT 'customer ' || o.customer_id, o.record_no FROM removed o
        EXCEPT SELECT 'customer ' || n.customer_id, n.record_no FROM added n;
        INSERT INTO journey_touched (subject, record_no)
        SELECT 'customer ' || n.customer_id, n.record_no FROM added n
        EXCEPT SELECT 'customer ' || o.customer_id, o.record_no FROM removed o;
    ELSIF TG_OP = 'INSERT' THEN
        INSERT INTO journey_touched (subject, record_no)
        SELECT c.relation::oid || ' ' || c.record_key, n.record_no FROM added n LEFT JOIN record_copy c USING (record_no);
        INSERT INTO journey_touched (anonymous_id) SELECT DISTINCT i.anonymous_id FROM added n JOIN identification i USING (record_no);
    ELSE
        INSERT INTO journey_touched (subject, relation, record_key)
        SELECT 'customer ' || o.customer_id, c.relation, c.record_key FROM removed o LEFT JOIN record_copy c USING (record_no);
        INSERT INTO journey_touched (anonymous_id) SELECT DISTINCT i.anonymous_id FROM removed o JOIN identification i USING (record_no);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION @extschema@.links_touched() IS 'Trigger on record_link: notes whom the records meant, and that they mean somebody else now.';
SELECT @extschema@.set_audience('links_touched()', 'internal');

CREATE TRIGGER journeys_linked AFTER INSERT ON @extschema@.record_link
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.links_touched();
CREATE TRIGGER journeys_relinked AFTER UPDATE ON @extschema@.record_link
    REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.links_touched();
CREATE TRIGGER journeys_unlinked AFTER DELETE ON @extschema@.record_link
    REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.links_touched();

-- A record without a link means itself, whether it is registered or not: only one that has a link already makes a difference.
CREATE FUNCTION @extschema@.records_touched() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF journeys_followed() = '{}' THEN
        RETURN NULL;
    ELSIF TG_OP = 'INSERT' THEN
        INSERT INTO journey_touched (subject, record_no)
        SELECT n.relation::oid || ' ' || n.record_key, n.record_no FROM added n JOIN record_link l USING (record_no);
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO journey_touched (subject, relation, record_key)
        SELECT 'customer ' || l.customer_id, o.relation, o.record_key FROM removed o LEFT JOIN record_link l USING (record_no);
    ELSE
        INSERT INTO journey_touched (subject, relation, record_key, record_no)
        VALUES (NEW.relation::oid || ' ' || NEW.record_key, OLD.relation, OLD.record_key, OLD.record_no), (NULL, NULL, NULL, NEW.record_no);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION @extschema@.records_touched() IS 'Trigger on record_copy: notes records that come with a link, go, or get another key.';
SELECT @extschema@.set_audience('records_touched()', 'internal');

CREATE TRIGGER journeys_registered AFTER INSERT ON @extschema@.record_copy
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.records_touched();
CREATE TRIGGER journeys_rekeyed AFTER UPDATE ON @extschema@.record_copy FOR EACH ROW
    WHEN (OLD.relation IS DISTINCT FROM NEW.relation OR OLD.record_key IS DISTINCT FROM NEW.record_key OR OLD.record_no IS DISTINCT FROM NEW.record_no)
    EXECUTE FUNCTION @extschema@.records_touched();
CREATE TRIGGER journeys_unregistered AFTER DELETE ON @extschema@.record_copy
    REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.records_touched();

CREATE FUNCTION @extschema@.visitors_touched() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF journeys_followed() = '{}' THEN
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO journey_touched (record_no, anonymous_id) SELECT o.record_no, o.anonymous_id FROM removed o;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO journey_touched (record_no, anonymous_id) SELECT n.record_no, n.anonymous_id FROM added n;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION @extschema@.visitors_touched() IS 'Trigger on identification: notes who the visitors were and are.';
SELECT @extschema@.set_audience('visitors_touched()', 'internal');

CREATE TRIGGER journeys_identified AFTER INSERT ON @extschema@.identification
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.visitors_touched();
CREATE TRIGGER journeys_reidentified AFTER UPDATE ON @extschema@.identification
    REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.visitors_touched();
CREATE TRIGGER journeys_unidentified AFTER DELETE ON @extschema@.identification
    REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.visitors_touched();

-- A table that begins or ends to feed a funnel, and a stage that is retired into another, change much of its history: cheaper packed
-- anew than noted. A packer that is at it holds the row of the funnel until it has committed.
CREATE FUNCTION @extschema@.tracking_touched() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    DELETE FROM journey_state s WHERE s.funnel IN (OLD.funnel, NEW.funnel);
    IF TG_OP = 'DELETE' AND NOT EXISTS (SELECT FROM tracking t WHERE t.funnel = OLD.funnel) THEN
        DELETE FROM journey_kept k WHERE k.funnel = OLD.funnel; -- nobody packs it any more
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION @extschema@.tracking_touched() IS 'Trigger on tracking and funnel_stage: the journeys of the funnel are packed anew.';
SELECT @extschema@.set_audience('tracking_touched()', 'internal');
CREATE TRIGGER journeys_refed AFTER INSERT OR UPDATE OR DELETE ON @extschema@.tracking
    FOR EACH ROW EXECUTE FUNCTION @extschema@.tracking_touched();
-- positions never change, but a stage may be read as another
CREATE TRIGGER journeys_reread AFTER UPDATE ON @extschema@.funnel_stage FOR EACH ROW WHEN (OLD.read_as IS DISTINCT FROM NEW.read_as)
    EXECUTE FUNCTION @extschema@.tracking_touched();

CREATE FUNCTION @extschema@.journeys_emptied() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    DELETE FROM journey_state;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION @extschema@.journeys_emptied() IS 'Trigger on the tables that journeys are made of: after a TRUNCATE all are packed anew.';
SELECT @extschema@.set_audience('journeys_emptied()', 'internal');
CREATE TRIGGER journeys_emptied AFTER TRUNCATE ON @extschema@.transition_log
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.journeys_emptied();
CREATE TRIGGER journeys_emptied AFTER TRUNCATE ON @extschema@.record_link
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.journeys_emptied();
CREATE TRIGGER journeys_emptied AFTER TRUNCATE ON @extschema@.record_copy
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.journeys_emptied();
CREATE TRIGGER journeys_emptied AFTER TRUNCATE ON @extschema@.identification
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.journeys_emptied();
