-- What is dumped, and who may call what.
SELECT pg_catalog.pg_extension_config_dump('@extschema@.endpoint', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.rule', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.rule_schedule', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.rule_state', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.subscription', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.subscription_subscription_seq', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.silence', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.silence_silence_seq', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.alert_log', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.alert_log_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.alert_transition', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.delivery_queue', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.delivery_queue_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.delivery_history', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.delivery_attempt', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.alert_retention', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.daemon', '');

SELECT @extschema@.set_audience(f.signature, f.audience)
FROM (VALUES
    ('create_endpoint(text, text, text, text, text, interval[], interval)', 'admin'),
    ('set_delivery_policy(text, interval[], interval, integer, numeric, text, integer, interval)', 'admin'),
    ('remove_endpoint(text)', 'admin'),
    ('add_endpoint_state()', 'internal'),
    ('set_delivery_retention(integer)', 'admin'),
    ('enable_endpoint(text, boolean)', 'admin'),
    ('create_rule(text, text, text, text, text, text, numeric, numeric, interval, interval, numeric, text, text, text, text, text, text, text, numeric, interval, integer, interval, text[], interval, regprocedure, text, text)', 'admin'),
    ('enable_rule(text, boolean)', 'admin'),
    ('subscribe(text, text, text, text, text, text, text)', 'admin'),
    ('unsubscribe(bigint)', 'admin'),
    ('silence(timestamptz, text, text, text, text)', 'admin'),
    ('end_silence(bigint)', 'admin'),
    ('replay_delivery(bigint)', 'admin'),
    ('explain_alert(bigint, text)', 'admin'),
    ('backtest_rule(text, date, date)', 'admin'),
    ('claim_rules(text, integer, interval, boolean)', 'daemon'),
    ('finish_rule(text, bigint)', 'daemon'),
    ('fail_rule(text, bigint, text, integer)', 'daemon'),
    ('claim_deliveries(text, integer, interval)', 'daemon'),
    ('finish_deliveries(jsonb)', 'daemon'),
    ('forget_deliveries(integer)', 'daemon'),
    ('endpoint_section()', 'daemon'),
    ('daemon_beat(text, text)', 'daemon')) f (signature, audience);

INSERT INTO @extschema@.retention_item VALUES ('finished deliveries', 'set_delivery_retention'), ('alerts', 'set_alert_retention');
