-- Components: the sums and counts over adopted entities that KPIs are made of.
-- Shipped rows live in a table that is never dumped, a team's in another; where both have a key the team's counts.

CREATE TABLE @extschema@.shipped_component (
    component text PRIMARY KEY,
    entity text NOT NULL,
    day text NOT NULL,
    filter text,
    sums pg_catalog.jsonb NOT NULL DEFAULT '{}',
    needs text[] NOT NULL,
    undated text NOT NULL DEFAULT 'skip'
        CHECK (undated OPERATOR(pg_catalog.=) ANY (ARRAY['skip', 'beginning'])),
    version integer NOT NULL DEFAULT 1,
    description text NOT NULL,
    kept boolean NOT NULL DEFAULT false,
    zone text
);
COMMENT ON TABLE @extschema@.shipped_component IS
'What crm counts and sums: rows of an entity that pass the filter, on a day, with up to four named sums. day, filter and '
'sums are expressions over the entity''s attributes; a table that does not map all attributes of needs has none of it. '
'undated: rows without a day are skipped, or count from the '
'beginning (stocks). kept: not captured; what takes more than one row is read when asked from what crm keeps (kept_cell), of which day, '
'filter and sums only tell people. zone: the time zone that cuts its days, NULL for the organisation''s. Shipped.';

CREATE TABLE @extschema@.team_component (LIKE @extschema@.shipped_component INCLUDING ALL);
COMMENT ON TABLE @extschema@.team_component IS 'Components that define_component made.';
SELECT pg_catalog.pg_extension_config_dump('@extschema@.team_component', '');

CREATE VIEW @extschema@.component AS
SELECT t.*, false AS shipped FROM @extschema@.team_component t
UNION ALL
SELECT s.*, true FROM @extschema@.shipped_component s
WHERE NOT EXISTS (SELECT FROM @extschema@.team_component t WHERE t.component OPERATOR(pg_catalog.=) s.component);
COMMENT ON VIEW @extschema@.component IS 'All components, shipped and the team''s own.';

-- One row for each component of each adopted table that is read, with everything that capture needs to evaluate it: a change of a
-- definition is a new instance, kept in kpi_successor until it is filled.
CREATE TABLE @extschema@.kpi_instance (
    instance integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    relation pg_catalog.regclass NOT NULL,
    component text NOT NULL,
    version integer NOT NULL,
    zone text NOT NULL,
    undated text NOT NULL,
    day text NOT NULL,
    filter text,
    sums text[] NOT NULL DEFAULT '{}',
    sum_names text[] NOT NULL DEFAULT '{}',
    state text NOT NULL DEFAULT 'filling'
        CHECK (state OPERATOR(pg_catalog.=) ANY (ARRAY['filling', 'ready'])),
    UNIQUE (relation, component)
);
COMMENT ON TABLE @extschema@.kpi_instance IS
'A component of one adopted table. day, filter and sums are expressions over attributes; zone is the time zone that cuts '
'its days, fixed when it was made; state filling until the rows that were there are counted.';
-- Nothing that was counted of crm's own transition_log is dumped: the order in which a restore loads tables is not ours to
-- choose, so its rows may or may not pass the capture. fold() counts them anew, and until then they read NULL.
SELECT pg_catalog.pg_extension_config_dump('@extschema@.kpi_instance',
    'WHERE EXISTS (SELECT FROM @extschema@.adoption a WHERE a.relation = kpi_instance.relation)');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.kpi_instance_instance_seq', '');

-- Written by capture inside the team's transaction when an expression fails, so append-only and without unique keys:
-- writers must not wait for each other.
CREATE TABLE @extschema@.kpi_broken (
    instance integer NOT NULL,
    at timestamptz NOT NULL,
    error text NOT NULL,
    paused boolean NOT NULL
);
COMMENT ON TABLE @extschema@.kpi_broken IS
'Components that are not captured: because an expression failed on a row, until capture() makes them anew, or paused because '
'crm.pending_hard_limit is passed, until fold() has drained what is pending. They read NULL until a backfill then.';
SELECT pg_catalog.pg_extension_config_dump('@extschema@.kpi_broken', '');

-- Pending changes. One row for each set of dimensions of one statement; each part is one component's change of one day.
CREATE TYPE @extschema@.kpi_part AS (instance integer, day date, rows bigint, invalid bigint,
                                     s1 numeric, s2 numeric, s3 numeric, s4 numeric);
COMMENT ON TYPE @extschema@.kpi_part IS
'A change of one component on one day: rows, rows with NaN, an infinity or 1e100 and more (not summed), and up to four sums.';

CREATE TYPE @extschema@.kpi_value_part AS (instance integer, day date, piece bytea);
COMMENT ON TYPE @extschema@.kpi_value_part IS
'A change of the values that are counted of one component on one day: how many rows more have which, packed (counted_entries takes it apart).';

CREATE TABLE @extschema@.kpi_pending (
    relation pg_catalog.regclass NOT NULL,
    funnel text, unit text, stage text, campaign text, channel text, product text, owner text, segment text, currency text,
    parts @extschema@.kpi_part[] NOT NULL,
    counted @extschema@.kpi_value_part[]
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,
        autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 100000, vacuum_truncate = off);
COMMENT ON TABLE @extschema@.kpi_pending IS
'Signed changes that writers append and fold() moves into kpi_rollup. Without indexes and constraints on purpose: capture '
'writes it past them. Dimensions are the table''s own raw values, cut at 200 bytes. counted: changes of values that are counted.';
SELECT pg_catalog.pg_extension_config_dump('@extschema@.kpi_pending',
    'WHERE EXISTS (SELECT FROM @extschema@.adoption a WHERE a.relation = kpi_pending.relation)');

CREATE TABLE @extschema@.kpi_dims (
    dims uuid PRIMARY KEY,
    funnel text, unit text, stage text, campaign text, channel text, product text, owner text, segment text, currency text
);
COMMENT ON TABLE @extschema@.kpi_dims IS
'Sets of dimension values, interned. dims is a hash of the values, so that folders need no number from each other; two '
'ids for the same values would only cost space, since reading groups by value.';
SELECT pg_catalog.pg_extension_config_dump('@extschema@.kpi_dims', '');

CREATE TABLE @extschema@.kpi_rollup (
    instance integer NOT NULL,
    day date NOT NULL,
    dims uuid NOT NULL,
    rows bigint NOT NULL,
    invalid bigint NOT NULL,
    s1 numeric, s2 numeric, s3 numeric, s4 numeric,
    PRIMARY KEY (instance, day, dims)
) WITH (fillfactor = 80);
CREATE INDEX kpi_rollup_empty ON @extschema@.kpi_rollup (instance) WHERE rows OPERATOR(pg_catalog.=) 0;
COMMENT ON TABLE @extschema@.kpi_rollup IS
'Folded sums for each component, day and set of dimensions. Read it only together with kpi_pending, in one statement.';
SELECT pg_catalog.pg_extension_config_dump('@extschema@.kpi_rollup',
    'WHERE EXISTS (SELECT FROM @extschema@.kpi_instance i JOIN @extschema@.adoption a USING (relation) WHERE i.instance = kpi_rollup.instance) '
    'OR EXISTS (SELECT FROM @extschema@.kpi_successor i JOIN @extschema@.adoption a USING (relation) WHERE i.instance = kpi_rollup.instance)');
