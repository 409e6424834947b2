-- The story and the document: rights as the policies have them, pages, stages by their labels, composite keys.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET client_min_messages = warning;
CREATE FUNCTION pick(seed text, n integer) RETURNS integer LANGUAGE sql IMMUTABLE
    RETURN (('x' || substr(md5(seed), 1, 8))::bit(32)::bigint & 2147483647) % n;

CREATE TABLE company (id integer PRIMARY KEY, name text, vat text, made timestamptz);
INSERT INTO company SELECT i, 'Company ' || i, 'V' || i, '2024-01-01' FROM generate_series(1, 3) i;
SELECT count(*) > 0 FROM crm.adopt('company', 'customer', department => 'sales', columns => '{"kind": "''organisation''", "company": "name", "tax_id": "vat", "created_at": "made"}');
-- two tables under two hierarchies and an owner, all of them or any; a third by a column that its adoption does not map
CREATE TABLE deal_all (id integer PRIMARY KEY, company_id integer REFERENCES company, title text, state text, made timestamptz, region text, line text, rep text);
CREATE TABLE deal_any (LIKE deal_all INCLUDING ALL, FOREIGN KEY (company_id) REFERENCES company);
CREATE TABLE ticket (id uuid PRIMARY KEY, company_id integer REFERENCES company, topic text, made timestamptz, office text, line text);
SELECT crm.create_unit('root', 'Root', 'business') IS NOT NULL AS made;
SELECT count(crm.create_unit('u' || i, 'Unit ' || i, 'geographic', parent => CASE WHEN i < 3 THEN 'root' ELSE 'u' || pick('parent' || i, i - 1) + 1 END)) FROM generate_series(1, 12) i;
SELECT count(crm.create_unit('p' || i, 'Line ' || i, 'product', hierarchy => 'product', parent => CASE WHEN i < 3 THEN 'root' ELSE 'p' || pick('line' || i, i - 1) + 1 END)) FROM generate_series(1, 8) i;
INSERT INTO deal_all
    SELECT i, pick('company' || i, 3) + 1, 'Deal ' || i, 'open', '2024-01-01'::timestamptz + pick('day' || i, 40) * interval '1 day',
           CASE WHEN pick('no' || i, 15) > 0 THEN 'u' || pick('u' || i, 13) END, CASE WHEN pick('none' || i, 9) > 0 THEN 'p' || pick('p' || i, 8) + 1 END,
           'r' || pick('rep' || i, 8)
    FROM generate_series(1, 200) i;
INSERT INTO deal_any SELECT * FROM deal_all;
INSERT INTO ticket SELECT md5(d.id::text)::uuid, d.company_id, d.title, d.made, d.region, d.line FROM deal_all d;
SELECT count(*) > 0 FROM unnest('{deal_all,deal_any}'::regclass[]) t, crm.adopt(t, 'opportunity', department => 'sales', columns =>
    '{"customer": "company_id", "name": "title", "stage": "state", "created_at": "made"}');
SELECT count(*) > 0 FROM crm.adopt('ticket', 'ticket', department => 'service', columns => '{"customer": "company_id", "subject": "topic", "opened_at": "made", "unit": "office"}');
CALL crm.backfill('company');
SELECT crm.resolve_pending() > 0 AS linked;
SELECT crm.customer_of('company', '1') AS one, crm.customer_of('company', '2') AS two \gset

-- eight pairs: what one may read, the other may only be told; denied and shared alike
DO $$
DECLARE
    p text;
    way text;
BEGIN
    FOR i IN 1..8 LOOP
        FOREACH way IN ARRAY '{reads,hears}'::text[] LOOP
            p := way || i;
            EXECUTE format('CREATE ROLE regress_story_%s', p);
            EXECUTE format('GRANT SELECT ON company%s TO regress_story_%s', CASE way WHEN 'reads' THEN ', deal_all, deal_any, ticket' ELSE '' END, p);
            PERFORM crm.create_principal(p, role_name => ('regress_story_' || p)::name);
        END LOOP;
    END LOOP;
    FOREACH way IN ARRAY '{reads,hears}'::text[] LOOP
        FOR i IN 1..6 LOOP
            PERFORM crm.create_role(way || '_role' || i);
            PERFORM crm.grant_privilege(way || '_role' || i, (ARRAY['opportunity', 'ticket', '*'])[pick('object' || i, 3) + 1],
                                        CASE way WHEN 'reads' THEN 'read' ELSE 'story' END, (ARRAY['own', 'unit', 'below', 'below', 'unit', 'organisation'])[i]);
        END LOOP;
        FOR i IN 1..30 LOOP
            PERFORM crm.add_member(way || pick('who' || i, 8) + 1, CASE pick('tree' || i, 3) WHEN 0 THEN 'p' || pick('in' || i, 8) + 1 ELSE 'u' || pick('in' || i, 12) + 1 END,
                                   way || '_role' || pick('as' || i, 6) + 1);
        END LOOP;
        FOR i IN 1..8 LOOP
            PERFORM crm.deny(way || i, (ARRAY['opportunity', 'ticket', '*'])[pick('deny' || i, 3) + 1], CASE way WHEN 'reads' THEN 'read' ELSE 'story' END,
                             CASE pick('denied' || i, 2) WHEN 0 THEN 'p' || pick('din' || i, 8) + 1 ELSE 'u' || pick('din' || i, 12) + 1 END);
        END LOOP;
    END LOOP;
END
$$;
SELECT count(*) > 0 FROM crm.protect('deal_all', '{"organisation": "region", "product": "line"}', owner_column => 'rep', object => 'opportunity');
SELECT count(*) > 0 FROM crm.protect('deal_any', '{"organisation": "region", "product": "line"}', combine => 'any', object => 'opportunity', fallback_unit => 'u2');
SELECT count(*) > 0 FROM crm.protect('ticket', '{"product": "line"}', object => 'ticket');
SELECT count(crm.add_principal_alias('reads' || i, 'r' || i)) FROM generate_series(1, 4) i;
SELECT count(crm.add_principal_alias('hears' || i, 'r' || i)) FROM generate_series(5, 7) i;
CREATE TABLE told (who text, what text, keys text[]);
GRANT INSERT ON told TO PUBLIC;
CREATE FUNCTION ask() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    keys text[];
    ids bigint[] := ARRAY(SELECT c.customer_id FROM crm.customer c ORDER BY 1);
BEGIN
    TRUNCATE told;
    FOR i IN 1..8 LOOP
        PERFORM set_config('role', 'regress_story_reads' || i, true);
        INSERT INTO told SELECT 'reads' || i, 'deal_all', array_agg(id::text ORDER BY id::text) FROM deal_all;
        INSERT INTO told SELECT 'reads' || i, 'deal_any', array_agg(id::text ORDER BY id::text) FROM deal_any;
        INSERT INTO told SELECT 'reads' || i, 'ticket', array_agg(id::text ORDER BY id::text) FROM ticket;
        INSERT INTO told SELECT 'document of reads' || i, d->>'relation', array_agg(d->>'record_key' ORDER BY d->>'record_key')
            FROM unnest(ids) c, crm.customer_360(c, 0) x, LATERAL (SELECT * FROM jsonb_array_elements(x->'deals') UNION ALL SELECT * FROM jsonb_array_elements(x->'open_tickets')) e (d)
            GROUP BY 2;
        INSERT INTO told SELECT 'story of reads' || i, t.relation::text, array_agg(t.record_key ORDER BY t.record_key)
            FROM unnest(ids) c, crm.customer_timeline(c) t WHERE t.kind <> 'customer' GROUP BY 2;
        PERFORM set_config('role', 'regress_story_hears' || i, true);
        INSERT INTO told SELECT 'story of hears' || i, t.relation::text, array_agg(t.record_key ORDER BY t.record_key)
            FROM unnest(ids) c, crm.customer_timeline(c) t WHERE t.kind <> 'customer' GROUP BY 2;
        INSERT INTO told SELECT 'document of hears' || i, d->>'relation', array_agg(d->>'record_key' ORDER BY d->>'record_key')
            FROM unnest(ids) c, crm.customer_360(c, 0) x, LATERAL (SELECT * FROM jsonb_array_elements(x->'deals') UNION ALL SELECT * FROM jsonb_array_elements(x->'open_tickets')) e (d)
            GROUP BY 2;
        PERFORM set_config('role', 'none', true);
    END LOOP;
END
$$;
CREATE FUNCTION compare(told_by text) RETURNS TABLE (compared text, tables bigint, rows bigint, wrong bigint) LANGUAGE sql AS $$
    SELECT told_by, count(*), sum(cardinality(r.keys)), count(*) FILTER (WHERE r.keys IS DISTINCT FROM t.keys)
    FROM told r LEFT JOIN told t ON t.who = told_by || right(r.who, 1) AND regexp_replace(t.what, '^public\.', '') = r.what
    WHERE r.who LIKE 'reads%'
$$;
SELECT ask();
-- the document has what the policies let through; the story too, where story is all that one has, or is included in read
SELECT * FROM compare('document of reads');
SELECT * FROM compare('story of reads');
-- owners are nobody else's pair: without them reading and hearing agree
UPDATE deal_all SET rep = NULL;
SELECT ask();
SELECT * FROM compare('story of hears');
SELECT count(*) AS read_by_those_who_may_only_hear FROM told WHERE who LIKE 'document of hears%';
-- shares show single rows, and no denied one
SELECT count(crm.share('deal_all', i::text, 'reads' || i % 8 + 1, '{read}', reason => 'x')) FROM generate_series(1, 80, 3) i;
SELECT ask();
SELECT * FROM compare('document of reads');
SELECT * FROM compare('story of reads');

-- pages: with any size, in both directions, they are the whole
CREATE FUNCTION pages(customer bigint, size integer, newest boolean) RETURNS SETOF crm.story_event LANGUAGE plpgsql AS $$
DECLARE
    page crm.story_event[];
    last_one crm.story_event;
BEGIN
    LOOP
        page := ARRAY(SELECT t FROM crm.customer_timeline(customer, max_rows => size, behind => last_one, newest_first => newest) t);
        EXIT WHEN cardinality(page) = 0;
        RETURN QUERY SELECT * FROM unnest(page);
        last_one := page[cardinality(page)];
    END LOOP;
END
$$;
SELECT size, newest, count(*) AS events, count(*) FILTER (WHERE p IS DISTINCT FROM w) AS wrong
FROM unnest('{9,50,1000}'::integer[]) size, unnest('{true,false}'::boolean[]) newest,
     LATERAL (SELECT p.n, p, w FROM (SELECT row_number() OVER () AS n, p FROM pages(:one, size, newest) p) p
              FULL JOIN (SELECT row_number() OVER () AS n, w FROM crm.customer_timeline(:one, newest_first => newest) w) w USING (n)) x
GROUP BY 1, 2 ORDER BY 1, 2;
SET ROLE regress_story_reads1;
SELECT count(*) > 0 AS events, count(*) FILTER (WHERE p IS DISTINCT FROM w) AS wrong
FROM (SELECT row_number() OVER () AS n, p FROM crm.customer_timeline(:one, max_rows => 20) p) p
FULL JOIN (SELECT row_number() OVER () AS n, w FROM crm.customer_timeline(:one) w LIMIT 20) w USING (n);
RESET ROLE;
SELECT min(at) >= '2024-01-10' AS since, max(at) < '2024-01-20' AS until, count(*) > 0 AS some FROM crm.customer_timeline(:one, '2024-01-10', '2024-01-20');
SELECT count(*) FROM crm.customer_timeline(:one, max_rows => 0);
SELECT count(*) FROM crm.customer_timeline(:one, max_rows => -1);

-- a stage is called as its funnel calls it, where the table is tracked
SELECT crm.create_funnel('sales', 'opportunity', '[{"key": "open", "position": 100, "label": "Negotiating", "kind": "entry"}]') IS NOT NULL AS made;
SELECT count(*) > 0 FROM crm.track('deal_any', 'sales');
SELECT relation, stage, count(*) > 0 FROM crm.customer_timeline(:one) WHERE kind = 'opportunity' GROUP BY 1, 2 ORDER BY 1::text;
SELECT crm.customer_360(:one, 0) #> '{stages,opportunity}' ?& '{Negotiating,open}' AS both;

-- customers with composite keys, and what refers to them; the primary key's index is used
CREATE TABLE branch (firm integer, place text, name text, vat text, PRIMARY KEY (firm, place));
CREATE TABLE visit (id integer PRIMARY KEY, firm integer, place text, note text, at timestamptz, FOREIGN KEY (firm, place) REFERENCES branch);
INSERT INTO branch SELECT i, 'pl"ace, ' || i % 7, 'Branch ' || i, 'B' || i FROM generate_series(1, 3000) i;
INSERT INTO visit SELECT i, i, 'pl"ace, ' || i % 7, 'Visit ' || i, '2024-01-01' FROM generate_series(1, 3000) i;
SELECT count(*) > 0 FROM crm.adopt('branch', 'customer', department => 'sales', columns => '{"company": "name", "tax_id": "vat"}');
SELECT count(*) > 0 FROM crm.adopt('visit', 'activity', department => 'sales', columns => '{"customer": {"column": "crm.record_key(firm::text, place)", "of": "public.branch"}, "subject": "note", "at": "at"}');
CALL crm.backfill('branch');
CALL crm.resolve(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL) \gset
SELECT crm.customer_of('branch', '["8", "pl\"ace, 1"]') AS branch \gset
SELECT kind, record_key, subject FROM crm.customer_timeline(:branch);
CREATE FUNCTION index_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    plan json;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
    RETURN jsonb_path_query_array(plan::jsonb, '$.**."Index Name"');
END
$$;
CREATE INDEX visit_branch ON visit (firm, place);
ANALYZE branch, visit;
SELECT index_of('SELECT FROM branch r WHERE ' || crm.belongs_condition('branch', ARRAY[:branch]::bigint[])) AS of_the_record,
       index_of('SELECT FROM visit r WHERE ' || crm.belongs_condition('visit', ARRAY[:branch]::bigint[])) AS of_the_reference;
ALTER TABLE visit RENAME COLUMN firm TO company;
SELECT kind, record_key, subject FROM crm.customer_timeline(:branch);
DO $$
BEGIN
    FOR i IN 1..8 LOOP
        EXECUTE format('DROP OWNED BY regress_story_reads%s, regress_story_hears%1$s', i);
        EXECUTE format('DROP ROLE regress_story_reads%s, regress_story_hears%1$s', i);
    END LOOP;
END
$$;
