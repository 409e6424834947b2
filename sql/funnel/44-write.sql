-- Writing transitions, a whole statement's rows at a time.

CREATE FUNCTION @extschema@.is_filling(relation pg_catalog.regclass) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN EXISTS (SELECT FROM filling f WHERE f.relation = is_filling.relation AND f.room = 'funnel' AND f.state <> 'ready');
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

-- What a row tells when it is first seen: the entry, where it is past it, and the stage that it is in.
CREATE FUNCTION @extschema@.write_first_stages(relation pg_catalog.regclass, rows @extschema@.tracked_row[], fallback timestamptz,
                                               flags text[]) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    asker CONSTANT text := CASE WHEN fallback IS NOT NULL THEN writer() END;
BEGIN
    WITH incoming AS MATERIALIZED (
        SELECT i.*, i.begun IS NOT NULL AS dated, coalesce(i.begun, fallback) AS entered
        FROM unnest(rows) i WHERE i.value IS NOT NULL),
    feed AS MATERIALIZED (
        SELECT t.relation, t.funnel, a.zone, e.stage AS entry, e."position" AS entry_position, e.department AS entry_department,
               a.entity IN ('touch', 'subscription') AS exact, c.reference AS customer_relation
        FROM tracking t JOIN adoption a USING (relation)
        LEFT JOIN funnel_stage e ON e.funnel = t.funnel AND e.stage = entry_stage(t.relation, t.funnel)
        LEFT JOIN adoption_attribute c ON c.relation = t.relation AND c.attribute = 'customer'
        WHERE t.relation = write_first_stages.relation),
    meaning AS MATERIALIZED (
        SELECT v.value, s.*
        FROM feed f CROSS JOIN (SELECT DISTINCT i.value FROM incoming i) v
        LEFT JOIN funnel_stage s ON s.funnel = f.funnel AND s.stage = resolve_stage(f.funnel, v.value)),
    present AS (
        SELECT i.*, m.stage, m.department, f.*, coalesce(m."position" > f.entry_position, false) AS past_entry,
               coalesce(m.kind = 'entry' OR m.stage = f.entry OR f.exact OR NOT i.dated, false) AS known_time,
               CASE WHEN m.milestone = 'live' THEN i.live
                    WHEN m.kind IN ('won', 'lost') THEN i.closed
                    WHEN m.kind = 'churned' THEN i.ended END AS told
        FROM incoming i JOIN meaning m USING (value) CROSS JOIN feed f),
    seen AS (
        SELECT p.*, -1 AS place, NULL AS from_stage, p.entry AS to_stage, NULL AS raw, p.entered AS at,
               p.entry_department AS in_department, 'first' AS direction, '{assumed}'::text[] AS marks
        FROM present p WHERE p.past_entry
        UNION ALL
        SELECT p.*, 0, CASE WHEN p.past_entry THEN p.entry END, p.stage, p.value,
               -- a closing date without a time of day begins before an opening on the same day
               CASE WHEN p.told < p.entered AND timezone(p.zone, p.told)::date = timezone(p.zone, p.entered)::date
                    THEN p.entered ELSE coalesce(p.told, p.entered) END,
               p.department,
               CASE WHEN p.stage IS NULL THEN NULL WHEN p.past_entry THEN s.direction ELSE 'first' END,
               array_remove(ARRAY[
                   CASE WHEN p.stage IS NULL THEN 'unknown_stage' END,
                   CASE WHEN p.told IS NULL AND NOT p.known_time THEN 'estimated_time' END,
                   CASE WHEN timezone(p.zone, p.told)::date < timezone(p.zone, p.entered)::date
                        THEN 'impossible_time' END], NULL)
        FROM present p
        LEFT JOIN stage_step s ON s.funnel = p.funnel AND s.from_stage = p.entry AND s.to_stage = p.stage)
    INSERT INTO transition_log (funnel, relation, record_key, "sequence", from_stage, to_stage, value, at, by, unit,
                                department, direction, first_entry, flags, source, customer_relation, customer_key, anonymous_id)
    SELECT s.funnel, s.relation, s.record_key, s.place, s.from_stage, s.to_stage, s.raw, s.at, asker, s.unit,
           s.in_department, s.direction, s.to_stage IS NOT NULL,
           s.marks || CASE WHEN s.at IS NULL THEN '{unknown_time}'::text[]
                           WHEN s.at > now() + interval '1 day' AND NOT s.marks @> '{impossible_time}' THEN '{impossible_time}' ELSE '{}' END || flags,
           s.relation, CASE WHEN s.customer_key IS NOT NULL THEN s.customer_relation END, s.customer_key, s.anonymous_id
    FROM seen s;
END
$$;
COMMENT ON FUNCTION @extschema@.write_first_stages(pg_catalog.regclass, @extschema@.tracked_row[], timestamptz, text[]) IS
'Writes what rows tell when they are first seen: a transition into the entry, at the time '
'that they began, where they are past it (flag assumed), and one into their stage, at the closing, going live or end that '
'they tell, else when they began (flag estimated_time). fallback is when rows without a beginning began.';
SELECT @extschema@.set_audience('write_first_stages(regclass, tracked_row[], timestamptz, text[])', 'admin');

-- The stage before is the old row's, so that it is right whatever else runs.
CREATE FUNCTION @extschema@.write_changes(relation pg_catalog.regclass, rows @extschema@.tracked_row[], flags text[]) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    WITH incoming AS MATERIALIZED (
        SELECT i.* FROM unnest(rows) i
        WHERE i.event = 'update' AND i.value IS DISTINCT FROM i.old_value AND i.value IS NOT NULL),
    feed AS MATERIALIZED (
        SELECT t.relation, t.funnel, a.zone, c.reference AS customer_relation
        FROM tracking t JOIN adoption a USING (relation)
        LEFT JOIN adoption_attribute c ON c.relation = t.relation AND c.attribute = 'customer'
        WHERE t.relation = write_changes.relation),
    meaning AS MATERIALIZED (
        SELECT v.value, resolve_stage(f.funnel, v.value) AS stage
        FROM feed f, (SELECT i.value FROM incoming i UNION SELECT i.old_value FROM incoming i) v
        WHERE v.value IS NOT NULL),
    family AS MATERIALIZED ( -- stages that are read as the same
        SELECT r.stage, (SELECT array_agg(o.stage) FROM stage_read o WHERE o.funnel = r.funnel AND o.read_as = r.read_as) AS stages
        FROM stage_read r WHERE r.funnel = (SELECT f.funnel FROM feed f) AND r.stage IN (SELECT m.stage FROM meaning m)),
    change AS (
        SELECT i.*, f.*, m.stage, coalesce(o.stage, CASE WHEN i.old_value IS NULL THEN last.to_stage END) AS from_stage,
               last."sequence" AS last_sequence, last.at AS last_at
        FROM incoming i CROSS JOIN feed f
        JOIN meaning m ON m.value = i.value
        LEFT JOIN meaning o ON o.value = i.old_value
        LEFT JOIN LATERAL (SELECT t.to_stage, t.at, t."sequence" FROM transition_log t
                           WHERE t.relation = f.relation AND t.record_key = i.record_key AND t.funnel = f.funnel
                             AND t.source_key IS NULL
                           ORDER BY t."sequence" DESC LIMIT 1) last ON true
        WHERE i.old_value IS NOT NULL OR last."sequence" IS NOT NULL),
    timed AS (
        SELECT c.*, s.department, c.last_sequence IS NOT NULL OR c.from_stage IS NOT NULL OR c.old_value IS NOT NULL AS follows,
               coalesce(CASE WHEN s.milestone = 'live' THEN c.live
                             WHEN s.kind IN ('won', 'lost') THEN c.closed
                             WHEN s.kind = 'churned' THEN c.ended END, now()) AS told,
               c.stage IS NOT NULL AND c.stage IS DISTINCT FROM c.from_stage
               AND NOT EXISTS (SELECT FROM transition_log t
                               WHERE t.relation = c.relation AND t.record_key = c.record_key AND t.funnel = c.funnel
                                 AND t.to_stage = ANY (f.stages)) AS first_entry
        FROM change c LEFT JOIN funnel_stage s ON s.funnel = c.funnel AND s.stage = c.stage
        LEFT JOIN family f ON f.stage = c.stage
        WHERE c.stage IS DISTINCT FROM c.from_stage OR c.stage IS NULL)
    INSERT INTO transition_log (funnel, relation, record_key, "sequence", from_stage, to_stage, value, at, by, unit,
                                department, direction, first_entry, flags, source, customer_relation, customer_key, anonymous_id)
    SELECT t.funnel, t.relation, t.record_key, greatest(t.last_sequence, 0) + 1, t.from_stage, t.stage, t.value,
           CASE WHEN t.told < t.last_at AND timezone(t.zone, t.told)::date = timezone(t.zone, t.last_at)::date
                THEN t.last_at ELSE t.told END,
           writer(), t.unit, t.department,
           CASE WHEN t.stage IS NOT NULL THEN transition_direction(t.follows, s.direction, t.first_entry) END,
           t.first_entry,
           flags || array_remove(ARRAY[
               CASE WHEN t.stage IS NULL THEN 'unknown_stage' END,
               CASE WHEN timezone(t.zone, t.told)::date < timezone(t.zone, t.last_at)::date OR t.told > now() + interval '1 day'
                    THEN 'impossible_time' END],
               NULL),
           t.relation, CASE WHEN t.customer_key IS NOT NULL THEN t.customer_relation END, t.customer_key, t.anonymous_id
    FROM timed t
    LEFT JOIN stage_step s ON s.funnel = t.funnel AND s.from_stage = t.from_stage AND s.to_stage = t.stage;
END
$$;
COMMENT ON FUNCTION @extschema@.write_changes(pg_catalog.regclass, @extschema@.tracked_row[], text[]) IS
'Writes a transition for each updated row whose stage changed.';
SELECT @extschema@.set_audience('write_changes(regclass, tracked_row[], text[])', 'admin');

-- Two writers of one record do not see each other's events. Whoever cannot have the record's lock at once, or reads an old
-- snapshot, marks what it writes instead of waiting, and settle_transitions looks again.
CREATE FUNCTION @extschema@.hold_record(record_key text) RETURNS boolean
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN pg_try_advisory_xact_lock(hashtext('@extschema@.transition_log'), hashtext(record_key) & 255);
COMMENT ON FUNCTION @extschema@.hold_record(text) IS
'Tries to hold, until the transaction ends, the lock under which the order of a record''s events is derived. There are 256 of '
'them for all records, so that a large statement cannot fill the lock table.';

CREATE FUNCTION @extschema@.write_events(relation pg_catalog.regclass, rows @extschema@.event_row[], flags text[]) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
    SET plan_cache_mode = force_custom_plan AS $$ -- one row or twenty thousand: the plans differ
DECLARE
    keys text[] := ARRAY(SELECT DISTINCT i.record_key FROM unnest(rows) i);
    late text[];
    contended text[];
    feed tracking;
BEGIN
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
