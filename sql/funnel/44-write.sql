-- Writing transitions, a whole statement's rows at a time.

CREATE FUNCTION @extschema@.is_filling(relation pg_catalog.regclass) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN -- whose plan is kept
    RETURN EXISTS (SELECT FROM filling f WHERE f.relation = is_filling.relation AND f.room = 'funnel' AND f.state <> 'ready');
END
$$;
COMMENT ON FUNCTION @extschema@.is_filling(pg_catalog.regclass) IS 'Whether the backfill of a tracked table has yet to end.';

CREATE FUNCTION @extschema@.writer() RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN coalesce(current_principal(), caller()::text);
COMMENT ON FUNCTION @extschema@.writer() IS 'Who changes a stage: the principal, or the database role where it is none.';

-- Records of a table begin at the entry of a funnel about them; in one about customers, at the milestone of their name.
CREATE FUNCTION @extschema@.entry_stage(relation pg_catalog.regclass, funnel text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN (SELECT s.stage
            FROM adoption a JOIN funnel f ON f.funnel = entry_stage.funnel JOIN funnel_stage s ON s.funnel = f.funnel
            WHERE a.relation = entry_stage.relation
              AND CASE WHEN f.subject = a.entity AND a.entity <> 'customer' THEN s.kind = 'entry'
                       ELSE s.milestone = a.entity END
            ORDER BY s."position" LIMIT 1);
COMMENT ON FUNCTION @extschema@.entry_stage(pg_catalog.regclass, text) IS
'The stage that every record of a table has been through: the first of kind entry where the funnel is about these records; in '
'a funnel about customers the milestone named as the entity (lead, opportunity); else NULL.';

CREATE FUNCTION @extschema@.write_backfilled(relation pg_catalog.regclass, rows @extschema@.tracked_row[]) RETURNS void
    AS 'MODULE_PATHNAME', 'crm_write_backfilled' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.write_backfilled(pg_catalog.regclass, @extschema@.tracked_row[]) IS
'Writes what rows that a table had before it was tracked tell: a transition into the entry, at the time that they began, where they are past '
'it (flag assumed), and one into their stage, at the closing, going live or end that they tell, else when they began (flag '
'estimated_time). As the triggers do for rows that come (C: funnel/track_write.h).';
SELECT @extschema@.set_audience('write_backfilled(regclass, tracked_row[])', 'internal');

-- Two writers of one record do not see each other's events. Whoever cannot have the record's lock at once, or reads an old
-- snapshot, marks what it writes instead of waiting, and settle_transitions looks again.
CREATE FUNCTION @extschema@.hold_record(record_key text) RETURNS boolean
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN @extschema@.take_turn('@extschema@.transition_log', hashtext(record_key) & 255, false);
COMMENT ON FUNCTION @extschema@.hold_record(text) IS
'Tries to hold, until the transaction ends, the lock under which the order of a record''s events is derived. There are 256 of '
'them for all records, so that a large statement cannot fill the lock table.';

CREATE FUNCTION @extschema@.write_events(relation pg_catalog.regclass, rows @extschema@.event_row[], flags text[]) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
    SET plan_cache_mode = auto AS $$
DECLARE
    keys text[] := ARRAY(SELECT DISTINCT i.record_key FROM unnest(rows) i);
    late text[];
    contended text[];
    feed tracking;
BEGIN
    -- One row or twenty thousand: the plans differ, and to make one takes much longer than to write a row. Until this function ends.
    PERFORM set_config('plan_cache_mode', CASE WHEN cardinality(rows) > 100 THEN 'force_custom_plan' ELSE 'force_generic_plan' END, true);
    SELECT * INTO STRICT feed FROM tracking t WHERE t.relation = write_events.relation;
    -- Not for a backfill: while it runs, writers mark what they write.
    IF NOT flags @> '{backfilled}' THEN
        -- A statement of its own: what is read next must be read after the locks are held.
        SELECT array_agg(k.record_key) INTO contended
        FROM (SELECT DISTINCT i.record_key FROM unnest(rows) i) k WHERE NOT hold_record(k.record_key);
        IF current_setting('transaction_isolation') <> 'read committed' THEN
            flags := flags || '{unsettled}';
        END IF;
    END IF;
    WITH incoming AS MATERIALIZED (
        SELECT i.* FROM unnest(rows) i
        WHERE NOT EXISTS (SELECT FROM transition_log t
                          WHERE t.relation = feed.target AND t.record_key = i.record_key AND t.source = feed.relation
                            AND t.source_key = i.source_key)),
    context AS MATERIALIZED (
        SELECT c.* FROM record_context(feed.target, ARRAY(SELECT DISTINCT i.record_key FROM incoming i)) c),
    meaning AS MATERIALIZED (
        SELECT v.value, s.stage, s.department
        FROM (SELECT DISTINCT i.value FROM incoming i) v
        LEFT JOIN funnel_stage s ON s.funnel = feed.funnel AND s.stage = resolve_stage(feed.funnel, v.value)),
    pool AS (
        SELECT NULL::bigint AS id, i.record_key, m.stage AS to_stage, i.at, key_order(i.source_key) COLLATE "C" AS tie,
               i.source_key, i.value, i.by, i.unit, m.department
        FROM incoming i JOIN meaning m USING (value)
        UNION ALL
        SELECT t.id, t.record_key, t.to_stage, t.at, key_order(t.source_key) COLLATE "C", NULL, NULL, NULL, NULL, NULL
        FROM transition_log t
        WHERE t.relation = feed.target AND t.funnel = feed.funnel AND t.source_key IS NOT NULL AND t.record_key = ANY (keys)),
    placed AS MATERIALIZED (
        SELECT p.*, row_number() OVER w AS place, lag(p.to_stage) OVER w AS from_stage, row_number() OVER w > 1 AS follows,
               p.to_stage IS NOT NULL AND row_number() OVER again = 1 AS first_entry
        FROM pool p
        LEFT JOIN funnel_stage r ON r.funnel = feed.funnel AND r.stage = p.to_stage
        WINDOW w AS (PARTITION BY p.record_key ORDER BY p.at NULLS FIRST, p.tie, p.id NULLS LAST),
               again AS (PARTITION BY p.record_key, coalesce(r.read_as, p.to_stage) ORDER BY p.at NULLS FIRST, p.tie, p.id NULLS LAST)),
    step AS MATERIALIZED (SELECT s.* FROM stage_step s WHERE s.funnel = feed.funnel),
    added AS (
        INSERT INTO transition_log (funnel, relation, record_key, "sequence", from_stage, to_stage, value, at, by, unit,
                                    department, direction, first_entry, flags, source, source_key, customer_relation,
                                    customer_key)
        SELECT feed.funnel, feed.target, p.record_key, p.place, p.from_stage, p.to_stage, p.value, p.at, p.by,
               coalesce(p.unit, c.unit), p.department,
               CASE WHEN p.to_stage IS NOT NULL THEN transition_direction(p.follows, s.direction, p.first_entry) END,
               p.first_entry,
               flags || CASE WHEN p.record_key = ANY (contended) THEN '{unsettled}'::text[] ELSE '{}' END
                  || CASE WHEN p.to_stage IS NULL THEN '{unknown_stage}'::text[] ELSE '{}' END
                  || CASE WHEN p.at IS NULL THEN '{unknown_time}'::text[]
                          WHEN p.at > now() + interval '1 day' THEN '{impossible_time}' ELSE '{}' END,
               feed.relation, p.source_key, CASE WHEN c.customer_key IS NOT NULL THEN c.customer_relation END, c.customer_key
        FROM placed p
        LEFT JOIN context c USING (record_key)
        LEFT JOIN step s ON s.from_stage = p.from_stage AND s.to_stage = p.to_stage
        WHERE p.id IS NULL
        RETURNING 1)
    SELECT array_agg(DISTINCT o.record_key) INTO late
    FROM (SELECT p.*, max(p.place) FILTER (WHERE p.id IS NOT NULL) OVER (PARTITION BY p.record_key) AS last_place
          FROM placed p) o
    WHERE o.id IS NULL AND o.place < o.last_place;
    IF late IS NOT NULL THEN
        PERFORM derive_transitions(feed.target, late, false);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.write_events(pg_catalog.regclass, @extschema@.event_row[], text[]) IS
'Writes a transition for each event that has none yet, in order of (time, key) among '
'the record''s others; those after a late event are corrected.';
SELECT @extschema@.set_audience('write_events(regclass, event_row[], text[])', 'admin');
