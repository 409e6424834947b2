-- Service: a help desk from another maker. Integer keys, phases in a table of their own, timestamps without time zone.
CREATE SCHEMA service;

CREATE TABLE service.companies (
    company_no int PRIMARY KEY,
    name text NOT NULL,
    vat text,
    phone text,
    town text
);
CREATE UNLOGGED TABLE demo.client AS
SELECT row_number() OVER (ORDER BY coalesce(t.won, timestamp '2000-01-01'), p.i)::int + 500 AS n, p.*, t.won, t.kickoff, t.live, t.first_value,
       t.renewed, t.churned
FROM demo.person p LEFT JOIN demo.path t USING (i) WHERE p.served_for_years OR t.won IS NOT NULL;

INSERT INTO service.companies
SELECT c, CASE WHEN demo.u(c, 'name at service') < 0.6 THEN company ELSE company || demo.pick('{" GmbH"," KG"," & Co."}', demo.u(c, 'form')) END,
       CASE WHEN demo.u(c, 'vat at service') < 0.9 THEN left(vat, 2) || ' ' || substr(vat, 3, 3) || ' ' || substr(vat, 6, 3) || ' ' || substr(vat, 9) END,
       CASE WHEN demo.u(c, 'switchboard') < 0.7 THEN '00' || substr(replace(switchboard, ' ', '-'), 2) END, city
FROM demo.company k WHERE EXISTS (SELECT FROM demo.client WHERE client.c = k.c)
ORDER BY c;

CREATE TABLE service.clients (
    client_no int PRIMARY KEY,
    company_no int NOT NULL REFERENCES service.companies,
    name text NOT NULL,
    login text,
    phone text,
    office text NOT NULL,
    since date NOT NULL
);
INSERT INTO service.clients
SELECT n, c, demo.respell(given, family, demo.u(i, 'name at service')),
       CASE WHEN demo.u(i, 'login') < 0.94 THEN demo.readdress(email, demo.u(i, 'login as typed')) END,
       CASE WHEN demo.u(i, 'phone at service') < 0.8 THEN demo.redial(dial, own_number, demo.u(i, 'phone as typed')) END,
       office, coalesce(kickoff::date, won::date, :'day'::date - 400 - floor(1500 * demo.u(i, 'since'))::int)
FROM demo.client ORDER BY n;

CREATE TABLE service.phases (id int PRIMARY KEY, name text NOT NULL UNIQUE);
INSERT INTO service.phases VALUES (10, 'Kick-off'), (20, 'Live'), (30, 'First saving'), (40, 'Renewed'), (90, 'Cancelled');

CREATE TABLE service.onboardings (
    id int PRIMARY KEY,
    client_no int NOT NULL REFERENCES service.clients,
    phase_id int NOT NULL REFERENCES service.phases,
    started timestamp NOT NULL,
    promised date NOT NULL,
    live timestamp,
    office text NOT NULL
);
INSERT INTO service.onboardings
SELECT n, n, CASE WHEN renewed IS NOT NULL THEN 40 WHEN churned IS NOT NULL THEN 90 WHEN first_value IS NOT NULL THEN 30
                  WHEN live IS NOT NULL THEN 20 ELSE 10 END,
       kickoff, won::date + 35, live, office
FROM demo.client WHERE kickoff IS NOT NULL ORDER BY n;

CREATE TABLE service.onboarding_log (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    onboarding_id int NOT NULL REFERENCES service.onboardings,
    phase_id int NOT NULL REFERENCES service.phases,
    entered timestamp NOT NULL
);
INSERT INTO service.onboarding_log (onboarding_id, phase_id, entered)
SELECT n, v.phase, v.at
FROM demo.client, LATERAL (VALUES (10, kickoff), (20, live), (30, first_value), (40, renewed), (90, churned)) v (phase, at)
WHERE v.at IS NOT NULL ORDER BY v.at, n;

CREATE TABLE service.subscriptions (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    client_no int NOT NULL REFERENCES service.clients,
    product text NOT NULL,
    from_day date NOT NULL,
    to_day date,
    monthly_eur numeric(10,2) NOT NULL
);
INSERT INTO service.subscriptions (client_no, product, from_day, to_day, monthly_eur)
SELECT k.n, coalesce(d.product, demo.pick('{Sense,Control,Complete}', demo.u(k.i, 'old product'))), coalesce(live::date, since), churned::date,
       CASE coalesce(d.product, demo.pick('{Sense,Control,Complete}', demo.u(k.i, 'old product'))) WHEN 'Sense' THEN 49 WHEN 'Control' THEN 149 ELSE 390 END
FROM demo.client k JOIN service.clients s ON s.client_no = k.n LEFT JOIN demo.deal d USING (i)
WHERE k.won IS NULL OR k.live IS NOT NULL ORDER BY k.n;

CREATE TABLE service.tickets (
    id bigint PRIMARY KEY,
    client_no int NOT NULL REFERENCES service.clients,
    subject text NOT NULL,
    channel text NOT NULL,
    state text NOT NULL CHECK (state IN ('new', 'open', 'solved')),
    priority smallint NOT NULL,
    opened timestamp NOT NULL,
    first_reply timestamp,
    solved timestamp,
    office text NOT NULL
);
INSERT INTO service.tickets
SELECT row_number() OVER (ORDER BY opened, n, k) + 40000, n,
       demo.pick('{Sensor offline,Reading looks wrong,Invoice question,Add a user,Export to spreadsheet,Change of address,App does not open,
                   Alarm too often,Second building,Contract question}', demo.u(n * 64 + k, 'subject')),
       demo.pick('{mail,mail,phone,portal,portal,chat}', demo.u(n * 64 + k, 'channel')),
       CASE WHEN solved < :'day' THEN 'solved' WHEN replied < :'day' THEN 'open' ELSE 'new' END,
       1 + floor(3 * demo.u(n * 64 + k, 'priority') ^ 2)::int, opened,
       CASE WHEN replied < :'day' THEN replied END, CASE WHEN solved < :'day' THEN solved END, office
FROM (SELECT n, k, office, opened, replied,
             demo.office_time(replied + 6 * demo.u(n * 64 + k, 'solved') ^ 2 * interval '1 day' + interval '1 day', demo.u(n * 64 + k, 'solved at')) AS solved
      FROM (SELECT *, opened + (4 + 110 * demo.u(n * 64 + k, 'reply') ^ 2) * interval '1 minute' AS replied
            FROM (SELECT n, k, office, demo.office_time(greatest(coalesce(live, kickoff, won), :'day'::timestamp - interval '365 days')
                         + (:'day'::timestamp - greatest(coalesce(live, kickoff, won), :'day'::timestamp - interval '365 days')) * demo.u(n * 64 + k, 'opened'),
                         0.8 * demo.u(n * 64 + k, 'opened at')) AS opened
                  FROM demo.client, generate_series(1, 1 + floor(9 * demo.u(n, 'needs help'))::int) k) o OFFSET 0) r OFFSET 0) t
WHERE opened < :'day';

INSERT INTO demo.truth SELECT 'service.clients', n::text, i FROM demo.client;
INSERT INTO demo.truth SELECT 'service.companies', company_no::text, -company_no FROM service.companies;
ANALYZE service.companies, service.clients, service.onboardings, service.onboarding_log, service.subscriptions, service.tickets, demo.truth;
