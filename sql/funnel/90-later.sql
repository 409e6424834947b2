-- Promised, and an error that says so until something is behind it.

CREATE FUNCTION @extschema@.allow_transition(funnel text, from_stage text, to_stage text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM not_yet('limiting which transitions are allowed (allow_transition)');
END
$$;
COMMENT ON FUNCTION @extschema@.allow_transition(text, text, text) IS 'Limits the transitions of a funnel. Not built yet.';
SELECT @extschema@.set_audience('allow_transition(text, text, text)', 'admin');

CREATE FUNCTION @extschema@.attribution(model text, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL)
    RETURNS TABLE (channel text, campaign text, credit numeric, amount numeric)
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM not_yet('attribution of wins to touches (attribution)');
END
$$;
COMMENT ON FUNCTION @extschema@.attribution(text, timestamptz, timestamptz) IS
'Credits of channels and campaigns for wins, by a model. Not built yet.';

CREATE FUNCTION @extschema@.later_step(state integer, VARIADIC conditions boolean[]) RETURNS integer
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM not_yet('this aggregate');
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION @extschema@.later_step(integer, boolean[]) IS 'Step of aggregates that are not built yet.';
CREATE FUNCTION @extschema@.later_step(state integer, mode text, within interval, at timestamptz, VARIADIC steps boolean[])
    RETURNS integer
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM not_yet('window_funnel_mode');
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION @extschema@.later_step(integer, text, interval, timestamptz, boolean[]) IS
'Step of aggregates that are not built yet.';
CREATE FUNCTION @extschema@.later_step(state integer, pattern text, at timestamptz, VARIADIC conditions boolean[])
    RETURNS integer
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM not_yet('matching of sequences (sequence_match, sequence_count)');
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION @extschema@.later_step(integer, text, timestamptz, boolean[]) IS 'Step of aggregates that are not built yet.';

CREATE AGGREGATE @extschema@.retention(VARIADIC conditions boolean[]) (SFUNC = @extschema@.later_step, STYPE = integer);
COMMENT ON AGGREGATE @extschema@.retention(boolean[]) IS 'Which conditions held after the first. Not built yet.';
CREATE AGGREGATE @extschema@.window_funnel_mode(mode text, within interval, at timestamptz, VARIADIC steps boolean[]) (
    SFUNC = @extschema@.later_step, STYPE = integer);
COMMENT ON AGGREGATE @extschema@.window_funnel_mode(text, interval, timestamptz, boolean[]) IS
'window_funnel with a named way to count. Not built yet.';
CREATE AGGREGATE @extschema@.sequence_match(pattern text, at timestamptz, VARIADIC conditions boolean[]) (
    SFUNC = @extschema@.later_step, STYPE = integer);
COMMENT ON AGGREGATE @extschema@.sequence_match(text, timestamptz, boolean[]) IS
'Whether a pattern of events occurs. Not built yet.';
CREATE AGGREGATE @extschema@.sequence_count(pattern text, at timestamptz, VARIADIC conditions boolean[]) (
    SFUNC = @extschema@.later_step, STYPE = integer);
COMMENT ON AGGREGATE @extschema@.sequence_count(text, timestamptz, boolean[]) IS
'How often a pattern of events occurs. Not built yet.';
