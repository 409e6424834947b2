-- What the entries of consent amount to, by the links as they are now; who may be contacted, and why.

CREATE VIEW @extschema@.consent_touch AS
SELECT e.entry, e.relation, e.record_key, true AS given_for FROM @extschema@.consent_entry e WHERE e.record_key IS NOT NULL
UNION ALL
SELECT c.entry, c.relation, c.record_key, false FROM @extschema@.consent_cover c;
COMMENT ON VIEW @extschema@.consent_touch IS
'The records that each entry of consent covers, also of one that ended; given_for: the one that it was given for. For code that runs with '
'the extension''s rights.';

-- Where each of them stands now: at its record, or at what that was merged into.
CREATE VIEW @extschema@.consent_place AS
SELECT t.entry, t.given_for, t.relation, t.record_key AS said_of, p.record_key, p.last
FROM @extschema@.consent_touch t
CROSS JOIN LATERAL (
    SELECT t.record_key, true AS last
    WHERE NOT EXISTS (SELECT FROM @extschema@.merged_record m
                      WHERE m.relation OPERATOR(pg_catalog.=) t.relation AND m.record_key OPERATOR(pg_catalog.=) t.record_key)
    UNION ALL
    SELECT q.record_key, q.last
    FROM (SELECT FROM @extschema@.merged_record m
          WHERE m.relation OPERATOR(pg_catalog.=) t.relation AND m.record_key OPERATOR(pg_catalog.=) t.record_key LIMIT 1) x
    CROSS JOIN LATERAL @extschema@.merged_places(t.relation, t.record_key, t.entry) q) p;
COMMENT ON VIEW @extschema@.consent_place IS
'The keys at which each entry of consent stands now, said_of the record that it covers; last: where a merge led it, at its end. For code '
'that runs with the extension''s rights.';

-- The entries that count for customers. A withdrawal counts for all customers of its records, a grant for one.
-- In PL/pgSQL, which keeps its plans; one entry after the other is looked up by indexes, so that one plan is right for few and for all.
CREATE FUNCTION @extschema@.consent_reach(ids bigint[], channel text DEFAULT NULL, purpose text DEFAULT NULL)
RETURNS TABLE (customer_id bigint, entry bigint)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 10 COST 10000 SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    entries bigint[];
BEGIN
    IF ids IS NULL THEN
        SELECT array_agg(e.entry) INTO entries FROM consent_entry e
        WHERE e.ended_at IS NULL AND (consent_reach.channel IS NULL OR e.channel IN (consent_reach.channel, '*'))
          AND (consent_reach.purpose IS NULL OR e.purpose IN (consent_reach.purpose, '*'));
    ELSE
        WITH held AS MATERIALIZED (SELECT r.relation, r.record_key FROM record r WHERE r.customer_id = ANY (ids)),
        said_of AS MATERIALIZED (
            SELECT h.relation, h.record_key FROM held h
            UNION
            SELECT h.relation, k.record_key
            FROM held h
            CROSS JOIN LATERAL (SELECT FROM merged_record m WHERE m.relation = h.relation AND m.keep_key = h.record_key LIMIT 1) x
            CROSS JOIN LATERAL merged_into(h.relation, h.record_key) AS k (record_key))
        SELECT array_agg(DISTINCT t.entry) INTO entries
        FROM said_of s
        CROSS JOIN LATERAL (
            SELECT e.entry FROM consent_entry e WHERE e.relation = s.relation AND e.record_key = s.record_key
            UNION ALL
            SELECT c.entry FROM consent_cover c WHERE c.relation = s.relation AND c.record_key = s.record_key OFFSET 0) t
        JOIN consent_entry e USING (entry)
        WHERE e.ended_at IS NULL AND (consent_reach.channel IS NULL OR e.channel IN (consent_reach.channel, '*'))
          AND (consent_reach.purpose IS NULL OR e.purpose IN (consent_reach.purpose, '*'));
    END IF;
    RETURN QUERY
    WITH touched AS (
        SELECT a.entry, a.granted, bool_or(p.given_for) AS own, array_agg(DISTINCT r.customer_id) AS customers,
               array_agg(DISTINCT r.customer_id) FILTER (WHERE p.given_for) AS own_customer
        FROM (SELECT u.entry, e.granted FROM unnest(entries) AS u (entry) JOIN consent_entry e USING (entry)) a
        CROSS JOIN LATERAL (SELECT q.* FROM consent_place q WHERE q.entry = a.entry OFFSET 0) p
        JOIN record r ON r.relation = p.relation AND r.record_key = p.record_key
        WHERE (p.last OR NOT a.granted) AND r.customer_id IS NOT NULL
        GROUP BY 1, 2)
    SELECT r.customer_id, r.entry
    FROM (SELECT t.entry, unnest(CASE WHEN NOT t.granted THEN t.customers
                                      WHEN t.own THEN CASE WHEN cardinality(t.own_customer) = 1 THEN t.own_customer END
                                      WHEN cardinality(t.customers) = 1 THEN t.customers END) AS customer_id FROM touched t) r
    WHERE ids IS NULL OR r.customer_id = ANY (ids);
END
$$;
COMMENT ON FUNCTION @extschema@.consent_reach(bigint[], text, text) IS
'The entries of consent that count for these customers (NULL: all), by the links as they are now; channel and purpose: only entries '
'about them, or about all. No rights are applied.';
SELECT @extschema@.set_audience('consent_reach(bigint[], text, text)', 'internal');

-- Whether a grant takes back a withdrawal of a customer: each record of his that the withdrawal covers is covered by the grant, also
-- those that were merged since. A row takes back only what it said itself.
CREATE FUNCTION @extschema@.consent_answers(customer_id bigint, taken bigint, given bigint) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE COST 1000 SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT coalesce(
        (SELECT bool_and(EXISTS (SELECT FROM consent_touch g WHERE g.entry = given AND g.relation = w.relation AND g.record_key = w.said_of))
         FROM consent_place w JOIN record r ON r.relation = w.relation AND r.record_key = w.record_key
         WHERE w.entry = taken AND r.customer_id = $1), false)
       AND EXISTS (SELECT FROM consent_entry g, consent_entry w
                   WHERE g.entry = given AND w.entry = taken
                     AND (g.source = 'call' OR w.source = 'record' AND (g.relation, g.record_key) = (w.relation, w.record_key)))
$$;
COMMENT ON FUNCTION @extschema@.consent_answers(bigint, bigint, bigint) IS
'Whether the grant of an entry covers every record of a customer that the withdrawal of another covers.';
SELECT @extschema@.set_audience('consent_answers(bigint, bigint, bigint)', 'internal');

CREATE FUNCTION @extschema@.consent_state(ids bigint[], only_channel text DEFAULT NULL, only_purpose text DEFAULT NULL)
RETURNS TABLE (customer_id bigint, channel text, purpose text, granted boolean, entry bigint)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 10 COST 20000 SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
BEGIN
    RETURN QUERY
    WITH counted AS MATERIALIZED (SELECT r.customer_id, e.* FROM consent_reach(ids, only_channel, only_purpose) r
                                  JOIN (SELECT c.entry, c.channel, c.purpose, c.granted, c.at, c.source FROM consent_entry c) e USING (entry)),
    answered AS MATERIALIZED ( -- withdrawals that were taken back, and for what
        SELECT DISTINCT w.customer_id, w.entry, g.channel, g.purpose
        FROM counted w JOIN counted g ON g.customer_id = w.customer_id AND g.granted AND (g.at, g.entry) > (w.at, w.entry)
                                     AND w.channel IN (g.channel, '*') AND w.purpose IN (g.purpose, '*')
        WHERE NOT w.granted AND consent_answers(w.customer_id, w.entry, g.entry)),
    pair AS (
        SELECT DISTINCT c.customer_id, c.channel, c.purpose FROM counted c WHERE only_channel IS NULL
        UNION ALL
        SELECT DISTINCT c.customer_id, only_channel, only_purpose FROM counted c WHERE only_channel IS NOT NULL)
    SELECT DISTINCT ON (p.customer_id, p.channel, p.purpose) p.customer_id, p.channel, p.purpose, c.granted, c.entry
    FROM pair p
    JOIN counted c ON c.customer_id = p.customer_id AND c.channel IN (p.channel, '*') AND c.purpose IN (p.purpose, '*')
    WHERE c.granted OR NOT EXISTS (SELECT FROM answered a WHERE a.customer_id = p.customer_id AND a.entry = c.entry
                                                            AND a.channel = p.channel AND a.purpose = p.purpose)
    ORDER BY p.customer_id, p.channel, p.purpose, c.granted, c.at DESC, c.entry DESC;
END
$$;
COMMENT ON FUNCTION @extschema@.consent_state(bigint[], text, text) IS
'What holds for customers (NULL: all) by channel and purpose, and the entry that decides: a standing withdrawal, the latest first, '
'else the latest grant. For one channel and purpose, or for all that entries name. No rights are applied.';
SELECT @extschema@.set_audience('consent_state(bigint[], text, text)', 'internal');

CREATE FUNCTION @extschema@.consent_rows()
RETURNS TABLE (customer_id bigint, channel text, purpose text, granted boolean, at timestamptz, source text, relation regclass,
               record_key text, reason text, evidence text)
LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 1000 COST 100000
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    WITH known AS MATERIALIZED (SELECT c.relation, c.record_key, c.customer_id FROM customer_record c) -- what the caller may read
    SELECT s.customer_id, s.channel, s.purpose, s.granted, e.at, e.source,
           CASE WHEN k.record_key IS NOT NULL THEN e.relation END, k.record_key,
           CASE WHEN e.record_key IS NULL OR k.record_key IS NOT NULL THEN e.reason END,
           CASE WHEN e.record_key IS NULL OR k.record_key IS NOT NULL THEN e.evidence END
    FROM consent_state(NULL) s
    JOIN consent_entry e USING (entry)
    LEFT JOIN known k ON k.relation = e.relation AND k.record_key = e.record_key
    WHERE s.customer_id IN (SELECT o.customer_id FROM known o)
$$;
COMMENT ON FUNCTION @extschema@.consent_rows() IS 'The rows of the view consent.';
CREATE VIEW @extschema@.consent AS SELECT * FROM @extschema@.consent_rows();
COMMENT ON VIEW @extschema@.consent IS
'What holds for each customer, channel and purpose: granted or withdrawn, since when, by what a row states (source record) or a call. '
'* stands for all. Customers of whom the reader may read a record; record, reason and evidence where he may read that very record. '
'For one customer ask may_contact, which also knows restrictions and purposes that need no consent.';
GRANT SELECT ON @extschema@.consent TO PUBLIC;

CREATE FUNCTION @extschema@.set_contact_basis(purpose text, basis text, reason text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
BEGIN
    purpose := consent_purpose(purpose);
    IF purpose IS NULL OR purpose = '*' THEN
        RAISE EXCEPTION 'no purpose is named' USING ERRCODE = 'RM005', HINT = 'For example set_contact_basis(''service'', ''contract'').';
    END IF;
    DELETE FROM contact_basis b WHERE b.purpose = set_contact_basis.purpose;
    IF basis <> 'consent' THEN
        INSERT INTO contact_basis (purpose, basis, reason, set_by) VALUES (purpose, basis, reason, caller()::text);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.set_contact_basis(text, text, text) IS
'Says what contacting for a purpose rests on where it needs no consent (contract, legal duty, legitimate interest ...): then it is '
'allowed until it is withdrawn or restricted. consent takes that back. Example: SELECT set_contact_basis(''service'', ''contract'', '
'''answers to tickets'');';
SELECT @extschema@.set_audience('set_contact_basis(text, text, text)', 'admin');

-- Rows that changed and were not read again yet: a withdrawal in one of them counts at once.
CREATE FUNCTION @extschema@.waiting_withdrawal(customer_id bigint, channel text, purpose text) RETURNS @extschema@.record_ref
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    waiting pg_catalog.record;
    found_key text;
BEGIN
    FOR waiting IN
        SELECT r.relation, a.zone, array_agg(r.record_key) AS keys
        FROM record r JOIN adoption a USING (relation)
        WHERE r.customer_id = waiting_withdrawal.customer_id AND has_attribute(r.relation, 'consent')
          AND EXISTS (SELECT FROM record_dirty d WHERE d.relation = r.relation AND (d.record_key = r.record_key OR d.record_key IS NULL))
        GROUP BY 1, 2
    LOOP
        SELECT s.record_key INTO found_key
        FROM rows_as_owner(waiting.relation, format('SELECT @extschema@.map_id(r)::text, @extschema@.map_consent(r) FROM %s r WHERE %s',
                           waiting.relation, key_condition(waiting.relation, 'id', format('%L::text[]', waiting.keys))))
                 AS s (record_key text, document jsonb),
             consent_statements(s.document, waiting.zone) t
        WHERE t.problem IS NULL AND NOT t.granted AND t.channel IN (waiting_withdrawal.channel, '*')
          AND t.purpose IN (waiting_withdrawal.purpose, '*')
        ORDER BY 1 LIMIT 1;
        IF FOUND THEN
            RETURN (waiting.relation, found_key)::record_ref;
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION @extschema@.waiting_withdrawal(bigint, text, text) IS
'A record of a customer whose row withdraws consent and waits to be read again; NULL where there is none.';
SELECT @extschema@.set_audience('waiting_withdrawal(bigint, text, text)', 'internal');

-- The first ground that decides. No rights are applied: a reader who sees half of a customer must not be told that all is well.
CREATE FUNCTION @extschema@.contact_verdict(customer_id bigint, channel text, purpose text,
                                            OUT allowed boolean, OUT ground text, OUT entry bigint, OUT held_by @extschema@.record_ref, OUT detail text)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    state pg_catalog.record;
    rests_on text;
BEGIN
    allowed := false;
    IF contact_restricted(customer_id) THEN
        ground := 'restriction';
        detail := 'the customer is not to be contacted';
        RETURN;
    END IF;
    held_by := waiting_withdrawal(customer_id, channel, purpose);
    IF (held_by).record_key IS NOT NULL THEN
        ground := 'withdrawn';
        detail := 'a row withdraws it that waits to be read again';
        RETURN;
    END IF;
    SELECT s.granted, s.entry, e.relation, e.record_key, e.at, e.source INTO state
    FROM consent_state(ARRAY[contact_verdict.customer_id], contact_verdict.channel, contact_verdict.purpose) s JOIN consent_entry e USING (entry);
    entry := state.entry;
    held_by := CASE WHEN state.record_key IS NOT NULL THEN (state.relation, state.record_key)::record_ref END;
    SELECT b.basis INTO rests_on FROM contact_basis b WHERE b.purpose = contact_verdict.purpose;
    allowed := coalesce(state.granted, rests_on IS NOT NULL);
    ground := CASE WHEN state.granted THEN 'consent' WHEN NOT state.granted THEN 'withdrawn' WHEN allowed THEN 'basis' ELSE 'no consent' END;
    detail := CASE ground
        WHEN 'consent' THEN format('granted on %s', to_char(state.at AT TIME ZONE 'UTC', 'YYYY-MM-DD'))
        WHEN 'withdrawn' THEN format('withdrawn on %s, and not granted to this customer since', to_char(state.at AT TIME ZONE 'UTC', 'YYYY-MM-DD'))
        WHEN 'basis' THEN format('the purpose rests on %s, and nobody withdrew', rests_on)
        ELSE 'nobody granted it' END;
END
$$;
COMMENT ON FUNCTION @extschema@.contact_verdict(bigint, text, text) IS
'Whether a customer may be contacted, and the ground: restriction, withdrawn, consent, basis or no consent. No rights are applied.';
SELECT @extschema@.set_audience('contact_verdict(bigint, text, text)', 'internal');

CREATE FUNCTION @extschema@.require_contact_words(channel text, purpose text) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
BEGIN
    IF coalesce(consent_channel(channel), '*') = '*' OR coalesce(consent_purpose(purpose), '*') = '*' THEN
        RAISE EXCEPTION 'a contact has a channel and a purpose' USING ERRCODE = 'RM005',
            HINT = 'For example may_contact(42, ''email'', ''marketing'').';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.require_contact_words(text, text) IS 'Raises RM005 unless a channel and a purpose are named.';

CREATE FUNCTION @extschema@.may_contact(customer_id bigint, channel text, purpose text) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL UNSAFE COST 100000 SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off
AS $$
DECLARE
    family CONSTANT bigint[] := require_customer(customer_id);
BEGIN
    PERFORM require_contact_words(channel, purpose);
    RETURN (SELECT v.allowed FROM contact_verdict(family[1], consent_channel(channel), consent_purpose(purpose)) v);
END
$$;
COMMENT ON FUNCTION @extschema@.may_contact(bigint, text, text) IS
'Whether a customer may be contacted by a channel for a purpose: not while restricted, not after a withdrawal in any of his records, '
'else with consent, or where the purpose rests on something else (set_contact_basis). The answer is the same for all who may read '
'one of his records. explain_contact says why. Errors: RM005, RM201. Example: SELECT may_contact(42, ''email'', ''marketing'');';

CREATE FUNCTION @extschema@.explain_contact(customer_id bigint, channel text, purpose text)
RETURNS TABLE (allowed boolean, ground text, at timestamptz, source text, relation regclass, record_key text, detail text)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 5 COST 100000 SECURITY DEFINER
SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off
AS $$
DECLARE
    family CONSTANT bigint[] := require_customer(customer_id);
    asked_channel CONSTANT text := consent_channel(channel);
    asked_purpose CONSTANT text := consent_purpose(purpose);
    verdict pg_catalog.record;
BEGIN
    PERFORM require_contact_words(channel, purpose);
    SELECT * INTO verdict FROM contact_verdict(family[1], asked_channel, asked_purpose);
    RETURN QUERY
    WITH known AS MATERIALIZED (SELECT c.relation, c.record_key FROM customer_record c WHERE c.customer_id = family[1])
    SELECT verdict.allowed, verdict.ground, e.at, e.source, k.relation, k.record_key, verdict.detail
    FROM (SELECT 1) one LEFT JOIN consent_entry e ON e.entry = verdict.entry
    LEFT JOIN known k ON (k.relation, k.record_key) = ((verdict.held_by).relation, (verdict.held_by).record_key);
    RETURN QUERY
    WITH known AS MATERIALIZED (SELECT c.relation, c.record_key FROM customer_record c WHERE c.customer_id = family[1])
    SELECT NULL::boolean, CASE WHEN e.granted THEN 'granted' ELSE 'withdrawn' END, e.at, e.source, k.relation, k.record_key,
           concat_ws('; ', CASE WHEN (e.channel, e.purpose) <> (asked_channel, asked_purpose) THEN e.channel || ' ' || e.purpose END,
                     CASE WHEN e.record_key IS NULL OR k.record_key IS NOT NULL THEN concat_ws('; ', e.reason, e.evidence)
                          ELSE 'by a record that you may not read' END)
    FROM consent_reach(family[1:1]) r JOIN consent_entry e USING (entry)
    LEFT JOIN known k ON k.relation = e.relation AND k.record_key = e.record_key
    WHERE e.channel IN (asked_channel, '*') AND e.purpose IN (asked_purpose, '*') AND e.entry IS DISTINCT FROM verdict.entry
    ORDER BY e.at DESC, e.entry DESC;
END
$$;
COMMENT ON FUNCTION @extschema@.explain_contact(bigint, text, text) IS
'Why may_contact answers as it does: first the answer with the ground that decides, then what else was granted or withdrawn, latest '
'first; records, reasons and evidence where the caller may read the record. Errors: RM005, RM201. '
'Example: SELECT * FROM explain_contact(42, ''email'', ''marketing'');';

-- The same for all at once: withdrawals of rows that wait are read table by table, entries and restrictions are joined.
CREATE FUNCTION @extschema@.waiting_withdrawals(channel text, purpose text) RETURNS SETOF bigint
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100 SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    waiting pg_catalog.record;
BEGIN
    FOR waiting IN
        SELECT a.relation, a.zone, CASE WHEN count(*) = count(d.record_key) THEN array_agg(DISTINCT d.record_key) END AS keys
        FROM adoption a JOIN record_dirty d USING (relation)
        WHERE has_attribute(a.relation, 'consent') GROUP BY 1, 2
    LOOP
        RETURN QUERY
        SELECT r.customer_id
        FROM rows_as_owner(waiting.relation, format('SELECT @extschema@.map_id(r)::text, @extschema@.map_consent(r) FROM %s r '
                           'WHERE @extschema@.map_consent(r) IS NOT NULL AND %s', waiting.relation,
                           CASE WHEN waiting.keys IS NULL THEN 'true'
                                ELSE key_condition(waiting.relation, 'id', format('%L::text[]', waiting.keys)) END))
                 AS s (record_key text, document jsonb)
        JOIN record r ON r.relation = waiting.relation AND r.record_key = s.record_key
        WHERE r.customer_id IS NOT NULL
          AND EXISTS (SELECT FROM consent_statements(s.document, waiting.zone) t
                      WHERE t.problem IS NULL AND NOT t.granted AND t.channel IN ($1, '*') AND t.purpose IN ($2, '*'));
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.waiting_withdrawals(text, text) IS
'The customers with a row that withdraws consent and waits to be read again.';
SELECT @extschema@.set_audience('waiting_withdrawals(text, text)', 'internal');

CREATE FUNCTION @extschema@.contactable(channel text, purpose text) RETURNS SETOF bigint
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 10000 COST 1000000 SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off
AS $$
DECLARE
    asked_channel CONSTANT text := consent_channel(channel);
    asked_purpose CONSTANT text := consent_purpose(purpose);
BEGIN
    PERFORM require_contact_words(channel, purpose);
    RETURN QUERY
    WITH state AS MATERIALIZED (SELECT s.customer_id, s.granted FROM consent_state(NULL, asked_channel, asked_purpose) s),
    rests AS MATERIALIZED (SELECT FROM contact_basis b WHERE b.purpose = asked_purpose),
    restricted AS MATERIALIZED (
        SELECT x.customer_id FROM restriction r JOIN restriction_place c USING (restriction_id)
        JOIN record x ON x.relation = c.relation AND x.record_key = c.record_key
        WHERE r.lifted_at IS NULL AND 'contact' = ANY (r.restrictions) AND x.customer_id IS NOT NULL)
    SELECT DISTINCT c.customer_id
    FROM customer_record c LEFT JOIN state s USING (customer_id)
    WHERE c.customer_id IS NOT NULL AND coalesce(s.granted, EXISTS (SELECT FROM rests))
      AND c.customer_id NOT IN (SELECT r.customer_id FROM restricted r)
      AND c.customer_id NOT IN (SELECT w FROM waiting_withdrawals(asked_channel, asked_purpose) w);
END
$$;
COMMENT ON FUNCTION @extschema@.contactable(text, text) IS
'The customers who may be contacted by a channel for a purpose, of those of whom the caller may read a record: just those for whom '
'may_contact is true, all at once, for campaigns. Error: RM005. '
'Example: SELECT c.email FROM customer c WHERE c.customer_id IN (SELECT contactable(''email'', ''marketing''));';

CREATE FUNCTION @extschema@.status_consent() RETURNS SETOF @extschema@.status_row
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT 'customer', 'consent not understood in ' || p.relation::text, 'warning', count(*), NULL::timestamptz,
           format('what does not count as a grant, for example %s of record %s: %s', min(p.path),
                  (array_agg(p.record_key ORDER BY p.path, p.record_key))[1], (array_agg(p.problem ORDER BY p.path, p.record_key))[1]),
           format('SELECT * FROM @extschema@.consent_problem WHERE relation = %L::regclass;', p.relation::text)
    FROM consent_problem p GROUP BY p.relation
$$;
COMMENT ON FUNCTION @extschema@.status_consent() IS 'Rows of status: what rows state about consent and is not understood.';
SELECT @extschema@.set_audience('status_consent()', 'admin');
INSERT INTO @extschema@.status_source (function_name, room) VALUES ('status_consent', 'customer');
