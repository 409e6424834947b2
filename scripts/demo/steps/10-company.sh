# shellcheck shell=bash disable=SC2154
# A throw-away server, the extension, and three departments' own tables.

printf '%sNorthlight sells energy monitors to hotels, bakeries and workshops.%s\n' "$bold" "$plain"
say "Marketing, sales and service each keep their customers in tables of their own. This is what happens when crm" \
    "joins them: on a server of its own, with generated data, the same every time on the same day."

title "Three departments, three ways to write down a customer"

start_server() {
    initdb -D "$PGHOST/data" -U postgres -A trust --no-sync -E UTF8 --locale=C.UTF-8
    cat >>"$PGHOST/data/postgresql.conf" <<CONF
listen_addresses = ''
unix_socket_directories = '$PGHOST'
fsync = off
track_commit_timestamp = on
jit = off
CONF
    pg_ctl -D "$PGHOST/data" -l "$LOG/server.log" -w start
    createdb company
    psql_quiet -c "ALTER DATABASE company SET timezone = 'Europe/Berlin'"
}
# the server keeps running: its output must not hold $LOG/step.log open
during "A PostgreSQL server for this demo, reachable through a Unix socket only" start_server

make_company() { cat "$here"/company/*.sql | psql_quiet -1; }
during "Generate a year of business, up to yesterday evening" make_company

table "
SELECT n.nspname AS department, c.relname AS \"table\", c.reltuples::bigint AS rows,
       (SELECT string_agg(a.attname || ' ' || (SELECT typname FROM pg_type WHERE oid = a.atttypid), ', ' ORDER BY a.attnum)
        FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND a.attname = ANY (k.shown)) AS \"among its columns\"
FROM (VALUES ('marketing.contacts'::regclass, '{id,full_name,email,mobile}'::text[]),
             ('marketing.lifecycle_log', '{contact_id,stage,at}'), ('marketing.touches', '{contact_id,happened_at}'),
             ('sales.people', '{person_id,last_name,mail,phone}'), ('sales.accounts', '{account_no,vat_id}'),
             ('sales.deals', '{deal_no,status,opened}'), ('service.clients', '{client_no,name,login,phone}'),
             ('service.companies', '{company_no,vat}'), ('service.onboardings', '{id,phase_id,started}'),
             ('service.tickets', '{id,opened,first_reply}')) k (relation, shown)
JOIN pg_class c ON c.oid = k.relation JOIN pg_namespace n ON n.oid = c.relnamespace
ORDER BY array_position('{marketing,sales,service}', n.nspname::text), c.reltuples DESC"
must "(SELECT count(*) FROM marketing.contacts) > 20000" "the generator makes more than 20,000 contacts"
must "(SELECT count(DISTINCT who) FROM demo.truth) > 20000" "the records are of more than 20,000 customers"

gap
say "One person, as each department knows her or him:"
table "
WITH one AS (SELECT t.who FROM demo.truth t GROUP BY who
             HAVING count(DISTINCT relation) = 3 AND count(*) = 4 ORDER BY who LIMIT 1)
SELECT 'marketing' AS department, c.full_name AS name, c.email AS \"e-mail\", c.mobile AS phone, c.id::text AS key
FROM one JOIN demo.truth t USING (who) JOIN marketing.contacts c ON t.relation = 'marketing.contacts'::regclass AND t.record_key = c.id::text
UNION ALL
SELECT 'sales', p.last_name || ', ' || p.first_name, p.mail, p.phone, left(p.person_id::text, 8) || '…'
FROM one JOIN demo.truth t USING (who) JOIN sales.people p ON t.relation = 'sales.people'::regclass AND t.record_key = p.person_id::text
UNION ALL
SELECT 'service', c.name, c.login, c.phone, c.client_no::text
FROM one JOIN demo.truth t USING (who) JOIN service.clients c ON t.relation = 'service.clients'::regclass AND t.record_key = c.client_no::text"
