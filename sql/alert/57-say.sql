-- A message in a person's words: title, sentence, facts, links. Names in it are as they stand; what a receiver's format
-- asks for is done where that is written (58-body.sql).
CREATE FUNCTION @extschema@.budget_words(budget jsonb, locale @extschema@.message_locale, zone text)
RETURNS text LANGUAGE sql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT message_words(locale.language, 'rest_is', jsonb_build_object('count', budget ->> 'messages_per_day',
                                                                       'at', said_time((budget ->> 'rest_at')::timestamptz, budget_words.zone, locale)))
    WHERE budget IS NOT NULL
$$;
COMMENT ON FUNCTION @extschema@.budget_words(jsonb, @extschema@.message_locale, text) IS
'What the last message of a day says: how many there are, and when the rest comes; NULL in others.';

CREATE FUNCTION @extschema@.message_facts(data jsonb, locale @extschema@.message_locale, zone text)
RETURNS TABLE (label text, fact text) LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 10
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_column
DECLARE
    measured_in CONSTANT text := data #>> '{kpi,measured_in}';
    l CONSTANT text := locale.language;
BEGIN
    RETURN QUERY
    SELECT message_word(l, f.word), f.said FROM (VALUES
        ('value', CASE WHEN coalesce(data ->> 'kind', '') NOT IN ('warning', 'breach') THEN said_value((data ->> 'value')::numeric, measured_in, locale) END),
        ('compared', CASE WHEN data ->> 'compared' IS NOT NULL THEN said_value((data ->> 'compared')::numeric, measured_in, locale) END),
        -- levels of other kinds are held against a share or a distance, not against the value
        ('level', CASE WHEN data ->> 'level' IS NOT NULL AND coalesce(data ->> 'kind', 'threshold') IN ('threshold', 'condition') THEN said_value((data ->> 'level')::numeric, measured_in, locale) END),
        ('period', CASE WHEN data #>> '{period,hour}' IS NULL THEN said_days((data #>> '{period,since}')::date, (data #>> '{period,until}')::date, locale)
                        ELSE said_hour((data #>> '{period,hour}')::timestamptz, zone, locale) END),
        ('made_of', CASE WHEN data ->> 'denominator' IS NOT NULL THEN
             message_words(l, 'made_of_is', jsonb_build_object('numerator', said_number((data ->> 'numerator')::numeric, 2, locale),
                                                               'denominator', said_number((data ->> 'denominator')::numeric, 2, locale))) END),
        ('goal', CASE WHEN jsonb_typeof(data -> 'goal') = 'object' THEN
             message_words(l, 'goal_is', jsonb_build_object('target', said_value((data #>> '{goal,target}')::numeric, measured_in, locale),
                                                            'actual', said_value((data #>> '{goal,actual}')::numeric, measured_in, locale),
                                                            'until', said_day((data #>> '{goal,until}')::date, locale))) END),
        ('since', said_time((data ->> 'since')::timestamptz, zone, locale)),
        ('resolved_at', said_time((data ->> 'resolved_at')::timestamptz, zone, locale)),
        ('told', CASE WHEN jsonb_typeof(data #> '{escalation,told}') = 'array' THEN
             (SELECT string_agg(message_words(l, 'told_is', jsonb_build_object('name', t.told ->> 'name', 'at', said_time((t.told ->> 'at')::timestamptz, zone, locale))), '; ' ORDER BY t.n)
              FROM jsonb_array_elements(data #> '{escalation,told}') WITH ORDINALITY t (told, n) WHERE t.n <= 10) END),
        ('description', data ->> 'description'),
        ('rule', data ->> 'rule'),
        ('rest', budget_words(data -> 'budget', locale, zone))) f (word, said)
    WHERE f.said IS NOT NULL;
    RETURN QUERY
    SELECT message_word(l, 'cause'),
           message_words(l, 'cause_is', jsonb_build_object('unit', coalesce(c.cause ->> 'name', c.cause ->> 'unit'),
               'value', said_value((c.cause ->> 'value')::numeric, measured_in, locale),
               'before', said_value((c.cause ->> 'before')::numeric, measured_in, locale),
               'effect', said_value((c.cause ->> 'effect')::numeric, measured_in, locale)))
    FROM jsonb_array_elements(coalesce(data -> 'caused_by', '[]')) WITH ORDINALITY c (cause, n) WHERE c.n <= 3 ORDER BY c.n;
END
$$;
COMMENT ON FUNCTION @extschema@.message_facts(jsonb, @extschema@.message_locale, text) IS
'What a message about an alert says, label and text in a language, times by the clock of a zone.';

CREATE FUNCTION @extschema@.message_sentence(resolved boolean, kind text, direction text, compared boolean)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN kind IN ('warning', 'breach') THEN CASE WHEN resolved THEN 'resolved_record' ELSE 'firing_' || kind END
            WHEN resolved THEN 'resolved'
            WHEN kind = 'forecast' THEN 'firing_forecast'
            WHEN coalesce(kind, 'threshold') IN ('threshold', 'condition') AND direction IN ('below', 'above') THEN 'firing_' || direction
            WHEN kind = 'no_data' THEN 'firing_no_data'
            WHEN compared THEN 'firing_compared'
            ELSE 'firing' END;
COMMENT ON FUNCTION @extschema@.message_sentence(boolean, text, text, boolean) IS 'The word of the sentence that says what a rule of a kind saw.';

-- kpi and unit as messages have them.
CREATE FUNCTION @extschema@.message_parts(data jsonb, locale @extschema@.message_locale, zone text)
RETURNS jsonb LANGUAGE sql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT jsonb_build_object(
        'kpi', coalesce(data #>> '{kpi,label}', data #>> '{kpi,key}'), 'unit', coalesce(data #>> '{unit,name}', data #>> '{unit,key}'),
        'value', said_value((data ->> 'value')::numeric, data #>> '{kpi,measured_in}', locale),
        'level', said_value((data ->> 'level')::numeric, data #>> '{kpi,measured_in}', locale),
        'compared', said_value((data ->> 'compared')::numeric, data #>> '{kpi,measured_in}', locale),
        'due', said_time((data #>> '{record,due_at}')::timestamptz, message_parts.zone, locale),
        'unanswered_since', said_time((data #>> '{escalation,unanswered_since}')::timestamptz, message_parts.zone, locale))
$$;
COMMENT ON FUNCTION @extschema@.message_parts(jsonb, @extschema@.message_locale, text) IS
'The {parts} of the sentences about an alert, from the data of a message, times by the clock of a zone.';

CREATE FUNCTION @extschema@.alert_sentence(l @extschema@.alert_log, over boolean, locale @extschema@.message_locale, zone text, label text DEFAULT NULL)
RETURNS text LANGUAGE sql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT message_words(locale.language, message_sentence(over, (SELECT r.kind FROM rule r WHERE r.rule = l.rule), l.direction, l.compared IS NOT NULL),
        message_parts(jsonb_build_object('kpi', about.kpi::jsonb || CASE WHEN label IS NULL THEN '{}' ELSE jsonb_build_object('label', label) END,
                                         'unit', about.unit, 'record', about.record, 'value', l.value, 'level', l.level, 'compared', l.compared),
                      locale, alert_sentence.zone))
    FROM alert_about(l) about
$$;
COMMENT ON FUNCTION @extschema@.alert_sentence(@extschema@.alert_log, boolean, @extschema@.message_locale, text, text) IS
'What an alert says as its messages would, or that it is over; label: what its KPI is called there, by default as it is.';

CREATE FUNCTION @extschema@.urgent_title(urgency text, language text, title text)
RETURNS text LANGUAGE sql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT CASE WHEN urgency = 'urgent' THEN message_words(urgent_title.language, 'urgent_is', jsonb_build_object('title', title)) ELSE title END
$$;
COMMENT ON FUNCTION @extschema@.urgent_title(text, text, text) IS 'A title, marked where it is urgent.';

CREATE FUNCTION @extschema@.said_message(message jsonb, links jsonb, principal text)
RETURNS jsonb LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    who principal;
    locale message_locale;
    zone text;
    data CONSTANT jsonb := message -> 'data';
    escalated CONSTANT text := CASE message ->> 'type' WHEN 'alert.escalated' THEN 'unanswered' END;
    sentence text;
    parts jsonb;
BEGIN
    SELECT * INTO who FROM principal p WHERE p.principal = said_message.principal;
    locale := message_locale_of(who.language);
    zone := coalesce(who.zone, default_zone());
    sentence := message_sentence(message ->> 'type' = 'alert.resolved', data ->> 'kind', data ->> 'direction', data ->> 'compared' IS NOT NULL);
    parts := message_parts(data, locale, zone);
    RETURN jsonb_build_object(
        'language', locale.language,
        'resolved', message ->> 'type' = 'alert.resolved',
        'title', urgent_title(data ->> 'urgency', locale.language, message_words(locale.language,
            CASE WHEN escalated IS NOT NULL THEN 'alert_escalated' WHEN sentence = 'resolved' THEN 'alert_resolved' ELSE 'alert_firing' END, parts)),
        'sentence', concat_ws(' ', message_words(locale.language, sentence, parts), message_words(locale.language, escalated, parts)),
        'cut', message_word(locale.language, 'cut'),
        'facts', (SELECT coalesce(jsonb_agg(jsonb_build_array(f.label, f.fact)), '[]')
                  FROM message_facts(data, locale, zone) f),
        'links', (SELECT coalesce(jsonb_agg(jsonb_build_array(message_word(locale.language, o.word), links ->> o.target) ORDER BY o.n), '[]')
                  FROM (VALUES (1, 'act', 'act'), (2, 'alert', 'open_alert'), (3, 'kpi', 'open_kpi'), (4, 'unit', 'open_unit'),
                               (5, 'record', 'open_record'), (6, 'report', 'open_report')) o (n, target, word)
                  WHERE links ->> o.target IS NOT NULL));
END
$$;
COMMENT ON FUNCTION @extschema@.said_message(jsonb, jsonb, text) IS
'A message about an alert in a principal''s words: language, resolved, title, sentence, facts and links ([label, text] each), and cut, the note '
'for what is cut.';

-- A list is said with a line for each alert, up to twelve, as facts are: whatever writes facts writes lists.
CREATE FUNCTION @extschema@.said_list(message jsonb, links jsonb, principal text)
RETURNS jsonb LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    most CONSTANT integer := 12;
    data CONSTANT jsonb := message -> 'data';
    total CONSTANT integer := data ->> 'count';
    who principal;
    locale message_locale;
    zone text;
    l text;
BEGIN
    SELECT * INTO who FROM principal p WHERE p.principal = said_list.principal;
    locale := message_locale_of(who.language);
    zone := coalesce(who.zone, default_zone());
    l := locale.language;
    RETURN jsonb_build_object(
        'language', l,
        'resolved', (data ->> 'new')::integer + (data ->> 'open')::integer = 0,
        'title', urgent_title(data ->> 'urgency', l, message_words(l, 'list_' || (data ->> 'reason'), jsonb_build_object(
            'count', said_number(total, 0, locale), 'kpi', coalesce(data #>> '{alerts,0,kpi,label}', data #>> '{alerts,0,rule}')))),
        'sentence', message_words(l, 'list_is', jsonb_build_object('new', said_number((data ->> 'new')::integer, 0, locale),
            'resolved', said_number((data ->> 'resolved')::integer, 0, locale), 'open', said_number((data ->> 'open')::integer, 0, locale))),
        'cut', message_word(l, 'cut'),
        'facts', (SELECT jsonb_agg(jsonb_build_array(message_word(l, f.word), f.said) ORDER BY f.n)
                  FROM (SELECT e.n, 'news_' || (e.entry ->> 'news') AS word,
                               message_words(l, message_sentence(e.entry ->> 'news' = 'resolved', e.entry ->> 'kind', e.entry ->> 'direction',
                                                                 e.entry ->> 'compared' IS NOT NULL), message_parts(e.entry, locale, zone)) AS said
                        FROM jsonb_array_elements(data -> 'alerts') WITH ORDINALITY e (entry, n) WHERE e.n <= most
                        UNION ALL
                        SELECT most + 1, 'more', message_words(l, 'more_is', jsonb_build_object('count', said_number(total - most, 0, locale))) WHERE total > most
                        UNION ALL
                        SELECT most + 2, 'rest', b FROM budget_words(data -> 'budget', locale, zone) b WHERE b IS NOT NULL) f),
        'links', CASE WHEN links ->> 'report' IS NULL THEN '[]' ELSE jsonb_build_array(jsonb_build_array(message_word(l, 'open_report'), links ->> 'report')) END);
END
$$;
COMMENT ON FUNCTION @extschema@.said_list(jsonb, jsonb, text) IS
'A message that lists alerts in a principal''s words, in the form of said_message: a fact for each of the first twelve alerts, and one that says how many more there are.';

-- The links of a message; act is added by whoever makes its token.
CREATE FUNCTION @extschema@.message_links(data jsonb, principal text)
RETURNS jsonb LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT jsonb_strip_nulls(jsonb_object_agg(t.word, link_to(t.target, t.parts)))
    FROM (VALUES
        ('alert', 'alert', jsonb_build_object('key', data ->> 'alert', 'rule', data ->> 'rule', 'kpi', data #>> '{kpi,key}', 'unit', data #>> '{unit,key}')),
        ('kpi', CASE WHEN data #>> '{kpi,key}' IS NOT NULL THEN 'kpi' END,
         jsonb_build_object('key', data #>> '{kpi,key}', 'unit', data #>> '{unit,key}', 'since', data #>> '{period,since}', 'until', data #>> '{period,until}')),
        ('unit', 'unit', jsonb_build_object('key', data #>> '{unit,key}')),
        ('record', (SELECT a.entity FROM adoption a WHERE a.relation = to_regclass(data #>> '{record,relation}')),
         jsonb_build_object('key', data #>> '{record,key}', 'relation', data #>> '{record,relation}')),
        ('report', 'report', jsonb_build_object('principal', message_links.principal, 'unit', data #>> '{unit,key}', 'kpi', data #>> '{kpi,key}',
                                                'since', data #>> '{period,since}', 'until', data #>> '{period,until}'))) t (word, target, parts)
$$;
COMMENT ON FUNCTION @extschema@.message_links(jsonb, text) IS 'The addresses that a message links to, by target, as far as there are templates.';
