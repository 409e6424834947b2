\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set world :srcdir '/alert_world.sql'
\i :world
-- The outbox: who gets a message, retries, rights at the moment of sending, replay.
SELECT crm.create_endpoint('anna-chat', 'webhook', 'anna', 'anna-chat');
SELECT crm.create_endpoint('ben-chat', 'webhook', 'ben', 'ben-chat', retries => '{10 seconds, 20 seconds}');
SELECT * FROM crm.endpoint_section();
SELECT crm.create_rule('all-low', 'win_rate', fire_level => 0.3);
SELECT crm.create_rule('apac-low', 'win_rate', unit => 'apac', fire_level => 0.3);

-- Anna hears of everything under acme; Ben asks for the same, but may see the numbers of apac only
SELECT crm.subscribe(principal => 'anna', unit => 'acme') AS one, crm.subscribe(principal => 'anna', unit => 'acme') AS same;
SELECT crm.subscribe(endpoint => 'ben-chat');
SELECT set_deals('emea', 0, 10), set_deals('apac', 1, 9);
SELECT * FROM pass();
SELECT id, rule, unit, endpoint, audience, state FROM crm.delivery ORDER BY rule, endpoint;

-- a lease keeps others away; when it runs out, the delivery has another epoch and the first answer counts for nothing
SELECT id, epoch, endpoint, kind, secret_ref, attempt FROM crm.claim_deliveries('one', 2, '1 minute') ORDER BY id;
SELECT id, epoch FROM crm.claim_deliveries('two', 10, '1 minute') ORDER BY id;
SELECT id, epoch FROM crm.claim_deliveries('two', 10, '1 minute') ORDER BY id;
UPDATE crm.delivery_queue SET next_at = now() - interval '1 second' WHERE id = 1;
SELECT id, epoch, attempt FROM crm.claim_deliveries('two', 10, '1 minute') ORDER BY id;
SELECT crm.finish_deliveries('[{"id": 1, "epoch": 1, "outcome": "delivered"}, {"id": 99, "epoch": 1, "outcome": "delivered"}]');
SELECT id, state FROM crm.delivery WHERE id = 1;
SELECT crm.finish_deliveries('[{"id": 2, "epoch": 1, "outcome": "delivered", "status": 204},
                               {"id": 1, "epoch": 2, "outcome": "delivered", "status": 200}]');
SELECT crm.finish_deliveries('[{"id": 1, "epoch": 2, "outcome": "delivered", "status": 200}]');
SELECT * FROM box;
SELECT delivery, epoch, attempt, worker, outcome, status FROM crm.delivery_attempt ORDER BY 1, 2;

-- retries: as the endpoint lists them, up to a fifth more, the same each time; after the last there is none
SELECT retries FROM crm.endpoint WHERE endpoint = 'anna-chat';
SELECT a AS attempt, e.retries[a] AS listed, crm.retry_delay(3, a, e.retries) BETWEEN e.retries[a] AND e.retries[a] * 1.2 AS in_bounds
FROM crm.endpoint e, unnest(ARRAY[1, 2, 3, 9, 10]) a WHERE e.endpoint = 'anna-chat';
SELECT count(DISTINCT crm.retry_delay(id, 1, '{10 seconds}')) > 90 AS spread FROM generate_series(1, 100) id;
SELECT crm.finish_deliveries('[{"id": 3, "epoch": 1, "outcome": "retry", "status": 500, "detail": "HTTP 500"}]');
SELECT state, attempt, detail, next_at - now() BETWEEN '9 seconds' AND '12 seconds' AS in_ten_seconds FROM crm.delivery WHERE id = 3;
SELECT count(*) FROM crm.claim_deliveries('one', 10, '1 minute');
SELECT * FROM send('retry', 'HTTP 500');
SELECT next_at - now() BETWEEN '19 seconds' AND '24 seconds' AS in_twenty FROM crm.delivery WHERE id = 3;
SELECT * FROM send('retry', 'HTTP 503');
SELECT * FROM box WHERE id = 3;
SELECT item, state, amount, detail, hint FROM crm.status WHERE item = 'deliveries dead';

-- replayed with the same message id and body
SELECT message_id AS before FROM crm.delivery WHERE id = 3 \gset
SELECT crm.replay_delivery(3) = :'before' AS same_id;
SELECT state, attempt, replays, detail FROM crm.delivery WHERE id = 3;
SELECT crm.replay_delivery(3) = :'before' AS due_at_once;
SELECT count(*) AS claimed, bool_and(message_id = :'before') AS same_id FROM crm.claim_deliveries('one', 10, '1 minute');
\set VERBOSITY terse
SELECT crm.replay_delivery(3);
\set VERBOSITY default
SELECT crm.finish_deliveries('[{"id": 3, "epoch": 4, "outcome": "dead", "status": 410, "detail": "HTTP 410"}]');
SELECT id, state, attempt, replays, detail FROM crm.delivery WHERE id = 3;
SELECT attempt, outcome, status, detail FROM crm.delivery_attempt WHERE delivery = 3 ORDER BY epoch;

-- a receiver says when to come back: later than our own delay, at most a day
SELECT crm.replay_delivery(2) IS NOT NULL AS replayed;
SELECT crm.finish_deliveries(jsonb_build_array(jsonb_build_object('id', id, 'epoch', epoch, 'outcome', 'retry', 'status', 429, 'retry_after_ms', 600000)))
FROM crm.claim_deliveries('one', 10, '1 minute');
SELECT next_at - now() BETWEEN '599 seconds' AND '600 seconds' AS in_ten_minutes FROM crm.delivery WHERE id = 2;
-- and nothing else goes there until then, unless somebody says so
SELECT endpoint, failures, paused_until - now() BETWEEN '599 seconds' AND '600 seconds' AS for_ten_minutes
FROM crm.endpoint_state WHERE paused_until IS NOT NULL;
SELECT state, amount, detail LIKE 'anna-chat until %, failures in a row: 1' AS told, hint FROM crm.status WHERE item = 'endpoints resting';
SELECT * FROM send('delivered');
SELECT crm.enable_endpoint('anna-chat');
SELECT state, amount, detail FROM crm.status WHERE item = 'endpoints resting';

-- rights that were lost between writing and sending: cancelled; given back, it can be replayed
UPDATE crm.delivery_queue SET next_at = now() WHERE id = 2;
SELECT set_deals('apac', 9, 1), set_deals('emea', 9, 1);
SELECT * FROM pass();
SELECT id, rule, endpoint FROM crm.delivery WHERE state = 'pending' ORDER BY id;
SELECT crm.remove_member('ben', 'apac');
SELECT * FROM send('delivered');
SELECT * FROM box;
SELECT crm.add_member('ben', 'apac', 'watch') IS NOT NULL AS back, crm.replay_delivery(6) IS NOT NULL AS replayed;
SELECT * FROM send('delivered');

-- the body breaks the number down by units: every one of them must still be visible
SELECT set_deals('emea', 8, 2, 8), set_deals('apac', 8, 2, 8); -- the seven days before
SELECT set_deals('emea', 0, 10), set_deals('apac', 1, 9);
SELECT * FROM pass();
SELECT rule, unit, endpoint, units, body::json #> '{data,caused_by}' AS caused_by FROM crm.delivery_queue ORDER BY id;
SELECT crm.remove_member('anna', 'acme'), crm.create_role('watch-top'), crm.grant_privilege('watch-top', 'kpi', 'total', 'unit');
SELECT crm.add_member('anna', 'acme', 'watch-top') IS NOT NULL AS only_the_whole;
SELECT * FROM send('delivered');
SELECT id, unit, endpoint, state, detail FROM crm.delivery WHERE alert > 2 ORDER BY id;
SELECT crm.remove_member('anna', 'acme'), crm.add_member('anna', 'acme', 'watch') IS NOT NULL AS everything;
SELECT set_deals('emea', 9, 1), set_deals('apac', 9, 1);
SELECT * FROM pass();
SELECT * FROM send('delivered');

-- an endpoint switched off, a message too old, an attempt that never came back
SELECT set_deals('apac', 0, 10), set_deals('emea', 0, 10);
SELECT * FROM pass();
UPDATE crm.delivery_queue SET queued_at = now() - interval '4 days' WHERE id = (SELECT min(id) FROM crm.delivery_queue);
UPDATE crm.delivery_queue SET attempt = 30 WHERE id = (SELECT max(id) FROM crm.delivery_queue);
SELECT * FROM send('delivered');
SELECT crm.replay_delivery(id) IS NOT NULL AS replayed FROM crm.delivery WHERE state = 'expired';
SELECT crm.enable_endpoint('anna-chat', false);
SELECT * FROM send('delivered');
SELECT * FROM box WHERE alert > 4;

-- input that makes no sense
SELECT crm.finish_deliveries('{"id": 1}');
SELECT crm.finish_deliveries(NULL);
SELECT crm.finish_deliveries('[{"id": 1, "epoch": 1, "outcome": "lost"}]');
SELECT * FROM crm.claim_deliveries('', 1, '1 minute');
SELECT * FROM crm.claim_deliveries('w', 0, '1 minute');
SELECT * FROM crm.claim_deliveries('w', 1, '0');
SELECT crm.replay_delivery(4711);
\set QUIET on
DROP OWNED BY regress_alert_anna, regress_alert_ben;
DROP ROLE regress_alert_anna, regress_alert_ben;
