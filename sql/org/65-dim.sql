-- The organisation for BI tools.

CREATE VIEW crm_bi.dim_unit AS
    SELECT u.unit AS unit_key, u.name, u.kind, u.hierarchy, u.parent AS parent_key, p.level, p.path, u.description,
           u.since, u.until
    FROM @extschema@.unit u
    JOIN LATERAL (SELECT pg_catalog.max(a.distance) AS level,
                         pg_catalog.string_agg(x.name, ' / ' ORDER BY a.distance DESC) AS path
                  FROM @extschema@.unit_path a JOIN @extschema@.unit x ON x.unit = a.ancestor
                  WHERE a.descendant = u.unit) p ON true;
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

CREATE VIEW crm_bi.dim_unit_path AS
    SELECT p.ancestor AS ancestor_key, p.descendant AS unit_key, p.distance FROM @extschema@.unit_path p;
COMMENT ON VIEW crm_bi.dim_unit_path IS
'The bridge upward: join facts by unit_key and group by ancestor_key to get a unit with all below it.';
COMMENT ON COLUMN crm_bi.dim_unit_path.ancestor_key IS 'A unit at or above.';
COMMENT ON COLUMN crm_bi.dim_unit_path.unit_key IS 'The unit that the fact holds.';
COMMENT ON COLUMN crm_bi.dim_unit_path.distance IS 'Steps between them; 0 for the unit itself.';

CREATE FUNCTION @extschema@.owners() RETURNS TABLE (owner_key text, name text, kind text)
    LANGUAGE sql STABLE PARALLEL SAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT p.principal, p.name, p.kind FROM principal p
    WHERE (SELECT w.outside OR w.principal IS NOT NULL FROM whoami() w)
$$;
COMMENT ON FUNCTION @extschema@.owners() IS 'Principals by name, for callers who are principals themselves; nothing for others.';
CREATE VIEW crm_bi.dim_owner AS SELECT o.owner_key, o.name, o.kind FROM @extschema@.owners() o;
COMMENT ON VIEW crm_bi.dim_owner IS 'Owners of records: principals. Empty for database roles that are none.';
COMMENT ON COLUMN crm_bi.dim_owner.owner_key IS 'Key of the principal.';
COMMENT ON COLUMN crm_bi.dim_owner.name IS 'Its name.';
COMMENT ON COLUMN crm_bi.dim_owner.kind IS 'person, team, service or channel.';

GRANT SELECT ON crm_bi.dim_unit, crm_bi.dim_unit_path, crm_bi.dim_owner TO PUBLIC;
