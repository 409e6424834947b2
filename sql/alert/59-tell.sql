-- From an alert to messages. Whatever is told is a notice first, one for each endpoint; what its audience wants to hear now becomes a message, on its
-- own or in a list with others, in the same transaction, and the rest waits here until its time. What was told stands in alert_told, so that the
-- end of an alert goes to those who heard of it.
CREATE TABLE @extschema@.waiting_notice (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alert      bigint NOT NULL,
    transition bigint NOT NULL,
    type       text NOT NULL,
    rule       text NOT NULL,
    endpoint   text NOT NULL REFERENCES @extschema@.endpoint ON DELETE CASCADE,
    audience   text NOT NULL,
    urgency    text NOT NULL,
    extra      jsonb NOT NULL DEFAULT '{}',
    reason     text CHECK (reason IN ('group', 'quiet', 'budget', 'digest', 'silence')),
    due_at     timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    letter     bigint,
    listed     boolean,
    last       boolean,
    UNIQUE (alert, transition, endpoint)
);
COMMENT ON TABLE @extschema@.waiting_notice IS 'what is to be told to an endpoint and is not written yet; letter, listed and last are of the transaction that writes it';
COMMENT ON COLUMN @extschema@.waiting_notice.extra IS 'what its message says beside what every message about an alert says';
COMMENT ON COLUMN @extschema@.waiting_notice.reason IS 'why it waits; NULL: it was not looked at yet';
CREATE INDEX waiting_notice_audience ON @extschema@.waiting_notice (audience, due_at);
CREATE INDEX waiting_notice_due_at ON @extschema@.waiting_notice (due_at);

CREATE TABLE @extschema@.alert_told (
    delivery   bigint NOT NULL,
    alert      bigint NOT NULL,
    transition bigint NOT NULL,
    type       text NOT NULL,
    endpoint   text NOT NULL,
    audience   text NOT NULL,
    letter     bigint NOT NULL,
    counted    boolean NOT NULL,
    at         timestamptz NOT NULL,
    PRIMARY KEY (delivery, alert, transition)
);
COMMENT ON TABLE @extschema@.alert_told IS 'which alerts stand in which message; type alert.open: a digest said that it still fires';
COMMENT ON COLUMN @extschema@.alert_told.letter IS 'one for the messages that say the same to the endpoints of one principal: a budget counts letters';
COMMENT ON COLUMN @extschema@.alert_told.counted IS 'whether it counts against the budget of the day';
CREATE INDEX alert_told_alert ON @extschema@.alert_told (alert, endpoint);
CREATE INDEX alert_told_audience ON @extschema@.alert_told (audience, at);
CREATE INDEX alert_told_at ON @extschema@.alert_told (at);

SELECT pg_catalog.pg_extension_config_dump('@extschema@.waiting_notice', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.waiting_notice_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.alert_told', '');

-- What sorts, mutes and schedules alerts by itself wants each of them apart, and at once.
CREATE FUNCTION @extschema@.sorts_itself(kind text)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN kind IN ('pagerduty', 'alertmanager');
COMMENT ON FUNCTION @extschema@.sorts_itself(text) IS 'Whether a kind of receiver gets each alert at once, whatever its audience set: pagerduty and alertmanager.';

-- An alert is told to endpoints, whoever decided which: subscriptions (announce), or a step of an escalation. Those whose audience may not hear
-- of it are left out. What has become urgent takes the place of what still waits.
CREATE FUNCTION @extschema@.tell_alert(l @extschema@.alert_log, type text, endpoints text[], extra jsonb DEFAULT '{}', urgency text DEFAULT NULL,
                                       at timestamptz DEFAULT pg_catalog.now())
RETURNS integer LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    number CONSTANT bigint := (SELECT s.transition FROM rule_state s WHERE (s.rule, s.subject) = (l.rule, l.subject));
    how CONSTANT text := coalesce(tell_alert.urgency, (SELECT r.urgency FROM rule r WHERE r.rule = l.rule));
    audiences CONSTANT text[] := ARRAY(SELECT a.audience FROM (SELECT DISTINCT e.audience FROM endpoint e WHERE e.endpoint = ANY (endpoints) AND e.enabled) a
                                       WHERE audience_may_hear(l, a.audience, ARRAY[l.unit]));
    told integer;
BEGIN
    DELETE FROM waiting_notice w
    WHERE how = 'urgent' AND w.alert = l.id AND w.transition < number AND w.endpoint = ANY (endpoints) AND w.audience = ANY (audiences);
    INSERT INTO waiting_notice (alert, transition, type, rule, endpoint, audience, urgency, extra, due_at, created_at)
    SELECT l.id, number, tell_alert.type, l.rule, e.endpoint, e.audience, how, tell_alert.extra, tell_alert.at, tell_alert.at
    FROM endpoint e
    WHERE e.endpoint = ANY (endpoints) AND e.enabled AND e.audience = ANY (audiences)
      AND NOT EXISTS (SELECT FROM alert_told t WHERE (t.alert, t.transition, t.endpoint) = (l.id, number, e.endpoint))
    ORDER BY e.endpoint
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS told = ROW_COUNT;
    RETURN told;
END
$$;
COMMENT ON FUNCTION @extschema@.tell_alert IS
'Tells an alert (type alert.firing, alert.escalated, alert.resolved) to these endpoints, as far as their audiences may hear of it, each when and how it is '
'wanted; extra stands in data, urgency NULL: that of the rule. Messages are written by write_due. Returns to how many endpoints.';

-- Which of the notices of a principal become messages now, in which letters; the others wait. The row of the principal is locked, so that a
-- budget is counted by one at a time.
CREATE FUNCTION @extschema@.settle_notices(who text, rule text, at timestamptz)
RETURNS bigint[] LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    set_by CONSTANT record := attention_of(who);
    a CONSTANT attention := set_by.a;
    zone CONSTANT text := set_by.zone;
    quiet CONSTANT timestamptz := nullif(quiet_until(a, zone, at), at);
    day CONSTANT record := attention_day(a, zone, at);
    places integer;
    ids bigint[] := ARRAY(
        SELECT w.id FROM waiting_notice w JOIN endpoint e ON e.endpoint = w.endpoint
        WHERE w.audience = who AND w.due_at <= at AND (settle_notices.rule IS NULL OR w.rule = settle_notices.rule AND w.reason IS NULL)
        ORDER BY w.id FOR UPDATE OF w SKIP LOCKED FOR KEY SHARE OF e SKIP LOCKED);
BEGIN
    DELETE FROM waiting_notice w USING alert_log l, endpoint e
    WHERE w.id = ANY (ids) AND l.id = w.alert AND e.endpoint = w.endpoint
      AND (NOT e.enabled OR e.audience <> w.audience OR w.type = 'alert.escalated' AND l.acknowledged_at IS NOT NULL
           OR NOT audience_may_hear(l, w.audience, ARRAY[l.unit]));
    UPDATE waiting_notice w
    SET reason = d.reason, due_at = d.due_at
    FROM (SELECT n.id, CASE WHEN n.silent > at THEN 'silence' WHEN n.passes THEN NULL
                            WHEN n.reason IS NULL AND n.digested THEN 'digest' WHEN quiet IS NOT NULL THEN coalesce(nullif(n.reason, 'group'), 'quiet')
                            WHEN n.reason IS NULL AND a.group_for > '0' THEN 'group' ELSE n.reason END AS reason,
                 CASE WHEN n.silent > at THEN n.silent WHEN n.passes THEN n.due_at
                      WHEN n.reason IS NULL AND n.digested THEN next_digest(a, zone, at) WHEN quiet IS NOT NULL THEN quiet
                      WHEN n.reason IS NULL AND a.group_for > '0'
                      THEN coalesce((SELECT min(g.due_at) FROM waiting_notice g WHERE (g.endpoint, g.rule, g.reason) = (n.endpoint, n.rule, 'group') AND g.due_at > at),
                                    at + a.group_for)
                      ELSE n.due_at END AS due_at
          FROM (SELECT x.*, x.urgency = 'urgent' OR sorts_itself(e.kind) AS passes, a.digest <> 'off' OR x.urgency = 'low' AS digested,
                       CASE WHEN x.type = 'alert.firing' AND EXISTS (SELECT FROM silence s WHERE s.until > at)
                            THEN (SELECT silenced_until(l.rule, l.kpi, l.unit, at) FROM alert_log l WHERE l.id = x.alert) END AS silent
                FROM waiting_notice x JOIN endpoint e ON e.endpoint = x.endpoint WHERE x.id = ANY (ids)) n) d
    WHERE w.id = d.id AND (w.reason, w.due_at) IS DISTINCT FROM (d.reason, d.due_at);
    places := a.messages_per_day - (SELECT count(DISTINCT t.letter) FROM alert_told t WHERE t.audience = who AND t.counted AND t.at >= day.since);
    WITH due AS (
        SELECT x.*, x.urgency = 'urgent' OR sorts_itself(e.kind) AS passes, sorts_itself(e.kind) AS apart,
               CASE WHEN x.reason <> 'group' THEN '*' ELSE x.rule END AS together
        FROM waiting_notice x JOIN endpoint e ON e.endpoint = x.endpoint WHERE x.id = ANY (ids) AND x.due_at <= at),
    list AS (
        SELECT d.*, NOT d.apart AND (bool_or(d.reason = 'digest') OVER w
                                     OR count(*) OVER w >= CASE d.together WHEN '*' THEN 2 ELSE a.group_from END) IS TRUE AS in_list
        FROM due d WINDOW w AS (PARTITION BY d.endpoint, d.passes, d.together)),
    letter AS (
        SELECT l.*, min(l.id) OVER (PARTITION BY l.passes, l.together, l.in_list, CASE WHEN NOT l.in_list THEN l.alert END,
                                                 CASE WHEN NOT l.in_list THEN l.transition END) AS number
        FROM list l),
    ranked AS (
        SELECT l.*, CASE WHEN NOT l.passes THEN dense_rank() OVER (PARTITION BY l.passes ORDER BY l.number) END AS rank
        FROM letter l)
    UPDATE waiting_notice w
    SET letter = CASE WHEN r.rank > places THEN NULL ELSE r.number END, listed = r.in_list, last = coalesce(r.rank = places, false),
        reason = CASE WHEN r.rank > places THEN 'budget' ELSE r.reason END,
        due_at = CASE WHEN r.rank > places THEN quiet_until(a, zone, day.until) ELSE r.due_at END
    FROM ranked r WHERE w.id = r.id;
    RETURN ARRAY(SELECT w.id FROM waiting_notice w WHERE w.id = ANY (ids) AND w.letter IS NOT NULL ORDER BY w.id);
END
$$;
COMMENT ON FUNCTION @extschema@.settle_notices(text, text, timestamptz) IS
'Sorts what is due for a principal (of one rule: what was not looked at yet): what may not be heard any more goes, what is not wanted now gets its reason and '
'time, and the rest its letter: alone, or in a list. Returns what is to be written. For write_due, which holds the principal.';

CREATE FUNCTION @extschema@.queue_message(w @extschema@.waiting_notice[], message_id text, type text, units text[], body text, at timestamptz)
RETURNS bigint LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    alone CONSTANT boolean := type NOT LIKE 'alerts.%';
    places CONSTANT text[] := ARRAY(SELECT DISTINCT u FROM unnest(units) u);
    number bigint;
BEGIN
    INSERT INTO delivery_queue (message_id, alert, transition, type, rule, unit, units, endpoint, audience, body)
    VALUES (message_id, CASE WHEN alone THEN w[1].alert END, CASE WHEN alone THEN w[1].transition END, type,
            (SELECT CASE count(DISTINCT x.rule) WHEN 1 THEN min(x.rule) ELSE '*' END FROM unnest(w) x),
            CASE WHEN alone OR cardinality(places) = 1 THEN units[1] ELSE root_unit() END, CASE WHEN alone THEN units ELSE places END,
            w[1].endpoint, w[1].audience, body)
    RETURNING id INTO number;
    INSERT INTO alert_told (delivery, alert, transition, type, endpoint, audience, letter, counted, at)
    SELECT number, x.alert, x.transition, x.type, x.endpoint, x.audience, x.letter,
           x.urgency <> 'urgent' AND NOT (SELECT sorts_itself(e.kind) FROM endpoint e WHERE e.endpoint = x.endpoint), at
    FROM unnest(w) x;
    RETURN number;
END
$$;
COMMENT ON FUNCTION @extschema@.queue_message(@extschema@.waiting_notice[], text, text, text[], text, timestamptz) IS
'Puts a message that tells these notices into the outbox, and notes what was told. Returns the delivery''s number.';

-- What a message says where its principal has had all messages of the day.
CREATE FUNCTION @extschema@.budget_note(principal text, at timestamptz)
RETURNS jsonb LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT jsonb_build_object('messages_per_day', (s.a).messages_per_day,
                              'rest_at', iso_time(quiet_until(s.a, s.zone, (attention_day(s.a, s.zone, budget_note.at)).until)))
    FROM attention_of(budget_note.principal) s
$$;
COMMENT ON FUNCTION @extschema@.budget_note(text, timestamptz) IS 'data.budget of the last message of a day: how many there are, and when the rest comes.';

CREATE FUNCTION @extschema@.write_alone(ids bigint[], at timestamptz)
RETURNS integer LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    one record;
    told record;
    l alert_log;
    message json;
    message_id text;
    written integer := 0;
BEGIN
    FOR one IN SELECT w.alert, w.transition, w.type, array_agg(DISTINCT w.audience) AS audiences
               FROM waiting_notice w WHERE w.id = ANY (ids) AND NOT w.listed GROUP BY w.alert, w.transition, w.type ORDER BY min(w.id) LOOP
        SELECT * INTO l FROM alert_log x WHERE x.id = one.alert;
        FOR told IN SELECT w, e.kind, m.body, m.units
                    FROM alert_message(l, one.type, one.audiences) m
                    JOIN waiting_notice w ON w.audience = m.audience AND w.id = ANY (ids) AND NOT w.listed AND (w.alert, w.transition) = (one.alert, one.transition)
                    JOIN endpoint e ON e.endpoint = w.endpoint
                    ORDER BY w.endpoint LOOP
            message_id := 'msg_' || replace(gen_random_uuid()::text, '-', '');
            message := told.body::json;
            IF (told.w).last OR (told.w).extra <> '{}' OR (told.w).urgency <> message #>> '{data,urgency}' THEN
                message := jsonb_set(message::jsonb, '{data}', message::jsonb -> 'data' || jsonb_build_object('urgency', (told.w).urgency) || (told.w).extra
                    || CASE WHEN (told.w).last THEN jsonb_build_object('budget', budget_note((told.w).audience, at)) ELSE '{}' END);
            END IF;
            PERFORM queue_message(ARRAY[told.w], message_id, one.type, told.units,
                                  endpoint_body(told.kind, message, (told.w).audience, message_id,
                                                message_links(message::jsonb -> 'data', (told.w).audience) || action_link(l, one.type, (told.w).audience)), at);
            written := written + 1;
        END LOOP;
    END LOOP;
    RETURN written;
END
$$;
COMMENT ON FUNCTION @extschema@.write_alone(bigint[], timestamptz) IS
'Writes the messages of those of these notices that come alone; what an alert says is worked out once for all who hear of it. Returns how many.';

CREATE FUNCTION @extschema@.list_entry(l @extschema@.alert_log, news text)
RETURNS json LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    about record;
    r rule;
BEGIN
    SELECT * INTO about FROM alert_about(l);
    SELECT * INTO r FROM rule x WHERE x.rule = l.rule;
    RETURN json_build_object('alert', l.id, 'news', news, 'rule', l.rule, 'urgency', r.urgency, 'state', l.state, 'kpi', about.kpi, 'unit', about.unit,
                             'kind', r.kind, 'value', short_number(l.value), 'compared', short_number(l.compared), 'direction', l.direction,
                             'level', l.level, 'since', iso_time(l.since), 'resolved_at', iso_time(l.resolved_at), 'record', about.record);
END
$$;
COMMENT ON FUNCTION @extschema@.list_entry(@extschema@.alert_log, text) IS 'An alert in a message that lists several; news: new, escalated, resolved or open.';

-- A list of notices of one endpoint. A digest adds what it told before and still fires. Of many alerts the first 50 stand in it.
CREATE FUNCTION @extschema@.write_list(w @extschema@.waiting_notice[], at timestamptz)
RETURNS bigint LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    why CONSTANT text := (SELECT CASE WHEN bool_or(x.reason = 'digest') THEN 'digest' WHEN bool_or(x.reason = 'budget') THEN 'budget'
                                      WHEN bool_or(x.reason IN ('quiet', 'silence')) THEN 'quiet' ELSE 'group' END FROM unnest(w) x);
    e CONSTANT endpoint := (SELECT x FROM endpoint x WHERE x.endpoint = w[1].endpoint);
    message_id CONSTANT text := 'msg_' || replace(gen_random_uuid()::text, '-', '');
    rules CONSTANT text[] := ARRAY(SELECT DISTINCT x.rule FROM unnest(w) x);
    type CONSTANT text := CASE WHEN why = 'group' THEN 'alerts.group' ELSE 'alerts.digest' END;
    still_open waiting_notice[];
    shown record;
    message jsonb;
BEGIN
    IF why = 'digest' THEN
        still_open := ARRAY(
            SELECT DISTINCT ON (t.alert)
                   ROW(0, t.alert, t.transition, 'alert.open', l.rule, t.endpoint, t.audience, 'low', '{}', 'digest', at, at, w[1].letter, true, false)::waiting_notice
            FROM alert_told t JOIN alert_log l ON l.id = t.alert
            WHERE t.endpoint = e.endpoint AND t.type IN ('alert.firing', 'alert.escalated') AND l.state IN ('firing', 'acknowledged', 'held')
              AND NOT EXISTS (SELECT FROM unnest(w) x WHERE x.alert = t.alert) AND audience_may_hear(l, t.audience, ARRAY[l.unit])
            ORDER BY t.alert, t.transition);
    END IF;
    SELECT count(*) AS total, count(*) FILTER (WHERE x.news IN ('new', 'escalated')) AS new, count(*) FILTER (WHERE x.news = 'resolved') AS resolved,
           count(*) FILTER (WHERE x.news = 'open') AS open, array_agg(x.unit ORDER BY x.n) AS units,
           json_agg(list_entry(x.l, x.news) ORDER BY x.n) FILTER (WHERE x.n <= 50) AS entries
    INTO shown
    FROM (SELECT l, l.unit, c.news, row_number() OVER (ORDER BY array_position('{escalated,new,resolved,open}', c.news), l.id) AS n
          FROM unnest(w || still_open) i JOIN alert_log l ON l.id = i.alert
          CROSS JOIN LATERAL (SELECT CASE WHEN i.type = 'alert.open' THEN 'open' WHEN l.state = 'resolved' THEN 'resolved'
                                               WHEN i.type = 'alert.escalated' THEN 'escalated' ELSE 'new' END AS news) c) x;
    message := jsonb_build_object('type', type, 'timestamp', iso_time(now()), 'data', jsonb_strip_nulls(jsonb_build_object(
        'reason', why, 'urgency', w[1].urgency, 'rule', CASE WHEN cardinality(rules) = 1 THEN rules[1] END, 'count', shown.total,
        'new', shown.new, 'resolved', shown.resolved, 'open', shown.open, 'budget', CASE WHEN w[1].last THEN budget_note(w[1].audience, at) END))
        || jsonb_build_object('alerts', shown.entries));
    RETURN queue_message(w || still_open, message_id, type, shown.units,
                         endpoint_body(e.kind, message::json, w[1].audience, message_id,
                                       jsonb_strip_nulls(jsonb_build_object('report', link_to('report', jsonb_build_object('principal', w[1].audience))))), at);
END
$$;
COMMENT ON FUNCTION @extschema@.write_list(@extschema@.waiting_notice[], timestamptz) IS
'Writes one message that lists these notices of an endpoint, those of a digest with what still fires. Returns the delivery''s number.';

-- Each principal is held by one writer; what another holds is left to him, and to the next call.
CREATE FUNCTION @extschema@.write_due(rule text, max_rows integer, at timestamptz DEFAULT pg_catalog.now())
RETURNS integer LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE COST 10000
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    who text;
    ids bigint[] := '{}';
    list waiting_notice[];
    written integer;
BEGIN
    FOR who IN SELECT p.principal FROM principal p
               WHERE p.principal IN (SELECT w.audience FROM waiting_notice w
                                     WHERE w.due_at <= at AND (write_due.rule IS NULL OR w.rule = write_due.rule AND w.reason IS NULL))
               ORDER BY p.principal LIMIT max_rows FOR NO KEY UPDATE SKIP LOCKED LOOP
        ids := ids || settle_notices(who, rule, at);
    END LOOP;
    written := write_alone(ids, at);
    FOR list IN SELECT array_agg(w ORDER BY w.id) FROM waiting_notice w WHERE w.id = ANY (ids) AND w.listed
                GROUP BY w.endpoint, w.letter ORDER BY w.endpoint, w.letter LOOP
        PERFORM write_list(list, at);
        written := written + 1;
    END LOOP;
    DELETE FROM waiting_notice w WHERE w.id = ANY (ids);
    RETURN written;
END
$$;
COMMENT ON FUNCTION @extschema@.write_due(text, integer, timestamptz) IS
'Writes the messages that are due at an instant for up to max_rows principals; of one rule (not NULL) only what was not looked at yet. Returns how many.';

CREATE FUNCTION @extschema@.write_waiting(max_rows integer DEFAULT 100)
RETURNS integer LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE COST 10000
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM check_max_rows(max_rows);
    DELETE FROM alert_told t -- but for what still fires: its end is yet to be told
    USING (SELECT x.delivery, x.alert, x.transition FROM alert_told x LEFT JOIN alert_log l ON l.id = x.alert
           WHERE x.at < now() - make_interval(days => delivery_days()) AND coalesce(l.state, '') NOT IN ('firing', 'acknowledged', 'held')
           ORDER BY x.at LIMIT 1000) old
    WHERE (t.delivery, t.alert, t.transition) = (old.delivery, old.alert, old.transition);
    IF NOT EXISTS (SELECT FROM waiting_notice w WHERE w.due_at <= now()) THEN
        RETURN 0;
    END IF;
    DELETE FROM waiting_notice w WHERE w.due_at <= now() AND NOT EXISTS (SELECT FROM principal p WHERE p.principal = w.audience);
    RETURN write_due(NULL, max_rows);
END
$$;
COMMENT ON FUNCTION @extschema@.write_waiting(integer) IS
'For crmd: writes the messages that waited and are due, for up to max_rows principals; rights are asked now. What was told is forgotten as long after as '
'set_delivery_retention says. Returns how many messages were written.';

-- A list that may not be sent any more, since one of its alerts may not be seen, is written anew without it.
CREATE FUNCTION @extschema@.take_back(d @extschema@.delivery_queue)
RETURNS void LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    WITH untold AS (DELETE FROM alert_told t WHERE t.delivery = d.id RETURNING *)
    INSERT INTO waiting_notice (alert, transition, type, rule, endpoint, audience, urgency, reason, due_at, created_at)
    SELECT u.alert, u.transition, u.type, l.rule, u.endpoint, u.audience, CASE WHEN u.counted THEN coalesce(r.urgency, 'normal') ELSE 'urgent' END,
           CASE WHEN d.type = 'alerts.group' THEN 'group' ELSE 'quiet' END, now(), now()
    FROM untold u JOIN alert_log l ON l.id = u.alert LEFT JOIN rule r ON r.rule = l.rule
    WHERE u.type <> 'alert.open' AND audience_may_hear(l, u.audience, ARRAY[l.unit])
    ON CONFLICT DO NOTHING;
END
$$;
COMMENT ON FUNCTION @extschema@.take_back(@extschema@.delivery_queue) IS
'After a list was cancelled, since its audience lost a right: what may still be heard of it is told anew.';

CREATE VIEW @extschema@.waiting WITH (security_barrier) AS
SELECT w.id, w.alert, w.type, w.rule, l.unit, w.endpoint, w.audience, w.urgency, w.reason, w.due_at, w.created_at
FROM @extschema@.waiting_notice w JOIN @extschema@.alert_log l ON l.id = w.alert
WHERE @extschema@.may_see_alert(l.relation, l.record_key, l.unit);
COMMENT ON VIEW @extschema@.waiting IS
'what is to be told and waits, on units whose numbers the caller may see: reason group, quiet, budget, digest or silence, and until when';
GRANT SELECT ON @extschema@.waiting TO PUBLIC;

SELECT @extschema@.set_audience('write_waiting(integer)', 'daemon');
