-- What follows an erasure in messages and comments, and what of it belongs into an export.

INSERT INTO @extschema@.free_text (relation, "column", room, purpose) VALUES
    ('alert_log', 'comment', 'alert', 'what somebody said of an alert'),
    ('alert_transition', 'comment', 'alert', 'what somebody said of an alert'),
    ('silence', 'comment', 'alert', 'why alerts are silent'),
    ('delivery_queue', 'body', 'alert', 'messages that wait'),
    ('delivery_queue', 'detail', 'alert', 'what a receiver answered'),
    ('delivery_history', 'body', 'alert', 'messages that were sent'),
    ('delivery_history', 'detail', 'alert', 'what a receiver answered'),
    ('delivery_attempt', 'detail', 'alert', 'what a receiver answered'),
    ('rule_schedule', 'error', 'alert', 'why a rule failed');
UPDATE @extschema@.free_text SET moves = true WHERE relation = 'delivery_queue'; -- to delivery_history, by crmd

-- Messages are about numbers; that one names somebody is rare, and told without what else is in it.
CREATE FUNCTION @extschema@.exported_messages(customer_id bigint, relations regclass[], keys text[], words text[]) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT jsonb_agg(jsonb_build_object('message_id', d.message_id, 'endpoint', d.endpoint, 'state', d.state, 'created_at', d.created_at)
                     ORDER BY d.created_at, d.message_id)
    FROM (SELECT q.id, q.message_id, q.endpoint, q.state, q.created_at, q.body, q.alert, q.units FROM delivery_queue q
          UNION ALL
          SELECT h.id, h.message_id, h.endpoint, h.state, h.created_at, h.body, h.alert, h.units FROM delivery_history h) d
    LEFT JOIN alert_log l ON l.id = d.alert
    WHERE EXISTS (SELECT FROM unnest(words) w WHERE strpos(lower(d.body), w) > 0)
      AND CASE WHEN d.alert IS NULL THEN may_see_list(d.id) ELSE (SELECT bool_and(may_see_alert(l.relation, l.record_key, u)) FROM unnest(d.units) u) END
$$;
COMMENT ON FUNCTION @extschema@.exported_messages(bigint, regclass[], text[], text[]) IS
'Section messages of export_customer: deliveries that name the person, of units whose numbers, or about records that, the caller may see.';
SELECT @extschema@.set_audience('exported_messages(bigint, regclass[], text[], text[])', 'internal');
INSERT INTO @extschema@.export_source (section, function_name, room) VALUES ('messages', 'exported_messages', 'alert');

-- Alerts about a record go with it, and what was said of them.
CREATE FUNCTION @extschema@.alerts_erased(relation pg_catalog.regclass, keys text[], mode text) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    ids bigint[];
    messages bigint[];
    gone bigint;
BEGIN
    PERFORM hold_record_rules(relation);
    ids := ARRAY(SELECT l.id FROM alert_log l WHERE l.relation = alerts_erased.relation AND l.record_key = ANY (keys));
    IF ids = '{}' THEN
        RETURN 0;
    END IF;
    messages := ARRAY(SELECT q.id FROM delivery_queue q WHERE q.alert = ANY (ids) UNION SELECT h.id FROM delivery_history h WHERE h.alert = ANY (ids)
                      UNION SELECT t.delivery FROM alert_told t WHERE t.alert = ANY (ids));
    DELETE FROM alert_log l WHERE l.id = ANY (ids);
    GET DIAGNOSTICS gone = ROW_COUNT;
    PERFORM take_back(q) FROM delivery_queue q WHERE q.id = ANY (messages) AND q.alert IS NULL; -- what else was in a list that waits is told anew
    DELETE FROM delivery_attempt a WHERE a.delivery = ANY (messages);
    DELETE FROM delivery_queue q WHERE q.id = ANY (messages);
    DELETE FROM delivery_history h WHERE h.id = ANY (messages);
    DELETE FROM waiting_notice w WHERE w.alert = ANY (ids);
    DELETE FROM alert_told t WHERE t.alert = ANY (ids);
    DELETE FROM rule_state s WHERE s.alert = ANY (ids);
    DELETE FROM alert_transition t WHERE t.alert = ANY (ids);
    RETURN gone;
END
$$;
COMMENT ON FUNCTION @extschema@.alerts_erased(pg_catalog.regclass, text[], text) IS
'Follows an erasure: alerts about these records go, with their transitions and messages. Returns how many.';
SELECT @extschema@.set_audience('alerts_erased(regclass, text[], text)', 'internal');
INSERT INTO @extschema@.follow_hook (room, "position", erased) VALUES ('alert', 500, 'alerts_erased');
