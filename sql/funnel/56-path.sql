-- Where journeys lead from a position, or came from; and who comes back.

CREATE TYPE @extschema@.step_count AS (
    step integer, "position" integer, outcome text, subjects bigint, share numeric, p50 interval);
COMMENT ON TYPE @extschema@.step_count IS
'A row of next_steps: the position that subjects took as step number so and so (outcome step), NULL for the rest of positions (other) and where their journeys ended before '
'that step (end; looking back: began); how many; as a share (0 to 1) of all journeys that have the position asked about; the median time between the beginning of the step before '
'and that of this one.';
CREATE TYPE @extschema@.path_count AS (
    path integer[], ended boolean, subjects bigint, share numeric, p50 interval);
COMMENT ON TYPE @extschema@.path_count IS
'A row of paths: the positions in the order of time, NULL for all other paths together; whether it is the whole of the journey in that direction; how many took it; as a share (0 to 1) of all '
'that have the position asked about; the median time from the beginning of its first stay to that of its last, where there are two.';

CREATE FUNCTION @extschema@.paths_combine(internal, internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'crm_paths_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.paths_combine(internal, internal) IS 'Joins two states of next_steps and paths.';
CREATE FUNCTION @extschema@.paths_serialize(internal) RETURNS bytea
    AS 'MODULE_PATHNAME', 'crm_paths_serialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.paths_serialize(internal) IS 'A state of next_steps and paths as bytes.';
CREATE FUNCTION @extschema@.paths_deserialize(bytea, internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'crm_paths_deserialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.paths_deserialize(bytea, internal) IS 'A state of next_steps and paths from bytes.';
CREATE FUNCTION @extschema@.next_steps_final(internal) RETURNS @extschema@.step_count[]
    AS 'MODULE_PATHNAME', 'crm_next_steps_final' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.next_steps_final(internal) IS 'Final function of next_steps.';
CREATE FUNCTION @extschema@.paths_final(internal) RETURNS @extschema@.path_count[]
    AS 'MODULE_PATHNAME', 'crm_paths_final' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.paths_final(internal) IS 'Final function of paths.';
CREATE FUNCTION @extschema@.next_steps_step(internal, @extschema@.journey, integer, integer) RETURNS internal
    AS 'MODULE_PATHNAME', 'crm_next_steps_step' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 50;
COMMENT ON FUNCTION @extschema@.next_steps_step(internal, @extschema@.journey, integer, integer) IS 'Step of next_steps.';
CREATE AGGREGATE @extschema@.next_steps(journey @extschema@.journey, "position" integer, depth integer) (
    SFUNC = @extschema@.next_steps_step, STYPE = internal, FINALFUNC = @extschema@.next_steps_final,
    COMBINEFUNC = @extschema@.paths_combine, SERIALFUNC = @extschema@.paths_serialize,
    DESERIALFUNC = @extschema@.paths_deserialize, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.next_steps(@extschema@.journey, integer, integer) IS
'What subjects did after they were at a position: for each step up to depth (1 to 64) where they went, the most frequent first, then how many ended there. Events of the same '
'position that follow each other are one step. NULL: from the beginning of journeys. From the first time that they were there. An array of step_count, NULL over no rows. Errors: RM005. '
'Example: SELECT n.* FROM (SELECT crm.next_steps(journey, 100, 2) AS steps FROM way) w, unnest(w.steps) n;';

CREATE FUNCTION @extschema@.next_steps_step(internal, @extschema@.journey, integer, integer, text, text, interval, integer) RETURNS internal
    AS 'MODULE_PATHNAME', 'crm_next_steps_step' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 50;
COMMENT ON FUNCTION @extschema@.next_steps_step(internal, @extschema@.journey, integer, integer, text, text, interval, integer) IS 'Step of next_steps.';
CREATE AGGREGATE @extschema@.next_steps(journey @extschema@.journey, "position" integer, depth integer, direction text, anchor text, gap interval, top integer) (
    SFUNC = @extschema@.next_steps_step, STYPE = internal, FINALFUNC = @extschema@.next_steps_final,
    COMBINEFUNC = @extschema@.paths_combine, SERIALFUNC = @extschema@.paths_serialize,
    DESERIALFUNC = @extschema@.paths_deserialize, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.next_steps(@extschema@.journey, integer, integer, text, text, interval, integer) IS
'next_steps in a direction: after, or before (what led there, the nearest step first). anchor: first_entry or last_entry, from which of several times that they were there. gap: what takes longer from one '
'event to the next ends the way; NULL: no limit. top: so many rows of each step, the rest in one; NULL or 0: all. '
'Example: SELECT n.* FROM (SELECT crm.next_steps(journey, 100, 2, ''after'', ''last_entry'', ''30 minutes'', 10) AS steps FROM way) w, unnest(w.steps) n;';

CREATE FUNCTION @extschema@.paths_step(internal, @extschema@.journey, integer, integer) RETURNS internal
    AS 'MODULE_PATHNAME', 'crm_paths_step' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 50;
COMMENT ON FUNCTION @extschema@.paths_step(internal, @extschema@.journey, integer, integer) IS 'Step of paths.';
CREATE AGGREGATE @extschema@.paths(journey @extschema@.journey, "position" integer, max_length integer) (
    SFUNC = @extschema@.paths_step, STYPE = internal, FINALFUNC = @extschema@.paths_final,
    COMBINEFUNC = @extschema@.paths_combine, SERIALFUNC = @extschema@.paths_serialize,
    DESERIALFUNC = @extschema@.paths_deserialize, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.paths(@extschema@.journey, integer, integer) IS
'The ways that subjects took from a position on (NULL: from the beginning of journeys), of up to max_length (1 to 64) positions, the most frequent first. Events of the same '
'position that follow each other are one. From the first time that they were there. An array of path_count, NULL over no rows. Errors: RM005. '
'Example: SELECT p.* FROM (SELECT crm.paths(journey, NULL, 4) AS paths FROM way) w, unnest(w.paths) p;';

CREATE FUNCTION @extschema@.paths_step(internal, @extschema@.journey, integer, integer, text, text, interval, integer) RETURNS internal
    AS 'MODULE_PATHNAME', 'crm_paths_step' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 50;
COMMENT ON FUNCTION @extschema@.paths_step(internal, @extschema@.journey, integer, integer, text, text, interval, integer) IS 'Step of paths.';
CREATE AGGREGATE @extschema@.paths(journey @extschema@.journey, "position" integer, max_length integer, direction text, anchor text, gap interval, top integer) (
    SFUNC = @extschema@.paths_step, STYPE = internal, FINALFUNC = @extschema@.paths_final,
    COMBINEFUNC = @extschema@.paths_combine, SERIALFUNC = @extschema@.paths_serialize,
    DESERIALFUNC = @extschema@.paths_deserialize, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.paths(@extschema@.journey, integer, integer, text, text, interval, integer) IS
'paths in a direction: after, or before (what led there). anchor: first_entry or last_entry, from which of several times that they were there. gap: what takes longer from one '
'event to the next ends the way; NULL: no limit. top: so many rows, the rest in one; NULL or 0: all. '
'Example: SELECT p.* FROM (SELECT crm.paths(journey, 300, 4, ''before'', ''first_entry'', NULL, 10) AS paths FROM way) w, unnest(w.paths) p;';

CREATE FUNCTION @extschema@.retention_counts_step(bigint[], @extschema@.journey, timestamptz[], integer[], integer[]) RETURNS bigint[]
    AS 'MODULE_PATHNAME', 'crm_retention_counts_step' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 50;
COMMENT ON FUNCTION @extschema@.retention_counts_step(bigint[], @extschema@.journey, timestamptz[], integer[], integer[]) IS 'Step of retention_counts.';
CREATE FUNCTION @extschema@.retention_counts_combine(bigint[], bigint[]) RETURNS bigint[]
    AS 'MODULE_PATHNAME', 'crm_retention_counts_combine' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.retention_counts_combine(bigint[], bigint[]) IS 'Adds two states of retention_counts.';
CREATE AGGREGATE @extschema@.retention_counts(journey @extschema@.journey, bounds timestamptz[], starts integer[], returns integer[]) (
    SFUNC = @extschema@.retention_counts_step, STYPE = bigint[], COMBINEFUNC = @extschema@.retention_counts_combine, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.retention_counts(@extschema@.journey, timestamptz[], integer[], integer[]) IS
'Of the subjects whose first event at one of the positions starts (NULL: any) falls into a period, how many have an event at one of the positions returns (NULL: any) so '
'many periods later. bounds are the limits of the periods, ascending, up to 1001, the same for all rows; period_bounds makes them, retention_table reads the result. Who began '
'before the first of them is in no cohort. NULL over no rows. Errors: RM005. Example: SELECT t.* FROM (SELECT crm.retention_counts(journey, crm.period_bounds(''week'', ''2026-01-01'', '
'''2026-03-01''), NULL, NULL) AS counts FROM way) w, crm.retention_table(w.counts, crm.period_bounds(''week'', ''2026-01-01'', ''2026-03-01'')) t;';
