-- Golden records: the view customer, where each of its values comes from, and values that people set.

-- "Most recent" goes by when a value changed, and created_at says only when a record began.
CREATE FUNCTION @extschema@.record_value_changed() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
BEGIN
    NEW.changed := ARRAY(
        SELECT CASE WHEN u.before IS DISTINCT FROM u.after THEN now() ELSE OLD.changed[u.n] END
        FROM unnest(golden_attributes(OLD), golden_attributes(NEW)) WITH ORDINALITY AS u (before, after, n) ORDER BY u.n);
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION @extschema@.record_value_changed() IS 'Trigger on record_copy: notes which golden attributes of a record change now.';
SELECT @extschema@.set_audience('record_value_changed()', 'internal');

CREATE FUNCTION @extschema@.golden_attributes(r @extschema@.record_copy) RETURNS text[]
    AS 'MODULE_PATHNAME', 'crm_golden_attributes' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION @extschema@.golden_attributes(@extschema@.record_copy) IS
    'The golden attributes of a record, by position of golden_attribute. An organisation is named by its company, anybody else by the full '
    'name, the parts of it, or the company.';
CREATE TRIGGER value_changed BEFORE UPDATE ON @extschema@.record_copy FOR EACH ROW
    WHEN (@extschema@.golden_attributes(OLD) IS DISTINCT FROM @extschema@.golden_attributes(NEW))
    EXECUTE FUNCTION @extschema@.record_value_changed();

CREATE TYPE @extschema@.golden_choice AS ("position" integer, rank integer, value text, place integer, record_key text, since timestamptz,
                                          readable boolean);
COMMENT ON TYPE @extschema@.golden_choice IS
    'A value that took part: of which attribute, in which place behind the golden one (1), of the record with this key in the relation '
    'with this place in golden_relation(), since when the record has it (NULL: nobody knows), and whether the reader may read it '
    'there, and not only because the attribute is shared.';

-- In PL/pgSQL, which keeps its plans: planning these queries takes longer than answering for one customer.
CREATE FUNCTION @extschema@.golden_plan() RETURNS TABLE (attribute text, rule integer, shared boolean, leader integer)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 18 COST 1000 SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT g.attribute, coalesce(k.code, 0), h.attribute IS NOT NULL, l."position"
    FROM golden_attribute g
    LEFT JOIN golden_attribute l ON l.attribute = g.leader
    LEFT JOIN survivorship_rule r ON r.attribute = coalesce(g.leader, g.attribute)
    LEFT JOIN survivorship_kind k ON k.rule = r.rule
    LEFT JOIN shared_attribute h ON h.attribute = g.attribute
    ORDER BY g."position";
END
$$;
COMMENT ON FUNCTION @extschema@.golden_plan() IS
    'How each golden attribute is chosen, in the order of golden_attribute: the code of its rule, whether it is shared, and the position of '
    'the attribute that it is taken together with.';

CREATE FUNCTION @extschema@.golden_relation() RETURNS TABLE (relation regclass, department text, place integer, trust integer[])
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 10 COST 1000 SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    trusting CONSTANT boolean := EXISTS (SELECT FROM survivorship_source);
BEGIN
    RETURN QUERY
    SELECT a.relation, a.department, (row_number() OVER (ORDER BY format('%I.%I', n.nspname, c.relname) COLLATE "C"))::integer,
           CASE WHEN trusting THEN
               ARRAY(SELECT coalesce(source_trust(g.attribute, a.relation), 2147483647) FROM golden_attribute g ORDER BY g."position") END
    FROM adoption a JOIN pg_class c ON c.oid = a.relation JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE a.entity IN ('customer', 'lead');
END
$$;
COMMENT ON FUNCTION @extschema@.golden_relation() IS
    'The tables of records: place orders them by name, trust is the place of each among the sources of an attribute, by position of '
    'golden_attribute, NULL where no rule trusts anybody.';

-- A composed name is shown where all of its parts are.
CREATE FUNCTION @extschema@.golden_shown(relation regclass, attributes text[]) RETURNS integer
LANGUAGE plpgsql STABLE PARALLEL SAFE COST 1000 SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT bit_or(1 << (g."position" - 1))
        FROM golden_attribute g
        WHERE CASE WHEN g.attribute = 'name' OR g.attribute = 'kind' AND NOT has_attribute(golden_shown.relation, 'kind') THEN
                  NOT EXISTS (SELECT FROM adoption_attribute a
                              WHERE a.relation = golden_shown.relation AND a.attribute = ANY ('{given_name,family_name,full_name,company}')
                                AND a.attribute <> ALL (attributes))
              ELSE g.attribute = ANY (attributes) END);
END
$$;
COMMENT ON FUNCTION @extschema@.golden_shown(regclass, text[]) IS
    'Which golden attributes somebody may know of a table who may know these of its attributes, a bit for each position.';
SELECT @extschema@.set_audience('golden_shown(regclass, text[])', 'internal');

CREATE FUNCTION @extschema@.golden_source()
RETURNS TABLE (relation regclass, object text, hierarchy text, fallback text, by_owner boolean, by_share boolean, reads text, shown integer,
               dated boolean, place integer, trust integer[])
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 10 COST 1000 SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT g.relation, g.object, g.hierarchy, g.fallback, g.by_owner, g.by_share, g.shows,
           CASE WHEN g.attributes IS NULL THEN -1 ELSE coalesce(golden_shown(g.relation, g.attributes), 0) END,
           coalesce('created_at' = ANY (g.attributes), true), s.place, s.trust
    FROM record_access() g JOIN golden_relation() s ON s.relation = g.relation;
END
$$;
COMMENT ON FUNCTION @extschema@.golden_source() IS
    'The tables of records with what the caller may read of each: as record_access() and golden_relation() say, with the golden attributes '
    'and created_at that he may know. For golden_of.';

-- Values that people set. Each hangs on a record, and goes where that goes when customers are joined and split.
CREATE TABLE @extschema@.golden_value (
    record_no bigint NOT NULL,
    attribute text NOT NULL,
    value text,
    reason text NOT NULL,
    set_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    set_by text NOT NULL,
    PRIMARY KEY (record_no, attribute)
);
COMMENT ON TABLE @extschema@.golden_value IS
    'Golden values that people set, with the record of the customer that each goes along with. A NULL value says that there is none. '
    'Written by set_golden_value.';
SELECT pg_catalog.pg_extension_config_dump('@extschema@.golden_value', '');

CREATE VIEW @extschema@.golden_said AS
SELECT l.customer_id, pg_catalog.jsonb_object_agg(v.attribute, v.value ORDER BY v.set_at, v.record_no) AS said,
       pg_catalog.jsonb_object_agg(v.attribute, v.set_at ORDER BY v.set_at, v.record_no) AS said_at
FROM @extschema@.golden_value v JOIN @extschema@.record_link l USING (record_no)
GROUP BY l.customer_id;
COMMENT ON VIEW @extschema@.golden_said IS
    'The golden values that people set, by customer, as linked now: attribute to value, the one that was set last.';

-- One customer at a time, so that a join asks for those that it needs: see extension/customer/golden_read.h.
CREATE TYPE @extschema@.golden_record AS (
    customer_id bigint, kind text, name text, given_name text, family_name text, company text, email text, phone text, website text, address text, postcode text, city text, region text, country text, birth_date text, gender text, job_title text, tax_id text, segment text, created_at timestamptz, records bigint, value_sets jsonb);
COMMENT ON TYPE @extschema@.golden_record IS 'A row of the view customer.';

CREATE FUNCTION @extschema@.golden_of(customer_id bigint) RETURNS @extschema@.golden_record
    AS 'MODULE_PATHNAME', 'crm_golden_of' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION @extschema@.golden_of(bigint) IS
    'The golden record of a customer from the records that the caller may read: a row of the view customer; NULL where he may read none.';
CREATE FUNCTION @extschema@.golden_choices_of(customer_id bigint) RETURNS @extschema@.golden_choice[]
    AS 'MODULE_PATHNAME', 'crm_golden_choices_of' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 1500;
COMMENT ON FUNCTION @extschema@.golden_choices_of(bigint) IS
    'All values that take part in golden_of, with the records that they come from, attribute by attribute in the order of its rule.';
CREATE FUNCTION @extschema@.may_read_customer(customer_id bigint) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_may_read_customer' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 500;
COMMENT ON FUNCTION @extschema@.may_read_customer(bigint) IS 'Whether the caller may read a record of the customer.';

-- The view below runs with its reader's rights, so that the planner may join its parts with what it is joined with. All that it shows
-- comes from golden_of, which decides by itself; of the registry its reader sees the ids that he could ask for anyway.
-- It is narrow, and to make a golden record takes far longer than to read an id: by its size alone it would be read by one process.
ALTER TABLE @extschema@.customer_registry SET (parallel_workers = 4);
ALTER TABLE @extschema@.customer_registry ENABLE ROW LEVEL SECURITY;
CREATE POLICY readable ON @extschema@.customer_registry FOR SELECT USING (@extschema@.may_read_customer(customer_id));
GRANT SELECT (customer_id, retired_at) ON @extschema@.customer_registry TO PUBLIC;

CREATE VIEW @extschema@.customer WITH (security_invoker) AS
SELECT r.customer_id, g.kind, g.name, g.given_name, g.family_name, g.company, g.email, g.phone, g.website, g.address, g.postcode, g.city, g.region, g.country, g.birth_date, g.gender, g.job_title, g.tax_id, g.segment,
       g.created_at, g.records, g.value_sets
FROM @extschema@.customer_registry r CROSS JOIN LATERAL @extschema@.golden_of(r.customer_id) g
WHERE r.retired_at IS NULL AND g.customer_id IS NOT NULL;
COMMENT ON VIEW @extschema@.customer IS
    'One row for each customer of whom the reader may read a record. Golden values are chosen by the rules of survivorship from records '
    'that the reader may read, save for shared attributes; a value that somebody set goes before. value_sets: all values of the '
    'attributes whose rule is set. customer_value says where each comes from.';
COMMENT ON COLUMN @extschema@.customer.created_at IS 'When the oldest record began that the reader may read.';
COMMENT ON COLUMN @extschema@.customer.records IS 'How many records the reader may read.';
GRANT SELECT ON @extschema@.customer TO PUBLIC;

CREATE VIEW @extschema@.customer_value WITH (security_barrier) AS
SELECT c.customer_id, a.attribute, v.value, v.relation, v.record_key, v.department, v.rule, v.since, o.others
FROM (SELECT r.customer_id, f.choices
      FROM @extschema@.customer_registry r CROSS JOIN LATERAL @extschema@.golden_choices_of(r.customer_id) AS f (choices)
      WHERE r.retired_at IS NULL AND f.choices IS NOT NULL) c
LEFT JOIN @extschema@.golden_said m ON m.customer_id OPERATOR(pg_catalog.=) c.customer_id
CROSS JOIN @extschema@.golden_attribute a
JOIN @extschema@.survivorship u USING (attribute)
CROSS JOIN LATERAL (
    SELECT m.said ->> a.attribute AS value, NULL::regclass AS relation, NULL AS record_key, NULL AS department, 'manual' AS rule,
           (m.said_at ->> a.attribute)::timestamptz AS since
    WHERE m.said ? a.attribute
    UNION ALL
    SELECT h.value, CASE WHEN h.readable THEN s.relation END, CASE WHEN h.readable THEN h.record_key END, s.department, u.rule, h.since
    FROM pg_catalog.unnest(c.choices) h JOIN @extschema@.golden_relation() s ON s.place OPERATOR(pg_catalog.=) h.place
    WHERE h."position" OPERATOR(pg_catalog.=) a."position" AND (m.said ? a.attribute) IS NOT TRUE
      AND (h.rank OPERATOR(pg_catalog.=) 1 OR u.rule OPERATOR(pg_catalog.=) 'set')) v
CROSS JOIN LATERAL (
    SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('value', h.value, 'relation', @extschema@.table_name(s.relation),
               'record_key', h.record_key, 'department', s.department, 'since', h.since) ORDER BY h.rank) AS others
    FROM pg_catalog.unnest(c.choices) h JOIN @extschema@.golden_relation() s ON s.place OPERATOR(pg_catalog.=) h.place
    WHERE h."position" OPERATOR(pg_catalog.=) a."position" AND h.readable
      AND (m.said ? a.attribute OR h.rank OPERATOR(pg_catalog.>) 1 AND u.rule OPERATOR(pg_catalog.<>) 'set')) o;
COMMENT ON VIEW @extschema@.customer_value IS
    'Where each golden value comes from: one row for each value of customer (several where the rule is set), with the record, its '
    'department, the rule that chose it, since when the record has it, and the other records'' values in the order of the rule. The '
    'record stays unnamed where only the attribute is shared, and there is none behind a value that somebody set (rule manual).';
GRANT SELECT ON @extschema@.customer_value TO PUBLIC;
