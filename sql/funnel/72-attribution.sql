-- Attribution: which touches a conversion is owed to.

CREATE FUNCTION @extschema@.attribution_step(internal, text, interval, double precision[], interval, timestamptz, integer, integer,
                                             bigint, integer, timestamptz, integer, boolean, boolean, bigint, bigint) RETURNS internal
    AS 'MODULE_PATHNAME', 'crm_attribution_step' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10;
COMMENT ON FUNCTION @extschema@.attribution_step(internal, text, interval, double precision[], interval, timestamptz, integer, integer,
                                                 bigint, integer, timestamptz, integer, boolean, boolean, bigint, bigint) IS
'Step of attribution_shares.';
SELECT @extschema@.set_audience('attribution_step(internal, text, interval, double precision[], interval, timestamptz, integer, integer, '
                                'bigint, integer, timestamptz, integer, boolean, boolean, bigint, bigint)', 'internal');
CREATE FUNCTION @extschema@.attribution_final(internal) RETURNS bigint[]
    AS 'MODULE_PATHNAME', 'crm_attribution_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.attribution_final(internal) IS 'Final function of attribution_shares.';
SELECT @extschema@.set_audience('attribution_final(internal)', 'internal');
CREATE AGGREGATE @extschema@.attribution_shares(model text, half_life interval, weights double precision[], look_back interval, since timestamptz,
                                                channels integer, groups integer, path bigint, grp integer, at timestamptz, channel integer,
                                                direct boolean, fallback boolean, amount bigint, margin bigint) (
    SFUNC = @extschema@.attribution_step, STYPE = internal, FINALFUNC = @extschema@.attribution_final, FINALFUNC_MODIFY = READ_WRITE,
    PARALLEL = RESTRICTED);
COMMENT ON AGGREGATE @extschema@.attribution_shares(text, interval, double precision[], interval, timestamptz, integer, integer, bigint, integer,
                                                    timestamptz, integer, boolean, boolean, bigint, bigint) IS
'What channels get for conversions, over touches that come in order of path and time: rows group, channel (0: none), credit (of 10^9 for '
'each conversion), amount, margin, conversions with a touch of the channel. channel and grp count from 1; grp 0 is a conversion that '
'the chain of markov learns from and nobody sees, NULL a path without conversion, for markov only.';
SELECT @extschema@.set_audience('attribution_shares(text, interval, double precision[], interval, timestamptz, integer, integer, bigint, integer, '
                                'timestamptz, integer, boolean, boolean, bigint, bigint)', 'internal');

CREATE FUNCTION @extschema@.attribution_models() RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN '{first,last,last_non_direct,linear,time_decay,position,markov,shapley}'::text[];
COMMENT ON FUNCTION @extschema@.attribution_models() IS 'The models of attribution.';

CREATE FUNCTION @extschema@.refuse_attribution(message text, hint text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '%', message USING ERRCODE = 'RM005', HINT = hint;
END
$$;
COMMENT ON FUNCTION @extschema@.refuse_attribution(text, text) IS 'Raises RM005 for an argument of attribution.';
SELECT @extschema@.set_audience('refuse_attribution(text, text)', 'internal');

CREATE FUNCTION @extschema@.check_attribution(model text, by text[], look_back interval, half_life interval, weights numeric[]) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    dimensions CONSTANT text[] := '{channel,campaign,kind}';
BEGIN
    IF model IS NULL OR model <> ALL (attribution_models()) THEN
        PERFORM raise_unknown('attribution model', coalesce(model, ''), attribution_models());
    ELSIF coalesce(cardinality(by), 0) = 0 OR array_position(by, NULL) IS NOT NULL THEN
        PERFORM refuse_attribution('attribution needs what to credit', 'Type by => ARRAY[''channel'', ''campaign''].');
    ELSIF NOT by <@ dimensions THEN
        PERFORM raise_unknown('attribute of touches', (SELECT min(b) FROM unnest(by) b WHERE b <> ALL (dimensions)), dimensions);
    ELSIF extract(year FROM look_back) <> 0 OR extract(month FROM look_back) <> 0 OR look_back < interval '0' THEN
        PERFORM refuse_attribution('the look-back is neither negative nor in months or years', 'Type look_back => ''90 days'', or NULL for no limit.');
    ELSIF half_life IS NULL OR extract(year FROM half_life) <> 0 OR extract(month FROM half_life) <> 0 OR half_life <= interval '0' THEN
        PERFORM refuse_attribution('the half-life is more than nothing, and not in months or years', 'Type half_life => ''7 days''.');
    ELSIF coalesce(cardinality(weights), 0) <> 3 OR array_position(weights, NULL) IS NOT NULL
          OR EXISTS (SELECT FROM unnest(weights) w WHERE w < 0 OR w >= 1e9) OR (SELECT sum(w) FROM unnest(weights) w) = 0 THEN
        PERFORM refuse_attribution('position takes three weights, of the first touch, those in the middle and the last', 'Type weights => ARRAY[40, 20, 40].');
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.check_attribution(text, text[], interval, interval, numeric[]) IS
'Raises RM001 or RM005 for arguments of attribution that make no sense.';
SELECT @extschema@.set_audience('check_attribution(text, text[], interval, interval, numeric[])', 'internal');

CREATE FUNCTION @extschema@.attribution_stage(INOUT funnel text, milestone text, OUT stage text)
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    funnels text[];
BEGIN
    IF milestone IS NULL OR NOT EXISTS (SELECT FROM milestone m WHERE m.milestone = attribution_stage.milestone) THEN
        PERFORM raise_unknown('milestone', coalesce(milestone, ''), (SELECT array_agg(m.milestone) FROM milestone m));
    END IF;
    PERFORM require_funnel(funnel) WHERE funnel IS NOT NULL;
    SELECT array_agg(s.funnel ORDER BY s.funnel) INTO funnels
    FROM funnel_stage s JOIN funnel f USING (funnel)
    WHERE s.milestone = attribution_stage.milestone AND (attribution_stage.funnel IS NULL OR s.funnel = attribution_stage.funnel);
    IF cardinality(funnels) > 1 THEN -- the customers' own, where there is one
        funnels := coalesce((SELECT array_agg(f.funnel) FROM funnel f WHERE f.funnel = ANY (funnels) AND f.subject = 'customer' HAVING count(*) = 1), funnels);
    END IF;
    IF coalesce(cardinality(funnels), 0) <> 1 THEN
        PERFORM refuse_attribution(format(CASE WHEN funnels IS NULL THEN 'no stage%s has milestone "%s"' ELSE 'several funnels%s have milestone "%s"' END,
                                          ' of funnel "' || funnel || '"', milestone),
                                   coalesce(format('Type funnel => %L.', funnels[1]), 'Make one with create_funnel or add_stage.'));
    END IF;
    SELECT s.funnel, s.stage INTO attribution_stage.funnel, attribution_stage.stage FROM funnel_stage s
    WHERE s.funnel = funnels[1] AND s.milestone = attribution_stage.milestone;
END
$$;
COMMENT ON FUNCTION @extschema@.attribution_stage(text, text) IS
'The stage with a milestone in a funnel; without one in the only funnel that has it, or the only one of them about customers. RM005 '
'where there is none or several.';
SELECT @extschema@.set_audience('attribution_stage(text, text)', 'internal');

-- Parameters of the query: $1 funnel, $2 stage, $3 since, $4 until, $5 look_back, $6 by, $7 half_life, $8 weights, $9 direct,
-- $10 units, $11 by month, $12 whether paths without conversion and conversions of other units are wanted.
CREATE FUNCTION @extschema@.attribution_conversions(relations pg_catalog.regclass[]) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT format($sql$
entry AS MATERIALIZED ( -- the first of each subject
    SELECT DISTINCT ON (t.subject) t.subject, t.at, t.relation::oid AS relation, t.record_key, t.unit,
           CASE WHEN t.customer_key IS NULL AND t.anonymous_id IS NOT NULL THEN 0 ELSE coalesce(t.customer_relation, t.relation)::oid END AS place,
           coalesce(t.customer_key, t.anonymous_id, t.record_key) COLLATE "C" AS holder
    FROM subject_transition t WHERE t.funnel = $1 AND t.to_stage = $2
    ORDER BY t.subject, t.at NULLS LAST, table_name(t.relation), t.record_key COLLATE "C", t."sequence"),
deal AS MATERIALIZED (%s),
valued AS (
    SELECT row_number() OVER (ORDER BY e.subject COLLATE "C") AS path, e.*, coalesce(n.node, v.node) AS node,
           ($4 IS NULL OR e.at < $4) AND ($3 IS NULL OR e.at >= $3) AS counted, $4 IS NULL OR e.at < $4 AS converted,
           coalesce(e.unit = ANY ($10), array_position($10, NULL) IS NOT NULL) AS mine,
           CASE WHEN $11 THEN date_trunc('month', e.at AT TIME ZONE default_zone())::date END AS month,
           CASE WHEN abs(d.amount) < 'Infinity' THEN round(d.amount, 6) END AS amount,
           CASE WHEN abs(d.amount) < 'Infinity' AND abs(d.margin) < 'Infinity' THEN round(d.amount * d.margin, greatest(2, min_scale(round(d.amount, 6)))) END AS margin,
           CASE WHEN abs(d.amount) < 'Infinity' THEN d.currency END AS currency
    FROM entry e
    LEFT JOIN node_address n ON n.place <> 0 AND n.place = e.place AND n.holder = e.holder
    LEFT JOIN node_address v ON v.place = 0 AND e.place = 0 AND v.holder = e.holder
                            AND coalesce(e.at, '-infinity') >= v.since AND coalesce(e.at, '-infinity') < v.until
    LEFT JOIN deal d ON d.place = e.relation AND d.record_key = e.record_key),
conversion AS MATERIALIZED (
    SELECT v.*, v.counted AND v.mine AS shown, CASE WHEN v.counted AND v.mine THEN
               dense_rank() OVER (PARTITION BY v.counted AND v.mine ORDER BY v.month, v.currency COLLATE "C", v.amount IS NULL) ELSE 0 END::integer AS grp
    FROM valued v WHERE $12 OR v.counted AND v.mine),
money AS (SELECT greatest(2, max(min_scale(c.amount))) AS digits FROM conversion c WHERE c.shown),
bucket AS MATERIALIZED (
    SELECT c.grp, c.month, c.currency, bool_or(c.amount IS NOT NULL) AS has_amount, bool_or(c.margin IS NOT NULL) AS has_margin
    FROM conversion c WHERE c.shown GROUP BY 1, 2, 3)$sql$, deal_sources(relations))
$$;
COMMENT ON FUNCTION @extschema@.attribution_conversions(pg_catalog.regclass[]) IS
'SQL, parts of a WITH: conversions with who converted, what it was worth and in which group it is counted.';
SELECT @extschema@.set_audience('attribution_conversions(regclass[])', 'internal');

CREATE FUNCTION @extschema@.attribution_paths(since timestamptz, until timestamptz) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT format($sql$
touch AS MATERIALIZED (%s),
reach AS MATERIALIZED ( -- an organisation's people are its own
    SELECT c.path, c.node FROM conversion c WHERE c.node IS NOT NULL
    UNION SELECT c.path, p.child FROM conversion c JOIN node_parent p ON p.parent = c.node),
handle AS (
    SELECT a.place, a.holder, a.since, a.until, r.path FROM reach r JOIN node_address a USING (node)
    UNION ALL SELECT c.place, c.holder, '-infinity', 'infinity', c.path FROM conversion c WHERE c.node IS NULL),
walk AS MATERIALIZED (
    SELECT c.path, t.at, t.channel, t.campaign_of, t.campaign, t.kind, t.fallback, t.source, t.record_key
    FROM handle h JOIN conversion c ON c.path = h.path AND c.counted
    JOIN touch t ON t.place = h.place AND t.holder = h.holder AND t.at >= h.since AND t.at < h.until
                AND t.at <= c.at AND ($5 IS NULL OR t.at >= c.at - $5)
    UNION ALL
    SELECT s.path, s.at, s.channel, s.campaign_of, s.campaign, s.kind, s.fallback, s.source, s.record_key
    FROM (%s) s)$sql$, touch_sources(since, until), attribution_strays())
$$;
COMMENT ON FUNCTION @extschema@.attribution_paths(timestamptz, timestamptz) IS
'SQL, parts of a WITH: the touches of all tables, and those that led to conversions, or, where paths without one are wanted, to none.';

-- Who did not convert walks as his organisation. Numbers of these paths are negative: known ones by their node, others counted.
CREATE FUNCTION @extschema@.attribution_strays() RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN $sql$
    SELECT coalesce(CASE WHEN a.root > 0 THEN -2 * a.root ELSE 2 * a.root - 1 END,
                    -4611686018427387904 - dense_rank() OVER (PARTITION BY a.root IS NULL ORDER BY t.place, t.holder COLLATE "C")) AS path, t.*
    FROM touch t
    LEFT JOIN (SELECT a.place, a.holder, a.since, a.until, coalesce(p.root, a.node) AS root, d.node IS NOT NULL AS converted
               FROM node_address a
               LEFT JOIN (SELECT p.child, min(p.parent) AS root FROM node_parent p GROUP BY 1) p ON p.child = a.node
               LEFT JOIN (SELECT DISTINCT r.node FROM reach r JOIN conversion c USING (path) WHERE c.converted) d ON d.node = a.node) a
           ON a.place = t.place AND a.holder = t.holder AND t.at >= a.since AND t.at < a.until
    LEFT JOIN conversion c ON c.node IS NULL AND c.converted AND c.place = t.place AND c.holder = t.holder
    WHERE $12 AND a.converted IS NOT TRUE AND c.path IS NULL$sql$;
COMMENT ON FUNCTION @extschema@.attribution_strays() IS 'SQL for the touches of those who did not convert, with a number for each of their paths.';
SELECT @extschema@.set_audience('attribution_strays()', 'internal');
SELECT @extschema@.set_audience('attribution_paths(timestamptz, timestamptz)', 'internal');

CREATE FUNCTION @extschema@.attribution_credits(models text[]) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT format($sql$
told AS (
    SELECT r.*, coalesce(nullif(r.channel, ''), nullif(c.channel, ''), '(not set)') AS named
    FROM (SELECT w.channel, w.campaign_of, w.campaign, w.kind FROM walk w GROUP BY 1, 2, 3, 4) r
    LEFT JOIN (%s) c ON c.place = r.campaign_of AND c.campaign = r.campaign),
labelled AS (
    SELECT t.*, CASE WHEN 'channel' = ANY ($6) THEN t.named END COLLATE "C" AS by_channel,
           CASE WHEN 'campaign' = ANY ($6) THEN nullif(t.campaign, '') END COLLATE "C" AS by_campaign,
           CASE WHEN 'kind' = ANY ($6) THEN nullif(t.kind, '') END COLLATE "C" AS by_kind FROM told t),
numbered AS MATERIALIZED (
    SELECT l.*, dense_rank() OVER (ORDER BY l.by_channel, l.by_campaign, l.by_kind)::integer AS no, lower(l.named) = ANY ($9) AS direct FROM labelled l),
step AS (
    SELECT w.path, w.at, n.no, n.direct, w.fallback, w.source, w.record_key
    FROM walk w JOIN numbered n USING (channel, campaign_of, campaign, kind)),
stream AS (
    SELECT c.path, c.grp, s.at, s.no, s.direct, s.fallback, (c.amount * 10::numeric ^ (SELECT m.digits FROM money m))::bigint AS amount,
           (c.margin * 10::numeric ^ (SELECT m.digits FROM money m))::bigint AS margin, s.source, s.record_key
    FROM conversion c LEFT JOIN step s USING (path) WHERE c.counted
    UNION ALL
    SELECT s.path, NULL, s.at, s.no, s.direct, s.fallback, NULL, NULL, s.source, s.record_key FROM step s WHERE s.path < 0
    ORDER BY path, at, source, record_key),
known AS (SELECT (SELECT coalesce(max(n.no), 0) FROM numbered n) AS channels, (SELECT coalesce(max(b.grp), 0) FROM bucket b) AS groups)
SELECT m.model, b.month, CASE WHEN n.no IS NULL AND 'channel' = ANY ($6) THEN '(none)' ELSE n.by_channel END, n.by_campaign, n.by_kind, b.currency,
       trim_scale(m.shares[i][3] * 0.000000001),
       CASE WHEN b.has_amount THEN m.shares[i][4] * ('1e-' || money.digits)::numeric END,
       CASE WHEN b.has_margin THEN m.shares[i][5] * ('1e-' || money.digits)::numeric END, m.shares[i][6]
FROM (SELECT %s FROM stream s CROSS JOIN known k) a
CROSS JOIN LATERAL (VALUES %s) m (model, shares)
CROSS JOIN LATERAL generate_subscripts(m.shares, 1) i
CROSS JOIN money
JOIN bucket b ON b.grp = m.shares[i][1]
LEFT JOIN (SELECT DISTINCT n.no, n.by_channel, n.by_campaign, n.by_kind FROM numbered n) n ON n.no = m.shares[i][2]$sql$,
        campaign_sources(),
        string_agg(format('attribution_shares(%L, $7, $8, $5, $3, k.channels, k.groups, s.path, s.grp, s.at, s.no, s.direct, s.fallback, s.amount, s.margin)'
                          '%s AS m%s', m, CASE m WHEN 'markov' THEN '' WHEN 'shapley' THEN CASE WHEN cardinality(models) > 1 THEN ' FILTER (WHERE s.grp > 0 AND k.channels <= 12)' ELSE ' FILTER (WHERE s.grp > 0)' END
                          ELSE ' FILTER (WHERE s.grp > 0)' END, i), ', ' ORDER BY i),
        string_agg(format('(%L, a.m%s)', m, i), ', ' ORDER BY i))
    FROM unnest(models) WITH ORDINALITY u (m, i)
$$;
COMMENT ON FUNCTION @extschema@.attribution_credits(text[]) IS
'SQL, the end of a WITH: channels numbered, each model over the paths, and its shares with names.';
SELECT @extschema@.set_audience('attribution_credits(text[])', 'internal');

-- Reading a team's tables is not safe in parallel workers; estimates of what it gives are far too low for nested loops.
CREATE FUNCTION @extschema@.attributed(models text[], funnel text, stage text, since timestamptz, until timestamptz, look_back interval, by text[],
                                       half_life interval, weights numeric[], direct text[], by_month boolean)
    RETURNS TABLE (model text, month date, channel text, campaign text, kind text, currency text, credit numeric, amount numeric, margin numeric,
                   conversions bigint)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100 COST 1000000
    SET search_path = pg_catalog, @extschema@, pg_temp SET enable_nestloop = off SET jit = off AS $$
DECLARE
    days CONSTANT interval := make_interval(secs => extract(epoch FROM look_back)::double precision);
BEGIN
    RETURN QUERY EXECUTE format('WITH %s, %s, %s',
        attribution_conversions((SELECT array_agg(t.relation) FROM tracking t WHERE t.funnel = attributed.funnel)
                                || (SELECT array_agg(t.target) FROM tracking t WHERE t.funnel = attributed.funnel)),
        attribution_paths(since - days, until), attribution_credits(models))
    USING funnel, stage, since, until, days, by, half_life, weights::double precision[],
          ARRAY(SELECT lower(d) FROM unnest(direct) d), units_in_total(), by_month, 'markov' = ANY (models);
END
$$;
COMMENT ON FUNCTION @extschema@.attributed(text[], text, text, timestamptz, timestamptz, interval, text[], interval, numeric[], text[], boolean) IS
'Credits by several models over the same paths; see attribution. With by_month, of the conversions of each month.';
SELECT @extschema@.set_audience('attributed(text[], text, text, timestamptz, timestamptz, interval, text[], interval, numeric[], text[], boolean)', 'internal');

CREATE FUNCTION @extschema@.attribution(model text, funnel text DEFAULT NULL, milestone text DEFAULT 'won', since timestamptz DEFAULT NULL,
                                        until timestamptz DEFAULT NULL, look_back interval DEFAULT '90 days', by text[] DEFAULT '{channel,campaign}',
                                        half_life interval DEFAULT '7 days', weights numeric[] DEFAULT '{40,20,40}',
                                        direct text[] DEFAULT '{direct,(direct)}')
    RETURNS TABLE (channel text, campaign text, kind text, currency text, credit numeric, amount numeric, margin numeric, conversions bigint)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100 COST 1000000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    credited record;
BEGIN
    PERFORM check_attribution(model, by, look_back, half_life, weights), units_in_total();
    SELECT s.* INTO credited FROM attribution_stage(funnel, milestone) s;
    RETURN QUERY
    SELECT a.channel, a.campaign, a.kind, a.currency, a.credit, a.amount, a.margin, a.conversions
    FROM attributed(ARRAY[model], credited.funnel, credited.stage, since, until, look_back, by, half_life, weights, direct, false) a
    ORDER BY a.credit DESC, a.channel, a.campaign, a.kind, a.currency;
END
$$;
COMMENT ON FUNCTION @extschema@.attribution(text, text, text, timestamptz, timestamptz, interval, text[], interval, numeric[], text[]) IS
'To which channels and campaigns conversions are owed. A conversion is the first entry of a subject into the milestone, from since until '
'before until; it is owed to the touches of the customer up to that moment and at most look_back before it (days of 24 hours; NULL: no '
'limit). model: first, last, last_non_direct, linear, time_decay (half as much for each half_life before the last touch), position '
'(weights of the first touch, those in the middle, the last), markov (removal effects), shapley (up to 12 channels). by: channel, '
'campaign, kind; direct: what last_non_direct passes over. Without funnel the only one with that milestone, or the only one about '
'customers. credit is in conversions and adds up to them, amount and margin (amount times margin of the deal) to those of the deals, to '
'the last digit, by currency; conversions counts those with such a touch. Conversions without a touch have channel (none). Numbers of '
'the units for which the caller has the privilege total. Errors: RM001, RM005. '
'Example: SELECT * FROM crm.attribution(''linear'', since => ''2026-01-01'', by => ARRAY[''channel'']);';
