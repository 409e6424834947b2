-- Survivorship: which of its records' values is a customer's golden value, attribute by attribute.

CREATE TABLE @extschema@.golden_attribute (
    attribute text PRIMARY KEY,
    "position" integer NOT NULL UNIQUE CHECK ("position" BETWEEN 1 AND 31),
    leader text REFERENCES @extschema@.golden_attribute
);
COMMENT ON TABLE @extschema@.golden_attribute IS
    'The attributes that a golden record has. One with a leader is taken from the record whose value of the leader is golden, so '
    'that no address is made of two: where that record has none, from the next one that contradicts it in nothing. Positions '
    'never change: record.changed counts by them. Shipped.';
INSERT INTO @extschema@.golden_attribute (attribute, "position", leader) VALUES
    ('kind', 1, NULL), ('name', 2, NULL), ('given_name', 3, 'name'), ('family_name', 4, 'name'), ('company', 5, NULL),
    ('email', 6, NULL), ('phone', 7, NULL), ('website', 8, NULL), ('address', 9, NULL), ('postcode', 10, 'address'),
    ('city', 11, 'address'), ('region', 12, 'address'), ('country', 13, 'address'), ('birth_date', 14, NULL),
    ('gender', 15, NULL), ('job_title', 16, NULL), ('tax_id', 17, NULL), ('segment', 18, NULL);

CREATE TABLE @extschema@.survivorship_kind (
    rule text PRIMARY KEY,
    code integer NOT NULL UNIQUE,
    description text NOT NULL
);
COMMENT ON TABLE @extschema@.survivorship_kind IS 'What set_survivorship takes as a rule; the code is what C calls it. Shipped.';
INSERT INTO @extschema@.survivorship_kind VALUES
    ('most_recent', 0, 'the value that changed last'),
    ('most_frequent', 1, 'the value that most records have, then the most recent'),
    ('most_trusted', 2, 'the value of the first of the sources that has one, then the most recent'),
    ('longest', 3, 'the value with the most characters, then the most recent'),
    ('set', 4, 'all distinct values; the most recent stands for them where there is room for one'),
    ('manual', 5, 'only what set_golden_value says');

CREATE TABLE @extschema@.survivorship_rule (
    attribute text PRIMARY KEY,
    rule text NOT NULL,
    set_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    set_by name NOT NULL
);
COMMENT ON TABLE @extschema@.survivorship_rule IS 'Attributes whose golden value is not simply the most recent one. Written by set_survivorship.';
CREATE TABLE @extschema@.survivorship_source (
    attribute text NOT NULL REFERENCES @extschema@.survivorship_rule ON DELETE CASCADE,
    "position" integer NOT NULL,
    department text,
    relation pg_catalog.regclass,
    PRIMARY KEY (attribute, "position"),
    CHECK ((department IS NULL) <> (relation IS NULL))
);
COMMENT ON TABLE @extschema@.survivorship_source IS
    'Whom the rule most_trusted trusts, in this order: a department with all its tables, or one table.';
CREATE TABLE @extschema@.shared_attribute (
    attribute text PRIMARY KEY,
    reason text NOT NULL,
    shared_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    shared_by name NOT NULL
);
COMMENT ON TABLE @extschema@.shared_attribute IS
    'Attributes whose golden value is shown to whoever may read any record of the customer, also from records that he may not '
    'read. Written by share_attribute.';
SELECT pg_catalog.pg_extension_config_dump('@extschema@.survivorship_rule', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.survivorship_source', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.shared_attribute', '');

CREATE VIEW @extschema@.survivorship AS
SELECT g.attribute, COALESCE(r.rule, l.rule, 'most_recent') AS rule,
       ARRAY(SELECT COALESCE(s.department, @extschema@.table_name(s.relation)) FROM @extschema@.survivorship_source s
             WHERE s.attribute = COALESCE(g.leader, g.attribute) ORDER BY s."position") AS sources,
       h.attribute IS NOT NULL AS shared, h.reason, g.leader
FROM @extschema@.golden_attribute g
LEFT JOIN @extschema@.survivorship_rule r ON r.attribute = g.attribute
LEFT JOIN @extschema@.survivorship_rule l ON l.attribute = g.leader
LEFT JOIN @extschema@.shared_attribute h ON h.attribute = g.attribute;
COMMENT ON VIEW @extschema@.survivorship IS
    'How each golden value is chosen: the rule, the sources of most_trusted in order, whether it is shared with readers of any '
    'record of the customer and why, and the attribute that it is taken together with.';
GRANT SELECT ON @extschema@.survivorship TO PUBLIC;

CREATE FUNCTION @extschema@.require_golden_attribute(attribute text) RETURNS @extschema@.golden_attribute
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    found_row golden_attribute;
BEGIN
    SELECT * INTO found_row FROM golden_attribute g WHERE g.attribute = require_golden_attribute.attribute;
    IF NOT FOUND THEN
        PERFORM raise_unknown('golden attribute', coalesce(attribute, ''), ARRAY(SELECT g.attribute FROM golden_attribute g));
    END IF;
    RETURN found_row;
END
$$;
COMMENT ON FUNCTION @extschema@.require_golden_attribute(text) IS 'An attribute of golden records; raises RM001 where there is none of that name.';
SELECT @extschema@.set_audience('require_golden_attribute(text)', 'internal');

CREATE FUNCTION @extschema@.note_sources(attribute text, sources text[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    source text;
    named regclass;
BEGIN
    FOREACH source IN ARRAY coalesce(sources, '{}') LOOP
        named := NULL;
        IF NOT EXISTS (SELECT FROM adoption a WHERE a.department = source) THEN
            SELECT a.relation INTO named FROM adoption a
            WHERE a.relation = to_regclass(source) AND a.entity IN ('customer', 'lead');
            IF named IS NULL THEN
                PERFORM raise_unknown('department or adopted table of customers', coalesce(source, ''),
                    ARRAY(SELECT a.department FROM adoption a WHERE a.department IS NOT NULL UNION
                          SELECT table_name(a.relation) FROM adoption a WHERE a.entity IN ('customer', 'lead')));
            END IF;
        END IF;
        INSERT INTO survivorship_source AS s (attribute, "position", department, relation)
        SELECT note_sources.attribute, 1 + count(*), CASE WHEN named IS NULL THEN source END, named
        FROM survivorship_source o WHERE o.attribute = note_sources.attribute;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.note_sources(text, text[]) IS
    'Notes whom the rule of an attribute trusts, in order; raises RM001 for a name that is neither a department nor a table.';
SELECT @extschema@.set_audience('note_sources(text, text[])', 'internal');

CREATE FUNCTION @extschema@.set_survivorship(attribute text, rule text, sources text[] DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    golden CONSTANT golden_attribute := require_golden_attribute(attribute);
BEGIN
    IF golden.leader IS NOT NULL THEN
        RAISE EXCEPTION '% is taken together with %', attribute, golden.leader USING ERRCODE = 'RM005',
            DETAIL = 'They come from one record, so that no value is made of two.',
            HINT = format('Type SELECT @extschema@.set_survivorship(%L, %L);', golden.leader, rule);
    ELSIF NOT EXISTS (SELECT FROM survivorship_kind k WHERE k.rule = set_survivorship.rule) THEN
        PERFORM raise_unknown('rule', coalesce(rule, ''), ARRAY(SELECT k.rule FROM survivorship_kind k));
    ELSIF (rule = 'most_trusted') <> (coalesce(cardinality(sources), 0) > 0) THEN
        RAISE EXCEPTION 'sources belong to the rule most_trusted, and that needs some' USING ERRCODE = 'RM005',
            HINT = format('Type SELECT @extschema@.set_survivorship(%L, ''most_trusted'', ARRAY[''sales'', ''public.leads'']);', attribute);
    END IF;
    DELETE FROM survivorship_rule r WHERE r.attribute = set_survivorship.attribute;
    IF rule <> 'most_recent' THEN
        INSERT INTO survivorship_rule (attribute, rule, set_by) VALUES (attribute, rule, caller()::name);
        PERFORM note_sources(attribute, sources);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.set_survivorship(text, text, text[]) IS
    'How the golden value of an attribute is chosen: most_recent (as it is without a rule), most_frequent, most_trusted (sources: '
    'departments and tables in order of trust; any other is trusted less), longest, set (all distinct values) or manual (only what '
    'set_golden_value says). An e-mail or phone that is none goes last under every rule. Errors: RM001 (no such attribute, rule or '
    'source), RM005. Example: SELECT set_survivorship(''email'', ''most_trusted'', ARRAY[''service'', ''public.accounts'']);';
SELECT @extschema@.set_audience('set_survivorship(text, text, text[])', 'admin');

CREATE FUNCTION @extschema@.share_attribute(attribute text, reason text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    golden CONSTANT golden_attribute := require_golden_attribute(attribute);
BEGIN
    IF coalesce(btrim(reason), '') = '' THEN
        RAISE EXCEPTION 'an attribute is shared with a reason' USING ERRCODE = 'RM005',
            HINT = format('Type SELECT @extschema@.share_attribute(%L, ''every department calls back'');', attribute);
    END IF;
    DELETE FROM shared_attribute s WHERE s.attribute = golden.attribute;
    INSERT INTO shared_attribute (attribute, reason, shared_by) VALUES (golden.attribute, btrim(share_attribute.reason), caller()::name);
END
$$;
COMMENT ON FUNCTION @extschema@.share_attribute(text, text) IS
    'Shows the golden value of an attribute to whoever may read any record of the customer, also where it comes from a record '
    'that he may not read. status lists what is shared. Errors: RM001 (no such attribute), RM005 (no reason).';
SELECT @extschema@.set_audience('share_attribute(text, text)', 'admin');

CREATE FUNCTION @extschema@.unshare_attribute(attribute text) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    golden CONSTANT golden_attribute := require_golden_attribute(attribute);
BEGIN
    DELETE FROM shared_attribute s WHERE s.attribute = golden.attribute;
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION @extschema@.unshare_attribute(text) IS
    'Takes share_attribute back; false where the attribute was not shared. Error: RM001 (no such attribute).';
SELECT @extschema@.set_audience('unshare_attribute(text)', 'admin');

-- For a merge of rows: the same rules, over values that the caller has at hand.
CREATE FUNCTION @extschema@.survivor(rule text, "values" text[], since timestamptz[] DEFAULT NULL, trust integer[] DEFAULT NULL)
RETURNS integer
    AS 'MODULE_PATHNAME', 'crm_survivor' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10;
COMMENT ON FUNCTION @extschema@.survivor(text, text[], timestamptz[], integer[]) IS
    'Which of the values (counted from 1) a rule of survivorship_kind chooses, NULL where all are NULL or the rule is manual. since: '
    'when each changed, NULL for unknown; trust: the place of its source, smaller is more, NULL for none. What the rule leaves open '
    'goes to the most recent, then to the first. For set it is the most recent. Error: RM001 (no such rule). Example: '
    'survivor(''longest'', ARRAY[''J. Lee'', ''Jane Lee'']) is 2.';

CREATE FUNCTION @extschema@.source_trust(attribute text, relation regclass) RETURNS integer
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT min(s."position")
    FROM golden_attribute g
    JOIN survivorship_source s ON s.attribute = coalesce(g.leader, g.attribute)
    WHERE g.attribute = $1
      AND (s.relation = $2 OR s.department = (SELECT a.department FROM adoption a WHERE a.relation = $2))
$$;
COMMENT ON FUNCTION @extschema@.source_trust(text, regclass) IS
    'The place of a table among the sources that the rule of an attribute trusts, 1 for the most trusted; NULL where it is not among them.';
SELECT @extschema@.set_audience('source_trust(text, regclass)', 'admin');

CREATE FUNCTION @extschema@.status_survivorship() RETURNS SETOF @extschema@.status_row
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT 'customer', 'golden ' || s.attribute || ' is shared', 'ok', NULL::bigint, s.shared_at,
           format('with readers of any record of the customer, by %s: %s', s.shared_by, s.reason),
           format('SELECT @extschema@.unshare_attribute(%L);', s.attribute)
    FROM shared_attribute s
    UNION ALL
    SELECT 'customer', 'golden ' || r.attribute || ' has no source', 'warning', NULL, r.set_at,
           'the tables and departments that its rule most_trusted names are not adopted',
           format('SELECT @extschema@.set_survivorship(%L, ''most_recent'');', r.attribute)
    FROM survivorship_rule r
    WHERE r.rule = 'most_trusted'
      AND NOT EXISTS (SELECT FROM survivorship_source s JOIN adoption a ON a.relation = s.relation OR a.department = s.department
                      WHERE s.attribute = r.attribute AND a.entity IN ('customer', 'lead'))
$$;
COMMENT ON FUNCTION @extschema@.status_survivorship() IS 'Rows of status: attributes that are shared, and rules that trust nobody any more.';
SELECT @extschema@.set_audience('status_survivorship()', 'admin');
INSERT INTO @extschema@.status_source (function_name, room) VALUES ('status_survivorship', 'customer');
