-- Northlight sells energy monitors to hotels, bakeries and workshops from nine offices in three regions. These are its
-- people as they really are, before three departments write them down in three ways. Everything comes from hashes of
-- a number and a word: the same day gives the same company, row for row. :day is the first day not yet seen.
CREATE SCHEMA demo;

CREATE FUNCTION demo.u(i bigint, what text) RETURNS float8 LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (hashtextextended(what, i) & 1048575) / 1048576.0;
COMMENT ON FUNCTION demo.u IS 'a number from 0 to below 1 that depends on i and what alone';

CREATE FUNCTION demo.pick(choices text[], u float8) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN choices[1 + floor(u * cardinality(choices))::int];

CREATE FUNCTION demo.plain(name text) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN translate(replace(replace(replace(replace(replace(lower(name), 'ä', 'ae'), 'ö', 'oe'), 'ü', 'ue'), 'ß', 'ss'), 'ø', 'oe'),
                     'éèêáàåãóòôíìúùçñ '' ', 'eeeaaaaoooiiuucn');
END
$$;
COMMENT ON FUNCTION demo.plain IS 'as it stands in an e-mail address';

-- PL/pgSQL where an argument is used more than once: SQL would not be inlined and is slower then.
-- A moment in office hours on a weekday, within a day of what was asked for
CREATE FUNCTION demo.office_time(at timestamp, u float8) RETURNS timestamp LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN date_trunc('second', (at::date + CASE extract(isodow FROM at) WHEN 6 THEN 2 WHEN 7 THEN 1 ELSE 0 END)
                                + interval '8 hours' + u * interval '10 hours');
END
$$;

CREATE UNLOGGED TABLE demo.office (office text PRIMARY KEY, city text, region text, country text, dial text, mobile text, tld text,
                          share float8);
INSERT INTO demo.office VALUES
    ('HAM', 'Hamburg', 'North', 'DE', '49', '151', 'de', 0.16), ('BER', 'Berlin', 'North', 'DE', '49', '160', 'de', 0.17),
    ('CPH', 'Copenhagen', 'North', 'DK', '45', '2', 'dk', 0.08), ('MUC', 'Munich', 'South', 'DE', '49', '170', 'de', 0.15),
    ('VIE', 'Vienna', 'South', 'AT', '43', '664', 'at', 0.10), ('ZRH', 'Zurich', 'South', 'CH', '41', '79', 'ch', 0.06),
    ('CGN', 'Cologne', 'West', 'DE', '49', '171', 'de', 0.12), ('AMS', 'Amsterdam', 'West', 'NL', '31', '6', 'nl', 0.11),
    ('BRU', 'Brussels', 'West', 'BE', '32', '47', 'be', 0.05);

-- Organisations
CREATE UNLOGGED TABLE demo.company AS
WITH drawn AS MATERIALIZED (
    SELECT c, demo.pick('{Hotel,Pension,Gasthof,Bakery,Workshop,Brewery,Laundry,Dairy,Joinery,Nursery}', demo.u(c, 'trade')) AS trade,
           demo.pick('{Seeblick,Sonne,Krone,Adler,Linde,Post,Hansen,Meyer,Lund,De Boer,Janssen,Gruber,Huber,Moser,Keller,Rose,
                       Bellevue,Central,Europa,Nord,Park,Royal,Stern,Waldhaus,Zum Anker,Bergmann,Claes,Dubois,Peeters,Visser,
                       Winkler,Vogel,Brandt,Falk,Holm,Olsen,Nielsen,Maurer,Steiner,Frei}', demo.u(c, 'company')) AS word,
           demo.u(c, 'office') AS at
    FROM generate_series(1, 7000) c),
placed AS MATERIALIZED (
    SELECT d.*, o.*, row_number() OVER (PARTITION BY trade, word, o.office ORDER BY c) AS namesake
    FROM drawn d
    JOIN (SELECT *, sum(share) OVER (ORDER BY office) - share AS since, sum(share) OVER (ORDER BY office) AS until
          FROM demo.office) o ON d.at >= o.since AND d.at < o.until)
SELECT c, trade || ' ' || word || CASE WHEN namesake > 1 THEN ' ' || (ARRAY['II', 'III', 'IV', 'V', 'VI', 'VII', 'VIII'])[namesake - 1]
                                       ELSE '' END || ' ' || city AS company,
       replace(demo.plain(trade || '-' || word), ' ', '') || CASE WHEN namesake > 1 THEN namesake::text ELSE '' END
           || '-' || lower(office) || '.' || tld AS domain,
       country || lpad((100000000 + c * 79190611::bigint % 900000000)::text, 9, '0') AS vat,
       '+' || dial || ' 5' || lpad((c * 7919 % 10000000)::text, 7, '0') AS switchboard,
       office, city, region, country, dial, mobile, tld
FROM placed;
ALTER TABLE demo.company ADD PRIMARY KEY (c);

-- People. Of 23,000, the first 3,000 have been served for years; the others met the company within the last year.
CREATE UNLOGGED TABLE demo.person AS
WITH drawn AS MATERIALIZED (
    SELECT i, 1 + floor(7000 * demo.u(i, 'employer') ^ 1.3)::int AS c,
           demo.pick('{Anna,Jörg,Marie,Luca,Sofia,Jan,Eva,Lars,Björn,Françoise,Emma,Noah,Lena,Paul,Ida,Finn,Clara,Max,Julia,Ben,
                       Katrin,Thomas,Ingrid,Søren,Jürgen,Hélène,Piet,Anouk,Daan,Femke,Lukas,Hanna,Mathias,Birgit,Stefan,Ute,
                       Andreas,Sabine,Michael,Petra,Kristian,Mette,Rasmus,Camille,Antoine,Élise,Sven,Nadja,Oskar,Greta,Theo,
                       Mia,Elias,Johanna,Ralf,Silke,Henrik,Astrid,Bram,Sanne}', demo.u(i, 'given')) AS given,
           demo.pick('{Müller,Schmidt,Schneider,Fischer,Weber,Meyer,Wagner,Becker,Schulz,Hoffmann,Schäfer,Koch,Bauer,Richter,Klein,
                       Wolf,Schröder,Neumann,Schwarz,Zimmermann,Braun,Krüger,Hofmann,Hartmann,Lange,Schmitt,Werner,Krause,
                       Lehmann,Köhler,Jensen,Nielsen,Hansen,Pedersen,Sørensen,Gruber,Huber,Steiner,Moser,Mayer,Pichler,Keller,
                       Brunner,Baumann,De Vries,Van Dijk,Bakker,Visser,Smit,Mulder,Peeters,Janssens,Maes,Dubois,Lambert,
                       Lefèvre,Fontaine,Östlund,Lindqvist,Holm,Vogel,Franke,Albrecht,Simon,Böhm,Winter,Kraus,Martin,Schuster,
                       Jäger,Vogt,Stein,Jung,Otto,Sommer,Groß,Seidel,Heinrich,Brandt,Haas}', demo.u(i, 'family')) AS family
    FROM generate_series(1, 23000) i),
addressed AS MATERIALIZED (
    SELECT d.*, demo.plain(d.given) || CASE WHEN demo.u(i, 'dot') < 0.8 THEN '.' ELSE '' END || demo.plain(d.family) AS local,
           CASE WHEN demo.u(i, 'mail') < 0.68 THEN k.domain
                ELSE demo.pick('{gmail.com,gmail.com,posteo.de,outlook.com,proton.me}', demo.u(i, 'free mail')) END AS host,
           k.company, k.office, k.city, k.region, k.country, k.dial, k.mobile
    FROM drawn d JOIN demo.company k USING (c))
SELECT i, c, given, family, company, office, city, region, country, dial,
       local || CASE WHEN row_number() OVER w > 1 THEN (row_number() OVER w + 1970)::text ELSE '' END || '@' || host AS email,
       mobile || lpad((i * 7919 % 10000000)::text, 7, '0') AS own_number, -- a bijection: no two people share a phone
       i <= 3000 AS served_for_years
FROM addressed
WINDOW w AS (PARTITION BY replace(local, '.', ''), host ORDER BY i);
ALTER TABLE demo.person ADD PRIMARY KEY (i);

-- What became of each, and when: every stage has a chance and a time that it takes
CREATE UNLOGGED TABLE demo.path AS
WITH first AS MATERIALIZED (
    SELECT i, region, demo.pick('{search,search,social,event,partner,newsletter,direct}', demo.u(i, 'channel')) AS channel,
           demo.office_time(:'day'::date - 365 + 364 * demo.u(i, 'first') ^ 0.9 * interval '1 day', demo.u(i, 'hour')) AS visitor
    FROM demo.person WHERE NOT served_for_years OR demo.u(i, 'reads the newsletter') < 0.4),
goes AS MATERIALIZED (
    SELECT *, CASE channel WHEN 'partner' THEN 1.25 WHEN 'event' THEN 1.1 WHEN 'social' THEN 0.75 ELSE 1 END AS interest,
           CASE region WHEN 'South' THEN 1.12 WHEN 'West' THEN 0.88 ELSE 1 END AS skill
    FROM first),
lead AS MATERIALIZED (
    SELECT *, CASE WHEN demo.u(i, 'lead?') < 0.55 * interest
                   THEN demo.office_time(visitor + (1 + 25 * demo.u(i, 'lead') ^ 2) * interval '1 day', demo.u(i, 'lead hour')) END AS lead
    FROM (SELECT i, channel, interest, skill, visitor FROM goes) g),
mql AS MATERIALIZED (
    SELECT *, CASE WHEN demo.u(i, 'mql?') < 0.5 * interest
                   THEN demo.office_time(lead + (2 + 25 * demo.u(i, 'mql')) * interval '1 day', demo.u(i, 'mql hour')) END AS mql FROM lead),
sal AS MATERIALIZED (
    SELECT *, CASE WHEN demo.u(i, 'sal?') < 0.74
                   THEN demo.office_time(mql + (1 + 3 * demo.u(i, 'sal')) * interval '1 day', demo.u(i, 'sal hour')) END AS sal FROM mql),
sql AS MATERIALIZED (
    SELECT *, CASE WHEN demo.u(i, 'sql?') < 0.66
                   THEN demo.office_time(sal + (2 + 11 * demo.u(i, 'sql')) * interval '1 day', demo.u(i, 'sql hour')) END AS sql,
           sal + (3 + 20 * demo.u(i, 'lost 1')) * interval '1 day' AS lost_1 FROM sal),
proposal AS MATERIALIZED (
    SELECT *, CASE WHEN demo.u(i, 'proposal?') < 0.76
                   THEN demo.office_time(sql + (4 + 16 * demo.u(i, 'proposal')) * interval '1 day', demo.u(i, 'proposal hour')) END AS proposal,
           sql + (5 + 25 * demo.u(i, 'lost 2')) * interval '1 day' AS lost_2 FROM sql),
decided AS MATERIALIZED (
    SELECT *, demo.u(i, 'won?') < 0.47 * skill AS wins,
           demo.office_time(proposal + (7 + 33 * demo.u(i, 'decision')) * interval '1 day', demo.u(i, 'decision hour')) AS decision
    FROM proposal),
won AS MATERIALIZED (
    SELECT *, CASE WHEN wins THEN decision END AS won,
           demo.office_time(CASE WHEN proposal IS NOT NULL THEN CASE WHEN NOT wins THEN decision END
                                 WHEN sql IS NOT NULL THEN lost_2 ELSE lost_1 END, demo.u(i, 'lost hour')) AS lost FROM decided),
live AS MATERIALIZED (
    SELECT *, demo.office_time(won + (1 + 3 * demo.u(i, 'kickoff')) * interval '1 day', demo.u(i, 'kickoff hour')) AS kickoff,
           CASE WHEN demo.u(i, 'live?') < 0.95
                THEN demo.office_time(won + (12 + 40 * demo.u(i, 'live') ^ 1.5) * interval '1 day', demo.u(i, 'live hour')) END AS live
    FROM won),
valued AS MATERIALIZED (
    SELECT *, CASE WHEN demo.u(i, 'value?') < 0.88
                   THEN demo.office_time(live + (4 + 24 * demo.u(i, 'value')) * interval '1 day', demo.u(i, 'value hour')) END AS first_value,
           demo.office_time(live + interval '90 days', demo.u(i, 'renewal hour')) AS renewal FROM live)
SELECT i, channel, visitor, lead, mql, sal, sql, proposal, won, lost, kickoff, live, first_value,
       CASE WHEN first_value IS NOT NULL AND demo.u(i, 'renewed?') < 0.84 THEN renewal END AS renewed,
       CASE WHEN NOT (first_value IS NOT NULL AND demo.u(i, 'renewed?') < 0.84) THEN renewal END AS churned
FROM valued;
-- what lies ahead has not happened
UPDATE demo.path SET lead = CASE WHEN lead < :'day' THEN lead END, mql = CASE WHEN mql < :'day' THEN mql END,
    sal = CASE WHEN sal < :'day' THEN sal END, sql = CASE WHEN sql < :'day' THEN sql END,
    proposal = CASE WHEN proposal < :'day' THEN proposal END, won = CASE WHEN won < :'day' THEN won END,
    lost = CASE WHEN lost < :'day' THEN lost END, kickoff = CASE WHEN kickoff < :'day' THEN kickoff END,
    live = CASE WHEN live < :'day' THEN live END, first_value = CASE WHEN first_value < :'day' THEN first_value END,
    renewed = CASE WHEN renewed < :'day' THEN renewed END, churned = CASE WHEN churned < :'day' THEN churned END;
DELETE FROM demo.path WHERE visitor >= :'day';
ALTER TABLE demo.path ADD PRIMARY KEY (i);
ANALYZE demo.person, demo.path, demo.company;

-- Who each record is in truth, so that linking can be checked; no department and no function of crm reads it
CREATE UNLOGGED TABLE demo.truth (relation regclass, record_key text, who bigint);
