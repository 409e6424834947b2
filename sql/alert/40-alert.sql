-- Alerts and every change of their state. Rows are written by finish_rule and acknowledge alone.
CREATE TABLE @extschema@.alert_log (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rule            text NOT NULL,
    subject         text NOT NULL,
    kpi             text,
    unit            text NOT NULL,
    relation        pg_catalog.regclass,
    record_key      text,
    clock           text,
    due_at          timestamptz,
    state           text NOT NULL
                    CHECK (state IN ('pending', 'firing', 'acknowledged', 'held', 'resolved', 'lapsed')),
    value           numeric,
    numerator       numeric,
    denominator     numeric,
    compared        numeric,
    measured        numeric,
    goal            text,
    reason          text,
    level           numeric NOT NULL,
    direction       text NOT NULL,
    period_since    date NOT NULL,
    period_until    date NOT NULL,
    since           timestamptz NOT NULL,
    fired_at        timestamptz,
    resolved_at     timestamptz,
    acknowledged_at timestamptz,
    acknowledged_by text,
    comment         text,
    suppressed      text CHECK (suppressed IN ('silenced', 'inhibited')),
    escalate_at     timestamptz,
    hour            timestamptz
);
COMMENT ON TABLE @extschema@.alert_log IS 'alerts, one row from the first breach to the end';
COMMENT ON COLUMN @extschema@.alert_log.state IS 'pending: until hold_for is over; lapsed: over before that; firing, acknowledged; held: clear, until clear_for is over; resolved';
COMMENT ON COLUMN @extschema@.alert_log.suppressed IS 'why it was not sent so far: a silence, or an alert that inhibits it';
COMMENT ON COLUMN @extschema@.alert_log.relation IS 'of an alert about a record its table: only those who may read the record may know of it';
COMMENT ON COLUMN @extschema@.alert_log.compared IS 'what the value was compared with: the period before, what was expected or is usual, the target';
COMMENT ON COLUMN @extschema@.alert_log.measured IS 'what was held against the level';
COMMENT ON COLUMN @extschema@.alert_log.escalate_at IS 'when it is looked at whether somebody else is told, since nobody has answered';
COMMENT ON COLUMN @extschema@.alert_log.hour IS 'of a rule by the hour, when the hour that it judged began';
CREATE UNIQUE INDEX alert_log_open ON @extschema@.alert_log (rule, subject) WHERE state IN ('pending', 'firing', 'acknowledged', 'held');
CREATE INDEX alert_log_fired_at ON @extschema@.alert_log (rule, subject, fired_at);
CREATE INDEX alert_log_since ON @extschema@.alert_log (since);
CREATE INDEX alert_log_escalate_at ON @extschema@.alert_log (escalate_at) WHERE escalate_at IS NOT NULL;

CREATE TABLE @extschema@.alert_transition (
    rule        text NOT NULL,
    subject     text NOT NULL,
    transition  bigint NOT NULL,
    alert       bigint NOT NULL,
    from_state  text,
    to_state    text NOT NULL,
    at          timestamptz NOT NULL,
    value       numeric,
    numerator   numeric,
    denominator numeric,
    by          text,
    comment     text,
    PRIMARY KEY (rule, subject, transition)
);
COMMENT ON TABLE @extschema@.alert_transition IS 'every change of an alert''s state; by: the principal where a person did it';
CREATE INDEX alert_transition_alert ON @extschema@.alert_transition (alert);

-- By the model and by the SELECT privilege of the principal's role; a principal without a role (a channel, somebody with a token) is asked
-- of the model alone. What a team's own policies take away nobody can tell from outside, so then nobody may.
CREATE FUNCTION @extschema@.may_read_record(principal text, relation pg_catalog.regclass, record_key text, unit text)
RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL UNSAFE COST 10000
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    who principal;
    plan protection;
    facts jsonb;
    c record;
BEGIN
    SELECT * INTO who FROM principal p WHERE p.principal = may_read_record.principal;
    SELECT k.relrowsecurity, k.relnamespace INTO c FROM pg_class k WHERE k.oid = relation;
    IF who.principal IS NULL OR c.relnamespace IS NULL THEN
        RETURN false;
    ELSIF who.role_name IS NOT NULL
          AND NOT coalesce((SELECT has_schema_privilege(r.oid, c.relnamespace, 'USAGE') AND has_any_column_privilege(r.oid, relation::oid, 'SELECT')
                            FROM pg_roles r WHERE r.rolname = who.role_name), false) THEN
        RETURN false;
    END IF;
    SELECT * INTO plan FROM protection p WHERE p.relation = may_read_record.relation;
    IF plan.relation IS NULL THEN -- of a table that is not adopted any more the model knows nothing
        RETURN NOT c.relrowsecurity
           AND (who.role_name IS NOT NULL
                OR coalesce(principal_visible(who.principal, unit, (SELECT a.entity FROM adoption a WHERE a.relation = may_read_record.relation), 'read'), false));
    ELSIF EXISTS (SELECT FROM pg_policy y WHERE y.polrelid = relation AND y.polcmd = ANY ('{r,*}')
                  AND y.polname <> ALL ('{crm_select,crm_insert,crm_update,crm_delete}')) THEN
        RETURN false;
    END IF;
    facts := find_record(plan, record_key);
    RETURN facts IS NOT NULL AND coalesce(record_grants(plan, facts, 'read', who.principal), false);
END
$$;
COMMENT ON FUNCTION @extschema@.may_read_record IS 'Whether a principal may read a record now: for messages that name one. False for a record that is gone.';

CREATE FUNCTION @extschema@.may_see_alert(relation pg_catalog.regclass, record_key text, unit text)
RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL UNSAFE COST 10000
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF relation IS NULL THEN
        RETURN may_see_total(unit);
    END IF;
    PERFORM visible(unit, 'kpi', 'total'); -- without identity an error
    RETURN coalesce(may_administer(relation), false) OR may_read_record(current_principal(), relation, record_key, unit);
END
$$;
COMMENT ON FUNCTION @extschema@.may_see_alert IS
'Whether the caller may know of an alert: of one about a record by reading that, of others by the totals of the unit. Error RM101 without identity.';

CREATE FUNCTION @extschema@.audience_may_hear(l @extschema@.alert_log, audience text, units text[])
RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL UNSAFE COST 10000
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN CASE WHEN l.relation IS NULL THEN audience_may(audience, units) ELSE may_read_record(audience, l.relation, l.record_key, l.unit) END;
END
$$;
COMMENT ON FUNCTION @extschema@.audience_may_hear IS
'Whether an audience may be told of an alert now: of one about a record by reading that, of others by the totals of all these units.';

-- The row, locked, of an alert that the caller may see. Whether another exists is not told. The state of the rule is
-- locked first, in the order that finish_rule keeps.
CREATE FUNCTION @extschema@.lock_alert(id bigint)
RETURNS @extschema@.alert_log LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    found_alert alert_log;
BEGIN
    SELECT * INTO found_alert FROM alert_log l WHERE l.id = lock_alert.id;
    IF found_alert.id IS NULL OR NOT may_see_alert(found_alert.relation, found_alert.record_key, found_alert.unit) THEN
        RAISE EXCEPTION 'no alert % that you may see', coalesce(id::text, 'NULL')
            USING ERRCODE = 'RM001', HINT = 'SELECT id, rule, state FROM alert lists those that you may see.';
    END IF;
    PERFORM FROM rule_state s WHERE (s.rule, s.subject) = (found_alert.rule, found_alert.subject) FOR UPDATE;
    SELECT * INTO found_alert FROM alert_log l WHERE l.id = lock_alert.id FOR UPDATE;
    RETURN found_alert;
END
$$;
COMMENT ON FUNCTION @extschema@.lock_alert IS 'The row of an alert, locked; RM001 where it does not exist or the caller may not see its number.';

CREATE FUNCTION @extschema@.record_transition(
    alert @extschema@.alert_log, from_state text, by text DEFAULT NULL, comment text DEFAULT NULL)
RETURNS bigint LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    number bigint;
BEGIN
    UPDATE rule_state s SET transition = s.transition + 1
    WHERE (s.rule, s.subject) = (alert.rule, alert.subject) RETURNING s.transition INTO STRICT number;
    INSERT INTO alert_transition (rule, subject, transition, alert, from_state, to_state, at, value, numerator, denominator, by, comment)
    VALUES (alert.rule, alert.subject, number, alert.id, from_state, alert.state, now(),
            alert.value, alert.numerator, alert.denominator, by, comment);
    RETURN number;
END
$$;
COMMENT ON FUNCTION @extschema@.record_transition IS 'Writes the change of an alert''s state; returns its number within rule and subject.';

CREATE FUNCTION @extschema@.acknowledge(alert bigint, comment text DEFAULT NULL)
RETURNS text LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    a alert_log := lock_alert(alert);
    before text := a.state;
    who text := coalesce(current_principal(), caller()::text);
BEGIN
    IF a.state NOT IN ('firing', 'acknowledged', 'held') THEN
        RAISE EXCEPTION 'alert % does not fire', alert
            USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = format('Its state is %s.', a.state);
    END IF;
    UPDATE alert_log l
    SET state = CASE l.state WHEN 'held' THEN 'held' ELSE 'acknowledged' END, acknowledged_at = now(), acknowledged_by = who, escalate_at = NULL, comment = coalesce(acknowledge.comment, l.comment)
    WHERE l.id = alert RETURNING * INTO a;
    PERFORM record_transition(a, before, who, comment);
    RETURN a.state;
END
$$;
COMMENT ON FUNCTION @extschema@.acknowledge IS
$c$Says that somebody is on it: a firing alert becomes acknowledged, with who, when and a comment, until it resolves (a held one is noted so, and stays held).
For everybody who may see the number. Errors: RM001 no such alert, 55000 it does not fire.
Example: SELECT crm.acknowledge(12, 'two large deals slipped, see Monday''s call');$c$;
GRANT EXECUTE ON FUNCTION @extschema@.acknowledge TO PUBLIC;
