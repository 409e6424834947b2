-- What was promised before the hand-over, seen by those who deliver; and the view handover.

CREATE FUNCTION @extschema@.project_query(keys text[] DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN (
        SELECT string_agg(format(
            'SELECT %1$s::regclass AS relation, t.record_key, %2$s::regclass AS deal_relation, t.deal_key, %3$s::regclass AS customer_relation, '
            't.customer_key, t.promised, t.promised_on, (t.live_at AT TIME ZONE %4$L)::date AS live_on, (now() AT TIME ZONE %4$L)::date AS today, '
            't.begun FROM rows_as_owner(%1$s::regclass, %5$L) AS t (record_key text, deal_key text, customer_key text, promised text, '
            'promised_on date, live_at timestamptz, begun timestamptz, decides text[]) CROSS JOIN LATERAL (%6$s) s WHERE %7$s',
            p.relation::oid, coalesce(p.deals::oid::text, 'NULL'), coalesce(p.customers::oid::text, 'NULL'), p.zone,
            format('SELECT @extschema@.map_id(r)::text, %s, %s, %s, %s, %s, %s, %s AS decides FROM %s r WHERE %s',
                   m.deal_key, m.customer_key, m.promised, m.promised_on, m.live_at, coalesce(mapped_instant(p.relation, '{started_at,created_at}'), 'NULL::timestamptz'),
                   x.decides, p.relation,
                   CASE WHEN keys IS NULL THEN 'true' ELSE
                        concat_ws(' OR ', key_condition(p.relation, 'id', quote_literal(keys) || '::text[]'),
                                  CASE WHEN has_attribute(p.relation, 'opportunity') THEN key_condition(p.relation, 'opportunity', quote_literal(keys) || '::text[]') END,
                                  CASE WHEN has_attribute(p.relation, 'customer') THEN key_condition(p.relation, 'customer', quote_literal(keys) || '::text[]') END) END),
            x.source, x.condition), ' UNION ALL ' ORDER BY p.relation::oid)
        FROM (SELECT a.relation, a.zone, d.reference AS deals, c.reference AS customers
              FROM adoption a
              LEFT JOIN adoption_attribute d ON d.relation = a.relation AND d.attribute = 'opportunity'
              LEFT JOIN adoption_attribute c ON c.relation = a.relation AND c.attribute = 'customer'
              WHERE a.entity = 'project' AND (has_attribute(a.relation, 'promised') OR has_attribute(a.relation, 'promised_on'))) p
        CROSS JOIN LATERAL access_terms(p.relation, 'read') x
        CROSS JOIN LATERAL (
            SELECT max(v.read) FILTER (WHERE v.name = 'opportunity') AS deal_key, max(v.read) FILTER (WHERE v.name = 'customer') AS customer_key,
                   max(v.read) FILTER (WHERE v.name = 'promised') AS promised, max(v.read) FILTER (WHERE v.name = 'promised_on') AS promised_on,
                   max(v.read) FILTER (WHERE v.name = 'live_at') AS live_at
            FROM (SELECT n.name, CASE WHEN has_attribute(p.relation, n.name) THEN format('@extschema@.map_%s(r)::%s', n.name, n.type)
                                      ELSE 'NULL::' || n.type END AS read
                  FROM (VALUES ('opportunity', 'text'), ('customer', 'text'), ('promised', 'text'), ('promised_on', 'date'), ('live_at', 'timestamptz'))
                       AS n (name, type)) v) m
        WHERE x.condition <> 'false');
END
$$;
COMMENT ON FUNCTION @extschema@.project_query(text[]) IS
'A query for the promises of the projects that the caller may read (with keys: those that these keys can lead to): the project, the deal and customer that '
'it refers to, what was promised by which day, the day it went live and today in the table''s zone. NULL where there are none.';
SELECT @extschema@.set_audience('project_query(text[])', 'internal');

CREATE TYPE @extschema@.project_promise AS (relation pg_catalog.regclass, record_key text, deal_relation pg_catalog.regclass, deal_key text,
                                           customer_relation pg_catalog.regclass, customer_key text, promised text, promised_on date,
                                           live_on date, today date, begun timestamptz);
COMMENT ON TYPE @extschema@.project_promise IS 'A row of project_query.';

CREATE FUNCTION @extschema@.readable_projects(keys text[] DEFAULT NULL) RETURNS SETOF @extschema@.project_promise
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 1000 COST 10000 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    query CONSTANT text := project_query(keys);
BEGIN
    IF query IS NOT NULL THEN
        RETURN QUERY EXECUTE query;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.readable_projects(text[]) IS 'The rows of project_query.';
SELECT @extschema@.set_audience('readable_projects(text[])', 'internal');

CREATE FUNCTION @extschema@.handover_rows(funnel text DEFAULT NULL, ids bigint[] DEFAULT NULL)
    RETURNS TABLE (handover bigint, funnel_key text, relation pg_catalog.regclass, record_key text, customer_id bigint,
                   from_department text, to_department text, from_stage text, to_stage text, unit text, offered_at timestamptz,
                   state text, answered_at timestamptz, answered_by text, reason text, note text, left_at timestamptz, answer_within interval,
                   calendar text, due_at timestamptz, remaining interval, overdue boolean, answered_late boolean, project pg_catalog.regclass,
                   project_key text, promised text, promised_on date, live_on date, kept boolean, promise jsonb, promise_by text,
                   promise_at timestamptz)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 1000 COST 100000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    keys text[];
BEGIN
    IF ids IS NOT NULL THEN
        SELECT array_agg(DISTINCT k.key) INTO keys
        FROM transition_log t CROSS JOIN LATERAL (VALUES (t.record_key), (t.customer_key)) k (key)
        WHERE t.id = ANY (handover_rows.ids) AND k.key IS NOT NULL;
    END IF;
    RETURN QUERY
    WITH seen AS MATERIALIZED (
        SELECT h.*, coalesce(b.kind = 'won' OR n.kind = 'after_win', false) AS delivers
        FROM timed_handovers(handover_rows.funnel, handover_rows.ids) h
        LEFT JOIN funnel_stage b ON b.funnel = h.funnel_key AND b.stage = h.from_stage
        LEFT JOIN funnel_stage n ON n.funnel = h.funnel_key AND n.stage = h.to_stage
        WHERE ((h.relation, h.source, coalesce(h.unit, ''))
               IN (SELECT a.relation, a.source, coalesce(a.unit, '') FROM readable_sources(handover_rows.ids) a)) IS TRUE),
    project AS MATERIALIZED (SELECT * FROM readable_projects(keys)),
    found AS (
        SELECT h.id, p.relation, p.record_key, 1 AS rank FROM seen h JOIN project p USING (relation, record_key)
        UNION ALL
        SELECT h.id, p.relation, p.record_key, 2
        FROM seen h JOIN project p ON p.deal_relation = h.relation AND p.deal_key = h.record_key WHERE h.delivers
        UNION ALL
        SELECT h.id, p.relation, p.record_key, 3
        FROM seen h JOIN project p ON p.customer_relation = h.place_relation AND p.customer_key = h.place_key
        WHERE h.delivers AND p.deal_key IS NULL AND coalesce(p.begun, h.offered_at) >= h.offered_at - interval '1 day'),
    chosen AS MATERIALIZED (
        SELECT DISTINCT ON (f.id) f.id, p.*
        FROM found f JOIN project p USING (relation, record_key)
        ORDER BY f.id, f.rank, p.begun NULLS LAST, p.promised_on, p.record_key),
    told AS (SELECT DISTINCT ON (w.handover) w.* FROM handover_promise w ORDER BY w.handover, w.id DESC)
    SELECT h.handover, h.funnel_key, h.relation, h.record_key, h.customer_id, h.from_department, h.to_department, h.from_stage, h.to_stage,
           resolve_unit(h.unit), h.offered_at, h.state, h.answered_at, h.answered_by, h.reason, h.note, h.left_at, h.answer_within,
           CASE WHEN h.due_at IS NOT NULL THEN h.calendar END, h.due_at, h.remaining, h.overdue, h.answered_late, c.relation, c.record_key,
           c.promised, coalesce(c.promised_on, w.promised_on), c.live_on,
           CASE WHEN c.live_on IS NOT NULL THEN c.live_on <= coalesce(c.promised_on, w.promised_on)
                WHEN c.today > coalesce(c.promised_on, w.promised_on) THEN false END,
           w.promise, w.given_by, w.given_at
    FROM seen h
    LEFT JOIN chosen c ON c.id = h.id
    LEFT JOIN told w ON w.handover = h.handover;
END
$$;
COMMENT ON FUNCTION @extschema@.handover_rows(text, bigint[]) IS
'The rows of the view handover; of a funnel, or among these transitions.';

CREATE VIEW @extschema@.handover AS
SELECT h.handover, h.funnel_key AS funnel, h.relation, h.record_key, h.customer_id, h.from_department, h.to_department, h.from_stage, h.to_stage,
       h.unit, h.offered_at, h.state, h.answered_at, h.answered_by, h.reason, h.note, h.left_at, h.answer_within, h.calendar, h.due_at,
       h.remaining, h.overdue, h.answered_late, h.project, h.project_key, h.promised, h.promised_on, h.live_on, h.kept, h.promise,
       h.promise_by, h.promise_at
FROM @extschema@.handover_rows() h;
COMMENT ON VIEW @extschema@.handover IS
'Each time a subject went from one department''s stage to another''s, of the records that you may read.';
COMMENT ON COLUMN @extschema@.handover.handover IS 'Its number, which never changes once something was said of it.';
COMMENT ON COLUMN @extschema@.handover.funnel IS 'Key of the funnel.';
COMMENT ON COLUMN @extschema@.handover.relation IS 'The table of the record that came into the stage.';
COMMENT ON COLUMN @extschema@.handover.record_key IS 'The record''s key.';
COMMENT ON COLUMN @extschema@.handover.customer_id IS 'The customer that it is about, as linked now.';
COMMENT ON COLUMN @extschema@.handover.from_department IS 'Who hands over.';
COMMENT ON COLUMN @extschema@.handover.to_department IS 'Who is to take over.';
COMMENT ON COLUMN @extschema@.handover.from_stage IS 'The subject''s stage before.';
COMMENT ON COLUMN @extschema@.handover.to_stage IS 'The stage that it came into.';
COMMENT ON COLUMN @extschema@.handover.unit IS 'The unit of the record.';
COMMENT ON COLUMN @extschema@.handover.offered_at IS 'When it came into the stage.';
COMMENT ON COLUMN @extschema@.handover.state IS 'offered (waits for an answer), accepted, refused; without an answer: withdrawn (it went back to the department before) or superseded (it went on to another). An answer that came later counts.';
COMMENT ON COLUMN @extschema@.handover.answered_at IS 'When it was accepted or refused.';
COMMENT ON COLUMN @extschema@.handover.answered_by IS 'By whom: the principal, or the database role.';
COMMENT ON COLUMN @extschema@.handover.reason IS 'Why it was refused.';
COMMENT ON COLUMN @extschema@.handover.note IS 'What was added to the reason.';
COMMENT ON COLUMN @extschema@.handover.left_at IS 'When the subject left the receiving department.';
COMMENT ON COLUMN @extschema@.handover.answer_within IS 'The agreed working time for an answer, of the limit that held when it was offered; NULL without one.';
COMMENT ON COLUMN @extschema@.handover.calendar IS 'The calendar of that limit.';
COMMENT ON COLUMN @extschema@.handover.due_at IS 'When the answer is due.';
COMMENT ON COLUMN @extschema@.handover.remaining IS 'While it waits: working time until it is due, negative once it is overdue.';
COMMENT ON COLUMN @extschema@.handover.overdue IS 'Whether it waits and was due; NULL without a limit.';
COMMENT ON COLUMN @extschema@.handover.answered_late IS 'Whether the answer came after it was due; NULL without answer or limit.';
COMMENT ON COLUMN @extschema@.handover.project IS 'The table of the project that follows the win, where you may read it: the record itself, one that refers to the deal, or else to the customer.';
COMMENT ON COLUMN @extschema@.handover.project_key IS 'The project''s key.';
COMMENT ON COLUMN @extschema@.handover.promised IS 'What the project says was promised.';
COMMENT ON COLUMN @extschema@.handover.promised_on IS 'The day that was promised: the project''s, else that of promise_handover.';
COMMENT ON COLUMN @extschema@.handover.live_on IS 'The day the project went live.';
COMMENT ON COLUMN @extschema@.handover.kept IS 'Whether it was live by the promised day; NULL while that is open.';
COMMENT ON COLUMN @extschema@.handover.promise IS 'What promise_handover noted last.';
COMMENT ON COLUMN @extschema@.handover.promise_by IS 'Who noted it.';
COMMENT ON COLUMN @extschema@.handover.promise_at IS 'When.';
GRANT SELECT ON @extschema@.handover TO PUBLIC;

CREATE FUNCTION @extschema@.record_handover(relation pg_catalog.regclass, record_key text)
    RETURNS SETOF @extschema@.handover
    LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 3 COST 10000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT h.* FROM handover_rows(NULL, same_subjects(ARRAY(
        SELECT t.id FROM transition_log t WHERE t.relation = record_handover.relation AND t.record_key = record_handover.record_key))) h
    WHERE h.relation = record_handover.relation AND h.record_key = record_handover.record_key
    ORDER BY h.offered_at, h.handover
$$;
COMMENT ON FUNCTION @extschema@.record_handover(pg_catalog.regclass, text) IS
'The rows of the view handover of one record, without reading the others. Example: SELECT * FROM crm.record_handover(''public.deals'', ''17'');';
