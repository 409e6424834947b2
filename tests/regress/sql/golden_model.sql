-- Golden values of made-up customers, under every rule and for several readers, against a slow model in plain SQL.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
SET client_min_messages = warning;
-- chance that is the same everywhere
CREATE FUNCTION pick(seed text, n integer) RETURNS integer LANGUAGE sql IMMUTABLE
    RETURN (('x' || substr(md5(seed), 1, 8))::bit(32)::bigint & 2147483647) % n;

SELECT crm.create_unit('acme', 'The firm', 'business') IS NOT NULL AS made;
SELECT count(crm.create_unit('u' || i, 'Unit ' || i, 'geographic', 'acme')) FROM generate_series(1, 4) i;
CREATE ROLE regress_model_one;
CREATE ROLE regress_model_two;
SELECT count(crm.create_principal(p, role_name => ('regress_model_' || p)::name)) FROM unnest('{one,two}'::text[]) p;
SELECT crm.create_role('reader');
SELECT crm.grant_privilege('reader', 'customer', 'read', 'unit');
SELECT count(crm.add_member('one', u, 'reader')) FROM unnest('{u1,u2}'::text[]) u;
SELECT count(crm.add_member('two', u, 'reader')) FROM unnest('{u2,u3}'::text[]) u;

-- 300 customers, each with up to 8 records in three tables, by their tax id; values of few kinds, times that are often equal or unknown
DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY '{alpha,beta,gamma}'::text[] LOOP
        EXECUTE format('CREATE TABLE %I (id integer PRIMARY KEY, tax text, made timestamptz, region text, segment text, website text, job text, '
                       'company text, mail text)', t);
        EXECUTE format($sql$INSERT INTO %1$I
            SELECT i, 'T' || 1000 + pick(%1$L || 'tax' || i, 300),
                   CASE WHEN pick(%1$L || 'made' || i, 5) > 0 THEN '2024-01-01'::timestamptz + pick(%1$L || 'day' || i, 6) * interval '1 day' END,
                   'u' || pick(%1$L || 'unit' || i, 4) + 1,
                   (ARRAY['gold', 'Gold', 'silver', 'tin', NULL])[pick(%1$L || 'segment' || i, 5) + 1],
                   (ARRAY['a.example', 'bb.example', 'cc.example', 'éé.example', NULL])[pick(%1$L || 'site' || i, 5) + 1],
                   (ARRAY['boss', 'clerk', 'buyer', NULL])[pick(%1$L || 'job' || i, 4) + 1],
                   (ARRAY['Acme', 'Acme Ltd', 'ACME', 'Other'])[pick(%1$L || 'company' || i, 4) + 1],
                   CASE pick(%1$L || 'mail' || i, 4) WHEN 0 THEN NULL WHEN 1 THEN 'none' ELSE 'm' || %1$L || i || '@x.example' END
            FROM generate_series(1, 500) i$sql$, t);
        PERFORM crm.adopt(t::regclass, 'customer', department => 'd' || t, columns => '{"tax_id": "tax", "created_at": "made", "unit": "region",
            "segment": "segment", "website": "website", "job_title": "job", "company": "company", "email": "mail", "kind": "''person''"}');
        EXECUTE format('GRANT SELECT ON %I TO PUBLIC', t);
    END LOOP;
END
$$;
CALL crm.backfill('alpha');
CALL crm.backfill('beta');
CALL crm.backfill('gamma');
SELECT crm.resolve_pending() > 0 AS linked;
SELECT count(*) > 0 FROM crm.protect('alpha', '{"organisation": "region"}');
SELECT count(*) > 0 FROM crm.protect('beta', '{"organisation": "region"}');
SELECT crm.resolve_pending() >= 0 AS read_again;
-- some change later, each by one attribute
UPDATE alpha SET segment = 'bronze' WHERE id % 7 = 0;
UPDATE gamma SET job = 'owner' WHERE id % 11 = 0;
SELECT crm.resolve_pending() > 0 AS read_again;
-- who is who is given, whatever the linker makes of such values
UPDATE crm.record_link l SET customer_id = m.customer_id
FROM (SELECT r.record_no, min(r.customer_id) OVER (PARTITION BY r.tax_id) AS customer_id FROM crm.record r) m WHERE m.record_no = l.record_no;
CREATE TABLE change AS
    SELECT 'alpha' AS relation, id::text AS key, 'segment' AS attribute FROM alpha WHERE id % 7 = 0 AND segment IS NOT NULL
    UNION ALL SELECT 'gamma', id::text, 'job_title' FROM gamma WHERE id % 11 = 0;

-- every value with who has it, by the readers' own rights on the tables
CREATE VIEW row_of_team WITH (security_invoker) AS
    SELECT 'alpha' AS relation, a.* FROM alpha a UNION ALL SELECT 'beta', b.* FROM beta b UNION ALL SELECT 'gamma', g.* FROM gamma g;
CREATE TABLE link AS SELECT relation::text AS relation, record_key AS key, customer_id FROM crm.customer_record;
GRANT SELECT ON row_of_team, link, change TO PUBLIC;
CREATE VIEW value_of_team WITH (security_invoker) AS
    SELECT l.customer_id, r.relation, r.id::text AS key, v.attribute, v.value,
           CASE WHEN v.attribute = 'email' THEN v.value NOT LIKE '%@%' ELSE false END AS invalid,
           coalesce((SELECT '2030-01-01'::timestamptz FROM change c WHERE c.relation = r.relation AND c.key = r.id::text AND c.attribute = v.attribute),
                    r.made, '-infinity') AS since
    FROM row_of_team r JOIN link l ON l.relation = r.relation AND l.key = r.id::text,
         LATERAL (VALUES ('segment', r.segment), ('website', r.website), ('job_title', r.job), ('company', r.company), ('email', r.mail)) v (attribute, value)
    WHERE v.value IS NOT NULL;
GRANT SELECT ON value_of_team TO PUBLIC;
CREATE FUNCTION model(rule text, trusted text[]) RETURNS TABLE (customer_id bigint, attribute text, value text) LANGUAGE sql STABLE AS $$
    SELECT DISTINCT ON (v.customer_id, v.attribute) v.customer_id, v.attribute, v.value
    FROM (SELECT w.*, count(*) OVER (PARTITION BY w.customer_id, w.attribute, lower(w.value COLLATE "C")) AS holders
          FROM value_of_team w) v
    ORDER BY v.customer_id, v.attribute, v.invalid,
             CASE WHEN rule = 'most_frequent' THEN -v.holders WHEN rule = 'most_trusted' THEN coalesce(array_position(trusted, v.relation), 9)
                  WHEN rule = 'longest' THEN -length(v.value) ELSE 0 END,
             v.since DESC, v.relation COLLATE "C", v.key COLLATE "C"
$$;
CREATE FUNCTION compare(rule text, sources text[], trusted text[]) RETURNS TABLE (rule_of text, reader text, customers bigint, "values" bigint, wrong bigint)
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM crm.set_survivorship(a, rule, sources) FROM unnest('{segment,website,job_title,company,email}'::text[]) a;
    rule_of := rule;
    FOREACH reader IN ARRAY '{one,two,none}'::text[] LOOP
        PERFORM set_config('role', CASE reader WHEN 'none' THEN reader ELSE 'regress_model_' || reader END, true);
        SELECT count(DISTINCT c.customer_id), count(c.value), count(*) FILTER (WHERE c.value IS DISTINCT FROM m.value)
        INTO customers, "values", wrong
        FROM (SELECT c.customer_id, v.* FROM crm.customer c,
                     LATERAL (VALUES ('segment', c.segment), ('website', c.website), ('job_title', c.job_title), ('company', c.company), ('email', c.email)) v (attribute, value)
              WHERE v.value IS NOT NULL) c
        FULL JOIN model(rule, trusted) m USING (customer_id, attribute);
        PERFORM set_config('role', 'none', true);
        RETURN NEXT;
    END LOOP;
END
$$;
SELECT * FROM compare('most_recent', NULL, NULL);
SELECT * FROM compare('most_frequent', NULL, NULL);
SELECT * FROM compare('most_trusted', '{dgamma,public.alpha}', '{gamma,alpha}');
SELECT * FROM compare('longest', NULL, NULL);
-- the first of a set is the most recent, and the set is every value once
SELECT * FROM compare('set', NULL, NULL);
SET ROLE regress_model_one;
SELECT count(*) AS customers, sum(n.n) AS "values", count(*) FILTER (WHERE n.n <> m.n) AS wrong
FROM (SELECT c.customer_id, (SELECT count(*) FROM jsonb_each(c.value_sets) e, jsonb_array_elements(e.value)) AS n FROM crm.customer c) n
FULL JOIN (SELECT v.customer_id, count(DISTINCT (v.attribute, lower(v.value COLLATE "C"))) AS n FROM value_of_team v GROUP BY 1) m USING (customer_id);
-- customer_value says the same as customer, and of each value where it stands
SELECT count(*) AS "values", count(*) FILTER (WHERE NOT EXISTS (
    SELECT FROM value_of_team t WHERE t.customer_id = v.customer_id AND t.relation = v.relation::text AND t.key = v.record_key
       AND t.attribute = v.attribute AND t.value = v.value)) AS wrong
FROM crm.customer_value v WHERE v.attribute IN ('segment', 'website', 'job_title', 'company', 'email');
RESET ROLE;
DROP OWNED BY regress_model_one, regress_model_two;
DROP ROLE regress_model_one, regress_model_two;
