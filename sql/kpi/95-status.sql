-- What is worth watching here.

CREATE FUNCTION @extschema@.backfill_progress_rows()
    RETURNS TABLE (relation pg_catalog.regclass, pid integer, since timestamptz, rows_read bigint, estimated bigint)
    LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT a.relation, p.pid, s.xact_start, p.param3,
           (SELECT sum(greatest(c.reltuples, 0)) FROM members(a.relation) m JOIN pg_class c ON c.oid = m AND c.relkind = 'r')::bigint
    FROM pg_stat_get_progress_info('COPY') p
    JOIN pg_database d ON d.oid = p.datid AND d.datname = current_database()
    JOIN adoption a ON a.relation = p.relid
    LEFT JOIN pg_stat_activity s ON s.pid = p.pid
    WHERE p.param5 = 0 -- a COPY is FROM or TO
$$;
COMMENT ON FUNCTION @extschema@.backfill_progress_rows() IS
'Backfills of the room kpi that are reading a table at this moment, in any session: rows read, and how many the statistics say that there are.';
SELECT @extschema@.set_audience('backfill_progress_rows()', 'internal');

CREATE FUNCTION @extschema@.kpi_status() RETURNS SETOF @extschema@.status_row
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    waiting bigint := (SELECT count(*) FROM (SELECT FROM kpi_pending LIMIT pending_limit() + 1) p);
    drained timestamptz := (SELECT d.at FROM fold_drained d WHERE waiting > 0);
    late boolean := waiting > pending_limit() / 2 OR coalesce(drained < now() - interval '10 minutes', false);
BEGIN
    RETURN NEXT ('kpi', 'pending changes',
                 CASE WHEN waiting > pending_limit() THEN 'failed' WHEN late THEN 'warning' ELSE 'ok' END,
                 waiting, drained, format('%s, limit %s rows', pg_size_pretty(pg_total_relation_size('kpi_pending')), pending_limit())
                                   || CASE WHEN waiting = 0 THEN '' ELSE coalesce('; the oldest is at most ' || date_trunc('second', now() - drained) || ' old', '; never folded') END,
                 CASE WHEN late THEN 'SELECT @extschema@.fold(); or start crmd' END)::status_row;
    RETURN NEXT ('kpi', 'fold', CASE WHEN snapshot_age() > interval '10 minutes' THEN 'warning' ELSE 'ok' END, NULL,
                 now() - nullif(snapshot_age(), interval '0'),
                 CASE WHEN fold_pause() > interval '1 second'
                      THEN format('crmd folds every %s: an old snapshot keeps every version of the rollup', fold_pause()) END,
                 CASE WHEN snapshot_age() > interval '10 minutes'
                      THEN 'End the transaction: SELECT pid, query FROM pg_stat_activity ORDER BY xact_start;' END)::status_row;
    RETURN QUERY SELECT 'kpi', 'reading of ' || r.relation::text, 'filling', r.rows_read, r.since,
                        format('%s of about %s rows', r.rows_read, greatest(r.rows_read, r.estimated)), NULL FROM backfill_progress_rows() r;
    RETURN NEXT ('kpi', 'rollup', 'ok', (SELECT count(*) FROM kpi_rollup), NULL,
                 pg_size_pretty(pg_total_relation_size('kpi_rollup') + pg_total_relation_size('kpi_dims')), NULL)::status_row;
    RETURN QUERY
        SELECT 'kpi', format('component %s of %s', i.component, i.relation), CASE WHEN bool_or(NOT b.paused) THEN 'broken' ELSE 'paused' END, count(*),
               min(b.at), min(b.error),
               CASE WHEN bool_and(b.paused) THEN 'SELECT @extschema@.fold(); or start crmd' ELSE format('Mend the rows or the mapping, then SELECT * FROM @extschema@.capture(%1$L); CALL @extschema@.backfill(%1$L);',
                      i.relation::text) END
        FROM kpi_broken b JOIN kpi_captured i USING (instance) GROUP BY i.component, i.relation ORDER BY 2;
    RETURN QUERY
        SELECT 'kpi', format('version %s of component %s', s.version, s.component), CASE WHEN bool_or(s.instance IN (SELECT b.instance FROM kpi_broken b)) THEN 'broken' ELSE 'filling' END,
               count(*) FILTER (WHERE s.state <> 'ready'), NULL::timestamptz,
               'fills beside the version that is read, in ' || string_agg(s.relation::text, ', ' ORDER BY s.relation::text),
               coalesce('CALL @extschema@.backfill(' || quote_literal(min(s.relation::text) FILTER (WHERE s.state <> 'ready')) || '); or start crmd',
                        'SELECT @extschema@.fold();')
        FROM kpi_successor s GROUP BY s.component, s.version ORDER BY 2;
    RETURN QUERY
        SELECT 'kpi', format('counted values of %s', v.relation), CASE WHEN v.kept > greatest(v.size, 8388608) THEN 'warning' ELSE 'ok' END, v.pieces, NULL::timestamptz,
               format('%s, the table %s', pg_size_pretty(v.kept), pg_size_pretty(v.size)),
               CASE WHEN v.kept > greatest(v.size, 8388608) THEN format('They take more than the rows themselves: SELECT @extschema@.count_values(%L, false);',
                                                                       (SELECT min(k.kpi) FROM counted_kpi k JOIN kpi d USING (kpi) JOIN kpi_term t USING (kpi)
                                                                        JOIN kpi_instance n ON n.relation = v.relation AND n.component = counted_name(t.component, d.kind, t.measure))) END
        FROM (SELECT i.relation, count(*) AS pieces, sum(octet_length(c.piece) + 60)::bigint AS kept,
                     (SELECT coalesce(sum(pg_table_size(m)), 0)::bigint FROM members(i.relation) m) AS size
              FROM kpi_counted c JOIN kpi_instance i USING (instance) GROUP BY i.relation) v
        ORDER BY 2;
END
$$;
COMMENT ON FUNCTION @extschema@.kpi_status() IS 'Rows of status: pending changes against their limit and how old they can be, how far a backfill got, the rollup, paused components, counted values against the tables that they are of.';
SELECT @extschema@.set_audience('kpi_status()', 'admin');

CREATE FUNCTION @extschema@.kpi_doctor() RETURNS SETOF @extschema@.status_row
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT 'kpi', 'KPI ' || k.kpi, 'not available', NULL::bigint, NULL::timestamptz,
           'missing: ' || string_agg(DISTINCT CASE WHEN c.entity = 'clock' THEN CASE WHEN c.needs <> '{}' THEN format('a table adopted as ticket that maps %s', array_to_string(c.needs, ', '))
                                                                                  ELSE 'a service level (set_sla) of an adopted table' END
                                                   WHEN c.entity = 'handover' THEN 'a tracked table whose funnel has stages of two departments'
                                                       || CASE c.component WHEN 'handover_overdue' THEN ', and set_handover_limit' ELSE '' END
                                                   WHEN c.component = 'budget_month' THEN 'a table adopted as spend that maps on_date, amount'
                                                   WHEN c.component = 'goal_pipeline' THEN 'a tracked table adopted as opportunity that maps amount, expected_close_on'
                                                   WHEN c.component = 'open_deal' THEN 'a tracked table adopted as opportunity that maps amount'
                                                   WHEN c.component LIKE 'attribution%' THEN 'a table adopted as spend, and a tracked one whose funnel has the milestone won'
                                                   WHEN c.entity IN ('stage_entry', 'subject') THEN
                                                  format('a tracked table whose funnel has the milestone %s', (SELECT string_agg(m, ', and one with ') FROM unnest(t.milestones) m
                                                               WHERE NOT EXISTS (SELECT FROM tracking r JOIN funnel_stage s USING (funnel) WHERE s.milestone = m)))
                                              ELSE format('a table adopted as %s', c.entity)
                                                   || CASE WHEN c.needs <> '{}' THEN format(' that maps %s', array_to_string(c.needs, ', '))
                                                           ELSE '' END END, '; '),
           'SELECT * FROM @extschema@.suggest_adopt();'
    FROM kpi k JOIN kpi_term t USING (kpi) JOIN component c USING (component)
    WHERE k.kpi NOT IN (SELECT s.kpi FROM kpi_state() s)
      AND (c.entity = 'clock' AND NOT has_clocks(c.component) OR c.kept AND kept_state(t.component, t.measure, t.milestones) IS NULL OR c.entity = 'stage_entry' AND EXISTS (
               SELECT FROM unnest(t.milestones) m WHERE NOT EXISTS (SELECT FROM tracking r JOIN funnel_stage s USING (funnel) WHERE s.milestone = m))
           OR NOT c.kept AND c.entity NOT IN ('stage_entry', 'clock') AND NOT EXISTS (SELECT FROM kpi_instance i WHERE i.component = c.component))
      AND EXISTS (SELECT FROM adoption)
    GROUP BY k.kpi
    UNION ALL
    SELECT 'kpi', 'KPI ' || s.kpi, s.state, NULL, NULL,
           CASE s.state WHEN 'no_milestone' THEN 'a table has no funnel, or its funnel has no stages of the kinds won and lost'
                        ELSE 'a table does not map what is summed' END,
           'SELECT * FROM @extschema@.explain_kpi(' || quote_literal(s.kpi) || ');'
    FROM kpi_state() s WHERE s.state IN ('no_milestone', 'not_mapped')
    UNION ALL
    SELECT 'kpi', 'KPI ' || s.kpi, e.state, NULL, NULL, e.detail, e.hint
    FROM kpi_state() s JOIN kpi_term t ON t.kpi = s.kpi AND t.side = 'numerator'
    JOIN (SELECT 'goal' AS component, 'no_goal' AS state, 'there is no goal' AS detail, 'SELECT @extschema@.set_goal(...);' AS hint WHERE NOT EXISTS (SELECT FROM goal)
          UNION ALL SELECT 'goal_pipeline', 'no_goal', 'there is no goal of won_value', 'SELECT @extschema@.set_goal(...);'
          WHERE NOT EXISTS (SELECT FROM goal g WHERE g.kpi = 'won_value')
          UNION ALL SELECT 'budget_month', 'no_budget', 'there is no plan budget', 'SELECT @extschema@.set_plan(''budget'', ...);'
          WHERE NOT EXISTS (SELECT FROM plan p WHERE p.plan = 'budget' AND p.version = 'current')
          UNION ALL SELECT 'forecast', 'no_forecast', 'no forecast was kept yet', 'SELECT @extschema@.take_forecast_snapshots(); or start crmd'
          WHERE NOT EXISTS (SELECT FROM forecast_snapshot)) e USING (component)
    UNION ALL
    SELECT 'kpi', 'KPI ' || s.kpi, s.state, NULL, NULL, 'the gross margin was never set', 'SELECT @extschema@.set_kpi_parameter(''gross_margin'', 0.7);'
    FROM kpi_state() s WHERE s.state = 'not_set'
    UNION ALL
    SELECT 'kpi', 'KPI ' || k.kpi, 'not available', NULL, NULL,
           'missing: ' || string_agg('KPI ' || l.input, ', ' ORDER BY l.input), 'SELECT * FROM @extschema@.doctor() WHERE room = ''kpi'';'
    FROM kpi k JOIN kpi_leaf l ON l.kpi = k.kpi
    WHERE l.input <> ALL (kpi_parameters()) AND l.input NOT IN (SELECT s.kpi FROM kpi_state() s) AND EXISTS (SELECT FROM adoption)
    GROUP BY k.kpi
    UNION ALL
    SELECT 'kpi', format('leads of %s', a.relation), 'warning', NULL, NULL, 'its leads are not counted: no funnel tracks it',
           format('SELECT @extschema@.track(%L, ...);', a.relation::text)
    FROM adoption a
    WHERE a.entity = 'lead' AND NOT EXISTS (SELECT FROM tracking t WHERE t.relation = a.relation)
    UNION ALL
    SELECT 'kpi', format('component %s of %s', i.component, i.relation), 'warning', sum(c.invalid)::bigint, NULL,
           'rows with NaN, infinite or absurd (1e100) numbers, counted but not summed', 'Mend the rows.'
    FROM kpi_cell c JOIN kpi_instance i USING (instance) GROUP BY i.component, i.relation HAVING sum(c.invalid) <> 0
    UNION ALL
    SELECT 'kpi', format('days of %s', i.relation), 'warning', NULL, NULL,
           format('its days are cut in the time zone %s, the organisation''s is %s', min(i.zone), default_zone()),
           format('SELECT @extschema@.restate(%1$L); CALL @extschema@.backfill(%1$L);', i.relation::text)
    FROM kpi_instance i JOIN component c USING (component) WHERE i.zone <> coalesce(c.zone, default_zone()) GROUP BY i.relation
    UNION ALL
    SELECT 'kpi', format('trigger %s of %s', t.tgname, t.tgrelid::regclass), 'warning', NULL, NULL,
           'it is disabled, so changes are not counted',
           format('ALTER TABLE %1$s ENABLE ALWAYS TRIGGER %2$I; then SELECT @extschema@.restate(%3$L);', t.tgrelid::regclass, t.tgname,
                  adopted_root(t.tgrelid)::text)
    FROM pg_trigger t WHERE t.tgfoid = 'capture_change()'::regprocedure AND t.tgenabled = 'D'
    UNION ALL
    SELECT 'kpi', format('trigger %s of %s', t.tgname, t.tgrelid::regclass), 'warning', NULL, NULL,
           'it was enabled without ALWAYS, so changes in replica mode are not counted, nor those of when it was disabled',
           format('ALTER TABLE %1$s ENABLE ALWAYS TRIGGER %2$I; then SELECT @extschema@.restate(%3$L);', t.tgrelid::regclass, t.tgname,
                  adopted_root(t.tgrelid)::text)
    FROM pg_trigger t WHERE t.tgfoid = 'capture_change()'::regprocedure AND t.tgenabled NOT IN ('A', 'D') AND t.tgname LIKE 'crm\_kpi\_%'
    UNION ALL
    SELECT 'kpi', format('storage of %s', m), 'warning', NULL, NULL, 'it is unlogged: empty after a crash, while the numbers are not',
           format('ALTER TABLE %s SET LOGGED;', m)
    FROM (SELECT DISTINCT i.relation FROM kpi_captured i) t, members(t.relation) m JOIN pg_class c ON c.oid = m AND c.relpersistence = 'u'
    UNION ALL
    SELECT 'kpi', format('children of %s', c.oid::regclass), 'warning', NULL, NULL,
           'tables inherit from it, and what is written to them is not counted',
           (SELECT string_agg(format('ALTER TABLE %s NO INHERIT %s;', h.inhrelid::regclass, c.oid::regclass), ' ' ORDER BY h.inhrelid)
            FROM pg_inherits h WHERE h.inhparent = c.oid)
               || format(' then SELECT @extschema@.restate(%L);', c.oid::regclass::text)
    FROM pg_class c
    WHERE c.oid IN (SELECT i.relation FROM kpi_captured i) AND c.relkind = 'r' AND EXISTS (SELECT FROM pg_inherits h WHERE h.inhparent = c.oid)
    UNION ALL
    SELECT 'kpi', format('changes of %s', a.relation), 'warning', NULL, NULL,
           'a subscription fills it, whose writes fire no statement trigger, so they are not counted',
           format('SELECT @extschema@.disown(%L); and adopt it again with row_triggers => true.', a.relation::text)
    FROM adoption a
    WHERE NOT a.row_triggers AND EXISTS (SELECT FROM pg_subscription_rel s JOIN members(a.relation) m ON s.srrelid = m)
$$;
COMMENT ON FUNCTION @extschema@.kpi_doctor() IS
'Rows of doctor: KPIs that nothing feeds yet, lead tables without a funnel, invalid numbers, days cut in another zone, triggers '
'that are disabled or do not always fire, unlogged storage, tables that inherit.';
SELECT @extschema@.set_audience('kpi_doctor()', 'admin');
INSERT INTO @extschema@.status_source (function_name, room, kind) VALUES
    ('kpi_status', 'kpi', 'status'), ('kpi_doctor', 'kpi', 'doctor');
