-- The body of a message in the format of each kind of receiver. It is written once, in the transaction that decides, and sent as
-- it is. Texts are made to fit the receiver (fit_text); the JSON is built and never put together from text.
CREATE FUNCTION @extschema@.fit_said(said jsonb, style text, most integer)
RETURNS jsonb LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT said || jsonb_build_object(
        'title', fit_text(said ->> 'title', least(most, 150), style, said ->> 'cut'),
        'sentence', fit_text(said ->> 'sentence', 2 * most, style, said ->> 'cut'),
        'facts', (SELECT coalesce(jsonb_agg(jsonb_build_array(f.fact ->> 0, fit_text(f.fact ->> 1, most, style, said ->> 'cut')) ORDER BY f.n), '[]')
                  FROM jsonb_array_elements(said -> 'facts') WITH ORDINALITY f (fact, n) WHERE f.n <= 16))
$$;
COMMENT ON FUNCTION @extschema@.fit_said(jsonb, text, integer) IS
'What is said, escaped in a style, each text with at most so many characters (the sentence with twice as many, the title with 150).';

CREATE FUNCTION @extschema@.slack_body(said jsonb)
RETURNS json LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT json_build_object('text', said ->> 'sentence', 'mrkdwn', false, 'blocks', (
        SELECT json_agg(b.block ORDER BY b.n) FROM (
            VALUES (1, json_build_object('type', 'header', 'text', json_build_object('type', 'plain_text', 'text', said ->> 'title', 'emoji', false))),
                   (2, json_build_object('type', 'section', 'text', json_build_object('type', 'plain_text', 'text', said ->> 'sentence', 'emoji', false)))
            UNION ALL
            SELECT 3 + (f.n - 1) / 10, json_build_object('type', 'section', 'fields', json_agg(json_build_object(
                       'type', 'plain_text', 'text', (f.fact ->> 0) || E'\n' || (f.fact ->> 1), 'emoji', false) ORDER BY f.n))
            FROM jsonb_array_elements(said -> 'facts') WITH ORDINALITY f (fact, n) GROUP BY (f.n - 1) / 10
            UNION ALL
            SELECT 99, json_build_object('type', 'actions', 'elements', json_agg(json_build_object(
                       'type', 'button', 'action_id', 'link_' || k.n, 'url', k.link ->> 1,
                       'text', json_build_object('type', 'plain_text', 'text', k.link ->> 0, 'emoji', false)) ORDER BY k.n))
            FROM jsonb_array_elements(said -> 'links') WITH ORDINALITY k (link, n) HAVING count(*) > 0) b (n, block)))
$$;
COMMENT ON FUNCTION @extschema@.slack_body(jsonb) IS 'A message for Slack''s incoming webhooks, in Block Kit; every text is plain_text.';

-- RichTextBlock and not TextBlock or FactSet: those read Markdown, in which a name could become a link.
CREATE FUNCTION @extschema@.teams_body(said jsonb)
RETURNS json LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT json_build_object('type', 'message', 'attachments', json_build_array(json_build_object(
        'contentType', 'application/vnd.microsoft.card.adaptive', 'contentUrl', NULL, 'content', json_build_object(
            '$schema', 'http://adaptivecards.io/schemas/adaptive-card.json', 'type', 'AdaptiveCard', 'version', '1.4',
            'msteams', json_build_object('width', 'Full'),
            'body', (SELECT json_agg(b.block ORDER BY b.n) FROM (
                VALUES (0::bigint, json_build_object('type', 'RichTextBlock', 'inlines', json_build_array(json_build_object(
                            'type', 'TextRun', 'text', said ->> 'title', 'weight', 'Bolder', 'size', 'Large',
                            'color', CASE WHEN (said ->> 'resolved')::boolean THEN 'Good' ELSE 'Attention' END)))),
                       (1, json_build_object('type', 'RichTextBlock', 'inlines', json_build_array(json_build_object(
                            'type', 'TextRun', 'text', said ->> 'sentence'))))
                UNION ALL
                SELECT 1 + f.n, json_build_object('type', 'RichTextBlock', 'spacing', 'Small', 'inlines', json_build_array(
                           json_build_object('type', 'TextRun', 'text', (f.fact ->> 0) || ': ', 'weight', 'Bolder'),
                           json_build_object('type', 'TextRun', 'text', f.fact ->> 1)))
                FROM jsonb_array_elements(said -> 'facts') WITH ORDINALITY f (fact, n)) b (n, block)),
            'actions', (SELECT coalesce(json_agg(json_build_object('type', 'Action.OpenUrl', 'title', k.link ->> 0, 'url', k.link ->> 1) ORDER BY k.n), '[]')
                        FROM jsonb_array_elements(said -> 'links') WITH ORDINALITY k (link, n))))))
$$;
COMMENT ON FUNCTION @extschema@.teams_body(jsonb) IS 'A message for a Workflow of Microsoft Teams: an Adaptive Card, every text a TextRun.';

CREATE FUNCTION @extschema@.mattermost_body(said jsonb)
RETURNS json LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT json_build_object('text', concat_ws(E'\n', '**' || (said ->> 'title') || '**', said ->> 'sentence', '',
        (SELECT string_agg('* **' || (f.fact ->> 0) || ':** ' || (f.fact ->> 1), E'\n' ORDER BY f.n)
         FROM jsonb_array_elements(said -> 'facts') WITH ORDINALITY f (fact, n)),
        (SELECT E'\n' || string_agg('[' || (k.link ->> 0) || '](' || (k.link ->> 1) || ')', ' | ' ORDER BY k.n)
         FROM jsonb_array_elements(said -> 'links') WITH ORDINALITY k (link, n))))
$$;
COMMENT ON FUNCTION @extschema@.mattermost_body(jsonb) IS 'A message for Mattermost''s incoming webhooks, in Markdown.';

CREATE FUNCTION @extschema@.google_chat_body(said jsonb, plain jsonb, alert text)
RETURNS json LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT json_build_object('fallbackText', said ->> 'sentence', 'cardsV2', json_build_array(json_build_object(
        'cardId', 'crm-alert-' || alert, 'card', json_build_object(
            'header', json_build_object('title', plain ->> 'title'),
            'sections', json_build_array(json_build_object('widgets', (SELECT json_agg(w.widget ORDER BY w.n) FROM (
                SELECT 0::bigint, json_build_object('textParagraph', json_build_object('text', said ->> 'sentence'))
                UNION ALL
                SELECT f.n, json_build_object('decoratedText', json_build_object('topLabel', f.fact ->> 0, 'text', f.fact ->> 1, 'wrapText', true))
                FROM jsonb_array_elements(said -> 'facts') WITH ORDINALITY f (fact, n)
                UNION ALL
                SELECT 99, json_build_object('buttonList', json_build_object('buttons', json_agg(json_build_object(
                           'text', k.link ->> 0, 'onClick', json_build_object('openLink', json_build_object('url', k.link ->> 1))) ORDER BY k.n)))
                FROM jsonb_array_elements(said -> 'links') WITH ORDINALITY k (link, n) HAVING count(*) > 0) w (n, widget))))))))
$$;
COMMENT ON FUNCTION @extschema@.google_chat_body(jsonb, jsonb, text) IS
'A message for Google Chat''s webhooks: a card, its texts in that service''s HTML, its title plain.';

CREATE FUNCTION @extschema@.discord_body(said jsonb, at text)
RETURNS json LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT json_build_object('embeds', json_build_array(json_build_object(
        'title', said ->> 'title', 'color', CASE WHEN (said ->> 'resolved')::boolean THEN 3066993 ELSE 15158332 END, 'timestamp', at,
        'description', concat_ws(E'\n', said ->> 'sentence',
            (SELECT string_agg('[' || (k.link ->> 0) || '](' || (k.link ->> 1) || ')', ' | ' ORDER BY k.n)
             FROM jsonb_array_elements(said -> 'links') WITH ORDINALITY k (link, n))),
        'fields', (SELECT coalesce(json_agg(json_build_object('name', f.fact ->> 0, 'value', f.fact ->> 1, 'inline', true) ORDER BY f.n), '[]')
                   FROM jsonb_array_elements(said -> 'facts') WITH ORDINALITY f (fact, n)))),
        'allowed_mentions', json_build_object('parse', json_build_array()))
$$;
COMMENT ON FUNCTION @extschema@.discord_body(jsonb, text) IS 'A message for Discord''s webhooks: one embed, nobody mentioned.';

-- The routing key is a secret: its place stands at the very beginning, where crmd puts the key, and nowhere else.
CREATE FUNCTION @extschema@.pagerduty_body(said jsonb, message jsonb)
RETURNS json LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT json_build_object(
        'routing_key', '{routing_key}', 'event_action', CASE WHEN (said ->> 'resolved')::boolean THEN 'resolve' ELSE 'trigger' END,
        'dedup_key', fit_text(format('crm/%s/%s', current_database(), message #>> '{data,alert}'), 255, 'plain', ''),
        'payload', json_build_object(
            'summary', said ->> 'sentence',
            'severity', CASE message #>> '{data,urgency}' WHEN 'urgent' THEN 'critical' WHEN 'low' THEN 'warning' ELSE 'error' END, 'timestamp', message ->> 'timestamp',
            'source', fit_text('crm/' || current_database(), 255, 'plain', ''), 'component', message #>> '{data,unit,key}',
            'group', message #>> '{data,kpi,key}', 'class', message #>> '{data,rule}',
            'custom_details', (SELECT json_object_agg(g.label, g.facts) FROM (
                SELECT f.fact ->> 0, string_agg(f.fact ->> 1, E'\n' ORDER BY f.n)
                FROM jsonb_array_elements(said -> 'facts') WITH ORDINALITY f (fact, n) GROUP BY f.fact ->> 0 ORDER BY min(f.n)) g (label, facts))),
        'client', 'crm',
        'links', (SELECT coalesce(json_agg(json_build_object('href', k.link ->> 1, 'text', k.link ->> 0) ORDER BY k.n), '[]')
                  FROM jsonb_array_elements(said -> 'links') WITH ORDINALITY k (link, n)))
$$;
COMMENT ON FUNCTION @extschema@.pagerduty_body(jsonb, jsonb) IS
'An event for PagerDuty''s Events API v2: trigger and resolve under one dedup_key; crmd puts the routing key in.';

-- Labels are those of firing and resolved alike, or Alertmanager would take them for two. It forgets an alert without an end after
-- some minutes, so a firing one ends in a year.
CREATE FUNCTION @extschema@.alertmanager_body(said jsonb, message jsonb)
RETURNS json LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT json_build_array(json_strip_nulls(json_build_object(
        'labels', json_build_object('alertname', message #>> '{data,rule}', 'kpi', message #>> '{data,kpi,key}', 'unit', message #>> '{data,unit,key}',
                                    'crm_alert', message #>> '{data,alert}', 'crm_database', current_database()),
        'annotations', json_build_object(
            'summary', said ->> 'title',
            'description', concat_ws(E'\n', said ->> 'sentence',
                (SELECT string_agg((f.fact ->> 0) || ': ' || (f.fact ->> 1), E'\n' ORDER BY f.n) FROM jsonb_array_elements(said -> 'facts') WITH ORDINALITY f (fact, n)),
                (SELECT string_agg((k.link ->> 0) || ': ' || (k.link ->> 1), E'\n' ORDER BY k.n) FROM jsonb_array_elements(said -> 'links') WITH ORDINALITY k (link, n)))),
        'startsAt', message #>> '{data,since}',
        'endsAt', CASE WHEN (said ->> 'resolved')::boolean THEN message #>> '{data,resolved_at}'
                       ELSE iso_time((message ->> 'timestamp')::timestamptz + interval '1 year') END,
        'generatorURL', said #>> '{links,0,1}')))
$$;
COMMENT ON FUNCTION @extschema@.alertmanager_body(jsonb, jsonb) IS 'An alert for what speaks Alertmanager''s API v2 (POST /api/v2/alerts).';

CREATE FUNCTION @extschema@.cloudevents_body(message jsonb, message_id text)
RETURNS json LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT json_build_object('specversion', '1.0', 'id', message_id, 'source', '/crm/' || url_encode(current_database()),
                             'type', 'crm.' || (message ->> 'type'), 'subject', message #>> '{data,rule}', 'time', message ->> 'timestamp',
                             'datacontenttype', 'application/json', 'data', message -> 'data')
$$;
COMMENT ON FUNCTION @extschema@.cloudevents_body(jsonb, text) IS 'A message as a CloudEvent 1.0 in JSON.';

-- Every kind of receiver, with the style of its texts and the bytes that a body may have.
CREATE FUNCTION @extschema@.endpoint_kinds()
RETURNS TABLE (kind text, style text, most_bytes integer) LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 11
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    VALUES ('webhook', NULL, NULL), ('slack', 'slack', 30000), ('teams', 'plain', 28000), ('mattermost', 'markdown', 16000),
           ('google_chat', 'html', 32000), ('pagerduty', 'plain', 512000), ('alertmanager', 'plain', 64000), ('discord', 'markdown', 6000),
           ('cloudevents', NULL, NULL), ('email', 'html', 60000), ('telegram', 'telegram', 30000)
$$;
COMMENT ON FUNCTION @extschema@.endpoint_kinds() IS
'The kinds of endpoints, how texts for them are escaped, and how many bytes a body may have (NULL: as they are).';

-- Texts are shortened until the body is small enough; links, which nobody can shorten, go last.
CREATE FUNCTION @extschema@.receiver_body(kind text, message jsonb, said jsonb)
RETURNS text LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    k CONSTANT record := (SELECT x FROM endpoint_kinds() x WHERE x.kind = receiver_body.kind);
    most integer := 500; -- of 3,000 in a section of Slack, 2,000 in a field, 1,024 in one of Discord and in a summary of PagerDuty
    fitted jsonb;
    body text;
BEGIN
    LOOP
        fitted := fit_said(said, k.style, most);
        body := CASE kind WHEN 'slack' THEN slack_body(fitted)::text
                          WHEN 'teams' THEN teams_body(fitted)::text
                          WHEN 'mattermost' THEN mattermost_body(fitted)::text
                          WHEN 'google_chat' THEN google_chat_body(fitted, fit_said(said, 'plain', most), coalesce(message #>> '{data,alert}', message #>> '{data,reason}'))::text
                          WHEN 'discord' THEN discord_body(fitted, message ->> 'timestamp')::text
                          WHEN 'pagerduty' THEN pagerduty_body(fitted, message)::text
                          WHEN 'alertmanager' THEN alertmanager_body(fitted, message)::text
                          WHEN 'email' THEN email_body(fit_said(said, 'plain', most), fitted, message)
                          WHEN 'telegram' THEN telegram_body(fitted)::text END;
        EXIT WHEN octet_length(convert_to(body, 'UTF8')) <= k.most_bytes AND (kind <> 'telegram' OR telegram_fits(body::json)) OR most < 40 AND said -> 'links' = '[]';
        IF most < 40 THEN
            said := jsonb_set(said, '{links}', '[]');
        ELSE
            most := most / 2;
        END IF;
    END LOOP;
    RETURN body;
END
$$;
COMMENT ON FUNCTION @extschema@.receiver_body(text, jsonb, jsonb) IS 'The body of a message for a kind of receiver, within its limits.';

CREATE FUNCTION @extschema@.endpoint_body(kind text, message json, principal text, message_id text, links jsonb)
RETURNS text LANGUAGE plpgsql STABLE PARALLEL RESTRICTED COST 10000
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    linked CONSTANT jsonb := CASE WHEN links = '{}' THEN message::jsonb ELSE jsonb_set(message::jsonb, '{data,links}', links) END;
BEGIN
    IF kind = 'webhook' THEN
        RETURN CASE WHEN links = '{}' THEN message::text ELSE linked::text END;
    ELSIF kind = 'cloudevents' THEN
        RETURN cloudevents_body(linked, message_id)::text;
    END IF;
    RETURN receiver_body(kind, linked, CASE WHEN message ->> 'type' LIKE 'alerts.%' THEN said_list(linked, links, principal)
                                            ELSE said_message(linked, links, principal) END);
END
$$;
COMMENT ON FUNCTION @extschema@.endpoint_body(text, json, text, text, jsonb) IS
'The body of a message for an endpoint''s kind, in the words of its principal; links by target.';
