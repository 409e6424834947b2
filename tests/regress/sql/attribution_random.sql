-- Attribution against a slow reference that knows nothing of how it is done: random touches with ties, visitors who change hands,
-- organisations, several deals, currencies and deals without amount. Credits and money add up, each model is what it says.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET timezone = 'UTC';
SELECT crm.create_funnel('sales', 'customer', '["deal", {"key": "won", "milestone": "won"}]');
CREATE TABLE account (id integer PRIMARY KEY, kind text, name text, email text, company integer REFERENCES account);
CREATE TABLE touch (id integer PRIMARY KEY, account integer REFERENCES account, visitor text, at timestamptz, channel text);
CREATE TABLE deal (id integer PRIMARY KEY, account integer REFERENCES account, state text, amount numeric, money text, opened timestamptz, closed timestamptz);
CREATE TABLE seen_as (visitor text, account integer, at timestamptz);
INSERT INTO account SELECT i, CASE WHEN i <= 5 THEN 'organisation' ELSE 'person' END, md5('name ' || i), md5('mail ' || i) || '@example.org',
    CASE WHEN i BETWEEN 6 AND 20 THEN i % 5 + 1 END FROM generate_series(1, 45) i;
SELECT count(*) > 0 AS adopted FROM crm.adopt('account', 'customer', columns => '{"kind": "kind", "full_name": "CASE kind WHEN ''person'' THEN name END", "company": "CASE kind WHEN ''organisation'' THEN name END", "email": "email", "parent": "company"}');
SELECT count(*) > 0 AS adopted FROM crm.adopt('touch', 'touch', columns => '{"customer": "account", "anonymous_id": "visitor", "at": "at", "channel": "channel"}');
SELECT count(*) > 0 AS adopted FROM crm.adopt('deal', 'opportunity', funnel => 'sales', columns => '{"customer": "account", "stage": "state", "amount": "amount", "currency": "money", "created_at": "opened", "closed_at": "closed"}');
CALL crm.backfill('account');
CALL crm.backfill('deal');
SELECT crm.resolve_pending() > 0 AS linked;
SELECT count(DISTINCT customer_id) FROM crm.customer_record;

CREATE FUNCTION fill(seed float8) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM setseed(seed);
    DELETE FROM deal;
    DELETE FROM touch;
    DELETE FROM seen_as;
    DELETE FROM crm.identification;
    INSERT INTO touch SELECT i, CASE WHEN random() < 0.7 THEN 1 + floor(random() * 45) END, CASE WHEN random() < 0.8 THEN 'v' || floor(random() * 12) END,
        timestamptz '2026-01-01' + floor(random() * 60) * interval '1 day', (ARRAY['search', 'email', 'social', 'direct', 'fair', 'tv', 'press'])[1 + floor(random() * 7)]
    FROM generate_series(1, 300) i;
    INSERT INTO deal SELECT i, 1 + floor(random() * 45), CASE WHEN random() < 0.7 THEN 'won' ELSE 'deal' END,
        CASE WHEN random() < 0.9 THEN round((random() * 1000)::numeric, floor(random() * 4)::integer) - 50 END, (ARRAY['EUR', 'USD', NULL])[1 + floor(random() * 3)], '2026-01-01',
        timestamptz '2026-01-20' + floor(random() * 60) * interval '1 day'
    FROM generate_series(1, 40) i;
    INSERT INTO seen_as SELECT 'v' || v, 1 + floor(random() * 45), timestamptz '2026-01-01' + (v * 7 + k * 20) * interval '1 day'
    FROM generate_series(0, 9) v, generate_series(0, 1) k WHERE random() < 0.7;
    PERFORM crm.identify_record(s.visitor, 'account', s.account::text, s.at) FROM seen_as s ORDER BY s.at;
END
$$;

-- Who each touch was of, first wins, and the touches that led to them.
CREATE VIEW owned AS
SELECT t.id, t.at, t.channel, coalesce(t.account,
       (SELECT s.account FROM seen_as s WHERE s.visitor = t.visitor AND s.at <= t.at ORDER BY s.at DESC LIMIT 1),
       (SELECT s.account FROM seen_as s WHERE s.visitor = t.visitor ORDER BY s.at LIMIT 1)) AS account, t.visitor
FROM touch t;
CREATE VIEW win AS
SELECT DISTINCT ON (account) account, id AS deal, amount, CASE WHEN amount IS NOT NULL THEN money END AS money, closed AS at
FROM deal WHERE state = 'won' ORDER BY account, closed, id::text COLLATE "C";
CREATE VIEW path_now AS
SELECT w.*, o.id AS touch, o.at AS touched, o.channel, row_number() OVER p AS i, count(*) OVER (PARTITION BY w.account) AS n
FROM win w JOIN owned o ON (o.account = w.account OR w.account = (SELECT a.company FROM account a WHERE a.id = o.account))
                       AND o.at <= w.at AND o.at >= w.at - interval '480 hours'
WINDOW p AS (PARTITION BY w.account ORDER BY o.at, o.id::text COLLATE "C");
CREATE TABLE path AS TABLE path_now WITH NO DATA;
CREATE VIEW weight AS
SELECT p.*, m.model, m.w / sum(m.w) OVER (PARTITION BY p.account, m.model) AS w
FROM (SELECT *, coalesce(max(i) FILTER (WHERE channel <> 'direct') OVER (PARTITION BY account), n) AS not_direct,
             max(touched) OVER (PARTITION BY account) AS latest FROM path) p,
LATERAL (VALUES ('first', (i = 1)::integer::numeric), ('last', (i = n)::integer::numeric), ('last_non_direct', (i = not_direct)::integer::numeric), ('linear', 1.0),
                ('time_decay', power(2.0, -extract(epoch FROM latest - touched) / 604800)),
                ('position', CASE WHEN n <= 2 THEN 1.0 WHEN i IN (1, n) THEN 0.4 ELSE 0.2 / (n - 2) END)) m (model, w);
-- Largest remainder, of 10^9 credits and of thousandths.
CREATE VIEW slow_path AS
SELECT model, channel, money, sum(credit) / 1000000000 AS credit, sum(amount) / 1000 AS amount, count(DISTINCT account) AS conversions
FROM (SELECT *, floor(c) + (row_number() OVER (PARTITION BY model, account ORDER BY c - floor(c) DESC, i) <= 1000000000 - sum(floor(c)) OVER q)::integer AS credit,
             sign(amount_) * (floor(a) + (row_number() OVER (PARTITION BY model, account ORDER BY a - floor(a) DESC, i) <= abs(amount_) - sum(floor(a)) OVER q)::integer) AS amount
      FROM (SELECT model, account, channel, money, i, round(w * 1000000000, 6) AS c, amount * 1000 AS amount_, round(w * abs(amount) * 1000, 6) AS a FROM weight) x
      WINDOW q AS (PARTITION BY model, account)) y
GROUP BY 1, 2, 3;

-- Where the paths lead from each channel, those of people who never bought included: they walk as their organisation.
CREATE VIEW leg_now AS
WITH buyer AS (SELECT account FROM win UNION SELECT a.id FROM account a JOIN win w ON w.account = a.company),
stray AS (
    SELECT coalesce('a' || coalesce(a.company, a.id), 'v' || o.visitor) AS who, o.id, o.at, o.channel
    FROM owned o LEFT JOIN account a ON a.id = o.account
    WHERE coalesce(o.account::text, o.visitor) IS NOT NULL AND NOT EXISTS (SELECT FROM buyer b WHERE b.account = o.account)),
step AS (
    SELECT 'w' || account AS who, channel, i, n, 'conversion' AS outcome FROM path
    UNION ALL
    SELECT who, channel, row_number() OVER (PARTITION BY who ORDER BY at, id::text COLLATE "C"), count(*) OVER (PARTITION BY who), 'end'
    FROM (SELECT *, max(at) OVER (PARTITION BY who) AS latest FROM stray) s WHERE at >= latest - interval '480 hours')
SELECT coalesce(lag(channel) OVER (PARTITION BY who ORDER BY i), 'start') AS from_state, channel AS to_state FROM step
UNION ALL SELECT channel, outcome FROM step WHERE i = n;
CREATE VIEW chance_now AS SELECT from_state, to_state, count(*) / sum(count(*)) OVER (PARTITION BY from_state)::float8 AS p FROM leg_now GROUP BY 1, 2;
CREATE TABLE chance AS TABLE chance_now WITH NO DATA;
CREATE FUNCTION reach(without text) RETURNS float8 LANGUAGE plpgsql AS $$ -- step by step
DECLARE
    here jsonb := '{"start": 1}';
    converted float8 := 0;
BEGIN
    FOR round IN 1..400 LOOP
        WITH next AS (SELECT c.to_state, sum(h.value::float8 * c.p) AS p FROM jsonb_each_text(here) h JOIN chance c ON c.from_state = h.key
                 WHERE c.to_state IS DISTINCT FROM without GROUP BY 1)
        SELECT converted + coalesce(sum(p) FILTER (WHERE to_state = 'conversion'), 0),
               coalesce(jsonb_object_agg(to_state, p) FILTER (WHERE to_state NOT IN ('conversion', 'end')), '{}') INTO converted, here FROM next;
        EXIT WHEN here = '{}' OR (SELECT sum(value::float8) FROM jsonb_each_text(here)) < 1e-13;
    END LOOP;
    RETURN converted;
END
$$;
-- By all sets of channels.
CREATE VIEW slow_shapley AS
WITH channel AS (SELECT channel, 1 << (row_number() OVER (ORDER BY channel))::integer - 1 AS bit, count(*) OVER ()::integer AS n FROM (SELECT DISTINCT channel FROM path) c),
game AS (SELECT account, money, coalesce(amount, 0) AS amount, bit_or(bit) AS used FROM path JOIN channel USING (channel) GROUP BY 1, 2, 3),
worth AS (SELECT s, sum(1) FILTER (WHERE used & ~s = 0) AS wins, money, sum(amount) FILTER (WHERE used & ~s = 0) AS amount
          FROM game, generate_series(0, (SELECT (1 << max(n)) - 1 FROM channel)) s GROUP BY s, money),
size AS (SELECT s, length(replace(s::bit(10)::text, '0', '')) AS members FROM generate_series(0, 1023) s)
SELECT c.channel, b.money, sum(k.k * (coalesce(a.wins, 0) - coalesce(b.wins, 0))) AS credit, sum(k.k * (coalesce(a.amount, 0) - coalesce(b.amount, 0))) AS amount
FROM channel c JOIN worth b ON b.s & c.bit = 0 JOIN worth a ON a.s = b.s | c.bit AND a.money IS NOT DISTINCT FROM b.money
JOIN size z ON z.s = b.s, LATERAL (SELECT factorial(z.members) * factorial(c.n - z.members - 1) / factorial(c.n) AS k) k
GROUP BY 1, 2;

CREATE FUNCTION told(model text) RETURNS TABLE (channel text, money text, credit numeric, amount numeric, conversions bigint) LANGUAGE sql AS $$
    SELECT channel, currency, credit, amount, conversions FROM crm.attribution(model, by => ARRAY['channel'], look_back => '20 days')
$$;
CREATE FUNCTION check_seed(seed float8) RETURNS TABLE (model text, off bigint, wins boolean, money boolean) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM fill(seed);
    DELETE FROM path;
    INSERT INTO path TABLE path_now;
    DELETE FROM chance;
    INSERT INTO chance TABLE chance_now;
    RETURN QUERY
    WITH fast AS MATERIALIZED (SELECT m AS model, t.* FROM unnest(crm.attribution_models()) WITH ORDINALITY u (m, n), LATERAL told(m) t),
    lone AS (SELECT count(*) AS wins, w.money, sum(w.amount) AS amount FROM win w WHERE NOT EXISTS (SELECT FROM path p WHERE p.account = w.account) GROUP BY 2),
    effect AS MATERIALIZED (SELECT c.channel, 1 - reach(c.channel) / reach('nowhere') AS effect FROM (SELECT DISTINCT to_state AS channel FROM chance WHERE to_state NOT IN ('conversion', 'end')) c),
    slow AS (
        SELECT s.model, s.channel, s.money, s.credit, s.amount, s.conversions FROM slow_path s
        UNION ALL SELECT 'shapley', s.channel, s.money, s.credit, s.amount, NULL FROM slow_shapley s
        UNION ALL SELECT 'markov', e.channel, t.money, t.wins * e.effect::numeric / (SELECT sum(x.effect)::numeric FROM effect x),
                         t.amount * e.effect::numeric / (SELECT sum(x.effect)::numeric FROM effect x), NULL
                  FROM effect e, (SELECT x.money, count(*) AS wins, sum(x.amount) AS amount FROM (SELECT DISTINCT p.account, p.money, p.amount FROM path p) x GROUP BY 1) t
        UNION ALL SELECT m, '(none)', l.money, l.wins, l.amount, l.wins FROM lone l, unnest(crm.attribution_models()) m),
    compared AS (
        SELECT coalesce(f.model, s.model) AS model,
               coalesce(abs(f.credit - s.credit), greatest(f.credit, s.credit, 1)) > CASE WHEN coalesce(f.model, s.model) IN ('time_decay', 'markov', 'shapley') THEN 1e-7 ELSE 0 END
               OR abs(coalesce(f.amount, 0) - coalesce(s.amount, 0)) > CASE WHEN coalesce(f.model, s.model) IN ('time_decay', 'markov', 'shapley') THEN 0.011 ELSE 0 END
               OR f.conversions <> s.conversions AS off
        FROM fast f FULL JOIN (SELECT * FROM slow x WHERE x.credit > 1e-9 OR x.conversions > 0) s
             ON f.model = s.model AND f.channel = s.channel AND coalesce(f.money, '') = coalesce(s.money, ''))
    SELECT m, (SELECT count(*) FILTER (WHERE c.off) FROM compared c WHERE c.model = m),
           (SELECT sum(f.credit) FROM fast f WHERE f.model = m) = (SELECT count(*) FROM win),
           NOT EXISTS (SELECT f.money, sum(f.amount) FROM fast f WHERE f.model = m AND f.amount IS NOT NULL GROUP BY 1
                       EXCEPT SELECT w.money, sum(w.amount) FROM win w WHERE w.amount IS NOT NULL GROUP BY 1)
    FROM unnest(crm.attribution_models()) m;
END
$$;
SELECT model, sum(off) AS off, bool_and(wins) AS wins, bool_and(money) AS money FROM generate_series(1, 3) s, LATERAL check_seed(s / 10.0) GROUP BY 1 ORDER BY 1;
SELECT count(*) > 10 AS wins, max(n) > 5 AS long, bool_or(n = 1) AS lone FROM path;
