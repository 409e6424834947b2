-- Sales: a home-grown application. Text and uuid keys, an enum for the stage, names in two columns, dates without time.
CREATE SCHEMA sales;

CREATE TYPE sales.deal_status AS ENUM ('accepted', 'qualified', 'proposal', 'won', 'lost');

CREATE TABLE sales.reps (
    email text PRIMARY KEY,
    name text NOT NULL,
    office text NOT NULL
);
INSERT INTO sales.reps
SELECT demo.plain(given) || '.' || lower(office) || n || '@northlight.example', given || ' ' || family, office
FROM (SELECT o.office, n, demo.pick('{Tilda,Arne,Nora,Emil,Freya,Kai,Rosa,Ole,Maren}', demo.u(n, o.office)) AS given,
             demo.pick('{Aalto,Berg,Carlsen,Dahl,Ekman,Falck,Graf,Hauser,Iversen,Juhl}', demo.u(n + 10, o.office)) AS family
      FROM demo.office o, generate_series(1, 3) n) r;

CREATE TABLE sales.accounts (
    account_no text PRIMARY KEY,
    name text NOT NULL,
    vat_id text,
    website text,
    phone text,
    city text,
    country char(2)
);
-- every company with a deal, and those served for years; some are entered twice
INSERT INTO sales.accounts
SELECT 'A' || (10000 + c) || suffix, CASE suffix WHEN '' THEN company ELSE upper(company) END,
       CASE WHEN suffix <> '' OR demo.u(c, 'vat known') < 0.8 THEN vat END, 'https://www.' || domain, switchboard, city, country
FROM demo.company, LATERAL unnest(CASE WHEN demo.u(c, 'entered twice') < 0.04 THEN '{"",-2}'::text[] ELSE '{""}' END) suffix
WHERE EXISTS (SELECT FROM demo.person p LEFT JOIN demo.path t USING (i) WHERE p.c = company.c AND (t.sal IS NOT NULL OR p.served_for_years))
ORDER BY c;

CREATE TABLE sales.people (
    person_id uuid PRIMARY KEY,
    account_no text NOT NULL REFERENCES sales.accounts,
    first_name text NOT NULL,
    last_name text NOT NULL,
    mail text,
    phone text
);
-- sales types what it hears on the telephone
INSERT INTO sales.people
SELECT md5('person ' || i)::uuid, 'A' || (10000 + c), CASE WHEN demo.u(i, 'initial') < 0.1 THEN left(given, 1) || '.' ELSE given END,
       CASE WHEN demo.u(i, 'umlaut') < 0.5 THEN family ELSE translate(family, 'äöüøé', 'aouoe') END,
       CASE WHEN demo.u(i, 'mail to sales') < 0.93 THEN demo.readdress(email, demo.u(i, 'mail as heard')) END,
       CASE WHEN demo.u(i, 'phone to sales') < 0.85 THEN demo.redial(dial, own_number, demo.u(i, 'phone as heard')) END
FROM demo.person p JOIN demo.path t USING (i)
WHERE t.sal IS NOT NULL
ORDER BY 1;

CREATE TABLE sales.deals (
    deal_no text PRIMARY KEY,
    person_id uuid NOT NULL REFERENCES sales.people,
    title text NOT NULL,
    product text NOT NULL,
    value numeric(12,2) NOT NULL,
    currency char(3) NOT NULL DEFAULT 'EUR',
    status sales.deal_status NOT NULL,
    office text NOT NULL,
    rep text NOT NULL REFERENCES sales.reps,
    opened date NOT NULL,
    expected date,
    closed date,
    lost_because text
);
CREATE UNLOGGED TABLE demo.deal AS
SELECT row_number() OVER (ORDER BY t.sal, i) AS n, i, p.office, p.company, t.sal, t.sql, t.proposal, t.won, t.lost,
       demo.pick('{Sense,Sense,Control,Control,Complete}', demo.u(i, 'product')) AS product
FROM demo.path t JOIN demo.person p USING (i) WHERE t.sal IS NOT NULL;

INSERT INTO sales.deals
SELECT 'D-' || lpad(n::text, 5, '0'), md5('person ' || i)::uuid, 'Northlight ' || product || ' for ' || company, product,
       round((CASE product WHEN 'Sense' THEN 2400 WHEN 'Control' THEN 9000 ELSE 24000 END * exp(1.1 * (demo.u(i, 'size') - 0.5)))::numeric, -2),
       'EUR', (CASE WHEN won IS NOT NULL THEN 'won' WHEN lost IS NOT NULL THEN 'lost' WHEN proposal IS NOT NULL THEN 'proposal'
                    WHEN sql IS NOT NULL THEN 'qualified' ELSE 'accepted' END)::sales.deal_status,
       office, r.email, sal::date, sal::date + 45, coalesce(won, lost)::date,
       CASE WHEN lost IS NOT NULL THEN demo.pick('{price,price,no decision,competitor,no budget,no answer}', demo.u(i, 'reason')) END
FROM demo.deal d
JOIN LATERAL (SELECT email FROM sales.reps WHERE office = d.office ORDER BY email OFFSET floor(3 * demo.u(d.i, 'rep')) LIMIT 1) r ON true
ORDER BY n;

CREATE TABLE sales.deal_history (
    entry uuid PRIMARY KEY,
    deal_no text NOT NULL REFERENCES sales.deals,
    status sales.deal_status NOT NULL,
    changed timestamp NOT NULL,
    changed_by text NOT NULL
);
INSERT INTO sales.deal_history
SELECT md5(n || v.status)::uuid, 'D-' || lpad(n::text, 5, '0'), v.status::sales.deal_status, v.at, s.rep
FROM demo.deal d JOIN sales.deals s ON s.deal_no = 'D-' || lpad(d.n::text, 5, '0'),
     LATERAL (VALUES ('accepted', d.sal), ('qualified', d.sql), ('proposal', d.proposal), ('won', d.won), ('lost', d.lost)) v (status, at)
WHERE v.at IS NOT NULL
ORDER BY v.at, n;

INSERT INTO demo.truth SELECT 'sales.people', md5('person ' || i)::uuid::text, i FROM demo.deal;
INSERT INTO demo.truth SELECT 'sales.accounts', account_no, -(substr(split_part(account_no, '-', 1), 2)::int - 10000) FROM sales.accounts;
ANALYZE sales.reps, sales.accounts, sales.people, sales.deals, sales.deal_history;
