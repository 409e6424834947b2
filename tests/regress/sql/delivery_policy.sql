\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set world :srcdir '/alert_world.sql'
\i :world
-- How messages are shared out and given up: places of an endpoint, one of an alert at a time, limits, rests, policies.
SELECT crm.create_endpoint(e, 'webhook', 'anna', e) FROM unnest(ARRAY['busy', 'calm', 'slow']) e;
CREATE FUNCTION queue(endpoint text, alerts int[], transition int DEFAULT 1) RETURNS void LANGUAGE sql AS $$
    INSERT INTO crm.delivery_queue (message_id, alert, transition, type, rule, unit, units, endpoint, audience, body, next_at)
    SELECT format('msg_%s_%s_%s', queue.endpoint, a, queue.transition), a, queue.transition, 'alert.firing', 'r', 'emea', '{emea}',
           queue.endpoint, 'anna', '{}', now() - interval '1 hour' + a * interval '1 second'
    FROM unnest(alerts) a
$$;
-- claims and says what was claimed, by endpoint
CREATE FUNCTION claim(max_rows int DEFAULT 100) RETURNS TABLE (endpoint text, messages text) LANGUAGE sql AS $$
    SELECT c.endpoint, string_agg(substr(c.message_id, length(c.endpoint) + 6), ' ' ORDER BY c.id)
    FROM crm.claim_deliveries('one', max_rows, '1 minute') c GROUP BY c.endpoint ORDER BY 1
$$;
-- answers everything that is leased, or what is named
CREATE FUNCTION answer(outcome text, endpoint text DEFAULT NULL, status int DEFAULT NULL, retry_after_ms bigint DEFAULT NULL) RETURNS int LANGUAGE sql AS $$
    SELECT crm.finish_deliveries(coalesce(jsonb_agg(jsonb_build_object('id', q.id, 'epoch', q.epoch, 'outcome', answer.outcome, 'status', answer.status,
                                                                       'detail', answer.outcome, 'retry_after_ms', answer.retry_after_ms)), '[]'))
    FROM crm.delivery_queue q WHERE q.state = 'leased' AND (answer.endpoint IS NULL OR q.endpoint = answer.endpoint)
$$;
CREATE FUNCTION due() RETURNS void LANGUAGE sql AS $$ UPDATE crm.delivery_queue SET next_at = now() - interval '1 second' WHERE state = 'pending' $$;

-- a hundred of busy's wait longer than calm's one: each endpoint gets its turn, and busy no more than its places
SELECT queue('busy', array_agg(n)) FROM generate_series(1, 100) n;
SELECT queue('calm', '{500}');
SELECT * FROM claim(4);
SELECT endpoint, length(messages) - length(replace(messages, ' ', '')) + 1 AS messages FROM claim();
SELECT * FROM claim();
SELECT answer('delivered', 'calm') AS calm, answer('delivered', 'busy') AS busy;
SELECT crm.set_delivery_policy('busy', max_in_flight => 2);
SELECT * FROM claim();
SELECT answer('delivered');

-- one of an alert at a time; the newer waits for the one under way, and ends what still waits
DELETE FROM crm.delivery_queue;
SELECT queue('calm', '{1}', 1);
SELECT * FROM claim();
SELECT queue('calm', '{1}', 2);
SELECT * FROM claim();
SELECT answer('retry');
SELECT crm.enable_endpoint('calm');
SELECT * FROM claim();
SELECT message_id, state, attempt, detail FROM crm.delivery WHERE alert = 1 AND endpoint = 'calm' ORDER BY id;
SELECT answer('delivered');

-- so many a second: what one second allows at once, then evenly
SELECT crm.set_delivery_policy('slow', per_second => 3);
SELECT queue('slow', array_agg(n)) FROM generate_series(1, 9) n;
SELECT * FROM claim();
SELECT answer('delivered');
SELECT crm.set_delivery_policy('slow', per_second => 0.001);
UPDATE crm.endpoint_state SET paid_until = now() WHERE endpoint = 'slow';
SELECT * FROM claim();
SELECT answer('delivered');
SELECT * FROM claim();
UPDATE crm.endpoint_state SET paid_until = paid_until - interval '1000 seconds' WHERE endpoint = 'slow';
SELECT * FROM claim();
SELECT answer('delivered');
SELECT crm.set_delivery_policy('slow', per_second => 0);
SELECT * FROM claim();
SELECT answer('delivered');

-- five failures in a row and it rests; then one goes ahead
SELECT queue('busy', array_agg(n)) FROM generate_series(201, 220) n;
SELECT crm.set_delivery_policy('busy', max_in_flight => 10, breaker_pause => '1 minute', retries => '{1 hour, 1 hour, 1 hour}');
SELECT * FROM claim();
SELECT answer('retry', status => 503);
SELECT failures, paused_until - now() BETWEEN '50 seconds' AND '72 seconds' AS a_minute FROM crm.endpoint_state WHERE endpoint = 'busy';
SELECT * FROM claim();
UPDATE crm.endpoint_state SET paused_until = now();
SELECT * FROM claim();
SELECT answer('unanswered');
SELECT failures, paused_until - now() BETWEEN '110 seconds' AND '144 seconds' AS two_minutes FROM crm.endpoint_state WHERE endpoint = 'busy';
UPDATE crm.endpoint_state SET paused_until = now();
SELECT * FROM claim();
SELECT answer('delivered', status => 200);
SELECT failures, paused_until FROM crm.endpoint_state WHERE endpoint = 'busy';
SELECT * FROM claim();
SELECT answer('delivered');
-- a rest is at most ten minutes, and what was refused is no failure of the endpoint
UPDATE crm.endpoint_state SET failures = 40 WHERE endpoint = 'busy';
SELECT due();
SELECT * FROM claim();
SELECT answer('retry');
SELECT failures, paused_until - now() BETWEEN '590 seconds' AND '12 minutes' AS ten_minutes FROM crm.endpoint_state WHERE endpoint = 'busy';
DELETE FROM crm.delivery_queue;
SELECT crm.enable_endpoint('busy');

-- refused: once more, then dead
SELECT queue('calm', '{2}');
SELECT * FROM claim();
SELECT answer('refused', status => 404);
SELECT state, attempt FROM crm.delivery WHERE alert = 2;
SELECT due();
SELECT * FROM claim();
SELECT answer('refused', status => 404);
SELECT state, attempt, detail FROM crm.delivery WHERE alert = 2;

-- sent and not answered: again, or held
SELECT queue('calm', '{3}');
SELECT fresh, attempt FROM crm.claim_deliveries('one', 1, '1 minute');
SELECT answer('unanswered'), due();
SELECT fresh, attempt FROM crm.claim_deliveries('one', 1, '1 minute');
SELECT answer('delivered');
SELECT crm.set_delivery_policy('calm', unanswered => 'hold');
SELECT queue('calm', '{4, 5}');
SELECT fresh, attempt FROM crm.claim_deliveries('one', 2, '1 minute');
SELECT crm.finish_deliveries(jsonb_build_array(jsonb_build_object('id', id, 'epoch', 1, 'outcome', 'unanswered', 'detail', 'timed out')))
FROM crm.delivery WHERE alert = 4;
UPDATE crm.delivery_queue SET next_at = now() WHERE alert = 5;
SELECT * FROM claim();
SELECT alert, state, detail FROM crm.delivery WHERE alert IN (4, 5) AND endpoint = 'calm' AND state = 'dead' ORDER BY alert;
SELECT crm.replay_delivery(id) = message_id AS same_id FROM crm.delivery WHERE alert = 4 AND endpoint = 'calm' AND state = 'dead';
SELECT fresh, attempt FROM crm.claim_deliveries('one', 2, '1 minute');
SELECT answer('delivered');

-- gone: dead, and the endpoint is switched off with all that waits, until somebody switches it on
SELECT queue('slow', '{6, 7}');
SELECT count(*) FROM crm.claim_deliveries('one', 1, '1 minute');
SELECT answer('gone', status => 410);
SELECT enabled, disabled_because FROM crm.endpoint WHERE endpoint = 'slow';
SELECT state, amount, detail, hint FROM crm.status WHERE item = 'endpoints switched off';
SELECT * FROM claim();
SELECT alert, state, detail FROM crm.delivery WHERE alert IN (6, 7) AND endpoint = 'slow' AND state <> 'delivered' ORDER BY alert;
SELECT crm.enable_endpoint('slow');
SELECT enabled, disabled_because FROM crm.endpoint WHERE endpoint = 'slow';

-- a removed endpoint: what waits and what is being sent ends as cancelled, an answer that comes later counts for nothing
SELECT queue('slow', '{8, 9}');
SELECT count(*) FROM crm.claim_deliveries('one', 1, '1 minute');
SELECT id AS flying FROM crm.delivery_queue WHERE state = 'leased' \gset
SELECT crm.remove_endpoint('slow');
SELECT crm.finish_deliveries(jsonb_build_array(jsonb_build_object('id', :flying, 'epoch', 1, 'outcome', 'delivered')));
SELECT alert, state, detail FROM crm.delivery WHERE alert IN (8, 9) AND endpoint = 'slow' AND state <> 'delivered' ORDER BY alert;
SELECT crm.replay_delivery(:flying);
SELECT count(*) FROM crm.endpoint_state WHERE endpoint = 'slow';

-- the history: kept so many days, deleted day by day from the oldest
DELETE FROM crm.delivery_attempt; DELETE FROM crm.delivery_history; DELETE FROM crm.delivery_queue;
SELECT queue('busy', '{11, 12, 13, 14, 15}');
SELECT * FROM claim();
SELECT answer('delivered');
UPDATE crm.delivery_history SET finished_at = date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' - (alert - 11) * interval '20 days' - interval '1 second';
SELECT amount, detail FROM crm.status WHERE item IN ('deliveries finished', 'delivery attempts') ORDER BY item;
SELECT crm.forget_deliveries();
SELECT crm.set_delivery_retention(30);
SELECT state, amount, detail, hint FROM crm.status WHERE item = 'deliveries finished';
SELECT crm.forget_deliveries() AS oldest_day, crm.forget_deliveries() AS next_day, crm.forget_deliveries() AS third, crm.forget_deliveries() AS none;
SELECT state, amount FROM crm.status WHERE item IN ('deliveries finished', 'delivery attempts') ORDER BY item;

-- input that makes no sense
\set VERBOSITY terse
SELECT crm.set_delivery_policy('nobody');
SELECT crm.set_delivery_policy('busy', unanswered => 'holt');
SELECT crm.set_delivery_policy('busy', max_in_flight => 0);
SELECT crm.set_delivery_policy('busy', per_second => -1);
SELECT crm.set_delivery_policy('busy', retries => '{{1 s},{2 s}}');
SELECT crm.set_delivery_policy('busy', max_age => '40 days');
SELECT crm.set_delivery_retention(0);
SELECT crm.forget_deliveries(0);
SELECT crm.remove_endpoint('nobody');
\set VERBOSITY default
\set QUIET on
DROP OWNED BY regress_alert_anna, regress_alert_ben;
DROP ROLE regress_alert_anna, regress_alert_ben;
