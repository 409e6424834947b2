-- What of alerts stands in a configuration document. Of a receiver it has the name of its section in crmd's own file, and nothing of that.
CREATE FUNCTION @extschema@.put_endpoint(
    key text, kind text, audience text, secret_ref text, description text DEFAULT NULL, retries interval[] DEFAULT NULL, max_age interval DEFAULT NULL,
    max_in_flight integer DEFAULT NULL, per_second numeric DEFAULT NULL, unanswered text DEFAULT NULL, breaker_after integer DEFAULT NULL,
    breaker_pause interval DEFAULT NULL, enabled boolean DEFAULT true)
RETURNS void LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    PERFORM create_endpoint(key, kind, audience, secret_ref, description);
    PERFORM set_delivery_policy(key, retries, max_age, max_in_flight, per_second, unanswered, breaker_after, breaker_pause);
    IF NOT enabled THEN
        PERFORM enable_endpoint(key, false);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.put_endpoint IS 'put of the section endpoints: create_endpoint, set_delivery_policy and enable_endpoint in one.';
SELECT @extschema@.set_audience('put_endpoint(text, text, text, text, text, interval[], interval, integer, numeric, text, integer, interval, boolean)', 'internal');

CREATE FUNCTION @extschema@.change_endpoint(present jsonb, wanted jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    other CONSTANT jsonb := config_difference(present, wanted);
BEGIN
    IF other ?| '{kind,audience,secret_ref}' THEN -- messages that wait were written for whom it was
        PERFORM refuse_change(present, wanted);
    END IF;
    IF other ? 'description' THEN
        UPDATE endpoint e SET description = wanted ->> 'description' WHERE e.endpoint = present ->> 'key';
    END IF;
    IF other - '{enabled,description}'::text[] <> '{}' THEN
        PERFORM config_call('set_delivery_policy', wanted);
    END IF;
    IF other ? 'enabled' THEN
        PERFORM enable_endpoint(present ->> 'key', (wanted ->> 'enabled')::boolean);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.change_endpoint(jsonb, jsonb) IS 'change of the section endpoints: how messages are sent, and whether; what is said of one.';
SELECT @extschema@.set_audience('change_endpoint(jsonb, jsonb)', 'internal');

INSERT INTO @extschema@.config_section (section, room, "position", key, entries, put, change, remove) VALUES
    ('link_templates', 'alert', 500, '{target}', 'SELECT target, template, template LIKE ''http:%'' AS allow_http FROM link_template', 'set_link_template', NULL,
     'set_link_template($1 ->> ''target'', NULL)'),
    ('delivery_retention', 'alert', 510, '{}', 'SELECT days FROM alert_retention WHERE item = ''finished deliveries''', 'set_delivery_retention', NULL, NULL),
    ('alert_retention', 'alert', 515, '{}', 'SELECT days FROM alert_retention WHERE item = ''alerts''', 'set_alert_retention', NULL, NULL),
    ('endpoints', 'alert', 520, '{key}', $q$
        SELECT endpoint AS key, kind, audience, secret_ref, description, retries, max_age, max_in_flight, per_second, unanswered, breaker_after, breaker_pause,
               enabled FROM endpoint$q$, 'put_endpoint', 'change_endpoint($1, $2)', 'remove_endpoint($1 ->> ''key'')'),
    ('rules', 'alert', 530, '{key}', $q$
        SELECT t.rule AS key, t.kind, t.kpi, t.sla, t.handover, t.warn_before, t.condition, t.unit, t.scope, t.period, t.grain, t.measure, t.goal, t.direction,
               t.fire_level, t.clear_level, t.hold_for, t.clear_for, t.flap_limit, t.flap_within, t.inhibited_by, t.every, t.min_denominator, t.min_base,
               t.urgency, t.description
        FROM rule r, rule_as_told(r) t$q$, 'create_rule',
     'change_rule($1 ->> ''key'', (SELECT jsonb_object_agg(d.key, d.value -> 1) FROM jsonb_each(config_difference($1, $2)) d))', 'remove_rule($1 ->> ''key'')'),
    ('disabled_rules', 'alert', 540, '{key}', 'SELECT rule AS key, enabled FROM rule WHERE NOT enabled', 'enable_rule', NULL, 'enable_rule($1 ->> ''key'', true)'),
    ('escalations', 'alert', 545, '{rule,after}', 'SELECT rule, after, principal, role FROM escalation', 'set_escalation', NULL,
     'set_escalation($1 ->> ''rule'', ($1 ->> ''after'')::interval)'),
    ('report_readers', 'alert', 560, '{principal}', 'SELECT principal FROM report_reader', 'allow_report', NULL, 'allow_report($1 ->> ''principal'', false)'),
    ('subscriptions', 'alert', 550, '{principal,endpoint,role,members_of,rule,kpi,unit}', 'SELECT principal, endpoint, role, members_of, rule, kpi, unit FROM subscription', 'subscribe', NULL,
     $q$unsubscribe(s.subscription) FROM subscription s WHERE (s.principal, s.endpoint, s.role, s.members_of, s.rule, s.kpi, s.unit)
        IS NOT DISTINCT FROM ($1 ->> 'principal', $1 ->> 'endpoint', $1 ->> 'role', $1 ->> 'members_of', $1 ->> 'rule', $1 ->> 'kpi', $1 ->> 'unit')$q$),
    ('attention', 'alert', 570, '{principal}', $q$
        SELECT principal, messages_per_day, to_char(quiet_from, 'HH24:MI') || '-' || to_char(quiet_until, 'HH24:MI') AS quiet, quiet_days, digest, digest_at, group_for, group_from
        FROM attention$q$, 'set_attention', NULL, 'set_attention($1 ->> ''principal'')');
