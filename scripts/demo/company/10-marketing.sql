-- Marketing: a campaign tool's export. Big integer keys, one column for the whole name, stages as labels, instants with
-- time zone, a log of every change of a contact's lifecycle stage.
CREATE SCHEMA marketing;

CREATE TABLE marketing.campaigns (
    code text PRIMARY KEY,
    title text NOT NULL,
    channel text NOT NULL,
    region text NOT NULL,
    starts date NOT NULL,
    ends date NOT NULL,
    budget numeric(12,2) NOT NULL
);
INSERT INTO marketing.campaigns
SELECT format('%s-%s', upper(left(channel, 3)), upper(left(region, 1))), format('%s, %s', initcap(channel), region), channel, region,
       :'day'::date - 365, :'day'::date + 60, round((18000 + 30000 * demo.u(n, 'budget'))::numeric, -3)
FROM (SELECT channel, region, row_number() OVER () AS n
      FROM unnest('{search,social,event,partner,newsletter}'::text[]) channel, unnest('{North,South,West}'::text[]) region) c;

CREATE TABLE marketing.contacts (
    id bigint PRIMARY KEY,
    full_name text NOT NULL,
    email text,
    mobile text,
    company text,
    territory text NOT NULL,
    lifecycle text NOT NULL,
    source text NOT NULL,
    campaign text,
    opted_in boolean NOT NULL,
    created_at timestamptz NOT NULL
);

-- One row for each sign-up; every twelfth person signs up a second time, with other spelling
CREATE UNLOGGED TABLE demo.signup AS
SELECT row_number() OVER (ORDER BY at, i) + 100000 AS id, s.*
FROM (SELECT p.i, 1 AS attempt, t.visitor AS at FROM demo.person p JOIN demo.path t USING (i)
      UNION ALL
      SELECT p.i, 2, t.visitor + (3 + 60 * demo.u(p.i, 'second visit')) * interval '1 day'
      FROM demo.person p JOIN demo.path t USING (i)
      WHERE demo.u(p.i, 'signs up twice') < 0.085) s
WHERE at < :'day';

INSERT INTO marketing.contacts
SELECT s.id, demo.respell(p.given, p.family, CASE attempt WHEN 1 THEN demo.u(i, 'spelling') / 2 ELSE demo.u(i, 'respelling') END),
       CASE attempt WHEN 1 THEN p.email
                    ELSE CASE WHEN demo.u(i, 'e-mail again') < 0.8 THEN demo.readdress(p.email, demo.u(i, 'other e-mail')) END END,
       CASE WHEN demo.u(i * attempt, 'leaves a phone') < 0.6 THEN demo.redial(p.dial, p.own_number, demo.u(i * attempt, 'notation')) END,
       CASE WHEN demo.u(i * attempt, 'names the company') < 0.75 THEN p.company END,
       p.region,
       CASE WHEN attempt = 2 OR t.lead IS NULL THEN 'Visitor' WHEN t.mql IS NULL THEN 'Lead'
            ELSE 'Marketing qualified' END,
       t.channel, g.code, demo.u(i, 'opts in') < 0.7, s.at AT TIME ZONE 'Europe/Berlin'
FROM demo.signup s JOIN demo.person p USING (i) JOIN demo.path t USING (i)
LEFT JOIN marketing.campaigns g ON g.channel = t.channel AND g.region = p.region
ORDER BY s.id;

CREATE TABLE marketing.lifecycle_log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    contact_id bigint NOT NULL,
    stage text NOT NULL,
    at timestamptz NOT NULL
);
INSERT INTO marketing.lifecycle_log (contact_id, stage, at)
SELECT s.id, v.stage, v.at AT TIME ZONE 'Europe/Berlin'
FROM demo.signup s JOIN demo.path t USING (i),
     LATERAL (VALUES ('Visitor', s.at), ('Lead', CASE attempt WHEN 1 THEN t.lead END),
                     ('Marketing qualified', CASE attempt WHEN 1 THEN t.mql END)) v (stage, at)
WHERE v.at IS NOT NULL
ORDER BY v.at, s.id;

CREATE TABLE marketing.touches (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    contact_id bigint NOT NULL,
    happened_at timestamptz NOT NULL,
    channel text NOT NULL,
    campaign text,
    kind text NOT NULL
);
-- the first touch is the sign-up's own; the interested come back
INSERT INTO marketing.touches (contact_id, happened_at, channel, campaign, kind)
SELECT id, at AT TIME ZONE 'Europe/Berlin', channel, code,
       CASE n WHEN 0 THEN 'first visit' ELSE demo.pick('{visit,visit,download,webinar,newsletter opened,price list,chat}', demo.u(id * 16 + n, 'kind')) END
FROM (SELECT s.id, n, CASE n WHEN 0 THEN s.at ELSE demo.office_time(s.at + (n * 3 + 20 * demo.u(s.id * 16 + n, 'returns')) * interval '1 day',
                                                               demo.u(s.id * 16 + n, 'returns at')) END AS at,
             CASE n WHEN 0 THEN t.channel ELSE demo.pick(ARRAY[t.channel, 'newsletter', 'search', 'direct'], demo.u(s.id * 16 + n, 'by')) END AS channel,
             p.region
      FROM demo.signup s JOIN demo.path t USING (i) JOIN demo.person p USING (i),
           generate_series(0, CASE WHEN t.sal IS NOT NULL THEN 6 WHEN t.lead IS NOT NULL THEN 2 ELSE 0 END
                              + floor(2 * demo.u(s.id, 'curious'))::int) n) v
LEFT JOIN marketing.campaigns g USING (channel, region)
WHERE at < :'day'
ORDER BY at, id;

CREATE TABLE marketing.spend (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    day date NOT NULL,
    campaign text NOT NULL REFERENCES marketing.campaigns,
    amount_eur numeric(12,2) NOT NULL
);
INSERT INTO marketing.spend (day, campaign, amount_eur)
SELECT d, code, round((budget / 365 * (0.6 + 0.8 * demo.u(d - date '2000-01-01', code)))::numeric, 2)
FROM marketing.campaigns, generate_series(0, 364) n, LATERAL (SELECT :'day'::date - 365 + n AS d) x;

INSERT INTO demo.truth SELECT 'marketing.contacts', id::text, i FROM demo.signup;
-- foreign keys are checked faster all at once
ALTER TABLE marketing.contacts ADD FOREIGN KEY (campaign) REFERENCES marketing.campaigns;
ALTER TABLE marketing.lifecycle_log ADD FOREIGN KEY (contact_id) REFERENCES marketing.contacts;
ALTER TABLE marketing.touches ADD FOREIGN KEY (contact_id) REFERENCES marketing.contacts,
    ADD FOREIGN KEY (campaign) REFERENCES marketing.campaigns;
ANALYZE marketing.campaigns, marketing.contacts, marketing.lifecycle_log, marketing.touches, marketing.spend;
