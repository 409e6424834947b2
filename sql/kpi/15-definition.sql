-- KPIs: which components they add up, and how.

CREATE TABLE @extschema@.shipped_kpi (
    kpi text PRIMARY KEY,
    label text NOT NULL,
    kind text NOT NULL CHECK (kind OPERATOR(pg_catalog.=) ANY (ARRAY['simple', 'ratio'])),
    date_kind text NOT NULL DEFAULT 'event' CHECK (date_kind OPERATOR(pg_catalog.=) ANY (ARRAY['event', 'stock'])),
    numerator text NOT NULL,
    denominator text,
    measured_in text NOT NULL DEFAULT 'count',
    direction text NOT NULL DEFAULT 'up' CHECK (direction OPERATOR(pg_catalog.=) ANY (ARRAY['up', 'down'])),
    version integer NOT NULL DEFAULT 1,
    description text NOT NULL,
    CHECK ((kind OPERATOR(pg_catalog.=) 'ratio') OPERATOR(pg_catalog.=) (denominator IS NOT NULL))
);
COMMENT ON TABLE @extschema@.shipped_kpi IS
'Definitions of KPIs. numerator and denominator are sums of terms, component.measure[condition,...]: measure is count '
'unless given, a condition is an outcome (open, won, lost, unknown) or a milestone of the row''s stage. Shipped.';

CREATE TABLE @extschema@.team_kpi (LIKE @extschema@.shipped_kpi INCLUDING ALL);
COMMENT ON TABLE @extschema@.team_kpi IS 'KPIs that define_kpi made, or changed.';
SELECT pg_catalog.pg_extension_config_dump('@extschema@.team_kpi', '');

CREATE TABLE @extschema@.shipped_kpi_term (
    kpi text NOT NULL REFERENCES @extschema@.shipped_kpi ON DELETE CASCADE,
    side text NOT NULL CHECK (side OPERATOR(pg_catalog.=) ANY (ARRAY['numerator', 'denominator'])),
    "position" integer NOT NULL,
    sign integer NOT NULL,
    component text NOT NULL,
    measure text NOT NULL,
    outcomes text[],
    milestones text[],
    PRIMARY KEY (kpi, side, "position")
);
COMMENT ON TABLE @extschema@.shipped_kpi_term IS 'The terms of shipped_kpi, parsed. Shipped.';

CREATE TABLE @extschema@.team_kpi_term (LIKE @extschema@.shipped_kpi_term INCLUDING ALL);
ALTER TABLE @extschema@.team_kpi_term ADD FOREIGN KEY (kpi) REFERENCES @extschema@.team_kpi ON DELETE CASCADE;
COMMENT ON TABLE @extschema@.team_kpi_term IS 'The terms of team_kpi, parsed.';
SELECT pg_catalog.pg_extension_config_dump('@extschema@.team_kpi_term', '');

CREATE VIEW @extschema@.kpi AS
SELECT t.*, false AS shipped FROM @extschema@.team_kpi t
UNION ALL
SELECT s.*, true FROM @extschema@.shipped_kpi s
WHERE NOT EXISTS (SELECT FROM @extschema@.team_kpi t WHERE t.kpi OPERATOR(pg_catalog.=) s.kpi);
COMMENT ON VIEW @extschema@.kpi IS 'All KPIs, shipped and the team''s own; a team''s definition replaces a shipped one.';
GRANT SELECT ON @extschema@.kpi TO PUBLIC;

CREATE VIEW @extschema@.kpi_term AS
SELECT t.* FROM @extschema@.team_kpi_term t
UNION ALL
SELECT s.* FROM @extschema@.shipped_kpi_term s
WHERE NOT EXISTS (SELECT FROM @extschema@.team_kpi t WHERE t.kpi OPERATOR(pg_catalog.=) s.kpi);
COMMENT ON VIEW @extschema@.kpi_term IS 'The terms of all KPIs.';
