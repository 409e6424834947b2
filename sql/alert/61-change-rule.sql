-- How a rule is changed and removed. What it no longer watches in that way ends, and whoever heard of it is told.
CREATE FUNCTION @extschema@.end_alerts(r @extschema@.rule, because text, of_subject text DEFAULT NULL)
RETURNS integer LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    seen rule_sight;
    ended integer := 0;
BEGIN
    r.clear_for := '0';
    r.flap_within := '0';
    FOR seen IN SELECT * FROM lost_sight(r, '{}') s WHERE of_subject IS NULL OR s.subject = of_subject LOOP
        seen.reason := because;
        PERFORM evaluate_subject(r, seen);
        ended := ended + 1;
    END LOOP;
    PERFORM write_due(r.rule, 1000000);
    RETURN ended;
END
$$;
COMMENT ON FUNCTION @extschema@.end_alerts IS 'Ends the open alerts of a rule (or only that of one subject) at once, with the numbers that they had; returns how many.';

-- A rule that is due again is evaluated under a new epoch: what is under way knows the old rule, and becomes stale.
CREATE FUNCTION @extschema@.rule_due(key text)
RETURNS void LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    UPDATE rule_schedule s SET epoch = s.epoch + 1, leased_by = NULL, leased_until = NULL, next_at = now(), failures = 0, took_ms = greatest(s.took_ms, 1000)
    WHERE s.rule = key;
END
$$;
COMMENT ON FUNCTION @extschema@.rule_due IS 'Makes a rule due at once; an evaluation that is under way becomes stale.';

CREATE FUNCTION @extschema@.lock_rule(key text)
RETURNS @extschema@.rule LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    r rule;
BEGIN
    PERFORM FROM rule_schedule s WHERE s.rule = key FOR UPDATE; -- first, in the order that finish_rule keeps
    SELECT * INTO r FROM rule x WHERE x.rule = key FOR UPDATE;
    IF r.rule IS NULL THEN
        PERFORM raise_unknown('rule', key, ARRAY(SELECT x.rule FROM rule x));
    END IF;
    RETURN r;
END
$$;
COMMENT ON FUNCTION @extschema@.lock_rule IS 'The rule of that key, locked against its evaluation; RM001 where there is none.';

CREATE FUNCTION @extschema@.rule_as_told(r @extschema@.rule)
RETURNS @extschema@.rule LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF r.kind IN ('warning', 'breach') THEN
        r.direction := NULL;
        r.fire_level := NULL;
        r.clear_level := NULL;
    ELSIF r.goal IS NOT NULL THEN
        r.kpi := NULL;
        r.unit := NULL;
    END IF;
    RETURN r;
END
$$;
COMMENT ON FUNCTION @extschema@.rule_as_told(@extschema@.rule) IS
'A rule without what complete_rule takes by itself and does not take from others: the levels of one on records, KPI and unit of one on a goal.';

CREATE FUNCTION @extschema@.change_rule(key text, changes jsonb)
RETURNS text LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    was CONSTANT rule := lock_rule(key);
    kept CONSTANT text[] := '{rule,enabled,created_at,created_by}';
    -- of whose change what it says of a thing is another fact
    meaning CONSTANT text[] := '{kind,kpi,sla,handover,condition,goal,measure,period,grain,direction,warn_before}';
    known text[];
    told jsonb := to_jsonb(rule_as_told(was));
    becomes rule;
BEGIN
    IF changes IS NULL OR jsonb_typeof(changes) <> 'object' THEN
        RAISE EXCEPTION 'the changes of rule "%" are not a JSON object', key
            USING ERRCODE = 'RM005', HINT = 'Write change_rule(''win-rate-low'', ''{"fire_level": 0.2}''), with the arguments of create_rule.';
    END IF;
    known := ARRAY(SELECT k FROM jsonb_object_keys(told) k WHERE k <> ALL (kept));
    PERFORM raise_unknown('rule argument', k, known) FROM jsonb_object_keys(changes) k WHERE k <> ALL (known);
    -- what complete_rule took by itself it takes again
    told := told || CASE WHEN changes ? 'kpi' THEN '{"direction": null}' ELSE '{}' END::jsonb
                 || CASE WHEN changes ? 'kind' THEN '{"direction": null, "fire_level": null, "clear_level": null, "measure": null, "grain": null}' ELSE '{}' END::jsonb
                 || CASE WHEN was.clear_level = was.fire_level THEN '{"clear_level": null}' ELSE '{}' END::jsonb
                 || CASE WHEN was.period IS NULL THEN '{"period": "last 7 days"}' ELSE '{}' END::jsonb;
    BEGIN
        becomes := jsonb_populate_record(was, told || changes);
    EXCEPTION WHEN data_exception OR invalid_text_representation THEN
        RAISE EXCEPTION 'a change of rule "%" is not what it should be: %', key, SQLERRM USING ERRCODE = 'RM005';
    END;
    IF becomes.condition IS DISTINCT FROM was.condition THEN
        becomes.condition := becomes.condition::regprocedure::text;
    END IF;
    becomes := complete_rule(becomes);
    IF EXISTS (SELECT FROM unnest(meaning) m WHERE to_jsonb(was) -> m IS DISTINCT FROM to_jsonb(becomes) -> m) THEN
        PERFORM end_alerts(was, 'the rule was changed');
    END IF;
    EXECUTE (SELECT format('UPDATE rule x SET (%s) = ROW (%s) WHERE x.rule = $2', string_agg(quote_ident(k), ', ' ORDER BY k),
                           string_agg('($1).' || quote_ident(k), ', ' ORDER BY k)) FROM unnest(known) k)
    USING becomes, key;
    PERFORM rule_due(key);
    RETURN key;
END
$$;
COMMENT ON FUNCTION @extschema@.change_rule IS
$c$Changes a rule: a JSON object with the arguments of create_rule that are to be others; the rest stays. With other levels or times what
fires is judged anew at once; a clear_level that was the fire_level stays that. Where what is watched is another thing (kind, kpi, period, goal ...) open alerts end and those who heard of
them are told so. Returns the key. Errors: RM001 (no such rule, argument, KPI ...), RM005.
Example: SELECT crm.change_rule('win-rate-low', '{"fire_level": 0.2, "hold_for": "2 days"}');$c$;

CREATE FUNCTION @extschema@.remove_rule(key text)
RETURNS integer LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    was CONSTANT rule := lock_rule(key);
    ended CONSTANT integer := end_alerts(was, 'the rule was removed');
BEGIN
    UPDATE rule x SET inhibited_by = array_remove(x.inhibited_by, key) WHERE x.rule <> key AND key = ANY (x.inhibited_by);
    DELETE FROM rule x WHERE x.rule = key;
    RETURN ended;
END
$$;
COMMENT ON FUNCTION @extschema@.remove_rule IS
'Removes a rule with its subscriptions and silences; other rules are not inhibited by it any more. Its open alerts end, and those who heard '
'of them are told so; what happened stays in alert and delivery. Returns how many alerts ended. Errors: RM001. '
'Example: SELECT crm.remove_rule(''win-rate-low'');';

SELECT @extschema@.set_audience(f.signature, f.audience)
FROM (VALUES ('change_rule(text, jsonb)', 'admin'), ('remove_rule(text)', 'admin')) f (signature, audience);
