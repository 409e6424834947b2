# shellcheck shell=bash disable=SC2154
# crmd has been folding since the start of this step; a bulk of late answers breaches a KPI and reaches a receiver.

title "One call away: a KPI breaks, a signed webhook arrives"
key="whsec_$(head -c 24 /dev/urandom | base64)"
setsid perl "$CRM_STAGE/tests/tap/Receiver.pm" --log "$LOG/requests.log" --key "$key" --pid "$LOG/receiver.pid" >"$LOG/receiver.out" 2>&1 </dev/null &
wait_for() { # wait_for SECONDS COMMAND...
    local tries=$(($1 * 20))
    shift
    until "$@"; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || return 1
        sleep 0.05
    done
}
wait_for 5 grep -qs '^port ' "$LOG/receiver.out" || fail "the receiver did not start: $(cat "$LOG/receiver.out")"
port=$(sed -n 's/^port //p' "$LOG/receiver.out")

psql_quiet -o "$LOG/step.log" -c "CREATE ROLE crmd LOGIN" -c "SELECT crm.grant_daemon('crmd')" \
    -c "SELECT crm.create_endpoint('help-desk', 'webhook', 'service-desk', 'help-desk', description => 'the chat of the help desk')" \
    -c "SELECT crm.create_rule('slow-answers', 'first_response_minutes', period => 'last 7 days', fire_level => 60, clear_level => 50,
                               every => '1 second', endpoint => 'help-desk', description => 'Customers wait too long for a first answer')"
cat >"$LOG/crmd.ini" <<INI
[crmd]
dsn = host=$PGHOST dbname=company user=crmd
worker = demo
secrets = $LOG/secrets.ini
allow_private = yes
INI
printf 'url = http://127.0.0.1:%s/help-desk\nkey = %s\n' "$port" "$key" | "$CRMD" -c "$LOG/crmd.ini" secret set help-desk >"$LOG/step.log"
"$CRMD" -c "$LOG/crmd.ini" check >"$LOG/step.log" 2>&1 || fail "crmd check: $(cat "$LOG/step.log")"
setsid "$CRMD" -c "$LOG/crmd.ini" run >"$LOG/crmd.log" 2>&1 </dev/null &
echo $! >"$LOG/crmd.pid"

folded() { [ "$(value "SELECT count(*) FROM crm.kpi_pending")" = 0 ]; }
during "crmd folds what was captured and watches the rule" wait_for 30 folded
note "rule: first response of the last 7 days above 60 minutes; it is $(value "SELECT round(value, 1) FROM crm.kpi_total('first_response_minutes', NULL, current_date - 6, current_date)") minutes"
must "(SELECT value < 60 FROM crm.kpi_total('first_response_minutes', NULL, current_date - 6, current_date))" "nothing is wrong yet"
must "NOT EXISTS (SELECT FROM crm.alert)" "no alert fires before the change"

gap
say "Now the South imports a mailbox that nobody had read for a week, in one transaction:"
breach="INSERT INTO service.tickets
SELECT 90000 + row_number() OVER (ORDER BY client_no), client_no, 'Found in a mailbox', 'mail',
       'open', 2, now() - interval '7 days', now(), NULL, office
FROM service.clients WHERE office IN ('MUC', 'VIE', 'ZRH') ORDER BY client_no LIMIT 60;"
typed "$breach"
psql_quiet -c "$breach"
arrived() { [ -s "$LOG/requests.log" ]; }
wait_for 30 arrived || fail "no webhook arrived within 30 seconds: $(tail -n 5 "$LOG/crmd.log")"

psql_quiet -c "
CREATE UNLOGGED TABLE demo.webhook AS
SELECT m, m ->> 'verified' AS verified, (m ->> 'body')::jsonb AS body,
       1000 * ((m ->> 'at')::numeric - extract(epoch FROM (SELECT pg_xact_commit_timestamp(xmin) FROM service.tickets WHERE id = 90001))) AS ms
FROM (SELECT line::jsonb AS m FROM regexp_split_to_table(pg_read_file('$LOG/requests.log'), E'\n') line WHERE line <> '' LIMIT 1) r"
table "
SELECT v.\"what arrived\", v.\" \"
FROM demo.webhook w, LATERAL (VALUES
    (1, 'type', body ->> 'type'), (2, 'rule', body #>> '{data,description}'),
    (3, 'KPI', (body #>> '{data,kpi,label}') || ', ' || (body #>> '{data,period,words}') || ', ' || (body #>> '{data,unit,name}')),
    (4, 'value', round((body #>> '{data,value}')::numeric, 1) || ' ' || (body #>> '{data,kpi,measured_in}') || ', level ' || (body #>> '{data,level}')),
    (5, 'caused by', (SELECT string_agg(format('%s: %s, before %s', c ->> 'name', round((c ->> 'value')::numeric, 1), round((c ->> 'before')::numeric, 1)), '; ')
                      FROM jsonb_array_elements(body #> '{data,caused_by}') c)),
    (6, 'signature', CASE verified WHEN 'true' THEN 'verified' ELSE verified END || ' by the receiver, with the key that only it and crmd have'),
    (7, 'commit to receipt', round(ms) || ' ms')) v (n, \"what arrived\", \" \") ORDER BY n"
must "(SELECT verified = 'true' FROM demo.webhook)" "the receiver verifies the signature"
must "(SELECT body ->> 'type' = 'alert.firing' AND (body #>> '{data,value}')::numeric > 60 FROM demo.webhook)" "the alert says what is wrong"
must "(SELECT body #>> '{data,caused_by,0,unit}' = 'south' FROM demo.webhook)" "the alert names the region that caused it"
must "(SELECT ms BETWEEN 0 AND 30000 FROM demo.webhook)" "the time from commit to receipt is sane"
delivered() { [ "$(value "SELECT count(*) FROM crm.delivery WHERE state = 'delivered'")" -ge 1 ]; }
wait_for 10 delivered || fail "the delivery is not recorded as delivered"
good "the delivery is on record as delivered, the alert as firing"
