-- Alerts about a record follow its row: into the one that it was merged into, and back. Who may read that one may know of them from then on.

-- An evaluation that read the rows as they were before would bring back what has moved: each waits for the other.
CREATE FUNCTION @extschema@.hold_record_rules(relation pg_catalog.regclass)
RETURNS void LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM adoption a WHERE a.relation = hold_record_rules.relation) THEN
        PERFORM FROM rule_schedule s
        WHERE EXISTS (SELECT FROM rule r WHERE r.rule = s.rule AND (r.sla IS NOT NULL OR r.handover IS NOT NULL)) ORDER BY s.rule FOR UPDATE;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.hold_record_rules(pg_catalog.regclass) IS
'Waits for evaluations of rules on records that are under way, and keeps others waiting until the end of the transaction.';

CREATE FUNCTION @extschema@.alerts_merging(relation pg_catalog.regclass, lose text[], keep text[])
RETURNS jsonb LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    PERFORM hold_record_rules(relation);
    RETURN (SELECT jsonb_agg(jsonb_build_object('alert', l.id, 'key', l.record_key, 'subject', l.subject) ORDER BY l.id)
            FROM alert_log l WHERE l.relation = alerts_merging.relation AND l.record_key = ANY (lose));
END
$$;
COMMENT ON FUNCTION @extschema@.alerts_merging(pg_catalog.regclass, text[], text[]) IS 'Before records are merged: the alerts about those that go.';

-- The subject of an alert is another from now on. Transitions that were keep their subject; the numbers go on above those of both.
CREATE FUNCTION @extschema@.move_alert(l @extschema@.alert_log, new_key text, new_subject text, comment text)
RETURNS void LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    open CONSTANT boolean := EXISTS (SELECT FROM rule_state s WHERE (s.rule, s.subject, s.alert) = (l.rule, l.subject, l.id));
BEGIN
    IF open AND EXISTS (SELECT FROM rule_state s WHERE (s.rule, s.subject) = (l.rule, new_subject) AND s.phase <> 'ok') THEN
        -- that one has an alert of its own, which goes on; this one ends, and is told to those who may read what is left
        UPDATE alert_log a SET record_key = new_key WHERE a.id = l.id;
        PERFORM end_alerts(x, comment, l.subject) FROM rule x WHERE x.rule = l.rule;
        UPDATE alert_log a SET subject = new_subject WHERE a.id = l.id;
        RETURN;
    END IF;
    UPDATE alert_log a SET record_key = new_key, subject = new_subject WHERE a.id = l.id RETURNING a.* INTO l;
    IF open THEN
        DELETE FROM rule_state s WHERE (s.rule, s.subject) = (l.rule, new_subject);
        UPDATE rule_state s
        SET subject = new_subject,
            transition = greatest(s.transition, (SELECT max(t.transition) FROM alert_transition t WHERE (t.rule, t.subject) = (l.rule, new_subject)))
        WHERE (s.rule, s.alert) = (l.rule, l.id);
        PERFORM record_transition(l, l.state, NULL, comment);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.move_alert(@extschema@.alert_log, text, text, text) IS
'Makes an alert about a record one about another, or ends it where that one has an open alert of the same rule and clock.';

CREATE FUNCTION @extschema@.alerts_merged(relation pg_catalog.regclass, lose text[], keep text[], held jsonb)
RETURNS void LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    moving record;
BEGIN
    FOR moving IN SELECT l AS alert, u.kept FROM unnest(lose, keep) u (gone, kept)
                  JOIN alert_log l ON l.relation = alerts_merged.relation AND l.record_key = u.gone ORDER BY l.id LOOP
        PERFORM move_alert(moving.alert, moving.kept, format('%s %s %s', relation, (moving.alert).clock, moving.kept),
                           format('its record was merged into %s', moving.kept));
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.alerts_merged(pg_catalog.regclass, text[], text[], jsonb) IS 'Alerts about records that were merged are about the record that was kept.';

-- Where a record stands by merges that were not taken back: merges are taken back in any order.
CREATE FUNCTION @extschema@.alert_places(relation pg_catalog.regclass, record_key text)
RETURNS SETOF text LANGUAGE sql STABLE PARALLEL SAFE ROWS 2 COST 1000
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    WITH RECURSIVE place (record_key) AS (
        SELECT $2
        UNION
        SELECT u.kept
        FROM place p
        JOIN merge_held h ON h.room = 'alert' AND h.relation = $1 AND p.record_key = ANY (h.lose)
        JOIN row_merge m ON m.merge_id = h.merge_id AND m.unmerged_at IS NULL
        CROSS JOIN LATERAL unnest(h.lose, h.keep) u (gone, kept)
        WHERE u.gone = p.record_key)
    SELECT p.record_key FROM place p
$$;
COMMENT ON FUNCTION @extschema@.alert_places(pg_catalog.regclass, text) IS 'The key of a record and those that it was merged into, one after the other, as far as that stands.';

CREATE FUNCTION @extschema@.alerts_unmerged(relation pg_catalog.regclass, lose text[], keep text[], held jsonb)
RETURNS void LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    returning_one record;
BEGIN
    PERFORM hold_record_rules(relation);
    FOR returning_one IN
        SELECT l AS alert, e.key, e.subject
        FROM jsonb_to_recordset(coalesce(nullif(held, 'null'), '[]')) e (alert bigint, key text, subject text)
        JOIN unnest(lose, keep) u (gone, kept) ON u.gone = e.key
        JOIN alert_log l ON l.id = e.alert AND l.relation = alerts_unmerged.relation
        WHERE l.record_key IN (SELECT alert_places(relation, u.kept)) ORDER BY l.id LOOP
        PERFORM move_alert(returning_one.alert, returning_one.key, returning_one.subject, format('record %s came back', returning_one.key));
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.alerts_unmerged(pg_catalog.regclass, text[], text[], jsonb) IS 'Alerts about records that a merge had removed are theirs again.';

SELECT @extschema@.set_audience(f.signature, 'internal')
FROM (VALUES ('hold_record_rules(regclass)'), ('alerts_merging(regclass, text[], text[])'), ('alerts_merged(regclass, text[], text[], jsonb)'),
             ('alerts_unmerged(regclass, text[], text[], jsonb)')) f (signature);
UPDATE @extschema@.follow_hook
SET merging = 'alerts_merging', merged = 'alerts_merged', unmerged = 'alerts_unmerged' WHERE room = 'alert';
