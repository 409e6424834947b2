-- Attribution: which touches a conversion is owed to.

CREATE FUNCTION @extschema@.attribution_step(internal, text, interval, double precision[], interval, timestamptz, integer, boolean, bigint, text,
                                             integer, bigint, bigint, timestamptz, text, text, text, boolean, boolean) RETURNS internal
    AS 'MODULE_PATHNAME', 'crm_attribution_step' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10;
COMMENT ON FUNCTION @extschema@.attribution_step(internal, text, interval, double precision[], interval, timestamptz, integer, boolean, bigint, text,
                                                 integer, bigint, bigint, timestamptz, text, text, text, boolean, boolean) IS
'Step of attribution_shares.';
SELECT @extschema@.set_audience('attribution_step(internal, text, interval, double precision[], interval, timestamptz, integer, boolean, bigint, text, '
                                'integer, bigint, bigint, timestamptz, text, text, text, boolean, boolean)', 'internal');
CREATE TYPE @extschema@.attribution_share AS (
    grp integer, touched boolean, channel text, campaign text, kind text, credit bigint, amount bigint, margin bigint, conversions bigint);
COMMENT ON TYPE @extschema@.attribution_share IS
'A row of attribution_shares: what a channel gets in a group of conversions; touched is false for those without a touch. credit is of '
'10^9 for each conversion; conversions had such a touch.';
CREATE FUNCTION @extschema@.attribution_final(internal) RETURNS @extschema@.attribution_share[]
    AS 'MODULE_PATHNAME', 'crm_attribution_final' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.attribution_final(internal) IS 'Final function of attribution_shares.';
SELECT @extschema@.set_audience('attribution_final(internal)', 'internal');
CREATE AGGREGATE @extschema@.attribution_shares(model text, half_life interval, weights double precision[], look_back interval, since timestamptz,
                                                groups integer, strict boolean, path bigint, stray text, grp integer, amount bigint, margin bigint,
                                                at timestamptz, channel text, campaign text, kind text, direct boolean, fallback boolean) (
    SFUNC = @extschema@.attribution_step, STYPE = internal, FINALFUNC = @extschema@.attribution_final, FINALFUNC_MODIFY = READ_WRITE,
    PARALLEL = RESTRICTED);
COMMENT ON AGGREGATE @extschema@.attribution_shares(text, interval, double precision[], interval, timestamptz, integer, boolean, bigint, text,
                                                    integer, bigint, bigint, timestamptz, text, text, text, boolean, boolean) IS
'What channels get for conversions, over rows that come in order of path, stray and time: one without a time for each conversion, and its '
'touches. grp counts from 1; 0 is a conversion that the chain of markov learns from and nobody sees, NULL a path without conversion, for '
'markov only. Too many channels for the model are an error where strict, else NULL.';
SELECT @extschema@.set_audience('attribution_shares(text, interval, double precision[], interval, timestamptz, integer, boolean, bigint, text, '
                                'integer, bigint, bigint, timestamptz, text, text, text, boolean, boolean)', 'internal');

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
                                   CASE WHEN funnels IS NULL THEN 'Give a stage this milestone with create_funnel or add_stage.'
                                        ELSE format('Type funnel => %L.', funnels[1]) END);
    END IF;
    SELECT s.funnel, coalesce(s.read_as, s.stage) INTO attribution_stage.funnel, attribution_stage.stage FROM funnel_stage s
    WHERE s.funnel = funnels[1] AND s.milestone = attribution_stage.milestone;
END
$$;
COMMENT ON FUNCTION @extschema@.attribution_stage(text, text) IS
'The stage with a milestone in a funnel, as it is read; without one in the only funnel that has it, or the only one of them about customers. RM005 '
'where there is none or several.';
SELECT @extschema@.set_audience('attribution_stage(text, text)', 'internal');

CREATE FUNCTION @extschema@.attribution_entries(funnel text, stage text)
    RETURNS TABLE (path bigint, node bigint, place oid, holder text, at timestamptz, unit text, relation oid, record_key text)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100000 COST 100000
    SET search_path = pg_catalog, @extschema@, pg_temp SET enable_nestloop = off AS $$
DECLARE
    of_customers CONSTANT boolean := (SELECT f.subject = 'customer' FROM funnel f WHERE f.funnel = attribution_entries.funnel);
BEGIN
    RETURN QUERY
    WITH entry AS MATERIALIZED (
        SELECT t.at, t.unit, t.relation::oid AS relation, t.record_key COLLATE "C" AS record_key, t."sequence",
               CASE WHEN t.customer_key IS NULL AND t.anonymous_id IS NOT NULL THEN 0 ELSE coalesce(t.customer_relation, t.relation)::oid END AS place,
               coalesce(t.customer_key, t.anonymous_id, t.record_key) COLLATE "C" AS holder
        FROM transition_log t WHERE t.funnel = $1 AND t.to_stage IN (SELECT s.stage FROM stage_read s WHERE s.funnel = $1 AND s.read_as = $2)),
    owned AS (
        SELECT e.*, coalesce(l.customer_id, -c.record_no) AS node FROM entry e
        LEFT JOIN record_copy c ON c.relation::oid = e.place AND c.record_key = e.holder
        LEFT JOIN record_link l USING (record_no)
        WHERE e.place <> 0
        UNION ALL
        SELECT e.*, coalesce(v.customer_id, -v.record_no) FROM entry e
        LEFT JOIN identified_span v ON v.anonymous_id COLLATE "C" = e.holder AND coalesce(e.at, '-infinity') >= v.since AND coalesce(e.at, '-infinity') < v.until
        WHERE e.place = 0),
    source AS MATERIALIZED ( -- the name once for each table
        SELECT r.relation, table_name(r.relation::regclass) COLLATE "C" AS name FROM (SELECT DISTINCT e.relation FROM entry e) r),
    known AS MATERIALIZED (SELECT o.*, o.node > 0 AND of_customers AS linked, s.name FROM owned o JOIN source s USING (relation))
    SELECT row_number() OVER (), f.node, f.place, f.holder, f.at, f.unit, f.relation, f.record_key
    FROM (SELECT DISTINCT ON (k.node) k.* FROM known k WHERE k.linked
          ORDER BY k.node, k.at NULLS LAST, k.name, k.record_key, k."sequence") f
    UNION ALL
    SELECT -row_number() OVER (), f.node, f.place, f.holder, f.at, f.unit, f.relation, f.record_key
    FROM (SELECT DISTINCT ON (CASE WHEN of_customers THEN k.place ELSE k.relation END, CASE WHEN of_customers THEN k.holder ELSE k.record_key END) k.*
          FROM known k WHERE k.linked IS NOT TRUE
          ORDER BY CASE WHEN of_customers THEN k.place ELSE k.relation END, CASE WHEN of_customers THEN k.holder ELSE k.record_key END,
                   k.at NULLS LAST, k.name, k.record_key, k."sequence") f;
END
$$;
COMMENT ON FUNCTION @extschema@.attribution_entries(text, text) IS
'The first entry of each subject of a funnel into a stage: by customer where the funnel is about customers and it is linked, else by record '
'or visitor. path numbers them, node is the customer (minus the record''s number while it is not linked), NULL where nobody is known.';
SELECT @extschema@.set_audience('attribution_entries(text, text)', 'internal');

-- What a conversion was worth, and in which group it is counted: of one month, currency and kind of worth.
CREATE TYPE @extschema@.attributed_conversion AS (path bigint, node bigint, place oid, holder text, at timestamptz, counted boolean, shown boolean,
                                                  grp integer, month date, currency text, amount numeric, margin numeric);
COMMENT ON TYPE @extschema@.attributed_conversion IS
'A conversion: who, when, whether it is in the time that was asked for (counted), and of a unit whose numbers the caller may see (shown).';

CREATE FUNCTION @extschema@.attribution_conversions(funnel text, stage text, since timestamptz, until timestamptz, by_month boolean)
    RETURNS SETOF @extschema@.attributed_conversion
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100000 COST 100000
    SET search_path = pg_catalog, @extschema@, pg_temp SET enable_nestloop = off AS $$
DECLARE
    relations CONSTANT regclass[] := ARRAY(SELECT t.target FROM tracking t WHERE t.funnel = $1 UNION SELECT t.relation FROM tracking t WHERE t.funnel = $1);
BEGIN
    PERFORM visible(NULL::text, 'kpi', 'total'); -- no identity is an error, even where there is no row
    RETURN QUERY EXECUTE format($sql$
        WITH entry AS (
            SELECT e.*, ($4 IS NULL OR e.at < $4) AND ($3 IS NULL OR e.at >= $3) IS TRUE AS counted,
                   visible(e.unit, 'kpi', 'total') AS mine,
                   CASE WHEN $5 THEN period_start('month', e.at, $6)::date END AS month
            FROM attribution_entries($1, $2) e),
        valued AS (
            SELECT e.*, d.*
            FROM entry e
            LEFT JOIN (SELECT s.place AS of_relation, s.record_key AS of_key, round(s.amount, 6) AS amount, s.currency,
                              CASE WHEN abs(s.amount * s.margin) < 1e18 THEN round(s.amount * s.margin, greatest(2, min_scale(round(s.amount, 6)))) END AS margin
                       FROM (%s) s WHERE abs(s.amount) < 1e18) d -- what a report cannot hold is no number
                   ON d.of_relation = e.relation AND d.of_key = e.record_key)
        SELECT v.path, v.node, v.place, v.holder, v.at, coalesce(v.counted, false), coalesce(v.counted AND v.mine, false),
               CASE WHEN v.counted AND v.mine THEN (dense_rank() OVER (PARTITION BY v.counted AND v.mine
                    ORDER BY v.month, v.currency COLLATE "C", v.amount IS NULL, v.margin IS NULL))::integer ELSE 0 END,
               v.month, v.currency, v.amount, v.margin
        FROM valued v$sql$, deal_sources(relations))
    USING funnel, stage, since, until, by_month, default_zone();
END
$$;
COMMENT ON FUNCTION @extschema@.attribution_conversions(text, text, timestamptz, timestamptz, boolean) IS
'Conversions with their worth, whatever time and unit they are of.';
SELECT @extschema@.set_audience('attribution_conversions(text, text, timestamptz, timestamptz, boolean)', 'internal');

-- The ways in which a touch may name who converted; for markov, those who did not as well. Who did not convert walks as his
-- organisation. Paths of these are even and odd numbers below all others.
CREATE FUNCTION @extschema@.attribution_handles(conversions @extschema@.attributed_conversion[], until timestamptz, look_back interval, all_paths boolean)
    RETURNS TABLE (place oid, holder text, since timestamptz, until_time timestamptz, path bigint, begins timestamptz, ends timestamptz,
                   grp integer, amount numeric, margin numeric)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 200000 COST 100000
    SET search_path = pg_catalog, @extschema@, pg_temp SET enable_nestloop = off AS $$
BEGIN
    RETURN QUERY
    WITH conversion AS MATERIALIZED (SELECT c.* FROM unnest(conversions) c),
    reach AS MATERIALIZED ( -- an organisation's people are its own
        SELECT c.path, c.node FROM conversion c WHERE c.node IS NOT NULL
        UNION SELECT c.path, p.child FROM conversion c JOIN node_parent p ON p.parent = c.node),
    named AS (
        SELECT a.place, a.holder, a.since, a.until, r.path FROM reach r JOIN node_address a USING (node)
        UNION ALL SELECT c.place, c.holder COLLATE "C", '-infinity', 'infinity', c.path FROM conversion c WHERE c.node IS NULL)
    SELECT NULL::oid, NULL::text, NULL::timestamptz, NULL::timestamptz, c.path, NULL::timestamptz, NULL::timestamptz, c.grp, c.amount, c.margin
    FROM conversion c WHERE c.counted
    UNION ALL
    SELECT n.place, n.holder, n.since, n.until, CASE WHEN c.counted THEN c.path END, coalesce(c.at - look_back, '-infinity'), c.at, c.grp, NULL, NULL
    FROM named n JOIN conversion c USING (path)
    WHERE c.counted OR attribution_handles.until IS NULL OR c.at < attribution_handles.until;
    IF all_paths THEN
        RETURN QUERY
        WITH converted AS MATERIALIZED (
            SELECT c.node FROM unnest(conversions) c WHERE c.node IS NOT NULL AND (attribution_handles.until IS NULL OR c.at < attribution_handles.until)
            UNION SELECT p.child FROM unnest(conversions) c JOIN node_parent p ON p.parent = c.node
            WHERE attribution_handles.until IS NULL OR c.at < attribution_handles.until),
        root AS (SELECT p.child, min(p.parent) AS parent FROM node_parent p GROUP BY 1)
        SELECT a.place, a.holder, a.since, a.until, -4611686018427387904 + 2 * abs(coalesce(r.parent, a.node)) + (coalesce(r.parent, a.node) < 0)::integer,
               '-infinity'::timestamptz, 'infinity'::timestamptz, NULL::integer, NULL::numeric, NULL::numeric
        FROM node_address a
        LEFT JOIN converted d USING (node)
        LEFT JOIN root r ON r.child = a.node
        WHERE d.node IS NULL;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.attribution_handles(@extschema@.attributed_conversion[], timestamptz, interval, boolean) IS
'For each counted conversion a row without place, and one for each key or visitor by which touches from begins to ends lead to it (path NULL: '
'converted, and not counted). With all_paths also those of everybody known who did not convert before until, without grp.';
SELECT @extschema@.set_audience('attribution_handles(attributed_conversion[], timestamptz, interval, boolean)', 'internal');

-- Parameters of the query: $1 conversions, $2 until, $3 look_back, $4 by, $5 direct, $6 digits of money, $7 half_life, $8 weights,
-- $9 since, $10 groups, $11 whether markov is asked for, $12 whether last_non_direct is.
CREATE FUNCTION @extschema@.attribution_stream(touches text, all_paths boolean) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN pg_catalog.format($sql$
handle AS MATERIALIZED (SELECT h.* FROM attribution_handles($1, $2, $3, $11) h),
touch AS (%1$s),
stream AS MATERIALIZED (
    SELECT h.path, NULL::text COLLATE "C" AS stray, h.grp, (h.amount * 10::numeric ^ $6)::bigint AS amount, (h.margin * 10::numeric ^ $6)::bigint AS margin,
           NULL::timestamptz AS at, NULL::text COLLATE "C" AS channel, NULL::text COLLATE "C" AS campaign, NULL::text COLLATE "C" AS kind,
           false AS direct, false AS fallback, NULL::text COLLATE "C" AS source, NULL::text COLLATE "C" AS record_key
    FROM handle h WHERE h.place IS NULL
    UNION ALL
    SELECT coalesce(h.path, -9000000000000000000), CASE WHEN h.path IS NULL THEN t.place || ' ' || t.holder END, h.grp, NULL, NULL, t.at,
           CASE WHEN 'channel' = ANY ($4) THEN n.channel END, CASE WHEN 'campaign' = ANY ($4) THEN nullif(t.campaign, '') END,
           CASE WHEN 'kind' = ANY ($4) THEN nullif(t.kind, '') END, $12 AND lower(n.channel) = ANY ($5), t.fallback, t.source, t.record_key
    FROM touch t %2$s JOIN handle h ON h.place = t.place AND h.holder = t.holder AND t.at >= h.since AND t.at < h.until_time
    LEFT JOIN (%3$s) c ON c.place = t.campaign_of AND c.campaign = t.campaign AND t.channel = ''
    CROSS JOIN LATERAL (SELECT coalesce(nullif(t.channel, ''), nullif(c.channel, ''), '(not set)') AS channel) n
    WHERE %4$s
    ORDER BY path, stray, at NULLS FIRST, source, record_key)$sql$,
        touches, CASE WHEN all_paths THEN 'LEFT' ELSE '' END, '%s',
        CASE WHEN all_paths THEN 'h.place IS NULL OR h.path IS NOT NULL AND t.at >= h.begins AND t.at <= h.ends'
             ELSE 'h.path IS NOT NULL AND t.at >= h.begins AND t.at <= h.ends' END);
COMMENT ON FUNCTION @extschema@.attribution_stream(text, boolean) IS
'SQL, parts of a WITH: conversions and the touches that led to them, or with all_paths to none, in order; with a %s for the campaigns.';
SELECT @extschema@.set_audience('attribution_stream(text, boolean)', 'internal');

CREATE FUNCTION @extschema@.attribution_credits(models text[]) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (
    SELECT pg_catalog.format($sql$
bucket AS MATERIALIZED (
    SELECT c.grp, min(c.month) AS month, min(c.currency) AS currency, bool_or(c.amount IS NOT NULL) AS has_amount, bool_or(c.margin IS NOT NULL) AS has_margin
    FROM unnest($1) c WHERE c.shown GROUP BY 1)
SELECT m.model, b.month, CASE WHEN NOT s.touched AND 'channel' = ANY ($4) THEN '(none)' ELSE s.channel END, s.campaign, s.kind, b.currency,
       trim_scale(sum(s.credit) * 0.000000001),
       sum(s.amount) FILTER (WHERE b.has_amount) * ('1e-' || $6)::numeric,
       CASE WHEN NOT bool_or(b.has_amount AND NOT b.has_margin AND s.amount <> 0) -- a part that nobody knows is not nothing
            THEN sum(s.margin) FILTER (WHERE b.has_margin) * ('1e-' || $6)::numeric END,
       sum(s.conversions)::bigint
FROM (SELECT %s FROM stream s) a
CROSS JOIN LATERAL (VALUES %s) m (model, shares)
CROSS JOIN LATERAL unnest(m.shares) s
JOIN bucket b USING (grp)
GROUP BY m.model, b.month, s.touched, s.channel, s.campaign, s.kind, b.currency$sql$,
        pg_catalog.string_agg(pg_catalog.format(
            'attribution_shares(%L, $7, $8, $3, $9, $10, %L, s.path, s.stray, s.grp, s.amount, s.margin, s.at, s.channel, s.campaign, s.kind, s.direct, s.fallback)%s AS m%s',
            m, pg_catalog.cardinality(models) OPERATOR(pg_catalog.=) 1, CASE m WHEN 'markov' THEN '' ELSE ' FILTER (WHERE s.grp > 0)' END, i), ', ' ORDER BY i),
        pg_catalog.string_agg(pg_catalog.format('(%L, a.m%s)', m, i), ', ' ORDER BY i))
    FROM pg_catalog.unnest(models) WITH ORDINALITY u (m, i));
COMMENT ON FUNCTION @extschema@.attribution_credits(text[]) IS
'SQL, the end of a WITH: each model over the stream, and its shares in the groups of conversions.';
SELECT @extschema@.set_audience('attribution_credits(text[])', 'internal');

-- Reading a team's tables is not safe in parallel workers; a million touches are joined by hash and never one by one.
CREATE FUNCTION @extschema@.attributed(models text[], funnel text, stage text, since timestamptz, until timestamptz, look_back interval, by text[],
                                       half_life interval, weights numeric[], direct text[], by_month boolean)
    RETURNS TABLE (model text, month date, channel text, campaign text, kind text, currency text, credit numeric, amount numeric, margin numeric,
                   conversions bigint)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100 COST 1000000
    SET search_path = pg_catalog, @extschema@, pg_temp SET enable_nestloop = off SET enable_mergejoin = off SET jit = off AS $$
DECLARE
    days CONSTANT interval := make_interval(secs => extract(epoch FROM look_back)::double precision);
    all_paths CONSTANT boolean := 'markov' = ANY (models);
    found attributed_conversion[];
BEGIN
    found := ARRAY(SELECT c FROM attribution_conversions(funnel, stage, since, until, by_month) c
                   WHERE all_paths OR c.shown);
    RETURN QUERY EXECUTE 'WITH ' || format(attribution_stream(replace(touch_sources(since - days, until), '%', '%%'), all_paths), campaign_sources())
                         || ', ' || attribution_credits(models)
    USING found, until, days, by, ARRAY(SELECT lower(d) FROM unnest(direct) d),
          -- as many digits as all amounts together leave room for in 64 bits
          (SELECT greatest(0, least(greatest(2, max(min_scale(c.amount))), 18 - length(trunc(sum(abs(c.amount) + abs(coalesce(c.margin, 0))))::text)))
           FROM unnest(found) c WHERE c.shown), half_life, weights::double precision[], since,
          (SELECT coalesce(max(c.grp), 0) FROM unnest(found) c), all_paths, 'last_non_direct' = ANY (models);
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
    PERFORM visible(NULL::text, 'kpi', 'total'), check_attribution(model, by, look_back, half_life, weights);
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
'the last digit, by currency; conversions counts those with such a touch; margin is NULL where a deal with a part in it tells none. Conversions without a touch have channel (none). Numbers of '
'the units for which the caller has the privilege total. Errors: RM001, RM005. '
'Example: SELECT * FROM crm.attribution(''linear'', since => ''2026-01-01'', by => ARRAY[''channel'']);';
