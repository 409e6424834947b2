-- window_funnel: how far along ordered steps, over rows.

CREATE FUNCTION @extschema@.window_funnel_step(internal, interval, timestamptz, VARIADIC boolean[]) RETURNS internal
    AS 'MODULE_PATHNAME', 'crm_window_funnel_step' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.window_funnel_step(internal, interval, timestamptz, boolean[]) IS 'Step of window_funnel.';
CREATE FUNCTION @extschema@.window_funnel_combine(internal, internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'crm_window_funnel_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.window_funnel_combine(internal, internal) IS 'Joins two states of window_funnel.';
CREATE FUNCTION @extschema@.window_funnel_serialize(internal) RETURNS bytea
    AS 'MODULE_PATHNAME', 'crm_window_funnel_serialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.window_funnel_serialize(internal) IS 'A state of window_funnel as bytes.';
CREATE FUNCTION @extschema@.window_funnel_deserialize(bytea, internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'crm_window_funnel_deserialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.window_funnel_deserialize(bytea, internal) IS 'A state of window_funnel from bytes.';
CREATE FUNCTION @extschema@.window_funnel_final(internal) RETURNS integer
    AS 'MODULE_PATHNAME', 'crm_window_funnel_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.window_funnel_final(internal) IS 'Final function of window_funnel.';

CREATE AGGREGATE @extschema@.window_funnel(within interval, at timestamptz, VARIADIC steps boolean[]) (
    SFUNC = @extschema@.window_funnel_step, STYPE = internal, FINALFUNC = @extschema@.window_funnel_final,
    COMBINEFUNC = @extschema@.window_funnel_combine, SERIALFUNC = @extschema@.window_funnel_serialize,
    DESERIALFUNC = @extschema@.window_funnel_deserialize, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.window_funnel(interval, timestamptz, boolean[]) IS
'How many of up to 32 steps were reached in this order, each by another row, the last at most `within` after the first (days '
'of 24 hours; NULL: no limit); the best attempt counts. Rows with equal times count in the order in which they come: write '
'ORDER BY at, sequence inside the call where that matters. Rows without a time are left out. '
'Example: SELECT who, crm.window_funnel(''7 days'', at, page = ''start'', page = ''form'', page = ''done'') FROM visit GROUP BY who;';

-- Subjects: linked customers, or records.
CREATE VIEW @extschema@.subject_transition AS
SELECT t.*, r.customer_id,
       CASE WHEN r.customer_id IS NOT NULL THEN 'customer ' || r.customer_id
            WHEN f.subject = 'customer'
                THEN coalesce(t.customer_relation, t.relation)::pg_catalog.oid || ' ' || coalesce(t.customer_key, t.record_key)
            ELSE t.relation::pg_catalog.oid || ' ' || t.record_key END AS subject
FROM @extschema@.transition_log t
JOIN @extschema@.funnel f USING (funnel)
LEFT JOIN @extschema@.record r
       ON f.subject = 'customer' AND r.relation = coalesce(t.customer_relation, t.relation)
      AND r.record_key = coalesce(t.customer_key, t.record_key) COLLATE "C";
COMMENT ON VIEW @extschema@.subject_transition IS
'transition_log with who goes through the funnel: in one about customers the customer that the record means or belongs to, as '
'linked now, or the record that it refers to while that is not linked; else the record itself. No rights applied; not for '
'users.';

CREATE FUNCTION @extschema@.units_in_total() RETURNS text[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM visible(NULL::text, 'kpi', 'total'); -- no identity is an error, even where there is no row
    RETURN ARRAY(SELECT u.unit FROM (SELECT DISTINCT t.unit FROM transition_log t) u WHERE visible(u.unit, 'kpi', 'total'));
END
$$;
COMMENT ON FUNCTION @extschema@.units_in_total() IS
'The team''s unit values in transition_log whose numbers the caller may see (privilege total); NULL among them stands for rows '
'without unit, which are the organisation''s.';

CREATE FUNCTION @extschema@.total_transition(funnel text, since timestamptz, until timestamptz)
    RETURNS SETOF @extschema@.subject_transition
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 10000 COST 10000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    units text[] := units_in_total();
    without_unit boolean := array_position(units, NULL) IS NOT NULL;
BEGIN
    RETURN QUERY
    SELECT s.* FROM subject_transition s
    WHERE (total_transition.funnel IS NULL OR s.funnel = total_transition.funnel)
      AND (since IS NULL OR s.at >= since) AND (until IS NULL OR s.at < until)
      AND (s.unit = ANY (units) OR (s.unit IS NULL AND without_unit));
END
$$;
COMMENT ON FUNCTION @extschema@.total_transition(text, timestamptz, timestamptz) IS
'The transitions whose numbers the caller may see. For the functions below; gives records, so not for users.';
REVOKE ALL ON FUNCTION @extschema@.total_transition(text, timestamptz, timestamptz) FROM PUBLIC;

CREATE FUNCTION @extschema@.funnel_counts(funnel text, steps text[], within interval DEFAULT NULL,
                                          since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL)
    RETURNS TABLE (step integer, stage text, reached bigint)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 10 COST 10000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    keys text[] := ARRAY(SELECT require_stage(funnel_counts.funnel, s.value)
                         FROM unnest(steps) WITH ORDINALITY s (value, n) ORDER BY s.n);
BEGIN
    PERFORM require_funnel(funnel);
    IF cardinality(keys) = 0 OR cardinality(keys) > 32 THEN
        RAISE EXCEPTION 'a funnel is counted over 1 to 32 steps, not %', cardinality(keys)
            USING ERRCODE = 'RM005', HINT = 'Type ARRAY[''lead'', ''opportunity'', ''won''].';
    END IF;
    RETURN QUERY EXECUTE format(
        'WITH subject AS (SELECT window_funnel($1, t.at, %s) AS depth FROM (SELECT s.subject, s.at, s.to_stage '
        'FROM total_transition($2, $3, $4) s WHERE s.at IS NOT NULL AND s.to_stage = ANY ($5) '
        'ORDER BY s.subject, s.at, s.relation::text, s.record_key, s."sequence") t GROUP BY t.subject), '
        'depth AS (SELECT depth, count(*) AS subjects FROM subject GROUP BY 1) '
        'SELECT k.n::integer, k.stage, (SELECT coalesce(sum(d.subjects), 0)::bigint FROM depth d WHERE d.depth >= k.n) '
        'FROM unnest($5) WITH ORDINALITY k (stage, n) ORDER BY k.n',
        (SELECT string_agg(format('t.to_stage = %L', k), ', ' ORDER BY n) FROM unnest(keys) WITH ORDINALITY u (k, n)))
    USING within, funnel, since, until, keys;
END
$$;
COMMENT ON FUNCTION @extschema@.funnel_counts(text, text[], interval, timestamptz, timestamptz) IS
'How many subjects reached each of the steps (stages by key, label or alias), in this order, the last at most `within` after '
'the first (NULL: no limit), best attempt, of what happened from since until before until. Events of equal time count in their '
'sequence. Numbers of the units for which the caller has the privilege total. '
'Example: SELECT * FROM crm.funnel_counts(''desk'', ARRAY[''assigned'', ''taken'', ''closed''], ''30 days'');';
