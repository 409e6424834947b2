-- Funnels of journeys.

CREATE FUNCTION @extschema@.funnel_steps(journey @extschema@.journey, steps anyarray, within interval DEFAULT NULL,
                                         mode text DEFAULT 'ordered', anchor text DEFAULT 'best', gap interval DEFAULT NULL)
    RETURNS timestamptz[]
    AS 'MODULE_PATHNAME', 'crm_funnel_steps' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION @extschema@.funnel_steps(@extschema@.journey, anyarray, interval, text, text, interval) IS
'When the subject of a journey reached each step of a funnel, NULL where it did not. steps are positions in order, up to 64: an '
'array of integers, or of texts where 100|200 is either, 300? may be missing, and !900 must not happen between the required step '
'before it and the one after it (the result has no element for it). within bounds the time from the first step to the last, '
'gap that from each required step to the next, both inclusive, days of 24 hours; NULL: no limit. mode: ordered (other events may '
'lie between), strict (none may), unordered. anchor: best (of all attempts the one that comes furthest, then the one that gets '
'there first, then the one that began last), first_entry or last_entry (only those that begin with the first, or last, event of '
'the first step). An event counts for one step; events of equal time count in their order. Errors: RM005. '
'Example: SELECT s[2] - s[1] FROM crm.funnel_steps(''100@2026-01-01,300@2026-01-04'', ARRAY[''100'', ''!200'', ''300''], ''7 days'') s;';

CREATE FUNCTION @extschema@.funnel_depth(journey @extschema@.journey, steps anyarray, within interval DEFAULT NULL,
                                         mode text DEFAULT 'ordered', anchor text DEFAULT 'best', gap interval DEFAULT NULL)
    RETURNS integer
    AS 'MODULE_PATHNAME', 'crm_funnel_depth' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION @extschema@.funnel_depth(@extschema@.journey, anyarray, interval, text, text, interval) IS
'How many required steps of a funnel (unordered: steps) the subject of a journey reached; arguments and errors as those of '
'funnel_steps. Example: SELECT crm.funnel_depth(''100@2026-01-01,300@2026-01-04'', ARRAY[100, 300], ''7 days'');';

CREATE FUNCTION @extschema@.funnel_counts_combine(bigint[], bigint[]) RETURNS bigint[]
    AS 'MODULE_PATHNAME', 'crm_funnel_counts_combine' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.funnel_counts_combine(bigint[], bigint[]) IS 'Adds two states of funnel_counts.';

CREATE FUNCTION @extschema@.funnel_counts_step(bigint[], @extschema@.journey, anyarray) RETURNS bigint[]
    AS 'MODULE_PATHNAME', 'crm_funnel_counts_step' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION @extschema@.funnel_counts_step(bigint[], @extschema@.journey, anyarray) IS 'Step of funnel_counts.';
CREATE AGGREGATE @extschema@.funnel_counts(journey @extschema@.journey, steps anyarray) (
    SFUNC = @extschema@.funnel_counts_step, STYPE = bigint[], COMBINEFUNC = @extschema@.funnel_counts_combine, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.funnel_counts(@extschema@.journey, anyarray) IS
'How many journeys reach each step of a funnel, an element a step; NULL over no rows. Arguments and errors as those of funnel_steps, '
'the same for all rows. Example: SELECT crm.funnel_counts(journey, ARRAY[100, 200, 300]) FROM journeys;';

CREATE FUNCTION @extschema@.funnel_counts_step(bigint[], @extschema@.journey, anyarray, interval) RETURNS bigint[]
    AS 'MODULE_PATHNAME', 'crm_funnel_counts_step' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION @extschema@.funnel_counts_step(bigint[], @extschema@.journey, anyarray, interval) IS 'Step of funnel_counts.';
CREATE AGGREGATE @extschema@.funnel_counts(journey @extschema@.journey, steps anyarray, within interval) (
    SFUNC = @extschema@.funnel_counts_step, STYPE = bigint[], COMBINEFUNC = @extschema@.funnel_counts_combine, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.funnel_counts(@extschema@.journey, anyarray, interval) IS
'How many journeys reach each step of a funnel, an element a step; NULL over no rows. Arguments and errors as those of funnel_steps, '
'the same for all rows. Example: SELECT crm.funnel_counts(journey, ARRAY[100, 200, 300], ''7 days'') FROM journeys;';

CREATE FUNCTION @extschema@.funnel_counts_step(bigint[], @extschema@.journey, anyarray, interval, text) RETURNS bigint[]
    AS 'MODULE_PATHNAME', 'crm_funnel_counts_step' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION @extschema@.funnel_counts_step(bigint[], @extschema@.journey, anyarray, interval, text) IS 'Step of funnel_counts.';
CREATE AGGREGATE @extschema@.funnel_counts(journey @extschema@.journey, steps anyarray, within interval, mode text) (
    SFUNC = @extschema@.funnel_counts_step, STYPE = bigint[], COMBINEFUNC = @extschema@.funnel_counts_combine, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.funnel_counts(@extschema@.journey, anyarray, interval, text) IS
'How many journeys reach each step of a funnel, an element a step; NULL over no rows. Arguments and errors as those of funnel_steps, '
'the same for all rows. Example: SELECT crm.funnel_counts(journey, ARRAY[100, 200, 300], ''7 days'', ''strict'') FROM journeys;';

CREATE FUNCTION @extschema@.funnel_counts_step(bigint[], @extschema@.journey, anyarray, interval, text, text, interval) RETURNS bigint[]
    AS 'MODULE_PATHNAME', 'crm_funnel_counts_step' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION @extschema@.funnel_counts_step(bigint[], @extschema@.journey, anyarray, interval, text, text, interval) IS 'Step of funnel_counts.';
CREATE AGGREGATE @extschema@.funnel_counts(journey @extschema@.journey, steps anyarray, within interval, mode text, anchor text, gap interval) (
    SFUNC = @extschema@.funnel_counts_step, STYPE = bigint[], COMBINEFUNC = @extschema@.funnel_counts_combine, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.funnel_counts(@extschema@.journey, anyarray, interval, text, text, interval) IS
'How many journeys reach each step of a funnel, an element a step; NULL over no rows. Arguments and errors as those of funnel_steps, '
'the same for all rows. Example: SELECT crm.funnel_counts(journey, ARRAY[100, 200, 300], NULL, ''ordered'', ''first_entry'', ''1 day'') FROM journeys;';

CREATE TYPE @extschema@.step_conversion AS (
    step integer, reached bigint, dropped bigint, conversion_of_first numeric, conversion_of_previous numeric,
    timed bigint, p50 interval, p75 interval, p90 interval, mean interval,
    timed_from_first bigint, p50_from_first interval, p75_from_first interval, p90_from_first interval, mean_from_first interval);
COMMENT ON TYPE @extschema@.step_conversion IS
'A step of a funnel: how many reached it; dropped, how many of the required step before did not (NULL for optional steps); reached as a '
'share (0 to 1) of those who reached any, and of the required step before; of how many it is known how long that took (timed), quantiles '
'and mean of that time since the required step before, and since the first. An unordered funnel has no step before.';
CREATE FUNCTION @extschema@.funnel_conversion_combine(internal, internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'crm_funnel_conversion_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.funnel_conversion_combine(internal, internal) IS 'Joins two states of funnel_conversion.';
CREATE FUNCTION @extschema@.funnel_conversion_serialize(internal) RETURNS bytea
    AS 'MODULE_PATHNAME', 'crm_funnel_conversion_serialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.funnel_conversion_serialize(internal) IS 'A state of funnel_conversion as bytes.';
CREATE FUNCTION @extschema@.funnel_conversion_deserialize(bytea, internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'crm_funnel_conversion_deserialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.funnel_conversion_deserialize(bytea, internal) IS 'A state of funnel_conversion from bytes.';
CREATE FUNCTION @extschema@.funnel_conversion_final(internal) RETURNS @extschema@.step_conversion[]
    AS 'MODULE_PATHNAME', 'crm_funnel_conversion_final' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.funnel_conversion_final(internal) IS 'Final function of funnel_conversion.';

CREATE FUNCTION @extschema@.funnel_conversion_step(internal, @extschema@.journey, anyarray) RETURNS internal
    AS 'MODULE_PATHNAME', 'crm_funnel_conversion_step' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION @extschema@.funnel_conversion_step(internal, @extschema@.journey, anyarray) IS 'Step of funnel_conversion.';
CREATE AGGREGATE @extschema@.funnel_conversion(journey @extschema@.journey, steps anyarray) (
    SFUNC = @extschema@.funnel_conversion_step, STYPE = internal, FINALFUNC = @extschema@.funnel_conversion_final,
    COMBINEFUNC = @extschema@.funnel_conversion_combine, SERIALFUNC = @extschema@.funnel_conversion_serialize,
    DESERIALFUNC = @extschema@.funnel_conversion_deserialize, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.funnel_conversion(@extschema@.journey, anyarray) IS
'How many journeys reach each step of a funnel and how long it takes them: a step_conversion for each step. Arguments and errors as those of '
'funnel_steps, the same for all rows, and times are of the attempt that it shows. NULL over no rows. '
'Example: SELECT c.* FROM (SELECT crm.funnel_conversion(journey, ARRAY[100, 200, 300]) AS steps FROM way) w, unnest(w.steps) c;';

CREATE FUNCTION @extschema@.funnel_conversion_step(internal, @extschema@.journey, anyarray, interval) RETURNS internal
    AS 'MODULE_PATHNAME', 'crm_funnel_conversion_step' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION @extschema@.funnel_conversion_step(internal, @extschema@.journey, anyarray, interval) IS 'Step of funnel_conversion.';
CREATE AGGREGATE @extschema@.funnel_conversion(journey @extschema@.journey, steps anyarray, within interval) (
    SFUNC = @extschema@.funnel_conversion_step, STYPE = internal, FINALFUNC = @extschema@.funnel_conversion_final,
    COMBINEFUNC = @extschema@.funnel_conversion_combine, SERIALFUNC = @extschema@.funnel_conversion_serialize,
    DESERIALFUNC = @extschema@.funnel_conversion_deserialize, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.funnel_conversion(@extschema@.journey, anyarray, interval) IS
'funnel_conversion within a window from the first step to the last. '
'Example: SELECT c.* FROM (SELECT crm.funnel_conversion(journey, ARRAY[100, 200, 300], ''7 days'') AS steps FROM way) w, unnest(w.steps) c;';

CREATE FUNCTION @extschema@.funnel_conversion_step(internal, @extschema@.journey, anyarray, interval, text, text, interval, @extschema@.journey) RETURNS internal
    AS 'MODULE_PATHNAME', 'crm_funnel_conversion_step' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION @extschema@.funnel_conversion_step(internal, @extschema@.journey, anyarray, interval, text, text, interval, @extschema@.journey) IS
'Step of funnel_conversion.';
CREATE AGGREGATE @extschema@.funnel_conversion(journey @extschema@.journey, steps anyarray, within interval, mode text, anchor text, gap interval,
                                               estimated @extschema@.journey) (
    SFUNC = @extschema@.funnel_conversion_step, STYPE = internal, FINALFUNC = @extschema@.funnel_conversion_final,
    COMBINEFUNC = @extschema@.funnel_conversion_combine, SERIALFUNC = @extschema@.funnel_conversion_serialize,
    DESERIALFUNC = @extschema@.funnel_conversion_deserialize, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.funnel_conversion(@extschema@.journey, anyarray, interval, text, text, interval, @extschema@.journey) IS
'funnel_conversion with all that funnel_steps can be asked. estimated has those events of the journey whose times nobody knows: they count, and are '
'not timed; NULL where all are known. '
'Example: SELECT c.* FROM (SELECT crm.funnel_conversion(journey, ARRAY[100, 300], ''7 days'', ''ordered'', ''first_entry'', NULL, NULL) AS steps FROM way) w, unnest(w.steps) c;';

CREATE FUNCTION @extschema@.furthest_journey_combine(internal, internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'crm_furthest_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.furthest_journey_combine(internal, internal) IS 'Joins two states of furthest_journey.';
CREATE FUNCTION @extschema@.furthest_journey_serialize(internal) RETURNS bytea
    AS 'MODULE_PATHNAME', 'crm_furthest_serialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.furthest_journey_serialize(internal) IS 'A state of furthest_journey as bytes.';
CREATE FUNCTION @extschema@.furthest_journey_deserialize(bytea, internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'crm_furthest_deserialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.furthest_journey_deserialize(bytea, internal) IS 'A state of furthest_journey from bytes.';
CREATE FUNCTION @extschema@.furthest_journey_final(internal) RETURNS @extschema@.journey
    AS 'MODULE_PATHNAME', 'crm_furthest_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.furthest_journey_final(internal) IS 'Final function of furthest_journey.';
CREATE FUNCTION @extschema@.furthest_journey_step(internal, @extschema@.journey, anyarray, interval) RETURNS internal
    AS 'MODULE_PATHNAME', 'crm_furthest_step' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION @extschema@.furthest_journey_step(internal, @extschema@.journey, anyarray, interval) IS 'Step of furthest_journey.';
CREATE AGGREGATE @extschema@.furthest_journey(journey @extschema@.journey, steps anyarray, within interval) (
    SFUNC = @extschema@.furthest_journey_step, STYPE = internal, FINALFUNC = @extschema@.furthest_journey_final,
    COMBINEFUNC = @extschema@.furthest_journey_combine, SERIALFUNC = @extschema@.furthest_journey_serialize,
    DESERIALFUNC = @extschema@.furthest_journey_deserialize, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.furthest_journey(@extschema@.journey, anyarray, interval) IS
'Of several journeys the one that comes furthest through the steps of a funnel; of equals the one that gets there first, then the one that began last. '
'Arguments and errors as those of funnel_steps, the same for all rows; NULL over no journeys. With it a property is held constant through all steps: '
'a journey for each subject and value of the property, and of those of a subject the furthest. '
'Example: SELECT crm.funnel_counts(best, ARRAY[100, 200, 300]) FROM (SELECT who, crm.furthest_journey(journey, ARRAY[100, 200, 300], NULL) AS best '
'FROM (SELECT who, product, crm.journey_agg(at, page_id) AS journey FROM visit GROUP BY who, product) p GROUP BY who) b;';
CREATE FUNCTION @extschema@.furthest_journey_step(internal, @extschema@.journey, anyarray, interval, text, text, interval) RETURNS internal
    AS 'MODULE_PATHNAME', 'crm_furthest_step' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION @extschema@.furthest_journey_step(internal, @extschema@.journey, anyarray, interval, text, text, interval) IS 'Step of furthest_journey.';
CREATE AGGREGATE @extschema@.furthest_journey(journey @extschema@.journey, steps anyarray, within interval, mode text, anchor text, gap interval) (
    SFUNC = @extschema@.furthest_journey_step, STYPE = internal, FINALFUNC = @extschema@.furthest_journey_final,
    COMBINEFUNC = @extschema@.furthest_journey_combine, SERIALFUNC = @extschema@.furthest_journey_serialize,
    DESERIALFUNC = @extschema@.furthest_journey_deserialize, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.furthest_journey(@extschema@.journey, anyarray, interval, text, text, interval) IS
'furthest_journey with all that funnel_steps can be asked.';
