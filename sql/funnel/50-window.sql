-- Aggregates over rows with a time: window_funnel, window_funnel_mode, sequence_match, sequence_count; and retention.

CREATE FUNCTION @extschema@.row_state_combine(internal, internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'crm_row_state_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.row_state_combine(internal, internal) IS 'Joins two states of rows with a time.';
CREATE FUNCTION @extschema@.row_state_serialize(internal) RETURNS bytea
    AS 'MODULE_PATHNAME', 'crm_row_state_serialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.row_state_serialize(internal) IS 'A state of rows with a time as bytes.';
CREATE FUNCTION @extschema@.row_state_deserialize(bytea, internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'crm_row_state_deserialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.row_state_deserialize(bytea, internal) IS 'A state of rows with a time from bytes.';

CREATE FUNCTION @extschema@.window_funnel_step(internal, interval, timestamptz, VARIADIC boolean[]) RETURNS internal
    AS 'MODULE_PATHNAME', 'crm_window_funnel_step' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.window_funnel_step(internal, interval, timestamptz, boolean[]) IS 'Step of window_funnel.';
CREATE FUNCTION @extschema@.window_funnel_mode_step(internal, text, interval, timestamptz, VARIADIC boolean[]) RETURNS internal
    AS 'MODULE_PATHNAME', 'crm_window_funnel_mode_step' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.window_funnel_mode_step(internal, text, interval, timestamptz, boolean[]) IS
'Step of window_funnel_mode.';
CREATE FUNCTION @extschema@.window_funnel_final(internal) RETURNS integer
    AS 'MODULE_PATHNAME', 'crm_window_funnel_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.window_funnel_final(internal) IS 'Final function of window_funnel and window_funnel_mode.';

CREATE AGGREGATE @extschema@.window_funnel(within interval, at timestamptz, VARIADIC steps boolean[]) (
    SFUNC = @extschema@.window_funnel_step, STYPE = internal, FINALFUNC = @extschema@.window_funnel_final,
    COMBINEFUNC = @extschema@.row_state_combine, SERIALFUNC = @extschema@.row_state_serialize,
    DESERIALFUNC = @extschema@.row_state_deserialize, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.window_funnel(interval, timestamptz, boolean[]) IS
'How many of up to 64 steps were reached in this order, each by another row, the last at most `within` after the first (days '
'of 24 hours; NULL: no limit); the best attempt counts. Rows with equal times count in the order in which they come: write '
'ORDER BY at, sequence inside the call where that matters. Rows without a time are left out. '
'Example: SELECT who, crm.window_funnel(''7 days'', at, page = ''start'', page = ''form'', page = ''done'') FROM visit GROUP BY who;';
-- The same of two to eight steps without an array, which costs more for each row than all the rest. A call finds them by itself.
DO $$
DECLARE
    steps text;
BEGIN
    FOR count IN 2..8 LOOP
        steps := repeat(', boolean', count);
        EXECUTE format($create$
            CREATE FUNCTION @extschema@.window_funnel_step(internal, interval, timestamptz%1$s) RETURNS internal
                AS 'MODULE_PATHNAME', 'crm_window_funnel_listed_step' LANGUAGE C IMMUTABLE PARALLEL SAFE;
            COMMENT ON FUNCTION @extschema@.window_funnel_step(internal, interval, timestamptz%1$s) IS
            'Step of window_funnel with %2$s steps.';
            CREATE AGGREGATE @extschema@.window_funnel(within interval, at timestamptz%1$s) (
                SFUNC = @extschema@.window_funnel_step, STYPE = internal, FINALFUNC = @extschema@.window_funnel_final,
                COMBINEFUNC = @extschema@.row_state_combine, SERIALFUNC = @extschema@.row_state_serialize,
                DESERIALFUNC = @extschema@.row_state_deserialize, PARALLEL = SAFE);
            COMMENT ON AGGREGATE @extschema@.window_funnel(interval, timestamptz%1$s) IS
            'window_funnel(within, at, VARIADIC steps) with %2$s steps, faster.'
            $create$, steps, count);
    END LOOP;
END $$;

CREATE AGGREGATE @extschema@.window_funnel_mode(mode text, within interval, at timestamptz, VARIADIC steps boolean[]) (
    SFUNC = @extschema@.window_funnel_mode_step, STYPE = internal, FINALFUNC = @extschema@.window_funnel_final,
    COMBINEFUNC = @extschema@.row_state_combine, SERIALFUNC = @extschema@.row_state_serialize,
    DESERIALFUNC = @extschema@.row_state_deserialize, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.window_funnel_mode(text, interval, timestamptz, boolean[]) IS
'window_funnel by the modes that ClickHouse documents, one or several separated by commas (empty: none): strict_deduplication '
'(a step but the first that comes again ends the search), strict_order (after the first step, any row that is not the next step '
'ends the search), strict_increase (each step is later than the one before, not of the same time), strict_once (a row counts for '
'one step: always so), allow_reentry (with strict_order, steps that come again are passed over). Errors: RM005. '
'Example: SELECT who, crm.window_funnel_mode(''strict_order'', ''7 days'', at, page = ''start'', page = ''done'') FROM visit GROUP BY who;';

CREATE FUNCTION @extschema@.sequence_step(internal, text, timestamptz, VARIADIC boolean[]) RETURNS internal
    AS 'MODULE_PATHNAME', 'crm_sequence_step' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.sequence_step(internal, text, timestamptz, boolean[]) IS 'Step of sequence_match and sequence_count.';
CREATE FUNCTION @extschema@.sequence_match_final(internal) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_sequence_match_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.sequence_match_final(internal) IS 'Final function of sequence_match.';
CREATE FUNCTION @extschema@.sequence_count_final(internal) RETURNS bigint
    AS 'MODULE_PATHNAME', 'crm_sequence_count_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.sequence_count_final(internal) IS 'Final function of sequence_count.';

CREATE AGGREGATE @extschema@.sequence_match(pattern text, at timestamptz, VARIADIC conditions boolean[]) (
    SFUNC = @extschema@.sequence_step, STYPE = internal, FINALFUNC = @extschema@.sequence_match_final,
    COMBINEFUNC = @extschema@.row_state_combine, SERIALFUNC = @extschema@.row_state_serialize,
    DESERIALFUNC = @extschema@.row_state_deserialize, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.sequence_match(text, timestamptz, boolean[]) IS
'Whether rows, by time, occur in a pattern: (?1) a row for which condition 1 is true, . any row, .* any number of rows in between, '
'(?t<=3600) any number of rows in between and at most so many seconds (also <, ==, >=, >). Without .* or a time, the next row '
'follows at once. Rows for which no condition is true, or without a time, are not there; up to 64 conditions. The language is that '
'of ClickHouse''s sequenceMatch. Errors: RM005. '
'Example: SELECT who, crm.sequence_match(''(?1)(?t<=3600)(?2)'', at, page = ''form'', page = ''done'') FROM visit GROUP BY who;';
CREATE AGGREGATE @extschema@.sequence_count(pattern text, at timestamptz, VARIADIC conditions boolean[]) (
    SFUNC = @extschema@.sequence_step, STYPE = internal, FINALFUNC = @extschema@.sequence_count_final,
    COMBINEFUNC = @extschema@.row_state_combine, SERIALFUNC = @extschema@.row_state_serialize,
    DESERIALFUNC = @extschema@.row_state_deserialize, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.sequence_count(text, timestamptz, boolean[]) IS
'How often rows, by time, occur in a pattern as sequence_match has it; each time ends as early as it can, and the next begins '
'after it. Example: SELECT who, crm.sequence_count(''(?1).*(?2)'', at, page = ''form'', page = ''done'') FROM visit GROUP BY who;';

CREATE FUNCTION @extschema@.retention_step(boolean[], VARIADIC boolean[]) RETURNS boolean[]
    AS 'MODULE_PATHNAME', 'crm_retention_step' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.retention_step(boolean[], boolean[]) IS 'Step of retention.';
CREATE FUNCTION @extschema@.retention_combine(boolean[], boolean[]) RETURNS boolean[]
    AS 'MODULE_PATHNAME', 'crm_retention_combine' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.retention_combine(boolean[], boolean[]) IS 'Joins two states of retention.';
CREATE FUNCTION @extschema@.retention_final(boolean[]) RETURNS boolean[]
    AS 'MODULE_PATHNAME', 'crm_retention_final' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.retention_final(boolean[]) IS 'Final function of retention.';
CREATE AGGREGATE @extschema@.retention(VARIADIC conditions boolean[]) (
    SFUNC = @extschema@.retention_step, STYPE = boolean[], FINALFUNC = @extschema@.retention_final,
    COMBINEFUNC = @extschema@.retention_combine, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.retention(boolean[]) IS
'Of a subject''s rows: whether the first condition was ever true, and for each other one whether it was, and the first one too; in '
'any order. NULL over no rows. '
'Example: SELECT crm.retention(day = ''2026-01-01'', day = ''2026-01-02'', day = ''2026-01-08'') FROM visit GROUP BY who;';

-- Subjects: linked customers, or records.
CREATE VIEW @extschema@.subject_transition AS
SELECT t.id, t.funnel, t.relation, t.record_key, t."sequence", coalesce(fs.read_as, t.from_stage) AS from_stage,
       coalesce(ts.read_as, t.to_stage) AS to_stage, t.value, t.at, t.recorded_at, t.by, t.unit, t.department, t.direction,
       t.first_entry, t.flags, t.source, t.source_key, t.customer_relation, t.customer_key, t.anonymous_id,
       coalesce(r.customer_id, v.customer_id) AS customer_id,
       CASE WHEN r.customer_id IS NOT NULL THEN 'customer ' || r.customer_id
            WHEN v.customer_id IS NOT NULL THEN 'customer ' || v.customer_id
            WHEN f.subject = 'customer' AND t.anonymous_id IS NOT NULL THEN 'visitor ' || t.anonymous_id
            WHEN f.subject = 'customer'
                THEN coalesce(t.customer_relation, t.relation)::pg_catalog.oid || ' ' || coalesce(t.customer_key, t.record_key)
            ELSE t.relation::pg_catalog.oid || ' ' || t.record_key END AS subject
FROM @extschema@.transition_log t
JOIN @extschema@.funnel f USING (funnel)
LEFT JOIN @extschema@.funnel_stage fs ON fs.funnel = t.funnel AND fs.stage = t.from_stage AND fs.read_as IS NOT NULL
LEFT JOIN @extschema@.funnel_stage ts ON ts.funnel = t.funnel AND ts.stage = t.to_stage AND ts.read_as IS NOT NULL
LEFT JOIN @extschema@.record r
       ON f.subject = 'customer' AND r.relation = coalesce(t.customer_relation, t.relation)
      AND r.record_key = coalesce(t.customer_key, t.record_key) COLLATE "C"
LEFT JOIN @extschema@.identified_span v
       ON f.subject = 'customer' AND v.anonymous_id = t.anonymous_id
      AND coalesce(t.at, '-infinity') >= v.since AND coalesce(t.at, '-infinity') < v.until;
COMMENT ON VIEW @extschema@.subject_transition IS
'transition_log with stages as they are read (a retired one as its successor) and with who goes through the funnel: in one about customers the customer that the record means or belongs to, as '
'linked now, or the record that it refers to while that is not linked; of a touch that names nobody the customer that the visitor was '
'then, or the visitor; else the record itself. No rights applied; not for '
'users.';

CREATE FUNCTION @extschema@.total_transition(funnel text, since timestamptz, until timestamptz)
    RETURNS SETOF @extschema@.subject_transition
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 10000 COST 10000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM visible(NULL::text, 'kpi', 'total'); -- no identity is an error, even where there is no row
    RETURN QUERY
    SELECT s.* FROM subject_transition s
    WHERE (total_transition.funnel IS NULL OR s.funnel = total_transition.funnel)
      AND (since IS NULL OR s.at >= since) AND (until IS NULL OR s.at < until)
      AND visible(s.unit, 'kpi', 'total');
END
$$;
COMMENT ON FUNCTION @extschema@.total_transition(text, timestamptz, timestamptz) IS
'The transitions whose numbers the caller may see. For the functions below; gives records, so not for users.';
REVOKE ALL ON FUNCTION @extschema@.total_transition(text, timestamptz, timestamptz) FROM PUBLIC;
