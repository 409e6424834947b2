-- KPIs: which components they add up, and how.

CREATE TABLE @extschema@.shipped_kpi (
    kpi text PRIMARY KEY,
    label text NOT NULL,
    kind text NOT NULL CHECK (kind OPERATOR(pg_catalog.=) ANY (ARRAY['simple', 'ratio', 'conversion', 'cumulative', 'derived', 'distinct',
                                                                    'percentile', 'survival', 'period'])),
    date_kind text NOT NULL DEFAULT 'event' CHECK (date_kind OPERATOR(pg_catalog.=) ANY (ARRAY['event', 'stock'])),
    numerator text NOT NULL,
    denominator text,
    measured_in text NOT NULL DEFAULT 'count',
    direction text NOT NULL DEFAULT 'up' CHECK (direction OPERATOR(pg_catalog.=) ANY (ARRAY['up', 'down'])),
    version integer NOT NULL DEFAULT 1,
    description text NOT NULL,
    within_days integer CHECK (within_days OPERATOR(pg_catalog.>=) 0),
    span interval CHECK (span OPERATOR(pg_catalog.>) interval '0'),
    quantile numeric CHECK (quantile OPERATOR(pg_catalog.>) 0 AND quantile OPERATOR(pg_catalog.<) 1),
    inputs text[],
    CHECK (CASE WHEN kind OPERATOR(pg_catalog.=) ANY (ARRAY['ratio', 'conversion']) THEN denominator IS NOT NULL
                WHEN kind OPERATOR(pg_catalog.=) ANY (ARRAY['cumulative', 'period']) THEN true
                ELSE denominator IS NULL END),
    CHECK ((kind OPERATOR(pg_catalog.=) 'derived') OPERATOR(pg_catalog.=) (inputs IS NOT NULL)),
    CHECK ((kind OPERATOR(pg_catalog.=) ANY (ARRAY['percentile', 'survival'])) OPERATOR(pg_catalog.=) (quantile IS NOT NULL))
);
COMMENT ON TABLE @extschema@.shipped_kpi IS
'Definitions of KPIs. numerator and denominator are sums of terms, component.measure[condition,...]: measure is count '
'unless given, a condition is an outcome (open, won, lost, unknown) or a milestone of the row''s stage. Shipped.';
COMMENT ON COLUMN @extschema@.shipped_kpi.kind IS
'simple and ratio: sums by day, divided after they were added up. conversion: a ratio whose days are those of the cohort, NULL while a cohort '
'is young. cumulative: sums over the span that ends with the period, or since the beginning. derived: an expression over other KPIs '
'(inputs), of the same units, dimensions and days. distinct: different values. percentile: of the values of rows, by quantile. survival: of '
'durations of which some have not ended. period: a set at the beginning of the period against its end. The last five add up over nothing and '
'are read by kpi() and kpi_total().';
COMMENT ON COLUMN @extschema@.shipped_kpi.within_days IS 'Of a conversion: days that a cohort is given; it is mature when they are over.';
COMMENT ON COLUMN @extschema@.shipped_kpi.span IS 'Whatever the period, what is read ends with it and began so long before.';
COMMENT ON COLUMN @extschema@.shipped_kpi.inputs IS 'Of a derived KPI: the KPIs and parameters that the expression names.';

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
    within_days integer,
    PRIMARY KEY (kpi, side, "position")
);
COMMENT ON TABLE @extschema@.shipped_kpi_term IS 'The terms of shipped_kpi, parsed. Shipped.';

CREATE TABLE @extschema@.team_kpi_term (LIKE @extschema@.shipped_kpi_term INCLUDING ALL);
ALTER TABLE @extschema@.team_kpi_term ADD FOREIGN KEY (kpi) REFERENCES @extschema@.team_kpi ON DELETE CASCADE;
COMMENT ON TABLE @extschema@.team_kpi_term IS 'The terms of team_kpi, parsed.';
SELECT pg_catalog.pg_extension_config_dump('@extschema@.team_kpi_term', '');

CREATE VIEW @extschema@.kpi_term AS
SELECT d.*, g.calendar
FROM (SELECT t.* FROM @extschema@.team_kpi_term t
      UNION ALL
      SELECT s.* FROM @extschema@.shipped_kpi_term s
      WHERE NOT EXISTS (SELECT FROM @extschema@.team_kpi t WHERE t.kpi OPERATOR(pg_catalog.=) s.kpi)) d
LEFT JOIN @extschema@.kpi_governance g ON g.kpi = d.kpi;
COMMENT ON VIEW @extschema@.kpi_term IS 'The terms of all KPIs, with the calendar of the KPI''s own where it has one.';

-- What is counted is part of a definition, so a component that is defined anew makes a new version of each KPI that is made of it: from the
-- moment when that is read, which is later than it was said.
CREATE VIEW @extschema@.kpi_step AS
SELECT t.kpi, pg_catalog.sum(coalesce(i.version, c.version) - 1)::integer AS steps, pg_catalog.sum(c.version - 1)::integer AS steps_defined
FROM (SELECT DISTINCT k.kpi, k.component FROM @extschema@.kpi_term k) t
JOIN @extschema@.component c ON c.component = t.component
LEFT JOIN (SELECT x.component, pg_catalog.max(x.version) AS version FROM @extschema@.kpi_instance x GROUP BY x.component) i ON i.component = t.component
GROUP BY t.kpi;
COMMENT ON VIEW @extschema@.kpi_step IS
'How often components of each KPI were defined anew: as they are read (steps), and as they are defined (steps_defined).';

CREATE VIEW @extschema@.kpi AS
SELECT d.kpi, d.label, d.kind, d.date_kind, d.numerator, d.denominator, d.measured_in, d.direction, d.version + coalesce(s.steps, 0) AS version,
       d.description, d.within_days, d.span, d.quantile, d.inputs, d.shipped, g.owner,
       CASE WHEN g.certification = 'certified' AND g.certified_version <> d.version + coalesce(s.steps, 0) THEN 'draft'
            ELSE coalesce(g.certification, 'draft') END AS certification,
       g.certified_by, g.certified_at, g.certified_version, g.valid_from, g.valid_until, coalesce(g.apart, '{}') AS apart, g.calendar
FROM (SELECT t.*, false AS shipped FROM @extschema@.team_kpi t
      UNION ALL
      SELECT s.*, true FROM @extschema@.shipped_kpi s
      WHERE NOT EXISTS (SELECT FROM @extschema@.team_kpi t WHERE t.kpi OPERATOR(pg_catalog.=) s.kpi)) d
LEFT JOIN @extschema@.kpi_step s ON s.kpi = d.kpi
LEFT JOIN @extschema@.kpi_governance g ON g.kpi = d.kpi;
COMMENT ON VIEW @extschema@.kpi IS
'All KPIs, shipped and the team''s own; a team''s definition replaces a shipped one. version is that of the numbers that are read: it counts '
'definitions of the KPI and of its components. certification is draft unless somebody certified this version.';
GRANT SELECT ON @extschema@.kpi TO PUBLIC;
