-- Alerts of random organisations: who may see one, hear of one, answer one. Foretold by the slow model from the tables of the organisation, then asked of everything
-- that shows alerts. KPIs are made up: what matters is whose numbers are told to whom.

CREATE TABLE oracle.alert_done (what text, mixed boolean);

-- The number of a unit is that of all below it.
CREATE FUNCTION oracle.may_total(asker text, units text[], at timestamptz) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT NOT EXISTS (SELECT FROM oracle.beneath b WHERE b.upper_unit = ANY (units)
                       AND b.lower_unit NOT IN (SELECT r.unit FROM oracle.reached(asker, 'kpi', at) r WHERE r.privilege = 'total'))
$$;

-- Alerts that a principal may know of, by the model alone.
CREATE FUNCTION oracle.foretold_alerts(asker text, at timestamptz) RETURNS bigint[] LANGUAGE plpgsql STABLE AS $$
DECLARE
    found_ids bigint[] := ARRAY(SELECT l.id FROM crm.alert_log l WHERE l.relation IS NULL AND oracle.may_total(asker, ARRAY[l.unit], at));
    subject oracle.subject;
    images jsonb;
    ids bigint[];
BEGIN
    FOR subject IN SELECT s.* FROM oracle.subject s WHERE s.key_column IS NOT NULL LOOP
        EXECUTE format('SELECT jsonb_agg(to_jsonb(t) ORDER BY l.id), array_agg(l.id ORDER BY l.id)
                        FROM crm.alert_log l JOIN %s t ON t.id::text = l.record_key WHERE l.relation = %L::regclass', subject.relation, subject.relation) INTO images, ids;
        found_ids := found_ids || ARRAY(SELECT ids[p.number] FROM oracle.passing(asker, subject.relation, '{read}', images, at) p);
    END LOOP;
    RETURN ARRAY(SELECT i FROM unnest(found_ids) i ORDER BY 1);
END
$$;

-- The owner of a table administers it, as long as nobody else acts through that role by a token.
CREATE FUNCTION oracle.owned_alerts(role text) RETURNS bigint[] LANGUAGE sql STABLE AS $$
    SELECT ARRAY(SELECT l.id FROM crm.alert_log l JOIN pg_class c ON c.oid = l.relation WHERE pg_get_userbyid(c.relowner) = role)
$$;

CREATE FUNCTION oracle.make_alerts(seed bigint) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    subject oracle.subject;
BEGIN
    DELETE FROM crm.delivery_queue;
    DELETE FROM crm.delivery_history;
    DELETE FROM crm.waiting_notice;
    DELETE FROM crm.alert_told;
    DELETE FROM crm.alert_transition;
    DELETE FROM crm.action;
    DELETE FROM crm.rule;
    DELETE FROM crm.alert_log;
    DELETE FROM crm.subscription;
    DELETE FROM crm.endpoint;
    -- rights on numbers, of which few organisations' roles have any yet
    INSERT INTO crm.role_privilege (role, object, privilege, depth)
    SELECT r.role, 'kpi', p.privilege, oracle.pick(ARRAY['unit', 'below', 'below', 'organisation'])
    FROM crm.role r, unnest('{total,read}'::text[]) p (privilege) WHERE oracle.chance(0.5) ON CONFLICT DO NOTHING;
    INSERT INTO crm.denial (principal, object, privilege, unit, denied_by)
    SELECT oracle.pick(ARRAY(SELECT p.principal FROM crm.principal p ORDER BY p.principal COLLATE "C")), 'kpi', oracle.pick(ARRAY['total', 'read']),
           oracle.pick(ARRAY(SELECT u.unit FROM crm.unit u WHERE u.parent IS NOT NULL ORDER BY u.unit COLLATE "C")), 'oracle'
    FROM generate_series(1, oracle.number(0, 4)) ON CONFLICT DO NOTHING;
    INSERT INTO crm.rule (rule, kind, kpi, unit, period, direction, fire_level, clear_level, hold_for, every, created_by)
    VALUES ('oracle', 'threshold', 'win_rate', 'Acme', 'last 7 days', 'below', 100, 100, '0', '1 minute', 'oracle'),
           ('record', 'breach', NULL, 'Acme', NULL, 'above', 0, 0, '0', '1 minute', 'oracle');
    INSERT INTO crm.endpoint (endpoint, kind, audience, secret_ref, retries, max_age, max_in_flight, created_by)
    SELECT p.principal, 'webhook', p.principal, p.principal, '{1 minute}', '1 day', 100000, 'oracle' FROM crm.principal p;
    INSERT INTO crm.subscription (endpoint, created_by) SELECT p.principal, 'oracle' FROM crm.principal p;
    INSERT INTO crm.alert_log (rule, subject, kpi, unit, state, value, numerator, denominator, level, direction, period_since, period_until, since, fired_at)
    SELECT 'oracle', u.unit, 'win_rate', u.unit, 'firing', 0.1, 1, 10, 100, 'below', '2026-01-01', '2026-01-07', now(), now() FROM crm.unit u;
    FOR subject IN SELECT s.* FROM oracle.subject s WHERE s.key_column IS NOT NULL ORDER BY s.relation LOOP -- others have no records that could be named
        EXECUTE format('INSERT INTO crm.alert_log (rule, subject, unit, state, level, direction, period_since, period_until, since, fired_at, relation, record_key, clock, due_at)
                        SELECT ''record'', ''%1$s clock '' || t.id, (SELECT u.unit FROM crm.unit u ORDER BY u.unit COLLATE "C" OFFSET t.n %% 5 LIMIT 1), ''firing'', 0, ''above'',
                               ''2026-01-01'', ''2026-01-01'', now(), now(), %1$L::regclass, t.id::text, ''clock'', now() FROM %1$s t WHERE t.n <= 14', subject.relation);
    END LOOP;
    INSERT INTO crm.rule_state (rule, subject, unit, phase, since, reading, alert, transition, evaluated_at)
    SELECT l.rule, l.subject, l.unit, 'firing', now(), 'breach', l.id, 1, now() FROM crm.alert_log l;
END
$$;

-- What a query of one bigint[] prints for a database role, or for the bearer of a principal's token; the SQLSTATE where it is an error.
CREATE FUNCTION oracle.ids_as(role text, bearer text, query text) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    printed text;
BEGIN
    BEGIN
        PERFORM set_config('crm.token', coalesce((SELECT t.token FROM oracle.token t WHERE t.principal = bearer), ''), true);
        PERFORM set_config('role', coalesce(role, 'none'), true);
        EXECUTE query INTO printed;
        PERFORM set_config('role', 'none', true);
        PERFORM set_config('crm.token', '', true);
        RAISE EXCEPTION SQLSTATE 'OR000'; -- what it did is taken back
    EXCEPTION WHEN SQLSTATE 'OR000' THEN NULL;
        WHEN OTHERS THEN printed := SQLSTATE;
    END;
    RETURN printed;
END
$$;

CREATE FUNCTION oracle.expect_alerts(seed bigint, what text, who text, foretold text, seen text) RETURNS integer LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF foretold IS DISTINCT FROM seen THEN
        RAISE EXCEPTION E'seed %, %, %:\n  foretold %\n  seen     %', seed, who, what, foretold, seen;
    END IF;
    INSERT INTO oracle.alert_done VALUES (what, foretold NOT IN ('{}', 'no', 'RM001', '403', 'RM101'));
    RETURN 1;
END
$$;

CREATE FUNCTION oracle.texts(ids bigint[]) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT ARRAY(SELECT DISTINCT i FROM unnest(ids) i ORDER BY 1)::text
$$;

-- What each role, and each bearer of a token, sees and may do.
CREATE FUNCTION oracle.check_sight(seed bigint) RETURNS integer LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    asked record;
    foretold bigint[];
    known text;
    some_alert bigint;
    -- to ask of a record costs milliseconds
    sample bigint[] := ARRAY(SELECT l.id FROM crm.alert_log l ORDER BY l.relation IS NULL, md5(l.id::text || seed) LIMIT 8)
                    || ARRAY(SELECT l.id FROM crm.alert_log l ORDER BY l.relation IS NOT NULL, md5(l.id::text || seed) LIMIT 8);
    bearers text[] := oracle.some(ARRAY(SELECT t.principal FROM oracle.token t ORDER BY t.principal COLLATE "C"), 4);
    cases integer := 0;
BEGIN
    FOR asked IN
        SELECT 'regress_oracle_' || i AS role, NULL::text AS bearer, oracle.asker_of('regress_oracle_' || i) AS asker FROM generate_series(0, 7) i
        UNION ALL
        SELECT CASE WHEN oracle.chance(0.5) THEN 'regress_oracle_7' ELSE 'regress_oracle_0' END, b, b FROM unnest(bearers) b ORDER BY 1, 2
    LOOP
        IF asked.asker IS NULL THEN
            cases := cases + oracle.expect_alerts(seed, 'view alert of nobody', asked.role, 'RM101',
                                                  oracle.ids_as(asked.role, NULL, 'SELECT array_agg(a.id) FROM crm.alert a'));
            CONTINUE;
        END IF;
        foretold := oracle.foretold_alerts(asked.asker, statement_timestamp())
                 || CASE WHEN asked.bearer IS NULL THEN oracle.owned_alerts(asked.role) ELSE '{}' END;
        known := oracle.texts(ARRAY(SELECT f FROM unnest(foretold) f WHERE f = ANY (sample)));
        cases := cases
            + oracle.expect_alerts(seed, 'view alert', asked::text, known, oracle.ids_as(asked.role, asked.bearer, format('SELECT ARRAY(SELECT a.id FROM crm.alert a WHERE a.id = ANY (%L) ORDER BY 1)', sample)))
            + oracle.expect_alerts(seed, 'view rule_standing', asked::text, known,
                                   oracle.ids_as(asked.role, asked.bearer, format('SELECT ARRAY(SELECT s.alert FROM crm.rule_standing s WHERE s.alert = ANY (%L) ORDER BY 1)', sample)))
            + oracle.expect_alerts(seed, 'view delivery', asked::text,
                                   (SELECT oracle.texts(array_agg(q.alert)) FROM crm.delivery_queue q WHERE q.alert = ANY (foretold) AND q.alert = ANY (sample[5:12])),
                                   oracle.ids_as(asked.role, asked.bearer, format('SELECT ARRAY(SELECT DISTINCT d.alert FROM crm.delivery d WHERE d.alert = ANY (%L) ORDER BY 1)', sample[5:12])))
            + oracle.expect_alerts(seed, 'table alert_transition', asked::text, '42501',
                                   oracle.ids_as(asked.role, asked.bearer, 'SELECT array_agg(t.alert) FROM crm.alert_transition t'));
        FOREACH some_alert IN ARRAY ARRAY(SELECT l.id FROM crm.alert_log l ORDER BY md5(l.id::text || seed) LIMIT 4) LOOP
            cases := cases + oracle.expect_alerts(seed, 'acknowledge', asked::text || some_alert, CASE WHEN some_alert = ANY (foretold) THEN 'acknowledged' ELSE 'RM001' END,
                                                  oracle.ids_as(asked.role, asked.bearer, format('SELECT crm.acknowledge(%s)', some_alert)));
        END LOOP;
        IF asked.bearer IS NOT NULL THEN
            FOREACH some_alert IN ARRAY ARRAY(SELECT l.id FROM crm.alert_log l ORDER BY md5(l.id::text || seed) LIMIT 4) LOOP
                cases := cases
                    + oracle.expect_alerts(seed, 'explain_alert', asked::text || some_alert, CASE WHEN some_alert = ANY (foretold) THEN 'yes' ELSE 'no' END,
                        (SELECT x.answer FROM crm.explain_alert(some_alert, asked.asker) x WHERE x.question LIKE 'may the principal%'))
                    + oracle.expect_alerts(seed, 'page', asked::text || some_alert, CASE WHEN some_alert = ANY (foretold) THEN '200' ELSE '403' END,
                        crm.action_page(crm.make_action(asked.asker, '{acknowledge}', some_alert, NULL, now() + interval '1 hour'), NULL, NULL, NULL) ->> 'status')
                    + oracle.expect_alerts(seed, 'act', asked::text || some_alert, CASE WHEN some_alert = ANY (foretold) THEN 'acknowledge' ELSE 'RM001' END,
                        oracle.ids_as(NULL, NULL, format('SELECT crm.act(%L, ''acknowledge'')',
                            crm.make_action(asked.asker, '{acknowledge}', some_alert, NULL, now() + interval '1 hour'))));
            END LOOP;
            cases := cases + oracle.expect_alerts(seed, 'messages in an export', asked::text,
                (SELECT oracle.texts(array_agg(q.id)) FROM crm.delivery_queue q JOIN crm.alert_log l ON l.id = q.alert
                 WHERE q.id % 8 = seed % 8 AND q.alert = ANY (foretold) AND (l.relation IS NOT NULL OR oracle.may_total(asked.asker, q.units, statement_timestamp()))),
                oracle.ids_as(NULL, asked.bearer, $q$SELECT ARRAY(SELECT q.id FROM jsonb_array_elements(crm.exported_messages(1, '{}', '{}', '{"number named"}')) m
                                                                  JOIN crm.delivery_queue q ON q.message_id = m ->> 'message_id' ORDER BY 1)$q$));
        END IF;
    END LOOP;
    RETURN cases;
END
$$;

-- To whom messages are written, and what stands in them.
CREATE FUNCTION oracle.check_writing(seed bigint) RETURNS integer LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    l crm.alert_log;
    who text;
    cases integer := 0;
    wrong text;
BEGIN
    FOR l IN SELECT x.* FROM crm.alert_log x ORDER BY x.id LOOP
        PERFORM crm.announce(l, 'alert.firing');
        PERFORM crm.write_due(NULL, 1000000); -- each by itself: lists are tested elsewhere
    END LOOP;
    UPDATE crm.delivery_queue q SET body = jsonb_set(q.body::jsonb, '{note}', '"number named"') WHERE q.id % 8 = seed % 8;
    FOR who IN SELECT p.principal FROM crm.principal p ORDER BY 1 LOOP
        cases := cases + oracle.expect_alerts(seed, 'messages written', who, oracle.texts(oracle.foretold_alerts(who, statement_timestamp())),
                                              (SELECT oracle.texts(array_agg(q.alert)) FROM crm.delivery_queue q WHERE q.audience = who));
    END LOOP;
    SELECT format('%s to %s: %s', q.alert, q.audience, c.unit) INTO wrong
    FROM crm.delivery_queue q CROSS JOIN LATERAL (
        SELECT u AS unit FROM unnest(q.units) u
        UNION SELECT j ->> 'unit' FROM jsonb_array_elements(q.body::jsonb #> '{data,caused_by}') j) c
    JOIN crm.alert_log a ON a.id = q.alert AND a.relation IS NULL
    WHERE NOT oracle.may_total(q.audience, ARRAY[c.unit], statement_timestamp()) OR c.unit <> ALL (q.units) LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'seed %, a body names a unit whose total its audience may not see: alert %', seed, wrong;
    END IF;
    INSERT INTO oracle.alert_done SELECT 'causes told', true FROM crm.delivery_queue q WHERE q.body::jsonb #> '{data,caused_by}' <> '[]';
    RETURN cases;
END
$$;

-- The organisation changes; then what was written is claimed.
CREATE FUNCTION oracle.check_claim(seed bigint) RETURNS integer LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    who text;
    claimed text[];
    foretold bigint[];
    cases integer := 0;
BEGIN
    FOR i IN 1 .. 8 LOOP
        PERFORM oracle.disturb();
    END LOOP;
    PERFORM crm.retire_principal(oracle.pick(ARRAY(SELECT p.principal FROM crm.principal p ORDER BY p.principal COLLATE "C")));
    claimed := ARRAY(SELECT c.message_id FROM crm.claim_deliveries('oracle', 10000, '1 minute') c);
    FOR who IN SELECT p.principal FROM crm.principal p ORDER BY 1 LOOP
        foretold := oracle.foretold_alerts(who, statement_timestamp());
        cases := cases
            + oracle.expect_alerts(seed, 'messages sent', who,
                (SELECT oracle.texts(array_agg(w.alert))
                 FROM (SELECT q.alert, q.units, q.audience FROM crm.delivery_queue q UNION ALL SELECT h.alert, h.units, h.audience FROM crm.delivery_history h) w
                 JOIN crm.alert_log l ON l.id = w.alert
                 WHERE w.audience = who AND w.alert = ANY (foretold) AND (l.relation IS NOT NULL OR oracle.may_total(who, w.units, statement_timestamp()))),
                (SELECT oracle.texts(array_agg(q.alert)) FROM crm.delivery_queue q WHERE q.audience = who AND q.message_id = ANY (claimed)))
            + oracle.expect_alerts(seed, 'the rest cancelled', who, '{}',
                (SELECT oracle.texts(array_agg(q.alert)) FROM crm.delivery_queue q WHERE q.audience = who AND q.message_id <> ALL (claimed)));
    END LOOP;
    INSERT INTO oracle.alert_done SELECT 'cancelled', true FROM crm.delivery_history h WHERE h.state = 'cancelled';
    RETURN cases;
END
$$;

-- Several alerts in one message: every one is the audience's when it is written, and when it is claimed; one that is not any more takes the list back, and the
-- others are told anew.
CREATE FUNCTION oracle.check_lists(seed bigint) RETURNS integer LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    l crm.alert_log;
    who text;
    first_told jsonb;
    foretold bigint[];
    cases integer := 0;
BEGIN
    PERFORM oracle.make_alerts(seed);
    FOR l IN SELECT x.* FROM crm.alert_log x ORDER BY x.id LOOP
        PERFORM crm.announce(l, 'alert.firing');
    END LOOP;
    UPDATE crm.waiting_notice SET reason = 'digest';
    PERFORM crm.write_due(NULL, 1000000);
    FOR who IN SELECT p.principal FROM crm.principal p ORDER BY 1 LOOP
        foretold := oracle.foretold_alerts(who, statement_timestamp());
        cases := cases
            + oracle.expect_alerts(seed, 'lists written', who, oracle.texts(foretold),
                                   (SELECT oracle.texts(array_agg(t.alert)) FROM crm.alert_told t JOIN crm.delivery_queue q ON q.id = t.delivery WHERE q.audience = who))
            + oracle.expect_alerts(seed, 'alerts named in lists', who, '{}',
                                   (SELECT oracle.texts(array_agg(m[1]::bigint)) FROM crm.delivery_queue q, regexp_matches(q.body, '"alert" ?: ?(\d+)', 'g') m
                                    WHERE q.audience = who AND m[1]::bigint <> ALL (foretold)));
    END LOOP;
    INSERT INTO oracle.alert_done SELECT 'named in a list', true FROM crm.delivery_queue q, regexp_matches(q.body, '"alert" ?: ?(\d+)', 'g');
    SELECT jsonb_object_agg(x.audience, x.alerts) INTO first_told
    FROM (SELECT t.audience, jsonb_agg(DISTINCT t.alert) AS alerts FROM crm.alert_told t GROUP BY 1) x;
    FOR i IN 1 .. 4 LOOP
        PERFORM oracle.disturb();
    END LOOP;
    PERFORM crm.retire_principal(oracle.pick(ARRAY(SELECT p.principal FROM crm.principal p ORDER BY p.principal COLLATE "C")));
    FOR i IN 1 .. 4 LOOP -- what was taken back is written anew, without what was lost
        PERFORM crm.claim_deliveries('oracle', 10000, '1 minute');
        PERFORM crm.write_due(NULL, 1000000);
    END LOOP;
    FOR who IN SELECT p.principal FROM crm.principal p ORDER BY 1 LOOP
        foretold := oracle.foretold_alerts(who, statement_timestamp());
        cases := cases + oracle.expect_alerts(seed, 'lists sent', who,
            (SELECT oracle.texts(ARRAY(SELECT j::bigint FROM jsonb_array_elements_text(first_told -> who) j WHERE j::bigint = ANY (foretold)))),
            (SELECT oracle.texts(array_agg(x.alert))
             FROM (SELECT t.alert FROM crm.alert_told t JOIN crm.delivery_queue q ON q.id = t.delivery WHERE q.audience = who AND q.state = 'leased'
                   UNION SELECT q.alert FROM crm.delivery_queue q WHERE q.audience = who AND q.state = 'leased' AND q.alert IS NOT NULL) x));
    END LOOP;
    INSERT INTO oracle.alert_done SELECT 'lists taken back', true FROM crm.delivery_history h WHERE h.state = 'cancelled' AND h.alert IS NULL;
    RETURN cases;
END
$$;
