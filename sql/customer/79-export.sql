-- export_customer: everything that is held of a person, as one document to give away.

CREATE TABLE @extschema@.export_source (
    section text PRIMARY KEY,
    function_name text NOT NULL,
    room text NOT NULL
);
COMMENT ON TABLE @extschema@.export_source IS
'What rooms add to the document of export_customer: section(customer_id bigint, relations regclass[], keys text[], words text[]) returns jsonb, '
'NULL for nothing. relations and keys are the records whose rows the caller may export, words what the person is known by. Shipped.';

CREATE TABLE @extschema@.export_made (
    export_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    exported_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    exported_by text NOT NULL,
    customer_id bigint NOT NULL,
    tables integer NOT NULL,
    rows bigint NOT NULL,
    left_out integer NOT NULL
);
COMMENT ON TABLE @extschema@.export_made IS
'Who exported which customer when, and how much: tables and rows of theirs, and of how many tables not all. Nothing of the document.';
SELECT pg_catalog.pg_extension_config_dump('@extschema@.export_made', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.export_made_export_id_seq', '');

-- Rows of a part that the caller may read and export, whole.
CREATE FUNCTION @extschema@.exported_rows(part @extschema@.erase_part, OUT rows jsonb, OUT keys text[])
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    reads pg_catalog.record;
    exports pg_catalog.record;
BEGIN
    IF part.adopted THEN
        SELECT x.* INTO reads FROM record_access() g, access_terms(g.relation, 'read', g.reads, g.reads, g.object, g.fallback) x
        WHERE g.relation = part.relation;
        SELECT x.* INTO exports FROM record_access() g, access_terms(g.relation, 'export', g.reads, g.reads, g.object, g.fallback) x
        WHERE g.relation = part.relation;
        EXECUTE format('SELECT jsonb_agg(t.document ORDER BY t.key COLLATE "C"), array_agg(t.key ORDER BY t.key COLLATE "C") '
                       'FROM rows_as_owner(%s::regclass, %L) AS t (key text, document jsonb, decides text[]) CROSS JOIN LATERAL (%s) s '
                       'WHERE (%s) AND (%s)', part.relation::oid,
                       format('SELECT @extschema@.map_id(r)::text, pg_catalog.jsonb_build_object(''record_key'', @extschema@.map_id(r)::text, '
                              '''row'', pg_catalog.to_jsonb(r)), %s FROM %s r WHERE %s', reads.decides, part.relation, part.condition),
                       reads.source, reads.condition, exports.condition)
        INTO rows, keys;
    ELSIF has_table_privilege(caller()::oid, part.relation, 'SELECT')
          AND (SELECT has_schema_privilege(caller()::oid, c.relnamespace, 'USAGE')
                      AND (NOT c.relrowsecurity OR (SELECT a.rolsuper OR a.rolbypassrls FROM pg_roles a WHERE a.oid = caller()::oid))
               FROM pg_class c WHERE c.oid = part.relation) THEN
        SELECT jsonb_agg(jsonb_build_object('row', t.document) ORDER BY t.document::text COLLATE "C") INTO rows
        FROM rows_as_owner(part.relation, format('SELECT pg_catalog.to_jsonb(r) FROM %s r WHERE %s', part.relation, part.condition)) AS t (document jsonb);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.exported_rows(@extschema@.erase_part) IS
'The rows of a part with all their columns, as far as the caller may read them and has the privilege export; and their record keys. Rows '
'of tables that are not adopted go by the right to SELECT; where they have policies, none does.';
SELECT @extschema@.set_audience('exported_rows(erase_part)', 'internal');

-- Why records are one customer: each is compared with the first.
CREATE FUNCTION @extschema@.exported_links(records @extschema@.record_ref[]) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT jsonb_agg(jsonb_build_object('a', jsonb_build_array(table_name((records[1]).relation), (records[1]).record_key),
                                        'b', jsonb_build_array(table_name((records[i]).relation), (records[i]).record_key),
                                        'why', (SELECT jsonb_agg(jsonb_strip_nulls(to_jsonb(e))) FROM explain_match(records[1], records[i]) e)) ORDER BY i)
    FROM generate_series(2, cardinality(records)) i
$$;
COMMENT ON FUNCTION @extschema@.exported_links(@extschema@.record_ref[]) IS 'explain_match of the first record with each of the others.';
SELECT @extschema@.set_audience('exported_links(record_ref[])', 'internal');

CREATE FUNCTION @extschema@.exported_privacy(customer_id bigint, relations regclass[], keys text[]) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    WITH known AS MATERIALIZED (SELECT u.relation, u.key FROM unnest(relations, keys) AS u (relation, key))
    SELECT jsonb_build_object(
        'consents', (SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object('channel', e.channel, 'purpose', e.purpose, 'granted', e.granted,
                            'at', e.at, 'source', e.source, 'relation', table_name(e.relation), 'record_key', e.record_key, 'reason', e.reason,
                            'evidence', e.evidence, 'recorded_at', e.recorded_at, 'recorded_by', e.recorded_by)) ORDER BY e.at, e.entry)
                     FROM consent_reach(ARRAY[customer_id]) r JOIN consent_entry e USING (entry)
                     WHERE e.record_key IS NULL OR EXISTS (SELECT FROM known k WHERE k.relation = e.relation AND k.key = e.record_key)),
        'restrictions', (SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object('restrictions', r.restrictions, 'reason', r.reason,
                                'restricted_at', r.restricted_at, 'restricted_by', r.restricted_by, 'lifted_at', r.lifted_at,
                                'lifted_by', r.lifted_by, 'lifted_reason', r.lifted_reason)) ORDER BY r.restricted_at, r.restriction_id)
                         FROM restriction r
                         WHERE EXISTS (SELECT FROM restricted_record c JOIN known k ON k.relation = c.relation AND k.key = c.record_key
                                       WHERE c.restriction_id = r.restriction_id)),
        'visitors', (SELECT jsonb_agg(jsonb_build_object('anonymous_id', i.anonymous_id, 'at', i.at, 'identified_by', i.identified_by)
                                      ORDER BY i.at, i.anonymous_id)
                     FROM identified i WHERE i.customer_id = $1),
        'verdicts', (SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object('a', jsonb_build_array(table_name(v.relation_a), v.key_a),
                            'b', jsonb_build_array(table_name(v.relation_b), v.key_b), 'verdict', v.verdict, 'reason', v.reason,
                            'decided_at', v.decided_at, 'decided_by', v.decided_by)) ORDER BY v.decided_at, v.key_a, v.key_b)
                     FROM verdict v
                     WHERE EXISTS (SELECT FROM known k WHERE k.relation = v.relation_a AND k.key = v.key_a)
                       AND EXISTS (SELECT FROM known k WHERE k.relation = v.relation_b AND k.key = v.key_b)),
        'shared_with', (SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object('relation', table_name(s.relation), 'record_key', s.record_key,
                               'principal', s.principal, 'unit', s.unit, 'privileges', s.privileges, 'during', s.during::text, 'reason', s.reason))
                               ORDER BY s.id)
                        FROM shared_record s JOIN known k ON k.relation = s.relation AND k.key = s.record_key),
        'merges', (SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object('merge_id', m.merge_id, 'relation', table_name(m.relation), 'keep', m.keep,
                          'lose', m.lose, 'reason', m.reason, 'merged_at', m.merged_at, 'merged_by', m.merged_by, 'unmerged_at', m.unmerged_at,
                          'rows', (SELECT jsonb_agg(jsonb_build_object('relation', table_name(c.in_relation), 'row_key', c.row_key,
                                                                       'action', c.action, 'before', c.before)
                                                    ORDER BY table_name(c.in_relation), c.row_key) FROM merge_rows_of(m.merge_id) c))) ORDER BY m.merge_id)
                   FROM merge_log m
                   WHERE m.merge_id IN (SELECT o FROM merges_of($1) o)
                     AND EXISTS (SELECT FROM known k WHERE k.relation = m.relation)))
$$;
COMMENT ON FUNCTION @extschema@.exported_privacy(bigint, regclass[], text[]) IS
'The sections of an export that this room keeps: consents, restrictions, visitors, verdicts, shared_with, merges; of records that the '
'caller may export.';
SELECT @extschema@.set_audience('exported_privacy(bigint, regclass[], text[])', 'internal');

CREATE FUNCTION @extschema@.export_customer(customer_id bigint) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE COST 1000000
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off
AS $$
DECLARE
    subject CONSTANT bigint := (require_customer(customer_id))[1];
    part erase_part;
    exported pg_catalog.record;
    source export_source;
    section jsonb;
    relations jsonb := '[]';
    left_out jsonb := '[]';
    known regclass[] := '{}';
    keys text[] := '{}';
    records record_ref[] := '{}';
    document jsonb;
    taken bigint := 0;
BEGIN
    IF current_setting('transaction_read_only') = 'on' THEN
        RAISE EXCEPTION 'an export is written down' USING ERRCODE = 'read_only_sql_transaction',
            DETAIL = 'Who exported whom is kept, and this transaction, or this replica, cannot write.', HINT = 'Export from the primary.';
    END IF;
    FOR part IN SELECT (p).* FROM erase_parts(subject) p ORDER BY table_name((p).relation) LOOP
        SELECT * INTO exported FROM exported_rows(part);
        IF coalesce(jsonb_array_length(exported.rows), 0) < part.rows THEN
            left_out := left_out || jsonb_build_array(jsonb_build_object('relation', table_name(part.relation),
                'reason', CASE WHEN exported.rows IS NULL THEN 'you may not export its rows' ELSE 'you may not export all of its rows' END));
        END IF;
        CONTINUE WHEN exported.rows IS NULL;
        taken := taken + jsonb_array_length(exported.rows);
        relations := relations || jsonb_build_array(jsonb_strip_nulls(jsonb_build_object('relation', table_name(part.relation),
            'entity', (SELECT a.entity FROM adoption a WHERE a.relation = part.relation),
            'department', (SELECT a.department FROM adoption a WHERE a.relation = part.relation), 'why', part.via))
            || jsonb_build_object('rows', exported.rows));
        IF exported.keys IS NOT NULL THEN
            known := known || array_fill(part.relation, ARRAY[cardinality(exported.keys)]);
            keys := keys || exported.keys;
            records := records || ARRAY(SELECT (part.relation, k)::record_ref FROM unnest(exported.keys) k
                                        JOIN record r ON r.relation = part.relation AND r.record_key = k ORDER BY k COLLATE "C");
        END IF;
    END LOOP;
    document := jsonb_build_object('format', 'crm customer export', 'version', 1, 'customer_id', subject,
        'former_ids', (SELECT jsonb_agg(c.customer_id ORDER BY c.customer_id) FROM customer_registry c
                       WHERE c.retired_at IS NOT NULL AND (customer_family(c.customer_id))[1] = subject AND c.redirect_to IS NOT NULL),
        'customer', (SELECT jsonb_strip_nulls(to_jsonb(c)) FROM customer c WHERE c.customer_id = subject),
        'provenance', (SELECT jsonb_agg(jsonb_strip_nulls(to_jsonb(v) - 'customer_id' || jsonb_build_object('relation', table_name(v.relation)))
                                        ORDER BY v.attribute, v.value)
                       FROM customer_value v WHERE v.customer_id = subject AND v.value IS NOT NULL),
        'relations', relations,
        'timeline', (SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object('at', s.at, 'kind', s.kind, 'department', s.department,
                                      'relation', table_name(s.relation), 'record_key', s.record_key, 'subject', s.subject, 'stage', s.stage))
                                      ORDER BY s.at, s.kind, table_name(s.relation), s.record_key)
                     FROM customer_story(ARRAY[subject]) s
                     WHERE (s.relation, s.record_key) IN (SELECT * FROM unnest(known, keys))),
        'links', exported_links(records), 'left_out', left_out) || exported_privacy(subject, known, keys);
    FOR source IN SELECT * FROM export_source e ORDER BY e.section LOOP
        EXECUTE format('SELECT @extschema@.%I($1, $2, $3, $4)', source.function_name) INTO section
        USING subject, known, keys, person_words(person_values(subject));
        document := document || jsonb_build_object(source.section, section);
    END LOOP;
    INSERT INTO export_made (exported_by, customer_id, tables, rows, left_out)
    VALUES (coalesce(asker_name(), caller()::text), subject, jsonb_array_length(relations), taken, jsonb_array_length(left_out));
    RAISE LOG 'customer % was exported by %', subject, coalesce(asker_name(), caller()::text); -- stays when the transaction is given up
    RETURN jsonb_strip_nulls(document - 'relations' - 'left_out') || jsonb_build_object('relations', relations, 'left_out', left_out);
END
$$;
COMMENT ON FUNCTION @extschema@.export_customer(bigint) IS
'Everything that is held of a customer, one JSON document (docs/privacy.md has its parts): every row of every table with all its columns, '
'golden values with provenance, timeline, why records are one customer, consents, restrictions, visitors, verdicts, shares, merges, '
'and what other rooms keep. Of rows that the caller may read and has the privilege export for; left_out names the tables where that '
'was not all. An organisation''s people are not in it: they are customers of their own. The same database gives the same document. '
'That it was made is kept (view export_log) and written to the server''s log. Errors: RM201, 25006 (read-only). Example: SELECT jsonb_pretty(export_customer(42));';

CREATE FUNCTION @extschema@.export_rows()
RETURNS TABLE (export_id bigint, exported_at timestamptz, exported_by text, customer_id bigint, tables integer, rows bigint, left_out integer)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 100 SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT m.export_id, m.exported_at, m.exported_by, m.customer_id, m.tables, m.rows, m.left_out FROM export_made m WHERE (SELECT may_administer())
$$;
COMMENT ON FUNCTION @extschema@.export_rows() IS 'The rows of the view export_log.';
CREATE VIEW @extschema@.export_log AS SELECT r.* FROM @extschema@.export_rows() r;
COMMENT ON VIEW @extschema@.export_log IS
'Which customers were exported when and by whom, and how many tables and rows; of left_out tables not all. For administrators.';
GRANT SELECT ON @extschema@.export_log TO PUBLIC;

CREATE FUNCTION @extschema@.forget_exports(before timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
DECLARE
    forgotten bigint;
BEGIN
    IF before IS NULL THEN
        RAISE EXCEPTION 'forget_exports needs a time' USING ERRCODE = 'RM005', HINT = 'SELECT @extschema@.forget_exports(now() - interval ''3 years'');';
    END IF;
    DELETE FROM export_made m WHERE m.exported_at < before;
    GET DIAGNOSTICS forgotten = ROW_COUNT;
    RETURN forgotten;
END
$$;
COMMENT ON FUNCTION @extschema@.forget_exports(timestamptz) IS
'Deletes what export_log knows of exports before a time; returns how many. For administrators. Error: RM005. '
'Example: SELECT forget_exports(now() - interval ''3 years'');';
SELECT @extschema@.set_audience('forget_exports(timestamptz)', 'admin');

CREATE FUNCTION @extschema@.status_export() RETURNS SETOF @extschema@.status_row
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT 'customer', 'exports of customers', 'ok', count(*), min(m.exported_at),
           format('%s; %s of them in the last 30 days, by %s', pg_size_pretty(pg_total_relation_size('@extschema@.export_made')), count(*) FILTER (WHERE m.exported_at > now() - interval '30 days'),
                  coalesce(string_agg(DISTINCT m.exported_by, ', ') FILTER (WHERE m.exported_at > now() - interval '30 days'), 'nobody')),
           'SELECT @extschema@.forget_exports(now() - interval ''3 years'');'
    FROM export_made m HAVING count(*) > 0
$$;
COMMENT ON FUNCTION @extschema@.status_export() IS 'Rows of status: exports of customers.';
SELECT @extschema@.set_audience('status_export()', 'admin');
INSERT INTO @extschema@.status_source (function_name, room) VALUES ('status_export', 'customer');
