-- What tables probably mean, as a call to run.
\getenv srcdir PG_ABS_SRCDIR
\set fresh :srcdir '/fresh.sql'
\i :fresh
CREATE SCHEMA sales;
CREATE TABLE sales.accounts (account_id integer PRIMARY KEY, name text, email text, phone text, region text);
CREATE TABLE sales.deals (deal_id uuid PRIMARY KEY, account_id integer REFERENCES sales.accounts, value numeric(12,2),
    status text, opened date, closed timestamptz, rep_email text, colour text);
CREATE TABLE tickets (id bigint PRIMARY KEY, client_id integer, subject text, status text, opened_at timestamptz,
    first_reply_at timestamptz, resolved_at timestamptz, priority smallint);
CREATE TABLE event_log (case_id text, activity text, at timestamptz, resource text);
CREATE TABLE sensor_reading (sensor integer, celsius float8);
SELECT relation_name, entity, confidence, call FROM crm.suggest_adopt();
-- and run as they are
\o /dev/null
SELECT call FROM crm.suggest_adopt() WHERE confidence = 'high' AND relation_name <> 'public.event_log' \gexec
\o
SELECT relation, entity, department FROM crm.adoption ORDER BY 1::text;
SELECT relation_name FROM crm.suggest_adopt();
SELECT crm.disown_all();
