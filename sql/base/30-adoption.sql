-- What is adopted: a team's tables and what their columns mean.

CREATE TABLE @extschema@.adoption (
    relation pg_catalog.regclass PRIMARY KEY,
    entity text NOT NULL,
    department text,
    zone text NOT NULL,
    funnel text,
    fallback_unit text,
    row_triggers boolean NOT NULL DEFAULT false,
    adopted_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    adopted_by name NOT NULL,
    name text NOT NULL,
    owner name NOT NULL
);
COMMENT ON TABLE @extschema@.adoption IS
'One row for each adopted table: the entity it holds, the department that keeps it, the time zone in which its dates and '
'timestamps without zone are read, the funnel its stages feed, and the unit of rows that name none. name is the one that it was adopted by, '
'owner who owns it: a table that takes the name is adopted in its place.';

CREATE FUNCTION @extschema@.table_name(relation pg_catalog.regclass) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    RETURN (SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)
            FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
            WHERE c.oid OPERATOR(pg_catalog.=) relation);
COMMENT ON FUNCTION @extschema@.table_name(pg_catalog.regclass) IS 'A table''s name with its schema, whatever the search path; NULL where it is gone.';

CREATE TABLE @extschema@.adoption_attribute (
    relation pg_catalog.regclass NOT NULL REFERENCES @extschema@.adoption ON DELETE CASCADE,
    attribute text NOT NULL,
    expression text NOT NULL,
    reference pg_catalog.regclass,
    PRIMARY KEY (relation, attribute)
);
COMMENT ON TABLE @extschema@.adoption_attribute IS
'What is mapped: the column or expression as it was typed (the function map_ATTRIBUTE follows renamed columns), and for '
'references the table whose keys it holds, where that is known.';

-- What the rooms attach to an adopted table. Shipped; each room's script adds its row.
CREATE TABLE @extschema@.room_hook (
    room text PRIMARY KEY,
    "position" integer NOT NULL UNIQUE,
    attach text NOT NULL,
    detach text NOT NULL,
    backfill text,
    holds text,
    leave text
);
COMMENT ON TABLE @extschema@.room_hook IS
'Functions by which a room takes part in adoption: attach(regclass) returns SETOF attachment, none where it has no use for '
'the table; detach(regclass); backfill(regclass) returns the rows it read; holds() returns the tables, adopted or not, that '
'detach would change; leave(oid, name) is called where a table is replaced by one that takes its name, as where it is dropped. Called in order of '
'position. Shipped.';

CREATE TYPE @extschema@.attachment AS (room text, object text, lock text, detail text);
COMMENT ON TYPE @extschema@.attachment IS 'One thing that a room attached to an adopted table.';

CREATE TABLE @extschema@.filling (
    relation pg_catalog.regclass NOT NULL REFERENCES @extschema@.adoption ON DELETE CASCADE,
    room text NOT NULL,
    state text NOT NULL DEFAULT 'filling'
        CHECK (state OPERATOR(pg_catalog.=) ANY (ARRAY['filling', 'ready', 'failed'])),
    rows bigint,
    started_at timestamptz,
    finished_at timestamptz,
    error text,
    PRIMARY KEY (relation, room)
);
COMMENT ON TABLE @extschema@.filling IS
'Whether a room has read the rows that an adopted table had: filling (not yet), ready, failed (error says why; backfill '
'tries again).';

CREATE TABLE @extschema@.attached_trigger (
    relation pg_catalog.regclass NOT NULL REFERENCES @extschema@.adoption ON DELETE CASCADE,
    room text NOT NULL,
    function_name text NOT NULL,
    events text[] NOT NULL,
    always boolean NOT NULL DEFAULT false,
    per_row boolean NOT NULL DEFAULT false,
    PRIMARY KEY (relation, room)
);
COMMENT ON TABLE @extschema@.attached_trigger IS
'Triggers that a room asked for, so that new partitions get them too. always: they fire in replica mode too. per_row: for each row, as '
'what a subscription applies fires no others.';

SELECT pg_catalog.pg_extension_config_dump('@extschema@.adoption', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.adoption_attribute', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.filling', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.attached_trigger', '');

CREATE FUNCTION @extschema@.has_attribute(relation pg_catalog.regclass, attribute text) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN -- whose plan is kept: triggers ask often
    RETURN EXISTS (SELECT FROM adoption_attribute a WHERE a.relation = has_attribute.relation AND a.attribute = has_attribute.attribute);
END
$$;
COMMENT ON FUNCTION @extschema@.has_attribute(pg_catalog.regclass, text) IS
'Whether an adopted table maps a standard attribute.';

CREATE FUNCTION @extschema@.adopted_root(relation pg_catalog.regclass) RETURNS pg_catalog.regclass
    LANGUAGE sql STABLE PARALLEL SAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN (SELECT a.relation FROM @extschema@.adoption a
            WHERE a.relation OPERATOR(pg_catalog.=) adopted_root.relation
               OR a.relation OPERATOR(pg_catalog.=) ANY
                  (SELECT p.relid FROM pg_catalog.pg_partition_ancestors(adopted_root.relation) p (relid))
            LIMIT 1);
COMMENT ON FUNCTION @extschema@.adopted_root(pg_catalog.regclass) IS
'The adopted table that a table or partition belongs to, itself included; NULL where there is none. For triggers, which '
'stand on partitions too.';

CREATE FUNCTION @extschema@.require_adopted(relation pg_catalog.regclass) RETURNS @extschema@.adoption
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    found_row adoption;
BEGIN
    SELECT * INTO found_row FROM adoption a WHERE a.relation = require_adopted.relation;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'table % is not adopted', relation
            USING ERRCODE = 'RM004', HINT = format('Type SELECT * FROM @extschema@.suggest_adopt(%L);', relation::text);
    END IF;
    RETURN found_row;
END
$$;
COMMENT ON FUNCTION @extschema@.require_adopted(pg_catalog.regclass) IS
'The adoption of a table; raises RM004 where it is not adopted.';
