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
