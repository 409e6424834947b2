-- Counted values: for different values and percentiles, which no sum can tell. Where asked (count_values), capture keeps how many rows have
-- which value for each component, day and set of dimensions, beside the sums and by the same means: signed changes in kpi_pending, folded
-- into kpi_counted, read together.

CREATE TABLE @extschema@.counted_kpi (kpi text PRIMARY KEY);
COMMENT ON TABLE @extschema@.counted_kpi IS 'KPIs whose values count_values has counted.';
SELECT pg_catalog.pg_extension_config_dump('@extschema@.counted_kpi', '');

-- Made with the first counted value, so that a restore finds it empty.
CREATE TABLE @extschema@.kpi_value_key (key uuid NOT NULL);
COMMENT ON TABLE @extschema@.kpi_value_key IS
'The key of the hashes (SipHash, 128 bits) that stand for the values in kpi_counted. Who does not know it cannot try out which value a hash is.';
SELECT pg_catalog.pg_extension_config_dump('@extschema@.kpi_value_key', '');

CREATE TABLE @extschema@.kpi_counted (
    instance integer NOT NULL,
    day date NOT NULL,
    dims uuid NOT NULL,
    piece bytea NOT NULL
);
ALTER TABLE @extschema@.kpi_counted ALTER COLUMN piece SET STORAGE EXTERNAL; -- hashes do not compress
CREATE INDEX kpi_counted_place ON @extschema@.kpi_counted (instance, day, dims);
COMMENT ON TABLE @extschema@.kpi_counted IS
'Folded counts of values for each component, day and set of dimensions, in one piece or a few that add up. Read it only together with kpi_pending, '
'in one statement.';
COMMENT ON COLUMN @extschema@.kpi_counted.piece IS 'Values, as keyed hashes or numbers, each with how many rows have it; counted_entries takes it apart.';
SELECT pg_catalog.pg_extension_config_dump('@extschema@.kpi_counted',
    'WHERE EXISTS (SELECT FROM @extschema@.kpi_instance i JOIN @extschema@.adoption a USING (relation) WHERE i.instance = kpi_counted.instance) '
    'OR EXISTS (SELECT FROM @extschema@.kpi_successor i JOIN @extschema@.adoption a USING (relation) WHERE i.instance = kpi_counted.instance)');

CREATE FUNCTION @extschema@.counted_name(component text, kind text, measure text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN component || '.' || kind || '.' || measure;
COMMENT ON FUNCTION @extschema@.counted_name(text, text, text) IS
'The name in kpi_instance of the counted values of a component: of kind distinct an attribute, as text; of kind percentile a sum''s expression, as number.';

CREATE FUNCTION @extschema@.value_hash(value text) RETURNS bytea
    AS 'MODULE_PATHNAME', 'crm_value_hash' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.value_hash(text) IS 'What stands for a value that is counted to be told apart.';
SELECT @extschema@.set_audience('value_hash(text)', 'internal');

CREATE FUNCTION @extschema@.counted_entries(piece bytea) RETURNS TABLE (value bytea, rows bigint)
    AS 'MODULE_PATHNAME', 'crm_counted_entries' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 100;
COMMENT ON FUNCTION @extschema@.counted_entries(bytea) IS 'The values of a piece, and how many rows have each; of a change how many more.';

CREATE FUNCTION @extschema@.counted_number(value bytea) RETURNS numeric
    AS 'MODULE_PATHNAME', 'crm_counted_number' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.counted_number(bytea) IS 'The number that a counted value is, of those counted as numbers.';

CREATE FUNCTION @extschema@.counted_negated(piece bytea) RETURNS bytea
    AS 'MODULE_PATHNAME', 'crm_counted_negated' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.counted_negated(bytea) IS 'The change that takes a piece away.';

CREATE FUNCTION @extschema@.counted_falls(piece bytea) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_counted_falls' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.counted_falls(bytea) IS 'Whether a change takes any value away.';

CREATE FUNCTION @extschema@.counted_merge_step(internal, bytea) RETURNS internal
    AS 'MODULE_PATHNAME', 'crm_counted_merge_step' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.counted_merge_step(internal, bytea) IS 'Step of counted_merge.';
CREATE FUNCTION @extschema@.counted_merge_final(internal) RETURNS bytea
    AS 'MODULE_PATHNAME', 'crm_counted_merge_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.counted_merge_final(internal) IS 'Final function of counted_merge.';
CREATE AGGREGATE @extschema@.counted_merge(piece bytea) (
    SFUNC = @extschema@.counted_merge_step, STYPE = internal, FINALFUNC = @extschema@.counted_merge_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.counted_merge(bytea) IS 'Pieces added up, NULL where nothing is left. The same content has the same bytes.';

CREATE FUNCTION @extschema@.counted_distinct_step(internal, bytea, integer, bytea) RETURNS internal
    AS 'MODULE_PATHNAME', 'crm_counted_distinct_step' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.counted_distinct_step(internal, bytea, integer, bytea) IS 'Step of counted_distinct.';
CREATE FUNCTION @extschema@.counted_distinct_final(internal) RETURNS bigint
    AS 'MODULE_PATHNAME', 'crm_counted_distinct_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.counted_distinct_final(internal) IS 'Final function of counted_distinct.';
CREATE AGGREGATE @extschema@.counted_distinct(piece bytea, instance integer, links bytea) (
    SFUNC = @extschema@.counted_distinct_step, STYPE = internal, FINALFUNC = @extschema@.counted_distinct_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.counted_distinct(bytea, integer, bytea) IS
'How many values rows have that pieces count. links says of an instance''s values which others they stand for (see value_links).';

CREATE FUNCTION @extschema@.counted_percentile_step(internal, bytea, numeric, double precision) RETURNS internal
    AS 'MODULE_PATHNAME', 'crm_counted_percentile_step' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.counted_percentile_step(internal, bytea, numeric, double precision) IS 'Step of counted_percentile.';
CREATE FUNCTION @extschema@.counted_percentile_final(internal) RETURNS double precision
    AS 'MODULE_PATHNAME', 'crm_counted_percentile_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.counted_percentile_final(internal) IS 'Final function of counted_percentile.';
CREATE AGGREGATE @extschema@.counted_percentile(piece bytea, rate numeric, q double precision) (
    SFUNC = @extschema@.counted_percentile_step, STYPE = internal, FINALFUNC = @extschema@.counted_percentile_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.counted_percentile(bytea, numeric, double precision) IS
'percentile_cont(q) of the numbers that pieces count, each times its piece''s rate and as often as rows have it; NULL where there is none.';
