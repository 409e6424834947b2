-- The organisation for BI tools.

CREATE VIEW crm_bi.dim_unit WITH (security_invoker) AS
    WITH RECURSIVE tree AS (
        SELECT u.unit, 0 AS level, u.name AS path FROM @extschema@.unit u WHERE u.parent IS NULL
        UNION ALL
        SELECT u.unit, t.level + 1, t.path || ' / ' || u.name FROM tree t JOIN @extschema@.unit u ON u.parent = t.unit
    )
    SELECT u.unit AS unit_key, u.name, u.kind, u.hierarchy, u.parent AS parent_key, t.level::bigint AS level, t.path, u.description,
           u.since, u.until
    FROM tree t JOIN @extschema@.unit u ON u.unit = t.unit;
COMMENT ON VIEW crm_bi.dim_unit IS 'Units of the organisation, one row each; unit_key is what the facts hold.';
COMMENT ON COLUMN crm_bi.dim_unit.unit_key IS 'Key of the unit.';
COMMENT ON COLUMN crm_bi.dim_unit.name IS 'Its name.';
COMMENT ON COLUMN crm_bi.dim_unit.kind IS 'business, functional (a department), geographic, product or project.';
COMMENT ON COLUMN crm_bi.dim_unit.hierarchy IS 'The tree that it stands in.';
COMMENT ON COLUMN crm_bi.dim_unit.parent_key IS 'The unit right above; NULL for the organisation itself.';
COMMENT ON COLUMN crm_bi.dim_unit.level IS 'Steps below the organisation, which is 0.';
COMMENT ON COLUMN crm_bi.dim_unit.path IS 'Names from the organisation down to this unit.';
COMMENT ON COLUMN crm_bi.dim_unit.description IS 'What it is for.';
COMMENT ON COLUMN crm_bi.dim_unit.since IS 'When it was created.';
COMMENT ON COLUMN crm_bi.dim_unit.until IS 'When it was retired; NULL while it is in use.';

CREATE VIEW crm_bi.dim_unit_path WITH (security_invoker) AS
    SELECT p.ancestor AS ancestor_key, p.descendant AS unit_key, p.distance::bigint AS distance FROM @extschema@.unit_path p;
COMMENT ON VIEW crm_bi.dim_unit_path IS
'The bridge upward, as it is: join facts by unit_key and group by ancestor_key to get a unit with all below it.';
COMMENT ON COLUMN crm_bi.dim_unit_path.ancestor_key IS 'A unit at or above.';
COMMENT ON COLUMN crm_bi.dim_unit_path.unit_key IS 'The unit that the fact holds.';
COMMENT ON COLUMN crm_bi.dim_unit_path.distance IS 'Steps between them; 0 for the unit itself.';

-- By days, which facts have: a day belongs to the state that its end found. Days before the first state that is known belong to
-- that one, so that facts older than the organisation in crm are not lost. Real dates stand for the ends of time: not every tool
-- reads infinity.
CREATE VIEW @extschema@.unit_day AS
    SELECT s.*
    FROM (SELECT h.unit, h.parent, h.name, h.kind, h.hierarchy, h.until, pg_catalog.upper_inf(h.during) AS current,
                 CASE WHEN pg_catalog.row_number() OVER (PARTITION BY h.unit ORDER BY pg_catalog.lower(h.during)) = 1
                      THEN date '1900-01-01'
                      ELSE pg_catalog.timezone((SELECT @extschema@.default_zone()), pg_catalog.lower(h.during))::date END AS valid_from,
                 coalesce(pg_catalog.timezone((SELECT @extschema@.default_zone()), pg_catalog.upper(h.during))::date, date '9999-12-31') AS valid_to
          FROM @extschema@.unit_history h) s
    WHERE s.valid_from < s.valid_to;
COMMENT ON VIEW @extschema@.unit_day IS
'unit_history by days of the organisation''s time zone, without states that no day ended in.';

CREATE VIEW crm_bi.dim_unit_history WITH (security_invoker) AS
    SELECT d.unit AS unit_key, d.name, d.kind, d.hierarchy, d.parent AS parent_key, d.until, d.valid_from, d.valid_to, d.current
    FROM @extschema@.unit_day d;
COMMENT ON VIEW crm_bi.dim_unit_history IS
'Units as they were, one row for each state (a slowly changing dimension of type 2): join facts by unit_key and day >= valid_from '
'AND day < valid_to.';
COMMENT ON COLUMN crm_bi.dim_unit_history.unit_key IS 'Key of the unit; it never changes.';
COMMENT ON COLUMN crm_bi.dim_unit_history.name IS 'Its name then.';
COMMENT ON COLUMN crm_bi.dim_unit_history.kind IS 'Its kind then.';
COMMENT ON COLUMN crm_bi.dim_unit_history.hierarchy IS 'The tree that it stands in.';
COMMENT ON COLUMN crm_bi.dim_unit_history.parent_key IS 'The unit right above it then.';
COMMENT ON COLUMN crm_bi.dim_unit_history.until IS 'When it was, or was to be, retired, as known then.';
COMMENT ON COLUMN crm_bi.dim_unit_history.valid_from IS 'First day of the state; 1900-01-01 for the first one that is known.';
COMMENT ON COLUMN crm_bi.dim_unit_history.valid_to IS 'First day after it; 9999-12-31 while it lasts.';
COMMENT ON COLUMN crm_bi.dim_unit_history.current IS 'Whether it is the present state.';

-- A function, for its settings: the planner takes the recursion for a thousand times what it is and would compile it.
CREATE FUNCTION @extschema@.unit_path_days()
    RETURNS TABLE (ancestor text, descendant text, distance integer, valid_from date, valid_to date)
    LANGUAGE sql STABLE PARALLEL SAFE COST 10000 ROWS 10000
    SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off SET enable_mergejoin = off AS $$
    WITH RECURSIVE place AS MATERIALIZED (
        SELECT p.unit, p.parent, lower(days) AS valid_from, upper(days) AS valid_to
        FROM (SELECT d.unit, d.parent, range_agg(daterange(d.valid_from, d.valid_to)) AS periods
              FROM unit_day d GROUP BY d.unit, d.parent) p
        CROSS JOIN LATERAL unnest(p.periods) AS days
    ), path AS (
        SELECT p.unit AS ancestor, p.unit AS descendant, 0 AS distance, p.parent, p.valid_from, p.valid_to FROM place p
        UNION ALL
        SELECT a.unit, p.descendant, p.distance + 1, a.parent, greatest(p.valid_from, a.valid_from), least(p.valid_to, a.valid_to)
        FROM path p JOIN place a ON a.unit = p.parent AND a.valid_from < p.valid_to AND p.valid_from < a.valid_to
        WHERE p.distance < 1000
    )
    SELECT p.ancestor, p.descendant, p.distance, p.valid_from, p.valid_to FROM path p
$$;
COMMENT ON FUNCTION @extschema@.unit_path_days() IS
'Every unit with each of its ancestors and the days on which that held: valid_from until the day before valid_to.';

CREATE VIEW crm_bi.dim_unit_path_history WITH (security_invoker) AS
    SELECT p.ancestor AS ancestor_key, p.descendant AS unit_key, p.distance::bigint AS distance, p.valid_from, p.valid_to
    FROM @extschema@.unit_path_days() p;
COMMENT ON VIEW crm_bi.dim_unit_path_history IS
'The bridge upward, as it was: join facts by unit_key and day >= valid_from AND day < valid_to, and group by ancestor_key. On every '
'day a unit has one row for each of its ancestors then.';
COMMENT ON COLUMN crm_bi.dim_unit_path_history.ancestor_key IS 'A unit that was at or above.';
COMMENT ON COLUMN crm_bi.dim_unit_path_history.unit_key IS 'The unit that the fact holds.';
COMMENT ON COLUMN crm_bi.dim_unit_path_history.distance IS 'Steps between them then; 0 for the unit itself.';
COMMENT ON COLUMN crm_bi.dim_unit_path_history.valid_from IS 'First day; 1900-01-01 where it was so as long as is known.';
COMMENT ON COLUMN crm_bi.dim_unit_path_history.valid_to IS 'First day after; 9999-12-31 while it is so.';

GRANT SELECT ON @extschema@.unit_day TO PUBLIC;

CREATE FUNCTION @extschema@.owners() RETURNS TABLE (owner_key text, name text, kind text)
    LANGUAGE sql STABLE PARALLEL SAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT p.principal, p.name, p.kind FROM principal p
    WHERE (SELECT w.outside OR w.principal IS NOT NULL FROM whoami() w)
$$;
COMMENT ON FUNCTION @extschema@.owners() IS 'Principals by name, for callers who are principals themselves; nothing for others.';
CREATE VIEW crm_bi.dim_owner WITH (security_invoker) AS SELECT o.owner_key, o.name, o.kind FROM @extschema@.owners() o;
COMMENT ON VIEW crm_bi.dim_owner IS 'Owners of records: principals. Empty for database roles that are none.';
COMMENT ON COLUMN crm_bi.dim_owner.owner_key IS 'Key of the principal.';
COMMENT ON COLUMN crm_bi.dim_owner.name IS 'Its name.';
COMMENT ON COLUMN crm_bi.dim_owner.kind IS 'person, team, service or channel.';

GRANT SELECT ON crm_bi.dim_unit, crm_bi.dim_unit_path, crm_bi.dim_unit_history, crm_bi.dim_unit_path_history,
    crm_bi.dim_owner TO PUBLIC;
