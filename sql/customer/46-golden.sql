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

-- Inlined where it is called for many rows, so without concat_ws, which is only stable.
CREATE FUNCTION @extschema@.golden_name(kind text, full_name text, given_name text, family_name text, company text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN kind OPERATOR(pg_catalog.=) 'organisation' THEN COALESCE(company, full_name)
            ELSE COALESCE(full_name, COALESCE(given_name OPERATOR(pg_catalog.||) ' ' OPERATOR(pg_catalog.||) family_name, given_name, family_name),
                          company) END;
COMMENT ON FUNCTION @extschema@.golden_name(text, text, text, text, text) IS
    'What a record is called: an organisation by its company, anybody else by the full name, the parts of it, or the company.';

CREATE FUNCTION @extschema@.golden_attributes(r @extschema@.record_copy) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ARRAY[r.kind, @extschema@.golden_name(r.kind, r.full_name, r.given_name, r.family_name, r.company), r.given_name,
             r.family_name, r.company, r.email, r.phone, r.website, r.address, r.postcode, r.city, r.region, r.country,
             r.birth_date, r.gender, r.job_title, r.tax_id, r.segment];
COMMENT ON FUNCTION @extschema@.golden_attributes(@extschema@.record_copy) IS 'The golden attributes of a record, by position of golden_attribute.';
CREATE TRIGGER value_changed BEFORE UPDATE ON @extschema@.record_copy FOR EACH ROW
    WHEN (@extschema@.golden_attributes(OLD) IS DISTINCT FROM @extschema@.golden_attributes(NEW))
    EXECUTE FUNCTION @extschema@.record_value_changed();

CREATE TYPE @extschema@.golden_choice AS ("position" integer, rank integer, value text, place integer, record_key text, since timestamptz,
                                          readable boolean);
COMMENT ON TYPE @extschema@.golden_choice IS
    'A value that took part: of which attribute, in which place behind the golden one (1), of the record with this key in the relation '
    'with this place in golden_relation(), since when the record has it (NULL: nobody knows), and whether the reader may read it '
    'there, and not only because the attribute is shared.';

CREATE FUNCTION @extschema@.golden_step(internal, plan integer[], readable integer, invalid integer, place integer, record_key text,
                                        created_at timestamptz, changed timestamptz[], trust integer[], attributes text[]) RETURNS internal
    AS 'MODULE_PATHNAME', 'crm_golden_step' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.golden_step(internal, integer[], integer, integer, integer, text, timestamptz, timestamptz[], integer[], text[])
    IS 'Step of golden_values and golden_choices.';
CREATE FUNCTION @extschema@.golden_values_final(internal) RETURNS text[]
    AS 'MODULE_PATHNAME', 'crm_golden_values' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 5;
COMMENT ON FUNCTION @extschema@.golden_values_final(internal) IS 'Final function of golden_values.';
CREATE FUNCTION @extschema@.golden_choices_final(internal) RETURNS @extschema@.golden_choice[]
    AS 'MODULE_PATHNAME', 'crm_golden_choices' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 20;
COMMENT ON FUNCTION @extschema@.golden_choices_final(internal) IS 'Final function of golden_choices.';

CREATE AGGREGATE @extschema@.golden_values(plan integer[], readable integer, invalid integer, place integer, record_key text,
                                           created_at timestamptz, changed timestamptz[], trust integer[], attributes text[]) (
    SFUNC = @extschema@.golden_step, STYPE = internal, SSPACE = 600, FINALFUNC = @extschema@.golden_values_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.golden_values(integer[], integer, integer, integer, text, timestamptz, timestamptz[], integer[], text[]) IS
    'The golden values of the records of one customer, by position of golden_attribute; behind these, where a rule is set, JSON arrays '
    'of all values of the attributes that have it. NULL where no record is readable. plan: golden_plan(); readable: a bit for each '
    'attribute that the reader may read of this record (of others only shared ones count), -1 for all; invalid: a bit for each whose '
    'value is none; place and trust: golden_relation().';
CREATE AGGREGATE @extschema@.golden_choices(plan integer[], readable integer, invalid integer, place integer, record_key text,
                                            created_at timestamptz, changed timestamptz[], trust integer[], attributes text[]) (
    SFUNC = @extschema@.golden_step, STYPE = internal, SSPACE = 600, FINALFUNC = @extschema@.golden_choices_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.golden_choices(integer[], integer, integer, integer, text, timestamptz, timestamptz[], integer[], text[]) IS
    'All values that take part in golden_values, with the records that they come from, attribute by attribute in the order of its rule.';

-- In PL/pgSQL, which keeps its plans: planning these queries takes longer than answering for one customer.
CREATE FUNCTION @extschema@.golden_plan() RETURNS integer[]
LANGUAGE plpgsql STABLE PARALLEL SAFE COST 1000 SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
BEGIN
    RETURN (SELECT array_agg(k.code + CASE WHEN s.shared THEN 16 ELSE 0 END + 256 * coalesce(l."position", 0) ORDER BY g."position")
            FROM golden_attribute g
            JOIN survivorship s USING (attribute)
            JOIN survivorship_kind k USING (rule)
            LEFT JOIN golden_attribute l ON l.attribute = g.leader);
END
$$;
COMMENT ON FUNCTION @extschema@.golden_plan() IS
    'The rules as golden_values takes them, by position of golden_attribute: the code of the rule, 16 more where the attribute is '
    'shared, and 256 times the position of its leader.';
SELECT @extschema@.set_audience('golden_plan()', 'admin');

CREATE FUNCTION @extschema@.golden_relation() RETURNS TABLE (relation regclass, department text, place integer, trust integer[], plan integer[])
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 10 COST 1000 SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    trusting CONSTANT boolean := EXISTS (SELECT FROM survivorship_source);
    rules CONSTANT integer[] := golden_plan();
BEGIN
    RETURN QUERY
    SELECT a.relation, a.department, (row_number() OVER (ORDER BY table_name(a.relation) COLLATE "C"))::integer,
           CASE WHEN trusting THEN
               ARRAY(SELECT coalesce(source_trust(g.attribute, a.relation), 2147483647) FROM golden_attribute g ORDER BY g."position") END,
           rules
    FROM adoption a WHERE a.entity IN ('customer', 'lead');
END
$$;
COMMENT ON FUNCTION @extschema@.golden_relation() IS
    'The tables of records: place orders them by name, trust is the place of each among the sources of an attribute, by position of '
    'golden_attribute, NULL where no rule trusts anybody; plan is golden_plan().';

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

-- A condition on customer_id reaches the index of record_link through all of this: it is what everything is grouped by.
CREATE VIEW @extschema@.customer WITH (security_barrier) AS
SELECT g.customer_id,
       CASE WHEN m.said ? 'kind' THEN m.said ->> 'kind' ELSE g."values"[1] END AS kind,
       CASE WHEN m.said ? 'name' THEN m.said ->> 'name' ELSE g."values"[2] END AS name,
       CASE WHEN m.said ? 'given_name' THEN m.said ->> 'given_name' ELSE g."values"[3] END AS given_name,
       CASE WHEN m.said ? 'family_name' THEN m.said ->> 'family_name' ELSE g."values"[4] END AS family_name,
       CASE WHEN m.said ? 'company' THEN m.said ->> 'company' ELSE g."values"[5] END AS company,
       CASE WHEN m.said ? 'email' THEN m.said ->> 'email' ELSE g."values"[6] END AS email,
       CASE WHEN m.said ? 'phone' THEN m.said ->> 'phone' ELSE g."values"[7] END AS phone,
       CASE WHEN m.said ? 'website' THEN m.said ->> 'website' ELSE g."values"[8] END AS website,
       CASE WHEN m.said ? 'address' THEN m.said ->> 'address' ELSE g."values"[9] END AS address,
       CASE WHEN m.said ? 'postcode' THEN m.said ->> 'postcode' ELSE g."values"[10] END AS postcode,
       CASE WHEN m.said ? 'city' THEN m.said ->> 'city' ELSE g."values"[11] END AS city,
       CASE WHEN m.said ? 'region' THEN m.said ->> 'region' ELSE g."values"[12] END AS region,
       CASE WHEN m.said ? 'country' THEN m.said ->> 'country' ELSE g."values"[13] END AS country,
       CASE WHEN m.said ? 'birth_date' THEN m.said ->> 'birth_date' ELSE g."values"[14] END AS birth_date,
       CASE WHEN m.said ? 'gender' THEN m.said ->> 'gender' ELSE g."values"[15] END AS gender,
       CASE WHEN m.said ? 'job_title' THEN m.said ->> 'job_title' ELSE g."values"[16] END AS job_title,
       CASE WHEN m.said ? 'tax_id' THEN m.said ->> 'tax_id' ELSE g."values"[17] END AS tax_id,
       CASE WHEN m.said ? 'segment' THEN m.said ->> 'segment' ELSE g."values"[18] END AS segment,
       g.created_at, g.records,
       CASE WHEN pg_catalog.cardinality(g."values") > 18 THEN
           (SELECT pg_catalog.jsonb_object_agg(a.attribute, g."values"[18 + a."position"]::pg_catalog.jsonb)
            FROM @extschema@.golden_attribute a WHERE g."values"[18 + a."position"] IS NOT NULL) END AS value_sets
FROM (SELECT l.customer_id,
             @extschema@.golden_values(s.plan, CASE WHEN r.readable THEN -1 ELSE 0 END,
                                         CASE WHEN r.email IS NOT NULL AND r.email_key IS NULL THEN 32 ELSE 0 END
                                         + CASE WHEN r.phone IS NOT NULL AND r.phone_key IS NULL THEN 64 ELSE 0 END,
                                         s.place, r.record_key, r.created_at, r.changed, s.trust, @extschema@.golden_attributes(r.copy)) AS "values",
             pg_catalog.min(r.created_at) FILTER (WHERE r.readable) AS created_at,
             pg_catalog.count(*) FILTER (WHERE r.readable) AS records
      FROM @extschema@.record_readable r
      JOIN @extschema@.record_link l USING (record_no)
      JOIN @extschema@.golden_relation() s ON s.relation OPERATOR(pg_catalog.=) r.relation
      WHERE r.readable OR (SELECT EXISTS (SELECT FROM @extschema@.shared_attribute))
      GROUP BY l.customer_id) g
LEFT JOIN @extschema@.golden_said m ON m.customer_id OPERATOR(pg_catalog.=) g.customer_id
WHERE g."values" IS NOT NULL;
COMMENT ON VIEW @extschema@.customer IS
    'One row for each customer of whom the reader may read a record. Golden values are chosen by the rules of survivorship from records '
    'that the reader may read, save for shared attributes; a value that somebody set goes before. value_sets: all values of the '
    'attributes whose rule is set. customer_value says where each comes from.';
COMMENT ON COLUMN @extschema@.customer.created_at IS 'When the oldest record began that the reader may read.';
COMMENT ON COLUMN @extschema@.customer.records IS 'How many records the reader may read.';
GRANT SELECT ON @extschema@.customer TO PUBLIC;

CREATE VIEW @extschema@.customer_value WITH (security_barrier) AS
SELECT c.customer_id, a.attribute, v.value, v.relation, v.record_key, v.department, v.rule, v.since, o.others
FROM (SELECT l.customer_id,
             @extschema@.golden_choices(s.plan, CASE WHEN r.readable THEN -1 ELSE 0 END,
                                         CASE WHEN r.email IS NOT NULL AND r.email_key IS NULL THEN 32 ELSE 0 END
                                         + CASE WHEN r.phone IS NOT NULL AND r.phone_key IS NULL THEN 64 ELSE 0 END,
                                         s.place, r.record_key, r.created_at, r.changed, s.trust, @extschema@.golden_attributes(r.copy)) AS choices
      FROM @extschema@.record_readable r
      JOIN @extschema@.record_link l USING (record_no)
      JOIN @extschema@.golden_relation() s ON s.relation OPERATOR(pg_catalog.=) r.relation
      WHERE r.readable OR (SELECT EXISTS (SELECT FROM @extschema@.shared_attribute))
      GROUP BY l.customer_id) c
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
