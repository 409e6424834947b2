-- What was spent, and what it brought. Currencies are never added together: every row is of one.

CREATE FUNCTION @extschema@.spend_source(relation pg_catalog.regclass, since timestamptz, until timestamptz) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    adopted CONSTANT adoption := (SELECT a FROM adoption a WHERE a.relation = spend_source.relation);
    of_touches CONSTANT boolean := adopted.entity = 'touch';
    at CONSTANT text := mapped_instant(relation, CASE WHEN of_touches THEN '{at,created_at}' ELSE '{on_date}' END::text[]);
    amount CONSTANT text := CASE WHEN of_touches THEN 'cost' ELSE 'amount' END;
BEGIN
    IF at IS NULL OR NOT has_attribute(relation, amount) THEN
        RETURN NULL;
    END IF;
    RETURN format('SELECT t.*, %L::oid AS campaign_of FROM rows_as_owner(%s::regclass, %L) AS t (channel text COLLATE "C", campaign text COLLATE "C", '
                  'kind text COLLATE "C", unit text, currency text COLLATE "C", amount numeric)',
                  coalesce(referred(relation, 'campaign'), 0), relation::oid,
                  format('SELECT %s, %s, %s, %s, %s, sum(@extschema@.%I(r)::numeric) FROM %s r WHERE %s >= %L::timestamptz AND %s < %L::timestamptz '
                         'GROUP BY 1, 2, 3, 4, 5',
                         mapped_word(relation, 'channel'), mapped_word(relation, 'campaign'),
                         CASE WHEN of_touches THEN '''marketing''::text' ELSE mapped_word(relation, 'kind') END,
                         format('coalesce(%s, %L)', CASE WHEN has_attribute(relation, 'unit') THEN '@extschema@.map_unit(r)::text' ELSE 'NULL' END,
                                adopted.fallback_unit),
                         CASE WHEN of_touches THEN '''''::text' ELSE mapped_word(relation, 'currency') END,
                         'map_' || amount, relation, at, since, at, until));
END
$$;
COMMENT ON FUNCTION @extschema@.spend_source(pg_catalog.regclass, timestamptz, timestamptz) IS
'SQL for what a table of spend, or the cost of touches, says was spent from since until before until; NULL where it says nothing.';
SELECT @extschema@.set_audience('spend_source(regclass, timestamptz, timestamptz)', 'internal');

CREATE FUNCTION @extschema@.spent(since timestamptz, until timestamptz)
    RETURNS TABLE (channel text, campaign text, kind text, currency text, amount numeric)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100 COST 10000 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    sources CONSTANT text := (SELECT string_agg(spend_source(a.relation, coalesce(since, '-infinity'), coalesce(until, 'infinity')), ' UNION ALL '
                                                ORDER BY a.relation::oid)
                              FROM adoption a WHERE a.entity IN ('spend', 'touch'));
BEGIN
    PERFORM visible(NULL::text, 'kpi', 'total'); -- no identity is an error, even where there is no row
    RETURN QUERY EXECUTE format(
        'WITH source AS MATERIALIZED (%s), mine AS MATERIALIZED '
        '(SELECT u.unit FROM (SELECT DISTINCT s.unit FROM source s) u WHERE visible(u.unit, ''kpi'', ''total'')) '
        'SELECT coalesce(nullif(s.channel, ''''), nullif(c.channel, ''''), ''(not set)''), nullif(s.campaign, ''''), nullif(s.kind, ''''), '
        'coalesce(nullif(s.currency, ''''), nullif(c.currency, '''')), sum(s.amount) '
        'FROM source s JOIN mine m ON m.unit IS NOT DISTINCT FROM s.unit LEFT JOIN (%s) c ON c.place = s.campaign_of AND c.campaign = s.campaign '
        'WHERE s.amount IS NOT NULL GROUP BY 1, 2, 3, 4',
        coalesce(sources, 'SELECT NULL::text AS channel, NULL::text AS campaign, NULL::text AS kind, NULL::text AS unit, NULL::text AS currency, '
                          'NULL::numeric AS amount, 0::oid AS campaign_of WHERE false'), campaign_sources());
END
$$;
COMMENT ON FUNCTION @extschema@.spent(timestamptz, timestamptz) IS
'What was spent from since until before until: rows of the entity spend (a day begins at midnight of its table''s zone) and the cost of '
'touches (kind marketing), which is in the currency of their campaign. Of the units for which the caller has the privilege total.';
SELECT @extschema@.set_audience('spent(timestamptz, timestamptz)', 'internal');

CREATE FUNCTION @extschema@.campaign_return(model text, funnel text DEFAULT NULL, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL,
                                            look_back interval DEFAULT '90 days', by text[] DEFAULT '{channel,campaign}', kinds text[] DEFAULT NULL,
                                            half_life interval DEFAULT '7 days', weights numeric[] DEFAULT '{40,20,40}',
                                            direct text[] DEFAULT '{direct,(direct)}')
    RETURNS TABLE (channel text, campaign text, currency text, leads numeric, wins numeric, amount numeric, margin numeric, spend numeric,
                   revenue_per_spend numeric, return_on_spend numeric, cost_per_lead numeric, cost_per_win numeric)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100 COST 1000000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    won record;
    lead_stage text;
BEGIN
    PERFORM visible(NULL::text, 'kpi', 'total'), check_attribution(model, by, look_back, half_life, weights);
    IF 'kind' = ANY (by) THEN
        PERFORM refuse_attribution('spend and touches have kinds of their own', 'Type by => ARRAY[''channel'', ''campaign''].');
    END IF;
    SELECT s.* INTO won FROM attribution_stage(funnel, 'won') s;
    lead_stage := (SELECT coalesce(s.read_as, s.stage) FROM funnel_stage s WHERE s.funnel = won.funnel AND s.milestone = 'lead');
    RETURN QUERY
    WITH win AS MATERIALIZED (
        SELECT a.* FROM attributed(ARRAY[model], won.funnel, won.stage, since, until, look_back, by, half_life, weights, direct, false) a),
    lead AS MATERIALIZED (
        SELECT a.* FROM attributed(ARRAY[model], won.funnel, lead_stage, since, until, look_back, by, half_life, weights, direct, false) a
        WHERE lead_stage IS NOT NULL),
    counted AS (
        SELECT u.channel, u.campaign, sum(u.lead) AS leads, sum(u.win) AS wins
        FROM (SELECT l.channel, l.campaign, l.credit AS lead, 0 AS win FROM lead l
              UNION ALL SELECT w.channel, w.campaign, CASE WHEN lead_stage IS NOT NULL THEN 0 END, w.credit FROM win w) u GROUP BY 1, 2),
    flow AS (
        SELECT u.channel, u.campaign, u.currency, sum(u.amount) AS amount, sum(u.margin) AS margin, sum(u.spend) AS spend
        FROM (SELECT w.channel, w.campaign, w.currency, w.amount, w.margin, NULL::numeric AS spend FROM win w WHERE w.amount IS NOT NULL
              UNION ALL
              SELECT CASE WHEN 'channel' = ANY (by) THEN s.channel END, CASE WHEN 'campaign' = ANY (by) THEN s.campaign END, s.currency, NULL, NULL, s.amount
              FROM spent(since, until) s WHERE kinds IS NULL OR coalesce(s.kind, 'marketing') = ANY (kinds)) u
        GROUP BY 1, 2, 3)
    SELECT coalesce(c.channel, f.channel), coalesce(c.campaign, f.campaign), f.currency,
           CASE WHEN lead_stage IS NOT NULL THEN coalesce(c.leads, 0) END, coalesce(c.wins, 0), f.amount, f.margin, f.spend,
           round(f.amount / nullif(f.spend, 0), 4), round((f.margin - f.spend) / nullif(f.spend, 0), 4),
           round(f.spend / nullif(c.leads, 0), 2), round(f.spend / nullif(c.wins, 0), 2)
    FROM counted c
    FULL JOIN flow f ON coalesce(f.channel, '') = coalesce(c.channel, '') AND coalesce(f.campaign, '') = coalesce(c.campaign, '')
    ORDER BY 1, 2, 3;
END
$$;
COMMENT ON FUNCTION @extschema@.campaign_return(text, text, timestamptz, timestamptz, interval, text[], text[], interval, numeric[], text[]) IS
'What channels and campaigns brought and cost, from since until before until: leads and wins that a model of attribution owes them (first '
'entries to these milestones), amount and margin of the deals won, and spend (entity spend, of these kinds where kinds is given, what has none is marketing''s, and cost '
'of touches); revenue_per_spend is amount / spend, return_on_spend (margin - spend) / spend, cost_per_lead and cost_per_win spend / leads and '
'/ wins; NULL where one would divide by nothing or a part is not known. Money is by currency; leads and wins have none and are those of '
'the campaign in each of its rows, so do not sum them over currencies. Other arguments, rights and errors as those of attribution. '
'Example: SELECT * FROM crm.campaign_return(''linear'', since => ''2026-01-01'', by => ARRAY[''channel'']);';

CREATE FUNCTION @extschema@.stage_cost(funnel text, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL, kinds text[] DEFAULT NULL)
    RETURNS TABLE (stage text, "position" integer, department text, milestone text, entered bigint, currency text, spend numeric,
                   cost_per_entry numeric)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 20 COST 100000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM visible(NULL::text, 'kpi', 'total'), require_funnel(funnel);
    RETURN QUERY
    WITH entry AS (
        SELECT t.to_stage AS stage, min(t.at) AS at FROM total_transition(stage_cost.funnel, NULL, NULL) t
        WHERE t.to_stage IS NOT NULL GROUP BY t.subject, t.to_stage),
    counted AS (
        SELECT e.stage, count(*) AS entered FROM entry e
        WHERE (since IS NULL OR e.at >= since) AND (until IS NULL OR e.at < until) GROUP BY 1),
    money AS (
        SELECT s.currency, sum(s.amount) AS spend FROM spent(since, until) s WHERE kinds IS NULL OR s.kind = ANY (kinds) GROUP BY 1)
    SELECT s.stage, s."position", s.department, s.milestone, coalesce(c.entered, 0), m.currency, m.spend, round(m.spend / nullif(c.entered, 0), 2)
    FROM funnel_stage s LEFT JOIN counted c USING (stage) LEFT JOIN money m ON true
    WHERE s.funnel = stage_cost.funnel AND (s.retired_at IS NULL OR c.entered > 0)
    ORDER BY s."position", m.currency;
END
$$;
COMMENT ON FUNCTION @extschema@.stage_cost(text, timestamptz, timestamptz, text[]) IS
'What it cost to bring a subject to each stage: all that was spent from since until before until (of these kinds, where kinds is given) '
'by the subjects that entered the stage for the first time then; the stage with milestone won has the cost of a win. A row for each '
'stage and currency; NULL where nobody entered. Numbers of the units for which the caller has the privilege total. Errors: RM001. '
'Example: SELECT * FROM crm.stage_cost(''journey'', ''2026-01-01'', ''2026-04-01'', kinds => ARRAY[''marketing'', ''sales'']);';
