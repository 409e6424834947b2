-- The slow model: which rows of a protected table a principal may read, create, change, decided in plain SQL from the
-- tables of the organisation. It calls no function of the extension and keeps nothing between two questions; words are
-- compared as text. The rules are those of docs/org.md, written down a second time so that the two can disagree.

CREATE SCHEMA oracle;

-- What was asked of protect: the model believes the one who asked, and not the extension's own notes.
CREATE TABLE oracle.subject (
    relation text PRIMARY KEY,
    object text NOT NULL,
    units jsonb NOT NULL,       -- hierarchy to column
    combine text NOT NULL,      -- all, any
    owner_column text,
    key_column text,            -- NULL: records of this table cannot be shared
    fallback text NOT NULL,
    shape text NOT NULL         -- for people who read a difference
);

-- Every unit with each unit below it, itself included.
CREATE VIEW oracle.beneath AS
    WITH RECURSIVE beneath (upper_unit, lower_unit) AS (
        SELECT unit, unit FROM crm.unit
        UNION
        SELECT b.upper_unit, u.unit FROM beneath b JOIN crm.unit u ON u.parent = b.lower_unit)
    SELECT upper_unit, lower_unit FROM beneath;

-- What a value of a unit column means in a hierarchy: a key before an alias before a name. The organisation itself is known
-- in every hierarchy by all its words, after the units of that hierarchy's own. Written as it is, or in lower case, upper
-- case or Initial Capitals. Two meanings of one rank are none.
CREATE VIEW oracle.unit_meaning AS
    WITH own (hierarchy, unit, rank, word) AS (
        SELECT u.hierarchy, u.unit, 1, u.unit FROM crm.unit u
        UNION ALL
        SELECT a.hierarchy, a.unit, 3, a.alias FROM crm.unit_alias a
        UNION ALL
        SELECT u.hierarchy, u.unit, 5, u.name FROM crm.unit u
    ), word (hierarchy, unit, rank, word) AS (
        SELECT o.hierarchy, o.unit, o.rank, o.word FROM own o
        UNION ALL
        SELECT h.hierarchy, o.unit, o.rank + 1, o.word
        FROM own o JOIN crm.unit u ON u.unit = o.unit AND u.parent IS NULL JOIN crm.hierarchy h ON h.hierarchy <> o.hierarchy
    ), spelled AS (
        SELECT w.hierarchy, w.unit, w.rank, s.value
        FROM word w, unnest(ARRAY[w.word, lower(w.word), upper(w.word), initcap(w.word)]) s (value)
    ), ranked AS (
        SELECT *, min(rank) OVER (PARTITION BY hierarchy, value) AS best FROM spelled
    )
    SELECT hierarchy, value, min(unit) AS unit
    FROM ranked WHERE rank = best GROUP BY hierarchy, value HAVING min(unit) = max(unit);

CREATE VIEW oracle.owner_meaning AS
    WITH word (principal, rank, word) AS (
        SELECT p.principal, 1, p.principal FROM crm.principal p
        UNION ALL
        SELECT a.principal, 2, a.alias FROM crm.principal_alias a
        UNION ALL
        SELECT p.principal, 3, p.role_name::text FROM crm.principal p WHERE p.role_name IS NOT NULL
        UNION ALL
        SELECT p.principal, 4, p.name FROM crm.principal p
    ), spelled AS (
        SELECT w.principal, w.rank, s.value
        FROM word w, unnest(ARRAY[w.word, lower(w.word), upper(w.word), initcap(w.word)]) s (value)
    ), ranked AS (
        SELECT *, min(rank) OVER (PARTITION BY value) AS best FROM spelled
    )
    SELECT value, min(principal) AS principal
    FROM ranked WHERE rank = best GROUP BY value HAVING min(principal) = max(principal);

-- The asker, and the teams whose member the asker is now.
CREATE FUNCTION oracle.effective(asker text, at timestamptz) RETURNS SETOF text LANGUAGE sql STABLE AS $$
    SELECT asker
    UNION
    SELECT t.team FROM crm.team_member t WHERE t.principal = asker AND t.during @> at
$$;

-- The units in which the asker stands now, in person or through a team, whatever the role.
CREATE FUNCTION oracle.place(asker text, at timestamptz) RETURNS SETOF text LANGUAGE sql STABLE AS $$
    SELECT DISTINCT m.unit FROM crm.membership m JOIN oracle.effective(asker, at) e ON m.principal = e WHERE m.during @> at
$$;

-- What the asker's roles grant: one row for each membership and privilege.
CREATE FUNCTION oracle.granted(asker text, object text, at timestamptz, OUT privilege text, OUT depth text, OUT unit text)
    RETURNS SETOF record LANGUAGE sql STABLE AS $$
    WITH held (unit, role) AS (
        SELECT m.unit, m.role
        FROM crm.membership m JOIN oracle.effective(asker, at) e ON m.principal = e
        WHERE m.during @> at AND m.role IS NOT NULL
        UNION
        SELECT p, r.role FROM oracle.place(asker, at) p JOIN crm.unit_role r ON r.unit = p)
    SELECT p.privilege, p.depth, h.unit
    FROM held h JOIN crm.role_privilege p ON p.role = h.role
    WHERE p.object = granted.object OR p.object = '*'
$$;

-- (privilege, unit): denied there, to the asker or to a team of the asker's.
CREATE FUNCTION oracle.denied(asker text, object text, at timestamptz, OUT privilege text, OUT unit text)
    RETURNS SETOF record LANGUAGE sql STABLE AS $$
    SELECT d.privilege, b.lower_unit
    FROM crm.denial d JOIN oracle.effective(asker, at) e ON d.principal = e JOIN oracle.beneath b ON b.upper_unit = d.unit
    WHERE d.object = denied.object OR d.object = '*'
    UNION
    SELECT d.privilege, u.unit
    FROM crm.denial d JOIN oracle.effective(asker, at) e ON d.principal = e CROSS JOIN crm.unit u
    WHERE d.unit IS NULL AND (d.object = denied.object OR d.object = '*')
$$;

-- Privileges that reach no further than read does.
CREATE FUNCTION oracle.needs_read(privilege text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT privilege NOT IN ('read', 'create', 'total', 'story')
$$;

-- (privilege, unit): where the asker has which privilege, by roles, less what is denied.
CREATE FUNCTION oracle.reached(asker text, object text, at timestamptz, OUT privilege text, OUT unit text)
    RETURNS SETOF record LANGUAGE sql STABLE AS $$
    WITH role_grant AS MATERIALIZED (
        SELECT g.privilege, g.depth, g.unit FROM oracle.granted(asker, object, at) g
    ), granted AS MATERIALIZED (
        SELECT g.privilege, g.unit FROM role_grant g WHERE g.depth = 'unit'
        UNION
        SELECT g.privilege, b.lower_unit FROM role_grant g JOIN oracle.beneath b ON b.upper_unit = g.unit WHERE g.depth = 'below'
        UNION
        SELECT g.privilege, u.unit FROM role_grant g CROSS JOIN crm.unit u WHERE g.depth = 'organisation'
    ), denied AS MATERIALIZED (
        SELECT d.privilege, d.unit FROM oracle.denied(asker, object, at) d
    ), readable AS MATERIALIZED (
        SELECT g.unit FROM granted g WHERE g.privilege = 'read'
        EXCEPT
        SELECT d.unit FROM denied d WHERE d.privilege = 'read'
    ), wanted AS (
        SELECT g.privilege, g.unit FROM granted g
        UNION
        SELECT p.privilege, r.unit FROM readable r CROSS JOIN (VALUES ('total'), ('story')) p (privilege)
    )
    SELECT w.privilege, w.unit FROM wanted w
    WHERE NOT oracle.needs_read(w.privilege) OR w.unit IN (SELECT r.unit FROM readable r)
    EXCEPT
    SELECT d.privilege, d.unit FROM denied d
$$;

-- Which of the images of rows (in jsonb, numbered from 1) pass the conditions for which of the privileges.
CREATE FUNCTION oracle.passing(asker text, relation text, privileges text[], images jsonb, at timestamptz)
    RETURNS TABLE (privilege text, number bigint)
    LANGUAGE plpgsql STABLE SET max_parallel_workers_per_gather = 0 SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    subject oracle.subject := (SELECT s FROM oracle.subject s WHERE s.relation = passing.relation);
BEGIN
    RETURN QUERY
    WITH wanted AS MATERIALIZED (
        SELECT w.privilege FROM unnest(passing.privileges) w (privilege)
    ), effective AS MATERIALIZED (
        SELECT e AS principal FROM oracle.effective(passing.asker, passing.at) e
    ), granted AS MATERIALIZED (
        SELECT DISTINCT g.privilege FROM oracle.granted(passing.asker, subject.object, passing.at) g
    ), reached AS MATERIALIZED (
        SELECT r.privilege, r.unit FROM oracle.reached(passing.asker, subject.object, passing.at) r
    ), denied AS MATERIALIZED (
        SELECT w.privilege, d.unit
        FROM wanted w JOIN oracle.denied(passing.asker, subject.object, passing.at) d
             ON d.privilege = w.privilege OR (d.privilege = 'read' AND oracle.needs_read(w.privilege))
    ), place AS MATERIALIZED (
        SELECT b.upper_unit AS unit FROM oracle.place(passing.asker, passing.at) p JOIN oracle.beneath b ON b.lower_unit = p
    ), meaning AS MATERIALIZED (
        SELECT m.hierarchy, m.value, m.unit FROM oracle.unit_meaning m
    ), person AS MATERIALIZED (
        SELECT m.value, m.principal FROM oracle.owner_meaning m
    ), image AS MATERIALIZED (
        SELECT i.number, i.image FROM jsonb_array_elements(passing.images) WITH ORDINALITY i (image, number)
    ), located AS MATERIALIZED (
        SELECT i.number, coalesce(m.unit, subject.fallback) AS unit
        FROM image i CROSS JOIN jsonb_each_text(subject.units) c (hierarchy, column_name)
             LEFT JOIN meaning m ON m.hierarchy = c.hierarchy AND m.value = i.image ->> c.column_name
    ), refused AS (
        SELECT d.privilege, l.number FROM located l JOIN denied d ON d.unit = l.unit
    ), by_unit AS (
        SELECT w.privilege, l.number
        FROM wanted w CROSS JOIN located l LEFT JOIN reached r ON r.privilege = w.privilege AND r.unit = l.unit
        GROUP BY w.privilege, l.number
        HAVING CASE subject.combine WHEN 'all' THEN bool_and(r.unit IS NOT NULL) ELSE bool_or(r.unit IS NOT NULL) END
    ), owned AS (
        SELECT g.privilege, i.number
        FROM image i JOIN person m ON m.value = i.image ->> subject.owner_column CROSS JOIN granted g
        WHERE m.principal IN (SELECT e.principal FROM effective e)
          AND (NOT oracle.needs_read(g.privilege) OR EXISTS (SELECT FROM granted r WHERE r.privilege = 'read'))
    ), shared AS (
        SELECT w.privilege, i.number
        FROM image i JOIN crm.shared_record s ON s.record_key = i.image ->> subject.key_column
             JOIN wanted w ON w.privilege = ANY (s.privileges) AND w.privilege <> 'create'
        WHERE s.relation = passing.relation::regclass AND s.during @> passing.at
          AND (s.principal IN (SELECT e.principal FROM effective e) OR s.unit IN (SELECT p.unit FROM place p))
    ), allowed AS (
        (SELECT * FROM by_unit UNION SELECT * FROM owned UNION SELECT * FROM shared)
        EXCEPT SELECT * FROM refused
    )
    SELECT a.privilege, a.number FROM allowed a WHERE a.privilege IN (SELECT w.privilege FROM wanted w);
END
$$;

-- The same as {"read": [images], ...}.
CREATE FUNCTION oracle.allowed(asker text, relation text, privileges text[], images jsonb, at timestamptz) RETURNS jsonb
    LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_object_agg(p.privilege, p.images), '{}')
    FROM (SELECT privilege, jsonb_agg(images -> (number - 1)::integer ORDER BY number) AS images
          FROM oracle.passing(asker, relation, privileges, images, at) GROUP BY privilege) p
$$;
