-- What touches tell, and whose they are: read from the team's tables when they are asked for, so that there is no copy to keep.

CREATE VIEW @extschema@.record_node AS
SELECT c.record_no, c.relation, c.record_key, coalesce(l.customer_id, -c.record_no) AS node, c.parent_relation, c.parent_key
FROM @extschema@.record_copy c LEFT JOIN @extschema@.record_link l USING (record_no);
COMMENT ON VIEW @extschema@.record_node IS
'Each registered record with one number for whom it means: the customer; minus its own number while it is not linked. No rights '
'applied; not for users.';

-- Found by key, by visitor and time; whoever is addressed so is a node.
CREATE VIEW @extschema@.node_address AS
SELECT n.relation::pg_catalog.oid AS place, n.record_key COLLATE "C" AS holder, timestamptz '-infinity' AS since, timestamptz 'infinity' AS until, n.node
FROM @extschema@.record_node n
UNION ALL
SELECT 0::pg_catalog.oid, s.anonymous_id COLLATE "C", s.since, s.until, coalesce(s.customer_id, -s.record_no)
FROM @extschema@.identified_span s;
COMMENT ON VIEW @extschema@.node_address IS
'How a touch may name a node: the table and key of a record (place and holder), or place 0 and the visitor, from since until before '
'until. No rights applied; not for users.';

CREATE VIEW @extschema@.node_parent AS
SELECT DISTINCT p.node AS parent, c.node AS child
FROM @extschema@.record_node c
JOIN @extschema@.record_node p ON p.relation OPERATOR(pg_catalog.=) c.parent_relation AND p.record_key OPERATOR(pg_catalog.=) c.parent_key
WHERE p.node <> c.node;
COMMENT ON VIEW @extschema@.node_parent IS 'Organisations and their people. No rights applied; not for users.';

-- The planner takes what is read so for the larger side of a join.
CREATE FUNCTION @extschema@.many_rows_as_owner(relation pg_catalog.regclass, query text) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'crm_read_as_owner' LANGUAGE C STABLE STRICT PARALLEL UNSAFE COST 1000 ROWS 1000000;
COMMENT ON FUNCTION @extschema@.many_rows_as_owner(pg_catalog.regclass, text) IS 'rows_as_owner where a million rows are not unusual.';
SELECT @extschema@.set_audience('many_rows_as_owner(regclass, text)', 'internal');

CREATE FUNCTION @extschema@.mapped_word(relation pg_catalog.regclass, attribute text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN CASE WHEN has_attribute(relation, attribute) THEN format('coalesce(btrim(@extschema@.%I(r)::text), '''')', 'map_' || attribute)
                ELSE '''''::text' END;
COMMENT ON FUNCTION @extschema@.mapped_word(pg_catalog.regclass, text) IS
'SQL that reads an attribute of a row r as text; the empty text where it is NULL or not mapped.';
SELECT @extschema@.set_audience('mapped_word(regclass, text)', 'internal');

CREATE FUNCTION @extschema@.referred(relation pg_catalog.regclass, attribute text) RETURNS pg_catalog.oid
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN (SELECT coalesce(a.reference, a.relation)::oid FROM adoption_attribute a
            WHERE a.relation = referred.relation AND a.attribute = referred.attribute);
COMMENT ON FUNCTION @extschema@.referred(pg_catalog.regclass, text) IS
'The table that a reference points to, the table itself where nobody said; NULL where the attribute is not mapped.';
SELECT @extschema@.set_audience('referred(regclass, text)', 'internal');

-- A touch that names a customer is that customer's, another one its visitor's. Leads and deals tell their own origin.
CREATE FUNCTION @extschema@.touch_source(relation pg_catalog.regclass, since timestamptz, until timestamptz) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    adopted CONSTANT text := (SELECT a.entity FROM adoption a WHERE a.relation = touch_source.relation);
    at CONSTANT text := mapped_instant(relation, CASE adopted WHEN 'touch' THEN '{at,created_at}' ELSE '{created_at}' END::text[]);
    customer CONSTANT text := CASE WHEN adopted = 'lead' THEN '@extschema@.map_id(r)::text'
                                   WHEN has_attribute(relation, 'customer') THEN '@extschema@.map_customer(r)::text' END;
    visitor CONSTANT text := CASE WHEN adopted = 'touch' AND has_attribute(relation, 'anonymous_id') THEN '@extschema@.map_anonymous_id(r)::text' END;
    place CONSTANT oid := CASE adopted WHEN 'lead' THEN relation::oid ELSE referred(relation, 'customer') END;
BEGIN
    IF at IS NULL OR coalesce(customer, visitor) IS NULL
       OR adopted <> 'touch' AND NOT has_attribute(relation, 'campaign') AND (adopted <> 'lead' OR NOT has_attribute(relation, 'channel')) THEN
        RETURN NULL;
    END IF;
    RETURN format('SELECT t.*, %L::oid AS campaign_of, %L::boolean AS fallback, %L::text COLLATE "C" AS source FROM many_rows_as_owner(%s::regclass, %L) '
                  'AS t (at timestamptz, place oid, holder text COLLATE "C", channel text COLLATE "C", campaign text COLLATE "C", kind text COLLATE "C", record_key text COLLATE "C")',
                  coalesce(referred(relation, 'campaign'), 0), adopted <> 'touch', table_name(relation), relation::oid,
                  format('SELECT %1$s, CASE WHEN %2$s IS NULL THEN 0 ELSE %3$s END::oid, coalesce(%2$s, %4$s), %5$s, %6$s, %7$s, @extschema@.map_id(r)::text '
                         'FROM %8$s r WHERE coalesce(%2$s, %4$s) IS NOT NULL AND isfinite(%1$s)%9$s%10$s%11$s',
                         at, coalesce(customer, 'NULL::text'), coalesce(place, 0), coalesce(visitor, 'NULL::text'),
                         CASE WHEN adopted = 'opportunity' THEN '''''::text' ELSE mapped_word(relation, 'channel') END,
                         mapped_word(relation, 'campaign'), CASE adopted WHEN 'touch' THEN mapped_word(relation, 'kind') ELSE '''''::text' END,
                         relation,
                         CASE WHEN adopted = 'touch' THEN '' ELSE format(' AND %s || %s <> ''''', mapped_word(relation, 'campaign'),
                              CASE adopted WHEN 'lead' THEN mapped_word(relation, 'channel') ELSE '''''' END) END,
                         format(' AND %s >= %L::timestamptz', at, since), format(' AND %s < %L::timestamptz', at, until)));
END
$$;
COMMENT ON FUNCTION @extschema@.touch_source(pg_catalog.regclass, timestamptz, timestamptz) IS
'SQL for the touches of a table from since until before until: rows of a table of touches; of leads and deals what they tell of their '
'channel and campaign when they began (fallback). NULL where the table tells nothing of the kind.';
SELECT @extschema@.set_audience('touch_source(regclass, timestamptz, timestamptz)', 'internal');

CREATE FUNCTION @extschema@.touch_sources(since timestamptz, until timestamptz) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT coalesce(string_agg(touch_source(a.relation, coalesce(since, '-infinity'), coalesce(until, 'infinity')), ' UNION ALL ' ORDER BY a.relation::oid),
                    'SELECT NULL::timestamptz AS at, 0::oid AS place, NULL::text AS holder, NULL::text AS channel, NULL::text AS campaign, '
                    'NULL::text AS kind, NULL::text AS record_key, 0::oid AS campaign_of, false AS fallback, NULL::text AS source WHERE false')
    FROM adoption a WHERE a.entity IN ('touch', 'lead', 'opportunity')
$$;
COMMENT ON FUNCTION @extschema@.touch_sources(timestamptz, timestamptz) IS 'SQL for the touches of all tables, as touch_source has them.';
SELECT @extschema@.set_audience('touch_sources(timestamptz, timestamptz)', 'internal');

CREATE FUNCTION @extschema@.campaign_sources() RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT coalesce(string_agg(format(
               'SELECT %1$s::oid AS place, t.* FROM rows_as_owner(%1$s::regclass, %2$L) AS t (campaign text COLLATE "C", channel text COLLATE "C", currency text COLLATE "C")', a.relation::oid,
               format('SELECT @extschema@.map_id(r)::text, %s, %s FROM %s r WHERE @extschema@.map_id(r) IS NOT NULL', mapped_word(a.relation, 'channel'),
                      mapped_word(a.relation, 'currency'), a.relation)), ' UNION ALL ' ORDER BY a.relation::oid),
           'SELECT 0::oid AS place, NULL::text AS campaign, NULL::text AS channel, NULL::text AS currency WHERE false')
    FROM adoption a WHERE a.entity = 'campaign'
$$;
COMMENT ON FUNCTION @extschema@.campaign_sources() IS 'SQL for the campaigns of all tables: key, channel, currency.';
SELECT @extschema@.set_audience('campaign_sources()', 'internal');

CREATE FUNCTION @extschema@.deal_sources(relations pg_catalog.regclass[]) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT coalesce(string_agg(format(
               'SELECT %1$s::oid AS place, t.* FROM many_rows_as_owner(%1$s::regclass, %2$L) AS t (record_key text COLLATE "C", amount numeric, margin numeric, currency text COLLATE "C")',
               a.relation::oid,
               format('SELECT @extschema@.map_id(r)::text, @extschema@.map_amount(r)::numeric, %s, nullif(%s, '''') FROM %s r WHERE @extschema@.map_amount(r) IS NOT NULL',
                      CASE WHEN has_attribute(a.relation, 'margin') THEN '@extschema@.map_margin(r)::numeric' ELSE 'NULL::numeric' END,
                      mapped_word(a.relation, 'currency'), a.relation)), ' UNION ALL ' ORDER BY a.relation::oid),
           'SELECT 0::oid AS place, NULL::text AS record_key, NULL::numeric AS amount, NULL::numeric AS margin, NULL::text AS currency WHERE false')
    FROM adoption a WHERE a.entity = 'opportunity' AND a.relation = ANY (relations) AND has_attribute(a.relation, 'amount')
$$;
COMMENT ON FUNCTION @extschema@.deal_sources(pg_catalog.regclass[]) IS
'SQL for the amounts of deals of those of these tables that map one: amount, margin (a share of it) and currency.';
SELECT @extschema@.set_audience('deal_sources(regclass[])', 'internal');
