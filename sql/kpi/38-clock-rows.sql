-- Making clocks, from the rows of an adopted table and their history.

-- What decides about clocks is evaluated where the rows are read. Conditions are wrapped by line, since they may end in a comment.
CREATE FUNCTION @extschema@.clock_verdicts(attributes record, conditions text[]) RETURNS text[]
    AS 'MODULE_PATHNAME', 'crm_clock_verdicts' LANGUAGE C IMMUTABLE STRICT PARALLEL UNSAFE COST 100;
COMMENT ON FUNCTION @extschema@.clock_verdicts(record, text[]) IS
'What conditions over the columns of a record say of it, each an immutable expression: empty text where it holds, NULL where it does not, '
'else the error that it raised. Runs with the rights of who calls it. Error: RM005 for NULL among the conditions.';

CREATE FUNCTION @extschema@.clock_source(relation pg_catalog.regclass, keys text[], conditions text[], fallible boolean) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    a adoption;
    names text[];
    attributes text;
BEGIN
    SELECT * INTO a FROM adoption x WHERE x.relation = clock_source.relation;
    SELECT array_agg(e.attribute), string_agg(selected_attribute(a.relation, e.attribute, e.kind), ', ')
    INTO names, attributes FROM entity_attribute e WHERE e.entity = a.entity;
    RETURN format(
        'SELECT a.id, coalesce(a.unit, %L), %s, a.owner, %s, %s, %s, finite(coalesce(%s)), %s, finite(coalesce(%s)), %s, %s, %s '
        'FROM (SELECT %s FROM %s r WHERE %s) a',
        a.fallback_unit,
        CASE WHEN 'stage' = ANY (names) THEN 'nullif(btrim(stage), '''')' ELSE 'NULL::text' END,
        CASE WHEN 'channel' = ANY (names) THEN 'channel' ELSE 'NULL::text' END,
        CASE WHEN 'product' = ANY (names) THEN 'product' ELSE 'NULL::text' END,
        CASE WHEN 'segment' = ANY (names) THEN 'segment' ELSE 'NULL::text' END,
        (SELECT string_agg(n, ', ' ORDER BY o) FROM unnest(ARRAY['opened_at', 'started_at', 'created_at']) WITH ORDINALITY u (n, o) WHERE n = ANY (names)),
        CASE WHEN 'first_response_at' = ANY (names) THEN 'finite(first_response_at)' ELSE 'NULL::timestamptz' END,
        coalesce((SELECT string_agg(n, ', ') FROM unnest(ARRAY['resolved_at', 'closed_at']) n WHERE n = ANY (names)), 'NULL::timestamptz'),
        CASE WHEN 'promised_on' = ANY (names) THEN 'CASE WHEN isfinite(promised_on) THEN promised_on END' ELSE 'NULL::date' END,
        CASE WHEN 'live_at' = ANY (names) THEN 'finite(live_at)' ELSE 'NULL::timestamptz' END,
        CASE WHEN fallible THEN format('@extschema@.clock_verdicts(a, %L::text[])', conditions)
             ELSE (SELECT 'ARRAY[' || coalesce(string_agg(format(E'CASE WHEN (%s\n) THEN '''' END', c), ', ' ORDER BY n), '') || ']::text[]'
                   FROM unnest(conditions) WITH ORDINALITY u (c, n)) END,
        attributes, relation, CASE WHEN keys IS NULL THEN 'true' ELSE key_condition(relation, 'id', format('%L::text[]', keys)) END);
END
$$;
COMMENT ON FUNCTION @extschema@.clock_source(pg_catalog.regclass, text[], text[], boolean) IS
'SQL for what clocks need of the rows of a table: of these keys, or all where keys is NULL; and what each of the conditions says, as '
'clock_verdicts does. fallible: one of them may raise an error.';
SELECT @extschema@.set_audience('clock_source(regclass, text[], text[], boolean)', 'internal');

-- The service levels of a table, as its rows and its funnel read them; last the measures that every ticket has.
CREATE FUNCTION @extschema@.clock_levels(relation pg_catalog.regclass)
    RETURNS TABLE (n integer, sla text, version integer, clock text, kind text, named text, condition text, target interval, calendar text,
                   works text, zone text, pauses text[], warn_at numeric, warning interval, "position" integer, timed boolean, fallible boolean, since timestamptz, until timestamptz)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 20 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT row_number() OVER (ORDER BY l.sla, l.version)::integer, l.sla, l.version, l.clock, split_part(l.clock, ':', 1),
           nullif(split_part(l.clock, ':', 2), ''), l.condition, l.target, l.calendar, working_calendar(l.calendar),
           coalesce((SELECT c.zone FROM calendar c WHERE c.calendar = l.calendar), default_zone()),
           ARRAY(SELECT r.read_as FROM unnest(l.pause_stages) p JOIN stage_read r
                 ON r.funnel = f.funnel AND r.stage = resolve_stage(f.funnel, p)
                 UNION SELECT r.stage FROM stage_read r WHERE l.sla IS NULL AND l.clock = 'resolution' AND r.funnel = f.funnel AND r.kind = 'waiting'),
           l.warn_at, l.target * l.warn_at::float8, l."position", l.timed, l.fallible, l.since, l.until
    FROM adoption a
    CROSS JOIN LATERAL (SELECT clock_funnel(a.relation) AS funnel) f
    CROSS JOIN LATERAL (
        SELECT s.* FROM sla s WHERE s.entity = a.entity
        UNION ALL
        SELECT NULL, NULL, 'ticket', m.clock, 'true', NULL, 'default', '{}', 1, 2147483647, true, false, '-infinity', 'infinity'
        FROM unnest(ARRAY['first_response', 'resolution']) AS m (clock) WHERE a.entity = 'ticket') l
    WHERE a.relation = clock_levels.relation
$$;
COMMENT ON FUNCTION @extschema@.clock_levels(pg_catalog.regclass) IS
'The versions of service levels for the records of a table: works is the calendar where it has working hours, pauses are stages of the '
'table''s funnel. sla NULL: the measure that every ticket has, by the calendar "default", whose resolution stands still in stages of the kind waiting.';
SELECT @extschema@.set_audience('clock_levels(regclass)', 'internal');

CREATE FUNCTION @extschema@.clock_rows(relation pg_catalog.regclass, keys text[] DEFAULT NULL) RETURNS SETOF @extschema@.record_clock
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE COST 100000 ROWS 1000
    SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off AS $$
#variable_conflict use_column
DECLARE
    source CONSTANT text := (SELECT clock_source(clock_rows.relation, keys, array_agg(l.condition ORDER BY l.n), coalesce(bool_or(l.fallible), false))
                             FROM clock_levels(clock_rows.relation) l);
BEGIN
    RETURN QUERY
    WITH level AS MATERIALIZED (SELECT * FROM clock_levels(clock_rows.relation)),
    funnel AS MATERIALIZED (SELECT clock_funnel(clock_rows.relation) AS funnel),
    taken AS MATERIALIZED (
        SELECT t.* FROM many_rows_as_owner(clock_rows.relation, source)
            AS t (record_key text, unit text, stage text, owner text, channel text, product text, segment text, started timestamptz,
                  responded timestamptz, closed timestamptz, promised date, live timestamptz, verdicts text[])),
    log AS MATERIALIZED (
        SELECT l.record_key, l."sequence", l.id, l.at, r.read_as AS stage, s.milestone, coalesce(s.kind, '') = ANY ('{won,lost,after_win,churned}') AS over,
               coalesce('estimated_time' = ANY (l.flags), false) AS guessed -- it was there when the row came, and the row does not tell since when
        FROM funnel f
        JOIN transition_log l ON l.funnel = f.funnel
        LEFT JOIN stage_read r ON r.funnel = l.funnel AND r.stage = l.to_stage
        LEFT JOIN funnel_stage s ON s.funnel = l.funnel AND s.stage = r.read_as
        WHERE l.relation = clock_rows.relation AND l.at IS NOT NULL AND isfinite(l.at) AND (keys IS NULL OR l.record_key = ANY (keys))),
    story AS MATERIALIZED (
        SELECT g.record_key, array_agg(g.at ORDER BY g.n) AS ats, array_agg(g.stage ORDER BY g.n) AS stages, array_agg(g.over ORDER BY g.n) AS overs,
               array_agg(CASE WHEN NOT g.guessed THEN g.milestone END ORDER BY g.n) AS milestones, min(g.at) FILTER (WHERE g.over AND NOT g.guessed) AS first_over,
               min(g.at) FILTER (WHERE g.over AND NOT g.guessed AND g.n > coalesce(g.last_open, 0)) AS last_over, bool_or(g.over AND g.n > coalesce(g.last_open, 0)) AS is_over
        FROM (SELECT o.*, max(o.n) FILTER (WHERE NOT o.over) OVER (PARTITION BY o.record_key) AS last_open
              FROM (SELECT l.*, row_number() OVER (PARTITION BY l.record_key ORDER BY l."sequence", l.id) AS n FROM log l) o) g
        GROUP BY g.record_key),
    word AS MATERIALIZED (SELECT w.word, w.outcome, w.stage FROM stage_word w JOIN funnel f ON f.funnel = w.funnel),
    present AS MATERIALIZED (
        SELECT r.*, y.ats, y.stages, y.overs, y.milestones, y.first_over, o.is_over,
               CASE WHEN o.is_over THEN coalesce(r.closed, y.last_over) END AS ended
        FROM taken r
        CROSS JOIN funnel f
        LEFT JOIN story y ON y.record_key = r.record_key
        LEFT JOIN word w ON w.word = stage_spelling(f.funnel, r.stage)
        CROSS JOIN LATERAL (SELECT coalesce(w.outcome <> 'open', CASE WHEN r.stage IS NULL THEN y.is_over END, r.closed IS NOT NULL) AS is_over) o),
    timed AS (
        SELECT p.*, c.clock, c.kind, c.named, t.started AS began, s.stopped,
               CASE c.kind WHEN 'resolution' THEN least(CASE WHEN p.first_over >= p.started THEN p.first_over END, s.stopped)
                           WHEN 'first_response' THEN p.responded ELSE s.stopped END AS first_stop
        FROM present p
        CROSS JOIN (SELECT DISTINCT l.clock, l.kind, l.named FROM level l) c
        CROSS JOIN LATERAL (SELECT CASE c.kind WHEN 'stage' THEN p.ats[array_position(p.stages, c.named)] ELSE p.started END AS started) t
        CROSS JOIN LATERAL (
            SELECT CASE c.kind WHEN 'resolution' THEN p.ended
                               WHEN 'first_response' THEN coalesce(p.responded, p.ended)
                               WHEN 'promise' THEN coalesce(p.live, p.ended)
                               WHEN 'milestone' THEN coalesce(p.ats[array_position(p.milestones, c.named)], p.ended)
                               ELSE (SELECT p.ats[max(i) + 1] FROM generate_subscripts(p.stages, 1) i WHERE p.stages[i] = c.named) END AS stopped) s
        WHERE t.started IS NOT NULL AND (s.stopped IS NOT NULL OR c.kind = 'stage' OR NOT p.is_over) AND (c.kind <> 'promise' OR p.promised IS NOT NULL)),
    chosen AS (
        SELECT t.*, v.n, v.error
        FROM timed t
        LEFT JOIN record_clock k ON k.relation = clock_rows.relation AND k.record_key = t.record_key AND k.clock = t.clock
                                AND k.sla IS NOT NULL AND k.stopped_at = t.stopped AND k.error IS NULL
        CROSS JOIN LATERAL (
            SELECT l.n, CASE WHEN k.sla = l.sla AND k.version = l.version THEN NULL ELSE nullif(t.verdicts[l.n], '') END AS error
            FROM level l
            WHERE l.clock = t.clock AND (k.sla = l.sla AND k.version = l.version OR t.verdicts[l.n] IS NOT NULL AND t.began >= l.since AND t.began < l.until)
            ORDER BY k.sla = l.sla AND k.version = l.version DESC NULLS LAST, l."position", l.sla, l.version LIMIT 1) v)
    SELECT clock_rows.relation, c.record_key, c.clock, l.sla, l.version, CASE WHEN known THEN l.calendar END, CASE WHEN known THEN l.target END,
           c.began, c.first_stop, c.stopped,
           CASE WHEN known THEN u.paused_since END, CASE WHEN known THEN d.due_at END, CASE WHEN known THEN d.warning_at END,
           CASE WHEN known AND c.first_stop >= c.began THEN u.first_used END,
           CASE WHEN known AND (c.stopped IS NULL OR c.stopped >= c.began) THEN u.used END,
           f.funnel, c.unit, coalesce(c.stage, c.stages[cardinality(c.stages)]), c.channel, c.product, c.owner, c.segment, c.error
    FROM chosen c
    CROSS JOIN LATERAL (SELECT c.error IS NULL AS known) e
    JOIN level l ON l.n = c.n
    CROSS JOIN funnel f
    CROSS JOIN LATERAL clock_run(
        l.works, c.began, c.stopped, CASE WHEN l.kind = 'promise' THEN '{}' ELSE coalesce(c.ats, '{}') END,
        CASE l.kind WHEN 'promise' THEN '{}'
             WHEN 'stage' THEN ARRAY(SELECT x IS NOT DISTINCT FROM l.named FROM unnest(c.stages) WITH ORDINALITY u (x, i) ORDER BY i)
             ELSE ARRAY(SELECT NOT o AND (x IS NULL OR x <> ALL (l.pauses)) FROM unnest(c.stages, c.overs) WITH ORDINALITY u (x, o, i) ORDER BY i) END,
        c.first_stop, l.target, l.warning) u
    CROSS JOIN LATERAL (SELECT (c.promised + 1)::timestamp AT TIME ZONE l.zone AS midnight) m
    CROSS JOIN LATERAL (
        SELECT CASE l.kind WHEN 'promise' THEN clock_deadline(l.works, m.midnight, l.target) ELSE u.due_at END AS due_at,
               CASE l.kind WHEN 'promise' THEN clock_deadline(NULL, c.began, make_interval(secs => (extract(epoch FROM clock_deadline(l.works, m.midnight, l.target) - c.began) * l.warn_at)::float8))
                           ELSE u.warning_at END AS warning_at) d
    WHERE l.timed OR NOT known;
END
$$;
COMMENT ON FUNCTION @extschema@.clock_rows(pg_catalog.regclass, text[]) IS
'The clocks of records of a table, of these keys or all, made from the rows and their history in the statement''s snapshot. A clock that '
'record_clock has as stopped at the same time keeps its service level. One whose level is not known, since a condition fails, has an error, and '
'neither target nor times but when it started and stopped.';
SELECT @extschema@.set_audience('clock_rows(regclass, text[])', 'internal');
