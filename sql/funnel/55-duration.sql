-- How long things last, also those that have not ended: durations, and the stays of journeys.

CREATE FUNCTION @extschema@.survival_combine(internal, internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'crm_survival_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.survival_combine(internal, internal) IS 'Joins two states of survival_quantile and survival_share.';
CREATE FUNCTION @extschema@.survival_serialize(internal) RETURNS bytea
    AS 'MODULE_PATHNAME', 'crm_survival_serialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.survival_serialize(internal) IS 'A state of survival_quantile and survival_share as bytes.';
CREATE FUNCTION @extschema@.survival_deserialize(bytea, internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'crm_survival_deserialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.survival_deserialize(bytea, internal) IS 'A state of survival_quantile and survival_share from bytes.';
CREATE FUNCTION @extschema@.survival_quantile_final(internal) RETURNS double precision
    AS 'MODULE_PATHNAME', 'crm_survival_quantile_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.survival_quantile_final(internal) IS 'Final function of survival_quantile.';
CREATE FUNCTION @extschema@.survival_quantile_interval_final(internal) RETURNS interval
    AS 'MODULE_PATHNAME', 'crm_survival_quantile_interval_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.survival_quantile_interval_final(internal) IS 'Final function of survival_quantile.';
CREATE FUNCTION @extschema@.survival_share_final(internal) RETURNS double precision
    AS 'MODULE_PATHNAME', 'crm_survival_share_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.survival_share_final(internal) IS 'Final function of survival_share.';
CREATE FUNCTION @extschema@.survival_quantile_step(internal, double precision, boolean, double precision) RETURNS internal
    AS 'MODULE_PATHNAME', 'crm_survival_quantile_step' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.survival_quantile_step(internal, double precision, boolean, double precision) IS 'Step of survival_quantile.';
CREATE AGGREGATE @extschema@.survival_quantile(duration double precision, observed boolean, q double precision) (
    SFUNC = @extschema@.survival_quantile_step, STYPE = internal, FINALFUNC = @extschema@.survival_quantile_final,
    COMBINEFUNC = @extschema@.survival_combine, SERIALFUNC = @extschema@.survival_serialize,
    DESERIALFUNC = @extschema@.survival_deserialize, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.survival_quantile(double precision, boolean, double precision) IS
'Kaplan and Meier''s estimate of a quantile of durations some of which have not ended (observed false: so long until now): the least duration '
'after which a share of 1 - q or less is left. 0 < q <= 1, the same for all rows: 0.5 is the median. NULL where too many have not ended to tell. '
'Rows without duration or observed are left out. Errors: RM005. '
'Example: SELECT crm.survival_quantile(weeks, relapsed, 0.5) FROM patient;';

CREATE FUNCTION @extschema@.survival_share_step(internal, double precision, boolean, double precision) RETURNS internal
    AS 'MODULE_PATHNAME', 'crm_survival_share_step' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.survival_share_step(internal, double precision, boolean, double precision) IS 'Step of survival_share.';
CREATE AGGREGATE @extschema@.survival_share(duration double precision, observed boolean, after double precision) (
    SFUNC = @extschema@.survival_share_step, STYPE = internal, FINALFUNC = @extschema@.survival_share_final,
    COMBINEFUNC = @extschema@.survival_combine, SERIALFUNC = @extschema@.survival_serialize,
    DESERIALFUNC = @extschema@.survival_deserialize, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.survival_share(double precision, boolean, double precision) IS
'Kaplan and Meier''s estimate of the share (0 to 1) of durations that are longer than a given one, where some have not ended (observed false); the '
'given one is the same for all rows. NULL where nobody was looked at for so long. Errors: RM005. '
'Example: SELECT crm.survival_share(weeks, relapsed, 12) FROM patient;';

CREATE FUNCTION @extschema@.survival_quantile_step(internal, interval, boolean, double precision) RETURNS internal
    AS 'MODULE_PATHNAME', 'crm_survival_quantile_interval_step' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.survival_quantile_step(internal, interval, boolean, double precision) IS 'Step of survival_quantile.';
CREATE AGGREGATE @extschema@.survival_quantile(duration interval, observed boolean, q double precision) (
    SFUNC = @extschema@.survival_quantile_step, STYPE = internal, FINALFUNC = @extschema@.survival_quantile_interval_final,
    COMBINEFUNC = @extschema@.survival_combine, SERIALFUNC = @extschema@.survival_serialize,
    DESERIALFUNC = @extschema@.survival_deserialize, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.survival_quantile(interval, boolean, double precision) IS
'Kaplan and Meier''s estimate of a quantile of durations some of which have not ended (observed false: so long until now): the least duration '
'after which a share of 1 - q or less is left. 0 < q <= 1, the same for all rows: 0.5 is the median. NULL where too many have not ended to tell. '
'Rows without duration or observed are left out. Months have no length: RM005. Errors: RM005. '
'Example: SELECT crm.survival_quantile(coalesce(closed, now()) - opened, closed IS NOT NULL, 0.5) FROM deals;';

CREATE FUNCTION @extschema@.survival_share_step(internal, interval, boolean, interval) RETURNS internal
    AS 'MODULE_PATHNAME', 'crm_survival_share_interval_step' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.survival_share_step(internal, interval, boolean, interval) IS 'Step of survival_share.';
CREATE AGGREGATE @extschema@.survival_share(duration interval, observed boolean, after interval) (
    SFUNC = @extschema@.survival_share_step, STYPE = internal, FINALFUNC = @extschema@.survival_share_final,
    COMBINEFUNC = @extschema@.survival_combine, SERIALFUNC = @extschema@.survival_serialize,
    DESERIALFUNC = @extschema@.survival_deserialize, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.survival_share(interval, boolean, interval) IS
'Kaplan and Meier''s estimate of the share (0 to 1) of durations that are longer than a given one, where some have not ended (observed false); the '
'given one is the same for all rows. NULL where nobody was looked at for so long. Errors: RM005. '
'Example: SELECT crm.survival_share(coalesce(closed, now()) - opened, closed IS NOT NULL, interval ''30 days'') FROM deals;';

CREATE FUNCTION @extschema@.stage_since(journey @extschema@.journey, at timestamptz) RETURNS timestamptz
    AS 'MODULE_PATHNAME', 'crm_stage_since' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION @extschema@.stage_since(@extschema@.journey, timestamptz) IS
'Since when the subject of a journey had the position that stage_at tells for a time. NULL before the first event. '
'Example: SELECT crm.stage_since(''100@2026-01-01,300@2026-01-04'', ''2026-01-10'');';

CREATE TYPE @extschema@.stage_duration AS (
    "position" integer, entries bigint, subjects bigint, reentries bigint, regressions bigint, ended bigint, staying bigint, timed bigint,
    mean interval, longest interval, p50 interval, p75 interval, p90 interval,
    survival_p25 interval, survival_p50 interval, survival_p75 interval, survival_p90 interval);
COMMENT ON TYPE @extschema@.stage_duration IS
'The stays at a position: entries, how many; subjects, of how many journeys; reentries, those of journeys that had been there before; regressions, those that '
'ended by going to a lower position; ended; staying, those that have not ended; timed, those that have ended and whose both ends are known, and mean, '
'longest and quantiles of these; survival_p25 to p90, quantiles of all, by Kaplan and Meier, those that have not ended as lasting longer: NULL where too many have not.';

CREATE FUNCTION @extschema@.stage_table_combine(internal, internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'crm_stage_table_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.stage_table_combine(internal, internal) IS 'Joins two states of stage_durations and funnel_reach_counts.';
CREATE FUNCTION @extschema@.stage_table_serialize(internal) RETURNS bytea
    AS 'MODULE_PATHNAME', 'crm_stage_table_serialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.stage_table_serialize(internal) IS 'A state of stage_durations and funnel_reach_counts as bytes.';
CREATE FUNCTION @extschema@.stage_table_deserialize(bytea, internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'crm_stage_table_deserialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.stage_table_deserialize(bytea, internal) IS 'A state of stage_durations and funnel_reach_counts from bytes.';
CREATE FUNCTION @extschema@.stage_durations_final(internal) RETURNS @extschema@.stage_duration[]
    AS 'MODULE_PATHNAME', 'crm_stage_durations_final' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.stage_durations_final(internal) IS 'Final function of stage_durations.';
CREATE FUNCTION @extschema@.stage_durations_step(internal, @extschema@.journey, timestamptz) RETURNS internal
    AS 'MODULE_PATHNAME', 'crm_stage_durations_step' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 50;
COMMENT ON FUNCTION @extschema@.stage_durations_step(internal, @extschema@.journey, timestamptz) IS 'Step of stage_durations.';
CREATE AGGREGATE @extschema@.stage_durations(journey @extschema@.journey, until timestamptz) (
    SFUNC = @extschema@.stage_durations_step, STYPE = internal, FINALFUNC = @extschema@.stage_durations_final,
    COMBINEFUNC = @extschema@.stage_table_combine, SERIALFUNC = @extschema@.stage_table_serialize,
    DESERIALFUNC = @extschema@.stage_table_deserialize, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.stage_durations(@extschema@.journey, timestamptz) IS
'How long the stays of journeys last, a stage_duration for each position. A stay begins with an event and ends with the next one of another position. until is when '
'the histories are looked at, as they stood then: later events are not there, and what had not ended counts as longer than that. Errors: RM005 where it is NULL. '
'Example: SELECT d.* FROM (SELECT crm.stage_durations(journey, now()) AS stays FROM way) w, unnest(w.stays) d;';

CREATE FUNCTION @extschema@.stage_durations_step(internal, @extschema@.journey, timestamptz, timestamptz, @extschema@.journey) RETURNS internal
    AS 'MODULE_PATHNAME', 'crm_stage_durations_step' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 50;
COMMENT ON FUNCTION @extschema@.stage_durations_step(internal, @extschema@.journey, timestamptz, timestamptz, @extschema@.journey) IS 'Step of stage_durations.';
CREATE AGGREGATE @extschema@.stage_durations(journey @extschema@.journey, until timestamptz, since timestamptz, estimated @extschema@.journey) (
    SFUNC = @extschema@.stage_durations_step, STYPE = internal, FINALFUNC = @extschema@.stage_durations_final,
    COMBINEFUNC = @extschema@.stage_table_combine, SERIALFUNC = @extschema@.stage_table_serialize,
    DESERIALFUNC = @extschema@.stage_table_deserialize, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.stage_durations(@extschema@.journey, timestamptz, timestamptz, @extschema@.journey) IS
'stage_durations of the stays that began at since or later (NULL: all). estimated has those events of the journey whose times nobody knows (NULL: none): their stays '
'count, and are not timed.';

CREATE TYPE @extschema@.reach_count AS (
    "position" integer, entered bigint, furthest bigint, timed bigint, p50 interval, p75 interval, p90 interval, mean interval);
COMMENT ON TYPE @extschema@.reach_count IS
'A row of funnel_reach_counts: how many journeys have the position; of how many it is the highest of progress; of how many the time is known to the next higher '
'position of progress that they have, quantiles and mean of that.';

CREATE FUNCTION @extschema@.funnel_reach_counts_final(internal) RETURNS @extschema@.reach_count[]
    AS 'MODULE_PATHNAME', 'crm_funnel_reach_final' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.funnel_reach_counts_final(internal) IS 'Final function of funnel_reach_counts.';
CREATE FUNCTION @extschema@.funnel_reach_counts_step(internal, @extschema@.journey, integer[], integer[], @extschema@.journey) RETURNS internal
    AS 'MODULE_PATHNAME', 'crm_funnel_reach_step' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 50;
COMMENT ON FUNCTION @extschema@.funnel_reach_counts_step(internal, @extschema@.journey, integer[], integer[], @extschema@.journey) IS 'Step of funnel_reach_counts.';
CREATE AGGREGATE @extschema@.funnel_reach_counts(journey @extschema@.journey, untimed integer[], progress integer[], estimated @extschema@.journey) (
    SFUNC = @extschema@.funnel_reach_counts_step, STYPE = internal, FINALFUNC = @extschema@.funnel_reach_counts_final,
    COMBINEFUNC = @extschema@.stage_table_combine, SERIALFUNC = @extschema@.stage_table_serialize,
    DESERIALFUNC = @extschema@.stage_table_deserialize, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.funnel_reach_counts(@extschema@.journey, integer[], integer[], @extschema@.journey) IS
'How many journeys have each position and how far they come, a reach_count for each. untimed: positions that the subject had at times that nobody knows (NULL: none); '
'progress: positions that say that a subject has come past the lower ones; estimated: those events of the journey whose times nobody knows (NULL: none). '
'Example: SELECT r.* FROM (SELECT crm.funnel_reach_counts(journey, NULL, ARRAY[100, 200, 300], NULL) AS rows FROM way) w, unnest(w.rows) r;';

CREATE FUNCTION @extschema@.days(duration interval) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN pg_catalog.round(EXTRACT(epoch FROM duration) OPERATOR(pg_catalog./) 86400, 2);
COMMENT ON FUNCTION @extschema@.days(interval) IS 'A duration as days of 24 hours, two decimals.';
