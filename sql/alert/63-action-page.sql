-- What crmd's page shows. A look changes nothing; what is sent acts only with the mark of a look of the last hour, which a preview of a link,
-- or another site that makes a browser post, does not have.
CREATE FUNCTION @extschema@.look_mark(token text, at bigint)
RETURNS text LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, @extschema@, pg_temp
RETURN @extschema@.sign_action(pg_catalog.concat('look ', at, ' ', token));
COMMENT ON FUNCTION @extschema@.look_mark(text, bigint) IS 'The mark of a look at the page of a token at a second.';

CREATE FUNCTION @extschema@.look_is_fresh(token text, look text)
RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    parts CONSTANT text[] := regexp_match(look_is_fresh.look, '^([0-9]{1,12})-([A-Za-z0-9_-]{43})$');
BEGIN
    RETURN coalesce(verify_action(concat('look ', parts[1], ' ', token), parts[2])
                    AND extract(epoch FROM now()) - parts[1]::bigint BETWEEN -5 AND 3600, false);
END
$$;
COMMENT ON FUNCTION @extschema@.look_is_fresh(text, text) IS 'Whether a mark is that of a look at this token''s page within the last hour.';

-- What an action is about, for its principal as of now: lines, or nothing where the rights are gone.
CREATE FUNCTION @extschema@.action_lines(a @extschema@.action, locale @extschema@.message_locale, zone text, OUT over boolean, OUT lines text[])
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    l alert_log;
BEGIN
    IF a.handover IS NOT NULL THEN
        over := EXISTS (SELECT FROM handover_answer x WHERE x.handover = a.handover);
        lines := ARRAY[message_words(locale.language, 'handover_is', jsonb_build_object('handover', a.handover))];
        RETURN;
    END IF;
    SELECT * INTO l FROM alert_log x WHERE x.id = a.alert;
    IF l.id IS NULL OR NOT audience_may_hear(l, a.principal, ARRAY[l.unit]) THEN
        RETURN;
    END IF;
    over := l.state NOT IN ('firing', 'acknowledged');
    lines := ARRAY[
        alert_sentence(l, over, locale, zone),
        message_word(locale.language, 'state') || ': ' || coalesce(message_word(locale.language, 'state_' || l.state), l.state)];
END
$$;
COMMENT ON FUNCTION @extschema@.action_lines(@extschema@.action, @extschema@.message_locale, text) IS
'What an action is about in its principal''s words, and whether that is over; lines are NULL where the principal may not see it.';

CREATE FUNCTION @extschema@.action_form(a @extschema@.action, token text, locale @extschema@.message_locale)
RETURNS jsonb LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT jsonb_build_object(
        'look', n.at || '-' || look_mark(action_form.token, n.at),
        'verbs', (SELECT jsonb_agg(jsonb_build_array(v.verb, message_word(locale.language, 'verb_' || v.verb)) ORDER BY v.n)
                  FROM unnest(a.verbs) WITH ORDINALITY v (verb, n)),
        'comment', message_word(locale.language, CASE WHEN a.handover IS NULL THEN 'comment' ELSE 'reason' END),
        'reasons', (SELECT coalesce(jsonb_agg(r.reason ORDER BY r.reason), '[]')
                    FROM handover_anchor h JOIN refusal_reason r ON r.funnel = h.funnel AND r.retired_at IS NULL
                    WHERE h.handover = a.handover))
    FROM (SELECT extract(epoch FROM now())::bigint) n (at)
$$;
COMMENT ON FUNCTION @extschema@.action_form(@extschema@.action, text, @extschema@.message_locale) IS 'What the page of an action asks: the mark of this look, verbs with their labels, a comment or reason.';

CREATE FUNCTION @extschema@.action_answer(status integer, language text, title text, lines text[], form jsonb DEFAULT NULL)
RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN jsonb_build_object('status', status, 'language', language, 'title', title, 'lines', pg_catalog.to_jsonb(lines), 'form', form);
COMMENT ON FUNCTION @extschema@.action_answer(integer, text, text, text[], jsonb) IS 'A page, as action_page returns it.';

-- What a failed act says on the page; the words of the error stay in the server's log, they may name what the bearer may not see.
CREATE FUNCTION @extschema@.action_refusal(sqlstate_ text)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN sqlstate_ IN ('42501', 'RM001', 'RM101') THEN 'page_denied' WHEN sqlstate_ IN ('55000', 'RM304') THEN 'page_gone'
            WHEN sqlstate_ = 'RM005' THEN 'page_reason' ELSE 'page_failed' END;
COMMENT ON FUNCTION @extschema@.action_refusal(text) IS 'The word for an error of act.';

CREATE FUNCTION @extschema@.action_page(token text, verb text, look text, comment text)
RETURNS jsonb LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    bearer record := action_bearer(token);
    a action := bearer.a;
    who principal := (SELECT p FROM principal p WHERE p.principal = a.principal);
    locale message_locale := message_locale_of(who.language);
    zone CONSTANT text := coalesce(who.zone, default_zone());
    l CONSTANT text := locale.language;
    shown record;
    refused text;
BEGIN
    IF bearer.problem = 'forged' THEN -- whose words they should be is not known
        RETURN action_answer(404, 'en', 'crm', ARRAY(SELECT message_word(m.language, 'page_forged') FROM message_language m ORDER BY m.language));
    ELSIF bearer.problem IS NOT NULL THEN
        RETURN action_answer(410, l, message_word(l, 'page_' || bearer.problem), array_remove(ARRAY[message_word(l, 'done_' || a.verb)], NULL));
    END IF;
    IF verb IS NOT NULL AND look_is_fresh(token, look) THEN
        BEGIN
            PERFORM act(token, verb, comment);
            RETURN action_answer(200, l, message_word(l, 'done_' || verb), '{}');
        EXCEPTION WHEN OTHERS THEN
            refused := action_refusal(SQLSTATE);
            RAISE LOG 'action % by %: %', a.id, a.principal, SQLERRM;
        END;
    END IF;
    shown := action_lines(a, locale, zone);
    IF shown.lines IS NULL THEN
        RETURN action_answer(403, l, message_word(l, 'page_denied'), '{}');
    ELSIF shown.over THEN
        RETURN action_answer(410, l, message_word(l, 'page_gone'), shown.lines);
    END IF;
    RETURN action_answer(
        CASE refused WHEN 'page_denied' THEN 403 WHEN 'page_gone' THEN 410 WHEN 'page_reason' THEN 422 WHEN 'page_failed' THEN 500 ELSE 200 END, l,
        coalesce(message_word(l, refused),
                 message_words(l, 'page_title', jsonb_build_object('principal', who.name))),
        shown.lines || message_words(l, 'page_note', jsonb_build_object('until', said_time(a.expires_at, zone, locale))),
        action_form(a, token, locale));
END
$$;
COMMENT ON FUNCTION @extschema@.action_page(text, text, text, text) IS
'For crmd: the page behind a message''s button as {status, language, title, lines, form}. Without a verb, or without the mark of a look within the '
'last hour, it shows and changes nothing; with both it acts as act does. Never raises for a bad token.';

SELECT @extschema@.set_audience(f.signature, f.audience)
FROM (VALUES ('look_mark(text, bigint)', 'internal'), ('look_is_fresh(text, text)', 'internal'),
             ('action_page(text, text, text, text)', 'daemon')) f (signature, audience);
